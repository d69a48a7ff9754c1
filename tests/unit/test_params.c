/* Named arrays: their set, their hash, their file, and files that lie. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <unistd.h>

#include "base/egi_base.h"
#include "check.h"

static const char *file_path(void)
{
    static char path[512];
    const char *folder = getenv("EG_TEST_TMP");
    snprintf(path, sizeof path, "%s/params-%d.safetensors", folder != NULL ? folder : ".",
             (int)getpid());
    return path;
}

static eg_params *sample(const eg_allocator *a)
{
    eg_params *p = NULL;
    size_t at;
    if (eg_params_create(a, &p) != EG_OK) return NULL;
    if (eg_params_add(p, "fc1.weight", EG_F32, &eg_shape_of(2, 3), &at) != EG_OK
        || eg_params_add(p, "steps", EG_I32, &eg_shape_of(1), NULL) != EG_OK
        || eg_params_add(p, "temperature", EG_F64, &(eg_shape){ 0 }, NULL) != EG_OK
        || eg_params_add(p, "empty", EG_F32, &eg_shape_of(0, 7), NULL) != EG_OK
        || eg_params_add(p, "deep", EG_F32, &eg_shape_of(1, 1, 1, 1, 1, 2), NULL) != EG_OK) {
        eg_params_destroy(p);
        return NULL;
    }
    float *w = eg_params_at(p, at)->value;
    for (int i = 0; i < 6; i++) w[i] = (float)i - 2.5f;
    *(int32_t *)eg_params_find(p, "steps")->value = -7;
    *(double *)eg_params_find(p, "temperature")->value = 0.1;
    return p;
}

static void shapes(void **state)
{
    (void)state;
    CHECK(eg_shape_size(&(eg_shape){ 0 }) == 1);
    CHECK(eg_shape_size(&eg_shape_of(2, 3, 4)) == 24);
    CHECK(eg_shape_size(&eg_shape_of(SIZE_MAX, 2)) == SIZE_MAX);
    CHECK(eg_shape_size(&eg_shape_of(SIZE_MAX, 2, 0)) == 0);
    CHECK(eg_dtype_size(EG_F32) == 4 && eg_dtype_size(EG_F64) == 8 && eg_dtype_size(EG_I32) == 4);
    assert_string_equal(eg_dtype_name(EG_F64), "f64");
}

static void a_set_keeps_order_and_names(void **state)
{
    (void)state;
    eg_params *p = sample(NULL);
    CHECK(p != NULL && eg_params_count(p) == 5);
    assert_string_equal(eg_params_at(p, 0)->name, "fc1.weight");
    CHECK(eg_params_at(p, 5) == NULL && eg_params_find(p, "fc2") == NULL);
    CHECK((uintptr_t)eg_params_at(p, 0)->value % 64 == 0);
    CHECK(eg_params_bytes(p) == 24 + 4 + 8 + 0 + 8);
    CHECK_STATUS(eg_params_add(p, "", EG_F32, &eg_shape_of(1), NULL), EG_ERR_INVALID);
    CHECK_STATUS(eg_params_add(p, "steps", EG_F32, &eg_shape_of(1), NULL), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "steps") != NULL);
    CHECK_STATUS(eg_params_add(p, "__metadata__", EG_F32, &eg_shape_of(1), NULL), EG_ERR_INVALID);
    CHECK_STATUS(eg_params_add(p, "x", EG_F32, &eg_shape_of(SIZE_MAX / 4, 9), NULL),
                 EG_ERR_OVERFLOW);
    CHECK_STATUS(eg_params_add(p, "x", EG_DTYPE_COUNT, &eg_shape_of(1), NULL), EG_ERR_INVALID);
    CHECK(eg_params_count(p) == 5);
    const eg_param *first = eg_params_at(p, 0);
    for (int i = 0; i < 100; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        CHECK_OK(eg_params_add(p, name, EG_F32, &eg_shape_of(1), NULL));
    }
    CHECK(first == eg_params_at(p, 0)); /* nothing has moved */
    eg_params_destroy(p);
    eg_params_destroy(NULL);
}

static void the_hash_sees_everything(void **state)
{
    (void)state;
    eg_params *a = sample(NULL), *b = sample(NULL), *c = NULL, *d = NULL;
    const uint64_t h = eg_params_hash(a);
    CHECK(h == eg_params_hash(b));
    ((float *)eg_params_at(b, 0)->value)[5] = 9;
    CHECK(h != eg_params_hash(b));
    CHECK_OK(eg_params_create(NULL, &c));
    CHECK_OK(eg_params_create(NULL, &d));
    CHECK(eg_params_hash(c) == eg_params_hash(d) && h != eg_params_hash(c));
    CHECK_OK(eg_params_add(c, "a", EG_F32, &eg_shape_of(2, 3), NULL));
    CHECK_OK(eg_params_add(d, "a", EG_F32, &eg_shape_of(3, 2), NULL));
    CHECK(eg_params_hash(c) != eg_params_hash(d));
    eg_params_destroy(a);
    eg_params_destroy(b);
    eg_params_destroy(c);
    eg_params_destroy(d);
}

static void copies_only_what_is_alike(void **state)
{
    (void)state;
    eg_params *a = sample(NULL), *b = sample(NULL);
    ((float *)eg_params_at(a, 0)->value)[0] = 77;
    CHECK_OK(eg_params_copy(b, a));
    CHECK(eg_params_hash(a) == eg_params_hash(b));
    ((float *)eg_params_at(a, 0)->value)[0] = 78;
    CHECK_OK(eg_params_add(a, "more", EG_F32, &eg_shape_of(4), NULL));
    CHECK_STATUS(eg_params_copy(b, a), EG_ERR_SHAPE);
    CHECK_STATUS(eg_params_copy(a, b), EG_ERR_SHAPE);
    CHECK_OK(eg_params_add(b, "more", EG_F32, &eg_shape_of(2, 2), NULL));
    CHECK_STATUS(eg_params_copy(b, a), EG_ERR_SHAPE);
    CHECK(strstr(eg_error_detail(), "(4)") != NULL && strstr(eg_error_detail(), "(2, 2)") != NULL);
    CHECK(((float *)eg_params_at(b, 0)->value)[0] == 77);
    eg_params_destroy(a);
    eg_params_destroy(b);
}

static void keep_meta(void *user, const char *key, const char *value)
{
    snprintf((char *)user + strlen(user), 100, "%s=%s;", key, value);
}

static void a_file_brings_all_back(void **state)
{
    (void)state;
    eg_params *p = sample(NULL), *q = NULL;
    const char *const meta[] = { "engram", "1", "spec", "{\"kind\": \"dam\"}" };
    char got[200] = "";
    CHECK_OK(eg_params_save(p, file_path(), meta, 2));
    CHECK_OK(eg_params_load(file_path(), NULL, keep_meta, got, &q));
    assert_string_equal(got, "engram=1;spec={\"kind\": \"dam\"};");
    CHECK(eg_params_count(q) == 5);
    eg_params *r = sample(NULL);
    memset(eg_params_at(r, 0)->value, 0, 24);
    CHECK_OK(eg_params_copy(r, q));
    CHECK(eg_params_hash(r) == eg_params_hash(p)); /* in the file wide types come first */
    CHECK_STATUS(eg_params_load("no/such/file", NULL, NULL, NULL, &q), EG_ERR_IO);
    CHECK_STATUS(eg_params_save(p, "no/such/file", NULL, 0), EG_ERR_IO);
    eg_params_destroy(p);
    eg_params_destroy(q);
    eg_params_destroy(r);
    unlink(file_path());
}

/* A file of this header and that many bytes of data. */
static eg_status load_text(const char *header, size_t data)
{
    uint8_t length[8];
    eg_params *p = NULL;
    FILE *f = fopen(file_path(), "wb");
    CHECK(f != NULL);
    egi_store_le64(length, strlen(header));
    CHECK(fwrite(length, 1, 8, f) == 8);
    CHECK(fwrite(header, 1, strlen(header), f) == strlen(header));
    for (size_t i = 0; i < data; i++) CHECK(fputc(0, f) == 0);
    CHECK(fclose(f) == 0);
    const eg_status s = eg_params_load(file_path(), NULL, NULL, NULL, &p);
    CHECK((s == EG_OK) == (p != NULL));
    eg_params_destroy(p);
    if (s != EG_OK && s != EG_ERR_NOMEM) CHECK(strstr(eg_error_detail(), file_path()) != NULL);
    return s;
}

#define ARRAY(dtype, shape, from, to) \
    "{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":[" #from "," #to "]}"

static void hostile_headers_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t data;
        eg_status want;
    } row[] = {
        { "{}", 0, EG_OK },
        { "{}   ", 0, EG_OK },
        { "{}", 1, EG_ERR_CORRUPT },
        { "[]", 0, EG_ERR_CORRUPT },
        { "{", 0, EG_ERR_CORRUPT },
        { "{\"a\":1}", 0, EG_ERR_CORRUPT },
        { "{\"a\":" ARRAY("F32", "[2]", 0, 8) "}", 8, EG_OK },
        { "{\"a\":" ARRAY("F32", "[2]", 0, 8) "}", 9, EG_ERR_CORRUPT },
        { "{\"a\":" ARRAY("F32", "[2]", 0, 8) "}", 7, EG_ERR_CORRUPT },
        { "{\"a\":" ARRAY("F32", "[2]", 1, 9) "}", 9, EG_ERR_CORRUPT },
        { "{\"a\":" ARRAY("F32", "[3]", 0, 8) "}", 8, EG_ERR_CORRUPT },
        { "{\"a\":" ARRAY("F32", "[2]", 8, 0) "}", 8, EG_ERR_CORRUPT },
        { "{\"a\":" ARRAY("F32", "[2]", 0, -8) "}", 8, EG_ERR_CORRUPT },
        { "{\"a\":" ARRAY("F32", "[-2]", 0, 8) "}", 8, EG_ERR_CORRUPT },
        { "{\"a\":" ARRAY("F32", "[2.0]", 0, 8) "}", 8, EG_ERR_CORRUPT },
        { "{\"a\":" ARRAY("F32", "2", 0, 8) "}", 8, EG_ERR_CORRUPT },
        { "{\"a\":" ARRAY("F32", "[9223372036854775807,9]", 0, 8) "}", 8, EG_ERR_CORRUPT },
        { "{\"a\":" ARRAY("F32", "[9223372036854775807,0]", 0, 0) "}", 0, EG_OK },
        { "{\"a\":" ARRAY("F32", "[1,1,1,1,1,1,2]", 0, 8) "}", 8, EG_ERR_UNSUPPORTED },
        { "{\"a\":" ARRAY("BF16", "[4]", 0, 8) "}", 8, EG_ERR_UNSUPPORTED },
        { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2]}}", 8, EG_ERR_CORRUPT },
        { "{\"\":" ARRAY("F32", "[2]", 0, 8) "}", 8, EG_ERR_CORRUPT },
        { "{\"a\":" ARRAY("F32", "[2]", 0, 8) ",\"a\":" ARRAY("F32", "[2]", 0, 8) "}", 8,
          EG_ERR_CORRUPT },
        { "{\"a\":" ARRAY("F32", "[2]", 0, 8) ",\"b\":" ARRAY("F32", "[1]", 4, 8) "}", 8,
          EG_ERR_CORRUPT },
        { "{\"a\":" ARRAY("F32", "[2]", 0, 8) ",\"b\":" ARRAY("F32", "[2]", 0, 8) "}", 8,
          EG_ERR_CORRUPT },
        { "{\"a\":" ARRAY("F32", "[1]", 0, 4) ",\"b\":" ARRAY("F32", "[1]", 8, 12) "}", 12,
          EG_ERR_CORRUPT },
        { "{\"b\":" ARRAY("F32", "[1]", 4, 8) ",\"a\":" ARRAY("F32", "[1]", 0, 4) "}", 8, EG_OK },
        { "{\"b\":" ARRAY("F32", "[0]", 4, 4) ",\"a\":" ARRAY("F32", "[1]", 0, 4) "}", 4, EG_OK },
        { "{\"__metadata__\":{\"a\":1}}", 0, EG_ERR_CORRUPT },
        { "{\"__metadata__\":[]}", 0, EG_ERR_CORRUPT },
        { "{\"__metadata__\":{\"a\":\"b\"}}", 0, EG_OK },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        const eg_status s = load_text(row[i].header, row[i].data);
        if (s != row[i].want)
            fail_msg("%s with %zu bytes: %s, expected %s", row[i].header, row[i].data,
                     eg_status_name(s), eg_status_name(row[i].want));
    }
    unlink(file_path());
}

static void sizes_are_bounded(void **state)
{
    (void)state;
    static char text[300001];
    uint8_t head[16] = { 0 };
    eg_params *p = NULL;
    memset(text, '[', sizeof text - 1);
    CHECK_STATUS(load_text(text, 0), EG_ERR_LIMIT);
    egi_store_le64(head, UINT64_MAX);
    FILE *f = fopen(file_path(), "wb");
    CHECK(f != NULL && fwrite(head, 1, 16, f) == 16 && fclose(f) == 0);
    CHECK_STATUS(eg_params_load(file_path(), NULL, NULL, NULL, &p), EG_ERR_CORRUPT);
    CHECK(truncate(file_path(), 7) == 0);
    CHECK_STATUS(eg_params_load(file_path(), NULL, NULL, NULL, &p), EG_ERR_CORRUPT);
    egi_store_le64(head, (16 << 20) + 1);
    f = fopen(file_path(), "wb");
    CHECK(f != NULL && fwrite(head, 1, 16, f) == 16 && fclose(f) == 0);
    CHECK(truncate(file_path(), 17 << 20) == 0);
    CHECK_STATUS(eg_params_load(file_path(), NULL, NULL, NULL, &p), EG_ERR_LIMIT);
    CHECK(truncate(file_path(), ((off_t)16 << 30) + 1) == 0);
    CHECK_STATUS(eg_params_load(file_path(), NULL, NULL, NULL, &p), EG_ERR_LIMIT);
    unlink(file_path());
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    eg_params *p = sample(NULL), *q = NULL;
    CHECK_OK(eg_params_save(p, file_path(), NULL, 0));
    eg_params_destroy(p);
    p = NULL;
    for (size_t k = 0; p == NULL; k++) {
        struct failing f = { .fail_at = k };
        const eg_allocator a = failing_allocator(&f);
        p = sample(&a);
        CHECK(p != NULL || f.calls > k);
        eg_params_destroy(p);
        CHECK(f.live == 0);
    }
    eg_status s = EG_ERR_NOMEM;
    for (size_t k = 0; s != EG_OK; k++) {
        struct failing f = { .fail_at = k };
        const eg_allocator a = failing_allocator(&f);
        s = eg_params_load(file_path(), &a, NULL, NULL, &q);
        CHECK(s == EG_OK || (s == EG_ERR_NOMEM && q == NULL));
        if (s == EG_OK) s = eg_params_save(q, file_path(), NULL, 0);
        CHECK(s == EG_OK || s == EG_ERR_NOMEM);
        eg_params_destroy(q);
        q = NULL;
        CHECK(f.live == 0);
    }
    unlink(file_path());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shapes),
        cmocka_unit_test(a_set_keeps_order_and_names),
        cmocka_unit_test(the_hash_sees_everything),
        cmocka_unit_test(copies_only_what_is_alike),
        cmocka_unit_test(a_file_brings_all_back),
        cmocka_unit_test(hostile_headers_are_refused),
        cmocka_unit_test(sizes_are_bounded),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("params", tests, NULL, NULL);
}
