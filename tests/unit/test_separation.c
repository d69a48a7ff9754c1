/* The separation table at its borders: range, domains, names, and its page of documentation. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "assoc/egi_assoc.h"
#include "check.h"

/* Scores of any size give finite weights; powers are exact; what does not fit says so. */
static void range_is_kept(void **state)
{
    (void)state;
    const double huge[4] = { 1e300, -1e300, 9e299, 1e-300 };
    for (int row = 0; row < EG_SEP_COUNT; row++) {
        eg_rule rule = EG_RULE_INIT;
        double a[4], scale, e = 7;
        rule.separation = (eg_separation)row;
        for (rule.beta = 1e-3; rule.beta < 1e200; rule.beta *= 1e50) {
            CHECK_OK(eg_separation_weights(&rule, huge, NULL, 4, a, &scale));
            CHECK(isfinite(scale));
            for (int i = 0; i < 4; i++) CHECK(isfinite(a[i]));
            const eg_status s = eg_separation_energy(&rule, huge, NULL, 4, &e);
            const int power = row <= EG_SEP_RECTIFIED;
            CHECK(s == (power ? EG_ERR_OVERFLOW : EG_OK));
            CHECK(power ? e == 7 : isfinite(e));
        }
    }
    for (double n = 30; n <= 100; n += 70)
        for (int rectified = 0; rectified < 2; rectified++) {
            eg_rule rule = EG_RULE_INIT;
            rule.separation = rectified ? EG_SEP_RECTIFIED : EG_SEP_POWER;
            rule.order = n;
            const double s[3] = { 784, 780, -392 };
            double a[3], e, scale;
            const double exact = pow(784, n) + pow(780, n) + (rectified ? 0 : pow(392, n));
            CHECK_OK(eg_separation_energy(&rule, s, NULL, 3, &e));
            CHECK_NEAR(e / exact, 1, 4e-16);
            CHECK_OK(eg_separation_weights(&rule, s, NULL, 3, a, &scale));
            CHECK_NEAR(a[1] / pow(780.0 / 784.0, n - 1), 1, 1e-15 * n);
            CHECK_NEAR(a[2], rectified ? 0 : -pow(0.5, n - 1), 0);
            CHECK(a[0] == 1);
            CHECK_NEAR(scale, log(n) + (n - 1) * log(784), 1e-12);
        }
}

static void domains_are_refused(void **state)
{
    (void)state;
    eg_rule rule = EG_RULE_INIT;
    CHECK_OK(eg_rule_check(&rule));
    const double bad[] = { 0, -1, NAN, INFINITY };
    for (size_t i = 0; i < 4; i++) {
        rule.beta = bad[i];
        CHECK_STATUS(eg_rule_check(&rule), EG_ERR_INVALID);
        CHECK(strstr(eg_error_detail(), "beta") != NULL);
    }
    rule.separation = EG_SEP_MAX;
    CHECK_OK(eg_rule_check(&rule)); /* does not read beta */
    rule.beta = 1;
    const struct {
        eg_separation row;
        double order;
        eg_status want;
    } orders[] = { { EG_SEP_POWER, 2.5, EG_ERR_INVALID },
                   { EG_SEP_POWER, 1, EG_ERR_INVALID },
                   { EG_SEP_POWER, 3, EG_OK },
                   { EG_SEP_RECTIFIED, 2.5, EG_OK },
                   { EG_SEP_RECTIFIED, 1.9, EG_ERR_INVALID },
                   { EG_SEP_ENTMAX, 1, EG_ERR_INVALID },
                   { EG_SEP_ENTMAX, 1.0001, EG_OK },
                   { EG_SEP_NORMMAX, NAN, EG_ERR_INVALID },
                   { EG_SEP_SOFTMAX, NAN, EG_OK } };
    for (size_t i = 0; i < sizeof orders / sizeof orders[0]; i++) {
        rule.separation = orders[i].row;
        rule.order = orders[i].order;
        CHECK_STATUS(eg_rule_check(&rule), orders[i].want);
        if (orders[i].want < 0) CHECK(strstr(eg_error_detail(), "order") != NULL);
    }
    rule = (eg_rule)EG_RULE_INIT;
    rule.separation = EG_SEP_TOPK;
    rule.k = 0;
    CHECK_STATUS(eg_rule_check(&rule), EG_ERR_INVALID);
    rule = (eg_rule)EG_RULE_INIT;
    double s[2] = { 1, NAN }, w[2] = { 1, 1 }, a[2] = { 5, 5 };
    CHECK_STATUS(eg_separation_weights(&rule, s, w, 2, a, NULL), EG_ERR_INVALID);
    s[1] = 1;
    w[0] = 0;
    CHECK_STATUS(eg_separation_weights(&rule, s, w, 2, a, NULL), EG_ERR_INVALID);
    w[0] = INFINITY;
    CHECK_STATUS(eg_separation_weights(&rule, s, w, 2, a, NULL), EG_ERR_OVERFLOW);
    CHECK_STATUS(eg_separation_weights(&rule, s, NULL, 0, a, NULL), EG_ERR_INVALID);
    CHECK_STATUS(eg_separation_weights(NULL, s, NULL, 2, a, NULL), EG_ERR_INVALID);
    CHECK_STATUS(eg_separation_energy(&rule, s, NULL, 2, NULL), EG_ERR_INVALID);
    rule.separation = EG_SEP_POWER;
    rule.order = 30;
    s[0] = s[1] = 1e20;
    CHECK_STATUS(eg_separation_derivative(&rule, s, NULL, s, 2, a), EG_ERR_OVERFLOW);
    CHECK(a[0] == 5 && a[1] == 5);
}

/* Names go there and back, and the page of docs has every one of them. */
static void rows_are_documented(void **state)
{
    (void)state;
    const eg_row_info *info;
    char *page = calloc(1, 1 << 20), cell[64], path[4096];
    CHECK(getenv("EG_TEST_DATA") != NULL);
    snprintf(path, sizeof path, "%s/../docs/associations.md", getenv("EG_TEST_DATA"));
    FILE *f = fopen(path, "rb");
    CHECK(f != NULL);
    CHECK(page != NULL && fread(page, 1, (1 << 20) - 1, f) > 0);
    fclose(f);
    for (int row = 0; (info = eg_separation_info((eg_separation)row)) != NULL; row++) {
        CHECK(eg_separation_find(info->name) == row);
        CHECK(info->formula[0] && info->source[0]);
        snprintf(cell, sizeof cell, "| `%s` |", info->name);
        CHECK(strstr(page, cell) != NULL);
    }
    for (int row = 0; (info = eg_similarity_info((eg_similarity)row)) != NULL; row++) {
        CHECK(eg_similarity_find(info->name) == row);
        snprintf(cell, sizeof cell, "| `%s` |", info->name);
        CHECK(strstr(page, cell) != NULL);
    }
    for (int row = 0; (info = eg_projection_info((eg_projection)row)) != NULL; row++) {
        CHECK(eg_projection_find(info->name) == row);
        snprintf(cell, sizeof cell, "| `%s` |", info->name);
        CHECK(strstr(page, cell) != NULL);
    }
    free(page);
    CHECK(eg_separation_find("sparsemax") == EG_SEP_ENTMAX);
    CHECK(eg_separation_find("classical") == EG_SEP_IDENTITY);
    CHECK(eg_separation_find("no such row") == -1 && eg_separation_find(NULL) == -1);
    CHECK(eg_separation_info((eg_separation)-1) == NULL);
    CHECK(eg_separation_info(EG_SEP_COUNT) == NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(range_is_kept),
        cmocka_unit_test(domains_are_refused),
        cmocka_unit_test(rows_are_documented),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
