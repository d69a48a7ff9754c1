/* engram/memorised.h - what a learner knows by heart: how much an answer hangs on having seen the
 * example itself. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_MEMORISED_H
#define ENGRAM_MEMORISED_H

#include "engram/attack.h"
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

/* ---- easy examples ---- */

typedef struct eg_ease {
    double accuracy;      /* of all models on all examples */
    double always, never; /* shares of the examples that all models are right on, that none is */
    double deviation;     /* of an example's share of right models, over the examples */
    double null_always, null_never, null_deviation; /* the same if all were equally hard */
} eg_ease;

/**
 * T models trained on all examples, each from a place and in an order of its own; how many are
 * right on each. If all examples were equally hard, and models independent of rates p_t,
 *     always = prod p_t,  never = prod (1 - p_t),  deviation^2 = sum p_t (1 - p_t) / T^2.
 * Data with a rule have many examples at both ends, noise has few.
 * @param options  models, seed, threads, train, progress and alloc are read; epochs 0: one
 * @param right    (N) of T
 * @return as eg_memorised
 * Source: Arpit et al. 2017, section 3.1 and figure 1; rates of their own in the place of one.
 */
EG_API EG_MUST_CHECK eg_status eg_easy_examples(const char *spec, const eg_task *task,
                                                const eg_part *part,
                                                const eg_memorised_options *options,
                                                uint32_t *right, eg_ease *out);

/* ---- sensitivity ---- */

/**
 * g_i = |d l_i / d x_i|_1, l_i = -ln softmax(scores)_y of example i alone.
 * @param g  (N)
 * @return EG_OK; EG_ERR_INVALID (no labels, bags); EG_ERR_NOMEM; what eg_learner_pullback returns
 * Source: Arpit et al. 2017, equation 1.
 */
EG_API EG_MUST_CHECK eg_status eg_loss_sensitivity(eg_learner *l, const eg_part *part, double *g);

/* ---- critical samples ---- */

/**
 * Which examples have another answer within a box of radius r around them, as found by the row
 * "lass" of the attacks from the learner's own answer: a lower bound of how many have.
 * @param options   box, eps (the radius), step, steps, seed; its row is not read. NULL: its usual
 *                  ones, pixels in [0, 1], r = 30/255
 * @param critical  (N) 1 or 0, or NULL
 * @param ratio     their share: it grows as labels without a rule are fitted
 * @return as eg_attack_run
 * Source: Arpit et al. 2017, section 4.2, definition 2 and algorithm 1.
 */
EG_API EG_MUST_CHECK eg_status eg_critical_samples(eg_learner *l, const eg_part *part,
                                                   const eg_attack_options *options,
                                                   uint8_t *critical, double *ratio);

/* ---- over training ---- */

/**
 * Train l for how->epochs (0: those of its task), one by one, and look after each.
 * @param search    of critical samples; NULL: usual ones
 * @param mean      (N) of g over the epochs
 * @param gini      (epochs) of the mean so far: large where few examples decide, as in real data,
 *                  and small in noise; NaN where nothing is sensitive
 * @param critical  (epochs) ratio of critical samples, or NULL
 * @return as eg_train, eg_loss_sensitivity and eg_critical_samples
 * Source: Arpit et al. 2017, section 3.2 and figures 3 and 9; after epochs in the place of steps.
 */
EG_API EG_MUST_CHECK eg_status eg_sensitivity_course(eg_learner *l, const eg_part *part,
                                                     const eg_train_options *how,
                                                     const eg_attack_options *search, double *mean,
                                                     double *gini, double *critical);

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
