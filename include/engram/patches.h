/* engram/patches.h - dictionaries of patches: pictures told apart by which of the patches of a
 * dictionary each of their own patches is near to, and nothing else that is learned but a linear
 * classifier (Thiry, Arbel, Belilovsky and Oyallon 2021). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_PATCHES_H
#define ENGRAM_PATCHES_H

#include "engram/dataset.h"
#include "engram/learner.h"
#include "engram/tape.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_patch_codes {
    size_t size;           /* of this struct */
    double share;          /* of the dictionary that counts as near, in (0, 1] */
    size_t window, stride; /* of the mean over neighbouring places; window 1: none */
    int partial;           /* windows that lie over the border count: means of what lies within */
} eg_patch_codes;

#define EG_PATCH_CODES_INIT                  \
    {                                        \
        sizeof(eg_patch_codes), 0.4, 5, 3, 1 \
    }

/**
 * Codes of every patch q of x: channel i < N is 1 where p_i is among the K = round(share N) patches
 * nearest to q, channel N + i where -p_i is among the K nearest of the mirrored ones; then means
 * over windows. Distances are those after whitening, |W (q - p)|^2, up to what all share:
 *     near_i = <k_i, q> + a_i for +p,   -<k_i, q> + b_i for -p,   K largest (ties: all).
 * @param x       (B, C, H, W), looked at in f32; nothing flows back to it
 * @param kernel  (N, C, S, S) k_i = W^T W p_i
 * @param offset  (2, N) a, b
 * @return (B, 2 N, H', W'), H' = (H - S + 1 - window) / stride + 1, rounded up where windows are
 *         partial, else down; EG_NONE after a failure
 */
EG_API eg_var eg_patch_near(eg_tape *t, eg_var x, eg_var kernel, eg_var offset,
                            const eg_patch_codes *options);

typedef struct eg_patch_options {
    size_t size;    /* of this struct */
    size_t patches; /* N */
    size_t side;    /* S */
    double epsilon; /* added to the variances that whitening divides by; infinite: no whitening */
    size_t sample;  /* patches that mean and covariance are taken over, at most; 0: all */
    uint64_t seed;
    const eg_allocator *alloc;
    int mirror_at_zero; /* -p is p mirrored at the patch of zeros, as in the source; else at the
                           mean of patches */
} eg_patch_options;

#define EG_PATCH_OPTIONS_INIT                                        \
    {                                                                \
        sizeof(eg_patch_options), 2048, 6, 1e-3, 1000000, 0, NULL, 0 \
    }

/**
 * A dictionary: patches drawn from the set, whitened by W = (C + epsilon)^(-1/2), C the covariance
 * of patches.
 * @param set       pictures
 * @param kernel    (N, C S S)
 * @param offset    (2, N)
 * @param spectrum  (C S S) eigenvalues of the covariance, rising, or NULL
 * @return EG_OK; EG_ERR_INVALID (options; no pictures, or smaller than a patch; patches that do not
 *         vary); EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_patch_dictionary(const eg_dataset *set,
                                                   const eg_patch_options *options, float *kernel,
                                                   float *offset, double *spectrum);

/* The same into every `patches` layer of a network, whose sides and numbers count. Returns
 * EG_NOT_FOUND where it has none. */
EG_API EG_MUST_CHECK eg_status eg_patch_learner(eg_learner *l, const eg_dataset *set,
                                                const eg_patch_options *options);

/**
 * How much each place of an example speaks for a class: gradient times input, summed over channels,
 * and an even share of the score of nothing. Where the score is linear in x, as after codes of
 * patches, the map's sum is the score, exactly but for rounding.
 * @param x    (C, places) one example
 * @param map  (places)
 * @param rest score - sum of map: 0 where the learner is linear; or NULL
 */
EG_API EG_MUST_CHECK eg_status eg_evidence(eg_learner *l, const float *x, size_t channels,
                                           size_t class_, double *map, double *rest);

#ifdef __cplusplus
}
#endif
#endif
