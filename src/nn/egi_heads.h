/* The core of every layer that attends or remembers: heads of
 *
 *     q <- projection( sum_j a_j k_j ),  repeated;   y = sum_j a_j v_j,   a = sep(beta <q, k_j>)
 *
 * which is one step of the memory of a row of the table of separations (engram/association.h), and
 * attention where nothing is repeated (Ramsauer et al. 2021, eqs. 3 and 10). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_HEADS_H
#define EGI_HEADS_H

#include "engram/association.h"
#include "nn/egi_layer.h"

enum { EGI_HEADS_MAX = 10000, EGI_UPDATES_MAX = 1000 };

struct egi_heads {
    eg_var q, k, v;  /* (B, H, Q, D), (B, H, N, D), (B, H, N, DV); of k and v B and H or 1 */
    eg_var kernel;   /* (D, D) Phi: similarities are <Phi q, Phi k>; or EG_NONE */
    eg_var features; /* (M, D) random features that stand for softmax; or EG_NONE */
    eg_var alpha;    /* (H) orders of entmax that are learned; or EG_NONE */
    eg_var hidden,
        padding; /* 0 and 1, rank 4, broadcast to (B, H, Q, N); padding (.., 1, N); or EG_NONE */
    const eg_rule *rule; /* its separation, order and k */
    const double *beta;  /* (betas) */
    size_t betas;        /* 1, or H */
    size_t updates;      /* of q before y is read */
    double eps;          /* a query rests once an update moves it by no more */
    double dropout;      /* of a, when y is read */
    double norm_eps;     /* of layer norm after each update, 0: none */
    int fused;           /* where it can be: no (Q, N) matrix */
    int implicit;        /* the gradient is that of the fixed point (heads_fixed.c) */
    size_t batch;        /* examples that lie one after the other along Q; 0: none do */
};

eg_var egi_heads_apply(struct egi_scope *s, const struct egi_heads *h);

/* The words of a separation, as settings of a layer have them. */
eg_status egi_separation_read(const char *place, const json_t *word, double order, size_t k,
                              eg_rule *rule);
/* (T, N) of 0, and 1 where a step would see a later one. */
eg_var egi_causal_mask(struct egi_scope *s, eg_dtype dtype, size_t steps, size_t seen);

/* (B, T, D) as (B, H, T, D/H), and back as (B, T, H D). */
eg_var egi_heads_split(eg_tape *t, eg_var x, size_t heads);
eg_var egi_heads_join(eg_tape *t, eg_var x);

/* ---- what the files of heads share ---- */

/* x (B, H, ..) with head h times beta_h^power. */
eg_var egi_heads_times_beta(struct egi_scope *s, const struct egi_heads *h, eg_var x, double power);
/* Whether somebody looks into the layer that runs. */
int egi_watched(const struct egi_scope *s);
/* x as similarities see it: Phi x. */
eg_var egi_heads_compared(struct egi_scope *s, const struct egi_heads *h, eg_var x);
/* 1 where a pair is seen, else 0; EG_NONE: all are. */
eg_var egi_heads_visible(struct egi_scope *s, const struct egi_heads *h);
/* a (B, H, Q, N) of queries and keys as they are compared. */
eg_var egi_heads_weights(struct egi_scope *s, const struct egi_heads *h, eg_var q);
/* sum_j a_j x_j */
eg_var egi_heads_read(struct egi_scope *s, const struct egi_heads *h, eg_var q, eg_var x, int last);

/* heads_fixed.c - a (.., N), given and learned: a plus its derivative by alpha, once. */
eg_var egi_entmax_learned(struct egi_scope *s, eg_var a, eg_var alpha);
/* z = f(z0), z0 a constant and nearly z: the gradient by what f depends on becomes that of the
 * fixed point. */
eg_var egi_heads_fixed(struct egi_scope *s, const struct egi_heads *h, eg_var z, eg_var z0);

/* heads_features.c - a = q k^T; of q the rows are divided by their sum over the keys. */
struct egi_featured {
    eg_var q, k; /* (B, H, Q, M), (B, H, N, M) */
};
struct egi_featured egi_heads_featured(struct egi_scope *s, const struct egi_heads *h, eg_var q);

/* What a pass hands out of the layer at `path`; values of the pass's tape. */
struct egi_watch {
    const char *path;
    int found;
    eg_var q, k, v, a;             /* q: after the updates */
    eg_var compared_q, compared_k; /* as similarities see them */
    eg_var seen;                   /* egi_heads_visible() */
    eg_rule rule;
    int kernel;
    eg_var beta; /* f64, (1) or (H) */
    size_t batch;
    eg_var
        weights; /* (.., R) of the rows of one bag, of a layer that has these alone; or EG_NONE */
    eg_var updates; /* (B, H, Q) how many each query took, or EG_NONE: none */
};

#endif
