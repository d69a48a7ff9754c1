/* Sets of one science, on which the same learners are judged. A further science is a file of rows.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXPERIMENTS_DOMAIN_H
#define EXPERIMENTS_DOMAIN_H

#include "experiments/judge.h"

struct domain_set {
    const char *title;        /* "HIGGS" */
    const char *name;         /* "physics/higgs_10k" of the catalogue */
    const char *label_column; /* or NULL: as the catalogue has it */
    const char *group_column; /* folds part no group; NULL: each item is by itself */
    size_t most[2];           /* items of the quick and of the full run; 0: all */
    size_t epochs;            /* of learners that are trained; 0: 30 */
    int fixed_scale;          /* 1: columns stay as they are (bits); 0: mean 0, deviation 1 */
    /* Makes the items out of what the catalogue has, with folds of their own; NULL: they are. */
    eg_status (*make)(const eg_dataset *read, eg_dataset *out);
    /* Figures without a learner, of the items that are judged, or NULL. */
    eg_status (*beside)(const struct experiment_context *run, const struct domain_set *set,
                        const eg_dataset *items, double lookup);
    const char *learner; /* of which something was published, or is asked; NULL: of none */
    double published;    /* NaN: `least` is ours */
    double least[2];     /* its area, per cent, in the quick and in the full run */
};

/* Area under the ROC curve (of several classes the mean of one against the rest) of each learner
 * on each set, by five folds or by those the set has; ranks where there are several sets. A set
 * that is not on this machine is skipped with a note. */
eg_status domain_run(const struct experiment_context *run, const struct domain_set *sets,
                     size_t count);

#endif
