/* Easy examples, sensitivities and critical samples against what can be counted or differenced. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "engram/memorised.h"
#include "engram/random.h"

enum { N = 60, D = 4, K = 3 };

static float x[N * D];
static int32_t y[N];
static const eg_dataset set = { .n = N, .d = D, .x = x, .labels = y, .classes = K };
static const eg_part all = { &set, NULL, N };
static const eg_task task = { .inputs = D, .classes = K, .epochs = 3 };

static void fill(void)
{
    eg_random_uniform(8, 0, 0, N * D, x);
    for (size_t i = 0; i < N; i++) y[i] = (int32_t)eg_random_below(8, 1, i, K);
}

static eg_learner *learner(const char *spec)
{
    eg_learner *l;
    CHECK_OK(eg_learner_create(spec, &task, 4, 1, NULL, &l));
    return l;
}

static const char linear[] = "{\"kind\": \"network\", \"layers\": [\"linear\"]}";
static const char deep[] = "{\"kind\": \"network\", \"hidden\": [12]}";

static double loss_at(eg_learner *l, const float *at, int32_t own)
{
    float s[K];
    double sum = 0;
    CHECK_OK(eg_learner_scores(l, at, 1, s));
    for (size_t c = 0; c < K; c++) sum += exp((double)s[c] - (double)s[own]);
    return log(sum);
}

/* |d l / d x|_1 by central differences, of a part whose examples come in another order. */
static void sensitivity_is_the_slope_of_the_loss(void **state)
{
    (void)state;
    const float h = 1.0F / 64;
    size_t index[N];
    double g[N];
    fill();
    for (size_t i = 0; i < N; i++) index[i] = N - 1 - i;
    const eg_part turned = { &set, index, N };
    eg_learner *l = learner(linear);
    CHECK_OK(eg_loss_sensitivity(l, &turned, g));
    for (size_t i = 0; i < N; i++) {
        double sum = 0;
        for (size_t j = 0; j < D; j++) {
            float at[D];
            memcpy(at, x + index[i] * D, sizeof at);
            at[j] += h;
            const double above = loss_at(l, at, y[index[i]]);
            at[j] -= 2 * h;
            sum += fabs((above - loss_at(l, at, y[index[i]])) / (2 * (double)h));
        }
        CHECK_NEAR(g[i], sum, 1e-3 * sum + 1e-5);
    }
    eg_learner_destroy(l);
}

/* The course is training and looking, in turn; means and Gini coefficients are of what was seen. */
static void the_course_is_training_and_looking(void **state)
{
    (void)state;
    double mean[N], gini[3], critical[3], now[N], sum[N] = { 0 }, copy[N], ratio;
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    fill();
    eg_learner *l = learner(deep), *twin = learner(deep);
    /* epochs: those of the task */
    CHECK_OK(eg_sensitivity_course(l, &all, &o, NULL, mean, gini, critical));
    for (size_t e = 0; e < 3; e++) {
        o.epochs = 1;
        o.seed = e;
        CHECK_OK(eg_train(twin, &all, NULL, &o, NULL));
        CHECK_OK(eg_loss_sensitivity(twin, &all, now));
        for (size_t i = 0; i < N; i++) sum[i] += now[i];
        for (size_t i = 0; i < N; i++) copy[i] = sum[i] / (double)(e + 1);
        CHECK_NEAR(gini[e], eg_gini(copy, N), 1e-12);
        CHECK_OK(eg_critical_samples(twin, &all, NULL, NULL, &ratio));
        CHECK_NEAR(critical[e], ratio, 0);
    }
    for (size_t i = 0; i < N; i++) CHECK_NEAR(mean[i], sum[i] / 3, 1e-12);
    eg_learner_destroy(l);
    eg_learner_destroy(twin);
}

/* Nearest neighbours of points that come twice, under two classes: of each pair all models are
 * right on one and wrong on the other, so that all can be counted. */
static void easy_examples_are_counted(void **state)
{
    (void)state;
    enum { TWINS = 8, T = 6 };
    uint32_t right[N];
    eg_ease e;
    eg_memorised_options o = EG_MEMORISED_OPTIONS_INIT;
    fill();
    for (size_t i = 0; i < TWINS; i++) {
        memcpy(x + (N - 1 - i) * D, x + i * D, D * sizeof *x);
        y[N - 1 - i] = (y[i] + 1) % K;
    }
    o.models = T;
    o.threads = 1;
    CHECK_OK(eg_easy_examples("{\"kind\": \"knn\", \"k\": 1}", &task, &all, &o, right, &e));
    const double p = 1 - (double)TWINS / N;
    for (size_t i = 0; i < TWINS; i++) CHECK(right[i] + right[N - 1 - i] == T);
    CHECK_NEAR(e.accuracy, p, 1e-12);
    CHECK_NEAR(e.always, p, 1e-12);
    CHECK_NEAR(e.never, 1 - p, 1e-12);
    CHECK_NEAR(e.deviation, sqrt(p * (1 - p)), 1e-12);
    CHECK_NEAR(e.null_always, pow(p, T), 1e-12);
    CHECK_NEAR(e.null_never, pow(1 - p, T), 1e-12);
    CHECK_NEAR(e.null_deviation, sqrt(p * (1 - p) / T), 1e-12);
    o.models = 1;
    CHECK_STATUS(eg_easy_examples(linear, &task, &all, &o, right, &e), EG_ERR_INVALID);
}

/* Models differ: each has a seed of its own. */
static void models_are_not_one_model(void **state)
{
    (void)state;
    uint32_t right[N];
    size_t between = 0;
    eg_ease e;
    eg_memorised_options o = EG_MEMORISED_OPTIONS_INIT;
    fill();
    o.models = 8;
    o.threads = 1;
    CHECK_OK(eg_easy_examples(deep, &task, &all, &o, right, &e));
    for (size_t i = 0; i < N; i++) between += right[i] > 0 && right[i] < 8;
    CHECK(between > 0 && e.deviation > 0 && e.null_always < 1);
}

/* Of a linear learner with answer a the nearest other answer lies at min (s_a - s_b) / |w_a -
 * w_b|_1 in the box's norm; the weights by differences of scores. */
static double distance(eg_learner *l, const float *at)
{
    float s[K], moved[K], w[D][K], step[D];
    double best = INFINITY;
    size_t a = 0;
    CHECK_OK(eg_learner_scores(l, at, 1, s));
    for (size_t c = 1; c < K; c++) a = s[c] > s[a] ? c : a;
    for (size_t j = 0; j < D; j++) {
        memcpy(step, at, sizeof step);
        step[j] += 1;
        CHECK_OK(eg_learner_scores(l, step, 1, moved));
        for (size_t c = 0; c < K; c++) w[j][c] = moved[c] - s[c];
    }
    for (size_t b = 0; b < K; b++) {
        double sum = 0;
        for (size_t j = 0; j < D; j++) sum += fabs((double)w[j][a] - (double)w[j][b]);
        if (b != a) best = fmin(best, ((double)s[a] - (double)s[b]) / sum);
    }
    return best;
}

static void critical_samples_lie_next_to_another_answer(void **state)
{
    (void)state;
    uint8_t critical[N];
    double ratio;
    size_t count = 0, near = 0;
    eg_attack_options o = EG_ATTACK_OPTIONS_INIT;
    fill();
    for (size_t i = 0; i < N * D; i++) x[i] = 0.3F + 0.4F * x[i]; /* the box is far */
    eg_learner *l = learner(linear);
    o.eps = 0.08;
    CHECK_OK(eg_critical_samples(l, &all, &o, critical, &ratio));
    for (size_t i = 0; i < N; i++) {
        const double d = distance(l, x + i * D);
        CHECK(critical[i] ? d <= o.eps * 1.001 : d >= o.eps * 0.9);
        count += critical[i];
        near += d <= o.eps;
    }
    CHECK(count > 0 && count < N && count <= near + 1);
    CHECK_NEAR(ratio, (double)count / N, 1e-15);
    eg_learner_destroy(l);
}

static void misuse_is_refused(void **state)
{
    (void)state;
    double g[N], ratio;
    eg_dataset bare = set;
    bare.labels = NULL;
    const eg_part part = { &bare, NULL, N };
    eg_learner *l = learner(linear);
    fill();
    CHECK_STATUS(eg_loss_sensitivity(l, &part, g), EG_ERR_INVALID);
    CHECK_STATUS(eg_critical_samples(l, &part, NULL, NULL, &ratio), EG_ERR_INVALID);
    bare = set;
    bare.d = D - 1;
    CHECK_STATUS(eg_loss_sensitivity(l, &part, g), EG_ERR_SHAPE);
    eg_learner_destroy(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sensitivity_is_the_slope_of_the_loss),
        cmocka_unit_test(the_course_is_training_and_looking),
        cmocka_unit_test(easy_examples_are_counted),
        cmocka_unit_test(models_are_not_one_model),
        cmocka_unit_test(critical_samples_lie_next_to_another_answer),
        cmocka_unit_test(misuse_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
