/* Inputs as memories see them, and the derivative of that. Sums in double, in order. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/egi_seen.h"

#include <math.h>

float egi_see(const struct egi_seen *s, const float *x, size_t d, float *v)
{
    const float scale = (float)s->scale, offset = (float)s->offset;
    double square = 0;
    for (size_t j = 0; j < d; j++) {
        v[j] = scale * x[j] + offset;
        square += (double)v[j] * (double)v[j];
    }
    if (!(s->radius > 0) || square == 0) return 1;
    const float divisor = (float)(sqrt(square) / s->radius);
    for (size_t j = 0; j < d; j++) v[j] /= divisor;
    return divisor;
}

void egi_see_back(const struct egi_seen *s, const float *v, float divisor, size_t d, float *dx)
{
    const double by = s->scale / (double)divisor;
    double along = 0;
    if (s->radius > 0) {
        for (size_t j = 0; j < d; j++) along += (double)v[j] * (double)dx[j];
        along /= s->radius * s->radius;
    }
    for (size_t j = 0; j < d; j++) dx[j] = (float)(by * ((double)dx[j] - along * (double)v[j]));
}
