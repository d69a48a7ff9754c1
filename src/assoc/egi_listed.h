/* Similarities of listed memories, in double: a recall that looks at few of many. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_LISTED_H
#define EGI_LISTED_H

#include <stddef.h>

/* dot_i = <xi[at_i], x>, square_i = |xi[at_i] - x|^2: xi (N, D), at (n) of them, x (D). The sum of
 * D terms that are exact (of differences: rounded once) errs by at most D 2^-53 of the sum of their
 * magnitudes. The same bits on every CPU. */
void egi_listed_dots(const float *xi, size_t d, const size_t *at, size_t n, const double *x,
                     double *dot);
void egi_listed_squares(const float *xi, size_t d, const size_t *at, size_t n, const double *x,
                        double *square);

#endif
