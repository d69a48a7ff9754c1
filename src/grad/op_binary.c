/* Operations on the elements of two values that stand at the same place. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "grad/egi_tape.h"

/* The public functions have broadcast both to one shape. */
static eg_status shape(struct egi_call *c)
{
    return c->in[0].dtype != EG_I32
               ? EG_OK
               : egi_fail(EG_ERR_UNSUPPORTED, "%s: of i32; cast first", c->op->info.name);
}

static eg_status forward(struct egi_call *c)
{
    const struct egi_tensor x[3] = { c->out, c->in[0], c->in[1] };
    egi_loop(x, 3, egi_kernels_of(c->out.dtype)->binary[c->op->kernel], NULL, c->threads);
    return EG_OK;
}

static void back_add(struct egi_back *b)
{
    b->dx[0] = b->dx[1] = b->g;
}

static void back_sub(struct egi_back *b)
{
    b->dx[0] = b->g;
    if (b->wanted[1]) b->dx[1] = eg_neg(b->t, b->g);
}

static void back_mul(struct egi_back *b)
{
    if (b->wanted[0]) b->dx[0] = eg_mul(b->t, b->g, b->x[1]);
    if (b->wanted[1]) b->dx[1] = eg_mul(b->t, b->g, b->x[0]);
}

/* d(x/y) = dx / y - (x/y) dy / y */
static void back_div(struct egi_back *b)
{
    const eg_var share = eg_div(b->t, b->g, b->x[1]);
    b->dx[0] = share;
    if (b->wanted[1]) b->dx[1] = eg_neg(b->t, eg_mul(b->t, share, b->y));
}

static void split(struct egi_back *b, eg_var first)
{
    b->dx[0] = eg_mul(b->t, b->g, first);
    if (b->wanted[1]) b->dx[1] = eg_sub(b->t, b->g, b->dx[0]);
}

static void back_maximum(struct egi_back *b)
{
    split(b, eg_at_least(b->t, b->x[0], b->x[1]));
}

static void back_minimum(struct egi_back *b)
{
    split(b, eg_at_least(b->t, b->x[1], b->x[0]));
}

static void back_gate(struct egi_back *b)
{
    if (b->wanted[0]) b->dx[0] = eg_gate(b->t, b->g, b->x[1]);
}

/* d x^y = y x^(y - 1) dx + x^y ln x dy */
static void back_pow(struct egi_back *b)
{
    eg_tape *t = b->t;
    const eg_var x = b->x[0], y = b->x[1];
    if (b->wanted[0])
        b->dx[0] = eg_mul(t, b->g, eg_mul(t, y, eg_pow(t, x, eg_affine(t, y, 1, -1))));
    if (b->wanted[1]) b->dx[1] = eg_mul(t, b->g, eg_mul(t, b->y, eg_log(t, x)));
}

#define ROW(id, formula, kernel_, back)                               \
    const struct egi_op egi_op_##id = { .info = { #id, formula, "" }, \
                                        .shape = shape,               \
                                        .forward = forward,           \
                                        .backward = back,             \
                                        .kernel = EGI_K_##kernel_ };  \
    eg_var eg_##id(eg_tape *t, eg_var x, eg_var y)                    \
    {                                                                 \
        return paired(t, &egi_op_##id, x, y);                         \
    }

static eg_var paired(eg_tape *t, const struct egi_op *op, eg_var x, eg_var y)
{
    const eg_shape sx = eg_tape_shape(t, x), sy = eg_tape_shape(t, y);
    eg_shape both = sx;
    eg_var pair[2] = { x, y };
    if (eg_tape_status(t) == EG_OK && !egi_shape_equal(&sx, &sy)) {
        const eg_status s = egi_shape_broadcast(&sx, &sy, op->info.name, &both);
        if (s != EG_OK) return egi_tape_fail(t, s);
        pair[0] = eg_broadcast_to(t, x, &both);
        pair[1] = eg_broadcast_to(t, y, &both);
    }
    return egi_apply(t, op, pair, 2, NULL);
}

ROW(add, "z = x + y", ADD, back_add)
ROW(sub, "z = x - y", SUB, back_sub)
ROW(mul, "z = x y", MUL, back_mul)
ROW(div, "z = x / y", DIV, back_div)
ROW(maximum, "z = max(x, y)", MAXIMUM, back_maximum)
ROW(minimum, "z = min(x, y)", MINIMUM, back_minimum)
ROW(at_least, "z = [x >= y]", AT_LEAST, NULL)
ROW(gate, "z = x [y > 0]", GATE, back_gate)
ROW(pow, "z = x^y", POW, back_pow)
