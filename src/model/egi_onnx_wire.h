/* Messages of Protocol Buffers as they lie in memory: nothing is copied or allocated. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_ONNX_WIRE_H
#define EGI_ONNX_WIRE_H

#include <stddef.h>
#include <stdint.h>

#include "engram/status.h"

/* Bytes of somebody else's: of a message, or a text, which no 0 ends. */
struct egi_span {
    const uint8_t *p;
    size_t n;
};

/* The numbers of fields, from the public specification (onnx.proto of IR version 8). */
enum egi_onnx_field {
    EGI_MODEL_IR = 1,
    EGI_MODEL_PRODUCER = 2,
    EGI_MODEL_GRAPH = 7,
    EGI_MODEL_OPSET = 8,
    EGI_MODEL_META = 14,
    EGI_OPSET_DOMAIN = 1,
    EGI_OPSET_VERSION = 2,
    EGI_META_KEY = 1,
    EGI_META_VALUE = 2,
    EGI_GRAPH_NODE = 1,
    EGI_GRAPH_NAME = 2,
    EGI_GRAPH_INITIALIZER = 5,
    EGI_GRAPH_INPUT = 11,
    EGI_GRAPH_OUTPUT = 12,
    EGI_GRAPH_SPARSE = 15,
    EGI_NODE_INPUT = 1,
    EGI_NODE_OUTPUT = 2,
    EGI_NODE_NAME = 3,
    EGI_NODE_OP = 4,
    EGI_NODE_ATTRIBUTE = 5,
    EGI_NODE_DOMAIN = 7,
    EGI_ATTR_NAME = 1,
    EGI_ATTR_F = 2,
    EGI_ATTR_I = 3,
    EGI_ATTR_S = 4,
    EGI_ATTR_T = 5,
    EGI_ATTR_FLOATS = 7,
    EGI_ATTR_INTS = 8,
    EGI_ATTR_STRINGS = 9,
    EGI_ATTR_TYPE = 20,
    EGI_VALUE_NAME = 1,
    EGI_VALUE_TYPE = 2,
    EGI_TYPE_TENSOR = 1,
    EGI_TENSOR_TYPE_ELEM = 1,
    EGI_TENSOR_TYPE_SHAPE = 2,
    EGI_SHAPE_DIM = 1,
    EGI_DIM_VALUE = 1,
    EGI_DIM_PARAM = 2,
    EGI_TENSOR_DIMS = 1,
    EGI_TENSOR_TYPE = 2,
    EGI_TENSOR_FLOATS = 4,
    EGI_TENSOR_INT32 = 5,
    EGI_TENSOR_STRINGS = 6,
    EGI_TENSOR_INT64 = 7,
    EGI_TENSOR_NAME = 8,
    EGI_TENSOR_RAW = 9,
    EGI_TENSOR_DOUBLES = 10,
    EGI_TENSOR_UINT64 = 11,
    EGI_TENSOR_EXTERNAL = 13,
    EGI_TENSOR_LOCATION = 14
};

/* How a field's number lies: base-128, 8 bytes, bytes that are counted, 4 bytes. */
enum egi_wire { EGI_WIRE_VARINT = 0, EGI_WIRE_64 = 1, EGI_WIRE_BYTES = 2, EGI_WIRE_32 = 5 };

struct egi_field {
    uint32_t number;
    enum egi_wire wire;
    uint64_t value; /* of the wires that are numbers */
    struct egi_span bytes;
};

/* Check a file of one model: every field of every message that is read here lies inside it, has
 * its wire, and packed lists end where they should. Then what is below cannot fail.
 * EG_ERR_CORRUPT: "file: byte N: what, expected, got". */
eg_status egi_wire_check_model(const char *file, struct egi_span bytes);
/* The same of a file of one tensor, as test cases have. */
eg_status egi_wire_check_tensor(const char *file, struct egi_span bytes);

/* Take the next field off the front; 0 at the end. */
int egi_wire_next(struct egi_span *rest, struct egi_field *out);
/* The last field of this number (which counts where there are several); 0: there is none. */
int egi_wire_find(struct egi_span message, uint32_t number, struct egi_field *out);
size_t egi_wire_count(struct egi_span message, uint32_t number);
/* Its bytes, or none; its number, or `missing`. */
struct egi_span egi_wire_bytes(struct egi_span message, uint32_t number);
int64_t egi_wire_int(struct egi_span message, uint32_t number, int64_t missing);

/* A list of numbers of one field, packed or not. begin with { .message = m, .number = k }. */
struct egi_list {
    struct egi_span message, packed;
    uint32_t number;
    enum egi_wire item; /* of packed items */
};
/* The next number as it lies (little-endian bits); 0 at the end. */
int egi_list_next(struct egi_list *l, uint64_t *bits);

int egi_span_is(struct egi_span s, const char *text);
/* For messages: at most 100 bytes, those that are not printable ASCII as '?'. */
enum { EGI_SPAN_TEXT = 104 };
const char *egi_span_text(struct egi_span s, char text[EGI_SPAN_TEXT]);

#endif
