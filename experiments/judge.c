/* SPDX-License-Identifier: Apache-2.0 */
#include "experiments/judge.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "engram/ranks.h"

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

/* x (S) is scratch, y (M, S). */
static eg_status tell_learner(const struct experiment_context *run,
                              const struct judge_learner *learners, size_t m, const double *y,
                              size_t sets, const char *what, double *x)
{
    char text[120];
    const double *own = y + m * sets;
    double all = 0;
    for (size_t i = 0; i < sets; i++) {
        x[i] = (double)i + 1;
        all += own[i] / (double)sets;
    }
    lab_beside(run, all, "%s: mean %s", learners[m].name, what);
    snprintf(text, sizeof text, "By set|set|%s", what);
    lab_curve(run, text, sets, x, own, NULL, "%s", learners[m].name);
    if (m == 0 || sets < 2) return EG_OK;
    eg_signed_rank pair;
    LAB_TRY(eg_signed_rank_test(y, own, sets, &pair));
    lab_beside(run, pair.p, "%s and %s: Wilcoxon p", learners[0].name, learners[m].name);
    return EG_OK;
}

eg_status judge_ranks(const struct experiment_context *run, const struct judge_learner *learners,
                      size_t m, const double *value, size_t sets, const double *seconds,
                      const char *what, double *mean_rank, double *difference)
{
    double mean[JUDGE_LEARNERS];
    eg_friedman friedman;
    double *room = calloc((m + 1) * sets, sizeof *room);
    if (room == NULL || m > JUDGE_LEARNERS) {
        free(room);
        return lab_no_memory();
    }
    eg_status s = eg_friedman_test(value, sets, m, NULL, mean, &friedman);
    for (size_t i = 0; i < m * sets; i++) room[i] = value[i % sets * m + i / sets];
    for (size_t k = 0; k < m && s == EG_OK; k++) {
        lab_beside(run, mean[k], "%s: mean rank", learners[k].name);
        lab_beside(run, seconds[k], "%s: seconds", learners[k].name);
        s = tell_learner(run, learners, k, room, sets, what, room + m * sets);
    }
    free(room);
    if (s != EG_OK) return s;
    lab_beside(run, friedman.p, "Friedman: p that all are alike");
    lab_beside(run, friedman.difference, "Nemenyi: critical difference of mean ranks");
    for (size_t k = 0; k < m && mean_rank != NULL; k++) mean_rank[k] = mean[k];
    if (difference != NULL) *difference = friedman.difference;
    return EG_OK;
}
