/* For the tests of training: folders, and a small learner whose every step is cheap. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_TRAIN_CHECK_H
#define TESTS_TRAIN_CHECK_H

#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

#include "check.h"
#include "nn/egi_learner.h"

static inline const char *train_folder(const char *name)
{
    static char path[4][400];
    static int slot;
    const char *tmp = getenv("EG_TEST_TMP");
    slot = (slot + 1) % 4;
    snprintf(path[slot], sizeof path[slot], "%s/train-%d-%s", tmp != NULL ? tmp : ".",
             (int)getpid(), name);
    return path[slot];
}

static inline int train_unlink(const char *path, const struct stat *st, int flag, struct FTW *f)
{
    (void)st;
    (void)flag;
    (void)f;
    return remove(path);
}

static inline void train_remove(const char *folder)
{
    nftw(folder, train_unlink, 8, FTW_DEPTH | FTW_PHYS);
}

static inline const char *train_text(const char *folder, const char *name, char *out, size_t room)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *f = fopen(path, "rb");
    if (f == NULL) fail_msg("%s is not there", path);
    const size_t n = f != NULL ? fread(out, 1, room - 1, f) : 0;
    if (f != NULL) fclose(f);
    out[n] = '\0';
    return out;
}

/* ---- softmax regression by gradient descent with momentum, in some lines ---- */

struct train_settings {
    double rate;
};

static inline eg_status train_create(struct eg_learner *l)
{
    const eg_shape s = eg_shape_of(l->task.classes, l->task.inputs);
    EGI_TRY(eg_params_add(l->params, "weight", EG_F32, &s, NULL));
    EGI_TRY(eg_params_add(l->state, "weight.velocity", EG_F32, &s, NULL));
    return eg_params_add(l->state, "steps", EG_I32, &eg_shape_of(1), NULL);
}

static inline void train_destroy(struct eg_learner *l)
{
    (void)l;
}

static inline eg_status train_scores(struct eg_learner *l, const float *x, size_t b, float *scores)
{
    const float *w = eg_params_at(l->params, 0)->value;
    const size_t d = l->task.inputs, k = l->task.classes;
    for (size_t i = 0; i < b; i++)
        for (size_t c = 0; c < k; c++) {
            float sum = 0;
            for (size_t j = 0; j < d; j++) sum += w[c * d + j] * x[i * d + j];
            scores[i * k + c] = sum;
        }
    return EG_OK;
}

static inline eg_status train_step(struct eg_learner *l, double epoch, const float *x,
                                   const int32_t *y, size_t b, double *loss)
{
    enum { MOST = 16 };
    const struct train_settings *o = l->settings;
    float *w = eg_params_at(l->params, 0)->value, *v = eg_params_at(l->state, 0)->value;
    const size_t d = l->task.inputs, k = l->task.classes;
    const float rate = (float)(o->rate / (1 + epoch));
    for (size_t j = 0; j < k * d; j++) v[j] *= 0.9f;
    *loss = 0;
    for (size_t i = 0; i < b; i++) {
        float z[MOST], sum = 0;
        EGI_TRY(train_scores(l, x + i * d, 1, z));
        for (size_t c = 0; c < k; c++) sum += expf(z[c]);
        *loss += (double)(logf(sum) - z[y[i]]) / (double)b;
        for (size_t c = 0; c < k; c++) {
            const float g = expf(z[c]) / sum - (c == (size_t)y[i] ? 1.0f : 0.0f);
            for (size_t j = 0; j < d; j++) v[c * d + j] -= g * x[i * d + j] / (float)b;
        }
    }
    for (size_t j = 0; j < k * d; j++) w[j] += rate * v[j];
    *(int32_t *)eg_params_at(l->state, 1)->value += 1;
    return EG_OK;
}

static const struct egi_setting train_settings[] = {
    { { "rate", "number", "0.1", "" },
      EGI_SETTING_NUMBER,
      offsetof(struct train_settings, rate),
      0,
      1e30,
      NULL },
    { { NULL, NULL, NULL, NULL }, EGI_SETTING_COUNT, 0, 0, 0, NULL },
};

static const struct egi_learner_row train_row = {
    .kind = { "softmax", "", "" },
    .settings = train_settings,
    .settings_bytes = sizeof(struct train_settings),
    .own_bytes = 1,
    .create = train_create,
    .destroy = train_destroy,
    .step = train_step,
    .scores = train_scores,
};

enum { TRAIN_N = 60, TRAIN_D = 6, TRAIN_K = 3 };

/* Three clouds of points around corners. */
static inline eg_dataset train_data(void)
{
    static float x[TRAIN_N * TRAIN_D];
    static int32_t y[TRAIN_N];
    eg_random_normal(77, 0, 0, TRAIN_N * TRAIN_D, x);
    for (int i = 0; i < TRAIN_N; i++) {
        y[i] = i % TRAIN_K;
        x[i * TRAIN_D + y[i]] += 2.5f;
    }
    return (eg_dataset){ .n = TRAIN_N, .d = TRAIN_D, .x = x, .labels = y, .classes = TRAIN_K };
}

static inline eg_learner *train_learner(const char *spec, size_t epochs)
{
    const eg_task task = { .inputs = TRAIN_D, .classes = TRAIN_K, .epochs = epochs };
    json_t *j;
    eg_learner *l = NULL;
    CHECK_OK(egi_json_parse(spec, "t", &j));
    CHECK_OK(egi_learner_make(&train_row, j, &task, 5, 1, NULL, &l));
    return l;
}

#endif
