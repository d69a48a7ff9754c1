/* The table of operators: name, opsets of files, inputs (least to most) and outputs, which inputs
 * are weights, and what it is made of on a tape. A row is for all opsets from the first in which
 * the operator means what the builder does; builders know the few places where opsets differ. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "model/egi_onnx_build.h"

#define IN(k) (1u << (k))
#ifdef EG_SMALL
#define FREEZE(f) NULL
#else
#define FREEZE(f) f /* what it is in a frozen network (onnx_freeze.c) */
#endif
#define ROW(id, first, last, least, most, outs, ...)         \
    {                                                        \
        { #id, first, last }, least, most, outs, __VA_ARGS__ \
    }
#define UNARY(id, first, f) ROW(id, first, 17, 1, 1, 1, 0, .build = egi_build_unary, .unary = f)
#define UNARY_FROZEN(id, first, f, z) \
    ROW(id, first, 17, 1, 1, 1, 0, .build = egi_build_unary, .unary = f, .freeze = FREEZE(z))
#define BINARY(id, f) ROW(id, 7, 17, 2, 2, 1, IN(0) | IN(1), .build = egi_build_binary, .binary = f)
#define MANY(id, first, f) \
    ROW(id, first, 17, 1, 256, 1, 0, .build = egi_build_variadic, .binary = f)
#define ACTIVATION(id, first, k) \
    ROW(id, first, 17, 1, 1, 1, 0, .build = egi_build_activation, .kind = k)
#define COMPARE(id, first, k) ROW(id, first, 17, 2, 2, 1, 0, .build = egi_build_compare, .kind = k)
#define LOGIC(id, f) ROW(id, 7, 17, 2, 2, 1, 0, .build = egi_build_logic, .binary = f)
#define REDUCE(id, most, k) ROW(id, 1, 17, 1, most, 1, 0, .build = egi_build_reduce, .kind = k)
#define KIND(id, first, f, k) ROW(id, first, 17, 1, 1, 1, 0, .build = f, .kind = k)
#define PLAIN(id, first, least, most, f) ROW(id, first, 17, least, most, 1, 0, .build = f)
#define KIND_FROZEN(id, first, f, k, z) \
    ROW(id, first, 17, 1, 1, 1, 0, .build = f, .kind = k, .freeze = FREEZE(z))
#define PLAIN_FROZEN(id, first, least, most, f, z) \
    ROW(id, first, 17, least, most, 1, 0, .build = f, .freeze = FREEZE(z))

static const struct egi_onnx_row rows[] = {
    UNARY(Abs, 6, eg_abs),
    UNARY(Ceil, 6, eg_ceil),
    UNARY(Cos, 7, eg_cos),
    UNARY(Erf, 9, eg_erf),
    UNARY(Exp, 6, eg_exp),
    UNARY(Floor, 6, eg_floor),
    UNARY(Log, 6, eg_log),
    UNARY(Neg, 6, eg_neg),
    UNARY(Reciprocal, 6, eg_reciprocal),
    UNARY_FROZEN(Relu, 6, eg_relu, egi_freeze_relu),
    UNARY(Round, 11, eg_round),
    UNARY_FROZEN(Sigmoid, 6, eg_sigmoid, egi_freeze_act),
    UNARY(Sign, 9, eg_sign),
    UNARY(Sin, 7, eg_sin),
    UNARY(Softplus, 1, eg_softplus),
    UNARY(Sqrt, 6, eg_sqrt),
    UNARY_FROZEN(Tanh, 6, eg_tanh, egi_freeze_act),
    ACTIVATION(Celu, 12, EGI_ACT_CELU),
    ACTIVATION(Cosh, 9, EGI_ACT_COSH),
    KIND_FROZEN(Elu, 6, egi_build_activation, EGI_ACT_ELU, egi_freeze_act),
    ACTIVATION(HardSigmoid, 6, EGI_ACT_HARD_SIGMOID),
    KIND_FROZEN(HardSwish, 14, egi_build_activation, EGI_ACT_HARD_SWISH, egi_freeze_act),
    KIND_FROZEN(LeakyRelu, 6, egi_build_activation, EGI_ACT_LEAKY, egi_freeze_act),
    ACTIVATION(Selu, 6, EGI_ACT_SELU),
    ACTIVATION(Shrink, 9, EGI_ACT_SHRINK),
    ACTIVATION(Sinh, 9, EGI_ACT_SINH),
    ACTIVATION(Softsign, 1, EGI_ACT_SOFTSIGN),
    ACTIVATION(Tan, 7, EGI_ACT_TAN),
    ACTIVATION(ThresholdedRelu, 10, EGI_ACT_THRESHOLDED),
    ROW(PRelu, 7, 17, 2, 2, 1, IN(1), .build = egi_build_prelu),
    KIND(Softmax, 1, egi_build_softmax, EGI_SOFTMAX),
    KIND(LogSoftmax, 1, egi_build_softmax, EGI_LOG_SOFTMAX),
    KIND(Hardmax, 1, egi_build_softmax, EGI_HARDMAX),
    ROW(Dropout, 7, 17, 1, 3, 2, 0, .build = egi_build_dropout, .freeze = FREEZE(egi_freeze_same)),
    PLAIN_FROZEN(Clip, 6, 1, 3, egi_build_clip, egi_freeze_clip),

    ROW(Add, 7, 17, 2, 2, 1, IN(0) | IN(1), .build = egi_build_binary, .binary = eg_add,
        .freeze = FREEZE(egi_freeze_add)),
    BINARY(Sub, eg_sub),
    BINARY(Mul, eg_mul),
    ROW(Div, 7, 17, 2, 2, 1, IN(0) | IN(1), .build = egi_build_divide),
    PLAIN(Mod, 10, 2, 2, egi_build_mod),
    PLAIN(Pow, 7, 2, 2, egi_build_pow),
    MANY(Max, 8, eg_maximum),
    MANY(Min, 8, eg_minimum),
    ROW(Sum, 8, 17, 1, 256, 1, 0, .build = egi_build_variadic, .binary = eg_add,
        .freeze = FREEZE(egi_freeze_add)),
    ROW(Mean, 8, 17, 1, 256, 1, 0, .build = egi_build_mean, .binary = eg_add),
    COMPARE(Equal, 7, EGI_MATH_EQUAL),
    COMPARE(Greater, 7, EGI_MATH_GREATER),
    COMPARE(GreaterOrEqual, 12, EGI_MATH_GREATER_EQUAL),
    COMPARE(Less, 7, EGI_MATH_LESS),
    COMPARE(LessOrEqual, 12, EGI_MATH_LESS_EQUAL),
    LOGIC(And, eg_mul),
    LOGIC(Or, eg_maximum),
    LOGIC(Xor, NULL),
    PLAIN(Not, 1, 1, 1, egi_build_not),
    PLAIN(Where, 9, 3, 3, egi_build_where),
    PLAIN(Cast, 6, 1, 1, egi_build_cast),
    PLAIN(CastLike, 15, 2, 2, egi_build_cast_like),
    PLAIN(IsInf, 10, 1, 1, egi_build_is_inf),
    PLAIN(IsNaN, 9, 1, 1, egi_build_is_nan),

    ROW(MatMul, 1, 17, 2, 2, 1, IN(0) | IN(1), .build = egi_build_matmul),
    ROW(Gemm, 7, 17, 2, 3, 1, IN(1) | IN(2), .build = egi_build_gemm,
        .freeze = FREEZE(egi_freeze_gemm)),
    ROW(Conv, 1, 17, 2, 3, 1, IN(1) | IN(2), .build = egi_build_conv,
        .freeze = FREEZE(egi_freeze_conv)),
    ROW(ConvTranspose, 1, 17, 2, 3, 1, IN(1) | IN(2), .build = egi_build_conv_transpose),
    KIND_FROZEN(MaxPool, 1, egi_build_pool, EGI_POOL_MAX, egi_freeze_pool),
    KIND_FROZEN(AveragePool, 1, egi_build_pool, EGI_POOL_AVERAGE, egi_freeze_pool),
    KIND_FROZEN(GlobalMaxPool, 1, egi_build_global_pool, EGI_POOL_MAX, egi_freeze_global_pool),
    KIND_FROZEN(GlobalAveragePool, 1, egi_build_global_pool, EGI_POOL_AVERAGE,
                egi_freeze_global_pool),
    ROW(BatchNormalization, 7, 17, 5, 5, 1, IN(1) | IN(2), .build = egi_build_batch_norm),
    ROW(InstanceNormalization, 6, 17, 3, 3, 1, IN(1) | IN(2), .build = egi_build_instance_norm),
    ROW(LayerNormalization, 17, 17, 2, 3, 3, IN(1) | IN(2), .build = egi_build_layer_norm),
    PLAIN(LRN, 1, 1, 1, egi_build_lrn),
    PLAIN(MeanVarianceNormalization, 9, 1, 1, egi_build_mvn),
    ROW(LSTM, 7, 17, 3, 8, 3, IN(1) | IN(2) | IN(3), .build = egi_build_lstm),
    ROW(GRU, 7, 17, 3, 6, 2, IN(1) | IN(2) | IN(3), .build = egi_build_gru),
    ROW(RNN, 7, 17, 3, 6, 2, IN(1) | IN(2) | IN(3), .build = egi_build_rnn),

    REDUCE(ReduceL1, 1, EGI_REDUCE_L1),
    REDUCE(ReduceL2, 1, EGI_REDUCE_L2),
    REDUCE(ReduceLogSum, 1, EGI_REDUCE_LOG_SUM),
    REDUCE(ReduceLogSumExp, 1, EGI_REDUCE_LOG_SUM_EXP),
    REDUCE(ReduceMax, 1, EGI_REDUCE_MAX),
    REDUCE(ReduceMean, 1, EGI_REDUCE_MEAN),
    REDUCE(ReduceMin, 1, EGI_REDUCE_MIN),
    REDUCE(ReduceProd, 1, EGI_REDUCE_PROD),
    REDUCE(ReduceSum, 2, EGI_REDUCE_SUM),
    REDUCE(ReduceSumSquare, 1, EGI_REDUCE_SUM_SQUARE),
    KIND(ArgMax, 1, egi_build_arg, EGI_ARG_MAX),
    KIND(ArgMin, 1, egi_build_arg, EGI_ARG_MIN),
    PLAIN(CumSum, 11, 2, 2, egi_build_cumsum),

    PLAIN_FROZEN(Identity, 1, 1, 1, egi_build_identity, egi_freeze_same),
    PLAIN_FROZEN(Reshape, 5, 2, 2, egi_build_reshape, egi_freeze_same),
    PLAIN_FROZEN(Flatten, 1, 1, 1, egi_build_flatten, egi_freeze_same),
    PLAIN_FROZEN(Squeeze, 1, 1, 2, egi_build_squeeze, egi_freeze_same),
    PLAIN(Unsqueeze, 1, 1, 2, egi_build_unsqueeze),
    PLAIN(Transpose, 1, 1, 1, egi_build_transpose),
    PLAIN(Expand, 8, 2, 2, egi_build_expand),
    PLAIN(Tile, 6, 2, 2, egi_build_tile),
    PLAIN_FROZEN(Concat, 4, 1, 256, egi_build_concat, egi_freeze_concat),
    ROW(Split, 2, 17, 1, 2, 64, 0, .build = egi_build_split),
    PLAIN(Slice, 1, 1, 5, egi_build_slice),
    PLAIN(Pad, 2, 1, 3, egi_build_pad),
    PLAIN(DepthToSpace, 1, 1, 1, egi_build_depth_to_space),
    PLAIN(SpaceToDepth, 1, 1, 1, egi_build_space_to_depth),
    ROW(Gather, 1, 17, 2, 2, 1, IN(0), .build = egi_build_gather),
    PLAIN(GatherElements, 11, 2, 2, egi_build_gather_elements),
    PLAIN(GatherND, 11, 2, 2, egi_build_gather_nd),
    PLAIN(ScatterElements, 11, 3, 3, egi_build_scatter_elements),
    PLAIN(ScatterND, 11, 3, 3, egi_build_scatter_nd),
    ROW(Scatter, 9, 10, 3, 3, 1, 0, .build = egi_build_scatter_elements),
    PLAIN(Resize, 10, 1, 4, egi_build_resize),
    ROW(Upsample, 9, 9, 2, 2, 1, 0, .build = egi_build_resize),

    PLAIN(Constant, 1, 0, 0, egi_build_constant),
    PLAIN(ConstantOfShape, 9, 1, 1, egi_build_filled),
    PLAIN(Shape, 1, 1, 1, egi_build_shape),
    PLAIN(Size, 1, 1, 1, egi_build_size),
    PLAIN(Range, 11, 3, 3, egi_build_range),
    PLAIN(EyeLike, 9, 1, 1, egi_build_eye),
    PLAIN(OneHot, 9, 3, 3, egi_build_one_hot),
    PLAIN(Trilu, 14, 1, 2, egi_build_trilu),

    PLAIN(QuantizeLinear, 10, 2, 3, egi_build_quantise),
    PLAIN(DequantizeLinear, 10, 2, 3, egi_build_dequantise),
    ROW(DynamicQuantizeLinear, 11, 17, 1, 1, 3, 0, .build = egi_build_dynamic_quantise),
    PLAIN(MatMulInteger, 10, 2, 4, egi_build_matmul_integer),
    PLAIN(ConvInteger, 10, 2, 4, egi_build_conv_integer),
    PLAIN(QLinearMatMul, 10, 8, 8, egi_build_qlinear_matmul),
    PLAIN(QLinearConv, 10, 8, 9, egi_build_qlinear_conv),
};

const struct egi_onnx_row *egi_onnx_row_at(size_t row)
{
    return row < EGI_COUNT(rows) ? &rows[row] : NULL;
}

const struct egi_onnx_row *egi_onnx_row_of(struct egi_span op, int64_t opset,
                                           const struct egi_onnx_row **known)
{
    *known = NULL;
    for (size_t i = 0; i < EGI_COUNT(rows); i++) {
        if (!egi_span_is(op, rows[i].info.name)) continue;
        if (opset >= rows[i].info.first && opset <= rows[i].info.last) return &rows[i];
        *known = &rows[i];
    }
    return NULL;
}
