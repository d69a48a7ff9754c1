/* Sets of several files: parts, limits over all of them, and where sets are looked for. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "data_folder.h"

static void put_batches(const char *set, const char *const *files, size_t n, size_t records)
{
    static uint8_t batch[4 * 3073];
    CHECK(mkdir(in_root(set), 0700) == 0);
    for (size_t k = 0; k < n; k++) {
        char name[200];
        snprintf(name, sizeof name, "%s/%s", set, files[k]);
        for (size_t r = 0; r < records; r++) batch[r * 3073] = (uint8_t)(r % 10);
        (void)put(name, batch, records * 3073);
    }
}

static void parts_of_several_files_are_one(void **state)
{
    static const char *const files[] = { "data_batch_1.bin", "data_batch_2.bin", "test_batch.bin" };
    eg_read_options o = EG_READ_OPTIONS_INIT;
    eg_dataset set;
    char where[1000];
    (void)state;
    CHECK(setenv("ENGRAM_DATA", root, 1) == 0);
    put_batches("batches", files, 3, 4);
    CHECK_OK(eg_catalogue_read("batches/train", NULL, &set));
    CHECK(set.n == 8 && set.d == 3072 && set.height == 32 && set.width == 32);
    eg_dataset_clear(&set);
    for (size_t most = 3; most <= 6; most++) { /* ends in the first file, at its end, in the next */
        o.max_items = most;
        CHECK_OK(eg_catalogue_read("batches/train", &o, &set));
        CHECK(set.n == most);
        eg_dataset_clear(&set);
    }
    o.max_items = 0;
    o.max_bytes = 4 * 3072 * sizeof(float) + 100; /* the first and no more */
    CHECK_STATUS(eg_catalogue_read("batches/train", &o, &set), EG_ERR_LIMIT);
    o.max_bytes = 4 * 3072 * sizeof(float); /* to the byte */
    CHECK_STATUS(eg_catalogue_read("batches/train", &o, &set), EG_ERR_LIMIT);
    o.max_bytes = 100;
    CHECK_STATUS(eg_catalogue_read("batches/train", &o, &set), EG_ERR_LIMIT);
    o.max_bytes = 0;
    o.format = "cifar";
    CHECK_OK(eg_catalogue_read("batches/test", &o, &set));
    CHECK(set.n == 4);
    eg_dataset_clear(&set);
    CHECK_STATUS(eg_catalogue_read("batches", NULL, &set), EG_ERR_INVALID);
    DETAIL("say which: batches/PART");
    CHECK_STATUS(eg_catalogue_find("batches", where, 3), EG_ERR_LIMIT);
    (void)put("batches/data_batch_2.bin", "short", 5);
    CHECK_STATUS(eg_catalogue_read("batches/train", NULL, &set), EG_ERR_CORRUPT);
    CHECK(mkdir(in_root("single"), 0700) == 0);
    (void)put_text("single/only.csv", "a,label\n1,0\n2,1\n");
    (void)put_text("single/gz", "no part");
    CHECK(mkdir(in_root("single/csv"), 0700) == 0 && mkdir(in_root("single/csv/a"), 0700) == 0);
    CHECK_OK(eg_catalogue_read("single", NULL, &set)); /* needs no part */
    CHECK(set.n == 2);
    eg_dataset_clear(&set);
    CHECK_STATUS(eg_catalogue_read("single/", NULL, &set), EG_OK);
    eg_dataset_clear(&set);
    (void)put_text("single/other.csv", "label\ncat\ndog\n");
    o = (eg_read_options)EG_READ_OPTIONS_INIT;
    o.labels = in_root("single/other.csv");
    CHECK_OK(eg_catalogue_read("single/only", &o, &set)); /* labels of one's own */
    assert_string_equal(set.class_names[0], "cat");
    eg_dataset_clear(&set);
    unlink(in_root("single/other.csv"));
    unsetenv("ENGRAM_DATA");
}

static void join_part(void *user, const char *part)
{
    char *all = user;
    strncat(all, part, 40);
    strncat(all, ";", 2);
}

/* Pictures in the folder, in its sub-folders or one deeper; names too long for a part. */
static void folders_of_pictures_are_parts(void **state)
{
    static const char *const folders[] = { "flat",       "classes",     "classes/a",
                                           "deep",       "deep/train",  "deep/train/a",
                                           "deep/empty", "deep/empty/b" };
    static const struct {
        const char *set, *picture, *parts;
    } rows[] = { { "flat", "flat/1.JPG", "" },
                 { "classes", "classes/a/1.jpeg", "" },
                 { "deep", "deep/train/a/1.png", "train;" } };
    char name[200], all[200] = "", text[400];
    eg_dataset set;
    (void)state;
    CHECK(setenv("ENGRAM_DATA", root, 1) == 0);
    for (size_t i = 0; i < EGI_COUNT(folders); i++) CHECK(mkdir(in_root(folders[i]), 0700) == 0);
    for (size_t i = 0; i < EGI_COUNT(rows); i++) {
        all[0] = '\0';
        (void)put_text(rows[i].picture, "none");
        CHECK_OK(eg_catalogue_parts(rows[i].set, join_part, all));
        assert_string_equal(all, rows[i].parts);
        snprintf(text, sizeof text, "%s/nope", rows[i].set);
        CHECK_STATUS(eg_catalogue_read(text, NULL, &set), EG_ERR_INVALID);
        DETAIL(i < 2 ? "has no parts: expected" : "its parts: train");
    }
    memset(name, 'n', sizeof name - 1);
    name[sizeof name - 1] = '\0';
    snprintf(text, sizeof text, "flat/%s.csv", name);
    (void)put_text(text, "a\n1\n");
    snprintf(text, sizeof text, "deep/%s", name);
    CHECK(mkdir(in_root(text), 0700) == 0);
    snprintf(text, sizeof text, "deep/%s/a", name);
    CHECK(mkdir(in_root(text), 0700) == 0);
    snprintf(text, sizeof text, "deep/%s/a/1.png", name);
    (void)put_text(text, "none");
    all[0] = '\0';
    CHECK_OK(eg_catalogue_parts("flat", join_part, all));
    CHECK_OK(eg_catalogue_parts("deep", join_part, all));
    assert_string_equal(all, "train;");
    CHECK(mkdir(in_root("tables"), 0700) == 0 && mkdir(in_root("tables/csv"), 0700) == 0);
    (void)put_text("tables/csv/one.csv", "a\n1\n");
    (void)put_text("tables/csv/two.csv", "a\n2\n");
    all[0] = '\0';
    CHECK_OK(eg_catalogue_parts("tables", join_part, all));
    assert_string_equal(all, "one;two;");
    CHECK_OK(eg_catalogue_read("tables/one", NULL, &set));
    CHECK(set.n == 1 && set.x[0] == 1);
    eg_dataset_clear(&set);
    CHECK(mkdir(in_root("wide"), 0700) == 0);
    for (int i = 0; i < 60; i++) {
        snprintf(text, sizeof text, "wide/a-long-name-of-part-%d.csv", i);
        (void)put_text(text, "a\n1\n");
    }
    CHECK_STATUS(eg_catalogue_read("wide/x", NULL, &set), EG_ERR_INVALID);
    DETAIL(", ...");
    CHECK_STATUS(eg_catalogue_read("wide", NULL, &set), EG_ERR_INVALID);
    DETAIL("say which: wide/PART with ");
    all[0] = '\0';
    CHECK_OK(eg_catalogue_parts("batches", join_part, all));
    assert_string_equal(all, "train;test;"); /* once */
    CHECK_STATUS(eg_catalogue_read("wide x", NULL, &set), EG_ERR_IO);
    CHECK_STATUS(eg_catalogue_read("wide?", NULL, &set), EG_ERR_INVALID);
    CHECK_STATUS(eg_catalogue_read(NULL, NULL, &set), EG_ERR_INVALID);
    unsetenv("ENGRAM_DATA");
}

/* Two tables that are the training and the test part of one. */
static void training_and_test_are_one_fold(void **state)
{
    eg_read_options o = EG_READ_OPTIONS_INIT;
    eg_dataset set;
    (void)state;
    CHECK(setenv("ENGRAM_DATA", root, 1) == 0 && mkdir(in_root("ucr"), 0700) == 0);
    (void)put_text("ucr/w_TRAIN.tsv", "1\t2\t3\n2\t4\t5\n");
    (void)put_text("ucr/w_TEST.tsv", "1\t6\t7\n2\t8\t9\n2\t8\t9\n");
    o.folds = 1;
    CHECK_OK(eg_catalogue_read("ucr/w", &o, &set));
    CHECK(set.n == 5 && set.fold_count == 1 && set.folds[1] == EG_ROLE_TRAIN);
    CHECK(set.folds[2] == EG_ROLE_TEST);
    eg_dataset_clear(&set);
    CHECK_STATUS(eg_catalogue_read("ucr/v", &o, &set), EG_ERR_INVALID);
    (void)put_text("ucr/w_TEST.tsv", "1\t6\n2\t8\n");
    CHECK_STATUS(eg_catalogue_read("ucr/w", &o, &set), EG_ERR_CORRUPT);
    CHECK(unlink(in_root("ucr/w_TEST.tsv")) == 0);
    CHECK_STATUS(eg_catalogue_read("ucr/w", &o, &set), EG_ERR_INVALID);
    (void)put_text("ucr/w_TEST.tsv", "1\t6\n");
    (void)put_text("ucr/w_TRAIN.tsv", "1\tx\n");
    CHECK_STATUS(eg_catalogue_read("ucr/w", &o, &set), EG_ERR_CORRUPT);
    unsetenv("ENGRAM_DATA");
}

/* What a caller says of columns goes before what the catalogue knows of the set. */
static void options_go_before_the_catalogue(void **state)
{
    eg_read_options o = EG_READ_OPTIONS_INIT;
    eg_dataset set;
    (void)state;
    o.skip_present = "f1";
    o.label_column = "no such column";
    CHECK_STATUS(eg_catalogue_read("musk1", &o, &set), EG_ERR_CORRUPT);
    DETAIL("no column is named no such column");
}

static void count_set(void *user, const char *name, const char *folder)
{
    (void)folder;
    *(size_t *)user += strcmp(name, "single") == 0;
}

/* Every place that is named, in whatever words the environment has. */
static void sets_are_looked_for_where_the_environment_says(void **state)
{
    static const char *const names[] = { "ENGRAM_DATA", "ENGRAM_SHARE", "XDG_DATA_HOME", "HOME" };
    static char long_path[5000], old[4][4096], value[1200];
    char where[1000];
    eg_dataset set;
    (void)state;
    for (size_t k = 0; k < 4; k++) {
        const char *v = getenv(names[k]);
        snprintf(old[k], sizeof old[k], "%s", v != NULL ? v : "");
        unsetenv(names[k]);
    }
    memset(long_path, 'a', sizeof long_path - 1);
    CHECK_STATUS(eg_catalogue_find("single", where, sizeof where), EG_NOT_FOUND);
    CHECK(setenv("HOME", "relative", 1) == 0);
    CHECK_STATUS(eg_catalogue_find("single", where, sizeof where), EG_NOT_FOUND);
    CHECK(setenv("XDG_DATA_HOME", "relative", 1) == 0 && setenv("ENGRAM_DATA", "", 1) == 0);
    CHECK_STATUS(eg_catalogue_find("single", where, sizeof where), EG_NOT_FOUND);
    CHECK(setenv("ENGRAM_DATA", long_path, 1) == 0);
    CHECK_STATUS(eg_catalogue_find("single", where, sizeof where), EG_NOT_FOUND);
    CHECK_STATUS(eg_catalogue_read("no-such", NULL, &set), EG_ERR_IO);
    DETAIL("no folder of that name in $ENGRAM_DATA");
    CHECK_STATUS(eg_catalogue_read("cifar10", NULL, &set), EG_ERR_IO);
    DETAIL("data set cifar10 is not on this machine: ");
    (void)put_text("file", "no folder");
    snprintf(value, sizeof value, "::%s:%s", root, root);
    CHECK(setenv("ENGRAM_DATA", value, 1) == 0);
    CHECK_OK(eg_catalogue_find("single", where, sizeof where));
    CHECK_STATUS(eg_catalogue_find("file", where, sizeof where), EG_NOT_FOUND);
    size_t twice = 0;
    CHECK_OK(eg_catalogue_find_all(count_set, &twice));
    CHECK(twice == 1);
    CHECK(unsetenv("ENGRAM_DATA") == 0);
    CHECK(mkdir(in_root(".local"), 0700) == 0 && mkdir(in_root(".local/share"), 0700) == 0);
    CHECK(symlink(root, in_root(".local/share/engram")) == 0);
    CHECK(setenv("HOME", root, 1) == 0 && unsetenv("XDG_DATA_HOME") == 0);
    CHECK_OK(eg_catalogue_find("single", where, sizeof where));
    CHECK(setenv("XDG_DATA_HOME", in_root(".local/share"), 1) == 0);
    CHECK_OK(eg_catalogue_find("single", where, sizeof where));
    CHECK(unsetenv("XDG_DATA_HOME") == 0 && unsetenv("HOME") == 0);
    CHECK(symlink(root, in_root("data")) == 0 && setenv("ENGRAM_SHARE", root, 1) == 0);
    CHECK_OK(eg_catalogue_find("single", where, sizeof where));
    size_t found = 0;
    CHECK_OK(eg_catalogue_find_all(count_set, &found));
    CHECK(found == 1);
    CHECK(setenv("ENGRAM_SHARE", "", 1) == 0);
    CHECK_STATUS(eg_catalogue_find("single", where, sizeof where), EG_NOT_FOUND);
    CHECK_STATUS(eg_catalogue_find("", where, sizeof where), EG_ERR_INVALID);
    CHECK_STATUS(eg_catalogue_find(long_path, where, sizeof where), EG_ERR_INVALID);
    for (size_t k = 0; k < 4; k++)
        CHECK(old[k][0] != '\0' ? setenv(names[k], old[k], 1) == 0 : unsetenv(names[k]) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(parts_of_several_files_are_one),
        cmocka_unit_test(folders_of_pictures_are_parts),
        cmocka_unit_test(training_and_test_are_one_fold),
        cmocka_unit_test(options_go_before_the_catalogue),
        cmocka_unit_test(sets_are_looked_for_where_the_environment_says),
    };
    return cmocka_run_group_tests_name("reading_sets", tests, set_up, tear_down);
}
