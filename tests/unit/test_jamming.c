/* Constraints of networks: those that can be satisfied are, the others are counted. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/jamming.h"
#include "engram/random.h"
#include "train_check.h"

enum { P = 60, D = 5 };

static const char flat[] = "{\"kind\": \"network\", \"layers\": [{\"kind\": \"linear\", \"name\": "
                           "\"a\"}]}";
static const char deep[] = "{\"kind\": \"network\", \"hidden\": [9, 9], \"activation\": \"relu\"}";

static eg_dataset labelled(int separable)
{
    static float x[P * D];
    static int32_t y[P];
    eg_random_normal(5, 1, 0, P * D, x);
    for (int i = 0; i < P; i++) {
        y[i] = separable ? x[i * D] > 0 : i % 2;
        if (separable) x[i * D] += y[i] ? 1.f : -1.f;
    }
    return (eg_dataset){ .n = P, .d = D, .x = x, .labels = y, .classes = 2 };
}

static eg_learner *network(const char *spec, size_t inputs, uint64_t seed)
{
    const eg_task task = { .inputs = inputs, .classes = 2, .epochs = 1 };
    eg_learner *l = NULL;
    CHECK_OK(eg_learner_create(spec, &task, seed, 1, NULL, &l));
    return l;
}

/* Delta of a learner's own scores, which are f32. */
static void check_gaps(eg_learner *l, const eg_dataset *data, double margin, const double *gap,
                       const eg_jammed *j)
{
    float z[2 * P];
    double loss = 0;
    size_t count = 0;
    CHECK_OK(eg_learner_scores(l, data->x, data->n, z));
    for (size_t i = 0; i < data->n; i++) {
        const double f = (double)z[2 * i + 1] - (double)z[2 * i];
        CHECK_NEAR(gap[i], margin - (data->labels[i] == 1 ? f : -f), 1e-4 * (1 + fabs(f)));
        if (!(gap[i] > 0)) continue;
        count++;
        loss += gap[i] * gap[i] / 2 / (double)data->n;
    }
    CHECK(count == j->unsatisfied);
    CHECK_NEAR(loss, j->loss, 1e-12 * (1 + loss));
}

static void what_can_be_satisfied_is(void **state)
{
    const eg_dataset data = labelled(1);
    const eg_part all = { &data, NULL, P };
    eg_jamming_options o = EG_JAMMING_OPTIONS_INIT;
    double gap[P];
    eg_jammed j;
    (void)state;
    eg_learner *l = network(flat, D, 2);
    o.margin = .5;
    o.rate = .05;
    o.steps = 3000;
    CHECK_OK(eg_jam(l, &all, &o, gap, &j));
    CHECK(j.unsatisfied == 0 && j.loss == 0 && j.steps < 3000 && j.weights == D);
    check_gaps(l, &data, .5, gap, &j);
    for (size_t i = 0; i < P; i++) CHECK(gap[i] <= 0);
    CHECK_OK(eg_jam(l, &all, &o, NULL, &j)); /* rounded to f32 it is nearly there still */
    CHECK(j.steps < 100);
    eg_learner_destroy(l);
}

/* Of a linear network L is convex: where Adam ends no direction leads down, so that its gradient,
 * the mean of Delta y x over what is unsatisfied, is 0. */
static void the_others_are_counted(void **state)
{
    const eg_dataset data = labelled(0);
    const eg_part all = { &data, NULL, P };
    eg_jamming_options o = EG_JAMMING_OPTIONS_INIT;
    double gap[P];
    eg_jammed j;
    (void)state;
    eg_learner *l = network(flat, D, 2);
    o.rate = .05;
    o.steps = 4000;
    CHECK_OK(eg_jam(l, &all, &o, gap, &j));
    CHECK(j.steps == 4000 && j.unsatisfied > P / 3);
    check_gaps(l, &data, 1, gap, &j);
    for (size_t k = 0; k <= D; k++) {
        double g = 0;
        for (size_t i = 0; i < P; i++)
            g += fmax(gap[i], 0) * (data.labels[i] == 1 ? 1 : -1)
                 * (k < D ? (double)data.x[i * D + k] : 1) / P;
        CHECK_NEAR(g, 0, 1e-6);
    }
    eg_learner_destroy(l);
}

/* Far below and far above the transition (near P / N = 2 or 3). */
static void networks_jam(void **state)
{
    const eg_dataset data = labelled(0);
    const eg_part few = { &data, NULL, 30 };
    const eg_part all = { &data, NULL, P };
    eg_jamming_options o = EG_JAMMING_OPTIONS_INIT;
    eg_jammed j;
    (void)state;
    o.rate = .01;
    o.steps = 4000;
    eg_learner *l = network(deep, D, 3),
               *small = network(
                   "{\"kind\": \"network\", \"hidden\": [2], \"activation\": \"relu\"}", D, 3);
    CHECK_OK(eg_jam(l, &few, &o, NULL, &j));
    CHECK(j.weights == 5 * 9 + 9 * 9 + 9 && j.unsatisfied == 0);
    CHECK_OK(eg_jam(small, &all, &o, NULL, &j));
    CHECK(j.weights == 12 && j.unsatisfied > 6 && j.loss > .01);
    eg_learner_destroy(l);
    eg_learner_destroy(small);
}

static void what_cannot_be_is_refused(void **state)
{
    const eg_dataset data = labelled(0);
    const eg_part all = { &data, NULL, P };
    eg_jamming_options o = EG_JAMMING_OPTIONS_INIT;
    eg_jammed j;
    (void)state;
    eg_learner *l = network(flat, D, 2), *other = train_learner("{}", 1);
    o.margin = 0;
    CHECK_STATUS(eg_jam(l, &all, &o, NULL, &j), EG_ERR_INVALID);
    o.margin = 1;
    o.rate = 1e308;
    CHECK_STATUS(eg_jam(l, &all, &o, NULL, &j), EG_ERR_DIVERGED);
    o.size = 0;
    CHECK_STATUS(eg_jam(l, &all, &o, NULL, &j), EG_ERR_INVALID);
    CHECK_STATUS(eg_jam(NULL, &all, NULL, NULL, &j), EG_ERR_INVALID);
    CHECK_STATUS(eg_jam(other, &all, NULL, NULL, &j), EG_ERR_SHAPE); /* of three classes */
    eg_learner_destroy(l);
    eg_learner_destroy(other);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_can_be_satisfied_is),
        cmocka_unit_test(the_others_are_counted),
        cmocka_unit_test(networks_jam),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
