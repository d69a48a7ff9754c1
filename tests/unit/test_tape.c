/* The tape itself: memory, failures, threads, checkpoints. What operations compute is the matter
 * of tests/props/test_gradients.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "engram/operations.h"
#include "engram/tape.h"
#include "grad/egi_tape.h"

enum { B = 64, D = 96, H = 130, K = 10, SEGMENTS = 6 };

static float x_data[B * D], w1_data[D * H], w2_data[H * K];

static int fill_data(void **state)
{
    (void)state;
    eg_random_normal(1, 1, 0, B * D, x_data);
    eg_random_normal(1, 2, 0, D * H, w1_data);
    eg_random_normal(1, 3, 0, H * K, w2_data);
    return 0;
}

static eg_var segment(eg_tape *t, const eg_var *x, void *user)
{
    (void)user;
    eg_var h = eg_tanh(t, eg_affine(t, x[0], 0.5, 0));
    for (int i = 0; i < 4; i++) h = eg_mul(t, h, eg_sigmoid(t, h));
    return h;
}

/* Mean over a batch of a small network's loss, SEGMENTS alike in a row; w1, w2 are leaves. */
static eg_var loss_of(eg_tape *t, eg_var *w, int checkpoint)
{
    const eg_var x = eg_input(t, EG_F32, &eg_shape_of(B, D), x_data);
    w[0] = eg_leaf(t, EG_F32, &eg_shape_of(D, H), w1_data);
    w[1] = eg_leaf(t, EG_F32, &eg_shape_of(H, K), w2_data);
    eg_var h = eg_matmul(t, x, w[0]);
    for (int i = 0; i < SEGMENTS; i++)
        h = checkpoint ? eg_checkpoint(t, segment, NULL, &h, 1) : segment(t, &h, NULL);
    return eg_mean(t, eg_logsumexp(t, eg_matmul(t, h, w[1]), 1, 0), EG_ALL_AXES, 0);
}

static eg_status one_step(eg_tape *t, int checkpoint, unsigned flags, float *g1)
{
    eg_var w[2], dw[2];
    eg_tape_reset(t);
    const eg_var loss = loss_of(t, w, checkpoint);
    const eg_status s = eg_tape_gradient(t, loss, EG_NONE, w, 2, flags, dw);
    if (s != EG_OK) return s;
    const void *value = eg_tape_value(t, dw[0]);
    if (value == NULL) return eg_tape_status(t);
    if (g1 != NULL) memcpy(g1, value, sizeof w1_data);
    return EG_OK;
}

static void a_step_repeated_allocates_nothing(void **state)
{
    (void)state;
    struct failing f = { .fail_at = SIZE_MAX };
    const eg_allocator alloc = failing_allocator(&f);
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, &alloc, &t));
    CHECK_OK(one_step(t, 0, 0, NULL));
    const size_t calls = f.calls;
    for (int i = 0; i < 5; i++) CHECK_OK(one_step(t, 0, 0, NULL));
    CHECK(f.calls == calls);
    eg_tape_reset(t);
    CHECK(eg_tape_bytes(t) == 0);
    eg_tape_destroy(t);
    CHECK(f.live == 0);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    for (int for_good = 0; for_good < 2; for_good++) {
        eg_status s = EG_ERR_NOMEM;
        for (size_t k = 0; s != EG_OK; k++) {
            struct failing f = { .fail_at = k, .for_good = for_good };
            const eg_allocator alloc = failing_allocator(&f);
            eg_tape *t = NULL;
            s = eg_tape_create(1, &alloc, &t);
            if (s == EG_OK) s = one_step(t, 1, 0, NULL);
            CHECK(s == EG_OK || s == EG_ERR_NOMEM);
            CHECK(t == NULL || eg_tape_status(t) == s); /* it stays, whatever failed */
            eg_tape_destroy(t);
            CHECK(f.live == 0);
            CHECK(k < 10000);
        }
    }
}

static void releasing_and_checkpoints_save_memory(void **state)
{
    (void)state;
    static float plain[D * H], other[D * H];
    size_t peak[3];
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    for (int way = 0; way < 3; way++) {
        eg_tape_reset(t);
        eg_tape_reset_peak(t);
        CHECK_OK(
            one_step(t, way == 2, way == 0 ? 0 : EG_GRADIENT_RELEASE, way == 0 ? plain : other));
        peak[way] = eg_tape_peak_bytes(t);
        if (way > 0) CHECK_SAME_BITS(plain, other, sizeof plain);
    }
    CHECK(peak[1] < peak[0]);
    CHECK(peak[2] < peak[1]);
    eg_tape_destroy(t);
}

static void threads_change_no_bit(void **state)
{
    (void)state;
    static float one[D * H], many[D * H];
    for (int threads = 1; threads <= 4; threads++) {
        eg_tape *t;
        CHECK_OK(eg_tape_create(threads, NULL, &t));
        CHECK_OK(one_step(t, 0, 0, threads == 1 ? one : many));
        if (threads > 1) CHECK_SAME_BITS(one, many, sizeof one);
        eg_tape_destroy(t);
    }
}

static void failures_stick_and_name_both_shapes(void **state)
{
    (void)state;
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    const eg_var x = eg_input(t, EG_F32, &eg_shape_of(2, 3), x_data);
    const eg_var y = eg_input(t, EG_F32, &eg_shape_of(4, 3), x_data);
    const eg_var z = eg_add(t, x, y);
    CHECK(z.id == 0);
    CHECK(eg_exp(t, eg_mul(t, z, x)).id == 0);
    CHECK(eg_tape_value(t, x) == NULL);
    CHECK_STATUS(eg_tape_status(t), EG_ERR_SHAPE);
    CHECK(strstr(eg_error_detail(), "add") != NULL);
    CHECK(strstr(eg_error_detail(), "(2, 3)") != NULL);
    CHECK(strstr(eg_error_detail(), "(4, 3)") != NULL);
    eg_tape_reset(t);
    CHECK_OK(eg_tape_status(t));
    const eg_var a = eg_input(t, EG_F32, &eg_shape_of(2, 3), x_data);
    CHECK(eg_matmul(t, a, a).id == 0);
    CHECK_STATUS(eg_tape_status(t), EG_ERR_SHAPE);
    CHECK(strstr(eg_error_detail(), "(2, 3) times (2, 3)") != NULL);
    eg_tape_destroy(t);
}

static void bad_arguments_are_refused(void **state)
{
    (void)state;
    static const int32_t index[3] = { 0, 7, 1 };
    static const double wide[3] = { 0 };
    eg_tape *t;
    CHECK_STATUS(eg_tape_create(-1, NULL, &t), EG_ERR_INVALID);
    CHECK_OK(eg_tape_create(1, NULL, &t));
    const eg_shape s = eg_shape_of(2, 3), line = eg_shape_of(3);
    const struct {
        int which;
        eg_status want;
        const char *says;
    } row[] = { { 0, EG_ERR_SHAPE, "f64" },
                { 1, EG_ERR_INVALID, "index[1] = 7" },
                { 2, EG_ERR_INVALID, "axis 5" },
                { 3, EG_ERR_SHAPE, "(2, 3) does not become (4)" },
                { 4, EG_ERR_INVALID, "4 elements from 0" },
                { 5, EG_ERR_INVALID, "p = 1" },
                { 6, EG_ERR_INVALID, "low = 2" },
                { 7, EG_ERR_INVALID, "not an order" },
                { 8, EG_ERR_INVALID, "no value of this tape" },
                { 9, EG_ERR_UNSUPPORTED, "i32" } };
    for (size_t k = 0; k < sizeof row / sizeof *row; k++) {
        eg_tape_reset(t);
        const eg_var x = eg_leaf(t, EG_F32, &s, x_data);
        const eg_var at = eg_input(t, EG_I32, &line, index);
        eg_var y = EG_NONE;
        switch (row[k].which) {
        case 0:
            y = eg_add(t, x, eg_leaf(t, EG_F64, &line, wide));
            break;
        case 1:
            y = eg_gather(t, x, at);
            break;
        case 2:
            y = eg_softmax(t, x, 5);
            break;
        case 3:
            y = eg_reshape(t, x, &eg_shape_of(4));
            break;
        case 4:
            y = eg_slice(t, x, 1, 0, 4, 1);
            break;
        case 5:
            y = eg_dropout(t, x, 1, 1, 1);
            break;
        case 6:
            y = eg_clamp(t, x, 2, 1);
            break;
        case 7:
            y = eg_permute(t, x, (const size_t[]){ 0, 0 });
            break;
        case 8:
            y = eg_exp(t, (eg_var){ 99 });
            break;
        default:
            y = eg_exp(t, at);
            break;
        }
        CHECK(y.id == 0);
        CHECK_STATUS(eg_tape_status(t), row[k].want);
        if (strstr(eg_error_detail(), row[k].says) == NULL)
            fail_msg("row %zu: \"%s\" does not say \"%s\"", k, eg_error_detail(), row[k].says);
    }
    eg_tape_destroy(t);
}

/* y = (2 x)^2 summed with a seed; by x, by the value between, by what it does not depend on. */
static void gradients_by_any_value(void **state)
{
    (void)state;
    static const double x_value[3] = { 1, -2, 3 }, seed_value[3] = { 1, 10, 100 };
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    const eg_shape line = eg_shape_of(3);
    const eg_var x = eg_leaf(t, EG_F64, &line, x_value);
    const eg_var lone = eg_leaf(t, EG_F64, &line, x_value);
    const eg_var between = eg_affine(t, x, 2, 0);
    const eg_var y = eg_mul(t, between, between);
    const eg_var wrt[5] = { x, between, lone, x, y };
    eg_var g[5];
    CHECK_OK(eg_tape_gradient(t, y, eg_input(t, EG_F64, &line, seed_value), wrt, 5, 0, g));
    CHECK(g[2].id == 0);
    for (size_t i = 0; i < 3; i++) {
        CHECK_NEAR(((const double *)eg_tape_value(t, g[0]))[i], 8 * x_value[i] * seed_value[i], 0);
        CHECK_NEAR(((const double *)eg_tape_value(t, g[1]))[i], 4 * x_value[i] * seed_value[i], 0);
        CHECK_NEAR(((const double *)eg_tape_value(t, g[3]))[i], 8 * x_value[i] * seed_value[i], 0);
        CHECK_NEAR(((const double *)eg_tape_value(t, g[4]))[i], seed_value[i], 0);
        CHECK_NEAR(((const double *)eg_tape_value(t, y))[i], 4 * x_value[i] * x_value[i], 0);
    }
    const eg_var again = eg_add(t, g[0], x); /* a derivative is a value like any other */
    CHECK_NEAR(eg_tape_number(t, again), 9, 0);
    CHECK_STATUS(eg_tape_gradient(t, y, eg_number(t, EG_F64, 1), &x, 1, 0, g), EG_ERR_SHAPE);
    eg_tape_destroy(t);
}

static void a_shape_must_be_there(void **state)
{
    (void)state;
    for (int k = 0; k < 4; k++) {
        eg_tape *t;
        CHECK_OK(eg_tape_create(1, NULL, &t));
        const eg_var v = k == 0   ? eg_leaf(t, EG_F32, NULL, x_data)
                         : k == 1 ? eg_input(t, EG_F32, NULL, x_data)
                         : k == 2 ? eg_reshape(t, eg_number(t, EG_F32, 1), NULL)
                                  : eg_broadcast_to(t, eg_number(t, EG_F32, 1), NULL);
        CHECK(v.id == 0);
        CHECK_STATUS(eg_tape_status(t), EG_ERR_INVALID);
        CHECK(strstr(eg_error_detail(), "shape = NULL") != NULL);
        eg_tape_destroy(t);
    }
}

static void released_values_cannot_be_used(void **state)
{
    (void)state;
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    const eg_var x = eg_leaf(t, EG_F32, &eg_shape_of(3), x_data);
    const eg_var h = eg_exp(t, x), y = eg_mul(t, h, h);
    eg_var g;
    CHECK_OK(eg_tape_gradient(t, y, EG_NONE, &x, 1, EG_GRADIENT_RELEASE, &g));
    CHECK(eg_tape_value(t, h) == NULL);
    CHECK(eg_tape_value(t, y) != NULL);
    CHECK(eg_tape_value(t, g) != NULL);
    CHECK(eg_exp(t, h).id == 0);
    CHECK_STATUS(eg_tape_status(t), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "released") != NULL);
    eg_tape_destroy(t);
}

static void a_checkpoint_has_no_second_derivative(void **state)
{
    (void)state;
    eg_var w[2], dw[2];
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    const eg_var loss = loss_of(t, w, 1);
    CHECK_STATUS(eg_tape_gradient(t, loss, EG_NONE, w, 2, EG_GRADIENT_KEEP, dw),
                 EG_ERR_UNSUPPORTED);
    CHECK(strstr(eg_error_detail(), "call the segment itself") != NULL);
    eg_tape_destroy(t);
}

/* What elements outside the ordinary do, row by row. */
static void special_values(void **state)
{
    (void)state;
    const float in[4] = { -INFINITY, -1000, 1000, NAN };
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    const eg_var x = eg_input(t, EG_F32, &eg_shape_of(3), in);
    const float *relu = eg_tape_value(t, eg_relu(t, x));
    CHECK(relu[0] == 0 && relu[1] == 0 && relu[2] == 1000);
    const float *sigmoid = eg_tape_value(t, eg_sigmoid(t, x));
    CHECK(sigmoid[0] == 0 && sigmoid[1] == 0 && sigmoid[2] == 1);
    const float *softplus = eg_tape_value(t, eg_softplus(t, x));
    CHECK(softplus[0] == 0 && softplus[1] == 0 && softplus[2] == 1000);
    CHECK(eg_tape_number(t, eg_logsumexp(t, x, 0, 0)) == 1000);
    const float *soft = eg_tape_value(t, eg_softmax(t, x, 0));
    CHECK(soft[0] == 0 && soft[1] == 0 && soft[2] == 1);
    const eg_var all = eg_input(t, EG_F32, &eg_shape_of(4), in);
    CHECK(isnan(((const float *)eg_tape_value(t, eg_relu(t, all)))[3]));
    CHECK(isnan(((const float *)eg_tape_value(t, eg_rep(t, all, 2)))[3]));
    CHECK(isnan(eg_tape_number(t, eg_max(t, all, EG_ALL_AXES, 0))));
    CHECK(*(const int32_t *)eg_tape_value(t, eg_argmax(t, all, 0)) == 3);
    CHECK(*(const int32_t *)eg_tape_value(t, eg_argmax(t, x, 0)) == 2);
    eg_tape_destroy(t);
}

/* A long sum keeps its digits: 10^6 numbers of 0.1 in f32. */
static void long_sums_are_exact_to_rounding(void **state)
{
    (void)state;
    enum { N = 1000000 };
    const float tenth = 0.1f;
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    const eg_var x =
        eg_broadcast_to(t, eg_input(t, EG_F32, &eg_shape_of(1), &tenth), &eg_shape_of(N));
    CHECK_NEAR(eg_tape_number(t, eg_sum(t, x, EG_ALL_AXES, 0)), N * (double)tenth, 0.1);
    CHECK_NEAR(eg_tape_number(t, eg_sum(t, eg_copy(t, x), EG_ALL_AXES, 0)), N * (double)tenth, 0.1);
    eg_tape_destroy(t);
}

/* Shapes as of values that are there, and nothing computed or held. */
static void ghosts_have_shapes_alone(void **state)
{
    (void)state;
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    const eg_shape large = eg_shape_of((size_t)1 << 20, (size_t)1 << 20);
    const eg_var x = egi_tape_ghost(t, EG_F32, &large);
    const eg_var y = eg_sum(t, eg_relu(t, eg_swap_axes(t, x, 0, 1)), EG_AXIS(1), 0);
    CHECK_OK(eg_tape_status(t));
    CHECK(eg_tape_shape(t, y).rank == 1 && eg_tape_shape(t, y).dim[0] == (size_t)1 << 20);
    CHECK(egi_tape_is_ghost(t, y) && eg_tape_value(t, y) == NULL && eg_tape_bytes(t) == 0);
    const eg_var one = eg_affine(t, eg_number(t, EG_F32, 2), 3, 1);
    CHECK(!egi_tape_is_ghost(t, one) && eg_tape_number(t, one) == 7);
    eg_matmul(t, x, egi_tape_ghost(t, EG_F32, &eg_shape_of(3, 4)));
    CHECK_STATUS(eg_tape_status(t), EG_ERR_SHAPE);
    eg_tape_destroy(t);
}

static void a_limit_is_kept(void **state)
{
    (void)state;
    static const float x[1000] = { 1 };
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    egi_tape_limit(t, 6000);
    const eg_var v = eg_relu(t, eg_input(t, EG_F32, &eg_shape_of(1000), x));
    CHECK_OK(eg_tape_status(t));
    eg_neg(t, v);
    CHECK_STATUS(eg_tape_status(t), EG_ERR_LIMIT);
    eg_tape_reset(t);
    eg_relu(t, eg_input(t, EG_F32, &eg_shape_of(1000), x)); /* the same memory again */
    CHECK_OK(eg_tape_status(t));
    eg_tape_destroy(t);
}

static void whole_numbers(void **state)
{
    (void)state;
    static const float x[6] = { -2.5f, -0.5f, 0.5f, 1.5f, 3e9f, NAN };
    static const float rounded[4] = { -2, -0.0f, 0, 2 }, down[4] = { -3, -1, 0, 1 };
    static const int32_t cut[6] = { -2, 0, 0, 1, INT32_MIN, INT32_MIN };
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    const eg_var v = eg_input(t, EG_F32, &eg_shape_of(6), x);
    const float *r = eg_tape_value(t, eg_round(t, v)), *f = eg_tape_value(t, eg_floor(t, v));
    const float *c = eg_tape_value(t, eg_ceil(t, v));
    for (size_t i = 0; i < 4; i++)
        CHECK(r[i] == rounded[i] && f[i] == down[i] && c[i] == down[i] + 1);
    CHECK_SAME_BITS(eg_tape_value(t, eg_cast(t, v, EG_I32)), cut, sizeof cut);
    eg_tape_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_repeated_allocates_nothing),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(releasing_and_checkpoints_save_memory),
        cmocka_unit_test(threads_change_no_bit),
        cmocka_unit_test(failures_stick_and_name_both_shapes),
        cmocka_unit_test(bad_arguments_are_refused),
        cmocka_unit_test(gradients_by_any_value),
        cmocka_unit_test(a_shape_must_be_there),
        cmocka_unit_test(released_values_cannot_be_used),
        cmocka_unit_test(a_checkpoint_has_no_second_derivative),
        cmocka_unit_test(special_values),
        cmocka_unit_test(ghosts_have_shapes_alone),
        cmocka_unit_test(a_limit_is_kept),
        cmocka_unit_test(whole_numbers),
        cmocka_unit_test(long_sums_are_exact_to_rounding),
    };
    return cmocka_run_group_tests(tests, fill_data, NULL);
}
