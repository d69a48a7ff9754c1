/* Training by a bound: slopes, divergence and certificate against what bounds.h says of them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "measure/egi_traced.h"

enum { N = 2000, D = 6 };

static float x[2 * N * D];
static int32_t y[2 * N];

static eg_learner *learner(void)
{
    const eg_task task = { .inputs = D, .classes = 2, .epochs = 10 };
    eg_learner *l;
    CHECK_OK(
        eg_learner_create("{\"kind\": \"network\", \"hidden\": [16], \"optimiser\": {\"kind\": "
                          "\"adam\", \"rate\": 0.01}}",
                          &task, 5, 1, NULL, &l));
    return l;
}

static void fill(int random_labels)
{
    eg_random_normal(6, 0, 0, 2 * N * D, x);
    for (size_t i = 0; i < 2 * N; i++) {
        y[i] = (int32_t)eg_random_below(6, 1, i, 2);
        if (!random_labels) x[i * D] += y[i] ? 2 : -2;
    }
}

static eg_pac_result train(const char *objective, int random_labels, double *plain)
{
    const eg_dataset set = { .n = N, .d = D, .x = x, .labels = y, .classes = 2 };
    const eg_dataset rest = { .n = N, .d = D, .x = x + N * D, .labels = y + N, .classes = 2 };
    const eg_part part = { &set, NULL, N }, other = { &rest, NULL, N };
    eg_train_options how = EG_TRAIN_OPTIONS_INIT;
    eg_pac_options o = EG_PAC_OPTIONS_INIT;
    eg_train_result trained;
    eg_pac_result r;
    eg_scored scored = { .confusion = NULL };
    fill(random_labels);
    eg_learner *l = learner(), *prior = learner();
    how.epochs = 10;
    CHECK_OK(eg_train(l, &part, NULL, &how, &trained));
    o.objective = objective;
    o.draws = 2000;
    o.rate = 5e-3;
    o.threads = 1;
    CHECK_OK(eg_pac_train(l, prior, &part, &other, &o, &r));
    CHECK_OK(eg_evaluate(l, &other, 240, NULL, &scored));
    *plain = 1 - scored.accuracy;
    /* the certificate is what bounds.h makes of its parts, with delta shared over the grid */
    const double place = rint(100 * log(0.1 / (r.prior * r.prior)));
    const eg_pac_bayes b = { r.drawn_most, r.kl, N, 6 * o.delta / pow(acos(-1) * place, 2) };
    CHECK_NEAR(r.bound, eg_pac_bayes_bound(0, &b), 1e-12);
    CHECK(r.alone && r.draws == 2000);
    CHECK_NEAR(r.drawn_most, eg_drawn_risk(r.drawn, 2000, o.delta_drawn), 0);
    eg_learner_destroy(l);
    eg_learner_destroy(prior);
    return r;
}

/* Two Gaussians at distance 4: error 2.3 %. Every objective certifies less than a fifth, and no
 * bound lies below the test error. */
static void certificates_hold(void **state)
{
    (void)state;
    static const char *const objectives[] = { "quadratic", "lambda", "mcallester", "kl" };
    for (size_t i = 0; i < 4; i++) {
        double plain;
        const eg_pac_result r = train(objectives[i], 0, &plain);
        assert_true(r.bound < 0.2 && r.bound >= r.drawn_most && r.drawn_most >= r.drawn);
        assert_true(r.bound > r.test && r.test < 0.12 && plain < 0.06);
        assert_int_equal(r.steps, 200);
        assert_true(r.kl > 0);
    }
}

/* Labels without a rule: nothing is certified below the error of chance. */
static void chance_is_not_certified(void **state)
{
    (void)state;
    double plain;
    const eg_pac_result r = train("quadratic", 1, &plain);
    assert_true(r.bound > 0.48);
    CHECK_NEAR(r.test, 0.5, 0.03);
}

/* Weights move by the deviation, not by its square; with next to none, what is drawn errs as the
 * network does, on examples drawn anew. */
static void noise_has_its_deviation(void **state)
{
    (void)state;
    enum { MANY = 40000 };
    static float w[MANY], d[MANY], moved[MANY];
    const double same = 0.3;
    for (int own = 0; own < 2; own++) {
        const struct egi_drawing how = { w, own ? d : NULL, same, moved, 1, 0, 0, NULL };
        double square = 0;
        for (size_t i = 0; i < MANY; i++) d[i] = 0.05F, w[i] = 2;
        eg_random_normal(1, 0, 0, MANY, moved);
        egi_traced_move(&how, MANY);
        for (size_t i = 0; i < MANY; i++) square += pow((double)moved[i] - 2, 2) / MANY;
        CHECK_NEAR(sqrt(square), own ? 0.05 : same, own ? 0.001 : 0.005);
    }
    const eg_dataset set = { .n = N, .d = D, .x = x, .labels = y, .classes = 2 };
    const eg_part part = { &set, NULL, N };
    struct egi_traced r;
    eg_scored scored = { .confusion = NULL };
    double risk;
    fill(0);
    eg_learner *l = learner();
    CHECK_OK(eg_evaluate(l, &part, 240, NULL, &scored));
    CHECK_OK(egi_traced_create(l, &part, 100, 1, EG_F32, NULL, &r));
    const struct egi_drawing still = { r.still, NULL, 1e-7, moved, 400, 3, 0, NULL };
    CHECK_OK(egi_traced_drawn(&r, &still, &risk));
    CHECK_NEAR(risk, 1 - scored.accuracy, 4 * sqrt(0.25 / 40000));
    egi_traced_clear(&r);
    eg_learner_destroy(l);
}

/* Sums drawn for each example err as often as weights that are drawn, and their slopes by means and
 * deviations are those of differences with the same draws. */
static void sums_stand_for_weights(void **state)
{
    (void)state;
    const eg_dataset set = { .n = N, .d = D, .x = x, .labels = y, .classes = 2 };
    const eg_part part = { &set, NULL, N };
    static float v[2 * 512], moved[512];
    struct egi_traced r;
    double by_weights, by_sums;
    size_t k = 0, at, size, seen = 0;
    const float *g;
    fill(0);
    eg_learner *l = learner();
    CHECK_OK(egi_traced_create(l, &part, 100, 1, EG_F32, NULL, &r));
    CHECK(r.n <= 512);
    for (size_t i = 0; i < r.n; i++) v[i] = ((float *)r.still)[i];
    for (size_t i = 0; i < r.n; i++) v[r.n + i] = 0.3F + 0.2F * (float)(i % 5);
    const struct egi_drawing how = { v, v + r.n, 0, moved, 2000, 3, 0, NULL };
    CHECK_OK(egi_traced_drawn(&r, &how, &by_weights));
    r.drawn = 1;
    CHECK_OK(egi_traced_drawn(&r, &how, &by_sums));
    CHECK(by_sums > 0.05);
    CHECK_NEAR(by_sums, by_weights, 4 * 0.25 / sqrt(2000)); /* deviation between networks: .25 */
    egi_traced_load(&r, 0);
    for (int shift = 0; shift < 2; shift++) { /* the same step, the same draws */
        double loss[2];
        for (int side = 0; side < 2; side++) {
            const size_t which = shift == 0 ? 7 : r.n + 7;
            v[which] += side == 0 ? 0.03125F : -0.0625F;
            eg_tape_reset(r.t);
            loss[side] = eg_tape_number(
                r.t, egi_traced_cost(&r, egi_traced_scores(&r, v, r.batch), r.batch));
            if (side == 1) v[which] += 0.03125F;
        }
        eg_tape_reset(r.t);
        const eg_var cost = egi_traced_cost(&r, egi_traced_scores(&r, v, r.batch), r.batch);
        CHECK_OK(eg_tape_status(r.t));
        CHECK_OK(egi_traced_gradient(&r, cost, EG_NONE, 0));
        for (k = 0; (g = egi_traced_derived(&r, &k, &at, &size)) != NULL;) {
            const size_t which = shift == 0 ? 7 : r.n + 7;
            if (which < at || which >= at + size) continue;
            CHECK_NEAR((double)g[which - at], (loss[0] - loss[1]) / 0.0625, 2e-3);
            CHECK(fabs((double)g[which - at]) > 1e-4);
            seen++;
        }
    }
    assert_int_equal(seen, 2);
    egi_traced_clear(&r);
    eg_learner_destroy(l);
}

/* Weights that places share are drawn once a batch, as before. */
static void convolutions_share_a_network(void **state)
{
    (void)state;
    const eg_dataset set = {
        .n = 200, .d = D, .height = 2, .width = 3, .channels = 1, .x = x, .labels = y, .classes = 2
    };
    const eg_part part = { &set, NULL, 200 };
    const eg_task task = {
        .inputs = D, .height = 2, .width = 3, .channels = 1, .classes = 2, .epochs = 1
    };
    eg_pac_options o = EG_PAC_OPTIONS_INIT;
    eg_pac_result r;
    eg_learner *l[2];
    fill(0);
    for (int i = 0; i < 2; i++)
        CHECK_OK(eg_learner_create("{\"kind\": \"network\", \"layers\": [{\"kind\": \"conv2d\", "
                                   "\"channels\": 2, \"kernel\": 2}, \"flatten\", \"linear\"]}",
                                   &task, 5, 1, NULL, &l[i]));
    o.draws = 150;
    o.epochs = 2;
    o.threads = 1;
    CHECK_OK(eg_pac_train(l[0], l[1], &part, NULL, &o, &r));
    CHECK(!r.alone && r.draws == 150 && isnan(r.test));
    eg_learner_destroy(l[0]);
    eg_learner_destroy(l[1]);
}

static void misuse_is_refused(void **state)
{
    (void)state;
    const eg_dataset set = { .n = N, .d = D, .x = x, .labels = y, .classes = 2 };
    const eg_part part = { &set, NULL, N };
    const eg_task task = { .inputs = D, .classes = 2, .epochs = 1 };
    eg_pac_options o = EG_PAC_OPTIONS_INIT;
    eg_pac_result r;
    eg_learner *l = learner(), *another;
    fill(0);
    o.objective = "none";
    CHECK_STATUS(eg_pac_train(l, l, &part, NULL, &o, &r), EG_ERR_INVALID);
    o.objective = "kl";
    o.delta = 0;
    CHECK_STATUS(eg_pac_train(l, l, &part, NULL, &o, &r), EG_ERR_INVALID);
    CHECK_OK(
        eg_learner_create("{\"kind\": \"network\", \"hidden\": [3]}", &task, 5, 1, NULL, &another));
    CHECK_STATUS(eg_pac_train(l, another, &part, NULL, NULL, &r), EG_ERR_SHAPE);
    eg_learner_destroy(another);
    eg_learner_destroy(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(certificates_hold),
        cmocka_unit_test(chance_is_not_certified),
        cmocka_unit_test(noise_has_its_deviation),
        cmocka_unit_test(sums_stand_for_weights),
        cmocka_unit_test(convolutions_share_a_network),
        cmocka_unit_test(misuse_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
