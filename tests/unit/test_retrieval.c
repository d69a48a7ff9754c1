/* Memories by Hebb's rule: known points of their phases, the equations by another route, a
 * derivative of the free energy that is known, networks beside them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dynamics/egi_retrieval.h"
#include "dynamics_check.h"

/* AGS 1987: 0.138, 0.97 and 0.051; more digits of the first: 0.1379. */
static void phases_end_where_they_are_known_to(void **state)
{
    (void)state;
    eg_dynamics_result r;
    RUN("hopfield-phases", &r, { "from", 0 }, { "to", 1.5 }, { "points", 4 });
    CHECK_NEAR(cell("hopfield-phases", &r, 0, "retrieval"), 0.1379, 5e-5);
    CHECK_NEAR(cell("hopfield-phases", &r, 0, "overlap"), 0.967, 5e-4);
    CHECK_NEAR(cell("hopfield-phases", &r, 0, "lowest"), 0.051, 1e-3);
    CHECK(isnan(cell("hopfield-phases", &r, 0, "glass")));
    CHECK(isnan(cell("hopfield-phases", &r, 3, "retrieval")));
    CHECK_NEAR(cell("hopfield-phases", &r, 3, "glass"), 0.25, 1e-15); /* 1 + sqrt(1/4) */
    eg_dynamics_result_clear(&r);
}

/* At T = 0 with F(y) = erf(y / sqrt 2) - y sqrt(2/pi) exp(-y^2/2), sqrt(alpha) = F(y) / y: its
 * largest value by steps alone. */
static void end_is_the_largest_load(void **state)
{
    double most = 0;
    (void)state;
    for (int i = 0; i <= 20000; i++) {
        const double y = 1 + 2e-4 * i;
        const double f = erf(y / sqrt(2)) - y * sqrt(2 / M_PI) * exp(-y * y / 2);
        most = fmax(most, pow(f / y, 2));
    }
    CHECK_NEAR(egi_retrieval_end(0).alpha, most, 1e-9);
}

/* Means by many even steps, and the equations iterated from m = 1. */
static void iterate(double temperature, double alpha, double *m, double *q)
{
    *m = *q = 1;
    for (int step = 0; step < 400; step++) {
        const double s = sqrt(alpha * *q) / (1 - (1 - *q) / temperature);
        double all = 0, one = 0, two = 0;
        for (int i = -1600; i <= 1600; i++) {
            const double z = i / 200., w = exp(-z * z / 2), t = tanh((*m + s * z) / temperature);
            all += w;
            one += w * t;
            two += w * t * t;
        }
        *m = one / all;
        *q = two / all;
    }
}

static void solutions_solve_the_equations(void **state)
{
    static const struct {
        double t, alpha;
    } at[] = { { 0.1, 0.1 }, { 0.3, 0.05 }, { 0.5, 0.03 }, { 0.8, 0.005 } };
    (void)state;
    for (size_t i = 0; i < sizeof at / sizeof *at; i++) {
        double m, q;
        const struct egi_retrieval end = egi_retrieval_end(at[i].t);
        const struct egi_retrieval r = egi_retrieval_of(at[i].t, at[i].alpha, &end);
        iterate(at[i].t, at[i].alpha, &m, &q);
        CHECK(m > 0.3 && end.alpha > at[i].alpha && end.m < m);
        CHECK_NEAR(r.m, m, 1e-9);
        CHECK_NEAR(r.q, q, 1e-9);
    }
    const struct egi_retrieval glass = egi_retrieval_glass(0, 0.09);
    CHECK_NEAR(glass.s, 0.3 + sqrt(2 / M_PI), 1e-12);
    const struct egi_retrieval end = egi_retrieval_end(0.3), none = egi_retrieval_of(0.3, 1, &end);
    CHECK(none.m == 0 && none.q > 0);
    CHECK_NEAR(none.alpha, 1, 1e-12);
}

/* f is stationary in m, q and r, so its slope in alpha is the explicit one,
 * (1 + T ln(1 - c) - q/(1 - c))/2: what alpha does in s^2 c/2 and in the well cancels. */
static void free_energy_has_its_slope(void **state)
{
    static const double t[] = { 0, 0.2, 0.6 };
    (void)state;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++)
        for (int glass = 0; glass < 2; glass++) {
            const struct egi_retrieval end = egi_retrieval_end(t[i]);
            const double alpha = end.alpha / 2, by = 1e-5 * alpha;
            double f[2];
            struct egi_retrieval r[3];
            for (int k = 0; k < 3; k++) {
                const double a = alpha + (k - 1) * by;
                r[k] = glass ? egi_retrieval_glass(t[i], a) : egi_retrieval_of(t[i], a, &end);
            }
            f[0] = egi_retrieval_energy(t[i], &r[0]);
            f[1] = egi_retrieval_energy(t[i], &r[2]);
            const double left = 1 - r[1].c;
            const double entropy = t[i] > 0 ? t[i] * log(left) : 0;
            const double slope = (1 + entropy - r[1].q / left) / 2;
            CHECK_NEAR((f[1] - f[0]) / (2 * by), slope, 1e-5 * (1 + fabs(slope)));
        }
}

static void networks_stand_beside(void **state)
{
    static const double t[] = { 0, 0.3 };
    (void)state;
    for (size_t i = 0; i < 2; i++) {
        eg_dynamics_result r, again;
        RUN("hopfield", &r, { "T", t[i] }, { "from", 0.02 }, { "to", 0.08 }, { "points", 3 },
            { "samples", 8 }, { "N", 400 }, { "sweeps", 60 });
        const eg_dynamics_options two = { sizeof two, 2, 1, 0, NULL, 60, NULL, NULL };
        CHECK_OK(TRY("hopfield", &two, &again, { "T", t[i] }, { "from", 0.02 }, { "to", 0.08 },
                     { "points", 3 }, { "samples", 8 }, { "N", 400 }, { "sweeps", 60 }));
        CHECK(memcmp(r.value, again.value, r.rows * r.columns * sizeof *r.value) == 0);
        for (size_t k = 0; k < r.rows; k++) {
            const double m = cell("hopfield", &r, k, "m"),
                         seen = cell("hopfield", &r, k, "m_simulated"),
                         error = cell("hopfield", &r, k, "m_error");
            CHECK(m > 0.9 && error < 0.02);
            CHECK_NEAR(seen, m, 4.5 * error + 4. / 400);
        }
        CHECK_NEAR(fact(&r, "alpha at the end of retrieval"), egi_retrieval_end(t[i]).alpha, 1e-12);
        eg_dynamics_result_clear(&r);
        eg_dynamics_result_clear(&again);
    }
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    eg_dynamics_result r;
    CHECK_STATUS(TRY("hopfield", NULL, &r, { "T", 1e-4 }), EG_ERR_INVALID);
    CHECK_STATUS(TRY("hopfield", NULL, &r, { "from", 0.2 }, { "to", 0.1 }), EG_ERR_INVALID);
    CHECK_STATUS(TRY("hopfield-phases", NULL, &r, { "from", 2 }), EG_ERR_INVALID);
    CHECK_STATUS(TRY("circle", NULL, &r, { "to", 1e7 }), EG_ERR_INVALID);
}

/* Many patterns: the ring of the closed form. Few: each rests at a pattern without noise, so that
 * its radius is 1, and at none with much. */
static void rings_break_into_patterns(void **state)
{
    (void)state;
    eg_dynamics_result r;
    RUN("circle", &r, { "from", 2 }, { "to", 50 }, { "points", 5 }, { "samples", 8 },
        { "N", 4000 });
    for (size_t i = 0; i < r.rows; i++) {
        CHECK_NEAR(cell("circle", &r, i, "radius_simulated"), cell("circle", &r, i, "radius"),
                   1 / sqrt(4000));
        CHECK(cell("circle", &r, i, "memorised_simulated") == 0);
    }
    eg_dynamics_result_clear(&r);
    RUN("circle", &r, { "from", 1 }, { "to", 1e6 }, { "points", 13 }, { "samples", 100 });
    CHECK(cell("circle", &r, 0, "memorised_simulated") == 0);
    CHECK(cell("circle", &r, 12, "memorised_simulated") == 1);
    CHECK_NEAR(cell("circle", &r, 12, "radius_simulated"), 1, 1e-9);
    for (size_t i = 1; i < r.rows; i++)
        CHECK(cell("circle", &r, i, "radius_simulated")
              > cell("circle", &r, i - 1, "radius_simulated"));
    CHECK(cell("circle", &r, 4, "memorised_simulated") > .05
          && cell("circle", &r, 4, "memorised_simulated") < .95);
    eg_dynamics_result_clear(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(phases_end_where_they_are_known_to),
        cmocka_unit_test(end_is_the_largest_load),
        cmocka_unit_test(solutions_solve_the_equations),
        cmocka_unit_test(free_energy_has_its_slope),
        cmocka_unit_test(networks_stand_beside),
        cmocka_unit_test(rings_break_into_patterns),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
