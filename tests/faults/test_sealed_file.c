/* What the fuzzer's mutations stand on: a file that is changed and sealed again
 * (fuzz/memory_file_seal.h) is a good one, with the change in it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "fuzz/memory_file_seal.h"
#include "memory_file_check.h"

enum { MANY = 1200 }; /* rows: trees of two levels, records over several pages */

static int set_up(void **state)
{
    (void)state;
    return make_folder();
}

static struct bytes file_of(const char *path)
{
    eg_memory_file *f = NULL;
    discard(path);
    CHECK_OK(eg_memory_file_create(path, D, NULL, NULL, &f));
    for (size_t i = 0; i < MANY - 400; i += 4) CHECK_OK(eg_memory_file_append(f, x, 4, NULL, NULL));
    for (size_t i = 0; i < 400; i += N) CHECK_OK(eg_memory_file_append(f, x, N, NULL, NULL));
    CHECK_OK(eg_memory_file_set_note(f, "title", "forty patterns"));
    eg_memory_file_close(f);
    return read_all(path);
}

/* The root counts transactions; nothing else of a good file is changed by sealing it. */
static void a_good_file_is_sealed_already(void **state)
{
    const char *path = path_of("good.egm");
    size_t differ = 0;
    struct sealed s;
    (void)state;
    struct bytes b = file_of(path), was = { malloc(b.n), b.n };
    CHECK(was.p != NULL);
    memcpy(was.p, b.p, b.n);
    CHECK(seal_walk(&s, b.p, b.n));
    CHECK(s.root != NULL && s.notes == 3 && s.records == (MANY - 400) / 4 + 400 / N);
    const size_t page = (size_t)(s.root - b.p) / PAGE;
    seal(b.p, b.n);
    for (size_t i = 0; i < b.n; i++) differ += i / PAGE != page && b.p[i] != was.p[i];
    CHECK(differ == 0 && memcmp(b.p, was.p, b.n) != 0);
    free(b.p);
    free(was.p);
}

static void a_change_that_is_sealed_is_taken(void **state)
{
    const char *path = path_of("changed.egm");
    static uint8_t blob[SEAL_BLOB_MOST];
    struct sealed s;
    eg_memory_file *f = NULL;
    eg_memory *m = NULL;
    float row[D];
    (void)state;
    struct bytes b = file_of(path);
    CHECK(seal_walk(&s, b.p, b.n));
    for (size_t i = 0; i < s.records; i++) {
        const float changed = 7;
        const size_t size = seal_blob(&s, &s.rows[i], blob, 0);
        CHECK(size > 32 + 8 + 4 * D);
        memcpy(blob + size - 4, &changed, 4); /* the last component of the last row */
        CHECK(seal_blob(&s, &s.rows[i], blob, 1) == size);
    }
    write_all(path, b.p, b.n);
    CHECK_STATUS(eg_memory_file_open(path, &reading, &f) == EG_OK ? eg_memory_file_load(f, &m)
                                                                  : EG_ERR_CORRUPT,
                 EG_ERR_CORRUPT);
    eg_memory_file_close(f);
    seal(b.p, b.n);
    write_all(path, b.p, b.n);
    f = NULL;
    CHECK_OK(eg_memory_file_open(path, &reading, &f));
    CHECK_OK(eg_memory_file_verify(f, NULL, NULL));
    CHECK_OK(eg_memory_file_load(f, &m));
    CHECK(eg_memory_count(m) == MANY);
    size_t changed = 0;
    for (size_t i = 0; i < MANY; i++) {
        CHECK_OK(eg_memory_pattern(m, i, row));
        changed += row[D - 1] == 7;
    }
    CHECK(changed == s.records);
    eg_memory_destroy(m);
    eg_memory_file_close(f);
    free(b.p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_good_file_is_sealed_already),
        cmocka_unit_test(a_change_that_is_sealed_is_taken),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
