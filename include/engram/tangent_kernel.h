/* engram/tangent_kernel.h - the neural tangent kernel, of a network and of infinitely wide ones.
 *
 *   Theta(x, x') = 1/K sum_k grad z_k(x) . grad z_k(x'),   z (K) scores, gradients by all weights
 *
 * Under gradient flow scores move by dz/dt = - Theta dL/dz; where a network is wide Theta hardly
 * changes, and training is regression with that kernel (Jacot, Gabriel and Hongler 2018). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_TANGENT_KERNEL_H
#define ENGRAM_TANGENT_KERNEL_H

#include "engram/train.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_tangent_options {
    size_t size;    /* of this struct */
    size_t output;  /* one score alone, and no mean; SIZE_MAX: all */
    int normalised; /* 1: gradients by weights of variance 1, which are multiplied by sqrt(2 /
                       fan-in) before each sum (biases by 1): the scale in which wide networks have
                       a limit; 0: by weights as they are */
    int apart;      /* 1: no mean; Theta of all pairs of (example, score): (N K, N K), number
                       i K + k for score k of example i */
    size_t bytes; /* of gradients in memory at once; more is faster, none changes a digit of what is
                     exact in the sum of products */
    int threads;
    const eg_progress *progress; /* "kernel", rows done, of all */
    const eg_allocator *alloc;
} eg_tangent_options;

#define EG_TANGENT_OPTIONS_INIT                                                      \
    {                                                                                \
        sizeof(eg_tangent_options), (size_t)-1, 0, 0, (size_t)1 << 30, 0, NULL, NULL \
    }

/**
 * Theta of all pairs of a part, in tiles. Gradients in f32, one example at a time through a network
 * as it answers (running statistics, no dropout); their products by matrix products in f32.
 * @param kernel  (N, N), symmetric; (N K, N K) where apart
 * @return EG_OK; EG_ERR_UNSUPPORTED (no network of layers); EG_ERR_SHAPE; EG_ERR_INVALID (an output
 *         that there is not; bytes too few for two gradients: expected); EG_ERR_INTERRUPTED;
 *         EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_tangent_kernel(eg_learner *l, const eg_part *part,
                                                 const eg_tangent_options *options, float *kernel);

/**
 * The same into an NPY file (N, N), which memory need not hold. Work lies in PATH.part, and a later
 * call with the same weights, examples and options goes on where one was stopped or killed; after
 * others it begins anew.
 * @return as above, and EG_ERR_IO
 */
EG_API EG_MUST_CHECK eg_status eg_tangent_kernel_file(eg_learner *l, const eg_part *part,
                                                      const eg_tangent_options *options,
                                                      const char *path);

/**
 * How much a kernel changed: |after - before| / |before|, norms of Frobenius, of n numbers each.
 * NaN where before is 0 throughout.
 */
EG_API double eg_tangent_change(const float *before, const float *after, size_t n);

/**
 * Kernels of an infinitely wide network of `hidden` layers of relu without biases, all weights of
 * variance 2 / fan-in, for two inputs of D numbers with |x|^2 = D / 2 (scale them: both kernels
 * grow as |x| |x'|) whose cosine is rho: sigma <- k1(sigma), theta <- theta k0(sigma before) +
 * k1(sigma before), from sigma = theta = rho, k0(r) = (pi - acos r) / pi, k1(r) = (r (pi - acos r)
 * + sqrt(1 - r^2)) / pi
 * @param sigma  of the outputs at the beginning (covariance; NNGP), or NULL
 * @param theta  the tangent kernel, or NULL
 * Source: Cho and Saul 2009, eq. 6; Jacot et al. 2018, theorem 1. NaN for rho outside -1..1.
 */
EG_API void eg_tangent_relu(double rho, size_t hidden, double *sigma, double *theta);

#ifdef __cplusplus
}
#endif
#endif
