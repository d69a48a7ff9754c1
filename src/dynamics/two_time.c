/* The Cugliandolo-Kurchan equations on a fixed grid, by Heun's method with trapezoids: second
 * order. For t > t' (Cugliandolo and Kurchan 1993; Crisanti, Horner and Sommers 1993; with a
 * signal, Sarao Mannelli et al. 2020),
 *
 *     dC/dt = -mu C + int_0^t R(t,s) Q''(C(t,s)) C(t',s) + int_0^t' R(t',s) Q'(C(t,s)) + Q'(m) m'
 *     dR/dt = -mu R + int_t'^t R(t,s) Q''(C(t,s)) R(s,t')
 *     dm/dt = -mu m + Q'(m) + int_0^t R(t,s) Q''(C(t,s)) m(s)
 *     mu = T + int_0^t R (Q' + Q'' C) + Q'(m) m,     e = -Q(m) - int_0^t R Q'
 *
 * the terms in m of a planted model alone. With a_s = w_s R(t,s) Q''(C(t,s)) and b_s = w_s
 * Q'(C(t,s)), w the trapezoid's weights, every integral of a row is one of four products with the
 * triangles of C and R: <C_j, a> for s <= t', sum_j a_j C_j for s > t', <R_j, b> and sum_j a_j R_j.
 * Each number of the triangles is so read once a row, for two multiply-adds: 2 n^3 in all with
 * Heun's two evaluations, on n^2 numbers of memory.
 *
 * mu and e come from the same sums, so that mu = T - p e of a pure model holds to rounding at any
 * step. C(t,t) = 1 and R(t,t) = 1 are kept, not integrated.
 *
 * Hazards: explicit, so h mu < 2 is needed; C stays in [-1, 1], and a row that leaves it has
 * diverged. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dynamics/egi_two_time.h"

#include <string.h>

enum { ALONE = 512 }; /* rows below which one part is all */

eg_status egi_two_time_create(const struct egi_glass *g, double h, size_t n, size_t max_bytes,
                              int threads, const eg_allocator *alloc, struct egi_two_time *out)
{
    const size_t limit = max_bytes != 0 ? max_bytes : (size_t)4 << 30;
    if (n > (size_t)1 << 20)
        return egi_fail(EG_ERR_LIMIT, "%zu steps of time, at most %d", n, 1 << 20);
    const size_t wide = (n / EGI_LINE_LANES + 1) * EGI_LINE_LANES;
    const size_t cells = egi_row_from(wide);
    if (cells > limit / (2 * sizeof(double)))
        return egi_fail(EG_ERR_LIMIT, "%zu steps of time need %zu bytes, at most %zu", n,
                        2 * cells * sizeof(double), limit);
    const struct egi_need needs[] = { { cells, sizeof(double) },
                                      { cells, sizeof(double) },
                                      { 3 * (n + 1), sizeof(double) },
                                      { 2 * wide, sizeof(double) },
                                      { 4 * wide, sizeof(double) },
                                      { 2 * wide, sizeof(double) },
                                      { 2 * EGI_PARTS * wide, sizeof(double) } };
    struct egi_two_time w = { .glass = *g, .n = n, .h = h, .threads = threads };
    EGI_TRY(egi_arena_create(alloc, needs, EGI_COUNT(needs), "grid of two times", &w.arena));
    double *const *part = (double *const *)(void *)w.arena.part;
    w.c = part[0];
    w.r = part[1];
    w.m = part[2];
    w.mu = w.m + n + 1;
    w.e = w.mu + n + 1;
    w.a = part[3];
    w.b = w.a + wide;
    w.dc = part[4];
    w.dr = w.dc + 2 * wide;
    w.left = part[5];
    w.right = w.left + wide;
    w.sum = part[6];
    w.wide = wide;
    w.cells = cells;
    w.kernels = egi_kernels_line(egi_isa_level());
    memset(w.c, 0, cells * sizeof(double));
    memset(w.r, 0, cells * sizeof(double));
    w.c[0] = w.r[0] = 1;
    w.m[0] = g->m0;
    *out = w;
    return EG_OK;
}

void egi_two_time_destroy(struct egi_two_time *w)
{
    egi_arena_destroy(&w->arena);
}

struct sums {
    struct egi_two_time *w;
    size_t groups, parts; /* of 8 rows; what they are cut into */
};

/* Parts of equal area: the work of a group grows with its number. */
static size_t group_from(const struct sums *s, size_t part)
{
    return (size_t)((double)s->groups * sqrt((double)part / (double)s->parts));
}

static void sum_part(void *arg, size_t part)
{
    const struct sums *s = arg;
    struct egi_two_time *w = s->w;
    double *up = w->sum + 2 * part * w->wide, *down = up + w->wide;
    const size_t end = group_from(s, part + 1);
    memset(up, 0, EGI_LINE_LANES * end * sizeof *up);
    memset(down, 0, EGI_LINE_LANES * end * sizeof *down);
    for (size_t q = group_from(s, part); q < end; q++)
        for (size_t i = EGI_LINE_LANES * q; i < EGI_LINE_LANES * (q + 1); i += EGI_LINES) {
            const size_t d = EGI_LINE_LANES * (q + 1);
            w->kernels->both(w->c + egi_row_from(i), d, w->a, w->a + i, up, w->left + i);
            w->kernels->both(w->r + egi_row_from(i), d, w->b, w->a + i, down, w->right + i);
        }
}

/* The four sums of row i: below in left and right, above in up and down. The last part reaches
 * every column; the others are added to it in their order. */
static void sum_all(struct egi_two_time *w, size_t i)
{
    struct sums s = { w, i / EGI_LINE_LANES + 1, i < ALONE ? 1 : EGI_PARTS };
    egi_parallel_for(s.parts, egi_crew(w->threads, 2.0 * (double)i * (double)i), sum_part, &s);
    w->up = w->sum + 2 * (s.parts - 1) * w->wide;
    w->down = w->up + w->wide;
    for (size_t part = 0; part + 1 < s.parts; part++) {
        const double *from = w->sum + 2 * part * w->wide;
        for (size_t j = 0; j < EGI_LINE_LANES * group_from(&s, part + 1); j++) {
            w->up[j] += from[j];
            w->down[j] += from[w->wide + j];
        }
    }
}

/* Weights of row i, zeros behind it. */
static void weigh(struct egi_two_time *w, size_t i)
{
    const double *c = w->c + egi_row_from(i), *r = w->r + egi_row_from(i);
    const size_t padded = EGI_LINE_LANES * (i / EGI_LINE_LANES + 1);
    memset(w->a, 0, padded * sizeof *w->a);
    memset(w->b, 0, padded * sizeof *w->b);
    for (size_t s = 0; i > 0 && s <= i; s++) {
        double q[3];
        egi_glass_at(&w->glass, c[s], q);
        const double by = s == 0 || s == i ? w->h / 2 : w->h;
        w->a[s] = by * r[s] * q[2];
        w->b[s] = (s == 0 ? w->h / 2 : w->h) * q[1];
    }
}

/* Rates of row i into slot 0 or 1; mu and e. */
static void rates(struct egi_two_time *w, size_t i, int slot)
{
    double *dc = w->dc + (size_t)slot * w->wide, *dr = w->dr + (size_t)slot * w->wide;
    const double *c = w->c + egi_row_from(i), *r = w->r + egi_row_from(i);
    double q[3], pull = 0;
    weigh(w, i);
    sum_all(w, i);
    egi_glass_at(&w->glass, w->m[i], q);
    if (!w->glass.planted) q[0] = q[1] = 0;
    const double *up = w->up, *down = w->down;
    /* half of the last point of a trapezoid, and what was counted twice on the diagonal */
    const double last = i > 0 ? w->b[i] / 2 : 0;
    const double noise = w->left[i] + up[i] - w->a[i], force = w->right[i] - last;
    const double mu = w->glass.temperature + noise + force + q[1] * w->m[i];
    for (size_t j = 0; j <= i; j++) {
        const double below = j > 0 ? w->right[j] - w->b[j] / 2 : 0;
        const double between = j > 0 ? down[j] - w->a[j] / 2 : down[j];
        dc[j] = -mu * c[j] + w->left[j] + up[j] - w->a[j] + below + q[1] * w->m[j];
        dr[j] = -mu * r[j] + (j < i ? between : 0);
        pull += w->a[j] * w->m[j];
    }
    w->dm[slot] = w->glass.planted ? -mu * w->m[i] + q[1] + pull : 0;
    w->mu[i] = mu;
    w->e[i] = -q[0] - force;
}

static eg_status check_row(const struct egi_two_time *w, size_t i)
{
    const double *c = w->c + egi_row_from(i), *r = w->r + egi_row_from(i);
    double most = fabs(w->m[i]), response = 0;
    for (size_t j = 0; j <= i; j++) {
        if (!(fabs(c[j]) <= most)) most = fabs(c[j]);
        response += fabs(r[j]);
    }
    if (most <= 1.05 && isfinite(response) && w->h * fabs(w->mu[i]) < 2) return EG_OK;
    return egi_fail(EG_ERR_DIVERGED,
                    "the grid of two times diverges at t = %g: steps of %g, mu = %g, |C| up to "
                    "%g; choose more steps, of at most %g",
                    (double)i * w->h, w->h, w->mu[i], most, fmin(0.5 / fabs(w->mu[i]), w->h / 2));
}

eg_status egi_two_time_step(struct egi_two_time *w)
{
    const size_t i = w->done, from = egi_row_from(i), to = egi_row_from(i + 1);
    if (i >= w->n) return EG_END;
    const double *dc = w->dc, *dr = w->dr, h = w->h;
    rates(w, i, 0); /* a step may begin anew from a file, so it asks nothing of the one before */
    EGI_TRY(check_row(w, i));
    for (size_t j = 0; j <= i; j++) {
        w->c[to + j] = w->c[from + j] + h * dc[j];
        w->r[to + j] = w->r[from + j] + h * dr[j];
    }
    w->c[to + i + 1] = w->r[to + i + 1] = 1;
    w->m[i + 1] = w->m[i] + h * w->dm[0];
    rates(w, i + 1, 1);
    for (size_t j = 0; j <= i; j++) {
        w->c[to + j] = w->c[from + j] + h / 2 * (dc[j] + dc[w->wide + j]);
        w->r[to + j] = w->r[from + j] + h / 2 * (dr[j] + dr[w->wide + j]);
    }
    w->m[i + 1] = w->m[i] + h / 2 * (w->dm[0] + w->dm[1]);
    w->done = i + 1;
    if (w->done == w->n) {
        rates(w, w->n, 0); /* mu and e of the last row */
        EGI_TRY(check_row(w, w->n));
    }
    return EG_OK;
}
