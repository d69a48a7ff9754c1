/* Binary memories in memory files: what goes in comes out, to the connection; kills, failures and
 * other writers leave a whole memory. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <signal.h>
#include <sys/wait.h>

#include "binary_file_check.h"

enum { KILLS = 30 };

static int set_up(void **state)
{
    (void)state;
    return make_folder();
}

static void every_kind_comes_back(void **state)
{
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(rows); i++) {
        const char *path = path_of("kind.egm"), *copy = path_of("copy.egm");
        const eg_note note = { "title", "sixty pairs" };
        eg_file_options o = quick;
        eg_memory_file *f = NULL;
        eg_file_info info;
        o.notes = &note;
        o.note_count = 1;
        eg_binary *m = filled_of(&rows[i]), *empty = empty_of(&rows[i]);
        discard(path);
        discard(copy);
        CHECK_OK(eg_memory_file_save_binary(path, m, &o));
        CHECK_STATUS(eg_memory_file_save_binary(path, m, &o), EG_ERR_IO);
        eg_binary *back = load_of(path);
        CHECK(is_same(m, back) && !is_same(m, empty));
        CHECK_OK(eg_memory_file_open(path, &quick, &f));
        CHECK_OK(eg_memory_file_info(f, &info));
        CHECK(info.is_binary && info.count == m->n && info.size == eg_binary_numbers(m, 0));
        CHECK(info.value_size == (m->own ? 0 : eg_binary_numbers(m, 1)));
        CHECK(egi_binary_same(&info.binary, &m->options));
        CHECK_OK(eg_memory_file_vacuum(f));
        CHECK_OK(eg_memory_file_backup(f, copy));
        eg_memory_file_close(f);
        eg_binary *copied = load_of(copy);
        CHECK(is_same(m, copied));
        eg_binary_destroy(copied);
        eg_binary_destroy(back);
        eg_binary_destroy(empty);
        eg_binary_destroy(m);
    }
}

/* Stored in two parts, with the file between, is stored; forgotten is gone from the file. */
static void what_changed_is_written(void **state)
{
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(rows); i++) {
        const char *path = path_of("grow.egm");
        eg_memory_file *f = NULL;
        eg_file_info before, after;
        eg_binary *whole = empty_of(&rows[i]), *part = empty_of(&rows[i]), *m = NULL;
        struct pairs p = draw(whole, &rows[i], PAIRS);
        discard(path);
        CHECK_OK(eg_memory_file_save_binary(path, part, &quick));
        CHECK_OK(eg_memory_file_open(path, &quick, &f));
        for (size_t at = 0; at < PAIRS; at += 20) {
            store(whole, &rows[i], &p, at, 20);
            CHECK_OK(eg_memory_file_load_binary(f, &m));
            store(m, &rows[i], &p, at, 20);
            CHECK_OK(eg_memory_file_write_binary(f, m));
            CHECK_OK(eg_memory_file_info(f, &before));
            CHECK_OK(eg_memory_file_write_binary(f, m)); /* nothing to write */
            CHECK_OK(eg_memory_file_info(f, &after));
            CHECK(strcmp(before.root_hash, after.root_hash) == 0);
            CHECK_OK(eg_memory_file_set_note(f, "at", "x")); /* is no other writer */
            CHECK_OK(eg_memory_file_write_binary(f, m));
            eg_binary_destroy(m);
            m = load_of(path);
            CHECK(is_same(m, whole));
            eg_binary_destroy(m);
        }
        if (whole->links.count != NULL && rows[i].kind != EG_BINARY_CHAIN) {
            CHECK_OK(eg_binary_forget(whole, p.a, p.b, PAIRS));
            CHECK_OK(eg_memory_file_write_binary(f, whole));
            m = load_of(path);
            CHECK(is_same(m, part)); /* as if nothing had ever been stored */
            eg_binary_destroy(m);
        }
        eg_memory_file_close(f);
        release(&p);
        eg_binary_destroy(part);
        eg_binary_destroy(whole);
    }
}

static void two_writers_do_not_lose_what_the_other_wrote(void **state)
{
    const char *path = path_of("two.egm");
    eg_memory_file *f[2];
    eg_binary *m[2], *whole = empty_of(&rows[3]), *now;
    struct pairs p = draw(whole, &rows[3], 2);
    (void)state;
    discard(path);
    CHECK_OK(eg_memory_file_save_binary(path, whole, &quick));
    for (size_t i = 0; i < 2; i++) {
        CHECK_OK(eg_memory_file_open(path, &quick, &f[i]));
        CHECK_OK(eg_memory_file_load_binary(f[i], &m[i]));
        store(m[i], &rows[3], &p, i, 1);
        store(whole, &rows[3], &p, i, 1);
    }
    CHECK_OK(eg_memory_file_write_binary(f[0], m[0]));
    CHECK_STATUS(eg_memory_file_write_binary(f[1], m[1]), EG_ERR_IO);
    eg_binary_destroy(m[1]);
    CHECK_OK(eg_memory_file_load_binary(f[1], &m[1]));
    store(m[1], &rows[3], &p, 1, 1);
    CHECK_OK(eg_memory_file_write_binary(f[1], m[1]));
    now = load_of(path);
    CHECK(is_same(now, whole));
    eg_binary_destroy(now);
    for (size_t i = 0; i < 2; i++) {
        eg_binary_destroy(m[i]);
        eg_memory_file_close(f[i]);
    }
    release(&p);
    eg_binary_destroy(whole);
}

/* Each half of the calls names the other, and another memory is not written into this file. */
static void calls_of_the_other_half_are_refused(void **state)
{
    const char *path = path_of("binary.egm"), *dense = path_of("dense.egm");
    eg_memory_file *f = NULL;
    eg_memory *patterns = NULL;
    eg_binary *m = filled_of(&rows[2]), *other = empty_of(&rows[3]), *none = NULL;
    const uint64_t id = 1;
    (void)state;
    discard(path);
    CHECK_OK(eg_memory_file_save_binary(path, m, &quick));
    CHECK_OK(eg_memory_file_open(path, &quick, &f));
    CHECK_STATUS(eg_memory_file_append(f, x, 1, NULL, NULL), EG_ERR_UNSUPPORTED);
    CHECK_STATUS(eg_memory_file_remove(f, &id, 1), EG_ERR_UNSUPPORTED);
    CHECK_STATUS(eg_memory_file_load(f, &patterns), EG_ERR_UNSUPPORTED);
    CHECK(strstr(eg_error_detail(), "clique") != NULL);
    CHECK_STATUS(eg_memory_file_write_binary(f, other), EG_ERR_SHAPE);
    CHECK_STATUS(eg_memory_file_write_binary(f, m), EG_ERR_IO); /* never loaded from here */
    eg_memory_file_close(f);
    write_file(dense, N);
    CHECK_OK(eg_memory_file_open(dense, &quick, &f));
    CHECK_STATUS(eg_memory_file_load_binary(f, &none), EG_ERR_UNSUPPORTED);
    CHECK_STATUS(eg_memory_file_write_binary(f, m), EG_ERR_UNSUPPORTED);
    CHECK(none == NULL && patterns == NULL);
    eg_memory_file_close(f);
    eg_binary_destroy(m);
    eg_binary_destroy(other);
}

/* Every allocation fails, one after the other. */
static void allocations_may_fail(void **state)
{
    const char *path = path_of("alloc.egm"), *to = path_of("alloc.npy");
    eg_binary *m = filled_of(&rows[3]);
    eg_status s = EG_ERR_NOMEM;
    size_t k = 0;
    (void)state;
    for (; s != EG_OK && k < 2000; k++) {
        struct failing fail = { k, 0, 0, 0, 0, 0 };
        const eg_allocator alloc = failing_allocator(&fail);
        eg_file_options o = quick;
        eg_memory_file *f = NULL;
        eg_binary *got = NULL;
        o.alloc = &alloc;
        discard(path);
        s = eg_memory_file_save_binary(path, m, &o);
        if (s == EG_OK) s = eg_memory_file_open(path, &o, &f);
        if (s == EG_OK) s = eg_memory_file_load_binary(f, &got);
        if (s == EG_OK) s = eg_memory_file_write_binary(f, got);
        if (s == EG_OK) s = eg_memory_file_verify(f, NULL, NULL);
        if (s == EG_OK) s = eg_memory_file_export(f, to, "npy");
        CHECK(s == EG_OK || s == EG_ERR_NOMEM);
        eg_binary_destroy(got);
        eg_memory_file_close(f);
        CHECK(fail.live == 0);
        check_left_over(path);
    }
    CHECK(s == EG_OK && k > 8);
    eg_binary_destroy(m);
}

/* A child stores pair after pair, and says so after each; killed at any moment. */
static void kills_lose_nothing(void **state)
{
    const char *path = path_of("kill.egm");
    eg_binary *empty = empty_of(&rows[3]);
    struct pairs p = draw(empty, &rows[3], PAIRS);
    size_t cut = 0;
    (void)state;
    for (int k = 0; k < KILLS; k++) {
        int said[2];
        discard(path);
        CHECK_OK(eg_memory_file_save_binary(path, empty, &quick));
        CHECK(pipe(said) == 0);
        const pid_t child = fork();
        if (child == 0) {
            eg_memory_file *f = NULL;
            eg_binary *m = NULL;
            CHECK_OK(eg_memory_file_open(path, &quick, &f));
            CHECK_OK(eg_memory_file_load_binary(f, &m));
            for (uint8_t i = 0; i < PAIRS; i++) {
                store(m, &rows[3], &p, i, 1);
                CHECK_OK(eg_memory_file_write_binary(f, m));
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
        eg_binary *m = load_of(path), *want = empty_of(&rows[3]);
        CHECK(m->n >= done && m->n <= done + 1);
        if (m->n > 0) store(want, &rows[3], &p, 0, (size_t)m->n);
        CHECK(is_same(m, want));
        cut += m->n < PAIRS;
        eg_binary_destroy(want);
        eg_binary_destroy(m);
    }
    CHECK(cut > KILLS / 2);
    release(&p);
    eg_binary_destroy(empty);
}

/* Connections that numpy reads: a row a unit, how often each was made. */
static void exports_are_the_connections(void **state)
{
    const char *path = path_of("export.egm"), *npy = path_of("export.npy");
    const char *tensors = path_of("export.safetensors");
    eg_memory_file *f = NULL;
    eg_dataset set = { 0 };
    eg_binary *m = filled_of(&rows[8]);
    (void)state;
    discard(path);
    CHECK_OK(eg_memory_file_save_binary(path, m, &quick));
    CHECK_OK(eg_memory_file_open(path, &reading, &f));
    CHECK_OK(eg_memory_file_export(f, npy, "npy"));
    CHECK_OK(eg_memory_file_export(f, tensors, "safetensors"));
    CHECK_STATUS(eg_memory_file_export(f, path, "npy"), EG_ERR_INVALID);
    eg_memory_file_close(f);
    CHECK_OK(eg_dataset_read(npy, NULL, &set));
    CHECK(set.n == 80 && set.d == 50);
    for (size_t i = 0; i < 80 * 50; i++) CHECK(set.x[i] == (float)m->sums.at[i]);
    eg_dataset_clear(&set);
    struct bytes b = read_all(tensors);
    CHECK(memmem(b.p, b.n, "binary bam", 10) != NULL);
    CHECK(memmem(b.p, b.n, m->sums.at, 80 * 50 * 4) != NULL);
    free(b.p);
    eg_binary_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_kind_comes_back),
        cmocka_unit_test(what_changed_is_written),
        cmocka_unit_test(two_writers_do_not_lose_what_the_other_wrote),
        cmocka_unit_test(calls_of_the_other_half_are_refused),
        cmocka_unit_test(allocations_may_fail),
        cmocka_unit_test(kills_lose_nothing),
        cmocka_unit_test(exports_are_the_connections),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
