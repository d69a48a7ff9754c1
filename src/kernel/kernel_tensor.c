/* Elementwise and line kernels of tensors, one body for both types. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "kernel/egi_kernel_tensor.h"

enum { LANES = 16, FOLD_BLOCK = 1024 };

#define REAL float
#define NAME(x) x##_f32
#define ONE 1.0f
#define M(function) function##f
#include "kernel/kernel_tensor_body.h"
#undef REAL
#undef NAME
#undef ONE
#undef M

#define REAL double
#define NAME(x) x##_f64
#define ONE 1.0
#define M(function) function
#include "kernel/kernel_tensor_body.h"

static void copy_i32(char *const *p, const ptrdiff_t *stride, size_t n, const void *arg)
{
    (void)arg;
    int32_t *o = (int32_t *)(void *)p[0];
    const int32_t *x = (const int32_t *)(void *)p[1];
    for (size_t i = 0; i < n; i++) o[(ptrdiff_t)i * stride[0]] = x[(ptrdiff_t)i * stride[1]];
}

static void fill_i32(char *const *p, const ptrdiff_t *stride, size_t n, const void *arg)
{
    int32_t *o = (int32_t *)(void *)p[0];
    const int32_t value = (int32_t)((const double *)arg)[0];
    for (size_t i = 0; i < n; i++) o[(ptrdiff_t)i * stride[0]] = value;
}

/* Towards zero; NaN and what i32 cannot hold become INT32_MIN. */
#define TO_I32(type)                                                                              \
    static void to_i32_##type(char *const *p, const ptrdiff_t *stride, size_t n, const void *arg) \
    {                                                                                             \
        (void)arg;                                                                                \
        int32_t *o = (int32_t *)(void *)p[0];                                                     \
        const type *x = (const type *)(void *)p[1];                                               \
        for (size_t i = 0; i < n; i++) {                                                          \
            const double v = (double)x[(ptrdiff_t)i * stride[1]];                                 \
            o[(ptrdiff_t)i * stride[0]] =                                                         \
                v > -2147483649.0 && v < 2147483648.0 ? (int32_t)v : INT32_MIN;                   \
        }                                                                                         \
    }
TO_I32(float)
TO_I32(double)

static void take_i32(void *out, const void *in, const int32_t *at, size_t m)
{
    int32_t *o = out;
    const int32_t *x = in;
    for (size_t i = 0; i < m; i++) o[i] = x[at[i]];
}

const struct egi_tensor_kernels egi_tensor_kernels_i32 = { .unary = { [EGI_K_COPY] = copy_i32 },
                                                           .fill = fill_i32,
                                                           .from_f32 = to_i32_float,
                                                           .from_f64 = to_i32_double,
                                                           .from_i32 = copy_i32,
                                                           .take = take_i32 };
