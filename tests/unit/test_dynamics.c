/* Spherical models in time: closed forms of the two-time equations, the order of the scheme, fixed
 * points by three routes, samples beside the equations. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dynamics/egi_landscape.h"
#include "dynamics/egi_two_time.h"
#include "dynamics_check.h"

static void rows_are_whole_and_guarded(void **state)
{
    (void)state;
    const eg_dynamics_model *m;
    size_t rows = 0;
    for (; (m = eg_dynamics_row(rows)) != NULL; rows++) {
        double in[EG_DYNAMICS_PARAMS] = { 0 };
        eg_dynamics_result r;
        CHECK(eg_dynamics_find(m->name) == m);
        CHECK(m->summary[0] && m->equations[0] && m->solver[0] && m->source[0]);
        CHECK(m->columns[0].name != NULL && m->columns[1].name != NULL);
        for (size_t p = 0; m->params[p].name != NULL; p++) in[p] = m->params[p].value;
        for (size_t p = 0; m->params[p].name != NULL; p++) {
            const double bad[] = { NAN, nextafter(m->params[p].low, -INFINITY),
                                   nextafter(m->params[p].high, INFINITY) };
            CHECK(m->params[p].summary[0] != '\0' && p + 1 < EG_DYNAMICS_PARAMS);
            for (size_t b = 0; b < sizeof bad / sizeof *bad; b++) {
                in[p] = bad[b];
                CHECK_STATUS(eg_dynamics_run(m, in, NULL, &r), EG_ERR_INVALID);
                CHECK(strstr(eg_error_detail(), m->params[p].name) != NULL);
            }
            in[p] = m->params[p].value;
        }
        for (size_t k = 0; k < EG_DYNAMICS_COLUMNS && m->columns[k].name != NULL; k++)
            if (m->columns[k].kind == EG_CURVE_SIMULATED)
                CHECK(m->columns[k + 1].kind == EG_CURVE_ERROR);
    }
    CHECK(rows >= 6);
    CHECK(eg_dynamics_find("no such") == NULL && eg_dynamics_find(NULL) == NULL);
    CHECK_STATUS(eg_dynamics_run(NULL, NULL, NULL, NULL), EG_ERR_INVALID);
}

/* I_1(x)/x by its integral, (1/pi) int_0^pi exp(x cos a) sin^2 a da. */
static double bessel(double x)
{
    double sum = 0;
    for (int i = 0; i < 200; i++) sum += exp(x * cos(M_PI * i / 200)) * pow(sin(M_PI * i / 200), 2);
    return sum / 200;
}

/* p = 2, Q = x^2/2, T = 0: Gamma(t) = I_1(4t)/(2t). */
static double at(double t)
{
    return 2 * bessel(4 * t);
}

static void matrix_alone(void **state)
{
    (void)state;
    double mu[2], c[2], response[2];
    const double exact_mu = (log(at(4 + 1e-5)) - log(at(4 - 1e-5))) / 4e-5;
    const double exact_c = at(3) / sqrt(at(4) * at(2));
    const double exact_r = 2 * bessel(4) * sqrt(at(2) / at(4));
    CHECK_NEAR(exact_mu, 1.815630, 1e-6);
    CHECK_NEAR(exact_c, .919622, 1e-6);
    CHECK_NEAR(exact_r, .148371, 1e-6);
    for (size_t k = 0; k < 2; k++) {
        eg_dynamics_result r;
        RUN("pspin", &r, { "p", 2 }, { "t", 4 }, { "n", k ? 400 : 200 }, { "tw", 2 });
        mu[k] = cell("pspin", &r, r.rows - 1, "mu");
        c[k] = cell("pspin", &r, r.rows - 1, "c");
        response[k] = cell("pspin", &r, r.rows - 1, "r");
        CHECK_NEAR(cell("pspin", &r, r.rows - 1, "c0"), .304007, k ? 1e-5 : 4e-5);
        /* the estimate holds for every column: the true errors are below twice of it */
        CHECK(fabs(c[k] - exact_c) < 2 * r.error && fabs(mu[k] - exact_mu) < 2 * r.error);
        eg_dynamics_result_clear(&r);
    }
    CHECK_NEAR((mu[0] - exact_mu) / (mu[1] - exact_mu), 4, .3); /* second order */
    CHECK_NEAR((c[0] - exact_c) / (c[1] - exact_c), 4, .3);
    CHECK_NEAR((response[0] - exact_r) / (response[1] - exact_r), 4, .3);
    CHECK_NEAR((4 * c[1] - c[0]) / 3, exact_c, 2e-6);
}

static void identities(void **state)
{
    (void)state;
    for (int p = 2; p <= 5; p++)
        for (int warm = 0; warm < 2; warm++) {
            eg_dynamics_result r;
            const double temperature = warm * .4;
            RUN("pspin", &r, { "p", p }, { "t", 3 }, { "n", 100 }, { "T", temperature },
                { "tw", 0 });
            for (size_t i = 0; i < r.rows; i++) {
                const double e = cell("pspin", &r, i, "e");
                CHECK_NEAR(cell("pspin", &r, i, "mu"), temperature - p * e, 1e-12);
                CHECK(cell("pspin", &r, i, "c") == cell("pspin", &r, i, "c0"));
            }
            CHECK(cell("pspin", &r, 0, "c") == 1 && cell("pspin", &r, 0, "r") == 1);
            eg_dynamics_result_clear(&r);
        }
}

/* Short times: mu = (Q' + Q'') t, e = -Q' t, C(t, 0) = 1 - Q' t^2 / 2 at 1. */
static void short_times(void **state)
{
    (void)state;
    const double t = 1e-3;
    eg_dynamics_result r;
    RUN("spiked", &r, { "p", 4 }, { "snr", 3 }, { "delta-p", 4 }, { "m0", 0 }, { "t", t },
        { "n", 16 }, { "tw", 0 });
    CHECK_NEAR(cell("spiked", &r, r.rows - 1, "mu") / t, 7, 1e-2);
    CHECK_NEAR(cell("spiked", &r, r.rows - 1, "e") / t, -3.25, 1e-2);
    CHECK_NEAR((1 - cell("spiked", &r, r.rows - 1, "c0")) / (t * t), 3.25 / 2, 1e-2);
    CHECK(cell("spiked", &r, r.rows - 1, "m") == 0); /* no overlap stays none */
    eg_dynamics_result_clear(&r);
}

/* The recovered state: iterated, at long times, and where the number of minima is 1. */
static void three_routes(void **state)
{
    (void)state;
    static const struct {
        double p, snr, delta, m, mu;
    } want[] = { { 4, 3, 4, .82243399, 4.352401 }, { 3, 2, 4, .72609664, 3.327512 } };
    for (size_t k = 0; k < 2; k++) {
        const struct egi_glass g = {
            .terms = 2,
            .planted = 1,
            .term = { { want[k].snr / 2, 2 }, { 1 / (want[k].delta * want[k].p), (int)want[k].p } }
        };
        const struct egi_recovered end = egi_glass_recovered(&g);
        CHECK_NEAR(end.m, want[k].m, 1e-8);
        CHECK_NEAR(end.mu, want[k].mu, 1e-6);
        double where;
        CHECK_NEAR(egi_complexity(&g, end.m), 0, 1e-12);
        CHECK_NEAR(egi_complexity_most(&g, .95, &where), 0, 1e-3);
    }
    double m[2], e[2];
    for (size_t k = 0; k < 2; k++) {
        eg_dynamics_result r;
        RUN("spiked", &r, { "m0", .3 }, { "t", 8 }, { "n", k ? 640 : 320 });
        CHECK_NEAR(fact(&r, "m at long times"), .82243399, 1e-8);
        m[k] = cell("spiked", &r, r.rows - 1, "m");
        e[k] = cell("spiked", &r, r.rows - 1, "e");
        eg_dynamics_result_clear(&r);
    }
    CHECK_NEAR((4 * m[1] - m[0]) / 3, .82243399, 1e-3);
    CHECK_NEAR((4 * e[1] - e[0]) / 3, -2.0687, 1e-3);
    const struct egi_glass matrix = { .terms = 1, .planted = 1, .term = { { 1.5, 2 } } };
    CHECK_NEAR(egi_glass_recovered(&matrix).m, sqrt(1 - 1 / 3.0), 1e-12);
    CHECK_NEAR(egi_glass_recovered(&matrix).mu, 4, 1e-12);
    const struct egi_glass weak = { .terms = 1, .planted = 1, .term = { { .25, 2 } } };
    CHECK(egi_glass_recovered(&weak).m == 0);
    CHECK_NEAR(egi_glass_recovered(&weak).mu, 2 * sqrt(.5), 1e-12);
}

/* Samples beside the equations, at most 4.5 standard errors and what N = 60 leaves apart. */
static void samples_follow(void **state)
{
    (void)state;
    for (int warm = 0; warm < 2; warm++) {
        eg_dynamics_result r;
        eg_dynamics_options o = EG_DYNAMICS_OPTIONS_INIT;
        CHECK_OK(TRY("spiked", &o, &r, { "p", 3 }, { "snr", 2 }, { "delta-p", 1 }, { "m0", .3 },
                     { "t", 2 }, { "n", 100 }, { "samples", 24 }, { "N", 60 }, { "points", 5 },
                     { "T", warm * .5 }));
        for (size_t i = 1; i < r.rows; i++) {
            static const char *const names[] = { "m", "e", "c0" };
            for (size_t k = 0; k < 3; k++) {
                char simulated[32], error[32];
                snprintf(simulated, sizeof simulated, "%s_simulated", names[k]);
                snprintf(error, sizeof error, "%s_error", names[k]);
                CHECK_NEAR(cell("spiked", &r, i, simulated), cell("spiked", &r, i, names[k]),
                           4.5 * cell("spiked", &r, i, error) + 2.0 / 60);
            }
        }
        eg_dynamics_result_clear(&r);
    }
}

static void what_cannot_be_done_says_so(void **state)
{
    (void)state;
    eg_dynamics_options o = EG_DYNAMICS_OPTIONS_INIT;
    eg_dynamics_result r = { .rows = 42 };
    CHECK_STATUS(TRY("pspin", &o, &r, { "t", 1000 }, { "n", 16 }), EG_ERR_DIVERGED);
    CHECK(strstr(eg_error_detail(), "choose more steps") != NULL && r.rows == 42);
    CHECK_STATUS(TRY("pspin", &o, &r, { "t", 1 }, { "tw", 2 }), EG_ERR_INVALID);
    o.max_bytes = 1000;
    CHECK_STATUS(TRY("pspin", &o, &r, { "t", 1 }), EG_ERR_LIMIT);
    o.max_bytes = 1 << 20;
    CHECK_STATUS(TRY("pspin", &o, &r, { "t", 1 }, { "n", 64 }, { "accuracy", 1e-9 }), EG_ERR_LIMIT);
    CHECK_STATUS(TRY("pspin", &o, &r, { "t", 1 }, { "n", 64 }, { "samples", 1 }, { "N", 400 }),
                 EG_ERR_LIMIT);
    o.size = 3;
    CHECK_STATUS(TRY("pspin", &o, &r, { "t", 1 }), EG_ERR_INVALID);
    o = (eg_dynamics_options)EG_DYNAMICS_OPTIONS_INIT;
    CHECK_OK(TRY("pspin", &o, &r, { "t", 1 }, { "n", 16 }, { "accuracy", 1e-4 }));
    CHECK(r.error <= 1e-4);
    eg_dynamics_result_clear(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_are_whole_and_guarded),
        cmocka_unit_test(matrix_alone),
        cmocka_unit_test(identities),
        cmocka_unit_test(short_times),
        cmocka_unit_test(three_routes),
        cmocka_unit_test(samples_follow),
        cmocka_unit_test(what_cannot_be_done_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
