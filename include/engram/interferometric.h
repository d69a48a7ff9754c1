/* engram/interferometric.h - the interferometric transform: averages of moduli of filters that are
 * learned without labels, on a grid or on any graph.
 *
 * Both have a unitary transform F whose frequencies come in pairs (f, f'), the conjugates of each
 * other: on a grid the Fourier transform, f' = -f; on a graph (a +- i b) / sqrt 2 of two
 * eigenvectors of its Laplacian. A x = F* phi F x averages: on a grid by a Gaussian, on a graph
 * over each connected part. A layer takes u to |W_k u|, W_k u = F* w_k F u, k = 1 to K, with
 *     sum_k |w_k(f)|^2 + |w_k(f')|^2 <= 2 - 2 phi(f)^2,                                   (1)
 * which for real u is |A u|^2 + |W u|^2 <= |u|^2: what is averaged away is what W may keep. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_INTERFEROMETRIC_H
#define ENGRAM_INTERFEROMETRIC_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>

#include "engram/alloc.h"
#include "engram/progress.h"
#include "engram/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_interferometric_options {
    size_t size;    /* sizeof(eg_interferometric_options) */
    size_t filters; /* K of each layer */
    size_t order;   /* layers, 1 or more */
    size_t scales;  /* J of a grid: its Gaussian has deviation .8 2^(J - 1) */
    size_t every;   /* a grid's averages are given at every such place; 0: 2^J */
    size_t steps, batch;
    double rate; /* of ascent in the share below; INFINITY: to where the gradient points, all of (1)
                    used */
    uint64_t seed;
    int threads; /* 0: all */
    const eg_progress *progress;
    const eg_allocator *alloc;
} eg_interferometric_options;

#define EG_INTERFEROMETRIC_OPTIONS_INIT                                                      \
    {                                                                                        \
        sizeof(eg_interferometric_options), 16, 1, 3, 0, 200, 32, INFINITY, 0, 0, NULL, NULL \
    }

typedef struct eg_interferometric eg_interferometric;

/**
 * A transform of pictures (C, H, W), circular in both directions, its filters drawn and within (1).
 * All channels have the same filters.
 * @param options  NULL: the defaults
 * @return EG_OK; EG_ERR_INVALID (a side, an option); EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_interferometric_grid(size_t channels, size_t height, size_t width,
                                                       const eg_interferometric_options *options,
                                                       eg_interferometric **out);

/**
 * A transform of signals (C, V) on the nodes of a graph. Eigenvectors of I - D^-1/2 E D^-1/2 but
 * those of its kernel are paired so that sum_v |a_v + i b_v| is large: heaviest pairs first, then
 * exchanges between two pairs while one gains; one may be left, its own partner.
 * @param edge  (V, V) weights, symmetric, not negative; the diagonal is a node's own
 * @return EG_OK; EG_ERR_INVALID (weights that are not; fewer than 2 nodes; no edge between two);
 *         EG_ERR_LIMIT (V above 4096); EG_ERR_DIVERGED; EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_interferometric_graph(size_t channels, const double *edge,
                                                        size_t v,
                                                        const eg_interferometric_options *options,
                                                        eg_interferometric **out);
EG_API void eg_interferometric_destroy(eg_interferometric *s);

/**
 * Learn the filters layer by layer, each on what those before it give, u = x, then |W u|:
 *     max_W  E |A |W u||^2   subject to (1),
 * by gradient ascent and projection on (1), which shortens all w_k(f), w_k(f') by one factor. As
 * the objective is convex, no step with the whole data as its batch makes it smaller, whatever the
 * rate.
 * @param x       (N, C, H, W) or (N, C, V) finite
 * @param course  (order, steps) the objective of each step's batch over E |u|^2 - |A u|^2, its
 *                upper bound; or NULL
 * @return EG_OK; EG_ERR_INVALID (no data, nothing but averages, a number that is not finite);
 *         EG_ERR_NOMEM; EG_ERR_INTERRUPTED
 * Source: Oyallon 2020, Interferometric Graph Transform, sections 3 and 4.
 */
EG_API EG_MUST_CHECK eg_status eg_interferometric_train(eg_interferometric *s, const float *x,
                                                        size_t n, double *course);

/* Numbers of one channel: (1 + K + .. + K^order) averages, A x, A |W_k x|, A |W_l |W_k x||, .. with
 * the first filter slowest, each of as many places as eg_interferometric_view says. */
EG_API size_t eg_interferometric_features(const eg_interferometric *s);

/**
 * y (N, C, features) of x (N, C, H, W) or (N, C, V).
 * @return EG_OK; EG_ERR_INVALID (a number that is not finite); EG_ERR_NOMEM; EG_ERR_INTERRUPTED
 */
EG_API EG_MUST_CHECK eg_status eg_interferometric_apply(eg_interferometric *s, const float *x,
                                                        size_t n, float *y);

/* What it is made of, borrowed until it is destroyed. */
typedef struct eg_interferometric_view {
    size_t frequencies;    /* H W or V */
    size_t places[2];      /* of an average: rows, columns; parts of a graph, 1 */
    size_t filters, order; /* K */
    const size_t *partner; /* (frequencies) f' of f */
    const double *low;     /* (frequencies) phi */
    const double *gain;    /* (order, 2, K, frequencies) w, real parts, then imaginary */
    const double *atom[2]; /* of a grid the rows, then the columns: (2, n, n) F, one frequency a
                              row, real parts, then imaginary; of a graph F, then 1 */
} eg_interferometric_view;
EG_API eg_interferometric_view eg_interferometric_look(const eg_interferometric *s);

#ifdef __cplusplus
}
#endif
#endif
