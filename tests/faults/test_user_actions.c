/* What a user can do to a memory file with the tools at hand: copy, remove, rename, edit, exchange
 * its parts while it is open or not. What comes of each is a state that was committed, or an error;
 * never a mixture, and never a write that is acknowledged and gone. docs/file-format.md has the
 * table. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/wait.h>

#include "forged_record.h"

enum { HALF = 20 };

static int set_up(void **state)
{
    (void)state;
    return make_folder();
}

static const char *beside(const char *path, const char *tail)
{
    static char name[2][400];
    static int at;
    at = !at;
    snprintf(name[at], sizeof name[at], "%s%s", path, tail);
    return name[at];
}

/* As cp does it. */
static void copy(const char *from, const char *to)
{
    struct bytes b = read_all(from);
    FILE *out = fopen(to, "wb");
    CHECK(out != NULL && fwrite(b.p, 1, b.n, out) == b.n && fclose(out) == 0);
    free(b.p);
}

static eg_memory_file *opened(const char *path)
{
    eg_memory_file *f = NULL;
    CHECK_OK(eg_memory_file_open(path, &quick, &f));
    return f;
}

/* Patterns that the file has, if it is whole: those from the first on, in order; -1: an error that
 * names damage. */
static int whole_patterns(const char *path)
{
    eg_memory_file *f = NULL;
    eg_memory *m = NULL;
    eg_status s = eg_memory_file_open(path, &reading, &f);
    if (s == EG_OK) s = eg_memory_file_load(f, &m);
    int n = -1;
    if (s == EG_OK) {
        n = (int)eg_memory_count(m);
        CHECK(is_whole(m, (size_t)n));
        const eg_status v = eg_memory_file_verify(f, NULL, NULL);
        CHECK(v == EG_OK || v == EG_ERR_CORRUPT);
    } else if (s != EG_ERR_CORRUPT) {
        fail_msg("%s: %s", eg_status_name(s), eg_error_detail());
    }
    eg_memory_destroy(m);
    eg_memory_file_close(f);
    return n;
}

/* A file of HALF patterns folded in, and as many again in its log, open. */
static eg_memory_file *live(const char *path)
{
    write_file(path, HALF);
    eg_memory_file *f = opened(path);
    CHECK_OK(eg_memory_file_append(f, x + HALF * D, HALF, NULL, NULL));
    CHECK(access(beside(path, "-wal"), F_OK) == 0);
    return f;
}

/* Without its log a copy is what was folded in; with it all of it; backup needs neither. */
static void copies_of_a_live_file(void **state)
{
    const char *path = path_of("live.egm"), *to = path_of("copy.egm");
    (void)state;
    eg_memory_file *f = live(path);
    copy(path, to);
    CHECK(whole_patterns(to) == HALF);
    discard(to);
    copy(path, to);
    copy(beside(path, "-wal"), beside(to, "-wal"));
    CHECK(whole_patterns(to) == 2 * HALF);
    discard(to);
    CHECK_OK(eg_memory_file_backup(f, to));
    CHECK(whole_patterns(to) == 2 * HALF);
    eg_memory_file_close(f);
    CHECK(access(beside(path, "-wal"), F_OK) != 0);
    CHECK(whole_patterns(path) == 2 * HALF);
}

/* The log that a killed writer left, removed by hand: what was folded in is whole. */
static void the_log_of_a_killed_writer(void **state)
{
    const char *path = path_of("killed.egm");
    int how;
    (void)state;
    for (int removed = 0; removed < 2; removed++) {
        discard(path);
        const pid_t child = fork();
        if (child == 0) {
            (void)live(path);
            _exit(0); /* nothing is closed */
        }
        CHECK(child > 0 && waitpid(child, &how, 0) == child && WIFEXITED(how));
        CHECK(access(beside(path, "-wal"), F_OK) == 0);
        if (removed) CHECK(unlink(beside(path, "-wal")) == 0);
        CHECK(whole_patterns(path) == (removed ? HALF : 2 * HALF));
    }
}

/* The log of another state, or of another file, as a folder that is synchronised file by file has
 * it: one of the states, or an error. */
static void logs_of_others(void **state)
{
    const char *path = path_of("here.egm"), *to = path_of("there.egm"), *old = path_of("old.wal");
    eg_memory_file *other = NULL;
    (void)state;
    eg_memory_file *f = live(path);
    copy(beside(path, "-wal"), old);
    eg_memory_file_close(f); /* folded in */
    f = opened(path);
    CHECK_OK(eg_memory_file_append(f, x, HALF, NULL, NULL));
    copy(path, to);
    copy(old, beside(to, "-wal"));
    int n = whole_patterns(to);
    CHECK(n == -1 || n == HALF || n == 2 * HALF || n == 3 * HALF);
    eg_memory_file_close(f);
    const char *stranger = path_of("stranger.egm");
    discard(stranger);
    CHECK_OK(eg_memory_file_create(stranger, 7, NULL, &quick, &other));
    CHECK_OK(eg_memory_file_append(other, x, 9, NULL, NULL));
    discard(to);
    copy(path, to);
    copy(beside(stranger, "-wal"), beside(to, "-wal"));
    eg_memory_file_close(other);
    eg_memory_file *got = NULL;
    const eg_status s = eg_memory_file_open(to, &reading, &got);
    if (s == EG_OK) { /* all of the other file, or nothing of it */
        eg_file_info info;
        CHECK_OK(eg_memory_file_info(got, &info));
        CHECK((info.size == 7 && info.count == 9) || (info.size == D && info.count == 3 * HALF));
        CHECK_OK(eg_memory_file_verify(got, NULL, NULL));
    } else {
        CHECK_STATUS(s, EG_ERR_CORRUPT);
    }
    eg_memory_file_close(got);
}

static void rename_it(const char *path)
{
    CHECK(rename(path, path_of("elsewhere.egm")) == 0);
}

static void remove_it(const char *path)
{
    CHECK(unlink(path) == 0);
}

static void replace_it(const char *path)
{
    const char *other = path_of("other.egm");
    write_file(other, 10);
    CHECK(rename(other, path) == 0);
}

/* A writer whose file has lost its name is told so before it writes; reading goes on. */
static void names_that_are_taken_away(void **state)
{
    static void (*const take[])(const char *path) = { rename_it, remove_it, replace_it };
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(take); i++) {
        const char *path = path_of("named.egm");
        eg_memory *m = NULL;
        write_file(path, HALF);
        eg_memory_file *f = opened(path);
        take[i](path);
        CHECK_STATUS(eg_memory_file_append(f, x, 1, NULL, NULL), EG_ERR_IO);
        CHECK(strstr(eg_error_detail(), "removed, renamed or replaced while it was open") != NULL);
        CHECK_STATUS(eg_memory_file_set_note(f, "a", "b"), EG_ERR_IO);
        CHECK_OK(eg_memory_file_load(f, &m));
        CHECK(is_whole(m, HALF));
        eg_memory_destroy(m);
        eg_memory_file_close(f);
        if (take[i] == replace_it) CHECK(whole_patterns(path) == 10);
        discard(path);
        discard(path_of("elsewhere.egm"));
    }
}

/* One file under two names has a log for each: what both write is noticed, or was one after the
 * other. Through a symbolic link it is one file. */
static void two_names(void **state)
{
    const char *path = path_of("name.egm");
    char hard[320], soft[320];
    (void)state;
    snprintf(hard, sizeof hard, "%s", path_of("hard.egm"));
    snprintf(soft, sizeof soft, "%s", path_of("soft.egm"));
    write_file(path, HALF);
    CHECK(symlink("name.egm", soft) == 0);
    eg_memory_file *a = opened(path), *b = opened(soft);
    CHECK_OK(eg_memory_file_append(a, x + HALF * D, 10, NULL, NULL));
    CHECK_OK(eg_memory_file_append(b, x + 30 * D, 10, NULL, NULL));
    eg_memory_file_close(a);
    eg_memory_file_close(b);
    CHECK(whole_patterns(path) == 2 * HALF);
    write_file(path, HALF);
    CHECK(link(path, hard) == 0);
    a = opened(path);
    b = opened(hard);
    CHECK_OK(eg_memory_file_append(a, x + HALF * D, 10, NULL, NULL));
    const eg_status s = eg_memory_file_append(b, x + HALF * D, 10, NULL, NULL);
    CHECK(s == EG_OK || s == EG_ERR_IO || s == EG_ERR_CORRUPT);
    eg_memory_file_close(a);
    eg_memory_file_close(b);
    const int n = whole_patterns(path);
    CHECK(n == -1 || n == 30);
    discard(hard);
}

/* An older copy is a valid file: its root is another, and its generation lower. */
static void older_copies(void **state)
{
    const char *path = path_of("young.egm"), *old = path_of("old.egm");
    eg_file_info before, after;
    (void)state;
    write_file(path, HALF);
    copy(path, old);
    eg_memory_file *f = opened(path);
    CHECK_OK(eg_memory_file_append(f, x + HALF * D, HALF, NULL, NULL));
    CHECK_OK(eg_memory_file_info(f, &after));
    eg_memory_file_close(f);
    copy(old, path);
    f = opened(path);
    CHECK_OK(eg_memory_file_info(f, &before));
    CHECK(strcmp(before.root_hash, after.root_hash) != 0 && before.count == HALF);
    eg_memory_file_close(f);
    /* put over a file that is open, with its log: one of the two, or noticed */
    f = live(path);
    copy(old, path);
    eg_memory_file_close(f);
    const int n = whole_patterns(path);
    CHECK(n == -1 || n == HALF || n == 2 * HALF);
}

/* With sqlite3: a change is refused, and what changes nothing that is stored is no harm. */
static void edited_by_sqlite(void **state)
{
    static const struct {
        const char *sql;
        int want;
        eg_status verify;
    } edits[] = {
        { "UPDATE record SET lo=lo+1 WHERE id=1", -1, EG_OK },
        { "UPDATE record SET bytes=zeroblob(length(bytes)) WHERE id=1", -1, EG_OK },
        { "DELETE FROM record WHERE id=2", -1, EG_OK },
        { "UPDATE meta SET value='new' WHERE key='note/title'", -1, EG_OK },
        { "CREATE INDEX more ON record(lo)", -1, EG_OK },
        { "PRAGMA user_version=2", -2, EG_OK },
        { "PRAGMA journal_mode=DELETE", HALF, EG_ERR_CORRUPT },
        { "VACUUM", HALF, EG_ERR_CORRUPT }, /* pages without their checksums */
    };
    const char *path = path_of("edited.egm");
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(edits); i++) {
        eg_memory_file *f = NULL;
        write_file(path, HALF);
        break_file(path, edits[i].sql);
        if (edits[i].want == -2) {
            CHECK_STATUS(eg_memory_file_open(path, &quick, &f), EG_ERR_VERSION);
            continue;
        }
        const int n = whole_patterns(path);
        if (n != edits[i].want) fail_msg("%s: %d", edits[i].sql, n);
        if (n < 0) continue;
        CHECK_OK(eg_memory_file_open(path, &reading, &f));
        CHECK_STATUS(eg_memory_file_verify(f, NULL, NULL), edits[i].verify);
        if (edits[i].verify != EG_OK) { /* repaired as any other */
            uint64_t kept, lost;
            discard(path_of("mended.egm"));
            CHECK_OK(eg_memory_file_repair(path, path_of("mended.egm"), NULL, &kept, &lost));
            CHECK(kept == HALF && lost == 0);
            CHECK(whole_patterns(path_of("mended.egm")) == HALF);
        }
        eg_memory_file_close(f);
    }
}

/* Bytes behind the end; half a copy; a file that may not be written. */
static void other_edits(void **state)
{
    static const size_t more[] = { 1, 4096 };
    const char *path = path_of("bytes.egm");
    eg_memory_file *f = NULL;
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(more); i++) {
        write_file(path, HALF);
        struct bytes b = read_all(path);
        uint8_t *longer = calloc(b.n + more[i], 1);
        CHECK(longer != NULL);
        memcpy(longer, b.p, b.n);
        write_all(path, longer, b.n + more[i]);
        CHECK(whole_patterns(path) == HALF);
        write_all(path, b.p, b.n / 2);
        CHECK(whole_patterns(path) == -1);
        free(longer);
        free(b.p);
    }
    if (geteuid() == 0) return; /* whom no mode keeps from writing */
    write_file(path, HALF);
    CHECK(chmod(path, 0400) == 0);
    CHECK(whole_patterns(path) == HALF);
    if (eg_memory_file_open(path, &quick, &f) == EG_OK)
        CHECK(eg_memory_file_append(f, x, 1, NULL, NULL) < 0);
    eg_memory_file_close(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(copies_of_a_live_file),
        cmocka_unit_test(the_log_of_a_killed_writer),
        cmocka_unit_test(logs_of_others),
        cmocka_unit_test(names_that_are_taken_away),
        cmocka_unit_test(two_names),
        cmocka_unit_test(older_copies),
        cmocka_unit_test(edited_by_sqlite),
        cmocka_unit_test(other_edits),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
