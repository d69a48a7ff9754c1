/* LSTM and GRU: cells composed of operations, and all steps in one fused row, whose derivative by
 * the sums inside the gates is a fused row too; every other derivative follows from that one by
 * operations. Layout of what is packed: kernel/egi_kernel_recurrent.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_recurrent.h"

#include "grad/egi_ops.h"

/* Inputs of the fused rows; the way back has packed and g in the place of x and w_ih. */
enum { X, H0, C0, W_IH, W_HH, BIAS, INPUTS };
enum { PACKED = X, GRADIENT = W_IH, BACK_INPUTS = BIAS };

/* Planes [first, first + count) of (T, B, S H). */
static eg_var planes(eg_tape *t, eg_var packed, size_t hidden, size_t first, size_t count)
{
    return eg_slice(t, packed, 2, first * hidden, count * hidden, 1);
}

/* Gates [first, first + count) of (.., G H). */
static eg_var gates(eg_tape *t, eg_var x, size_t hidden, size_t first, size_t count)
{
    return eg_slice(t, x, eg_tape_shape(t, x).rank - 1, first * hidden, count * hidden, 1);
}

static eg_var one_step(eg_tape *t, eg_var x, size_t step)
{
    const eg_shape s = eg_tape_shape(t, x);
    return eg_reshape(t, eg_slice(t, x, 0, step, 1, 1), &eg_shape_of(s.dim[1], s.dim[2]));
}

static struct egi_recurrent geometry(const struct egi_call *c, const eg_shape *x)
{
    return (struct egi_recurrent){ .kind = (enum egi_recurrent_kind)c->op->kernel,
                                   .dtype = c->out.dtype,
                                   .steps = x->dim[0],
                                   .batch = x->dim[1],
                                   .inputs = x->dim[2],
                                   .hidden = c->in[H0].shape.dim[1] };
}

static eg_status expect(const struct egi_call *c, size_t k, const char *what, const eg_shape *want)
{
    char text[EGI_SHAPE_TEXT], expected[EGI_SHAPE_TEXT];
    if (egi_shape_equal(&c->in[k].shape, want)) return EG_OK;
    return egi_fail(EG_ERR_SHAPE, "%s: %s is %s, expected %s", c->op->info.name, what,
                    egi_shape_text(&c->in[k].shape, text), egi_shape_text(want, expected));
}

static eg_status shape(struct egi_call *c)
{
    const eg_shape *x = &c->in[X].shape, *h = &c->in[H0].shape;
    char tx[EGI_SHAPE_TEXT], th[EGI_SHAPE_TEXT];
    if (x->rank != 3 || h->rank != 2 || x->dim[0] == 0 || h->dim[1] == 0 || c->out.dtype == EG_I32)
        return egi_fail(EG_ERR_SHAPE, "%s: x %s, h %s, %s, expected (T, B, D), (B, H)",
                        c->op->info.name, egi_shape_text(x, tx), egi_shape_text(h, th),
                        eg_dtype_name(c->out.dtype));
    const struct egi_recurrent g = geometry(c, x);
    const size_t rows = egi_recurrent_gates(g.kind) * g.hidden;
    EGI_TRY(expect(c, H0, "h", &eg_shape_of(g.batch, g.hidden)));
    EGI_TRY(expect(c, C0, "c", &eg_shape_of(g.batch, g.hidden)));
    EGI_TRY(expect(c, W_IH, "w_ih", &eg_shape_of(rows, g.inputs)));
    EGI_TRY(expect(c, W_HH, "w_hh", &eg_shape_of(rows, g.hidden)));
    EGI_TRY(expect(c, BIAS, "the bias", &eg_shape_of(4 * g.hidden)));
    c->out.shape.dim[2] = egi_recurrent_planes(g.kind) * g.hidden;
    return EG_OK;
}

static eg_status in_order(struct egi_call *c, size_t count, struct egi_tensor *in)
{
    for (size_t k = 0; k < count; k++) EGI_TRY(egi_contiguous(c, &c->in[k], &in[k]));
    return EG_OK;
}

static eg_status forward(struct egi_call *c)
{
    struct egi_tensor in[INPUTS];
    EGI_TRY(in_order(c, INPUTS, in));
    const struct egi_recurrent g = geometry(c, &in[X].shape);
    const struct egi_recurrent_data d = { .x = in[X].data,
                                          .h = in[H0].data,
                                          .c = in[C0].data,
                                          .w_ih = in[W_IH].data,
                                          .w_hh = in[W_HH].data,
                                          .bias = in[BIAS].data,
                                          .packed = c->out.data };
    egi_recurrent_forward(&g, &d, c->threads);
    return EG_OK;
}

static eg_status shape_back(struct egi_call *c)
{
    c->out.shape.dim[2] = 5 * c->in[H0].shape.dim[1];
    return EG_OK;
}

static eg_status forward_back(struct egi_call *c)
{
    struct egi_tensor in[BACK_INPUTS];
    EGI_TRY(in_order(c, BACK_INPUTS, in));
    const struct egi_recurrent g = geometry(c, &in[PACKED].shape);
    void *scratch;
    EGI_TRY(egi_scratch(c, g.batch * g.hidden * eg_dtype_size(g.dtype), &scratch));
    const struct egi_recurrent_data d = { .h = in[H0].data,
                                          .c = in[C0].data,
                                          .w_hh = in[W_HH].data,
                                          .packed = in[PACKED].data,
                                          .g = in[GRADIENT].data,
                                          .scratch = scratch,
                                          .d = c->out.data };
    egi_recurrent_back(&g, &d, c->threads);
    return EG_OK;
}

/* x^T y of (T, B, M) and (T, B, N): (M, N). */
static eg_var outer(eg_tape *t, eg_var x, eg_var y)
{
    const eg_shape sx = eg_tape_shape(t, x), sy = eg_tape_shape(t, y);
    const size_t rows = sx.dim[0] * sx.dim[1];
    const eg_var fx = eg_reshape(t, x, &eg_shape_of(rows, sx.dim[2]));
    const eg_var fy = eg_reshape(t, y, &eg_shape_of(rows, sy.dim[2]));
    return eg_matmul(t, eg_swap_axes(t, fx, 0, 1), fy);
}

/* h of the step before each. */
static eg_var states_before(eg_tape *t, eg_var h0, eg_var h)
{
    const eg_shape s = eg_tape_shape(t, h);
    const eg_var both[2] = { eg_reshape(t, h0, &eg_shape_of(1, s.dim[1], s.dim[2])),
                             eg_slice(t, h, 0, 0, s.dim[0] - 1, 1) };
    return eg_concat(t, both, 2, 0);
}

static void backward(struct egi_back *b, enum egi_recurrent_kind kind, const struct egi_op *op)
{
    eg_tape *t = b->t;
    const size_t size = eg_tape_shape(t, b->x[H0]).dim[1], s = egi_recurrent_planes(kind);
    const eg_var in[BACK_INPUTS] = {
        [PACKED] = b->y, [H0] = b->x[H0], [C0] = b->x[C0], [GRADIENT] = b->g, [W_HH] = b->x[W_HH]
    };
    const eg_var d = egi_apply(t, op, in, BACK_INPUTS, NULL), sums = planes(t, d, size, 0, 4);
    eg_var by_x = sums, by_h = sums; /* gates as the rows of w_ih and w_hh lie */
    if (kind == EGI_GRU) {
        const eg_var parts[2] = { planes(t, d, size, 0, 2), planes(t, d, size, 3, 1) };
        by_x = planes(t, d, size, 0, 3);
        by_h = eg_concat(t, parts, 2, 2);
    }
    if (b->wanted[X]) b->dx[X] = eg_matmul(t, by_x, b->x[W_IH]);
    if (b->wanted[W_IH]) b->dx[W_IH] = outer(t, by_x, b->x[X]);
    if (b->wanted[BIAS]) b->dx[BIAS] = eg_sum(t, sums, EG_AXIS(0) | EG_AXIS(1), 0);
    if (b->wanted[W_HH])
        b->dx[W_HH] = outer(t, by_h, states_before(t, b->x[H0], planes(t, b->y, size, s - 1, 1)));
    /* The gate that lets the state through, 1, times what came to the state, 4. */
    eg_var past = EG_NONE;
    if (b->wanted[kind == EGI_LSTM ? C0 : H0])
        past = eg_mul(t, one_step(t, planes(t, d, size, 4, 1), 0),
                      one_step(t, planes(t, b->y, size, 1, 1), 0));
    if (kind == EGI_LSTM) b->dx[C0] = past;
    if (!b->wanted[H0]) return;
    b->dx[H0] = eg_matmul(t, one_step(t, by_h, 0), b->x[W_HH]);
    if (kind == EGI_GRU) b->dx[H0] = eg_add(t, b->dx[H0], past);
}

static void back_lstm(struct egi_back *b)
{
    backward(b, EGI_LSTM, &egi_op_lstm_back);
}

static void back_gru(struct egi_back *b)
{
    backward(b, EGI_GRU, &egi_op_gru_back);
}

#define ROW(id, formula, source, kind)                                                   \
    const struct egi_op egi_op_##id = { .info = { #id, formula, source },                \
                                        .shape = shape,                                  \
                                        .forward = forward,                              \
                                        .backward = back_##id,                           \
                                        .kernel = kind };                                \
    const struct egi_op egi_op_##id##_back = {                                           \
        .info = { #id "_back", "the gradient of " #id " by the sums in its gates", "" }, \
        .shape = shape_back,                                                             \
        .forward = forward_back,                                                         \
        .kernel = kind,                                                                  \
        .unfused = "eg_" #id "_cell"                                                     \
    };
ROW(lstm, "c = f c + i g, h = o tanh c, step by step", "Hochreiter and Schmidhuber 1997", EGI_LSTM)
ROW(gru, "h = (1 - z) n + z h, step by step", "Cho et al. 2014", EGI_GRU)

/* b_ih + b_hh by gates, but those of n in the GRU apart: (4 H). */
static eg_var bias_of(eg_tape *t, const eg_recurrent *p, eg_var h, enum egi_recurrent_kind kind)
{
    const size_t size = eg_tape_shape(t, h).rank == 2 ? eg_tape_shape(t, h).dim[1] : 0;
    const eg_shape all = eg_shape_of(egi_recurrent_gates(kind) * size);
    const eg_var none = eg_broadcast_to(t, eg_number(t, eg_tape_dtype(t, h), 0), &all);
    const eg_var i = p->b_ih.id != 0 ? p->b_ih : none, j = p->b_hh.id != 0 ? p->b_hh : none;
    if (kind == EGI_LSTM) return eg_add(t, i, j);
    const eg_var parts[3] = { eg_add(t, gates(t, i, size, 0, 2), gates(t, j, size, 0, 2)),
                              gates(t, i, size, 2, 1), gates(t, j, size, 2, 1) };
    return eg_concat(t, parts, 3, 0);
}

static eg_var all_steps(eg_tape *t, const struct egi_op *op, const eg_var *in, eg_var *last_c)
{
    const size_t hidden = eg_tape_shape(t, in[H0]).dim[1];
    const eg_var y = egi_apply(t, op, in, INPUTS, NULL);
    if (y.id == 0) return EG_NONE;
    const size_t s = egi_recurrent_planes((enum egi_recurrent_kind)op->kernel);
    if (last_c != NULL)
        *last_c = one_step(t, planes(t, y, hidden, 4, 1), eg_tape_shape(t, y).dim[0] - 1);
    return planes(t, y, hidden, s - 1, 1);
}

eg_var eg_lstm(eg_tape *t, eg_var x, eg_var h, eg_var c, const eg_recurrent *p, eg_var *last_c)
{
    const eg_var in[INPUTS] = { x, h, c, p->w_ih, p->w_hh, bias_of(t, p, h, EGI_LSTM) };
    if (last_c != NULL) *last_c = EG_NONE;
    return all_steps(t, &egi_op_lstm, in, last_c);
}

eg_var eg_gru(eg_tape *t, eg_var x, eg_var h, const eg_recurrent *p)
{
    const eg_var in[INPUTS] = { x, h, h, p->w_ih, p->w_hh, bias_of(t, p, h, EGI_GRU) };
    return all_steps(t, &egi_op_gru, in, NULL);
}

/* x w^T + b */
static eg_var linear(eg_tape *t, eg_var x, eg_var w, eg_var b)
{
    const eg_var y = eg_matmul(t, x, eg_swap_axes(t, w, 0, 1));
    return b.id != 0 ? eg_add(t, y, b) : y;
}

eg_var eg_lstm_cell(eg_tape *t, eg_var x, eg_var h, eg_var c, const eg_recurrent *p, eg_var *c_out)
{
    const size_t size = eg_tape_shape(t, h).dim[1];
    const eg_var a = eg_add(t, linear(t, x, p->w_ih, p->b_ih), linear(t, h, p->w_hh, p->b_hh));
    const eg_var in = eg_sigmoid(t, gates(t, a, size, 0, 1));
    const eg_var forget = eg_sigmoid(t, gates(t, a, size, 1, 1));
    const eg_var g = eg_tanh(t, gates(t, a, size, 2, 1));
    const eg_var out = eg_sigmoid(t, gates(t, a, size, 3, 1));
    const eg_var next = eg_add(t, eg_mul(t, forget, c), eg_mul(t, in, g));
    if (c_out != NULL) *c_out = next;
    return eg_mul(t, out, eg_tanh(t, next));
}

eg_var eg_gru_cell(eg_tape *t, eg_var x, eg_var h, const eg_recurrent *p)
{
    const size_t size = eg_tape_shape(t, h).dim[1];
    const eg_var a = linear(t, x, p->w_ih, p->b_ih), b = linear(t, h, p->w_hh, p->b_hh);
    const eg_var rz = eg_sigmoid(t, eg_add(t, gates(t, a, size, 0, 2), gates(t, b, size, 0, 2)));
    const eg_var r = gates(t, rz, size, 0, 1), z = gates(t, rz, size, 1, 1);
    const eg_var through = eg_mul(t, r, gates(t, b, size, 2, 1));
    const eg_var n = eg_tanh(t, eg_add(t, gates(t, a, size, 2, 1), through));
    return eg_add(t, n, eg_mul(t, z, eg_sub(t, h, n)));
}
