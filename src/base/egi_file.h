/* Files read and written whole. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_FILE_H
#define EGI_FILE_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "engram/alloc.h"
#include "engram/limits.h"
#include "engram/status.h"

#define EGI_PATH_MAX 4096

/* What a file of so many bytes may ask for (engram/limits.h): `given`, or where that is 0 by its
 * size, at most `most`. */
size_t egi_limit_of(size_t given, size_t file, size_t most);

/* A regular file whole, at most limit bytes. */
eg_status egi_file_read(const char *path, size_t limit, const eg_allocator *a, uint8_t **bytes,
                        size_t *size);
/* The same for an entry of an open folder (links are refused), or for AT_FDCWD. */
eg_status egi_file_read_at(int folder, const char *name, const char *path, size_t limit,
                           const eg_allocator *a, uint8_t **bytes, size_t *size);
/* In parts: open, then exactly size bytes from where the last ones ended. */
eg_status egi_file_open_at(int folder, const char *name, const char *path, int *fd, size_t *size);
eg_status egi_file_fill(int fd, const char *path, void *bytes, size_t size);
/* What a signal cut short is taken up again. Bytes read, 0 at the end, -1 and errno. */
ssize_t egi_file_some(int fd, void *bytes, size_t size);
/* All of it is written, or errno. */
int egi_file_put(int fd, const void *bytes, size_t size);

/* Random, for a name beside path that no other process or container takes. */
eg_status egi_file_tag(const char *path, uint32_t *tag);
/* A file written beside, synced and renamed into place. */
struct egi_writer {
    int fd;
    char path[EGI_PATH_MAX], beside[EGI_PATH_MAX];
};
eg_status egi_writer_open(struct egi_writer *w, const char *path);
eg_status egi_writer_put(struct egi_writer *w, const void *bytes, size_t size);
eg_status egi_writer_commit(struct egi_writer *w);
void egi_writer_abort(struct egi_writer *w);

#endif
