/* The baselines against other ways to compute them: votes and means by loops, a support vector
 * machine by its optimality conditions, trees by trying every cut, a Newton step by hand, the
 * read-out of K-means by its normal equations. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "train_check.h"

enum { N = TRAIN_N, D = TRAIN_D, K = TRAIN_K };

static eg_learner *fitted(const char *spec, size_t classes, const eg_examples *e)
{
    const eg_task task = {
        .inputs = D, .classes = classes, .epochs = 1, .bags = e->offset != NULL
    };
    eg_learner *l = NULL;
    CHECK_OK(eg_learner_create(spec, &task, 3, 1, NULL, &l));
    const eg_status s = eg_learner_fit(l, e);
    if (s == EG_ERR_UNSUPPORTED) skip();
    CHECK_OK(s);
    return l;
}

static const float *values(eg_learner *l, const char *name)
{
    const eg_param *p = eg_params_find(eg_learner_params(l), name);
    CHECK(p != NULL);
    return p->value;
}

static eg_examples examples(void)
{
    const eg_dataset data = train_data();
    return (eg_examples){ data.x, NULL, data.labels, data.n };
}

/* ---- neighbours ---- */

static double distance(const float *x, const float *y, int manhattan)
{
    double sum = 0;
    for (size_t j = 0; j < D; j++) {
        const double by = (double)x[j] - (double)y[j];
        sum += manhattan ? fabs(by) : by * by;
    }
    return sum;
}

/* How far x is from y: minus the similarity, of euclidean |x - y|^2 / 2. */
static double unlike(const float *x, const float *y, const char *similarity)
{
    const float zero[D] = { 0 };
    const double square = distance(x, y, 0), xx = distance(x, zero, 0), yy = distance(y, zero, 0);
    if (strcmp(similarity, "manhattan") == 0) return distance(x, y, 1);
    if (strcmp(similarity, "cosine") == 0) return -(xx + yy - square) / (2 * sqrt(xx * yy));
    return square / 2;
}

/* Shares of classes among the k nearest of x, each by a search of its own. */
static void vote(const double *far, const int32_t *y, size_t n, size_t k, double beta, double *out)
{
    char taken[N] = { 0 };
    double sum = 0, first = 0;
    memset(out, 0, K * sizeof *out);
    for (size_t r = 0; r < k; r++) {
        size_t best = n;
        for (size_t i = 0; i < n; i++)
            if (!taken[i] && (best == n || far[i] < far[best])) best = i;
        taken[best] = 1;
        if (r == 0) first = far[best];
        out[y[best]] += exp(-beta * (far[best] - first));
        sum += exp(-beta * (far[best] - first));
    }
    for (size_t c = 0; c < K; c++) out[c] /= sum;
}

static void neighbours_vote(void **state)
{
    (void)state;
    static const char *const name[] = { "euclidean", "manhattan", "cosine" };
    const eg_examples e = examples();
    float x[10 * D], got[10 * K];
    double far[N], want[K];
    char spec[160];
    eg_random_normal(3, 0, 0, 10 * D, x);
    for (size_t s = 0; s < 3; s++)
        for (size_t k = 1; k < 3 * N; k = 3 * k + 1)
            for (double beta = 0; beta < 2; beta += 0.7) {
                snprintf(spec, sizeof spec,
                         "{\"kind\":\"knn\",\"k\":%zu,\"beta\":%g,\"similarity\":\"%s\"}", k, beta,
                         name[s]);
                eg_learner *l = fitted(spec, K, &e);
                CHECK_OK(eg_learner_scores(l, x, 10, got));
                for (size_t q = 0; q < 10; q++) {
                    for (size_t i = 0; i < N; i++) far[i] = unlike(x + q * D, e.x + i * D, name[s]);
                    vote(far, e.y, N, k < N ? k : N, beta, want);
                    for (size_t c = 0; c < K; c++) CHECK_NEAR(got[q * K + c], want[c], 1e-5);
                }
                eg_learner_destroy(l);
            }
}

/* Bags of 1 to 5 of the examples; the class is that of the first of them. */
static eg_examples bags(size_t *offset, int32_t *y)
{
    const eg_examples e = examples();
    size_t n = 0;
    for (offset[0] = 0; offset[n] < N; n++) {
        const size_t want = offset[n] + 1 + n % 5;
        y[n] = e.y[offset[n]];
        offset[n + 1] = want < N ? want : N;
    }
    return (eg_examples){ e.x, offset, y, n };
}

static void bags_are_as_near_as_their_instances(void **state)
{
    (void)state;
    size_t offset[N + 1];
    int32_t y[N];
    const eg_examples e = bags(offset, y);
    float x[4 * D], got[2 * K];
    const size_t asked[3] = { 0, 3, 4 };
    double far[N], want[K];
    eg_random_normal(4, 0, 0, 4 * D, x);
    for (int mean = 0; mean < 2; mean++) {
        eg_learner *l = fitted(mean ? "{\"kind\":\"knn\",\"k\":4,\"bag\":\"mean\"}"
                                    : "{\"kind\":\"knn\",\"k\":4}",
                               K, &e);
        const eg_examples ask = { x, asked, NULL, 2 };
        CHECK_STATUS(eg_learner_scores(l, x, 1, got), EG_ERR_INVALID);
        CHECK_OK(eg_learner_scores_bags(l, &ask, got));
        for (size_t q = 0; q < 2; q++) {
            for (size_t i = 0; i < e.n; i++) {
                double sum = 0, least = INFINITY;
                for (size_t a = asked[q]; a < asked[q + 1]; a++) {
                    double near = INFINITY;
                    for (size_t r = offset[i]; r < offset[i + 1]; r++)
                        near = fmin(near, distance(x + a * D, e.x + r * D, 0));
                    sum += near / (double)(asked[q + 1] - asked[q]);
                    least = fmin(least, near);
                }
                far[i] = mean ? sum : least;
            }
            vote(far, y, e.n, 4, 0, want);
            for (size_t c = 0; c < K; c++) CHECK_NEAR(got[q * K + c], want[c], 1e-5);
        }
        eg_learner_destroy(l);
    }
}

static void bags_are_checked(void **state)
{
    (void)state;
    const eg_examples e = examples();
    const size_t empty[3] = { 0, 4, 4 }, late[3] = { 1, 4, 5 }, good[3] = { 0, 4, 5 };
    const eg_task task = { .inputs = D, .classes = K, .epochs = 1, .bags = 1 };
    eg_learner *l = NULL;
    CHECK_OK(eg_learner_create("{\"kind\":\"knn\"}", &task, 1, 1, NULL, &l));
    CHECK_STATUS(eg_learner_fit(l, &(eg_examples){ e.x, empty, e.y, 2 }), EG_ERR_INVALID);
    assert_string_equal(eg_error_detail(), "bag 1 is empty: rows 4 to 4");
    CHECK_STATUS(eg_learner_fit(l, &(eg_examples){ e.x, late, e.y, 2 }), EG_ERR_INVALID);
    CHECK_STATUS(eg_learner_fit(l, &(eg_examples){ e.x, NULL, e.y, 2 }), EG_ERR_INVALID);
    CHECK_STATUS(eg_learner_fit(l, &(eg_examples){ e.x, good, NULL, 2 }), EG_ERR_INVALID);
    CHECK_OK(eg_learner_fit(l, &(eg_examples){ e.x, good, e.y, 2 }));
    eg_learner_destroy(l);
}

static void class_means_are_means(void **state)
{
    (void)state;
    const eg_examples e = examples();
    eg_learner *l = fitted("{\"kind\":\"class_mean\",\"similarity\":\"manhattan\"}", K, &e);
    float got[N * K], mean[K * D] = { 0 };
    for (size_t i = 0; i < N; i++)
        for (size_t j = 0; j < D; j++) mean[(size_t)e.y[i] * D + j] += e.x[i * D + j] / (N / K);
    CHECK_OK(eg_learner_scores(l, e.x, N, got));
    for (size_t i = 0; i < N; i++)
        for (size_t c = 0; c < K; c++)
            CHECK_NEAR(got[i * K + c], -distance(e.x + i * D, mean + c * D, 1), 1e-4);
    eg_learner_destroy(l);
}

/* ---- support vectors ---- */

/* y f(x) is at least 1 where the multiplier is 0, 1 between its bounds, at most 1 where it is C;
 * multipliers sum to 0 over the classes. Scores of two classes are +- f / 2. */
static void the_optimum_has_its_conditions(void **state)
{
    (void)state;
    static const char *const spec[] = {
        "{\"kind\":\"svm\",\"kernel\":\"linear\",\"c\":0.3,\"tolerance\":1e-6}",
        "{\"kind\":\"svm\",\"c\":2,\"gamma\":0.1,\"tolerance\":1e-6}"
    };
    const eg_examples all = examples();
    int32_t y[N];
    float got[N * 2];
    for (size_t i = 0; i < N; i++) y[i] = all.y[i] == 1;
    const eg_examples e = { all.x, NULL, y, N };
    for (int rbf = 0; rbf < 2; rbf++) {
        eg_learner *l = fitted(spec[rbf], 2, &e);
        const double bound = rbf ? 2 : 0.3;
        const eg_param *c = eg_params_find(eg_learner_params(l), "coefficients");
        const float *vector = values(l, "vectors"), *alpha = values(l, "coefficients");
        const size_t s = c->shape.dim[1];
        double sum = 0;
        size_t between = 0;
        CHECK_OK(eg_learner_scores(l, e.x, N, got));
        for (size_t k = 0; k < s; k++) sum += (double)alpha[k];
        CHECK_NEAR(sum, 0, 1e-4);
        for (size_t i = 0; i < N; i++) {
            const double margin = (y[i] ? 2 : -2) * (double)got[2 * i + 1];
            double own = 0;
            CHECK(got[2 * i] == -got[2 * i + 1]);
            for (size_t k = 0; k < s; k++)
                if (distance(vector + k * D, e.x + i * D, 0) == 0) own = fabs((double)alpha[k]);
            CHECK(own <= bound + 1e-5);
            if (own == 0) CHECK(margin >= 1 - 1e-3);
            if (own > bound - 1e-5) CHECK(margin <= 1 + 1e-3);
            if (own > 0 && own < bound - 1e-5) CHECK_NEAR(margin, 1, 1e-3);
            between += own > 0 && own < bound - 1e-5;
        }
        CHECK(between > 2 && s < N);
        eg_learner_destroy(l);
    }
}

/* ---- trees ---- */

/* Gini's sum n_L (1 - sum p^2) + n_R (..) of a cut at t in column j. */
static double impurity(const eg_examples *e, size_t j, float t)
{
    double n[2] = { 0 }, by[2][K] = { { 0 } }, sum = 0;
    for (size_t i = 0; i < e->n; i++) {
        const int right = !(e->x[i * D + j] < t);
        n[right]++;
        by[right][e->y[i]]++;
    }
    for (int s = 0; s < 2; s++) {
        sum += n[s];
        for (int c = 0; c < K; c++) sum -= n[s] > 0 ? by[s][c] * by[s][c] / n[s] : 0;
    }
    return sum;
}

static void a_stump_has_the_best_cut(void **state)
{
    (void)state;
    const eg_examples e = examples();
    eg_learner *l = fitted("{\"kind\":\"forest\",\"trees\":1,\"columns\":6,\"depth\":1,"
                           "\"bootstrap\":false}",
                           K, &e);
    const int32_t *feature = (const int32_t *)(const void *)values(l, "feature");
    const double got = impurity(&e, (size_t)feature[0], values(l, "threshold")[0]);
    double least = INFINITY, count[K] = { 0 }, n = 0;
    float scores[N * K];
    for (size_t j = 0; j < D; j++)
        for (size_t i = 0; i < N; i++) least = fmin(least, impurity(&e, j, e.x[i * D + j]));
    CHECK_NEAR(got, least, 1e-9);
    for (size_t i = 0; i < N; i++)
        if (e.x[i * D + (size_t)feature[0]] < values(l, "threshold")[0]) n += 1, count[e.y[i]]++;
    CHECK_OK(eg_learner_scores(l, e.x, N, scores));
    for (size_t i = 0; i < N; i++)
        for (size_t c = 0; c < K; c++)
            if (e.x[i * D + (size_t)feature[0]] < values(l, "threshold")[0])
                CHECK_NEAR(scores[i * K + c], count[c] / n, 1e-6);
    eg_learner_destroy(l);
}

static void a_whole_tree_knows_every_example(void **state)
{
    (void)state;
    const eg_examples e = examples();
    eg_learner *l = fitted("{\"kind\":\"forest\",\"trees\":3,\"bootstrap\":false}", K, &e);
    float got[N * K];
    CHECK_OK(eg_learner_scores(l, e.x, N, got));
    for (size_t i = 0; i < N; i++) CHECK_NEAR(got[i * K + (size_t)e.y[i]], 1, 1e-6);
    const float *start = values(l, "start");
    const int32_t *s = (const int32_t *)(const void *)start,
                  *feature = (const int32_t *)(const void *)values(l, "feature");
    CHECK(s[1] > 5 && (feature[s[0]] != feature[s[1]] || feature[s[1]] != feature[s[2]]));
    eg_learner_destroy(l);
    l = fitted("{\"kind\":\"forest\",\"trees\":4,\"bootstrap\":false,\"least\":10}", K, &e);
    CHECK_OK(eg_learner_scores(l, e.x, N, got));
    s = (const int32_t *)(const void *)values(l, "start");
    CHECK(s[4] <= 4 * (2 * N / 10 - 1) && s[4] > 8); /* at most N / 10 leaves */
    eg_learner_destroy(l);
}

/* One round at depth 1 of two classes: from p = 1/2 the sides' steps are
 * rate * sum (t - 1/2) / (n / 4 + lambda), and no cut has more gain. */
static double gain(const eg_examples *e, size_t j, float t, double lambda, double *left)
{
    double g[2] = { 0 }, h[2] = { lambda, lambda };
    for (size_t i = 0; i < e->n; i++) {
        const int right = !(e->x[i * D + j] < t);
        g[right] += (double)e->y[i] - 0.5;
        h[right] += 0.25;
    }
    *left = g[0] / h[0];
    return h[0] - lambda < 1 || h[1] - lambda < 1 ? 0 : g[0] * g[0] / h[0] + g[1] * g[1] / h[1];
}

static void boosting_takes_newton_steps(void **state)
{
    (void)state;
    const eg_examples all = examples();
    int32_t y[N];
    float got[N * 2], later[N * 2];
    double most = 0, left = 0, loss[2] = { 0 };
    for (size_t i = 0; i < N; i++) y[i] = all.y[i] == 2;
    const eg_examples e = { all.x, NULL, y, N };
    eg_learner *l = fitted("{\"kind\":\"boosting\",\"rounds\":1,\"depth\":1,\"rate\":0.5,"
                           "\"lambda\":2}",
                           2, &e);
    const int32_t *feature = (const int32_t *)(const void *)values(l, "feature");
    const float t = values(l, "threshold")[0];
    for (size_t j = 0; j < D; j++)
        for (size_t i = 0; i < N; i++) most = fmax(most, gain(&e, j, e.x[i * D + j], 2, &left));
    CHECK_NEAR(gain(&e, (size_t)feature[0], t, 2, &left), most, 1e-5);
    CHECK_OK(eg_learner_scores(l, e.x, N, got));
    for (size_t i = 0; i < N; i++) {
        CHECK(got[2 * i] == 0);
        if (e.x[i * D + (size_t)feature[0]] < t) CHECK_NEAR(got[2 * i + 1], 0.5 * left, 1e-6);
    }
    eg_learner_destroy(l);
    l = fitted("{\"kind\":\"boosting\",\"rounds\":20,\"depth\":2}", 2, &e);
    CHECK_OK(eg_learner_scores(l, e.x, N, later));
    for (size_t i = 0; i < N; i++) {
        loss[0] += log1p(exp((y[i] ? -1 : 1) * (double)got[2 * i + 1]));
        loss[1] += log1p(exp((y[i] ? -1 : 1) * (double)later[2 * i + 1]));
    }
    CHECK(loss[0] < N * log(2) && loss[1] < loss[0] / 3);
    eg_learner_destroy(l);
}

/* Of three classes the first step of each has p = 1/3 and twice the curvature, 4/9 an example. */
static void three_classes_have_twice_the_curvature(void **state)
{
    (void)state;
    const eg_examples e = examples();
    eg_learner *l = fitted("{\"kind\":\"boosting\",\"rounds\":1,\"depth\":1,\"rate\":1}", K, &e);
    const int32_t *feature = (const int32_t *)(const void *)values(l, "feature"),
                  *start = (const int32_t *)(const void *)values(l, "start");
    float got[N * K];
    CHECK_OK(eg_learner_scores(l, e.x, N, got));
    for (int32_t c = 0; c < K; c++) {
        const size_t j = (size_t)feature[start[c]];
        const float t = values(l, "threshold")[start[c]];
        double g[2] = { 0 }, h[2] = { 1, 1 };
        for (size_t i = 0; i < N; i++) {
            g[!(e.x[i * D + j] < t)] += (e.y[i] == c) - 1.0 / 3;
            h[!(e.x[i * D + j] < t)] += 4.0 / 9;
        }
        for (size_t i = 0; i < N; i++) {
            const int right = !(e.x[i * D + j] < t);
            CHECK_NEAR(got[i * K + (size_t)c], g[right] / h[right], 1e-5);
        }
    }
    eg_learner_destroy(l);
}

/* More values than bins: cuts lie near quantiles, and cost little. */
static void many_values_are_binned(void **state)
{
    (void)state;
    enum { MANY = 3000 };
    static float x[MANY * D], scores[MANY * K];
    static int32_t y[MANY];
    eg_random_normal(9, 0, 0, MANY * D, x);
    for (size_t i = 0; i < MANY; i++) y[i] = (int32_t)(x[i * D + 2] > 0.3f);
    const eg_examples e = { x, NULL, y, MANY };
    eg_learner *l = fitted("{\"kind\":\"forest\",\"trees\":1,\"columns\":6,\"depth\":1,"
                           "\"bootstrap\":false}",
                           K, &e);
    size_t wrong = 0;
    CHECK(((const int32_t *)(const void *)values(l, "feature"))[0] == 2);
    CHECK_NEAR(values(l, "threshold")[0], 0.3, 0.02); /* a bin holds 12 of 3000 */
    CHECK_OK(eg_learner_scores(l, x, MANY, scores));
    for (size_t i = 0; i < MANY; i++) wrong += scores[i * K + 1] > scores[i * K] ? !y[i] : y[i];
    CHECK(wrong <= 12);
    eg_learner_destroy(l);
}

/* ---- K-means ---- */

static void centres_rest_and_the_readout_is_least_squares(void **state)
{
    (void)state;
    enum { C = 7 };
    const eg_examples e = examples();
    eg_learner *l =
        fitted("{\"kind\":\"kmeans\",\"centres\":7,\"lambda\":0.01,\"rounds\":200}", K, &e);
    const float *centre = values(l, "centres"), *w = values(l, "readout");
    double mean[C][D] = { { 0 } }, count[C] = { 0 }, slope[K][C + 1] = { { 0 } };
    float got[N * K];
    CHECK_OK(eg_learner_scores(l, e.x, N, got));
    for (size_t i = 0; i < N; i++) {
        double f[C + 1] = { 0 }, far[C], middle = 0;
        size_t own = 0;
        for (size_t c = 0; c < C; c++) {
            far[c] = sqrt(distance(e.x + i * D, centre + c * D, 0));
            middle += far[c] / C;
            if (far[c] < far[own]) own = c;
        }
        count[own]++;
        for (size_t j = 0; j < D; j++) mean[own][j] += (double)e.x[i * D + j];
        for (size_t c = 0; c < C; c++) f[c] = fmax(0, middle - far[c]);
        f[C] = 1;
        for (size_t k = 0; k < K; k++) {
            double z = 0;
            for (size_t c = 0; c <= C; c++) z += f[c] * (double)w[k * (C + 1) + c];
            CHECK_NEAR(got[i * K + k], z, 1e-5);
            for (size_t c = 0; c <= C; c++)
                slope[k][c] += (z - (e.y[i] == (int32_t)k ? 1 : -1)) * f[c];
        }
    }
    for (size_t c = 0; c < C; c++)
        for (size_t j = 0; j < D; j++) CHECK_NEAR(centre[c * D + j], mean[c][j] / count[c], 1e-5);
    for (size_t k = 0; k < K; k++)
        for (size_t c = 0; c <= C; c++)
            CHECK_NEAR(slope[k][c] + (c < C ? 0.01 * N * (double)w[k * (C + 1) + c] : 0), 0, 1e-4);
    eg_learner_destroy(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(neighbours_vote),
        cmocka_unit_test(bags_are_as_near_as_their_instances),
        cmocka_unit_test(bags_are_checked),
        cmocka_unit_test(class_means_are_means),
        cmocka_unit_test(the_optimum_has_its_conditions),
        cmocka_unit_test(a_stump_has_the_best_cut),
        cmocka_unit_test(a_whole_tree_knows_every_example),
        cmocka_unit_test(boosting_takes_newton_steps),
        cmocka_unit_test(three_classes_have_twice_the_curvature),
        cmocka_unit_test(many_values_are_binned),
        cmocka_unit_test(centres_rest_and_the_readout_is_least_squares),
    };
    return cmocka_run_group_tests_name("baselines", tests, NULL, NULL);
}
