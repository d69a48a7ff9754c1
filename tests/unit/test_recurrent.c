/* Recurrent rows: f32 against f64, steps of the cell, bits for any number of threads, what cannot
 * be differentiated twice, wrong shapes; and the functions of the gates. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/egi_base.h"
#include "check.h"
#include "kernel/egi_kernel_exp.h"

enum { INPUTS = 7 };

/* x, h, c, w_ih, w_hh, b_ih, b_hh */
struct layer {
    eg_shape shape[INPUTS];
    float *value[INPUTS];
};

static struct layer layer_of(size_t steps, size_t batch, size_t d, size_t h, size_t gates)
{
    struct layer l = { .shape = { eg_shape_of(steps, batch, d), eg_shape_of(batch, h),
                                  eg_shape_of(batch, h), eg_shape_of(gates * h, d),
                                  eg_shape_of(gates * h, h), eg_shape_of(gates * h),
                                  eg_shape_of(gates * h) } };
    for (size_t k = 0; k < INPUTS; k++) {
        const size_t n = eg_shape_size(&l.shape[k]);
        l.value[k] = malloc(n * sizeof(float));
        assert_non_null(l.value[k]);
        eg_random_uniform(7, k, 0, n, l.value[k]);
        const float scale = k < 3 ? 4 : 2 / sqrtf((float)h);
        for (size_t i = 0; i < n; i++) l.value[k][i] = scale * (l.value[k][i] - 0.5f);
    }
    return l;
}

static void clear(struct layer *l)
{
    for (size_t k = 0; k < INPUTS; k++) free(l->value[k]);
}

static void leaves(eg_tape *t, const struct layer *l, eg_dtype dtype, eg_var *x)
{
    for (size_t k = 0; k < INPUTS; k++)
        x[k] = eg_cast(t, eg_leaf(t, EG_F32, &l->shape[k], l->value[k]), dtype);
}

static eg_var all_steps(eg_tape *t, const eg_var *x, size_t gates)
{
    const eg_recurrent p = { x[3], x[4], x[5], x[6] };
    return gates == 4 ? eg_lstm(t, x[0], x[1], x[2], &p, NULL) : eg_gru(t, x[0], x[1], &p);
}

static eg_var step_by_step(eg_tape *t, const eg_var *x, size_t gates)
{
    const eg_recurrent p = { x[3], x[4], x[5], x[6] };
    const eg_shape s = eg_tape_shape(t, x[0]);
    eg_var h = x[1], c = x[2], all[16];
    for (size_t i = 0; i < s.dim[0]; i++) {
        const eg_var now =
            eg_reshape(t, eg_slice(t, x[0], 0, i, 1, 1), &eg_shape_of(s.dim[1], s.dim[2]));
        h = gates == 4 ? eg_lstm_cell(t, now, h, c, &p, &c) : eg_gru_cell(t, now, h, &p);
        all[i] = eg_reshape(t, h, &eg_shape_of(1, s.dim[1], eg_tape_shape(t, h).dim[1]));
    }
    return eg_concat(t, all, s.dim[0], 0);
}

/* All of b within `bound` of a, relative to its largest element; a, b of f32 or f64. */
static void near(eg_tape *t, eg_var a, eg_var b, double bound)
{
    const eg_shape s = eg_tape_shape(t, a);
    const double *p = eg_tape_value(t, eg_cast(t, a, EG_F64));
    const double *q = eg_tape_value(t, eg_cast(t, b, EG_F64));
    double largest = 0;
    for (size_t i = 0; i < eg_shape_size(&s); i++) largest = fmax(largest, fabs(q[i]));
    for (size_t i = 0; i < eg_shape_size(&s); i++) CHECK_NEAR(p[i], q[i], bound * largest);
}

/* The fused rows in both types against cells in f64, with gradients by all inputs. */
static void fused_is_step_by_step(void **state)
{
    (void)state;
    for (size_t gates = 3; gates <= 4; gates++) {
        struct layer l = layer_of(9, 70, 5, 33, gates); /* two blocks of rows */
        for (eg_dtype dtype = EG_F32; dtype <= EG_F64; dtype++) {
            eg_tape *t;
            CHECK_OK(eg_tape_create(1, NULL, &t));
            eg_var x[INPUTS], z[INPUTS], dx[INPUTS], dz[INPUTS];
            leaves(t, &l, dtype, x);
            leaves(t, &l, EG_F64, z);
            const eg_var y = all_steps(t, x, gates), want = step_by_step(t, z, gates);
            const double bound = dtype == EG_F32 ? 1e-5 : 1e-13;
            CHECK_OK(eg_tape_status(t));
            near(t, y, want, bound);
            CHECK_OK(eg_tape_gradient(t, eg_mul(t, y, y), EG_NONE, x, INPUTS, 0, dx));
            CHECK_OK(eg_tape_gradient(t, eg_mul(t, want, want), EG_NONE, z, INPUTS, 0, dz));
            for (size_t k = 0; k < INPUTS; k++) {
                assert_int_equal(dx[k].id == 0, dz[k].id == 0); /* c of the GRU */
                if (dx[k].id != 0) near(t, dx[k], dz[k], bound);
            }
            eg_tape_destroy(t);
        }
        clear(&l);
    }
}

/* Results and gradients of one step, one after the other; released by the caller. */
static char *all_bits(const struct layer *l, eg_dtype dtype, size_t gates, int threads,
                      size_t *bytes)
{
    eg_tape *t;
    CHECK_OK(eg_tape_create(threads, NULL, &t));
    eg_var x[INPUTS], out[INPUTS + 1];
    leaves(t, l, dtype, x);
    out[INPUTS] = all_steps(t, x, gates);
    CHECK_OK(eg_tape_gradient(t, out[INPUTS], EG_NONE, x, INPUTS, 0, out));
    char *bits = NULL;
    *bytes = 0;
    for (size_t k = 0; k <= INPUTS; k++) {
        if (out[k].id == 0) continue;
        const eg_shape s = eg_tape_shape(t, out[k]);
        const size_t more = eg_shape_size(&s) * eg_dtype_size(dtype);
        bits = realloc(bits, *bytes + more);
        assert_non_null(bits);
        memcpy(bits + *bytes, eg_tape_value(t, out[k]), more);
        *bytes += more;
    }
    eg_tape_destroy(t);
    return bits;
}

static void threads_change_nothing(void **state)
{
    (void)state;
    for (size_t gates = 3; gates <= 4; gates++) {
        struct layer l = layer_of(6, 150, 8, 64, gates);
        for (eg_dtype dtype = EG_F32; dtype <= EG_F64; dtype++) {
            size_t bytes, same;
            char *one = all_bits(&l, dtype, gates, 1, &bytes);
            char *two = all_bits(&l, dtype, gates, 2, &same);
            assert_int_equal(bytes, same);
            CHECK_SAME_BITS(one, two, bytes);
            free(one);
            free(two);
        }
        clear(&l);
    }
}

static void once_and_no_more(void **state)
{
    (void)state;
    for (size_t gates = 3; gates <= 4; gates++) {
        struct layer l = layer_of(2, 2, 2, 2, gates);
        eg_tape *t;
        CHECK_OK(eg_tape_create(1, NULL, &t));
        eg_var x[INPUTS], dx, again;
        leaves(t, &l, EG_F64, x);
        const eg_var y = all_steps(t, x, gates);
        CHECK_OK(eg_tape_gradient(t, y, EG_NONE, &x[0], 1, EG_GRADIENT_KEEP, &dx));
        CHECK_STATUS(eg_tape_gradient(t, dx, EG_NONE, &x[0], 1, 0, &again), EG_ERR_UNSUPPORTED);
        const char *cell = gates == 4 ? "eg_lstm_cell" : "eg_gru_cell";
        CHECK(strstr(eg_error_detail(), cell) != NULL);
        eg_tape_destroy(t);
        clear(&l);
    }
}

static void biases_may_be_missing(void **state)
{
    (void)state;
    for (size_t gates = 3; gates <= 4; gates++) {
        struct layer l = layer_of(3, 2, 2, 3, gates);
        for (size_t k = 5; k < INPUTS; k++)
            memset(l.value[k], 0, eg_shape_size(&l.shape[k]) * sizeof(float));
        eg_tape *t;
        CHECK_OK(eg_tape_create(1, NULL, &t));
        eg_var x[INPUTS];
        leaves(t, &l, EG_F64, x);
        const eg_var zero = all_steps(t, x, gates);
        x[5] = x[6] = EG_NONE;
        near(t, all_steps(t, x, gates), zero, 0);
        near(t, step_by_step(t, x, gates), zero, 1e-14);
        eg_tape_destroy(t);
        clear(&l);
    }
}

static void wrong_shapes(void **state)
{
    (void)state;
    static const char *const says[INPUTS] = { "x (", "h is", "c is", "w_ih is", "w_hh is" };
    struct layer l = layer_of(3, 2, 2, 3, 4);
    eg_tape *t;
    CHECK_OK(eg_tape_create(1, NULL, &t));
    for (size_t k = 0; k < 5; k++) {
        eg_var x[INPUTS];
        leaves(t, &l, EG_F32, x);
        if (k != 1) {
            eg_shape other = l.shape[k];
            if (k == 0)
                other.dim[1] *= other.dim[--other.rank];
            else
                other.dim[0] = 1;
            x[k] = eg_leaf(t, EG_F32, &other, l.value[k]);
        } else {
            x[k] = eg_slice(t, x[k], 0, 0, 1, 1);
        }
        CHECK(all_steps(t, x, 4).id == 0);
        CHECK_STATUS(eg_tape_status(t), EG_ERR_SHAPE);
        if (strstr(eg_error_detail(), says[k]) == NULL)
            fail_msg("\"%s\" does not say %s", eg_error_detail(), says[k]);
        eg_tape_reset(t);
    }
    eg_tape_destroy(t);
    clear(&l);
}

/* |got - want| in units of the last place of f32 at want. */
static double ulp(float got, double want)
{
    int e;
    frexp(want, &e);
    return fabs((double)got - want) / ldexp(1, e - 24 < -149 ? -149 : e - 24);
}

static void functions_of_gates(void **state)
{
    (void)state;
    for (uint64_t bits = 0; bits < (uint64_t)1 << 32; bits += 4099) {
        const float x = egi_float_of((uint32_t)bits);
        if (isnan(x)) {
            CHECK(isnan(egi_exp_f32(x)) && isnan(egi_sigmoid_f32(x)) && isnan(egi_tanh_f32(x)));
            continue;
        }
        const double held = fmax(-87, fmin(87, (double)x));
        CHECK_NEAR(ulp(egi_exp_f32(x), exp(held)), 0, 1);
        CHECK_NEAR(ulp(egi_sigmoid_f32(x), 1 / (1 + exp(-held))), 0, 2.5);
        CHECK_NEAR(ulp(egi_tanh_f32(x), tanh((double)x)), 0, 1.5);
    }
    CHECK(egi_tanh_f32(INFINITY) == 1 && egi_tanh_f32(-INFINITY) == -1);
    CHECK(egi_sigmoid_f32(INFINITY) == 1 && signbit(egi_tanh_f32(-0.0f)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(fused_is_step_by_step), cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(once_and_no_more),      cmocka_unit_test(biases_may_be_missing),
        cmocka_unit_test(wrong_shapes),          cmocka_unit_test(functions_of_gates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
