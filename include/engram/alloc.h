/* engram/alloc.h - where memory comes from. One allocator per object, none global. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_ALLOC_H
#define ENGRAM_ALLOC_H

#include <stddef.h>

#include "engram/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* alloc returns NULL on failure, else size bytes aligned to align (a power of
 * two). free receives the size that was asked for, so that an arena or a counter
 * needs no header of its own. Both may be called from several threads. */
typedef struct eg_allocator {
    void *(*alloc)(void *user, size_t size, size_t align);
    void (*free)(void *user, void *ptr, size_t size);
    void *user;
} eg_allocator;

/* The C library's allocator; what a NULL eg_allocator pointer stands for. */
EG_API const eg_allocator *eg_allocator_default(void);

#ifdef __cplusplus
}
#endif
#endif
