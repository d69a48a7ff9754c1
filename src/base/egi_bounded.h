/* An allocator that gives no more than so many bytes of another's, for what a file declares or
 * comes to. What it gave is freed through it, or by the inner one. One thread at a time. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_BOUNDED_H
#define EGI_BOUNDED_H

#include "base/egi_base.h"

struct egi_bounded {
    const eg_allocator *inner;
    size_t left;
    int over; /* more was asked for */
};

/* A block as malloc has it: whole lines of the cache, and what lies between two of them. */
static inline size_t egi_bounded_cost(size_t size)
{
    if (size > SIZE_MAX - 2 * EGI_ALIGN) return SIZE_MAX;
    return (size + EGI_ALIGN - 1) / EGI_ALIGN * EGI_ALIGN + EGI_ALIGN;
}

static inline void *egi_bounded_alloc(void *user, size_t size, size_t align)
{
    struct egi_bounded *b = user;
    const size_t cost = egi_bounded_cost(size);
    if (cost > b->left) {
        b->over = 1;
        return NULL;
    }
    void *p = b->inner->alloc(b->inner->user, size, align);
    if (p != NULL) b->left -= cost;
    return p;
}

static inline void egi_bounded_free(void *user, void *p, size_t size)
{
    struct egi_bounded *b = user;
    b->left += egi_bounded_cost(size);
    b->inner->free(b->inner->user, p, size);
}

static inline eg_allocator egi_bounded_allocator(struct egi_bounded *b)
{
    return (eg_allocator){ egi_bounded_alloc, egi_bounded_free, b };
}

#endif
