/* Networks that several experiments train. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "experiments/nets.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "engram/train.h"

enum { BATCH = 200, QUICK_EPOCHS = 15 };

#define RELU(units) "{\"kind\": \"network\", \"hidden\": [" units "], \"activation\": \"relu\"}"

const char *const net_sets[NET_SETS] = { [NET_DIGITS] = "mnist", [NET_CLOTHES] = "fashion-mnist" };

const struct net nets[NETS] = {
    { "n = 3",
      "n3",
      1.44,
      5,
      { { 150,
          "{\"kind\": \"dam\", \"n\": 3, \"loss\": 4, \"t_initial\": 350, \"t_final\": 80, "
          "\"t_epochs\": 15, \"momentum\": 0.9, \"rate\": 0.03, \"decay\": 0.965}",
          "{\"kind\": \"dam\", \"n\": 3, \"hidden\": 250, \"loss\": 4, \"t_initial\": 180, "
          "\"t_final\": 60, \"t_epochs\": 12, \"momentum\": 0.9, \"rate\": 0.05, "
          "\"decay\": 0.75}" },
        { 40,
          "{\"kind\": \"dam\", \"n\": 3, \"loss\": 4, \"t_initial\": 350, \"t_final\": 80, "
          "\"t_epochs\": 15, \"momentum\": 0.9, \"rate\": 0.03, \"decay\": 0.92}",
          "{\"kind\": \"dam\", \"n\": 3, \"hidden\": 250, \"loss\": 4, \"t_initial\": 180, "
          "\"t_final\": 60, \"t_epochs\": 12, \"momentum\": 0.9, \"rate\": 0.05, "
          "\"decay\": 0.75}" } } },
    { "n = 20",
      "n20",
      1.61,
      6,
      { { 300,
          "{\"kind\": \"dam\", \"n\": 20, \"loss\": 30, \"t_initial\": 540, \"t_final\": 540, "
          "\"rate\": 0.04, \"decay\": 0.98}",
          "{\"kind\": \"dam\", \"n\": 20, \"hidden\": 250, \"loss\": 30, \"t_initial\": 500, "
          "\"t_final\": 500, \"rate\": 0.04, \"decay\": 0.8}" },
        { 40,
          "{\"kind\": \"dam\", \"n\": 20, \"loss\": 2, \"t_initial\": 300, \"t_final\": 300, "
          "\"rate\": 0.04, \"decay\": 0.93, \"norm\": \"sphere\"}",
          "{\"kind\": \"dam\", \"n\": 20, \"hidden\": 250, \"loss\": 2, \"t_initial\": 300, "
          "\"t_final\": 300, \"rate\": 0.04, \"decay\": 0.8, \"norm\": \"sphere\"}" } } },
    { "n = 30",
      "n30",
      1.80,
      6,
      { { 300,
          "{\"kind\": \"dam\", \"n\": 30, \"loss\": 30, \"t_initial\": 540, \"t_final\": 540, "
          "\"rate\": 0.04, \"decay\": 0.98}",
          "{\"kind\": \"dam\", \"n\": 30, \"hidden\": 250, \"loss\": 30, \"t_initial\": 540, "
          "\"t_final\": 540, \"rate\": 0.04, \"decay\": 0.8}" },
        { 40,
          "{\"kind\": \"dam\", \"n\": 30, \"loss\": 2, \"t_initial\": 330, \"t_final\": 330, "
          "\"rate\": 0.04, \"decay\": 0.93, \"norm\": \"sphere\"}",
          "{\"kind\": \"dam\", \"n\": 30, \"hidden\": 250, \"loss\": 2, \"t_initial\": 330, "
          "\"t_final\": 330, \"rate\": 0.04, \"decay\": 0.8, \"norm\": \"sphere\"}" } } },
    { "n = 2",
      "n2",
      1.51,
      6,
      { { 100,
          "{\"kind\": \"dam\", \"n\": 2, \"loss\": 4, \"t_initial\": 350, \"t_final\": 60, "
          "\"t_epochs\": 15, \"momentum\": 0.9, \"rate\": 0.03, \"decay\": 0.945}",
          "{\"kind\": \"dam\", \"n\": 2, \"hidden\": 250, \"loss\": 4, \"t_initial\": 180, "
          "\"t_final\": 40, \"t_epochs\": 12, \"momentum\": 0.9, \"rate\": 0.05, "
          "\"decay\": 0.75}" },
        { 40,
          "{\"kind\": \"dam\", \"n\": 2, \"loss\": 4, \"t_initial\": 350, \"t_final\": 60, "
          "\"t_epochs\": 15, \"momentum\": 0.9, \"rate\": 0.03, \"decay\": 0.92}",
          "{\"kind\": \"dam\", \"n\": 2, \"hidden\": 250, \"loss\": 4, \"t_initial\": 180, "
          "\"t_final\": 40, \"t_epochs\": 12, \"momentum\": 0.9, \"rate\": 0.05, "
          "\"decay\": 0.75}" } } },
    { "backpropagation",
      "relu",
      1.6,
      4,
      { { 60, RELU("2000"), RELU("250") }, { 40, RELU("2000"), RELU("250") } } },
};

eg_status net_folder(const struct experiment_context *run, const struct net *net, enum net_set set,
                     char *path, size_t room)
{
    if (mkdir("runs", 0777) != 0 && errno != EEXIST) return EG_ERR_IO;
    snprintf(path, room, "runs/dam-%s-%s-seed%llu", net_sets[set], net->folder,
             (unsigned long long)run->seed);
    return EG_OK;
}

eg_status net_train(const struct experiment_context *run, const struct net *net, enum net_set set,
                    const eg_dataset *train, const eg_dataset *test, eg_learner **out)
{
    const struct recipe *recipe = &net->recipe[set];
    const eg_task task = { .inputs = train->d,
                           .height = train->height,
                           .width = train->width,
                           .channels = train->channels,
                           .classes = train->classes,
                           .epochs = run->full ? recipe->epochs : QUICK_EPOCHS };
    const eg_part all = { train, NULL, train->n }, unseen = { test, NULL, test->n };
    char folder[80];
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    eg_train_result r;
    eg_learner *l = NULL;
    o.batch = BATCH;
    o.seed = run->seed;
    o.progress = run->progress;
    o.evaluate_every = run->full ? 1 : QUICK_EPOCHS;
    o.checkpoint_seconds = 300;
    o.resume = run->full;
    if (run->full) {
        LAB_TRY(net_folder(run, net, set, folder, sizeof folder));
        o.folder = folder;
    }
    LAB_TRY(eg_learner_create(run->full ? recipe->full : recipe->quick, &task, run->seed,
                              run->threads, NULL, &l));
    const eg_status s = eg_train(l, &all, &unseen, &o, &r);
    if (s == EG_OK)
        *out = l;
    else
        eg_learner_destroy(l);
    return s;
}
