/* Reads, writes and cuts that a signal interrupts (EINTR), and those that do a part of what was
 * asked for, as the system may: each in turn and all of them, and nothing is noticed of it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <sqlite3.h>
#include <sys/syscall.h>
#include <zlib.h>

#include "train_check.h"

#include "file_layer.h"

/* What happens to the call number `at`, or to every one (at < 0: every second one, and those
 * between go well, for a call that never ends is none). */
static struct {
    long at, calls;
    int part; /* 1: half of what was asked for; 0: EINTR */
    int on;
} fault;

static int seen(enum kind kind, int file, size_t at, size_t n, const void *bytes)
{
    (void)kind;
    (void)file;
    (void)at;
    (void)n;
    (void)bytes;
    return SQLITE_OK;
}

static int is_hit(void)
{
    if (!fault.on) return 0;
    const long call = fault.calls++;
    return fault.at < 0 ? call % 2 == 0 : call == fault.at;
}

/* 1: the call ends here, with EINTR; else *n is what is left of it. */
static int hit(size_t *n)
{
    if (!is_hit()) return 0;
    errno = EINTR;
    if (fault.part && *n > 1) *n /= 2;
    return !fault.part;
}

/* In the place of the C library's. */
ssize_t read(int fd, void *bytes, size_t n)
{
    return hit(&n) ? -1 : syscall(SYS_read, fd, bytes, n);
}

ssize_t write(int fd, const void *bytes, size_t n)
{
    return hit(&n) ? -1 : syscall(SYS_write, fd, bytes, n);
}

static ssize_t short_pread(int fd, void *bytes, size_t n, off_t at)
{
    return hit(&n) ? -1 : pread(fd, bytes, n, at);
}

static ssize_t short_pwrite(int fd, const void *bytes, size_t n, off_t at)
{
    return hit(&n) ? -1 : pwrite(fd, bytes, n, at);
}

static int cut_again(int fd, off_t n)
{
    size_t none = 0;
    return !fault.part && hit(&none) ? -1 : ftruncate(fd, n);
}

/* SQLite has a table of the calls it makes. */
static void enter(void)
{
    static const struct {
        const char *name;
        sqlite3_syscall_ptr call;
    } all[] = { { "pread", (sqlite3_syscall_ptr)short_pread },
                { "pread64", (sqlite3_syscall_ptr)short_pread },
                { "pwrite", (sqlite3_syscall_ptr)short_pwrite },
                { "pwrite64", (sqlite3_syscall_ptr)short_pwrite },
                { "ftruncate", (sqlite3_syscall_ptr)cut_again } };
    sqlite3_vfs *vfs = sqlite3_vfs_find("unix");
    for (size_t i = 0; i < EGI_COUNT(all); i++)
        (void)vfs->xSetSystemCall(vfs, all[i].name, all[i].call);
}

/* ---- what is done meanwhile ---- */

static void memory_file(const char *path)
{
    eg_memory_file *f;
    size_t done;
    fault.on = 0;
    new_file(path);
    fault.on = 1;
    CHECK_OK(use(path, 3, &done, &f));
    eg_memory_file_close(f);
    judge_use(path, STEPS, "interrupted");
}

static void arrays(const char *path)
{
    enum { ROWS = 900 };
    static float numbers[ROWS * 8];
    static uint64_t round; /* other numbers than the last, which lie about in memory */
    eg_dataset set;
    char hex[65];
    round = !round;
    eg_random_normal(round, 0, 0, ROWS * 8, numbers);
    CHECK_OK(eg_npy_write(path, numbers, ROWS, 8));
    CHECK_OK(eg_dataset_read(path, NULL, &set));
    CHECK(set.n == ROWS && memcmp(set.x, numbers, sizeof numbers) == 0);
    CHECK_OK(eg_sha256_file(path, hex));
    static char first[2][65];
    if (first[round][0] == '\0') memcpy(first[round], hex, sizeof hex);
    assert_string_equal(hex, first[round]);
    eg_dataset_clear(&set);
}

static void receptors(const char *path)
{
    enum { ROWS = 5000 };
    eg_airr *a;
    eg_clonotype row;
    size_t rows = 0;
    fault.on = 0;
    gzFile f = gzopen(path, "wb");
    gzputs(f, "junction_aa\tv_call\n");
    for (size_t i = 0; i < ROWS; i++) gzprintf(f, "CASS%cQYF\tV%zu\n", "ACDEFGHIKL"[i % 10], i);
    CHECK(gzclose(f) == Z_OK);
    fault.on = 1;
    CHECK_OK(eg_airr_open(path, NULL, &a));
    while (eg_airr_next(a, &row) == EG_OK) rows++;
    eg_airr_close(a);
    CHECK(rows == ROWS);
}

static void training(const char *path)
{
    const eg_dataset data = train_data();
    const eg_part all = { &data, NULL, data.n };
    static uint64_t hash;
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    eg_train_result r;
    char into[400];
    snprintf(into, sizeof into, "%s.run", path);
    o.batch = 16;
    o.folder = into;
    o.checkpoint_seconds = 1e-9;
    eg_learner *l = train_learner("{}", 3);
    CHECK_OK(eg_train(l, &all, &all, &o, &r));
    eg_learner_destroy(l);
    if (hash == 0) hash = r.hash;
    CHECK(r.hash == hash);
    fault.on = 0;
    train_remove(into);
}

static const struct {
    const char *name;
    void (*act)(const char *path);
    size_t step; /* of the calls that are hit in turn */
} acts[] = { { "memory file", memory_file, 29 },
             { "arrays", arrays, 1 },
             { "receptors", receptors, 1 },
             { "training", training, 7 } };

/* How many calls there were. */
static long act(size_t i, long at, int part)
{
    char path[400];
    snprintf(path, sizeof path, "%s", path_of(watched));
    fault.calls = 0;
    fault.at = at;
    fault.part = part;
    fault.on = 1;
    acts[i].act(path);
    fault.on = 0;
    discard(path);
    return fault.calls;
}

static void nobody_notices(void **state)
{
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(acts); i++)
        for (int part = 0; part < 2; part++) {
            const long step = (long)campaign(acts[i].step, 1);
            long calls = 0, k = 0;
            for (; k == 0 || k < calls; k += step) calls = act(i, k, part);
            (void)act(i, -1, part);
            print_message("%s: %ld calls, %s\n", acts[i].name, calls, part ? "in parts" : "EINTR");
            CHECK(calls >= 2);
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(nobody_notices) };
    enter();
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
