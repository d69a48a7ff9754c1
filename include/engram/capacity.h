/* engram/capacity.h - the capacity laboratory: measured recall over load and corruption,
 * beside the theory of engram/theory.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_CAPACITY_H
#define ENGRAM_CAPACITY_H

#include <stddef.h>
#include <stdint.h>

#include "engram/memory.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum eg_patterns {
    EG_PATTERNS_SIGNS,    /* independent +-1, p = 1/2 */
    EG_PATTERNS_SPHERE,   /* uniform on the sphere of radius K sqrt(D - 1) */
    EG_PATTERNS_GAUSSIAN, /* independent N(0, 1) components */
    EG_PATTERNS_COUNT
} eg_patterns;

typedef enum eg_corruption {
    EG_CORRUPT_FLIP,   /* each component changes sign with probability `amount` */
    EG_CORRUPT_NOISE,  /* plus N(0, amount^2) */
    EG_CORRUPT_MASK,   /* a fraction `amount` of the components set to 0 */
    EG_CORRUPT_RANDOM, /* the cue is a random pattern: the amount is not used */
    EG_CORRUPT_COUNT
} eg_corruption;

/* One cell of the laboratory: `trials` cues of memories drawn with `seed`. */
typedef struct eg_capacity_options {
    size_t size; /* sizeof(eg_capacity_options) */
    size_t d, n; /* components; patterns */
    eg_memory_options memory;
    eg_recall_options recall;
    eg_patterns patterns;
    double radius; /* K of the sphere; 1 */
    eg_corruption corruption;
    double amount;
    double threshold; /* recovered: overlap with its pattern >= this; 0.99 */
    size_t trials;    /* cues; 1000 */
    size_t draws;     /* independent sets of patterns they are shared over; 10 */
    uint64_t seed;
} eg_capacity_options;

#define EG_CAPACITY_OPTIONS_INIT                                                              \
    {                                                                                         \
        sizeof(eg_capacity_options), 100, 10, EG_MEMORY_OPTIONS_INIT, EG_RECALL_OPTIONS_INIT, \
            EG_PATTERNS_SIGNS, 1, EG_CORRUPT_FLIP, 0.1, 0.99, 1000, 10, 0                     \
    }

typedef struct eg_capacity_result {
    double recovered, recovered_error; /* share of cues, and its standard error */
    double overlap, overlap_error;     /* mean overlap with the cue's own pattern */
    double nearest;                    /* mean overlap with the nearest memory */
    double bit_error;                  /* share of components whose sign is wrong */
    double unstable;                   /* share of components of the exact pattern that one
                                          synchronous step changes: what theory predicts */
    double steps;                      /* mean */
    double converged;                  /* share */
    double exact;                      /* share equal to the pattern to the bit */
} eg_capacity_result;

EG_API EG_MUST_CHECK eg_status eg_capacity_measure(const eg_capacity_options *options,
                                                   eg_capacity_result *result);

/* The patterns and cues the laboratory draws, for programs that want them: patterns (N, D). */
EG_API EG_MUST_CHECK eg_status eg_patterns_draw(eg_patterns kind, double radius, uint64_t seed,
                                                size_t n, size_t d, float *patterns);
/* cue (Q, D) from patterns (Q, D); may be the same array. */
EG_API EG_MUST_CHECK eg_status eg_patterns_corrupt(eg_corruption kind, double amount, uint64_t seed,
                                                   const float *patterns, size_t q, size_t d,
                                                   float *cues);

#ifdef __cplusplus
}
#endif
#endif
