/* engram/som.h - the self-organising map: units on a grid, each with a place among the data, such
 * that neighbours on the grid lie near each other (Kohonen 1982, 1990).
 *
 * A quantiser that keeps neighbourhood: data become numbers of units, a few dimensions of symbols
 * for a binary memory (engram/binary.h), and a slightly wrong unit is a nearby one. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_SOM_H
#define ENGRAM_SOM_H

#include <stddef.h>
#include <stdint.h>

#include "engram/alloc.h"
#include "engram/progress.h"
#include "engram/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_som eg_som;

typedef enum eg_som_grid {
    EG_SOM_RECTANGULAR, /* unit r C + c at (c, r); neighbours at distance 1 */
    EG_SOM_HEXAGONAL,   /* odd rows half a unit to the right, rows sqrt(3)/2 apart: 6 neighbours */
    EG_SOM_GRIDS
} eg_som_grid;

typedef struct eg_som_options {
    size_t size;          /* sizeof(eg_som_options) */
    size_t rows, columns; /* U = rows columns units */
    eg_som_grid grid;
    const eg_allocator *alloc; /* NULL: the default; must outlive the map */
} eg_som_options;

#define EG_SOM_OPTIONS_INIT                                      \
    {                                                            \
        sizeof(eg_som_options), 10, 10, EG_SOM_RECTANGULAR, NULL \
    }

/**
 * A map of U units in D dimensions, all at 0.
 * @return EG_OK, EG_ERR_INVALID, EG_ERR_OVERFLOW, EG_ERR_NOMEM
 */
EG_API EG_MUST_CHECK eg_status eg_som_create(size_t d, const eg_som_options *options, eg_som **out);
EG_API void eg_som_destroy(eg_som *s);

/* s must not be NULL in these. */
EG_API const eg_som_options *eg_som_options_view(const eg_som *s);
EG_API size_t eg_som_units(const eg_som *s);        /* U */
EG_API size_t eg_som_dim(const eg_som *s);          /* D */
EG_API const float *eg_som_places(const eg_som *s); /* (U, D), until the next fit or set */
/* Places of the units from elsewhere; places (U, D), finite. */
EG_API EG_MUST_CHECK eg_status eg_som_set(eg_som *s, const float *places);

typedef struct eg_som_fit_options {
    size_t size;   /* sizeof(eg_som_fit_options) */
    size_t epochs; /* passes over the data */
    int batch;     /* 1: all units move once an epoch, to weighted means; 0: after each item */
    int keep;      /* 1: from the places there are; 0: from random items */
    double rate_first, rate_last;     /* eta of the first and last item; in (0, 1]; not of batch */
    double radius_first, radius_last; /* sigma on the grid; radius_first 0: half of the longer side;
                                         radius_last 0: the nearest unit alone */
    uint64_t seed;                    /* of the order of items and of the first places */
    int threads;                      /* of batch; 0: all that the runtime offers */
    const eg_progress *progress;
} eg_som_fit_options;

#define EG_SOM_FIT_OPTIONS_INIT                                             \
    {                                                                       \
        sizeof(eg_som_fit_options), 20, 1, 0, 0.5, 0.01, 0, 0.5, 0, 0, NULL \
    }

/**
 * Fit the map to data. With b(x) the unit nearest to x, g the distance of two units on the grid and
 * h = exp(-g^2/(2 sigma^2)):
 *
 *     online   w_u <- w_u + eta h(b(x), u)(x - w_u)              (Kohonen 1990, eqs. 2 and 5)
 *     batch    w_u <- sum_x h(b(x), u) x / sum_x h(b(x), u)      (Kohonen 1993)
 *
 * eta and sigma fall geometrically from first to last; sigma = 0: h is 1 for b and 0 elsewhere, so
 * that batch is k-means. A unit whose sum of h is 0 stays.
 *
 * @param x  (N, D), finite
 * @return EG_OK, EG_ERR_INVALID, EG_ERR_NOMEM, EG_ERR_INTERRUPTED (the places of the last whole
 *         epoch; batch, or of the last item)
 * Determinism: the same places for any number of threads.   Cost: O(epochs N U D)
 */
EG_API EG_MUST_CHECK eg_status eg_som_fit(eg_som *s, const float *x, size_t n,
                                          const eg_som_fit_options *options);

/**
 * The nearest unit of each item, the lowest number where several are.
 * @param x         (N, D), finite
 * @param unit      (N) out
 * @param distance  (N) out, Euclidean, or NULL
 */
EG_API EG_MUST_CHECK eg_status eg_som_map(const eg_som *s, const float *x, size_t n, int threads,
                                          uint32_t *unit, float *distance);

typedef struct eg_som_quality {
    double quantisation; /* mean distance of an item from its unit */
    double topographic;  /* share of items whose two nearest units are no neighbours (Kiviluoto
                            1996); 0 for a map of one unit */
    double used;         /* share of units that are nearest to some item */
} eg_som_quality;

EG_API EG_MUST_CHECK eg_status eg_som_measure(const eg_som *s, const float *x, size_t n,
                                              int threads, eg_som_quality *quality);

/* Mean distance of each unit's place from those of its neighbours on the grid (Ultsch 1990): walls
 * between clusters are high. out (U). */
EG_API EG_MUST_CHECK eg_status eg_som_walls(const eg_som *s, float *out);

#ifdef __cplusplus
}
#endif
#endif
