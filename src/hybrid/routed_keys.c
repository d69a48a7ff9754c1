/* Keys: what each similarity compares patterns by. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "hybrid/egi_routed.h"

static const struct egi_routed_form forms[EG_SIM_COUNT] = {
    [EG_SIM_DOT] = { 1, 0, 0 },
    [EG_SIM_COSINE] = { 1, 0, 1 },
    [EG_SIM_EUCLIDEAN] = { 1, 1, 0 },
};

const struct egi_routed_form *egi_routed_form(eg_similarity similarity)
{
    return &forms[similarity];
}

double egi_routed_norm(const double *x, size_t d)
{
    double sum = 0;
    for (size_t j = 0; j < d; j++) sum += x[j] * x[j];
    return sqrt(sum);
}

void egi_routed_key(const eg_routed *r, const float *origin, const float *x, double *key)
{
    const size_t d = r->m->d;
    for (size_t j = 0; j < d; j++) key[j] = (double)x[j] - (double)origin[j];
    if (!forms[r->similarity].directed) return;
    const double norm = egi_routed_norm(key, d);
    for (size_t j = 0; j < d && norm > 0; j++) key[j] /= norm;
}
