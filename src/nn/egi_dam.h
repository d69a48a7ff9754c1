/* The dense associative memory as a learner: what its passes and its step share.
 *
 * M is the number of memories H rounded up to EGI_DAM_STEP. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_DAM_H
#define EGI_DAM_H

#include "base/egi_base.h"
#include "kernel/egi_kernel_dam.h"
#include "nn/egi_learner.h"
#include "nn/egi_seen.h"

struct egi_dam_settings {
    size_t hidden, n, loss;
    int energy; /* 1: rectified */
    int form;   /* 1: dual */
    double t_initial, t_final, t_epochs;
    double momentum, rate, decay;
    double mean, deviation;
    double scale, offset;
    int norm; /* 1: on the sphere */
};

struct egi_dam {
    struct egi_dam_rule rule;
    const struct egi_dam_kernels *k;
    size_t h, m, d;
    float *memories, *classes;     /* (H, D), (H, C) */
    double *temperature;           /* (1) */
    float *v_memories, *v_classes; /* (H, D), (H, C) */

    struct egi_arena fixed;
    float *w, *bias, *sums; /* (C, M), (M), (C + 1, M) */
    float *most;            /* (H) the largest velocity of each memory */

    struct egi_arena work; /* of up to `room` images */
    size_t room;
    float *x;       /* (B, D) inputs as the memories see them */
    float *q;       /* (B, M) overlaps, then dC/dq */
    double *z;      /* (B, C) scores, then dC/dz */
    float *a;       /* (B, C) dC/dz in the units of the kernel */
    double *err;    /* (B) loss of each image */
    float *r;       /* (B) the power of two of each image */
    float *divisor; /* (B) of egi_see() */
};

extern const struct egi_learner_row egi_learner_dam;

struct egi_seen egi_dam_seen(const struct egi_dam_settings *o, size_t d);

/* Room for b images. */
eg_status egi_dam_reserve(struct eg_learner *l, size_t b);

/* x, q and z of b images; what depends on parameters alone is made again. */
void egi_dam_forward(struct eg_learner *l, const float *x, size_t b);

/* From dC/dz in z: dC/dq in q, and sums. */
void egi_dam_backward(struct eg_learner *l, size_t b);

#endif
