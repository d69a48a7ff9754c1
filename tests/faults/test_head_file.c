/* Heads in memory files: what goes in comes out, to the byte; kills, failures and other writers
 * leave a whole head. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <sys/wait.h>

#include "head_check.h"
#include "memory_file_check.h"

enum { KILLS = 20 };

static struct head_examples taught, more;

static int set_up(void **state)
{
    (void)state;
    head_examples(11, 0.4F, &taught);
    head_examples(12, 0.4F, &more);
    return make_folder();
}

static eg_head *taught_head(const char *spec, size_t n)
{
    eg_head *h = head_new(spec, &taught);
    CHECK_OK(eg_head_teach(h, taught.x, taught.y, n));
    return h;
}

static eg_head *load_of(const char *path)
{
    eg_memory_file *f = NULL;
    eg_head *h = NULL;
    CHECK_OK(eg_memory_file_open(path, &reading, &f));
    CHECK_OK(eg_memory_file_verify(f, NULL, NULL));
    CHECK_OK(eg_memory_file_load_head(f, &h));
    eg_memory_file_close(f);
    return h;
}

static void check_answers(eg_head *a, eg_head *b)
{
    eg_head_answer p[HEAD_N], q[HEAD_N];
    CHECK_OK(eg_head_predict(a, more.x, HEAD_N, p, NULL));
    CHECK_OK(eg_head_predict(b, more.x, HEAD_N, q, NULL));
    CHECK_SAME_BITS(p, q, sizeof p);
}

static void every_kind_comes_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < HEAD_SPECS; i++) {
        const char *path = path_of("kind.egm"), *copy = path_of("copy.egm");
        const eg_note note = { "class/0", "robin" };
        eg_file_options o = quick;
        eg_memory_file *f = NULL;
        eg_file_info info;
        const char *name = NULL;
        o.notes = &note;
        o.note_count = 1;
        eg_head *h = taught_head(head_specs[i], HEAD_N);
        CHECK_OK(eg_head_calibrate(h, more.x, more.y, HEAD_N, 1, 0.1));
        discard(path), discard(copy);
        CHECK_OK(eg_memory_file_save_head(path, h, &o));
        CHECK_STATUS(eg_memory_file_save_head(path, h, &o), EG_ERR_IO);
        eg_head *back = load_of(path);
        head_check_same(h, back);
        check_answers(h, back);
        CHECK_OK(eg_memory_file_open(path, &quick, &f));
        CHECK_OK(eg_memory_file_info(f, &info));
        CHECK(eg_memory_file_is_head(f) && !eg_memory_file_is_binary(f) && info.is_head);
        CHECK(info.count == HEAD_N && info.size == HEAD_D);
        CHECK_OK(eg_memory_file_note(f, "class/0", &name));
        CHECK(strcmp(name, "robin") == 0);
        CHECK_OK(eg_memory_file_vacuum(f));
        CHECK_OK(eg_memory_file_backup(f, copy));
        eg_memory_file_close(f);
        eg_head *copied = load_of(copy);
        head_check_same(h, copied);
        eg_head_destroy(copied), eg_head_destroy(back), eg_head_destroy(h);
    }
}

/* Taught in parts with the file between is taught; forgotten is gone from the file. */
static void what_changed_is_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < HEAD_SPECS; i++) {
        const char *path = path_of("grow.egm");
        eg_memory_file *f = NULL;
        eg_file_info before, after;
        eg_head *whole = head_new(head_specs[i], &taught), *h = NULL;
        discard(path);
        CHECK_OK(eg_memory_file_save_head(path, whole, &quick));
        CHECK_OK(eg_memory_file_open(path, &quick, &f));
        for (size_t at = 0; at < HEAD_N; at += 20) {
            CHECK_OK(eg_head_teach(whole, taught.x + at * HEAD_D, taught.y + at, 20));
            CHECK_OK(eg_memory_file_load_head(f, &h));
            CHECK_OK(eg_head_teach(h, taught.x + at * HEAD_D, taught.y + at, 20));
            CHECK_OK(eg_memory_file_write_head(f, h));
            CHECK_OK(eg_memory_file_info(f, &before));
            CHECK_OK(eg_memory_file_write_head(f, h)); /* nothing to write */
            CHECK_OK(eg_memory_file_info(f, &after));
            CHECK(strcmp(before.root_hash, after.root_hash) == 0);
            eg_head_destroy(h);
            h = load_of(path);
            head_check_same(h, whole);
            eg_head_destroy(h);
        }
        if (head_can(whole, EG_HEAD_FORGETS)) {
            CHECK_OK(eg_head_forget(whole, taught.x, taught.y, HEAD_N));
            CHECK_OK(eg_memory_file_write_head(f, whole));
            h = load_of(path);
            CHECK(eg_head_count(h) == 0);
            head_check_same(h, whole);
            eg_head_destroy(h);
        }
        eg_memory_file_close(f);
        eg_head_destroy(whole);
    }
}

static void two_writers_do_not_lose_what_the_other_taught(void **state)
{
    const char *path = path_of("two.egm");
    eg_memory_file *f[2];
    eg_file_info info;
    eg_head *h[2], *whole = taught_head(head_specs[0], 2), *empty = head_new(head_specs[0], NULL);
    (void)state;
    discard(path);
    CHECK_OK(eg_memory_file_save_head(path, empty, &quick));
    for (size_t i = 0; i < 2; i++) {
        CHECK_OK(eg_memory_file_open(path, &quick, &f[i]));
        CHECK_OK(eg_memory_file_load_head(f[i], &h[i]));
        CHECK_OK(eg_head_teach(h[i], taught.x + i * HEAD_D, taught.y + i, 1));
    }
    CHECK_OK(eg_memory_file_write_head(f[0], h[0]));
    CHECK_OK(eg_memory_file_info(f[1], &info)); /* looking is not loading */
    CHECK_STATUS(eg_memory_file_write_head(f[1], h[1]), EG_ERR_IO);
    eg_head_destroy(h[1]);
    CHECK_OK(eg_memory_file_load_head(f[1], &h[1]));
    CHECK_OK(eg_head_teach(h[1], taught.x + HEAD_D, taught.y + 1, 1));
    CHECK_OK(eg_memory_file_write_head(f[1], h[1]));
    eg_head *now = load_of(path);
    head_check_same(now, whole);
    eg_head_destroy(now), eg_head_destroy(whole), eg_head_destroy(empty);
    for (size_t i = 0; i < 2; i++) eg_head_destroy(h[i]), eg_memory_file_close(f[i]);
}

static void calls_of_others_are_refused(void **state)
{
    const char *path = path_of("head.egm"), *dense = path_of("dense.egm");
    eg_memory_file *f = NULL;
    eg_memory *patterns = NULL;
    eg_binary *binary = NULL;
    eg_head *h = taught_head(head_specs[0], 9), *other = head_new(head_specs[1], NULL), *no = NULL;
    const uint64_t id = 1;
    (void)state;
    discard(path);
    CHECK_OK(eg_memory_file_save_head(path, h, &quick));
    CHECK_OK(eg_memory_file_open(path, &quick, &f));
    CHECK_STATUS(eg_memory_file_append(f, x, 1, NULL, NULL), EG_ERR_UNSUPPORTED);
    CHECK_STATUS(eg_memory_file_remove(f, &id, 1), EG_ERR_UNSUPPORTED);
    CHECK_STATUS(eg_memory_file_load(f, &patterns), EG_ERR_UNSUPPORTED);
    CHECK_STATUS(eg_memory_file_load_binary(f, &binary), EG_ERR_UNSUPPORTED);
    CHECK(strstr(eg_error_detail(), "load_head") != NULL);
    CHECK_STATUS(eg_memory_file_write_head(f, other), EG_ERR_SHAPE);
    CHECK_STATUS(eg_memory_file_write_head(f, h), EG_ERR_IO); /* never loaded from here */
    CHECK_STATUS(eg_memory_file_export(f, path_of("no.npy"), "npy"), EG_ERR_UNSUPPORTED);
    eg_memory_file_close(f);
    write_file(dense, N);
    CHECK_OK(eg_memory_file_open(dense, &quick, &f));
    CHECK_STATUS(eg_memory_file_load_head(f, &no), EG_ERR_UNSUPPORTED);
    CHECK(!eg_memory_file_is_head(f) && no == NULL && patterns == NULL && binary == NULL);
    eg_memory_file_close(f);
    eg_head_destroy(h), eg_head_destroy(other);
}

/* Every allocation fails, one after the other. */
static void allocations_may_fail(void **state)
{
    static const size_t of[] = { 0, 8, 13 };
    const char *path = path_of("alloc.egm"), *to = path_of("alloc.safetensors");
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(of); i++) {
        eg_head *h = taught_head(head_specs[of[i]], 9);
        eg_status s = EG_ERR_NOMEM;
        size_t k = 0;
        for (; s != EG_OK && k < 2000; k++) {
            struct failing fail = { k, 0, 0, 0, 0, 0 };
            const eg_allocator alloc = failing_allocator(&fail);
            eg_file_options o = quick;
            eg_memory_file *f = NULL;
            eg_head *got = NULL;
            o.alloc = &alloc;
            discard(path);
            s = eg_memory_file_save_head(path, h, &o);
            if (s == EG_OK) s = eg_memory_file_open(path, &o, &f);
            if (s == EG_OK) s = eg_memory_file_load_head(f, &got);
            if (s == EG_OK) s = eg_memory_file_write_head(f, got);
            if (s == EG_OK) s = eg_memory_file_verify(f, NULL, NULL);
            if (s == EG_OK) s = eg_memory_file_export(f, to, "safetensors");
            CHECK(s == EG_OK || s == EG_ERR_NOMEM);
            eg_head_destroy(got);
            eg_memory_file_close(f);
            CHECK(fail.live == 0 && fail.live_bytes == 0);
            check_left_over(path);
        }
        CHECK(s == EG_OK && k > 8);
        eg_head_destroy(h);
    }
}

/* A child teaches example after example, and says so after each; killed at any moment. */
static void kills_lose_nothing(void **state)
{
    const char *path = path_of("kill.egm");
    eg_head *empty = head_new(head_specs[5], NULL);
    size_t cut = 0;
    (void)state;
    for (int k = 0; k < KILLS; k++) {
        int said[2];
        discard(path);
        CHECK_OK(eg_memory_file_save_head(path, empty, &quick));
        CHECK(pipe(said) == 0);
        const pid_t child = fork();
        if (child == 0) {
            eg_memory_file *f = NULL;
            eg_head *h = NULL;
            CHECK_OK(eg_memory_file_open(path, &quick, &f));
            CHECK_OK(eg_memory_file_load_head(f, &h));
            for (uint8_t i = 0; i < HEAD_N; i++) {
                CHECK_OK(eg_head_teach(h, taught.x + i * HEAD_D, taught.y + i, 1));
                CHECK_OK(eg_memory_file_write_head(f, h));
                CHECK(write(said[1], &i, 1) == 1);
            }
            _exit(0);
        }
        close(said[1]);
        uint8_t last;
        size_t done = 0;
        const size_t until = (size_t)k % 12;
        while (done < until && read(said[0], &last, 1) == 1) done++;
        kill(child, SIGKILL);
        while (read(said[0], &last, 1) == 1) done++;
        CHECK(waitpid(child, NULL, 0) == child);
        close(said[0]);
        eg_head *h = load_of(path);
        const size_t n = (size_t)eg_head_count(h);
        CHECK(n >= done && n <= done + 1);
        eg_head *want = taught_head(head_specs[5], n);
        head_check_same(h, want);
        cut += n < HEAD_N;
        eg_head_destroy(want), eg_head_destroy(h);
    }
    CHECK(cut > KILLS / 2);
    eg_head_destroy(empty);
}

/* Sums that other programs read: by name, beside what they belong to. */
static void exports_are_the_fields(void **state)
{
    const char *path = path_of("export.egm"), *to = path_of("export.safetensors");
    eg_memory_file *f = NULL;
    eg_head *h = taught_head(head_specs[0], HEAD_N);
    (void)state;
    discard(path);
    CHECK_OK(eg_memory_file_save_head(path, h, &quick));
    CHECK_OK(eg_memory_file_open(path, &reading, &f));
    CHECK_OK(eg_memory_file_export(f, to, "safetensors"));
    eg_memory_file_close(f);
    struct bytes b = read_all(to);
    const size_t sums = (size_t)HEAD_K * HEAD_D * sizeof(int32_t);
    CHECK(memmem(b.p, b.n, h->at[EGI_OWN_FIELDS], sums) != NULL);
    CHECK(memmem(b.p, b.n, "engram memory 3", 15) != NULL);
    free(b.p);
    eg_head_destroy(h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_comes_back),
        cmocka_unit_test(what_changed_is_written),
        cmocka_unit_test(two_writers_do_not_lose_what_the_other_taught),
        cmocka_unit_test(calls_of_others_are_refused),
        cmocka_unit_test(allocations_may_fail),
        cmocka_unit_test(kills_lose_nothing),
        cmocka_unit_test(exports_are_the_fields),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
