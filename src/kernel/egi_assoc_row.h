/* The vector rows of the association kernels, written once over a small set of vector
 * primitives. Included by kernel_assoc_<isa>.c only, which defines before:
 *
 *   ROW                 the attributes of a function of this row
 *   V, M, LANES         a vector of f32, a mask of its lanes, their number
 *   v_*                 primitives (see kernel_assoc_avx2.c for the list)
 *   SUM_QUERIES, SUM_BITS, SUM_VECTORS, SUM_VECTORS_ONE   the block of product 2: queries (as
 *                       bits), vectors of components, and those for one query
 *
 * and after: score_rows and sum_shape, which name the shapes of the blocks.
 *
 * log2: u = 2^e (1 + f), 1 + f in [sqrt(1/2), sqrt(2)), log by the odd series in f / (2 + f),
 * whose first omitted term is below 1e-9. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_ASSOC_ROW_H
#define EGI_ASSOC_ROW_H

#include "kernel/egi_row_exp2.h"

enum {
    TILE = EGI_TILE_LANES,
    TILE_SHIFT = 6, /* log2(TILE) */
    SLAB = 96, /* components of product 1 at a time: 24 KiB of queries stay in the first cache */
    FEW_AHEAD = 4096, /* floats, of few queries; from 2048 to 16384 measured alike */
};

/* log2 of a positive, normal u. */
ROW V log2_of(V u)
{
    V m;
    const V e = v_split(u, &m); /* u = m 2^e, m in [sqrt(1/2), sqrt(2)) */
    const V f = v_sub(m, v_set1(1.0f));
    const V t = v_div(f, v_add(f, v_set1(2.0f))), tt = v_mul(t, t);
    V p = v_set1(0x1.484b14p-2f); /* 2 log2(e) / 9, 7, 5, 3, 1 */
    p = v_fma(p, tt, v_set1(0x1.a61762p-2f));
    p = v_fma(p, tt, v_set1(0x1.2776c6p-1f));
    p = v_fma(p, tt, v_set1(0x1.ec709ep-1f));
    p = v_fma(p, tt, v_set1(0x1.715476p+1f));
    return v_fma(p, t, e);
}

/* u^n by repeated squaring, n >= 1. */
ROW V power_of(V u, uint32_t n)
{
    V p = v_set1(1.0f);
    for (;; u = v_mul(u, u)) {
        if (n & 1) p = v_mul(p, u);
        n >>= 1;
        if (n == 0) return p;
    }
}

/* ---- product 1 ---- */

/* A block of NM memories by NV vectors of queries, in registers. Rows of the next tile are
 * prefetched as the same rows of this one are read: rows longer than a page's streams end
 * too soon for the hardware to do it. */
ROW_ALWAYS void score_block(const float *xi, size_t d, size_t dn, const float *xt, int first,
                            float *s, const size_t nm, const size_t nv)
{
    V acc[12][4];
    UNROLL for (size_t i = 0; i < nm; i++)
    {
        UNROLL for (size_t j = 0; j < nv; j++) acc[i][j] =
            first ? v_set1(0.0f) : v_load(s + i * TILE + j * LANES);
    }
    for (size_t k0 = 0; k0 < dn; k0 += 16) {
        const size_t k1 = dn - k0 < 16 ? dn : k0 + 16;
        UNROLL for (size_t i = 0; i < nm; i++) v_prefetch(xi + i * d + k0, EGI_TILE_ROWS * d);
        for (size_t k = k0; k < k1; k++) {
            V x[4];
            UNROLL for (size_t j = 0; j < nv; j++) x[j] = v_load(xt + k * TILE + j * LANES);
            UNROLL for (size_t i = 0; i < nm; i++)
            {
                const V b = v_set1(xi[i * d + k]);
                UNROLL for (size_t j = 0; j < nv; j++) acc[i][j] = v_fma(b, x[j], acc[i][j]);
            }
        }
    }
    UNROLL for (size_t i = 0; i < nm; i++)
    {
        UNROLL for (size_t j = 0; j < nv; j++) v_store(s + i * TILE + j * LANES, acc[i][j]);
    }
}

/* All rows in blocks of nm, and the rest one by one. nm and nv are constants: they name the
 * shape that is inlined, and are no parameters of a call. */
/* NOLINTNEXTLINE(readability-function-size) */
ROW_ALWAYS void score_column(const float *xi, size_t rows, size_t d, size_t dn, const float *xt,
                             int first, float *s, const size_t nm, const size_t nv)
{
    size_t t = 0;
    for (; t + nm <= rows; t += nm) score_block(xi + t * d, d, dn, xt, first, s + t * TILE, nm, nv);
    for (; t < rows; t++) score_block(xi + t * d, d, dn, xt, first, s + t * TILE, 1, nv);
}

/* dn components of all rows against lanes queries, in the shapes that suit the row. */
ROW void score_rows(const float *xi, size_t rows, size_t d, size_t dn, const float *xt,
                    size_t lanes, int first, float *s);

ROW V finish(V dot, V bias, V scale, V query_bias)
{
    return v_fma(v_add(dot, bias), scale, query_bias);
}

static inline int has_terms(const struct egi_score_terms *t)
{
    return t->bias != NULL || t->scale != NULL || t->query_bias != NULL;
}

ROW_SLOT void scores(const float *xi, size_t rows, size_t d, const float *xt, size_t lanes,
                     const struct egi_score_terms *terms, float *s)
{
    for (size_t d0 = 0; d0 < d; d0 += SLAB) {
        const size_t dn = d - d0 < SLAB ? d - d0 : SLAB;
        score_rows(xi + d0, rows, d, dn, xt + d0 * TILE, lanes, d0 == 0, s);
    }
    if (!has_terms(terms)) return;
    const V zero = v_set1(0.0f), one = v_set1(1.0f);
    for (size_t t = 0; t < rows; t++) {
        const V bias = terms->bias ? v_set1(terms->bias[t]) : zero;
        const V scale = terms->scale ? v_set1(terms->scale[t]) : one;
        for (size_t l = 0; l < lanes; l += LANES) {
            float *at = s + t * TILE + l;
            const V query_bias = terms->query_bias ? v_load(terms->query_bias + l) : zero;
            v_store(at, finish(v_load(at), bias, scale, query_bias));
        }
    }
}

/* ---- scores to weights ---- */

ROW_SLOT uint64_t maxima(const float *s, size_t rows, size_t lanes, int magnitude,
                         const float *floor, float *max)
{
    uint64_t bits = 0;
    for (size_t l = 0; l < lanes; l += LANES) {
        V m = v_set1(-INFINITY);
        for (size_t t = 0; t < rows; t++) {
            const V v = v_load(s + t * TILE + l);
            m = v_max(m, magnitude ? v_abs(v) : v);
        }
        v_store(max + l, m);
        bits |= (uint64_t)v_bits(v_gt(m, v_load(floor + l))) << l;
    }
    return bits;
}

ROW_SLOT uint64_t at_least(const float *a, const float *b, size_t lanes)
{
    uint64_t bits = 0;
    for (size_t l = 0; l < lanes; l += LANES)
        bits |= (uint64_t)v_bits(v_ge(v_load(a + l), v_load(b + l))) << l;
    return bits;
}

/* What stays the same down a column of the tile. */
struct column {
    V m, up, down, rate, floor, exponent;
    uint32_t power;
};

ROW struct column column_of(const struct egi_weighing *w, const struct egi_lane_scale *scale,
                            size_t l)
{
    return (struct column){
        .m = v_load(scale->m + l),
        .up = v_load(scale->up + l),
        .down = v_load(scale->down + l),
        .rate = v_set1(w->rate),
        .floor = v_set1(w->floor),
        .exponent = v_set1(w->exponent),
        .power = w->power,
    };
}

/* The same for one query, l. */
ROW struct column row_of(const struct egi_weighing *w, const struct egi_lane_scale *scale, size_t l)
{
    return (struct column){
        .m = v_set1(scale->m[l]),
        .up = v_set1(scale->up[l]),
        .down = v_set1(scale->down[l]),
        .rate = v_set1(w->rate),
        .floor = v_set1(w->floor),
        .exponent = v_set1(w->exponent),
        .power = w->power,
    };
}

/* Each returns a, and in *term what a adds to the sum. */
ROW V weigh_exp(const struct column *c, V s, V *term)
{
    *term = exp2_above(v_mul(v_sub(s, c->m), c->rate), c->floor);
    return *term;
}

ROW V weigh_power(const struct column *c, V s, V *term)
{
    V u = v_mul(v_mul(s, c->up), c->down);
    u = v_keep(v_ge(v_abs(u), c->floor), u); /* subnormal powers are slow, and are nothing */
    const V a = power_of(u, c->power);
    *term = v_mul(a, u);
    return a;
}

ROW V weigh_rectified(const struct column *c, V s, V *term)
{
    V u = v_mul(v_mul(s, c->up), c->down);
    const M keep = v_ge(u, c->floor);
    u = v_keep(keep, u);
    V a;
    if (c->power != 0)
        a = power_of(u, c->power);
    else
        a = v_keep(keep,
                   exp2_above(v_mul(log2_of(v_max(u, c->floor)), c->exponent), v_set1(-125.0f)));
    *term = v_mul(a, u);
    return a;
}

ROW V weigh_support(const struct column *c, V s, V *term)
{
    const V zero = v_set1(0.0f);
    *term = v_max(v_fma(c->rate, s, v_set1(1.0f)), zero);
    return v_keep(v_gt(*term, zero), v_set1(1.0f));
}

/* One slot a kind: the loop over the live columns, with the weigh_ function inlined. */
#define WEIGH(kind)                                                                            \
    ROW_SLOT void all_##kind(const struct egi_weighing *w, const struct egi_lane_scale *scale, \
                             uint64_t live, size_t rows, float *s, float *sum, float *mass)    \
    {                                                                                          \
        for (size_t l = 0; l < TILE; l += LANES) {                                             \
            V sums = v_set1(0.0f), masses = sums;                                              \
            const struct column c = column_of(w, scale, l);                                    \
            const size_t n = (live >> l & LANE_BITS) ? rows : 0;                               \
            for (size_t t = 0; t < n; t++) {                                                   \
                float *at = s + t * TILE + l;                                                  \
                V term, a = weigh_##kind(&c, v_load(at), &term);                               \
                if (w->weight) {                                                               \
                    a = v_mul(a, v_set1(w->weight[t]));                                        \
                    term = v_mul(term, v_set1(w->weight[t]));                                  \
                }                                                                              \
                v_store(at, a);                                                                \
                sums = v_add(sums, term);                                                      \
                masses = v_add(masses, a);                                                     \
            }                                                                                  \
            v_store(sum + l, sums);                                                            \
            v_store(mass + l, masses);                                                         \
        }                                                                                      \
    }
WEIGH(exp)
WEIGH(power)
WEIGH(rectified)
WEIGH(support)
#undef WEIGH

/* Weights of the n entries listed in picks->at, whose space is a multiple of LANES. */
ROW void weigh_picks(const struct egi_weighing *w, const struct egi_lane_scale *scale, size_t n,
                     const float *s, struct egi_picks *picks)
{
    const V rate = v_set1(w->rate), floor = v_set1(w->floor);
    for (size_t i = n; i % LANES != 0; i++) picks->at[i] = 0;
    for (size_t i = 0; i < n; i += LANES) {
        const int32_t *at = picks->at + i;
        const V y = v_mul(v_sub(v_gather(s, at, 0, -1), v_gather(scale->m, at, 0, TILE - 1)), rate);
        V a = exp2_above(y, floor);
        if (w->weight) a = v_mul(a, v_gather(w->weight, at, TILE_SHIFT, -1));
        v_store(picks->a + i, a);
    }
}

ROW_SLOT size_t pick_exp(const struct egi_weighing *w, const struct egi_lane_scale *scale,
                         const float *threshold, uint64_t live, size_t rows, size_t limit,
                         const float *s, struct egi_picks *picks)
{
    V least[TILE / LANES];
    for (size_t l = 0; l < TILE; l += LANES)
        least[l / LANES] = (live >> l & LANE_BITS) ? v_load(threshold + l) : v_set1(INFINITY);
    int32_t *next = picks->at, *const end = picks->at + limit;
    for (size_t t = 0; t < rows; t++) {
        M over[TILE / LANES];
        unsigned any = 0; /* most rows have none */
        UNROLL for (size_t i = 0; i < TILE / LANES; i++)
        {
            over[i] = v_ge(v_load(s + t * TILE + i * LANES), least[i]);
            any |= v_bits(over[i]);
        }
        if (any == 0) continue;
        UNROLL for (size_t i = 0; i < TILE / LANES; i++) next +=
            v_list(over[i], (int32_t)(t * TILE + i * LANES), next);
        if (next > end) return EGI_PICKS_FULL;
    }
    const size_t n = (size_t)(next - picks->at);
    weigh_picks(w, scale, n, s, picks);
    return n;
}

/* ---- product 2 ---- */

struct sum_job {
    const float *a; /* (rows, a_step), from the first query of the block on */
    size_t a_step, rows;
    const float *values; /* (rows, dv), from the first component on */
    size_t dv, last;     /* components in the last vector */
    float *acc;          /* (queries, ld) likewise */
    size_t ld;
};

/* nq queries by nv vectors of components, in registers. For one query memory would rest meanwhile:
 * a line a row is fetched of what product 1 comes to after the next tile's beginning. */
ROW_ALWAYS void sum_block(const struct sum_job *job, const size_t nq, const size_t nv)
{
    V sum[8][8];
    UNROLL for (size_t i = 0; i < nq; i++)
    {
        UNROLL for (size_t j = 0; j < nv; j++) sum[i][j] =
            v_load(job->acc + i * job->ld + j * LANES);
    }
    const M tail = v_first(job->last);
    const float *a = job->a, *value = job->values;
    for (size_t t = 0; t < job->rows; t++, a += job->a_step, value += job->dv) {
        V v[8];
        UNROLL for (size_t j = 0; j + 1 < nv; j++) v[j] = v_load(value + j * LANES);
        v[nv - 1] = v_loadm(value + (nv - 1) * LANES, tail);
        if (nq == 1) v_prefetch(job->values, job->rows * job->dv + FEW_AHEAD + 16 * t);
        UNROLL for (size_t i = 0; i < nq; i++)
        {
            const V b = v_set1(a[i]);
            UNROLL for (size_t j = 0; j < nv; j++) sum[i][j] = v_fma(b, v[j], sum[i][j]);
        }
    }
    UNROLL for (size_t i = 0; i < nq; i++)
    {
        UNROLL for (size_t j = 0; j < nv; j++)
            v_store(job->acc + i * job->ld + j * LANES, sum[i][j]);
    }
}

/* sum_block of nq queries by nv vectors, for the shapes that weighted_sum() asks for. */
ROW void sum_shape(const struct sum_job *job, size_t nq, size_t nv);

/* Components in groups of at most `most` vectors, none of one vector where two of two do. */
static inline size_t group_of(size_t left, size_t most)
{
    if (left <= most) return left;
    return left == most + 1 && most > 2 ? (left + 1) / 2 : most;
}

/* All components of nq queries: what job says of them is the same for each group. */
ROW void sum_components(struct sum_job *job, size_t nq, size_t most, const float *values,
                        float *acc, size_t ld)
{
    const size_t vectors = (job->dv + LANES - 1) / LANES;
    for (size_t v = 0, nv; v < vectors; v += nv) {
        nv = group_of(vectors - v, most);
        const size_t k = v * LANES, left = job->dv - k - (nv - 1) * LANES;
        job->values = values + k;
        job->last = left < LANES ? left : LANES;
        job->acc = acc + k;
        job->ld = ld;
        sum_shape(job, nq, nv);
    }
}

ROW_SLOT void weighted_sum(const float *a, size_t rows, size_t queries, uint64_t live,
                           const float *values, size_t dv, float *acc, size_t ld)
{
    const size_t vectors = (dv + LANES - 1) / LANES;
    for (size_t v = 0, nv; v < vectors; v += nv) {
        nv = group_of(vectors - v, SUM_VECTORS);
        const size_t k = v * LANES, left = dv - k - (nv - 1) * LANES;
        for (size_t q = 0; q < queries; q += SUM_QUERIES) {
            if ((live >> q & SUM_BITS) == 0) continue;
            const struct sum_job job = { .a = a + q,
                                         .a_step = TILE,
                                         .rows = rows,
                                         .values = values + k,
                                         .dv = dv,
                                         .last = left < LANES ? left : LANES,
                                         .acc = acc + q * ld + k,
                                         .ld = ld };
            sum_shape(&job, SUM_QUERIES, nv);
        }
    }
}

ROW_SLOT void picked_sum(const struct egi_picks *picks, size_t n, const float *values, size_t dv,
                         float *acc, size_t ld)
{
    for (size_t i = 0; i < n; i++) {
        const size_t at = (size_t)picks->at[i];
        const float *value = values + at / TILE * dv;
        float *sum = acc + at % TILE * ld;
        const V a = v_set1(picks->a[i]);
        size_t k = 0;
        for (; k + 4 * LANES <= dv; k += 4 * LANES) {
            V v[4];
            UNROLL for (size_t j = 0; j < 4; j++) v[j] =
                v_fma(a, v_load(value + k + j * LANES), v_load(sum + k + j * LANES));
            UNROLL for (size_t j = 0; j < 4; j++) v_store(sum + k + j * LANES, v[j]);
        }
        for (; k + LANES <= dv; k += LANES)
            v_store(sum + k, v_fma(a, v_load(value + k), v_load(sum + k)));
        if (k < dv) v_store(sum + k, v_fma(a, v_loadn(value + k, dv - k), v_load(sum + k)));
    }
}

#include "kernel/egi_assoc_few.h"

#define EGI_ASSOC_SLOTS                                                                 \
    .scores = scores, .scores_few = scores_few, .maxima = maxima, .at_least = at_least, \
    .weigh = { all_exp, all_power, all_rectified, all_support }, .pick_exp = pick_exp,  \
    .weighted_sum = weighted_sum, .picked_sum = picked_sum, .maxima_few = maxima_few,   \
    .weigh_few = { few_exp, few_power, few_rectified, few_support },                    \
    .weighted_sum_few = weighted_sum_few

#endif
