/* Zhang et al. 2017: networks that generalise fit labels without a rule as well, and inputs without
 * any: 100 % of the training set, test error of chance, only later.
 *
 * Here: one hidden layer of 512 rectified units on 2000 images of MNIST (full: 20 000), Adam;
 * labels true, a half drawn anew, all drawn anew; pixels shuffled by one order for all images, by
 * one for each; Gaussian noise. Time to fit is the first epoch whose training accuracy is 100 %. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/lab.h"

enum { TEST = 2000, EPOCHS = 150 };

enum change { TRUE_LABELS, HALF, RANDOM_LABELS, SHUFFLED, RANDOM_PIXELS, GAUSSIAN, CHANGES };

static const char *const names[CHANGES] = { "true labels",       "half of the labels random",
                                            "random labels",     "one order of pixels",
                                            "an order an image", "Gaussian images" };

static const char spec[] =
    "{\"kind\": \"network\", \"layers\": [\"flatten\", {\"kind\": \"linear\", "
    "\"units\": 512}, {\"kind\": \"activation\", \"function\": \"relu\"}, "
    "\"linear\"], \"optimiser\": {\"kind\": \"adam\", \"rate\": 0.001}}";

static void shuffle(uint64_t seed, uint64_t stream, float *x, size_t d, size_t *order, float *copy)
{
    eg_random_permutation(seed, stream, d, order);
    memcpy(copy, x, d * sizeof *x);
    for (size_t k = 0; k < d; k++) x[k] = copy[order[k]];
}

static eg_status change(uint64_t seed, enum change how, eg_dataset *set, int is_test)
{
    const uint64_t own = is_test ? (uint64_t)1 << 32 : 0;
    size_t *order = malloc(set->d * sizeof *order);
    float *copy = lab_floats(set->d);
    if (order == NULL || copy == NULL) {
        free(order);
        free(copy);
        return lab_no_memory();
    }
    for (size_t i = 0; i < set->n; i++) {
        float *x = set->x + i * set->d;
        const int drawn = how == RANDOM_LABELS || (how == HALF && i % 2 == 0);
        if (drawn && !is_test) set->labels[i] = (int32_t)eg_random_below(seed, 1, i, set->classes);
        if (how == SHUFFLED) shuffle(seed, 2, x, set->d, order, copy);
        if (how == RANDOM_PIXELS) shuffle(seed, own + 3 + i, x, set->d, order, copy);
        if (how == GAUSSIAN) eg_random_normal(seed, own + 3 + i, 0, set->d, x);
        for (size_t k = 0; k < set->d && how == GAUSSIAN; k++) x[k] = 0.13F + 0.31F * x[k];
    }
    free(order);
    free(copy);
    return EG_OK;
}

struct fitted {
    double train, test, epochs; /* per cent; NaN: never all */
};

static eg_status fit(const struct experiment_context *run, enum change how, struct fitted *out)
{
    eg_dataset train = { 0 }, test = { 0 };
    eg_scored scored = { .confusion = NULL };
    eg_learner *l = NULL;
    LAB_TRY(lab_images("mnist/train", run->full ? 20000 : 2000, &train));
    eg_status s = lab_images("mnist/test", TEST, &test);
    if (s == EG_OK) s = change(run->seed, how, &train, 0);
    if (s == EG_OK) s = change(run->seed, how, &test, 1);
    const eg_task task = { .inputs = train.d, .classes = train.classes, .epochs = EPOCHS };
    const eg_part all = { &train, NULL, train.n }, rest = { &test, NULL, test.n };
    if (s == EG_OK) s = eg_learner_create(spec, &task, run->seed, run->threads, NULL, &l);
    *out = (struct fitted){ 0, 0, NAN };
    for (size_t e = 0; e < EPOCHS && s == EG_OK && isnan(out->epochs); e++) {
        eg_train_options o = EG_TRAIN_OPTIONS_INIT;
        eg_train_result r;
        o.epochs = 1;
        o.seed = run->seed + e;
        s = eg_train(l, &all, NULL, &o, &r);
        if (s == EG_OK) s = eg_evaluate(l, &all, 240, NULL, &scored);
        out->train = 100 * scored.accuracy;
        if (scored.errors == 0) out->epochs = (double)(e + 1);
    }
    if (s == EG_OK) s = eg_evaluate(l, &rest, 240, NULL, &scored);
    out->test = 100 * scored.accuracy;
    eg_learner_destroy(l);
    eg_dataset_clear(&train);
    eg_dataset_clear(&test);
    return s;
}

static eg_status measure(const struct experiment_context *run)
{
    struct fitted f[CHANGES];
    for (int i = 0; i < CHANGES; i++) {
        LAB_TRY(fit(run, (enum change)i, &f[i]));
        lab_at_least(run, 100, f[i].train, 0, "%s: training accuracy, per cent", names[i]);
        lab_beside(run, f[i].epochs, "%s: epochs to fit", names[i]);
        if (i == RANDOM_LABELS || i == RANDOM_PIXELS || i == GAUSSIAN) continue;
        lab_beside(run, f[i].test, "%s: test accuracy, per cent", names[i]);
    }
    lab_near(run, 10, f[RANDOM_LABELS].test, 3, "random labels: test accuracy, chance");
    lab_near(run, 10, f[GAUSSIAN].test, 4, "Gaussian images: test accuracy, chance");
    lab_near(run, f[TRUE_LABELS].test, f[SHUFFLED].test, 3,
             "one order of pixels: test accuracy as before, for a network that knows no places");
    lab_at_least(run, f[TRUE_LABELS].epochs + 1, f[RANDOM_LABELS].epochs, 0,
                 "random labels take longer to fit");
    return EG_OK;
}

const struct experiment experiment_random_labels = {
    .name = "random-labels",
    .title = "labels without a rule are fitted to the last, and nothing follows from them",
    .source = "Zhang et al. 2017, table 1 and figure 1",
    .setting = "quick: 2000 images of MNIST; full: 20 000",
    .run = measure,
};
