/* Sums, maxima and their like over axes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "model/egi_onnx_build.h"

/* Bits of the axes; none named: all, unless the node says that nothing is to be done then. */
static unsigned axes_of(struct egi_onnx_call *c, size_t rank)
{
    int64_t axis[EG_MAX_RANK];
    size_t count;
    unsigned bits = 0;
    egi_ints_of(c, "axes", 1, EG_MAX_RANK, axis, &count);
    for (size_t i = 0; i < count && egi_call_ok(c); i++)
        bits |= EG_AXIS(egi_axis_of(c, axis[i], rank));
    if (count > 0) return bits;
    return egi_node_int(c->node, "noop_with_empty_axes", 0) != 0 ? 0 : (1u << rank) - 1;
}

/* Halves by halves, so that every element has a derivative though others are 0. */
static eg_var product_along(eg_tape *t, eg_var x, size_t axis)
{
    size_t n = eg_tape_shape(t, x).dim[axis];
    while (n > 1 && eg_tape_status(t) == EG_OK) {
        const size_t half = n / 2;
        const eg_var low = eg_slice(t, x, axis, 0, half, 1);
        const eg_var both = eg_mul(t, low, eg_slice(t, x, axis, half, half, 1));
        const eg_var pair[2] = { both, eg_slice(t, x, axis, 2 * half, n - 2 * half, 1) };
        x = n % 2 == 0 ? both : eg_concat(t, pair, 2, axis);
        n -= half;
    }
    return x;
}

static eg_var product(struct egi_onnx_call *c, eg_var x, unsigned axes)
{
    const eg_shape s = eg_tape_shape(c->t, x);
    for (size_t i = 0; i < s.rank; i++) {
        if ((axes >> i & 1) == 0) continue;
        if (s.dim[i] == 0) egi_call_fail(c, EG_ERR_UNSUPPORTED, "the product of no elements");
        x = product_along(c->t, x, i);
    }
    return x;
}

/* log sum e^x, shifted by the maximum. */
static eg_var log_sum_exp(eg_tape *t, eg_var x, unsigned axes)
{
    const eg_var top = eg_constant(t, eg_max(t, x, axes, 1));
    const eg_var sum = eg_sum(t, eg_exp(t, eg_sub(t, x, top)), axes, 1);
    return eg_add(t, eg_log(t, sum), top);
}

/* Axes stay with size 1. */
static eg_var reduce(struct egi_onnx_call *c, eg_var x, unsigned axes)
{
    eg_tape *t = c->t;
    switch (c->row->kind) {
    case EGI_REDUCE_MEAN:
        return eg_mean(t, x, axes, 1);
    case EGI_REDUCE_MAX:
        return eg_max(t, x, axes, 1);
    case EGI_REDUCE_MIN:
        return eg_neg(t, eg_max(t, eg_neg(t, x), axes, 1));
    case EGI_REDUCE_PROD:
        return product(c, x, axes);
    case EGI_REDUCE_L1:
        return eg_sum(t, eg_abs(t, x), axes, 1);
    case EGI_REDUCE_L2:
        return eg_sqrt(t, eg_sum(t, eg_mul(t, x, x), axes, 1));
    case EGI_REDUCE_LOG_SUM:
        return eg_log(t, eg_sum(t, x, axes, 1));
    case EGI_REDUCE_LOG_SUM_EXP:
        return log_sum_exp(t, x, axes);
    case EGI_REDUCE_SUM_SQUARE:
        return eg_sum(t, eg_mul(t, x, x), axes, 1);
    default:
        return eg_sum(t, x, axes, 1);
    }
}

/* y without the axes of size 1 that were reduced, unless they are to be kept. */
static eg_var without(struct egi_onnx_call *c, eg_var y, unsigned axes)
{
    const eg_shape s = eg_tape_shape(c->t, y);
    eg_shape less = { .rank = 0 };
    if (egi_node_int(c->node, "keepdims", 1) != 0) return y;
    for (size_t i = 0; i < s.rank; i++)
        if ((axes >> i & 1) == 0) less.dim[less.rank++] = s.dim[i];
    return eg_reshape(c->t, y, &less);
}

void egi_build_reduce(struct egi_onnx_call *c)
{
    const unsigned axes = axes_of(c, egi_shape_in(c, 0).rank);
    if (!egi_call_ok(c)) return;
    egi_give(c, 0, c->in[0].type, without(c, reduce(c, egi_in(c, 0), axes), axes));
}

void egi_build_arg(struct egi_onnx_call *c)
{
    eg_tape *t = c->t;
    const eg_shape s = egi_shape_in(c, 0);
    const size_t axis = egi_axis_of(c, egi_node_int(c->node, "axis", 0), s.rank);
    if (!egi_call_ok(c)) return;
    const int last = egi_node_int(c->node, "select_last_index", 0) != 0;
    const size_t n = s.dim[axis];
    eg_var x = egi_in(c, 0);
    if (c->row->kind == EGI_ARG_MIN) x = eg_neg(t, x);
    if (last && n > 0) x = eg_slice(t, x, axis, n - 1, n, -1);
    eg_var at = eg_cast(t, eg_argmax(t, x, axis), EG_F64);
    if (last) at = eg_affine(t, at, -1, (double)n - 1);
    eg_shape kept = s;
    kept.dim[axis] = 1;
    egi_give(c, 0, EGI_ONNX_INT64, without(c, eg_reshape(t, at, &kept), EG_AXIS(axis)));
}

/* The product with a triangle of ones along the axis. */
void egi_build_cumsum(struct egi_onnx_call *c)
{
    eg_tape *t = c->t;
    const eg_shape s = egi_shape_in(c, 0);
    const size_t axis = egi_axis_of(c, (int64_t)egi_number_in(c, 1, 0), s.rank);
    const int exclusive = egi_node_int(c->node, "exclusive", 0) != 0;
    const int reverse = egi_node_int(c->node, "reverse", 0) != 0;
    if (!egi_call_ok(c)) return;
    const size_t n = s.dim[axis];
    const eg_var ones = egi_tape_new(t, eg_tape_dtype(t, egi_in(c, 0)), &eg_shape_of(n, n));
    if (ones.id == 0) return;
    const struct egi_tensor *x = egi_tape_tensor(t, ones);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            const int adds = (reverse ? j > i : j < i) || (i == j && !exclusive);
            if (x->dtype == EG_F32)
                ((float *)(void *)x->data)[i * n + j] = adds ? 1 : 0;
            else
                ((double *)(void *)x->data)[i * n + j] = adds ? 1 : 0;
        }
    const eg_var y = eg_matmul(t, ones, egi_three(c, egi_in(c, 0), axis));
    egi_give(c, 0, c->in[0].type, eg_reshape(t, y, &s));
}
