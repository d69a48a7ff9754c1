/* A memory file looked at as bytes: its trees of pages walked, and every checksum of what is there
 * made right again, so that a mutation is not refused at the door. What a checksum cannot be made
 * right for (no room in its column, a page that is none) is left as it is. docs/file-format.md. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_MEMORY_FILE_SEAL_H
#define TESTS_MEMORY_FILE_SEAL_H

#include <stdlib.h>
#include <string.h>

#include "model/egi_binary_file.h"
#include "model/egi_head_file.h"
#include "store/egi_store_impl.h"

enum {
    PAGE = EGI_STORE_PAGE,
    USABLE = EGI_STORE_PAGE - EGI_STORE_RESERVED,
    LEAF_TABLE = 13,
    LEAF_INDEX = 10,
    INNER_TABLE = 5,
    INNER_INDEX = 2,
    FIELDS_MOST = 9,
    CELLS_MOST = 2048,
    SEAL_BLOB_MOST = 1 << 17
};

/* A column where it lies. */
struct seal_field {
    uint8_t *at; /* NULL: not all of it on this page */
    uint64_t type, size;
};

/* A row: the page it is on, its key, its columns, and how the last of them goes on. */
struct seal_row {
    uint64_t id;
    size_t fields;
    struct seal_field field[FIELDS_MOST];
    uint8_t *payload, *next; /* next: number of the page that goes on, or NULL */
    size_t local;            /* bytes of the payload that are here */
};

struct sealed {
    uint8_t *p;
    size_t pages;
    uint8_t seen[1 << 10]; /* pages visited */
    struct seal_row *rows; /* (CELLS_MOST) of records; of notes behind them */
    size_t records, notes;
    uint8_t *root; /* its 80 bytes, or NULL */
};

static size_t seal_varint(const uint8_t *p, const uint8_t *end, uint64_t *out)
{
    uint64_t v = 0;
    for (size_t i = 0; i < 9 && p + i < end; i++) {
        if (i == 8) {
            *out = v << 8 | p[8];
            return 9;
        }
        v = v << 7 | (p[i] & 0x7f);
        if (p[i] < 0x80) {
            *out = v;
            return i + 1;
        }
    }
    return 0;
}

static uint64_t seal_be(const uint8_t *p, size_t n)
{
    uint64_t v = p[0] & 0x80 ? UINT64_MAX : 0; /* SQLite's integers have a sign */
    for (size_t i = 0; i < n; i++) v = v << 8 | p[i];
    return v;
}

static void seal_put_be(uint8_t *p, size_t n, uint64_t v)
{
    for (size_t i = n; i-- > 0; v >>= 8) p[i] = (uint8_t)v;
}

static size_t seal_type_size(uint64_t type)
{
    static const uint8_t size[] = { 0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0 };
    return type < 12 ? size[type] : (size_t)((type - 12) / 2);
}

/* How much of a payload lies on its page (the file format of SQLite, 1.6). */
static size_t seal_local(uint64_t payload, int table)
{
    const size_t most = table ? USABLE - 35 : (USABLE - 12) * 64 / 255 - 23;
    const size_t least = (USABLE - 12) * 32 / 255 - 23;
    if (payload <= most) return (size_t)payload;
    const size_t k = least + (size_t)((payload - least) % (USABLE - 4));
    return k <= most ? k : least;
}

/* The columns of a cell; 0: it is none. */
static int seal_cell(uint8_t *page, size_t at, int table, struct seal_row *row)
{
    const uint8_t *end = page + USABLE;
    uint8_t *p = page + at;
    uint64_t payload, header, type;
    size_t n = seal_varint(p, end, &payload);
    if (n == 0 || payload > SEAL_BLOB_MOST) return 0;
    p += n;
    memset(row, 0, sizeof *row);
    if (table) {
        if ((n = seal_varint(p, end, &row->id)) == 0) return 0;
        p += n;
    }
    row->payload = p;
    row->local = seal_local(payload, table);
    if (row->local + (row->local < payload ? 4 : 0) > (size_t)(end - p)) return 0;
    if (row->local < payload) row->next = p + row->local;
    if ((n = seal_varint(p, end, &header)) == 0 || header > row->local) return 0;
    uint8_t *body = p + header;
    for (const uint8_t *h = p + n; h < p + header && row->fields < FIELDS_MOST; h += n) {
        struct seal_field *f = &row->field[row->fields++];
        if ((n = seal_varint(h, p + header, &type)) == 0) return 0;
        f->type = type;
        f->size = seal_type_size(type);
        if (f->size > payload) return 0;
        if (body + f->size <= p + row->local) f->at = body;
        body += f->size;
    }
    return row->fields > 1;
}

static void seal_page(struct sealed *s, uint64_t number, int depth,
                      void (*visit)(struct sealed *s, const struct seal_row *row))
{
    if (number == 0 || number > s->pages || number > 8 * sizeof s->seen || depth > 8) return;
    if (s->seen[number / 8 % sizeof s->seen] & 1u << number % 8) return;
    s->seen[number / 8 % sizeof s->seen] |= (uint8_t)(1u << number % 8);
    uint8_t *page = s->p + (number - 1) * PAGE;
    const int kind = page[0], inner = kind == INNER_TABLE || kind == INNER_INDEX;
    const int table = kind == LEAF_TABLE || kind == INNER_TABLE;
    if (!inner && kind != LEAF_TABLE && kind != LEAF_INDEX) return;
    const size_t cells = (size_t)page[3] << 8 | page[4], first = inner ? 12 : 8;
    for (size_t i = 0; i < cells && first + 2 * i + 2 <= USABLE; i++) {
        const size_t at = (size_t)page[first + 2 * i] << 8 | page[first + 2 * i + 1];
        struct seal_row row;
        if (at < first || at + 4 > USABLE) continue;
        if (inner) seal_page(s, egi_load_be32(page + at), depth + 1, visit);
        if (kind == INNER_TABLE) continue;
        if (seal_cell(page, at + (inner ? 4 : 0), table, &row)) visit(s, &row);
    }
    if (inner) seal_page(s, egi_load_be32(page + 8), depth + 1, visit);
}

static void seal_take_root(struct sealed *s, const struct seal_row *row)
{
    if (row->field[1].at != NULL && row->field[1].size == EGI_ROOT_BYTES)
        s->root = row->field[1].at;
}

static void seal_take_note(struct sealed *s, const struct seal_row *row)
{
    if (row->fields == 3 && s->records + s->notes < CELLS_MOST)
        s->rows[s->records + s->notes++] = *row;
}

static void seal_take_record(struct sealed *s, const struct seal_row *row)
{
    if (row->fields == FIELDS_MOST && s->records + s->notes < CELLS_MOST)
        s->rows[s->records++] = *row;
}

/* The rows of a file; 0: its pages are not whole. */
static int seal_walk(struct sealed *s, uint8_t *p, size_t n)
{
    static struct seal_row rows[CELLS_MOST];
    memset(s, 0, sizeof *s);
    s->p = p;
    s->pages = n / PAGE;
    s->rows = rows;
    if (s->pages < 4 || n % PAGE != 0) return 0;
    seal_page(s, 2, 0, seal_take_root); /* as they were made: root, meta, record */
    seal_page(s, 4, 0, seal_take_record);
    seal_page(s, 3, 0, seal_take_note);
    return 1;
}

/* The bytes of the last column, wherever they lie: copied out, or (write) back. */
static size_t seal_blob(const struct sealed *s, const struct seal_row *row, uint8_t *blob,
                        int write)
{
    const struct seal_field *last = &row->field[FIELDS_MOST - 1];
    size_t before = 0, done = 0;
    uint64_t header;
    if (seal_varint(row->payload, row->payload + row->local, &header) == 0) return 0;
    before = (size_t)header;
    for (size_t i = 0; i + 1 < FIELDS_MOST; i++) before += row->field[i].size;
    uint8_t *at = row->payload + before;
    size_t here = before < row->local ? row->local - before : 0;
    const uint8_t *next = row->next;
    for (size_t hops = 0; done < last->size && hops < s->pages; hops++) {
        const size_t n = last->size - done < here ? last->size - done : here;
        if (n > 0) memcpy(write ? at : blob + done, write ? blob + done : at, n);
        done += n;
        const uint64_t page = next != NULL ? egi_load_be32(next) : 0;
        if (done == last->size || page == 0 || page > s->pages) break;
        next = s->p + (page - 1) * PAGE;
        at = s->p + (page - 1) * PAGE + 4;
        here = USABLE - 4;
    }
    return done;
}

/* Rows of connections and of fields have digests of their own. */
static void seal_parts(uint64_t kind, uint8_t *b, size_t size)
{
    if (kind == EGI_KIND_ROWS && size >= EGI_ROWS_HEADER)
        for (size_t at = EGI_ROWS_HEADER, i = 0; at + EGI_ROW_HEADER <= size; i++) {
            const size_t n = egi_load_le32(b + at + 8);
            if (n > size - at - EGI_ROW_HEADER) return;
            egi_store_le64(b + at,
                           egi_row_digest(egi_load_le64(b + 8) + i, b + at + EGI_ROW_HEADER, n));
            at += EGI_ROW_HEADER + n;
        }
    if (kind != EGI_KIND_FIELD || size <= EGI_FIELD_HEADER) return;
    const uint64_t n = egi_load_le32(b), each = n > 0 ? (size - EGI_FIELD_HEADER) / n : 0;
    for (uint64_t i = 0; each > EGI_FIELD_ROW && i < n; i++) {
        uint8_t *row = b + EGI_FIELD_HEADER + i * each;
        egi_store_le64(row,
                       egi_field_digest((size_t)egi_load_le64(b + 16), egi_load_le64(b + 8) + i,
                                        row + EGI_FIELD_ROW, each - EGI_FIELD_ROW));
    }
}

static uint64_t seal_number(const struct seal_field *f)
{
    if (f->type == 8 || f->type == 9) return f->type - 8;
    return f->at != NULL && f->size > 0 && f->type < 7 ? seal_be(f->at, f->size) : 0;
}

static void seal_set(const struct seal_field *f, uint64_t v)
{
    if (f->at != NULL && f->size > 0 && f->type < 7) seal_put_be(f->at, f->size, v);
}

static void seal_mix(egi_store_root *root, uint64_t hash)
{
    uint8_t word[8];
    egi_store_le64(word, hash);
    root->sum0 += hash;
    root->sum1 += egi_hash(word, 8);
}

static void seal_record(const struct sealed *s, const struct seal_row *row, egi_store_root *root)
{
    static uint8_t blob[SEAL_BLOB_MOST];
    const struct seal_field *f = row->field;
    const size_t size = seal_blob(s, row, blob, 0);
    seal_parts(seal_number(&f[1]), blob, size);
    (void)seal_blob(s, row, blob, 1);
    seal_set(&f[5], size);
    seal_set(&f[6], egi_hash(blob, size));
    const egi_record r = { row->id,
                           seal_number(&f[1]),
                           seal_number(&f[2]),
                           seal_number(&f[3]),
                           seal_number(&f[4]),
                           seal_number(&f[5]) };
    seal_set(&f[7], egi_head_hash(&r, seal_number(&f[6])));
    root->records++;
    root->items += r.count;
    root->bytes += r.size;
    if (r.hi > root->top) root->top = r.hi;
    if (r.id > root->last) root->last = r.id;
    seal_mix(root, seal_number(&f[7]));
}

static void seal_note(const struct seal_row *row, egi_store_root *root)
{
    char key[EGI_META_KEY_MAX + 1] = "";
    const struct seal_field *f = row->field;
    if (f[0].at == NULL || f[1].at == NULL || f[0].size > EGI_META_KEY_MAX) return;
    memcpy(key, f[0].at, f[0].size);
    seal_set(&f[2], egi_meta_hash(key, f[1].at, f[1].size));
    root->metas++;
    seal_mix(root, seal_number(&f[2]));
}

/* Every checksum of the file. */
static inline void seal(uint8_t *p, size_t n)
{
    static struct sealed s;
    if (!seal_walk(&s, p, n)) return;
    egi_store_root root = { .generation = 1 };
    for (size_t i = 0; i < s.records; i++) seal_record(&s, &s.rows[i], &root);
    for (size_t i = 0; i < s.notes; i++) seal_note(&s.rows[s.records + i], &root);
    if (s.root != NULL) {
        const uint64_t top = egi_load_le64(s.root + 40), last = egi_load_le64(s.root + 48);
        if (top > root.top) root.top = top;
        if (last > root.last) root.last = last;
        egi_root_encode(&root, s.root);
    }
    for (size_t i = 0; i < s.pages; i++) {
        const uint64_t of[2] = { i + 1, egi_hash(p + i * PAGE, USABLE) };
        egi_store_le64(p + i * PAGE + USABLE, egi_hash(of, sizeof of));
    }
}

#endif
