/* Writing ONNX: messages from the inside out, each with its length before it (onnx_wire.c has the
 * format). IR version 8, the operators of one opset, float32 weights as raw little-endian data. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "model/egi_onnx_maker.h"

#include <string.h>

void egi_bytes_clear(struct egi_bytes *b)
{
    egi_free(b->alloc, b->p, b->room);
    *b = (struct egi_bytes){ .alloc = b->alloc };
}

static void append(struct egi_bytes *b, const void *p, size_t n)
{
    if (b->status != EG_OK || n == 0) return;
    if (n > b->room - b->n) {
        const size_t room = 2 * (b->n + n) + 64;
        void *grown = egi_realloc(b->alloc, b->p, b->room, room);
        if (grown == NULL) {
            b->status = egi_fail(EG_ERR_NOMEM, "ONNX: %zu bytes", room);
            return;
        }
        b->p = grown;
        b->room = room;
    }
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

static void put_number(struct egi_bytes *b, uint64_t v)
{
    uint8_t byte[10];
    size_t n = 0;
    do {
        byte[n] = (uint8_t)(v & 127);
        v >>= 7;
        if (v != 0) byte[n] |= 128;
        n++;
    } while (v != 0);
    append(b, byte, n);
}

static void put_key(struct egi_bytes *b, uint32_t field, enum egi_wire wire)
{
    put_number(b, (uint64_t)field << 3 | (uint64_t)wire);
}

void egi_put_int(struct egi_bytes *b, uint32_t field, int64_t value)
{
    put_key(b, field, EGI_WIRE_VARINT);
    put_number(b, (uint64_t)value);
}

void egi_put_float(struct egi_bytes *b, uint32_t field, float value)
{
    uint8_t bytes[4];
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    egi_store_le32(bytes, bits);
    put_key(b, field, EGI_WIRE_32);
    append(b, bytes, sizeof bytes);
}

void egi_put_bytes(struct egi_bytes *b, uint32_t field, const void *p, size_t n)
{
    put_key(b, field, EGI_WIRE_BYTES);
    put_number(b, n);
    append(b, p, n);
}

void egi_put_text(struct egi_bytes *b, uint32_t field, const char *text)
{
    egi_put_bytes(b, field, text, strlen(text));
}

void egi_put_message(struct egi_bytes *b, uint32_t field, struct egi_bytes *inner)
{
    if (inner->status != EG_OK && b->status == EG_OK) b->status = inner->status;
    egi_put_bytes(b, field, inner->p, inner->n);
    egi_bytes_clear(inner);
}

void egi_maker_begin(struct egi_maker *k, const eg_allocator *alloc, int64_t opset)
{
    *k = (struct egi_maker){ .graph = { .alloc = alloc }, .meta = { .alloc = alloc } };
    k->opset = opset;
    egi_put_text(&k->graph, EGI_GRAPH_NAME, "engram");
}

void egi_maker_clear(struct egi_maker *k)
{
    egi_bytes_clear(&k->graph);
    egi_bytes_clear(&k->meta);
}

static void put_attr(struct egi_bytes *node, const struct egi_made_attr *a)
{
    /* AttributeProto.AttributeType: FLOAT 1, INT 2, STRING 3, INTS 7 */
    static const int64_t type[] = {
        [EGI_MADE_INT] = 2, [EGI_MADE_FLOAT] = 1, [EGI_MADE_TEXT] = 3, [EGI_MADE_INTS] = 7
    };
    struct egi_bytes b = { .alloc = node->alloc };
    egi_put_text(&b, EGI_ATTR_NAME, a->name);
    if (a->kind == EGI_MADE_INT) egi_put_int(&b, EGI_ATTR_I, a->i);
    if (a->kind == EGI_MADE_FLOAT) egi_put_float(&b, EGI_ATTR_F, (float)a->f);
    if (a->kind == EGI_MADE_TEXT) egi_put_text(&b, EGI_ATTR_S, a->text);
    for (size_t i = 0; a->kind == EGI_MADE_INTS && i < a->count; i++)
        egi_put_int(&b, EGI_ATTR_INTS, a->ints[i]);
    egi_put_int(&b, EGI_ATTR_TYPE, type[a->kind]);
    egi_put_message(node, EGI_NODE_ATTRIBUTE, &b);
}

static void put_names(struct egi_bytes *node, uint32_t field, const char *names)
{
    while (*names != '\0') {
        const size_t n = strcspn(names, " ");
        const int none = n == 1 && names[0] == '-';
        egi_put_bytes(node, field, names, none ? 0 : n);
        names += n;
        names += strspn(names, " ");
    }
}

void egi_maker_node(struct egi_maker *k, const char *op, const char *inputs, const char *outputs,
                    const struct egi_made_attr *attrs)
{
    struct egi_bytes b = { .alloc = k->graph.alloc };
    put_names(&b, EGI_NODE_INPUT, inputs);
    put_names(&b, EGI_NODE_OUTPUT, outputs);
    egi_put_bytes(&b, EGI_NODE_NAME, outputs, strcspn(outputs, " "));
    egi_put_text(&b, EGI_NODE_OP, op);
    for (; attrs != NULL && attrs->name != NULL; attrs++) put_attr(&b, attrs);
    egi_put_message(&k->graph, EGI_GRAPH_NODE, &b);
}

void egi_maker_constant(struct egi_maker *k, const char *name, int type, const eg_shape *shape,
                        const void *data)
{
    struct egi_bytes b = { .alloc = k->graph.alloc };
    for (size_t i = 0; i < shape->rank; i++)
        egi_put_int(&b, EGI_TENSOR_DIMS, (int64_t)shape->dim[i]);
    egi_put_int(&b, EGI_TENSOR_TYPE, type);
    egi_put_text(&b, EGI_TENSOR_NAME, name);
    egi_put_bytes(&b, EGI_TENSOR_RAW, data, eg_shape_size(shape) * egi_onnx_type(type)->bytes);
    egi_put_message(&k->graph, EGI_GRAPH_INITIALIZER, &b);
}

void egi_maker_port(struct egi_maker *k, uint32_t way, const char *name, int type,
                    const eg_shape *shape, size_t free_size)
{
    const eg_allocator *alloc = k->graph.alloc;
    struct egi_bytes dims = { .alloc = alloc }, tensor = { .alloc = alloc };
    struct egi_bytes kind = { .alloc = alloc }, value = { .alloc = alloc };
    for (size_t i = 0; i < shape->rank; i++) {
        struct egi_bytes dim = { .alloc = alloc };
        if (shape->dim[i] == free_size)
            egi_put_text(&dim, EGI_DIM_PARAM, "batch");
        else
            egi_put_int(&dim, EGI_DIM_VALUE, (int64_t)shape->dim[i]);
        egi_put_message(&dims, EGI_SHAPE_DIM, &dim);
    }
    egi_put_int(&tensor, EGI_TENSOR_TYPE_ELEM, type);
    egi_put_message(&tensor, EGI_TENSOR_TYPE_SHAPE, &dims);
    egi_put_message(&kind, EGI_TYPE_TENSOR, &tensor);
    egi_put_text(&value, EGI_VALUE_NAME, name);
    egi_put_message(&value, EGI_VALUE_TYPE, &kind);
    egi_put_message(&k->graph, way, &value);
}

void egi_maker_meta(struct egi_maker *k, const char *key, const char *value)
{
    struct egi_bytes b = { .alloc = k->meta.alloc };
    egi_put_text(&b, EGI_META_KEY, key);
    egi_put_text(&b, EGI_META_VALUE, value);
    egi_put_message(&k->meta, EGI_MODEL_META, &b);
}

eg_status egi_maker_finish(struct egi_maker *k, struct egi_bytes *out)
{
    struct egi_bytes opset = { .alloc = out->alloc };
    egi_put_int(out, EGI_MODEL_IR, 8);
    egi_put_text(out, EGI_MODEL_PRODUCER, "engram");
    egi_put_message(out, EGI_MODEL_GRAPH, &k->graph);
    egi_put_text(&opset, EGI_OPSET_DOMAIN, "");
    egi_put_int(&opset, EGI_OPSET_VERSION, k->opset);
    egi_put_message(out, EGI_MODEL_OPSET, &opset);
    append(out, k->meta.p, k->meta.n); /* fields of the model as they are */
    if (k->meta.status != EG_OK && out->status == EG_OK) out->status = k->meta.status;
    egi_bytes_clear(&k->meta);
    return out->status;
}
