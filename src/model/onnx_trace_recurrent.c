/* LSTM and GRU as ONNX's own operators: weights are put in its order of gates, i o f c from i f g o
 * and z r h from r z n, when they are written; they are known then. Of the line that the tape has
 * (op_recurrent.c) h alone is written. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "grad/egi_ops.h"
#include "model/egi_onnx_trace.h"

/* Inputs of the fused rows (op_recurrent.c). */
enum { X, H0, C0, W_IH, W_HH, BIAS };

struct gates {
    size_t count;   /* of weights */
    size_t from[4]; /* gate i of ONNX is this one of the tape */
};

static const struct gates lstm = { 4, { 0, 3, 1, 2 } }, gru = { 3, { 1, 0, 2 } };

int egi_trace_is_recurrent(const struct egi_op *op)
{
    return op == &egi_op_lstm || op == &egi_op_gru;
}

static const struct gates *gates_of(const struct egi_node *n)
{
    return n->op == &egi_op_lstm ? &lstm : &gru;
}

/* The elements of input k, which must be known; NULL: a failure. */
static const float *known(struct egi_trace *w, const struct egi_node *n, size_t k)
{
    const struct egi_node *in = &w->t->node[w->t->link[n->first + k].id - 1];
    if (!in->ghost && in->x.dtype == EG_F32 && egi_tensor_contiguous(&in->x))
        return (const float *)(const void *)in->x.data;
    egi_tape_fail(w->t,
                  egi_fail(EG_ERR_UNSUPPORTED, "%s whose weights are computed", n->op->info.name));
    return NULL;
}

/* Gates of from in ONNX's order, as a constant (1, G H, D) of its own. */
static void write_weights(struct egi_trace *w, const struct egi_node *n, size_t k,
                          char name[EGI_TRACE_NAME])
{
    const struct gates *g = gates_of(n);
    const eg_shape s = egi_trace_shape(w, n, k);
    const float *from = known(w, n, k);
    const size_t block = s.dim[0] / g->count * s.dim[1];
    const eg_var v = egi_tape_new(w->t, EG_F32, &s);
    if (from == NULL || v.id == 0) return;
    float *to = (float *)(void *)egi_tape_tensor(w->t, v)->data;
    for (size_t i = 0; i < g->count; i++)
        memcpy(to + i * block, from + g->from[i] * block, block * sizeof *to);
    egi_trace_temp(w, name);
    egi_maker_constant(w->k, name, EGI_ONNX_FLOAT, &eg_shape_of(1, s.dim[0], s.dim[1]), to);
}

/* (1, 2 G H): what goes to the gates with x, then with h. The tape has one for both, (4 H); of the
 * GRU its last H are those of n with h. */
static void write_bias(struct egi_trace *w, const struct egi_node *n, char name[EGI_TRACE_NAME])
{
    const struct gates *g = gates_of(n);
    const float *from = known(w, n, BIAS);
    const size_t h = egi_trace_shape(w, n, BIAS).dim[0] / 4;
    const eg_shape s = eg_shape_of(1, 2 * g->count * h);
    const eg_var v = egi_tape_new(w->t, EG_F32, &s);
    if (from == NULL || v.id == 0) return;
    float *to = (float *)(void *)egi_tape_tensor(w->t, v)->data;
    memset(to, 0, s.dim[1] * sizeof *to);
    for (size_t i = 0; i < g->count; i++) memcpy(to + i * h, from + g->from[i] * h, h * sizeof *to);
    if (g == &gru) memcpy(to + (2 * g->count - 1) * h, from + 3 * h, h * sizeof *to);
    egi_trace_temp(w, name);
    egi_maker_constant(w->k, name, EGI_ONNX_FLOAT, &s, to);
}

/* (B, H) as (1, B, H) */
static void write_start(struct egi_trace *w, const struct egi_node *n, size_t k, const char *axis,
                        char name[EGI_TRACE_NAME])
{
    egi_trace_temp(w, name);
    egi_trace_node(w, "Unsqueeze", name, NULL, 2, egi_trace_in(w, n, k), axis);
}

void egi_trace_recurrent(struct egi_trace *w, const struct egi_node *n)
{
    static const int64_t zero = 0, one = 1;
    char v[8][EGI_TRACE_NAME];
    const int is_lstm = gates_of(n) == &lstm;
    const size_t hidden = egi_trace_shape(w, n, H0).dim[1];
    const struct egi_made_attr attrs[] = { EGI_ATTR_OF_INT("hidden_size", (int64_t)hidden),
                                           is_lstm ? EGI_ATTR_END
                                                   : EGI_ATTR_OF_INT("linear_before_reset", 1),
                                           EGI_ATTR_END };
    write_weights(w, n, W_IH, v[0]);
    write_weights(w, n, W_HH, v[1]);
    write_bias(w, n, v[2]);
    if (eg_tape_status(w->t) != EG_OK) return;
    egi_trace_ints(w, &zero, 1, v[3]);
    write_start(w, n, H0, v[3], v[4]);
    if (is_lstm) write_start(w, n, C0, v[3], v[5]);
    egi_trace_temp(w, v[6]);
    egi_trace_node(w, is_lstm ? "LSTM" : "GRU", v[6], attrs, is_lstm ? 7 : 6, egi_trace_in(w, n, X),
                   v[0], v[1], v[2], "-", v[4], v[5]);
    egi_trace_ints(w, &one, 1, v[7]);
    egi_trace_node(w, "Squeeze", egi_trace_out(w), NULL, 2, v[6], v[7]);
}

void egi_trace_part(struct egi_trace *w, const struct egi_node *n)
{
    const struct egi_node *line = &w->t->node[w->t->link[n->first].id - 1];
    const char *of = line->op != NULL ? line->op->info.name : "a line";
    if (line->op == NULL || !egi_trace_is_recurrent(line->op) || n->attr.n[0] != 0)
        egi_tape_fail(w->t, egi_fail(EG_ERR_UNSUPPORTED, "%s but its states h", of));
    egi_trace_node(w, "Identity", egi_trace_out(w), NULL, 1, egi_trace_in(w, n, 0));
}
