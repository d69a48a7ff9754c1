/* Any bytes as a table of receptors: every row that is given out has letters alone. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "engram/repertoire.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char path[64];
    eg_airr *a;
    eg_clonotype row;
    eg_airr_options o = EG_AIRR_OPTIONS_INIT;
    o.max_line = 4096;
    const int fd = memfd_create("airr", MFD_CLOEXEC);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    if (eg_airr_open(path, &o, &a) == EG_OK) {
        while (eg_airr_next(a, &row) == EG_OK)
            if (strlen(row.sequence) != row.length
                || strspn(row.sequence, EG_RESIDUES) != row.length || row.length == 0)
                abort();
        eg_airr_close(a);
    }
    close(fd);
    return 0;
}
