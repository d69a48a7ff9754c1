/* Binary trees on quantised columns: what a forest and boosting are made of. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_TREES_H
#define EGI_TREES_H

#include "nn/egi_learner.h"

/* Columns cut into at most EGI_BINS bins: bin b of column j holds the x with
 * cut[j][b - 1] <= x < cut[j][b]. Where a column has no more distinct values than that, each has a
 * bin of its own and no split is lost. */
enum { EGI_BINS = 256 };
struct egi_bins {
    size_t n, d;
    uint8_t *bin; /* (D, N): columns lie together */
    float *cut;   /* (D, BINS) midpoints between bins, the last unused */
    uint16_t *of; /* (D) bins of a column; 1: it does not vary */
    void *block;
    size_t bytes;
};
eg_status egi_bins_create(const float *x, size_t n, size_t d, int threads,
                          const eg_allocator *alloc, struct egi_bins *out);
void egi_bins_destroy(struct egi_bins *b, const eg_allocator *alloc);

/* What a tree is to fit: example i adds g[i] to component c[i] of its node's G, and h[i] to its H.
 * The worth of a node is |G|^2 / (H + lambda), its answer G / (H + lambda): with g = h and c the
 * class these are the Gini index and the frequencies of classes (Breiman et al. 1984), with
 * gradient and curvature of a loss they are a Newton step (Chen and Guestrin 2016, eqs. 5 to 7). */
struct egi_targets {
    const float *g, *h; /* (N); h >= 0 */
    const int32_t *c;   /* (N), or NULL: all 0 */
    size_t outputs;     /* M components */
};

struct egi_tree_rule {
    size_t depth;        /* most splits above a leaf */
    double least;        /* H that both sides of a split keep */
    size_t columns;      /* drawn anew at each node */
    double lambda, gain; /* least gain of a split */
    uint64_t seed, stream;
};

/* Nodes as they are kept: a leaf has feature -1; a split sends x[feature] < threshold to `child`,
 * the others to child + 1, both of which lie behind it. */
struct egi_forest {
    int32_t *start;   /* (T + 1) the first node of each tree */
    int32_t *feature; /* (nodes) */
    float *threshold;
    int32_t *child;
    float *value; /* (nodes, M) */
    size_t trees, nodes, outputs;
};

/* One tree being grown, with room for what it can become. */
struct egi_grower {
    struct egi_forest tree; /* of one tree; nodes: how many there are */
    void *block;
    size_t bytes, room;
    uint32_t *rows; /* (N) examples, those of a node together */
    void *scratch;  /* (workers) of one split each */
    size_t workers;
    struct grown *open; /* nodes yet to be split */
    void *cuts;         /* (D) the best of each column */
    uint32_t *drawn;    /* (D) columns in an order */
};
eg_status egi_grower_create(const struct egi_bins *b, size_t outputs, size_t workers,
                            const eg_allocator *alloc, struct egi_grower *out);
void egi_grower_destroy(struct egi_grower *g, const eg_allocator *alloc);
/* A tree over the examples rows (count), which are in g->rows. Infallible; the same bits for any
 * number of threads. */
void egi_tree_grow(struct egi_grower *g, const struct egi_bins *b, const struct egi_targets *t,
                   size_t count, const struct egi_tree_rule *rule, int threads);

/* The leaf of x (D) in the tree that begins at node `at`. */
size_t egi_tree_leaf(const struct egi_forest *f, size_t at, const float *x);

/* Trees one after the other in the parameters of a learner. */
struct egi_trees_growing {
    struct egi_forest all;
    size_t room;
    const eg_allocator *alloc;
};
eg_status egi_trees_append(struct egi_trees_growing *t, const struct egi_forest *tree);
void egi_trees_clear(struct egi_trees_growing *t);
/* fit with the columns of e cut into bins. */
eg_status egi_trees_fit(struct eg_learner *l, const eg_examples *e,
                        eg_status (*fit)(struct eg_learner *l, const eg_examples *e,
                                         const struct egi_bins *b));
/* Into l->params; and what l->params hold, checked (egi_learner_row.adopt). */
eg_status egi_trees_keep(struct eg_learner *l, const struct egi_trees_growing *t);
eg_status egi_trees_adopt(struct eg_learner *l, size_t outputs, struct egi_forest *out);

#endif
