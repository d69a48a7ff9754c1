/* gamma-normmax: p maximises <p, z> - |p|_gamma + 1 over the simplex, the norm over the copies
 * of each memory. On the support the Lagrangian gives z_i - (p_i / |p|)^(gamma-1) = tau, off
 * it z_i <= tau; so p_i = |p| r_i with r_i = max(z_i - tau, 0)^(1/(gamma-1)). Taking the norm
 * of both sides, |r|_gamma = 1:
 *     sum_i w_i max(z_i - tau, 0)^(gamma/(gamma-1)) = 1,
 * whose left side decreases in tau from infinity to 0, so tau is unique (entropic_root.c,
 * q = r^gamma); then sum w p = 1 gives |p| = 1/R, R = sum_i w_i r_i, and A = <p,s> - (1/R - 1)
 * / beta. The conditions are sufficient since the problem is concave. Memory i alone iff
 * z_i - z_j >= 1 (w_i = 1): there tau = z_i - 1.
 *
 * Hessian. From the equation of tau, d tau = sum_i a_i dz_i (a_i = w_i r_i / R). With h_i =
 * r_i^(2-gamma) / (gamma-1) and y_i = h_i (dz_i - d tau): dp_i = (y_i - p_i sum_j w_j y_j) / R. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "assoc/egi_assoc.h"

/* r (N) into out unless NULL; returns R. *alignment, unless NULL: sum_i w_i r_i u_i. */
static double shares(const struct egi_strip *q, double *out, double *alignment)
{
    struct egi_root root;
    const double gamma = q->rule->order;
    egi_root_solve(q, 1, (gamma - 1) / gamma, &root);
    double sum = 0, along = 0;
    for (size_t i = 0; i < q->n; i++) {
        const double u = egi_strip_z(q, i, q->top);
        const double value = egi_root_value(&root, u);
        const double r = value > 0 ? pow(value, 1 / gamma) : 0;
        if (out != NULL) out[i] = r;
        if (r == 0) continue;
        sum += egi_strip_w(q, i) * r;
        along += egi_strip_w(q, i) * r * u;
    }
    if (alignment != NULL) *alignment = along;
    return sum;
}

static void weights(const struct egi_strip *q, double *a, double *log_scale)
{
    (void)log_scale;
    const double sum = shares(q, a, NULL);
    for (size_t i = 0; i < q->n; i++) a[i] = egi_strip_w(q, i) * a[i] / sum;
}

static double energy(const struct egi_strip *q)
{
    double along = 0;
    const double sum = shares(q, NULL, &along);
    return q->top + (along / sum - (1 / sum - 1)) / q->rule->beta;
}

static void derivative(const struct egi_strip *q, const double *v, double *out)
{
    const double gamma = q->rule->order, beta = q->rule->beta, v0 = v[q->first];
    const double total = shares(q, out, NULL);
    double mean = 0, flow = 0;
    for (size_t i = 0; i < q->n; i++) mean += egi_strip_w(q, i) * out[i] / total * (v[i] - v0);
    for (size_t i = 0; i < q->n; i++) {
        if (out[i] == 0) continue;
        const double h = pow(out[i], 2 - gamma) / (gamma - 1);
        flow += egi_strip_w(q, i) * h * (v[i] - v0 - mean);
    }
    for (size_t i = 0; i < q->n; i++) {
        if (out[i] == 0) continue;
        const double h = pow(out[i], 2 - gamma) / (gamma - 1);
        const double y = h * (v[i] - v0 - mean) - out[i] / total * flow;
        out[i] = beta * egi_strip_w(q, i) / total * y;
    }
}

static double margin(const eg_rule *rule)
{
    (void)rule;
    return 1;
}

const struct egi_separation egi_sep_normmax = {
    { "normmax", "A = max_p <p,s> - Omega(p)/beta, Omega = |p|_gamma - 1", "beta (s_i - s_j) >= 1",
      "Blondel et al. 2020; Santos et al. 2024, prop. 2", "beta order" },
    EGI_SEP_CONVEX | EGI_SEP_EXP_CONVEX | EGI_SEP_NONDECREASING | EGI_SEP_NORMALISED,
    EGI_ORDER_ABOVE_1,
    -1,
    margin,
    NULL,
    weights,
    energy,
    derivative,
};
