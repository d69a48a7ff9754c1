/* The interferometric transform against its budget, closed forms and sums written out, on grids
 * and graphs alike. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <complex.h>

#include "engram/interferometric.h"
#include "engram/random.h"

enum {
    H = 6,
    W = 8,
    GRID = H * W,
    RING = 12,
    NODES = 9,
    K = 3,
    N = 10,
    MOST = 2 * (1 + K + K * K)
};

static const double pi = 3.14159265358979323846;

static eg_interferometric_options options(double rate)
{
    eg_interferometric_options o = EG_INTERFEROMETRIC_OPTIONS_INIT;
    o.filters = K;
    o.order = 2;
    o.scales = 2;
    o.every = 1;
    o.steps = 30;
    o.batch = N;
    o.rate = rate;
    o.threads = 1;
    return o;
}

static void join(double *edge, size_t v, size_t a, size_t b, double w)
{
    edge[a * v + b] = edge[b * v + a] = w;
}

static eg_interferometric *grid(const eg_interferometric_options *o)
{
    eg_interferometric *s;
    CHECK_OK(eg_interferometric_grid(1, H, W, o, &s));
    return s;
}

static eg_interferometric *ring(const eg_interferometric_options *o)
{
    double edge[RING * RING] = { 0 };
    eg_interferometric *s;
    for (size_t i = 0; i < RING; i++) join(edge, RING, i, (i + 1) % RING, 2);
    CHECK_OK(eg_interferometric_graph(1, edge, RING, o, &s));
    return s;
}

/* Two parts, of 5 and of 3 nodes, and a node without edges: 6 frequencies besides the averages. */
static eg_interferometric *parts(const eg_interferometric_options *o)
{
    double edge[NODES * NODES] = { 0 };
    eg_interferometric *s;
    for (size_t i = 0; i < 5; i++) join(edge, NODES, i, (i + 2) % 5, 1 + 0.3 * (double)i);
    join(edge, NODES, 5, 6, 1);
    join(edge, NODES, 6, 7, 2);
    edge[6 * NODES + 6] = 0.5;
    CHECK_OK(eg_interferometric_graph(1, edge, NODES, o, &s));
    return s;
}

static const struct a_case {
    const char *name;
    eg_interferometric *(*make)(const eg_interferometric_options *o);
    size_t n[2];
} cases[] = { { "grid", grid, { H, W } },
              { "ring", ring, { RING, 1 } },
              { "parts", parts, { NODES, 1 } } };
enum { CASES = sizeof cases / sizeof *cases };

/* Row f of F as complex numbers. */
static double complex atom(const struct a_case *c, const eg_interferometric_view *v, size_t f,
                           size_t t)
{
    double complex out = 1;
    const size_t row[2] = { f / c->n[1], f % c->n[1] }, at[2] = { t / c->n[1], t % c->n[1] };
    for (size_t i = 0; i < 2; i++) {
        const double *a = v->atom[i] + row[i] * c->n[i] + at[i];
        out *= a[0] + I * a[c->n[i] * c->n[i]];
    }
    return out;
}

static double complex gain(const eg_interferometric_view *v, size_t layer, size_t k, size_t f)
{
    const double *w = v->gain + layer * 2 * v->filters * v->frequencies;
    return w[k * v->frequencies + f] + I * w[(v->filters + k) * v->frequencies + f];
}

static double excess(const eg_interferometric_view *v)
{
    double worst = -INFINITY;
    for (size_t m = 0; m < v->order; m++)
        for (size_t f = 0; f < v->frequencies; f++) {
            double sum = 2 * v->low[f] * v->low[f] - 2;
            for (size_t k = 0; k < v->filters; k++)
                sum += pow(cabs(gain(v, m, k, f)), 2) + pow(cabs(gain(v, m, k, v->partner[f])), 2);
            worst = fmax(worst, sum);
        }
    return worst;
}

/* |W_k u| of a plane, written out. */
static void modulus(const struct a_case *c, const eg_interferometric_view *v, size_t layer,
                    size_t k, const double *u, double *out)
{
    const size_t n = v->frequencies;
    double complex y[GRID] = { 0 };
    for (size_t f = 0; f < n; f++) {
        double complex z = 0;
        for (size_t t = 0; t < n; t++) z += atom(c, v, f, t) * u[t];
        for (size_t t = 0; t < n; t++) y[t] += conj(atom(c, v, f, t)) * gain(v, layer, k, f) * z;
    }
    for (size_t t = 0; t < n; t++) out[t] = cabs(y[t]);
}

/* |A u|^2 by frequency. */
static double averaged(const struct a_case *c, const eg_interferometric_view *v, const double *u)
{
    double sum = 0;
    for (size_t f = 0; f < v->frequencies; f++) {
        double complex z = 0;
        for (size_t t = 0; t < v->frequencies; t++) z += atom(c, v, f, t) * u[t];
        sum += pow(v->low[f] * cabs(z), 2);
    }
    return sum;
}

static double squares(const float *x, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)x[i] * (double)x[i];
    return sum;
}

/* ---- what must hold of any ---- */

static void atoms_are_unitary_and_paired(void **state)
{
    (void)state;
    const eg_interferometric_options o = options(1);
    for (size_t i = 0; i < CASES; i++) {
        eg_interferometric *s = cases[i].make(&o);
        const eg_interferometric_view v = eg_interferometric_look(s);
        for (size_t f = 0; f < v.frequencies; f++) {
            const size_t p = v.partner[f];
            assert_true(v.partner[p] == f && v.low[f] == v.low[p]);
            for (size_t g = 0; g < v.frequencies; g++) {
                double complex dot = 0;
                for (size_t t = 0; t < v.frequencies; t++)
                    dot += atom(&cases[i], &v, f, t) * conj(atom(&cases[i], &v, g, t));
                CHECK_NEAR(cabs(dot), f == g, 1e-12);
            }
            for (size_t t = 0; t < v.frequencies; t++)
                CHECK_NEAR(cabs(atom(&cases[i], &v, f, t) - conj(atom(&cases[i], &v, p, t))), 0,
                           1e-12);
        }
        eg_interferometric_destroy(s);
    }
}

/* Within the budget before and after; what is learned never falls, whatever the rate. */
static void learning_keeps_the_budget_and_rises(void **state)
{
    (void)state;
    static const double rates[] = { 0.3, 30, INFINITY };
    float x[N * GRID];
    double course[2 * 30];
    eg_random_normal(1, 0, 0, N * GRID, x);
    for (size_t i = 0; i < CASES; i++)
        for (size_t r = 0; r < 3; r++) {
            const eg_interferometric_options o = options(rates[r]);
            eg_interferometric *s = cases[i].make(&o);
            eg_interferometric_view v = eg_interferometric_look(s);
            assert_true(excess(&v) <= 1e-12);
            CHECK_OK(eg_interferometric_train(s, x, N, course));
            assert_true(excess(&v) <= 1e-12);
            for (size_t m = 0; m < 2; m++) {
                for (size_t j = 1; j < o.steps; j++)
                    assert_true(course[m * o.steps + j] >= course[m * o.steps + j - 1] - 2e-6);
                assert_true(course[(m + 1) * o.steps - 1] > course[m * o.steps] * 1.001);
                assert_true(course[(m + 1) * o.steps - 1] < 1 + 1e-6);
            }
            eg_interferometric_destroy(s);
        }
}

/* Averages by both ways, and what the layers keep: |A x|^2 + |A |W x||^2 + .. <= |x|^2. */
static void features_are_the_sums_written_out(void **state)
{
    (void)state;
    float x[GRID], y[MOST * GRID];
    double u[GRID], one[GRID], two[GRID];
    const eg_interferometric_options o = options(INFINITY);
    eg_random_normal(2, 0, 0, GRID, x);
    for (size_t i = 0; i < CASES; i++) {
        const struct a_case *c = &cases[i];
        eg_interferometric *s = c->make(&o);
        const eg_interferometric_view v = eg_interferometric_look(s);
        const size_t places = v.places[0] * v.places[1];
        assert_int_equal(eg_interferometric_features(s), (1 + K + K * K) * places);
        assert_true(i == 0 ? places == GRID : places == (i == 1 ? 1 : 3));
        CHECK_OK(eg_interferometric_apply(s, x, 1, y));
        for (size_t t = 0; t < v.frequencies; t++) u[t] = (double)x[t];
        CHECK_NEAR(squares(y, places), averaged(c, &v, u), 1e-5);
        for (size_t k = 0; k < K; k++) {
            modulus(c, &v, 0, k, u, one);
            CHECK_NEAR(squares(y + (1 + k) * places, places), averaged(c, &v, one), 1e-5);
            for (size_t l = 0; l < K; l++) {
                modulus(c, &v, 1, l, one, two);
                CHECK_NEAR(squares(y + (1 + K + k * K + l) * places, places), averaged(c, &v, two),
                           1e-5);
            }
        }
        const double kept = squares(y, (1 + K + K * K) * places);
        assert_true(kept <= squares(x, v.frequencies) && kept > averaged(c, &v, u));
        eg_interferometric_destroy(s);
    }
}

/* With all of the budget used, |A x|^2 + |W x|^2 = |x|^2. */
static void nothing_is_lost_where_the_budget_is_used(void **state)
{
    (void)state;
    eg_interferometric_options o = options(INFINITY);
    float x[N * GRID];
    double u[GRID], y[GRID];
    o.steps = 1;
    eg_random_normal(3, 0, 0, N * GRID, x);
    for (size_t i = 0; i < CASES; i++) {
        eg_interferometric *s = cases[i].make(&o);
        const eg_interferometric_view v = eg_interferometric_look(s);
        CHECK_OK(eg_interferometric_train(s, x, N, NULL));
        for (size_t t = 0; t < v.frequencies; t++) u[t] = (double)x[t];
        double sum = averaged(&cases[i], &v, u);
        for (size_t k = 0; k < K; k++) {
            modulus(&cases[i], &v, 0, k, u, y);
            for (size_t t = 0; t < v.frequencies; t++) sum += y[t] * y[t];
        }
        CHECK_NEAR(sum, squares(x, v.frequencies), 1e-9 * sum);
        eg_interferometric_destroy(s);
    }
}

/* ---- closed forms ---- */

/* Of waves of one frequency |W x| is constant where w is of one sign of it alone: nothing is lost
 * in the average, and the bound is reached. */
static void waves_reach_the_bound(void **state)
{
    (void)state;
    enum { STEPS = 60 };
    eg_interferometric_options o = options(INFINITY);
    float x[N * GRID];
    double course[STEPS];
    o.filters = o.order = 1;
    o.steps = STEPS;
    o.seed = 2; /* with which neither gain of the frequency begins as 0 */
    for (size_t n = 0; n < N; n++)
        for (size_t t = 0; t < GRID; t++)
            x[n * GRID + t] = (float)cos(2 * pi * ((double)(t / W) / H + 2 * (double)(t % W) / W)
                                         + 0.37 * (double)n);
    eg_interferometric *s = grid(&o);
    CHECK_OK(eg_interferometric_train(s, x, N, course));
    assert_true(course[0] < 0.99);
    CHECK_NEAR(course[STEPS - 1], 1, 1e-5);
    const eg_interferometric_view v = eg_interferometric_look(s);
    const size_t f = W + 2;
    const double own = cabs(gain(&v, 0, 0, f)), other = cabs(gain(&v, 0, 0, v.partner[f]));
    CHECK_NEAR(fmax(own, other), sqrt(2 - 2 * v.low[f] * v.low[f]), 1e-4);
    assert_true(fmin(own, other) < 1e-2);
    eg_interferometric_destroy(s);
}

static void averages_have_no_filters(void **state)
{
    (void)state;
    const eg_interferometric_options o = options(INFINITY);
    float x[GRID], y[MOST * GRID];
    eg_interferometric *s = grid(&o);
    for (size_t t = 0; t < GRID; t++) x[t] = 3;
    CHECK_OK(eg_interferometric_apply(s, x, 1, y));
    for (size_t i = 0; i < (1 + K + K * K) * GRID; i++)
        CHECK_NEAR((double)y[i], i < GRID ? 3 : 0, 3e-6);
    CHECK_STATUS(eg_interferometric_train(s, x, 1, NULL), EG_ERR_INVALID);
    eg_interferometric_destroy(s);
}

/* A grid's features move with the picture, a ring's do not see that it turned. */
static void turning_moves_features(void **state)
{
    (void)state;
    const eg_interferometric_options o = options(INFINITY);
    float x[GRID], moved[GRID], y[MOST * GRID], z[MOST * GRID];
    eg_random_normal(4, 0, 0, GRID, x);
    eg_interferometric *s = grid(&o);
    for (size_t t = 0; t < GRID; t++) moved[(t / W + 2) % H * W + (t % W + 3) % W] = x[t];
    CHECK_OK(eg_interferometric_apply(s, x, 1, y));
    CHECK_OK(eg_interferometric_apply(s, moved, 1, z));
    for (size_t i = 0; i < (1 + K + K * K) * GRID; i++) {
        const size_t t = i % GRID;
        CHECK_NEAR((double)z[i - t + (t / W + 2) % H * W + (t % W + 3) % W], (double)y[i], 2e-6);
    }
    eg_interferometric_destroy(s);
    s = ring(&o);
    for (size_t t = 0; t < RING; t++) moved[(t + 5) % RING] = x[t];
    CHECK_OK(eg_interferometric_apply(s, x, 1, y));
    CHECK_OK(eg_interferometric_apply(s, moved, 1, z));
    for (size_t i = 0; i < 1 + K + K * K; i++) CHECK_NEAR((double)z[i], (double)y[i], 5e-6);
    eg_interferometric_destroy(s);
}

/* Of a ring sine and cosine of a frequency are a pair, whose modulus is 1 / sqrt V everywhere; -1,
 * 1, -1, .. is left alone. */
static void pairs_of_a_ring_are_waves(void **state)
{
    (void)state;
    const eg_interferometric_options o = options(1);
    eg_interferometric *s = ring(&o);
    const eg_interferometric_view v = eg_interferometric_look(s);
    size_t alone = 0;
    for (size_t f = 0; f < RING; f++) {
        alone += v.partner[f] == f;
        for (size_t t = 0; t < RING; t++)
            CHECK_NEAR(cabs(atom(&cases[1], &v, f, t)), 1 / sqrt(RING), 1e-9);
    }
    assert_int_equal(alone, 2);
    eg_interferometric_destroy(s);
}

/* A part is averaged by the roots of its degrees, and does not see the others. */
static void parts_are_apart(void **state)
{
    (void)state;
    const eg_interferometric_options o = options(INFINITY);
    float x[NODES] = { 0, 0, 0, 0, 0, 1, 2, 4, 0 }, y[3 * MOST];
    eg_interferometric *s = parts(&o);
    CHECK_OK(eg_interferometric_apply(s, x, 1, y));
    const double degree[3] = { 1, 3.5, 2 };
    double want = 0;
    for (size_t i = 0; i < 3; i++) want += sqrt(degree[i] / 6.5) * (double)x[5 + i];
    assert_true(y[0] == 0 && y[2] == 0);
    CHECK_NEAR((double)y[1], want, 1e-6);
    x[5] = x[6] = x[7] = 0;
    x[8] = 2;
    CHECK_OK(eg_interferometric_apply(s, x, 1, y));
    CHECK_NEAR((double)y[2], 2, 1e-6);
    for (size_t i = 3; i < 3 * (1 + K); i++) CHECK_NEAR((double)y[i], 0, 1e-6);
    eg_interferometric_destroy(s);
}

static void refused(double *edge, size_t at, double w)
{
    eg_interferometric *s = NULL;
    const double was = edge[at];
    edge[at] = w;
    CHECK_STATUS(eg_interferometric_graph(1, edge, 2, NULL, &s), EG_ERR_INVALID);
    assert_null(s);
    edge[at] = was;
}

static void bad_input_is_told(void **state)
{
    (void)state;
    double edge[4] = { 0, 1, 1, 0 };
    float x[GRID] = { NAN };
    eg_interferometric *s = NULL;
    refused(edge, 1, 2);
    refused(edge, 0, -1);
    refused(edge, 3, NAN);
    edge[1] = edge[2] = 0;
    refused(edge, 0, 1);
    CHECK_STATUS(eg_interferometric_graph(1, edge, 1, NULL, &s), EG_ERR_INVALID);
    CHECK_STATUS(eg_interferometric_graph(1, edge, 4097, NULL, &s), EG_ERR_LIMIT);
    eg_interferometric_options o = options(0);
    CHECK_STATUS(eg_interferometric_grid(1, H, W, &o, &s), EG_ERR_INVALID);
    o = options(1);
    o.filters = 0;
    CHECK_STATUS(eg_interferometric_grid(1, H, W, &o, &s), EG_ERR_INVALID);
    CHECK_STATUS(eg_interferometric_grid(0, H, W, NULL, &s), EG_ERR_INVALID);
    o = options(1);
    s = grid(&o);
    CHECK_STATUS(eg_interferometric_apply(s, x, 1, x), EG_ERR_INVALID);
    CHECK_STATUS(eg_interferometric_train(s, x, 1, NULL), EG_ERR_INVALID);
    CHECK_STATUS(eg_interferometric_train(s, x, 0, NULL), EG_ERR_INVALID);
    eg_interferometric_destroy(s);
    eg_interferometric_destroy(NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(atoms_are_unitary_and_paired),
        cmocka_unit_test(learning_keeps_the_budget_and_rises),
        cmocka_unit_test(features_are_the_sums_written_out),
        cmocka_unit_test(nothing_is_lost_where_the_budget_is_used),
        cmocka_unit_test(waves_reach_the_bound),
        cmocka_unit_test(averages_have_no_filters),
        cmocka_unit_test(turning_moves_features),
        cmocka_unit_test(pairs_of_a_ring_are_waves),
        cmocka_unit_test(parts_are_apart),
        cmocka_unit_test(bad_input_is_told),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
