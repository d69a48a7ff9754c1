/* Heads that keep the examples themselves, w_i = u_i.
 *
 * cache  one step of a modern Hopfield network with the class read out (Ramsauer et al. 2021, eq.
 * 3; the cache of Zhang et al. 2022, eq. 5):  score_c = log sum_{i in c} exp(beta (<u, w_i> - 1)),
 *        less log n_c where `balanced`
 * knn    of the k most alike, the sum of likeness that belongs to a class (Cover and Hart 1967,
 *        weighted) */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "hybrid/egi_head.h"

struct cache {
    struct egi_front front; /* first */
    double beta;
    int balanced;
};
struct knn {
    struct egi_front front; /* first */
    size_t k;
};

static const struct egi_setting cache_settings[] = {
    EGI_FRONT_SETTINGS(struct cache, "1", "0"),
    EGI_SET_NUMBER(struct cache, beta, "20", 1e-3, 1e6, "how much the most alike count"),
    EGI_SET_FLAG(struct cache, balanced, "true", "a class counts by its mean, not by its number"),
    EGI_SET_END,
};
static const struct egi_setting knn_settings[] = {
    EGI_FRONT_SETTINGS(struct knn, "1", "0"),
    EGI_SET_COUNT(struct knn, k, "5", 1, 1e6, "examples that vote"),
    EGI_SET_END,
};

static eg_status plan(eg_head *h)
{
    egi_items_plan(h);
    return EG_OK;
}

/* likeness (N) = <u, w_i>. */
static eg_status prepare(eg_head *h)
{
    return egi_head_work(h, h->items + h->e);
}

static float *likeness(eg_head *h, const float *u)
{
    const int16_t *vector = h->at[EGI_ITEM_VECTOR];
    float *one = h->work + h->items;
    for (size_t i = 0; i < h->items; i++, vector += h->e) {
        for (size_t j = 0; j < h->e; j++) one[j] = (float)vector[j];
        h->work[i] = egi_vectors_dot(one, u, h->e) / EGI_HEAD_ONE;
    }
    return h->work;
}

static eg_status scores_cache(eg_head *h, const float *u, float *score)
{
    const struct cache *o = (const struct cache *)&h->settings;
    const int32_t *labels = h->at[EGI_ITEM_CLASS];
    const float *alike = likeness(h, u), beta = (float)o->beta;
    memset(score, 0, h->classes * sizeof *score);
    float most = -1;
    for (size_t i = 0; i < h->items; i++) most = fmaxf(most, alike[i]);
    for (size_t i = 0; i < h->items; i++) score[labels[i]] += expf(beta * (alike[i] - most));
    for (size_t c = 0; c < h->classes; c++) {
        const float n = o->balanced ? (float)egi_head_counts(h)[c] : 1;
        score[c] = logf(fmaxf(score[c] / fmaxf(n, 1), 1e-37F)) + beta * (most - 1);
    }
    return EG_OK;
}

static eg_status votes_cache(eg_head *h, const float *u, size_t label, float *weight)
{
    const struct cache *o = (const struct cache *)&h->settings;
    const int32_t *labels = h->at[EGI_ITEM_CLASS];
    const float *alike = likeness(h, u);
    for (size_t i = 0; i < h->items; i++)
        weight[i] = (size_t)labels[i] == label ? expf((float)o->beta * (alike[i] - 1)) : 0;
    return EG_OK;
}

/* Of the k most alike; the first taught of equals. The rest become -2. */
static void keep_nearest(float *alike, size_t n, size_t k)
{
    for (size_t taken = 0; taken < k && taken < n; taken++) {
        size_t best = SIZE_MAX;
        for (size_t i = 0; i < n; i++)
            if (alike[i] <= 1.5F && (best == SIZE_MAX || alike[i] > alike[best])) best = i;
        alike[best] += 4; /* taken: from 3 on */
    }
    for (size_t i = 0; i < n; i++) alike[i] = alike[i] > 1.5F ? alike[i] - 4 : -2;
}

static float *nearest(eg_head *h, const float *u)
{
    float *alike = likeness(h, u);
    keep_nearest(alike, h->items, ((const struct knn *)&h->settings)->k);
    return alike;
}

/* Likeness from -1 to 1, as a weight from 0 to 1. */
static eg_status scores_knn(eg_head *h, const float *u, float *score)
{
    const int32_t *labels = h->at[EGI_ITEM_CLASS];
    const float *alike = nearest(h, u);
    memset(score, 0, h->classes * sizeof *score);
    for (size_t i = 0; i < h->items; i++)
        if (alike[i] >= -1.5F) score[labels[i]] += (1 + alike[i]) / 2;
    return EG_OK;
}

static eg_status votes_knn(eg_head *h, const float *u, size_t label, float *weight)
{
    const int32_t *labels = h->at[EGI_ITEM_CLASS];
    const float *alike = nearest(h, u);
    for (size_t i = 0; i < h->items; i++)
        weight[i] = (size_t)labels[i] == label && alike[i] >= -1.5F ? (1 + alike[i]) / 2 : 0;
    return EG_OK;
}

static size_t voters(const eg_head *h)
{
    return h->items;
}

static size_t working(const eg_head *h, size_t classes)
{
    (void)classes;
    return h->items + h->e;
}

enum { CAN = EG_HEAD_FORGETS | EG_HEAD_FORGETS_CLASS | EG_HEAD_MERGES };

const struct egi_head_row egi_head_cache = {
    .kind = { "cache", "a dense memory of all examples, read out by class",
              "Ramsauer et al. 2021, eq. 3; Zhang et al. 2022, eq. 5", CAN, "item" },
    .teach = { .e = 2 },
    .answer = { .e = 2, .ne = 0.145 },
    .settings = cache_settings,
    .temperature = 1,
    .items = 1,
    .plan = plan,
    .prepare = prepare,
    .scores = scores_cache,
    .voters = voters,
    .votes = votes_cache,
    .working = working,
};

const struct egi_head_row egi_head_knn = {
    .kind = { "knn", "the k most alike examples", "Cover and Hart 1967", CAN, "item" },
    .teach = { .e = 2 },
    .answer = { .e = 2, .ne = 0.145 },
    .settings = knn_settings,
    .temperature = 5,
    .items = 1,
    .plan = plan,
    .prepare = prepare,
    .scores = scores_knn,
    .voters = voters,
    .votes = votes_knn,
    .working = working,
};
