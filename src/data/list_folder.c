/* Folders of the data floor. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "data/egi_data.h"

static int by_name(const void *a, const void *b)
{
    const struct egi_entry *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static eg_status list_one(DIR *d, const char *name, int follow, struct egi_grow *g, size_t *links)
{
    struct stat st;
    struct egi_entry e = { .is_folder = 0 };
    if (name[0] == '.' || strlen(name) >= sizeof e.name) return EG_OK;
    if (fstatat(dirfd(d), name, &st, follow ? 0 : AT_SYMLINK_NOFOLLOW) != 0) return EG_OK;
    *links += S_ISLNK(st.st_mode) ? 1 : 0;
    if (!S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode)) return EG_OK;
    e.is_folder = S_ISDIR(st.st_mode);
    memcpy(e.name, name, strlen(name) + 1);
    return egi_grow_push(g, &e, "list of a folder");
}

eg_status egi_list_folder(int folder, const char *path, int follow, const eg_allocator *a,
                          struct egi_listing *out)
{
    const int nofollow = folder == AT_FDCWD ? 0 : O_NOFOLLOW;
    const int fd = openat(folder, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | nofollow);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    if (d == NULL) {
        const eg_status s =
            egi_fail(EG_ERR_IO, "%s: cannot be opened as a folder: %s", path, strerror(errno));
        if (fd >= 0) close(fd);
        return s;
    }
    struct egi_grow g = { .a = a, .item = sizeof(struct egi_entry) };
    size_t links = 0;
    eg_status s = EG_OK;
    for (struct dirent *e = readdir(d); s == EG_OK && e != NULL; e = readdir(d))
        s = list_one(d, e->d_name, follow, &g, &links);
    closedir(d);
    if (s != EG_OK) {
        egi_grow_clear(&g);
        return s;
    }
    if (g.count > 0) qsort(g.p, g.count, g.item, by_name);
    *out = (struct egi_listing){ a, g.p, g.count, g.room, links };
    return EG_OK;
}

void egi_listing_clear(struct egi_listing *l)
{
    egi_free(l->a, l->entry, l->room * sizeof *l->entry);
    *l = (struct egi_listing){ .a = l->a };
}
