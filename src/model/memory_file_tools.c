/* Backup, vacuum, repair and export of a memory file. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/egi_file.h"
#include "engram/dataset.h"
#include "engram/version.h"
#include "model/egi_binary_file.h"
#include "model/egi_head_file.h"

eg_status eg_memory_file_backup(eg_memory_file *f, const char *to)
{
    if (f == NULL || to == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_memory_file_backup: %s is NULL",
                        f == NULL ? "file" : "to");
    return egi_store_backup(f->store, to);
}

/* Records of patterns and their rows, by the heads. */
struct block_count {
    uint64_t blocks, rows;
};

static eg_status count_block(void *user, const egi_record *head)
{
    struct block_count *b = user;
    if (!egi_holds_patterns(head->kind)) return EG_OK;
    b->blocks++;
    b->rows += head->count;
    return EG_OK;
}

/* Moves the rows of one record to the builder, which writes full blocks behind all others. */
static eg_status move_block(eg_memory_file *f, uint64_t id, egi_builder *b)
{
    egi_record head;
    const uint8_t *bytes;
    egi_block block;
    EGI_TRY(egi_store_get(f->store, id, &head, &bytes));
    void *copy;
    EGI_TRY(egi_alloc_array(f->options.alloc, (size_t)head.size, 1, "vacuum", &copy));
    memcpy(copy, bytes, (size_t)head.size); /* what is borrowed ends with the first flush */
    eg_status status =
        egi_file_blame(f, egi_block_parse(&head, copy, f->d, f->memory.value_size, &block));
    for (size_t i = 0; status == EG_OK && i < block.n; i++) {
        egi_builder_copy(b, &block, i);
        if (b->n == b->capacity) status = egi_builder_flush(b, f->store, 0);
    }
    egi_free(f->options.alloc, copy, (size_t)head.size);
    return status == EG_OK ? egi_store_delete(f->store, id) : status;
}

static eg_status join_blocks(eg_memory_file *f, egi_builder *b)
{
    struct egi_record_list list;
    EGI_TRY(
        egi_records_list(f->store, egi_holds_patterns, f->options.alloc, "vacuum: records", &list));
    eg_status status = EG_OK;
    for (size_t i = 0; i < list.n && status == EG_OK; i++) {
        status = move_block(f, list.id[i], b);
        if (status == EG_OK) status = egi_report(f->options.progress, "vacuum", i + 1, list.n);
    }
    egi_records_free(f->options.alloc, &list);
    return status == EG_OK ? egi_builder_flush(b, f->store, 0) : status;
}

/* Only where there are more than twice the blocks that would do. */
static eg_status join_small(eg_memory_file *f)
{
    struct block_count count = { 0, 0 };
    egi_builder b;
    EGI_TRY(egi_builder_create(f->options.alloc, egi_pattern_kind(f->memory.storage), f->d,
                               f->memory.value_size, 0, &b));
    eg_status status = egi_file_begin(f, 1);
    if (status == EG_OK) {
        status = egi_store_heads(f->store, count_block, &count);
        if (status == EG_OK && count.blocks > 2 * (count.rows / b.capacity + 1))
            status = join_blocks(f, &b);
        if (status == EG_OK)
            status = egi_store_commit(f->store);
        else
            egi_store_abort(f->store);
    }
    egi_builder_destroy(&b);
    return status;
}

eg_status eg_memory_file_vacuum(eg_memory_file *f)
{
    if (f == NULL) return egi_fail(EG_ERR_INVALID, "eg_memory_file_vacuum: file is NULL");
    if (f->contents == EGI_OF_PATTERNS) EGI_TRY(join_small(f));
    return egi_store_vacuum(f->store);
}

struct repair {
    const char *path;
    const egi_store_options *options;
    egi_store *to;
    egi_judge judge;
    eg_memory_options memory;
    struct egi_binary_repair binary;
    struct egi_head_repair head;
    uint64_t kept, lost;
};

/* A file that lost its description tells D and DV by its first rows that hold. */
static eg_status learn_size(struct repair *r, const egi_record *head, unsigned holds,
                            const uint8_t *bytes)
{
    const uint8_t *text;
    size_t size;
    egi_block b;
    const eg_status there = egi_store_meta(r->to, EGI_MEMORY_KEY, &text, &size);
    EGI_TRY(there);
    if (there == EG_OK
        && egi_memory_parse((const char *)text, size, &r->judge.d, &r->memory) == EG_OK) {
        r->judge.dv = r->memory.value_size;
        return EG_OK;
    }
    if (egi_block_rescue(head, holds & EGI_HOLDS_HEAD, bytes, 0, 0, &b) == 0
        || !egi_holds_patterns(b.kind))
        return EG_NOT_FOUND;
    r->judge.d = b.d;
    r->judge.dv = r->memory.value_size = b.dv;
    r->memory.storage = b.kind == EGI_KIND_BITS ? EG_STORE_BITS : EG_STORE_DENSE;
    char own[EGI_TEXT_MAX];
    r->lost++; /* the description */
    return egi_file_describe(r->to, own, egi_memory_text(b.d, &r->memory, own), NULL);
}

/* Rows that hold and whose ids are new, as a block of their own; *n of them. */
static eg_status copy_rows(struct repair *r, const egi_block *from, uint64_t record, size_t *n)
{
    egi_builder b;
    EGI_TRY(egi_builder_create(r->options->alloc, from->kind, from->d, from->dv, from->n, &b));
    eg_status status = EG_OK;
    for (size_t i = 0; i < from->n && status >= 0; i++) {
        if (!egi_block_row_holds(from, i)) continue;
        status = egi_id_set_add(&r->judge.seen, egi_block_id(from, i));
        if (status == EG_OK) egi_builder_copy(&b, from, i);
    }
    *n = b.n;
    status = status < 0 ? status : egi_builder_flush(&b, r->to, record);
    egi_builder_destroy(&b);
    return status;
}

/* Of a record that is damaged, the rows that are not. */
static eg_status rescue_rows(struct repair *r, const egi_record *head, unsigned holds,
                             const uint8_t *bytes, uint64_t *kept, uint64_t *lost)
{
    egi_block b = { .n = 0 };
    egi_record as = *head;
    size_t n = 0;
    if (r->judge.d > 0
        && egi_block_rescue(head, holds & EGI_HOLDS_HEAD, bytes, r->judge.d, r->judge.dv, &b) > 0) {
        as.kind = b.kind;
        if (egi_judge_order(&r->judge, &as) == EG_OK) EGI_TRY(copy_rows(r, &b, head->id, &n));
    }
    const uint64_t had = holds & EGI_HOLDS_HEAD ? head->count : b.n;
    *kept += n;
    *lost += had > n ? had - n : had == 0;
    return EG_OK;
}

static eg_status rescue_record(void *user, const egi_record *head, unsigned holds,
                               const uint8_t *bytes, uint64_t *kept, uint64_t *lost)
{
    struct repair *r = user;
    egi_record same = *head;
    if (r->judge.d == 0 && r->binary.m == NULL && r->head.h == NULL)
        EGI_TRY(egi_head_repair_learn(&r->head, r->to, head, holds, bytes, lost));
    if (r->head.h != NULL) return egi_head_repair_record(&r->head, head, holds, bytes, kept, lost);
    if (r->judge.d == 0 && r->binary.m == NULL)
        EGI_TRY(egi_binary_repair_learn(&r->binary, r->to, head, holds, bytes, lost));
    if (r->binary.m != NULL)
        return egi_binary_repair_record(&r->binary, head, holds, bytes, kept, lost);
    if (r->judge.d == 0) EGI_TRY(learn_size(r, head, holds, bytes));
    if (holds != (EGI_HOLDS_HEAD | EGI_HOLDS_BYTES) || r->judge.d == 0)
        return rescue_rows(r, head, holds, bytes, kept, lost);
    const eg_status status = egi_judge_record(&r->judge, head, bytes);
    if (status == EG_OK) {
        *kept += head->count;
        return egi_store_put(r->to, &same, bytes);
    }
    if (status != EG_ERR_CORRUPT) return status;
    *lost += head->count > 0 ? head->count : 1;
    return EG_OK;
}

static int is_of_state(uint64_t kind)
{
    return kind == EGI_KIND_STATE || kind == EGI_KIND_ITEMS;
}

/* A part of a state is of no use, nor are the items of one that is not there. */
static eg_status drop_part_of_state(struct repair *r)
{
    const uint64_t before = egi_store_root_view(r->to)->items;
    struct egi_record_list list;
    if (r->judge.state_next == egi_state_numbers(r->judge.d, &r->memory)) return EG_OK;
    EGI_TRY(egi_records_list(r->to, is_of_state, r->options->alloc, "repair: records", &list));
    eg_status status = EG_OK;
    for (size_t i = 0; i < list.n && status == EG_OK; i++)
        status = egi_store_delete(r->to, list.id[i]);
    egi_records_free(r->options->alloc, &list);
    const uint64_t items = before - egi_store_root_view(r->to)->items;
    r->kept -= items;
    r->lost += items;
    return status;
}

static eg_status save_what_holds(struct repair *r)
{
    const uint8_t *text;
    size_t size;
    EGI_TRY(egi_store_salvage(r->path, r->options, r->to, rescue_record, r, &r->kept, &r->lost));
    EGI_TRY(r->head.h != NULL     ? egi_head_repair_end(&r->head, r->to, &r->kept, &r->lost)
            : r->binary.m != NULL ? egi_binary_repair_end(&r->binary, r->to, &r->kept, &r->lost)
                                  : drop_part_of_state(r));
    const eg_status there = egi_store_meta(r->to, EGI_MEMORY_KEY, &text, &size);
    if (there == EG_NOT_FOUND)
        return egi_fail(EG_ERR_CORRUPT, "%s: neither a description nor a pattern can be saved",
                        r->path);
    return there;
}

static eg_status fill_repaired(void *user, egi_store *to)
{
    struct repair *r = user;
    r->to = to;
    EGI_TRY(egi_store_begin(to, 1));
    const eg_status status = save_what_holds(r);
    if (status != EG_OK) {
        egi_store_abort(to);
        return status;
    }
    EGI_TRY(egi_store_commit(to));
    return egi_store_verify(to, NULL, NULL, NULL, NULL);
}

eg_status eg_memory_file_repair(const char *path, const char *to, const eg_file_options *options,
                                uint64_t *kept, uint64_t *lost)
{
    const eg_memory_options defaults = EG_MEMORY_OPTIONS_INIT;
    egi_store_options settings;
    if (path == NULL || to == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_memory_file_repair: %s is NULL",
                        path == NULL ? "path" : "to");
    EGI_TRY(egi_file_settings(options, &settings));
    struct stat st;
    const size_t bytes = stat(path, &st) == 0 ? (size_t)st.st_size : 0;
    settings.max_bytes = egi_limit_of(settings.max_bytes, bytes, (size_t)EG_LIMIT_MEMORY);
    struct repair r = {
        .path = path,
        .options = &settings,
        .memory = defaults,
        .binary = { .options = &settings },
        .head = { .options = &settings },
    };
    r.judge.seen.alloc = settings.alloc;
    const eg_status status = egi_store_build(to, &settings, fill_repaired, &r);
    egi_id_set_clear(&r.judge.seen);
    eg_binary_destroy(r.binary.m);
    egi_head_repair_clear(&r.head);
    if (status != EG_OK) return status;
    if (kept != NULL) *kept = r.kept;
    if (lost != NULL) *lost = r.lost;
    return EG_OK;
}

static eg_status export_npy(const eg_memory_file *f, const char *to, const egi_rows *rows)
{
    return eg_npy_write(to, rows->x, rows->n, f->d);
}

static eg_status export_safetensors(const eg_memory_file *f, const char *to, const egi_rows *rows)
{
    char text[EGI_TEXT_MAX];
    const size_t n = rows->n, dv = f->memory.value_size;
    const eg_tensor_entry entry[] = {
        { "patterns", "F32", rows->x, 2, { n, f->d } },
        { "weights", "F32", rows->weights, 1, { n } },
        { "labels", "I32", rows->labels, 1, { n } },
        { "ids", "I64", rows->ids, 1, { n } },
        { "values", "F32", rows->values, 2, { n, dv } }, /* last: left out where there are none */
    };
    const char *const meta[] = { "memory", text, "library", EG_VERSION };
    egi_memory_text(f->d, &f->memory, text);
    return eg_safetensors_write(to, entry, EGI_COUNT(entry) - (dv == 0), meta, 2);
}

static const struct {
    const char *name;
    int tensors; /* several arrays, with their names */
    eg_status (*write)(const eg_memory_file *f, const char *to, const egi_rows *rows);
} formats[] = { { "safetensors", 1, export_safetensors }, { "npy", 0, export_npy } };

/* A file that is the store itself, by whatever name, or one of the two beside it. */
static int is_of_store(const char *to, const char *store)
{
    static const char *const suffixes[] = { "", "-wal", "-shm" };
    struct stat target, own;
    if (stat(to, &target) != 0) return 0;
    for (size_t i = 0; i < EGI_COUNT(suffixes); i++) {
        char path[EGI_PATH_MAX]; /* SQLite opens no longer one than 512 bytes */
        snprintf(path, sizeof path, "%.4000s%s", store, suffixes[i]);
        if (stat(path, &own) != 0) continue;
        if (own.st_dev == target.st_dev && own.st_ino == target.st_ino) return 1;
    }
    return 0;
}

eg_status eg_memory_file_export(eg_memory_file *f, const char *to, const char *format)
{
    egi_rows rows;
    size_t i = 0;
    if (f == NULL || to == NULL || format == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_memory_file_export: %s is NULL",
                        f == NULL    ? "file"
                        : to == NULL ? "to"
                                     : "format");
    while (i < EGI_COUNT(formats) && strcmp(formats[i].name, format) != 0) i++;
    if (i == EGI_COUNT(formats))
        return egi_fail(EG_ERR_INVALID,
                        "eg_memory_file_export: format \"%s\", expected safetensors or npy",
                        format);
    if (is_of_store(to, egi_store_path(f->store)))
        return egi_fail(EG_ERR_INVALID, "eg_memory_file_export: %s is the memory file itself", to);
    if (f->contents == EGI_OF_BINARY) return egi_binary_export(f, to, formats[i].tensors);
    if (f->contents == EGI_OF_HEAD) return egi_head_export(f, to, formats[i].tensors);
    EGI_TRY(egi_file_begin(f, 0));
    const uint64_t items = egi_store_root_view(f->store)->items;
    const eg_status status = egi_file_gather(f, &rows);
    egi_store_abort(f->store);
    EGI_TRY(status);
    const eg_status written =
        rows.n == items ? formats[i].write(f, to, &rows)
                        : egi_fail(EG_ERR_UNSUPPORTED, "%s: holds weights without their patterns",
                                   egi_store_path(f->store));
    egi_rows_destroy(&rows);
    return written;
}
