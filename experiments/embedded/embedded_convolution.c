/* d'Ascoli et al. 2019: a convolutional network, written out as the fully connected one that it is,
 * and trained on as such from several times of its training, ends above a fully connected network
 * that never was a convolution; from intermediate times it ends above the convolution too.
 *
 * Here: CIFAR-10, every second pixel of each side (3 x 16 x 16), two convolutions and a linear
 * layer, plain steps of batches of 50. Each network has as many epochs as the convolution had in
 * all. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/lab.h"

enum { TIMES = 5, SIDE = 16, BATCH = 50 };

static const char spec[] =
    "{\"kind\": \"network\", \"layers\": [{\"kind\": \"conv2d\", \"channels\": 16, \"kernel\": 5, "
    "\"stride\": 2}, \"activation\", {\"kind\": \"conv2d\", \"channels\": 16, \"kernel\": 3}, "
    "\"activation\", \"flatten\", \"linear\"], \"optimiser\": {\"kind\": \"sgd\", \"rate\": 0.05, "
    "\"momentum\": 0}}";

struct sets {
    eg_dataset train, test;
    size_t epochs;
};

/* Every second pixel, in place. */
static void halve(eg_dataset *s)
{
    const size_t channels = s->channels, side = s->height;
    for (size_t i = 0; i < s->n; i++)
        for (size_t c = 0; c < channels; c++)
            for (size_t p = 0; p < SIDE * SIDE; p++)
                s->x[(i * channels + c) * SIDE * SIDE + p] =
                    s->x[(i * channels + c) * side * side + p / SIDE * 2 * side + p % SIDE * 2];
    s->height = s->width = SIDE;
    s->d = channels * SIDE * SIDE;
}

static eg_status train(const struct experiment_context *run, const struct sets *s, eg_learner *l,
                       size_t epochs)
{
    const eg_part all = { &s->train, NULL, s->train.n };
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    eg_train_result r;
    if (epochs == 0) return EG_OK;
    o.epochs = epochs;
    o.batch = BATCH;
    o.seed = run->seed;
    o.progress = run->progress;
    return eg_train(l, &all, NULL, &o, &r);
}

static eg_status accuracy(const struct sets *s, eg_learner *l, double *out)
{
    const eg_part rest = { &s->test, NULL, s->test.n };
    eg_scored scored = { .confusion = NULL };
    const eg_status status = eg_evaluate(l, &rest, 240, NULL, &scored);
    *out = 100 * scored.accuracy;
    return status;
}

/* The convolution after `after` epochs, and what becomes of it written out. */
static eg_status embedded(const struct experiment_context *run, const struct sets *s, size_t after,
                          double *cnn, double *end, double *deviation)
{
    const eg_task task = { .inputs = s->train.d,
                           .height = SIDE,
                           .width = SIDE,
                           .channels = s->train.channels,
                           .classes = s->train.classes,
                           .epochs = s->epochs };
    eg_learner *l = NULL, *fc = NULL;
    eg_status status = eg_learner_create(spec, &task, run->seed, run->threads, NULL, &l);
    if (status == EG_OK) status = train(run, s, l, after);
    if (status == EG_OK) status = accuracy(s, l, cnn);
    if (status == EG_OK) status = eg_embed_convolutions(l, &fc);
    if (status == EG_OK) status = train(run, s, fc, s->epochs);
    if (status == EG_OK) status = accuracy(s, fc, end);
    if (status == EG_OK) status = eg_embedded_deviation(l, fc, deviation);
    eg_learner_destroy(l);
    eg_learner_destroy(fc);
    return status;
}

/* A fully connected network of the same sizes, from its own first weights. */
static eg_status connected(const struct experiment_context *run, const struct sets *s, double *out)
{
    const eg_task task = { .inputs = s->train.d, .classes = s->train.classes, .epochs = s->epochs };
    eg_learner *l = NULL;
    eg_status status = eg_learner_create(
        "{\"kind\": \"network\", \"hidden\": [576, 256], \"activation\": \"relu\", \"optimiser\": "
        "{\"kind\": \"sgd\", \"rate\": 0.05, \"momentum\": 0}}",
        &task, run->seed, run->threads, NULL, &l);
    if (status == EG_OK) status = train(run, s, l, s->epochs);
    if (status == EG_OK) status = accuracy(s, l, out);
    eg_learner_destroy(l);
    return status;
}

static eg_status measure_all(const struct experiment_context *run, const struct sets *s)
{
    double x[TIMES], cnn[TIMES], end[TIMES], apart[TIMES], fully = 0, best = 0;
    LAB_TRY(connected(run, s, &fully));
    for (size_t i = 0; i < TIMES; i++) {
        const size_t after = i * s->epochs / (TIMES - 1);
        x[i] = (double)after;
        LAB_TRY(embedded(run, s, after, &cnn[i], &end[i], &apart[i]));
        lab_beside(run, end[i], "written out after %zu epochs: test accuracy, per cent", after);
        lab_beside(run, apart[i], "written out after %zu epochs: deviation at the end", after);
        best = i > 0 && i < TIMES - 1 ? fmax(best, end[i]) : best;
    }
    lab_beside(run, fully, "fully connected from the beginning: test accuracy, per cent");
    lab_beside(run, cnn[TIMES - 1], "convolution: test accuracy, per cent");
    lab_curve(run, "Written out|epochs as a convolution|test accuracy, per cent", TIMES, x, end,
              NULL, "trained on as fully connected");
    lab_curve(run, "Deviation|epochs as a convolution|share of the norm elsewhere", TIMES, x, apart,
              NULL, "at the end");
    lab_at_least(run, fully, end[1], 0, "written out early: above the fully connected");
    lab_at_least(run, cnn[TIMES - 1], best, 0, "written out between: above the convolution");
    lab_at_most(run, apart[0], apart[TIMES - 1], 0,
                "the later it is written out, the nearer it stays to convolutions");
    return EG_OK;
}

static eg_status measure(const struct experiment_context *run)
{
    struct sets s = { .epochs = run->full ? 40 : 12 };
    eg_status status = lab_images("cifar10/train", run->full ? 0 : 4000, &s.train);
    if (status == EG_OK) status = lab_images("cifar10/test", run->full ? 0 : 2000, &s.test);
    if (status == EG_OK) {
        halve(&s.train);
        halve(&s.test);
        status = measure_all(run, &s);
    }
    eg_dataset_clear(&s.train);
    eg_dataset_clear(&s.test);
    return status;
}

const struct experiment experiment_embedded = {
    .name = "embedded-convolution",
    .title = "a convolution that is trained on as a fully connected network ends above both",
    .source = "d'Ascoli, Sagun, Bruna and Biroli 2019, figure 2",
    .setting = "quick: 4000 images, 12 epochs; full: all images there are, 40 epochs",
    .run = measure,
};
