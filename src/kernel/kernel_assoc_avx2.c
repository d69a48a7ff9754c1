/* Association kernels with AVX2 and FMA: 16 registers, 12 of them accumulators. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_assoc.h"

#if defined(__x86_64__)

#include <math.h>

#include "kernel/egi_row_macros.h"

#define ROW_TARGET __attribute__((target("avx2,fma,popcnt")))
#define ROW static inline ROW_TARGET
#define ROW_ALWAYS static inline __attribute__((always_inline)) ROW_TARGET
#define ROW_SLOT static ROW_TARGET

#include "kernel/egi_row_avx2.h"

typedef __m256 M; /* all bits of a lane, or none */
enum { LANES = 8, SUM_QUERIES = 4, SUM_BITS = 0xf, SUM_VECTORS = 3, SUM_VECTORS_ONE = 8 };
#define LANE_BITS 0xffu

/* The lanes before the first n. */
ROW_ALWAYS M v_first(size_t n)
{
    const __m256i lane = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
    return _mm256_castsi256_ps(_mm256_cmpgt_epi32(_mm256_set1_epi32((int)n), lane));
}

/* Lanes outside m read nothing and are 0. */
ROW_ALWAYS V v_loadm(const float *p, M m)
{
    return _mm256_maskload_ps(p, _mm256_castps_si256(m));
}

ROW_ALWAYS V v_loadn(const float *p, size_t n)
{
    return v_loadm(p, v_first(n));
}

ROW_ALWAYS void v_storen(float *p, size_t n, V a)
{
    _mm256_maskstore_ps(p, _mm256_castps_si256(v_first(n)), a);
}

/* The line at p + ahead into the second cache; it need not exist. */
ROW_ALWAYS void v_prefetch(const float *p, size_t ahead)
{
    _mm_prefetch((const char *)((uintptr_t)p + ahead * sizeof *p), _MM_HINT_T1);
}

ROW_ALWAYS V v_div(V a, V b)
{
    return _mm256_div_ps(a, b);
}

/* a b + c */
ROW_ALWAYS V v_abs(V a)
{
    return _mm256_andnot_ps(_mm256_set1_ps(-0.0f), a);
}

ROW_ALWAYS M v_ge(V a, V b)
{
    return _mm256_cmp_ps(a, b, _CMP_GE_OQ);
}

ROW_ALWAYS M v_gt(V a, V b)
{
    return _mm256_cmp_ps(a, b, _CMP_GT_OQ);
}

ROW_ALWAYS unsigned v_bits(M m)
{
    return (unsigned)_mm256_movemask_ps(m);
}

/* a where m, else 0 */
ROW_ALWAYS V v_keep(M m, V a)
{
    return _mm256_and_ps(m, a);
}

/* a where m, else b */
ROW_ALWAYS V v_pick(M m, V a, V b)
{
    return _mm256_blendv_ps(b, a, m);
}

ROW_ALWAYS V v_round(V a)
{
    return _mm256_round_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* p 2^n where that is a normal number, n an integer; rubbish elsewhere */
ROW_ALWAYS V v_pow2(V p, V n)
{
    const __m256i shift = _mm256_slli_epi32(_mm256_cvtps_epi32(n), 23);
    return _mm256_castsi256_ps(_mm256_add_epi32(_mm256_castps_si256(p), shift));
}

/* u = m 2^e with m in [sqrt(1/2), sqrt(2)); returns e */
ROW_ALWAYS V v_split(V u, V *m)
{
    const __m256i root = _mm256_set1_epi32(0x3f3504f3); /* sqrt(1/2) */
    const __m256i bits = _mm256_castps_si256(u);
    const __m256i e = _mm256_srai_epi32(_mm256_sub_epi32(bits, root), 23);
    *m = _mm256_castsi256_ps(_mm256_sub_epi32(bits, _mm256_slli_epi32(e, 23)));
    return _mm256_cvtepi32_ps(e);
}

/* The lanes that are bits of m, lowest first, a byte each. */
#define LIST_1(m, lane) ((m)&1 ? (uint64_t)(lane) : 0)
#define LIST_2(m, lane) (LIST_1(m, lane) | LIST_1((m) >> 1, (lane) + 1) << ((m)&1) * 8)
#define LIST_4(m, lane) \
    (LIST_2(m, lane) | LIST_2((m) >> 2, (lane) + 2) << (((m)&1) + ((m) >> 1 & 1)) * 8)
#define LIST_8(m) (LIST_4(m, 0) | LIST_4((m) >> 4, 4) << __builtin_popcount((m)&15) * 8)
#define LISTS_4(m) LIST_8(m), LIST_8((m) + 1), LIST_8((m) + 2), LIST_8((m) + 3)
#define LISTS_16(m) LISTS_4(m), LISTS_4((m) + 4), LISTS_4((m) + 8), LISTS_4((m) + 12)
#define LISTS_64(m) LISTS_16(m), LISTS_16((m) + 16), LISTS_16((m) + 32), LISTS_16((m) + 48)
static const uint64_t lists[256] = { LISTS_64(0), LISTS_64(64), LISTS_64(128), LISTS_64(192) };

/* Appends at + lane for each lane of m; returns their number. Writes LANES entries. */
ROW_ALWAYS size_t v_list(M m, int32_t at, int32_t *list)
{
    const unsigned bits = v_bits(m);
    const __m256i lane = _mm256_cvtepu8_epi32(_mm_cvtsi64_si128((long long)lists[bits]));
    _mm256_storeu_si256((__m256i_u *)list, _mm256_add_epi32(lane, _mm256_set1_epi32(at)));
    return (size_t)__builtin_popcount(bits);
}

/* p[(at >> shift) & keep] for LANES entries at */
ROW_ALWAYS V v_gather(const float *p, const int32_t *at, int shift, int keep)
{
    const __m256i all = _mm256_loadu_si256((const __m256i_u *)at);
    const __m256i i = _mm256_srl_epi32(all, _mm_cvtsi32_si128(shift));
    return _mm256_i32gather_ps(p, _mm256_and_si256(i, _mm256_set1_epi32(keep)), 4);
}

#include "kernel/egi_assoc_row.h"

ROW void score_rows(const float *xi, size_t rows, size_t d, size_t dn, const float *xt,
                    size_t lanes, int first, float *s)
{
    for (size_t l = 0; l < lanes; l += 16)
        score_column(xi, rows, d, dn, xt + l, first, s + l, 6, 2);
}

ROW void sum_shape(const struct sum_job *job, size_t nq, size_t nv)
{
    switch (nq * 10 + nv) {
    case 43:
        sum_block(job, 4, 3);
        break;
    case 42:
        sum_block(job, 4, 2);
        break;
    case 41:
        sum_block(job, 4, 1);
        break;
    case 18:
        sum_block(job, 1, 8);
        break;
    case 17:
        sum_block(job, 1, 7);
        break;
    case 16:
        sum_block(job, 1, 6);
        break;
    case 15:
        sum_block(job, 1, 5);
        break;
    case 14:
        sum_block(job, 1, 4);
        break;
    case 13:
        sum_block(job, 1, 3);
        break;
    case 12:
        sum_block(job, 1, 2);
        break;
    default:
        sum_block(job, 1, 1);
        break;
    }
}

const struct egi_assoc_kernels egi_assoc_avx2 = { EGI_ASSOC_SLOTS };

#endif
