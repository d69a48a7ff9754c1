/* Minima of planted spherical models, counted. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_LANDSCAPE_H
#define EGI_LANDSCAPE_H

#include "dynamics/egi_dynamics.h"

/* ln of the mean number of minima at overlap m in [0, 1), over N; -inf: m^2 = 1. */
double egi_complexity(const struct egi_glass *g, double m);
/* The largest at overlaps of at most `most`; where, if at is not NULL. */
double egi_complexity_most(const struct egi_glass *g, double most, double *at);
/* 1/Delta_2 above which no spurious minima are left; NaN: there are none at all. */
double egi_trivial(int p, double delta);

eg_status egi_landscape(struct egi_dynamics *run);
eg_status egi_phases(struct egi_dynamics *run);
eg_status egi_message_passing(struct egi_dynamics *run);

#endif
