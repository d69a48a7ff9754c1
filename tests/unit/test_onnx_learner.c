/* A pretrained network with a read-out of its features, as one learner of pixels. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "onnx_bytes.h"

enum { B = 5, D = 3 * 8 * 8, FEATURES = 64, K = 4 };

static eg_onnx *network(void)
{
    struct egi_bytes bytes;
    eg_onnx *m = NULL;
    onnx_small_network(&bytes);
    CHECK_OK(eg_onnx_read("small", bytes.p, bytes.n, NULL, &m));
    egi_bytes_clear(&bytes);
    return m;
}

static eg_learner *readout(const char *spec, size_t inputs)
{
    const eg_task task = { .inputs = inputs, .classes = K, .epochs = 1 };
    eg_learner *l;
    CHECK_OK(eg_learner_create(spec, &task, 2, 1, NULL, &l));
    return l;
}

static const char *const readouts[] = {
    "{\"kind\": \"network\", \"hidden\": [9], \"activation\": \"tanh\"}",
    "{\"kind\": \"dam\", \"n\": 2, \"hidden\": 20, \"t_initial\": 8, \"t_final\": 8, \"mean\": 0}",
    "{\"kind\": \"dam\", \"n\": 4, \"hidden\": 20, \"t_initial\": 8, \"t_final\": 8, \"mean\": 0, "
    "\"norm\": "
    "\"sphere\"}",
};

static void pictures(float *x)
{
    eg_random_uniform(6, 1, 0, B * D, x);
}

/* The third channel is scaled by itself. */
static eg_onnx_pixels pixels_of(const eg_onnx *m, int bgr)
{
    eg_onnx_pixels p;
    CHECK_OK(eg_onnx_pixels_of(m, &p));
    p.bgr = bgr;
    p.scale[2] *= 2;
    return p;
}

/* Scores are those of the read-out, of features of the scaled pictures, in the same bits however
 * many come at once. */
static void scores_are_those_of_the_readout(void **state)
{
    (void)state;
    float x[B * D], scaled[D], want[K], got[B * K];
    pictures(x);
    for (int bgr = 0; bgr < 2; bgr++) {
        eg_onnx *m = network();
        eg_learner *r = readout(readouts[1], FEATURES), *l;
        const eg_onnx_pixels p = pixels_of(m, bgr);
        const char *name = "features";
        CHECK_OK(eg_onnx_couple(m, name, &p, r, &l));
        CHECK(eg_learner_task(l)->inputs == D && eg_learner_task(l)->classes == K);
        CHECK_OK(eg_learner_scores(l, x, B, got));
        for (size_t i = 0; i < B; i++) {
            eg_onnx_array f;
            float one[K];
            for (size_t k = 0; k < 3; k++)
                for (size_t at = 0; at < 64; at++)
                    scaled[k * 64 + at] =
                        (255 * x[i * D + (bgr ? 2 - k : k) * 64 + at] - 128) * p.scale[k];
            const eg_onnx_array in = { NULL, EG_F32, eg_shape_of(1, 3, 8, 8), scaled };
            CHECK_OK(eg_onnx_run(m, &in, 1, &name, 1, &f));
            CHECK_OK(eg_learner_scores(r, f.data, 1, want));
            CHECK_SAME_BITS(got + i * K, want, sizeof want);
            CHECK_OK(eg_learner_scores(l, x + i * D, 1, one));
            CHECK_SAME_BITS(one, want, sizeof want);
        }
        eg_learner_destroy(l);
        eg_learner_destroy(r);
        eg_onnx_destroy(m);
    }
}

/* Of every read-out, through the network to the pixels. */
static void the_derivative_is_that_of_differences(void **state)
{
    (void)state;
    static float x[B * D], dx[B * D], z[B * K], again[B * K];
    float c[B * K];
    const float h = 1.0f / 4096;
    pictures(x);
    eg_random_normal(6, 2, 0, B * K, c);
    memset(c + K, 0, K * sizeof *c); /* the second asks for nothing */
    for (size_t i = 0; i < sizeof readouts / sizeof *readouts; i++) {
        eg_onnx *m = network();
        eg_learner *r = readout(readouts[i], FEATURES), *l;
        const eg_onnx_pixels p = pixels_of(m, i == 1);
        CHECK_OK(eg_onnx_couple(m, "features", &p, r, &l));
        CHECK_OK(eg_learner_pullback(l, x, c, B, z, dx));
        CHECK_OK(eg_learner_scores(l, x, B, again));
        CHECK_SAME_BITS(z, again, sizeof z);
        for (size_t k = D; k < 2 * D; k++) CHECK(dx[k] == 0);
        size_t wrong = 0, looked = 0;
        double most = 0;
        for (size_t k = 0; k < B * D; k++) most = fmax(most, fabs((double)dx[k]));
        if (!(most > 0)) fail_msg("read-out %zu: no derivative", i);
        for (size_t k = 0; k < B * D; k += 7, looked++) {
            const float own = x[k];
            double high = 0, low = 0;
            x[k] = own + h;
            CHECK_OK(eg_learner_scores(l, x, B, z));
            for (size_t e = 0; e < B * K; e++) high += (double)c[e] * (double)z[e];
            x[k] = own - h;
            CHECK_OK(eg_learner_scores(l, x, B, z));
            for (size_t e = 0; e < B * K; e++) low += (double)c[e] * (double)z[e];
            x[k] = own;
            wrong += !(fabs((high - low) * 2048 - (double)dx[k]) <= 0.03 * most);
        }
        CHECK(wrong <= looked / 20); /* a maximum or a kink in between */
        eg_learner_destroy(l);
        eg_learner_destroy(r);
        eg_onnx_destroy(m);
    }
}

static void refuse(eg_onnx *m, const char *value, const eg_onnx_pixels *p, eg_learner *r,
                   eg_status status, const char *words)
{
    eg_learner *l = NULL;
    CHECK_STATUS(eg_onnx_couple(m, value, p, r, &l), status);
    if (strstr(eg_error_detail(), words) == NULL) fail_msg("%s", eg_error_detail());
    CHECK(l == NULL);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    eg_onnx *m = network();
    eg_learner *r = readout(readouts[0], FEATURES), *other = readout(readouts[0], 63), *l;
    eg_onnx_pixels p = pixels_of(m, 0);
    double loss;
    float x[D] = { 0 };
    refuse(m, "nothing", &p, r, EG_ERR_INVALID, "nothing");
    refuse(m, "logits", &p, r, EG_ERR_SHAPE, "logits has 5 numbers of f32, the read-out takes 64");
    refuse(m, "features", &p, other, EG_ERR_SHAPE, "takes 63");
    refuse(m, "features", NULL, r, EG_ERR_INVALID, "NULL");
    CHECK_OK(eg_onnx_couple(m, "features", &p, r, &l));
    CHECK_STATUS(eg_learner_step(l, 0, x, &(int32_t){ 0 }, 1, &loss), EG_ERR_UNSUPPORTED);
    eg_learner_destroy(l);
    p.height = 0;
    refuse(m, "features", &p, r, EG_ERR_SHAPE, "pictures of 0 x 8");
    eg_learner_destroy(r);
    eg_learner_destroy(other);
    eg_onnx_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_are_those_of_the_readout),
        cmocka_unit_test(the_derivative_is_that_of_differences),
        cmocka_unit_test(what_does_not_fit_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
