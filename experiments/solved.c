/* SPDX-License-Identifier: Apache-2.0 */
#include "experiments/solved.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

eg_status solved_run(const struct experiment_context *run, const char *model,
                     const struct solved_setting *set, size_t settings, struct solved *out)
{
    eg_dynamics_options o = EG_DYNAMICS_OPTIONS_INIT;
    double value[EG_DYNAMICS_PARAMS] = { 0 };
    out->model = eg_dynamics_find(model);
    for (size_t p = 0; out->model->params[p].name != NULL; p++) {
        value[p] = out->model->params[p].value;
        for (size_t i = 0; i < settings; i++)
            if (strcmp(set[i].name, out->model->params[p].name) == 0) value[p] = set[i].value;
    }
    o.threads = run->threads;
    o.seed = run->seed;
    o.progress = run->progress;
    return eg_dynamics_run(out->model, value, &o, &out->r);
}

void solved_clear(struct solved *s)
{
    eg_dynamics_result_clear(&s->r);
}

double solved_at(const struct solved *s, size_t row, const char *column)
{
    for (size_t k = 0; k < s->r.columns; k++)
        if (strcmp(s->model->columns[k].name, column) == 0)
            return s->r.value[row * s->r.columns + k];
    return (double)NAN;
}

double solved_last(const struct solved *s, const char *column)
{
    return solved_at(s, s->r.rows - 1, column);
}

double solved_fact(const struct solved *s, const char *name)
{
    for (size_t i = 0; i < s->r.facts; i++)
        if (strcmp(s->r.fact[i].name, name) == 0) return s->r.fact[i].value;
    return (double)NAN;
}

eg_status solved_curve(const struct experiment_context *run, const struct solved *s,
                       const char *text, const char *column, const char *series)
{
    const size_t n = s->r.rows;
    double *x = malloc(3 * n * sizeof *x), *y = x + n, *theory = y + n;
    char name[80];
    if (x == NULL) return lab_no_memory();
    snprintf(name, sizeof name, "%s_simulated", column);
    const int simulated = isfinite(solved_last(s, name));
    for (size_t i = 0; i < n; i++) {
        x[i] = s->r.value[i * s->r.columns];
        theory[i] = solved_at(s, i, column);
        y[i] = simulated ? solved_at(s, i, name) : theory[i];
    }
    lab_curve(run, text, n, x, y, simulated ? theory : NULL, "%s", series);
    free(x);
    return EG_OK;
}

double solved_apart(const struct solved *s, const char *column, double errors)
{
    char simulated[80], error[80];
    double most = -INFINITY;
    snprintf(simulated, sizeof simulated, "%s_simulated", column);
    snprintf(error, sizeof error, "%s_error", column);
    for (size_t i = 1; i < s->r.rows; i++) {
        const double by = fabs(solved_at(s, i, simulated) - solved_at(s, i, column))
                          - errors * solved_at(s, i, error);
        if (!(by <= most)) most = by; /* NaN stays */
    }
    return most;
}
