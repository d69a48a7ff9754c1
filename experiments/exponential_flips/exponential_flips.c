/* Demircigil et al. 2017: the exponential memory stores exp(alpha N) patterns and still corrects
 * rho N flipped components in one sweep, for alpha < I(1 - 2 rho) / 2. Measured at half and at
 * three quarters of the bound's exponent, N from 20 to 50. At finite N the error falls with N; far
 * above the bound recall fails. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "experiments/lab.h"

static eg_status share_corrected(const struct experiment_context *run, size_t n, size_t k,
                                 double rho, size_t trials, eg_capacity_result *r)
{
    eg_capacity_options o = EG_CAPACITY_OPTIONS_INIT;
    o.d = n;
    o.n = k;
    o.memory.storage = EG_STORE_BITS;
    o.memory.rule.separation = EG_SEP_EXPONENTIAL;
    o.memory.rule.projection = EG_PROJ_SIGN;
    o.recall.dynamics = EG_DYN_ASYNC;
    o.recall.max_steps = 1; /* one sweep */
    o.recall.threads = run->threads;
    o.recall.progress = run->progress;
    o.corruption = EG_CORRUPT_FLIP;
    o.amount = rho;
    o.threshold = 1;
    o.trials = trials;
    o.draws = 4;
    o.seed = run->seed;
    return eg_capacity_measure(&o, r);
}

static eg_status measure(const struct experiment_context *run, size_t trials)
{
    const size_t sizes[] = { 20, 30, 40, 50 };
    const double rhos[] = { 0.05, 0.1 };
    const eg_theory *bound = eg_theory_find("exponential-capacity");
    double out[8];
    LAB_TRY(eg_theory_evaluate(bound, (const double[]){ 50, 0.1 }, out));
    lab_near(run, 0.18403, out[0], 1e-5, "bound on alpha at rho = 0.1");
    for (size_t r = 0; r < 2; r++) {
        double first = 0, last = 0;
        for (size_t i = 0; i < 4; i++) {
            const double n = (double)sizes[i];
            LAB_TRY(eg_theory_evaluate(bound, (const double[]){ n, rhos[r] }, out));
            const size_t k = (size_t)exp(out[0] * n / 2) + 1;
            eg_capacity_result c;
            LAB_TRY(share_corrected(run, sizes[i], k, rhos[r], trials, &c));
            last = c.exact;
            if (i == 0) first = c.exact;
            if (sizes[i] >= 40)
                lab_at_least(run, 0.95, c.exact, 3 * lab_share_error(0.95, trials),
                             "rho = %.2f, N = %zu, K = %zu: share corrected in one sweep", rhos[r],
                             sizes[i], k);
        }
        lab_at_least(run, first, last, 3 * lab_share_error(first, trials),
                     "rho = %.2f: share corrected at N = 50, not below that at N = 20", rhos[r]);
    }
    eg_capacity_result over;
    LAB_TRY(share_corrected(run, 20, 1 << 14, 0.1, trials / 5, &over));
    lab_at_most(run, 0.5, over.exact, 0,
                "rho = 0.10, N = 20, K = 2^14, far above: share corrected");
    return EG_OK;
}

static eg_status run_experiment(const struct experiment_context *run)
{
    return measure(run, run->full ? 20000 : 1000);
}

const struct experiment experiment_exponential_flips = {
    .name = "exponential-flips",
    .title = "exponentially many patterns, flipped bits corrected in one sweep",
    .source = "Demircigil et al. 2017, theorem on the exponential interaction",
    .setting = "N = 20..50; quick: 1000 cues a cell, full: 20 000",
    .run = run_experiment,
};
