/* engram bench association: updates of a dense memory as shares of what the machine gives.
 *
 * A limit is measured beside every run of a figure (limit, figure, limit, figure ...), and the
 * share is the median of the ratios, so that it holds where the clock or the neighbours change.
 * OpenBLAS picks its kernels by the CPU it knows; on one it does not know it falls back to SSE3
 * and its matrix product is no limit: its core is printed, OPENBLAS_CORETYPE=SkylakeX sets it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <cblas.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "engram/engram.h"

int bench_association(int json, int threads);

enum { RUNS = 7, PRODUCT = 2048, CREW_MAX = 64, AT_ONCE = 4096 };

struct bench {
    int json, threads, rows;
    float *a, *b, *c;         /* (2048, 2048) each */
    atomic_size_t live, peak; /* bytes of the memory under test */
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *t)
{
    qsort(t, RUNS, sizeof *t, by_value);
    return t[RUNS / 2];
}

static void show(struct bench *b, const char *name, double value, const char *unit, double share,
                 const char *of)
{
    if (b->json) {
        printf("%s{\"name\": \"%s\", \"value\": %.6g, \"unit\": \"%s\"", b->rows++ ? ", " : "",
               name, value, unit);
        if (share > 0) printf(", \"share\": %.4g, \"of\": \"%s\"", share, of);
        printf("}");
        return;
    }
    printf("  %-50s %9.4g %-8s", name, value, unit);
    if (share > 0) printf(" %6.3f of %s", share, of);
    printf("\n");
    fflush(stdout);
}

/* ---- limits ---- */

#if defined(__x86_64__)
#include <immintrin.h>

enum { CHAINS = 12, ROUNDS = 4000000 }; /* 12 chains hide the latency of 4 on two ports */

__attribute__((target("avx512f"))) static float chains_512(long rounds)
{
    __m512 s[CHAINS], x = _mm512_set1_ps(0.999f), y = _mm512_set1_ps(0.5f);
    for (int i = 0; i < CHAINS; i++) s[i] = _mm512_set1_ps((float)i);
    for (long k = 0; k < rounds; k++)
        _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++) s[i] =
            _mm512_fmadd_ps(s[i], x, y);
    for (int i = 1; i < CHAINS; i++) s[0] = _mm512_add_ps(s[0], s[i]);
    return _mm512_reduce_add_ps(s[0]);
}

__attribute__((target("avx2,fma"))) static float chains_256(long rounds)
{
    __m256 s[CHAINS], x = _mm256_set1_ps(0.999f), y = _mm256_set1_ps(0.5f);
    for (int i = 0; i < CHAINS; i++) s[i] = _mm256_set1_ps((float)i);
    for (long k = 0; k < rounds; k++)
        _Pragma("GCC unroll 12") for (int i = 0; i < CHAINS; i++) s[i] =
            _mm256_fmadd_ps(s[i], x, y);
    for (int i = 1; i < CHAINS; i++) s[0] = _mm256_add_ps(s[0], s[i]);
    return _mm256_cvtss_f32(s[0]);
}

static volatile float sink;

static void *multiply_adds(void *arg)
{
    sink = __builtin_cpu_supports("avx512f") ? chains_512(ROUNDS) : chains_256(ROUNDS);
    return arg;
}

/* Flop/s of multiply-adds that touch no memory, on some threads together. */
static double fma_peak(int threads)
{
    pthread_t id[CREW_MAX];
    const int crew = threads < CREW_MAX ? threads : CREW_MAX;
    const double lanes = __builtin_cpu_supports("avx512f") ? 16 : 8, start = now();
    int started = 0;
    while (started < crew - 1 && pthread_create(&id[started], NULL, multiply_adds, NULL) == 0)
        started++;
    multiply_adds(NULL);
    for (int i = 0; i < started; i++) pthread_join(id[i], NULL);
    return (started + 1) * 2.0 * lanes * CHAINS * ROUNDS / (now() - start);
}
#else
static double fma_peak(int threads)
{
    (void)threads;
    return NAN; /* not measured on this CPU */
}
#endif

/* Flop/s of a large matrix product on one thread. */
static double product_peak(struct bench *b)
{
    const double start = now();
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, PRODUCT, PRODUCT, PRODUCT, 1, b->a,
                PRODUCT, b->b, PRODUCT, 0, b->c, PRODUCT);
    return 2.0 * PRODUCT * PRODUCT * PRODUCT / (now() - start);
}

/* Bytes/s of one pass over n floats on one thread: 8 vectors in flight. */
static double read_bandwidth(const float *x, size_t n)
{
    typedef float wide __attribute__((vector_size(64), aligned(4)));
    wide s[8] = { { 0 } };
    const double start = now();
    for (size_t i = 0; i + 128 <= n; i += 128)
        for (size_t k = 0; k < 8; k++) s[k] += *(const wide *)(const void *)(x + i + 16 * k);
    const double rate = (double)n * sizeof *x / (now() - start);
    volatile float keep = 0;
    for (size_t k = 0; k < 8; k++) keep = keep + s[k][0];
    return rate;
}

/* ---- the memory under test ---- */

static void *counted_alloc(void *user, size_t size, size_t align)
{
    struct bench *b = user;
    const size_t live = atomic_fetch_add(&b->live, size) + size;
    size_t peak = atomic_load(&b->peak);
    while (live > peak && !atomic_compare_exchange_weak(&b->peak, &peak, live)) continue;
    return aligned_alloc(align, (size + align - 1) / align * align);
}

static void counted_free(void *user, void *p, size_t size)
{
    struct bench *b = user;
    atomic_fetch_sub(&b->live, size);
    free(p);
}

struct figure {
    const char *name;
    size_t q, n, d;
    double beta, sharp_beta; /* sharp_beta > 0: a second figure, as a share of the first's time */
    int unit;                /* memories of norm 1, queries at cosine 0.9 of one */
    int bandwidth;           /* share of read bandwidth, not of the product */
};

static const struct figure figures[] = {
    { "1024 x 4096 x 784", 1024, 4096, 784, 0.02, 0, 0, 0 },
    { "256 x 100000 x 512", 256, 100000, 512, 0.02, 0, 0, 0 },
    { "256 x 1000000 x 64", 256, 1000000, 64, 1, 100, 1, 0 },
    { "1 x 1000000 x 64", 1, 1000000, 64, 1, 0, 1, 1 },
};

static void normalise(float *x, size_t d)
{
    double square = 0;
    for (size_t k = 0; k < d; k++) square += (double)x[k] * (double)x[k];
    for (size_t k = 0; k < d; k++) x[k] = (float)((double)x[k] / sqrt(square));
}

static eg_status draw(const struct figure *f, eg_memory *m, float *x)
{
    float *part = malloc(AT_ONCE * f->d * sizeof *part);
    eg_status s = part != NULL ? EG_OK : EG_ERR_NOMEM;
    for (size_t i = 0; i < f->n && s == EG_OK; i += AT_ONCE) {
        const size_t n = f->n - i < AT_ONCE ? f->n - i : AT_ONCE;
        eg_random_normal(1, 1, i * f->d, n * f->d, part);
        for (size_t j = 0; j < n && f->unit; j++) normalise(part + j * f->d, f->d);
        s = eg_memory_add(m, part, n, NULL);
    }
    eg_random_normal(1, 2, 0, f->q * f->d, x);
    for (size_t i = 0; i < f->q && s == EG_OK && f->unit; i++) {
        float *q = x + i * f->d, dot = 0;
        s = eg_memory_pattern(m, (i * 2654435761u + 12345) % f->n, part);
        for (size_t k = 0; k < f->d; k++) dot += q[k] * part[k];
        for (size_t k = 0; k < f->d; k++) q[k] -= dot * part[k];
        normalise(q, f->d);
        for (size_t k = 0; k < f->d; k++) q[k] = 0.9f * part[k] + sqrtf(0.19f) * q[k];
    }
    free(part);
    return s;
}

struct update {
    const eg_memory *m;
    const float *x;
    float *next;
    size_t q;
    eg_status status;
};

static double timed(struct update *u, int threads)
{
    const double start = now();
    const eg_status s = eg_memory_step(u->m, u->x, u->q, threads, u->next);
    if (s != EG_OK) u->status = s;
    return now() - start;
}

static eg_status set_beta(eg_memory *m, double beta)
{
    eg_rule rule = eg_memory_options_view(m)->rule;
    rule.beta = beta;
    return eg_memory_set_rule(m, &rule);
}

/* Limit and figure in turn; the second figure and two threads likewise. */
static void measure(struct bench *b, const struct figure *f, eg_memory *m, struct update *u,
                    const float *data)
{
    const double flops = 4.0 * (double)f->q * (double)f->n * (double)f->d;
    const double bytes = (double)f->n * (double)f->d * sizeof(float);
    double time[RUNS], share[RUNS], scaling[RUNS], gain[RUNS];
    atomic_store(&b->peak, atomic_load(&b->live));
    const size_t held = atomic_load(&b->live);
    for (int i = 0; i < RUNS; i++) {
        const double limit = f->bandwidth ? read_bandwidth(data, f->n * f->d) : product_peak(b);
        time[i] = timed(u, 1);
        share[i] = (f->bandwidth ? bytes : flops) / time[i] / limit;
    }
    const double t = median(time);
    show(b, f->name, f->bandwidth ? bytes / t * 1e-9 : flops / t * 1e-9,
         f->bandwidth ? "GB/s" : "Gflop/s", median(share),
         f->bandwidth ? "read bandwidth" : "matrix product");
    show(b, "  one update", t * 1e3, "ms", 0, "");
    show(b, "  beyond the data", (double)(atomic_load(&b->peak) - held) / 1048576, "MiB", 0, "");
    for (int i = 0; i < RUNS && b->threads > 1; i++) {
        const double peak = fma_peak(b->threads) / fma_peak(1), one = timed(u, 1);
        gain[i] = one / timed(u, b->threads);
        scaling[i] = gain[i] / peak;
    }
    if (b->threads > 1)
        show(b, "  threads: faster than one", median(gain), "times", median(scaling),
             "the multiply-add peak's gain");
    for (int i = 0; i < RUNS && f->sharp_beta > 0 && u->status == EG_OK; i++) {
        u->status = set_beta(m, f->beta);
        const double dense = timed(u, 1);
        if (u->status == EG_OK) u->status = set_beta(m, f->sharp_beta);
        time[i] = timed(u, 1);
        share[i] = time[i] / dense;
    }
    if (f->sharp_beta > 0)
        show(b, "  sharp: beta = 100", median(time) * 1e3, "ms", median(share), "the dense time");
}

static eg_status run_figure(struct bench *b, const struct figure *f)
{
    const eg_allocator alloc = { counted_alloc, counted_free, b };
    eg_memory_options options = EG_MEMORY_OPTIONS_INIT;
    options.rule.beta = f->beta;
    options.alloc = &alloc;
    eg_memory *m = NULL;
    float *x = malloc(f->q * f->d * sizeof *x), *next = malloc(f->q * f->d * sizeof *next);
    float *data = f->bandwidth ? malloc(f->n * f->d * sizeof *data) : NULL;
    eg_status s = x && next && (data || !f->bandwidth) ? EG_OK : EG_ERR_NOMEM;
    if (s == EG_OK) s = eg_memory_create(f->d, &options, &m);
    if (s == EG_OK) s = draw(f, m, x);
    if (s == EG_OK) {
        for (size_t i = 0; data != NULL && i < f->n * f->d; i++) data[i] = (float)(i % 7);
        struct update u = { m, x, next, f->q, EG_OK };
        measure(b, f, m, &u, data);
        s = u.status;
    }
    eg_memory_destroy(m);
    free(data);
    free(x);
    free(next);
    return s;
}

static void show_limits(struct bench *b)
{
    double one[RUNS], all[RUNS], product[RUNS];
    for (int i = 0; i < RUNS; i++) {
        one[i] = fma_peak(1);
        all[i] = fma_peak(b->threads);
        product[i] = product_peak(b);
    }
    const double fma = median(one), peak = median(product);
    show(b, "multiply-add peak, one thread", fma * 1e-9, "Gflop/s", 0, "");
    if (b->threads > 1)
        show(b, "multiply-add peak, all threads", median(all) * 1e-9, "Gflop/s", 0, "");
    show(b, "matrix product 2048^3, one thread", peak * 1e-9, "Gflop/s", peak / fma,
         "multiply-add peak");
}

int bench_association(int json, int threads)
{
    struct bench b = { .json = json, .threads = threads };
    const size_t cells = (size_t)PRODUCT * PRODUCT;
    float *store = aligned_alloc(64, 3 * cells * sizeof *store);
    if (store == NULL) return 5;
    eg_random_uniform(3, 0, 0, 2 * cells, store);
    b.a = store;
    b.b = store + cells;
    b.c = store + 2 * cells;
    openblas_set_num_threads(1);
    if (json)
        printf("[");
    else
        printf("dense updates, medians of %d runs; kernels %s, OpenBLAS core %s\n", RUNS, eg_isa(),
               openblas_get_corename());
    show_limits(&b);
    eg_status s = EG_OK;
    for (size_t i = 0; i < sizeof figures / sizeof *figures && s == EG_OK; i++)
        s = run_figure(&b, &figures[i]);
    if (json) printf("]\n");
    free(store);
    if (s != EG_OK) fprintf(stderr, "bench association: %s\n", eg_error_detail());
    return s == EG_OK ? 0 : s == EG_ERR_NOMEM ? 5 : 1;
}
