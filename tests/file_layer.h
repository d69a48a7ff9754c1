/* A memory file in use over a layer that sees every read, write, cut and sync of the file and its
 * log, and may refuse them; and what it must hold after each step. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FILE_LAYER_H
#define TESTS_FILE_LAYER_H

#include <sqlite3.h>

#include "memory_file_check.h"

enum { MAIN, LOG, FILES };
enum kind { WRITE, CUT, SYNC, READ, ACKNOWLEDGED };

/* What SQLite is told of the k-th of them; SQLITE_OK: it is done. */
static int seen(enum kind kind, int file, size_t at, size_t n, const void *bytes);

static char watched[] = "watched.egm"; /* the file's name, without its folder */

/* ---- the layer ---- */

struct noted {
    sqlite3_file base;
    int file;
    sqlite3_file *real;
};

static sqlite3_vfs *below;
static sqlite3_io_methods methods;

static struct noted *noted(sqlite3_file *f)
{
    return (struct noted *)(void *)f;
}

#define PASS(name, params, args)             \
    static int name params                   \
    {                                        \
        sqlite3_file *real = noted(f)->real; \
        return real->pMethods->name args;    \
    }
PASS(xClose, (sqlite3_file * f), (real))
PASS(xFileSize, (sqlite3_file * f, sqlite3_int64 *size), (real, size))
PASS(xLock, (sqlite3_file * f, int level), (real, level))
PASS(xUnlock, (sqlite3_file * f, int level), (real, level))
PASS(xCheckReservedLock, (sqlite3_file * f, int *out), (real, out))
PASS(xFileControl, (sqlite3_file * f, int op, void *arg), (real, op, arg))
PASS(xSectorSize, (sqlite3_file * f), (real))
PASS(xDeviceCharacteristics, (sqlite3_file * f), (real))
PASS(xShmMap, (sqlite3_file * f, int page, int size, int extend, void volatile **out),
     (real, page, size, extend, out))
PASS(xShmLock, (sqlite3_file * f, int offset, int n, int flags), (real, offset, n, flags))
PASS(xShmUnmap, (sqlite3_file * f, int drop), (real, drop))

static void xShmBarrier(sqlite3_file *f)
{
    noted(f)->real->pMethods->xShmBarrier(noted(f)->real);
}

static int xRead(sqlite3_file *f, void *to, int size, sqlite3_int64 at)
{
    const int rc = seen(READ, noted(f)->file, (size_t)at, (size_t)size, NULL);
    return rc != SQLITE_OK ? rc : noted(f)->real->pMethods->xRead(noted(f)->real, to, size, at);
}

static int xWrite(sqlite3_file *f, const void *bytes, int size, sqlite3_int64 at)
{
    const int rc = seen(WRITE, noted(f)->file, (size_t)at, (size_t)size, bytes);
    return rc != SQLITE_OK ? rc : noted(f)->real->pMethods->xWrite(noted(f)->real, bytes, size, at);
}

static int xTruncate(sqlite3_file *f, sqlite3_int64 size)
{
    const int rc = seen(CUT, noted(f)->file, 0, (size_t)size, NULL);
    return rc != SQLITE_OK ? rc : noted(f)->real->pMethods->xTruncate(noted(f)->real, size);
}

/* The disk itself is not asked: nothing here outlives the machine. */
static int xSync(sqlite3_file *f, int flags)
{
    (void)flags;
    return seen(SYNC, noted(f)->file, 0, 0, NULL);
}

/* Which of the two files a name is; FILES: neither. */
static int file_of(const char *name)
{
    const size_t n = sizeof watched - 1;
    const char *base = name != NULL ? strrchr(name, '/') : NULL;
    if (base == NULL || strncmp(base + 1, watched, n) != 0) return FILES;
    if (base[1 + n] == '\0') return MAIN;
    return strcmp(base + 1 + n, "-wal") == 0 ? LOG : FILES;
}

static int open_noted(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    (void)vfs;
    struct noted *mine = noted(f);
    if (file_of(name) == FILES) return below->xOpen(below, name, f, flags, out);
    mine->file = file_of(name);
    mine->real = (sqlite3_file *)(void *)(mine + 1);
    const int rc = below->xOpen(below, name, mine->real, flags, out);
    mine->base.pMethods = mine->real->pMethods != NULL ? &methods : NULL;
    return rc;
}

static int delete_noted(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)vfs;
    const int rc = file_of(name) != FILES ? seen(CUT, file_of(name), 0, 0, NULL) : SQLITE_OK;
    return rc != SQLITE_OK ? rc : below->xDelete(below, name, sync);
}

static inline int set_up(void **state)
{
    static sqlite3_vfs layer;
    (void)state;
    below = sqlite3_vfs_find(NULL);
    layer = *below;
    layer.zName = "noted";
    layer.szOsFile += (int)sizeof(struct noted);
    layer.xOpen = open_noted;
    layer.xDelete = delete_noted;
    methods = (sqlite3_io_methods){ .iVersion = 2,
                                    .xClose = xClose,
                                    .xRead = xRead,
                                    .xWrite = xWrite,
                                    .xTruncate = xTruncate,
                                    .xSync = xSync,
                                    .xFileSize = xFileSize,
                                    .xLock = xLock,
                                    .xUnlock = xUnlock,
                                    .xCheckReservedLock = xCheckReservedLock,
                                    .xFileControl = xFileControl,
                                    .xSectorSize = xSectorSize,
                                    .xDeviceCharacteristics = xDeviceCharacteristics,
                                    .xShmMap = xShmMap,
                                    .xShmLock = xShmLock,
                                    .xShmBarrier = xShmBarrier,
                                    .xShmUnmap = xShmUnmap };
    if (sqlite3_vfs_register(&layer, 1) != SQLITE_OK) return -1;
    return make_folder();
}

/* ---- a file in use ---- */

enum { STEPS = 60, ROWS_MAX = 4 * STEPS };

/* What the file holds when so many steps are acknowledged: ids, of which pattern i is filled with
 * its own id. */
struct content {
    uint64_t id[ROWS_MAX];
    size_t n;
};
static struct content after[STEPS + 1];

static eg_status append(eg_memory_file *f, uint64_t first, size_t n)
{
    float rows[4 * D];
    for (size_t i = 0; i < n * D; i++) rows[i] = (float)(first + i / D);
    return eg_memory_file_append(f, rows, n, NULL, NULL);
}

/* One step: an append of 1 to 4, a removal or a vacuum; c becomes what is there behind it. */
static eg_status use_once(eg_memory_file *f, uint64_t seed, size_t step, uint64_t *next,
                          struct content *c)
{
    uint32_t r[4];
    egi_philox(seed, 0, step, r);
    if (r[0] % 16 < 4 && c->n > 2) {
        const size_t k = r[1] % c->n;
        const uint64_t id = c->id[k];
        memmove(c->id + k, c->id + k + 1, (--c->n - k) * sizeof *c->id);
        return eg_memory_file_remove(f, &id, 1);
    }
    if (r[0] % 16 == 4) return eg_memory_file_vacuum(f);
    const size_t n = 1 + r[1] % 4;
    const uint64_t first = *next;
    for (size_t i = 0; i < n; i++) c->id[c->n++] = (*next)++;
    return append(f, first, n);
}

/* Steps until one fails, now and then with the file closed and opened again. *done: steps that
 * were acknowledged. f: of the last step, to be closed; NULL where it could not be opened. */
static eg_status use(const char *path, uint64_t seed, size_t *done, eg_memory_file **f)
{
    uint64_t next = 1;
    memset(after, 0, sizeof after);
    *f = NULL;
    eg_status s = eg_memory_file_open(path, NULL, f);
    for (*done = 0; *done < STEPS && s == EG_OK;) {
        after[*done + 1] = after[*done];
        s = use_once(*f, seed, *done, &next, &after[*done + 1]);
        if (s != EG_OK) break;
        seen(ACKNOWLEDGED, FILES, 0, 0, NULL);
        (*done)++;
        if (*done % 12 != 0) continue;
        eg_memory_file_close(*f);
        *f = NULL;
        s = eg_memory_file_open(path, NULL, f);
    }
    return s;
}

static void new_file(const char *path)
{
    eg_memory_file *f = NULL;
    discard(path);
    CHECK_OK(eg_memory_file_create(path, D, NULL, NULL, &f));
    eg_memory_file_close(f);
}

static int holds(const eg_memory *m, const struct content *c)
{
    float row[D];
    if (eg_memory_count(m) != c->n) return 0;
    for (size_t i = 0; i < c->n; i++) {
        if (eg_memory_id(m, i) != c->id[i] || eg_memory_pattern(m, i, row) != EG_OK) return 0;
        for (size_t k = 0; k < D; k++)
            if (row[k] != (float)c->id[i]) return 0;
    }
    return 1;
}

/* What was acknowledged is there, and of the step that was under way all or nothing. */
static void judge_use(const char *path, size_t acknowledged, const char *after_what)
{
    eg_memory_file *f = NULL;
    eg_memory *m = NULL;
    eg_status s = eg_memory_file_open(path, &quick, &f);
    if (s == EG_OK) s = eg_memory_file_verify(f, NULL, NULL);
    if (s == EG_OK) s = eg_memory_file_load(f, &m);
    const size_t next = acknowledged < STEPS ? acknowledged + 1 : acknowledged;
    if (s != EG_OK || !(holds(m, &after[acknowledged]) || holds(m, &after[next])))
        fail_msg("%s, %zu steps acknowledged: %s", after_what, acknowledged,
                 s != EG_OK ? eg_error_detail() : "other patterns");
    eg_memory_destroy(m);
    eg_memory_file_close(f);
}

#endif
