/* A hostile memory file. The first byte chooses the way in: 'F' the rest is a file, opened,
 * described, loaded, verified; 'B' a block of patterns and 'T' a description, which a checksum
 * guards in a file, so that random bytes would never reach their readers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "model/egi_memory_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Of the file and what SQLite may have left beside it. */
static void discard(const char *path)
{
    static const char *const tail[] = { "", "-wal", "-shm", "-journal" };
    char name[220];
    for (size_t i = 0; i < EGI_COUNT(tail); i++) {
        snprintf(name, sizeof name, "%s%s", path, tail[i]);
        unlink(name);
    }
}

static void open_file(const uint8_t *data, size_t size)
{
    static char path[200];
    eg_file_options options = EG_FILE_OPTIONS_INIT;
    eg_memory_file *f = NULL;
    eg_memory *m = NULL;
    eg_file_info info;
    if (path[0] == '\0') {
        const char *tmp = getenv("TMPDIR");
        if (access("/dev/shm", W_OK) == 0) tmp = "/dev/shm"; /* memory: four times as fast */
        snprintf(path, sizeof path, "%s/fuzz-%ld.egm", tmp != NULL ? tmp : ".", (long)getpid());
    }
    const int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY, 0600);
    if (fd < 0 || write(fd, data, size) != (ssize_t)size) abort();
    close(fd);
    options.read_only = 1;
    options.durability = 0;
    options.max_bytes = 64 << 20;
    if (eg_memory_file_open(path, &options, &f) == EG_OK) {
        eg_status s = eg_memory_file_info(f, &info);
        const eg_status load = eg_memory_file_load(f, &m);
        s = eg_memory_file_verify(f, NULL, NULL);
        if (s == EG_OK && load == EG_ERR_CORRUPT) abort(); /* verify covers all of load */
    }
    eg_memory_destroy(m);
    eg_memory_file_close(f);
    discard(path);
}

/* 32 bytes of head, then the block. */
static void read_block(const uint8_t *data, size_t size)
{
    egi_record head = { 1, 0, 0, 0, 0, 0 };
    egi_block b;
    egi_rows rows;
    if (size < 32) return;
    head.kind = egi_load_le64(data) % 5;
    head.lo = egi_load_le64(data + 8);
    head.hi = egi_load_le64(data + 16);
    head.count = egi_load_le64(data + 24);
    head.size = size - 32;
    if (egi_block_parse(&head, data + 32, 0, 0, &b) != EG_OK) return;
    if (b.n > (64u << 20) / (b.d + b.dv + 1)) return;
    if (egi_rows_create(eg_allocator_default(), b.n, b.d, b.dv, &rows) != EG_OK) return;
    egi_rows_read(&b, 0, b.n, &rows, 0);
    for (size_t i = 0; i < b.n; i++)
        if (rows.ids[i] < head.lo || rows.ids[i] > head.hi || !(rows.weights[i] > 0)) abort();
    egi_rows_destroy(eg_allocator_default(), &rows);
}

static void read_text(const uint8_t *data, size_t size)
{
    eg_memory_options o, again;
    char text[EGI_TEXT_MAX];
    size_t d, d_again;
    if (egi_memory_parse((const char *)data, size, &d, &o) != EG_OK) return;
    const size_t n = egi_memory_text(d, &o, text);
    if (egi_memory_parse(text, n, &d_again, &again) != EG_OK || d != d_again) abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) return 0;
    if (data[0] == 'F') open_file(data + 1, size - 1);
    if (data[0] == 'B') read_block(data + 1, size - 1);
    if (data[0] == 'T') read_text(data + 1, size - 1);
    return 0;
}
