/* Inside a memory file that holds a binary memory: its rows of connections as records. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_BINARY_FILE_H
#define EGI_BINARY_FILE_H

#include "binary/egi_binary.h"
#include "model/egi_memory_file.h"

/* binary_text.c - the description. EG_NOT_FOUND: it is that of a dense memory. */
size_t egi_binary_text(const eg_binary_options *options, char out[EGI_TEXT_MAX]);
eg_status egi_binary_parse(const char *text, size_t size, eg_binary_options *options);

/* binary_file.c - the record that counts, and the others: rows of connections. */
#define EGI_TALLY_RECORD 1
#define EGI_TALLY_BYTES                                                       \
    24 /* pairs, active units of addresses, of contents; then the description \
        */
#define EGI_ROWS_HEADER 16
#define EGI_ROW_HEADER 12

/* An empty memory, or EG_ERR_LIMIT. */
eg_status egi_binary_room(const egi_store_options *settings, const eg_binary_options *options,
                          eg_binary **out);
/* Rows of a record: all but the last record have as many. */
size_t egi_binary_rows_each(const eg_binary *m);
uint64_t egi_row_digest(uint64_t row, const uint8_t *bytes, size_t size);

/* A record that verifies, into m. EG_ERR_CORRUPT says what does not fit. *counted: the one that
 * counts has come, as the first must. Ids rise, as those of a store do. */
eg_status egi_binary_take(eg_binary *m, const egi_record *head, const uint8_t *bytes, int *counted);
/* What a memory file has of m, in a transaction: only records that differ are written. */
eg_status egi_binary_put(egi_store *s, const eg_binary *m);
eg_status egi_binary_info(eg_memory_file *f, eg_file_info *info);
eg_status egi_binary_verify(eg_memory_file *f, egi_store_report *report, void *user);

/* binary_export.c */
eg_status egi_binary_export(eg_memory_file *f, const char *to, int tensors);

/* binary_repair.c - a damaged file's rows, gathered in a memory. */
struct egi_binary_repair {
    const egi_store_options *options;
    eg_binary *m; /* NULL until the description is known */
    int tally;    /* its record held */
    uint64_t known_lost;
};
/* Whether the file is one of a binary memory: by the description in `to`, or by this record. */
eg_status egi_binary_repair_learn(struct egi_binary_repair *r, egi_store *to,
                                  const egi_record *head, unsigned holds, const uint8_t *bytes,
                                  uint64_t *lost);
eg_status egi_binary_repair_record(struct egi_binary_repair *r, const egi_record *head,
                                   unsigned holds, const uint8_t *bytes, uint64_t *kept,
                                   uint64_t *lost);
/* What rows tell of those that are lost, then all of it into `to`. */
eg_status egi_binary_repair_end(struct egi_binary_repair *r, egi_store *to, uint64_t *kept,
                                uint64_t *lost);

#endif
