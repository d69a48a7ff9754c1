/* Quantised numbers: x = (q - zero) scale (Jacob et al. 2018, eq. 1), scale and zero one for all,
 * or one a place of an axis. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "model/egi_onnx_build.h"

/* Input k along the axis it goes with, so that it broadcasts against x of this rank. */
static eg_var along(struct egi_onnx_call *c, size_t k, size_t rank, eg_dtype dtype)
{
    eg_tape *t = c->t;
    const eg_shape s = egi_shape_in(c, k);
    eg_var v = egi_in(c, k);
    if (eg_tape_dtype(t, v) != dtype) v = eg_cast(t, v, dtype);
    if (s.rank == 0 || !egi_call_ok(c)) return v;
    if (s.rank == 1 && s.dim[0] == 1) return eg_reshape(t, v, &(eg_shape){ .rank = 0 });
    const size_t axis = egi_axis_of(c, egi_node_int(c->node, "axis", 1), rank);
    eg_shape line = { .rank = rank };
    for (size_t i = 0; i < rank; i++) line.dim[i] = i == axis ? s.dim[0] : 1;
    if (s.rank != 1) egi_call_fail(c, EG_ERR_SHAPE, "scales or zero points of rank %zu", s.rank);
    return eg_reshape(t, v, &line);
}

/* To the nearest of the type, half to even; what lies outside becomes the end. */
static eg_var rounded(struct egi_onnx_call *c, eg_var x, eg_var zero, int type)
{
    eg_tape *t = c->t;
    const struct egi_onnx_type_row *row = egi_onnx_type(type);
    eg_var q = eg_round(t, x);
    if (zero.id != 0) q = eg_add(t, q, zero);
    q = eg_clamp(t, q, row->least, row->most);
    return eg_tape_dtype(t, q) != row->dtype ? eg_cast(t, q, row->dtype) : q;
}

void egi_build_quantise(struct egi_onnx_call *c)
{
    eg_tape *t = c->t;
    const size_t rank = egi_shape_in(c, 0).rank;
    const int type = egi_has(c, 2) ? c->in[2].type : EGI_ONNX_UINT8;
    const eg_dtype dtype = eg_tape_dtype(t, egi_in(c, 0));
    const eg_var scaled = eg_div(t, egi_in(c, 0), along(c, 1, rank, dtype));
    const eg_var zero = egi_has(c, 2) ? along(c, 2, rank, dtype) : EG_NONE;
    egi_give(c, 0, type, rounded(c, scaled, zero, type));
}

void egi_build_dequantise(struct egi_onnx_call *c)
{
    eg_tape *t = c->t;
    const size_t rank = egi_shape_in(c, 0).rank;
    eg_var x = egi_in(c, 0);
    if (egi_has(c, 2)) x = eg_sub(t, x, along(c, 2, rank, eg_tape_dtype(t, x)));
    if (eg_tape_dtype(t, x) != EG_F32) x = eg_cast(t, x, EG_F32);
    egi_give(c, 0, c->in[1].type, eg_mul(t, x, along(c, 1, rank, EG_F32)));
}

/* scale = (max(x, 0) - min(x, 0)) / 255, zero = round(-min / scale) */
void egi_build_dynamic_quantise(struct egi_onnx_call *c)
{
    eg_tape *t = c->t;
    const eg_var x = egi_in(c, 0), none = eg_number(t, EG_F32, 0);
    const eg_var most = eg_maximum(t, eg_max(t, x, EG_ALL_AXES, 0), none);
    const eg_var least = eg_minimum(t, eg_neg(t, eg_max(t, eg_neg(t, x), EG_ALL_AXES, 0)), none);
    const eg_var scale = eg_affine(t, eg_sub(t, most, least), 1.0 / 255, 0);
    const eg_var zero = rounded(c, eg_div(t, eg_neg(t, least), scale), EG_NONE, EGI_ONNX_UINT8);
    egi_give(c, 0, EGI_ONNX_UINT8, rounded(c, eg_div(t, x, scale), zero, EGI_ONNX_UINT8));
    egi_give(c, 1, EGI_ONNX_FLOAT, scale);
    egi_give(c, 2, EGI_ONNX_UINT8, zero);
}

/* x of inputs k (numbers), k + 1 (scale), k + 2 (zero), in f64; one scale an output of weights. */
static eg_var number_of(struct egi_onnx_call *c, size_t k, int by_output)
{
    eg_tape *t = c->t;
    const size_t rank = egi_shape_in(c, k).rank;
    eg_var part[3];
    for (size_t i = 0; i < 3; i++) {
        const eg_shape s = egi_shape_in(c, k + i);
        part[i] = eg_cast(t, egi_in(c, k + i), EG_F64);
        if (i == 0 || s.rank == 0 || !egi_call_ok(c)) continue;
        eg_shape line = { .rank = rank };
        for (size_t a = 0; a < rank; a++) line.dim[a] = a == 0 && by_output ? s.dim[0] : 1;
        if (!by_output && s.dim[0] > 1 && rank > 0) line.dim[rank - 1] = s.dim[0];
        part[i] = eg_reshape(t, part[i], &line);
    }
    return eg_mul(t, eg_sub(t, part[0], part[2]), part[1]);
}

/* y (f64) by scale and zero point of inputs 6 and 7. */
static void give_quantised(struct egi_onnx_call *c, eg_var y)
{
    eg_tape *t = c->t;
    const eg_var scale = eg_cast(t, egi_in(c, 6), EG_F64), zero = eg_cast(t, egi_in(c, 7), EG_F64);
    egi_give(c, 0, c->in[7].type, rounded(c, eg_div(t, y, scale), zero, c->in[7].type));
}

void egi_build_qlinear_matmul(struct egi_onnx_call *c)
{
    give_quantised(c, egi_onnx_matmul(c, number_of(c, 0, 0), number_of(c, 3, 0)));
}

/* The bias counts in steps of both scales. */
void egi_build_qlinear_conv(struct egi_onnx_call *c)
{
    eg_tape *t = c->t;
    eg_var y = egi_onnx_conv(c, number_of(c, 0, 0), number_of(c, 3, 1));
    const eg_shape b = egi_shape_in(c, 8), s = eg_tape_shape(t, y);
    if (egi_has(c, 8) && egi_call_ok(c)) {
        const eg_var step =
            eg_mul(t, eg_cast(t, egi_in(c, 1), EG_F64), eg_cast(t, egi_in(c, 4), EG_F64));
        const eg_var bias = eg_mul(t, eg_cast(t, egi_in(c, 8), EG_F64), step);
        const eg_shape line = { s.rank - 1, { eg_shape_size(&b), 1, 1 } };
        y = eg_add(t, y, eg_reshape(t, bias, &line));
    }
    give_quantised(c, y);
}
