/* An allocator that counts: bytes that live, and the most there were. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_COUNTED_H
#define TESTS_COUNTED_H

#include "engram/alloc.h"

struct counted {
    size_t live, most;
};

static inline void *count_alloc(void *user, size_t size, size_t align)
{
    struct counted *c = user;
    c->live += size;
    c->most = c->live > c->most ? c->live : c->most;
    return eg_allocator_default()->alloc(NULL, size, align);
}

static inline void count_free(void *user, void *p, size_t size)
{
    ((struct counted *)user)->live -= size;
    eg_allocator_default()->free(NULL, p, size);
}

#endif
