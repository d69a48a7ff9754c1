/* The capacity laboratory, against closed forms. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/egi_base.h"
#include "check.h"

static eg_capacity_options options_of(eg_storage storage, eg_separation separation, size_t d,
                                      size_t n)
{
    eg_capacity_options o = EG_CAPACITY_OPTIONS_INIT;
    o.d = d;
    o.n = n;
    o.memory.storage = storage;
    o.memory.rule.separation = separation;
    o.memory.rule.projection = EG_PROJ_SIGN;
    o.recall.threads = 1; /* cells this small are done before a thread has woken */
    return o;
}

/* P(S < -(D - 1)) for a sum S of (K - 1)(D - 1) independent signs. */
static double hebb_error(size_t d, size_t k)
{
    const double m = (double)((k - 1) * (d - 1)), limit = (m - (double)(d - 1)) / 2;
    double p = 0;
    for (double b = 0; b < limit; b++)
        p += exp(lgamma(m + 1) - lgamma(b + 1) - lgamma(m - b + 1) - m * log(2));
    return p;
}

/* A component of a stored pattern feels 1 - 1/D from its own pattern, and from the K - 1 others
 * crosstalk that is exactly a sum of (K - 1)(D - 1) independent signs over D. The large-D form is
 * erfc(sqrt(D / 2K)) / 2, 0.36 % at the load 0.138. */
static void one_step_errors_of_hebb_are_binomial(void **state)
{
    (void)state;
    enum { D = 200, DRAWS = 60 };
    const double loads[] = { 0.05, 0.138, 0.2 };
    for (size_t i = 0; i < EGI_COUNT(loads); i++) {
        const size_t k = (size_t)(loads[i] * D);
        eg_capacity_options o = options_of(EG_STORE_HEBB, EG_SEP_IDENTITY, D, k);
        o.draws = DRAWS;
        o.trials = DRAWS * k;
        o.recall.max_steps = 1;
        eg_capacity_result r;
        CHECK_OK(eg_capacity_measure(&o, &r));
        const double p = hebb_error(D, k), bits = (double)(o.trials * D);
        /* A pair of components of one pattern shares the product that couples them: a share of
         * 1/(D - 1) of the noise, and all pairs together at most double the variance. */
        CHECK_NEAR(r.unstable, p, 4 * sqrt(2 * p * (1 - p) / bits));
        if (getenv("EG_TEST_VERBOSE") != NULL)
            print_message("K/D = %.3f: measured %.5f, binomial %.5f, erfc %.5f\n", loads[i],
                          r.unstable, p, erfc(sqrt((double)D / (2 * (double)k))) / 2);
    }
}

/* Krotov and Hopfield 2016: N^(n-1) / (2 (2n-3)!! ln N) patterns without errors. */
static void cubic_memories_recover_up_to_the_formula(void **state)
{
    (void)state;
    enum { D = 60 };
    const double most = D * D / (2 * 3 * log(D)); /* 146 */
    eg_capacity_options o = options_of(EG_STORE_DENSE, EG_SEP_POWER, D, (size_t)(most / 2));
    o.memory.rule.order = 3;
    o.memory.rule.beta = 1.0 / D;
    o.amount = 0.05;
    o.trials = 200;
    o.recall.dynamics = EG_DYN_ASYNC;
    eg_capacity_result below, above;
    CHECK_OK(eg_capacity_measure(&o, &below));
    o.n = (size_t)(6 * most);
    o.trials = 60;
    CHECK_OK(eg_capacity_measure(&o, &above));
    if (getenv("EG_TEST_VERBOSE") != NULL)
        print_message("K = %.0f / 2: %.3f recovered; 6 times: %.3f\n", most, below.recovered,
                      above.recovered);
    CHECK(below.recovered >= 0.95 && below.converged == 1);
    CHECK(above.recovered <= 0.3);
    CHECK(below.exact <= below.recovered && below.overlap > above.overlap);
    CHECK(below.nearest >= below.overlap - 1e-9);
}

static void spheres_are_retrieved_by_softmax(void **state)
{
    (void)state;
    eg_capacity_options o = options_of(EG_STORE_DENSE, EG_SEP_SOFTMAX, 40, 50);
    o.memory.rule.projection = EG_PROJ_IDENTITY;
    o.patterns = EG_PATTERNS_SPHERE;
    o.corruption = EG_CORRUPT_NOISE;
    o.amount = 0.3;
    o.trials = 100;
    o.radius = 2;
    eg_capacity_result sharp, flat;
    CHECK_OK(eg_capacity_measure(&o, &sharp));
    CHECK(sharp.recovered == 1 && sharp.recovered_error == 0 && sharp.overlap > 0.9999);
    o.memory.rule.beta = 1e-4; /* everything is the average of all */
    CHECK_OK(eg_capacity_measure(&o, &flat));
    CHECK(flat.recovered == 0 && flat.overlap < 0.5 && flat.overlap_error > 0);
    o.corruption = EG_CORRUPT_RANDOM; /* a cue that has nothing to do with the pattern asked */
    o.memory.rule.beta = 1;
    CHECK_OK(eg_capacity_measure(&o, &flat));
    CHECK(flat.recovered < 0.1 && flat.nearest > 0.9);
}

/* Weights keep no patterns: the laboratory compares with those it drew. */
static void weights_have_a_nearest_pattern_too(void **state)
{
    (void)state;
    eg_capacity_options o = options_of(EG_STORE_PSEUDOINVERSE, EG_SEP_IDENTITY, 80, 10);
    o.trials = 40;
    o.draws = 4;
    eg_capacity_result r;
    CHECK_OK(eg_capacity_measure(&o, &r));
    CHECK(r.recovered == 1 && r.exact == 1 && r.nearest == 1 && r.bit_error == 0);
    CHECK(r.unstable == 0 && r.steps >= 1 && r.converged == 1);
}

static void results_depend_on_the_seed_alone(void **state)
{
    (void)state;
    eg_capacity_options o = options_of(EG_STORE_DENSE, EG_SEP_POWER, 30, 40);
    o.memory.rule.beta = 1.0 / 30;
    o.trials = 50;
    o.recall.dynamics = EG_DYN_ASYNC;
    o.recall.order = EG_ORDER_RANDOM;
    eg_capacity_result one, many;
    memset(&one, 0, sizeof one);
    memset(&many, 0, sizeof many);
    o.recall.threads = 1;
    CHECK_OK(eg_capacity_measure(&o, &one));
    for (o.recall.threads = 2; o.recall.threads <= 3; o.recall.threads++) {
        CHECK_OK(eg_capacity_measure(&o, &many));
        CHECK_SAME_BITS(&one, &many, sizeof one);
    }
    o.seed = 1;
    CHECK_OK(eg_capacity_measure(&o, &many));
    CHECK(memcmp(&one, &many, sizeof one) != 0);
    o.draws = 1; /* errors of one set: those of independent trials */
    CHECK_OK(eg_capacity_measure(&o, &one));
    CHECK_NEAR(one.recovered_error, sqrt(one.recovered * (1 - one.recovered) / 50), 1e-12);
    CHECK(one.overlap_error > 0);
}

static void patterns_are_what_they_say(void **state)
{
    (void)state;
    enum { N = 50, D = 400 };
    float *x = malloc(2 * N * D * sizeof *x), *y = x + N * D;
    CHECK(x != NULL);
    CHECK_OK(eg_patterns_draw(EG_PATTERNS_SIGNS, 1, 1, N, D, x));
    for (size_t i = 0; i < N * D; i++) CHECK(x[i] == 1 || x[i] == -1);
    CHECK_OK(eg_patterns_draw(EG_PATTERNS_SPHERE, 3, 1, N, D, x));
    CHECK_OK(eg_patterns_draw(EG_PATTERNS_SPHERE, 3, 1, 2, D, y));
    CHECK_SAME_BITS(x, y, 2 * D * sizeof *x); /* whatever n is */
    for (size_t i = 0; i < N; i++) {
        double square = 0;
        for (size_t j = 0; j < D; j++) square += pow((double)x[i * D + j], 2);
        CHECK_NEAR(sqrt(square), 3 * sqrt(D - 1), 1e-3);
    }
    free(x);
}

static void cues_are_corrupted_as_asked(void **state)
{
    (void)state;
    enum { Q = 50, D = 400 };
    float *x = malloc(2 * Q * D * sizeof *x), *cue = x + Q * D;
    CHECK(x != NULL);
    CHECK_OK(eg_patterns_draw(EG_PATTERNS_SIGNS, 1, 2, Q, D, x));
    const double cells = Q * D;
    double changed = 0, square = 0;
    CHECK_OK(eg_patterns_corrupt(EG_CORRUPT_FLIP, 0.3, 3, x, Q, D, cue));
    for (size_t i = 0; i < Q * D; i++) {
        CHECK(fabsf(cue[i]) == 1);
        changed += cue[i] != x[i];
    }
    CHECK_NEAR(changed / cells, 0.3, 4 * sqrt(0.3 * 0.7 / cells));
    CHECK_OK(eg_patterns_corrupt(EG_CORRUPT_NOISE, 0.5, 3, x, Q, D, cue));
    for (size_t i = 0; i < Q * D; i++) square += pow((double)cue[i] - (double)x[i], 2);
    CHECK_NEAR(square / cells, 0.25, 4 * 0.25 * sqrt(2 / cells));
    CHECK_OK(eg_patterns_corrupt(EG_CORRUPT_MASK, 0.25, 3, x, Q, D, cue));
    for (size_t q = 0; q < Q; q++) {
        size_t hidden = 0;
        for (size_t j = q * D; j < (q + 1) * D; j++) {
            hidden += cue[j] == 0;
            CHECK(cue[j] == 0 || cue[j] == x[j]);
        }
        CHECK(hidden == D / 4);
    }
    for (size_t j = 0, same = 0; j < D; j++) { /* each cue hides its own */
        same += (cue[j] == 0) == (cue[D + j] == 0);
        CHECK(same < D);
    }
    double overlap = 0;
    CHECK_OK(eg_patterns_corrupt(EG_CORRUPT_RANDOM, NAN, 3, x, Q, D, cue));
    for (size_t i = 0; i < Q * D; i++) {
        CHECK(fabsf(cue[i]) == 1);
        overlap += (double)cue[i] * (double)x[i] / cells;
    }
    CHECK_NEAR(overlap, 0, 4 / sqrt(cells));
    CHECK_OK(eg_patterns_corrupt(EG_CORRUPT_FLIP, 0.3, 3, x, Q, D, cue));
    CHECK_OK(eg_patterns_corrupt(EG_CORRUPT_FLIP, 0.3, 3, x, Q, D, x)); /* in place */
    CHECK_SAME_BITS(x, cue, Q * D * sizeof *x);
    free(x);
}

static void nonsense_is_refused(void **state)
{
    (void)state;
    float x[2] = { 1, 1 };
    CHECK_STATUS(eg_patterns_draw(EG_PATTERNS_COUNT, 1, 0, 1, 2, x), EG_ERR_INVALID);
    CHECK_STATUS(eg_patterns_draw(EG_PATTERNS_SPHERE, NAN, 0, 1, 2, x), EG_ERR_INVALID);
    CHECK_STATUS(eg_patterns_draw(EG_PATTERNS_SIGNS, 1, 0, 1, 2, NULL), EG_ERR_INVALID);
    CHECK_STATUS(eg_patterns_draw(EG_PATTERNS_SIGNS, 1, 0, SIZE_MAX, 2, x), EG_ERR_OVERFLOW);
    CHECK_STATUS(eg_patterns_corrupt(EG_CORRUPT_FLIP, 1.5, 0, x, 1, 2, x), EG_ERR_INVALID);
    CHECK_STATUS(eg_patterns_corrupt(EG_CORRUPT_MASK, NAN, 0, x, 1, 2, x), EG_ERR_INVALID);
    CHECK_STATUS(eg_patterns_corrupt(EG_CORRUPT_NOISE, -1, 0, x, 1, 2, x), EG_ERR_INVALID);
    CHECK_STATUS(eg_patterns_corrupt(EG_CORRUPT_COUNT, 0, 0, x, 1, 2, x), EG_ERR_INVALID);
    eg_capacity_result r = { .steps = 7 };
    eg_capacity_options o = options_of(EG_STORE_DENSE, EG_SEP_SOFTMAX, 10, 5);
    double trace[1];
    o.recall.trace = trace;
    CHECK_STATUS(eg_capacity_measure(&o, &r), EG_ERR_INVALID);
    o.recall.trace = NULL;
    o.n = 0;
    CHECK_STATUS(eg_capacity_measure(&o, &r), EG_ERR_INVALID);
    o.n = 5;
    o.threshold = NAN;
    CHECK_STATUS(eg_capacity_measure(&o, &r), EG_ERR_INVALID);
    o.threshold = 0.9;
    o.n = SIZE_MAX / 4;
    CHECK_STATUS(eg_capacity_measure(&o, &r), EG_ERR_OVERFLOW);
    o.n = 5;
    o.memory.storage = EG_STORE_HEBB;
    o.memory.rule.separation = EG_SEP_POWER;
    CHECK_STATUS(eg_capacity_measure(&o, &r), EG_ERR_UNSUPPORTED);
    CHECK_STATUS(eg_capacity_measure(NULL, &r), EG_ERR_INVALID);
    CHECK(r.steps == 7);
}

/* One set of patterns, gone through by hand. */
static void a_set_is_what_it_says(void **state)
{
    (void)state;
    enum { D = 30, N = 8, TRIALS = 12 };
    float xi[N * D], target[TRIALS * D], cue[TRIALS * D], out[TRIALS * D];
    eg_capacity_options o = options_of(EG_STORE_DENSE, EG_SEP_SOFTMAX, D, N);
    o.memory.rule.beta = 0.1;
    o.patterns = EG_PATTERNS_GAUSSIAN;
    o.memory.rule.projection = EG_PROJ_IDENTITY;
    o.corruption = EG_CORRUPT_NOISE;
    o.amount = 1;
    o.draws = 1;
    o.trials = TRIALS;
    o.seed = 5;
    eg_capacity_result r;
    CHECK_OK(eg_capacity_measure(&o, &r));
    uint32_t w[4];
    egi_philox(o.seed, 0x53455453, 0, w);
    const uint64_t seed = (uint64_t)w[1] << 32 | w[0];
    CHECK_OK(eg_patterns_draw(EG_PATTERNS_GAUSSIAN, 1, seed, N, D, xi));
    for (size_t t = 0; t < TRIALS; t++) memcpy(target + t * D, xi + t % N * D, D * sizeof *xi);
    CHECK_OK(eg_patterns_corrupt(EG_CORRUPT_NOISE, 1, seed, target, TRIALS, D, cue));
    eg_memory *m = NULL;
    CHECK_OK(eg_memory_create(D, &o.memory, &m));
    CHECK_OK(eg_memory_add(m, xi, N, NULL));
    eg_certificate c[TRIALS];
    CHECK_OK(eg_memory_recall(m, cue, TRIALS, NULL, out, c));
    double overlap = 0, steps = 0, wrong = 0;
    for (size_t t = 0; t < TRIALS; t++) {
        overlap += eg_similarity_value(EG_SIM_COSINE, target + t * D, out + t * D, D) / TRIALS;
        steps += (double)c[t].steps / TRIALS;
        for (size_t j = t * D; j < (t + 1) * D; j++) wrong += (out[j] < 0) != (target[j] < 0);
    }
    CHECK_NEAR(r.overlap, overlap, 1e-6);
    CHECK_NEAR(r.steps, steps, 1e-12);
    CHECK_NEAR(r.bit_error, wrong / (TRIALS * D), 1e-12);
    eg_memory_destroy(m);
}

static int go_on(void *user, const char *stage, uint64_t done, uint64_t total)
{
    CHECK(strcmp(stage, "capacity") == 0 && done == (uint64_t) * (int *)user && total == 10);
    ++*(int *)user;
    return 0;
}

static int stop_at_once(void *user, const char *stage, uint64_t done, uint64_t total)
{
    CHECK(strcmp(stage, "capacity") == 0 && done <= total);
    ++*(int *)user;
    return 1;
}

static void progress_may_stop_it(void **state)
{
    (void)state;
    int calls = 0;
    const eg_progress progress = { stop_at_once, &calls };
    eg_capacity_options o = options_of(EG_STORE_DENSE, EG_SEP_SOFTMAX, 10, 5);
    o.recall.progress = &progress;
    eg_capacity_result r = { .steps = 7 };
    CHECK_STATUS(eg_capacity_measure(&o, &r), EG_ERR_INTERRUPTED);
    CHECK(calls == 1 && r.steps == 7);
    const eg_progress patient = { go_on, &calls };
    o.recall.progress = &patient;
    calls = 0;
    CHECK_OK(eg_capacity_measure(&o, &r));
    CHECK(calls == 11); /* a set at a time, and the end */
}

static void no_allocation_failure_leaks(void **state)
{
    (void)state;
    for (int for_good = 0; for_good < 2; for_good++) {
        eg_status s = EG_ERR_NOMEM;
        size_t at = 0;
        for (; s != EG_OK; at++) {
            struct failing f = { at, for_good, 0, 0, 0, 0 };
            const eg_allocator alloc = failing_allocator(&f);
            eg_capacity_options o = options_of(EG_STORE_DENSE, EG_SEP_SOFTMAX, 10, 3);
            o.trials = 4;
            o.draws = 2;
            o.memory.alloc = &alloc;
            eg_capacity_result r = { .steps = -7 };
            s = eg_capacity_measure(&o, &r);
            CHECK(s == EG_OK || (s == EG_ERR_NOMEM && r.steps == -7));
            CHECK(f.live == 0 && f.live_bytes == 0);
        }
        CHECK(at > 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_step_errors_of_hebb_are_binomial),
        cmocka_unit_test(cubic_memories_recover_up_to_the_formula),
        cmocka_unit_test(spheres_are_retrieved_by_softmax),
        cmocka_unit_test(weights_have_a_nearest_pattern_too),
        cmocka_unit_test(results_depend_on_the_seed_alone),
        cmocka_unit_test(patterns_are_what_they_say),
        cmocka_unit_test(cues_are_corrupted_as_asked),
        cmocka_unit_test(nonsense_is_refused),
        cmocka_unit_test(a_set_is_what_it_says),
        cmocka_unit_test(progress_may_stop_it),
        cmocka_unit_test(no_allocation_failure_leaks),
    };
    return cmocka_run_group_tests_name("capacity", tests, NULL, NULL);
}
