/* One Hopfield layer on a tape of its own, in f64, with inputs and parameters drawn at random. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_HOPFIELD_NET_H
#define TESTS_HOPFIELD_NET_H

#include "check.h"

#include <stdio.h>

#include "nn/egi_heads.h"

enum { NUMBERS = 512, INPUTS = 5 };

/* One layer with its parameters, in f64. */
struct net {
    json_t *document;
    struct egi_graph *graph;
    struct egi_scope s;
    eg_var leaf[32], in[INPUTS];
    struct egi_watch watch;
};

struct value {
    eg_shape shape;
    double x[NUMBERS];
};

static inline struct value drawn(eg_shape shape, uint64_t stream)
{
    struct value v = { .shape = shape };
    float some[NUMBERS];
    eg_random_normal(7, stream, 0, NUMBERS, some);
    for (size_t i = 0; i < NUMBERS; i++) v.x[i] = (double)some[i];
    return v;
}

static inline eg_status open_net(struct net *n, const char *layer)
{
    memset(n, 0, sizeof *n);
    n->s = (struct egi_scope){
        .mode = EGI_CREATE, .alloc = eg_allocator_default(), .dtype = EG_F64, .seed = 5
    };
    CHECK_OK(eg_tape_create(1, NULL, &n->s.t));
    CHECK_OK(eg_params_create(NULL, &n->s.params));
    CHECK_OK(eg_params_create(NULL, &n->s.state));
    n->document = json_pack("{s:[o]}", "layers", json_loads(layer, 0, NULL));
    CHECK(n->document != NULL);
    return egi_graph_create(n->document, "layers", "", 0, n->s.alloc, &n->graph);
}

static inline void close_net(struct net *n)
{
    egi_graph_destroy(n->graph);
    json_decref(n->document);
    eg_params_destroy(n->s.params);
    eg_params_destroy(n->s.state);
    eg_tape_destroy(n->s.t);
}

/* Recorded pass on x; in the first, parameters are made and drawn anew, of size `scale`. */
static inline eg_var apply(struct net *n, const struct value *const *x, size_t count, double scale)
{
    const struct egi_layer *l = &n->graph->layer[0];
    const eg_param *p;
    for (int round = n->s.mode == EGI_CREATE ? 0 : 1; round < 2; round++) {
        eg_tape_reset(n->s.t);
        memset(n->leaf, 0, sizeof n->leaf);
        for (size_t i = 0; i < count; i++)
            n->in[i] = eg_leaf(n->s.t, EG_F64, &x[i]->shape, x[i]->x);
        const eg_var y = l->row->apply(&n->s, l, n->in);
        if (round == 1 || eg_tape_status(n->s.t) != EG_OK) return y;
        for (size_t i = 0; (p = eg_params_at(n->s.params, i)) != NULL; i++) {
            const struct value v = drawn(p->shape, egi_hash(p->name, strlen(p->name)));
            for (size_t k = 0; k < eg_shape_size(&p->shape); k++)
                ((double *)p->value)[k] = v.x[k] * scale;
        }
        n->s.mode = EGI_TRAIN;
        n->s.leaf = n->leaf;
    }
    return EG_NONE;
}

/* The output of a layer without a word about its parameters. */
static inline size_t run(const char *layer, const struct value *const *x, size_t count, double *out)
{
    struct net n;
    CHECK_OK(open_net(&n, layer));
    const eg_var y = apply(&n, x, count, 0.5);
    const eg_shape shape = eg_tape_shape(n.s.t, y);
    const double *from = eg_tape_value(n.s.t, y);
    CHECK_OK(eg_tape_status(n.s.t));
    CHECK(eg_shape_size(&shape) <= NUMBERS);
    memcpy(out, from, eg_shape_size(&shape) * sizeof *out);
    close_net(&n);
    return eg_shape_size(&shape);
}

static inline void same(const double *x, const double *y, size_t n, double tol)
{
    for (size_t i = 0; i < n; i++) CHECK_NEAR(x[i], y[i], tol);
}

#endif
