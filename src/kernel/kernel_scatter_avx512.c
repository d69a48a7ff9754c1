/* Scattering of 16 planes at a time with AVX-512. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_scatter.h"

#if defined(__x86_64__)

#include "kernel/egi_row_macros.h"

#define ROW_TARGET __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl")))
#define ROW static ROW_TARGET
#define ROW_ALWAYS static inline __attribute__((always_inline)) ROW_TARGET

#include "kernel/egi_row_avx512.h"

enum { LANES = 16, ABREAST = 4 };

ROW_ALWAYS V v_sqrt(V a)
{
    return _mm512_sqrt_ps(a);
}

#include "kernel/egi_scatter_row.h"

const struct egi_scatter_kernels egi_scatter_avx512 = { LANES, run };

#endif
