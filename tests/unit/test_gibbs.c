/* Gibbs posteriors with closed forms; networks against what is computed beside them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"
#include "engram/bounds.h"
#include "engram/gibbs.h"
#include "engram/random.h"
#include "engram/spectrum.h"

/* L(w) = k |w - m|^2 / 2 of n numbers. */
struct bowl {
    double k, m;
    size_t n;
};

static eg_status bowl_value(void *user, const double *w, double *loss, double *gradient)
{
    const struct bowl *b = user;
    *loss = 0;
    for (size_t i = 0; i < b->n; i++) {
        *loss += b->k * (w[i] - b->m) * (w[i] - b->m) / 2;
        gradient[i] = b->k * (w[i] - b->m);
    }
    return EG_OK;
}

/* KL(N(mu, s) || N(0, v)) of n numbers, s the variance of the product of N(0, v) and the bowl. */
static double closed_form(const struct bowl *b, double beta, double v)
{
    const double s = 1 / (1 / v + beta * b->k), mu = s * beta * b->k * b->m;
    return (double)b->n * (s / v - 1 + mu * mu / v - log(s / v)) / 2;
}

static void reference_numbers(void **state)
{
    (void)state;
    const struct bowl b = { 1, 0, 1 };
    CHECK_NEAR(closed_form(&b, 1, 1), 0.0965736, 1e-7);
    CHECK_NEAR(closed_form(&b, 10, 1), 0.7444022, 1e-7);
}

/* The ladder encloses the divergence, for both adjusted rows, and closes around it. */
static void divergence_of_a_bowl(void **state)
{
    (void)state;
    enum { RUNGS = 41, D = 3 };
    struct bowl b = { 2, 0.7, D };
    const eg_landscape f = { D, bowl_value, &b };
    double beta[RUNGS];
    eg_rung rung[RUNGS];
    for (size_t k = 0; k < RUNGS; k++) beta[k] = 5 * pow((double)k / (RUNGS - 1), 2);
    for (size_t row = 1; eg_chain_rows(row) != NULL; row++) {
        eg_chain_options o = EG_CHAIN_OPTIONS_INIT;
        o.kind = eg_chain_rows(row)->name;
        o.variance = 0.5;
        o.steps = 8000;
        CHECK_OK(eg_gibbs_ladder(&f, NULL, beta, RUNGS, &o, rung));
        for (size_t k = 1; k < RUNGS; k++) {
            const double exact = closed_form(&b, beta[k], 0.5), noise = 4 * rung[k].kl_error;
            CHECK(rung[k].kl > exact - noise && rung[k].kl_low < exact + noise);
            CHECK(rung[k].accepted > 0.4 && rung[k].accepted < 1);
        }
        const eg_rung *last = &rung[RUNGS - 1];
        const double exact = closed_form(&b, 5, 0.5);
        CHECK(last->kl - last->kl_low < 0.3 * exact && last->kl_error < 0.05 * exact);
        CHECK_NEAR((last->kl + last->kl_low) / 2, exact, 3 * last->kl_error + 0.02 * exact);
    }
}

struct moments {
    double sum, square, n;
    size_t dim;
};

static eg_status gather(void *user, size_t step, const double *w, double loss)
{
    struct moments *m = user;
    (void)step;
    (void)loss;
    for (size_t i = 0; i < m->dim; i++) {
        m->sum += w[i];
        m->square += w[i] * w[i];
        m->n++;
    }
    return EG_OK;
}

static double variance_of(const char *kind, double step, double beta, double *mean, double *taken)
{
    enum { D = 8 };
    struct bowl b = { 3, 0.5, D };
    const eg_landscape f = { D, bowl_value, &b };
    struct moments m = { .dim = D };
    double w[D] = { 0 };
    eg_chain_options o = EG_CHAIN_OPTIONS_INIT;
    eg_rung r;
    o.kind = kind;
    o.variance = 0.8;
    o.step = step;
    o.steps = 40000;
    o.look = gather;
    o.user = &m;
    CHECK_OK(eg_chain(&f, NULL, beta, &o, 7, w, &r));
    *mean = m.sum / m.n;
    *taken = r.accepted;
    return m.square / m.n - *mean * *mean;
}

/* Unadjusted steps of curvature c: 1 / (c (1 - h c / 2)), not 1 / c; adjusted ones have 1 / c at
 * any step; and "crank-nicolson" leaves the prior alone, whatever its step. */
static void stationary_variances(void **state)
{
    (void)state;
    const double c = 2 * 3.0 + 1 / 0.8, h = 0.08;
    double mean, taken;
    const double plain = variance_of("langevin", h, 2, &mean, &taken);
    CHECK_NEAR(plain, 1 / (c * (1 - h * c / 2)), 0.015 / c);
    CHECK_NEAR(mean, 2 * 3 * 0.5 / c, 0.01);
    CHECK_NEAR(taken, 1, 1e-9);
    for (size_t row = 1; row < 3; row++) {
        CHECK_NEAR(variance_of(eg_chain_rows(row)->name, h, 2, &mean, &taken), 1 / c, 0.02 / c);
        CHECK_NEAR(mean, 2 * 3 * 0.5 / c, 0.01);
        CHECK_NEAR(taken, 0.57, 0.08);
    }
    CHECK_NEAR(variance_of("crank-nicolson", 1.5, 0, &mean, &taken), 0.8, 0.03);
    CHECK(taken > 1 - 1e-9);
}

/* ---- of a network ---- */

enum { N = 80, D = 5 };

static float x[2 * N * D];
static int32_t y[2 * N];
static const eg_dataset set = { .n = 2 * N, .d = D, .x = x, .labels = y, .classes = 2 };

static eg_learner *learner(int same)
{
    const eg_task task = { .inputs = D, .classes = 2, .epochs = 1 };
    eg_learner *l;
    eg_random_normal(3, 0, 0, 2 * N * D, x);
    for (size_t i = 0; i < 2 * N; i++) {
        if (same) memcpy(x + i * D, x, D * sizeof *x);
        y[i] = same ? 1 : x[i * D] > 0;
    }
    CHECK_OK(eg_learner_create("{\"kind\": \"network\", \"hidden\": [6]}", &task, 2, 1, NULL, &l));
    return l;
}

/* At 0 the posterior is the prior; it learns as beta grows; the bound is what bounds.h makes of its
 * parts, and is not below the error on examples that were not seen. */
static void a_network_climbs(void **state)
{
    (void)state;
    size_t first[N], second[N];
    const eg_part part = { &set, first, N }, other = { &set, second, N };
    const double beta[5] = { 0, 5, 20, 60, 160 };
    eg_gibbs_row row[5];
    eg_chain_options o = EG_CHAIN_OPTIONS_INIT;
    for (size_t i = 0; i < N; i++) first[i] = 2 * i, second[i] = 2 * i + 1;
    eg_learner *l = learner(0);
    o.variance = 0.3;
    o.burn = 100;
    o.steps = 400;
    CHECK_OK(eg_gibbs_network(l, &part, &other, beta, 5, &o, 0.05, row));
    CHECK(fabs(row[0].rung.kl) < 1e-12 && row[0].risk > 0.3 && row[4].risk < 0.15);
    for (size_t k = 0; k < 5; k++) {
        const eg_pac_bayes b = { row[k].risk + 2 * row[k].risk_error,
                                 row[k].rung.kl + 2 * row[k].rung.kl_error, N, 0.01 };
        CHECK_NEAR(row[k].bound, eg_pac_bayes_bound(0, &b), 1e-12);
        CHECK(row[k].bound > row[k].other && row[k].risk_error > 0);
        if (k > 0) CHECK(row[k].rung.loss < row[k - 1].rung.loss + 2 * row[k - 1].rung.error);
    }
    eg_learner_destroy(l);
}

/* The first step's part of the sum against gradients of curvature.c; equal examples tell nothing;
 * the sum is linear in beta where steps are too small to move. */
static void incoherence_is_of_gradients(void **state)
{
    (void)state;
    eg_part part = { &set, NULL, 2 * N };
    eg_incoherence one, ten;
    double g[64], loss, square = 0;
    eg_curvature *c;
    eg_learner *l = learner(0);
    CHECK_OK(eg_curvature_create(l, &part, NULL, &c));
    CHECK_OK(eg_curvature_loss(c, NULL, &loss, g));
    for (size_t i = 0; i < eg_curvature_size(c); i++) square += g[i] * g[i];
    eg_curvature_destroy(c);
    CHECK_OK(eg_gradient_incoherence(l, &part, 8, 100, 1e-6, 1, 5, &one));
    CHECK_NEAR(one.plain, 100 * 1e-6 * square / 4, 1e-9 * one.plain);
    CHECK_NEAR(one.loss, loss, 1e-12);
    CHECK(one.nats > 0 && one.nats < one.plain);
    CHECK_NEAR(one.gap, sqrt(one.nats / 16), 1e-12);
    CHECK_OK(eg_gradient_incoherence(l, &part, 8, 1e9, 1e-9, 1, 5, &ten));
    CHECK_NEAR(ten.nats / one.nats, 1e4, 1e-3);
    CHECK_STATUS(eg_gradient_incoherence(l, &part, 2 * N, 1, 1, 1, 5, &ten), EG_ERR_INVALID);
    eg_learner_destroy(l);
    l = learner(1);
    CHECK_OK(eg_gradient_incoherence(l, &part, 8, 100, 1e-3, 20, 5, &one));
    CHECK(one.nats < 1e-20 && one.plain > 1e-6);
    eg_learner_destroy(l);
}

static void misuse_is_refused(void **state)
{
    (void)state;
    struct bowl b = { 1, 0, 1 };
    const eg_landscape f = { 1, bowl_value, &b };
    const double falls[2] = { 0, -1 };
    double w = 0;
    eg_rung r[2];
    eg_chain_options o = EG_CHAIN_OPTIONS_INIT;
    CHECK_STATUS(eg_gibbs_ladder(&f, NULL, falls, 2, NULL, r), EG_ERR_INVALID);
    o.kind = "none";
    CHECK_STATUS(eg_chain(&f, NULL, 1, &o, 0, &w, r), EG_ERR_INVALID);
    o.kind = "langevin";
    o.step = 100; /* diverges */
    o.burn = 2000;
    CHECK_STATUS(eg_chain(&f, NULL, 1, &o, 0, &w, r), EG_ERR_DIVERGED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(reference_numbers),           cmocka_unit_test(divergence_of_a_bowl),
        cmocka_unit_test(stationary_variances),        cmocka_unit_test(a_network_climbs),
        cmocka_unit_test(incoherence_is_of_gradients), cmocka_unit_test(misuse_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
