/* Which of a dictionary are nearest to one patch: what codes of patches spend their time on.
 *
 * Determinism: comparisons and whole numbers alone follow the products, so that every row of
 * kernels gives the same bits. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_KERNEL_PATCHES_H
#define EGI_KERNEL_PATCHES_H

#include "kernel/egi_kernel.h"

struct egi_kernels_patches {
    enum egi_isa isa;
    /* near (2, n): 1 where product_i + offset_i is among the `most` largest of its row, then of
     * -product_i + offset_(n + i), else 0; of equal ones all are. offset (2, n); 1 <= most <= n
     * below 2^31; key (n) is scratch. */
    void (*near)(const float *product, const float *offset, size_t n, size_t most, int32_t *key,
                 uint8_t *near);
};

/* By level; every slot of every row is filled. */
const struct egi_kernels_patches *egi_kernels_patches(enum egi_isa level);

#endif
