/* Packed patterns of +1 (bit 1) and -1 (bit 0): overlaps by XOR and popcount, weighted sums
 * by bit, asynchronous sweeps by tables. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_BITS_H
#define EGI_BITS_H

#include <stddef.h>
#include <stdint.h>

#include "base/egi_base.h"

struct egi_bits; /* N patterns of D bits; owns its memory */

eg_status egi_bits_create(size_t d, const eg_allocator *alloc, struct egi_bits **out);
void egi_bits_destroy(struct egi_bits *b);

/* Room for n patterns in all. */
eg_status egi_bits_reserve(struct egi_bits *b, size_t n);

/* Append n patterns given as numbers: component >= 0 is bit 1. All or none. */
eg_status egi_bits_append(struct egi_bits *b, const float *patterns, size_t n);
/* Take pattern i out, the order of the others kept: keep (N) says which stay. */
void egi_bits_keep(struct egi_bits *b, const uint8_t *keep);
void egi_bits_replace(struct egi_bits *b, size_t i, const float *pattern);
void egi_bits_get(const struct egi_bits *b, size_t i, float *pattern); /* (D) +1 / -1 */
size_t egi_bits_count(const struct egi_bits *b);
size_t egi_bits_bytes(const struct egi_bits *b);

/* Words of a packed state, and packing one: bit 1 where x >= 0. Unused high bits are 0. */
size_t egi_bits_words(size_t d);
void egi_bits_pack(const float *x, size_t d, uint64_t *words);

/* Overlaps s_i = D - 2 hamming(xi_i, x), exact integers: (N). */
void egi_bits_overlaps(const struct egi_bits *b, const uint64_t *x, int threads, int32_t *overlap);

/* The same of n packed rows (n, W) that lie elsewhere. */
void egi_bits_overlaps_of(const uint64_t *rows, size_t n, size_t d, const uint64_t *x,
                          int32_t *overlap);

/* y_j = sum_i a_i xi_ij: (D). a (N) f32. Same bits for any number of threads. */
void egi_bits_weighted_sum(const struct egi_bits *b, const float *a, int threads, float *y);

/* y_j = -1, 0 or 1, the sign of what egi_bits_weighted_sum() gives: (D), several times faster.
 * a (N) finite, its magnitudes' sum too. work: (egi_bits_signs_work(b)) doubles, about N / 4. */
void egi_bits_signs(const struct egi_bits *b, const float *a, int threads, double *work, float *y);
size_t egi_bits_signs_work(const struct egi_bits *b);

/* A separable energy E = -sum_i w_i F(s_i), as the table of its differences:
 * difference[s + D] = (F(s) - F(s - 2)) / scale for the overlaps s of D's parity that occur
 * (s - 2 >= -D; entries outside are not read). */
struct egi_bits_sweep {
    const double *difference; /* (2 D + 3) */
    const double *weight;     /* (N) multiplicities or NULL: ones */
    const uint32_t *order;    /* (D) components in the order of the sweep, or NULL: 0 .. D-1 */
    const uint8_t *clamp;     /* (D) 1: keep, or NULL */
    int steepest;             /* 1: instead of a sweep, D times the flip that lowers E most, or
                                 until none does; the lowest j of equals; order is not read */
    double *work;             /* (egi_bits_sweep_work(b)) scratch, aligned to EGI_ALIGN */
};

/* Doubles of scratch that a sweep needs: about N / 2 + 3 D. Never overflows where b exists. */
size_t egi_bits_sweep_work(const struct egi_bits *b);

/* One asynchronous sweep in place: each component takes the value of lower energy by the exact
 * difference of E, ties keep it. overlap (N) holds the overlaps of x on entry and on return.
 * Returns the number of flips.
 *
 * Accuracy: where the table entries times the weights are multiples of one power of two and
 * their sum of magnitudes is below 2^53 times it (n = 2 and n = 3 as integers), every comparison
 * is exact. Elsewhere a difference within the rounding bound of its sum counts as a tie, so that
 * E never rises and no component flips for ever.
 * Determinism: the same bits for any number of threads. */
size_t egi_bits_sweep(const struct egi_bits *b, const struct egi_bits_sweep *sweep, uint64_t *x,
                      int32_t *overlap, int threads);

#endif
