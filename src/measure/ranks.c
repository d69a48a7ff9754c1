/* Ranks of methods over data sets.
 *
 * Wilcoxon exactly: ranks are whole multiples of a half, so of 2 W there are at most n (n + 1) + 1
 * values, and the number of choices of signs that give each is a product of polynomials
 * prod_i (1 + x^(2 r_i)), built one rank after the other. Ties change the exponents, not the
 * method.
 *
 * Nemenyi's difference is q sqrt(M (M + 1) / (6 S)) with q the 0.95 quantile of the range of M
 * normal numbers over sqrt(2) (Demsar 2006). The distribution of the range is
 *     P(R <= q) = M int phi(x) (Phi(x) - Phi(x - q))^(M - 1) dx
 * (Gibbons and Chakraborti 2003, 2.7), by the trapezoid rule, which for a smooth integrand that
 * vanishes at both ends converges faster than any power of the step. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/ranks.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/egi_base.h"

enum { EXACT_MAX = 200 };

struct ranked {
    double value;
    size_t at;
};

static int rising(const void *a, const void *b)
{
    const double x = ((const struct ranked *)a)->value, y = ((const struct ranked *)b)->value;
    return (x > y) - (x < y);
}

/* Twice the ranks (n), 2 the smallest value, equal ones the mean; returns sum of t^3 - t over ties
 * of t. */
static double twice_ranks(struct ranked *r, size_t n, size_t *twice)
{
    double ties = 0;
    qsort(r, n, sizeof *r, rising);
    for (size_t i = 0, end; i < n; i = end) {
        for (end = i + 1; end < n && r[end].value == r[i].value; end++) continue;
        const double t = (double)(end - i);
        for (size_t k = i; k < end; k++) twice[r[k].at] = i + end + 1;
        ties += t * t * t - t;
    }
    return ties;
}

static eg_status check_finite(const double *v, size_t n, const char *what)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(v[i]))
            return egi_fail(EG_ERR_INVALID, "%s[%zu] is %g, expected a finite number", what, i,
                            v[i]);
    return EG_OK;
}

/* ---- two methods ---- */

/* P(2 W <= least or 2 W >= all - least) when every sign is as likely. ways (all + 1). */
static double exact(const size_t *twice, size_t n, size_t all, size_t least, double *ways)
{
    double below = 0;
    size_t reached = 0;
    memset(ways, 0, (all + 1) * sizeof *ways);
    ways[0] = 1;
    for (size_t i = 0; i < n; i++) {
        reached += twice[i];
        for (size_t s = reached; s >= twice[i]; s--) /* halved: the sum stays 1 */
            ways[s] = (ways[s] + ways[s - twice[i]]) / 2;
        for (size_t s = 0; s < twice[i]; s++) ways[s] /= 2;
    }
    for (size_t s = 0; s <= least; s++) below += ways[s];
    return fmin(1, 2 * below);
}

/* With the correction of the variance for ties, and one half for continuity. */
static double approximate(double least, size_t n, double ties)
{
    const double m = (double)n, mean = m * (m + 1) / 4;
    const double variance = m * (m + 1) * (2 * m + 1) / 24 - ties / 48;
    const double z = (mean - least - 0.5) / sqrt(variance);
    return z > 0 ? fmin(1, erfc(z / sqrt(2))) : 1;
}

eg_status eg_signed_rank_test(const double *a, const double *b, size_t n, eg_signed_rank *out)
{
    struct egi_arena arena;
    if (a == NULL || b == NULL || out == NULL || n == 0)
        return egi_fail(EG_ERR_INVALID, "eg_signed_rank_test: NULL, or no pairs");
    EGI_TRY(check_finite(a, n, "a"));
    EGI_TRY(check_finite(b, n, "b"));
    const struct egi_need needs[] = { { n, sizeof(struct ranked) },
                                      { n, sizeof(size_t) },
                                      { n, sizeof(int) },
                                      { EXACT_MAX * (EXACT_MAX + 1) + 1, sizeof(double) } };
    EGI_TRY(egi_arena_create(eg_allocator_default(), needs, EGI_COUNT(needs), "ranks", &arena));
    struct ranked *r = arena.part[0];
    size_t *twice = arena.part[1], m = 0, plus = 0, minus = 0;
    int *up = arena.part[2];
    for (size_t i = 0; i < n; i++) {
        if (a[i] == b[i]) continue;
        up[m] = a[i] > b[i];
        r[m] = (struct ranked){ fabs(a[i] - b[i]), m };
        m++;
    }
    const double ties = twice_ranks(r, m, twice);
    for (size_t i = 0; i < m; i++) *(up[i] ? &plus : &minus) += twice[i];
    const size_t least = plus < minus ? plus : minus;
    *out = (eg_signed_rank){ m, (double)plus / 2, (double)minus / 2, 1 };
    if (m > 0)
        out->p = m <= EXACT_MAX ? exact(twice, m, plus + minus, least, arena.part[3])
                                : approximate((double)least / 2, m, ties);
    egi_arena_destroy(&arena);
    return EG_OK;
}

/* ---- many methods ---- */

double eg_chi2_above(double x, size_t freedom)
{
    const int odd = freedom % 2 == 1;
    double term = odd ? sqrt(2 * x / acos(-1)) : 1, sum = 0;
    for (size_t k = odd ? 3 : 2; k <= freedom; k += 2) {
        sum += term;
        term *= x / (double)k;
    }
    const double tail = exp(-x / 2) * sum;
    return odd ? erfc(sqrt(x / 2)) + tail : tail;
}

double eg_normal_range(double q, size_t m)
{
    const double step = 1.0 / 64, far = 9, root = sqrt(2), density = 1 / sqrt(2 * acos(-1));
    double sum = 0;
    const size_t steps = (size_t)ceil((2 * far + q) / step);
    for (size_t i = 0; i <= steps; i++) {
        const double x = (double)i * step - far;
        const double within = (erf(x / root) - erf((x - q) / root)) / 2;
        sum += exp(-x * x / 2) * pow(within, (double)(m - 1));
    }
    return fmin(1, (double)m * density * sum * step);
}

/* The difference of two mean ranks of level 0.05. */
static double critical_difference(size_t sets, size_t methods)
{
    const double m = (double)methods;
    double low = 0, high = 20;
    for (int i = 0; i < 60; i++) {
        const double middle = (low + high) / 2;
        *(eg_normal_range(middle, methods) < 0.95 ? &low : &high) = middle;
    }
    return high / sqrt(2) * sqrt(m * (m + 1) / (6 * (double)sets));
}

eg_status eg_friedman_test(const double *score, size_t sets, size_t methods, double *rank,
                           double *mean, eg_friedman *out)
{
    struct egi_arena arena;
    size_t cells;
    if (score == NULL || out == NULL || sets == 0 || methods < 2)
        return egi_fail(EG_ERR_INVALID, "eg_friedman_test: NULL, or %zu methods on %zu sets",
                        methods, sets);
    EGI_TRY(egi_mul_size(sets, methods, &cells));
    EGI_TRY(check_finite(score, cells, "score"));
    const struct egi_need needs[] = { { methods, sizeof(struct ranked) },
                                      { methods, sizeof(size_t) },
                                      { methods, sizeof(double) } };
    EGI_TRY(egi_arena_create(eg_allocator_default(), needs, EGI_COUNT(needs), "ranks", &arena));
    struct ranked *r = arena.part[0];
    size_t *twice = arena.part[1];
    double *sum = arena.part[2], squares = 0, between = 0;
    for (size_t j = 0; j < methods; j++) sum[j] = 0;
    for (size_t i = 0; i < sets; i++) {
        for (size_t j = 0; j < methods; j++) r[j] = (struct ranked){ -score[i * methods + j], j };
        twice_ranks(r, methods, twice);
        for (size_t j = 0; j < methods; j++) {
            const double own = (double)twice[j] / 2;
            if (rank != NULL) rank[i * methods + j] = own;
            sum[j] += own;
            squares += own * own;
        }
    }
    const double s = (double)sets, m = (double)methods;
    for (size_t j = 0; j < methods; j++) {
        between += (sum[j] - s * (m + 1) / 2) * (sum[j] - s * (m + 1) / 2);
        if (mean != NULL) mean[j] = sum[j] / s;
    }
    const double within = squares - s * m * (m + 1) * (m + 1) / 4;
    egi_arena_destroy(&arena);
    *out = (eg_friedman){ within > 0 ? (m - 1) * between / within : (double)NAN, 1,
                          critical_difference(sets, methods) };
    if (within > 0) out->p = eg_chi2_above(out->chi2, methods - 1);
    return EG_OK;
}
