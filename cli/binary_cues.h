/* cli/binary_cues.h - engram recall for binary memories. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_BINARY_CUES_H
#define CLI_BINARY_CUES_H

#include "cli/binary_memory.h"

/* As given on the command line: -1 and 0 where nothing was. */
struct binary_recalling {
    int score, activation;
    size_t winners;
    /* of the other options */
    const char *hide;
    double flip;
    size_t steps;
    int as_is;
    const struct reader_options *reader;
};

#define BINARY_RECALL_INIT            \
    {                                 \
        .score = -1, .activation = -1 \
    }

const char *score_name(size_t row);
const char *activation_name(size_t row);

/* A row a line, not a brace a level: */
/* clang-format off */
#define BINARY_RECALL_OPT(type, field) offsetof(type, binary.field)
#define BINARY_RECALL_ROWS(type)                                                              \
    { "score", 0, OPT_CHOICE, BINARY_RECALL_OPT(type, score), "NAME",                         \
      "binary memories: what a unit hears, each connection or each cluster", score_name,      \
      0, 0 },                                                                                 \
    { "activation", 0, OPT_CHOICE, BINARY_RECALL_OPT(type, activation), "NAME",               \
      "binary memories: which units are on then", activation_name, 0, 0 },                    \
    { "winners", 0, OPT_SIZE, BINARY_RECALL_OPT(type, winners), "N",                          \
      "of losers and global; the level of threshold", NULL, 1, 1e9 }
/* clang-format on */

/* What the kind takes, changed by what was given. */
eg_binary_recall_options binary_rule(const eg_binary *m, const struct binary_recalling *o);
int binary_recall(const struct call *call, const struct binary_recalling *o);

#endif
