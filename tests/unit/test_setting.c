/* Settings read by table: values, defaults written back, and refusals that name their place. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "nn/egi_setting.h"

struct sample {
    size_t units;
    double rate;
    int loss;
    json_t *layers;
};

static const char *const losses[] = { "mse", "cross-entropy", NULL };

static const struct egi_setting rows[] = {
    { { "units", "count", "10", "" },
      EGI_SETTING_COUNT,
      offsetof(struct sample, units),
      1,
      1e9,
      NULL },
    { { "rate", "number", "0.1", "" },
      EGI_SETTING_NUMBER,
      offsetof(struct sample, rate),
      0,
      1,
      NULL },
    { { "loss", "word", "\"mse\"", "" },
      EGI_SETTING_WORD,
      offsetof(struct sample, loss),
      0,
      0,
      losses },
    { { "layers", "list", "[]", "" },
      EGI_SETTING_JSON,
      offsetof(struct sample, layers),
      0,
      0,
      NULL },
    { { NULL, NULL, NULL, NULL }, EGI_SETTING_COUNT, 0, 0, 0, NULL },
};

static void values_and_defaults(void **state)
{
    (void)state;
    struct sample s;
    json_t *j;
    CHECK_OK(egi_json_parse("{\"loss\": \"cross-entropy\", \"units\": 1e3}", "t", &j));
    CHECK_OK(egi_settings_read(j, rows, "", NULL, &s));
    CHECK(s.units == 1000 && s.rate == 0.1 && s.loss == 1 && json_is_array(s.layers));
    char *text = egi_json_text(j);
    assert_string_equal(text, "{\"loss\": \"cross-entropy\", \"units\": 1000.0, \"rate\": 0.1, "
                              "\"layers\": []}");
    free(text);
    json_object_set_new(j, "rate", json_real(1.0 / 3)); /* needs all 17 digits */
    text = egi_json_text(j);
    json_t *back;
    CHECK_OK(egi_json_parse(text, "t", &back));
    CHECK(json_equal(j, back));
    free(text);
    json_decref(back);
    json_decref(j);
}

static void refusals_name_place_expected_and_got(void **state)
{
    (void)state;
    static const struct {
        const char *text, *detail;
    } row[] = {
        { "{\"units\": \"ten\"}", "layers[2].units: expected a count in 1..1e+09, got \"ten\"" },
        { "{\"units\": 0}", "layers[2].units: expected a count in 1..1e+09, got 0" },
        { "{\"units\": 1.5}", "layers[2].units: expected a count in 1..1e+09, got 1.5" },
        { "{\"units\": null}", "layers[2].units: expected a count in 1..1e+09, got null" },
        { "{\"rate\": 2}", "layers[2].rate: expected a number in 0..1, got 2" },
        { "{\"loss\": \"l1\"}", "layers[2].loss: expected one of mse, cross-entropy, got \"l1\"" },
        { "{\"loss\": [1]}", "layers[2].loss: expected one of mse, cross-entropy, got [1]" },
        { "{\"unit\": 1}",
          "layers[2].unit: no such setting, expected one of units, rate, loss, layers" },
        { "[1]", "layers[2]: expected an object, got [1]" },
    };
    for (size_t i = 0; i < sizeof row / sizeof row[0]; i++) {
        struct sample s;
        json_t *j;
        CHECK_OK(egi_json_parse(row[i].text, "t", &j));
        CHECK_STATUS(egi_settings_read(j, rows, "layers[2]", NULL, &s), EG_ERR_INVALID);
        assert_string_equal(eg_error_detail(), row[i].detail);
        json_decref(j);
    }
}

static void keys_of_others_are_left(void **state)
{
    (void)state;
    static const char *const known[] = { "kind", "name", NULL };
    struct sample s;
    json_t *j;
    CHECK_OK(egi_json_parse("{\"kind\": 7}", "t", &j));
    CHECK_OK(egi_settings_read(j, rows, "", known, &s));
    CHECK_STATUS(egi_settings_read(j, rows, "", NULL, &s), EG_ERR_INVALID);
    json_decref(j);
}

static void texts_that_are_no_json(void **state)
{
    (void)state;
    json_t *j;
    CHECK_STATUS(egi_json_parse("{\"a\": 1,\n \"a\": 2}", "spec", &j), EG_ERR_INVALID);
    CHECK(strncmp(eg_error_detail(), "spec:2:", 7) == 0);
    CHECK_STATUS(egi_json_parse("{} x", "spec", &j), EG_ERR_INVALID);
    CHECK_STATUS(egi_json_parse("", "spec", &j), EG_ERR_INVALID);
    CHECK_STATUS(egi_json_parse("{\"a\": 1e999}", "spec", &j), EG_ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(values_and_defaults),
        cmocka_unit_test(refusals_name_place_expected_and_got),
        cmocka_unit_test(keys_of_others_are_left),
        cmocka_unit_test(texts_that_are_no_json),
    };
    return cmocka_run_group_tests_name("setting", tests, NULL, NULL);
}
