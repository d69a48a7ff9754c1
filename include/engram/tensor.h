/* engram/tensor.h - the shape and element type of an array of any rank. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_TENSOR_H
#define ENGRAM_TENSOR_H

#include <stddef.h>
#include <stdint.h>

#include "engram/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef enum eg_dtype { EG_F32, EG_F64, EG_I32, EG_DTYPE_COUNT } eg_dtype;

enum { EG_MAX_RANK = 6 };

/* dim[0] is the slowest axis (row-major). Rank 0 is one number. */
typedef struct eg_shape {
    size_t rank;
    size_t dim[EG_MAX_RANK];
} eg_shape;

/* eg_shape_of(B, D): a shape written where it is used. */
#define eg_shape_of(...) \
    ((eg_shape){ sizeof((size_t[]){ __VA_ARGS__ }) / sizeof(size_t), { __VA_ARGS__ } })

/* Numbers in an array of this shape; 1 for rank 0. SIZE_MAX where that does not fit. */
EG_API size_t eg_shape_size(const eg_shape *shape);

/* Bytes of one element. */
EG_API size_t eg_dtype_size(eg_dtype dtype);
EG_API const char *eg_dtype_name(eg_dtype dtype); /* "f32", "f64", "i32" */

#ifdef __cplusplus
}
#endif
#endif
