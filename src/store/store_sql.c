/* Statements and errors of the memory file: the only SQL beside the schema is in this table, and
 * the only mapping of SQLite's result codes in the next. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "store/egi_store_impl.h"

#define HEAD_COLUMNS "id,kind,lo,hi,count,size,digest,hash"

static const char *const sql_text[EGI_SQL_COUNT] = {
    [EGI_SQL_BEGIN] = "BEGIN",
    [EGI_SQL_BEGIN_WRITE] = "BEGIN IMMEDIATE",
    [EGI_SQL_COMMIT] = "COMMIT",
    [EGI_SQL_ROLLBACK] = "ROLLBACK",
    [EGI_SQL_ROOT] = "SELECT id,bytes FROM root",
    [EGI_SQL_SET_ROOT] = "INSERT OR REPLACE INTO root VALUES(1,?1)",
    [EGI_SQL_HEADS] = "SELECT " HEAD_COLUMNS " FROM record ORDER BY id",
    [EGI_SQL_HEAD] = "SELECT " HEAD_COLUMNS " FROM record WHERE id=?1",
    [EGI_SQL_GET] = "SELECT " HEAD_COLUMNS ",bytes FROM record WHERE id=?1",
    [EGI_SQL_NEXT] = "SELECT " HEAD_COLUMNS ",bytes FROM record WHERE id>?1 ORDER BY id LIMIT 1",
    [EGI_SQL_NEXT_HEAD] = "SELECT " HEAD_COLUMNS " FROM record WHERE id>?1 ORDER BY id LIMIT 1",
    [EGI_SQL_PUT] = "INSERT OR REPLACE INTO record VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)",
    [EGI_SQL_DELETE] = "DELETE FROM record WHERE id=?1",
    [EGI_SQL_METAS] = "SELECT key,value,hash FROM meta ORDER BY key",
    [EGI_SQL_META] = "SELECT key,value,hash FROM meta WHERE key=?1",
    [EGI_SQL_SET_META] = "INSERT OR REPLACE INTO meta VALUES(?1,?2,?3)",
    [EGI_SQL_DELETE_META] = "DELETE FROM meta WHERE key=?1",
};

/* Extended codes before their primary code: the first row that fits is taken. */
static const struct {
    int code, mask;
    eg_status status;
    int kills; /* nobody knows what is on disk after it */
    const char *text;
} errors[] = {
    { SQLITE_IOERR_NOMEM, ~0, EG_ERR_NOMEM, 0, "out of memory" },
    { SQLITE_IOERR_CORRUPTFS, ~0, EG_ERR_CORRUPT, 0, "damaged" },
    { SQLITE_IOERR_WRITE, ~0, EG_ERR_IO, 1, "write failed" },
    { SQLITE_IOERR_FSYNC, ~0, EG_ERR_IO, 1, "sync failed" },
    { SQLITE_IOERR_DIR_FSYNC, ~0, EG_ERR_IO, 1, "sync failed" },
    { SQLITE_IOERR_TRUNCATE, ~0, EG_ERR_IO, 1, "cut failed" },
    { EGI_SQL_WRITTEN, ~0, EG_ERR_IO, 0, "written while it was read, try again" },
    { SQLITE_IOERR, 0xff, EG_ERR_IO, 0, "read or write failed" },
    { SQLITE_NOMEM, 0xff, EG_ERR_NOMEM, 0, "out of memory" },
    { SQLITE_CORRUPT, 0xff, EG_ERR_CORRUPT, 0, "damaged" },
    { SQLITE_NOTADB, 0xff, EG_ERR_CORRUPT, 0, "no memory file" },
    { SQLITE_SCHEMA, 0xff, EG_ERR_CORRUPT, 0, "its tables changed" },
    { SQLITE_MISMATCH, 0xff, EG_ERR_CORRUPT, 0, "a value of another type" },
    { SQLITE_ERROR, 0xff, EG_ERR_CORRUPT, 0, "damaged tables" },
    { SQLITE_FULL, 0xff, EG_ERR_IO, 0, "no space left" },
    { SQLITE_BUSY, 0xff, EG_ERR_IO, 0, "another writer, or a reader, holds it" },
    { SQLITE_LOCKED, 0xff, EG_ERR_IO, 0, "another statement holds it" },
    { SQLITE_PROTOCOL, 0xff, EG_ERR_IO, 0, "locking failed" },
    { SQLITE_CANTOPEN, 0xff, EG_ERR_IO, 0, "cannot open" },
    { SQLITE_READONLY, 0xff, EG_ERR_IO, 0, "not writable" },
    { SQLITE_PERM, 0xff, EG_ERR_IO, 0, "not permitted" },
    { SQLITE_AUTH, 0xff, EG_ERR_IO, 0, "not permitted" },
    { SQLITE_TOOBIG, 0xff, EG_ERR_LIMIT, 0, "larger than a record may be, or than max_bytes" },
    { SQLITE_INTERRUPT, 0xff, EG_ERR_INTERRUPTED, 0, "stopped" },
    { 0, 0, EG_ERR_IO, 0, "failed" }, /* fits all */
};

static size_t row_of(int rc)
{
    size_t i = 0;
    while ((rc & errors[i].mask) != errors[i].code) i++;
    return i;
}

int egi_sql_kills(int rc)
{
    return errors[row_of(rc)].kills;
}

eg_status egi_sql_fail(egi_store *s, int rc, const char *doing)
{
    const size_t i = row_of(rc);
    s->dead |= errors[i].kills;
    const int knows = s->db != NULL && sqlite3_extended_errcode(s->db) != SQLITE_OK;
    return egi_fail(errors[i].status, "%s: %s: %s (%s)", s->path, doing, errors[i].text,
                    knows ? sqlite3_errmsg(s->db) : sqlite3_errstr(rc));
}

/* A statement that went well may have ended with the log's being folded in. */
static eg_status folded_in(egi_store *s)
{
    return egi_sql_kills(s->folding) ? egi_sql_fail(s, s->folding, "fold the log in") : EG_OK;
}

/* A switch that fails is the first reading of a file: its name says nothing to a user. */
static const char *in_words(const char *sql)
{
    return strncmp(sql, "PRAGMA ", 7) == 0 ? "read its header" : sql;
}

eg_status egi_sql_exec(egi_store *s, const char *sql)
{
    const int rc = sqlite3_exec(s->db, sql, NULL, NULL, NULL);
    return rc == SQLITE_OK ? folded_in(s) : egi_sql_fail(s, rc, in_words(sql));
}

eg_status egi_sql_ready(egi_store *s, enum egi_sql which, sqlite3_stmt **out)
{
    if (s->stmt[which] == NULL) {
        const int rc = sqlite3_prepare_v3(s->db, sql_text[which], -1, SQLITE_PREPARE_PERSISTENT,
                                          &s->stmt[which], NULL);
        if (rc != SQLITE_OK) return egi_sql_fail(s, rc, "prepare");
    }
    sqlite3_reset(s->stmt[which]); /* tells the failure of the last run, reported then */
    *out = s->stmt[which];
    return EG_OK;
}

eg_status egi_sql_step(egi_store *s, sqlite3_stmt *stmt, const char *doing)
{
    const int rc = sqlite3_step(stmt);
    if (rc == SQLITE_ROW) return EG_OK;
    if (rc == SQLITE_DONE) return EG_END;
    return egi_sql_fail(s, rc, doing);
}

eg_status egi_sql_run(egi_store *s, enum egi_sql which, const char *doing)
{
    sqlite3_stmt *stmt = NULL;
    EGI_TRY(egi_sql_ready(s, which, &stmt));
    const eg_status status = egi_sql_step(s, stmt, doing);
    sqlite3_reset(stmt);
    return status < 0 ? status : folded_in(s);
}

void egi_sql_reset(egi_store *s)
{
    for (size_t i = 0; i < EGI_SQL_COUNT; i++) {
        if (s->stmt[i] == NULL) continue;
        sqlite3_reset(s->stmt[i]);
        sqlite3_clear_bindings(s->stmt[i]);
    }
}

void egi_sql_finalize(egi_store *s)
{
    for (size_t i = 0; i < EGI_SQL_COUNT; i++) {
        sqlite3_finalize(s->stmt[i]);
        s->stmt[i] = NULL;
    }
}

eg_status egi_sql_integer(egi_store *s, const char *sql, int64_t *out)
{
    sqlite3_stmt *stmt;
    const int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);
    if (rc != SQLITE_OK) return egi_sql_fail(s, rc, sql);
    eg_status status = egi_sql_step(s, stmt, sql);
    if (status == EG_OK) *out = sqlite3_column_int64(stmt, 0);
    if (status == EG_END) status = egi_fail(EG_ERR_CORRUPT, "%s: %s: no answer", s->path, sql);
    sqlite3_finalize(stmt);
    return status;
}
