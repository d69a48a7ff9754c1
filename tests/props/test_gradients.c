/* Every operation against central differences in f64, first and second derivatives, with shapes
 * and values drawn at random. A row of the table that no case reaches fails the test. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "gradient_check.h"

static void one_any(struct trial *c)
{
    c->count = 1;
    c->shape[0] = any_shape(&c->d, 0, 4);
}

static void one_with_axis(struct trial *c)
{
    c->count = 1;
    c->shape[0] = any_shape(&c->d, 1, 4);
    c->n[0] = (double)pick(&c->d, 0, c->shape[0].rank - 1);
}

/* Two shapes that broadcast: some axes of either are 1, or missing in front. */
static void two_broadcast(struct trial *c)
{
    c->count = 2;
    c->shape[0] = c->shape[1] = any_shape(&c->d, 0, 3);
    for (size_t i = 0; i < c->shape[0].rank; i++) {
        const size_t which = pick(&c->d, 0, 3);
        if (which < 2) c->shape[which].dim[i] = 1;
    }
    if (c->shape[1].rank > 0 && pick(&c->d, 0, 1) == 1) {
        c->shape[1].rank--;
        memmove(c->shape[1].dim, c->shape[1].dim + 1, c->shape[1].rank * sizeof(size_t));
    }
}

#define UNARY_CASE(id)                                                       \
    static eg_var f_##id(eg_tape *t, const eg_var *x, const struct trial *c) \
    {                                                                        \
        (void)c;                                                             \
        return eg_##id(t, x[0]);                                             \
    }
UNARY_CASE(copy)
UNARY_CASE(neg)
UNARY_CASE(abs)
UNARY_CASE(reciprocal)
UNARY_CASE(sqrt)
UNARY_CASE(exp)
UNARY_CASE(log)
UNARY_CASE(sin)
UNARY_CASE(cos)
UNARY_CASE(erf)
UNARY_CASE(relu)
UNARY_CASE(sigmoid)
UNARY_CASE(tanh)
UNARY_CASE(softplus)
UNARY_CASE(selu)
UNARY_CASE(gelu)
UNARY_CASE(silu)

#define NUMBER_CASE(id, value)                                               \
    static eg_var f_##id(eg_tape *t, const eg_var *x, const struct trial *c) \
    {                                                                        \
        (void)c;                                                             \
        return eg_##id(t, x[0], value);                                      \
    }
NUMBER_CASE(power, 2.5)
NUMBER_CASE(leaky_relu, 0.1)
NUMBER_CASE(elu, 0.7)
NUMBER_CASE(rep, 3)

static eg_var f_rep_1(eg_tape *t, const eg_var *x, const struct trial *c)
{
    (void)c;
    return eg_rep(t, x[0], 1);
}

static eg_var f_affine(eg_tape *t, const eg_var *x, const struct trial *c)
{
    (void)c;
    return eg_affine(t, x[0], -1.5, 0.25);
}

static eg_var f_clamp(eg_tape *t, const eg_var *x, const struct trial *c)
{
    (void)c;
    return eg_clamp(t, eg_affine(t, x[0], 1, 1), 0, 1); /* kinks where x is -1 and 0 */
}

#define BINARY_CASE(id)                                                      \
    static eg_var f_##id(eg_tape *t, const eg_var *x, const struct trial *c) \
    {                                                                        \
        (void)c;                                                             \
        return eg_##id(t, x[0], x[1]);                                       \
    }
BINARY_CASE(add)
BINARY_CASE(sub)
BINARY_CASE(mul)
BINARY_CASE(div)
BINARY_CASE(maximum)
BINARY_CASE(minimum)
BINARY_CASE(pow)

/* What the gradient goes to is what stands there: a derivative that differences see. */
static eg_var f_straight(eg_tape *t, const eg_var *x, const struct trial *c)
{
    (void)c;
    const eg_var y = eg_mul(t, x[0], x[0]);
    return eg_straight_through(t, eg_constant(t, y), y);
}

static eg_var f_square(eg_tape *t, const eg_var *x, const struct trial *c)
{
    (void)c;
    return eg_mul(t, x[0], x[0]); /* one value twice */
}

static void axes_too(struct trial *c)
{
    one_any(c);
    c->n[0] = (double)pick(&c->d, 0, ((size_t)1 << c->shape[0].rank) - 1);
    c->n[1] = (double)pick(&c->d, 0, 1);
}

static eg_var f_sum(eg_tape *t, const eg_var *x, const struct trial *c)
{
    return eg_sum(t, eg_mul(t, x[0], x[0]), (unsigned)c->n[0], (int)c->n[1]);
}

static eg_var f_mean(eg_tape *t, const eg_var *x, const struct trial *c)
{
    return eg_mean(t, eg_exp(t, x[0]), (unsigned)c->n[0], (int)c->n[1]);
}

static eg_var f_max(eg_tape *t, const eg_var *x, const struct trial *c)
{
    return eg_max(t, x[0], (unsigned)c->n[0], (int)c->n[1]);
}

static eg_var f_broadcast(eg_tape *t, const eg_var *x, const struct trial *c)
{
    eg_shape wide = c->shape[0];
    wide.rank++;
    memmove(wide.dim + 1, wide.dim, c->shape[0].rank * sizeof(size_t));
    wide.dim[0] = 3;
    return eg_broadcast_to(t, eg_mul(t, x[0], x[0]), &wide);
}

#define AXIS_CASE(id, ...)                                                   \
    static eg_var f_##id(eg_tape *t, const eg_var *x, const struct trial *c) \
    {                                                                        \
        return eg_##id(t, x[0], (size_t)c->n[0] __VA_ARGS__);                \
    }
AXIS_CASE(softmax)
AXIS_CASE(log_softmax)
AXIS_CASE(logsumexp, , (int)c->n[1])

static void order_too(struct trial *c)
{
    c->count = 1;
    c->shape[0] = any_shape(&c->d, 1, 4);
}

/* Permuted, then reshaped to one line: a copy must come between. */
static eg_var f_permute(eg_tape *t, const eg_var *x, const struct trial *c)
{
    size_t order[EG_MAX_RANK];
    struct draw d = c->d;
    eg_random_permutation(d.seed, 9, c->shape[0].rank, order);
    const eg_var y = eg_permute(t, eg_mul(t, x[0], x[0]), order);
    return eg_reshape(t, y, &eg_shape_of(eg_shape_size(&c->shape[0])));
}

static void part_too(struct trial *c)
{
    one_with_axis(c);
    const size_t size = c->shape[0].dim[(size_t)c->n[0]];
    c->n[1] = (double)pick(&c->d, 0, size - 1);
    c->n[2] = pick(&c->d, 0, 1) == 1 ? 1 : -1;
    const double room = c->n[2] > 0 ? (double)size - 1 - c->n[1] : c->n[1];
    c->n[3] = (double)pick(&c->d, 1, (size_t)room + 1);
}

static eg_var f_slice(eg_tape *t, const eg_var *x, const struct trial *c)
{
    return eg_slice(t, eg_mul(t, x[0], x[0]), (size_t)c->n[0], (size_t)c->n[1], (size_t)c->n[3],
                    (ptrdiff_t)c->n[2]);
}

static eg_var f_pad(eg_tape *t, const eg_var *x, const struct trial *c)
{
    return eg_pad(t, eg_mul(t, x[0], x[0]), (size_t)c->n[0], 2, 1);
}

static void three_in_line(struct trial *c)
{
    one_with_axis(c);
    c->count = 3;
    for (size_t k = 1; k < 3; k++) {
        c->shape[k] = c->shape[0];
        c->shape[k].dim[(size_t)c->n[0]] = pick(&c->d, 1, 3);
    }
}

static eg_var f_concat(eg_tape *t, const eg_var *x, const struct trial *c)
{
    eg_var many[20]; /* more than one row takes */
    for (size_t k = 0; k < 20; k++) many[k] = eg_mul(t, x[k % 3], x[k % 3]);
    return eg_concat(t, many, 20, (size_t)c->n[0]);
}

static eg_var f_cast(eg_tape *t, const eg_var *x, const struct trial *c)
{
    (void)c;
    return eg_cast(t, eg_mul(t, x[0], x[0]), EG_F64);
}

/* Any leading axes that broadcast, and one operand a transposed view. */
static void matrices(struct trial *c)
{
    const size_t m = pick(&c->d, 1, 4), k = pick(&c->d, 1, 4), n = pick(&c->d, 1, 4);
    two_broadcast(c);
    for (size_t i = 0; i < 2; i++) {
        eg_shape *s = &c->shape[i];
        s->dim[s->rank++] = i == 0 ? m : n; /* y comes as (.., N, K) */
        s->dim[s->rank++] = k;
    }
}

static eg_var f_matmul(eg_tape *t, const eg_var *x, const struct trial *c)
{
    const size_t r = c->shape[1].rank;
    return eg_matmul(t, x[0], eg_swap_axes(t, x[1], r - 2, r - 1));
}

static eg_var indices(eg_tape *t, const eg_shape *shape, size_t below, const struct trial *c)
{
    static int32_t at[MAX_SIZE];
    const size_t n = eg_shape_size(shape);
    for (size_t i = 0; i < n; i++) at[i] = (int32_t)eg_random_below(c->d.seed, 5, i, below);
    return eg_input(t, EG_I32, shape, at);
}

static eg_var f_gather(eg_tape *t, const eg_var *x, const struct trial *c)
{
    const eg_var index = indices(t, &eg_shape_of(2, 3), c->shape[0].dim[0], c);
    return eg_gather(t, eg_mul(t, x[0], x[0]), index);
}

static eg_var f_scatter(eg_tape *t, const eg_var *x, const struct trial *c)
{
    const eg_var index = indices(t, &eg_shape_of(c->shape[0].dim[0]), 3, c);
    return eg_scatter_add(t, eg_mul(t, x[0], x[0]), index, 3);
}

static eg_var f_take(eg_tape *t, const eg_var *x, const struct trial *c)
{
    const size_t axis = (size_t)c->n[0];
    eg_shape like = c->shape[0];
    like.dim[axis] = 2;
    return eg_take_along(t, eg_mul(t, x[0], x[0]), indices(t, &like, c->shape[0].dim[axis], c),
                         axis);
}

static eg_var f_put(eg_tape *t, const eg_var *x, const struct trial *c)
{
    return eg_put_along(t, eg_mul(t, x[0], x[0]), indices(t, &c->shape[0], 3, c), (size_t)c->n[0],
                        3);
}

static eg_var f_dropout(eg_tape *t, const eg_var *x, const struct trial *c)
{
    return eg_dropout(t, eg_mul(t, x[0], x[0]), 0.4, c->d.seed, 77);
}

static const struct a_case cases[] = {
    { "copy", one_any, f_copy, -2, 2, 0 },
    { "neg", one_any, f_neg, -2, 2, 0 },
    { "abs", one_any, f_abs, -2, 2, 0.01 },
    { "reciprocal", one_any, f_reciprocal, -2, 2, 0.3 },
    { "sqrt", one_any, f_sqrt, 0.2, 2, 0 },
    { "exp", one_any, f_exp, -2, 2, 0 },
    { "log", one_any, f_log, 0.2, 2, 0 },
    { "sin", one_any, f_sin, -2, 2, 0 },
    { "cos", one_any, f_cos, -2, 2, 0 },
    { "erf", one_any, f_erf, -2, 2, 0 },
    { "relu", one_any, f_relu, -2, 2, 0.01 },
    { "sigmoid", one_any, f_sigmoid, -4, 4, 0 },
    { "tanh", one_any, f_tanh, -2, 2, 0 },
    { "softplus", one_any, f_softplus, -4, 4, 0 },
    { "selu", one_any, f_selu, -2, 2, 0.01 },
    { "gelu", one_any, f_gelu, -2, 2, 0 },
    { "silu", one_any, f_silu, -2, 2, 0 },
    { "power", one_any, f_power, 0.2, 2, 0 },
    { "leaky_relu", one_any, f_leaky_relu, -2, 2, 0.01 },
    { "elu", one_any, f_elu, -2, 2, 0.01 },
    { "rep", one_any, f_rep, -2, 2, 0.01 },
    { "rep 1", one_any, f_rep_1, -2, 2, 0.01 },
    { "affine", one_any, f_affine, -2, 2, 0 },
    { "clamp", one_any, f_clamp, -0.9, 2, 0.01 },
    { "add", two_broadcast, f_add, -2, 2, 0 },
    { "sub", two_broadcast, f_sub, -2, 2, 0 },
    { "mul", two_broadcast, f_mul, -2, 2, 0 },
    { "div", two_broadcast, f_div, -2, 2, 0.3 },
    { "maximum", two_broadcast, f_maximum, -2, 2, 0 },
    { "minimum", two_broadcast, f_minimum, -2, 2, 0 },
    { "straight_through", one_any, f_straight, -2, 2, 0 },
    { "pow", two_broadcast, f_pow, 0.2, 2, 0 },
    { "x times x", one_any, f_square, -2, 2, 0 },
    { "sum", axes_too, f_sum, -2, 2, 0 },
    { "mean", axes_too, f_mean, -2, 2, 0 },
    { "max", axes_too, f_max, -2, 2, 0 },
    { "broadcast_to", one_any, f_broadcast, -2, 2, 0 },
    { "softmax", one_with_axis, f_softmax, -3, 3, 0 },
    { "log_softmax", one_with_axis, f_log_softmax, -3, 3, 0 },
    { "logsumexp", one_with_axis, f_logsumexp, -3, 3, 0 },
    { "permute, reshape", order_too, f_permute, -2, 2, 0 },
    { "slice", part_too, f_slice, -2, 2, 0 },
    { "pad", one_with_axis, f_pad, -2, 2, 0 },
    { "concat", three_in_line, f_concat, -2, 2, 0 },
    { "cast", one_any, f_cast, -2, 2, 0 },
    { "matmul", matrices, f_matmul, -2, 2, 0 },
    { "gather", one_with_axis, f_gather, -2, 2, 0 },
    { "scatter_add", one_with_axis, f_scatter, -2, 2, 0 },
    { "take_along", one_with_axis, f_take, -2, 2, 0 },
    { "put_along", one_with_axis, f_put, -2, 2, 0 },
    { "dropout", one_any, f_dropout, -2, 2, 0 },
};

static void first_derivatives(void **state)
{
    (void)state;
    check_cases(cases, EGI_COUNT(cases), 1);
}

static void second_derivatives(void **state)
{
    (void)state;
    check_cases(cases, EGI_COUNT(cases), 2);
}

#define ADDRESS(id) &egi_op_##id,
static const struct egi_op *const rows[] = { EGI_OPS_PLAIN(ADDRESS) };

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
