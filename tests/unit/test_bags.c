/* Networks whose examples are bags: what is padded changes nothing, the order of the rows of a bag
 * neither, and what pools has its definition. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

#include "check.h"
#include "nn/egi_bags.h"

enum { D = 6, K = 3, BAGS = 4, ROWS = 11 };
static const size_t offset[BAGS + 1] = { 0, 1, 6, 8, ROWS };
static const int32_t label[BAGS] = { 2, 0, 1, 0 };

static const eg_task task = { .inputs = D, .classes = K, .epochs = 1, .bags = 1 };

#define BEFORE "{\"kind\": \"network\", \"optimiser\": {\"kind\": \"sgd\", \"rate\": 0.5}, "
#define LAYERS(inside) \
    BEFORE "\"layers\": [{\"kind\": \"linear\", \"units\": 5}, " inside ", \"linear\"]}"
#define POOL(settings)                                                     \
    "{\"kind\": \"hopfield_pooling\", \"num_heads\": 2, \"hidden_size\": " \
    "3, \"quantity\": 2, \"initialiser\": \"xavier_uniform\"" settings "}"

static const char *const specs[] = {
    LAYERS(POOL("")),
    LAYERS(POOL(", \"update_steps_max\": 2, \"fused\": false")),
    LAYERS(POOL(", \"pattern_projection_as_connected\": true, \"concat_bias_pattern\": true")),
    LAYERS("{\"kind\": \"hopfield_pooling\", \"stored_pattern_as_static\": true}"),
    LAYERS(POOL(", \"separation\": \"entmax\", \"order\": 1.5")),
    LAYERS("{\"kind\": \"bag_pool\"}"),
    LAYERS("{\"kind\": \"bag_pool\", \"how\": \"max\"}"),
    LAYERS("{\"kind\": \"hopfield\", \"initialiser\": \"xavier_uniform\"}, \"activation\", "
           "\"bag_pool\""),
    BEFORE "\"clip_norm\": 1000, \"hidden\": [7]}",
    BEFORE "\"hidden\": [7], \"pooling\": {\"kind\": \"bag_pool\", \"how\": \"max\"}}",
};

static eg_learner *made(const char *spec)
{
    eg_learner *l = NULL;
    CHECK_OK(eg_learner_create(spec, &task, 3, 1, NULL, &l));
    return l;
}

static void draw(float *x)
{
    eg_random_normal(11, 0, 0, ROWS * D, x);
}

static eg_examples some(const float *x, const size_t *rows, const int32_t *y, size_t n)
{
    return (eg_examples){ x, rows, y, n };
}

/* The parameters after one step on bags first..first + n. */
static double *after_step(const char *spec, const float *x, size_t first, size_t n, size_t *count)
{
    eg_learner *l = made(spec);
    size_t rows[BAGS + 1];
    double loss;
    for (size_t i = 0; i <= n; i++) rows[i] = offset[first + i] - offset[first];
    const eg_examples e = some(x + offset[first] * D, rows, label + first, n);
    CHECK_OK(eg_learner_step_bags(l, 0, &e, &loss));
    CHECK(isfinite(loss));
    const eg_param *p;
    *count = 0;
    for (size_t i = 0; (p = eg_params_at(eg_learner_params(l), i)) != NULL; i++)
        *count += eg_shape_size(&p->shape);
    double *all = malloc(*count * sizeof *all);
    size_t at = 0;
    for (size_t i = 0; (p = eg_params_at(eg_learner_params(l), i)) != NULL; i++)
        for (size_t j = 0; j < eg_shape_size(&p->shape); j++)
            all[at++] = (double)((const float *)p->value)[j];
    eg_learner_destroy(l);
    return all;
}

/* A step on four bags of unequal sizes is the mean of the steps on each, where nothing is padded.
 */
static void a_step_is_the_mean_of_steps_on_each(void **state)
{
    (void)state;
    float x[ROWS * D];
    draw(x);
    for (size_t k = 0; k < EGI_COUNT(specs); k++) {
        size_t count, same;
        double *whole = after_step(specs[k], x, 0, BAGS, &count), moved = 0;
        double *mean = calloc(count, sizeof *mean);
        for (size_t b = 0; b < BAGS; b++) {
            double *one = after_step(specs[k], x, b, 1, &same);
            for (size_t j = 0; j < count; j++) mean[j] += one[j] / BAGS;
            if (b == 0)
                for (size_t j = 0; j < count; j++) moved = fmax(moved, fabs(one[j] - whole[j]));
            free(one);
        }
        for (size_t j = 0; j < count; j++)
            if (!(fabs(whole[j] - mean[j]) < 2e-6))
                fail_msg("%s: parameter %zu: %g, the mean of steps is %g", specs[k], j, whole[j],
                         mean[j]);
        CHECK(moved > 1e-3); /* bags do differ */
        free(whole);
        free(mean);
    }
}

static void scores_do_not_depend_on_order_or_neighbours(void **state)
{
    (void)state;
    float x[ROWS * D], turned[ROWS * D], all[BAGS * K], one[K];
    draw(x);
    for (size_t b = 0; b < BAGS; b++)
        for (size_t i = offset[b]; i < offset[b + 1]; i++)
            memcpy(turned + i * D, x + (offset[b] + offset[b + 1] - 1 - i) * D, D * sizeof *x);
    for (size_t k = 0; k < EGI_COUNT(specs); k++) {
        eg_learner *l = made(specs[k]);
        const eg_examples e = some(x, offset, NULL, BAGS);
        CHECK_OK(eg_learner_scores_bags(l, &e, all));
        for (size_t b = 0; b < BAGS; b++) {
            const size_t rows[2] = { 0, offset[b + 1] - offset[b] };
            const eg_examples alone = some(x + offset[b] * D, rows, NULL, 1),
                              back = some(turned + offset[b] * D, rows, NULL, 1);
            CHECK_OK(eg_learner_scores_bags(l, &alone, one));
            CHECK_SAME_BITS(one, all + b * K, sizeof one);
            CHECK_OK(eg_learner_scores_bags(l, &back, one));
            for (int c = 0; c < K; c++) CHECK_NEAR(one[c], all[b * K + (size_t)c], 1e-5);
        }
        eg_learner_destroy(l);
    }
}

/* Mean and maximum of rows that a layer before has left alone. */
static void pools_are_mean_and_maximum(void **state)
{
    (void)state;
    static const char *const how[] = { "mean", "max" };
    const eg_task same = { .inputs = K, .classes = K, .epochs = 1, .bags = 1 };
    const size_t rows[3] = { 0, 2, 5 };
    const float x[5 * K] = { 1, -2, 3, 2, -4, 5, -1, -1, -1, 0, -3, 2, -8, -7, 6 };
    const float want[2][2 * K] = { { 1.5f, -3, 4, -3, -11 / 3.0f, 7 / 3.0f },
                                   { 2, -2, 5, 0, -1, 6 } };
    for (int k = 0; k < 2; k++) {
        char spec[200];
        float z[2 * K];
        eg_learner *l = NULL;
        snprintf(spec, sizeof spec,
                 "{\"kind\": \"network\", \"layers\": [{\"kind\": \"bag_pool\", \"how\": \"%s\"}, "
                 "{\"kind\": \"linear\", \"bias\": false, \"name\": \"out\"}]}",
                 how[k]);
        CHECK_OK(eg_learner_create(spec, &same, 1, 1, NULL, &l));
        float *w = eg_params_find(eg_learner_params(l), "out.weight")->value;
        for (int i = 0; i < K * K; i++) w[i] = i % (K + 1) == 0 ? 1 : 0;
        CHECK_OK(eg_learner_scores_bags(l, &(eg_examples){ x, rows, NULL, 2 }, z));
        for (int i = 0; i < 2 * K; i++) CHECK_NEAR(z[i], want[k][i], 1e-6);
        eg_learner_destroy(l);
    }
}

/* Rows hidden in training: the share that is asked for, never all of a bag, in evaluation none. */
static void dropped_rows_are_a_share_and_never_all(void **state)
{
    (void)state;
    enum { BIG = 400 };
    static const size_t sizes[3] = { 0, 1, 1 + BIG };
    struct egi_scope s = { .mode = EGI_TRAIN,
                           .alloc = eg_allocator_default(),
                           .dtype = EG_F32,
                           .offset = sizes,
                           .bags = 2 };
    CHECK_OK(eg_tape_create(1, NULL, &s.t));
    for (size_t step = 0; step < 20; step++) {
        s.step = step;
        eg_tape_reset(s.t);
        eg_var padding = egi_bags_padding(&s, 0.75);
        const float *hidden = eg_tape_value(s.t, padding);
        double some_hidden = 0;
        CHECK(hidden[0] == 0 && hidden[1] == 1 && hidden[BIG - 1] == 1);
        for (size_t i = 0; i < BIG; i++) some_hidden += (double)hidden[BIG + i];
        CHECK_NEAR(some_hidden / BIG, 0.75, 0.1);
        s.mode = EGI_EVALUATE;
        padding = egi_bags_padding(&s, 0.75);
        hidden = eg_tape_value(s.t, padding);
        for (size_t i = 0; i < BIG; i++) CHECK(hidden[BIG + i] == 0);
        s.mode = EGI_TRAIN;
    }
    eg_tape_destroy(s.t);
}

/* Mean, least and largest of each column of each bag, (BAGS, 3 D). */
static void statistics_of(const float *x, float *to)
{
    for (size_t b = 0; b < BAGS; b++)
        for (size_t j = 0; j < D; j++) {
            double sum = 0, least = INFINITY, largest = -INFINITY;
            for (size_t i = offset[b]; i < offset[b + 1]; i++) {
                const double v = (double)x[i * D + j];
                sum += v / (double)(offset[b + 1] - offset[b]);
                least = fmin(least, v);
                largest = fmax(largest, v);
            }
            to[b * 3 * D + j] = (float)sum;
            to[b * 3 * D + D + j] = (float)least;
            to[b * 3 * D + 2 * D + j] = (float)largest;
        }
}

static void learn(eg_learner *l, const eg_examples *e)
{
    double loss;
    if (eg_learner_fits(l))
        CHECK_OK(eg_learner_fit(l, e));
    else if (e->offset != NULL)
        CHECK_OK(eg_learner_step_bags(l, 0, e, &loss));
    else
        CHECK_OK(eg_learner_step(l, 0, e->x, e->y, e->n, &loss));
}

/* Every kind that sees vectors alone: the same bits as that of the statistics, also from a file. */
static void other_kinds_see_statistics(void **state)
{
    (void)state;
    const eg_task vectors = { .inputs = 3 * D, .classes = K, .epochs = 1 };
    float x[ROWS * D], by[BAGS * 3 * D], got[BAGS * K], want[BAGS * K];
    const eg_learner_kind *kind;
    const char *folder = getenv("EG_TEST_TMP");
    char path[512];
    size_t kinds = 0;
    draw(x);
    statistics_of(x, by);
    snprintf(path, sizeof path, "%s/bags.safetensors", folder != NULL ? folder : ".");
    for (size_t row = 0; (kind = eg_learner_kind_at(row)) != NULL; row++) {
        char spec[80];
        eg_learner *bags = NULL, *plain = NULL;
        const eg_examples e = some(x, offset, label, BAGS), ask = some(x, offset, NULL, BAGS),
                          v = some(by, NULL, label, BAGS);
        if (strcmp(kind->name, "network") == 0 || strcmp(kind->name, "knn") == 0) continue;
        snprintf(spec, sizeof spec, "{\"kind\": \"%s\"}", kind->name);
        const eg_status made_it = eg_learner_create(spec, &vectors, 3, 1, NULL, &plain);
        if (made_it == EG_ERR_UNSUPPORTED) continue; /* built without its library */
        CHECK_OK(made_it);
        CHECK_OK(eg_learner_create(spec, &task, 3, 1, NULL, &bags));
        CHECK(eg_learner_task(bags)->bags == 1 && eg_learner_task(bags)->inputs == D);
        learn(bags, &e);
        learn(plain, &v);
        CHECK_OK(eg_learner_scores_bags(bags, &ask, got));
        CHECK_OK(eg_learner_scores(plain, by, BAGS, want));
        CHECK_SAME_BITS(got, want, sizeof got);
        CHECK_STATUS(eg_learner_scores(bags, by, BAGS, want), EG_ERR_INVALID);
        CHECK_OK(eg_learner_save(bags, path));
        eg_learner_destroy(bags);
        CHECK_OK(eg_learner_open(path, 1, NULL, &bags));
        CHECK_OK(eg_learner_scores_bags(bags, &ask, want));
        CHECK_SAME_BITS(got, want, sizeof got);
        eg_learner_destroy(bags);
        eg_learner_destroy(plain);
        kinds++;
    }
    CHECK(kinds >= 6);
    unlink(path);
}

static void what_does_not_fit_says_so(void **state)
{
    (void)state;
    static const struct {
        const char *spec, *words;
        int bags;
    } rows[] = {
        { LAYERS("\"bag_pool\""), "expected examples that are bags", 0 },
        { BEFORE "\"hidden\": [4], \"pooling\": \"bag_pool\"}", "pooling: of examples that are",
          0 },
        { LAYERS("\"bag_pool\", \"bag_pool\""), "bag_pool: expected the", 1 },
        { LAYERS("{\"kind\": \"hopfield_layer\", \"quantity\": 3}"), "the last gives (2, ",
          1 }, /* rows, not bags */
    };
    for (size_t k = 0; k < EGI_COUNT(rows); k++) {
        eg_task t = task;
        eg_learner *l = NULL;
        t.bags = (size_t)rows[k].bags;
        eg_status s = eg_learner_create(rows[k].spec, &t, 3, 1, NULL, &l);
        if (s == EG_OK || strstr(eg_error_detail(), rows[k].words) == NULL)
            fail_msg("%s: %s: %s", rows[k].spec, eg_status_name(s), eg_error_detail());
        eg_learner_destroy(l);
    }
    eg_learner *l = made(specs[0]);
    float x[ROWS * D], z[BAGS * K];
    const size_t empty[3] = { 0, 2, 2 };
    draw(x);
    CHECK_STATUS(eg_learner_scores_bags(l, &(eg_examples){ x, empty, NULL, 2 }, z), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "bag 1 is empty") != NULL);
    x[3] = NAN;
    CHECK_STATUS(eg_learner_scores_bags(l, &(eg_examples){ x, offset, NULL, BAGS }, z),
                 EG_ERR_INVALID);
    eg_learner_destroy(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_is_the_mean_of_steps_on_each),
        cmocka_unit_test(scores_do_not_depend_on_order_or_neighbours),
        cmocka_unit_test(pools_are_mean_and_maximum),
        cmocka_unit_test(dropped_rows_are_a_share_and_never_all),
        cmocka_unit_test(other_kinds_see_statistics),
        cmocka_unit_test(what_does_not_fit_says_so),
    };
    return cmocka_run_group_tests_name("bags", tests, NULL, NULL);
}
