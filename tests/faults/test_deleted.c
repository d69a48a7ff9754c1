/* What is deleted is gone: nine of ten patterns are removed, and after a vacuum the file is hardly
 * larger than one that never had them, and none of their bytes is in it, in its log or in what lies
 * beside it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "memory_file_check.h"

enum { MANY = 3000, KEEP = 10, WIDE = 48, NEEDLE = 16 };

static int set_up(void **state)
{
    (void)state;
    return make_folder();
}

static float pattern[MANY * WIDE];

static size_t size_of(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 ? (size_t)st.st_size : 0;
}

static eg_memory_file *new_file(const char *path, eg_storage storage)
{
    const char *title = "what is to be forgotten";
    eg_memory_options m = EG_MEMORY_OPTIONS_INIT;
    eg_memory_file *f = NULL;
    m.storage = storage;
    if (storage == EG_STORE_BITS) m.rule.projection = EG_PROJ_SIGN;
    discard(path);
    CHECK_OK(eg_memory_file_create(path, WIDE, &m, NULL, &f));
    for (size_t i = 0; i < MANY; i += 100)
        CHECK_OK(eg_memory_file_append(f, pattern + i * WIDE, 100, NULL, NULL));
    CHECK_OK(eg_memory_file_set_note(f, "title", title));
    return f;
}

/* How many of the patterns that were removed have bytes in a file. */
static size_t found_in(const char *path, const char *tail, eg_storage storage)
{
    char name[420];
    size_t found = 0;
    snprintf(name, sizeof name, "%s%s", path, tail);
    if (access(name, F_OK) != 0) return 0;
    struct bytes b = read_all(name);
    for (size_t i = 0; i < MANY; i++) {
        uint8_t bits[WIDE / 8] = { 0 };
        for (size_t c = 0; c < WIDE; c++)
            if (pattern[i * WIDE + c] > 0) bits[c / 8] |= (uint8_t)(1u << c % 8);
        const int packed = storage == EG_STORE_BITS;
        if (i % KEEP != 0 && b.n > NEEDLE)
            found += memmem(b.p, b.n, packed ? (const void *)bits : pattern + i * WIDE,
                            packed ? sizeof bits : NEEDLE)
                     != NULL;
    }
    if (memmem(b.p, b.n, "to be forgotten", 15) != NULL) found++;
    free(b.p);
    return found;
}

static void remove_most(eg_memory_file *f)
{
    for (uint64_t id = 1; id <= MANY; id++)
        if ((id - 1) % KEEP != 0) CHECK_OK(eg_memory_file_remove(f, &id, 1));
    CHECK_OK(eg_memory_file_set_note(f, "title", NULL));
}

static void vacuumed(eg_storage storage)
{
    const char *path = path_of("deleted.egm"), *fresh = path_of("fresh.egm");
    eg_file_options fast = EG_FILE_OPTIONS_INIT;
    eg_memory *m = NULL;
    for (size_t i = 0; i < MANY * WIDE; i++) {
        float z;
        eg_random_normal(9, 0, i, 1, &z);
        pattern[i] = storage == EG_STORE_BITS ? (z > 0 ? 1.0f : -1.0f) : z;
    }
    eg_memory_file *f = new_file(path, storage);
    eg_memory_file_close(f);
    const size_t before = size_of(path);
    CHECK(found_in(path, "", storage) > MANY / 2); /* or the search finds nothing that is there */
    fast.durability = 0;
    CHECK_OK(eg_memory_file_open(path, &fast, &f));
    remove_most(f);
    CHECK_OK(eg_memory_file_vacuum(f));
    CHECK(found_in(path, "", storage) == 0 && found_in(path, "-wal", storage) == 0);
    CHECK(found_in(path, "-shm", storage) == 0);
    CHECK_OK(eg_memory_file_verify(f, NULL, NULL));
    CHECK_OK(eg_memory_file_load(f, &m));
    CHECK(eg_memory_count(m) == MANY / KEEP);
    eg_memory_file_close(f);
    CHECK(found_in(path, "", storage) == 0 && access(path_of("deleted.egm-wal"), F_OK) != 0);
    discard(fresh);
    CHECK_OK(eg_memory_file_save(fresh, m, NULL));
    const size_t after = size_of(path), live = size_of(fresh);
    print_message("%zu bytes, %zu after 90 %% were deleted, %zu for the rest alone\n", before,
                  after, live);
    CHECK((double)after <= 1.2 * (double)live);
    eg_memory_destroy(m);
    discard(path);
    discard(fresh);
}

static void deleted_patterns_leave_the_file(void **state)
{
    (void)state;
    vacuumed(EG_STORE_DENSE);
    vacuumed(EG_STORE_BITS);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(deleted_patterns_leave_the_file) };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
