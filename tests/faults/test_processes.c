/* Several processes and one memory file: all that each stored is there; a reader that is stopped or
 * killed in the middle and a writer that is killed while it holds the lock leave no lock behind;
 * a handle does not survive fork(). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <sqlite3.h>
#include <sys/wait.h>

#include "memory_file_check.h"
#include "store/egi_store.h"

static int set_up(void **state)
{
    (void)state;
    return make_folder();
}

/* A child that runs f, and whose exit code is what it gives. */
static pid_t start(int (*f)(const char *path), const char *path)
{
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) _exit(f(path));
    return child;
}

static int exit_code(pid_t child)
{
    int status;
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void wait_until_stopped(pid_t child)
{
    int status;
    CHECK(waitpid(child, &status, WUNTRACED) == child && WIFSTOPPED(status));
}

static void end(pid_t child)
{
    int status;
    CHECK(kill(child, SIGKILL) == 0);
    CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
}

static off_t log_bytes(const char *path)
{
    char log[400];
    struct stat st;
    snprintf(log, sizeof log, "%s-wal", path);
    return stat(log, &st) == 0 ? st.st_size : 0;
}

/* Whatever they wait for each other. */
static void several_processes_store(void **state)
{
    const size_t processes = campaign(4, 8), each = campaign(25, 1000);
    const char *path = path_of("many.egm");
    eg_file_options o = EG_FILE_OPTIONS_INIT;
    eg_memory_file *f = NULL;
    eg_file_info info;
    (void)state;
    o.durability = 1;
    o.wait_ms = 60000;
    write_file(path, N);
    for (size_t p = 0; p < processes; p++) {
        const pid_t child = fork();
        CHECK(child >= 0);
        if (child > 0) continue;
        if (eg_memory_file_open(path, &o, &f) != EG_OK) _exit(1);
        for (size_t i = 0; i < each; i++)
            if (eg_memory_file_append(f, x + i % N * D, 1, NULL, NULL) != EG_OK) _exit(2);
        eg_memory_file_close(f);
        _exit(0);
    }
    for (size_t p = 0; p < processes; p++) {
        int status;
        CHECK(wait(&status) > 0 && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    CHECK_OK(eg_memory_file_open(path, &reading, &f));
    CHECK_OK(eg_memory_file_verify(f, NULL, NULL));
    CHECK_OK(eg_memory_file_info(f, &info));
    CHECK(info.count == N + processes * each);
    print_message("%zu of %zu\n", (size_t)info.count - N, processes * each);
    eg_memory_file_close(f);
}

/* ---- readers that stop ---- */

static int stop_at_second(void *user, const char *stage, uint64_t done, uint64_t total)
{
    (void)user;
    (void)total;
    if (strcmp(stage, "verify") == 0 && done == 1) raise(SIGSTOP);
    return 0;
}

/* Stops in the middle of verifying; then it must come to the end of the state it began with. */
static int verify_slowly(const char *path)
{
    const eg_progress progress = { stop_at_second, NULL };
    eg_file_options o = reading;
    eg_memory_file *f = NULL;
    eg_file_info info;
    o.progress = &progress;
    if (eg_memory_file_open(path, &o, &f) != EG_OK) return 1;
    if (eg_memory_file_verify(f, NULL, NULL) != EG_OK) return 2;
    if (eg_memory_file_info(f, &info) != EG_OK || info.count != 3 * N) return 3;
    eg_memory_file_close(f);
    return 0;
}

/* One transaction of a writer beside readers that hold what they began with. */
static void append_beside(eg_memory_file *f, size_t want)
{
    eg_file_info info;
    CHECK_OK(eg_memory_file_append(f, x, N, NULL, NULL));
    CHECK_OK(eg_memory_file_info(f, &info));
    CHECK(info.count == want);
}

static void readers_may_stop_or_die_in_the_middle(void **state)
{
    enum { READERS = 4 };
    const char *path = path_of("stopped.egm");
    eg_memory_file *f = NULL;
    pid_t reader[READERS];
    (void)state;
    write_file(path, N);
    CHECK_OK(eg_memory_file_open(path, &quick, &f));
    for (size_t i = 0; i < READERS; i++) {
        reader[i] = start(verify_slowly, path);
        wait_until_stopped(reader[i]);
    }
    append_beside(f, 2 * N);
    append_beside(f, 3 * N);
    CHECK_STATUS(eg_memory_file_vacuum(f), EG_ERR_IO);
    CHECK(strstr(eg_error_detail(), "reader") != NULL);
    CHECK_OK(eg_memory_file_verify(f, NULL, NULL));
    for (size_t i = 0; i < READERS / 2; i++) end(reader[i]);
    CHECK_STATUS(eg_memory_file_vacuum(f), EG_ERR_IO); /* the others still read */
    for (size_t i = READERS / 2; i < READERS; i++) {
        CHECK(kill(reader[i], SIGCONT) == 0);
        assert_int_equal(exit_code(reader[i]), 0);
    }
    CHECK_OK(eg_memory_file_vacuum(f)); /* nothing holds the log any more */
    CHECK(log_bytes(path) == 0);
    append_beside(f, 4 * N);
    eg_memory_file_close(f);
}

/* ---- writers that stop ---- */

static void a_second_writer_is_told(void **state)
{
    const char *path = path_of("busy.egm");
    eg_file_options o = EG_FILE_OPTIONS_INIT;
    eg_memory_file *f = NULL;
    sqlite3 *other;
    (void)state;
    o.wait_ms = -1;
    write_file(path, N);
    CHECK_OK(eg_memory_file_open(path, &o, &f));
    CHECK(sqlite3_open(path, &other) == SQLITE_OK);
    CHECK(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL) == SQLITE_OK);
    CHECK_STATUS(eg_memory_file_append(f, x, 1, NULL, NULL), EG_ERR_IO);
    CHECK(strstr(eg_error_detail(), "another writer") != NULL);
    eg_memory *m = NULL;
    CHECK_OK(eg_memory_file_load(f, &m)); /* reading goes on */
    eg_memory_destroy(m);
    CHECK(sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL) == SQLITE_OK);
    CHECK_OK(eg_memory_file_append(f, x, 1, NULL, NULL));
    sqlite3_close(other);
    eg_memory_file_close(f);
}

static int stop_with_the_lock(const char *path)
{
    const egi_store_options o = { .durability = 1, .alloc = eg_allocator_default() };
    egi_store *s = NULL;
    egi_record head = { .kind = 1, .lo = 1000, .hi = 1000, .count = 1, .size = 8 };
    if (egi_store_open(path, &o, &s) != EG_OK || egi_store_begin(s, 1) != EG_OK) return 1;
    if (egi_store_put(s, &head, "8 bytes") != EG_OK) return 2;
    raise(SIGSTOP);
    return 3;
}

static int append_when_it_is_free(const char *path)
{
    eg_file_options o = quick;
    eg_memory_file *f = NULL;
    o.wait_ms = 60000;
    if (eg_memory_file_open(path, &o, &f) != EG_OK) return 1;
    const eg_status s = eg_memory_file_append(f, x, 1, NULL, NULL);
    eg_memory_file_close(f);
    return s == EG_OK ? 0 : 2;
}

static void a_writer_killed_with_the_lock_leaves_none(void **state)
{
    const char *path = path_of("held.egm");
    eg_file_options o = quick;
    eg_memory_file *f = NULL;
    eg_file_info info;
    (void)state;
    o.wait_ms = -1;
    write_file(path, N);
    CHECK_OK(eg_memory_file_open(path, &o, &f));
    const pid_t writer = start(stop_with_the_lock, path);
    wait_until_stopped(writer);
    CHECK_STATUS(eg_memory_file_append(f, x, 1, NULL, NULL), EG_ERR_IO);
    CHECK(strstr(eg_error_detail(), "another writer") != NULL);
    const pid_t waiting = start(append_when_it_is_free, path);
    usleep(20000);
    end(writer);
    assert_int_equal(exit_code(waiting), 0);
    CHECK_OK(eg_memory_file_append(f, x + D, 1, NULL, NULL)); /* at once */
    CHECK_OK(eg_memory_file_verify(f, NULL, NULL));
    CHECK_OK(eg_memory_file_info(f, &info));
    CHECK(info.count == N + 2); /* and nothing of what was not committed */
    CHECK_OK(eg_memory_file_vacuum(f));
    eg_memory_file_close(f);
}

/* ---- fork ---- */

static eg_memory_file *inherited;

static eg_status no_note(void *user, const char *key, const char *value)
{
    (void)user;
    (void)key;
    (void)value;
    return EG_OK;
}

/* The number of the first call that is not refused for what it is; 0: none. */
static int use_in_child(const char *path)
{
    eg_memory *m = NULL;
    eg_file_info info;
    const char *text;
    const uint64_t id = 1;
    eg_memory_file *f = inherited;
    for (int call = 1;; call++) {
        eg_status s = EG_OK;
        switch (call) {
        case 1:
            s = eg_memory_file_append(f, x, 1, NULL, NULL);
            break;
        case 2:
            s = eg_memory_file_remove(f, &id, 1);
            break;
        case 3:
            s = eg_memory_file_load(f, &m);
            break;
        case 4:
            s = eg_memory_file_verify(f, NULL, NULL);
            break;
        case 5:
            s = eg_memory_file_vacuum(f);
            break;
        case 6:
            s = eg_memory_file_backup(f, path);
            break;
        case 7:
            s = eg_memory_file_info(f, &info);
            break;
        case 8:
            s = eg_memory_file_note(f, "title", &text);
            break;
        case 9:
            s = eg_memory_file_set_note(f, "title", "no");
            break;
        case 10:
            s = eg_memory_file_notes(f, no_note, NULL);
            break;
        case 11:
            s = eg_memory_file_export(f, path, "npy");
            break;
        default:
            eg_memory_file_close(f);
            return 0;
        }
        if (s != EG_ERR_INVALID || strstr(eg_error_detail(), "fork") == NULL) return call;
    }
}

/* The log has frames when the child comes: it must not fold them in. */
static void a_handle_does_not_survive_fork(void **state)
{
    const char *path = path_of("fork.egm");
    (void)state;
    write_file(path, N);
    CHECK_OK(eg_memory_file_open(path, &quick, &inherited));
    CHECK_OK(eg_memory_file_append(inherited, x, 1, NULL, NULL));
    const struct bytes before = read_all(path);
    assert_int_equal(exit_code(start(use_in_child, path_of("fork.copy"))), 0);
    const struct bytes after = read_all(path);
    CHECK(log_bytes(path) > 0 && before.n == after.n);
    CHECK_SAME_BITS(before.p, after.p, before.n);
    free(before.p);
    free(after.p);
    CHECK_OK(eg_memory_file_append(inherited, x + D, 1, NULL, NULL));
    CHECK_OK(eg_memory_file_verify(inherited, NULL, NULL));
    eg_memory_file_close(inherited);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(several_processes_store),
        cmocka_unit_test(readers_may_stop_or_die_in_the_middle),
        cmocka_unit_test(a_second_writer_is_told),
        cmocka_unit_test(a_writer_killed_with_the_lock_leaves_none),
        cmocka_unit_test(a_handle_does_not_survive_fork),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
