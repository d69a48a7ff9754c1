/* Competing hidden units as a learner: what the rule and the read-out share. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_LOCAL_H
#define EGI_LOCAL_H

#include "base/egi_base.h"
#include "nn/egi_learner.h"
#include "nn/egi_seen.h"

enum { EGI_LOCAL_RANKS_MAX = 64 };

struct egi_local_settings {
    size_t hidden, p, k;
    double delta, eps0, share;
    double power, beta, loss, rate;
    int norm; /* 1: none */
    double scale, offset;
};

struct egi_local {
    size_t h, d, c;
    float *units, *readout;   /* (H, D), (C, H) */
    float *moment1, *moment2; /* (C, H) of Adam */
    int32_t *steps;           /* (1) of Adam */

    struct egi_arena fixed;
    float *slope;    /* (H, D) sign(W) |W|^(p-1), then dW */
    float *most;     /* (H) the largest |dW| of each unit; -1: nothing happened to it */
    float *gradient; /* (C, H) of the read-out */

    struct egi_arena work; /* of up to `room` examples */
    size_t room;
    float *x;         /* (B, D) inputs as the units see them */
    float *norm;      /* (B) by which x was divided */
    float *u;         /* (B, H) overlaps */
    float *hid;       /* (B, H) max(u, 0)^n */
    float *z;         /* (B, C) scores, then dC/dz */
    double *err;      /* (B) */
    int32_t *winners; /* (B, 2) the first and the k-th unit */
};

extern const struct egi_learner_row egi_learner_local;

/* One step of the local rule on x (B, D) at a rate; the mean energy of the batch. */
eg_status egi_local_rule(struct eg_learner *l, size_t b, double rate, double *energy);

#endif
