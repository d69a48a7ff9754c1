/* Cross-validation, plain and nested, against the same thing done by hand. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <sys/stat.h>

#include "train/egi_train.h"
#include "train_check.h"

enum { N = 60, D = 3, K = 2, FOLDS = 5, INNER = 4 };

/* Two clouds that overlap. */
struct data {
    float x[N * D];
    int32_t y[N];
    eg_dataset set;
};

static struct data *make_data(void)
{
    struct data *d = calloc(1, sizeof *d);
    eg_random_normal(21, 0, 0, N * D, d->x);
    for (int i = 0; i < N; i++) {
        d->y[i] = i % 3 == 0;
        d->x[i * D] += 1.2f * (float)d->y[i];
    }
    d->set = (eg_dataset){ .n = N, .d = D, .x = d->x, .labels = d->y, .classes = K };
    return d;
}

static eg_validation of(const eg_dataset *set)
{
    return (eg_validation){ .data = set,
                            .task = { .inputs = D, .classes = K, .epochs = 1 },
                            .base = "{\"kind\": \"knn\", \"k\": 3}",
                            .folds = FOLDS,
                            .repeats = 2,
                            .inner = INNER,
                            .seed = 8,
                            .threads = 1 };
}

/* Trained on some items, measured on others. */
static double by_hand(const eg_dataset *set, const char *spec, const size_t *train, size_t trained,
                      const size_t *rest, size_t tested)
{
    const eg_task task = { .inputs = D, .classes = K, .epochs = 1 };
    const eg_part a = { set, train, trained }, b = { set, rest, tested };
    const eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    eg_scored scored = { .n = 0 };
    eg_learner *l = NULL;
    CHECK_OK(eg_learner_create(spec, &task, 8, 1, NULL, &l));
    CHECK_OK(eg_train(l, &a, NULL, &o, NULL));
    CHECK_OK(eg_evaluate(l, &b, 100, NULL, &scored));
    eg_learner_destroy(l);
    return scored.accuracy;
}

static void folds_are_what_they_are_by_hand(void **state)
{
    (void)state;
    struct data *d = make_data();
    const eg_validation v = of(&d->set);
    eg_validated got[2 * FOLDS];
    CHECK(eg_validation_count(&v) == 2 * FOLDS);
    CHECK_OK(eg_cross_validate(&v, NULL, got));
    for (size_t r = 0; r < 2; r++) {
        uint32_t fold[N];
        size_t train[N], rest[N];
        CHECK_OK(eg_split_folds(d->y, N, K, FOLDS, 8 + r, fold));
        for (size_t f = 0; f < FOLDS; f++) {
            const size_t n = eg_split_select(fold, N, (uint32_t)f, 1, train),
                         m = eg_split_select(fold, N, (uint32_t)f, 0, rest);
            const eg_validated *one = &got[r * FOLDS + f];
            CHECK(one->repeat == r && one->fold == f && one->scored.n == m);
            CHECK(one->scored.accuracy == by_hand(&d->set, v.base, train, n, rest, m));
            CHECK(isnan(one->choice) && one->seconds >= 0);
        }
    }
    free(d);
}

struct heard {
    size_t count, stop;
    char spec[2 * FOLDS][200];
};

static int hear(void *user, const eg_validated *v, const char *spec)
{
    struct heard *h = user;
    (void)v;
    snprintf(h->spec[h->count++], sizeof h->spec[0], "%s", spec);
    return h->count == h->stop;
}

/* The choice of each outer fold: every k on every inner fold of what is trained on. */
static void choices_are_made_within_what_is_trained_on(void **state)
{
    (void)state;
    static const int ks[] = { 1, 5, 15 };
    struct data *d = make_data();
    static struct heard h;
    eg_validation v = of(&d->set);
    eg_validated got[FOLDS];
    uint32_t fold[N], inner[N];
    v.grid = "{\"k\": [1, 5, 15]}";
    v.repeats = 1;
    v.fold = hear, v.user = &h;
    memset(&h, 0, sizeof h);
    CHECK_OK(eg_cross_validate(&v, NULL, got));
    CHECK_OK(eg_split_folds(d->y, N, K, FOLDS, 8, fold));
    for (size_t f = 0; f < FOLDS; f++) {
        size_t train[N], rest[N], a[N], b[N];
        int32_t y[N];
        char spec[80];
        double most = -1;
        int chosen = 0;
        const size_t n = eg_split_select(fold, N, (uint32_t)f, 1, train),
                     m = eg_split_select(fold, N, (uint32_t)f, 0, rest);
        for (size_t i = 0; i < n; i++) y[i] = d->y[train[i]];
        CHECK_OK(eg_split_folds(y, n, K, INNER, 8 + 1000003 * (f + 1), inner));
        for (size_t k = 0; k < EGI_COUNT(ks); k++) {
            double sum = 0;
            snprintf(spec, sizeof spec, "{\"kind\": \"knn\", \"k\": %d}", ks[k]);
            for (uint32_t j = 0; j < INNER; j++) {
                const size_t p = eg_split_select(inner, n, j, 1, a),
                             q = eg_split_select(inner, n, j, 0, b);
                for (size_t i = 0; i < p; i++) a[i] = train[a[i]];
                for (size_t i = 0; i < q; i++) b[i] = train[b[i]];
                sum += by_hand(&d->set, spec, a, p, b, q);
            }
            if (sum > most + 1e-12) most = sum, chosen = ks[k];
        }
        snprintf(spec, sizeof spec, "{\"kind\": \"knn\", \"k\": %d}", chosen);
        CHECK(strstr(h.spec[f], "knn") != NULL);
        CHECK_NEAR(got[f].choice, most / INNER, 1e-12);
        CHECK(got[f].scored.accuracy == by_hand(&d->set, spec, train, n, rest, m));
    }
    /* one that is told to stop */
    h.count = 0, h.stop = 2;
    CHECK_STATUS(eg_cross_validate(&v, NULL, got), EG_ERR_INTERRUPTED);
    CHECK(h.count == 2);
    free(d);
}

static void folds_that_a_set_brings_are_kept(void **state)
{
    (void)state;
    static const int ks[] = { 1, 9 };
    struct data *d = make_data();
    uint8_t role[2 * N];
    eg_validation v = of(&d->set);
    eg_validated got[2];
    for (size_t i = 0; i < 2 * N; i++) role[i] = (uint8_t)(i * 7 % 5 > 2 ? i % 2 + 1 : 0);
    d->set.folds = role;
    d->set.fold_count = 2;
    v.folds = 0;
    v.repeats = 1;
    v.grid = "{\"k\": [1, 9]}";
    CHECK(eg_validation_count(&v) == 2);
    CHECK_OK(eg_cross_validate(&v, NULL, got));
    for (size_t f = 0; f < 2; f++) {
        size_t index[N], at[4] = { 0 };
        double most = -1;
        int chosen = 0;
        char spec[80];
        for (size_t r = 0; r < 3; r++) {
            at[r + 1] = at[r];
            for (size_t i = 0; i < N; i++)
                if (role[f * N + i] == r) index[at[r + 1]++] = i;
        }
        for (size_t k = 0; k < 2; k++) {
            snprintf(spec, sizeof spec, "{\"kind\": \"knn\", \"k\": %d}", ks[k]);
            const double value = by_hand(&d->set, spec, index, at[1], index + at[1], at[2] - at[1]);
            if (value > most) most = value, chosen = ks[k];
        }
        snprintf(spec, sizeof spec, "{\"kind\": \"knn\", \"k\": %d}", chosen);
        CHECK_NEAR(got[f].choice, most, 1e-12);
        CHECK(got[f].scored.n == at[3] - at[2]);
        CHECK(got[f].scored.accuracy
              == by_hand(&d->set, spec, index, at[2], index + at[2], at[3] - at[2]));
    }
    free(d);
}

/* A number of a tested item that is out of all bounds changes nothing that is learned. */
static void what_is_tested_does_not_scale(void **state)
{
    (void)state;
    struct data *d = make_data();
    eg_validation v = of(&d->set);
    eg_validated before[FOLDS], after[FOLDS];
    uint32_t fold[N];
    for (int i = 0; i < N; i++) d->x[i * D] += 6 * (float)d->y[i]; /* column 0 tells all */
    v.repeats = 1;
    v.columns = 1;
    CHECK_OK(eg_cross_validate(&v, NULL, before));
    CHECK_OK(eg_split_folds(d->y, N, K, FOLDS, 8, fold));
    d->x[0] = 1e6f;
    CHECK_OK(eg_cross_validate(&v, NULL, after));
    const eg_validated *a = &before[fold[0]], *b = &after[fold[0]];
    CHECK(a->scored.accuracy > 0.95);
    CHECK(fabs(a->scored.accuracy - b->scored.accuracy) <= 1.0 / (double)a->scored.n + 1e-12);
    CHECK(d->x[0] == 1e6f); /* the set itself is as it was */
    free(d);
}

static void a_record_saves_what_was_chosen(void **state)
{
    (void)state;
    struct data *d = make_data();
    eg_validation v = of(&d->set);
    eg_validated once[2 * FOLDS], again[2 * FOLDS];
    struct stat first, second;
    const char *path = train_folder("validated.jsonl");
    v.grid = "{\"k\": [1, 5]}";
    v.record = path;
    CHECK_OK(eg_cross_validate(&v, NULL, once));
    CHECK(stat(path, &first) == 0 && first.st_size > 2 * FOLDS * 2 * INNER * 40);
    CHECK_OK(eg_cross_validate(&v, NULL, again));
    CHECK(stat(path, &second) == 0 && second.st_size == first.st_size);
    for (size_t i = 0; i < 2 * FOLDS; i++)
        CHECK(once[i].choice == again[i].choice
              && once[i].scored.accuracy == again[i].scored.accuracy);
    unlink(path);
    free(d);
}

struct areas {
    size_t rows, measured[3];
    double mean[3];
};

static int hear_areas(void *user, size_t i, const char *spec, double mean, double deviation,
                      size_t measured)
{
    struct areas *h = user;
    CHECK(strstr(spec, "knn") != NULL && deviation >= 0);
    h->mean[i] = mean;
    h->measured[i] = measured;
    h->rows = i + 1;
    return 0;
}

/* Three items of class 1 in five folds: two folds at least test class 0 alone. */
static void areas_are_of_the_folds_that_have_one(void **state)
{
    (void)state;
    struct data *d = make_data();
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    eg_validated got[N];
    struct areas h = { 0 };
    size_t best = 9, defined = 0, lacking = 0;
    for (int i = 0; i < N; i++) {
        d->y[i] = i < 3;
        d->x[i * D] = (float)d->y[i] + 0.01f * (float)(i % 5); /* k = 1 knows, all of them do not */
        d->x[i * D + 1] = d->x[i * D + 2] = 0;
    }
    o.by_auc = 1;
    eg_grid g = { .base = "{\"kind\": \"knn\"}",
                  .grid = "{\"k\": [60, 1]}",
                  .task = { .inputs = D, .classes = K, .epochs = 1 },
                  .data = &d->set,
                  .folds = FOLDS,
                  .seed = 8,
                  .threads = 1,
                  .row = hear_areas,
                  .user = &h };
    CHECK_OK(eg_grid_search(&g, &o, &best));
    CHECK(best == 1 && h.rows == 2 && h.measured[0] == 3 && h.measured[1] == 3);
    CHECK(h.mean[1] > h.mean[0] && h.mean[1] <= 1);
    g.folds = N; /* one item a fold: none has an area, and nothing is trained to find it */
    h.rows = 0;
    CHECK_STATUS(eg_grid_search(&g, &o, &best), EG_ERR_INVALID);
    CHECK(h.rows == 0 && strstr(eg_error_detail(), "each of 60 folds") != NULL);
    eg_validation v = of(&d->set);
    v.grid = "{\"k\": [60, 1]}";
    v.repeats = 1;
    v.inner = 2;
    CHECK_OK(eg_cross_validate(&v, &o, got));
    for (size_t f = 0; f < FOLDS; f++) {
        CHECK(got[f].choice > 0.5 && got[f].choice <= 1);
        defined += !isnan(got[f].scored.auc);
        lacking += got[f].classes < K;
    }
    CHECK(defined == 3 && lacking == 0);
    v.inner = 48; /* as many as are trained on */
    CHECK_STATUS(eg_cross_validate(&v, &o, got), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "each of 48 folds") != NULL);
    for (int i = 0; i < N; i++) d->y[i] = i == 0; /* whoever tests it was trained without */
    v.grid = NULL;
    CHECK_OK(eg_cross_validate(&v, &o, got));
    for (size_t f = 0; f < FOLDS; f++) lacking += got[f].classes < K;
    CHECK(lacking == 1);
    free(d);
}

/* Patience by area stops at the first measure where no measure is ever defined. */
static void patience_by_area_needs_two_classes(void **state)
{
    (void)state;
    struct data *d = make_data();
    const size_t index[] = { 1, 2, 4, 5 }; /* class 0 */
    const eg_task task = { .inputs = D, .classes = K, .epochs = 3 };
    const eg_part train = { &d->set, NULL, N }, valid = { &d->set, index, EGI_COUNT(index) };
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    eg_learner *l = NULL;
    CHECK_OK(eg_learner_create("{\"kind\": \"network\", \"hidden\": [4]}", &task, 8, 1, NULL, &l));
    o.patience = 1;
    CHECK_OK(eg_train(l, &train, &valid, &o, NULL));
    o.by_auc = 1;
    CHECK_STATUS(eg_train(l, &train, &valid, &o, NULL), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "the 4 are of one") != NULL);
    eg_learner_destroy(l);
    free(d);
}

static void what_cannot_be_validated_is_refused(void **state)
{
    (void)state;
    struct data *d = make_data();
    eg_validation v = of(&d->set);
    v.folds = 1;
    CHECK_STATUS(eg_cross_validate(&v, NULL, NULL), EG_ERR_INVALID);
    v.folds = 0;
    CHECK_STATUS(eg_cross_validate(&v, NULL, NULL), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "brings no folds") != NULL);
    v.folds = N + 1;
    CHECK_STATUS(eg_cross_validate(&v, NULL, NULL), EG_ERR_INVALID);
    v.folds = FOLDS;
    v.repeats = 0;
    CHECK_STATUS(eg_cross_validate(&v, NULL, NULL), EG_ERR_INVALID);
    v.repeats = 1;
    v.task.inputs = D + 1;
    CHECK_STATUS(eg_cross_validate(&v, NULL, NULL), EG_ERR_SHAPE);
    v.task.inputs = D;
    v.base = "{\"kind\": \"cat\"}";
    CHECK_STATUS(eg_cross_validate(&v, NULL, NULL), EG_ERR_INVALID);
    d->set.labels = NULL;
    CHECK_STATUS(eg_cross_validate(&v, NULL, NULL), EG_ERR_INVALID);
    free(d);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(folds_are_what_they_are_by_hand),
        cmocka_unit_test(choices_are_made_within_what_is_trained_on),
        cmocka_unit_test(folds_that_a_set_brings_are_kept),
        cmocka_unit_test(what_is_tested_does_not_scale),
        cmocka_unit_test(a_record_saves_what_was_chosen),
        cmocka_unit_test(areas_are_of_the_folds_that_have_one),
        cmocka_unit_test(patience_by_area_needs_two_classes),
        cmocka_unit_test(what_cannot_be_validated_is_refused),
    };
    return cmocka_run_group_tests_name("cross_validate", tests, NULL, NULL);
}
