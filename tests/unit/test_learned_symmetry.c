/* Learned symmetries of functions whose symmetries are known: one row each. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "engram/learned_symmetry.h"
#include "engram/random.h"

enum { N = 512, D = 2, SIDE = 12, PIXELS = SIDE * SIDE, STEPS = 600 };

/* |x|^2 */
static eg_var length(void *user, eg_tape *t, eg_var x)
{
    (void)user;
    return eg_sum(t, eg_mul(t, x, x), EG_AXIS(1), 1);
}

/* the first of two numbers */
static eg_var first(void *user, eg_tape *t, eg_var x)
{
    (void)user;
    return eg_slice(t, x, 1, 0, 1, 1);
}

/* sums of a picture's rows */
static eg_var along_rows(void *user, eg_tape *t, eg_var x)
{
    const size_t b = eg_tape_shape(t, x).dim[0];
    (void)user;
    const eg_var rows = eg_sum(t, eg_reshape(t, x, &eg_shape_of(b, SIDE, SIDE)), EG_AXIS(2), 0);
    return eg_affine(t, rows, 0.2, 0);
}

/* Two clouds: the first number anything, the second -1 or 1 but for a little. */
static void clouds(float *x)
{
    eg_random_normal(1, 0, 0, (size_t)N * D, x);
    for (size_t i = 0; i < N; i++) {
        float u;
        eg_random_uniform(1, 1, i, 1, &u);
        x[D * i + 1] = 0.05F * x[D * i + 1] + (u < 0.5F ? -1 : 1);
    }
}

static void gauss(float *x)
{
    eg_random_normal(2, 0, 0, (size_t)N * D, x);
}

/* Blobs of one size at random places. */
static void blobs(float *x)
{
    for (size_t i = 0; i < N; i++) {
        float at[2];
        eg_random_uniform(3, 0, 2 * i, 2, at);
        for (size_t p = 0; p < PIXELS; p++) {
            const double r = (double)(p / SIDE) - 4 - 3 * (double)at[0];
            const double c = (double)(p % SIDE) - 4 - 3 * (double)at[1];
            x[i * PIXELS + p] = (float)exp(-(r * r + c * c) / 3);
        }
    }
}

static double component(eg_learned_symmetry *s, size_t i)
{
    const eg_param *p = eg_params_find(eg_learned_symmetry_params(s), "generators");
    const float *g = p->value;
    double norm = 0;
    for (size_t k = 0; k < eg_shape_size(&p->shape); k++) norm += (double)g[k] * (double)g[k];
    return (double)g[i] / sqrt(norm);
}

static double rotation(eg_learned_symmetry *s)
{
    return fabs(component(s, 2) - component(s, 1)) / sqrt(2);
}

/* with what moves rows along themselves: a translation, and a shear, half of which is a rotation */
static double along_columns(eg_learned_symmetry *s)
{
    return hypot(component(s, 0), (component(s, 5) - component(s, 2)) / sqrt(2));
}

static const struct scene {
    const char *family;
    eg_var (*phi)(void *user, eg_tape *t, eg_var x);
    void (*data)(float *x);
    double (*cosine)(eg_learned_symmetry *s); /* with what is known; NULL: see turns_round */
    size_t d, outputs, steps;
    double least, involution, worst; /* invariance at most */
} scenes[] = {
    { "linear", length, gauss, rotation, D, 1, STEPS, 0.1, 0, 1e-3 },
    { "warp", along_rows, blobs, along_columns, PIXELS, SIDE, STEPS, 0.1, 0, 2e-2 },
    { "residual", first, clouds, NULL, D, 1, 2 * STEPS, 1, 1, 1e-2 },
    { "involution", first, clouds, NULL, D, 1, 2 * STEPS, 1, 0, 1e-2 },
};

static eg_learned_symmetry *learned(const struct scene *c, const float *x, const char *family)
{
    eg_learn_symmetry_options o = EG_LEARN_SYMMETRY_OPTIONS_INIT;
    const eg_tape_function phi = { c->d, c->outputs, c->phi, NULL };
    eg_learned_symmetry *s = NULL;
    o.family = family;
    o.height = o.width = SIDE;
    o.channels = 1;
    o.units = 16;
    o.critic_units = 32;
    o.steps = c->steps;
    o.rate = 1e-2;
    o.range = c->d == PIXELS ? 0.2 : 0.5;
    o.realism = c->d == PIXELS ? 0 : 0.1; /* there are edges, which a critic sees */
    o.least = c->least;
    o.involution = c->involution;
    o.threads = 1;
    assert_int_equal(eg_learned_symmetry_create(c->d, &o, &s), EG_OK);
    assert_int_equal(eg_learned_symmetry_train(s, &phi, x, N), EG_OK);
    return s;
}

/* Share of points whose second number changes its sign and keeps its size. */
static double turned(eg_learned_symmetry *s, const float *x)
{
    static float y[N * D];
    double share = 0;
    assert_int_equal(eg_learned_symmetry_apply(s, x, N, NULL, y), EG_OK);
    for (size_t i = 0; i < N; i++) share += (double)(fabsf(y[D * i + 1] + x[D * i + 1]) < 0.3F) / N;
    return share;
}

static void known_symmetries_are_learned(void **state)
{
    (void)state;
    static float x[N * PIXELS];
    for (size_t k = 0; k < sizeof scenes / sizeof *scenes; k++) {
        const struct scene *c = &scenes[k];
        const eg_tape_function phi = { c->d, c->outputs, c->phi, NULL };
        eg_learned_symmetry_result r;
        c->data(x);
        eg_learned_symmetry *s = learned(c, x, c->family);
        assert_int_equal(eg_learned_symmetry_check(s, &phi, x, N, &r), EG_OK);
        assert_true(r.invariance < c->worst);
        assert_true(r.moved > 0.5 * c->least);
        if (c->cosine != NULL)
            assert_true(c->cosine(s) > 0.99);
        else
            assert_true(turned(s, x) > 0.8 && r.involution < 0.02 && fabs(r.accuracy - 0.5) < 0.1);
        eg_learned_symmetry_destroy(s);
    }
}

/* A map that only permutes the data is taken for nothing else: the value of the critic is at most
 * -log 4, and there where it answers one half (Goodfellow et al. 2014, theorem 1). */
static void a_permutation_deceives_the_critic(void **state)
{
    (void)state;
    static float x[N * D], y[N * D];
    eg_learn_symmetry_options o = EG_LEARN_SYMMETRY_OPTIONS_INIT;
    const eg_tape_function phi = { D, 1, length, NULL };
    eg_learned_symmetry_result r;
    eg_learned_symmetry *s = NULL;
    gauss(x);
    for (size_t i = 0; i < N * D / 2; i++) x[N * D / 2 + i] = -x[i]; /* as many x as -x */
    o.family = "involution";
    o.flipped = D;
    o.critic_units = 16;
    o.batch = 128;
    o.steps = 100;
    o.rate = 1e-30;
    o.threads = 1;
    assert_int_equal(eg_learned_symmetry_create(D, &o, &s), EG_OK);
    for (size_t i = 0; eg_params_at(eg_learned_symmetry_params(s), i) != NULL; i++) {
        const eg_param *p = eg_params_at(eg_learned_symmetry_params(s), i);
        memset(p->value, 0, eg_shape_size(&p->shape) * sizeof(float));
    }
    assert_int_equal(eg_learned_symmetry_apply(s, x, N, NULL, y), EG_OK);
    for (size_t i = 0; i < N * D; i++) assert_true(y[i] == -x[i]);
    assert_int_equal(eg_learned_symmetry_train(s, &phi, x, N), EG_OK);
    assert_int_equal(eg_learned_symmetry_check(s, &phi, x, N, &r), EG_OK);
    assert_true(r.value <= -log(4) + 1e-6 && r.value > -log(4) - 0.02);
    assert_true(r.invariance == 0 && r.involution == 0 && fabs(r.moved - 2) < 1e-6);
    eg_learned_symmetry_destroy(s);
}

/* Couplings of any weights undo themselves, and orbits come back. */
static void involutions_are_exact(void **state)
{
    (void)state;
    enum { MANY = 7 };
    float x[3 * MANY], orbit[3 * 3 * MANY];
    eg_learn_symmetry_options o = EG_LEARN_SYMMETRY_OPTIONS_INIT;
    o.family = "involution";
    o.units = 5;
    o.flipped = 2;
    eg_random_normal(4, 0, 0, 3 * MANY, x);
    for (o.seed = 0; o.seed < 5; o.seed++) {
        eg_learned_symmetry *s = NULL;
        double far = 0;
        assert_int_equal(eg_learned_symmetry_create(MANY, &o, &s), EG_OK);
        assert_int_equal(eg_learned_symmetry_orbit(s, x, 3, 1, 2, orbit), EG_OK);
        for (size_t i = 0; i < 3 * MANY; i++) {
            const float *at = orbit + i / MANY * 3 * MANY + i % MANY;
            assert_true(at[0] == x[i] && fabsf(at[2 * MANY] - x[i]) < 1e-5F);
            far += fabs((double)at[MANY] - (double)x[i]);
        }
        assert_true(far > 1);
        eg_learned_symmetry_destroy(s);
    }
}

/* A step of translation by one pixel moves the picture by one pixel; a rotation by a quarter turns
 * it; an orbit is the group. */
static void warps_move_pictures(void **state)
{
    (void)state;
    static float x[PIXELS], orbit[3 * PIXELS];
    eg_learn_symmetry_options o = EG_LEARN_SYMMETRY_OPTIONS_INIT;
    eg_learned_symmetry *s = NULL;
    o.family = "warp";
    o.height = o.width = SIDE;
    o.channels = 1;
    for (size_t i = 0; i < PIXELS; i++) x[i] = (float)(i % 7 == 3 || i == 40);
    for (size_t i = 0; i < SIDE; i++) x[i] = x[PIXELS - 1 - i] = x[i * SIDE] = x[i * SIDE + 1] = 0;
    assert_int_equal(eg_learned_symmetry_create(PIXELS, &o, &s), EG_OK);
    float *g = eg_params_at(eg_learned_symmetry_params(s), 0)->value;
    memset(g, 0, 6 * sizeof *g);
    g[0] = 1;
    assert_int_equal(eg_learned_symmetry_orbit(s, x, 1, 2.0 / SIDE / sqrt(2), 2, orbit), EG_OK);
    for (size_t i = 0; i + 2 < PIXELS; i++)
        for (size_t k = 0; k < 3 && i % SIDE + k < SIDE; k++)
            assert_true(fabsf(orbit[k * PIXELS + i] - x[i + k]) < 1e-4F);
    g[0] = 0;
    g[2] = 3;
    assert_int_equal(eg_learned_symmetry_orbit(s, x, 1, acos(-1) / 2, 1, orbit), EG_OK);
    for (size_t r = 0; r < SIDE; r++)
        for (size_t c = 0; c < SIDE; c++)
            assert_true(fabsf(orbit[PIXELS + r * SIDE + c] - x[c * SIDE + SIDE - 1 - r]) < 1e-4F);
    eg_learned_symmetry_destroy(s);
}

/* A rotation within a basis leaves what is outside as it was. */
static void a_basis_holds_the_rest(void **state)
{
    (void)state;
    const float x[4] = { 1, 2, 3, 4 }, basis[8] = { 0, 1, 0, 0, 0, 0, 0, 1 };
    float y[4];
    eg_learn_symmetry_options o = EG_LEARN_SYMMETRY_OPTIONS_INIT;
    eg_learned_symmetry *s = NULL;
    o.basis = basis;
    o.q = 2;
    assert_int_equal(eg_learned_symmetry_create(4, &o, &s), EG_OK);
    float *g = eg_params_at(eg_learned_symmetry_params(s), 0)->value;
    g[0] = g[3] = 0;
    g[1] = -5;
    g[2] = 5;
    assert_int_equal(eg_learned_symmetry_apply(s, x, 1, (const float[1]){ 0.5F }, y), EG_OK);
    assert_true(fabs((double)y[1] - 2 * cos(0.5) + 4 * sin(0.5)) < 1e-5);
    assert_true(fabs((double)y[3] - 2 * sin(0.5) - 4 * cos(0.5)) < 1e-5);
    assert_true(fabsf(y[0] - 1) < 1e-6F && fabsf(y[2] - 3) < 1e-6F);
    eg_learned_symmetry_destroy(s);
}

/* Two generators of spheres in three dimensions: the penalty parts them. */
static void several_generators_differ(void **state)
{
    (void)state;
    static float x[N * 3];
    eg_learn_symmetry_options o = EG_LEARN_SYMMETRY_OPTIONS_INIT;
    const eg_tape_function phi = { 3, 1, length, NULL };
    eg_learned_symmetry *s = NULL;
    eg_learned_symmetry_result r;
    double dot = 0, a = 0, b = 0;
    eg_random_normal(5, 0, 0, (size_t)N * 3, x);
    o.generators = 2;
    o.range = 0.3;
    o.steps = STEPS;
    o.rate = 1e-2;
    o.realism = 0;
    o.threads = 1;
    assert_int_equal(eg_learned_symmetry_create(3, &o, &s), EG_OK);
    assert_int_equal(eg_learned_symmetry_train(s, &phi, x, N), EG_OK);
    assert_int_equal(eg_learned_symmetry_check(s, &phi, x, N, &r), EG_OK);
    const float *g = eg_params_at(eg_learned_symmetry_params(s), 0)->value;
    for (size_t i = 0; i < 9; i++) {
        dot += (double)g[i] * (double)g[9 + i];
        a += (double)g[i] * (double)g[i];
        b += (double)g[9 + i] * (double)g[9 + i];
    }
    assert_true(fabs(dot) / sqrt(a * b) < 0.1 && r.invariance < 5e-2 && r.moved > 0.1);
    eg_learned_symmetry_destroy(s);
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    const float x[4] = { 1, 2, NAN, 4 };
    float y[4];
    const eg_tape_function none = { D, 1, NULL, NULL }, other = { 3, 1, length, NULL },
                           phi = { D, 1, length, NULL };
    eg_learn_symmetry_options o = EG_LEARN_SYMMETRY_OPTIONS_INIT;
    eg_learned_symmetry *s = NULL;
    o.family = "magic";
    assert_int_equal(eg_learned_symmetry_create(D, &o, &s), EG_ERR_INVALID);
    assert_non_null(strstr(eg_error_detail(), "magic"));
    o.family = "warp";
    assert_int_equal(eg_learned_symmetry_create(D, &o, &s), EG_ERR_INVALID);
    o.family = "involution";
    o.flipped = 3;
    assert_int_equal(eg_learned_symmetry_create(D, &o, &s), EG_ERR_INVALID);
    o.flipped = 1;
    o.realism = NAN;
    assert_int_equal(eg_learned_symmetry_create(D, &o, &s), EG_ERR_INVALID);
    o.realism = 0.1;
    assert_int_equal(eg_learned_symmetry_create(D, &o, &s), EG_OK);
    assert_int_equal(eg_learned_symmetry_train(s, &none, x, 1), EG_ERR_UNSUPPORTED);
    assert_int_equal(eg_learned_symmetry_train(s, &other, x, 1), EG_ERR_SHAPE);
    assert_int_equal(eg_learned_symmetry_train(s, &phi, x, 0), EG_ERR_INVALID);
    assert_int_equal(eg_learned_symmetry_train(s, &phi, x, 1), EG_ERR_INVALID); /* one value */
    assert_int_equal(eg_learned_symmetry_train(s, &phi, x, 2), EG_ERR_INVALID); /* NaN */
    assert_int_equal(eg_learned_symmetry_apply(s, x, 2, NULL, y), EG_ERR_INVALID);
    eg_learned_symmetry_destroy(s);
    eg_learned_symmetry_destroy(NULL);
    assert_null(eg_symmetry_family_at(4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_symmetries_are_learned),
        cmocka_unit_test(a_permutation_deceives_the_critic),
        cmocka_unit_test(involutions_are_exact),
        cmocka_unit_test(warps_move_pictures),
        cmocka_unit_test(a_basis_holds_the_rest),
        cmocka_unit_test(several_generators_differ),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
