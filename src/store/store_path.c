/* Names and files of the memory file. Only stat() looks at a file that SQLite may hold: closing
 * any descriptor of a file drops all POSIX locks that the process has on it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "store/egi_store_impl.h"

/* What SQLite may put beside a file. */
static const char *const companions[] = { "", "-wal", "-shm", "-journal" };
#define COMPANION_JOURNAL 3

static eg_status fail_errno(const char *path, const char *doing)
{
    return egi_fail(EG_ERR_IO, "%s: %s: %s", path, doing, strerror(errno));
}

/* A name that SQLite takes as a path and nothing else: never a URI, ":memory:" or "". */
eg_status egi_path_local(const char *path, char out[EGI_STORE_PATH])
{
    const int n = snprintf(out, EGI_STORE_PATH, "%s%s", path[0] == '/' ? "" : "./", path);
    if (path[0] == '\0') return egi_fail(EG_ERR_INVALID, "memory file: the path is empty");
    if (n >= EGI_STORE_PATH - 32) /* room for ".part-" with 8 digits and "-journal" */
        return egi_fail(EG_ERR_INVALID, "memory file: the path has more than %d bytes",
                        EGI_STORE_PATH - 33);
    return EG_OK;
}

eg_status egi_path_check(const char *path, uint64_t *bytes)
{
    char beside[EGI_STORE_PATH + 16];
    struct stat st;
    if (stat(path, &st) != 0) return fail_errno(path, "open");
    if (!S_ISREG(st.st_mode)) return egi_fail(EG_ERR_IO, "%s: not a regular file", path);
    *bytes = (uint64_t)st.st_size;
    if (*bytes < 512) /* SQLite would take an empty file as an empty database */
        return egi_fail(EG_ERR_CORRUPT, "%s: no memory file: %llu bytes", path,
                        (unsigned long long)*bytes);
    for (size_t i = 1; i < EGI_COUNT(companions); i++) {
        snprintf(beside, sizeof beside, "%s%s", path, companions[i]);
        if (lstat(beside, &st) != 0) continue;
        if (!S_ISREG(st.st_mode))
            return egi_fail(EG_ERR_IO, "%s: not a regular file, and it lies beside a memory file",
                            beside);
        /* A memory file never has one: rolling back another file's would destroy it. */
        if (i == COMPANION_JOURNAL)
            return egi_fail(EG_ERR_CORRUPT, "%s: a rollback journal that no memory file has",
                            beside);
    }
    return EG_OK;
}

static eg_status sync_path(const char *path, int flags)
{
    const int fd = open(path, flags | O_CLOEXEC);
    if (fd < 0) return fail_errno(path, "open");
    const int rc = fsync(fd);
    const eg_status status = rc == 0 ? EG_OK : fail_errno(path, "sync");
    close(fd);
    return status;
}

void egi_path_folder(const char *path, char out[EGI_STORE_PATH])
{
    snprintf(out, EGI_STORE_PATH, "%s", path);
    char *slash = strrchr(out, '/'); /* there is one: egi_path_local() */
    slash[slash == out ? 1 : 0] = '\0';
}

static eg_status sync_folder(const char *path)
{
    char folder[EGI_STORE_PATH];
    egi_path_folder(path, folder);
    return sync_path(folder, O_RDONLY | O_DIRECTORY);
}

eg_status egi_path_publish(const char *part, const char *path)
{
    struct stat st;
    EGI_TRY(sync_path(part, O_RDONLY));
    if (link(part, path) == 0) {
        unlink(part);
    } else if (errno == EEXIST) {
        return fail_errno(path, "create");
    } else if (lstat(path, &st) == 0 || rename(part, path) != 0) { /* no links on this system */
        return fail_errno(path, "create");
    }
    const eg_status status = sync_folder(path);
    if (status != EG_OK) unlink(path); /* who is told that it failed finds nothing there */
    return status;
}

void egi_path_discard(const char *path)
{
    char name[EGI_STORE_PATH + 16];
    for (size_t i = 0; i < EGI_COUNT(companions); i++) {
        snprintf(name, sizeof name, "%s%s", path, companions[i]);
        unlink(name);
    }
}
