/* Rows of the table: spherical models in time. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dynamics/egi_doubling.h"
#include "dynamics/egi_families.h"
#include "dynamics/egi_glass_runs.h"
#include "dynamics/egi_mode_coupling.h"

#define CHSCK_SOLVER \
    "Heun's method with trapezoids on a grid of two times, second order; error by two grids"

static eg_status pspin(struct egi_dynamics *run)
{
    static const struct egi_glass_columns at = {
        .theory = { [EGI_GLASS_E] = 1,
                    [EGI_GLASS_MU] = 4,
                    [EGI_GLASS_C0] = 5,
                    [EGI_GLASS_C] = 8,
                    [EGI_GLASS_R] = 9 },
        .simulated = { [EGI_GLASS_E] = 2, [EGI_GLASS_C0] = 6 },
    };
    struct egi_glass g;
    egi_glass_pure(run, &g);
    EGI_TRY(egi_glass_run(run, &g, &at));
    if (g.terms == 1 && !(g.temperature > 0)) {
        const double p = g.term[0].power, mu = egi_glass_marginal(&g);
        egi_fact(run, "mu at the threshold", mu);
        egi_fact(run, "e at the threshold", -mu / p);
    }
    return EG_OK;
}

static eg_status spiked(struct egi_dynamics *run)
{
    static const struct egi_glass_columns at = {
        .theory = { [EGI_GLASS_M] = 1,
                    [EGI_GLASS_E] = 4,
                    [EGI_GLASS_MU] = 7,
                    [EGI_GLASS_C0] = 8,
                    [EGI_GLASS_C] = 11,
                    [EGI_GLASS_R] = 12 },
        .simulated = { [EGI_GLASS_M] = 2, [EGI_GLASS_E] = 5, [EGI_GLASS_C0] = 9 },
    };
    struct egi_glass g;
    egi_glass_planted(run, &g);
    EGI_TRY(egi_glass_run(run, &g, &at));
    if (g.temperature > 0) return EG_OK;
    const struct egi_recovered end = egi_glass_recovered(&g);
    egi_fact(run, "m at long times", end.m);
    egi_fact(run, "mu at long times", end.mu);
    egi_fact(run, "e at long times", end.e);
    egi_fact(run, "mu at the threshold", egi_glass_marginal(&g));
    return EG_OK;
}

#define LONG_PARAMS                                                  \
    { "n", "points of a block of equal steps", 256, 64, 4096 },      \
    {                                                                \
        "points", "rows of the table, between 1 and t", 40, 1, 10000 \
    }
#define LONG_COLUMNS                                                                            \
    COLUMN("t", "time", NULL), COLUMN("e", "energy a component", "energy"),                     \
        COLUMN("mu", "multiplier of the sphere", NULL), COLUMN("c0", "C(t, 0)", "correlation"), \
        COLUMN("half", "C(t, t/2)", "correlation"),                                             \
        COLUMN("chi", "response, integrated from 0 to t", "integrated response")

const eg_dynamics_model egi_models_glass[] = {
    { "pspin",
      "spherical p-spin models, pure or of two orders, from a random start",
      "CHSCK: dC/dt = -mu C + int R Q''(C) C + int R Q'(C), Q = g x^p + g2 x^p2; mu = T - p e "
      "(pure)",
      CHSCK_SOLVER,
      "Cugliandolo and Kurchan 1993; Crisanti, Horner and Sommers 1993",
      0,
      { { "p", "order of the interaction", 3, 2, 10 },
        { "g", "its weight in Q", 0.5, 1e-6, 1e6 },
        { "p2", "order of a second interaction", 2, 2, 10 },
        { "g2", "its weight, 0: none", 0, 0, 1e6 },
        { "T", "temperature", 0, 0, 1e3 },
        PARAM_TIME(20),
        PARAM_STEPS(1000),
        PARAM_WAIT,
        PARAM_ACCURACY,
        PARAM_POINTS,
        PARAM_SAMPLES,
        { "N", "components of a sample", 100, 4, 10000 },
        { "step", "time step of a sample", 0.05, 1e-5, 1 },
        PARAM_END },
      { COLUMN("t", "time", NULL), COLUMN("e", "energy a component", "energy"),
        SIMULATED("e", "energy a component", "energy"),
        COLUMN("mu", "multiplier of the sphere", NULL),
        COLUMN("c0", "C(t, 0)", "correlation with the start"),
        SIMULATED("c0", "C(t, 0)", "correlation with the start"),
        COLUMN("c", "C(t, tw)", "after the waiting time"),
        COLUMN("r", "R(t, tw)", "after the waiting time"), COLUMN_END },
      pspin },
    { "spiked",
      "the spiked matrix-tensor model: gradient flow or Langevin dynamics towards a signal",
      "CHSCK with dm/dt = -mu m + Q'(m) + int R Q''(C) m, Q = snr x^2/2 + x^p/(p delta-p)",
      CHSCK_SOLVER,
      "Sarao Mannelli et al. 2019 and 2020",
      0,
      { { "p", "order of the tensor", 4, 3, 10 },
        { "snr", "1/Delta_2, of the matrix", 3, 1e-3, 1e3 },
        { "delta-p", "Delta_p, variance of the tensor's noise", 4, 1e-3, 1e9 },
        { "T", "temperature", 0, 0, 1e3 },
        { "m0", "overlap with the signal at the start", 1e-4, 0, 0.99 },
        PARAM_TIME(10),
        PARAM_STEPS(1000),
        PARAM_WAIT,
        PARAM_ACCURACY,
        PARAM_POINTS,
        PARAM_SAMPLES,
        { "N", "components of a sample", 60, 4, 10000 },
        { "step", "time step of a sample", 0.05, 1e-5, 1 },
        PARAM_END },
      { COLUMN("t", "time", NULL),
        COLUMN("m", "overlap with the signal", "overlap with the signal"),
        SIMULATED("m", "overlap with the signal", "overlap with the signal"),
        COLUMN("e", "energy a component", "energy"), SIMULATED("e", "energy a component", "energy"),
        COLUMN("mu", "multiplier of the sphere", NULL),
        COLUMN("c0", "C(t, 0)", "correlation with the start"),
        SIMULATED("c0", "C(t, 0)", "correlation with the start"),
        COLUMN("c", "C(t, tw)", "after the waiting time"),
        COLUMN("r", "R(t, tw)", "after the waiting time"), COLUMN_END },
      spiked },
    { "long-times",
      "the p-spin models of `pspin`, followed to long times",
      "CHSCK with the integrated response: dF/dt = 1 - mu F + int R Q''(C) F",
      "a grid of two times whose step doubles, integrals of cells kept; error by two grids",
      "Cugliandolo and Kurchan 1993; scheme after Kim and Latz 2001",
      1,
      { { "p", "order of the interaction", 3, 2, 10 },
        { "g", "its weight in Q", 0.5, 1e-6, 1e6 },
        { "p2", "order of a second interaction", 2, 2, 10 },
        { "g2", "its weight, 0: none", 0, 0, 1e6 },
        { "T", "temperature", 0, 0, 1e3 },
        { "t", "time at the end", 1000, 1e-1, 1e9 },
        LONG_PARAMS,
        PARAM_END },
      { LONG_COLUMNS, COLUMN_END },
      egi_long_times },
    { "spiked-long-times",
      "the spiked matrix-tensor model of `spiked`, followed to long times",
      "CHSCK with the integrated response and dm/dt = -mu m + Q'(m) + int R Q''(C) m",
      "a grid of two times whose step doubles, integrals of cells kept; error by two grids",
      "Sarao Mannelli et al. 2019 and 2020; scheme after Kim and Latz 2001",
      1,
      { { "p", "order of the tensor", 4, 3, 10 },
        { "snr", "1/Delta_2, of the matrix", 3, 1e-3, 1e3 },
        { "delta-p", "Delta_p, variance of the tensor's noise", 4, 1e-3, 1e9 },
        { "T", "temperature", 0, 0, 1e3 },
        { "m0", "overlap with the signal at the start", 1e-4, 0, 0.99 },
        { "t", "time at the end", 100, 1e-1, 1e9 },
        LONG_PARAMS,
        PARAM_END },
      { LONG_COLUMNS, COLUMN("m", "overlap with the signal", "overlap with the signal"),
        COLUMN_END },
      egi_long_times },
    { "mode-coupling",
      "correlation of a mixed p-spin model at equilibrium, and where it is arrested",
      "dC/dt = -T C - (1/T) int_0^t Q'(C(t-s)) dC/ds, Q = g x^p + g2 x^p2, R = -C'/T",
      "steps that double, backward differences of second order; error by two grids",
      "Crisanti and Sommers 1993; scheme of Fuchs et al. 1991",
      1,
      { { "p", "order of the interaction", 3, 2, 10 },
        { "g", "its weight in Q", 0.5, 1e-6, 1e6 },
        { "p2", "order of a second interaction", 2, 2, 10 },
        { "g2", "its weight, 0: none", 0, 0, 1e6 },
        { "T", "temperature", 0.7, 1e-2, 1e3 },
        { "t", "time at the end", 100, 1e-3, 1e15 },
        { "n", "points of a block of equal steps", 1024, 32, 65536 },
        { "points", "rows of the table, between t/10^5 and t", 60, 1, 10000 },
        PARAM_END },
      { COLUMN("t", "time", NULL), COLUMN("c", "C(t)", "correlation at equilibrium"),
        COLUMN("r", "R(t)", NULL),
        COLUMN("plateau", "C where it is arrested; 0: nowhere", "correlation at equilibrium"),
        COLUMN_END },
      egi_mode_coupling },
    { .name = NULL },
};
