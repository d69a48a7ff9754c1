/* cli/experiment.h - a published result and how to run it again.
 *
 * An experiment is experiments/NAME/NAME.c with one `const struct experiment`, and a row in
 * experiments/experiments.c. Its run function measures and calls experiment_row() for every
 * quantity the paper reports; `engram reproduce` prints published value, measured value,
 * tolerance and verdict, and exits 1 when one is outside. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_EXPERIMENT_H
#define CLI_EXPERIMENT_H

#include <stddef.h>
#include <stdint.h>

#include "engram/engram.h"

enum experiment_relation {
    EXPERIMENT_NEAR,     /* |measured - published| <= tolerance */
    EXPERIMENT_AT_MOST,  /* measured <= published + tolerance */
    EXPERIMENT_AT_LEAST, /* measured >= published - tolerance */
};

struct experiment_run {
    uint64_t seed;
    int threads;                 /* for eg_recall_options.threads */
    const eg_progress *progress; /* pass it on, so that Ctrl-C works */
    void *rows;                  /* belongs to engram reproduce */
};

struct experiment {
    const char *name;    /* "krotov-2016-fig4" */
    const char *title;   /* "N = 100, K = 2000 for n = 2..5" */
    const char *source;  /* paper, figure or equation */
    const char *seconds; /* how long: "3 s; --full 2 min" */
    eg_status (*quick)(struct experiment_run *run);
    eg_status (*full)(struct experiment_run *run); /* NULL: quick is all there is */
};

/* One quantity; text is copied. A value that is not finite is outside. */
void experiment_row(struct experiment_run *run, const char *quantity,
                    enum experiment_relation relation, double published, double measured,
                    double tolerance);

/* The table, in experiments/experiments.c; ends with NULL. */
extern const struct experiment *const experiments[];

#endif
