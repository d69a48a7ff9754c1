/* Association kernels with AVX-512: 32 registers, 24 of them accumulators. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_assoc.h"

#if defined(__x86_64__)

#include <math.h>

#include "kernel/egi_row_macros.h"

#define ROW_TARGET __attribute__((target("avx512f,avx512dq,avx512bw,avx512vl,avx2,fma,popcnt")))
#define ROW static inline ROW_TARGET
#define ROW_ALWAYS static inline __attribute__((always_inline)) ROW_TARGET
#define ROW_SLOT static ROW_TARGET

#include "kernel/egi_row_avx512.h"

typedef __mmask16 M;
enum { LANES = 16, SUM_QUERIES = 8, SUM_BITS = 0xff, SUM_VECTORS = 3, SUM_VECTORS_ONE = 8 };
#define LANE_BITS 0xffffu

ROW_ALWAYS M v_first(size_t n)
{
    return (M)((1u << n) - 1);
}

ROW_ALWAYS V v_loadm(const float *p, M m)
{
    return _mm512_maskz_loadu_ps(m, p);
}

ROW_ALWAYS V v_loadn(const float *p, size_t n)
{
    return _mm512_maskz_loadu_ps(v_first(n), p);
}

ROW_ALWAYS void v_storen(float *p, size_t n, V a)
{
    _mm512_mask_storeu_ps(p, v_first(n), a);
}

/* The line at p + ahead into the second cache; it need not exist. */
ROW_ALWAYS void v_prefetch(const float *p, size_t ahead)
{
    _mm_prefetch((const char *)((uintptr_t)p + ahead * sizeof *p), _MM_HINT_T1);
}

ROW_ALWAYS V v_div(V a, V b)
{
    return _mm512_div_ps(a, b);
}

ROW_ALWAYS V v_abs(V a)
{
    return _mm512_abs_ps(a);
}

ROW_ALWAYS M v_ge(V a, V b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GE_OQ);
}

ROW_ALWAYS M v_gt(V a, V b)
{
    return _mm512_cmp_ps_mask(a, b, _CMP_GT_OQ);
}

ROW_ALWAYS unsigned v_bits(M m)
{
    return m;
}

ROW_ALWAYS V v_keep(M m, V a)
{
    return _mm512_maskz_mov_ps(m, a);
}

/* a where m, else b */
ROW_ALWAYS V v_pick(M m, V a, V b)
{
    return _mm512_mask_mov_ps(b, m, a);
}

ROW_ALWAYS V v_round(V a)
{
    return _mm512_roundscale_ps(a, _MM_FROUND_TO_NEAREST_INT | _MM_FROUND_NO_EXC);
}

/* p 2^n */
ROW_ALWAYS V v_pow2(V p, V n)
{
    return _mm512_scalef_ps(p, n);
}

/* u = m 2^e with m in [sqrt(1/2), sqrt(2)); returns e */
ROW_ALWAYS V v_split(V u, V *m)
{
    const __m512i root = _mm512_set1_epi32(0x3f3504f3); /* sqrt(1/2) */
    const __m512i bits = _mm512_castps_si512(u);
    const __m512i e = _mm512_srai_epi32(_mm512_sub_epi32(bits, root), 23);
    *m = _mm512_castsi512_ps(_mm512_sub_epi32(bits, _mm512_slli_epi32(e, 23)));
    return _mm512_cvtepi32_ps(e);
}

/* Appends at + lane for each lane of m; returns their number. Writes LANES entries. */
ROW_ALWAYS size_t v_list(M m, int32_t at, int32_t *list)
{
    const __m512i lane = _mm512_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15);
    const __m512i index = _mm512_add_epi32(lane, _mm512_set1_epi32(at));
    _mm512_storeu_si512(list, _mm512_maskz_compress_epi32(m, index));
    return (size_t)__builtin_popcount(m);
}

/* p[(at >> shift) & keep] for LANES entries at */
ROW_ALWAYS V v_gather(const float *p, const int32_t *at, int shift, int keep)
{
    const __m512i i = _mm512_srl_epi32(_mm512_loadu_si512(at), _mm_cvtsi32_si128(shift));
    return _mm512_i32gather_ps(_mm512_and_epi32(i, _mm512_set1_epi32(keep)), p, 4);
}

#include "kernel/egi_assoc_row.h"

ROW void score_rows(const float *xi, size_t rows, size_t d, size_t dn, const float *xt,
                    size_t lanes, int first, float *s)
{
    switch (lanes / LANES) {
    case 1:
        score_column(xi, rows, d, dn, xt, first, s, 12, 1);
        break;
    case 2:
        score_column(xi, rows, d, dn, xt, first, s, 12, 2);
        break;
    case 3:
        score_column(xi, rows, d, dn, xt, first, s, 8, 3);
        break;
    default:
        score_column(xi, rows, d, dn, xt, first, s, 6, 4);
        break;
    }
}

ROW void sum_shape(const struct sum_job *job, size_t nq, size_t nv)
{
    switch (nq * 10 + nv) {
    case 83:
        sum_block(job, 8, 3);
        break;
    case 82:
        sum_block(job, 8, 2);
        break;
    case 81:
        sum_block(job, 8, 1);
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

const struct egi_assoc_kernels egi_assoc_avx512 = { EGI_ASSOC_SLOTS };

#endif
