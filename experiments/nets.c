/* Networks that several experiments train. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "experiments/nets.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "engram/train.h"

enum { BATCH = 200, LARGE_BATCH = 1000, QUICK_EPOCHS = 15 };

#define DAM(n, settings) "{\"kind\": \"dam\", \"n\": " #n ", " settings "}"
#define RELU(units) "{\"kind\": \"network\", \"hidden\": [" #units "], \"activation\": \"relu\"}"
#define FEW "\"hidden\": 250, "
#define SPHERE ", \"norm\": \"sphere\""

/* T falls from one value to another over some epochs; T stays. */
#define COOLED(from, to, epochs, rate_, decay_)                                           \
    "\"loss\": 4, \"t_initial\": " #from ", \"t_final\": " #to ", \"t_epochs\": " #epochs \
    ", \"momentum\": 0.9, \"rate\": " #rate_ ", \"decay\": " #decay_
#define STEADY(m, t, decay_)                                                       \
    "\"loss\": " #m ", \"t_initial\": " #t ", \"t_final\": " #t ", \"rate\": 0.04" \
    ", \"decay\": " #decay_

const char *const net_sets[NET_SETS] = { [NET_DIGITS] = "mnist", [NET_CLOTHES] = "fashion-mnist" };

const struct net nets[NETS] = {
    { "n = 3",
      "n3",
      1.44,
      5,
      { { 150, BATCH, DAM(3, COOLED(350, 80, 15, 0.03, 0.965)),
          DAM(3, FEW COOLED(180, 60, 12, 0.05, 0.75)) },
        { 40, BATCH, DAM(3, COOLED(350, 80, 15, 0.03, 0.92)),
          DAM(3, FEW COOLED(180, 60, 12, 0.05, 0.75)) } } },
    { "n = 20",
      "n20",
      1.61,
      6,
      { { 300, LARGE_BATCH, DAM(20, STEADY(30, 540, 0.985)), DAM(20, FEW STEADY(30, 500, 0.8)) },
        { 40, LARGE_BATCH, DAM(20, STEADY(2, 240, 0.93) SPHERE),
          DAM(20, FEW STEADY(2, 240, 0.8) SPHERE) } } },
    { "n = 30",
      "n30",
      1.80,
      6,
      { { 300, LARGE_BATCH, DAM(30, STEADY(30, 540, 0.985)), DAM(30, FEW STEADY(30, 540, 0.8)) },
        { 40, LARGE_BATCH, DAM(30, STEADY(2, 270, 0.93) SPHERE),
          DAM(30, FEW STEADY(2, 270, 0.8) SPHERE) } } },
    { "n = 2",
      "n2",
      1.51,
      6,
      { { 100, BATCH, DAM(2, COOLED(350, 60, 15, 0.03, 0.945)),
          DAM(2, FEW COOLED(180, 40, 12, 0.05, 0.75)) },
        { 40, BATCH, DAM(2, COOLED(350, 60, 15, 0.03, 0.92)),
          DAM(2, FEW COOLED(180, 40, 12, 0.05, 0.75)) } } },
    { "backpropagation",
      "relu",
      1.6,
      4,
      { { 60, BATCH, RELU(2000), RELU(250) }, { 40, BATCH, RELU(2000), RELU(250) } } },
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
    char folder[80], data[40];
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    eg_learner *l = NULL;
    o.batch = run->full ? recipe->batch : BATCH;
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
    snprintf(data, sizeof data, "%s/train", net_sets[set]);
    const eg_status s = lab_train(run, net->name, data, l, train, test, &o);
    if (s == EG_OK)
        *out = l;
    else
        eg_learner_destroy(l);
    return s;
}
