/* Gradient flows: models A, B and C of Krotov and Hopfield 2021, by CVODE. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/egi_base.h"
#include "check.h"
#include "engram/random.h"

static eg_memory *create(eg_storage storage, eg_rule rule, const float *xi, size_t n, size_t d)
{
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    o.storage = storage;
    o.rule = rule;
    eg_memory *m = NULL;
    CHECK_OK(eg_memory_create(d, &o, &m));
    CHECK_OK(eg_memory_add(m, xi, n, NULL));
    return m;
}

static eg_rule rule_of(eg_separation separation, eg_projection projection, double beta)
{
    eg_rule r = EG_RULE_INIT;
    r.separation = separation;
    r.projection = projection;
    r.beta = beta;
    return r;
}

static void add(double *to, const double *x, double by, const double *y, size_t d)
{
    for (size_t j = 0; j < d; j++) to[j] = x[j] + by * y[j];
}

/* dv/dt = step(v) - v by the synchronous update of the same memory. */
static void rate(const eg_memory *m, const double *v, double *out, size_t d)
{
    float x[16] = { 0 }, next[16];
    for (size_t j = 0; j < d; j++) x[j] = (float)v[j];
    CHECK_OK(eg_memory_step(m, x, 1, 1, next));
    for (size_t j = 0; j < d; j++) out[j] = (double)next[j] - v[j];
}

/* From 0 to time 1 by 64 steps of the classical Runge-Kutta method. */
static void runge_kutta(const eg_memory *m, double *v, size_t d)
{
    const double h = 1.0 / 64;
    double k[4][16], at[16];
    for (int t = 0; t < 64; t++) {
        rate(m, v, k[0], d);
        add(at, v, h / 2, k[0], d);
        rate(m, at, k[1], d);
        add(at, v, h / 2, k[1], d);
        rate(m, at, k[2], d);
        add(at, v, h, k[2], d);
        rate(m, at, k[3], d);
        for (size_t j = 0; j < d; j++)
            v[j] += h / 6 * (k[0][j] + 2 * k[1][j] + 2 * k[2][j] + k[3][j]);
    }
}

/* An Euler step of model B of length tau is the synchronous update: the flow is therefore the
 * solution of dv/dt = step(v) - v, which another integrator finds too. */
static void model_b_integrates_step_minus_state(void **state)
{
    (void)state;
    enum { D = 6, N = 4, T = 4 };
    float xi[N * D], cue[D], out[D], path[(T + 1) * D];
    eg_random_normal(1, 0, 0, N * D, xi);
    eg_random_normal(2, 0, 0, D, cue);
    const eg_similarity similarities[] = { EG_SIM_DOT, EG_SIM_EUCLIDEAN };
    for (size_t k = 0; k < EGI_COUNT(similarities); k++) {
        eg_rule rule = rule_of(EG_SEP_SOFTMAX, EG_PROJ_IDENTITY, 0.8);
        rule.similarity = similarities[k];
        eg_memory *m = create(EG_STORE_DENSE, rule, xi, N, D);
        eg_recall_options o = EG_RECALL_OPTIONS_INIT;
        o.dynamics = EG_DYN_FLOW_B;
        o.max_steps = T;
        o.tolerance = 0;
        o.path = path;
        CHECK_OK(eg_memory_recall(m, cue, 1, &o, out, NULL));
        CHECK_SAME_BITS(path, cue, sizeof cue);
        CHECK_SAME_BITS(path + T * D, out, sizeof out);
        double v[D];
        for (size_t j = 0; j < D; j++) v[j] = (double)cue[j];
        for (size_t t = 1; t <= T; t++) {
            runge_kutta(m, v, D);
            for (size_t j = 0; j < D; j++) CHECK_NEAR(path[t * D + j], v[j], 2e-5);
        }
        eg_memory_destroy(m);
    }
}

/* One memory (1, 1, 1), A = (beta s)^2, from (1, 1, -1): s = 1, so y = 2 beta^2, and the third
 * component, v = y - (1 + y) exp(-t), crosses 0 at t = log(1 + 1/y). */
static void model_a_flips_in_time(void **state)
{
    (void)state;
    const float xi[3] = { 1, 1, 1 }, cue[3] = { 1, 1, -1 };
    for (int k = 1; k <= 4; k++) {
        enum { T = 6 };
        const double crossing = k + 0.5, y = 1 / (exp(crossing) - 1);
        eg_rule rule = rule_of(EG_SEP_POWER, EG_PROJ_SIGN, sqrt(y / 2));
        eg_memory *m = create(EG_STORE_DENSE, rule, xi, 1, 3);
        float out[3], path[(T + 1) * 3];
        double trace[T + 1];
        eg_recall_options o = EG_RECALL_OPTIONS_INIT;
        o.dynamics = EG_DYN_FLOW_A;
        o.max_steps = T;
        o.path = path;
        o.trace = trace;
        eg_certificate c;
        CHECK_OK(eg_memory_recall(m, cue, 1, &o, out, &c));
        for (int t = 0; t <= T; t++) {
            CHECK(path[t * 3 + 2] == (t < crossing ? -1.0f : 1.0f));
            CHECK_NEAR(trace[t], -rule.beta * rule.beta * (t < crossing ? 1 : 9), 1e-6);
        }
        CHECK(c.descended);
        eg_memory_destroy(m);
    }
}

/* The same crossing a hundredth before and after an instant that is looked at. */
static void model_a_flips_no_earlier(void **state)
{
    (void)state;
    const float xi[3] = { 1, 1, 1 }, cue[3] = { 1, 1, -1 };
    for (int late = 0; late < 2; late++) {
        const double y = 1 / (exp(late ? 2.001 : 1.999) - 1);
        eg_memory *m =
            create(EG_STORE_DENSE, rule_of(EG_SEP_POWER, EG_PROJ_SIGN, sqrt(y / 2)), xi, 1, 3);
        float out[3];
        eg_recall_options o = EG_RECALL_OPTIONS_INIT;
        o.dynamics = EG_DYN_FLOW_A;
        o.max_steps = 2;
        CHECK_OK(eg_memory_recall(m, cue, 1, &o, out, NULL));
        CHECK(out[2] == (late ? -1.0f : 1.0f));
        eg_memory_destroy(m);
    }
}

/* What is 0 in a cue begins where the known components pull it. */
static void model_a_completes_a_cue(void **state)
{
    (void)state;
    enum { D = 40, N = 3, T = 50 };
    float xi[N * D], cue[D], out[D];
    eg_random_sign(7, 0, 0, N * D, xi);
    for (size_t j = 0; j < D; j++) cue[j] = j % 2 ? xi[D + j] : 0;
    for (int bits = 0; bits < 2; bits++) {
        eg_memory *m = create(bits ? EG_STORE_BITS : EG_STORE_DENSE,
                              rule_of(EG_SEP_POWER, EG_PROJ_SIGN, 1.0 / D), xi, N, D);
        eg_recall_options o = EG_RECALL_OPTIONS_INIT;
        o.dynamics = EG_DYN_FLOW_A;
        o.max_steps = T;
        eg_certificate c;
        CHECK_OK(eg_memory_recall(m, cue, 1, &o, out, &c));
        CHECK_SAME_BITS(out, xi + D, sizeof out);
        CHECK(c.descended && c.converged && c.energy_after <= c.energy_before);
        eg_memory_destroy(m);
    }
}

static void check_descent(eg_dynamics dynamics, eg_storage storage, eg_rule rule)
{
    enum { D = 16, N = 5, Q = 4, T = 300 };
    float xi[N * D], cue[Q * D], out[Q * D], next[Q * D];
    double trace[Q * (T + 1)];
    eg_random_sign(3, 0, 0, N * D, xi);
    eg_random_normal(4, 0, 0, Q * D, cue);
    eg_memory *m = create(storage, rule, xi, N, D);
    eg_recall_options o = EG_RECALL_OPTIONS_INIT;
    o.dynamics = dynamics;
    o.max_steps = T;
    o.trace = trace;
    eg_certificate c[Q];
    CHECK_OK(eg_memory_recall(m, cue, Q, &o, out, c));
    CHECK_OK(eg_memory_step(m, out, Q, 1, next));
    size_t fell = 0; /* signs may be those of a minimum from the start */
    for (size_t q = 0; q < Q; q++) {
        const double *t = trace + q * (T + 1);
        CHECK(c[q].descended && t[0] == c[q].energy_before);
        for (size_t s = 1; s <= c[q].steps; s++)
            CHECK(t[s] <= t[s - 1] + 1e-5 * (1 + fabs(t[s - 1])));
        fell += t[c[q].steps] < t[0] - 1e-3;
        CHECK_NEAR(c[q].energy_after, t[c[q].steps], 1e-5 * (1 + fabs(t[0])));
        CHECK(c[q].converged);
        for (size_t j = q * D; j < (q + 1) * D; j++) CHECK_NEAR(out[j], next[j], 2e-3);
    }
    CHECK(fell > 0);
    eg_memory_destroy(m);
}

static void energy_never_rises(void **state)
{
    (void)state;
    const eg_separation separations[] = { EG_SEP_IDENTITY,    EG_SEP_RECTIFIED, EG_SEP_POWER,
                                          EG_SEP_EXPONENTIAL, EG_SEP_SOFTMAX,   EG_SEP_ENTMAX };
    for (size_t k = 0; k < EGI_COUNT(separations); k++) {
        eg_rule r = rule_of(separations[k], EG_PROJ_SIGN, 0.3);
        r.order = separations[k] == EG_SEP_RECTIFIED ? 3 : 2;
        check_descent(EG_DYN_FLOW_A, EG_STORE_DENSE, r);
        r.projection = EG_PROJ_BALL;
        r.gain = 4;
        check_descent(EG_DYN_FLOW_C, EG_STORE_DENSE, r);
        if (separations[k] < EG_SEP_EXPONENTIAL) continue; /* not bounded below */
        r.projection = EG_PROJ_IDENTITY;
        check_descent(EG_DYN_FLOW_B, EG_STORE_DENSE, r);
        r.similarity = EG_SIM_EUCLIDEAN;
        check_descent(EG_DYN_FLOW_B, EG_STORE_DENSE, r);
    }
    const eg_rule sign = rule_of(EG_SEP_SOFTMAX, EG_PROJ_SIGN, 0.3);
    check_descent(EG_DYN_FLOW_A, EG_STORE_BITS, sign);
    const eg_rule hopfield = rule_of(EG_SEP_IDENTITY, EG_PROJ_SIGN, 1);
    check_descent(EG_DYN_FLOW_A, EG_STORE_PSEUDOINVERSE, hopfield); /* Hopfield 1984 */
    check_descent(EG_DYN_FLOW_A, EG_STORE_HEBB, hopfield);
}

/* A flow of model A needs the size of the pull, not its sign alone: patterns of +-1 kept as bits
 * and as numbers take the same path to the same energy. */
static void bits_flow_as_numbers_do(void **state)
{
    (void)state;
    enum { D = 64, N = 12, Q = 8, T = 30 };
    static float xi[N * D], cue[Q * D], out[2][Q * D];
    static double trace[2][Q * (T + 1)];
    eg_random_sign(21, 0, 0, N * D, xi);
    eg_random_sign(21, 1, 0, Q * D, cue);
    for (int k = 0; k < 2; k++) {
        const eg_rule rule = rule_of(EG_SEP_IDENTITY, EG_PROJ_SIGN, 1.0 / D);
        eg_memory *m = create(k == 0 ? EG_STORE_DENSE : EG_STORE_BITS, rule, xi, N, D);
        eg_recall_options o = EG_RECALL_OPTIONS_INIT;
        o.dynamics = EG_DYN_FLOW_A;
        o.max_steps = T;
        o.trace = trace[k];
        eg_certificate c[Q];
        CHECK_OK(eg_memory_recall(m, cue, Q, &o, out[k], c));
        for (size_t q = 0; q < Q; q++)
            for (size_t t = c[q].steps + 1; t <= T; t++) trace[k][q * (T + 1) + t] = 0;
        eg_memory_destroy(m);
    }
    CHECK_SAME_BITS(out[0], out[1], sizeof out[0]);
    for (size_t i = 0; i < EGI_COUNT(trace[0]); i++) CHECK_NEAR(trace[0][i], trace[1][i], 1e-3);
}

static void spheres_keep_their_radius(void **state)
{
    (void)state;
    enum { D = 12, N = 3 };
    float xi[N * D], cue[D], out[D];
    eg_random_sign(5, 0, 0, N * D, xi);
    CHECK_OK(eg_patterns_corrupt(EG_CORRUPT_NOISE, 0.4, 6, xi, 1, D, cue));
    eg_rule r = rule_of(EG_SEP_RECTIFIED, EG_PROJ_BALL, 0.2);
    r.order = 4;
    r.gain = 2.5;
    eg_memory *m = create(EG_STORE_DENSE, r, xi, N, D);
    eg_recall_options o = EG_RECALL_OPTIONS_INIT;
    o.dynamics = EG_DYN_FLOW_C;
    eg_certificate c;
    CHECK_OK(eg_memory_recall(m, cue, 1, &o, out, &c));
    double norm2 = 0;
    for (size_t j = 0; j < D; j++) norm2 += (double)out[j] * (double)out[j];
    CHECK_NEAR(sqrt(norm2), 2.5, 1e-5);
    CHECK(c.converged && c.nearest == 0 && c.overlap > 0.99);
    eg_memory_destroy(m);
}

static void clamped_components_stay(void **state)
{
    (void)state;
    enum { D = 8, N = 3 };
    float xi[N * D], cue[D], out[D];
    eg_random_normal(7, 0, 0, N * D, xi);
    eg_random_normal(8, 0, 0, D, cue);
    cue[0] = 0; /* at a crossing, and stays there */
    const uint8_t clamp[D] = { 1, 0, 0, 1 };
    const eg_projection projections[] = { EG_PROJ_SIGN, EG_PROJ_IDENTITY };
    for (size_t k = 0; k < EGI_COUNT(projections); k++) {
        eg_memory *m = create(EG_STORE_DENSE, rule_of(EG_SEP_SOFTMAX, projections[k], 1), xi, N, D);
        eg_recall_options o = EG_RECALL_OPTIONS_INIT;
        o.dynamics = EG_DYN_FLOW_A + (int)k;
        o.clamp = clamp;
        eg_certificate c;
        CHECK_OK(eg_memory_recall(m, cue, 1, &o, out, &c));
        CHECK(out[0] == cue[0] && out[3] == cue[3] && out[1] != cue[1]);
        CHECK(c.converged);
        eg_memory_destroy(m);
    }
}

static void what_has_no_flow_is_refused(void **state)
{
    (void)state;
    const float xi[4] = { 1, -1, 1, 1 };
    const uint8_t clamp[4] = { 1, 0, 0, 0 };
    float out[4] = { 7, 7, 7, 7 };
    const struct {
        eg_dynamics dynamics;
        eg_projection projection;
        eg_similarity similarity;
        const uint8_t *clamp;
    } rows[] = {
        { EG_DYN_FLOW_A, EG_PROJ_IDENTITY, EG_SIM_DOT, NULL },
        { EG_DYN_FLOW_B, EG_PROJ_SIGN, EG_SIM_DOT, NULL },
        { EG_DYN_FLOW_C, EG_PROJ_IDENTITY, EG_SIM_DOT, NULL },
        { EG_DYN_FLOW_A, EG_PROJ_SIGN, EG_SIM_EUCLIDEAN, NULL },
        { EG_DYN_FLOW_B, EG_PROJ_IDENTITY, EG_SIM_COSINE, NULL },
        { EG_DYN_FLOW_B, EG_PROJ_IDENTITY, EG_SIM_MANHATTAN, NULL },
        { EG_DYN_FLOW_C, EG_PROJ_BALL, EG_SIM_DOT, clamp },
    };
    for (size_t k = 0; k < EGI_COUNT(rows); k++) {
        eg_rule r = rule_of(EG_SEP_SOFTMAX, rows[k].projection, 1);
        r.similarity = rows[k].similarity;
        eg_memory *m = create(EG_STORE_DENSE, r, xi, 1, 4);
        eg_recall_options o = EG_RECALL_OPTIONS_INIT;
        o.dynamics = rows[k].dynamics;
        o.clamp = rows[k].clamp;
        CHECK_STATUS(eg_memory_recall(m, xi, 1, &o, out, NULL), EG_ERR_UNSUPPORTED);
        CHECK(out[0] == 7);
        eg_memory_destroy(m);
    }
}

/* |x|^2 / 2 - beta/2 sum s^2 has no minimum here: the state grows like exp(2 t). */
static void runaways_are_reported(void **state)
{
    (void)state;
    const float xi[3] = { 1, -1, 1 };
    float out[3];
    eg_memory *m = create(EG_STORE_DENSE, rule_of(EG_SEP_IDENTITY, EG_PROJ_IDENTITY, 1), xi, 1, 3);
    eg_recall_options o = EG_RECALL_OPTIONS_INIT;
    o.dynamics = EG_DYN_FLOW_B;
    CHECK_STATUS(eg_memory_recall(m, xi, 1, &o, out, NULL), EG_ERR_DIVERGED);
    eg_memory_destroy(m);
}

static void bits_depend_on_the_query_alone(void **state)
{
    (void)state;
    enum { D = 10, N = 4, Q = 5 };
    float xi[N * D], cue[Q * D], one[Q * D], many[Q * D];
    eg_random_normal(9, 0, 0, N * D, xi);
    eg_random_normal(10, 0, 0, Q * D, cue);
    eg_memory *m = create(EG_STORE_DENSE, rule_of(EG_SEP_SOFTMAX, EG_PROJ_IDENTITY, 1), xi, N, D);
    eg_recall_options o = EG_RECALL_OPTIONS_INIT;
    o.dynamics = EG_DYN_FLOW_B;
    for (size_t q = 0; q < Q; q++)
        CHECK_OK(eg_memory_recall(m, cue + q * D, 1, &o, one + q * D, NULL));
    for (o.threads = 1; o.threads <= 3; o.threads++) {
        CHECK_OK(eg_memory_recall(m, cue, Q, &o, many, NULL));
        CHECK_SAME_BITS(one, many, sizeof one);
    }
    eg_memory_destroy(m);
}

static void no_allocation_failure_leaks(void **state)
{
    (void)state;
    const float xi[6] = { 1, -1, 1, 0, 1, 1 };
    for (int for_good = 0; for_good < 2; for_good++) {
        eg_status s = EG_ERR_NOMEM;
        size_t at = 0, asked = 0; /* for what CVODE will need */
        for (; s != EG_OK; at++) {
            struct failing f = { at, for_good, 0, 0, 0, 0 };
            const eg_allocator alloc = failing_allocator(&f);
            eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
            o.alloc = &alloc;
            eg_recall_options r = EG_RECALL_OPTIONS_INIT;
            r.dynamics = EG_DYN_FLOW_B;
            r.max_steps = 2;
            eg_memory *m = NULL;
            float out[3] = { 7, 7, 7 };
            s = eg_memory_create(3, &o, &m);
            if (s == EG_OK) s = eg_memory_add(m, xi, 2, NULL);
            if (s == EG_OK) s = eg_memory_recall(m, xi, 1, &r, out, NULL);
            CHECK(s == EG_OK || (s == EG_ERR_NOMEM && out[0] == 7));
            asked += s != EG_OK && strstr(eg_error_detail(), "flow: CVODE") != NULL;
            eg_memory_destroy(m);
            CHECK(f.live == 0 && f.live_bytes == 0);
        }
        CHECK(at > 8 && asked == 1);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model_b_integrates_step_minus_state),
        cmocka_unit_test(model_a_flips_in_time),
        cmocka_unit_test(model_a_completes_a_cue),
        cmocka_unit_test(model_a_flips_no_earlier),
        cmocka_unit_test(energy_never_rises),
        cmocka_unit_test(spheres_keep_their_radius),
        cmocka_unit_test(clamped_components_stay),
        cmocka_unit_test(what_has_no_flow_is_refused),
        cmocka_unit_test(runaways_are_reported),
        cmocka_unit_test(bits_flow_as_numbers_do),
        cmocka_unit_test(bits_depend_on_the_query_alone),
        cmocka_unit_test(no_allocation_failure_leaks),
    };
    return cmocka_run_group_tests_name("flow", tests, NULL, NULL);
}
