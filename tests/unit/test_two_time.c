/* Displacements between two times: against processes whose answer is known, and of training. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/random.h"
#include "engram/two_time.h"
#include "train_check.h"

enum { WEIGHTS = 40000, LAST = 400, ROWS = 2000, EPOCHS = 6, STEPS = 4 * EPOCHS };

static eg_params *some_weights(size_t n, float start)
{
    eg_params *w = NULL;
    CHECK_OK(eg_params_create(NULL, &w));
    CHECK_OK(eg_params_add(w, "w", EG_F32, &eg_shape_of(n), NULL));
    CHECK_OK(eg_params_add(w, "norm.running_mean", EG_F32, &eg_shape_of(3), NULL));
    CHECK_OK(eg_params_add(w, "count", EG_I32, &eg_shape_of(1), NULL));
    float *at = eg_params_at(w, 0)->value;
    for (size_t i = 0; i < n; i++) at[i] = start;
    return w;
}

/* w <- a w + b noise, from `start`, seen at each step; how many rows. */
static size_t autoregression(double a, double b, float start, eg_two_time_row *row)
{
    static float noise[WEIGHTS];
    eg_params *w = some_weights(WEIGHTS, start);
    float *at = eg_params_at(w, 0)->value;
    eg_two_time *m = NULL;
    CHECK_OK(eg_two_time_create(w, LAST, 8, 30, NULL, &m));
    for (uint64_t step = 0; step <= LAST; step++) {
        if (step > 0) eg_random_normal(3, step, 0, WEIGHTS, noise);
        for (size_t i = 0; i < WEIGHTS && step > 0; i++)
            at[i] = (float)(a * (double)at[i] + b * (double)noise[i]);
        CHECK_OK(eg_two_time_see(m, w, step));
    }
    const size_t n = eg_two_time_rows(m, NULL, row, ROWS);
    CHECK(n == eg_two_time_rows(m, "w", row, ROWS) && n > 100 && n < ROWS);
    CHECK(eg_two_time_rows(m, "norm.running_mean", NULL, 0) == 0);
    eg_two_time_destroy(m);
    eg_params_destroy(w);
    return n;
}

/* E Delta of that process. Each of WEIGHTS displacements is one normal variable, so that Delta has
 * the relative deviation sqrt(2 / WEIGHTS), and the kurtosis sqrt(24 / WEIGHTS). */
static void autoregressions_have_their_displacement(void **state)
{
    static eg_two_time_row row[ROWS];
    static const struct {
        double a, b;
        float start;
    } process[] = { { .97, .1, 2 }, { .5, .3, 0 }, { 1, .05, 1 }, { .999, .01, .5f } };
    (void)state;
    for (size_t p = 0; p < EGI_COUNT(process); p++) {
        const double a = process[p].a, b = process[p].b, start = (double)process[p].start;
        const size_t n = autoregression(a, b, process[p].start, row);
        for (size_t i = 0; i < n; i++) {
            const double tw = (double)row[i].wait, t = (double)row[i].time;
            const double at = pow(a, t), aw = pow(a, 2 * tw);
            const double grown = a == 1 ? t : (1 - at * at) / (1 - a * a);
            const double before = a == 1 ? tw : (1 - aw) / (1 - a * a);
            const double mean = (at - 1) * (at - 1) * aw * start * start;
            const double noise = (at - 1) * (at - 1) * b * b * before + b * b * grown;
            CHECK_NEAR(row[i].delta, mean + noise, 6 * sqrt(2.0 / WEIGHTS) * (mean + noise));
            if (mean < 1e-9 * noise) CHECK_NEAR(row[i].kurtosis, 3, 6 * sqrt(24.0 / WEIGHTS));
        }
    }
}

static void diffusion_does_not_age(void **state)
{
    static eg_two_time_row row[ROWS];
    eg_ageing law;
    (void)state;
    const size_t n = autoregression(1, .05, 1, row);
    CHECK_OK(eg_two_time_ageing(row, n, &law));
    CHECK_NEAR(law.ballistic, 1, .02);
    CHECK_NEAR(law.diffusive, 1, .02);
    CHECK_NEAR(law.diffusion, .05 * .05 / 2, .02 * .05 * .05);
    CHECK(law.exponent <= .01);
}

/* Delta = g(t / t_w^mu) collapses at mu, and only there. */
static void ageing_is_found(void **state)
{
    static eg_two_time_row row[ROWS];
    static const double exponent[] = { 0, .35, 1 };
    eg_ageing law;
    (void)state;
    for (size_t k = 0; k < EGI_COUNT(exponent); k++) {
        size_t n = 0;
        for (uint64_t wait = 10; wait <= 10000; wait *= 10)
            for (uint64_t t = 1; t <= 100000; t *= 3) {
                const double u = (double)t / pow((double)wait, exponent[k]);
                row[n++] = (eg_two_time_row){ wait, t, u * u / (1 + u * u), 3, 0 };
            }
        CHECK_OK(eg_two_time_ageing(row, n, &law));
        CHECK_NEAR(law.exponent, exponent[k], .015);
        CHECK(k == 0 ? law.spread == 1 : law.spread < .02);
        CHECK(isnan(law.ballistic)); /* no row of t_w = 0 */
    }
    row[1].time = row[0].time;
    CHECK_STATUS(eg_two_time_ageing(row, 20, &law), EG_ERR_INVALID);
    row[0].delta = 0;
    CHECK_STATUS(eg_two_time_ageing(row, 1, &law), EG_ERR_INVALID);
    row[0].delta = 1;
    CHECK_STATUS(eg_two_time_ageing(row, 1, &law), EG_ERR_INVALID); /* nothing to compare with */
}

/* Trained to the end in calls of `piece` steps each, or in one; what was seen. */
static size_t trained(size_t piece, eg_two_time_row *row, uint64_t *hash, double *moved)
{
    const eg_dataset data = train_data();
    const eg_part all = { &data, NULL, data.n };
    const char *folder = train_folder("two-time");
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    eg_train_result r = { 0 };
    eg_status s = EG_ERR_INTERRUPTED;
    size_t n = 0;
    o.batch = 16;
    o.folder = folder;
    o.resume = 1;
    o.stop_after = piece;
    while (s == EG_ERR_INTERRUPTED) {
        eg_learner *l = train_learner("{}", EPOCHS);
        eg_params *w = eg_learner_params(l);
        CHECK_OK(eg_two_time_create(w, STEPS, 5, 9, NULL, &o.two_time));
        s = eg_train(l, &all, NULL, &o, &r);
        n = eg_two_time_rows(o.two_time, NULL, row, ROWS);
        *moved = 0; /* the first weights are zero */
        for (size_t i = 0; i < TRAIN_D * TRAIN_K; i++) {
            const double v = (double)((const float *)eg_params_at(w, 0)->value)[i];
            *moved += v * v / (TRAIN_D * TRAIN_K);
        }
        eg_two_time_destroy(o.two_time);
        eg_learner_destroy(l);
    }
    CHECK_OK(s);
    *hash = r.hash;
    o.two_time = NULL; /* it was begun with an observer, and does not go on without */
    eg_learner *l = train_learner("{}", EPOCHS);
    CHECK_STATUS(eg_train(l, &all, NULL, &o, &r), EG_ERR_INVALID);
    CHECK(strncmp(eg_error_detail(), "train.observed", 14) == 0);
    eg_learner_destroy(l);
    train_remove(folder);
    return n;
}

static void training_is_seen_and_not_disturbed(void **state)
{
    static eg_two_time_row whole[ROWS], pieces[ROWS];
    const eg_dataset data = train_data();
    const eg_part all = { &data, NULL, data.n };
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    eg_train_result r;
    uint64_t once, often;
    double moved;
    (void)state;
    o.batch = 16;
    eg_learner *l = train_learner("{}", EPOCHS);
    CHECK_OK(eg_train(l, &all, NULL, &o, &r));
    eg_learner_destroy(l);
    const size_t n = trained(0, whole, &once, &moved);
    CHECK(once == r.hash && n > 10);
    size_t last = 0;
    while (last < n && !(whole[last].wait == 0 && whole[last].time == STEPS)) last++;
    CHECK(last < n);
    CHECK_NEAR(whole[last].delta, moved, 1e-12 * moved);
    CHECK(isnan(whole[last].overlap)); /* with zero */
    CHECK(trained(5, pieces, &often, &moved) == n && often == r.hash);
    for (size_t i = 0; i < n; i++) {
        CHECK(pieces[i].wait == whole[i].wait && pieces[i].time == whole[i].time);
        CHECK(pieces[i].delta == whole[i].delta && pieces[i].kurtosis == whole[i].kurtosis);
    }
}

static void what_cannot_be_is_refused(void **state)
{
    (void)state;
    eg_params *w = some_weights(4, 0), *other = some_weights(5, 0), *none = NULL;
    eg_two_time *m = NULL;
    CHECK_STATUS(eg_two_time_create(NULL, 10, 2, 4, NULL, &m), EG_ERR_INVALID);
    CHECK_STATUS(eg_two_time_create(w, 1, 2, 4, NULL, &m), EG_ERR_INVALID);
    CHECK_STATUS(eg_two_time_create(w, 10, 0, 4, NULL, &m), EG_ERR_INVALID);
    CHECK_STATUS(eg_two_time_create(w, 10, 2, 1, NULL, &m), EG_ERR_INVALID);
    CHECK_OK(eg_params_create(NULL, &none));
    CHECK_STATUS(eg_two_time_create(none, 10, 2, 4, NULL, &m), EG_ERR_INVALID);
    CHECK_OK(eg_two_time_create(w, 10, 2, 4, NULL, &m));
    CHECK_STATUS(eg_two_time_see(m, other, 0), EG_ERR_SHAPE);
    CHECK_STATUS(eg_two_time_see(m, none, 0), EG_ERR_SHAPE);
    CHECK_OK(eg_two_time_see(m, w, 0));
    CHECK(eg_two_time_rows(m, NULL, NULL, 0) == 0); /* nothing moved */
    eg_two_time_destroy(m);
    eg_two_time_destroy(NULL);
    eg_params_destroy(w);
    eg_params_destroy(other);
    eg_params_destroy(none);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(autoregressions_have_their_displacement),
        cmocka_unit_test(diffusion_does_not_age),
        cmocka_unit_test(ageing_is_found),
        cmocka_unit_test(training_is_seen_and_not_disturbed),
        cmocka_unit_test(what_cannot_be_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
