/* Binary associative memory over quantised features, with a majority vote (Hacene, Gripon et al.
 * 2017): a code has one of K symbols in each of P parts; a class is connected to the symbols that
 * its examples had; the class with most connected symbols wins.
 *
 * Kept: n_cpk, how often an example of class c had symbol k in part p, so that any one can be taken
 * out. What an image that only answers keeps is read from them:
 *
 *   or      connected where n_cpk > 0: the OR of all examples
 *   excess  connected where n_cpk / n_c > beta sum_c n_cpk / N: more often than in general; one bit
 *   log     log((n_cpk + a) / (n_c + a K)), a = 1 / 2, in the place of a bit: naive Bayes
 *
 * scores are votes / P (log: per part). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "hybrid/egi_code.h"

enum { OR, EXCESS, LOG };

static const char *const reads[] = { "or", "excess", "log", NULL };

struct settings {
    struct egi_front front; /* first */
    json_t *quantiser;
    int read;
    double beta;
};

static const struct egi_setting settings[] = {
    EGI_FRONT_SETTINGS(struct settings, "1", "0"),
    EGI_SET_JSON(struct settings, quantiser, "object",
                 "{\"kind\": \"anchors\", \"parts\": 128, \"anchors\": 32}",
                 "engram/quantiser.h: what makes a code of features"),
    EGI_SET_WORD(struct settings, read, "\"excess\"", reads, "which connections exist"),
    EGI_SET_NUMBER(struct settings, beta, "1", 0, 1000, "of excess"),
    EGI_SET_END,
};

static const struct settings *settings_of(const eg_head *h)
{
    return (const struct settings *)&h->settings;
}

eg_status egi_code_plan(eg_head *h, json_t *quantiser)
{
    EGI_TRY(egi_quantiser_plan(json_incref(quantiser), h->e, h->seed, h->alloc, &h->quantiser));
    const eg_quantiser *q = h->quantiser;
    size_t cells;
    EGI_TRY(egi_mul_size(q->parts, q->symbols, &cells));
    egi_head_field(h,
                   &(struct egi_field){ "symbols", EGI_U16, EGI_CLASS, EGI_SUM, 0, cells, NULL });
    if (q->stored)
        egi_head_field(
            h, &(struct egi_field){ "quantiser", EGI_F32, EGI_FIXED, EGI_SAME, 1, q->size, NULL });
    return EG_OK;
}

eg_status egi_code_make(eg_head *h)
{
    void *block;
    EGI_TRY(egi_quantiser_begin(h->quantiser));
    if (h->quantiser->stored) h->field[EGI_CODE_SYMBOLS + 1].lent = h->quantiser->table;
    EGI_TRY(
        egi_alloc_array(h->alloc, h->quantiser->parts, sizeof(uint16_t), "head: a code", &block));
    h->code = block;
    return EG_OK;
}

static eg_status plan(eg_head *h)
{
    return egi_code_plan(h, settings_of(h)->quantiser);
}

const uint16_t *egi_code_of(eg_head *h, const float *u)
{
    h->quantiser->row->encode(h->quantiser, u, h->code);
    return h->code;
}

eg_status egi_code_count(eg_head *h, const uint16_t *code, size_t label, int by)
{
    const size_t k = h->quantiser->symbols, p = h->quantiser->parts;
    uint16_t *count = (uint16_t *)h->at[EGI_CODE_SYMBOLS] + label * p * k;
    for (size_t i = 0; i < p && by < 0; i++)
        if (count[i * k + code[i]] == 0)
            return egi_fail(EG_NOT_FOUND,
                            "eg_head_forget: no example of class %zu has symbol %u in part %zu",
                            label, code[i], i);
    for (size_t i = 0; i < p; i++) count[i * k + code[i]] = (uint16_t)(count[i * k + code[i]] + by);
    return EG_OK;
}

static eg_status write(eg_head *h, const int16_t *z, size_t label, int by)
{
    (void)z;
    return egi_code_count(h, egi_code_of(h, h->u), label, by);
}

/* How strongly class c is connected to a cell that `all` examples of any class are in. */
static float strength(const eg_head *h, size_t c, uint16_t count, double all)
{
    const struct settings *o = settings_of(h);
    const double n = egi_head_counts(h)[c], k = (double)h->quantiser->symbols;
    switch (o->read) {
    case OR:
        return count > 0 ? 1.0F : 0.0F;
    case EXCESS:
        return count / n > o->beta * all / (double)h->taught ? 1.0F : 0.0F;
    default:
        return (float)log((count + 0.5) / (n + 0.5 * k));
    }
}

/* work (P K, K classes): what each symbol adds to every class. */
static eg_status prepare(eg_head *h)
{
    const size_t cells = h->quantiser->parts * h->quantiser->symbols;
    const uint16_t *count = h->at[EGI_CODE_SYMBOLS];
    size_t size;
    EGI_TRY(egi_mul_size(cells, h->classes, &size));
    EGI_TRY(egi_head_work(h, size));
    for (size_t i = 0; i < cells; i++) {
        double all = 0;
        for (size_t c = 0; c < h->classes; c++) all += count[c * cells + i];
        for (size_t c = 0; c < h->classes; c++)
            h->work[i * h->classes + c] =
                egi_head_counts(h)[c] > 0
                    ? strength(h, c, count[c * cells + i], all) / (float)h->quantiser->parts
                    : 0;
    }
    return EG_OK;
}

static eg_status scores(eg_head *h, const float *u, float *score)
{
    const uint16_t *code = egi_code_of(h, u);
    memset(score, 0, h->classes * sizeof *score);
    for (size_t p = 0; p < h->quantiser->parts; p++) {
        const float *row = h->work + (p * h->quantiser->symbols + code[p]) * h->classes;
        for (size_t c = 0; c < h->classes; c++) score[c] += row[c];
    }
    return EG_OK;
}

size_t egi_code_voters(const eg_head *h)
{
    return h->quantiser->parts;
}

/* A log is below 0: what a part says is told beside the least it could have said. */
static eg_status votes(eg_head *h, const float *u, size_t label, float *weight)
{
    const uint16_t *code = egi_code_of(h, u);
    const size_t k = h->quantiser->symbols;
    for (size_t p = 0; p < h->quantiser->parts; p++) {
        const float *at = h->work + label;
        float least = 0;
        for (size_t s = 0; s < k; s++) least = fminf(least, at[(p * k + s) * h->classes]);
        weight[p] = at[(p * k + code[p]) * h->classes] - least;
    }
    return EG_OK;
}

static size_t frozen(const eg_head *h, size_t classes, size_t items)
{
    const size_t cells = h->quantiser->parts * h->quantiser->symbols;
    (void)items;
    return classes * (settings_of(h)->read == LOG ? cells : (cells + 7) / 8)
           + eg_quantiser_bytes(h->quantiser);
}

static size_t working(const eg_head *h, size_t classes)
{
    return h->quantiser->parts * h->quantiser->symbols * classes;
}

const struct egi_head_row egi_head_binary = {
    .kind = { "binary", "connections from symbols of quantised features to classes, voting",
              "Hacene, Gripon, Farrugia, Arzel and Jezequel 2017",
              EG_HEAD_FORGETS | EG_HEAD_FORGETS_CLASS | EG_HEAD_MERGES | EG_HEAD_FITS, "part" },
    .teach = { .e = 2, .el = 0.09 },
    .answer = { .e = 2, .el = 0.09, .pk = 0.35 },
    .settings = settings,
    .temperature = 10,
    .plan = plan,
    .make = egi_code_make,
    .write = write,
    .prepare = prepare,
    .scores = scores,
    .voters = egi_code_voters,
    .votes = votes,
    .frozen = frozen,
    .working = working,
};
