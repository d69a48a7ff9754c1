/* Losses, schedules of the rate and optimisers: three tables a network chooses from. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_OPTIMISER_H
#define EGI_OPTIMISER_H

#include "engram/operations.h"
#include "engram/params.h"
#include "nn/egi_kind.h"

/* ---- loss.c ---- */

struct egi_loss_row {
    struct egi_kind kind;
    /* Mean over the batch, of scores z (B, K) and classes y (B) of i32. */
    eg_var (*apply)(eg_tape *t, eg_var z, eg_var y, const union egi_settings *settings);
};
extern const struct egi_kind *const egi_loss_kinds[];

/* ---- schedule.c ---- */

struct egi_schedule_row {
    struct egi_kind kind;
    /* By what the rate is multiplied at share 0..1 of all epochs, or at epoch e. */
    double (*factor)(const union egi_settings *settings, double e, double epochs);
};
extern const struct egi_kind *const egi_schedule_kinds[];

/* ---- optimiser.c ---- */

/* One array in one step; slots are arrays of its shape that the rule keeps. */
struct egi_update {
    float *p, *slot[2];
    const float *g;
    size_t row;         /* numbers a row: what one unit of a matrix owns */
    double rate;        /* with the schedule's factor */
    float scale, limit; /* the gradient is cut(scale g, -limit, limit) */
    int32_t step;       /* from 1 */
    const union egi_settings *settings;
};

struct egi_optimiser;

struct egi_optimiser_row {
    struct egi_kind kind;
    size_t (*slots)(const union egi_settings *settings);
    const char *slot[2]; /* names: "momentum" */
    int by_row;          /* updates see whole rows */
    /* Numbers begin..end of an array. */
    void (*update)(const struct egi_update *u, size_t begin, size_t end);
    /* Rules that look at the loss again on the same batch have this instead of update. */
    eg_status (*create)(struct egi_optimiser *o, eg_params *state);
    eg_status (*minimise)(struct egi_optimiser *o, double rate, double *loss);
};
extern const struct egi_kind *const egi_optimiser_kinds[];

/* Loss and gradients of the batch at the parameters as they are. g[k] is of parameter k, NULL
 * where the loss does not depend on it; valid until the next call. */
struct egi_objective {
    eg_status (*evaluate)(void *user, double *loss, const float **g);
    void *user;
};

struct egi_optimiser {
    const struct egi_optimiser_row *row;
    union egi_settings settings;
    double clip_norm, clip_value; /* 0: none */
    int threads;
    const eg_allocator *alloc;
    const eg_params *params;
    struct egi_objective objective;
    int32_t *step;   /* (1) in the state */
    float **slot[2]; /* (count of parameters) in the state */
    const float **g; /* (count) */
    void *own;       /* of rows with create */
    size_t own_bytes, bytes;
};

/**
 * Arrays that the rule keeps are added to state: "optimiser.step" and NAME.SLOT of each parameter.
 * o comes with row, settings, clips, threads, alloc, params and objective; destroy after a failure
 * too.
 */
eg_status egi_optimiser_create(struct egi_optimiser *o, eg_params *state);
void egi_optimiser_destroy(struct egi_optimiser *o);

/* One step: the loss before it. EG_ERR_DIVERGED names the parameter. */
eg_status egi_optimiser_step(struct egi_optimiser *o, double rate, double *loss);

/* EG_ERR_DIVERGED for what came of numbers that all are finite, or of one that is not: names the
 * largest of them. */
eg_status egi_optimiser_growth(const eg_params *params, const char *what, double value);

/* What all gradients are multiplied with so that their common norm is at most o->clip_norm. */
float egi_clip_scale(const struct egi_optimiser *o, const float *const *g);

/* sum x_i y_i in blocks of one size, in double: the same for any number of threads. */
double egi_dot(const float *x, const float *y, size_t n);

#endif
