/* engram/learned_symmetry.h - maps L that a function does not see, Phi(Lx) = Phi(x), learned so
 * that what they give looks like the data.
 *
 * L minimises  E|Phi(Lx) - Phi(x)|^2 / Var Phi                    (invariance)
 *            + realism E[-log D(Lx)]                              (D tells data from what is moved)
 *            + movement E[max(0, least - |Lx - x| / |x|)]         (not the identity)
 *            + involution E|LLx - x|^2 / E|x|^2
 *            + similarity sum_{i<j} cos^2(G_i, G_j)               (several generators differ)
 * in turn with D, which maximises E log D(x) + E log(1 - D(Lx)), whose value is -log 4 at best
 * where both distributions are the same (Goodfellow et al. 2014, theorem 1). What L can be is a row
 * of a table. Infinitesimal symmetries, found without training: engram/symmetry.h. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_LEARNED_SYMMETRY_H
#define ENGRAM_LEARNED_SYMMETRY_H

#include "engram/learner.h"
#include "engram/operations.h"
#include "engram/progress.h"

#ifdef __cplusplus
extern "C" {
#endif

/* A function on a tape, from (B, D) to (B, C). */
typedef struct eg_tape_function {
    size_t inputs, outputs; /* D, C */
    eg_var (*apply)(void *user, eg_tape *t, eg_var x);
    void *user;
} eg_tape_function;

/* The scores of a network, which outlives it; apply is NULL for a learner without layers. */
EG_API eg_tape_function eg_learner_tape_function(eg_learner *l);

/* A row of the table of what L can be; NULL past its end. */
typedef struct eg_symmetry_family {
    const char *name; /* "linear", "warp", "residual", "involution" */
    const char *summary, *formula, *source;
} eg_symmetry_family;
EG_API const eg_symmetry_family *eg_symmetry_family_at(size_t row);

typedef struct eg_learn_symmetry_options {
    size_t size;                    /* sizeof(eg_learn_symmetry_options) */
    const char *family;             /* a row's name */
    size_t height, width, channels; /* of warp: D = C H W, channel-major */
    const float *basis;             /* (Q, D) orthonormal rows: x moves within their space alone;
                                       NULL: all, Q = D. Not of warp */
    size_t q;
    size_t generators;    /* K of linear and warp */
    double range;         /* their z is N(0, range^2) */
    size_t units, layers; /* hidden units of residual and involution; couplings of the latter */
    size_t flipped;       /* coordinates that an involution turns round, the last: of
                                       principal components the least */
    double realism, movement, least, involution, similarity; /* weights, see above */
    double smooth;       /* weight of E|grad D(x)|^2 / 2 on data (Mescheder et al. 2018, R1) */
    size_t critic_units; /* of D, two hidden layers */
    size_t critic_steps; /* of D, a step of L */
    double rate,
        critic_rate; /* of Adam, betas .5 and .99; that of L falls to 0 over the 2nd half */
    size_t steps, batch;
    uint64_t seed;
    int threads; /* 0: all; changes no bit of any result */
    const eg_progress *progress;
    const eg_allocator *alloc;
} eg_learn_symmetry_options;

#define EG_LEARN_SYMMETRY_OPTIONS_INIT                                                         \
    {                                                                                          \
        sizeof(eg_learn_symmetry_options), "linear", 0, 0, 0, NULL, 0, 1, 1, 64, 4, 1, 0.1, 1, \
            0.1, 0, 1, 0.1, 128, 1, 1e-3, 1e-3, 2000, 64, 0, 0, NULL, NULL                     \
    }

typedef struct eg_learned_symmetry eg_learned_symmetry;

/**
 * A map of a family, as it begins. options, basis too, are copied; progress is borrowed.
 * @return EG_OK; EG_ERR_INVALID (an unknown family, an option out of range, pictures that do not
 *         make up D); EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_learned_symmetry_create(size_t d,
                                                          const eg_learn_symmetry_options *options,
                                                          eg_learned_symmetry **out);
EG_API void eg_learned_symmetry_destroy(eg_learned_symmetry *s);

/* What was learned: "generators" (K, Q, Q) of linear, (K, 6) of warp, weights of the others.
 * Values may be written to. Generators are used divided by |G|_F / sqrt(Q), of warp by |c|. */
EG_API eg_params *eg_learned_symmetry_params(eg_learned_symmetry *s);

/**
 * Learn from data.
 * @param x  (N, D) finite
 * @return EG_OK; EG_ERR_UNSUPPORTED (phi->apply is NULL); EG_ERR_SHAPE; EG_ERR_INVALID (no data,
 *         Phi the same for all of it); EG_ERR_DIVERGED; EG_ERR_NOMEM; EG_ERR_INTERRUPTED
 */
EG_API EG_MUST_CHECK eg_status eg_learned_symmetry_train(eg_learned_symmetry *s,
                                                         const eg_tape_function *phi,
                                                         const float *x, size_t n);

/**
 * y (N, D) = L x.
 * @param z  (N, K) of linear and warp; NULL: 1 for the first, 0 for others
 */
EG_API EG_MUST_CHECK eg_status eg_learned_symmetry_apply(eg_learned_symmetry *s, const float *x,
                                                         size_t n, const float *z, float *y);

/* orbit (N, steps + 1, D): x, Lx, LLx, ...; of linear and warp exp(k t G_1) x, k = 0..steps. */
EG_API EG_MUST_CHECK eg_status eg_learned_symmetry_orbit(eg_learned_symmetry *s, const float *x,
                                                         size_t n, double t, size_t steps,
                                                         float *orbit);

/* How good L is, on data of any kind; z drawn anew. */
typedef struct eg_learned_symmetry_result {
    double invariance; /* E|Phi(Lx) - Phi(x)|^2 over the variance of Phi; NaN of one that is 0 */
    double agreement;  /* share whose largest output stays the largest */
    double moved;      /* E |Lx - x| / |x| */
    double accuracy;   /* of D, data and what is moved alike: 0.5 where it is deceived */
    double value;      /* E log D(x) + E log(1 - D(Lx)); -log 4 where it is deceived */
    double involution; /* E|LLx - x|^2 / E|Lx - x|^2, the same z twice */
} eg_learned_symmetry_result;

EG_API EG_MUST_CHECK eg_status eg_learned_symmetry_check(eg_learned_symmetry *s,
                                                         const eg_tape_function *phi,
                                                         const float *x, size_t n,
                                                         eg_learned_symmetry_result *out);

#ifdef __cplusplus
}
#endif
#endif
