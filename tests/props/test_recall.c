/* Recall: descent and independence, over every combination of rows. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "check.h"

/* ---- every combination of rows and dynamics ---- */

static eg_rule rule_of(int similarity, int separation, int projection)
{
    eg_rule r = EG_RULE_INIT;
    r.similarity = (eg_similarity)similarity;
    r.separation = (eg_separation)separation;
    r.projection = (eg_projection)projection;
    r.order = 3;
    r.k = 2;
    r.beta = separation == EG_SEP_LSR || separation == EG_SEP_EPANECHNIKOV ? 0.1 : 0.4;
    if (projection == EG_PROJ_BALL) r.gain = 3;
    if (projection == EG_PROJ_THRESHOLD) r.gain = 0.5;
    return r;
}

/* Patterns in the projection's own domain, and cues near them. */
static void draw(const eg_rule *r, uint64_t seed, size_t n, size_t d, float *x)
{
    if (r->projection == EG_PROJ_SIGN || r->projection == EG_PROJ_THRESHOLD) {
        eg_random_sign(seed, 5, 0, n * d, x);
        if (r->projection == EG_PROJ_THRESHOLD)
            for (size_t i = 0; i < n * d; i++) x[i] = x[i] > 0 ? 1.0f : 0.0f;
        return;
    }
    eg_random_normal(seed, 6, 0, n * d, x);
    if (r->projection == EG_PROJ_TANH)
        for (size_t i = 0; i < n * d; i++) x[i] = tanhf(x[i]);
}

struct tally {
    size_t combinations, proved, refused, rose;
};

static void descend(const eg_memory *m, const eg_rule *r, int dynamics, struct tally *t)
{
    enum { D = 12, Q = 6 };
    float cue[Q * D], out[Q * D];
    double trace[Q * 31];
    eg_certificate c[Q];
    eg_recall_options o = EG_RECALL_OPTIONS_INIT;
    o.dynamics = (eg_dynamics)dynamics;
    o.max_steps = 30;
    o.trace = trace;
    draw(r, 77, Q, D, cue);
    const eg_status s = eg_memory_recall(m, cue, Q, &o, out, c);
    const int ran_away = s == EG_ERR_DIVERGED || s == EG_ERR_OVERFLOW;
    if (s == EG_ERR_UNSUPPORTED || ran_away) {
        const char *why = NULL; /* what is not defined is not proved */
        CHECK(ran_away || eg_memory_lyapunov(m, &o, &why) == 0);
        t->refused++;
        return;
    }
    CHECK_OK(s);
    t->combinations++;
    for (size_t q = 0; q < Q; q++) {
        const char *why = NULL;
        CHECK(c[q].lyapunov == eg_memory_lyapunov(m, &o, &why));
        CHECK(why != NULL && why[0] != '\0');
        t->proved += (size_t)c[q].lyapunov;
        t->rose += !c[q].descended;
        if (c[q].lyapunov && !c[q].descended)
            fail_msg("energy rose: %s, %s, %s, dynamics %d, query %zu: %s",
                     eg_similarity_info(r->similarity)->name,
                     eg_separation_info(r->separation)->name,
                     eg_projection_info(r->projection)->name, dynamics, q, why);
        if (dynamics >= EG_DYN_FLOW_A) continue;
        const double last = trace[q * 31 + c[q].steps];
        CHECK_NEAR(last, c[q].energy_after, c[q].energy_error + 1e-9 * fabs(last));
        CHECK_NEAR(trace[q * 31], c[q].energy_before,
                   c[q].energy_error + 1e-4 * (1 + fabs(trace[q * 31])));
    }
}

static void energy_never_rises(void **state)
{
    (void)state;
    enum { D = 12, N = 9 };
    struct tally t = { 0 };
    for (int sim = 0; sim < EG_SIM_COUNT; sim++)
        for (int sep = 0; sep < EG_SEP_COUNT; sep++)
            for (int proj = 0; proj < EG_PROJ_COUNT; proj++)
                for (int storage = EG_STORE_DENSE; storage <= EG_STORE_BITS; storage++) {
                    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
                    o.storage = (eg_storage)storage;
                    o.rule = rule_of(sim, sep, proj);
                    float x[N * D];
                    eg_memory *m = NULL;
                    const eg_status s = eg_memory_create(D, &o, &m);
                    if (s == EG_ERR_UNSUPPORTED) continue;
                    CHECK_OK(s);
                    draw(&o.rule, 3, N, D, x);
                    CHECK_OK(eg_memory_add(m, x, N, NULL));
                    for (int dyn = 0; dyn < EG_DYN_FLOW_A; dyn++) descend(m, &o.rule, dyn, &t);
                    eg_memory_destroy(m);
                }
    CHECK(t.combinations > 500 && t.proved > 1000);
    CHECK(t.rose > 0); /* and what is not proved does rise somewhere: the check can fail */
}

/* ---- independence ---- */

static void a_query_is_alone_in_the_world(void **state)
{
    (void)state;
    enum { D = 33, N = 70, Q = 37 };
    float x[N * D], cue[Q * D], batch[Q * D], one[D], two[Q * D];
    eg_certificate cb[Q], c2[Q], c1;
    for (int sep = 0; sep < EG_SEP_COUNT; sep++)
        for (int storage = EG_STORE_DENSE; storage <= EG_STORE_BITS; storage++)
            for (int dyn = EG_DYN_SYNC; dyn <= EG_DYN_ASYNC; dyn++) {
                eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
                o.storage = (eg_storage)storage;
                const int binary = storage == EG_STORE_BITS || dyn == EG_DYN_ASYNC;
                o.rule = rule_of(EG_SIM_DOT, sep, binary ? EG_PROJ_SIGN : EG_PROJ_BALL);
                o.rule.beta = 0.1;
                eg_random_sign(1, 0, 0, N * D, x);
                eg_random_sign(1, 1, 0, Q * D, cue);
                eg_memory *m = NULL;
                CHECK_OK(eg_memory_create(D, &o, &m));
                CHECK_OK(eg_memory_add(m, x, N, NULL));
                eg_recall_options r = EG_RECALL_OPTIONS_INIT;
                r.dynamics = (eg_dynamics)dyn;
                r.order = EG_ORDER_RANDOM;
                r.max_steps = 8;
                r.threads = 1;
                const eg_status s = eg_memory_recall(m, cue, Q, &r, batch, cb);
                if (s != EG_ERR_UNSUPPORTED) {
                    CHECK_OK(s);
                    r.threads = 2;
                    CHECK_OK(eg_memory_recall(m, cue, Q, &r, two, c2));
                    CHECK_SAME_BITS(batch, two, sizeof batch);
                    CHECK_SAME_BITS(cb, c2, sizeof cb);
                    for (size_t q = 0; q < Q; q += 5) {
                        CHECK_OK(eg_memory_recall(m, cue + q * D, 1, &r, one, &c1));
                        CHECK_SAME_BITS(one, batch + q * D, sizeof one);
                        CHECK_SAME_BITS(&c1, &cb[q], sizeof c1);
                    }
                }
                eg_memory_destroy(m);
            }
}

/* A multiplicity of 2 is the pattern stored twice; the order of storing does not matter. */
static void weights_are_copies(void **state)
{
    (void)state;
    enum { D = 11, N = 12 };
    float x[N * D], twice[(N + 1) * D], weight[N], cue[D], a[D], b[D];
    for (int sim = 0; sim < EG_SIM_COUNT; sim++)
        for (int sep = 0; sep < EG_SEP_COUNT; sep++)
            for (int storage = EG_STORE_DENSE; storage <= EG_STORE_BITS; storage++) {
                eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
                o.storage = (eg_storage)storage;
                const int bits = storage == EG_STORE_BITS;
                o.rule = rule_of(sim, sep, bits ? EG_PROJ_SIGN : EG_PROJ_TANH);
                o.rule.beta = 0.05;
                eg_random_sign(8, 0, 0, N * D, x);
                eg_random_sign(8, 1, 0, D, cue);
                for (size_t i = 0; i < N; i++) weight[i] = i == 4 ? 2 : 1;
                memcpy(twice, x + 4 * D, D * sizeof *x); /* the copy first: another order */
                memcpy(twice + D, x, sizeof x);
                eg_memory *once = NULL, *copied = NULL;
                CHECK_OK(eg_memory_create(D, &o, &once));
                CHECK_OK(eg_memory_create(D, &o, &copied));
                CHECK_OK(eg_memory_add(once, x, N, &(eg_items){ .weights = weight }));
                CHECK_OK(eg_memory_add(copied, twice, N + 1, NULL));
                CHECK_OK(eg_memory_step(once, cue, 1, 1, a));
                CHECK_OK(eg_memory_step(copied, cue, 1, 1, b));
                for (size_t j = 0; j < D; j++)
                    if (sep != EG_SEP_MAX) CHECK_NEAR(a[j], b[j], 1e-5);
                double ea, eb;
                CHECK_OK(eg_memory_energy(once, cue, 1, 1, &ea));
                CHECK_OK(eg_memory_energy(copied, cue, 1, 1, &eb));
                CHECK_NEAR(ea, eb, 1e-4 * (1 + fabs(ea)));
                eg_memory_destroy(once);
                eg_memory_destroy(copied);
            }
}

/* ---- dense and bits are two ways to keep the same memory ---- */

static void bits_agree_with_dense(void **state)
{
    (void)state;
    enum { D = 64, N = 40, Q = 20 };
    float x[N * D], cue[Q * D], a[Q * D], b[Q * D];
    eg_certificate ca[Q], cb[Q];
    const eg_separation rows[] = { EG_SEP_IDENTITY, EG_SEP_POWER, EG_SEP_RECTIFIED,
                                   EG_SEP_EXPONENTIAL };
    for (size_t row = 0; row < 4; row++)
        for (int order = EG_ORDER_FIXED; order <= EG_ORDER_STEEPEST; order++)
            for (uint64_t seed = 0; seed < 3; seed++) {
                eg_random_sign(seed, 0, 0, N * D, x);
                CHECK_OK(eg_patterns_corrupt(EG_CORRUPT_FLIP, 0.25, seed, x, Q, D, cue));
                eg_memory *m[2];
                for (int k = 0; k < 2; k++) {
                    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
                    o.storage = k == 0 ? EG_STORE_DENSE : EG_STORE_BITS;
                    o.rule = rule_of(EG_SIM_DOT, (int)rows[row], EG_PROJ_SIGN);
                    o.rule.beta = rows[row] == EG_SEP_EXPONENTIAL ? 0.3 : 1;
                    CHECK_OK(eg_memory_create(D, &o, &m[k]));
                    CHECK_OK(eg_memory_add(m[k], x, N, NULL));
                }
                eg_recall_options r = EG_RECALL_OPTIONS_INIT;
                r.dynamics = EG_DYN_ASYNC;
                r.order = (eg_order)order;
                r.seed = seed;
                CHECK_OK(eg_memory_recall(m[0], cue, Q, &r, a, ca));
                CHECK_OK(eg_memory_recall(m[1], cue, Q, &r, b, cb));
                CHECK_SAME_BITS(a, b, sizeof a);
                for (size_t q = 0; q < Q; q++) {
                    CHECK(ca[q].steps == cb[q].steps && ca[q].nearest == cb[q].nearest);
                    CHECK(ca[q].converged && cb[q].converged && ca[q].descended && cb[q].descended);
                    CHECK_NEAR(ca[q].energy_after, cb[q].energy_after,
                               1e-5 * fabs(ca[q].energy_after));
                }
                eg_memory_destroy(m[0]);
                eg_memory_destroy(m[1]);
            }
}

/* n = 30 on 784 neurons: scores of 784^30 = 7e86, and one update of sign states decided
 * exactly as in long double. */
static void high_powers_are_exact(void **state)
{
    (void)state;
    enum { D = 784, N = 50 };
    float *x = malloc(N * D * sizeof *x), cue[D], next[D];
    CHECK(x != NULL);
    eg_random_sign(6, 0, 0, N * D, x);
    CHECK_OK(eg_patterns_corrupt(EG_CORRUPT_FLIP, 0.3, 1, x, 1, D, cue));
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    o.rule.separation = EG_SEP_POWER;
    o.rule.order = 30;
    o.rule.projection = EG_PROJ_TANH;
    o.rule.gain = 1e-82;
    eg_memory *m = NULL;
    CHECK_OK(eg_memory_create(D, &o, &m));
    CHECK_OK(eg_memory_add(m, x, N, NULL));
    long double sum = 0, y[D] = { 0 };
    for (size_t i = 0; i < N; i++) {
        long double s = 0;
        for (size_t j = 0; j < D; j++) s += (long double)x[i * D + j] * (long double)cue[j];
        sum += powl(s, 30);
        for (size_t j = 0; j < D; j++) y[j] += 30 * powl(s, 29) * (long double)x[i * D + j];
    }
    double e;
    CHECK_OK(eg_memory_energy(m, cue, 1, 1, &e));
    long double psi = 0;
    for (size_t j = 0; j < D; j++) psi += 2 * logl(2) / (2 * 1e-82L);
    CHECK_NEAR(e / (double)(psi - sum), 1, 1e-5);
    CHECK_OK(eg_memory_step(m, cue, 1, 1, next));
    for (size_t j = 0; j < D; j++) CHECK_NEAR(next[j], tanhl(1e-82L * y[j]), 2e-5);
    eg_memory_destroy(m);
    free(x);
}

/* ---- hetero-association, clamping ---- */

static void values_are_read_out(void **state)
{
    (void)state;
    enum { D = 16, N = 10, DV = 3 };
    float x[N * D], v[N * DV], out[DV];
    eg_random_sign(2, 0, 0, N * D, x);
    eg_random_normal(2, 1, 0, N * DV, v);
    for (int storage = EG_STORE_DENSE; storage <= EG_STORE_BITS; storage++) {
        eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
        o.storage = (eg_storage)storage;
        o.value_size = DV;
        o.rule.beta = 0.3;
        if (storage == EG_STORE_BITS) o.rule.projection = EG_PROJ_SIGN;
        eg_memory *m = NULL;
        CHECK_OK(eg_memory_create(D, &o, &m));
        CHECK_OK(eg_memory_add(m, x, N, &(eg_items){ .values = v }));
        double p[N];
        CHECK_OK(eg_memory_associate(m, x + 3 * D, NULL, p));
        CHECK_OK(eg_memory_read(m, x + 3 * D, 1, 1, out));
        double total = 0;
        for (size_t i = 0; i < N; i++) total += p[i];
        CHECK_NEAR(total, 1, 1e-12);
        for (size_t c = 0; c < DV; c++) {
            double want = 0;
            for (size_t i = 0; i < N; i++) want += p[i] * (double)v[i * DV + c];
            CHECK_NEAR(out[c], want, 1e-5);
        }
        eg_memory_destroy(m);
    }
}

static void clamped_components_stay(void **state)
{
    (void)state;
    enum { D = 40, N = 6 };
    float x[N * D], cue[D], out[D];
    uint8_t clamp[D] = { 0 };
    eg_random_sign(4, 0, 0, N * D, x);
    memcpy(cue, x, sizeof cue);
    for (size_t j = 0; j < 5; j++) {
        cue[j] = -cue[j]; /* wrong, and said to be known */
        clamp[j] = 1;
    }
    for (size_t j = 20; j < 26; j++) cue[j] = -cue[j]; /* wrong, and free */
    const eg_dynamics moves[] = { EG_DYN_SYNC, EG_DYN_ASYNC };
    for (size_t k = 0; k < 4; k++) {
        eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
        o.storage = k < 2 ? EG_STORE_DENSE : EG_STORE_BITS;
        o.rule = rule_of(EG_SIM_DOT, EG_SEP_POWER, EG_PROJ_SIGN);
        eg_memory *m = NULL;
        CHECK_OK(eg_memory_create(D, &o, &m));
        CHECK_OK(eg_memory_add(m, x, N, NULL));
        eg_recall_options r = EG_RECALL_OPTIONS_INIT;
        r.dynamics = moves[k % 2];
        r.clamp = clamp;
        CHECK_OK(eg_memory_recall(m, cue, 1, &r, out, NULL));
        for (size_t j = 0; j < D; j++) CHECK(out[j] == (clamp[j] ? cue[j] : x[j]));
        eg_memory_destroy(m);
    }
}

static int stop_at_once(void *user, const char *stage, uint64_t done, uint64_t total)
{
    (void)stage;
    CHECK(done <= total);
    return ++*(int *)user > 1;
}

static void a_recall_can_be_stopped(void **state)
{
    (void)state;
    float x[4] = { 1, 2, 3, 4 }, out[4] = { 9, 9, 9, 9 };
    eg_memory *m = NULL;
    CHECK_OK(eg_memory_create(4, NULL, &m));
    CHECK_OK(eg_memory_add(m, x, 1, NULL));
    int calls = 0;
    const eg_progress progress = { stop_at_once, &calls };
    eg_recall_options r = EG_RECALL_OPTIONS_INIT;
    r.progress = &progress;
    CHECK_STATUS(eg_memory_recall(m, x, 1, &r, out, NULL), EG_ERR_INTERRUPTED);
    CHECK(out[0] == 9); /* untouched */
    eg_memory_destroy(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(energy_never_rises),      cmocka_unit_test(a_query_is_alone_in_the_world),
        cmocka_unit_test(weights_are_copies),      cmocka_unit_test(bits_agree_with_dense),
        cmocka_unit_test(high_powers_are_exact),   cmocka_unit_test(values_are_read_out),
        cmocka_unit_test(clamped_components_stay), cmocka_unit_test(a_recall_can_be_stopped),
    };
    return cmocka_run_group_tests_name("recall", tests, NULL, NULL);
}
