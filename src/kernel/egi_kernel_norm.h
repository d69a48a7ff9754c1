/* Lines of mean 0 and variance 1, y = (x - mean x) / sqrt(var x + epsilon), and the way back,
 *
 *     dx = (g - mean g - y mean(g y)) / sqrt(var x + epsilon)
 *
 * (Ba, Kiros and Hinton 2016). Sums run in 16 partial sums of a line, in the type of x. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_KERNEL_NORM_H
#define EGI_KERNEL_NORM_H

#include <stddef.h>

#include "engram/tensor.h"

struct egi_norm {
    size_t lines, length; /* length > 0 */
    double epsilon;
    const void *x, *y, *g; /* (lines, length); y and g of the way back, else NULL */
    void *out;             /* (lines, length) y, or dx where there is a g */
};

void egi_norm_run(const struct egi_norm *n, eg_dtype dtype, int threads);

#endif
