/* A network on a tape of one's own, in f64 or f32: its scores as a function of what it learned, as
 * one vector. Curvature, norms and PAC-Bayes look at networks through it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_TRACED_H
#define EGI_TRACED_H

#include "base/egi_base.h"
#include "engram/operations.h"
#include "engram/train.h"
#include "nn/egi_learner.h"

struct egi_traced {
    eg_learner *l;
    const eg_part *part;
    const eg_allocator *alloc;
    eg_dtype dtype;
    eg_tape *t;
    size_t arrays, batch;
    size_t n;            /* numbers that scores depend on, of all arrays together */
    size_t *at;          /* (arrays) where an array lies in w; from n on: it is not learned */
    double *w;           /* (numbers of all arrays): (n), then those that are not learned */
    void *still;         /* the same in dtype */
    void *x;             /* (batch, D) of dtype */
    int32_t *y;          /* (batch) */
    int drawn;           /* 1: weights are drawn for each example alone (egi_layer.h) */
    uint64_t seed, step; /* of the draws */
    const float *strip;  /* (places) what they are taken from, as in egi_layer.h, or NULL */
    size_t places;
    eg_var *leaf;    /* (arrays) of the pass; drawn: then their variances */
    eg_var *derived; /* the same */
    struct egi_arena arena;
};

/* Refuses what has no trace or no loss there. part: borrowed. */
eg_status egi_traced_create(eg_learner *l, const eg_part *part, size_t batch, int threads,
                            eg_dtype dtype, const eg_allocator *alloc, struct egi_traced *out);
void egi_traced_clear(struct egi_traced *r);

/* Examples from `from` on into r->x and r->y; how many. Example number `of` of the part as row i.
 */
size_t egi_traced_load(struct egi_traced *r, size_t from);
void egi_traced_load_one(struct egi_traced *r, size_t i, size_t of);

/* A pass on a tape that is reset: leaves of w (n) of dtype, and scores (b, K) of r->x. drawn: of w
 * (2 n), means and their variances; what follows is then of all of these. */
eg_var egi_traced_scores(struct egi_traced *r, const void *w, size_t b);
/* The mean loss of scores against r->y. */
eg_var egi_traced_cost(struct egi_traced *r, eg_var scores, size_t b);
/* Gradients of y by all that is learned, seed as of eg_tape_gradient: in r->derived. */
eg_status egi_traced_gradient(struct egi_traced *r, eg_var y, eg_var seed, unsigned flags);
/* sum of r->derived and the blocks of v (n): one number. */
eg_var egi_traced_along(struct egi_traced *r, const double *v);
/* g (n) += by r->derived; of f64. */
eg_status egi_traced_add(struct egi_traced *r, double by, double *g);
/* The gradient by array k, in dtype, its place among the n in *at: NULL past the last array, or
 * where the tape has failed; those that are not learned are skipped. */
const void *egi_traced_derived(struct egi_traced *r, size_t *k, size_t *at, size_t *size);

/* w (n) as what the learner learned, rounded to f32. */
void egi_traced_keep(const struct egi_traced *r, const double *w);

/* The same n numbers of another set of the same arrays, such as where training began. */
void egi_traced_read(const struct egi_traced *r, const eg_params *from, double *out);

/* traced_drawn.c - share of errors of `draws` networks N(w, diag d^2), f32, each on a batch of
 * examples drawn anew. Noise by streams from `stream` on, two a draw. moved: (n) scratch. Where
 * r->drawn, each example has a network of its own: draws times batch of them. */
struct egi_drawing {
    const float *w, *d; /* (n); d NULL: all `same`; where r->drawn w is (2 n) */
    double same;
    float *moved;
    size_t draws;
    uint64_t seed, stream;
    const eg_progress *progress;
};
eg_status egi_traced_drawn(struct egi_traced *r, const struct egi_drawing *o, double *risk);
/* w + d noise into moved; noise (n) standard normal in moved before. */
void egi_traced_move(const struct egi_drawing *o, size_t n);
/* Errors of a pass with w over b examples of r->x; margins (b) or NULL. */
eg_status egi_traced_errors(struct egi_traced *r, const float *w, size_t b, double *errors,
                            float *margin);

#endif
