/* engram bench binary: cliques of c = 8 clusters of l = 256 units, M = 10 000, half of the clusters
 * erased, recalled to rest; teaching; the other rules. tools/numpy_clique_recall.py is the
 * yardstick: the same network, the same error. Medians of RUNS runs, on one thread unless told. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "engram/engram.h"

int bench_binary(int json, int threads);

enum { RUNS = 7, C = 8, L = 256, WORDS = C * L / 64, M = 10000, TAUGHT = 1000 };

struct bench {
    int json, threads;
    eg_binary *memory, *counted;
    uint64_t *messages, *cues, *answers; /* (M, WORDS) */
    eg_binary_certificate *certificates; /* (M) */
    eg_binary_recall_options options;
    int certify;
    eg_status status;
};

static double median(struct bench *b, void (*run)(struct bench *))
{
    double t[RUNS];
    for (int i = 0; i < RUNS; i++) {
        const double start = bench_now();
        run(b);
        t[i] = bench_now() - start;
    }
    return bench_median(t, RUNS);
}

static void recall(struct bench *b)
{
    const eg_status s = eg_binary_recall(b->memory, b->cues, M, &b->options, b->answers,
                                         b->certify ? b->certificates : NULL);
    if (s != EG_OK) b->status = s;
}

static double error_of(const struct bench *b)
{
    size_t wrong = 0;
    for (size_t i = 0; i < M; i++)
        wrong += memcmp(b->answers + i * WORDS, b->messages + i * WORDS, WORDS * 8) != 0;
    return (double)wrong / M;
}

static void show_recall(struct bench *b, const char *name)
{
    char full[96];
    const double rate = M / median(b, recall);
    bench_show(b->json, name, rate, "msg/s", 0, NULL);
    snprintf(full, sizeof full, "%s: error", name);
    bench_show(b->json, full, 100 * error_of(b), "%", 0, NULL);
}

static void teach(struct bench *b)
{
    for (size_t i = 0; i < TAUGHT && b->status == EG_OK; i++)
        b->status = eg_binary_add(b->counted, b->messages + i * WORDS, NULL, 1);
}

static void unteach(struct bench *b)
{
    for (size_t i = 0; i < TAUGHT && b->status == EG_OK; i++)
        b->status = eg_binary_forget(b->counted, b->messages + i * WORDS, NULL, 1);
}

static void measure(struct bench *b)
{
    static const struct {
        const char *name;
        eg_binary_score score;
        eg_binary_activation activation;
        int certify;
    } rules[] = {
        { "cliques, half erased, to rest", EG_SCORE_MAX, EG_ACTIVE_SUPPORT, 0 },
        { "the same with certificates", EG_SCORE_MAX, EG_ACTIVE_SUPPORT, 1 },
        { "sum-of-sum, winners of a cluster", EG_SCORE_SUM, EG_ACTIVE_WINNERS, 0 },
        { "sum-of-max, losers kicked out", EG_SCORE_MAX, EG_ACTIVE_LOSERS, 0 },
    };
    for (size_t i = 0; i < sizeof rules / sizeof *rules && b->status == EG_OK; i++) {
        b->options.score = rules[i].score;
        b->options.activation = rules[i].activation;
        b->certify = rules[i].certify;
        show_recall(b, rules[i].name);
    }
    const double taught = median(b, teach), gone = median(b, unteach);
    bench_show(b->json, "teach one message, counted", 1e6 * taught / TAUGHT, "us", 0, NULL);
    bench_show(b->json, "forget one message", 1e6 * gone / TAUGHT, "us", 0, NULL);
}

static eg_status prepare(struct bench *b)
{
    eg_binary_options o = EG_BINARY_OPTIONS_INIT;
    b->messages = calloc((size_t)M * WORDS, 8);
    b->cues = calloc((size_t)M * WORDS, 8);
    b->answers = calloc((size_t)M * WORDS, 8);
    b->certificates = calloc(M, sizeof *b->certificates);
    if (!b->messages || !b->cues || !b->answers || !b->certificates) return EG_ERR_NOMEM;
    for (size_t i = 0; i < (size_t)M * C; i++) {
        const uint64_t unit = eg_random_below(1, 1, i, L);
        b->messages[4 * i + unit / 64] |= UINT64_C(1) << unit % 64;
        if (i % C < C / 2) b->cues[4 * i + unit / 64] |= UINT64_C(1) << unit % 64;
    }
    eg_status s = eg_binary_create(&o, &b->memory);
    o.counted = 1;
    if (s == EG_OK) s = eg_binary_create(&o, &b->counted);
    if (s == EG_OK) s = eg_binary_add(b->memory, b->messages, NULL, M);
    if (s != EG_OK) return s;
    b->options = eg_binary_recall_usual(b->memory);
    b->options.threads = b->threads;
    return EG_OK;
}

int bench_binary(int json, int threads)
{
    struct bench b = { .json = json, .threads = threads };
    b.status = prepare(&b);
    if (b.status == EG_OK) measure(&b);
    if (b.status != EG_OK) fprintf(stderr, "bench binary: %s\n", eg_error_detail());
    eg_binary_destroy(b.memory);
    eg_binary_destroy(b.counted);
    free(b.messages), free(b.cues), free(b.answers), free(b.certificates);
    return b.status == EG_OK ? 0 : 1;
}
