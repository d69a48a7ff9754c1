/* engram bench dynamics: what learning as physics costs. The tangent kernel of a 784-512-10 network
 * on 2000 images of MNIST, one score, as a share of a matrix product of 2048^3 timed in turn with
 * it (useful: half of N x N x weights, since the kernel is symmetric); training with two-time
 * displacements read, as a share of the same without; the equations of two times of the spherical
 * p-spin model on a grid of 4000, the largest that is promised to end within 4 minutes of two
 * threads. Medians of 7, the last figure once. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "engram/engram.h"

int bench_dynamics(int json, int threads);

enum { ROUNDS = 7, IMAGES = 2000, EPOCHS = 5, WAITS = 20, TIMES = 40, GRID = 4000 };

struct bench {
    int json, threads;
    eg_dataset set;
    eg_task task;
    struct bench_product product;
};

static const char network[] =
    "{\"kind\": \"network\", \"layers\": [\"flatten\", {\"kind\": \"linear\", \"units\": 512}, "
    "{\"kind\": \"activation\", \"function\": \"relu\"}, \"linear\"]}";

static eg_status learner(const struct bench *b, eg_learner **out)
{
    return eg_learner_create(network, &b->task, 1, b->threads, NULL, out);
}

static size_t weights(const eg_params *p)
{
    size_t sum = 0;
    for (size_t i = 0; i < eg_params_count(p); i++)
        sum += eg_shape_size(&eg_params_at(p, i)->shape);
    return sum;
}

static eg_status time_kernel(struct bench *b)
{
    const eg_part part = { &b->set, NULL, IMAGES };
    eg_tangent_options o = EG_TANGENT_OPTIONS_INIT;
    float *kernel = malloc(sizeof(float) * IMAGES * IMAGES);
    double took[ROUNDS], share[ROUNDS];
    eg_learner *l = NULL;
    o.output = 0;
    o.threads = b->threads;
    eg_status s = kernel != NULL ? learner(b, &l) : EG_ERR_NOMEM;
    for (size_t i = 0; i < ROUNDS && s == EG_OK; i++) {
        const double limit = bench_product_time(&b->product, b->threads), start = bench_now();
        s = eg_tangent_kernel(l, &part, &o, kernel);
        took[i] = bench_now() - start;
        share[i] =
            (double)IMAGES * IMAGES * (double)weights(eg_learner_params(l)) * limit / took[i];
    }
    if (s == EG_OK)
        bench_show(b->json, "tangent kernel of 784-512-10, 2000 images", bench_median(took, ROUNDS),
                   "s", bench_median(share, ROUNDS), "the product");
    eg_learner_destroy(l);
    free(kernel);
    return s;
}

/* Seconds of training, with displacements read or without. */
static eg_status trained(const struct bench *b, int read, double *took)
{
    const eg_part part = { &b->set, NULL, b->set.n };
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    eg_train_result r;
    eg_learner *l = NULL;
    o.epochs = EPOCHS;
    eg_status s = learner(b, &l);
    const uint64_t last = EPOCHS * (b->set.n / 100);
    if (s == EG_OK && read)
        s = eg_two_time_create(eg_learner_params(l), last, WAITS, TIMES, NULL, &o.two_time);
    const double start = bench_now();
    if (s == EG_OK) s = eg_train(l, &part, NULL, &o, &r);
    *took = bench_now() - start;
    eg_two_time_destroy(o.two_time);
    eg_learner_destroy(l);
    return s;
}

static eg_status time_displacements(struct bench *b)
{
    double plain[ROUNDS], share[ROUNDS];
    eg_status s = EG_OK;
    for (size_t i = 0; i < ROUNDS && s == EG_OK; i++) {
        double with = 0;
        s = trained(b, 0, &plain[i]);
        if (s == EG_OK) s = trained(b, 1, &with);
        share[i] = with / plain[i];
    }
    if (s != EG_OK) return s;
    bench_show(b->json, "3000 steps of it, batch 100", bench_median(plain, ROUNDS), "s", 0, NULL);
    bench_show(b->json, "  with displacements of two times", bench_median(share, ROUNDS), "", 0,
               NULL);
    return EG_OK;
}

/* A grid of GRID steps; other parameters as they are by default. */
static eg_status time_grid(const struct bench *b)
{
    const eg_dynamics_model *m = eg_dynamics_find("pspin");
    eg_dynamics_options o = EG_DYNAMICS_OPTIONS_INIT;
    eg_dynamics_result r;
    double value[EG_DYNAMICS_PARAMS];
    o.threads = b->threads;
    for (size_t i = 0; m->params[i].name != NULL; i++) {
        value[i] = m->params[i].value;
        if (strcmp(m->params[i].name, "n") == 0) value[i] = GRID;
    }
    const double start = bench_now();
    const eg_status s = eg_dynamics_run(m, value, &o, &r);
    if (s != EG_OK) return s;
    bench_show(b->json, "equations of two times, grid of 4000", bench_now() - start, "s", 0, NULL);
    eg_dynamics_result_clear(&r);
    return EG_OK;
}

int bench_dynamics(int json, int threads)
{
    struct bench b = { .json = json, .threads = threads };
    eg_status s = bench_product_open(&b.product) == 0 ? EG_OK : EG_ERR_NOMEM;
    if (s == EG_OK) s = time_grid(&b);
    if (s == EG_OK && eg_catalogue_read("mnist/train", NULL, &b.set) != EG_OK) {
        fprintf(stderr, "mnist/train is not on this machine: no figures of networks\n");
    } else if (s == EG_OK) {
        eg_dataset_scale(&b.set, 0, 1.0F / 255);
        b.task = (eg_task){ .inputs = b.set.d,
                            .height = b.set.height,
                            .width = b.set.width,
                            .channels = b.set.channels,
                            .classes = b.set.classes,
                            .epochs = EPOCHS };
        s = time_displacements(&b);
        if (s == EG_OK) s = time_kernel(&b);
    }
    if (s != EG_OK) fprintf(stderr, "bench dynamics: %s\n", eg_error_detail());
    eg_dataset_clear(&b.set);
    bench_product_close(&b.product);
    return s == EG_OK ? 0 : 1;
}
