/* Jiang et al. 2020, Neyshabur et al. 2017: do measures of a network's size follow the gap between
 * its training and its test error? Kendall's tau between each row of the report and the gap, over
 * networks that all fit what they were trained on: hidden layers of 3 widths, of 1 and 2 depths,
 * and 3 shares of labels drawn anew, which make the gap wide.
 *
 * What must come out: measures of how much was moved or how sharp the place is rise with the gap;
 * the number of parameters, which does not know of the labels, hardly does. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/lab.h"

enum { WIDTHS = 3, DEPTHS = 2, SHARES = 3, NETS_HERE = WIDTHS * DEPTHS * SHARES, ROWS = 20 };

static eg_status one(const struct experiment_context *run, const eg_dataset *train,
                     const eg_dataset *test, const char *spec, double *gap, double *value)
{
    const eg_task task = { .inputs = train->d,
                           .classes = train->classes,
                           .epochs = run->full ? 100 : 50 };
    const eg_part part = { train, NULL, train->n }, rest = { test, NULL, test->n };
    eg_train_options how = EG_TRAIN_OPTIONS_INIT;
    eg_network_options o = EG_NETWORK_OPTIONS_INIT;
    eg_network_report report;
    eg_train_result trained;
    eg_scored scored = { .confusion = NULL };
    eg_learner *l = NULL;
    how.seed = o.seed = run->seed;
    o.draws = 20;
    LAB_TRY(eg_learner_create(spec, &task, run->seed, run->threads, NULL, &l));
    eg_status s = eg_train(l, &part, NULL, &how, &trained);
    if (s == EG_OK) s = eg_evaluate(l, &rest, 240, NULL, &scored);
    if (s == EG_OK) s = eg_network_bounds(l, &part, &o, value, &report);
    *gap = 1 - scored.accuracy - report.error;
    eg_learner_destroy(l);
    return s;
}

static eg_status train_all(const struct experiment_context *run, double *gap, double (*value)[ROWS])
{
    static const size_t widths[WIDTHS] = { 32, 64, 128 };
    static const double shares[SHARES] = { 0, 0.15, 0.4 };
    eg_status s = EG_OK;
    for (size_t i = 0; i < NETS_HERE && s == EG_OK; i++) {
        const size_t width = widths[i % WIDTHS], depth = i / WIDTHS % DEPTHS + 1;
        const double share = shares[i / WIDTHS / DEPTHS];
        eg_dataset train = { 0 }, test = { 0 };
        char spec[256], hidden[32];
        snprintf(hidden, sizeof hidden, depth == 1 ? "[%zu]" : "[%zu, %zu]", width, width);
        snprintf(spec, sizeof spec,
                 "{\"kind\": \"network\", \"hidden\": %s, \"optimiser\": {\"kind\": \"adam\", "
                 "\"rate\": 0.002}}",
                 hidden);
        s = lab_images("mnist/train", run->full ? 10000 : 1500, &train);
        if (s == EG_OK) s = lab_images("mnist/test", 2000, &test);
        for (size_t k = 0; k < train.n && s == EG_OK; k++) {
            float u;
            eg_random_uniform(run->seed, 1, k, 1, &u);
            if ((double)u < share)
                train.labels[k] = (int32_t)eg_random_below(run->seed, 2, k, train.classes);
        }
        if (s == EG_OK) s = one(run, &train, &test, spec, &gap[i], value[i]);
        eg_dataset_clear(&train);
        eg_dataset_clear(&test);
    }
    return s;
}

static eg_status measure(const struct experiment_context *run)
{
    static double gap[NETS_HERE], value[NETS_HERE][ROWS];
    double series[NETS_HERE];
    LAB_TRY(train_all(run, gap, value));
    for (size_t r = 0; r < ROWS && eg_network_rows(r) != NULL; r++) {
        const char *name = eg_network_rows(r)->name;
        for (size_t i = 0; i < NETS_HERE; i++) series[i] = value[i][r];
        const double tau = eg_kendall(series, gap, NETS_HERE);
        if (strcmp(name, "pac-bayes") == 0 || strcmp(name, "distance") == 0)
            lab_at_least(run, 0.3, tau, 0, "tau of %s and the gap", name);
        else if (strcmp(name, "parameters") == 0)
            lab_at_most(run, 0.3, tau, 0, "tau of %s and the gap", name);
        else
            lab_beside(run, tau, "tau of %s and the gap", name);
    }
    return EG_OK;
}

const struct experiment experiment_gap_measures = {
    .name = "gap-measures",
    .title = "which measures of a network follow its generalisation gap",
    .source = "Jiang et al. 2020; Neyshabur et al. 2017",
    .setting = "quick: 18 networks on 1500 images of MNIST; full: on 10 000",
    .run = measure,
};
