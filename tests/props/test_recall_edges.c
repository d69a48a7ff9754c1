/* Recall at the edges: data far from the origin, numbers near the ends of f32, negative masses,
 * cues outside the domain, clamps, the last ids. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

#include "base/egi_base.h"

static eg_memory *make(const eg_rule *rule, const float *x, size_t n, size_t d, size_t dv,
                       const float *values)
{
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    o.rule = *rule;
    o.value_size = dv;
    eg_memory *m = NULL;
    CHECK_OK(eg_memory_create(d, &o, &m));
    CHECK_OK(eg_memory_add(m, x, n, &(eg_items){ .values = values }));
    return m;
}

/* Distances do not change by a shift: the same association wherever the data lie. */
static void distances_do_not_cancel(void **state)
{
    (void)state;
    enum { D = 64, N = 5 };
    float x[N * D], cue[D], out[D];
    double s[N], near[N];
    eg_rule rule = EG_RULE_INIT;
    rule.similarity = EG_SIM_EUCLIDEAN;
    rule.beta = 4;
    for (int shift = 0; shift <= 10000; shift = shift == 0 ? 100 : 10 * shift) {
        eg_random_normal(1, 0, 0, N * D, x);
        for (size_t i = 0; i < N * D; i++) x[i] = floorf(16 * x[i]) / 64 + (float)shift;
        for (size_t j = 0; j < D; j++) cue[j] = x[2 * D + j] + 0.0625f;
        eg_memory *m = make(&rule, x, N, D, 0, NULL);
        CHECK_OK(eg_memory_associate(m, cue, s, NULL));
        for (size_t i = 0; i < N; i++) {
            near[i] = eg_similarity_value(EG_SIM_EUCLIDEAN, x + i * D, cue, D);
            CHECK_NEAR(s[i], near[i], 1e-5 * (1 + shift));
        }
        eg_certificate c;
        CHECK_OK(eg_memory_recall(m, cue, 1, NULL, out, &c));
        CHECK(c.nearest == 2 && c.kind == EG_FIXED_MEMORY);
        CHECK(c.energy_error < 0.02 * (1 + 0.01 * shift)); /* and says how exact */
        eg_memory_destroy(m);
    }
}

static void what_exceeds_f32_is_an_error(void **state)
{
    (void)state;
    const float big[4] = { 1e20f, 0, 0, 1e20f }, cue[2] = { 1e20f, 1e19f };
    float out[2] = { 7, 7 };
    double e = 7;
    eg_certificate c;
    eg_rule rule = EG_RULE_INIT;
    eg_memory *m = make(&rule, big, 2, 2, 0, NULL);
    CHECK_STATUS(eg_memory_step(m, cue, 1, 1, out), EG_ERR_OVERFLOW);
    CHECK_STATUS(eg_memory_energy(m, cue, 1, 1, &e), EG_ERR_OVERFLOW);
    CHECK_STATUS(eg_memory_recall(m, cue, 1, NULL, out, NULL), EG_ERR_OVERFLOW);
    CHECK_STATUS(eg_memory_recall(m, cue, 1, NULL, out, &c), EG_ERR_OVERFLOW);
    CHECK(out[0] == 7 && e == 7);
    eg_memory_destroy(m);

    const float small[2] = { 1e-45f, 0 };
    rule.similarity = EG_SIM_COSINE;
    m = make(&rule, small, 1, 2, 0, NULL);
    CHECK_OK(eg_memory_energy(m, cue, 1, 1, &e));
    CHECK(isfinite(e));
    eg_memory_destroy(m);

    rule = (eg_rule)EG_RULE_INIT;
    rule.separation = EG_SEP_POWER;
    rule.order = 1000;
    const float x[2] = { 30, 40 };
    m = make(&rule, x, 1, 2, 0, NULL);
    CHECK_STATUS(eg_memory_step(m, x, 1, 1, out), EG_ERR_DIVERGED);
    eg_memory_destroy(m);
}

/* Weights that sum to less than 0 still have a mean. */
static void negative_masses_have_means(void **state)
{
    (void)state;
    const float x[4] = { 1, 1, -1, 1 }, v[2] = { 5, 7 }, cue[2] = { -1, -1 };
    float out[2], value;
    eg_rule rule = EG_RULE_INIT;
    rule.separation = EG_SEP_IDENTITY;
    eg_memory *m = make(&rule, x, 2, 2, 1, v); /* dot: a = -2, 0 */
    CHECK_OK(eg_memory_read(m, cue, 1, 1, &value));
    CHECK_NEAR(value, 5, 1e-6);
    eg_memory_destroy(m);
    rule.similarity = EG_SIM_EUCLIDEAN; /* a = -4, -2 */
    m = make(&rule, x, 2, 2, 1, v);
    CHECK_OK(eg_memory_step(m, cue, 1, 1, out));
    CHECK_NEAR(out[0], 1.0 / 3, 1e-6);
    CHECK_NEAR(out[1], 1, 1e-6);
    CHECK_OK(eg_memory_read(m, cue, 1, 1, &value));
    CHECK_NEAR(value, 17.0 / 3, 1e-5);
    eg_memory_destroy(m);
}

/* A clamp takes the sphere away from the projection: nothing is proved then, and where
 * something is, it holds. */
static void clamps_void_the_proof_on_spheres(void **state)
{
    (void)state;
    enum { D = 6, N = 4 };
    float x[N * D], cue[D], out[D];
    const uint8_t clamp[D] = { 1, 0, 0, 1, 0, 0 };
    size_t rose = 0;
    for (uint64_t seed = 0; seed < 200; seed++)
        for (int projection = 0; projection < EG_PROJ_COUNT; projection++)
            for (int dyn = EG_DYN_SYNC; dyn <= EG_DYN_DAMPED; dyn++) {
                if (dyn == EG_DYN_ASYNC) continue;
                eg_rule rule = EG_RULE_INIT;
                rule.projection = (eg_projection)projection;
                rule.beta = 3;
                eg_random_normal(seed, 0, 0, N * D, x);
                eg_random_normal(seed, 1, 0, D, cue);
                eg_memory *m = make(&rule, x, N, D, 0, NULL);
                eg_recall_options o = EG_RECALL_OPTIONS_INIT;
                o.dynamics = (eg_dynamics)dyn;
                o.clamp = clamp;
                eg_certificate c;
                CHECK_OK(eg_memory_recall(m, cue, 1, &o, out, &c));
                CHECK(!c.lyapunov || c.descended);
                CHECK(c.lyapunov
                      == (projection != EG_PROJ_BALL && projection != EG_PROJ_LAYERNORM));
                rose += !c.descended;
                eg_memory_destroy(m);
            }
    CHECK(rose > 10);
}

/* Descent is promised from the domain on: a damped state comes in from outside first. */
static void descent_begins_in_the_domain(void **state)
{
    (void)state;
    const float x[4] = { 1, 0.2f, -1, 0.5f }, cue[2] = { 3, 0.1f };
    float out[2];
    eg_rule rule = EG_RULE_INIT;
    rule.separation = EG_SEP_MAX;
    rule.projection = EG_PROJ_BALL;
    eg_memory *m = make(&rule, x, 2, 2, 0, NULL);
    eg_recall_options o = EG_RECALL_OPTIONS_INIT;
    o.dynamics = EG_DYN_DAMPED;
    eg_certificate c;
    CHECK_OK(eg_memory_recall(m, cue, 1, &o, out, &c));
    CHECK(c.lyapunov && c.descended && c.converged);
    eg_memory_destroy(m);
}

/* E of x in f64, over exact scores. */
static double energy_in_f64(const eg_rule *rule, const float *patterns, size_t n, const float *x,
                            size_t d)
{
    const int is_dot = rule->similarity == EG_SIM_DOT;
    double s[16], half = 0, a;
    for (size_t i = 0; i < n; i++) {
        s[i] = 0;
        for (size_t j = 0; j < d; j++) {
            const double xi = (double)patterns[i * d + j], by = xi - (double)x[j];
            s[i] += is_dot ? xi * (double)x[j] : -by * by / 2;
        }
    }
    for (size_t j = 0; j < d; j++) half += (double)x[j] * (double)x[j] / 2;
    CHECK_OK(eg_separation_energy(rule, s, NULL, n, &a));
    if (rule->separation == EG_SEP_SOFTMAX) /* of patterns of +-1 */
        a -= log((double)n) / rule->beta + (double)d / 2;
    return (is_dot ? half : 0) - a;
}

/* Both energies of a certificate lie within energy_error of that, also where large terms cancel,
 * and what is proved to descend is never said to rise. */
static void energies_are_as_exact_as_they_say(void **state)
{
    (void)state;
    enum { D = 12, N = 9, TRIALS = 200 };
    static const struct {
        eg_separation separation;
        double order, beta;
    } rows[] = { { EG_SEP_IDENTITY, 1, 0.1 },    { EG_SEP_POWER, 2, 0.02 },
                 { EG_SEP_POWER, 3, 0.03 },      { EG_SEP_POWER, 4, 0.04 },
                 { EG_SEP_RECTIFIED, 2, 0.02 },  { EG_SEP_RECTIFIED, 5, 0.05 },
                 { EG_SEP_EXPONENTIAL, 1, 0.5 }, { EG_SEP_SOFTMAX, 1, 0.5 },
                 { EG_SEP_LSR, 1, 0.02 },        { EG_SEP_EPANECHNIKOV, 1, 0.02 } };
    for (size_t k = 0; k < TRIALS * EGI_COUNT(rows); k++) {
        float x[N * D], cue[D], out[D];
        uint8_t clamp[D];
        eg_rule rule = EG_RULE_INIT;
        eg_recall_options o = EG_RECALL_OPTIONS_INIT;
        eg_certificate c;
        const size_t row = k % EGI_COUNT(rows);
        rule.separation = rows[row].separation;
        rule.order = rows[row].order;
        rule.beta = rows[row].beta;
        if (row + 2 >= EGI_COUNT(rows)) rule.similarity = EG_SIM_EUCLIDEAN;
        eg_random_uniform(3, k, 0, (size_t)N * D, x);
        eg_random_uniform(4, k, 0, D, cue);
        for (size_t i = 0; i < (size_t)N * D; i++) x[i] = x[i] < 0.5f ? -1 : 1;
        for (size_t j = 0; j < D; j++) clamp[j] = cue[j] < 0.3f;
        for (size_t j = 0; j < D; j++) cue[j] = fmodf(8 * cue[j], 1) < 0.5f ? -1 : 1;
        eg_memory *m = make(&rule, x, N, D, 0, NULL);
        o.clamp = clamp;
        o.max_steps = 40;
        CHECK_OK(eg_memory_recall(m, cue, 1, &o, out, &c));
        CHECK_NEAR(c.energy_before, energy_in_f64(&rule, x, N, cue, D), c.energy_error);
        CHECK_NEAR(c.energy_after, energy_in_f64(&rule, x, N, out, D), c.energy_error);
        CHECK(!c.lyapunov || c.descended);
        eg_memory_destroy(m);
    }
}

/* What is 0 in a cue is unknown, however patterns are kept. */
static void bits_know_what_is_unknown(void **state)
{
    (void)state;
    enum { D = 70, N = 5 };
    static const eg_similarity similarities[] = { EG_SIM_DOT, EG_SIM_COSINE, EG_SIM_EUCLIDEAN,
                                                  EG_SIM_MANHATTAN };
    float x[N * D], cue[D], out[2][D];
    uint8_t clamp[D] = { 1 };
    eg_random_uniform(5, 0, 0, (size_t)N * D, x);
    for (size_t i = 0; i < (size_t)N * D; i++) x[i] = x[i] < 0.5f ? -1 : 1;
    for (size_t j = 0; j < D; j++) cue[j] = j % 3 == 0 ? x[2 * D + j] : 0;
    for (size_t k = 0; k < EGI_COUNT(similarities); k++) {
        double s[2][N];
        eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
        o.rule.similarity = similarities[k];
        o.rule.projection = EG_PROJ_SIGN;
        o.rule.beta = 20;
        for (int bits = 0; bits < 2; bits++) {
            eg_memory *m = NULL;
            eg_recall_options how = EG_RECALL_OPTIONS_INIT;
            o.storage = bits ? EG_STORE_BITS : EG_STORE_DENSE;
            CHECK_OK(eg_memory_create(D, &o, &m));
            CHECK_OK(eg_memory_add(m, x, N, NULL));
            CHECK_OK(eg_memory_associate(m, cue, s[bits], NULL));
            CHECK_OK(eg_memory_step(m, cue, 1, 1, out[bits]));
            how.dynamics = EG_DYN_ASYNC;
            how.clamp = clamp;
            float rests[D];
            CHECK_OK(eg_memory_recall(m, cue, 1, &how, rests, NULL));
            CHECK_SAME_BITS(rests, x + (size_t)2 * D, sizeof rests);
            clamp[1] = 1; /* the cue is 0 there */
            CHECK_STATUS(eg_memory_recall(m, cue, 1, &how, rests, NULL),
                         bits ? EG_ERR_INVALID : EG_OK);
            clamp[1] = 0;
            eg_memory_destroy(m);
        }
        for (size_t i = 0; i < N; i++) CHECK_NEAR(s[1][i], s[0][i], 1e-5 * (1 + fabs(s[0][i])));
        CHECK_SAME_BITS(out[1], out[0], sizeof out[0]);
    }
}

static void ids_end(void **state)
{
    (void)state;
    const float x[2] = { 1, 2 };
    float out[2];
    const uint64_t last = UINT64_MAX - 1;
    eg_memory *m = NULL;
    CHECK_STATUS(eg_memory_create(SIZE_MAX, NULL, &m), EG_ERR_OVERFLOW);
    CHECK_OK(eg_memory_create(2, NULL, &m));
    CHECK_OK(eg_memory_add(m, x, 1, &(eg_items){ .ids = &last }));
    CHECK_STATUS(eg_memory_add(m, x, 1, NULL), EG_ERR_LIMIT);
    CHECK(eg_memory_count(m) == 1 && eg_memory_id(m, 0) == last);
    CHECK_STATUS(eg_memory_add(m, x, (size_t)1 << 61, NULL), EG_ERR_OVERFLOW);
    CHECK_STATUS(eg_memory_recall(m, x, (size_t)1 << 61, NULL, out, NULL), EG_ERR_OVERFLOW);
    eg_memory_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(distances_do_not_cancel),
        cmocka_unit_test(what_exceeds_f32_is_an_error),
        cmocka_unit_test(negative_masses_have_means),
        cmocka_unit_test(clamps_void_the_proof_on_spheres),
        cmocka_unit_test(descent_begins_in_the_domain),
        cmocka_unit_test(energies_are_as_exact_as_they_say),
        cmocka_unit_test(bits_know_what_is_unknown),
        cmocka_unit_test(ids_end),
    };
    return cmocka_run_group_tests_name("recall_edges", tests, NULL, NULL);
}
