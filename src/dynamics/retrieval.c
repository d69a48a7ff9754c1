/* Memories by Hebb's rule, J_ij = sum_mu x_i x_j / N, K = alpha N patterns, temperature T = 1/beta
 * (Amit, Gutfreund and Sompolinsky 1985 and 1987). With z a Gaussian number,
 *
 *     m = E tanh beta (m + s z),  q = E tanh^2 beta (m + s z),  s^2 = alpha r,
 *     r = q / (1 - c)^2,  c = beta (1 - q)
 *     f = alpha/2 + m^2/2 + s^2 c/2 + alpha T/2 ln(1 - c) - alpha q / (2 (1 - c))
 *         - T E ln 2 cosh beta (m + s z)
 *
 * Solutions are a curve in y = m / s: m = y s gives one s for each y > 0, and that s, by its q, one
 * alpha. Nothing is iterated. alpha is 0 at y = 0, where c = 1, and at y = inf; between is the end
 * of retrieval, and memories are the solutions of larger y.
 *
 * Means by trapezoids, whose step is a share of the width of tanh: their error falls as
 * exp(-pi^2 / (beta s h)). T = 0 has closed forms. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dynamics/egi_retrieval.h"

enum { HALVINGS = 100, COARSE = 60 };

#define FARTHEST 8.5 /* of z, where its density is e^-36 */
#define LEAST_Y 1e-3
#define MOST_Y 1e4

static const double root_two_over_pi = 0.79788456080286535588;

/* The means at s, where m = y s. */
static struct egi_retrieval means(double temperature, double y, double s)
{
    struct egi_retrieval r = { .s = s };
    if (temperature == 0) {
        const double density = root_two_over_pi * exp(-y * y / 2);
        r.m = erf(y / sqrt(2));
        r.q = 1;
        r.c = density / s;
        r.well = s * (y * r.m + density);
        return r;
    }
    const double slope = s / temperature, h = fmin(0.2, 0.3 / slope);
    const size_t steps = (size_t)ceil(2 * FARTHEST / h);
    double all = 0;
    for (size_t i = 0; i <= steps; i++) {
        const double z = FARTHEST * (2 * (double)i / (double)steps - 1), w = exp(-z * z / 2);
        const double x = slope * (y + z), t = tanh(x);
        all += w;
        r.m += w * t;
        r.q += w * t * t;
        r.well += w * (fabs(x) + log1p(exp(-2 * fabs(x))));
    }
    r.m /= all;
    r.q /= all;
    r.c = (1 - r.q) / temperature;
    r.well *= temperature / all;
    return r;
}

static void set_load(struct egi_retrieval *r)
{
    r->alpha = r->c < 1 && r->q > 0 ? pow(r->s * (1 - r->c), 2) / r->q : -1;
}

struct egi_retrieval egi_retrieval_at(double temperature, double y)
{
    double low = 0, high = 1 / y;
    struct egi_retrieval r = means(temperature, y, high);
    if (temperature == 0) {
        r = means(0, y, r.m / y);
    } else {
        for (int i = 0; i < HALVINGS && high - low > 1e-15 * high; i++) {
            const double s = (low + high) / 2;
            r = means(temperature, y, s);
            if (r.m > y * s)
                low = s;
            else
                high = s;
        }
    }
    set_load(&r);
    return r;
}

/* y of the largest alpha: the best of a coarse grid, then golden section about it. */
static double end_at(double temperature)
{
    const double golden = (sqrt(5) - 1) / 2, by = log(MOST_Y / LEAST_Y) / COARSE;
    double best = -1, at = 0;
    for (int i = 0; i <= COARSE; i++) {
        const double u = log(LEAST_Y) + by * i;
        const double alpha = egi_retrieval_at(temperature, exp(u)).alpha;
        if (!(alpha > best)) continue;
        best = alpha;
        at = u;
    }
    double low = at - by, high = at + by;
    while (high - low > 1e-8) { /* the error of alpha is its square */
        const double a = high - golden * (high - low), b = low + golden * (high - low);
        if (egi_retrieval_at(temperature, exp(a)).alpha
            > egi_retrieval_at(temperature, exp(b)).alpha)
            high = b;
        else
            low = a;
    }
    return exp((low + high) / 2);
}

struct egi_retrieval egi_retrieval_end(double temperature)
{
    return egi_retrieval_at(temperature, end_at(temperature));
}

struct egi_retrieval egi_retrieval_of(double temperature, double alpha,
                                      const struct egi_retrieval *end)
{
    if (alpha > end->alpha) return egi_retrieval_glass(temperature, alpha);
    double low = log(end->m / end->s), high = log(MOST_Y);
    struct egi_retrieval r = *end;
    for (int i = 0; i < HALVINGS && high - low > 1e-14; i++) {
        const double u = (low + high) / 2;
        r = egi_retrieval_at(temperature, exp(u));
        if (r.alpha > alpha)
            low = u;
        else
            high = u;
    }
    return r;
}

struct egi_retrieval egi_retrieval_glass(double temperature, double alpha)
{
    double low = 0, high = sqrt(alpha) + 1; /* s - s c <= s - root_two_over_pi */
    struct egi_retrieval r = { .alpha = -1 };
    for (int i = 0; i < HALVINGS && high - low > 1e-15 * high; i++) {
        const double s = (low + high) / 2;
        r = means(temperature, 0, s);
        set_load(&r);
        if (r.alpha > alpha)
            high = s;
        else
            low = s;
    }
    r.m = 0; /* of rounding */
    return r;
}

double egi_retrieval_energy(double temperature, const struct egi_retrieval *r)
{
    const double left = 1 - r->c, a = r->alpha;
    const double entropy = temperature > 0 ? a * temperature / 2 * log(left) : 0;
    return a / 2 + r->m * r->m / 2 + r->s * r->s * r->c / 2 + entropy - a * r->q / (2 * left)
           - r->well;
}

double egi_retrieval_lowest(double temperature, const struct egi_retrieval *end)
{
    double low = 0, high = end->alpha;
    while (high - low > 1e-6 * end->alpha) {
        const double alpha = (low + high) / 2;
        const struct egi_retrieval r = egi_retrieval_of(temperature, alpha, end),
                                   g = egi_retrieval_glass(temperature, alpha);
        if (egi_retrieval_energy(temperature, &r) < egi_retrieval_energy(temperature, &g))
            low = alpha;
        else
            high = alpha;
    }
    return (low + high) / 2;
}
