/* Learners in files: they come back with the same scores; files that lie are refused. And the
 * search over settings, which makes learners by their specification too. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/stat.h>

#include "base/egi_base.h"
#include "train_check.h"

static const char small[] = "{\"kind\": \"dam\", \"hidden\": 12}";

static void a_learner_comes_back(void **state)
{
    (void)state;
    const eg_dataset data = train_data();
    const eg_part all = { &data, NULL, data.n };
    const eg_task task = { .inputs = TRAIN_D, .classes = TRAIN_K, .epochs = 2 };
    const char *folder = train_folder("open");
    char path[600];
    float a[TRAIN_N * TRAIN_K], b[TRAIN_N * TRAIN_K];
    eg_scored s = { .confusion = NULL };
    eg_learner *l = NULL, *back = NULL;
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    o.folder = folder;
    CHECK_OK(eg_learner_create(small, &task, 5, 1, NULL, &l));
    CHECK_OK(eg_train(l, &all, NULL, &o, NULL));
    CHECK_OK(eg_evaluate(l, &all, 10, a, &s));
    CHECK_OK(eg_learner_open(folder, 1, NULL, &back));
    CHECK_OK(eg_evaluate(back, &all, 7, b, &s));
    CHECK_SAME_BITS(a, b, sizeof a);
    assert_string_equal(eg_learner_spec(l), eg_learner_spec(back));
    CHECK(memcmp(eg_learner_task(l), eg_learner_task(back), sizeof task) == 0);
    eg_learner_destroy(back);
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    CHECK_OK(eg_learner_open(path, 2, NULL, &back));
    eg_learner_destroy(back);
    CHECK_STATUS(eg_learner_open("no/such", 1, NULL, &back), EG_ERR_IO);
    CHECK(unlink(path) == 0);
    CHECK_STATUS(eg_learner_open(folder, 1, NULL, &back), EG_ERR_IO);
    CHECK(strstr(eg_error_detail(), "model.safetensors") != NULL);
    eg_learner_destroy(l);
    train_remove(folder);
}

#define TASK "{\"inputs\":2,\"classes\":2,\"epochs\":1}"

static void files_that_lie_are_refused(void **state)
{
    (void)state;
    static const char *const meta[][6] = {
        { "learner", small, "task", TASK, "seed", "x" },
        { "learner", small, "task", TASK, "seed", "99999999999999999999999" },
        { "learner", small, "task", "{\"inputs\":2,\"classes\":1,\"epochs\":1}", "seed", "1" },
        { "learner", small, "task", "{\"inputs\":-2}", "seed", "1" },
        { "learner", small, "task", "[]", "seed", "1" },
        { "learner", "{\"kind\": \"damn\"}", "task", TASK, "seed", "1" },
        { "learner", "{", "task", TASK, "seed", "1" },
        { "learner", small, "task", TASK, "sead", "1" },
        { "learner", small, "task", TASK, "seed", "1" }, /* all is well but the parameters */
    };
    const char *path = train_folder("lie.safetensors");
    eg_params *p = NULL;
    eg_learner *l = NULL;
    CHECK_OK(eg_params_create(NULL, &p));
    CHECK_OK(eg_params_add(p, "memories", EG_F32, &eg_shape_of(3, 3), NULL));
    for (size_t i = 0; i < EGI_COUNT(meta); i++) {
        CHECK_OK(eg_params_save(p, path, meta[i], 3));
        CHECK_STATUS(eg_learner_open(path, 1, NULL, &l), EG_ERR_CORRUPT);
        CHECK(l == NULL && strstr(eg_error_detail(), path) != NULL);
    }
    CHECK(strstr(eg_error_detail(), "memories") != NULL);
    CHECK(strstr(eg_error_detail(), "(3, 3)") != NULL);
    eg_params_destroy(p);
    unlink(path);
}

static void flip(const char *path, long at)
{
    FILE *f = fopen(path, "r+b");
    CHECK(f != NULL && fseek(f, at, SEEK_SET) == 0);
    const int c = fgetc(f);
    CHECK(c != EOF && fseek(f, at, SEEK_SET) == 0 && fputc(c ^ 1, f) != EOF && fclose(f) == 0);
}

/* Any bit of a file that has a hash, but for the word "hash", without which there is none. */
static void damage_is_known(void **state)
{
    (void)state;
    const eg_task task = { .inputs = TRAIN_D, .classes = TRAIN_K, .epochs = 2 };
    const char *path = train_folder("flip.safetensors");
    static char text[8000];
    eg_learner *l = NULL, *back = NULL;
    struct stat st;
    CHECK_OK(eg_learner_create(small, &task, 5, 1, NULL, &l));
    CHECK_OK(eg_learner_set_note(l, "input", "{\"low\": 0}"));
    CHECK_OK(eg_learner_save(l, path));
    CHECK(stat(path, &st) == 0 && st.st_size < (off_t)sizeof text);
    FILE *f = fopen(path, "rb");
    CHECK(f != NULL && fread(text, 1, sizeof text, f) == (size_t)st.st_size && fclose(f) == 0);
    long key = 8;
    while (memcmp(text + key, "\"hash\"", 6) != 0) key++;
    for (long at = 0; at < st.st_size; at++) {
        if (at > key && at <= key + 4) continue;
        flip(path, at);
        const eg_status s = eg_learner_open(path, 1, NULL, &back);
        if (s == EG_OK) fail_msg("byte %ld of %ld is not missed", at, (long)st.st_size);
        flip(path, at);
    }
    CHECK_OK(eg_learner_open(path, 1, NULL, &back));
    eg_learner_destroy(back);
    eg_learner_destroy(l);
    unlink(path);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    const eg_task task = { .inputs = TRAIN_D, .classes = TRAIN_K, .epochs = 2 };
    const char *path = train_folder("faults.safetensors");
    eg_learner *l = NULL, *back = NULL;
    eg_status s = EG_ERR_NOMEM;
    CHECK_OK(eg_learner_create(small, &task, 5, 1, NULL, &l));
    CHECK_OK(eg_learner_save(l, path));
    for (size_t k = 0; s != EG_OK; k++) {
        struct failing f = { .fail_at = k };
        const eg_allocator a = failing_allocator(&f);
        s = eg_learner_open(path, 1, &a, &back);
        CHECK(s == EG_OK || (s == EG_ERR_NOMEM && back == NULL));
        eg_learner_destroy(back);
        CHECK(f.live == 0);
    }
    eg_learner_destroy(l);
    unlink(path);
}

static void a_grid_is_a_product(void **state)
{
    (void)state;
    static const char *const want[] = { "{\"kind\": \"dam\", \"n\": 2, \"rate\": 0.5}",
                                        "{\"kind\": \"dam\", \"n\": 2, \"rate\": 1}",
                                        "{\"kind\": \"dam\", \"n\": 3, \"rate\": 0.5}",
                                        "{\"kind\": \"dam\", \"n\": 3, \"rate\": 1}" };
    const char *grid = "{\"n\": [2, 3], \"rate\": [0.5, 1]}";
    char text[200];
    for (size_t i = 0; i < 4; i++) {
        CHECK_OK(eg_grid_spec("{\"kind\": \"dam\", \"n\": 9}", grid, i, text, sizeof text));
        assert_string_equal(text, want[i]);
    }
    grid = "{\"optimiser.rate\": [0.5, 1]}"; /* into a word, an object, a default */
    CHECK_OK(eg_grid_spec("{\"kind\": \"network\", \"optimiser\": \"adam\"}", grid, 0, text,
                          sizeof text));
    assert_string_equal(
        text, "{\"kind\": \"network\", \"optimiser\": {\"kind\": \"adam\", \"rate\": 0.5}}");
    CHECK_OK(eg_grid_spec("{\"kind\": \"network\", \"optimiser\": {\"kind\": \"sgd\"}}", grid, 1,
                          text, sizeof text));
    assert_string_equal(text,
                        "{\"kind\": \"network\", \"optimiser\": {\"kind\": \"sgd\", \"rate\": 1}}");
    CHECK_OK(eg_grid_spec("{\"kind\": \"network\"}", grid, 1, text, sizeof text));
    assert_string_equal(text,
                        "{\"kind\": \"network\", \"optimiser\": {\"kind\": \"sgd\", \"rate\": 1}}");
    CHECK_STATUS(eg_grid_spec("{\"kind\": \"dam\"}", "{\"n.x\": [1]}", 0, text, sizeof text),
                 EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "grid.n.x: n is no object") != NULL);
    grid = "{\"n\": [2, 3], \"rate\": [0.5, 1]}";
    CHECK(eg_grid_spec("{}", grid, 4, text, sizeof text) == EG_END);
    CHECK(eg_grid_spec("{}", "{}", 0, text, sizeof text) == EG_OK);
    CHECK(eg_grid_spec("{}", "{}", 1, text, sizeof text) == EG_END);
    CHECK_STATUS(eg_grid_spec("{}", "{\"n\": 3}", 0, text, sizeof text), EG_ERR_INVALID);
    CHECK_STATUS(eg_grid_spec("{}", "{\"n\": []}", 0, text, sizeof text), EG_ERR_INVALID);
    CHECK_STATUS(eg_grid_spec("[]", grid, 0, text, sizeof text), EG_ERR_INVALID);
    CHECK_STATUS(eg_grid_spec("{}", grid, 0, text, 5), EG_ERR_LIMIT);
}

struct heard {
    size_t rows;
    double best;
};

static int hear(void *user, size_t i, const char *spec, double mean, double deviation,
                size_t measured)
{
    struct heard *h = user;
    CHECK(measured > 1);
    CHECK(i == h->rows && strstr(spec, "\"hidden\": 12") != NULL);
    CHECK(mean >= 0 && mean <= 1 && deviation >= 0 && deviation < 1);
    if (mean > h->best) h->best = mean;
    return ++h->rows == 100;
}

static void a_search_finds_what_learns(void **state)
{
    (void)state;
    const eg_dataset data = train_data();
    struct heard h = { 0, 0 };
    size_t best = 9;
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    eg_grid g = { .base = small,
                  .grid = "{\"rate\": [0, 0.1]}",
                  .task = { .inputs = TRAIN_D, .classes = TRAIN_K, .epochs = 30 },
                  .data = &data,
                  .folds = 3,
                  .seed = 2,
                  .threads = 1,
                  .row = hear,
                  .user = &h };
    o.batch = 10;
    CHECK_OK(eg_grid_search(&g, &o, &best));
    CHECK(best == 1 && h.rows == 2 && h.best > 0.7);
    h.rows = 99;
    g.grid = "{\"rat\": [1]}";
    CHECK_STATUS(eg_grid_search(&g, &o, &best), EG_ERR_INVALID);
    g.grid = "{\"rate\": [0, -1]}"; /* is seen before anything is trained */
    CHECK_STATUS(eg_grid_search(&g, &o, &best), EG_ERR_INVALID);
    CHECK(strncmp(eg_error_detail(), "row 2: rate: ", 13) == 0 && h.rows == 99);
    g.folds = 1;
    CHECK_STATUS(eg_grid_search(&g, &o, &best), EG_ERR_INVALID);
    CHECK(best == 1);
}

static size_t lines_of(const char *path, int wanted)
{
    FILE *f = fopen(path, "r");
    size_t n = 0;
    for (int c; (c = fgetc(f)) != EOF;) n += c == wanted;
    fclose(f);
    return n;
}

/* Ends the search after as many rows as it says, and keeps their means. */
struct ending {
    size_t rows, most;
    double mean[4];
};

static int hear_some(void *user, size_t i, const char *spec, double mean, double deviation,
                     size_t measured)
{
    struct ending *h = user;
    (void)spec;
    (void)measured;
    (void)deviation;
    h->mean[i] = mean;
    return ++h->rows == h->most;
}

static void an_ended_search_goes_on(void **state)
{
    (void)state;
    const eg_dataset data = train_data();
    char path[] = "/tmp/engram-search-XXXXXX";
    const int fd = mkstemp(path);
    CHECK(fd >= 0 && close(fd) == 0);
    struct ending h = { .most = 1 };
    size_t best = 9;
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    eg_grid g = { .base = small,
                  .grid = "{\"rate\": [0, 0.1]}",
                  .task = { .inputs = TRAIN_D, .classes = TRAIN_K, .epochs = 30 },
                  .data = &data,
                  .folds = 3,
                  .seed = 2,
                  .threads = 1,
                  .row = hear_some,
                  .user = &h,
                  .record = path };
    o.batch = 10;
    CHECK_STATUS(eg_grid_search(&g, &o, &best), EG_ERR_INTERRUPTED);
    CHECK(lines_of(path, '}') == 3);
    FILE *f = fopen(path, "a"); /* a line that a kill cut short */
    fputs("{\"decides\": \"00", f);
    fclose(f);
    const double first = h.mean[0];
    h = (struct ending){ .most = 9 };
    CHECK_OK(eg_grid_search(&g, &o, &best));
    CHECK(best == 1 && h.rows == 2 && h.mean[0] == first && lines_of(path, '}') == 6);
    const struct ending whole = h;
    h = (struct ending){ .most = 9 };
    CHECK_OK(eg_grid_search(&g, &o, &best)); /* all of it is known: nothing is added */
    CHECK(h.mean[0] == whole.mean[0] && h.mean[1] == whole.mean[1] && lines_of(path, '}') == 6);
    g.record = NULL; /* and it is what training gives */
    h = (struct ending){ .most = 9 };
    CHECK_OK(eg_grid_search(&g, &o, &best));
    CHECK(h.mean[0] == whole.mean[0] && h.mean[1] == whole.mean[1]);
    g.record = path;
    g.seed = 3; /* other folds, other learners: nothing of it is taken */
    h = (struct ending){ .most = 9 };
    CHECK_OK(eg_grid_search(&g, &o, &best));
    CHECK(lines_of(path, '}') == 12);
    CHECK(unlink(path) == 0);
    g.record = "/nonexistent/search.jsonl";
    CHECK_STATUS(eg_grid_search(&g, &o, &best), EG_ERR_IO);
}

/* The second of three rows, then every one. */
static void a_row_that_diverges_is_the_worst(void **state)
{
    (void)state;
    const eg_dataset data = train_data();
    char path[] = "/tmp/engram-search-XXXXXX";
    const int fd = mkstemp(path);
    CHECK(fd >= 0 && close(fd) == 0);
    struct ending h = { .most = 9 };
    size_t best = 9;
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    eg_grid g = { .base = "{\"kind\": \"network\", \"hidden\": [4], \"loss\": \"mse\"}",
                  .grid = "{\"optimiser.rate\": [0, 1e6, 0.1]}",
                  .task = { .inputs = TRAIN_D, .classes = TRAIN_K, .epochs = 3 },
                  .data = &data,
                  .folds = 3,
                  .threads = 1,
                  .row = hear_some,
                  .user = &h,
                  .record = path };
    o.batch = 10;
    for (int again = 0; again < 2; again++) { /* trained, then from the record */
        h = (struct ending){ .most = 9 };
        CHECK_OK(eg_grid_search(&g, &o, &best));
        CHECK(best != 1 && h.rows == 3 && h.mean[1] == -INFINITY && h.mean[2] > 0.2);
        CHECK(lines_of(path, '}') == 7); /* one fold of it, and three of each other */
    }
    g.grid = "{\"optimiser.rate\": [1e6]}";
    CHECK_STATUS(eg_grid_search(&g, &o, &best), EG_ERR_DIVERGED);
    CHECK(unlink(path) == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_row_that_diverges_is_the_worst),
        cmocka_unit_test(damage_is_known),
        cmocka_unit_test(an_ended_search_goes_on),
        cmocka_unit_test(a_learner_comes_back),
        cmocka_unit_test(files_that_lie_are_refused),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(a_grid_is_a_product),
        cmocka_unit_test(a_search_finds_what_learns),
    };
    return cmocka_run_group_tests_name("learner_file", tests, NULL, NULL);
}
