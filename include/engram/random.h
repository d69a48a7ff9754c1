/* engram/random.h - counter-based random numbers.
 *
 * Philox4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3",
 * table 2): draw number i of stream s under seed k is a pure function of (k, s, i),
 * so it depends neither on threads nor on what was drawn before. A new use of
 * randomness takes a new stream. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_RANDOM_H
#define ENGRAM_RANDOM_H

#include <stddef.h>
#include <stdint.h>

#include "engram/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Draws first .. first + n - 1 of a stream: multiples of 2^-24 in [0, 1). */
EG_API void eg_random_uniform(uint64_t seed, uint64_t stream, uint64_t first, size_t n, float *out);

/* Standard normal numbers (Box and Muller 1958), mean 0 and variance 1. */
EG_API void eg_random_normal(uint64_t seed, uint64_t stream, uint64_t first, size_t n, float *out);

/* -1 or +1 with probability 1/2 each. */
EG_API void eg_random_sign(uint64_t seed, uint64_t stream, uint64_t first, size_t n, float *out);

/* Draw number at of a stream, uniform over 0 .. bound - 1 (bound >= 1; the bias is
 * below bound / 2^64). */
EG_API uint64_t eg_random_below(uint64_t seed, uint64_t stream, uint64_t at, uint64_t bound);

/* A uniformly random order of 0 .. n - 1 (Fisher and Yates). */
EG_API void eg_random_permutation(uint64_t seed, uint64_t stream, size_t n, size_t *out);

#ifdef __cplusplus
}
#endif
#endif
