/* Open, close and build the memory file's SQLite container.
 *
 * Whatever SQLite could be made to do by a hostile file is switched off before its schema is
 * read, and the schema must be ours byte for byte before a row is. A new file is built under
 * another name and linked to its own when it is complete and synced. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/egi_file.h"
#include "store/egi_store_impl.h"

static const struct {
    const char *name, *sql;
} schema[] = {
    { "root", "CREATE TABLE root(id INTEGER PRIMARY KEY,bytes BLOB NOT NULL)" },
    { "meta", "CREATE TABLE meta(key TEXT PRIMARY KEY,value BLOB NOT NULL,hash INTEGER NOT NULL)"
              "WITHOUT ROWID" },
    { "record", "CREATE TABLE record(id INTEGER PRIMARY KEY,kind INTEGER NOT NULL,"
                "lo INTEGER NOT NULL,hi INTEGER NOT NULL,count INTEGER NOT NULL,"
                "size INTEGER NOT NULL,digest INTEGER NOT NULL,hash INTEGER NOT NULL,"
                "bytes BLOB NOT NULL)" },
};

static const struct {
    int name, value;
} limits[] = {
    { SQLITE_LIMIT_LENGTH, (int)(EGI_RECORD_MAX + 4096) },
    { SQLITE_LIMIT_SQL_LENGTH, 4096 },
    { SQLITE_LIMIT_COLUMN, 16 },
    { SQLITE_LIMIT_EXPR_DEPTH, 32 },
    { SQLITE_LIMIT_COMPOUND_SELECT, 4 },
    { SQLITE_LIMIT_ATTACHED, 0 },
    { SQLITE_LIMIT_TRIGGER_DEPTH, 1 },
    { SQLITE_LIMIT_VARIABLE_NUMBER, 16 },
    { SQLITE_LIMIT_WORKER_THREADS, 0 },
};

static const struct {
    int name, value;
} switches[] = {
    { SQLITE_DBCONFIG_DEFENSIVE, 1 },
    { SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0 },
    { SQLITE_DBCONFIG_ENABLE_TRIGGER, 0 },
    { SQLITE_DBCONFIG_ENABLE_VIEW, 0 },
    { SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0 },
    { SQLITE_DBCONFIG_WRITABLE_SCHEMA, 0 },
    { SQLITE_DBCONFIG_DQS_DML, 0 },
    { SQLITE_DBCONFIG_DQS_DDL, 0 },
};

static const char *const settings[] = {
    "PRAGMA cell_size_check=ON", "PRAGMA temp_store=MEMORY",          "PRAGMA mmap_size=0",
    "PRAGMA secure_delete=ON",   "PRAGMA journal_size_limit=4194304",
};

static const char *const durabilities[] = { "PRAGMA synchronous=OFF", "PRAGMA synchronous=NORMAL",
                                            "PRAGMA synchronous=FULL" };

/* A folder that cannot be written has no room for the log's index, and what a reader makes who may
 * not write the file would keep its owner from writing. Where there is no log the file is all there
 * is, and SQLite may be told so: only a URI can. store_pages.c notices who writes meanwhile, and
 * the log is asked for behind the moment from which on it does. */
static int open_immutable(egi_store *s)
{
    static const char immutable[] = "?immutable=1";
    char uri[3 * EGI_STORE_PATH + 32] = "file:", *at = uri + 5;
    char log[EGI_STORE_PATH + 8];
    snprintf(log, sizeof log, "%s-wal", s->path);
    for (const char *p = s->path; *p != '\0'; p++)
        at += snprintf(at, 4, strchr("?#%", *p) != NULL ? "%%%02x" : "%c", (unsigned char)*p);
    snprintf(at, sizeof immutable, "%s", immutable);
    const int rc = sqlite3_open_v2(uri, &s->db,
                                   SQLITE_OPEN_READONLY | SQLITE_OPEN_URI | SQLITE_OPEN_NOMUTEX
                                       | SQLITE_OPEN_EXRESCODE,
                                   egi_pages_vfs());
    if (rc != SQLITE_OK || access(log, F_OK) != 0) return rc;
    sqlite3_close(s->db);
    s->db = NULL;
    return SQLITE_OK;
}

/* A reader who may write opens for writing and sets query_only: a connection opened read-only
 * could not remove the log's index when it is the last to leave. */
static eg_status open_handle(egi_store *s)
{
    const int common = SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_EXRESCODE;
    char folder[EGI_STORE_PATH];
    egi_path_folder(s->path, folder);
    const int may_write =
        !s->options.read_only || (access(folder, W_OK) == 0 && access(s->path, W_OK) == 0);
    int rc = may_write ? SQLITE_OK : open_immutable(s);
    if (s->db == NULL)
        rc = sqlite3_open_v2(s->path, &s->db,
                             common | (may_write ? SQLITE_OPEN_READWRITE : SQLITE_OPEN_READONLY),
                             egi_pages_vfs());
    if (rc != SQLITE_OK) return egi_sql_fail(s, rc, "open");
    return EG_OK;
}

/* SQLite refuses a file with fewer pages than its header says, unless the schema is declared
 * writable; nothing is written to it (query_only), and the schema is compared all the same. */
static eg_status read_beyond_end(egi_store *s)
{
    int rc = sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 0, NULL);
    if (rc == SQLITE_OK) rc = sqlite3_db_config(s->db, SQLITE_DBCONFIG_WRITABLE_SCHEMA, 1, NULL);
    return rc == SQLITE_OK ? EG_OK : egi_sql_fail(s, rc, "configure");
}

/* The log is folded in behind a commit that makes it long, as SQLite does by itself; but a write or
 * sync of the file that fails there is told: by store_sql.c, for what is given back here is not. */
static int fold_long_log(void *user, sqlite3 *db, const char *name, int frames)
{
    enum { LONG = 1000 };
    egi_store *s = user;
    if (frames >= LONG) s->folding = sqlite3_wal_checkpoint(db, name);
    return SQLITE_OK;
}

static eg_status configure(egi_store *s)
{
    sqlite3_wal_hook(s->db, fold_long_log, s);
    for (size_t i = 0; i < EGI_COUNT(switches); i++) {
        const int rc = sqlite3_db_config(s->db, switches[i].name, switches[i].value, NULL);
        if (rc != SQLITE_OK) return egi_sql_fail(s, rc, "configure");
    }
    if (s->options.beyond_end) EGI_TRY(read_beyond_end(s));
    for (size_t i = 0; i < EGI_COUNT(limits); i++)
        sqlite3_limit(s->db, limits[i].name, limits[i].value);
    if (s->options.max_bytes > 0 && s->options.max_bytes < EGI_RECORD_MAX)
        sqlite3_limit(s->db, SQLITE_LIMIT_LENGTH, (int)s->options.max_bytes);
    sqlite3_busy_timeout(s->db, s->options.wait_ms);
    for (size_t i = 0; i < EGI_COUNT(settings); i++) EGI_TRY(egi_sql_exec(s, settings[i]));
    if (s->options.read_only) EGI_TRY(egi_sql_exec(s, "PRAGMA query_only=ON"));
    return egi_sql_exec(s, durabilities[s->options.durability]);
}

eg_status egi_store_connect(const char *path, const egi_store_options *options, egi_store **out)
{
    egi_store *s = egi_alloc(options->alloc, sizeof *s);
    if (s == NULL) return egi_fail(EG_ERR_NOMEM, "memory file: %zu bytes", sizeof *s);
    memset(s, 0, sizeof *s);
    s->options = *options;
    s->pid = getpid();
    eg_status status = egi_path_local(path, s->path);
    if (status == EG_OK) status = open_handle(s);
    if (status == EG_OK) status = configure(s);
    if (status < 0)
        egi_store_close(s);
    else
        *out = s;
    return status;
}

static int same_text(sqlite3_stmt *row, int column, const char *want)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    return text != NULL && strcmp(text, want) == 0;
}

/* One object more, less or otherwise is not our file. */
static eg_status check_schema(egi_store *s)
{
    sqlite3_stmt *stmt;
    const int rc = sqlite3_prepare_v2(
        s->db, "SELECT type,name,tbl_name,sql FROM sqlite_schema ORDER BY rowid", -1, &stmt, NULL);
    if (rc != SQLITE_OK) return egi_sql_fail(s, rc, "read the tables");
    size_t n = 0;
    eg_status status = egi_sql_step(s, stmt, "read the tables");
    for (; status == EG_OK; n++) {
        if (n == EGI_COUNT(schema) || !same_text(stmt, 0, "table")
            || !same_text(stmt, 1, schema[n].name) || !same_text(stmt, 2, schema[n].name)
            || !same_text(stmt, 3, schema[n].sql))
            break;
        status = egi_sql_step(s, stmt, "read the tables");
    }
    if (status == EG_OK && sqlite3_errcode(s->db) == SQLITE_NOMEM)
        status = egi_sql_fail(s, SQLITE_NOMEM, "read the tables");
    else if (status == EG_OK || (status == EG_END && n != EGI_COUNT(schema)))
        status = egi_fail(EG_ERR_CORRUPT, "%s: its tables are not those of a memory file", s->path);
    sqlite3_finalize(stmt);
    return status < 0 ? status : EG_OK;
}

/* Bytes at the end of each page that are not SQLite's: as they are, then as wanted (-1: the same).
 */
static eg_status reserve(egi_store *s, int want, int *had)
{
    *had = want;
    const int rc = sqlite3_file_control(s->db, "main", SQLITE_FCNTL_RESERVE_BYTES, had);
    return rc == SQLITE_OK ? EG_OK : egi_sql_fail(s, rc, "configure");
}

eg_status egi_store_identify(egi_store *s)
{
    int64_t value = 0;
    int reserved;
    EGI_TRY(egi_sql_integer(s, "PRAGMA application_id", &value));
    if (value != EGI_STORE_APP_ID)
        return egi_fail(EG_ERR_CORRUPT, "%s: no memory file: application id %08x, expected %08x",
                        s->path, (unsigned)value, (unsigned)EGI_STORE_APP_ID);
    EGI_TRY(egi_sql_integer(s, "PRAGMA user_version", &value));
    if (value < 1) return egi_fail(EG_ERR_CORRUPT, "%s: format %lld", s->path, (long long)value);
    if (value != EGI_STORE_VERSION)
        return egi_fail(EG_ERR_VERSION, "%s: memory file of format %lld, %s than this library's %d",
                        s->path, (long long)value, value < EGI_STORE_VERSION ? "older" : "newer",
                        EGI_STORE_VERSION);
    EGI_TRY(egi_sql_integer(s, "PRAGMA page_size", &value));
    if (value != EGI_STORE_PAGE)
        return egi_fail(EG_ERR_CORRUPT, "%s: pages of %lld bytes, expected %d", s->path,
                        (long long)value, EGI_STORE_PAGE);
    EGI_TRY(reserve(s, -1, &reserved));
    if (reserved != EGI_STORE_RESERVED)
        return egi_fail(EG_ERR_CORRUPT, "%s: pages end with %d bytes for a checksum, expected %d",
                        s->path, reserved, EGI_STORE_RESERVED);
    return check_schema(s);
}

eg_status egi_store_open(const char *path, const egi_store_options *options, egi_store **out)
{
    char local[EGI_STORE_PATH];
    uint64_t bytes = 0;
    egi_store *s = NULL;
    EGI_TRY(egi_path_local(path, local));
    EGI_TRY(egi_path_check(local, &bytes));
    EGI_TRY(egi_store_connect(path, options, &s));
    eg_status status = egi_store_identify(s);
    if (status == EG_OK && !options->read_only) status = egi_sql_exec(s, "PRAGMA journal_mode=WAL");
    if (status == EG_OK) status = egi_store_begin(s, 0);
    if (status == EG_OK) status = egi_store_commit(s);
    if (status == EG_OK)
        *out = s;
    else
        egi_store_close(s);
    return status;
}

void egi_store_close(egi_store *s)
{
    if (s == NULL) return;
    if (s->pid == getpid()) { /* else SQLite would undo the locks of the parent's files */
        egi_sql_finalize(s);
        sqlite3_close_v2(s->db);
    }
    egi_free(s->options.alloc, s, sizeof *s);
}

size_t egi_store_most(const egi_store *s)
{
    const uint64_t bytes =
        s->root.bytes < (size_t)EG_LIMIT_MEMORY ? s->root.bytes : (size_t)EG_LIMIT_MEMORY;
    return egi_limit_of(s->options.max_bytes, (size_t)bytes, (size_t)EG_LIMIT_MEMORY);
}

const char *egi_store_path(const egi_store *s)
{
    return s->path;
}

eg_status egi_store_usable(const egi_store *s)
{
    if (s->pid != getpid())
        return egi_fail(EG_ERR_INVALID,
                        "%s: opened before fork(): a process must open the file itself", s->path);
    if (s->dead)
        return egi_fail(EG_ERR_IO, "%s: an earlier write failed: close it and open it again",
                        s->path);
    return EG_OK;
}

static eg_status create_tables(egi_store *s)
{
    char sql[128];
    int had;
    EGI_TRY(reserve(s, EGI_STORE_RESERVED, &had));
    snprintf(sql, sizeof sql, "PRAGMA page_size=%d", EGI_STORE_PAGE);
    EGI_TRY(egi_sql_exec(s, sql));
    EGI_TRY(egi_sql_exec(s, "PRAGMA journal_mode=WAL"));
    snprintf(sql, sizeof sql, "BEGIN;PRAGMA application_id=%d;PRAGMA user_version=%d",
             EGI_STORE_APP_ID, EGI_STORE_VERSION);
    EGI_TRY(egi_sql_exec(s, sql));
    for (size_t i = 0; i < EGI_COUNT(schema); i++) EGI_TRY(egi_sql_exec(s, schema[i].sql));
    EGI_TRY(egi_root_create(s));
    return egi_sql_exec(s, "COMMIT");
}

static eg_status build_part(const char *part, const egi_store_options *options,
                            egi_store_fill *fill, void *user)
{
    egi_store *s = NULL;
    const int fd = open(part, O_CREAT | O_EXCL | O_RDWR | O_CLOEXEC, 0644);
    if (fd < 0) return egi_fail(EG_ERR_IO, "%s: create: %s", part, strerror(errno));
    close(fd);
    EGI_TRY(egi_store_connect(part, options, &s));
    eg_status status = create_tables(s);
    if (status == EG_OK) status = fill(user, s);
    /* The log is folded in here and not in close, which could not say that it failed. */
    if (status == EG_OK) status = egi_sql_exec(s, "PRAGMA wal_checkpoint(TRUNCATE)");
    egi_store_close(s);
    return status;
}

eg_status egi_store_build(const char *path, const egi_store_options *options, egi_store_fill *fill,
                          void *user)
{
    char local[EGI_STORE_PATH], part[EGI_STORE_PATH];
    egi_store_options mine = *options;
    mine.read_only = 0;
    EGI_TRY(egi_path_local(path, local));
    if (access(local, F_OK) == 0)
        return egi_fail(EG_ERR_IO, "%s: exists, and is not overwritten", local);
    uint32_t tag; /* numbers of processes are not enough: two containers have the same */
    EGI_TRY(egi_file_tag(local, &tag));
    snprintf(part, sizeof part, "%.*s.part-%08x", EGI_STORE_PATH - 32, local, tag);
    eg_status status = build_part(part, &mine, fill, user);
    if (status == EG_OK) status = egi_path_publish(part, local);
    if (status != EG_OK) egi_path_discard(part);
    return status;
}
