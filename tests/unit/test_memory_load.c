/* A load gives back the memory that was saved: its items, also where no patterns are kept, and
 * which ids were used. It takes room for the patterns once and no more. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "engram/memory_file.h"
#include "engram/random.h"

enum { N = 6000, D = 64 }; /* several blocks of either storage */

static void a_load_takes_room_once(void **state)
{
    static const eg_storage storages[] = { EG_STORE_DENSE, EG_STORE_BITS };
    char path[] = "memory_load.XXXXXX";
    (void)state;
    float *x = malloc(sizeof(float) * N * D);
    CHECK(x != NULL);
    for (size_t i = 0; i < (size_t)N * D; i++) x[i] = i * i % 7 < 3 ? 1.0f : -1.0f;
    close(mkstemp(path));
    for (size_t k = 0; k < 2; k++) {
        eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
        eg_file_options quick = EG_FILE_OPTIONS_INIT;
        eg_memory *m = NULL, *loaded = NULL;
        eg_memory_file *f = NULL;
        o.storage = storages[k];
        o.rule.projection = EG_PROJ_SIGN;
        quick.durability = 0;
        CHECK_OK(eg_memory_create(D, &o, &m));
        CHECK_OK(eg_memory_add(m, x, N, NULL));
        unlink(path);
        CHECK_OK(eg_memory_file_create(path, D, &o, &quick, &f));
        for (size_t i = 0; i < N; i += 500)
            CHECK_OK(eg_memory_file_append(f, x + i * D, 500, NULL, NULL));
        CHECK_OK(eg_memory_file_load(f, &loaded));
        eg_memory_file_close(f);
        CHECK(eg_memory_count(loaded) == N);
        CHECK(eg_memory_bytes(loaded) == eg_memory_bytes(m));
        eg_memory_destroy(loaded);
        eg_memory_destroy(m);
    }
    unlink(path);
    free(x);
}

static eg_memory *saved_and_loaded(const char *path, const eg_memory *m, eg_file_info *info)
{
    eg_memory_file *f = NULL;
    eg_memory *back = NULL;
    unlink(path);
    CHECK_OK(eg_memory_file_save(path, m, NULL));
    CHECK_OK(eg_memory_file_open(path, NULL, &f));
    CHECK_OK(eg_memory_file_verify(f, NULL, NULL));
    CHECK_OK(eg_memory_file_info(f, info));
    CHECK_OK(eg_memory_file_load(f, &back));
    eg_memory_file_close(f);
    return back;
}

static eg_memory *fresh(int storage, const float *x, size_t n, const eg_items *items)
{
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    eg_memory *m = NULL;
    o.storage = (eg_storage)storage;
    o.features = 64;
    if (storage == EG_STORE_BITS) o.rule.projection = EG_PROJ_SIGN;
    CHECK_OK(eg_memory_create(D, &o, &m));
    CHECK_OK(eg_memory_add(m, x, n, items));
    return m;
}

static void items_come_back(void **state)
{
    enum { FEW = 5 };
    static const float weight[FEW] = { 1, 2, 5, 1, 3 };
    static const int32_t label[FEW] = { 4, -1, 0, 7, 7 };
    static const uint64_t orders[2][FEW] = { { 3, 4, 9, 10, 40 }, { 40, 3, 10, 9, 4 } };
    char path[] = "memory_items.XXXXXX";
    static float x[(FEW + 1) * D];
    (void)state;
    close(mkstemp(path));
    eg_random_sign(3, 0, 0, sizeof x / sizeof *x, x);
    for (int k = 0; k < 2 * EG_STORE_COUNT; k++) {
        const uint64_t *id = orders[k % 2];
        const eg_items items = { weight, label, NULL, id };
        eg_file_info info;
        eg_memory *m = fresh(k / 2, x, FEW, &items);
        eg_memory *back = saved_and_loaded(path, m, &info);
        CHECK(info.count == FEW && eg_memory_count(back) == FEW);
        for (size_t i = 0; i < FEW; i++) {
            size_t at = FEW;
            CHECK(eg_memory_id(back, i) == id[i] && eg_memory_label(back, i) == label[i]);
            CHECK(eg_memory_weight(back, i) == weight[i]);
            CHECK(eg_memory_find(back, id[i], &at) == EG_OK && at == i);
        }
        /* and the next one goes where it would have gone */
        CHECK_OK(eg_memory_add(back, x + FEW * D, 1, NULL));
        CHECK(eg_memory_count(back) == FEW + 1 && eg_memory_id(back, FEW) == 41);
        eg_memory_destroy(back);
        eg_memory_destroy(m);
    }
    unlink(path);
}

/* A pattern of a state is in the file by its id, and cannot be taken out without itself. */
static void ids_in_a_state_are_in_use(void **state)
{
    char path[] = "memory_state.XXXXXX";
    static float x[4 * D];
    const uint64_t second = 2, new_ids[2] = { 2, 9 };
    const eg_items items = { NULL, NULL, NULL, new_ids };
    eg_memory_file *f = NULL;
    eg_file_info info;
    uint64_t id = 0;
    (void)state;
    close(mkstemp(path));
    eg_random_sign(4, 0, 0, sizeof x / sizeof *x, x);
    eg_memory *m = fresh(EG_STORE_HEBB, x, 3, NULL), *back = saved_and_loaded(path, m, &info);
    eg_memory_destroy(back);
    CHECK_OK(eg_memory_file_open(path, NULL, &f));
    CHECK_STATUS(eg_memory_file_remove(f, &second, 1), EG_ERR_UNSUPPORTED);
    CHECK_STATUS(eg_memory_file_append(f, x, 2, &items, NULL), EG_ERR_INVALID);
    CHECK_OK(eg_memory_file_append(f, x + 3 * D, 1, NULL, &id));
    CHECK(id == 4);
    CHECK_OK(eg_memory_file_vacuum(f));
    CHECK_OK(eg_memory_file_verify(f, NULL, NULL));
    CHECK_OK(eg_memory_file_load(f, &back));
    CHECK(eg_memory_count(back) == 4 && eg_memory_id(back, 3) == 4);
    CHECK_STATUS(eg_memory_file_export(f, "never.npy", "npy"), EG_ERR_UNSUPPORTED);
    CHECK_OK(eg_memory_file_remove(f, &id, 1)); /* this one has its pattern */
    eg_memory_file_close(f);
    eg_memory_destroy(back);
    eg_memory_destroy(m);
    unlink(path);
}

static void a_removed_id_is_not_used_again(void **state)
{
    static const int storages[] = { EG_STORE_DENSE, EG_STORE_BITS };
    char path[] = "memory_ids.XXXXXX";
    static float x[4 * D];
    eg_file_info info;
    (void)state;
    close(mkstemp(path));
    eg_random_sign(5, 0, 0, sizeof x / sizeof *x, x);
    for (size_t k = 0; k < 2; k++) {
        const uint64_t all[4] = { 1, 2, 3, 4 };
        eg_memory *m = fresh(storages[k], x, 4, NULL);
        for (size_t gone = 1; gone <= 4; gone += 3) { /* the last one, then all */
            CHECK_OK(eg_memory_remove(m, all + 4 - gone, gone == 4 ? 3 : 1));
            eg_memory *back = saved_and_loaded(path, m, &info);
            const size_t n = eg_memory_count(back);
            CHECK_OK(eg_memory_add(back, x, 1, NULL));
            CHECK(eg_memory_id(back, n) == 5);
            eg_memory_destroy(back);
            eg_memory_file *f = NULL;
            uint64_t id = 0;
            CHECK_OK(eg_memory_file_open(path, NULL, &f));
            CHECK_OK(eg_memory_file_append(f, x, 1, NULL, &id));
            CHECK(id == 5);
            eg_memory_file_close(f);
        }
        eg_memory_destroy(m);
    }
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_load_takes_room_once),
        cmocka_unit_test(items_come_back),
        cmocka_unit_test(ids_in_a_state_are_in_use),
        cmocka_unit_test(a_removed_id_is_not_used_again),
    };
    return cmocka_run_group_tests_name("memory_load", tests, NULL, NULL);
}
