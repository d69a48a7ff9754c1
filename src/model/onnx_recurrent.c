/* Recurrent operators. Their gates lie in another order than those of the tape: i o f c of the
 * LSTM and z r h of the GRU become i f c o and r z h. Weights are (directions, gates H, ..). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "model/egi_onnx_build.h"

/* Inputs of all three operators. */
enum { X, W, R, B, LENGTHS, H0, C0 };

struct layer {
    size_t steps, batch, inputs, hidden, directions, gates;
    int batch_first, reverse; /* reverse: of the only direction, or the second */
};

static int blank_lengths(struct egi_onnx_call *c, size_t steps)
{
    size_t n;
    if (!egi_has(c, LENGTHS)) return 1;
    const double *length = egi_numbers(c, LENGTHS, &n);
    for (size_t i = 0; length != NULL && i < n; i++)
        if (length[i] != (double)steps) {
            egi_call_fail(c, EG_ERR_UNSUPPORTED, "sequences of different lengths");
            return 0;
        }
    return length != NULL;
}

static int layer_of(struct egi_onnx_call *c, size_t gates, struct layer *l)
{
    const eg_shape x = egi_shape_in(c, X), w = egi_shape_in(c, W), r = egi_shape_in(c, R);
    const struct egi_span way = egi_node_text(c->node, "direction");
    *l = (struct layer){ .gates = gates };
    l->batch_first = egi_node_int(c->node, "layout", 0) != 0;
    l->directions = egi_span_is(way, "bidirectional") ? 2 : 1;
    l->reverse = egi_span_is(way, "reverse");
    int fits = x.rank == 3 && w.rank == 3 && r.rank == 3;
    if (fits) {
        l->steps = x.dim[l->batch_first];
        l->batch = x.dim[!l->batch_first];
        l->inputs = x.dim[2];
        l->hidden = r.dim[2];
        fits = w.dim[0] == l->directions && r.dim[0] == l->directions && w.dim[2] == l->inputs
               && w.dim[1] == gates * l->hidden && r.dim[1] == w.dim[1] && l->steps > 0;
    }
    char tx[EGI_SHAPE_TEXT], tw[EGI_SHAPE_TEXT], tr[EGI_SHAPE_TEXT];
    if (!fits)
        egi_call_fail(c, EG_ERR_SHAPE, "X %s with W %s and R %s", egi_shape_text(&x, tx),
                      egi_shape_text(&w, tw), egi_shape_text(&r, tr));
    struct egi_span a;
    if (fits && egi_node_attr(c->node, "clip", &a)) egi_call_fail(c, EG_ERR_UNSUPPORTED, "clip");
    return egi_call_ok(c) && blank_lengths(c, l->steps);
}

/* Part d of input k along its first axis, without that axis. */
static eg_var of_direction(struct egi_onnx_call *c, size_t k, size_t d)
{
    eg_shape s = egi_shape_in(c, k);
    if (s.rank < 2 || s.dim[0] <= d) {
        egi_call_fail(c, EG_ERR_SHAPE, "input %zu of rank %zu", k, s.rank);
        return EG_NONE;
    }
    const eg_var part = eg_slice(c->t, egi_in(c, k), 0, d, 1, 1);
    s.rank--;
    for (size_t i = 0; i < s.rank; i++) s.dim[i] = s.dim[i + 1];
    return eg_reshape(c->t, part, &s);
}

/* Blocks of H rows of x in another order. */
static eg_var reordered(struct egi_onnx_call *c, eg_var x, const struct layer *l,
                        const size_t *order, size_t first)
{
    eg_var part[4];
    for (size_t g = 0; g < l->gates; g++)
        part[g] = eg_slice(c->t, x, 0, (first + order[g]) * l->hidden, l->hidden, 1);
    return eg_concat(c->t, part, l->gates, 0);
}

static eg_recurrent weights_of(struct egi_onnx_call *c, const struct layer *l, size_t d,
                               const size_t *order)
{
    eg_recurrent p = { .b_ih = EG_NONE, .b_hh = EG_NONE };
    p.w_ih = reordered(c, of_direction(c, W, d), l, order, 0);
    p.w_hh = reordered(c, of_direction(c, R, d), l, order, 0);
    if (!egi_has(c, B)) return p;
    const eg_var b = of_direction(c, B, d);
    p.b_ih = reordered(c, b, l, order, 0);
    p.b_hh = reordered(c, b, l, order, l->gates);
    return p;
}

/* The first state of direction d, (batch, H): input k, or zeros. */
static eg_var start_of(struct egi_onnx_call *c, const struct layer *l, size_t k, size_t d)
{
    if (!egi_has(c, k)) return egi_filled(c, c->in[X].type, &eg_shape_of(l->batch, l->hidden), 0);
    if (!l->batch_first) return of_direction(c, k, d);
    const eg_var part = eg_slice(c->t, egi_in(c, k), 1, d, 1, 1);
    return eg_reshape(c->t, part, &eg_shape_of(l->batch, l->hidden));
}

/* Step s of x (T, B, D) as (B, D). */
static eg_var step_of(struct egi_onnx_call *c, eg_var x, size_t s)
{
    const eg_shape shape = eg_tape_shape(c->t, x);
    return eg_reshape(c->t, eg_slice(c->t, x, 0, s, 1, 1),
                      &eg_shape_of(shape.dim[1], shape.dim[2]));
}

static eg_var product(struct egi_onnx_call *c, eg_var x, eg_var w, eg_var bias)
{
    const eg_var y = eg_matmul(c->t, x, eg_swap_axes(c->t, w, 0, 1));
    return bias.id != 0 ? eg_add(c->t, y, bias) : y;
}

/* Gates g of a (B, gates H). */
static eg_var gate_of(struct egi_onnx_call *c, const struct layer *l, eg_var a, size_t g)
{
    return eg_slice(c->t, a, 1, g * l->hidden, l->hidden, 1);
}

/* One direction: x (T, B, D) from h, all h' as (T, B, H). */
typedef eg_var pass(struct egi_onnx_call *c, const struct layer *l, eg_var x, size_t d,
                    eg_var *last_c);

/* Steps of a cell in a row. */
typedef eg_var cell(struct egi_onnx_call *c, const struct layer *l, eg_var x, eg_var h,
                    const eg_recurrent *p);

static eg_var unrolled(struct egi_onnx_call *c, const struct layer *l, eg_var x, eg_var h,
                       const eg_recurrent *p, cell *f)
{
    const eg_shape one = eg_shape_of(1, l->batch, l->hidden);
    eg_var all = EG_NONE;
    for (size_t s = 0; s < l->steps && egi_call_ok(c); s++) {
        h = f(c, l, step_of(c, x, s), h, p);
        const eg_var both[2] = { all, eg_reshape(c->t, h, &one) };
        all = s == 0 ? both[1] : eg_concat(c->t, both, 2, 0);
    }
    return all;
}

/* n = tanh(W_n x + R_n (r h) + b), where linear_before_reset is not set; h' = (1 - z) n + z h. */
static eg_var gru_reset_first(struct egi_onnx_call *c, const struct layer *l, eg_var x, eg_var h,
                              const eg_recurrent *p)
{
    eg_tape *t = c->t;
    const size_t n = l->hidden;
    const eg_var a = product(c, x, p->w_ih, p->b_ih);
    const eg_var gates = eg_slice(t, p->w_hh, 0, 0, 2 * n, 1);
    eg_var b =
        product(c, h, gates, p->b_hh.id != 0 ? eg_slice(t, p->b_hh, 0, 0, 2 * n, 1) : EG_NONE);
    const eg_var r = eg_sigmoid(t, eg_add(t, gate_of(c, l, a, 0), gate_of(c, l, b, 0)));
    const eg_var z = eg_sigmoid(t, eg_add(t, gate_of(c, l, a, 1), gate_of(c, l, b, 1)));
    b = product(c, eg_mul(t, r, h), eg_slice(t, p->w_hh, 0, 2 * n, n, 1),
                p->b_hh.id != 0 ? eg_slice(t, p->b_hh, 0, 2 * n, n, 1) : EG_NONE);
    const eg_var fresh = eg_tanh(t, eg_add(t, gate_of(c, l, a, 2), b));
    return eg_add(t, fresh, eg_mul(t, z, eg_sub(t, h, fresh)));
}

static eg_var rnn_cell(struct egi_onnx_call *c, const struct layer *l, eg_var x, eg_var h,
                       const eg_recurrent *p)
{
    (void)l;
    const eg_var a = product(c, x, p->w_ih, p->b_ih), b = product(c, h, p->w_hh, p->b_hh);
    return eg_tanh(c->t, eg_add(c->t, a, b));
}

static eg_var pass_lstm(struct egi_onnx_call *c, const struct layer *l, eg_var x, size_t d,
                        eg_var *last_c)
{
    static const size_t order[] = { 0, 2, 3, 1 };
    const eg_recurrent p = weights_of(c, l, d, order);
    return eg_lstm(c->t, x, start_of(c, l, H0, d), start_of(c, l, C0, d), &p, last_c);
}

static eg_var pass_gru(struct egi_onnx_call *c, const struct layer *l, eg_var x, size_t d,
                       eg_var *last_c)
{
    static const size_t order[] = { 1, 0, 2 };
    const eg_recurrent p = weights_of(c, l, d, order);
    const eg_var h = start_of(c, l, H0, d);
    *last_c = EG_NONE;
    if (egi_node_int(c->node, "linear_before_reset", 0) != 0) return eg_gru(c->t, x, h, &p);
    return unrolled(c, l, x, h, &p, gru_reset_first);
}

static eg_var pass_rnn(struct egi_onnx_call *c, const struct layer *l, eg_var x, size_t d,
                       eg_var *last_c)
{
    static const size_t order[] = { 0 };
    const eg_recurrent p = weights_of(c, l, d, order);
    *last_c = EG_NONE;
    return unrolled(c, l, x, start_of(c, l, H0, d), &p, rnn_cell);
}

/* Last states of all directions: (directions, B, H), or (B, directions, H). */
static void give_last(struct egi_onnx_call *c, const struct layer *l, size_t k, const eg_var *last)
{
    eg_var part[2];
    const size_t axis = l->batch_first ? 1 : 0;
    const eg_shape one =
        l->batch_first ? eg_shape_of(l->batch, 1, l->hidden) : eg_shape_of(1, l->batch, l->hidden);
    for (size_t d = 0; d < l->directions; d++) part[d] = eg_reshape(c->t, last[d], &one);
    egi_give(c, k, c->in[X].type, eg_concat(c->t, part, l->directions, axis));
}

/* All states: (T, directions, B, H), or (B, T, directions, H). */
static void give_all(struct egi_onnx_call *c, const struct layer *l, const eg_var *all)
{
    static const size_t order[4] = { 2, 0, 1, 3 };
    eg_var part[2];
    const eg_shape one = eg_shape_of(l->steps, 1, l->batch, l->hidden);
    for (size_t d = 0; d < l->directions; d++) part[d] = eg_reshape(c->t, all[d], &one);
    const eg_var y = eg_concat(c->t, part, l->directions, 1);
    egi_give(c, 0, c->in[X].type, l->batch_first ? eg_permute(c->t, y, order) : y);
}

static void run(struct egi_onnx_call *c, size_t gates, pass *f)
{
    struct layer l;
    eg_var all[2], last[2], last_c[2] = { EG_NONE, EG_NONE };
    if (!layer_of(c, gates, &l)) return;
    eg_var x = egi_in(c, X);
    if (l.batch_first) x = eg_swap_axes(c->t, x, 0, 1);
    for (size_t d = 0; d < l.directions && egi_call_ok(c); d++) {
        const int back = l.reverse || d == 1;
        const eg_var in = back ? eg_slice(c->t, x, 0, l.steps - 1, l.steps, -1) : x;
        all[d] = f(c, &l, in, d, &last_c[d]);
        last[d] = step_of(c, all[d], l.steps - 1);
        if (back) all[d] = eg_slice(c->t, all[d], 0, l.steps - 1, l.steps, -1);
    }
    if (!egi_call_ok(c)) return;
    give_all(c, &l, all);
    give_last(c, &l, 1, last);
    if (last_c[0].id != 0) give_last(c, &l, 2, last_c);
}

/* Only the functions that stand for nothing said: texts of "activations" in their order. */
static int usual(struct egi_onnx_call *c, const char *const *names, size_t n)
{
    struct egi_span a;
    struct egi_field f;
    size_t at = 0;
    if (!egi_node_attr(c->node, "activations", &a)) return 1;
    while (egi_wire_next(&a, &f)) {
        char text[EGI_SPAN_TEXT];
        if (f.number != EGI_ATTR_STRINGS || egi_span_is(f.bytes, names[at++ % n])) continue;
        egi_call_fail(c, EG_ERR_UNSUPPORTED, "activation \"%s\", expected %s",
                      egi_span_text(f.bytes, text), names[(at - 1) % n]);
        return 0;
    }
    return 1;
}

void egi_build_lstm(struct egi_onnx_call *c)
{
    static const char *const names[] = { "Sigmoid", "Tanh", "Tanh" };
    if (egi_node_int(c->node, "input_forget", 0) != 0)
        egi_call_fail(c, EG_ERR_UNSUPPORTED, "input_forget");
    if (egi_has(c, 7)) egi_call_fail(c, EG_ERR_UNSUPPORTED, "peepholes");
    if (egi_call_ok(c) && usual(c, names, 3)) run(c, 4, pass_lstm);
}

void egi_build_gru(struct egi_onnx_call *c)
{
    static const char *const names[] = { "Sigmoid", "Tanh" };
    if (usual(c, names, 2)) run(c, 3, pass_gru);
}

void egi_build_rnn(struct egi_onnx_call *c)
{
    static const char *const names[] = { "Tanh" };
    if (usual(c, names, 1)) run(c, 1, pass_rnn);
}
