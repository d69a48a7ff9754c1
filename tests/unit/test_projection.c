/* The tables of projections and similarities: optimality, slopes, borders, values by hand. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "assoc/egi_assoc.h"
#include "check.h"

enum { D = 7 };

static void draw(uint64_t stream, double size, double *x)
{
    float u[D];
    eg_random_uniform(3, stream, 0, D, u);
    for (int i = 0; i < D; i++) x[i] = size * (2 * (double)u[i] - 1);
}

static eg_rule rule_of(int row, double gain)
{
    eg_rule rule = EG_RULE_INIT;
    rule.projection = (eg_projection)row;
    rule.gain = gain;
    return rule;
}

static double objective(const eg_rule *rule, const double *y, const double *x)
{
    double psi = NAN;
    CHECK_OK(eg_projection_energy(rule, x, D, &psi));
    for (int i = 0; i < D; i++) psi -= y[i] * x[i];
    return psi;
}

/* x minimises Psi - <y, .>: no other point of the domain has less, far or near. */
static void projections_minimise(void **state)
{
    (void)state;
    const double gains[] = { 0.3, 1, 2.5 };
    for (int row = 0; row < EG_PROJ_COUNT; row++) {
        size_t inside = 0;
        for (uint64_t t = 0; t < 600; t++) {
            const eg_rule rule = rule_of(row, gains[t % 3]);
            double y[D], z[D], x[D] = { 0 }, other[D] = { 0 };
            draw(2 * t, 3, y);
            draw(2 * t + 1, 3, z);
            CHECK_OK(eg_projection_apply(&rule, y, D, x));
            const double best = objective(&rule, y, x);
            CHECK(isfinite(best));
            CHECK_OK(eg_projection_apply(&rule, z, D, other)); /* some point of the domain */
            for (double mix = 1; mix > 1e-5; mix /= 3) {
                double p[D];
                for (int i = 0; i < D; i++) p[i] = (1 - mix) * x[i] + mix * other[i];
                const double there = objective(&rule, y, p);
                CHECK(there >= best - 1e-12 * (1 + fabs(best)));
                inside += isfinite(there);
                for (int i = 0; i < D; i++) p[i] = x[i] + mix * z[i]; /* may lie outside */
                CHECK(objective(&rule, y, p) >= best - 4e-5 * mix - 2e-5);
            }
        }
        CHECK(inside > 600);
    }
}

static void slopes_agree(void **state)
{
    (void)state;
    const double h = 1.0 / (1 << 20);
    for (int row = 0; row < EG_PROJ_COUNT; row++)
        for (uint64_t t = 0; t < 50; t++) {
            const eg_rule rule = rule_of(row, 1.7);
            double y[D], v[D], lo[D], hi[D], a[D] = { 0 }, b[D] = { 0 }, out[D];
            draw(t, 2, y);
            draw(1000 + t, 1, v);
            for (int i = 0; i < D; i++) {
                lo[i] = y[i] - h * v[i];
                hi[i] = y[i] + h * v[i];
            }
            CHECK_OK(eg_projection_apply(&rule, lo, D, a));
            CHECK_OK(eg_projection_apply(&rule, hi, D, b));
            CHECK_OK(eg_projection_derivative(&rule, y, v, D, out));
            for (int i = 0; i < D; i++) CHECK_NEAR(out[i], (b[i] - a[i]) / (2 * h), 1e-7);
        }
}

/* What keeps the old state, and what does not overflow. */
static void borders_are_kept(void **state)
{
    (void)state;
    const double zero[3] = { 0, 0, 0 }, flat[3] = { 5, 5, 5 }, huge[3] = { 3e300, 0, -4e300 };
    double x[3] = { 1, -1, 1 };
    const double old[3] = { 1, -1, 1 };
    const int kept[] = { EG_PROJ_SIGN, EG_PROJ_BALL, EG_PROJ_LAYERNORM };
    for (int i = 0; i < 3; i++) {
        const eg_rule rule = rule_of(kept[i], 2);
        CHECK_OK(eg_projection_apply(&rule, zero, 3, x));
        CHECK_SAME_BITS(x, old, sizeof x);
        double out[3] = { 7, 7, 7 };
        CHECK_OK(eg_projection_derivative(&rule, zero, old, 3, out));
        CHECK_SAME_BITS(out, zero, sizeof out); /* what is kept does not move */
    }
    eg_rule rule = rule_of(EG_PROJ_LAYERNORM, 2);
    CHECK_OK(eg_projection_apply(&rule, flat, 3, x));
    CHECK_SAME_BITS(x, old, sizeof x);
    CHECK_OK(eg_projection_apply(&rule, huge, 3, x));
    CHECK_NEAR(x[0] + x[1] + x[2], 0, 1e-14);
    CHECK_NEAR((x[0] * x[0] + x[1] * x[1] + x[2] * x[2]) / 3, 4, 1e-14);
    rule = rule_of(EG_PROJ_BALL, 10);
    CHECK_OK(eg_projection_apply(&rule, huge, 3, x));
    CHECK_NEAR(x[0], 6, 1e-14);
    CHECK_NEAR(x[2], -8, 1e-14);
    rule = rule_of(EG_PROJ_TANH, 1);
    CHECK_OK(eg_projection_apply(&rule, huge, 3, x));
    CHECK(x[0] == 1 && x[1] == 0 && x[2] == -1);
    double e;
    CHECK_OK(eg_projection_energy(&rule, x, 3, &e));
    CHECK_NEAR(e, 2 * log(2), 1e-15);
    rule = rule_of(EG_PROJ_THRESHOLD, -0.5);
    CHECK_OK(eg_projection_apply(&rule, zero, 3, x));
    CHECK(x[0] == 1 && x[1] == 1);
    rule.gain = 5;
    CHECK_OK(eg_projection_apply(&rule, flat, 3, x)); /* at the threshold: 0 */
    CHECK(x[0] == 0 && x[1] == 0);
    rule.gain = -0.5;
    CHECK_OK(eg_projection_apply(&rule, zero, 3, x));
    CHECK_OK(eg_projection_energy(&rule, x, 3, &e));
    CHECK_NEAR(e, -1.5, 0);
    rule = rule_of(EG_PROJ_TANH, 0);
    CHECK_STATUS(eg_projection_apply(&rule, zero, 3, x), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "gain") != NULL);
    rule = rule_of(EG_PROJ_SIGN, NAN); /* does not read gain */
    CHECK_OK(eg_projection_apply(&rule, huge, 3, x));
    const double bad[3] = { 0, NAN, 0 };
    CHECK_STATUS(eg_projection_apply(&rule, bad, 3, x), EG_ERR_INVALID);
    rule = rule_of(EG_PROJ_COUNT, 1);
    CHECK_STATUS(eg_projection_apply(&rule, zero, 3, x), EG_ERR_INVALID);
}

/* Energies are infinite just outside the domain and not on its border. */
static void domains_end(void **state)
{
    (void)state;
    const struct {
        int row;
        double gain, in[2], out[2];
    } cases[] = { { EG_PROJ_SIGN, 1, { 1, -1 }, { 1.001, 0 } },
                  { EG_PROJ_TANH, 1, { 1, -1 }, { 0, -1.001 } },
                  { EG_PROJ_BALL, 5, { 3, 4 }, { 3, 4.001 } },
                  { EG_PROJ_LAYERNORM, 2, { 2, -2 }, { 2.001, -2.001 } },
                  { EG_PROJ_LAYERNORM, 2, { 1, -1 }, { 1, -0.999 } },
                  { EG_PROJ_THRESHOLD, 1, { 1, 0 }, { 0, -0.001 } } };
    for (size_t c = 0; c < sizeof cases / sizeof cases[0]; c++) {
        const eg_rule rule = rule_of(cases[c].row, cases[c].gain);
        double e = NAN;
        CHECK_OK(eg_projection_energy(&rule, cases[c].in, 2, &e));
        CHECK(isfinite(e));
        CHECK_OK(eg_projection_energy(&rule, cases[c].out, 2, &e));
        CHECK(e == INFINITY);
    }
}

static void similarities_by_hand(void **state)
{
    (void)state;
    const float a[4] = { 1, -2, 0, 3 }, b[4] = { -1, -1, -0.0f, 2 }, none[4] = { 0, 0, 0, 0 };
    CHECK(eg_similarity_value(EG_SIM_DOT, a, b, 4) == 7);
    CHECK_NEAR(eg_similarity_value(EG_SIM_COSINE, a, b, 4), 7 / sqrt(14.0 * 6), 1e-15);
    CHECK(eg_similarity_value(EG_SIM_COSINE, a, none, 4) == 0);
    CHECK(eg_similarity_value(EG_SIM_EUCLIDEAN, a, b, 4) == -3);
    CHECK(eg_similarity_value(EG_SIM_MANHATTAN, a, b, 4) == -4);
    CHECK(eg_similarity_value(EG_SIM_HAMMING, a, b, 4) == 2); /* only the first differs */
    CHECK(isnan(eg_similarity_value(EG_SIM_COUNT, a, b, 4)));
    CHECK(isnan(eg_similarity_value(EG_SIM_DOT, NULL, b, 4)));
    for (int row = 0; row < EG_SIM_COUNT; row++) {
        const eg_similarity sim = (eg_similarity)row;
        CHECK(eg_similarity_value(sim, a, b, 4) == eg_similarity_value(sim, b, a, 4));
        if (row != EG_SIM_DOT) /* nothing is more like a than a */
            CHECK(eg_similarity_value(sim, a, a, 4) >= eg_similarity_value(sim, a, b, 4));
    }
    CHECK(eg_similarity_find("l1") == EG_SIM_MANHATTAN && eg_similarity_find("x") == -1);
    CHECK(eg_projection_find("l2") == EG_PROJ_BALL && eg_projection_find("x") == -1);
    CHECK(eg_similarity_info((eg_similarity)-1) == NULL);
    CHECK(eg_projection_info(EG_PROJ_COUNT) == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(projections_minimise), cmocka_unit_test(slopes_agree),
        cmocka_unit_test(borders_are_kept),     cmocka_unit_test(domains_end),
        cmocka_unit_test(similarities_by_hand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
