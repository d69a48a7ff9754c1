/* engram/sparse.h - sparse codes by a homotopy of thresholds, as an operation that can be
 * differentiated: what a vector is made of, few atoms of a dictionary and none of them negative. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_SPARSE_H
#define ENGRAM_SPARSE_H

#include "engram/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_sparse_options {
    size_t size;  /* of this struct */
    size_t steps; /* N, until the threshold is the last; 1 or more */
    size_t extra; /* steps more at the last threshold */
} eg_sparse_options;

#define EG_SPARSE_OPTIONS_INIT           \
    {                                    \
        sizeof(eg_sparse_options), 12, 0 \
    }

/**
 * z_N of
 *     z_0 = 0,  z_i = max(0, z_(i-1) + W^T (x - D z_(i-1)) - l_i),  l_i = first^(1-i/N) last^(i/N).
 * With W = D it is a proximal step of length 1 for |x - D z|^2 / 2 + l |z|_1, z >= 0; as the
 * threshold falls, few steps do. Where x = D a + e with a >= 0 of s atoms and <w_k, d_k> = 1, let
 * mu = max |<w_k, d_l>| over k != l and g = (first / last)^(1/N): if first is |W^T x|_inf or more,
 * 1 < g < 1 / (2 mu s) and last >= |W^T e|_inf / (1 - 2 g mu s), then z_i has no atom that a has
 * not, and |z_i - a|_inf <= 2 l_i.
 * @param x           (M, C)
 * @param dictionary  (K, C) the atoms d_k, columns of D, of length 1
 * @param analysis    (K, C) the columns of W; `dictionary` itself for W = D
 * @param first       (M, 1) or (1, 1), positive; EG_NONE: |W^T x|_inf of each x, not below last
 * @param last        (1, 1), positive
 * @param options     NULL: the defaults
 * @return (M, K), not negative; EG_NONE after a failure: EG_ERR_SHAPE, EG_ERR_INVALID (steps).
 *         Differentiable any number of times. Cost: 4 M C K multiply-adds a step. Determinism: R1.
 * Source: Zarka, Thiry, Angles and Mallat 2020, algorithm 1 and theorem 2.1.
 */
EG_API eg_var eg_sparse_code(eg_tape *t, eg_var x, eg_var dictionary, eg_var analysis, eg_var first,
                             eg_var last, const eg_sparse_options *options);

#ifdef __cplusplus
}
#endif
#endif
