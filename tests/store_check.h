/* A store of a few records for the tests of damage and failure. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_STORE_CHECK_H
#define TESTS_STORE_CHECK_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "check.h"
#include "store/egi_store_impl.h"

static char folder[256], path[300];

static inline int set_up(void **state)
{
    const char *tmp = getenv("EG_TEST_TMP");
    (void)state;
    snprintf(folder, sizeof folder, "%s/forged.XXXXXX", tmp != NULL ? tmp : ".");
    if (mkdtemp(folder) == NULL) return -1;
    snprintf(path, sizeof path, "%s/file", folder);
    return 0;
}

static inline int tear_down(void **state)
{
    char command[300];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

static inline egi_store_options settings(void)
{
    return (egi_store_options){ .wait_ms = 100, .alloc = eg_allocator_default() };
}

static inline eg_status nothing(void *user, egi_store *s)
{
    (void)user;
    (void)s;
    return EG_OK;
}

/* Records 1 .. n of `size` bytes, and a note. */
static inline void fill(size_t n, size_t size)
{
    static uint8_t bytes[10000];
    const egi_store_options o = settings();
    egi_store *s = NULL;
    egi_path_discard(path);
    CHECK_OK(egi_store_build(path, &o, nothing, NULL));
    CHECK_OK(egi_store_open(path, &o, &s));
    CHECK_OK(egi_store_begin(s, 1));
    CHECK_OK(egi_store_set_meta(s, "key", "value", 5));
    for (size_t i = 0; i < n; i++) {
        egi_record head = { 0, 1, i, i, 1, size };
        memset(bytes, (int)(i % 251), size);
        CHECK_OK(egi_store_put(s, &head, bytes));
    }
    CHECK_OK(egi_store_commit(s));
    egi_store_close(s);
}

static inline eg_status opened(void)
{
    const egi_store_options o = settings();
    egi_store *s = NULL;
    const eg_status status = egi_store_open(path, &o, &s);
    egi_store_close(s);
    return status;
}

#endif
