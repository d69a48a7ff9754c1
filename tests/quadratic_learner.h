/* A learner whose scores are known in closed form: s_k = b_k + w_k.x + q_k |x|^2 / 2, whose
 * gradients are w_k + q_k x. Planes between classes where all q are equal, else spheres. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_QUADRATIC_LEARNER_H
#define TESTS_QUADRATIC_LEARNER_H

#include "check.h"
#include "nn/egi_learner.h"

enum { MOST_CLASSES = 8, MOST_INPUTS = 64 };

struct quadratic {
    size_t d, k;
    double w[MOST_CLASSES][MOST_INPUTS], b[MOST_CLASSES], q[MOST_CLASSES];
    float pad[EGI_LEARNER_GROUP * 2 * (MOST_INPUTS + MOST_CLASSES)];
};

static double quadratic_score(const struct quadratic *m, const float *x, size_t k)
{
    double sum = m->b[k];
    for (size_t j = 0; j < m->d; j++)
        sum += (double)x[j] * (m->w[k][j] + m->q[k] / 2 * (double)x[j]);
    return sum;
}

static eg_status quadratic_scores(struct eg_learner *l, const float *x, size_t b, float *scores)
{
    const struct quadratic *m = l->own;
    for (size_t i = 0; i < b * m->k; i++)
        scores[i] = (float)quadratic_score(m, x + i / m->k * m->d, i % m->k);
    return EG_OK;
}

static eg_status quadratic_pullback(struct eg_learner *l, const float *x, const float *cotangent,
                                    size_t b, float *scores, float *dx)
{
    const struct quadratic *m = l->own;
    if (scores != NULL && quadratic_scores(l, x, b, scores) != EG_OK) return EG_ERR_INVALID;
    for (size_t i = 0; i < b * m->d; i++) {
        double sum = 0;
        for (size_t k = 0; k < m->k; k++)
            sum += (double)cotangent[i / m->d * m->k + k]
                   * (m->w[k][i % m->d] + m->q[k] * (double)x[i]);
        dx[i] = (float)sum;
    }
    return EG_OK;
}

static const struct egi_learner_row quadratic_row = {
    .kind = { "quadratic", "closed form", "" },
    .scores = quadratic_scores,
    .pullback = quadratic_pullback,
};

static inline struct eg_learner quadratic_learner(struct quadratic *m)
{
    return (struct eg_learner){ .row = &quadratic_row,
                                .task = { .inputs = m->d, .classes = m->k },
                                .alloc = eg_allocator_default(),
                                .own = m,
                                .pad = m->pad };
}

/* Random planes through the box. */
static inline struct quadratic random_planes(uint64_t seed, size_t d, size_t k)
{
    struct quadratic m = { .d = d, .k = k };
    float w[MOST_CLASSES * MOST_INPUTS];
    eg_random_normal(seed, 1, 0, d * k, w);
    for (size_t c = 0; c < k; c++) {
        for (size_t j = 0; j < d; j++) {
            m.w[c][j] = (double)w[c * d + j];
            m.b[c] -= m.w[c][j] / 2; /* equal at the middle of the box [0, 1] */
        }
    }
    return m;
}

#endif
