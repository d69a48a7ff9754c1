/* A memory's life: storing, removing, replacing, looking things up, bad arguments. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

enum { D = 7 };

static eg_memory *make(eg_storage storage, size_t dv, const eg_allocator *alloc)
{
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    o.storage = storage;
    o.value_size = dv;
    o.alloc = alloc;
    if (storage == EG_STORE_BITS) o.rule.projection = EG_PROJ_SIGN;
    eg_memory *m = NULL;
    CHECK_OK(eg_memory_create(D, &o, &m));
    return m;
}

/* A plain model beside the memory: arrays, and the dullest code. */
struct model {
    size_t n;
    float pattern[512][D], weight[512], value[512][2];
    int32_t label[512];
    uint64_t id[512], next;
};

static void agree(const eg_memory *m, const struct model *k)
{
    CHECK(eg_memory_count(m) == k->n);
    for (size_t i = 0; i < k->n; i++) {
        float pattern[D], value[2];
        size_t at;
        CHECK_OK(eg_memory_pattern(m, i, pattern));
        CHECK_SAME_BITS(pattern, k->pattern[i], sizeof pattern);
        CHECK_OK(eg_memory_value(m, i, value));
        CHECK_SAME_BITS(value, k->value[i], sizeof value);
        CHECK(eg_memory_id(m, i) == k->id[i]);
        CHECK(eg_memory_label(m, i) == k->label[i]);
        CHECK(eg_memory_weight(m, i) == k->weight[i]);
        CHECK_OK(eg_memory_find(m, k->id[i], &at));
        CHECK(at == i);
    }
}

static void model_add(struct model *k, eg_memory *m, uint64_t seed, size_t n)
{
    float pattern[16][D], weight[16], value[16][2];
    int32_t label[16];
    eg_random_sign(seed, 0, 0, n * D, &pattern[0][0]);
    eg_random_normal(seed, 1, 0, n * 2, &value[0][0]);
    for (size_t i = 0; i < n; i++) {
        weight[i] = 1 + (float)(seed % 3);
        label[i] = (int32_t)(seed + i);
        memcpy(k->pattern[k->n], pattern[i], sizeof pattern[i]);
        memcpy(k->value[k->n], value[i], sizeof value[i]);
        k->weight[k->n] = weight[i];
        k->label[k->n] = label[i];
        k->id[k->n++] = k->next++;
    }
    const eg_items items = { weight, label, &value[0][0], NULL };
    CHECK_OK(eg_memory_add(m, &pattern[0][0], n, &items));
}

static void model_remove(struct model *k, eg_memory *m, size_t at)
{
    CHECK_OK(eg_memory_remove(m, &k->id[at], 1));
    for (size_t i = at; i + 1 < k->n; i++) {
        memcpy(k->pattern[i], k->pattern[i + 1], sizeof k->pattern[i]);
        memcpy(k->value[i], k->value[i + 1], sizeof k->value[i]);
        k->weight[i] = k->weight[i + 1];
        k->label[i] = k->label[i + 1];
        k->id[i] = k->id[i + 1];
    }
    k->n--;
}

static void random_life_follows_the_model(void **state)
{
    (void)state;
    const eg_storage kinds[] = { EG_STORE_DENSE, EG_STORE_BITS };
    for (size_t kind = 0; kind < 2; kind++) {
        struct model *k = calloc(1, sizeof *k);
        CHECK(k != NULL);
        k->next = 1;
        eg_memory *m = make(kinds[kind], 2, NULL);
        for (uint64_t t = 0; t < 150; t++) {
            const uint64_t what = eg_random_below(11, kind, t, 4);
            if (what < 2 && k->n < 400) {
                model_add(k, m, t, 1 + (size_t)eg_random_below(12, kind, t, 8));
            } else if (k->n > 0 && what == 2) {
                model_remove(k, m, (size_t)eg_random_below(13, kind, t, k->n));
            } else if (k->n > 0) {
                const size_t at = (size_t)eg_random_below(14, kind, t, k->n);
                eg_random_sign(15, t, 0, D, k->pattern[at]);
                CHECK_OK(eg_memory_replace(m, k->id[at], k->pattern[at]));
            }
            if (t % 10 == 0) agree(m, k);
        }
        agree(m, k);
        eg_memory_destroy(m);
        free(k);
    }
}

static void ids_are_unique(void **state)
{
    (void)state;
    eg_memory *m = make(EG_STORE_DENSE, 0, NULL);
    float x[4 * D];
    eg_random_normal(1, 0, 0, 4 * D, x);
    const uint64_t first[4] = { 40, 10, 30, 20 }, twice[2] = { 50, 50 }, used[2] = { 60, 30 };
    const uint64_t zero[1] = { 0 };
    CHECK_OK(eg_memory_add(m, x, 4, &(eg_items){ .ids = first }));
    CHECK_STATUS(eg_memory_add(m, x, 2, &(eg_items){ .ids = twice }), EG_ERR_INVALID);
    CHECK_STATUS(eg_memory_add(m, x, 2, &(eg_items){ .ids = used }), EG_ERR_INVALID);
    CHECK_STATUS(eg_memory_add(m, x, 1, &(eg_items){ .ids = zero }), EG_ERR_INVALID);
    CHECK(eg_memory_count(m) == 4);
    CHECK_OK(eg_memory_add(m, x, 1, NULL));
    CHECK(eg_memory_id(m, 4) == 41);
    size_t at = 99;
    for (size_t i = 0; i < 4; i++) {
        CHECK_OK(eg_memory_find(m, first[i], &at));
        CHECK(at == i);
    }
    CHECK(eg_memory_find(m, 77, &at) == EG_NOT_FOUND && at == 3);
    const uint64_t some[2] = { 30, 77 };
    CHECK(eg_memory_remove(m, some, 2) == EG_NOT_FOUND);
    CHECK(eg_memory_count(m) == 5); /* all or none */
    CHECK(eg_memory_replace(m, 77, x) == EG_NOT_FOUND);
    eg_memory_destroy(m);
}

static void bad_arguments_are_named(void **state)
{
    (void)state;
    eg_memory *m = NULL;
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    CHECK_STATUS(eg_memory_create(0, &o, &m), EG_ERR_INVALID);
    o.rule.beta = NAN;
    CHECK_STATUS(eg_memory_create(D, &o, &m), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "beta") != NULL);
    o = (eg_memory_options)EG_MEMORY_OPTIONS_INIT;
    o.size = 3;
    CHECK_STATUS(eg_memory_create(D, &o, &m), EG_ERR_INVALID);
    o = (eg_memory_options)EG_MEMORY_OPTIONS_INIT;
    o.storage = EG_STORE_BITS; /* with the identity as projection */
    CHECK_STATUS(eg_memory_create(D, &o, &m), EG_ERR_UNSUPPORTED);
    CHECK(m == NULL);

    m = make(EG_STORE_DENSE, 0, NULL);
    float x[D] = { 0 };
    CHECK_STATUS(eg_memory_recall(m, x, 1, NULL, x, NULL), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "empty") != NULL);
    x[3] = INFINITY;
    CHECK_STATUS(eg_memory_add(m, x, 1, NULL), EG_ERR_INVALID);
    CHECK(strstr(eg_error_detail(), "component 3") != NULL);
    x[3] = 1;
    const float negative = -1;
    CHECK_STATUS(eg_memory_add(m, x, 1, &(eg_items){ .weights = &negative }), EG_ERR_INVALID);
    CHECK_STATUS(eg_memory_add(m, x, 1, &(eg_items){ .values = x }), EG_ERR_SHAPE);
    CHECK_OK(eg_memory_add(m, x, 1, NULL));
    x[2] = NAN;
    CHECK_STATUS(eg_memory_recall(m, x, 1, NULL, x, NULL), EG_ERR_INVALID);
    x[2] = 0;
    eg_recall_options r = EG_RECALL_OPTIONS_INIT;
    r.max_steps = 0;
    CHECK_STATUS(eg_memory_recall(m, x, 1, &r, x, NULL), EG_ERR_INVALID);
    r = (eg_recall_options)EG_RECALL_OPTIONS_INIT;
    r.dynamics = EG_DYN_ASYNC; /* of continuous states */
    CHECK_STATUS(eg_memory_recall(m, x, 1, &r, x, NULL), EG_ERR_UNSUPPORTED);
    CHECK_STATUS(eg_memory_read(m, x, 1, 1, x), EG_ERR_UNSUPPORTED);
    CHECK_STATUS(eg_memory_forget(m, x), EG_ERR_UNSUPPORTED);
    CHECK_OK(eg_memory_recall(m, x, 0, NULL, x, NULL)); /* no query: nothing to do */
    CHECK(eg_memory_id(m, 1) == 0 && eg_memory_label(m, 1) == -1);
    CHECK_STATUS(eg_memory_pattern(m, 1, x), EG_ERR_INVALID);
    eg_memory_destroy(m);
    eg_memory_destroy(NULL);
}

/* What a recall makes of a memory that went through `ids` removed must be what a fresh one
 * gives: nothing of the removed is left. */
static void removed_is_as_never_stored(void **state)
{
    (void)state;
    enum { N = 40 };
    float all[N * D], rest[N * D], cue[D], a[D], b[D];
    eg_random_sign(3, 0, 0, N * D, all);
    eg_random_sign(3, 1, 0, D, cue);
    const eg_storage kinds[] = { EG_STORE_DENSE, EG_STORE_BITS };
    for (size_t kind = 0; kind < 2; kind++) {
        eg_memory *full = make(kinds[kind], 0, NULL), *fresh = make(kinds[kind], 0, NULL);
        CHECK_OK(eg_memory_add(full, all, N, NULL));
        uint64_t gone[N];
        size_t ngone = 0, nrest = 0;
        for (size_t i = 0; i < N; i++) {
            if (i % 3 == 1)
                gone[ngone++] = i + 1;
            else
                memcpy(rest + D * nrest++, all + D * i, D * sizeof *all);
        }
        CHECK_OK(eg_memory_remove(full, gone, ngone));
        CHECK_OK(eg_memory_add(fresh, rest, nrest, NULL));
        eg_certificate ca, cb;
        CHECK_OK(eg_memory_recall(full, cue, 1, NULL, a, &ca));
        CHECK_OK(eg_memory_recall(fresh, cue, 1, NULL, b, &cb));
        CHECK_SAME_BITS(a, b, sizeof a);
        CHECK(ca.energy_after == cb.energy_after && ca.nearest == cb.nearest);
        eg_memory_destroy(full);
        eg_memory_destroy(fresh);
    }
}

static eg_status whole_life(const eg_allocator *alloc, eg_storage storage, eg_dynamics dynamics)
{
    eg_memory *m = NULL;
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    o.storage = storage;
    o.value_size = 2;
    o.alloc = alloc;
    o.rule.separation = EG_SEP_RECTIFIED;
    o.rule.projection = EG_PROJ_SIGN;
    float x[20 * D], y[20 * D], values[40], weights[20], read[2];
    eg_random_sign(1, 0, 0, 20 * D, x);
    eg_random_normal(1, 1, 0, 40, values);
    for (int i = 0; i < 20; i++) weights[i] = 1 + (float)(i % 2);
    eg_certificate c[20];
    double e[20], p[20];
    const uint64_t gone[2] = { 3, 17 };
    eg_recall_options r = EG_RECALL_OPTIONS_INIT;
    r.dynamics = dynamics;
    eg_status s = eg_memory_create(D, &o, &m);
    if (s == EG_OK) s = eg_memory_add(m, x, 10, &(eg_items){ .values = values });
    if (s == EG_OK)
        s = eg_memory_add(m, x + 10 * D, 10,
                          &(eg_items){ .values = values + 20, .weights = weights });
    if (s == EG_OK) s = eg_memory_remove(m, gone, 2);
    if (s == EG_OK) s = eg_memory_recall(m, x, 20, &r, y, c);
    if (s == EG_OK) s = eg_memory_step(m, x, 20, 1, y);
    if (s == EG_OK) s = eg_memory_energy(m, x, 18, 1, e);
    if (s == EG_OK) s = eg_memory_read(m, x, 1, 1, read);
    if (s == EG_OK) s = eg_memory_associate(m, x, e, p);
    eg_memory_destroy(m);
    return s;
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    const eg_storage kinds[] = { EG_STORE_DENSE, EG_STORE_BITS };
    const eg_dynamics moves[] = { EG_DYN_SYNC, EG_DYN_ASYNC };
    for (int which = 0; which < 8; which++) {
        size_t failures = 0;
        for (size_t k = 0;; k++) {
            struct failing f = { .fail_at = k, .for_good = which & 1 };
            const eg_allocator alloc = failing_allocator(&f);
            const eg_status s = whole_life(&alloc, kinds[which >> 1 & 1], moves[which >> 2 & 1]);
            CHECK(s == EG_OK || s == EG_ERR_NOMEM);
            CHECK(f.live == 0);
            failures += s == EG_ERR_NOMEM;
            if (s == EG_OK) break;
        }
        CHECK(failures > 10); /* there were allocations to fail */
    }
}

/* What is linear in its patterns gives back copies; the items follow from the end. */
static void forgetting_lowers_the_count(void **state)
{
    (void)state;
    enum { SIZE = 8, STORED = 3 };
    float x[STORED * SIZE];
    const float weights[STORED] = { 1, 2, 1 };
    const int32_t labels[STORED] = { 4, 5, 6 };
    const eg_items items = { .weights = weights, .labels = labels };
    const eg_storage storages[] = { EG_STORE_HEBB, EG_STORE_FEATURES };
    eg_random_sign(31, 0, 0, STORED * SIZE, x);
    for (size_t k = 0; k < 2; k++) {
        eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
        o.storage = storages[k];
        o.features = 16;
        eg_memory *m = NULL;
        CHECK_OK(eg_memory_create(SIZE, &o, &m));
        CHECK_OK(eg_memory_add(m, x, STORED, &items));
        CHECK_OK(eg_memory_forget(m, x + 2 * SIZE));
        CHECK(eg_memory_count(m) == 2 && eg_memory_label(m, 1) == 5 && eg_memory_label(m, 2) == -1);
        CHECK_OK(eg_memory_forget(m, x + SIZE));
        CHECK(eg_memory_count(m) == 2 && eg_memory_weight(m, 1) == 1);
        CHECK_OK(eg_memory_forget(m, x + SIZE));
        CHECK(eg_memory_count(m) == 1 && eg_memory_label(m, 0) == 4);
        CHECK_OK(eg_memory_add(m, x + SIZE, 1, NULL));
        CHECK(eg_memory_count(m) == 2 && eg_memory_id(m, 1) == 4); /* ids are not used again */
        for (int more = 0; more < 3; more++) CHECK_OK(eg_memory_forget(m, x + more % 2 * SIZE));
        assert_int_equal(eg_memory_count(m), 0);
        eg_memory_destroy(m);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_life_follows_the_model),
        cmocka_unit_test(ids_are_unique),
        cmocka_unit_test(bad_arguments_are_named),
        cmocka_unit_test(removed_is_as_never_stored),
        cmocka_unit_test(every_allocation_may_fail),
        cmocka_unit_test(forgetting_lowers_the_count),
    };
    return cmocka_run_group_tests_name("memory", tests, NULL, NULL);
}
