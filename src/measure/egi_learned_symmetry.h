/* Learned symmetries: the table of what L can be, and what its rows see. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_LEARNED_SYMMETRY_H
#define EGI_LEARNED_SYMMETRY_H

#include "base/egi_base.h"
#include "engram/learned_symmetry.h"
#include "nn/egi_learner.h"
#include "nn/egi_optimiser.h"

struct egi_family {
    eg_symmetry_family info;
    int draws;   /* z (B, K) is drawn; else there is none */
    int picture; /* x enters as (B, C, H, W), else as its (B, Q) coordinates in the basis */
    int centred; /* less the mean of the data that it learned from */
    /* The next array in its place of s->params, and the deviation it begins with; 0 past the last.
     */
    int (*array)(const eg_learn_symmetry_options *o, size_t q, size_t at, const char **name,
                 eg_shape *shape, double *deviation);
    /* L of x; leaf: what stands for each array. */
    eg_var (*apply)(const eg_learn_symmetry_options *o, eg_tape *t, const eg_var *leaf, eg_var x,
                    eg_var z);
    int generators; /* the first array has rows that are generators */
};

extern const struct egi_family *const egi_families[]; /* ends with NULL */

/* What learns: arrays, what its optimiser keeps, and what stands for the arrays in a pass. */
struct egi_learning {
    eg_params *params, *state;
    struct egi_optimiser optimiser;
    eg_var *leaf, *derived; /* (arrays) */
    size_t arrays;
};

struct eg_learned_symmetry {
    eg_learn_symmetry_options o;
    const struct egi_family *row;
    const eg_allocator *alloc;
    size_t d, q;
    struct egi_learning map, critic;
    eg_tape *t;
    float *basis;           /* (q, d) or NULL */
    float *mean;            /* (d) of the data it was trained on */
    double scale;           /* one over their deviation */
    float *z, *from, *real; /* (batch, K), (batch, d), (batch, d) */
    struct egi_arena arena;
    const eg_tape_function *phi; /* of the training that runs */
    double variance;             /* of its outputs, summed */
};

/* learned_symmetry.c - a pass on s->t: what stands for arrays, L of x (b, D), and the critic's
 * f (b, 1) of x, log D = -log(1 + e^-f). */
void egi_symmetry_leaves(eg_tape *t, struct egi_learning *p, int learns);
eg_var egi_symmetry_moved(struct eg_learned_symmetry *s, eg_var x, eg_var z);
eg_var egi_symmetry_judged(struct eg_learned_symmetry *s, eg_var x);

/* symmetry_training.c - objectives of both optimisers. */
eg_status egi_symmetry_map_loss(void *user, double *loss, const float **g);
eg_status egi_symmetry_critic_loss(void *user, double *loss, const float **g);

/* symmetry_applied.c - outputs (n, C) of phi; the sum over outputs of their variance. */
eg_status egi_symmetry_outputs(struct eg_learned_symmetry *s, const eg_tape_function *phi,
                               const float *x, size_t n, float *y);
double egi_symmetry_variance(const float *y, size_t n, size_t c);
eg_status egi_symmetry_check(const struct eg_learned_symmetry *s, const eg_tape_function *phi,
                             size_t n);

#endif
