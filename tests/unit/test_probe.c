/* Read-outs against regressions that are solved without the example, and neighbours that are
 * looked for one by one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "engram/probe.h"
#include "engram/random.h"

enum { N = 40, D = 3, K = 3 };

static float x[N * D];
static int32_t y[N];

static void fill(double apart)
{
    eg_random_normal(5, 0, 0, N * D, x);
    for (size_t i = 0; i < N; i++) {
        y[i] = (int32_t)(i % K);
        x[i * D] += (float)(apart * y[i]);
    }
}

/* Ridge regression of the others with k as the variance of the intercept, by Gauss elimination on
 * D + 1 equations; features centred over all. */
static double solved_without(size_t out, size_t c, double k, double ridge, const double *mean)
{
    double a[D + 1][D + 2] = { 0 }, z[D + 1];
    for (size_t p = 0; p <= D; p++) a[p][p] = ridge * k;
    for (size_t i = 0; i < N; i++) {
        if (i == out) continue;
        for (size_t p = 0; p < D; p++) z[p] = (double)x[i * D + p] - mean[p];
        z[D] = sqrt(k); /* an intercept b = sqrt(k) u with penalty ridge k |u|^2 */
        for (size_t p = 0; p <= D; p++) {
            for (size_t q = 0; q <= D; q++) a[p][q] += z[p] * z[q];
            a[p][D + 1] += z[p] * ((size_t)y[i] == c ? 1 : -1);
        }
    }
    for (size_t p = 0; p <= D; p++)
        for (size_t q = 0; q <= D; q++) {
            if (q == p) continue;
            const double by = a[q][p] / a[p][p];
            for (size_t r = p; r < D + 2; r++) a[q][r] -= by * a[p][r];
        }
    double sum = sqrt(k) * a[D][D + 1] / a[D][D];
    for (size_t p = 0; p < D; p++)
        sum += ((double)x[out * D + p] - mean[p]) * a[p][D + 1] / a[p][p];
    return sum;
}

static void read_outs_are_of_the_others(void **state)
{
    (void)state;
    double mean[D] = { 0 }, k = 0, right = 0, near = 0;
    eg_probe p;
    fill(1.2);
    CHECK_OK(eg_probe_layer(x, N, D, y, K, NULL, &p));
    for (size_t i = 0; i < N * D; i++) mean[i % D] += (double)x[i] / N;
    for (size_t i = 0; i < N * D; i++) k += pow((double)x[i] - mean[i % D], 2) / N;
    for (size_t i = 0; i < N; i++) {
        size_t best = 0, at = N;
        double most = -INFINITY, least = INFINITY;
        for (size_t c = 0; c < K; c++) {
            const double s = solved_without(i, c, k, p.ridge, mean);
            if (s > most) most = s, best = c;
        }
        right += (double)(best == (size_t)y[i]) / N;
        for (size_t j = 0; j < N; j++) {
            double square = 0;
            for (size_t c = 0; c < D; c++)
                square += pow((double)x[i * D + c] - (double)x[j * D + c], 2);
            if (j != i && square < least) least = square, at = j;
        }
        near += (double)(y[at] == y[i]) / N;
    }
    CHECK_NEAR(p.linear, right, 1e-12);
    CHECK_NEAR(p.neighbour, near, 1e-12);
    CHECK(p.linear > 0.4 && p.linear < 1);
}

/* Far apart all is right; labels that say nothing are guessed; N below the number of columns. */
static void ends(void **state)
{
    (void)state;
    enum { WIDE = 300, M = 30 };
    static float wide[M * WIDE];
    int32_t labels[M];
    eg_probe p;
    fill(40);
    CHECK_OK(eg_probe_layer(x, N, D, y, K, NULL, &p));
    CHECK(p.neighbour > 1 - 1e-12 && p.linear > 0.6 && p.alignment > 0.5);
    eg_random_normal(6, 0, 0, M * WIDE, wide);
    for (size_t i = 0; i < M; i++) labels[i] = (int32_t)eg_random_below(6, 1, i, 2);
    CHECK_OK(eg_probe_layer(wide, M, WIDE, labels, 2, NULL, &p));
    CHECK(p.linear < 0.8 && p.linear > 0.2);
    labels[3] = 2;
    CHECK_STATUS(eg_probe_layer(wide, M, WIDE, labels, 2, NULL, &p), EG_ERR_INVALID);
    memset(wide, 0, sizeof wide);
    labels[3] = 1;
    CHECK_STATUS(eg_probe_layer(wide, M, WIDE, labels, 2, NULL, &p), EG_ERR_INVALID);
    wide[7] = NAN;
    CHECK_STATUS(eg_probe_layer(wide, M, WIDE, labels, 2, NULL, &p), EG_ERR_INVALID);
}

/* Turned, multiplied and moved it is the same; of columns that share nothing the alignment is
 * small; with the classes it is that with columns of 0 and 1. */
static void alignment_forgets_rotations(void **state)
{
    (void)state;
    float turned[N * D], hot[N * K] = { 0 };
    double cka;
    eg_probe p;
    fill(2);
    for (size_t i = 0; i < N; i++) {
        turned[i * D] = 3 * (0.6F * x[i * D] - 0.8F * x[i * D + 1]) + 7;
        turned[i * D + 1] = 3 * (0.8F * x[i * D] + 0.6F * x[i * D + 1]) - 2;
        turned[i * D + 2] = 3 * x[i * D + 2];
        hot[i * K + (size_t)y[i]] = 1;
    }
    CHECK_OK(eg_cka(x, D, turned, D, N, &cka));
    CHECK_NEAR(cka, 1, 1e-6);
    CHECK_OK(eg_cka(x, D, hot, K, N, &cka));
    CHECK_OK(eg_probe_layer(x, N, D, y, K, NULL, &p));
    CHECK_NEAR(p.alignment, cka, 1e-10);
    CHECK_OK(eg_cka(x, D, x, 1, 1, &cka));
    CHECK(isnan(cka));
    CHECK_STATUS(eg_cka(x, D, x, 1, 0, &cka), EG_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(read_outs_are_of_the_others),
        cmocka_unit_test(ends),
        cmocka_unit_test(alignment_forgets_rotations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
