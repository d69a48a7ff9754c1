/* The checksum of every page of the file, in the eight bytes that SQLite leaves at its end.
 *
 * Rows have hashes of their own, and no answer is made from damaged ones; but bytes of a page that
 * belong to no row (gaps, free pages, counters of the header) have none. A layer over SQLite's own
 * file system writes H(page number, H(what comes before)) into each page of the main file as the
 * page is written, so that verify finds any bit that has changed. Reading does not ask for it: what
 * a row holds is judged by the row, and what can be saved of a damaged page still is.
 *
 * A file that is read without locks (immutable: nothing can be made beside it) may be written by
 * others meanwhile. Each page is as it was when the file was opened, or cannot be read. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "store/egi_store_impl.h"

#define VFS_NAME "engram"
#define PENDING_BYTE 0x40000000 /* where locks lie: SQLite never writes the page that holds it */

enum { CONTENT = EGI_STORE_PAGE - EGI_STORE_RESERVED, TRIES = 4, PAUSE_MS = 5 };

/* A main file: ours first, what the system opened behind it. */
struct paged {
    sqlite3_file base;
    sqlite3_file *real;
    const char *unlocked; /* its name, SQLite's, where no lock keeps writers away; else NULL */
    struct stat opened;   /* it was then */
};

static sqlite3_vfs *system_vfs(void)
{
    return sqlite3_vfs_find(NULL);
}

static sqlite3_file *real(sqlite3_file *f)
{
    return ((struct paged *)(void *)f)->real;
}

static uint64_t stamp_of(const uint8_t *page, sqlite3_int64 offset)
{
    const uint64_t of[2] = { (uint64_t)offset / EGI_STORE_PAGE + 1, egi_hash(page, CONTENT) };
    return egi_hash(of, sizeof of);
}

static int write_page(sqlite3_file *f, const void *bytes, int size, sqlite3_int64 offset)
{
    uint8_t page[EGI_STORE_PAGE];
    if (size != EGI_STORE_PAGE) /* of a file of others */
        return real(f)->pMethods->xWrite(real(f), bytes, size, offset);
    memcpy(page, bytes, CONTENT);
    egi_store_le64(page + CONTENT, stamp_of(page, offset));
    return real(f)->pMethods->xWrite(real(f), page, size, offset);
}

static int is_before(struct timespec a, struct timespec b)
{
    return a.tv_sec != b.tv_sec ? a.tv_sec < b.tv_sec : a.tv_nsec < b.tv_nsec;
}

/* The moment from which on a write is seen by the time of the file: not before that clock ticks. */
static void mark_moment(struct paged *p)
{
    if (stat(p->unlocked, &p->opened) != 0) return;
    for (int i = 0; i < TRIES; i++) {
        struct timespec now;
        clock_gettime(CLOCK_REALTIME_COARSE, &now);
        if (is_before(p->opened.st_ctim, now)) break;
        sqlite3_sleep(PAUSE_MS);
    }
}

/* Nobody writes into a file that has lost its name: store_record.c. */
static int is_as_opened(const struct paged *p)
{
    struct stat now;
    if (stat(p->unlocked, &now) != 0 || now.st_dev != p->opened.st_dev
        || now.st_ino != p->opened.st_ino)
        return 1;
    return now.st_size == p->opened.st_size && !is_before(p->opened.st_ctim, now.st_ctim)
           && !is_before(now.st_ctim, p->opened.st_ctim);
}

static int read_page(sqlite3_file *f, void *to, int size, sqlite3_int64 at)
{
    const struct paged *p = (struct paged *)(void *)f;
    const int rc = real(f)->pMethods->xRead(real(f), to, size, at);
    return p->unlocked == NULL || is_as_opened(p) ? rc : EGI_SQL_WRITTEN;
}

#define PASS(name, params, args)             \
    static int name params                   \
    {                                        \
        return real(f)->pMethods->name args; \
    }
PASS(xClose, (sqlite3_file * f), (real(f)))
PASS(xTruncate, (sqlite3_file * f, sqlite3_int64 size), (real(f), size))
PASS(xSync, (sqlite3_file * f, int flags), (real(f), flags))
PASS(xFileSize, (sqlite3_file * f, sqlite3_int64 *size), (real(f), size))
PASS(xLock, (sqlite3_file * f, int level), (real(f), level))
PASS(xUnlock, (sqlite3_file * f, int level), (real(f), level))
PASS(xCheckReservedLock, (sqlite3_file * f, int *out), (real(f), out))
PASS(xFileControl, (sqlite3_file * f, int op, void *arg), (real(f), op, arg))
PASS(xSectorSize, (sqlite3_file * f), (real(f)))
PASS(xDeviceCharacteristics, (sqlite3_file * f), (real(f)))
PASS(xShmMap, (sqlite3_file * f, int page, int size, int extend, void volatile **out),
     (real(f), page, size, extend, out))
PASS(xShmLock, (sqlite3_file * f, int offset, int n, int flags), (real(f), offset, n, flags))
PASS(xShmUnmap, (sqlite3_file * f, int drop), (real(f), drop))

static void xShmBarrier(sqlite3_file *f)
{
    real(f)->pMethods->xShmBarrier(real(f));
}

static const sqlite3_io_methods methods = {
    .iVersion = 2, /* the third is of files mapped into memory */
    .xClose = xClose,
    .xRead = read_page,
    .xWrite = write_page,
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
    .xShmUnmap = xShmUnmap,
};

/* Other files (the log, what VACUUM needs) are the system's alone. */
static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *out)
{
    (void)vfs;
    if ((flags & SQLITE_OPEN_MAIN_DB) == 0)
        return system_vfs()->xOpen(system_vfs(), name, f, flags, out);
    struct paged *p = (struct paged *)(void *)f;
    p->real = (sqlite3_file *)(void *)(p + 1);
    const int rc = system_vfs()->xOpen(system_vfs(), name, p->real, flags, out);
    p->base.pMethods = p->real->pMethods != NULL ? &methods : NULL; /* else nothing is closed */
    p->unlocked = sqlite3_uri_boolean(name, "immutable", 0) ? name : NULL;
    if (p->unlocked != NULL) mark_moment(p);
    return rc;
}

static sqlite3_vfs layer;

static void enter(void)
{
    layer = *system_vfs();
    layer.zName = VFS_NAME;
    layer.szOsFile += (int)sizeof(struct paged);
    layer.xOpen = open_file;
    (void)sqlite3_vfs_register(&layer, 0); /* one that is missing is told by opening */
}

const char *egi_pages_vfs(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, enter);
    return VFS_NAME;
}

static int is_whole(const uint8_t *page, sqlite3_int64 offset)
{
    return egi_load_le64(page + CONTENT) == stamp_of(page, offset);
}

/* A page that another process is writing is whole a moment later. */
static eg_status check_page(egi_store *s, sqlite3_file *f, sqlite3_int64 offset, int *whole)
{
    uint8_t page[EGI_STORE_PAGE];
    *whole = PENDING_BYTE / EGI_STORE_PAGE == offset / EGI_STORE_PAGE;
    for (int i = 0; i < TRIES && !*whole; i++) {
        if (i > 0) sqlite3_sleep(PAUSE_MS);
        const int rc = f->pMethods->xRead(f, page, sizeof page, offset);
        if (rc != SQLITE_OK && rc != SQLITE_IOERR_SHORT_READ)
            return egi_sql_fail(s, rc, "check the pages");
        *whole = rc == SQLITE_OK && is_whole(page, offset);
    }
    return EG_OK;
}

eg_status egi_pages_verify(egi_store *s, egi_pages_damage *damage, void *user)
{
    sqlite3_file *f = NULL;
    sqlite3_int64 size = 0;
    int rc = sqlite3_file_control(s->db, "main", SQLITE_FCNTL_FILE_POINTER, &f);
    if (rc == SQLITE_OK) rc = f->pMethods->xFileSize(f, &size);
    if (rc != SQLITE_OK) return egi_sql_fail(s, rc, "check the pages");
    for (sqlite3_int64 at = 0; at < size; at += EGI_STORE_PAGE) {
        int whole;
        EGI_TRY(check_page(s, f, at, &whole));
        if (!whole) damage(user, (uint64_t)at / EGI_STORE_PAGE + 1);
    }
    return EG_OK;
}
