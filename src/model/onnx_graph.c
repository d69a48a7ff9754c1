/* From the bytes of a file to values by number and nodes that read and give them.
 *
 * Two passes: the first counts, so that each array is allocated once and its size is in proportion
 * to bytes that are there; the second fills. Names are found by a hash of their bytes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>

#include "model/egi_onnx.h"

enum { NEWEST = 17 };

const char *egi_onnx_place(const struct eg_onnx *m, const struct egi_onnx_node *n,
                           char text[EGI_ONNX_PLACE])
{
    char name[EGI_SPAN_TEXT], op[EGI_SPAN_TEXT];
    snprintf(text, EGI_ONNX_PLACE, "%.150s: node %zu \"%s\" (%s, opset %lld)", m->file, n->place,
             egi_span_text(n->name, name), egi_span_text(n->op, op), (long long)m->opset);
    return text;
}

eg_status egi_onnx_hold(struct eg_onnx *m, size_t bytes)
{
    if (m->held > m->max_bytes || bytes > m->max_bytes - m->held)
        return egi_fail(EG_ERR_LIMIT, "%s: %zu bytes beside %zu, expected up to %zu in all",
                        m->file, bytes, m->held, m->max_bytes);
    m->held += bytes;
    return EG_OK;
}

void egi_onnx_drop(struct eg_onnx *m, struct egi_onnx_data *d)
{
    if (d->data != NULL && !d->borrowed) {
        egi_free(m->alloc, d->data, d->bytes);
        m->held -= d->bytes;
    }
    *d = (struct egi_onnx_data){ .type = EGI_ONNX_NONE };
}

/* There are no more of anything than the file has bytes. */
static eg_status array(struct eg_onnx *m, size_t count, size_t item, void *out)
{
    EGI_TRY(egi_onnx_hold(m, count * item));
    void *p;
    EGI_TRY(egi_alloc_array(m->alloc, count > 0 ? count : 1, item, m->file, &p));
    const size_t bytes = (count > 0 ? count : 1) * item;
    memset(p, 0, bytes);
    m->block[m->blocks++] = (struct egi_onnx_block){ p, bytes };
    *(void **)out = p;
    return EG_OK;
}

/* What a graph holds. */
struct totals {
    size_t nodes, links, names, name_bytes;
};

static void count_name(struct totals *t, struct egi_span name)
{
    t->names++;
    t->name_bytes += name.n + 1;
}

static void count_node(struct totals *t, struct egi_span node)
{
    struct egi_field f;
    t->nodes++;
    t->links++; /* room for a bias */
    while (egi_wire_next(&node, &f))
        if (f.number == EGI_NODE_INPUT || f.number == EGI_NODE_OUTPUT) {
            t->links++;
            count_name(t, f.bytes);
        }
}

static struct totals count_graph(struct egi_span graph)
{
    struct totals t = { 0 };
    struct egi_field f;
    while (egi_wire_next(&graph, &f)) {
        if (f.number == EGI_GRAPH_NODE) count_node(&t, f.bytes);
        if (f.number == EGI_GRAPH_INPUT || f.number == EGI_GRAPH_OUTPUT)
            count_name(&t, egi_wire_bytes(f.bytes, EGI_VALUE_NAME));
        if (f.number == EGI_GRAPH_INITIALIZER)
            count_name(&t, egi_wire_bytes(f.bytes, EGI_TENSOR_NAME));
    }
    return t;
}

/* Where a name lies in the table, or where it would. */
static uint32_t *place_of(const struct eg_onnx *m, struct egi_span name)
{
    size_t at = egi_hash(name.p, name.n) & (m->table_size - 1);
    while (m->table[at] != 0) {
        const char *there = m->value[m->table[at]].name;
        if (strlen(there) == name.n && memcmp(there, name.p, name.n) == 0) break;
        at = (at + 1) & (m->table_size - 1);
    }
    return &m->table[at];
}

uint32_t egi_onnx_find(const struct eg_onnx *m, struct egi_span name)
{
    return name.n > 0 ? *place_of(m, name) : 0;
}

/* A name of its own, ended by 0: it goes out to callers. */
static eg_status keep_name(struct eg_onnx *m, struct egi_span name, char **out)
{
    if (memchr(name.p, 0, name.n) != NULL)
        return egi_fail(EG_ERR_CORRUPT, "%s: a name with a byte 0", m->file);
    char *to = m->names + m->names_used;
    memcpy(to, name.p, name.n);
    to[name.n] = '\0';
    m->names_used += name.n + 1;
    *out = to;
    return EG_OK;
}

/* Its number, a new one where the name is; 0 for an empty name. */
static eg_status number_of(struct eg_onnx *m, struct egi_span name, uint32_t *out)
{
    *out = 0;
    if (name.n == 0) return EG_OK;
    if (memchr(name.p, 0, name.n) != NULL)
        return egi_fail(EG_ERR_CORRUPT, "%s: a name with a byte 0", m->file);
    uint32_t *at = place_of(m, name);
    if (*at == 0) {
        EGI_TRY(keep_name(m, name, &m->value[m->values].name));
        *at = (uint32_t)m->values++;
    }
    *out = *at;
    return EG_OK;
}

static eg_status read_node(struct eg_onnx *m, struct egi_span message)
{
    struct egi_onnx_node *n = &m->node[m->nodes];
    struct egi_field f;
    *n = (struct egi_onnx_node){ .message = message,
                                 .name = egi_wire_bytes(message, EGI_NODE_NAME),
                                 .op = egi_wire_bytes(message, EGI_NODE_OP),
                                 .place = m->nodes,
                                 .in = m->link + m->links };
    char place[EGI_ONNX_PLACE], text[EGI_SPAN_TEXT];
    m->nodes++;
    for (struct egi_span rest = message; egi_wire_next(&rest, &f);)
        if (f.number == EGI_NODE_INPUT) {
            EGI_TRY(number_of(m, f.bytes, &n->in[n->count++]));
            if (f.bytes.n == 0) continue;
            const uint32_t v = n->in[n->count - 1];
            const struct egi_onnx_value *x = &m->value[v];
            if (x->producer == 0 && x->tensor.p == NULL && !x->input)
                return egi_fail(EG_ERR_CORRUPT, "%s: reads \"%s\", which nothing before it gives",
                                egi_onnx_place(m, n, place), egi_span_text(f.bytes, text));
        }
    m->links += n->count + 1;
    n->out = m->link + m->links;
    for (struct egi_span rest = message; egi_wire_next(&rest, &f);)
        if (f.number == EGI_NODE_OUTPUT) {
            uint32_t *v = &n->out[n->outs++];
            EGI_TRY(number_of(m, f.bytes, v));
            struct egi_onnx_value *x = &m->value[*v];
            if (*v != 0 && (x->producer != 0 || x->tensor.p != NULL || x->input))
                return egi_fail(EG_ERR_CORRUPT, "%s: gives \"%s\", which is there already",
                                egi_onnx_place(m, n, place), egi_span_text(f.bytes, text));
            x->producer = *v != 0 ? (uint32_t)m->nodes : 0;
        }
    m->links += n->outs;
    return EG_OK;
}

static eg_status read_initializer(struct eg_onnx *m, struct egi_span tensor)
{
    uint32_t v;
    const struct egi_span name = egi_wire_bytes(tensor, EGI_TENSOR_NAME);
    EGI_TRY(number_of(m, name, &v));
    char text[EGI_SPAN_TEXT];
    if (v == 0) return egi_fail(EG_ERR_CORRUPT, "%s: an initializer without a name", m->file);
    if (m->value[v].tensor.p != NULL)
        return egi_fail(EG_ERR_CORRUPT, "%s: two initializers \"%s\"", m->file,
                        egi_span_text(name, text));
    m->value[v].tensor = tensor;
    return EG_OK;
}

/* Name, type and shape of what comes in or goes out. */
static eg_status read_port(struct eg_onnx *m, struct egi_span message, struct egi_onnx_ports *to)
{
    const struct egi_span name = egi_wire_bytes(message, EGI_VALUE_NAME);
    const struct egi_span type = egi_wire_bytes(message, EGI_VALUE_TYPE);
    const struct egi_span tensor = egi_wire_bytes(type, EGI_TYPE_TENSOR);
    struct egi_span shape = egi_wire_bytes(tensor, EGI_TENSOR_TYPE_SHAPE);
    char text[EGI_SPAN_TEXT];
    uint32_t v;
    EGI_TRY(number_of(m, name, &v));
    if (v == 0) return egi_fail(EG_ERR_CORRUPT, "%s: an input or output without a name", m->file);
    if (m->value[v].tensor.p != NULL && to == &m->in) return EG_OK; /* only its default */
    if (m->value[v].input && to == &m->in)
        return egi_fail(EG_ERR_CORRUPT, "%s: two inputs \"%s\"", m->file,
                        egi_span_text(name, text));
    eg_onnx_port *p = &to->port[to->count];
    *p = (eg_onnx_port){ .name = m->value[v].name };
    const int64_t elem = egi_wire_int(tensor, EGI_TENSOR_TYPE_ELEM, 0);
    p->type = egi_onnx_type_name(elem);
    if (to == &m->in && egi_onnx_type(elem) == NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "%s: input \"%s\": of %s, expected a tensor of numbers",
                        m->file, egi_span_text(name, text), p->type);
    p->has_shape = egi_wire_count(tensor, EGI_TENSOR_TYPE_SHAPE) > 0;
    struct egi_field f;
    while (egi_wire_next(&shape, &f)) {
        if (f.number != EGI_SHAPE_DIM) continue;
        if (p->shape.rank == EG_MAX_RANK)
            return egi_fail(EG_ERR_UNSUPPORTED, "%s: \"%s\": more than %d dimensions", m->file,
                            egi_span_text(name, text), EG_MAX_RANK);
        const int64_t dim = egi_wire_int(f.bytes, EGI_DIM_VALUE, 0);
        p->shape.dim[p->shape.rank++] = dim > 0 ? (size_t)dim : 0;
    }
    to->type[to->count] = (int)elem;
    to->value[to->count++] = v;
    if (to == &m->in) m->value[v].input = 1;
    return EG_OK;
}

/* The parts of a graph must be read in this order, whatever theirs in the file is. */
static eg_status read_parts(struct eg_onnx *m, uint32_t number)
{
    struct egi_span rest = m->graph;
    struct egi_field f;
    while (egi_wire_next(&rest, &f)) {
        if (f.number != number) continue;
        if (number == EGI_GRAPH_INITIALIZER) EGI_TRY(read_initializer(m, f.bytes));
        if (number == EGI_GRAPH_INPUT) EGI_TRY(read_port(m, f.bytes, &m->in));
        if (number == EGI_GRAPH_NODE) EGI_TRY(read_node(m, f.bytes));
        if (number == EGI_GRAPH_OUTPUT) EGI_TRY(read_port(m, f.bytes, &m->out));
    }
    return EG_OK;
}

static eg_status check_outputs(struct eg_onnx *m)
{
    for (size_t i = 0; i < m->out.count; i++) {
        struct egi_onnx_value *x = &m->value[m->out.value[i]];
        char text[EGI_SPAN_TEXT];
        const struct egi_span name = { (const uint8_t *)x->name, strlen(x->name) };
        if (x->producer == 0 && x->tensor.p == NULL && !x->input)
            return egi_fail(EG_ERR_CORRUPT, "%s: output \"%s\", which no node gives", m->file,
                            egi_span_text(name, text));
        x->output = 1;
    }
    return m->out.count > 0 ? EG_OK : egi_fail(EG_ERR_CORRUPT, "%s: no output", m->file);
}

/* The version of the operators of the standard; those of other domains are none of ours. */
static eg_status read_opset(struct eg_onnx *m, struct egi_span model)
{
    struct egi_field f;
    int named = 0;
    m->opset = -1;
    while (egi_wire_next(&model, &f)) {
        if (f.number != EGI_MODEL_OPSET) continue;
        named = 1;
        const struct egi_span domain = egi_wire_bytes(f.bytes, EGI_OPSET_DOMAIN);
        if (domain.n == 0 || egi_span_is(domain, "ai.onnx"))
            m->opset = egi_wire_int(f.bytes, EGI_OPSET_VERSION, 0);
    }
    if (!named)
        return egi_fail(EG_ERR_CORRUPT, "%s: %s", m->file,
                        m->size == 0 ? "an empty file"
                                     : "names no version of the operators: not a network in ONNX");
    if (m->opset < 1 || m->opset > NEWEST)
        return egi_fail(EG_ERR_UNSUPPORTED, "%s: opset %lld, expected 1 to %d", m->file,
                        (long long)m->opset, NEWEST);
    return EG_OK;
}

static eg_status read_meta(struct eg_onnx *m, struct egi_span model)
{
    struct egi_field f;
    while (egi_wire_next(&model, &f)) {
        if (f.number != EGI_MODEL_META) continue;
        char **pair = m->meta + 2 * m->metas;
        EGI_TRY(keep_name(m, egi_wire_bytes(f.bytes, EGI_META_KEY), &pair[0]));
        EGI_TRY(keep_name(m, egi_wire_bytes(f.bytes, EGI_META_VALUE), &pair[1]));
        m->metas++;
    }
    return EG_OK;
}

static eg_status make_room(struct eg_onnx *m, struct egi_span model)
{
    const struct totals t = count_graph(m->graph);
    const size_t metas = egi_wire_count(model, EGI_MODEL_META);
    if (t.names >= (size_t)1 << 30 || t.nodes >= (size_t)1 << 30)
        return egi_fail(EG_ERR_LIMIT, "%s: %zu nodes, %zu names", m->file, t.nodes, t.names);
    m->values_room = t.names + 1;
    m->values = 1;
    for (m->table_size = 16; m->table_size < 2 * m->values_room;) m->table_size *= 2;
    m->names_size = t.name_bytes;
    struct egi_field f;
    for (struct egi_span rest = model; egi_wire_next(&rest, &f);)
        if (f.number == EGI_MODEL_META) m->names_size += f.bytes.n + 2;
    const size_t ins = egi_wire_count(m->graph, EGI_GRAPH_INPUT);
    const size_t outs = egi_wire_count(m->graph, EGI_GRAPH_OUTPUT);
    EGI_TRY(array(m, t.nodes, sizeof *m->node, &m->node));
    EGI_TRY(array(m, t.links, sizeof *m->link, &m->link));
    EGI_TRY(array(m, m->values_room, sizeof *m->value, &m->value));
    EGI_TRY(array(m, m->values_room, sizeof *m->slot, &m->slot));
    EGI_TRY(array(m, m->table_size, sizeof *m->table, &m->table));
    EGI_TRY(array(m, m->names_size, 1, &m->names));
    EGI_TRY(array(m, 2 * metas, sizeof *m->meta, &m->meta));
    EGI_TRY(array(m, ins, sizeof *m->in.port, &m->in.port));
    EGI_TRY(array(m, ins, sizeof *m->in.value, &m->in.value));
    EGI_TRY(array(m, ins, sizeof *m->in.type, &m->in.type));
    EGI_TRY(array(m, outs, sizeof *m->out.type, &m->out.type));
    EGI_TRY(array(m, outs, sizeof *m->out.port, &m->out.port));
    return array(m, outs, sizeof *m->out.value, &m->out.value);
}

eg_status egi_onnx_graph(struct eg_onnx *m)
{
    const struct egi_span model = { m->bytes, m->size };
    EGI_TRY(egi_wire_check_model(m->file, model));
    EGI_TRY(read_opset(m, model));
    m->graph = egi_wire_bytes(model, EGI_MODEL_GRAPH);
    if (egi_wire_count(m->graph, EGI_GRAPH_NODE) == 0)
        return egi_fail(EG_ERR_CORRUPT, "%s: no graph, or one without nodes", m->file);
    if (egi_wire_count(m->graph, EGI_GRAPH_SPARSE) > 0)
        return egi_fail(EG_ERR_UNSUPPORTED, "%s: sparse initializers", m->file);
    EGI_TRY(make_room(m, model));
    EGI_TRY(read_meta(m, model));
    EGI_TRY(read_parts(m, EGI_GRAPH_INITIALIZER));
    EGI_TRY(read_parts(m, EGI_GRAPH_INPUT));
    EGI_TRY(read_parts(m, EGI_GRAPH_NODE));
    EGI_TRY(read_parts(m, EGI_GRAPH_OUTPUT));
    return check_outputs(m);
}
