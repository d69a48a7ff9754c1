/* Memory files at the edges of what they take: sizes, ids, notes and values that cannot be, large
 * rows and blocks, states without items, work that is interrupted. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "binary_file_check.h"
#include "head_check.h"
#include "model/egi_memory_file.h"

static int set_up(void **state)
{
    (void)state;
    return make_folder();
}

static eg_memory_file *opened(const char *path, const eg_file_options *o)
{
    eg_memory_file *f = NULL;
    CHECK_OK(eg_memory_file_open(path, o, &f));
    return f;
}

static eg_memory *loaded(eg_memory_file *f)
{
    eg_memory *m = NULL;
    CHECK_OK(eg_memory_file_load(f, &m));
    return m;
}

static void arguments_that_cannot_be(void **state)
{
    const char *path = path_of("arguments.egm");
    const uint64_t last[1] = { UINT64_MAX };
    const float bad[2] = { 1, INFINITY }, huge[1] = { INFINITY };
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    eg_file_options wrong = quick;
    eg_memory_file *f = NULL;
    (void)state;
    wrong.durability = -1;
    CHECK_STATUS(eg_memory_file_open(path, &wrong, &f), EG_ERR_INVALID);
    wrong = quick;
    wrong.wait_ms = -1; /* not at all */
    o.value_size = 2;
    CHECK_OK(eg_memory_file_create(path, 1, &o, &wrong, &f));
    const struct {
        eg_items items;
        size_t n;
        eg_status want;
        const char *words;
    } rows_of[] = {
        { { .values = x }, 2, EG_OK, "" },
        { { .values = NULL }, 2, EG_ERR_SHAPE, "values are missing" },
        { { .values = x }, SIZE_MAX / 2 + 1, EG_ERR_OVERFLOW, "" },
        { { .values = x }, SIZE_MAX, EG_ERR_OVERFLOW, "" },
        { { .values = bad }, 1, EG_ERR_INVALID, "value 0, component 1" },
        { { .values = x, .weights = huge }, 1, EG_ERR_INVALID, "weight 0" },
        { { .values = x, .ids = last }, 1, EG_ERR_INVALID, "id 18446744073709551615" },
    };
    for (size_t i = 0; i < EGI_COUNT(rows_of); i++) {
        const eg_status s = eg_memory_file_append(f, x, rows_of[i].n, &rows_of[i].items, NULL);
        if (s != rows_of[i].want
            || strstr(s == EG_OK ? "" : eg_error_detail(), rows_of[i].words) == NULL)
            fail_msg("row %zu: %s: %s", i, eg_status_name(s), eg_error_detail());
    }
    CHECK_OK(eg_memory_file_append(f, NULL, 0, NULL, NULL));
    CHECK_OK(eg_memory_file_remove(f, NULL, 0));
    CHECK_STATUS(eg_memory_file_remove(f, last, 1), EG_ERR_INVALID);
    eg_memory_file_close(f);
    write_file(path, N);
    f = opened(path, &quick);
    CHECK_STATUS(eg_memory_file_append(f, x, SIZE_MAX / D + 1, NULL, NULL), EG_ERR_OVERFLOW);
    eg_memory_file_close(f);
    static const struct {
        size_t d, values;
    } sizes[] = { { (size_t)1 << 27, 0 }, { 1, (size_t)1 << 27 }, { (size_t)1 << 26, 0 } };
    for (size_t i = 0; i < EGI_COUNT(sizes); i++) {
        o.value_size = sizes[i].values;
        CHECK_STATUS(eg_memory_file_create(path_of("no.egm"), sizes[i].d, &o, &quick, &f),
                     EG_ERR_LIMIT);
    }
}

/* What nobody but the library writes, changed with right checksums. */
static void forge_meta(const char *path, const char *key, const void *value, size_t size)
{
    eg_memory_file *f = opened(path, &quick);
    CHECK_OK(egi_store_begin(f->store, 1));
    CHECK_OK(egi_store_set_meta(f->store, key, value, size));
    CHECK_OK(egi_store_commit(f->store));
    eg_memory_file_close(f);
}

static void meta_rows_that_cannot_be(void **state)
{
    static const char *const notes[] = { "a\0b", "a\xff\0" };
    char path[320];
    eg_memory_file *f = NULL;
    eg_file_info info;
    const char *text;
    (void)state;
    snprintf(path, sizeof path, "%s", path_of("meta.egm"));
    for (size_t i = 0; i < 2; i++) {
        write_file(path, N);
        forge_meta(path, "note/title", notes[i], i == 0 ? 3 : 2);
        f = opened(path, &reading);
        CHECK_STATUS(eg_memory_file_note(f, "title", &text), EG_ERR_CORRUPT);
        CHECK(strstr(eg_error_detail(), "a note is no text") != NULL);
        eg_memory_file_close(f);
    }
    for (size_t i = 0; i < 2; i++) {
        forge_meta(path, EGI_LIBRARY_KEY, i == 0 ? path : NULL, i == 0 ? 40 : 0);
        f = opened(path, &reading);
        CHECK_OK(eg_memory_file_info(f, &info));
        assert_string_equal(info.library_version, "");
        eg_memory_file_close(f);
    }
    forge_meta(path, EGI_MEMORY_KEY, NULL, 0);
    CHECK_STATUS(eg_memory_file_open(path, &reading, &f), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "the description of the memory is missing") != NULL);
}

/* Ids go up to 2^64 - 2, and are never given twice. */
static void ids_come_to_an_end(void **state)
{
    static const uint64_t tops[] = { UINT64_MAX - 5, UINT64_MAX - 2, UINT64_MAX };
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(tops); i++) {
        const char *path = path_of("ids.egm");
        uint64_t id = 0;
        write_file(path, N);
        eg_memory_file *f = opened(path, &quick);
        CHECK_OK(egi_store_begin(f->store, 1));
        egi_store_raise_top(f->store, tops[i]);
        CHECK_OK(egi_store_commit(f->store));
        eg_memory_destroy(loaded(f));
        CHECK_STATUS(eg_memory_file_append(f, x, 1, NULL, &id), i == 0 ? EG_OK : EG_ERR_OVERFLOW);
        CHECK(i > 0 || id == UINT64_MAX - 4);
        eg_memory_file_close(f);
    }
}

/* Patterns wider than a block, wider than what is read at a time, and more of them in one record
 * than that. */
static void large_rows(void **state)
{
    enum { MANY = 70000, ONES = 16 };
    static const size_t widths[] = { 20000, (1 << 20) + 1 };
    float *wide = calloc((size_t)MANY * ONES, sizeof *wide), *back = calloc(1 << 21, sizeof *back);
    CHECK(wide != NULL && back != NULL);
    (void)state;
    eg_random_normal(5, 0, 0, (size_t)MANY * ONES, wide);
    for (size_t i = 0; i < EGI_COUNT(widths); i++) {
        const char *path = path_of("wide.egm");
        eg_memory_file *f = NULL;
        discard(path);
        CHECK_OK(eg_memory_file_create(path, widths[i], NULL, &quick, &f));
        CHECK_OK(eg_memory_file_append(f, wide, 1, NULL, NULL));
        eg_memory *m = loaded(f);
        CHECK_OK(eg_memory_pattern(m, 0, back));
        CHECK_SAME_BITS(back, wide, widths[i] * sizeof *back);
        eg_memory_destroy(m);
        eg_memory_file_close(f);
    }
    const char *path = path_of("many.egm");
    egi_builder b;
    eg_memory_file *f = NULL;
    discard(path);
    CHECK_OK(eg_memory_file_create(path, ONES, NULL, &quick, &f));
    CHECK_OK(egi_builder_create(eg_allocator_default(), EGI_KIND_F32, ONES, 0, MANY, &b));
    for (size_t i = 0; i < MANY; i++) egi_builder_add(&b, i + 1, 1, -1, NULL, wide + i * ONES);
    CHECK_OK(egi_store_begin(f->store, 1));
    CHECK_OK(egi_builder_flush(&b, f->store, 0));
    CHECK_OK(egi_store_commit(f->store));
    egi_builder_destroy(&b);
    eg_memory *m = loaded(f);
    CHECK(eg_memory_count(m) == MANY);
    for (size_t i = 0; i < MANY; i += 997) {
        CHECK_OK(eg_memory_pattern(m, i, back));
        CHECK_SAME_BITS(back, wide + i * ONES, ONES * sizeof *back);
    }
    eg_memory_destroy(m);
    eg_memory_file_close(f);
    free(back);
    free(wide);
}

static eg_memory *sums_of(size_t features, size_t n, const uint64_t *ids)
{
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    const eg_items items = { .ids = ids };
    eg_memory *m = NULL;
    o.storage = EG_STORE_FEATURES;
    o.rule.similarity = EG_SIM_EUCLIDEAN;
    o.features = features;
    CHECK_OK(eg_memory_create(D, &o, &m));
    if (n > 0) CHECK_OK(eg_memory_add(m, x, n, &items));
    return m;
}

/* A state without items; and items whose ids lie above those of patterns that were stored behind
 * them. */
static void states(void **state)
{
    static const uint64_t high[3] = { 100, 101, 102 }, low[2] = { 7, 3 };
    const eg_items items = { .ids = low };
    const char *path = path_of("state.egm");
    (void)state;
    for (size_t n = 0; n < 4; n += 3) {
        eg_memory *m = sums_of(8, n, high);
        discard(path);
        CHECK_OK(eg_memory_file_save(path, m, NULL));
        eg_memory_file *f = opened(path, &quick);
        if (n > 0) CHECK_OK(eg_memory_file_append(f, x + 3 * D, 2, &items, NULL));
        if (n > 0) CHECK_OK(eg_memory_add(m, x + 3 * D, 2, &items));
        eg_memory *back = loaded(f);
        CHECK_OK(eg_memory_file_verify(f, NULL, NULL));
        CHECK(eg_memory_count(back) == (n > 0 ? 5 : 0));
        for (size_t i = 0; i < eg_memory_count(back); i++)
            CHECK(eg_memory_id(back, i) == (i < 3 ? high[i] : low[i - 3]));
        double a[16], b[16];
        CHECK(eg_memory_state_size(m) == 16);
        CHECK_OK(eg_memory_state(m, a));
        CHECK_OK(eg_memory_state(back, b));
        for (size_t i = 0; i < 16; i++) CHECK_NEAR(a[i], b[i], 1e-12);
        eg_memory_destroy(back);
        eg_memory_file_close(f);
        eg_memory_destroy(m);
    }
}

/* A limit that is given holds at each of the places where memory is taken. */
static void limits_that_are_given(void **state)
{
    const char *path = path_of("limit.egm"), *to = path_of("limit.npy");
    eg_file_options o = reading;
    eg_memory *m = NULL;
    (void)state;
    write_file(path, N);
    o.max_bytes = 3100; /* the file's bytes, and not those of patterns in memory */
    eg_memory_file *f = opened(path, &o);
    CHECK_STATUS(eg_memory_file_load(f, &m), EG_ERR_LIMIT);
    CHECK_STATUS(eg_memory_file_export(f, to, "npy"), EG_ERR_LIMIT);
    eg_memory_file_close(f);
    eg_memory *sums = sums_of(256, 0, NULL);
    discard(path);
    CHECK_OK(eg_memory_file_save(path, sums, NULL));
    eg_memory_destroy(sums);
    o.max_bytes = 8000; /* the state, and not the frequencies that it needs beside */
    f = opened(path, &o);
    CHECK_STATUS(eg_memory_file_load(f, &m), EG_ERR_LIMIT);
    eg_memory_file_close(f);
}

/* Stops at the n-th report. */
struct stop {
    int left;
};

static int stop_now(void *user, const char *stage, uint64_t done, uint64_t total)
{
    struct stop *s = user;
    (void)stage;
    CHECK(done <= total);
    return s->left-- <= 0;
}

enum { LONG = 2500 }; /* blocks of it: three */

static eg_status save_long(const char *path, const eg_file_options *o)
{
    eg_memory_options mo = EG_MEMORY_OPTIONS_INIT;
    eg_memory *m = NULL;
    float *many = calloc(LONG * D, sizeof *many);
    mo.value_size = 1;
    const eg_items items = { .values = many };
    CHECK(many != NULL);
    eg_random_normal(6, 0, 0, LONG * D, many);
    CHECK_OK(eg_memory_create(D, &mo, &m));
    CHECK_OK(eg_memory_add(m, many, LONG, &items));
    discard(path);
    const eg_status s = eg_memory_file_save(path, m, o);
    if (s == EG_OK) {
        eg_memory_file *f = opened(path, &reading);
        eg_memory *back = loaded(f);
        float a[D], v;
        CHECK(eg_memory_count(back) == LONG);
        for (size_t i = 0; i < LONG; i++) {
            CHECK_OK(eg_memory_pattern(back, i, a));
            CHECK_OK(eg_memory_value(back, i, &v));
            CHECK_SAME_BITS(a, many + i * D, sizeof a);
            CHECK(v == many[i]);
        }
        eg_memory_destroy(back);
        eg_memory_file_close(f);
    }
    eg_memory_destroy(m);
    free(many);
    return s;
}

static eg_status append_long(const char *path, const eg_file_options *o)
{
    eg_memory_file *f = NULL;
    float *many = calloc(LONG * D, sizeof *many);
    CHECK(many != NULL);
    discard(path);
    eg_status s = eg_memory_file_create(path, D, NULL, o, &f);
    if (s == EG_OK) s = eg_memory_file_append(f, many, LONG, NULL, NULL);
    eg_memory_file_close(f);
    free(many);
    return s;
}

static eg_status load_long(const char *path, const eg_file_options *o)
{
    eg_memory_file *f = NULL;
    eg_memory *m = NULL;
    CHECK_OK(append_long(path, &quick));
    eg_status s = eg_memory_file_open(path, o, &f);
    if (s == EG_OK) s = eg_memory_file_load(f, &m);
    eg_memory_destroy(m);
    eg_memory_file_close(f);
    return s;
}

static eg_status export_long(const char *path, const eg_file_options *o)
{
    eg_memory_file *f = NULL;
    CHECK_OK(append_long(path, &quick));
    eg_status s = eg_memory_file_open(path, o, &f);
    if (s == EG_OK) s = eg_memory_file_export(f, path_of("long.npy"), "npy");
    eg_memory_file_close(f);
    return s;
}

static eg_status vacuum_small(const char *path, const eg_file_options *o)
{
    eg_memory_file *f = NULL;
    write_file(path, N);
    eg_status s = eg_memory_file_open(path, o, &f);
    if (s == EG_OK) s = eg_memory_file_vacuum(f);
    eg_memory_file_close(f);
    return s;
}

static eg_status load_binary(const char *path, const eg_file_options *o)
{
    eg_memory_file *f = NULL;
    eg_binary *m = filled_of(&rows[3]), *back = NULL;
    discard(path);
    CHECK_OK(eg_memory_file_save_binary(path, m, &quick));
    eg_binary_destroy(m);
    eg_status s = eg_memory_file_open(path, o, &f);
    if (s == EG_OK) s = eg_memory_file_load_binary(f, &back);
    eg_binary_destroy(back);
    eg_memory_file_close(f);
    return s;
}

static eg_status load_head(const char *path, const eg_file_options *o)
{
    static struct head_examples e;
    eg_memory_file *f = NULL;
    eg_head *h = NULL, *back = NULL;
    head_examples(1, 0.4F, &e);
    h = head_new(head_specs[0], &e);
    CHECK_OK(eg_head_teach(h, e.x, e.y, HEAD_N));
    discard(path);
    CHECK_OK(eg_memory_file_save_head(path, h, &quick));
    eg_head_destroy(h);
    eg_status s = eg_memory_file_open(path, o, &f);
    if (s == EG_OK) s = eg_memory_file_load_head(f, &back);
    eg_head_destroy(back);
    eg_memory_file_close(f);
    return s;
}

/* Long work can be stopped at each report, says so, and leaves nothing half done. */
static void work_is_interrupted(void **state)
{
    static eg_status (*const work[])(const char *path, const eg_file_options *o) = {
        save_long, append_long, load_long, export_long, vacuum_small, load_binary, load_head,
    };
    const char *path = path_of("long.egm");
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(work); i++) {
        eg_status s = EG_ERR_INTERRUPTED;
        int at = 0;
        for (; s == EG_ERR_INTERRUPTED; at++) {
            struct stop stop = { at };
            const eg_progress progress = { stop_now, &stop };
            eg_file_options o = quick;
            o.progress = &progress;
            s = work[i](path, &o);
            check_left_over(path);
        }
        CHECK_OK(s);
        if (at < 3) fail_msg("work %zu reports %d times", i, at - 1);
    }
}

/* Rows of connections and of a head that are wider than a block. */
static void wide_rows_of_others(void **state)
{
    static const struct row wide = { EG_BINARY_WILLSHAW, 1, 4, 600000, 0, 0, 0, 0 };
    enum { WIDE = 20000 };
    const char *path = path_of("wide.egm");
    eg_binary *m = empty_of(&wide);
    uint64_t *a = calloc(eg_binary_words(m), 8), *b = calloc(eg_binary_out_words(m), 8);
    float *z = calloc(2 * WIDE, sizeof *z);
    const int32_t y[2] = { 0, 1 };
    eg_head *h = NULL, *back = NULL;
    (void)state;
    CHECK(a != NULL && b != NULL && z != NULL);
    a[0] = 5;
    b[0] = b[9000] = 3;
    CHECK_OK(eg_binary_add(m, a, b, 1));
    discard(path);
    CHECK_OK(eg_memory_file_save_binary(path, m, &quick));
    eg_binary *again = load_of(path);
    CHECK(is_same(m, again));
    eg_binary_destroy(again);
    eg_binary_destroy(m);
    CHECK_OK(eg_head_create("{\"kind\": \"mean\"}", WIDE, 1, NULL, &h));
    for (size_t i = 0; i < 2 * WIDE; i++) z[i] = (float)(i % 7);
    CHECK_OK(eg_head_teach(h, z, y, 2));
    discard(path);
    CHECK_OK(eg_memory_file_save_head(path, h, &quick));
    eg_memory_file *f = opened(path, &quick);
    CHECK_OK(eg_memory_file_load_head(f, &back));
    head_check_same(h, back);
    eg_head_destroy(back);
    /* a head of another number of features, another seed, another kind */
    static const struct {
        const char *spec;
        size_t d;
        uint64_t seed;
        eg_status want;
    } others[] = {
        { "{\"kind\": \"mean\"}", WIDE, 1, EG_OK },
        { "{\"kind\": \"mean\"}", WIDE - 1, 1, EG_ERR_SHAPE },
        { "{\"kind\": \"mean\"}", WIDE, 2, EG_ERR_SHAPE },
        { "{\"kind\": \"prototype\"}", WIDE, 1, EG_ERR_SHAPE },
    };
    for (size_t i = 0; i < EGI_COUNT(others); i++) {
        eg_head *other = NULL;
        CHECK_OK(eg_head_create(others[i].spec, others[i].d, others[i].seed, NULL, &other));
        CHECK_STATUS(eg_memory_file_write_head(f, other), others[i].want);
        eg_head_destroy(other);
    }
    eg_memory_file_close(f);
    write_file(path, N);
    f = opened(path, &quick);
    CHECK_STATUS(eg_memory_file_write_head(f, h), EG_ERR_UNSUPPORTED);
    eg_memory_file_close(f);
    eg_head_destroy(h);
    free(a), free(b), free(z);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arguments_that_cannot_be),
        cmocka_unit_test(meta_rows_that_cannot_be),
        cmocka_unit_test(ids_come_to_an_end),
        cmocka_unit_test(large_rows),
        cmocka_unit_test(states),
        cmocka_unit_test(limits_that_are_given),
        cmocka_unit_test(work_is_interrupted),
        cmocka_unit_test(wide_rows_of_others),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
