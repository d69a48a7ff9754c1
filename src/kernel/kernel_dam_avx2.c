/* The dense memory's kernels with AVX2 and FMA. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_dam.h"

#if defined(__x86_64__)

#include "kernel/egi_row_macros.h"

#define ROW_TARGET __attribute__((target("avx2,fma")))
#define ROW static ROW_TARGET
#define ROW_ALWAYS static inline __attribute__((always_inline)) ROW_TARGET

#include "kernel/egi_row_avx2.h"

enum { LANES = 8 };

/* The lanes before the first n. */
ROW_ALWAYS __m256i v_first(size_t n)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane);
}

ROW_ALWAYS V v_loadn(const float *p, size_t n)
{
    return _mm256_maskload_ps(p, v_first(n));
}

ROW_ALWAYS void v_storen(float *p, size_t n, V a)
{
    _mm256_maskstore_ps(p, v_first(n), a);
}

ROW_ALWAYS V v_min(V a, V b)
{
    return _mm256_min_ps(a, b);
}

/* a where c > 0, else b. */
ROW_ALWAYS V v_where_positive(V c, V a, V b)
{
    return _mm256_blendv_ps(b, a, _mm256_cmp_ps(c, _mm256_setzero_ps(), _CMP_GT_OQ));
}

/* max(most, |x|); as whole numbers NaN is the largest, so that it stays. */
ROW_ALWAYS V v_larger(V most, V x)
{
    const V size = _mm256_andnot_ps(v_set1(-0.0f), x);
    return _mm256_castsi256_ps(
        _mm256_max_epi32(_mm256_castps_si256(most), _mm256_castps_si256(size)));
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
    const __m256d s = _mm256_add_pd(_mm256_cvtps_pd(_mm256_castps256_ps128(a)),
                                    _mm256_cvtps_pd(_mm256_extractf128_ps(a, 1)));
    const __m128d p = _mm_add_pd(_mm256_castpd256_pd128(s), _mm256_extractf128_pd(s, 1));
    return _mm_cvtsd_f64(_mm_add_sd(p, _mm_unpackhi_pd(p, p)));
}

#include "kernel/egi_dam_row.h"

const struct egi_dam_kernels egi_dam_avx2 = { EGI_DAM_SLOTS };

#endif
