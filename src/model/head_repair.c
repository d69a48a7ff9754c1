/* Repair of a head's file.
 *
 * Rows whose own digest holds are read, wherever the damage lies. A class of which any row is lost
 * is dropped, an item likewise; classes of a kind that keeps items are counted anew from these.
 * What all classes share (sums of products, the quantiser) cannot be done without: where that is
 * lost nothing can be saved. A calibration that is lost is only that. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "model/egi_head_file.h"

void egi_head_repair_clear(struct egi_head_repair *r)
{
    for (size_t i = 0; i < EGI_FIELDS; i++) {
        egi_free(r->options->alloc, r->had[i], r->room[i]);
        r->had[i] = NULL;
    }
    eg_head_destroy(r->h);
    r->h = NULL;
}

static eg_status learn_from(struct egi_head_repair *r, const char *text, size_t size)
{
    struct egi_head_made made;
    if (egi_head_parse(text, size, &made) != EG_OK) return EG_OK; /* it is of something else */
    return egi_head_of(r->options, &made, &r->h);
}

eg_status egi_head_repair_learn(struct egi_head_repair *r, egi_store *to, const egi_record *head,
                                unsigned holds, const uint8_t *bytes, uint64_t *lost)
{
    const uint8_t *text;
    size_t size;
    const eg_status there = egi_store_meta(to, EGI_MEMORY_KEY, &text, &size);
    EGI_TRY(there);
    if (there == EG_OK) return learn_from(r, (const char *)text, size);
    if (!(holds & EGI_HOLDS_BYTES) || head->id != EGI_HEAD_RECORD || head->size <= EGI_HEAD_BYTES)
        return EG_OK;
    text = bytes + EGI_HEAD_BYTES;
    size = (size_t)head->size - EGI_HEAD_BYTES;
    EGI_TRY(learn_from(r, (const char *)text, size));
    if (r->h == NULL) return EG_OK;
    ++*lost; /* the description */
    return egi_file_describe(to, (const char *)text, size, NULL);
}

/* Room for a row of a field, and a mark that it came. */
static eg_status mark(struct egi_head_repair *r, size_t field, uint64_t row)
{
    eg_head *h = r->h;
    const struct egi_field *f = &h->field[field];
    const uint64_t rows = row + 1;
    EGI_TRY(egi_head_grow(h, r->options->max_bytes,
                          f->axis == EGI_CLASS && rows > h->room_classes ? rows : h->room_classes,
                          f->axis == EGI_ITEM && rows > h->room_items ? rows : h->room_items));
    if (f->axis == EGI_CLASS && rows > h->classes) h->classes = (size_t)rows;
    if (f->axis == EGI_ITEM && rows > h->items) h->items = (size_t)rows;
    if (rows > r->room[field]) {
        const size_t room = 2 * (size_t)rows;
        void *had = egi_realloc(r->options->alloc, r->had[field], r->room[field], room);
        if (had == NULL) return egi_fail(EG_ERR_NOMEM, "repair: %zu rows", room);
        memset((uint8_t *)had + r->room[field], 0, room - r->room[field]);
        r->had[field] = had;
        r->room[field] = room;
    }
    r->had[field][row] = 1;
    return EG_OK;
}

static int has(const struct egi_head_repair *r, size_t field, size_t row)
{
    return row < r->room[field] && r->had[field][row];
}

static eg_status rescue_rows(struct egi_head_repair *r, const egi_record *head,
                             const uint8_t *bytes, uint64_t *examples)
{
    size_t field = 0;
    uint64_t first = 0;
    if (!egi_field_place(r->h, head->id, &field, &first) || head->size < EGI_FIELD_HEADER)
        return EG_OK;
    const struct egi_field *f = &r->h->field[field];
    const size_t size = egi_head_row_bytes(f), step = size + EGI_FIELD_ROW;
    const size_t most = f->axis == EGI_FIXED ? f->rows : (size_t)INT64_MAX;
    const size_t there = (size_t)(head->size - EGI_FIELD_HEADER) / step;
    for (size_t i = 0; i < there && i < egi_field_rows_each(f) && first + i < most; i++) {
        const uint8_t *row = bytes + EGI_FIELD_HEADER + i * step;
        if (egi_field_digest(field, first + i, row + EGI_FIELD_ROW, size) != egi_load_le64(row))
            continue;
        EGI_TRY(mark(r, field, first + i));
        egi_field_read(r->h, field, (size_t)(first + i), row + EGI_FIELD_ROW);
        if (field == EGI_COUNTS) *examples += egi_head_counts(r->h)[first + i];
    }
    return EG_OK;
}

eg_status egi_head_repair_record(struct egi_head_repair *r, const egi_record *head, unsigned holds,
                                 const uint8_t *bytes, uint64_t *kept, uint64_t *lost)
{
    uint64_t examples = 0;
    if (head->id != EGI_HEAD_RECORD) {
        EGI_TRY(rescue_rows(r, head, bytes, &examples));
        *kept += examples;
        if (holds & EGI_HOLDS_HEAD && head->count > examples) *lost += head->count - examples;
        return EG_OK;
    }
    if (holds == (EGI_HOLDS_HEAD | EGI_HOLDS_BYTES) && head->size > EGI_HEAD_BYTES)
        r->h->numbered = egi_load_le64(bytes + 16);
    return EG_OK;
}

/* ---- in the end ---- */

static int whole(const struct egi_head_repair *r, enum egi_axis axis, size_t row)
{
    for (size_t i = 0; i < r->h->fields; i++)
        if (r->h->field[i].axis == axis && !has(r, i, row)) return 0;
    return 1;
}

/* Items that are whole move up; counts are theirs. */
static void count_items(struct egi_head_repair *r)
{
    eg_head *h = r->h;
    const int32_t *labels = h->at[EGI_ITEM_CLASS];
    const int64_t *number = h->at[EGI_ITEM_NUMBER];
    const size_t had = h->items;
    memset(egi_head_counts(h), 0, h->room_classes * sizeof(uint32_t));
    h->items = 0;
    for (size_t i = 0; i < had; i++) {
        if (!whole(r, EGI_ITEM, i) || labels[i] < 0) continue;
        egi_head_counts(h)[labels[i]]++;
        if ((uint64_t)number[i] > h->numbered) h->numbered = (uint64_t)number[i];
        egi_items_move(h, i, h->items++);
    }
}

static void drop_classes(struct egi_head_repair *r)
{
    eg_head *h = r->h;
    for (size_t c = 0; c < h->classes; c++) {
        if (whole(r, EGI_CLASS, c)) continue;
        for (size_t i = 0; i < h->fields; i++) {
            const size_t each = egi_head_row_bytes(&h->field[i]);
            if (h->field[i].axis == EGI_CLASS) memset((char *)h->at[i] + c * each, 0, each);
        }
    }
}

static eg_status check_shared(struct egi_head_repair *r, uint64_t *lost)
{
    for (size_t i = 0; i < r->h->fields; i++) {
        const struct egi_field *f = &r->h->field[i];
        for (size_t row = 0; f->axis == EGI_FIXED && row < f->rows; row++) {
            if (has(r, i, row)) continue;
            if (f->join != EGI_OWN)
                return egi_fail(EG_ERR_CORRUPT, "%s of the head, which all classes share, are lost",
                                f->name);
            memset((char *)r->h->at[i] + row * egi_head_row_bytes(f), 0, egi_head_row_bytes(f));
            ++*lost;
        }
    }
    return EG_OK;
}

/* Classes of items are whole where their items are: their counts may have been lost. */
static eg_status room_for_classes(struct egi_head_repair *r)
{
    eg_head *h = r->h;
    const int32_t *labels = h->at[EGI_ITEM_CLASS];
    uint64_t classes = h->classes;
    for (size_t i = 0; i < h->items; i++)
        if (whole(r, EGI_ITEM, i) && labels[i] >= 0 && (uint64_t)labels[i] + 1 > classes)
            classes = (uint64_t)labels[i] + 1;
    EGI_TRY(egi_head_grow(h, r->options->max_bytes, classes, h->room_items));
    h->classes = (size_t)classes;
    return EG_OK;
}

eg_status egi_head_repair_end(struct egi_head_repair *r, egi_store *to, uint64_t *kept,
                              uint64_t *lost)
{
    eg_head *h = r->h;
    EGI_TRY(check_shared(r, lost));
    if (h->row->items) {
        EGI_TRY(room_for_classes(r));
        count_items(r);
    } else {
        drop_classes(r);
    }
    egi_head_trim(h);
    EGI_TRY(egi_head_adopt(h));
    if (h->taught < *kept) *lost += *kept - h->taught; /* of classes and items that were dropped */
    if (h->taught > *kept) *lost -= h->taught - *kept < *lost ? h->taught - *kept : *lost;
    *kept = h->taught;
    return egi_head_put(to, h);
}
