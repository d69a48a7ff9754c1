/* Convolution, its transpose, and its gradient by the weights: the derivatives of one trilinear
 * form (kernel/egi_kernel_conv.h), each of which is differentiated into the other two.
 *
 * All three carry the same numbers, so that a rule hands its own on. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "grad/egi_ops.h"
#include "grad/egi_window.h"
#include "kernel/egi_kernel_conv.h"

/* n of the attributes: two each of stride, padding, dilation, size of x, kernel; groups. */
enum { STRIDE, PADDING = 2, DILATION = 4, SIZE = 6, KERNEL = 8, GROUPS = 10 };

static void pair_of(size_t *to, const struct egi_attr *a, size_t at)
{
    to[0] = (size_t)a->n[at];
    to[1] = (size_t)a->n[at + 1];
}

static struct egi_conv geometry(const struct egi_call *c)
{
    const enum egi_conv_kind kind = (enum egi_conv_kind)c->op->kernel;
    const eg_shape *first = &c->in[0].shape, *second = &c->in[1].shape;
    struct egi_conv g = { .n = first->dim[0], .groups = (size_t)c->attr->n[GROUPS] };
    pair_of(g.stride, c->attr, STRIDE);
    pair_of(g.padding, c->attr, PADDING);
    pair_of(g.dilation, c->attr, DILATION);
    pair_of(g.in, c->attr, SIZE);
    pair_of(g.kernel, c->attr, KERNEL);
    g.o = kind == EGI_CONV_WEIGHT ? second->dim[1] : second->dim[0];
    g.c = kind == EGI_CONV_INPUT ? second->dim[1] * g.groups : first->dim[1];
    for (size_t i = 0; i < 2; i++)
        g.out[i] = egi_window_count(g.in[i], g.kernel[i], g.stride[i], g.padding[i], g.dilation[i]);
    return g;
}

/* The shape that x, w or y has by the geometry. */
static eg_shape shape_of(const struct egi_conv *g, enum egi_conv_kind which)
{
    switch (which) {
    case EGI_CONV_INPUT:
        return eg_shape_of(g->n, g->c, g->in[0], g->in[1]);
    case EGI_CONV_WEIGHT:
        return eg_shape_of(g->o, g->c / g->groups, g->kernel[0], g->kernel[1]);
    default:
        return eg_shape_of(g->n, g->o, g->out[0], g->out[1]);
    }
}

/* Which of the three the inputs of a kind are. */
static const enum egi_conv_kind inputs[3][2] = {
    [EGI_CONV_OUTPUT] = { EGI_CONV_INPUT, EGI_CONV_WEIGHT },
    [EGI_CONV_INPUT] = { EGI_CONV_OUTPUT, EGI_CONV_WEIGHT },
    [EGI_CONV_WEIGHT] = { EGI_CONV_INPUT, EGI_CONV_OUTPUT },
};

/* What would have fitted, of what does not. */
static const char *wanted(const struct egi_conv *g, enum egi_conv_kind kind, char *text,
                          size_t room)
{
    char ta[EGI_SHAPE_TEXT], tb[EGI_SHAPE_TEXT];
    if (g->out[0] == 0 || g->out[1] == 0)
        snprintf(text, room, "a kernel of up to %zu, %zu",
                 (g->in[0] + 2 * g->padding[0] + g->dilation[0] - 1) / g->dilation[0],
                 (g->in[1] + 2 * g->padding[1] + g->dilation[1] - 1) / g->dilation[1]);
    else if (g->c == 0 || g->o == 0 || g->c % g->groups != 0 || g->o % g->groups != 0)
        snprintf(text, room, "channels, as many in each of %zu groups", g->groups);
    else {
        const eg_shape a = shape_of(g, inputs[kind][0]), b = shape_of(g, inputs[kind][1]);
        snprintf(text, room, "floats of %s with %s", egi_shape_text(&a, ta),
                 egi_shape_text(&b, tb));
    }
    return text;
}

static eg_status shape(struct egi_call *c)
{
    const enum egi_conv_kind kind = (enum egi_conv_kind)c->op->kernel;
    const eg_shape *a = &c->in[0].shape, *b = &c->in[1].shape;
    const struct egi_conv g = geometry(c);
    int fits = c->out.dtype != EG_I32 && g.c > 0 && g.o > 0 && g.out[0] > 0 && g.out[1] > 0
               && g.kernel[0] > 0 && g.kernel[1] > 0 && g.c % g.groups == 0 && g.o % g.groups == 0;
    for (size_t k = 0; k < 2 && fits; k++) {
        const eg_shape want = shape_of(&g, inputs[kind][k]);
        fits = egi_shape_equal(&want, &c->in[k].shape);
    }
    char ta[EGI_SHAPE_TEXT], tb[EGI_SHAPE_TEXT], want[2 * EGI_SHAPE_TEXT + 64];
    if (!fits)
        return egi_fail(EG_ERR_SHAPE,
                        "%s: %s with %s, %s; stride %zu, %zu, padding %zu, %zu, dilation %zu, %zu, "
                        "groups %zu; expected %s",
                        c->op->info.name, egi_shape_text(a, ta), egi_shape_text(b, tb),
                        eg_dtype_name(c->out.dtype), g.stride[0], g.stride[1], g.padding[0],
                        g.padding[1], g.dilation[0], g.dilation[1], g.groups,
                        wanted(&g, kind, want, sizeof want));
    c->out.shape = shape_of(&g, kind);
    return EG_OK;
}

/* What a plan depends on. */
struct plan_key {
    struct egi_conv g;
    size_t kind, dtype; /* no bytes between */
};

static eg_status make_plan(const void *key, void *plan)
{
    const struct plan_key *k = key;
    return egi_conv_plan(&k->g, (enum egi_conv_kind)k->kind, (eg_dtype)k->dtype, 0, plan);
}

static void clear_plan(void *plan)
{
    egi_conv_plan_clear(plan);
}

static const struct egi_keeping plans = { sizeof(struct plan_key), sizeof(struct egi_conv_plan),
                                          make_plan, clear_plan };

static eg_status forward(struct egi_call *c)
{
    const enum egi_conv_kind kind = (enum egi_conv_kind)c->op->kernel;
    struct egi_tensor a, b;
    EGI_TRY(egi_contiguous(c, &c->in[0], &a));
    EGI_TRY(egi_contiguous(c, &c->in[1], &b));
    const struct plan_key key = { geometry(c), kind, c->out.dtype };
    const struct egi_conv_data d = {
        .x = kind == EGI_CONV_INPUT ? c->out.data : a.data,
        .w = kind == EGI_CONV_WEIGHT ? c->out.data : b.data,
        .y = kind == EGI_CONV_OUTPUT  ? c->out.data
             : kind == EGI_CONV_INPUT ? a.data
                                      : b.data,
    };
    void *kept, *scratch;
    EGI_TRY(egi_keep(c, &plans, &key, &kept));
    const struct egi_conv_plan *p = kept;
    EGI_TRY(egi_scratch(c, p->scratch, &scratch));
    egi_conv_run(p, &d, scratch, c->threads);
    return EG_OK;
}

static void derivative(struct egi_back *b, size_t k, const struct egi_op *op, eg_var x, eg_var y)
{
    const eg_var pair[2] = { x, y };
    if (b->wanted[k]) b->dx[k] = egi_apply(b->t, op, pair, 2, b->attr);
}

static void back_conv(struct egi_back *b)
{
    derivative(b, 0, &egi_op_conv_transpose, b->g, b->x[1]);
    derivative(b, 1, &egi_op_conv_weight, b->x[0], b->g);
}

static void back_transpose(struct egi_back *b)
{
    derivative(b, 0, &egi_op_conv, b->g, b->x[1]);
    derivative(b, 1, &egi_op_conv_weight, b->g, b->x[0]);
}

static void back_weight(struct egi_back *b)
{
    derivative(b, 0, &egi_op_conv_transpose, b->x[1], b->g);
    derivative(b, 1, &egi_op_conv, b->x[0], b->g);
}

#define ROW(id, formula, kind, back)                                  \
    const struct egi_op egi_op_##id = { .info = { #id, formula, "" }, \
                                        .shape = shape,               \
                                        .forward = forward,           \
                                        .backward = back,             \
                                        .kernel = kind };
ROW(conv, "y_i = sum_k w_k x_(i stride - padding + k dilation)", EGI_CONV_OUTPUT, back_conv)
ROW(conv_transpose, "x_j = sum_(i, k: i stride - padding + k dilation = j) w_k y_i", EGI_CONV_INPUT,
    back_transpose)
ROW(conv_weight, "w_k = sum_i y_i x_(i stride - padding + k dilation)", EGI_CONV_WEIGHT,
    back_weight)

/* x and w come with one or two axes after the first two; the row sees two. `output` is the size
 * of what conv_transpose makes. */
static eg_var apply(eg_tape *t, const struct egi_op *op, eg_var x, eg_var w,
                    const eg_window *window)
{
    struct egi_window v;
    const eg_shape sx = eg_tape_shape(t, x), sw = eg_tape_shape(t, w);
    if (eg_tape_status(t) != EG_OK) return EG_NONE;
    char tx[EGI_SHAPE_TEXT], tw[EGI_SHAPE_TEXT];
    if (sx.rank != sw.rank)
        return egi_tape_fail(t, egi_fail(EG_ERR_SHAPE, "%s: %s with weights %s", op->info.name,
                                         egi_shape_text(&sx, tx), egi_shape_text(&sw, tw)));
    const eg_status s = egi_window_of(op->info.name, window, sx.rank, 1, &v);
    if (s != EG_OK) return egi_tape_fail(t, s);
    x = egi_window_planes(t, x);
    w = egi_window_planes(t, w);
    const eg_shape px = eg_tape_shape(t, x), pw = eg_tape_shape(t, w);
    struct egi_attr a = { .n = { [GROUPS] = (ptrdiff_t)v.groups } };
    for (size_t i = 0; i < 2; i++) {
        const size_t k = pw.dim[2 + i],
                     reach = k > 0 ? v.dilation[i] * (k - 1) + v.extra[i] + 1 : 0;
        const size_t wide = px.dim[2 + i] > 0 ? (px.dim[2 + i] - 1) * v.stride[i] + reach : 0;
        const size_t made = wide > 2 * v.padding[i] ? wide - 2 * v.padding[i] : 0;
        a.n[STRIDE + i] = (ptrdiff_t)v.stride[i];
        a.n[PADDING + i] = (ptrdiff_t)v.padding[i];
        a.n[DILATION + i] = (ptrdiff_t)v.dilation[i];
        a.n[KERNEL + i] = (ptrdiff_t)k;
        a.n[SIZE + i] = (ptrdiff_t)(op->kernel == EGI_CONV_INPUT ? made : px.dim[2 + i]);
    }
    const eg_var both[2] = { x, w };
    return egi_window_lines(t, egi_apply(t, op, both, 2, &a), sx.rank);
}

eg_var eg_conv(eg_tape *t, eg_var x, eg_var w, const eg_window *window)
{
    return apply(t, &egi_op_conv, x, w, window);
}

eg_var eg_conv_transpose(eg_tape *t, eg_var x, eg_var w, const eg_window *window)
{
    return apply(t, &egi_op_conv_transpose, x, w, window);
}
