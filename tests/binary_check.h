/* What the tests of binary memories share: random messages, their erasure, a memory by options. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_BINARY_CHECK_H
#define TESTS_BINARY_CHECK_H

#include "check.h"

static inline eg_binary *binary_of(eg_binary_options o)
{
    eg_binary *m = NULL;
    CHECK_OK(eg_binary_create(&o, &m));
    return m;
}

static inline eg_binary *clique_of(size_t c, size_t l, size_t order, int counted)
{
    eg_binary_options o = EG_BINARY_OPTIONS_INIT;
    o.clusters = c;
    o.units = l;
    o.order = order;
    o.counted = counted;
    return binary_of(o);
}

/* Symbols (N, c) below l; sparse: order of them in random clusters, -1 elsewhere. */
static inline void draw_messages(size_t n, size_t c, size_t l, size_t order, uint64_t seed,
                                 float *x)
{
    for (size_t i = 0; i < n * c; i++) x[i] = (float)eg_random_below(seed, 7, i, l);
    size_t *place = malloc(c * sizeof *place);
    for (size_t i = 0; order > 0 && i < n; i++) {
        eg_random_permutation(seed, 100 + i, c, place);
        for (size_t k = order; k < c; k++) x[i * c + place[k]] = -1;
    }
    free(place);
}

static inline uint64_t *states_of(const eg_binary *m, int side, const float *x, size_t n)
{
    const size_t words = side == 0 ? eg_binary_words(m) : eg_binary_out_words(m);
    uint64_t *bits = calloc(n * words + 1, sizeof *bits);
    CHECK_OK(eg_binary_encode(m, side, x, n, bits));
    return bits;
}

/* 0/1 numbers (N, d) with exactly `on` ones each. */
static inline float *draw_sparse(size_t n, size_t d, size_t on, uint64_t seed)
{
    float *x = calloc(n * d, sizeof *x);
    size_t *place = malloc(d * sizeof *place);
    for (size_t i = 0; i < n; i++) {
        eg_random_permutation(seed, i, d, place);
        for (size_t k = 0; k < on; k++) x[i * d + place[k]] = 1;
    }
    free(place);
    return x;
}

#endif
