/* Care of the whole memory file: verify, back up, vacuum, salvage. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "store/egi_store_impl.h"

enum { REPORTS_MAX = 20, BACKUP_STEP = 1024 /* pages between two words with the caller */ };

/* The first damage is kept as the detail; all are told, up to a bound. */
struct findings {
    egi_store_report *report;
    void *user;
    const char *path;
    unsigned count;
    eg_status first;
    char text[1024];
};

static void note_damage(struct findings *f, eg_status status, const char *text)
{
    if (f->count == 0) {
        f->first = status;
        snprintf(f->text, sizeof f->text, "%s", text);
    }
    if (f->count < REPORTS_MAX && f->report != NULL) f->report(f->user, text);
    f->count++;
}

static int is_damage(eg_status status)
{
    return status == EG_ERR_CORRUPT || status == EG_ERR_DIVERGED;
}

static eg_status verify_records(egi_store *s, egi_store_bytes_visit *visit, void *user,
                                struct findings *f)
{
    uint64_t last = 0, done = 0;
    for (;;) {
        sqlite3_stmt *row;
        egi_head head;
        const uint8_t *bytes;
        EGI_TRY(egi_sql_ready(s, EGI_SQL_NEXT, &row));
        sqlite3_bind_int64(row, 1, (int64_t)last);
        eg_status status = egi_sql_step(s, row, "read the records");
        if (status == EG_END) return EG_OK;
        EGI_TRY(status);
        const int64_t id = sqlite3_column_int64(row, 0);
        if (id <= (int64_t)last)
            return egi_fail(EG_ERR_CORRUPT, "%s: record %lld follows %llu", s->path, (long long)id,
                            (unsigned long long)last);
        last = (uint64_t)id;
        status = egi_head_read(s, row, &head);
        if (status == EG_OK) status = egi_head_bytes(s, row, &head, &bytes);
        if (status == EG_OK && visit != NULL) status = visit(user, &head.record, bytes);
        if (is_damage(status))
            note_damage(f, status, eg_error_detail());
        else if (status != EG_OK)
            return status;
        EGI_TRY(egi_report(s->options.progress, "verify", done++, s->root.records));
    }
}

static eg_status verify_structure(egi_store *s, struct findings *f)
{
    sqlite3_stmt *stmt;
    char text[1024];
    const int rc = sqlite3_prepare_v2(s->db, "PRAGMA integrity_check(20)", -1, &stmt, NULL);
    if (rc != SQLITE_OK) return egi_sql_fail(s, rc, "check the structure");
    eg_status status;
    while ((status = egi_sql_step(s, stmt, "check the structure")) == EG_OK) {
        const char *said = (const char *)sqlite3_column_text(stmt, 0);
        if (said == NULL) { /* a text is there, and no room for its end */
            status = egi_sql_fail(s, SQLITE_NOMEM, "check the structure");
            break;
        }
        if (strcmp(said, "ok") == 0) continue;
        snprintf(text, sizeof text, "%s: %s", s->path, said);
        note_damage(f, EG_ERR_CORRUPT, text);
    }
    sqlite3_finalize(stmt);
    return status < 0 ? status : EG_OK;
}

static void note_page(void *user, uint64_t page)
{
    struct findings *f = user;
    char text[1024];
    snprintf(text, sizeof text, "%s: page %llu is not what was written", f->path,
             (unsigned long long)page);
    note_damage(f, EG_ERR_CORRUPT, text);
}

/* Everything that was committed lies in the main file. EG_END: some of it is in the log alone,
 * which a reader needs or a read-only folder keeps. */
static eg_status fold_log(egi_store *s)
{
    sqlite3_stmt *stmt;
    int rc = sqlite3_prepare_v2(s->db, "PRAGMA wal_checkpoint(PASSIVE)", -1, &stmt, NULL);
    if (rc != SQLITE_OK) return egi_sql_fail(s, rc, "fold the log in");
    rc = sqlite3_step(stmt);
    const int folded = rc == SQLITE_ROW && sqlite3_column_int(stmt, 0) == 0
                       && sqlite3_column_int(stmt, 1) == sqlite3_column_int(stmt, 2);
    sqlite3_finalize(stmt);
    if (rc == SQLITE_NOMEM
        || (egi_sql_kills(rc) && !s->options.read_only)) /* a reader can do without */
        return egi_sql_fail(s, rc, "fold the log in");
    return folded ? EG_OK : EG_END;
}

/* Damage that ends one pass does not keep the next from being made. */
static eg_status verify_pass(struct findings *f, eg_status status)
{
    if (!is_damage(status)) return status;
    note_damage(f, status, eg_error_detail());
    return EG_OK;
}

eg_status egi_store_verify(egi_store *s, egi_store_bytes_visit *visit, void *visit_user,
                           egi_store_report *report, void *report_user)
{
    struct findings f = { report, report_user, s->path, 0, EG_OK, "" };
    EGI_TRY(egi_store_usable(s)); /* before the log is folded in: that of another process is not */
    s->is_known = 0;
    const eg_status folded = fold_log(s);
    if (folded < 0 && !is_damage(folded)) return folded;
    eg_status status = egi_store_begin(s, 0);
    if (status != EG_OK) {
        if (is_damage(status)) note_damage(&f, status, eg_error_detail());
        return status;
    }
    status = verify_pass(&f, verify_records(s, visit, visit_user, &f));
    if (status == EG_OK) status = verify_pass(&f, verify_structure(s, &f));
    if (status == EG_OK && folded == EG_OK) status = egi_pages_verify(s, note_page, &f);
    egi_store_abort(s);
    if (status == EG_OK && f.count > 0)
        return f.count == 1 ? egi_fail(f.first, "%s", f.text)
                            : egi_fail(f.first, "%s (and %u more)", f.text, f.count - 1);
    return status;
}

static eg_status copy_pages(egi_store *from, egi_store *to)
{
    sqlite3_backup *b = sqlite3_backup_init(to->db, "main", from->db, "main");
    if (b == NULL) return egi_sql_fail(to, sqlite3_errcode(to->db), "back up");
    eg_status status = EG_OK;
    int rc = SQLITE_OK;
    while (status == EG_OK && (rc = sqlite3_backup_step(b, BACKUP_STEP)) == SQLITE_OK) {
        const uint64_t total = (uint64_t)sqlite3_backup_pagecount(b);
        status = egi_report(from->options.progress, "backup",
                            total - (uint64_t)sqlite3_backup_remaining(b), total);
    }
    const int end = sqlite3_backup_finish(b);
    if (status != EG_OK) return status;
    if (rc != SQLITE_DONE) return egi_sql_fail(to, end != SQLITE_OK ? end : rc, "back up");
    return EG_OK;
}

static eg_status fill_backup(void *user, egi_store *to)
{
    egi_store *from = user;
    egi_sql_finalize(to);
    EGI_TRY(copy_pages(from, to));
    to->is_known = 0;
    return egi_store_verify(to, NULL, NULL, NULL, NULL);
}

eg_status egi_store_backup(egi_store *s, const char *to)
{
    EGI_TRY(egi_store_begin(s, 0)); /* one snapshot, whatever a writer does meanwhile */
    const eg_status status = egi_store_build(to, &s->options, fill_backup, s);
    egi_store_abort(s);
    return status;
}

/* VACUUM needs to attach its own copy, which may be too large for memory. */
static eg_status rebuild(egi_store *s)
{
    EGI_TRY(egi_sql_exec(s, "PRAGMA temp_store=FILE"));
    sqlite3_limit(s->db, SQLITE_LIMIT_ATTACHED, 1);
    const eg_status status = egi_sql_exec(s, "VACUUM");
    sqlite3_limit(s->db, SQLITE_LIMIT_ATTACHED, 0);
    EGI_TRY(status);
    return egi_sql_exec(s, "PRAGMA temp_store=MEMORY");
}

eg_status egi_store_vacuum(egi_store *s)
{
    int64_t busy = 0;
    EGI_TRY(egi_store_begin(s, 1)); /* what is damaged is not worth rewriting */
    egi_store_abort(s);
    EGI_TRY(egi_store_usable(s)); /* a transaction that did not end */
    egi_sql_finalize(s);
    EGI_TRY(rebuild(s));
    EGI_TRY(egi_sql_integer(s, "PRAGMA wal_checkpoint(TRUNCATE)", &busy));
    if (busy != 0)
        return egi_fail(EG_ERR_IO, "%s: vacuum: a reader still needs the log, try again", s->path);
    return EG_OK;
}

eg_status egi_store_space(egi_store *s, uint64_t *file_bytes, uint64_t *free_bytes)
{
    int64_t pages = 0, unused = 0;
    EGI_TRY(egi_sql_integer(s, "PRAGMA page_count", &pages));
    EGI_TRY(egi_sql_integer(s, "PRAGMA freelist_count", &unused));
    *file_bytes = (uint64_t)pages * EGI_STORE_PAGE;
    *free_bytes = (uint64_t)unused * EGI_STORE_PAGE;
    return EG_OK;
}

struct salvage {
    egi_store *from, *to;
    egi_store_rescue *rescue;
    void *user;
    uint8_t *buffer; /* (capacity) bytes of a record */
    size_t capacity;
    uint64_t kept, lost, metas_lost, rows; /* items but for the last: records seen */
};

/* EG_OK with the head, EG_END after the last one that can be reached, EG_ERR_CORRUPT. */
static eg_status next_head(egi_store *s, uint64_t after, sqlite3_stmt **row)
{
    EGI_TRY(egi_sql_ready(s, EGI_SQL_NEXT_HEAD, row));
    sqlite3_bind_int64(*row, 1, (int64_t)after);
    eg_status status = egi_sql_step(s, *row, "read the records");
    if (status == EG_OK && sqlite3_column_int64(*row, 0) <= (int64_t)after)
        status = egi_fail(EG_ERR_CORRUPT, "%s: records out of order", s->path);
    return status;
}

/* A page that cannot be read hides the ids between two others: the first id behind it is found
 * by steps that double, then by halving. EG_END if nothing behind can be read. */
static eg_status jump(egi_store *s, uint64_t *after)
{
    sqlite3_stmt *row;
    uint64_t bad = *after, good = 0;
    for (uint64_t step = 1; step <= (uint64_t)1 << 61 && good == 0; step *= 2) {
        const eg_status status = next_head(s, *after + step, &row);
        if (status == EG_OK) good = *after + step;
        if (status == EG_END) return EG_END;
        if (status < 0 && !is_damage(status)) return status;
        if (good == 0) bad = *after + step;
    }
    if (good == 0) return EG_END;
    while (good - bad > 1) {
        const uint64_t middle = bad + (good - bad) / 2;
        const eg_status status = next_head(s, middle, &row);
        if (status < 0 && !is_damage(status)) return status;
        *(status == EG_OK ? &good : &bad) = middle;
    }
    *after = good;
    return EG_OK;
}

/* What of the bytes can be read: pages are linked one to the next, so a page that is lost hides
 * those behind it, which become zeros. */
static eg_status read_bytes(struct salvage *v, sqlite3_blob *blob, size_t size)
{
    enum { STEP = 512 };
    if (size > v->capacity) {
        uint8_t *grown = egi_realloc(v->from->options.alloc, v->buffer, v->capacity, size);
        if (grown == NULL)
            return egi_fail(EG_ERR_NOMEM, "%s: a record of %zu bytes", v->from->path, size);
        v->buffer = grown;
        v->capacity = size;
    }
    if (sqlite3_blob_read(blob, v->buffer, (int)size, 0) == SQLITE_OK) return EG_OK;
    memset(v->buffer, 0, size);
    int rc = SQLITE_OK;
    for (size_t at = 0; at < size && rc == SQLITE_OK; at += STEP) {
        const size_t n = size - at < STEP ? size - at : STEP;
        rc = sqlite3_blob_read(blob, v->buffer + at, (int)n, (int)at);
        if (rc != SQLITE_OK) memset(v->buffer + at, 0, n);
    }
    return rc == SQLITE_NOMEM ? egi_sql_fail(v->from, rc, "read a record") : EG_OK;
}

/* *size: 0 where nothing can be read. */
static eg_status read_record(struct salvage *v, uint64_t id, size_t *size)
{
    sqlite3_blob *blob = NULL;
    eg_status status = EG_OK;
    const int rc = sqlite3_blob_open(v->from->db, "main", "record", "bytes", (int64_t)id, 0, &blob);
    const int n = rc == SQLITE_OK ? sqlite3_blob_bytes(blob) : 0;
    const size_t most = v->from->options.max_bytes;
    const size_t limit = most > 0 && most < EGI_RECORD_MAX ? most : EGI_RECORD_MAX;
    *size = n > 0 && (size_t)n <= limit ? (size_t)n : 0;
    if (rc == SQLITE_NOMEM)
        status = egi_sql_fail(v->from, rc, "read a record");
    else if (*size > 0)
        status = read_bytes(v, blob, *size);
    sqlite3_blob_close(blob);
    return status;
}

static eg_status salvage_row(struct salvage *v, sqlite3_stmt *row)
{
    egi_head head;
    size_t size;
    unsigned holds = 0;
    memset(&head, 0, sizeof head);
    const eg_status status = egi_head_read(v->from, row, &head);
    if (status == EG_OK) holds = EGI_HOLDS_HEAD; /* else it is damaged */
    head.record.id = (uint64_t)sqlite3_column_int64(row, 0);
    sqlite3_reset(row);
    EGI_TRY(read_record(v, head.record.id, &size));
    if (holds && size == head.record.size && egi_hash(v->buffer, size) == head.digest)
        holds |= EGI_HOLDS_BYTES;
    head.record.size = size;
    if (holds) egi_store_raise_top(v->to, head.record.hi);
    return v->rescue(v->user, &head.record, holds, v->buffer, &v->kept, &v->lost);
}

static eg_status salvage_records(struct salvage *v)
{
    sqlite3_stmt *row;
    uint64_t last = 0;
    for (;;) {
        eg_status status = next_head(v->from, last, &row);
        if (status == EG_OK) {
            last = (uint64_t)sqlite3_column_int64(row, 0);
            status = salvage_row(v, row);
        } else if (is_damage(status)) {
            v->lost++;
            status = jump(v->from, &last);
        }
        if (status != EG_OK) return status == EG_END ? EG_OK : status;
        EGI_TRY(egi_report(v->from->options.progress, "repair", ++v->rows, 0));
    }
}

static eg_status salvage_meta(struct salvage *v)
{
    sqlite3_stmt *row;
    const char *key;
    const uint8_t *value;
    size_t size;
    EGI_TRY(egi_sql_ready(v->from, EGI_SQL_METAS, &row));
    eg_status status;
    while ((status = egi_sql_step(v->from, row, "read the notes")) == EG_OK) {
        status = egi_meta_read(v->from, row, &key, &value, &size);
        if (status == EG_OK) status = egi_store_set_meta(v->to, key, value, size);
        if (is_damage(status))
            v->metas_lost++;
        else
            EGI_TRY(status);
    }
    v->metas_lost += is_damage(status); /* those behind it */
    return status == EG_END || is_damage(status) ? EG_OK : status;
}

/* A root that is still right knows which ids were used, and how many items there were. */
static eg_status salvage_into(struct salvage *v)
{
    const eg_status rooted = egi_root_read(v->from);
    EGI_TRY(is_damage(rooted) ? EG_OK : rooted);
    if (rooted == EG_OK) egi_store_raise_top(v->to, v->from->root.top);
    EGI_TRY(salvage_meta(v));
    EGI_TRY(salvage_records(v));
    const uint64_t items = rooted == EG_OK ? v->from->root.items : 0;
    if (items > v->kept + v->lost) v->lost = items - v->kept;
    return EG_OK;
}

eg_status egi_store_salvage(const char *path, const egi_store_options *options, egi_store *to,
                            egi_store_rescue *rescue, void *user, uint64_t *kept, uint64_t *lost)
{
    struct salvage v = { .to = to, .rescue = rescue, .user = user };
    egi_store_options mine = *options;
    char local[EGI_STORE_PATH];
    uint64_t bytes = 0;
    mine.read_only = mine.beyond_end = 1;
    EGI_TRY(egi_path_local(path, local));
    EGI_TRY(egi_path_check(local, &bytes));
    EGI_TRY(egi_store_connect(path, &mine, &v.from));
    eg_status status = egi_store_identify(v.from);
    if (status == EG_OK) status = salvage_into(&v);
    if (status == EG_OK) {
        *kept += v.kept;
        *lost += v.lost + v.metas_lost;
    }
    egi_free(v.from->options.alloc, v.buffer, v.capacity);
    egi_store_close(v.from);
    return status;
}
