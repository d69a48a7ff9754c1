/* Scores of memorisation against probabilities counted for the nearest neighbour; networks that fit
 * any labels. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "engram/memorised.h"
#include "engram/random.h"

enum { N = 24, D = 3, CLASSES = 3, MODELS = 400 };

static const char nearest[] = "{\"kind\": \"knn\", \"k\": 1}";

static void make_set(eg_dataset *set, float *x, int32_t *y, uint64_t seed)
{
    eg_random_normal(seed, 0, 0, N * D, x);
    for (size_t i = 0; i < N; i++) y[i] = (int32_t)eg_random_below(seed, 1, i, CLASSES);
    *set = (eg_dataset){ .n = N, .d = D, .x = x, .labels = y, .classes = CLASSES };
}

static double square_of(const float *x, size_t i, size_t j)
{
    double sum = 0;
    for (size_t c = 0; c < D; c++) {
        const double by = (double)x[i * D + c] - (double)x[j * D + c];
        sum += by * by;
    }
    return sum;
}

/* P[the nearest of a subset of `taken` of the others has the label of i], i not in it: the t-th
 * nearest is the nearest where those before it are out and it is in. */
static double right_without(const float *x, const int32_t *y, size_t i, size_t taken)
{
    size_t order[N], n = 0;
    double p = 0, none = 1;
    for (size_t j = 0; j < N; j++) {
        size_t at = n;
        if (j == i) continue;
        for (; at > 0 && square_of(x, i, j) < square_of(x, i, order[at - 1]); at--)
            order[at] = order[at - 1];
        order[at] = j;
        n++;
    }
    for (size_t t = 0; t < n; t++) {
        const double in = (double)taken / (double)(n - t); /* given that all before are out */
        p += none * fmin(in, 1) * (y[order[t]] == y[i]);
        none *= 1 - fmin(in, 1);
    }
    return p;
}

static void nearest_neighbours_are_counted(void **state)
{
    (void)state;
    float x[N * D], other[2 * D];
    int32_t y[N], labels[2] = { 0, 1 };
    double memorised[N], error[N], influence[N * 2], worst = 0;
    eg_dataset set, more = { .n = 2, .d = D, .x = other, .labels = labels, .classes = CLASSES };
    eg_memorised_options o = EG_MEMORISED_OPTIONS_INIT;
    const eg_task task = { .inputs = D, .classes = CLASSES, .epochs = 1 };
    make_set(&set, x, y, 5);
    memcpy(other, x, D * sizeof *x); /* the first example, right and wrong */
    memcpy(other + D, x, D * sizeof *x);
    labels[0] = y[0];
    labels[1] = (y[0] + 1) % CLASSES;
    const eg_part train = { &set, NULL, N }, test = { &more, NULL, 2 };
    o.models = MODELS;
    o.share = 0.5;
    o.threads = 1;
    assert_int_equal(eg_memorised(nearest, &task, &train, &test, &o, memorised, error, influence),
                     EG_OK);
    for (size_t i = 0; i < N; i++) {
        const double exact = 1 - right_without(x, y, i, N / 2);
        assert_true(fabs(memorised[i] - exact) < 4 * error[i]);
        worst = fmax(worst, fabs(memorised[i] - exact));
        assert_true(error[i] > 0.045 && error[i] < 0.056);
    }
    assert_true(worst > 0); /* estimates, not the formula */
    assert_true(fabs(influence[0] - memorised[0]) < 1e-12);
    assert_true(influence[1] <= 0);
}

static void options_are_checked(void **state)
{
    (void)state;
    float x[N * D];
    int32_t y[N];
    double memorised[N], error[N];
    eg_dataset set;
    eg_memorised_options o = EG_MEMORISED_OPTIONS_INIT;
    const eg_task task = { .inputs = D, .classes = CLASSES, .epochs = 1 };
    make_set(&set, x, y, 5);
    const eg_part train = { &set, NULL, N };
    o.share = 0.999;
    assert_int_equal(eg_memorised(nearest, &task, &train, NULL, &o, memorised, error, NULL),
                     EG_ERR_INVALID);
    assert_non_null(strstr(eg_error_detail(), "a share of 0.999 of 24 examples is 24"));
    o.share = 0.5;
    o.models = 1;
    assert_int_equal(eg_memorised(nearest, &task, &train, NULL, &o, memorised, error, NULL),
                     EG_ERR_INVALID);
    o.models = 4;
    set.labels = NULL;
    assert_int_equal(eg_memorised(nearest, &task, &train, NULL, &o, memorised, error, NULL),
                     EG_ERR_INVALID);
}

static void any_labels_are_fitted(void **state)
{
    (void)state;
    enum { MANY = 200 };
    static float x[MANY * D];
    double y[MANY], a[D], b[MANY], w[MANY];
    eg_fitting_net net = { MANY, D, a, b, w };
    eg_random_normal(7, 0, 0, MANY * D, x);
    for (size_t i = 0; i < MANY; i++) y[i] = (double)eg_random_below(7, 1, i, 10);
    assert_int_equal(eg_fitting_net_make(x, y, 3, NULL, &net), EG_OK);
    for (size_t i = 0; i < MANY; i++)
        assert_true(fabs(eg_fitting_net_value(&net, x + i * D) - y[i]) < 1e-6);
    memcpy(x, x + D, D * sizeof *x);
    assert_int_equal(eg_fitting_net_make(x, y, 3, NULL, &net), EG_ERR_INVALID);
}

static void unevenness_is_the_double_sum(void **state)
{
    (void)state;
    double v[50], one[8] = { 0, 0, 3, 0, 0, 0, 0, 0 }, same[3] = { 2, 2, 2 }, bad[2] = { 1, -1 };
    double sum = 0, all = 0;
    for (size_t i = 0; i < 50; i++) v[i] = (double)eg_random_below(3, 3, i, 1000);
    for (size_t i = 0; i < 50; i++)
        for (size_t j = 0; j < 50; j++) sum += fabs(v[i] - v[j]);
    for (size_t i = 0; i < 50; i++) all += v[i];
    assert_true(fabs(eg_gini(v, 50) - sum / (2 * 50 * all)) < 1e-14);
    assert_true(fabs(eg_gini(one, 8) - 7 / 8.0) < 1e-15);
    assert_true(fabs(eg_gini(same, 3)) < 1e-15);
    assert_true(isnan(eg_gini(bad, 2)) && isnan(eg_gini(v, 0)));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nearest_neighbours_are_counted),
        cmocka_unit_test(options_are_checked),
        cmocka_unit_test(any_labels_are_fitted),
        cmocka_unit_test(unevenness_is_the_double_sum),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
