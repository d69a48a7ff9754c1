/* The mode-coupling equation of schematic models, with a step that doubles.
 *
 *     dC/dt = -T C - int_0^t M(t - s) C'(s) ds,    M = Q'(C) / T,    C(0) = 1
 *
 * A block has points i = 0..n of one step h. The integral is cut at t/2 and its far half taken by
 * parts, so that what changes fast (C, M near 0) is always under a difference, beside a mean over
 * the cell of what changes slowly (Fuchs, Goetze, Hofacker and Latz 1991):
 *
 *     sum_(k <= j) (C_k - C_(k-1)) M'_(i-k+1) + M_0 C_i - M_(i-j) C_j
 *       + sum_(k <= i-j) (M_k - M_(k-1)) C'_(i-k+1),      j = i/2, primes: means over cell k
 *
 * A full block keeps every second point and the means of two cells each, h doubles, and the second
 * half is filled again. The newest cell's mean is (5 y_i + 8 y_(i-1) - y_(i-2)) / 12; dC/dt is the
 * backward difference of second order. What is unknown, C_i, is the root of a C + b Q'(C) / T = f,
 * by Newton. The first half is C = 1 - T t + (T^2 + Q'(1)) t^2 / 2, at times of 1e-5. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dynamics/egi_mode_coupling.h"

#include <string.h>

struct block {
    const struct egi_glass *g;
    size_t n;
    double h;
    double *c, *m;           /* (n + 1) */
    double *c_mean, *m_mean; /* (n + 1) of cell k, from k - 1 to k */
};

static double newest_mean(const double *y, size_t i)
{
    return (5 * y[i] + 8 * y[i - 1] - y[i - 2]) / 12;
}

static double kernel_at(const struct block *b, double c, double *slope)
{
    double q[3];
    egi_glass_at(b->g, c, q);
    *slope = q[2] / b->g->temperature;
    return q[1] / b->g->temperature;
}

static void begin(struct block *b, double scale)
{
    double slope, q[3];
    const double temperature = b->g->temperature;
    egi_glass_at(b->g, 1, q);
    b->h = 1e-5 / scale / (double)b->n;
    for (size_t i = 0; i <= b->n / 2; i++) {
        const double t = (double)i * b->h;
        b->c[i] = 1 - temperature * t + (temperature * temperature + q[1]) * t * t / 2;
        b->m[i] = kernel_at(b, b->c[i], &slope);
        if (i == 0) continue;
        b->c_mean[i] = (b->c[i] + b->c[i - 1]) / 2;
        b->m_mean[i] = (b->m[i] + b->m[i - 1]) / 2;
    }
}

static void next(struct block *b, size_t i)
{
    const double *c = b->c, *m = b->m;
    const size_t j = i / 2;
    const double first_c = c[1] - c[0], first_m = m[1] - m[0];
    double known = -m[i - j] * c[j];
    for (size_t k = 2; k <= j; k++) known += (c[k] - c[k - 1]) * b->m_mean[i - k + 1];
    for (size_t k = 2; k <= i - j; k++) known += (m[k] - m[k - 1]) * b->c_mean[i - k + 1];
    known += first_c * (8 * m[i - 1] - m[i - 2]) / 12 + first_m * (8 * c[i - 1] - c[i - 2]) / 12;
    const double f = (2 * c[i - 1] - c[i - 2] / 2) / b->h - known;
    const double a = 1.5 / b->h + b->g->temperature + m[0] + first_m * 5 / 12;
    double x = 2 * c[i - 1] - c[i - 2], slope, by;
    for (int step = 0; step < 50; step++) {
        const double at = kernel_at(b, x, &slope);
        by = (a * x + first_c * 5 / 12 * at - f) / (a + first_c * 5 / 12 * slope);
        x -= by;
        if (!(fabs(by) > 1e-16)) break;
    }
    b->c[i] = x;
    b->m[i] = kernel_at(b, x, &slope);
    b->c_mean[i] = newest_mean(c, i);
    b->m_mean[i] = newest_mean(m, i);
}

static void halve(struct block *b)
{
    for (size_t k = 1; k <= b->n / 2; k++) {
        b->c[k] = b->c[2 * k];
        b->m[k] = b->m[2 * k];
        b->c_mean[k] = (b->c_mean[2 * k - 1] + b->c_mean[2 * k]) / 2;
        b->m_mean[k] = (b->m_mean[2 * k - 1] + b->m_mean[2 * k]) / 2;
    }
    b->h *= 2;
}

/* The cubic through four points of the block, and its slope. */
static void between(const struct block *b, double t, double *value, double *slope)
{
    size_t from = (size_t)(t / b->h);
    from = from < 1 ? 0 : from > b->n - 2 ? b->n - 3 : from - 1;
    const double u = t / b->h - (double)from;
    double sum = 0, rate = 0;
    for (int i = 0; i < 4; i++) {
        double w = 1, dw = 0;
        for (int j = 0; j < 4; j++) {
            if (j == i) continue;
            dw = (dw * (u - j) + w) / (i - j);
            w *= (u - j) / (i - j);
        }
        sum += w * b->c[from + (size_t)i];
        rate += dw * b->c[from + (size_t)i];
    }
    *value = sum;
    *slope = rate / b->h;
}

eg_status egi_mode_coupling_solve(const struct egi_glass *g, size_t points, const double *t,
                                  size_t times, const eg_progress *progress,
                                  const eg_allocator *alloc, double *c, double *r)
{
    const size_t n = points / 2 * 2;
    const struct egi_need needs[] = { { n + 1, sizeof(double) },
                                      { n + 1, sizeof(double) },
                                      { n + 1, sizeof(double) },
                                      { n + 1, sizeof(double) } };
    struct egi_arena arena;
    double one[3];
    size_t shown = 0;
    eg_status s = EG_OK;
    EGI_TRY(egi_arena_create(alloc, needs, EGI_COUNT(needs), "mode coupling", &arena));
    struct block b = { .g = g,
                       .n = n,
                       .c = arena.part[0],
                       .m = arena.part[1],
                       .c_mean = arena.part[2],
                       .m_mean = arena.part[3] };
    egi_glass_at(g, 1, one);
    begin(&b, g->temperature + one[1] / g->temperature);
    for (int doublings = 0; shown < times && s == EG_OK; doublings++, halve(&b)) {
        for (size_t i = n / 2 + 1; i <= n; i++) next(&b, i);
        for (; shown < times && t[shown] <= b.h * (double)n; shown++) {
            double slope;
            between(&b, t[shown], &c[shown], &slope);
            r[shown] = -slope / g->temperature;
        }
        if (!(fabs(b.c[n]) <= 1 + 1e-6))
            s = egi_fail(EG_ERR_DIVERGED, "mode coupling: C = %g at t = %g", b.c[n],
                         b.h * (double)n);
        if (s == EG_OK) s = egi_report(progress, "doublings", (uint64_t)doublings, 0);
    }
    egi_arena_destroy(&arena);
    return s;
}

double egi_plateau(const struct egi_glass *g)
{
    const double square = g->temperature * g->temperature;
    double q = 1, at[3];
    for (int step = 0; step < 1000000; step++) { /* falls to the largest root */
        egi_glass_at(g, q, at);
        const double to = at[1] / (square + at[1]);
        if (!(q - to > 1e-16)) break;
        q = to;
    }
    return q > 1e-4 ? q : 0;
}

eg_status egi_mode_coupling(struct egi_dynamics *run)
{
    const size_t points = egi_param_size(run, "n"), rows = egi_param_size(run, "points");
    const double last = egi_param(run, "t");
    struct egi_glass g;
    struct egi_arena arena;
    egi_glass_pure(run, &g);
    const struct egi_need needs[] = { { rows, sizeof(double) },
                                      { 2 * rows, sizeof(double) },
                                      { 2 * rows, sizeof(double) } };
    EGI_TRY(egi_arena_create(run->options->alloc, needs, 3, "mode coupling: rows", &arena));
    double *t = arena.part[0], *coarse = arena.part[1], *fine = arena.part[2];
    for (size_t k = 0; k < rows; k++)
        t[k] = last * pow(10, rows > 1 ? 5 * ((double)k / (double)(rows - 1) - 1) : 0);
    const eg_progress *p = run->options->progress;
    const eg_allocator *a = run->options->alloc;
    eg_status s = egi_rows(run, rows);
    if (s == EG_OK)
        s = egi_mode_coupling_solve(&g, points / 2, t, rows, p, a, coarse, coarse + rows);
    if (s == EG_OK) s = egi_mode_coupling_solve(&g, points, t, rows, p, a, fine, fine + rows);
    const double plateau = egi_plateau(&g);
    run->out->error = 0;
    for (size_t k = 0; k < rows && s == EG_OK; k++) {
        double *row = egi_row_at(run, k);
        row[0] = t[k];
        row[1] = fine[k];
        row[2] = fine[rows + k];
        row[3] = plateau;
        run->out->error = fmax(run->out->error, fabs(fine[k] - coarse[k]) / 3);
    }
    egi_fact(run, "plateau", plateau);
    egi_arena_destroy(&arena);
    return s;
}
