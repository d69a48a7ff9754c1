/* engram/routed.h - routed recall: binary codes propose, the dense memory refines, and what was
 * left out is bounded. docs/routed-recall.md states the bound and proves it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_ROUTED_H
#define ENGRAM_ROUTED_H

#include <stddef.h>
#include <stdint.h>

#include "engram/memory.h"
#include "engram/progress.h"
#include "engram/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* The index over a memory: cells of near patterns, each a centre and a radius, and of each pattern
 * the signs of what it differs from its centre by (one bit a component). It holds no pattern. */
typedef struct eg_routed eg_routed;

typedef struct eg_routed_options {
    size_t size;                 /* sizeof(eg_routed_options) */
    size_t cells;                /* K; 0: 4 sqrt(N), fewer where patterns coincide */
    size_t rounds;               /* of k-means, on a sample; 4 */
    uint64_t seed;               /* of its starts */
    int threads;                 /* 0: all that the runtime offers */
    const eg_progress *progress; /* NULL: nobody watches */
} eg_routed_options;

#define EG_ROUTED_OPTIONS_INIT                    \
    {                                             \
        sizeof(eg_routed_options), 0, 4, 0, 0, 0, \
    }

/**
 * An index over what a memory holds now.
 * @param m  patterns kept as f32 (EG_STORE_DENSE), softmax or exponential separation, dot, cosine
 *           or Euclidean similarity; borrowed until eg_routed_destroy
 * @return EG_OK, EG_ERR_INVALID (also: empty memory), EG_ERR_UNSUPPORTED (another rule or way of
 *         keeping), EG_ERR_OVERFLOW, EG_ERR_NOMEM, EG_ERR_INTERRUPTED
 *
 * Cost: O(N sqrt(K) D) time.   Determinism: the same index for any number of threads.
 */
EG_API EG_MUST_CHECK eg_status eg_routed_create(const eg_memory *m,
                                                const eg_routed_options *options, eg_routed **out);
EG_API void eg_routed_destroy(eg_routed *r);

/* After patterns were stored, forgotten or replaced, or the rule was changed: makes the index right
 * again. Stored patterns join the nearest cell and may widen it; all is cut anew where the memory
 * has doubled or another similarity is asked for. On failure the index stays as it was. O(N D). */
EG_API EG_MUST_CHECK eg_status eg_routed_update(eg_routed *r);

/* r must not be NULL. */
EG_API size_t eg_routed_size(const eg_routed *r);  /* D */
EG_API size_t eg_routed_cells(const eg_routed *r); /* K */
EG_API size_t eg_routed_bytes(const eg_routed *r); /* beside the memory's own */

/* What is proved of one routed association, rounding included. */
typedef struct eg_routed_certificate {
    double left_out;    /* no more than this share of the softmax mass was left out */
    double error;       /* |out - exact|_2 is at most this */
    size_t cells;       /* opened */
    size_t codes;       /* patterns of which the code was looked at */
    size_t patterns;    /* of which the numbers were */
    size_t nearest;     /* index of the most similar pattern among these */
    int nearest_proved; /* none that was left out is as similar */
} eg_routed_certificate;

/**
 * What is associated with each state: out = sum_i p_i v_i, p the softmax of beta times the
 * similarities, as of the whole memory up to a certified error: cells are opened in the order of
 * their bounds until it holds.
 *
 * @param x       (Q, D) finite
 * @param error   >= 0, a share of M, the largest norm of a pattern (of a value): wanted is
 *                |out - exact| <= error M. Below what rounding allows (6e-8) everything is looked
 *                at, and the certificate says what is proved
 * @param values  0: v_i are the patterns, out (Q, D); 1: their values, out (Q, DV)
 * @param out     must not overlap x
 * @param certificates  (Q) or NULL
 * @return EG_OK, EG_ERR_INVALID (also: the memory has changed, eg_routed_update is due),
 *         EG_ERR_UNSUPPORTED, EG_ERR_OVERFLOW (similarities exceed a double), EG_ERR_NOMEM
 *
 * Threads: const; a query each.   Determinism: R1; a query's result depends on it alone.
 */
EG_API EG_MUST_CHECK eg_status eg_routed_read(const eg_routed *r, const float *x, size_t q,
                                              double error, int values, int threads, float *out,
                                              eg_routed_certificate *certificates);

#ifdef __cplusplus
}
#endif
#endif
