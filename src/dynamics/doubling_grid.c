/* The two-time equations on a block of n rows whose step doubles when it is full (scheme of Kim and
 * Latz 2001, and of Berthier and Biroli): C, and in the place of R its integral,
 *
 *     F(t,t') = int_t'^t R(t,s) ds,   dF/dt = 1 - mu F + int_t'^t R(t,s) Q''(C(t,s)) F(s,t') ds
 *
 * C as in time_grid.c. What is fast within a cell (C and R near the diagonal and near t' = 0) is
 * kept as integrals over the cell: means of C, Q'(C) and F, means weighted by R, and first moments
 * of R and of R Q''(C). A product of a fast and a slow function is then the mean of the one times
 * the other at its centre of mass; a doubled step adds these integrals, so that they stay those of
 * the finest grid.
 *
 * A new row takes its means from parabolas through its points, plus what row n/2, whose integrals
 * are known, has beside such parabolas as many points from the diagonal or from t' = 0; and so too
 * for what is left of its equations (backward differences of second order), where both functions
 * are fast. It is found by iteration.
 *
 * Hazards: below the temperature of arrest F near the diagonal is a double root of its equation for
 * long steps: from some tens on (35 to 70 for Q = x^3/3) the iteration has no limit, and the run is
 * refused; a longer time needs more points. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dynamics/egi_doubling.h"

#include <string.h>

#include "dynamics/egi_two_time.h"

enum {
    OFF_ROW_C,
    OFF_ROW_Q1,
    OFF_ROW_F,
    OFF_R_Q2,
    OFF_R_Q1,
    OFF_R_Q2C,
    OFF_R_Q2S,
    OFF_DOWN_C,
    OFF_DOWN_F,
    OFF_C,
    OFF_F
};
enum { ROWS = 7, MEANS = 9, ITERATIONS = 3000 };

static double *row_of(const struct egi_doubling *w, int which, size_t i)
{
    return w->square[which] + i * w->wide;
}

static double *off_of(const struct egi_doubling *w, int which)
{
    return w->line[EGI_D_OFF + which];
}

/* 1 within n/16 points, 0 from n/8 on. */
static double near(const struct egi_doubling *w, size_t points)
{
    const double x = 2 - 8 * (double)points / (double)w->n;
    return x > 1 ? 1 : x > 0 ? x : 0;
}

/* What row n/2 has beside at as many points from the diagonal, and from the beginning. */
static double off_at(const struct egi_doubling *w, int which, size_t i, size_t j)
{
    const double *off = off_of(w, which), late = near(w, i - j), early = near(w, j);
    return (late > 0 ? late * off[j - (i - w->n / 2)] : 0) + (early > 0 ? early * off[j] : 0);
}

/* Mean over the newest cell of a parabola, of three points or of a point, its slope and a second.
 */
static double mean3(double y2, double y1, double y0)
{
    return (5 * y2 + 8 * y1 - y0) / 12;
}

/* Means of row i without what they have beside: out by OFF_* */
static void row_means(const struct egi_doubling *w, size_t i, size_t k, double *out)
{
    const double *c = row_of(w, EGI_D_C, i), *f = row_of(w, EGI_D_F, i);
    const size_t d = k >= 2 ? k - 2 : k + 1, a = k >= 2 ? k : k - 1, b = k >= 2 ? k - 1 : k;
    double q[3][3];
    egi_glass_at(&w->glass, c[a], q[0]);
    egi_glass_at(&w->glass, c[b], q[1]);
    egi_glass_at(&w->glass, c[d], q[2]);
    const double sign = k >= 2 ? 1 : -1;
    out[OFF_ROW_C] = mean3(c[a], c[b], c[d]);
    out[OFF_ROW_Q1] = mean3(q[0][1], q[1][1], q[2][1]);
    out[OFF_ROW_F] = mean3(f[a], f[b], f[d]);
    out[OFF_R_Q2] = mean3(q[0][2], q[1][2], q[2][2]);
    out[OFF_R_Q1] = out[OFF_ROW_Q1];
    out[OFF_R_Q2C] = mean3(q[0][2] * c[a], q[1][2] * c[b], q[2][2] * c[d]);
    out[OFF_R_Q2S] = sign * (q[0][2] - q[1][2]) / 12;
}

static void down_means(const struct egi_doubling *w, size_t i, size_t j, double *out)
{
    const double *c = row_of(w, EGI_D_C, i), *f = row_of(w, EGI_D_F, i);
    const double *c1 = row_of(w, EGI_D_C, i - 1), *f1 = row_of(w, EGI_D_F, i - 1);
    if (j + 1 == i) {
        out[OFF_DOWN_C] = (2 + c[j]) / 3 - w->h * w->glass.temperature / 6;
        out[OFF_DOWN_F] = f[j] / 3 + w->h / 6;
    } else {
        const double *c2 = row_of(w, EGI_D_C, i - 2), *f2 = row_of(w, EGI_D_F, i - 2);
        out[OFF_DOWN_C] = mean3(c[j], c1[j], c2[j]);
        out[OFF_DOWN_F] = mean3(f[j], f1[j], f2[j]);
    }
}

static const int row_square[ROWS] = { EGI_D_ROW_C, EGI_D_ROW_Q1, EGI_D_ROW_F, EGI_D_R_Q2,
                                      EGI_D_R_Q1,  EGI_D_R_Q2C,  EGI_D_R_Q2S };
static const int down_square[2] = { EGI_D_DOWN_C, EGI_D_DOWN_F };

/* Means weighted by R, of a line through both ends. */
static void lean(const struct egi_doubling *w, size_t i, size_t k, double step, double moment,
                 double *out)
{
    const double *c = row_of(w, EGI_D_C, i);
    double q[2][3];
    const double by = fabs(step) > 1e-300 ? fmax(fmin(moment / step, .5), -.5) : 0;
    egi_glass_at(&w->glass, c[k - 1], q[0]);
    egi_glass_at(&w->glass, c[k], q[1]);
    out[OFF_R_Q2S] += by * out[OFF_R_Q2];
    out[OFF_R_Q2] += by * (q[1][2] - q[0][2]);
    out[OFF_R_Q1] += by * (q[1][1] - q[0][1]);
    out[OFF_R_Q2C] += by * (q[1][2] * c[k] - q[0][2] * c[k - 1]);
}

static void means(const struct egi_doubling *w, size_t i, int with)
{
    double out[MEANS];
    const double *f = row_of(w, EGI_D_F, i);
    for (size_t k = 1; k <= i; k++) {
        row_means(w, i, k, out);
        const double mean_f = out[OFF_ROW_F] + (with ? off_at(w, OFF_ROW_F, i, k) : 0);
        lean(w, i, k, f[k - 1] - f[k], mean_f - (f[k] + f[k - 1]) / 2, out);
        for (int t = 0; t < ROWS; t++)
            row_of(w, row_square[t], i)[k] = out[t] + (with ? off_at(w, t, i, k) : 0);
        row_of(w, EGI_D_STEP, i)[k] = f[k - 1] - f[k];
        row_of(w, EGI_D_LEAN, i)[k] = mean_f - (f[k] + f[k - 1]) / 2;
    }
    for (size_t j = 0; j < i; j++) {
        down_means(w, i, j, out);
        for (int t = 0; t < 2; t++)
            row_of(w, down_square[t], i)[j] =
                out[OFF_DOWN_C + t] + (with ? off_at(w, OFF_DOWN_C + t, i, j) : 0);
    }
    const double *m = w->line[EGI_D_M];
    w->line[EGI_D_MEAN_M][i] = i >= 2 ? mean3(m[i], m[i - 1], m[i - 2]) : (m[i] + m[i - 1]) / 2;
}

/* mu, e and the sums of row i from its means. */
static void sums(struct egi_doubling *w, size_t i)
{
    double *weight = w->line[EGI_D_W], *c = w->line[EGI_D_SUM_C], *f = w->line[EGI_D_SUM_F];
    const double *step = row_of(w, EGI_D_STEP, i), *q2 = row_of(w, EGI_D_R_Q2, i);
    const double *q1 = row_of(w, EGI_D_R_Q1, i), *q2c = row_of(w, EGI_D_R_Q2C, i);
    const double *rq = row_of(w, EGI_D_ROW_Q1, i), *m = w->line[EGI_D_M];
    const double *q2s = row_of(w, EGI_D_R_Q2S, i), *ci = row_of(w, EGI_D_C, i);
    double *first = w->line[EGI_D_W1], *slope = w->line[EGI_D_Q1];
    double force = 0, noise = 0, q[3];
    egi_glass_at(&w->glass, m[i], q);
    if (!w->glass.planted) q[0] = q[1] = 0;
    weight[0] = 0;
    for (size_t k = 1; k <= i; k++) {
        double a[3], b[3];
        egi_glass_at(&w->glass, ci[k - 1], a);
        egi_glass_at(&w->glass, ci[k], b);
        slope[k] = b[1] - a[1];
        weight[k] = step[k] * q2[k];
        first[k] = step[k] * q2s[k];
        force += step[k] * q1[k];
        noise += step[k] * q2c[k];
    }
    w->line[EGI_D_MU][i] = w->glass.temperature + force + noise + q[1] * m[i];
    w->line[EGI_D_E][i] = -q[0] - force;
    for (size_t j = 0; j <= i; j++) {
        c[j] = j == 0 ? 0
                      : w->kernels->dot(weight + 1, row_of(w, EGI_D_ROW_C, j) + 1, j)
                            + w->kernels->dot(rq + 1, row_of(w, EGI_D_STEP, j) + 1, j)
                            + w->kernels->dot(slope + 1, row_of(w, EGI_D_LEAN, j) + 1, j);
        const double *cj = row_of(w, EGI_D_C, j);
        for (size_t k = 1; k <= j; k++) c[j] += first[k] * (cj[k] - cj[k - 1]);
        c[j] += q[1] * m[j];
        f[j] = 0;
    }
    for (size_t k = 1; k <= i; k++) {
        const double by = weight[k], *dc = row_of(w, EGI_D_DOWN_C, k),
                     *df = row_of(w, EGI_D_DOWN_F, k);
        const double *c1 = row_of(w, EGI_D_C, k), *c0 = row_of(w, EGI_D_C, k - 1);
        const double *f1 = row_of(w, EGI_D_F, k), *f0 = row_of(w, EGI_D_F, k - 1);
        for (size_t j = 0; j < k; j++) {
            c[j] += by * dc[j] + first[k] * (c1[j] - c0[j]);
            f[j] += by * df[j] + first[k] * (f1[j] - f0[j]);
        }
    }
}

/* What is known of the time derivative at (i, j): rate = lead y_i + rest. */
static void rate_of(const struct egi_doubling *w, size_t i, size_t j, int which, double *lead,
                    double *rest)
{
    if (j + 1 == i) {
        const double at = which == EGI_D_C ? 1 : 0,
                     slope = which == EGI_D_C ? -w->glass.temperature : 1;
        *lead = 2 / w->h;
        *rest = -2 * at / w->h - slope;
    } else {
        *lead = 1.5 / w->h;
        *rest = (row_of(w, which, i - 2)[j] / 2 - 2 * row_of(w, which, i - 1)[j]) / w->h;
    }
}

/* One step of the row towards what its equations ask; the largest change. */
static double improve(struct egi_doubling *w, size_t i)
{
    double *c = row_of(w, EGI_D_C, i), *f = row_of(w, EGI_D_F, i), *m = w->line[EGI_D_M];
    const double mu = w->line[EGI_D_MU][i], *weight = w->line[EGI_D_W];
    double most = 0, lead, rest, q[3];
    for (size_t j = 0; j < i; j++) {
        rate_of(w, i, j, EGI_D_C, &lead, &rest);
        const double to_c = (off_at(w, OFF_C, i, j) - rest + w->line[EGI_D_SUM_C][j]) / (lead + mu);
        rate_of(w, i, j, EGI_D_F, &lead, &rest);
        const double to_f =
            (off_at(w, OFF_F, i, j) - rest + 1 + w->line[EGI_D_SUM_F][j]) / (lead + mu);
        const double by = fmax(fabs(to_c - c[j]), fabs(to_f - f[j]));
        if (!(by <= most)) most = by;
        c[j] = to_c;
        f[j] = to_f;
    }
    if (w->glass.planted) {
        double pull = 0;
        egi_glass_at(&w->glass, m[i], q);
        for (size_t k = 1; k <= i; k++) pull += weight[k] * w->line[EGI_D_MEAN_M][k];
        rest = (m[i - 2] / 2 - 2 * m[i - 1]) / w->h;
        const double to = (q[1] + pull - rest) / (1.5 / w->h + mu), by = fabs(to - m[i]);
        if (!(by <= most)) most = by;
        m[i] = to;
    }
    return most;
}

/* What a row that is known has beside the formulas for its means, and its equations leave. */
static void learn(struct egi_doubling *w)
{
    const size_t i = w->n / 2;
    double out[MEANS], lead, rest;
    const double *c = row_of(w, EGI_D_C, i), *f = row_of(w, EGI_D_F, i);
    for (size_t k = 1; k <= i; k++) {
        row_means(w, i, k, out);
        lean(w, i, k, row_of(w, EGI_D_STEP, i)[k], row_of(w, EGI_D_LEAN, i)[k], out);
        for (int t = 0; t < ROWS; t++) off_of(w, t)[k] = row_of(w, row_square[t], i)[k] - out[t];
    }
    for (size_t j = 0; j < i; j++) {
        down_means(w, i, j, out);
        for (int t = 0; t < 2; t++)
            off_of(w, OFF_DOWN_C + t)[j] = row_of(w, down_square[t], i)[j] - out[OFF_DOWN_C + t];
    }
    sums(w, i);
    const double mu = w->line[EGI_D_MU][i];
    for (size_t j = 0; j < i; j++) {
        rate_of(w, i, j, EGI_D_C, &lead, &rest);
        off_of(w, OFF_C)[j] = lead * c[j] + rest + mu * c[j] - w->line[EGI_D_SUM_C][j];
        rate_of(w, i, j, EGI_D_F, &lead, &rest);
        off_of(w, OFF_F)[j] = lead * f[j] + rest - 1 + mu * f[j] - w->line[EGI_D_SUM_F][j];
    }
}

static void contract(struct egi_doubling *w)
{
    static const int mean_rows[] = { EGI_D_ROW_C, EGI_D_ROW_Q1, EGI_D_ROW_F };
    static const int weighted[] = { EGI_D_R_Q2, EGI_D_R_Q1, EGI_D_R_Q2C };
    for (size_t i = 1; i <= w->n / 2; i++) {
        double *m = w->line[EGI_D_MEAN_M];
        m[i] = (m[2 * i - 1] + m[2 * i]) / 2;
        for (size_t t = 0; t < 3; t++) w->line[t][i] = w->line[t][2 * i]; /* m, mu, e */
        const double *s = row_of(w, EGI_D_STEP, 2 * i);
        for (size_t k = 1; k <= i; k++) {
            const double all = s[2 * k - 1] + s[2 * k];
            const double *q2 = row_of(w, EGI_D_R_Q2, 2 * i), *z = row_of(w, EGI_D_R_Q2S, 2 * i);
            const double w1 = s[2 * k - 1] * q2[2 * k - 1], w2 = s[2 * k] * q2[2 * k];
            const double both =
                (s[2 * k - 1] * z[2 * k - 1] + s[2 * k] * z[2 * k]) / 2 + (w2 - w1) / 4;
            const double new_z = fabs(all) > 1e-300 ? both / all : 0;
            for (size_t t = 0; t < 3; t++) {
                const double *y = row_of(w, mean_rows[t], 2 * i);
                row_of(w, mean_rows[t], i)[k] = (y[2 * k - 1] + y[2 * k]) / 2;
            }
            for (size_t t = 0; t < 3; t++) {
                const double *y = row_of(w, weighted[t], 2 * i);
                row_of(w, weighted[t], i)[k] =
                    fabs(all) > 1e-300 ? (s[2 * k - 1] * y[2 * k - 1] + s[2 * k] * y[2 * k]) / all
                                       : (y[2 * k - 1] + y[2 * k]) / 2;
            }
            row_of(w, EGI_D_R_Q2S, i)[k] = new_z;
        }
        for (size_t j = 0; j < i; j++)
            for (size_t t = 0; t < 2; t++) {
                const double *a = row_of(w, down_square[t], 2 * i - 1),
                             *b = row_of(w, down_square[t], 2 * i);
                row_of(w, down_square[t], i)[j] = (a[2 * j] + b[2 * j]) / 2;
            }
        double *step = row_of(w, EGI_D_STEP, i), *l = row_of(w, EGI_D_LEAN, i);
        const double *l2 = row_of(w, EGI_D_LEAN, 2 * i);
        for (size_t k = 1; k <= i; k++)
            l[k] = (l2[2 * k - 1] + l2[2 * k]) / 2 + (s[2 * k] - s[2 * k - 1]) / 4;
        for (size_t k = 1; k <= i; k++) step[k] = s[2 * k - 1] + s[2 * k];
        for (size_t j = 0; j <= i; j++) {
            row_of(w, EGI_D_C, i)[j] = row_of(w, EGI_D_C, 2 * i)[2 * j];
            row_of(w, EGI_D_F, i)[j] = row_of(w, EGI_D_F, 2 * i)[2 * j];
        }
    }
    w->h *= 2;
    w->row = w->n / 2;
}

static void predict(struct egi_doubling *w, size_t i)
{
    double *c = row_of(w, EGI_D_C, i), *f = row_of(w, EGI_D_F, i), *m = w->line[EGI_D_M];
    for (size_t j = 0; j < i; j++) {
        const size_t a = 2 * j > i && j > 0 ? j - 1 : j, b = 2 * j > i && j > 1 ? j - 2 : j;
        c[j] = 2 * row_of(w, EGI_D_C, i - 1)[a] - row_of(w, EGI_D_C, i - 2)[b];
        f[j] = 2 * row_of(w, EGI_D_F, i - 1)[a] - row_of(w, EGI_D_F, i - 2)[b];
    }
    c[i] = 1;
    f[i] = 0;
    m[i] = 2 * m[i - 1] - m[i - 2];
}

eg_status egi_doubling_step(struct egi_doubling *w)
{
    if (w->row == w->n) {
        contract(w);
        learn(w);
    }
    const size_t i = w->row + 1;
    predict(w, i);
    double by = INFINITY;
    size_t step = 0;
    for (; step < ITERATIONS && !(by < w->tolerance); step++) {
        means(w, i, 1);
        sums(w, i);
        by = improve(w, i);
        if (!(by < 1e3)) break;
    }
    w->iterations += step;
    means(w, i, 1);
    sums(w, i);
    if (!(by < w->tolerance))
        return egi_fail(EG_ERR_DIVERGED,
                        "the grid that doubles does not converge at t = %g: changes of %g; choose "
                        "n above %zu, or an earlier end",
                        (double)i * w->h, by, w->n);
    w->row = i;
    return EG_OK;
}

static eg_status begin(struct egi_doubling *w, const eg_allocator *alloc)
{
    struct egi_two_time first;
    double one[3];
    egi_glass_at(&w->glass, 1, one);
    w->h = .01 / (w->glass.temperature + sqrt(one[2]) + one[1]);
    EGI_TRY(egi_two_time_create(&w->glass, w->h, w->n / 2, 0, 1, alloc, &first));
    eg_status s = EG_OK;
    while (first.done < first.n && s == EG_OK) s = egi_two_time_step(&first);
    for (size_t i = 0; i <= w->n / 2 && s == EG_OK; i++) {
        double *c = row_of(w, EGI_D_C, i), *f = row_of(w, EGI_D_F, i);
        w->line[EGI_D_M][i] = first.m[i];
        f[i] = 0;
        for (size_t j = i + 1; j-- > 0;) {
            c[j] = egi_c(&first, i, j);
            if (j < i) f[j] = f[j + 1] + w->h * (egi_r(&first, i, j) + egi_r(&first, i, j + 1)) / 2;
        }
        if (i > 0) means(w, i, 0);
    }
    egi_two_time_destroy(&first);
    if (s == EG_OK) {
        w->row = w->n / 2;
        for (size_t i = 0; i <= w->row; i++) sums(w, i);
        learn(w);
    }
    return s;
}

eg_status egi_doubling_create(const struct egi_glass *g, size_t n, size_t max_bytes,
                              const eg_allocator *alloc, struct egi_doubling *out)
{
    struct egi_doubling w = { .glass = *g, .n = n / 2 * 2, .tolerance = 1e-9 };
    const size_t limit = max_bytes != 0 ? max_bytes : (size_t)4 << 30;
    w.wide = (w.n / EGI_LINE_LANES + 1) * EGI_LINE_LANES;
    const size_t cells = (w.n + 1) * w.wide;
    if (cells > limit / (EGI_D_SQUARES * sizeof(double)))
        return egi_fail(EG_ERR_LIMIT, "%zu points need %zu bytes, at most %zu", n,
                        EGI_D_SQUARES * cells * sizeof(double), limit);
    const struct egi_need needs[] = { { EGI_D_SQUARES * cells, sizeof(double) },
                                      { EGI_D_LINES * w.wide, sizeof(double) } };
    EGI_TRY(egi_arena_create(alloc, needs, 2, "doubling grid", &w.arena));
    double *at = w.arena.part[0];
    memset(at, 0, EGI_D_SQUARES * cells * sizeof(double));
    for (size_t k = 0; k < EGI_D_SQUARES; k++, at += cells) w.square[k] = at;
    at = w.arena.part[1];
    memset(at, 0, EGI_D_LINES * w.wide * sizeof(double));
    for (size_t k = 0; k < EGI_D_LINES; k++, at += w.wide) w.line[k] = at;
    w.kernels = egi_kernels_line(egi_isa_level());
    const eg_status s = begin(&w, alloc);
    if (s == EG_OK)
        *out = w;
    else
        egi_arena_destroy(&w.arena);
    return s;
}

void egi_doubling_destroy(struct egi_doubling *w)
{
    egi_arena_destroy(&w->arena);
}
