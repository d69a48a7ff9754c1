/* The association with a way back, with AVX2 and FMA. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_attend.h"

#if defined(__x86_64__)

#include "kernel/egi_row_macros.h"

#define ROW_TARGET __attribute__((target("avx2,fma")))
#define ROW static ROW_TARGET
#define ROW_ALWAYS static inline __attribute__((always_inline)) ROW_TARGET
#define ROW_SLOT static ROW_TARGET
#define REAL float

#include "kernel/egi_row_avx2.h"

typedef __m256 M;
enum { LANES = 8 };

ROW_ALWAYS M v_ge(V a, V b)
{
    return _mm256_cmp_ps(a, b, _CMP_GE_OQ);
}

ROW_ALWAYS V v_keep(M m, V a)
{
    return _mm256_and_ps(m, a);
}

ROW_ALWAYS V v_round(V a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

ROW_ALWAYS V v_pow2(V p, V n)
{
    const __m256i shift = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), shift));
}

#define v_exp2(y) exp2_above((y), v_set1(-125.0f))

#include "kernel/egi_row_exp2.h"

#include "kernel/egi_attend_row.h"

const struct egi_attend_kernels egi_attend_avx2 = { EGI_ATTEND_SLOTS };

#endif
