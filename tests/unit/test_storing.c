/* Networks whose last layer is written by storing: what is added, taken back and refined, storing
 * and learning by turns, and a new task beside which old scores keep their bits. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "check.h"
#include "engram/connections.h"

enum { D = 12, K = 6, EACH = 8, N = K * EACH, HIDDEN = 40 };

#define LAYERS(more)                                                                         \
    "{\"kind\": \"network\", \"layers\": [{\"kind\": \"linear\", \"units\": 40, \"name\": "  \
    "\"fc\"}, "                                                                              \
    "\"batch_norm\", {\"kind\": \"activation\", \"function\": \"winners:0.2\"}, {\"kind\": " \
    "\"linear\", \"name\": \"memory\", \"connections\": \"stored:0.5\"}]" more "}"

struct set {
    float x[N * D];
    int32_t y[N];
};

/* Groups around K centres, one class after the other. */
static void draw(struct set *s)
{
    float centre[K * D];
    eg_random_normal(5, 1, 0, K * D, centre);
    eg_random_normal(5, 2, 0, N * D, s->x);
    for (size_t i = 0; i < N; i++) {
        s->y[i] = (int32_t)(i / EACH);
        for (size_t k = 0; k < D; k++)
            s->x[i * D + k] = 1.5f * centre[i / EACH * D + k] + 0.5f * s->x[i * D + k];
    }
}

static eg_learner *make(const char *spec)
{
    const eg_task task = { .inputs = D, .classes = K, .epochs = 40 };
    eg_learner *l;
    CHECK_OK(eg_learner_create(spec, &task, 7, 1, NULL, &l));
    return l;
}

static float *of(eg_learner *l, const char *name)
{
    return eg_params_find(eg_learner_params(l), name)->value;
}

static size_t existing(eg_learner *l)
{
    eg_connection_count c;
    CHECK(eg_connections_at(l, 0, &c) && strcmp(c.layer, "memory") == 0);
    CHECK(c.possible == K * HIDDEN);
    CHECK(!eg_connections_at(l, 1, &c));
    return c.existing;
}

/* Scores of one example are sums over what its code shares with what was stored. */
static void storing_adds_the_connections_of_a_code(void **state)
{
    (void)state;
    struct set s;
    eg_learner *l = make(LAYERS(""));
    size_t added = 99;
    float z[K], sum = 0;
    draw(&s);
    const uint64_t below = eg_params_hash(eg_learner_params(l));
    CHECK_OK(eg_learner_scores(l, s.x, 1, z));
    for (size_t k = 0; k < K; k++) CHECK(z[k] == of(l, "memory.bias")[k]);
    CHECK_OK(eg_connections_store(l, s.x, s.y, 1, EG_STORE_ALL, &added));
    CHECK(added == existing(l) && added > 0 && added <= HIDDEN / 5);
    for (size_t i = 0; i < K * HIDDEN; i++) {
        const float w = of(l, "memory.weight")[i], c = of(l, "memory.count")[i];
        CHECK((c == 1 && w == 0.5f && i / HIDDEN == 0) || (c == 0 && w == 0));
        sum += c;
    }
    CHECK((size_t)sum == added);
    CHECK_OK(eg_learner_scores(l, s.x, 1, z));
    CHECK(z[0] > 0.5f);
    for (size_t k = 1; k < K; k++) CHECK(z[k] == 0);
    CHECK_OK(eg_connections_store(l, s.x, s.y, 1, EG_STORE_WRONG, &added)); /* it is right */
    CHECK(added == 0 && of(l, "memory.count")[0] <= 1);
    CHECK_OK(eg_connections_forget_class(l, 0, &added));
    CHECK((size_t)sum == added && existing(l) == 0);
    CHECK(eg_params_hash(eg_learner_params(l)) == below);
    eg_learner_destroy(l);
}

/* Among others, of every count, in another batch than it was stored in. */
static void what_is_forgotten_was_never_stored(void **state)
{
    (void)state;
    struct set s;
    eg_learner *l = make(LAYERS("")), *without = make(LAYERS(""));
    size_t added, removed;
    draw(&s);
    CHECK_OK(eg_connections_store(l, s.x, s.y, N, EG_STORE_ALL, NULL));
    CHECK_OK(eg_connections_store(without, s.x, s.y, 30, EG_STORE_ALL, &added));
    CHECK(added == existing(without));
    for (size_t i = 30; i < N; i += 9)
        CHECK_OK(eg_connections_forget(l, s.x + i * D, s.y + i, N - i < 9 ? N - i : 9, &removed));
    CHECK(eg_params_hash(eg_learner_params(l)) == eg_params_hash(eg_learner_params(without)));
    CHECK_OK(eg_connections_forget(l, s.x, s.y, 30, &removed));
    CHECK(removed == added && existing(l) == 0);
    CHECK_OK(eg_connections_forget(l, s.x, s.y, 30, &removed)); /* of nothing, nothing */
    CHECK(removed == 0);
    eg_learner_destroy(l);
    eg_learner_destroy(without);
}

static size_t right(eg_learner *l, const float *x, const int32_t *y, size_t n)
{
    float z[N * K];
    size_t count = 0;
    CHECK_OK(eg_learner_scores(l, x, n, z));
    for (size_t i = 0; i < n; i++) {
        size_t best = 0;
        for (size_t k = 1; k < K; k++)
            if (z[i * K + k] > z[i * K + best]) best = k;
        count += best == (size_t)y[i];
    }
    return count;
}

/* Gradient steps change values of what exists, and the layers below; they add nothing. */
static void learning_refines_what_exists(void **state)
{
    (void)state;
    struct set s;
    eg_learner *l = make(LAYERS(", \"optimiser\": {\"kind\": \"adam\", \"rate\": 0.01}"));
    double first = 0, loss = 0;
    draw(&s);
    CHECK_OK(eg_connections_store(l, s.x, s.y, N, EG_STORE_ALL, NULL));
    float count[K * HIDDEN], fc = of(l, "fc.weight")[0];
    memcpy(count, of(l, "memory.count"), sizeof count);
    for (int i = 0; i < 40; i++) CHECK_OK(eg_learner_step(l, i, s.x, s.y, N, i ? &loss : &first));
    CHECK(loss < first / 2 && of(l, "fc.weight")[0] != fc);
    CHECK_SAME_BITS(count, of(l, "memory.count"), sizeof count);
    size_t refined = 0;
    for (size_t i = 0; i < K * HIDDEN; i++) {
        const float w = of(l, "memory.weight")[i];
        CHECK(count[i] > 0 || w == 0);
        refined += count[i] > 0 && w != 0.5f;
    }
    CHECK(refined > existing(l) / 2);
    CHECK(right(l, s.x, s.y, N) == N);
    eg_learner_destroy(l);
}

/* Every third epoch stores, those between learn. */
static void storing_and_learning_take_turns(void **state)
{
    (void)state;
    struct set s;
    eg_learner *l =
        make(LAYERS(", \"storing\": 3, \"optimiser\": {\"kind\": \"adam\", \"rate\": 0.01}"));
    double loss;
    draw(&s);
    for (int i = 0; i < 30; i++) {
        const size_t before = existing(l);
        const float fc = of(l, "fc.weight")[0];
        CHECK_OK(eg_learner_step(l, i + 0.5, s.x, s.y, N, &loss));
        if (i % 3 == 0) CHECK(of(l, "fc.weight")[0] == fc);
        if (i % 3 != 0) CHECK(existing(l) == before && of(l, "fc.weight")[0] != fc);
        if (i == 0) CHECK(existing(l) > 0 && fabs(loss - log(K)) < 1e-6); /* nothing was known */
    }
    CHECK(right(l, s.x, s.y, N) == N && loss < 0.2);
    eg_learner_destroy(l);
}

static double cross_entropy(const float *z, const int32_t *y)
{
    double mean = 0;
    for (size_t i = 0; i < N; i++) {
        double sum = 0;
        for (size_t k = 0; k < K; k++)
            sum += exp((double)z[i * K + k] - (double)z[i * K + (size_t)y[i]]);
        mean += log(sum) / N;
    }
    return mean;
}

/* Classes 0 to 2 are learned end to end; then 3 to 5 are added, by storing and by gradient. */
static void a_new_task_leaves_old_scores_alone(void **state)
{
    (void)state;
    enum { OLD = 3 * EACH };
    struct set s;
    static const char *const optimisers[] = {
        "{\"kind\": \"adamw\", \"rate\": 0.02, \"decay\": 0.1}",
        "{\"kind\": \"sgd\", \"rate\": 0.1, \"momentum\": 0.9}",
    };
    draw(&s);
    for (size_t o = 0; o < 2; o++) {
        char spec[800];
        float before[N * K], after[N * K];
        double loss = 0;
        snprintf(spec, sizeof spec, LAYERS(", \"optimiser\": %s"), optimisers[o]);
        eg_learner *l = make(spec);
        CHECK_OK(eg_connections_store(l, s.x, s.y, OLD, EG_STORE_ALL, NULL));
        for (int i = 0; i < 20; i++) CHECK_OK(eg_learner_step(l, i, s.x, s.y, OLD, &loss));
        CHECK(right(l, s.x, s.y, OLD) == OLD);
        CHECK_OK(eg_learner_scores(l, s.x, N, before));
        CHECK_OK(eg_connections_hold(l, 1));
        CHECK_OK(eg_connections_store(l, s.x + OLD * D, s.y + OLD, N - OLD, EG_STORE_ALL, NULL));
        float weight[K * HIDDEN], now[N * K];
        CHECK_OK(eg_learner_scores(l, s.x, N, now));
        const double expected = cross_entropy(now, s.y);
        memcpy(weight, of(l, "memory.weight"), sizeof weight);
        CHECK_OK(eg_learner_step(l, 20, s.x, s.y, N, &loss));
        CHECK_NEAR(loss, expected, 1e-5); /* norms read what they do in evaluation */
        for (int i = 21; i < 40; i++) CHECK_OK(eg_learner_step(l, i, s.x, s.y, N, &loss));
        CHECK(memcmp(weight, of(l, "memory.weight"), sizeof weight) != 0); /* refined */
        CHECK_OK(eg_learner_scores(l, s.x, N, after));
        for (size_t i = 0; i < N; i++)
            CHECK_SAME_BITS(before + i * K, after + i * K, 3 * sizeof(float));
        CHECK(memcmp(before, after, sizeof before) != 0);
        CHECK(right(l, s.x, s.y, N) >= N - 2);
        CHECK_OK(eg_connections_hold(l, 0));
        CHECK_OK(eg_learner_step(l, 39, s.x, s.y, N, &loss));
        CHECK_OK(eg_learner_scores(l, s.x, N, after));
        CHECK(memcmp(before, after, 3 * sizeof(float)) != 0); /* it learns again */
        eg_learner_destroy(l);
    }
}

static void what_was_stored_is_saved(void **state)
{
    (void)state;
    struct set s;
    char path[300];
    float a[N * K], b[N * K];
    size_t removed;
    double loss;
    const char *folder = getenv("EG_TEST_TMP");
    eg_learner *l = make(LAYERS("")), *opened;
    draw(&s);
    CHECK_OK(eg_connections_store(l, s.x, s.y, N, EG_STORE_ALL, NULL));
    CHECK_OK(eg_learner_step(l, 0, s.x, s.y, N, &loss));
    snprintf(path, sizeof path, "%s/storing.safetensors", folder != NULL ? folder : ".");
    CHECK_OK(eg_learner_save(l, path));
    CHECK_OK(eg_learner_open(path, 1, NULL, &opened));
    CHECK_OK(eg_learner_scores(l, s.x, N, a));
    CHECK_OK(eg_learner_scores(opened, s.x, N, b));
    CHECK_SAME_BITS(a, b, sizeof a);
    CHECK(existing(opened) == existing(l));
    CHECK_OK(eg_connections_forget_class(opened, K - 1, &removed));
    CHECK(removed > 0 && existing(opened) + removed == existing(l));
    eg_learner_destroy(l);
    eg_learner_destroy(opened);
    remove(path);
}

static void refused(eg_learner *l, const struct set *s, eg_status status, const char *words)
{
    CHECK_STATUS(eg_connections_store(l, s->x, s->y, 1, EG_STORE_ALL, NULL), status);
    if (strstr(eg_error_detail(), words) == NULL) fail_msg("%s", eg_error_detail());
}

static void what_cannot_store_says_so(void **state)
{
    (void)state;
    struct set s;
    eg_connection_count c;
    eg_learner *l = make("{\"kind\": \"network\"}");
    const eg_task image = {
        .inputs = 9, .height = 3, .width = 3, .channels = 1, .classes = 2, .epochs = 1
    };
    draw(&s);
    refused(l, &s, EG_ERR_UNSUPPORTED, "no stored connections");
    CHECK(!eg_connections_at(l, 0, &c));
    CHECK_STATUS(eg_connections_hold(l, 1), EG_ERR_UNSUPPORTED);
    eg_learner_destroy(l);
    l = make("{\"kind\": \"network\", \"layers\": [{\"kind\": \"linear\", \"units\": 5, "
             "\"connections\": \"stored\"}, \"linear\"]}");
    refused(l, &s, EG_ERR_UNSUPPORTED, "layers[0] linear: stored connections to 5 units");
    eg_learner_destroy(l);
    l = make(LAYERS(""));
    const int32_t bad = K;
    CHECK_STATUS(eg_connections_store(l, s.x, &bad, 1, EG_STORE_ALL, NULL), EG_ERR_INVALID);
    CHECK_STATUS(eg_connections_store(l, NULL, s.y, 1, EG_STORE_ALL, NULL), EG_ERR_INVALID);
    CHECK_STATUS(eg_connections_store(NULL, s.x, s.y, 1, EG_STORE_ALL, NULL), EG_ERR_INVALID);
    CHECK_STATUS(eg_connections_store(l, s.x, s.y, 0, EG_STORE_ALL, NULL), EG_ERR_INVALID);
    CHECK_STATUS(eg_connections_forget_class(l, K, NULL), EG_ERR_INVALID);
    s.x[D - 1] = NAN;
    CHECK_STATUS(eg_connections_store(l, s.x, s.y, 1, EG_STORE_ALL, NULL), EG_ERR_INVALID);
    eg_learner_destroy(l);
    l = NULL;
    CHECK_STATUS(eg_learner_create("{\"kind\": \"network\", \"layers\": [{\"kind\": \"conv2d\", "
                                   "\"connections\": \"stored\"}, \"flatten\", \"linear\"]}",
                                   &image, 0, 1, NULL, &l),
                 EG_ERR_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(storing_adds_the_connections_of_a_code),
        cmocka_unit_test(what_is_forgotten_was_never_stored),
        cmocka_unit_test(learning_refines_what_exists),
        cmocka_unit_test(storing_and_learning_take_turns),
        cmocka_unit_test(a_new_task_leaves_old_scores_alone),
        cmocka_unit_test(what_was_stored_is_saved),
        cmocka_unit_test(what_cannot_store_says_so),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
