/* The store where the system does not do what it is asked: reads that fail, a folder that cannot be
 * written, no links, no room; and its own limits. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <time.h>

#include "store_check.h"

static struct {
    int no_links, no_text, no_writes, no_syncs; /* of the file, of folders */
    enum { NOTHING, THE_FILE, ALL } no_writing;
    long reads; /* so many go well; -1: all */
} off = { .reads = -1 };

static char asked[64]; /* of fsync and link, as letters */

/* In the place of the C library's. */
int link(const char *from, const char *to)
{
    struct stat st;
    if (strlen(asked) + 1 < sizeof asked) strcat(asked, "l");
    if (off.no_links) return errno = EPERM, -1;
    if (lstat(to, &st) == 0) return errno = EEXIST, -1;
    return rename(from, to); /* as good, here */
}

int access(const char *name, int how)
{
    const int meant = off.no_writing == ALL || (off.no_writing && strstr(name, "/file") != NULL);
    if (meant && (how & W_OK) != 0) return errno = EACCES, -1;
    return faccessat(AT_FDCWD, name, how, 0);
}

/* A text that lacks the memory for its end. */
const unsigned char *sqlite3_column_text(sqlite3_stmt *s, int i)
{
    const __typeof__(&sqlite3_column_text) real =
        (__typeof__(&sqlite3_column_text))dlsym(RTLD_NEXT, "sqlite3_column_text");
    if (off.no_text != 1) return real(s, i);
    off.no_text = 2; /* this one alone */
    return NULL;
}

int sqlite3_errcode(sqlite3 *db)
{
    (void)db;
    return off.no_text == 2 ? SQLITE_NOMEM : SQLITE_ERROR;
}

static ssize_t read_at(int fd, void *to, size_t n, off_t at)
{
    if (off.reads == 0) return errno = ESTALE, -1;
    if (off.reads > 0) off.reads--;
    return pread(fd, to, n, at);
}

int fsync(int fd)
{
    struct stat st;
    if (fstat(fd, &st) == 0 && strlen(asked) + 1 < sizeof asked)
        strcat(asked, S_ISDIR(st.st_mode) ? "d" : "f");
    if (off.no_syncs && S_ISDIR(st.st_mode)) return errno = EIO, -1;
    return 0;
}

/* Into the file; its log is well. */
static ssize_t write_at(int fd, const void *from, size_t n, off_t at)
{
    struct stat st, file;
    const int own = fstat(fd, &st) == 0 && stat(path, &file) == 0 && st.st_ino == file.st_ino;
    return off.no_writes && own ? (errno = EIO, -1) : pwrite(fd, from, n, at);
}

static int set_up_calls(void **state)
{
    sqlite3_vfs *vfs = sqlite3_vfs_find("unix");
    (void)vfs->xSetSystemCall(vfs, "pread", (sqlite3_syscall_ptr)read_at);
    (void)vfs->xSetSystemCall(vfs, "pread64", (sqlite3_syscall_ptr)read_at);
    (void)vfs->xSetSystemCall(vfs, "pwrite", (sqlite3_syscall_ptr)write_at);
    (void)vfs->xSetSystemCall(vfs, "pwrite64", (sqlite3_syscall_ptr)write_at);
    return set_up(state);
}

static void limits_of_calls_hold(void **state)
{
    static const char long_key[EGI_META_KEY_MAX + 2] = { [0 ... EGI_META_KEY_MAX] = 'k' };
    egi_store_options o = settings();
    egi_record head = { (uint64_t)1 << 63, 1, 0, 0, 1, 1 };
    char long_path[EGI_STORE_PATH], local[EGI_STORE_PATH];
    uint64_t kept = 0, lost = 0;
    int64_t value;
    egi_store *s = NULL;
    (void)state;
    fill(1, 10);
    CHECK_OK(egi_store_open(path, &o, &s));
    CHECK_OK(egi_store_begin(s, 1));
    CHECK_STATUS(egi_store_put(s, &head, "a"), EG_ERR_OVERFLOW);
    CHECK_STATUS(egi_store_set_meta(s, "a", "", EGI_META_MAX + 1), EG_ERR_LIMIT);
    CHECK_STATUS(egi_store_set_meta(s, long_key, "", 0), EG_ERR_LIMIT);
    CHECK_OK(egi_store_set_meta(s, long_key + 1, "", 0));
    egi_store_abort(s);
    CHECK_STATUS(egi_sql_integer(s, "SELECT 1 WHERE 0", &value), EG_ERR_CORRUPT);
    CHECK_STATUS(egi_sql_exec(s, "nonsense"), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "near \"nonsense\": syntax error") != NULL);
    egi_store_close(s);
    s = NULL;
    CHECK_STATUS(egi_store_open("", &o, &s), EG_ERR_INVALID);
    CHECK_STATUS(egi_store_salvage("", &o, NULL, NULL, NULL, &kept, &lost), EG_ERR_INVALID);
    CHECK_STATUS(egi_store_connect("/no such file", &o, &s), EG_ERR_IO);
    memset(long_path, 'a', sizeof long_path);
    long_path[477] = '\0'; /* "./" comes before it */
    CHECK_OK(egi_path_local(long_path, local));
    long_path[477] = 'a';
    long_path[478] = '\0';
    CHECK_STATUS(egi_path_local(long_path, local), EG_ERR_INVALID);
    egi_path_folder("/a", local);
    assert_string_equal(local, "/");
    egi_path_folder("./a/b", local);
    assert_string_equal(local, "./a");
    snprintf(long_path, sizeof long_path, "%s/", folder);
    for (size_t n = strlen(long_path); n + 2 < sizeof long_path; n += 2) {
        memcpy(long_path + n, "a", 2);
        if (n >= 474) { /* the first of these leave no room for ".part" alone */
            CHECK_STATUS(egi_store_build(long_path, &o, nothing, NULL), EG_ERR_INVALID);
            CHECK(strstr(eg_error_detail(), "the path has more than 479 bytes") != NULL);
        }
        memcpy(long_path + n, "./", 2);
    }
    CHECK(s == NULL);
}

/* Reads fail, one after the other and from there on: verify says EG_ERR_IO, never "damaged". */
static void reads_that_fail_are_no_damage(void **state)
{
    const egi_store_options o = settings();
    long n = 0;
    (void)state;
    fill(40, 4000);
    for (eg_status status = EG_ERR_IO; status != EG_OK; n++) {
        egi_store *s = NULL;
        CHECK_OK(egi_store_open(path, &o, &s));
        off.reads = n;
        status = egi_store_verify(s, NULL, NULL, NULL, NULL);
        off.reads = -1;
        if (status != EG_OK && status != EG_ERR_IO)
            fail_msg("read %ld: %s: %s", n, eg_status_name(status), eg_error_detail());
        egi_store_close(s);
    }
    CHECK(n > 40);
}

static int stop(void *user, const char *stage, uint64_t done, uint64_t total)
{
    if (strcmp(stage, "backup") != 0) return 0;
    CHECK(done <= total);
    return ++*(int *)user > 1;
}

/* More than the pages of one step, and stopped between two. */
static void a_backup_can_be_stopped(void **state)
{
    egi_store_options o = settings();
    egi_store *s = NULL;
    char copy[320];
    int calls = 0;
    const eg_progress p = { stop, &calls };
    (void)state;
    snprintf(copy, sizeof copy, "%s.copy", path);
    fill(2500, 4000);
    CHECK_OK(egi_store_open(path, &o, &s));
    CHECK_OK(egi_store_backup(s, copy));
    egi_store_close(s);
    egi_path_discard(copy);
    o.progress = &p;
    CHECK_OK(egi_store_open(path, &o, &s));
    calls = 0;
    CHECK_STATUS(egi_store_backup(s, copy), EG_ERR_INTERRUPTED);
    CHECK(calls == 2 && access(copy, F_OK) != 0);
    egi_store_close(s);
}

/* A system without hard links takes a rename, and neither takes the place of a file. */
static void names_are_given_without_links(void **state)
{
    const egi_store_options o = settings();
    char part[320];
    (void)state;
    for (off.no_links = 0; off.no_links < 2; off.no_links++) {
        fill(1, 10);
        snprintf(part, sizeof part, "%s.part", path);
        egi_path_discard(part);
        CHECK_OK(egi_store_build(part, &o, nothing, NULL));
        CHECK_STATUS(egi_path_publish(part, path), EG_ERR_IO);
        CHECK(strstr(eg_error_detail(), "create") != NULL && access(part, F_OK) == 0);
        egi_path_discard(path);
        off.no_syncs = 1;
        CHECK_STATUS(egi_store_build(path, &o, nothing, NULL), EG_ERR_IO);
        CHECK(strstr(eg_error_detail(), "sync") != NULL && access(path, F_OK) != 0);
        off.no_syncs = 0;
        asked[0] = '\0';
        CHECK_OK(egi_path_publish(part, path));
        assert_string_equal(asked, "fld"); /* what has a name is on the disk, then its folder */
        CHECK_OK(opened());
    }
    off.no_links = 0;
}

/* A folder where nothing can be made: read all the same, and whatever the file is called. */
static void a_folder_may_be_read_only(void **state)
{
    egi_store_options o = settings();
    egi_store *s = NULL;
    const uint8_t *bytes;
    char odd[320], log[340];
    (void)state;
    fill(3, 10);
    snprintf(odd, sizeof odd, "%s?immutable=0#%%41", path);
    snprintf(log, sizeof log, "%s-wal", odd);
    CHECK(rename(path, odd) == 0);
    o.read_only = 1;
    off.no_writing = ALL;
    CHECK_OK(egi_store_open(odd, &o, &s));
    CHECK_OK(egi_store_begin(s, 0));
    CHECK_OK(egi_store_get(s, 2, NULL, &bytes));
    egi_store_abort(s);
    egi_store_close(s);
    FILE *f = fopen(log, "wb"); /* a log: then its index is needed */
    CHECK(f != NULL && fclose(f) == 0);
    s = NULL;
    const eg_status status = egi_store_open(odd, &o, &s);
    CHECK(status == EG_OK || status == EG_ERR_IO);
    egi_store_close(s);
    off.no_writing = NOTHING;
    egi_path_discard(odd);
}

static void take_away(uint64_t id)
{
    const egi_store_options o = settings();
    egi_store *s = NULL;
    CHECK_OK(egi_store_open(path, &o, &s));
    CHECK_OK(egi_store_begin(s, 1));
    CHECK_OK(egi_store_delete(s, id));
    CHECK_OK(egi_store_commit(s));
    egi_store_close(s);
}

/* Where nothing can be made beside a file, or nothing that its owner could write, it is read
 * without locks. Who writes meanwhile is not kept waiting; the reader sees the file as it was when
 * it was opened, or is told. */
static void who_reads_without_locks_sees_one_moment(void **state)
{
    enum { RECORDS = 700 }; /* more pages than SQLite keeps */
    egi_store_options o = settings();
    char name[320];
    (void)state;
    o.read_only = 1;
    for (off.no_writing = THE_FILE; off.no_writing <= ALL; off.no_writing++) {
        egi_store *s = NULL;
        const uint8_t *bytes;
        eg_status status = EG_OK;
        uint64_t id = 0;
        fill(RECORDS, 4000);
        CHECK_OK(egi_store_open(path, &o, &s));
        CHECK_OK(egi_store_verify(s, NULL, NULL, NULL, NULL));
        for (size_t i = 0; i < 2; i++) {
            snprintf(name, sizeof name, "%s%s", path, i == 0 ? "-wal" : "-shm");
            CHECK(access(name, F_OK) != 0); /* it would be the reader's */
        }
        CHECK_OK(egi_store_begin(s, 0));
        take_away(RECORDS);
        while (status == EG_OK) status = egi_store_get(s, ++id, NULL, &bytes);
        CHECK_STATUS(status, EG_ERR_IO);
        CHECK(strstr(eg_error_detail(), "written while it was read, try again") != NULL);
        egi_store_abort(s);
        CHECK_STATUS(egi_store_verify(s, NULL, NULL, NULL, NULL), EG_ERR_IO);
        egi_store_close(s);
        s = NULL;
        CHECK_OK(egi_store_open(path, &o, &s)); /* tried again */
        CHECK_STATUS(egi_store_get(s, RECORDS, NULL, &bytes), EG_NOT_FOUND);
        egi_store_close(s);
    }
    off.no_writing = NOTHING;
}

static eg_status put_records(egi_store *s, size_t n)
{
    static const uint8_t bytes[4000];
    CHECK_OK(egi_store_begin(s, 1));
    for (size_t i = 0; i < n; i++) {
        egi_record head = { 0, 1, 0, 0, 1, sizeof bytes };
        CHECK_OK(egi_store_put(s, &head, bytes));
    }
    return egi_store_commit(s);
}

/* The log is folded in behind a long transaction, and by verify: where the file cannot be synced
 * the handle ends, and what was committed is in the log. */
static void folding_in_that_fails_is_told(void **state)
{
    enum { RECORDS = 1000 };
    const egi_store_options o = settings();
    const uint8_t *bytes;
    (void)state;
    for (int by_verify = 0; by_verify < 2; by_verify++) {
        egi_store *s = NULL;
        fill(1, 10);
        CHECK_OK(egi_store_open(path, &o, &s));
        if (by_verify) CHECK_OK(put_records(s, 1));
        off.no_writes = 1;
        CHECK_STATUS(by_verify ? egi_store_verify(s, NULL, NULL, NULL, NULL)
                               : put_records(s, RECORDS),
                     EG_ERR_IO);
        CHECK(strstr(eg_error_detail(), "write failed") != NULL);
        off.no_writes = 0;
        CHECK_STATUS(egi_store_begin(s, 0), EG_ERR_IO);
        egi_store_close(s);
        s = NULL;
        CHECK_OK(egi_store_open(path, &o, &s));
        CHECK_OK(egi_store_verify(s, NULL, NULL, NULL, NULL));
        CHECK_OK(egi_store_get(s, by_verify ? 2 : RECORDS + 1, NULL, &bytes));
        egi_store_close(s);
    }
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A second writer waits for the first, and no longer than it was told to. */
static void a_writer_waits_for_another(void **state)
{
    const egi_store_options o = settings();
    egi_store *first = NULL, *second = NULL;
    (void)state;
    fill(1, 10);
    CHECK_OK(egi_store_open(path, &o, &first));
    CHECK_OK(egi_store_open(path, &o, &second));
    CHECK_OK(egi_store_begin(first, 1));
    const double start = seconds();
    CHECK_STATUS(egi_store_begin(second, 1), EG_ERR_IO);
    CHECK(seconds() - start > .8 * o.wait_ms / 1000);
    CHECK(strstr(eg_error_detail(), "another writer, or a reader, holds it") != NULL);
    CHECK_OK(egi_store_commit(first));
    CHECK_OK(egi_store_begin(second, 1));
    egi_store_abort(second);
    egi_store_close(second);
    egi_store_close(first);
}

/* A transaction that could not begin is none: the next attempt says the same. */
static void a_failed_beginning_leaves_nothing_open(void **state)
{
    const egi_store_options o = settings();
    egi_store *s = NULL, *other = NULL;
    (void)state;
    fill(1, 10);
    CHECK_OK(egi_store_open(path, &o, &s));
    CHECK_OK(egi_store_connect(path, &o, &other));
    CHECK_OK(egi_sql_exec(other, "UPDATE root SET bytes=substr(bytes,1,79)"));
    for (int i = 0; i < 2; i++) {
        CHECK_STATUS(egi_store_begin(s, 1), EG_ERR_CORRUPT);
        CHECK(strstr(eg_error_detail(), "the root does not match") != NULL);
    }
    CHECK_OK(egi_sql_exec(other, "DELETE FROM root")); /* nobody holds a lock */
    egi_store_close(other);
    egi_store_close(s);
}

/* What could not be compared is neither ours nor damaged. */
static void a_text_without_memory_is_no_damage(void **state)
{
    (void)state;
    fill(1, 10);
    off.no_text = 1;
    const eg_status status = opened();
    off.no_text = 0;
    CHECK(status == EG_ERR_NOMEM);
    CHECK_OK(opened());
}

/* Opening, building and closing leave no descriptor behind. */
static void descriptors_are_closed(void **state)
{
    int before = -1;
    (void)state;
    for (int i = 0; i < 3; i++) {
        fill(1, 10);
        CHECK_OK(opened());
        const int fd = open("/dev/null", O_RDONLY);
        CHECK(fd >= 0 && close(fd) == 0);
        CHECK(before < 0 || fd == before);
        before = fd;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_writer_waits_for_another),
        cmocka_unit_test(a_failed_beginning_leaves_nothing_open),
        cmocka_unit_test(a_text_without_memory_is_no_damage),
        cmocka_unit_test(descriptors_are_closed),
        cmocka_unit_test(limits_of_calls_hold),
        cmocka_unit_test(reads_that_fail_are_no_damage),
        cmocka_unit_test(a_backup_can_be_stopped),
        cmocka_unit_test(names_are_given_without_links),
        cmocka_unit_test(a_folder_may_be_read_only),
        cmocka_unit_test(who_reads_without_locks_sees_one_moment),
        cmocka_unit_test(folding_in_that_fails_is_told),
    };
    return cmocka_run_group_tests(tests, set_up_calls, tear_down);
}
