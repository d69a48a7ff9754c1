/* Cugliandolo and Kurchan 1993: from a random start at zero temperature the energy of a pure
 * spherical p-spin model falls to that of its threshold states, -2 sqrt(Q''(1)) / p, where minima
 * become saddles, and not to the ground state. The approach is slow, by t^(-2/3).
 *
 * Q = x^3/3: e_th = -sqrt(8)/3 = -.942809. Up to t = 20 the fixed grid, two of them extrapolated;
 * to long times the grid that doubles, which must agree with it. The power is the slope of
 * ln(e - e_th) over the last decade of time; the end of a fit e = e_inf + a t^(-2/3) through that
 * decade is to be e_th. At finite times the slope is above 2/3 (.026 from t = 5 to 50). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "experiments/solved.h"

enum { POINTS = 40 };

struct fit {
    double slope, at_zero;
};

/* Least squares of y on x. */
static struct fit line(const double *x, const double *y, size_t n)
{
    double sx = 0, sy = 0, xx = 0, xy = 0;
    for (size_t i = 0; i < n; i++) {
        sx += x[i] / (double)n;
        sy += y[i] / (double)n;
    }
    for (size_t i = 0; i < n; i++) {
        xx += (x[i] - sx) * (x[i] - sx);
        xy += (x[i] - sx) * (y[i] - sy);
    }
    return (struct fit){ xy / xx, sy - sx * xy / xx };
}

/* The rows from t = from on: ln(e - e_th) on ln t, and e on t^(-2/3). */
static void approach(const struct experiment_context *run, const double *t, const double *e,
                     size_t n, double from, double threshold)
{
    double x[POINTS], y[POINTS], power[POINTS], late[POINTS];
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        if (t[i] < from) continue;
        x[k] = log(t[i]);
        y[k] = log(e[i] - threshold);
        power[k] = pow(t[i], -2. / 3);
        late[k++] = e[i];
    }
    lab_near(run, -2. / 3, line(x, y, k).slope, .03, "power of t in e - e_th, from t = %g on",
             from);
    lab_near(run, threshold, line(power, late, k).at_zero, 5e-4,
             "energy at infinite times, by t^(-2/3)");
}

/* e at t = 20 by two fixed grids, extrapolated. */
static eg_status fixed_grid(const struct experiment_context *run, double t, double *e, double *off)
{
    struct solved s;
    double at[2];
    for (size_t k = 0; k < 2; k++) {
        LAB_TRY(SOLVE(run, "pspin", &s, { "g", 1. / 3 }, { "t", t }, { "n", k ? 1600 : 800 },
                      { "points", POINTS }));
        at[k] = solved_last(&s, "e");
        *off = fabs(solved_last(&s, "mu") + 3 * at[k]);
        solved_clear(&s);
    }
    *e = (4 * at[1] - at[0]) / 3;
    return EG_OK;
}

static eg_status measure(const struct experiment_context *run)
{
    const double last = run->full ? 10000 : 3000, n = run->full ? 512 : 256;
    double t[POINTS], e[POINTS], fixed, off;
    struct solved s;
    LAB_TRY(
        SOLVE(run, "long-times", &s, { "g", 1. / 3 }, { "t", 20 }, { "n", n }, { "points", 1 }));
    const double early = solved_last(&s, "e"), at = solved_last(&s, "t");
    solved_clear(&s);
    LAB_TRY(fixed_grid(run, at, &fixed, &off));
    lab_at_most(run, 1e-10, off, 0, "mu = -3 e, difference");
    lab_near(run, fixed, early, 1e-4, "energy at t = %.4g, fixed grid beside the doubling one", at);
    LAB_TRY(SOLVE(run, "long-times", &s, { "g", 1. / 3 }, { "t", last }, { "n", n },
                  { "points", POINTS }));
    const double threshold = solved_fact(&s, "e at the threshold");
    for (size_t i = 0; i < POINTS; i++) {
        t[i] = solved_at(&s, i, "t");
        e[i] = solved_at(&s, i, "e");
    }
    solved_clear(&s);
    lab_near(run, -.942809, threshold, 1e-6, "energy of the threshold states");
    lab_beside(run, e[POINTS - 1], "energy at t = %.5g", t[POINTS - 1]);
    lab_at_least(run, threshold, e[POINTS - 1], 0, "the same, above that of the threshold");
    approach(run, t, e, POINTS, last / 10, threshold);
    for (size_t i = 0; i < POINTS; i++) {
        t[i] = log10(t[i]);
        e[i] = log10(e[i] - threshold);
    }
    lab_curve(run, "The approach to the threshold|log10 of time|log10 of e - e_th", POINTS, t, e,
              NULL, "p = 3, T = 0");
    return EG_OK;
}

const struct experiment experiment_threshold_energy = {
    .name = "threshold-energy",
    .title = "a glass falls to its threshold and no further, by t^(-2/3)",
    .source = "Cugliandolo and Kurchan 1993",
    .setting = "quick: up to t = 3000, 256 points; full: up to t = 10 000, 512 points",
    .run = measure,
};
