/* engram/embedded.h - a convolutional network as a fully connected one, which it is with most
 * weights 0 and the others shared. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_EMBEDDED_H
#define ENGRAM_EMBEDDED_H

#include "engram/learner.h"

#ifdef __cplusplus
extern "C" {
#endif

/**
 * The same function with every conv2d layer written out as a linear one: of kernels w (O, I, K, L)
 * with a stride s and a padding p, W[(o, y, x), (i, y s - p + k, x s - p + l)] = w[o, i, k, l], 0
 * elsewhere, its bias at each place. What is trained on from there may leave the subspace of
 * convolutions (d'Ascoli et al. 2019, section 2).
 * @param l    a network of conv2d, activation, dropout and flatten layers, after them any; of
 * images
 * @param out  a network of the same loss, optimiser and schedule, which has made no step
 * @return EG_OK; EG_ERR_UNSUPPORTED (another layer before the first that is linear, groups, learned
 *         connections: its place); EG_ERR_INVALID; EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_embed_convolutions(eg_learner *l, eg_learner **out);

/**
 * How far embedded layers have left the places that convolutions have: the norm of all weights
 * elsewhere, over that of all weights of those layers.
 * @param l   the convolutional network, whose layers say which places they are
 * @param fc  what was embedded, and trained since
 * @return EG_OK; as above; EG_ERR_SHAPE (fc is not of l)
 */
EG_API EG_MUST_CHECK eg_status eg_embedded_deviation(eg_learner *l, eg_learner *fc,
                                                     double *deviation);

#ifdef __cplusplus
}
#endif
#endif
