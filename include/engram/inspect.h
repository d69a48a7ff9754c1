/* engram/inspect.h - what a layer that attends or remembers does with its input: keys, queries,
 * values, association, energy, and how many stored patterns each state mixes. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_INSPECT_H
#define ENGRAM_INSPECT_H

#include "engram/learner.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Of B examples, H heads, Q states (queries) and N stored patterns (keys, with those a layer adds).
 * What the heads share is written out for each. */
typedef struct eg_inspection {
    size_t batch, heads, queries, keys; /* B, H, Q, N */
    size_t d, value_size;               /* components of a key, of a value */
    float *query;                       /* (B, H, Q, D) after the updates */
    float *key;                         /* (B, H, N, D) */
    float *value;                       /* (B, H, N, DV) */
    float *association;                 /* (B, H, Q, N) the weights the values are read with */
    /* (B, H, Q) E(q) = -A(beta s) + |q|^2 / 2 over the keys the query sees, without the constants
     * that depend on these alone; A is the separation's energy term, and for softmax lse(beta, s).
     * NaN where it sees none, or where there is a kernel: the map is then not its gradient's. */
    double *energy;
    size_t *nearest;    /* (B, H, Q) the key most similar to the query that it sees; N: none */
    size_t *metastable; /* (B, H, Q) least number of weights that sum to 0.9 of all */
    size_t *updates;    /* (B, H, Q) how many the query took before it rested */
    double *median;     /* (H) of metastable over B and Q */
    int *kind;          /* (H) 1..4: median > N/2, > N/8, > N/32, at most N/32 */
} eg_inspection;

/**
 * One pass in evaluation, seen at the layer `layer`.
 * @param layer  its path of names: "pool", "block.0"
 * @param x      (B, inputs); of a learner of bags the B rows of one bag, which is one example
 * @return EG_OK; EG_ERR_INVALID (no such layer, or it has no association); EG_ERR_UNSUPPORTED (a
 *         learner that has no layers); EG_ERR_NOMEM; what the pass fails with
 *
 * Source: Ramsauer et al. 2021, eq. 2 and section "heads of BERT" (the four kinds).
 */
EG_API EG_MUST_CHECK eg_status eg_learner_inspect(eg_learner *l, const char *layer, const float *x,
                                                  size_t b, eg_inspection **out);
EG_API void eg_inspection_destroy(eg_inspection *i);

/**
 * How much a layer looks at each row of one bag: hopfield_pooling, bag_attention.
 * @param x        (rows, inputs)
 * @param weights  (rows) 0 or more; their sum is 1, but for what patterns that the layer adds have.
 *                 Of several heads and queries the mean. 0: a row that bag_attention did not pick
 * @return EG_OK; EG_ERR_INVALID (no such layer, or it weighs no rows); EG_ERR_UNSUPPORTED (no
 *         learner of bags that has layers); EG_ERR_NOMEM; what the pass fails with
 */
EG_API EG_MUST_CHECK eg_status eg_learner_attention(eg_learner *l, const char *layer,
                                                    const float *x, size_t rows, float *weights);

#ifdef __cplusplus
}
#endif
#endif
