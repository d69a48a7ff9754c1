/* engram/memorised.h - what a learner knows by heart: how much an answer hangs on having seen the
 * example itself. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_MEMORISED_H
#define ENGRAM_MEMORISED_H

#include "engram/train.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- memorisation and influence ---- */

typedef struct eg_memorised_options {
    size_t size;   /* sizeof(eg_memorised_options) */
    size_t models; /* T, each trained on a share of the examples that is drawn anew */
    double share;  /* of the examples, in (0, 1) */
    uint64_t seed; /* of subsets; model t is made and trained with seed + t */
    int threads;
    const eg_train_options *train; /* epochs, batch and augmentation; NULL: usual ones. Seed, folder
                                      and progress are not read */
    const eg_progress *progress;   /* "models" */
    const eg_allocator *alloc;
} eg_memorised_options;

#define EG_MEMORISED_OPTIONS_INIT                                      \
    {                                                                  \
        sizeof(eg_memorised_options), 100, 0.7, 0, 0, NULL, NULL, NULL \
    }

/**
 * For each example i
 *     mem_i = P[right on x_i | i was trained on] - P[right on x_i | it was not],
 * estimated by T models on random subsets, and for each pair of an example i and one of another
 * part, j, the influence: the same of the answer to j.
 *
 * @param spec       of the learner, whose task is `task`
 * @param train      (N), labelled
 * @param other      (M), labelled, never trained on; NULL: none
 * @param memorised  (N) in [-1, 1]; NaN where an example was in all subsets, or in none
 * @param error      (N) sqrt(1/(4 T_in) + 1/(4 T_out)), what the standard error is at most
 * @param influence  (N, M), or NULL
 * @return EG_OK; EG_ERR_INVALID (options, a share that leaves nothing in or out); EG_ERR_NOMEM;
 *         EG_ERR_INTERRUPTED; what eg_learner_create and eg_train return
 * Source: Feldman and Zhang 2020, definition 1 and algorithm 1.
 */
EG_API EG_MUST_CHECK eg_status eg_memorised(const char *spec, const eg_task *task,
                                            const eg_part *train, const eg_part *other,
                                            const eg_memorised_options *options, double *memorised,
                                            double *error, double *influence);

/* ---- any labels ---- */

/* Weights of a network of one hidden layer that fits any numbers,
 *     f(x) = sum_j w_j max(<a, x> - b_j, 0):   2 N + D weights for N examples. */
typedef struct eg_fitting_net {
    size_t n, d;
    double *a, *b, *w; /* (D), (N), (N) the caller's */
} eg_fitting_net;

/**
 * Project on a random direction, put a threshold below each example: the matrix is triangular.
 * @param x  (N, D); y (N)
 * @return EG_OK; EG_ERR_INVALID (two examples of equal projection: equal points have no such
 *         network unless their numbers are equal); EG_ERR_NOMEM
 * Source: Zhang et al. 2017, theorem 1 and its proof.
 */
EG_API EG_MUST_CHECK eg_status eg_fitting_net_make(const float *x, const double *y, uint64_t seed,
                                                   const eg_allocator *alloc, eg_fitting_net *net);
EG_API double eg_fitting_net_value(const eg_fitting_net *net, const float *x);

/* ---- unevenness ---- */

/* Gini coefficient sum_ij |v_i - v_j| / (2 n^2 mean) of numbers >= 0: 0 where all are equal,
 * 1 - 1/n where one has everything. Of losses' sensitivities it is large for real data and small
 * for noise (Arpit et al. 2017). NaN of no numbers, of a sum of 0, of a negative one. sorts v. */
EG_API double eg_gini(double *v, size_t n);

#ifdef __cplusplus
}
#endif
#endif
