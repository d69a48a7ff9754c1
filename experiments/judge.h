/* Learners judged on one set by nested cross-validation, as several experiments do it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXPERIMENTS_JUDGE_H
#define EXPERIMENTS_JUDGE_H

#include "engram/train.h"
#include "experiments/lab.h"

enum { JUDGE_LEARNERS = 16 }; /* at most */

struct judge_learner {
    const char *name, *base, *grid; /* grid NULL: nothing is chosen */
};

/* How all learners of an experiment are judged. */
struct judge_protocol {
    size_t folds, repeats, inner; /* as of eg_validation; folds 0: those of the set */
    size_t epochs, batch;
    int by_auc, columns;
};

/* In per cent. */
struct judged {
    double auc, accuracy;               /* mean over folds of all repeats that have one */
    double auc_spread, accuracy_spread; /* standard deviation of the repeats' means; one: NaN */
    double seconds;
};

/**
 * @param record  what the file that keeps choices is called, "mil-tiger": runs/NAME-LEARNER-seedN;
 *                NULL: none is kept
 */
eg_status judge(const struct experiment_context *run, const eg_dataset *set,
                const struct judge_learner *learner, const struct judge_protocol *protocol,
                const char *record, struct judged *out);

/**
 * Learners over several sets, the first of them compared with each other one: mean rank, mean and
 * seconds of each, Friedman's test and Nemenyi's difference, Wilcoxon's test by pairs, and a curve.
 * @param value       (S, M) by set, the larger the better: accuracy or area, per cent
 * @param what        "accuracy, per cent"
 * @param mean_rank   (M), or NULL
 * @param difference  Nemenyi's critical difference, or NULL
 */
eg_status judge_ranks(const struct experiment_context *run, const struct judge_learner *learners,
                      size_t m, const double *value, size_t sets, const double *seconds,
                      const char *what, double *mean_rank, double *difference);

#endif
