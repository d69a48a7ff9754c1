/* Protocol Buffers, wire format: a message is a row of fields, each a base-128 number
 * (field number << 3 | wire) and then what the wire says:
 *   0  a base-128 number: 7 bits a byte from the lowest, the top bit set where more follow
 *   1  8 bytes, little-endian      5  4 bytes, little-endian
 *   2  a base-128 number n and n bytes: a text, a message, or numbers packed
 * Fields come in any order; of one that is not repeated the last counts; unknown ones are skipped.
 * Wires 3 and 4 (groups) are not used by ONNX. Source: protobuf.dev, "Encoding".
 *
 * A file is walked once along the tables below. Depth is that of the tables: graphs inside of
 * attributes are not walked, for their operators (If, Loop, Scan) are none of ours. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "model/egi_onnx_wire.h"

#include <string.h>

#include "base/egi_base.h"

struct message;

struct row {
    uint32_t number;
    enum { NUMBER, BITS32, BITS64, BYTES, MESSAGE, NUMBERS, FLOATS, DOUBLES } kind;
    const struct message *of; /* MESSAGE */
};

struct message {
    const char *name;
    const struct row *row; /* ended by number 0 */
};

static const struct row opset_rows[] = { { EGI_OPSET_DOMAIN, BYTES, NULL },
                                         { EGI_OPSET_VERSION, NUMBER, NULL },
                                         { 0, NUMBER, NULL } };
static const struct message opset = { "opset", opset_rows };
static const struct row meta_rows[] = { { EGI_META_KEY, BYTES, NULL },
                                        { EGI_META_VALUE, BYTES, NULL },
                                        { 0, NUMBER, NULL } };
static const struct message meta = { "metadata", meta_rows };
static const struct row tensor_rows[] = { { EGI_TENSOR_DIMS, NUMBERS, NULL },
                                          { EGI_TENSOR_TYPE, NUMBER, NULL },
                                          { EGI_TENSOR_FLOATS, FLOATS, NULL },
                                          { EGI_TENSOR_INT32, NUMBERS, NULL },
                                          { EGI_TENSOR_STRINGS, BYTES, NULL },
                                          { EGI_TENSOR_INT64, NUMBERS, NULL },
                                          { EGI_TENSOR_NAME, BYTES, NULL },
                                          { EGI_TENSOR_RAW, BYTES, NULL },
                                          { EGI_TENSOR_DOUBLES, DOUBLES, NULL },
                                          { EGI_TENSOR_UINT64, NUMBERS, NULL },
                                          { EGI_TENSOR_EXTERNAL, MESSAGE, &meta },
                                          { EGI_TENSOR_LOCATION, NUMBER, NULL },
                                          { 0, NUMBER, NULL } };
static const struct message tensor = { "tensor", tensor_rows };
static const struct row attribute_rows[] = {
    { EGI_ATTR_NAME, BYTES, NULL },   { EGI_ATTR_F, BITS32, NULL },
    { EGI_ATTR_I, NUMBER, NULL },     { EGI_ATTR_S, BYTES, NULL },
    { EGI_ATTR_T, MESSAGE, &tensor }, { EGI_ATTR_FLOATS, FLOATS, NULL },
    { EGI_ATTR_INTS, NUMBERS, NULL }, { EGI_ATTR_STRINGS, BYTES, NULL },
    { EGI_ATTR_TYPE, NUMBER, NULL },  { 0, NUMBER, NULL }
};
static const struct message attribute = { "attribute", attribute_rows };
static const struct row node_rows[] = { { EGI_NODE_INPUT, BYTES, NULL },
                                        { EGI_NODE_OUTPUT, BYTES, NULL },
                                        { EGI_NODE_NAME, BYTES, NULL },
                                        { EGI_NODE_OP, BYTES, NULL },
                                        { EGI_NODE_ATTRIBUTE, MESSAGE, &attribute },
                                        { EGI_NODE_DOMAIN, BYTES, NULL },
                                        { 0, NUMBER, NULL } };
static const struct message node = { "node", node_rows };
static const struct row dim_rows[] = { { EGI_DIM_VALUE, NUMBER, NULL },
                                       { EGI_DIM_PARAM, BYTES, NULL },
                                       { 0, NUMBER, NULL } };
static const struct message dim = { "dimension", dim_rows };
static const struct row shape_rows[] = { { EGI_SHAPE_DIM, MESSAGE, &dim }, { 0, NUMBER, NULL } };
static const struct message shape = { "shape", shape_rows };
static const struct row tensor_type_rows[] = { { EGI_TENSOR_TYPE_ELEM, NUMBER, NULL },
                                               { EGI_TENSOR_TYPE_SHAPE, MESSAGE, &shape },
                                               { 0, NUMBER, NULL } };
static const struct message tensor_type = { "tensor type", tensor_type_rows };
static const struct row type_rows[] = { { EGI_TYPE_TENSOR, MESSAGE, &tensor_type },
                                        { 0, NUMBER, NULL } };
static const struct message type = { "type", type_rows };
static const struct row value_rows[] = { { EGI_VALUE_NAME, BYTES, NULL },
                                         { EGI_VALUE_TYPE, MESSAGE, &type },
                                         { 0, NUMBER, NULL } };
static const struct message value = { "value", value_rows };
static const struct row graph_rows[] = {
    { EGI_GRAPH_NODE, MESSAGE, &node },          { EGI_GRAPH_NAME, BYTES, NULL },
    { EGI_GRAPH_INITIALIZER, MESSAGE, &tensor }, { EGI_GRAPH_INPUT, MESSAGE, &value },
    { EGI_GRAPH_OUTPUT, MESSAGE, &value },       { 0, NUMBER, NULL }
};
static const struct message graph = { "graph", graph_rows };
static const struct row model_rows[] = {
    { EGI_MODEL_IR, NUMBER, NULL },       { EGI_MODEL_PRODUCER, BYTES, NULL },
    { EGI_MODEL_GRAPH, MESSAGE, &graph }, { EGI_MODEL_OPSET, MESSAGE, &opset },
    { EGI_MODEL_META, MESSAGE, &meta },   { 0, NUMBER, NULL }
};
static const struct message model = { "model", model_rows };

/* 0 where it does not end, or is longer than 64 bits. */
static int take_number(struct egi_span *s, uint64_t *out)
{
    uint64_t v = 0;
    for (unsigned shift = 0; shift < 64 && s->n > 0; shift += 7) {
        const uint8_t byte = *s->p++;
        s->n--;
        v |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) {
            *out = v;
            return 1;
        }
    }
    return 0;
}

static int take_fixed(struct egi_span *s, size_t bytes, uint64_t *out)
{
    if (s->n < bytes) return 0;
    *out = bytes == 4 ? egi_load_le32(s->p) : egi_load_le64(s->p);
    s->p += bytes;
    s->n -= bytes;
    return 1;
}

static int take_value(struct egi_span *rest, struct egi_field *f)
{
    switch (f->wire) {
    case EGI_WIRE_VARINT:
        return take_number(rest, &f->value);
    case EGI_WIRE_64:
        return take_fixed(rest, 8, &f->value);
    case EGI_WIRE_32:
        return take_fixed(rest, 4, &f->value);
    default:
        if (!take_number(rest, &f->value) || f->value > rest->n) return 0;
        f->bytes = (struct egi_span){ rest->p, (size_t)f->value };
        rest->p += f->bytes.n;
        rest->n -= f->bytes.n;
        return 1;
    }
}

/* 1: a field; 0: the end; -1: bytes that are none, with what is wrong in *why. */
static int take(struct egi_span *rest, struct egi_field *f, const char **why)
{
    uint64_t key;
    *f = (struct egi_field){ .number = 0 };
    if (rest->n == 0) return 0;
    *why = "a number that does not end";
    if (!take_number(rest, &key)) return -1;
    *why = "field number 0, or over 2^29";
    if (key >> 3 == 0 || key >> 3 >= (uint64_t)1 << 29) return -1;
    *why = "an unknown kind of field";
    const unsigned wire = (unsigned)(key & 7);
    if (wire > 2 && wire != EGI_WIRE_32) return -1;
    f->number = (uint32_t)(key >> 3);
    f->wire = (enum egi_wire)wire;
    *why = "a field that goes on past its message";
    return take_value(rest, f) ? 1 : -1;
}

int egi_wire_next(struct egi_span *rest, struct egi_field *out)
{
    const char *why;
    return take(rest, out, &why) > 0;
}

/* What is being walked. */
struct walk {
    const char *file;
    const uint8_t *begin;
};

static eg_status corrupt(const struct walk *w, const uint8_t *at, const struct message *m,
                         const char *what)
{
    return egi_fail(EG_ERR_CORRUPT, "%s: byte %zu: %s: %s", w->file, (size_t)(at - w->begin),
                    m->name, what);
}

static const char *packed_is_wrong(int kind, struct egi_span s)
{
    uint64_t v;
    if (kind == FLOATS) return s.n % 4 == 0 ? NULL : "packed floats end in the middle of one";
    if (kind == DOUBLES) return s.n % 8 == 0 ? NULL : "packed doubles end in the middle of one";
    while (s.n > 0)
        if (!take_number(&s, &v)) return "packed numbers end in the middle of one";
    return NULL;
}

static const char *wire_is_wrong(const struct row *r, const struct egi_field *f)
{
    static const enum egi_wire wire_of[] = {
        [NUMBER] = EGI_WIRE_VARINT, [BITS32] = EGI_WIRE_32,     [BITS64] = EGI_WIRE_64,
        [BYTES] = EGI_WIRE_BYTES,   [MESSAGE] = EGI_WIRE_BYTES, [NUMBERS] = EGI_WIRE_VARINT,
        [FLOATS] = EGI_WIRE_32,     [DOUBLES] = EGI_WIRE_64,
    };
    if (r->kind >= NUMBERS && f->wire == EGI_WIRE_BYTES) return packed_is_wrong(r->kind, f->bytes);
    return f->wire == wire_of[r->kind] ? NULL : "a field of another kind than the format says";
}

/* Depth is bounded by the tables, which have no circle. */
static eg_status walk(const struct walk *w, const struct message *m, struct egi_span rest)
{
    for (;;) {
        struct egi_field f;
        const char *why;
        const uint8_t *at = rest.p;
        const int got = take(&rest, &f, &why);
        if (got == 0) return EG_OK;
        if (got < 0) return corrupt(w, at, m, why);
        const struct row *r = m->row;
        while (r->number != 0 && r->number != f.number) r++;
        if (r->number == 0) continue;
        why = wire_is_wrong(r, &f);
        if (why != NULL) return corrupt(w, at, m, why);
        if (r->kind == MESSAGE) EGI_TRY(walk(w, r->of, f.bytes));
    }
}

eg_status egi_wire_check_model(const char *file, struct egi_span bytes)
{
    const struct walk w = { file, bytes.p };
    return walk(&w, &model, bytes);
}

eg_status egi_wire_check_tensor(const char *file, struct egi_span bytes)
{
    const struct walk w = { file, bytes.p };
    return walk(&w, &tensor, bytes);
}

int egi_wire_find(struct egi_span message, uint32_t number, struct egi_field *out)
{
    struct egi_field f;
    int found = 0;
    while (egi_wire_next(&message, &f)) {
        if (f.number != number) continue;
        *out = f;
        found = 1;
    }
    return found;
}

size_t egi_wire_count(struct egi_span message, uint32_t number)
{
    struct egi_field f;
    size_t n = 0;
    while (egi_wire_next(&message, &f)) n += f.number == number;
    return n;
}

struct egi_span egi_wire_bytes(struct egi_span message, uint32_t number)
{
    struct egi_field f;
    return egi_wire_find(message, number, &f) ? f.bytes
                                              : (struct egi_span){ (const uint8_t *)"", 0 };
}

int64_t egi_wire_int(struct egi_span message, uint32_t number, int64_t missing)
{
    struct egi_field f;
    return egi_wire_find(message, number, &f) ? (int64_t)f.value : missing;
}

int egi_list_next(struct egi_list *l, uint64_t *bits)
{
    struct egi_field f;
    if (l->packed.n > 0) {
        if (l->item == EGI_WIRE_VARINT) return take_number(&l->packed, bits);
        return take_fixed(&l->packed, l->item == EGI_WIRE_32 ? 4 : 8, bits);
    }
    while (egi_wire_next(&l->message, &f)) {
        if (f.number != l->number) continue;
        if (f.wire != EGI_WIRE_BYTES) {
            *bits = f.value;
            return 1;
        }
        l->packed = f.bytes;
        if (l->packed.n > 0) return egi_list_next(l, bits);
    }
    return 0;
}

int egi_span_is(struct egi_span s, const char *text)
{
    return s.n == strlen(text) && memcmp(s.p, text, s.n) == 0;
}

const char *egi_span_text(struct egi_span s, char text[EGI_SPAN_TEXT])
{
    size_t n = 0;
    for (; n < s.n && n < 100; n++) text[n] = s.p[n] >= 32 && s.p[n] < 127 ? (char)s.p[n] : '?';
    if (n < s.n) memcpy(text + 97, "...", 3);
    text[n] = '\0';
    return text;
}
