/* The K largest of N scores by a threshold alone: a number that exactly K of them reach is searched
 * by halving, and at each try the N are counted that reach it. Scores become integers in their
 * order, which compare at full width. Tries halve the range of values first, which for scores that
 * are spread takes about log2 N of them; then that of the integers, whose end 32 more reach
 * whatever the scores are. It comes to it only where scores are equal about the K-th.
 *
 * One body compiled for each row of kernels. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_patches.h"

#include <string.h>

enum { HALVINGS = 16 };

#define ALWAYS static inline __attribute__((always_inline))

/* Rises with x; -0 and 0 are one, a NaN stands beyond the infinity of its sign. */
ALWAYS int32_t key_of(float x)
{
    int32_t i;
    x += 0.0F;
    memcpy(&i, &x, sizeof i);
    return i ^ (i >> 31 & INT32_MAX);
}

/* How many keys are t or more. */
ALWAYS size_t count_from(const int32_t *key, size_t n, int32_t t)
{
    int32_t count = 0;
    for (size_t i = 0; i < n; i++) count += key[i] >= t;
    return (size_t)count;
}

ALWAYS float value_of(int32_t key)
{
    float x;
    key ^= key >> 31 & INT32_MAX;
    memcpy(&x, &key, sizeof x);
    return x;
}

/* A key in the middle of two, by their values while that gets anywhere, then by their order. */
ALWAYS int32_t middle_of(int32_t from, int32_t beyond, int step)
{
    const int32_t by_value = key_of(value_of(from) / 2 + value_of(beyond) / 2);
    const int32_t by_order = (int32_t)(((int64_t)from + (int64_t)beyond) >> 1);
    return step < HALVINGS && by_value > from && by_value < beyond ? by_value : by_order;
}

/* A number that exactly `most` keys reach; where equal keys leave none, the largest that more do.
 * `low` is of the keys, `high` above them. */
ALWAYS int32_t threshold(const int32_t *key, size_t n, size_t most, int32_t low, int32_t high)
{
    for (int step = 0; (int64_t)high - low > 1; step++) {
        const int32_t middle = middle_of(low, high, step);
        const size_t count = count_from(key, n, middle);
        if (count == most) return middle;
        if (count > most)
            low = middle;
        else
            high = middle;
    }
    return low;
}

ALWAYS void one_sign(const float *product, float sign, const float *offset, size_t n, size_t most,
                     int32_t *key, uint8_t *near)
{
    int32_t low = INT32_MAX, high = INT32_MIN;
    for (size_t i = 0; i < n; i++) key[i] = key_of(sign * product[i] + offset[i]);
    for (size_t i = 0; i < n; i++) {
        low = key[i] < low ? key[i] : low;
        high = key[i] > high ? key[i] : high;
    }
    const int32_t t = threshold(key, n, most, low, high + (high < INT32_MAX));
    for (size_t i = 0; i < n; i++) near[i] = key[i] >= t;
}

#define ROW(name, target)                                                               \
    target static void near_##name(const float *product, const float *offset, size_t n, \
                                   size_t most, int32_t *key, uint8_t *near)            \
    {                                                                                   \
        one_sign(product, 1, offset, n, most, key, near);                               \
        one_sign(product, -1, offset + n, n, most, key, near + n);                      \
    }

ROW(ref, )
#if EGI_X86
ROW(avx2, __attribute__((target("avx2"))))
ROW(avx512, __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl"))))
#endif

static const struct egi_kernels_patches rows[] = {
    { EGI_ISA_REF, near_ref },
#if EGI_X86
    { EGI_ISA_AVX2, near_avx2 },
    { EGI_ISA_AVX512, near_avx512 },
#endif
};

const struct egi_kernels_patches *egi_kernels_patches(enum egi_isa level)
{
    size_t best = 0;
    for (size_t i = 1; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].isa <= level && egi_isa_supported(rows[i].isa)) best = i;
    return &rows[best];
}
