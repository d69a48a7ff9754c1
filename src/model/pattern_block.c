/* Blocks of patterns: bytes to rows and back. docs/file-format.md, "Blocks of patterns":
 *
 *   0 u32 n   4 u16 flags   6 u16 kind   8 u64 D   16 u64 DV   24 u64 lo   32 rows
 *   row: u64 digest, id? weight? label? values pattern
 *
 * The only code that knows these offsets. All that belongs to a pattern lies together under a
 * digest of its own, so damage costs the rows it hits and no others. Bytes are read one by one, so
 * the byte order of the machine does not matter. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "model/egi_memory_file.h"

enum { HEADER = 32, DIGEST = 8, HAS_IDS = 1, HAS_WEIGHTS = 2, HAS_LABELS = 4, ALL_FLAGS = 7 };

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
    if (kind == EGI_KIND_ITEMS) return 0;
    return kind == EGI_KIND_BITS ? d / 8 + (d % 8 != 0) : 4 * d;
}

/* Places in a row by flags, kind, D and DV. */
static void lay_out(egi_block *b)
{
    size_t at = DIGEST;
    b->row = row_bytes(b->kind, b->d);
    b->at_id = at;
    at += b->flags & HAS_IDS ? 8 : 0;
    b->at_weight = at;
    at += b->flags & HAS_WEIGHTS ? 4 : 0;
    b->at_label = at;
    at += b->flags & HAS_LABELS ? 4 : 0;
    b->at_value = at;
    at += 4 * b->dv;
    b->at_pattern = at;
    b->stride = at + b->row;
}

static const uint8_t *row_of(const egi_block *b, size_t i)
{
    return b->rows + i * b->stride;
}

static float weight_of(const egi_block *b, size_t i)
{
    return b->flags & HAS_WEIGHTS ? load_f32(row_of(b, i) + b->at_weight) : 1.0f;
}

static int32_t label_of(const egi_block *b, size_t i)
{
    return b->flags & HAS_LABELS ? (int32_t)egi_load_le32(row_of(b, i) + b->at_label) : -1;
}

/* What a row of these bytes means depends on flags and kind, too. */
static uint64_t row_digest(const egi_block *b, size_t i)
{
    uint8_t word[24];
    egi_store_le64(word, b->flags | b->kind << 16);
    egi_store_le64(word + 8, egi_block_id(b, i));
    egi_store_le64(word + 16, egi_hash(row_of(b, i) + DIGEST, b->stride - DIGEST));
    return egi_hash(word, sizeof word);
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
    return b->flags & HAS_IDS ? egi_load_le64(row_of(b, i) + b->at_id) : b->lo + i;
}

static eg_status check_ids(const egi_record *head, egi_block *b)
{
    uint64_t lo = UINT64_MAX, hi = 0, before = 0;
    if (!(b->flags & HAS_IDS) && (head->lo > head->hi || head->hi - head->lo != b->n - 1))
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

/* NULL, or what is wrong with row i. */
static const char *row_fault(const egi_block *b, size_t i)
{
    const uint8_t *row = row_of(b, i), *pattern = row + b->at_pattern;
    if (!(weight_of(b, i) > 0)) return "a weight <= 0";
    if ((b->flags & HAS_WEIGHTS) && !all_finite(row + b->at_weight, 1))
        return "a weight that is not finite";
    if (!all_finite(row + b->at_value, b->dv)) return "a value is not finite";
    if (b->kind == EGI_KIND_F32 && !all_finite(pattern, b->d)) return "a pattern is not finite";
    if (b->kind == EGI_KIND_BITS && b->d % 8 != 0 && pattern[b->row - 1] >> (b->d % 8) != 0)
        return "bits behind the last component";
    return NULL;
}

/* The fields of a header and the rows behind it; 0 where the size does not fit. */
static int set_rows(egi_block *b, const uint8_t *bytes, uint64_t size)
{
    lay_out(b);
    b->rows = bytes + HEADER;
    b->n = (size_t)((size - HEADER) / b->stride);
    return b->n > 0 && (size - HEADER) % b->stride == 0;
}

eg_status egi_block_parse(const egi_record *head, const uint8_t *bytes, size_t d, size_t dv,
                          egi_block *out)
{
    egi_block b = { .kind = head->kind, .lo = head->lo, .d = d, .dv = dv };
    if (!egi_is_block(b.kind)) return fail_block(head, "of an unknown kind");
    if (head->size < HEADER) return fail_block(head, "shorter than its header");
    const uint32_t form = egi_load_le32(bytes + 4);
    b.flags = form & ALL_FLAGS;
    if ((b.flags | b.kind << 16) != form || egi_load_le64(bytes + 24) != b.lo
        || egi_load_le32(bytes) != head->count)
        return fail_block(head, "its header does not fit");
    if (egi_load_le64(bytes + 8) != d || egi_load_le64(bytes + 16) != dv)
        return fail_block(head, "patterns of another size");
    if (!set_rows(&b, bytes, head->size) || b.n != head->count)
        return fail_block(head, "its size does not fit its count");
    EGI_TRY(check_ids(head, &b));
    for (size_t i = 0; i < b.n; i++) {
        const char *fault = row_fault(&b, i);
        if (fault != NULL) return fail_block(head, fault);
    }
    *out = b;
    return EG_OK;
}

int egi_block_row_holds(const egi_block *b, size_t i)
{
    const uint64_t id = egi_block_id(b, i);
    return egi_load_le64(row_of(b, i)) == row_digest(b, i) && id != 0 && id != UINT64_MAX
           && row_fault(b, i) == NULL;
}

static size_t rows_that_hold(const egi_block *b)
{
    size_t n = 0;
    for (size_t i = 0; i < b->n; i++) n += (size_t)egi_block_row_holds(b, i);
    return n;
}

size_t egi_block_rescue(const egi_record *head, int head_holds, const uint8_t *bytes, size_t d,
                        size_t dv, egi_block *out)
{
    size_t best = 0;
    if (head->size < HEADER) return 0;
    const uint32_t form = egi_load_le32(bytes + 4);
    egi_block b = { .kind = head_holds ? head->kind : form >> 16,
                    .lo = head_holds ? head->lo : egi_load_le64(bytes + 24),
                    .d = d,
                    .dv = dv };
    if (!egi_is_block(b.kind)) return 0;
    if (d == 0) {
        const uint64_t own_d = egi_load_le64(bytes + 8), own_dv = egi_load_le64(bytes + 16);
        if (own_d == 0 || own_d > EGI_RECORD_MAX * 8 || own_dv > EGI_RECORD_MAX) return 0;
        b.d = (size_t)own_d;
        b.dv = (size_t)own_dv;
    }
    for (b.flags = 0; b.flags <= ALL_FLAGS; b.flags++) {
        if (!set_rows(&b, bytes, head->size)) continue;
        const size_t n = rows_that_hold(&b);
        if (n > best) {
            best = n;
            *out = b;
        }
    }
    return best;
}

eg_status egi_rows_create(const eg_allocator *alloc, size_t n, size_t d, size_t dv, egi_rows *out)
{
    const struct egi_need needs[] = {
        { n, d * sizeof(float) }, { n, dv * sizeof(float) }, { n, sizeof(float) },
        { n, sizeof(int32_t) },   { n, sizeof(uint64_t) },
    };
    egi_rows rows = { .n = n };
    EGI_TRY(egi_arena_create(alloc, needs, EGI_COUNT(needs), "memory file: patterns", &rows.arena));
    rows.x = rows.arena.part[0];
    rows.values = rows.arena.part[1];
    rows.weights = rows.arena.part[2];
    rows.labels = rows.arena.part[3];
    rows.ids = rows.arena.part[4];
    *out = rows;
    return EG_OK;
}

void egi_rows_destroy(egi_rows *rows)
{
    egi_arena_destroy(&rows->arena);
}

static void read_pattern(const egi_block *b, size_t i, float *x)
{
    const uint8_t *p = row_of(b, i) + b->at_pattern;
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
        rows->weights[o] = weight_of(b, r);
        rows->labels[o] = label_of(b, r);
        for (size_t c = 0; c < b->dv; c++)
            rows->values[o * b->dv + c] = load_f32(row_of(b, r) + b->at_value + 4 * c);
        if (egi_holds_patterns(b->kind)) read_pattern(b, r, rows->x + o * b->d);
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

/* Rows are gathered with all their fields; flush leaves out what all of them have by default. */
static egi_block full_form(const egi_builder *b)
{
    egi_block full = { .kind = b->kind, .d = b->d, .dv = b->dv, .flags = ALL_FLAGS, .n = b->n };
    lay_out(&full);
    full.rows = b->rows;
    return full;
}

eg_status egi_builder_create(const eg_allocator *alloc, uint64_t kind, size_t d, size_t dv,
                             size_t capacity, egi_builder *out)
{
    egi_builder b = { .kind = kind, .d = d, .dv = dv };
    if (d > EGI_RECORD_MAX / 4 || dv > EGI_RECORD_MAX / 4
        || full_form(&b).stride + HEADER > EGI_RECORD_MAX)
        return egi_fail(EG_ERR_LIMIT, "memory file: a pattern of %zu components and %zu values", d,
                        dv);
    const size_t stride = full_form(&b).stride;
    b.capacity = capacity > 0                   ? capacity
                 : EGI_BLOCK_BYTES / stride > 0 ? EGI_BLOCK_BYTES / stride
                                                : 1;
    const struct egi_need needs[] = { { b.capacity, stride }, { b.capacity * stride + HEADER, 1 } };
    EGI_TRY(egi_arena_create(alloc, needs, EGI_COUNT(needs), "memory file: patterns", &b.arena));
    b.rows = b.arena.part[0];
    b.encoded = b.arena.part[1];
    builder_begin(&b);
    *out = b;
    return EG_OK;
}

void egi_builder_destroy(egi_builder *b)
{
    egi_arena_destroy(&b->arena);
}

/* The next row, with its item. */
static uint8_t *add_item(egi_builder *b, const egi_block *full, uint64_t id, float weight,
                         int32_t label)
{
    uint8_t *row = b->rows + b->n * full->stride;
    if (b->n > 0 && id != b->lo + b->n) b->consecutive = 0;
    if (id < b->lo) b->lo = id;
    if (id > b->hi) b->hi = id;
    if (!(weight == 1.0f)) b->has_weights = 1;
    if (label != -1) b->has_labels = 1;
    egi_store_le64(row + full->at_id, id);
    store_f32(row + full->at_weight, weight);
    egi_store_le32(row + full->at_label, (uint32_t)label);
    b->n++;
    return row;
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
    const egi_block full = full_form(b);
    uint8_t *row = add_item(b, &full, id, weight, label), *p = row + full.at_pattern;
    for (size_t c = 0; c < b->dv; c++) store_f32(row + full.at_value + 4 * c, value[c]);
    if (b->kind == EGI_KIND_BITS) pack_bits(x, b->d, p);
    if (b->kind == EGI_KIND_F32)
        for (size_t c = 0; c < b->d; c++) store_f32(p + 4 * c, x[c]);
}

void egi_builder_copy(egi_builder *b, const egi_block *from, size_t i)
{
    const egi_block full = full_form(b);
    uint8_t *row = add_item(b, &full, egi_block_id(from, i), weight_of(from, i), label_of(from, i));
    memcpy(row + full.at_value, row_of(from, i) + from->at_value, 4 * b->dv + full.row);
}

/* Row i of what was gathered in the form that is written. */
static void write_row(const egi_block *full, const egi_block *to, size_t i, uint8_t *row)
{
    const uint8_t *from = row_of(full, i);
    if (to->flags & HAS_IDS) memcpy(row + to->at_id, from + full->at_id, 8);
    if (to->flags & HAS_WEIGHTS) memcpy(row + to->at_weight, from + full->at_weight, 4);
    if (to->flags & HAS_LABELS) memcpy(row + to->at_label, from + full->at_label, 4);
    memcpy(row + to->at_value, from + full->at_value, 4 * to->dv + to->row);
    egi_store_le64(row, row_digest(to, i));
}

eg_status egi_builder_flush(egi_builder *b, egi_store *store, uint64_t id)
{
    const egi_block full = full_form(b);
    egi_block to = { .kind = b->kind, .lo = b->lo, .n = b->n, .d = b->d, .dv = b->dv };
    if (b->n == 0) return EG_OK;
    to.flags = (b->consecutive ? 0u : HAS_IDS) | (b->has_weights ? HAS_WEIGHTS : 0u)
               | (b->has_labels ? HAS_LABELS : 0u);
    lay_out(&to);
    to.rows = b->encoded + HEADER;
    egi_store_le32(b->encoded, (uint32_t)b->n);
    egi_store_le32(b->encoded + 4, (uint32_t)(to.flags | b->kind << 16));
    egi_store_le64(b->encoded + 8, b->d);
    egi_store_le64(b->encoded + 16, b->dv);
    egi_store_le64(b->encoded + 24, b->lo);
    for (size_t i = 0; i < b->n; i++) write_row(&full, &to, i, b->encoded + HEADER + i * to.stride);
    egi_record head = { id, b->kind, b->lo, b->hi, b->n, HEADER + b->n * to.stride };
    EGI_TRY(egi_store_put(store, &head, b->encoded));
    builder_begin(b);
    return EG_OK;
}
