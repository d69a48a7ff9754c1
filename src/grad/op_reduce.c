/* Sums and maxima over axes, and their counterpart, the broadcast.
 *
 * Rows reduce to the shape with axes of size 1; dropping these axes is a view. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "grad/egi_tape.h"

static int reduced(const struct egi_attr *attr, size_t axis)
{
    return (attr->n[0] >> axis & 1) != 0;
}

static eg_status shape_reduce(struct egi_call *c)
{
    if (c->in[0].dtype == EG_I32)
        return egi_fail(EG_ERR_UNSUPPORTED, "%s: of i32; cast first", c->op->info.name);
    for (size_t i = 0; i < c->out.shape.rank; i++)
        if (reduced(c->attr, i)) c->out.shape.dim[i] = 1;
    return EG_OK;
}

static void fold(struct egi_call *c, enum egi_fold_kind kind, double neutral)
{
    const struct egi_tensor_kernels *k = egi_kernels_of(c->out.dtype);
    const double start[2] = { neutral, 0 };
    egi_loop(&c->out, 1, k->fill, start, c->threads);
    const struct egi_tensor x[2] = { egi_tensor_broadcast(&c->out, &c->in[0].shape), c->in[0] };
    egi_loop_reduce(x, 2, k->fold[kind], NULL, c->threads);
}

static eg_status forward_sum(struct egi_call *c)
{
    fold(c, EGI_K_SUM, 0);
    return EG_OK;
}

static eg_status forward_max(struct egi_call *c)
{
    if (eg_shape_size(&c->in[0].shape) == 0 && eg_shape_size(&c->out.shape) > 0)
        return egi_fail(EG_ERR_INVALID, "max: of no elements");
    fold(c, EGI_K_MAX, -INFINITY);
    return EG_OK;
}

static void back_sum(struct egi_back *b)
{
    const eg_shape shape = eg_tape_shape(b->t, b->x[0]);
    b->dx[0] = eg_broadcast_to(b->t, b->g, &shape);
}

/* Equal shares to all that reach the maximum. */
static void back_max(struct egi_back *b)
{
    eg_tape *t = b->t;
    const eg_var top = eg_at_least(t, b->x[0], b->y);
    const eg_var count = eg_sum(t, top, (unsigned)b->attr->n[0], 1);
    b->dx[0] = eg_mul(t, top, eg_div(t, b->g, count));
}

const struct egi_op egi_op_sum = { .info = { "sum", "y = sum_axes x", "" },
                                   .shape = shape_reduce,
                                   .forward = forward_sum,
                                   .backward = back_sum };
const struct egi_op egi_op_max = { .info = { "max", "y = max_axes x", "" },
                                   .shape = shape_reduce,
                                   .forward = forward_max,
                                   .backward = back_max };

static eg_var without_axes(eg_tape *t, eg_var y, unsigned axes)
{
    const eg_shape full = eg_tape_shape(t, y);
    eg_shape less = { .rank = 0 };
    for (size_t i = 0; i < full.rank; i++)
        if ((axes >> i & 1) == 0) less.dim[less.rank++] = full.dim[i];
    return eg_reshape(t, y, &less);
}

static eg_var reduce(eg_tape *t, const struct egi_op *op, eg_var x, unsigned axes, int keep)
{
    const size_t rank = eg_tape_shape(t, x).rank;
    if (axes == EG_ALL_AXES) axes = (1u << rank) - 1;
    if (axes >> rank != 0 && eg_tape_status(t) == EG_OK)
        return egi_tape_fail(t, egi_fail(EG_ERR_INVALID, "%s: axes 0x%x of a value of rank %zu",
                                         op->info.name, axes, rank));
    if (axes == 0) return x;
    const struct egi_attr attr = { .n = { (ptrdiff_t)axes } };
    const eg_var y = egi_apply(t, op, &x, 1, &attr);
    return keep ? y : without_axes(t, y, axes);
}

eg_var eg_sum(eg_tape *t, eg_var x, unsigned axes, int keep)
{
    return reduce(t, &egi_op_sum, x, axes, keep);
}

eg_var eg_max(eg_tape *t, eg_var x, unsigned axes, int keep)
{
    return reduce(t, &egi_op_max, x, axes, keep);
}

eg_var eg_mean(eg_tape *t, eg_var x, unsigned axes, int keep)
{
    const eg_shape shape = eg_tape_shape(t, x);
    double count = 1;
    for (size_t i = 0; i < shape.rank; i++)
        if (axes >> i & 1) count *= (double)shape.dim[i];
    return eg_affine(t, eg_sum(t, x, axes, keep), 1 / count, 0);
}

static eg_status shape_broadcast(struct egi_call *c)
{
    eg_shape both;
    EGI_TRY(egi_shape_broadcast(&c->in[0].shape, &c->attr->shape, "broadcast_to", &both));
    if (!egi_shape_equal(&both, &c->attr->shape)) {
        char from[EGI_SHAPE_TEXT], to[EGI_SHAPE_TEXT];
        return egi_fail(EG_ERR_SHAPE, "broadcast_to: %s does not become %s",
                        egi_shape_text(&c->in[0].shape, from), egi_shape_text(&c->attr->shape, to));
    }
    c->out = egi_tensor_broadcast(&c->in[0], &both);
    return EG_OK;
}

static void back_broadcast(struct egi_back *b)
{
    const eg_shape shape = eg_tape_shape(b->t, b->x[0]);
    b->dx[0] = egi_sum_to(b->t, b->g, &shape);
}

const struct egi_op egi_op_broadcast_to = { .info = { "broadcast_to", "y = x, repeated", "" },
                                            .shape = shape_broadcast,
                                            .backward = back_broadcast };

eg_var eg_broadcast_to(eg_tape *t, eg_var x, const eg_shape *shape)
{
    const eg_shape own = eg_tape_shape(t, x);
    if (shape == NULL)
        return egi_tape_fail(t, egi_fail(EG_ERR_INVALID, "broadcast_to: shape = NULL"));
    if (egi_shape_equal(&own, shape)) return x;
    const struct egi_attr attr = { .shape = *shape };
    return egi_apply(t, &egi_op_broadcast_to, &x, 1, &attr);
}

eg_var egi_sum_to(eg_tape *t, eg_var g, const eg_shape *shape)
{
    const eg_shape from = eg_tape_shape(t, g);
    const size_t lead = from.rank - shape->rank;
    unsigned axes = 0;
    for (size_t i = 0; i < from.rank; i++)
        if (i < lead || (shape->dim[i - lead] == 1 && from.dim[i] != 1)) axes |= EG_AXIS(i);
    return eg_reshape(t, eg_sum(t, g, axes, 1), shape);
}
