/* cli/recall_output.h - what engram recall shows and writes. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_RECALL_OUTPUT_H
#define CLI_RECALL_OUTPUT_H

#include "cli/cli_table.h"
#include "cli/cues.h"
#include "engram/routed.h"

struct recall_output {
    const char *strip;
    int picture, trace, read;
    size_t used; /* items that are told with their weights; 0: none */
};

/* What came back; rows = max_steps + 1. */
struct recalls {
    float *states;                 /* (Q, D) */
    eg_certificate *certificates;  /* (Q) */
    float *path;                   /* (rows, D) of one cue, or NULL */
    double *trace;                 /* (Q, rows), or NULL */
    struct table *used;            /* (Q) of recall_used.h, or NULL */
    float *values;                 /* (Q, read_size), or NULL */
    eg_routed_certificate *routed; /* (Q), or NULL */
    size_t rows, read_size;
    double seconds;
};

/* EXIT_DONE, EXIT_NO when nothing was recalled, or what failed. */
int recall_output(const struct call *call, const struct recall_output *o, struct stored *s,
                  const struct cues *cues, const struct recalls *r);

#endif
