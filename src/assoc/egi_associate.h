/* The fused association: scores of a tile of queries against a tile of memories, running
 * scale and sum, weighted sum of values; the (Q, N) score matrix is never stored.
 *
 * Determinism: the result of a query depends on its state and the memories alone, to the
 * bit: not on the other queries, their number or the threads (R1). Every score is the same
 * bits from egi_scores() and inside egi_associate(). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_ASSOCIATE_H
#define EGI_ASSOCIATE_H

#include <stddef.h>

#include "base/egi_base.h"

/* score s_qi = (<xi_i, x_q> + bias_i) * scale_i + query_bias_q, in f32, the dot product one
 * fused multiply-add a component in the order of components. */
struct egi_keys {
    const float *xi; /* (N, D) */
    size_t n, d;
    const float *bias;  /* (N) or NULL: zeros */
    const float *scale; /* (N) or NULL: ones */
};

/* How a score becomes a weight, relative to a running scale m so that nothing overflows. */
enum egi_transform_kind {
    EGI_TRANSFORM_EXP,       /* a = w exp(beta (s - m)), m = max s;       sum = sum of a */
    EGI_TRANSFORM_POWER,     /* a = w (s/m)^(n-1), m = max |s|, integer n; sum w (s/m)^n */
    EGI_TRANSFORM_RECTIFIED, /* a = w max(s/m, 0)^(n-1), m = max s > 0, n real; sum w (..)^n */
    EGI_TRANSFORM_SUPPORT,   /* a = w [1 + beta s > 0];  sum of w max(1 + beta s, 0); m = 0 */
    EGI_TRANSFORM_COUNT
};

struct egi_transform {
    enum egi_transform_kind kind;
    float beta;
    float order;         /* n >= 2 of POWER and RECTIFIED */
    const float *weight; /* (N) multiplicities w > 0, or NULL: ones */
};

/* What one query leaves behind besides the weighted sum. */
struct egi_assoc_stat {
    double m;    /* the scale (POWER, RECTIFIED: 0 when no score exceeds 0 in magnitude) */
    double sum;  /* see above, relative to m */
    double mass; /* sum of the a_i, relative to m */
    size_t best; /* first index of the largest score */
    float best_score;
};

/* What is asked: the memories, their values, how scores become weights, the states. */
struct egi_association {
    const struct egi_keys *keys;
    const float *values; /* (N, DV); keys->xi itself for auto-association */
    size_t dv;
    const struct egi_transform *transform;
    const float *x;          /* (Q, D) */
    const float *query_bias; /* (Q) or NULL: zeros */
    size_t q;
    float *scores; /* (N) of a single query go here too; or NULL */
};

/**
 * out_q = sum_i a_qi value_i and its statistics, for each query.
 *
 * @param out   (Q, DV), relative to stat.m, or NULL: statistics only; no overlap with x
 * @param stat  (Q)
 * @return EG_OK, EG_ERR_OVERFLOW, EG_ERR_NOMEM (workspace: O(Q (D + DV) + tile) )
 */
eg_status egi_associate(const struct egi_association *a, int threads, const eg_allocator *alloc,
                        float *out, struct egi_assoc_stat *stat);

/* Scores of one query against all memories: (N). Infallible; threads as everywhere. */
void egi_scores(const struct egi_keys *keys, const float *x, float query_bias, int threads,
                float *scores);

#endif
