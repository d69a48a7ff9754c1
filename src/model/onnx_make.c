/* Operators that make values: constants, shapes as numbers, patterns of ones. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "grad/egi_tape_impl.h"
#include "model/egi_onnx_build.h"

/* A list of floats or integers, or one number, as it stands in an attribute. */
static void constant_list(struct egi_onnx_call *c, struct egi_span attr, uint32_t field, int one)
{
    const int ints = field == EGI_ATTR_INTS || field == EGI_ATTR_I;
    struct egi_list l = { .message = attr,
                          .number = field,
                          .item = ints ? EGI_WIRE_VARINT : EGI_WIRE_32 };
    struct egi_list again = l;
    uint64_t bits;
    size_t n = 0;
    while (egi_list_next(&l, &bits)) n++;
    const eg_shape shape = { .rank = !one, .dim = { n } };
    const eg_var v = egi_tape_new(c->t, ints ? EG_F64 : EG_F32, &shape);
    if (v.id == 0) return;
    char *data = egi_tape_tensor(c->t, v)->data;
    for (size_t i = 0; egi_list_next(&again, &bits) && i < (one ? 1 : n); i++) {
        const double number = (double)(int64_t)bits;
        const uint32_t low = (uint32_t)bits;
        if (ints)
            memcpy(data + i * sizeof number, &number, sizeof number);
        else
            memcpy(data + i * sizeof low, &low, sizeof low);
    }
    egi_give(c, 0, ints ? EGI_ONNX_INT64 : EGI_ONNX_FLOAT, v);
}

/* The value of a tensor on the tape. */
static void give_tensor(struct egi_onnx_call *c, struct egi_span tensor)
{
    struct egi_onnx_data d;
    const struct eg_onnx *m = c->m;
    const size_t held = m->held + c->t->pool.held; /* there is room for it and its copy */
    const size_t room = m->max_bytes > held ? (m->max_bytes - held) / 2 : 0;
    const eg_status s = egi_onnx_decode("its tensor", tensor, room, m->alloc, &d);
    if (s != EG_OK) {
        egi_tape_fail(c->t, s);
        return;
    }
    const eg_var v = egi_tape_new(c->t, egi_dtype_of(d.type), &d.shape);
    const size_t bytes = eg_shape_size(&d.shape) * eg_dtype_size(egi_dtype_of(d.type));
    if (v.id != 0) memcpy(egi_tape_tensor(c->t, v)->data, d.data, bytes);
    egi_free(m->alloc, d.data, d.bytes);
    egi_give(c, 0, d.type, v);
}

void egi_build_constant(struct egi_onnx_call *c)
{
    static const struct {
        const char *name;
        uint32_t field;
        int one;
    } ways[] = { { "value_float", EGI_ATTR_F, 1 },
                 { "value_floats", EGI_ATTR_FLOATS, 0 },
                 { "value_int", EGI_ATTR_I, 1 },
                 { "value_ints", EGI_ATTR_INTS, 0 } };
    struct egi_span a;
    if (egi_node_attr(c->node, "value", &a)) {
        give_tensor(c, egi_wire_bytes(a, EGI_ATTR_T));
        return;
    }
    for (size_t i = 0; i < EGI_COUNT(ways); i++)
        if (egi_node_attr(c->node, ways[i].name, &a)) {
            constant_list(c, a, ways[i].field, ways[i].one);
            return;
        }
    egi_call_fail(c, EG_ERR_UNSUPPORTED, "neither a tensor nor numbers (sparse, or texts)");
}

/* Dimensions as int64: a value that is known whatever the elements are. */
static void give_dims(struct egi_onnx_call *c, const size_t *dim, size_t n)
{
    double number[EG_MAX_RANK];
    for (size_t i = 0; i < n; i++) number[i] = (double)dim[i];
    egi_give(c, 0, EGI_ONNX_INT64, egi_made(c, EGI_ONNX_INT64, &eg_shape_of(n), number));
}

static int64_t cut(int64_t v, int64_t rank)
{
    if (v < 0) v += rank;
    return v < 0 ? 0 : v > rank ? rank : v;
}

void egi_build_shape(struct egi_onnx_call *c)
{
    const eg_shape s = egi_shape_in(c, 0);
    const int64_t rank = (int64_t)s.rank;
    const int64_t begin = cut(egi_node_int(c->node, "start", 0), rank);
    const int64_t end = cut(egi_node_int(c->node, "end", rank), rank);
    give_dims(c, s.dim + begin, end > begin ? (size_t)(end - begin) : 0);
}

void egi_build_size(struct egi_onnx_call *c)
{
    const eg_shape s = egi_shape_in(c, 0);
    const double n = (double)eg_shape_size(&s);
    egi_give(c, 0, EGI_ONNX_INT64, egi_made(c, EGI_ONNX_INT64, &(eg_shape){ .rank = 0 }, &n));
}

/* ConstantOfShape: all elements the one of `value`, or 0 of float. */
void egi_build_filled(struct egi_onnx_call *c)
{
    struct egi_span a;
    struct egi_onnx_data d = { .type = EGI_ONNX_FLOAT };
    eg_shape shape;
    size_t n;
    const double *dim = egi_numbers(c, 0, &n);
    if (dim == NULL) return;
    shape.rank = n;
    for (size_t i = 0; i < n && i < EG_MAX_RANK; i++)
        shape.dim[i] = dim[i] >= 0 && dim[i] <= 0x1p48 ? (size_t)dim[i] : SIZE_MAX;
    if (n > EG_MAX_RANK || eg_shape_size(&shape) > c->m->max_bytes / sizeof(double)
        || !egi_shape_fits(&shape)) {
        egi_call_fail(c, EG_ERR_LIMIT,
                      "a shape of rank %zu, or of more elements than %zu bytes hold", n,
                      c->m->max_bytes);
        return;
    }
    if (egi_node_attr(c->node, "value", &a)) {
        give_tensor(c, egi_wire_bytes(a, EGI_ATTR_T));
        if (!egi_call_ok(c)) return;
        d.type = c->out[0].type;
        const eg_shape one = eg_tape_shape(c->t, c->out[0].v);
        if (eg_shape_size(&one) != 1) {
            egi_call_fail(c, EG_ERR_SHAPE, "a value of other than one element");
            return;
        }
        const eg_var scalar = eg_reshape(c->t, c->out[0].v, &(eg_shape){ .rank = 0 });
        egi_give(c, 0, d.type, eg_broadcast_to(c->t, scalar, &shape));
        return;
    }
    egi_give(c, 0, d.type, egi_filled(c, d.type, &shape, 0));
}

void egi_build_range(struct egi_onnx_call *c)
{
    const double start = egi_number_in(c, 0, 0), limit = egi_number_in(c, 1, 0);
    const double delta = egi_number_in(c, 2, 1), count = ceil((limit - start) / delta);
    if (!egi_call_ok(c)) return;
    if (!(count < 0x1p48)) {
        egi_call_fail(c, EG_ERR_INVALID, "from %g to %g by %g", start, limit, delta);
        return;
    }
    const eg_shape shape = eg_shape_of(count > 0 ? (size_t)count : 0);
    const int type = c->in[0].type;
    const eg_var v = egi_tape_new(c->t, EG_F64, &shape);
    if (v.id == 0) return;
    double *x = (double *)(void *)egi_tape_tensor(c->t, v)->data;
    for (size_t i = 0; i < shape.dim[0]; i++) x[i] = start + (double)i * delta;
    egi_give(c, 0, type, egi_dtype_of(type) == EG_F64 ? v : eg_cast(c->t, v, egi_dtype_of(type)));
}

/* [column - row >= k] (rows, columns) */
static eg_var triangle(struct egi_onnx_call *c, size_t rows, size_t columns, double k)
{
    const eg_var v = egi_tape_new(c->t, EG_F32, &eg_shape_of(rows, columns));
    if (v.id == 0) return EG_NONE;
    float *x = (float *)(void *)egi_tape_tensor(c->t, v)->data;
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++)
            x[i * columns + j] = (double)j - (double)i >= k ? 1 : 0;
    return v;
}

void egi_build_eye(struct egi_onnx_call *c)
{
    const eg_shape s = egi_shape_in(c, 0);
    const int type = (int)egi_node_int(c->node, "dtype", c->in[0].type);
    const double k = (double)egi_node_int(c->node, "k", 0);
    if (s.rank != 2 || egi_onnx_type(type) == NULL) {
        egi_call_fail(c, EG_ERR_UNSUPPORTED, "rank %zu, expected 2, of %s", s.rank,
                      egi_onnx_type_name(type));
        return;
    }
    const eg_var from = triangle(c, s.dim[0], s.dim[1], k);
    const eg_var y = eg_sub(c->t, from, triangle(c, s.dim[0], s.dim[1], k + 1));
    egi_give(c, 0, type, egi_dtype_of(type) == EG_F32 ? y : eg_cast(c->t, y, egi_dtype_of(type)));
}

void egi_build_trilu(struct egi_onnx_call *c)
{
    const eg_shape s = egi_shape_in(c, 0);
    const double k = egi_number_in(c, 1, 0);
    const int upper = egi_node_int(c->node, "upper", 1) != 0;
    if (s.rank < 2) egi_call_fail(c, EG_ERR_SHAPE, "rank %zu, expected 2 or more", s.rank);
    if (!egi_call_ok(c)) return;
    const size_t rows = s.dim[s.rank - 2], columns = s.dim[s.rank - 1];
    eg_var keep = triangle(c, rows, columns, upper ? k : k + 1);
    if (!upper) keep = egi_not(c, keep);
    const eg_dtype dtype = eg_tape_dtype(c->t, egi_in(c, 0));
    if (dtype != EG_F32) keep = eg_cast(c->t, keep, dtype);
    egi_give(c, 0, c->in[0].type, eg_gate(c->t, egi_in(c, 0), keep));
}

/* off + (on - off) [index = place], the places a new axis; an index outside is nowhere. */
void egi_build_one_hot(struct egi_onnx_call *c)
{
    eg_tape *t = c->t;
    size_t n;
    const double depth = egi_number_in(c, 1, 0);
    const double *values = egi_numbers(c, 2, &n);
    const eg_shape own = egi_shape_in(c, 0);
    if (values == NULL) return;
    if (n != 2 || !(depth >= 1 && depth < 0x1p30) || own.rank + 1 > EG_MAX_RANK) {
        egi_call_fail(c, EG_ERR_SHAPE, "%zu values, expected off and on; depth %g, rank %zu", n,
                      depth, own.rank + 1);
        return;
    }
    const double off = values[0], on = values[1];
    const size_t axis = egi_axis_of(c, egi_node_int(c->node, "axis", -1), own.rank + 1);
    const eg_shape places = eg_shape_of((size_t)depth);
    const eg_var place = egi_tape_new(t, EG_F64, &places);
    if (place.id == 0 || !egi_call_ok(c)) return;
    double *p = (double *)(void *)egi_tape_tensor(t, place)->data;
    for (size_t i = 0; i < places.dim[0]; i++) p[i] = (double)i;
    eg_var index = egi_in(c, 0);
    if (eg_tape_dtype(t, index) != EG_F64) index = eg_cast(t, index, EG_F64);
    const eg_var below = eg_step(t, eg_neg(t, index));
    index = eg_add(t, index, eg_affine(t, below, depth, 0));
    eg_shape with = { .rank = own.rank + 1 }, line = { .rank = own.rank + 1 };
    for (size_t i = 0, at = 0; i < with.rank; i++) {
        with.dim[i] = i == axis ? 1 : own.dim[at++];
        line.dim[i] = i == axis ? places.dim[0] : 1;
    }
    index = eg_reshape(t, index, &with);
    const eg_var at = eg_reshape(t, place, &line);
    const eg_var hot = eg_mul(t, eg_at_least(t, index, at), eg_at_least(t, at, index));
    const eg_var y = eg_affine(t, hot, on - off, off);
    const eg_dtype dtype = egi_dtype_of(c->in[2].type);
    egi_give(c, 0, c->in[2].type, dtype == EG_F64 ? y : eg_cast(t, y, dtype));
}
