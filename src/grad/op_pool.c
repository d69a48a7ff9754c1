/* Pooling. A maximum is a look-up at the places where it lies, which are constants; a mean and its
 * adjoint are linear, each the derivative of the other: all differentiable any number of times. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "grad/egi_ops.h"
#include "grad/egi_window.h"
#include "kernel/egi_kernel_pool.h"

/* n of the attributes: two each of kernel, stride, padding, size of x, size of y. */
enum { KERNEL, STRIDE = 2, PADDING = 4, SIZE = 6, OUT = 8 };

static struct egi_pooling geometry(const struct egi_call *c)
{
    const eg_shape *s = &c->in[0].shape;
    struct egi_pooling g = { .planes = s->dim[0] * s->dim[1] };
    for (size_t i = 0; i < 2; i++) {
        g.kernel[i] = (size_t)c->attr->n[KERNEL + i];
        g.stride[i] = (size_t)c->attr->n[STRIDE + i];
        g.padding[i] = (size_t)c->attr->n[PADDING + i];
        g.in[i] = (size_t)c->attr->n[SIZE + i];
        g.out[i] = (size_t)c->attr->n[OUT + i];
    }
    return g;
}

static eg_status shape(struct egi_call *c)
{
    const int back = c->op->kernel == EGI_POOLING_SPREAD;
    if (c->in[0].dtype == EG_I32)
        return egi_fail(EG_ERR_UNSUPPORTED, "%s: of i32; cast first", c->op->info.name);
    if (c->op->kernel == EGI_POOLING_INDEX) c->out.dtype = EG_I32;
    for (size_t i = 0; i < 2; i++)
        c->out.shape.dim[2 + i] = (size_t)c->attr->n[(back ? SIZE : OUT) + i];
    return EG_OK;
}

static eg_status forward(struct egi_call *c)
{
    struct egi_tensor x;
    EGI_TRY(egi_contiguous(c, &c->in[0], &x));
    const struct egi_pooling g = geometry(c);
    egi_pooling_run(&g, (enum egi_pooling_kind)c->op->kernel, x.dtype, x.data, c->out.data,
                    c->threads);
    return EG_OK;
}

static void back_mean(struct egi_back *b)
{
    b->dx[0] = egi_apply(b->t, &egi_op_pool_spread, &b->g, 1, b->attr);
}

static void back_spread(struct egi_back *b)
{
    b->dx[0] = egi_apply(b->t, &egi_op_pool_mean, &b->g, 1, b->attr);
}

#define ROW(id, formula, kind, back)                                  \
    const struct egi_op egi_op_##id = { .info = { #id, formula, "" }, \
                                        .shape = shape,               \
                                        .forward = forward,           \
                                        .backward = back,             \
                                        .kernel = kind };
ROW(pool_index, "y_i = the first j of the largest x_j in window i", EGI_POOLING_INDEX, NULL)
ROW(pool_mean, "y_i = mean of x_j over j in window i", EGI_POOLING_MEAN, back_mean)
ROW(pool_spread, "x_j = sum of y_i / |window i| over windows i that hold j", EGI_POOLING_SPREAD,
    back_spread)

/* The numbers of all three, with x (N, C, H, W). */
static eg_status sliding(const char *name, const eg_shape *x, size_t rank, const eg_window *window,
                         struct egi_attr *a)
{
    struct egi_window v;
    EGI_TRY(egi_window_of(name, window, rank, 0, &v));
    char text[EGI_SHAPE_TEXT];
    if (v.dilation[0] * v.dilation[1] * v.groups != 1)
        return egi_fail(EG_ERR_UNSUPPORTED, "%s: dilation %zu, %zu, groups %zu", name,
                        v.dilation[0], v.dilation[1], v.groups);
    for (size_t i = 0; i < 2; i++) {
        const size_t in = x->dim[2 + i];
        const size_t out = egi_window_count(in, v.kernel[i], v.stride[i], v.padding[i], 1);
        if (out == 0 || 2 * v.padding[i] > v.kernel[i])
            return egi_fail(EG_ERR_SHAPE,
                            "%s: windows of %zu, %zu with padding %zu, %zu (at most half of it) on "
                            "%s",
                            name, v.kernel[0], v.kernel[1], v.padding[0], v.padding[1],
                            egi_shape_text(x, text));
        a->n[KERNEL + i] = (ptrdiff_t)v.kernel[i];
        a->n[STRIDE + i] = (ptrdiff_t)v.stride[i];
        a->n[PADDING + i] = (ptrdiff_t)v.padding[i];
        a->n[SIZE + i] = (ptrdiff_t)in;
        a->n[OUT + i] = (ptrdiff_t)out;
    }
    return EG_OK;
}

/* x at the places of the row pool_index, plane by plane. */
static eg_var look_up(eg_tape *t, eg_var x, const struct egi_attr *a)
{
    const eg_var index = egi_apply(t, &egi_op_pool_index, &x, 1, a);
    const eg_shape in = eg_tape_shape(t, x), out = eg_tape_shape(t, index);
    if (index.id == 0) return EG_NONE;
    const eg_shape from = eg_shape_of(in.dim[0], in.dim[1], in.dim[2] * in.dim[3]);
    const eg_shape to = eg_shape_of(out.dim[0], out.dim[1], out.dim[2] * out.dim[3]);
    const eg_var y = eg_take_along(t, eg_reshape(t, x, &from), eg_reshape(t, index, &to), 2);
    return eg_reshape(t, y, &out);
}

static eg_var pooled(eg_tape *t, const char *name, eg_var x, const eg_window *window, int largest)
{
    const size_t rank = eg_tape_shape(t, x).rank;
    if (eg_tape_status(t) != EG_OK) return EG_NONE;
    const eg_var planes = rank == 3 ? egi_window_planes(t, x) : x;
    const eg_shape shape = eg_tape_shape(t, planes);
    struct egi_attr a = { .f = NULL };
    eg_status s = sliding(name, &shape, rank, window, &a);
    if (s == EG_OK && largest && a.n[SIZE] > INT32_MAX / a.n[SIZE + 1])
        s = egi_fail(EG_ERR_OVERFLOW, "%s: planes of %td x %td", name, a.n[SIZE], a.n[SIZE + 1]);
    if (s != EG_OK) return egi_tape_fail(t, s);
    const eg_var y =
        largest ? look_up(t, planes, &a) : egi_apply(t, &egi_op_pool_mean, &planes, 1, &a);
    return egi_window_lines(t, y, rank);
}

eg_var eg_max_pool(eg_tape *t, eg_var x, const eg_window *window)
{
    return pooled(t, "max_pool", x, window, 1);
}

eg_var eg_average_pool(eg_tape *t, eg_var x, const eg_window *window)
{
    return pooled(t, "average_pool", x, window, 0);
}

eg_var eg_adaptive_average_pool(eg_tape *t, eg_var x, const size_t *size)
{
    const eg_shape s = eg_tape_shape(t, x);
    if (eg_tape_status(t) != EG_OK) return EG_NONE;
    char text[EGI_SHAPE_TEXT];
    struct egi_attr a = { .f = NULL };
    int fits = s.rank == 3 || s.rank == 4;
    for (size_t i = 0; i < 2 && fits; i++) {
        const int line = s.rank == 3 && i == 0; /* (N, C, L) as (N, C, 1, L) */
        const size_t in = line ? 1 : s.dim[s.rank == 3 ? 2 : 2 + i];
        const size_t out = line ? 1 : size[s.rank == 3 ? 0 : i];
        fits = in > 0 && out > 0 && in < (size_t)1 << 30 && out < (size_t)1 << 30;
        a.n[SIZE + i] = (ptrdiff_t)in;
        a.n[OUT + i] = (ptrdiff_t)out;
    }
    if (!fits)
        return egi_tape_fail(t, egi_fail(EG_ERR_SHAPE,
                                         "adaptive_average_pool: %s, expected (N, C, L) or "
                                         "(N, C, H, W), and sizes of at least 1",
                                         egi_shape_text(&s, text)));
    const eg_var planes = egi_window_planes(t, x);
    return egi_window_lines(t, egi_apply(t, &egi_op_pool_mean, &planes, 1, &a), s.rank);
}
