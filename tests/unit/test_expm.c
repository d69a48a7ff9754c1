/* exp(a) x against closed forms: rotations, nilpotent matrices, scalings; and its derivative. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "engram/operations.h"

static const double x[2] = { 0.3, -1.7 };

static void near(eg_tape *t, double a00, double a01, double a10, double a11, double y0, double y1)
{
    const double a[4] = { a00, a01, a10, a11 };
    const float fa[4] = { (float)a00, (float)a01, (float)a10, (float)a11 }, fx[2] = { 0.3F, -1.7F };
    const eg_shape square = eg_shape_of(2, 2), column = eg_shape_of(2, 1);
    const double size = fabs(y0) + fabs(y1);
    eg_tape_reset(t);
    const double *y = eg_tape_value(
        t, eg_expm_times(t, eg_input(t, EG_F64, &square, a), eg_input(t, EG_F64, &column, x)));
    assert_non_null(y);
    assert_true(fabs(y[0] - y0) < 1e-13 * size && fabs(y[1] - y1) < 1e-13 * size);
    const float *f = eg_tape_value(
        t, eg_expm_times(t, eg_input(t, EG_F32, &square, fa), eg_input(t, EG_F32, &column, fx)));
    assert_non_null(f);
    assert_true(fabs((double)f[0] - y0) < 4e-6 * size && fabs((double)f[1] - y1) < 4e-6 * size);
}

static void closed_forms_come_out(void **state)
{
    (void)state;
    eg_tape *t = NULL;
    assert_int_equal(eg_tape_create(1, NULL, &t), EG_OK);
    for (int i = -8; i <= 8; i++) {
        const double v = 0.4 * i, c = cos(v), s = sin(v);
        near(t, 0, -v, v, 0, c * x[0] - s * x[1], s * x[0] + c * x[1]);
        near(t, 0, v, 0, 0, x[0] + v * x[1], x[1]);
        near(t, v, 0, 0, -v, exp(v) * x[0], exp(-v) * x[1]);
        near(t, v, 1, 0, v, exp(v) * (x[0] + x[1]), exp(v) * x[1]);
    }
    eg_tape_destroy(t);
}

static double of(eg_tape *t, const double *a, eg_var *leaf)
{
    eg_tape_reset(t);
    *leaf = eg_leaf(t, EG_F64, &eg_shape_of(2, 2, 2), a);
    const eg_var v = eg_input(t, EG_F64, &eg_shape_of(2, 1), x);
    return eg_tape_number(t, eg_sum(t, eg_sin(t, eg_expm_times(t, *leaf, v)), EG_ALL_AXES, 0));
}

static void the_derivative_is_that_of_differences(void **state)
{
    (void)state;
    double a[8] = { 0.1, -0.7, 1.1, 0.2, -0.3, 0.4, 0.2, 0.5 };
    eg_tape *t = NULL;
    eg_var leaf, out;
    assert_int_equal(eg_tape_create(1, NULL, &t), EG_OK);
    for (size_t i = 0; i < 8; i++) {
        const double at = a[i], h = 1e-5;
        a[i] = at + h;
        const double high = of(t, a, &leaf);
        a[i] = at - h;
        const double low = of(t, a, &leaf);
        a[i] = at;
        (void)of(t, a, &leaf);
        eg_tape_reset(t);
        leaf = eg_leaf(t, EG_F64, &eg_shape_of(2, 2, 2), a);
        const eg_var v = eg_input(t, EG_F64, &eg_shape_of(2, 1), x);
        const eg_var y = eg_sum(t, eg_sin(t, eg_expm_times(t, leaf, v)), EG_ALL_AXES, 0);
        assert_int_equal(eg_tape_gradient(t, y, EG_NONE, &leaf, 1, 0, &out), EG_OK);
        const double *g = eg_tape_value(t, out);
        assert_true(fabs(g[i] - (high - low) / (2 * h)) < 1e-8);
    }
    eg_tape_destroy(t);
}

static void what_has_no_exponential_is_refused(void **state)
{
    (void)state;
    const double large[4] = { 2000, 0, 0, 0 }, nothing[4] = { NAN, 0, 0, 0 };
    const eg_shape square = eg_shape_of(2, 2), column = eg_shape_of(2, 1), wide = eg_shape_of(1, 2);
    eg_tape *t = NULL;
    assert_int_equal(eg_tape_create(1, NULL, &t), EG_OK);
    const double *const bad[2] = { large, nothing };
    for (size_t i = 0; i < 2; i++) {
        eg_tape_reset(t);
        (void)eg_expm_times(t, eg_input(t, EG_F64, &square, bad[i]),
                            eg_input(t, EG_F64, &column, x));
        assert_int_equal(eg_tape_status(t), EG_ERR_DIVERGED);
    }
    eg_tape_reset(t);
    (void)eg_expm_times(t, eg_input(t, EG_F64, &wide, x), eg_input(t, EG_F64, &column, x));
    assert_int_equal(eg_tape_status(t), EG_ERR_SHAPE);
    eg_tape_destroy(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(closed_forms_come_out),
        cmocka_unit_test(the_derivative_is_that_of_differences),
        cmocka_unit_test(what_has_no_exponential_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
