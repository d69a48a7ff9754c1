/* alpha-entmax: p maximises <p, z> - Omega(p), Omega(p) = sum (p^alpha - p) / (alpha
 * (alpha - 1)) over the copies of each memory, sum of all copies 1. The Lagrangian gives
 *     p_i = max((alpha - 1) z_i - tau, 0)^(1/(alpha - 1)),   sum_i w_i p_i = 1,
 * solved in entropic_root.c. alpha = 2 is sparsemax, alpha -> 1 softmax. Memory i alone iff
 * (alpha - 1)(z_i - z_j) >= 1 for all others (w_i = 1): there tau = (alpha - 1) z_i - 1.
 * Hessian: with S_i = w_i p_i^(2 - alpha) on the support, beta (diag S - S S^T / sum S). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "assoc/egi_assoc.h"

static void weights(const struct egi_strip *q, double *a, double *log_scale)
{
    (void)log_scale;
    struct egi_root root;
    const double a1 = q->rule->order - 1;
    egi_root_solve(q, a1, a1, &root);
    double sum = 0;
    for (size_t i = 0; i < q->n; i++) {
        a[i] = egi_strip_w(q, i) * egi_root_value(&root, egi_strip_z(q, i, q->top));
        sum += a[i];
    }
    for (size_t i = 0; i < q->n; i++) a[i] /= sum;
}

static double energy(const struct egi_strip *q)
{
    struct egi_root root;
    const double a1 = q->rule->order - 1;
    egi_root_solve(q, a1, a1, &root);
    double sum = 0;
    for (size_t i = 0; i < q->n; i++) {
        const double u = egi_strip_z(q, i, q->top);
        const double p = egi_root_value(&root, u);
        if (p == 0) continue;
        sum += egi_strip_w(q, i) * p * (u - expm1(a1 * log(p)) / (q->rule->order * a1));
    }
    return q->top + sum / q->rule->beta;
}

/* S spans p^-48 at alpha = 50: everything is measured from the memory of the largest S, and
 * its own entry is minus the sum of the others, since H 1 = 0. */
static void derivative(const struct egi_strip *q, const double *v, double *out)
{
    const double power = 2 - q->rule->order;
    double unused = 0, sum = 0, mean = 0, rest = 0;
    weights(q, out, &unused);
    size_t m = q->first;
    for (size_t i = 0; i < q->n; i++) {
        out[i] /= egi_strip_w(q, i);
        if (out[i] != 0 && power < 0 && out[i] < out[m]) m = i;
    }
    const double p_m = out[m], w_m = egi_strip_w(q, m);
    for (size_t i = 0; i < q->n; i++) {
        if (out[i] == 0) continue;
        const double ratio = egi_strip_w(q, i) / w_m * pow(out[i] / p_m, power);
        sum += ratio;
        mean += ratio * (v[i] - v[m]);
    }
    for (size_t i = 0; i < q->n; i++) {
        if (out[i] == 0 || i == m) continue;
        const double apart = v[i] - v[m] - mean / sum;
        out[i] = q->rule->beta * egi_strip_w(q, i) * pow(out[i], power) * apart;
        rest += out[i];
    }
    out[m] = -rest;
}

static double margin(const eg_rule *rule)
{
    return 1 / (rule->order - 1);
}

const struct egi_separation egi_sep_entmax = {
    { "entmax", "A = max_p <p,s> - Omega(p)/beta, Omega = sum (p^alpha - p)/(alpha (alpha-1))",
      "beta (s_i - s_j) >= 1/(alpha - 1)",
      "Peters et al. 2019, eq. 10; Santos et al. 2024, prop. 2", "beta order" },
    EGI_SEP_CONVEX | EGI_SEP_EXP_CONVEX | EGI_SEP_NONDECREASING | EGI_SEP_NORMALISED,
    EGI_ORDER_ABOVE_1,
    -1,
    margin,
    NULL,
    weights,
    energy,
    derivative,
};
