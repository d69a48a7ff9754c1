/* Runs of solvable models by name, with the parameters that differ from the defaults. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_DYNAMICS_CHECK_H
#define TESTS_DYNAMICS_CHECK_H

#include "check.h"
#include "engram/dynamics.h"

struct setting {
    const char *name;
    double value;
};

static inline eg_status dynamics_try(const char *model, const struct setting *set, size_t settings,
                                     const eg_dynamics_options *o, eg_dynamics_result *out)
{
    const eg_dynamics_model *m = eg_dynamics_find(model);
    double value[EG_DYNAMICS_PARAMS];
    if (m == NULL) fail_msg("no model %s", model);
    for (size_t p = 0; m->params[p].name != NULL; p++) {
        value[p] = m->params[p].value;
        for (size_t i = 0; i < settings; i++)
            if (strcmp(set[i].name, m->params[p].name) == 0) value[p] = set[i].value;
    }
    return eg_dynamics_run(m, value, o, out);
}

#define TRY(model, o, out, ...)                                  \
    dynamics_try(model, (const struct setting[]){ __VA_ARGS__ }, \
                 sizeof((const struct setting[]){ __VA_ARGS__ }) / sizeof(struct setting), o, out)
#define RUN(model, out, ...) CHECK_OK(TRY(model, NULL, out, __VA_ARGS__))

/* A cell by the name of its column. */
static inline double cell(const char *model, const eg_dynamics_result *r, size_t row,
                          const char *column)
{
    const eg_dynamics_model *m = eg_dynamics_find(model);
    size_t k = 0;
    while (k < r->columns && strcmp(m->columns[k].name, column) != 0) k++;
    if (k == r->columns) fail_msg("%s has no column %s", model, column);
    return r->value[row * r->columns + k];
}

static inline double fact(const eg_dynamics_result *r, const char *name)
{
    for (size_t i = 0; i < r->facts; i++)
        if (strcmp(r->fact[i].name, name) == 0) return r->fact[i].value;
    fail_msg("no fact %s", name);
    return 0;
}

#endif
