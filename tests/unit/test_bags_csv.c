/* Bags and folds that a table brings: which rows are one item, and what is refused. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "data/egi_data.h"

static eg_status read_as(const char *text, const char *bag, int folds, eg_dataset *out)
{
    eg_read_options o = EG_READ_OPTIONS_INIT;
    o.bag_column = bag;
    o.folds = folds;
    return egi_read_bytes("csv", "t", (const uint8_t *)text, strlen(text), &o, out);
}

static void check_fails(const char *text, const char *bag, int folds, const char *words)
{
    eg_dataset s = { .n = 77 };
    const eg_status status = read_as(text, bag, folds, &s);
    if (status != EG_ERR_CORRUPT || strstr(eg_error_detail(), words) == NULL || s.n != 77)
        fail_msg("\"%s\": %s: %s; expected \"%s\"", text, eg_status_name(status), eg_error_detail(),
                 words);
}

static const char three_bags[] = "bag,label,x,y\n"
                                 "a,1,1,2\n"
                                 "b,0,3,4\n"
                                 "b,0,5,6\n"
                                 "b,0,7,8\n"
                                 "c,1,9,10\n"
                                 "c,1,9,10\n";

static void rows_of_one_name_are_one_item(void **state)
{
    (void)state;
    static const size_t offset[] = { 0, 1, 4, 6 };
    static const int32_t label[] = { 1, 0, 1 };
    eg_dataset s;
    CHECK_OK(read_as(three_bags, "", 0, &s));
    CHECK(s.n == 3 && s.d == 2 && s.classes == 2 && eg_dataset_rows(&s) == 6);
    CHECK(memcmp(s.offset, offset, sizeof offset) == 0);
    CHECK(memcmp(s.labels, label, sizeof label) == 0);
    CHECK(s.x[0] == 1 && s.x[6] == 7 && s.x[11] == 10);
    assert_string_equal(s.item_names[1], "b");
    assert_string_equal(s.column_names[1], "y");
    eg_dataset_clear(&s);
    /* without a request the rows are apart, and a name is no number */
    check_fails(three_bags, NULL, 0, "t:2:1: column 1 \"bag\": expected a number, got \"a\"");
    /* a table without such a column has no bags; a column of another name has to be there */
    CHECK_OK(read_as("x,label\n1,0\n2,1\n", "", 0, &s));
    CHECK(s.n == 2 && s.offset == NULL && s.item_names == NULL);
    eg_dataset_clear(&s);
    CHECK_OK(read_as("picture,x,label\n7,1,0\n7,2,0\n8,1,1\n", "picture", 0, &s));
    CHECK(s.n == 2 && s.offset[1] == 2);
    eg_dataset_clear(&s);
    check_fails("x,label\n1,0\n", "picture", 0, "no column is named picture, as bag_column");
}

static void a_limit_is_of_bags_that_are_whole(void **state)
{
    (void)state;
    eg_dataset s;
    eg_read_options o = EG_READ_OPTIONS_INIT;
    o.bag_column = "";
    for (size_t n = 1; n <= 4; n++) {
        o.max_items = n;
        CHECK_OK(
            egi_read_bytes("csv", "t", (const uint8_t *)three_bags, strlen(three_bags), &o, &s));
        CHECK(s.n == (n < 3 ? n : 3) && eg_dataset_rows(&s) == (n == 1 ? 1 : n == 2 ? 4 : 6));
        eg_dataset_clear(&s);
    }
}

static void bags_that_contradict_themselves_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } rows[] = {
        { "bag,label,x\na,1,1\na,0,2\n", "t:3:1: bag \"a\": expected one label, got \"1\" in" },
        { "bag,label,x\na,1,1\nb,1,2\na,1,3\n", "t:4:1: bag \"a\": expected its rows one after" },
        { "bag,label,x\n,1,1\n", "t:2:1: bag: expected one, got an empty cell" },
        { "bag,label,x\na,,1\n", "t:2:3: label: expected one, got an empty cell" },
        { "bag,label,x\na,1,nan\n", "t:2:5: column 3 \"x\": expected a number, got \"nan\"" },
        { "bag,label,x\na,1,\n", "a missing value" },
        { "bag,label,x\na,1\n,1,2\n", "t:2:1: expected 3 cells as in the first line, got 2" },
        { "bag,label,x,x\na,1,1,2\n", "columns 3 and 4 are both named \"x\"; rename one" },
        { "bag,bag,x\na,1,1\n", "columns 1 and 2 are both named \"bag\"" },
        { "bag,label,x\n", "no rows after the header" },
        { "bag,label\na,1\n", "expected a column of numbers" },
    };
    for (size_t i = 0; i < EGI_COUNT(rows); i++) check_fails(rows[i].text, "", 0, rows[i].words);
}

static void folds_are_read_where_they_are_asked_for(void **state)
{
    (void)state;
    static const char text[] = "x,label,test1,test2,val1,val2\n"
                               "1,0,1,0,0,0\n2,1,0,1,0,0\n3,0,0,0,1,0\n4,1,0,0,0,1\n";
    static const uint8_t role[2][4] = { { EG_ROLE_TEST, EG_ROLE_TRAIN, EG_ROLE_VALID, 0 },
                                        { EG_ROLE_TRAIN, EG_ROLE_TEST, 0, EG_ROLE_VALID } };
    eg_dataset s;
    CHECK_OK(read_as(text, NULL, 1, &s));
    CHECK(s.n == 4 && s.d == 1 && s.fold_count == 2 && memcmp(s.folds, role, sizeof role) == 0);
    eg_dataset_clear(&s);
    CHECK_OK(read_as(text, NULL, 0, &s));
    CHECK(s.d == 5 && s.fold_count == 0 && s.folds == NULL);
    eg_dataset_clear(&s);
    CHECK_OK(read_as("bag,x,test1\na,1,1\na,2,1\nb,3,0\n", "", 1, &s));
    CHECK(s.n == 2 && s.fold_count == 1 && s.folds[0] == EG_ROLE_TEST && s.folds[1] == 0);
    eg_dataset_clear(&s);
}

static void folds_that_are_none_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } rows[] = {
        { "x\n1\n", "expected columns test1, test2, .. that are folds, got none" },
        { "x,test2\n1,0\n", "expected columns test1 to" },
        { "x,test1,test2,val1\n1,1,0,0\n2,0,1,0\n", "expected a column val2 beside test2" },
        { "x,test1,val1,val2\n1,1,0,0\n2,0,1,0\n", "3 columns of folds" },
        { "x,test1\n1,2\n", "t:2:3: column 2 \"test1\": expected 0 or 1, got \"2\"" },
        { "x,test1,val1\n1,1,1\n2,0,0\n", "t:2:1: fold 1: expected a row of test1 or of val1" },
        { "x,test1\n1,0\n2,0\n", "fold 1: 2 items to train on, 0 to test" },
        { "x,test1\n1,1\n2,1\n", "fold 1: 0 items to train on, 2 to test" },
        { "bag,x,test1\na,1,1\na,2,0\nb,3,0\n", "t:3:1: bag \"a\": expected its rows in one part" },
    };
    for (size_t i = 0; i < EGI_COUNT(rows); i++) check_fails(rows[i].text, "", 1, rows[i].words);
}

/* Means and deviations over the rows of the items that are named, the long way. */
static void columns_are_measured_over_rows_of_bags(void **state)
{
    (void)state;
    static const size_t some[] = { 1, 2 };
    float shift[2], scale[2];
    eg_dataset s;
    CHECK_OK(read_as(three_bags, "", 0, &s));
    CHECK_OK(eg_dataset_columns(&s, some, 2, shift, scale));
    for (int j = 0; j < 2; j++) {
        double mean = 0, squares = 0;
        for (int r = 1; r < 6; r++) mean += (double)s.x[r * 2 + j] / 5;
        for (int r = 1; r < 6; r++) squares += pow((double)s.x[r * 2 + j] - mean, 2) / 5;
        CHECK_NEAR((double)shift[j], mean, 1e-5);
        CHECK_NEAR((double)scale[j], 1 / sqrt(squares), 1e-5);
    }
    const float x = s.x[10];
    eg_dataset_scale_columns(&s, shift, scale);
    CHECK_NEAR(s.x[10], (x - shift[0]) * scale[0], 1e-6);
    /* one that does not vary is shifted alone */
    CHECK_OK(eg_dataset_columns(&s, some, 1, shift, scale));
    s.x[8] = s.x[9] = s.x[10] = s.x[11] = 3;
    CHECK_OK(eg_dataset_columns(&s, some + 1, 1, shift, scale));
    CHECK(shift[0] == 3 && scale[0] == 1);
    CHECK_STATUS(eg_dataset_columns(&s, some, 0, shift, scale), EG_ERR_INVALID);
    eg_dataset_clear(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rows_of_one_name_are_one_item),
        cmocka_unit_test(a_limit_is_of_bags_that_are_whole),
        cmocka_unit_test(bags_that_contradict_themselves_are_refused),
        cmocka_unit_test(folds_are_read_where_they_are_asked_for),
        cmocka_unit_test(folds_that_are_none_are_refused),
        cmocka_unit_test(columns_are_measured_over_rows_of_bags),
    };
    return cmocka_run_group_tests_name("bags_csv", tests, NULL, NULL);
}
