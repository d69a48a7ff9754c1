/* Codes of the nearest against sorting, for scores that are spread, equal, tiny, huge; every row of
 * kernels to its bits. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>
#include <stdlib.h>

#include "check.h"
#include "engram/random.h"
#include "kernel/egi_kernel_patches.h"

enum { MOST = 2100 };

static float product[MOST], offset[2 * MOST], sorted[MOST];
static int32_t key[MOST];
static uint8_t near[2 * MOST];

/* Each changes products and offsets that are normal. */
enum kind { SPREAD, WHOLE, EQUAL, WIDE, VAST, ZEROS, KINDS };

static void make(enum kind kind, size_t n, uint64_t seed)
{
    eg_random_normal(seed, 1, 0, n, product);
    eg_random_normal(seed, 2, 0, 2 * n, offset);
    for (size_t i = 0; i < 3 * n; i++) {
        float *v = i < n ? &product[i] : &offset[i - n];
        if (kind == WHOLE) *v = roundf(2 * *v);
        if (kind == EQUAL) *v = 0.25F;
        if (kind == WIDE) *v = i < n ? ldexpf(*v, (int)(i * 7 % 200) - 120) : 0;
        if (kind == VAST) *v = i < n ? (*v < -1 ? -INFINITY : *v * FLT_MAX) : 0;
        if (kind == ZEROS) *v = *v < 0.5F ? copysignf(0, *v) : 0;
    }
}

static int falling(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x < y) - (x > y);
}

/* The definition: sort, and what is no less than the K-th is near. */
static void check_codes(const struct egi_kernels_patches *k, size_t n, size_t most)
{
    k->near(product, offset, n, most, key, near);
    for (size_t sign = 0; sign < 2; sign++) {
        for (size_t i = 0; i < n; i++)
            sorted[i] = (sign ? -product[i] : product[i]) + offset[sign * n + i];
        qsort(sorted, n, sizeof *sorted, falling);
        for (size_t i = 0; i < n; i++) {
            const float score = (sign ? -product[i] : product[i]) + offset[sign * n + i];
            assert_int_equal(near[sign * n + i], score >= sorted[most - 1]);
        }
    }
}

static void codes_are_those_of_sorting(void **state)
{
    (void)state;
    static const size_t sizes[] = { 1, 2, 3, 15, 16, 17, 63, 64, 65, 100, 257, MOST };
    for (enum egi_isa level = EGI_ISA_REF; level <= EGI_ISA_AVX512; level++) {
        const struct egi_kernels_patches *k = egi_kernels_patches(level);
        CHECK(k->isa <= level);
        for (enum kind kind = SPREAD; kind < KINDS; kind++)
            for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
                const size_t n = sizes[i];
                make(kind, n, 1 + i);
                check_codes(k, n, 1);
                check_codes(k, n, n);
                check_codes(k, n, (n + 1) / 2);
                check_codes(k, n, (2 * n + 4) / 5);
            }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(codes_are_those_of_sorting) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
