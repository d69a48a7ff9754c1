/* Operators whose places are data, and pictures in another size. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "model/egi_onnx_build.h"

/* Axis `from` of x at place `to`, the others in their order. */
static eg_var moved(eg_tape *t, eg_var x, size_t from, size_t to)
{
    const size_t rank = eg_tape_shape(t, x).rank;
    size_t order[EG_MAX_RANK], at = 0;
    for (size_t i = 0; i < rank; i++) {
        if (at == from) at++;
        order[i] = i == to ? from : at++;
    }
    return eg_permute(t, x, order);
}

/* y[.., i.., ..] = x[.., index[i..], ..]: rows of the axis, whose place the index's axes take. */
void egi_build_gather(struct egi_onnx_call *c)
{
    eg_tape *t = c->t;
    const eg_shape s = egi_shape_in(c, 0), is = egi_shape_in(c, 1);
    const size_t axis = egi_axis_of(c, egi_node_int(c->node, "axis", 0), s.rank);
    if (!egi_call_ok(c)) return;
    eg_var x = egi_in(c, 0), index = egi_index_of(c, 1, s.dim[axis]);
    const size_t many = eg_shape_size(&is);
    const eg_var y = eg_gather(t, moved(t, x, axis, 0), eg_reshape(t, index, &eg_shape_of(many)));
    eg_shape out = { .rank = s.rank - 1 + is.rank };
    if (out.rank > EG_MAX_RANK)
        egi_call_fail(c, EG_ERR_UNSUPPORTED, "to rank %zu, expected up to %d", out.rank,
                      EG_MAX_RANK);
    if (!egi_call_ok(c)) return;
    for (size_t i = 0; i < out.rank; i++)
        out.dim[i] = i < axis             ? s.dim[i]
                     : i < axis + is.rank ? is.dim[i - axis]
                                          : s.dim[i - is.rank + 1];
    egi_give(c, 0, c->in[0].type, eg_reshape(t, moved(t, y, 0, axis), &out));
}

/* The index may be shorter than x along other axes. */
void egi_build_gather_elements(struct egi_onnx_call *c)
{
    eg_tape *t = c->t;
    const eg_shape s = egi_shape_in(c, 0), is = egi_shape_in(c, 1);
    const size_t axis = egi_axis_of(c, egi_node_int(c->node, "axis", 0), s.rank);
    if (egi_call_ok(c) && is.rank != s.rank)
        egi_call_fail(c, EG_ERR_SHAPE, "index of rank %zu into rank %zu", is.rank, s.rank);
    if (!egi_call_ok(c)) return;
    eg_var x = egi_in(c, 0);
    for (size_t i = 0; i < s.rank; i++)
        if (i != axis && is.dim[i] < s.dim[i]) x = eg_slice(t, x, i, 0, is.dim[i], 1);
    egi_give(c, 0, c->in[0].type, eg_take_along(t, x, egi_index_of(c, 1, s.dim[axis]), axis));
}

/* ---- another size ---- */

enum { NEAREST, LINEAR, CUBIC };

/* How places of the output see those of the input. */
struct resizing {
    int mode, align_corners, half_pixel, pytorch, exclude_outside;
    int nearest; /* -1 floor, 1 ceil, 0 half down, 2 half up */
    double cubic;
};

static int is(struct egi_span s, const char *text)
{
    return egi_span_is(s, text);
}

static int resizing_of(struct egi_onnx_call *c, struct resizing *r)
{
    const struct egi_span mode = egi_node_text(c->node, "mode");
    const struct egi_span places = egi_node_text(c->node, "coordinate_transformation_mode");
    const struct egi_span nearest = egi_node_text(c->node, "nearest_mode");
    const int old = c->opset < 11; /* every place is that of its first corner */
    *r = (struct resizing){ .cubic = egi_node_float(c->node, "cubic_coeff_a", -0.75) };
    r->mode = is(mode, "cubic") ? CUBIC : is(mode, "linear") ? LINEAR : NEAREST;
    r->align_corners = is(places, "align_corners");
    r->pytorch = is(places, "pytorch_half_pixel");
    r->half_pixel = r->pytorch || is(places, "half_pixel") || (places.n == 0 && !old);
    r->exclude_outside = egi_node_int(c->node, "exclude_outside", 0) != 0;
    r->nearest = is(nearest, "floor") || old        ? -1
                 : is(nearest, "ceil")              ? 1
                 : is(nearest, "round_prefer_ceil") ? 2
                                                    : 0;
    if (!is(places, "tf_crop_and_resize") && !is(places, "tf_half_pixel_for_nn")) return 1;
    char text[EGI_SPAN_TEXT];
    egi_call_fail(c, EG_ERR_UNSUPPORTED, "coordinate_transformation_mode \"%s\"",
                  egi_span_text(places, text));
    return 0;
}

static double place_of(const struct resizing *r, size_t i, double scale, size_t in, size_t out)
{
    const double at = (double)i;
    /* corners of the size before it is rounded, as the suite's reference has it */
    const double corner = (double)in * scale - 1;
    if (r->align_corners) return out > 1 ? at * ((double)in - 1) / corner : 0;
    if (r->pytorch && out == 1) return 0;
    return r->half_pixel ? (at + 0.5) / scale - 0.5 : at / scale;
}

static double nearest_of(const struct resizing *r, double at)
{
    switch (r->nearest) {
    case -1:
        return floor(at);
    case 1:
        return ceil(at);
    case 2:
        return floor(at + 0.5);
    default:
        return ceil(at - 0.5);
    }
}

/* Keys 1981, eq. 4: the weight of a place at distance d. */
static double cubic_weight(double d, double a)
{
    d = fabs(d);
    if (d <= 1) return ((a + 2) * d - (a + 3)) * d * d + 1;
    return d < 2 ? ((a * d - 5 * a) * d + 8 * a) * d - 4 * a : 0;
}

static double weight_of(const struct resizing *r, double d)
{
    return r->mode == CUBIC ? cubic_weight(d, r->cubic) : fabs(d) < 1 ? 1 - fabs(d) : 0;
}

/* A row of weights (in): places outside count as the nearest inside, or not at all. */
static void fill_row(const struct resizing *r, double at, size_t in, double *row)
{
    const double last = (double)in - 1;
    const int reach = r->mode == CUBIC ? 2 : 1;
    double sum = 0;
    for (int k = 1 - reach; k <= reach; k++) {
        const double place = floor(at) + k, weight = weight_of(r, at - place);
        const double inside = fmin(fmax(place, 0), last);
        if (r->exclude_outside && inside != place) continue;
        row[(size_t)inside] += weight;
        sum += weight;
    }
    for (size_t i = 0; i < in && r->exclude_outside; i++) row[i] /= sum;
}

/* The axis as a product with a matrix (out, in) of weights. */
static eg_var resized(struct egi_onnx_call *c, const struct resizing *r, eg_var x, size_t axis,
                      double scale, size_t out)
{
    eg_tape *t = c->t;
    eg_shape s = eg_tape_shape(t, x);
    const size_t in = s.dim[axis];
    const eg_var matrix = egi_tape_new(t, EG_F64, &eg_shape_of(out, in));
    if (matrix.id == 0) return EG_NONE;
    double *w = (double *)(void *)egi_tape_tensor(t, matrix)->data;
    for (size_t i = 0; i < out; i++) {
        double *row = w + i * in;
        const double at = place_of(r, i, scale, in, out);
        for (size_t k = 0; k < in; k++) row[k] = 0;
        if (r->mode == NEAREST)
            row[(size_t)fmin(fmax(nearest_of(r, at), 0), (double)in - 1)] = 1;
        else
            fill_row(r, at, in, row);
    }
    const eg_dtype dtype = eg_tape_dtype(t, x);
    const eg_var typed = dtype == EG_F64 ? matrix : eg_cast(t, matrix, dtype);
    const eg_var y = eg_matmul(t, typed, egi_three(c, x, axis));
    s.dim[axis] = out;
    return eg_reshape(t, y, &s);
}

/* scale[i] or size[i] (n of them) of each axis. */
static void give_resized(struct egi_onnx_call *c, const struct resizing *r, const double *scale,
                         const double *size)
{
    eg_var x = egi_in(c, 0);
    const eg_shape s = egi_shape_in(c, 0);
    for (size_t i = 0; i < s.rank && egi_call_ok(c); i++) {
        const double in = (double)s.dim[i];
        const double out = size != NULL ? size[i] : floor(in * scale[i]);
        if (!(out >= 1 && out < 0x1p30) || in < 1) {
            egi_call_fail(c, EG_ERR_SHAPE, "axis %zu from %g to %g places", i, in, out);
            return;
        }
        if (out != in || (size == NULL && scale[i] != 1))
            x = resized(c, r, x, i, size != NULL ? out / in : scale[i], (size_t)out);
    }
    egi_give(c, 0, c->in[0].type, x);
}

/* Scales are input 2 of opset 11 on (1 before), sizes input 3; the one not used is empty. */
void egi_build_resize(struct egi_onnx_call *c)
{
    struct resizing r;
    const size_t rank = egi_shape_in(c, 0).rank, at = c->opset < 11 ? 1 : 2;
    const eg_shape scales = egi_shape_in(c, at);
    size_t n = 0;
    const int by_size = egi_has(c, 3) && (!egi_has(c, at) || eg_shape_size(&scales) == 0);
    if (!resizing_of(c, &r)) return;
    const double *numbers = egi_numbers(c, by_size ? 3 : at, &n);
    if (numbers == NULL) return;
    if (n != rank) {
        egi_call_fail(c, EG_ERR_SHAPE, "%zu scales or sizes of rank %zu", n, rank);
        return;
    }
    give_resized(c, &r, by_size ? NULL : numbers, by_size ? numbers : NULL);
}
