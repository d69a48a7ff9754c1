/* engram/dimension.h - intrinsic dimension: how many coordinates a data set needs, whatever the
 * number of its columns.
 *
 * Estimators look at distances r_1 <= r_2 <= ... of a point to its nearest neighbours, itself left
 * out. Equal points are one point: of each group the first is kept, the others are counted, for
 * r_1 = 0 has no logarithm. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_DIMENSION_H
#define ENGRAM_DIMENSION_H

#include <stddef.h>
#include <stdint.h>

#include "engram/alloc.h"
#include "engram/progress.h"
#include "engram/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- nearest neighbours ---- */

typedef struct eg_search_options {
    int threads; /* 0: all */
    const eg_progress *progress;
    const eg_allocator *alloc;
} eg_search_options;

/**
 * The k nearest points of each point, by squared Euclidean distance in double: |x_i - x_j|^2 as the
 * exact differences, squared and summed, give it. Of equal distances the first point is the nearer.
 *
 * Products in single precision propose, exact distances decide; where the bound of the products'
 * rounding does not prove that nothing nearer was left out, all points are looked at.
 * @param x        (N, D) finite
 * @param k        1 to N - 1
 * @param square   (N, k) rising
 * @param at       (N, k) indices, or NULL
 * @param how      NULL: all threads, nobody watches, the C library's memory
 * @return EG_OK; EG_ERR_INVALID (k, a number that is not finite); EG_ERR_LIMIT (N above 2^31 - 1);
 *         EG_ERR_NOMEM; EG_ERR_INTERRUPTED
 */
EG_API EG_MUST_CHECK eg_status eg_neighbours(const float *x, size_t n, size_t d, size_t k,
                                             const eg_search_options *how, double *square,
                                             uint32_t *at);

/* ---- estimators ---- */

typedef struct eg_dimension_options {
    size_t k;        /* neighbours of the maximum likelihoods and of local PCA; the outer of the
                        correlation dimension */
    size_t scale;    /* n_1 of Gride, whose n_2 is 2 n_1; the inner of the correlation dimension */
    double discard;  /* share of the largest ratios that the fit of TwoNN leaves out */
    size_t resample; /* bootstrap samples; 0: none */
    uint64_t seed;
    int threads; /* 0: all */
    const eg_progress *progress;
    const eg_allocator *alloc;
} eg_dimension_options;

#define EG_DIMENSION_OPTIONS_INIT         \
    {                                     \
        20, 1, 0.1, 200, 0, 0, NULL, NULL \
    }

typedef struct eg_dimension {
    double value;
    double error;     /* standard error by the bootstrap; NaN where none was asked for */
    double low, high; /* 2.5 and 97.5 per cent of the bootstrap; NaN likewise */
    size_t points;    /* looked at */
    size_t equal;     /* left out: equal to a point before them */
    double radius;    /* mean distance to the outermost neighbour looked at: the scale */
} eg_dimension;

typedef struct eg_estimator {
    const char *name, *summary, *formula, *source;
} eg_estimator;

/* Row i of the table of estimators; NULL past its end. */
EG_API const eg_estimator *eg_estimator_row(size_t i);

/**
 * Dimension of x by each of the named estimators, from one search for neighbours.
 *
 * The bootstrap draws points anew, with the neighbours that each has among all: what varies is
 * which points are averaged over. Neighbourhoods overlap, so that errors are somewhat too small
 * where k is not small against N.
 * @param x      (N, D) finite
 * @param names  (count) of the table; "gride:4" is gride at a scale of its own, "mle:5" is mle with
 *               5 neighbours
 * @param out    (count)
 * @return EG_OK; EG_ERR_INVALID (an unknown name, a number that is not finite, an option out of
 *         range, fewer points that differ than neighbours + 1, all distances equal);
 *         EG_ERR_NOMEM; EG_ERR_INTERRUPTED
 */
EG_API EG_MUST_CHECK eg_status eg_dimension_estimate(const float *x, size_t n, size_t d,
                                                     const char *const *names, size_t count,
                                                     const eg_dimension_options *options,
                                                     eg_dimension *out);

#ifdef __cplusplus
}
#endif
#endif
