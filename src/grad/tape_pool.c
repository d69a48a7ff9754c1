/* Buffers of a tape, kept by size: what one step gave back the next one takes.
 *
 * Sizes are rounded up to 4 classes an octave (at most a quarter is lost), so that a computation
 * that repeats its shapes finds every buffer it needs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "grad/egi_tape_impl.h"

/* 4 log2(size) rounded up: class 4 e + q holds (4 + q) 2^(e - 2) bytes. */
static size_t class_of(size_t bytes, size_t *capacity)
{
    size_t e = 6; /* nothing is smaller than a cache line */
    while (e < 62 && (size_t)2 << e < bytes) e++;
    for (size_t q = 0; q < 4; q++) {
        *capacity = (4 + q) << (e - 2);
        if (*capacity >= bytes) return 4 * e + q;
    }
    *capacity = (size_t)2 << e;
    return 4 * (e + 1);
}

static eg_status add_buffer(struct egi_pool *p, size_t capacity, uint32_t *out)
{
    if (p->count == p->capacity) {
        const size_t more = p->capacity > 0 ? 2 * p->capacity : 64;
        void *grown = egi_realloc(p->alloc, p->buffer, p->capacity * sizeof *p->buffer,
                                  more * sizeof *p->buffer);
        if (grown == NULL) return egi_fail(EG_ERR_NOMEM, "tape: %zu buffers", more);
        p->buffer = grown;
        p->capacity = more;
    }
    if (p->limit > 0 && (p->held > p->limit || capacity > p->limit - p->held))
        return egi_fail(EG_ERR_LIMIT, "tape: %zu bytes beside %zu, expected up to %zu in all",
                        capacity, p->held, p->limit);
    void *data = egi_alloc(p->alloc, capacity);
    if (data == NULL) return egi_fail(EG_ERR_NOMEM, "tape: a value of %zu bytes", capacity);
    p->buffer[p->count] = (struct egi_buffer){ data, capacity, 0, 0 };
    p->held += capacity;
    *out = (uint32_t)++p->count;
    return EG_OK;
}

eg_status egi_pool_take(struct egi_pool *p, size_t bytes, uint32_t *out)
{
    if (bytes > (size_t)1 << 60)
        return egi_fail(EG_ERR_OVERFLOW, "tape: a value of %zu bytes", bytes);
    size_t capacity;
    const size_t class = class_of(bytes, &capacity);
    uint32_t k = p->free[class];
    if (k != 0) {
        p->free[class] = p->buffer[k - 1].next;
    } else {
        EGI_TRY(add_buffer(p, capacity, &k));
    }
    p->buffer[k - 1].refs = 1;
    p->live += p->buffer[k - 1].bytes;
    if (p->live > p->peak) p->peak = p->live;
    *out = k;
    return EG_OK;
}

void egi_pool_hold(struct egi_pool *p, uint32_t buffer)
{
    if (buffer != 0) p->buffer[buffer - 1].refs++;
}

void egi_pool_give(struct egi_pool *p, uint32_t buffer)
{
    if (buffer == 0) return;
    struct egi_buffer *b = &p->buffer[buffer - 1];
    if (--b->refs > 0) return;
    size_t capacity;
    const size_t class = class_of(b->bytes, &capacity);
    p->live -= b->bytes;
    b->next = p->free[class];
    p->free[class] = buffer;
}

void egi_pool_destroy(struct egi_pool *p)
{
    for (size_t k = 0; k < p->count; k++) egi_free(p->alloc, p->buffer[k].data, p->buffer[k].bytes);
    egi_free(p->alloc, p->buffer, p->capacity * sizeof *p->buffer);
}
