/* Layers: functions over the tape that ask for their parameters by name, and graphs of them.
 *
 * A scope is one pass: it says what a parameter's name means, and in which mode layers run. The
 * first pass (EGI_CREATE) makes every parameter that is asked for; later ones find it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_LAYER_H
#define EGI_LAYER_H

#include "engram/operations.h"
#include "engram/params.h"
#include "grad/egi_tape.h"
#include "nn/egi_kind.h"

enum egi_mode {
    EGI_CREATE,   /* parameters are made and filled; else as EGI_EVALUATE */
    EGI_EVALUATE, /* parameters are constants: nothing is recorded */
    EGI_TRAIN     /* parameters are leaves; dropout, batch statistics */
};

enum { EGI_PATH_TEXT = 256, EGI_JOIN_MAX = 16, EGI_DEPTH_MAX = 8 };

struct egi_watch;
struct egi_storing;

/* Weights N(w, diag v) that are drawn anew for each example of a pass: what a layer gives has the
 * distribution of its sums, and no weight is drawn (Kingma, Salimans and Welling 2015, eq. 6). Of
 * layers whose weights meet each example once; others refuse. */
struct egi_drawn {
    const eg_var *variance; /* (params) v */
    uint64_t seed, step;    /* of the draws */
    const float *strip;     /* (places) normal numbers, of which a draw is some in a row; NULL: */
    size_t places;          /* each is one of its own */
    int open;               /* a layer that draws asks for its parameters */
};

struct egi_scope {
    eg_tape *t;
    enum egi_mode mode;
    const eg_allocator *alloc;
    eg_params *params, *state; /* learned; kept beside (may be the same set) */
    eg_var *leaf;              /* (params) the value of each in this pass; NULL in EGI_CREATE */
    eg_dtype dtype;            /* of parameters */
    uint64_t seed, step;       /* what random choices of this pass depend on */
    int update;                /* EGI_TRAIN: running statistics move */
    size_t averaged;           /* update: to the mean over so many batches, this the last; 0: by
                                  their momentum */
    size_t classes;            /* what a layer without a size of its own gives out */
    int placed;                /* the failure of the tape names its layer */
    size_t learned;            /* EGI_CREATE: parameters that were asked for */
    int turns;                 /* EGI_CREATE: weights that move by leaps were */
    size_t next;               /* the parameter that is probably asked for next */
    const size_t *offset;      /* (bags + 1) of examples that are bags, from 0; else NULL */
    size_t bags;
    int held;                    /* norms read their running statistics in training too */
    struct egi_storing *storing; /* notes layers that store, or NULL (egi_storing.h) */
    struct egi_drawn *drawn;     /* weights are drawn for each example, or NULL */
    struct egi_watch *watch;     /* what is to be handed out of a layer, or NULL (egi_heads.h) */
    char path[EGI_PATH_TEXT];    /* of the layer that runs, "block.fc1." */
};

/* How a parameter begins. */
struct egi_initialiser {
    size_t row;
    double number;
};
eg_status egi_initialiser_read(const json_t *v, const char *place, const char *key,
                               struct egi_initialiser *out);
/* Fill an array, seen as (dim 0) outputs by (the other axes) inputs; a pure function of seed and
 * the parameter's name. */
eg_status egi_initialise(const struct egi_initialiser *init, const eg_param *p, uint64_t seed,
                         const eg_allocator *alloc);
/* Their rows. */
enum {
    EGI_INIT_ZEROS,
    EGI_INIT_ONES,
    EGI_INIT_CONSTANT,
    EGI_INIT_NORMAL,
    EGI_INIT_LECUN_UNIFORM = 9,
    EGI_INIT_ORTHOGONAL = 11
};

/* The parameter `name` of the layer that runs. init NULL: zeros. */
eg_var egi_scope_param(struct egi_scope *s, const char *name, const eg_shape *shape,
                       const struct egi_initialiser *init);
/* Variance of the parameter that was asked for last, where s->drawn. */
eg_var egi_scope_variance(const struct egi_scope *s);
/* What it keeps beside: a running statistic, an array that is not learned; NULL after a failure. */
const eg_param *egi_scope_state(struct egi_scope *s, const char *name, const eg_shape *shape,
                                const struct egi_initialiser *init);
/* The latter as a value of the pass. */
eg_var egi_scope_fixed(struct egi_scope *s, const char *name, const eg_shape *shape,
                       const struct egi_initialiser *init);
/* A stream of random numbers of this layer in this step. */
uint64_t egi_scope_stream(const struct egi_scope *s);

struct egi_graph;

/* perceptron.c - the layers of {"hidden": [..]}: a new reference, NULL without memory. */
json_t *egi_perceptron(json_t *hidden, json_t *activation, json_t *initialiser, double dropout,
                       double alpha_dropout, json_t *pooling);
eg_status egi_perceptron_check(const json_t *hidden);

struct egi_layer {
    const struct egi_layer_row *row;
    union egi_settings settings;
    struct egi_graph *inner;    /* of rows that have a list of layers, else NULL */
    char place[EGI_PLACE_TEXT]; /* "layers[3]" */
    char name[64];              /* "fc1", or its number in the list */
    size_t from[EGI_JOIN_MAX];  /* 0: the input of the list, i + 1: what layer i gave */
    size_t count;
};

struct egi_layer_row {
    struct egi_kind kind;
    size_t least, most; /* how many values it takes; most 0: one */
    int inner;          /* its first setting is a list of layers */
    /* Words that stand for numbers, checked once. NULL: nothing to check. */
    eg_status (*check)(struct egi_layer *l);
    /* x (l->count). A failure is the tape's; the graph adds the place. */
    eg_var (*apply)(struct egi_scope *s, const struct egi_layer *l, const eg_var *x);
};

/* A list of layers; each takes what the one before it gave, or what "from" names. */
struct egi_graph {
    const eg_allocator *alloc;
    struct egi_layer *layer; /* (count) */
    eg_var *value;           /* (count + 1) of the pass that runs */
    size_t count;
};

/* layer.c. The list is read from owner[key], whose defaults are written out. */
eg_status egi_graph_create(json_t *owner, const char *key, const char *place, size_t depth,
                           const eg_allocator *alloc, struct egi_graph **out);
void egi_graph_destroy(struct egi_graph *g);
eg_var egi_graph_apply(struct egi_scope *s, const struct egi_graph *g, eg_var x);

/* Make the tape fail with a message of a layer. */
#define egi_layer_fail(s, status, ...) egi_tape_fail((s)->t, egi_fail(status, __VA_ARGS__))
/* The shape of x where its rank is in least..most; else a failure that says what goes before. */
int egi_layer_rank(struct egi_scope *s, eg_var x, size_t least, size_t most, const char *expected,
                   eg_shape *shape);

/* layer_activation.c - a function by its word, "rep:2". */
struct egi_activation {
    size_t row;
    double number;
};
eg_status egi_activation_read(const json_t *v, const char *place, struct egi_activation *out);
eg_var egi_activate(eg_tape *t, const struct egi_activation *a, eg_var x);

extern const struct egi_kind *const egi_layer_kinds[]; /* layer_table.c */

#endif
