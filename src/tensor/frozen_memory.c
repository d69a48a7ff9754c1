/* Memory that values share: the largest first, each at the lowest place where nothing lies that
 * lives when it does ("greedy by size", Pisarchyk & Lee 2020, arXiv 2001.03288, sec. 5.2). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "tensor/egi_frozen.h"

uint32_t egi_frozen_root(const struct egi_frozen *f, uint32_t v, size_t *offset)
{
    *offset = 0;
    for (; egi_frozen_at(f, v)->root != 0; v = egi_frozen_at(f, v)->root)
        *offset += egi_frozen_at(f, v)->offset;
    return v;
}

static void touch(struct egi_frozen *f, uint32_t v, size_t i)
{
    size_t offset;
    struct egi_frozen_value *x = egi_frozen_at(f, egi_frozen_root(f, v, &offset));
    if (x->born == 0) x->born = (uint32_t)i + 1;
    x->dies = (uint32_t)i + 1;
}

static void find_lives(struct egi_frozen *f)
{
    for (size_t i = 0; i < f->ops.count; i++) {
        const struct egi_frozen_op *op = egi_frozen_op(f, i);
        for (size_t k = 0; k < op->count; k++) touch(f, egi_frozen_in(f, op)[k], i);
        touch(f, op->out, i);
    }
}

/* A piece of memory. */
struct piece {
    size_t bytes, at;
    uint32_t value, born, dies;
};

static int larger_first(const void *a, const void *b)
{
    const struct piece *x = a, *y = b;
    if (x->bytes != y->bytes) return x->bytes < y->bytes ? 1 : -1;
    return x->value < y->value ? -1 : 1;
}

static int together(const struct piece *a, const struct piece *b)
{
    return a->born <= b->dies && b->born <= a->dies;
}

/* The lowest place: 0, or the end of something that lives at the same time. */
static size_t place_for(const struct piece *placed, size_t n, const struct piece *p)
{
    size_t at = 0;
    for (size_t i = 0; i < n; i++) {
        const struct piece *q = &placed[i];
        if (!together(p, q) || at + p->bytes <= q->at || q->at + q->bytes <= at) continue;
        at = q->at + q->bytes;
        i = (size_t)-1; /* once more from the first */
    }
    return at;
}

static size_t collect(struct egi_frozen *f, struct piece *piece)
{
    size_t n = 0;
    for (uint32_t v = 1; v < f->values.count; v++) {
        const struct egi_frozen_value *x = egi_frozen_at(f, v);
        if (x->root != 0 || x->outside || x->born == 0) continue;
        const size_t bytes = egi_frozen_bytes(&x->size, x->blocked, f->block);
        piece[n++] = (struct piece){ .bytes = (bytes + EGI_ALIGN - 1) / EGI_ALIGN * EGI_ALIGN,
                                     .value = v,
                                     .born = x->born,
                                     .dies = x->dies };
    }
    return n;
}

eg_status egi_frozen_place(struct egi_frozen *f)
{
    void *block;
    const size_t room = f->values.count;
    EGI_TRY(egi_alloc_array(f->alloc, room, sizeof(struct piece), "frozen network", &block));
    struct piece *piece = block;
    find_lives(f);
    const size_t n = collect(f, piece);
    qsort(piece, n, sizeof *piece, larger_first);
    for (size_t i = 0; i < n; i++) {
        piece[i].at = place_for(piece, i, &piece[i]);
        egi_frozen_at(f, piece[i].value)->at = piece[i].at;
        const size_t end = piece[i].at + piece[i].bytes;
        if (f->arena_bytes < end) f->arena_bytes = end;
        f->value_bytes += piece[i].bytes;
    }
    egi_free(f->alloc, block, room * sizeof(struct piece));
    return EG_OK;
}
