/* Inside a memory file that holds a head: rows of its fields as records. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_HEAD_FILE_H
#define EGI_HEAD_FILE_H

#include "hybrid/egi_head.h"
#include "model/egi_memory_file.h"

/* What the description says. */
struct egi_head_made {
    char spec[EGI_TEXT_MAX];
    size_t d;
    uint64_t seed;
};

/* head_text.c - the description as text. EG_NOT_FOUND: it is that of something else. */
size_t egi_head_text(const eg_head *h, char out[EGI_TEXT_MAX]);
eg_status egi_head_parse(const char *text, size_t size, struct egi_head_made *out);
/* Of an open file: f->head and f->d. */
eg_status egi_head_describe(eg_memory_file *f, const char *text, size_t size);
/* An empty head that takes no more than the limit, or EG_ERR_LIMIT; EG_ERR_CORRUPT where the
 * description is not one that a library wrote. */
eg_status egi_head_of(const egi_store_options *settings, const struct egi_head_made *made,
                      eg_head **out);
/* Rows for so many classes and items, or EG_ERR_LIMIT. */
eg_status egi_head_grow(eg_head *h, size_t most, uint64_t classes, uint64_t items);

/* head_file.c */
#define EGI_HEAD_RECORD 1
#define EGI_HEAD_BYTES 24   /* classes, items, numbers given; then the description */
#define EGI_FIELD_HEADER 24 /* rows, kind, first row, field */
#define EGI_FIELD_ROW 8     /* digest of a row */

/* Rows of a field that one record has: all but its last have as many. */
size_t egi_field_rows_each(const struct egi_field *f);
/* The field and first row of a record: 0 where there is none of this id. */
int egi_field_place(const eg_head *h, uint64_t record, size_t *field, uint64_t *first);
uint64_t egi_field_digest(size_t field, uint64_t row, const uint8_t *bytes, size_t size);
/* A row of a field from the bytes of a record. */
void egi_field_read(eg_head *h, size_t field, size_t row, const uint8_t *bytes);
/* On the way into a head: how many rows came, and whether the one that counts has, as the first
 * must. Ids rise, as those of a store do. */
struct egi_head_taking {
    eg_head *h;
    size_t most; /* bytes */
    int counted;
    uint64_t rows;
};
/* A record that verifies, into the head of a struct egi_head_taking; EG_ERR_CORRUPT, EG_ERR_LIMIT.
 */
eg_status egi_head_take(void *taking, const egi_record *head, const uint8_t *bytes);
/* All of a head in a transaction; only records that differ are written. */
eg_status egi_head_put(egi_store *s, const eg_head *h);
eg_status egi_head_verify(eg_memory_file *f, egi_store_report *report, void *user);

/* head_export.c */
eg_status egi_head_export(eg_memory_file *f, const char *to, int tensors);

/* head_repair.c - a damaged file's rows, gathered in a head. */
struct egi_head_repair {
    const egi_store_options *options;
    eg_head *h; /* NULL until the description is known */
    uint8_t *had[EGI_FIELDS];
    size_t room[EGI_FIELDS]; /* rows that had has bytes for */
};
eg_status egi_head_repair_learn(struct egi_head_repair *r, egi_store *to, const egi_record *head,
                                unsigned holds, const uint8_t *bytes, uint64_t *lost);
eg_status egi_head_repair_record(struct egi_head_repair *r, const egi_record *head, unsigned holds,
                                 const uint8_t *bytes, uint64_t *kept, uint64_t *lost);
eg_status egi_head_repair_end(struct egi_head_repair *r, egi_store *to, uint64_t *kept,
                              uint64_t *lost);
void egi_head_repair_clear(struct egi_head_repair *r);

#endif
