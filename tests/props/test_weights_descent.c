/* Asynchronous recall under weights: every combination descends, to where no change lowers the
 * energy, and steepest means steepest. */
/* SPDX-License-Identifier: Apache-2.0 */
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

/* The energy by its definition, from the weights a memory gives. */
static double energy_of(const eg_memory *m, const float *x)
{
    const size_t d = eg_memory_size(m);
    const eg_memory_options *o = eg_memory_options_view(m);
    double *w = malloc(d * d * sizeof *w), sum = 0;
    CHECK(w != NULL);
    CHECK_OK(eg_memory_state(m, w));
    for (size_t i = 0; i < d; i++) {
        for (size_t j = 0; j < d; j++)
            if (i != j || o->self_coupling) sum -= w[i * d + j] * (double)x[i] * (double)x[j] / 2;
        if (o->rule.projection == EG_PROJ_THRESHOLD) sum += o->rule.gain * (double)x[i];
    }
    free(w);
    return sum;
}

static void check_descent(eg_storage storage, eg_projection projection, int self, eg_order order)
{
    enum { D = 48, N = 16, Q = 4, STEPS = 40 };
    float xi[N * D], x[Q * D], out[Q * D];
    double trace[Q * (STEPS + 1)];
    uint8_t clamp[Q * D];
    draw_signs(10, N, D, xi);
    draw_signs(11, Q, D, x);
    for (size_t i = 0; i < Q * D; i++) {
        clamp[i] = i % 11 == 3;
        if (projection == EG_PROJ_THRESHOLD) x[i] = x[i] > 0 ? 1.0f : 0.0f;
    }
    eg_memory *m = create(storage, projection, self, D);
    eg_rule rule = eg_memory_options_view(m)->rule;
    rule.gain = 0.03;
    CHECK_OK(eg_memory_set_rule(m, &rule));
    CHECK_OK(eg_memory_add(m, xi, N, NULL));
    eg_recall_options o = EG_RECALL_OPTIONS_INIT;
    o.dynamics = EG_DYN_ASYNC;
    o.order = order;
    o.max_steps = STEPS;
    o.trace = trace;
    o.clamp = clamp;
    eg_certificate c[Q];
    CHECK_OK(eg_memory_recall(m, x, Q, &o, out, c));
    for (size_t q = 0; q < Q; q++) {
        const double *t = trace + q * (STEPS + 1);
        CHECK(c[q].converged && c[q].descended && c[q].steps < STEPS);
        CHECK_NEAR(t[0], energy_of(m, x + q * D), 1e-12);
        CHECK_NEAR(t[c[q].steps], energy_of(m, out + q * D), 1e-12);
        CHECK_NEAR(c[q].energy_after, t[c[q].steps], 1e-12);
        for (size_t s = 1; s <= c[q].steps; s++) CHECK(t[s] <= t[s - 1] + 1e-12);
        CHECK(isnan(t[c[q].steps + 1]));
        for (size_t j = 0; j < D; j++) {
            if (clamp[q * D + j]) CHECK(out[q * D + j] == x[q * D + j]);
            if (clamp[q * D + j]) continue;
            float other[D]; /* no single change lowers the energy where it rests */
            memcpy(other, out + q * D, sizeof other);
            other[j] = projection == EG_PROJ_SIGN ? -other[j] : 1 - other[j];
            CHECK(energy_of(m, other) >= t[c[q].steps] - 1e-12);
        }
    }
    eg_memory_destroy(m);
}

static void asynchronous_energy_never_rises(void **state)
{
    (void)state;
    const eg_projection projections[] = { EG_PROJ_SIGN, EG_PROJ_THRESHOLD };
    for (size_t k = 0; k < EGI_COUNT(storages); k++)
        for (size_t p = 0; p < EGI_COUNT(projections); p++)
            for (int self = 0; self < 2; self++)
                for (int order = 0; order <= (int)EG_ORDER_STEEPEST; order++)
                    check_descent(storages[k], projections[p], self, (eg_order)order);
}

/* One sweep by trying every change and taking the one that lowers the energy most. */
static void steepest_by_trial(const eg_memory *m, float *x)
{
    const size_t d = eg_memory_size(m);
    for (size_t t = 0; t < d; t++) {
        const double here = energy_of(m, x);
        double most = 1e-9;
        size_t where = d;
        for (size_t j = 0; j < d; j++) {
            x[j] = -x[j];
            const double gain = here - energy_of(m, x);
            x[j] = -x[j];
            if (!(gain > most + 1e-9)) continue;
            most = gain;
            where = j;
        }
        if (where == d) return;
        x[where] = -x[where];
    }
}

static void steepest_is_steepest(void **state)
{
    (void)state;
    enum { D = 20, N = 20, Q = 20 };
    float xi[N * D], x[Q * D], out[Q * D], path[Q * 2 * D];
    eg_random_normal(18, 0, 0, N * D, xi); /* no ties */
    draw_signs(19, Q, D, x);
    eg_memory *m = create(EG_STORE_HEBB, EG_PROJ_SIGN, 0, D);
    CHECK_OK(eg_memory_add(m, xi, N, NULL));
    eg_recall_options o = EG_RECALL_OPTIONS_INIT;
    o.dynamics = EG_DYN_ASYNC;
    o.order = EG_ORDER_STEEPEST;
    o.max_steps = 1;
    o.path = path;
    CHECK_OK(eg_memory_recall(m, x, Q, &o, out, NULL));
    for (size_t q = 0; q < Q; q++) {
        steepest_by_trial(m, x + q * D);
        CHECK_SAME_BITS(out + q * D, x + q * D, D * sizeof *x);
    }
    eg_memory_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(asynchronous_energy_never_rises),
        cmocka_unit_test(steepest_is_steepest),
    };
    return cmocka_run_group_tests_name("weights_descent", tests, NULL, NULL);
}
