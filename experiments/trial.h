/* experiments/trial.h - a learner trained on one part of a set that was drawn, and tested on the
 * rest. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXPERIMENTS_TRIAL_H
#define EXPERIMENTS_TRIAL_H

#include "experiments/lab.h"

struct trial_learner {
    const char *name, *spec;
    double published;                  /* accuracy in per cent; NaN: none */
    void (*begin)(eg_params *learned); /* what is known before training, or NULL */
};

/* The first `train` items of a set are trained on, the others tested. */
struct trial {
    const eg_dataset *set;
    size_t train, epochs, batch;
    uint64_t seed;
    double learned; /* share of what is trained on that has to be right, else training begins again,
                       up to three times; 0: it never does */
};

/* Scores of what is tested; a failure names the learner in a note. */
eg_status trial_run(const struct experiment_context *run, const struct trial *t,
                    const struct trial_learner *l, eg_scored *out);

/**
 * Draw, train and test several learners several times, and tell their mean accuracies: those that
 * have a published value reach it within a tolerance.
 * @param draw    makes set number i, of bags or of vectors; cleared here
 * @param table   epochs, batch and train of each trial
 */
struct trial_plan {
    const char *title;
    const struct trial_learner *learner;
    size_t learners, draws;
    struct trial table;
    double tolerance; /* in points of per cent */
    eg_status (*draw)(uint64_t seed, eg_dataset *out, void *user);
    void *user;
};
eg_status trial_plan_run(const struct experiment_context *run, const struct trial_plan *plan);

#endif
