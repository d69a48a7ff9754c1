/* Operators that move elements: shapes, axes, parts and borders. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "model/egi_onnx_build.h"

void egi_build_identity(struct egi_onnx_call *c)
{
    egi_give(c, 0, c->in[0].type, egi_in(c, 0));
}

/* A row's value of another shape, which has as many elements. */
static void give_shaped(struct egi_onnx_call *c, const eg_shape *shape)
{
    egi_give(c, 0, c->in[0].type, eg_reshape(c->t, egi_in(c, 0), shape));
}

/* 0: as it is (but for allowzero); -1: what is left. */
void egi_build_reshape(struct egi_onnx_call *c)
{
    int64_t want[EG_MAX_RANK];
    size_t rank, left = EG_MAX_RANK;
    const eg_shape own = egi_shape_in(c, 0);
    const int copies = egi_node_int(c->node, "allowzero", 0) == 0;
    egi_ints_of(c, "shape", 1, EG_MAX_RANK, want, &rank);
    eg_shape shape = { .rank = rank };
    for (size_t i = 0; i < rank && egi_call_ok(c); i++) {
        const int copied = want[i] == 0 && copies && i < own.rank;
        if (want[i] < -1 || (want[i] == -1 && left < EG_MAX_RANK) || want[i] > (int64_t)1 << 48)
            egi_call_fail(c, EG_ERR_SHAPE, "to a shape whose dimension %zu is %lld", i,
                          (long long)want[i]);
        if (want[i] == -1) left = i;
        shape.dim[i] = copied ? own.dim[i] : want[i] == -1 ? 1 : (size_t)want[i];
    }
    const size_t others = eg_shape_size(&shape);
    if (left < EG_MAX_RANK) shape.dim[left] = others > 0 ? eg_shape_size(&own) / others : 0;
    if (egi_call_ok(c)) give_shaped(c, &shape);
}

/* (axes before, axes from one on) */
void egi_build_flatten(struct egi_onnx_call *c)
{
    const eg_shape own = egi_shape_in(c, 0);
    const int64_t given = egi_node_int(c->node, "axis", 1);
    const size_t axis = given == (int64_t)own.rank ? own.rank : egi_axis_of(c, given, own.rank);
    eg_shape two = { 2, { 1, 1 } };
    for (size_t i = 0; i < own.rank; i++) two.dim[i >= axis] *= own.dim[i];
    if (egi_call_ok(c)) give_shaped(c, &two);
}

/* Bits of the axes that are named, of a shape of this rank. */
static unsigned axes_named(struct egi_onnx_call *c, size_t rank)
{
    int64_t axis[EG_MAX_RANK];
    size_t count;
    unsigned bits = 0;
    egi_ints_of(c, "axes", 1, EG_MAX_RANK, axis, &count);
    for (size_t i = 0; i < count && egi_call_ok(c); i++) {
        const unsigned bit = EG_AXIS(egi_axis_of(c, axis[i], rank));
        if ((bits & bit) != 0) egi_call_fail(c, EG_ERR_SHAPE, "an axis named twice");
        bits |= bit;
    }
    return bits;
}

void egi_build_squeeze(struct egi_onnx_call *c)
{
    const eg_shape own = egi_shape_in(c, 0);
    const unsigned axes = axes_named(c, own.rank);
    eg_shape shape = { .rank = 0 };
    for (size_t i = 0; i < own.rank; i++) {
        const int goes = axes != 0 ? (axes >> i & 1) != 0 : own.dim[i] == 1;
        if (goes && own.dim[i] != 1)
            egi_call_fail(c, EG_ERR_SHAPE, "axis %zu of size %zu, expected 1", i, own.dim[i]);
        if (!goes) shape.dim[shape.rank++] = own.dim[i];
    }
    if (egi_call_ok(c)) give_shaped(c, &shape);
}

void egi_build_unsqueeze(struct egi_onnx_call *c)
{
    const eg_shape own = egi_shape_in(c, 0);
    int64_t axis[EG_MAX_RANK];
    size_t count, at = 0;
    egi_ints_of(c, "axes", 1, EG_MAX_RANK, axis, &count);
    if (!egi_call_ok(c)) return;
    eg_shape shape = { .rank = own.rank + count };
    if (shape.rank > EG_MAX_RANK) {
        egi_call_fail(c, EG_ERR_UNSUPPORTED, "to rank %zu, expected up to %d", shape.rank,
                      EG_MAX_RANK);
        return;
    }
    const unsigned axes = axes_named(c, shape.rank);
    for (size_t i = 0; i < shape.rank; i++)
        shape.dim[i] = (axes >> i & 1) != 0 ? 1 : at < own.rank ? own.dim[at++] : 1;
    if (egi_call_ok(c)) give_shaped(c, &shape);
}

void egi_build_transpose(struct egi_onnx_call *c)
{
    int64_t perm[EG_MAX_RANK];
    size_t count, order[EG_MAX_RANK];
    const size_t rank = egi_shape_in(c, 0).rank;
    egi_node_ints(c, "perm", EG_MAX_RANK, perm, &count);
    for (size_t i = 0; i < rank; i++)
        order[i] = count == rank ? egi_axis_of(c, perm[i], rank) : rank - 1 - i;
    if (count != 0 && count != rank)
        egi_call_fail(c, EG_ERR_SHAPE, "perm of %zu axes of rank %zu", count, rank);
    if (egi_call_ok(c)) egi_give(c, 0, c->in[0].type, eg_permute(c->t, egi_in(c, 0), order));
}

/* Elements that views repeat cost nothing until they are read: no more than memory would hold. */
static int check_size(struct egi_onnx_call *c, const eg_shape *shape)
{
    char text[EGI_SHAPE_TEXT];
    const size_t n = eg_shape_size(shape);
    if (n <= c->m->max_bytes / sizeof(float) && egi_shape_fits(shape)) return 1;
    egi_call_fail(c, EG_ERR_LIMIT, "%s, more than the %zu bytes that are allowed",
                  egi_shape_text(shape, text), c->m->max_bytes);
    return 0;
}

/* Sizes from numbers of a node; 0: a failure. */
static int sizes_of(struct egi_onnx_call *c, size_t k, eg_shape *out)
{
    int64_t dim[EG_MAX_RANK];
    egi_ints_of(c, "", k, EG_MAX_RANK, dim, &out->rank);
    for (size_t i = 0; i < out->rank && egi_call_ok(c); i++) {
        out->dim[i] = (size_t)dim[i];
        if (dim[i] < 0 || dim[i] > (int64_t)1 << 48)
            egi_call_fail(c, EG_ERR_SHAPE, "dimension %zu is %lld", i, (long long)dim[i]);
    }
    return egi_call_ok(c) && check_size(c, out);
}

void egi_build_expand(struct egi_onnx_call *c)
{
    eg_shape want, both;
    const eg_shape own = egi_shape_in(c, 0);
    if (!sizes_of(c, 1, &want)) return;
    const eg_status s = egi_shape_broadcast(&own, &want, "expand", &both);
    if (s != EG_OK) {
        egi_tape_fail(c->t, s);
        return;
    }
    if (check_size(c, &both))
        egi_give(c, 0, c->in[0].type, eg_broadcast_to(c->t, egi_in(c, 0), &both));
}

/* (before, A, after) to (before, times, A, after) */
static eg_var repeated(struct egi_onnx_call *c, eg_var x, size_t axis, size_t times)
{
    eg_shape whole = eg_tape_shape(c->t, x);
    const eg_shape three = eg_tape_shape(c->t, egi_three(c, x, axis));
    const eg_shape apart = eg_shape_of(three.dim[0], 1, three.dim[1], three.dim[2]);
    const eg_shape many = eg_shape_of(three.dim[0], times, three.dim[1], three.dim[2]);
    whole.dim[axis] *= times;
    if (times == 1 || !check_size(c, &whole)) return x;
    return eg_reshape(c->t, eg_broadcast_to(c->t, eg_reshape(c->t, x, &apart), &many), &whole);
}

void egi_build_tile(struct egi_onnx_call *c)
{
    eg_shape times;
    eg_var x = egi_in(c, 0);
    const eg_shape own = egi_shape_in(c, 0);
    if (!sizes_of(c, 1, &times)) return;
    if (times.rank != own.rank)
        egi_call_fail(c, EG_ERR_SHAPE, "%zu repeats of rank %zu", times.rank, own.rank);
    for (size_t i = 0; i < own.rank && egi_call_ok(c); i++) x = repeated(c, x, i, times.dim[i]);
    egi_give(c, 0, c->in[0].type, x);
}

void egi_build_concat(struct egi_onnx_call *c)
{
    eg_var x[256];
    const size_t rank = egi_shape_in(c, 0).rank;
    const size_t axis = egi_axis_of(c, egi_node_int(c->node, "axis", 1), rank);
    for (size_t k = 0; k < c->count && k < EGI_COUNT(x); k++) {
        x[k] = egi_in(c, k);
        if (c->in[k].type != c->in[0].type)
            egi_call_fail(c, EG_ERR_SHAPE, "input %zu is of another type", k);
    }
    egi_give(c, 0, c->in[0].type, eg_concat(c->t, x, c->count, axis));
}

/* Equal parts, the last one smaller, where no sizes are given. */
void egi_build_split(struct egi_onnx_call *c)
{
    int64_t size[64];
    size_t count, begin = 0;
    const eg_shape own = egi_shape_in(c, 0);
    const size_t axis = egi_axis_of(c, egi_node_int(c->node, "axis", 0), own.rank);
    egi_ints_of(c, "split", 1, EGI_COUNT(size), size, &count);
    if (!egi_call_ok(c)) return;
    const size_t whole = own.dim[axis], each = (whole + c->outs - 1) / c->outs;
    for (size_t k = 0; k < c->outs; k++) {
        const size_t room = whole > begin ? whole - begin : 0;
        const size_t part = count > 0 ? (k < count && size[k] >= 0 ? (size_t)size[k] : whole + 1)
                            : each < room ? each
                                          : room;
        egi_give(c, k, c->in[0].type, eg_slice(c->t, egi_in(c, 0), axis, begin, part, 1));
        begin += part;
    }
    if (egi_call_ok(c) && begin != whole)
        egi_call_fail(c, EG_ERR_SHAPE, "parts of %zu along an axis of %zu", begin, whole);
}

static int64_t between(int64_t v, int64_t least, int64_t most)
{
    return v < least ? least : v > most ? most : v;
}

/* From start to before end, counted from the end where negative, and cut to what is there. */
static eg_var sliced(struct egi_onnx_call *c, eg_var x, size_t axis, int64_t start, int64_t end,
                     int64_t step)
{
    const int64_t size = (int64_t)eg_tape_shape(c->t, x).dim[axis];
    if (step == 0 || step < -((int64_t)1 << 48)) {
        if (step == 0) egi_call_fail(c, EG_ERR_INVALID, "a step of 0");
        step = -((int64_t)1 << 48);
    }
    if (step > (int64_t)1 << 48) step = (int64_t)1 << 48;
    if (start < 0) start = start < -size ? -1 : start + size;
    if (end < 0) end = end < -size ? -1 : end + size;
    start = step > 0 ? between(start, 0, size) : between(start, -1, size - 1);
    end = step > 0 ? between(end, 0, size) : between(end, -1, size - 1);
    const int64_t span = step > 0 ? end - start : start - end, stride = step > 0 ? step : -step;
    const size_t count = span > 0 ? (size_t)((span + stride - 1) / stride) : 0;
    return eg_slice(c->t, x, axis, count > 0 ? (size_t)start : 0, count, (ptrdiff_t)step);
}

/* Attributes up to opset 9, inputs from 10 on. */
void egi_build_slice(struct egi_onnx_call *c)
{
    int64_t start[EG_MAX_RANK], end[EG_MAX_RANK], axis[EG_MAX_RANK], step[EG_MAX_RANK];
    size_t starts, ends, axes, steps;
    const size_t rank = egi_shape_in(c, 0).rank;
    egi_ints_of(c, "starts", 1, EG_MAX_RANK, start, &starts);
    egi_ints_of(c, "ends", 2, EG_MAX_RANK, end, &ends);
    egi_ints_of(c, "axes", 3, EG_MAX_RANK, axis, &axes);
    egi_ints_of(c, "", 4, EG_MAX_RANK, step, &steps);
    if (!egi_call_ok(c)) return;
    if (ends != starts || (axes != 0 && axes != starts) || (steps != 0 && steps != starts)) {
        egi_call_fail(c, EG_ERR_SHAPE, "%zu starts, %zu ends, %zu axes, %zu steps", starts, ends,
                      axes, steps);
        return;
    }
    eg_var x = egi_in(c, 0);
    for (size_t i = 0; i < starts && egi_call_ok(c); i++) {
        const size_t a = egi_axis_of(c, axes > 0 ? axis[i] : (int64_t)i, rank);
        if (egi_call_ok(c)) x = sliced(c, x, a, start[i], end[i], steps > 0 ? step[i] : 1);
    }
    egi_give(c, 0, c->in[0].type, x);
}

eg_var egi_pad_with(struct egi_onnx_call *c, eg_var x, size_t axis, size_t before, size_t after,
                    double number)
{
    eg_tape *t = c->t;
    if (before + after == 0) return x;
    if (number == 0) return eg_pad(t, x, axis, before, after);
    const eg_var fill = eg_number(t, eg_tape_dtype(t, x), number);
    const eg_shape own = eg_tape_shape(t, x);
    eg_var part[3];
    size_t parts = 0;
    const size_t size[2] = { before, after };
    for (size_t side = 0; side < 2; side++) {
        eg_shape shape = own;
        shape.dim[axis] = size[side];
        if (side == 1) part[parts++] = x;
        if (size[side] > 0) part[parts++] = eg_broadcast_to(t, fill, &shape);
    }
    return eg_concat(t, part, parts, axis);
}

/* The element of 0..size-1 that stands at place i of an axis padded by copies. */
static size_t mirrored(int64_t i, size_t size, int reflect)
{
    const int64_t last = (int64_t)size - 1;
    if (!reflect) return (size_t)between(i, 0, last);
    if (last == 0) return 0;
    const int64_t turn = ((i % (2 * last)) + 2 * last) % (2 * last);
    return (size_t)(turn <= last ? turn : 2 * last - turn);
}

static eg_var pad_by_copies(struct egi_onnx_call *c, eg_var x, size_t axis, size_t before,
                            size_t after, int reflect)
{
    eg_tape *t = c->t;
    eg_shape shape = eg_tape_shape(t, x);
    const size_t size = shape.dim[axis];
    if (size == 0) {
        egi_call_fail(c, EG_ERR_SHAPE, "copies of no elements along axis %zu", axis);
        return EG_NONE;
    }
    shape.dim[axis] = before + size + after;
    const eg_var index = egi_tape_new(t, EG_I32, &eg_shape_of(shape.dim[axis]));
    if (index.id == 0) return EG_NONE;
    int32_t *at = (int32_t *)(void *)egi_tape_tensor(t, index)->data;
    for (size_t i = 0; i < shape.dim[axis]; i++)
        at[i] = (int32_t)mirrored((int64_t)i - (int64_t)before, size, reflect);
    const eg_var rows = eg_swap_axes(t, x, 0, axis);
    return eg_swap_axes(t, eg_gather(t, rows, index), 0, axis);
}

static eg_var padded(struct egi_onnx_call *c, eg_var x, size_t axis, const int64_t *by,
                     double number)
{
    const struct egi_span mode = egi_node_text(c->node, "mode");
    size_t size[2];
    for (size_t side = 0; side < 2 && egi_call_ok(c); side++) {
        const size_t now = eg_tape_shape(c->t, x).dim[axis];
        const int64_t most = (int64_t)1 << 40;
        const int64_t cut = by[side] < 0 ? -between(by[side], -most, 0) : 0;
        if (by[side] > most || cut > (int64_t)now)
            egi_call_fail(c, EG_ERR_SHAPE, "pad of %lld along axis %zu", (long long)by[side], axis);
        else if (cut > 0)
            x = eg_slice(c->t, x, axis, side == 0 ? (size_t)cut : 0, now - (size_t)cut, 1);
        size[side] = by[side] > 0 ? (size_t)by[side] : 0;
    }
    if (!egi_call_ok(c)) return EG_NONE;
    if (mode.n == 0 || egi_span_is(mode, "constant"))
        return egi_pad_with(c, x, axis, size[0], size[1], number);
    if (size[0] + size[1] == 0) return x;
    return pad_by_copies(c, x, axis, size[0], size[1], egi_span_is(mode, "reflect"));
}

void egi_build_pad(struct egi_onnx_call *c)
{
    int64_t pad[2 * EG_MAX_RANK];
    size_t count;
    const size_t rank = egi_shape_in(c, 0).rank;
    egi_ints_of(c, "pads", 1, 2 * EG_MAX_RANK, pad, &count);
    const double number = egi_number_in(c, 2, egi_node_float(c->node, "value", 0));
    if (egi_call_ok(c) && count != 2 * rank)
        egi_call_fail(c, EG_ERR_SHAPE, "%zu pads of rank %zu", count, rank);
    eg_var x = egi_in(c, 0);
    for (size_t i = 0; i < rank && egi_call_ok(c); i++) {
        const int64_t by[2] = { pad[i], pad[i + rank] };
        if (by[0] != 0 || by[1] != 0) x = padded(c, x, i, by, number);
    }
    egi_give(c, 0, c->in[0].type, x);
}

/* (N, C, H, W) and the side of a block; 0: a failure. */
static int blocks_of(struct egi_onnx_call *c, eg_shape *shape, size_t *side)
{
    const int64_t block = egi_node_int(c->node, "blocksize", 0);
    *shape = egi_shape_in(c, 0);
    *side = (size_t)block;
    if (shape->rank == 4 && block > 0 && block < (int64_t)1 << 20) return 1;
    egi_call_fail(c, EG_ERR_SHAPE, "rank %zu, expected (N, C, H, W), and blocks of %lld",
                  shape->rank, (long long)block);
    return 0;
}

/* x in six axes, in another order, and in four again. */
static void rearranged(struct egi_onnx_call *c, const eg_shape *six, const size_t *order,
                       const eg_shape *four)
{
    const eg_var apart = eg_permute(c->t, eg_reshape(c->t, egi_in(c, 0), six), order);
    egi_give(c, 0, c->in[0].type, eg_reshape(c->t, apart, four));
}

void egi_build_depth_to_space(struct egi_onnx_call *c)
{
    static const size_t orders[2][6] = { { 0, 3, 4, 1, 5, 2 }, { 0, 1, 4, 2, 5, 3 } };
    eg_shape s;
    size_t b;
    if (!blocks_of(c, &s, &b)) return;
    const int crd = egi_span_is(egi_node_text(c->node, "mode"), "CRD");
    const size_t deep = s.dim[1] / (b * b);
    const eg_shape dcr_axes = eg_shape_of(s.dim[0], b, b, deep, s.dim[2], s.dim[3]);
    const eg_shape crd_axes = eg_shape_of(s.dim[0], deep, b, b, s.dim[2], s.dim[3]);
    rearranged(c, crd ? &crd_axes : &dcr_axes, orders[crd],
               &eg_shape_of(s.dim[0], deep, s.dim[2] * b, s.dim[3] * b));
}

void egi_build_space_to_depth(struct egi_onnx_call *c)
{
    static const size_t order[6] = { 0, 3, 5, 1, 2, 4 };
    eg_shape s;
    size_t b;
    if (!blocks_of(c, &s, &b)) return;
    rearranged(c, &eg_shape_of(s.dim[0], s.dim[1], s.dim[2] / b, b, s.dim[3] / b, b), order,
               &eg_shape_of(s.dim[0], s.dim[1] * b * b, s.dim[2] / b, s.dim[3] / b));
}
