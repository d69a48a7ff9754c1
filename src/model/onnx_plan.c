/* What runs on inputs of these shapes are made of: stretches of nodes as frozen networks
 * (tensor/egi_frozen.h), and single nodes between them.
 *
 * Shapes are inferred once, node by node. A node that its row can freeze goes on with the stretch,
 * any other ends it; values that are read behind a stretch, or handed out, are its outputs. Weights
 * are laid out with the plan, but once the parameters were handed out (eg_onnx_params) at each run,
 * since anybody may have written to them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "grad/egi_tape_impl.h"
#include "model/egi_onnx.h"
#include "tensor/egi_frozen.h"

/* A longer stretch goes on as a second one: plans take time by the square of it. */
enum { STRETCH_MAX = 1024 };

static void drop_stretch(struct eg_onnx *m, struct egi_onnx_stretch *s)
{
    egi_frozen_destroy(s->frozen);
    egi_free(m->alloc, s->in, s->room * sizeof *s->in);
    egi_free(m->alloc, s->shape, s->room * sizeof *s->shape);
    egi_free(m->alloc, s->data, s->room * sizeof *s->data);
    memset(s, 0, sizeof *s);
}

static size_t inputs_of(const struct eg_onnx *m)
{
    return m->in.count > 0 ? m->in.count : 1;
}

void egi_onnx_drop_plan(struct eg_onnx *m)
{
    struct egi_onnx_plan *p = &m->plan;
    for (size_t i = 0; i < p->count; i++) drop_stretch(m, &p->stretch[i]);
    egi_free(m->alloc, p->stretch, p->room * sizeof *p->stretch);
    egi_free(m->alloc, p->shape, inputs_of(m) * sizeof *p->shape);
    egi_free(m->alloc, p->value, p->outs * sizeof *p->value);
    m->held -= p->held;
    memset(p, 0, sizeof *p);
}

struct egi_onnx_stretch *egi_onnx_stretch_at(const struct eg_onnx *m, size_t i)
{
    size_t low = 0, high = m->plan.count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (m->plan.stretch[middle].first < i)
            low = middle + 1;
        else
            high = middle;
    }
    return low < m->plan.count && m->plan.stretch[low].first == i ? &m->plan.stretch[low] : NULL;
}

/* ---- making it ---- */

struct planning {
    struct eg_onnx *m;
    eg_tape *t; /* of ghosts */
    struct egi_onnx_freezing z;
    size_t first, steps; /* of the stretch that is open: z.frozen */
    int pays;            /* it has a convolution */
};

static int is_read_behind(const struct eg_onnx *m, uint32_t v, size_t end)
{
    const struct egi_onnx_value *x = &m->value[v];
    return x->wanted || x->last > end;
}

/* Values that come into nodes first..end - 1 and go out; they are counted where s->in is NULL. An
 * output is one of the frozen network's by the order in which they are found. */
static void find_ends(struct planning *p, struct egi_onnx_stretch *s)
{
    const struct eg_onnx *m = p->m;
    s->ins = s->outs = 0;
    for (uint32_t v = 1; v < m->values; v++)
        if (p->z.known[v] != 0 && egi_frozen_at(p->z.frozen, p->z.known[v])->input > 0
            && (m->value[v].producer == 0 || m->value[v].producer <= s->first)) {
            if (s->in != NULL) s->in[egi_frozen_at(p->z.frozen, p->z.known[v])->input - 1] = v;
            s->ins++;
        }
    for (size_t i = s->first; i < s->end; i++)
        for (size_t k = 0; k < m->node[i].outs && m->node[i].live; k++) {
            const uint32_t v = m->node[i].out[k];
            if (v == 0 || p->z.known[v] == 0 || !is_read_behind(m, v, s->end)) continue;
            if (s->in != NULL) {
                s->out[s->outs] = v;
                s->shape[s->outs] = eg_tape_shape(p->t, m->slot[v].v);
            }
            s->outs++;
        }
}

/* v once more, as a value of its own. */
static eg_status again(struct egi_frozen *f, uint32_t *v)
{
    const struct egi_frozen_step copy = { .kind = EGI_FROZEN_COPY, .groups = 1 };
    uint32_t out;
    EGI_TRY(egi_frozen_value(f, egi_frozen_at(f, *v)->size, &out));
    EGI_TRY(egi_frozen_add(f, &copy, v, 1, out));
    *v = out;
    return EG_OK;
}

/* One of the frozen network's outputs each, also where two values are the same there. */
static eg_status name_outputs(struct planning *p, const struct egi_onnx_stretch *s)
{
    for (size_t k = 0; k < s->outs; k++) {
        uint32_t v = p->z.known[s->out[k]];
        if (egi_frozen_at(p->z.frozen, v)->output > 0) EGI_TRY(again(p->z.frozen, &v));
        egi_frozen_output(p->z.frozen, v);
    }
    return EG_OK;
}

static eg_status finish_stretch(struct planning *p, struct egi_onnx_stretch *s)
{
    struct eg_onnx *m = p->m;
    void *block;
    find_ends(p, s);
    const size_t room = s->ins + s->outs;
    EGI_TRY(egi_alloc_array(m->alloc, room, sizeof *s->in, m->file, &block));
    s->in = block;
    s->room = room;
    EGI_TRY(egi_alloc_array(m->alloc, room, sizeof *s->shape, m->file, &block));
    s->shape = block;
    EGI_TRY(egi_alloc_array(m->alloc, room, sizeof *s->data, m->file, &block));
    s->data = block;
    s->out = s->in + s->ins;
    find_ends(p, s);
    EGI_TRY(name_outputs(p, s));
    const size_t crew = (size_t)egi_thread_count(m->threads);
    const size_t workers = s->pictures < crew ? s->pictures : crew;
    EGI_TRY(egi_frozen_finish(s->frozen, workers, m->max_bytes - m->held));
    const size_t each = sizeof *s->in + sizeof *s->shape + sizeof *s->data;
    const size_t held = egi_frozen_held(s->frozen) + room * each;
    EGI_TRY(egi_onnx_hold(m, held));
    m->plan.held += held;
    return EG_OK;
}

static eg_status add_stretch(struct egi_onnx_plan *plan, const struct eg_onnx *m)
{
    if (plan->count < plan->room) return EG_OK;
    const size_t room = 2 * plan->room + 4;
    void *grown = egi_realloc(m->alloc, plan->stretch, plan->room * sizeof *plan->stretch,
                              room * sizeof *plan->stretch);
    if (grown == NULL) return egi_fail(EG_ERR_NOMEM, "%s: %zu stretches", m->file, room);
    plan->stretch = grown;
    plan->room = room;
    return EG_OK;
}

/* The open stretch ends before node `end`. One that does not pay, or would not fit, is none. */
static eg_status close_stretch(struct planning *p, size_t end)
{
    struct egi_onnx_plan *plan = &p->m->plan;
    if (p->z.frozen == NULL) return EG_OK;
    struct egi_onnx_stretch s = {
        .first = p->first, .end = end, .pictures = p->z.pictures, .frozen = p->z.frozen
    };
    eg_status status = EG_NOT_FOUND;
    if (p->pays && p->steps > 0) status = finish_stretch(p, &s);
    if (status == EG_OK) status = add_stretch(plan, p->m);
    if (status == EG_OK) {
        plan->nodes += p->steps;
        plan->stretch[plan->count++] = s;
    } else {
        drop_stretch(p->m, &s);
    }
    p->z.frozen = NULL;
    memset(p->z.known, 0, p->m->values * sizeof *p->z.known);
    return status == EG_NOT_FOUND || status == EG_ERR_LIMIT ? EG_OK : status;
}

static eg_status open_stretch(struct planning *p, size_t first, const struct egi_onnx_node *n)
{
    const uint32_t v = n->count > 0 ? n->in[0] : 0;
    const eg_shape s = eg_tape_shape(p->t, p->m->slot[v].v);
    if (v == 0 || s.rank == 0 || s.dim[0] == 0) return EG_NOT_FOUND;
    const eg_status status = egi_frozen_create(p->m->alloc, !p->m->params_out, &p->z.frozen);
    p->z.pictures = s.dim[0];
    p->first = first;
    p->steps = 0;
    p->pays = 0;
    return status == EG_ERR_UNSUPPORTED ? EG_NOT_FOUND : status;
}

enum { INPUTS_MAX = 256 };

/* Node i, whose shapes are known, as a step; EG_NOT_FOUND: it is none. */
static eg_status freeze_node(struct planning *p, size_t i)
{
    struct eg_onnx *m = p->m;
    const struct egi_onnx_node *n = &m->node[i];
    struct egi_onnx_slot in[INPUTS_MAX], out = m->slot[n->outs > 0 ? n->out[0] : 0];
    if (n->row->freeze == NULL || n->count == 0 || n->count > INPUTS_MAX) return EG_NOT_FOUND;
    for (size_t k = 1; k < n->outs; k++)
        if (n->out[k] != 0) return EG_NOT_FOUND;
    for (size_t k = 0; k < n->count; k++) in[k] = m->slot[n->in[k]];
    if (p->z.frozen == NULL) {
        const eg_status opened = open_stretch(p, i, n);
        if (opened != EG_OK) return opened;
    }
    struct egi_onnx_call c = { .m = m,
                               .t = p->t,
                               .node = n,
                               .row = n->row,
                               .opset = (int)m->opset,
                               .in = in,
                               .count = n->count,
                               .out = &out,
                               .outs = 1 };
    const eg_status s = n->row->freeze(&p->z, &c);
    if (s != EG_OK) return s;
    p->steps++;
    p->pays |= egi_span_is(n->op, "Conv");
    return EG_OK;
}

/* Whatever is no step ends the stretch, and so does its length. */
static eg_status plan_node(struct planning *p, size_t i)
{
    struct eg_onnx *m = p->m;
    eg_status s = egi_onnx_ghost_step(m, p->t, &m->node[i]);
    if (s == EG_OK && p->steps < STRETCH_MAX) s = freeze_node(p, i);
    if (s == EG_OK && p->steps < STRETCH_MAX) return EG_OK;
    if (s != EG_OK && s != EG_NOT_FOUND) return s;
    return close_stretch(p, s == EG_OK ? i + 1 : i);
}

static eg_status plan_nodes(struct planning *p, size_t end)
{
    struct eg_onnx *m = p->m;
    for (size_t i = 0; i < m->in.count; i++) {
        const eg_dtype dtype = egi_onnx_type(m->in.type[i])->dtype;
        EGI_TRY(egi_onnx_put_input(m, p->t, i, egi_tape_ghost(p->t, dtype, &m->plan.shape[i])));
    }
    for (size_t i = 0; i < end; i++)
        if (m->node[i].live) EGI_TRY(plan_node(p, i));
    return close_stretch(p, end);
}

/* Failures but for memory are left to the run, which has them too and says where. */
static eg_status make(struct eg_onnx *m, size_t end)
{
    struct planning p = { .m = m };
    void *known;
    EGI_TRY(egi_alloc_array(m->alloc, m->values, sizeof(uint32_t), m->file, &known));
    memset(known, 0, m->values * sizeof(uint32_t));
    p.z.known = known;
    eg_status s = eg_tape_create(1, m->alloc, &p.t);
    if (s == EG_OK) {
        const size_t beside = m->held + m->tape->pool.held;
        egi_tape_limit(p.t, 1 + (beside < m->max_bytes ? m->max_bytes - beside : 0));
        egi_onnx_clear_slots(m);
        s = plan_nodes(&p, end);
        egi_frozen_destroy(p.z.frozen);
        eg_tape_destroy(p.t);
    }
    egi_onnx_clear_slots(m);
    egi_free(m->alloc, known, m->values * sizeof(uint32_t));
    return s == EG_ERR_NOMEM ? s : EG_OK;
}

static eg_shape input_shape(const struct eg_onnx *m, size_t i)
{
    return eg_tape_shape(m->tape, m->slot[m->in.value[i]].v);
}

int egi_onnx_is_planned(const struct eg_onnx *m, const uint32_t *value, size_t outs)
{
    const struct egi_onnx_plan *p = &m->plan;
    if (m->node_by_node) return 1;
    if (p->shape == NULL || p->outs != outs) return 0;
    for (size_t i = 0; i < m->in.count; i++) {
        const eg_shape now = input_shape(m, i);
        if (!egi_shape_equal(&p->shape[i], &now)) return 0;
    }
    return memcmp(p->value, value, outs * sizeof *value) == 0;
}

static eg_status keep_key(struct eg_onnx *m, const uint32_t *value, size_t outs)
{
    struct egi_onnx_plan *p = &m->plan;
    void *block;
    EGI_TRY(egi_alloc_array(m->alloc, inputs_of(m), sizeof *p->shape, m->file, &block));
    p->shape = block;
    for (size_t i = 0; i < m->in.count; i++) p->shape[i] = input_shape(m, i);
    EGI_TRY(egi_alloc_array(m->alloc, outs, sizeof *value, m->file, &block));
    p->value = block;
    p->outs = outs;
    memcpy(p->value, value, outs * sizeof *value);
    return EG_OK;
}

eg_status egi_onnx_plan(struct eg_onnx *m, const uint32_t *value, size_t outs, size_t end)
{
    egi_onnx_drop_plan(m);
    eg_status s = keep_key(m, value, outs);
    if (s == EG_OK) s = make(m, end);
    if (s != EG_OK) egi_onnx_drop_plan(m);
    egi_tape_limit(m->tape, m->max_bytes - m->held + 1); /* 0: any number */
    return s;
}

eg_status eg_onnx_planned(const eg_onnx *m, eg_onnx_layout *out)
{
    if (m == NULL || out == NULL) return egi_fail(EG_ERR_INVALID, "eg_onnx_planned: NULL");
    const struct egi_onnx_plan *p = &m->plan;
    *out = (eg_onnx_layout){ .nodes = p->nodes, .stretches = p->count };
    for (size_t i = 0; i < p->count; i++) {
        const struct egi_frozen *f = p->stretch[i].frozen;
        out->steps += f->ops.count;
        out->weight_bytes += f->packed_bytes;
        out->value_bytes += f->value_bytes;
        out->shared_bytes += f->arena_bytes;
        out->work_bytes += f->workers * (f->arena_bytes + f->parts * f->scratch_bytes);
    }
    return EG_OK;
}
