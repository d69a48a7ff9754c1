/* A folder of pictures: its names and what is in its files. The input is files one after the other,
 * each "name NUL size (u16, little-endian) bytes"; names with a '/' make folders of classes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fuzz_reader.h"

enum { FILES_MOST = 8, NAME_MOST = 40 };

static int drop(const char *path, const struct stat *st, int flag, struct FTW *f)
{
    (void)st;
    (void)flag;
    (void)f;
    return remove(path);
}

/* Letters, digits, '.', '-' and one '/': the file system's own rules are not what is tested. */
static int usable(const char *name)
{
    const size_t n = strlen(name);
    return n > 0 && n < NAME_MOST && name[0] != '/' && strstr(name, "..") == NULL
           && strspn(name, "abcdefghijklmnopqrstuvwxyzJPEGN0123456789._-/") == n;
}

static void make_file(const char *folder, const char *name, const uint8_t *bytes, size_t n)
{
    char path[300];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (char *p = path + strlen(folder) + 1; (p = strchr(p, '/')) != NULL; *p++ = '/') {
        *p = '\0';
        (void)mkdir(path, 0700);
    }
    FILE *f = fopen(path, "wb");
    if (f == NULL) return; /* a name that is a folder already */
    (void)!fwrite(bytes, 1, n, f);
    fclose(f);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char folder[200];
    const char *tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";
    snprintf(folder, sizeof folder, "%s/fuzz-folder-%ld", tmp, (long)getpid());
    if (mkdir(folder, 0700) != 0) abort();
    for (size_t at = 0, files = 0; at < size && files < FILES_MOST; files++) {
        const uint8_t *end = memchr(bytes + at, '\0', size - at);
        if (end == NULL || size - (size_t)(end - bytes) < 3) break;
        const char *name = (const char *)bytes + at;
        at = (size_t)(end - bytes) + 3;
        size_t n = (size_t)(end[1] | end[2] << 8);
        if (n > size - at) n = size - at;
        if (usable(name)) make_file(folder, name, bytes + at, n);
        at += n;
    }
    eg_read_options o = EG_READ_OPTIONS_INIT;
    eg_dataset set;
    o.max_bytes = (size_t)1 << 22;
    o.grey = size % 2;
    if (size % 3 == 0) o.width = o.height = 3;
    const eg_status s = eg_dataset_read(folder, &o, &set);
    if (s == EG_OK) {
        fuzz_check(&set);
        eg_dataset_clear(&set);
    } else if (s > 0 || eg_error_detail()[0] == '\0') {
        abort();
    }
    (void)nftw(folder, drop, 8, FTW_DEPTH | FTW_PHYS);
    return 0;
}
