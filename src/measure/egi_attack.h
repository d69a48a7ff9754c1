/* The table of attacks and the batch that a row moves. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_ATTACK_H
#define EGI_ATTACK_H

#include "base/egi_base.h"
#include "engram/attack.h"

struct egi_attack;

struct egi_attack_row {
    eg_attack_info info;
    int l2; /* the norm: 0 linf */
    /* The first update, where it is another one; NULL: as all. */
    eg_status (*start)(struct egi_attack *a);
    /* Move the active images a->x once. What leaves ball or box is brought back later; an image
     * that cannot be moved is marked stuck. */
    eg_status (*move)(struct egi_attack *a);
};

/* An image under attack. */
struct egi_victim {
    size_t at;             /* its row in the batch */
    uint64_t draw;         /* its index, for random draws */
    int32_t label, target; /* target -1: any class but the label */
    int32_t from, to;      /* m = s_to - s_from at a->x */
    double margin;
    int32_t candidate;   /* gradients are of s_candidate - s_from; `to` unless a move says other */
    double distance, by; /* to the nearest plane, and the factor of its gradient */
    double near, far;    /* of bisection: shares of the update that crossed */
    int stuck;
};

/* A batch: rows 0..active-1 of victim, x, before, grad, near, scores and cotangent are the images
 * still on their way; origin, last and first are by row of the batch. */
struct egi_attack {
    eg_learner *l;
    const struct egi_attack_row *row;
    eg_attack_options o; /* every default filled in */
    size_t d, k;
    size_t active, update; /* number of the next update, from 0 */
    struct egi_victim *victim;
    float *x, *before;         /* (A, D) now, and before the last update */
    float *grad, *near;        /* (A, D) scratch of moves */
    double width;              /* of the box, in the row's norm */
    float *origin;             /* (B, D) where it began */
    float *last, *first;       /* (B, D) either side of the boundary */
    float *scores, *cotangent; /* (A, K) */
    size_t base, total;        /* the batch's first image in the outputs, and their number */
    eg_attack_output out;      /* with records */
};

extern const struct egi_attack_row *const egi_attack_rows[]; /* attack_rows.c; ends with NULL */

/* attack_rows.c - the class of the largest score but `but` (-1: of all), the first of equals. */
int32_t egi_top_class(const float *scores, size_t k, int32_t but);

/* attack_climb.c - attack the batch: images 0..b-1 lie in a->origin, a->victim is filled. */
eg_status egi_attack_climb(struct egi_attack *a, size_t b);

#endif
