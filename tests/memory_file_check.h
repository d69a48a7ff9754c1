/* Memory files for the tests of damage and failure: one content, and the judge of it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_MEMORY_FILE_CHECK_H
#define TESTS_MEMORY_FILE_CHECK_H

#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/egi_base.h"
#include "check.h"

enum { N = 40, D = 16 };

static char folder[256];
static float x[N * D]; /* what every file here holds, and from its beginning again */

static inline const char *path_of(const char *name)
{
    static char path[8][320];
    static int at;
    at = (at + 1) % 8;
    snprintf(path[at], sizeof path[at], "%s/%s", folder, name);
    return path[at];
}

static inline void discard(const char *path)
{
    static const char *const tail[] = { "", "-wal", "-shm", "-journal" };
    char other[400];
    for (size_t i = 0; i < EGI_COUNT(tail); i++) {
        snprintf(other, sizeof other, "%s%s", path, tail[i]);
        unlink(other);
    }
}

static inline int make_folder(void)
{
    const char *tmp = getenv("EG_TEST_TMP");
    eg_random_normal(11, 0, 0, N * D, x);
    snprintf(folder, sizeof folder, "%s/memory_file.XXXXXX", tmp != NULL ? tmp : ".");
    return mkdtemp(folder) != NULL ? 0 : -1;
}

static inline int tear_down(void **state)
{
    char command[300];
    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    return system(command);
}

struct bytes {
    uint8_t *p;
    size_t n;
};

static inline struct bytes read_all(const char *path)
{
    FILE *in = fopen(path, "rb");
    struct stat st;
    CHECK(in != NULL && fstat(fileno(in), &st) == 0);
    struct bytes b = { malloc((size_t)st.st_size + 1), 0 };
    b.n = fread(b.p, 1, (size_t)st.st_size, in);
    fclose(in);
    return b;
}

static inline void write_all(const char *path, const uint8_t *p, size_t n)
{
    discard(path);
    FILE *out = fopen(path, "wb");
    CHECK(out != NULL && fwrite(p, 1, n, out) == n);
    fclose(out);
}

static const eg_file_options quick = { .size = sizeof quick };
static const eg_file_options reading = { .size = sizeof reading, .read_only = 1 };

/* Patterns 0 .. N - 1 in a few blocks, a note, some of them removed and put back. */
static inline void write_file(const char *path, size_t n)
{
    eg_memory_file *f = NULL;
    discard(path);
    CHECK_OK(eg_memory_file_create(path, D, NULL, &quick, &f));
    for (size_t at = 0; at < n; at += 10)
        CHECK_OK(eg_memory_file_append(f, x + at % N * D, n - at < 10 ? n - at : 10, NULL, NULL));
    CHECK_OK(eg_memory_file_set_note(f, "title", "forty patterns"));
    eg_memory_file_close(f);
}

/* 1: the memory is, to the bit, patterns 0 .. n - 1 with ids 1 .. n. */
static inline int is_whole(const eg_memory *m, size_t n)
{
    float row[D];
    if (eg_memory_count(m) != n || eg_memory_size(m) != D) return 0;
    const eg_rule *rule = &eg_memory_options_view(m)->rule;
    if (rule->separation != EG_SEP_SOFTMAX || rule->beta != 1) return 0;
    for (size_t i = 0; i < n; i++) {
        if (eg_memory_pattern(m, i, row) != EG_OK || memcmp(row, x + i % N * D, sizeof row) != 0)
            return 0;
        if (eg_memory_id(m, i) != i + 1 || eg_memory_label(m, i) != -1) return 0;
        if (eg_memory_weight(m, i) != 1.0f) return 0;
    }
    return 1;
}

/* What comes of a damaged file: a typed error at open, load or verify, or the exact data. */
enum verdict { DETECTED, HARMLESS, SILENT };

static inline enum verdict judge(const char *path, size_t n)
{
    eg_memory_file *f = NULL;
    eg_memory *m = NULL;
    const char *title = "";
    eg_status s = eg_memory_file_open(path, &reading, &f);
    if (s == EG_OK) s = eg_memory_file_load(f, &m);
    if (s == EG_OK) s = eg_memory_file_note(f, "title", &title);
    enum verdict v = s == EG_ERR_CORRUPT || s == EG_ERR_VERSION ? DETECTED : SILENT;
    if (s == EG_OK && is_whole(m, n) && strcmp(title, "forty patterns") == 0) {
        v = HARMLESS;
        s = eg_memory_file_verify(f, NULL, NULL); /* may know, must not crash */
        if (s != EG_OK) v = s == EG_ERR_CORRUPT ? DETECTED : SILENT;
    }
    if (v == SILENT) print_message("%s: %s\n", eg_status_name(s), eg_error_detail());
    eg_memory_destroy(m);
    eg_memory_file_close(f);
    return v;
}

/* Whatever failed, what is on disk under the name is absent or a good file. */
static inline void check_left_over(const char *path)
{
    eg_memory_file *f = NULL;
    if (access(path, F_OK) != 0) return;
    CHECK_OK(eg_memory_file_open(path, NULL, &f));
    CHECK_OK(eg_memory_file_verify(f, NULL, NULL));
    eg_memory_file_close(f);
}

#endif
