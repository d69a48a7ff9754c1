/* Krotov and Hopfield 2016, figure 5: the number of memories K_1/2(N) at which half of the random
 * starts still end in a memory, n = 3, follows K = N^(n-1) / (2 (2n-3)!! ln N), the capacity
 * without errors; with the rectified energy it lies slightly above. K_1/2 is found by bisection in
 * log K. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "experiments/lab.h"

static double capacity(double n)
{
    return n * n / (6 * log(n));
}

/* K_1/2 over the formula, to 1/16 of an octave: `draws` sets of memories share the starts. */
static eg_status half_point(const struct experiment_context *run, eg_separation separation,
                            size_t n, size_t starts, size_t draws, double *ratio)
{
    double low = -2, high = 2;
    eg_rule rule = EG_RULE_INIT;
    rule.separation = separation;
    rule.order = 3;
    while (high - low > 1.0 / 16) {
        const double mid = (low + high) / 2;
        const size_t k = (size_t)(capacity((double)n) * exp2(mid) + 0.5);
        double share = 0;
        for (size_t t = 0; t < draws; t++) {
            struct lab_starts r;
            LAB_TRY(
                lab_random_starts(run, rule, n, k, starts / draws, run->seed + 100 * k + t, &r));
            share += r.recovered / (double)draws;
        }
        *(share >= 0.5 ? &low : &high) = mid;
    }
    *ratio = exp2((low + high) / 2);
    return EG_OK;
}

static eg_status measure(const struct experiment_context *run, size_t starts, size_t draws)
{
    enum { POINTS = 4 };
    const size_t sizes[POINTS] = { 50, 100, 150, 200 };
    double x[POINTS], theory[POINTS], k[2][POINTS];
    for (size_t i = 0; i < POINTS; i++) {
        const size_t n = sizes[i];
        const double formula = capacity((double)n);
        double power, rectified;
        LAB_TRY(half_point(run, EG_SEP_POWER, n, starts, draws, &power));
        LAB_TRY(half_point(run, EG_SEP_RECTIFIED, n, starts, draws, &rectified));
        /* The finite-size points of the figure scatter about the line by a third. */
        lab_near(run, formula, formula * power, formula / 3, "N = %zu: K_1/2, power energy", n);
        lab_at_least(run, formula * power, formula * rectified, 0,
                     "N = %zu: K_1/2, rectified energy, above it", n);
        x[i] = (double)n;
        theory[i] = formula;
        k[0][i] = formula * power;
        k[1][i] = formula * rectified;
    }
    for (size_t r = 0; r < 2; r++)
        lab_curve(run, "Memories of which half the starts come back, n = 3|N|K_1/2", POINTS, x,
                  k[r], theory, "%s energy", r == 0 ? "power" : "rectified");
    return EG_OK;
}

static eg_status run_experiment(const struct experiment_context *run)
{
    return measure(run, run->full ? 8000 : 600, run->full ? 8 : 3);
}

const struct experiment experiment_dam_half = {
    .name = "dam-half",
    .title = "K_1/2(N) for n = 3 follows the capacity without errors",
    .source = "Krotov and Hopfield 2016, fig. 5 and eq. 6",
    .setting = "N = 50, 100, 150, 200; quick: 600 starts a point, full: 8000",
    .run = run_experiment,
};
