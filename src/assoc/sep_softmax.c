/* Log-sum-exp: A = log(sum_i w_i exp(beta s_i)) / beta, a = softmax; shifted by the largest
 * score so that nothing overflows. The exponential memory has the same A, the logarithm of
 * its energy, hence the same order of states; its a is scaled to a largest entry of 1. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "assoc/egi_assoc.h"

/* a_i = w_i exp(z_i - z_top), and their sum. */
static double unnormalised(const struct egi_strip *q, double *a)
{
    double sum = 0;
    for (size_t i = 0; i < q->n; i++) {
        const double x = egi_strip_w(q, i) * exp(egi_strip_z(q, i, q->top));
        if (a != NULL) a[i] = x;
        sum += x;
    }
    return sum;
}

static void softmax_weights(const struct egi_strip *q, double *a, double *log_scale)
{
    (void)log_scale;
    const double sum = unnormalised(q, a);
    for (size_t i = 0; i < q->n; i++) a[i] /= sum;
}

static void exponential_weights(const struct egi_strip *q, double *a, double *log_scale)
{
    const double sum = unnormalised(q, a);
    double most = 0;
    for (size_t i = 0; i < q->n; i++) most = fmax(most, a[i]);
    for (size_t i = 0; i < q->n; i++) a[i] /= most;
    *log_scale = log(most / sum);
}

static double energy(const struct egi_strip *q)
{
    return q->top + log(unnormalised(q, NULL)) / q->rule->beta;
}

static void derivative(const struct egi_strip *q, const double *v, double *out)
{
    double unused = 0, mean = 0;
    softmax_weights(q, out, &unused);
    const double v0 = v[q->first]; /* subtracted first: one dominating memory gives 0 */
    for (size_t i = 0; i < q->n; i++) mean += out[i] * (v[i] - v0);
    for (size_t i = 0; i < q->n; i++) out[i] *= q->rule->beta * (v[i] - v0 - mean);
}

static double f(const eg_rule *rule, double s)
{
    return exp(rule->beta * s);
}

const struct egi_separation egi_sep_exponential = {
    { "exponential", "A = log(sum exp(beta s)) / beta;  a = exp(beta s), largest scaled to 1", "",
      "Demircigil et al. 2017, F(x) = e^x", "beta" },
    EGI_SEP_CONVEX | EGI_SEP_EXP_CONVEX | EGI_SEP_NONDECREASING | EGI_SEP_LOG_SUM,
    EGI_ORDER_ANY,
    EGI_TRANSFORM_EXP,
    NULL,
    f,
    exponential_weights,
    energy,
    derivative,
};

const struct egi_separation egi_sep_softmax = {
    { "softmax", "A = log(sum exp(beta s)) / beta;  a = exp(beta s) / sum", "",
      "Ramsauer et al. 2021, eqs. 2, 3", "beta" },
    EGI_SEP_CONVEX | EGI_SEP_EXP_CONVEX | EGI_SEP_NONDECREASING | EGI_SEP_NORMALISED
        | EGI_SEP_LOG_SUM,
    EGI_ORDER_ANY,
    EGI_TRANSFORM_EXP,
    NULL,
    f,
    softmax_weights,
    energy,
    derivative,
};
