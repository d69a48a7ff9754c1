/* Mixed p-spin models on the sphere: the covariance of their energy, and what is known of them in
 * closed form.
 *
 * Near the signal at T = 0 the long-time state is replica symmetric: x has mean force Q'(m) along
 * the signal and Gaussian forces of variance Q'(1) elsewhere, so with A^2 = Q'(m)^2 + Q'(1)
 *
 *     m = Q'(m) / A,   mu = A + Q''(1) / A,   e = -(Q(m) + Q'(1) / A)
 *
 * (Sarao Mannelli et al. 2019, the fixed point of ML-AMP; chi = 1/A is the response summed over
 * time, and mu = 1/chi + Q''(1) chi.) m = 0 solves it too and repels where Q''(0)^2 > Q'(1). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dynamics/egi_dynamics.h"

double egi_power(double x, int power)
{
    double y = 1;
    for (int k = 0; k < power; k++) y *= x;
    return y;
}

void egi_glass_at(const struct egi_glass *g, double x, double q[3])
{
    q[0] = q[1] = q[2] = 0;
    for (size_t k = 0; k < g->terms; k++) {
        const int p = g->term[k].power;
        const double c = g->term[k].g, low = egi_power(x, p - 2);
        q[0] += c * low * x * x;
        q[1] += c * p * low * x;
        q[2] += c * p * (p - 1) * low;
    }
}

void egi_glass_pure(const struct egi_dynamics *run, struct egi_glass *g)
{
    *g = (struct egi_glass){ .terms = 2,
                             .temperature = egi_param(run, "T"),
                             .term = { { egi_param(run, "g"), (int)egi_param_size(run, "p") },
                                       { egi_param(run, "g2"), (int)egi_param_size(run, "p2") } } };
    if (!(g->term[1].g > 0)) g->terms = 1;
}

void egi_glass_planted(const struct egi_dynamics *run, struct egi_glass *g)
{
    const int p = (int)egi_param_size(run, "p");
    const double delta = egi_param(run, "delta-p");
    *g = (struct egi_glass){ .terms = isinf(delta) ? 1 : 2,
                             .planted = 1,
                             .m0 = egi_param(run, "m0"),
                             .temperature = egi_param(run, "T"),
                             .term = { { egi_param(run, "snr") / 2, 2 }, { 1 / (delta * p), p } } };
}

struct egi_recovered egi_glass_recovered(const struct egi_glass *g)
{
    double one[3], q[3], m = 1;
    egi_glass_at(g, 1, one);
    for (int step = 0; step < 100000; step++) { /* contracts from above */
        egi_glass_at(g, m, q);
        const double next = q[1] / sqrt(q[1] * q[1] + one[1]);
        if (!(fabs(next - m) > 1e-16)) break;
        m = next;
    }
    egi_glass_at(g, m, q);
    const double a = sqrt(q[1] * q[1] + one[1]);
    if (m < 1e-6)
        return (struct egi_recovered){ 0, sqrt(one[1]) + one[2] / sqrt(one[1]), -sqrt(one[1]) };
    return (struct egi_recovered){ m, a + one[2] / a, -(q[0] + one[1] / a) };
}

double egi_glass_marginal(const struct egi_glass *g)
{
    double one[3];
    egi_glass_at(g, 1, one);
    return 2 * sqrt(one[2]);
}
