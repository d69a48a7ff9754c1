/* Base floor: statuses, sizes, random numbers, threads. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/egi_base.h"
#include "base/egi_steps.h"
#include "check.h"

#include <pthread.h>

static void statuses_have_names(void **state)
{
    (void)state;
    for (int s = EG_ERR_LIMIT; s <= EG_END; s++)
        CHECK(strcmp(eg_status_name((eg_status)s), "EG_ERR_?") != 0);
    assert_string_equal(eg_status_name((eg_status)-99), "EG_ERR_?");
    assert_string_equal(eg_status_name(EG_ERR_SHAPE), "EG_ERR_SHAPE");
    CHECK_STATUS(egi_fail(EG_ERR_SHAPE, "%d", 7), EG_ERR_SHAPE);
    assert_string_equal(eg_error_detail(), "7");
}

static void sizes_are_checked(void **state)
{
    (void)state;
    size_t out = 5;
    CHECK_STATUS(egi_mul_size(SIZE_MAX, 2, &out), EG_ERR_OVERFLOW);
    CHECK_STATUS(egi_add_size(SIZE_MAX, 1, &out), EG_ERR_OVERFLOW);
    assert_int_equal(out, 5); /* untouched on failure */
    CHECK_OK(egi_mul_size(SIZE_MAX, 1, &out));
    CHECK(out == SIZE_MAX);
    CHECK_OK(egi_mul_size(0, SIZE_MAX, &out));
    CHECK(out == 0);
}

/* Known answers of Philox4x32-10: kat_vectors of Random123 1.09. */
static void philox_known_answers(void **state)
{
    (void)state;
    uint32_t w[4];
    egi_philox(0, 0, 0, w);
    const uint32_t zero[4] = { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 };
    CHECK_SAME_BITS(w, zero, sizeof w);
    egi_philox(UINT64_MAX, UINT64_MAX, UINT64_MAX, w);
    const uint32_t ones[4] = { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd };
    CHECK_SAME_BITS(w, ones, sizeof w);
}

static void draws_are_pure_functions(void **state)
{
    (void)state;
    enum { N = 1000 };
    float all[N], part[N];
    void (*const kinds[])(uint64_t, uint64_t, uint64_t, size_t,
                          float *) = { eg_random_uniform, eg_random_normal, eg_random_sign };
    for (size_t k = 0; k < EGI_COUNT(kinds); k++) {
        kinds[k](1, 2, 3, N, all);
        for (size_t at = 0; at < N; at += 37) {
            const size_t n = at + 37 <= N ? 37 : N - at;
            kinds[k](1, 2, 3 + at, n, part + at);
        }
        CHECK_SAME_BITS(all, part, sizeof all);
        kinds[k](1, 3, 3, N, part);
        CHECK(memcmp(all, part, sizeof all) != 0);
        kinds[k](2, 2, 3, N, part);
        CHECK(memcmp(all, part, sizeof all) != 0);
    }
}

static void draws_have_their_moments(void **state)
{
    (void)state;
    enum { N = 200000 };
    float *x = malloc(N * sizeof *x);
    CHECK(x != NULL);
    const struct {
        void (*draw)(uint64_t, uint64_t, uint64_t, size_t, float *);
        double mean, variance;
    } rows[] = { { eg_random_uniform, 0.5, 1.0 / 12 },
                 { eg_random_normal, 0, 1 },
                 { eg_random_sign, 0, 1 } };
    for (size_t k = 0; k < EGI_COUNT(rows); k++) {
        rows[k].draw(7, k, 0, N, x);
        double sum = 0, square = 0;
        for (size_t i = 0; i < N; i++) {
            sum += (double)x[i];
            square += (double)x[i] * (double)x[i];
        }
        const double mean = sum / N, variance = square / N - mean * mean;
        CHECK_NEAR(mean, rows[k].mean, 5 * sqrt(rows[k].variance / N)); /* 5 sigma */
        CHECK_NEAR(variance, rows[k].variance, 5 * rows[k].variance * sqrt(2.0 / N));
    }
    free(x);
}

static void permutations_are_permutations(void **state)
{
    (void)state;
    enum { N = 50, DRAWS = 4000 };
    size_t order[N], first[N] = { 0 };
    for (size_t t = 0; t < DRAWS; t++) {
        eg_random_permutation(3, t, N, order);
        int seen[N] = { 0 };
        for (size_t i = 0; i < N; i++) {
            CHECK(order[i] < N && seen[order[i]] == 0);
            seen[order[i]] = 1;
        }
        first[order[0]]++;
    }
    for (size_t i = 0; i < N; i++) CHECK_NEAR(first[i], DRAWS / N, 6 * sqrt((double)DRAWS / N));
}

struct sum {
    size_t square[257];
    size_t workers;
};

static void square_one(void *arg, size_t i, size_t worker)
{
    struct sum *s = arg;
    s->square[i] = i * i;
    if (worker >= s->workers) s->square[i] = SIZE_MAX;
}

static void parallel_covers_every_index_once(void **state)
{
    (void)state;
    for (int threads = 0; threads <= 5; threads++) {
        struct sum s = { .workers = (size_t)egi_thread_count(threads) };
        egi_parallel_workers(257, threads, square_one, &s);
        for (size_t i = 0; i < 257; i++) CHECK(s.square[i] == i * i);
    }
}

enum { STEPS = 40, EACH = 5 };

struct steps {
    size_t done[STEPS][EACH];
    pthread_t by[STEPS][EACH];
    int early;
};

static size_t each_of(void *arg, size_t s)
{
    (void)arg;
    return s % (EACH + 1); /* also none */
}

static void one_of_step(void *arg, size_t s, size_t i)
{
    struct steps *t = arg;
    for (size_t before = 0; before < s; before++)
        for (size_t k = 0; k < each_of(t, before); k++)
            if (t->done[before][k] != 1) t->early = 1;
    t->done[s][i]++;
    t->by[s][i] = pthread_self();
}

/* No step begins before the last has ended; iteration i stays with its thread. */
static void steps_come_in_turn(void **state)
{
    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        static struct steps t;
        memset(&t, 0, sizeof t);
        egi_parallel_steps(STEPS, threads, each_of, one_of_step, &t);
        CHECK(!t.early);
        for (size_t s = 0; s < STEPS; s++)
            for (size_t i = 0; i < each_of(&t, s); i++) {
                CHECK(t.done[s][i] == 1);
#ifndef __SANITIZE_THREAD__ /* whose build has threads of its own for each step */
                CHECK(pthread_equal(t.by[s][i], t.by[EACH][i]));
#endif
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(statuses_have_names),
        cmocka_unit_test(sizes_are_checked),
        cmocka_unit_test(philox_known_answers),
        cmocka_unit_test(draws_are_pure_functions),
        cmocka_unit_test(draws_have_their_moments),
        cmocka_unit_test(permutations_are_permutations),
        cmocka_unit_test(parallel_covers_every_index_once),
        cmocka_unit_test(steps_come_in_turn),
    };
    return cmocka_run_group_tests_name("base", tests, NULL, NULL);
}
