/* Operations on each element of one value. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "grad/egi_tape.h"

static eg_status floats_only(struct egi_call *c)
{
    return c->in[0].dtype != EG_I32
               ? EG_OK
               : egi_fail(EG_ERR_UNSUPPORTED, "%s: of i32; cast first", c->op->info.name);
}

static eg_status forward(struct egi_call *c)
{
    const struct egi_tensor x[2] = { c->out, c->in[0] };
    egi_loop(x, 2, egi_kernels_of(c->out.dtype)->unary[c->op->kernel], c->attr->a, c->threads);
    return EG_OK;
}

/* dx = g f'(x), with f' in terms of x, y = f(x), a = attr->a[0]. */
static eg_var times(struct egi_back *b, eg_var derivative)
{
    return eg_mul(b->t, b->g, derivative);
}

static void back_copy(struct egi_back *b)
{
    b->dx[0] = b->g;
}

static void back_neg(struct egi_back *b)
{
    b->dx[0] = eg_neg(b->t, b->g);
}

static void back_abs(struct egi_back *b)
{
    b->dx[0] = times(b, eg_sign(b->t, b->x[0]));
}

static void back_affine(struct egi_back *b)
{
    b->dx[0] = eg_affine(b->t, b->g, b->attr->a[0], 0);
}

static void back_reciprocal(struct egi_back *b)
{
    b->dx[0] = eg_neg(b->t, times(b, eg_mul(b->t, b->y, b->y)));
}

static void back_sqrt(struct egi_back *b)
{
    b->dx[0] = eg_affine(b->t, eg_div(b->t, b->g, b->y), 0.5, 0);
}

static void back_exp(struct egi_back *b)
{
    b->dx[0] = times(b, b->y);
}

static void back_log(struct egi_back *b)
{
    b->dx[0] = eg_div(b->t, b->g, b->x[0]);
}

static void back_sin(struct egi_back *b)
{
    b->dx[0] = times(b, eg_cos(b->t, b->x[0]));
}

static void back_cos(struct egi_back *b)
{
    b->dx[0] = eg_neg(b->t, times(b, eg_sin(b->t, b->x[0])));
}

/* 1 - y^2 */
static void back_tanh(struct egi_back *b)
{
    b->dx[0] = times(b, eg_affine(b->t, eg_mul(b->t, b->y, b->y), -1, 1));
}

/* 2 / sqrt(pi) e^(-x^2) */
static void back_erf(struct egi_back *b)
{
    const eg_var x = b->x[0], bell = eg_exp(b->t, eg_neg(b->t, eg_mul(b->t, x, x)));
    b->dx[0] = times(b, eg_affine(b->t, bell, 2 / sqrt(acos(-1)), 0));
}

/* y (1 - y) */
static void back_sigmoid(struct egi_back *b)
{
    b->dx[0] = times(b, eg_mul(b->t, b->y, eg_affine(b->t, b->y, -1, 1)));
}

static void back_softplus(struct egi_back *b)
{
    b->dx[0] = times(b, eg_sigmoid(b->t, b->x[0]));
}

static void back_power(struct egi_back *b)
{
    const double a = b->attr->a[0];
    b->dx[0] = times(b, eg_affine(b->t, eg_power(b->t, b->x[0], a - 1), a, 0));
}

static void back_relu(struct egi_back *b)
{
    b->dx[0] = eg_gate(b->t, b->g, b->x[0]);
}

/* a + (1 - a) [x > 0] */
static void back_leaky(struct egi_back *b)
{
    const double a = b->attr->a[0];
    b->dx[0] = times(b, eg_affine(b->t, eg_step(b->t, b->x[0]), 1 - a, a));
}

/* x > 0: 1, else y + a, which is a + min(y, 0) + (1 - a) [x > 0] */
static void back_elu(struct egi_back *b)
{
    eg_tape *t = b->t;
    const double a = b->attr->a[0];
    const eg_var below = eg_minimum(t, b->y, eg_number(t, eg_tape_dtype(t, b->y), 0));
    const eg_var above = eg_affine(t, eg_step(t, b->x[0]), 1 - a, a);
    b->dx[0] = times(b, eg_add(t, below, above));
}

/* n max(x, 0)^(n - 1) */
static void back_rep(struct egi_back *b)
{
    const double n = b->attr->a[0];
    const eg_var lower = n == 1 ? eg_step(b->t, b->x[0]) : eg_rep(b->t, b->x[0], n - 1);
    b->dx[0] = times(b, eg_affine(b->t, lower, n, 0));
}

static eg_var inside(eg_tape *t, eg_var x, double low, double high);

static void back_clamp(struct egi_back *b)
{
    b->dx[0] = times(b, inside(b->t, b->x[0], b->attr->a[0], b->attr->a[1]));
}

#define ROW(id, name, formula, source, kernel_, back)                      \
    const struct egi_op egi_op_##id = { .info = { name, formula, source }, \
                                        .shape = floats_only,              \
                                        .forward = forward,                \
                                        .backward = back,                  \
                                        .kernel = EGI_K_##kernel_ };

const struct egi_op egi_op_copy = {
    .info = { "copy", "y = x", "" }, .forward = forward, .backward = back_copy, .kernel = EGI_K_COPY
};
ROW(neg, "neg", "y = -x", "", NEG, back_neg)
ROW(abs, "abs", "y = |x|", "", ABS, back_abs)
ROW(sign, "sign", "y = sign(x)", "", SIGN, NULL)
ROW(step, "step", "y = [x > 0]", "", STEP, NULL)
ROW(inside, "inside", "y = [a <= x <= b]", "", INSIDE, NULL)
ROW(affine, "affine", "y = a x + b", "", SCALE, back_affine)
ROW(reciprocal, "reciprocal", "y = 1 / x", "", RECIPROCAL, back_reciprocal)
ROW(sqrt, "sqrt", "y = sqrt(x)", "", SQRT, back_sqrt)
ROW(exp, "exp", "y = e^x", "", EXP, back_exp)
ROW(log, "log", "y = ln x", "", LOG, back_log)
ROW(sin, "sin", "y = sin x", "", SIN, back_sin)
ROW(cos, "cos", "y = cos x", "", COS, back_cos)
ROW(erf, "erf", "y = 2/sqrt(pi) int_0^x e^(-u^2) du", "", ERF, back_erf)
ROW(power, "power", "y = x^a", "", POWER, back_power)
ROW(relu, "relu", "y = max(x, 0)", "", RELU, back_relu)
ROW(leaky_relu, "leaky_relu", "y = x > 0: x, else a x", "Maas et al. 2013", LEAKY, back_leaky)
ROW(elu, "elu", "y = x > 0: x, else a (e^x - 1)", "Clevert et al. 2015, eq. 15", ELU, back_elu)
ROW(sigmoid, "sigmoid", "y = 1 / (1 + e^-x)", "", SIGMOID, back_sigmoid)
ROW(tanh, "tanh", "y = tanh x", "", TANH, back_tanh)
ROW(softplus, "softplus", "y = ln(1 + e^x)", "", SOFTPLUS, back_softplus)
ROW(clamp, "clamp", "y = min(max(x, a), b)", "", CLAMP, back_clamp)
ROW(floor, "floor", "y = the largest whole number <= x", "", FLOOR, NULL)
ROW(ceil, "ceil", "y = the smallest whole number >= x", "", CEIL, NULL)
ROW(round, "round", "y = the nearest whole number, of two the even one", "", ROUND, NULL)
ROW(rep, "rep", "y = max(x, 0)^a", "Krotov and Hopfield 2016, eq. 5", REP, back_rep)

static eg_var plain(eg_tape *t, const struct egi_op *op, eg_var x)
{
    return egi_apply(t, op, &x, 1, NULL);
}

static eg_var with(eg_tape *t, const struct egi_op *op, eg_var x, double a, double b)
{
    const struct egi_attr attr = { .a = { a, b } };
    return egi_apply(t, op, &x, 1, &attr);
}

static eg_var inside(eg_tape *t, eg_var x, double low, double high)
{
    return with(t, &egi_op_inside, x, low, high);
}

#define PLAIN(id)                         \
    eg_var eg_##id(eg_tape *t, eg_var x)  \
    {                                     \
        return plain(t, &egi_op_##id, x); \
    }
PLAIN(copy)
PLAIN(neg)
PLAIN(abs)
PLAIN(sign)
PLAIN(step)
PLAIN(reciprocal)
PLAIN(sqrt)
PLAIN(exp)
PLAIN(log)
PLAIN(sin)
PLAIN(cos)
PLAIN(erf)
PLAIN(relu)
PLAIN(sigmoid)
PLAIN(tanh)
PLAIN(softplus)
PLAIN(floor)
PLAIN(ceil)
PLAIN(round)

#define WITH_A(id)                                 \
    eg_var eg_##id(eg_tape *t, eg_var x, double a) \
    {                                              \
        return with(t, &egi_op_##id, x, a, 0);     \
    }
WITH_A(power)
WITH_A(leaky_relu)
WITH_A(elu)
WITH_A(rep)

eg_var eg_affine(eg_tape *t, eg_var x, double a, double b)
{
    return with(t, &egi_op_affine, x, a, b);
}

eg_var eg_clamp(eg_tape *t, eg_var x, double low, double high)
{
    if (!(low <= high))
        return egi_tape_fail(t, egi_fail(EG_ERR_INVALID, "clamp: low = %g, high = %g", low, high));
    return with(t, &egi_op_clamp, x, low, high);
}

eg_var eg_selu(eg_tape *t, eg_var x)
{
    return eg_affine(t, eg_elu(t, x, 1.6732632423543772848), 1.0507009873554804934, 0);
}

eg_var eg_gelu(eg_tape *t, eg_var x)
{
    const eg_var phi = eg_affine(t, eg_erf(t, eg_affine(t, x, sqrt(0.5), 0)), 0.5, 0.5);
    return eg_mul(t, x, phi);
}

eg_var eg_silu(eg_tape *t, eg_var x)
{
    return eg_mul(t, x, eg_sigmoid(t, x));
}
