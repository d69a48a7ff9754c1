/* engram bench layers: Hopfield layers, forward and all gradients (parameters and input), in f32.
 *
 * Sizes are those of figures of the public package hflayers on the same class of machine (PyTorch,
 * one thread): 1.8 s for the layer, 219 ms for the pool of one bag. Each is run beside a matrix
 * product of 2048^3; useful operations of the association are products alone, forward 2 and back 5
 * times 2 B Q N D, nothing for exponentials, and the share of the product is a median of ratios.
 * The last is a whole step of training on one repertoire, with all memory that it takes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "engram/engram.h"
#include "nn/egi_layer.h"

int bench_layers(int json, int threads);

enum { RUNS = 9, PARAMS = 32 };

#define PAIRS (32.0 * 256 * 1024 * 64) /* queries by keys by components, over the heads */
#define BAG (100000.0 * 32)
#define LOOKUP "{\"kind\": \"hopfield_layer\", \"num_heads\": 8, \"quantity\": 1024, "

static const struct figure {
    const char *name, *layer;
    eg_shape shape;
    double useful; /* floating-point operations of the association */
    int of;        /* the figure whose time this is a multiple of, or -1 */
} figures[] = {
    { "lookup, B 32, T 256, D 64, 8 heads, N 1024",
      LOOKUP "\"update_steps_max\": 0}",
      { 3, { 32, 256, 64 } },
      14 * PAIRS,
      -1 },
    { "  one update before the read-out",
      LOOKUP "\"update_steps_max\": 1}",
      { 3, { 32, 256, 64 } },
      28 * PAIRS,
      0 },
    { "  two, so three associations",
      LOOKUP "\"update_steps_max\": 2}",
      { 3, { 32, 256, 64 } },
      42 * PAIRS,
      0 },
    { "  three updates", LOOKUP "\"update_steps_max\": 3}", { 3, { 32, 256, 64 } }, 56 * PAIRS, 1 },
    { "  unfused", LOOKUP "\"fused\": false}", { 3, { 32, 256, 64 } }, 14 * PAIRS, 0 },
    { "pooling of one bag of 100 000 x 32",
      "{\"kind\": \"hopfield_pooling\"}",
      { 3, { 1, 100000, 32 } },
      14 * BAG,
      -1 },
    { "attention, B 8, T 1024, D 256, 4 heads",
      "{\"kind\": \"attention\"}",
      { 3, { 8, 1024, 256 } },
      14 * 8.0 * 1024 * 1024 * 256,
      -1 },
};
enum { FIGURES = sizeof figures / sizeof *figures };

/* One layer and its parameters. */
struct net {
    json_t *document;
    struct egi_graph *graph;
    struct egi_scope s;
    eg_var leaf[PARAMS];
};

static eg_status pass(struct net *n, const struct figure *f, const float *x, int back)
{
    eg_var wrt[PARAMS + 1], dx[PARAMS + 1];
    eg_tape *t = n->s.t;
    eg_tape_reset(t);
    memset(n->leaf, 0, sizeof n->leaf);
    wrt[0] = eg_leaf(t, EG_F32, &f->shape, x);
    const eg_var y = egi_graph_apply(&n->s, n->graph, wrt[0]);
    if (!back) return eg_tape_status(t);
    const size_t count = eg_params_count(n->s.params);
    for (size_t i = 0; i < count; i++) wrt[i + 1] = n->leaf[i];
    return eg_tape_gradient(t, y, y, wrt, count + 1, EG_GRADIENT_RELEASE, dx);
}

static eg_status open_net(struct net *n, const struct figure *f, const float *x, int threads)
{
    *n = (struct net){
        .s = { .mode = EGI_CREATE, .alloc = eg_allocator_default(), .dtype = EG_F32, .seed = 1 }
    };
    EGI_TRY(eg_tape_create(threads, NULL, &n->s.t));
    EGI_TRY(eg_params_create(NULL, &n->s.params));
    n->document = json_pack("{s:[o]}", "layers", json_loads(f->layer, 0, NULL));
    if (n->document == NULL) return EG_ERR_NOMEM;
    EGI_TRY(egi_graph_create(n->document, "layers", "", 0, n->s.alloc, &n->graph));
    const eg_status s = pass(n, f, x, 0);
    n->s.mode = EGI_TRAIN;
    n->s.leaf = n->leaf;
    return s;
}

static void close_net(struct net *n)
{
    egi_graph_destroy(n->graph);
    json_decref(n->document);
    eg_params_destroy(n->s.params);
    eg_tape_destroy(n->s.t);
}

struct bench {
    int json, threads;
    struct bench_product product;
    float *x; /* the largest input */
    double took[FIGURES];
};

static int measure(struct bench *b, size_t which)
{
    const struct figure *f = &figures[which];
    struct net n;
    double step[RUNS], share[RUNS];
    eg_status s = open_net(&n, f, b->x, b->threads);
    for (int i = -1; i < RUNS && s == EG_OK; i++) { /* one to warm up */
        const double limit = bench_product_time(&b->product, b->threads), start = bench_now();
        s = pass(&n, f, b->x, 1);
        if (i < 0) continue;
        step[i] = bench_now() - start;
        share[i] = f->useful * limit / step[i];
    }
    const size_t peak = eg_tape_peak_bytes(n.s.t);
    close_net(&n);
    if (s != EG_OK) {
        fprintf(stderr, "engram: %s: %s\n", f->name, eg_error_detail());
        return -1;
    }
    const double took = bench_median(step, RUNS);
    b->took[which] = took;
    bench_show(b->json, f->name, took * 1e3, "ms", f->of >= 0 ? took / b->took[f->of] : 0,
               f->of == 0  ? "no update"
               : f->of > 0 ? "one update"
                           : NULL);
    bench_show(b->json, "    useful operations", f->useful / took * 1e-9, "Gflop/s",
               bench_median(share, RUNS), "the product");
    bench_show(b->json, "    memory of the tape at its peak", (double)peak / 1048576.0, "MiB", 0,
               NULL);
    return 0;
}

/* ---- a repertoire ---- */

enum { SEQUENCES = 300000, LETTERS = 20, STEPS = 3 };

static const char deeprc[] =
    "{\"kind\": \"network\", \"layers\": [{\"kind\": \"bag_attention\", \"hidden\": 32, \"depth\": "
    "2, "
    "\"share\": 0.1, \"layers\": [\"residues\", {\"kind\": \"conv1d\", \"channels\": 32, "
    "\"kernel\": "
    "9}, {\"kind\": \"activation\", \"function\": \"selu\"}, \"place_max\"]}, \"linear\"], "
    "\"optimiser\": {\"kind\": \"adam\", \"rate\": 1e-3}}";

struct counted {
    size_t live, most;
};

static void *count_alloc(void *user, size_t size, size_t align)
{
    struct counted *c = user;
    c->live += size;
    c->most = c->live > c->most ? c->live : c->most;
    return eg_allocator_default()->alloc(NULL, size, align);
}

static void count_free(void *user, void *p, size_t size)
{
    ((struct counted *)user)->live -= size;
    eg_allocator_default()->free(NULL, p, size);
}

static eg_status steps(const float *x, int threads, struct counted *memory, double took[STEPS])
{
    static const size_t offset[2] = { 0, SEQUENCES };
    static const int32_t label[1] = { 1 };
    const eg_allocator alloc = { count_alloc, count_free, memory };
    const eg_task task = { .inputs = LETTERS, .classes = 2, .epochs = 1, .bags = 1 };
    const eg_examples bag = { x, offset, label, 1 };
    eg_learner *l = NULL;
    double loss;
    EGI_TRY(eg_learner_create(deeprc, &task, 1, threads, &alloc, &l));
    eg_status s = EG_OK;
    for (int i = 0; i < STEPS && s == EG_OK; i++) {
        const double start = bench_now();
        s = eg_learner_step_bags(l, 0, &bag, &loss);
        took[i] = bench_now() - start;
    }
    eg_learner_destroy(l);
    return s;
}

/* DeepRC's model, as docs/repertoires.md has it, on sequences of 10 to 20 letters. */
static int measure_repertoire(int json, int threads)
{
    float *x = malloc((size_t)SEQUENCES * LETTERS * sizeof *x);
    struct counted memory = { 0, 0 };
    double took[STEPS];
    if (x == NULL) return -1;
    for (size_t r = 0; r < SEQUENCES; r++) {
        const size_t n = 10 + (size_t)eg_random_below(1, 4, r, LETTERS - 9);
        for (size_t i = 0; i < LETTERS; i++)
            x[r * LETTERS + i] = i < n ? 1 + (float)eg_random_below(1, 5, r * LETTERS + i, 20) : 0;
    }
    const eg_status s = steps(x, threads, &memory, took);
    free(x);
    if (s != EG_OK) {
        fprintf(stderr, "engram: a repertoire: %s\n", eg_error_detail());
        return -1;
    }
    bench_show(json, "repertoire of 300 000 sequences, one step", bench_median(took, STEPS) * 1e3,
               "ms", 0, NULL);
    bench_show(json, "    memory beside the sequences, at its peak",
               (double)memory.most / 1048576.0, "MiB", 0, NULL);
    return 0;
}

int bench_layers(int json, int threads)
{
    const size_t most = (size_t)8 * 1024 * 1024;
    struct bench b = { .json = json, .threads = threads, .x = malloc(most * sizeof(float)) };
    int failed = bench_product_open(&b.product) != 0 || b.x == NULL;
    if (!failed) {
        eg_random_normal(1, 3, 0, most, b.x);
        if (!json)
            printf("layers, forward and back, %d thread(s), medians of %d runs\n", threads, RUNS);
    }
    for (size_t i = 0; i < FIGURES && !failed; i++) failed = measure(&b, i) != 0;
    failed = failed || measure_repertoire(json, threads) != 0;
    bench_product_close(&b.product);
    free(b.x);
    return failed ? -1 : 0;
}
