/* LSTM and GRU: cells composed of operations, and all steps in one fused row, whose derivative by
 * all its inputs is a fused row too (kernel/egi_kernel_recurrent.h).
 *
 * Either row gives one line of numbers: forward h of all steps and, of the LSTM, the last c, then
 * what the way back needs, in the kernel's own shape; back the gradients by x, h, c, w_ih, w_hh and
 * the bias. Results are views of parts of it (egi_op_part). Nothing flows to what is kept, so the
 * gradient by the line forward is as long as its results alone. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_recurrent.h"

#include "base/egi_base.h"
#include "grad/egi_ops.h"

/* Inputs of the fused rows, in the order of the kernel's arrays; back has two more. */
enum {
    X = EGI_RECURRENT_X,
    H0 = EGI_RECURRENT_H,
    C0 = EGI_RECURRENT_C,
    INPUTS = EGI_RECURRENT_BIAS + 1,
    LINE = INPUTS,
    GRADIENT,
    BACK_INPUTS
};

/* Gates [first, first + count) of (.., G H). */
static eg_var gates(eg_tape *t, eg_var x, size_t hidden, size_t first, size_t count)
{
    return eg_slice(t, x, eg_tape_shape(t, x).rank - 1, first * hidden, count * hidden, 1);
}

static struct egi_recurrent geometry(const struct egi_call *c)
{
    const eg_shape *x = &c->in[X].shape;
    return (struct egi_recurrent){ .kind = (size_t)c->op->kernel,
                                   .dtype = c->in[X].dtype,
                                   .steps = x->dim[0],
                                   .batch = x->dim[1],
                                   .inputs = x->dim[2],
                                   .hidden = c->in[H0].shape.dim[1] };
}

static eg_status make_plan(const void *key, void *plan)
{
    return egi_recurrent_plan(key, 0, plan);
}

static void clear_plan(void *plan)
{
    egi_recurrent_plan_clear(plan);
}

static const struct egi_keeping plans = { sizeof(struct egi_recurrent),
                                          sizeof(struct egi_recurrent_plan), make_plan,
                                          clear_plan };

static eg_status plan_of(struct egi_call *c, const struct egi_recurrent_plan **out)
{
    const struct egi_recurrent g = geometry(c);
    void *kept;
    EGI_TRY(egi_keep(c, &plans, &g, &kept));
    *out = kept;
    return EG_OK;
}

static eg_status check_inputs(const struct egi_call *c)
{
    static const char *const names[INPUTS] = { "x", "h", "c", "w_ih", "w_hh", "the bias" };
    const eg_shape *x = &c->in[X].shape, *h = &c->in[H0].shape;
    char got[EGI_SHAPE_TEXT], want[EGI_SHAPE_TEXT];
    if (x->rank != 3 || h->rank != 2 || x->dim[0] == 0 || h->dim[1] == 0
        || c->in[X].dtype == EG_I32)
        return egi_fail(EG_ERR_SHAPE, "%s: x %s, h %s, %s, expected (T, B, D), (B, H)",
                        c->op->info.name, egi_shape_text(x, got), egi_shape_text(h, want),
                        eg_dtype_name(c->in[X].dtype));
    const struct egi_recurrent g = geometry(c);
    for (size_t k = H0; k < INPUTS; k++) {
        const eg_shape s = egi_recurrent_shape(&g, k == C0 ? H0 : k); /* the GRU has h for c */
        if (!egi_shape_equal(&c->in[k].shape, &s))
            return egi_fail(EG_ERR_SHAPE, "%s: %s is %s, expected %s", c->op->info.name, names[k],
                            egi_shape_text(&c->in[k].shape, got), egi_shape_text(&s, want));
    }
    return EG_OK;
}

/* Elements of arrays [first, end), one after the other. */
static size_t elements(const struct egi_recurrent *g, size_t first, size_t end)
{
    size_t n = 0;
    for (size_t a = first; a < end; a++) {
        const eg_shape s = egi_recurrent_shape(g, a);
        n += eg_shape_size(&s);
    }
    return n;
}

/* Of the line forward, elements before what is kept, which is aligned. */
static size_t before_kept(const struct egi_recurrent *g)
{
    const size_t n = elements(g, EGI_RECURRENT_Y, EGI_RECURRENT_ARRAYS);
    return (n + EGI_ALIGN - 1) / EGI_ALIGN * EGI_ALIGN;
}

static eg_status shape(struct egi_call *c)
{
    EGI_TRY(check_inputs(c));
    const struct egi_recurrent g = geometry(c);
    const struct egi_recurrent_plan *p;
    size_t states;
    EGI_TRY(egi_mul_size(g.steps + 1, g.batch, &states));
    EGI_TRY(egi_mul_size(states, g.hidden * sizeof(double), &states));
    EGI_TRY(plan_of(c, &p));
    c->out.shape = eg_shape_of(before_kept(&g) + p->kept / eg_dtype_size(c->out.dtype));
    return EG_OK;
}

static eg_status in_order(struct egi_call *c, char **value)
{
    struct egi_tensor in;
    for (size_t k = 0; k < INPUTS; k++) {
        EGI_TRY(egi_contiguous(c, &c->in[k], &in));
        value[k] = in.data;
    }
    return EG_OK;
}

/* The arrays from first on where they lie in a line; those of no elements are NULL. */
static void arrays_of(const struct egi_recurrent *g, char *line, size_t first, size_t end,
                      char **out)
{
    for (size_t a = first; a < end; a++) {
        const size_t n = elements(g, a, a + 1) * eg_dtype_size((eg_dtype)g->dtype);
        out[a] = n > 0 ? line : NULL;
        line += n;
    }
}

static eg_status run(struct egi_call *c, enum egi_recurrent_way way, struct egi_recurrent_data *d)
{
    const struct egi_recurrent_plan *p;
    void *scratch;
    EGI_TRY(plan_of(c, &p));
    EGI_TRY(egi_scratch(c, p->scratch[way], &scratch));
    egi_recurrent_run(p, way, d, scratch, c->threads);
    return EG_OK;
}

/* Values of the line forward. */
static void read_line(const struct egi_recurrent *g, char *line, struct egi_recurrent_data *d)
{
    arrays_of(g, line, EGI_RECURRENT_Y, EGI_RECURRENT_ARRAYS, d->value);
    d->kept = line + before_kept(g) * eg_dtype_size((eg_dtype)g->dtype);
}

static eg_status forward(struct egi_call *c)
{
    const struct egi_recurrent g = geometry(c);
    struct egi_recurrent_data d = { .kept = NULL };
    EGI_TRY(in_order(c, d.value));
    read_line(&g, c->out.data, &d);
    return run(c, EGI_RECURRENT_FORWARD, &d);
}

static eg_status shape_back(struct egi_call *c)
{
    const struct egi_recurrent g = geometry(c);
    c->out.shape = eg_shape_of(elements(&g, 0, INPUTS));
    return EG_OK;
}

static eg_status forward_back(struct egi_call *c)
{
    const struct egi_recurrent g = geometry(c);
    struct egi_recurrent_data d = { .kept = NULL };
    struct egi_tensor by;
    EGI_TRY(in_order(c, d.value));
    EGI_TRY(egi_contiguous(c, &c->in[GRADIENT], &by));
    read_line(&g, c->in[LINE].data, &d);
    const size_t end = by.shape.dim[0] > elements(&g, EGI_RECURRENT_Y, EGI_RECURRENT_LAST)
                           ? EGI_RECURRENT_ARRAYS
                           : EGI_RECURRENT_LAST; /* nothing came to the last c */
    arrays_of(&g, by.data, EGI_RECURRENT_Y, end, d.gradient);
    arrays_of(&g, c->out.data, 0, INPUTS, d.gradient);
    return run(c, EGI_RECURRENT_BACK, &d);
}

/* n of the attributes: where the part begins, and how much of the line has a gradient. */
enum { BEGIN, RESULTS };

static eg_status shape_part(struct egi_call *c)
{
    char *data = c->in[0].data + (size_t)c->attr->n[BEGIN] * eg_dtype_size(c->out.dtype);
    c->out = egi_tensor_of(c->out.dtype, &c->attr->shape, data);
    return EG_OK;
}

static void back_part(struct egi_back *b)
{
    const size_t n = eg_shape_size(&b->attr->shape), all = (size_t)b->attr->n[RESULTS];
    const eg_var line = eg_reshape(b->t, b->g, &eg_shape_of(n));
    b->dx[0] = n == all ? line : eg_embed(b->t, line, 0, all, (size_t)b->attr->n[BEGIN], 1);
}

const struct egi_op egi_op_part = { .info = { "part", "y = some of the numbers in line x", "" },
                                    .shape = shape_part,
                                    .backward = back_part };

/* Array a of a line that begins with array `first`; its first `results` numbers have gradients. */
static eg_var part(eg_tape *t, eg_var line, const struct egi_recurrent *g, size_t first, size_t a,
                   size_t results)
{
    const struct egi_attr attr = { .shape = egi_recurrent_shape(g, a),
                                   .n = { (ptrdiff_t)elements(g, first, a), (ptrdiff_t)results } };
    return egi_apply(t, &egi_op_part, &line, 1, &attr);
}

static struct egi_recurrent geometry_of(eg_tape *t, const eg_var *in, int kind)
{
    const eg_shape x = eg_tape_shape(t, in[X]);
    return (struct egi_recurrent){ .kind = (size_t)kind,
                                   .steps = x.dim[0],
                                   .batch = x.dim[1],
                                   .inputs = x.dim[2],
                                   .hidden = eg_tape_shape(t, in[H0]).dim[1] };
}

static void backward(struct egi_back *b, const struct egi_op *op)
{
    const struct egi_recurrent g = geometry_of(b->t, b->x, op->kernel);
    const size_t all = elements(&g, 0, INPUTS);
    eg_var in[BACK_INPUTS];
    for (size_t k = 0; k < INPUTS; k++) in[k] = b->x[k];
    in[LINE] = b->y;
    in[GRADIENT] = b->g;
    const eg_var line = egi_apply(b->t, op, in, BACK_INPUTS, NULL);
    for (size_t k = 0; k < INPUTS; k++)
        if (b->wanted[k] && (k != C0 || g.kind == EGI_LSTM))
            b->dx[k] = part(b->t, line, &g, 0, k, all);
}

static void back_lstm(struct egi_back *b)
{
    backward(b, &egi_op_lstm_back);
}

static void back_gru(struct egi_back *b)
{
    backward(b, &egi_op_gru_back);
}

#define ROW(id, formula, source, kind)                                                            \
    const struct egi_op egi_op_##id = { .info = { #id, formula, source },                         \
                                        .shape = shape,                                           \
                                        .forward = forward,                                       \
                                        .backward = back_##id,                                    \
                                        .kernel = kind };                                         \
    const struct egi_op egi_op_##id##_back = { .info = { #id "_back",                             \
                                                         "the gradients of " #id " by all", "" }, \
                                               .shape = shape_back,                               \
                                               .forward = forward_back,                           \
                                               .kernel = kind,                                    \
                                               .unfused = "eg_" #id "_cell" };
ROW(lstm, "c = f c + i g, h = o tanh c, step by step", "Hochreiter and Schmidhuber 1997", EGI_LSTM)
ROW(gru, "h = (1 - z) n + z h, step by step", "Cho et al. 2014", EGI_GRU)

/* b_ih + b_hh by gates, but those of n in the GRU apart: (4 H). */
static eg_var bias_of(eg_tape *t, const eg_recurrent *p, eg_var h, size_t kind)
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
    const eg_var line = egi_apply(t, op, in, INPUTS, NULL);
    if (line.id == 0) return EG_NONE;
    const struct egi_recurrent g = geometry_of(t, in, op->kernel);
    const size_t end = last_c != NULL ? EGI_RECURRENT_ARRAYS : EGI_RECURRENT_LAST;
    const size_t results = elements(&g, EGI_RECURRENT_Y, end);
    if (last_c != NULL) *last_c = part(t, line, &g, EGI_RECURRENT_Y, EGI_RECURRENT_LAST, results);
    return part(t, line, &g, EGI_RECURRENT_Y, EGI_RECURRENT_Y, results);
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
