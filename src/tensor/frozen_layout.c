/* Where each value lies in memory, by channels in blocks or plain, and what copies that takes.
 *
 * Steps like blocks. A convolution of few channels reads plain pictures, and what goes out is
 * plain. Concatenation is none of the steps that are left: where every part but the last is of
 * whole blocks, a value is written where it will lie, and is else copied there, plain. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "tensor/egi_frozen.h"

/* The steps as they become; links stay. */
struct laying {
    struct egi_frozen *f;
    struct egi_frozen_list ops;
};

static eg_status put(struct laying *l, const struct egi_frozen_op *op)
{
    EGI_TRY(egi_frozen_grow(l->f, &l->ops, 1));
    ((struct egi_frozen_op *)l->ops.p)[l->ops.count++] = *op;
    return EG_OK;
}

static eg_status put_copy(struct laying *l, uint32_t from, uint32_t to)
{
    struct egi_frozen *f = l->f;
    const struct egi_frozen_value *x = egi_frozen_at(f, from), *y = egi_frozen_at(f, to);
    const struct egi_frozen_op op = { .s = { .kind = EGI_FROZEN_COPY,
                                             .x = x->size,
                                             .y = y->size,
                                             .x_blocked = x->blocked,
                                             .y_blocked = y->blocked,
                                             .groups = 1 },
                                      .first = (uint32_t)f->links.count,
                                      .count = 1,
                                      .out = to };
    EGI_TRY(egi_frozen_grow(f, &f->links, 1));
    ((uint32_t *)f->links.p)[f->links.count++] = from;
    return put(l, &op);
}

/* v in a layout: itself, or a copy, made once. */
static eg_status in_layout(struct laying *l, uint32_t *v, int blocked)
{
    struct egi_frozen *f = l->f;
    uint32_t other = egi_frozen_at(f, *v)->other;
    if (egi_frozen_at(f, *v)->blocked == blocked) return EG_OK;
    if (other == 0) {
        EGI_TRY(egi_frozen_value(f, egi_frozen_at(f, *v)->size, &other));
        egi_frozen_at(f, *v)->other = other;
        egi_frozen_at(f, other)->blocked = (unsigned char)blocked;
        EGI_TRY(put_copy(l, *v, other));
    }
    *v = other;
    return EG_OK;
}

static eg_status lay_step(struct laying *l, const struct egi_frozen_op *op)
{
    struct egi_frozen *f = l->f;
    for (size_t k = 0; k < op->count; k++) {
        uint32_t v = egi_frozen_in(f, op)[k];
        const int blocked = op->s.kind != EGI_FROZEN_CONV || k > 0 || op->s.x_blocked;
        EGI_TRY(in_layout(l, &v, blocked));
        egi_frozen_in(f, op)[k] = v;
    }
    egi_frozen_at(f, op->out)->blocked = 1;
    if (op->s.onto) egi_frozen_at(f, egi_frozen_in(f, op)[1])->root = op->out;
    return put(l, op);
}

/* It can be written where it will lie: memory of its own, which nothing else writes to. */
static int can_move(const struct egi_frozen_value *v, int blocked)
{
    return v->blocked == blocked && v->root == 0 && v->input == 0 && !v->taken && !v->outside;
}

static eg_status lay_concat(struct laying *l, const struct egi_frozen_op *op)
{
    struct egi_frozen *f = l->f;
    unsigned char blocked = 1;
    size_t offset = 0;
    for (size_t k = 0; k + 1 < op->count; k++)
        blocked &= egi_frozen_at(f, egi_frozen_in(f, op)[k])->size.c % f->block == 0;
    egi_frozen_at(f, op->out)->blocked = blocked;
    for (size_t k = 0; k < op->count; k++) {
        uint32_t v = egi_frozen_in(f, op)[k];
        const struct egi_frozen_size size = egi_frozen_at(f, v)->size;
        if (!can_move(egi_frozen_at(f, v), blocked)) {
            uint32_t piece;
            EGI_TRY(egi_frozen_value(f, size, &piece));
            egi_frozen_at(f, piece)->blocked = blocked;
            EGI_TRY(put_copy(l, v, piece));
            v = piece;
        }
        egi_frozen_at(f, v)->root = op->out;
        egi_frozen_at(f, v)->offset = offset;
        offset += egi_frozen_bytes(&size, blocked, f->block);
    }
    return EG_OK;
}

/* A value that goes out, into the caller's memory. */
static eg_status lay_output(struct laying *l, uint32_t v)
{
    uint32_t to;
    EGI_TRY(egi_frozen_value(l->f, egi_frozen_at(l->f, v)->size, &to));
    egi_frozen_at(l->f, to)->outside = 1;
    egi_frozen_at(l->f, to)->output = egi_frozen_at(l->f, v)->output;
    egi_frozen_at(l->f, v)->output = 0;
    return put_copy(l, v, to);
}

static eg_status lay_all(struct laying *l)
{
    struct egi_frozen *f = l->f;
    const size_t values = f->values.count;
    for (uint32_t v = 1; v < values; v++) {
        egi_frozen_at(f, v)->outside = egi_frozen_at(f, v)->input > 0;
        if (egi_frozen_at(f, v)->input > 0 && egi_frozen_at(f, v)->output > 0)
            EGI_TRY(lay_output(l, v));
    }
    for (size_t i = 0; i < f->ops.count; i++) {
        const struct egi_frozen_op op = *egi_frozen_op(f, i);
        if (op.gone) continue;
        EGI_TRY(op.s.kind == EGI_FROZEN_CONCAT ? lay_concat(l, &op) : lay_step(l, &op));
        if (egi_frozen_at(f, op.out)->output > 0) EGI_TRY(lay_output(l, op.out));
    }
    return EG_OK;
}

eg_status egi_frozen_lay_out(struct egi_frozen *f)
{
    struct laying l = { f, { .item = sizeof(struct egi_frozen_op) } };
    const eg_status s = lay_all(&l);
    egi_free(f->alloc, f->ops.p, f->ops.room * f->ops.item);
    f->ops = l.ops; /* also of a failure, where it is only taken down */
    return s;
}
