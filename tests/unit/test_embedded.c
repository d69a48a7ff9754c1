/* Convolutions written out as matrices: the same function, the same gradients. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/embedded.h"
#include "engram/random.h"
#include "train_check.h"

enum { C = 2, SIDE = 7, D = C * SIDE * SIDE, B = 5, K = 3 };

/* Geometry: kernel, stride, padding, dilation of two convolutions, and the places of the first. */
static const struct geometry {
    const char *first, *second;
    size_t places, inside; /* of the first, and weights of its kernel within the picture, summed */
} geometries[] = {
    { "\"kernel\": 3", "\"kernel\": 3, \"stride\": 2", 5 * 5, 25 * 9 },
    { "\"kernel\": 3, \"padding\": 1, \"bias\": false", "\"kernel\": [1, 2]", 7 * 7, 19 * 19 },
    { "\"kernel\": [2, 3], \"stride\": [2, 1], \"padding\": [0, 1]", "\"kernel\": 2", 3 * 7,
      3 * 2 * 19 },
    { "\"kernel\": 2, \"dilation\": 3", "\"kernel\": 4, \"padding\": 2", 4 * 4, 16 * 4 },
};

static eg_learner *network(const struct geometry *g)
{
    const eg_task task = {
        .inputs = D, .height = SIDE, .width = SIDE, .channels = C, .classes = K, .epochs = 1
    };
    eg_learner *l = NULL;
    char spec[700];
    snprintf(spec, sizeof spec,
             "{\"kind\": \"network\", \"layers\": [{\"kind\": \"conv2d\", \"channels\": 4, %s}, "
             "\"activation\", {\"kind\": \"conv2d\", \"channels\": 3, %s}, \"activation\", "
             "\"flatten\", {\"kind\": \"linear\", \"units\": 6}, \"activation\", \"linear\"], "
             "\"optimiser\": {\"kind\": \"sgd\", \"rate\": 0.5, \"momentum\": 0}}",
             g->first, g->second);
    CHECK_OK(eg_learner_create(spec, &task, 4, 1, NULL, &l));
    return l;
}

static void batch(float *x, int32_t *y)
{
    eg_random_normal(2, 1, 0, B * D, x);
    for (int i = 0; i < B; i++) y[i] = i % K;
}

static void they_are_the_same_function(void **state)
{
    float x[B * D], a[B * K], b[B * K];
    int32_t y[B];
    double deviation;
    (void)state;
    batch(x, y);
    for (size_t i = 0; i < EGI_COUNT(geometries); i++) {
        eg_learner *cnn = network(&geometries[i]), *fc = NULL;
        CHECK_OK(eg_embed_convolutions(cnn, &fc));
        CHECK_OK(eg_learner_scores(cnn, x, B, a));
        CHECK_OK(eg_learner_scores(fc, x, B, b));
        for (size_t k = 0; k < B * K; k++) CHECK_NEAR((double)b[k], (double)a[k], 1e-5);
        const eg_param *w = eg_params_at(eg_learner_params(fc), 0);
        size_t nonzero = 0;
        CHECK(w->shape.dim[0] == 4 * geometries[i].places && w->shape.dim[1] == D);
        for (size_t k = 0; k < 4 * geometries[i].places * D; k++)
            nonzero += ((const float *)w->value)[k] != 0;
        CHECK(nonzero == 4 * C * geometries[i].inside);
        CHECK_OK(eg_embedded_deviation(cnn, fc, &deviation));
        CHECK(deviation == 0);
        eg_learner_destroy(cnn);
        eg_learner_destroy(fc);
    }
}

/* One plain step of each: where a weight is shared its step is the sum of the steps of its copies.
 * The first layer is 3 x 3 with stride 1, so that copy (y, x) of w[k, l] lies at (y + k, x + l). */
static void shared_weights_have_the_sum_of_gradients(void **state)
{
    float x[B * D], *old;
    int32_t y[B];
    double loss[2], deviation;
    (void)state;
    batch(x, y);
    eg_learner *cnn = network(&geometries[0]), *fc = NULL;
    CHECK_OK(eg_embed_convolutions(cnn, &fc));
    const eg_param *w = eg_params_at(eg_learner_params(cnn), 0);
    const float *kernel = w->value, *matrix = eg_params_at(eg_learner_params(fc), 0)->value;
    const size_t n = eg_shape_size(&w->shape);
    old = malloc(n * sizeof *old);
    CHECK(old != NULL);
    memcpy(old, kernel, n * sizeof *old);
    CHECK_OK(eg_learner_step(cnn, 0, x, y, B, &loss[0]));
    CHECK_OK(eg_learner_step(fc, 0, x, y, B, &loss[1]));
    CHECK_NEAR(loss[1], loss[0], 1e-5);
    double largest = 0;
    for (size_t k = 0; k < n; k++) {
        const size_t o = k / (C * 9), i = k / 9 % C, ky = k / 3 % 3, kx = k % 3;
        double sum = 0;
        for (size_t place = 0; place < 25; place++) {
            const size_t row = o * 25 + place,
                         at = (i * SIDE + place / 5 + ky) * SIDE + place % 5 + kx;
            sum += (double)matrix[row * D + at] - (double)old[k];
        }
        CHECK_NEAR(sum, (double)kernel[k] - (double)old[k], 2e-5);
        largest = fmax(largest, fabs(sum));
    }
    CHECK(largest > 1e-3);
    CHECK_OK(eg_embedded_deviation(cnn, fc, &deviation));
    CHECK(deviation > 1e-4 && deviation < .5);
    free(old);
    eg_learner_destroy(cnn);
    eg_learner_destroy(fc);
}

static void what_cannot_be_is_refused(void **state)
{
    static const struct {
        const char *layers, *detail;
    } bad[] = {
        { "[\"flatten\", \"linear\"]", "a network without a conv2d" },
        { "[\"conv2d\", \"max_pool2d\", \"flatten\", \"linear\"]", "layers[1]: max_pool2d" },
        { "[{\"kind\": \"conv2d\", \"groups\": 2}, \"flatten\", \"linear\"]",
          "layers[0]: a group" },
        { "[{\"kind\": \"conv2d\", \"connections\": \"sign\"}, \"flatten\", \"linear\"]",
          "layers[0]: a learned connection" },
    };
    const eg_task task = {
        .inputs = D, .height = SIDE, .width = SIDE, .channels = C, .classes = K, .epochs = 1
    };
    const eg_task flat = { .inputs = D, .classes = K, .epochs = 1 };
    eg_learner *l = NULL, *other = NULL;
    double deviation;
    char spec[300];
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(bad); i++) {
        snprintf(spec, sizeof spec, "{\"kind\": \"network\", \"layers\": %s}", bad[i].layers);
        CHECK_OK(eg_learner_create(spec, &task, 4, 1, NULL, &l));
        CHECK_STATUS(eg_embed_convolutions(l, &other), EG_ERR_UNSUPPORTED);
        CHECK(strncmp(eg_error_detail(), bad[i].detail, strlen(bad[i].detail)) == 0);
        eg_learner_destroy(l);
    }
    CHECK_OK(eg_learner_create("{\"kind\": \"network\", \"hidden\": [3]}", &flat, 4, 1, NULL, &l));
    CHECK_STATUS(eg_embed_convolutions(l, &other), EG_ERR_UNSUPPORTED);
    CHECK_STATUS(eg_embed_convolutions(NULL, &other), EG_ERR_UNSUPPORTED);
    CHECK_STATUS(eg_embed_convolutions(l, NULL), EG_ERR_INVALID);
    eg_learner *cnn = network(&geometries[0]);
    CHECK_STATUS(eg_embedded_deviation(cnn, l, &deviation), EG_ERR_SHAPE);
    CHECK_STATUS(eg_embedded_deviation(cnn, NULL, &deviation), EG_ERR_INVALID);
    eg_learner_destroy(cnn);
    eg_learner_destroy(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_are_the_same_function),
        cmocka_unit_test(shared_weights_have_the_sum_of_gradients),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
