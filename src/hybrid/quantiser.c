/* What all quantisers share: the table of kinds, their settings, checks of every argument. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "hybrid/egi_quantiser.h"

static const struct egi_quantiser_row *const rows[] = {
    &egi_quantiser_sign, &egi_quantiser_ternary, &egi_quantiser_coarse,     &egi_quantiser_quantile,
    &egi_quantiser_pq,   &egi_quantiser_anchors, &egi_quantiser_projection, NULL,
};

const eg_quantiser_kind *eg_quantiser_kind_at(size_t row)
{
    return row < EGI_COUNT(rows) - 1 ? &rows[row]->kind : NULL;
}

static const struct egi_quantiser_row *row_of(const char *kind)
{
    for (size_t i = 0; kind != NULL && rows[i] != NULL; i++)
        if (strcmp(rows[i]->kind.name, kind) == 0) return rows[i];
    return NULL;
}

const eg_setting *eg_quantiser_setting_at(const char *kind, size_t row)
{
    const struct egi_quantiser_row *r = row_of(kind);
    for (size_t i = 0; r != NULL && r->settings[i].shown.name != NULL; i++)
        if (i == row) return &r->settings[i].shown;
    return NULL;
}

static eg_status choose(const json_t *document, const struct egi_quantiser_row **row)
{
    char all[160] = "", got[EGI_JSON_TEXT];
    const json_t *kind = json_object_get(document, "kind");
    *row = row_of(json_string_value(kind));
    if (*row != NULL) return EG_OK;
    for (size_t i = 0; rows[i] != NULL; i++) {
        strncat(all, i > 0 ? ", " : "", sizeof all - strlen(all) - 1);
        strncat(all, rows[i]->kind.name, sizeof all - strlen(all) - 1);
    }
    return egi_fail(EG_ERR_INVALID, "quantiser: kind: expected one of %s, got %s", all,
                    egi_json_shown(kind, got));
}

static eg_status plan(eg_quantiser *q)
{
    static const char *const ours[] = { "kind", NULL };
    EGI_TRY(choose(q->document, &q->row));
    EGI_TRY(egi_settings_read(q->document, q->row->settings, "quantiser", ours, &q->settings));
    return q->row->plan(q);
}

eg_status egi_quantiser_begin(eg_quantiser *q)
{
    void *table;
    EGI_TRY(egi_alloc_array(q->alloc, q->size, sizeof(float), "quantiser", &table));
    q->table = table;
    q->row->begin(q);
    q->spec = egi_json_text(q->document);
    return q->spec != NULL ? EG_OK : egi_fail(EG_ERR_NOMEM, "specification of a quantiser");
}

eg_status egi_quantiser_plan(json_t *document, size_t d, uint64_t seed, const eg_allocator *alloc,
                             eg_quantiser **out)
{
    const eg_allocator *a = alloc != NULL ? alloc : eg_allocator_default();
    void *block;
    eg_status s = egi_alloc_array(a, 1, sizeof(eg_quantiser), "quantiser", &block);
    if (s != EG_OK) {
        json_decref(document);
        return s;
    }
    eg_quantiser *q = block;
    memset(q, 0, sizeof *q);
    q->document = document;
    q->d = d;
    q->seed = seed;
    q->alloc = a;
    q->stored = 1;
    s = plan(q);
    if (s == EG_OK)
        *out = q;
    else
        eg_quantiser_destroy(q);
    return s;
}

eg_status eg_quantiser_create(const char *spec, size_t d, uint64_t seed, const eg_allocator *alloc,
                              eg_quantiser **out)
{
    json_t *document;
    if (spec == NULL || out == NULL || d == 0)
        return egi_fail(EG_ERR_INVALID, "eg_quantiser_create: %s",
                        d == 0         ? "d = 0"
                        : spec == NULL ? "spec is NULL"
                                       : "out is NULL");
    eg_quantiser *q = NULL;
    EGI_TRY(egi_json_parse(spec, "quantiser", &document));
    EGI_TRY(egi_quantiser_plan(document, d, seed, alloc, &q));
    const eg_status s = egi_quantiser_begin(q);
    if (s == EG_OK)
        *out = q;
    else
        eg_quantiser_destroy(q);
    return s;
}

void eg_quantiser_destroy(eg_quantiser *q)
{
    if (q == NULL) return;
    egi_free(q->alloc, q->table, q->table != NULL ? q->size * sizeof *q->table : 0);
    json_decref(q->document);
    free(q->spec);
    egi_free(q->alloc, q, sizeof *q);
}

eg_status eg_quantiser_fit(eg_quantiser *q, const float *x, size_t n)
{
    if (q == NULL || x == NULL || n == 0)
        return egi_fail(EG_ERR_INVALID, "eg_quantiser_fit: %s",
                        q == NULL   ? "quantiser is NULL"
                        : x == NULL ? "x is NULL"
                                    : "n = 0");
    EGI_TRY(egi_vectors_check("eg_quantiser_fit", x, n, q->d));
    return q->row->fit != NULL ? q->row->fit(q, x, n) : EG_OK;
}

const char *eg_quantiser_spec(const eg_quantiser *q)
{
    return q->spec;
}

size_t eg_quantiser_parts(const eg_quantiser *q)
{
    return q->parts;
}

size_t eg_quantiser_symbols(const eg_quantiser *q)
{
    return q->symbols;
}

double eg_quantiser_bits(const eg_quantiser *q)
{
    return (double)q->parts * log2((double)q->symbols) / (double)q->d;
}

size_t eg_quantiser_bytes(const eg_quantiser *q)
{
    return q->stored ? q->size * sizeof *q->table : 0;
}

eg_status eg_quantiser_encode(const eg_quantiser *q, const float *x, size_t n, uint16_t *code)
{
    if (q == NULL || ((x == NULL || code == NULL) && n > 0))
        return egi_fail(EG_ERR_INVALID, "eg_quantiser_encode: NULL");
    EGI_TRY(egi_vectors_check("eg_quantiser_encode", x, n, q->d));
    for (size_t i = 0; i < n; i++) q->row->encode(q, x + i * q->d, code + i * q->parts);
    return EG_OK;
}

eg_status eg_quantiser_decode(const eg_quantiser *q, const uint16_t *code, size_t n, float *x)
{
    if (q == NULL || ((x == NULL || code == NULL) && n > 0))
        return egi_fail(EG_ERR_INVALID, "eg_quantiser_decode: NULL");
    for (size_t i = 0; i < n * q->parts; i++)
        if (code[i] >= q->symbols)
            return egi_fail(EG_ERR_INVALID,
                            "eg_quantiser_decode: vector %zu: symbol %zu is %u, expected below %zu",
                            i / q->parts, i % q->parts, code[i], q->symbols);
    for (size_t i = 0; i < n; i++) q->row->decode(q, code + i * q->parts, x + i * q->d);
    return EG_OK;
}

eg_status eg_quantiser_error(const eg_quantiser *q, const float *x, size_t n, double *error)
{
    void *code, *back;
    if (q == NULL || error == NULL || (x == NULL && n > 0))
        return egi_fail(EG_ERR_INVALID, "eg_quantiser_error: NULL");
    EGI_TRY(egi_vectors_check("eg_quantiser_error", x, n, q->d));
    EGI_TRY(egi_alloc_array(q->alloc, q->parts, sizeof(uint16_t), "quantiser: a code", &code));
    const eg_status s = egi_alloc_array(q->alloc, q->d, sizeof(float), "quantiser", &back);
    if (s == EG_OK) {
        double lost = 0, all = 0;
        for (size_t i = 0; i < n; i++) {
            q->row->encode(q, x + i * q->d, code);
            q->row->decode(q, code, back);
            for (size_t j = 0; j < q->d; j++) {
                const double was = (double)x[i * q->d + j], by = was - (double)((float *)back)[j];
                lost += by * by;
                all += was * was;
            }
        }
        *error = all > 0 ? lost / all : 0;
        egi_free(q->alloc, back, q->d * sizeof(float));
    }
    egi_free(q->alloc, code, q->parts * sizeof(uint16_t));
    return s;
}
