/* The memory file's bottom: named, checksummed, transactional byte records in one SQLite file.
 * It knows bytes, not tensors. Layout and reasons: docs/file-format.md. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_STORE_H
#define EGI_STORE_H

#include <stddef.h>
#include <stdint.h>

#include "base/egi_base.h"
#include "engram/limits.h"

#define EGI_STORE_VERSION 3
#define EGI_RECORD_MAX EG_LIMIT_RECORD /* bytes of one record */
#define EGI_META_MAX EG_LIMIT_NOTE     /* bytes of one meta value */
#define EGI_META_KEY_MAX 255

typedef struct egi_store egi_store;

typedef struct egi_store_options {
    int read_only;
    int durability;   /* 2: full, 1: normal, 0: off */
    size_t max_bytes; /* 0: by the size of the file, egi_store_most() */
    int wait_ms;      /* for another writer's lock */
    int beyond_end;   /* 1: also a file that has fewer pages than it says, read-only */
    const eg_allocator *alloc;
    const eg_progress *progress;
} egi_store_options;

/* What is known of a record without its bytes. lo, hi and count are the owner's. */
typedef struct egi_record {
    uint64_t id; /* 1 .. 2^63 - 1 */
    uint64_t kind, lo, hi, count;
    uint64_t size; /* of its bytes */
} egi_record;

typedef struct egi_store_root {
    uint64_t generation, records, metas, items, bytes, top, last, sum0, sum1, check;
} egi_store_root;

/* store.c - open and close. Opening verifies everything but the records' bytes. */
eg_status egi_store_open(const char *path, const egi_store_options *options, egi_store **out);
void egi_store_close(egi_store *s);
const char *egi_store_path(const egi_store *s);
/* A new file: fill writes into it (each call in a transaction of its own making), then it
 * gets its name; EG_ERR_IO if that exists, and no file is left on any failure. */
typedef eg_status egi_store_fill(void *user, egi_store *s);
eg_status egi_store_build(const char *path, const egi_store_options *options, egi_store_fill *fill,
                          void *user);

/* store_record.c - transactions. begin sees the newest commit, verified; abort and a failed
 * commit leave the file as it was. Every call below needs a transaction. */
eg_status egi_store_begin(egi_store *s, int write);
eg_status egi_store_commit(egi_store *s);
void egi_store_abort(egi_store *s);
/* What may be allocated for what the file holds: as it was given, or by the bytes of its records.
 */
size_t egi_store_most(const egi_store *s);
/* Valid inside a transaction, of the snapshot it sees; and right after a commit, of what it left.
 */
const egi_store_root *egi_store_root_view(const egi_store *s);

/* The bytes are borrowed until the next call on s. EG_NOT_FOUND if there is none. */
eg_status egi_store_get(egi_store *s, uint64_t id, egi_record *head, const uint8_t **bytes);
/* Insert, or replace what has this id. id 0: the next free one; *head receives it. */
eg_status egi_store_put(egi_store *s, egi_record *head, const void *bytes);
eg_status egi_store_delete(egi_store *s, uint64_t id);
/* The root's top is at least this from now on; records raise it by their hi. */
void egi_store_raise_top(egi_store *s, uint64_t top);
/* Heads in the order of ids; visit must not call the store. */
typedef eg_status egi_store_visit(void *user, const egi_record *head);
eg_status egi_store_heads(egi_store *s, egi_store_visit *visit, void *user);

/* The value is borrowed until the next call on s. A NULL value in set removes the key. */
eg_status egi_store_meta(egi_store *s, const char *key, const uint8_t **value, size_t *size);
eg_status egi_store_set_meta(egi_store *s, const char *key, const void *value, size_t size);
typedef eg_status egi_store_meta_visit(void *user, const char *key, const uint8_t *value,
                                       size_t size);
eg_status egi_store_metas(egi_store *s, egi_store_meta_visit *visit, void *user);

/* store_check.c - care of the whole file; none of these may be called in a transaction. */
typedef eg_status egi_store_bytes_visit(void *user, const egi_record *head, const uint8_t *bytes);
typedef void egi_store_report(void *user, const char *text);
/* Everything; visit judges the bytes of each record that verifies. The first damage is the
 * detail, report (may be NULL) hears of at most 20. */
eg_status egi_store_verify(egi_store *s, egi_store_bytes_visit *visit, void *visit_user,
                           egi_store_report *report, void *report_user);
eg_status egi_store_backup(egi_store *s, const char *to);
eg_status egi_store_vacuum(egi_store *s);
/* A record of a damaged file as it can be read: head->size bytes, zeros from where a page could
 * not be read. holds: which parts match their checksums; of a damaged head only id and size say
 * something. Writes what can be saved, and adds to *kept and *lost. */
enum { EGI_HOLDS_HEAD = 1, EGI_HOLDS_BYTES = 2 };
typedef eg_status egi_store_rescue(void *user, const egi_record *head, unsigned holds,
                                   const uint8_t *bytes, uint64_t *kept, uint64_t *lost);
/* Copies the meta rows of a damaged file that match their hashes into `to`, which is in a
 * transaction, and gives each record that can be reached to rescue, whatever the root says. A page
 * of records that cannot be read and a meta row lost add 1 to *lost; a root that still holds
 * says how many were lost at least. */
eg_status egi_store_salvage(const char *path, const egi_store_options *options, egi_store *to,
                            egi_store_rescue *rescue, void *user, uint64_t *kept, uint64_t *lost);
/* Pages of the file and those free, in bytes. */
eg_status egi_store_space(egi_store *s, uint64_t *file_bytes, uint64_t *free_bytes);

#endif
