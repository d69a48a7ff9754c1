/* Rows of the table: mixed p-spin models and the spiked matrix-tensor model, in time. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <time.h>

#include "dynamics/egi_families.h"
#include "dynamics/egi_glass_runs.h"
#include "dynamics/egi_two_time.h"

enum { FINEST = 32768, ROWS_MOST = 10001 };

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* All steps, from a checkpoint where there is one. */
static eg_status march(const struct egi_dynamics *run, struct egi_two_time *w, const char *file)
{
    const eg_dynamics_options *o = run->options;
    double kept = now();
    if (file != NULL) {
        const eg_status s = egi_two_time_load(w, file);
        if (s < 0) return s;
        run->out->resumed = s == EG_OK ? w->done : 0;
    }
    eg_status s = EG_OK;
    while (w->done < w->n && s == EG_OK) {
        s = egi_two_time_step(w);
        if (s == EG_OK) s = egi_report(o->progress, "steps of time", w->done, w->n);
        const int due = now() - kept >= o->checkpoint_every || s == EG_ERR_INTERRUPTED;
        if (file != NULL && due && w->done < w->n) {
            const eg_status saved = egi_two_time_save(w, file);
            if (s == EG_OK) s = saved;
            kept = now();
        }
    }
    return s;
}

static void put(double *row, const struct egi_glass_columns *at, size_t which, double v)
{
    if (at->theory[which] != 0) row[at->theory[which]] = v;
}

/* What is shown of a grid: columns, and steps of the coarsest grid, a row each. */
struct shown {
    const struct egi_glass_columns *at;
    const size_t *step;
    size_t rows, columns;
    double wait;
};

/* The rows of a grid: every `stride` of its steps is one of the coarsest grid. */
static void read_rows(const struct egi_two_time *w, const struct shown *to, size_t stride,
                      double *value)
{
    const struct egi_glass_columns *at = to->at;
    const size_t tw = (size_t)rint(to->wait / w->h);
    for (size_t k = 0; k < to->rows; k++) {
        const size_t i = to->step[k] * stride;
        double *row = value + k * to->columns;
        row[0] = (double)i * w->h;
        put(row, at, EGI_GLASS_E, w->e[i]);
        put(row, at, EGI_GLASS_MU, w->mu[i]);
        put(row, at, EGI_GLASS_M, w->m[i]);
        put(row, at, EGI_GLASS_C0, egi_c(w, i, 0));
        put(row, at, EGI_GLASS_C, i >= tw ? egi_c(w, i, tw) : (double)NAN);
        put(row, at, EGI_GLASS_R, i >= tw ? egi_r(w, i, tw) : (double)NAN);
    }
}

/* One grid of n steps; rows into value. */
static eg_status solve(const struct egi_dynamics *run, const struct egi_glass *g,
                       const struct shown *to, size_t n, size_t stride, const char *file,
                       double *value)
{
    struct egi_two_time w;
    const eg_dynamics_options *o = run->options;
    EGI_TRY(egi_two_time_create(g, egi_param(run, "t") / (double)n, n, o->max_bytes, o->threads,
                                o->alloc, &w));
    const eg_status s = march(run, &w, file);
    if (s == EG_OK) read_rows(&w, to, stride, value);
    egi_two_time_destroy(&w);
    return s;
}

/* A second-order scheme on two grids: a third of their difference is the error of the finer. */
static double apart(const double *coarse, const double *fine, size_t cells)
{
    double most = 0;
    for (size_t i = 0; i < cells; i++) {
        const double by = fabs(fine[i] - coarse[i]) / 3;
        if (by > most) most = by;
    }
    return most;
}

/* Half of the steps, then all, then twice as many until the accuracy asked for is reached. */
static eg_status refine(struct egi_dynamics *run, const struct egi_glass *g, const struct shown *to,
                        double *coarse)
{
    const size_t half = egi_param_size(run, "n") / 2, cells = to->rows * to->columns;
    const double wanted = egi_param(run, "accuracy");
    size_t stride = 2;
    memcpy(coarse, run->out->value, cells * sizeof *coarse);
    EGI_TRY(solve(run, g, to, half, 1, NULL, coarse));
    for (;; stride *= 2) {
        double *value = run->out->value;
        EGI_TRY(solve(run, g, to, half * stride, stride,
                      wanted > 0 ? NULL : run->options->checkpoint, value));
        run->out->error = apart(coarse, value, cells);
        if (!(wanted > 0) || run->out->error <= wanted) return EG_OK;
        if (half * stride * 2 > FINEST)
            return egi_fail(EG_ERR_LIMIT,
                            "accuracy %g: %zu steps leave an error of %g, and finer grids are not "
                            "made; ask for less, or for a shorter time than %g",
                            wanted, half * stride, run->out->error, egi_param(run, "t"));
        memcpy(coarse, value, cells * sizeof *coarse);
    }
}

eg_status egi_glass_run(struct egi_dynamics *run, const struct egi_glass *g,
                        const struct egi_glass_columns *at)
{
    const size_t half = egi_param_size(run, "n") / 2, points = egi_param_size(run, "points");
    const double last = egi_param(run, "t"), wait = egi_param(run, "tw");
    if (wait > last)
        return egi_fail(EG_ERR_INVALID, "%s: tw = %g, not in [0, t = %g]", run->model->name, wait,
                        last);
    const struct egi_need needs[] = { { points + 1, sizeof(size_t) },
                                      { (points + 1) * run->out->columns, sizeof(double) } };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(run->options->alloc, needs, 2, "steps to be shown", &arena));
    size_t *step = arena.part[0];
    const size_t rows = egi_spread(half, points < half ? points : half, step);
    eg_status s = egi_rows(run, rows);
    const struct shown to = { at, step, rows, run->out->columns, wait };
    if (s == EG_OK) s = refine(run, g, &to, arena.part[1]);
    if (s == EG_OK && egi_param_size(run, "samples") > 0) s = egi_glass_simulate(run, g, at);
    egi_arena_destroy(&arena);
    return s;
}
