/* A head in a memory file (docs/file-format.md): record 1 counts, every other record is some rows
 * of one field, each with a digest of its own. Record 2 + f + F g has rows g R .. of field f of F,
 * R as many as fit a block. A write changes only the records that differ, in one transaction, so
 * that after a kill the head is that of before or of after. Where another has written since the
 * head was loaded it is refused: what that one taught would be lost. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "model/egi_head_file.h"

size_t egi_field_rows_each(const struct egi_field *f)
{
    const size_t one = egi_head_row_bytes(f) + EGI_FIELD_ROW;
    return EGI_BLOCK_BYTES / one > 0 ? EGI_BLOCK_BYTES / one : 1;
}

uint64_t egi_field_digest(size_t field, uint64_t row, const uint8_t *bytes, size_t size)
{
    uint8_t of[24];
    egi_store_le64(of, field);
    egi_store_le64(of + 8, row);
    egi_store_le64(of + 16, egi_hash(bytes, size));
    return egi_hash(of, sizeof of);
}

int egi_field_place(const eg_head *h, uint64_t record, size_t *field, uint64_t *first)
{
    const uint64_t at = record - EGI_HEAD_RECORD - 1, block = at / h->fields;
    *field = (size_t)(at % h->fields);
    const size_t each = egi_field_rows_each(&h->field[*field]);
    if (block > UINT64_MAX / each) return 0;
    *first = block * each;
    return 1;
}

/* Numbers of n cells as bytes, low byte first, and back. */
static void cells_to_bytes(enum egi_cell cell, const void *from, size_t n, uint8_t *to)
{
    const size_t each = egi_cell_bytes[cell];
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = 0;
        switch (each) {
        case 1:
            bits = ((const uint8_t *)from)[i];
            break;
        case 2:
            bits = ((const uint16_t *)from)[i];
            break;
        case 4:
            bits = ((const uint32_t *)from)[i];
            break;
        default:
            bits = ((const uint64_t *)from)[i];
            break;
        }
        for (size_t b = 0; b < each; b++) to[i * each + b] = (uint8_t)(bits >> 8 * b);
    }
}

void egi_field_read(eg_head *h, size_t field, size_t row, const uint8_t *bytes)
{
    const struct egi_field *f = &h->field[field];
    const size_t each = egi_cell_bytes[f->cell], n = f->columns;
    void *to = (char *)h->at[field] + row * egi_head_row_bytes(f);
    for (size_t i = 0; i < n; i++) {
        uint64_t bits = 0;
        for (size_t b = 0; b < each; b++) bits |= (uint64_t)bytes[i * each + b] << 8 * b;
        switch (each) {
        case 1:
            ((uint8_t *)to)[i] = (uint8_t)bits;
            break;
        case 2:
            ((uint16_t *)to)[i] = (uint16_t)bits;
            break;
        case 4:
            ((uint32_t *)to)[i] = (uint32_t)bits;
            break;
        default:
            ((uint64_t *)to)[i] = bits;
            break;
        }
    }
}

/* ---- records into a head ---- */

static eg_status corrupt(const egi_record *head, const char *what)
{
    return egi_fail(EG_ERR_CORRUPT, "record %llu: %s", (unsigned long long)head->id, what);
}

static eg_status take_counts(eg_head *h, size_t most, const egi_record *head, const uint8_t *bytes)
{
    char text[EGI_TEXT_MAX];
    const size_t size = egi_head_text(h, text);
    if (head->size != EGI_HEAD_BYTES + size || memcmp(bytes + EGI_HEAD_BYTES, text, size) != 0)
        return corrupt(head, "counts of another head than the description's");
    if (head->lo != 0 || head->hi != 0 || head->count != 0)
        return corrupt(head, "a head that counts do not have");
    const uint64_t classes = egi_load_le64(bytes), items = egi_load_le64(bytes + 8);
    if (classes > INT32_MAX || items > INT64_MAX)
        return corrupt(head, "more classes than there are numbers");
    EGI_TRY(egi_head_grow(h, most, classes, items));
    h->classes = (size_t)classes;
    h->items = (size_t)items;
    h->numbered = egi_load_le64(bytes + 16);
    return EG_OK;
}

/* Examples that rows of the counts tell of: the record's own count; other fields have none. */
static uint64_t examples_in(const eg_head *h, size_t field, size_t first, size_t n)
{
    uint64_t all = 0;
    for (size_t i = 0; i < n && field == EGI_COUNTS; i++) all += egi_head_counts(h)[first + i];
    return all;
}

static eg_status take_rows(eg_head *h, const egi_record *head, const uint8_t *bytes,
                           uint64_t *rows_in)
{
    size_t field = 0;
    uint64_t first = 0;
    if (!egi_field_place(h, head->id, &field, &first)) return corrupt(head, "of no field");
    const struct egi_field *f = &h->field[field];
    const size_t rows = egi_head_rows_of(h, f), each = egi_field_rows_each(f);
    const size_t size = egi_head_row_bytes(f), step = size + EGI_FIELD_ROW;
    if (first >= rows || head->lo != first) return corrupt(head, "rows that this head has not");
    const size_t n = rows - (size_t)first < each ? rows - (size_t)first : each;
    if (head->size != EGI_FIELD_HEADER + n * step || head->hi != 0 || egi_load_le32(bytes) != n
        || egi_load_le32(bytes + 4) != EGI_KIND_FIELD || egi_load_le64(bytes + 8) != first
        || egi_load_le64(bytes + 16) != field)
        return corrupt(head, "a header of rows that does not match its head");
    for (size_t i = 0; i < n; i++) {
        const uint8_t *row = bytes + EGI_FIELD_HEADER + i * step;
        if (egi_field_digest(field, first + i, row + EGI_FIELD_ROW, size) != egi_load_le64(row))
            return corrupt(head, "a row whose digest does not match");
        egi_field_read(h, field, (size_t)first + i, row + EGI_FIELD_ROW);
    }
    *rows_in += n;
    return head->count == examples_in(h, field, (size_t)first, n)
               ? EG_OK
               : corrupt(head, "another number of examples than its rows tell");
}

eg_status egi_head_take(void *user, const egi_record *head, const uint8_t *bytes)
{
    struct egi_head_taking *t = user;
    const int counts = !t->counted;
    if (head->kind != (counts ? EGI_KIND_HEAD : EGI_KIND_FIELD)
        || (counts && (head->id != EGI_HEAD_RECORD || head->size < EGI_HEAD_BYTES))
        || (!counts && head->size < EGI_FIELD_HEADER))
        return corrupt(head, "out of place in a head");
    t->counted = 1;
    return counts ? take_counts(t->h, t->most, head, bytes)
                  : take_rows(t->h, head, bytes, &t->rows);
}

/* All rows must have come. */
static eg_status take_end(const struct egi_head_taking *t)
{
    uint64_t all = 0;
    if (!t->counted) return egi_fail(EG_ERR_CORRUPT, "nothing says what it holds");
    for (size_t i = 0; i < t->h->fields; i++) all += egi_head_rows_of(t->h, &t->h->field[i]);
    if (t->rows != all)
        return egi_fail(EG_ERR_CORRUPT, "%llu rows of fields, expected %llu",
                        (unsigned long long)t->rows, (unsigned long long)all);
    return egi_head_adopt(t->h);
}

/* ---- a head into records ---- */

static eg_status put_counts(egi_store *s, const eg_head *h)
{
    uint8_t bytes[EGI_HEAD_BYTES + EGI_TEXT_MAX];
    const size_t size = egi_head_text(h, (char *)bytes + EGI_HEAD_BYTES);
    egi_record head = { EGI_HEAD_RECORD, EGI_KIND_HEAD, 0, 0, 0, EGI_HEAD_BYTES + size };
    egi_store_le64(bytes, h->classes);
    egi_store_le64(bytes + 8, h->items);
    egi_store_le64(bytes + 16, h->numbered);
    return egi_record_put(s, &head, bytes);
}

static eg_status put_rows(egi_store *s, const eg_head *h, size_t field, size_t first, size_t n,
                          uint8_t *bytes)
{
    const struct egi_field *f = &h->field[field];
    const size_t size = egi_head_row_bytes(f), step = size + EGI_FIELD_ROW;
    const uint64_t block = first / egi_field_rows_each(f);
    egi_record head = { EGI_HEAD_RECORD + 1 + field + h->fields * block,
                        EGI_KIND_FIELD,
                        first,
                        0,
                        examples_in(h, field, first, n),
                        EGI_FIELD_HEADER + n * step };
    egi_store_le32(bytes, (uint32_t)n);
    egi_store_le32(bytes + 4, EGI_KIND_FIELD);
    egi_store_le64(bytes + 8, first);
    egi_store_le64(bytes + 16, field);
    for (size_t i = 0; i < n; i++) {
        uint8_t *row = bytes + EGI_FIELD_HEADER + i * step;
        cells_to_bytes(f->cell, (const char *)h->at[field] + (first + i) * size, f->columns,
                       row + EGI_FIELD_ROW);
        egi_store_le64(row, egi_field_digest(field, first + i, row + EGI_FIELD_ROW, size));
    }
    return egi_record_put(s, &head, bytes);
}

/* Blocks of rows that are no more, of a head that has forgotten. */
static eg_status drop_rows(egi_store *s, const eg_head *h, size_t field, uint64_t block)
{
    eg_status gone = EG_OK;
    while (gone == EG_OK)
        gone = egi_store_delete(s, EGI_HEAD_RECORD + 1 + field + h->fields * block++);
    return gone == EG_NOT_FOUND ? EG_OK : gone;
}

static eg_status put_field(egi_store *s, const eg_head *h, size_t field)
{
    const struct egi_field *f = &h->field[field];
    const size_t rows = egi_head_rows_of(h, f), each = egi_field_rows_each(f);
    const size_t step = egi_head_row_bytes(f) + EGI_FIELD_ROW;
    size_t room;
    void *bytes;
    if (step > EGI_RECORD_MAX - EGI_FIELD_HEADER)
        return egi_fail(EG_ERR_LIMIT, "memory file: %s: a row of %zu bytes", f->name, step);
    EGI_TRY(egi_mul_size(each < rows ? each : rows, step, &room));
    room += EGI_FIELD_HEADER;
    EGI_TRY(egi_alloc_array(h->alloc, room, 1, "memory file: rows of a field", &bytes));
    eg_status s2 = EG_OK;
    for (size_t at = 0; at < rows && s2 == EG_OK; at += each)
        s2 = put_rows(s, h, field, at, rows - at < each ? rows - at : each, bytes);
    egi_free(h->alloc, bytes, room);
    return s2 == EG_OK ? drop_rows(s, h, field, (rows + each - 1) / each) : s2;
}

eg_status egi_head_put(egi_store *s, const eg_head *h)
{
    EGI_TRY(put_counts(s, h));
    for (size_t i = 0; i < h->fields; i++) EGI_TRY(put_field(s, h, i));
    return EG_OK;
}

/* ---- the public verbs ---- */

int eg_memory_file_is_head(const eg_memory_file *f)
{
    return f->contents == EGI_OF_HEAD;
}

struct saving {
    const eg_head *h;
    const eg_file_options *options;
};

static eg_status put_all(egi_store *s, const struct saving *v)
{
    char text[EGI_TEXT_MAX];
    EGI_TRY(egi_file_describe(s, text, egi_head_text(v->h, text), v->options));
    return egi_head_put(s, v->h);
}

static eg_status fill(void *user, egi_store *s)
{
    EGI_TRY(egi_store_begin(s, 1));
    return egi_file_finish(s, put_all(s, user));
}

eg_status eg_memory_file_save_head(const char *path, eg_head *h, const eg_file_options *options)
{
    egi_store_options settings;
    struct saving v = { h, options };
    if (path == NULL || h == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_memory_file_save_head: %s is NULL",
                        path == NULL ? "path" : "head");
    egi_head_settle(h);
    EGI_TRY(egi_file_settings(options, &settings));
    return egi_store_build(path, &settings, fill, &v);
}

/* Inside a transaction. */
static eg_status load_records(eg_memory_file *f, struct egi_head_taking *t)
{
    struct egi_record_list list;
    eg_status s = EG_OK;
    EGI_TRY(egi_records_list(f->store, NULL, f->options.alloc, "memory file: records", &list));
    for (size_t i = 0; i < list.n && s == EG_OK; i++) {
        egi_record head;
        const uint8_t *bytes;
        s = egi_store_get(f->store, list.id[i], &head, &bytes);
        if (s == EG_OK) s = egi_file_blame(f, egi_head_take(t, &head, bytes));
        if (s == EG_OK) s = egi_report(f->options.progress, "load", i + 1, list.n);
    }
    egi_records_free(f->options.alloc, &list);
    return s == EG_OK ? egi_file_blame(f, take_end(t)) : s;
}

eg_status eg_memory_file_load_head(eg_memory_file *f, eg_head **out)
{
    struct egi_head_taking t = { NULL, 0, 0, 0 };
    if (f == NULL || out == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_memory_file_load_head: %s is NULL",
                        f == NULL ? "file" : "out");
    EGI_TRY(egi_file_wants(f, "eg_memory_file_load_head", EGI_OF_HEAD));
    EGI_TRY(egi_file_blame(f, egi_head_of(&f->options, f->head, &t.h)));
    t.most = f->options.max_bytes;
    eg_status s = egi_file_begin(f, 0);
    if (s == EG_OK) {
        s = load_records(f, &t);
        f->loaded = egi_store_root_view(f->store)->generation;
        egi_store_abort(f->store);
    }
    if (s == EG_OK)
        *out = t.h;
    else
        eg_head_destroy(t.h);
    return s;
}

static eg_status put_whole(void *user, egi_store *s)
{
    return egi_head_put(s, user);
}

eg_status eg_memory_file_write_head(eg_memory_file *f, eg_head *h)
{
    if (f == NULL || h == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_memory_file_write_head: %s is NULL",
                        f == NULL ? "file" : "head");
    EGI_TRY(egi_file_wants(f, "eg_memory_file_write_head", EGI_OF_HEAD));
    if (f->head->d != h->d || f->head->seed != h->seed || strcmp(f->head->spec, h->spec) != 0)
        return egi_fail(EG_ERR_SHAPE,
                        "eg_memory_file_write_head: %s holds %s of %zu features, got %s of %zu",
                        egi_store_path(f->store), f->head->spec, f->head->d, h->spec, h->d);
    egi_head_settle(h);
    return egi_file_rewrite(f, put_whole, h);
}

/* ---- what it holds, and whether that is right ---- */

eg_status egi_head_verify(eg_memory_file *f, egi_store_report *report, void *user)
{
    struct egi_head_taking t = { NULL, f->options.max_bytes, 0, 0 };
    EGI_TRY(egi_file_blame(f, egi_head_of(&f->options, f->head, &t.h)));
    eg_status s = egi_store_verify(f->store, egi_head_take, &t, report, user);
    if (s == EG_OK) {
        s = egi_file_blame(f, take_end(&t));
        if (s != EG_OK && report != NULL) report(user, eg_error_detail());
    }
    eg_head_destroy(t.h);
    return s;
}
