/* Descriptions of binary memories and heads with one thing that cannot be, and files of arrays and
 * of learners that lack something. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "binary_file_check.h"
#include "head_check.h"
#include "model/egi_head_file.h"

static int set_up(void **state)
{
    (void)state;
    return make_folder();
}

/* text with `from` replaced. */
static size_t with(const char *text, size_t n, const char *from, const char *to,
                   char out[4 * EGI_TEXT_MAX])
{
    const char *at = memmem(text, n, from, strlen(from));
    CHECK(at != NULL);
    const size_t before = (size_t)(at - text), after = n - before - strlen(from);
    return (size_t)snprintf(out, 4 * EGI_TEXT_MAX, "%.*s%s%.*s", (int)before, text, to, (int)after,
                            at + strlen(from));
}

static char padding[2 * EGI_TEXT_MAX];

static const struct {
    const char *from, *to;
    eg_status want;
} of_binary[] = {
    { "seed 5", "seed 6", EG_OK },
    { "engram memory 2\n", "", EG_NOT_FOUND },
    { "engram memory 2\n", "engram memory 1\n", EG_NOT_FOUND },
    { "binary clique\n", "", EG_ERR_CORRUPT },
    { "binary clique", "binary clique ", EG_ERR_CORRUPT },
    { "clusters 6\n", "", EG_ERR_CORRUPT },
    { "clusters 6", "clusters 6x", EG_ERR_CORRUPT },
    { "clusters 6", "clusters 18446744073709551616", EG_ERR_CORRUPT },
    { "counted 1", "counted 2", EG_ERR_CORRUPT },
    { "seed 5\n", "seed 5", EG_ERR_CORRUPT },
    { "seed 5\n", "seed 5\n\n", EG_ERR_CORRUPT },
    { "clique", padding, EG_ERR_CORRUPT },
};

static const struct {
    const char *from, *to;
    eg_status want;
} of_head[] = {
    { "seed 7", "seed 8", EG_OK },
    { "engram memory 3\n", "", EG_NOT_FOUND },
    { "engram memory 3\n", "engram memory 1\n", EG_NOT_FOUND },
    { "head ", "", EG_ERR_CORRUPT },
    { "features 40\n", "", EG_ERR_CORRUPT },
    { "features 40", "features 4x", EG_ERR_CORRUPT },
    { "features 40", "features 0", EG_ERR_CORRUPT },
    { "features 40", "features 2147483648", EG_ERR_CORRUPT },
    { "features 40", "features 2147483647", EG_OK },
    { "seed 7\n", "", EG_ERR_CORRUPT },
    { "seed 7", "seed x", EG_ERR_CORRUPT },
    { "seed 7\n", "seed 7\n\n", EG_ERR_CORRUPT },
    { "mean", padding, EG_ERR_CORRUPT },
};

static void one_line_that_cannot_be(void **state)
{
    char text[EGI_TEXT_MAX], other[4 * EGI_TEXT_MAX];
    eg_binary_options o;
    struct egi_head_made made;
    eg_binary *m = empty_of(&rows[3]);
    eg_head *h = head_new(head_specs[0], NULL);
    (void)state;
    memset(padding, 'a', sizeof padding - 1);
    size_t n = egi_binary_text(&m->options, text);
    CHECK_OK(egi_binary_parse(text, n, &o));
    CHECK_STATUS(egi_binary_parse(text, n + 1, &o), EG_ERR_CORRUPT); /* a NUL */
    CHECK_STATUS(egi_binary_parse(text, 5, &o), EG_NOT_FOUND);
    for (size_t i = 0; i < EGI_COUNT(of_binary); i++) {
        const size_t size = with(text, n, of_binary[i].from, of_binary[i].to, other);
        const eg_status s = egi_binary_parse(other, size, &o);
        if (s != of_binary[i].want) fail_msg("%s: %s", other, eg_status_name(s));
    }
    n = egi_head_text(h, text);
    CHECK_OK(egi_head_parse(text, n, &made));
    CHECK_STATUS(egi_head_parse(text, n + 1, &made), EG_ERR_CORRUPT);
    CHECK_STATUS(egi_head_parse(text, 5, &made), EG_NOT_FOUND);
    for (size_t i = 0; i < EGI_COUNT(of_head); i++) {
        const size_t size = with(text, n, of_head[i].from, of_head[i].to, other);
        const eg_status s = egi_head_parse(other, size, &made);
        if (s != of_head[i].want) fail_msg("%s: %s", other, eg_status_name(s));
    }
    eg_head_destroy(h);
    eg_binary_destroy(m);
    for (size_t i = 0; i < HEAD_SPECS; i++) { /* none is near the end of its room */
        h = head_new(head_specs[i], NULL);
        CHECK(egi_head_text(h, text) < EGI_TEXT_MAX / 2);
        eg_head_destroy(h);
    }
}

/* Rows of a head are counted before they are made: past any limit, and past what numbers say. */
static void rooms_of_a_head(void **state)
{
    static const struct {
        size_t most;
        uint64_t classes, items;
    } rooms[] = {
        { 1 << 20, 1, (uint64_t)1 << 40 },
        { SIZE_MAX, 1, (uint64_t)1 << 61 },  /* a field's bytes overflow */
        { SIZE_MAX, 1, (uint64_t)99 << 52 }, /* their sum does */
        { 1 << 20, INT32_MAX, 1 },
    };
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(rooms); i++) {
        eg_head *h = head_new(head_specs[8], NULL);
        CHECK_STATUS(egi_head_grow(h, rooms[i].most, rooms[i].classes, rooms[i].items),
                     EG_ERR_LIMIT);
        eg_head_destroy(h);
    }
    const egi_store_options o = { .max_bytes = SIZE_MAX, .alloc = eg_allocator_default() };
    const struct egi_head_made wide = {
        "{\"kind\": \"clique\", \"quantiser\": {\"kind\": \"anchors\", \"parts\": 2000000000, "
        "\"anchors\": 65536}}",
        2000000000, 1
    };
    eg_head *h = NULL;
    CHECK(egi_head_of(&o, &wide, &h) < 0 && h == NULL);
}

/* A count that another has changed, with right checksums, is written anew. */
static void a_changed_count_is_written_anew(void **state)
{
    const char *path = path_of("count.egm");
    static struct head_examples e;
    eg_memory_file *f = NULL;
    eg_head *back = NULL;
    egi_record head;
    const uint8_t *there;
    static uint8_t copy[1 << 16];
    (void)state;
    head_examples(3, 0.4F, &e);
    eg_head *h = head_new(head_specs[0], &e);
    CHECK_OK(eg_head_teach(h, e.x, e.y, HEAD_N));
    CHECK_OK(eg_memory_file_save_head(path, h, &quick));
    CHECK_OK(eg_memory_file_open(path, &quick, &f));
    CHECK_OK(egi_store_begin(f->store, 1));
    CHECK_OK(egi_store_get(f->store, 2, &head, &there));
    memcpy(copy, there, head.size);
    head.count++;
    CHECK_OK(egi_store_put(f->store, &head, copy));
    CHECK_OK(egi_store_commit(f->store));
    CHECK_STATUS(eg_memory_file_load_head(f, &back), EG_ERR_CORRUPT);
    CHECK_OK(egi_store_begin(f->store, 1));
    CHECK_OK(egi_head_put(f->store, h));
    CHECK_OK(egi_store_commit(f->store));
    CHECK_OK(eg_memory_file_load_head(f, &back));
    head_check_same(h, back);
    eg_head_destroy(back);
    eg_memory_file_close(f);
    eg_head_destroy(h);
}

/* ---- files of arrays ---- */

#define ARRAY(shape, places) "{\"dtype\":\"F32\",\"shape\":" shape ",\"data_offsets\":" places "}"

static void headers_that_cannot_be(void **state)
{
    static const struct {
        const char *header;
        eg_status want;
        const char *words;
    } cases[] = {
        { "{\"a\":" ARRAY("[1]", "[0,4]") "}", EG_OK, "" },
        { "[]", EG_ERR_CORRUPT, "expected an object" },
        { "{\"a\":1}", EG_ERR_CORRUPT, "expected a name, and dtype" },
        { "{\"\":" ARRAY("[1]", "[0,4]") "}", EG_ERR_CORRUPT, "expected a name, and dtype" },
        { "{\"a\":" ARRAY("1", "[0,4]") "}", EG_ERR_CORRUPT, "shape: expected a list" },
        { "{\"a\":" ARRAY("[\"1\"]", "[0,4]") "}", EG_ERR_CORRUPT, "shape: expected a list" },
        { "{\"a\":" ARRAY("[-1]", "[0,4]") "}", EG_ERR_CORRUPT, "shape: expected a list" },
        { "{\"a\":" ARRAY("[1.5]", "[0,4]") "}", EG_ERR_CORRUPT, "shape: expected a list" },
        { "{\"a\":" ARRAY("[1]", "[0,4,4]") "}", EG_ERR_CORRUPT, "data_offsets: expected two" },
        { "{\"a\":" ARRAY("[1]", "[0]") "}", EG_ERR_CORRUPT, "data_offsets: expected two" },
        { "{\"a\":" ARRAY("[1]", "[0,4]") ",\"__metadata__\":1}", EG_ERR_CORRUPT,
          "__metadata__: expected an object" },
        { "{\"a\":" ARRAY("[1]", "[0,4]") ",\"__metadata__\":{\"k\":1}}", EG_ERR_CORRUPT,
          "__metadata__.k: expected a string" },
        { "{\"a\":" ARRAY("[1]", "[0,4]") ",\"__metadata__\":{\"k\":\"v\"}}", EG_OK, "" },
    };
    const char *path = path_of("header.safetensors");
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(cases); i++) {
        uint8_t file[400] = { 0 };
        const size_t n = strlen(cases[i].header);
        eg_params *p = NULL;
        egi_store_le64(file, n);
        memcpy(file + 8, cases[i].header, n);
        write_all(path, file, 8 + n + 4);
        const eg_status s = eg_params_load(path, NULL, NULL, NULL, &p);
        if (s != cases[i].want
            || strstr(s == EG_OK ? "" : eg_error_detail(), cases[i].words) == NULL)
            fail_msg("%s: %s: %s", cases[i].header, eg_status_name(s), eg_error_detail());
        eg_params_destroy(p);
    }
    eg_params *p = NULL;
    CHECK_OK(eg_params_create(NULL, &p));
    CHECK_STATUS(eg_params_save(NULL, path, NULL, 0), EG_ERR_INVALID);
    CHECK_STATUS(eg_params_save(p, NULL, NULL, 0), EG_ERR_INVALID);
    CHECK_STATUS(eg_params_load(NULL, NULL, NULL, NULL, &p), EG_ERR_INVALID);
    CHECK_STATUS(eg_params_load(path, NULL, NULL, NULL, NULL), EG_ERR_INVALID);
    eg_params_destroy(p);
}

/* ---- files of learners ---- */

static eg_status opened(const char *path, const char *const meta[], size_t pairs, eg_params *p)
{
    eg_learner *l = NULL;
    CHECK_OK(eg_params_save(p, path, meta, pairs));
    const eg_status s = eg_learner_open(path, 1, NULL, &l);
    eg_learner_destroy(l);
    return s;
}

#define TASK "{\"inputs\":2,\"classes\":2,\"epochs\":1}"
#define SPEC "{\"kind\": \"network\", \"layers\": [\"linear\"]}"

static void learners_that_cannot_be(void **state)
{
    static const struct {
        const char *seed;
        eg_status want;
    } seeds[] = { { "1", EG_OK },           { ":", EG_ERR_CORRUPT },
                  { "/", EG_ERR_CORRUPT },  { "", EG_ERR_CORRUPT },
                  { "1x", EG_ERR_CORRUPT }, { "99999999999999999999999", EG_ERR_CORRUPT } };
    const char *path = path_of("learner.safetensors");
    const eg_task task = { .inputs = 2, .classes = 2, .epochs = 1 };
    char deep[5000];
    eg_learner *l = NULL, *back = NULL;
    (void)state;
    CHECK_OK(eg_learner_create(SPEC, &task, 1, 1, NULL, &l));
    for (size_t i = 0; i < EGI_COUNT(seeds); i++) { /* without a hash, as others write them */
        const char *const meta[] = { "learner", SPEC, "task", TASK, "seed", seeds[i].seed };
        const eg_status s = opened(path, meta, 3, eg_learner_params(l));
        if (s != seeds[i].want) fail_msg("seed \"%s\": %s", seeds[i].seed, eg_status_name(s));
    }
    static const char large[] = "{\"kind\": \"network\", \"layers\": [{\"kind\": \"linear\", "
                                "\"units\": 100000000}, \"linear\"]}";
    const char *const hostile[] = { "learner", large, "task", TASK, "seed", "1" };
    CHECK_STATUS(opened(path, hostile, 3, eg_learner_params(l)), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "asks for more than") != NULL);
    CHECK_STATUS(eg_learner_save(NULL, path), EG_ERR_INVALID);
    CHECK_STATUS(eg_learner_save(l, NULL), EG_ERR_INVALID);
    CHECK_STATUS(eg_learner_open(NULL, 1, NULL, &back), EG_ERR_INVALID);
    CHECK_STATUS(eg_learner_open(path, 1, NULL, NULL), EG_ERR_INVALID);
    CHECK_STATUS(eg_learner_open(path, -1, NULL, &back), EG_ERR_INVALID);
    size_t n = (size_t)snprintf(deep, sizeof deep, "%s", folder);
    while (n + 2 < 4090) n += (size_t)snprintf(deep + n, sizeof deep - n, "/.");
    CHECK_STATUS(eg_learner_open(deep, 1, NULL, &back), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "is too long") != NULL);
    eg_learner_destroy(l);
}

/* A file of more than 8 MiB is not tried first, and gives back what was saved. */
static void a_large_learner_comes_back(void **state)
{
    const char *path = path_of("large.safetensors");
    const eg_task task = { .inputs = 1100000, .classes = 2, .epochs = 1 };
    eg_learner *l = NULL, *back = NULL;
    (void)state;
    CHECK_OK(eg_learner_create(SPEC, &task, 1, 1, NULL, &l));
    CHECK_OK(eg_learner_save(l, path));
    CHECK_OK(eg_learner_open(path, 1, NULL, &back));
    CHECK(eg_params_hash(eg_learner_params(l)) == eg_params_hash(eg_learner_params(back)));
    eg_learner_destroy(back);
    eg_learner_destroy(l);
    unlink(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_line_that_cannot_be),
        cmocka_unit_test(rooms_of_a_head),
        cmocka_unit_test(a_changed_count_is_written_anew),
        cmocka_unit_test(headers_that_cannot_be),
        cmocka_unit_test(learners_that_cannot_be),
        cmocka_unit_test(a_large_learner_comes_back),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
