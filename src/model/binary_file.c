/* A binary memory in a memory file: save, load, write what changed.
 *
 * Format (docs/file-format.md, kinds 5 and 6): record 1 counts, record 2 + g has the rows g R ..
 * of the connections, R such that they take about a block at most; a record whose rows are all
 * empty is not there. So a pair that is stored changes the records of its active units, and a
 * write compares and puts those alone, all in one transaction: after a kill the file has the
 * memory of before or of after.
 *
 * Two writers: a write is refused where the file is no longer the one that was loaded, because
 * connections made by another would be lost. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "model/egi_binary_file.h"

eg_status egi_binary_room(const egi_store_options *settings, const eg_binary_options *options,
                          eg_binary **out)
{
    eg_binary_options mine = *options;
    size_t bytes;
    mine.alloc = settings->alloc;
    EGI_TRY(eg_binary_size(&mine, &bytes));
    if (bytes > settings->max_bytes)
        return egi_fail(EG_ERR_LIMIT,
                        "a %s memory of %zu x %zu takes %zu bytes, more than the limit of %zu "
                        "(max_bytes, --max-bytes)",
                        eg_binary_kind_at((size_t)mine.kind)->name, mine.clusters, mine.units,
                        bytes, settings->max_bytes);
    return eg_binary_create(&mine, out);
}

size_t egi_binary_rows_each(const eg_binary *m)
{
    const size_t one = m->kind->keeping->row_most(m) + EGI_ROW_HEADER;
    return EGI_BLOCK_BYTES / one > 0 ? EGI_BLOCK_BYTES / one : 1;
}

uint64_t egi_row_digest(uint64_t row, const uint8_t *bytes, size_t size)
{
    uint8_t of[16];
    egi_store_le64(of, row);
    egi_store_le64(of + 8, egi_hash(bytes, size));
    return egi_hash(of, sizeof of);
}

/* ---- records into a memory ---- */

static eg_status corrupt(const egi_record *head, const char *what)
{
    return egi_fail(EG_ERR_CORRUPT, "record %llu: %s", (unsigned long long)head->id, what);
}

static eg_status take_tally(eg_binary *m, const egi_record *head, const uint8_t *bytes)
{
    char text[EGI_TEXT_MAX];
    const size_t size = egi_binary_text(&m->options, text);
    if (head->size != EGI_TALLY_BYTES + size || memcmp(bytes + EGI_TALLY_BYTES, text, size) != 0)
        return corrupt(head, "counts of another memory than the description's");
    if (head->lo != 0 || head->hi != 0 || head->count != 0)
        return corrupt(head, "a head that counts do not have");
    const uint64_t n = egi_load_le64(bytes);
    if (m->kind->keeping == &egi_keeping_sums && n > INT32_MAX)
        return corrupt(head, "more pairs than sums can hold");
    m->n = n;
    m->on_in = egi_load_le64(bytes + 8);
    m->on_out = egi_load_le64(bytes + 16);
    return EG_OK;
}

static eg_status take_row(eg_binary *m, const egi_record *head, size_t row, const uint8_t *at,
                          size_t left, size_t *took)
{
    size_t used = 0;
    const size_t size = left >= EGI_ROW_HEADER ? egi_load_le32(at + 8) : SIZE_MAX;
    if (left < EGI_ROW_HEADER || size > left - EGI_ROW_HEADER)
        return corrupt(head, "a row that is cut short");
    if (egi_row_digest(row, at + EGI_ROW_HEADER, size) != egi_load_le64(at))
        return corrupt(head, "a row whose digest does not match");
    EGI_TRY(m->kind->keeping->row_read(m, row, at + EGI_ROW_HEADER, size, &used));
    if (used != size) return corrupt(head, "a row that goes on");
    *took = EGI_ROW_HEADER + size;
    return EG_OK;
}

static eg_status take_rows(eg_binary *m, const egi_record *head, const uint8_t *bytes)
{
    const size_t each = egi_binary_rows_each(m), rows = m->kind->keeping->rows(m);
    const uint64_t first = (head->id - EGI_TALLY_RECORD - 1) * each;
    if (head->id > (rows + each - 1) / each + EGI_TALLY_RECORD || head->lo != first)
        return corrupt(head, "rows that this memory has not, or has elsewhere");
    const size_t n = rows - (size_t)first < each ? rows - (size_t)first : each;
    size_t at = EGI_ROWS_HEADER;
    if (head->size < EGI_ROWS_HEADER || egi_load_le32(bytes) != n
        || egi_load_le32(bytes + 4) != EGI_KIND_ROWS || egi_load_le64(bytes + 8) != first
        || head->count != n || head->hi != 0)
        return corrupt(head, "a header of rows that does not match its head");
    for (size_t i = 0; i < n; i++) {
        size_t took = 0;
        EGI_TRY(take_row(m, head, (size_t)first + i, bytes + at, (size_t)head->size - at, &took));
        at += took;
    }
    return at == head->size ? EG_OK : corrupt(head, "bytes behind its last row");
}

eg_status egi_binary_take(eg_binary *m, const egi_record *head, const uint8_t *bytes, int *counted)
{
    const int tally = !*counted;
    if (head->kind != (tally ? EGI_KIND_TALLY : EGI_KIND_ROWS)
        || (tally && head->id != EGI_TALLY_RECORD))
        return corrupt(head, "out of place in a binary memory");
    *counted = 1;
    return tally ? take_tally(m, head, bytes) : take_rows(m, head, bytes);
}

/* ---- a memory into records ---- */

static eg_status put_tally(egi_store *s, const eg_binary *m)
{
    uint8_t bytes[EGI_TALLY_BYTES + EGI_TEXT_MAX];
    char text[EGI_TEXT_MAX];
    const size_t size = egi_binary_text(&m->options, text);
    egi_record head = { EGI_TALLY_RECORD, EGI_KIND_TALLY, 0, 0, 0, EGI_TALLY_BYTES + size };
    egi_store_le64(bytes, m->n);
    egi_store_le64(bytes + 8, m->on_in);
    egi_store_le64(bytes + 16, m->on_out);
    memcpy(bytes + EGI_TALLY_BYTES, text, size);
    return egi_record_put(s, &head, bytes);
}

static int any_used(const eg_binary *m, size_t first, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (m->kind->keeping->row_used(m, first + i)) return 1;
    return 0;
}

static eg_status put_rows(egi_store *s, const eg_binary *m, size_t first, size_t n, uint8_t *bytes)
{
    const struct egi_keeping *k = m->kind->keeping;
    const size_t each = egi_binary_rows_each(m);
    size_t at = EGI_ROWS_HEADER;
    egi_record head = { EGI_TALLY_RECORD + 1 + first / each, EGI_KIND_ROWS, first, 0, n, 0 };
    if (!any_used(m, first, n)) {
        const eg_status gone = egi_store_delete(s, head.id);
        return gone == EG_NOT_FOUND ? EG_OK : gone;
    }
    egi_store_le32(bytes, (uint32_t)n);
    egi_store_le32(bytes + 4, EGI_KIND_ROWS);
    egi_store_le64(bytes + 8, first);
    for (size_t i = 0; i < n; i++) {
        uint8_t *row = bytes + at + EGI_ROW_HEADER;
        const size_t size = k->row_write(m, first + i, row);
        egi_store_le64(bytes + at, egi_row_digest(first + i, row, size));
        egi_store_le32(bytes + at + 8, (uint32_t)size);
        at += EGI_ROW_HEADER + size;
    }
    head.size = at;
    return egi_record_put(s, &head, bytes);
}

eg_status egi_binary_put(egi_store *s, const eg_binary *m)
{
    const size_t each = egi_binary_rows_each(m), rows = m->kind->keeping->rows(m);
    const size_t most = m->kind->keeping->row_most(m) + EGI_ROW_HEADER;
    const size_t room = EGI_ROWS_HEADER + each * most;
    void *bytes;
    if (most > EGI_RECORD_MAX - EGI_ROWS_HEADER)
        return egi_fail(EG_ERR_LIMIT, "memory file: a row of up to %zu bytes", most);
    EGI_TRY(put_tally(s, m));
    EGI_TRY(egi_alloc_array(m->alloc, room, 1, "memory file: rows of connections", &bytes));
    eg_status status = EG_OK;
    for (size_t at = 0; at < rows && status == EG_OK; at += each)
        status = put_rows(s, m, at, rows - at < each ? rows - at : each, bytes);
    egi_free(m->alloc, bytes, room);
    return status;
}

static eg_status put_all(egi_store *s, const eg_binary *m, const eg_file_options *options)
{
    char text[EGI_TEXT_MAX];
    EGI_TRY(egi_file_describe(s, text, egi_binary_text(&m->options, text), options));
    return egi_binary_put(s, m);
}

/* ---- the public verbs ---- */

int eg_memory_file_is_binary(const eg_memory_file *f)
{
    return f->contents == EGI_OF_BINARY;
}

struct saving {
    const eg_binary *m;
    const eg_file_options *options;
};

static eg_status fill(void *user, egi_store *s)
{
    const struct saving *v = user;
    EGI_TRY(egi_store_begin(s, 1));
    return egi_file_finish(s, put_all(s, v->m, v->options));
}

eg_status eg_memory_file_save_binary(const char *path, const eg_binary *m,
                                     const eg_file_options *options)
{
    egi_store_options settings;
    struct saving v = { m, options };
    if (path == NULL || m == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_memory_file_save_binary: %s is NULL",
                        path == NULL ? "path" : "memory");
    EGI_TRY(egi_file_settings(options, &settings));
    return egi_store_build(path, &settings, fill, &v);
}

static eg_status take_all(eg_memory_file *f, const struct egi_record_list *list, eg_binary *m)
{
    int counted = 0;
    for (size_t i = 0; i < list->n; i++) {
        egi_record head;
        const uint8_t *bytes;
        EGI_TRY(egi_store_get(f->store, list->id[i], &head, &bytes));
        EGI_TRY(egi_file_blame(f, egi_binary_take(m, &head, bytes, &counted)));
        EGI_TRY(egi_report(f->options.progress, "load", i + 1, list->n));
    }
    if (!counted) return egi_file_blame(f, egi_fail(EG_ERR_CORRUPT, "nothing says what it holds"));
    return EG_OK;
}

/* Inside a transaction. */
static eg_status load_records(eg_memory_file *f, eg_binary *m)
{
    struct egi_record_list list;
    EGI_TRY(egi_records_list(f->store, NULL, f->options.alloc, "memory file: records", &list));
    const eg_status status = take_all(f, &list, m);
    egi_records_free(f->options.alloc, &list);
    f->loaded = egi_store_root_view(f->store)->generation;
    return status;
}

eg_status eg_memory_file_load_binary(eg_memory_file *f, eg_binary **out)
{
    eg_binary *m = NULL;
    if (f == NULL || out == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_memory_file_load_binary: %s is NULL",
                        f == NULL ? "file" : "out");
    EGI_TRY(egi_file_wants(f, "eg_memory_file_load_binary", EGI_OF_BINARY));
    EGI_TRY(egi_binary_room(&f->options, &f->made, &m));
    eg_status status = egi_file_begin(f, 0);
    if (status == EG_OK) {
        status = load_records(f, m);
        egi_store_abort(f->store);
    }
    if (status == EG_OK)
        *out = m;
    else
        eg_binary_destroy(m);
    return status;
}

static eg_status put_whole(void *user, egi_store *s)
{
    return egi_binary_put(s, user);
}

eg_status eg_memory_file_write_binary(eg_memory_file *f, const eg_binary *m)
{
    if (f == NULL || m == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_memory_file_write_binary: %s is NULL",
                        f == NULL ? "file" : "memory");
    EGI_TRY(egi_file_wants(f, "eg_memory_file_write_binary", EGI_OF_BINARY));
    if (!egi_binary_same(&f->made, &m->options))
        return egi_fail(EG_ERR_SHAPE,
                        "eg_memory_file_write_binary: %s holds a %s memory of %zu x %zu, got %s of "
                        "%zu x %zu, or other order, counters, locations or seed",
                        egi_store_path(f->store), eg_binary_kind_at((size_t)f->made.kind)->name,
                        f->made.clusters, f->made.units, m->kind->info.name, m->in.clusters,
                        m->in.units);
    return egi_file_rewrite(f, put_whole, (void *)(uintptr_t)m);
}

/* ---- what it holds, and whether that is right ---- */

/* In a transaction. */
eg_status egi_binary_info(eg_memory_file *f, eg_file_info *info)
{
    egi_record head;
    const uint8_t *bytes;
    const eg_status there = egi_store_get(f->store, EGI_TALLY_RECORD, &head, &bytes);
    EGI_TRY(there);
    if (there != EG_OK || head.kind != EGI_KIND_TALLY || head.size < EGI_TALLY_BYTES)
        return egi_file_blame(f, egi_fail(EG_ERR_CORRUPT, "nothing says what it holds"));
    info->count = egi_load_le64(bytes);
    info->binary = f->made;
    const eg_binary_options *o = &info->binary;
    const int symbols = egi_binary_kinds[o->kind]->symbols;
    info->size = symbols ? o->clusters : o->clusters * o->units;
    info->value_size = symbols ? o->out_clusters : o->out_clusters * o->out_units;
    return EG_OK;
}

struct taking {
    eg_binary *m;
    int counted;
};

static eg_status take_one(void *user, const egi_record *head, const uint8_t *bytes)
{
    struct taking *t = user;
    return egi_binary_take(t->m, head, bytes, &t->counted);
}

eg_status egi_binary_verify(eg_memory_file *f, egi_store_report *report, void *user)
{
    struct taking t = { NULL, 0 };
    EGI_TRY(egi_binary_room(&f->options, &f->made, &t.m));
    eg_status status = egi_store_verify(f->store, take_one, &t, report, user);
    eg_binary_destroy(t.m);
    if (status != EG_OK || t.counted) return status;
    status = egi_file_blame(f, egi_fail(EG_ERR_CORRUPT, "nothing says what it holds"));
    if (report != NULL) report(user, eg_error_detail());
    return status;
}
