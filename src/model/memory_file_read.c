/* From a memory file to a memory, and back; what verify asks of the bytes of a record.
 *
 * Blocks whose ids rise from one to the next, as append writes them, go into the memory one by
 * one, so that a load holds one copy. Others are gathered first: adding ids in disorder piece
 * by piece would cost a search in all that came before. Of a memory that keeps no patterns a file
 * has the state and the items: blocks like those of patterns, less the patterns. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "memory/egi_memory.h"
#include "model/egi_binary_file.h"
#include "model/egi_head_file.h"

enum { SLICE_NUMBERS = 1 << 20 }; /* components turned into floats at a time */

struct entry {
    uint64_t id, kind;
};

/* Blocks of items, of patterns: how many rows, and in how many bytes. */
struct rows_of_kind {
    uint64_t n, bytes;
};

/* What there is to load, by the heads alone. */
struct plan {
    const eg_allocator *alloc;
    struct entry *entry;
    size_t n, capacity;
    struct rows_of_kind items, patterns;
    uint64_t hi;
    int ascending, rank;
};

/* State, items, patterns follow one another. *rank: 0 at the beginning. */
static eg_status check_order(const egi_record *head, int *rank)
{
    const int now = head->kind == EGI_KIND_STATE ? 1 : head->kind == EGI_KIND_ITEMS ? 2 : 3;
    if (now < *rank || (now == 2 && *rank == 0))
        return egi_fail(EG_ERR_CORRUPT, "record %llu: %s", (unsigned long long)head->id,
                        now == 1 ? "state behind items or patterns"
                                 : "items that no state precedes");
    *rank = now;
    return EG_OK;
}

static eg_status plan_record(void *user, const egi_record *head)
{
    struct plan *p = user;
    EGI_TRY(check_order(head, &p->rank));
    if (p->n == p->capacity) {
        const size_t capacity = 2 * p->capacity + 16, item = sizeof *p->entry;
        struct entry *grown = egi_realloc(p->alloc, p->entry, p->capacity * item, capacity * item);
        if (grown == NULL) return egi_fail(EG_ERR_NOMEM, "memory file: %zu records", capacity);
        p->entry = grown;
        p->capacity = capacity;
    }
    p->entry[p->n++] = (struct entry){ head->id, head->kind };
    if (head->kind == EGI_KIND_STATE) return EG_OK;
    if (head->lo <= p->hi) p->ascending = 0;
    p->hi = head->hi;
    struct rows_of_kind *rows = head->kind == EGI_KIND_ITEMS ? &p->items : &p->patterns;
    rows->n += head->count;
    rows->bytes += head->size;
    return EG_OK;
}

static eg_status plan_create(eg_memory_file *f, struct plan *out)
{
    *out = (struct plan){ .alloc = f->options.alloc, .ascending = 1 };
    return egi_file_blame(f, egi_store_heads(f->store, plan_record, out));
}

static void plan_destroy(struct plan *p)
{
    egi_free(p->alloc, p->entry, p->capacity * sizeof *p->entry);
}

static eg_status check_limit(const eg_memory_file *f, uint64_t count, size_t each)
{
    if (count > f->options.max_bytes / each)
        return egi_fail(EG_ERR_LIMIT,
                        "%s: %llu x %zu bytes, more than the limit of %zu (max_bytes, --max-bytes)",
                        egi_store_path(f->store), (unsigned long long)count, each,
                        f->options.max_bytes);
    return EG_OK;
}

/* What a memory of these options needs before a pattern is in it, and for all of them. */
static eg_status check_room(const eg_memory_file *f, uint64_t patterns)
{
    const size_t dv = f->memory.value_size, items = 4 * dv + 16;
    EGI_TRY(check_limit(f, patterns, items));
    switch (f->memory.storage) {
    case EG_STORE_DENSE:
        return check_limit(f, patterns, 4 * f->d + items);
    case EG_STORE_BITS:
        return check_limit(f, patterns, f->d / 8 + 1 + items);
    case EG_STORE_FEATURES:
        return check_limit(f, f->memory.features, 4 * f->d + 16);
    default:
        return check_limit(f, f->d, 8 * f->d);
    }
}

static eg_status get_block(eg_memory_file *f, uint64_t id, egi_block *out)
{
    egi_record head;
    const uint8_t *bytes;
    EGI_TRY(egi_store_get(f->store, id, &head, &bytes));
    return egi_file_blame(f, egi_block_parse(&head, bytes, f->d, f->memory.value_size, out));
}

/* A memory refuses what no file of ours can hold: then the file is not one of ours. */
static eg_status add_rows(const eg_memory_file *f, eg_memory *m, uint64_t kind,
                          const egi_rows *rows, size_t n)
{
    char why[400];
    const eg_items items = { rows->weights, rows->labels,
                             f->memory.value_size > 0 ? rows->values : NULL, rows->ids };
    const eg_status status = kind == EGI_KIND_ITEMS ? egi_memory_add_items(m, n, &items)
                                                    : eg_memory_add(m, rows->x, n, &items);
    if (status != EG_ERR_INVALID) return status;
    snprintf(why, sizeof why, "%s", eg_error_detail());
    return egi_file_blame(f, egi_fail(EG_ERR_CORRUPT, "%s", why));
}

static eg_status add_block(const eg_memory_file *f, eg_memory *m, const egi_block *b)
{
    const size_t slice = SLICE_NUMBERS / b->d > 0 ? SLICE_NUMBERS / b->d : 1;
    const size_t room = !b->ascending || slice > b->n ? b->n : slice;
    egi_rows rows;
    EGI_TRY(egi_rows_create(f->options.alloc, room, egi_holds_patterns(b->kind) ? b->d : 0, b->dv,
                            &rows));
    eg_status status = EG_OK;
    for (size_t from = 0; from < b->n && status == EG_OK; from += room) {
        const size_t n = b->n - from < room ? b->n - from : room;
        egi_rows_read(b, from, n, &rows, 0);
        status = add_rows(f, m, b->kind, &rows, n);
    }
    egi_rows_destroy(&rows);
    return status;
}

/* All rows of items, or of patterns. */
static eg_status gather(eg_memory_file *f, const struct plan *p, int items, egi_rows *out)
{
    const size_t d = items ? 0 : f->d, dv = f->memory.value_size;
    const uint64_t n = items ? p->items.n : p->patterns.n;
    egi_rows rows;
    size_t at = 0;
    EGI_TRY(check_limit(f, n, 4 * d + 4 * dv + 16));
    EGI_TRY(egi_rows_create(f->options.alloc, (size_t)n, d, dv, &rows));
    eg_status status = EG_OK;
    for (size_t i = 0; i < p->n && status == EG_OK; i++) {
        egi_block b;
        if (p->entry[i].kind == EGI_KIND_STATE || (p->entry[i].kind == EGI_KIND_ITEMS) != items)
            continue;
        status = get_block(f, p->entry[i].id, &b);
        if (status != EG_OK) break;
        egi_rows_read(&b, 0, b.n, &rows, at);
        at += b.n;
        status = egi_report(f->options.progress, "read", i + 1, p->n);
    }
    if (status == EG_OK)
        *out = rows;
    else
        egi_rows_destroy(&rows);
    return status;
}

eg_status egi_file_gather(eg_memory_file *f, egi_rows *out)
{
    struct plan p;
    eg_status status = plan_create(f, &p);
    if (status == EG_OK) status = gather(f, &p, 0, out);
    plan_destroy(&p);
    return status;
}

static eg_status check_state(const egi_record *head, const uint8_t *bytes, uint64_t next)
{
    if (head->lo != next || head->hi != 0 || head->size == 0 || head->size % 8 != 0
        || head->size > 8 * EGI_STATE_CHUNK || head->count != 0)
        return egi_fail(EG_ERR_CORRUPT, "record %llu: state that does not follow from number %llu",
                        (unsigned long long)head->id, (unsigned long long)next);
    for (size_t i = 0; i < head->size; i += 8)
        if ((egi_load_le64(bytes + i) >> 52 & 0x7ff) == 0x7ff)
            return egi_fail(EG_ERR_CORRUPT, "record %llu: state that is not finite",
                            (unsigned long long)head->id);
    return EG_OK;
}

static eg_status read_state(eg_memory_file *f, const struct plan *p, double *state, size_t size)
{
    size_t at = 0;
    for (size_t i = 0; i < p->n && p->entry[i].kind == EGI_KIND_STATE; i++) {
        egi_record head;
        const uint8_t *bytes;
        EGI_TRY(egi_store_get(f->store, p->entry[i].id, &head, &bytes));
        EGI_TRY(egi_file_blame(f, check_state(&head, bytes, at)));
        const size_t n = (size_t)head.size / 8;
        if (n > size - at) break;
        for (size_t k = 0; k < n; k++) {
            const uint64_t bits = egi_load_le64(bytes + 8 * k);
            memcpy(state + at + k, &bits, sizeof bits);
        }
        at += n;
    }
    if (at != size)
        return egi_file_blame(
            f, egi_fail(EG_ERR_CORRUPT, "%zu numbers of state, expected %zu", at, size));
    return EG_OK;
}

static eg_status load_state(eg_memory_file *f, const struct plan *p, eg_memory *m)
{
    const size_t size = eg_memory_state_size(m);
    void *state;
    if (p->n == 0 || p->entry[0].kind != EGI_KIND_STATE) return EG_OK;
    EGI_TRY(egi_alloc_array(f->options.alloc, size, sizeof(double), "memory file: state", &state));
    eg_status status = read_state(f, p, state, size);
    if (status == EG_OK) status = eg_memory_set_state(m, state, size);
    egi_free(f->options.alloc, state, size * sizeof(double));
    return status;
}

static eg_status load_blocks(eg_memory_file *f, const struct plan *p, eg_memory *m)
{
    eg_status status = EG_OK;
    for (size_t i = 0; i < p->n && status == EG_OK; i++) {
        egi_block b;
        if (p->entry[i].kind == EGI_KIND_STATE) continue;
        status = get_block(f, p->entry[i].id, &b);
        if (status == EG_OK) status = add_block(f, m, &b);
        if (status == EG_OK) status = egi_report(f->options.progress, "load", i + 1, p->n);
    }
    return status;
}

/* All at once, but no more than the bytes that are there can hold, whatever a head says. */
static eg_status reserve(const eg_memory_file *f, const struct plan *p, eg_memory *m)
{
    const size_t row = f->memory.storage == EG_STORE_BITS ? (f->d + 7) / 8 : 4 * f->d;
    const uint64_t most = p->patterns.bytes / row + p->items.bytes / 8;
    const uint64_t n = p->patterns.n + p->items.n;
    return egi_memory_reserve(m, (size_t)(n < most ? n : most));
}

static eg_status load_at_once(eg_memory_file *f, const struct plan *p, int items, eg_memory *m)
{
    egi_rows rows;
    if ((items ? p->items.n : p->patterns.n) == 0) return EG_OK;
    EGI_TRY(gather(f, p, items, &rows));
    const eg_status status = add_rows(f, m, items ? EGI_KIND_ITEMS : EGI_KIND_F32, &rows, rows.n);
    egi_rows_destroy(&rows);
    return status;
}

static eg_status load_into(eg_memory_file *f, eg_memory *m)
{
    struct plan p;
    eg_status status = plan_create(f, &p);
    if (status == EG_OK) status = check_room(f, p.items.n + p.patterns.n);
    if (status == EG_OK) status = load_state(f, &p, m);
    if (status == EG_OK && p.ascending) status = reserve(f, &p, m);
    if (status == EG_OK && p.ascending) status = load_blocks(f, &p, m);
    if (status == EG_OK && !p.ascending) status = load_at_once(f, &p, 1, m);
    if (status == EG_OK && !p.ascending) status = load_at_once(f, &p, 0, m);
    plan_destroy(&p);
    const uint64_t top = egi_store_root_view(f->store)->top;
    if (top >= m->next_id) m->next_id = top < UINT64_MAX ? top + 1 : top;
    return status;
}

eg_status eg_memory_file_load(eg_memory_file *f, eg_memory **out)
{
    eg_memory *m = NULL;
    if (f == NULL || out == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_memory_file_load: %s is NULL",
                        f == NULL ? "file" : "out");
    EGI_TRY(egi_file_wants(f, "eg_memory_file_load", EGI_OF_PATTERNS));
    EGI_TRY(check_room(f, 0));
    EGI_TRY(egi_file_begin(f, 0));
    eg_status status = eg_memory_create(f->d, &f->memory, &m);
    if (status == EG_OK) status = load_into(f, m);
    egi_store_abort(f->store);
    if (status == EG_OK)
        *out = m;
    else
        eg_memory_destroy(m);
    return status;
}

uint64_t egi_state_numbers(size_t d, const eg_memory_options *options)
{
    switch (options->storage) {
    case EG_STORE_DENSE:
    case EG_STORE_BITS:
        return 0;
    case EG_STORE_FEATURES:
        return 2 * (uint64_t)options->features;
    default:
        return (uint64_t)d * d;
    }
}

eg_status egi_judge_order(egi_judge *j, const egi_record *head)
{
    return check_order(head, &j->rank);
}

eg_status egi_judge_record(void *user, const egi_record *head, const uint8_t *bytes)
{
    egi_judge *j = user;
    egi_block b;
    EGI_TRY(egi_judge_order(j, head));
    if (head->kind == EGI_KIND_STATE) {
        EGI_TRY(check_state(head, bytes, j->state_next));
        j->state_next += head->size / 8;
        return EG_OK;
    }
    EGI_TRY(egi_block_parse(head, bytes, j->d, j->dv, &b));
    for (size_t i = 0; i < b.n; i++) {
        const eg_status status = egi_id_set_add(&j->seen, egi_block_id(&b, i));
        EGI_TRY(status);
        if (status == EG_NOT_FOUND)
            return egi_fail(EG_ERR_CORRUPT, "record %llu: id %llu is there twice",
                            (unsigned long long)head->id, (unsigned long long)egi_block_id(&b, i));
    }
    return EG_OK;
}

eg_status eg_memory_file_verify(eg_memory_file *f, void (*report)(void *user, const char *text),
                                void *user)
{
    if (f == NULL) return egi_fail(EG_ERR_INVALID, "eg_memory_file_verify: file is NULL");
    if (f->contents == EGI_OF_BINARY) return egi_binary_verify(f, report, user);
    if (f->contents == EGI_OF_HEAD) return egi_head_verify(f, report, user);
    egi_judge j = { .d = f->d, .dv = f->memory.value_size, .seen = { .alloc = f->options.alloc } };
    const eg_status status = egi_store_verify(f->store, egi_judge_record, &j, report, user);
    egi_id_set_clear(&j.seen);
    if (status != EG_OK || j.state_next == 0) return status;
    const uint64_t want = egi_state_numbers(f->d, &f->memory);
    if (j.state_next == want) return EG_OK;
    const eg_status bad =
        egi_file_blame(f, egi_fail(EG_ERR_CORRUPT, "%llu numbers of state, expected %llu",
                                   (unsigned long long)j.state_next, (unsigned long long)want));
    if (report != NULL) report(user, eg_error_detail());
    return bad;
}

/* x: (D) scratch. */
static eg_status save_rows(egi_store *s, const egi_store_options *o, const eg_memory *m,
                           egi_builder *b, float *x)
{
    for (size_t i = 0; i < m->n; i++) {
        if (egi_holds_patterns(b->kind)) m->backend->get(m, i, x);
        egi_builder_add(b, m->id[i], m->weight[i], m->label[i],
                        b->dv > 0 ? m->value + i * b->dv : NULL, x);
        if (b->n < b->capacity) continue;
        EGI_TRY(egi_builder_flush(b, s, 0));
        EGI_TRY(egi_report(o->progress, "save", i + 1, m->n));
    }
    return egi_builder_flush(b, s, 0);
}

static eg_status save_blocks(egi_store *s, const egi_store_options *o, const eg_memory *m,
                             uint64_t kind)
{
    const size_t d = eg_memory_size(m), dv = eg_memory_value_size(m);
    egi_builder b;
    void *x;
    EGI_TRY(egi_builder_create(o->alloc, kind, d, dv, 0, &b));
    eg_status status = egi_alloc_array(o->alloc, d, sizeof(float), "eg_memory_file_save", &x);
    if (status == EG_OK) {
        status = save_rows(s, o, m, &b, x);
        egi_free(o->alloc, x, d * sizeof(float));
    }
    egi_builder_destroy(&b);
    return status;
}

static eg_status put_state(egi_store *s, const double *state, size_t size, uint8_t *bytes)
{
    for (size_t at = 0; at < size; at += EGI_STATE_CHUNK) {
        const size_t n = size - at < EGI_STATE_CHUNK ? size - at : EGI_STATE_CHUNK;
        for (size_t i = 0; i < n; i++) {
            uint64_t bits;
            memcpy(&bits, state + at + i, sizeof bits);
            egi_store_le64(bytes + 8 * i, bits);
        }
        egi_record head = { 0, EGI_KIND_STATE, at, 0, 0, 8 * n };
        EGI_TRY(egi_store_put(s, &head, bytes));
    }
    return EG_OK;
}

static eg_status save_state(egi_store *s, const egi_store_options *o, const eg_memory *m)
{
    const size_t size = eg_memory_state_size(m), all = size + EGI_STATE_CHUNK;
    void *block;
    EGI_TRY(egi_alloc_array(o->alloc, all, 8, "eg_memory_file_save: state", &block));
    double *state = block;
    m->backend->state(m, state);
    const eg_status status = put_state(s, state, size, (uint8_t *)(state + size));
    egi_free(o->alloc, block, all * 8);
    return status;
}

struct saving {
    const eg_memory *m;
    const egi_store_options *settings;
    const eg_file_options *options;
};

static eg_status fill_memory(void *user, egi_store *s)
{
    const struct saving *v = user;
    const eg_memory_options *o = eg_memory_options_view(v->m);
    const int patterns = eg_memory_state_size(v->m) == 0;
    EGI_TRY(egi_store_begin(s, 1));
    char text[EGI_TEXT_MAX];
    const size_t size = egi_memory_text(eg_memory_size(v->m), o, text);
    eg_status status = egi_file_describe(s, text, size, v->options);
    if (status == EG_OK && !patterns) status = save_state(s, v->settings, v->m);
    if (status == EG_OK)
        status = save_blocks(s, v->settings, v->m,
                             patterns ? egi_pattern_kind(o->storage) : EGI_KIND_ITEMS);
    egi_store_raise_top(s, v->m->next_id - 1); /* of a pattern that was removed, too */
    if (status == EG_OK) return egi_store_commit(s);
    egi_store_abort(s);
    return status;
}

eg_status eg_memory_file_save(const char *path, const eg_memory *m, const eg_file_options *options)
{
    egi_store_options settings;
    if (path == NULL || m == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_memory_file_save: %s is NULL",
                        path == NULL ? "path" : "memory");
    EGI_TRY(egi_file_settings(options, &settings));
    struct saving v = { m, &settings, options };
    return egi_store_build(path, &settings, fill_memory, &v);
}
