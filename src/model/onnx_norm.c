/* Norms, by those of the tape. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "model/egi_onnx_build.h"

void egi_build_batch_norm(struct egi_onnx_call *c)
{
    if (egi_node_int(c->node, "training_mode", 0) != 0) {
        egi_call_fail(c, EG_ERR_UNSUPPORTED, "training_mode");
        return;
    }
    const double epsilon = egi_node_float(c->node, "epsilon", 1e-5);
    egi_give(c, 0, c->in[0].type,
             eg_batch_norm_fixed(c->t, egi_in(c, 0), egi_in(c, 3), egi_in(c, 4), egi_in(c, 1),
                                 egi_in(c, 2), epsilon));
}

/* A group a channel. */
void egi_build_instance_norm(struct egi_onnx_call *c)
{
    const eg_shape s = egi_shape_in(c, 0);
    if (s.rank < 3) {
        egi_call_fail(c, EG_ERR_SHAPE, "rank %zu, expected (N, C, ..)", s.rank);
        return;
    }
    egi_give(c, 0, c->in[0].type,
             eg_group_norm(c->t, egi_in(c, 0), s.dim[1], egi_in(c, 1), egi_in(c, 2),
                           egi_node_float(c->node, "epsilon", 1e-5)));
}

/* Mean and 1 / sqrt(variance + epsilon) over the last axes, where they are asked for. */
static void give_statistics(struct egi_onnx_call *c, unsigned axes, double epsilon)
{
    eg_tape *t = c->t;
    const eg_var x = egi_in(c, 0), mean = eg_mean(t, x, axes, 1), off = eg_sub(t, x, mean);
    const eg_var variance = eg_mean(t, eg_mul(t, off, off), axes, 1);
    egi_give(c, 1, c->in[0].type, mean);
    egi_give(c, 2, c->in[0].type, eg_reciprocal(t, eg_sqrt(t, eg_affine(t, variance, 1, epsilon))));
}

void egi_build_layer_norm(struct egi_onnx_call *c)
{
    const eg_shape s = egi_shape_in(c, 0);
    const size_t axis = egi_axis_of(c, egi_node_int(c->node, "axis", -1), s.rank);
    const double epsilon = egi_node_float(c->node, "epsilon", 1e-5);
    if (!egi_call_ok(c)) return;
    egi_give(c, 0, c->in[0].type,
             eg_layer_norm(c->t, egi_in(c, 0), s.rank - axis, egi_in(c, 1), egi_in(c, 2), epsilon));
    if (c->outs > 1) give_statistics(c, ((1u << s.rank) - 1) & ~((1u << axis) - 1), epsilon);
}

/* x / (bias + alpha / size sum x^2)^beta, the sum over `size` channels around; Krizhevsky et al.
 * 2012, sec. 3.3. */
void egi_build_lrn(struct egi_onnx_call *c)
{
    eg_tape *t = c->t;
    const eg_shape s = egi_shape_in(c, 0);
    const int64_t size = egi_node_int(c->node, "size", 0);
    if (s.rank < 2 || size < 1 || size > 1024) {
        egi_call_fail(c, EG_ERR_INVALID, "size %lld of rank %zu", (long long)size, s.rank);
        return;
    }
    const size_t n = (size_t)size, before = (n - 1) / 2;
    const double alpha = egi_node_float(c->node, "alpha", 1e-4);
    const double beta = egi_node_float(c->node, "beta", 0.75);
    const double bias = egi_node_float(c->node, "bias", 1);
    const eg_var x = egi_in(c, 0);
    const eg_var square = eg_pad(t, eg_mul(t, x, x), 1, before, n - 1 - before);
    eg_var sum = eg_slice(t, square, 1, 0, s.dim[1], 1);
    for (size_t k = 1; k < n; k++) sum = eg_add(t, sum, eg_slice(t, square, 1, k, s.dim[1], 1));
    const eg_var base = eg_affine(t, sum, alpha / (double)n, bias);
    egi_give(c, 0, c->in[0].type, eg_mul(t, x, eg_power(t, base, -beta)));
}

/* (x - mean) / (deviation + 1e-9) over the axes. */
void egi_build_mvn(struct egi_onnx_call *c)
{
    eg_tape *t = c->t;
    int64_t axis[EG_MAX_RANK];
    size_t count;
    unsigned axes = 0;
    const size_t rank = egi_shape_in(c, 0).rank;
    egi_node_ints(c, "axes", EG_MAX_RANK, axis, &count);
    for (size_t i = 0; i < count; i++) axes |= EG_AXIS(egi_axis_of(c, axis[i], rank));
    if (count == 0) axes = (1u << 0) | (1u << 2) | (1u << 3);
    const eg_var x = egi_in(c, 0), off = eg_sub(t, x, eg_mean(t, x, axes, 1));
    const eg_var deviation = eg_sqrt(t, eg_mean(t, eg_mul(t, off, off), axes, 1));
    egi_give(c, 0, c->in[0].type, eg_div(t, off, eg_affine(t, deviation, 1, 1e-9)));
}
