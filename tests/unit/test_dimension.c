/* Neighbours against going through all pairs; estimators against published figures of real digits,
 * closed forms and spaces of known dimension. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/egi_base.h"
#include "check.h"
#include "engram/catalogue.h"
#include "engram/dimension.h"
#include "engram/random.h"

enum { N = 700, D = 9, K = 7 };

static double square_of(const float *x, size_t d, size_t i, size_t j)
{
    double sum = 0;
    for (size_t c = 0; c < d; c++) {
        const double by = (double)x[i * d + c] - (double)x[j * d + c];
        sum += by * by;
    }
    return sum;
}

/* Far from the origin, many equal distances: proposals in single precision are of little use. */
static void make_points(float *x, float away, int grid, uint64_t seed)
{
    eg_random_normal(seed, 1, 0, N * D, x);
    for (size_t i = 0; i < N * D; i++) {
        if (grid) x[i] = roundf(x[i]);
        x[i] += i % D == 0 && i / D % 2 == 0 ? away : 0;
    }
}

static void neighbours_are_the_nearest(void **state)
{
    (void)state;
    static float x[N * D];
    static double square[N * K];
    static uint32_t at[N * K];
    for (uint64_t round = 0; round < 6; round++) {
        make_points(x, round % 3 == 2 ? 3e4F : 0, (int)(round / 3), round);
        assert_int_equal(
            eg_neighbours(x, N, D, K, &(eg_search_options){ .threads = 2 }, square, at), EG_OK);
        for (size_t i = 0; i < N; i++) {
            size_t before = 0;
            const double last = square[i * K + K - 1];
            for (size_t k = 0; k < K; k++) {
                const double exact = square_of(x, D, i, at[i * K + k]);
                assert_true(at[i * K + k] != i);
                assert_true(fabs(square[i * K + k] - exact) <= 1e-14 * exact);
                assert_true(k == 0 || square[i * K + k - 1] <= square[i * K + k]);
            }
            for (size_t j = 0; j < N; j++)
                before += j != i && square_of(x, D, i, j) < last * (1 - 1e-14);
            assert_true(before < K);
        }
    }
}

static void one_thread_or_many(void **state)
{
    (void)state;
    static float x[N * D];
    static double one[N * K], many[N * K];
    make_points(x, 0, 0, 9);
    assert_int_equal(eg_neighbours(x, N, D, K, &(eg_search_options){ .threads = 1 }, one, NULL),
                     EG_OK);
    assert_int_equal(eg_neighbours(x, N, D, K, &(eg_search_options){ .threads = 5 }, many, NULL),
                     EG_OK);
    assert_memory_equal(one, many, sizeof one);
}

/* ---- spaces of known dimension ---- */

enum { POINTS = 3000, MOST = 16 };

static double value_of(const float *x, size_t n, size_t d, const char *name, size_t k, size_t scale)
{
    eg_dimension_options o = EG_DIMENSION_OPTIONS_INIT;
    eg_dimension out;
    o.k = k;
    o.scale = scale;
    o.resample = 0;
    assert_int_equal(eg_dimension_estimate(x, n, d, &name, 1, &o, &out), EG_OK);
    return out.value;
}

/* A flat torus: d angles as 2 d coordinates on circles, whose local distances are those of the flat
 * metric. */
static void make_torus(float *x, size_t n, size_t d, uint64_t seed)
{
    for (size_t i = 0; i < n * d; i++) {
        float u;
        eg_random_uniform(seed, 2, i, 1, &u);
        x[2 * i] = cosf(6.2831853F * u);
        x[2 * i + 1] = sinf(6.2831853F * u);
    }
}

/* The unit sphere of d dimensions, as d + 1 coordinates. */
static void make_sphere(float *x, size_t n, size_t d, uint64_t seed)
{
    eg_random_normal(seed, 4, 0, n * (d + 1), x);
    for (size_t i = 0; i < n; i++) {
        double square = 0;
        for (size_t j = 0; j <= d; j++)
            square += (double)x[i * (d + 1) + j] * (double)x[i * (d + 1) + j];
        for (size_t j = 0; j <= d; j++) x[i * (d + 1) + j] /= (float)sqrt(square);
    }
}

/* What each estimator says of d dimensions. Its stated error is the bootstrap's; beside it counts
 * what its assumptions cost where neighbourhoods are as wide as these (share of d): curvature,
 * overlap, a cut-off among eigenvalues. */
static double of_pope(double d) /* k = 8 */
{
    return d * 6 / 7;
}

/* Eigenvalues of the covariance of n = 20 points scatter: d / (1 + v), where of points even in a
 * ball the squared coefficient of variation is v = (d + 2) / (d + 4) (d - 1) (d + 2) / (n d). */
static double of_participation(double d)
{
    return d / (1 + (d + 2) / (d + 4) * (d - 1) * (d + 2) / (20 * d));
}

static const struct {
    const char *name, *row;
    size_t most; /* the largest d it is asked for */
    double cost, (*of)(double d);
} known[] = {
    { "twonn", "twonn", 5, 0.03, NULL },
    { "twonn-fit", "twonn-fit", 5, 0.03, NULL },
    { "mle:8", "mle", 5, 0.05, NULL },
    { "mle-mean:8", "mle-mean", 5, 0.05, NULL },
    { "mle-pope:8", "mle-pope", 5, 0.05, of_pope },
    { "gride:2", "gride", 5, 0.04, NULL },
    { "correlation", "correlation", 5, 0.07, NULL },
    { "pca:8", "pca", 2, 0.02, NULL },
    { "pca-participation:20", "pca-participation", 3, 0.05, of_participation },
};

static void check_space(const char *space, const float *x, size_t columns, size_t d)
{
    const char *names[EGI_COUNT(known)];
    eg_dimension out[EGI_COUNT(known)];
    eg_dimension_options o = EG_DIMENSION_OPTIONS_INIT;
    o.scale = 4;
    o.resample = 60;
    for (size_t e = 0; e < EGI_COUNT(known); e++) names[e] = known[e].name;
    assert_int_equal(eg_dimension_estimate(x, POINTS, columns, names, EGI_COUNT(known), &o, out),
                     EG_OK);
    for (size_t e = 0; e < EGI_COUNT(known); e++) {
        const double want = known[e].of != NULL ? known[e].of((double)d) : (double)d;
        if (d > known[e].most) continue;
        if (!(fabs(out[e].value - want) <= 3 * out[e].error + known[e].cost * (double)d))
            fail_msg("%s of %zu dimensions by %s: %g +- %g, expected %g", space, d, names[e],
                     out[e].value, out[e].error, want);
    }
}

static void every_estimator_knows_tori_and_spheres(void **state)
{
    (void)state;
    static float x[POINTS * 2 * MOST];
    for (size_t i = 0; eg_estimator_row(i) != NULL; i++) {
        size_t found = 0;
        for (size_t e = 0; e < EGI_COUNT(known); e++)
            found += strcmp(known[e].row, eg_estimator_row(i)->name) == 0;
        if (found == 0) fail_msg("no known dimension for %s", eg_estimator_row(i)->name);
    }
    for (size_t d = 1; d <= 5; d++) {
        make_torus(x, POINTS, d, d);
        check_space("a torus", x, 2 * d, d);
        make_sphere(x, POINTS, d, d);
        check_space("a sphere", x, d + 1, d);
    }
}

/* Two spaces far from each other are looked at as one is: neighbours lie in the same. */
static void what_is_apart_keeps_its_dimension(void **state)
{
    (void)state;
    static float x[POINTS * 2 * MOST];
    make_torus(x, POINTS, 2, 9);
    for (size_t i = 0; i < POINTS / 2; i++) x[i * 4] += 1000;
    check_space("two tori apart", x, 4, 2);
}

/* Along a line spaced so that ln(r_2 / r_1) is known for every point: 0 and 1 and 1 + a, ... */
static void estimators_are_their_formulae(void **state)
{
    (void)state;
    static float x[60];
    static double square[60 * 5];
    const size_t n = 60, k = 5;
    eg_random_normal(3, 3, 0, n, x);
    assert_int_equal(eg_neighbours(x, n, 1, k, NULL, square, NULL), EG_OK);
    double two = 0, all = 0, values = 0;
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        two += log(square[i * k + 1] / square[i * k]) / 2;
        for (size_t j = 0; j + 1 < k; j++)
            sum += log(square[i * k + k - 1] / square[i * k + j]) / 2;
        all += sum;
        values += (double)(k - 2) / sum;
    }
    const double dn = (double)n;
    assert_true(fabs(value_of(x, n, 1, "twonn", k, 1) - (dn - 1) / two) < 1e-12);
    assert_true(fabs(value_of(x, n, 1, "mle", k, 1) - dn * 4 / all) < 1e-12);
    assert_true(fabs(value_of(x, n, 1, "mle-pope", k, 1) - dn * 3 / all) < 1e-12);
    assert_true(fabs(value_of(x, n, 1, "mle-mean", k, 1) - values / dn) < 1e-12);
    assert_true(fabs(value_of(x, n, 1, "gride", k, 1) - dn / two) < 1e-9);
}

/* A scale of its own is that of the options, from one search with others. */
static void scales_are_named(void **state)
{
    (void)state;
    static float x[N * D];
    static const char *const names[] = { "gride:4", "twonn", "gride:1" }, *const bad[] = {
        "gride:", "gride:0", "twonn:2", "mle:2", "pca:x"
    };
    eg_dimension_options o = EG_DIMENSION_OPTIONS_INIT;
    eg_dimension out[3];
    make_points(x, 0, 0, 6);
    o.resample = 0;
    assert_int_equal(eg_dimension_estimate(x, N, D, names, 3, &o, out), EG_OK);
    assert_true(out[0].value == value_of(x, N, D, "gride", 20, 4));
    assert_true(out[1].value == value_of(x, N, D, "twonn", 20, 1));
    assert_true(out[2].value == value_of(x, N, D, "gride", 20, 1));
    assert_true(out[0].radius > out[2].radius);
    static const char *const of_k[] = { "mle", "mle:5", "pca:7", "mle-pope:3" };
    eg_dimension k[4];
    assert_int_equal(eg_dimension_estimate(x, N, D, of_k, 4, &o, k), EG_OK);
    assert_true(k[0].value == value_of(x, N, D, "mle", 20, 1));
    assert_true(k[1].value == value_of(x, N, D, "mle", 5, 1));
    assert_true(k[2].value == value_of(x, N, D, "pca", 7, 1));
    assert_true(k[3].value == value_of(x, N, D, "mle-pope", 3, 1));
    for (size_t i = 0; i < EGI_COUNT(bad); i++)
        assert_int_equal(eg_dimension_estimate(x, N, D, &bad[i], 1, &o, out), EG_ERR_INVALID);
}

/* By a power of two: our own sums keep every bit, LAPACK's eigenvalues all but the last ones. */
static void scaling_changes_nothing(void **state)
{
    (void)state;
    static float x[N * D], y[N * D];
    make_points(x, 0, 0, 4);
    for (size_t i = 0; i < N * D; i++) y[i] = x[i] * 8;
    for (size_t e = 0; eg_estimator_row(e) != NULL; e++) {
        const char *name = eg_estimator_row(e)->name;
        const double a = value_of(x, N, D, name, 10, 2), b = value_of(y, N, D, name, 10, 2);
        assert_true(strncmp(name, "pca", 3) == 0 ? fabs(a - b) <= 1e-14 * a : a == b);
    }
}

/* ---- real digits ---- */

/* 10 000 test images of MNIST, raw pixels / 255, exact neighbours: figures computed by NumPy in
 * double. */
static void digits_have_their_published_dimension(void **state)
{
    (void)state;
    enum { ROWS = 5 };
    static const char *const names[ROWS] = { "twonn", "twonn-fit", "mle-pope", "mle", "mle-mean" };
    static const struct {
        size_t k;
        double discard, value[ROWS];
    } published[] = {
        { 3, 0.1, { 13.5582, 13.5573, 6.5241, 13.0481, 13.1857 } },
        { 20, 0.05, { 13.5582, 13.5131, 11.2259, 11.8496, 13.0591 } },
    };
    eg_dataset set;
    eg_read_options o = EG_READ_OPTIONS_INIT;
    char folder[1000];
    if (eg_catalogue_find("mnist", folder, sizeof folder) != EG_OK) {
        print_message("skipped: no MNIST in $ENGRAM_DATA\n");
        skip();
    }
    assert_int_equal(eg_catalogue_read("mnist/test", &o, &set), EG_OK);
    assert_int_equal(set.n, 10000);
    for (size_t i = 0; i < EGI_COUNT(published); i++) {
        eg_dimension_options how = EG_DIMENSION_OPTIONS_INIT;
        eg_dimension out[ROWS];
        how.k = published[i].k;
        how.discard = published[i].discard;
        how.resample = 0;
        assert_int_equal(eg_dimension_estimate(set.x, set.n, set.d, names, ROWS, &how, out), EG_OK);
        for (size_t r = 0; r < ROWS; r++) {
            print_message("%s, k = %zu: %.4f, published %.4f\n", names[r], how.k, out[r].value,
                          published[i].value[r]);
            assert_true(fabs(out[r].value - published[i].value[r]) < 6e-5);
        }
        assert_int_equal(out[0].equal, 0);
    }
    eg_dataset_clear(&set);
}

/* ---- what may be wrong with data ---- */

static void equal_points_are_one(void **state)
{
    (void)state;
    static float x[2 * N * D];
    eg_dimension_options o = EG_DIMENSION_OPTIONS_INIT;
    eg_dimension once, twice;
    const char *name = "mle";
    make_points(x, 0, 0, 5);
    x[3] = 0;
    memcpy(x + N * D, x, N * D * sizeof *x);
    x[N * D + 3] = -0.0F;
    assert_int_equal(eg_dimension_estimate(x, N, D, &name, 1, &o, &once), EG_OK);
    assert_int_equal(eg_dimension_estimate(x, 2 * N, D, &name, 1, &o, &twice), EG_OK);
    assert_int_equal(twice.equal, N);
    assert_int_equal(twice.points, N);
    assert_memory_equal(&once.value, &twice.value, sizeof once.value);
    assert_memory_equal(&once.low, &twice.low, sizeof once.low);
}

static void refuses(const float *x, size_t n, size_t d, const char *name, const char *why)
{
    eg_dimension_options o = EG_DIMENSION_OPTIONS_INIT;
    eg_dimension out;
    o.k = 5;
    assert_int_equal(eg_dimension_estimate(x, n, d, &name, 1, &o, &out), EG_ERR_INVALID);
    if (strstr(eg_error_detail(), why) == NULL)
        fail_msg("\"%s\" lacks \"%s\"", eg_error_detail(), why);
}

static void bad_data_is_refused(void **state)
{
    (void)state;
    float x[40] = { 0 }, cross[8] = { 1, 0, -1, 0, 0, 1, 0, -1 };
    float simplex[64] = { 0 }; /* all distances are equal: no estimator of them has a value */
    for (size_t i = 0; i < 8; i++) simplex[9 * i] = 1;
    for (size_t e = 0; eg_estimator_row(e) != NULL; e++) {
        const char *name = eg_estimator_row(e)->name;
        refuses(x, 40, 1, name, "40 points, of which 1 differ: expected ");
        if (strncmp(name, "pca", 3) != 0) refuses(simplex, 8, 8, name, "do not differ");
    }
    refuses(x, 40, 1, "mle", "40 points, of which 1 differ: expected 6 or more");
    for (size_t i = 0; i < 40; i++) x[i] = (float)i;
    refuses(x, 4, 1, "mle", "4 points, of which 4 differ: expected 6");
    refuses(x, 40, 1, "mlp", "no estimator of dimension is named \"mlp\"");
    x[7] = NAN;
    refuses(x, 40, 1, "mle", "point 7, column 0 is nan");
    refuses(cross, 4, 2, "twonn", "do not differ");
}

/* The interval of the bootstrap holds the truth about as often as it says. */
static void intervals_hold_the_truth(void **state)
{
    (void)state;
    enum { ROUNDS = 40, FEW = 400 };
    static float x[FEW * 4];
    eg_dimension_options o = EG_DIMENSION_OPTIONS_INIT;
    size_t held = 0;
    const char *name = "twonn";
    for (uint64_t round = 0; round < ROUNDS; round++) {
        eg_dimension out;
        make_torus(x, FEW, 2, 100 + round);
        o.seed = round;
        assert_int_equal(eg_dimension_estimate(x, FEW, 4, &name, 1, &o, &out), EG_OK);
        held += out.low <= 2 && 2 <= out.high;
        assert_true(fabs(out.error - 2 / sqrt(FEW)) < 0.06);
    }
    assert_in_range(held, 33, ROUNDS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_are_the_nearest),
        cmocka_unit_test(one_thread_or_many),
        cmocka_unit_test(every_estimator_knows_tori_and_spheres),
        cmocka_unit_test(what_is_apart_keeps_its_dimension),
        cmocka_unit_test(estimators_are_their_formulae),
        cmocka_unit_test(scales_are_named),
        cmocka_unit_test(scaling_changes_nothing),
        cmocka_unit_test(digits_have_their_published_dimension),
        cmocka_unit_test(equal_points_are_one),
        cmocka_unit_test(bad_data_is_refused),
        cmocka_unit_test(intervals_hold_the_truth),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
