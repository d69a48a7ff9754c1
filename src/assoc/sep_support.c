/* Compact support: t_i = max(1 + beta s_i, 0). With Euclidean similarity this is the
 * Epanechnikov kernel of radius sqrt(2 / beta).
 *   Epanechnikov  A = sum w t / beta,                  a = w [t > 0]
 *   LSR           A = log(epsilon + sum w t) / beta,   a = w [t > 0] / (epsilon + sum w t)
 * epsilon is EGI_LSR_EPSILON: outside every support A is finite and a is 0. Computed
 * as t / beta, since beta s may not fit a double where A does. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "assoc/egi_assoc.h"

/* t / beta */
static double term(const eg_rule *rule, double s)
{
    return fmax(1 / rule->beta + s, 0);
}

/* (epsilon + sum w t) / beta */
static double partition(const struct egi_strip *q)
{
    double sum = EGI_LSR_EPSILON / q->rule->beta;
    for (size_t i = 0; i < q->n; i++) sum += egi_strip_w(q, i) * term(q->rule, q->s[i]);
    return sum;
}

static int inside(const struct egi_strip *q, size_t i)
{
    return term(q->rule, q->s[i]) > 0;
}

static void epanechnikov_weights(const struct egi_strip *q, double *a, double *log_scale)
{
    (void)log_scale;
    for (size_t i = 0; i < q->n; i++) a[i] = inside(q, i) ? egi_strip_w(q, i) : 0;
}

static double epanechnikov_energy(const struct egi_strip *q)
{
    double sum = 0;
    for (size_t i = 0; i < q->n; i++) sum += egi_strip_w(q, i) * term(q->rule, q->s[i]);
    return sum;
}

static void epanechnikov_derivative(const struct egi_strip *q, const double *v, double *out)
{
    (void)v;
    for (size_t i = 0; i < q->n; i++) out[i] = 0;
}

static void lsr_weights(const struct egi_strip *q, double *a, double *log_scale)
{
    (void)log_scale;
    const double sum = partition(q), beta = q->rule->beta;
    for (size_t i = 0; i < q->n; i++) a[i] = inside(q, i) ? egi_strip_w(q, i) / beta / sum : 0;
}

static double lsr_energy(const struct egi_strip *q)
{
    return (log(partition(q)) + log(q->rule->beta)) / q->rule->beta;
}

/* -beta a a^T: the logarithm bends down, and there is nothing else that bends. */
static void lsr_derivative(const struct egi_strip *q, const double *v, double *out)
{
    double unused = 0, along = 0;
    lsr_weights(q, out, &unused);
    for (size_t i = 0; i < q->n; i++) along += out[i] * v[i];
    for (size_t i = 0; i < q->n; i++) out[i] *= -q->rule->beta * along;
}

static double lsr_f(const eg_rule *rule, double s)
{
    return rule->beta * term(rule, s);
}

static double epanechnikov_f(const eg_rule *rule, double s)
{
    return term(rule, s);
}

const struct egi_separation egi_sep_lsr = {
    { "lsr", "A = log(epsilon + sum max(1 + beta s, 0)) / beta, epsilon = 1e-12",
      "euclidean, |x - xi| <= Delta < r = smallest distance of two: beta = 2/(r - Delta)^2",
      "Hoover et al. 2025, E_LSR and theorem 1", "beta" },
    EGI_SEP_EXP_CONVEX | EGI_SEP_NONDECREASING | EGI_SEP_LOG_SUM,
    EGI_ORDER_ANY,
    EGI_TRANSFORM_SUPPORT,
    NULL,
    lsr_f,
    lsr_weights,
    lsr_energy,
    lsr_derivative,
};

const struct egi_separation egi_sep_epanechnikov = {
    { "epanechnikov", "A = sum max(1 + beta s, 0) / beta;  a = 1 where beta s > -1",
      "euclidean, |x - xi| <= Delta < r = smallest distance of two: beta = 2/(r - Delta)^2",
      "Hoover et al. 2025, without the logarithm; Epanechnikov 1969", "beta" },
    EGI_SEP_CONVEX | EGI_SEP_EXP_CONVEX | EGI_SEP_NONDECREASING | EGI_SEP_SEPARABLE,
    EGI_ORDER_ANY,
    EGI_TRANSFORM_SUPPORT,
    NULL,
    epanechnikov_f,
    epanechnikov_weights,
    epanechnikov_energy,
    epanechnikov_derivative,
};
