/* Networks that learn from examples, in the limit of many inputs. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_NETWORK_H
#define EGI_NETWORK_H

#include "dynamics/egi_dynamics.h"

enum { EGI_UNITS = 8, EGI_COMMITTEE = EGI_UNITS * (2 * EGI_UNITS + 1) };

/* K hidden units learn M of a teacher; its weights are orthonormal, its outputs weigh 1. */
struct egi_committee {
    size_t k, m;
    double rate, rate_v; /* of the first and of the second layer */
    double noise;        /* sigma of the labels */
};

/* State of a committee: Q (K, K), R (K, M), v (K) one after another. */
static inline size_t egi_committee_size(const struct egi_committee *c)
{
    return c->k * (c->k + c->m + 1);
}

/* The lower triangle L (K, K) with L L' = Q - R R', what w needs beside the teacher's vectors for
 * its overlaps; 0 where there are no such vectors. */
int egi_committee_across(const struct egi_committee *c, const double *state, double *across);
double egi_committee_error(const struct egi_committee *c, const double *state);
void egi_committee_rates(const struct egi_committee *c, const double *state, double *rate);
/* From time t to `to`: fourth order, steps halved until two half steps agree within tolerance.
 * EG_ERR_DIVERGED where no step is short enough. */
eg_status egi_committee_advance(const struct egi_committee *c, double t, double to,
                                double tolerance, double *state);

/* committee_sgd.c - online learning of N inputs beside the equations. */
eg_status egi_committee_simulate(struct egi_dynamics *run, const struct egi_committee *c,
                                 const double *start);

eg_status egi_committee_run(struct egi_dynamics *run);
eg_status egi_hebb(struct egi_dynamics *run);
eg_status egi_regression(struct egi_dynamics *run);
eg_status egi_separable(struct egi_dynamics *run);

struct egi_kernels_line;
/* regression.c - a (side, side), of which the lower half is read, becomes L of a = L L^T, and z
 * (side) the z of L L^T z = z; 0: a is not positive definite. */
int egi_solve(const struct egi_kernels_line *kernels, size_t side, double *a, double *z);

#endif
