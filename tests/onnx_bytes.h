/* Small networks for the tests of what reads ONNX. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_ONNX_BYTES_H
#define TESTS_ONNX_BYTES_H

#include "model/egi_onnx_maker.h"

/* Numbers that follow from their place. */
static inline void onnx_numbers(float *x, size_t n, double scale)
{
    for (size_t i = 0; i < n; i++)
        x[i] = (float)(scale * (double)((i * 37 + 11) % 23) - scale * 11);
}

static inline void onnx_weight(struct egi_maker *k, const char *name, const eg_shape *shape,
                               double scale)
{
    float x[2048];
    onnx_numbers(x, eg_shape_size(shape), scale);
    egi_maker_constant(k, name, EGI_ONNX_FLOAT, shape, x);
}

static inline void onnx_ints(struct egi_maker *k, const char *name, size_t n, const int64_t *x)
{
    egi_maker_constant(k, name, EGI_ONNX_INT64, &eg_shape_of(n), x);
}

/* Picture (B, 3, 8, 8): convolution, norm, activation, pool, a shape made of numbers, classes. The
 * bytes are out's, to be cleared with egi_bytes_clear(). */
static inline void onnx_small_network(struct egi_bytes *out)
{
    struct egi_maker k;
    const int64_t pads[4] = { 1, 1, 1, 1 }, two[2] = { 2, 2 }, zero[1] = { 0 }, rest[1] = { -1 };
    const float variance[4] = { 1, 2, 0.5f, 4 };
    egi_maker_begin(&k, eg_allocator_default(), 13);
    egi_maker_port(&k, EGI_MAKER_INPUT, "picture", EGI_ONNX_FLOAT, &eg_shape_of(7, 3, 8, 8), 7);
    onnx_weight(&k, "conv.weight", &eg_shape_of(4, 3, 3, 3), 0.03);
    onnx_weight(&k, "conv.bias", &eg_shape_of(4), 0.1);
    onnx_weight(&k, "norm.scale", &eg_shape_of(4), 0.2);
    onnx_weight(&k, "norm.shift", &eg_shape_of(4), 0.05);
    onnx_weight(&k, "norm.mean", &eg_shape_of(4), 0.01);
    egi_maker_constant(&k, "norm.variance", EGI_ONNX_FLOAT, &eg_shape_of(4), variance);
    onnx_weight(&k, "fc.weight", &eg_shape_of(5, 64), 0.02);
    onnx_weight(&k, "fc.bias", &eg_shape_of(5), 0.1);
    onnx_ints(&k, "zero", 1, zero);
    onnx_ints(&k, "rest", 1, rest);
    const struct egi_made_attr conv[] = { EGI_ATTR_OF_INTS("pads", pads, 4), EGI_ATTR_END };
    const struct egi_made_attr norm[] = { EGI_ATTR_OF_FLOAT("epsilon", 1e-3), EGI_ATTR_END };
    const struct egi_made_attr pool[] = { EGI_ATTR_OF_INTS("kernel_shape", two, 2),
                                          EGI_ATTR_OF_INTS("strides", two, 2), EGI_ATTR_END };
    const struct egi_made_attr axis[] = { EGI_ATTR_OF_INT("axis", 0), EGI_ATTR_END };
    const struct egi_made_attr gemm[] = { EGI_ATTR_OF_INT("transB", 1), EGI_ATTR_END };
    egi_maker_node(&k, "Conv", "picture conv.weight conv.bias", "a", conv);
    egi_maker_node(&k, "BatchNormalization", "a norm.scale norm.shift norm.mean norm.variance", "b",
                   norm);
    egi_maker_node(&k, "Relu", "b", "c", NULL);
    egi_maker_node(&k, "MaxPool", "c", "d", pool);
    egi_maker_node(&k, "Shape", "d", "shape", NULL);
    egi_maker_node(&k, "Gather", "shape zero", "batch", axis);
    egi_maker_node(&k, "Concat", "batch rest", "flat_shape", axis);
    egi_maker_node(&k, "Reshape", "d flat_shape", "features", NULL);
    egi_maker_node(&k, "Gemm", "features fc.weight fc.bias", "logits", gemm);
    egi_maker_port(&k, EGI_MAKER_OUTPUT, "features", EGI_ONNX_FLOAT, &eg_shape_of(7, 64), 7);
    egi_maker_port(&k, EGI_MAKER_OUTPUT, "logits", EGI_ONNX_FLOAT, &eg_shape_of(7, 5), 7);
    egi_maker_meta(&k, "input_zero", "128");
    egi_maker_meta(&k, "input_scale", "0.0078125");
    *out = (struct egi_bytes){ .alloc = eg_allocator_default() };
    if (egi_maker_finish(&k, out) != EG_OK) abort();
}

#endif
