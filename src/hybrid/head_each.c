/* FeCAM as its authors have it (Goswami et al. 2023): a covariance of each class, of sqrt(x).
 *
 * Kept of class c, in whole numbers: s_c = sum u and S_c = sum u u^T, so that an example or a class
 * is taken out exactly, and heads merge. C_c = S_c / n_c - m_c m_c^T is shrunk twice, which makes
 * it positive definite though a class has fewer examples than components (eq. 7), and is made a
 * correlation, without which the classes' distances could not be compared (eq. 8):
 *
 *     score_c = -(u - m_c)^T R_c^-1 (u - m_c) / 2 = -|L_c^-1 (u - m_c)|^2 / 2,   R_c = L_c L_c^T
 *
 * 4 E (E + 1) bytes a class, where `fecam` has them once: `project` makes E less. A factor is kept
 * in f32: the shrinking bounds what its rounding does (R_c's smallest eigenvalue is about shrink /
 * (1 + shrink) at the least). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "hybrid/egi_gram.h"

enum { SUM = EGI_OWN_FIELDS, PRODUCT };

static size_t half_of(const eg_head *h)
{
    return h->e * (h->e + 1) / 2;
}

static eg_status plan(eg_head *h)
{
    size_t square;
    EGI_TRY(egi_mul_size(h->e, h->e + 1, &square));
    egi_head_field(h, &(struct egi_field){ "sum", EGI_I32, EGI_CLASS, EGI_SUM, 0, h->e, NULL });
    egi_head_field(
        h, &(struct egi_field){ "product", EGI_I64, EGI_CLASS, EGI_SUM, 0, square / 2, NULL });
    return EG_OK;
}

static eg_status write(eg_head *h, const int16_t *z, size_t label, int by)
{
    int32_t *sum = (int32_t *)h->at[SUM] + label * h->e;
    for (size_t j = 0; j < h->e; j++) sum[j] += by * z[j];
    egi_gram_add(z, h->e, by, (int64_t *)h->at[PRODUCT] + label * half_of(h));
    return EG_OK;
}

/* ---- answers: of each class m_c (E), then L_c, its lower half by rows ---- */

static float *mean_of(const eg_head *h, size_t c)
{
    return h->work + c * (h->e + half_of(h));
}

/* C_c into the lower half of a (E, E). */
static void covariance(const eg_head *h, size_t c, double *a)
{
    const int64_t *row = (const int64_t *)h->at[PRODUCT] + c * half_of(h);
    const int32_t *sum = (const int32_t *)h->at[SUM] + c * h->e;
    const double n = egi_head_counts(h)[c], one = (double)EGI_HEAD_ONE * EGI_HEAD_ONE;
    memset(a, 0, h->e * h->e * sizeof *a); /* blocks of the factor pass over the upper half */
    for (size_t i = 0; i < h->e; row += ++i)
        for (size_t j = 0; j <= i; j++)
            a[i * h->e + j] = ((double)row[j] - (double)sum[i] * sum[j] / n) / (n * one);
}

static eg_status prepare_class(eg_head *h, size_t c, double *a)
{
    const int32_t *sum = (const int32_t *)h->at[SUM] + c * h->e;
    float *mean = mean_of(h, c), *factor = mean + h->e;
    covariance(h, c, a);
    egi_gram_correlations(a, h->e, (const struct egi_gram_settings *)&h->settings);
    if (!egi_factor(a, h->e))
        return egi_fail(EG_ERR_DIVERGED,
                        "head: the covariance of class %zu, of %u examples, cannot be inverted: "
                        "set shrink higher",
                        c, egi_head_counts(h)[c]);
    for (size_t j = 0; j < h->e; j++)
        mean[j] = (float)(sum[j] / ((double)egi_head_counts(h)[c] * EGI_HEAD_ONE));
    for (size_t i = 0; i < h->e; i++)
        for (size_t j = 0; j <= i; j++) *factor++ = (float)a[i * h->e + j];
    return EG_OK;
}

static eg_status prepare(eg_head *h)
{
    size_t square, size;
    void *block;
    EGI_TRY(egi_mul_size(h->e, h->e, &square));
    EGI_TRY(egi_mul_size(h->classes, h->e + half_of(h), &size));
    EGI_TRY(egi_head_work(h, size));
    EGI_TRY(egi_alloc_array(h->alloc, square, sizeof(double), "head: a covariance", &block));
    eg_status s = EG_OK;
    for (size_t c = 0; c < h->classes && s == EG_OK; c++)
        if (egi_head_counts(h)[c] > 0) s = prepare_class(h, c, block);
    egi_free(h->alloc, block, square * sizeof(double));
    return s;
}

/* y <- L_c^-1 (x - m_c); y is h->turned, which is free once u is there. */
static const float *whitened(const eg_head *h, const float *u, size_t c)
{
    const float *mean = mean_of(h, c), *row = mean + h->e;
    float *y = h->turned;
    for (size_t i = 0; i < h->e; row += ++i)
        y[i] = (u[i] - mean[i] - egi_vectors_dot(row, y, i)) / row[i];
    return y;
}

static eg_status scores(eg_head *h, const float *u, float *score)
{
    for (size_t c = 0; c < h->classes; c++) {
        if (egi_head_counts(h)[c] == 0) continue; /* -inf, by the caller */
        const float *y = whitened(h, u, c);
        score[c] = -egi_vectors_dot(y, y, h->e) / 2;
    }
    return EG_OK;
}

/* u_j (R^-1 m)_j: what is linear in u, as of "lda"; |R^-1/2 u|^2 / 2 is taken off as a whole. */
static eg_status votes(eg_head *h, const float *u, size_t label, float *weight)
{
    const float *mean = mean_of(h, label), *factor = mean + h->e, *row = factor;
    for (size_t i = 0; i < h->e; row += ++i)
        weight[i] = (mean[i] - egi_vectors_dot(row, weight, i)) / row[i];
    for (size_t i = h->e; i-- > 0;) { /* by columns of L^T, which are rows of L */
        row = factor + i * (i + 1) / 2;
        weight[i] /= row[i];
        for (size_t k = 0; k < i; k++) weight[k] -= row[k] * weight[i];
    }
    for (size_t i = 0; i < h->e; i++) weight[i] *= u[i];
    return EG_OK;
}

static size_t frozen(const eg_head *h, size_t classes, size_t items)
{
    (void)items;
    return classes * (h->e + half_of(h)) * sizeof(float);
}

static size_t working(const eg_head *h, size_t classes)
{
    return classes * (h->e + half_of(h));
}

const struct egi_head_row egi_head_each = {
    .kind = { "fecam_each", "distances under the correlations of each class",
              "Goswami et al. 2023, eq. 6 to 8",
              EG_HEAD_FORGETS | EG_HEAD_FORGETS_CLASS | EG_HEAD_MERGES, "component" },
    .teach = { .e = 2, .ee = 0.8 },
    .answer = { .e = 2, .kee = 0.23 },
    .settings = egi_fecam_settings,
    .temperature = 5,
    .plan = plan,
    .write = write,
    .prepare = prepare,
    .scores = scores,
    .votes = votes,
    .frozen = frozen,
    .working = working,
};
