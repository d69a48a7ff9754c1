/* engram/binary_lab.h - the capacity laboratory of binary memories: random patterns stored, cues
 * of which a part is lost or wrong, recalled and compared; beside it the rows of engram/theory.h.
 */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_BINARY_LAB_H
#define ENGRAM_BINARY_LAB_H

#include <stddef.h>
#include <stdint.h>

#include "engram/binary.h"

#ifdef __cplusplus
extern "C" {
#endif

/* One cell of the laboratory. Messages of a clique have a random symbol in each cluster, or in
 * `order` random clusters; addresses and contents of a Willshaw memory have `active` and
 * `out_active` random units on; those of sdm and bam are random bits. */
typedef struct eg_binary_lab_options {
    size_t size; /* sizeof(eg_binary_lab_options) */
    eg_binary_options memory;
    const eg_binary_recall_options *recall; /* NULL: what the kind takes when nothing is said */
    size_t n;                               /* M: patterns stored */
    size_t active, out_active;              /* willshaw; out_active 0: as active */
    size_t erased; /* active units of a cue that are off, whichever; none for sdm and bam */
    size_t wrong;  /* active units moved: to another of the cluster, or of the address where there
                      are none; sdm, bam: bits turned, so many exactly */
    size_t trials; /* cues; trial t of a draw is of pattern t mod M */
    size_t draws;  /* independent memories they are shared over */
    uint64_t seed;
    int threads; /* 0: all that the runtime offers */
    const eg_progress *progress;
} eg_binary_lab_options;

#define EG_BINARY_LAB_OPTIONS_INIT                                                                 \
    {                                                                                              \
        sizeof(eg_binary_lab_options), EG_BINARY_OPTIONS_INIT, NULL, 1000, 0, 0, 0, 0, 1000, 1, 0, \
            0, NULL                                                                                \
    }

typedef struct eg_binary_lab_result {
    double fill;         /* share of connections that exist, mean over the memories */
    double error_one;    /* share of cues whose answer is not its pattern after one step */
    double error;        /* the same at rest: one unit too many or too few is an error */
    double error_spread; /* standard error of `error` */
    double error_chosen; /* at rest, where a cluster with several units counts as its first:
                            clique; elsewhere as error */
    double units_one;    /* units that are not as in the pattern, mean over cues, one step */
    double units;        /* the same at rest */
    double steps;        /* mean */
    double converged;    /* share */
} eg_binary_lab_result;

/**
 * Store, corrupt, recall, compare. The same numbers for any number of threads.
 * @return EG_OK, EG_ERR_INVALID, EG_ERR_UNSUPPORTED (chain), EG_ERR_OVERFLOW, EG_ERR_NOMEM,
 *         EG_ERR_INTERRUPTED, and what eg_binary_create, _add and _recall say
 */
EG_API EG_MUST_CHECK eg_status eg_binary_lab(const eg_binary_lab_options *options,
                                             eg_binary_lab_result *result);

#ifdef __cplusplus
}
#endif
#endif
