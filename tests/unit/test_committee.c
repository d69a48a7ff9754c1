/* Networks that learn from examples: a trajectory found by another program, noise floors, rates as
 * derivatives of the error, samples beside the equations. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dynamics/egi_network.h"
#include "dynamics_check.h"

static void golden_trajectory(void **state)
{
    (void)state;
    static const double t[] = { 1, 10, 100, 300 };
    static const double error[] = { .24797672, .01684046, .01343186, 1.175e-5 };
    const struct egi_committee o = { .k = 2, .m = 2, .rate = .5 };
    double s[10] = { .3, .01, .01, .4, .02, .01, 0, .03, 1, 1 };
    CHECK_NEAR(egi_committee_error(&o, s), .48114851, 1e-8);
    for (size_t i = 0; i < 4; i++) {
        CHECK_OK(egi_committee_advance(&o, i > 0 ? t[i - 1] : 0, t[i], 1e-10, s));
        CHECK_NEAR(egi_committee_error(&o, s), error[i], i < 3 ? 2e-7 : 2e-8);
    }
    CHECK_NEAR(s[0], .977629, 2e-5);
    CHECK_NEAR(s[4], .988702, 2e-5);
    CHECK(s[8] == 1); /* the second layer rests */
}

/* The same end for a tenth of the tolerance. */
static void step_is_chosen(void **state)
{
    (void)state;
    const struct egi_committee o = { .k = 2, .m = 1, .rate = .5, .rate_v = .1, .noise = .1 };
    double s[2][8] = { { .3, .01, .01, .4, .02, .01, .5, .6 },
                       { .3, .01, .01, .4, .02, .01, .5, .6 } };
    CHECK_OK(egi_committee_advance(&o, 0, 20, 1e-7, s[0]));
    CHECK_OK(egi_committee_advance(&o, 0, 20, 1e-11, s[1]));
    for (size_t i = 0; i < 8; i++) CHECK_NEAR(s[0][i], s[1][i], 1e-6);
    const struct egi_committee wild = { .k = 1, .m = 1, .rate = 1e6 };
    double x[3] = { 1, .5, 1 };
    const eg_status status = egi_committee_advance(&wild, 0, 1e9, 1e-10, x);
    CHECK(status == EG_OK || status == EG_ERR_DIVERGED);
}

/* For a small rate the weights fall along the gradient: dw_i/dt = -eta N d(error)/dw_i, so that
 *     dR_in/dt = -eta (dE/dR_in + sum_j (1 + d_ij) dE/dQ_ij R_jn), dv_i/dt = -eta_v dE/dv_i. */
static void rates_are_gradients(void **state)
{
    (void)state;
    enum { K = 2, M = 2, SIZE = K * (K + M + 1) };
    const double eta = 1e-9, h = 1.0 / (1 << 17);
    const struct egi_committee o = { .k = K, .m = M, .rate = eta, .rate_v = .7 };
    const double s[SIZE] = { .5, .1, .1, .8, .3, -.1, .2, .4, 1.2, .7 };
    double rate[SIZE], slope[SIZE];
    egi_committee_rates(&o, s, rate);
    for (size_t i = 0; i < SIZE; i++) {
        double up[SIZE], down[SIZE];
        memcpy(up, s, sizeof s);
        memcpy(down, s, sizeof s);
        up[i] += h;
        down[i] -= h;
        slope[i] = (egi_committee_error(&o, up) - egi_committee_error(&o, down)) / (2 * h);
    }
    for (size_t i = 0; i < K; i++) {
        for (size_t n = 0; n < M; n++) {
            double force = slope[K * K + i * M + n];
            for (size_t j = 0; j < K; j++) /* Q_ij and Q_ji are one number, kept twice */
                force += (slope[i * K + j] + slope[j * K + i]) * s[K * K + j * M + n];
            CHECK_NEAR(rate[K * K + i * M + n] / eta, -force, 1e-7);
        }
        for (size_t j = 0; j < K; j++) {
            double force = 0;
            for (size_t n = 0; n < M; n++)
                force += slope[K * K + i * M + n] * s[K * K + j * M + n]
                         + slope[K * K + j * M + n] * s[K * K + i * M + n];
            for (size_t l = 0; l < K; l++)
                force += (slope[i * K + l] + slope[l * K + i]) * s[j * K + l]
                         + (slope[j * K + l] + slope[l * K + j]) * s[i * K + l];
            CHECK_NEAR(rate[i * K + j] / eta, -force, 1e-6);
        }
        CHECK_NEAR(rate[K * (K + M) + i], -.7 * slope[K * (K + M) + i], 1e-9);
    }
}

static void noise_floors(void **state)
{
    (void)state;
    const struct egi_committee one = { .k = 1, .m = 1, .rate = .05, .noise = .1 };
    double s[8] = { .9, .9, 1 }, rate[8];
    CHECK_OK(egi_committee_advance(&one, 0, 4000, 1e-10, s));
    CHECK_NEAR(egi_committee_error(&one, s), 4.6515e-5, 1e-9);
    const struct egi_committee two = { .k = 2, .m = 1, .rate = .05, .noise = .1 };
    const double start[8] = { 1, 0, 0, .01, .95, 0, 1, 1 };
    memcpy(s, start, sizeof start);
    CHECK_OK(egi_committee_advance(&two, 0, 20000, 1e-9, s));
    CHECK_NEAR(egi_committee_error(&two, s), 1.28896e-4, 2e-8);
    /* nothing moves where nothing is wrong */
    const struct egi_committee still = { .k = 1, .m = 1, .rate = 1, .rate_v = 1 };
    egi_committee_rates(&still, (const double[]){ 1, 1, 1 }, rate);
    for (size_t i = 0; i < 3; i++) CHECK_NEAR(rate[i], 0, 1e-12);
}

static void samples_follow(void **state)
{
    (void)state;
    eg_dynamics_result r, again;
    eg_dynamics_options o = EG_DYNAMICS_OPTIONS_INIT;
    CHECK_OK(TRY("committee", &o, &r, { "t", 6 }, { "points", 6 }, { "samples", 6 }, { "N", 200 },
                 { "sigma", .3 }, { "eta-v", .2 }, { "K", 3 }, { "r0", .3 }));
    CHECK_NEAR(cell("committee", &r, 0, "error_simulated"), cell("committee", &r, 0, "error"),
               1e-12);
    for (size_t i = 1; i < r.rows; i++)
        CHECK_NEAR(cell("committee", &r, i, "error_simulated"), cell("committee", &r, i, "error"),
                   4.5 * cell("committee", &r, i, "error_error") + 1.0 / 200);
    o.threads = 1;
    CHECK_OK(TRY("committee", &o, &again, { "t", 6 }, { "points", 6 }, { "samples", 6 },
                 { "N", 200 }, { "sigma", .3 }, { "eta-v", .2 }, { "K", 3 }, { "r0", .3 }));
    CHECK_SAME_BITS(r.value, again.value, r.rows * r.columns * sizeof *r.value);
    eg_dynamics_result_clear(&r);
    eg_dynamics_result_clear(&again);
    CHECK_STATUS(TRY("committee", NULL, &r, { "q0", .01 }, { "r0", .5 }), EG_ERR_INVALID);
    CHECK_STATUS(TRY("committee", NULL, &r, { "N", 3 }, { "samples", 1 }), EG_ERR_INVALID);
}

/* Starts of any overlaps: the golden one as parameters, and weights of a sample that have them. */
static void starts_of_any_overlaps(void **state)
{
    (void)state;
    eg_dynamics_result r;
    RUN("committee", &r, { "q0", .3 }, { "q-step", 1 / 3.0 }, { "q-across", .01 }, { "r0", .02 },
        { "r-step", .5 }, { "r-next", .01 }, { "t", 1 }, { "points", 1 }, { "samples", 2 },
        { "N", 40 });
    CHECK_NEAR(cell("committee", &r, 0, "error"), .48114851, 1e-8);
    CHECK_NEAR(cell("committee", &r, 0, "error_simulated"), .48114851, 1e-8);
    CHECK_NEAR(cell("committee", &r, 1, "error"), .24797672, 2e-7);
    eg_dynamics_result_clear(&r);
    CHECK_STATUS(TRY("committee", NULL, &r, { "q-across", 5 }), EG_ERR_INVALID);
}

static void regressions_follow(void **state)
{
    (void)state;
    static const char *const names[] = { "ridgeless", "ridge" };
    eg_dynamics_result r;
    RUN("regression", &r, { "n", 100 }, { "samples", 20 }, { "points", 6 }, { "to", 3 });
    for (size_t i = 0; i < r.rows; i++)
        for (size_t k = 0; k < 2; k++) {
            char simulated[32], error[32];
            snprintf(simulated, sizeof simulated, "%s_simulated", names[k]);
            snprintf(error, sizeof error, "%s_error", names[k]);
            CHECK_NEAR(cell("regression", &r, i, simulated), cell("regression", &r, i, names[k]),
                       4.5 * cell("regression", &r, i, error)
                           + .05 * cell("regression", &r, i, names[k]));
        }
    eg_dynamics_result_clear(&r);
    RUN("perceptron", &r, { "N", 200 }, { "samples", 30 }, { "points", 5 });
    for (size_t i = 0; i < r.rows; i++)
        CHECK_NEAR(cell("perceptron", &r, i, "overlap_simulated"),
                   cell("perceptron", &r, i, "overlap"),
                   4.5 * cell("perceptron", &r, i, "overlap_error") + 1.0 / 200);
    eg_dynamics_result_clear(&r);
    CHECK_STATUS(TRY("perceptron", NULL, &r, { "from", 3 }, { "to", 3 }), EG_ERR_INVALID);
    CHECK_STATUS(TRY("regression", NULL, &r, { "from", 3 }, { "to", 2 }), EG_ERR_INVALID);
}

/* Counts of sets that are parted, of four standard errors by Cover's count. */
static void points_are_parted(void **state)
{
    (void)state;
    enum { SAMPLES = 1000 };
    eg_dynamics_result refused;
    const double dimensions[] = { 2, 7, 20 };
    for (size_t k = 0; k < sizeof dimensions / sizeof *dimensions; k++) {
        eg_dynamics_result r;
        RUN("separable", &r, { "N", dimensions[k] }, { "samples", SAMPLES }, { "points", 12 });
        for (size_t i = 0; i < r.rows; i++) {
            const double p = cell("separable", &r, i, "probability");
            CHECK_NEAR(cell("separable", &r, i, "probability_simulated"), p,
                       4 * sqrt(p * (1 - p) / SAMPLES) + 1.5 / SAMPLES);
        }
        CHECK_NEAR(r.value[0], rint(.5 * dimensions[k]) / dimensions[k], 1e-15);
        CHECK(cell("separable", &r, 0, "probability_simulated") == 1);
        CHECK(cell("separable", &r, r.rows - 1, "probability_simulated") < .6);
        eg_dynamics_result_clear(&r);
    }
    CHECK_STATUS(TRY("separable", NULL, &refused, { "from", 3 }, { "to", 2 }), EG_ERR_INVALID);
}

/* Every allocation of every family fails once. */
static void out_of_memory(void **state)
{
    (void)state;
    static const char *const names[] = { "committee", "perceptron",      "regression",
                                         "separable", "message-passing", "mode-coupling",
                                         "landscape", "circle" };
    for (size_t m = 0; m < sizeof names / sizeof *names; m++) {
        eg_status s = EG_ERR_NOMEM;
        for (size_t k = 0; s != EG_OK; k++) {
            struct failing f = { .fail_at = k };
            const eg_allocator alloc = failing_allocator(&f);
            eg_dynamics_options o = EG_DYNAMICS_OPTIONS_INIT;
            eg_dynamics_result r = { 0 };
            o.alloc = &alloc;
            s = TRY(names[m], &o, &r, { "samples", 1 }, { "N", 8 }, { "n", 32 }, { "t", 1 },
                    { "points", 3 });
            CHECK(s == EG_OK || s == EG_ERR_NOMEM);
            eg_dynamics_result_clear(&r);
            CHECK(f.live == 0 && k < 50);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_trajectory),   cmocka_unit_test(step_is_chosen),
        cmocka_unit_test(rates_are_gradients), cmocka_unit_test(noise_floors),
        cmocka_unit_test(samples_follow),      cmocka_unit_test(starts_of_any_overlaps),
        cmocka_unit_test(regressions_follow),  cmocka_unit_test(points_are_parted),
        cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
