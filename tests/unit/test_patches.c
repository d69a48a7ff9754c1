/* Dictionaries of patches: whitening by its identity, codes against the definition, evidence. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

enum { N = 40, C = 2, H = 9, W = 8, D = C * H * W, SIDE = 3, P = C * SIDE * SIDE, DICTIONARY = 10 };

static float x[N * D];
static int32_t y[N];

static eg_dataset pictures(void)
{
    eg_random_normal(7, 0, 0, N * D, x);
    for (size_t i = 1; i < N * D; i++) x[i] = 0.3F + 0.7F * x[i - 1] + x[i]; /* neighbours alike */
    for (size_t i = 0; i < N; i++) y[i] = (int32_t)(i % 3);
    return (eg_dataset){
        .n = N, .d = D, .channels = C, .height = H, .width = W, .x = x, .labels = y, .classes = 3
    };
}

static void take(const float *picture, size_t row, size_t column, double *to)
{
    for (size_t c = 0; c < C; c++)
        for (size_t i = 0; i < SIDE; i++)
            for (size_t j = 0; j < SIDE; j++)
                *to++ = (double)picture[(c * H + row + i) * W + column + j];
}

/* <k, q> + a is, up to what all share, minus half the squared distance after whitening: differences
 * of two of them are those of distances by the inverse covariance, solved by elimination. */
static void offsets_are_distances(void **state)
{
    (void)state;
    static double mean[P], cov[P][P], patch[P];
    const eg_dataset set = pictures();
    eg_patch_options o = EG_PATCH_OPTIONS_INIT;
    static float kernel[DICTIONARY * P], offset[2 * DICTIONARY];
    double spectrum[P], trace = 0, sum = 0;
    o.patches = DICTIONARY;
    o.side = SIDE;
    o.epsilon = 0.01;
    CHECK_OK(eg_patch_dictionary(&set, &o, kernel, offset, spectrum));
    const size_t rows = H - SIDE + 1, columns = W - SIDE + 1, total = N * rows * columns;
    for (size_t pass = 0; pass < 2; pass++)
        for (size_t t = 0; t < total; t++) {
            const size_t place = t % (rows * columns);
            take(x + t / (rows * columns) * D, place / columns, place % columns, patch);
            for (size_t i = 0; i < P; i++) {
                if (pass == 0) mean[i] += patch[i] / (double)total;
                for (size_t j = 0; j < P && pass == 1; j++)
                    cov[i][j] += (patch[i] - mean[i]) * (patch[j] - mean[j]) / (double)total;
            }
        }
    for (size_t i = 0; i < P; i++) trace += cov[i][i];
    for (size_t i = 0; i < P; i++) sum += spectrum[i];
    CHECK_NEAR(sum, trace, 1e-9 * trace);
    /* (C + epsilon) k = p~, so that k gives p~ back, and offsets follow from both */
    for (size_t n = 0; n < DICTIONARY; n++) {
        const float *k = kernel + n * P;
        double with_mean = 0, half = 0;
        for (size_t i = 0; i < P; i++) {
            double p = o.epsilon * (double)k[i];
            for (size_t j = 0; j < P; j++) p += cov[i][j] * (double)k[j];
            patch[i] = p;
            with_mean += mean[i] * (double)k[i];
            half += p * (double)k[i] / 2;
        }
        CHECK_NEAR(offset[n], -with_mean - half, 1e-4 * (1 + fabs(half)));
        CHECK_NEAR(offset[DICTIONARY + n], with_mean - half, 1e-4 * (1 + fabs(half)));
        double nearest = 1e9; /* p~ + mean is a patch of the set */
        for (size_t t = 0; t < total; t++) {
            double q[P], far = 0;
            const size_t place = t % (rows * columns);
            take(x + t / (rows * columns) * D, place / columns, place % columns, q);
            for (size_t i = 0; i < P; i++) far += fabs(q[i] - mean[i] - patch[i]);
            nearest = fmin(nearest, far);
        }
        CHECK_NEAR(nearest, 0, 1e-3);
    }
}

/* Each code by sorting all scores of each place, as the definition says. */
static void codes_are_the_nearest(void **state)
{
    (void)state;
    static const struct {
        double share;
        size_t window, stride, near;
        int partial;
        size_t down, along; /* of 7 x 6 places */
    } cases[] = { { 0.4, 1, 1, 4, 0, 7, 6 },  { 0.1, 3, 2, 1, 0, 3, 2 }, { 1, 2, 3, 10, 0, 2, 2 },
                  { 0.01, 5, 1, 1, 0, 3, 2 }, { 0.4, 3, 2, 4, 1, 3, 3 }, { 0.4, 4, 2, 4, 1, 3, 2 },
                  { 0.2, 2, 3, 2, 1, 3, 2 },  { 0.2, 1, 4, 2, 1, 2, 2 } };
    const eg_dataset set = pictures();
    eg_patch_options o = EG_PATCH_OPTIONS_INIT;
    static float kernel[DICTIONARY * P], offset[2 * DICTIONARY];
    o.patches = DICTIONARY;
    o.side = SIDE;
    CHECK_OK(eg_patch_dictionary(&set, &o, kernel, offset, NULL));
    eg_tape *t;
    CHECK_OK(eg_tape_create(2, NULL, &t));
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const eg_patch_codes codes = { sizeof codes, cases[i].share, cases[i].window,
                                       cases[i].stride, cases[i].partial };
        const size_t rows = H - SIDE + 1, columns = W - SIDE + 1, w = codes.window;
        const size_t down = cases[i].down, along = cases[i].along;
        eg_tape_reset(t);
        const eg_var v =
            eg_patch_near(t, eg_input(t, EG_F32, &eg_shape_of(2, C, H, W), x),
                          eg_input(t, EG_F32, &eg_shape_of(DICTIONARY, C, SIDE, SIDE), kernel),
                          eg_input(t, EG_F32, &eg_shape_of(2, DICTIONARY), offset), &codes);
        const float *got = eg_tape_value(t, v);
        CHECK_OK(eg_tape_status(t));
        const eg_shape shape = eg_tape_shape(t, v);
        assert_int_equal(shape.dim[2], down);
        assert_int_equal(shape.dim[3], along);
        static double want[2 * 2 * DICTIONARY * 64];
        memset(want, 0, sizeof want);
        for (size_t b = 0; b < 2; b++)
            for (size_t place = 0; place < rows * columns; place++) {
                double q[P], score[2 * DICTIONARY];
                take(x + b * D, place / columns, place % columns, q);
                for (size_t k = 0; k < 2 * DICTIONARY; k++) {
                    score[k] = (double)offset[k];
                    for (size_t j = 0; j < P; j++)
                        score[k] += (k < DICTIONARY ? 1 : -1) * q[j]
                                    * (double)kernel[k % DICTIONARY * P + j];
                }
                for (size_t k = 0; k < 2 * DICTIONARY; k++) {
                    size_t nearer = 0;
                    for (size_t j = 0; j < DICTIONARY; j++)
                        nearer += score[k / DICTIONARY * DICTIONARY + j] > score[k];
                    if (nearer >= cases[i].near) continue;
                    for (size_t r = 0; r < down; r++)
                        for (size_t s = 0; s < along; s++) {
                            const size_t y0 = r * codes.stride, x0 = s * codes.stride;
                            const size_t py = place / columns, px = place % columns;
                            if (py >= y0 && py < y0 + w && px >= x0 && px < x0 + w)
                                want[((b * 2 * DICTIONARY + k) * down + r) * along + s] +=
                                    1
                                    / (fmin((double)w, (double)(rows - y0))
                                       * fmin((double)w, (double)(columns - x0)));
                        }
                }
            }
        for (size_t k = 0; k < 2 * 2 * DICTIONARY * down * along; k++)
            CHECK_NEAR(got[k], want[k], 1e-5);
    }
    eg_tape_destroy(t);
}

/* A linear network: the map's sum is the score; and a layer of a network gets its dictionary. */
static void evidence_sums_to_the_score(void **state)
{
    (void)state;
    const eg_dataset set = pictures();
    const eg_task task = {
        .inputs = D, .height = H, .width = W, .channels = C, .classes = 3, .epochs = 1
    };
    eg_learner *l;
    static double map[H * W];
    double rest, sum = 0;
    float scores[3];
    CHECK_OK(eg_learner_create("{\"kind\": \"network\", \"layers\": [\"batch_norm\", {\"kind\": "
                               "\"conv2d\", \"channels\": 4}, {\"kind\": \"conv2d\", \"channels\": "
                               "3}, \"adaptive_pool2d\", \"flatten\"]}",
                               &task, 3, 1, NULL, &l));
    CHECK_OK(eg_evidence(l, x, C, 1, map, &rest));
    CHECK_OK(eg_learner_scores(l, x, 1, scores));
    for (size_t i = 0; i < H * W; i++) sum += map[i];
    CHECK_NEAR(rest, 0, 1e-5);
    CHECK_NEAR(sum, scores[1], 1e-5);
    CHECK_STATUS(eg_evidence(l, x, 5, 1, map, NULL), EG_ERR_INVALID);
    CHECK_STATUS(eg_evidence(l, x, C, 3, map, NULL), EG_ERR_INVALID);
    assert_int_equal(eg_patch_learner(l, &set, NULL), EG_NOT_FOUND);
    eg_learner_destroy(l);

    static float kernel[7 * C * 4], offset[14];
    eg_patch_options o = EG_PATCH_OPTIONS_INIT;
    CHECK_OK(eg_learner_create("{\"kind\": \"network\", \"layers\": [{\"kind\": \"patches\", "
                               "\"patches\": 7, \"side\": 2, \"name\": \"codes\"}, \"flatten\", "
                               "\"linear\"]}",
                               &task, 3, 1, NULL, &l));
    CHECK_OK(eg_patch_learner(l, &set, NULL));
    o.patches = 7;
    o.side = 2;
    CHECK_OK(eg_patch_dictionary(&set, &o, kernel, offset, NULL));
    const eg_param *p = eg_params_find(eg_learner_params(l), "codes.kernel");
    CHECK(p != NULL);
    CHECK_SAME_BITS(p->value, kernel, sizeof kernel);
    eg_learner_destroy(l);
}

/* Mirrored at 0, both offsets are -<k, p> / 2 for patches p themselves. */
static void patches_are_mirrored_at_zero(void **state)
{
    (void)state;
    const eg_dataset set = pictures();
    eg_patch_options o = EG_PATCH_OPTIONS_INIT;
    static float kernel[DICTIONARY * P], offset[2 * DICTIONARY];
    static float about[DICTIONARY * P], unused[2 * DICTIONARY];
    o.patches = DICTIONARY;
    o.side = SIDE;
    CHECK_OK(eg_patch_dictionary(&set, &o, about, unused, NULL));
    o.mirror_at_zero = 1;
    o.epsilon = INFINITY; /* no whitening: k is p */
    CHECK_OK(eg_patch_dictionary(&set, &o, kernel, offset, NULL));
    for (size_t n = 0; n < DICTIONARY; n++) {
        double square = 0;
        for (size_t i = 0; i < P; i++)
            square += (double)kernel[n * P + i] * (double)kernel[n * P + i];
        CHECK_NEAR(offset[n], -square / 2, 1e-5 * square);
        CHECK_NEAR(offset[DICTIONARY + n], -square / 2, 1e-5 * square);
    }
    /* whitened kernels of both differ by what is the same for all patches, W^2 mu */
    o.epsilon = 1e-3;
    CHECK_OK(eg_patch_dictionary(&set, &o, kernel, offset, NULL));
    for (size_t n = 1; n < DICTIONARY; n++)
        for (size_t i = 0; i < P; i++)
            CHECK_NEAR(kernel[n * P + i] - about[n * P + i], kernel[i] - about[i], 1e-4);
    CHECK(fabs((double)kernel[0] - (double)about[0]) > 1e-3);
}

static void misuse_is_refused(void **state)
{
    (void)state;
    eg_dataset set = pictures();
    static float kernel[2048 * 128], offset[4096], flat[D];
    eg_patch_options o = EG_PATCH_OPTIONS_INIT;
    o.side = 9;
    CHECK_STATUS(eg_patch_dictionary(&set, &o, kernel, offset, NULL), EG_ERR_INVALID);
    o.side = 3;
    o.epsilon = -1;
    CHECK_STATUS(eg_patch_dictionary(&set, &o, kernel, offset, NULL), EG_ERR_INVALID);
    o.epsilon = 0;
    set.x = flat;
    set.n = 1;
    CHECK_STATUS(eg_patch_dictionary(&set, &o, kernel, offset, NULL), EG_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(offsets_are_distances),
        cmocka_unit_test(codes_are_the_nearest),
        cmocka_unit_test(evidence_sums_to_the_score),
        cmocka_unit_test(patches_are_mirrored_at_zero),
        cmocka_unit_test(misuse_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
