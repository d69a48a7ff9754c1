/* Quantisers behind one table: rows fill a table of numbers by looking at data, encode one vector
 * and decode one. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_QUANTISER_H
#define EGI_QUANTISER_H

#include <jansson.h>

#include "engram/quantiser.h"
#include "nn/egi_kind.h"

struct egi_quantiser_row {
    eg_quantiser_kind kind;
    const struct egi_setting *settings;
    /* Parts, symbols and the size of the table (and of a part, where parts are vectors), by the
     * settings and D. */
    eg_status (*plan)(eg_quantiser *q);
    void (*begin)(eg_quantiser *q); /* the table before any data */
    /* The same for data: x (N, D). Fails without memory only, the table untouched. NULL: nothing */
    eg_status (*fit)(eg_quantiser *q, const float *x, size_t n);
    void (*encode)(const eg_quantiser *q, const float *x, uint16_t *code);
    void (*decode)(const eg_quantiser *q, const uint16_t *code, float *x);
};

struct eg_quantiser {
    const struct egi_quantiser_row *row;
    json_t *document;
    char *spec;
    size_t d, parts, symbols, part; /* D, P, L; components of a part */
    uint64_t seed;
    const eg_allocator *alloc;
    union egi_settings settings;
    float *table; /* (size) */
    size_t size;
    int stored; /* 0: the table follows from the seed alone */
};

extern const struct egi_quantiser_row egi_quantiser_sign, egi_quantiser_ternary,
    egi_quantiser_coarse, egi_quantiser_quantile, egi_quantiser_pq, egi_quantiser_anchors,
    egi_quantiser_projection;

/* Parts, symbols and sizes; then the table. The document's reference is taken over, also on
 * failure.
 */
eg_status egi_quantiser_plan(json_t *document, size_t d, uint64_t seed, const eg_allocator *alloc,
                             eg_quantiser **out);
eg_status egi_quantiser_begin(eg_quantiser *q);

/* vectors.c - x (N, D) finite, or EG_ERR_INVALID with row and component. */
eg_status egi_vectors_check(const char *who, const float *x, size_t n, size_t d);
/* sum_i x_i y_i: 16 running sums, then halved: one order, whatever the processor. */
float egi_vectors_dot(const float *x, const float *y, size_t d);
float egi_vectors_apart(const float *x, const float *y, size_t d); /* sum_i (x_i - y_i)^2 */
void egi_vectors_sort(float *x, size_t n);                         /* rising */
float egi_vectors_nth(float *x, size_t n, size_t k); /* what sorting puts in place k; reorders x */

#endif
