/* Nodes as steps of a frozen network: what a row of the table of operators has beside its builder.
 *
 * A value (N, C, H, W), or (N, C), which is C channels of one place, becomes C x H x W of each of N
 * pictures. A node that does anything else, or to anything but the values of one picture, is none.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "model/egi_onnx_build.h"
#include "tensor/egi_frozen.h"

/* Numbers of a picture, its channels filled up to blocks: no sum of bytes can wrap round, and
 * offsets in compiled code fit. */
#define PICTURE_MAX ((size_t)1 << 29)

static int fits(const struct egi_frozen_size *s)
{
    enum { BLOCK_MAX = 16 };
    const size_t rows = s->w > 0 ? PICTURE_MAX / s->w : 0, planes = s->h > 0 ? rows / s->h : 0;
    return s->c > 0 && s->c <= PICTURE_MAX
           && (s->c + BLOCK_MAX - 1) / BLOCK_MAX * BLOCK_MAX <= planes;
}

/* Sizes of a picture of v; 0: it has none, or they are too large. */
static int size_of(const struct egi_onnx_freezing *z, const struct egi_onnx_call *c,
                   const struct egi_onnx_slot *v, struct egi_frozen_size *out)
{
    const eg_shape s = eg_tape_shape(c->t, v->v);
    if (v->type != EGI_ONNX_FLOAT || (s.rank != 2 && s.rank != 4) || s.dim[0] != z->pictures)
        return 0;
    *out = (struct egi_frozen_size){ s.dim[1], 1, 1 };
    if (s.rank == 4) *out = (struct egi_frozen_size){ s.dim[1], s.dim[2], s.dim[3] };
    return fits(out);
}

static int same_size(const struct egi_frozen_size *a, const struct egi_frozen_size *b)
{
    return a->c == b->c && a->h == b->h && a->w == b->w;
}

/* The number of input k in the frozen network, as one that comes in where it is new. */
static eg_status value_in(struct egi_onnx_freezing *z, const struct egi_onnx_call *c, size_t k,
                          uint32_t *out)
{
    struct egi_frozen_size size;
    const uint32_t v = k < c->count ? c->node->in[k] : 0;
    if (v == 0 || c->m->value[v].data.data != NULL || !size_of(z, c, &c->in[k], &size))
        return EG_NOT_FOUND;
    if (z->known[v] == 0) {
        EGI_TRY(egi_frozen_value(z->frozen, size, &z->known[v]));
        egi_frozen_input(z->frozen, z->known[v]);
    }
    *out = z->known[v];
    return EG_OK;
}

/* A step that reads the first `count` inputs of the node and gives its first output. */
static eg_status add_step(struct egi_onnx_freezing *z, const struct egi_onnx_call *c,
                          const struct egi_frozen_step *s, size_t count)
{
    enum { INPUTS_MAX = 64 };
    uint32_t in[INPUTS_MAX], out;
    struct egi_frozen_size size;
    if (count > INPUTS_MAX || !size_of(z, c, &c->out[0], &size)) return EG_NOT_FOUND;
    for (size_t k = 0; k < count; k++) {
        const eg_status had = value_in(z, c, k, &in[k]);
        if (had != EG_OK) return had;
    }
    EGI_TRY(egi_frozen_value(z->frozen, size, &out));
    const eg_status status = egi_frozen_add(z->frozen, s, in, count, out);
    if (status == EG_OK) z->known[c->node->out[0]] = out;
    return status;
}

/* Weights that do not change; NULL: they do, or are none of floats. */
static const float *constant_of(const struct egi_onnx_call *c, size_t k)
{
    const uint32_t v = k < c->count ? c->node->in[k] : 0;
    const struct egi_onnx_data *d = &c->m->value[v].data;
    return v != 0 && d->type == EGI_ONNX_FLOAT ? d->data : NULL;
}

/* A bias of one number a channel, or none at all; 0: neither. */
static int bias_of(const struct egi_onnx_call *c, size_t channels, const float **out)
{
    *out = constant_of(c, 2);
    if (!egi_has(c, 2)) return 1;
    const eg_shape s = egi_shape_in(c, 2);
    return *out != NULL && s.rank == 1 && s.dim[0] == channels;
}

static void window_into(const struct egi_onnx_window *w, struct egi_frozen_step *s)
{
    for (size_t i = 0; i < 2; i++) {
        s->kernel[i] = w->kernel[i];
        s->stride[i] = w->stride[i];
        s->dilation[i] = w->dilation[i];
        s->before[i] = w->before[i];
        s->after[i] = w->after[i];
    }
}

eg_status egi_freeze_conv(struct egi_onnx_freezing *z, struct egi_onnx_call *c)
{
    struct egi_onnx_window w;
    const eg_shape sw = egi_shape_in(c, 1);
    struct egi_frozen_step s = { .kind = EGI_FROZEN_CONV, .w = constant_of(c, 1) };
    if (s.w == NULL || sw.rank != 4 || !bias_of(c, sw.dim[0], &s.bias)) return EG_NOT_FOUND;
    if (!egi_onnx_window_of(c, egi_in(c, 0), sw.dim + 2, &w)) return eg_tape_status(c->t);
    window_into(&w, &s);
    s.groups = egi_onnx_groups(c);
    return add_step(z, c, &s, 1);
}

/* Windows that reach past the borders are left to the builders, but a maximum does not see where.
 */
eg_status egi_freeze_pool(struct egi_onnx_freezing *z, struct egi_onnx_call *c)
{
    struct egi_onnx_window w;
    const int max = c->row->kind == EGI_POOL_MAX;
    struct egi_frozen_step s = { .kind = max ? EGI_FROZEN_MAX_POOL : EGI_FROZEN_AVERAGE_POOL,
                                 .groups = 1 };
    if (egi_shape_in(c, 0).rank != 4) return EG_NOT_FOUND;
    if (!egi_onnx_window_of(c, egi_in(c, 0), NULL, &w)) return eg_tape_status(c->t);
    s.counts = egi_node_int(c->node, "count_include_pad", 0) != 0;
    for (size_t i = 0; i < 2; i++) {
        if (max) w.after[i] += w.beyond[i];
        const int odd = w.dilation[i] != 1 || w.before[i] >= w.kernel[i]
                        || w.after[i] >= w.kernel[i] || (!max && w.beyond[i] > 0);
        if (odd) return EG_NOT_FOUND;
    }
    window_into(&w, &s);
    return add_step(z, c, &s, 1);
}

eg_status egi_freeze_global_pool(struct egi_onnx_freezing *z, struct egi_onnx_call *c)
{
    const eg_shape x = egi_shape_in(c, 0);
    if (x.rank != 4) return EG_NOT_FOUND;
    const struct egi_frozen_step s = {
        .kind = c->row->kind == EGI_POOL_MAX ? EGI_FROZEN_MAX_POOL : EGI_FROZEN_AVERAGE_POOL,
        .groups = 1,
        .kernel = { x.dim[2], x.dim[3] },
        .stride = { 1, 1 },
        .dilation = { 1, 1 },
    };
    return add_step(z, c, &s, 1);
}

/* x w' + bias of rows as a convolution of one place. */
eg_status egi_freeze_gemm(struct egi_onnx_freezing *z, struct egi_onnx_call *c)
{
    const eg_shape sw = egi_shape_in(c, 1);
    const struct egi_onnx_node *n = c->node;
    struct egi_frozen_step s = { .kind = EGI_FROZEN_CONV,
                                 .groups = 1,
                                 .kernel = { 1, 1 },
                                 .stride = { 1, 1 },
                                 .dilation = { 1, 1 },
                                 .w = constant_of(c, 1) };
    const int plain = egi_node_float(n, "alpha", 1) == 1 && egi_node_float(n, "beta", 1) == 1
                      && egi_node_int(n, "transA", 0) == 0 && egi_node_int(n, "transB", 0) != 0;
    if (!plain || s.w == NULL || egi_shape_in(c, 0).rank != 2 || !bias_of(c, sw.dim[0], &s.bias))
        return EG_NOT_FOUND;
    return add_step(z, c, &s, 1);
}

/* An activation with its numbers. */
static eg_status add_act(struct egi_onnx_freezing *z, const struct egi_onnx_call *c,
                         enum egi_frozen_act act, double a, double b)
{
    const struct egi_frozen_step s = {
        .kind = EGI_FROZEN_ACT, .act = act, .a = (float)a, .b = (float)b, .groups = 1
    };
    return add_step(z, c, &s, 1);
}

eg_status egi_freeze_relu(struct egi_onnx_freezing *z, struct egi_onnx_call *c)
{
    return add_act(z, c, EGI_FROZEN_RELU, 0, 0);
}

eg_status egi_freeze_clip(struct egi_onnx_freezing *z, struct egi_onnx_call *c)
{
    for (size_t k = 1; k < 3; k++)
        if (egi_has(c, k) && constant_of(c, k) == NULL) return EG_NOT_FOUND;
    const double least = egi_number_in(c, 1, egi_node_float(c->node, "min", -INFINITY));
    const double most = egi_number_in(c, 2, egi_node_float(c->node, "max", INFINITY));
    EGI_TRY(eg_tape_status(c->t));
    if (!(least <= most)) return EG_NOT_FOUND;
    if (least == 0 && most == INFINITY) return add_act(z, c, EGI_FROZEN_RELU, 0, 0);
    return add_act(z, c, EGI_FROZEN_CLAMP, least, most);
}

eg_status egi_freeze_act(struct egi_onnx_freezing *z, struct egi_onnx_call *c)
{
    static const struct {
        const char *op;
        enum egi_frozen_act act;
        double missing; /* alpha */
    } acts[] = {
        { "LeakyRelu", EGI_FROZEN_LEAKY, 0.01 },   { "Elu", EGI_FROZEN_ELU, 1 },
        { "Sigmoid", EGI_FROZEN_SIGMOID, 0 },      { "Tanh", EGI_FROZEN_TANH, 0 },
        { "HardSwish", EGI_FROZEN_HARD_SWISH, 0 },
    };
    for (size_t i = 0; i < EGI_COUNT(acts); i++)
        if (egi_span_is(c->node->op, acts[i].op))
            return add_act(z, c, acts[i].act, egi_node_float(c->node, "alpha", acts[i].missing), 0);
    return EG_NOT_FOUND;
}

/* Of two values of one size. */
eg_status egi_freeze_add(struct egi_onnx_freezing *z, struct egi_onnx_call *c)
{
    struct egi_frozen_size size[2];
    const struct egi_frozen_step s = { .kind = EGI_FROZEN_ADD, .groups = 1 };
    if (c->count != 2 || !size_of(z, c, &c->in[0], &size[0]) || !size_of(z, c, &c->in[1], &size[1])
        || !same_size(&size[0], &size[1]))
        return EG_NOT_FOUND;
    return add_step(z, c, &s, 2);
}

/* By channels. */
eg_status egi_freeze_concat(struct egi_onnx_freezing *z, struct egi_onnx_call *c)
{
    const eg_shape x = egi_shape_in(c, 0);
    const struct egi_frozen_step s = { .kind = EGI_FROZEN_CONCAT, .groups = 1 };
    if (x.rank != 4 || egi_axis_of(c, egi_node_int(c->node, "axis", 1), x.rank) != 1)
        return EG_NOT_FOUND;
    return add_step(z, c, &s, c->count);
}

/* The same numbers under another shape of the same sizes: (N, C) of (N, C, 1, 1). */
eg_status egi_freeze_same(struct egi_onnx_freezing *z, struct egi_onnx_call *c)
{
    struct egi_frozen_size x, y;
    uint32_t v;
    if (!size_of(z, c, &c->in[0], &x) || !size_of(z, c, &c->out[0], &y) || !same_size(&x, &y))
        return EG_NOT_FOUND;
    const eg_status s = value_in(z, c, 0, &v);
    if (s == EG_OK) z->known[c->node->out[0]] = v;
    return s;
}
