/* Nearest class mean, and its image of few bits.
 *
 * Kept: s_c, the sum of the vectors of class c. With g the mean of all vectors and m_c = s_c / n_c
 * the score is the cosine
 *
 *     <u - g, p_c> / |p_c|,   p_c = m_c - g                 (Mensink et al. 2013, eq. 5, centred)
 *
 * without the length of u - g, which all classes share. bits: what an image that only answers keeps
 * of a component of p_c; 1 is its sign. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "hybrid/egi_head.h"

enum { SUM = EGI_OWN_FIELDS };

struct settings {
    struct egi_front front; /* first */
    size_t bits;
    int centred;
};

static const struct egi_setting settings[] = {
    EGI_FRONT_SETTINGS(struct settings, "1", "0"),
    EGI_SET_COUNT(struct settings, bits, "32", 1, 32, "of a component when frozen: 1 .. 8, or 32"),
    EGI_SET_FLAG(struct settings, centred, "true", "the mean of all is taken off"),
    EGI_SET_END,
};

static eg_status plan(eg_head *h)
{
    const struct settings *o = (const struct settings *)&h->settings;
    if (o->bits > 8 && o->bits != 32)
        return egi_fail(EG_ERR_INVALID, "head: bits: expected 1 .. 8 or 32, got %zu", o->bits);
    egi_head_field(h, &(struct egi_field){ "sum", EGI_I32, EGI_CLASS, EGI_SUM, 0, h->e, NULL });
    return EG_OK;
}

static eg_status write(eg_head *h, const int16_t *z, size_t label, int by)
{
    int32_t *sum = (int32_t *)h->at[SUM] + label * h->e;
    for (size_t j = 0; j < h->e; j++) sum[j] += by * z[j];
    return EG_OK;
}

static eg_status prepare(eg_head *h)
{
    const struct settings *o = (const struct settings *)&h->settings;
    EGI_TRY(egi_linear_work(h));
    for (size_t c = 0; c < h->classes; c++) {
        const int32_t *sum = (const int32_t *)h->at[SUM] + c * h->e;
        const double n = (double)egi_head_counts(h)[c] * EGI_HEAD_ONE;
        for (size_t j = 0; j < h->e && n > 0; j++) h->work[c * h->e + j] = (float)(sum[j] / n);
    }
    return egi_linear_cosines(h, o->centred, o->bits);
}

/* Components, a scale a class, and where all are centred, their mean in 16 bits. */
static size_t frozen(const eg_head *h, size_t classes, size_t items)
{
    const struct settings *o = (const struct settings *)&h->settings;
    (void)items;
    return classes * ((h->e * o->bits + 7) / 8 + sizeof(float)) + (o->centred ? 2 * h->e : 0);
}

const struct egi_head_row egi_head_mean = {
    .kind = { "mean", "the nearest mean of a class",
              "Mensink et al. 2013, eq. 5; Rebuffi et al. 2017, alg. 1",
              EG_HEAD_FORGETS | EG_HEAD_FORGETS_CLASS | EG_HEAD_MERGES, "component" },
    .teach = { .e = 2 },
    .answer = { .e = 2, .ke = 0.065 },
    .settings = settings,
    .temperature = 20,
    .plan = plan,
    .write = write,
    .prepare = prepare,
    .frozen = frozen,
};
