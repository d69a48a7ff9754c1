/* What happens once, at opening:
 *
 *   1. nodes that no output needs are dropped; each other one finds its row of the table;
 *   2. a node that reads constants alone is run, and what it gives is a constant from then on
 *      (dequantised weights, shapes made of numbers), node by node, so that what is only on the
 *      way does not stay;
 *   3. a batch norm behind a convolution, y = (w * x + b - mean) k + shift with
 *      k = scale / sqrt(variance + epsilon), becomes the convolution with weights k w and bias
 *      (b - mean) k + shift (Jacob et al. 2018, sec. 3.2, eq. 14);
 *   4. weights become named parameters. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "grad/egi_tape_impl.h"
#include "model/egi_onnx_call.h"

static void mark_live(struct eg_onnx *m)
{
    for (size_t v = 0; v < m->values; v++) m->value[v].uses = m->value[v].output;
    for (size_t i = m->nodes; i-- > 0;) {
        struct egi_onnx_node *n = &m->node[i];
        int live = 0;
        for (size_t k = 0; k < n->outs; k++) {
            const struct egi_onnx_value *x = &m->value[n->out[k]];
            live |= n->out[k] != 0 && x->uses > 0 && x->data.data == NULL;
        }
        n->live = live;
        for (size_t k = 0; k < n->count && live; k++)
            if (n->in[k] != 0) m->value[n->in[k]].uses++;
    }
}

static eg_status check_counts(const struct eg_onnx *m, const struct egi_onnx_node *n)
{
    const struct egi_onnx_row *r = n->row;
    char place[EGI_ONNX_PLACE];
    if (n->count < r->least || n->count > r->most)
        return egi_fail(EG_ERR_CORRUPT, "%s: %u inputs, expected %zu to %zu",
                        egi_onnx_place(m, n, place), n->count, r->least, r->most);
    for (size_t k = 0; k < r->least; k++)
        if (n->in[k] == 0)
            return egi_fail(EG_ERR_CORRUPT, "%s: input %zu is left out",
                            egi_onnx_place(m, n, place), k);
    for (size_t k = r->outs; k < n->outs; k++)
        if (n->out[k] != 0)
            return egi_fail(EG_ERR_UNSUPPORTED, "%s: its output %zu, of %zu that are",
                            egi_onnx_place(m, n, place), k, r->outs);
    return EG_OK;
}

static eg_status find_row(struct eg_onnx *m, struct egi_onnx_node *n)
{
    char place[EGI_ONNX_PLACE], text[EGI_SPAN_TEXT];
    const struct egi_span domain = egi_wire_bytes(n->message, EGI_NODE_DOMAIN);
    if (domain.n > 0 && !egi_span_is(domain, "ai.onnx"))
        return egi_fail(EG_ERR_UNSUPPORTED, "%s: an operator of the domain \"%s\"",
                        egi_onnx_place(m, n, place), egi_span_text(domain, text));
    const struct egi_onnx_row *known;
    n->row = egi_onnx_row_of(n->op, m->opset, &known);
    if (n->row != NULL) return check_counts(m, n);
    if (known != NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "%s: known of opset %d to %d alone",
                        egi_onnx_place(m, n, place), known->info.first, known->info.last);
    return egi_fail(EG_ERR_UNSUPPORTED, "%s: not an operator of this library",
                    egi_onnx_place(m, n, place));
}

static eg_status find_rows(struct eg_onnx *m)
{
    for (size_t i = 0; i < m->nodes; i++)
        if (m->node[i].live) EGI_TRY(find_row(m, &m->node[i]));
    return EG_OK;
}

/* An initialiser that is read for the first time. */
static eg_status decode(struct eg_onnx *m, uint32_t v)
{
    struct egi_onnx_value *x = &m->value[v];
    if (x->tensor.p == NULL || x->data.data != NULL) return EG_OK;
    char place[EGI_ONNX_PLACE], text[EGI_SPAN_TEXT];
    const struct egi_span name = { (const uint8_t *)x->name, strlen(x->name) };
    snprintf(place, sizeof place, "%.150s: initializer \"%s\"", m->file, egi_span_text(name, text));
    EGI_TRY(egi_onnx_decode(place, x->tensor, m->max_bytes - m->held, m->alloc, &x->data));
    m->held += x->data.bytes;
    return EG_OK;
}

static int is_constant(const struct eg_onnx *m, const struct egi_onnx_node *n)
{
    for (size_t k = 0; k < n->count; k++) {
        const struct egi_onnx_value *x = &m->value[n->in[k]];
        if (n->in[k] != 0 && x->data.data == NULL && x->tensor.p == NULL) return 0;
    }
    return 1;
}

/* A value of the tape as a constant. */
static eg_status keep_value(struct eg_onnx *m, eg_tape *t, uint32_t v)
{
    const struct egi_onnx_slot *s = &m->slot[v];
    struct egi_onnx_data d = { .type = s->type, .shape = eg_tape_shape(t, s->v) };
    const void *from = eg_tape_value(t, s->v);
    if (from == NULL) return eg_tape_status(t);
    const size_t bytes = eg_shape_size(&d.shape) * eg_dtype_size(eg_tape_dtype(t, s->v));
    d.bytes = bytes > 0 ? bytes : 1;
    EGI_TRY(egi_onnx_hold(m, d.bytes + t->pool.held)); /* both are there at once */
    m->held -= t->pool.held;
    eg_status status = egi_alloc_array(m->alloc, d.bytes, 1, m->value[v].name, &d.data);
    if (status != EG_OK) {
        m->held -= d.bytes;
        return status;
    }
    memcpy(d.data, from, bytes);
    m->value[v].data = d;
    return EG_OK;
}

/* What node n reads is read no more, where it was the last to. */
static void forget_read(struct eg_onnx *m, const struct egi_onnx_node *n)
{
    for (size_t k = 0; k < n->count; k++) {
        struct egi_onnx_value *x = &m->value[n->in[k]];
        if (n->in[k] != 0 && --x->uses == 0) egi_onnx_drop(m, &x->data);
    }
}

/* A tape a node, so that between them nothing is held but constants. */
static eg_status fold_node(struct eg_onnx *m, const struct egi_onnx_node *n)
{
    eg_tape *t;
    EGI_TRY(eg_tape_create(m->threads, m->alloc, &t));
    egi_onnx_clear_slots(m);
    egi_tape_limit(t, m->max_bytes - m->held + 1); /* 0: any number */
    eg_status s = egi_onnx_step(m, t, n);
    for (size_t k = 0; k < n->outs && s == EG_OK; k++)
        if (n->out[k] != 0) s = keep_value(m, t, n->out[k]);
    eg_tape_destroy(t);
    if (s == EG_OK) forget_read(m, n);
    return s;
}

static eg_status fold(struct eg_onnx *m)
{
    eg_status s = EG_OK;
    for (size_t i = 0; i < m->nodes && s == EG_OK; i++) {
        struct egi_onnx_node *n = &m->node[i];
        if (!n->live) continue;
        for (size_t k = 0; k < n->count && s == EG_OK; k++) s = decode(m, n->in[k]);
        if (s != EG_OK || !is_constant(m, n)) continue;
        s = fold_node(m, n);
        n->live = 0;
    }
    egi_onnx_clear_slots(m);
    for (size_t i = 0; i < m->out.count && s == EG_OK; i++) s = decode(m, m->out.value[i]);
    return s;
}

/* ---- norms into convolutions ---- */

static const float *floats_of(const struct eg_onnx *m, uint32_t v, size_t n)
{
    const struct egi_onnx_data *d = &m->value[v].data;
    const int fits = v != 0 && d->data != NULL && d->type == EGI_ONNX_FLOAT && d->shape.rank == 1
                     && d->shape.dim[0] == n;
    return fits ? d->data : NULL;
}

/* The convolution whose only reader n is, with weights that only it reads; NULL: there is none. */
static struct egi_onnx_node *convolution_before(const struct eg_onnx *m,
                                                const struct egi_onnx_node *n)
{
    const struct egi_onnx_value *x = &m->value[n->in[0]];
    if (x->producer == 0 || x->uses != 1 || x->output) return NULL;
    struct egi_onnx_node *conv = &m->node[x->producer - 1];
    if (!conv->live || !egi_span_is(conv->op, "Conv")) return NULL;
    const struct egi_onnx_value *w = &m->value[conv->in[1]];
    const int own = w->uses == 1 && w->data.data != NULL && w->data.type == EGI_ONNX_FLOAT
                    && w->data.shape.rank >= 3;
    return own ? conv : NULL;
}

static void scale_weights(const struct egi_onnx_data *w, size_t channel, double k)
{
    const size_t each = eg_shape_size(&w->shape) / w->shape.dim[0];
    float *x = (float *)w->data + channel * each;
    for (size_t i = 0; i < each; i++) x[i] = (float)((double)x[i] * k);
}

/* The norm's shift becomes the bias, so it must be read by the norm alone. */
static void fold_norm(struct eg_onnx *m, struct egi_onnx_node *n)
{
    struct egi_onnx_node *conv = convolution_before(m, n);
    if (conv == NULL || n->outs != 1 || egi_node_int(n, "training_mode", 0) != 0) return;
    const struct egi_onnx_data *w = &m->value[conv->in[1]].data;
    const size_t channels = w->shape.dim[0];
    const float *p[4];
    for (size_t k = 0; k < 4; k++) {
        p[k] = floats_of(m, n->in[k + 1], channels);
        if (p[k] == NULL) return;
    }
    const uint32_t old = conv->count > 2 ? conv->in[2] : 0, shift = n->in[2];
    const float *bias = old != 0 ? floats_of(m, old, channels) : NULL;
    if ((old != 0 && bias == NULL) || m->value[shift].uses != 1) return;
    const double epsilon = egi_node_float(n, "epsilon", 1e-5);
    float *out = m->value[shift].data.data;
    for (size_t c = 0; c < channels; c++) {
        const double k = (double)p[0][c] / sqrt((double)p[3][c] + epsilon);
        const double b = bias != NULL ? (double)bias[c] : 0;
        scale_weights(w, c, k);
        out[c] = (float)((b - (double)p[2][c]) * k + (double)p[1][c]);
    }
    conv->in[2] = shift; /* every node has room for one input more */
    conv->count = 3;
    conv->out[0] = n->out[0];
    m->value[n->out[0]].producer = (uint32_t)(conv - m->node) + 1;
    n->live = 0;
    n->count = n->outs = 0; /* it reads and gives nothing any more */
}

static void fold_norms(struct eg_onnx *m)
{
    for (size_t i = 0; i < m->nodes && !m->keep_norms; i++) {
        struct egi_onnx_node *n = &m->node[i];
        if (n->live && egi_span_is(n->op, "BatchNormalization")) fold_norm(m, n);
    }
}

/* ---- weights, and the order of letting go ---- */

static eg_status make_param(struct eg_onnx *m, uint32_t v)
{
    struct egi_onnx_value *x = &m->value[v];
    struct egi_onnx_data d = x->data;
    size_t index;
    EGI_TRY(egi_onnx_hold(m, d.bytes));
    EGI_TRY(eg_params_add(m->params, x->name, EG_F32, &d.shape, &index));
    d.data = eg_params_at(m->params, index)->value;
    d.borrowed = 1;
    memcpy(d.data, x->data.data, eg_shape_size(&d.shape) * sizeof(float));
    egi_onnx_drop(m, &x->data);
    x->data = d;
    x->param = (uint32_t)index + 1;
    return EG_OK;
}

static eg_status make_params(struct eg_onnx *m)
{
    for (size_t i = 0; i < m->nodes; i++) {
        const struct egi_onnx_node *n = &m->node[i];
        for (size_t k = 0; k < n->count && n->live && k < 32; k++) {
            const struct egi_onnx_data *d = &m->value[n->in[k]].data;
            const int weight = (n->row->learned >> k & 1) != 0 && d->data != NULL && !d->borrowed
                               && d->type == EGI_ONNX_FLOAT && d->shape.rank > 0;
            if (weight) EGI_TRY(make_param(m, n->in[k]));
        }
    }
    return EG_OK;
}

static void drop_unread(struct eg_onnx *m)
{
    mark_live(m);
    for (size_t v = 0; v < m->values; v++)
        if (m->value[v].uses == 0) egi_onnx_drop(m, &m->value[v].data);
    for (size_t i = 0; i < m->nodes; i++)
        for (size_t k = 0; k < m->node[i].count && m->node[i].live; k++)
            m->value[m->node[i].in[k]].last = (uint32_t)i + 1;
}

eg_status egi_onnx_prepare(struct eg_onnx *m)
{
    mark_live(m);
    EGI_TRY(find_rows(m));
    EGI_TRY(fold(m));
    mark_live(m);
    fold_norms(m);
    drop_unread(m);
    return make_params(m);
}
