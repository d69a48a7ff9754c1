/* Correlation at equilibrium. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_MODE_COUPLING_H
#define EGI_MODE_COUPLING_H

#include "dynamics/egi_dynamics.h"

/* C, and R = -C'/T, at rising times > 0; `points` of a block. Scratch is allocated. */
eg_status egi_mode_coupling_solve(const struct egi_glass *g, size_t points, const double *t,
                                  size_t times, const eg_progress *progress,
                                  const eg_allocator *alloc, double *c, double *r);

/* The largest q with Q'(q) (1 - q) = T^2 q: 0 above the temperature of arrest. */
double egi_plateau(const struct egi_glass *g);

eg_status egi_mode_coupling(struct egi_dynamics *run);

#endif
