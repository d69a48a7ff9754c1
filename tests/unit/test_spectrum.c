/* Spectra of operators that are known, and curvature of losses in closed form. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <lapacke.h>

enum { MOST = 64 };

/* ---- operators ---- */

struct matrix {
    size_t n;
    double a[MOST][MOST];
};

static eg_status times(void *user, const double *x, double *y)
{
    const struct matrix *m = user;
    for (size_t i = 0; i < m->n; i++) {
        y[i] = 0;
        for (size_t j = 0; j < m->n; j++) y[i] += m->a[i][j] * x[j];
    }
    return EG_OK;
}

static void fill_random(struct matrix *m, size_t n, uint64_t stream)
{
    static float some[MOST * MOST];
    m->n = n;
    eg_random_normal(2, stream, 0, n * n, some);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) m->a[i][j] = m->a[j][i] = (double)some[i * n + j];
}

static void extremes_are_lapacks(void **state)
{
    (void)state;
    static struct matrix m;
    static double copy[MOST * MOST], value[MOST], top[5], bottom[5], residual[10];
    for (size_t n = 1; n <= MOST; n = n * 2 - n / 3) {
        const size_t k = n < 5 ? n : 5;
        eg_spectrum_options o = EG_SPECTRUM_OPTIONS_INIT;
        eg_extremes e;
        fill_random(&m, n, n);
        for (size_t i = 0; i < n * n; i++) copy[i] = m.a[i / n][i % n];
        CHECK(LAPACKE_dsyev(LAPACK_COL_MAJOR, 'N', 'U', (int)n, copy, (int)n, value) == 0);
        o.tolerance = 1e-10;
        CHECK_OK(
            eg_eigenvalues(&(eg_operator){ n, times, &m }, k, k, &o, top, bottom, residual, &e));
        assert_true(e.resolved);
        for (size_t i = 0; i < k; i++) {
            CHECK_NEAR(top[i], value[n - 1 - i], 1e-9 * (1 + fabs(value[n - 1])));
            CHECK_NEAR(bottom[i], value[i], 1e-9 * (1 + fabs(value[0])));
            CHECK_NEAR(residual[i], 0, 1e-9 * (1 + fabs(value[n - 1])));
        }
    }
}

/* Of diag(1 .. n) signs give trace and diagonal exactly; k steps of quadrature give the moments up
 * to 2 k - 1, and k = n the eigenvalues themselves. */
static void quadrature_has_moments(void **state)
{
    (void)state;
    enum { N = 12, DRAWS = 3 };
    static struct matrix m;
    double trace, error, diagonal[N], node[DRAWS * N], weight[DRAWS * N];
    const eg_operator a = { N, times, &m };
    eg_spectrum_options o = EG_SPECTRUM_OPTIONS_INIT;
    memset(&m, 0, sizeof m);
    m.n = N;
    for (size_t i = 0; i < N; i++) m.a[i][i] = (double)(i + 1);
    o.draws = DRAWS;
    CHECK_OK(eg_trace(&a, &o, &trace, &error));
    CHECK_NEAR(trace, N * (N + 1) / 2, 1e-12);
    CHECK_NEAR(error, 0, 1e-12);
    CHECK_OK(eg_diagonal(&a, &o, diagonal));
    for (size_t i = 0; i < N; i++) CHECK_NEAR(diagonal[i], i + 1, 1e-12);
    for (size_t steps = 1; steps <= N; steps++) {
        o.steps = steps;
        CHECK_OK(eg_density(&a, &o, node, weight));
        for (size_t d = 0; d < DRAWS; d++)
            for (size_t p = 0; p < 2 * steps; p++) {
                double sum = 0, want = 0;
                for (size_t j = 0; j < steps; j++)
                    sum += weight[d * steps + j] * pow(node[d * steps + j], (double)p);
                for (size_t i = 1; i <= N; i++) want += pow((double)i, (double)p) / N;
                CHECK_NEAR(sum / want, 1, 1e-8);
            }
        for (size_t i = 0; i < N && steps == N; i++) CHECK_NEAR(node[i], i + 1, 1e-9);
    }
}

/* A multiple eigenvalue: the subspace ends, and goes on from a new vector. */
static void subspaces_that_end(void **state)
{
    (void)state;
    static struct matrix m;
    double top[4], bottom[4], node[8], weight[8];
    eg_extremes e;
    memset(&m, 0, sizeof m);
    m.n = 8;
    for (size_t i = 0; i < 8; i++) m.a[i][i] = i < 3 ? 2 : -1;
    const eg_operator a = { 8, times, &m };
    CHECK_OK(eg_eigenvalues(&a, 4, 4, NULL, top, bottom, NULL, &e));
    for (size_t i = 0; i < 4; i++) CHECK_NEAR(top[i], i < 3 ? 2 : -1, 1e-12);
    for (size_t i = 0; i < 4; i++) CHECK_NEAR(bottom[i], -1, 1e-12);
    eg_spectrum_options o = EG_SPECTRUM_OPTIONS_INIT;
    o.steps = 8;
    o.draws = 1;
    CHECK_OK(eg_density(&a, &o, node, weight));
    double sum = 0, mean = 0;
    for (size_t i = 0; i < 8; i++) sum += weight[i], mean += weight[i] * node[i];
    CHECK_NEAR(sum, 1, 1e-12);
    CHECK_NEAR(mean, (3 * 2 - 5) / 8.0, 1e-12);
}

/* Hutchinson's variance, 2 (|A|^2 - sum A_ii^2) a draw. */
static void trace_knows_its_error(void **state)
{
    (void)state;
    enum { N = 24 };
    static struct matrix m;
    double trace, error, exact = 0, variance = 0;
    eg_spectrum_options o = EG_SPECTRUM_OPTIONS_INIT;
    fill_random(&m, N, 77);
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < N; j++)
            if (i == j)
                exact += m.a[i][i];
            else
                variance += 2 * m.a[i][j] * m.a[i][j];
    o.draws = 2000;
    CHECK_OK(eg_trace(&(eg_operator){ N, times, &m }, &o, &trace, &error));
    CHECK_NEAR(error, sqrt(variance / 2000), 0.08 * sqrt(variance / 2000));
    CHECK_NEAR(trace, exact, 4 * error);
}

/* ---- X^T X / n ---- */

struct gram {
    size_t n, p;
    float *x; /* (n, p) */
    double *y;
};

static eg_status gram_times(void *user, const double *x, double *y)
{
    const struct gram *g = user;
    memset(y, 0, g->p * sizeof *y);
    for (size_t i = 0; i < g->n; i++) {
        double sum = 0;
        for (size_t j = 0; j < g->p; j++) sum += (double)g->x[i * g->p + j] * x[j];
        for (size_t j = 0; j < g->p; j++) y[j] += (double)g->x[i * g->p + j] * sum / (double)g->n;
    }
    return EG_OK;
}

/* Marchenko and Pastur: edges (1 -+ sqrt(p/n))^2, and a share 1 - n/p at 0 where p > n. */
static void linear_regression(void **state)
{
    (void)state;
    static const size_t sizes[2][2] = { { 1200, 300 }, { 150, 300 } };
    for (size_t i = 0; i < 2; i++) {
        struct gram g = { sizes[i][0], sizes[i][1], NULL, NULL };
        double top, bottom, node[4 * 40], weight[4 * 40], at_zero = 0;
        const double ratio = sqrt((double)g.p / (double)g.n);
        eg_spectrum_options o = EG_SPECTRUM_OPTIONS_INIT;
        eg_extremes e;
        g.x = malloc(g.n * g.p * sizeof *g.x);
        eg_random_normal(5, i, 0, g.n * g.p, g.x);
        const eg_operator a = { g.p, gram_times, &g };
        CHECK_OK(eg_eigenvalues(&a, 1, 1, &o, &top, &bottom, NULL, &e));
        CHECK_NEAR(top / ((1 + ratio) * (1 + ratio)), 1, 0.05);
        CHECK_NEAR(bottom, g.p > g.n ? 0 : (1 - ratio) * (1 - ratio), 0.03);
        o.draws = 4;
        o.steps = 40;
        CHECK_OK(eg_density(&a, &o, node, weight));
        for (size_t k = 0; k < 4 * 40; k++)
            if (fabs(node[k]) < 1e-6) at_zero += weight[k] / 4;
        CHECK_NEAR(at_zero, g.p > g.n ? 1 - (double)g.n / (double)g.p : 0, 0.05);
        free(g.x);
    }
}

/* ---- networks ---- */

enum { N = 20, D = 4, K = 3 };

struct scene {
    float x[N * D];
    int32_t y[N];
    eg_dataset set;
    eg_part part;
    eg_learner *l;
    eg_curvature *c;
};

static void open_scene(struct scene *s, const char *spec, size_t batch)
{
    const eg_task task = { .inputs = D, .classes = K, .epochs = 1 };
    eg_curvature_options o = EG_CURVATURE_OPTIONS_INIT;
    memset(s, 0, sizeof *s);
    eg_random_normal(9, 0, 0, N * D, s->x);
    for (size_t i = 0; i < N; i++) s->y[i] = (int32_t)(i * 7 % K);
    s->set = (eg_dataset){ .n = N, .d = D, .x = s->x, .labels = s->y, .classes = K };
    s->part = (eg_part){ &s->set, NULL, N };
    o.batch = batch;
    CHECK_OK(eg_learner_create(spec, &task, 3, 1, NULL, &s->l));
    CHECK_OK(eg_curvature_create(s->l, &s->part, &o, &s->c));
}

static void close_scene(struct scene *s)
{
    eg_curvature_destroy(s->c);
    eg_learner_destroy(s->l);
}

/* All of the matrix, (n, n), by products with unit vectors. */
static void whole(const eg_operator *a, double *out)
{
    double *unit = calloc(a->n, sizeof *unit);
    for (size_t i = 0; i < a->n; i++) {
        unit[i] = 1;
        CHECK_OK(a->apply(a->user, unit, out + i * a->n));
        unit[i] = 0;
    }
    free(unit);
}

/* Scores of the linear layer at what was learned. */
static void softmax_at(const struct scene *s, size_t i, const double *w, double *p)
{
    double most = -1e300, sum = 0;
    for (size_t k = 0; k < K; k++) {
        p[k] = 0;
        for (size_t j = 0; j < D; j++) p[k] += w[k * D + j] * (double)s->x[i * D + j];
        most = fmax(most, p[k]);
    }
    for (size_t k = 0; k < K; k++) sum += p[k] = exp(p[k] - most);
    for (size_t k = 0; k < K; k++) p[k] /= sum;
}

#define LINEAR(loss)                                                                       \
    "{\"kind\": \"network\", \"loss\": \"" loss "\", \"layers\": [{\"kind\": \"linear\", " \
    "\"bias\": false}]}"

/* Squared error: (2 / K) X^T X / N for each class; cross-entropy: (diag p - p p^T) (x) x x^T.
 * Scores are linear, so that the Gauss-Newton part is all. */
static void linear_models(void **state)
{
    (void)state;
    static const char *const specs[2] = { LINEAR("mse"), LINEAR("cross_entropy") };
    static double h[K * D * K * D], g[K * D * K * D], want[K * D * K * D];
    for (size_t which = 0; which < 2; which++) {
        struct scene s;
        open_scene(&s, specs[which], 7);
        assert_int_equal(eg_curvature_size(s.c), K * D);
        const double *w = eg_curvature_point(s.c);
        memset(want, 0, sizeof want);
        for (size_t i = 0; i < N; i++) {
            double p[K];
            softmax_at(&s, i, w, p);
            for (size_t a = 0; a < K * D; a++)
                for (size_t b = 0; b < K * D; b++) {
                    const size_t k = a / D, m = b / D;
                    const double of =
                        which == 0 ? (k == m) * 2.0 / K : (k == m) * p[k] - p[k] * p[m];
                    want[a * K * D + b] +=
                        of * (double)s.x[i * D + a % D] * (double)s.x[i * D + b % D] / N;
                }
        }
        const eg_operator full = eg_curvature_operator(s.c, EG_HESSIAN);
        const eg_operator part = eg_curvature_operator(s.c, EG_GAUSS_NEWTON);
        whole(&full, h);
        whole(&part, g);
        for (size_t i = 0; i < K * D * K * D; i++) {
            CHECK_NEAR(h[i], want[i], 1e-12);
            CHECK_NEAR(g[i], want[i], 1e-12);
        }
        close_scene(&s);
    }
}

/* Two layers: products against differences of gradients; and v^T G v against the scores' own
 * derivative along v, by hand. */
static void two_layers(void **state)
{
    (void)state;
    enum { H = 5, SIZE = H * D + H + K * H + K };
    struct scene s;
    double v[SIZE], hv[SIZE], gv[SIZE], up[SIZE], down[SIZE], w[SIZE], loss;
    float some[SIZE];
    open_scene(&s, "{\"kind\": \"network\", \"hidden\": [5], \"activation\": \"tanh\"}", 6);
    assert_int_equal(eg_curvature_size(s.c), SIZE);
    eg_random_normal(4, 0, 0, SIZE, some);
    for (size_t i = 0; i < SIZE; i++) v[i] = (double)some[i];
    const double *at = eg_curvature_point(s.c), step = 1e-5;
    const eg_operator full = eg_curvature_operator(s.c, EG_HESSIAN);
    const eg_operator part = eg_curvature_operator(s.c, EG_GAUSS_NEWTON);
    CHECK_OK(full.apply(full.user, v, hv));
    for (size_t i = 0; i < SIZE; i++) w[i] = at[i] + step * v[i];
    CHECK_OK(eg_curvature_loss(s.c, w, &loss, up));
    for (size_t i = 0; i < SIZE; i++) w[i] = at[i] - step * v[i];
    CHECK_OK(eg_curvature_loss(s.c, w, &loss, down));
    for (size_t i = 0; i < SIZE; i++)
        CHECK_NEAR(hv[i], (up[i] - down[i]) / (2 * step), 1e-6 * (1 + fabs(hv[i])));
    CHECK_OK(part.apply(part.user, v, gv));
    double form = 0, want = 0;
    for (size_t i = 0; i < SIZE; i++) form += v[i] * gv[i];
    for (size_t i = 0; i < N; i++) {
        double t[H], dt[H], z[K], dz[K], sum = 0, mean = 0, square = 0;
        for (size_t h = 0; h < H; h++) {
            double u = at[H * D + h], du = v[H * D + h];
            for (size_t j = 0; j < D; j++) {
                u += at[h * D + j] * (double)s.x[i * D + j];
                du += v[h * D + j] * (double)s.x[i * D + j];
            }
            t[h] = tanh(u);
            dt[h] = (1 - t[h] * t[h]) * du;
        }
        for (size_t k = 0; k < K; k++) {
            const size_t row = H * D + H + k * H;
            z[k] = at[SIZE - K + k];
            dz[k] = v[SIZE - K + k];
            for (size_t h = 0; h < H; h++) {
                z[k] += at[row + h] * t[h];
                dz[k] += v[row + h] * t[h] + at[row + h] * dt[h];
            }
            sum += exp(z[k]);
        }
        for (size_t k = 0; k < K; k++) {
            mean += exp(z[k]) / sum * dz[k];
            square += exp(z[k]) / sum * dz[k] * dz[k];
        }
        want += (square - mean * mean) / N; /* dz^T (diag p - p p^T) dz */
    }
    CHECK_NEAR(form, want, 1e-12 * (1 + want));
    close_scene(&s);
}

static eg_status not_a_number(void *user, const double *x, double *y)
{
    (void)user;
    y[0] = x[0] * (double)NAN;
    return EG_OK;
}

static void misuse_is_refused(void **state)
{
    (void)state;
    double top, bottom;
    eg_extremes e;
    struct scene s;
    eg_curvature *c;
    const eg_operator a = { 1, not_a_number, NULL };
    CHECK_STATUS(eg_eigenvalues(&a, 1, 0, NULL, &top, &bottom, NULL, &e), EG_ERR_DIVERGED);
    CHECK_STATUS(eg_eigenvalues(&a, 2, 0, NULL, &top, &bottom, NULL, &e), EG_ERR_INVALID);
    open_scene(&s, LINEAR("mse"), 5);
    s.part.n = 0;
    CHECK_STATUS(eg_curvature_create(s.l, &s.part, NULL, &c), EG_ERR_INVALID);
    close_scene(&s);
    const eg_task task = { .inputs = D, .classes = K, .epochs = 1 };
    CHECK_OK(eg_learner_create("{\"kind\": \"knn\"}", &task, 3, 1, NULL, &s.l));
    s.part.n = N;
    CHECK_STATUS(eg_curvature_create(s.l, &s.part, NULL, &c), EG_ERR_UNSUPPORTED);
    eg_learner_destroy(s.l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(extremes_are_lapacks), cmocka_unit_test(quadrature_has_moments),
        cmocka_unit_test(subspaces_that_end),   cmocka_unit_test(trace_knows_its_error),
        cmocka_unit_test(linear_regression),    cmocka_unit_test(linear_models),
        cmocka_unit_test(two_layers),           cmocka_unit_test(misuse_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
