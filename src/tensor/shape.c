/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/tensor.h"

static const struct {
    const char *name;
    size_t size;
} dtypes[EG_DTYPE_COUNT] = {
    [EG_F32] = { "f32", sizeof(float) },
    [EG_F64] = { "f64", sizeof(double) },
    [EG_I32] = { "i32", sizeof(int32_t) },
};

size_t eg_shape_size(const eg_shape *shape)
{
    size_t size = 1;
    for (size_t i = 0; i < shape->rank; i++)
        if (shape->dim[i] == 0) return 0;
    for (size_t i = 0; i < shape->rank; i++) {
        if (size > SIZE_MAX / shape->dim[i]) return SIZE_MAX;
        size *= shape->dim[i];
    }
    return size;
}

size_t eg_dtype_size(eg_dtype dtype)
{
    return dtypes[dtype].size;
}

const char *eg_dtype_name(eg_dtype dtype)
{
    return dtypes[dtype].name;
}
