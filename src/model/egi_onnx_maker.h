/* An ONNX file on its way out: nodes, constants, inputs and outputs, put one after the other. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_ONNX_MAKER_H
#define EGI_ONNX_MAKER_H

#include "model/egi_onnx.h"

/* Bytes that grow. A failure sticks, so that a message reads as one. */
struct egi_bytes {
    const eg_allocator *alloc;
    uint8_t *p;
    size_t n, room;
    eg_status status;
};
void egi_bytes_clear(struct egi_bytes *b);
void egi_put_int(struct egi_bytes *b, uint32_t field, int64_t value);
void egi_put_float(struct egi_bytes *b, uint32_t field, float value);
void egi_put_text(struct egi_bytes *b, uint32_t field, const char *text);
void egi_put_bytes(struct egi_bytes *b, uint32_t field, const void *p, size_t n);
/* The bytes of inner as a message of b; inner is cleared. */
void egi_put_message(struct egi_bytes *b, uint32_t field, struct egi_bytes *inner);

/* An attribute of a node: one of the four. A list ended by name NULL. */
struct egi_made_attr {
    const char *name;
    enum { EGI_MADE_INT, EGI_MADE_FLOAT, EGI_MADE_TEXT, EGI_MADE_INTS } kind;
    int64_t i;
    double f;
    const char *text;
    const int64_t *ints; /* (count) */
    size_t count;
};
#define EGI_ATTR_OF_INT(name_, value) ((struct egi_made_attr){ .name = name_, .i = value })
#define EGI_ATTR_OF_FLOAT(name_, value) \
    ((struct egi_made_attr){ .name = name_, .kind = EGI_MADE_FLOAT, .f = value })
#define EGI_ATTR_OF_TEXT(name_, value) \
    ((struct egi_made_attr){ .name = name_, .kind = EGI_MADE_TEXT, .text = value })
#define EGI_ATTR_OF_INTS(name_, value, n) \
    ((struct egi_made_attr){ .name = name_, .kind = EGI_MADE_INTS, .ints = value, .count = n })
#define EGI_ATTR_END ((struct egi_made_attr){ .name = NULL })

struct egi_maker {
    struct egi_bytes graph, meta;
    int64_t opset;
};
void egi_maker_begin(struct egi_maker *k, const eg_allocator *alloc, int64_t opset);
void egi_maker_clear(struct egi_maker *k);

/* op with inputs and outputs by name, separated by spaces ("x w b"; "-" is one left out). */
void egi_maker_node(struct egi_maker *k, const char *op, const char *inputs, const char *outputs,
                    const struct egi_made_attr *attrs);
/* A constant of the type: float (data f32), or int64 (data int64_t). */
void egi_maker_constant(struct egi_maker *k, const char *name, int type, const eg_shape *shape,
                        const void *data);
/* A dimension of `free_size` has no size of its own, and is called "batch". */
enum { EGI_MAKER_INPUT = EGI_GRAPH_INPUT, EGI_MAKER_OUTPUT = EGI_GRAPH_OUTPUT };
void egi_maker_port(struct egi_maker *k, uint32_t way, const char *name, int type,
                    const eg_shape *shape, size_t free_size);
void egi_maker_meta(struct egi_maker *k, const char *key, const char *value);
/* The whole model; out is cleared by the caller. */
eg_status egi_maker_finish(struct egi_maker *k, struct egi_bytes *out);

#endif
