/* Runs of solvable models for experiments: parameters, columns and facts by their names. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXPERIMENTS_SOLVED_H
#define EXPERIMENTS_SOLVED_H

#include "engram/dynamics.h"
#include "experiments/lab.h"

struct solved_setting {
    const char *name;
    double value;
};

struct solved {
    const eg_dynamics_model *model;
    eg_dynamics_result r;
};

/* A model with the parameters that differ from its defaults; release with solved_clear. */
eg_status solved_run(const struct experiment_context *run, const char *model,
                     const struct solved_setting *set, size_t settings, struct solved *out);
void solved_clear(struct solved *s);

#define SOLVE(run, model, out, ...)                                        \
    solved_run(run, model, (const struct solved_setting[]){ __VA_ARGS__ }, \
               sizeof((const struct solved_setting[]){ __VA_ARGS__ })      \
                   / sizeof(struct solved_setting),                        \
               out)

/* The cell of a row and a column; the last row; a fact. NaN where there is none of the name. */
double solved_at(const struct solved *s, size_t row, const char *column);
double solved_last(const struct solved *s, const char *column);
double solved_fact(const struct solved *s, const char *name);

/* A column against the first, as a curve; beside it that of NAME_simulated, where it was simulated,
 * and then the column itself as its theory. */
eg_status solved_curve(const struct experiment_context *run, const struct solved *s,
                       const char *text, const char *column, const char *series);

/* The largest distance of NAME_simulated from NAME over the rows after the first, less `errors`
 * standard errors: below what so many components leave, if theory holds. */
double solved_apart(const struct solved *s, const char *column, double errors);

#endif
