/* engram bench association: updates of a dense memory as shares of what the machine gives.
 *
 * A limit is measured beside every run of a figure (limit, figure, limit, figure ...), and the
 * share is the median of the ratios, so that it holds where the clock or the neighbours change.
 * Threads: one, all, and the multiply-add peaks of both, in turn likewise.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include <cblas.h>
#include <math.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "engram/engram.h"

int bench_association(int json, int threads);

enum { RUNS = 7, PRODUCT = 2048, CREW_MAX = 64, AT_ONCE = 4096 };

struct bench {
    int json, threads;
    float *a, *b, *c;         /* (2048, 2048) each */
    atomic_size_t live, peak; /* bytes of the memory under test */
};

static void show(const struct bench *b, const char *name, double value, const char *unit,
                 double ratio, const char *of)
{
    bench_show(b->json, name, value, unit, ratio, of);
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
    const double lanes = __builtin_cpu_supports("avx512f") ? 16 : 8, start = bench_now();
    int started = 0;
    while (started < crew - 1 && pthread_create(&id[started], NULL, multiply_adds, NULL) == 0)
        started++;
    multiply_adds(NULL);
    for (int i = 0; i < started; i++) pthread_join(id[i], NULL);
    return (started + 1) * 2.0 * lanes * CHAINS * ROUNDS / (bench_now() - start);
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
    const double start = bench_now();
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, PRODUCT, PRODUCT, PRODUCT, 1, b->a,
                PRODUCT, b->b, PRODUCT, 0, b->c, PRODUCT);
    return 2.0 * PRODUCT * PRODUCT * PRODUCT / (bench_now() - start);
}

/* ---- reading ---- */

/* Sum of n floats, n a multiple of 128: 8 vectors in flight. The second kind asks for lines
 * 4 KiB ahead, which need not exist. */
#define SUM_FLOATS(name, lanes, target_)                                                 \
    target_ static float name(const float *x, size_t n, int ahead)                       \
    {                                                                                    \
        typedef float wide __attribute__((vector_size(4 * (lanes)), aligned(4)));        \
        wide s[8] = { { 0 } };                                                           \
        for (size_t i = 0; i + 8 * (lanes) <= n; i += 8 * (lanes)) {                     \
            for (size_t k = 0; ahead && k < 8 * (lanes); k += 16)                        \
                __builtin_prefetch((const void *)((uintptr_t)(x + i + k) + 4096), 0, 2); \
            _Pragma("GCC unroll 8") for (size_t k = 0; k < 8; k++) s[k] +=               \
                *(const wide *)(const void *)(x + i + (lanes)*k);                        \
        }                                                                                \
        for (size_t k = 1; k < 8; k++) s[0] += s[k];                                     \
        return s[0][0];                                                                  \
    }
#if defined(__x86_64__)
SUM_FLOATS(sum_512, 16, __attribute__((target("avx512f"))))
SUM_FLOATS(sum_256, 8, __attribute__((target("avx2"))))
#endif
SUM_FLOATS(sum_128, 4, )

static float sum_floats(const float *x, size_t n, int ahead)
{
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512f")) return sum_512(x, n, ahead);
    if (__builtin_cpu_supports("avx2")) return sum_256(x, n, ahead);
#endif
    return sum_128(x, n, ahead);
}

/* Bytes/s of one pass over n floats on one thread: the best of two passes of each kind. */
static double read_bandwidth(const float *x, size_t n)
{
    volatile float keep = 0;
    double best = INFINITY;
    for (int i = 0; i < 4; i++) {
        const double start = bench_now();
        keep = keep + sum_floats(x, n, i % 2);
        best = fmin(best, bench_now() - start);
    }
    return (double)n * sizeof *x / best;
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
    { "64 x 4096 x 64", 64, 4096, 64, 1, 0, 1, 0 },
    { "16 x 1000 x 64", 16, 1000, 64, 1, 0, 1, 0 },
    { "1 x 1000 x 64", 1, 1000, 64, 1, 0, 1, 0 },
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
    size_t q, repeats;
    eg_status status;
};

/* Seconds of one update, the mean of as many as take about a millisecond. */
static double timed(struct update *u, int threads)
{
    const double start = bench_now();
    for (size_t i = 0; i < u->repeats; i++) {
        const eg_status s = eg_memory_step(u->m, u->x, u->q, threads, u->next);
        if (s != EG_OK) u->status = s;
    }
    return (bench_now() - start) / (double)u->repeats;
}

static eg_status set_beta(eg_memory *m, double beta)
{
    eg_rule rule = eg_memory_options_view(m)->rule;
    rule.beta = beta;
    return eg_memory_set_rule(m, &rule);
}

/* Limit and figure in turn. */
static void measure(struct bench *b, const struct figure *f, struct update *u, const float *data)
{
    const double flops = 4.0 * (double)f->q * (double)f->n * (double)f->d;
    const double bytes = (double)f->n * (double)f->d * sizeof(float);
    const double work = f->bandwidth ? bytes : flops;
    double time[RUNS], share[RUNS], limits[RUNS];
    atomic_store(&b->peak, atomic_load(&b->live));
    const size_t held = atomic_load(&b->live);
    for (int i = 0; i < RUNS; i++) {
        limits[i] = f->bandwidth ? read_bandwidth(data, f->n * f->d) : product_peak(b);
        time[i] = timed(u, 1);
        share[i] = work / time[i] / limits[i];
    }
    const double t = bench_median(time, RUNS);
    if (f->bandwidth)
        show(b, "read bandwidth, one thread", bench_median(limits, RUNS) * 1e-9, "GB/s", 0, NULL);
    show(b, f->name, work / t * 1e-9, f->bandwidth ? "GB/s" : "Gflop/s", bench_median(share, RUNS),
         f->bandwidth ? "read bandwidth" : "matrix product");
    show(b, "  one update", t * 1e3, "ms", 0, NULL);
    show(b, "  beyond the data", (double)(atomic_load(&b->peak) - held) / 1048576, "MiB", 0, NULL);
}

/* One thread and all, and their multiply-add peaks, in turn. */
static void measure_threads(struct bench *b, struct update *u)
{
    double scaling[RUNS], gain[RUNS], peak[RUNS];
    for (int i = 0; i < RUNS; i++) {
        const double one_peak = fma_peak(1);
        peak[i] = fma_peak(b->threads) / one_peak;
        if (u->repeats > 1) timed(u, 1); /* small ones feel what the peaks left behind */
        const double all = timed(u, b->threads);
        gain[i] = timed(u, 1) / all;
        scaling[i] = gain[i] / peak[i];
    }
    show(b, "  threads: update faster than on one", bench_median(gain, RUNS), "times",
         bench_median(scaling, RUNS), "the peak's gain");
    show(b, "  threads: multiply-add peak", bench_median(peak, RUNS), "times", 0, NULL);
}

/* The second figure beside the first. */
static void measure_sharp(struct bench *b, const struct figure *f, eg_memory *m, struct update *u)
{
    double time[RUNS], share[RUNS];
    for (int i = 0; i < RUNS && u->status == EG_OK; i++) {
        u->status = set_beta(m, f->beta);
        const double dense = timed(u, 1);
        if (u->status == EG_OK) u->status = set_beta(m, f->sharp_beta);
        time[i] = timed(u, 1);
        share[i] = time[i] / dense;
    }
    if (u->status == EG_OK)
        show(b, "  sharp: beta = 100", bench_median(time, RUNS) * 1e3, "ms",
             bench_median(share, RUNS), "the dense time");
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
        struct update u = { m, x, next, f->q, 1, EG_OK };
        const double once = timed(&u, 1);
        u.repeats = once < 1e-3 ? (size_t)(1e-3 / once) + 1 : 1;
        measure(b, f, &u, data);
        if (b->threads > 1) measure_threads(b, &u);
        if (f->sharp_beta > 0) measure_sharp(b, f, m, &u);
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
    const double fma = bench_median(one, RUNS), peak = bench_median(product, RUNS);
    show(b, "multiply-add peak, one thread", fma * 1e-9, "Gflop/s", 0, NULL);
    if (b->threads > 1)
        show(b, "multiply-add peak, all threads", bench_median(all, RUNS) * 1e-9, "Gflop/s", 0,
             NULL);
    show(b, "matrix product 2048^3, one thread", peak * 1e-9, "Gflop/s", peak / fma,
         "multiply-add peak");
}

int bench_association(int json, int threads)
{
    bench_fit_openblas();
    struct bench b = { .json = json, .threads = threads };
    const size_t cells = (size_t)PRODUCT * PRODUCT;
    float *store = aligned_alloc(64, 3 * cells * sizeof *store);
    if (store == NULL) return 5;
    eg_random_uniform(3, 0, 0, 2 * cells, store);
    b.a = store;
    b.b = store + cells;
    b.c = store + 2 * cells;
    openblas_set_num_threads(1);
    if (!json)
        printf("dense updates, medians of %d runs; kernels %s, OpenBLAS core %s\n", RUNS, eg_isa(),
               openblas_get_corename());
    show_limits(&b);
    eg_status s = EG_OK;
    for (size_t i = 0; i < sizeof figures / sizeof *figures && s == EG_OK; i++)
        s = run_figure(&b, &figures[i]);
    free(store);
    if (s != EG_OK) fprintf(stderr, "bench association: %s\n", eg_error_detail());
    return s == EG_OK ? 0 : s == EG_ERR_NOMEM ? 5 : 1;
}
