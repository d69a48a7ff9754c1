/* The dense associative memory as a learner at work: n = 30 on many inputs against long double, the
 * same bits for any number of threads, what it learns, what it says of its memories. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <float.h>
#include <stdio.h>

#include "engram/dam.h"

static eg_learner *make(const char *spec, size_t inputs, size_t classes, int threads,
                        const eg_allocator *alloc)
{
    const eg_task task = { .inputs = inputs, .classes = classes, .epochs = 100 };
    eg_learner *l = NULL;
    CHECK_OK(eg_learner_create(spec, &task, 1, threads, alloc, &l));
    return l;
}

static float *values(eg_params *p, const char *name)
{
    const eg_param *found = eg_params_find(p, name);
    CHECK(found != NULL);
    return found->value;
}

static size_t wrong(eg_learner *l, const float *x, const int32_t *y, size_t n)
{
    const size_t c = eg_learner_task(l)->classes;
    float *z = malloc(n * c * sizeof *z);
    CHECK(z != NULL);
    CHECK_OK(eg_learner_scores(l, x, n, z));
    size_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        size_t best = 0;
        for (size_t a = 1; a < c; a++)
            if (z[i * c + a] > z[i * c + best]) best = a;
        bad += best != (size_t)y[i];
    }
    free(z);
    return bad;
}

/* ---- n = 30, D = 784 ---- */

enum { D = 784, H = 70, K = 10, B = 4 };

/* z in long double from the stored f32 numbers; bound: what an overlap wrong by sqrt(D) eps of its
 * terms, and powers wrong by 4 n eps, do to z. */
static long double exact(const float *xi, const float *classes, const float *x, size_t a,
                         double *bound)
{
    const long double t = 540, n = 30;
    long double z = 0;
    *bound = 0;
    for (size_t m = 0; m < H; m++, xi += D, classes += K) {
        long double s = 0, size = 0;
        for (size_t i = 0; i < D; i++) {
            s += (long double)xi[i] * (2 * (long double)x[i] - 1);
            size += fabsl((long double)xi[i] * (2 * (long double)x[i] - 1));
        }
        for (size_t g = 0; g < K; g++) s -= classes[g];
        const long double on = s + 2 * (long double)classes[a];
        const long double slope = n * (powl(on / t, n - 1) - powl(s / t, n - 1));
        z += powl(on / t, n) - powl(s / t, n);
        *bound += (double)(fabsl(slope) * size / t * 28 * FLT_EPSILON
                           + fabsl(slope * s / t) * 4 * FLT_EPSILON
                           + fabsl(powl(on / t, n) - powl(s / t, n)) * 120 * FLT_EPSILON);
    }
    return z;
}

static void test_order_30_is_exact_to_rounding(void **state)
{
    (void)state;
    eg_learner *l = make("{\"kind\": \"dam\", \"hidden\": 70, \"n\": 30, \"energy\": \"power\", "
                         "\"t_initial\": 540, \"mean\": -0.6}",
                         D, K, 1, NULL);
    static float x[B * D];
    float scores[B * K];
    eg_random_uniform(8, 8, 0, (size_t)B * D, x);
    for (size_t i = 0; i < (size_t)B * D; i++) x[i] *= (float)(i / D) / B; /* dark to grey */
    CHECK_OK(eg_learner_scores(l, x, B, scores));
    for (size_t i = 0; i < (size_t)B * K; i++) {
        double bound;
        const long double want =
            exact(values(eg_learner_params(l), "memories"), values(eg_learner_params(l), "classes"),
                  x + i / K * D, i % K, &bound);
        CHECK(bound < 1e-2 * fabs((double)want)); /* the bound says something */
        CHECK_NEAR(scores[i], want, bound);
    }
    eg_learner_destroy(l);
}

/* ---- threads, memory, failures ---- */

struct batch {
    float *x;
    int32_t *y;
    size_t n, d, k;
};

static struct batch draw_batch(size_t n, size_t d, size_t k)
{
    struct batch b = { malloc(n * d * sizeof(float)), malloc(n * sizeof(int32_t)), n, d, k };
    CHECK(b.x != NULL && b.y != NULL);
    eg_random_uniform(4, 4, 0, n * d, b.x);
    for (size_t i = 0; i < n; i++) b.y[i] = (int32_t)(i % k);
    return b;
}

static void free_batch(struct batch *b)
{
    free(b->x);
    free(b->y);
}

static uint64_t hash_after(const char *spec, const struct batch *b, int threads, float *dx)
{
    eg_learner *l = make(spec, b->d, b->k, threads, NULL);
    double loss;
    for (int i = 0; i < 2; i++) CHECK_OK(eg_learner_step(l, i, b->x, b->y, b->n, &loss));
    CHECK_OK(eg_learner_pullback(l, b->x, b->x, b->n, NULL, dx));
    const uint64_t hash =
        eg_params_hash(eg_learner_params(l)) ^ eg_params_hash(eg_learner_state(l));
    eg_learner_destroy(l);
    return hash;
}

static void test_threads_change_no_bit(void **state)
{
    (void)state;
    static const char *const spec[] = {
        "{\"kind\": \"dam\", \"hidden\": 2100, \"t_initial\": 600}",
        "{\"kind\": \"dam\", \"hidden\": 2100, \"n\": 20, \"t_initial\": 600, \"form\": \"dual\"}",
    };
    struct batch b = draw_batch(200, 2000, 10);
    float *one = malloc(b.n * b.d * sizeof *one), *two = malloc(b.n * b.d * sizeof *two);
    CHECK(one != NULL && two != NULL);
    for (size_t k = 0; k < sizeof spec / sizeof *spec; k++) {
        CHECK(hash_after(spec[k], &b, 1, one) == hash_after(spec[k], &b, 2, two));
        CHECK_SAME_BITS(one, two, b.n * b.d * sizeof *one);
    }
    free(one);
    free(two);
    free_batch(&b);
}

static void test_steady_state_allocates_nothing(void **state)
{
    (void)state;
    struct failing f = { .fail_at = SIZE_MAX };
    const eg_allocator a = failing_allocator(&f);
    struct batch b = draw_batch(40, 30, 3);
    eg_learner *l = make("{\"kind\": \"dam\", \"hidden\": 50}", 30, 3, 1, &a);
    double loss;
    float scores[40 * 3];
    CHECK_OK(eg_learner_step(l, 0, b.x, b.y, b.n, &loss));
    CHECK_OK(eg_learner_scores(l, b.x, b.n, scores));
    const size_t calls = f.calls;
    for (int i = 0; i < 5; i++) {
        CHECK_OK(eg_learner_step(l, i, b.x, b.y, b.n, &loss));
        CHECK_OK(eg_learner_scores(l, b.x, b.n, scores));
        CHECK_OK(eg_learner_pullback(l, b.x, scores, 3, NULL, b.x));
    }
    CHECK(f.calls == calls);
    eg_learner_destroy(l);
    CHECK(f.live == 0);
    free_batch(&b);
}

static void test_every_allocation_may_fail(void **state)
{
    (void)state;
    struct batch b = draw_batch(10, 8, 3);
    eg_status s = EG_ERR_NOMEM;
    for (size_t k = 0; s != EG_OK; k++) {
        struct failing f = { .fail_at = k };
        const eg_allocator a = failing_allocator(&f);
        const eg_task task = { .inputs = 8, .classes = 3, .epochs = 1 };
        eg_learner *l = NULL;
        eg_dam_memory memories[9];
        double loss;
        s = eg_learner_create("{\"kind\": \"dam\", \"hidden\": 9}", &task, 1, 1, &a, &l);
        if (s == EG_OK) s = eg_learner_step(l, 0, b.x, b.y, b.n, &loss);
        if (s == EG_OK) s = eg_dam_prototypes(l, b.x, b.n, NULL, memories, NULL);
        CHECK(s == EG_OK || s == EG_ERR_NOMEM);
        eg_learner_destroy(l);
        CHECK(f.live == 0);
    }
    free_batch(&b);
}

/* Overlaps beyond any temperature: (10^7)^60 exceeds even f64. */
static void test_divergence_is_named(void **state)
{
    (void)state;
    struct batch b = draw_batch(6, 100, 3);
    eg_learner *l = make("{\"kind\": \"dam\", \"hidden\": 5, \"n\": 60, \"scale\": 1000, "
                         "\"t_initial\": 0.001}",
                         100, 3, 1, NULL);
    double loss;
    CHECK_STATUS(eg_learner_step(l, 0, b.x, b.y, b.n, &loss), EG_ERR_DIVERGED);
    CHECK(strstr(eg_error_detail(), "memories") != NULL || strstr(eg_error_detail(), "loss"));
    eg_learner_destroy(l);
    free_batch(&b);
}

/* ---- what it learns ---- */

static void train(eg_learner *l, const struct batch *b, int steps)
{
    double loss;
    for (int i = 0; i < steps; i++) CHECK_OK(eg_learner_step(l, i, b->x, b->y, b->n, &loss));
}

static void test_xor(void **state)
{
    (void)state;
    static const char *const form[] = {
        "\"n\": 2, \"t_initial\": 2, \"t_final\": 2",
        "\"n\": 3, \"t_initial\": 3, \"t_final\": 3, \"energy\": \"power\"",
        "\"n\": 4, \"t_initial\": 2, \"t_final\": 2, \"form\": \"dual\"",
    };
    float x[] = { -1, -1, -1, 1, 1, -1, 1, 1 };
    int32_t y[] = { 0, 1, 1, 0 };
    const struct batch b = { x, y, 4, 2, 2 };
    for (size_t k = 0; k < sizeof form / sizeof *form; k++) {
        char spec[200];
        snprintf(spec, sizeof spec,
                 "{\"kind\": \"dam\", \"hidden\": 20, \"scale\": 1, \"offset\": 0, "
                 "\"rate\": 0.05, %s}",
                 form[k]);
        eg_learner *l = make(spec, 2, 2, 1, NULL);
        train(l, &b, 300);
        CHECK(wrong(l, x, y, 4) == 0);
        eg_learner_destroy(l);
    }
}

/* Inside or outside of a circle: no line separates the two. */
static void test_disc(void **state)
{
    (void)state;
    struct batch b = draw_batch(400, 2, 2);
    for (size_t i = 0; i < b.n; i++) {
        const float u = 2 * b.x[2 * i] - 1, v = 2 * b.x[2 * i + 1] - 1;
        b.y[i] = u * u + v * v < 0.5f;
    }
    eg_learner *l = make("{\"kind\": \"dam\", \"hidden\": 40, \"n\": 3, \"t_initial\": 6, "
                         "\"t_final\": 2, \"t_epochs\": 300, \"decay\": 0.99}",
                         2, 2, 1, NULL);
    train(l, &b, 400);
    const size_t bad = wrong(l, b.x, b.y, b.n);
    if (bad > 8) fail_msg("%zu of 400 points wrong, expected at most 8", bad);
    eg_learner_destroy(l);
    free_batch(&b);
}

/* Shipped digits: every fifth is tested on. */
static void split(const eg_dataset *set, struct batch *learn, struct batch *test)
{
    *learn = draw_batch(set->n, set->d, set->classes);
    *test = draw_batch(set->n, set->d, set->classes);
    learn->n = test->n = 0;
    for (size_t i = 0; i < set->n; i++) {
        struct batch *to = i % 5 == 0 ? test : learn;
        float *x = to->x + to->n * set->d;
        for (size_t j = 0; j < set->d; j++) x[j] = set->x[i * set->d + j] > 0;
        to->y[to->n++] = set->labels[i];
    }
}

static eg_learner *learn_digits(const char *spec, const struct batch *learn, int epochs)
{
    eg_learner *l = make(spec, learn->d, learn->k, 1, NULL);
    size_t order[2000];
    struct batch part = draw_batch(50, learn->d, learn->k);
    double loss;
    for (int e = 0; e < epochs; e++) {
        eg_random_permutation(9, (uint64_t)e, learn->n, order);
        for (size_t from = 0; from + part.n <= learn->n; from += part.n) {
            for (size_t i = 0; i < part.n; i++) {
                memcpy(part.x + i * part.d, learn->x + order[from + i] * part.d,
                       part.d * sizeof *part.x);
                part.y[i] = learn->y[order[from + i]];
            }
            CHECK_OK(eg_learner_step(l, e, part.x, part.y, part.n, &loss));
        }
    }
    free_batch(&part);
    return l;
}

static void check_digits(const char *spec, const struct batch *learn, const struct batch *test,
                         int epochs, double most)
{
    eg_learner *l = learn_digits(spec, learn, epochs);
    const double error = (double)wrong(l, test->x, test->y, test->n) / (double)test->n;
    print_message("%s: test error %.2f %%\n", spec, 100 * error);
    CHECK(error <= most);
    eg_learner_destroy(l);
}

static void test_semeion(void **state)
{
    (void)state;
    eg_dataset set;
    const eg_read_options o = EG_READ_OPTIONS_INIT;
    if (eg_catalogue_read("semeion", &o, &set) != EG_OK) {
        print_message("semeion is not at hand: %s\n", eg_error_detail());
        skip();
    }
    struct batch learn, test;
    split(&set, &learn, &test);
    eg_dataset_clear(&set);
    check_digits("{\"kind\": \"dam\", \"hidden\": 100, \"n\": 3, \"loss\": 4, \"t_initial\": 70, "
                 "\"t_final\": 30, \"t_epochs\": 20, \"momentum\": 0.9, \"rate\": 0.05, "
                 "\"decay\": 0.9}",
                 &learn, &test, 30, 0.1);
    check_digits("{\"kind\": \"dam\", \"hidden\": 100, \"n\": 20, \"loss\": 20, "
                 "\"t_initial\": 100, \"t_final\": 100, \"momentum\": 0.3, \"rate\": 0.05, "
                 "\"decay\": 0.95}",
                 &learn, &test, 50, 0.14);
    free_batch(&learn);
    free_batch(&test);
}

/* ---- memories ---- */

/* Three memories on two inputs, written by hand: what they are can be said without a computer. */
static void test_prototypes(void **state)
{
    (void)state;
    eg_learner *l = make("{\"kind\": \"dam\", \"hidden\": 3, \"n\": 2, \"energy\": \"power\", "
                         "\"scale\": 1, \"offset\": 0, \"t_initial\": 1}",
                         2, 2, 1, NULL);
    const float xi[] = { 1, 0, 0, 1, 0.5f, 0.5f }, classes[] = { 0.5f, -0.5f, -1, 1, 0.75f, 0.5f };
    const float x[] = { 0, 1, 1, 0, 3, 3, 0, 0 };
    memcpy(values(eg_learner_params(l), "memories"), xi, sizeof xi);
    memcpy(values(eg_learner_params(l), "classes"), classes, sizeof classes);
    eg_dam_memory m[3];
    size_t deciding[4];
    CHECK(eg_dam_count(l) == 3);
    CHECK_OK(eg_dam_prototypes(l, x, 4, NULL, m, deciding));
    CHECK(m[0].votes == 1 && m[0].most == 0 && m[0].nearest == 1);
    CHECK(m[1].votes == 1 && m[1].most == 1 && m[1].nearest == 0);
    CHECK(m[2].votes == 2 && m[2].most == 0 && m[2].nearest == 2);
    for (int i = 0; i < 3; i++) CHECK_NEAR(m[i].cosine, 1, 1e-6);

    /* Image (0, 1): s = 0, 1, -.75. Class 0: (s + 2 xi_0)^2 - s^2 = 1, 0, 0; class 1: 1, 8, -.5.
     * Class 1 wins by memory 1 alone, and above an eighth still; at a share of .12 by two. */
    CHECK(deciding[0] == 1);
    eg_dam_options o = EG_DAM_OPTIONS_INIT;
    o.share = 0.12;
    o.threshold = 0.6;
    CHECK_OK(eg_dam_prototypes(l, x, 4, &o, m, deciding));
    CHECK(deciding[0] == 2);
    CHECK(m[0].votes == 0 && m[1].votes == 1 && m[2].votes == 1);
    o.share = 1; /* nothing is above the largest */
    CHECK_OK(eg_dam_prototypes(l, x, 4, &o, m, deciding));
    CHECK(deciding[0] == 0);
    o.share = 1.5;
    CHECK_STATUS(eg_dam_prototypes(l, x, 4, &o, m, deciding), EG_ERR_INVALID);
    eg_learner_destroy(l);
    l = make("{\"kind\": \"local\", \"hidden\": 9}", 2, 2, 1, NULL);
    CHECK(eg_dam_count(l) == 0);
    CHECK_STATUS(eg_dam_prototypes(l, x, 4, NULL, m, deciding), EG_ERR_UNSUPPORTED);
    eg_learner_destroy(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order_30_is_exact_to_rounding),
        cmocka_unit_test(test_threads_change_no_bit),
        cmocka_unit_test(test_steady_state_allocates_nothing),
        cmocka_unit_test(test_every_allocation_may_fail),
        cmocka_unit_test(test_divergence_is_named),
        cmocka_unit_test(test_xor),
        cmocka_unit_test(test_disc),
        cmocka_unit_test(test_semeion),
        cmocka_unit_test(test_prototypes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
