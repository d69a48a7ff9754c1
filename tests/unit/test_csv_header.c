/* Columns of a table and what stands for nothing: names given twice, two that could be the label,
 * names to leave out that no column has, quotes that stand doubled, cells of other separators, and
 * one rule for labels that are missing. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "data_bytes.h"

static const eg_read_options usual = EG_READ_OPTIONS_INIT;

static eg_status read_as(const char *format, const char *text, const eg_read_options *o,
                         eg_dataset *out)
{
    return egi_read_bytes(format, "t", (const uint8_t *)text, strlen(text), o, out);
}

struct wrong {
    const char *text, *label, *skip, *words;
};

static void headers_that_leave_a_question_are_refused(void **state)
{
    (void)state;
    static const struct wrong rows[] = {
        { "x,label,y,x\n1,0,2,3\n", NULL, NULL,
          "t:1:1: columns 1 and 4 are both named \"x\"; rename one" },
        { "label,class,x\n0,0,1\n1,1,2\n", NULL, NULL,
          "columns 1 \"label\" and 2 \"class\" could both be the label; say which (label_column" },
        { "Class,x,LABEL\n0,0,1\n", NULL, NULL, "columns 1 \"Class\" and 3 \"LABEL\" could both" },
        { "x1,x2,label\n1,2,0\n", NULL, "x3", "no column is named x3, as skip_columns (--skip)" },
        { "first,second,label\n1,2,0\n", NULL, "second,fist", "; did you mean \"first\"?" },
        { "x1,x2,kind\n1,2,0\n", "kin", NULL, "as label_column (--label-column) says; did you" },
        { "bag;label;x1\na;0;1\n", NULL, NULL,
          "t:1:4: one column, with \";\" in its name: expected commas" },
        { "a\tb\n1\t2\n", NULL, NULL, "with a tab in its name" },
    };
    for (size_t i = 0; i < EGI_COUNT(rows); i++) {
        eg_dataset s;
        eg_read_options o = usual;
        o.label_column = rows[i].label;
        o.skip_columns = rows[i].skip;
        CHECK_STATUS(read_as("csv", rows[i].text, &o, &s), EG_ERR_CORRUPT);
        if (strstr(eg_error_detail(), rows[i].words) == NULL)
            fail_msg("row %zu: %s; expected \"%s\"", i, eg_error_detail(), rows[i].words);
    }
    eg_dataset s;
    eg_read_options o = usual;
    o.label_column = o.skip_columns = "kind";
    CHECK_STATUS(read_as("csv", "x,kind\n1,0\n", &o, &s), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "column kind is asked for by label_column") != NULL);
}

/* Which of two is the label, and whether any is, can be said by what is left out. */
static void the_label_may_be_left_out(void **state)
{
    (void)state;
    eg_dataset s;
    eg_read_options o = usual;
    o.skip_columns = "label";
    CHECK_OK(read_as("csv", "x,label\n1,NA\n2,\n", &o, &s));
    CHECK(s.n == 2 && s.d == 1 && s.labels == NULL);
    eg_dataset_clear(&s);
    CHECK_OK(read_as("csv", "label,class,x\n7,0,1\n8,1,2\n9,0,3\n", &o, &s));
    CHECK(s.d == 1 && s.x[2] == 3 && s.classes == 2 && s.labels[1] == 1);
    eg_dataset_clear(&s);
    o = usual;
    o.label_column = "label";
    CHECK_OK(read_as("csv", "label,class,x\n0,5,1\n1,6,2\n", &o, &s)); /* then class is a value */
    CHECK(s.d == 2 && s.x[2] == 6);
    eg_dataset_clear(&s);
}

static void doubled_quotes_are_one(void **state)
{
    (void)state;
    eg_dataset s;
    CHECK_OK(
        read_as("csv", "\"a \"\"b\"\"\",label\n1,\"\"\"x\"\"\"\n2,y\n3,\"\"\"x\"\"\"\n", NULL, &s));
    assert_string_equal(s.column_names[0], "a \"b\"");
    assert_string_equal(s.class_names[0], "\"x\"");
    CHECK(s.classes == 2 && s.labels[2] == 0);
    eg_dataset_clear(&s);
    eg_read_options o = usual;
    o.bag_column = "who \"is\"";
    o.skip_columns = "a \"note\"";
    CHECK_OK(read_as(
        "csv", "\"who \"\"is\"\"\",\"a \"\"note\"\"\",x\n\"\"\"k\",n,1\n\"\"\"k\",\"\"\"\",2\n", &o,
        &s));
    CHECK(s.n == 1 && s.d == 1);
    assert_string_equal(s.item_names[0], "\"k");
    eg_dataset_clear(&s);
}

static const char *const missing[] = { "", "?", "NA", "N/A", "#N/A", "<NA>", "NaN", "nan", "NAN" };

/* Beside values they are errors, as values are that are missing. */
static void a_missing_label_is_no_class(void **state)
{
    (void)state;
    static const char *const tables[] = { "x,label\n1,0\n2,%s\n", "x,label\n1,a\n2,\"%s\"\n",
                                          "bag,x,label\na,2,0\nb,1,%s\n" };
    for (size_t i = 0; i < EGI_COUNT(missing); i++) {
        eg_dataset s;
        char text[100];
        for (size_t k = 0; k < EGI_COUNT(tables); k++) {
            const char *at = strstr(tables[k], "%s");
            snprintf(text, sizeof text, "%.*s%s%s", (int)(at - tables[k]), tables[k], missing[i],
                     at + 2);
            eg_read_options o = usual;
            o.bag_column = "";
            CHECK_STATUS(read_as("csv", text, &o, &s), EG_ERR_CORRUPT);
            CHECK(strstr(eg_error_detail(), "label: expected one, got ") != NULL);
        }
        snprintf(text, sizeof text, "0\t1\n%s\t2\n", missing[i]);
        CHECK_STATUS(read_as("ucr", text, NULL, &s), EG_ERR_CORRUPT);
        CHECK(strstr(eg_error_detail(), "t:2:1: label: expected one") != NULL);
    }
    static const char *const names[] = { "na", "Na", "null", "none", "N", "-" }; /* of classes */
    for (size_t i = 0; i < EGI_COUNT(names); i++)
        CHECK(!egi_is_missing((struct egi_text){ names[i], strlen(names[i]) }));
}

static eg_status read_with_items(const char *items, eg_dataset *out)
{
    static const char three[] = "#FPS1\n01\ta\n02\tb\n04\tc \"d\"\n";
    const char *path = tmp_path(0, "items.csv");
    eg_read_options o = usual;
    put_file(path, items, strlen(items));
    o.labels = path;
    o.label_column = "tox";
    const eg_status s = read_as(NULL, three, &o, out);
    unlink(path);
    return s;
}

/* In a table of items they are left out, and counted. */
static void items_without_a_label_are_counted(void **state)
{
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(missing); i++) {
        eg_dataset s;
        char text[100];
        snprintf(text, sizeof text, "tox,ring\n1,x\n%s,y\n0,z\n", missing[i]);
        CHECK_OK(read_with_items(text, &s));
        CHECK(s.n == 2 && s.classes == 2 && s.left_out == 1 && s.x[8 + 2] == 1);
        eg_dataset_clear(&s);
    }
    eg_dataset s;
    CHECK_OK(read_with_items("tox\n1\n0\n1\n", &s));
    CHECK(s.n == 3 && s.left_out == 0);
    eg_dataset_clear(&s);
}

/* A table of the same items in another order, or of others, is not joined by row. */
static void labels_are_those_of_the_items(void **state)
{
    (void)state;
    static const struct {
        const char *items, *words;
    } rows[] = {
        { "name,tox\nb,1\na,0\n\"c \"\"d\"\"\",1\n",
          ":2:1: name: expected \"a\", as item 1 of the data is called, got \"b\"" },
        { "name,tox\nb,1\na,0\n\"c \"\"d\"\"\",1\n", "(2 problems in all)" },
        { "tox,Name\n1,a\n0,x\n1,c\n", ":3:1: name: expected \"b\"" },
        { "name,tox\na,1\nb,0\n,1\n", ":4:1: name: expected \"c \"d\"\"" },
        { "name,tox\na,1\n\"c \"\"d\"\"\",0\n", ":3:1: name: expected \"b\"" },
        { "name,tox\na,1\nb,0\n", "2 x 1 labels, expected 3 x 1" },
        { "name,Name,tox\na,a,1\nb,b,0\nc,c,1\n", "could both be the name of an item; rename" },
    };
    eg_dataset s;
    for (size_t i = 0; i < EGI_COUNT(rows); i++) {
        CHECK_STATUS(read_with_items(rows[i].items, &s), EG_ERR_CORRUPT);
        if (strstr(eg_error_detail(), rows[i].words) == NULL)
            fail_msg("row %zu: %s; expected \"%s\"", i, eg_error_detail(), rows[i].words);
    }
    CHECK_OK(read_with_items("name,tox\na,1\n b ,0\n\"c \"\"d\"\"\",1\n", &s));
    CHECK(s.n == 3 && s.labels[1] == 0);
    eg_dataset_clear(&s);
    CHECK_OK(read_with_items("tox,ring\n1,x\n0,y\n1,z\n", &s)); /* without names: by row */
    eg_dataset_clear(&s);
}

/* What is left out adds to what the catalogue leaves out, which need not be there. */
static void skipped_columns_add_to_the_catalogues(void **state)
{
    (void)state;
    char root[512], folder[560], path[600], old[4096] = "";
    static const char text[] = "x1,x2,test1,val1,label\n1,2,0,0,a\n3,4,0,0,b\n";
    const char *env = getenv("ENGRAM_DATA");
    if (env != NULL) snprintf(old, sizeof old, "%s", env);
    snprintf(root, sizeof root, "%s", tmp_path(0, "sets"));
    snprintf(folder, sizeof folder, "%s/uci121", root);
    snprintf(path, sizeof path, "%s/one.csv", folder);
    CHECK(mkdir(root, 0700) == 0 && mkdir(folder, 0700) == 0);
    put_file(path, text, strlen(text));
    CHECK(setenv("ENGRAM_DATA", root, 1) == 0);
    eg_dataset s, rest;
    eg_read_options o = usual;
    CHECK_OK(eg_catalogue_read("uci121/one", &o, &s));
    o.skip_columns = "x1";
    CHECK_OK(eg_catalogue_read("uci121/one", &o, &rest));
    CHECK(s.d == 2 && rest.d == 1 && rest.x[0] == 2 && rest.x[1] == 4);
    eg_dataset_clear(&s);
    eg_dataset_clear(&rest);
    CHECK(env != NULL ? setenv("ENGRAM_DATA", old, 1) == 0 : unsetenv("ENGRAM_DATA") == 0);
    unlink(path);
    CHECK(rmdir(folder) == 0 && rmdir(root) == 0);
}

/* Every allocation of a read fails once: cells of their own are released too. */
static void a_header_survives_every_allocation(void **state)
{
    (void)state;
    eg_status s = EG_ERR_NOMEM;
    for (size_t k = 0; s != EG_OK; k++) {
        struct failing f = { .fail_at = k };
        const eg_allocator a = failing_allocator(&f);
        eg_read_options o = usual;
        eg_dataset set;
        o.alloc = &a;
        s = read_as("csv", "\"a \"\"b\"\"\",label\n1,\"\"\"x\"\"\"\n2,y\n", &o, &set);
        CHECK(s == EG_OK || s == EG_ERR_NOMEM);
        if (s == EG_OK) eg_dataset_clear(&set);
        CHECK(f.live == 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_that_leave_a_question_are_refused),
        cmocka_unit_test(the_label_may_be_left_out),
        cmocka_unit_test(doubled_quotes_are_one),
        cmocka_unit_test(a_missing_label_is_no_class),
        cmocka_unit_test(items_without_a_label_are_counted),
        cmocka_unit_test(labels_are_those_of_the_items),
        cmocka_unit_test(skipped_columns_add_to_the_catalogues),
        cmocka_unit_test(a_header_survives_every_allocation),
    };
    return cmocka_run_group_tests_name("csv_header", tests, NULL, NULL);
}
