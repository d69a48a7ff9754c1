/* Minima of H = planted mixed p-spin model on the sphere, counted by the formula of Kac and Rice:
 * ln of their mean number at overlap m, over N (Sarao Mannelli, Biroli, Cammarota, Krzakala, Urbani
 * and Zdeborova 2019; Ros, Ben Arous, Biroli and Cammarota 2019),
 *
 *     S(m) = max over t >= 2 of  (1 + ln(1 - m^2) + ln(Q2/Q1))/2 - Q'(m)^2 (1 - m^2) / (2 Q1)
 *            - (t sqrt(Q2) - m Q'(m))^2 / (2 (Q1 + Q2)) + Phi(t) - L(theta, t)
 *
 * with Q1 = Q'(1), Q2 = Q''(1), and t sqrt(Q2) the multiplier mu of the sphere. Phi is the mean of
 * ln|t - y| over the semicircle of radius 2,
 *
 *     Phi(t) = t^2/4 - 1/2 - (t sqrt(t^2-4)/4 - ln((t + sqrt(t^2-4))/2)),
 *
 * and L the cost of keeping the eigenvalue that the signal pulls out of it, at theta + 1/theta for
 * theta = Q''(m) (1 - m^2) / sqrt(Q2) > 1, below t: with F(y) the integral of sqrt(y^2 - 4) from 2,
 *
 *     L = (F(t) - F(theta + 1/theta))/4 - theta (t - theta - 1/theta)/2
 *         + (t^2 - (theta + 1/theta)^2)/8
 *
 * where t is below theta + 1/theta, else 0. The maximum over t is of a sum of concave pieces: by
 * golden section. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dynamics/egi_landscape.h"

/* The integral of sqrt(y^2 - 4) from 2 to t. */
static double area(double t)
{
    const double root = sqrt(fmax(t * t - 4, 0));
    return t * root / 2 - 2 * log((t + root) / 2);
}

static double pulled(double theta, double t)
{
    const double out = theta + 1 / theta;
    if (!(theta > 1 && t < out)) return 0;
    return (area(t) - area(out)) / 4 - theta / 2 * (t - out) + (t * t - out * out) / 8;
}

struct place {
    double m, one[3], q[3], fixed, theta;
};

static double at_multiplier(const struct place *p, double t)
{
    const double by = t * sqrt(p->one[2]) - p->m * p->q[1];
    return p->fixed - by * by / (2 * (p->one[1] + p->one[2])) + t * t / 4 - 0.5 - area(t) / 2
           - pulled(p->theta, t);
}

double egi_complexity(const struct egi_glass *g, double m)
{
    struct place p = { .m = m };
    egi_glass_at(g, 1, p.one);
    egi_glass_at(g, m, p.q);
    const double across = 1 - m * m;
    p.fixed = (1 + log(across) + log(p.one[2] / p.one[1])) / 2
              - p.q[1] * p.q[1] * across / (2 * p.one[1]);
    p.theta = p.q[2] * across / sqrt(p.one[2]);
    const double golden = (sqrt(5) - 1) / 2;
    double low = 2, high = 4 + (p.one[1] + p.one[2] + m * p.q[1]) / sqrt(p.one[2]) + p.theta;
    for (int step = 0; step < 90; step++) {
        const double by = golden * (high - low), a = high - by, b = low + by;
        if (at_multiplier(&p, a) > at_multiplier(&p, b))
            high = b;
        else
            low = a;
    }
    return fmax(at_multiplier(&p, 2), at_multiplier(&p, (low + high) / 2));
}

double egi_complexity_most(const struct egi_glass *g, double most, double *at)
{
    enum { GRID = 100 };
    double best = -INFINITY, where = 0;
    for (int i = 0; i <= GRID; i++) {
        const double m = most * i / GRID, s = egi_complexity(g, m);
        if (s > best) {
            best = s;
            where = m;
        }
    }
    const double golden = (sqrt(5) - 1) / 2;
    double low = fmax(where - most / GRID, 0), high = fmin(where + most / GRID, most);
    for (int step = 0; step < 60; step++) {
        const double by = golden * (high - low), a = high - by, b = low + by;
        if (egi_complexity(g, a) > egi_complexity(g, b))
            high = b;
        else
            low = a;
    }
    if (at != NULL) *at = (low + high) / 2;
    return fmax(best, egi_complexity(g, (low + high) / 2));
}

/* Minima far from the signal lie at overlaps up to this: those of the recovered state beyond. */
static const double FAR = 0.2;

double egi_trivial(int p, double delta)
{
    struct egi_glass g = { .terms = 2,
                           .planted = 1,
                           .term = { { 0.5, 2 }, { 1 / (delta * p), p } } };
    double low = 1, high = 2;
    g.term[0].g = low / 2;
    if (!(egi_complexity_most(&g, FAR, NULL) > 0)) return (double)NAN;
    while (high < 1e6) {
        g.term[0].g = high / 2;
        if (!(egi_complexity_most(&g, FAR, NULL) > 0)) break;
        low = high;
        high *= 2;
    }
    for (int step = 0; step < 50; step++) {
        g.term[0].g = (low + high) / 4;
        if (egi_complexity_most(&g, FAR, NULL) > 0)
            low = (low + high) / 2;
        else
            high = (low + high) / 2;
    }
    return (low + high) / 2;
}

eg_status egi_landscape(struct egi_dynamics *run)
{
    const size_t points = egi_param_size(run, "points");
    struct egi_glass g;
    egi_glass_planted(run, &g);
    const struct egi_recovered end = egi_glass_recovered(&g);
    double where;
    EGI_TRY(egi_rows(run, points));
    for (size_t k = 0; k < points; k++) {
        double *row = egi_row_at(run, k);
        row[0] = (double)k / (double)points;
        row[1] = egi_complexity(&g, row[0]);
    }
    egi_fact(run, "largest at m <= 0.2", egi_complexity_most(&g, FAR, &where));
    egi_fact(run, "at m", where);
    egi_fact(run, "m of the recovered state", end.m);
    egi_fact(run, "complexity there", end.m > 0 ? egi_complexity(&g, end.m) : (double)NAN);
    return EG_OK;
}

eg_status egi_phases(struct egi_dynamics *run)
{
    const size_t points = egi_param_size(run, "points");
    const double p = egi_param(run, "p");
    const eg_theory *lines = eg_theory_find("spiked-lines");
    double low, high;
    EGI_TRY(egi_range(run, &low, &high));
    EGI_TRY(egi_rows(run, points));
    for (size_t k = 0; k < points; k++) {
        double *row = egi_row_at(run, k), out[EG_THEORY_RESULTS];
        row[0] = egi_between(low, high, k, points);
        EGI_TRY(eg_theory_evaluate(lines, (const double[]){ p, row[0] }, out));
        row[1] = out[0];
        row[2] = out[1];
        row[3] = egi_trivial((int)p, row[0]);
        EGI_TRY(egi_report(run->options->progress, "lines", k + 1, points));
    }
    return EG_OK;
}
