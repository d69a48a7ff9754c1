/* Patterns stored by Hebb's rule in many units: replica-symmetric states of their memory. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_RETRIEVAL_H
#define EGI_RETRIEVAL_H

#include "dynamics/egi_dynamics.h"

/* A solution of the mean-field equations at temperature T; see retrieval.c. */
struct egi_retrieval {
    double alpha; /* patterns a unit; below 0: no solution */
    double m, q;  /* overlap with the pattern, and of a state with itself */
    double s, c;  /* sqrt(alpha r), beta (1 - q) */
    double well;  /* T E ln 2 cosh beta (m + s z) */
};

/* The solution whose signal m is y times the noise s of the other patterns, T < 1. */
struct egi_retrieval egi_retrieval_at(double temperature, double y);
/* The one of the largest alpha: the end of retrieval. */
struct egi_retrieval egi_retrieval_end(double temperature);
/* The one of overlap m at alpha; m = 0 beyond the end, which is given. */
struct egi_retrieval egi_retrieval_of(double temperature, double alpha,
                                      const struct egi_retrieval *end);
/* The one of m = 0, a glass. */
struct egi_retrieval egi_retrieval_glass(double temperature, double alpha);
/* Free energy a unit. */
double egi_retrieval_energy(double temperature, const struct egi_retrieval *r);
/* The alpha below which retrieval has a lower free energy than the glass. */
double egi_retrieval_lowest(double temperature, const struct egi_retrieval *end);

eg_status egi_hopfield(struct egi_dynamics *run);
eg_status egi_hopfield_phases(struct egi_dynamics *run);
/* circle.c */
eg_status egi_circle(struct egi_dynamics *run);

#endif
