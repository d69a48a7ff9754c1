/* JSON is read as jansson reads it where memory is not short, and refused with its place; where
 * memory is short at any allocation the reader says so, which jansson's own does not. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/egi_json.h"
#include "check.h"
#include "engram/random.h"

static size_t fails_at = SIZE_MAX, calls;
static int for_good;

static void *falls(size_t size)
{
    const size_t call = calls++;
    return call == fails_at || (for_good && call > fails_at) ? NULL : malloc(size);
}

static int set_up(void **state)
{
    (void)state;
    json_set_alloc_funcs(falls, free);
    return 0;
}

static const char *const good[] = {
    "{}",
    "[]",
    " [ ] ",
    "{\"a\":{\"b\":[1,2.5,-3e-7,true,false,null]},\"\":\"\"}",
    "0",
    "-0",
    "-0.0",
    "9223372036854775807",
    "-9223372036854775808",
    "1E5",
    "0.1",
    "2.2250738585072014e-308",
    "4e-400",
    "123456789012345678901234567890.5",
    "\"\"",
    "\"\\\"\\\\\\/\\b\\f\\n\\r\\t\"",
    "\"\\u0041\\u00e9\\u20AC\\uD834\\uDD1E\"",
    "\"\303\251\342\202\254\360\235\204\236\177\"",
    "true",
    "\r\n\t [\n1 ,\t2\r]\n",
    "{\"a name of more than fifteen bytes\\n\":\"and \\\"text\\\" of more\"}",
    "[[[[[[[[[[1]]]]]]]]]]",
    "{\"b\":1,\"a\":[{\"b\":2}]}",
};

static void what_jansson_reads(void **state)
{
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(good); i++) {
        struct egi_json_error e;
        json_t *a = egi_json_read(good[i], strlen(good[i]), &e);
        json_t *b = json_loads(good[i], JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
        if (a == NULL) fail_msg("%s: %s", good[i], e.text);
        CHECK(b != NULL && json_equal(a, b) && e.status == EG_OK);
        CHECK(!json_is_real(a) || signbit(json_real_value(a)) == signbit(json_real_value(b)));
        json_decref(a);
        json_decref(b);
    }
    CHECK(egi_json_of(NULL) == NULL);
}

static void what_is_refused(void **state)
{
    static const struct {
        const char *text, *says;
        int line, column;
    } bad[] = {
        { "", "expected a value", 1, 1 },
        { "nul", "expected a value", 1, 1 },
        { "{\"a\":1,\n \"\303\251\": x}", "expected a value", 2, 7 },
        { "[1 2]", "expected ',' or ']'", 1, 4 },
        { "[1,]", "expected a value", 1, 4 },
        { "{\"a\" 1}", "expected ':'", 1, 6 },
        { "{\"a\":1 \"b\":2}", "expected ',' or '}'", 1, 8 },
        { "{a:1}", "expected a string", 1, 2 },
        { "{\"a\":1,}", "expected a string", 1, 8 },
        { "{\"a\":1,\"a\":2}", "expected no name twice in an object", 1, 11 },
        { "[1] 2", "expected the end of the text", 1, 5 },
        { "01", "expected the end of the text", 1, 2 },
        { "-", "expected a digit", 1, 2 },
        { "1.", "expected a digit", 1, 3 },
        { "1e+", "expected a digit", 1, 4 },
        { "+1", "expected a value", 1, 1 },
        { "1e999", "expected a number below 1.8e308", 1, 6 },
        { "9223372036854775808", "expected a whole number of up to 63 bits", 1, 20 },
        { "\"a", "expected the end of a string, and no control bytes in it", 1, 3 },
        { "\"a\nb\"", "expected the end of a string, and no control bytes in it", 1, 3 },
        { "\"\\x\"", "expected a character after the backslash", 1, 3 },
        { "\"\\u12g4\"", "expected a character after the backslash", 1, 6 },
        { "\"\\u0000\"", "expected a character after the backslash", 1, 8 },
        { "\"\\ud834\"", "expected a character after the backslash", 1, 8 },
        { "\"\\ud834\\n\"", "expected a character after the backslash", 1, 9 },
        { "\"\\ud834\\u0041\"", "expected a character after the backslash", 1, 14 },
        { "\"\\udd1e\"", "expected a character after the backslash", 1, 8 },
        { "\"\300\200\"", "expected a string in UTF-8", 1, 3 },
        { "\"\355\240\200\"", "expected a string in UTF-8", 1, 3 },
        { "\"\360\235\204", "expected the end of a string, and no control bytes in it", 1, 3 },
    };
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(bad); i++) {
        struct egi_json_error e;
        CHECK(egi_json_read(bad[i].text, strlen(bad[i].text), &e) == NULL);
        CHECK(e.status == EG_ERR_INVALID);
        if (strcmp(e.text, bad[i].says) != 0 || e.line != bad[i].line || e.column != bad[i].column)
            fail_msg("%s: %d:%d: %s", bad[i].text, e.line, e.column, e.text);
        CHECK(json_loads(bad[i].text, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL) == NULL);
    }
    CHECK(egi_json_read("[1]\0", 4, NULL) == NULL && egi_json_read("\"a\0b\"", 5, NULL) == NULL);
    json_t *cut = egi_json_read("12", 1, NULL); /* not a byte more than it was given */
    CHECK(json_integer_value(cut) == 1);
    json_decref(cut);
}

static void how_deep_and_how_long(void **state)
{
    enum { DEEP = 2048 };
    static char text[2 * DEEP + 3];
    struct egi_json_error e;
    (void)state;
    memset(text, '[', DEEP);
    memset(text + DEEP, ']', DEEP);
    json_t *v = egi_json_read(text, (size_t)2 * DEEP, &e);
    CHECK(v != NULL);
    json_decref(v);
    memset(text, '[', DEEP + 1);
    memset(text + DEEP + 1, ']', DEEP + 1);
    CHECK(egi_json_read(text, sizeof text - 1, &e) == NULL && e.at == DEEP);
    memset(text, '1', sizeof text);
    text[1] = '.';
    CHECK(egi_json_read(text, 512, &e) == NULL && strstr(e.text, "511") != NULL);
    v = egi_json_read(text, 511, &e);
    CHECK(json_is_real(v));
    json_decref(v);
}

/* Bytes exchanged at random: both readers take it, with the same value, or both do not. */
static void as_jansson_when_mutated(void **state)
{
    static const char letters[] = "{}[]\",:\\u0123456789.eE+-trufalsn \n\303\251";
    size_t taken = 0;
    uint64_t draw = 0;
    (void)state;
    for (size_t i = 0; i < 40000; i++) {
        char text[120];
        const char *from = good[i % EGI_COUNT(good)];
        size_t n = strlen(from);
        memcpy(text, from, n);
        for (size_t k = 0; n > 0 && k < 1 + i % 3; k++, draw++) {
            const uint64_t at = eg_random_below(29, 0, draw, n);
            text[at] = letters[eg_random_below(29, 1, draw, sizeof letters - 1)];
        }
        json_t *a = egi_json_read(text, n, NULL);
        json_t *b = json_loadb(text, n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, NULL);
        if ((a == NULL) != (b == NULL) || (a != NULL && !json_equal(a, b)))
            fail_msg("%.*s: %s", (int)n, text, a != NULL ? "taken" : "refused");
        taken += a != NULL;
        json_decref(a);
        json_decref(b);
    }
    CHECK(taken > 1000 && taken < 39000);
}

static void every_allocation_fails(void **state)
{
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(good); i++) {
        calls = 0;
        json_decref(egi_json_of(good[i]));
        const size_t count = calls;
        for (size_t k = 0; k < 2 * count; k++) {
            struct egi_json_error e;
            calls = 0;
            fails_at = k / 2;
            for_good = k % 2 == 1;
            json_t *v = egi_json_read(good[i], strlen(good[i]), &e);
            fails_at = SIZE_MAX;
            CHECK(v == NULL && e.status == EG_ERR_NOMEM);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_jansson_reads),     cmocka_unit_test(what_is_refused),
        cmocka_unit_test(how_deep_and_how_long),  cmocka_unit_test(as_jansson_when_mutated),
        cmocka_unit_test(every_allocation_fails),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
