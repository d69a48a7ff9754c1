/* Sums over vectors that have one order on every processor, and the check of what comes in. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "hybrid/egi_quantiser.h"
#include "kernel/egi_kernel_near.h"

enum { LANES = 16 };

static float halved(float *sum)
{
    for (size_t half = LANES / 2; half > 0; half /= 2)
        for (size_t k = 0; k < half; k++) sum[k] += sum[k + half];
    return sum[0];
}

/* 0 x is 0 where x is finite, else no number. */
static int all_finite(const float *x, size_t n)
{
    float sum[LANES] = { 0 };
    const size_t whole = n - n % LANES;
    for (size_t i = 0; i < whole; i += LANES)
        for (size_t k = 0; k < LANES; k++) sum[k] += 0 * x[i + k];
    for (size_t i = whole; i < n; i++) sum[0] += 0 * x[i];
    return isfinite(halved(sum));
}

eg_status egi_vectors_check(const char *who, const float *x, size_t n, size_t d)
{
    if (all_finite(x, n * d)) return EG_OK;
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++)
            if (!isfinite(x[i * d + j]))
                return egi_fail(EG_ERR_INVALID, "%s: vector %zu: component %zu is %g", who, i, j,
                                (double)x[i * d + j]);
    return EG_OK;
}

float egi_vectors_dot(const float *x, const float *y, size_t d)
{
    return egi_kernels_near(egi_isa_level())->dot(x, y, d);
}

float egi_vectors_apart(const float *x, const float *y, size_t d)
{
    return egi_kernels_near(egi_isa_level())->apart(x, y, d);
}

static int rising(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

void egi_vectors_sort(float *x, size_t n)
{
    qsort(x, n, sizeof *x, rising);
}

/* Hoare 1961: of the two parts the one that has place k is split again. */
float egi_vectors_nth(float *x, size_t n, size_t k)
{
    ptrdiff_t lo = 0, hi = (ptrdiff_t)n - 1;
    while (lo < hi) {
        const float pivot = x[lo + (hi - lo) / 2];
        ptrdiff_t i = lo - 1, j = hi + 1;
        for (;;) {
            do i++;
            while (x[i] < pivot);
            do j--;
            while (x[j] > pivot);
            if (i >= j) break;
            const float held = x[i];
            x[i] = x[j];
            x[j] = held;
        }
        if ((ptrdiff_t)k <= j)
            hi = j;
        else
            lo = j + 1;
    }
    return x[k];
}
