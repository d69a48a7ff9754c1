/* Functions seen along data that lie on a surface. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "engram/random.h"
#include "engram/symmetry.h"

enum { N = 600, D = 4 };

/* |x|^2, and x_0 */
static eg_status value(void *user, const float *x, size_t b, float *y)
{
    (void)user;
    for (size_t i = 0; i < b; i++) {
        y[i] = 0;
        for (size_t k = 0; k < D; k++) y[i] += x[i * D + k] * x[i * D + k];
    }
    return EG_OK;
}

static eg_status radial(void *user, const float *x, size_t b, float *j)
{
    (void)user;
    for (size_t i = 0; i < b * D; i++) j[i] = 2 * x[i];
    return EG_OK;
}

static eg_status first(void *user, const float *x, size_t b, float *j)
{
    (void)user;
    (void)x;
    for (size_t i = 0; i < b * D; i++) j[i] = i % D == 0;
    return EG_OK;
}

static eg_status all_of_it(void *user, const float *x, size_t b, float *j)
{
    (void)user;
    (void)x;
    for (size_t i = 0; i < b * D * D; i++) j[i] = i / D % D == i % D;
    return EG_OK;
}

/* A sphere of `q` dimensions in the first q + 1 coordinates. */
static void sphere(size_t q, double noise, float *x)
{
    eg_random_normal(q, 0, 0, (size_t)N * D, x);
    for (size_t i = 0; i < N; i++) {
        double norm = 0;
        for (size_t k = 0; k <= q; k++) norm += (double)x[i * D + k] * (double)x[i * D + k];
        for (size_t k = 0; k < D; k++) x[i * D + k] *= (float)(k <= q ? 1 / sqrt(norm) : noise);
    }
}

static const struct scene {
    const char *what;
    eg_status (*jacobian)(void *user, const float *x, size_t b, float *j);
    size_t outputs, q, invariant;
} scenes[] = {
    { "a length does not change on a sphere", radial, 1, 2, 2 },
    { "a length does not change on a circle", radial, 1, 1, 1 },
    { "one coordinate on a sphere has circles", first, 1, 2, 1 },
    { "all coordinates have nothing", all_of_it, D, 2, 0 },
};

static void level_sets_are_those_of_the_surface(void **state)
{
    (void)state;
    static float x[N * D];
    size_t invariant[N];
    double spectrum[N * 2];
    for (size_t k = 0; k < sizeof scenes / sizeof *scenes; k++) {
        const struct scene *c = &scenes[k];
        const eg_function f = { D, c->outputs, value, c->jacobian, NULL };
        eg_tangent *t = NULL;
        size_t right = 0;
        sphere(c->q, 0, x);
        assert_int_equal(eg_tangent_create(x, N, D, 12, c->q, NULL, &t), EG_OK);
        assert_int_equal(eg_level_dimension(&f, t, x, N, 0.2, invariant, spectrum), EG_OK);
        for (size_t i = 0; i < N; i++) right += invariant[i] == c->invariant;
        if (right < N * 95 / 100) fail_msg("%s: %zu of %d", c->what, right, N);
        for (size_t i = 0; i < N && c->outputs == D; i++) /* of orthonormal directions */
            assert_true(fabs(spectrum[2 * i] - 1) < 1e-5 && fabs(spectrum[2 * i + 1] - 1) < 1e-5);
        eg_tangent_destroy(t);
    }
}

/* With all examples for neighbours they are the principal components. */
static void directions_are_orthonormal(void **state)
{
    (void)state;
    static float x[N * D];
    float way[2 * D];
    eg_tangent *t = NULL;
    eg_random_normal(9, 0, 0, (size_t)N * D, x);
    for (size_t i = 0; i < N; i++) x[i * D + 2] *= 5;
    for (size_t i = 0; i < N; i++) x[i * D + 1] *= 3;
    assert_int_equal(eg_tangent_create(x, N, D, N, 2, NULL, &t), EG_OK);
    const eg_function f = eg_tangent_function(t);
    assert_int_equal(f.jacobian(f.user, x, 1, way), EG_OK);
    assert_true(fabsf(way[2]) > 0.99F && fabsf(way[D + 1]) > 0.99F);
    float dot = 0, norm = 0;
    for (size_t i = 0; i < D; i++) {
        dot += way[i] * way[D + i];
        norm += way[i] * way[i];
    }
    assert_true(fabsf(dot) < 1e-6F && fabsf(norm - 1) < 1e-6F);
    assert_int_equal(f.value(f.user, x, 1, way), EG_ERR_UNSUPPORTED);
    eg_tangent_destroy(t);
}

/* On a circle in four dimensions many directions are free because nothing is there; against the
 * tangent the rotation comes first, and alone. */
static void along_the_data_the_rotation_is_first(void **state)
{
    (void)state;
    static float x[N * D];
    double spectrum[D * D], generator[D * D * D * D];
    const eg_function f = { D, 1, value, radial, NULL };
    eg_symmetry_options o = EG_SYMMETRY_OPTIONS_INIT;
    eg_tangent *t = NULL;
    sphere(1, 1e-3, x);
    assert_int_equal(eg_tangent_create(x, N, D, 8, 1, NULL, &t), EG_OK);
    const eg_function along = eg_tangent_function(t);
    o.against = &along;
    assert_int_equal(eg_symmetry_find(&f, x, N, &o, spectrum, generator), EG_OK);
    assert_true(fabs(generator[D] - generator[1]) / sqrt(2) > 0.99);
    assert_true(spectrum[0] < 5e-3 && spectrum[1] > 10 * spectrum[0]);
    const eg_function restricted = eg_tangent_restrict(t, &f);
    float j[N * D];
    double left = 0;
    assert_int_equal(restricted.jacobian(restricted.user, x, N, j), EG_OK);
    for (size_t i = 0; i < N * D; i++) left += (double)j[i] * (double)j[i] / N;
    assert_true(left < 0.05); /* of 4 */
    o.against = &(const eg_function){ D + 1, 1, value, radial, NULL };
    assert_int_equal(eg_symmetry_find(&f, x, N, &o, spectrum, generator), EG_ERR_SHAPE);
    eg_tangent_destroy(t);
}

/* Against what sees every change alike, of data that vary alike, singular values are those without,
 * in another unit. */
static void against_all_changes_nothing_is_new(void **state)
{
    (void)state;
    static float x[N * D];
    double plain[D * D], measured[D * D], generator[D * D * D * D];
    const eg_function f = { D, 1, value, radial, NULL }, all = { D, D, value, all_of_it, NULL };
    eg_symmetry_options o = EG_SYMMETRY_OPTIONS_INIT;
    eg_random_normal(3, 0, 0, (size_t)N * D, x);
    assert_int_equal(eg_symmetry_find(&f, x, N, &o, plain, generator), EG_OK);
    o.against = &all;
    assert_int_equal(eg_symmetry_find(&f, x, N, &o, measured, generator), EG_OK);
    for (size_t i = 0; i < D * D; i++)
        assert_true(i < 6 ? measured[i] < 5e-3 : fabs(measured[i] / plain[i] - 1) < 0.1);
}

static void bad_input_is_refused(void **state)
{
    (void)state;
    float x[2 * D] = { 0 };
    size_t invariant[2];
    eg_tangent *t = NULL;
    const eg_function wide = { D + 1, 1, value, radial, NULL }, f = { D, 1, value, radial, NULL };
    assert_int_equal(eg_tangent_create(x, 2, D, 2, 2, NULL, &t), EG_ERR_INVALID);
    assert_int_equal(eg_tangent_create(x, 2, D, 3, 1, NULL, &t), EG_ERR_INVALID);
    x[5] = NAN;
    assert_int_equal(eg_tangent_create(x, 2, D, 2, 1, NULL, &t), EG_ERR_INVALID);
    assert_non_null(strstr(eg_error_detail(), "example 1, input 1 is nan"));
    x[5] = 0;
    assert_int_equal(eg_tangent_create(x, 2, D, 2, 1, NULL, &t), EG_OK);
    assert_int_equal(eg_level_dimension(&wide, t, x, 1, 0.1, invariant, NULL), EG_ERR_SHAPE);
    assert_int_equal(eg_level_dimension(&f, t, x, 1, 0, invariant, NULL), EG_ERR_INVALID);
    eg_tangent_destroy(t);
    eg_tangent_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(level_sets_are_those_of_the_surface),
        cmocka_unit_test(directions_are_orthonormal),
        cmocka_unit_test(along_the_data_the_rotation_is_first),
        cmocka_unit_test(against_all_changes_nothing_is_new),
        cmocka_unit_test(bad_input_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
