/* Scores W u + b, which most heads come to once what they keep is at rest. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "hybrid/egi_head.h"

eg_status egi_linear_work(eg_head *h)
{
    size_t size;
    EGI_TRY(egi_mul_size(h->classes, h->e + 1, &size));
    EGI_TRY(egi_head_work(h, size));
    memset(h->work, 0, size * sizeof *h->work);
    return EG_OK;
}

eg_status egi_linear_scores(eg_head *h, const float *u, float *score)
{
    for (size_t c = 0; c < h->classes; c++)
        score[c] = egi_vectors_dot(h->work + c * h->e, u, h->e) + egi_linear_bias(h)[c];
    return EG_OK;
}

eg_status egi_linear_votes(eg_head *h, const float *u, size_t label, float *weight)
{
    for (size_t j = 0; j < h->e; j++) weight[j] = u[j] * h->work[label * h->e + j];
    return EG_OK;
}

/* Cells of one width over -a .. a, a value in the middle of each. Beyond a lie as many components
 * as beyond the ends of the best such quantiser of normal numbers (Max 1960, table 2): n / 2^(b +
 * 3). */
static void round_to(float *p, size_t n, size_t bits, float *sorted)
{
    for (size_t j = 0; j < n; j++) sorted[j] = fabsf(p[j]);
    const float a = egi_vectors_nth(sorted, n, n - 1 - (n >> (bits + 3))),
                step = 2 * a / (float)(1 << bits);
    const float ends = (float)(1 << (bits - 1));
    for (size_t j = 0; j < n && step > 0; j++)
        p[j] = step * (fminf(fmaxf(floorf(p[j] / step), -ends), ends - 1) + 0.5F);
}

/* g (E): the mean of all vectors, from the means of classes in h->work. */
static void mean_of_all(const eg_head *h, double *g)
{
    memset(g, 0, h->e * sizeof *g);
    for (size_t c = 0; c < h->classes; c++) {
        const double share = (double)egi_head_counts(h)[c] / (double)h->taught;
        for (size_t j = 0; j < h->e; j++) g[j] += share * (double)h->work[c * h->e + j];
    }
}

eg_status egi_linear_cosines(eg_head *h, int centred, size_t bits)
{
    struct egi_arena a;
    const struct egi_need needs[] = { { h->e, sizeof(double) }, { h->e, sizeof(float) } };
    EGI_TRY(egi_arena_create(h->alloc, needs, EGI_COUNT(needs), "head: the mean of all", &a));
    double *g = a.part[0];
    memset(g, 0, h->e * sizeof *g);
    if (centred) mean_of_all(h, g);
    for (size_t c = 0; c < h->classes; c++) {
        float *w = h->work + c * h->e;
        double bias = 0;
        for (size_t j = 0; j < h->e; j++) w[j] = (float)((double)w[j] - g[j]);
        if (bits < 32) round_to(w, h->e, bits, a.part[1]);
        const float length = sqrtf(egi_vectors_dot(w, w, h->e));
        for (size_t j = 0; j < h->e && length > 0; j++) w[j] /= length;
        for (size_t j = 0; j < h->e; j++) bias -= g[j] * (double)w[j];
        egi_linear_bias(h)[c] = (float)bias;
    }
    egi_arena_destroy(&a);
    return EG_OK;
}
