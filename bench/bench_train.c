/* engram bench train: steps of learners as shares of the matrix-product peak.
 *
 * A product of 2048^3 and a step are timed in turn (limit, figure, limit, figure ...); the share is
 * the median of the ratios, so that it holds where the clock or the neighbours change. Only useful
 * operations count: two products of (B, D) with (D, H) for a dense memory, 4 B H D, nothing for
 * powers, momenta and clipping. Images are random, and dark as digits are: so overlaps have the
 * size they have in training. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench.h"
#include "engram/engram.h"

int bench_train(int json, int threads);

enum { RUNS = 9, SET = 60000 };

/* LeCun et al. 1998, with rectified units. */
static const char lenet[] =
    "{\"kind\": \"network\", \"layers\": ["
    "{\"kind\": \"reshape\", \"shape\": [1, 28, 28]},"
    "{\"kind\": \"conv2d\", \"channels\": 6, \"kernel\": 5, \"padding\": 2}, \"activation\","
    "{\"kind\": \"max_pool2d\", \"kernel\": 2},"
    "{\"kind\": \"conv2d\", \"channels\": 16, \"kernel\": 5}, \"activation\","
    "{\"kind\": \"max_pool2d\", \"kernel\": 2}, \"flatten\","
    "{\"kind\": \"linear\", \"units\": 120}, \"activation\","
    "{\"kind\": \"linear\", \"units\": 84}, \"activation\", \"linear\"]}";

static const char lstm[] = "{\"kind\": \"network\", \"layers\": ["
                           "{\"kind\": \"reshape\", \"shape\": [28, 28]},"
                           "{\"kind\": \"lstm\", \"units\": 128}, \"linear\"]}";

/* Useful operations of an example: products forward, by weights and by inputs, but none by the
 * images themselves. */
#define MLP (4.0 * 784 * 2000 + 6.0 * 2000 * 10)
#define LENET_FIRST (2.0 * 28 * 28 * 6 * 25)
#define LENET (LENET_FIRST + 2.0 * (100 * 16 * 150 + 400 * 120 + 120 * 84 + 84 * 10))
#define LSTM_INPUTS (28 * 2.0 * 4 * 128 * 28)
#define LSTM (LSTM_INPUTS + 28 * 2.0 * 4 * 128 * 128)

/* What is measured. */
static const struct figure {
    const char *name, *spec;
    size_t inputs, classes, batch;
    double useful; /* floating-point operations of one example */
} figures[] = {
    { "dense memory, n = 3, 2000 memories, batch 1000", "{\"kind\": \"dam\"}", 784, 10, 1000,
      4.0 * 2000 * 784 },
    { "the same, n = 2", "{\"kind\": \"dam\", \"n\": 2}", 784, 10, 1000, 4.0 * 2000 * 784 },
    { "the same, n = 30", "{\"kind\": \"dam\", \"n\": 30, \"t_initial\": 540}", 784, 10, 1000,
      4.0 * 2000 * 784 },
    { "the same, n = 3, dual form", "{\"kind\": \"dam\", \"form\": \"dual\"}", 784, 10, 1000,
      4.0 * 2000 * 784 },
    { "competing units, 2000, batch 100", "{\"kind\": \"local\", \"share\": 1}", 784, 10, 100,
      2.0 * 2000 * 784 },
    { "perceptron 784-2000-10, batch 100", "{\"kind\": \"network\", \"hidden\": [2000]}", 784, 10,
      100, MLP },
    { "the same, batch 1000", "{\"kind\": \"network\", \"hidden\": [2000]}", 784, 10, 1000, MLP },
    { "LeNet, batch 100", lenet, 784, 10, 100, 3 * LENET - LENET_FIRST },
    { "LSTM of 28 steps of 28, H = 128, batch 100", lstm, 784, 10, 100, 3 * LSTM - LSTM_INPUTS },
};

struct bench {
    int json, threads;
    struct bench_product product;
    float *x; /* (1000, 784) */
    int32_t *y;
};

static int measure(struct bench *b, const struct figure *f)
{
    const eg_task task = { .inputs = f->inputs, .classes = f->classes, .epochs = 100 };
    eg_learner *l = NULL;
    double step[RUNS], share[RUNS], product[RUNS], loss;
    eg_status s = eg_learner_create(f->spec, &task, 1, b->threads, NULL, &l);
    for (int i = -2; i < RUNS && s == EG_OK; i++) { /* two to warm up */
        const double limit = bench_product_time(&b->product, b->threads), start = bench_now();
        s = eg_learner_step(l, 0, b->x, b->y, f->batch, &loss);
        const double took = bench_now() - start;
        if (i < 0) continue;
        step[i] = took;
        product[i] = 1e-9 / limit;
        share[i] = f->useful * (double)f->batch * limit / took;
    }
    eg_learner_destroy(l);
    if (s != EG_OK) {
        fprintf(stderr, "engram: %s: %s\n", f->name, eg_error_detail());
        return -1;
    }
    const double took = bench_median(step, RUNS);
    bench_show(b->json, f->name, took * 1e3, "ms", 0, NULL);
    bench_show(b->json, "  an epoch of 60 000", took * SET / (double)f->batch, "s", 0, NULL);
    bench_show(b->json, "  the product 2048^3 beside it", bench_median(product, RUNS), "Gflop/s", 0,
               NULL);
    bench_show(b->json, "  useful operations", f->useful * (double)f->batch / took * 1e-9,
               "Gflop/s", bench_median(share, RUNS), "the product");
    return 0;
}

int bench_train(int json, int threads)
{
    const size_t cells = (size_t)1000 * 784;
    struct bench b = { .json = json,
                       .threads = threads,
                       .x = malloc(cells * sizeof(float)),
                       .y = malloc(1000 * sizeof(int32_t)) };
    int failed = bench_product_open(&b.product) != 0 || b.x == NULL || b.y == NULL;
    if (!failed) {
        eg_random_uniform(1, 3, 0, cells, b.x);
        for (size_t i = 0; i < cells; i++) b.x[i] *= b.x[i] * b.x[i] * b.x[i]; /* mean .2 */
        for (int32_t i = 0; i < 1000; i++) b.y[i] = i % 10;
        if (!json) printf("steps of learners, %d thread(s), medians of %d runs\n", threads, RUNS);
    }
    for (size_t i = 0; i < sizeof figures / sizeof *figures && !failed; i++)
        failed = measure(&b, &figures[i]) != 0;
    bench_product_close(&b.product);
    free(b.x);
    free(b.y);
    return failed ? -1 : 0;
}
