/* Heads that keep products of components, by a second way: batch LDA, ridge and FeCAM in f64, by
 * elimination. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "head_direct.h"

static struct head_examples taught, asked;

enum { D = HEAD_D, K = HEAD_K, N = HEAD_N };

static eg_head *taught_head(const char *spec)
{
    return head_taught(spec, &taught);
}

/* A x = b by Gauss and Jordan, pivots in the diagonal: A (n, n) is positive definite. */
static void eliminate(double *a, size_t n, double *b, size_t columns)
{
    for (size_t k = 0; k < n; k++) {
        const double by = 1 / a[k * n + k];
        for (size_t j = 0; j < n; j++) a[k * n + j] *= by;
        for (size_t j = 0; j < columns; j++) b[k * columns + j] *= by;
        for (size_t i = 0; i < n; i++) {
            const double f = a[i * n + k];
            if (i == k) continue;
            for (size_t j = 0; j < n; j++) a[i * n + j] -= f * a[k * n + j];
            for (size_t j = 0; j < columns; j++) b[i * columns + j] -= f * b[k * columns + j];
        }
    }
}

static void lda_is_batch_lda(void **state)
{
    (void)state;
    static double w[D * D], m[D * K];
    double mean[K * D], all[D], u[D], trace = 0;
    float scores[N * K];
    eg_head_answer answer[N];
    eg_head *h = taught_head("{\"kind\": \"lda\", \"shrink\": 0.1}");
    direct_means(&taught, mean, all);
    memset(w, 0, sizeof w);
    for (size_t i = 0; i < N; i++) {
        unit(taught.x + i * D, D, u);
        for (size_t j = 0; j < D; j++) u[j] -= mean[(size_t)taught.y[i] * D + j];
        for (size_t j = 0; j < D * D; j++) w[j] += u[j / D] * u[j % D] / (N - K);
    }
    for (size_t j = 0; j < D; j++) trace += w[j * D + j];
    for (size_t j = 0; j < D; j++) w[j * D + j] += 0.1 * trace / D;
    for (size_t j = 0; j < D * K; j++) m[j] = mean[j % K * D + j / K];
    eliminate(w, D, m, K);
    CHECK_OK(eg_head_predict(h, asked.x, N, answer, scores));
    for (size_t i = 0; i < N; i++) {
        unit(asked.x + i * D, D, u);
        for (size_t c = 0; c < K; c++) {
            double score = 0;
            for (size_t j = 0; j < D; j++) score += m[j * K + c] * (u[j] - mean[c * D + j] / 2);
            CHECK_NEAR(scores[i * K + c], score, 2e-3 + 1e-4 * fabs(score));
        }
    }
    eg_head_destroy(h);
}

/* FeCAM by its equations 6 to 8, in f64: sqrt(x), a class's own covariance shrunk twice, made a
 * correlation, and the distance under its inverse by elimination. */
static void fecam_is_of_each_class(void **state)
{
    (void)state;
    static double w[D * D], off[D];
    float root[D], scores[K];
    double u[N][D], mean[D], q[D];
    eg_head_answer answer;
    eg_head *h = taught_head("{\"kind\": \"fecam_each\", \"shrink\": 0.7, \"between\": 0.3}");
    for (size_t i = 0; i < N; i++) {
        for (size_t j = 0; j < D; j++) root[j] = sqrtf(taught.x[i * D + j]);
        unit(root, D, u[i]);
    }
    for (size_t j = 0; j < D; j++) root[j] = sqrtf(asked.x[j]);
    unit(root, D, q);
    CHECK_OK(eg_head_predict(h, asked.x, 1, &answer, scores));
    for (size_t c = 0; c < K; c++) {
        memset(w, 0, sizeof w), memset(mean, 0, sizeof mean);
        for (size_t i = c; i < N; i += K)
            for (size_t j = 0; j < D; j++) mean[j] += u[i][j] / HEAD_EACH;
        for (size_t i = c; i < N; i += K)
            for (size_t j = 0; j < D * D; j++)
                w[j] += (u[i][j / D] - mean[j / D]) * (u[i][j % D] - mean[j % D]) / HEAD_EACH;
        for (int twice = 0; twice < 2; twice++) {
            double on = 0, rest = 0;
            for (size_t j = 0; j < D * D; j++) *(j / D == j % D ? &on : &rest) += w[j];
            for (size_t j = 0; j < D * D; j++)
                w[j] += j / D == j % D ? 0.7 * on / D : 0.3 * rest / (D * (D - 1));
        }
        double size[D], score = 0;
        for (size_t j = 0; j < D; j++) size[j] = sqrt(w[j * D + j]);
        for (size_t j = 0; j < D * D; j++) w[j] /= size[j / D] * size[j % D];
        for (size_t j = 0; j < D; j++) off[j] = q[j] - mean[j];
        eliminate(w, D, off, 1);
        for (size_t j = 0; j < D; j++) score -= (q[j] - mean[j]) * off[j] / 2;
        CHECK_NEAR(scores[c], score, 1e-5 + 1e-4 * fabs(score));
    }
    eg_head_destroy(h);
}

/* Ridge: G W = Q with the head's own directions, by elimination. */
static void ridge_is_batch_ridge(void **state)
{
    (void)state;
    enum { E = 60 };
    static double g[E * E], q[E * K];
    double trace = 0;
    float scores[K];
    eg_head_answer answer;
    eg_head *h = taught_head("{\"kind\": \"ridge\", \"project\": 60, \"shrink\": 0.3}");
    memset(g, 0, sizeof g), memset(q, 0, sizeof q);
    for (size_t i = 0; i < N; i++) {
        double u[D], v[E];
        unit(taught.x + i * D, D, u);
        for (size_t e = 0; e < E; e++) {
            v[e] = 0;
            for (size_t j = 0; j < D; j++) v[e] += (double)h->projection[e * D + j] * u[j];
            v[e] = v[e] > 0 ? v[e] / 8 : 0;
            q[e * K + (size_t)taught.y[i]] += v[e];
        }
        for (size_t e = 0; e < E * E; e++) g[e] += v[e / E] * v[e % E];
    }
    for (size_t e = 0; e < E; e++) trace += g[e * E + e];
    for (size_t e = 0; e < E; e++) g[e * E + e] += 0.3 * trace / E;
    eliminate(g, E, q, K);
    for (size_t i = 0; i < 10; i++) {
        CHECK_OK(eg_head_predict(h, asked.x + i * D, 1, &answer, scores));
        for (size_t c = 0; c < K; c++) {
            double score = 0;
            for (size_t e = 0; e < E; e++) score += q[e * K + c] * (double)h->u[e];
            CHECK_NEAR(scores[c], score, 2e-3);
        }
    }
    eg_head_destroy(h);
}

/* S is sum z z^T of what is known, number by number, whatever was put aside meanwhile: examples of
 * several rounds, some of them taken out again, two heads together. */
static void products_are_exact(void **state)
{
    (void)state;
    enum { ROUNDS = 6 }; /* of N examples: more than are put aside, and then some */
    static int64_t direct[D * (D + 1) / 2];
    eg_head *h = head_new("{\"kind\": \"lda\"}", NULL), *b = head_new("{\"kind\": \"lda\"}", NULL);
    struct head_examples e;
    CHECK((size_t)ROUNDS * N > EGI_PENDING + N);
    for (uint64_t round = 0; round < ROUNDS; round++) {
        head_examples(50 + round, 0.4F, &e);
        for (size_t i = 0; i < N; i++) CHECK_OK(eg_head_teach(h, e.x + i * D, e.y + i, 1));
        CHECK_OK(eg_head_teach(b, e.x, e.y, N / 2));
        if (round == 2) CHECK_OK(eg_head_forget(h, e.x, e.y, 7));
        for (size_t i = 0; i < N; i++) {
            const int64_t times = !(round == 2 && i < 7) + (i < N / 2);
            int64_t *row = direct;
            egi_head_front(b, e.x + i * D);
            for (size_t j = 0; j < D; row += ++j)
                for (size_t k = 0; k <= j; k++) row[k] += times * b->z[j] * b->z[k];
        }
    }
    CHECK(h->pending.n > 0 && b->pending.n > 0);
    CHECK_OK(eg_head_merge(h, b, NULL));
    CHECK(h->pending.n == 0 && b->pending.n == 0);
    CHECK_SAME_BITS(h->at[EGI_OWN_FIELDS + 1], direct, sizeof direct);
    eg_head_destroy(h), eg_head_destroy(b);
}

/* factor.c: L L^T gives back a matrix of several blocks; what has no factor is said. */
static void factors(void **state)
{
    (void)state;
    enum { M = 150 };
    static double a[M * M], l[M * M], b[M];
    static float g[M * M];
    eg_random_normal(3, 3, 0, M * M, g);
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j < M; j++) {
            a[i * M + j] = i == j;
            for (size_t k = 0; k < M; k++)
                a[i * M + j] += (double)g[i * M + k] * (double)g[j * M + k];
        }
    memcpy(l, a, sizeof a);
    CHECK(egi_factor(l, M) == 1);
    for (size_t i = 0; i < M; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = 0;
            for (size_t k = 0; k <= j; k++) sum += l[i * M + k] * l[j * M + k];
            CHECK_NEAR(sum, a[i * M + j], 1e-9);
        }
    for (size_t i = 0; i < M; i++) b[i] = (double)g[i];
    egi_factor_solve(l, M, b, 1);
    for (size_t i = 0; i < M; i++) {
        double sum = 0;
        for (size_t k = 0; k < M; k++) sum += a[i * M + k] * b[k];
        CHECK_NEAR(sum, g[i], 1e-6);
    }
    memcpy(l, a, sizeof a);
    l[100 * M + 100] = -1;
    CHECK(egi_factor(l, M) == 0);
}

int main(void)
{
    head_examples(11, 0.4F, &taught);
    head_examples(13, 0.4F, &asked);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lda_is_batch_lda),
        cmocka_unit_test(fecam_is_of_each_class),
        cmocka_unit_test(ridge_is_batch_ridge),
        cmocka_unit_test(products_are_exact),
        cmocka_unit_test(factors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
