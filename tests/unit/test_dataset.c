/* Readers of data sets: golden bytes, damaged, hostile and foreign files. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "data_bytes.h"

static eg_read_options with_base(int base)
{
    eg_read_options o = EG_READ_OPTIONS_INIT;
    o.index_base = base;
    return o;
}

static eg_status read_text(const char *format, const char *text, const eg_read_options *o,
                           eg_dataset *out)
{
    return egi_read_bytes(format, "t", (const uint8_t *)text, strlen(text), o, out);
}

/* The text must fail with the status, and the detail hold the words. */
static void check_text_fails(const char *format, const char *text, eg_status want,
                             const char *words)
{
    const eg_read_options o = with_base(1);
    eg_dataset set = { .n = 77 };
    const eg_status s = read_text(format, text, &o, &set);
    if (s != want || strstr(eg_error_detail(), words) == NULL || set.n != 77)
        fail_msg("%s \"%s\": %s: %s; expected %s with \"%s\"", format, text, eg_status_name(s),
                 eg_error_detail(), eg_status_name(want), words);
}

static void numbers_are_strict(void **state)
{
    (void)state;
    const struct {
        const char *text;
        int status;
        double value;
    } rows[] = {
        { "0", 0, 0 },
        { "-12", 0, -12 },
        { "+.5", 0, 0.5 },
        { "5.", 0, 5 },
        { "1e-3", 0, 0.001 },
        { "1.25E+2", 0, 125 },
        { "", -1, 0 },
        { "-", -1, 0 },
        { ".", -1, 0 },
        { "1e", -1, 0 },
        { "1e+", -1, 0 },
        { "0x10", -1, 0 },
        { "inf", -1, 0 },
        { "nan", -1, 0 },
        { "1 ", -1, 0 },
        { "1,5", -1, 0 },
        { "1e39", -2, 0 },
        { "-1e9999999", -2, 0 },
        { "1e-500", 0, 0 },
        { "--1", -1, 0 },
        { "123456789012345678901234567890", 0, 123456789012345678901234567890.0 },
        { "0.1234567890123456789", 0, 0.1234567890123456789 },
        { "3.4028234663852886e38", 0, 3.4028234663852886e38 },
    };
    for (size_t i = 0; i < EGI_COUNT(rows); i++) {
        double v = 0;
        const int s = egi_parse_number(rows[i].text, strlen(rows[i].text), &v);
        if (s != rows[i].status || (s == 0 && v != rows[i].value))
            fail_msg("\"%s\": %d, %.17g", rows[i].text, s, v);
    }
    for (size_t i = 0; i < 2000; i++) { /* against the C library, every length of fraction */
        char text[64];
        double v = 0;
        const double want = ((double)i - 1000) * 1.00390625e-3 * (double)(i % 7 + 1);
        const int n = snprintf(text, sizeof text, "%.*g", (int)(i % 17) + 1, want);
        CHECK(egi_parse_number(text, (size_t)n, &v) == 0);
        CHECK(v == strtod(text, NULL));
    }
}

static void idx_has_its_values(void **state)
{
    (void)state;
    eg_dataset s;
    CHECK_OK(egi_read_bytes(NULL, "t", small_idx, sizeof small_idx, NULL, &s));
    CHECK(s.n == 2 && s.d == 6 && s.height == 2 && s.width == 3 && s.channels == 1);
    CHECK(s.x[0] == 0 && s.x[5] == 5 && s.x[11] == 255 && s.labels == NULL);
    eg_dataset_binarise(&s, 6);
    CHECK(s.x[5] == -1 && s.x[6] == 1);
    eg_dataset_scale(&s, -1, 0.5f);
    CHECK(s.x[5] == 0 && s.x[6] == 1);
    eg_dataset_clear(&s);
    const uint8_t wide[][16] = {
        { 0, 0, 0x0B, 1, 0, 0, 0, 1, 0xff, 0xfe },
        { 0, 0, 0x0C, 1, 0, 0, 0, 1, 0, 1, 0, 0 },
        { 0, 0, 0x0D, 1, 0, 0, 0, 1, 0xbf, 0x80, 0, 0 },
        { 0, 0, 0x09, 1, 0, 0, 0, 1, 0x80 },
        { 0, 0, 0x0E, 1, 0, 0, 0, 1, 0x40, 0x09, 0, 0, 0 },
    };
    const size_t size[] = { 10, 12, 12, 9, 16 };
    const float value[] = { -2, 65536, -1, -128, 3.125f };
    for (size_t k = 0; k < EGI_COUNT(wide); k++) {
        CHECK_OK(egi_read_bytes("idx", "t", wide[k], size[k], NULL, &s));
        CHECK(s.n == 1 && s.d == 1 && s.x[0] == value[k] && s.channels == 0);
        eg_dataset_clear(&s);
    }
}

static void idx_sizes_are_checked(void **state)
{
    (void)state;
    eg_dataset s;
    uint8_t b[20] = { 0, 0, 8, 4 };
    memset(b + 4, 0xff, 16); /* four axes of 2^32 - 1 */
    CHECK_STATUS(egi_read_bytes("idx", "t", b, sizeof b, NULL, &s), EG_ERR_CORRUPT);
    uint8_t more[sizeof small_idx + 1] = { 0 };
    memcpy(more, small_idx, sizeof small_idx);
    CHECK_STATUS(egi_read_bytes("idx", "t", more, sizeof more, NULL, &s), EG_ERR_CORRUPT);
    const uint8_t none[] = { 0, 0, 8, 1, 0, 0, 0, 0 };
    CHECK_STATUS(egi_read_bytes("idx", "t", none, sizeof none, NULL, &s), EG_ERR_CORRUPT);
    const uint8_t nan[] = { 0, 0, 0x0D, 1, 0, 0, 0, 1, 0x7f, 0xc0, 0, 0 };
    CHECK_STATUS(egi_read_bytes("idx", "t", nan, sizeof nan, NULL, &s), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "byte 8") != NULL);
    eg_read_options o = EG_READ_OPTIONS_INIT;
    o.max_bytes = 47; /* 12 floats take 48 */
    CHECK_STATUS(egi_read_bytes("idx", "t", small_idx, sizeof small_idx, &o, &s), EG_ERR_LIMIT);
    o.max_bytes = 48;
    o.max_items = 1;
    CHECK_OK(egi_read_bytes("idx", "t", small_idx, sizeof small_idx, &o, &s));
    CHECK(s.n == 1);
    eg_dataset_clear(&s);
}

static void idx_labels_come_from_a_file(void **state)
{
    (void)state;
    const uint8_t labels[] = { 0, 0, 8, 1, 0, 0, 0, 2, 9, 3 };
    const char *x = tmp_path(0, "x.idx"), *y = tmp_path(1, "y.idx");
    put_file(x, small_idx, sizeof small_idx);
    put_file(y, labels, sizeof labels);
    eg_read_options o = EG_READ_OPTIONS_INIT;
    o.labels = y;
    eg_dataset s;
    CHECK_OK(eg_dataset_read(x, &o, &s));
    CHECK(s.labels[0] == 9 && s.labels[1] == 3 && s.classes == 10 && s.class_names == NULL);
    eg_dataset_clear(&s);
    put_file(y, "\0\0\x08\1\0\0\0\3\1\2\3", 11);
    CHECK_STATUS(eg_dataset_read(x, &o, &s), EG_ERR_CORRUPT);
    unlink(y);
    CHECK_STATUS(eg_dataset_read(x, &o, &s), EG_ERR_IO);
    unlink(x);
}

static void cifar_is_planes_with_names(void **state)
{
    (void)state;
    struct bytes b;
    eg_dataset s;
    make_cifar(&b);
    CHECK_OK(egi_read_bytes(NULL, "data_batch_1.bin", b.p, b.size, NULL, &s));
    CHECK(s.n == 1 && s.d == 3072 && s.channels == 3 && s.labels[0] == 7 && s.classes == 10);
    CHECK(s.x[0] == 1 && s.x[3071] == 3072 % 251);
    assert_string_equal(s.class_names[7], "horse");
    eg_dataset_clear(&s);
    b.p[0] = 10;
    CHECK_STATUS(egi_read_bytes("cifar", "t", b.p, b.size, NULL, &s), EG_ERR_CORRUPT);
}

static size_t npy_of(uint8_t *b, const char *header, const void *data, size_t size)
{
    const size_t n = strlen(header);
    memcpy(b, "\x93NUMPY\1\0", 8);
    b[8] = (uint8_t)n;
    b[9] = 0;
    memcpy(b + 10, header, n);
    memcpy(b + 10 + n, data, size);
    return 10 + n + size;
}

static void npy_kinds_and_orders(void **state)
{
    (void)state;
    uint8_t b[256];
    eg_dataset s;
    const uint8_t values[6] = { 0, 1, 0, 2, 0xff, 0xff };
    size_t n = npy_of(b, "{'descr': '>i2', 'fortran_order': True, 'shape': (3,1), }", values, 6);
    CHECK_OK(egi_read_bytes(NULL, "t", b, n, NULL, &s));
    CHECK(s.n == 3 && s.x[0] == 1 && s.x[1] == 2 && s.x[2] == -1);
    eg_dataset_clear(&s);
    n = npy_of(b, "{'descr': '|u1', 'fortran_order': True, 'shape': (2, 3)}", "\0\1\2\3\4\5", 6);
    CHECK_OK(egi_read_bytes(NULL, "t", b, n, NULL, &s));
    CHECK(s.n == 2 && s.x[0] == 0 && s.x[1] == 2 && s.x[2] == 4 && s.x[3] == 1);
    eg_dataset_clear(&s);
    const char *const bad[] = {
        "{'descr': '|O', 'fortran_order': False, 'shape': (6,)}",
        "{'descr': '<f4', 'fortran_order': False, 'shape': (6,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (6,6,6,6,6)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (99999999999999999999999,)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (4294967296, 4294967296, 16)}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': ()}",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (6",
        "{'descr': '|u1', 'fortran_order': False, 'shape': (-6,)}",
        "{'descr': '|u1', 'shape': (0, 6)}",
        "",
    };
    for (size_t k = 0; k < EGI_COUNT(bad); k++) {
        n = npy_of(b, bad[k], "abcdef", 6);
        CHECK_STATUS(egi_read_bytes(NULL, "t", b, n, NULL, &s), EG_ERR_CORRUPT);
    }
    b[6] = 9;
    CHECK_STATUS(egi_read_bytes(NULL, "t", b, n, NULL, &s), EG_ERR_VERSION);
}

static void npy_names_the_type_it_refuses(void **state)
{
    (void)state;
    static const char text[] =
        "\x93NUMPY\1\0\x38\0{'descr': '<c8', 'fortran_order': False, 'shape': (1,)}\n";
    eg_dataset s;
    CHECK_STATUS(egi_read_bytes("npy", "t", (const uint8_t *)text, sizeof text - 1, NULL, &s),
                 EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "NPY type \"<c8\", expected") != NULL);
}

static void npz_has_items_and_labels(void **state)
{
    (void)state;
    struct bytes b;
    eg_dataset s;
    make_npz(&b);
    CHECK_OK(egi_read_bytes(NULL, "t", b.p, b.size, NULL, &s));
    CHECK(s.n == 2 && s.d == 3 && s.x[5] == -5.5f && s.labels == NULL);
    eg_dataset_clear(&s);
    eg_read_options o = EG_READ_OPTIONS_INIT;
    o.max_bytes = 100; /* the entry has 152 bytes */
    CHECK_STATUS(egi_read_bytes(NULL, "t", b.p, b.size, &o, &s), EG_ERR_LIMIT);
}

static void csv_has_names_and_classes(void **state)
{
    (void)state;
    eg_dataset s;
    CHECK_OK(read_text("csv", small_csv, NULL, &s));
    CHECK(s.n == 3 && s.d == 2 && s.classes == 2);
    CHECK(s.x[0] == 1 && s.x[1] == -25 && s.x[2] == 0.5f && s.x[5] == 0);
    assert_string_equal(s.column_names[1], "b, c");
    assert_string_equal(s.class_names[1], "cat"); /* by bytes: "a ..." is before it */
    CHECK(s.labels[0] == 1 && s.labels[1] == 0 && s.labels[2] == 1);
    eg_dataset_clear(&s);
    eg_read_options o = EG_READ_OPTIONS_INIT;
    o.label_column = "kind";
    o.skip_columns = "id,note";
    CHECK_OK(read_text("csv", "\xef\xbb\xbfid,x,kind,note\r\nA,1,-1,n\r\n\r\nB,2,+1,m", &o, &s));
    CHECK(s.n == 2 && s.d == 1 && s.x[1] == 2 && s.labels[0] == 0 && s.labels[1] == 1);
    assert_string_equal(s.class_names[0], "-1");
    eg_dataset_clear(&s);
    CHECK_OK(read_text("csv", "x,Class\n5,2\n6,0\n7,1\n", NULL, &s)); /* 0..K-1 stay */
    CHECK(s.labels[0] == 2 && s.classes == 3 && s.class_names == NULL);
    eg_dataset_clear(&s);
    CHECK_OK(read_text("ucr", small_ucr, NULL, &s));
    CHECK(s.n == 2 && s.d == 2 && s.x[2] == -1 && s.labels[0] == 1 && s.column_names == NULL);
    eg_dataset_clear(&s);
}

static void csv_problems_name_their_place(void **state)
{
    (void)state;
    const struct {
        const char *text, *words;
    } rows[] = {
        { "a,b\n1,2\n3,x\n", "t:3:3: column 2 \"b\": expected a number, got \"x\"" },
        { "a,b\n1,2\n3,x\n", "(1 problem in all)" },
        { "a,b\n,2\nnan,NA\n", "t:2:1: column 1 \"a\"" },
        { "a,b\n,2\nnan,NA\n", "(3 problems in all)" },
        { "a,b\n1\n", "t:2:1: expected 2 cells as in the first line, got 1" },
        { "a,b\n1,2,3\n", "got 3" },
        { "a,b\n1,\"2\n", "not closed" },
        { "a,b\n\"1\"2,3\n", "not closed" },
        { "1,2\n3,4\n", "expected names of columns" },
        { "a,b\n", "no rows" },
        { "label\n1\n", "expected a column of numbers" },
        { "a\n1e99\n", "outside the range" },
        { "a,label\n1,\n", "t:2:3: label" },
        { "a,\"b\n", "t:1:3" },
    };
    for (size_t i = 0; i < EGI_COUNT(rows); i++)
        check_text_fails("csv", rows[i].text, EG_ERR_CORRUPT, rows[i].words);
    eg_read_options o = EG_READ_OPTIONS_INIT;
    eg_dataset s;
    o.label_column = "kind";
    CHECK_STATUS(read_text("csv", "a,b\n1,2\n", &o, &s), EG_ERR_CORRUPT);
    o.label_column = NULL;
    o.max_bytes = 20;
    CHECK_STATUS(read_text("csv", "a,b\n1,2\n3,4\n5,6\n", &o, &s), EG_ERR_LIMIT);
}

#define TEN "1,x\n1,x\n1,x\n1,x\n1,x\n1,x\n1,x\n1,x\n1,x\n1,x\n"
struct heard {
    size_t count;
    char text[20][400];
};

static void hear(void *user, const char *text)
{
    struct heard *h = user;
    snprintf(h->text[h->count++ % 20], sizeof h->text[0], "%s", text);
}

static void problems_are_told_up_to_20(void **state)
{
    (void)state;
    static struct heard h;
    char line[32];
    const struct {
        const char *format, *text;
        size_t told, last;
        const char *detail;
    } rows[] = {
        { "csv", "a,b\n1,x\n2\n3,4\n5,\n", 3, 5, "(3 problems in all)" },
        { "csv", "a,b\n1,x\n", 1, 2, "skip_columns (--skip) (1 problem in all)" },
        { "csv", "a,b\n" TEN TEN TEN, 20, 21, "(30 problems in all)" },
        { "svmlight", "1 1:x\n2 2:1 1:1\n1 1:1\ncat\n", 3, 4, "(3 problems in all)" },
        { "ucr", "1\t2\n1\tx\n2\n", 2, 3, "(2 problems in all)" },
    };
    for (size_t k = 0; k < EGI_COUNT(rows); k++) {
        eg_read_options o = with_base(1);
        eg_dataset s;
        memset(&h, 0, sizeof h);
        o.problem = hear, o.problem_user = &h;
        CHECK_STATUS(read_text(rows[k].format, rows[k].text, &o, &s), EG_ERR_CORRUPT);
        CHECK(h.count == rows[k].told);
        snprintf(line, sizeof line, "t:%zu:", rows[k].last);
        CHECK(strncmp(h.text[h.count - 1], line, strlen(line)) == 0);
        CHECK(strncmp(eg_error_detail(), h.text[0], strlen(h.text[0])) == 0);
        CHECK(strstr(eg_error_detail(), rows[k].detail) != NULL);
    }
}

static void svmlight_needs_its_base(void **state)
{
    (void)state;
    eg_dataset s;
    eg_read_options o = with_base(-1);
    CHECK_STATUS(read_text("svmlight", small_svm, &o, &s), EG_ERR_INVALID);
    o.index_base = 1;
    CHECK_OK(read_text("svmlight", small_svm, &o, &s));
    CHECK(s.n == 2 && s.d == 3 && s.classes == 2 && s.labels[0] == 0 && s.labels[1] == 1);
    CHECK(s.x[0] == 0.5f && s.x[1] == 0 && s.x[2] == 2 && s.x[4] == -1);
    assert_string_equal(s.class_names[0], "-1");
    eg_dataset_clear(&s);
    o.index_base = 0;
    CHECK_OK(read_text("svmlight", small_svm, &o, &s));
    CHECK(s.d == 4 && s.x[1] == 0.5f);
    eg_dataset_clear(&s);
    const struct {
        const char *text;
        eg_status status;
        const char *words;
    } rows[] = {
        { "1 0:1\n", EG_ERR_CORRUPT, "t:1:3: expected an index from 1" },
        { "1 2:1 1:1\n", EG_ERR_CORRUPT, "rise" },
        { "1 2:1 2:1\n", EG_ERR_CORRUPT, "rise" },
        { "0 1:1\n1 1:x\n", EG_ERR_CORRUPT, "t:2:5: expected a number, got \"x\"" },
        { "cat 1:1\n", EG_ERR_CORRUPT, "a label" },
        { "1 2\n", EG_ERR_CORRUPT, "index:value" },
        { "1 99999999999:1\n", EG_ERR_CORRUPT, "an index" },
        { "1 2147483648:1\n", EG_ERR_LIMIT, "more than" },
        { "# nothing\n", EG_ERR_CORRUPT, "holds 0 items" },
    };
    for (size_t i = 0; i < EGI_COUNT(rows); i++)
        check_text_fails("svmlight", rows[i].text, rows[i].status, rows[i].words);
}

static void every_truncation_is_noticed(void **state)
{
    (void)state;
    static struct bytes all[SMALL_FILES];
    const eg_read_options o = with_base(1);
    make_small_files(all);
    for (size_t k = 0; k < SMALL_FILES; k++) {
        eg_dataset s = { .n = 5 };
        CHECK_OK(egi_read_bytes(all[k].format, "t", all[k].p, all[k].size, &o, &s));
        eg_dataset_clear(&s);
        for (size_t size = 0; size < all[k].size; size++) {
            uint8_t *exact = malloc(size + 1); /* a read past its end is seen */
            CHECK(exact != NULL);
            memcpy(exact + 1, all[k].p, size);
            const eg_status got = egi_read_bytes(all[k].format, "t", exact + 1, size, &o, &s);
            free(exact);
            if (got == EG_OK && all[k].text)
                eg_dataset_clear(&s);
            else if (got != EG_ERR_CORRUPT)
                fail_msg("%s %zu of %zu bytes: %s: %s", all[k].format, size, all[k].size,
                         eg_status_name(got), eg_error_detail());
        }
    }
}

static void a_changed_byte_does_no_harm(void **state)
{
    (void)state;
    static struct bytes all[SMALL_FILES];
    const eg_read_options o = { .size = sizeof o, .index_base = 1, .max_bytes = 1 << 20 };
    make_small_files(all);
    for (size_t k = 0; k < SMALL_FILES; k++)
        for (size_t i = 0; i<all[k].size; i += all[k].size> 2000 ? 7 : 1) {
            eg_dataset s;
            all[k].p[i] ^= 0xff;
            if (egi_read_bytes(all[k].format, "t", all[k].p, all[k].size, &o, &s) == EG_OK)
                eg_dataset_clear(&s);
            all[k].p[i] ^= 0xff;
        }
}

static void another_type_says_what_it_is(void **state)
{
    (void)state;
    static struct bytes all[SMALL_FILES];
    const eg_read_options o = with_base(1);
    eg_dataset s;
    make_small_files(all);
    for (size_t row = 0; eg_dataset_reader(row) != NULL; row++) {
        const char *format = eg_dataset_reader(row)->name;
        for (size_t k = 0; k < SMALL_FILES && strcmp(format, "folder") != 0; k++) {
            if (strcmp(format, all[k].format) == 0) continue;
            if (all[k].text && strchr("csu", format[0]) != NULL) continue; /* text as text */
            const eg_status got = egi_read_bytes(format, "t", all[k].p, all[k].size, &o, &s);
            if (got != EG_ERR_CORRUPT)
                fail_msg("%s as %s: %s", all[k].format, format, eg_status_name(got));
        }
    }
    CHECK_STATUS(egi_read_bytes("idx", "t", all[7].p, all[7].size, &o, &s), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "looks like PNG, expected IDX") != NULL);
    CHECK_STATUS(egi_read_bytes("what", "t", all[7].p, all[7].size, &o, &s), EG_ERR_INVALID);
    check_text_fails(NULL, "%PDF-1.7 ...", EG_ERR_CORRUPT, "looks like PDF");
    check_text_fails(NULL, "no commas here", EG_ERR_CORRUPT, "looks like text");
}

static void gzip_is_limited_and_whole(void **state)
{
    (void)state;
    static uint8_t zeros[1 << 20];
    static struct bytes b;
    eg_dataset s;
    make_gzip(&b, NULL, zeros, sizeof zeros);
    eg_read_options o = EG_READ_OPTIONS_INIT;
    o.max_bytes = 1 << 16;
    struct failing f = { .fail_at = SIZE_MAX };
    const eg_allocator a = failing_allocator(&f);
    o.alloc = &a;
    CHECK_STATUS(egi_read_bytes(NULL, "t", b.p, b.size, &o, &s), EG_ERR_LIMIT);
    CHECK(f.peak_bytes < (1 << 18) && f.live == 0); /* a bomb takes no more than the limit */
    make_gzip(&b, NULL, small_idx, sizeof small_idx);
    memcpy(b.p + b.size, b.p, b.size); /* two members: twice the bytes */
    CHECK_STATUS(egi_read_bytes(NULL, "t", b.p, 2 * b.size, NULL, &s), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "got 40 bytes") != NULL);
    CHECK_STATUS(egi_read_bytes(NULL, "t", b.p, b.size + 1, NULL, &s), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "gzip") != NULL);
}

static void only_files_and_folders_are_read(void **state)
{
    (void)state;
    const char *fifo = tmp_path(0, "fifo");
    eg_dataset s;
    CHECK(mkfifo(fifo, 0600) == 0);
    CHECK_STATUS(eg_dataset_read(fifo, NULL, &s), EG_ERR_IO); /* and does not wait for a writer */
    unlink(fifo);
    CHECK_STATUS(eg_dataset_read("/dev/zero", NULL, &s), EG_ERR_IO);
    CHECK_STATUS(eg_dataset_read(tmp_path(0, "absent"), NULL, &s), EG_ERR_IO);
    CHECK_STATUS(eg_dataset_read(NULL, NULL, &s), EG_ERR_INVALID);
    const char *empty = tmp_path(0, "empty.csv");
    put_file(empty, "", 0);
    CHECK_STATUS(eg_dataset_read(empty, NULL, &s), EG_ERR_CORRUPT);
    unlink(empty);
    eg_read_options o = EG_READ_OPTIONS_INIT;
    o.size = 3;
    CHECK_STATUS(eg_dataset_read(empty, &o, &s), EG_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_are_strict),
        cmocka_unit_test(idx_has_its_values),
        cmocka_unit_test(idx_sizes_are_checked),
        cmocka_unit_test(idx_labels_come_from_a_file),
        cmocka_unit_test(cifar_is_planes_with_names),
        cmocka_unit_test(npy_kinds_and_orders),
        cmocka_unit_test(npy_names_the_type_it_refuses),
        cmocka_unit_test(npz_has_items_and_labels),
        cmocka_unit_test(csv_has_names_and_classes),
        cmocka_unit_test(csv_problems_name_their_place),
        cmocka_unit_test(problems_are_told_up_to_20),
        cmocka_unit_test(svmlight_needs_its_base),
        cmocka_unit_test(every_truncation_is_noticed),
        cmocka_unit_test(a_changed_byte_does_no_harm),
        cmocka_unit_test(another_type_says_what_it_is),
        cmocka_unit_test(gzip_is_limited_and_whole),
        cmocka_unit_test(only_files_and_folders_are_read),
    };
    return cmocka_run_group_tests_name("dataset", tests, NULL, NULL);
}
