/* An array as it lies in memory: element type, shape, strides. Views share the memory. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_TENSOR_H
#define EGI_TENSOR_H

#include "base/egi_base.h"
#include "engram/tensor.h"
#include "kernel/egi_kernel_tensor.h"

struct egi_tensor {
    eg_dtype dtype;
    eg_shape shape;
    ptrdiff_t stride[EG_MAX_RANK]; /* in elements; 0 along a broadcast axis */
    char *data;
};

/* tensor.c - views. None allocates; all trust their arguments. */

/* Row-major and without gaps. */
struct egi_tensor egi_tensor_of(eg_dtype dtype, const eg_shape *shape, void *data);
int egi_tensor_contiguous(const struct egi_tensor *x);
/* Axis i of the result is axis order[i] of x. */
struct egi_tensor egi_tensor_permute(const struct egi_tensor *x, const size_t *order);
/* x repeated along axes of size 1 and along new ones in front; shape is a broadcast of x's. */
struct egi_tensor egi_tensor_broadcast(const struct egi_tensor *x, const eg_shape *shape);
/* From element `begin` of an axis `count` of them, `step` apart (step may be negative). */
struct egi_tensor egi_tensor_slice(const struct egi_tensor *x, size_t axis, size_t begin,
                                   size_t count, ptrdiff_t step);
/* The same elements in the same order under another shape of the same size; 0 where strides do
 * not allow it without a copy. */
int egi_tensor_reshape(const struct egi_tensor *x, const eg_shape *shape, struct egi_tensor *out);

int egi_shape_equal(const eg_shape *a, const eg_shape *b);
/* "(2, 3, 4)", for messages; holds EG_MAX_RANK sizes. */
enum { EGI_SHAPE_TEXT = 24 * EG_MAX_RANK };
const char *egi_shape_text(const eg_shape *shape, char text[EGI_SHAPE_TEXT]);
/* Whether offsets into it fit, also where a dimension is 0: the others multiply to at most 2^60. */
int egi_shape_fits(const eg_shape *shape);
/* The shape both broadcast to (NumPy's rule), or EG_ERR_SHAPE with both in the detail. */
eg_status egi_shape_broadcast(const eg_shape *a, const eg_shape *b, const char *what,
                              eg_shape *out);

/* loop.c - the same work on every element of several arrays of one shape. */
enum { EGI_LOOP_MAX = 4 };

/**
 * Run f over all elements of x[0..count). Axes that lie in one line are merged; the work is cut
 * into blocks whose size does not depend on the number of threads.
 * An array that is written must not have stride 0 along an axis longer than 1, except by
 * egi_loop_reduce.
 */
void egi_loop(const struct egi_tensor *x, size_t count, egi_inner *f, const void *arg, int threads);

/**
 * The same where x[0] is written and has stride 0 along the axes it is reduced over: f is called
 * for one element of x[0] at a time, or one line of them, always in the order of the axes; threads
 * share only axes that are not reduced. The caller has set x[0] to the neutral element.
 */
void egi_loop_reduce(const struct egi_tensor *x, size_t count, egi_inner *f, const void *arg,
                     int threads);

#endif
