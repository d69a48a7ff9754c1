/* Epidemics: will there be more cases in four weeks than now? Influenza in 47 prefectures of Japan,
 * 49 states and 10 regions of the United States by week (Deng et al. 2020, Cola-GNN).
 *
 * It is the question of rise or fall, which the learners here can answer; the papers forecast the
 * number itself, by graphs of regions, so that none of their errors can stand beside. An item is
 * one region in one week t of its series v:
 *
 *     l_s = ln(1 + v_s),   x = (l_{t-11} - l_t, .., l_{t-1} - l_t, l_t - mean l),   y = [v_{t+4} >
 * v_t]
 *
 * with the mean over the part that is trained on. The first 60 per cent of the weeks are trained
 * on, the next 20 to validate on, the last are tested; no item of one part looks into the next.
 *
 * Beside stands persistence: what rose since last week goes on rising. Bound (ours): the look-up
 * among past weeks tells more than that.
 *
 * Quick: 2000 items of each. Full: all, settings chosen. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/domains/domain.h"

enum { WINDOW = 12, AHEAD = 4 };

/* Part of an item of week t, or -1: it would look into the next part. */
static int role_of(size_t t, size_t weeks)
{
    const size_t valid = weeks * 6 / 10, test = weeks * 8 / 10;
    if (t + AHEAD < valid) return EG_ROLE_TRAIN;
    if (t >= valid && t + AHEAD < test) return EG_ROLE_VALID;
    return t >= test ? EG_ROLE_TEST : -1;
}

static void fill_item(const eg_dataset *read, size_t region, size_t t, double mean, float *x)
{
    const double now = log1p((double)read->x[t * read->d + region]);
    for (size_t k = 0; k + 1 < WINDOW; k++)
        x[k] = (float)(log1p((double)read->x[(t + 1 - WINDOW + k) * read->d + region]) - now);
    x[WINDOW - 1] = (float)(now - mean);
}

static double mean_of(const eg_dataset *read, size_t region)
{
    const size_t weeks = read->n * 6 / 10;
    double sum = 0;
    for (size_t t = 0; t < weeks; t++) sum += log1p((double)read->x[t * read->d + region]);
    return sum / (double)weeks;
}

/* Items of weeks (T) by regions (D); returns how many, and where out is given fills it. */
static size_t make_items(const eg_dataset *read, eg_dataset *out)
{
    size_t n = 0;
    for (size_t r = 0; r < read->d; r++) {
        const double mean = mean_of(read, r);
        for (size_t t = WINDOW - 1; t + AHEAD < read->n; t++) {
            const int role = role_of(t, read->n);
            if (role < 0) continue;
            if (out != NULL) {
                fill_item(read, r, t, mean, out->x + n * WINDOW);
                out->labels[n] =
                    read->x[(t + AHEAD) * read->d + r] > read->x[t * read->d + r] ? 1 : 0;
                out->folds[n] = (uint8_t)role;
            }
            n++;
        }
    }
    return n;
}

static eg_status make(const eg_dataset *read, eg_dataset *out)
{
    const size_t n = make_items(read, NULL);
    float *x = lab_floats(n * WINDOW);
    int32_t *labels = malloc(n * sizeof *labels);
    uint8_t *folds = malloc(n);
    size_t *all = malloc(n * sizeof *all);
    eg_status s =
        x != NULL && labels != NULL && folds != NULL && all != NULL ? EG_OK : lab_no_memory();
    if (s == EG_OK) {
        eg_dataset made = { .n = n,
                            .d = WINDOW,
                            .x = x,
                            .labels = labels,
                            .classes = 2,
                            .folds = folds,
                            .fold_count = 1 };
        make_items(read, &made);
        for (size_t i = 0; i < n; i++) all[i] = i;
        s = eg_dataset_select(&made, all, n, out); /* a copy that is released as any set */
    }
    free(x);
    free(labels);
    free(folds);
    free(all);
    return s;
}

/* Scores of the items tested by the last change. */
static eg_status persistence(const struct experiment_context *run, const struct domain_set *set,
                             const eg_dataset *items, double lookup)
{
    float *scores = lab_floats(2 * items->n);
    int32_t *labels = malloc(items->n * sizeof *labels);
    eg_scored scored = { .n = 0 };
    size_t n = 0;
    eg_status s = scores != NULL && labels != NULL ? EG_OK : lab_no_memory();
    for (size_t i = 0; i < items->n && s == EG_OK; i++) {
        if (items->folds[i] != EG_ROLE_TEST) continue;
        scores[2 * n] = 0;
        scores[2 * n + 1] = -items->x[i * WINDOW + WINDOW - 2];
        labels[n++] = items->labels[i];
    }
    if (s == EG_OK) s = eg_score(scores, labels, n, 2, &scored);
    free(scores);
    free(labels);
    if (s != EG_OK) return s;
    lab_beside(run, 100 * scored.auc, "%s, persistence: AUC, per cent", set->title);
    lab_at_least(run, 0, lookup - 100 * scored.auc, 0, "%s: lookup above persistence, points",
                 set->title);
    return EG_OK;
}

#define SERIES(name_of, file)                                                           \
    {                                                                                   \
        .title = name_of, .name = "epidemics/" file, .most = { 2000, 0 }, .make = make, \
        .beside = persistence                                                           \
    }

static const struct domain_set sets[] = {
    SERIES("Japan", "japan"),
    SERIES("US states", "state360"),
    SERIES("US regions", "region785"),
};

static eg_status measure(const struct experiment_context *run)
{
    return domain_run(run, sets, sizeof sets / sizeof *sets);
}

const struct experiment experiment_epidemics = {
    .name = "epidemics",
    .title = "influenza in four weeks: more or less than now",
    .source = "Deng et al. 2020, Cola-GNN (data)",
    .setting = "quick: 2000 items of each of three series, no choice of settings; full: all",
    .run = measure,
};
