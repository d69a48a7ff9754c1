/* Kernels of packed +1/-1 patterns: raw pointers in, numbers out; they cannot fail.
 *
 * Two layouts. Rows: u64 (N, W), bit c of a row is component c, for overlaps. Blocks: for 16
 * components together, u32 (groups, 16): bit i of word (g, c) is component c of memory
 * 32 g + i, for sums along memories. A column is one component's words: every 16th of a block.
 *
 * Every sum has one order, written down here and kept by every row of the table, so that rows
 * agree to the bit; n is any number unless stated. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_KERNEL_BITS_H
#define EGI_KERNEL_BITS_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/egi_kernel.h"

enum {
    EGI_BITS_LANES = 16,   /* components of a block */
    EGI_BITS_GROUP = 32,   /* memories of a word */
    EGI_BITS_TABLE = 128,  /* floats that stand for a group: 8 tables of 16 */
    EGI_BITS_CHUNK = 64,   /* groups whose tables stay in the first cache */
    EGI_BITS_WHOLE = 16383 /* the largest whole weight */
};

struct egi_kernels_bits {
    const char *name;
    enum egi_isa isa;
    int (*also)(void); /* what the row needs beyond its level; NULL: nothing */

    /* overlap_i = 64 words - 2 popcount(rows_i ^ x) - pad: (n), rows (n, words). */
    void (*overlaps)(const uint64_t *rows, size_t n, size_t words, const uint64_t *x, int32_t pad,
                     int32_t *overlap);

    /* The 16 signed sums (+-a0 +- a1) + (+-a2 +- a3) of each 4 memories: a (32 groups),
     * tables (groups, 8, 16), 64-byte aligned; bit k of the entry's number is the sign of a_k. */
    void (*sum_tables)(const float *a, size_t groups, float *tables);

    /* y (blocks, 16) += sum over the groups of blocks (blocks, stride): in a group the 8 table
     * values one after the other, then the groups one after the other, then y. */
    void (*signed_sums)(const uint32_t *bits, size_t stride, size_t blocks, size_t groups,
                        const float *tables, float *y);

    /* The same of whole weights, exactly: y (blocks, 16) += sum_i +-w_i, w (32 groups), groups <=
     * EGI_BITS_CHUNK, |w_i| <= EGI_BITS_WHOLE. */
    void (*whole_sums)(const uint32_t *bits, size_t stride, size_t blocks, size_t groups,
                       const int16_t *w, int32_t *y);

    /* out_c = sum of those h_i whose bit in column c, XORed with invert_c (0 or ~0), is 1: h
     * (32 groups), m columns. 32 running sums, one a bit, then halved: 16, 8, 4, 2, 1. */
    void (*masked_sums)(const double *h, size_t groups, const uint32_t *const *column,
                        const uint32_t *invert, size_t m, double *out);

    /* The same of f32. */
    void (*masked_sums_f32)(const float *h, size_t groups, const uint32_t *const *column,
                            const uint32_t *invert, size_t m, float *out);

    /* h_i = c0 + s_i (c1 + s_i c2), two fused multiply-adds; sums (2) of s_i and of s_i^2, 32
     * running sums as above, the squares by fused multiply-adds: n of them, h (32 groups) 0 from
     * n on. */
    void (*quadratics)(const int32_t *s, size_t n, const float *c, float *h, float *sums);

    /* h_i = table[s_i / 2] for n even or odd s (rounded down); weight_i times it, if not NULL. */
    void (*look_up)(const int32_t *s, size_t n, const double *table, const double *weight,
                    double *h);

    /* s_i -= 2 where the bit in the column, XORed with invert, is 1, else s_i += 2: n of them. */
    void (*shift)(const uint32_t *column, uint32_t invert, size_t n, int32_t *s);
};

extern const struct egi_kernels_bits egi_kernels_bits_ref;
extern const struct egi_kernels_bits egi_kernels_bits_avx2;
extern const struct egi_kernels_bits egi_kernels_bits_avx512;
extern const struct egi_kernels_bits egi_kernels_bits_popcnt;

/* All rows, best last, ending in NULL; a NULL slot falls back to the row before. */
extern const struct egi_kernels_bits *const egi_kernel_bits_rows[];
int egi_kernels_bits_can_run(const struct egi_kernels_bits *row);

/* The rows this CPU can run up to a level, laid over each other: no slot is NULL. */
struct egi_kernels_bits egi_kernels_bits(enum egi_isa level);

#endif
