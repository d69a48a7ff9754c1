/* Files: only regular ones are ever read, and one is replaced as a whole or not at all: written
 * beside, synced, renamed, folder synced. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/egi_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/egi_base.h"

static eg_status fail_errno(const char *path, const char *what)
{
    return egi_fail(EG_ERR_IO, "%s: %s: %s", path, what, strerror(errno));
}

/* Open without waiting for a FIFO's writer, and refuse all but a regular file. */
eg_status egi_file_open_at(int folder, const char *name, const char *path, int *fd, size_t *size)
{
    const int links = folder == AT_FDCWD ? 0 : O_NOFOLLOW;
    struct stat st;
    if (fstatat(folder, name, &st, links ? AT_SYMLINK_NOFOLLOW : 0) != 0)
        return fail_errno(path, "cannot be read");
    if (!S_ISREG(st.st_mode))
        return egi_fail(EG_ERR_IO, "%s: a %s, expected a file", path,
                        S_ISDIR(st.st_mode) ? "folder" : "device, pipe, socket or link");
    const int f = openat(folder, name, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC | links);
    if (f < 0) return fail_errno(path, "cannot be opened");
    if (fstat(f, &st) != 0 || !S_ISREG(st.st_mode)) { /* it may have been exchanged since */
        close(f);
        return egi_fail(EG_ERR_IO, "%s: changed while it was opened", path);
    }
    *fd = f;
    *size = (size_t)st.st_size;
    return EG_OK;
}

size_t egi_limit_of(size_t given, size_t file, size_t most)
{
    if (given > 0) return given;
    const size_t beyond = file > EG_LIMIT_SMALL_FILE ? file - EG_LIMIT_SMALL_FILE : 0;
    if (beyond > (most - EG_LIMIT_SMALL) / EG_LIMIT_SHARE) return most;
    return EG_LIMIT_SMALL + EG_LIMIT_SHARE * beyond;
}

ssize_t egi_file_some(int fd, void *bytes, size_t size)
{
    ssize_t r;
    do r = read(fd, bytes, size);
    while (r < 0 && errno == EINTR);
    return r;
}

int egi_file_put(int fd, const void *bytes, size_t size)
{
    const uint8_t *p = bytes;
    while (size > 0) {
        const ssize_t r = write(fd, p, size);
        if (r < 0 && errno == EINTR) continue;
        if (r <= 0) return r < 0 ? errno : EIO;
        p += r;
        size -= (size_t)r;
    }
    return 0;
}

eg_status egi_file_fill(int fd, const char *path, void *bytes, size_t size)
{
    uint8_t *p = bytes;
    for (size_t got = 0; got < size;) {
        const ssize_t r = egi_file_some(fd, p + got, size - got);
        if (r < 0) return fail_errno(path, "cannot be read");
        if (r == 0)
            return egi_fail(EG_ERR_IO, "%s: byte %zu: ends while %zu bytes are expected", path, got,
                            size);
        got += (size_t)r;
    }
    return EG_OK;
}

eg_status egi_file_read_at(int folder, const char *name, const char *path, size_t limit,
                           const eg_allocator *a, uint8_t **bytes, size_t *size)
{
    int fd;
    size_t n;
    EGI_TRY(egi_file_open_at(folder, name, path, &fd, &n));
    eg_status s = EG_OK;
    void *p = NULL;
    if (n > limit)
        s = egi_fail(EG_ERR_LIMIT, "%s: %zu bytes, more than the limit of %zu", path, n, limit);
    if (s == EG_OK) s = egi_alloc_array(a, n, 1, path, &p);
    if (s == EG_OK) s = egi_file_fill(fd, path, p, n);
    close(fd);
    if (s != EG_OK) {
        egi_free(a, p, n);
        return s;
    }
    *bytes = p;
    *size = n;
    return EG_OK;
}

eg_status egi_file_read(const char *path, size_t limit, const eg_allocator *a, uint8_t **bytes,
                        size_t *size)
{
    return egi_file_read_at(AT_FDCWD, path, path, limit, a, bytes, size);
}

eg_status egi_file_tag(const char *path, uint32_t *tag)
{
    if (getrandom(tag, sizeof *tag, 0) == (ssize_t)sizeof *tag) return EG_OK;
    return fail_errno(path, "no random name");
}

eg_status egi_writer_open(struct egi_writer *w, const char *path)
{
    if (path == NULL || path[0] == '\0') return egi_fail(EG_ERR_INVALID, "no file name");
    struct stat st;
    if (lstat(path, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISLNK(st.st_mode))
        return egi_fail(EG_ERR_IO, "%s: a folder or device, expected a file", path);
    for (int attempt = 0; attempt < 16; attempt++) {
        uint32_t tag;
        EGI_TRY(egi_file_tag(path, &tag));
        const int n = snprintf(w->beside, sizeof w->beside, "%s.part-%08x", path, tag);
        if (n < 0 || (size_t)n >= sizeof w->beside)
            return egi_fail(EG_ERR_INVALID, "file name of %zu bytes is too long", strlen(path));
        w->fd = open(w->beside, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (w->fd >= 0) {
            memcpy(w->path, path, strlen(path) + 1);
            return EG_OK;
        }
        if (errno != EEXIST) break;
    }
    return fail_errno(path, "cannot be written");
}

eg_status egi_writer_put(struct egi_writer *w, const void *bytes, size_t size)
{
    errno = egi_file_put(w->fd, bytes, size);
    return errno == 0 ? EG_OK : fail_errno(w->path, "cannot be written");
}

/* The rename lasts only when the folder is on the disk too. */
static eg_status sync_folder(const char *path)
{
    char folder[EGI_PATH_MAX];
    const char *slash = strrchr(path, '/');
    const size_t n = slash == NULL ? 0 : (size_t)(slash - path);
    memcpy(folder, path, n);
    folder[n] = '\0';
    const char *name = slash == NULL ? "." : n == 0 ? "/" : folder;
    const int fd = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) return EG_OK; /* a folder may be writable and not readable */
    const int bad = fsync(fd) != 0 && errno != EINVAL && errno != ENOTSUP;
    const eg_status s = bad ? fail_errno(path, "its folder cannot be synced") : EG_OK;
    close(fd);
    return s;
}

eg_status egi_writer_commit(struct egi_writer *w)
{
    eg_status s = EG_OK;
    if (fsync(w->fd) != 0 && errno != EINVAL) s = fail_errno(w->path, "cannot be synced");
    if (close(w->fd) != 0 && s == EG_OK) s = fail_errno(w->path, "cannot be closed");
    w->fd = -1;
    if (s == EG_OK && rename(w->beside, w->path) != 0)
        s = fail_errno(w->path, "cannot be renamed into place");
    if (s != EG_OK) {
        unlink(w->beside);
        return s;
    }
    return sync_folder(w->path);
}

void egi_writer_abort(struct egi_writer *w)
{
    if (w->fd >= 0) close(w->fd);
    unlink(w->beside);
    w->fd = -1;
}
