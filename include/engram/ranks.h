/* engram/ranks.h - several methods on several data sets: ranks, and tests of whether they differ.
 *
 * Nonparametric, as differences on sets of unlike difficulty ask for (Demsar 2006). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_RANKS_H
#define ENGRAM_RANKS_H

#include <stddef.h>

#include "engram/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Wilcoxon's signed-rank test of pairs. */
typedef struct eg_signed_rank {
    size_t n;           /* pairs that differ; others say nothing, and are left out */
    double plus, minus; /* sums of the ranks of |a - b| where a > b, where a < b; equal ones share
                           the mean of theirs */
    double p; /* two-sided; 1 where no pair differs. Exact up to 200 pairs that differ: over
                 all signs that the ranks can have; above it the normal approximation */
} eg_signed_rank;

/**
 * @param a, b  (N) finite
 * @return EG_OK; EG_ERR_INVALID (no pairs, a number that is not finite); EG_ERR_NOMEM
 * Source: Wilcoxon 1945; ties as Pratt and Gibbons 1981.
 */
EG_API EG_MUST_CHECK eg_status eg_signed_rank_test(const double *a, const double *b, size_t n,
                                                   eg_signed_rank *out);

/* Friedman's test, and what two mean ranks must differ by. */
typedef struct eg_friedman {
    double chi2;       /* corrected for ties; NaN where on every set all methods are equal */
    double p;          /* P(chi2 with M - 1 degrees of freedom is as large); 1 where chi2 is NaN */
    double difference; /* Nemenyi's critical difference of two mean ranks at level 0.05 */
} eg_friedman;

/**
 * @param score  (S, M) finite, of S sets and M methods: the larger, the better
 * @param rank   (S, M) 1 is the best, equal ones share the mean of theirs; or NULL
 * @param mean   (M) mean rank over sets, or NULL
 * @return EG_OK; EG_ERR_INVALID (no sets, fewer than 2 methods, a number that is not finite);
 *         EG_ERR_NOMEM
 * Source: Friedman 1937; Nemenyi 1963; Demsar 2006, section 3.2.
 */
EG_API EG_MUST_CHECK eg_status eg_friedman_test(const double *score, size_t sets, size_t methods,
                                                double *rank, double *mean, eg_friedman *out);

/* P(X > x) of chi squared with `freedom` >= 1 degrees of freedom, x >= 0. Abramowitz and Stegun
 * 1964, 26.4.4 and 26.4.5. */
EG_API double eg_chi2_above(double x, size_t freedom);

/* P(R <= q) of the range R of m >= 2 independent standard normal numbers, q >= 0. */
EG_API double eg_normal_range(double q, size_t m);

#ifdef __cplusplus
}
#endif
#endif
