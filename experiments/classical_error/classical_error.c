/* The classical network at zero temperature: where recall that starts at a stored pattern comes
 * to rest, by the load alpha = K/N. Mean-field theory (Amit, Gutfreund and Sompolinsky 1985) gives
 * the whole curve up to alpha_c = 0.138, where 1.6 % of the components are wrong; beyond it the
 * pattern is lost. The one-step error follows from the Gaussian tail of the local field. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "experiments/lab.h"

static eg_status theory(const char *name, const double *in, double *out)
{
    return eg_theory_evaluate(eg_theory_find(name), in, out);
}

static eg_status measure_load(const struct experiment_context *run, size_t n, double alpha,
                              size_t draws, eg_capacity_result *r)
{
    eg_capacity_options o = EG_CAPACITY_OPTIONS_INIT;
    o.d = n;
    o.n = (size_t)(alpha * (double)n + 0.5);
    o.memory.storage = EG_STORE_HEBB;
    o.memory.rule.separation = EG_SEP_IDENTITY;
    o.memory.rule.projection = EG_PROJ_SIGN;
    o.recall.dynamics = EG_DYN_ASYNC;
    o.recall.order = EG_ORDER_RANDOM;
    o.recall.max_steps = 200;
    o.recall.threads = run->threads;
    o.recall.progress = run->progress;
    o.corruption = EG_CORRUPT_FLIP;
    o.amount = 0;
    o.trials = 16 * draws;
    o.draws = draws;
    o.seed = run->seed;
    return eg_capacity_measure(&o, r);
}

static eg_status measure(const struct experiment_context *run, size_t n, size_t draws)
{
    enum { LOADS = 4 };
    const double loads[LOADS] = { 0.05, 0.08, 0.10, 0.12 };
    double curve[8], step[8], wrong[LOADS], theory_wrong[LOADS];
    LAB_TRY(theory("classical-curve", (const double[]){ 0.12 }, curve));
    lab_near(run, 0.138, curve[2], 0.0005, "alpha_c of the mean-field equations");
    lab_near(run, 0.016, curve[3], 0.001, "share of wrong components at alpha_c");
    for (size_t i = 0; i < LOADS; i++) {
        eg_capacity_result r;
        LAB_TRY(measure_load(run, n, loads[i], draws, &r));
        LAB_TRY(theory("classical-curve", &loads[i], curve));
        LAB_TRY(theory("classical-one-step", (const double[]){ (double)n, loads[i] * (double)n },
                       step));
        const double cells = (double)n * 16 * (double)draws;
        lab_near(run, step[0], r.unstable, 5 * sqrt(step[0] / cells) + 0.05 * step[0],
                 "alpha = %.2f, N = %zu: share that one step changes", loads[i], n);
        /* Finite N rounds the corner at alpha_c, the more the nearer: loads up to 0.12, within a
         * third and the granularity of one bit. */
        lab_near(run, curve[1], r.bit_error, curve[1] / 3 + 0.0005,
                 "alpha = %.2f, N = %zu: share wrong at rest", loads[i], n);
        wrong[i] = r.bit_error;
        theory_wrong[i] = curve[1];
    }
    lab_curve(run, "Wrong components at rest, classical network|load K/N|share wrong", LOADS, loads,
              wrong, theory_wrong, "N = %zu", n);
    eg_capacity_result lost;
    LAB_TRY(measure_load(run, n, 0.20, draws, &lost));
    lab_at_most(run, 0.75, lost.overlap, 0, "alpha = 0.20: mean overlap, the pattern is lost");
    return EG_OK;
}

static eg_status run_experiment(const struct experiment_context *run)
{
    return measure(run, run->full ? 4000 : 1000, run->full ? 4 : 2);
}

const struct experiment experiment_classical_error = {
    .name = "classical-error",
    .title = "the classical error curve up to 0.138 N",
    .source = "Amit, Gutfreund and Sompolinsky 1985; Hopfield 1982",
    .setting = "quick: N = 1000; full: N = 4000",
    .run = run_experiment,
};
