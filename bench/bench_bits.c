/* engram bench bits: packed +1/-1 patterns beside a float matrix.
 *
 * First what the machine gives (popcounts in cache, a pass over the packed patterns, a pair of
 * sgemv on the float matrix), then each figure with its ratio; medians of RUNS runs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <cblas.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "bits/egi_bits.h"
#include "engram/engram.h"
#include "kernel/egi_kernel_bits.h"

int bench_bits(int json, int threads);

enum { RUNS = 7, D = 10000, N = 20000, MANY = 10000000, MANY_D = 64 };

struct bench {
    int json, threads;
    struct egi_bits *bits; /* (N, D) */
    float *patterns;       /* (N, D) */
    float *a, *y;          /* (N), (D) */
    float *state;          /* (D) */
    uint64_t *x;           /* (W) packed state */
    int32_t *s;            /* (N) */
    double *difference;    /* (2 D + 3) of F(s) = s^3 */
    double *work;
    size_t flips;
    eg_memory *memory; /* the same patterns, for the public functions */
    float *next;       /* (D) */
    eg_status status;
};

/* Median seconds of RUNS runs; before each, prepare (may be NULL) is not counted. */
static double median(struct bench *b, void (*prepare)(struct bench *), void (*run)(struct bench *))
{
    double t[RUNS];
    for (int i = 0; i < RUNS; i++) {
        if (prepare != NULL) prepare(b);
        const double start = bench_now();
        run(b);
        t[i] = bench_now() - start;
    }
    return bench_median(t, RUNS);
}

static void show(const struct bench *b, const char *name, double value, const char *unit,
                 double ratio, const char *of)
{
    bench_show(b->json, name, value, unit, ratio, of);
}

static void popcount_in_cache(struct bench *b)
{
    uint64_t rows[64 * 64];
    for (size_t i = 0; i < 64 * 64; i++) rows[i] = i * 0x9e3779b97f4a7c15;
    const struct egi_kernels_bits k = egi_kernels_bits(egi_isa_level());
    int32_t overlap[64];
    for (int i = 0; i < 1000; i++) {
        rows[i] ^= (uint64_t)i;
        k.overlaps(rows, 64, 64, rows, 0, overlap);
    }
    b->s[0] = overlap[63];
}

static void gemv_pair(struct bench *b)
{
    cblas_sgemv(CblasRowMajor, CblasNoTrans, N, D, 1, b->patterns, D, b->state, 1, 0, b->a, 1);
    cblas_sgemv(CblasRowMajor, CblasTrans, N, D, 1, b->patterns, D, b->a, 1, 0, b->y, 1);
}

static void overlaps(struct bench *b)
{
    egi_bits_overlaps(b->bits, b->x, b->threads, b->s);
}

static void weighted_sum(struct bench *b)
{
    egi_bits_weighted_sum(b->bits, b->a, b->threads, b->y);
}

static void signs(struct bench *b) /* fewer doubles of scratch than a sweep */
{
    egi_bits_signs(b->bits, b->a, b->threads, b->work, b->y);
}

/* Overlaps, a_i = s_i^2 as in n = 3, signs of the sum. */
static void synchronous_step(struct bench *b)
{
    overlaps(b);
    for (size_t i = 0; i < N; i++) b->a[i] = (float)b->s[i] * (float)b->s[i];
    signs(b);
    egi_bits_pack(b->y, D, b->x);
}

/* The first pattern with every tenth component changed, and a random state. */
static void cue_stored(struct bench *b)
{
    memcpy(b->state, b->patterns, D * sizeof *b->state);
    for (size_t j = 0; j < D; j += 10) b->state[j] = -b->state[j];
    egi_bits_pack(b->state, D, b->x);
    overlaps(b);
}

static void draw_cue(struct bench *b)
{
    eg_random_sign(1, 1, 0, D, b->state);
    egi_bits_pack(b->state, D, b->x);
}

/* With the overlaps that a sweep begins from. */
static void cue_random(struct bench *b)
{
    draw_cue(b);
    overlaps(b);
}

static void sweep(struct bench *b)
{
    const struct egi_bits_sweep s = { .difference = b->difference, .work = b->work };
    b->flips = egi_bits_sweep(b->bits, &s, b->x, b->s, b->threads);
}

/* ---- the same through the public functions ---- */

static void public_step(struct bench *b)
{
    const eg_status s = eg_memory_step(b->memory, b->state, 1, b->threads, b->next);
    if (s != EG_OK) b->status = s;
}

static void public_sweep(struct bench *b)
{
    eg_recall_options o = EG_RECALL_OPTIONS_INIT;
    o.dynamics = EG_DYN_ASYNC;
    o.max_steps = 1;
    o.threads = b->threads;
    const eg_status s = eg_memory_recall(b->memory, b->state, 1, &o, b->next, NULL);
    if (s != EG_OK) b->status = s;
}

static eg_status make_memory(struct bench *b)
{
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    o.storage = EG_STORE_BITS;
    o.rule.separation = EG_SEP_POWER;
    o.rule.order = 3;
    o.rule.beta = 1;
    o.rule.projection = EG_PROJ_SIGN;
    const eg_status s = eg_memory_create(D, &o, &b->memory);
    return s == EG_OK ? eg_memory_add(b->memory, b->patterns, N, NULL) : s;
}

static int public_functions(struct bench *b, double pair, double step, double sweep_time)
{
    b->next = calloc(D, sizeof *b->next);
    if (b->next == NULL || make_memory(b) != EG_OK) return -1;
    const double update = median(b, draw_cue, public_step);
    show(b, "eg_memory_step of one state", update * 1e3, "ms", update / pair, "the pair of sgemv");
    show(b, "  beside its kernels", update * 1e3, "ms", update / step, "the synchronous step");
    const double recall = median(b, cue_stored, public_sweep);
    show(b, "eg_memory_recall, one sweep, 10 % changed", recall * 1e3, "ms", recall / sweep_time,
         "the sweep");
    eg_memory_destroy(b->memory);
    free(b->next);
    return b->status == EG_OK ? 0 : -1;
}

static void cube_differences(size_t d, double *difference)
{
    for (size_t k = 0; k < 2 * d + 3; k++) {
        const double s = (double)k - (double)d;
        difference[k] = s * s * s - (s - 2) * (s - 2) * (s - 2);
    }
}

static int allocate(struct bench *b, size_t n, size_t d)
{
    b->a = calloc(n, sizeof *b->a);
    b->y = calloc(d, sizeof *b->y);
    b->state = calloc(d, sizeof *b->state);
    b->x = calloc(egi_bits_words(d), sizeof *b->x);
    b->s = calloc(n, sizeof *b->s);
    b->difference = calloc(2 * d + 3, sizeof *b->difference);
    b->work = aligned_alloc(64, (egi_bits_sweep_work(b->bits) * sizeof *b->work + 63) / 64 * 64);
    if (!b->a || !b->y || !b->state || !b->x || !b->s || !b->difference || !b->work) return -1;
    for (size_t i = 0; i < n; i++) b->a[i] = (float)(i % 17) - 8;
    cube_differences(d, b->difference);
    return 0;
}

static void release(struct bench *b)
{
    egi_bits_destroy(b->bits);
    void *const owned[] = { b->patterns, b->a, b->y, b->state, b->x, b->s, b->difference, b->work };
    for (size_t i = 0; i < sizeof owned / sizeof *owned; i++) free(owned[i]);
}

static int many_neurons(struct bench *b)
{
    b->patterns = malloc((size_t)N * D * sizeof *b->patterns);
    if (b->patterns == NULL || egi_bits_create(D, NULL, &b->bits) != EG_OK) return -1;
    eg_random_sign(1, 0, 0, (size_t)N * D, b->patterns);
    const double start = bench_now();
    if (egi_bits_append(b->bits, b->patterns, N) != EG_OK || allocate(b, N, D) != 0) return -1;
    const double packing = bench_now() - start;
    const double in_cache = median(b, NULL, popcount_in_cache) / 1000;
    show(b, "popcount rate, 32 KiB", 64 * 64 * 8 / in_cache * 1e-9, "GB/s", 0, NULL);
    cue_random(b);
    const double pair = median(b, NULL, gemv_pair);
    show(b, "sgemv and transposed sgemv, 10000 x 20000 f32", pair * 1e3, "ms", 0, NULL);
    show(b, "  its read bandwidth", 2.0 * N * D * 4 / pair * 1e-9, "GB/s", 0, NULL);
    show(b, "packing 20000 patterns of 10000", packing * 1e3, "ms", 0, NULL);
    const double pass = median(b, draw_cue, overlaps);
    show(b, "overlaps of one state", pass * 1e3, "ms", 0, NULL);
    show(b, "  its read bandwidth", N * (D / 8.0) / pass * 1e-9, "GB/s", 0, NULL);
    const double sum = median(b, NULL, weighted_sum);
    show(b, "weighted sum", sum * 1e3, "ms", 0, NULL);
    show(b, "signs of it", median(b, NULL, signs) * 1e3, "ms", 0, NULL);
    const double step = median(b, draw_cue, synchronous_step);
    show(b, "synchronous step of one state", step * 1e3, "ms", step / pair, "the pair of sgemv");
    const double stored = median(b, cue_stored, sweep);
    show(b, "sweep n = 3, stored pattern, 10 % changed", stored * 1e3, "ms", 0, NULL);
    show(b, "  components changed", (double)b->flips, "", 0, NULL);
    const double random = median(b, cue_random, sweep);
    show(b, "sweep n = 3, random state", random * 1e3, "ms", 0, NULL);
    show(b, "  components changed", (double)b->flips, "", 0, NULL);
    return public_functions(b, pair, step, stored);
}

static int many_memories(struct bench *b)
{
    enum { AT_ONCE = 100000 };
    if (egi_bits_create(MANY_D, NULL, &b->bits) != EG_OK) return -1;
    b->patterns = malloc((size_t)AT_ONCE * MANY_D * sizeof *b->patterns);
    if (b->patterns == NULL) return -1;
    const double start = bench_now();
    for (size_t first = 0; first < MANY; first += AT_ONCE) {
        eg_random_sign(2, 0, first * MANY_D, (size_t)AT_ONCE * MANY_D, b->patterns);
        if (egi_bits_append(b->bits, b->patterns, AT_ONCE) != EG_OK) return -1;
    }
    const double storing = bench_now() - start;
    if (allocate(b, MANY, MANY_D) != 0) return -1;
    eg_random_sign(1, 1, 0, MANY_D, b->state);
    egi_bits_pack(b->state, MANY_D, b->x);
    show(b, "10^7 memories of 64: drawn and stored", storing, "s", 0, NULL);
    show(b, "  bytes a memory", (double)egi_bits_bytes(b->bits) / MANY, "B", 0, NULL);
    const double pass = median(b, NULL, overlaps);
    show(b, "  overlaps of one state", pass * 1e3, "ms", 0, NULL);
    show(b, "    its read and write bandwidth", 12.0 * MANY / pass * 1e-9, "GB/s", 0, NULL);
    show(b, "  weighted sum", median(b, NULL, weighted_sum) * 1e3, "ms", 0, NULL);
    overlaps(b);
    show(b, "  sweep n = 3", median(b, NULL, sweep) * 1e3, "ms", 0, NULL);
    return 0;
}

int bench_bits(int json, int threads)
{
    bench_fit_openblas();
    struct bench b = { .json = json, .threads = threads };
    openblas_set_num_threads(threads);
    if (!json)
        printf("packed patterns, %d thread(s), medians of %d runs; OpenBLAS core %s\n", threads,
               RUNS, openblas_get_corename());
    int failed = many_neurons(&b);
    release(&b);
    struct bench c = { .json = json, .threads = threads };
    failed = failed || many_memories(&c);
    release(&c);
    return failed ? -1 : 0;
}
