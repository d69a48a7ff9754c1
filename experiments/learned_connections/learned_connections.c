/* Learned existence of connections: one small network on CIFAR-10 whose weights are real, signs,
 * {0, 1} with two numbers a layer, a mask over weights that never change, or pruned.
 *
 * Published, on all 50 000 training images and networks a hundred times this one: BinaryConnect
 * (signs, real activations) 90.10 % right; BinaryNet (signs of activations too) 89.85; {0, 1}
 * weights with two scalars (SBNN) at 50 % of connections 88.63, at 10 % 88.05; edge-popup with
 * weights of one size and random signs (multi-prize tickets) at 5 % of VGG-small 91.48, at 20 % of
 * ResNet-18 94.66. Scaled signs (XNOR-Net) and pruning with straight-through gradients have no
 * figure on CIFAR-10 there.
 *
 * Here: three convolutions of 16, 32 and 64 channels, each with batch norm and a pool, and one
 * layer to the classes, 33 000 connections; 10 000 training images (the first batch of the set, all
 * of it that is at hand), mirrored at random, Adam. So no published accuracy can be reached: what
 * is compared is how far each is from its real-valued twin, which has the same layers, optimiser
 * and order of examples. The published ones are 0 to 3 points from theirs; a network as small as
 * this has fewer connections to choose from, and the bounds are wider: three standard errors of a
 * difference of two shares, and what three seeds of the quick setting gave.
 *
 * Quick: 2500 images, 8 epochs, 2000 test images. Full: 10 000, 6 epochs, all 10 000. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "experiments/lab.h"

enum { BATCH = 50, FULL_EPOCHS = 6, QUICK_EPOCHS = 8, QUICK_TRAIN = 2500, QUICK_TEST = 2000 };

#define CONV(channels, links, init)                                                         \
    "{\"kind\": \"conv2d\", \"channels\": " #channels ", \"padding\": 1, \"bias\": false, " \
    "\"connections\": \"" links "\", \"initialiser\": \"" init "\"}, \"batch_norm\", "
#define ACTIVE(f) "{\"kind\": \"activation\", \"function\": \"" f "\"}, \"max_pool2d\", "
#define NETWORK(links, init, f, rate)                                                             \
    "{\"kind\": \"network\", \"layers\": [" CONV(16, links, init) ACTIVE(f) CONV(32, links, init) \
        ACTIVE(f) CONV(64, links, init) ACTIVE(                                                   \
            f) "\"flatten\", {\"kind\": \"linear\", \"bias\": false, \"connections\": \"" links   \
               "\", \"initialiser\": \"" init "\"}, \"batch_norm\"], \"schedule\": \"cosine\", "  \
               "\"optimiser\": {\"kind\": \"adam\", \"rate\": " #rate "}}"

static const struct way {
    const char *name, *folder, *spec;
    double published; /* per cent right; NaN: none */
    double below;     /* points below the twin, at most */
    double bits;      /* that a connection takes */
} ways[] = {
    { "real", "real", NETWORK("real", "he_normal", "relu", 0.003), NAN, 0, 32 },
    { "sign", "sign", NETWORK("sign", "he_normal", "relu", 0.003), 90.10, 9, 1 },
    { "scaled sign", "scaled", NETWORK("scaled_sign", "he_normal", "relu", 0.003), NAN, 9, 1 },
    { "sign, activations too", "sign-sign", NETWORK("sign", "he_normal", "sign", 0.003), 89.85, 20,
      1 },
    { "{0, 1} and two scalars, 50 %", "binary50", NETWORK("binary:0.5", "he_normal", "relu", 0.003),
      88.63, 12, 1 },
    { "{0, 1} and two scalars, 10 %", "binary10", NETWORK("binary:0.1", "he_normal", "relu", 0.003),
      88.05, 14, 1 },
    { "popup, 50 %", "popup50", NETWORK("popup:0.5", "he_signed", "relu", 0.01), NAN, 12, 1 },
    { "popup, 20 %", "popup20", NETWORK("popup:0.2", "he_signed", "relu", 0.01), 94.66, 14, 1 },
    { "pruned, 10 %", "pruned10", NETWORK("pruned:0.1", "he_normal", "relu", 0.003), NAN, 9, 4.2 },
};
enum { WAYS = sizeof ways / sizeof *ways };

static int ends(const char *name, const char *with)
{
    const size_t n = strlen(name), m = strlen(with);
    return n > m && strcmp(name + n - m, with) == 0;
}

/* Connections of all layers. */
static size_t connections(eg_learner *l)
{
    const eg_param *p;
    size_t n = 0;
    for (size_t i = 0; (p = eg_params_at(eg_learner_params(l), i)) != NULL; i++)
        if (p->shape.rank > 1 && (ends(p->name, ".weight") || ends(p->name, ".score")))
            n += eg_shape_size(&p->shape);
    return n;
}

static void tell(const struct experiment_context *run, const struct way *w, eg_learner *l,
                 double accuracy, double twin, size_t tested)
{
    char text[160];
    const size_t n = connections(l);
    const double error = 300 * sqrt(2.0) * lab_share_error(accuracy / 100, tested);
    const double low = w == ways ? 0 : twin - w->below - error;
    snprintf(text, sizeof text, "%s: per cent right", w->name);
    run->row(run->user,
             &(struct experiment_row){ text, w->published, accuracy, low, (double)INFINITY });
    snprintf(text, sizeof text, "%s: %zu connections, %.1f kB", w->name, n,
             (double)n * w->bits / 8000);
    run->note(run->user, text);
}

static eg_status one(const struct experiment_context *run, const struct way *w,
                     const eg_dataset *train, const eg_dataset *test, double *twin)
{
    const eg_task task = { .inputs = train->d,
                           .height = train->height,
                           .width = train->width,
                           .channels = train->channels,
                           .classes = train->classes,
                           .epochs = run->full ? FULL_EPOCHS : QUICK_EPOCHS };
    const eg_part unseen = { test, NULL, test->n };
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    eg_scored scored = { .confusion = NULL };
    eg_learner *l = NULL;
    char folder[80];
    o.batch = BATCH;
    o.seed = run->seed;
    o.progress = run->progress;
    o.augment.flip = 0.5;
    o.checkpoint_seconds = 60;
    o.resume = run->full;
    if (run->full) {
        if (mkdir("runs", 0777) != 0 && errno != EEXIST) return EG_ERR_IO;
        snprintf(folder, sizeof folder, "runs/connections-%s-seed%llu", w->folder,
                 (unsigned long long)run->seed);
        o.folder = folder;
    }
    LAB_TRY(eg_learner_create(w->spec, &task, run->seed, run->threads, NULL, &l));
    eg_status s = lab_train(run, w->name, "cifar10/train", l, train, NULL, &o);
    if (s == EG_OK) s = eg_evaluate(l, &unseen, 240, NULL, &scored);
    if (s == EG_OK && w == ways) *twin = 100 * scored.accuracy;
    if (s == EG_OK) tell(run, w, l, 100 * scored.accuracy, *twin, test->n);
    eg_learner_destroy(l);
    return s;
}

static eg_status measure(const struct experiment_context *run)
{
    eg_dataset train = { 0 }, test = { 0 };
    double twin = 0;
    LAB_TRY(lab_images("cifar10/train", run->full ? 0 : QUICK_TRAIN, &train));
    eg_status s = lab_images("cifar10/test", run->full ? 0 : QUICK_TEST, &test);
    for (size_t i = 0; i < WAYS && s == EG_OK; i++) s = one(run, &ways[i], &train, &test, &twin);
    eg_dataset_clear(&test);
    eg_dataset_clear(&train);
    return s;
}

const struct experiment experiment_learned_connections = {
    .name = "learned-connections",
    .title = "connections that exist or not are learned, beside a real-valued twin, on CIFAR-10",
    .source = "Courbariaux et al. 2015, 2016; Rastegari et al. 2016; Ramanujan et al. 2020; "
              "Diffenderfer and Kailkhura 2021; Schiavone et al. 2022",
    .setting = "quick: 2500 images, 8 epochs; full: 10 000 images, 6 epochs",
    .run = measure,
};
