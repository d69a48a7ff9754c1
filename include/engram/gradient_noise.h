/* engram/gradient_noise.h - how much the gradient of a batch differs from that of all examples. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_GRADIENT_NOISE_H
#define ENGRAM_GRADIENT_NOISE_H

#include "engram/train.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of M weights, gradients g_b of B batches, all examples dealt anew in each pass over them. */
typedef struct eg_gradient_noise {
    size_t weights, batches;
    double drift;  /* D1 = |mean_b g_b|^2 */
    double signal; /* D1 - D2 / B: |grad L|^2 without the noise's part; may be below 0 by chance */
    double noise;  /* D2 = sum_i Var_b(g_i), the variance with B - 1 */
    double loss;   /* mean over the batches */
} eg_gradient_noise;

typedef struct eg_gradient_noise_options {
    size_t size;    /* of this struct */
    size_t batch;   /* examples of a gradient; a rest of fewer is not used */
    size_t batches; /* 2 or more */
    uint64_t seed;
    int threads;
    const eg_progress *progress; /* "batches" */
} eg_gradient_noise_options;

#define EG_GRADIENT_NOISE_OPTIONS_INIT                         \
    {                                                          \
        sizeof(eg_gradient_noise_options), 100, 40, 0, 0, NULL \
    }

/**
 * Drift and noise of a network's gradient where it stands. Steps of a rate eta with such noise are
 * a system at the temperature T = eta D2 / (2 M) (Baity-Jesi et al. 2018, section 3; eta s^2 / (2
 * B) for a batch of B).
 * @param out  of all that is learned
 * @param each  (eg_params_count(eg_learner_params(l))) of each array alone, from the same
 * gradients; weights 0 where it is not learned; or NULL
 * @return EG_OK; EG_ERR_UNSUPPORTED (no network of layers); EG_ERR_SHAPE; EG_ERR_INVALID (fewer
 * than two batches; a batch of more than all examples); EG_ERR_INTERRUPTED;
 *         EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_gradient_noise_of(eg_learner *l, const eg_part *part,
                                                    const eg_gradient_noise_options *options,
                                                    eg_gradient_noise *out,
                                                    eg_gradient_noise *each);

#ifdef __cplusplus
}
#endif
#endif
