/* Routed recall against the softmax over all patterns in f64: what the certificate says is never
 * violated, on patterns chosen to make it so. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>

#include "base/egi_base.h"
#include "check.h"
#include "engram/random.h"
#include "hybrid/egi_routed.h"

enum { MOST_D = 100, MOST_N = 3000, Q = 12 };

struct scene {
    eg_memory *m;
    size_t d, n;
    float x[Q * MOST_D];
};

/* ---- the yardstick ---- */

static double similarity(const eg_memory *m, const float *xi, const float *x, size_t d)
{
    return eg_similarity_value(eg_memory_options_view(m)->rule.similarity, xi, x, d);
}

/* What is true of one state. */
struct truth {
    double *y;         /* (DV) sum_i p_i v_i */
    double most;       /* largest norm of a v */
    double *s;         /* (N) similarities */
    double top, large; /* max s, max |s| */
};

static void find_truth(const eg_memory *m, const float *x, int values, struct truth *t)
{
    const size_t n = eg_memory_count(m), d = eg_memory_size(m);
    const size_t dv = values ? eg_memory_value_size(m) : d;
    const double beta = eg_memory_options_view(m)->rule.beta;
    float v[MOST_D];
    double mass = 0, top = -INFINITY;
    *t = (struct truth){ .y = calloc(dv, sizeof *t->y), .s = calloc(n, sizeof *t->s) };
    t->top = -INFINITY;
    for (size_t i = 0; i < n; i++) {
        CHECK_OK(eg_memory_pattern(m, i, v));
        t->s[i] = similarity(m, v, x, d);
        t->top = fmax(t->top, t->s[i]);
        t->large = fmax(t->large, fabs(t->s[i]));
        top = fmax(top, beta * t->s[i] + log((double)eg_memory_weight(m, i)));
    }
    for (size_t i = 0; i < n; i++) {
        const double a = exp(beta * t->s[i] + log((double)eg_memory_weight(m, i)) - top);
        double square = 0;
        CHECK_OK(values ? eg_memory_value(m, i, v) : eg_memory_pattern(m, i, v));
        mass += a;
        for (size_t j = 0; j < dv; j++) {
            t->y[j] += a * (double)v[j];
            square += (double)v[j] * (double)v[j];
        }
        t->most = fmax(t->most, sqrt(square));
    }
    for (size_t j = 0; j < dv; j++) t->y[j] /= mass;
}

static void forget_truth(struct truth *t)
{
    free(t->y);
    free(t->s);
}

/* Pattern i is the most similar one, up to rounding. */
static int is_nearest(const struct truth *t, size_t i)
{
    return t->s[i] >= t->top - 1e-13 * t->large;
}

/* What came (DV) for a state of a scene where `wanted` was asked for. */
static void check_answer(const struct scene *s, const struct truth *t, double wanted,
                         const float *out, size_t dv, const eg_routed_certificate *c)
{
    const double most = t->most;
    double off = 0;
    for (size_t j = 0; j < dv; j++) {
        const double by = (double)out[j] - t->y[j];
        off += by * by;
    }
    CHECK(sqrt(off) <= c->error + 1e-13 * most);
    const double share = wanted / 2 * (1 + 1e-6) + DBL_MIN;
    CHECK(c->left_out >= 0 && c->left_out <= share * (1 + c->error / most));
    if (eg_memory_options_view(s->m)->rule.beta * t->large < 1e4) /* else rounding is more */
        CHECK(c->error <= (wanted * (1 + 1e-6) + 1e-6) * most + 1e-40);
    CHECK(c->patterns <= s->n);
    if (c->nearest_proved) CHECK(is_nearest(t, c->nearest));
}

/* Every state of a scene, at every error asked for. */
static void check_scene(const struct scene *s, const eg_routed *r)
{
    static const double errors[] = { 0, 1e-5, 1e-3, 0.1, 1, 10 };
    for (int values = 0; values <= (eg_memory_value_size(s->m) > 0); values++) {
        const size_t dv = values ? eg_memory_value_size(s->m) : s->d;
        float *out = malloc(Q * dv * sizeof *out);
        struct truth t[Q];
        eg_routed_certificate c[Q];
        for (size_t q = 0; q < Q; q++) find_truth(s->m, s->x + q * s->d, values, &t[q]);
        for (size_t e = 0; e < EGI_COUNT(errors); e++) {
            CHECK_OK(eg_routed_read(r, s->x, Q, errors[e], values, 1, out, c));
            for (size_t q = 0; q < Q; q++)
                check_answer(s, &t[q], errors[e], out + q * dv, dv, &c[q]);
        }
        for (size_t q = 0; q < Q; q++) forget_truth(&t[q]);
        free(out);
    }
}

/* ---- scenes ---- */

static eg_memory *memory_of(size_t d, eg_similarity similarity, double beta, size_t dv)
{
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    eg_memory *m = NULL;
    o.rule.similarity = similarity;
    o.rule.beta = beta;
    o.value_size = dv;
    CHECK_OK(eg_memory_create(d, &o, &m));
    return m;
}

/* Patterns (n, d) and states (Q, d) of each kind. */
typedef void drawing(size_t n, size_t d, float *xi, float *x);

static void draw_apart(size_t n, size_t d, float *xi, float *x)
{
    eg_random_normal(1, 1, 0, n * d, xi);
    eg_random_normal(1, 2, 0, Q * d, x);
}

/* States near stored patterns. */
static void near_stored(size_t n, size_t d, const float *xi, double noise, float *x)
{
    eg_random_normal(2, 2, 0, Q * d, x);
    for (size_t q = 0; q < Q; q++)
        for (size_t j = 0; j < d; j++)
            x[q * d + j] = xi[(q * 37 % n) * d + j] + (float)noise * x[q * d + j];
}

static void draw_clusters(size_t n, size_t d, float *xi, float *x)
{
    float centre[16 * MOST_D];
    eg_random_normal(3, 1, 0, 16 * d, centre);
    eg_random_normal(3, 2, 0, n * d, xi);
    for (size_t i = 0; i < n * d; i++) xi[i] = centre[i / d % 16 * d + i % d] + 0.1f * xi[i];
    near_stored(n, d, xi, 0.1, x);
}

static void draw_duplicates(size_t n, size_t d, float *xi, float *x)
{
    draw_clusters(n, d, xi, x);
    for (size_t i = 0; i < n * d; i++) xi[i] = xi[i % (4 * d)] + 1e-6f * xi[i];
    near_stored(n, d, xi, 1e-6, x);
}

static void draw_equal(size_t n, size_t d, float *xi, float *x)
{
    draw_apart(n, d, xi, x);
    for (size_t i = d; i < n * d; i++) xi[i] = xi[i - d];
}

static void draw_far(size_t n, size_t d, float *xi, float *x)
{
    draw_clusters(n, d, xi, x);
    for (size_t i = 0; i < Q * d; i++) x[i] *= i / d % 2 ? 1e4f : -300.0f;
}

/* Far from 0, where differences cancel. */
static void draw_shifted(size_t n, size_t d, float *xi, float *x)
{
    draw_clusters(n, d, xi, x);
    for (size_t i = 0; i < n * d; i++) xi[i] += 1000;
    for (size_t i = 0; i < Q * d; i++) x[i] += 1000;
}

/* Cells as balls, a few patterns on the rim towards the states: there the bound is met. */
static void draw_rim(size_t n, size_t d, float *xi, float *x)
{
    draw_clusters(n, d, xi, x);
    for (size_t i = 0; i < n; i += 5) {
        const float *to = x + i % Q * d;
        float size = 0;
        for (size_t j = 0; j < d; j++) size += to[j] * to[j];
        for (size_t j = 0; j < d; j++) xi[i * d + j] += 3 * to[j] / (sqrtf(size) + 1e-20f);
    }
}

/* Zeros among patterns and states, and sizes of every order. */
static void draw_sizes(size_t n, size_t d, float *xi, float *x)
{
    draw_apart(n, d, xi, x);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < d; j++) xi[i * d + j] *= ldexpf(i % 7 ? 1 : 0, (int)(i % 30) - 25);
    memset(x, 0, d * sizeof *x);
}

static drawing *const drawings[] = { draw_apart, draw_clusters, draw_duplicates, draw_equal,
                                     draw_far,   draw_shifted,  draw_rim,        draw_sizes };

static void run_scene(drawing *draw, size_t n, size_t d, eg_similarity sim, double beta, size_t dv)
{
    struct scene s = { .d = d, .n = n };
    float *xi = malloc(n * d * sizeof *xi), *v = malloc((n * dv + 1) * sizeof *v);
    float *w = malloc(n * sizeof *w);
    eg_items items = { 0 };
    draw(n, d, xi, s.x);
    eg_random_normal(9, 1, 0, n * dv, v);
    eg_random_uniform(9, 2, 0, n, w);
    for (size_t i = 0; i < n; i++) w[i] = 0.5f + 9 * w[i];
    if (dv > 0) items = (eg_items){ .values = v, .weights = w };
    s.m = memory_of(d, sim, beta, dv);
    CHECK_OK(eg_memory_add(s.m, xi, n, &items));
    eg_routed *r = NULL;
    CHECK_OK(eg_routed_create(s.m, NULL, &r));
    check_scene(&s, r);
    eg_routed_destroy(r);
    eg_memory_destroy(s.m);
    free(xi), free(v), free(w);
}

static void bounds_hold(void **state)
{
    (void)state;
    static const eg_similarity similarities[] = { EG_SIM_DOT, EG_SIM_COSINE, EG_SIM_EUCLIDEAN };
    static const double betas[] = { 1e-6, 0.3, 8, 1e5 };
    static const size_t sizes[][2] = { { 150, 64 }, { 130, 3 }, { 60, 1 }, { 1, 5 }, { 2, 100 } };
    for (size_t k = 0; k < EGI_COUNT(drawings); k++)
        for (size_t s = 0; s < EGI_COUNT(similarities); s++)
            for (size_t b = 0; b < EGI_COUNT(betas); b++)
                for (size_t i = 0; i < EGI_COUNT(sizes); i++)
                    run_scene(drawings[k], sizes[i][0], sizes[i][1], similarities[s], betas[b],
                              (k + s + b) % 2 ? 3 : 0);
}

/* It is not by looking at everything that bounds hold: of clusters, few patterns are looked at. */
static void few_are_looked_at(void **state)
{
    (void)state;
    enum { N = MOST_N, D = 64 };
    static const eg_similarity similarities[] = { EG_SIM_DOT, EG_SIM_COSINE, EG_SIM_EUCLIDEAN };
    static const double betas[] = { 4, 200, 4 };
    float *xi = malloc(N * D * sizeof *xi);
    struct scene s = { .d = D, .n = N };
    draw_clusters(N, D, xi, s.x);
    for (size_t k = 0; k < EGI_COUNT(similarities); k++) {
        eg_routed *r = NULL;
        eg_routed_certificate c[Q];
        float out[Q * D];
        s.m = memory_of(D, similarities[k], betas[k], 0);
        CHECK_OK(eg_memory_add(s.m, xi, N, NULL));
        CHECK_OK(eg_routed_create(s.m, NULL, &r));
        CHECK_OK(eg_routed_read(r, s.x, Q, 1e-3, 0, 1, out, c));
        for (size_t q = 0; q < Q; q++) {
            CHECK(c[q].patterns <= N / 8);
            CHECK(c[q].nearest_proved);
            struct truth t;
            find_truth(s.m, s.x + q * D, 0, &t);
            CHECK(is_nearest(&t, c[q].nearest));
            forget_truth(&t);
        }
        eg_routed_destroy(r);
        eg_memory_destroy(s.m);
    }
    free(xi);
}

/* A recall whose updates are routed: each within the error asked for, energies within what they
 * say of themselves. */
static void recall_by_the_index(void **state)
{
    (void)state;
    enum { N = 600, D = 24 };
    static const eg_similarity similarities[] = { EG_SIM_DOT, EG_SIM_COSINE, EG_SIM_EUCLIDEAN };
    float *xi = malloc(N * D * sizeof *xi), x[Q * D], exact[Q * D], got[Q * D];
    draw_clusters(N, D, xi, x);
    for (size_t k = 0; k < EGI_COUNT(similarities); k++) {
        eg_memory *m = memory_of(D, similarities[k], k == 1 ? 40 : 2, 0);
        eg_certificate a[Q], b[Q];
        eg_recall_options o = EG_RECALL_OPTIONS_INIT;
        eg_routed *r = NULL;
        double most = 0;
        CHECK_OK(eg_memory_add(m, xi, N, NULL));
        CHECK_OK(eg_routed_create(m, NULL, &r));
        for (size_t i = 0; i < N; i++) {
            double square = 0;
            for (size_t j = 0; j < D; j++) square += pow((double)xi[i * D + j], 2);
            most = fmax(most, sqrt(square));
        }
        o.max_steps = 1;
        CHECK_OK(eg_memory_recall(m, x, Q, &o, exact, a));
        o.routed = r;
        o.routed_error = 0.1;
        CHECK_OK(eg_memory_recall(m, x, Q, &o, got, b));
        for (size_t q = 0; q < Q; q++) {
            double off = 0;
            for (size_t j = q * D; j < (q + 1) * D; j++)
                off += pow((double)got[j] - (double)exact[j], 2);
            CHECK(sqrt(off) <= 0.1001 * most);
            CHECK(fabs(a[q].energy_before - b[q].energy_before)
                  <= a[q].energy_error + b[q].energy_error);
            CHECK(b[q].energy_error > 0 && b[q].energy_error < 0.2);
        }
        o.dynamics = EG_DYN_FLOW_A;
        CHECK_STATUS(eg_memory_recall(m, x, Q, &o, got, NULL), EG_ERR_UNSUPPORTED);
        o.dynamics = EG_DYN_SYNC;
        CHECK_OK(eg_memory_add(m, xi, 1, NULL));
        CHECK_STATUS(eg_memory_recall(m, x, Q, &o, got, NULL), EG_ERR_INVALID);
        eg_routed_destroy(r);
        eg_memory_destroy(m);
    }
    free(xi);
}

/* ---- storing and forgetting ---- */

static void index_follows_the_memory(void **state)
{
    (void)state;
    enum { N = 500, D = 16 };
    float *xi = malloc(4 * N * D * sizeof *xi), out[Q * D];
    struct scene s = { .d = D, .m = memory_of(D, EG_SIM_DOT, 3, 0) };
    eg_routed *r = NULL;
    draw_clusters(4 * N, D, xi, s.x);
    CHECK_OK(eg_memory_add(s.m, xi, N, NULL));
    CHECK_OK(eg_routed_create(s.m, NULL, &r));
    uint64_t gone[N / 2];
    for (size_t i = 0; i < N / 2; i++) gone[i] = 2 * i + 1;
    for (int turn = 0; turn < 5; turn++) {
        if (turn == 0) CHECK_OK(eg_memory_remove(s.m, gone, N / 2));
        if (turn == 1) CHECK_OK(eg_memory_add(s.m, xi + N * D, N / 2, NULL));
        if (turn == 2) /* an id that is back with another pattern, in the place of the last */
            CHECK_OK(eg_memory_replace(s.m, 2, xi + 3 * N * D));
        if (turn == 3) { /* far outside every cell, under an id that was there before */
            float far[D];
            const eg_items items = { .ids = gone };
            for (size_t j = 0; j < D; j++) far[j] = 50.0f * s.x[j];
            CHECK_OK(eg_memory_add(s.m, far, 1, &items));
        }
        if (turn == 4) CHECK_OK(eg_memory_add(s.m, xi + 2 * N * D, 2 * N, NULL)); /* cut anew */
        CHECK_STATUS(eg_routed_read(r, s.x, Q, 1e-3, 0, 1, out, NULL), EG_ERR_INVALID);
        CHECK_OK(eg_routed_update(r));
        s.n = eg_memory_count(s.m);
        check_scene(&s, r);
    }
    eg_rule rule = eg_memory_options_view(s.m)->rule;
    rule.similarity = EG_SIM_EUCLIDEAN;
    CHECK_OK(eg_memory_set_rule(s.m, &rule));
    CHECK_STATUS(eg_routed_read(r, s.x, Q, 1e-3, 0, 1, out, NULL), EG_ERR_INVALID);
    CHECK_OK(eg_routed_update(r));
    check_scene(&s, r);
    eg_routed_destroy(r);
    eg_memory_destroy(s.m);
    free(xi);
}

/* Every allocation fails once: nothing leaks, and an index that was stays. */
static void allocations_fail(void **state)
{
    (void)state;
    enum { N = 60, D = 8 };
    float xi[N * D], x[Q * D], out[Q * D];
    draw_clusters(N, D, xi, x);
    for (int updating = 0; updating < 2; updating++) {
        eg_status s = EG_ERR_NOMEM;
        for (size_t k = 0; s != EG_OK; k++) {
            struct failing f = { .fail_at = SIZE_MAX };
            const eg_allocator alloc = failing_allocator(&f);
            eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
            eg_memory *m = NULL;
            eg_routed *r = NULL;
            o.alloc = &alloc;
            CHECK_OK(eg_memory_create(D, &o, &m));
            CHECK_OK(eg_memory_add(m, xi, N / 2, NULL));
            if (updating) {
                CHECK_OK(eg_routed_create(m, NULL, &r));
                CHECK_OK(eg_memory_add(m, xi + N / 2 * D, N / 2, NULL));
            }
            f.fail_at = f.calls + k;
            s = updating ? eg_routed_update(r) : eg_routed_create(m, NULL, &r);
            if (s == EG_OK) s = eg_routed_read(r, x, Q, 1e-3, 0, 1, out, NULL);
            CHECK(s == EG_OK || s == EG_ERR_NOMEM);
            eg_routed_destroy(r);
            eg_memory_destroy(m);
            CHECK(f.live == 0);
        }
    }
}

static void same_bits_for_any_threads(void **state)
{
    (void)state;
    enum { N = 700, D = 20 };
    float *xi = malloc(N * D * sizeof *xi), x[Q * D], one[Q * D], many[Q * D];
    eg_memory *m = memory_of(D, EG_SIM_DOT, 2, 0);
    draw_clusters(N, D, xi, x);
    CHECK_OK(eg_memory_add(m, xi, N, NULL));
    for (int threads = 1; threads <= 5; threads++) {
        eg_routed_options o = EG_ROUTED_OPTIONS_INIT;
        eg_routed *r = NULL;
        o.threads = threads;
        CHECK_OK(eg_routed_create(m, &o, &r));
        CHECK_OK(eg_routed_read(r, x, Q, 1e-2, 0, threads, threads == 1 ? one : many, NULL));
        if (threads > 1) CHECK_SAME_BITS(one, many, sizeof one);
        CHECK_OK(eg_routed_read(r, x + 3 * D, 1, 1e-2, 0, 1, many, NULL)); /* alone */
        CHECK_SAME_BITS(one + 3 * D, many, D * sizeof *many);
        eg_routed_destroy(r);
    }
    eg_memory_destroy(m);
    free(xi);
}

static void bad_calls_are_refused(void **state)
{
    (void)state;
    const float xi[] = { 1, 2 };
    float out[2];
    eg_memory *m = memory_of(2, EG_SIM_DOT, 1, 0);
    eg_routed *r = NULL;
    CHECK_STATUS(eg_routed_create(NULL, NULL, &r), EG_ERR_INVALID);
    CHECK_STATUS(eg_routed_create(m, NULL, &r), EG_ERR_INVALID); /* empty */
    CHECK_OK(eg_memory_add(m, xi, 1, NULL));
    CHECK_OK(eg_routed_create(m, NULL, &r));
    CHECK_STATUS(eg_routed_read(r, xi, 1, -1, 0, 1, out, NULL), EG_ERR_INVALID);
    CHECK_STATUS(eg_routed_read(r, xi, 1, NAN, 0, 1, out, NULL), EG_ERR_INVALID);
    CHECK_STATUS(eg_routed_read(r, xi, 1, 0, 1, 1, out, NULL), EG_ERR_UNSUPPORTED);
    const float nan[] = { 0, NAN };
    CHECK_STATUS(eg_routed_read(r, nan, 1, 0, 0, 1, out, NULL), EG_ERR_INVALID);
    CHECK_OK(eg_routed_read(r, xi, 0, 0, 0, 1, out, NULL));
    eg_rule rule = eg_memory_options_view(m)->rule;
    rule.separation = EG_SEP_POWER;
    CHECK_OK(eg_memory_set_rule(m, &rule));
    CHECK_STATUS(eg_routed_read(r, xi, 1, 0, 0, 1, out, NULL), EG_ERR_UNSUPPORTED);
    CHECK_STATUS(eg_routed_update(r), EG_ERR_UNSUPPORTED);
    eg_routed_destroy(r);
    eg_routed_destroy(NULL);
    eg_memory_destroy(m);
}

/* What codes below a limit are worth is told from above, and by no more than 2^f falls short of 1 +
 * f: at any scale, with bounds that are none. */
static void codes_are_worth_no_less(void **state)
{
    (void)state;
    static const double rates[] = { 1e-3, 1, 50, 1e5 }, shifts[] = { -300, -3, 0, 20 };
    float bound[EGI_CODE_BLOCK];
    size_t at[EGI_CODE_BLOCK];
    eg_random_normal(5, 5, 0, EGI_CODE_BLOCK, bound);
    for (size_t r = 0; r < 4; r++)
        for (size_t k = 0; k < 4; k++)
            for (size_t n = 1; n <= EGI_CODE_BLOCK; n = 2 * n + 1) {
                double direct = 0, floor = 0, top, sum, most = -INFINITY;
                size_t light = 0;
                for (size_t i = 0; i < n; i++) {
                    if (!(bound[i] < 0.5F)) continue;
                    light++;
                    most = fmax(most, (double)bound[i]);
                    direct += exp(rates[r] * ((double)bound[i] - 0.5) + shifts[k]);
                    floor += ldexp(1, -126);
                }
                const size_t kept = egi_code_pick(bound, n, 0.5, rates[r],
                                                  shifts[k] - 0.5 * rates[r], at, &top, &sum);
                CHECK(kept + light == n && (light == 0 || (top >= most && top <= most)));
                CHECK(sum >= direct && sum <= 1.0625 * direct + 1.001 * floor);
            }
    bound[1] = NAN; /* looked at */
    double top, sum;
    CHECK(egi_code_pick(bound, 2, 100, 1, 0, at, &top, &sum) == 1 && at[0] == 1 && isfinite(sum));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_are_worth_no_less),   cmocka_unit_test(bounds_hold),
        cmocka_unit_test(few_are_looked_at),         cmocka_unit_test(recall_by_the_index),
        cmocka_unit_test(index_follows_the_memory),  cmocka_unit_test(allocations_fail),
        cmocka_unit_test(same_bits_for_any_threads), cmocka_unit_test(bad_calls_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
