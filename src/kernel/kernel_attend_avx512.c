/* The association with a way back, with AVX-512. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_attend.h"

#if defined(__x86_64__)

#include "kernel/egi_row_macros.h"

#define ROW_TARGET __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")))
#define ROW static ROW_TARGET
#define ROW_ALWAYS static inline __attribute__((always_inline)) ROW_TARGET
#define ROW_SLOT static ROW_TARGET
#define REAL float

#include "kernel/egi_row_avx512.h"

typedef __mmask16 M;
enum { LANES = 16 };

ROW_ALWAYS M v_ge(V a, V b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ);
}

ROW_ALWAYS V v_keep(M m, V a)
{
    return _mm512_maskz_mov_ps(m, a);
}

ROW_ALWAYS V v_round(V a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

ROW_ALWAYS V v_pow2(V p, V n)
{
    return _mm512_scalef_ps(p, n);
}

#define v_exp2(y) exp2_above((y), v_set1(-125.0f))

#include "kernel/egi_row_exp2.h"

#include "kernel/egi_attend_row.h"

const struct egi_attend_kernels egi_attend_avx512 = { EGI_ATTEND_SLOTS };

#endif
