/* engram bench routed: one query against N = 10^6 patterns of D = 64, by way of the index and by
 * the exact recall. With --write FOLDER patterns, states and answers go there, and
 * tools/routed_peers.py puts faiss and hnswlib beside them.
 *
 * Patterns: 1000 centres uniform on the unit sphere, every pattern a centre and N(0, s^2) noise a
 * component; a state is a stored pattern and noise of half that size. s = 0.05 (a cluster of radius
 * 0.4 about centres 1.4 apart) is what "clustered" means here; without clusters (s = 0.125,
 * patterns as far apart as centres) no bound of this kind can help, and the figure says so. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "engram/engram.h"

int bench_routed(int json, int threads);

const char *bench_folder;

enum { N = 1000000, D = 64, CENTRES = 1000, QUERIES = 200, EXACT = 15 };

struct bench {
    int json, threads;
    float *xi, *x, *out, *exact; /* (N, D); (QUERIES, D) states, answers; (EXACT, D) */
    eg_memory *memory;
    eg_routed *routed;
    eg_status status;
};

static void unit_vectors(uint64_t stream, size_t n, float *out)
{
    eg_random_normal(1, stream, 0, n * D, out);
    for (size_t i = 0; i < n; i++) {
        double square = 0;
        for (size_t j = 0; j < D; j++) square += (double)out[i * D + j] * (double)out[i * D + j];
        for (size_t j = 0; j < D; j++) out[i * D + j] /= (float)sqrt(square);
    }
}

/* A stored pattern's number for a state. */
static size_t stored_of(size_t q)
{
    return (size_t)eg_random_below(1, 7, q, N);
}

static void draw(struct bench *b, double spread)
{
    float centre[CENTRES * D];
    unit_vectors(1, CENTRES, centre);
    eg_random_normal(1, 2, 0, (size_t)N * D, b->xi);
    for (size_t i = 0; i < (size_t)N * D; i++)
        b->xi[i] = centre[i / D % CENTRES * D + i % D] + (float)spread * b->xi[i];
    eg_random_normal(1, 3, 0, (size_t)QUERIES * D, b->x);
    for (size_t q = 0; q < QUERIES; q++)
        for (size_t j = 0; j < D; j++)
            b->x[q * D + j] = b->xi[stored_of(q) * D + j] + (float)(spread / 2) * b->x[q * D + j];
}

static void begin(struct bench *b, double spread, eg_similarity similarity, double beta)
{
    eg_memory_options o = EG_MEMORY_OPTIONS_INIT;
    eg_routed_options how = EG_ROUTED_OPTIONS_INIT;
    o.rule.similarity = similarity;
    o.rule.beta = beta;
    how.threads = b->threads;
    draw(b, spread);
    eg_memory_destroy(b->memory);
    b->memory = NULL;
    b->status = eg_memory_create(D, &o, &b->memory);
    if (b->status == EG_OK) b->status = eg_memory_add(b->memory, b->xi, N, NULL);
    const double start = bench_now();
    if (b->status == EG_OK) b->status = eg_routed_create(b->memory, &how, &b->routed);
    if (b->status != EG_OK) return;
    bench_show(b->json, "index made", bench_now() - start, "s", 0, NULL);
    bench_show(b->json, "index size, bytes a pattern", (double)eg_routed_bytes(b->routed) / N, "B",
               0, NULL);
}

/* Seconds of one exact query: median. */
static double time_exact(struct bench *b)
{
    double t[EXACT];
    for (size_t i = 0; i < EXACT && b->status == EG_OK; i++) {
        const double start = bench_now();
        b->status = eg_memory_step(b->memory, b->x + i * D, 1, b->threads, b->exact + i * D);
        t[i] = bench_now() - start;
    }
    return b->status == EG_OK ? bench_median(t, EXACT) : 0;
}

static double apart(const float *a, const float *b)
{
    double square = 0;
    for (size_t j = 0; j < D; j++) square += pow((double)a[j] - (double)b[j], 2);
    return sqrt(square);
}

static void show_routed(struct bench *b, double error, double exact)
{
    double t[QUERIES], certified = 0, off = 0, looked = 0, coded = 0;
    char name[96];
    for (size_t q = 0; q < QUERIES && b->status == EG_OK; q++) {
        eg_routed_certificate c;
        const double start = bench_now();
        float *out = b->out + q * D;
        b->status = eg_routed_read(b->routed, b->x + q * D, 1, error, 0, 1, out, &c);
        t[q] = bench_now() - start;
        certified = fmax(certified, c.error);
        looked += (double)c.patterns / QUERIES;
        coded += (double)c.codes / QUERIES;
        if (q < EXACT) off = fmax(off, apart(out, b->exact + q * D));
    }
    if (b->status != EG_OK) return;
    const double took = bench_median(t, QUERIES);
    snprintf(name, sizeof name, "one query, error %g", error);
    bench_show(b->json, name, 1e6 * took, "us", exact / took, "exact, times as fast");
    bench_show(b->json, "  slowest of them", 1e6 * t[QUERIES - 1], "us", 0, NULL);
    bench_show(b->json, "  largest certified error", certified, "", 0, NULL);
    bench_show(b->json, "  largest error against the exact recall", off, "", 0, NULL);
    bench_show(b->json, "  codes looked at", coded, "", coded / N, "N");
    bench_show(b->json, "  patterns looked at", looked, "", looked / N, "N");
}

static void write_part(struct bench *b, const char *name, const char *part, const float *x,
                       size_t n)
{
    char path[1000];
    snprintf(path, sizeof path, "%s/%s.%s.npy", bench_folder, name, part);
    if (b->status == EG_OK) b->status = eg_npy_write(path, x, n, D);
}

static void write_case(struct bench *b, const char *name)
{
    if (bench_folder == NULL) return;
    write_part(b, name, "patterns", b->xi, N);
    write_part(b, name, "states", b->x, QUERIES);
    write_part(b, name, "answers", b->out, QUERIES);
}

static void measure(struct bench *b)
{
    static const struct {
        const char *name, *file;
        double spread;
        eg_similarity similarity;
        double beta;
    } cases[] = {
        { "clusters, dot, beta 200", "clusters-dot-200", 0.05, EG_SIM_DOT, 200 },
        { "clusters, dot, beta 50", "clusters-dot-50", 0.05, EG_SIM_DOT, 50 },
        { "clusters, euclidean, beta 50", "clusters-euclidean-50", 0.05, EG_SIM_EUCLIDEAN, 50 },
        { "no clusters, dot, beta 50", "even-dot-50", 0.125, EG_SIM_DOT, 50 },
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases && b->status == EG_OK; i++) {
        if (!b->json) printf(" %s\n", cases[i].name);
        begin(b, cases[i].spread, cases[i].similarity, cases[i].beta);
        const double exact = b->status == EG_OK ? time_exact(b) : 0;
        if (b->status == EG_OK) bench_show(b->json, "one query, exact", 1e6 * exact, "us", 0, NULL);
        if (b->status == EG_OK) show_routed(b, 1e-2, exact);
        if (b->status == EG_OK) show_routed(b, 1e-3, exact);
        write_case(b, cases[i].file);
        eg_routed_destroy(b->routed);
        b->routed = NULL;
    }
}

int bench_routed(int json, int threads)
{
    struct bench b = { .json = json, .threads = threads };
    b.xi = malloc((size_t)N * D * sizeof *b.xi);
    b.x = malloc((size_t)QUERIES * D * sizeof *b.x);
    b.out = malloc((size_t)QUERIES * D * sizeof *b.out);
    b.exact = malloc((size_t)EXACT * D * sizeof *b.exact);
    if (b.xi && b.x && b.out && b.exact)
        measure(&b);
    else
        b.status = EG_ERR_NOMEM;
    if (b.status != EG_OK) fprintf(stderr, "bench routed: %s\n", eg_error_detail());
    eg_routed_destroy(b.routed);
    eg_memory_destroy(b.memory);
    free(b.xi), free(b.x), free(b.out), free(b.exact);
    return b.status == EG_OK ? 0 : 1;
}
