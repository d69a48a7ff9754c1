/* What all heads share: the table of kinds, fields and the room they take, sizes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "engram/binary.h"
#include "engram/random.h"
#include "hybrid/egi_head.h"

const struct egi_head_row *const egi_head_rows[] = {
    &egi_head_mean,   &egi_head_prototype, &egi_head_lda,   &egi_head_fecam,
    &egi_head_each,   &egi_head_ridge,     &egi_head_cache, &egi_head_knn,
    &egi_head_binary, &egi_head_clique,    &egi_head_tilda, NULL,
};

enum { STREAM_DIRECTIONS = 0x44495245 }; /* "DIRE" */

const size_t egi_cell_bytes[EGI_CELLS] = { 1, 2, 2, 4, 4, 4, 8 };

const eg_head_kind *eg_head_kind_at(size_t row)
{
    for (size_t i = 0; egi_head_rows[i] != NULL; i++)
        if (i == row) return &egi_head_rows[i]->kind;
    return NULL;
}

static const struct egi_head_row *row_of(const char *kind)
{
    for (size_t i = 0; kind != NULL && egi_head_rows[i] != NULL; i++)
        if (strcmp(egi_head_rows[i]->kind.name, kind) == 0) return egi_head_rows[i];
    return NULL;
}

const eg_setting *eg_head_setting_at(const char *kind, size_t row)
{
    const struct egi_head_row *r = row_of(kind);
    for (size_t i = 0; r != NULL && r->settings[i].shown.name != NULL; i++)
        if (i == row) return &r->settings[i].shown;
    return NULL;
}

const char *egi_head_kinds(unsigned can, char out[EGI_HEAD_NAMES])
{
    out[0] = '\0';
    for (size_t i = 0; egi_head_rows[i] != NULL; i++) {
        if ((egi_head_rows[i]->kind.can & can) != can) continue;
        strncat(out, out[0] != '\0' ? ", " : "", EGI_HEAD_NAMES - strlen(out) - 1);
        strncat(out, egi_head_rows[i]->kind.name, EGI_HEAD_NAMES - strlen(out) - 1);
    }
    return out;
}

static eg_status choose(const json_t *document, const struct egi_head_row **row)
{
    char all[EGI_HEAD_NAMES], got[EGI_JSON_TEXT];
    const json_t *kind = json_object_get(document, "kind");
    *row = row_of(json_string_value(kind));
    if (*row != NULL) return EG_OK;
    return egi_fail(EG_ERR_INVALID, "head: kind: expected one of %s, got %s",
                    egi_head_kinds(0, all), egi_json_shown(kind, got));
}

/* ---- fields ---- */

size_t egi_head_field(eg_head *h, const struct egi_field *f)
{
    h->field[h->fields] = *f;
    return h->fields++;
}

size_t egi_head_row_bytes(const struct egi_field *f)
{
    return f->columns * egi_cell_bytes[f->cell];
}

static size_t rows_for(const struct egi_field *f, size_t classes, size_t items)
{
    return f->axis == EGI_CLASS ? classes : f->axis == EGI_ITEM ? items : f->rows;
}

size_t egi_head_rows_of(const eg_head *h, const struct egi_field *f)
{
    return rows_for(f, h->classes, h->items);
}

static eg_status grow(eg_head *h, size_t i, size_t classes, size_t items)
{
    const struct egi_field *f = &h->field[i];
    const size_t had = h->has[i];
    const size_t rows = rows_for(f, classes, items), each = egi_head_row_bytes(f);
    size_t bytes;
    if (f->lent != NULL || rows <= had) return EG_OK;
    EGI_TRY(egi_mul_size(rows, each, &bytes));
    void *at = egi_realloc(h->alloc, h->at[i], had * each, bytes);
    if (at == NULL) return egi_fail(EG_ERR_NOMEM, "head: %s: %zu bytes", f->name, bytes);
    memset((char *)at + had * each, 0, bytes - had * each);
    h->at[i] = at;
    h->has[i] = rows;
    return EG_OK;
}

eg_status egi_head_room(eg_head *h, size_t classes, size_t items)
{
    if (classes < h->room_classes) classes = h->room_classes;
    if (items < h->room_items) items = h->room_items;
    for (size_t i = 0; i < h->fields; i++) EGI_TRY(grow(h, i, classes, items));
    h->room_classes = classes;
    h->room_items = items;
    return EG_OK;
}

/* ---- making ---- */

static eg_status make_front(eg_head *h)
{
    size_t cells;
    if (!egi_head_projects(h)) return EG_OK;
    EGI_TRY(egi_mul_size(h->e, h->d, &cells));
    void *block;
    EGI_TRY(egi_alloc_array(h->alloc, cells, sizeof(float), "head: directions", &block));
    h->projection = block;
    eg_random_normal(h->seed, STREAM_DIRECTIONS, 0, cells, h->projection);
    return EG_OK;
}

static size_t longer(const eg_head *h)
{
    return h->d > h->e ? h->d : h->e;
}

static eg_status make_scratch(eg_head *h)
{
    void *block;
    EGI_TRY(egi_alloc_array(h->alloc, longer(h), sizeof(float), "head: a vector", &block));
    h->turned = block;
    EGI_TRY(egi_alloc_array(h->alloc, h->e, sizeof(float), "head: a vector", &block));
    h->u = block;
    EGI_TRY(egi_alloc_array(h->alloc, h->e, sizeof(int16_t), "head: a vector", &block));
    h->z = block;
    return EG_OK;
}

static eg_status plan(eg_head *h)
{
    static const char *const ours[] = { "kind", NULL };
    EGI_TRY(choose(h->document, &h->row));
    EGI_TRY(egi_settings_read(h->document, h->row->settings, "head", ours, &h->settings));
    const size_t directions = ((const struct egi_front *)&h->settings)->project;
    h->e = directions > 0 ? directions : h->d;
    egi_head_field(h, &(struct egi_field){ "count", EGI_U32, EGI_CLASS, EGI_SUM, 0, 1, NULL });
    egi_head_field(h, &(struct egi_field){ "calibration", EGI_F32, EGI_FIXED, EGI_OWN, 1,
                                           sizeof(struct egi_calibration) / sizeof(float), NULL });
    return h->row->plan(h);
}

static eg_status make(eg_head *h)
{
    EGI_TRY(make_front(h));
    EGI_TRY(make_scratch(h));
    if (h->row->make != NULL) EGI_TRY(h->row->make(h));
    for (size_t i = 0; i < h->fields; i++)
        if (h->field[i].lent != NULL) h->at[i] = h->field[i].lent;
    h->spec = egi_json_text(h->document); /* the plan may have written defaults of its own */
    return h->spec != NULL ? EG_OK : egi_fail(EG_ERR_NOMEM, "specification of a head");
}

static eg_status planned(json_t *document, size_t d, uint64_t seed, const eg_allocator *alloc,
                         eg_head **out)
{
    const eg_allocator *a = alloc != NULL ? alloc : eg_allocator_default();
    void *block;
    eg_status s = egi_alloc_array(a, 1, sizeof(eg_head), "head", &block);
    if (s != EG_OK) {
        json_decref(document);
        return s;
    }
    eg_head *h = block;
    memset(h, 0, sizeof *h);
    h->document = document;
    h->d = d;
    h->seed = seed;
    h->alloc = a;
    s = plan(h);
    if (s == EG_OK)
        *out = h;
    else
        eg_head_destroy(h);
    return s;
}

eg_status egi_head_make(json_t *document, size_t d, uint64_t seed, const eg_allocator *alloc,
                        eg_head **out)
{
    eg_head *h = NULL;
    eg_status s = planned(document, d, seed, alloc, &h);
    if (s != EG_OK) return s;
    s = make(h);
    if (s == EG_OK)
        *out = h;
    else
        eg_head_destroy(h);
    return s;
}

static eg_status read_spec(const char *who, const char *spec, size_t d, eg_head **out,
                           json_t **document)
{
    if (spec == NULL || out == NULL || d == 0 || d > INT32_MAX)
        return egi_fail(EG_ERR_INVALID, "%s: %s", who,
                        spec == NULL  ? "spec is NULL"
                        : out == NULL ? "out is NULL"
                                      : "features: expected 1 .. 2^31 - 1");
    return egi_json_parse(spec, "head", document);
}

eg_status egi_head_shape(const char *who, const char *spec, size_t d, eg_head **out)
{
    json_t *document;
    EGI_TRY(read_spec(who, spec, d, out, &document));
    return planned(document, d, 0, NULL, out);
}

eg_status eg_head_create(const char *spec, size_t d, uint64_t seed, const eg_allocator *alloc,
                         eg_head **out)
{
    eg_head *h = NULL;
    json_t *document;
    EGI_TRY(read_spec("eg_head_create", spec, d, out, &document));
    EGI_TRY(egi_head_make(document, d, seed, alloc, &h));
    const eg_status s = egi_head_room(h, 1, 1);
    if (s == EG_OK)
        *out = h;
    else
        eg_head_destroy(h);
    return s;
}

void eg_head_destroy(eg_head *h)
{
    if (h == NULL) return;
    for (size_t i = 0; i < h->fields; i++)
        if (h->field[i].lent == NULL)
            egi_free(h->alloc, h->at[i], h->has[i] * egi_head_row_bytes(&h->field[i]));
    egi_free(h->alloc, h->code, h->code != NULL ? h->quantiser->parts * sizeof *h->code : 0);
    eg_quantiser_destroy(h->quantiser);
    egi_free(h->alloc, h->state,
             h->state != NULL ? eg_binary_words(h->clique) * sizeof *h->state : 0);
    eg_binary_destroy(h->clique);
    egi_free(h->alloc, h->pending.z,
             h->pending.z != NULL ? (EGI_PENDING + EGI_STRIP) * h->e * sizeof(double) : 0);
    egi_free(h->alloc, h->projection, h->projection != NULL ? h->d * h->e * sizeof(float) : 0);
    egi_free(h->alloc, h->turned, h->turned != NULL ? longer(h) * sizeof(float) : 0);
    egi_free(h->alloc, h->u, h->u != NULL ? h->e * sizeof(float) : 0);
    egi_free(h->alloc, h->z, h->z != NULL ? h->e * sizeof(int16_t) : 0);
    egi_free(h->alloc, h->work, h->work_size * sizeof(float));
    json_decref(h->document);
    free(h->spec);
    egi_free(h->alloc, h, sizeof *h);
}

/* ---- sizes ---- */

static eg_status bytes_for(const eg_head *h, size_t classes, size_t items, eg_head_bytes *out)
{
    size_t all = 0, kept = 0;
    for (size_t i = 0; i < h->fields; i++) {
        size_t bytes;
        EGI_TRY(egi_mul_size(rows_for(&h->field[i], classes, items),
                             egi_head_row_bytes(&h->field[i]), &bytes));
        EGI_TRY(egi_add_size(all, bytes, &all));
        if (i < EGI_OWN_FIELDS) kept += bytes;
    }
    out->learning = all;
    out->frozen = h->row->frozen != NULL ? kept + h->row->frozen(h, classes, items) : all;
    out->working = sizeof(float)
                   * (h->row->working != NULL ? h->row->working(h, classes) : classes * (h->e + 1));
    if (egi_head_projects(h)) out->working += h->d * h->e * sizeof(float);
    return EG_OK;
}

eg_status eg_head_size(const char *spec, size_t d, size_t classes, size_t examples,
                       eg_head_bytes *out)
{
    eg_head *h = NULL;
    if (out == NULL) return egi_fail(EG_ERR_INVALID, "eg_head_size: out is NULL");
    EGI_TRY(egi_head_shape("eg_head_size", spec, d, &h));
    const eg_status s = bytes_for(h, classes, examples, out);
    eg_head_destroy(h);
    return s;
}

eg_head_bytes eg_head_bytes_of(const eg_head *h)
{
    eg_head_bytes b = { 0, 0, 0 };
    (void)bytes_for(h, h->classes, h->items, &b); /* these are allocated: nothing overflows */
    return b;
}

eg_status eg_head_reserve(eg_head *h, size_t classes, size_t examples)
{
    if (h == NULL) return egi_fail(EG_ERR_INVALID, "eg_head_reserve: head is NULL");
    return egi_head_room(h, classes, examples);
}

eg_status egi_head_work(eg_head *h, size_t size)
{
    if (size == h->work_size) return EG_OK;
    void *block;
    EGI_TRY(egi_alloc_array(h->alloc, size, sizeof(float), "head: what answers need", &block));
    egi_free(h->alloc, h->work, h->work_size * sizeof(float));
    h->work = block;
    h->work_size = size;
    return EG_OK;
}

/* ---- what it knows ---- */

const char *eg_head_spec(const eg_head *h)
{
    return h->spec;
}

const eg_head_kind *eg_head_kind_of(const eg_head *h)
{
    return &h->row->kind;
}

size_t eg_head_features(const eg_head *h)
{
    return h->d;
}

size_t eg_head_classes(const eg_head *h)
{
    return h->classes;
}

uint64_t eg_head_count(const eg_head *h)
{
    return h->taught;
}

uint64_t eg_head_class_count(const eg_head *h, size_t label)
{
    return label < h->classes ? egi_head_counts(h)[label] : 0;
}
