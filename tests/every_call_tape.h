/* Every operation of a tape, computed and differentiated: a failure sticks to the tape, which says
 * at the end what it was. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_EVERY_CALL_TAPE_H
#define TESTS_EVERY_CALL_TAPE_H

#include "base/egi_base.h"
#include "every_call.h"

/* A tape, what is differentiated by, and the sum of all that was computed. */
struct call_sum {
    eg_tape *t;
    eg_var total;
};

static inline void call_take(struct call_sum *s, eg_var v)
{
    s->total = eg_add(s->t, s->total, eg_sum(s->t, eg_cast(s->t, v, EG_F32), EG_ALL_AXES, 0));
}

typedef eg_var call_of_one(eg_tape *t, eg_var x);
typedef eg_var call_of_two(eg_tape *t, eg_var x, eg_var y);

static inline void call_elementwise(struct call_sum *s, eg_var x)
{
    static call_of_one *const one[] = { eg_neg,  eg_abs,      eg_sign,       eg_step,    eg_floor,
                                        eg_ceil, eg_round,    eg_reciprocal, eg_sqrt,    eg_exp,
                                        eg_log,  eg_sin,      eg_cos,        eg_erf,     eg_relu,
                                        eg_selu, eg_gelu,     eg_silu,       eg_sigmoid, eg_tanh,
                                        eg_copy, eg_constant, eg_softplus };
    static call_of_two *const two[] = {
        eg_add,     eg_sub,      eg_mul,  eg_div, eg_maximum,
        eg_minimum, eg_at_least, eg_gate, eg_pow, eg_straight_through
    };
    eg_tape *t = s->t;
    for (size_t i = 0; i < EGI_COUNT(one); i++) call_take(s, one[i](t, x));
    for (size_t i = 0; i < EGI_COUNT(two); i++) call_take(s, two[i](t, x, x));
    call_take(s, eg_affine(t, x, 2, 1));
    call_take(s, eg_power(t, x, 1.5));
    call_take(s, eg_leaky_relu(t, x, .1));
    call_take(s, eg_elu(t, x, 1));
    call_take(s, eg_clamp(t, x, 0, 1));
    call_take(s, eg_rep(t, x, 2));
    call_take(s, eg_dropout(t, x, .5, 1, 1));
    call_take(s, eg_mul(t, x, eg_number(t, EG_F32, 2)));
}

/* x (2, 4, 6) */
static inline void call_arrays(struct call_sum *s, eg_var x)
{
    static const int32_t rows[2] = { 1, 0 }, along[2 * 4] = { 0, 1, 2, 3, 4, 5, 0, 1 };
    const size_t order[3] = { 2, 0, 1 };
    const eg_shape flat = eg_shape_of(8, 6), wide = eg_shape_of(3, 2, 4, 6);
    eg_tape *t = s->t;
    eg_rule rule = EG_RULE_INIT;
    const eg_var index = eg_input(t, EG_I32, &eg_shape_of(2), rows);
    const eg_var place = eg_input(t, EG_I32, &eg_shape_of(2, 4, 1), along);
    const eg_var pair[2] = { x, x };
    call_take(s, eg_mean(t, x, EG_AXIS(1), 0));
    call_take(s, eg_max(t, x, EG_AXIS(2), 1));
    call_take(s, eg_logsumexp(t, x, 2, 0));
    call_take(s, eg_softmax(t, x, 1));
    call_take(s, eg_log_softmax(t, x, 2));
    call_take(s, eg_argmax(t, x, 2));
    call_take(s, eg_top(t, x, 2));
    call_take(s, eg_matmul(t, x, eg_swap_axes(t, x, 1, 2)));
    call_take(s, eg_copy(t, eg_permute(t, x, order)));
    call_take(s, eg_reshape(t, x, &flat));
    call_take(s, eg_broadcast_to(t, x, &wide));
    call_take(s, eg_slice(t, x, 2, 5, 3, -2));
    call_take(s, eg_embed(t, x, 1, 9, 1, 2));
    call_take(s, eg_pad(t, x, 2, 1, 2));
    call_take(s, eg_concat(t, pair, 2, 1));
    call_take(s, eg_gather(t, x, index));
    call_take(s, eg_scatter_add(t, x, index, 3));
    call_take(s, eg_take_along(t, x, place, 2));
    call_take(s, eg_put_along(t, eg_max(t, x, EG_AXIS(2), 1), place, 2, 6));
    call_take(s, eg_one_hot(t, index, 2, EG_F32));
    call_take(s, eg_associate(t, x, x, x, EG_NONE, EG_NONE, NULL));
    call_take(s, eg_separate(t, x, &rule));
    call_take(s, eg_layer_norm(t, x, 1, EG_NONE, EG_NONE, 1e-5));
}

/* x (2, 4, 6, 6), w (4, 4, 3, 3) */
static inline void call_windows(struct call_sum *s, eg_var x, eg_var w)
{
    static const float turn[2 * 6] = { 1, 0, .1f, 0, 1, 0, 0, 1, 0, -1, 0, .1f };
    const size_t halves[2] = { 2, 2 };
    eg_window window = EG_WINDOW_INIT;
    eg_tape *t = s->t;
    eg_var mean, variance;
    window.padding[0] = window.padding[1] = 1;
    call_take(s, eg_conv(t, x, w, &window));
    call_take(s, eg_conv_transpose(t, x, w, &window));
    window.kernel[0] = window.kernel[1] = 2;
    call_take(s, eg_max_pool(t, x, &window));
    call_take(s, eg_average_pool(t, x, &window));
    call_take(s, eg_adaptive_average_pool(t, x, halves));
    call_take(s, eg_group_norm(t, x, 2, EG_NONE, EG_NONE, 1e-5));
    call_take(s, eg_batch_norm(t, x, EG_NONE, EG_NONE, 1e-5, &mean, &variance));
    call_take(s, eg_batch_norm_fixed(t, x, eg_constant(t, mean), eg_constant(t, variance), EG_NONE,
                                     EG_NONE, 1e-5));
    const eg_var theta = eg_input(t, EG_F32, &eg_shape_of(2, 2, 3), turn);
    call_take(s, eg_expm_times(t, eg_slice(t, theta, 2, 0, 2, 1), theta));
    call_take(s, eg_grid_sample(t, x, eg_affine_grid(t, theta, 3, 3)));
}

/* x (2, 4, 6) as T, B, D; H = 3 */
static inline void call_recurrent(struct call_sum *s, eg_var x, const float *from)
{
    eg_tape *t = s->t;
    for (size_t gates = 3; gates <= 4; gates++) {
        const eg_recurrent p = { .w_ih = eg_leaf(t, EG_F32, &eg_shape_of(3 * gates, 6), from),
                                 .w_hh = eg_leaf(t, EG_F32, &eg_shape_of(3 * gates, 3), from),
                                 .b_ih = eg_leaf(t, EG_F32, &eg_shape_of(3 * gates), from),
                                 .b_hh = EG_NONE };
        const eg_var h = eg_leaf(t, EG_F32, &eg_shape_of(4, 3), from);
        const eg_var first = eg_reshape(t, eg_slice(t, x, 0, 0, 1, 1), &eg_shape_of(4, 6));
        eg_var c;
        if (gates == 3) {
            call_take(s, eg_gru(t, x, h, &p));
            call_take(s, eg_gru_cell(t, first, h, &p));
            continue;
        }
        call_take(s, eg_lstm(t, x, h, h, &p, &c));
        call_take(s, c);
        call_take(s, eg_lstm_cell(t, first, h, h, &p, &c));
    }
}

static inline eg_var call_again(eg_tape *t, const eg_var *x, void *user)
{
    (void)user;
    return eg_mul(t, eg_exp(t, *x), *x);
}

/* The second time with the memory of the first. */
static inline eg_status call_operations(const char *path)
{
    enum { X = 2 * 4 * 6 * 6, W = 4 * 4 * 3 * 3 };
    float x[X];
    struct call_sum sum = { .t = NULL };
    eg_status s = EG_OK;
    (void)path;
    for (size_t i = 0; i < X; i++) x[i] = .1f + .8f * (float)(i * 37 % X) / X;
    CALL(eg_tape_create(1, NULL, &sum.t));
    for (size_t times = 0; times < 2 && s >= EG_OK; times++) {
        eg_var g[2];
        eg_tape_reset(sum.t);
        eg_tape_reset_peak(sum.t);
        sum.total = eg_number(sum.t, EG_F32, 0);
        const eg_var large = eg_leaf(sum.t, EG_F32, &eg_shape_of(2, 4, 6, 6), x);
        const eg_var small = eg_leaf(sum.t, EG_F32, &eg_shape_of(2, 4, 6), x);
        const eg_var w = eg_leaf(sum.t, EG_F32, &eg_shape_of(4, 4, 3, 3), x);
        const eg_var by[2] = { small, large };
        call_elementwise(&sum, small);
        call_arrays(&sum, small);
        call_windows(&sum, large, w);
        call_recurrent(&sum, small, x);
        call_take(&sum, eg_checkpoint(sum.t, call_again, NULL, &small, 1));
        CALL(eg_tape_gradient(sum.t, sum.total, EG_NONE, by, 2, 0, g));
        if (s != EG_OK) break;
        const eg_shape shape = eg_tape_shape(sum.t, g[0]);
        const int told = eg_tape_value(sum.t, g[0]) != NULL && shape.rank == 3
                         && eg_tape_dtype(sum.t, g[0]) == EG_F32
                         && isfinite(eg_tape_number(sum.t, sum.total))
                         && eg_tape_bytes(sum.t) <= eg_tape_peak_bytes(sum.t);
        s = eg_tape_status(sum.t);
        if (s == EG_OK && !told) s = EG_ERR_CORRUPT;
    }
    eg_tape_destroy(sum.t);
    return s;
}

#endif
