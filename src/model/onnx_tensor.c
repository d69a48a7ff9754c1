/* Tensors of an ONNX file: dims, an element type, and the elements either as raw little-endian
 * bytes or as a list of numbers whose field goes by the type (float16 and all narrow integers in
 * int32_data). Elements are counted before anything is allocated. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "model/egi_onnx.h"

#define WHOLE(name, dtype, least, most, bytes, field)              \
    {                                                              \
        name, dtype, 1, least, most, bytes, EGI_WIRE_VARINT, field \
    }
static const struct egi_onnx_type_row types[] = {
    [EGI_ONNX_FLOAT] = { "float", EG_F32, 0, 0, 0, 4, EGI_WIRE_32, EGI_TENSOR_FLOATS },
    [EGI_ONNX_UINT8] = WHOLE("uint8", EG_F32, 0, 255, 1, EGI_TENSOR_INT32),
    [EGI_ONNX_INT8] = WHOLE("int8", EG_F32, -128, 127, 1, EGI_TENSOR_INT32),
    [EGI_ONNX_UINT16] = WHOLE("uint16", EG_F32, 0, 65535, 2, EGI_TENSOR_INT32),
    [EGI_ONNX_INT16] = WHOLE("int16", EG_F32, -32768, 32767, 2, EGI_TENSOR_INT32),
    [EGI_ONNX_INT32] = WHOLE("int32", EG_F64, -0x1p31, 0x1p31 - 1, 4, EGI_TENSOR_INT32),
    [EGI_ONNX_INT64] = WHOLE("int64", EG_F64, -0x1p63, 0x1p63, 8, EGI_TENSOR_INT64),
    [EGI_ONNX_BOOL] = WHOLE("bool", EG_F32, 0, 1, 1, EGI_TENSOR_INT32),
    [EGI_ONNX_FLOAT16] = { "float16", EG_F32, 0, 0, 0, 2, EGI_WIRE_VARINT, EGI_TENSOR_INT32 },
    [EGI_ONNX_DOUBLE] = { "double", EG_F64, 0, 0, 0, 8, EGI_WIRE_64, EGI_TENSOR_DOUBLES },
    [EGI_ONNX_UINT32] = WHOLE("uint32", EG_F64, 0, 0x1p32 - 1, 4, EGI_TENSOR_UINT64),
    [EGI_ONNX_UINT64] = WHOLE("uint64", EG_F64, 0, 0x1p64, 8, EGI_TENSOR_UINT64),
};

const struct egi_onnx_type_row *egi_onnx_type(int64_t type)
{
    const int there = type > 0 && type < (int64_t)EGI_COUNT(types) && types[type].name != NULL;
    return there ? &types[type] : NULL;
}

const char *egi_onnx_type_name(int64_t type)
{
    static const char *const other[] = {
        [0] = "no type", [8] = "string", [14] = "complex64", [15] = "complex128", [16] = "bfloat16"
    };
    const struct egi_onnx_type_row *row = egi_onnx_type(type);
    if (row != NULL) return row->name;
    if (type < 0 || type >= (int64_t)EGI_COUNT(other) || other[type] == NULL)
        return "an unknown type";
    return other[type];
}

/* IEEE 754 binary16: 1 sign, 5 exponent and 10 fraction bits. */
static double half_of(uint64_t bits)
{
    const int exponent = (int)(bits >> 10 & 31), fraction = (int)(bits & 1023);
    const double sign = (bits >> 15 & 1) != 0 ? -1 : 1;
    if (exponent == 31) return fraction != 0 ? NAN : sign * INFINITY;
    if (exponent == 0) return sign * ldexp(fraction, -24);
    return sign * ldexp(1024 + fraction, exponent - 25);
}

/* An element of its bits, sign-extended from `bytes` where it is a signed integer. */
static double number_of(int type, uint64_t bits)
{
    float f;
    double d;
    const uint32_t low = (uint32_t)bits;
    switch (type) {
    case EGI_ONNX_FLOAT:
        memcpy(&f, &low, sizeof f);
        return (double)f;
    case EGI_ONNX_DOUBLE:
        memcpy(&d, &bits, sizeof d);
        return d;
    case EGI_ONNX_FLOAT16:
        return half_of(bits);
    case EGI_ONNX_UINT32:
    case EGI_ONNX_UINT64:
        return (double)bits;
    default:
        return (double)(int64_t)bits;
    }
}

static uint64_t raw_bits(int type, const uint8_t *p)
{
    const struct egi_onnx_type_row *row = &types[type];
    uint64_t bits = 0;
    for (size_t i = 0; i < row->bytes; i++) bits |= (uint64_t)p[i] << (8 * i);
    const int signed_ = row->whole && row->least < 0;
    if (signed_ && row->bytes < 8 && (p[row->bytes - 1] & 128) != 0)
        bits |= ~(uint64_t)0 << (8 * row->bytes);
    return bits;
}

/* Whether f64 says exactly which integer this is; the ends of int64 say "as far as there is". */
static int is_exact(int type, uint64_t bits)
{
    const int64_t v = (int64_t)bits;
    if (type == EGI_ONNX_UINT64) return bits <= (uint64_t)1 << 53;
    return type != EGI_ONNX_INT64 || v == INT64_MAX || v == INT64_MIN
           || (v <= (int64_t)1 << 53 && v >= -((int64_t)1 << 53));
}

static eg_status put(const char *place, struct egi_onnx_data *d, size_t i, uint64_t bits)
{
    const struct egi_onnx_type_row *row = &types[d->type];
    const double v = number_of(d->type, bits);
    if (row->whole && (!is_exact(d->type, bits) || v < row->least || v > row->most))
        return egi_fail(EG_ERR_UNSUPPORTED,
                        "%s: element %zu is %.17g, not a number of %s up to 2^53", place, i, v,
                        row->name);
    if (row->dtype == EG_F32)
        ((float *)d->data)[i] = (float)v;
    else
        ((double *)d->data)[i] = v;
    return EG_OK;
}

static eg_status shape_of(const char *place, struct egi_span tensor, eg_shape *out)
{
    struct egi_list dims = { .message = tensor, .number = EGI_TENSOR_DIMS };
    eg_shape shape = { .rank = 0 };
    uint64_t dim;
    while (egi_list_next(&dims, &dim)) {
        if (shape.rank == EG_MAX_RANK)
            return egi_fail(EG_ERR_UNSUPPORTED, "%s: more than %d dimensions", place, EG_MAX_RANK);
        if (dim > (uint64_t)1 << 48)
            return egi_fail(EG_ERR_CORRUPT, "%s: dimension %zu is %lld", place, shape.rank,
                            (long long)dim);
        shape.dim[shape.rank++] = (size_t)dim;
    }
    if (!egi_shape_fits(&shape))
        return egi_fail(EG_ERR_OVERFLOW, "%s: its dimensions multiply to over 2^60", place);
    *out = shape;
    return EG_OK;
}

/* Elements that are there, whichever way they lie. */
static size_t count_list(struct egi_list l)
{
    uint64_t bits;
    size_t n = 0;
    while (egi_list_next(&l, &bits)) n++;
    return n;
}

static eg_status read_type(const char *place, struct egi_span tensor,
                           const struct egi_onnx_type_row **row, int *type)
{
    const int64_t code = egi_wire_int(tensor, EGI_TENSOR_TYPE, 0);
    if (egi_wire_int(tensor, EGI_TENSOR_LOCATION, 0) != 0
        || egi_wire_count(tensor, EGI_TENSOR_EXTERNAL) > 0)
        return egi_fail(EG_ERR_UNSUPPORTED, "%s: its data are in another file, which is not opened",
                        place);
    *row = egi_onnx_type(code);
    if (*row == NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "%s: elements of %s (%lld)", place,
                        egi_onnx_type_name(code), (long long)code);
    *type = (int)code;
    return EG_OK;
}

static eg_status fill(const char *place, struct egi_span raw, struct egi_list list, size_t n,
                      struct egi_onnx_data *d)
{
    const size_t item = types[d->type].bytes;
    uint64_t bits;
    for (size_t i = 0; raw.n > 0 && i < n; i++)
        EGI_TRY(put(place, d, i, raw_bits(d->type, raw.p + i * item)));
    for (size_t i = 0; raw.n == 0 && i < n && egi_list_next(&list, &bits); i++)
        EGI_TRY(put(place, d, i, bits));
    return EG_OK;
}

eg_status egi_onnx_decode(const char *place, struct egi_span tensor, size_t room,
                          const eg_allocator *alloc, struct egi_onnx_data *out)
{
    const struct egi_onnx_type_row *row;
    struct egi_onnx_data d = { .type = 0 };
    EGI_TRY(read_type(place, tensor, &row, &d.type));
    EGI_TRY(shape_of(place, tensor, &d.shape));
    const size_t n = eg_shape_size(&d.shape);
    const struct egi_span raw = egi_wire_bytes(tensor, EGI_TENSOR_RAW);
    const struct egi_list list = { .message = tensor, .number = row->field, .item = row->item };
    const size_t have = raw.n > 0 ? raw.n / row->bytes : count_list(list);
    if (have != n || (raw.n > 0 && raw.n % row->bytes != 0))
        return egi_fail(EG_ERR_CORRUPT, "%s: %zu elements of %s, its dimensions say %zu", place,
                        have, row->name, n);
    d.bytes = n * eg_dtype_size(row->dtype);
    if (d.bytes > room)
        return egi_fail(EG_ERR_LIMIT, "%s: %zu bytes, expected up to the %zu that are left", place,
                        d.bytes, room);
    d.bytes = d.bytes > 0 ? d.bytes : 1;
    EGI_TRY(egi_alloc_array(alloc, d.bytes, 1, place, &d.data));
    const eg_status s = fill(place, raw, list, n, &d);
    if (s != EG_OK) {
        egi_free(alloc, d.data, d.bytes);
        return s;
    }
    *out = d;
    return EG_OK;
}
