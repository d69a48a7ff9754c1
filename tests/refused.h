/* Calls of the library to the system, SQLite, zlib and curl, and its allocations, that can be
 * refused one by one: each is defined here in the place of the real one. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_REFUSED_H
#define TESTS_REFUSED_H

#include <curl/curl.h>
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <locale.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/egi_base.h"

enum who { NOBODY, SYSTEM, DATABASE, MEMORY };

enum { CALLS_MAX = 20000, DEPTH = 24 };

static struct {
    enum who who;
    size_t at, calls;
    int for_good;
    int error;       /* an errno, or a code of SQLite */
    int hit;         /* the last call of SQLite was refused */
    uint64_t *place; /* (CALLS_MAX) of each call, or NULL */
} fault;

static uint64_t place_of_call(void)
{
    void *frame[DEPTH];
    const int n = backtrace(frame, DEPTH);
    return egi_hash(frame, (size_t)n * sizeof *frame);
}

static int falls(enum who who)
{
    if (fault.who != who) return 0;
    const size_t call = fault.calls++;
    if (fault.place != NULL && call < CALLS_MAX) {
        fault.who = NOBODY; /* backtrace() may read files */
        fault.place[call] = place_of_call();
        fault.who = who;
    }
    fault.hit = call == fault.at || (fault.for_good && call > fault.at);
    return fault.hit;
}

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

#define SYSTEM_CALL(type, bad, name, params, args)                  \
    type name params                                                \
    {                                                               \
        static __typeof__(&name) real;                              \
        if (real == NULL) real = REAL(name);                        \
        if (falls(SYSTEM)) return errno = fault.error, (type)(bad); \
        return real args;                                           \
    }

SYSTEM_CALL(ssize_t, -1, read, (int fd, void *to, size_t n), (fd, to, n))
SYSTEM_CALL(ssize_t, -1, write, (int fd, const void *from, size_t n), (fd, from, n))
SYSTEM_CALL(int, -1, link, (const char *from, const char *to), (from, to))
SYSTEM_CALL(int, -1, rename, (const char *from, const char *to), (from, to))
SYSTEM_CALL(int, -1, stat, (const char *name, struct stat *st), (name, st))
SYSTEM_CALL(int, -1, lstat, (const char *name, struct stat *st), (name, st))
SYSTEM_CALL(int, -1, fstat, (int fd, struct stat *st), (fd, st))
SYSTEM_CALL(int, -1, fstatat, (int folder, const char *name, struct stat *st, int flags),
            (folder, name, st, flags))
SYSTEM_CALL(DIR *, NULL, opendir, (const char *name), (name))
SYSTEM_CALL(DIR *, NULL, fdopendir, (int fd), (fd))
SYSTEM_CALL(struct dirent *, NULL, readdir, (DIR * folder), (folder))
SYSTEM_CALL(ssize_t, -1, getrandom, (void *to, size_t n, unsigned flags), (to, n, flags))

/* The disk itself is not asked: nothing here outlives the machine. */
int fsync(int fd)
{
    (void)fd;
    return falls(SYSTEM) ? (errno = fault.error, -1) : 0;
}

int open(const char *name, int flags, ...)
{
    va_list rest;
    va_start(rest, flags);
    const mode_t mode = (flags & O_CREAT) != 0 ? va_arg(rest, mode_t) : 0;
    va_end(rest);
    if (falls(SYSTEM)) return errno = fault.error, -1;
    return REAL(openat)(AT_FDCWD, name, flags, mode);
}

int openat(int folder, const char *name, int flags, ...)
{
    if (falls(SYSTEM)) return errno = fault.error, -1;
    return REAL(openat)(folder, name, flags); /* the library makes no file by it */
}

#define SQL_CALL(name, params, args)                      \
    int name params                                       \
    {                                                     \
        static __typeof__(&name) real;                    \
        if (real == NULL) real = REAL(name);              \
        return falls(DATABASE) ? fault.error : real args; \
    }

SQL_CALL(sqlite3_step, (sqlite3_stmt * s), (s))
SQL_CALL(sqlite3_exec, (sqlite3 * db, const char *sql, sqlite3_callback f, void *user, char **text),
         (db, sql, f, user, text))
SQL_CALL(sqlite3_prepare_v2,
         (sqlite3 * db, const char *sql, int n, sqlite3_stmt **s, const char **rest),
         (db, sql, n, s, rest))
SQL_CALL(sqlite3_prepare_v3,
         (sqlite3 * db, const char *sql, int n, unsigned how, sqlite3_stmt **s, const char **rest),
         (db, sql, n, how, s, rest))
SQL_CALL(sqlite3_bind_blob,
         (sqlite3_stmt * s, int at, const void *p, int n, void (*free_it)(void *)),
         (s, at, p, n, free_it))
SQL_CALL(sqlite3_bind_blob64,
         (sqlite3_stmt * s, int at, const void *p, sqlite3_uint64 n, void (*free_it)(void *)),
         (s, at, p, n, free_it))
SQL_CALL(sqlite3_bind_text,
         (sqlite3_stmt * s, int at, const char *p, int n, void (*free_it)(void *)),
         (s, at, p, n, free_it))
SQL_CALL(sqlite3_file_control, (sqlite3 * db, const char *name, int op, void *arg),
         (db, name, op, arg))
SQL_CALL(sqlite3_backup_step, (sqlite3_backup * b, int pages), (b, pages))
SQL_CALL(sqlite3_blob_open,
         (sqlite3 * db, const char *base, const char *table, const char *column, sqlite3_int64 row,
          int flags, sqlite3_blob **out),
         (db, base, table, column, row, flags, out))
SQL_CALL(sqlite3_blob_read, (sqlite3_blob * b, void *to, int n, int at), (b, to, n, at))

int sqlite3_db_config(sqlite3 *db, int what, ...)
{
    va_list rest;
    va_start(rest, what);
    const int value = va_arg(rest, int);
    int *const out = va_arg(rest, int *);
    va_end(rest);
    return falls(DATABASE) ? fault.error : REAL(sqlite3_db_config)(db, what, value, out);
}

/* What gives nothing says why when it is asked. */
sqlite3_backup *sqlite3_backup_init(sqlite3 *to, const char *to_name, sqlite3 *from,
                                    const char *from_name)
{
    return falls(DATABASE) ? NULL : REAL(sqlite3_backup_init)(to, to_name, from, from_name);
}

/* A text may lack the memory for its end, and nothing else. */
const unsigned char *sqlite3_column_text(sqlite3_stmt *s, int i)
{
    return fault.error == SQLITE_NOMEM && falls(DATABASE) ? NULL : REAL(sqlite3_column_text)(s, i);
}

int sqlite3_errcode(sqlite3 *db)
{
    return fault.who == DATABASE && fault.hit ? fault.error : REAL(sqlite3_errcode)(db);
}

/* All that the library allocates. */
void *aligned_alloc(size_t align, size_t size)
{
    void *p = NULL;
    return falls(MEMORY) || posix_memalign(&p, align, size) != 0 ? NULL : p;
}

int inflateInit2_(z_stream *z, int bits, const char *version, int size)
{
    return falls(MEMORY) ? Z_MEM_ERROR : REAL(inflateInit2_)(z, bits, version, size);
}

int inflate(z_stream *z, int flush)
{
    return falls(MEMORY) ? Z_MEM_ERROR : REAL(inflate)(z, flush);
}

CURL *curl_easy_init(void)
{
    return falls(MEMORY) ? NULL : REAL(curl_easy_init)();
}

#undef curl_easy_setopt
CURLcode curl_easy_setopt(CURL *c, CURLoption option, ...)
{
    va_list rest;
    va_start(rest, option);
    void *value = va_arg(rest, void *); /* as wide as a long and a function */
    va_end(rest);
    return falls(MEMORY) ? CURLE_OUT_OF_MEMORY : REAL(curl_easy_setopt)(c, option, value);
}

locale_t newlocale(int what, const char *name, locale_t base)
{
    return falls(MEMORY) ? NULL : REAL(newlocale)(what, name, base);
}

#endif
