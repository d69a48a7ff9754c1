/* Transactions, the root, records and meta rows of the memory file.
 *
 * The root is a sum over the hashes of all rows, so a change costs one subtraction and one
 * addition: O(1) in the transaction that makes it. It is compared with the rows whenever it is
 * not the one we saw or wrote last. docs/file-format.md says why damage cannot pass. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "store/egi_store_impl.h"

enum { TAG_RECORD = 1, TAG_META = 2 };

static uint64_t hash_words(const uint64_t *word, size_t n)
{
    uint8_t bytes[8 * 8];
    for (size_t i = 0; i < n; i++) egi_store_le64(bytes + 8 * i, word[i]);
    return egi_hash(bytes, 8 * n);
}

uint64_t egi_head_hash(const egi_record *r, uint64_t digest)
{
    const uint64_t word[8] = {
        TAG_RECORD, r->id, r->kind, r->lo, r->hi, r->count, r->size, digest
    };
    return hash_words(word, 8);
}

uint64_t egi_meta_hash(const char *key, const void *value, size_t size)
{
    const size_t length = strlen(key);
    const uint64_t word[5] = { TAG_META, egi_hash(key, length), length, egi_hash(value, size),
                               size };
    return hash_words(word, 5);
}

/* sign +1 adds a row's hash to the root, -1 takes it away. */
static void root_mix(egi_store_root *root, uint64_t hash, int sign)
{
    const uint64_t second = hash_words(&hash, 1);
    root->sum0 += sign > 0 ? hash : -hash;
    root->sum1 += sign > 0 ? second : -second;
}

static void root_count(egi_store_root *root, const egi_head *head, int sign)
{
    const uint64_t one = sign > 0 ? 1 : UINT64_MAX;
    root->records += one;
    root->items += one * head->record.count;
    root->bytes += one * head->record.size;
    root_mix(root, head->hash, sign);
}

static uint64_t *root_fields(egi_store_root *r, uint64_t *field[9])
{
    uint64_t *const all[9] = { &r->generation, &r->records, &r->metas, &r->items, &r->bytes,
                               &r->top,        &r->last,    &r->sum0,  &r->sum1 };
    memcpy(field, all, sizeof all);
    return &r->check;
}

void egi_root_encode(const egi_store_root *root, uint8_t out[EGI_ROOT_BYTES])
{
    egi_store_root copy = *root;
    uint64_t *field[9];
    root_fields(&copy, field);
    for (size_t i = 0; i < 9; i++) egi_store_le64(out + 8 * i, *field[i]);
    egi_store_le64(out + 72, egi_hash(out, 72));
}

static eg_status root_write(egi_store *s)
{
    uint8_t bytes[EGI_ROOT_BYTES];
    sqlite3_stmt *stmt;
    egi_root_encode(&s->root, bytes);
    s->root.check = egi_load_le64(bytes + 72);
    EGI_TRY(egi_sql_ready(s, EGI_SQL_SET_ROOT, &stmt));
    const int rc = sqlite3_bind_blob(stmt, 1, bytes, EGI_ROOT_BYTES, SQLITE_STATIC);
    const eg_status status = rc == SQLITE_OK ? egi_sql_step(s, stmt, "write the root")
                                             : egi_sql_fail(s, rc, "write the root");
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return status < 0 ? status : EG_OK;
}

eg_status egi_root_create(egi_store *s)
{
    memset(&s->root, 0, sizeof s->root);
    EGI_TRY(root_write(s));
    s->known = s->root;
    s->is_known = 1;
    return EG_OK;
}

eg_status egi_root_read(egi_store *s)
{
    sqlite3_stmt *row;
    uint64_t *field[9];
    EGI_TRY(egi_sql_ready(s, EGI_SQL_ROOT, &row));
    eg_status status = egi_sql_step(s, row, "read the root");
    if (status < 0) return status;
    const uint8_t *bytes = status == EG_OK && sqlite3_column_type(row, 1) == SQLITE_BLOB
                               ? sqlite3_column_blob(row, 1)
                               : NULL;
    if (bytes == NULL || sqlite3_column_int64(row, 0) != 1
        || sqlite3_column_bytes(row, 1) != EGI_ROOT_BYTES
        || egi_hash(bytes, 72) != egi_load_le64(bytes + 72))
        return egi_fail(EG_ERR_CORRUPT, "%s: the root does not match its checksum", s->path);
    uint64_t *check = root_fields(&s->root, field);
    for (size_t i = 0; i < 9; i++) *field[i] = egi_load_le64(bytes + 8 * i);
    *check = egi_load_le64(bytes + 72);
    status = egi_sql_step(s, row, "read the root");
    sqlite3_reset(row);
    if (status == EG_OK) return egi_fail(EG_ERR_CORRUPT, "%s: two roots", s->path);
    return status < 0 ? status : EG_OK;
}

eg_status egi_head_read(egi_store *s, sqlite3_stmt *row, egi_head *out)
{
    uint64_t value[8];
    for (int i = 0; i < 8; i++) {
        value[i] = (uint64_t)sqlite3_column_int64(row, i);
        if (sqlite3_column_type(row, i) != SQLITE_INTEGER)
            return egi_fail(EG_ERR_CORRUPT, "%s: record %lld: column %d is no integer", s->path,
                            (long long)value[0], i);
    }
    *out = (egi_head){ { value[0], value[1], value[2], value[3], value[4], value[5] },
                       value[6],
                       value[7] };
    if (egi_head_hash(&out->record, out->digest) != out->hash)
        return egi_fail(EG_ERR_CORRUPT, "%s: record %lld does not match its checksum", s->path,
                        (long long)value[0]);
    return EG_OK;
}

eg_status egi_head_bytes(egi_store *s, sqlite3_stmt *row, const egi_head *head,
                         const uint8_t **bytes)
{
    static const uint8_t none[1];
    const int type = sqlite3_column_type(row, 8);
    const void *blob = sqlite3_column_blob(row, 8);
    const size_t size = (size_t)sqlite3_column_bytes(row, 8);
    if (blob == NULL) blob = none; /* no bytes: SQLite converts nothing here that needs memory */
    if (type != SQLITE_BLOB || size != head->record.size || egi_hash(blob, size) != head->digest)
        return egi_fail(EG_ERR_CORRUPT, "%s: record %llu: its bytes do not match their checksum",
                        s->path, (unsigned long long)head->record.id);
    *bytes = blob;
    return EG_OK;
}

eg_status egi_meta_read(egi_store *s, sqlite3_stmt *row, const char **key, const uint8_t **value,
                        size_t *size)
{
    static const uint8_t none[1];
    const int types_fit = sqlite3_column_type(row, 0) == SQLITE_TEXT
                          && sqlite3_column_type(row, 1) == SQLITE_BLOB
                          && sqlite3_column_type(row, 2) == SQLITE_INTEGER;
    const char *text = (const char *)sqlite3_column_text(row, 0);
    const size_t length = (size_t)sqlite3_column_bytes(row, 0);
    const void *blob = sqlite3_column_blob(row, 1);
    const size_t n = (size_t)sqlite3_column_bytes(row, 1);
    if (types_fit && text == NULL) return egi_sql_fail(s, SQLITE_NOMEM, "read a note");
    if (blob == NULL) blob = none;
    if (!types_fit || strlen(text) != length || n > EGI_META_MAX
        || egi_meta_hash(text, blob, n) != (uint64_t)sqlite3_column_int64(row, 2))
        return egi_fail(EG_ERR_CORRUPT, "%s: a meta row does not match its checksum", s->path);
    *key = text;
    *value = blob;
    *size = n;
    return EG_OK;
}

struct census {
    egi_store *s;
    egi_store_root found;
};

static eg_status census_meta(void *user, const char *key, const uint8_t *value, size_t size)
{
    struct census *c = user;
    c->found.metas++;
    root_mix(&c->found, egi_meta_hash(key, value, size), 1);
    return EG_OK;
}

static eg_status census_record(struct census *c, const egi_head *head)
{
    if (head->record.id <= c->found.last || head->record.id > INT64_MAX)
        return egi_fail(EG_ERR_CORRUPT, "%s: record %llu follows %llu", c->s->path,
                        (unsigned long long)head->record.id, (unsigned long long)c->found.last);
    c->found.last = head->record.id;
    if (head->record.hi > c->found.top) c->found.top = head->record.hi;
    if (head->record.size > EGI_RECORD_MAX)
        return egi_fail(EG_ERR_CORRUPT, "%s: record %llu declares %llu bytes", c->s->path,
                        (unsigned long long)head->record.id, (unsigned long long)head->record.size);
    root_count(&c->found, head, 1);
    return EG_OK;
}

static eg_status each_head(egi_store *s, eg_status (*visit)(void *, const egi_head *), void *user)
{
    sqlite3_stmt *row;
    egi_head head;
    EGI_TRY(egi_sql_ready(s, EGI_SQL_HEADS, &row));
    eg_status status = egi_sql_step(s, row, "read the records");
    for (uint64_t n = 0; status == EG_OK; n++) {
        status = egi_head_read(s, row, &head);
        if (status == EG_OK) status = visit(user, &head);
        if (status == EG_OK && n % 1024 == 0)
            status = egi_report(s->options.progress, "open", n, 0);
        if (status == EG_OK) status = egi_sql_step(s, row, "read the records");
    }
    sqlite3_reset(row);
    return status < 0 ? status : EG_OK;
}

static eg_status census_visit(void *user, const egi_head *head)
{
    return census_record(user, head);
}

/* What a file declares is never more than it has, so that nothing small can cost much. */
static eg_status check_bytes(egi_store *s, uint64_t bytes)
{
    int64_t pages = 0;
    EGI_TRY(egi_sql_integer(s, "PRAGMA page_count", &pages));
    if (bytes > (uint64_t)pages * EGI_STORE_PAGE)
        return egi_fail(EG_ERR_CORRUPT, "%s: %llu bytes declared in %lld pages of %d", s->path,
                        (unsigned long long)bytes, (long long)pages, EGI_STORE_PAGE);
    if (bytes > egi_store_most(s))
        return egi_fail(EG_ERR_LIMIT, "%s: %llu bytes, more than the limit of %zu", s->path,
                        (unsigned long long)bytes, egi_store_most(s));
    return EG_OK;
}

eg_status egi_root_compare(egi_store *s)
{
    struct census c = { s, { 0 } };
    const egi_store_root *want = &s->root, *got = &c.found;
    EGI_TRY(egi_store_metas(s, census_meta, &c));
    EGI_TRY(each_head(s, census_visit, &c));
    if (got->records != want->records || got->metas != want->metas || got->items != want->items
        || got->bytes != want->bytes || got->top > want->top || got->last > want->last
        || got->sum0 != want->sum0 || got->sum1 != want->sum1)
        return egi_fail(
            EG_ERR_CORRUPT,
            "%s: the root hash does not match: %llu of %llu records, %llu of %llu items", s->path,
            (unsigned long long)got->records, (unsigned long long)want->records,
            (unsigned long long)got->items, (unsigned long long)want->items);
    EGI_TRY(check_bytes(s, got->bytes));
    s->known = s->root;
    s->is_known = 1;
    return EG_OK;
}

/* Who writes into a file that has lost its name writes where nobody will look: SQLite itself asks
 * only when it keeps a rollback journal. */
static eg_status check_name(egi_store *s)
{
    int moved = 0;
    const int rc = sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (rc != SQLITE_OK || !moved) return EG_OK; /* not every file system of SQLite can tell */
    return egi_fail(
        EG_ERR_IO,
        "%s: removed, renamed or replaced while it was open: close it, and open what is "
        "to be written",
        s->path);
}

eg_status egi_store_begin(egi_store *s, int write)
{
    EGI_TRY(egi_store_usable(s));
    if (write && s->options.read_only)
        return egi_fail(EG_ERR_INVALID, "%s: opened read-only", s->path);
    sqlite3_stmt *rollback; /* there before it is needed: then memory may be short */
    EGI_TRY(egi_sql_ready(s, EGI_SQL_ROLLBACK, &rollback));
    EGI_TRY(egi_sql_run(s, write ? EGI_SQL_BEGIN_WRITE : EGI_SQL_BEGIN, "begin"));
    s->changed = 0;
    eg_status status = write ? check_name(s) : EG_OK;
    if (status == EG_OK) status = egi_root_read(s);
    if (status == EG_OK && !(s->is_known && s->known.check == s->root.check))
        status = egi_root_compare(s);
    if (status != EG_OK) egi_store_abort(s);
    return status;
}

eg_status egi_store_commit(egi_store *s)
{
    eg_status status = EG_OK;
    if (s->changed) {
        s->root.generation++;
        status = root_write(s);
    }
    egi_sql_reset(s);
    if (status == EG_OK) status = egi_sql_run(s, EGI_SQL_COMMIT, "commit");
    if (status != EG_OK) {
        egi_store_abort(s);
        return status;
    }
    s->known = s->root;
    s->is_known = 1;
    s->changed = 0;
    return EG_OK;
}

/* The failure that led here is the one to report: this one's outcome is not. */
void egi_store_abort(egi_store *s)
{
    egi_sql_reset(s);
    if (!sqlite3_get_autocommit(s->db)) {
        sqlite3_stmt *rollback = s->stmt[EGI_SQL_ROLLBACK];
        if (sqlite3_step(rollback) != SQLITE_DONE)
            s->dead = 1; /* a transaction that cannot end holds the file's locks */
        sqlite3_reset(rollback);
    }
    s->changed = 0;
}

const egi_store_root *egi_store_root_view(const egi_store *s)
{
    return &s->root;
}

static eg_status find(egi_store *s, enum egi_sql which, uint64_t id, egi_head *head,
                      sqlite3_stmt **row)
{
    EGI_TRY(egi_sql_ready(s, which, row));
    sqlite3_bind_int64(*row, 1, (int64_t)id);
    const eg_status status = egi_sql_step(s, *row, "read a record");
    if (status == EG_END) return EG_NOT_FOUND;
    if (status != EG_OK) return status;
    return egi_head_read(s, *row, head);
}

eg_status egi_store_get(egi_store *s, uint64_t id, egi_record *head, const uint8_t **bytes)
{
    egi_head found;
    sqlite3_stmt *row;
    const uint8_t *data;
    const eg_status status = find(s, EGI_SQL_GET, id, &found, &row);
    if (status != EG_OK) return status;
    EGI_TRY(egi_head_bytes(s, row, &found, &data));
    if (head != NULL) *head = found.record;
    *bytes = data;
    return EG_OK;
}

static eg_status bind_record(sqlite3_stmt *stmt, const egi_head *head, const void *bytes)
{
    const egi_record *r = &head->record;
    const uint64_t value[8] = { r->id,    r->kind, r->lo,        r->hi,
                                r->count, r->size, head->digest, head->hash };
    for (int i = 0; i < 8; i++) sqlite3_bind_int64(stmt, i + 1, (int64_t)value[i]);
    return sqlite3_bind_blob64(stmt, 9, r->size > 0 ? bytes : "", r->size, SQLITE_STATIC);
}

void egi_store_raise_top(egi_store *s, uint64_t top)
{
    if (top <= s->root.top) return;
    s->root.top = top;
    s->changed = 1;
}

eg_status egi_store_put(egi_store *s, egi_record *record, const void *bytes)
{
    egi_head old, head = { *record, 0, 0 };
    sqlite3_stmt *stmt;
    if (head.record.size > EGI_RECORD_MAX)
        return egi_fail(EG_ERR_LIMIT, "%s: a record of %llu bytes, the limit is %zu", s->path,
                        (unsigned long long)head.record.size, EGI_RECORD_MAX);
    if (head.record.id == 0) head.record.id = s->root.last + 1;
    if (head.record.id > INT64_MAX) return egi_fail(EG_ERR_OVERFLOW, "%s: record ids", s->path);
    head.digest = egi_hash(bytes, head.record.size);
    head.hash = egi_head_hash(&head.record, head.digest);
    const eg_status there = find(s, EGI_SQL_HEAD, head.record.id, &old, &stmt);
    EGI_TRY(there);
    EGI_TRY(egi_sql_ready(s, EGI_SQL_PUT, &stmt));
    const int rc = bind_record(stmt, &head, bytes);
    const eg_status status = rc == SQLITE_OK ? egi_sql_step(s, stmt, "write a record")
                                             : egi_sql_fail(s, rc, "write a record");
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    EGI_TRY(status);
    if (there == EG_OK) root_count(&s->root, &old, -1);
    root_count(&s->root, &head, 1);
    egi_store_raise_top(s, head.record.hi);
    if (head.record.id > s->root.last) s->root.last = head.record.id;
    s->changed = 1;
    *record = head.record;
    return EG_OK;
}

eg_status egi_store_delete(egi_store *s, uint64_t id)
{
    egi_head old;
    sqlite3_stmt *stmt;
    const eg_status there = find(s, EGI_SQL_HEAD, id, &old, &stmt);
    if (there != EG_OK) return there;
    EGI_TRY(egi_sql_ready(s, EGI_SQL_DELETE, &stmt));
    sqlite3_bind_int64(stmt, 1, (int64_t)id);
    EGI_TRY(egi_sql_step(s, stmt, "delete a record"));
    sqlite3_reset(stmt);
    root_count(&s->root, &old, -1);
    s->changed = 1;
    return EG_OK;
}

struct heads {
    egi_store_visit *visit;
    void *user;
};

static eg_status visit_record(void *user, const egi_head *head)
{
    const struct heads *h = user;
    return h->visit(h->user, &head->record);
}

eg_status egi_store_heads(egi_store *s, egi_store_visit *visit, void *user)
{
    struct heads h = { visit, user };
    return each_head(s, visit_record, &h);
}

static eg_status find_meta(egi_store *s, const char *key, const uint8_t **value, size_t *size)
{
    sqlite3_stmt *row;
    const char *found = NULL;
    EGI_TRY(egi_sql_ready(s, EGI_SQL_META, &row));
    const int rc = sqlite3_bind_text(row, 1, key, -1, SQLITE_TRANSIENT);
    if (rc != SQLITE_OK) return egi_sql_fail(s, rc, "read a note");
    const eg_status status = egi_sql_step(s, row, "read a note");
    if (status == EG_END) return EG_NOT_FOUND;
    EGI_TRY(status);
    return egi_meta_read(s, row, &found, value, size);
}

eg_status egi_store_meta(egi_store *s, const char *key, const uint8_t **value, size_t *size)
{
    const uint8_t *v;
    size_t n;
    const eg_status status = find_meta(s, key, &v, &n);
    if (status != EG_OK) return status;
    *value = v;
    *size = n;
    return EG_OK;
}

static eg_status write_meta(egi_store *s, const char *key, const void *value, size_t size)
{
    sqlite3_stmt *stmt;
    EGI_TRY(egi_sql_ready(s, value != NULL ? EGI_SQL_SET_META : EGI_SQL_DELETE_META, &stmt));
    int rc = sqlite3_bind_text(stmt, 1, key, -1, SQLITE_STATIC);
    if (rc == SQLITE_OK && value != NULL)
        rc = sqlite3_bind_blob64(stmt, 2, size > 0 ? value : "", size, SQLITE_STATIC);
    if (rc == SQLITE_OK && value != NULL)
        rc = sqlite3_bind_int64(stmt, 3, (int64_t)egi_meta_hash(key, value, size));
    const eg_status status = rc == SQLITE_OK ? egi_sql_step(s, stmt, "write a note")
                                             : egi_sql_fail(s, rc, "write a note");
    sqlite3_reset(stmt);
    sqlite3_clear_bindings(stmt);
    return status < 0 ? status : EG_OK;
}

eg_status egi_store_set_meta(egi_store *s, const char *key, const void *value, size_t size)
{
    const uint8_t *old;
    size_t old_size;
    if (size > EGI_META_MAX || strlen(key) > EGI_META_KEY_MAX)
        return egi_fail(EG_ERR_LIMIT, "%s: a note of %zu bytes under a key of %zu", s->path, size,
                        strlen(key));
    const eg_status there = find_meta(s, key, &old, &old_size);
    EGI_TRY(there);
    if (there == EG_NOT_FOUND && value == NULL) return EG_OK;
    const uint64_t old_hash = there == EG_OK ? egi_meta_hash(key, old, old_size) : 0;
    EGI_TRY(write_meta(s, key, value, size));
    if (there == EG_OK) root_mix(&s->root, old_hash, -1);
    if (value != NULL) root_mix(&s->root, egi_meta_hash(key, value, size), 1);
    s->root.metas += (uint64_t)(value != NULL) - (uint64_t)(there == EG_OK);
    s->changed = 1;
    return EG_OK;
}

eg_status egi_store_metas(egi_store *s, egi_store_meta_visit *visit, void *user)
{
    sqlite3_stmt *row;
    const char *key;
    const uint8_t *value;
    size_t size;
    EGI_TRY(egi_sql_ready(s, EGI_SQL_METAS, &row));
    eg_status status = egi_sql_step(s, row, "read the notes");
    while (status == EG_OK) {
        status = egi_meta_read(s, row, &key, &value, &size);
        if (status == EG_OK) status = visit(user, key, value, size);
        if (status == EG_OK) status = egi_sql_step(s, row, "read the notes");
    }
    sqlite3_reset(row);
    return status < 0 ? status : EG_OK;
}
