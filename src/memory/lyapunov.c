/* Which combinations have a Lyapunov function: a table of arguments. A combination is proved
 * when one row of the table covers it, and then that row says why; the property test runs every
 * combination, proved or not.
 *
 * (MM) A convex: A(s') >= A(s) + <a, s' - s>, so -A is majorised by its linearisation, and an
 *      update that minimises Psi(x') - <a, s(x')> does not raise E. With s linear in x (dot)
 *      that minimiser is grad Psi*(sum a xi).
 * (LG) exp(beta A) convex: the same for -exp(beta A), which orders states as -A does; its
 *      linearisation has the weights a times a positive number. So E must be -A alone and the
 *      update must not care for that number.
 * (SG) The majoriser is convex on a convex domain: a point between x and its minimiser does
 *      not raise it either, which covers damping.
 * (1D) Asynchronous: each component takes the value of lower energy; nothing is needed of A.
 * (FL) Flows, hidden units at equilibrium: dE/dt = -v' Hess(L_v) v' (Krotov and Hopfield
 *      2021), for any A. With sigma = sign v, E moves only where some v_i crosses 0; then y_i has
 *      the sign of the flip, and (MM) or (LG) gives dE <= 0. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "assoc/egi_assoc.h"
#include "memory/egi_memory.h"
#include "memory/egi_rule.h"

#define BIT(row) (1u << (row))
#define ANY_SIM (BIT(EG_SIM_COUNT) - 1)
#define ANY_PROJ (BIT(EG_PROJ_COUNT) - 1)
#define SPHERES (BIT(EG_PROJ_SIGN) | BIT(EG_PROJ_BALL) | BIT(EG_PROJ_LAYERNORM))
#define IDENTITY BIT(EG_PROJ_IDENTITY)
#define SIGN BIT(EG_PROJ_SIGN)
#define TANH BIT(EG_PROJ_TANH)
#define BALL BIT(EG_PROJ_BALL)
#define THRESHOLD BIT(EG_PROJ_THRESHOLD)
#define SYNC BIT(EG_DYN_SYNC)
#define CCCP BIT(EG_DYN_CCCP)
#define DAMPED BIT(EG_DYN_DAMPED)
#define PATTERNS (BIT(EG_STORE_DENSE) | BIT(EG_STORE_BITS))
#define BITS BIT(EG_STORE_BITS)

#define CONVEX EGI_SEP_CONVEX
#define LG EGI_SEP_EXP_CONVEX
#define LG_UP (EGI_SEP_EXP_CONVEX | EGI_SEP_NONDECREASING)

static const struct argument {
    unsigned similarities, projections, dynamics, storages;
    unsigned need;      /* flags of the separation */
    const double *gain; /* the one gain for which it holds, or NULL */
    const char *why;
} arguments[] = {
#define ZERO (&(const double){ 0 })
#define HALF (&(const double){ 0.5 })
    { ANY_SIM, SIGN | THRESHOLD, BIT(EG_DYN_ASYNC), PATTERNS, 0, NULL,
      "each component takes the value of lower energy, by the exact difference" },
    { BIT(EG_SIM_DOT), ANY_PROJ, SYNC | CCCP | DAMPED, PATTERNS, CONVEX, NULL,
      "A is convex and the update minimises Psi - <sum a xi, x> (concave-convex procedure)" },
    { BIT(EG_SIM_DOT), SPHERES, SYNC | CCCP | DAMPED, PATTERNS, LG, NULL,
      "exp(beta A) is convex, Psi is 0 and the projection ignores the length" },
    { BIT(EG_SIM_DOT), THRESHOLD, SYNC | CCCP | DAMPED, PATTERNS, LG, ZERO,
      "exp(beta A) is convex, Psi is 0 and a threshold at 0 ignores the length" },
    { BIT(EG_SIM_EUCLIDEAN), IDENTITY, SYNC | CCCP | DAMPED, PATTERNS, LG_UP, NULL,
      "exp(beta A) is convex and grows with s; the mean minimises sum a |x - xi|^2 (mean shift)" },
    { BIT(EG_SIM_EUCLIDEAN), SPHERES, SYNC | CCCP, PATTERNS, LG_UP, NULL,
      "exp(beta A) is convex and grows with s; |x| is fixed, so the projected mean minimises "
      "sum a |x - xi|^2" },
    { BIT(EG_SIM_EUCLIDEAN), THRESHOLD, SYNC | CCCP, PATTERNS, LG_UP, HALF,
      "exp(beta A) is convex and grows with s; 0 or 1, whichever is nearer to the mean" },
    { BIT(EG_SIM_COSINE), IDENTITY | SPHERES, SYNC | CCCP, BITS, LG, NULL,
      "exp(beta A) is convex; patterns have one norm, so sum a xi is the best direction" },
    { BIT(EG_SIM_COSINE), IDENTITY, DAMPED, BITS, LG, NULL,
      "exp(beta A) is convex; patterns have one norm, and damping still turns towards sum a xi" },
    { BIT(EG_SIM_MANHATTAN), IDENTITY, CCCP, PATTERNS, LG_UP, NULL,
      "exp(beta A) is convex and grows with s; the weighted median minimises sum a |x - xi|_1" },
    { BIT(EG_SIM_MANHATTAN), SIGN, SYNC | CCCP, BITS, LG_UP, NULL,
      "on +-1 states and patterns the distance is linear, and the majority minimises it" },
    { BIT(EG_SIM_MANHATTAN), THRESHOLD, SYNC | CCCP, BITS, LG_UP, ZERO,
      "on 0/1 states and +-1 patterns the distance is linear, and the majority minimises it" },
    { BIT(EG_SIM_HAMMING), IDENTITY | SIGN | TANH | BALL, SYNC | CCCP, BITS, LG, NULL,
      "exp(beta A) is convex; E reads the signs of x alone, and those of sum a xi are best" },
    { BIT(EG_SIM_DOT), SIGN, BIT(EG_DYN_FLOW_A), PATTERNS, LG, NULL,
      "model A: E moves where a sign flips, towards that of y; exp(beta A) is convex" },
    { BIT(EG_SIM_DOT), IDENTITY, BIT(EG_DYN_FLOW_B), PATTERNS, 0, NULL, "model B: v' = -grad E" },
    { BIT(EG_SIM_EUCLIDEAN), IDENTITY, BIT(EG_DYN_FLOW_B), PATTERNS, EGI_SEP_NONDECREASING, NULL,
      "model B: v' is -grad E divided by the mass, which is positive" },
    { BIT(EG_SIM_DOT), BALL, BIT(EG_DYN_FLOW_C), PATTERNS, 0, NULL,
      "model C: dE/dt = -v' Hess|v| v' <= 0" },
};

/* Why not, where no argument covers similarity, projection and dynamics at all. */
static const char *const why_not[EG_DYN_COUNT] = {
    [EG_DYN_SYNC] = "the projection does not minimise what majorises the energy",
    [EG_DYN_ASYNC] = "asynchronous updates are defined for sign and threshold",
    [EG_DYN_CCCP] = "no closed form for the minimiser of the majoriser",
    [EG_DYN_DAMPED] = "a point between two states need not be a state of lower energy",
    [EG_DYN_FLOW_A] = "model A is dot similarity with sign projection",
    [EG_DYN_FLOW_B] = "model B is dot or euclidean similarity with identity projection",
    [EG_DYN_FLOW_C] = "model C is dot similarity with ball projection",
};

static int says(int verdict, const char *text, const char **why)
{
    if (why != NULL) *why = text;
    return verdict;
}

/* NULL where the argument holds, else what it lacks. */
static const char *lacking(const struct argument *g, const eg_rule *rule, eg_storage storage)
{
    const unsigned missing = g->need & ~egi_separation_flags(rule);
    if (!(g->storages & BIT(storage)))
        return "patterns are not +-1: their lengths or distances break the argument";
    if (missing & EGI_SEP_NONDECREASING)
        return "A falls where s grows: weights may be negative and push away";
    if (missing & EGI_SEP_EXP_CONVEX)
        return "A is not convex in s: an odd power of negative scores";
    if (missing & EGI_SEP_CONVEX) return "A is not convex in s, and Psi is not an indicator";
    if (g->gain != NULL && rule->gain != *g->gain)
        return "the threshold is not the one that minimises (0, or 1/2 for euclidean)";
    return NULL;
}

/* E = -x W x / 2 + Psi with W symmetric: convex in x as -A needs it only with the diagonal. */
static int weights_lyapunov(const eg_rule *rule, eg_storage storage, int self_coupling,
                            eg_dynamics dynamics, const char **why)
{
    const unsigned projection = BIT(rule->projection), moves = BIT(dynamics);
    if (dynamics == EG_DYN_ASYNC) {
        if (projection & (SIGN | THRESHOLD)) return says(1, arguments[0].why, why);
        return says(0, why_not[dynamics], why);
    }
    if (!(moves & (SYNC | CCCP | DAMPED)))
        return says(0, "flows are those of stored patterns", why);
    if (storage == EG_STORE_STORKEY)
        return says(0, "Storkey weights have negative eigenvalues: states may alternate", why);
    if (!self_coupling)
        return says(0, "without its diagonal W has negative eigenvalues: states may alternate",
                    why);
    return says(1, "W is positive semi-definite, and the update minimises Psi - <W x, .>", why);
}

int egi_rule_lyapunov(const eg_rule *rule, eg_storage storage, int self_coupling,
                      eg_dynamics dynamics, const char **why)
{
    if (eg_rule_check(rule) < 0) return says(0, "the rule is not valid", why);
    if ((unsigned)storage >= EG_STORE_COUNT || (unsigned)dynamics >= EG_DYN_COUNT)
        return says(0, "no such storage or dynamics", why);
    if (storage == EG_STORE_FEATURES)
        return says(0, "random features estimate the energy, with an error that may rise", why);
    if (!(BIT(storage) & PATTERNS))
        return weights_lyapunov(rule, storage, self_coupling, dynamics, why);
    const char *reason = NULL;
    for (size_t i = 0; i < EGI_COUNT(arguments); i++) {
        const struct argument *g = &arguments[i];
        if (!(g->similarities & BIT(rule->similarity)) || !(g->dynamics & BIT(dynamics))
            || !(g->projections & BIT(rule->projection)))
            continue;
        const char *lacks = lacking(g, rule, storage);
        if (lacks == NULL) return says(1, g->why, why);
        if (reason == NULL) reason = lacks;
    }
    return says(0, reason != NULL ? reason : why_not[dynamics], why);
}

int eg_rule_lyapunov(const eg_rule *rule, eg_storage storage, eg_dynamics dynamics,
                     const char **why)
{
    return egi_rule_lyapunov(rule, storage, 0, dynamics, why);
}

int eg_memory_lyapunov(const eg_memory *m, const eg_recall_options *options, const char **why)
{
    const eg_dynamics dynamics = options != NULL ? options->dynamics : EG_DYN_SYNC;
    const eg_projection projection = m->options.rule.projection;
    if (options != NULL && options->clamp != NULL
        && (projection == EG_PROJ_BALL || projection == EG_PROJ_LAYERNORM))
        return says(0, "clamped components leave the sphere the projection minimises on", why);
    return egi_rule_lyapunov(&m->options.rule, m->options.storage, m->options.self_coupling,
                             dynamics, why);
}

enum egi_update egi_rule_update(const eg_rule *rule, eg_dynamics dynamics)
{
    if (rule->similarity != EG_SIM_EUCLIDEAN && rule->similarity != EG_SIM_MANHATTAN)
        return EGI_UPDATE_SUM;
    if (rule->similarity == EG_SIM_EUCLIDEAN || rule->projection != EG_PROJ_IDENTITY)
        return EGI_UPDATE_MEAN;
    return dynamics == EG_DYN_CCCP ? EGI_UPDATE_MEDIAN : EGI_UPDATE_MEAN;
}

int egi_rule_has_psi(const eg_rule *rule)
{
    return rule->similarity == EG_SIM_DOT;
}

/* States that the projection can return; norms and means with the slack of f32 states. */
static int is_state(const eg_rule *rule, const double *x, size_t d)
{
    double sum = 0, square = 0;
    size_t bits[3] = { 0, 0, 0 }, outside = 0; /* components -1, 0, +1; beyond [-1, 1] */
    for (size_t i = 0; i < d; i++) {
        sum += x[i];
        square += x[i] * x[i];
        outside += fabs(x[i]) > 1;
        for (int b = 0; b < 3; b++) bits[b] += x[i] == b - 1;
    }
    const double n = (double)d, gain = rule->gain, rms = sqrt(square / n);
    switch (rule->projection) {
    case EG_PROJ_SIGN:
        return bits[0] + bits[2] == d;
    case EG_PROJ_THRESHOLD:
        return bits[1] + bits[2] == d;
    case EG_PROJ_TANH:
        return outside == 0;
    case EG_PROJ_BALL:
        return fabs(rms * sqrt(n) - gain) <= gain * EGI_DOMAIN_SLACK;
    case EG_PROJ_LAYERNORM:
        return fabs(rms - gain) <= gain * EGI_DOMAIN_SLACK
               && fabs(sum / n) <= gain * EGI_DOMAIN_SLACK;
    default:
        return 1;
    }
}

double egi_rule_psi(const eg_rule *rule, const double *x, size_t d)
{
    double psi = 0;
    if (!egi_rule_has_psi(rule)) return is_state(rule, x, d) ? 0 : INFINITY;
    return eg_projection_energy(rule, x, d, &psi) < 0 ? INFINITY : psi;
}
