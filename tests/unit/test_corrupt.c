/* Corruptions: what each does, in closed form or within the error of its draws. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/egi_base.h"
#include "check.h"

enum { N = 50, H = 21, W = 17, C = 3, D = C * H * W };

static float x[N * D], y[N * D], z[N * D];

static eg_corrupt_options corrupt(const char *name, double amount)
{
    eg_corrupt_options o = EG_CORRUPT_OPTIONS_INIT;
    CHECK(eg_corrupt_find(name) >= 0);
    o.row = (size_t)eg_corrupt_find(name);
    o.amount = amount;
    o.height = H;
    o.width = W;
    o.channels = C;
    return o;
}

static void fill(float v)
{
    for (size_t i = 0; i < N * D; i++) x[i] = v;
}

static void noise_has_its_deviation(void **state)
{
    (void)state;
    eg_corrupt_options o = corrupt("noise", 0.5);
    o.lo = -10;
    o.hi = 10;
    fill(1);
    CHECK_OK(eg_corrupt_apply(x, N, D, &o, y));
    double mean = 0, square = 0;
    for (size_t i = 0; i < N * D; i++) {
        mean += ((double)y[i] - 1) / (N * D);
        square += pow((double)y[i] - 1, 2) / (N * D);
    }
    CHECK_NEAR(mean, 0, 4 * 0.5 / sqrt(N * D));
    CHECK_NEAR(square, 0.25, 4 * 0.25 * sqrt(2.0 / (N * D)));
    o.lo = 0.9;
    o.hi = 1.1; /* the box is kept */
    CHECK_OK(eg_corrupt_apply(x, N, D, &o, y));
    for (size_t i = 0; i < N * D; i++) CHECK(y[i] >= 0.9f && y[i] <= 1.1f);
}

static void blur_spreads_a_point_by_its_deviation(void **state)
{
    (void)state;
    eg_corrupt_options o = corrupt("blur", 1);
    fill(0.7f); /* what is even stays so, at the edges too */
    CHECK_OK(eg_corrupt_apply(x, N, D, &o, y));
    for (size_t i = 0; i < N * D; i++) CHECK_NEAR(y[i], 0.7, 1e-6);
    fill(0);
    x[H * W + 10 * W + 8] = 1; /* the middle of the second channel */
    CHECK_OK(eg_corrupt_apply(x, 1, D, &o, y));
    double sum = 0, across = 0, down = 0;
    for (size_t i = 0; i < D; i++) {
        CHECK(i / (H * W) == 1 || y[i] == 0);
        sum += (double)y[i];
        across += (double)y[i] * pow((double)(i % W) - 8, 2);
        down += (double)y[i] * pow((double)(i / W % H) - 10, 2);
    }
    CHECK_NEAR(sum, 1, 1e-6);
    CHECK_NEAR(across, 1, 0.05); /* cut at three deviations */
    CHECK_NEAR(down, across, 1e-6);
    o.amount = 0;
    CHECK_OK(eg_corrupt_apply(x, 1, D, &o, y));
    CHECK_SAME_BITS(x, y, D * sizeof *x);
}

static void occlusion_hides_one_rectangle(void **state)
{
    (void)state;
    eg_corrupt_options o = corrupt("occlusion", 0.25);
    size_t apart = 0, last = 0; /* rectangles in rows near the one before, columns far from it */
    fill(0);
    CHECK_OK(eg_corrupt_apply(x, N, D, &o, y));
    for (size_t i = 0; i < N; i++) {
        size_t hidden = 0, first = SIZE_MAX;
        for (size_t j = 0; j < D; j++) {
            CHECK(y[i * D + j] == 0 || y[i * D + j] == 0.5f);
            hidden += y[i * D + j] != 0;
            if (first == SIZE_MAX && y[i * D + j] != 0) first = j;
            CHECK(y[i * D + j] == y[i * D + j % (H * W)]); /* the same in every channel */
        }
        CHECK(hidden == C * 10 * 8); /* halves of 21 and 17, rounded to even */
        const long down = labs((long)(first / W) - (long)(last / W)),
                   across = labs((long)(first % W) - (long)(last % W));
        apart += i > 0 && down <= 1 && across >= 3;
        last = first;
    }
    CHECK(apart > 0);
    o.height = o.width = o.channels = 0; /* no image: a run of numbers */
    CHECK_OK(eg_corrupt_apply(x, 1, D, &o, y));
    size_t hidden = 0;
    for (size_t j = 0; j < D; j++) hidden += y[j] != 0;
    CHECK(hidden == (size_t)lrint(D * 0.25));
    o.amount = 1;
    CHECK_OK(eg_corrupt_apply(x, 1, D, &o, y));
    for (size_t j = 0; j < D; j++) CHECK(y[j] == 0.5f);
}

static void flips_mirror_a_share_of_the_pixels(void **state)
{
    (void)state;
    eg_corrupt_options o = corrupt("flip", 0.2);
    o.lo = -1;
    o.hi = 2;
    fill(-0.5f);
    CHECK_OK(eg_corrupt_apply(x, N, D, &o, y));
    double flipped = 0;
    for (size_t i = 0; i < N * D; i++) {
        CHECK(y[i] == -0.5f || y[i] == 1.5f);
        flipped += y[i] > 0;
    }
    CHECK_NEAR(flipped / (N * D), 0.2, 4 * sqrt(0.16 / (N * D)));
}

static void images_do_not_hear_of_each_other(void **state)
{
    (void)state;
    eg_random_uniform(1, 0, 0, N * D, x);
    for (size_t row = 0; eg_corrupt_row(row) != NULL; row++) {
        eg_corrupt_options o = corrupt(eg_corrupt_row(row)->name, 0.3);
        CHECK_OK(eg_corrupt_apply(x, N, D, &o, y));
        const uint64_t index = 17;
        o.index = &index;
        memcpy(z, x + 17 * D, D * sizeof *z);
        CHECK_OK(eg_corrupt_apply(z, 1, D, &o, z)); /* in place */
        CHECK_SAME_BITS(z, y + 17 * D, D * sizeof *z);
        o.seed = 1;
        CHECK_OK(eg_corrupt_apply(x + 17 * D, 1, D, &o, z));
        const int draws = strcmp(eg_corrupt_row(row)->name, "blur") != 0;
        CHECK((memcmp(z, y + 17 * D, D * sizeof *z) != 0) == draws);
    }
}

static void bad_input_is_named(void **state)
{
    (void)state;
    eg_corrupt_options o = corrupt("flip", 1.5);
    CHECK_STATUS(eg_corrupt_apply(x, N, D, &o, y), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "amount = 1.5 of flip, expected 0..1") != NULL);
    o = corrupt("noise", NAN);
    CHECK_STATUS(eg_corrupt_apply(x, N, D, &o, y), EG_ERR_INVALID);
    o = corrupt("blur", 1);
    o.channels = 2;
    CHECK_STATUS(eg_corrupt_apply(x, N, D, &o, y), EG_ERR_SHAPE);
    o.height = o.width = o.channels = 0;
    CHECK_STATUS(eg_corrupt_apply(x, N, D, &o, y), EG_ERR_UNSUPPORTED);
    o = corrupt("noise", 1);
    o.hi = o.lo;
    CHECK_STATUS(eg_corrupt_apply(x, N, D, &o, y), EG_ERR_INVALID);
    o.row = 99;
    CHECK_STATUS(eg_corrupt_apply(x, N, D, &o, y), EG_ERR_INVALID);
    CHECK(eg_corrupt_find("none") == -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(noise_has_its_deviation),
        cmocka_unit_test(blur_spreads_a_point_by_its_deviation),
        cmocka_unit_test(occlusion_hides_one_rectangle),
        cmocka_unit_test(flips_mirror_a_share_of_the_pixels),
        cmocka_unit_test(images_do_not_hear_of_each_other),
        cmocka_unit_test(bad_input_is_named),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
