/* Nagarajan and Kolter 2019, section 3.1: a linear classifier whose test error falls with the
 * number of dimensions, while on examples that look as typical, the training set with the noise of
 * each turned around, it errs always: no bound that holds for all hypotheses found can be below 1
 * less that error.
 *
 * x = (2 y u, z), |u| = 1 / sqrt m, z ~ N(0, (32 / D) I_D); one gradient step from 0 gives
 * w = (2 m u, sum y_i z_i). Training margins are 4 + 32 + noise, those of new examples 4 + N(0, m
 * 32^2 / D), so that the test error is Phi(-sqrt(D / m) / 8), Phi(-2) = .0228 at D = 256 m; on the
 * turned examples they are 4 - 32 + noise. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "experiments/lab.h"

struct case_ {
    size_t m, d, tests;
    uint64_t seed;
    float *z, *w; /* (m, D) as drawn; (D) */
};

/* Standard deviation of a coordinate of z. */
static double deviation(const struct case_ *c)
{
    return sqrt(32.0 / (double)c->d);
}

static double along(const struct case_ *c, const float *z)
{
    double sum = 0;
    for (size_t k = 0; k < c->d; k++) sum += (double)z[k] * (double)c->w[k];
    return sum;
}

/* Errors on training examples, on them turned, and on new ones. */
static void errors_of(struct case_ *c, double error[3])
{
    const double by = deviation(c), from_u = 4; /* y <2 m u, 2 y u> = 4 m |u|^2 */
    memset(c->w, 0, c->d * sizeof *c->w);
    for (size_t i = 0; i < c->m; i++) {
        float *z = c->z + i * c->d; /* y_i z_i, which has the law of z */
        eg_random_normal(c->seed, i, 0, c->d, z);
        for (size_t k = 0; k < c->d; k++) {
            z[k] = (float)(by * (double)z[k]);
            c->w[k] += z[k];
        }
    }
    memset(error, 0, 3 * sizeof *error);
    for (size_t i = 0; i < c->m; i++) {
        const double noise = along(c, c->z + i * c->d);
        error[0] += (from_u + noise <= 0) / (double)c->m;
        error[1] += (from_u - noise <= 0) / (double)c->m;
    }
    float *z = c->z; /* no longer needed */
    for (size_t i = 0; i < c->tests; i++) {
        eg_random_normal(c->seed, c->m + i, 0, c->d, z);
        error[2] += (from_u + by * along(c, z) <= 0) / (double)c->tests;
    }
}

static eg_status measure(const struct experiment_context *run)
{
    static const size_t times[] = { 64, 256, 1024 };
    double x[3], y[3], theory[3];
    struct case_ c = { .m = run->full ? 128 : 32, .tests = run->full ? 20000 : 5000 };
    c.seed = run->seed;
    c.z = lab_floats(c.m * c.m * times[2]);
    c.w = lab_floats(c.m * times[2]);
    if (c.z == NULL || c.w == NULL) {
        free(c.z);
        free(c.w);
        return lab_no_memory();
    }
    for (size_t i = 0; i < 3; i++) {
        double error[3];
        c.d = times[i] * c.m;
        errors_of(&c, error);
        x[i] = (double)times[i];
        y[i] = error[2];
        theory[i] = erfc(sqrt((double)times[i]) / 8 / sqrt(2)) / 2;
        const double spread = sqrt(theory[i] * (1 - theory[i]) / (double)c.tests);
        /* |w| varies by 1 / sqrt(2 m D) of itself, |sum z|^2 by sqrt(2 / D): below the count's own
         */
        lab_near(run, theory[i], error[2], 4 * spread + 0.002, "D = %zu m: test error, Phi(-%g)",
                 times[i], sqrt((double)times[i]) / 8);
        lab_near(run, 0, error[0], 0, "D = %zu m: training error", times[i]);
        if (times[i] >= 256)
            lab_near(run, 1, error[1], times[i] > 256 ? 0 : 0.02,
                     "D = %zu m: error on training examples with their noise turned", times[i]);
    }
    lab_curve(run, "Uniform convergence|D / m|test error", 3, x, y, theory, "linear, one step");
    free(c.z);
    free(c.w);
    return EG_OK;
}

const struct experiment experiment_uniform_convergence = {
    .name = "uniform-convergence",
    .title = "a classifier that generalises, and errs always on examples as typical as its own",
    .source = "Nagarajan and Kolter 2019, section 3.1 and theorem 3.1",
    .setting = "quick: m = 32, 5000 test examples; full: m = 128, 20 000",
    .run = measure,
};
