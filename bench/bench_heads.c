/* engram bench heads: one example taught, one vector named, after its features are there: 1280 of
 * them, 100 classes. Medians of RUNS runs, one thread: of the mean over N examples, and of single
 * calls, which lda answers by putting an example aside. Beside the mean stands what eg_head_time
 * says, by which a budget of microseconds chooses. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "engram/engram.h"

int bench_heads(int json, int threads);

enum { RUNS = 7, D = 1280, K = 100, N = 1000 };

static const struct {
    const char *name, *spec;
} heads[] = {
    { "prototype, 4 bits", "{\"kind\": \"prototype\", \"bits\": 4}" },
    { "mean", "{\"kind\": \"mean\"}" },
    { "mean, 2 bits frozen", "{\"kind\": \"mean\", \"bits\": 2}" },
    { "binary, P = 64, K = 64",
      "{\"kind\": \"binary\", \"quantiser\": {\"kind\": \"anchors\", \"parts\": 64, \"anchors\": "
      "64}}" },
    { "clique, P = 32, K = 64", "{\"kind\": \"clique\"}" },
    { "tilda, P = 16, 5 anchors", "{\"kind\": \"tilda\"}" },
    { "cache", "{\"kind\": \"cache\"}" },
    { "fecam_each, 128 directions", "{\"kind\": \"fecam_each\", \"project\": 128}" },
    { "lda", "{\"kind\": \"lda\"}" },
};

struct bench {
    int json;
    float *x;   /* (N, D) as behind a ReLU */
    int32_t *y; /* (N) */
    eg_head_answer *answer;
};

/* *usual: the median of single calls, seconds. */
static eg_status teach_all(const struct bench *b, eg_head *h, double *usual)
{
    static double took[N];
    for (size_t i = 0; i < N; i++) {
        const double begun = bench_now();
        const eg_status s = eg_head_teach(h, b->x + i * D, b->y + i, 1);
        took[i] = bench_now() - begun;
        if (s != EG_OK) return s;
    }
    *usual = bench_median(took, N);
    return EG_OK;
}

static eg_status one_head(const struct bench *b, const char *name, const char *spec)
{
    double taught[RUNS], usual[RUNS], ready[RUNS], named[RUNS];
    eg_head_times expected = { 0, 0 };
    char text[96];
    eg_status s = EG_OK;
    for (int i = 0; i < RUNS && s == EG_OK; i++) {
        eg_head *h = NULL;
        s = eg_head_create(spec, D, 1, NULL, &h);
        if (s == EG_OK) s = eg_head_reserve(h, K, N);
        if (s == EG_OK && eg_head_kind_of(h)->can & EG_HEAD_FITS) s = eg_head_fit(h, b->x, N);
        const double begun = bench_now();
        if (s == EG_OK) s = teach_all(b, h, &usual[i]);
        taught[i] = bench_now() - begun;
        if (s == EG_OK) s = eg_head_predict(h, b->x, 1, b->answer, NULL);
        ready[i] = bench_now() - begun - taught[i];
        const double asked = bench_now();
        if (s == EG_OK) s = eg_head_predict(h, b->x, N, b->answer, NULL);
        named[i] = bench_now() - asked;
        eg_head_destroy(h);
    }
    if (s == EG_OK) s = eg_head_time(spec, D, K, N, &expected);
    if (s != EG_OK) return s;
    const double taught_us = 1e6 * bench_median(taught, RUNS) / N;
    const double named_us = 1e6 * bench_median(named, RUNS) / N;
    snprintf(text, sizeof text, "teach one example: %s", name);
    bench_show(b->json, text, taught_us, "us", taught_us / expected.teach, "eg_head_time");
    snprintf(text, sizeof text, "  one call, median: %s", name);
    bench_show(b->json, text, 1e6 * bench_median(usual, RUNS), "us", 0, NULL);
    snprintf(text, sizeof text, "  first answer after teaching: %s", name);
    bench_show(b->json, text, 1e3 * bench_median(ready, RUNS), "ms", 0, NULL);
    snprintf(text, sizeof text, "  name one of 100 classes: %s", name);
    bench_show(b->json, text, named_us, "us", named_us / expected.answer, "eg_head_time");
    return EG_OK;
}

int bench_heads(int json, int threads)
{
    struct bench b = { .json = json };
    (void)threads; /* teaching is one thread's work */
    b.x = malloc(sizeof *b.x * N * D);
    b.y = malloc(sizeof *b.y * N);
    b.answer = malloc(sizeof *b.answer * N);
    eg_status s = b.x != NULL && b.y != NULL && b.answer != NULL ? EG_OK : EG_ERR_NOMEM;
    if (s == EG_OK) eg_random_normal(1, 1, 0, (size_t)N * D, b.x);
    for (size_t i = 0; i < (size_t)N * D && s == EG_OK; i++) b.x[i] = fmaxf(b.x[i], 0);
    for (size_t i = 0; i < N && s == EG_OK; i++) b.y[i] = (int32_t)(i % K);
    for (size_t k = 0; k < sizeof heads / sizeof *heads && s == EG_OK; k++)
        s = one_head(&b, heads[k].name, heads[k].spec);
    if (s != EG_OK) fprintf(stderr, "bench heads: %s\n", eg_error_detail());
    free(b.x), free(b.y), free(b.answer);
    return s == EG_OK ? 0 : 1;
}
