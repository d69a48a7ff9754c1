/* A list of layers on a tape of its own, in f64, with inputs, parameters and a seed of the gradient
 * drawn at random. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_LAYER_BENCH_H
#define TESTS_LAYER_BENCH_H

#include "check.h"
#include "nn/egi_layer.h"

enum { NUMBERS = 4096 };

struct layer_case {
    const char *layers;
    eg_shape in;
};

/* Where the bags of layers that see bags begin, among six rows. */
enum { BAGS = 3 };
static const size_t bags[BAGS + 1] = { 0, 1, 4, 6 };

/* A graph with its own parameters, in f64. */
struct bench {
    json_t *document;
    struct egi_graph *graph;
    struct egi_scope s;
    eg_var leaf[32];
    double x[NUMBERS], v[NUMBERS];
    eg_shape in;
};

static inline void draw(double *to, size_t n, uint64_t stream)
{
    float some[NUMBERS];
    eg_random_normal(11, stream, 0, n, some);
    for (size_t i = 0; i < n; i++) to[i] = (double)some[i];
}

static inline void build(struct bench *b, const struct layer_case *c)
{
    memset(b, 0, sizeof *b);
    b->in = c->in;
    b->s = (struct egi_scope){ .mode = EGI_CREATE,
                               .alloc = eg_allocator_default(),
                               .dtype = EG_F64,
                               .seed = 5,
                               .classes = 4 };
    CHECK_OK(eg_tape_create(1, NULL, &b->s.t));
    CHECK_OK(eg_params_create(NULL, &b->s.params));
    CHECK_OK(eg_params_create(NULL, &b->s.state));
    b->document = json_pack("{s:o}", "layers", json_loads(c->layers, 0, NULL));
    CHECK(b->document != NULL);
    CHECK_OK(egi_graph_create(b->document, "layers", "", 0, b->s.alloc, &b->graph));
    draw(b->x, eg_shape_size(&b->in), 1);
    draw(b->v, NUMBERS, 2);
    if (strstr(c->layers, "embedding") != NULL)
        for (size_t i = 0; i < eg_shape_size(&b->in); i++) b->x[i] = (double)(i % 4);
    if (strstr(c->layers, "residues") != NULL)
        for (size_t i = 0; i < eg_shape_size(&b->in); i++) b->x[i] = 1 + (double)(i * 7 % 20);
    if (strstr(c->layers, "bag_") != NULL) b->s.offset = bags, b->s.bags = BAGS;
    const eg_var in = eg_input(b->s.t, EG_F64, &b->in, b->x);
    egi_graph_apply(&b->s, b->graph, in);
    CHECK_OK(eg_tape_status(b->s.t));
    const eg_param *p;
    for (size_t i = 0; (p = eg_params_at(b->s.params, i)) != NULL; i++)
        draw(p->value, eg_shape_size(&p->shape), 100 + i); /* biases are 0, scales 1 */
    b->s.leaf = b->leaf;
}

static inline void tear(struct bench *b)
{
    egi_graph_destroy(b->graph);
    json_decref(b->document);
    eg_params_destroy(b->s.params);
    eg_params_destroy(b->s.state);
    eg_tape_destroy(b->s.t);
}

/* sum v y, in training. */
static inline eg_var run(struct bench *b, eg_var *in)
{
    eg_tape_reset(b->s.t);
    memset(b->leaf, 0, sizeof b->leaf);
    b->s.mode = EGI_TRAIN;
    *in = eg_leaf(b->s.t, EG_F64, &b->in, b->x);
    const eg_var y = egi_graph_apply(&b->s, b->graph, *in);
    const eg_shape shape = eg_tape_shape(b->s.t, y);
    const eg_var v = eg_input(b->s.t, EG_F64, &shape, b->v);
    return eg_sum(b->s.t, eg_mul(b->s.t, y, v), EG_ALL_AXES, 0);
}

static inline double value(struct bench *b)
{
    eg_var in;
    const eg_var y = run(b, &in);
    CHECK_OK(eg_tape_status(b->s.t));
    return eg_tape_number(b->s.t, y);
}

#endif
