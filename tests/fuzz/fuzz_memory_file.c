/* A hostile memory file. The first byte chooses the way in: 'F' the rest is a file, opened,
 * described, loaded, verified; 'B' a block of patterns, 'R' a record of a binary memory's rows, 'H'
 * the description of a head, a NUL and its records, and 'T' a description, which a checksum guards
 * in a file, so that random bytes would never reach their readers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz_memory_file_open.h"
#include "model/egi_binary_file.h"
#include "model/egi_head_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 32 bytes of head, then the block. */
static void read_block(const uint8_t *data, size_t size)
{
    egi_record head = { 1, 0, 0, 0, 0, 0 };
    egi_block b;
    egi_rows rows;
    if (size < 32) return;
    head.kind = egi_load_le64(data) % 5;
    head.lo = egi_load_le64(data + 8);
    head.hi = egi_load_le64(data + 16);
    head.count = egi_load_le64(data + 24);
    head.size = size - 32;
    const uint64_t d = size < 64 ? 1 : egi_load_le64(data + 40);
    const uint64_t dv = size < 64 ? 0 : egi_load_le64(data + 48);
    if (d == 0 || d > EGI_RECORD_MAX / 4 || dv > EGI_RECORD_MAX / 4) return; /* as descriptions */
    if (egi_block_parse(&head, data + 32, (size_t)d, (size_t)dv, &b) != EG_OK) return;
    if (b.n > (64u << 20) / (b.d + b.dv + 1)) return;
    if (egi_rows_create(eg_allocator_default(), b.n, b.d, b.dv, &rows) != EG_OK) return;
    egi_rows_read(&b, 0, b.n, &rows, 0);
    for (size_t i = 0; i < b.n; i++)
        if (rows.ids[i] < head.lo || rows.ids[i] > head.hi || !(rows.weights[i] > 0)) abort();
    egi_rows_destroy(&rows);
}

/* Kind, id, then the record; rows that are read are written and read again. */
static void read_rows(const uint8_t *data, size_t size)
{
    static const eg_binary_options shape[] = {
        { sizeof(eg_binary_options), EG_BINARY_CLIQUE, 3, 40, 0, 0, 0, 0, 0, 0, 0, NULL },
        { sizeof(eg_binary_options), EG_BINARY_CLIQUE, 3, 40, 0, 0, 0, 0, 0, 1, 0, NULL },
        { sizeof(eg_binary_options), EG_BINARY_WILLSHAW, 1, 9, 1, 70, 0, 0, 0, 0, 0, NULL },
        { sizeof(eg_binary_options), EG_BINARY_BAM, 1, 20, 1, 9, 0, 0, 0, 0, 0, NULL },
    };
    eg_binary *m = NULL;
    int counted = 1;
    if (size < 2 + EGI_ROWS_HEADER || data[1] <= EGI_TALLY_RECORD) return;
    if (eg_binary_create(&shape[data[0] % EGI_COUNT(shape)], &m) != EG_OK) abort();
    egi_record head = { data[1], EGI_KIND_ROWS, 0, 0, 0, size - 2 };
    head.count = egi_load_le32(data + 2);
    head.lo = egi_load_le64(data + 10);
    m->n = 1000;
    if (egi_binary_take(m, &head, data + 2, &counted) == EG_OK) {
        uint8_t *code = malloc(m->kind->keeping->row_most(m));
        size_t took = 0;
        for (size_t i = 0; i < m->kind->keeping->rows(m); i++) {
            const size_t n = m->kind->keeping->row_write(m, i, code);
            if (m->kind->keeping->row_read(m, i, code, n, &took) != EG_OK || took != n) abort();
        }
        free(code);
    }
    eg_binary_destroy(m);
}

/* Records, each behind its id and size: what is taken must be a head that answers. */
static void read_head(const uint8_t *data, size_t size)
{
    const egi_store_options settings = { .max_bytes = 1 << 20, .alloc = eg_allocator_default() };
    const uint8_t *end = memchr(data, 0, size);
    struct egi_head_made made;
    struct egi_head_taking t = { NULL, 1 << 20, 0, 0 };
    eg_status s = EG_OK;
    if (end == NULL || egi_head_parse((const char *)data, (size_t)(end - data), &made) != EG_OK
        || egi_head_of(&settings, &made, &t.h) != EG_OK)
        return;
    const uint8_t *at = end + 1, *stop = data + size;
    while (s == EG_OK && (size_t)(stop - at) >= 14) {
        egi_record head = { egi_load_le64(at), at[8] % 9, egi_load_le32(at + 10), 0, 0, 0 };
        head.count = at[9];
        at += 14;
        head.size = head.id == EGI_HEAD_RECORD && (size_t)(stop - at) > EGI_HEAD_BYTES
                        ? EGI_HEAD_BYTES + (uint64_t)(end - data)
                        : (uint64_t)(stop - at);
        if (head.size > (uint64_t)(stop - at)) break;
        s = egi_head_take(&t, &head, at);
        at += head.size;
    }
    if (egi_head_adopt(t.h) == EG_OK && eg_head_count(t.h) > 0) {
        float *x = calloc(eg_head_features(t.h), sizeof *x);
        eg_head_answer answer;
        if (x == NULL) abort();
        x[0] = 1;
        s = eg_head_predict(t.h, x, 1, &answer, NULL);
        if (s == EG_OK && eg_head_class_count(t.h, (size_t)answer.label) == 0) abort();
        free(x);
    }
    eg_head_destroy(t.h);
}

static void read_text(const uint8_t *data, size_t size)
{
    eg_memory_options o, again;
    char text[EGI_TEXT_MAX];
    size_t d, d_again;
    eg_binary_options b, b_again;
    if (egi_binary_parse((const char *)data, size, &b) == EG_OK
        && (egi_binary_parse(text, egi_binary_text(&b, text), &b_again) != EG_OK
            || !egi_binary_same(&b, &b_again)))
        abort();
    if (egi_memory_parse((const char *)data, size, &d, &o) != EG_OK) return;
    const size_t n = egi_memory_text(d, &o, text);
    if (egi_memory_parse(text, n, &d_again, &again) != EG_OK || d != d_again) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    if (data[0] == 'F') fuzz_memory_file_open(data + 1, size - 1);
    if (data[0] == 'B') read_block(data + 1, size - 1);
    if (data[0] == 'R') read_rows(data + 1, size - 1);
    if (data[0] == 'H') read_head(data + 1, size - 1);
    if (data[0] == 'T') read_text(data + 1, size - 1);
    return 0;
}
