/* Operations along lines: softmax and what goes with it. Rows work along the last axis; the
 * public functions bring the axis there and back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "grad/egi_tape.h"

struct lines {
    egi_line *f;
    const char *in;
    char *out;
    size_t length, in_bytes, out_bytes, count, each;
};

static void some_lines(void *arg, size_t block)
{
    const struct lines *l = arg;
    const size_t end = (block + 1) * l->each < l->count ? (block + 1) * l->each : l->count;
    for (size_t i = block * l->each; i < end; i++)
        l->f(l->out + i * l->out_bytes, l->in + i * l->in_bytes, l->length, 0);
}

static eg_status run_lines(struct egi_call *c, egi_line *f, size_t out_length)
{
    struct egi_tensor x;
    EGI_TRY(egi_contiguous(c, &c->in[0], &x));
    struct lines l = { .f = f, .in = x.data, .out = c->out.data };
    l.length = x.shape.dim[x.shape.rank - 1];
    if (l.length == 0) return egi_fail(EG_ERR_INVALID, "%s: of no elements", c->op->info.name);
    l.count = eg_shape_size(&x.shape) / l.length;
    l.in_bytes = l.length * eg_dtype_size(x.dtype);
    l.out_bytes = out_length * eg_dtype_size(c->out.dtype);
    l.each = 1 + 4096 / l.length;
    egi_parallel_for((l.count + l.each - 1) / l.each,
                     egi_crew(c->threads, 20.0 * (double)l.count * (double)l.length), some_lines,
                     &l);
    return EG_OK;
}

static eg_status needs_axis(struct egi_call *c)
{
    if (c->in[0].shape.rank == 0 || c->in[0].dtype == EG_I32)
        return egi_fail(EG_ERR_UNSUPPORTED, "%s: of %s of rank %zu", c->op->info.name,
                        eg_dtype_name(c->in[0].dtype), c->in[0].shape.rank);
    return EG_OK;
}

static eg_status one_a_line(struct egi_call *c)
{
    EGI_TRY(needs_axis(c));
    c->out.shape.dim[c->out.shape.rank - 1] = 1;
    return EG_OK;
}

static eg_status forward_softmax(struct egi_call *c)
{
    return run_lines(c, egi_kernels_of(c->out.dtype)->softmax,
                     c->in[0].shape.dim[c->in[0].shape.rank - 1]);
}

/* dx = y (g - sum g y) */
static void back_softmax(struct egi_back *b)
{
    eg_tape *t = b->t;
    const size_t last = eg_tape_shape(t, b->y).rank - 1;
    const eg_var share = eg_mul(t, b->g, b->y);
    const eg_var mean = eg_sum(t, share, EG_AXIS(last), 1);
    b->dx[0] = eg_sub(t, share, eg_mul(t, b->y, mean));
}

static eg_status forward_logsumexp(struct egi_call *c)
{
    return run_lines(c, egi_kernels_of(c->out.dtype)->logsumexp, 1);
}

/* dx = g e^(x - y) */
static void back_logsumexp(struct egi_back *b)
{
    b->dx[0] = eg_mul(b->t, b->g, eg_exp(b->t, eg_sub(b->t, b->x[0], b->y)));
}

static eg_status shape_argmax(struct egi_call *c)
{
    EGI_TRY(one_a_line(c));
    c->out.dtype = EG_I32;
    return EG_OK;
}

static eg_status forward_argmax(struct egi_call *c)
{
    return run_lines(c, egi_kernels_of(c->in[0].dtype)->argmax, 1);
}

const struct egi_op egi_op_softmax = { .info = { "softmax", "y_i = e^x_i / sum_j e^x_j", "" },
                                       .shape = needs_axis,
                                       .forward = forward_softmax,
                                       .backward = back_softmax };
const struct egi_op egi_op_logsumexp = { .info = { "logsumexp", "y = ln sum_j e^x_j", "" },
                                         .shape = one_a_line,
                                         .forward = forward_logsumexp,
                                         .backward = back_logsumexp };
const struct egi_op egi_op_argmax = { .info = { "argmax", "y = the first j of the largest x_j",
                                                "" },
                                      .shape = shape_argmax,
                                      .forward = forward_argmax };

static eg_var last_moved(eg_tape *t, eg_var x, size_t axis)
{
    const size_t rank = eg_tape_shape(t, x).rank;
    if (eg_tape_status(t) != EG_OK) return EG_NONE;
    if (axis >= rank)
        return egi_tape_fail(
            t, egi_fail(EG_ERR_INVALID, "axis %zu of a value of rank %zu", axis, rank));
    return axis + 1 == rank ? x : eg_swap_axes(t, x, axis, rank - 1);
}

static eg_var along(eg_tape *t, const struct egi_op *op, eg_var x, size_t axis)
{
    const eg_var moved = last_moved(t, x, axis);
    const eg_var y = egi_apply(t, op, &moved, 1, NULL);
    return last_moved(t, y, axis);
}

static eg_var drop_axis(eg_tape *t, eg_var y, size_t axis)
{
    const eg_shape full = eg_tape_shape(t, y);
    eg_shape less = { .rank = 0 };
    for (size_t i = 0; i < full.rank; i++)
        if (i != axis) less.dim[less.rank++] = full.dim[i];
    return eg_reshape(t, y, &less);
}

eg_var eg_softmax(eg_tape *t, eg_var x, size_t axis)
{
    return along(t, &egi_op_softmax, x, axis);
}

eg_var eg_logsumexp(eg_tape *t, eg_var x, size_t axis, int keep)
{
    const eg_var y = along(t, &egi_op_logsumexp, x, axis);
    return keep ? y : drop_axis(t, y, axis);
}

eg_var eg_log_softmax(eg_tape *t, eg_var x, size_t axis)
{
    return eg_sub(t, x, eg_logsumexp(t, x, axis, 1));
}

eg_var eg_argmax(eg_tape *t, eg_var x, size_t axis)
{
    return drop_axis(t, along(t, &egi_op_argmax, x, axis), axis);
}
