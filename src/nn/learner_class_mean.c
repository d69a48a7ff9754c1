/* The nearest class mean under any row of the table of similarities. A class without an example
 * scores 1 below the least of the others. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engram/association.h"
#include "nn/egi_kind.h"
#include "nn/egi_learner.h"

static const char *const similarities[] = { "dot",       "cosine",  "euclidean",
                                            "manhattan", "hamming", NULL };

struct settings {
    int similarity;
};

static const struct egi_setting settings[] = {
    EGI_SET_WORD(struct settings, similarity, "\"euclidean\"", similarities,
                 "a row of the table of similarities"),
    EGI_SET_END,
};

struct class_mean {
    const float *mean;    /* (K, D) */
    const int32_t *count; /* (K) */
};

static eg_status fit(struct eg_learner *l, const eg_examples *e)
{
    const size_t k = l->task.classes, d = l->task.inputs;
    size_t at, counts;
    EGI_TRY(eg_params_add(l->params, "mean", EG_F32, &eg_shape_of(k, d), &at));
    EGI_TRY(eg_params_add(l->params, "count", EG_I32, &eg_shape_of(k), &counts));
    float *mean = eg_params_at(l->params, at)->value;
    int32_t *count = eg_params_at(l->params, counts)->value;
    for (size_t i = 0; i < e->n; i++) { /* Welford 1962 */
        const double by = 1 / (double)++count[e->y[i]];
        float *m = mean + (size_t)e->y[i] * d;
        for (size_t j = 0; j < d; j++)
            m[j] = (float)((double)m[j] + by * ((double)e->x[i * d + j] - (double)m[j]));
    }
    return EG_OK;
}

static eg_status adopt(struct eg_learner *l)
{
    size_t k = l->task.classes, d = l->task.inputs;
    const eg_param *mean = egi_fitted_array(l, "mean", EG_F32, &k, &d);
    const eg_param *count = egi_fitted_array(l, "count", EG_I32, &k, NULL);
    if (mean == NULL || count == NULL) return EG_ERR_CORRUPT;
    *(struct class_mean *)l->own = (struct class_mean){ mean->value, count->value };
    return EG_OK;
}

static eg_status scores(struct eg_learner *l, const float *x, size_t b, float *out)
{
    const struct class_mean *m = l->own;
    const struct settings *o = l->settings;
    const size_t k = l->task.classes, d = l->task.inputs;
    for (size_t i = 0; i < b; i++, out += k) {
        float least = 0;
        int any = 0;
        for (size_t c = 0; c < k; c++) {
            if (m->count[c] <= 0) continue;
            out[c] = (float)eg_similarity_value((eg_similarity)o->similarity, m->mean + c * d,
                                                x + i * d, d);
            least = !any || out[c] < least ? out[c] : least;
            any = 1;
        }
        for (size_t c = 0; c < k; c++)
            if (m->count[c] <= 0) out[c] = least - 1;
    }
    return EG_OK;
}

const struct egi_learner_row egi_learner_class_mean = {
    .kind = { "class_mean", "the class whose mean is most alike", "" },
    .settings = settings,
    .settings_bytes = sizeof(struct settings),
    .own_bytes = sizeof(struct class_mean),
    .fit = fit,
    .adopt = adopt,
    .scores = scores,
};
