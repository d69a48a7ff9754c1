/* Ten million packed memories: stored in pieces, and recalled from. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

enum { D = 64, PIECE = 100000, N = 100 * PIECE, FLIPS = 3 };

/* A bijection of 64 bits (Steele, Lea and Flood 2014): no two memories are the same. */
static uint64_t memory_bits(uint64_t i)
{
    uint64_t z = i + 0x9e3779b97f4a7c15;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
}

static void fill(uint64_t bits, float *x)
{
    for (size_t j = 0; j < D; j++) x[j] = (float)(bits >> j & 1) * 2 - 1;
}

static int equal(const float *a, const float *b)
{
    for (size_t j = 0; j < D; j++)
        if (a[j] != b[j]) return 0;
    return 1;
}

static eg_memory *store_all(void)
{
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    o.storage = EG_STORE_BITS;
    o.rule.separation = EG_SEP_EXPONENTIAL;
    o.rule.projection = EG_PROJ_SIGN;
    eg_memory *m = NULL;
    CHECK_OK(eg_memory_create(D, &o, &m));
    float *x = malloc((size_t)PIECE * D * sizeof *x);
    CHECK(x != NULL);
    for (size_t first = 0; first < N; first += PIECE) {
        for (size_t i = 0; i < PIECE; i++) fill(memory_bits(first + i), x + i * D);
        CHECK_OK(eg_memory_add(m, x, PIECE, NULL));
    }
    free(x);
    return m;
}

/* Beside e^58 of the memory, e^s of all others adds up to some 10^7 cosh(1)^64 = e^44. */
static void ten_million_are_stored_and_recalled(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    print_message("skipped: 10^7 memories take minutes under a sanitizer\n");
    skip();
#endif
    eg_memory *m = store_all();
    assert_int_equal(eg_memory_count(m), N);
    CHECK(eg_memory_bytes(m) < (size_t)48 * N); /* of it 2 bits a component */
    const size_t wanted[] = { 0, N / 2, N - 1 };
    for (size_t k = 0; k < 3; k++) {
        float x[D], cue[D], out[D];
        fill(memory_bits(wanted[k]), x);
        CHECK_OK(eg_memory_pattern(m, wanted[k], out));
        CHECK(equal(out, x));
        memcpy(cue, x, sizeof x);
        for (size_t j = 0; j < FLIPS; j++) cue[7 * (j + k)] *= -1;
        CHECK_OK(eg_memory_step(m, cue, 1, 0, out));
        CHECK(equal(out, x));
        if (k > 0) continue; /* a step is enough */
        eg_certificate c;
        CHECK_OK(eg_memory_recall(m, cue, 1, NULL, out, &c));
        CHECK(equal(out, x));
        CHECK(c.converged && c.exact && c.nearest == wanted[k] && c.kind == EG_FIXED_MEMORY);
    }
    eg_memory_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ten_million_are_stored_and_recalled),
    };
    return cmocka_run_group_tests_name("bits_many", tests, NULL, NULL);
}
