/* Pooling. The derivative of a maximum is a fused row; where it is to be differentiated again, the
 * places of maxima are constants, to which gradients are put. A mean and its adjoint are linear,
 * each the derivative of the other. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "grad/egi_ops.h"
#include "grad/egi_tape_impl.h"
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

/* Inputs of the fused derivative; every other row has one. */
enum { X, GRADIENT, BACK_INPUTS };

/* Which of x and y a kind reads from its inputs, in order, and which its output is like. */
static const struct kind {
    size_t inputs;
    int reads_x, reads_y, like_x;
} kinds[] = {
    [EGI_POOLING_INDEX] = { 1, 1, 0, 0 },
    [EGI_POOLING_MAX] = { 1, 1, 0, 0 },
    [EGI_POOLING_MAX_BACK] = { BACK_INPUTS, 1, 1, 1 },
    [EGI_POOLING_MEAN] = { 1, 1, 0, 0 },
    [EGI_POOLING_SPREAD] = { 1, 0, 1, 1 },
};

static eg_status shape(struct egi_call *c)
{
    if (c->in[0].dtype == EG_I32)
        return egi_fail(EG_ERR_UNSUPPORTED, "%s: of i32; cast first", c->op->info.name);
    if (c->op->kernel == EGI_POOLING_INDEX) c->out.dtype = EG_I32;
    for (size_t i = 0; i < 2; i++)
        c->out.shape.dim[2 + i] =
            (size_t)c->attr->n[(kinds[c->op->kernel].like_x ? SIZE : OUT) + i];
    return EG_OK;
}

/* What a plan depends on. */
struct plan_key {
    struct egi_pooling g;
    size_t kind, dtype; /* no bytes between */
};

static eg_status make_plan(const void *key, void *plan)
{
    const struct plan_key *k = key;
    return egi_pooling_plan(&k->g, (enum egi_pooling_kind)k->kind, (eg_dtype)k->dtype, 0, plan);
}

static void clear_plan(void *plan)
{
    egi_pooling_plan_clear(plan);
}

static const struct egi_keeping plans = { sizeof(struct plan_key), sizeof(struct egi_pooling_plan),
                                          make_plan, clear_plan };

static eg_status forward(struct egi_call *c)
{
    const struct kind *is = &kinds[c->op->kernel];
    struct egi_tensor in[BACK_INPUTS];
    for (size_t k = 0; k < is->inputs; k++) EGI_TRY(egi_contiguous(c, &c->in[k], &in[k]));
    const struct plan_key key = { geometry(c), c->op->kernel, in[0].dtype };
    const struct egi_pooling_data d = { .x = is->reads_x ? in[X].data : NULL,
                                        .y = is->reads_y ? in[is->inputs - 1].data : NULL,
                                        .out = c->out.data };
    void *kept, *scratch;
    EGI_TRY(egi_keep(c, &plans, &key, &kept));
    const struct egi_pooling_plan *p = kept;
    EGI_TRY(egi_scratch(c, p->scratch, &scratch));
    egi_pooling_run(p, &d, scratch, c->threads);
    return EG_OK;
}

/* (N, C, H, W) as (N, C, HW) */
static eg_var flat(eg_tape *t, eg_var x)
{
    const eg_shape s = eg_tape_shape(t, x);
    return eg_reshape(t, x, &eg_shape_of(s.dim[0], s.dim[1], s.dim[2] * s.dim[3]));
}

/* The derivative made of operations, for one that will be differentiated. */
static eg_var composed(struct egi_back *b)
{
    eg_tape *t = b->t;
    const eg_shape s = eg_tape_shape(t, b->x[0]);
    const eg_var index = egi_apply(t, &egi_op_pool_index, &b->x[0], 1, b->attr);
    const eg_var put = eg_put_along(t, flat(t, b->g), flat(t, index), 2, s.dim[2] * s.dim[3]);
    return eg_reshape(t, put, &s);
}

static void back_max(struct egi_back *b)
{
    const eg_var in[BACK_INPUTS] = { b->x[0], b->g };
    b->dx[0] = b->t->recording ? composed(b)
                               : egi_apply(b->t, &egi_op_pool_max_back, in, BACK_INPUTS, b->attr);
}

static void back_mean(struct egi_back *b)
{
    b->dx[0] = egi_apply(b->t, &egi_op_pool_spread, &b->g, 1, b->attr);
}

static void back_spread(struct egi_back *b)
{
    b->dx[0] = egi_apply(b->t, &egi_op_pool_mean, &b->g, 1, b->attr);
}

#define ROW(id, formula, kind, back, other)                           \
    const struct egi_op egi_op_##id = { .info = { #id, formula, "" }, \
                                        .shape = shape,               \
                                        .forward = forward,           \
                                        .backward = back,             \
                                        .unfused = other,             \
                                        .kernel = kind };
ROW(pool_index, "y_i = the first j of the largest x_j in window i", EGI_POOLING_INDEX, NULL, NULL)
ROW(pool_max, "y_i = the largest x_j in window i", EGI_POOLING_MAX, back_max, NULL)
ROW(pool_max_back, "the gradient of pool_max by x", EGI_POOLING_MAX_BACK, NULL,
    "the plain derivative (EG_GRADIENT_KEEP)")
ROW(pool_mean, "y_i = mean of x_j over j in window i", EGI_POOLING_MEAN, back_mean, NULL)
ROW(pool_spread, "x_j = sum of y_i / |window i| over windows i that hold j", EGI_POOLING_SPREAD,
    back_spread, NULL)

/* The numbers of all rows, with x (N, C, H, W). */
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

static eg_var pooled(eg_tape *t, const char *name, eg_var x, const eg_window *window,
                     const struct egi_op *op)
{
    const size_t rank = eg_tape_shape(t, x).rank;
    if (eg_tape_status(t) != EG_OK) return EG_NONE;
    const eg_var planes = rank == 3 ? egi_window_planes(t, x) : x;
    const eg_shape shape = eg_tape_shape(t, planes);
    struct egi_attr a = { .f = NULL };
    eg_status s = sliding(name, &shape, rank, window, &a);
    if (s == EG_OK && op == &egi_op_pool_max && a.n[SIZE] > INT32_MAX / a.n[SIZE + 1])
        s = egi_fail(EG_ERR_OVERFLOW, "%s: planes of %td x %td", name, a.n[SIZE], a.n[SIZE + 1]);
    if (s != EG_OK) return egi_tape_fail(t, s);
    return egi_window_lines(t, egi_apply(t, op, &planes, 1, &a), rank);
}

eg_var eg_max_pool(eg_tape *t, eg_var x, const eg_window *window)
{
    return pooled(t, "max_pool", x, window, &egi_op_pool_max);
}

eg_var eg_average_pool(eg_tape *t, eg_var x, const eg_window *window)
{
    return pooled(t, "average_pool", x, window, &egi_op_pool_mean);
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
        if (fits && in % out == 0) /* windows side by side */
            a.n[KERNEL + i] = a.n[STRIDE + i] = (ptrdiff_t)(in / out);
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
