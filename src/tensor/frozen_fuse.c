/* A convolution does what follows it: y = act(z + w * x + b) is one step where code for that is
 * there, so that z + .. and act(..) are never passes over memory of their own. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "tensor/egi_frozen.h"

static struct egi_frozen_op *producer_of(const struct egi_frozen *f, uint32_t v)
{
    const uint32_t p = egi_frozen_at(f, v)->producer;
    return p > 0 ? egi_frozen_op(f, p - 1) : NULL;
}

/* Only the step behind it sees it. */
static int is_between(const struct egi_frozen *f, uint32_t v)
{
    const struct egi_frozen_value *x = egi_frozen_at(f, v);
    return x->readers == 1 && x->output == 0 && x->input == 0;
}

/* act(conv) or act(sum): the step before gives what this one would. */
static void fuse_act(struct egi_frozen *f, struct egi_frozen_op *op)
{
    const uint32_t x = egi_frozen_in(f, op)[0];
    struct egi_frozen_op *before = producer_of(f, x);
    if (before == NULL || !is_between(f, x) || before->s.act != EGI_FROZEN_AS_IT_IS) return;
    if (before->s.kind != EGI_FROZEN_CONV && before->s.kind != EGI_FROZEN_ADD) return;
    struct egi_frozen_step s = before->s;
    s.act = op->s.act;
    s.a = op->s.a;
    s.b = op->s.b;
    if (!egi_frozen_can(f, &s)) return;
    before->s = s;
    before->out = op->out;
    egi_frozen_at(f, op->out)->producer = egi_frozen_at(f, x)->producer;
    op->gone = 1;
}

/* z may be overwritten by step i: nothing reads it after. (A concatenation that reads it before
 * takes a copy: frozen_layout.c.) */
static int can_take(const struct egi_frozen *f, uint32_t z, size_t i)
{
    const struct egi_frozen_value *v = egi_frozen_at(f, z);
    return v->input == 0 && v->output == 0 && !v->taken && v->last == i + 1;
}

/* z + conv(x), k the place of the convolution's value, becomes a convolution onto z at the place of
 * the sum, up to where nothing may have overwritten x. */
static int fuse_sum(struct egi_frozen *f, size_t i, size_t k)
{
    struct egi_frozen_op *op = egi_frozen_op(f, i);
    uint32_t *in = egi_frozen_in(f, op);
    const uint32_t y = in[k], z = in[1 - k];
    struct egi_frozen_op *conv = producer_of(f, y);
    if (conv == NULL || conv->s.kind != EGI_FROZEN_CONV || conv->s.onto) return 0;
    const uint32_t x = egi_frozen_in(f, conv)[0];
    if (conv->s.act != EGI_FROZEN_AS_IT_IS || !is_between(f, y) || !can_take(f, z, i) || x == z
        || egi_frozen_at(f, x)->taken)
        return 0;
    struct egi_frozen_step s = conv->s;
    s.onto = 1;
    s.act = op->s.act;
    s.a = op->s.a;
    s.b = op->s.b;
    if (!egi_frozen_can(f, &s)) return 0;
    in[0] = x;
    in[1] = z;
    op->s = s;
    conv->gone = 1;
    egi_frozen_at(f, x)->last =
        egi_frozen_at(f, x)->last > i + 1 ? egi_frozen_at(f, x)->last : (uint32_t)i + 1;
    egi_frozen_at(f, z)->taken = 1;
    return 1;
}

static void count_readers(struct egi_frozen *f)
{
    for (size_t i = 0; i < f->ops.count; i++) {
        const struct egi_frozen_op *op = egi_frozen_op(f, i);
        egi_frozen_at(f, op->out)->producer = (uint32_t)i + 1;
        for (size_t k = 0; k < op->count; k++) {
            struct egi_frozen_value *v = egi_frozen_at(f, egi_frozen_in(f, op)[k]);
            v->readers++;
            v->last = (uint32_t)i + 1;
        }
    }
}

/* Activations first: one behind a sum goes on into the convolution with it. */
void egi_frozen_fuse(struct egi_frozen *f)
{
    count_readers(f);
    for (size_t i = 0; i < f->ops.count; i++) {
        struct egi_frozen_op *op = egi_frozen_op(f, i);
        if (op->s.kind == EGI_FROZEN_ACT) fuse_act(f, op);
    }
    for (size_t i = 0; i < f->ops.count; i++) {
        const struct egi_frozen_op *op = egi_frozen_op(f, i);
        if (op->gone || op->s.kind != EGI_FROZEN_ADD) continue;
        const uint32_t *in = egi_frozen_in(f, op);
        const size_t later = egi_frozen_at(f, in[1])->producer > egi_frozen_at(f, in[0])->producer;
        if (!fuse_sum(f, i, later)) fuse_sum(f, i, 1 - later);
    }
}
