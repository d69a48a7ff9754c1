/* A folder for files of a test, and files in it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_DATA_FOLDER_H
#define TESTS_DATA_FOLDER_H

#include "data_bytes.h"

#define DETAIL(words) CHECK(strstr(eg_error_detail(), words) != NULL)

static char root[512];

static inline const char *in_root(const char *name)
{
    static char path[4][1000];
    static int at;
    at = (at + 1) % 4;
    snprintf(path[at], sizeof path[at], "%s/%s", root, name);
    return path[at];
}

static inline const char *put(const char *name, const void *p, size_t size)
{
    const char *path = in_root(name);
    put_file(path, p, size);
    return path;
}

static inline const char *put_text(const char *name, const char *text)
{
    return put(name, text, strlen(text));
}

static inline int set_up(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "%s", tmp_path(0, "limits"));
    return mkdir(root, 0700);
}

static inline int tear_down(void **state)
{
    char command[600];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", root);
    return system(command);
}

#endif
