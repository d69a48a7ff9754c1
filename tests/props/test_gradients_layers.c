/* As test_gradients.c, for the rows of layers: convolutions, pools, norms, recurrent cells, grids.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gradient_check.h"

/* The window of a trial, drawn from numbers of its own. */
static eg_window window_of(const struct trial *c)
{
    struct draw d = { c->d.seed ^ 0x5eed, 0 };
    eg_window w = EG_WINDOW_INIT;
    for (size_t i = 0; i < 2; i++) {
        w.stride[i] = pick(&d, 1, 3);
        w.padding[i] = pick(&d, 0, 2);
        w.dilation[i] = pick(&d, 1, 2);
    }
    w.groups = pick(&d, 1, 2);
    return w;
}

/* x (N, C, ..) and w (O, C / groups, K ..) that fit, over one axis or two. */
static void convolution(struct trial *c)
{
    const eg_window w = window_of(c);
    const size_t axes = pick(&c->d, 1, 2);
    c->count = 2;
    c->shape[0] = eg_shape_of(pick(&c->d, 1, 2), w.groups * pick(&c->d, 1, 2));
    c->shape[1] = eg_shape_of(w.groups * pick(&c->d, 1, 2), c->shape[0].dim[1] / w.groups);
    for (size_t i = 0; i < axes; i++) {
        const size_t kernel = pick(&c->d, 1, 3), reach = w.dilation[i] * (kernel - 1) + 1;
        const size_t least = reach > 2 * w.padding[i] ? reach - 2 * w.padding[i] : 1;
        c->shape[0].dim[c->shape[0].rank++] = least + pick(&c->d, 0, 3);
        c->shape[1].dim[c->shape[1].rank++] = kernel;
    }
}

static eg_var f_conv(eg_tape *t, const eg_var *x, const struct trial *c)
{
    const eg_window w = window_of(c);
    return eg_conv(t, x[0], x[1], &w);
}

/* x (N, O, ..) and w (O, C / groups, K ..). */
static void transposed(struct trial *c)
{
    convolution(c);
    c->shape[0].dim[1] = c->shape[1].dim[0];
    for (size_t i = 2; i < c->shape[0].rank; i++) c->shape[0].dim[i] = pick(&c->d, 1, 3);
}

static eg_var f_transpose(eg_tape *t, const eg_var *x, const struct trial *c)
{
    eg_window w = window_of(c);
    for (size_t i = 0; i < 2; i++) {
        w.extra[i] = w.stride[i] - 1;
        w.padding[i] = 0;
    }
    return eg_conv_transpose(t, x[0], x[1], &w);
}

static void planes(struct trial *c)
{
    c->count = 1;
    c->shape[0] = eg_shape_of(pick(&c->d, 1, 2), pick(&c->d, 1, 3), pick(&c->d, 3, 6));
    if (pick(&c->d, 0, 1) == 1) c->shape[0].dim[c->shape[0].rank++] = pick(&c->d, 3, 6);
}

static eg_window pool_of(const struct trial *c)
{
    eg_window w = window_of(c);
    for (size_t i = 0; i < 2; i++) {
        w.kernel[i] = 1 + w.padding[i];
        w.padding[i] /= 2;
        w.dilation[i] = 0;
    }
    w.groups = 0;
    return w;
}

static eg_var f_max_pool(eg_tape *t, const eg_var *x, const struct trial *c)
{
    const eg_window w = pool_of(c);
    return eg_max_pool(t, eg_sin(t, x[0]), &w);
}

static eg_var f_average_pool(eg_tape *t, const eg_var *x, const struct trial *c)
{
    const eg_window w = pool_of(c);
    const eg_var y = eg_average_pool(t, x[0], &w);
    return eg_mul(t, y, y);
}

static eg_var f_adaptive_pool(eg_tape *t, const eg_var *x, const struct trial *c)
{
    (void)c;
    const size_t size[2] = { 2, 4 };
    const eg_var y = eg_adaptive_average_pool(t, x[0], size);
    return eg_mul(t, y, y);
}

/* x (N, C, ..), scale and shift (C) */
static void channels(struct trial *c)
{
    planes(c);
    c->count = 3;
    c->shape[0].dim[0]++;
    c->shape[1] = c->shape[2] = eg_shape_of(c->shape[0].dim[1]);
}

static eg_var f_batch_norm(eg_tape *t, const eg_var *x, const struct trial *c)
{
    (void)c;
    eg_var mean, variance;
    const eg_var y = eg_batch_norm(t, x[0], x[1], x[2], 0.1, &mean, &variance);
    return eg_concat(
        t,
        (eg_var[]){ eg_reshape(t, y, &eg_shape_of(eg_shape_size(&c->shape[0]))), mean, variance },
        3, 0);
}

static eg_var f_batch_norm_fixed(eg_tape *t, const eg_var *x, const struct trial *c)
{
    (void)c;
    return eg_batch_norm_fixed(t, x[0], x[1], eg_mul(t, x[2], x[2]), x[2], x[1], 0.5);
}

static eg_var f_group_norm(eg_tape *t, const eg_var *x, const struct trial *c)
{
    const size_t channels_of = c->shape[0].dim[1];
    return eg_group_norm(t, x[0], channels_of % 2 == 0 ? 2 : 1, x[1], x[2], 0.1);
}

static void lines(struct trial *c)
{
    planes(c);
    c->count = 3;
    const size_t r = c->shape[0].rank;
    c->shape[1] = c->shape[2] = eg_shape_of(c->shape[0].dim[r - 2], c->shape[0].dim[r - 1]);
}

static eg_var f_layer_norm(eg_tape *t, const eg_var *x, const struct trial *c)
{
    (void)c;
    return eg_layer_norm(t, x[0], 2, x[1], x[2], 0.1);
}

/* x, h, c, w_ih, w_hh, b_ih, b_hh; `steps` 0: a cell, x (B, D) */
static void recurrent(struct trial *c, size_t steps, size_t gates)
{
    const size_t b = pick(&c->d, 1, 3), d = pick(&c->d, 1, 3), h = pick(&c->d, 1, 3);
    c->count = 7;
    c->shape[0] = steps > 0 ? eg_shape_of(steps, b, d) : eg_shape_of(b, d);
    c->shape[1] = c->shape[2] = eg_shape_of(b, h);
    c->shape[3] = eg_shape_of(gates * h, d);
    c->shape[4] = eg_shape_of(gates * h, h);
    c->shape[5] = c->shape[6] = eg_shape_of(gates * h);
}

static void lstm_steps(struct trial *c)
{
    recurrent(c, pick(&c->d, 1, 4), 4);
}

static void gru_steps(struct trial *c)
{
    recurrent(c, pick(&c->d, 1, 4), 3);
}

static void lstm_one(struct trial *c)
{
    recurrent(c, 0, 4);
}

static void gru_one(struct trial *c)
{
    recurrent(c, 0, 3);
}

static eg_var in_line(eg_tape *t, eg_var x)
{
    const eg_shape s = eg_tape_shape(t, x);
    return eg_reshape(t, x, &eg_shape_of(eg_shape_size(&s)));
}

static eg_var f_lstm(eg_tape *t, const eg_var *x, const struct trial *c)
{
    (void)c;
    const eg_recurrent p = { x[3], x[4], x[5], x[6] };
    eg_var out[2];
    out[0] = in_line(t, eg_lstm(t, x[0], x[1], x[2], &p, &out[1]));
    out[1] = in_line(t, out[1]);
    return eg_concat(t, out, 2, 0);
}

static eg_var f_gru(eg_tape *t, const eg_var *x, const struct trial *c)
{
    (void)c;
    const eg_recurrent p = { x[3], x[4], x[5], x[6] };
    return eg_gru(t, x[0], x[1], &p);
}

static eg_var f_lstm_cell(eg_tape *t, const eg_var *x, const struct trial *c)
{
    (void)c;
    const eg_recurrent p = { x[3], x[4], x[5], x[6] };
    eg_var out[2];
    out[0] = eg_lstm_cell(t, x[0], x[1], x[2], &p, &out[1]);
    return eg_concat(t, out, 2, 0);
}

static eg_var f_gru_cell(eg_tape *t, const eg_var *x, const struct trial *c)
{
    (void)c;
    const eg_recurrent p = { x[3], x[4], x[5], x[6] };
    return eg_gru_cell(t, x[0], x[1], &p);
}

static void picture_and_map(struct trial *c)
{
    c->count = 2;
    const size_t n = pick(&c->d, 1, 2);
    c->shape[0] = eg_shape_of(n, pick(&c->d, 1, 2), pick(&c->d, 1, 5), pick(&c->d, 1, 5));
    c->shape[1] = eg_shape_of(n, 2, 3);
}

static eg_var f_grid(eg_tape *t, const eg_var *x, const struct trial *c)
{
    (void)c;
    return eg_grid_sample(t, x[0], eg_affine_grid(t, x[1], 3, 4));
}

/* q (B, Q, D), k (N, D), v (B, N, DV): leading axes broadcast */
static void heads(struct trial *c)
{
    const size_t b = pick(&c->d, 1, 3), d = pick(&c->d, 1, 4), n = pick(&c->d, 1, 5);
    c->count = 3;
    c->shape[0] = eg_shape_of(b, pick(&c->d, 1, 4), d);
    c->shape[1] = eg_shape_of(n, d);
    c->shape[2] = eg_shape_of(b, n, pick(&c->d, 1, 4));
}

static eg_var f_associate(eg_tape *t, const eg_var *x, const struct trial *c)
{
    (void)c;
    eg_var out[2];
    out[0] = in_line(t, eg_associate(t, x[0], x[1], x[2], EG_NONE, EG_NONE, &out[1]));
    out[1] = in_line(t, out[1]);
    return eg_concat(t, out, 2, 0);
}

static const struct a_case cases[] = {
    { "conv", convolution, f_conv, -1, 1, 0 },
    { "conv_transpose", transposed, f_transpose, -1, 1, 0 },
    { "max_pool", planes, f_max_pool, -2, 2, 0 },
    { "average_pool", planes, f_average_pool, -2, 2, 0 },
    { "adaptive_average_pool", planes, f_adaptive_pool, -2, 2, 0 },
    { "batch_norm", channels, f_batch_norm, -2, 2, 0 },
    { "batch_norm_fixed", channels, f_batch_norm_fixed, -2, 2, 0 },
    { "group_norm", channels, f_group_norm, -2, 2, 0 },
    { "layer_norm", lines, f_layer_norm, -2, 2, 0 },
    { "lstm_cell", lstm_one, f_lstm_cell, -1, 1, 0 },
    { "gru_cell", gru_one, f_gru_cell, -1, 1, 0 },
    { "grid_sample", picture_and_map, f_grid, -1, 1, 0 },
};

/* Fused: differentiable once. */
static const struct a_case fused[] = {
    { "lstm", lstm_steps, f_lstm, -1, 1, 0 },
    { "gru", gru_steps, f_gru, -1, 1, 0 },
    { "associate", heads, f_associate, -2, 2, 0 },
};

static void first_derivatives(void **state)
{
    (void)state;
    check_cases(cases, EGI_COUNT(cases), 1);
    check_cases(fused, EGI_COUNT(fused), 1);
}

static void second_derivatives(void **state)
{
    (void)state;
    check_cases(cases, EGI_COUNT(cases), 2);
}

#define ADDRESS(id) &egi_op_##id,
static const struct egi_op *const rows[] = { EGI_OPS_LAYERS(ADDRESS) };

static void every_row_is_reached(void **state)
{
    (void)state;
    check_all_reached(rows, EGI_COUNT(rows));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_derivatives),
        cmocka_unit_test(second_derivatives),
        cmocka_unit_test(every_row_is_reached),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
