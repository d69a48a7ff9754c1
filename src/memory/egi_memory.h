/* Inside a memory: the patterns' items, and a back end that knows how patterns are kept.
 *
 * A back end answers three questions about a state x: how similar is each memory (scores),
 * where is the association pulling (field), and what is the best value of one component
 * (sweep). Everything else (projection, energy, dynamics, certificates) is written once over
 * these. Adding a way to keep patterns is one file and one row of egi_backends. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_MEMORY_H
#define EGI_MEMORY_H

#include "base/egi_base.h"
#include "engram/memory.h"

/* What the association leaves at a state besides the pull y = sum_i a_i v_i. */
struct egi_pull {
    double attraction; /* A(s(x)), the energy term; may be infinite when it overflows; where the
                          reading asks for none, anything */
    double log_scale;  /* y must be multiplied by exp(log_scale) to be the gradient of A */
    double rounding;   /* bound on the rounding error of the attraction, likewise */
    int empty;         /* no memory pulls: y is not defined and the state stays */
    int scored; /* the similarities that were wanted are there, to the bit those of scores() */
};

/* What is summed with the weights a. */
struct egi_reading {
    const float *values; /* (N, DV), or NULL: the patterns themselves, DV = D */
    size_t dv;
    int mean;      /* 1: divided by the sum of a, as normalised separations always are */
    int energy;    /* 1: the attraction is asked for too */
    int signs;     /* 1: of y the signs alone */
    float *scores; /* (N) similarities of a single query are wanted too; or NULL */
};

struct egi_relax;
struct egi_relaxed;

/* Those that have this share of the mass carry it (Ramsauer et al. 2021, section 3). */
#define EGI_CARRIED 0.9

/* How a state stands to the patterns: what a certificate says. */
struct egi_standing {
    size_t nearest; /* most similar, the first of equals */
    double best;    /* its similarity */
    double lead;    /* of the pattern asked about: its similarity minus the next largest; +inf where
                       there is no other */
    int even;       /* every pattern has its share of the mass, within a factor of two */
    double *mass;   /* room for (N); the first `known` are shares of the mass, in any order; what is
                       not among them carries the rest */
    size_t known;
};

/* Another way to the field of a back end, within a stated error: what an index over the patterns
 * offers. EG_ERR_INVALID where it was made for other patterns than those of m. */
struct egi_router {
    /* As egi_backend.field, on o->threads; the pull errs by at most o->routed_error times the
     * largest norm of what is summed, and pull->rounding counts what the attraction may have
     * lost. */
    eg_status (*field)(const struct egi_router *self, const eg_memory *m,
                       const eg_recall_options *o, const float *x, size_t q,
                       const struct egi_reading *reading, float *y, struct egi_pull *pull);
    /* How one state x (D) stands, as far as the index shows it: shares, and the lead of pattern
     * `of`, are at most what they are (of = N: none is claimed). EG_NOT_FOUND where all must be
     * looked at to tell which is nearest, or whether the mass is even. */
    eg_status (*stand)(const struct egi_router *self, const eg_memory *m, double error,
                       const float *x, size_t of, struct egi_standing *out);
};

struct egi_backend {
    const char *name;
    int keeps_patterns;
    eg_status (*create)(eg_memory *m); /* m->alloc, d and options are set; fills m->store */
    void (*destroy)(eg_memory *m);     /* m->store may be NULL */
    size_t (*bytes)(const eg_memory *m);

    /* Checks a rule for this way of keeping: EG_OK or EG_ERR_UNSUPPORTED with the reason. */
    eg_status (*accepts)(const eg_memory_options *options);
    /* The rule has changed: recompute what depends on it. NULL: nothing does. */
    eg_status (*rule_changed)(eg_memory *m);

    /* Room for n more patterns, so that appending them allocates nothing. NULL: needs none. */
    eg_status (*reserve)(eg_memory *m, size_t n);
    /* All or none of n patterns (n, D); weights (n) or NULL. Called before m->n grows. */
    eg_status (*append)(eg_memory *m, const float *patterns, const float *weights, size_t n);
    void (*keep)(eg_memory *m, const uint8_t *keep); /* (N) 1: stays; NULL: not possible */
    void (*replace)(eg_memory *m, size_t i, const float *pattern);
    eg_status (*forget)(eg_memory *m, const float *pattern); /* NULL: not possible */
    void (*get)(const eg_memory *m, size_t i, float *pattern);
    /* y_j = sum_i a_i xi_ij: (D), a (N) with many zeros where the separation is sparse. signs: the
     * signs alone will do. */
    eg_status (*weighted_sum)(const eg_memory *m, const double *a, int signs, int threads,
                              float *y);
    size_t (*state_size)(const eg_memory *m); /* NULL: 0 */
    void (*state)(const eg_memory *m, double *state);
    void (*set_state)(eg_memory *m, const double *state);

    double (*max_norm)(const eg_memory *m);   /* M = max |xi|; NULL without patterns */
    const float *(*rows)(const eg_memory *m); /* (N, D) or NULL: kept otherwise */

    /* Similarities of x (D) to every memory: (N) doubles. NULL without patterns. */
    eg_status (*scores)(const eg_memory *m, const float *x, int threads, double *s);
    /* Bound on the rounding error of each of these scores; 0 where they are exact. */
    double (*score_error)(const eg_memory *m, const float *x);

    /* The pull at each state: y (Q, DV), pull (Q). y may be NULL. A query's numbers depend on
     * it alone. */
    eg_status (*field)(const eg_memory *m, const float *x, size_t q, int threads,
                       const struct egi_reading *reading, float *y, struct egi_pull *pull);

    /* Asynchronous updates of one state in place until none changes or max_sweeps; the
     * energy after each sweep goes to trace (may be NULL), each state to path (may be
     * NULL). NULL: not defined for this way of keeping. */
    eg_status (*relax)(const eg_memory *m, const struct egi_relax *relax, float *x,
                       struct egi_relaxed *result);
};

/* One asynchronous relaxation. */
struct egi_relax {
    const eg_recall_options *options;
    const uint8_t *clamp; /* (D) of this query, or NULL */
    uint64_t stream;      /* of the random order */
    double *trace;        /* (max_steps + 1) or NULL */
    float *path;          /* (max_steps + 1, D) or NULL */
    const float *rows;    /* (N, D) patterns where the back end has no rows of its own */
};

struct egi_relaxed {
    size_t steps;  /* sweeps in which something changed */
    int converged; /* the last sweep changed nothing */
    int descended; /* no update raised the energy */
    int moved;     /* it began elsewhere than at the cue, at energy `before` */
    double before;
};

struct eg_memory {
    const eg_allocator *alloc;
    eg_memory_options options; /* alloc resolved */
    const struct egi_backend *backend;
    void *store; /* the back end's own */
    size_t d;
    size_t n;         /* patterns, as items and in the back end */
    size_t capacity;  /* of the arrays below */
    uint64_t *id;     /* (N) unique */
    uint64_t next_id; /* larger than any id ever used */
    int32_t *label;   /* (N) */
    float *weight;    /* (N) multiplicities */
    int weighted;     /* any of them is not 1 */
    double weight_sum;
    float *value;     /* (N, DV) */
    uint64_t changes; /* of the patterns so far: what an index over them was made for */
};

extern const struct egi_backend *const egi_backends[EG_STORE_COUNT];
extern const struct egi_backend egi_backend_dense, egi_backend_bits, egi_backend_hebb,
    egi_backend_storkey, egi_backend_pseudoinverse, egi_backend_features;

/* memory.c - room for n more patterns, for a caller that adds them piece by piece and knows how
 * many there will be. */
eg_status egi_memory_reserve(eg_memory *m, size_t n);
/* Items (their ids given) of patterns that the state set already stands for. */
eg_status egi_memory_add_items(eg_memory *m, size_t n, const eg_items *items);

/* strip.c - the association by way of all scores of one query at a time (a strip of N
 * numbers, never Q x N): every separation, whatever the similarity. The same contract as
 * egi_backend.field. */
eg_status egi_strip_field(const eg_memory *m, const float *x, size_t q, int threads,
                          const struct egi_reading *reading, float *y, struct egi_pull *pull);

/* energy.c - E of a state from its pull; the constant makes 0 <= E <= 2 M^2 for normalised
 * separations of dot products (Ramsauer et al. 2021, eq. 2). NaN where there is none. */
double egi_energy_constant(const eg_memory *m);
double egi_state_energy(const eg_memory *m, const float *x, double attraction, double constant);

/* step.c - from the pull y (D) at x (D) to the next state (D): scale, projection, clamp.
 * work: (2 D) doubles. EG_ERR_DIVERGED if a component is not finite. */
eg_status egi_next_state(const eg_memory *m, const float *x, const float *y,
                         const struct egi_pull *pull, const uint8_t *clamp, double *work,
                         float *next);

/* The multiplicities as the separation wants them: NULL when all are 1. */
static inline const float *egi_weights(const eg_memory *m)
{
    return m->weighted ? m->weight : NULL;
}

/* flow.c - gradient flow from x (D) in place, by CVODE. trace and path as in egi_relax. */
eg_status egi_flow(const eg_memory *m, const struct egi_relax *relax, float *x,
                   struct egi_relaxed *result);

#endif
