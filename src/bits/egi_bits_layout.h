/* What an egi_bits is made of: for the files of this folder only. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_BITS_LAYOUT_H
#define EGI_BITS_LAYOUT_H

#include "bits/egi_bits.h"
#include "kernel/egi_kernel_bits.h"

struct egi_bits {
    eg_allocator alloc;
    struct egi_kernels_bits kernel;
    size_t d, words, blocks; /* D; W = ceil(D / 64); ceil(D / 16) */
    size_t n, room;          /* N; memories that fit, a multiple of 32 */
    uint64_t *rows;          /* (room, W) */
    uint32_t *bits;          /* (blocks, room / 32, 16): see egi_kernel_bits.h; derived from rows */
};

static inline size_t egi_bits_stride(const struct egi_bits *b)
{
    return b->room / EGI_BITS_GROUP * EGI_BITS_LANES;
}

static inline size_t egi_bits_groups(size_t n)
{
    return (n + EGI_BITS_GROUP - 1) / EGI_BITS_GROUP;
}

/* The words of component j, 16 apart. */
static inline uint32_t *egi_bits_column(const struct egi_bits *b, size_t j)
{
    return b->bits + j / EGI_BITS_LANES * egi_bits_stride(b) + j % EGI_BITS_LANES;
}

#endif
