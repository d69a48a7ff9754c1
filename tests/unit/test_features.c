/* A memory of fixed size: random features against the exact memory. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/egi_base.h"
#include "check.h"
#include "engram/random.h"

static const eg_similarity similarities[] = { EG_SIM_EUCLIDEAN, EG_SIM_DOT };

static eg_memory *create(eg_storage storage, eg_similarity similarity, double beta, size_t features,
                         uint64_t seed, size_t d)
{
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    o.storage = storage;
    o.rule.similarity = similarity;
    o.rule.beta = beta;
    o.features = features;
    o.seed = seed;
    eg_memory *m = NULL;
    CHECK_OK(eg_memory_create(d, &o, &m));
    return m;
}

/* Normal numbers, each a multiple of 1/64, so that x +- h is exact. */
static void draw(uint64_t seed, size_t n, double size, float *x)
{
    eg_random_normal(seed, 1, 0, n, x);
    for (size_t i = 0; i < n; i++) x[i] = (float)(rint((double)x[i] * size * 64) / 64);
}

/* x - step(x) = grad E for both similarities: E holds |x|^2 / 2 for dot, and the step of a
 * distance is x + grad A. */
static void steps_follow_the_gradient(void **state)
{
    (void)state;
    enum { D = 6, N = 5, Y = 300, Q = 8 };
    const double h = 1.0 / 64;
    float xi[N * D], x[Q * D], next[Q * D];
    draw(1, N * D, 0.7, xi);
    draw(2, Q * D, 0.7, x);
    for (size_t k = 0; k < EGI_COUNT(similarities); k++) {
        eg_memory *m = create(EG_STORE_FEATURES, similarities[k], 0.7, Y, 3, D);
        CHECK_OK(eg_memory_add(m, xi, N, NULL));
        CHECK_OK(eg_memory_step(m, x, Q, 1, next));
        for (size_t c = 0; c < Q * D; c++) {
            double e[4]; /* at -2h, -h, h, 2h: a difference of fourth order */
            for (int s = 0; s < 4; s++) {
                float at[D];
                memcpy(at, x + c / D * D, sizeof at);
                at[c % D] += (float)((s < 2 ? s - 2 : s - 1) * h);
                CHECK_OK(eg_memory_energy(m, at, 1, 1, &e[s]));
            }
            const double numeric = (e[0] - 8 * e[1] + 8 * e[2] - e[3]) / (12 * h);
            CHECK_NEAR((double)x[c] - (double)next[c], numeric, 1e-5 * (1 + fabs(numeric)));
        }
        eg_memory_destroy(m);
    }
}

/* Root mean square error of the energy against the exact log-sum-exp. */
static double energy_error(eg_similarity similarity, size_t features)
{
    enum { D = 8, N = 5, Q = 32, SEEDS = 6 };
    float xi[N * D], x[Q * D];
    double exact[Q], got[Q], square = 0;
    draw(4, N * D, 0.3, xi);
    draw(5, Q * D, 0.3, x);
    eg_memory *dense = create(EG_STORE_DENSE, similarity, 1, 1, 0, D);
    CHECK_OK(eg_memory_add(dense, xi, N, NULL));
    CHECK_OK(eg_memory_energy(dense, x, Q, 1, exact));
    const float origin[D] = { 0 }; /* the dense energy has a constant of its own */
    double shift, zero;
    CHECK_OK(eg_memory_energy(dense, origin, 1, 1, &shift));
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        eg_memory *m = create(EG_STORE_FEATURES, similarity, 1, features, seed, D);
        CHECK_OK(eg_memory_add(m, xi, N, NULL));
        CHECK_OK(eg_memory_energy(m, x, Q, 1, got));
        CHECK_OK(eg_memory_energy(m, origin, 1, 1, &zero));
        for (size_t q = 0; q < Q; q++) {
            const double error = (got[q] - zero) - (exact[q] - shift);
            square += error * error / (Q * SEEDS);
        }
        eg_memory_destroy(m);
    }
    eg_memory_destroy(dense);
    return sqrt(square);
}

static void errors_fall_like_the_root_of_the_features(void **state)
{
    (void)state;
    for (size_t k = 0; k < EGI_COUNT(similarities); k++) {
        double sx = 0, sy = 0, sxx = 0, sxy = 0, n = 0;
        for (size_t features = 256; features <= 16384; features *= 4) {
            const double e = energy_error(similarities[k], features);
            const double lx = log((double)features), ly = log(e);
            sx += lx;
            sy += ly;
            sxx += lx * lx;
            sxy += lx * ly;
            n += 1;
            if (getenv("EG_TEST_VERBOSE") != NULL)
                print_message("similarity %d, Y = %zu: error %.5f\n", (int)similarities[k],
                              features, e);
            if (features == 16384) CHECK(e < 0.03);
        }
        const double slope = (n * sxy - sx * sy) / (n * sxx - sx * sx);
        CHECK_NEAR(slope, -0.5, 0.1);
    }
}

/* No offset is lost: the energy itself, not only its shape, is that of the exact memory. */
static void energies_are_those_of_the_exact_memory(void **state)
{
    (void)state;
    enum { D = 4, N = 3 };
    float xi[N * D];
    draw(6, N * D, 0.5, xi);
    for (size_t k = 0; k < EGI_COUNT(similarities); k++) {
        const double beta = 0.5;
        eg_memory *m = create(EG_STORE_FEATURES, similarities[k], beta, 16384, 7, D);
        CHECK_OK(eg_memory_add(m, xi, N, NULL));
        double got, sum = 0, norm2 = 0;
        CHECK_OK(eg_memory_energy(m, xi, 1, 1, &got));
        for (size_t i = 0; i < N; i++)
            sum += exp(beta * eg_similarity_value(similarities[k], xi + i * D, xi, D));
        for (size_t j = 0; j < D; j++) norm2 += (double)xi[j] * (double)xi[j];
        const double psi = similarities[k] == EG_SIM_DOT ? norm2 / 2 : 0;
        CHECK_NEAR(got, -log(sum) / beta + psi, 0.05);
        eg_memory_destroy(m);
    }
}

static void separated_patterns_are_recalled(void **state)
{
    (void)state;
    enum { D = 16, N = 6 };
    float xi[N * D], cue[N * D], out[N * D];
    eg_random_sign(8, 0, 0, N * D, xi);
    eg_memory *m = create(EG_STORE_FEATURES, EG_SIM_EUCLIDEAN, 0.4, 8192, 9, D);
    CHECK_OK(eg_memory_add(m, xi, N, NULL));
    CHECK_OK(eg_patterns_corrupt(EG_CORRUPT_NOISE, 0.3, 10, xi, N, D, cue));
    eg_certificate c[N];
    CHECK_OK(eg_memory_recall(m, cue, N, NULL, out, c));
    for (size_t i = 0; i < N; i++) {
        double before = 0, after = 0;
        for (size_t j = i * D; j < (i + 1) * D; j++) {
            before += pow((double)cue[j] - (double)xi[j], 2);
            after += pow((double)out[j] - (double)xi[j], 2);
        }
        CHECK(c[i].converged);
        CHECK(sqrt(after) < 0.35 * sqrt(before)); /* 1.2 before */
        CHECK(c[i].kind == EG_FIXED_SPURIOUS);
    }
    eg_memory_destroy(m);
}

static void sums_are_linear(void **state)
{
    (void)state;
    enum { D = 10, N = 4, Y = 64 };
    float xi[N * D];
    double a[2 * Y], b[2 * Y];
    draw(11, N * D, 0.5, xi);
    const float two[1] = { 2 };
    const eg_items twice = { .weights = two };
    for (size_t k = 0; k < EGI_COUNT(similarities); k++) {
        eg_memory *m = create(EG_STORE_FEATURES, similarities[k], 0.8, Y, 12, D);
        eg_memory *n = create(EG_STORE_FEATURES, similarities[k], 0.8, Y, 12, D);
        CHECK(eg_memory_state_size(m) == (size_t)2 * Y);
        CHECK_OK(eg_memory_add(m, xi, N, NULL));
        CHECK_OK(eg_memory_forget(m, xi + (N - 1) * D)); /* what came last goes again */
        CHECK_OK(eg_memory_add(n, xi, N - 1, NULL));
        CHECK_OK(eg_memory_state(m, a));
        CHECK_OK(eg_memory_state(n, b));
        for (size_t y = 0; y < (size_t)2 * Y; y++) CHECK_NEAR(a[y], b[y], 1e-12 * (1 + fabs(b[y])));
        CHECK_OK(eg_memory_add(m, xi, 1, &twice));
        CHECK_OK(eg_memory_add(n, xi, 1, NULL));
        CHECK_OK(eg_memory_add(n, xi, 1, NULL));
        CHECK_OK(eg_memory_state(m, a));
        CHECK_OK(eg_memory_state(n, b));
        for (size_t y = 0; y < (size_t)2 * Y; y++) CHECK_NEAR(a[y], b[y], 1e-12 * (1 + fabs(b[y])));
        eg_memory_destroy(m);
        eg_memory_destroy(n);
    }
}

/* exp(u) leaves a double's range here: |u| reaches 3000. */
static void nothing_overflows(void **state)
{
    (void)state;
    enum { D = 40, N = 3, Q = 3 };
    float xi[N * D], x[Q * D], next[Q * D];
    double e[Q];
    eg_random_sign(13, 0, 0, N * D, xi);
    for (size_t i = 0; i < N * D; i++) x[i] = 10 * xi[i];
    for (size_t k = 0; k < EGI_COUNT(similarities); k++) {
        eg_memory *m = create(EG_STORE_FEATURES, similarities[k], 100, 500, 14, D);
        CHECK_OK(eg_memory_add(m, x, N, NULL));
        CHECK_OK(eg_memory_energy(m, x, Q, 1, e));
        CHECK_OK(eg_memory_step(m, x, Q, 1, next));
        for (size_t q = 0; q < Q; q++) CHECK(isfinite(e[q]));
        eg_memory_destroy(m);
    }
}

/* Where the features see nothing, the state stays where it is. */
static void far_away_nothing_pulls(void **state)
{
    (void)state;
    enum { D = 3 };
    const float xi[D] = { 1, 2, 3 }, far[D] = { 90, -40, 7 };
    float next[D], out[D];
    eg_certificate c;
    for (size_t k = 0; k < EGI_COUNT(similarities); k++) {
        eg_memory *m = create(EG_STORE_FEATURES, similarities[k], 1, 64, 15, D);
        CHECK_OK(eg_memory_add(m, xi, 1, NULL));
        CHECK_OK(eg_memory_forget(m, xi)); /* nothing is left */
        CHECK_OK(eg_memory_step(m, far, 1, 1, next));
        CHECK_SAME_BITS(next, far, sizeof far);
        CHECK_OK(eg_memory_recall(m, far, 1, NULL, out, &c));
        CHECK_SAME_BITS(out, far, sizeof far);
        eg_memory_destroy(m);
    }
}

static void size_and_sums_do_not_grow(void **state)
{
    (void)state;
    enum { D = 5, N = 1000, Y = 32 };
    float xi[N * D];
    double sums[2 * Y], again[2 * Y];
    draw(16, N * D, 0.5, xi);
    eg_memory *m = create(EG_STORE_FEATURES, EG_SIM_EUCLIDEAN, 1, Y, 17, D);
    eg_memory *copy = create(EG_STORE_FEATURES, EG_SIM_EUCLIDEAN, 1, Y, 17, D);
    const size_t empty = eg_memory_bytes(m);
    CHECK_OK(eg_memory_add(m, xi, N, NULL));
    CHECK(eg_memory_bytes(m) - empty <= (size_t)2 * N * 16); /* ids, labels, weights: no pattern */
    CHECK(eg_memory_count(m) == N);
    CHECK_OK(eg_memory_state(m, sums));
    CHECK_OK(eg_memory_set_state(copy, sums, (size_t)2 * Y));
    CHECK_OK(eg_memory_state(copy, again));
    CHECK_SAME_BITS(sums, again, sizeof sums);
    eg_memory_destroy(m);
    eg_memory_destroy(copy);
}

static void rules_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    const float xi[2] = { 1, 2 };
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    o.storage = EG_STORE_FEATURES;
    o.features = 8;
    eg_memory *m = NULL, *none = NULL;
    CHECK_OK(eg_memory_create(2, &o, &m));
    eg_rule rule = o.rule;
    rule.beta = 2;
    rule.similarity = EG_SIM_EUCLIDEAN;
    CHECK_OK(eg_memory_set_rule(m, &rule)); /* nothing is stored yet */
    CHECK_OK(eg_memory_add(m, xi, 1, NULL));
    rule.beta = 3;
    CHECK_STATUS(eg_memory_set_rule(m, &rule), EG_ERR_UNSUPPORTED);
    CHECK(eg_memory_options_view(m)->rule.beta == 2);
    rule.beta = 2;
    rule.projection = EG_PROJ_BALL;
    CHECK_OK(eg_memory_set_rule(m, &rule));
    rule.separation = EG_SEP_MAX;
    CHECK_STATUS(eg_memory_set_rule(m, &rule), EG_ERR_UNSUPPORTED);
    o.rule.similarity = EG_SIM_COSINE;
    CHECK_STATUS(eg_memory_create(2, &o, &none), EG_ERR_UNSUPPORTED);
    o.rule.similarity = EG_SIM_DOT;
    o.features = 0;
    CHECK_STATUS(eg_memory_create(2, &o, &none), EG_ERR_INVALID);
    o.features = SIZE_MAX / 2;
    CHECK_STATUS(eg_memory_create(2, &o, &none), EG_ERR_OVERFLOW);
    CHECK(none == NULL);
    eg_memory_destroy(m);
}

static void bits_depend_on_the_query_alone(void **state)
{
    (void)state;
    enum { D = 11, N = 4, Q = 7 };
    float xi[N * D], x[Q * D], one[Q * D], many[Q * D];
    draw(18, N * D, 0.5, xi);
    draw(19, Q * D, 0.5, x);
    for (size_t k = 0; k < EGI_COUNT(similarities); k++) {
        eg_memory *m = create(EG_STORE_FEATURES, similarities[k], 1, 2000, 20, D);
        CHECK_OK(eg_memory_add(m, xi, N, NULL));
        for (size_t q = 0; q < Q; q++) CHECK_OK(eg_memory_step(m, x + q * D, 1, 1, one + q * D));
        for (int threads = 1; threads <= 4; threads++) {
            CHECK_OK(eg_memory_step(m, x, Q, threads, many));
            CHECK_SAME_BITS(one, many, sizeof one);
        }
        eg_memory_destroy(m);
    }
}

static void no_allocation_failure_leaks(void **state)
{
    (void)state;
    const float xi[6] = { 1, -1, 1, 0, 1, 1 };
    for (int for_good = 0; for_good < 2; for_good++) {
        eg_status s = EG_ERR_NOMEM;
        size_t at = 0;
        for (; s != EG_OK; at++) {
            struct failing f = { at, for_good, 0, 0, 0, 0 };
            const eg_allocator alloc = failing_allocator(&f);
            eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
            o.storage = EG_STORE_FEATURES;
            o.features = 16;
            o.alloc = &alloc;
            eg_memory *m = NULL;
            float out[3];
            s = eg_memory_create(3, &o, &m);
            if (s == EG_OK) s = eg_memory_add(m, xi, 2, NULL);
            if (s == EG_OK) s = eg_memory_recall(m, xi, 1, NULL, out, NULL);
            if (s == EG_OK) s = eg_memory_forget(m, xi);
            CHECK(s == EG_OK || s == EG_ERR_NOMEM);
            eg_memory_destroy(m);
            CHECK(f.live == 0 && f.live_bytes == 0);
        }
        CHECK(at > 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_follow_the_gradient),
        cmocka_unit_test(errors_fall_like_the_root_of_the_features),
        cmocka_unit_test(energies_are_those_of_the_exact_memory),
        cmocka_unit_test(separated_patterns_are_recalled),
        cmocka_unit_test(sums_are_linear),
        cmocka_unit_test(nothing_overflows),
        cmocka_unit_test(far_away_nothing_pulls),
        cmocka_unit_test(size_and_sums_do_not_grow),
        cmocka_unit_test(rules_that_do_not_fit_are_refused),
        cmocka_unit_test(bits_depend_on_the_query_alone),
        cmocka_unit_test(no_allocation_failure_leaks),
    };
    return cmocka_run_group_tests_name("features", tests, NULL, NULL);
}
