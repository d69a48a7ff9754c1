/* Layers for bags of sequences: what they compute by hand, and that what is not picked changes
 * nothing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "counted.h"
#include "engram/inspect.h"
#include "nn/egi_layer.h"

enum { L = 12, K = 2, BAGS = 3, ROWS = 23 };
static const size_t offset[BAGS + 1] = { 0, 1, 12, ROWS };
static const int32_t label[BAGS] = { 0, 1, 0 };

/* Sequences of 5 to L letters. */
static void draw(float *x)
{
    for (size_t r = 0; r < ROWS; r++) {
        const size_t n = 5 + (size_t)eg_random_below(5, 1, r, L - 4);
        for (size_t i = 0; i < L; i++)
            x[r * L + i] = i < n ? 1 + (float)eg_random_below(5, 2, r * L + i, 20) : 0;
    }
}

#define NET(settings)                                                                              \
    "{\"kind\": \"network\", \"optimiser\": {\"kind\": \"sgd\", \"rate\": 0.5}, \"layers\": ["     \
    "{\"kind\": \"bag_attention\", \"name\": \"pool\", \"hidden\": 6, \"layers\": [\"residues\", " \
    "{\"kind\": \"conv1d\", \"name\": \"conv\", \"channels\": 5, \"kernel\": 3, \"initialiser\": " \
    "\"lecun_normal\"}, {\"kind\": \"activation\", \"function\": \"selu\"}, "                      \
    "\"place_max\"]" settings "}, \"linear\"]}"

static eg_learner *made(const char *spec, eg_task task)
{
    eg_learner *l = NULL;
    CHECK_OK(eg_learner_create(spec, &task, 3, 1, NULL, &l));
    return l;
}

static eg_task task_of(void)
{
    return (eg_task){ .inputs = L, .classes = K, .epochs = 1, .bags = 1 };
}

static const float *param(eg_learner *l, const char *name)
{
    const eg_param *p = eg_params_find(eg_learner_params(l), name);
    if (p == NULL) fail_msg("no parameter %s", name);
    return p->value;
}

static double selu(double x)
{
    return 1.0507009873554805 * (x > 0 ? x : 1.6732632423543772 * (exp(x) - 1));
}

/* f of one row (5) and its logit, the long way. */
static double embed_by_hand(eg_learner *l, const float *x, double e[5])
{
    const float *w = param(l, "pool.conv.weight"), *b = param(l, "pool.conv.bias");
    double in[23][L] = { { 0 } };
    size_t n = 0;
    while (n < L && x[n] > 0) n++;
    for (size_t i = 0; i < n; i++) {
        const double u = (double)i / (double)(n - 1);
        in[(size_t)x[i] - 1][i] = 1;
        in[20][i] = u < 0.5 ? 1 - 2 * u : 0;
        in[21][i] = u < 0.5 ? 2 * u : 2 - 2 * u;
        in[22][i] = u > 0.5 ? 2 * u - 1 : 0;
    }
    for (size_t c = 0; c < 5; c++) {
        e[c] = -INFINITY;
        for (size_t i = 0; i + 3 <= L; i++) {
            double sum = (double)b[c];
            for (size_t k = 0; k < 23; k++)
                for (size_t j = 0; j < 3; j++)
                    sum += (double)w[(c * 23 + k) * 3 + j] * in[k][i + j];
            e[c] = fmax(e[c], selu(sum));
        }
    }
    double h[6], h2[6], z = (double)param(l, "pool.attention3.bias")[0];
    for (size_t i = 0; i < 6; i++) {
        h[i] = (double)param(l, "pool.attention1.bias")[i];
        for (size_t c = 0; c < 5; c++)
            h[i] += (double)param(l, "pool.attention1.weight")[i * 5 + c] * e[c];
        h[i] = selu(h[i]);
    }
    for (size_t i = 0; i < 6; i++) {
        h2[i] = (double)param(l, "pool.attention2.bias")[i];
        for (size_t j = 0; j < 6; j++)
            h2[i] += (double)param(l, "pool.attention2.weight")[i * 6 + j] * h[j];
        z += (double)param(l, "pool.attention3.weight")[i] * selu(h2[i]);
    }
    return z;
}

static void scores_and_weights_are_those_by_hand(void **state)
{
    (void)state;
    static const double shares[] = { 1, 0.3, 0.01 };
    float x[ROWS * L], got[BAGS * K], weights[ROWS];
    draw(x);
    for (size_t q = 0; q < EGI_COUNT(shares); q++) {
        char spec[800];
        snprintf(spec, sizeof spec, NET(", \"block\": 4, \"share\": %g"), shares[q]);
        eg_learner *l = made(spec, task_of());
        CHECK_OK(eg_learner_scores_bags(l, &(eg_examples){ x, offset, NULL, BAGS }, got));
        for (size_t b = 0; b < BAGS; b++) {
            const size_t n = offset[b + 1] - offset[b];
            double e[ROWS][5], z[ROWS], pooled[5] = { 0 }, sum = 0, most = -INFINITY;
            for (size_t i = 0; i < n; i++) z[i] = embed_by_hand(l, x + (offset[b] + i) * L, e[i]);
            const size_t keep = (size_t)ceil(shares[q] * (double)n);
            double all[ROWS];
            memcpy(all, z, sizeof all);
            for (size_t i = 0; i < n; i++) {
                size_t above = 0;
                for (size_t j = 0; j < n; j++) above += all[j] > all[i];
                if (above >= keep) z[i] = -INFINITY;
            }
            for (size_t i = 0; i < n; i++) most = fmax(most, z[i]);
            for (size_t i = 0; i < n; i++) sum += exp(z[i] - most);
            CHECK_OK(eg_learner_attention(l, "pool", x + offset[b] * L, n, weights));
            for (size_t i = 0; i < n; i++) {
                CHECK_NEAR((double)weights[i], exp(z[i] - most) / sum, 1e-5);
                for (size_t c = 0; c < 5; c++) pooled[c] += exp(z[i] - most) / sum * e[i][c];
            }
            for (size_t k = 0; k < K; k++) {
                double want = (double)param(l, "1.bias")[k];
                for (size_t c = 0; c < 5; c++)
                    want += (double)param(l, "1.weight")[k * 5 + c] * pooled[c];
                CHECK_NEAR((double)got[b * K + k], want, 1e-4);
            }
        }
        eg_learner_destroy(l);
    }
}

static double *after_step(const char *spec, const float *x, const size_t *rows, const int32_t *y,
                          size_t n, size_t *count)
{
    eg_learner *l = made(spec, task_of());
    double loss;
    CHECK_OK(eg_learner_step_bags(l, 0, &(eg_examples){ x, rows, y, n }, &loss));
    const eg_param *p;
    double *all = malloc(4096 * sizeof *all);
    *count = 0;
    for (size_t i = 0; (p = eg_params_at(eg_learner_params(l), i)) != NULL; i++)
        for (size_t j = 0; j < eg_shape_size(&p->shape); j++)
            all[(*count)++] = (double)((const float *)p->value)[j];
    eg_learner_destroy(l);
    return all;
}

/* A step sees the rows that are picked and no others: without them it has the same bits. */
static void what_is_not_picked_is_not_trained_on(void **state)
{
    (void)state;
    float x[ROWS * L], few[ROWS * L], weights[ROWS];
    draw(x);
    const char *spec = NET(", \"block\": 5, \"share\": 0.3"), *all = NET(", \"share\": 1");
    eg_learner *l = made(spec, task_of());
    size_t rows[BAGS + 1] = { 0 }, n = 0, m;
    for (size_t b = 0; b < BAGS; b++) {
        CHECK_OK(
            eg_learner_attention(l, "pool", x + offset[b] * L, offset[b + 1] - offset[b], weights));
        for (size_t i = offset[b]; i < offset[b + 1]; i++)
            if (weights[i - offset[b]] > 0) memcpy(few + n++ * L, x + i * L, L * sizeof *x);
        rows[b + 1] = n;
    }
    CHECK(rows[1] == 1 && rows[2] == 1 + 4 && rows[3] == 1 + 4 + 4); /* ceil(0.3 * 11) */
    double *a = after_step(spec, x, offset, label, BAGS, &n),
           *b = after_step(all, few, rows, label, BAGS, &m);
    CHECK(n == m);
    for (size_t i = 0; i < n; i++) CHECK_NEAR(a[i], b[i], 1e-6);
    free(a);
    free(b);
    eg_learner_destroy(l);
}

/* A step on bags of unequal sizes is the mean of the steps on each. */
static void a_step_is_the_mean_of_steps_on_each(void **state)
{
    (void)state;
    const char *spec = NET(", \"share\": 0.5");
    float x[ROWS * L];
    size_t n, m;
    draw(x);
    double *whole = after_step(spec, x, offset, label, BAGS, &n), *mean = calloc(n, sizeof *mean);
    for (size_t b = 0; b < BAGS; b++) {
        const size_t rows[2] = { 0, offset[b + 1] - offset[b] };
        double *one = after_step(spec, x + offset[b] * L, rows, label + b, 1, &m);
        for (size_t i = 0; i < n; i++) mean[i] += one[i] / BAGS;
        free(one);
    }
    for (size_t i = 0; i < n; i++) CHECK_NEAR(whole[i], mean[i], 3e-6);
    free(whole);
    free(mean);
}

/* Rows go block by block, and what a block computed is computed again on the way back: neither
 * changes a step, also where there are more parameters than a block that runs again can take. */
static void blocks_change_nothing(void **state)
{
    (void)state;
    static const char *const specs[][2] = {
        { NET(", \"share\": 1"), NET(", \"share\": 1, \"block\": 4") },
        { NET(", \"share\": 1, \"depth\": 7"), NET(", \"share\": 1, \"depth\": 7, \"block\": 3") },
        { NET(", \"share\": 1, \"block\": 20"), NET(", \"share\": 1, \"block\": 1") },
    };
    float x[ROWS * L];
    size_t n, m;
    draw(x);
    for (size_t k = 0; k < EGI_COUNT(specs); k++) {
        double *a = after_step(specs[k][0], x, offset, label, BAGS, &n),
               *b = after_step(specs[k][1], x, offset, label, BAGS, &m);
        CHECK(n == m);
        for (size_t i = 0; i < n; i++) CHECK_NEAR(a[i], b[i], 1e-6);
        free(a);
        free(b);
    }
}

/* Bytes that a learner holds at most in a step on `bags` bags of `rows` rows of `letters`. */
static size_t peak_of_step(const char *spec, size_t bags, size_t rows, size_t letters)
{
    const eg_task task = { .inputs = letters, .classes = K, .epochs = 1, .bags = 1 };
    struct counted memory = { 0, 0 };
    const eg_allocator alloc = { count_alloc, count_free, &memory };
    float *x = malloc(bags * rows * letters * sizeof *x);
    size_t begin[8] = { 0 };
    int32_t y[8];
    eg_learner *l = NULL;
    double loss;
    for (size_t i = 0; i < bags * rows * letters; i++) x[i] = 1 + (float)(i * 7 % 20);
    for (size_t b = 0; b < bags; b++) begin[b + 1] = begin[b] + rows, y[b] = (int32_t)b % K;
    CHECK_OK(eg_learner_create(spec, &task, 3, 1, &alloc, &l));
    CHECK_OK(eg_learner_step_bags(l, 0, &(eg_examples){ x, begin, y, bags }, &loss));
    eg_learner_destroy(l);
    free(x);
    CHECK(memory.live == 0);
    return memory.most;
}

/* A step takes the memory of one block and a few numbers of each row (its place, its letters, f, g
 * and their gradients), whatever the number of rows and bags, and however long the longest is. */
static void memory_is_that_of_one_block(void **state)
{
    (void)state;
    enum { FEW = 4096, SHORT = 20, LONG = 100, EACH = 400 };
    static const char *const shares[] = { NET(", \"share\": 1"), NET(", \"share\": 0.5") };
    for (size_t k = 0; k < EGI_COUNT(shares); k++) {
        const size_t once = peak_of_step(shares[k], 1, FEW, SHORT);
        const size_t more = peak_of_step(shares[k], 1, 3 * FEW, SHORT),
                     bags = peak_of_step(shares[k], 3, FEW, SHORT),
                     wide = peak_of_step(shares[k], 1, FEW, LONG);
        CHECK(once > (size_t)FEW / 2 * 23 * SHORT * sizeof(float)); /* one-hot: there is a block */
        if (more > once * (k + 1) + 2 * FEW * (size_t)EACH
            || bags > once * (k + 1) + 2 * FEW * (size_t)EACH)
            fail_msg("%zu bytes for %d rows, %zu for three times as many, %zu in three bags", once,
                     FEW, more, bags);
        if (wide > 2 * once * (k + 1) + FEW * (size_t)EACH)
            fail_msg("%zu bytes for rows of %d, %zu of %d", once, SHORT, wide, LONG);
    }
}

static void samples_are_drawn_anew_each_step(void **state)
{
    (void)state;
    float x[ROWS * L], first[BAGS * K], second[BAGS * K];
    draw(x);
    /* evaluation sees all rows: the same with and without a sample */
    eg_learner *a = made(NET(", \"sample\": 2"), task_of()), *b = made(NET(""), task_of());
    const eg_examples e = { x, offset, label, BAGS }, ask = { x, offset, NULL, BAGS };
    CHECK_OK(eg_learner_scores_bags(a, &ask, first));
    CHECK_OK(eg_learner_scores_bags(b, &ask, second));
    CHECK_SAME_BITS(first, second, sizeof first);
    double one, two;
    CHECK_OK(eg_learner_step_bags(a, 0, &e, &one));
    CHECK_OK(eg_learner_step_bags(b, 0, &e, &two));
    CHECK(one != two);
    eg_learner_destroy(a);
    eg_learner_destroy(b);
}

static void what_is_no_code_is_named(void **state)
{
    (void)state;
    float x[ROWS * L], z[BAGS * K];
    eg_learner *l = made(NET(""), task_of());
    const eg_examples ask = { x, offset, NULL, BAGS };
    static const float bad[] = { 21, 1.5f, -1 };
    for (size_t k = 0; k < EGI_COUNT(bad); k++) {
        draw(x);
        x[2 * L + 3] = bad[k];
        CHECK_STATUS(eg_learner_scores_bags(l, &ask, z), EG_ERR_INVALID);
        CHECK(strstr(eg_error_detail(), "place 3: ") != NULL);
        CHECK(strstr(eg_error_detail(), "expected a code in 1..20") != NULL);
    }
    draw(x);
    x[0] = 0; /* a letter after the end */
    CHECK_STATUS(eg_learner_scores_bags(l, &ask, z), EG_ERR_INVALID);
    eg_learner_destroy(l);
    const eg_task vectors = { .inputs = L, .classes = K, .epochs = 1 };
    CHECK_STATUS(eg_learner_create(NET(""), &vectors, 3, 1, NULL, &l), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "expected examples that are bags") != NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(scores_and_weights_are_those_by_hand),
        cmocka_unit_test(what_is_not_picked_is_not_trained_on),
        cmocka_unit_test(a_step_is_the_mean_of_steps_on_each),
        cmocka_unit_test(blocks_change_nothing),
        cmocka_unit_test(memory_is_that_of_one_block),
        cmocka_unit_test(samples_are_drawn_anew_each_step),
        cmocka_unit_test(what_is_no_code_is_named),
    };
    return cmocka_run_group_tests_name("repertoire_layers", tests, NULL, NULL);
}
