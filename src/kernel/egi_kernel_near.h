/* How near vectors of f32 are: what classifiers over stored features spend their time on.
 *
 * Determinism: component j is added to running sum j mod 16, and the sixteen are added by halves;
 * beside anchors that lie together, each has one sum. No FMA: every row of kernels gives the same
 * bits. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_KERNEL_NEAR_H
#define EGI_KERNEL_NEAR_H

#include "kernel/egi_kernel.h"

enum { EGI_NEAR_ANCHORS = 32 };

struct egi_kernels_near {
    enum egi_isa isa;
    float (*dot)(const float *x, const float *y, size_t d);   /* <x, y> */
    float (*apart)(const float *x, const float *y, size_t d); /* |x - y|^2 */
    /* far (EGI_NEAR_ANCHORS): |anchor_i - x|^2, component j of anchor i at anchor[j stride + i] */
    void (*anchors)(const float *anchor, size_t stride, const float *x, size_t d, float *far);
};

/* By level; every slot of every row is filled. */
const struct egi_kernels_near *egi_kernels_near(enum egi_isa level);

#endif
