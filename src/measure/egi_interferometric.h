/* The interferometric transform: one mechanism for grids and graphs.
 *
 * A signal is a plane of n[0] x n[1] numbers, a graph's of V x 1. The transform and the average are
 * one matrix for each axis, x -> F_0 x F_1^T, so that a graph's second axis is 1. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_INTERFEROMETRIC_H
#define EGI_INTERFEROMETRIC_H

#include "base/egi_base.h"
#include "engram/interferometric.h"
#include "engram/operations.h"

struct egi_axis {
    size_t n, mean, out; /* places; rows of the average; rows of it that are given */
    double *atom;        /* (2, n, n) one frequency a row */
    double *average;     /* (mean, n) those that are given first */
    float *single;       /* (2, n, n) and (mean, n) of both */
};

struct eg_interferometric {
    eg_interferometric_options o;
    const eg_allocator *alloc;
    size_t channels, f; /* frequencies */
    struct egi_axis axis[2];
    size_t *partner; /* (f) */
    double *low;     /* (f) */
    double *gain;    /* (order, 2, K, f) */
    float *single;   /* (2, K, f) of the layer in hand */
    struct egi_arena arena;
    eg_tape *t;
};

/* interferometric.c - room for a transform of n[0] x n[1] places, mean[i] rows of averages. */
eg_status egi_interferometric_create(size_t channels, const size_t n[2], const size_t mean[2],
                                     const eg_interferometric_options *o, eg_interferometric **out);
/* Filters drawn, numbers rounded to single precision: once atoms, averages, partners and low are
 * there. */
eg_status egi_interferometric_begin(eg_interferometric *s);
/* |W u| (P K, n, n) of u (P, n, n) by filters re, im (K, f). */
eg_var egi_interferometric_modulus(const eg_interferometric *s, eg_var u, eg_var re, eg_var im);
/* A u (P, rows, rows) of u (P, n, n): those that are given, or all. */
eg_var egi_interferometric_average(const eg_interferometric *s, eg_var u, int all);
/* Filters of a layer, as inputs. */
void egi_interferometric_filters(const eg_interferometric *s, size_t layer, eg_var out[2]);

/* interferometric_training.c - the filters of a layer within (1). */
void egi_interferometric_project(eg_interferometric *s, size_t layer);

/* interferometric_pairs.c - partner (n) of the rows of a (n, v): itself for one if n is odd. */
eg_status egi_interferometric_pair(const double *a, size_t n, size_t v, const eg_allocator *alloc,
                                   size_t *partner);

#endif
