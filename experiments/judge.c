/* SPDX-License-Identifier: Apache-2.0 */
#include "experiments/judge.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

struct tally {
    double mean, squares; /* of the repeats' means; Welford 1962 */
    size_t repeats;
};

static void add(struct tally *t, double sum, size_t count)
{
    if (count == 0) return;
    const double mean = sum / (double)count, from = mean - t->mean;
    t->repeats++;
    t->mean += from / (double)t->repeats;
    t->squares += from * (mean - t->mean);
}

static double spread(const struct tally *t)
{
    return t->repeats > 1 ? sqrt(t->squares / (double)(t->repeats - 1)) : (double)NAN;
}

/* Folds in which one class alone is tested have no area. */
static void sum_up(const eg_validated *v, size_t repeats, size_t folds, struct judged *out)
{
    struct tally auc = { 0 }, accuracy = { 0 };
    out->seconds = 0;
    for (size_t r = 0; r < repeats; r++) {
        double areas = 0, right = 0;
        size_t count = 0;
        for (size_t f = 0; f < folds; f++) {
            const eg_validated *one = &v[r * folds + f];
            right += 100 * one->scored.accuracy;
            out->seconds += one->seconds;
            if (isnan(one->scored.auc)) continue;
            areas += 100 * one->scored.auc;
            count++;
        }
        add(&accuracy, right, folds);
        add(&auc, areas, count);
    }
    out->accuracy = accuracy.mean;
    out->accuracy_spread = spread(&accuracy);
    out->auc = auc.repeats > 0 ? auc.mean : (double)NAN;
    out->auc_spread = spread(&auc);
}

eg_status judge(const struct experiment_context *run, const eg_dataset *set,
                const struct judge_learner *learner, const struct judge_protocol *protocol,
                const char *record, struct judged *out)
{
    char path[160];
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    const eg_validation v = { .data = set,
                              .task = { .inputs = set->d,
                                        .classes = set->classes,
                                        .epochs = protocol->epochs,
                                        .bags = set->offset != NULL },
                              .base = learner->base,
                              .grid = learner->grid,
                              .folds = protocol->folds,
                              .repeats = protocol->repeats,
                              .inner = protocol->inner,
                              .columns = protocol->columns,
                              .seed = run->seed,
                              .threads = run->threads,
                              .record = record != NULL ? path : NULL };
    o.batch = protocol->batch;
    o.by_auc = protocol->by_auc;
    o.progress = run->progress;
    if (record != NULL && mkdir("runs", 0777) != 0 && errno != EEXIST) return EG_ERR_IO;
    snprintf(path, sizeof path, "runs/%s-%s-seed%llu.jsonl", record != NULL ? record : "",
             learner->name, (unsigned long long)run->seed);
    const size_t all = eg_validation_count(&v);
    eg_validated *folds = calloc(all, sizeof *folds);
    if (folds == NULL) return lab_no_memory();
    const eg_status s = eg_cross_validate(&v, &o, folds);
    if (s == EG_OK) sum_up(folds, v.repeats, all / v.repeats, out);
    free(folds);
    return s;
}
