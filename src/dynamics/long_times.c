/* Spherical models followed to long times, by the grid that doubles. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "dynamics/egi_doubling.h"

/* Columns of the row in the table. */
enum { T, E, MU, C0, HALF, CHI, M };

static void put_row(const struct egi_doubling *w, double *row)
{
    const size_t i = w->row, half = i / 2;
    const double *c = w->square[EGI_D_C] + i * w->wide;
    row[T] = (double)i * w->h;
    row[E] = w->line[EGI_D_E][i];
    row[MU] = w->line[EGI_D_MU][i];
    row[C0] = c[0];
    row[HALF] = i % 2 == 0 ? c[half] : (c[half] + c[half + 1]) / 2;
    row[CHI] = w->square[EGI_D_F][i * w->wide];
    if (w->glass.planted) row[M] = w->line[EGI_D_M][i];
}

/* Rows at the first steps at or after each time; the times become those of the steps. */
static eg_status follow(const struct egi_dynamics *run, const struct egi_glass *g, size_t n,
                        double *t, double *value)
{
    struct egi_doubling w;
    const eg_dynamics_options *o = run->options;
    eg_status s = EG_OK;
    EGI_TRY(egi_doubling_create(g, n, o->max_bytes, o->alloc, &w));
    for (size_t k = 0; k < run->out->rows && s == EG_OK; k++) {
        while (s == EG_OK && (double)w.row * w.h < t[k] * (1 - 1e-9)) s = egi_doubling_step(&w);
        if (s == EG_OK) s = egi_report(o->progress, "times", k + 1, run->out->rows);
        t[k] = (double)w.row * w.h;
        put_row(&w, value + k * run->out->columns);
    }
    egi_doubling_destroy(&w);
    return s;
}

eg_status egi_long_times(struct egi_dynamics *run)
{
    const size_t rows = egi_param_size(run, "points"), n = egi_param_size(run, "n") / 4 * 4;
    const double last = egi_param(run, "t"), first = fmin(1, last / 10);
    struct egi_glass g;
    struct egi_arena arena;
    if (egi_param(run, "snr") > 0)
        egi_glass_planted(run, &g);
    else
        egi_glass_pure(run, &g);
    EGI_TRY(egi_rows(run, rows));
    const size_t cells = rows * run->out->columns;
    const struct egi_need needs[] = { { rows, sizeof(double) }, { cells, sizeof(double) } };
    EGI_TRY(egi_arena_create(run->options->alloc, needs, 2, "long times: rows", &arena));
    double *t = arena.part[0], *coarse = arena.part[1];
    for (size_t k = 0; k < rows; k++)
        t[k] = rows > 1 ? first * pow(last / first, (double)k / (double)(rows - 1)) : last;
    eg_status s = follow(run, &g, n / 2, t, coarse);
    if (s == EG_OK) s = follow(run, &g, n, t, run->out->value);
    run->out->error = 0;
    for (size_t i = 0; i < cells && s == EG_OK; i++)
        run->out->error = fmax(run->out->error, fabs(run->out->value[i] - coarse[i]));
    if (s == EG_OK && !(g.temperature > 0)) {
        const double mu = egi_glass_marginal(&g);
        egi_fact(run, "mu at the threshold", mu);
        if (g.terms == 1) egi_fact(run, "e at the threshold", -mu / g.term[0].power);
        if (g.planted) egi_fact(run, "m at long times", egi_glass_recovered(&g).m);
    }
    egi_arena_destroy(&arena);
    return s;
}
