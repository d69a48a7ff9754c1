/* Four lines of f64 read once for two uses: their dot products with x, and their sum into y.
 *
 * A triangle that lies by rows is so multiplied from both sides, which a symmetric matrix, and a
 * memory kernel beside its adjoint, both ask for. One number read costs two multiply-adds.
 *
 * Determinism: component j is added to running sum j mod 8, and the eight are added by halves. No
 * FMA: every row of kernels gives the same bits. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_KERNEL_LINE_H
#define EGI_KERNEL_LINE_H

#include "kernel/egi_kernel.h"

enum { EGI_LINES = 4, EGI_LINE_LANES = 8 };

struct egi_kernels_line {
    enum egi_isa isa;
    /* line (EGI_LINES, d), d a multiple of EGI_LINE_LANES: dot_k = <line_k, x>,
     * y += sum_k by_k line_k */
    void (*both)(const double *line, size_t d, const double *x, const double *by, double *y,
                 double *dot);
    /* <x, y> of any d */
    double (*dot)(const double *x, const double *y, size_t d);
};

/* By level; every slot of every row is filled. */
const struct egi_kernels_line *egi_kernels_line(enum egi_isa level);

#endif
