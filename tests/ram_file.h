/* One memory file in memory: SQLite's file, log and index as bytes of the test, so that a file can
 * be damaged and opened again some thousand times a second. A name of its own is on disk, for the
 * store looks at a path before SQLite does. One handle at a time. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_RAM_FILE_H
#define TESTS_RAM_FILE_H

#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RAM_MAIN, RAM_LOG, RAM_FILES, RAM_SHARED = 64 };

struct ram_bytes {
    unsigned char *p;
    size_t n, room;
};

static char ram_path[512]; /* of the main file; the log is called as SQLite calls it */
static struct ram_bytes ram_file[RAM_FILES];
static void *ram_shared[RAM_SHARED]; /* regions of the log's index */

struct ram_handle {
    sqlite3_file base;
    struct ram_bytes *bytes;
};

static sqlite3_vfs *ram_below;

static struct ram_bytes *ram_of(sqlite3_file *f)
{
    return ((struct ram_handle *)(void *)f)->bytes;
}

/* NULL: no memory. */
static unsigned char *ram_fit(struct ram_bytes *b, size_t n)
{
    if (n > b->room) {
        unsigned char *grown = realloc(b->p, 2 * n);
        if (grown == NULL) return NULL;
        b->p = grown;
        b->room = 2 * n;
    }
    if (n > b->n) memset(b->p + b->n, 0, n - b->n);
    if (n > b->n) b->n = n;
    return b->p;
}

static int ram_close(sqlite3_file *f)
{
    (void)f;
    return SQLITE_OK;
}

static int ram_read(sqlite3_file *f, void *to, int size, sqlite3_int64 at)
{
    const struct ram_bytes *b = ram_of(f);
    const size_t there = (size_t)at < b->n ? b->n - (size_t)at : 0;
    const size_t n = there < (size_t)size ? there : (size_t)size;
    if (n > 0) memcpy(to, b->p + at, n);
    memset((char *)to + n, 0, (size_t)size - n);
    return n == (size_t)size ? SQLITE_OK : SQLITE_IOERR_SHORT_READ;
}

static int ram_write(sqlite3_file *f, const void *bytes, int size, sqlite3_int64 at)
{
    if (at > (sqlite3_int64)64 << 20) return SQLITE_FULL; /* a damaged log may ask for any place */
    if (ram_fit(ram_of(f), (size_t)at + (size_t)size) == NULL) return SQLITE_IOERR_NOMEM;
    memcpy(ram_of(f)->p + at, bytes, (size_t)size);
    return SQLITE_OK;
}

static int ram_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    if ((size_t)size < ram_of(f)->n) ram_of(f)->n = (size_t)size;
    return SQLITE_OK;
}

static int ram_size(sqlite3_file *f, sqlite3_int64 *size)
{
    *size = (sqlite3_int64)ram_of(f)->n;
    return SQLITE_OK;
}

static int ram_nothing(sqlite3_file *f, int how)
{
    (void)f;
    (void)how;
    return SQLITE_OK;
}

static int ram_zero(sqlite3_file *f)
{
    (void)f;
    return 0;
}

static int ram_reserved(sqlite3_file *f, int *out)
{
    (void)f;
    *out = 0;
    return SQLITE_OK;
}

static int ram_control(sqlite3_file *f, int op, void *arg)
{
    (void)f;
    (void)op;
    (void)arg;
    return SQLITE_NOTFOUND;
}

static int ram_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    (void)f;
    *out = NULL;
    if (page >= RAM_SHARED) return SQLITE_FULL;
    if (ram_shared[page] == NULL && extend) ram_shared[page] = calloc(1, (size_t)size);
    *out = ram_shared[page];
    return *out == NULL && extend ? SQLITE_IOERR_NOMEM : SQLITE_OK;
}

static int ram_lock(sqlite3_file *f, int offset, int n, int flags)
{
    (void)f;
    (void)offset;
    (void)n;
    (void)flags;
    return SQLITE_OK;
}

static void ram_barrier(sqlite3_file *f)
{
    (void)f;
}

static int ram_unmap(sqlite3_file *f, int drop)
{
    (void)f;
    for (int i = 0; drop && i < RAM_SHARED; i++) {
        free(ram_shared[i]);
        ram_shared[i] = NULL;
    }
    return SQLITE_OK;
}

static const sqlite3_io_methods ram_methods = {
    .iVersion = 2,
    .xClose = ram_close,
    .xRead = ram_read,
    .xWrite = ram_write,
    .xTruncate = ram_truncate,
    .xSync = ram_nothing,
    .xFileSize = ram_size,
    .xLock = ram_nothing,
    .xUnlock = ram_nothing,
    .xCheckReservedLock = ram_reserved,
    .xFileControl = ram_control,
    .xSectorSize = ram_zero,
    .xDeviceCharacteristics = ram_zero,
    .xShmMap = ram_map,
    .xShmLock = ram_lock,
    .xShmBarrier = ram_barrier,
    .xShmUnmap = ram_unmap,
};

/* NULL: a file of the disk. */
static struct ram_bytes *ram_find(const char *name)
{
    const size_t n = strlen(ram_path);
    if (name == NULL || strncmp(name, ram_path, n) != 0) return NULL;
    if (name[n] == '\0') return &ram_file[RAM_MAIN];
    return strcmp(name + n, "-wal") == 0 ? &ram_file[RAM_LOG] : NULL;
}

static int ram_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    (void)vfs;
    struct ram_handle *h = (struct ram_handle *)(void *)f;
    h->bytes = ram_find(name);
    if (h->bytes == NULL) return ram_below->xOpen(ram_below, name, f, flags, out);
    h->base.pMethods = &ram_methods;
    if (out != NULL) *out = flags;
    return SQLITE_OK;
}

static int ram_delete(sqlite3_vfs *vfs, const char *name, int sync)
{
    (void)vfs;
    struct ram_bytes *b = ram_find(name);
    if (b == NULL) return ram_below->xDelete(ram_below, name, sync);
    b->n = 0;
    return SQLITE_OK;
}

/* An empty log is one that is not there. */
static int ram_access(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
    (void)vfs;
    const size_t n = strlen(ram_path);
    if (strncmp(name, ram_path, n) != 0) return ram_below->xAccess(ram_below, name, flags, out);
    *out = ram_find(name) != NULL && ram_find(name)->n > 0;
    return SQLITE_OK;
}

static int ram_name(sqlite3_vfs *vfs, const char *name, int room, char *out)
{
    (void)vfs;
    if (ram_find(name) == NULL) return ram_below->xFullPathname(ram_below, name, room, out);
    return snprintf(out, (size_t)room, "%s", name) < room ? SQLITE_OK : SQLITE_CANTOPEN;
}

/* There is no other process to wait for. */
static int ram_sleep(sqlite3_vfs *vfs, int us)
{
    (void)vfs;
    return us;
}

/* The file is called `path`, absolute, from now on. Before the library's first use of SQLite. */
static inline int ram_begin(const char *path)
{
    static sqlite3_vfs layer;
    static const char looked_at[512];
    if (strlen(path) >= sizeof ram_path) return -1;
    memcpy(ram_path, path, strlen(path) + 1);
    /* one thread, and nobody asks how much SQLite took: a tenth faster */
    if (sqlite3_config(SQLITE_CONFIG_SINGLETHREAD) != SQLITE_OK
        || sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0) != SQLITE_OK)
        return -1;
    FILE *name = fopen(path, "wb");
    if (name == NULL || fwrite(looked_at, 1, 512, name) != 512 || fclose(name) != 0) return -1;
    ram_below = sqlite3_vfs_find(NULL);
    layer = *ram_below;
    layer.pNext = NULL;
    layer.zName = "ram";
    if (layer.szOsFile < (int)sizeof(struct ram_handle))
        layer.szOsFile = (int)sizeof(struct ram_handle);
    layer.xOpen = ram_open;
    layer.xDelete = ram_delete;
    layer.xAccess = ram_access;
    layer.xFullPathname = ram_name;
    layer.xSleep = ram_sleep;
    return sqlite3_vfs_register(&layer, 1) == SQLITE_OK ? 0 : -1;
}

/* The name leaves the disk. */
static inline void ram_end(void)
{
    remove(ram_path);
}

/* What the file and its log hold; 0 bytes: no log. */
static inline int ram_put(int which, const unsigned char *p, size_t n)
{
    ram_file[which].n = 0;
    if (n == 0) return 0;
    if (ram_fit(&ram_file[which], n) == NULL) return -1;
    memcpy(ram_file[which].p, p, n);
    return 0;
}

#endif
