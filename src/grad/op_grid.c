/* Bilinear sampling at places that are values themselves, composed of look-ups: a pixel's weight
 * is the product of 1 - |distance| along both axes, linear between the corners, which are
 * constants. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "grad/egi_ops.h"

static double coordinate(const struct egi_tensor *x, size_t i)
{
    return x->dtype == EG_F32 ? (double)((const float *)(const void *)x->data)[i]
                              : ((const double *)(const void *)x->data)[i];
}

/* floor(v), at least a pixel outside of 0..size-1 where it is not near; NaN too. */
static int32_t whole(double v, ptrdiff_t size)
{
    if (!(v >= -2)) return -3;
    return v > (double)size ? (int32_t)size : (int32_t)floor(v);
}

/* grid (N, P, 2) in pixels; n = H, W. corner: i32 (2 sides, N, P, 2), the lower and the upper
 * pixel along each axis. index: i32 (4, N, P), where both sides of the row (bit 1) and column
 * (bit 0) lie in a plane; outside: HW. */
static eg_status shape(struct egi_call *c)
{
    const eg_shape s = c->in[0].shape;
    c->out.dtype = EG_I32;
    c->out.shape =
        c->op->kernel ? eg_shape_of(4, s.dim[0], s.dim[1]) : eg_shape_of(2, s.dim[0], s.dim[1], 2);
    return EG_OK;
}

static eg_status forward(struct egi_call *c)
{
    struct egi_tensor x;
    EGI_TRY(egi_contiguous(c, &c->in[0], &x));
    int32_t *out = (int32_t *)(void *)c->out.data;
    const ptrdiff_t height = c->attr->n[0], width = c->attr->n[1];
    const size_t places = x.shape.dim[0] * x.shape.dim[1];
    for (size_t i = 0; i < places; i++) {
        const int32_t column = whole(coordinate(&x, 2 * i), width);
        const int32_t row = whole(coordinate(&x, 2 * i + 1), height);
        for (int32_t side = 0; side < 2 && !c->op->kernel; side++) {
            out[2 * ((size_t)side * places + i)] = column + side;
            out[2 * ((size_t)side * places + i) + 1] = row + side;
        }
        for (int32_t corner = 0; corner < 4 && c->op->kernel; corner++) {
            const ptrdiff_t y = row + (corner >> 1), z = column + (corner & 1);
            const int inside = y >= 0 && y < height && z >= 0 && z < width;
            out[(size_t)corner * places + i] = (int32_t)(inside ? y * width + z : height * width);
        }
    }
    return EG_OK;
}

#define ROW(id, formula, kind)                                                           \
    const struct egi_op egi_op_##id = {                                                  \
        .info = { #id, formula, "" }, .shape = shape, .forward = forward, .kernel = kind \
    };
ROW(grid_corner, "the pixels below and above a place", 0)
ROW(grid_index, "where the four pixels around a place lie", 1)

/* -1..1, edge to edge, to pixels: ((v + 1) size - 1) / 2 for columns and rows. */
static eg_var in_pixels(eg_tape *t, eg_var grid, const eg_shape *x)
{
    const eg_dtype dtype = eg_tape_dtype(t, grid);
    eg_var size[2];
    for (size_t i = 0; i < 2; i++)
        size[i] = eg_reshape(t, eg_number(t, dtype, (double)x->dim[3 - i]), &eg_shape_of(1));
    const eg_var scaled = eg_mul(t, eg_affine(t, grid, 1, 1), eg_concat(t, size, 2, 0));
    return eg_affine(t, scaled, 0.5, -0.5);
}

/* 1 - distance to the lower (0) or upper (1) pixel: (N, P, 2). */
static eg_var weight(eg_tape *t, eg_var at, eg_var corners, size_t side)
{
    const eg_shape s = eg_tape_shape(t, at);
    const eg_var own = eg_reshape(t, eg_slice(t, corners, 0, side, 1, 1), &s);
    const eg_var pixel = eg_cast(t, own, eg_tape_dtype(t, at));
    const eg_var ahead = eg_sub(t, at, pixel); /* 0..1 of the lower one, -1..0 of the upper */
    return eg_affine(t, ahead, side == 0 ? -1 : 1, 1);
}

/* x (N, C, HW + 1) at index (N, P): (N, C, P). */
static eg_var look_up(eg_tape *t, eg_var x, eg_var index, size_t corner)
{
    const eg_shape s = eg_tape_shape(t, index), sx = eg_tape_shape(t, x);
    const eg_var own =
        eg_reshape(t, eg_slice(t, index, 0, corner, 1, 1), &eg_shape_of(s.dim[1], 1, s.dim[2]));
    const eg_shape wide = eg_shape_of(s.dim[1], sx.dim[1], s.dim[2]);
    return eg_take_along(t, x, eg_broadcast_to(t, own, &wide), 2);
}

eg_var eg_grid_sample(eg_tape *t, eg_var x, eg_var grid)
{
    const eg_shape sx = eg_tape_shape(t, x), sg = eg_tape_shape(t, grid);
    if (eg_tape_status(t) != EG_OK) return EG_NONE;
    char tx[EGI_SHAPE_TEXT], tg[EGI_SHAPE_TEXT];
    if (sx.rank != 4 || sg.rank != 4 || sg.dim[0] != sx.dim[0] || sg.dim[3] != 2
        || sx.dim[2] > INT32_MAX / (sx.dim[3] + 1) || sx.dim[3] >= INT32_MAX)
        return egi_tape_fail(t, egi_fail(EG_ERR_SHAPE,
                                         "grid_sample: %s at %s, expected (N, C, H, W) at "
                                         "(N, H', W', 2)",
                                         egi_shape_text(&sx, tx), egi_shape_text(&sg, tg)));
    const size_t n = sx.dim[0], places = sg.dim[1] * sg.dim[2], pixels = sx.dim[2] * sx.dim[3];
    const struct egi_attr a = { .n = { (ptrdiff_t)sx.dim[2], (ptrdiff_t)sx.dim[3] } };
    const eg_var at = in_pixels(t, eg_reshape(t, grid, &eg_shape_of(n, places, 2)), &sx);
    const eg_var corners = egi_apply(t, &egi_op_grid_corner, &at, 1, &a);
    const eg_var index = egi_apply(t, &egi_op_grid_index, &at, 1, &a);
    const eg_var flat = eg_reshape(t, x, &eg_shape_of(n, sx.dim[1], pixels));
    const eg_var padded = eg_pad(t, flat, 2, 0, 1); /* what lies outside */
    const eg_var side[2] = { weight(t, at, corners, 0), weight(t, at, corners, 1) };
    eg_var y = EG_NONE;
    for (size_t k = 0; k < 4; k++) {
        const eg_var column = eg_slice(t, side[k & 1], 2, 0, 1, 1);
        const eg_var row = eg_slice(t, side[k >> 1], 2, 1, 1, 1);
        const eg_var w = eg_reshape(t, eg_mul(t, row, column), &eg_shape_of(n, 1, places));
        const eg_var part = eg_mul(t, look_up(t, padded, index, k), w);
        y = k == 0 ? part : eg_add(t, y, part);
    }
    return eg_reshape(t, y, &eg_shape_of(n, sx.dim[1], sg.dim[1], sg.dim[2]));
}

/* Centres of `size` pixels between -1 and 1, as (size) along one of two axes of (H', W', 1). */
static eg_var centres(eg_tape *t, eg_dtype dtype, size_t height, size_t width, int rows)
{
    const size_t size = rows ? height : width;
    const eg_var v = egi_tape_new(t, dtype, &eg_shape_of(size));
    if (v.id == 0) return v;
    char *data = egi_tape_tensor(t, v)->data;
    for (size_t i = 0; i < size; i++) {
        const double at = (2 * (double)i + 1) / (double)size - 1;
        if (dtype == EG_F32)
            ((float *)(void *)data)[i] = (float)at;
        else
            ((double *)(void *)data)[i] = at;
    }
    const eg_shape line = rows ? eg_shape_of(size, 1, 1) : eg_shape_of(1, size, 1);
    return eg_broadcast_to(t, eg_reshape(t, v, &line), &eg_shape_of(height, width, 1));
}

eg_var eg_affine_grid(eg_tape *t, eg_var theta, size_t height, size_t width)
{
    const eg_shape s = eg_tape_shape(t, theta);
    const eg_dtype dtype = eg_tape_dtype(t, theta);
    if (eg_tape_status(t) != EG_OK) return EG_NONE;
    char text[EGI_SHAPE_TEXT];
    if (s.rank != 3 || s.dim[1] != 2 || s.dim[2] != 3 || dtype == EG_I32)
        return egi_tape_fail(t, egi_fail(EG_ERR_SHAPE, "affine_grid: %s, expected (N, 2, 3)",
                                         egi_shape_text(&s, text)));
    const eg_var one = eg_broadcast_to(t, eg_number(t, dtype, 1), &eg_shape_of(height, width, 1));
    const eg_var parts[3] = { centres(t, dtype, height, width, 0),
                              centres(t, dtype, height, width, 1), one };
    const eg_var base = eg_reshape(t, eg_concat(t, parts, 3, 2), &eg_shape_of(height * width, 3));
    const eg_var grid = eg_matmul(t, base, eg_swap_axes(t, theta, 1, 2));
    return eg_reshape(t, grid, &eg_shape_of(s.dim[0], height, width, 2));
}
