/* The grid that doubles: closed forms of p = 2, equilibrium, the fixed grid, what it refuses. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dynamics_check.h"

/* p = 2, T = 0: Gamma = I_1(4t)/(2t); ln of it without exp(4t), by its integral. */
static double log_gamma_of(double t)
{
    double sum = 0;
    for (int i = 0; i < 4000; i++) {
        const double a = M_PI * i / 4000;
        sum += exp(4 * t * (cos(a) - 1)) * pow(sin(a), 2);
    }
    return log(sum / 2000) + 4 * t;
}

static void matrix_alone(void **state)
{
    (void)state;
    double off[2] = { 0 };
    for (size_t k = 0; k < 2; k++) {
        eg_dynamics_result r;
        RUN("long-times", &r, { "p", 2 }, { "t", 60 }, { "n", k ? 256 : 128 }, { "points", 6 });
        for (size_t i = 0; i < r.rows; i++) {
            const double t = cell("long-times", &r, i, "t");
            const double mu = (log_gamma_of(t + 1e-3) - log_gamma_of(t - 1e-3)) / 4e-3;
            const double c0 = exp(log_gamma_of(t / 2) - log_gamma_of(t) / 2 - log_gamma_of(0) / 2);
            const double half =
                exp(log_gamma_of(.75 * t) - log_gamma_of(t) / 2 - log_gamma_of(t / 2) / 2);
            CHECK_NEAR(cell("long-times", &r, i, "mu"), mu, 2e-3);
            CHECK_NEAR(cell("long-times", &r, i, "e"), -mu / 2, 1e-3);
            CHECK_NEAR(cell("long-times", &r, i, "c0"), c0, 3e-3);
            CHECK_NEAR(cell("long-times", &r, i, "half"), half, 1e-3);
            off[k] = fmax(off[k], fabs(cell("long-times", &r, i, "mu") - mu));
        }
        eg_dynamics_result_clear(&r);
    }
    CHECK(off[1] < off[0] / 1.8);
}

/* Above the temperature of arrest: e = -1/(2T), chi = 1/T, for ever. */
static void equilibrium(void **state)
{
    (void)state;
    eg_dynamics_result r, same;
    RUN("long-times", &r, { "T", .7 }, { "t", 1e7 }, { "points", 8 });
    for (size_t i = 3; i < r.rows; i++) {
        CHECK_NEAR(cell("long-times", &r, i, "e"), -1 / 1.4, 2e-5);
        CHECK_NEAR(cell("long-times", &r, i, "chi"), 1 / .7, 2e-4);
        CHECK_NEAR(cell("long-times", &r, i, "half"), 0, 1e-5);
    }
    CHECK(cell("long-times", &r, r.rows - 1, "t") >= 1e7 * (1 - 1e-6));
    eg_dynamics_result_clear(&r);
    /* the correlation at long waiting times is that of the mode-coupling equation */
    RUN("long-times", &r, { "T", .8 }, { "t", 64 }, { "points", 1 });
    RUN("mode-coupling", &same, { "T", .8 }, { "t", cell("long-times", &r, 0, "t") / 2 },
        { "points", 1 });
    CHECK_NEAR(cell("long-times", &r, 0, "half"), cell("mode-coupling", &same, 0, "c"), 2e-3);
    eg_dynamics_result_clear(&r);
    eg_dynamics_result_clear(&same);
}

/* Below it: the fixed grid, two of them extrapolated. */
static void fixed_grid(void **state)
{
    (void)state;
    static const double temperature[] = { 0, .4 };
    for (size_t k = 0; k < 2; k++) {
        eg_dynamics_result r, fixed[2];
        RUN("long-times", &r, { "T", temperature[k] }, { "t", 20 }, { "points", 1 });
        const double t = cell("long-times", &r, 0, "t");
        for (size_t f = 0; f < 2; f++)
            RUN("pspin", &fixed[f], { "T", temperature[k] }, { "t", t }, { "n", f ? 800 : 400 },
                { "tw", t / 2 }, { "points", 1 });
        static const char *const names[][2] = { { "e", "e" }, { "c0", "c0" }, { "half", "c" } };
        for (size_t i = 0; i < 3; i++) {
            const double coarse = cell("pspin", &fixed[0], fixed[0].rows - 1, names[i][1]);
            const double fine = cell("pspin", &fixed[1], fixed[1].rows - 1, names[i][1]);
            CHECK_NEAR(cell("long-times", &r, 0, names[i][0]), (4 * fine - coarse) / 3, 5e-4);
        }
        eg_dynamics_result_clear(&r);
        eg_dynamics_result_clear(&fixed[0]);
        eg_dynamics_result_clear(&fixed[1]);
    }
}

/* With a signal: the recovered state, between spurious minima. */
static void signal_is_found(void **state)
{
    (void)state;
    eg_dynamics_result r;
    RUN("spiked-long-times", &r, { "p", 3 }, { "snr", 4.6 }, { "delta-p", .2 }, { "m0", 1e-3 },
        { "t", 20 }, { "points", 5 });
    CHECK(cell("spiked-long-times", &r, 0, "m") < .02);
    CHECK_NEAR(cell("spiked-long-times", &r, 4, "m"), fact(&r, "m at long times"), 1e-3);
    CHECK_NEAR(cell("spiked-long-times", &r, 4, "e"), -4.47399641, 5e-3);
    CHECK_NEAR(fact(&r, "m at long times"), .943063767, 1e-8);
    eg_dynamics_result_clear(&r);
}

static void out_of_memory(void **state)
{
    (void)state;
    eg_status s = EG_ERR_NOMEM;
    for (size_t k = 0; s != EG_OK; k++) {
        struct failing f = { .fail_at = k };
        const eg_allocator alloc = failing_allocator(&f);
        eg_dynamics_options o = EG_DYNAMICS_OPTIONS_INIT;
        eg_dynamics_result r = { 0 };
        o.alloc = &alloc;
        s = TRY("long-times", &o, &r, { "n", 64 }, { "t", 1 }, { "points", 3 });
        CHECK(s == EG_OK || s == EG_ERR_NOMEM);
        eg_dynamics_result_clear(&r);
        CHECK(f.live == 0 && k < 50);
    }
}

static void refuses(void **state)
{
    (void)state;
    eg_dynamics_options o = EG_DYNAMICS_OPTIONS_INIT;
    eg_dynamics_result r = { .rows = 42 };
    CHECK_STATUS(TRY("long-times", &o, &r, { "t", 1e8 }, { "n", 64 }), EG_ERR_DIVERGED);
    CHECK(strstr(eg_error_detail(), "choose n above") != NULL && r.rows == 42);
    o.max_bytes = 1 << 20;
    CHECK_STATUS(TRY("long-times", &o, &r, { "t", 1 }), EG_ERR_LIMIT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(matrix_alone), cmocka_unit_test(equilibrium),
        cmocka_unit_test(fixed_grid),   cmocka_unit_test(signal_is_found),
        cmocka_unit_test(refuses),      cmocka_unit_test(out_of_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
