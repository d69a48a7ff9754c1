/* Dot products and distances with listed rows: one body, compiled for each row of kernels. The
 * rows asked for lie apart, so the lines of a later one are fetched while one is summed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_listed.h"

#include <string.h>

enum { LANES = 8, AHEAD = 6 };

typedef float narrow __attribute__((vector_size(LANES * sizeof(float))));
typedef double wide __attribute__((vector_size(LANES * sizeof(double))));

#define ALWAYS static inline __attribute__((always_inline))

ALWAYS void fetch(const float *row, size_t d)
{
    for (size_t j = 0; j < d && j < 256; j += 16) __builtin_prefetch(row + j);
}

/* One of the two, by `apart`, which is a constant where this is inlined. */
ALWAYS double one(const float *row, size_t d, const double *x, int apart)
{
    wide sum = { 0 };
    size_t j = 0;
    for (; j + LANES <= d; j += LANES) {
        narrow f;
        wide b;
        memcpy(&f, row + j, sizeof f);
        memcpy(&b, x + j, sizeof b);
        const wide a = __builtin_convertvector(f, wide);
        const wide by = a - b;
        sum += apart ? by * by : a * b;
    }
    double s[LANES];
    memcpy(s, &sum, sizeof s);
    for (size_t l = 0; j < d; j++, l++) {
        const double a = (double)row[j], by = a - x[j];
        s[l] += apart ? by * by : a * x[j];
    }
    return ((s[0] + s[4]) + (s[2] + s[6])) + ((s[1] + s[5]) + (s[3] + s[7]));
}

ALWAYS void all(const float *rows, size_t d, const size_t *at, size_t n, const double *x,
                double *out, int apart)
{
    for (size_t i = 0; i < n; i++) {
        if (i + AHEAD < n) fetch(rows + at[i + AHEAD] * d, d);
        out[i] = one(rows + at[i] * d, d, x, apart);
    }
}

#define ROW(name, target)                                                                      \
    target static void dots_##name(const float *rows, size_t d, const size_t *at, size_t n,    \
                                   const double *x, double *out)                               \
    {                                                                                          \
        all(rows, d, at, n, x, out, 0);                                                        \
    }                                                                                          \
    target static void squares_##name(const float *rows, size_t d, const size_t *at, size_t n, \
                                      const double *x, double *out)                            \
    {                                                                                          \
        all(rows, d, at, n, x, out, 1);                                                        \
    }

ROW(ref, )
#if EGI_X86
ROW(avx2, __attribute__((target("avx2"))))
ROW(avx512, __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl"))))
#endif

static const struct egi_kernels_listed rows[] = {
    { EGI_ISA_REF, dots_ref, squares_ref },
#if EGI_X86
    { EGI_ISA_AVX2, dots_avx2, squares_avx2 },
    { EGI_ISA_AVX512, dots_avx512, squares_avx512 },
#endif
};

const struct egi_kernels_listed *egi_kernels_listed(enum egi_isa level)
{
    size_t best = 0;
    for (size_t i = 1; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].isa <= level && egi_isa_supported(rows[i].isa)) best = i;
    return &rows[best];
}
