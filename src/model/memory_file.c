/* The memory file: create, open, append, remove, notes, info.
 *
 * Patterns lie in blocks (pattern_block.c), one record each. Ids are not used twice: the root
 * knows the greatest there ever was, so an append with new ids reads nothing but the root. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "engram/version.h"
#include "memory/egi_rule.h"
#include "model/egi_binary_file.h"
#include "model/egi_head_file.h"

enum { DEFAULT_WAIT_MS = 5000 };

/* The caller's may be those of an older or newer library. */
static eg_file_options all_options(const eg_file_options *options)
{
    eg_file_options o = EG_FILE_OPTIONS_INIT;
    if (options != NULL) memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    return o;
}

eg_status egi_file_settings(const eg_file_options *options, egi_store_options *out)
{
    const eg_file_options o = all_options(options);
    if (o.durability < 0 || o.durability > 2)
        return egi_fail(EG_ERR_INVALID, "eg_file_options: durability = %d, not 0, 1 or 2",
                        o.durability);
    *out = (egi_store_options){
        .read_only = o.read_only != 0,
        .durability = o.durability,
        .max_bytes = o.max_bytes,
        .wait_ms = o.wait_ms == 0  ? DEFAULT_WAIT_MS
                   : o.wait_ms < 0 ? 0
                                   : o.wait_ms,
        .alloc = o.alloc != NULL ? o.alloc : eg_allocator_default(),
        .progress = o.progress,
    };
    return EG_OK;
}

eg_status egi_file_blame(const eg_memory_file *f, eg_status status)
{
    char text[512];
    if (status != EG_ERR_CORRUPT && status != EG_ERR_VERSION) return status;
    snprintf(text, sizeof text, "%s", eg_error_detail());
    return egi_fail(status, "%s: %s", egi_store_path(f->store), text);
}

eg_status egi_file_begin(eg_memory_file *f, int write)
{
    EGI_TRY(egi_store_begin(f->store, write));
    f->options.max_bytes = egi_store_most(f->store);
    return EG_OK;
}

eg_status egi_file_finish(egi_store *s, eg_status status)
{
    if (status == EG_OK) return egi_store_commit(s);
    egi_store_abort(s);
    return status;
}

eg_status egi_file_describe(egi_store *store, const char *text, size_t size,
                            const eg_file_options *options)
{
    const eg_file_options o = all_options(options);
    EGI_TRY(egi_store_set_meta(store, EGI_MEMORY_KEY, text, size));
    EGI_TRY(egi_store_set_meta(store, EGI_LIBRARY_KEY, EG_VERSION, strlen(EG_VERSION)));
    for (size_t i = 0; i < o.note_count; i++)
        EGI_TRY(egi_note_put(store, "eg_file_options: notes", &o.notes[i]));
    return EG_OK;
}

struct description {
    size_t d;
    const eg_memory_options *memory;
    const eg_file_options *options;
};

static eg_status fill_empty(void *user, egi_store *s)
{
    const struct description *what = user;
    char text[EGI_TEXT_MAX];
    const size_t size = egi_memory_text(what->d, what->memory, text);
    EGI_TRY(egi_store_begin(s, 1));
    return egi_file_finish(s, egi_file_describe(s, text, size, what->options));
}

eg_status eg_memory_file_create(const char *path, size_t d, const eg_memory_options *memory,
                                const eg_file_options *options, eg_memory_file **out)
{
    const eg_memory_options defaults = EG_MEMORY_OPTIONS_INIT;
    egi_store_options settings;
    egi_builder room;
    if (path == NULL || out == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_memory_file_create: %s is NULL",
                        path == NULL ? "path" : "out");
    EGI_TRY(egi_file_settings(options, &settings));
    eg_memory_options mine = memory != NULL ? *memory : defaults;
    mine.alloc = settings.alloc;
    eg_memory *probe = NULL; /* what could not be loaded is not to be written */
    EGI_TRY(eg_memory_create(d, &mine, &probe));
    eg_memory_destroy(probe);
    EGI_TRY(egi_builder_create(settings.alloc, egi_pattern_kind(mine.storage), d, mine.value_size,
                               1, &room));
    egi_builder_destroy(&room);
    struct description what = { d, &mine, options };
    EGI_TRY(egi_store_build(path, &settings, fill_empty, &what));
    return eg_memory_file_open(path, options, out);
}

static eg_status read_binary(eg_memory_file *f, const char *text, size_t size)
{
    return egi_binary_parse(text, size, &f->made);
}

static eg_status read_patterns(eg_memory_file *f, const char *text, size_t size)
{
    return egi_memory_parse(text, size, &f->d, &f->memory);
}

/* EG_NOT_FOUND: it is none of this; the last one says what is wrong. */
static const struct {
    enum egi_contents contents;
    eg_status (*read)(eg_memory_file *f, const char *text, size_t size);
} readers[] = {
    { EGI_OF_BINARY, read_binary },
    { EGI_OF_HEAD, egi_head_describe },
    { EGI_OF_PATTERNS, read_patterns },
};

static eg_status read_description(eg_memory_file *f)
{
    const uint8_t *text;
    size_t size;
    EGI_TRY(egi_file_begin(f, 0));
    eg_status status = egi_store_meta(f->store, EGI_MEMORY_KEY, &text, &size);
    if (status == EG_NOT_FOUND)
        status = egi_fail(EG_ERR_CORRUPT, "the description of the memory is missing");
    else if (status == EG_OK)
        status = EG_NOT_FOUND; /* until a reader knows it */
    for (size_t i = 0; i < EGI_COUNT(readers) && status == EG_NOT_FOUND; i++) {
        f->contents = readers[i].contents;
        status = readers[i].read(f, (const char *)text, size);
    }
    status = egi_file_blame(f, status);
    f->memory.alloc = f->options.alloc;
    return egi_file_finish(f->store, status);
}

eg_status eg_memory_file_open(const char *path, const eg_file_options *options,
                              eg_memory_file **out)
{
    egi_store_options settings;
    if (path == NULL || out == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_memory_file_open: %s is NULL",
                        path == NULL ? "path" : "out");
    EGI_TRY(egi_file_settings(options, &settings));
    eg_memory_file *f = egi_alloc(settings.alloc, sizeof *f);
    if (f == NULL) return egi_fail(EG_ERR_NOMEM, "eg_memory_file_open: %zu bytes", sizeof *f);
    memset(f, 0, sizeof *f);
    f->options = settings;
    eg_status status = egi_store_open(path, &settings, &f->store);
    if (status == EG_OK) status = read_description(f);
    if (status == EG_OK)
        *out = f;
    else
        eg_memory_file_close(f);
    return status;
}

void eg_memory_file_close(eg_memory_file *f)
{
    if (f == NULL) return;
    egi_store_close(f->store);
    egi_free(f->options.alloc, f->note, f->note_size);
    egi_free(f->options.alloc, f->head, sizeof *f->head);
    egi_free(f->options.alloc, f, sizeof *f);
}

/* Records of patterns whose lo .. hi meets a range of ids. */
struct candidates {
    const eg_allocator *alloc;
    uint64_t lo, hi, *id;
    size_t n, capacity;
};

static eg_status add_candidate(void *user, const egi_record *head)
{
    struct candidates *c = user;
    if (!egi_is_block(head->kind) || head->hi < c->lo || head->lo > c->hi) return EG_OK;
    if (c->n == c->capacity) {
        const size_t capacity = 2 * c->capacity + 16;
        uint64_t *id = egi_realloc(c->alloc, c->id, c->capacity * 8, capacity * 8);
        if (id == NULL) return egi_fail(EG_ERR_NOMEM, "memory file: %zu records", capacity);
        c->id = id;
        c->capacity = capacity;
    }
    c->id[c->n++] = head->id;
    return EG_OK;
}

static eg_status get_block(eg_memory_file *f, uint64_t id, egi_block *out)
{
    egi_record head;
    const uint8_t *bytes;
    EGI_TRY(egi_store_get(f->store, id, &head, &bytes));
    return egi_file_blame(f, egi_block_parse(&head, bytes, f->d, f->memory.value_size, out));
}

/* visit for each block that may hold one of the ids, which lie in lo .. hi. */
typedef eg_status block_visit(void *user, uint64_t record, const egi_block *block);

static eg_status visit_blocks(eg_memory_file *f, uint64_t lo, uint64_t hi, block_visit *visit,
                              void *user)
{
    struct candidates c = { f->options.alloc, lo, hi, NULL, 0, 0 };
    egi_block block;
    eg_status status = egi_store_heads(f->store, add_candidate, &c);
    for (size_t i = 0; i < c.n && status == EG_OK; i++) {
        status = get_block(f, c.id[i], &block);
        if (status == EG_OK) status = visit(user, c.id[i], &block);
    }
    egi_free(c.alloc, c.id, c.capacity * 8);
    return status;
}

static eg_status collect_ids(const char *who, const uint64_t *ids, size_t n, egi_id_set *set,
                             uint64_t *lo, uint64_t *hi)
{
    *lo = UINT64_MAX;
    *hi = 0;
    for (size_t i = 0; i < n; i++) {
        if (ids[i] == 0 || ids[i] == UINT64_MAX)
            return egi_fail(EG_ERR_INVALID, "%s: id %llu of item %zu", who,
                            (unsigned long long)ids[i], i);
        const eg_status status = egi_id_set_add(set, ids[i]);
        if (status == EG_NOT_FOUND)
            return egi_fail(EG_ERR_INVALID, "%s: id %llu is given twice", who,
                            (unsigned long long)ids[i]);
        EGI_TRY(status);
        if (ids[i] < *lo) *lo = ids[i];
        if (ids[i] > *hi) *hi = ids[i];
    }
    return EG_OK;
}

static eg_status refuse_known(void *user, uint64_t record, const egi_block *block)
{
    const egi_id_set *set = user;
    (void)record;
    for (size_t i = 0; i < block->n; i++)
        if (egi_id_set_has(set, egi_block_id(block, i)))
            return egi_fail(EG_ERR_INVALID, "eg_memory_file_append: id %llu is in use",
                            (unsigned long long)egi_block_id(block, i));
    return EG_OK;
}

static eg_status check_new_ids(eg_memory_file *f, const uint64_t *ids, size_t n)
{
    egi_id_set set = { f->options.alloc, NULL, 0, 0 };
    uint64_t lo, hi;
    eg_status status = collect_ids("eg_memory_file_append", ids, n, &set, &lo, &hi);
    if (status == EG_OK && lo <= egi_store_root_view(f->store)->top)
        status = visit_blocks(f, lo, hi, refuse_known, &set);
    egi_id_set_clear(&set);
    return status;
}

static eg_status check_finite(const char *what, const float *x, size_t n, size_t row)
{
    for (size_t i = 0; x != NULL && i < n; i++)
        if (!isfinite(x[i]))
            return egi_fail(EG_ERR_INVALID, "eg_memory_file_append: %s %zu, component %zu: %g",
                            what, i / row, i % row, (double)x[i]);
    return EG_OK;
}

static eg_status check_items(const eg_memory_file *f, const float *patterns, size_t n,
                             const eg_items *items)
{
    const size_t dv = f->memory.value_size;
    size_t cells, numbers;
    if ((items->values != NULL) != (dv > 0))
        return egi_fail(EG_ERR_SHAPE, "eg_memory_file_append: values are %s, value_size is %zu",
                        items->values != NULL ? "given" : "missing", dv);
    EGI_TRY(egi_mul_size(n, f->d, &cells));
    EGI_TRY(egi_mul_size(n, dv, &numbers));
    EGI_TRY(check_finite("pattern", patterns, cells, f->d));
    EGI_TRY(check_finite("value", items->values, numbers, dv));
    for (size_t i = 0; items->weights != NULL && i < n; i++)
        if (!(items->weights[i] > 0) || !isfinite(items->weights[i]))
            return egi_fail(EG_ERR_INVALID, "eg_memory_file_append: weight %zu = %g, expected > 0",
                            i, (double)items->weights[i]);
    return EG_OK;
}

static eg_status write_items(eg_memory_file *f, const float *patterns, size_t n,
                             const eg_items *items, uint64_t first)
{
    const size_t d = f->d, dv = f->memory.value_size;
    egi_builder b;
    EGI_TRY(
        egi_builder_create(f->options.alloc, egi_pattern_kind(f->memory.storage), d, dv, 0, &b));
    eg_status status = EG_OK;
    for (size_t i = 0; i < n && status == EG_OK; i++) {
        egi_builder_add(&b, items->ids != NULL ? items->ids[i] : first + i,
                        items->weights != NULL ? items->weights[i] : 1.0f,
                        items->labels != NULL ? items->labels[i] : -1,
                        dv > 0 ? items->values + i * dv : NULL, patterns + i * d);
        if (b.n < b.capacity) continue;
        status = egi_builder_flush(&b, f->store, 0);
        if (status == EG_OK) status = egi_report(f->options.progress, "store", i + 1, n);
    }
    if (status == EG_OK) status = egi_builder_flush(&b, f->store, 0);
    egi_builder_destroy(&b);
    return status;
}

eg_status eg_memory_file_append(eg_memory_file *f, const float *patterns, size_t n,
                                const eg_items *items, uint64_t *ids)
{
    static const eg_items none = { NULL, NULL, NULL, NULL };
    const eg_items *with = items != NULL ? items : &none;
    if (f == NULL || (patterns == NULL && n > 0))
        return egi_fail(EG_ERR_INVALID, "eg_memory_file_append: %s is NULL",
                        f == NULL ? "file" : "patterns");
    EGI_TRY(egi_file_wants(f, "eg_memory_file_append", EGI_OF_PATTERNS));
    if (n == 0) return EG_OK;
    EGI_TRY(check_items(f, patterns, n, with));
    EGI_TRY(egi_file_begin(f, 1));
    const uint64_t first = egi_store_root_view(f->store)->top + 1;
    eg_status status = EG_OK;
    if (with->ids != NULL)
        status = check_new_ids(f, with->ids, n);
    else if (first == 0 || n >= UINT64_MAX - first)
        status = egi_fail(EG_ERR_OVERFLOW, "eg_memory_file_append: no ids are left");
    if (status == EG_OK) status = write_items(f, patterns, n, with, first);
    EGI_TRY(egi_file_finish(f->store, status));
    for (size_t i = 0; ids != NULL && i < n; i++)
        ids[i] = with->ids != NULL ? with->ids[i] : first + i;
    return EG_OK;
}

struct removal {
    eg_memory_file *f;
    const egi_id_set *set;
    size_t removed;
};

/* A block is written anew without the rows that go, under its own record id: order stays. */
static eg_status remove_rows(void *user, uint64_t record, const egi_block *block)
{
    struct removal *r = user;
    egi_builder b;
    EGI_TRY(
        egi_builder_create(r->f->options.alloc, block->kind, block->d, block->dv, block->n, &b));
    for (size_t i = 0; i < block->n; i++)
        if (!egi_id_set_has(r->set, egi_block_id(block, i))) egi_builder_copy(&b, block, i);
    const size_t gone = block->n - b.n;
    eg_status status = EG_OK;
    if (gone > 0 && block->kind == EGI_KIND_ITEMS)
        status =
            egi_fail(EG_ERR_UNSUPPORTED,
                     "eg_memory_file_remove: %zu ids are in a state, without their patterns", gone);
    else if (b.n == 0)
        status = egi_store_delete(r->f->store, record);
    else if (gone > 0)
        status = egi_builder_flush(&b, r->f->store, record);
    r->removed += gone;
    egi_builder_destroy(&b);
    return status;
}

eg_status eg_memory_file_remove(eg_memory_file *f, const uint64_t *ids, size_t n)
{
    if (f == NULL || (ids == NULL && n > 0))
        return egi_fail(EG_ERR_INVALID, "eg_memory_file_remove: %s is NULL",
                        f == NULL ? "file" : "ids");
    EGI_TRY(egi_file_wants(f, "eg_memory_file_remove", EGI_OF_PATTERNS));
    if (n == 0) return EG_OK;
    egi_id_set set = { f->options.alloc, NULL, 0, 0 };
    struct removal r = { f, &set, 0 };
    uint64_t lo, hi;
    eg_status status = collect_ids("eg_memory_file_remove", ids, n, &set, &lo, &hi);
    if (status == EG_OK) {
        status = egi_file_begin(f, 1);
        if (status == EG_OK) {
            status = visit_blocks(f, lo, hi, remove_rows, &r);
            if (status == EG_OK && r.removed != n)
                status =
                    egi_fail(EG_NOT_FOUND, "eg_memory_file_remove: %zu of %zu ids are not there",
                             n - r.removed, n);
            status = egi_file_finish(f->store, status);
        }
    }
    egi_id_set_clear(&set);
    return status;
}

static eg_status fill_info(eg_memory_file *f, eg_file_info *info)
{
    const egi_store_root *root = egi_store_root_view(f->store);
    const uint8_t *library;
    size_t size = 0;
    const eg_status there = egi_store_meta(f->store, EGI_LIBRARY_KEY, &library, &size);
    EGI_TRY(there);
    EGI_TRY(egi_store_space(f->store, &info->file_bytes, &info->free_bytes));
    snprintf(info->library_version, sizeof info->library_version, "%.*s",
             there == EG_OK && size < 32 ? (int)size : 0, (const char *)library);
    snprintf(info->root_hash, sizeof info->root_hash, "%016llx", (unsigned long long)root->check);
    info->format_version = EGI_STORE_VERSION;
    info->is_binary = f->contents == EGI_OF_BINARY;
    info->is_head = f->contents == EGI_OF_HEAD;
    if (info->is_binary) return egi_binary_info(f, info);
    info->count = root->items;
    info->size = f->d;
    if (info->is_head) return EG_OK;
    info->value_size = f->memory.value_size;
    info->storage = f->memory.storage;
    info->rule = f->memory.rule;
    return EG_OK;
}

int eg_memory_file_lyapunov(const eg_memory_file *f, eg_dynamics dynamics, const char **why)
{
    return egi_rule_lyapunov(&f->memory.rule, f->memory.storage, f->memory.self_coupling, dynamics,
                             why);
}

eg_status eg_memory_file_info(eg_memory_file *f, eg_file_info *info)
{
    eg_file_info found;
    if (f == NULL || info == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_memory_file_info: %s is NULL",
                        f == NULL ? "file" : "info");
    memset(&found, 0, sizeof found);
    EGI_TRY(egi_file_begin(f, 0));
    EGI_TRY(egi_file_finish(f->store, fill_info(f, &found)));
    *info = found;
    return EG_OK;
}
