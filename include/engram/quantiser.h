/* engram/quantiser.h - numbers to a few symbols, and back: what couples features to memories that
 * store in connections.
 *
 * A vector of D numbers becomes P symbols of L values each. Every kind is a row of one table. Those
 * that take a component each keep thresholds and the value a cell stands for; those that take a
 * part of the vector keep anchors; a projection keeps nothing but its seed. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_QUANTISER_H
#define ENGRAM_QUANTISER_H

#include <stddef.h>
#include <stdint.h>

#include "engram/alloc.h"
#include "engram/learner.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_quantiser eg_quantiser;

/* A row of the table; NULL past its end. */
typedef struct eg_quantiser_kind {
    const char *name;    /* "pq" */
    const char *summary; /* one line */
    const char *source;  /* paper and equation */
} eg_quantiser_kind;
EG_API const eg_quantiser_kind *eg_quantiser_kind_at(size_t row);
/* Its settings; NULL past the end, or where there is no such kind. */
EG_API const eg_setting *eg_quantiser_setting_at(const char *kind, size_t row);

/**
 * A quantiser that has yet to see data: cells of sign, ternary and coarse lie around 0 as the
 * components of a random vector of length 1 do; anchors are such vectors.
 * @param spec  JSON object: {"kind": "pq", "parts": 64, "anchors": 64}
 * @param d     D >= 1
 * @param alloc NULL: the default; must outlive it
 * @return EG_OK; EG_ERR_INVALID (with the place); EG_ERR_SHAPE (more parts than components);
 *         EG_ERR_OVERFLOW; EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_quantiser_create(const char *spec, size_t d, uint64_t seed,
                                                   const eg_allocator *alloc, eg_quantiser **out);
EG_API void eg_quantiser_destroy(eg_quantiser *q);

/**
 * Fit thresholds, values or anchors to n vectors; what was fitted before is forgotten. The same
 * vectors in the same order give the same bits. Nothing to do for a projection.
 * @param x  (N, D) finite, N >= 1; fewer vectors than anchors: the rest stay as they were
 * @return EG_OK; EG_ERR_INVALID (names row and component); EG_ERR_NOMEM, and nothing done
 */
EG_API EG_MUST_CHECK eg_status eg_quantiser_fit(eg_quantiser *q, const float *x, size_t n);

/* q must not be NULL in these. */
EG_API const char *eg_quantiser_spec(const eg_quantiser *q); /* with every default */
EG_API size_t eg_quantiser_parts(const eg_quantiser *q);     /* P: symbols of a vector */
EG_API size_t eg_quantiser_symbols(const eg_quantiser *q);   /* L <= 65536: values of a symbol */
EG_API double eg_quantiser_bits(const eg_quantiser *q);      /* P log2 L / D: bits a component */
EG_API size_t eg_quantiser_bytes(const eg_quantiser *q);     /* of what was fitted */

/* code (N, P) of x (N, D) finite; ties go to the lower symbol. */
EG_API EG_MUST_CHECK eg_status eg_quantiser_encode(const eg_quantiser *q, const float *x, size_t n,
                                                   uint16_t *code);
/* x (N, D) that code (N, P) stands for. EG_ERR_INVALID: a symbol of L or more. */
EG_API EG_MUST_CHECK eg_status eg_quantiser_decode(const eg_quantiser *q, const uint16_t *code,
                                                   size_t n, float *x);
/* error = sum |x - decode(encode(x))|^2 / sum |x|^2 over n vectors; 0 where all are 0. */
EG_API EG_MUST_CHECK eg_status eg_quantiser_error(const eg_quantiser *q, const float *x, size_t n,
                                                  double *error);

#ifdef __cplusplus
}
#endif
#endif
