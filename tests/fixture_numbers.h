/* What the files of tests/fixtures hold: written down here, not computed by the library. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FIXTURE_NUMBERS_H
#define TESTS_FIXTURE_NUMBERS_H

#include <stddef.h>

enum { N = 12, D = 6, DV = 2, K = 3 };

/* Small whole numbers: exact in every type, on every machine. */
static inline float number(size_t i, size_t k)
{
    return (float)((i * 7 + k * 5) % 11) - 5;
}

static inline void patterns(float *x, int sign)
{
    for (size_t i = 0; i < N; i++)
        for (size_t k = 0; k < D; k++)
            x[i * D + k] = sign ? (number(i, k) >= 0 ? 1.0f : -1.0f) : number(i, k);
}

#endif
