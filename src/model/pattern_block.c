/* Blocks of patterns: bytes to rows and back. docs/file-format.md, "Kind 1" and "Kind 2":
 *
 *   0 u32 n   4 u32 flags   8 u64 D   16 u64 DV   24 ids? weights? labels? values patterns
 *
 * The only code that knows these offsets. Bytes are read one by one, so the byte order of the
 * machine does not matter. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "model/egi_memory_file.h"

enum { HEADER = 24, HAS_IDS = 1, HAS_WEIGHTS = 2, HAS_LABELS = 4, ALL_FLAGS = 7 };

static float load_f32(const uint8_t *p)
{
    const uint32_t bits = egi_load_le32(p);
    float v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static void store_f32(uint8_t *p, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    egi_store_le32(p, bits);
}

/* An exponent of all ones is an infinity or a NaN. */
static int all_finite(const uint8_t *p, size_t n)
{
    uint32_t bad = 0;
    for (size_t i = 0; i < n; i++) bad |= (egi_load_le32(p + 4 * i) & 0x7f800000u) == 0x7f800000u;
    return !bad;
}

static size_t row_bytes(uint64_t kind, size_t d)
{
    return kind == EGI_KIND_BITS ? d / 8 + (d % 8 != 0) : 4 * d;
}

uint64_t egi_pattern_kind(eg_storage storage)
{
    return storage == EG_STORE_BITS ? EGI_KIND_BITS : EGI_KIND_F32;
}

static eg_status fail_block(const egi_record *head, const char *what)
{
    return egi_fail(EG_ERR_CORRUPT, "record %llu: %s", (unsigned long long)head->id, what);
}

uint64_t egi_block_id(const egi_block *b, size_t i)
{
    return b->ids != NULL ? egi_load_le64(b->ids + 8 * i) : b->lo + i;
}

static eg_status check_ids(const egi_record *head, egi_block *b)
{
    uint64_t lo = UINT64_MAX, hi = 0, before = 0;
    if (b->ids == NULL && (head->lo > head->hi || head->hi - head->lo != b->n - 1))
        return fail_block(head, "ids and count do not agree");
    b->ascending = 1;
    for (size_t i = 0; i < b->n; i++) {
        const uint64_t id = egi_block_id(b, i);
        if (id == 0 || id == UINT64_MAX) return fail_block(head, "an id of 0 or 2^64 - 1");
        if (id <= before) b->ascending = 0;
        before = id;
        if (id < lo) lo = id;
        if (id > hi) hi = id;
    }
    if (lo != head->lo || hi != head->hi) return fail_block(head, "ids outside lo .. hi");
    return EG_OK;
}

static eg_status check_values(const egi_record *head, const egi_block *b)
{
    for (size_t i = 0; b->weights != NULL && i < b->n; i++)
        if (!(load_f32(b->weights + 4 * i) > 0)) return fail_block(head, "a weight <= 0");
    if (b->weights != NULL && !all_finite(b->weights, b->n))
        return fail_block(head, "a weight that is not finite");
    if (!all_finite(b->values, b->n * b->dv)) return fail_block(head, "a value is not finite");
    if (b->kind == EGI_KIND_F32 && !all_finite(b->patterns, b->n * b->d))
        return fail_block(head, "a pattern is not finite");
    if (b->kind == EGI_KIND_BITS && b->d % 8 != 0)
        for (size_t i = 0; i < b->n; i++)
            if (b->patterns[(i + 1) * b->row - 1] >> (b->d % 8) != 0)
                return fail_block(head, "bits behind the last component");
    return EG_OK;
}

/* Takes the next section of count x item bytes; *left < 0 cannot happen: NULL where too short. */
static const uint8_t *take(const uint8_t **at, size_t *left, size_t count, size_t item)
{
    const uint8_t *p = *at;
    if (item > 0 && count > *left / item) return NULL;
    *at += count * item;
    *left -= count * item;
    return p;
}

eg_status egi_block_parse(const egi_record *head, const uint8_t *bytes, size_t d, size_t dv,
                          egi_block *out)
{
    egi_block b = { .kind = head->kind, .lo = head->lo };
    if (b.kind != EGI_KIND_F32 && b.kind != EGI_KIND_BITS)
        return fail_block(head, "of an unknown kind");
    if (head->size < HEADER) return fail_block(head, "shorter than its header");
    const uint32_t flags = egi_load_le32(bytes + 4);
    const uint64_t own_d = egi_load_le64(bytes + 8), own_dv = egi_load_le64(bytes + 16);
    b.n = egi_load_le32(bytes);
    if (b.n == 0 || b.n != head->count || (flags & ~(uint32_t)ALL_FLAGS) != 0)
        return fail_block(head, "its header does not fit");
    if (own_d == 0 || own_d > EGI_RECORD_MAX * 8 || own_dv > EGI_RECORD_MAX
        || (d != 0 && (own_d != d || own_dv != dv)))
        return fail_block(head, "patterns of another size");
    b.d = (size_t)own_d;
    b.dv = (size_t)own_dv;
    b.row = row_bytes(b.kind, b.d);
    const uint8_t *at = bytes + HEADER;
    size_t left = (size_t)head->size - HEADER;
    b.ids = flags & HAS_IDS ? take(&at, &left, b.n, 8) : bytes;
    b.weights = flags & HAS_WEIGHTS ? take(&at, &left, b.n, 4) : bytes;
    b.labels = flags & HAS_LABELS ? take(&at, &left, b.n, 4) : bytes;
    b.values = take(&at, &left, b.n, 4 * b.dv);
    b.patterns = take(&at, &left, b.n, b.row);
    if (!b.ids || !b.weights || !b.labels || !b.values || !b.patterns || left != 0)
        return fail_block(head, "its size does not fit its count");
    if (!(flags & HAS_IDS)) b.ids = NULL;
    if (!(flags & HAS_WEIGHTS)) b.weights = NULL;
    if (!(flags & HAS_LABELS)) b.labels = NULL;
    EGI_TRY(check_ids(head, &b));
    EGI_TRY(check_values(head, &b));
    *out = b;
    return EG_OK;
}

/* One allocation, cut into arrays; sizes of the parts in bytes, each rounded to EGI_ALIGN. */
static eg_status carve(const eg_allocator *alloc, const size_t (*part)[2], size_t parts,
                       uint8_t **out, void **block, size_t *bytes)
{
    size_t at[8], total = 0;
    for (size_t i = 0; i < parts; i++) {
        size_t size;
        EGI_TRY(egi_mul_size(part[i][0], part[i][1], &size));
        EGI_TRY(egi_add_size(size, EGI_ALIGN - 1, &size));
        at[i] = total;
        EGI_TRY(egi_add_size(total, size / EGI_ALIGN * EGI_ALIGN, &total));
    }
    EGI_TRY(egi_alloc_array(alloc, total, 1, "memory file: patterns", block));
    for (size_t i = 0; i < parts; i++) out[i] = (uint8_t *)*block + at[i];
    *bytes = total;
    return EG_OK;
}

eg_status egi_rows_create(const eg_allocator *alloc, size_t n, size_t d, size_t dv, egi_rows *out)
{
    size_t row, value;
    EGI_TRY(egi_mul_size(d, sizeof(float), &row));
    EGI_TRY(egi_mul_size(dv, sizeof(float), &value));
    const size_t part[5][2] = { { n, row }, { n, value }, { n, 4 }, { n, 4 }, { n, 8 } };
    uint8_t *p[5];
    egi_rows rows = { .n = n };
    EGI_TRY(carve(alloc, part, 5, p, &rows.block, &rows.bytes));
    rows.x = (float *)(void *)p[0];
    rows.values = (float *)(void *)p[1];
    rows.weights = (float *)(void *)p[2];
    rows.labels = (int32_t *)(void *)p[3];
    rows.ids = (uint64_t *)(void *)p[4];
    *out = rows;
    return EG_OK;
}

void egi_rows_destroy(const eg_allocator *alloc, egi_rows *rows)
{
    egi_free(alloc, rows->block, rows->bytes);
    rows->block = NULL;
}

static void read_pattern(const egi_block *b, size_t i, float *x)
{
    const uint8_t *p = b->patterns + i * b->row;
    if (b->kind == EGI_KIND_F32)
        for (size_t c = 0; c < b->d; c++) x[c] = load_f32(p + 4 * c);
    else
        for (size_t c = 0; c < b->d; c++) x[c] = p[c / 8] >> (c % 8) & 1 ? 1.0f : -1.0f;
}

void egi_rows_read(const egi_block *b, size_t from, size_t n, const egi_rows *rows, size_t at)
{
    for (size_t i = 0; i < n; i++) {
        const size_t r = from + i, o = at + i;
        rows->ids[o] = egi_block_id(b, r);
        rows->weights[o] = b->weights != NULL ? load_f32(b->weights + 4 * r) : 1.0f;
        rows->labels[o] = b->labels != NULL ? (int32_t)egi_load_le32(b->labels + 4 * r) : -1;
        for (size_t c = 0; c < b->dv; c++)
            rows->values[o * b->dv + c] = load_f32(b->values + 4 * (r * b->dv + c));
        read_pattern(b, r, rows->x + o * b->d);
    }
}

static void builder_begin(egi_builder *b)
{
    b->n = 0;
    b->lo = UINT64_MAX;
    b->hi = 0;
    b->has_weights = b->has_labels = 0;
    b->consecutive = 1;
}

eg_status egi_builder_create(const eg_allocator *alloc, uint64_t kind, size_t d, size_t dv,
                             size_t capacity, egi_builder *out)
{
    egi_builder b = { .alloc = alloc, .kind = kind, .d = d, .dv = dv, .row = row_bytes(kind, d) };
    const size_t cost = b.row + 4 * dv + 16;
    if (d > EGI_RECORD_MAX / 4 || dv > EGI_RECORD_MAX / 4 || cost + HEADER > EGI_RECORD_MAX)
        return egi_fail(EG_ERR_LIMIT, "memory file: a pattern of %zu components and %zu values", d,
                        dv);
    b.capacity = capacity > 0 ? capacity : EGI_BLOCK_BYTES / cost > 0 ? EGI_BLOCK_BYTES / cost : 1;
    size_t all;
    EGI_TRY(egi_mul_size(b.capacity, cost, &all));
    EGI_TRY(egi_add_size(all, HEADER, &all));
    const size_t part[6][2] = { { b.capacity, 8 },      { b.capacity, 4 },     { b.capacity, 4 },
                                { b.capacity, 4 * dv }, { b.capacity, b.row }, { all, 1 } };
    uint8_t *p[6];
    void *block;
    EGI_TRY(carve(alloc, part, 6, p, &block, &b.bytes));
    b.block = block;
    b.ids = p[0];
    b.weights = p[1];
    b.labels = p[2];
    b.values = p[3];
    b.patterns = p[4];
    b.encoded = p[5];
    builder_begin(&b);
    *out = b;
    return EG_OK;
}

void egi_builder_destroy(egi_builder *b)
{
    egi_free(b->alloc, b->block, b->bytes);
    b->block = NULL;
}

static void add_item(egi_builder *b, uint64_t id, float weight, int32_t label)
{
    if (b->n > 0 && id != b->lo + b->n) b->consecutive = 0;
    if (id < b->lo) b->lo = id;
    if (id > b->hi) b->hi = id;
    if (!(weight == 1.0f)) b->has_weights = 1;
    if (label != -1) b->has_labels = 1;
    egi_store_le64(b->ids + 8 * b->n, id);
    store_f32(b->weights + 4 * b->n, weight);
    egi_store_le32(b->labels + 4 * b->n, (uint32_t)label);
}

static void pack_bits(const float *x, size_t d, uint8_t *out)
{
    memset(out, 0, row_bytes(EGI_KIND_BITS, d));
    for (size_t c = 0; c < d; c++)
        if (x[c] >= 0) out[c / 8] |= (uint8_t)(1u << (c % 8));
}

void egi_builder_add(egi_builder *b, uint64_t id, float weight, int32_t label, const float *value,
                     const float *x)
{
    uint8_t *p = b->patterns + b->n * b->row;
    add_item(b, id, weight, label);
    for (size_t c = 0; c < b->dv; c++) store_f32(b->values + 4 * (b->n * b->dv + c), value[c]);
    if (b->kind == EGI_KIND_BITS)
        pack_bits(x, b->d, p);
    else
        for (size_t c = 0; c < b->d; c++) store_f32(p + 4 * c, x[c]);
    b->n++;
}

void egi_builder_copy(egi_builder *b, const egi_block *from, size_t i)
{
    add_item(b, egi_block_id(from, i),
             from->weights != NULL ? load_f32(from->weights + 4 * i) : 1.0f,
             from->labels != NULL ? (int32_t)egi_load_le32(from->labels + 4 * i) : -1);
    memcpy(b->values + b->n * 4 * b->dv, from->values + i * 4 * b->dv, 4 * b->dv);
    memcpy(b->patterns + b->n * b->row, from->patterns + i * b->row, b->row);
    b->n++;
}

eg_status egi_builder_flush(egi_builder *b, egi_store *store, uint64_t id)
{
    const struct {
        int there;
        const uint8_t *from;
        size_t item;
    } section[] = { { !b->consecutive, b->ids, 8 },
                    { b->has_weights, b->weights, 4 },
                    { b->has_labels, b->labels, 4 },
                    { 1, b->values, 4 * b->dv },
                    { 1, b->patterns, b->row } };
    size_t at = HEADER;
    uint32_t flags = 0;
    if (b->n == 0) return EG_OK;
    for (size_t i = 0; i < EGI_COUNT(section); i++) {
        if (!section[i].there) continue;
        if (i < 3) flags |= 1u << i;
        memcpy(b->encoded + at, section[i].from, b->n * section[i].item);
        at += b->n * section[i].item;
    }
    egi_store_le32(b->encoded, (uint32_t)b->n);
    egi_store_le32(b->encoded + 4, flags);
    egi_store_le64(b->encoded + 8, b->d);
    egi_store_le64(b->encoded + 16, b->dv);
    egi_record head = { id, b->kind, b->lo, b->hi, b->n, at };
    EGI_TRY(egi_store_put(store, &head, b->encoded));
    builder_begin(b);
    return EG_OK;
}
