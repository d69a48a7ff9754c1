/* The dense memory's kernels with AVX-512. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_dam.h"

#if defined(__x86_64__)

#include "kernel/egi_row_macros.h"

#define ROW_TARGET __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl")))
#define ROW static ROW_TARGET
#define ROW_ALWAYS static inline __attribute__((always_inline)) ROW_TARGET

#include "kernel/egi_row_avx512.h"

enum { LANES = 16 };

ROW_ALWAYS __mmask16 v_first(size_t n)
{
    return (__mmask16)((1u << n) - 1);
}

ROW_ALWAYS V v_loadn(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(v_first(n), p);
}

ROW_ALWAYS void v_storen(float *p, size_t n, V a)
{
    _mm512_mask_storeu_ps(p, v_first(n), a);
}

ROW_ALWAYS V v_min(V a, V b)
{
    return _mm512_min_ps(a, b);
}

/* a where c > 0, else b. */
ROW_ALWAYS V v_where_positive(V c, V a, V b)
{
    return _mm512_mask_blend_ps(_mm512_cmp_ps_mask(c, _mm512_setzero_ps(), _CMP_GT_OQ), b, a);
}

/* max(most, |x|); as whole numbers NaN is the largest, so that it stays. */
ROW_ALWAYS V v_larger(V most, V x)
{
    const __m512i size = _mm512_castps_si512(_mm512_andnot_ps(v_set1(-0.0f), x));
    return _mm512_castsi512_ps(_mm512_max_epi32(_mm512_castps_si512(most), size));
}

ROW_ALWAYS float v_largest(V most)
{
    float lane[LANES];
    v_store(lane, most);
    for (size_t i = 1; i < LANES; i++)
        if (!(lane[i] <= lane[0]) && lane[0] == lane[0]) lane[0] = lane[i];
    return lane[0];
}

ROW_ALWAYS double v_sum(V a)
{
    const __m512d s = _mm512_add_pd(_mm512_cvtps_pd(_mm512_castps512_ps256(a)),
                                    _mm512_cvtps_pd(_mm512_extractf32x8_ps(a, 1)));
    return _mm512_reduce_add_pd(s);
}

#include "kernel/egi_dam_row.h"

const struct egi_dam_kernels egi_dam_avx512 = { EGI_DAM_SLOTS };

#endif
