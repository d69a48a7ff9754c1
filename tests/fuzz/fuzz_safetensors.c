/* A hostile file of parameters. What loads must be whole. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/egi_base.h"
#include "engram/params.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);

static void meta_is_text(void *user, const char *key, const char *value)
{
    *(size_t *)user += strlen(key) + strlen(value);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    char path[64];
    size_t text = 0;
    eg_params *p = NULL;
    const int fd = memfd_create("fuzz", MFD_CLOEXEC);
    if (fd < 0 || write(fd, bytes, size) != (ssize_t)size) abort();
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    const eg_status s = eg_params_load(path, NULL, meta_is_text, &text, &p);
    close(fd);
    if (s > 0 || (s != EG_OK && eg_error_detail()[0] == '\0')) abort();
    if (s != EG_OK) return 0;
    size_t total = 0;
    for (size_t i = 0; i < eg_params_count(p); i++) {
        const eg_param *x = eg_params_at(p, i);
        total += eg_shape_size(&x->shape) * eg_dtype_size(x->dtype);
        if (x->name[0] == '\0' || x->value == NULL) abort();
    }
    if (total != eg_params_bytes(p) || total > size || text > size) abort();
    (void)eg_params_hash(p);
    eg_params_destroy(p);
    return 0;
}
