/* The body of kernel_conv.c for one element type: REAL and NAME(x) are defined around it. */
/* SPDX-License-Identifier: Apache-2.0 */

/* col (out, out) <- what one tap sees of the plane x (in, in); 0 outside. */
static void NAME(unfold_tap)(const struct egi_conv *g, const size_t *tap, const REAL *x, REAL *col)
{
    size_t top, bottom, left, right;
    const ptrdiff_t down = offset_of(g, 0, tap[0]), along = offset_of(g, 1, tap[1]);
    inside(g, 0, down, &top, &bottom);
    inside(g, 1, along, &left, &right);
    memset(col, 0, g->out[0] * g->out[1] * sizeof *col);
    for (size_t i = top; i < bottom; i++) {
        const REAL *row = x + ((ptrdiff_t)(i * g->stride[0]) + down) * (ptrdiff_t)g->in[1];
        REAL *to = col + i * g->out[1];
        for (size_t k = left; k < right; k++) to[k] = row[(ptrdiff_t)(k * g->stride[1]) + along];
    }
}

/* Its adjoint: col is added to where the tap sees. */
static void NAME(fold_tap)(const struct egi_conv *g, const size_t *tap, const REAL *col, REAL *x)
{
    size_t top, bottom, left, right;
    const ptrdiff_t down = offset_of(g, 0, tap[0]), along = offset_of(g, 1, tap[1]);
    inside(g, 0, down, &top, &bottom);
    inside(g, 1, along, &left, &right);
    for (size_t i = top; i < bottom; i++) {
        REAL *row = x + ((ptrdiff_t)(i * g->stride[0]) + down) * (ptrdiff_t)g->in[1];
        const REAL *from = col + i * g->out[1];
        for (size_t k = left; k < right; k++) row[(ptrdiff_t)(k * g->stride[1]) + along] += from[k];
    }
}

/* cols (C/G K K', H' W') of the channels x (C/G, H, W) of a group, there or back. */
static void NAME(windows)(const struct egi_conv *g, REAL *x, REAL *cols, int back)
{
    const size_t places = g->out[0] * g->out[1];
    for (size_t c = 0; c < g->c / g->groups; c++, x += g->in[0] * g->in[1])
        for (size_t k = 0; k < g->kernel[0] * g->kernel[1]; k++, cols += places) {
            const size_t tap[2] = { k / g->kernel[1], k % g->kernel[1] };
            if (back)
                CALL(fold_tap, g, tap, cols, x);
            else
                CALL(unfold_tap, g, tap, x, cols);
        }
}

/* One group of one picture; `first`: the gradient by the weights begins here. */
static void NAME(group)(const struct egi_conv_plan *p, REAL *x, REAL *w, REAL *y, REAL *cols,
                        int first)
{
    const struct egi_conv *g = &p->g;
    const size_t o = g->o / g->groups, places = g->out[0] * g->out[1];
    const size_t taps = g->c / g->groups * g->kernel[0] * g->kernel[1];
    struct egi_gemm product = {
        .m = o, .n = places, .k = taps, .lda = taps, .ldb = places, .ldc = places, .alpha = 1
    };
    if (p->kind != EGI_CONV_INPUT) CALL(windows, g, x, cols, 0);
    if (p->kind == EGI_CONV_OUTPUT) {
        CALL(egi_gemm, &product, w, cols, y, 1);
    } else if (p->kind == EGI_CONV_INPUT) {
        product.m = taps;
        product.k = o;
        product.a_is_transposed = 1;
        CALL(egi_gemm, &product, w, y, cols, 1);
        memset(x, 0, g->c / g->groups * g->in[0] * g->in[1] * sizeof *x);
        CALL(windows, g, x, cols, 1);
    } else {
        product.n = product.ldc = taps;
        product.k = product.lda = places;
        product.b_is_transposed = 1;
        product.beta = first ? 0 : 1;
        CALL(egi_gemm, &product, y, cols, w, 1);
    }
}

static void NAME(block)(const struct egi_conv_plan *p, size_t n, const struct egi_conv_data *d,
                        char *scratch)
{
    const struct egi_conv *g = &p->g;
    const size_t x_group = g->c / g->groups * g->in[0] * g->in[1];
    const size_t y_group = g->o / g->groups * g->out[0] * g->out[1];
    const size_t w_group = weights_of(g) / g->groups;
    REAL *x = (REAL *)(void *)d->x, *y = (REAL *)(void *)d->y, *w = (REAL *)(void *)d->w;
    for (size_t i = 0; i < n * g->groups; i++)
        CALL(group, p, x + i * x_group, w + i % g->groups * w_group, y + i * y_group,
             (REAL *)(void *)scratch, i < g->groups);
}

static void NAME(add)(char *to, const char *from, size_t n)
{
    REAL *o = (REAL *)(void *)to;
    const REAL *x = (const REAL *)(const void *)from;
    for (size_t i = 0; i < n; i++) o[i] += x[i];
}
