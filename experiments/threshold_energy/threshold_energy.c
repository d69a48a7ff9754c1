/* Cugliandolo and Kurchan 1993: from a random start at zero temperature the energy of a pure
 * spherical p-spin model falls to that of its threshold states, -2 sqrt(Q''(1)) / p, where minima
 * become saddles, and not to the ground state. The approach is slow, by t^(-2/3).
 *
 * Q = x^3/3: e_th = -sqrt(8)/3 = -.942809. Two grids, and Richardson's extrapolation of their
 * values. The power is the slope of ln(e - e_th) over the last decade of time; the end of a fit
 * e = e_inf + a t^(-2/3) through that decade is to be e_th. At such times the slope is still above
 * 2/3, by .026 from t = 5 on: it may be off by .04, and the end of the fit by .004. */
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
    double x[POINTS + 1], y[POINTS + 1], power[POINTS + 1], late[POINTS + 1];
    size_t k = 0;
    for (size_t i = 0; i < n; i++) {
        if (t[i] < from) continue;
        x[k] = log(t[i]);
        y[k] = log(e[i] - threshold);
        power[k] = pow(t[i], -2. / 3);
        late[k++] = e[i];
    }
    lab_near(run, -2. / 3, line(x, y, k).slope, .04, "power of t in e - e_th, from t = %g on",
             from);
    lab_near(run, threshold, line(power, late, k).at_zero, 4e-3,
             "energy at infinite times, by t^(-2/3)");
}

static eg_status measure(const struct experiment_context *run)
{
    const double last = run->full ? 200 : 50, n = run->full ? 6000 : 1500;
    double t[POINTS + 1], e[POINTS + 1];
    struct solved coarse, fine;
    LAB_TRY(SOLVE(run, "pspin", &coarse, { "g", 1. / 3 }, { "t", last }, { "n", n / 2 },
                  { "points", POINTS }));
    const eg_status s = SOLVE(run, "pspin", &fine, { "g", 1. / 3 }, { "t", last }, { "n", n },
                              { "points", POINTS });
    if (s == EG_OK) {
        double off = 0;
        for (size_t i = 0; i < fine.r.rows; i++) {
            t[i] = solved_at(&fine, i, "t");
            e[i] = (4 * solved_at(&fine, i, "e") - solved_at(&coarse, i, "e")) / 3;
            off = fmax(off, fabs(solved_at(&fine, i, "mu") + 3 * solved_at(&fine, i, "e")));
        }
        const double threshold = solved_fact(&fine, "e at the threshold");
        lab_near(run, -.942809, threshold, 1e-6, "energy of the threshold states");
        lab_at_most(run, 1e-10, off, 0, "mu = -3 e, largest difference");
        lab_beside(run, e[fine.r.rows - 1], "energy at t = %g", last);
        lab_at_least(run, threshold, e[fine.r.rows - 1], 0,
                     "the same, above that of the threshold");
        approach(run, t, e, fine.r.rows, last / 10, threshold);
        for (size_t i = 0; i < fine.r.rows; i++) e[i] = log10(e[i] - threshold);
        lab_curve(run, "The approach to the threshold|time|log10 of e - e_th", fine.r.rows - 1,
                  t + 1, e + 1, NULL, "p = 3, T = 0");
        solved_clear(&fine);
    }
    solved_clear(&coarse);
    return s;
}

const struct experiment experiment_threshold_energy = {
    .name = "threshold-energy",
    .title = "a glass falls to its threshold and no further, by t^(-2/3)",
    .source = "Cugliandolo and Kurchan 1993",
    .setting = "quick: up to t = 50, 1500 steps; full: up to t = 200, 6000 steps",
    .run = measure,
};
