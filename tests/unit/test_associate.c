/* The fused association against its formula in double, for every row this CPU has. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "assoc/egi_associate.h"
#include "check.h"
#include "kernel/egi_kernel_assoc.h"

#include <sys/wait.h>
#include <unistd.h>

enum { BIG = 1 << 20 };

struct problem {
    struct egi_keys keys;
    struct egi_transform transform;
    const float *values, *x, *query_bias;
    size_t dv, q;
    float *store; /* all of the above, one block */
};

static float *take(float **next, uint64_t stream, size_t n, float low, float width)
{
    float *p = *next;
    *next += n;
    eg_random_uniform(11, stream, 0, n, p);
    for (size_t i = 0; i < n; i++) p[i] = low + width * p[i];
    return p;
}

/* extras: bit 0 bias, 1 scale, 2 query bias, 3 weights, 4 values of their own, 5 unaligned */
static struct problem problem_of(uint64_t seed, size_t n, size_t d, size_t dv, size_t q,
                                 unsigned extras)
{
    struct problem p = { .q = q, .dv = extras & 16 ? dv : d };
    p.store = malloc((n * (d + dv + 4) + q * (d + 2) + 16) * sizeof *p.store);
    CHECK(p.store != NULL);
    float *next = p.store + (extras & 32 ? 1 : 0);
    p.keys = (struct egi_keys){ take(&next, 8 * seed, n * d, -1.0f, 2.0f), n, d, NULL, NULL };
    p.x = take(&next, 8 * seed + 1, q * d, -1.0f, 2.0f);
    if (extras & 1) p.keys.bias = take(&next, 8 * seed + 2, n, -1.0f, 2.0f);
    if (extras & 2) p.keys.scale = take(&next, 8 * seed + 3, n, 0.5f, 1.0f);
    if (extras & 4) p.query_bias = take(&next, 8 * seed + 4, q, -1.0f, 2.0f);
    if (extras & 8) p.transform.weight = take(&next, 8 * seed + 5, n, 0.5f, 3.0f);
    p.values = extras & 16 ? take(&next, 8 * seed + 6, n * dv, -1.0f, 2.0f) : p.keys.xi;
    return p;
}

static void run(const struct problem *p, size_t first, size_t q, int threads, float *out,
                struct egi_assoc_stat *stat)
{
    const struct egi_association a = { &p->keys,
                                       p->values,
                                       p->dv,
                                       &p->transform,
                                       p->x + first * p->keys.d,
                                       p->query_bias ? p->query_bias + first : NULL,
                                       q,
                                       NULL };
    CHECK_OK(egi_associate(&a, threads, eg_allocator_default(), out, stat));
}

/* a and what it adds to the sum, by the formulae of egi_associate.h. */
static double weigh(const struct egi_transform *t, double s, double m, double *term)
{
    const double n = (double)t->order, u = m > 0 ? s / m : 0;
    double a = 0;
    switch (t->kind) {
    case EGI_TRANSFORM_EXP:
        a = *term = exp((double)t->beta * (s - m));
        break;
    case EGI_TRANSFORM_POWER:
        a = pow(u, n - 1), *term = a * u;
        break;
    case EGI_TRANSFORM_RECTIFIED:
        a = u > 0 ? pow(u, n - 1) : 0, *term = u > 0 ? a * u : 0;
        break;
    default:
        *term = fmax(1 + (double)t->beta * s, 0);
        a = *term > 0 ? 1 : 0;
    }
    return a;
}

/* Compares query i of a result with the formula, from the scores that egi_scores() gives. */
static void check_query(const struct problem *p, size_t i, const float *out,
                        const struct egi_assoc_stat *stat, double tolerance)
{
    const size_t n = p->keys.n, d = p->keys.d;
    float *s = malloc(n * sizeof *s);
    double *want = calloc(p->dv, sizeof *want), sum = 0, mass = 0, m = 0, total = 0;
    CHECK(s != NULL && want != NULL);
    egi_scores(&p->keys, p->x + i * d, p->query_bias ? p->query_bias[i] : 0, 1, s);
    size_t best = 0;
    for (size_t j = 0; j < n; j++) {
        double dot = 0;
        for (size_t k = 0; k < d; k++)
            dot += (double)p->keys.xi[j * d + k] * (double)p->x[i * d + k];
        if (p->keys.bias) dot += (double)p->keys.bias[j];
        if (p->keys.scale) dot *= (double)p->keys.scale[j];
        if (p->query_bias) dot += (double)p->query_bias[i];
        CHECK_NEAR(s[j], dot, 1e-7 * (double)(d + 4) * 2);
        if (s[j] > s[best]) best = j;
        const double size =
            p->transform.kind == EGI_TRANSFORM_POWER ? fabs((double)s[j]) : (double)s[j];
        if (size > m) m = size;
    }
    if (p->transform.kind == EGI_TRANSFORM_EXP) m = (double)s[best];
    if (p->transform.kind == EGI_TRANSFORM_SUPPORT) m = 0;
    for (size_t j = 0; j < n; j++) {
        const double w = p->transform.weight ? (double)p->transform.weight[j] : 1;
        double term;
        const double a = w * weigh(&p->transform, (double)s[j], m, &term);
        sum += w * term;
        mass += a;
        total += fabs(a);
        for (size_t k = 0; k < p->dv; k++) want[k] += a * (double)p->values[j * p->dv + k];
    }
    CHECK(stat->best == best && stat->best_score == s[best]);
    CHECK(stat->m == m);
    CHECK_NEAR(stat->sum, sum, tolerance * fmax(total, 1));
    CHECK_NEAR(stat->mass, mass, tolerance * fmax(total, 1));
    for (size_t k = 0; out != NULL && k < p->dv; k++)
        CHECK_NEAR(out[k], want[k], tolerance * fmax(total, 1));
    free(s);
    free(want);
}

static const struct {
    enum egi_transform_kind kind;
    float beta, order;
} kinds[] = {
    { EGI_TRANSFORM_EXP, 1, 2 },         { EGI_TRANSFORM_EXP, 40, 2 },
    { EGI_TRANSFORM_EXP, 1e-3f, 2 },     { EGI_TRANSFORM_EXP, 1e5f, 2 },
    { EGI_TRANSFORM_POWER, 1, 2 },       { EGI_TRANSFORM_POWER, 1, 3 },
    { EGI_TRANSFORM_POWER, 1, 30 },      { EGI_TRANSFORM_RECTIFIED, 1, 2 },
    { EGI_TRANSFORM_RECTIFIED, 1, 2.5 }, { EGI_TRANSFORM_RECTIFIED, 1, 31 },
    { EGI_TRANSFORM_SUPPORT, 0.7f, 2 },  { EGI_TRANSFORM_SUPPORT, 5, 2 },
};

static const struct {
    size_t n, d, dv, q;
} shapes[] = { { 1, 1, 1, 1 },    { 2, 3, 5, 2 },       { 7, 16, 17, 3 },     { 13, 17, 1, 5 },
               { 96, 15, 33, 9 }, { 97, 33, 48, 16 },   { 100, 64, 64, 17 },  { 191, 97, 49, 31 },
               { 777, 5, 7, 64 }, { 1700, 31, 20, 65 }, { 1000, 100, 130, 4 } };

static void results_follow_the_formula(void **state)
{
    (void)state;
    for (size_t i = 0; i < EGI_COUNT(shapes); i++)
        for (size_t k = 0; k < EGI_COUNT(kinds); k++) {
            const unsigned extras = (unsigned)(i * 7 + k * 11) % 64;
            struct problem p = problem_of(i, shapes[i].n, shapes[i].d, shapes[i].dv, shapes[i].q,
                                          k % 3 == 0 ? 0 : extras);
            p.transform.kind = kinds[k].kind;
            p.transform.beta = kinds[k].beta;
            p.transform.order = kinds[k].order;
            float *out = malloc(p.q * p.dv * sizeof *out);
            struct egi_assoc_stat stat[65], bare[65];
            memset(stat, 0, sizeof stat);
            memset(bare, 0, sizeof bare);
            run(&p, 0, p.q, 2, out, stat);
            run(&p, 0, p.q, 1, NULL, bare);
            for (size_t q = 0; q<p.q; q += p.q> 9 ? 7 : 1)
                check_query(&p, q, out + q * p.dv, &stat[q], 4e-7 * (4 + (double)kinds[k].order));
            CHECK_SAME_BITS(stat, bare, p.q * sizeof *stat);
            free(out);
            free(p.store);
        }
}

/* Alone, in batches of several sizes, at any place, on one thread and on two. */
static void bits_depend_on_the_query_alone(void **state)
{
    (void)state;
    enum { Q = 150, N = 2111, D = 19 };
    static const size_t batches[] = { 1, 3, 4, 5, 16, 23, 64, 65, 150 };
    for (size_t k = 0; k < EGI_COUNT(kinds); k++) {
        struct problem p = problem_of(40 + k, N, D, 37, Q, k % 2 ? 31 : 16);
        p.transform.kind = kinds[k].kind;
        p.transform.beta = kinds[k].beta;
        p.transform.order = kinds[k].order;
        float *all = malloc(Q * 37 * sizeof *all), *part = malloc(Q * 37 * sizeof *part);
        struct egi_assoc_stat stat[Q], some[Q];
        memset(stat, 0, sizeof stat);
        memset(some, 0, sizeof some);
        run(&p, 0, Q, 1, all, stat);
        for (size_t b = 0; b < EGI_COUNT(batches); b++)
            for (size_t first = 0; first < Q; first += 37) {
                const size_t n = batches[b] < Q - first ? batches[b] : Q - first;
                run(&p, first, n, (int)(1 + (b + first) % 3), part, some);
                CHECK_SAME_BITS(part, all + first * 37, n * 37 * sizeof *all);
                CHECK_SAME_BITS(some, stat + first, n * sizeof *stat);
            }
        free(all);
        free(part);
        free(p.store);
    }
}

/* Queries near stored ones at every sharpness: what is left out is below rounding. */
static void sharp_is_dense_within_rounding(void **state)
{
    (void)state;
    enum { N = 3000, D = 24, Q = 70 };
    static const float betas[] = { 5, 20, 50, 200, 1e6f };
    for (size_t b = 0; b < EGI_COUNT(betas); b++) {
        struct problem p = problem_of(60 + b, N, D, D, Q, b % 2 ? 8 : 0);
        float *x = malloc(Q * D * sizeof *x), *out = malloc(Q * D * sizeof *out);
        for (size_t i = 0; i < Q * D; i++) /* every second query is at a memory */
            x[i] = i / D % 2 ? p.x[i] : 0.9f * p.keys.xi[i / D * 37 * D + i % D] + 0.1f * p.x[i];
        p.x = x;
        p.transform.kind = EGI_TRANSFORM_EXP;
        p.transform.beta = betas[b];
        struct egi_assoc_stat stat[Q];
        run(&p, 0, Q, 1, out, stat);
        for (size_t q = 0; q < Q; q++) check_query(&p, q, out + q * D, &stat[q], 1e-6);
        free(x);
        free(out);
        free(p.store);
    }
}

static void one_memory_comes_back_exactly(void **state)
{
    (void)state;
    struct problem p = problem_of(70, 500, 40, 40, 3, 0);
    p.transform.kind = EGI_TRANSFORM_EXP;
    p.transform.beta = 1e6f;
    p.x = p.keys.xi + 40 * 100; /* three memories themselves */
    float out[3 * 40];
    struct egi_assoc_stat stat[3];
    run(&p, 0, 3, 1, out, stat);
    for (size_t q = 0; q < 3; q++) {
        CHECK(stat[q].sum == 1 && stat[q].mass == 1);
        CHECK_SAME_BITS(out + q * 40, p.keys.xi + stat[q].best * 40, 40 * sizeof(float));
    }
    free(p.store);
}

static void extremes_neither_overflow_nor_turn_to_nan(void **state)
{
    (void)state;
    enum { N = 300, D = 8, Q = 6 };
    static const float sizes[] = { 1e-20f, 1e-18f, 1.0f, 1e18f, 3.2e18f };
    for (size_t i = 0; i < EGI_COUNT(sizes); i++)
        for (size_t k = 0; k < EGI_COUNT(kinds); k++) {
            if (kinds[k].kind == EGI_TRANSFORM_SUPPORT) continue; /* its sum is not scaled */
            struct problem p = problem_of(80, N, D, D, Q, 0);
            float *big = malloc((N + Q) * D * sizeof *big), out[Q * D];
            for (size_t j = 0; j < N * D; j++) big[j] = sizes[i] * p.keys.xi[j];
            for (size_t j = 0; j < Q * D; j++) big[N * D + j] = sizes[i] * p.x[j];
            struct problem scaled = p;
            scaled.keys.xi = big;
            scaled.x = big + N * D;
            scaled.transform.kind = kinds[k].kind;
            scaled.transform.beta = kinds[k].beta;
            scaled.transform.order = kinds[k].order;
            struct egi_assoc_stat stat[Q];
            run(&scaled, 0, Q, 1, out, stat);
            for (size_t q = 0; q < Q; q++) {
                CHECK(isfinite(stat[q].m) && isfinite(stat[q].sum) && isfinite(stat[q].mass));
                CHECK(stat[q].sum != 0 && stat[q].mass != 0);
                for (size_t c = 0; c < D; c++) CHECK(isfinite(out[q * D + c]));
            }
            free(big);
            free(p.store);
        }
}

static void no_query_is_no_work_and_no_memory_is_lost(void **state)
{
    (void)state;
    struct problem p = problem_of(90, 2000, 30, 30, 70, 0);
    p.transform.kind = EGI_TRANSFORM_EXP;
    p.transform.beta = 1;
    struct failing f = { .fail_at = 0 };
    const eg_allocator a = failing_allocator(&f);
    float out[70 * 30] = { 7 };
    struct egi_assoc_stat stat[70] = { { .m = 7 } };
    struct egi_association job = { &p.keys, p.values, 30, &p.transform, p.x, NULL, 0, NULL };
    CHECK_OK(egi_associate(&job, 1, &a, out, stat));
    job.q = 70;
    CHECK_STATUS(egi_associate(&job, 2, &a, out, stat), EG_ERR_NOMEM);
    CHECK(out[0] == 7 && stat[0].m == 7);
    f.fail_at = SIZE_MAX;
    CHECK_OK(egi_associate(&job, 2, &a, out, stat));
    CHECK(f.live == 0 && f.live_bytes == 0 && f.peak_bytes < BIG);
    free(p.store);
}

/* The row is chosen once a process: one process a row. */
static int run_row(enum egi_isa isa)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(results_follow_the_formula),
        cmocka_unit_test(bits_depend_on_the_query_alone),
        cmocka_unit_test(sharp_is_dense_within_rounding),
        cmocka_unit_test(one_memory_comes_back_exactly),
        cmocka_unit_test(extremes_neither_overflow_nor_turn_to_nan),
        cmocka_unit_test(no_query_is_no_work_and_no_memory_is_lost),
    };
    setenv("EG_ISA", egi_isa_name(isa), 1);
    if (egi_isa_level() != isa) return 1;
    return cmocka_run_group_tests_name(egi_isa_name(isa), tests, NULL, NULL);
}

int main(void)
{
    int failed = 0;
    for (int isa = 0; isa < EGI_ISA_COUNT; isa++) {
        if (!egi_isa_supported((enum egi_isa)isa)) continue;
        const pid_t child = fork();
        if (child < 0) return 1;
        if (child == 0) exit(run_row((enum egi_isa)isa));
        int status = 1;
        waitpid(child, &status, 0);
        failed += status != 0;
    }
    return failed;
}
