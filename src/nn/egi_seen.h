/* What learners that keep memories see of an input x: w = scale x + offset or, where a radius R > 0
 * is given, v = R w / |w|, so that an overlap depends on the direction of w alone. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_SEEN_H
#define EGI_SEEN_H

#include <stddef.h>

struct egi_seen {
    double scale, offset;
    double radius; /* 0: w as it is */
};

/* v (D) of x (D); returns what w was divided by: |w| / R, or 1 (no radius, or w is 0). */
float egi_see(const struct egi_seen *s, const float *x, size_t d, float *v);

/* dx (D) from dv in its place: scale (dv - v (v . dv) / R^2) / divisor. */
void egi_see_back(const struct egi_seen *s, const float *v, float divisor, size_t d, float *dx);

#endif
