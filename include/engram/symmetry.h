/* engram/symmetry.h - infinitesimal symmetries: linear directions of change that a function does
 * not see.
 *
 * H is a generator of a symmetry of Phi where Phi(exp(tH) x) = Phi(x) for all x and t; at t = 0
 * that is J(x) H x = 0, J the Jacobian, which is linear in H. With a row vec(J_k(x_n) (x) x_n) for
 * each example n and output k, generators are the right-singular vectors of what is stacked up
 * whose singular values vanish (Moskalev et al. 2022, LieGG). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_SYMMETRY_H
#define ENGRAM_SYMMETRY_H

#include <stddef.h>

#include "engram/alloc.h"
#include "engram/learner.h"
#include "engram/progress.h"
#include "engram/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A function from D to C numbers. */
typedef struct eg_function {
    size_t inputs, outputs; /* D, C */
    /* y (b, C) of x (b, D) */
    eg_status (*value)(void *user, const float *x, size_t b, float *y);
    /* j (b, C, D) of x (b, D) */
    eg_status (*jacobian)(void *user, const float *x, size_t b, float *j);
    void *user;
} eg_function;

/* The scores of a learner that has gradients; the learner outlives it. */
EG_API eg_function eg_learner_function(eg_learner *l);

typedef struct eg_symmetry_options {
    size_t size;        /* sizeof(eg_symmetry_options) */
    const float *basis; /* (Q, D) orthonormal rows: H = basis^T A basis, changes within a subspace;
                           NULL: all, Q = D */
    size_t q;
    int affine; /* x -> H x + h: the last column of A is basis h */
    size_t batch;
    const eg_progress *progress;
    const eg_allocator *alloc;
    /* What a change is measured by: generators then are extremes of |J(x) H x| over |J'(x) H x|, J'
     * the Jacobian of this one, and are no longer orthogonal. NULL: by |H|_F. */
    const eg_function *against;
} eg_symmetry_options;

#define EG_SYMMETRY_OPTIONS_INIT                                      \
    {                                                                 \
        sizeof(eg_symmetry_options), NULL, 0, 0, 64, NULL, NULL, NULL \
    }

/* Numbers of a generator: Q (Q + affine). */
EG_API size_t eg_symmetry_size(const eg_function *f, const eg_symmetry_options *options);

/**
 * All generators, the most nearly kept first.
 * @param x          (N, D)
 * @param spectrum   (M) singular values over sqrt(N), rising: the root mean square over examples of
 *                   |J(x) H x| for |H|_F = 1; with `against`, over that of |J'(x) H x|
 * @param generator  (M, Q, Q + affine) in the basis, |H|_F = 1; orthonormal without `against`
 * @return EG_OK; EG_ERR_INVALID (no examples, a Jacobian that is not finite, options);
 *         EG_ERR_LIMIT (M above 8192); EG_ERR_NOMEM; EG_ERR_INTERRUPTED; what f returns
 * Source: Moskalev et al. 2022; the stacked rows are folded into a triangle block by block
 * (Golub and Van Loan 2013, section 5.2), so that memory is that of M^2 numbers. With `against` the
 * triangles are R and R', and singular values those of R R'^-1, where both have a ridge of 1e-6 of
 * their mean square: what moves nothing is like what is ordinary, and not a symmetry.
 */
EG_API EG_MUST_CHECK eg_status eg_symmetry_find(const eg_function *f, const float *x, size_t n,
                                                const eg_symmetry_options *options,
                                                double *spectrum, double *generator);

/* How well a generator is kept. */
typedef struct eg_kept {
    double bias;     /* sqrt(mean_n |J(x_n) H x_n|^2) / |H|_F */
    double variance; /* mean_n |Phi(exp(tH) x_n) - Phi(x_n)|^2 over the variance of Phi over
                        examples */
    double moved;    /* mean_n |exp(tH) x_n - x_n| / |x_n|: nothing is kept by not moving */
} eg_kept;

/**
 * @param h  (Q, Q + affine) in the basis
 * @param t  how far along the orbit
 */
EG_API EG_MUST_CHECK eg_status eg_symmetry_check(const eg_function *f, const float *x, size_t n,
                                                 const eg_symmetry_options *options,
                                                 const double *h, double t, eg_kept *out);

/* y (N, D) = exp(tH) x, what lies outside the basis unchanged. */
EG_API EG_MUST_CHECK eg_status eg_symmetry_move(const eg_function *f, const float *x, size_t n,
                                                const eg_symmetry_options *options, const double *h,
                                                double t, float *y);

/* ---- the tangent space of data ---- */

/* At x, the q directions in which the k nearest of N examples differ most from their mean: where
 * data lie on a surface of q dimensions, what is not along them leads away from it. */
typedef struct eg_tangent eg_tangent;

/**
 * @param x  (N, D) finite, borrowed
 * @param k  neighbours, q + 1 to N; q up to D
 * @return EG_OK; EG_ERR_INVALID; EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_tangent_create(const float *x, size_t n, size_t d, size_t k,
                                                 size_t q, const eg_allocator *alloc,
                                                 eg_tangent **out);
EG_API void eg_tangent_destroy(eg_tangent *t);

/* A function whose Jacobian at x is the (q, D) orthonormal directions, the largest first: what
 * generators are measured against so that they are found by what they do along the data. It has no
 * value. t outlives it; calls are not concurrent. */
EG_API eg_function eg_tangent_function(eg_tangent *t);
/* f with J(x) projected on them: what leads away from the data is not asked for. f is borrowed, by
 * the last call alone. */
EG_API eg_function eg_tangent_restrict(eg_tangent *t, const eg_function *f);

/**
 * In how many directions along the data f does not change: q less the rank of J(x) restricted to
 * the tangent space. Unrestricted, D - C says nothing about the data.
 * @param x          (N, D)
 * @param tolerance  in (0, 1): a singular value counts as 0 up to this share of |J(x)|_F, all of it
 * @param invariant  (N)
 * @param spectrum   (N, q) singular values, falling; 0 from min(C, q) on; or NULL
 */
EG_API EG_MUST_CHECK eg_status eg_level_dimension(const eg_function *f, eg_tangent *t,
                                                  const float *x, size_t n, double tolerance,
                                                  size_t *invariant, double *spectrum);

#ifdef __cplusplus
}
#endif
#endif
