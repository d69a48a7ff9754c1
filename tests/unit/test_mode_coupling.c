/* Equilibrium, thresholds and landscapes of spherical models: numbers found by other programs, and
 * what two ways of computing must agree on. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dynamics/egi_landscape.h"
#include "dynamics/egi_mode_coupling.h"
#include "dynamics_check.h"

static void golden_times(void **state)
{
    (void)state;
    static const double t[] = { .5, 1, 2, 5, 10, 20, 50, 100 };
    static const double c[] = { .797581, .713630, .629366, .518171,
                                .426071, .315747, .140792, .037208 };
    struct egi_glass g = { .terms = 1, .temperature = .7, .term = { { .5, 3 } } };
    double got[2][8], r[8];
    for (size_t k = 0; k < 2; k++)
        CHECK_OK(egi_mode_coupling_solve(&g, k ? 1024 : 512, t, 8, NULL, eg_allocator_default(),
                                         got[k], r));
    for (size_t i = 0; i < 8; i++) {
        CHECK_NEAR(got[1][i], c[i], 2e-5);
        CHECK_NEAR((4 * got[1][i] - got[0][i]) / 3, c[i], 2e-6); /* second order */
    }
    g.temperature = .6;
    CHECK_OK(egi_mode_coupling_solve(&g, 1024, (const double[]){ 1, 10, 100, 1e8 }, 4, NULL,
                                     eg_allocator_default(), got[1], r));
    CHECK_NEAR(got[1][0], .774582, 1e-5);
    CHECK_NEAR(got[1][1], .640068, 1e-5);
    CHECK_NEAR(got[1][2], .601645, 1e-5);
    CHECK_NEAR(got[1][3], .6, 1e-8);
    CHECK_NEAR(egi_plateau(&g), .6, 1e-12);
    g.temperature = .6124;
    CHECK(egi_plateau(&g) == 0);
    g.temperature = .61237;
    CHECK_NEAR(egi_plateau(&g), .5, 2e-3);
}

/* Q = g x^2: the memory is linear in C, and the Laplace transform of C is the root of
 * (2g/T) c^2 ... : at short times C = 1 - T t + (T^2 + Q'(1)) t^2/2 whatever the order. */
static void short_times(void **state)
{
    (void)state;
    const double t[] = { 1e-4, 1e-3 };
    for (int p = 2; p <= 6; p++) {
        const struct egi_glass g = { .terms = 1, .temperature = .9, .term = { { .5, p } } };
        double c[2], r[2];
        CHECK_OK(egi_mode_coupling_solve(&g, 256, t, 2, NULL, eg_allocator_default(), c, r));
        for (size_t i = 0; i < 2; i++) {
            CHECK_NEAR(c[i], 1 - .9 * t[i] + (.81 + .5 * p) * t[i] * t[i] / 2, 20 * pow(t[i], 3));
            CHECK_NEAR(r[i], 1 - (.81 + .5 * p) * t[i] / .9, 40 * pow(t[i], 2) + 1e-5);
        }
    }
}

/* From a random start at T > T_d, at long waiting times: the same correlation. */
static void equilibrium_is_reached(void **state)
{
    (void)state;
    const struct egi_glass g = { .terms = 1, .temperature = 1.2, .term = { { .5, 3 } } };
    eg_dynamics_result r;
    RUN("pspin", &r, { "T", 1.2 }, { "t", 12 }, { "n", 480 }, { "tw", 8 }, { "points", 480 });
    for (size_t i = 0; i < r.rows; i++) {
        const double t = cell("pspin", &r, i, "t") - 8;
        double c, response;
        if (!(t > .1)) continue;
        CHECK_OK(
            egi_mode_coupling_solve(&g, 512, &t, 1, NULL, eg_allocator_default(), &c, &response));
        CHECK_NEAR(cell("pspin", &r, i, "c"), c, 2e-3);
        CHECK_NEAR(cell("pspin", &r, i, "r"), response, 4e-3);
    }
    CHECK_NEAR(cell("pspin", &r, r.rows - 1, "e"), -1 / 2.4, 1e-3);
    eg_dynamics_result_clear(&r);
}

static double form(const char *name, size_t which, double a, double b)
{
    double out[EG_THEORY_RESULTS], in[EG_THEORY_PARAMS] = { a, b };
    const eg_theory *row = eg_theory_find(name);
    if (row == NULL) fail_msg("no row %s", name);
    for (size_t p = 2; p < EG_THEORY_PARAMS; p++) in[p] = row->params[p].value;
    CHECK_OK(eg_theory_evaluate(row, in, out));
    return out[which];
}

static void thresholds(void **state)
{
    (void)state;
    CHECK_NEAR(form("pspin-thresholds", 0, 3, 0), .612372, 1e-6);
    CHECK_NEAR(form("pspin-thresholds", 0, 4, 0), .544331, 1e-6);
    CHECK_NEAR(form("pspin-thresholds", 2, 3, 0), -1.154701, 1e-6);
    CHECK_NEAR(form("pspin-thresholds", 2, 4, 0), -1.224745, 1e-6);
    CHECK_NEAR(form("pspin-thresholds", 3, 3, 0), -1.1714, 4e-4);
    for (int p = 3; p <= 6; p++) { /* T_d is where the marginal plateau appears */
        const double td = form("pspin-thresholds", 0, p, 0), q = form("pspin-thresholds", 1, p, 0);
        CHECK_NEAR(p * (p - 1) / 2.0 * pow(q, p - 2) * pow(1 - q, 2), td * td, 1e-12);
        const struct egi_glass g = { .terms = 1, .term = { { .5, p } } };
        CHECK_NEAR(-egi_glass_marginal(&g) / p, form("pspin-thresholds", 2, p, 0), 1e-12);
        CHECK(form("pspin-thresholds", 3, p, 0) < form("pspin-thresholds", 2, p, 0));
        /* the number of minima of a pure model, whose maximum is at the threshold */
        CHECK_NEAR(egi_complexity(&g, 0), log(p - 1) / 2 - (p - 2.0) / p, 1e-10);
    }
}

static void lines(void **state)
{
    (void)state;
    static const struct {
        double delta, passing, three, four, trivial_three, trivial_four;
    } want[] = { { .2, 2.79129, 3.70156, 4.40512, 0, 0 },
                 { 1, 1.61803, 2, 2.30278, 2.4628, 3.1256 },
                 { 2, 1.36603, 1.61803, 1.82288, 0, 0 },
                 { 4, 1.20711, 1.36603, 1.5, 1.5520, 1.8316 },
                 { 8, 1.11237, 1.20711, 1.29057, 0, 0 } };
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        const double d = want[i].delta;
        CHECK_NEAR(form("spiked-lines", 0, 3, d), want[i].passing, 1e-5);
        CHECK(form("spiked-lines", 0, 4, d) == form("spiked-lines", 0, 3, d));
        CHECK_NEAR(form("spiked-lines", 1, 3, d), want[i].three, 1e-5);
        CHECK_NEAR(form("spiked-lines", 1, 4, d), want[i].four, 1e-5);
        for (int p = 3; p <= 4; p++) {
            const double snr = form("spiked-lines", 1, p, d), trivial = egi_trivial(p, d);
            const struct egi_glass g = { .terms = 2,
                                         .term = { { snr / 2, 2 }, { 1 / (d * p), p } } };
            double one[3];
            egi_glass_at(&g, 1, one);
            CHECK_NEAR(snr * snr, one[2], 1e-9 * snr * snr);
            CHECK(trivial > snr && snr > form("spiked-lines", 0, p, d));
            const double golden = p == 3 ? want[i].trivial_three : want[i].trivial_four;
            if (golden > 0) CHECK_NEAR(trivial, golden, 6e-5);
        }
    }
    /* Langevin at T = 1, p = 3: Delta_2 = sqrt(Delta_p / 2) */
    CHECK_NEAR(form("spiked-langevin", 0, 3, 1 / sqrt(.5)), 1, 1e-12);
}

static void message_passing(void **state)
{
    (void)state;
    eg_dynamics_result r;
    eg_dynamics_options o = EG_DYNAMICS_OPTIONS_INIT;
    o.seed = 5;
    RUN("message-passing", &r, { "snr", 2 }, { "delta-p", 1 }, { "t", 60 });
    CHECK_NEAR(fact(&r, "m at the fixed point"), (sqrt(5) - 1) / 2, 1e-12);
    CHECK_NEAR(cell("message-passing", &r, r.rows - 1, "m"), (sqrt(5) - 1) / 2, 1e-9);
    eg_dynamics_result_clear(&r);
    for (int bayes = 0; bayes < 2; bayes++) {
        CHECK_OK(TRY("message-passing", &o, &r, { "snr", 3 }, { "delta-p", 1 }, { "T", bayes },
                     { "t", 8 }, { "samples", 12 }, { "N", 60 }, { "m0", .4 }));
        for (size_t i = 0; i < r.rows; i++)
            CHECK_NEAR(cell("message-passing", &r, i, "m_simulated"),
                       cell("message-passing", &r, i, "m"),
                       4.5 * cell("message-passing", &r, i, "m_error") + 2.0 / 60);
        eg_dynamics_result_clear(&r);
    }
    CHECK_STATUS(TRY("spiked-phases", NULL, &r, { "from", 3 }, { "to", 2 }), EG_ERR_INVALID);
    RUN("spiked-phases", &r, { "points", 2 }, { "p", 3 });
    CHECK_NEAR(cell("spiked-phases", &r, 0, "gradient_flow"), 3.70156, 1e-5);
    CHECK_NEAR(cell("spiked-phases", &r, 1, "delta_p"), 8, 1e-12);
    eg_dynamics_result_clear(&r);
    RUN("landscape", &r, { "snr", 1.8 });
    CHECK(fact(&r, "largest at m <= 0.2") > 0); /* below 1.8316 */
    CHECK_NEAR(fact(&r, "complexity there"), 0, 1e-12);
    eg_dynamics_result_clear(&r);
}

static void closed_forms(void **state)
{
    (void)state;
    CHECK_NEAR(form("gardner-capacity", 0, 0, 0), 2, 1e-12);
    CHECK_NEAR(form("gardner-capacity", 0, .5, 0), .96121, 1e-5);
    CHECK_NEAR(form("gardner-capacity", 0, 1, 0), .51957, 1e-5);
    double sum = 0; /* Gardner's integral by the trapezoid rule from -kappa */
    for (int i = 0; i <= 20000; i++) {
        const double t = -.7 + 10 * i / 2e4;
        sum += (i == 0 || i == 20000 ? .5 : 1) * exp(-t * t / 2) * (t + .7) * (t + .7);
    }
    CHECK_NEAR(form("gardner-capacity", 0, .7, 0), sqrt(2 * M_PI) / (sum * 5e-4), 1e-6);
    CHECK_NEAR(form("separable", 0, 20, 10), .5, 1e-12);
    CHECK_NEAR(form("separable", 0, 5, 9), 1, 1e-12);
    CHECK_NEAR(form("separable", 0, 4, 2), .5, 1e-12); /* 2^-3 (1 + 3) */
    CHECK_NEAR(form("separable", 0, 2000, 1000), .5, 1e-9);
    CHECK_NEAR(form("hebb-generalisation", 0, M_PI / 2, 0), sqrt(.5), 1e-12);
    CHECK_NEAR(form("hebb-generalisation", 1, M_PI / 2, 0), .25, 1e-12);
    CHECK_NEAR(form("ridge-risk", 0, .5, 1), .25, 1e-12);
    CHECK_NEAR(form("ridge-risk", 0, 2, 1), .5 + .25, 1e-12);
    CHECK(isinf(form("ridge-risk", 0, 1, 1)));
    CHECK(form("ridge-risk", 2, 2, 1) < form("ridge-risk", 0, 2, 1));
    double out[EG_THEORY_RESULTS];
    const eg_theory *noise = eg_theory_find("committee-floor");
    CHECK_OK(eg_theory_evaluate(noise, (const double[]){ .05, .1, 1, 1 }, out));
    CHECK_NEAR(out[0], 4.594e-5, 1e-8);
    CHECK_OK(eg_theory_evaluate(noise, (const double[]){ .05, .1, 2, 1 }, out));
    CHECK_NEAR(out[0], 1.2552e-4, 1e-8);
    CHECK_STATUS(eg_theory_evaluate(noise, (const double[]){ .05, .1, 1, 2 }, out), EG_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_times),
        cmocka_unit_test(short_times),
        cmocka_unit_test(equilibrium_is_reached),
        cmocka_unit_test(thresholds),
        cmocka_unit_test(lines),
        cmocka_unit_test(message_passing),
        cmocka_unit_test(closed_forms),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
