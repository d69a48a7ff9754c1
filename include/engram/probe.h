/* engram/probe.h - what can be read out of a representation: by a line, by the nearest neighbour,
 * and how alike two of them are. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_PROBE_H
#define ENGRAM_PROBE_H

#include "engram/dimension.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_probe {
    double linear;    /* share right by a linear read-out that has not seen the example */
    double ridge;     /* its ridge, over the mean square length of centred examples */
    double neighbour; /* share right by the class of the nearest other example */
    double error[2];  /* sqrt(p (1 - p) / n) of both, p = (right + 1) / (n + 2) */
    double alignment; /* eg_cka() with the classes as columns of 0 and 1 */
} eg_probe;

/**
 * Leave one out, without training N times: with K = X X^T of centred examples, C = K + k 1 1^T +
 * ridge I (k the mean of the diagonal: an intercept), y of +-1 a class,
 *     f_-i(x_i) = y_i - (C^-1 y)_i / (C^-1)_ii,
 * exactly what ridge regression on the others says. Of five ridges, 1e-4 to 1 of k, the one that
 * is right most often, the largest of equals: with few classes and many examples that choice adds
 * little to the share.
 * @param x       (N, D) finite; centred over all N, which is all that an example tells its own
 * read-out
 * @param labels  (N) 0 .. classes - 1
 * @return EG_OK; EG_ERR_INVALID (labels, fewer than 3 examples or 2 classes, all examples equal, a
 *         number that is not finite); EG_ERR_LIMIT (N above 2^14); EG_ERR_NOMEM;
 *         EG_ERR_INTERRUPTED
 * Source: Golub, Heath and Wahba 1979, eq. 2.2; Alain and Bengio 2017 (probes of layers);
 * Oyallon 2017 (nearest neighbours by depth).
 */
EG_API EG_MUST_CHECK eg_status eg_probe_layer(const float *x, size_t n, size_t d,
                                              const int32_t *labels, size_t classes,
                                              const eg_search_options *how, eg_probe *out);

/**
 * Linear centred kernel alignment of two representations of the same examples,
 *     <X X^T, Y Y^T> / (|X X^T| |Y Y^T|), X and Y centred:
 * 1 where one is a rotation and a multiple of the other; NaN where either is constant.
 * @param x, y  (N, D), (N, E)
 * @return EG_OK; EG_ERR_INVALID (no examples); EG_ERR_LIMIT (N above 2^14); EG_ERR_NOMEM
 * Source: Kornblith, Norouzi, Lee and Hinton 2019, eq. 4.
 */
EG_API EG_MUST_CHECK eg_status eg_cka(const float *x, size_t d, const float *y, size_t e, size_t n,
                                      double *out);

#ifdef __cplusplus
}
#endif
#endif
