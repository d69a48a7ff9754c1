/* cli/rule_options.h - the options that choose a memory: a short name (--memory dam:3), and
 * one option for each of its numbers, which overrides it. Shared by store, recall, capacity. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_RULE_OPTIONS_H
#define CLI_RULE_OPTIONS_H

#include "cli/cli_table.h"
#include "cli/command.h"

/* As given on the command line: -1 and NaN where nothing was. */
struct rule_options {
    const char *memory;
    int similarity, separation, projection, storage, self_coupling;
    double beta, order, gain;
    size_t k, features;
};

/* What store takes when no memory is asked for. Pictures look alike: order 20 tells them apart
 * where 3 returns their average; rectified, because an even power recalls negatives as well. */
#define MEMORY_USUAL "rectified:20"

#define RULE_OPTIONS_INIT                                                    \
    {                                                                        \
        NULL, -1, -1, -1, -1, 0, (double)NAN, (double)NAN, (double)NAN, 0, 0 \
    }

const char *similarity_name(size_t row);
const char *separation_name(size_t row);
const char *projection_name(size_t row);
const char *storage_name(size_t row);
const char *memory_name(size_t row); /* "dam:" */

/* Rows of the option table of a struct `type` with the field `rule`. */
#define RULE_OPT(type, field) offsetof(type, rule.field)
/* A row a line, not a brace a level: */
/* clang-format off */
#define RULE_OPTION_ROWS(type)                                                                \
    { "memory", 'm', OPT_TEXT, RULE_OPT(type, memory), "NAME[:X]",                            \
      "a whole memory by name: engram help memories", memory_name, 0, 0 },                    \
    { "similarity", 0, OPT_CHOICE, RULE_OPT(type, similarity), "NAME", "how alike two are",   \
      similarity_name, 0, 0 },                                                                \
    { "separation", 0, OPT_CHOICE, RULE_OPT(type, separation), "NAME",                        \
      "how the most alike stands out", separation_name, 0, 0 },                               \
    { "projection", 0, OPT_CHOICE, RULE_OPT(type, projection), "NAME",                        \
      "what the weighted sum becomes", projection_name, 0, 0 },                               \
    { "storage", 0, OPT_CHOICE, RULE_OPT(type, storage), "NAME", "how patterns are kept",     \
      storage_name, 0, 0 },                                                                   \
    { "beta", 0, OPT_NUMBER, RULE_OPT(type, beta), "X", "inverse temperature", NULL,          \
      1e-30, 1e30 },                                                                          \
    { "order", 0, OPT_NUMBER, RULE_OPT(type, order), "X",                                     \
      "n of power and rectified, alpha of entmax, gamma of normmax", NULL, 1, 1000 },         \
    { "k", 'k', OPT_SIZE, RULE_OPT(type, k), "K", "of topk and ksubsets", NULL, 1, 1e12 },    \
    { "gain", 0, OPT_NUMBER, RULE_OPT(type, gain), "X",                                       \
      "of tanh, ball, layernorm; level of threshold", NULL, -1e30, 1e30 },                    \
    { "self-coupling", 0, OPT_FLAG, RULE_OPT(type, self_coupling), NULL,                      \
      "keep the diagonal of classical weights", NULL, 0, 0 },                                 \
    { "features", 0, OPT_SIZE, RULE_OPT(type, features), "Y",                                 \
      "random features of --storage features", NULL, 1, 1e9 }
/* clang-format on */

/* The memory the options stand for, for states of d components; EXIT_DONE or EXIT_USAGE with
 * the message printed. `start`: what the options change, or NULL for --memory dam:3. Where
 * start keeps patterns a short name leaves its storage: classical is then the same network
 * over the patterns themselves, with full certificates; --storage hebb asks for weights. */
int rule_resolve(const struct call *call, const struct rule_options *given, size_t d,
                 const eg_memory_options *start, eg_memory_options *out);
/* The same by short name alone, for programs that know it is right. */
eg_memory_options memory_by_name(const char *name, size_t d);

/* "dot, power n = 3, sign; stored dense" */
const char *rule_words(const eg_memory_options *options);
json_t *rule_json(const eg_memory_options *options);

/* The table of short names. */
void presets_table(struct table *t);

#endif
