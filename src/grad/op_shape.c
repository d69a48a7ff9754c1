/* Operations that move elements and change none: views, and what views cannot do. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "grad/egi_tape.h"

static const double unused[2] = { 0, 0 };

static void copy(const struct egi_tensor *to, const struct egi_tensor *from, int threads)
{
    const struct egi_tensor x[2] = { *to, *from };
    egi_loop(x, 2, egi_kernels_of(to->dtype)->unary[EGI_K_COPY], unused, threads);
}

static eg_status shape_reshape(struct egi_call *c)
{
    return egi_tensor_reshape(&c->in[0], &c->attr->shape, &c->out)
               ? EG_OK
               : egi_fail(EG_ERR_UNSUPPORTED, "reshape: not a view"); /* eg_reshape has copied */
}

static void back_reshape(struct egi_back *b)
{
    const eg_shape shape = eg_tape_shape(b->t, b->x[0]);
    b->dx[0] = eg_reshape(b->t, b->g, &shape);
}

const struct egi_op egi_op_reshape = { .info = { "reshape", "y = x in another shape", "" },
                                       .shape = shape_reshape,
                                       .backward = back_reshape };

eg_var eg_reshape(eg_tape *t, eg_var x, const eg_shape *shape)
{
    const eg_shape own = eg_tape_shape(t, x);
    if (eg_tape_status(t) != EG_OK) return EG_NONE;
    if (shape == NULL) return egi_tape_fail(t, egi_fail(EG_ERR_INVALID, "reshape: shape = NULL"));
    if (egi_shape_equal(&own, shape)) return x;
    char from[EGI_SHAPE_TEXT], to[EGI_SHAPE_TEXT];
    if (shape->rank > EG_MAX_RANK || eg_shape_size(&own) != eg_shape_size(shape)
        || !egi_shape_fits(shape))
        return egi_tape_fail(t, egi_fail(EG_ERR_SHAPE, "reshape: %s does not become %s",
                                         egi_shape_text(&own, from), egi_shape_text(shape, to)));
    struct egi_tensor view;
    if (x.id != 0 && !egi_tensor_reshape(egi_tape_tensor(t, x), shape, &view)) x = eg_copy(t, x);
    const struct egi_attr attr = { .shape = *shape };
    return egi_apply(t, &egi_op_reshape, &x, 1, &attr);
}

static eg_status shape_permute(struct egi_call *c)
{
    size_t order[EG_MAX_RANK];
    unsigned seen = 0;
    const size_t rank = c->in[0].shape.rank;
    for (size_t i = 0; i < rank; i++) {
        order[i] = (size_t)c->attr->n[i];
        if (order[i] < rank) seen |= 1u << order[i];
    }
    if (seen != (1u << rank) - 1)
        return egi_fail(EG_ERR_INVALID, "permute: not an order of %zu axes", rank);
    c->out = egi_tensor_permute(&c->in[0], order);
    return EG_OK;
}

static void back_permute(struct egi_back *b)
{
    size_t order[EG_MAX_RANK];
    const size_t rank = eg_tape_shape(b->t, b->g).rank;
    for (size_t i = 0; i < rank; i++) order[b->attr->n[i]] = i;
    b->dx[0] = eg_permute(b->t, b->g, order);
}

const struct egi_op egi_op_permute = { .info = { "permute", "axis i of y is axis order_i of x",
                                                 "" },
                                       .shape = shape_permute,
                                       .backward = back_permute };

eg_var eg_permute(eg_tape *t, eg_var x, const size_t *order)
{
    struct egi_attr attr = { .f = NULL };
    const size_t rank = eg_tape_shape(t, x).rank;
    for (size_t i = 0; i < rank; i++) attr.n[i] = (ptrdiff_t)order[i];
    return egi_apply(t, &egi_op_permute, &x, 1, &attr);
}

eg_var eg_swap_axes(eg_tape *t, eg_var x, size_t i, size_t j)
{
    size_t order[EG_MAX_RANK];
    const size_t rank = eg_tape_shape(t, x).rank;
    for (size_t k = 0; k < rank; k++) order[k] = k == i ? j : k == j ? i : k;
    if (eg_tape_status(t) == EG_OK && (i >= rank || j >= rank))
        return egi_tape_fail(
            t, egi_fail(EG_ERR_INVALID, "swap_axes: %zu and %zu of rank %zu", i, j, rank));
    return eg_permute(t, x, order);
}

/* A slice and its adjoint carry n = axis, begin, count, step, size (of the longer side). */
static struct egi_attr slice_attr(size_t axis, size_t begin, size_t count, ptrdiff_t step,
                                  size_t size)
{
    return (struct egi_attr){ .n = { (ptrdiff_t)axis, (ptrdiff_t)begin, (ptrdiff_t)count, step,
                                     (ptrdiff_t)size } };
}

/* Whether all of begin, begin + step, .. lie in 0..size-1. */
static eg_status check_slice(const char *name, const struct egi_attr *a, size_t rank)
{
    const ptrdiff_t axis = a->n[0], begin = a->n[1], count = a->n[2], step = a->n[3];
    const ptrdiff_t size = a->n[4];
    int fits = axis >= 0 && (size_t)axis < rank && step != 0 && begin >= 0 && count >= 0;
    if (fits && count > 0) {
        const ptrdiff_t room = step > 0 ? size - 1 - begin : begin;
        fits = begin < size && (count - 1) <= room / (step > 0 ? step : -step);
    }
    return fits ? EG_OK
                : egi_fail(EG_ERR_INVALID,
                           "%s: %td elements from %td, %td apart, of %td along axis %td of %zu",
                           name, count, begin, step, size, axis, rank);
}

static eg_status shape_slice(struct egi_call *c)
{
    EGI_TRY(check_slice("slice", c->attr, c->in[0].shape.rank));
    c->out = egi_tensor_slice(&c->in[0], (size_t)c->attr->n[0], (size_t)c->attr->n[1],
                              (size_t)c->attr->n[2], c->attr->n[3]);
    return EG_OK;
}

static void back_slice(struct egi_back *b)
{
    const ptrdiff_t *n = b->attr->n;
    b->dx[0] = eg_embed(b->t, b->g, (size_t)n[0], (size_t)n[4], (size_t)n[1], n[3]);
}

const struct egi_op egi_op_slice = { .info = { "slice", "y_i = x_(begin + i step)", "" },
                                     .shape = shape_slice,
                                     .backward = back_slice };

eg_var eg_slice(eg_tape *t, eg_var x, size_t axis, size_t begin, size_t count, ptrdiff_t step)
{
    const eg_shape own = eg_tape_shape(t, x);
    const size_t size = axis < own.rank ? own.dim[axis] : 0;
    const struct egi_attr attr = slice_attr(axis, begin, count, step, size);
    return egi_apply(t, &egi_op_slice, &x, 1, &attr);
}

static eg_status shape_embed(struct egi_call *c)
{
    EGI_TRY(check_slice("embed", c->attr, c->in[0].shape.rank));
    c->out.shape.dim[c->attr->n[0]] = (size_t)c->attr->n[4];
    return EG_OK;
}

static eg_status forward_embed(struct egi_call *c)
{
    const ptrdiff_t *n = c->attr->n;
    const struct egi_tensor place =
        egi_tensor_slice(&c->out, (size_t)n[0], (size_t)n[1], (size_t)n[2], n[3]);
    egi_loop(&c->out, 1, egi_kernels_of(c->out.dtype)->fill, unused, c->threads);
    copy(&place, &c->in[0], c->threads);
    return EG_OK;
}

static void back_embed(struct egi_back *b)
{
    const ptrdiff_t *n = b->attr->n;
    b->dx[0] = eg_slice(b->t, b->g, (size_t)n[0], (size_t)n[1], (size_t)n[2], n[3]);
}

const struct egi_op egi_op_embed = { .info = { "embed", "y_(begin + i step) = x_i, else 0", "" },
                                     .shape = shape_embed,
                                     .forward = forward_embed,
                                     .backward = back_embed };

eg_var eg_embed(eg_tape *t, eg_var x, size_t axis, size_t size, size_t begin, ptrdiff_t step)
{
    const eg_shape own = eg_tape_shape(t, x);
    const size_t count = axis < own.rank ? own.dim[axis] : 0;
    const struct egi_attr attr = slice_attr(axis, begin, count, step, size);
    return egi_apply(t, &egi_op_embed, &x, 1, &attr);
}

eg_var eg_pad(eg_tape *t, eg_var x, size_t axis, size_t before, size_t after)
{
    const eg_shape own = eg_tape_shape(t, x);
    const size_t count = axis < own.rank ? own.dim[axis] : 0;
    return eg_embed(t, x, axis, before + count + after, before, 1);
}

static eg_status shape_concat(struct egi_call *c)
{
    const size_t axis = (size_t)c->attr->n[0];
    if (axis >= c->in[0].shape.rank)
        return egi_fail(EG_ERR_INVALID, "concat: axis %zu of rank %zu", axis, c->in[0].shape.rank);
    for (size_t k = 1; k < c->count; k++) {
        eg_shape like = c->in[k].shape;
        char first[EGI_SHAPE_TEXT], other[EGI_SHAPE_TEXT];
        if (like.rank == c->in[0].shape.rank) like.dim[axis] = c->in[0].shape.dim[axis];
        if (!egi_shape_equal(&like, &c->in[0].shape))
            return egi_fail(EG_ERR_SHAPE, "concat along axis %zu: %s beside %s", axis,
                            egi_shape_text(&c->in[k].shape, other),
                            egi_shape_text(&c->in[0].shape, first));
        c->out.shape.dim[axis] += c->in[k].shape.dim[axis];
    }
    return EG_OK;
}

static eg_status forward_concat(struct egi_call *c)
{
    const size_t axis = (size_t)c->attr->n[0];
    size_t begin = 0;
    for (size_t k = 0; k < c->count; k++) {
        const size_t size = c->in[k].shape.dim[axis];
        const struct egi_tensor place = egi_tensor_slice(&c->out, axis, begin, size, 1);
        copy(&place, &c->in[k], c->threads);
        begin += size;
    }
    return EG_OK;
}

static void back_concat(struct egi_back *b)
{
    const size_t axis = (size_t)b->attr->n[0];
    size_t begin = 0;
    for (size_t k = 0; k < b->count; k++) {
        const size_t size = eg_tape_shape(b->t, b->x[k]).dim[axis];
        if (b->wanted[k]) b->dx[k] = eg_slice(b->t, b->g, axis, begin, size, 1);
        begin += size;
    }
}

const struct egi_op egi_op_concat = { .info = { "concat", "y = x_0, x_1, .. in one line", "" },
                                      .shape = shape_concat,
                                      .forward = forward_concat,
                                      .backward = back_concat };

eg_var eg_concat(eg_tape *t, const eg_var *x, size_t n, size_t axis)
{
    if (n == 0) return egi_tape_fail(t, egi_fail(EG_ERR_INVALID, "concat: of no values"));
    const struct egi_attr attr = { .n = { (ptrdiff_t)axis } };
    eg_var part[EGI_INPUTS_MAX];
    const size_t each = (n + EGI_INPUTS_MAX - 1) / EGI_INPUTS_MAX; /* more: a tree of them */
    size_t parts = 0;
    for (size_t k = 0; k < n; k += each)
        part[parts++] = each == 1 ? x[k] : eg_concat(t, x + k, n - k < each ? n - k : each, axis);
    return egi_apply(t, &egi_op_concat, part, parts, &attr);
}

static eg_status shape_cast(struct egi_call *c)
{
    c->out.dtype = (eg_dtype)c->attr->n[0];
    return (unsigned)c->out.dtype < EG_DTYPE_COUNT
               ? EG_OK
               : egi_fail(EG_ERR_INVALID, "cast: to type %d", (int)c->out.dtype);
}

static eg_status forward_cast(struct egi_call *c)
{
    const struct egi_tensor_kernels *k = egi_kernels_of(c->out.dtype);
    egi_inner *const from[EG_DTYPE_COUNT] = {
        [EG_F32] = k->from_f32, [EG_F64] = k->from_f64, [EG_I32] = k->from_i32
    };
    const struct egi_tensor x[2] = { c->out, c->in[0] };
    egi_loop(x, 2, from[c->in[0].dtype], unused, c->threads);
    return EG_OK;
}

static void back_cast(struct egi_back *b)
{
    if (eg_tape_dtype(b->t, b->y) == EG_I32) return; /* a constant */
    b->dx[0] = eg_cast(b->t, b->g, eg_tape_dtype(b->t, b->x[0]));
}

const struct egi_op egi_op_cast = { .info = { "cast", "y = x in another type", "" },
                                    .shape = shape_cast,
                                    .forward = forward_cast,
                                    .backward = back_cast };

eg_var eg_cast(eg_tape *t, eg_var x, eg_dtype dtype)
{
    const struct egi_attr attr = { .n = { (ptrdiff_t)dtype } };
    return egi_apply(t, &egi_op_cast, &x, 1, &attr);
}
