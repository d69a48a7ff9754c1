/* What tape.c, tape_pool.c and gradient.c share: the tape's own arrays. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_TAPE_IMPL_H
#define EGI_TAPE_IMPL_H

#include "grad/egi_tape.h"

enum { EGI_POOL_CLASSES = 4 * 64, EGI_DETAIL_MAX = 512, EGI_KEPT_MAX = 256 };

/* Memory of the tape: taken by values and by calls, shared by views, kept when nobody holds it. */
struct egi_buffer {
    void *data;
    size_t bytes;
    uint32_t refs, next; /* next: in the list of free buffers of its class */
};

struct egi_pool {
    const eg_allocator *alloc;
    struct egi_buffer *buffer; /* number k is buffer[k - 1]; 0 is none */
    size_t count, capacity;
    uint32_t free[EGI_POOL_CLASSES];
    size_t live, peak;
    size_t held, limit; /* bytes of all buffers, used or not; 0: no limit */
};

/* tape_pool.c */
eg_status egi_pool_take(struct egi_pool *p, size_t bytes, uint32_t *out);
void egi_pool_hold(struct egi_pool *p, uint32_t buffer); /* 0: nothing */
void egi_pool_give(struct egi_pool *p, uint32_t buffer); /* 0: nothing */
void egi_pool_destroy(struct egi_pool *p);
static inline void *egi_pool_data(const struct egi_pool *p, uint32_t buffer)
{
    return p->buffer[buffer - 1].data;
}

struct egi_node {
    struct egi_tensor x;
    struct egi_attr attr;
    const struct egi_op *op; /* NULL: a leaf, or nothing flows back */
    uint32_t buffer;         /* 0: the caller's memory */
    uint32_t first, count;   /* inputs: link[first ..] */
    unsigned char wants, released;
    unsigned char ghost; /* has a shape and no elements */
};

struct eg_tape {
    const eg_allocator *alloc;
    int threads, recording, tracing;
    struct egi_pool pool;
    struct egi_node *node; /* value id is node[id - 1] */
    size_t count, capacity;
    eg_var *link;
    size_t links, links_capacity;
    struct egi_kept *kept[EGI_KEPT_MAX]; /* in the order made, round and round */
    size_t kept_next;
    eg_status status;
    char detail[EGI_DETAIL_MAX];
};

/* tape_kept.c */
void egi_kept_destroy(eg_tape *t);

/* tape.c */
struct egi_node *egi_node_of(const eg_tape *t, eg_var v); /* NULL: no value of this tape */
eg_var egi_alias(eg_tape *t, eg_var v);                   /* another value on the same memory */
void egi_node_release(eg_tape *t, size_t index);
/* Values first.. + n become those after `mark`, and all others after it go. */
void egi_tape_keep(eg_tape *t, size_t mark, eg_var *v, size_t n);

#endif
