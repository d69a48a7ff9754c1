/* Operators on elements: arithmetic, comparison, logic, conversion. Whole numbers are computed as
 * floating-point numbers that hold them exactly (engram/onnx.h). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "model/egi_onnx_build.h"

/* 64 bits are more than f64 holds: nothing exact wraps there. */
eg_var egi_wrap(struct egi_onnx_call *c, int type, eg_var x)
{
    const struct egi_onnx_type_row *row = egi_onnx_type(type);
    if (!row->whole || row->bytes == 8 || type == EGI_ONNX_BOOL) return x;
    eg_tape *t = c->t;
    const double span = row->most - row->least + 1;
    const eg_var turns = eg_floor(t, eg_affine(t, x, 1 / span, -row->least / span));
    return eg_sub(t, x, eg_affine(t, turns, span, 0));
}

/* Towards zero, as integers are divided and numbers become integers. */
static eg_var truncated(struct egi_onnx_call *c, eg_var x)
{
    eg_tape *t = c->t;
    return eg_mul(t, eg_sign(t, x), eg_floor(t, eg_abs(t, x)));
}

void egi_build_unary(struct egi_onnx_call *c)
{
    egi_give(c, 0, c->in[0].type, c->row->unary(c->t, egi_in(c, 0)));
}

static int same_types(struct egi_onnx_call *c)
{
    for (size_t k = 1; k < c->count; k++)
        if (c->in[k].type != c->in[0].type) {
            egi_call_fail(c, EG_ERR_SHAPE, "input %zu is of %s, the first of %s", k,
                          egi_onnx_type_name(c->in[k].type), egi_onnx_type_name(c->in[0].type));
            return 0;
        }
    return 1;
}

void egi_build_binary(struct egi_onnx_call *c)
{
    if (!same_types(c)) return;
    const int type = c->in[0].type;
    egi_give(c, 0, type, egi_wrap(c, type, c->row->binary(c->t, egi_in(c, 0), egi_in(c, 1))));
}

static eg_var all(struct egi_onnx_call *c)
{
    eg_var y = egi_in(c, 0);
    for (size_t k = 1; k < c->count; k++) y = c->row->binary(c->t, y, egi_in(c, k));
    return y;
}

void egi_build_variadic(struct egi_onnx_call *c)
{
    if (same_types(c)) egi_give(c, 0, c->in[0].type, all(c));
}

void egi_build_mean(struct egi_onnx_call *c)
{
    if (same_types(c))
        egi_give(c, 0, c->in[0].type, eg_affine(c->t, all(c), 1 / (double)c->count, 0));
}

void egi_build_divide(struct egi_onnx_call *c)
{
    if (!same_types(c)) return;
    const int type = c->in[0].type;
    const eg_var y = eg_div(c->t, egi_in(c, 0), egi_in(c, 1));
    egi_give(c, 0, type, egi_is_whole(type) ? egi_wrap(c, type, truncated(c, y)) : y);
}

static eg_var equal(eg_tape *t, eg_var x, eg_var y)
{
    return eg_mul(t, eg_at_least(t, x, y), eg_at_least(t, y, x));
}

/* NaN is neither more nor less nor the same. */
static eg_var more(struct egi_onnx_call *c, eg_var x, eg_var y)
{
    return eg_mul(c->t, eg_at_least(c->t, x, y), egi_not(c, eg_at_least(c->t, y, x)));
}

static void give_bool(struct egi_onnx_call *c, eg_var y)
{
    const int wide = eg_tape_dtype(c->t, y) != EG_F32;
    egi_give(c, 0, EGI_ONNX_BOOL, wide ? eg_cast(c->t, y, EG_F32) : y);
}

void egi_build_compare(struct egi_onnx_call *c)
{
    if (!same_types(c)) return;
    const eg_var x = egi_in(c, 0), y = egi_in(c, 1);
    switch (c->row->kind) {
    case EGI_MATH_EQUAL:
        give_bool(c, equal(c->t, x, y));
        return;
    case EGI_MATH_GREATER:
        give_bool(c, more(c, x, y));
        return;
    case EGI_MATH_LESS:
        give_bool(c, more(c, y, x));
        return;
    case EGI_MATH_GREATER_EQUAL:
        give_bool(c, eg_at_least(c->t, x, y));
        return;
    default:
        give_bool(c, eg_at_least(c->t, y, x));
    }
}

static eg_var apart(eg_tape *t, eg_var x, eg_var y)
{
    return eg_abs(t, eg_sub(t, x, y));
}

/* And, Or; Xor has no operation of its own: |x - y|. */
void egi_build_logic(struct egi_onnx_call *c)
{
    if (!same_types(c)) return;
    egi_onnx_binary *f = c->row->binary != NULL ? c->row->binary : apart;
    egi_give(c, 0, EGI_ONNX_BOOL, f(c->t, egi_in(c, 0), egi_in(c, 1)));
}

void egi_build_not(struct egi_onnx_call *c)
{
    egi_give(c, 0, EGI_ONNX_BOOL, egi_not(c, egi_in(c, 0)));
}

void egi_build_where(struct egi_onnx_call *c)
{
    if (c->in[1].type != c->in[2].type) {
        egi_call_fail(c, EG_ERR_SHAPE, "a choice between %s and %s",
                      egi_onnx_type_name(c->in[1].type), egi_onnx_type_name(c->in[2].type));
        return;
    }
    egi_give(c, 0, c->in[1].type, egi_choose(c, egi_in(c, 0), egi_in(c, 1), egi_in(c, 2)));
}

/* An exponent that is one constant has a derivative at negative x too. */
void egi_build_pow(struct egi_onnx_call *c)
{
    eg_tape *t = c->t;
    const int type = c->in[0].type;
    eg_var x = egi_in(c, 0), a = egi_in(c, 1), y;
    const eg_shape shape = eg_tape_shape(t, a);
    const int one = eg_shape_size(&shape) == 1 && shape.rank <= eg_tape_shape(t, x).rank;
    if (one && !egi_tape_wants(t, a) && !egi_tape_is_ghost(t, a)) {
        y = eg_power(t, x, eg_tape_number(t, a));
    } else {
        const eg_dtype dtype = eg_tape_dtype(t, x);
        y = eg_pow(t, x, eg_tape_dtype(t, a) == dtype ? a : eg_cast(t, a, dtype));
    }
    egi_give(c, 0, type, egi_is_whole(type) ? egi_wrap(c, type, truncated(c, y)) : y);
}

/* x - y floor(x / y), or by truncation where the sign shall be that of x. */
void egi_build_mod(struct egi_onnx_call *c)
{
    if (!same_types(c)) return;
    eg_tape *t = c->t;
    const int type = c->in[0].type, like_c = egi_node_int(c->node, "fmod", 0) != 0;
    const eg_dtype dtype = egi_dtype_of(type);
    eg_var x = egi_in(c, 0), y = egi_in(c, 1);
    if (dtype != EG_F64) {
        x = eg_cast(t, x, EG_F64);
        y = eg_cast(t, y, EG_F64);
    }
    const eg_var ratio = eg_div(t, x, y);
    const eg_var turns = like_c ? truncated(c, ratio) : eg_floor(t, ratio);
    const eg_var left = eg_sub(t, x, eg_mul(t, turns, y));
    egi_give(c, 0, type, dtype == EG_F64 ? left : eg_cast(t, left, dtype));
}

static void cast(struct egi_onnx_call *c, int64_t to)
{
    eg_tape *t = c->t;
    const int from = c->in[0].type;
    const struct egi_onnx_type_row *row = egi_onnx_type(to);
    if (row == NULL) {
        egi_call_fail(c, EG_ERR_UNSUPPORTED, "to %s", egi_onnx_type_name(to));
        return;
    }
    eg_var x = egi_in(c, 0);
    if (to == EGI_ONNX_BOOL && from != EGI_ONNX_BOOL) {
        const eg_var zero = eg_number(t, egi_dtype_of(from), 0);
        x = egi_not(c, equal(t, x, zero));
    } else if (row->whole && !egi_is_whole(from)) {
        x = truncated(c, x);
    }
    /* f64 holds what wraps; f32 may not */
    if (row->whole && from != EGI_ONNX_BOOL) x = egi_wrap(c, (int)to, x);
    if (eg_tape_dtype(t, x) != row->dtype) x = eg_cast(t, x, row->dtype);
    egi_give(c, 0, (int)to, x);
}

void egi_build_cast(struct egi_onnx_call *c)
{
    cast(c, egi_node_int(c->node, "to", 0));
}

void egi_build_cast_like(struct egi_onnx_call *c)
{
    cast(c, c->in[1].type);
}

/* Bounds were attributes up to opset 10. */
void egi_build_clip(struct egi_onnx_call *c)
{
    const double least = egi_number_in(c, 1, egi_node_float(c->node, "min", -INFINITY));
    const double most = egi_number_in(c, 2, egi_node_float(c->node, "max", INFINITY));
    egi_give(c, 0, c->in[0].type, eg_clamp(c->t, egi_in(c, 0), least < most ? least : most, most));
}

void egi_build_is_nan(struct egi_onnx_call *c)
{
    give_bool(c, egi_not(c, equal(c->t, egi_in(c, 0), egi_in(c, 0))));
}

void egi_build_is_inf(struct egi_onnx_call *c)
{
    eg_tape *t = c->t;
    const eg_var x = egi_in(c, 0);
    const eg_dtype dtype = eg_tape_dtype(t, x);
    const double most = egi_node_int(c->node, "detect_positive", 1) != 0 ? INFINITY : NAN;
    const double least = egi_node_int(c->node, "detect_negative", 1) != 0 ? -INFINITY : NAN;
    give_bool(c, eg_maximum(t, equal(t, x, eg_number(t, dtype, most)),
                            equal(t, x, eg_number(t, dtype, least))));
}
