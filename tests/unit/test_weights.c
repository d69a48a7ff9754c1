/* Memories kept as weights: Hebb, Storkey, pseudo-inverse. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>

#include "base/egi_base.h"
#include "check.h"
#include "engram/capacity.h"
#include "engram/random.h"

static const eg_storage storages[] = { EG_STORE_HEBB, EG_STORE_STORKEY, EG_STORE_PSEUDOINVERSE };

static eg_memory *create(eg_storage storage, eg_projection projection, int self, size_t d)
{
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    o.storage = storage;
    o.rule.separation = EG_SEP_IDENTITY;
    o.rule.projection = projection;
    o.self_coupling = self;
    eg_memory *m = NULL;
    CHECK_OK(eg_memory_create(d, &o, &m));
    return m;
}

static void draw_signs(uint64_t seed, size_t n, size_t d, float *x)
{
    CHECK_OK(eg_patterns_draw(EG_PATTERNS_SIGNS, 1, seed, n, d, x));
}

static void hebb_is_the_sum_of_outer_products(void **state)
{
    (void)state;
    enum { D = 13, N = 4 };
    float xi[N * D];
    const float weights[N] = { 1, 2.5f, 0.25f, 3 };
    eg_random_normal(1, 0, 0, N * D, xi);
    eg_memory *m = create(EG_STORE_HEBB, EG_PROJ_SIGN, 0, D);
    const eg_items items = { .weights = weights };
    CHECK_OK(eg_memory_add(m, xi, N, &items));
    double w[D * D];
    CHECK(eg_memory_state_size(m) == D * D);
    CHECK_OK(eg_memory_state(m, w));
    for (size_t i = 0; i < D; i++) {
        for (size_t j = 0; j < D; j++) {
            double sum = 0;
            for (size_t mu = 0; mu < N; mu++)
                sum += (double)weights[mu] * (double)xi[mu * D + i] * (double)xi[mu * D + j] / D;
            CHECK_NEAR(w[i * D + j], sum, 1e-14);
            CHECK(w[i * D + j] == w[j * D + i]);
        }
    }
    eg_memory_destroy(m);
}

static void hebb_forgets_signs_exactly(void **state)
{
    (void)state;
    enum { D = 30, N = 7 };
    float xi[N * D];
    double before[D * D], after[D * D];
    draw_signs(2, N, D, xi);
    eg_memory *m = create(EG_STORE_HEBB, EG_PROJ_SIGN, 0, D);
    CHECK_OK(eg_memory_add(m, xi, N - 1, NULL));
    CHECK_OK(eg_memory_state(m, before));
    CHECK_OK(eg_memory_add(m, xi + (N - 1) * D, 1, NULL));
    CHECK_OK(eg_memory_forget(m, xi + (N - 1) * D));
    CHECK_OK(eg_memory_state(m, after));
    CHECK_SAME_BITS(before, after, sizeof before);
    eg_memory_destroy(m);
}

/* W += (xi_i xi_j - xi_i h_ji - h_ij xi_j) / D, with every sum written out. */
static void storkey_by_definition(double *w, const float *xi, size_t d)
{
    double *h = calloc(d * d, sizeof *h);
    CHECK(h != NULL);
    for (size_t i = 0; i < d; i++)
        for (size_t j = 0; j < d; j++)
            for (size_t k = 0; k < d; k++)
                if (k != i && k != j) h[i * d + j] += w[i * d + k] * (double)xi[k];
    for (size_t i = 0; i < d; i++)
        for (size_t j = 0; j < d; j++) {
            const double a = (double)xi[i], b = (double)xi[j];
            w[i * d + j] += (a * b - a * h[j * d + i] - h[i * d + j] * b) / (double)d;
        }
    free(h);
}

static void storkey_is_its_definition(void **state)
{
    (void)state;
    enum { D = 21, N = 6 };
    float xi[N * D];
    double want[D * D] = { 0 }, got[D * D];
    draw_signs(3, N, D, xi);
    eg_memory *m = create(EG_STORE_STORKEY, EG_PROJ_SIGN, 0, D);
    for (size_t mu = 0; mu < N; mu++) storkey_by_definition(want, xi + mu * D, D);
    storkey_by_definition(want, xi, D); /* stored twice more: a multiplicity of 2 */
    storkey_by_definition(want, xi, D);
    const float twice = 2;
    const eg_items items = { .weights = &twice };
    CHECK_OK(eg_memory_add(m, xi, 2, NULL)); /* in two calls: the rule is incremental */
    CHECK_OK(eg_memory_add(m, xi + 2 * D, N - 2, NULL));
    CHECK_OK(eg_memory_add(m, xi, 1, &items));
    CHECK_OK(eg_memory_state(m, got));
    for (size_t i = 0; i < D * D; i++) CHECK_NEAR(got[i], want[i], 1e-14);
    eg_memory_destroy(m);
}

static void storkey_takes_no_fractions_and_survives_divergence(void **state)
{
    (void)state;
    enum { D = 4 };
    const float half = 0.5f, huge[D] = { 1e35f, -2e35f, 3e35f, 1e35f }, one[D] = { 1, -1, 1, 1 };
    eg_memory *m = create(EG_STORE_STORKEY, EG_PROJ_SIGN, 0, D);
    const eg_items items = { .weights = &half };
    CHECK_OK(eg_memory_add(m, one, 1, NULL));
    double before[D * D], after[D * D];
    CHECK_OK(eg_memory_state(m, before));
    CHECK_STATUS(eg_memory_add(m, one, 1, &items), EG_ERR_UNSUPPORTED);
    float many[8 * D];
    for (size_t i = 0; i < 8; i++) memcpy(many + i * D, huge, sizeof huge);
    CHECK_STATUS(eg_memory_add(m, many, 8, NULL), EG_ERR_DIVERGED);
    CHECK(eg_memory_count(m) == 1);
    CHECK_OK(eg_memory_state(m, after));
    CHECK_SAME_BITS(before, after, sizeof before);
    eg_memory_destroy(m);
}

static void projector_projects(void **state)
{
    (void)state;
    enum { D = 40, N = 12 };
    float xi[(N + 2) * D];
    double w[D * D], again[D * D];
    eg_random_normal(4, 0, 0, N * D, xi);
    for (size_t j = 0; j < D; j++) /* one almost depends on another */
        xi[(N - 1) * D + j] = xi[2 * D + j] + 1e-4f * xi[(N - 1) * D + j];
    for (size_t j = 0; j < D; j++) { /* two depend on the others */
        xi[N * D + j] = xi[3 * D + j];
        xi[(N + 1) * D + j] = xi[j] - 2 * xi[5 * D + j];
    }
    eg_memory *m = create(EG_STORE_PSEUDOINVERSE, EG_PROJ_IDENTITY, 1, D);
    CHECK_OK(eg_memory_add(m, xi, N, NULL));
    CHECK_OK(eg_memory_state(m, w));
    CHECK_OK(eg_memory_add(m, xi + N * D, 2, NULL));
    CHECK_OK(eg_memory_state(m, again));
    CHECK_SAME_BITS(w, again, sizeof w);
    double trace = 0;
    for (size_t i = 0; i < D; i++) {
        trace += w[i * D + i];
        for (size_t j = 0; j < D; j++) {
            double square = 0;
            for (size_t k = 0; k < D; k++) square += w[i * D + k] * w[k * D + j];
            CHECK_NEAR(square, w[i * D + j], 1e-13); /* W^2 = W */
            CHECK(w[i * D + j] == w[j * D + i]);
        }
    }
    CHECK_NEAR(trace, N, 1e-12); /* the rank */
    for (size_t mu = 0; mu < N; mu++)
        for (size_t i = 0; i < D; i++) {
            double y = 0;
            for (size_t j = 0; j < D; j++) y += w[i * D + j] * (double)xi[mu * D + j];
            CHECK_NEAR(y, xi[mu * D + i], 1e-12); /* W xi = xi */
        }
    eg_memory_destroy(m);
}

static void every_rule_recalls_at_low_load(void **state)
{
    (void)state;
    enum { D = 120, N = 5 };
    float xi[N * D], cue[N * D], out[N * D];
    draw_signs(5, N, D, xi);
    CHECK_OK(eg_patterns_corrupt(EG_CORRUPT_FLIP, 0.1, 6, xi, N, D, cue));
    CHECK(memcmp(xi, cue, sizeof xi) != 0);
    for (size_t k = 0; k < EGI_COUNT(storages); k++) {
        for (int self = 0; self < 2; self++) {
            eg_memory *m = create(storages[k], EG_PROJ_SIGN, self, D);
            CHECK_OK(eg_memory_add(m, xi, N, NULL));
            for (int order = -1; order <= (int)EG_ORDER_STEEPEST; order++) {
                eg_recall_options o = EG_RECALL_OPTIONS_INIT;
                o.dynamics = order < 0 ? EG_DYN_SYNC : EG_DYN_ASYNC;
                o.order = order < 0 ? EG_ORDER_FIXED : (eg_order)order;
                eg_certificate c[N];
                CHECK_OK(eg_memory_recall(m, cue, N, &o, out, c));
                CHECK_SAME_BITS(out, xi, sizeof out);
                for (size_t q = 0; q < N; q++) CHECK(c[q].converged && c[q].descended);
            }
            eg_memory_destroy(m);
        }
    }
}

/* Shares of stored patterns that an asynchronous recall leaves almost where they are. */
static double kept(eg_storage storage, size_t d, size_t n)
{
    float *xi = malloc(2 * n * d * sizeof *xi);
    CHECK(xi != NULL);
    float *out = xi + n * d;
    draw_signs(7, n, d, xi);
    eg_memory *m = create(storage, EG_PROJ_SIGN, 0, d);
    CHECK_OK(eg_memory_add(m, xi, n, NULL));
    eg_recall_options o = EG_RECALL_OPTIONS_INIT;
    o.dynamics = EG_DYN_ASYNC;
    CHECK_OK(eg_memory_recall(m, xi, n, &o, out, NULL));
    size_t good = 0;
    for (size_t mu = 0; mu < n; mu++) {
        double overlap = 0;
        for (size_t j = 0; j < d; j++) overlap += (double)xi[mu * d + j] * (double)out[mu * d + j];
        good += overlap >= 0.95 * (double)d;
    }
    eg_memory_destroy(m);
    free(xi);
    return (double)good / (double)n;
}

/* At N = 0.25 D Hebb has forgotten everything (0.138 D), Storkey almost nothing, and the
 * pseudo-inverse keeps every pattern up to N = D. */
static void capacities_are_ordered(void **state)
{
    (void)state;
    enum { D = 200, N = 50 };
    const double hebb = kept(EG_STORE_HEBB, D, N), storkey = kept(EG_STORE_STORKEY, D, N);
    CHECK(hebb <= 0.2);
    CHECK(storkey >= 0.8);
    CHECK(kept(EG_STORE_PSEUDOINVERSE, D, N) == 1);
    CHECK(kept(EG_STORE_HEBB, D, D / 20) == 1);
}

/* The same associations by two representations: W x = beta sum <xi, x> xi at beta = 1/D. */
static void hebb_agrees_with_stored_patterns(void **state)
{
    (void)state;
    enum { D = 50, N = 9, Q = 6 };
    float xi[N * D], x[Q * D], a[Q * D], b[Q * D];
    double ea[Q], eb[Q];
    draw_signs(8, N, D, xi);
    eg_random_normal(9, 0, 0, Q * D, x);
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    o.rule.separation = EG_SEP_IDENTITY;
    o.rule.beta = 1.0 / D;
    eg_memory *dense = NULL;
    CHECK_OK(eg_memory_create(D, &o, &dense));
    eg_memory *hebb = create(EG_STORE_HEBB, EG_PROJ_IDENTITY, 1, D);
    CHECK_OK(eg_memory_add(dense, xi, N, NULL));
    CHECK_OK(eg_memory_add(hebb, xi, N, NULL));
    CHECK_OK(eg_memory_step(dense, x, Q, 1, a));
    CHECK_OK(eg_memory_step(hebb, x, Q, 1, b));
    CHECK_OK(eg_memory_energy(dense, x, Q, 1, ea));
    CHECK_OK(eg_memory_energy(hebb, x, Q, 1, eb));
    for (size_t i = 0; i < Q * D; i++) CHECK_NEAR(a[i], b[i], 1e-5);
    for (size_t q = 0; q < Q; q++) CHECK_NEAR(ea[q], eb[q], 1e-4);
    eg_memory_destroy(dense);
    eg_memory_destroy(hebb);
}

/* x = (1, -1) under W = [0 1; 1 0] / 2 swaps for ever when both move at once. */
static void synchronous_updates_may_cycle(void **state)
{
    (void)state;
    const float xi[2] = { 1, 1 }, x[2] = { 1, -1 }, swapped[2] = { -1, 1 };
    float next[2], out[2];
    eg_memory *m = create(EG_STORE_HEBB, EG_PROJ_SIGN, 0, 2);
    CHECK_OK(eg_memory_add(m, xi, 1, NULL));
    CHECK_OK(eg_memory_step(m, x, 1, 1, next));
    CHECK_SAME_BITS(next, swapped, sizeof next);
    CHECK_OK(eg_memory_step(m, next, 1, 1, next));
    CHECK_SAME_BITS(next, x, sizeof next);
    eg_recall_options o = EG_RECALL_OPTIONS_INIT;
    eg_certificate c;
    CHECK_OK(eg_memory_recall(m, x, 1, &o, out, &c));
    CHECK(!c.converged && c.kind == EG_FIXED_NONE && !c.lyapunov);
    o.dynamics = EG_DYN_ASYNC;
    CHECK_OK(eg_memory_recall(m, x, 1, &o, out, &c));
    CHECK(c.converged && out[0] == out[1]);
    CHECK(c.kind == EG_FIXED_SPURIOUS && c.nearest == eg_memory_count(m) && isnan(c.error_bound));
    eg_memory_destroy(m);
}

/* Two patterns that cancel: the pull on a component is exactly 0, whatever D is. */
static void what_cancels_decides_nothing(void **state)
{
    (void)state;
    enum { D = 49 };
    float xi[4 * D], x[D], next[D];
    draw_signs(12, 4, D, xi);
    for (size_t mu = 0; mu < 4; mu++) xi[mu * D + 7] = mu % 2 == 0 ? 1.0f : -1.0f;
    memcpy(xi + D, xi, 7 * sizeof *xi); /* 0 and 1, 2 and 3 differ in component 7 alone */
    memcpy(xi + D + 8, xi + 8, (D - 8) * sizeof *xi);
    memcpy(xi + 3 * D, xi + 2 * D, 7 * sizeof *xi);
    memcpy(xi + 3 * D + 8, xi + 2 * D + 8, (D - 8) * sizeof *xi);
    for (size_t k = 0; k < 2; k++) {
        eg_memory *m = create(k == 0 ? EG_STORE_HEBB : EG_STORE_PSEUDOINVERSE, EG_PROJ_SIGN, 0, D);
        CHECK_OK(eg_memory_add(m, xi, 4, NULL));
        for (int s = -1; s <= 1; s += 2) {
            memcpy(x, xi, sizeof x);
            x[7] = (float)s;
            CHECK_OK(eg_memory_step(m, x, 1, 1, next));
            CHECK(next[7] == x[7]);
            eg_recall_options o = EG_RECALL_OPTIONS_INIT;
            o.dynamics = EG_DYN_ASYNC;
            CHECK_OK(eg_memory_recall(m, x, 1, &o, next, NULL));
            CHECK(next[7] == x[7]);
        }
        eg_memory_destroy(m);
    }
}

static void a_state_goes_round(void **state)
{
    (void)state;
    enum { D = 20, N = 6 }; /* 6 (1/20) / (1/20) is not 6 in double */
    float xi[N * D], a[D], b[D];
    double w[D * D], again[D * D];
    draw_signs(13, N, D, xi);
    for (size_t k = 0; k < EGI_COUNT(storages); k++) {
        eg_memory *m = create(storages[k], EG_PROJ_IDENTITY, 0, D);
        eg_memory *copy = create(storages[k], EG_PROJ_IDENTITY, 0, D);
        CHECK_OK(eg_memory_add(m, xi, N, NULL));
        CHECK_OK(eg_memory_state(m, w));
        CHECK_STATUS(eg_memory_set_state(copy, w, D), EG_ERR_SHAPE);
        CHECK_OK(eg_memory_set_state(copy, w, D * D));
        CHECK_OK(eg_memory_state(copy, again));
        CHECK_SAME_BITS(w, again, sizeof w);
        CHECK_OK(eg_memory_step(m, xi, 1, 1, a));
        CHECK_OK(eg_memory_step(copy, xi, 1, 1, b));
        CHECK_SAME_BITS(a, b, sizeof a);
        for (size_t i = 0; storages[k] == EG_STORE_HEBB && i < N; i++)
            CHECK_OK(eg_memory_forget(copy, xi + i * D));
        CHECK_OK(eg_memory_state(copy, again));
        for (size_t i = 0; storages[k] == EG_STORE_HEBB && i < D * D; i++) CHECK(again[i] == 0);
        memcpy(again, w, sizeof w);
        w[D] += 1; /* below the diagonal: does not count */
        CHECK_OK(eg_memory_set_state(copy, w, D * D));
        CHECK_OK(eg_memory_state(copy, w));
        CHECK_SAME_BITS(w, again, sizeof w);
        eg_memory_destroy(m);
        eg_memory_destroy(copy);
    }
}

static void what_weights_cannot_do_is_refused(void **state)
{
    (void)state;
    const float xi[3] = { 1, -1, 1 };
    float y[3];
    double p[1];
    size_t found;
    uint64_t id = 1;
    for (size_t k = 0; k < EGI_COUNT(storages); k++) {
        eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
        o.storage = storages[k]; /* softmax, the default, means that nothing was chosen */
        eg_memory *m = NULL, *none = NULL;
        CHECK_OK(eg_memory_create(3, &o, &m));
        o.rule.separation = EG_SEP_POWER;
        CHECK_STATUS(eg_memory_create(3, &o, &none), EG_ERR_UNSUPPORTED);
        CHECK_STATUS(eg_memory_set_rule(m, &o.rule), EG_ERR_UNSUPPORTED);
        o.rule.separation = EG_SEP_IDENTITY;
        o.rule.similarity = EG_SIM_EUCLIDEAN;
        CHECK_STATUS(eg_memory_create(3, &o, &none), EG_ERR_UNSUPPORTED);
        o.rule.similarity = EG_SIM_DOT;
        o.value_size = 2;
        CHECK_STATUS(eg_memory_create(3, &o, &none), EG_ERR_UNSUPPORTED);
        CHECK(none == NULL);
        CHECK_OK(eg_memory_add(m, xi, 1, NULL));
        CHECK_STATUS(eg_memory_remove(m, &id, 1), EG_ERR_UNSUPPORTED);
        CHECK_STATUS(eg_memory_replace(m, id, xi), EG_ERR_UNSUPPORTED);
        CHECK_STATUS(eg_memory_pattern(m, 0, y), EG_ERR_UNSUPPORTED);
        CHECK_STATUS(eg_memory_read(m, xi, 1, 1, y), EG_ERR_UNSUPPORTED);
        CHECK_STATUS(eg_memory_associate(m, xi, p, p), EG_ERR_UNSUPPORTED);
        CHECK_STATUS(eg_memory_sequence(m, xi, 0, 1, 1, y, NULL), EG_ERR_UNSUPPORTED);
        CHECK_STATUS(eg_memory_free_recall(m, NULL, 3, 1, &id, &found, NULL), EG_ERR_UNSUPPORTED);
        if (storages[k] != EG_STORE_HEBB) CHECK_STATUS(eg_memory_forget(m, xi), EG_ERR_UNSUPPORTED);
        eg_recall_options async = EG_RECALL_OPTIONS_INIT;
        async.dynamics = EG_DYN_ASYNC; /* of an identity projection */
        CHECK_STATUS(eg_memory_recall(m, xi, 1, &async, y, NULL), EG_ERR_UNSUPPORTED);
        eg_memory_destroy(m);
    }
}

static void bits_depend_on_the_query_alone(void **state)
{
    (void)state;
    enum { D = 300, N = 4, Q = 5 };
    float xi[N * D], x[Q * D], one[Q * D], many[Q * D];
    eg_random_normal(14, 0, 0, N * D, xi);
    eg_random_normal(15, 0, 0, Q * D, x);
    for (size_t k = 0; k < EGI_COUNT(storages); k++) {
        eg_memory *m = create(storages[k], EG_PROJ_TANH, 0, D);
        CHECK_OK(eg_memory_add(m, xi, N, NULL));
        for (size_t q = 0; q < Q; q++) CHECK_OK(eg_memory_step(m, x + q * D, 1, 1, one + q * D));
        for (int threads = 1; threads <= 4; threads++) {
            CHECK_OK(eg_memory_step(m, x, Q, threads, many));
            CHECK_SAME_BITS(one, many, sizeof one);
        }
        eg_memory_destroy(m);
    }
}

static eg_status whole_life(const eg_allocator *alloc, eg_storage storage)
{
    enum { D = 20, N = 3 };
    float xi[N * D], out[D];
    draw_signs(16, N, D, xi);
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    o.storage = storage;
    o.rule.projection = EG_PROJ_SIGN;
    o.alloc = alloc;
    eg_memory *m = NULL;
    eg_status s = eg_memory_create(D, &o, &m);
    if (s == EG_OK) s = eg_memory_add(m, xi, N, NULL);
    if (s != EG_OK && m != NULL) CHECK(eg_memory_count(m) == 0);
    eg_recall_options r = EG_RECALL_OPTIONS_INIT;
    if (s == EG_OK) s = eg_memory_recall(m, xi, 1, &r, out, NULL);
    r.dynamics = EG_DYN_ASYNC;
    if (s == EG_OK) s = eg_memory_recall(m, xi, 1, &r, out, NULL);
    eg_memory_destroy(m);
    return s;
}

static void no_allocation_failure_leaks(void **state)
{
    (void)state;
    for (size_t k = 0; k < EGI_COUNT(storages); k++) {
        for (int for_good = 0; for_good < 2; for_good++) {
            eg_status s = EG_ERR_NOMEM;
            size_t at = 0;
            for (; s != EG_OK; at++) {
                struct failing f = { at, for_good, 0, 0, 0, 0 };
                const eg_allocator alloc = failing_allocator(&f);
                s = whole_life(&alloc, storages[k]);
                CHECK(s == EG_OK || s == EG_ERR_NOMEM);
                CHECK(f.live == 0 && f.live_bytes == 0);
            }
            CHECK(at > 8);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hebb_is_the_sum_of_outer_products),
        cmocka_unit_test(hebb_forgets_signs_exactly),
        cmocka_unit_test(storkey_is_its_definition),
        cmocka_unit_test(storkey_takes_no_fractions_and_survives_divergence),
        cmocka_unit_test(projector_projects),
        cmocka_unit_test(every_rule_recalls_at_low_load),
        cmocka_unit_test(capacities_are_ordered),
        cmocka_unit_test(hebb_agrees_with_stored_patterns),
        cmocka_unit_test(synchronous_updates_may_cycle),
        cmocka_unit_test(what_cancels_decides_nothing),
        cmocka_unit_test(a_state_goes_round),
        cmocka_unit_test(what_weights_cannot_do_is_refused),
        cmocka_unit_test(bits_depend_on_the_query_alone),
        cmocka_unit_test(no_allocation_failure_leaks),
    };
    return cmocka_run_group_tests_name("weights", tests, NULL, NULL);
}
