/* engram/jamming.h - can a network satisfy all its examples? Constraints as in the packing of
 * spheres.
 *
 * Two classes, y = -1, 1, and f = z_1 - z_0 of a network of two scores:
 *   Delta_i = margin - y_i f(x_i),   L = 1/P sum_i max(0, Delta_i)^2 / 2,   N_Delta = #{Delta_i >
 * 0} The phase where L reaches 0 ends at a critical number of examples a weight, P / N, where
 * N_Delta jumps from 0 to a share of N: the network jams (Spigler et al. 2019; Geiger et al. 2019,
 * section 2). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_JAMMING_H
#define ENGRAM_JAMMING_H

#include "engram/train.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_jamming_options {
    size_t size;   /* of this struct */
    double margin; /* above 0 */
    double rate;   /* of Adam at the first step; it falls to 0 as a cosine over all steps */
    size_t steps;  /* at most */
    int threads;
    const eg_progress *progress; /* "steps" */
    const eg_allocator *alloc;
} eg_jamming_options;

#define EG_JAMMING_OPTIONS_INIT                                    \
    {                                                              \
        sizeof(eg_jamming_options), 1, 0.002, 30000, 0, NULL, NULL \
    }

typedef struct eg_jammed {
    size_t steps;       /* taken; fewer than all where nothing was left to do */
    size_t unsatisfied; /* N_Delta, counted in f64 */
    size_t weights; /* N: numbers in arrays of two axes or more; the last layer's counts once, for
                       only the difference of its two rows is used */
    double loss;    /* L */
} eg_jammed;

/**
 * Minimise L by all examples at each step (Kingma and Ba 2015), in f64 throughout: a count of
 * constraints is decided by differences that f32 does not hold. Ends when N_Delta is 0. The learner
 * then holds what was found, rounded to its own type.
 * @param part  of labels 0 and 1, for a learner of two classes
 * @param gap   (P) Delta at the end: forces where it is above 0, minus gaps elsewhere; or NULL
 * @return EG_OK; EG_ERR_INVALID; EG_ERR_SHAPE; EG_ERR_UNSUPPORTED (no network of layers);
 *         EG_ERR_DIVERGED (the step); EG_ERR_INTERRUPTED; EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_jam(eg_learner *l, const eg_part *part,
                                      const eg_jamming_options *options, double *gap,
                                      eg_jammed *out);

#ifdef __cplusplus
}
#endif
#endif
