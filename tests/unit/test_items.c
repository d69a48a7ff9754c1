/* Fingerprints as packed bits, and tables that say of items what their data do not: label, group,
 * folds; folds that part no group; two files as one set, and some items as one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>

#include "data_bytes.h"
#include "engram/train.h"

static eg_status read_as(const char *format, const char *text, eg_read_options o, eg_dataset *out)
{
    return egi_read_bytes(format, "t", (const uint8_t *)text, strlen(text), &o, out);
}

static eg_status read_fps(const char *text, eg_dataset *out)
{
    return read_as(NULL, text, (eg_read_options)EG_READ_OPTIONS_INIT, out);
}

/* ---- packed bits ---- */

static void bits_lie_from_the_lowest_of_each_byte(void **state)
{
    (void)state;
    static const float x[2][12] = { { 1, 0, 0, 0, 0, 0, 0, 1, 1, 1, 0, 0 },
                                    { 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 } };
    eg_dataset s;
    CHECK_OK(read_fps("#FPS1\r\n#num_bits=12\n#software=x\n8103\ta b\tmore\n\n0008\tc\r\n", &s));
    CHECK(s.n == 2 && s.d == 12 && s.labels == NULL);
    CHECK_SAME_BITS(s.x, x, sizeof x);
    assert_string_equal(s.item_names[0], "a b");
    assert_string_equal(s.item_names[1], "c");
    eg_dataset_clear(&s);
}

/* Ethanol and phenol as RDKit 2022.09 writes them (radius 2, 64 bits), and its lists of bits. */
static void another_program_means_the_same_bits(void **state)
{
    (void)state;
    static const uint8_t on[2][10] = { { 2, 16, 30, 33, 38, 39 },
                                       { 0, 1, 2, 5, 17, 22, 36, 39, 41, 47 } };
    static const size_t count[2] = { 6, 10 };
    eg_dataset s;
    CHECK_OK(read_fps("#FPS1\n04000140C2000000\tCCO\n2700420090820400\tphenol\n", &s));
    CHECK(s.n == 2 && s.d == 64);
    for (size_t i = 0; i < 2; i++) {
        double sum = 0;
        for (size_t k = 0; k < 64; k++) sum += (double)s.x[i * 64 + k];
        CHECK(sum == (double)count[i] + (double)i); /* phenol has bit 50 too */
        for (size_t k = 0; k < count[i]; k++) CHECK(s.x[i * 64 + on[i][k]] == 1);
    }
    CHECK(s.x[64 + 50] == 1);
    eg_dataset_clear(&s);
}

static void fingerprints_that_are_none_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text, *words;
    } rows[] = {
        { "#FPS1\n8g\ta\n", "t:2:2: expected a hexadecimal digit, got \"g\"" },
        { "#FPS1\n81\ta\n8101\tb\n", "t:3:1: expected 2 digits (8 bits), got 4" },
        { "#FPS1\n81\ta\n8\tb\n", "expected 2 digits (8 bits), got 1" },
        { "#FPS1\n\ta\n", "t:2:1: expected 0 digits" },
        { "#FPS1\nnan\ta\n", "got \"n\"" },
        { "#FPS1\n#num_bits=4\n1f\ta\n", "t:3:1: expected bits from 4 on to be 0, got \"1f\"" },
        { "#FPS1\n#num_bits=16\n81\ta\n", "expected 4 digits (16 bits), got 2" },
        { "#FPS1\n#num_bits=0\n81\ta\n",
          "t:2:11: num_bits: expected a count in 1..1e6, got \"0\"" },
        { "#FPS1\n#num_bits=1e9\n81\ta\n", "expected a count in 1..1e6" },
        { "#FPS1\n#num_bits=8.5\n81\ta\n", "expected a count in 1..1e6" },
        { "#FPS1\n81\ta\n#num_bits=8\n", "t:3:1: num_bits: expected once, before the first" },
        { "#FPS1\n#num_bits=8\n#num_bits=9\n", "num_bits: expected once" },
        { "#FPS1\n81\n", "t:2:3: expected a tab and a name, got none" },
        { "#FPS1\n81\t\n", "expected a tab and a name" },
        { "#FPS1\n#num_bits=8\n", "holds 0 items" },
        { "#FPS1\n8z\ta\nzz\tb\n", "(2 problems in all)" },
    };
    for (size_t i = 0; i < EGI_COUNT(rows); i++) {
        eg_dataset s = { .n = 77 };
        const eg_status status = read_fps(rows[i].text, &s);
        if (status != EG_ERR_CORRUPT || strstr(eg_error_detail(), rows[i].words) == NULL
            || s.n != 77)
            fail_msg("\"%s\": %s: %s; expected \"%s\"", rows[i].text, eg_status_name(status),
                     eg_error_detail(), rows[i].words);
    }
}

static void a_limit_is_of_items(void **state)
{
    (void)state;
    eg_dataset s;
    eg_read_options o = EG_READ_OPTIONS_INIT;
    o.max_items = 1;
    CHECK_OK(read_as(NULL, "#FPS1\n81\ta\nzz\tb\n", o, &s)); /* the rest is not looked at */
    CHECK(s.n == 1);
    eg_dataset_clear(&s);
    o = (eg_read_options)EG_READ_OPTIONS_INIT;
    o.max_bytes = 100;
    CHECK_STATUS(read_as(NULL, "#FPS1\n#num_bits=32\n00000081\ta\n", o, &s), EG_ERR_LIMIT);
}

/* ---- tables of items ---- */

static const char four[] = "#FPS1\n01\ta\n02\tb\n04\tc\n08\td\n";
static const char table[] = "name,ring,tox,size,\"a, b\",test1,test2\n"
                            "a,x,1,,small,1,0\n"
                            "b,y,,2,large,1,0\n"
                            "c,x,0,NA,small,0,1\n"
                            "d,w,1,9,NA,0,1\n";

/* What the table says under these columns; status of the read. */
static eg_status read_with(const char *data, const char *items, const char *label,
                           const char *group, int folds, eg_dataset *out)
{
    const char *path = tmp_path(0, "items.csv");
    eg_read_options o = EG_READ_OPTIONS_INIT;
    put_file(path, items, strlen(items));
    o.labels = path;
    o.label_column = label;
    o.group_column = group;
    o.folds = folds;
    o.index_base = 1;
    const eg_status s = read_as(data[0] == '#' ? NULL : "svmlight", data, o, out);
    unlink(path);
    return s;
}

static void each_column_of_a_table_is_a_task(void **state)
{
    (void)state;
    eg_dataset s;
    CHECK_OK(read_with(four, table, "tox", "ring", 1, &s));
    CHECK(s.n == 3 && s.d == 8 && s.classes == 2 && s.class_names == NULL && s.groups == 3);
    CHECK(s.labels[0] == 1 && s.labels[1] == 0 && s.labels[2] == 1);
    CHECK(s.x[0] == 1 && s.x[8 + 2] == 1 && s.x[16 + 3] == 1); /* b is left out */
    assert_string_equal(s.item_names[1], "c");
    CHECK(s.group[0] == 1 && s.group[1] == 1 && s.group[2] == 0); /* x, x, w */
    CHECK(s.fold_count == 2);
    CHECK(s.folds[0] == EG_ROLE_TEST && s.folds[1] == EG_ROLE_TRAIN && s.folds[3] == EG_ROLE_TRAIN
          && s.folds[5] == EG_ROLE_TEST);
    eg_dataset_clear(&s);
    CHECK_OK(read_with(four, table, "size", NULL, 0, &s)); /* numbers that are names */
    CHECK(s.n == 2 && s.classes == 2 && s.group == NULL && s.fold_count == 0);
    assert_string_equal(s.class_names[1], "9");
    eg_dataset_clear(&s);
    CHECK_OK(read_with(four, table, "a, b", NULL, 0, &s)); /* a name with a comma; NA of texts */
    CHECK(s.n == 3 && s.labels[0] == 1 && s.labels[1] == 0);
    assert_string_equal(s.class_names[0], "large");
    eg_dataset_clear(&s);
    CHECK_OK(read_with(four, table, NULL, "ring", 0, &s)); /* of no task: all items, no labels */
    CHECK(s.n == 4 && s.labels == NULL && s.groups == 3);
    eg_dataset_clear(&s);
    CHECK_OK(read_with("1 1:2\n1 2:1\n-1 1:1\n1 1:4\n", table, "tox", NULL, 0, &s));
    CHECK(s.n == 3 && s.d == 2 && s.class_names == NULL && s.labels[1] == 0 && s.x[2] == 1);
    eg_dataset_clear(&s);
    CHECK_OK(read_with(four, "y\n3\n5\n3\n5\n", NULL, NULL, 0, &s)); /* the only column */
    CHECK(s.n == 4 && s.labels[1] == 1);
    assert_string_equal(s.class_names[0], "3");
    eg_dataset_clear(&s);
}

static void tables_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *items, *label, *group, *words;
        int folds;
    } rows[] = {
        { "tox,ring\n1,x\n0,y\n", "tox", NULL, "2 x 1 labels, expected 4 x 1, as items in t", 0 },
        { table, "toxic", NULL, "no column is named toxic, as label_column", 0 },
        { table, "tox", "rings", "no column is named rings, as group_column", 0 },
        { "tox,a\n,1\n,1\nNA,1\n,1\n", "tox", NULL, "none of 4 items has a label", 0 },
        { "tox,ring\n1,x\n0,\n1,z\n0,w\n", "tox", "ring", ":3:3: group: expected one, got an", 0 },
        { "tox,a\n1\n0,1\n1,1\n0,1\n", "tox", NULL, ":2:1: expected 2 cells", 0 },
        { "tox,a\n1,1\n0,1\n1,1\n0,1\n", "tox", NULL, "expected columns test1, test2", 1 },
    };
    for (size_t i = 0; i < EGI_COUNT(rows); i++) {
        eg_dataset s = { .n = 77 };
        const eg_status status =
            read_with(four, rows[i].items, rows[i].label, rows[i].group, rows[i].folds, &s);
        if (status != EG_ERR_CORRUPT || strstr(eg_error_detail(), rows[i].words) == NULL
            || s.n != 77)
            fail_msg("row %zu: %s: %s; expected \"%s\"", i, eg_status_name(status),
                     eg_error_detail(), rows[i].words);
    }
}

static void a_table_of_values_has_groups_too(void **state)
{
    (void)state;
    eg_dataset s;
    eg_read_options o = EG_READ_OPTIONS_INIT;
    o.group_column = "who";
    CHECK_OK(read_as("csv", "x,who,label\n1,b,0\n2,a,1\n3,b,1\n", o, &s));
    CHECK(s.n == 3 && s.d == 1 && s.groups == 2);
    CHECK(s.group[0] == 1 && s.group[1] == 0 && s.group[2] == 1);
    eg_dataset_clear(&s);
    CHECK_STATUS(read_as("csv", "x,label\n1,0\n", o, &s), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "no column is named who, as group_column") != NULL);
    o.bag_column = "";
    CHECK_STATUS(read_as("csv", "bag,who,x\nk,a,1\nk,b,2\n", o, &s), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "t:3:1: bag \"k\": expected one group, got \"a\"") != NULL);
}

/* Every allocation of a read with a table fails once: nothing leaks. */
static void a_table_survives_every_allocation(void **state)
{
    (void)state;
    const char *path = tmp_path(0, "faults.csv");
    put_file(path, table, sizeof table - 1);
    eg_status s = EG_ERR_NOMEM;
    for (size_t k = 0; s != EG_OK; k++) {
        struct failing f = { .fail_at = k };
        const eg_allocator a = failing_allocator(&f);
        eg_read_options o = EG_READ_OPTIONS_INIT;
        o.alloc = &a;
        o.labels = path;
        o.label_column = "a, b";
        o.group_column = "ring";
        o.folds = 1;
        eg_dataset set;
        s = read_as(NULL, four, o, &set);
        CHECK(s == EG_OK || s == EG_ERR_NOMEM);
        if (s == EG_OK) eg_dataset_clear(&set);
        CHECK(f.live == 0);
    }
    unlink(path);
}

/* ---- sets of some items, and of two files ---- */

static void some_items_keep_what_is_known_of_them(void **state)
{
    (void)state;
    static const size_t index[] = { 3, 0, 3 };
    eg_dataset s, some = { .n = 9 };
    CHECK_OK(read_with(four, table, "a, b", "ring", 1, &s)); /* a, b and c */
    CHECK(s.n == 3);
    CHECK_STATUS(eg_dataset_select(&s, index, 3, &some), EG_ERR_INVALID);
    CHECK(some.n == 9 && strstr(eg_error_detail(), "index[0] = 3 of 3 items") != NULL);
    CHECK_STATUS(eg_dataset_select(&s, index, 0, &some), EG_ERR_INVALID);
    eg_dataset_clear(&s);
    CHECK_OK(read_with(four, table, NULL, "ring", 1, &s));
    CHECK_OK(eg_dataset_select(&s, index, 3, &some));
    CHECK(some.n == 3 && some.d == 8 && some.x[3] == 1 && some.x[8] == 1 && some.x[16 + 3] == 1);
    CHECK(some.group[0] == s.group[3] && some.group[1] == s.group[0] && some.groups == 3);
    CHECK(some.fold_count == 2 && some.folds[0] == s.folds[3] && some.folds[3 + 1] == s.folds[4]);
    assert_string_equal(some.item_names[2], "d");
    eg_dataset_clear(&some);
    size_t offset[] = { 0, 1, 2, 3, 4 };
    s.offset = offset;
    CHECK_STATUS(eg_dataset_select(&s, index, 2, &some), EG_ERR_UNSUPPORTED);
    s.offset = NULL;
    eg_dataset_clear(&s);
}

/* Of NAME_TRAIN.tsv and NAME_TEST.tsv as one name; texts of both. */
static eg_status read_split(const char *train, const char *test, int folds, eg_dataset *out)
{
    char root[512], path[3][600], old[4096] = "";
    const char *env = getenv("ENGRAM_DATA");
    if (env != NULL) snprintf(old, sizeof old, "%s", env);
    snprintf(root, sizeof root, "%s", tmp_path(0, "split"));
    snprintf(path[0], sizeof path[0], "%s/series", root);
    snprintf(path[1], sizeof path[1], "%s/series/S_TRAIN.tsv", root);
    snprintf(path[2], sizeof path[2], "%s/series/S_TEST.tsv", root);
    CHECK(mkdir(root, 0700) == 0 && mkdir(path[0], 0700) == 0);
    put_file(path[1], train, strlen(train));
    put_file(path[2], test, strlen(test));
    CHECK(setenv("ENGRAM_DATA", root, 1) == 0);
    eg_read_options o = EG_READ_OPTIONS_INIT;
    o.folds = folds;
    const eg_status s = eg_catalogue_read("series/S", &o, out);
    CHECK(env != NULL ? setenv("ENGRAM_DATA", old, 1) == 0 : unsetenv("ENGRAM_DATA") == 0);
    unlink(path[1]);
    unlink(path[2]);
    CHECK(rmdir(path[0]) == 0 && rmdir(root) == 0);
    return s;
}

static void an_official_division_is_a_fold(void **state)
{
    (void)state;
    eg_dataset s;
    CHECK_OK(read_split("1\t5\t6\n2\t7\t8\n", "2\t1\t2\n1\t3\t4\n1\t9\t9\n", 1, &s));
    CHECK(s.n == 5 && s.d == 2 && s.classes == 2 && s.fold_count == 1);
    for (size_t i = 0; i < 5; i++) CHECK(s.folds[i] == (i < 2 ? EG_ROLE_TRAIN : EG_ROLE_TEST));
    CHECK(s.labels[1] == 1 && s.labels[2] == 1 && s.labels[3] == 0 && s.x[4] == 1 && s.x[9] == 9);
    eg_dataset_clear(&s);
    CHECK_OK(read_split("1\t5\n2\t7\n", "2\t1\n1\t3\n", 0, &s));
    CHECK(s.n == 4 && s.fold_count == 0 && s.folds == NULL);
    eg_dataset_clear(&s);
    /* other classes: 0 and 1 of the one are not 0 and 1 of the other */
    CHECK_STATUS(read_split("1\t5\n2\t7\n", "2\t1\n3\t3\n", 1, &s), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "class 0 is 2, expected 1") != NULL);
    CHECK_STATUS(read_split("1\t5\n2\t7\n", "2\t1\t1\n1\t3\t1\n", 1, &s), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "2 values, 2 classes, expected 1 and 2") != NULL);
}

/* ---- folds of groups ---- */

enum { N = 60, K = 5 };

static void folds_part_no_group(void **state)
{
    (void)state;
    uint32_t group[N], fold[N], again[N], other[N];
    size_t size[K] = { 0 }, differ = 0;
    for (size_t i = 0; i < N; i++) group[i] = (uint32_t)(i * 7 % 23 * 1000);
    group[0] = UINT32_MAX;
    CHECK_OK(eg_split_groups(group, N, K, 3, fold));
    for (size_t i = 0; i < N; i++) {
        CHECK(fold[i] < K);
        size[fold[i]]++;
        for (size_t j = 0; j < i; j++) CHECK(group[i] != group[j] || fold[i] == fold[j]);
    }
    for (size_t f = 0; f < K; f++) CHECK(size[f] >= N / K - 3 && size[f] <= N / K + 3);
    CHECK_OK(eg_split_groups(group, N, K, 3, again));
    CHECK_SAME_BITS(fold, again, sizeof fold);
    CHECK_OK(eg_split_groups(group, N, K, 4, other));
    for (size_t i = 0; i < N; i++) differ += fold[i] != other[i];
    CHECK(differ > 0);
    /* one group of most examples has a fold of its own */
    for (size_t i = 0; i < N; i++) group[i] = i < 40 ? 0 : (uint32_t)i;
    CHECK_OK(eg_split_groups(group, N, K, 3, fold));
    for (size_t i = 40; i < N; i++) CHECK(fold[i] != fold[0]);
    CHECK_STATUS(eg_split_groups(group, N, 22, 3, fold), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "22 folds of 21 groups") != NULL);
    CHECK_STATUS(eg_split_groups(group, N, 1, 3, fold), EG_ERR_INVALID);
    CHECK_STATUS(eg_split_groups(NULL, N, 2, 3, fold), EG_ERR_INVALID);
}

static void shares_part_no_group(void **state)
{
    (void)state;
    uint32_t group[N], chosen[N], again[N];
    for (size_t i = 0; i < N; i++) group[i] = (uint32_t)(i * 7 % 23 * 1000);
    for (double share = 0; share <= 1; share += 0.125) { /* groups of 2 and 3 of N examples */
        size_t size = 0;
        CHECK_OK(eg_split_share_groups(group, N, share, 3, chosen));
        for (size_t i = 0; i < N; i++) {
            CHECK(chosen[i] <= 1);
            size += chosen[i];
            for (size_t j = 0; j < i; j++) CHECK(group[i] != group[j] || chosen[i] == chosen[j]);
        }
        CHECK_NEAR((double)size, share * N, 1.5);
        CHECK_OK(eg_split_share_groups(group, N, share, 3, again));
        CHECK_SAME_BITS(chosen, again, sizeof chosen);
    }
    CHECK_OK(eg_split_share_groups(group, N, 0.5, 3, chosen));
    CHECK_OK(eg_split_share_groups(group, N, 0.5, 4, again));
    CHECK(memcmp(chosen, again, sizeof chosen) != 0);
    for (size_t i = 0; i < N; i++) group[i] = 7; /* one group: nearer to none of them */
    CHECK_OK(eg_split_share_groups(group, N, 0.3, 3, chosen));
    for (size_t i = 0; i < N; i++) CHECK(chosen[i] == 0);
    CHECK_STATUS(eg_split_share_groups(group, N, 1.5, 3, chosen), EG_ERR_INVALID);
    CHECK_STATUS(eg_split_share_groups(group, N, (double)NAN, 3, chosen), EG_ERR_INVALID);
    CHECK_STATUS(eg_split_share_groups(NULL, N, 0.5, 3, chosen), EG_ERR_INVALID);
}

/* Each input is its group and no label follows from it: who has seen the group knows the label. */
static void validation_keeps_groups_together(void **state)
{
    (void)state;
    enum { M = 2 * N, EACH = 8 };
    static float x[M];
    static int32_t y[M];
    static uint32_t group[M];
    for (size_t i = 0; i < M; i++) {
        group[i] = (uint32_t)(i / EACH);
        x[i] = (float)(group[i] * 7 % 15);
        y[i] = (int32_t)(eg_random_below(9, 0, group[i], 2));
    }
    eg_dataset set = { .n = M, .d = 1, .x = x, .labels = y, .classes = 2 };
    eg_validation v = { .data = &set,
                        .task = { .inputs = 1, .classes = 2, .epochs = 1 },
                        .base = "{\"kind\": \"knn\", \"k\": 1}",
                        .grid = "{\"k\": [1, 3]}",
                        .folds = K,
                        .repeats = 1,
                        .inner = 2,
                        .seed = 2,
                        .threads = 1 };
    eg_validated out[K];
    CHECK_OK(eg_cross_validate(&v, NULL, out));
    for (size_t f = 0; f < K; f++) CHECK(out[f].scored.accuracy == 1 && out[f].choice > 0.95);
    set.group = group;
    set.groups = M / EACH;
    CHECK_OK(eg_cross_validate(&v, NULL, out));
    double tested = 0, choice = 0;
    for (size_t f = 0; f < K; f++) {
        tested += out[f].scored.accuracy / K;
        choice += out[f].choice / K;
    }
    CHECK(tested < 0.9);
    CHECK(choice < 0.9); /* folds of the choice part no group either */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_lie_from_the_lowest_of_each_byte),
        cmocka_unit_test(another_program_means_the_same_bits),
        cmocka_unit_test(fingerprints_that_are_none_are_refused),
        cmocka_unit_test(a_limit_is_of_items),
        cmocka_unit_test(each_column_of_a_table_is_a_task),
        cmocka_unit_test(tables_that_do_not_fit_are_refused),
        cmocka_unit_test(a_table_of_values_has_groups_too),
        cmocka_unit_test(a_table_survives_every_allocation),
        cmocka_unit_test(some_items_keep_what_is_known_of_them),
        cmocka_unit_test(an_official_division_is_a_fold),
        cmocka_unit_test(folds_part_no_group),
        cmocka_unit_test(shares_part_no_group),
        cmocka_unit_test(validation_keeps_groups_together),
    };
    return cmocka_run_group_tests_name("items", tests, NULL, NULL);
}
