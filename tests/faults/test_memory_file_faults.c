/* The memory file under fire: kills lose nothing, failures leave nothing behind. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <signal.h>
#include <sqlite3.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "memory_file_check.h"

/* SQLite's own allocations fail too: at number sql_fail, or from there on. */
static long sql_fail = -1, sql_calls;
static int sql_for_good;
static sqlite3_mem_methods sql_real;

static int sql_fails(void)
{
    const long call = sql_calls++;
    return sql_fail >= 0 && (call == sql_fail || (sql_for_good && call > sql_fail));
}

static void *sql_malloc(int n)
{
    return sql_fails() ? NULL : sql_real.xMalloc(n);
}

static void *sql_realloc(void *p, int n)
{
    return sql_fails() ? NULL : sql_real.xRealloc(p, n);
}

static int set_up(void **state)
{
    sqlite3_mem_methods mine;
    (void)state;
    sqlite3_shutdown();
    if (sqlite3_config(SQLITE_CONFIG_GETMALLOC, &sql_real) != SQLITE_OK) return -1;
    mine = sql_real;
    mine.xMalloc = sql_malloc;
    mine.xRealloc = sql_realloc;
    if (sqlite3_config(SQLITE_CONFIG_MALLOC, &mine) != SQLITE_OK) return -1;
    return make_folder();
}

/* One scenario that every allocation of which can be made to fail. */
static eg_status scenario(const char *path, const eg_allocator *alloc)
{
    char copy[320];
    eg_file_options o = quick;
    eg_memory_file *f = NULL;
    eg_memory *m = NULL;
    o.alloc = alloc;
    snprintf(copy, sizeof copy, "%s.copy", path);
    discard(path);
    discard(copy);
    eg_status s = eg_memory_file_create(path, D, NULL, &o, &f);
    if (s == EG_OK) s = eg_memory_file_append(f, x, N, NULL, NULL);
    const uint64_t id[2] = { 3, 4 };
    if (s == EG_OK) s = eg_memory_file_remove(f, id, 2);
    if (s == EG_OK) s = eg_memory_file_set_note(f, "title", "forty patterns");
    if (s == EG_OK) s = eg_memory_file_load(f, &m);
    if (s == EG_OK) s = eg_memory_file_verify(f, NULL, NULL);
    if (s == EG_OK) s = eg_memory_file_backup(f, copy);
    if (s == EG_OK) s = eg_memory_file_vacuum(f);
    if (s == EG_OK && eg_memory_count(m) != N - 2) s = EG_ERR_INVALID;
    eg_memory_destroy(m);
    eg_memory_file_close(f);
    return s;
}

static void our_allocations_may_fail(void **state)
{
    const char *path = path_of("alloc.egm");
    (void)state;
    for (int for_good = 0; for_good < 2; for_good++) {
        eg_status s = EG_ERR_NOMEM;
        size_t k = 0;
        for (; s != EG_OK && k < 2000; k++) {
            struct failing fail = { k, for_good, 0, 0, 0, 0 };
            const eg_allocator alloc = failing_allocator(&fail);
            s = scenario(path, &alloc);
            CHECK(s == EG_OK || s == EG_ERR_NOMEM);
            CHECK(fail.live == 0);
            if (k % 4 == 0) check_left_over(path);
        }
        CHECK(s == EG_OK && k > 10);
    }
}

static void sqlites_allocations_may_fail(void **state)
{
    const char *path = path_of("sqlalloc.egm");
    long step = (long)campaign(7, 1); /* of some thousand; primes, so that the two runs differ */
    (void)state;
    for (sql_for_good = 0; sql_for_good < 2; sql_for_good++) {
        for (long k = 0, done = 0; !done; k += step) {
            const sqlite3_int64 before = sqlite3_memory_used();
            sql_calls = 0;
            sql_fail = k;
            const eg_status s = scenario(path, NULL);
            done = sql_calls <= k;
            sql_fail = -1;
            CHECK(s == EG_OK || s == EG_ERR_NOMEM);
            CHECK(s == EG_OK || !done);
            CHECK(sqlite3_memory_used() == before);
            if (k % 8 == 0) check_left_over(path);
            campaign_at("allocations of SQLite", (size_t)k, 0);
        }
        step = (long)campaign(11, 1);
    }
}

/* A child appends patterns one by one, two by two ..., removes every fifth append's first, and
 * tells each success through a pipe; it is killed at a random moment. */
static void child_stores(const char *path, int out)
{
    eg_file_options o = EG_FILE_OPTIONS_INIT;
    eg_memory_file *f = NULL;
    o.durability = 1; /* a kill, not a loss of power */
    if (eg_memory_file_open(path, &o, &f) != EG_OK) _exit(3);
    for (uint32_t i = 0;; i++) {
        const size_t n = i % 4 + 1;
        uint64_t id[4];
        float rows[4 * D];
        for (size_t k = 0; k < 4 * D; k++) rows[k] = (float)i;
        if (eg_memory_file_append(f, rows, n, NULL, id) != EG_OK) _exit(4);
        if (i % 5 == 4 && eg_memory_file_remove(f, id, 1) != EG_OK) _exit(5);
        if (i % 16 == 15 && eg_memory_file_vacuum(f) != EG_OK) _exit(6);
        if (write(out, &i, sizeof i) != sizeof i) _exit(7);
    }
}

/* Rows of append i: i % 4 + 1, less one where it was removed. */
static size_t rows_of(uint32_t i, int removed)
{
    return i % 4 + 1 - (removed && i % 5 == 4);
}

static void check_after_kill(const char *path, uint32_t acknowledged)
{
    eg_memory_file *f = NULL;
    eg_memory *m = NULL;
    CHECK_OK(eg_memory_file_open(path, NULL, &f));
    CHECK_OK(eg_memory_file_verify(f, NULL, NULL));
    CHECK_OK(eg_memory_file_load(f, &m));
    const size_t n = eg_memory_count(m);
    size_t at = 0;
    for (uint32_t i = 0; at < n || i < acknowledged; i++) {
        size_t rows = 0;
        float row[D];
        for (; at < n; at++, rows++) {
            CHECK_OK(eg_memory_pattern(m, at, row));
            if (row[0] != (float)i) break;
            for (size_t c = 1; c < D; c++) CHECK(row[c] == row[0]);
        }
        CHECK(i <= acknowledged); /* at most one transaction that was not told yet */
        CHECK(rows == rows_of(i, 1) || (i == acknowledged && rows == rows_of(i, 0)));
    }
    eg_memory_destroy(m);
    eg_memory_file_close(f);
}

static void kills_lose_nothing(void **state)
{
    const char *path = path_of("kill.egm");
    const size_t kills = campaign(60, 10000);
    size_t told = 0;
    (void)state;
    for (uint32_t k = 0; k < kills; k++) {
        eg_memory_file *f = NULL;
        int pipes[2], status;
        uint32_t r[4], i, acknowledged = 0;
        discard(path);
        CHECK_OK(eg_memory_file_create(path, D, NULL, &quick, &f));
        eg_memory_file_close(f);
        CHECK(pipe(pipes) == 0);
        const pid_t child = fork();
        CHECK(child >= 0);
        if (child == 0) {
            close(pipes[0]);
            child_stores(path, pipes[1]);
        }
        close(pipes[1]);
        egi_philox(31, 0, k, r);
        usleep(2000 + r[0] % 30000);
        kill(child, SIGKILL);
        CHECK(waitpid(child, &status, 0) == child && WIFSIGNALED(status));
        while (read(pipes[0], &i, sizeof i) == sizeof i) acknowledged = i + 1;
        close(pipes[0]);
        told += acknowledged;
        check_after_kill(path, acknowledged);
        campaign_at("kills", k + 1, kills);
    }
    print_message("kills: %zu, %zu acknowledged transactions, 0 lost\n", kills, told);
    CHECK(told > kills); /* the children did get to work */
}

/* A disk that is full: a limit on the size of files is one that a test can set. */
static void a_full_disk_keeps_the_old_data(void **state)
{
    const char *path = path_of("full.egm");
    int status;
    (void)state;
    write_file(path, N);
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        static float many[2000 * D];
        const struct rlimit limit = { 64 << 10, 64 << 10 };
        eg_memory_file *f = NULL;
        signal(SIGXFSZ, SIG_IGN);
        if (eg_memory_file_open(path, NULL, &f) != EG_OK) _exit(1);
        if (setrlimit(RLIMIT_FSIZE, &limit) != 0) _exit(2);
        const eg_status s = eg_memory_file_append(f, many, 2000, NULL, NULL);
        const eg_status t = eg_memory_file_backup(f, path_of("full-copy.egm"));
        eg_memory_file_close(f);
        _exit(s == EG_ERR_IO && t <= 0 ? 0 : 3);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    CHECK(judge(path, N) == HARMLESS);
}

/* A folder without the right to write in it: as another user, where the test runs as root. */
static void a_read_only_folder_can_be_read(void **state)
{
    const char *path = path_of("locked/file.egm"), *name = path_of("locked");
    int status;
    (void)state;
    CHECK(mkdir(name, 0755) == 0);
    write_file(path, N);
    CHECK(chmod(path, 0444) == 0 && chmod(name, 0555) == 0 && chmod(folder, 0755) == 0);
    const pid_t child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        eg_memory_file *f = NULL;
        /* the folder above may be closed to others: nothing to be seen then */
        if (getuid() == 0 && (chdir(name) != 0 || setgid(65534) != 0 || setuid(65534) != 0))
            _exit(1);
        const char *own = getuid() == 65534 ? "file.egm" : path;
        if (access(own, R_OK) != 0) _exit(0);
        if (judge(own, N) != HARMLESS) _exit(2);
        if (eg_memory_file_open(own, NULL, &f) == EG_OK
            && eg_memory_file_append(f, x, 1, NULL, NULL) != EG_ERR_IO)
            _exit(3);
        eg_memory_file_close(f);
        _exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    CHECK(chmod(name, 0755) == 0);
}

/* Appends of single patterns in one thread, full loads in three others: every load sees a
 * prefix of what was appended. */
struct race {
    const char *path;
    int failed, stop;
};

static void *read_along(void *arg)
{
    struct race *r = arg;
    eg_file_options reader = EG_FILE_OPTIONS_INIT;
    eg_memory_file *f = NULL;
    reader.read_only = 1;
    if (eg_memory_file_open(r->path, &reader, &f) != EG_OK) {
        __atomic_store_n(&r->failed, 1, __ATOMIC_SEQ_CST);
        return NULL;
    }
    size_t before = 0;
    while (!__atomic_load_n(&r->stop, __ATOMIC_SEQ_CST)) {
        eg_memory *m = NULL;
        int ok = eg_memory_file_load(f, &m) == EG_OK;
        const size_t n = ok ? eg_memory_count(m) : 0;
        ok = ok && n >= before;
        float row[D];
        for (size_t i = 0; ok && i < n; i++)
            ok = eg_memory_pattern(m, i, row) == EG_OK && memcmp(row, x + i * D, sizeof row) == 0;
        before = n;
        eg_memory_destroy(m);
        if (!ok) __atomic_store_n(&r->failed, 1, __ATOMIC_SEQ_CST);
        if (!ok) break;
    }
    eg_memory_file_close(f);
    return NULL;
}

static void readers_run_beside_a_writer(void **state)
{
    const char *path = path_of("race.egm");
    struct race r = { path, 0, 0 };
    eg_file_options fast = EG_FILE_OPTIONS_INIT;
    eg_memory_file *f = NULL;
    pthread_t thread[3];
    (void)state;
    fast.durability = 1;
    CHECK_OK(eg_memory_file_create(path, D, NULL, &fast, &f));
    for (size_t i = 0; i < 3; i++) CHECK(pthread_create(&thread[i], NULL, read_along, &r) == 0);
    for (size_t i = 0; i < N; i++) CHECK_OK(eg_memory_file_append(f, x + i * D, 1, NULL, NULL));
    __atomic_store_n(&r.stop, 1, __ATOMIC_SEQ_CST);
    for (size_t i = 0; i < 3; i++) pthread_join(thread[i], NULL);
    CHECK(!r.failed);
    eg_memory_file_close(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(our_allocations_may_fail),
        cmocka_unit_test(sqlites_allocations_may_fail),
        cmocka_unit_test(kills_lose_nothing),
        cmocka_unit_test(a_full_disk_keeps_the_old_data),
        cmocka_unit_test(a_read_only_folder_can_be_read),
        cmocka_unit_test(readers_run_beside_a_writer),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
