/* Saad and Solla 1995; Goldt, Advani, Saxe, Krzakala and Zdeborova 2019: a soft committee that
 * learns online from a teacher obeys, for many inputs, equations of its overlaps. A run of two
 * units has a plateau on which they are alike, and with noise in the labels the error ends at a
 * floor, eta sigma^2 / (2 pi) (K - M + M / sqrt 3) to first order in the rate.
 *
 * Golden: a trajectory that another program found (a step of .02, Runge-Kutta). Stochastic
 * gradient descent of N inputs stands beside; its error may be off by 4.5 standard errors and a
 * share of itself, for it is delayed on the plateau by ln N. The floors of the equations are
 * 4.6515e-5 and 1.28896e-4, above the first order by what the second brings. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "experiments/solved.h"

static const double golden_t[] = { 1, 10, 100, 300 };
static const double golden_error[] = { .24797672, .01684046, .01343186, 1.175e-5 };

#define GOLDEN                                                                             \
    { "eta", .5 }, { "q0", .3 }, { "q-step", 1 / 3. }, { "q-across", .01 }, { "r0", .02 }, \
        { "r-step", .5 },                                                                  \
    {                                                                                      \
        "r-next", .01                                                                      \
    }

static eg_status trajectory(const struct experiment_context *run)
{
    const double n = run->full ? 2000 : 500, samples = run->full ? 8 : 4;
    struct solved s;
    for (size_t i = 0; i < 4; i++) {
        LAB_TRY(SOLVE(run, "committee", &s, GOLDEN, { "t", golden_t[i] }, { "points", 1 }));
        lab_near(run, golden_error[i], solved_last(&s, "error"), i < 3 ? 2e-7 : 2e-8,
                 "K = M = 2: generalisation error at t = %g", golden_t[i]);
        if (i == 3) {
            lab_near(run, .977629, solved_last(&s, "q11"), 2e-5, "the same, Q11");
            lab_near(run, .988702, solved_last(&s, "r11"), 2e-5, "the same, R11");
        }
        solved_clear(&s);
    }
    LAB_TRY(SOLVE(run, "committee", &s, GOLDEN, { "t", 100 }, { "points", 30 },
                  { "samples", samples }, { "N", n }));
    LAB_TRY(solved_curve(run, &s, "Online learning|examples / N|generalisation error", "error",
                         "K = M = 2"));
    lab_at_most(run, solved_at(&s, 0, "error") / sqrt(n), solved_apart(&s, "error", 4.5), 0,
                "N = %g: error up to t = 100 off theory, beyond 4.5 standard errors", n);
    lab_near(run, solved_last(&s, "error"), solved_last(&s, "error_simulated"),
             4.5 * solved_last(&s, "error_error") + .05 * solved_last(&s, "error"),
             "the same, error on the plateau");
    solved_clear(&s);
    return EG_OK;
}

static eg_status floors(const struct experiment_context *run)
{
    static const struct {
        double k, first, floor;
    } want[] = { { 1, 4.594e-5, 4.6515e-5 }, { 2, 1.2552e-4, 1.28896e-4 } };
    for (size_t i = 0; i < 2; i++) {
        struct solved s;
        LAB_TRY(SOLVE(run, "committee", &s, { "K", want[i].k }, { "M", 1 }, { "eta", .05 },
                      { "sigma", .1 }, { "t", 20000 }, { "points", 40 }));
        lab_near(run, want[i].first, solved_fact(&s, "floor to first order in eta"),
                 want[i].first * 1e-4, "K = %g, M = 1: floor of the error, first order", want[i].k);
        lab_near(run, want[i].floor, solved_last(&s, "error"), want[i].floor * 1e-4,
                 "the same, of the equations");
        solved_clear(&s);
    }
    /* a rate of .5: a floor that descent reaches in hundreds of examples an input */
    const double n = run->full ? 1000 : 200;
    struct solved s;
    double sum = 0, square = 0, theory = 0;
    LAB_TRY(SOLVE(run, "committee", &s, { "K", 2 }, { "M", 1 }, { "eta", .5 }, { "sigma", .1 },
                  { "t", 400 }, { "points", 40 }, { "samples", 8 }, { "N", n }));
    LAB_TRY(solved_curve(run, &s, "Noise floor|examples / N|generalisation error", "error",
                         "K = 2, M = 1, eta = 0.5"));
    const size_t from = s.r.rows / 2; /* t = 100 on */
    for (size_t i = from; i < s.r.rows; i++) {
        sum += solved_at(&s, i, "error_simulated") / (double)(s.r.rows - from);
        theory += solved_at(&s, i, "error") / (double)(s.r.rows - from);
        square += pow(solved_at(&s, i, "error_error"), 2) / (double)(s.r.rows - from);
    }
    /* rows of a run are far enough apart in time to be nearly independent; 4.5 errors of one row
     * are asked, and a finite-size share of 10/N */
    lab_near(run, theory, sum, 4.5 * sqrt(square) + theory * 10 / n,
             "K = 2, M = 1, eta = 0.5, N = %g: floor of descent, mean from t = 100 on", n);
    solved_clear(&s);
    return EG_OK;
}

static eg_status measure(const struct experiment_context *run)
{
    LAB_TRY(trajectory(run));
    return floors(run);
}

const struct experiment experiment_committee = {
    .name = "committee",
    .title = "a committee learns online as the equations of its overlaps say, down to a floor",
    .source = "Saad and Solla 1995; Goldt et al. 2019, equation 13 and figure 2",
    .setting = "quick: descent of 500 and 200 inputs; full: 2000 and 1000",
    .run = measure,
};
