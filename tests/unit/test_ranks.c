/* Tests over data sets: against every choice of signs, closed forms and published tables. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "engram/ranks.h"

enum { MOST = 12 };

/* The two-sided p by going through all 2^n signs of the ranks. */
static double by_every_sign(const double *rank, size_t n, double least)
{
    double all = 0, beyond = 0, sum = 0;
    for (size_t i = 0; i < n; i++) sum += rank[i];
    for (size_t signs = 0; signs < (size_t)1 << n; signs++) {
        double w = 0;
        for (size_t i = 0; i < n; i++) w += signs >> i & 1 ? rank[i] : 0;
        all++;
        beyond += fmin(w, sum - w) <= least;
    }
    return beyond / all;
}

static void signed_ranks_count_every_sign(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 60; seed++) {
        const size_t n = 1 + seed % MOST;
        double a[MOST], b[MOST], rank[MOST], far[MOST], plus = 0, minus = 0;
        size_t m = 0;
        eg_signed_rank r;
        for (size_t i = 0; i < n; i++) { /* few values: ties, and pairs that do not differ */
            a[i] = (double)eg_random_below(seed, 1, i, 6);
            b[i] = (double)eg_random_below(seed, 2, i, 6) - (seed % 3 == 0 ? 2.0 : 0.0);
        }
        CHECK_OK(eg_signed_rank_test(a, b, n, &r));
        for (size_t i = 0; i < n; i++)
            if (a[i] != b[i]) far[m++] = a[i] - b[i];
        for (size_t i = 0; i < m; i++) {
            double below = 0, equal = 0;
            for (size_t j = 0; j < m; j++) {
                below += fabs(far[j]) < fabs(far[i]);
                equal += fabs(far[j]) == fabs(far[i]);
            }
            rank[i] = below + (equal + 1) / 2;
            *(far[i] > 0 ? &plus : &minus) += rank[i];
        }
        CHECK(r.n == m && r.plus == plus && r.minus == minus);
        CHECK_NEAR(r.p, m > 0 ? by_every_sign(rank, m, fmin(plus, minus)) : 1, 1e-12);
    }
}

static void many_pairs_are_nearly_normal(void **state)
{
    (void)state;
    enum { N = 201 };
    double a[N], b[N] = { 0 };
    eg_signed_rank exact, normal;
    for (double shift = 0; shift < 0.4; shift += 0.1) {
        for (size_t i = 0; i < N; i++) {
            float z;
            eg_random_normal(3, 0, i, 1, &z);
            a[i] = (double)z + shift;
        }
        CHECK_OK(eg_signed_rank_test(a, b, N - 1, &exact));
        CHECK_OK(eg_signed_rank_test(a, b, N, &normal));
        const double first = exact.p;
        b[N - 1] = a[N - 1]; /* the last says nothing: the exact way again */
        CHECK_OK(eg_signed_rank_test(a, b, N, &exact));
        b[N - 1] = 0;
        CHECK_NEAR(exact.p, first, 1e-12);
        CHECK_NEAR(normal.p, exact.p, 0.02);
    }
}

static void distributions_have_their_closed_forms(void **state)
{
    (void)state;
    for (double x = 0; x < 30; x += 0.7) {
        CHECK_NEAR(eg_chi2_above(x, 1), erfc(sqrt(x / 2)), 1e-14);
        CHECK_NEAR(eg_chi2_above(x, 2), exp(-x / 2), 1e-14);
        CHECK_NEAR(eg_chi2_above(x, 4), exp(-x / 2) * (1 + x / 2), 1e-14);
    }
    CHECK_NEAR(eg_chi2_above(7.814728, 3), 0.05, 1e-7); /* the usual tables */
    CHECK_NEAR(eg_chi2_above(18.307038, 10), 0.05, 1e-7);
    /* two numbers differ by less than q: erf(q / 2) */
    for (double q = 0; q < 6; q += 0.5) CHECK_NEAR(eg_normal_range(q, 2), erf(q / 2), 1e-12);
    CHECK_NEAR(eg_normal_range(3.314493, 3), 0.95, 1e-6);
    CHECK_NEAR(eg_normal_range(0, 5), 0, 1e-15);
}

/* Demsar 2006, table 5: q at 0.05 of 2 to 10 methods. */
static void critical_differences_are_those_of_the_table(void **state)
{
    (void)state;
    static const double q[] = { 1.960, 2.343, 2.569, 2.728, 2.850, 2.949, 3.031, 3.102, 3.164 };
    for (size_t m = 2; m <= 10; m++) {
        double score[3 * 10];
        eg_friedman r;
        for (size_t i = 0; i < 3 * m; i++) score[i] = (double)i;
        CHECK_OK(eg_friedman_test(score, 3, m, NULL, NULL, &r));
        CHECK_NEAR(r.difference / sqrt((double)(m * (m + 1)) / 18), q[m - 2], 1e-3);
        /* the same order on every set: the largest value there is, S (M - 1) */
        CHECK_NEAR(r.chi2, 3 * (double)(m - 1), 1e-9);
    }
}

static void friedman_follows_its_formula(void **state)
{
    (void)state;
    enum { S = 7, M = 4 };
    for (uint64_t seed = 0; seed < 30; seed++) {
        double score[S * M], rank[S * M], mean[M], want = 0, squares = 0;
        eg_friedman r;
        const int tied = seed % 2 == 1;
        for (size_t i = 0; i < S * M; i++)
            score[i] = tied ? (double)eg_random_below(seed, 1, i, 3)
                            : (double)eg_random_below(seed, 1, i, 1u << 30);
        CHECK_OK(eg_friedman_test(score, S, M, rank, mean, &r));
        for (size_t i = 0; i < S; i++)
            for (size_t j = 0; j < M; j++) {
                double above = 0, equal = 0;
                for (size_t k = 0; k < M; k++) {
                    above += score[i * M + k] > score[i * M + j];
                    equal += score[i * M + k] == score[i * M + j];
                }
                CHECK(rank[i * M + j] == above + (equal + 1) / 2);
                squares += pow(rank[i * M + j] - (M + 1) / 2.0, 2);
            }
        for (size_t j = 0; j < M; j++) {
            double sum = 0;
            for (size_t i = 0; i < S; i++) sum += rank[i * M + j] / S;
            CHECK_NEAR(mean[j], sum, 1e-12);
            want += pow(sum - (M + 1) / 2.0, 2);
        }
        /* without ties 12 S / (M (M + 1)) times the sum (Friedman 1937) */
        if (!tied) CHECK_NEAR(r.chi2, 12.0 * S / (M * (M + 1)) * want, 1e-9);
        CHECK_NEAR(r.chi2, S * S * (M - 1) * want / squares, 1e-9);
        CHECK_NEAR(r.p, eg_chi2_above(r.chi2, M - 1), 1e-15);
    }
}

static void nothing_to_tell_apart_is_said(void **state)
{
    (void)state;
    const double same[6] = { 1, 1, 2, 2, 3, 3 }, bad[2] = { 1, NAN };
    double mean[2];
    eg_friedman f;
    eg_signed_rank r;
    CHECK_OK(eg_friedman_test(same, 3, 2, NULL, mean, &f));
    CHECK(isnan(f.chi2) && f.p == 1 && mean[0] == 1.5 && mean[1] == 1.5);
    CHECK_OK(eg_signed_rank_test(same, same, 6, &r));
    CHECK(r.n == 0 && r.p == 1);
    CHECK_STATUS(eg_signed_rank_test(same, bad, 2, &r), EG_ERR_INVALID);
    CHECK_STATUS(eg_signed_rank_test(same, same, 0, &r), EG_ERR_INVALID);
    CHECK_STATUS(eg_friedman_test(bad, 1, 2, NULL, NULL, &f), EG_ERR_INVALID);
    CHECK_STATUS(eg_friedman_test(same, 3, 1, NULL, NULL, &f), EG_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(signed_ranks_count_every_sign),
        cmocka_unit_test(many_pairs_are_nearly_normal),
        cmocka_unit_test(distributions_have_their_closed_forms),
        cmocka_unit_test(critical_differences_are_those_of_the_table),
        cmocka_unit_test(friedman_follows_its_formula),
        cmocka_unit_test(nothing_to_tell_apart_is_said),
    };
    return cmocka_run_group_tests_name("ranks", tests, NULL, NULL);
}
