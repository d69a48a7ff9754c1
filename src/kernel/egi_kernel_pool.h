/* Pooling of planes (H, W): where the largest of a window is, the mean of a window, and the
 * adjoint of the mean. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_KERNEL_POOL_H
#define EGI_KERNEL_POOL_H

#include <stddef.h>
#include <stdint.h>

#include "engram/tensor.h"

enum egi_pooling_kind { EGI_POOLING_INDEX, EGI_POOLING_MEAN, EGI_POOLING_SPREAD };

/* Window i of an axis begins at i stride - padding; where kernel is 0, it goes from
 * floor(i in / out) to ceil((i + 1) in / out), and windows may overlap. Every window has a place
 * inside. */
struct egi_pooling {
    size_t planes, in[2], out[2];
    size_t kernel[2], stride[2], padding[2];
};

/* INDEX: x (planes, H, W) to i32 (planes, H', W'), the place in 0..HW-1 of the first of the largest
 * inside; NaN wins. MEAN: (planes, H, W) to (planes, H', W'); padding counts as zeros. SPREAD: its
 * adjoint, (planes, H', W') to (planes, H, W). dtype is that of x, EG_F32 or EG_F64. */
void egi_pooling_run(const struct egi_pooling *g, enum egi_pooling_kind kind, eg_dtype dtype,
                     const char *x, char *y, int threads);

#endif
