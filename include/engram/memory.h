/* engram/memory.h - dense associative memories: store, recall, certify. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_MEMORY_H
#define ENGRAM_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "engram/alloc.h"
#include "engram/association.h"
#include "engram/progress.h"
#include "engram/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_memory eg_memory;
typedef struct eg_routed eg_routed; /* engram/routed.h */

/* How the patterns are kept. */
typedef enum eg_storage {
    EG_STORE_DENSE,         /* every pattern, f32 */
    EG_STORE_BITS,          /* every pattern, one bit a component: +1 or -1 */
    EG_STORE_HEBB,          /* (D, D) weights: W = 1/D sum xi xi^T */
    EG_STORE_STORKEY,       /* (D, D) weights, Storkey and Valabregue 1999, eq. 3 */
    EG_STORE_PSEUDOINVERSE, /* (D, D) weights: the projector on the span, Personnaz 1985 */
    EG_STORE_FEATURES,      /* 2Y numbers whatever N is: random features, Hoover et al. 2024 */
    EG_STORE_COUNT
} eg_storage;

typedef struct eg_memory_options {
    size_t size;        /* sizeof(eg_memory_options) */
    eg_storage storage; /* EG_STORE_DENSE */
    eg_rule rule;       /* weights use the projection only; features need softmax with
                           dot (positive features) or euclidean (trigonometric) similarity */
    int self_coupling;  /* weights: keep the diagonal; 0 by default */
    size_t features;    /* Y of EG_STORE_FEATURES, 4096 */
    size_t value_size;  /* DV > 0: each pattern carries a value of DV numbers (dense, bits) */
    uint64_t seed;      /* of the random features */
    const eg_allocator *alloc; /* NULL: the default; must outlive the memory */
} eg_memory_options;

#define EG_MEMORY_OPTIONS_INIT                                                    \
    {                                                                             \
        sizeof(eg_memory_options), EG_STORE_DENSE, EG_RULE_INIT, 0, 4096, 0, 0, 0 \
    }

/**
 * An empty memory of states of d components.
 * @param options  NULL for the defaults; copied
 * @return EG_OK, EG_ERR_INVALID, EG_ERR_UNSUPPORTED (storage and rule do not fit),
 *         EG_ERR_OVERFLOW, EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_memory_create(size_t d, const eg_memory_options *options,
                                                eg_memory **out);
EG_API void eg_memory_destroy(eg_memory *m);

/* What comes with the patterns; every pointer may be NULL. */
typedef struct eg_items {
    const float *weights;  /* (N) multiplicities > 0; NULL: ones */
    const int32_t *labels; /* (N); NULL: -1, no label */
    const float *values;   /* (N, DV); needed when value_size > 0 */
    const uint64_t *ids;   /* (N) unique, not stored before; NULL: the next free ones */
} eg_items;

/**
 * Store n patterns. All or none are stored.
 * @param patterns  (N, D) finite; for EG_STORE_BITS the sign is kept (0 counts as +1)
 * @param items     NULL: weights 1, no labels, no values, new ids
 */
EG_API EG_MUST_CHECK eg_status eg_memory_add(eg_memory *m, const float *patterns, size_t n,
                                             const eg_items *items);

/* Take patterns out by id; EG_NOT_FOUND, and nothing done, if one of them is not stored.
 * The order of the others is kept. Hebb and features subtract (the pattern is needed and
 * is kept for it only by dense and bits): EG_ERR_UNSUPPORTED for weights and features. */
EG_API EG_MUST_CHECK eg_status eg_memory_remove(eg_memory *m, const uint64_t *ids, size_t n);

/* Put another pattern (D) in the place of one; weight, label, value and id stay. */
EG_API EG_MUST_CHECK eg_status eg_memory_replace(eg_memory *m, uint64_t id, const float *pattern);

/* Weights and features are linear in the patterns (Hebb, features): forget one copy of a pattern,
 * one of multiplicity w by w calls. No pattern is linked to an item, so the copy comes off the
 * last ones: after storing with multiplicities 1 the count falls by 1 (and stays at 0, as in a
 * memory whose state was set). EG_ERR_UNSUPPORTED for all other storage, and nothing done. */
EG_API EG_MUST_CHECK eg_status eg_memory_forget(eg_memory *m, const float *pattern);

/* m must not be NULL here and in the accessors below. Storage that patterns leave is kept for
 * the next ones until the memory is destroyed. */
EG_API size_t eg_memory_count(const eg_memory *m);      /* N: patterns stored */
EG_API size_t eg_memory_size(const eg_memory *m);       /* D */
EG_API size_t eg_memory_value_size(const eg_memory *m); /* DV */
EG_API size_t eg_memory_bytes(const eg_memory *m);      /* held in all */
EG_API const eg_memory_options *eg_memory_options_view(const eg_memory *m);

/* Change the rule of a memory that holds patterns; the same checks as create. */
EG_API EG_MUST_CHECK eg_status eg_memory_set_rule(eg_memory *m, const eg_rule *rule);

/* Copies of what is stored at index 0 <= i < N, in the order of storing. */
EG_API EG_MUST_CHECK eg_status eg_memory_pattern(const eg_memory *m, size_t i, float *pattern);
EG_API EG_MUST_CHECK eg_status eg_memory_value(const eg_memory *m, size_t i, float *value);
EG_API uint64_t eg_memory_id(const eg_memory *m, size_t i);   /* 0 outside 0..N-1 */
EG_API int32_t eg_memory_label(const eg_memory *m, size_t i); /* -1 outside */
EG_API float eg_memory_weight(const eg_memory *m, size_t i);  /* 0 outside */
EG_API EG_MUST_CHECK eg_status eg_memory_find(const eg_memory *m, uint64_t id, size_t *index);

/* The (D, D) weights of Hebb, Storkey, pseudo-inverse, with their diagonal; (2Y) sums of
 * features, or their logarithms under dot similarity: a copy.
 * set_state is its inverse for a memory just created: what a file holds. */
EG_API size_t eg_memory_state_size(const eg_memory *m);
EG_API EG_MUST_CHECK eg_status eg_memory_state(const eg_memory *m, double *state);
EG_API EG_MUST_CHECK eg_status eg_memory_set_state(eg_memory *m, const double *state, size_t count);

/* How a state moves. */
typedef enum eg_dynamics {
    EG_DYN_SYNC,   /* x <- projection(sum a_i xi_i), all components at once */
    EG_DYN_ASYNC,  /* one component at a time, to the value of lower energy: the exact
                      difference of E, not the induced field (sign and threshold) */
    EG_DYN_CCCP,   /* x <- argmin of Psi minus the linearised A: the concave-convex update.
                      The weighted median for Manhattan; the synchronous update elsewhere, and
                      where that is not the minimiser eg_memory_lyapunov says so */
    EG_DYN_DAMPED, /* x <- (1 - damping) x + damping f(x), f the synchronous update */
    EG_DYN_FLOW_A, /* gradient flows of Krotov and Hopfield 2021, models A, B and C, */
    EG_DYN_FLOW_B, /* integrated by CVODE to time max_steps (in units of tau) or until */
    EG_DYN_FLOW_C, /* the speed falls below the tolerance */
    EG_DYN_COUNT
} eg_dynamics;

typedef enum eg_order { EG_ORDER_FIXED, EG_ORDER_RANDOM, EG_ORDER_STEEPEST } eg_order;

typedef struct eg_recall_options {
    size_t size; /* sizeof(eg_recall_options) */
    eg_dynamics dynamics;
    eg_order order;       /* of the asynchronous sweep */
    size_t max_steps;     /* updates, or sweeps; 100 */
    double tolerance;     /* stop when |x' - x| <= tolerance max(|x|, 1); 1e-5. Binary states
                             stop when nothing changes */
    double damping;       /* of EG_DYN_DAMPED, in (0, 1]; 0.5 */
    const uint8_t *clamp; /* (Q, D) or NULL: where 1, the component keeps the cue's value, of a
                           * memory of bits +1 or -1 */
    double *trace;        /* (Q, max_steps + 1) or NULL: energy before each update and at the
                             end; the rest of a row is NaN */
    float *path;          /* (Q, max_steps + 1, D) or NULL: the states likewise */
    uint64_t seed;        /* of the random order */
    int threads;          /* 0: all that the runtime offers */
    const eg_progress *progress; /* NULL: nobody watches */
    const eg_routed *routed;     /* NULL, or an index over this memory: every update, synchronous or
                                    damped, goes by way of it, within */
    double routed_error;         /* this share of the largest norm of a pattern, and energies err by
                                    what their error says. Of certificates, mass_size may then be
                                    more than it is, gap less, and error_bound more */
} eg_recall_options;

#define EG_RECALL_OPTIONS_INIT                                                                    \
    {                                                                                             \
        sizeof(eg_recall_options), EG_DYN_SYNC, EG_ORDER_FIXED, 100, 1e-5, 0.5, 0, 0, 0, 0, 0, 0, \
            0, 1e-3                                                                               \
    }

/* What a state has come to rest on. */
typedef enum eg_fixed_point {
    EG_FIXED_NONE,       /* not a fixed point (not converged), or no memory within reach */
    EG_FIXED_MEMORY,     /* one memory carries at least 0.9 of the association's mass; for
                            powers of scores, cosine >= 0.9 with one */
    EG_FIXED_METASTABLE, /* a mixture of k memories */
    EG_FIXED_GLOBAL,     /* the average of all: each weight within a factor 2 of its share */
    EG_FIXED_SPURIOUS,   /* weights without patterns: nothing to compare with */
    EG_FIXED_MIRROR      /* the negative of one memory: an energy even in its scores (classical,
                            even powers) has both as minima; overlap is then near -1 */
} eg_fixed_point;

/* What is known about one recall. Every number is of this query alone. */
typedef struct eg_certificate {
    int converged;        /* the stopping rule was met within max_steps */
    int lyapunov;         /* the energy cannot rise under this rule and dynamics (proved) */
    int descended;        /* it did not, up to energy_error, at any step of this recall */
    size_t steps;         /* updates or sweeps done */
    double energy_before; /* of the cue */
    double energy_after;  /* of the state returned */
    double energy_error;  /* bound on the rounding of each of these two */
    eg_fixed_point kind;
    size_t mass_size; /* k: smallest number of memories that carry 0.9 of the mass */
    size_t nearest;   /* index of the most similar memory (by |similarity| where the
                             energy is even in it); N where there is none */
    uint64_t nearest_id;
    double overlap;     /* cosine of state and nearest memory */
    int exact;          /* the state equals the nearest memory to the bit */
    int exact_proved;   /* and one step from any state this close must give it: the margin
                           condition, or Hoover et al. 2025, theorem 1 */
    double gap;         /* Delta: s_nearest minus the next largest similarity, at the memory */
    double error_bound; /* Ramsauer et al. 2021, theorem 5: |f(x) - xi| <= this, with x the
                           state and xi the nearest memory; +inf where it says nothing, NaN
                           where it does not apply (not softmax with dot) */
} eg_certificate;

/**
 * Recall: iterate from each cue until it rests. A query's result depends on its cue and the
 * memory alone, to the bit: not on the other queries, nor on the threads.
 *
 * @param cues    (Q, D) finite; 0 is unknown, also to a memory of bits, whose sweeps begin with the
 *                sign of its pull there
 * @param states  (Q, D) out; may be cues itself
 * @param certificates  (Q) out, or NULL
 * @return EG_OK, EG_ERR_INVALID (also: empty memory), EG_ERR_UNSUPPORTED (the combination is
 *         not defined), EG_ERR_DIVERGED, EG_ERR_OVERFLOW, EG_ERR_NOMEM, EG_ERR_INTERRUPTED
 */
EG_API EG_MUST_CHECK eg_status eg_memory_recall(const eg_memory *m, const float *cues, size_t q,
                                                const eg_recall_options *options, float *states,
                                                eg_certificate *certificates);

/* One synchronous update of each state; next (Q, D) may be x itself. */
EG_API EG_MUST_CHECK eg_status eg_memory_step(const eg_memory *m, const float *x, size_t q,
                                              int threads, float *next);

/* Energy of each state, in double: -A + Psi + constant (docs/associations.md). EG_ERR_OVERFLOW
 * where it exceeds one. */
EG_API EG_MUST_CHECK eg_status eg_memory_energy(const eg_memory *m, const float *x, size_t q,
                                                int threads, double *energy);

/* What is associated with each state: sum_i a_i value_i (Q, DV), one read-out without a
 * step; divided by the sum of the weights (where that is 0: zeros). */
EG_API EG_MUST_CHECK eg_status eg_memory_read(const eg_memory *m, const float *x, size_t q,
                                              int threads, float *values);

/* The association of one state: its similarities (N) and its weights (N) divided by the sum of
 * their magnitudes; either may be NULL. */
EG_API EG_MUST_CHECK eg_status eg_memory_associate(const eg_memory *m, const float *x, double *s,
                                                   double *p);

/* Whether energy cannot rise: 1 proved, 0 not; *why (static text, may be NULL) says by which
 * argument, or what breaks it. */
EG_API int eg_memory_lyapunov(const eg_memory *m, const eg_recall_options *options,
                              const char **why);
EG_API int eg_rule_lyapunov(const eg_rule *rule, eg_storage storage, eg_dynamics dynamics,
                            const char **why);

/**
 * A sequence: S(t+1) = projection(sum_mu a_mu xi^(mu+1)), the association of pattern mu
 * pointing to pattern mu + 1 in the order of storing (Chaudhry et al. 2023, eqs. 3-5).
 * @param cue     (D)
 * @param cyclic  1: the last pattern points to the first; else to itself
 * @param states  (T, D) out: S(1) .. S(T)
 * @param nearest (T) out, or NULL: index of the memory most similar to each
 */
EG_API EG_MUST_CHECK eg_status eg_memory_sequence(const eg_memory *m, const float *cue, int cyclic,
                                                  size_t steps, int threads, float *states,
                                                  size_t *nearest);

/**
 * Free recall: random starts, each recalled to rest, until `patience` recalls in a row bring
 * no memory that had not come before.
 * @param ids    (limit) out: ids in the order they came; *found of them
 * @param tries  out, may be NULL: recalls made
 */
EG_API EG_MUST_CHECK eg_status eg_memory_free_recall(const eg_memory *m,
                                                     const eg_recall_options *options,
                                                     size_t patience, size_t limit, uint64_t *ids,
                                                     size_t *found, size_t *tries);

#ifdef __cplusplus
}
#endif
#endif
