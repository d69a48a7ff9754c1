/* Similarities of listed memories, in double. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "assoc/egi_listed.h"

#include "kernel/egi_kernel_listed.h"

void egi_listed_dots(const float *xi, size_t d, const size_t *at, size_t n, const double *x,
                     double *dot)
{
    egi_kernels_listed(egi_isa_level())->dots(xi, d, at, n, x, dot);
}

void egi_listed_squares(const float *xi, size_t d, const size_t *at, size_t n, const double *x,
                        double *square)
{
    egi_kernels_listed(egi_isa_level())->squares(xi, d, at, n, x, square);
}
