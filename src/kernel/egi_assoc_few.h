/* The slots for up to EGI_FEW_QUERIES queries, over the primitives of egi_assoc_row.h, which
 * includes it. The same bits as the slots for many; but lanes run along memories.
 *
 * Product 1 turns blocks of 8 memories by 8 components in registers of 256 bits in every row:
 * halves of a register are loaded from two memories, which leaves two steps within halves, and
 * 256 bits have three ports where 512 have two. The chain of one memory is as long as D: blocks of
 * several groups of 8 memories follow each other, to hide its latency. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_ASSOC_FEW_H
#define EGI_ASSOC_FEW_H

enum {
    GROUP = 8,       /* memories, and components, of a block */
    GROUPS_ONE = 4,  /* groups in flight for one query */
    GROUPS_SOME = 2, /* and for up to EGI_FEW_QUERIES */
};

/* The same pointer, of which the compiler knows nothing: it would else keep one for each row of
 * all groups, most of them in memory. */
ROW_ALWAYS const float *opaque(const float *p)
{
    __asm__("" : "+r"(p));
    return p;
}

/* Components 0 .. 7 of 8 memories into one register each. */
ROW_ALWAYS void few_columns(const float *xi, size_t d, __m256 *r)
{
    __m256 a[GROUP], b[GROUP];
    const float *low = opaque(xi), *high = opaque(xi + 4 * d);
    UNROLL for (size_t i = 0; i < 4; i++)
    {
        UNROLL for (size_t h = 0; h < 2; h++) a[i + 4 * h] =
            _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(low + i * d + 4 * h)),
                                 _mm_loadu_ps(high + i * d + 4 * h), 1);
    }
    UNROLL for (size_t h = 0; h < GROUP; h += 4)
    {
        b[h] = _mm256_unpacklo_ps(a[h], a[h + 1]);
        b[h + 1] = _mm256_unpackhi_ps(a[h], a[h + 1]);
        b[h + 2] = _mm256_unpacklo_ps(a[h + 2], a[h + 3]);
        b[h + 3] = _mm256_unpackhi_ps(a[h + 2], a[h + 3]);
        r[h] = _mm256_shuffle_ps(b[h], b[h + 2], 0x44);
        r[h + 1] = _mm256_shuffle_ps(b[h], b[h + 2], 0xee);
        r[h + 2] = _mm256_shuffle_ps(b[h + 1], b[h + 3], 0x44);
        r[h + 3] = _mm256_shuffle_ps(b[h + 1], b[h + 3], 0xee);
    }
}

/* acc += components k .. k + 7 of 8 memories times those of nq queries. */
ROW_ALWAYS void few_block(const float *xi, size_t d, const float *const *x, size_t k,
                          const size_t nq, __m256 *acc)
{
    __m256 r[GROUP];
    few_columns(xi, d, r);
    UNROLL for (size_t q = 0; q < nq; q++)
    {
        const float *from = opaque(x[q] + k);
        UNROLL for (size_t i = 0; i < GROUP; i++) acc[q] =
            _mm256_fmadd_ps(r[i], _mm256_broadcast_ss(from + i), acc[q]);
    }
}

/* The same of the last dn < 16 components, from k on. */
ROW_ALWAYS void few_rest(const float *xi, size_t d, size_t dn, const float *const *x, size_t k,
                         const size_t nq, __m256 *acc)
{
    for (size_t end = k + dn; k < end; k++) {
        float column[GROUP];
        for (size_t i = 0; i < GROUP; i++) column[i] = xi[i * d + k];
        const __m256 r = _mm256_loadu_ps(column);
        UNROLL for (size_t q = 0; q < nq; q++) acc[q] =
            _mm256_fmadd_ps(r, _mm256_broadcast_ss(x[q] + k), acc[q]);
    }
}

/* Components k .. k + 15 of group g. Lines far ahead are asked for in the order of addresses,
 * which the hardware's own prefetcher then carries on; they need not exist. */
ROW_ALWAYS void few_step(const float *xi, size_t d, const float *const *x, size_t k,
                         const size_t nq, const size_t groups, const size_t g, __m256 *acc)
{
    const float *block = opaque(xi + g * GROUP * d + k);
    const float *ahead = opaque(xi + (k * groups + 16 * g) * GROUP);
    UNROLL for (size_t i = 0; i < GROUP; i++) v_prefetch(ahead + 16 * i, FEW_AHEAD);
    few_block(block, d, x, k, nq, acc);
    few_block(block + GROUP, d, x, k + GROUP, nq, acc);
}

/* Dot products of groups * 8 memories with nq queries: s[query * stride + memory]. The groups
 * are written out: loops around so much are not unrolled. */
ROW_ALWAYS void few_dots(const float *xi, size_t d, const float *const *x, const size_t nq,
                         const size_t groups, size_t stride, float *s)
{
    __m256 acc[GROUPS_ONE][EGI_FEW_QUERIES];
    UNROLL for (size_t g = 0; g < groups; g++)
    {
        UNROLL for (size_t q = 0; q < nq; q++) acc[g][q] = _mm256_setzero_ps();
    }
    size_t k = 0;
    for (; k + 2 * GROUP <= d; k += 2 * GROUP) {
        few_step(xi, d, x, k, nq, groups, 0, acc[0]);
        if (groups > 1) few_step(xi, d, x, k, nq, groups, 1, acc[1]);
        if (groups > 2) few_step(xi, d, x, k, nq, groups, 2, acc[2]);
        if (groups > 3) few_step(xi, d, x, k, nq, groups, 3, acc[3]);
    }
    if (k < d) {
        few_rest(xi, d, d - k, x, k, nq, acc[0]);
        if (groups > 1) few_rest(xi + GROUP * d, d, d - k, x, k, nq, acc[1]);
        if (groups > 2) few_rest(xi + 2 * GROUP * d, d, d - k, x, k, nq, acc[2]);
        if (groups > 3) few_rest(xi + 3 * GROUP * d, d, d - k, x, k, nq, acc[3]);
    }
    UNROLL for (size_t g = 0; g < groups; g++)
    {
        UNROLL for (size_t q = 0; q < nq; q++)
            _mm256_storeu_ps(s + q * stride + g * GROUP, acc[g][q]);
    }
}

/* All memories by groups, then by one group, and the last few of them one by one: the same order of
 * components. */
ROW_ALWAYS void few_rows(const float *xi, size_t rows, size_t d, const float *const *x,
                         const size_t nq, const size_t groups, size_t stride, float *s)
{
    size_t t = 0;
    for (; t + groups * GROUP <= rows; t += groups * GROUP)
        few_dots(xi + t * d, d, x, nq, groups, stride, s + t);
    for (; t + GROUP <= rows; t += GROUP) few_dots(xi + t * d, d, x, nq, 1, stride, s + t);
    for (; t < rows; t++)
        for (size_t q = 0; q < nq; q++) {
            float dot = 0.0f;
            for (size_t k = 0; k < d; k++) dot = __builtin_fmaf(xi[t * d + k], x[q][k], dot);
            s[q * stride + t] = dot;
        }
}

ROW_SLOT void scores_few(const float *xi, size_t rows, size_t d, const float *x, size_t q,
                         const struct egi_score_terms *terms, size_t stride, float *s)
{
    const float *at[EGI_FEW_QUERIES];
    for (size_t k = 0; k < q; k++) at[k] = x + k * d;
    switch (q) {
    case 1:
        few_rows(xi, rows, d, at, 1, GROUPS_ONE, stride, s);
        break;
    case 2:
        few_rows(xi, rows, d, at, 2, GROUPS_SOME, stride, s);
        break;
    case 3:
        few_rows(xi, rows, d, at, 3, GROUPS_SOME, stride, s);
        break;
    default:
        few_rows(xi, rows, d, at, EGI_FEW_QUERIES, GROUPS_SOME, stride, s);
        break;
    }
    if (!has_terms(terms)) return;
    const V zero = v_set1(0.0f), one = v_set1(1.0f);
    for (size_t t = 0; t < rows; t += LANES) {
        const size_t n = rows - t < LANES ? rows - t : LANES;
        const V bias = terms->bias ? v_loadn(terms->bias + t, n) : zero;
        const V scale = terms->scale ? v_loadn(terms->scale + t, n) : one;
        for (size_t k = 0; k < q; k++) {
            const V query_bias = terms->query_bias ? v_set1(terms->query_bias[k]) : zero;
            float *to = s + k * stride + t;
            v_storen(to, n, finish(v_loadn(to, n), bias, scale, query_bias));
        }
    }
}

ROW_SLOT uint64_t maxima_few(const float *s, size_t rows, size_t q, int magnitude,
                             const float *floor, float *max)
{
    const V least = v_set1(-INFINITY);
    uint64_t bits = 0;
    for (size_t k = 0; k < q; k++) {
        V m = least;
        for (size_t t = 0; t < rows; t += LANES) {
            const V v = v_load(s + k * EGI_TILE_ROWS + t);
            const size_t n = rows - t < LANES ? rows - t : LANES;
            m = v_max(m, v_pick(v_first(n), magnitude ? v_abs(v) : v, least));
        }
        float lane[LANES];
        v_store(lane, m);
        max[k] = lane[0];
        for (size_t i = 1; i < LANES; i++) max[k] = lane[i] > max[k] ? lane[i] : max[k];
        bits |= (uint64_t)(max[k] > floor[k]) << k;
    }
    return bits;
}

/* Added in the order of memories, as a lane of many queries does. */
ROW void sums_in_order(const float *term, const float *a, size_t rows, float *sum, float *mass)
{
    float sums = 0.0f, masses = 0.0f;
    for (size_t t = 0; t < rows; t++) {
        sums += term[t];
        masses += a[t];
    }
    *sum = sums;
    *mass = masses;
}

#define WEIGH_FEW(kind)                                                                        \
    ROW_SLOT void few_##kind(const struct egi_weighing *w, const struct egi_lane_scale *scale, \
                             size_t q, size_t rows, float *s, float *sum, float *mass)         \
    {                                                                                          \
        float terms[EGI_TILE_ROWS];                                                            \
        for (size_t k = 0; k < q; k++, s += EGI_TILE_ROWS) {                                   \
            const struct column c = row_of(w, scale, k);                                       \
            for (size_t t = 0; t < rows; t += LANES) {                                         \
                V term, a = weigh_##kind(&c, v_load(s + t), &term);                            \
                if (w->weight) {                                                               \
                    const V b = v_loadn(w->weight + t, rows - t < LANES ? rows - t : LANES);   \
                    a = v_mul(a, b);                                                           \
                    term = v_mul(term, b);                                                     \
                }                                                                              \
                v_store(s + t, a);                                                             \
                v_store(terms + t, term);                                                      \
            }                                                                                  \
            sums_in_order(terms, s, rows, sum + k, mass + k);                                  \
        }                                                                                      \
    }
WEIGH_FEW(exp)
WEIGH_FEW(power)
WEIGH_FEW(rectified)
WEIGH_FEW(support)
#undef WEIGH_FEW

ROW_SLOT void weighted_sum_few(const float *a, size_t rows, size_t queries, uint64_t live,
                               const float *values, size_t dv, float *acc, size_t ld)
{
    for (size_t q = 0; q < queries; q++) {
        struct sum_job job = { .a = a + q * EGI_TILE_ROWS, .a_step = 1, .rows = rows, .dv = dv };
        if (live >> q & 1) sum_components(&job, 1, SUM_VECTORS_ONE, values, acc + q * ld, ld);
    }
}

#endif
