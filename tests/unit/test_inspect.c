/* What a learner shows of its layers, against loops of its own. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include <stdio.h>

enum { N = 40, D = 4, B = 3 };

static eg_learner *learner(const char *layer, size_t inputs)
{
    char spec[600];
    eg_learner *l;
    const eg_task task = { .inputs = inputs, .classes = 2, .epochs = 1 };
    snprintf(spec, sizeof spec,
             "{\"kind\": \"network\", \"layers\": [{\"kind\": \"reshape\", \"shape\": [%zu, %d]}, "
             "%s, \"flatten\", \"linear\"]}",
             inputs / D, D, layer);
    CHECK_OK(eg_learner_create(spec, &task, 3, 1, NULL, &l));
    return l;
}

static void draw(float *x, size_t n)
{
    eg_random_normal(8, 1, 0, n, x);
}

/* Sizes, energies and nearest keys from what is shown of queries, keys and weights. */
static void check(const eg_inspection *i, double beta)
{
    for (size_t line = 0; line < i->batch * i->heads * i->queries; line++) {
        const float *a = i->association + line * i->keys, *q = i->query + line * i->d;
        const float *keys = i->key + line / i->queries * i->keys * i->d;
        double sum = 0, exps = 0, square = 0, best = -INFINITY;
        size_t nearest = 0, size = 0;
        for (size_t j = 0; j < i->keys; j++) {
            double dot = 0;
            for (size_t c = 0; c < i->d; c++) dot += (double)q[c] * (double)keys[j * i->d + c];
            if (dot > best) nearest = j;
            best = fmax(best, dot);
            exps += exp(beta * dot);
            sum += (double)a[j];
        }
        for (size_t c = 0; c < i->d; c++) square += (double)q[c] * (double)q[c];
        CHECK_NEAR(sum, 1, 1e-5);
        CHECK(i->nearest[line] == nearest);
        CHECK_NEAR(i->energy[line], square / 2 - log(exps) / beta, 1e-5);
        /* taken one by one, the largest first, until 0.9 is reached */
        unsigned char taken[N] = { 0 };
        for (double mass = 0; mass < 0.9 * sum; size++) {
            size_t most = N;
            for (size_t j = 0; j < i->keys; j++)
                if (!taken[j] && (most == N || a[j] > a[most])) most = j;
            taken[most] = 1;
            mass += (double)a[most];
        }
        CHECK(i->metastable[line] == size);
    }
}

static void pooling_is_shown(void **state)
{
    (void)state;
    float x[B * N * D];
    draw(x, B * N * D);
    const struct {
        const char *scaling;
        double beta;
        int kind;
    } rows[] = { { "1e-3", 1e-3, 1 }, { "2", 2, 0 }, { "2000", 2000, 4 } };
    for (size_t k = 0; k < 3; k++) {
        char layer[300];
        eg_inspection *i;
        snprintf(layer, sizeof layer,
                 "{\"kind\": \"hopfield_pooling\", \"name\": \"pool\", \"num_heads\": 2, "
                 "\"hidden_size\": 3, \"pattern_size\": 5, \"quantity\": 2, \"scaling\": %s, "
                 "\"initialiser\": \"normal:0.6\"}",
                 rows[k].scaling);
        eg_learner *l = learner(layer, N * D);
        CHECK_OK(eg_learner_inspect(l, "pool", x, B, &i));
        CHECK(i->batch == B && i->heads == 2 && i->queries == 2 && i->keys == N);
        CHECK(i->d == 3 && i->value_size == 5 && i->updates[0] == 0);
        if (rows[k].kind != 4) check(i, rows[k].beta);
        for (size_t h = 0; h < 2; h++) {
            const double n = N, m = i->median[h];
            const int kind = m > n / 2 ? 1 : m > n / 8 ? 2 : m > n / 32 ? 3 : 4;
            CHECK(i->kind[h] == kind && (rows[k].kind == 0 || kind == rows[k].kind));
        }
        if (rows[k].kind == 1) CHECK(i->median[0] == 36); /* 0.9 of 40, all alike */
        eg_inspection_destroy(i);
        eg_learner_destroy(l);
    }
}

/* A layer that lays its batch along one axis shows each example as if it were alone. */
static void examples_are_shown_apart(void **state)
{
    (void)state;
    enum { T = 3 };
    float x[B * T * D];
    draw(x, B * T * D);
    eg_learner *l = learner("{\"kind\": \"hopfield_layer\", \"name\": \"look\", \"quantity\": 9, "
                            "\"scaling\": 1.5, \"initialiser\": \"normal:0.7\", "
                            "\"update_steps_max\": 4, \"update_steps_eps\": 1e-2}",
                            T * D);
    eg_inspection *all, *one;
    CHECK_OK(eg_learner_inspect(l, "look", x, B, &all));
    CHECK(all->batch == B && all->queries == T && all->keys == 9);
    check(all, 1.5);
    for (size_t b = 0; b < B; b++) {
        CHECK_OK(eg_learner_inspect(l, "look", x + b * T * D, 1, &one));
        for (size_t k = 0; k < T * 9; k++)
            CHECK_NEAR(one->association[k], all->association[b * T * 9 + k], 1e-6);
        for (size_t k = 0; k < T; k++) {
            CHECK(one->updates[k] == all->updates[b * T + k] && one->updates[k] > 0);
            CHECK_NEAR(one->energy[k], all->energy[b * T + k], 1e-5);
        }
        eg_inspection_destroy(one);
    }
    eg_inspection_destroy(all);
    eg_learner_destroy(l);
}

static void what_cannot_be_shown_is_told(void **state)
{
    (void)state;
    float x[B * N * D] = { 0 };
    eg_inspection *i = NULL;
    eg_learner *l = learner("{\"kind\": \"attention\", \"heads\": 2, \"name\": \"look\"}", N * D);
    CHECK_STATUS(eg_learner_inspect(l, "none", x, 1, &i), EG_ERR_INVALID);
    CHECK_STATUS(eg_learner_inspect(l, "0", x, 1, &i), EG_ERR_INVALID);
    CHECK_STATUS(eg_learner_inspect(l, "look", x, 0, &i), EG_ERR_INVALID);
    CHECK(i == NULL);
    CHECK_OK(eg_learner_inspect(l, "look", x, 2, &i));
    eg_inspection_destroy(i);
    eg_inspection_destroy(NULL);
    eg_learner_destroy(l);
    const eg_task task = { .inputs = N * D, .classes = 2, .epochs = 1 };
    CHECK_OK(eg_learner_create("{\"kind\": \"dam\"}", &task, 3, 1, NULL, &l));
    CHECK_STATUS(eg_learner_inspect(l, "look", x, 1, &i), EG_ERR_UNSUPPORTED);
    eg_learner_destroy(l);
}

static void every_allocation_may_fail(void **state)
{
    (void)state;
    float x[N * D];
    draw(x, N * D);
    const eg_task task = { .inputs = N * D, .classes = 2, .epochs = 1 };
    eg_status s = EG_ERR_NOMEM;
    for (size_t k = 0; s != EG_OK; k++) {
        struct failing f = { .fail_at = SIZE_MAX };
        const eg_allocator a = failing_allocator(&f);
        eg_learner *l;
        eg_inspection *i = NULL;
        CHECK_OK(eg_learner_create("{\"kind\": \"network\", \"layers\": [{\"kind\": \"reshape\", "
                                   "\"shape\": [40, 4]}, {\"kind\": \"hopfield_pooling\", "
                                   "\"name\": \"pool\"}, \"linear\"]}",
                                   &task, 3, 1, &a, &l));
        f.fail_at = f.calls + k;
        s = eg_learner_inspect(l, "pool", x, 1, &i);
        CHECK(s == EG_OK || (s == EG_ERR_NOMEM && i == NULL));
        eg_inspection_destroy(i);
        eg_learner_destroy(l);
        CHECK(f.live == 0);
    }
}

/* One bag is one example, whose rows are the keys; what it is weighed with agrees. */
static void a_bag_is_shown(void **state)
{
    (void)state;
    const eg_task task = { .inputs = D, .classes = 2, .epochs = 1, .bags = 1 };
    float x[7 * D], weights[7];
    eg_learner *l;
    eg_inspection *i = NULL;
    draw(x, 7 * D);
    CHECK_OK(eg_learner_create("{\"kind\": \"network\", \"layers\": [{\"kind\": "
                               "\"hopfield_pooling\", \"name\": \"pool\", \"num_heads\": 2, "
                               "\"quantity\": 3}, \"linear\"]}",
                               &task, 3, 1, NULL, &l));
    CHECK_OK(eg_learner_inspect(l, "pool", x, 7, &i));
    CHECK(i->batch == 1 && i->heads == 2 && i->queries == 3 && i->keys == 7);
    CHECK_OK(eg_learner_attention(l, "pool", x, 7, weights));
    for (size_t r = 0; r < 7; r++) {
        double sum = 0;
        for (size_t line = 0; line < 6; line++) sum += (double)i->association[line * 7 + r];
        CHECK_NEAR(sum / 6, weights[r], 1e-6);
    }
    for (size_t line = 0; line < 6; line++)
        CHECK(i->nearest[line] < 7 && isfinite(i->energy[line]) && i->metastable[line] <= 7);
    x[5] = NAN;
    CHECK_STATUS(eg_learner_inspect(l, "pool", x, 7, &i), EG_ERR_INVALID);
    eg_inspection_destroy(i);
    eg_learner_destroy(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(pooling_is_shown),
        cmocka_unit_test(examples_are_shown_apart),
        cmocka_unit_test(a_bag_is_shown),
        cmocka_unit_test(what_cannot_be_shown_is_told),
        cmocka_unit_test(every_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
