/* Matrix products. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "model/egi_onnx_build.h"

/* NumPy's rule: a line is a row on the left and a column on the right, and goes from the result. */
eg_var egi_onnx_matmul(struct egi_onnx_call *c, eg_var x, eg_var y)
{
    eg_tape *t = c->t;
    const eg_shape sx = eg_tape_shape(t, x), sy = eg_tape_shape(t, y);
    if (!egi_call_ok(c)) return EG_NONE;
    if (sx.rank == 0 || sy.rank == 0) {
        egi_call_fail(c, EG_ERR_SHAPE, "of single numbers");
        return EG_NONE;
    }
    if (sx.rank == 1) x = eg_reshape(t, x, &eg_shape_of(1, sx.dim[0]));
    if (sy.rank == 1) y = eg_reshape(t, y, &eg_shape_of(sy.dim[0], 1));
    const eg_var z = eg_matmul(t, x, y);
    eg_shape s = eg_tape_shape(t, z);
    if (!egi_call_ok(c) || (sx.rank > 1 && sy.rank > 1)) return z;
    if (sy.rank == 1) s.rank--;
    if (sx.rank == 1) {
        if (sy.rank > 1) s.dim[s.rank - 2] = s.dim[s.rank - 1];
        s.rank--;
    }
    return eg_reshape(t, z, &s);
}

void egi_build_matmul(struct egi_onnx_call *c)
{
    egi_give(c, 0, c->in[0].type, egi_onnx_matmul(c, egi_in(c, 0), egi_in(c, 1)));
}

/* x less its zero point, in f64; one a row of x (M, K), or a column of y. */
static eg_var above_zero(struct egi_onnx_call *c, size_t k, size_t zero, int rows)
{
    eg_tape *t = c->t;
    const eg_var x = eg_cast(t, egi_in(c, k), EG_F64);
    const eg_shape s = egi_shape_in(c, zero);
    if (!egi_has(c, zero)) return x;
    eg_var z = eg_cast(t, egi_in(c, zero), EG_F64);
    if (s.rank == 1 && rows) z = eg_reshape(t, z, &eg_shape_of(s.dim[0], 1));
    return eg_sub(t, x, z);
}

void egi_build_matmul_integer(struct egi_onnx_call *c)
{
    const eg_var x = above_zero(c, 0, 2, 1), y = above_zero(c, 1, 3, 0);
    egi_give(c, 0, EGI_ONNX_INT32, egi_onnx_matmul(c, x, y));
}

/* alpha x y + beta z */
void egi_build_gemm(struct egi_onnx_call *c)
{
    eg_tape *t = c->t;
    const double alpha = egi_node_float(c->node, "alpha", 1);
    const double beta = egi_node_float(c->node, "beta", 1);
    eg_var x = egi_in(c, 0), y = egi_in(c, 1);
    if (egi_shape_in(c, 0).rank != 2 || egi_shape_in(c, 1).rank != 2) {
        egi_call_fail(c, EG_ERR_SHAPE, "of rank %zu and %zu, expected 2 and 2",
                      egi_shape_in(c, 0).rank, egi_shape_in(c, 1).rank);
        return;
    }
    if (egi_node_int(c->node, "transA", 0) != 0) x = eg_swap_axes(t, x, 0, 1);
    if (egi_node_int(c->node, "transB", 0) != 0) y = eg_swap_axes(t, y, 0, 1);
    eg_var out = eg_matmul(t, x, y);
    if (alpha != 1) out = eg_affine(t, out, alpha, 0);
    const eg_shape s = eg_tape_shape(t, out);
    if (egi_has(c, 2)) {
        const eg_var z = egi_in(c, 2);
        out = eg_add(t, out, beta != 1 ? eg_affine(t, z, beta, 0) : z);
    }
    const eg_shape with = eg_tape_shape(t, out);
    if (egi_call_ok(c) && !egi_shape_equal(&s, &with))
        egi_call_fail(c, EG_ERR_SHAPE, "C does not broadcast to the product");
    egi_give(c, 0, c->in[0].type, out);
}
