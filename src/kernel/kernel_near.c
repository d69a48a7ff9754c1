/* Dot products and distances of f32 vectors, one body compiled for each row of kernels. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_near.h"

#include <string.h>

enum { LANES = 16, BLOCKS = EGI_NEAR_ANCHORS / LANES };

typedef float lanes __attribute__((vector_size(LANES * sizeof(float))));

#define ALWAYS static inline __attribute__((always_inline))

/* One of the two, by `far`, which is a constant where this is inlined. */
ALWAYS float one(const float *x, const float *y, size_t d, int far)
{
    lanes sum = { 0 };
    float s[LANES];
    size_t j = 0;
    for (; j + LANES <= d; j += LANES) {
        lanes a, b; /* no function returns one: its registers would depend on the row */
        memcpy(&a, x + j, sizeof a);
        memcpy(&b, y + j, sizeof b);
        const lanes by = a - b;
        sum += far ? by * by : a * b;
    }
    memcpy(s, &sum, sizeof s);
    for (size_t l = 0; j < d; j++, l++) s[l] += far ? (x[j] - y[j]) * (x[j] - y[j]) : x[j] * y[j];
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t k = 0; k < half; k++) s[k] += s[k + half];
    return s[0];
}

ALWAYS void many(const float *anchor, size_t stride, const float *x, size_t d, float *far)
{
    lanes sum[BLOCKS] = { { 0 } };
    for (size_t j = 0; j < d; j++)
        for (size_t b = 0; b < BLOCKS; b++) {
            lanes by;
            memcpy(&by, anchor + j * stride + b * LANES, sizeof by);
            by -= x[j];
            sum[b] += by * by;
        }
    memcpy(far, sum, sizeof sum);
}

#define ROW(name, target)                                                                 \
    target static float dot_##name(const float *x, const float *y, size_t d)              \
    {                                                                                     \
        return one(x, y, d, 0);                                                           \
    }                                                                                     \
    target static float apart_##name(const float *x, const float *y, size_t d)            \
    {                                                                                     \
        return one(x, y, d, 1);                                                           \
    }                                                                                     \
    target static void anchors_##name(const float *anchor, size_t stride, const float *x, \
                                      size_t d, float *far)                               \
    {                                                                                     \
        many(anchor, stride, x, d, far);                                                  \
    }

ROW(ref, )
#if EGI_X86
ROW(avx2, __attribute__((target("avx2"))))
ROW(avx512, __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl"))))
#endif

static const struct egi_kernels_near rows[] = {
    { EGI_ISA_REF, dot_ref, apart_ref, anchors_ref },
#if EGI_X86
    { EGI_ISA_AVX2, dot_avx2, apart_avx2, anchors_avx2 },
    { EGI_ISA_AVX512, dot_avx512, apart_avx512, anchors_avx512 },
#endif
};

const struct egi_kernels_near *egi_kernels_near(enum egi_isa level)
{
    size_t best = 0;
    for (size_t i = 1; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].isa <= level && egi_isa_supported(rows[i].isa)) best = i;
    return &rows[best];
}
