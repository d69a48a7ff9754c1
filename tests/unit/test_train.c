/* The loop: resumed runs have the same bits, damage is passed over, divergence is named. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <dirent.h>
#include <sys/stat.h>

#include "train/egi_train.h"
#include "train_check.h"

enum { EPOCHS = 6, BATCH = 16, STEPS = EPOCHS * 4 };

static eg_train_options options_of(const char *folder)
{
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    o.batch = BATCH;
    o.seed = 4;
    o.folder = folder;
    o.checkpoint_seconds = 0;
    return o;
}

/* What an undisturbed run in memory comes to. */
static eg_train_result undisturbed(void)
{
    const eg_dataset data = train_data();
    const eg_part all = { &data, NULL, data.n };
    const eg_train_options o = options_of(NULL);
    eg_train_result r;
    eg_learner *l = train_learner("{}", EPOCHS);
    CHECK_OK(eg_train(l, &all, &all, &o, &r));
    eg_learner_destroy(l);
    return r;
}

static eg_status go_on(const char *folder, const char *spec, size_t stop_after, eg_train_result *r)
{
    const eg_dataset data = train_data();
    const eg_part all = { &data, NULL, data.n };
    eg_train_options o = options_of(folder);
    eg_learner *l = train_learner(spec, EPOCHS);
    o.resume = 1;
    o.stop_after = stop_after;
    const eg_status s = eg_train(l, &all, &all, &o, r);
    eg_learner_destroy(l);
    return s;
}

static void training_learns_and_reports(void **state)
{
    (void)state;
    const eg_train_result r = undisturbed();
    CHECK(r.steps == STEPS && r.epochs == EPOCHS && !r.resumed && !r.stopped_early);
    CHECK(r.best > 0.8 && r.best_epoch >= 1 && r.loss < 1);
    CHECK(undisturbed().hash == r.hash);
}

static void a_run_in_pieces_has_the_same_bits(void **state)
{
    (void)state;
    const eg_train_result want = undisturbed();
    const char *folder = train_folder("pieces");
    char once[4000], text[4000];
    eg_train_result r = { 0 };
    eg_status s = EG_ERR_INTERRUPTED;
    int calls = 0;
    for (; s == EG_ERR_INTERRUPTED; calls++) s = go_on(folder, "{}", 3, &r);
    CHECK_OK(s);
    CHECK(calls == STEPS / 3 + 1 || calls == STEPS / 3);
    CHECK(r.hash == want.hash && r.steps == want.steps && r.loss == want.loss && r.resumed);
    CHECK(r.best == want.best && r.best_epoch == want.best_epoch);
    int lines = 0;
    for (const char *p = train_text(folder, "metrics.jsonl", text, sizeof text); *p != '\0'; p++)
        lines += *p == '\n';
    CHECK(lines == EPOCHS);
    CHECK(strstr(text, "\"accuracy\": ") != NULL && strstr(text, "\"auc\": ") != NULL);
    CHECK(strstr(train_text(folder, "config.json", once, sizeof once), "\"kind\"") == NULL);
    CHECK(strstr(once, "\"flip\": 0.0") != NULL && strstr(once, "\"rate\": 0.1") != NULL);
    CHECK(strstr(train_text(folder, "log.txt", text, sizeof text), "goes on after step 3") != NULL);
    CHECK_OK(go_on(folder, "{}", 0, &r)); /* there is nothing left to do */
    CHECK(r.hash == want.hash && r.steps == want.steps);
    train_remove(folder);
}

static void another_run_is_not_gone_on_with(void **state)
{
    (void)state;
    const char *folder = train_folder("other");
    CHECK_STATUS(go_on(folder, "{}", 3, NULL), EG_ERR_INTERRUPTED);
    CHECK_STATUS(go_on(folder, "{\"rate\": 0.5}", 0, NULL), EG_ERR_INVALID);
    assert_string_equal(eg_error_detail(),
                        "learner.rate: the run was begun with 0.1, and goes on with 0.5");
    const eg_dataset data = train_data();
    const eg_part fewer = { &data, NULL, 50 };
    eg_train_options o = options_of(folder);
    o.resume = 1;
    eg_learner *l = train_learner("{}", EPOCHS);
    CHECK_STATUS(eg_train(l, &fewer, &fewer, &o, NULL), EG_ERR_INVALID);
    CHECK(strncmp(eg_error_detail(), "data.examples: ", 15) == 0);
    o.resume = 0;
    CHECK_STATUS(eg_train(l, &fewer, &fewer, &o, NULL), EG_ERR_IO); /* the folder is there */
    eg_learner_destroy(l);
    train_remove(folder);
}

/* Names of the checkpoints, the newest last. */
static int checkpoints(const char *folder, char name[4][600])
{
    char path[600];
    struct dirent **e;
    snprintf(path, sizeof path, "%s/checkpoint", folder);
    const int n = scandir(path, &e, NULL, alphasort);
    int count = 0;
    for (int i = 0; i < n; i++) {
        if (e[i]->d_name[0] != '.' && count < 4)
            snprintf(name[count++], 600, "%.300s/%.200s", path, e[i]->d_name);
        free(e[i]);
    }
    if (n >= 0) free(e);
    return count;
}

static void flip(const char *path, long at)
{
    FILE *f = fopen(path, "r+b");
    CHECK(f != NULL && fseek(f, at, SEEK_SET) == 0);
    const int c = fgetc(f);
    CHECK(c != EOF && fseek(f, at, SEEK_SET) == 0 && fputc(c ^ 1, f) != EOF && fclose(f) == 0);
}

static void a_damaged_checkpoint_is_passed_over(void **state)
{
    (void)state;
    const eg_train_result want = undisturbed();
    const char *folder = train_folder("damage");
    char name[4][600], text[8000];
    struct stat st;
    CHECK_STATUS(go_on(folder, "{}", 5, NULL), EG_ERR_INTERRUPTED);
    CHECK(checkpoints(folder, name) == 2);
    CHECK(stat(name[1], &st) == 0);
    for (long at = 0; at < st.st_size; at += 41) { /* any byte of it */
        eg_train_result r;
        flip(name[1], at);
        const eg_status s = go_on(folder, "{}", 1, &r);
        CHECK_STATUS(s, EG_ERR_INTERRUPTED);
        train_text(folder, "log.txt", text, sizeof text);
        if (strstr(text, "checkpoint of step 5: ") == NULL) fail_msg("byte %ld is not missed", at);
        CHECK(strstr(text, "goes on after step 4") != NULL);
        train_remove(folder);
        CHECK_STATUS(go_on(folder, "{}", 5, NULL), EG_ERR_INTERRUPTED);
    }
    CHECK(truncate(name[1], 100) == 0);
    eg_train_result r;
    CHECK_OK(go_on(folder, "{}", 0, &r));
    CHECK(r.hash == want.hash);
    CHECK(checkpoints(folder, name) == 2);
    flip(name[0], 300);
    flip(name[1], 300);
    CHECK_STATUS(go_on(folder, "{}", 0, &r), EG_ERR_CORRUPT);
    CHECK(strstr(eg_error_detail(), "no checkpoint is whole") != NULL);
    snprintf(text, sizeof text, "; without %s/checkpoint the run begins anew", folder);
    CHECK(strstr(eg_error_detail(), text) != NULL);
    for (int i = 0; i < 2; i++) CHECK(unlink(name[i]) == 0); /* the way out that it names */
    CHECK_OK(go_on(folder, "{}", 0, &r));
    CHECK(r.hash == want.hash);
    train_remove(folder);
}

static void divergence_is_named_and_the_checkpoint_kept(void **state)
{
    (void)state;
    const eg_dataset data = train_data();
    const eg_part all = { &data, NULL, data.n };
    const char *folder = train_folder("diverge");
    char name[4][600], text[8000];
    eg_train_options o = options_of(folder);
    eg_learner *l = train_learner("{\"rate\": 1e30}", EPOCHS);
    CHECK_STATUS(eg_train(l, &all, &all, &o, NULL), EG_ERR_DIVERGED);
    CHECK(strncmp(eg_error_detail(), "step ", 5) == 0);
    CHECK(strstr(eg_error_detail(), "epoch 1: weight") != NULL);
    CHECK(strstr(train_text(folder, "log.txt", text, sizeof text), "epoch 1: weight") != NULL);
    CHECK(checkpoints(folder, name) >= 1);
    for (int i = 0, n = checkpoints(folder, name); i < n; i++) {
        eg_params *p = NULL;
        CHECK_OK(eg_params_load(name[i], NULL, NULL, NULL, &p));
        const float *w = eg_params_find(p, "params.weight")->value;
        for (int k = 0; k < TRAIN_D * TRAIN_K; k++) CHECK(isfinite(w[k]));
        eg_params_destroy(p);
    }
    eg_learner_destroy(l);
    train_remove(folder);
}

/* Finite numbers whose scores are none. */
static void what_is_kept_has_finite_scores(void **state)
{
    (void)state;
    const eg_dataset data = train_data();
    const eg_part all = { &data, NULL, data.n };
    const eg_task task = { .inputs = TRAIN_D, .classes = TRAIN_K, .epochs = EPOCHS };
    const char *folder = train_folder("overflow");
    const eg_train_options o = options_of(folder);
    eg_scored scored = { .n = 0 };
    eg_learner *l = NULL, *kept = NULL;
    CHECK_OK(eg_learner_create("{\"kind\": \"network\", \"hidden\": [8, 8], \"activation\": "
                               "\"rep:3\", \"loss\": \"mse\", \"optimiser\": {\"kind\": "
                               "\"sgd\", \"rate\": 1}}",
                               &task, 5, 1, NULL, &l));
    CHECK_STATUS(eg_train(l, &all, NULL, &o, NULL), EG_ERR_DIVERGED);
    const char *first = strstr(eg_error_detail(), "step ");
    CHECK(first == eg_error_detail() && strstr(first + 1, "step ") == NULL);
    CHECK(strstr(first, "epoch 1: ") != NULL && strstr(first, "the largest number is fc") != NULL);
    CHECK_OK(eg_learner_open(folder, 1, NULL, &kept));
    CHECK_OK(eg_evaluate(kept, &all, BATCH, NULL, &scored));
    CHECK(eg_params_hash(eg_learner_params(kept)) == eg_params_hash(eg_learner_params(l)));
    eg_learner_destroy(kept);
    eg_learner_destroy(l);
    train_remove(folder);
}

/* An example that overflows is shown in batch `at`, and diverging is noticed before it. The last
 * two checkpoints are then of steps at - 1 and at - 2, and only that of step 0, where all weights
 * are 0, has finite scores for it. */
static void a_checkpoint_is_good_for_every_example(void **state)
{
    (void)state;
    for (size_t at = 2; at <= 3; at++) {
        float x[TRAIN_N * TRAIN_D];
        char name[4][600], text[8000];
        eg_dataset data = train_data();
        const eg_part all = { &data, NULL, data.n };
        const char *folder = train_folder("one");
        const eg_train_options o = options_of(folder);
        struct egi_loader d;
        memcpy(x, data.x, sizeof x);
        data.x = x;
        CHECK_OK(egi_loader_create(&all, BATCH, o.seed, &o.augment, eg_allocator_default(), &d));
        (void)egi_loader_batch(&d, 0, 0);
        for (int j = 0; j < TRAIN_D; j++) x[d.order[at * BATCH] * TRAIN_D + (size_t)j] = 3e38f;
        egi_loader_clear(&d);
        eg_learner *l = train_learner("{\"rate\": 10}", EPOCHS);
        CHECK_STATUS(eg_train(l, &all, NULL, &o, NULL), EG_ERR_DIVERGED);
        CHECK(strncmp(eg_error_detail(), at == 2 ? "step 2, " : "step 3, ", 8) == 0);
        const int count = checkpoints(folder, name);
        train_text(folder, "log.txt", text, sizeof text);
        snprintf(name[3], sizeof name[3], "%s/model.safetensors", folder);
        CHECK(count == (at == 2 ? 1 : 0) && (access(name[3], F_OK) == 0) == (at == 2));
        CHECK(strstr(text, at == 2 ? "kept is the checkpoint of step 0" : "none is kept") != NULL);
        eg_learner_destroy(l);
        train_remove(folder);
    }
}

static void patience_ends_early_with_the_best(void **state)
{
    (void)state;
    const eg_dataset data = train_data();
    const eg_part all = { &data, NULL, data.n };
    const char *folder = train_folder("patience");
    eg_train_result memory, r = { 0 };
    eg_scored scored = { .n = 0 };
    eg_train_options o = options_of(NULL);
    o.patience = 3;
    o.epochs = 100;
    eg_learner *l = train_learner("{}", 100);
    CHECK_OK(eg_train(l, &all, &all, &o, &memory));
    CHECK(memory.stopped_early && memory.epochs == memory.best_epoch + 3);
    CHECK_OK(eg_evaluate(l, &all, 7, NULL, &scored));
    CHECK(scored.accuracy == memory.best);
    eg_learner_destroy(l);
    o.folder = folder;
    o.resume = 1;
    o.stop_after = 7;
    eg_status s = EG_ERR_INTERRUPTED;
    while (s == EG_ERR_INTERRUPTED) {
        l = train_learner("{}", 100);
        s = eg_train(l, &all, &all, &o, &r);
        eg_learner_destroy(l);
    }
    CHECK_OK(s);
    CHECK(r.hash == memory.hash && r.best_epoch == memory.best_epoch && r.stopped_early);
    char path[600];
    eg_params *p = NULL;
    snprintf(path, sizeof path, "%s/model.safetensors", folder);
    CHECK_OK(eg_params_load(path, NULL, NULL, NULL, &p));
    CHECK(eg_params_hash(p) == r.hash);
    eg_params_destroy(p);
    train_remove(folder);
}

/* A measure as good as the best is no better: rate 0 learns nothing. */
static void equal_measures_are_no_better(void **state)
{
    (void)state;
    const eg_dataset data = train_data();
    const eg_part all = { &data, NULL, data.n };
    eg_train_result r;
    eg_train_options o = options_of(NULL);
    o.patience = 2;
    o.epochs = 50;
    eg_learner *l = train_learner("{\"rate\": 0}", 50);
    CHECK_OK(eg_train(l, &all, &all, &o, &r));
    CHECK(r.stopped_early && r.best_epoch == 1 && r.epochs == 3);
    eg_learner_destroy(l);
}

static int stop_at(void *user, const char *stage, uint64_t done, uint64_t total)
{
    CHECK(strcmp(stage, "train") == 0 && total == STEPS);
    return done == *(const uint64_t *)user;
}

static void arguments_and_interruption(void **state)
{
    (void)state;
    const eg_dataset data = train_data();
    const eg_part all = { &data, NULL, data.n }, none = { &data, NULL, 0 };
    eg_dataset wide = data;
    const eg_part wrong = { &wide, NULL, 10 };
    uint64_t at = 5;
    const eg_progress stop = { stop_at, &at };
    eg_learner *l = train_learner("{}", EPOCHS);
    eg_train_options o = options_of(NULL);
    wide.d = 3;
    CHECK_STATUS(eg_train(l, &wrong, NULL, &o, NULL), EG_ERR_SHAPE);
    assert_string_equal(eg_error_detail(),
                        "eg_train: examples of 3 numbers, and a learner of 6 inputs");
    CHECK_STATUS(eg_train(l, &none, NULL, &o, NULL), EG_ERR_INVALID);
    CHECK_STATUS(eg_train(NULL, &all, NULL, &o, NULL), EG_ERR_INVALID);
    o.patience = 1;
    CHECK_STATUS(eg_train(l, &all, NULL, &o, NULL), EG_ERR_INVALID);
    o = options_of(NULL);
    o.augment.shift = 1;
    CHECK_STATUS(eg_train(l, &all, NULL, &o, NULL), EG_ERR_INVALID);
    o = options_of(NULL);
    o.batch = 0;
    CHECK_STATUS(eg_train(l, &all, NULL, &o, NULL), EG_ERR_INVALID);
    o = options_of(NULL);
    o.about = "{";
    CHECK_STATUS(eg_train(l, &all, NULL, &o, NULL), EG_ERR_INVALID);
    o = options_of(NULL);
    o.progress = &stop;
    CHECK_STATUS(eg_train(l, &all, NULL, &o, NULL), EG_ERR_INTERRUPTED);
    assert_string_equal(eg_error_detail(), "interrupted after step 5");
    eg_learner_destroy(l);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    const eg_dataset data = train_data();
    const eg_part all = { &data, NULL, data.n };
    eg_status s = EG_ERR_NOMEM;
    for (size_t k = 0; s != EG_OK; k++) {
        struct failing f = { .fail_at = k };
        const eg_allocator a = failing_allocator(&f);
        const char *folder = train_folder("faults");
        eg_train_options o = options_of(folder);
        eg_learner *l = train_learner("{}", 2);
        o.alloc = &a;
        o.patience = 1;
        o.resume = 1;
        s = eg_train(l, &all, &all, &o, NULL);
        CHECK(s == EG_OK || s == EG_ERR_NOMEM);
        CHECK(f.live == 0);
        eg_learner_destroy(l);
        train_remove(folder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(training_learns_and_reports),
        cmocka_unit_test(a_run_in_pieces_has_the_same_bits),
        cmocka_unit_test(another_run_is_not_gone_on_with),
        cmocka_unit_test(a_damaged_checkpoint_is_passed_over),
        cmocka_unit_test(divergence_is_named_and_the_checkpoint_kept),
        cmocka_unit_test(what_is_kept_has_finite_scores),
        cmocka_unit_test(a_checkpoint_is_good_for_every_example),
        cmocka_unit_test(patience_ends_early_with_the_best),
        cmocka_unit_test(equal_measures_are_no_better),
        cmocka_unit_test(arguments_and_interruption),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests_name("train", tests, NULL, NULL);
}
