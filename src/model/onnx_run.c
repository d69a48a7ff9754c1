/* Running nodes on a tape.
 *
 * Plan of memory: a node's value lies in a buffer of the tape's pool and goes back to it behind the
 * node that reads it last, which is known from opening on; so a later value of its size lies where
 * it lay, and a second run finds every buffer it needs. What a node makes beside its outputs goes
 * back at once. On a caller's tape nothing goes back: the gradient reads it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "grad/egi_tape_impl.h"
#include "model/egi_onnx.h"
#include "tensor/egi_frozen.h"

eg_var egi_onnx_constant(eg_tape *t, const struct egi_onnx_data *d)
{
    return eg_input(t, egi_onnx_type(d->type)->dtype, &d->shape, d->data);
}

/* The slot of a value that is read; a constant enters the tape the first time. */
static eg_status read_slot(struct eg_onnx *m, eg_tape *t, uint32_t v)
{
    struct egi_onnx_slot *s = &m->slot[v];
    if (v == 0 || s->type != EGI_ONNX_NONE) return EG_OK;
    const struct egi_onnx_data *d = &m->value[v].data;
    if (d->data == NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "\"%s\" is not known", m->value[v].name);
    *s = (struct egi_onnx_slot){ egi_onnx_constant(t, d), d->type };
    return s->v.id != 0 ? EG_OK : eg_tape_status(t);
}

enum { INPUTS_MAX = 256, OUTPUTS_MAX = 64 };

static eg_status build(struct eg_onnx *m, eg_tape *t, const struct egi_onnx_node *n,
                       struct egi_onnx_slot *out)
{
    struct egi_onnx_slot in[INPUTS_MAX] = { { EG_NONE, EGI_ONNX_NONE } };
    if (n->count > INPUTS_MAX || n->outs > OUTPUTS_MAX)
        return egi_fail(EG_ERR_LIMIT, "%u inputs and %u outputs, expected up to %d and %d",
                        n->count, n->outs, INPUTS_MAX, OUTPUTS_MAX);
    for (size_t k = 0; k < n->count; k++) {
        EGI_TRY(read_slot(m, t, n->in[k]));
        in[k] = m->slot[n->in[k]];
    }
    struct egi_onnx_call c = { .m = m,
                               .t = t,
                               .node = n,
                               .row = n->row,
                               .opset = (int)m->opset,
                               .in = in,
                               .count = n->count,
                               .out = out,
                               .outs = n->outs };
    n->row->build(&c);
    EGI_TRY(eg_tape_status(t));
    for (size_t k = 0; k < n->outs; k++)
        if (n->out[k] != 0 && out[k].type == EGI_ONNX_NONE)
            return egi_fail(EG_ERR_UNSUPPORTED, "its output %zu", k);
    return EG_OK;
}

/* A small file can name the same large values a thousand times. */
static eg_status count_made(struct eg_onnx *m, eg_tape *t, const struct egi_onnx_node *n)
{
    for (size_t k = 0; k < n->outs; k++) {
        if (n->out[k] == 0) continue;
        const eg_shape shape = eg_tape_shape(t, m->slot[n->out[k]].v);
        m->made += (double)eg_shape_size(&shape) * sizeof(float);
    }
    if (m->made <= m->made_most) return EG_OK;
    const eg_status s = egi_fail(EG_ERR_LIMIT,
                                 "%s: values of more than %.0f bytes are made one after the other "
                                 "(max_bytes, --max-bytes)",
                                 m->file, m->made_most);
    egi_tape_fail(t, s);
    return s;
}

eg_status egi_onnx_step(struct eg_onnx *m, eg_tape *t, const struct egi_onnx_node *n)
{
    struct egi_onnx_slot out[OUTPUTS_MAX] = { { EG_NONE, EGI_ONNX_NONE } };
    char place[EGI_ONNX_PLACE];
    eg_status s = eg_tape_status(t);
    if (s == EG_OK) s = build(m, t, n, out);
    if (s != EG_OK) {
        egi_tape_fail(t, s);
        egi_tape_failed_at(t, egi_onnx_place(m, n, place));
        return eg_tape_status(t);
    }
    for (size_t k = 0; k < n->outs; k++)
        if (n->out[k] != 0) m->slot[n->out[k]] = out[k];
    return count_made(m, t, n);
}

/* A value of its own for each output: one that is an input, or there twice, gets another name. */
static void own_values(eg_tape *t, size_t mark, eg_var *v, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        int shared = v[k].id <= mark;
        for (size_t i = 0; i < k; i++) shared |= v[i].id == v[k].id;
        if (shared) v[k] = egi_alias(t, v[k]);
    }
}

static void let_go(struct eg_onnx *m, eg_tape *t, const struct egi_onnx_node *n)
{
    const uint32_t here = (uint32_t)(n - m->node) + 1;
    for (size_t k = 0; k < n->count + n->outs; k++) {
        const uint32_t v = k < n->count ? n->in[k] : n->out[k - n->count];
        const struct egi_onnx_value *x = &m->value[v];
        const int dead = k < n->count ? x->last == here : x->last == 0;
        if (v == 0 || !dead || x->wanted || m->slot[v].type == EGI_ONNX_NONE) continue;
        egi_node_release(t, m->slot[v].v.id - 1);
        m->slot[v].type = EGI_ONNX_NONE;
    }
}

/* One node, and only its outputs stay. */
static eg_status lean_step(struct eg_onnx *m, eg_tape *t, const struct egi_onnx_node *n)
{
    eg_var v[OUTPUTS_MAX];
    size_t made = 0, mark;
    for (size_t k = 0; k < n->count && n->count <= INPUTS_MAX; k++)
        EGI_TRY(read_slot(m, t, n->in[k])); /* before the mark: they stay */
    mark = t->count;
    EGI_TRY(egi_onnx_step(m, t, n));
    for (size_t k = 0; k < n->outs; k++)
        if (n->out[k] != 0) v[made++] = m->slot[n->out[k]].v;
    own_values(t, mark, v, made);
    EGI_TRY(eg_tape_status(t));
    egi_tape_keep(t, mark, v, made);
    made = 0;
    for (size_t k = 0; k < n->outs; k++)
        if (n->out[k] != 0) m->slot[n->out[k]].v = v[made++];
    let_go(m, t, n);
    return EG_OK;
}

void egi_onnx_clear_slots(struct eg_onnx *m)
{
    memset(m->slot, 0, m->values * sizeof *m->slot);
}

/* Whether an input of the network takes arrays of this shape. */
static eg_status check_shape(const struct eg_onnx *m, size_t i, const eg_shape *got)
{
    const eg_onnx_port *p = &m->in.port[i];
    char want[EGI_SHAPE_TEXT], have[EGI_SHAPE_TEXT];
    int fits = !p->has_shape || p->shape.rank == got->rank;
    for (size_t k = 0; k < p->shape.rank && fits && p->has_shape; k++)
        fits = p->shape.dim[k] == 0 || p->shape.dim[k] == got->dim[k];
    if (fits) return EG_OK;
    return egi_fail(EG_ERR_SHAPE, "%s: input \"%s\": expected %s (0: any size), got %s", m->file,
                    p->name, egi_shape_text(&p->shape, want), egi_shape_text(got, have));
}

/* v as the type that the input has. */
eg_status egi_onnx_put_input(struct eg_onnx *m, eg_tape *t, size_t i, eg_var v)
{
    const eg_shape shape = eg_tape_shape(t, v);
    EGI_TRY(eg_tape_status(t));
    EGI_TRY(check_shape(m, i, &shape));
    const int type = m->in.type[i];
    const eg_dtype want = egi_onnx_type(type)->dtype;
    m->slot[m->in.value[i]] =
        (struct egi_onnx_slot){ eg_tape_dtype(t, v) == want ? v : eg_cast(t, v, want), type };
    return eg_tape_status(t);
}

/* The values that are to be handed out. */
static eg_status want(struct eg_onnx *m, const char *const *names, size_t outs, uint32_t *value)
{
    for (size_t i = 0; i < m->values; i++) m->value[i].wanted = 0;
    if (names == NULL && outs > m->out.count)
        return egi_fail(EG_ERR_INVALID, "%s: %zu outputs asked for, it has %zu", m->file, outs,
                        m->out.count);
    for (size_t k = 0; k < outs; k++) {
        uint32_t v;
        if (names == NULL) {
            v = m->out.value[k];
        } else {
            const struct egi_span name = { (const uint8_t *)names[k], strlen(names[k]) };
            v = egi_onnx_find(m, name);
            const int made =
                v != 0 && m->value[v].producer != 0 && m->node[m->value[v].producer - 1].live;
            if (v == 0 || (!made && m->value[v].data.data == NULL && !m->value[v].input))
                return egi_fail(EG_ERR_INVALID,
                                "%s: no value \"%.100s\" (norms go into the convolutions before "
                                "them, and what is constant is computed at opening)",
                                m->file, names[k]);
        }
        value[k] = v;
        m->value[v].wanted = 1;
    }
    return EG_OK;
}

/* Nodes up to the last that something wanted needs. */
static size_t last_needed(const struct eg_onnx *m, const uint32_t *value, size_t outs)
{
    size_t end = 0;
    for (size_t k = 0; k < outs; k++)
        if (m->value[value[k]].producer > end) end = m->value[value[k]].producer;
    return end;
}

static eg_status run_nodes(struct eg_onnx *m, eg_tape *t, size_t end)
{
    for (size_t i = 0; i < end; i++)
        if (m->node[i].live) EGI_TRY(egi_onnx_step(m, t, &m->node[i]));
    return EG_OK;
}

/* ---- frozen stretches ---- */

static int all_finite(const float *x, size_t n)
{
    int odd = 0;
    for (size_t i = 0; i < n; i++) odd |= !(fabsf(x[i]) < INFINITY);
    return !odd;
}

/* Where what comes into a stretch lies. EG_NOT_FOUND: it has NaN or infinities, for which a frozen
 * network does not vouch. */
static eg_status find_inputs(struct eg_onnx *m, eg_tape *t, const struct egi_onnx_stretch *s)
{
    for (size_t k = 0; k < s->ins; k++) {
        EGI_TRY(read_slot(m, t, s->in[k]));
        const eg_var v = m->slot[s->in[k]].v;
        const eg_shape shape = eg_tape_shape(t, v);
        const float *x = eg_tape_value(t, v);
        if (x == NULL) return eg_tape_status(t);
        if (!all_finite(x, eg_shape_size(&shape))) return EG_NOT_FOUND;
        s->data[k] = (float *)(uintptr_t)x; /* read only */
    }
    return EG_OK;
}

static void let_inputs_go(struct eg_onnx *m, eg_tape *t, const struct egi_onnx_stretch *s)
{
    for (size_t k = 0; k < s->ins; k++) {
        const uint32_t v = s->in[k];
        const struct egi_onnx_value *x = &m->value[v];
        if (x->last > s->end || x->wanted) continue;
        egi_node_release(t, m->slot[v].v.id - 1);
        m->slot[v].type = EGI_ONNX_NONE;
    }
}

static eg_status run_stretch(struct eg_onnx *m, eg_tape *t, const struct egi_onnx_stretch *s)
{
    const eg_status found = find_inputs(m, t, s);
    if (found != EG_OK) return found;
    for (size_t k = 0; k < s->outs; k++) {
        const eg_var v = egi_tape_new(t, EG_F32, &s->shape[k]);
        if (v.id == 0) return eg_tape_status(t);
        s->data[s->ins + k] = (float *)(void *)egi_tape_tensor(t, v)->data;
        m->slot[s->out[k]] = (struct egi_onnx_slot){ v, EGI_ONNX_FLOAT };
    }
    if (m->params_out) EGI_TRY(egi_frozen_pack(s->frozen));
    EGI_TRY(egi_frozen_run(s->frozen, s->pictures, (const float *const *)s->data, s->data + s->ins,
                           m->threads));
    let_inputs_go(m, t, s);
    return EG_OK;
}

static eg_status run_lean(struct eg_onnx *m, eg_tape *t, size_t end)
{
    for (size_t i = 0; i < end; i++) {
        if (!m->node[i].live) continue;
        const struct egi_onnx_stretch *s = egi_onnx_stretch_at(m, i);
        const eg_status done = s != NULL ? run_stretch(m, t, s) : EG_NOT_FOUND;
        EGI_TRY(done);
        if (done == EG_OK)
            i = s->end - 1;
        else
            EGI_TRY(lean_step(m, t, &m->node[i]));
    }
    return EG_OK;
}

static eg_status place_of(const struct eg_onnx *m, const eg_onnx_array *in, size_t n, size_t i,
                          size_t *out)
{
    for (size_t k = 0; k < n; k++)
        if (in[k].name != NULL ? strcmp(in[k].name, m->in.port[i].name) == 0 : k == i) {
            *out = k;
            return EG_OK;
        }
    return egi_fail(EG_ERR_INVALID, "%s: input \"%s\" (%zu of %zu) is missing among the %zu given",
                    m->file, m->in.port[i].name, i + 1, m->in.count, n);
}

static eg_status put_inputs(struct eg_onnx *m, const eg_onnx_array *in, size_t n)
{
    eg_tape *t = m->tape;
    eg_tape_reset(t);
    egi_onnx_clear_slots(m);
    for (size_t i = 0; i < m->in.count; i++) {
        size_t k;
        EGI_TRY(place_of(m, in, n, i, &k));
        EGI_TRY(egi_onnx_put_input(m, t, i, eg_input(t, in[k].dtype, &in[k].shape, in[k].data)));
    }
    return EG_OK;
}

static eg_status run(struct eg_onnx *m, const eg_onnx_array *in, size_t n, const uint32_t *value,
                     size_t outs, eg_onnx_array *out)
{
    eg_tape *t = m->tape;
    const size_t end = last_needed(m, value, outs);
    EGI_TRY(put_inputs(m, in, n));
    if (!egi_onnx_is_planned(m, value, outs)) {
        EGI_TRY(egi_onnx_plan(m, value, outs, end));
        EGI_TRY(put_inputs(m, in, n));
    }
    EGI_TRY(run_lean(m, t, end));
    for (size_t k = 0; k < outs; k++) {
        EGI_TRY(read_slot(m, t, value[k]));
        const eg_var v = m->slot[value[k]].v;
        const void *data = eg_tape_value(t, v);
        if (data == NULL) return eg_tape_status(t);
        out[k] = (eg_onnx_array){ m->value[value[k]].name, eg_tape_dtype(t, v), eg_tape_shape(t, v),
                                  data };
    }
    return EG_OK;
}

eg_status eg_onnx_run(eg_onnx *m, const eg_onnx_array *in, size_t n, const char *const *names,
                      size_t outs, eg_onnx_array *out)
{
    if (m == NULL || (in == NULL && n > 0) || out == NULL || outs == 0)
        return egi_fail(EG_ERR_INVALID, "eg_onnx_run: NULL, or no output");
    void *value;
    size_t inputs = 0;
    for (size_t i = 0; i < n; i++) inputs += eg_shape_size(&in[i].shape) * sizeof(double);
    egi_onnx_limit(m, inputs);
    EGI_TRY(egi_alloc_array(m->alloc, outs, sizeof(uint32_t), m->file, &value));
    eg_status s = want(m, names, outs, value);
    if (s == EG_OK) s = run(m, in, n, value, outs, out);
    egi_free(m->alloc, value, outs * sizeof(uint32_t));
    return s;
}

/* Parameters enter as leaves where they shall be learned. */
static void put_leaves(struct eg_onnx *m, eg_tape *t, eg_var *leaf)
{
    for (size_t v = 1; v < m->values && leaf != NULL; v++) {
        if (m->value[v].param == 0) continue;
        const eg_param *p = eg_params_at(m->params, m->value[v].param - 1);
        m->slot[v] = (struct egi_onnx_slot){ eg_leaf(t, p->dtype, &p->shape, p->value),
                                             m->value[v].data.type };
        leaf[m->value[v].param - 1] = m->slot[v].v;
    }
}

static eg_status apply(struct eg_onnx *m, eg_tape *t, const eg_var *in, const uint32_t *value,
                       size_t outs, eg_var *leaf, eg_var *out)
{
    egi_onnx_clear_slots(m);
    put_leaves(m, t, leaf);
    for (size_t i = 0; i < m->in.count; i++) EGI_TRY(egi_onnx_put_input(m, t, i, in[i]));
    EGI_TRY(run_nodes(m, t, last_needed(m, value, outs)));
    for (size_t k = 0; k < outs; k++) {
        EGI_TRY(read_slot(m, t, value[k]));
        out[k] = m->slot[value[k]].v;
    }
    return EG_OK;
}

eg_status eg_onnx_apply(eg_onnx *m, eg_tape *t, const eg_var *in, size_t n,
                        const char *const *names, size_t outs, eg_var *leaf, eg_var *out)
{
    if (m == NULL || t == NULL || out == NULL || n != m->in.count || outs == 0)
        return egi_fail(EG_ERR_INVALID, "eg_onnx_apply: NULL, no output, or %zu inputs", n);
    EGI_TRY(eg_tape_status(t));
    size_t inputs = 0;
    for (size_t i = 0; i < n; i++) {
        const eg_shape shape = eg_tape_shape(t, in[i]);
        inputs += eg_shape_size(&shape) * sizeof(double);
    }
    egi_onnx_limit(m, inputs);
    void *value;
    EGI_TRY(egi_alloc_array(m->alloc, outs, sizeof(uint32_t), m->file, &value));
    eg_status s = want(m, names, outs, value);
    if (s == EG_OK) s = apply(m, t, in, value, outs, leaf, out);
    if (s != EG_OK) egi_tape_fail(t, s);
    egi_free(m->alloc, value, outs * sizeof(uint32_t));
    return s;
}
