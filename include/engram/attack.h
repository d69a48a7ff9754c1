/* engram/attack.h - adversarial images, corrupted images, and whom they mislead.
 *
 * An attack moves an image by what a learner's scores say about it, until the learner errs. Every
 * row climbs the margin
 *     m(x) = max_{k != a} s_k - s_a        a the image's class (untargeted), or
 *     m(x) = s_t - max_{k != t} s_k        t the target,
 * whose scores s are those of eg_learner_scores: at m = 0 the two leading classes are equal, which
 * is the decision boundary. Rows differ in the norm, the length and the direction of a step. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_ATTACK_H
#define ENGRAM_ATTACK_H

#include "engram/learner.h"
#include "engram/progress.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A row of the table of attacks, with what its options are when they are left at 0. */
typedef struct eg_attack_info {
    const char *name;    /* "boundary": what users type */
    const char *norm;    /* "linf" or "l2": in which eps and step are measured */
    const char *formula; /* of one update; u is the width of the box in that norm: hi - lo in
                            linf, (hi - lo) sqrt(D) in l2 */
    const char *source;  /* paper and equation */
    size_t steps;        /* at most so many updates; a random start is the first of them */
    double eps;          /* radius of the ball around the image that holds it, in u; 0: no ball */
    double step;         /* length of an update, in u; 0: the row finds its own */
    int noise;           /* 1: forgets the image, begins in noise and climbs to the image's class */
} eg_attack_info;

/* Rows by number, NULL past the end; number by name, -1 where no row has it. */
EG_API const eg_attack_info *eg_attack_row(size_t row);
EG_API int eg_attack_find(const char *name);

typedef struct eg_attack_options {
    size_t size;           /* sizeof(eg_attack_options) */
    size_t row;            /* of the table */
    double lo, hi;         /* the box of valid pixels, kept exactly; 0, 1 */
    double eps;            /* radius of the ball in units of pixels; 0: the row's. The row's
                              step keeps its share of it */
    double step;           /* length of an update in units of pixels; 0: the row's */
    size_t steps;          /* at most so many updates; 0: the row's */
    double overshoot;      /* deepfool: (1 + overshoot) of the way; 0.02 */
    double confidence;     /* go on until m exceeds this, in units of scores (kappa of Carlini
                              and Wagner 2017); 0: until m > 0; INFINITY: all steps */
    int32_t target;        /* class to reach; -1: any other */
    size_t batch;          /* images moved together; 256. Changes no result */
    uint64_t seed;         /* random starts are functions of (seed, index of the image) */
    const uint64_t *index; /* (N) of the images; NULL: 0..N-1 */
    const eg_progress *progress;
    const eg_allocator *alloc;
} eg_attack_options;

#define EG_ATTACK_OPTIONS_INIT                                                    \
    {                                                                             \
        sizeof(eg_attack_options), 0, 0, 1, 0, 0, 0, 0.02, 0, -1, 256, 0, 0, 0, 0 \
    }

/* What became of one image. Distances are from the image (of "rubbish": from the noise) to where
 * the attack ended, and to the boundary: NaN where none was crossed. */
typedef struct eg_attack_record {
    int success;    /* m > 0 at the end */
    int stuck;      /* ended because the gradient of the margin is 0 */
    size_t steps;   /* updates made; 0: m exceeded the confidence from the beginning */
    size_t crossed; /* the update that crossed the boundary, from 1; 0: none */
    double l2, linf;
    double boundary_l2, boundary_linf;
    int32_t before[2], after[2];           /* first and second class */
    float score_before[2], score_after[2]; /* of those classes */
} eg_attack_record;

/* Where results go; any may be NULL. */
typedef struct eg_attack_output {
    eg_attack_record *records; /* (N) */
    float *adversarial;        /* (N, D) where the attack ended */
    float *boundary;           /* (N, D) where the two leading scores are equal, by bisection of the
                                  update that crossed, on its far side; where none was crossed,
                                  where the attack ended */
    float *trace;              /* (N, steps + 1, 2) after each update: the logarithm of the share
                                  e^s_k / sum_c e^s_c of the class that m falls with, and of the
                                  one that it rises with; NaN once the attack has ended */
} eg_attack_output;

/**
 * Attack N images.
 * @param l       the learner; its parameters are not changed
 * @param x       (N, D) images inside the box; outputs must not overlap it
 * @param labels  (N) their classes
 * @return EG_OK; EG_ERR_INVALID (an option, label or pixel outside its domain, named);
 *         EG_ERR_DIVERGED (a score or gradient is not finite: the image is named); EG_ERR_NOMEM;
 *         EG_ERR_INTERRUPTED; what the learner returns. Outputs are then unspecified
 *
 * Accuracy of the boundary: 2^-24 of the update that crossed.
 * Determinism: an image's result depends on (learner, image, label, options, index) alone,
 * where the learner's scores do not depend on the batch.
 */
EG_API EG_MUST_CHECK eg_status eg_attack_run(eg_learner *l, const float *x, const int32_t *labels,
                                             size_t n, const eg_attack_options *options,
                                             const eg_attack_output *out);

/* Images made with one learner, shown to another. share = wrong / images, error its standard
 * error sqrt(p (1 - p) / n), p = (wrong + 1) / (images + 2): never 0. */
typedef struct eg_transfer {
    size_t images, wrong;
    double share, error;
} eg_transfer;

/**
 * The transfer matrix of M learners: images that learner a classes rightly are attacked with it,
 * and shown to each learner b: wrong is another class than the label. The diagonal is the success
 * of the attack; images of the target's class, which are there already, are left out. Where a row
 * begins in noise all images count, and wrong is who takes the noise for
 * the class that it was given.
 * @param matrix  (M + 1, M) row a, column b; row M: all N images as they are
 * @param made    (M) outputs of the attacks with each learner, or NULL
 * @return as eg_attack_run; EG_ERR_SHAPE (learners of other inputs or classes: both are named).
 *         A learner that classes none rightly has a row of 0 of 0, share NaN
 */
EG_API EG_MUST_CHECK eg_status eg_attack_transfer(eg_learner *const *learners, size_t m,
                                                  const float *x, const int32_t *labels, size_t n,
                                                  const eg_attack_options *options,
                                                  eg_transfer *matrix,
                                                  const eg_attack_output *made);

/* Of N images those that a learner puts into another class than their label. */
EG_API EG_MUST_CHECK eg_status eg_attack_errors(eg_learner *l, const float *x,
                                                const int32_t *labels, size_t n, size_t batch,
                                                eg_transfer *out);

/* A row of the table of corruptions: damage that knows no learner. */
typedef struct eg_corrupt_info {
    const char *name;   /* "noise" */
    const char *amount; /* what the amount means, with unit and domain */
    const char *formula;
    const char *source;
    double most; /* largest amount */
} eg_corrupt_info;

EG_API const eg_corrupt_info *eg_corrupt_row(size_t row);
EG_API int eg_corrupt_find(const char *name);

typedef struct eg_corrupt_options {
    size_t size; /* sizeof(eg_corrupt_options) */
    size_t row;
    double amount;
    double lo, hi;                  /* the box of valid pixels, kept exactly; 0, 1 */
    size_t height, width, channels; /* D = C H W, channel-major; 0: no images */
    uint64_t seed;
    const uint64_t *index; /* (N); NULL: 0..N-1 */
} eg_corrupt_options;

#define EG_CORRUPT_OPTIONS_INIT                               \
    {                                                         \
        sizeof(eg_corrupt_options), 0, 0, 0, 1, 0, 0, 0, 0, 0 \
    }

/**
 * Corrupt N images of D numbers.
 * @param out  (N, D); may be x itself, must not overlap it otherwise
 * @return EG_OK; EG_ERR_INVALID; EG_ERR_SHAPE (H W C is not D); EG_ERR_UNSUPPORTED (blur of what
 *         is no image); EG_ERR_NOMEM
 *
 * Determinism: an image's result depends on (image, options, index) alone.
 */
EG_API EG_MUST_CHECK eg_status eg_corrupt_apply(const float *x, size_t n, size_t d,
                                                const eg_corrupt_options *options, float *out);

#ifdef __cplusplus
}
#endif
#endif
