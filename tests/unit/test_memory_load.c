/* A load knows how many patterns come: the memory takes room for them once and no more. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <unistd.h>

#include "check.h"
#include "engram/memory_file.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(a_load_takes_room_once) };
    return cmocka_run_group_tests_name("memory_load", tests, NULL, NULL);
}
