/* Activation functions with numbers of their own, and those along an axis. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "model/egi_onnx_build.h"

static eg_var hard_sigmoid(eg_tape *t, eg_var x, double a, double b)
{
    return eg_clamp(t, eg_affine(t, x, a, b), 0, 1);
}

static eg_var celu(eg_tape *t, eg_var x, double a)
{
    return eg_affine(t, eg_elu(t, eg_affine(t, x, 1 / a, 0), 1), a, 0);
}

static eg_var selu(eg_tape *t, eg_var x, double alpha, double gamma)
{
    return eg_affine(t, eg_elu(t, x, alpha), gamma, 0);
}

/* x < -lambda: x + bias; x > lambda: x - bias; else 0 */
static eg_var shrink(eg_tape *t, eg_var x, double lambda, double bias)
{
    const eg_var above = eg_gate(t, eg_affine(t, x, 1, -bias), eg_affine(t, x, 1, -lambda));
    const eg_var below = eg_gate(t, eg_affine(t, x, 1, bias), eg_affine(t, x, -1, -lambda));
    return eg_add(t, above, below);
}

static eg_var softsign(eg_tape *t, eg_var x)
{
    return eg_div(t, x, eg_affine(t, eg_abs(t, x), 1, 1));
}

/* (e^x + sign e^-x) / 2 */
static eg_var hyperbolic(eg_tape *t, eg_var x, double sign)
{
    const eg_var back = eg_affine(t, eg_exp(t, eg_neg(t, x)), sign / 2, 0);
    return eg_add(t, eg_affine(t, eg_exp(t, x), 0.5, 0), back);
}

static double number(const struct egi_onnx_call *c, const char *name, double missing)
{
    return egi_node_float(c->node, name, missing);
}

static eg_var activation(struct egi_onnx_call *c, eg_var x)
{
    eg_tape *t = c->t;
    switch (c->row->kind) {
    case EGI_ACT_LEAKY:
        return eg_leaky_relu(t, x, number(c, "alpha", 0.01));
    case EGI_ACT_ELU:
        return eg_elu(t, x, number(c, "alpha", 1));
    case EGI_ACT_SELU: /* the defaults of the specification */
        return selu(t, x, number(c, "alpha", 1.67326319217681884765625),
                    number(c, "gamma", 1.05070102214813232421875));
    case EGI_ACT_CELU:
        return celu(t, x, number(c, "alpha", 1));
    case EGI_ACT_HARD_SIGMOID:
        return hard_sigmoid(t, x, number(c, "alpha", 0.2), number(c, "beta", 0.5));
    case EGI_ACT_HARD_SWISH:
        return eg_mul(t, x, hard_sigmoid(t, x, 1.0 / 6, 0.5));
    case EGI_ACT_THRESHOLDED:
        return eg_gate(t, x, eg_affine(t, x, 1, -number(c, "alpha", 1)));
    case EGI_ACT_SHRINK:
        return shrink(t, x, number(c, "lambd", 0.5), number(c, "bias", 0));
    case EGI_ACT_SOFTSIGN:
        return softsign(t, x);
    case EGI_ACT_TAN:
        return eg_div(t, eg_sin(t, x), eg_cos(t, x));
    default:
        return hyperbolic(t, x, c->row->kind == EGI_ACT_COSH ? 1 : -1);
    }
}

void egi_build_activation(struct egi_onnx_call *c)
{
    egi_give(c, 0, c->in[0].type, activation(c, egi_in(c, 0)));
}

/* max(x, 0) + slope min(x, 0) */
void egi_build_prelu(struct egi_onnx_call *c)
{
    eg_tape *t = c->t;
    const eg_var x = egi_in(c, 0), below = eg_neg(t, eg_relu(t, eg_neg(t, x)));
    egi_give(c, 0, c->in[0].type, eg_add(t, eg_relu(t, x), eg_mul(t, below, egi_in(c, 1))));
}

static eg_var hardmax(eg_tape *t, eg_var x, size_t axis)
{
    const size_t rank = eg_tape_shape(t, x).rank;
    size_t order[EG_MAX_RANK], at = 0;
    const eg_shape shape = eg_tape_shape(t, x);
    const eg_var y = eg_one_hot(t, eg_argmax(t, x, axis), shape.dim[axis], eg_tape_dtype(t, x));
    for (size_t i = 0; i < rank; i++) order[i] = i == axis ? rank - 1 : at++;
    return eg_permute(t, y, order);
}

static eg_var softmax(const struct egi_onnx_call *c, eg_var x, size_t axis)
{
    switch (c->row->kind) {
    case EGI_SOFTMAX:
        return eg_softmax(c->t, x, axis);
    case EGI_LOG_SOFTMAX:
        return eg_log_softmax(c->t, x, axis);
    default:
        return hardmax(c->t, x, axis);
    }
}

/* Up to opset 12 over all axes from one on, as one. */
void egi_build_softmax(struct egi_onnx_call *c)
{
    eg_tape *t = c->t;
    const eg_var x = egi_in(c, 0);
    const eg_shape shape = eg_tape_shape(t, x);
    const int flat = c->opset < 13;
    const size_t axis = egi_axis_of(c, egi_node_int(c->node, "axis", flat ? 1 : -1), shape.rank);
    if (!egi_call_ok(c)) return;
    if (!flat) {
        egi_give(c, 0, c->in[0].type, softmax(c, x, axis));
        return;
    }
    eg_shape two = { 2, { 1, 1 } };
    for (size_t i = 0; i < shape.rank; i++) two.dim[i >= axis] *= shape.dim[i];
    egi_give(c, 0, c->in[0].type, eg_reshape(t, softmax(c, eg_reshape(t, x, &two), 1), &shape));
}

/* Of a network that is used, not trained: y = x, and every element is kept. */
void egi_build_dropout(struct egi_onnx_call *c)
{
    const double ratio = egi_number_in(c, 1, egi_node_float(c->node, "ratio", 0.5));
    if (egi_number_in(c, 2, 0) != 0 && ratio != 0) {
        egi_call_fail(c, EG_ERR_UNSUPPORTED, "training_mode with a ratio of %g", ratio);
        return;
    }
    const eg_shape shape = egi_shape_in(c, 0);
    egi_give(c, 0, c->in[0].type, egi_in(c, 0));
    if (c->outs > 1) egi_give(c, 1, EGI_ONNX_BOOL, egi_filled(c, EGI_ONNX_BOOL, &shape, 1));
}
