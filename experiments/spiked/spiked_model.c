/* Sarao Mannelli, Biroli, Cammarota, Krzakala and Zdeborova 2019, "Who is afraid of big bad
 * minima?": a matrix and a tensor of order p with a planted signal. Gradient flow finds the signal
 * above 1/Delta_2^2 = Q''(1), which is where the threshold states that it falls to lose their
 * stability towards the signal. Spurious minima remain up to a line that is further: between the
 * two they are there in exponential number, and gradient flow passes them. Below the line message
 * passing finds the signal and gradient flow does not.
 *
 * Lines: numbers of the reference (closed forms, and the zero of the complexity of Kac and Rice).
 * Trajectories: the two-time equations from an overlap of 10^-3, two grids; and gradient flow of
 * systems of N components beside them, from an overlap of .3, where samples of this size agree on
 * where to go. A deviation is counted beyond 4.5 standard errors, and may be 4/N. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "experiments/solved.h"

struct line {
    double p, delta, message_passing, gradient_flow, trivial;
};

static const struct line lines[] = { { 3, 1, 1.61803, 2, 2.4628 },
                                     { 3, 4, 1.20711, 1.36603, 1.5520 },
                                     { 4, 1, 1.61803, 2.30278, 3.1256 },
                                     { 4, 4, 1.20711, 1.5, 1.8316 } };

static eg_status thresholds(const struct experiment_context *run)
{
    struct solved s;
    for (size_t i = 0; i < sizeof lines / sizeof *lines; i++) {
        const struct line *l = &lines[i];
        LAB_TRY(SOLVE(run, "spiked-phases", &s, { "p", l->p }, { "from", l->delta },
                      { "to", 2 * l->delta }, { "points", 2 }));
        lab_near(run, l->message_passing, solved_at(&s, 0, "message_passing"), 1e-5,
                 "p = %g, Delta_p = %g: 1/Delta_2, message passing", l->p, l->delta);
        lab_near(run, l->gradient_flow, solved_at(&s, 0, "gradient_flow"), 1e-5,
                 "the same, gradient flow");
        lab_near(run, l->trivial, solved_at(&s, 0, "trivial"), 1e-4,
                 "the same, no spurious minima");
        solved_clear(&s);
    }
    return EG_OK;
}

/* p = 3, Delta_p = .2: gradient flow above 3.7016, no spurious minima above 4.9121. */
#define BETWEEN                    \
    { "p", 3 }, { "delta-p", .2 }, \
    {                              \
        "snr", 4.6                 \
    }
#define BELOW                      \
    { "p", 3 }, { "delta-p", .2 }, \
    {                              \
        "snr", 3.2                 \
    }

static eg_status passes_minima(const struct experiment_context *run)
{
    const double n = run->full ? 4000 : 1600;
    struct solved s;
    LAB_TRY(SOLVE(run, "landscape", &s, BETWEEN));
    lab_at_least(run, 1e-4, solved_fact(&s, "largest at m <= 0.2"), 0,
                 "1/Delta_2 = 4.6: ln of the number of spurious minima, over N, is above 0");
    const double recovered = solved_fact(&s, "m of the recovered state");
    solved_clear(&s);
    LAB_TRY(SOLVE(run, "spiked", &s, BETWEEN, { "m0", 1e-3 }, { "t", 14 }, { "n", n }));
    LAB_TRY(solved_curve(run, &s, "Past spurious minima|time|overlap with the signal", "m",
                         "1/Delta_2 = 4.6, from 0.001"));
    lab_near(run, recovered, solved_last(&s, "m"), 1e-3,
             "1/Delta_2 = 4.6: overlap that gradient flow ends at");
    lab_near(run, solved_fact(&s, "e at long times"), solved_last(&s, "e"), run->full ? .005 : .02,
             "the same, energy");
    solved_clear(&s);
    LAB_TRY(SOLVE(run, "spiked", &s, BELOW, { "m0", 1e-4 }, { "t", 40 }, { "n", n }));
    LAB_TRY(solved_curve(run, &s, "Past spurious minima|time|overlap with the signal", "m",
                         "1/Delta_2 = 3.2, from 0.0001"));
    lab_at_most(run, .1, solved_last(&s, "m"), 0, "1/Delta_2 = 3.2: overlap at t = 40");
    solved_clear(&s);
    LAB_TRY(SOLVE(run, "message-passing", &s, BELOW, { "T", 0 }, { "m0", 1e-4 }, { "t", 200 }));
    lab_at_least(run, .9, solved_last(&s, "m"), 0, "the same, that message passing ends at");
    solved_clear(&s);
    return EG_OK;
}

static eg_status samples_beside(const struct experiment_context *run)
{
    static const char *const columns[] = { "m", "e", "c0" };
    static const char *const what[] = { "overlap", "energy", "correlation with the start" };
    const double size[] = { 60, run->full ? 200 : 120 };
    struct solved s;
    for (size_t k = 0; k < 2; k++) {
        LAB_TRY(SOLVE(run, "spiked", &s, BETWEEN, { "m0", .3 }, { "t", 4 }, { "n", 1200 },
                      { "points", 16 }, { "step", .01 }, { "samples", run->full ? 96 : 48 },
                      { "N", size[k] }));
        for (size_t c = 0; c < 3; c++)
            lab_at_most(run, 4 / size[k], solved_apart(&s, columns[c], 4.5), 0,
                        "N = %g: %s off theory, beyond 4.5 standard errors", size[k], what[c]);
        if (k == 1) {
            LAB_TRY(solved_curve(run, &s, "Samples beside theory|time|overlap with the signal", "m",
                                 "1/Delta_2 = 4.6, from 0.3"));
            LAB_TRY(solved_curve(run, &s, "Samples beside theory, energy|time|energy a component",
                                 "e", "1/Delta_2 = 4.6, from 0.3"));
            lab_beside(run, solved_last(&s, "m_error"), "N = %g: standard error of the overlap",
                       size[k]);
        }
        solved_clear(&s);
    }
    return EG_OK;
}

static eg_status measure(const struct experiment_context *run)
{
    LAB_TRY(thresholds(run));
    LAB_TRY(passes_minima(run));
    return samples_beside(run);
}

const struct experiment experiment_spiked_model = {
    .name = "spiked-model",
    .title = "gradient flow passes spurious minima on its way to a signal",
    .source = "Sarao Mannelli et al. 2019, Who is afraid of big bad minima?, figures 1 and 2",
    .setting = "quick: grids of 1600 steps, 48 samples of 60 and 120 components; full: 4000 steps, "
               "96 samples of 60 and 200",
    .run = measure,
};
