/* Generators of functions whose symmetries are known. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "engram/random.h"
#include "engram/symmetry.h"

enum { N = 400, MOST = 6, SQUARE = MOST * (MOST + 1) };

/* sum s_i x_i^2 of the signs in user */
static eg_status form_value(void *user, const float *x, size_t b, float *y)
{
    const float *sign = user;
    const size_t d = (size_t)sign[0];
    for (size_t i = 0; i < b; i++) {
        y[i] = 0;
        for (size_t j = 0; j < d; j++) y[i] += sign[1 + j] * x[i * d + j] * x[i * d + j];
    }
    return EG_OK;
}

static eg_status form_jacobian(void *user, const float *x, size_t b, float *j)
{
    const float *sign = user;
    const size_t d = (size_t)sign[0];
    for (size_t i = 0; i < b * d; i++) j[i] = 2 * sign[1 + i % d] * x[i];
    return EG_OK;
}

static eg_status first_value(void *user, const float *x, size_t b, float *y)
{
    const size_t d = *(const size_t *)user;
    for (size_t i = 0; i < b; i++) y[i] = x[i * d];
    return EG_OK;
}

static eg_status first_jacobian(void *user, const float *x, size_t b, float *j)
{
    const size_t d = *(const size_t *)user;
    (void)x;
    for (size_t i = 0; i < b * d; i++) j[i] = i % d == 0;
    return EG_OK;
}

/* sin(x_1 - x_2): translations along (1, 1), and what is linear with x_1 - x_2 kept */
static eg_status wave_value(void *user, const float *x, size_t b, float *y)
{
    (void)user;
    for (size_t i = 0; i < b; i++) y[i] = sinf(x[2 * i] - x[2 * i + 1]);
    return EG_OK;
}

static eg_status wave_jacobian(void *user, const float *x, size_t b, float *j)
{
    (void)user;
    for (size_t i = 0; i < b; i++) {
        j[2 * i] = cosf(x[2 * i] - x[2 * i + 1]);
        j[2 * i + 1] = -j[2 * i];
    }
    return EG_OK;
}

static size_t nullity(const eg_function *f, const float *x, const eg_symmetry_options *o,
                      double *generator)
{
    double spectrum[SQUARE], own[SQUARE * SQUARE];
    const size_t m = eg_symmetry_size(f, o);
    size_t kept = 0;
    assert_int_equal(eg_symmetry_find(f, x, N, o, spectrum, generator != NULL ? generator : own),
                     EG_OK);
    for (size_t i = 0; i < m; i++) {
        assert_true(i == 0 || spectrum[i] >= spectrum[i - 1]);
        kept += spectrum[i] < 1e-12 * spectrum[m - 1];
    }
    assert_true(kept == m || spectrum[kept] > 1e-3 * spectrum[m - 1]); /* a gap */
    return kept;
}

static void spheres_have_rotations(void **state)
{
    (void)state;
    static float x[N * MOST];
    double generator[16];
    float sign[1 + MOST] = { 0, 1, 1, 1, 1, 1, 1 };
    eg_symmetry_options o = EG_SYMMETRY_OPTIONS_INIT;
    for (size_t d = 2; d <= MOST; d++) {
        sign[0] = (float)d;
        eg_random_normal(d, 0, 0, N * d, x);
        const eg_function f = { d, 1, form_value, form_jacobian, sign };
        o.batch = d == 3 ? 7 : 64; /* how rows are stacked does not matter */
        assert_int_equal(nullity(&f, x, &o, d == 2 ? generator : NULL), d * (d - 1) / 2);
        if (d > 2) continue;
        const double dot =
            (generator[2] - generator[1]) / sqrt(2); /* with (0, -1; 1, 0) / sqrt 2 */
        assert_true(fabs(fabs(dot) - 1) < 1e-12);
    }
}

static void the_lorentz_group_has_six(void **state)
{
    (void)state;
    static float x[N * 4];
    float sign[5] = { 4, 1, -1, -1, -1 };
    const eg_symmetry_options o = EG_SYMMETRY_OPTIONS_INIT;
    const eg_function f = { 4, 1, form_value, form_jacobian, sign };
    eg_random_normal(4, 1, 0, N * 4, x);
    assert_int_equal(nullity(&f, x, &o, NULL), 6);
}

static void what_is_not_looked_at_is_free(void **state)
{
    (void)state;
    static float x[N * 2];
    size_t d = 2;
    const eg_symmetry_options o = EG_SYMMETRY_OPTIONS_INIT;
    const eg_function f = { 2, 1, first_value, first_jacobian, &d };
    eg_random_normal(4, 2, 0, N * 2, x);
    assert_int_equal(nullity(&f, x, &o, NULL), 2);
}

static void translations_are_affine(void **state)
{
    (void)state;
    static float x[N * 2], y[N * 2];
    double generator[36];
    const double h[6] = { 0, 0, 1, 0, 0, 1 };
    eg_symmetry_options o = EG_SYMMETRY_OPTIONS_INIT;
    eg_kept kept;
    const eg_function f = { 2, 1, wave_value, wave_jacobian, NULL };
    o.affine = 1;
    eg_random_normal(4, 3, 0, N * 2, x);
    assert_int_equal(nullity(&f, x, &o, generator), 3); /* (1, 1) times any of x_1, x_2, 1 */
    assert_int_equal(eg_symmetry_move(&f, x, N, &o, h, 0.75, y), EG_OK);
    for (size_t i = 0; i < 2 * N; i++) assert_true(fabsf(y[i] - x[i] - 0.75F) < 1e-6F);
    assert_int_equal(eg_symmetry_check(&f, x, N, &o, h, 0.75, &kept), EG_OK);
    assert_true(kept.bias < 1e-12 && kept.variance < 1e-10 && kept.moved > 0.1);
    const double other[6] = { 0, 0, 1, 0, 0, 0 };
    assert_int_equal(eg_symmetry_check(&f, x, N, &o, other, 0.75, &kept), EG_OK);
    assert_true(kept.bias > 0.1 && kept.variance > 0.1);
}

/* A rotation of a plane within a space of five, found in a basis of it. */
static void a_basis_restricts(void **state)
{
    (void)state;
    enum { D = 5 };
    static float x[N * D], y[N * D];
    float sign[1 + D] = { D, 1, 1, 2, 3, -1 }, basis[2 * D] = { 0 };
    double generator[16];
    eg_symmetry_options o = EG_SYMMETRY_OPTIONS_INIT;
    const eg_function f = { D, 1, form_value, form_jacobian, sign };
    basis[0] = basis[D + 1] = 1;
    o.basis = basis;
    o.q = 2;
    eg_random_normal(4, 5, 0, N * D, x);
    assert_int_equal(nullity(&f, x, &o, generator), 1);
    assert_int_equal(eg_symmetry_move(&f, x, N, &o, generator, 2.0, y), EG_OK);
    const double turn = 2 / sqrt(2) * (generator[2] > 0 ? 1 : -1);
    for (size_t i = 0; i < N; i++) {
        const float *a = x + i * D, *b = y + i * D;
        assert_true(fabs((double)b[0] - cos(turn) * (double)a[0] + sin(turn) * (double)a[1])
                    < 1e-6);
        assert_true(fabs((double)b[1] - sin(turn) * (double)a[0] - cos(turn) * (double)a[1])
                    < 1e-6);
        assert_memory_equal(b + 2, a + 2, 3 * sizeof *a);
    }
}

static eg_status broken_jacobian(void *user, const float *x, size_t b, float *j)
{
    const eg_status s = form_jacobian(user, x, b, j);
    j[b - 1] = NAN;
    return s;
}

static void bad_input_is_refused(void **state)
{
    (void)state;
    float sign[3] = { 2, 1, 1 }, x[4] = { 1, 2, 3, 4 };
    double spectrum[4], generator[16];
    eg_symmetry_options o = EG_SYMMETRY_OPTIONS_INIT;
    const eg_function broken = { 2, 1, form_value, broken_jacobian, sign },
                      large = { 100, 1, form_value, form_jacobian, sign };
    assert_int_equal(eg_symmetry_find(&broken, x, 2, &o, spectrum, generator), EG_ERR_INVALID);
    assert_non_null(strstr(eg_error_detail(), "derivative of output 0 by input 1 is nan"));
    assert_int_equal(eg_symmetry_find(&large, x, 2, &o, spectrum, generator), EG_ERR_LIMIT);
    assert_int_equal(eg_symmetry_find(&broken, x, 0, &o, spectrum, generator), EG_ERR_INVALID);
    o.batch = 0;
    assert_int_equal(eg_symmetry_find(&broken, x, 2, &o, spectrum, generator), EG_ERR_INVALID);
}

/* The Jacobian of a network is that of differences of its scores. */
static void networks_are_functions(void **state)
{
    (void)state;
    enum { D = 5, C = 3 };
    const eg_task task = { .inputs = D, .classes = C, .epochs = 1 };
    eg_learner *l = NULL;
    float x[D], j[C * D], low[C], high[C];
    assert_int_equal(eg_learner_create("{\"kind\": \"network\", \"hidden\": [7], \"activation\": "
                                       "\"tanh\"}",
                                       &task, 1, 1, NULL, &l),
                     EG_OK);
    const eg_function f = eg_learner_function(l);
    eg_random_normal(4, 6, 0, D, x);
    assert_int_equal(f.jacobian(f.user, x, 1, j), EG_OK);
    for (size_t i = 0; i < D; i++) {
        const float at = x[i], h = 1e-2F;
        x[i] = at - h;
        assert_int_equal(f.value(f.user, x, 1, low), EG_OK);
        x[i] = at + h;
        assert_int_equal(f.value(f.user, x, 1, high), EG_OK);
        x[i] = at;
        for (size_t k = 0; k < C; k++)
            assert_true(fabsf(j[k * D + i] - (high[k] - low[k]) / (2 * h)) < 2e-3F);
    }
    eg_learner_destroy(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(spheres_have_rotations),
        cmocka_unit_test(the_lorentz_group_has_six),
        cmocka_unit_test(what_is_not_looked_at_is_free),
        cmocka_unit_test(translations_are_affine),
        cmocka_unit_test(a_basis_restricts),
        cmocka_unit_test(bad_input_is_refused),
        cmocka_unit_test(networks_are_functions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
