/* The association with a way back, with AVX-512. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_attend.h"

#if defined(__x86_64__)

#include <immintrin.h>

#include "kernel/egi_row_macros.h"

#define ROW_TARGET __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma")))
#define ROW static ROW_TARGET
#define ROW_ALWAYS static inline __attribute__((always_inline)) ROW_TARGET
#define ROW_SLOT static ROW_TARGET
#define REAL float

typedef __m512 V;
typedef __mmask16 M;
enum { LANES = 16 };

ROW_ALWAYS V v_set1(float x)
{
    return _mm512_set1_ps(x);
}

ROW_ALWAYS V v_load(const float *p)
{
    return _mm512_loadu_ps(p);
}

ROW_ALWAYS void v_store(float *p, V a)
{
    _mm512_storeu_ps(p, a);
}

ROW_ALWAYS V v_add(V a, V b)
{
    return _mm512_add_ps(a, b);
}

ROW_ALWAYS V v_sub(V a, V b)
{
    return _mm512_sub_ps(a, b);
}

ROW_ALWAYS V v_mul(V a, V b)
{
    return _mm512_mul_ps(a, b);
}

ROW_ALWAYS V v_fma(V a, V b, V c)
{
    return _mm512_fmadd_ps(a, b, c);
}

ROW_ALWAYS V v_max(V a, V b)
{
    return _mm512_max_ps(a, b);
}

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
