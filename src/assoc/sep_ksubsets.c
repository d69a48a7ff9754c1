/* k-subsets: p maximises <p, z> - |p|^2 / 2 over 0 <= p <= 1, sum p = k, copies counted:
 *     p_i = clip(z_i - tau, 0, 1),   sum_i w_i p_i = k.
 * Measured from the k-th largest score (egi_strip_cut) tau = -c with c in [0, 1]: at c = 0
 * only what lies strictly above has a share, less than k; at c = 1 all from there on are
 * full, at least k, and exactly k where the next is a margin of 1 below. Between, the sum is
 * piecewise linear and rising, so a safeguarded Newton step ends on the exact piece. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>

#include "assoc/egi_assoc.h"

struct shift {
    double origin; /* score from which z is measured */
    double c;
};

static double share(const struct egi_strip *q, const struct shift *at, size_t i)
{
    return fmax(fmin(egi_strip_z(q, i, at->origin) + at->c, 1), 0);
}

/* sum w p - k, and the multiplicity of those strictly between 0 and 1. */
static double excess(const struct egi_strip *q, const struct shift *at, double k, double *free_sum)
{
    double sum = 0;
    *free_sum = 0;
    for (size_t i = 0; i < q->n; i++) {
        const double p = share(q, at, i);
        sum += egi_strip_w(q, i) * p;
        if (p > 0 && p < 1) *free_sum += egi_strip_w(q, i);
    }
    return sum - k;
}

static struct shift solve(const struct egi_strip *q)
{
    const struct egi_cut cut = egi_strip_cut(q);
    struct shift at = { cut.value, 1 };
    double lo = 0, hi = 1, free_sum;
    if (cut.k >= q->total) return (struct shift){ cut.value, INFINITY }; /* all are full */
    for (int step = 0; step < 200; step++) {
        const double f = excess(q, &at, cut.k, &free_sum);
        if (f == 0) break;
        if (f < 0)
            lo = at.c;
        else
            hi = at.c;
        double next = at.c - f / free_sum;
        if (!(next > lo && next < hi) || step % 8 == 7) next = lo / 2 + hi / 2;
        if (next == at.c || hi - lo <= DBL_EPSILON / 4) break;
        at.c = next;
    }
    return at;
}

static void weights(const struct egi_strip *q, double *a, double *log_scale)
{
    (void)log_scale;
    const struct shift at = solve(q);
    const double k = fmin((double)q->rule->k, q->total);
    double sum = 0;
    for (size_t i = 0; i < q->n; i++) {
        a[i] = egi_strip_w(q, i) * share(q, &at, i);
        sum += a[i];
    }
    for (size_t i = 0; i < q->n && sum != k; i++) a[i] = a[i] * k / sum; /* one alone: k = 1 */
}

static double energy(const struct egi_strip *q)
{
    const struct shift at = solve(q);
    double linear = 0, square = 0;
    for (size_t i = 0; i < q->n; i++) {
        const double p = share(q, &at, i), w = egi_strip_w(q, i);
        linear += w * p * q->s[i];
        square += w * p * p;
    }
    return linear - square / 2 / q->rule->beta;
}

static void derivative(const struct egi_strip *q, const double *v, double *out)
{
    const struct shift at = solve(q);
    double sum = 0, mean = 0, v0 = NAN;
    for (size_t i = 0; i < q->n; i++) {
        const double p = share(q, &at, i);
        out[i] = p > 0 && p < 1 ? egi_strip_w(q, i) : 0;
        if (out[i] == 0) continue;
        if (isnan(v0)) v0 = v[i];
        sum += out[i];
        mean += out[i] * (v[i] - v0);
    }
    for (size_t i = 0; i < q->n; i++)
        if (out[i] != 0) out[i] *= q->rule->beta * (v[i] - v0 - mean / sum);
}

static double margin(const eg_rule *rule)
{
    (void)rule;
    return 1;
}

const struct egi_separation egi_sep_ksubsets = {
    { "ksubsets", "A = max_p <p,s> - |p|^2/(2 beta), 0 <= p <= 1, sum p = k",
      "beta (s_(k) - s_(k+1)) >= 1: the k largest, each 1",
      "Santos et al. 2024, SparseMAP on the k-subsets polytope", "beta k" },
    EGI_SEP_CONVEX | EGI_SEP_EXP_CONVEX | EGI_SEP_NONDECREASING,
    EGI_ORDER_ANY,
    -1,
    margin,
    NULL,
    weights,
    energy,
    derivative,
};
