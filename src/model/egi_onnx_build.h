/* The builders that rows of the table of operators point to, by file, with the kinds that tell
 * rows of one builder apart. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_ONNX_BUILD_H
#define EGI_ONNX_BUILD_H

#include "model/egi_onnx_call.h"

typedef void egi_onnx_builder(struct egi_onnx_call *c);

/* onnx_math.c */
enum egi_math_kind {
    EGI_MATH_EQUAL,
    EGI_MATH_GREATER,
    EGI_MATH_GREATER_EQUAL,
    EGI_MATH_LESS,
    EGI_MATH_LESS_EQUAL
};
egi_onnx_builder egi_build_unary, egi_build_binary, egi_build_variadic, egi_build_mean,
    egi_build_divide, egi_build_compare, egi_build_logic, egi_build_not, egi_build_where,
    egi_build_pow, egi_build_mod, egi_build_cast, egi_build_cast_like, egi_build_clip,
    egi_build_is_nan, egi_build_is_inf;

/* onnx_activation.c: y = f(x; alpha, beta) */
enum egi_activation_kind {
    EGI_ACT_LEAKY,
    EGI_ACT_ELU,
    EGI_ACT_SELU,
    EGI_ACT_CELU,
    EGI_ACT_HARD_SIGMOID,
    EGI_ACT_HARD_SWISH,
    EGI_ACT_THRESHOLDED,
    EGI_ACT_SHRINK,
    EGI_ACT_SOFTSIGN,
    EGI_ACT_TAN,
    EGI_ACT_SINH,
    EGI_ACT_COSH
};
enum egi_softmax_kind { EGI_SOFTMAX, EGI_LOG_SOFTMAX, EGI_HARDMAX };
egi_onnx_builder egi_build_activation, egi_build_prelu, egi_build_softmax, egi_build_dropout;

/* onnx_shape.c */
egi_onnx_builder egi_build_identity, egi_build_reshape, egi_build_flatten, egi_build_squeeze,
    egi_build_unsqueeze, egi_build_transpose, egi_build_expand, egi_build_tile, egi_build_concat,
    egi_build_split, egi_build_slice, egi_build_pad, egi_build_depth_to_space,
    egi_build_space_to_depth;

/* onnx_make.c */
egi_onnx_builder egi_build_constant, egi_build_filled, egi_build_shape, egi_build_size,
    egi_build_range, egi_build_eye, egi_build_trilu, egi_build_one_hot;

/* onnx_gather.c */
egi_onnx_builder egi_build_gather, egi_build_gather_elements, egi_build_resize;

/* onnx_scatter.c */
egi_onnx_builder egi_build_gather_nd, egi_build_scatter_nd, egi_build_scatter_elements;

/* onnx_reduce.c */
enum egi_reduce_kind {
    EGI_REDUCE_SUM,
    EGI_REDUCE_MEAN,
    EGI_REDUCE_MAX,
    EGI_REDUCE_MIN,
    EGI_REDUCE_PROD,
    EGI_REDUCE_L1,
    EGI_REDUCE_L2,
    EGI_REDUCE_LOG_SUM,
    EGI_REDUCE_LOG_SUM_EXP,
    EGI_REDUCE_SUM_SQUARE
};
enum egi_arg_kind { EGI_ARG_MAX, EGI_ARG_MIN };
egi_onnx_builder egi_build_reduce, egi_build_arg, egi_build_cumsum;

/* onnx_window.c */
enum egi_pool_kind { EGI_POOL_MAX, EGI_POOL_AVERAGE };
egi_onnx_builder egi_build_conv, egi_build_conv_transpose, egi_build_conv_integer, egi_build_pool,
    egi_build_global_pool;
struct egi_onnx_window {
    size_t axes; /* 1 or 2 */
    size_t in[2], kernel[2], stride[2], dilation[2], before[2], after[2];
    size_t beyond[2]; /* what the last window reaches past all that, when sizes are rounded up */
    int round_up;
};
/* The window of a node over x. 0: a failure. kernel: of the weights, or NULL: an attribute. */
int egi_onnx_window_of(struct egi_onnx_call *c, eg_var x, const size_t *kernel,
                       struct egi_onnx_window *w);
size_t egi_onnx_groups(struct egi_onnx_call *c); /* at least 1 */
/* x convolved as the node's attributes say. */
eg_var egi_onnx_conv(struct egi_onnx_call *c, eg_var x, eg_var w);

/* onnx_linear.c */
egi_onnx_builder egi_build_matmul, egi_build_gemm, egi_build_matmul_integer;
eg_var egi_onnx_matmul(struct egi_onnx_call *c, eg_var x, eg_var y);

/* onnx_norm.c */
egi_onnx_builder egi_build_batch_norm, egi_build_instance_norm, egi_build_layer_norm, egi_build_lrn,
    egi_build_mvn;

/* onnx_quantise.c */
egi_onnx_builder egi_build_quantise, egi_build_dequantise, egi_build_dynamic_quantise,
    egi_build_qlinear_matmul, egi_build_qlinear_conv;

/* onnx_recurrent.c */
egi_onnx_builder egi_build_lstm, egi_build_gru, egi_build_rnn;

/* onnx_freeze.c - a node as a step of a frozen network; EG_NOT_FOUND: it is none. */
egi_onnx_freezer egi_freeze_conv, egi_freeze_pool, egi_freeze_global_pool, egi_freeze_gemm,
    egi_freeze_relu, egi_freeze_clip, egi_freeze_act, egi_freeze_add, egi_freeze_concat,
    egi_freeze_same;

#endif
