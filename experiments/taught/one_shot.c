/* One picture of each of 20 characters, and which of them another drawer's picture shows: the 20
 * runs of Omniglot (Lake, Salakhutdinov and Tenenbaum 2015), whose alphabets no network here has
 * seen.
 *
 * Published errors: people 4.5 %, Bayesian program learning 3.3 %, a Siamese convolutional network
 * 8.0 %, a convolutional network 13.5 % (all trained on 964 characters), and the baseline of the
 * repository, modified Hausdorff distance on pixels, 38.8 %. Here two features, each with the same
 * head (`mean`, of the one picture): pixels averaged to 21 x 21, and the hidden layer of a
 * perceptron trained to tell 292 background characters apart. What is bounded is that features of
 * other alphabets are worth more than pixels, and come near the baseline at least. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "experiments/lab.h"

enum { RUNS = 20, WAYS = 20, SIDE = 105, SMALL = 21, D = SMALL * SMALL };

#define CONV(channels) \
    "{\"kind\": \"conv2d\", \"channels\": " #channels ", \"kernel\": 3, \"padding\": 1}, "
#define POOL "\"activation\", {\"kind\": \"max_pool2d\", \"kernel\": 2, \"stride\": 2}, "
static const char network[] = "{\"kind\": \"network\", \"layers\": [" CONV(32) POOL CONV(64) POOL
    "\"flatten\", {\"kind\": \"linear\", \"units\": 256}, \"activation\", {\"kind\": "
    "\"dropout\", \"p\": 0.3}, \"linear\"], \"optimiser\": {\"kind\": \"adamw\", \"rate\": "
    "0.002, \"decay\": 0.01}, \"schedule\": \"cosine\"}";

/* Pixels (N, 105, 105) of 0 .. 255 by means of 5 x 5. */
static void shrink(const float *x, size_t n, float *out)
{
    enum { BY = SIDE / SMALL };
    for (size_t i = 0; i < n; i++)
        for (size_t p = 0; p < D; p++) {
            float sum = 0;
            for (size_t k = 0; k < (size_t)BY * BY; k++)
                sum +=
                    x[i * SIDE * SIDE + (p / SMALL * BY + k / BY) * SIDE + p % SMALL * BY + k % BY];
            out[i * D + p] = sum / (255.0F * BY * BY);
        }
}

struct runs {
    float *train, *test; /* (RUNS x WAYS, D) */
    uint8_t key[RUNS * WAYS];
};

static eg_status read_set(const char *name, const char *labels, eg_dataset *out)
{
    eg_read_options o = EG_READ_OPTIONS_INIT;
    char folder[900], path[1000], with[1000];
    LAB_TRY(eg_catalogue_find("omniglot", folder, sizeof folder));
    snprintf(path, sizeof path, "%s/%s", folder, name);
    snprintf(with, sizeof with, "%s/%s", folder, labels != NULL ? labels : "");
    o.labels = labels != NULL ? with : NULL;
    return eg_dataset_read(path, &o, out);
}

/* A file of RUNS x WAYS pictures, as features or as they are. */
static eg_status read_pictures(const char *name, float **out)
{
    eg_dataset set = { 0 };
    const eg_status s = read_set(name, NULL, &set);
    if (s != EG_OK) return s;
    *out = lab_floats((size_t)RUNS * WAYS * D);
    if (*out != NULL && set.n * set.d == (size_t)RUNS * WAYS * SIDE * SIDE)
        shrink(set.x, (size_t)RUNS * WAYS, *out);
    const int right = set.n * set.d == (size_t)RUNS * WAYS * SIDE * SIDE;
    eg_dataset_clear(&set);
    return *out == NULL ? lab_no_memory() : right ? EG_OK : EG_ERR_CORRUPT;
}

static eg_status read_runs(struct runs *r)
{
    eg_dataset key = { 0 };
    LAB_TRY(read_pictures("oneshot-train-images-idx4-ubyte.gz", &r->train));
    LAB_TRY(read_pictures("oneshot-test-images-idx4-ubyte.gz", &r->test));
    LAB_TRY(read_set("oneshot-key-idx2-ubyte.gz", NULL, &key));
    const int right = key.n * key.d == (size_t)RUNS * WAYS;
    for (size_t i = 0; i < (size_t)RUNS * WAYS && right; i++) r->key[i] = (uint8_t)key.x[i];
    eg_dataset_clear(&key);
    return right ? EG_OK : EG_ERR_CORRUPT;
}

/* Errors, per cent, of 20 runs on features (RUNS x WAYS, d). */
static eg_status classify(const struct runs *r, const float *train, const float *test, size_t d,
                          double *error)
{
    size_t wrong = 0;
    for (size_t run = 0; run < RUNS; run++) {
        const size_t first = run * WAYS;
        eg_head_answer answer[WAYS];
        int32_t y[WAYS];
        eg_head *h = NULL;
        for (int32_t c = 0; c < WAYS; c++) y[c] = c;
        eg_status s = eg_head_create("{\"kind\": \"mean\"}", d, 0, NULL, &h);
        if (s == EG_OK) s = eg_head_teach(h, train + first * d, y, WAYS);
        if (s == EG_OK) s = eg_head_predict(h, test + first * d, WAYS, answer, NULL);
        for (size_t i = 0; i < WAYS && s == EG_OK; i++)
            wrong += answer[i].label != (int32_t)r->key[first + i];
        eg_head_destroy(h);
        if (s != EG_OK) return s;
    }
    *error = 100 * (double)wrong / (RUNS * WAYS);
    return EG_OK;
}

/* The characters of both background sets, those of the second behind those of the first. */
static eg_status read_background(eg_dataset *out)
{
    eg_dataset part[2] = { { 0 }, { 0 } };
    LAB_TRY(read_set("background-small1-images-idx3-ubyte.gz",
                     "background-small1-labels-idx1-short.gz", &part[0]));
    eg_status s = read_set("background-small2-images-idx3-ubyte.gz",
                           "background-small2-labels-idx1-short.gz", &part[1]);
    const size_t n = part[0].n + part[1].n;
    float *x = lab_floats(n * D);
    int32_t *y = malloc(n * sizeof *y);
    if (x == NULL || y == NULL) s = lab_no_memory();
    if (s == EG_OK) {
        shrink(part[0].x, part[0].n, x);
        shrink(part[1].x, part[1].n, x + part[0].n * D);
        memcpy(y, part[0].labels, part[0].n * sizeof *y);
        for (size_t i = 0; i < part[1].n; i++)
            y[part[0].n + i] = part[1].labels[i] + (int32_t)part[0].classes;
        *out = (eg_dataset){
            .n = n, .d = D, .x = x, .labels = y, .classes = part[0].classes + part[1].classes
        };
    } else {
        free(x);
        free(y);
    }
    eg_dataset_clear(&part[0]);
    eg_dataset_clear(&part[1]);
    return s;
}

/* The last value behind a ReLU. */
static void find_layer(void *user, const eg_onnx_step *step)
{
    const char **name = user;
    if (strcmp(step->op, "Relu") == 0) *name = step->output;
}

/* Of (RUNS x WAYS) pictures, a run at a time; *d numbers of each. */
static eg_status features_of(eg_onnx *m, const char *name, const float *x, float **out, size_t *d)
{
    for (size_t run = 0; run < RUNS; run++) {
        const eg_onnx_array in = { NULL, EG_F32, eg_shape_of(WAYS, 1, SMALL, SMALL),
                                   x + run * WAYS * D };
        eg_onnx_array y;
        LAB_TRY(eg_onnx_run(m, &in, 1, &name, 1, &y));
        *d = eg_shape_size(&y.shape) / WAYS;
        if (*out == NULL) *out = lab_floats((size_t)RUNS * WAYS * *d);
        if (*out == NULL) return lab_no_memory();
        memcpy(*out + run * WAYS * *d, y.data, WAYS * *d * sizeof **out);
    }
    return EG_OK;
}

/* The network is frozen as a file, as any network is, and its features are taken from there. */
static eg_status classify_frozen(eg_learner *l, const struct runs *r, double *error)
{
    static const char path[] = "runs/one-shot.onnx";
    const eg_shape one = eg_shape_of(WAYS, 1, SMALL, SMALL);
    const char *name = NULL;
    float *train = NULL, *test = NULL;
    size_t d = 0;
    eg_onnx_cost cost;
    eg_onnx *m = NULL;
    mkdir("runs", 0777); /* may be there */
    eg_status s = eg_onnx_save(l, path, NULL, 0);
    if (s == EG_OK) s = eg_onnx_open(path, NULL, &m);
    if (s == EG_OK) s = eg_onnx_infer(m, &one, 1, find_layer, &name, &cost);
    if (s == EG_OK) s = features_of(m, name, r->train, &train, &d);
    if (s == EG_OK) s = features_of(m, name, r->test, &test, &d);
    if (s == EG_OK) s = classify(r, train, test, d, error);
    eg_onnx_destroy(m);
    free(train);
    free(test);
    return s;
}

static eg_status by_network(const struct experiment_context *run, const struct runs *r,
                            double *error)
{
    eg_dataset set = { 0 };
    LAB_TRY(read_background(&set));
    const eg_task task = { .inputs = D,
                           .height = SMALL,
                           .width = SMALL,
                           .channels = 1,
                           .classes = set.classes,
                           .epochs = run->full ? 60 : 15 };
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    eg_learner *l = NULL;
    o.seed = run->seed;
    o.progress = run->progress;
    eg_status s = eg_learner_create(network, &task, run->seed, run->threads, NULL, &l);
    if (s == EG_OK) s = lab_train(run, "convolutions", "omniglot background", l, &set, NULL, &o);
    if (s == EG_OK) s = classify_frozen(l, r, error);
    eg_learner_destroy(l);
    free(set.x);
    free(set.labels);
    return s;
}

static eg_status measure(const struct experiment_context *run)
{
    struct runs r = { .train = NULL };
    double pixels = 0, learned = 0;
    eg_status s = read_runs(&r);
    if (s == EG_NOT_FOUND || s == EG_ERR_IO) {
        run->note(run->user, "omniglot is not here: this part is left out");
        s = EG_NOT_FOUND;
    }
    if (s == EG_OK) s = classify(&r, r.train, r.test, D, &pixels);
    if (s == EG_OK) s = by_network(run, &r, &learned);
    if (s == EG_OK) {
        lab_beside(run, pixels, "pixels, one picture a class: error, per cent");
        run->row(run->user,
                 &(struct experiment_row){ "features of other alphabets: error, beside a "
                                           "network trained on 964 characters",
                                           13.5, learned, 0, pixels - 10 });
    }
    free(r.train);
    free(r.test);
    return s == EG_NOT_FOUND ? EG_OK : s;
}

const struct experiment experiment_one_shot = {
    .name = "one-shot",
    .title = "20 characters known from one picture each",
    .source = "Lake, Salakhutdinov and Tenenbaum 2015, figure 6",
    .setting = "quick: 15 epochs on the background; full: 60",
    .run = measure,
};
