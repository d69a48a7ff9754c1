/* cli/compare.h - learners side by side on one set (compare_set.c), on one or many of them
 * (compare_report.c), as cmd_compare.c asks. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_COMPARE_H
#define CLI_COMPARE_H

#include "cli/cli_table.h"
#include "cli/paired_test.h"
#include "cli/run_folder.h"
#include "cli/training.h"

struct compare {
    struct common common;
    struct reader_options reader;
    struct data_options data;
    struct loop_options loop;
    struct texts models;
    size_t folds, repeats, inner, below;
    int own_folds;
};

/* One learner and what it came to on one set. */
struct entry {
    const char *name, *spec, *grid; /* grid NULL: nothing is chosen */
    double *accuracy;               /* (results) */
    double mean, spread, seconds;
    double auc;     /* mean over the folds that have one; NaN: none has */
    size_t lacking; /* folds in which some class is not trained on */
    size_t errors, rank;
    size_t diverged;       /* the fold of all repeats, from 1, on which it did; 0: on none */
    struct paired against; /* the best */
};

/* All learners on one set. */
struct comparison {
    const struct call *call;
    const struct compare *o;
    const char *data; /* its name */
    struct run_folder *run;
    eg_dataset set;
    size_t examples;
    struct entry *entry;                /* (count) */
    size_t count, best, results, folds; /* results: folds of all repeats */
    size_t areas;                       /* how many of the results have an area */
    int columns;                        /* each column is scaled by what is trained on */
    double overlap;                     /* examples tested, over examples trained on */
};

/* Read the set and the learners, which are checked by making one of each. */
int comparison_begin(struct comparison *c);
/* Judge every learner. */
int comparison_run(struct comparison *c);
void comparison_end(struct comparison *c);

/* Print and report what came out: of one set, the table of learners; of several, ranks over
 * sets. */
int comparison_show(struct comparison *c);
int comparisons_show(struct comparison *c, size_t sets);

#endif
