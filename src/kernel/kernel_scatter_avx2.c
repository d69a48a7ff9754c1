/* Scattering of 8 planes at a time with AVX2 and FMA. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_scatter.h"

#if defined(__x86_64__)

#include "kernel/egi_row_macros.h"

#define ROW_TARGET __attribute__((target("avx2,fma")))
#define ROW static ROW_TARGET
#define ROW_ALWAYS static inline __attribute__((always_inline)) ROW_TARGET

#include "kernel/egi_row_avx2.h"

enum { LANES = 8, ABREAST = 2 };

ROW_ALWAYS V v_sqrt(V a)
{
    return _mm256_sqrt_ps(a);
}

#include "kernel/egi_scatter_row.h"

const struct egi_scatter_kernels egi_scatter_avx2 = { LANES, run };

#endif
