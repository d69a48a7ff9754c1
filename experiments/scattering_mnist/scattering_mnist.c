/* Bruna and Mallat 2013: two orders of scattering and a classifier that is linear or nearly so come
 * to .43 % test error on MNIST from all 60 000 images; nothing before the classifier is learned.
 * The example of the package kymatio, J = 2 and a linear classifier, comes to about 1 %.
 *
 * Here: J = 2, L = 8, order 2, 81 x 7 x 7 numbers of an image, each brought to mean 0 and deviation
 * 1; multinomial logistic regression by Adam. Beside it the same on pixels, which shows what
 * scattering adds. Bounds: what three other seeds come to, plus two standard errors of a share of
 * 10 000. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "experiments/lab.h"

enum { QUICK = 10000 };

static const char spec[] =
    "{\"kind\": \"network\", \"layers\": [\"flatten\", {\"kind\": \"linear\", \"initialiser\": "
    "\"zeros\"}], \"optimiser\": {\"kind\": \"adam\", \"rate\": 2e-4}, \"schedule\": \"cosine\"}";

static eg_var scatter(eg_tape *t, eg_var x, const void *unused)
{
    (void)unused;
    return eg_scattering(t, x, NULL);
}

static eg_status error_of(const struct experiment_context *run, const char *name, eg_dataset *train,
                          eg_dataset *test, double *percent)
{
    const eg_task task = { .inputs = train->d,
                           .classes = train->classes,
                           .epochs = run->full ? 15 : 20 };
    const eg_part rest = { test, NULL, test->n };
    float *shift = lab_floats(2 * train->d);
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    eg_scored scored = { .confusion = NULL };
    eg_learner *l = NULL;
    if (shift == NULL) return lab_no_memory();
    o.seed = run->seed;
    o.progress = run->progress;
    eg_status s = eg_dataset_columns(train, NULL, train->n, shift, shift + train->d);
    if (s == EG_OK) {
        eg_dataset_scale_columns(train, shift, shift + train->d);
        eg_dataset_scale_columns(test, shift, shift + train->d);
        s = eg_learner_create(spec, &task, run->seed, run->threads, NULL, &l);
    }
    if (s == EG_OK) s = lab_train(run, name, "mnist/train", l, train, NULL, &o);
    if (s == EG_OK) s = eg_evaluate(l, &rest, 500, NULL, &scored);
    *percent = 100 * (1 - scored.accuracy);
    eg_learner_destroy(l);
    free(shift);
    return s;
}

static eg_status compare(const struct experiment_context *run, eg_dataset *train, eg_dataset *test,
                         int scattered, double *percent)
{
    LAB_TRY(lab_images("mnist/train", run->full ? 0 : QUICK, train));
    LAB_TRY(lab_images("mnist/test", 0, test));
    if (scattered) {
        LAB_TRY(lab_on_tape(run, train, scatter, NULL));
        LAB_TRY(lab_on_tape(run, test, scatter, NULL));
    }
    return error_of(run, scattered ? "linear on scattering" : "linear on pixels", train, test,
                    percent);
}

static eg_status measure(const struct experiment_context *run)
{
    double percent[2] = { 0 };
    for (int scattered = 0; scattered < 2; scattered++) {
        eg_dataset train = { 0 }, test = { 0 };
        const eg_status s = compare(run, &train, &test, scattered, &percent[scattered]);
        eg_dataset_clear(&train);
        eg_dataset_clear(&test);
        LAB_TRY(s);
    }
    lab_beside(run, percent[0], "linear classifier on pixels: test error, per cent");
    lab_at_most(run, run->full ? 1.0 : 1.6, percent[1], 0.2,
                "linear classifier on scattering, J = 2: test error, per cent");
    lab_at_most(run, percent[0] / 4, percent[1], 0, "of it on pixels, a quarter at most");
    return EG_OK;
}

const struct experiment experiment_scattering = {
    .name = "scattering",
    .title = "two orders of wavelets, nothing learned, and a linear classifier on MNIST",
    .source = "Bruna and Mallat 2013; Andreux et al. 2020",
    .setting = "quick: 10 000 images of training; full: all 60 000",
    .run = measure,
};
