/* engram bench measure: instruments. Exact TwoNN of the 60 000 x 784 numbers of MNIST, scattering
 * of 1000 pictures of CIFAR-10, codes of patches, and a step by a PAC-Bayes bound beside a plain
 * one of the same network. Medians of 7. With --write FOLDER points, pictures and answers go there,
 * and tools/measure_peers.py puts scikit-learn and kymatio beside them.
 *
 * Figures are shares of a matrix product of 2048^3, timed in turn with them: an exact search is one
 * product of N x N x D and what proves it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "engram/engram.h"

int bench_measure(int json, int threads);

enum { ROUNDS = 7, PICTURES = 1000, PATCHES = 2048, CODED = 50, AT_ONCE = 50, STEPS_OF = 6000 };

struct bench {
    int json, threads;
    struct bench_product product;
    eg_status status;
};

static void show(const struct bench *b, const char *name, double *seconds, double *product,
                 double flops)
{
    const double took = bench_median(seconds, ROUNDS), one = bench_median(product, ROUNDS);
    bench_show(b->json, name, took, "s", flops * one / took, "the product");
}

static void write_array(struct bench *b, const char *name, const float *x, size_t n, size_t d)
{
    char path[1000];
    if (bench_folder == NULL || b->status != EG_OK) return;
    snprintf(path, sizeof path, "%s/%s.npy", bench_folder, name);
    b->status = eg_npy_write(path, x, n, d);
}

/* A set of pictures over 255; 0 where it is not on this machine. */
static int read_set(struct bench *b, const char *name, size_t most, eg_dataset *set)
{
    eg_read_options o = EG_READ_OPTIONS_INIT;
    o.max_items = most;
    if (b->status != EG_OK) return 0;
    if (eg_catalogue_read(name, &o, set) != EG_OK) {
        fprintf(stderr, "%s is not on this machine: left out\n", name);
        return 0;
    }
    eg_dataset_scale(set, 0, 1.0F / 255);
    return 1;
}

/* ---- dimension ---- */

static void time_dimension(struct bench *b)
{
    const char *const names[] = { "twonn" };
    double t[ROUNDS], product[ROUNDS];
    eg_dimension_options o = EG_DIMENSION_OPTIONS_INIT;
    eg_dimension out;
    eg_dataset set;
    o.resample = 0;
    o.threads = b->threads;
    if (!read_set(b, "mnist/train", 0, &set)) return;
    for (size_t i = 0; i < ROUNDS && b->status == EG_OK; i++) {
        product[i] = bench_product_time(&b->product, b->threads);
        const double start = bench_now();
        b->status = eg_dimension_estimate(set.x, set.n, set.d, names, 1, &o, &out);
        t[i] = bench_now() - start;
    }
    if (b->status == EG_OK) {
        const float value = (float)out.value;
        show(b, "exact TwoNN of MNIST, 60 000 x 784", t, product,
             2 * (double)set.n * (double)set.n * (double)set.d);
        bench_show(b->json, "  its value", out.value, "", 0, NULL);
        write_array(b, "points", set.x, set.n, set.d);
        write_array(b, "twonn", &value, 1, 1);
    }
    eg_dataset_clear(&set);
}

/* ---- pictures ---- */

static eg_var scattered(eg_tape *t, eg_var x, const void *user)
{
    (void)user;
    return eg_scattering(t, x, NULL);
}

struct dictionary {
    float *kernel, *offset; /* (PATCHES, 108), (2, PATCHES) */
};

static eg_var coded(eg_tape *t, eg_var x, const void *user)
{
    const struct dictionary *k = user;
    return eg_patch_near(t, x, eg_input(t, EG_F32, &eg_shape_of(PATCHES, 3, 6, 6), k->kernel),
                         eg_input(t, EG_F32, &eg_shape_of(2, PATCHES), k->offset), NULL);
}

/* Median seconds of f on the first n pictures. */
static double time_pictures(struct bench *b, const eg_dataset *set, size_t n,
                            eg_var (*f)(eg_tape *t, eg_var x, const void *user), const void *user)
{
    double took[ROUNDS] = { 0 };
    eg_tape *t = NULL;
    if (b->status == EG_OK) b->status = eg_tape_create(b->threads, NULL, &t);
    for (size_t round = 0; round < ROUNDS && b->status == EG_OK; round++) {
        const double start = bench_now();
        for (size_t i = 0; i + AT_ONCE <= n && b->status == EG_OK; i += AT_ONCE) {
            const eg_shape in = eg_shape_of(AT_ONCE, set->channels, set->height, set->width);
            eg_tape_reset(t);
            f(t, eg_input(t, EG_F32, &in, set->x + i * set->d), user);
            b->status = eg_tape_status(t);
        }
        took[round] = bench_now() - start;
    }
    eg_tape_destroy(t);
    return bench_median(took, ROUNDS);
}

static void time_codes(struct bench *b, const eg_dataset *set)
{
    eg_patch_options o = EG_PATCH_OPTIONS_INIT;
    struct dictionary k = { malloc(PATCHES * 108 * sizeof *k.kernel),
                            malloc(2 * PATCHES * sizeof *k.offset) };
    o.patches = PATCHES;
    o.sample = 100000;
    if (k.kernel == NULL || k.offset == NULL)
        b->status = EG_ERR_NOMEM;
    else if (b->status == EG_OK)
        b->status = eg_patch_dictionary(set, &o, k.kernel, k.offset, NULL);
    const double took = time_pictures(b, set, CODED, coded, &k);
    const double product = bench_product_time(&b->product, b->threads);
    if (b->status == EG_OK)
        bench_show(b->json, "codes of a picture by 2048 patches", 1e3 * took / CODED, "ms",
                   2.0 * 27 * 27 * 108 * PATCHES * CODED * product / took, "the product");
    free(k.kernel);
    free(k.offset);
}

static void time_both(struct bench *b)
{
    eg_dataset set;
    if (!read_set(b, "cifar10/test", PICTURES, &set)) return;
    const double took = time_pictures(b, &set, set.n, scattered, NULL);
    if (b->status == EG_OK)
        bench_show(b->json, "scattering, J = 2, of 1000 x 3 x 32 x 32", took, "s", 0, NULL);
    time_codes(b, &set);
    write_array(b, "pictures", set.x, set.n, set.d);
    eg_dataset_clear(&set);
}

/* ---- steps ---- */

static const char network[] =
    "{\"kind\": \"network\", \"layers\": [\"flatten\", {\"kind\": \"linear\", \"units\": 600}, "
    "{\"kind\": \"activation\", \"function\": \"relu\"}, \"linear\"], \"optimiser\": \"adam\"}";

static void time_steps(struct bench *b)
{
    eg_dataset set;
    eg_learner *l = NULL, *prior = NULL;
    eg_pac_options o = EG_PAC_OPTIONS_INIT;
    eg_train_options how = EG_TRAIN_OPTIONS_INIT;
    eg_train_result trained;
    eg_pac_result r = { .steps = 1 };
    double plain[ROUNDS], ratio[ROUNDS];
    o.epochs = how.epochs = 1;
    o.draws = 1;
    o.threads = b->threads;
    if (!read_set(b, "mnist/train", STEPS_OF, &set)) return;
    const eg_task task = { .inputs = set.d,
                           .height = set.height,
                           .width = set.width,
                           .channels = set.channels,
                           .classes = set.classes,
                           .epochs = 1 };
    const eg_part part = { &set, NULL, set.n };
    b->status = eg_learner_create(network, &task, 1, b->threads, NULL, &l);
    if (b->status == EG_OK)
        b->status = eg_learner_create(network, &task, 1, b->threads, NULL, &prior);
    for (size_t i = 0; i < ROUNDS && b->status == EG_OK; i++) {
        const double start = bench_now();
        b->status = eg_train(l, &part, NULL, &how, &trained);
        plain[i] = bench_now() - start;
        if (b->status == EG_OK) b->status = eg_pac_train(l, prior, &part, NULL, &o, &r);
        ratio[i] = r.seconds / plain[i];
    }
    if (b->status == EG_OK) {
        bench_show(b->json, "plain step of Adam, 784-600-10, batch 100",
                   1e3 * bench_median(plain, ROUNDS) / (double)r.steps, "ms", 0, NULL);
        bench_show(b->json, "step by a PAC-Bayes bound, of a plain one",
                   bench_median(ratio, ROUNDS), "", 0, NULL);
    }
    eg_learner_destroy(l);
    eg_learner_destroy(prior);
    eg_dataset_clear(&set);
}

int bench_measure(int json, int threads)
{
    struct bench b = { .json = json, .threads = threads };
    if (bench_product_open(&b.product) != 0) b.status = EG_ERR_NOMEM;
    if (b.status == EG_OK) time_both(&b);
    if (b.status == EG_OK) time_steps(&b);
    if (b.status == EG_OK) time_dimension(&b);
    if (b.status != EG_OK) fprintf(stderr, "bench measure: %s\n", eg_error_detail());
    bench_product_close(&b.product);
    return b.status == EG_OK ? 0 : 1;
}
