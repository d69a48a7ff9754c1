/* Dot products and distances of one state with listed rows, in double: where a score must be exact
 * to more than f32 can sum, of few rows out of many.
 *
 * Determinism: products of two f32 are exact in double; component j is added to running sum j mod
 * 8, and the eight are added in pairs. Every row of kernels gives the same bits. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_KERNEL_LISTED_H
#define EGI_KERNEL_LISTED_H

#include "kernel/egi_kernel.h"

struct egi_kernels_listed {
    enum egi_isa isa;
    /* out_i = <rows[at_i], x>: rows (N, d), at (n) of them, x (d) */
    void (*dots)(const float *rows, size_t d, const size_t *at, size_t n, const double *x,
                 double *out);
    /* out_i = |rows[at_i] - x|^2 */
    void (*squares)(const float *rows, size_t d, const size_t *at, size_t n, const double *x,
                    double *out);
};

/* By level; every slot of every row is filled. */
const struct egi_kernels_listed *egi_kernels_listed(enum egi_isa level);

#endif
