/* Bytes as a memory file: opened, described, loaded, verified. The file lies in memory. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_FUZZ_MEMORY_FILE_OPEN_H
#define TESTS_FUZZ_MEMORY_FILE_OPEN_H

#include <unistd.h>

#include "engram/memory_file.h"
#include "ram_file.h"

static inline void fuzz_name_file(void)
{
    static char path[200], folder[128];
    if (path[0] != '\0') return;
    const char *tmp = getenv("TMPDIR");
    if (tmp == NULL)
        tmp = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : getcwd(folder, sizeof folder);
    snprintf(path, sizeof path, "%s/fuzz-%ld.egm", tmp, (long)getpid());
    if (ram_begin(path) != 0) abort();
    atexit(ram_end);
}

static inline void fuzz_memory_file_open(const unsigned char *data, size_t size)
{
    eg_file_options options = EG_FILE_OPTIONS_INIT;
    eg_memory_file *f = NULL;
    eg_memory *m = NULL;
    eg_binary *binary = NULL;
    eg_head *head = NULL;
    eg_file_info info;
    fuzz_name_file();
    if (ram_put(RAM_MAIN, data, size) != 0 || ram_put(RAM_LOG, NULL, 0) != 0) abort();
    options.read_only = 1;
    options.durability = 0;
    options.max_bytes = 64 << 20;
    if (eg_memory_file_open(ram_path, &options, &f) == EG_OK) {
        eg_status s = eg_memory_file_info(f, &info);
        const eg_status load = eg_memory_file_is_head(f) ? eg_memory_file_load_head(f, &head)
                               : s == EG_OK && info.is_binary
                                   ? eg_memory_file_load_binary(f, &binary)
                                   : eg_memory_file_load(f, &m);
        s = eg_memory_file_verify(f, NULL, NULL);
        if (s == EG_OK && load == EG_ERR_CORRUPT) abort(); /* verify covers all of load */
    }
    eg_memory_destroy(m);
    eg_binary_destroy(binary);
    eg_head_destroy(head);
    eg_memory_file_close(f);
}

#endif
