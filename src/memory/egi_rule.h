/* What a rule means as dynamics: which vector an update forms, which term besides -A its energy
 * has, and for which updates that energy is proved not to rise. docs/associations.md has the
 * definitions and the proofs. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_RULE_H
#define EGI_RULE_H

#include "engram/memory.h"

/* The vector y that the projection receives; a is dA/ds unscaled (times exp(log_scale)), and
 * MEAN and MEDIAN keep the old state where sum a = 0. */
enum egi_update {
    EGI_UPDATE_SUM,   /* sum a_i xi_i */
    EGI_UPDATE_MEAN,  /* sum a_i xi_i / sum a_i */
    EGI_UPDATE_MEDIAN /* of each component, weighted by a */
};

/* The update of synchronous, damped and concave-convex dynamics. */
enum egi_update egi_rule_update(const eg_rule *rule, eg_dynamics dynamics);

/* 1 where the energy is -A + Psi (dot), 0 where it is -A on the states that the projection can
 * return and infinite elsewhere (all other similarities). */
int egi_rule_has_psi(const eg_rule *rule);

/* That term: Psi(x), or 0 or +infinity. x (D), finite; the rule checked. */
double egi_rule_psi(const eg_rule *rule, const double *x, size_t d);

/* eg_rule_lyapunov with the one option of weights that matters: the diagonal kept. */
int egi_rule_lyapunov(const eg_rule *rule, eg_storage storage, int self_coupling,
                      eg_dynamics dynamics, const char **why);

#endif
