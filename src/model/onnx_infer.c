/* Shapes of all values, by running the nodes on values that are not there (egi_tape_ghost): each
 * operation of the tape checks and tells shapes, so there is one rule for each. What is made of
 * constants alone, such as sizes that end in a reshape, is computed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "grad/egi_tape_impl.h"
#include "model/egi_onnx.h"

struct inference {
    struct eg_onnx *m;
    eg_tape *t;
    eg_onnx_cost cost;
    size_t live;
};

static size_t bytes_of(const eg_tape *t, eg_var v)
{
    const eg_shape shape = eg_tape_shape(t, v);
    return v.id != 0 ? eg_shape_size(&shape) * eg_dtype_size(eg_tape_dtype(t, v)) : 0;
}

static int inputs_known(const struct eg_onnx *m, const struct egi_onnx_node *n)
{
    for (size_t k = 0; k < n->count; k++) {
        const uint32_t v = n->in[k];
        if (v != 0 && m->slot[v].type == EGI_ONNX_NONE && m->value[v].data.data == NULL) return 0;
    }
    return 1;
}

static int reads_before(const struct egi_onnx_node *n, size_t k)
{
    for (size_t i = 0; i < k; i++)
        if (n->in[i] == n->in[k]) return 1;
    return 0;
}

/* Bytes that come with a node's outputs, and go with what it reads last. */
static void account(struct inference *f, const struct egi_onnx_node *n)
{
    const struct eg_onnx *m = f->m;
    const uint32_t here = (uint32_t)(n - m->node) + 1;
    for (size_t k = 0; k < n->outs; k++)
        if (n->out[k] != 0) f->live += bytes_of(f->t, m->slot[n->out[k]].v);
    if (f->live > f->cost.peak_bytes) f->cost.peak_bytes = f->live;
    for (size_t k = 0; k < n->count; k++) {
        const struct egi_onnx_value *x = &m->value[n->in[k]];
        const int goes = x->last == here && !x->output && !x->input && x->data.data == NULL;
        if (goes && !reads_before(n, k)) f->live -= bytes_of(f->t, m->slot[n->in[k]].v);
    }
}

eg_status egi_onnx_ghost_step(struct eg_onnx *m, eg_tape *t, const struct egi_onnx_node *n)
{
    if (!inputs_known(m, n)) return EG_NOT_FOUND;
    m->unknown = 0;
    const eg_status s = egi_onnx_step(m, t, n);
    if (s == EG_OK || !m->unknown) return s;
    t->status = EG_OK; /* the tape goes on: nothing else was wrong */
    return EG_NOT_FOUND;
}

static eg_status infer_nodes(struct inference *f,
                             void (*each)(void *user, const eg_onnx_step *step), void *user)
{
    struct eg_onnx *m = f->m;
    for (size_t i = 0; i < m->nodes; i++) {
        const struct egi_onnx_node *n = &m->node[i];
        if (!n->live) continue;
        const uint32_t first = n->outs > 0 ? n->out[0] : 0;
        eg_onnx_step step = { .op = n->row->info.name,
                              .output = first != 0 ? m->value[first].name : "",
                              .type = "" };
        const eg_status s = egi_onnx_ghost_step(m, f->t, n);
        EGI_TRY(s);
        f->cost.nodes++;
        f->cost.unknown += s == EG_NOT_FOUND;
        if (s == EG_OK) {
            account(f, n);
            step.has_shape = 1;
            step.shape = eg_tape_shape(f->t, m->slot[first].v);
            step.type = egi_onnx_type_name(m->slot[first].type);
        }
        step.live_bytes = f->live;
        if (each != NULL) each(user, &step);
    }
    return EG_OK;
}

static eg_status put_ghosts(struct inference *f, const eg_shape *shape)
{
    for (size_t i = 0; i < f->m->in.count; i++) {
        const eg_dtype dtype = egi_onnx_type(f->m->in.type[i])->dtype;
        EGI_TRY(egi_onnx_put_input(f->m, f->t, i, egi_tape_ghost(f->t, dtype, &shape[i])));
    }
    return EG_OK;
}

eg_status eg_onnx_infer(eg_onnx *m, const eg_shape *shape, size_t n,
                        void (*each)(void *user, const eg_onnx_step *step), void *user,
                        eg_onnx_cost *out)
{
    if (m == NULL || out == NULL || n != m->in.count)
        return egi_fail(EG_ERR_INVALID, "eg_onnx_infer: NULL, or %zu shapes", n);
    struct inference f = { .m = m };
    size_t inputs = 0;
    for (size_t i = 0; i < n && shape != NULL; i++)
        inputs += eg_shape_size(&shape[i]) * sizeof(double);
    egi_onnx_limit(m, inputs);
    EGI_TRY(eg_tape_create(1, m->alloc, &f.t));
    const size_t room = m->max_bytes - m->held, run = m->tape->pool.held;
    egi_tape_limit(f.t, 1 + (room > run ? room - run : 0)); /* 0: any number */
    egi_onnx_clear_slots(m);
    eg_status s = put_ghosts(&f, shape);
    if (s == EG_OK) s = infer_nodes(&f, each, user);
    eg_tape_destroy(f.t);
    egi_onnx_clear_slots(m);
    EGI_TRY(s);
    for (size_t v = 0; v < m->values; v++) f.cost.parameter_bytes += m->value[v].data.bytes;
    *out = f.cost;
    return EG_OK;
}
