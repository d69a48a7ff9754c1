/* Readers with memory that fails: every allocation once, and from there on for good; files
 * that cannot be written; long work that is stopped. Nothing may leak. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <glob.h>
#include <signal.h>
#include <sys/resource.h>

#include "data_bytes.h"

static int is_memory(eg_status s)
{
    return s == EG_ERR_NOMEM;
}

static size_t fail_every_allocation(const struct bytes *b, int for_good)
{
    for (size_t k = 0;; k++) {
        struct failing f = { .fail_at = k, .for_good = for_good };
        const eg_allocator a = failing_allocator(&f);
        eg_read_options o = EG_READ_OPTIONS_INIT;
        o.index_base = 1;
        o.alloc = &a;
        eg_dataset set = { .n = 9 };
        const eg_status s = egi_read_bytes(b->format, "t", b->p, b->size, &o, &set);
        if (s != EG_OK && (!is_memory(s) || set.n != 9))
            fail_msg("%s, allocation %zu: %s: %s", b->format, k, eg_status_name(s),
                     eg_error_detail());
        if (s == EG_OK) eg_dataset_clear(&set);
        if (f.live != 0) fail_msg("%s, allocation %zu: %zu blocks leak", b->format, k, f.live);
        if (f.calls <= k) {
            CHECK(s == EG_OK);
            return k;
        }
    }
}

static void readers_survive_every_allocation(void **state)
{
    (void)state;
    static struct bytes all[SMALL_FILES];
    make_small_files(all);
    for (size_t k = 0; k < SMALL_FILES; k++) {
        CHECK(fail_every_allocation(&all[k], 0) > 0);
        CHECK(fail_every_allocation(&all[k], 1) > 0);
    }
}

static void files_and_folders_survive_every_allocation(void **state)
{
    (void)state;
    char folder[512], file[600], labels[600];
    snprintf(folder, sizeof folder, "%s", tmp_path(0, "faults"));
    snprintf(file, sizeof file, "%s/k", folder);
    snprintf(labels, sizeof labels, "%s/y.idx", folder);
    CHECK(mkdir(folder, 0700) == 0 && mkdir(file, 0700) == 0);
    eg_image m;
    CHECK_OK(eg_image_create(3, 3, 3, NULL, &m));
    snprintf(file, sizeof file, "%s/k/a.png", folder);
    CHECK_OK(eg_image_write_png(file, &m));
    eg_image_clear(&m);
    eg_status s = EG_ERR_NOMEM;
    for (size_t k = 0; s != EG_OK; k++) {
        struct failing f = { .fail_at = k };
        const eg_allocator a = failing_allocator(&f);
        eg_read_options o = EG_READ_OPTIONS_INIT;
        o.alloc = &a;
        o.grey = 1;
        o.width = o.height = 2;
        eg_dataset set;
        s = eg_dataset_read(folder, &o, &set);
        CHECK(s == EG_OK || is_memory(s));
        if (s == EG_OK) eg_dataset_clear(&set);
        CHECK(f.live == 0);
    }
    unlink(file);
    snprintf(file, sizeof file, "%s/x.idx", folder);
    put_file(file, small_idx, sizeof small_idx);
    put_file(labels, "\0\0\x08\1\0\0\0\2\5\xff", 10);
    s = EG_ERR_NOMEM;
    for (size_t k = 0; s != EG_OK; k++) {
        struct failing f = { .fail_at = k, .for_good = 1 };
        const eg_allocator a = failing_allocator(&f);
        eg_read_options o = EG_READ_OPTIONS_INIT;
        o.alloc = &a;
        o.labels = labels;
        eg_dataset set;
        s = eg_dataset_read(file, &o, &set);
        CHECK(s == EG_OK || is_memory(s));
        if (s == EG_OK) eg_dataset_clear(&set);
        CHECK(f.live == 0);
    }
    unlink(file);
    unlink(labels);
    snprintf(file, sizeof file, "%s/k", folder);
    CHECK(rmdir(file) == 0 && rmdir(folder) == 0);
}

static void pictures_survive_every_allocation(void **state)
{
    (void)state;
    for (int good = 0; good < 2; good++) {
        eg_status s = EG_ERR_NOMEM;
        for (size_t k = 0; s != EG_OK; k++) {
            struct failing f = { .fail_at = SIZE_MAX };
            const eg_allocator a = failing_allocator(&f);
            eg_image m;
            uint8_t *bytes;
            size_t size;
            CHECK_OK(eg_image_create(9, 9, 3, &a, &m));
            f.fail_at = f.calls + k;
            f.for_good = good;
            s = eg_image_encode_png(&m, &bytes, &size);
            CHECK(s == EG_OK || is_memory(s));
            if (s == EG_OK) eg_image_free(&m, bytes, size);
            eg_image_clear(&m);
            CHECK(f.live == 0);
        }
    }
}

/* A full disk, as a limit on the size of a file: the old file stays, nothing is left over. */
static void a_full_disk_keeps_the_old_file(void **state)
{
    (void)state;
    static float x[4096];
    const char *path = tmp_path(0, "full.npy");
    struct rlimit old, small;
    CHECK_OK(eg_npy_write(path, x, 2, 2));
    CHECK(getrlimit(RLIMIT_FSIZE, &old) == 0);
    small = old;
    small.rlim_cur = 1000;
    (void)signal(SIGXFSZ, SIG_IGN);
    CHECK(setrlimit(RLIMIT_FSIZE, &small) == 0);
    const eg_status s = eg_npy_write(path, x, 64, 64);
    CHECK(setrlimit(RLIMIT_FSIZE, &old) == 0);
    (void)signal(SIGXFSZ, SIG_DFL);
    CHECK(s == EG_ERR_IO);
    eg_dataset set;
    CHECK_OK(eg_dataset_read(path, NULL, &set));
    CHECK(set.n == 2);
    eg_dataset_clear(&set);
    unlink(path);
    char pattern[600];
    glob_t left;
    snprintf(pattern, sizeof pattern, "%s*", path);
    CHECK(glob(pattern, 0, NULL, &left) == GLOB_NOMATCH);
}

static int stop_at_once(void *user, const char *stage, uint64_t done, uint64_t total)
{
    (void)stage;
    CHECK(done <= total);
    return ++*(int *)user;
}

static void reading_can_be_stopped(void **state)
{
    (void)state;
    enum { ROWS = 70000 };
    char *text = malloc(ROWS * 2 + 3);
    CHECK(text != NULL);
    memcpy(text, "a\n", 3);
    for (size_t i = 0; i < ROWS; i++) memcpy(text + 2 + 2 * i, "1\n", 3);
    int calls = 0;
    const eg_progress p = { stop_at_once, &calls };
    eg_read_options o = EG_READ_OPTIONS_INIT;
    o.progress = &p;
    eg_dataset set;
    CHECK_STATUS(egi_read_bytes("csv", "t", (uint8_t *)text, strlen(text), &o, &set),
                 EG_ERR_INTERRUPTED);
    CHECK(calls == 1);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(readers_survive_every_allocation),
        cmocka_unit_test(files_and_folders_survive_every_allocation),
        cmocka_unit_test(pictures_survive_every_allocation),
        cmocka_unit_test(a_full_disk_keeps_the_old_file),
        cmocka_unit_test(reading_can_be_stopped),
    };
    return cmocka_run_group_tests_name("readers_faults", tests, NULL, NULL);
}
