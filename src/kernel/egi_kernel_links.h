/* Kernels of connections that exist or do not: rows of a bit matrix, of which only those of
 * active units are read, 64 connections a word. Every result is exact, so all rows of the table
 * agree to the bit. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_KERNEL_LINKS_H
#define EGI_KERNEL_LINKS_H

#include <stddef.h>
#include <stdint.h>

#include "kernel/egi_kernel.h"

struct egi_kernels_links {
    const char *name;
    enum egi_isa isa;

    /* out = row_0 | ... | row_(k-1): (words). */
    void (*join)(const uint64_t *const *row, size_t k, size_t words, uint64_t *out);

    /* Each cluster of a state &= those of the k rows that speak for another cluster: state
     * (clusters group), cluster (k) whose row it is. count (clusters): ones that are left. */
    void (*agree)(const uint64_t *const *row, const uint32_t *cluster, size_t k, size_t clusters,
                  size_t group, uint64_t *state, uint32_t *count);

    /* score_j += how many of the k rows have bit j: (64 words). k <= 65535 less what is there. */
    void (*tally)(const uint64_t *const *row, size_t k, size_t words, uint16_t *score);

    /* Ones in each of n groups of `words` words: (n). */
    void (*ones)(const uint64_t *bits, size_t n, size_t words, uint32_t *count);
};

extern const struct egi_kernels_links egi_kernels_links_ref;
extern const struct egi_kernels_links egi_kernels_links_avx2;

/* All rows, best last, ending in NULL; a NULL slot falls back to the row before. */
extern const struct egi_kernels_links *const egi_kernel_links_rows[];

/* The rows this CPU can run up to a level, laid over each other: no slot is NULL. */
struct egi_kernels_links egi_kernels_links(enum egi_isa level);

#endif
