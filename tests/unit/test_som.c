/* The self-organising map against closed forms: one unit, no neighbourhood, all neighbourhood,
 * places set by hand; what a fit must come to on a line and on a square; arguments and memory. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

static eg_som *map_of(size_t rows, size_t columns, size_t d, eg_som_grid grid)
{
    eg_som_options o = EG_SOM_OPTIONS_INIT;
    eg_som *s = NULL;
    o.rows = rows;
    o.columns = columns;
    o.grid = grid;
    CHECK_OK(eg_som_create(d, &o, &s));
    return s;
}

static float *uniform(size_t n, size_t d, uint64_t seed)
{
    float *x = malloc(n * d * sizeof *x);
    eg_random_uniform(seed, 9, 0, n * d, x);
    return x;
}

/* One unit: batch gives the mean; online with a constant rate on one item comes nearer by
 * (1 - eta)^t; on several, w_T = (1 - eta)^T w_0 + eta sum_t (1 - eta)^(T - 1 - t) x_t. */
static void one_unit(void **state)
{
    enum { N = 50, D = 3 };
    (void)state;
    eg_som *s = map_of(1, 1, D, EG_SOM_RECTANGULAR);
    eg_som_fit_options o = EG_SOM_FIT_OPTIONS_INIT;
    eg_som_quality q;
    float *x = uniform(N, D, 1);
    double mean[D] = { 0 }, distance = 0;
    for (size_t i = 0; i < N * D; i++) mean[i % D] += (double)x[i] / N;
    CHECK_OK(eg_som_fit(s, x, N, &o));
    for (size_t k = 0; k < D; k++) CHECK_NEAR(eg_som_places(s)[k], mean[k], 1e-6);
    for (size_t i = 0; i < N; i++) {
        double square = 0;
        for (size_t k = 0; k < D; k++) square += pow((double)x[i * D + k] - mean[k], 2);
        distance += sqrt(square) / N;
    }
    CHECK_OK(eg_som_measure(s, x, N, 0, &q));
    CHECK_NEAR(q.quantisation, distance, 1e-6);
    CHECK(q.topographic == 0 && q.used == 1);
    o.batch = 0;
    o.keep = 1;
    o.epochs = 7;
    o.rate_first = o.rate_last = 0.25;
    const float from[D] = { 4, 5, 6 };
    CHECK_OK(eg_som_set(s, from));
    CHECK_OK(eg_som_fit(s, x, 1, &o));
    for (size_t k = 0; k < D; k++)
        CHECK_NEAR(eg_som_places(s)[k], x[k] + pow(0.75, 7) * ((double)from[k] - (double)x[k]),
                   1e-5);
    /* rates that fall: the product of what each leaves */
    double left = 1;
    o.rate_first = 0.5;
    o.rate_last = 0.01;
    for (int t = 0; t < 7; t++) left *= 1 - 0.5 * pow(0.02, t / 6.0);
    CHECK_OK(eg_som_set(s, from));
    CHECK_OK(eg_som_fit(s, x, 1, &o));
    CHECK_NEAR(eg_som_places(s)[0], x[0] + left * (4 - (double)x[0]), 1e-5);
    free(x);
    eg_som_destroy(s);
}

/* Without a neighbourhood a batch epoch is one of k-means; with an endless one all units go to the
 * mean. Between them: the sum over all items, by its definition. */
static void batch_is_its_definition(void **state)
{
    enum { N = 200, D = 2, R = 3, C = 4, U = R * C };
    static const double radii[] = { 0, 0.8, 1e6 };
    (void)state;
    for (size_t g = 0; g < EG_SOM_GRIDS; g++)
        for (size_t r = 0; r < 3; r++) {
            eg_som *s = map_of(R, C, D, (eg_som_grid)g);
            eg_som_fit_options o = EG_SOM_FIT_OPTIONS_INIT;
            float *x = uniform(N, D, 2), *from = uniform(U, D, 3);
            uint32_t unit[N];
            CHECK_OK(eg_som_set(s, from));
            CHECK_OK(eg_som_map(s, x, N, 1, unit, NULL));
            o.keep = 1;
            o.epochs = 1;
            o.radius_first = 5; /* of a single epoch the last counts */
            o.radius_last = radii[r];
            CHECK_OK(eg_som_fit(s, x, N, &o));
            for (size_t u = 0; u < U; u++) {
                double sum[D] = { 0 }, mass = 0;
                for (size_t i = 0; i < N; i++) {
                    const double half = g == EG_SOM_HEXAGONAL ? 0.5 : 0;
                    const double tall = g == EG_SOM_HEXAGONAL ? sqrt(3) / 2 : 1;
                    const double ax = unit[i] % C + half * (unit[i] / C % 2);
                    const double bx = (double)(u % C) + half * (double)(u / C % 2);
                    const double dy = tall * ((double)(unit[i] / C) - (double)(u / C));
                    const double g2 = (ax - bx) * (ax - bx) + dy * dy;
                    const double h = unit[i] == u   ? 1
                                     : radii[r] > 0 ? exp(-g2 / (2 * radii[r] * radii[r]))
                                                    : 0;
                    mass += h;
                    for (size_t k = 0; k < D; k++) sum[k] += h * (double)x[i * D + k];
                }
                for (size_t k = 0; k < D; k++)
                    CHECK_NEAR(eg_som_places(s)[u * D + k],
                               mass > 0 ? sum[k] / mass : (double)from[u * D + k], 1e-5);
            }
            free(x), free(from);
            eg_som_destroy(s);
        }
}

/* Four units in a row at 0, 1, 2, 3 and items between -1/2 and 7/2: the two nearest units are
 * always neighbours. At 0, 2, 1, 3 the two nearest are units 0 and 2 for items up to 1/2 but for
 * the first,
 * ... ; neighbours on the grid are 0-1, 1-2, 2-3, that is places {0, 2}, {2, 1}, {1, 3}. An item in
 * (k, k + 1) has the nearest places k and k + 1: neighbours for k = 1 alone. */
static void topographic_error_by_hand(void **state)
{
    enum { N = 300 };
    static const float straight[] = { 0, 1, 2, 3 }, crossed[] = { 0, 2, 1, 3 };
    (void)state;
    eg_som *s = map_of(1, 4, 1, EG_SOM_RECTANGULAR);
    eg_som_quality q;
    float x[N], walls[4], distance[N];
    uint32_t unit[N];
    for (size_t i = 0; i < N; i++) x[i] = (float)(3 * ((double)i + 0.5) / N);
    CHECK_OK(eg_som_set(s, straight));
    CHECK_OK(eg_som_measure(s, x, N, 2, &q));
    CHECK(q.topographic == 0 && q.used == 1);
    CHECK_NEAR(q.quantisation, 0.25, 1e-6); /* mean |t| of -1/2 .. 1/2 */
    CHECK_OK(eg_som_set(s, crossed));
    CHECK_OK(eg_som_measure(s, x, N, 1, &q));
    CHECK_NEAR(q.topographic, 2.0 / 3, 1e-9);
    CHECK_NEAR(q.quantisation, 0.25, 1e-6);
    CHECK_OK(eg_som_walls(s, walls));
    CHECK(walls[0] == 2 && walls[1] == 1.5f && walls[2] == 1.5f && walls[3] == 2);
    CHECK_OK(eg_som_map(s, x, N, 1, unit, distance));
    CHECK(unit[0] == 0 && unit[N - 1] == 3 && unit[N / 2 + 1] == 1);
    CHECK_NEAR(distance[0], x[0], 1e-6);
    eg_som_destroy(s);
}

/* Six neighbours inside a hexagonal grid, four inside a rectangular one: by walls, which are the
 * mean over as many neighbours where one of them stands apart. */
static void neighbours_of_a_unit(void **state)
{
    (void)state;
    for (size_t g = 0; g < EG_SOM_GRIDS; g++) {
        eg_som *s = map_of(5, 5, 1, (eg_som_grid)g);
        float places[25] = { 0 }, walls[25];
        size_t touched = 0;
        places[12] = 1;
        CHECK_OK(eg_som_set(s, places));
        CHECK_OK(eg_som_walls(s, walls));
        for (size_t u = 0; u < 25; u++) touched += u != 12 && walls[u] > 0;
        CHECK(walls[12] == 1 && touched == (g == EG_SOM_HEXAGONAL ? 6u : 4u));
        eg_som_destroy(s);
    }
}

/* Data on a line: a chain of K units ends in order, evenly, with the error 1/(4 K) of the best
 * quantiser of a uniform interval; both ways of fitting. */
static void a_chain_on_a_line(void **state)
{
    enum { N = 4000, K = 10 };
    (void)state;
    float *x = uniform(N, 1, 4);
    for (int batch = 0; batch < 2; batch++) {
        eg_som *s = map_of(1, K, 1, EG_SOM_RECTANGULAR);
        eg_som_fit_options o = EG_SOM_FIT_OPTIONS_INIT;
        eg_som_quality q;
        o.batch = batch;
        o.epochs = batch ? 60 : 12;
        o.radius_last = batch ? 0 : 0.05;
        CHECK_OK(eg_som_fit(s, x, N, &o));
        const float *w = eg_som_places(s);
        const int up = w[1] > w[0];
        for (size_t k = 1; k < K; k++) CHECK((w[k] > w[k - 1]) == up);
        for (size_t k = 0; k < K; k++)
            CHECK_NEAR(w[up ? k : K - 1 - k], ((double)k + 0.5) / K, 0.02);
        CHECK_OK(eg_som_measure(s, x, N, 1, &q));
        CHECK_NEAR(q.quantisation, 1.0 / (4 * K), 0.03 / (4 * K));
        CHECK(q.topographic == 0 && q.used == 1);
        eg_som_destroy(s);
    }
    free(x);
}

/* A square on a square: neighbours stay neighbours, which k-means from the same items does not
 * give; the same places for any number of threads. */
static void a_map_of_a_square(void **state)
{
    enum { N = 3000, D = 2, S = 6 };
    (void)state;
    float *x = uniform(N, D, 5);
    eg_som *s = map_of(S, S, D, EG_SOM_HEXAGONAL), *other = map_of(S, S, D, EG_SOM_HEXAGONAL);
    eg_som_fit_options o = EG_SOM_FIT_OPTIONS_INIT;
    eg_som_quality q, means;
    o.threads = 1;
    CHECK_OK(eg_som_fit(s, x, N, &o));
    o.threads = 3;
    CHECK_OK(eg_som_fit(other, x, N, &o));
    CHECK_SAME_BITS(eg_som_places(s), eg_som_places(other), S * S * D * sizeof(float));
    CHECK_OK(eg_som_measure(s, x, N, 2, &q));
    o.radius_first = o.radius_last = 1e-3;
    CHECK_OK(eg_som_fit(other, x, N, &o));
    CHECK_OK(eg_som_measure(other, x, N, 2, &means));
    CHECK(q.topographic < 0.1 && means.topographic > 0.7);
    /* the map pays for its order, but little: random places err by 1/(2 sqrt(U)) */
    CHECK(means.quantisation < q.quantisation && q.quantisation < 1.25 * means.quantisation);
    CHECK(means.quantisation < 0.5 / S);
    free(x);
    eg_som_destroy(s);
    eg_som_destroy(other);
}

static int interrupt(void *user, const char *stage, uint64_t done, uint64_t total)
{
    (void)user, (void)stage, (void)total;
    return done >= 2;
}

static void what_does_not_fit(void **state)
{
    (void)state;
    eg_som_options bad = EG_SOM_OPTIONS_INIT;
    eg_som_fit_options o = EG_SOM_FIT_OPTIONS_INIT;
    eg_som *s = NULL;
    eg_som_quality q;
    uint32_t unit[2];
    const float x[] = { 0, 1, 2, (float)NAN }, fine[] = { 0, 1, 2, 3 };
    bad.rows = 0;
    CHECK_STATUS(eg_som_create(2, &bad, &s), EG_ERR_INVALID);
    bad.rows = SIZE_MAX / 2;
    CHECK_STATUS(eg_som_create(2, &bad, &s), EG_ERR_OVERFLOW);
    CHECK_STATUS(eg_som_create(0, NULL, &s), EG_ERR_INVALID);
    s = map_of(2, 2, 2, EG_SOM_RECTANGULAR);
    CHECK(eg_som_units(s) == 4 && eg_som_dim(s) == 2 && eg_som_options_view(s)->rows == 2);
    CHECK_STATUS(eg_som_fit(s, x, 2, NULL), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "item 1: number 1") != NULL);
    CHECK(eg_som_places(s)[0] == 0);
    CHECK_STATUS(eg_som_map(s, x, 2, 1, unit, NULL), EG_ERR_INVALID);
    CHECK_STATUS(eg_som_map(NULL, x, 2, 1, unit, NULL), EG_ERR_INVALID);
    CHECK_STATUS(eg_som_measure(s, fine, 0, 1, &q), EG_ERR_INVALID);
    CHECK_STATUS(eg_som_fit(s, fine, 0, &o), EG_ERR_INVALID);
    o.rate_first = 0;
    CHECK_STATUS(eg_som_fit(s, fine, 2, &o), EG_ERR_INVALID);
    o.rate_first = 0.5;
    o.radius_last = -1;
    CHECK_STATUS(eg_som_fit(s, fine, 2, &o), EG_ERR_INVALID);
    const eg_som_fit_options usual = EG_SOM_FIT_OPTIONS_INIT;
    const eg_progress stop = { interrupt, NULL };
    o = usual;
    o.progress = &stop;
    CHECK_STATUS(eg_som_fit(s, fine, 2, &o), EG_ERR_INTERRUPTED);
    CHECK_OK(eg_som_fit(s, fine, 2, NULL)); /* fewer items than units */
    CHECK_OK(eg_som_map(s, fine, 0, 1, unit, NULL));
    eg_som_destroy(s);
    eg_som_destroy(NULL);
}

static void memory_runs_out(void **state)
{
    enum { N = 20, D = 2 };
    (void)state;
    float *x = uniform(N, D, 6);
    eg_status s = EG_ERR_NOMEM;
    for (size_t k = 0; s != EG_OK; k++) {
        struct failing fail = { .fail_at = k };
        const eg_allocator alloc = failing_allocator(&fail);
        eg_som_options o = EG_SOM_OPTIONS_INIT;
        eg_som *map = NULL;
        eg_som_quality q;
        uint32_t unit[N];
        o.alloc = &alloc;
        s = eg_som_create(D, &o, &map);
        if (s == EG_OK) s = eg_som_fit(map, x, N, NULL);
        if (s == EG_OK) s = eg_som_map(map, x, N, 1, unit, NULL);
        if (s == EG_OK) s = eg_som_measure(map, x, N, 1, &q);
        CHECK(s == EG_OK || s == EG_ERR_NOMEM);
        eg_som_destroy(map);
        CHECK(fail.live == 0);
    }
    free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_unit),
        cmocka_unit_test(batch_is_its_definition),
        cmocka_unit_test(topographic_error_by_hand),
        cmocka_unit_test(neighbours_of_a_unit),
        cmocka_unit_test(a_chain_on_a_line),
        cmocka_unit_test(a_map_of_a_square),
        cmocka_unit_test(what_does_not_fit),
        cmocka_unit_test(memory_runs_out),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
