/* Certificates: the bounds and the exact retrieval that theorems promise. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/egi_base.h"
#include "check.h"

/* ---- softmax: bounds, gradient, theorem 5 ---- */

static eg_memory *modern(size_t n, size_t d, double beta, const float *x, eg_separation sep)
{
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    o.rule.beta = beta;
    o.rule.separation = sep;
    eg_memory *m = NULL;
    CHECK_OK(eg_memory_create(d, &o, &m));
    CHECK_OK(eg_memory_add(m, x, n, NULL));
    return m;
}

static double norm(const float *x, size_t d)
{
    double s = 0;
    for (size_t j = 0; j < d; j++) s += (double)x[j] * (double)x[j];
    return sqrt(s);
}

static void energy_lies_between_0_and_2_M2(void **state)
{
    (void)state;
    enum { D = 16, N = 30, Q = 40 };
    float x[N * D], q[Q * D];
    double e[Q];
    const eg_separation rows[] = { EG_SEP_SOFTMAX, EG_SEP_ENTMAX, EG_SEP_NORMMAX, EG_SEP_TOPK,
                                   EG_SEP_MAX };
    for (size_t row = 0; row < 5; row++)
        for (uint64_t seed = 0; seed < 20; seed++) {
            eg_random_normal(seed, 0, 0, N * D, x);
            double M = 0;
            for (size_t i = 0; i < N; i++) M = fmax(M, norm(x + i * D, D));
            eg_random_normal(seed, 1, 0, Q * D, q);
            for (size_t i = 0; i < Q; i++) { /* inside the ball of radius M */
                const double by = M / norm(q + i * D, D) * (double)i / Q;
                for (size_t j = 0; j < D; j++) q[i * D + j] = (float)((double)q[i * D + j] * by);
            }
            eg_memory *m = modern(N, D, 0.01 * pow(4, (double)(seed % 8)), x, rows[row]);
            CHECK_OK(eg_memory_energy(m, q, Q, 1, e));
            for (size_t i = 0; i < Q; i++)
                CHECK(e[i] >= -1e-4 * M * M && e[i] <= 2 * M * M * (1 + 1e-5));
            eg_memory_destroy(m);
        }
}

/* x - f(x) = grad E, by central differences, with its sign. */
static void step_is_minus_the_gradient(void **state)
{
    (void)state;
    enum { D = 5, N = 8 };
    float x[N * D], q[D], next[D], hi[D], lo[D];
    double ehi, elo;
    eg_random_normal(1, 0, 0, N * D, x);
    eg_random_normal(1, 1, 0, D, q);
    const eg_separation rows[] = { EG_SEP_SOFTMAX, EG_SEP_ENTMAX, EG_SEP_NORMMAX };
    for (size_t row = 0; row < 3; row++) {
        eg_memory *m = modern(N, D, 0.5, x, rows[row]);
        CHECK_OK(eg_memory_step(m, q, 1, 1, next));
        const float h = 1.0f / 64; /* a power of two: x +- h is nearly exact */
        for (size_t j = 0; j < D; j++) {
            memcpy(hi, q, sizeof q);
            memcpy(lo, q, sizeof q);
            hi[j] += h;
            lo[j] -= h;
            CHECK_OK(eg_memory_energy(m, hi, 1, 1, &ehi));
            CHECK_OK(eg_memory_energy(m, lo, 1, 1, &elo));
            CHECK_NEAR(q[j] - next[j], (ehi - elo) / (2 * (double)h), 2e-3);
        }
        eg_memory_destroy(m);
    }
}

static void theorem_5_bounds_the_error(void **state)
{
    (void)state;
    enum { D = 20, N = 50 };
    float x[N * D], cue[D], out[D], pattern[D];
    size_t spoken = 0;
    for (uint64_t seed = 0; seed < 60; seed++) {
        CHECK_OK(eg_patterns_draw(EG_PATTERNS_SPHERE, 1, seed, N, D, x));
        eg_memory *m = modern(N, D, 0.6 + 0.1 * (double)(seed % 10), x, EG_SEP_SOFTMAX);
        eg_random_normal(seed, 9, 0, D, cue);
        for (size_t j = 0; j < D; j++) cue[j] = x[j] + 0.1f * cue[j];
        eg_certificate c;
        CHECK_OK(eg_memory_recall(m, cue, 1, NULL, out, &c));
        CHECK(c.converged && c.lyapunov && c.descended);
        CHECK_OK(eg_memory_pattern(m, c.nearest, pattern));
        for (size_t j = 0; j < D; j++) pattern[j] -= out[j];
        if (isfinite(c.error_bound)) {
            spoken++;
            CHECK(norm(pattern, D) <= c.error_bound + 1e-4);
            CHECK(c.kind == EG_FIXED_MEMORY || c.error_bound > 0.1);
        }
        eg_memory_destroy(m);
    }
    CHECK(spoken > 20);
}

/* The three kinds of fixed points of softmax retrieval. */
static void kinds_of_fixed_points(void **state)
{
    (void)state;
    enum { D = 32, N = 20 };
    float x[N * D], out[D];
    eg_certificate c;
    eg_random_sign(5, 0, 0, N * D, x);
    for (size_t j = 0; j < 3; j++) x[D + j] = -x[j]; /* patterns 0 and 1: near each other */
    for (size_t j = 3; j < D; j++) x[D + j] = x[j];

    eg_memory *m = modern(N, D, 0.001, x, EG_SEP_SOFTMAX);
    CHECK_OK(eg_memory_recall(m, x, 1, NULL, out, &c));
    assert_int_equal(c.kind, EG_FIXED_GLOBAL);
    eg_memory_destroy(m);

    m = modern(N, D, 0.2, x, EG_SEP_SOFTMAX);
    CHECK_OK(eg_memory_recall(m, x, 1, NULL, out, &c));
    assert_int_equal(c.kind, EG_FIXED_METASTABLE);
    assert_int_equal(c.mass_size, 2);
    eg_memory_destroy(m);

    m = modern(N, D, 2, x, EG_SEP_SOFTMAX);
    CHECK_OK(eg_memory_recall(m, x, 1, NULL, out, &c));
    assert_int_equal(c.kind, EG_FIXED_MEMORY);
    assert_int_equal(c.nearest, 0);
    assert_int_equal(c.mass_size, 1);
    CHECK_NEAR(c.gap, 6, 1e-6); /* <xi,xi> - <xi,xi'>, three signs apart */
    eg_memory_destroy(m);
}

/* ---- exact retrieval ---- */

static void margins_give_exact_retrieval(void **state)
{
    (void)state;
    enum { D = 24, N = 40 };
    float x[N * D], cue[D], out[D];
    const struct {
        eg_separation sep;
        double order;
    } rows[] = { { EG_SEP_ENTMAX, 1.5 }, { EG_SEP_ENTMAX, 2 },  { EG_SEP_ENTMAX, 3 },
                 { EG_SEP_NORMMAX, 2 },  { EG_SEP_NORMMAX, 5 }, { EG_SEP_KSUBSETS, 2 } };
    for (size_t row = 0; row < 6; row++) {
        size_t proved = 0, missed = 0;
        for (uint64_t seed = 0; seed < 80; seed++) {
            eg_random_normal(seed, 0, 0, N * D, x);
            eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
            o.rule.separation = rows[row].sep;
            o.rule.order = rows[row].order;
            o.rule.beta = 0.02 * (double)(1 + seed % 10);
            eg_memory *m = NULL;
            CHECK_OK(eg_memory_create(D, &o, &m));
            CHECK_OK(eg_memory_add(m, x, N, NULL));
            const double margin = eg_separation_margin(&o.rule);
            double s[N];
            eg_random_normal(seed, 1, 0, D, cue);
            for (size_t j = 0; j < D; j++) cue[j] = x[j] + 0.3f * cue[j];
            CHECK_OK(eg_memory_associate(m, cue, s, NULL));
            double second = -INFINITY;
            for (size_t i = 1; i < N; i++) second = fmax(second, s[i]);
            CHECK_OK(eg_memory_step(m, cue, 1, 1, out));
            const int exact = memcmp(out, x, sizeof out) == 0;
            const double room = o.rule.beta * (s[0] - second) - margin;
            if (fabs(room) > 1e-4) CHECK(exact == (room > 0)); /* if and only if */
            proved += (size_t)exact;
            missed += (size_t)!exact;
            eg_certificate c;
            CHECK_OK(eg_memory_recall(m, x, 1, NULL, out, &c));
            if (c.exact_proved) CHECK(c.exact && c.kind == EG_FIXED_MEMORY);
            eg_memory_destroy(m);
        }
        CHECK(proved > 5 && missed > 5);
    }
}

/* Hoover et al. 2025, theorem 1: with beta = 2/(r - Delta)^2 every x within Delta of a memory
 * gives it exactly in one step, r the smallest distance between memories. */
static void compact_support_is_exact(void **state)
{
    (void)state;
    enum { D = 8, N = 40 };
    float x[N * D], cue[D], out[D];
    eg_random_normal(2, 0, 0, N * D, x);
    double r = INFINITY;
    for (size_t a = 0; a < N; a++)
        for (size_t b = 0; b < a; b++) {
            float gap[D];
            for (size_t j = 0; j < D; j++) gap[j] = x[a * D + j] - x[b * D + j];
            r = fmin(r, norm(gap, D));
        }
    const double delta = 0.3 * r;
    const eg_separation rows[] = { EG_SEP_LSR, EG_SEP_EPANECHNIKOV };
    for (size_t row = 0; row < 2; row++) {
        eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
        o.rule.similarity = EG_SIM_EUCLIDEAN;
        o.rule.separation = rows[row];
        o.rule.beta = 2 / ((r - delta) * (r - delta));
        eg_memory *m = NULL;
        CHECK_OK(eg_memory_create(D, &o, &m));
        CHECK_OK(eg_memory_add(m, x, N, NULL));
        for (size_t i = 0; i < N; i++) {
            eg_random_normal(4, i, 0, D, cue);
            const double by = 0.99 * delta / norm(cue, D);
            for (size_t j = 0; j < D; j++)
                cue[j] = (float)((double)x[i * D + j] + by * (double)cue[j]);
            CHECK_OK(eg_memory_step(m, cue, 1, 1, out));
            CHECK_SAME_BITS(out, x + i * D, sizeof out);
            eg_certificate c;
            CHECK_OK(eg_memory_recall(m, cue, 1, NULL, out, &c));
            CHECK(c.exact && c.exact_proved && c.nearest == i && c.converged);
        }
        for (size_t j = 0; j < D; j++) cue[j] = 1e3f; /* far from all: nothing pulls */
        eg_certificate c;
        CHECK_OK(eg_memory_recall(m, cue, 1, NULL, out, &c));
        assert_int_equal(c.kind, EG_FIXED_NONE);
        CHECK_SAME_BITS(out, cue, sizeof out);
        eg_memory_destroy(m);
    }
}

/* The weight of a memory that is left alone is 1 in f64 too, not 1 to rounding. */
static void one_survivor_has_weight_1(void **state)
{
    (void)state;
    const eg_separation rows[] = { EG_SEP_SOFTMAX, EG_SEP_EXPONENTIAL, EG_SEP_ENTMAX,
                                   EG_SEP_NORMMAX, EG_SEP_KSUBSETS,    EG_SEP_TOPK,
                                   EG_SEP_MAX };
    const double s[3] = { 0, 1000, 1 };
    for (size_t row = 0; row < EGI_COUNT(rows); row++)
        for (int copies = 1; copies <= 200; copies++) {
            const double w[3] = { 1, copies, 2 };
            eg_rule r = EG_RULE_INIT;
            r.separation = rows[row];
            double a[3];
            CHECK_OK(eg_separation_weights(&r, s, w, 3, a, NULL));
            CHECK(a[0] == 0 && a[1] == 1 && a[2] == 0);
        }
}

/* A memory that is left alone is returned to the bit whatever its multiplicity, and where that
 * is proved the certificate says so. */
static void multiplicity_keeps_retrieval_exact(void **state)
{
    (void)state;
    enum { D = 24, N = 12 };
    float x[N * D], values[N * D], weights[N], cue[D], out[D];
    const struct {
        eg_separation separation;
        eg_similarity similarity;
        double order;
        float from; /* least multiplicity of which the margin speaks */
        int proved;
    } rows[] = {
        { EG_SEP_LSR, EG_SIM_EUCLIDEAN, 2, 0, 1 },
        { EG_SEP_EPANECHNIKOV, EG_SIM_EUCLIDEAN, 2, 0, 1 },
        { EG_SEP_LSR, EG_SIM_MANHATTAN, 2, 0, 0 },
        { EG_SEP_SOFTMAX, EG_SIM_DOT, 2, 0, 0 },
        { EG_SEP_SOFTMAX, EG_SIM_EUCLIDEAN, 2, 0, 0 },
        { EG_SEP_SOFTMAX, EG_SIM_MANHATTAN, 2, 0, 0 },
        { EG_SEP_EXPONENTIAL, EG_SIM_DOT, 2, 0, 0 },
        { EG_SEP_ENTMAX, EG_SIM_DOT, 1.5, 1, 1 },
        { EG_SEP_ENTMAX, EG_SIM_DOT, 3, 1, 1 },
        { EG_SEP_NORMMAX, EG_SIM_DOT, 5, 1, 1 },
        { EG_SEP_KSUBSETS, EG_SIM_DOT, 2, 1, 1 },
        { EG_SEP_TOPK, EG_SIM_DOT, 2, 1, 1 },
        { EG_SEP_MAX, EG_SIM_DOT, 2, 0, 1 },
    };
    eg_random_normal(21, 0, 0, N * D, x);
    eg_random_normal(21, 1, 0, N * D, values);
    for (size_t i = 0; i < N; i++) {
        const float several[] = { 3, 7, 49, 1.1f, 0.3f, 1e-3f };
        weights[i] = several[i % EGI_COUNT(several)];
        for (size_t j = 0; j < D; j++) x[i * D + j] *= 5; /* far from each other */
        x[i * D] = -0.0f;
    }
    const eg_items items = { .weights = weights, .values = values };
    for (size_t row = 0; row < EGI_COUNT(rows); row++) {
        eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
        o.value_size = D;
        o.rule.separation = rows[row].separation;
        o.rule.similarity = rows[row].similarity;
        o.rule.order = rows[row].order;
        o.rule.k = 1;
        o.rule.beta = rows[row].separation >= EG_SEP_LSR ? 0.02 : 1;
        eg_memory *m = NULL;
        CHECK_OK(eg_memory_create(D, &o, &m));
        CHECK_OK(eg_memory_add(m, x, N, &items));
        for (size_t i = 0; i < N; i++) {
            if (weights[i] < rows[row].from) continue;
            for (size_t j = 0; j < D; j++) cue[j] = x[i * D + j] + 0.01f * values[j];
            eg_certificate c;
            CHECK_OK(eg_memory_step(m, cue, 1, 1, out));
            CHECK_SAME_BITS(out, x + i * D, sizeof out);
            CHECK_OK(eg_memory_recall(m, cue, 1, NULL, out, &c));
            CHECK_SAME_BITS(out, x + i * D, sizeof out);
            CHECK(c.exact && c.nearest == i);
            CHECK(c.exact_proved == rows[row].proved);
            CHECK_OK(eg_memory_read(m, cue, 1, 1, out));
            CHECK_SAME_BITS(out, values + i * D, sizeof out);
        }
        eg_memory_destroy(m);
    }
}

/* An even energy has the negative of every memory as a minimum too, an odd one has not. */
static void mirror_images_are_told_apart(void **state)
{
    (void)state;
    enum { D = 60, N = 3 };
    float x[N * D], cue[D], out[D];
    const struct {
        eg_separation sep;
        double order;
        int mirrored;
    } rows[] = { { EG_SEP_IDENTITY, 2, 1 },
                 { EG_SEP_POWER, 4, 1 },
                 { EG_SEP_POWER, 5, 0 },
                 { EG_SEP_RECTIFIED, 4, 0 },
                 { EG_SEP_EXPONENTIAL, 2, 0 } };
    eg_random_sign(12, 0, 0, N * D, x);
    for (size_t j = 0; j < D; j++) cue[j] = -x[2 * D + j];
    for (size_t row = 0; row < 5; row++)
        for (int storage = EG_STORE_DENSE; storage <= EG_STORE_BITS; storage++) {
            eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
            o.storage = (eg_storage)storage;
            o.rule.separation = rows[row].sep;
            o.rule.order = rows[row].order;
            o.rule.projection = EG_PROJ_SIGN;
            eg_memory *m = NULL;
            eg_certificate c;
            eg_recall_options r = EG_RECALL_OPTIONS_INIT;
            r.dynamics = EG_DYN_ASYNC;
            CHECK_OK(eg_memory_create(D, &o, &m));
            CHECK_OK(eg_memory_add(m, x, N, NULL));
            CHECK_OK(eg_memory_recall(m, cue, 1, &r, out, &c));
            if ((c.kind == EG_FIXED_MIRROR) != rows[row].mirrored)
                fail_msg("row %zu, storage %d: kind %d, overlap %g", row, storage, c.kind,
                         c.overlap);
            if (rows[row].mirrored) CHECK(c.nearest == 2 && c.overlap < -0.999 && !c.exact);
            eg_memory_destroy(m);
        }
}

/* Two memories in equal parts are a mixture, however near each of them is. */
static void subsets_are_mixtures(void **state)
{
    (void)state;
    const float x[3 * 4] = { 1, 1, 1, 0.2f, 1, 1, 1, -0.2f, -1, 1, -1, 1 };
    float out[4];
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    o.rule.separation = EG_SEP_TOPK;
    o.rule.k = 2;
    eg_memory *m = NULL;
    eg_certificate c;
    CHECK_OK(eg_memory_create(4, &o, &m));
    CHECK_OK(eg_memory_add(m, x, 3, NULL));
    CHECK_OK(eg_memory_recall(m, x, 1, NULL, out, &c));
    assert_int_equal(c.kind, EG_FIXED_METASTABLE);
    assert_int_equal(c.mass_size, 2);
    CHECK(c.overlap > 0.9);
    eg_memory_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(energy_lies_between_0_and_2_M2),
        cmocka_unit_test(step_is_minus_the_gradient),
        cmocka_unit_test(theorem_5_bounds_the_error),
        cmocka_unit_test(kinds_of_fixed_points),
        cmocka_unit_test(margins_give_exact_retrieval),
        cmocka_unit_test(compact_support_is_exact),
        cmocka_unit_test(one_survivor_has_weight_1),
        cmocka_unit_test(multiplicity_keeps_retrieval_exact),
        cmocka_unit_test(mirror_images_are_told_apart),
        cmocka_unit_test(subsets_are_mixtures),
    };
    return cmocka_run_group_tests_name("certificate", tests, NULL, NULL);
}
