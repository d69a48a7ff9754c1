/* A frozen network: steps on values of known sizes, each for one picture, that are fused, laid out
 * and given their memory once, and then run for as many pictures as there are.
 *
 *   1. egi_frozen_value() and egi_frozen_add() say what is computed (kernel/egi_kernel_frozen.h has
 *      the steps), in an order in which it can be;
 *   2. egi_frozen_finish() makes it ready: frozen_fuse.c lets a convolution do the activation and
 *      the sum behind it; frozen_layout.c gives every value a layout, puts copies between where two
 *      meet, and lets what is concatenated be written where it will lie; frozen_memory.c gives
 *      values that are never alive together the same memory;
 *   3. egi_frozen_run() does it. Nothing is allocated there.
 *
 * Pictures do not know of each other: the same bits whatever else is in the batch, and for any
 * number of threads, which share the parts of a step (one picture) or the pictures. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_FROZEN_H
#define EGI_FROZEN_H

#include "base/egi_base.h"
#include "kernel/egi_kernel_frozen.h"

struct egi_frozen_value {
    struct egi_frozen_size size;
    uint32_t input, output;  /* place among them + 1; 0: it is none */
    uint32_t producer, last; /* step + 1: that writes it; that reads it last */
    uint32_t readers;        /* steps that read it, by inputs */
    uint32_t other;          /* the same in the other layout; 0: not yet */
    uint32_t root;           /* it lies in this value's memory, 0: in its own, */
    size_t offset;           /* so many bytes from its begin */
    uint32_t born, dies;     /* of memory: first and last step that touches it, + 1 */
    size_t at;               /* of memory: bytes into the arena */
    unsigned char blocked;   /* layout */
    unsigned char outside;   /* memory is the caller's */
    unsigned char taken;     /* overwritten by the sum that reads it last */
};

struct egi_frozen_op {
    struct egi_frozen_step s;
    uint32_t first, count, out; /* inputs: link[first ..] */
    unsigned char gone;         /* part of another */
    struct egi_frozen_code code;
    size_t packed; /* bytes into the packed weights */
};

/* An argument that lies in the caller's memory. */
struct egi_frozen_port {
    uint32_t op, index;
    enum egi_frozen_arg arg;
    unsigned char output;
};

/* An array that grows. */
struct egi_frozen_list {
    void *p;
    size_t count, room, item;
};

struct egi_frozen {
    const eg_allocator *alloc;
    const struct egi_frozen_kernels *k;
    void *host;
    size_t block;
    int fixed; /* weights do not change: what is dear to lay out may be */
    struct egi_frozen_list values, ops, links, ports; /* value 0 is none */
    size_t inputs, outputs, workers, parts;           /* parts: of the step with most */
    char *packed, *arena;                             /* arena: of all workers, scratch behind it */
    size_t packed_bytes, arena_bytes, scratch_bytes;  /* one worker's; scratch: one part's */
    size_t value_bytes;                               /* of all memory of values, not shared */
    void **bound;                                     /* (workers, ops, parts) */
    size_t bounds;
};

/* fixed: egi_frozen_pack() is not called again. EG_ERR_UNSUPPORTED: nothing is frozen in this build
 * or on this machine. */
eg_status egi_frozen_create(const eg_allocator *alloc, int fixed, struct egi_frozen **out);
void egi_frozen_destroy(struct egi_frozen *f);

eg_status egi_frozen_value(struct egi_frozen *f, struct egi_frozen_size size, uint32_t *out);
/* x, y and layouts of the step are set here. EG_NOT_FOUND: no code for it that pays; nothing has
 * changed. */
eg_status egi_frozen_add(struct egi_frozen *f, const struct egi_frozen_step *s, const uint32_t *in,
                         size_t count, uint32_t out);
/* In the order of what egi_frozen_run() takes. */
void egi_frozen_input(struct egi_frozen *f, uint32_t value);
void egi_frozen_output(struct egi_frozen *f, uint32_t value);

/* Ready for `workers` pictures at once. EG_ERR_LIMIT: it would take more than `room` bytes. */
eg_status egi_frozen_finish(struct egi_frozen *f, size_t workers, size_t room);
size_t egi_frozen_held(const struct egi_frozen *f);
/* Take the weights from where they lie once more. */
eg_status egi_frozen_pack(struct egi_frozen *f);
/* n pictures, in[k] and out[k] row-major, one picture behind the other. EG_ERR_NOMEM */
eg_status egi_frozen_run(struct egi_frozen *f, size_t n, const float *const *in, float *const *out,
                         int threads);

/* ---- between the files ---- */

eg_status egi_frozen_grow(struct egi_frozen *f, struct egi_frozen_list *l, size_t more);
static inline struct egi_frozen_value *egi_frozen_at(const struct egi_frozen *f, uint32_t v)
{
    return (struct egi_frozen_value *)f->values.p + v;
}
static inline struct egi_frozen_op *egi_frozen_op(const struct egi_frozen *f, size_t i)
{
    return (struct egi_frozen_op *)f->ops.p + i;
}
static inline uint32_t *egi_frozen_in(const struct egi_frozen *f, const struct egi_frozen_op *op)
{
    return (uint32_t *)f->links.p + op->first;
}
/* Whether there is code for a step, with the layout of x and the algorithm that are best. */
int egi_frozen_can(const struct egi_frozen *f, struct egi_frozen_step *s);

void egi_frozen_fuse(struct egi_frozen *f);
eg_status egi_frozen_lay_out(struct egi_frozen *f);
/* The value in whose memory v lies, and how far from its begin. */
uint32_t egi_frozen_root(const struct egi_frozen *f, uint32_t v, size_t *offset);
eg_status egi_frozen_place(struct egi_frozen *f);

#endif
