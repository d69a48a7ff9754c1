/* What rows of the table of operators are written with. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "model/egi_onnx_call.h"

#include <string.h>

#include "base/egi_base.h"

int egi_node_attr(const struct egi_onnx_node *n, const char *name, struct egi_span *out)
{
    struct egi_field f;
    struct egi_span rest = n->message;
    while (egi_wire_next(&rest, &f))
        if (f.number == EGI_NODE_ATTRIBUTE
            && egi_span_is(egi_wire_bytes(f.bytes, EGI_ATTR_NAME), name)) {
            *out = f.bytes;
            return 1;
        }
    return 0;
}

int64_t egi_node_int(const struct egi_onnx_node *n, const char *name, int64_t missing)
{
    struct egi_span a;
    return egi_node_attr(n, name, &a) ? egi_wire_int(a, EGI_ATTR_I, 0) : missing;
}

double egi_node_float(const struct egi_onnx_node *n, const char *name, double missing)
{
    struct egi_span a;
    struct egi_field f;
    if (!egi_node_attr(n, name, &a)) return missing;
    if (!egi_wire_find(a, EGI_ATTR_F, &f)) return 0;
    const uint32_t bits = (uint32_t)f.value;
    float v;
    memcpy(&v, &bits, sizeof v);
    return (double)v;
}

struct egi_span egi_node_text(const struct egi_onnx_node *n, const char *name)
{
    struct egi_span a;
    const struct egi_span none = { (const uint8_t *)"", 0 };
    return egi_node_attr(n, name, &a) ? egi_wire_bytes(a, EGI_ATTR_S) : none;
}

void egi_node_ints(const struct egi_onnx_call *c, const char *name, size_t room, int64_t *out,
                   size_t *count)
{
    struct egi_span a;
    *count = 0;
    if (!egi_node_attr(c->node, name, &a)) return;
    struct egi_list l = { .message = a, .number = EGI_ATTR_INTS, .item = EGI_WIRE_VARINT };
    uint64_t bits;
    while (egi_list_next(&l, &bits)) {
        if (*count == room) {
            *count = 0;
            egi_call_fail(c, EG_ERR_UNSUPPORTED, "%s has more than %zu numbers", name, room);
            return;
        }
        out[(*count)++] = (int64_t)bits;
    }
}

int egi_call_ok(const struct egi_onnx_call *c)
{
    return eg_tape_status(c->t) == EG_OK;
}

int egi_has(const struct egi_onnx_call *c, size_t k)
{
    return k < c->count && c->in[k].type != EGI_ONNX_NONE;
}

eg_var egi_in(const struct egi_onnx_call *c, size_t k)
{
    return egi_has(c, k) ? c->in[k].v : EG_NONE;
}

eg_shape egi_shape_in(const struct egi_onnx_call *c, size_t k)
{
    return eg_tape_shape(c->t, egi_in(c, k));
}

void egi_give(struct egi_onnx_call *c, size_t k, int type, eg_var v)
{
    if (k < c->outs) c->out[k] = (struct egi_onnx_slot){ v, type };
}

int egi_is_whole(int type)
{
    return egi_onnx_type(type)->whole;
}

eg_dtype egi_dtype_of(int type)
{
    return egi_onnx_type(type)->dtype;
}

const double *egi_numbers(struct egi_onnx_call *c, size_t k, size_t *n)
{
    const eg_var v = egi_in(c, k);
    const eg_shape shape = eg_tape_shape(c->t, v);
    *n = 0;
    if (egi_call_ok(c) && egi_tape_is_ghost(c->t, v)) {
        c->m->unknown = 1;
        egi_call_fail(c, EG_ERR_UNSUPPORTED, "input %zu is known only when the network runs", k);
    }
    const eg_var wide = eg_tape_dtype(c->t, v) == EG_F64 ? v : eg_cast(c->t, v, EG_F64);
    const double *p = eg_tape_value(c->t, wide);
    if (p == NULL && egi_call_ok(c)) egi_call_fail(c, EG_ERR_INVALID, "input %zu is missing", k);
    if (p != NULL) *n = eg_shape_size(&shape);
    return p;
}

double egi_number_in(struct egi_onnx_call *c, size_t k, double missing)
{
    size_t n;
    if (!egi_has(c, k)) return missing;
    const double *p = egi_numbers(c, k, &n);
    if (p == NULL) return missing;
    if (n == 1) return p[0];
    egi_call_fail(c, EG_ERR_SHAPE, "input %zu has %zu elements, expected one", k, n);
    return missing;
}

/* What f64 holds of int64, whose ends round up. */
static int64_t integer_of(double v)
{
    if (v >= 0x1p63) return INT64_MAX;
    return v <= -0x1p63 ? INT64_MIN : (int64_t)v;
}

void egi_ints_of(struct egi_onnx_call *c, const char *name, size_t k, size_t room, int64_t *out,
                 size_t *count)
{
    size_t n;
    egi_node_ints(c, name, room, out, count);
    if (!egi_call_ok(c) || !egi_has(c, k)) return;
    const double *p = egi_numbers(c, k, &n);
    if (n > room) {
        egi_call_fail(c, EG_ERR_UNSUPPORTED, "input %zu has %zu numbers, expected up to %zu", k, n,
                      room);
        return;
    }
    for (size_t i = 0; i < n; i++) out[i] = integer_of(p[i]);
    *count = n;
}

size_t egi_axis_of(struct egi_onnx_call *c, int64_t axis, size_t rank)
{
    const int64_t end = (int64_t)rank;
    if (axis >= -end && axis < end) return (size_t)(axis < 0 ? axis + end : axis);
    egi_call_fail(c, EG_ERR_SHAPE, "axis %lld of rank %zu", (long long)axis, rank);
    return 0;
}

eg_var egi_index_of(struct egi_onnx_call *c, size_t k, size_t size)
{
    eg_tape *t = c->t;
    const eg_var x = egi_in(c, k), below = eg_step(t, eg_neg(t, x));
    return eg_cast(t, eg_add(t, x, eg_affine(t, below, (double)size, 0)), EG_I32);
}

eg_var egi_made(struct egi_onnx_call *c, int type, const eg_shape *shape, const double *numbers)
{
    eg_tape *t = c->t;
    const eg_var wide = egi_tape_new(t, EG_F64, shape);
    if (wide.id == 0) return EG_NONE;
    const size_t n = eg_shape_size(shape);
    if (n > 0) memcpy(egi_tape_tensor(t, wide)->data, numbers, n * sizeof *numbers);
    return egi_dtype_of(type) == EG_F64 ? wide : eg_cast(t, wide, egi_dtype_of(type));
}

eg_var egi_filled(struct egi_onnx_call *c, int type, const eg_shape *shape, double number)
{
    return eg_broadcast_to(c->t, eg_number(c->t, egi_dtype_of(type), number), shape);
}

eg_var egi_not(struct egi_onnx_call *c, eg_var x)
{
    return eg_affine(c->t, x, -1, 1);
}

eg_var egi_choose(struct egi_onnx_call *c, eg_var cond, eg_var x, eg_var y)
{
    eg_tape *t = c->t;
    const eg_dtype dtype = eg_tape_dtype(t, x);
    if (eg_tape_dtype(t, cond) != dtype) cond = eg_cast(t, cond, dtype);
    return eg_add(t, eg_gate(t, x, cond), eg_gate(t, y, egi_not(c, cond)));
}

eg_var egi_three(struct egi_onnx_call *c, eg_var x, size_t axis)
{
    const eg_shape s = eg_tape_shape(c->t, x);
    eg_shape three = { 3, { 1, 1, 1 } };
    for (size_t i = 0; i < s.rank; i++) three.dim[i < axis ? 0 : i == axis ? 1 : 2] *= s.dim[i];
    return eg_reshape(c->t, x, &three);
}
