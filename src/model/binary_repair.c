/* Repair of a binary memory's file.
 *
 * Rows whose own digest holds are read into a memory, wherever the damage lies. Where content and
 * address are one, W_ij = W_ji: what a row lost its columns still have, so that a single row that
 * is lost costs nothing; of several, what is lost is their connections among each other. The
 * description is there twice, in the meta row and in record 1. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "model/egi_binary_file.h"

eg_status egi_binary_repair_learn(struct egi_binary_repair *r, egi_store *to,
                                  const egi_record *head, unsigned holds, const uint8_t *bytes,
                                  uint64_t *lost)
{
    eg_binary_options o;
    const uint8_t *text;
    size_t size;
    const eg_status there = egi_store_meta(to, EGI_MEMORY_KEY, &text, &size);
    EGI_TRY(there);
    if (there == EG_OK) {
        if (egi_binary_parse((const char *)text, size, &o) != EG_OK) return EG_OK;
        return egi_binary_room(r->options, &o, &r->m);
    }
    if (!(holds & EGI_HOLDS_BYTES) || head->id != EGI_TALLY_RECORD || head->size <= EGI_TALLY_BYTES)
        return EG_OK;
    text = bytes + EGI_TALLY_BYTES;
    size = (size_t)head->size - EGI_TALLY_BYTES;
    if (egi_binary_parse((const char *)text, size, &o) != EG_OK) return EG_OK;
    ++*lost; /* the description */
    EGI_TRY(egi_binary_room(r->options, &o, &r->m));
    return egi_file_describe(to, (const char *)text, size, NULL);
}

/* Pairs that there must have been, while nobody knows how many there were. */
static void allow_any(struct egi_binary_repair *r)
{
    if (!r->tally) r->m->n = INT32_MAX;
}

/* The rows of a record that hold: how they lie is told by their own sizes. *had: rows that it
 * should have. */
static size_t rescue_rows(struct egi_binary_repair *r, const egi_record *head, const uint8_t *bytes,
                          size_t *had)
{
    const struct egi_keeping *k = r->m->kind->keeping;
    const size_t each = egi_binary_rows_each(r->m), rows = k->rows(r->m);
    size_t kept = 0, at = EGI_ROWS_HEADER;
    *had = 0;
    if (head->id <= EGI_TALLY_RECORD || head->id - EGI_TALLY_RECORD > (rows + each - 1) / each)
        return 0;
    const size_t first = (size_t)(head->id - EGI_TALLY_RECORD - 1) * each;
    *had = rows - first < each ? rows - first : each;
    for (size_t i = 0; i < *had && at + EGI_ROW_HEADER <= head->size; i++) {
        const size_t size = egi_load_le32(bytes + at + 8), left = (size_t)head->size - at;
        size_t took = 0;
        if (size > left - EGI_ROW_HEADER) break;
        const uint8_t *row = bytes + at + EGI_ROW_HEADER;
        kept += egi_row_digest(first + i, row, size) == egi_load_le64(bytes + at)
                && k->row_read(r->m, first + i, row, size, &took) == EG_OK && took == size;
        at += EGI_ROW_HEADER + size;
    }
    return kept;
}

eg_status egi_binary_repair_record(struct egi_binary_repair *r, const egi_record *head,
                                   unsigned holds, const uint8_t *bytes, uint64_t *kept,
                                   uint64_t *lost)
{
    int counted = 0;
    if (head->id == EGI_TALLY_RECORD) {
        r->tally = holds == (EGI_HOLDS_HEAD | EGI_HOLDS_BYTES)
                   && egi_binary_take(r->m, head, bytes, &counted) == EG_OK;
        return EG_OK;
    }
    size_t had;
    allow_any(r);
    const size_t held = rescue_rows(r, head, bytes, &had);
    *kept += held;
    *lost += had - held;
    r->known_lost += had - held;
    return EG_OK;
}

/* At least as many pairs were stored as one connection was made. */
static uint64_t least_pairs(const eg_binary *m)
{
    uint64_t most = 0;
    for (size_t i = 0; i < m->sums.rows * m->sums.columns; i++) {
        const int64_t s = m->sums.at[i];
        const uint64_t size = (uint64_t)(s < 0 ? -s : s);
        if (size > most) most = size;
    }
    for (size_t i = 0; m->links.count != NULL && i < 64 * m->links.rows * m->links.words; i++)
        if (m->links.count[i] > most) most = m->links.count[i];
    return most > 0 ? most : m->links.existing > 0;
}

eg_status egi_binary_repair_end(struct egi_binary_repair *r, egi_store *to, uint64_t *kept,
                                uint64_t *lost)
{
    if (egi_binary_complete(r->m) && r->known_lost == 1 && *lost > 0) {
        --*lost;
        ++*kept;
    }
    if (!r->tally) {
        ++*lost;
        r->m->n = least_pairs(r->m);
    }
    return egi_binary_put(to, r->m);
}
