/* Sequences and free recall. */
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

static eg_rule sign_rule(eg_separation separation, double beta, double order)
{
    eg_rule r = EG_RULE_INIT;
    r.separation = separation;
    r.projection = EG_PROJ_SIGN;
    r.beta = beta;
    r.order = order;
    return r;
}

/* Transitions that were followed: states equal to the next pattern, from the first cue on. */
static size_t followed(eg_storage storage, eg_rule rule, size_t n, size_t d)
{
    float *xi = malloc(2 * n * d * sizeof *xi);
    size_t *nearest = malloc(n * sizeof *nearest), good = 0;
    CHECK(xi != NULL && nearest != NULL);
    float *states = xi + n * d;
    eg_random_sign(1, 0, 0, n * d, xi);
    eg_memory *m = create(storage, rule, xi, n, d);
    CHECK_OK(eg_memory_sequence(m, xi, 1, n, 1, states, nearest));
    while (good < n && memcmp(states + good * d, xi + (good + 1) % n * d, d * sizeof *xi) == 0
           && nearest[good] == (good + 1) % n)
        good++;
    eg_memory_destroy(m);
    free(nearest);
    free(xi);
    return good;
}

/* Chaudhry et al. 2023: the linear network holds about N / (2 log N) = 11 transitions of 100
 * neurons, the polynomial one of degree 2 about N^2 / (6 log N) = 362, the exponential one
 * exponentially many. */
static void separation_lengthens_sequences(void **state)
{
    (void)state;
    enum { D = 100 };
    const eg_storage storages[] = { EG_STORE_DENSE, EG_STORE_BITS };
    for (size_t k = 0; k < EGI_COUNT(storages); k++) {
        CHECK(followed(storages[k], sign_rule(EG_SEP_IDENTITY, 0.01, 2), 5, D) == 5);
        CHECK(followed(storages[k], sign_rule(EG_SEP_IDENTITY, 0.01, 2), 100, D) < 10);
        CHECK(followed(storages[k], sign_rule(EG_SEP_POWER, 0.01, 3), 100, D) == 100);
        CHECK(followed(storages[k], sign_rule(EG_SEP_POWER, 0.01, 3), 1500, D) < 1500);
        CHECK(followed(storages[k], sign_rule(EG_SEP_EXPONENTIAL, 1, 2), 1500, D) == 1500);
        CHECK(followed(storages[k], sign_rule(EG_SEP_MAX, 1, 2), 1500, D) == 1500);
    }
}

static void sequences_end_or_go_round(void **state)
{
    (void)state;
    enum { D = 64, N = 4, T = 10 };
    float xi[N * D], states[T * D], cue[D];
    size_t nearest[T];
    eg_random_sign(2, 0, 0, N * D, xi);
    CHECK_OK(eg_patterns_corrupt(EG_CORRUPT_FLIP, 0.2, 3, xi, 1, D, cue));
    eg_memory *m = create(EG_STORE_DENSE, sign_rule(EG_SEP_SOFTMAX, 1, 2), xi, N, D);
    CHECK_OK(eg_memory_sequence(m, cue, 1, T, 1, states, nearest));
    for (size_t t = 0; t < T; t++) {
        CHECK(nearest[t] == (t + 1) % N);
        CHECK_SAME_BITS(states + t * D, xi + nearest[t] * D, D * sizeof *xi);
    }
    CHECK_OK(eg_memory_sequence(m, cue, 0, T, 1, states, NULL));
    for (size_t t = 0; t < T; t++)
        CHECK_SAME_BITS(states + t * D, xi + (t + 1 < N ? t + 1 : N - 1) * D, D * sizeof *xi);
    CHECK_OK(eg_memory_sequence(m, cue, 0, 0, 1, NULL, NULL));
    eg_memory_destroy(m);
}

/* One step against the sum written out; a multiplicity counts, distances give a mean. */
static void a_step_is_the_weighted_sum_of_what_follows(void **state)
{
    (void)state;
    enum { D = 5, N = 4 };
    float xi[N * D], x[D], next[D];
    const float weights[N] = { 1, 2, 0.5f, 3 };
    eg_random_normal(4, 0, 0, N * D, xi);
    eg_random_normal(5, 0, 0, D, x);
    const struct {
        eg_similarity similarity;
        eg_separation separation;
        int mean;
    } rows[] = { { EG_SIM_DOT, EG_SEP_SOFTMAX, 1 },
                 { EG_SIM_DOT, EG_SEP_POWER, 0 },
                 { EG_SIM_EUCLIDEAN, EG_SEP_SOFTMAX, 1 },
                 { EG_SIM_EUCLIDEAN, EG_SEP_EPANECHNIKOV, 1 } };
    for (size_t k = 0; k < EGI_COUNT(rows); k++) {
        eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
        o.rule.similarity = rows[k].similarity;
        o.rule.separation = rows[k].separation;
        o.rule.beta = 0.07;
        const eg_items items = { .weights = weights };
        eg_memory *m = NULL;
        CHECK_OK(eg_memory_create(D, &o, &m));
        CHECK_OK(eg_memory_add(m, xi, N, &items));
        CHECK_OK(eg_memory_sequence(m, x, 1, 1, 1, next, NULL));
        double s[N], w[N], a[N], scale, mass = 0;
        for (size_t i = 0; i < N; i++) {
            s[i] = eg_similarity_value(rows[k].similarity, xi + i * D, x, D);
            w[i] = (double)weights[i];
        }
        CHECK_OK(eg_separation_weights(&o.rule, s, w, N, a, &scale));
        for (size_t i = 0; i < N; i++) mass += a[i];
        CHECK(mass != 0);
        for (size_t j = 0; j < D; j++) {
            double sum = 0;
            for (size_t i = 0; i < N; i++) sum += a[i] * (double)xi[(i + 1) % N * D + j];
            sum = rows[k].mean ? sum / mass : sum * exp(scale);
            CHECK_NEAR(next[j], sum, 1e-5 * (1 + fabs(sum)));
        }
        eg_memory_destroy(m);
    }
}

static void failures_leave_outputs_untouched(void **state)
{
    (void)state;
    const float xi[2] = { 1, 2 };
    float out[1] = { 7 };
    size_t nearest[1] = { 9 };
    eg_memory *m = create(EG_STORE_DENSE, sign_rule(EG_SEP_SOFTMAX, 1, 2), xi, 2, 1);
    const float nan[1] = { NAN };
    CHECK_STATUS(eg_memory_sequence(m, nan, 0, 1, 1, out, nearest), EG_ERR_INVALID);
    CHECK_STATUS(eg_memory_sequence(m, NULL, 0, 1, 1, out, nearest), EG_ERR_INVALID);
    CHECK_STATUS(eg_memory_sequence(m, xi, 0, 1, 1, NULL, nearest), EG_ERR_INVALID);
    CHECK_STATUS(eg_memory_sequence(m, xi, 0, SIZE_MAX / 2, 1, out, nearest), EG_ERR_OVERFLOW);
    CHECK(out[0] == 7 && nearest[0] == 9);
    eg_memory_destroy(m);
}

/* ---- free recall ---- */

static void free_recall_finds_every_memory(void **state)
{
    (void)state;
    enum { D = 24, N = 6 };
    float xi[N * D];
    eg_random_sign(6, 0, 0, N * D, xi);
    eg_rule gaussian = sign_rule(EG_SEP_SOFTMAX, 1, 2);
    gaussian.projection = EG_PROJ_IDENTITY;
    const struct {
        eg_storage storage;
        eg_rule rule;
    } rows[] = { { EG_STORE_DENSE, sign_rule(EG_SEP_EXPONENTIAL, 1, 2) },
                 { EG_STORE_BITS, sign_rule(EG_SEP_SOFTMAX, 1, 2) },
                 { EG_STORE_DENSE, sign_rule(EG_SEP_RECTIFIED, 0.1, 8) },
                 { EG_STORE_DENSE, gaussian } };
    for (size_t k = 0; k < EGI_COUNT(rows); k++) {
        eg_memory *m = create(rows[k].storage, rows[k].rule, xi, N, D);
        uint64_t ids[N + 2] = { 0 }, again[N + 2] = { 0 };
        size_t found = 99, tries = 0, found_again, tries_again;
        eg_recall_options o = EG_RECALL_OPTIONS_INIT;
        o.threads = 1;
        CHECK_OK(eg_memory_free_recall(m, &o, 200, N + 2, ids, &found, &tries));
        CHECK(found == N && tries >= N);
        for (size_t i = 0; i < N; i++) { /* each once */
            size_t at, times = 0;
            CHECK_OK(eg_memory_find(m, ids[i], &at));
            for (size_t j = 0; j < N; j++) times += ids[j] == ids[i];
            CHECK(times == 1);
        }
        o.threads = 2;
        CHECK_OK(eg_memory_free_recall(m, &o, 200, N + 2, again, &found_again, &tries_again));
        CHECK_SAME_BITS(ids, again, sizeof ids);
        CHECK(tries == tries_again);
        /* Patience counts from the last memory that came, not from the start. */
        CHECK_OK(eg_memory_free_recall(m, &o, tries - 1, N, again, &found, NULL));
        CHECK(found == N);
        CHECK_OK(eg_memory_free_recall(m, &o, 200, 2, again, &found, NULL)); /* the limit */
        CHECK(found == 2 && again[0] == ids[0] && again[1] == ids[1]);
        eg_memory_destroy(m);
    }
}

/* At a low beta every start ends on the average of all: no memory comes, and patience ends. */
static void free_recall_runs_out_of_patience(void **state)
{
    (void)state;
    enum { D = 10, N = 5 };
    float xi[N * D];
    eg_random_sign(7, 0, 0, N * D, xi);
    eg_rule r = sign_rule(EG_SEP_SOFTMAX, 0.01, 2);
    r.projection = EG_PROJ_IDENTITY;
    eg_memory *m = create(EG_STORE_DENSE, r, xi, N, D);
    uint64_t ids[N] = { 0 };
    size_t found = 99, tries = 0;
    CHECK_OK(eg_memory_free_recall(m, NULL, 41, N, ids, &found, &tries));
    CHECK(found == 0 && tries == 41 && ids[0] == 0);
    CHECK_OK(eg_memory_free_recall(m, NULL, 41, 0, ids, &found, &tries));
    CHECK(found == 0 && tries == 0);
    double trace[101];
    eg_recall_options o = EG_RECALL_OPTIONS_INIT;
    o.trace = trace;
    CHECK_STATUS(eg_memory_free_recall(m, &o, 41, N, ids, &found, &tries), EG_ERR_INVALID);
    CHECK_STATUS(eg_memory_free_recall(m, NULL, 0, N, ids, &found, &tries), EG_ERR_INVALID);
    CHECK_STATUS(eg_memory_free_recall(m, NULL, 1, N, NULL, &found, &tries), EG_ERR_INVALID);
    eg_memory_destroy(m);
}

/* Zeros and ones with the patterns' share of ones. A component comes on where its pattern has
 * two ones in common with the state: that is one pattern for a sparse start, and for one with
 * as many ones as zeros it is nearly all of them, which is no memory. */
static void free_recall_starts_sparse_where_patterns_are(void **state)
{
    (void)state;
    enum { D = 40, N = 5 };
    float xi[N * D] = { 0 };
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < 4; j++) xi[i * D + i * 8 + j] = 1;
    eg_rule r = sign_rule(EG_SEP_RECTIFIED, sqrt(0.2), 2);
    r.projection = EG_PROJ_THRESHOLD;
    r.gain = 0.5;
    eg_memory *m = create(EG_STORE_DENSE, r, xi, N, D);
    uint64_t ids[N];
    size_t found, tries;
    CHECK_OK(eg_memory_free_recall(m, NULL, 60, N, ids, &found, &tries));
    CHECK(found == N && tries < 100);
    eg_memory_destroy(m);
}

static void no_allocation_failure_leaks(void **state)
{
    (void)state;
    enum { D = 8, N = 3 };
    float xi[N * D];
    eg_random_sign(8, 0, 0, N * D, xi);
    for (int for_good = 0; for_good < 2; for_good++) {
        eg_status s = EG_ERR_NOMEM;
        size_t at = 0;
        for (; s != EG_OK; at++) {
            struct failing f = { at, for_good, 0, 0, 0, 0 };
            const eg_allocator alloc = failing_allocator(&f);
            eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
            o.alloc = &alloc;
            o.rule = sign_rule(EG_SEP_SOFTMAX, 1, 2);
            eg_memory *m = NULL;
            float states[2 * D] = { 7 };
            uint64_t ids[N];
            size_t found = 99;
            s = eg_memory_create(D, &o, &m);
            if (s == EG_OK) s = eg_memory_add(m, xi, N, NULL);
            if (s == EG_OK) s = eg_memory_sequence(m, xi, 0, 2, 1, states, NULL);
            if (s == EG_ERR_NOMEM) CHECK(states[0] == 7);
            if (s == EG_OK) s = eg_memory_free_recall(m, NULL, 5, N, ids, &found, NULL);
            CHECK(s == EG_OK || (s == EG_ERR_NOMEM && found == 99));
            eg_memory_destroy(m);
            CHECK(f.live == 0 && f.live_bytes == 0);
        }
        CHECK(at > 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(separation_lengthens_sequences),
        cmocka_unit_test(sequences_end_or_go_round),
        cmocka_unit_test(a_step_is_the_weighted_sum_of_what_follows),
        cmocka_unit_test(failures_leave_outputs_untouched),
        cmocka_unit_test(free_recall_finds_every_memory),
        cmocka_unit_test(free_recall_runs_out_of_patience),
        cmocka_unit_test(free_recall_starts_sparse_where_patterns_are),
        cmocka_unit_test(no_allocation_failure_leaks),
    };
    return cmocka_run_group_tests_name("sequence", tests, NULL, NULL);
}
