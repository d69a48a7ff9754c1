/* engram/spectrum.h - eigenvalues of large symmetric operators known by their products alone, and
 * the curvature of a network's loss as such an operator. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_SPECTRUM_H
#define ENGRAM_SPECTRUM_H

#include "engram/train.h"

#ifdef __cplusplus
extern "C" {
#endif

/* y = A x of a symmetric A; x and y (n) do not overlap. */
typedef struct eg_operator {
    size_t n;
    eg_status (*apply)(void *user, const double *x, double *y);
    void *user;
} eg_operator;

typedef struct eg_spectrum_options {
    size_t size;      /* of this struct */
    size_t steps;     /* of Lanczos at most; 0: 300 */
    size_t draws;     /* random vectors of the trace and the density */
    double tolerance; /* of an eigenvalue's residual, over the largest |eigenvalue| */
    uint64_t seed;
    const eg_progress *progress; /* "products" */
    const eg_allocator *alloc;
} eg_spectrum_options;

#define EG_SPECTRUM_OPTIONS_INIT                                \
    {                                                           \
        sizeof(eg_spectrum_options), 0, 10, 1e-6, 0, NULL, NULL \
    }

typedef struct eg_extremes {
    size_t steps; /* products that were taken */
    int resolved; /* 1: all residuals are below the tolerance */
} eg_extremes;

/**
 * The `top` largest and the `bottom` smallest eigenvalues, with their signs: Lanczos with full
 * reorthogonalisation; where the subspace is exhausted, from a new vector, so that multiple
 * eigenvalues come as often as they are.
 * @param largest   (top) falling; smallest (bottom) rising: the most negative first
 * @param residual  (top + bottom) |A v - lambda v| of each, or NULL
 * @return EG_OK; EG_ERR_INVALID (top or bottom above n, options); EG_ERR_LIMIT (steps n above
 * 2^29); EG_ERR_DIVERGED (a product that is not finite); EG_ERR_NOMEM; EG_ERR_INTERRUPTED Source:
 * Golub and Van Loan 2013, section 10.1; Parlett 1998, chapter 13.
 */
EG_API EG_MUST_CHECK eg_status eg_eigenvalues(const eg_operator *a, size_t top, size_t bottom,
                                              const eg_spectrum_options *options, double *largest,
                                              double *smallest, double *residual, eg_extremes *out);

/* Trace by `draws` sign vectors v: mean of v^T A v, whose variance is 2 (|A|_F^2 - sum A_ii^2) over
 * draws; error: the standard error estimated from the draws, NaN of one. Hutchinson 1990. */
EG_API EG_MUST_CHECK eg_status eg_trace(const eg_operator *a, const eg_spectrum_options *options,
                                        double *trace, double *error);

/* Diagonal by the mean of v (A v) over the same draws; exact where A is diagonal. */
EG_API EG_MUST_CHECK eg_status eg_diagonal(const eg_operator *a, const eg_spectrum_options *options,
                                           double *diagonal);

/**
 * Density of eigenvalues by stochastic Lanczos quadrature: for each draw the eigenvalues theta_j of
 * the tridiagonal matrix and the squares of the first components of its eigenvectors, which sum to
 * 1: sum_j w_j theta_j^p = v^T A^p v for p < 2 steps.
 * @param node, weight  (draws, steps); where the subspace ends before, weights 0 follow. The mean
 *                      over draws of sum_j w_j f(theta_j) is about trace f(A) / n
 * Source: Ubaru, Chen and Saad 2017.
 */
EG_API EG_MUST_CHECK eg_status eg_density(const eg_operator *a, const eg_spectrum_options *options,
                                          double *node, double *weight);

/* ---- curvature of a loss ---- */

typedef enum eg_curvature_kind {
    EG_HESSIAN,     /* H = G + sum_k (dl/dz_k) Hessian of z_k */
    EG_GAUSS_NEWTON /* G = J^T (d^2 l / dz^2) J, J = dz/dw: what is left where scores are linear */
} eg_curvature_kind;

/* The mean loss of a part of a data set, as a function of the n numbers that a network learned: in
 * f64, norms with their running statistics, nothing dropped. The learner is not changed. */
typedef struct eg_curvature eg_curvature;

typedef struct eg_curvature_options {
    size_t size;  /* of this struct */
    size_t batch; /* examples at once */
    int threads;
    const eg_allocator *alloc;
} eg_curvature_options;

#define EG_CURVATURE_OPTIONS_INIT                  \
    {                                              \
        sizeof(eg_curvature_options), 256, 0, NULL \
    }

/**
 * @param l, part  borrowed
 * @return EG_OK; EG_ERR_UNSUPPORTED (a learner whose scores are not operations on a tape, or of
 *         bags); EG_ERR_INVALID (no examples, no labels, nothing learned); EG_ERR_SHAPE;
 * EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_curvature_create(eg_learner *l, const eg_part *part,
                                                   const eg_curvature_options *options,
                                                   eg_curvature **out);
EG_API void eg_curvature_destroy(eg_curvature *c);
EG_API size_t eg_curvature_size(const eg_curvature *c); /* n */

/* Loss, and its gradient (n) where it is not NULL, at w (n); w NULL: what was learned. */
EG_API EG_MUST_CHECK eg_status eg_curvature_loss(eg_curvature *c, const double *w, double *loss,
                                                 double *gradient);

/* Products with the curvature at what was learned: the tape differentiated twice (Pearlmutter
 * 1994), exact but for rounding in f64. Valid until c is destroyed. EG_ERR_UNSUPPORTED where a
 * layer's operation has one derivative only (docs/networks.md). */
EG_API eg_operator eg_curvature_operator(eg_curvature *c, eg_curvature_kind kind);

/* What was learned: (n), borrowed. */
EG_API const double *eg_curvature_point(const eg_curvature *c);

#ifdef __cplusplus
}
#endif
#endif
