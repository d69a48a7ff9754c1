/* What rows of the table of operators are written with: attributes of a node, its inputs as values
 * of the tape or as numbers, and failures that the tape carries on. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_ONNX_CALL_H
#define EGI_ONNX_CALL_H

#include "model/egi_onnx.h"

/* onnx_call.c - attributes by name. */
int64_t egi_node_int(const struct egi_onnx_node *n, const char *name, int64_t missing);
double egi_node_float(const struct egi_onnx_node *n, const char *name, double missing);
/* The message of an attribute; 0: there is none. */
int egi_node_attr(const struct egi_onnx_node *n, const char *name, struct egi_span *out);
/* A text; empty where there is none. */
struct egi_span egi_node_text(const struct egi_onnx_node *n, const char *name);
/* A list of at most `room` integers, its length in *count (0: there is none); a failure of the
 * tape where it is longer. */
void egi_node_ints(const struct egi_onnx_call *c, const char *name, size_t room, int64_t *out,
                   size_t *count);

/* Make the tape fail; the node is named by the runner. */
#define egi_call_fail(c, status, ...) ((void)egi_tape_fail((c)->t, egi_fail(status, __VA_ARGS__)))
int egi_call_ok(const struct egi_onnx_call *c);

int egi_has(const struct egi_onnx_call *c, size_t k);   /* input k is there */
eg_var egi_in(const struct egi_onnx_call *c, size_t k); /* EG_NONE where it is not */
eg_shape egi_shape_in(const struct egi_onnx_call *c, size_t k);
void egi_give(struct egi_onnx_call *c, size_t k, int type, eg_var v);
int egi_is_whole(int type);
eg_dtype egi_dtype_of(int type);

/* The elements of input k as doubles; NULL after a failure, such as that they are known only
 * when the network runs. */
const double *egi_numbers(struct egi_onnx_call *c, size_t k, size_t *n);
/* The only element of input k, or `missing` where it is not there. */
double egi_number_in(struct egi_onnx_call *c, size_t k, double missing);
/* A list of integers that is an attribute in old opsets, and input k in new ones. */
void egi_ints_of(struct egi_onnx_call *c, const char *name, size_t k, size_t room, int64_t *out,
                 size_t *count);
/* An axis counted from the end where negative; a failure where it is outside. */
size_t egi_axis_of(struct egi_onnx_call *c, int64_t axis, size_t rank);
/* Whole numbers as an index into `size` places: negative ones count from the end. */
eg_var egi_index_of(struct egi_onnx_call *c, size_t k, size_t size);

/* A constant of n numbers on the tape, of the type. */
eg_var egi_made(struct egi_onnx_call *c, int type, const eg_shape *shape, const double *numbers);
/* All elements of a shape one number. */
eg_var egi_filled(struct egi_onnx_call *c, int type, const eg_shape *shape, double number);
/* 1 - x of booleans; x where cond is 1, else y, with nothing of the other (not even NaN). */
eg_var egi_not(struct egi_onnx_call *c, eg_var x);
eg_var egi_choose(struct egi_onnx_call *c, eg_var cond, eg_var x, eg_var y);
/* x (.., A, ..) as (before, A, after). */
eg_var egi_three(struct egi_onnx_call *c, eg_var x, size_t axis);

/* onnx_math.c - whole numbers of narrow types wrap round, as the type does. */
eg_var egi_wrap(struct egi_onnx_call *c, int type, eg_var x);
/* onnx_shape.c - x with `before` and `after` elements of a number around axis 'axis'. */
eg_var egi_pad_with(struct egi_onnx_call *c, eg_var x, size_t axis, size_t before, size_t after,
                    double number);

#endif
