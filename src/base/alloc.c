/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "base/egi_base.h"

static void *libc_alloc(void *user, size_t size, size_t align)
{
    (void)user;
    if (size > SIZE_MAX - align) return NULL;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void libc_free(void *user, void *ptr, size_t size)
{
    (void)user;
    (void)size;
    free(ptr);
}

const eg_allocator *eg_allocator_default(void)
{
    static const eg_allocator libc = { libc_alloc, libc_free, NULL };
    return &libc;
}

eg_status egi_mul_size(size_t a, size_t b, size_t *out)
{
    if (b != 0 && a > SIZE_MAX / b) return egi_fail(EG_ERR_OVERFLOW, "%zu x %zu overflows", a, b);
    *out = a * b;
    return EG_OK;
}

eg_status egi_add_size(size_t a, size_t b, size_t *out)
{
    if (a > SIZE_MAX - b) return egi_fail(EG_ERR_OVERFLOW, "%zu + %zu overflows", a, b);
    *out = a + b;
    return EG_OK;
}

void *egi_alloc(const eg_allocator *a, size_t size)
{
    return a->alloc(a->user, size > 0 ? size : 1, EGI_ALIGN);
}

void egi_free(const eg_allocator *a, void *ptr, size_t size)
{
    if (ptr != NULL) a->free(a->user, ptr, size > 0 ? size : 1);
}

eg_status egi_alloc_array(const eg_allocator *a, size_t count, size_t item, const char *what,
                          void **out)
{
    size_t bytes;
    EGI_TRY(egi_mul_size(count, item, &bytes));
    void *p = egi_alloc(a, bytes);
    if (p == NULL) return egi_fail(EG_ERR_NOMEM, "%s: %zu bytes", what, bytes);
    *out = p;
    return EG_OK;
}

void *egi_realloc(const eg_allocator *a, void *ptr, size_t old_size, size_t new_size)
{
    void *p = egi_alloc(a, new_size);
    if (p == NULL) return NULL;
    if (ptr != NULL) memcpy(p, ptr, old_size < new_size ? old_size : new_size);
    egi_free(a, ptr, old_size);
    return p;
}
