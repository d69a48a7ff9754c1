/* Operators whose window slides: convolutions and pools.
 *
 * Borders that are the same on both sides are the window's own padding; others are put around x
 * before. Borders of an average do not count, unless the node says so: the mean over a window is
 * divided by the mean of ones there. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "model/egi_onnx_build.h"

/* A list with one number an axis, each at least `least`; `missing` where there is none. */
static void numbers(struct egi_onnx_call *c, const char *name, size_t n, int64_t least,
                    size_t missing, size_t *out)
{
    int64_t v[4];
    size_t count;
    egi_node_ints(c, name, 4, v, &count);
    if (count != 0 && count != n)
        egi_call_fail(c, EG_ERR_SHAPE, "%s: %zu numbers, expected %zu", name, count, n);
    for (size_t i = 0; i < n; i++) {
        out[i] = count == n && egi_call_ok(c) ? (size_t)v[i] : missing;
        if (count == n && egi_call_ok(c) && (v[i] < least || v[i] >= (int64_t)1 << 30))
            egi_call_fail(c, EG_ERR_INVALID, "%s: %lld, expected %lld to 2^30", name,
                          (long long)v[i], (long long)least);
    }
}

static size_t reach(const struct egi_onnx_window *w, size_t i)
{
    return w->dilation[i] * (w->kernel[i] - 1) + 1;
}

/* As many windows as strides fit in, the odd border behind, or before. */
static void same_borders(struct egi_onnx_window *w, int before)
{
    for (size_t i = 0; i < w->axes; i++) {
        const size_t out = (w->in[i] + w->stride[i] - 1) / w->stride[i];
        const size_t need = out > 0 ? (out - 1) * w->stride[i] + reach(w, i) : 0;
        const size_t total = need > w->in[i] ? need - w->in[i] : 0;
        w->before[i] = before ? total - total / 2 : total / 2;
        w->after[i] = total - w->before[i];
    }
}

static void borders(struct egi_onnx_call *c, struct egi_onnx_window *w)
{
    const struct egi_span mode = egi_node_text(c->node, "auto_pad");
    size_t pad[4];
    if (egi_span_is(mode, "SAME_UPPER") || egi_span_is(mode, "SAME_LOWER")) {
        same_borders(w, egi_span_is(mode, "SAME_LOWER"));
        return;
    }
    numbers(c, "pads", 2 * w->axes, 0, 0, pad);
    for (size_t i = 0; i < w->axes && !egi_span_is(mode, "VALID"); i++) {
        w->before[i] = pad[i];
        w->after[i] = pad[i + w->axes];
    }
}

int egi_onnx_window_of(struct egi_onnx_call *c, eg_var x, const size_t *kernel,
                       struct egi_onnx_window *w)
{
    const eg_shape s = eg_tape_shape(c->t, x);
    *w = (struct egi_onnx_window){ .axes = s.rank - 2 };
    if (s.rank != 3 && s.rank != 4) {
        egi_call_fail(c, EG_ERR_UNSUPPORTED, "rank %zu, expected (N, C, L) or (N, C, H, W)",
                      s.rank);
        return 0;
    }
    numbers(c, "kernel_shape", w->axes, 1, 0, w->kernel);
    numbers(c, "strides", w->axes, 1, 1, w->stride);
    numbers(c, "dilations", w->axes, 1, 1, w->dilation);
    for (size_t i = 0; i < w->axes; i++) {
        w->in[i] = s.dim[2 + i];
        if (kernel != NULL) w->kernel[i] = kernel[i];
        if (egi_call_ok(c) && w->kernel[i] == 0) egi_call_fail(c, EG_ERR_SHAPE, "no kernel");
    }
    if (egi_call_ok(c)) borders(c, w);
    w->round_up = egi_node_int(c->node, "ceil_mode", 0) != 0;
    for (size_t i = 0; i < w->axes && w->round_up && egi_call_ok(c); i++) {
        const size_t room = w->in[i] + w->before[i] + w->after[i];
        const size_t over = room > reach(w, i) ? (room - reach(w, i)) % w->stride[i] : 0;
        w->beyond[i] = over > 0 ? w->stride[i] - over : 0;
    }
    return egi_call_ok(c);
}

static int even(const struct egi_onnx_window *w)
{
    for (size_t i = 0; i < w->axes; i++)
        if (w->before[i] != w->after[i] || w->beyond[i] > 0) return 0;
    return 1;
}

static eg_window options_of(const struct egi_onnx_window *w, int padded)
{
    eg_window o = EG_WINDOW_INIT;
    for (size_t i = 0; i < w->axes; i++) {
        o.kernel[i] = w->kernel[i];
        o.stride[i] = w->stride[i];
        o.dilation[i] = w->dilation[i];
        o.padding[i] = padded ? w->before[i] : 0;
    }
    return o;
}

static eg_var with_borders(struct egi_onnx_call *c, eg_var x, const struct egi_onnx_window *w,
                           double border, double beyond)
{
    for (size_t i = 0; i < w->axes; i++) {
        x = egi_pad_with(c, x, 2 + i, w->before[i], w->after[i], border);
        x = egi_pad_with(c, x, 2 + i, 0, w->beyond[i], beyond);
    }
    return x;
}

size_t egi_onnx_groups(struct egi_onnx_call *c)
{
    const int64_t groups = egi_node_int(c->node, "group", 1);
    if (groups >= 1) return (size_t)groups;
    egi_call_fail(c, EG_ERR_INVALID, "group: %lld, expected at least 1", (long long)groups);
    return 1;
}

eg_var egi_onnx_conv(struct egi_onnx_call *c, eg_var x, eg_var w)
{
    struct egi_onnx_window v;
    const eg_shape sx = eg_tape_shape(c->t, x), sw = eg_tape_shape(c->t, w);
    if (sx.rank != sw.rank || sw.rank < 3) {
        egi_call_fail(c, EG_ERR_SHAPE, "x of rank %zu, weights of rank %zu", sx.rank, sw.rank);
        return EG_NONE;
    }
    if (!egi_onnx_window_of(c, x, sw.dim + 2, &v)) return EG_NONE;
    const int plain = even(&v);
    eg_window o = options_of(&v, plain);
    o.groups = egi_onnx_groups(c);
    return eg_conv(c->t, plain ? x : with_borders(c, x, &v, 0, 0), w, &o);
}

static eg_var add_bias(struct egi_onnx_call *c, eg_var y)
{
    const eg_shape s = eg_tape_shape(c->t, y), b = egi_shape_in(c, 2);
    if (!egi_has(c, 2) || !egi_call_ok(c)) return y;
    if (b.rank != 1 || b.dim[0] != s.dim[1]) {
        egi_call_fail(c, EG_ERR_SHAPE, "a bias of %zu for %zu channels", eg_shape_size(&b),
                      s.dim[1]);
        return EG_NONE;
    }
    const eg_shape line = { s.rank - 1, { b.dim[0], 1, 1 } };
    return eg_add(c->t, y, eg_reshape(c->t, egi_in(c, 2), &line));
}

void egi_build_conv(struct egi_onnx_call *c)
{
    egi_give(c, 0, c->in[0].type, add_bias(c, egi_onnx_conv(c, egi_in(c, 0), egi_in(c, 1))));
}

/* Sums of whole numbers in f64, which are exact. */
void egi_build_conv_integer(struct egi_onnx_call *c)
{
    eg_tape *t = c->t;
    eg_var x[2];
    for (size_t k = 0; k < 2; k++) {
        x[k] = eg_cast(t, egi_in(c, k), EG_F64);
        if (!egi_has(c, 2 + k)) continue;
        const eg_shape zero = egi_shape_in(c, 2 + k);
        eg_shape line = { 1 + 2, { eg_shape_size(&zero), 1, 1 } }; /* by output, or one for all */
        if (k == 1) line = (eg_shape){ 4, { eg_shape_size(&zero), 1, 1, 1 } };
        if (k == 1) line.rank = egi_shape_in(c, 1).rank;
        x[k] = eg_sub(t, x[k], eg_reshape(t, eg_cast(t, egi_in(c, 2 + k), EG_F64), &line));
    }
    egi_give(c, 0, EGI_ONNX_INT32, egi_onnx_conv(c, x[0], x[1]));
}

/* How much is cut off each side of the whole transposed convolution of size `whole`. */
static void cuts(struct egi_onnx_call *c, const struct egi_onnx_window *w, const size_t *whole,
                 int64_t *before, int64_t *after)
{
    const struct egi_span mode = egi_node_text(c->node, "auto_pad");
    const int upper = egi_span_is(mode, "SAME_UPPER"), lower = egi_span_is(mode, "SAME_LOWER");
    size_t want[2];
    numbers(c, "output_shape", w->axes, 1, 0, want);
    for (size_t i = 0; i < w->axes; i++) {
        before[i] = (int64_t)w->before[i];
        after[i] = (int64_t)w->after[i];
        if (want[i] == 0 && (upper || lower)) want[i] = w->in[i] * w->stride[i];
        if (want[i] == 0) continue;
        const int64_t total = (int64_t)whole[i] - (int64_t)want[i];
        before[i] = total > 0 ? (upper ? total / 2 : total - total / 2) : 0;
        after[i] = total - before[i];
    }
}

/* The whole of it, then cut, or with zeros behind. */
void egi_build_conv_transpose(struct egi_onnx_call *c)
{
    struct egi_onnx_window w;
    size_t extra[2], whole[2];
    int64_t before[2], after[2];
    const eg_shape sw = egi_shape_in(c, 1);
    eg_var x = egi_in(c, 0);
    if (sw.rank < 3 || !egi_onnx_window_of(c, x, sw.dim + 2, &w)) {
        if (egi_call_ok(c)) egi_call_fail(c, EG_ERR_SHAPE, "weights of rank %zu", sw.rank);
        return;
    }
    numbers(c, "output_padding", w.axes, 0, 0, extra);
    for (size_t i = 0; i < w.axes; i++)
        whole[i] = (w.in[i] > 0 ? (w.in[i] - 1) * w.stride[i] : 0) + reach(&w, i) + extra[i];
    cuts(c, &w, whole, before, after);
    eg_window o = options_of(&w, 0);
    o.groups = egi_onnx_groups(c);
    eg_var y = eg_conv_transpose(c->t, x, egi_in(c, 1), &o);
    for (size_t i = 0; i < w.axes && egi_call_ok(c); i++) {
        const size_t longer = extra[i] + (after[i] < 0 ? (size_t)-after[i] : 0);
        const int64_t left = (int64_t)whole[i] - before[i] - after[i];
        y = egi_pad_with(c, y, 2 + i, 0, longer, 0);
        if (left < 1)
            egi_call_fail(c, EG_ERR_SHAPE, "%zu places, of which pads take all", whole[i]);
        else
            y = eg_slice(c->t, y, 2 + i, (size_t)before[i], (size_t)left, 1);
    }
    egi_give(c, 0, c->in[0].type, add_bias(c, y));
}

/* The largest of places that lie apart, tap by tap. x has its borders. */
static eg_var max_of_taps(struct egi_onnx_call *c, eg_var x, const struct egi_onnx_window *w)
{
    for (size_t i = 0; i < w->axes; i++) {
        const size_t size = eg_tape_shape(c->t, x).dim[2 + i];
        eg_var y = EG_NONE;
        if (size < reach(w, i)) {
            egi_call_fail(c, EG_ERR_SHAPE, "a window of %zu on %zu places", reach(w, i), size);
            return EG_NONE;
        }
        const size_t out = (size - reach(w, i)) / w->stride[i] + 1;
        for (size_t k = 0; k < w->kernel[i] && egi_call_ok(c); k++) {
            const eg_var tap =
                eg_slice(c->t, x, 2 + i, k * w->dilation[i], out, (ptrdiff_t)w->stride[i]);
            y = k == 0 ? tap : eg_maximum(c->t, y, tap);
        }
        x = y;
    }
    return x;
}

static eg_var max_pool(struct egi_onnx_call *c, eg_var x, const struct egi_onnx_window *w)
{
    int own = even(w), apart = 0;
    for (size_t i = 0; i < w->axes; i++) {
        own &= 2 * w->before[i] <= w->kernel[i];
        apart |= w->dilation[i] != 1;
    }
    const eg_window o = options_of(w, own && !apart);
    if (own && !apart) return eg_max_pool(c->t, x, &o);
    x = with_borders(c, x, w, -INFINITY, -INFINITY);
    return apart ? max_of_taps(c, x, w) : eg_max_pool(c->t, x, &o);
}

static eg_var average_pool(struct egi_onnx_call *c, eg_var x, const struct egi_onnx_window *w)
{
    const int counts = egi_node_int(c->node, "count_include_pad", 0) != 0;
    const eg_window o = options_of(w, 0);
    int bare = 1;
    for (size_t i = 0; i < w->axes; i++) {
        bare &= w->before[i] + w->after[i] + w->beyond[i] == 0;
        if (w->dilation[i] != 1) egi_call_fail(c, EG_ERR_UNSUPPORTED, "dilations");
    }
    if (bare) return eg_average_pool(c->t, x, &o);
    eg_shape one = eg_tape_shape(c->t, x);
    one.dim[0] = one.dim[1] = 1;
    const eg_var ones = egi_filled(c, c->in[0].type, &one, 1);
    const eg_var share = eg_average_pool(c->t, with_borders(c, ones, w, counts ? 1 : 0, 0), &o);
    return eg_div(c->t, eg_average_pool(c->t, with_borders(c, x, w, 0, 0), &o), share);
}

void egi_build_pool(struct egi_onnx_call *c)
{
    struct egi_onnx_window w;
    const eg_var x = egi_in(c, 0);
    if (!egi_onnx_window_of(c, x, NULL, &w)) return;
    egi_give(c, 0, c->in[0].type,
             c->row->kind == EGI_POOL_MAX ? max_pool(c, x, &w) : average_pool(c, x, &w));
}

void egi_build_global_pool(struct egi_onnx_call *c)
{
    const eg_shape s = egi_shape_in(c, 0);
    if (s.rank < 3) {
        egi_call_fail(c, EG_ERR_SHAPE, "rank %zu, expected (N, C, ..)", s.rank);
        return;
    }
    const unsigned axes = ((1u << s.rank) - 1) & ~3u;
    const eg_var x = egi_in(c, 0);
    egi_give(c, 0, c->in[0].type,
             c->row->kind == EGI_POOL_MAX ? eg_max(c->t, x, axes, 1) : eg_mean(c->t, x, axes, 1));
}
