/* Norms of layers in closed form, convolutions by their whole matrix, and the report on a network.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

/* d layers of the identity: R_A = d^(3/2) h; a layer where it began: 0. */
static void identities(void **state)
{
    (void)state;
    enum { H = 6, DEPTH = 4 };
    float eye[H * H] = { 0 };
    eg_layer_matrix a[DEPTH];
    double r, norm;
    for (size_t i = 0; i < H; i++) eye[i * H + i] = 1;
    for (size_t i = 0; i < DEPTH; i++) a[i] = (eg_layer_matrix){ eye, NULL, H, H, 1 };
    for (size_t d = 1; d <= DEPTH; d++) {
        CHECK_OK(eg_spectral_complexity(a, d, &r));
        CHECK_NEAR(r, pow((double)d, 1.5) * H, 1e-10);
    }
    a[0].m = eye;
    CHECK_OK(eg_spectral_complexity(a, 1, &r));
    CHECK_NEAR(r, 0, 0);
    CHECK_OK(eg_matrix_spectral(&a[1], &norm));
    CHECK_NEAR(norm, 1, 1e-12);
    CHECK_NEAR(eg_matrix_frobenius(&a[1], 1), sqrt(H), 1e-12);
    CHECK_NEAR(eg_matrix_largest_row(&a[1]), 1, 0);
    const float b[6] = { 3, 0, 0, 0, -4, 1 }; /* (2, 3): rows of norm 3 and sqrt 17 */
    const eg_layer_matrix wide = { b, NULL, 2, 3, 4 };
    CHECK_OK(eg_matrix_spectral(&wide, &norm));
    CHECK_NEAR(norm, 2 * sqrt(17), 1e-10);
    CHECK_NEAR(eg_matrix_rows(&wide), 3 + sqrt(17), 1e-12);
    CHECK_NEAR(eg_matrix_largest_row(&wide), 5, 0);
}

/* The circulant matrix of a convolution, whole. */
static void convolution_is_its_matrix(void **state)
{
    (void)state;
    enum { O = 2, I = 3, K = 3, L = 2, H = 5, W = 4, ROWS = O * H * W, COLUMNS = I * H * W };
    static float w[O * I * K * L], whole[ROWS * COLUMNS];
    const size_t shape[4] = { O, I, K, L };
    double norm, want;
    eg_random_normal(8, 0, 0, O * I * K * L, w);
    for (size_t o = 0; o < O; o++)
        for (size_t i = 0; i < I; i++)
            for (size_t p = 0; p < H * W; p++)
                for (size_t k = 0; k < K * L; k++) {
                    const size_t y = (p / W + k / L) % H, x = (p % W + k % L) % W;
                    whole[(o * H * W + p) * COLUMNS + i * H * W + y * W + x] +=
                        w[(o * I + i) * K * L + k];
                }
    const eg_layer_matrix a = { whole, NULL, ROWS, COLUMNS, 1 };
    CHECK_OK(eg_matrix_spectral(&a, &want));
    CHECK_OK(eg_conv_spectral(w, shape, H, W, &norm));
    CHECK_NEAR(norm, want, 1e-9 * want);
    const eg_layer_matrix flat = { w, NULL, O, I * K * L, K * L };
    CHECK_OK(eg_matrix_spectral(&flat, &want));
    assert_true(want >= norm); /* what the report takes is above it */
    CHECK_STATUS(eg_conv_spectral(w, shape, 2, W, &norm), EG_ERR_INVALID);
}

static void kendalls_tau(void **state)
{
    (void)state;
    const double a[5] = { 1, 2, 3, 4, 5 }, fall[5] = { 9, 7, 5, 3, 1 }, tie[5] = { 1, 1, 2, 3, 3 };
    const double one[5] = { 2, 2, 2, 2, 2 }, mixed[5] = { 1, 3, 2, 5, 4 };
    CHECK_NEAR(eg_kendall(a, a, 5), 1, 0);
    CHECK_NEAR(eg_kendall(a, fall, 5), -1, 0);
    CHECK_NEAR(eg_kendall(a, mixed, 5), 0.6, 1e-15);
    CHECK_NEAR(eg_kendall(a, tie, 5), 8 / sqrt(80), 1e-15);
    assert_true(isnan(eg_kendall(a, one, 5)));
}

/* Orthonormal examples: |sum s_i x_i| is sqrt n whatever the signs, so B / sqrt n exactly. */
static void rademacher_of_orthonormal(void **state)
{
    (void)state;
    enum { N = 9, D = 12 };
    float x[N * D] = { 0 };
    double value, error;
    for (size_t i = 0; i < N; i++) x[i * D + i] = 1;
    CHECK_OK(eg_rademacher_signs(x, N, D, 2, 20, 1, &value, &error));
    CHECK_NEAR(value, 2 / sqrt(N), 1e-12);
    CHECK_NEAR(error, 0, 1e-12);
    assert_true(value <= eg_rademacher_linear(x, N, D, 2));
    eg_random_normal(3, 0, 0, N * D, x);
    CHECK_OK(eg_rademacher_signs(x, N, D, 2, 400, 1, &value, &error));
    assert_true(value <= eg_rademacher_linear(x, N, D, 2));           /* Jensen */
    assert_true(value >= eg_rademacher_linear(x, N, D, 2) / sqrt(2)); /* Khintchine */
}

/* ---- the report ---- */

enum { N = 300, D = 5, K = 3, H = 8 };

static size_t row_named(const char *name)
{
    size_t i = 0;
    while (strcmp(eg_network_rows(i)->name, name) != 0) i++;
    return i;
}

static void scale(eg_learner *l, const char *name, float by)
{
    const eg_param *p = eg_params_find(eg_learner_params(l), name);
    CHECK(p != NULL);
    for (size_t i = 0; i < eg_shape_size(&p->shape); i++) ((float *)p->value)[i] *= by;
}

/* What does not change when one rectified layer is made larger and the next smaller: the function,
 * the path norm, products of norms. What does: the distance from where it began. */
static void report_on_a_network(void **state)
{
    (void)state;
    static float x[N * D];
    static int32_t y[N];
    static const char spec[] =
        "{\"kind\": \"network\", \"layers\": [{\"kind\": \"linear\", \"units\": "
        "8, \"bias\": false, \"name\": \"one\"}, {\"kind\": \"activation\", "
        "\"function\": \"relu\"}, {\"kind\": \"linear\", \"bias\": false, "
        "\"name\": \"two\"}], \"optimiser\": {\"kind\": \"adam\", \"rate\": "
        "0.02}}";
    const eg_task task = { .inputs = D, .classes = K, .epochs = 30 };
    const eg_dataset set = { .n = N, .d = D, .x = x, .labels = y, .classes = K };
    const eg_part part = { &set, NULL, N };
    double before[32], after[32];
    eg_network_report r, r2;
    eg_network_options o = EG_NETWORK_OPTIONS_INIT;
    eg_train_options how = EG_TRAIN_OPTIONS_INIT;
    eg_train_result result;
    eg_learner *l;
    eg_random_normal(6, 0, 0, N * D, x);
    for (size_t i = 0; i < N; i++) {
        y[i] = (int32_t)(i % K);
        x[i * D + (size_t)y[i]] += 4;
    }
    CHECK_OK(eg_learner_create(spec, &task, 3, 1, NULL, &l));
    o.draws = 20;
    CHECK_OK(eg_network_bounds(l, &part, &o, before, &r));
    CHECK_NEAR(before[row_named("distance")], 0, 0); /* nothing moved */
    CHECK_NEAR(r.kl, 0, 0);
    CHECK_OK(eg_train(l, &part, NULL, &how, &result));
    CHECK_OK(eg_network_bounds(l, &part, &o, before, &r));
    assert_true(r.error < 0.1 && r.layers == 2 && r.n == D * H + H * K);
    assert_true(before[row_named("distance")] > 0);
    assert_true(before[row_named("pac-bayes")] >= r.drawn);
    for (size_t i = 1; i < 4; i++) /* kl is the smallest of its kind */
        assert_true(before[row_named("pac-bayes")] <= before[i] * (1 + 1e-12));
    assert_true(before[row_named("vc")] > 1 && before[row_named("spectral-margin")] > 1);
    CHECK_NEAR(r.kl, pow(before[row_named("distance")], 2) / (2 * r.sigma * r.sigma), 1e-9 * r.kl);
    /* path norm by hand */
    const float *one = eg_params_find(eg_learner_params(l), "one.weight")->value;
    const float *two = eg_params_find(eg_learner_params(l), "two.weight")->value;
    double sum = 0;
    for (size_t k = 0; k < K; k++)
        for (size_t h = 0; h < H; h++)
            for (size_t d = 0; d < D; d++)
                sum += pow((double)two[k * H + h] * (double)one[h * D + d], 2);
    CHECK_NEAR(before[row_named("path")] * r.gamma * sqrt(N) / sqrt(sum), 1, 1e-5);
    scale(l, "one.weight", 4);
    scale(l, "two.weight", 0.25F);
    CHECK_OK(eg_network_bounds(l, &part, &o, after, &r2));
    static const char *const kept[] = { "path", "spectral", "frobenius", "largest-row" };
    for (size_t i = 0; i < 4; i++)
        CHECK_NEAR(after[row_named(kept[i])] / before[row_named(kept[i])], 1, 1e-5);
    assert_true(after[row_named("distance")] > 1.5 * before[row_named("distance")]);
    o.delta = 0;
    CHECK_STATUS(eg_network_bounds(l, &part, &o, after, &r2), EG_ERR_INVALID);
    eg_learner_destroy(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(identities),          cmocka_unit_test(convolution_is_its_matrix),
        cmocka_unit_test(kendalls_tau),        cmocka_unit_test(rademacher_of_orthonormal),
        cmocka_unit_test(report_on_a_network),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
