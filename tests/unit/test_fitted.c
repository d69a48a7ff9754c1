/* Every kind of learner that is fitted at once: from the table, so that a new one is tested too.
 * They learn; a file brings back the same scores and a damaged one is refused; the same bits for
 * any number of threads; what fails changes nothing; eg_train knows them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "base/egi_base.h"
#include "train_check.h"

static const eg_task task = { .inputs = TRAIN_D, .classes = TRAIN_K, .epochs = 4 };

/* Kinds that are fitted, one after the other; small where the default is large. */
static const char *next_kind(size_t *at)
{
    static char spec[200];
    const eg_learner_kind *kind;
    while ((kind = eg_learner_kind_at((*at)++)) != NULL) {
        const int trees = eg_learner_setting_at(kind->name, 0) != NULL
                          && strcmp(eg_learner_setting_at(kind->name, 0)->name, "trees") == 0;
        eg_learner *l = NULL;
        snprintf(spec, sizeof spec, "{\"kind\": \"%s\"%s}", kind->name,
                 trees ? ", \"trees\": 30" : "");
        CHECK_OK(eg_learner_create(spec, &task, 5, 1, NULL, &l));
        const int fits = eg_learner_fits(l);
        eg_learner_destroy(l);
        if (fits) return spec;
    }
    return NULL;
}

static eg_learner *made(const char *spec, int threads, const eg_allocator *alloc)
{
    eg_learner *l = NULL;
    CHECK_OK(eg_learner_create(spec, &task, 5, threads, alloc, &l));
    return l;
}

static eg_examples examples(void)
{
    const eg_dataset data = train_data();
    return (eg_examples){ data.x, NULL, data.labels, data.n };
}

/* A kind whose library is not there says so, and is left out here. */
static int can_fit(eg_learner *l)
{
    const eg_examples e = examples();
    const eg_status s = eg_learner_fit(l, &e);
    if (s == EG_ERR_UNSUPPORTED) return 0;
    CHECK_OK(s);
    return 1;
}

static size_t errors(const float *scores, const int32_t *y)
{
    size_t wrong = 0;
    for (size_t i = 0; i < TRAIN_N; i++) {
        int best = 0;
        for (int k = 1; k < TRAIN_K; k++)
            if (scores[i * TRAIN_K + (size_t)k] > scores[i * TRAIN_K + (size_t)best]) best = k;
        wrong += best != y[i];
    }
    return wrong;
}

static void they_learn_whatever_the_threads(void **state)
{
    (void)state;
    const eg_examples e = examples();
    float a[TRAIN_N * TRAIN_K], b[TRAIN_N * TRAIN_K];
    const char *spec;
    size_t kinds = 0;
    for (size_t at = 0; (spec = next_kind(&at)) != NULL; kinds++) {
        eg_learner *l = made(spec, 1, NULL), *many = made(spec, 3, NULL);
        double loss = -1;
        CHECK_STATUS(eg_learner_scores(l, e.x, 1, a), EG_ERR_INVALID);
        CHECK_STATUS(eg_learner_step(l, 0, e.x, e.y, 1, &loss), EG_ERR_UNSUPPORTED);
        if (can_fit(l) && can_fit(many)) {
            CHECK_OK(eg_learner_scores(l, e.x, e.n, a));
            CHECK_OK(eg_learner_scores(many, e.x, e.n, b));
            CHECK_SAME_BITS(a, b, sizeof a);
            CHECK(errors(a, e.y) <= 12);        /* the best possible linear cut leaves some 4 */
            for (size_t i = 0; i < e.n; i += 7) /* the same bits in other batches */
                CHECK_OK(
                    eg_learner_scores(l, e.x + i * TRAIN_D, e.n - i < 7 ? e.n - i : 7, b + i * 3));
            CHECK_SAME_BITS(a, b, sizeof a);
            CHECK(can_fit(l)); /* what was fitted before is forgotten */
            CHECK_OK(eg_learner_scores(l, e.x, e.n, b));
            CHECK_SAME_BITS(a, b, sizeof a);
        }
        eg_learner_destroy(l);
        eg_learner_destroy(many);
    }
    CHECK(kinds >= 6);
}

static void files_bring_them_back(void **state)
{
    (void)state;
    const eg_examples e = examples();
    const char *path = train_folder("fitted.safetensors"), *spec;
    float a[TRAIN_N * TRAIN_K], b[TRAIN_N * TRAIN_K];
    for (size_t at = 0; (spec = next_kind(&at)) != NULL;) {
        eg_learner *l = made(spec, 1, NULL), *back = NULL;
        CHECK_OK(eg_learner_save(l, path)); /* before it was fitted */
        CHECK_OK(eg_learner_open(path, 1, NULL, &back));
        CHECK_STATUS(eg_learner_scores(back, e.x, 1, a), EG_ERR_INVALID);
        eg_learner_destroy(back);
        if (can_fit(l)) {
            CHECK_OK(eg_learner_scores(l, e.x, e.n, a));
            CHECK_OK(eg_learner_save(l, path));
            CHECK_OK(eg_learner_open(path, 2, NULL, &back));
            CHECK_OK(eg_learner_scores(back, e.x, e.n, b));
            CHECK_SAME_BITS(a, b, sizeof a);
            assert_string_equal(eg_learner_spec(l), eg_learner_spec(back));
            eg_learner_destroy(back);
        }
        eg_learner_destroy(l);
        unlink(path);
    }
}

/* The parameters of l but for array `skip`; array `twice` has a row more than it should. */
static eg_params *damaged(eg_learner *l, size_t skip, size_t twice)
{
    eg_params *to = NULL;
    const eg_param *p;
    size_t put;
    CHECK_OK(eg_params_create(NULL, &to));
    for (size_t i = 0; (p = eg_params_at(eg_learner_params(l), i)) != NULL; i++) {
        eg_shape shape = p->shape;
        if (i == skip) continue;
        shape.dim[0] += i == twice;
        CHECK_OK(eg_params_add(to, p->name, p->dtype, &shape, &put));
        memcpy(eg_params_at(to, put)->value, p->value,
               eg_shape_size(&p->shape) * (p->dtype == EG_F64 ? 8 : 4));
    }
    return to;
}

static void damaged_files_are_refused(void **state)
{
    (void)state;
    const char *path = train_folder("damaged.safetensors"), *spec;
    for (size_t at = 0; (spec = next_kind(&at)) != NULL;) {
        eg_learner *l = made(spec, 1, NULL), *back = NULL;
        const char *meta[] = { "learner", eg_learner_spec(l),
                               "task",    "{\"inputs\":6,\"classes\":3,\"epochs\":1}",
                               "seed",    "5" };
        const size_t count = can_fit(l) ? eg_params_count(eg_learner_params(l)) : 0;
        for (size_t i = 0; i < 2 * count; i++) {
            eg_params *p = damaged(l, i < count ? i : SIZE_MAX, i - count);
            CHECK_OK(eg_params_save(p, path, meta, 3));
            CHECK_STATUS(eg_learner_open(path, 1, NULL, &back), EG_ERR_CORRUPT);
            CHECK(back == NULL && strstr(eg_error_detail(), path) != NULL);
            eg_params_destroy(p);
        }
        eg_learner_destroy(l);
        unlink(path);
    }
}

static void what_fails_changes_nothing(void **state)
{
    (void)state;
    const eg_examples e = examples();
    const eg_examples fewer = { e.x, NULL, e.y, e.n - 20 };
    float a[TRAIN_N * TRAIN_K], b[TRAIN_N * TRAIN_K];
    const char *spec;
    for (size_t at = 0; (spec = next_kind(&at)) != NULL;) {
        struct failing f = { .fail_at = SIZE_MAX };
        const eg_allocator alloc = failing_allocator(&f);
        eg_learner *l = made(spec, 1, &alloc);
        if (!can_fit(l)) {
            eg_learner_destroy(l);
            continue;
        }
        CHECK_OK(eg_learner_scores(l, e.x, e.n, a));
        eg_status s = EG_ERR_NOMEM;
        for (size_t k = 0; s != EG_OK; k++) {
            f.fail_at = f.calls + k;
            s = eg_learner_fit(l, &fewer);
            f.fail_at = SIZE_MAX;
            CHECK(s == EG_OK || s == EG_ERR_NOMEM);
            CHECK_OK(eg_learner_scores(l, e.x, e.n, b));
            if (s != EG_OK) CHECK_SAME_BITS(a, b, sizeof a);
        }
        CHECK(memcmp(a, b, sizeof a) != 0);
        eg_learner_destroy(l);
        CHECK(f.live == 0);
    }
}

/* A class without an example is never the answer; a column that does not vary, examples that are
 * all alike, and a single example are no obstacle. */
static void poor_data_are_data(void **state)
{
    (void)state;
    const eg_examples e = examples();
    float x[TRAIN_N * TRAIN_D], scores[TRAIN_N * TRAIN_K];
    int32_t y[TRAIN_N];
    const char *spec;
    for (size_t i = 0; i < TRAIN_N; i++) {
        memcpy(x + i * TRAIN_D, e.x + i * TRAIN_D, TRAIN_D * sizeof *x);
        x[i * TRAIN_D + 4] = 7;
        y[i] = e.y[i] == 1 ? 2 : 0;
    }
    for (size_t at = 0; (spec = next_kind(&at)) != NULL;) {
        eg_learner *l = made(spec, 1, NULL);
        const eg_examples all = { x, NULL, y, TRAIN_N }, one = { x, NULL, y, 1 };
        const eg_examples none = { x, NULL, y, 0 };
        const eg_status s = eg_learner_fit(l, &all);
        if (s == EG_OK) {
            CHECK_OK(eg_learner_scores(l, x, TRAIN_N, scores));
            for (size_t i = 0; i < TRAIN_N; i++)
                CHECK(isfinite(scores[3 * i + 1])
                      && scores[3 * i + 1] < fmaxf(scores[3 * i], scores[3 * i + 2]));
            for (size_t i = 0; i < TRAIN_N; i++) memcpy(x + i * TRAIN_D, e.x, TRAIN_D * sizeof *x);
            CHECK_OK(eg_learner_fit(l, &all)); /* alike, of two classes */
            CHECK_OK(eg_learner_scores(l, e.x, TRAIN_N, scores));
            CHECK_OK(eg_learner_fit(l, &one));
            CHECK_OK(eg_learner_scores(l, e.x, TRAIN_N, scores));
            for (size_t i = 0; i < TRAIN_N; i++)
                CHECK(scores[3 * i + (size_t)y[0]] > scores[3 * i + (size_t)(2 - y[0])]);
            CHECK_STATUS(eg_learner_fit(l, &none), EG_ERR_INVALID);
            for (size_t i = 0; i < TRAIN_N; i++)
                memcpy(x + i * TRAIN_D, e.x + i * TRAIN_D, TRAIN_D * sizeof *x);
        } else {
            CHECK(s == EG_ERR_UNSUPPORTED);
        }
        eg_learner_destroy(l);
    }
}

static void training_fits_them(void **state)
{
    (void)state;
    const eg_dataset data = train_data();
    size_t index[40];
    for (size_t i = 0; i < 40; i++) index[i] = TRAIN_N - 1 - i;
    const eg_part part = { &data, index, 40 }, all = { &data, NULL, data.n };
    const char *folder = train_folder("fit"), *spec;
    float a[TRAIN_N * TRAIN_K], b[TRAIN_N * TRAIN_K], x[40 * TRAIN_D];
    int32_t y[40];
    for (size_t i = 0; i < 40; i++) {
        memcpy(x + i * TRAIN_D, data.x + index[i] * TRAIN_D, TRAIN_D * sizeof *x);
        y[i] = data.labels[index[i]];
    }
    for (size_t at = 0; (spec = next_kind(&at)) != NULL;) {
        eg_learner *l = made(spec, 1, NULL), *back = NULL, *again = made(spec, 1, NULL);
        eg_train_options o = EG_TRAIN_OPTIONS_INIT;
        eg_train_result r = { .steps = 0 };
        eg_scored s = { .confusion = NULL };
        const eg_examples same = { x, NULL, y, 40 };
        o.folder = folder;
        if (can_fit(l)) {
            CHECK_OK(eg_train(l, &part, &all, &o, &r));
            CHECK(r.steps == 1 && r.epochs == 1 && isnan(r.loss) && r.best_epoch == 1);
            CHECK(r.hash == eg_params_hash(eg_learner_params(l)) && r.best > 0.7);
            CHECK_OK(eg_evaluate(l, &all, 9, a, &s));
            CHECK(s.accuracy == r.best);
            CHECK_OK(eg_learner_fit(again, &same));
            CHECK_OK(eg_learner_scores(again, data.x, data.n, b));
            CHECK_SAME_BITS(a, b, sizeof a);
            CHECK_OK(eg_learner_open(folder, 1, NULL, &back));
            CHECK_OK(eg_evaluate(back, &all, 60, b, &s));
            CHECK_SAME_BITS(a, b, sizeof a);
            o.resume = 1;
            CHECK_OK(eg_train(back, &part, &all, &o, &r));
            CHECK(r.steps == 1 && r.hash == eg_params_hash(eg_learner_params(l)));
            o.augment.shift = 1;
            CHECK_STATUS(eg_train(back, &part, &all, &o, &r), EG_ERR_INVALID);
        }
        eg_learner_destroy(l);
        eg_learner_destroy(back);
        eg_learner_destroy(again);
        train_remove(folder);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(they_learn_whatever_the_threads),
        cmocka_unit_test(files_bring_them_back),
        cmocka_unit_test(damaged_files_are_refused),
        cmocka_unit_test(what_fails_changes_nothing),
        cmocka_unit_test(poor_data_are_data),
        cmocka_unit_test(training_fits_them),
    };
    return cmocka_run_group_tests_name("fitted", tests, NULL, NULL);
}
