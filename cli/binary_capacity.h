/* cli/binary_capacity.h - engram capacity for binary memories. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_BINARY_CAPACITY_H
#define CLI_BINARY_CAPACITY_H

#include "cli/binary_cues.h"

/* As given on the command line; 0, NaN and NULL where nothing was. */
struct binary_cells {
    const char *memory; /* "clique:256" */
    size_t units, clusters, active, trials, draws, steps;
    double order, radius;
    const char *patterns, *amounts, *corruption, *report;
    int csv;
    struct binary_recalling rule;
};

int binary_capacity(const struct call *call, const struct binary_cells *o);

#endif
