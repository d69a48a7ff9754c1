/* Lines of f64 used twice, one body compiled for each row of kernels. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_line.h"

#include <string.h>

#include "kernel/egi_row_macros.h"

enum { LANES = EGI_LINE_LANES };

typedef double lanes __attribute__((vector_size(LANES * sizeof(double))));

#define ALWAYS static inline __attribute__((always_inline))

ALWAYS double by_halves(double *s)
{
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t k = 0; k < half; k++) s[k] += s[k + half];
    return s[0];
}

ALWAYS void both_ways(const double *line, size_t d, const double *x, const double *by, double *y,
                      double *dot)
{
    lanes sum[EGI_LINES] = { { 0 } };
    for (size_t j = 0; j < d; j += LANES) {
        lanes at, to;
        memcpy(&at, x + j, sizeof at);
        memcpy(&to, y + j, sizeof to);
        UNROLL
        for (size_t k = 0; k < EGI_LINES; k++) {
            lanes v;
            memcpy(&v, line + k * d + j, sizeof v);
            sum[k] += v * at;
            to += v * by[k];
        }
        memcpy(y + j, &to, sizeof to);
    }
    for (size_t k = 0; k < EGI_LINES; k++) {
        double s[LANES];
        memcpy(s, &sum[k], sizeof s);
        dot[k] = by_halves(s);
    }
}

ALWAYS double one_dot(const double *x, const double *y, size_t d)
{
    lanes sum = { 0 };
    double s[LANES];
    size_t j = 0;
    for (; j + LANES <= d; j += LANES) {
        lanes a, b;
        memcpy(&a, x + j, sizeof a);
        memcpy(&b, y + j, sizeof b);
        sum += a * b;
    }
    memcpy(s, &sum, sizeof s);
    for (size_t l = 0; j < d; j++, l++) s[l] += x[j] * y[j];
    return by_halves(s);
}

#define ROW(name, target)                                                         \
    target static void both_##name(const double *line, size_t d, const double *x, \
                                   const double *by, double *y, double *dot)      \
    {                                                                             \
        both_ways(line, d, x, by, y, dot);                                        \
    }                                                                             \
    target static double dot_##name(const double *x, const double *y, size_t d)   \
    {                                                                             \
        return one_dot(x, y, d);                                                  \
    }

ROW(ref, )
#if EGI_X86
ROW(avx2, __attribute__((target("avx2"))))
ROW(avx512, __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl"))))
#endif

static const struct egi_kernels_line rows[] = {
    { EGI_ISA_REF, both_ref, dot_ref },
#if EGI_X86
    { EGI_ISA_AVX2, both_avx2, dot_avx2 },
    { EGI_ISA_AVX512, both_avx512, dot_avx512 },
#endif
};

const struct egi_kernels_line *egi_kernels_line(enum egi_isa level)
{
    size_t best = 0;
    for (size_t i = 1; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].isa <= level && egi_isa_supported(rows[i].isa)) best = i;
    return &rows[best];
}
