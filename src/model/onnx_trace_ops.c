/* Operations of the tape as nodes of ONNX, opset 13. A row not here has no like, or is only met on
 * the way back. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "grad/egi_ops.h"
#include "model/egi_onnx_trace.h"

/* One name for another: nothing is computed. */
static void write_same(struct egi_trace *w, const struct egi_node *n)
{
    egi_trace_node(w, "Identity", egi_trace_out(w), NULL, 1, egi_trace_in(w, n, 0));
}

static void write_plain(struct egi_trace *w, const struct egi_node *n)
{
    const char *op = egi_trace_row_of(n->op)->onnx, *x = egi_trace_in(w, n, 0);
    if (n->count == 1)
        egi_trace_node(w, op, egi_trace_out(w), NULL, 1, x);
    else
        egi_trace_node(w, op, egi_trace_out(w), NULL, 2, x, egi_trace_in(w, n, 1));
}

/* a x + b */
static void write_affine(struct egi_trace *w, const struct egi_node *n)
{
    char a[EGI_TRACE_NAME], b[EGI_TRACE_NAME], product[EGI_TRACE_NAME];
    egi_trace_number(w, n->attr.a[0], a);
    egi_trace_number(w, n->attr.a[1], b);
    egi_trace_temp(w, product);
    egi_trace_node(w, "Mul", product, NULL, 2, egi_trace_in(w, n, 0), a);
    egi_trace_node(w, "Add", egi_trace_out(w), NULL, 2, product, b);
}

static void write_with_alpha(struct egi_trace *w, const struct egi_node *n)
{
    const struct egi_made_attr attrs[] = { EGI_ATTR_OF_FLOAT("alpha", n->attr.a[0]), EGI_ATTR_END };
    egi_trace_node(w, egi_trace_row_of(n->op)->onnx, egi_trace_out(w), attrs, 1,
                   egi_trace_in(w, n, 0));
}

static void write_clamp(struct egi_trace *w, const struct egi_node *n)
{
    char low[EGI_TRACE_NAME], high[EGI_TRACE_NAME];
    egi_trace_number(w, n->attr.a[0], low);
    egi_trace_number(w, n->attr.a[1], high);
    egi_trace_node(w, "Clip", egi_trace_out(w), NULL, 3, egi_trace_in(w, n, 0), low, high);
}

static void write_power(struct egi_trace *w, const struct egi_node *n)
{
    char a[EGI_TRACE_NAME];
    egi_trace_number(w, n->attr.a[0], a);
    egi_trace_node(w, "Pow", egi_trace_out(w), NULL, 2, egi_trace_in(w, n, 0), a);
}

/* max(x, 0)^a */
static void write_rep(struct egi_trace *w, const struct egi_node *n)
{
    char a[EGI_TRACE_NAME], above[EGI_TRACE_NAME];
    egi_trace_number(w, n->attr.a[0], a);
    egi_trace_temp(w, above);
    egi_trace_node(w, "Relu", above, NULL, 1, egi_trace_in(w, n, 0));
    egi_trace_node(w, "Pow", egi_trace_out(w), NULL, 2, above, a);
}

static void write_cast(struct egi_trace *w, const char *x, const char *out, int type)
{
    const struct egi_made_attr attrs[] = { EGI_ATTR_OF_INT("to", type), EGI_ATTR_END };
    egi_trace_node(w, "Cast", out, attrs, 1, x);
}

static void write_conversion(struct egi_trace *w, const struct egi_node *n)
{
    const int type = n->x.dtype == EG_I32 ? EGI_ONNX_INT64 : EGI_ONNX_FLOAT;
    if (n->x.dtype == EG_F64) egi_tape_fail(w->t, egi_fail(EG_ERR_UNSUPPORTED, "values of f64"));
    write_cast(w, egi_trace_in(w, n, 0), egi_trace_out(w), type);
}

/* 1 where x > 0, or x >= y */
static void write_step(struct egi_trace *w, const struct egi_node *n)
{
    char zero[EGI_TRACE_NAME], truth[EGI_TRACE_NAME];
    if (n->count == 1) egi_trace_number(w, 0, zero);
    egi_trace_temp(w, truth);
    egi_trace_node(w, egi_trace_row_of(n->op)->onnx, truth, NULL, 2, egi_trace_in(w, n, 0),
                   n->count == 1 ? zero : egi_trace_in(w, n, 1));
    write_cast(w, truth, egi_trace_out(w), EGI_ONNX_FLOAT);
}

/* The standard's TopK takes other ones of equals, so it is written where it is known. */
static void write_top(struct egi_trace *w, const struct egi_node *n)
{
    if (n->ghost)
        egi_tape_fail(w->t, egi_fail(EG_ERR_UNSUPPORTED,
                                     "the operation top of what comes of the input has no like in "
                                     "ONNX"));
    else
        egi_trace_constant(w, n);
}

/* x where y > 0, else 0 */
static void write_gate(struct egi_trace *w, const struct egi_node *n)
{
    char zero[EGI_TRACE_NAME], truth[EGI_TRACE_NAME];
    egi_trace_number(w, 0, zero);
    egi_trace_temp(w, truth);
    egi_trace_node(w, "Greater", truth, NULL, 2, egi_trace_in(w, n, 1), zero);
    egi_trace_node(w, "Where", egi_trace_out(w), NULL, 3, truth, egi_trace_in(w, n, 0), zero);
}

/* Axes are bits of n[0]; they stay with size 1. */
static size_t axes_of(const struct egi_node *n, size_t rank, int64_t *axis)
{
    size_t count = 0;
    for (size_t i = 0; i < rank; i++)
        if ((n->attr.n[0] >> i & 1) != 0) axis[count++] = (int64_t)i;
    return count;
}

static void write_sum(struct egi_trace *w, const struct egi_node *n)
{
    int64_t axis[EG_MAX_RANK];
    char axes[EGI_TRACE_NAME];
    const size_t count = axes_of(n, n->x.shape.rank, axis);
    if (count == 0) {
        write_same(w, n);
        return;
    }
    egi_trace_ints(w, axis, count, axes);
    egi_trace_node(w, "ReduceSum", egi_trace_out(w), NULL, 2, egi_trace_in(w, n, 0), axes);
}

static void write_max(struct egi_trace *w, const struct egi_node *n)
{
    int64_t axis[EG_MAX_RANK];
    const size_t count = axes_of(n, n->x.shape.rank, axis);
    const struct egi_made_attr attrs[] = { EGI_ATTR_OF_INTS("axes", axis, count), EGI_ATTR_END };
    if (count == 0)
        write_same(w, n);
    else
        egi_trace_node(w, "ReduceMax", egi_trace_out(w), attrs, 1, egi_trace_in(w, n, 0));
}

static void write_last_axis(struct egi_trace *w, const struct egi_node *n)
{
    static const int64_t last = -1;
    const struct egi_made_attr softmax[] = { EGI_ATTR_OF_INT("axis", -1), EGI_ATTR_END };
    const struct egi_made_attr reduced[] = { EGI_ATTR_OF_INTS("axes", &last, 1), EGI_ATTR_END };
    const char *op = egi_trace_row_of(n->op)->onnx;
    egi_trace_node(w, op, egi_trace_out(w), strcmp(op, "Softmax") == 0 ? softmax : reduced, 1,
                   egi_trace_in(w, n, 0));
}

/* (x - mean) / sqrt(variance + epsilon) along the last axis */
static void write_normalise(struct egi_trace *w, const struct egi_node *n)
{
    static const int64_t last = -1;
    const struct egi_made_attr along[] = { EGI_ATTR_OF_INTS("axes", &last, 1), EGI_ATTR_END };
    char v[6][EGI_TRACE_NAME], epsilon[EGI_TRACE_NAME];
    const char *x = egi_trace_in(w, n, 0);
    for (size_t i = 0; i < 6; i++) egi_trace_temp(w, v[i]);
    egi_trace_number(w, n->attr.a[0], epsilon);
    egi_trace_node(w, "ReduceMean", v[0], along, 1, x);
    egi_trace_node(w, "Sub", v[1], NULL, 2, x, v[0]);
    egi_trace_node(w, "Mul", v[2], NULL, 2, v[1], v[1]);
    egi_trace_node(w, "ReduceMean", v[3], along, 1, v[2]);
    egi_trace_node(w, "Add", v[4], NULL, 2, v[3], epsilon);
    egi_trace_node(w, "Sqrt", v[5], NULL, 1, v[4]);
    egi_trace_node(w, "Div", egi_trace_out(w), NULL, 2, v[1], v[5]);
}

/* ---- elements that move ---- */

static void write_reshape(struct egi_trace *w, const struct egi_node *n)
{
    char shape[EGI_TRACE_NAME];
    egi_trace_reshape_to(w, &n->x.shape, shape);
    egi_trace_node(w, "Reshape", egi_trace_out(w), NULL, 2, egi_trace_in(w, n, 0), shape);
}

static void write_broadcast(struct egi_trace *w, const struct egi_node *n)
{
    char shape[EGI_TRACE_NAME];
    egi_trace_expand_to(w, &n->x.shape, shape);
    egi_trace_node(w, "Expand", egi_trace_out(w), NULL, 2, egi_trace_in(w, n, 0), shape);
}

static void write_permute(struct egi_trace *w, const struct egi_node *n)
{
    int64_t perm[EG_MAX_RANK];
    for (size_t i = 0; i < n->x.shape.rank; i++) perm[i] = (int64_t)n->attr.n[i];
    const struct egi_made_attr attrs[] = { EGI_ATTR_OF_INTS("perm", perm, n->x.shape.rank),
                                           EGI_ATTR_END };
    egi_trace_node(w, "Transpose", egi_trace_out(w), attrs, 1, egi_trace_in(w, n, 0));
}

/* n: axis, begin, count, step, size */
static void write_slice(struct egi_trace *w, const struct egi_node *n)
{
    char part[4][EGI_TRACE_NAME];
    const ptrdiff_t *a = n->attr.n;
    const int64_t axis = a[0], begin = a[1], step = a[3];
    int64_t end = begin + a[2] * step;
    if (end < 0) end = INT64_MIN; /* down to the first */
    if (egi_trace_goes_with_batch(w, (size_t)a[4])) {
        if (a[2] != a[4] || step != 1)
            egi_tape_fail(w->t, egi_fail(EG_ERR_UNSUPPORTED, "a part of the batch"));
        write_same(w, n);
        return;
    }
    egi_trace_ints(w, &begin, 1, part[0]);
    egi_trace_ints(w, &end, 1, part[1]);
    egi_trace_ints(w, &axis, 1, part[2]);
    egi_trace_ints(w, &step, 1, part[3]);
    egi_trace_node(w, "Slice", egi_trace_out(w), NULL, 5, egi_trace_in(w, n, 0), part[0], part[1],
                   part[2], part[3]);
}

static void write_embed(struct egi_trace *w, const struct egi_node *n)
{
    int64_t pads[2 * EG_MAX_RANK] = { 0 };
    char name[EGI_TRACE_NAME];
    const ptrdiff_t *a = n->attr.n;
    if (a[3] != 1) egi_tape_fail(w->t, egi_fail(EG_ERR_UNSUPPORTED, "zeros between elements"));
    pads[a[0]] = a[1];
    pads[(size_t)a[0] + n->x.shape.rank] = a[4] - a[1] - a[2];
    egi_trace_ints(w, pads, 2 * n->x.shape.rank, name);
    egi_trace_node(w, "Pad", egi_trace_out(w), NULL, 2, egi_trace_in(w, n, 0), name);
}

static void write_concat(struct egi_trace *w, const struct egi_node *n)
{
    const struct egi_made_attr attrs[] = { EGI_ATTR_OF_INT("axis", n->attr.n[0]), EGI_ATTR_END };
    char names[EGI_INPUTS_MAX * EGI_TRACE_NAME];
    size_t at = 0;
    for (size_t k = 0; k < n->count; k++) {
        const char *in = egi_trace_in(w, n, k);
        const size_t size = strlen(in);
        memcpy(names + at, in, size);
        names[at + size] = k + 1 < n->count ? ' ' : '\0';
        at += size + 1;
    }
    egi_maker_node(w->k, "Concat", names, egi_trace_out(w), attrs);
}

/* ---- windows ---- */

/* Two numbers of the attributes from `at` on. */
static const int64_t *pair(const struct egi_node *n, size_t at, int64_t out[2])
{
    out[0] = n->attr.n[at];
    out[1] = n->attr.n[at + 1];
    return out;
}

/* n: two each of stride, padding, dilation, size of x, kernel; groups (op_conv.c) */
static void write_conv(struct egi_trace *w, const struct egi_node *n)
{
    int64_t stride[2], dilation[2], pads[4], extra[2];
    const int transposed = n->op == &egi_op_conv_transpose;
    const eg_shape in = egi_trace_shape(w, n, 0);
    for (size_t i = 0; i < 2; i++) {
        const ptrdiff_t *a = n->attr.n;
        pads[i] = pads[i + 2] = a[2 + i];
        extra[i] = a[6 + i] + 2 * a[2 + i] - a[4 + i] * (a[8 + i] - 1) - 1
                   - ((ptrdiff_t)in.dim[2 + i] - 1) * a[i];
    }
    const struct egi_made_attr attrs[] = {
        EGI_ATTR_OF_INTS("strides", pair(n, 0, stride), 2),
        EGI_ATTR_OF_INTS("dilations", pair(n, 4, dilation), 2),
        EGI_ATTR_OF_INTS("pads", pads, 4),
        EGI_ATTR_OF_INT("group", n->attr.n[10]),
        transposed ? EGI_ATTR_OF_INTS("output_padding", extra, 2) : EGI_ATTR_END,
        EGI_ATTR_END,
    };
    egi_trace_node(w, egi_trace_row_of(n->op)->onnx, egi_trace_out(w), attrs, 2,
                   egi_trace_in(w, n, 0), egi_trace_in(w, n, 1));
}

/* n: two each of kernel, stride, padding, size of x, size of y (op_pool.c) */
static void write_pool(struct egi_trace *w, const struct egi_node *n)
{
    int64_t kernel[2], stride[2], pads[4];
    const int mean = n->op == &egi_op_pool_mean;
    pair(n, 0, kernel);
    pair(n, 2, stride);
    for (size_t i = 0; i < 2; i++) {
        const ptrdiff_t *a = n->attr.n;
        pads[i] = pads[i + 2] = a[4 + i];
        if (a[i] == 0) /* adaptive, windows that overlap */
            egi_tape_fail(
                w->t,
                egi_fail(
                    EG_ERR_UNSUPPORTED,
                    "adaptive pooling: %td windows on %td places, expected windows side by side",
                    a[8 + i], a[6 + i]));
    }
    const struct egi_made_attr attrs[] = {
        EGI_ATTR_OF_INTS("kernel_shape", kernel, 2), EGI_ATTR_OF_INTS("strides", stride, 2),
        EGI_ATTR_OF_INTS("pads", pads, 4),
        mean ? EGI_ATTR_OF_INT("count_include_pad", 1) : EGI_ATTR_END, EGI_ATTR_END
    };
    egi_trace_node(w, egi_trace_row_of(n->op)->onnx, egi_trace_out(w), attrs, 1,
                   egi_trace_in(w, n, 0));
}

static void write_take(struct egi_trace *w, const struct egi_node *n)
{
    const struct egi_made_attr attrs[] = { EGI_ATTR_OF_INT("axis", -1), EGI_ATTR_END };
    egi_trace_node(w, "GatherElements", egi_trace_out(w), attrs, 2, egi_trace_in(w, n, 0),
                   egi_trace_in(w, n, 1));
}

/* ---- association ---- */

/* q, k, v and masks to y beside log sum e^(q k^T) */
static void write_associate(struct egi_trace *w, const struct egi_node *n)
{
    int64_t perm[EG_MAX_RANK];
    static const int64_t last = -1;
    char v[6][EGI_TRACE_NAME], far[EGI_TRACE_NAME], scores[EGI_TRACE_NAME];
    const size_t rank = n->x.shape.rank;
    const struct egi_made_attr along[] = { EGI_ATTR_OF_INT("axis", -1), EGI_ATTR_END };
    const struct egi_made_attr reduced[] = { EGI_ATTR_OF_INTS("axes", &last, 1), EGI_ATTR_END };
    for (size_t i = 0; i < rank; i++) perm[i] = (int64_t)i;
    perm[rank - 1] = (int64_t)rank - 2;
    perm[rank - 2] = (int64_t)rank - 1;
    const struct egi_made_attr swapped[] = { EGI_ATTR_OF_INTS("perm", perm, rank), EGI_ATTR_END };
    for (size_t i = 0; i < 6; i++) egi_trace_temp(w, v[i]);
    egi_trace_node(w, "Transpose", v[0], swapped, 1, egi_trace_in(w, n, 1));
    egi_trace_node(w, "MatMul", v[1], NULL, 2, egi_trace_in(w, n, 0), v[0]);
    memcpy(scores, v[1], sizeof scores);
    for (size_t k = 3; k < n->count; k++) { /* hidden pairs: far below all others */
        char down[EGI_TRACE_NAME], sum[EGI_TRACE_NAME];
        egi_trace_number(w, -1e9, far);
        egi_trace_temp(w, down);
        egi_trace_temp(w, sum);
        egi_trace_node(w, "Mul", down, NULL, 2, egi_trace_in(w, n, k), far);
        egi_trace_node(w, "Add", sum, NULL, 2, scores, down);
        memcpy(scores, sum, sizeof scores);
    }
    egi_trace_node(w, "Softmax", v[2], along, 1, scores);
    egi_trace_node(w, "MatMul", v[3], NULL, 2, v[2], egi_trace_in(w, n, 2));
    egi_trace_node(w, "ReduceLogSumExp", v[4], reduced, 1, scores);
    egi_trace_node(w, "Concat", egi_trace_out(w), along, 2, v[3], v[4]);
}

#define ROW(id, writer, onnx)      \
    {                              \
        &egi_op_##id, writer, onnx \
    }
static const struct egi_trace_row rows[] = {
    ROW(copy, write_same, NULL),
    ROW(neg, write_plain, "Neg"),
    ROW(abs, write_plain, "Abs"),
    ROW(sign, write_plain, "Sign"),
    ROW(reciprocal, write_plain, "Reciprocal"),
    ROW(sqrt, write_plain, "Sqrt"),
    ROW(exp, write_plain, "Exp"),
    ROW(log, write_plain, "Log"),
    ROW(sin, write_plain, "Sin"),
    ROW(cos, write_plain, "Cos"),
    ROW(erf, write_plain, "Erf"),
    ROW(relu, write_plain, "Relu"),
    ROW(sigmoid, write_plain, "Sigmoid"),
    ROW(tanh, write_plain, "Tanh"),
    ROW(softplus, write_plain, "Softplus"),
    ROW(floor, write_plain, "Floor"),
    ROW(ceil, write_plain, "Ceil"),
    ROW(round, write_plain, "Round"),
    ROW(add, write_plain, "Add"),
    ROW(sub, write_plain, "Sub"),
    ROW(mul, write_plain, "Mul"),
    ROW(div, write_plain, "Div"),
    ROW(maximum, write_plain, "Max"),
    ROW(minimum, write_plain, "Min"),
    ROW(pow, write_plain, "Pow"),
    ROW(matmul, write_plain, "MatMul"),
    ROW(gather, write_plain, "Gather"),
    ROW(affine, write_affine, NULL),
    ROW(power, write_power, NULL),
    ROW(rep, write_rep, NULL),
    ROW(leaky_relu, write_with_alpha, "LeakyRelu"),
    ROW(elu, write_with_alpha, "Elu"),
    ROW(clamp, write_clamp, NULL),
    ROW(step, write_step, "Greater"),
    ROW(at_least, write_step, "GreaterOrEqual"),
    ROW(gate, write_gate, NULL),
    ROW(top, write_top, NULL),
    ROW(straight, write_same, NULL),
    ROW(cast, write_conversion, NULL),
    ROW(sum, write_sum, NULL),
    ROW(max, write_max, NULL),
    ROW(softmax, write_last_axis, "Softmax"),
    ROW(logsumexp, write_last_axis, "ReduceLogSumExp"),
    ROW(normalise, write_normalise, NULL),
    ROW(reshape, write_reshape, NULL),
    ROW(broadcast_to, write_broadcast, NULL),
    ROW(permute, write_permute, NULL),
    ROW(slice, write_slice, NULL),
    ROW(embed, write_embed, NULL),
    ROW(concat, write_concat, NULL),
    ROW(take_along, write_take, NULL),
    ROW(conv, write_conv, "Conv"),
    ROW(conv_transpose, write_conv, "ConvTranspose"),
    ROW(pool_mean, write_pool, "AveragePool"),
    ROW(pool_max, write_pool, "MaxPool"),
    ROW(associate, write_associate, NULL),
    ROW(lstm, egi_trace_recurrent, "LSTM"),
    ROW(gru, egi_trace_recurrent, "GRU"),
    ROW(part, egi_trace_part, NULL),
};

const struct egi_trace_row *egi_trace_row_of(const struct egi_op *op)
{
    for (size_t i = 0; i < EGI_COUNT(rows); i++)
        if (rows[i].op == op) return &rows[i];
    return NULL;
}
