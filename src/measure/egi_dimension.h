/* What estimators of dimension share. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_DIMENSION_H
#define EGI_DIMENSION_H

#include "base/egi_base.h"
#include "engram/dimension.h"

enum { EGI_RADII = 2, EGI_STATISTICS = 2 };

/* neighbours.c: EG_ERR_INVALID names the number that is not finite. */
eg_status egi_check_points(const float *x, size_t n, size_t d);

/* neighbours.c: count (N, EGI_RADII), how many other points lie within each squared radius; of
 * points that eg_neighbours took. */
eg_status egi_count_within(const float *x, size_t n, size_t d, const double square[EGI_RADII],
                           int threads, const eg_progress *progress, const eg_allocator *alloc,
                           double *count);

/* Points that differ, and their neighbours. */
struct egi_cloud {
    const float *x; /* (N, D) */
    size_t n, d, k;
    const double *square; /* (N, k) */
    const uint32_t *at;   /* (N, k) */
    const eg_dimension_options *options;
    double radius[EGI_RADII]; /* squared, of the correlation dimension */
    const double *within;     /* (N, EGI_RADII), where a row counts */
};

enum egi_own { EGI_OWN_NONE, EGI_OWN_K, EGI_OWN_SCALE };

/* An estimator is a statistic of each point and a way to combine them. weight (N) says how often a
 * point counts, `total` times in all. */
struct egi_estimator {
    eg_estimator row;
    size_t (*neighbours)(const eg_dimension_options *o);
    void (*statistic)(const struct egi_cloud *c, size_t i, double *work,
                      double out[EGI_STATISTICS]);
    double (*combine)(const struct egi_cloud *c, const double *statistic, const uint32_t *weight,
                      size_t total);
    int sorted;                                /* statistics come rising */
    enum egi_own own;                          /* what NAME:N sets for this row alone */
    int counts;                                /* needs `within` */
    size_t (*work)(const struct egi_cloud *c); /* doubles a statistic needs, or NULL */
};

/* estimators.c */
const struct egi_estimator *egi_estimator_row(size_t i);

#endif
