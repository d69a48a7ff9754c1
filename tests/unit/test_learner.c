/* What every learner has from the table: settings, checks of arguments, the echo of its
 * specification; on a row of our own, which learns the mean of each class. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "check.h"
#include "nn/egi_learner.h"

struct mean_settings {
    size_t power;
    json_t *list;
};

struct mean {
    float *center; /* (K, D) */
    void *block;
};

static int live; /* creates without a destroy */

static eg_status mean_create(struct eg_learner *l)
{
    struct mean *m = l->own;
    const struct mean_settings *o = l->settings;
    live++;
    EGI_TRY(egi_alloc_array(l->alloc, 1, 64, "mean", &m->block));
    EGI_TRY(eg_params_add(l->params, "center", EG_F32,
                          &eg_shape_of(l->task.classes, l->task.inputs), NULL));
    EGI_TRY(eg_params_add(l->state, "steps", EG_I32, &eg_shape_of(1), NULL));
    m->center = eg_params_find(l->params, "center")->value;
    json_array_append_new(o->list, json_integer((json_int_t)o->power));
    return o->power == 3 ? egi_fail(EG_ERR_SHAPE, "three") : EG_OK;
}

static void mean_destroy(struct eg_learner *l)
{
    struct mean *m = l->own;
    live--;
    egi_free(l->alloc, m->block, 64);
}

static eg_status mean_step(struct eg_learner *l, double epoch, const float *x, const int32_t *y,
                           size_t b, double *loss)
{
    struct mean *m = l->own;
    for (size_t i = 0; i < b; i++)
        for (size_t k = 0; k < l->task.inputs; k++)
            m->center[(size_t)y[i] * l->task.inputs + k] += x[i * l->task.inputs + k];
    *loss = epoch == 13 ? (double)(m->center[1] = NAN) : epoch == 14 ? INFINITY : 0.5;
    return EG_OK;
}

static eg_status mean_scores(struct eg_learner *l, const float *x, size_t b, float *scores)
{
    (void)x;
    for (size_t i = 0; i < b * l->task.classes; i++) scores[i] = 1;
    return EG_OK;
}

static const struct egi_setting settings[] = {
    { { "power", "count", "2", "" },
      EGI_SETTING_COUNT,
      offsetof(struct mean_settings, power),
      1,
      9,
      NULL },
    { { "list", "list", "[]", "" },
      EGI_SETTING_JSON,
      offsetof(struct mean_settings, list),
      0,
      0,
      NULL },
    { { NULL, NULL, NULL, NULL }, EGI_SETTING_COUNT, 0, 0, 0, NULL },
};

static const struct egi_learner_row mean_row = {
    .kind = { "mean", "class means", "" },
    .settings = settings,
    .settings_bytes = sizeof(struct mean_settings),
    .own_bytes = sizeof(struct mean),
    .create = mean_create,
    .destroy = mean_destroy,
    .step = mean_step,
    .scores = mean_scores,
};

static const eg_task task = { .inputs = 4, .classes = 2, .epochs = 3 };

static eg_status make(const char *spec, const eg_allocator *a, eg_learner **l)
{
    json_t *j;
    CHECK_OK(egi_json_parse(spec, "t", &j));
    return egi_learner_make(&mean_row, j, &task, 5, 1, a, l);
}

static void the_specification_is_written_out(void **state)
{
    (void)state;
    eg_learner *l = NULL;
    CHECK_OK(make("{\"kind\": \"mean\", \"power\": 4}", NULL, &l));
    assert_string_equal(eg_learner_spec(l), "{\"kind\": \"mean\", \"power\": 4, \"list\": [4]}");
    CHECK(eg_learner_task(l)->inputs == 4 && eg_params_count(eg_learner_params(l)) == 1);
    CHECK(eg_params_count(eg_learner_state(l)) == 1);
    eg_learner_destroy(l);
    eg_learner_destroy(NULL);
    l = NULL;
    CHECK_STATUS(make("{\"kind\": \"mean\", \"power\": 3}", NULL, &l), EG_ERR_SHAPE);
    CHECK_STATUS(make("{\"kind\": \"mean\", \"powr\": 2}", NULL, &l), EG_ERR_INVALID);
    CHECK(l == NULL && live == 0);
}

static void arguments_are_checked(void **state)
{
    (void)state;
    const float x[8] = { 0, 1, 2, 3, 4, 5, 6, 7 }, hole[8] = { 0, 1, 2, 3, 4, 5, INFINITY, 7 };
    const int32_t y[2] = { 0, 1 }, none[2] = { 0, 2 }, less[2] = { -1, 0 };
    float out[16];
    double loss = -1;
    eg_learner *l = NULL;
    CHECK_OK(make("{\"kind\": \"mean\"}", NULL, &l));
    CHECK_STATUS(eg_learner_step(l, 0, hole, y, 2, &loss), EG_ERR_INVALID);
    assert_string_equal(eg_error_detail(),
                        "x: example 1, input 2 is inf, expected a finite number");
    CHECK_STATUS(eg_learner_step(l, 0, x, none, 2, &loss), EG_ERR_INVALID);
    assert_string_equal(eg_error_detail(), "y[1]: class 2, expected 0..1");
    CHECK_STATUS(eg_learner_step(l, 0, x, less, 2, &loss), EG_ERR_INVALID);
    CHECK_STATUS(eg_learner_step(l, -1, x, y, 2, &loss), EG_ERR_INVALID);
    CHECK_STATUS(eg_learner_step(l, (double)NAN, x, y, 2, &loss), EG_ERR_INVALID);
    CHECK_STATUS(eg_learner_step(l, 0, x, y, 0, &loss), EG_ERR_INVALID);
    CHECK_STATUS(eg_learner_step(l, 0, NULL, y, 2, &loss), EG_ERR_INVALID);
    CHECK_STATUS(eg_learner_scores(l, hole, 2, out), EG_ERR_INVALID);
    CHECK_STATUS(eg_learner_pullback(l, x, x, 2, NULL, out), EG_ERR_UNSUPPORTED);
    CHECK(loss == -1);
    CHECK_OK(eg_learner_step(l, 0, x, y, 2, &loss));
    CHECK(loss == 0.5);
    CHECK_OK(eg_learner_scores(l, x, 2, out));
    CHECK_STATUS(eg_learner_step(l, 14, x, y, 2, &loss), EG_ERR_DIVERGED);
    CHECK_STATUS(eg_learner_step(l, 13, x, y, 2, &loss), EG_ERR_DIVERGED);
    CHECK(strncmp(eg_error_detail(), "center[1] is ", 13) == 0);
    eg_learner_destroy(l);
}

static void tasks_and_specifications_are_checked(void **state)
{
    (void)state;
    static const eg_task bad[] = { { 0, 0, 0, 0, 2, 1, 0 },
                                   { 4, 0, 0, 0, 1, 1, 0 },
                                   { 4, 0, 0, 0, 2, 0, 0 } };
    const eg_task image = { 4, 2, 3, 1, 2, 1, 0 };
    eg_learner *l = NULL;
    for (size_t i = 0; i < EGI_COUNT(bad); i++)
        CHECK_STATUS(eg_learner_create("{}", &bad[i], 0, 1, NULL, &l), EG_ERR_INVALID);
    CHECK_STATUS(eg_learner_create("{}", &image, 0, 1, NULL, &l), EG_ERR_SHAPE);
    CHECK_STATUS(eg_learner_create("{}", &task, 0, -1, NULL, &l), EG_ERR_INVALID);
    CHECK_STATUS(eg_learner_create("{", &task, 0, 1, NULL, &l), EG_ERR_INVALID);
    CHECK_STATUS(eg_learner_create("[]", &task, 0, 1, NULL, &l), EG_ERR_INVALID);
    CHECK_STATUS(eg_learner_create("{\"kind\": \"mean\"}", &task, 0, 1, NULL, &l), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "kind: expected one of ") != NULL);
    CHECK(strstr(eg_error_detail(), "dam") != NULL && strstr(eg_error_detail(), "mean") != NULL);
    CHECK(l == NULL);
}

/* Each kind is made of its defaults alone, and made again of the specification it says. */
static void every_kind_describes_itself(void **state)
{
    (void)state;
    const eg_task images = { 64, 8, 8, 1, 3, 10, 0 };
    for (size_t i = 0; eg_learner_kind_at(i) != NULL; i++) {
        const char *kind = eg_learner_kind_at(i)->name;
        char spec[200];
        snprintf(spec, sizeof spec, "{\"kind\": \"%s\"}", kind);
        eg_learner *a = NULL, *b = NULL;
        CHECK_OK(eg_learner_create(spec, &images, 7, 1, NULL, &a));
        CHECK_OK(eg_learner_create(eg_learner_spec(a), &images, 7, 2, NULL, &b));
        assert_string_equal(eg_learner_spec(a), eg_learner_spec(b));
        CHECK(eg_params_hash(eg_learner_params(a)) == eg_params_hash(eg_learner_params(b)));
        for (size_t k = 0; eg_learner_setting_at(kind, k) != NULL; k++) {
            const eg_setting *s = eg_learner_setting_at(kind, k);
            CHECK(s->summary[0] != '\0');
            if (strcmp(s->fallback, "null") != 0)
                CHECK(strstr(eg_learner_spec(a), s->name) != NULL);
        }
        eg_learner_destroy(a);
        eg_learner_destroy(b);
    }
    CHECK(eg_learner_setting_at("mean", 0) == NULL && eg_learner_setting_at(NULL, 0) == NULL);
}

/* What a learner says of an example does not depend on the others of its batch. */
static void batches_may_be_cut_anywhere(void **state)
{
    (void)state;
    enum { B = 530, D = 150, CLASSES = 3 };
    static const size_t cut[] = { 1, 7, 24, 100, 241, 530 };
    static float x[B * D], c[B * CLASSES], z[2][B * CLASSES], dx[2][B * D];
    static const char *const spec[] = { "{\"kind\": \"dam\", \"hidden\": 520}",
                                        "{\"kind\": \"local\", \"hidden\": 520}",
                                        "{\"kind\": \"network\", \"hidden\": [520, 40]}" };
    const eg_task rows = { D, 0, 0, 0, CLASSES, 10, 0 };
    eg_random_uniform(3, 0, 0, B * D, x);
    eg_random_normal(3, 1, 0, B * CLASSES, c);
    for (size_t k = 0; k < EGI_COUNT(spec); k++) {
        eg_learner *l = NULL;
        CHECK_OK(eg_learner_create(spec[k], &rows, 7, 2, NULL, &l));
        for (size_t i = 0; i < EGI_COUNT(cut); i++) {
            const int w = i > 0;
            for (size_t at = 0; at < B; at += cut[i]) {
                const size_t b = B - at < cut[i] ? B - at : cut[i];
                CHECK_OK(
                    eg_learner_pullback(l, x + at * D, c + at * CLASSES, b, NULL, dx[w] + at * D));
                CHECK_OK(eg_learner_scores(l, x + at * D, b, z[w] + at * CLASSES));
            }
            if (!w) continue;
            CHECK_SAME_BITS(z[0], z[1], sizeof z[0]);
            CHECK_SAME_BITS(dx[0], dx[1], sizeof dx[0]);
        }
        eg_learner_destroy(l);
    }
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    eg_status s = EG_ERR_NOMEM;
    for (size_t k = 0; s != EG_OK; k++) {
        struct failing f = { .fail_at = k };
        const eg_allocator a = failing_allocator(&f);
        eg_learner *l = NULL;
        s = make("{\"kind\": \"mean\"}", &a, &l);
        CHECK(s == EG_OK || (s == EG_ERR_NOMEM && l == NULL));
        eg_learner_destroy(l);
        CHECK(f.live == 0 && live == 0);
    }
}

static void tables_of_networks_are_listed(void **state)
{
    (void)state;
    const char *table;
    eg_learner_kind row = { 0 };
    size_t tables = 0, rows = 0;
    char name[80];
    for (; (table = eg_network_table_at(tables)) != NULL; tables++)
        for (size_t k = 0; eg_network_row_at(table, k, &row); k++, rows++) {
            CHECK(row.name[0] != '\0' && row.summary[0] != '\0');
            snprintf(name, sizeof name, "%s.%s", table, row.name);
            for (size_t i = 0; eg_learner_setting_at(name, i) != NULL; i++)
                CHECK(eg_learner_setting_at(name, i)->summary[0] != '\0');
        }
    CHECK(tables == 4 && rows > 40);
    CHECK(strcmp(eg_learner_setting_at("layer.lstm", 1)->name, "last") == 0);
    CHECK(strcmp(eg_learner_setting_at("optimiser.adam", 0)->fallback, "0.001") == 0);
    CHECK(eg_learner_setting_at("layer.adam", 0) == NULL);
    CHECK(eg_learner_setting_at("lstm", 0) == NULL
          && eg_learner_setting_at("optimiser", 0) == NULL);
    CHECK(!eg_network_row_at("layers", 0, &row) && !eg_network_row_at(NULL, 0, &row));
    CHECK(!eg_network_row_at("loss", 99, &row) && !eg_network_row_at("loss", 0, NULL));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_specification_is_written_out),
        cmocka_unit_test(arguments_are_checked),
        cmocka_unit_test(tasks_and_specifications_are_checked),
        cmocka_unit_test(every_kind_describes_itself),
        cmocka_unit_test(batches_may_be_cut_anywhere),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(tables_of_networks_are_listed),
    };
    return cmocka_run_group_tests_name("learner", tests, NULL, NULL);
}
