/* engram/lazy.h - a network that learns by moving its features, or hardly moving them.
 *
 *   F(x) = alpha (f(x; w) - f(x; w_0)),   L = 1/(alpha^2 N) sum_i l(F(x_i), y_i),   dw/dt = - dL/dw
 *
 * with f (K) the scores of a network and l its own loss. Then
 *
 *   dF/dt = - 1/N Theta_t dl/dF,   |Theta_t - Theta_0| / |Theta_0| = O(1/alpha)
 *
 * For large alpha training is regression with the tangent kernel that the network began with, as
 * eg_lazy_kernel_flow() does it; for small alpha the kernel, and with it the features, are learned
 * (Chizat, Oyallon and Bach 2019, theorem 2.2; Geiger et al. 2020, section 2). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_LAZY_H
#define ENGRAM_LAZY_H

#include "engram/train.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_lazy_options {
    size_t size;    /* of this struct */
    double alpha;   /* above 0; the flow with a kernel does not depend on it */
    size_t learned; /* examples of the part, the first, that N and the loss count; of the others
                       only outputs are given; 0: all are learned */
    int normalised; /* as in eg_tangent_options: the flow of weights of variance 1 */
    double turn;    /* a step is kept where |v1 - v0|^2 <= turn |v0| |v1|, v the velocity */
    double moved;   /* and no F of what is learned has moved by more */
    double still;   /* a step that moves no F by more is kept whatever the velocity does */
    size_t steps;   /* at most, those that were not kept included */
    int threads;
    const eg_progress *progress; /* "flow", steps kept; how many there will be is unknown */
    const eg_allocator *alloc;
} eg_lazy_options;

#define EG_LAZY_OPTIONS_INIT                                                     \
    {                                                                            \
        sizeof(eg_lazy_options), 1, 0, 0, 1e-4, .1, 1e-6, 1000000, 0, NULL, NULL \
    }

typedef struct eg_lazy_end {
    double loss;           /* 1/N sum l(F, y) at the last time */
    size_t steps, refused; /* that were kept; that were not */
} eg_lazy_end;

/**
 * Train a network as F from where it is, in f64, as it answers (running statistics, no dropout).
 * The learner then holds the weights of the last time, rounded to f32; F itself needs f64 where
 * alpha is large.
 *
 * Steps of the formula of Adams and Bashforth of order two, their length 1.1 times the last one, a
 * tenth where a step is not kept: the error of F falls as `turn`.
 * Gradients of relu jump, and where the flow slides along a kink every step crosses it: there the
 * length is that of `still`, and so is the error; raise it where steps are used up.
 *
 * @param part     labels within the learner's classes
 * @param times    (T) rising, from 0 on
 * @param outputs  (T, N, K) F at the times, of all examples; or NULL
 * @return EG_OK; EG_ERR_INVALID; EG_ERR_SHAPE; EG_ERR_UNSUPPORTED (no network of layers);
 *         EG_ERR_DIVERGED (no finite loss or velocity to begin with); EG_ERR_LIMIT (the steps are
 * used up: the time reached); EG_ERR_INTERRUPTED; EG_ERR_NOMEM. After a failure the learner is as
 *         it was, and outputs hold the times that were reached.
 */
EG_API EG_MUST_CHECK eg_status eg_lazy_train(eg_learner *l, const eg_part *part,
                                             const double *times, size_t count,
                                             const eg_lazy_options *options, double *outputs,
                                             eg_lazy_end *out);

/**
 * dF/dt = - 1/N Theta dl/dF from F = 0 with a kernel that stays: what the above is for alpha to
 * infinity. Steps, arguments and statuses as above. The learner gives its loss alone. For l = mse,
 * F(t) = (I - exp(-2 Theta t / (N K))) y.
 * @param kernel  (N K, N K) of all examples of the part, as eg_tangent_kernel() gives it with
 *                `apart`
 */
EG_API EG_MUST_CHECK eg_status eg_lazy_kernel_flow(eg_learner *l, const eg_part *part,
                                                   const float *kernel, const double *times,
                                                   size_t count, const eg_lazy_options *options,
                                                   double *outputs, eg_lazy_end *out);

#ifdef __cplusplus
}
#endif
#endif
