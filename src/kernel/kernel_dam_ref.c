/* The obvious row of the dense memory's kernels: the formulae of egi_kernel_dam.h in double,
 * rounded once. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "kernel/egi_kernel_dam.h"

static double power(const struct egi_dam_rule *rule, double x, size_t n)
{
    if (rule->rectified && x <= 0) return 0;
    return pow(x, (double)n);
}

static float overlaps(float *q, const float *bias, float scale, size_t m)
{
    float most = 0;
    for (size_t i = 0; i < m; i++) {
        q[i] = (float)((double)q[i] * (double)scale - (double)bias[i]);
        if (!(fabsf(q[i]) <= most)) most = isnan(most) ? most : fabsf(q[i]);
    }
    return most;
}

static void forward(const struct egi_dam_rule *rule, const float *q, const float *w, size_t m,
                    float r, double *z)
{
    const size_t n = rule->order;
    for (size_t a = 0; a < rule->classes; a++, w += rule->stride) {
        z[a] = 0;
        for (size_t i = 0; i < m; i++) {
            const double x = (double)q[i] * (double)r, on = x + (double)w[i] * (double)r;
            z[a] += rule->dual ? (double)w[i] * power(rule, x, n - 1)
                               : power(rule, on, n) - power(rule, x, n);
        }
    }
}

static void backward(const struct egi_dam_rule *rule, float *q, const float *w, size_t m, float r,
                     const float *a, float *sums)
{
    const size_t n = rule->order;
    for (size_t i = 0; i < m; i++) {
        const double x = (double)q[i] * (double)r;
        double g = 0;
        for (size_t c = 0; c < rule->classes; c++) {
            const double add = (double)w[c * rule->stride + i], by = (double)a[c];
            const double p = power(rule, rule->dual ? x : x + add * (double)r, n - 1);
            const double slope = rule->dual
                                     ? add * (double)(n - 1) * (double)r * power(rule, x, n - 2)
                                     : p - power(rule, x, n - 1);
            float *sum = &sums[c * rule->stride + i];
            g += by * slope;
            *sum = (float)((double)*sum + by * p);
        }
        q[i] = (float)g;
        sums[rule->classes * rule->stride + i] += q[i];
    }
}

static float largest(const float *v, size_t n)
{
    float most = 0;
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(v[i]) <= most)) most = isnan(most) ? most : fabsf(v[i]);
    return most;
}

static void climb(float *x, const float *v, float by, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const double to = (double)x[i] + (double)by * (double)v[i];
        x[i] = (float)(to > 1 ? 1 : to < -1 ? -1 : to);
    }
}

const struct egi_dam_kernels egi_dam_ref = { overlaps, forward, backward, largest, climb };
