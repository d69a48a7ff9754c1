/* engram bench store: patterns stored a second at each durability, one by one and in thousands; a
 * file of bench_patterns patterns opened, verified, loaded and asked once; bytes on disk a pattern.
 * tools/store_peers.py is the yardstick: plain SQLite, faiss, hnswlib. Files lie in $TMPDIR. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench.h"
#include "engram/engram.h"

int bench_store(int json, int threads);

enum { D = 64, BLOCK = 1000, BULK = 100000 };
static const double seconds_each = 2;

static void remove_file(const char *path)
{
    static const char *const tail[] = { "", "-wal", "-shm" };
    char name[600];
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", path, tail[i]);
        unlink(name);
    }
}

/* Patterns a second, `n` in a transaction. */
static eg_status time_stores(const char *path, int durability, size_t n, const float *x,
                             double *out)
{
    eg_file_options o = EG_FILE_OPTIONS_INIT;
    eg_memory_file *f = NULL;
    size_t stored = 0;
    o.durability = durability;
    eg_status s = eg_memory_file_create(path, D, NULL, &o, &f);
    const double start = bench_now();
    while (s == EG_OK && bench_now() - start < seconds_each) {
        s = eg_memory_file_append(f, x, n, NULL, NULL);
        stored += n;
    }
    *out = (double)stored / (bench_now() - start);
    eg_memory_file_close(f);
    remove_file(path);
    return s;
}

static eg_status show_stores(int json, const char *path, const float *x)
{
    static const char *const names[] = { "off", "normal", "full" };
    eg_status s = EG_OK;
    for (int durability = 2; durability >= 0 && s == EG_OK; durability--) {
        const size_t sizes[2] = { 1, BLOCK };
        for (size_t i = 0; i < 2 && s == EG_OK; i++) {
            char name[80];
            double rate = 0;
            snprintf(name, sizeof name, "stored by %zu, durability %s", sizes[i],
                     names[durability]);
            s = time_stores(path, durability, sizes[i], x, &rate);
            if (s == EG_OK) bench_show(json, name, rate, "patterns/s", 0, NULL);
        }
    }
    return s;
}

static eg_status fill(const char *path, size_t n, float *x)
{
    eg_file_options o = EG_FILE_OPTIONS_INIT;
    eg_memory_options m = EG_MEMORY_OPTIONS_INIT;
    eg_memory_file *f = NULL;
    o.durability = 0;
    m.rule.beta = 1;
    eg_status s = eg_memory_file_create(path, D, &m, &o, &f);
    for (size_t at = 0; at < n && s == EG_OK; at += BULK) {
        const size_t now = n - at < BULK ? n - at : BULK;
        eg_random_normal(1, 0, at * D, now * D, x);
        s = eg_memory_file_append(f, x, now, NULL, NULL);
    }
    eg_memory_file_close(f);
    return s;
}

/* Each step from the moment before: what a program waits for before its first answer. */
static eg_status show_first_recall(int json, int threads, const char *path, size_t n,
                                   const float *x)
{
    eg_file_options o = EG_FILE_OPTIONS_INIT;
    eg_recall_options r = EG_RECALL_OPTIONS_INIT;
    eg_memory_file *f = NULL;
    eg_memory *m = NULL;
    eg_file_info info;
    eg_certificate c;
    float state[D];
    double at[5] = { bench_now() };
    o.read_only = 1;
    r.max_steps = 1;
    r.threads = threads;
    eg_status s = eg_memory_file_open(path, &o, &f);
    at[1] = bench_now();
    if (s == EG_OK) s = eg_memory_file_verify(f, NULL, NULL);
    at[2] = bench_now();
    if (s == EG_OK) s = eg_memory_file_load(f, &m);
    at[3] = bench_now();
    if (s == EG_OK) s = eg_memory_recall(m, x, 1, &r, state, &c);
    at[4] = bench_now();
    if (s == EG_OK) s = eg_memory_file_info(f, &info);
    if (s == EG_OK) {
        static const char *const names[] = { "open", "verify", "load", "first recall" };
        for (size_t i = 0; i < 4; i++)
            bench_show(json, names[i], 1e3 * (at[i + 1] - at[i]), "ms", 0, NULL);
        bench_show(json, "on disk", (double)info.file_bytes / (double)n, "bytes/pattern",
                   (double)info.file_bytes / (double)n / (D * sizeof(float)), "the bare numbers");
    }
    eg_memory_destroy(m);
    eg_memory_file_close(f);
    return s;
}

int bench_store(int json, int threads)
{
    char path[512];
    const char *tmp = getenv("TMPDIR");
    snprintf(path, sizeof path, "%s/engram-bench-%ld.egm", tmp != NULL ? tmp : "/tmp",
             (long)getpid());
    float *x = malloc((size_t)BULK * D * sizeof *x);
    if (x == NULL) return 5;
    eg_random_normal(1, 0, 0, (size_t)BULK * D, x);
    eg_status s = show_stores(json, path, x);
    if (s == EG_OK) {
        bench_show(json, "file of", (double)bench_patterns, "patterns", 0, NULL);
        s = fill(path, bench_patterns, x);
    }
    if (s == EG_OK) s = show_first_recall(json, threads, path, bench_patterns, x);
    remove_file(path);
    free(x);
    if (s != EG_OK) fprintf(stderr, "engram bench store: %s\n", eg_error_detail());
    return s == EG_OK ? 0 : s == EG_ERR_IO ? 4 : 5;
}
