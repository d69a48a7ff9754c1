/* Shared by the files of src/store only. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_STORE_IMPL_H
#define EGI_STORE_IMPL_H

#include <sqlite3.h>
#include <sys/types.h>

#include "store/egi_store.h"

#define EGI_STORE_APP_ID 0x45474d31 /* "EGM1" */
#define EGI_STORE_PAGE 4096
#define EGI_STORE_RESERVED 8 /* bytes at the end of each that are the checksum's */
#define EGI_STORE_PATH 512   /* with its end; SQLite takes no longer one */
#define EGI_ROOT_BYTES 80

enum egi_sql {
    EGI_SQL_BEGIN,
    EGI_SQL_BEGIN_WRITE,
    EGI_SQL_COMMIT,
    EGI_SQL_ROLLBACK,
    EGI_SQL_ROOT,
    EGI_SQL_SET_ROOT,
    EGI_SQL_HEADS,
    EGI_SQL_HEAD,
    EGI_SQL_GET,
    EGI_SQL_NEXT,
    EGI_SQL_NEXT_HEAD,
    EGI_SQL_PUT,
    EGI_SQL_DELETE,
    EGI_SQL_METAS,
    EGI_SQL_META,
    EGI_SQL_SET_META,
    EGI_SQL_DELETE_META,
    EGI_SQL_COUNT
};

struct egi_store {
    sqlite3 *db;
    sqlite3_stmt *stmt[EGI_SQL_COUNT]; /* prepared when first used */
    egi_store_options options;
    egi_store_root root;  /* of the transaction */
    egi_store_root known; /* the last one whose rows were all seen to agree with it */
    int is_known, changed, dead;
    int folding; /* SQLite's code of the last time that a long log was folded in */
    pid_t pid;   /* SQLite's locks do not survive fork() */
    char path[EGI_STORE_PATH];
};

/* store_sql.c - statements and errors. */
eg_status egi_sql_fail(egi_store *s, int rc, const char *doing);
/* 1: after this code of SQLite's nobody knows what is on disk. */
int egi_sql_kills(int rc);
eg_status egi_sql_exec(egi_store *s, const char *sql);
/* A statement ready to be bound. */
eg_status egi_sql_ready(egi_store *s, enum egi_sql which, sqlite3_stmt **out);
/* EG_OK on a row, EG_END after the last. */
eg_status egi_sql_step(egi_store *s, sqlite3_stmt *stmt, const char *doing);
/* A statement without parameters or rows. */
eg_status egi_sql_run(egi_store *s, enum egi_sql which, const char *doing);
void egi_sql_reset(egi_store *s);
void egi_sql_finalize(egi_store *s);
/* The value of a PRAGMA or other query that gives one integer. */
eg_status egi_sql_integer(egi_store *s, const char *sql, int64_t *out);

/* store_path.c - names and files. */
eg_status egi_path_check(const char *path, uint64_t *bytes);
eg_status egi_path_local(const char *path, char out[EGI_STORE_PATH]);
/* The folder of a path that egi_path_local() made. */
void egi_path_folder(const char *path, char out[EGI_STORE_PATH]);
/* Make `part` durable under the name `path`, which must not exist. */
eg_status egi_path_publish(const char *part, const char *path);
void egi_path_discard(const char *path);

/* What reading a page of a file without locks gives when another has written it since it was
 * opened: a code of SQLite's that SQLite has no more use for. */
#define EGI_SQL_WRITTEN SQLITE_IOERR_BLOCKED

/* store_pages.c - the name of the file system that writes the checksums of pages; every page of
 * the main file against its own, those that differ told by number. */
const char *egi_pages_vfs(void);
typedef void egi_pages_damage(void *user, uint64_t page);
eg_status egi_pages_verify(egi_store *s, egi_pages_damage *damage, void *user);

/* store.c */
eg_status egi_store_connect(const char *path, const egi_store_options *options, egi_store **out);
eg_status egi_store_usable(const egi_store *s);
/* Application id, version, page size and tables are those of a memory file. */
eg_status egi_store_identify(egi_store *s);
/* store_record.c - rows to heads. */
typedef struct egi_head {
    egi_record record;
    uint64_t digest, hash;
} egi_head;
uint64_t egi_head_hash(const egi_record *r, uint64_t digest);
uint64_t egi_meta_hash(const char *key, const void *value, size_t size);
/* The first eight columns of a row; EG_ERR_CORRUPT where they do not agree with their hash. */
eg_status egi_head_read(egi_store *s, sqlite3_stmt *row, egi_head *out);
/* Column nine, checked against the head. */
eg_status egi_head_bytes(egi_store *s, sqlite3_stmt *row, const egi_head *head,
                         const uint8_t **bytes);
eg_status egi_meta_read(egi_store *s, sqlite3_stmt *row, const char **key, const uint8_t **value,
                        size_t *size);
void egi_root_encode(const egi_store_root *root, uint8_t out[EGI_ROOT_BYTES]);
eg_status egi_root_create(egi_store *s);
eg_status egi_root_read(egi_store *s);
/* All metas and heads against the root. */
eg_status egi_root_compare(egi_store *s);

#endif
