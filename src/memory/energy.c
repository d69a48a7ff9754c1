/* The energy of a state: E = -A(s(x)) + Psi(x) + constant.
 *
 * Psi is the projection's energy term without its constraint: a state on the border of its
 * set (a binary state, a point of the sphere) counts as inside whatever its rounding. Only dot
 * similarity has a Psi; distances and angles need none (docs/associations.md).
 * The constant makes the energy of normalised separations of dot products lie in [0, 2 M^2]
 * for |x| <= M (Ramsauer et al. 2021, eq. 2 and lemma A1): log(sum w)/beta + M^2 / 2 for softmax,
 * and -min Omega / beta in place of the logarithm for the others. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "assoc/egi_assoc.h"
#include "memory/egi_memory.h"
#include "memory/egi_rule.h"

double egi_energy_constant(const eg_memory *m)
{
    const eg_rule *r = &m->options.rule;
    if (m->n == 0 || r->similarity != EG_SIM_DOT || !m->backend->keeps_patterns
        || r->projection != EG_PROJ_IDENTITY || (egi_separation_flags(r) & EGI_SEP_NORMALISED) == 0)
        return 0;
    /* A of equal scores 0 is max_p -Omega(p) / beta: with n copies, taken at the uniform p. */
    const double norm = m->backend->max_norm(m), zero = 0, copies = m->weight_sum;
    double spread = 0;
    if (eg_separation_energy(r, &zero, &copies, 1, &spread) != EG_OK) return NAN;
    return spread + norm * norm / 2;
}

/* Smooth part of Psi. Outside the domain of tanh's entropy: +infinity. */
static double psi(const eg_rule *r, const float *x, size_t d)
{
    double sum = 0;
    if (!egi_rule_has_psi(r)) return 0;
    switch (r->projection) {
    case EG_PROJ_IDENTITY:
        for (size_t j = 0; j < d; j++) sum += (double)x[j] * (double)x[j];
        return sum / 2;
    case EG_PROJ_THRESHOLD:
        for (size_t j = 0; j < d; j++) sum += (double)x[j];
        return r->gain * sum;
    case EG_PROJ_TANH:
        for (size_t j = 0; j < d; j++) {
            const double hi = 1 + (double)x[j], lo = 1 - (double)x[j];
            if (!(hi >= 0 && lo >= 0)) return INFINITY;
            sum += (hi > 0 ? hi * log(hi) : 0) + (lo > 0 ? lo * log(lo) : 0);
        }
        return sum / (2 * r->gain);
    default:
        return 0; /* sign, ball, layer norm: constraints */
    }
}

double egi_state_energy(const eg_memory *m, const float *x, double attraction, double constant)
{
    return -attraction + psi(&m->options.rule, x, m->d) + constant;
}
