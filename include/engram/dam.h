/* engram/dam.h - what the memories of a trained dense associative memory are.
 *
 * At a small power of the energy memories are features, many of which decide an image together;
 * at a large one each is a prototype of one class, and one decides alone. These numbers say where
 * a learner stands between the two (Krotov and Hopfield 2016, section 5). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_DAM_H
#define ENGRAM_DAM_H

#include "engram/learner.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One memory xi: its visible part (D) and its class part (K). */
typedef struct eg_dam_memory {
    size_t votes;   /* classes a with xi_a > threshold */
    size_t most;    /* the class of the largest xi_a */
    size_t nearest; /* the image whose v has the largest cosine with the visible part */
    double cosine;  /* that cosine, v = scale x + offset; 0 for a memory or image of zeros */
} eg_dam_memory;

typedef struct eg_dam_options {
    size_t size;      /* sizeof(eg_dam_options) */
    double threshold; /* of a vote, in [-1, 1) */
    double share;     /* of the largest contribution, in [0, 1]: those above it decide */
} eg_dam_options;

#define EG_DAM_OPTIONS_INIT           \
    {                                 \
        sizeof(eg_dam_options), 0, .9 \
    }

/* The number H of memories of a learner; 0 where its kind is not "dam". */
EG_API size_t eg_dam_count(const eg_learner *l);

/**
 * What each memory is, and how many of them decide each image. Memory mu contributes to the score
 * of the class a that is found F(s + 2 xi_a) - F(s) (form "full") or xi_a F'(s) (form "dual"), s
 * its overlap with the image; it decides if that is positive and above `share` times the largest.
 *
 * @param l         of kind "dam"; not changed, but its scratch is used: exclusive access
 * @param x         (B, D) images, finite
 * @param options   NULL: defaults
 * @param memories  (H), or NULL
 * @param deciding  (B) numbers of memories, or NULL; 0 where no contribution is positive
 * @return EG_OK; EG_ERR_UNSUPPORTED (another kind); EG_ERR_INVALID; EG_ERR_NOMEM
 *
 * Cost: that of the scores of B images, and H B powers for `deciding`.   Determinism: R1.
 */
EG_API EG_MUST_CHECK eg_status eg_dam_prototypes(eg_learner *l, const float *x, size_t b,
                                                 const eg_dam_options *options,
                                                 eg_dam_memory *memories, size_t *deciding);

#ifdef __cplusplus
}
#endif
#endif
