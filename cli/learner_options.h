/* cli/learner_options.h - the options that describe a learner: a file, or its kind and settings.
 * Shared by train, and by whatever else makes learners. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_LEARNER_OPTIONS_H
#define CLI_LEARNER_OPTIONS_H

#include "cli/cli_table.h"
#include "cli/command.h"

/* As given on the command line: NULL, kind -1 and no items where nothing was. */
struct learner_options {
    const char *model, *hidden, *activation;
    int kind;
    struct texts set;
};

#define LEARNER_OPTIONS_INIT \
    {                        \
        .kind = -1           \
    }
#define LEARNER_USUAL "network" /* where neither a kind nor a file is named */

const char *learner_kind_name(size_t row); /* NULL past the end */

/* Rows of the option table of a struct `type` with the field `learner`. A row a line: */
/* clang-format off */
#define LEARNER_OPT(type, field) offsetof(type, learner.field)
#define LEARNER_OPTION_ROWS(type)                                                            \
    { "model", 'm', OPT_TEXT, LEARNER_OPT(type, model), "FILE.json",                         \
      "what is trained; the options below change it", NULL, 0, 0 },                          \
    { "kind", 0, OPT_CHOICE, LEARNER_OPT(type, kind), "KIND",                                \
      "or its kind; engram help KIND lists its settings", learner_kind_name, 0, 0 },         \
    { "hidden", 0, OPT_TEXT, LEARNER_OPT(type, hidden), "N[,N...]",                          \
      "memories, or units of each hidden layer", NULL, 0, 0 },                               \
    { "activation", 0, OPT_TEXT, LEARNER_OPT(type, activation), "NAME[:X]",                  \
      "of a network: relu, rep:2, ...", NULL, 0, 0 },                                        \
    { "set", 0, OPT_TEXTS, LEARNER_OPT(type, set), "KEY=VALUE",                              \
      "any setting of its kind: n=20, optimiser.rate=0.01; may be repeated", NULL, 0, 0 }
/* clang-format on */

/* The specification as JSON text, kept; EXIT_DONE, or EXIT_USAGE or EXIT_IO with the message
 * printed. What it means is checked by eg_learner_create. */
int learner_spec(const struct call *call, const struct learner_options *given, const char **spec);
/* A specification read from a file, kept. */
int learner_spec_read(const char *path, json_t **out);

/* The settings of a kind. */
void learner_settings_table(const char *kind, struct table *t);
void learner_help(FILE *out, const char *kind);

#endif
