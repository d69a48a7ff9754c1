/* Inside a recall: what is known of each query while it moves. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_RECALL_H
#define EGI_RECALL_H

#include "memory/egi_memory.h"
#include "memory/egi_rule.h"

struct egi_run {
    size_t steps; /* updates that changed the state */
    int converged, descended, empty;
    int in_domain;        /* the state has been one that the energy's proof speaks of */
    int rests;            /* the last update left every bit as it was: its pull still holds */
    struct egi_pull pull; /* of the last update */
    double before, last, rounding; /* energies, and the bound on the last one's error */
    double most_rounding;          /* on that of either */
    float *scores;                 /* (N) of the state in the end, if pull.scored; or NULL */
    double *trace;                 /* (max_steps + 1) or NULL */
    float *path;                   /* (max_steps + 1, D) or NULL */
};

/* NULL arguments, an empty memory, a state that is not finite. */
eg_status egi_check_states(const eg_memory *m, const float *x, size_t q, const void *out,
                           const char *who);

/* x in place as +1 and -1 where it is not clamped; what is 0 goes where it is pulled while it
 * counts as 0. */
eg_status egi_take_signs(const eg_memory *m, const uint8_t *clamp, float *x);

/* The pull of one update of the state: a weighted mean for distances, else a weighted sum. */
static inline int egi_is_mean(const eg_memory *m)
{
    return egi_rule_update(&m->options.rule, EG_DYN_SYNC) != EGI_UPDATE_SUM;
}

static inline struct egi_reading egi_own(const eg_memory *m)
{
    return (struct egi_reading){ NULL, m->d, egi_is_mean(m), 1, 0, NULL };
}

/* Of a pull that is projected next, the signs are enough. */
static inline int egi_needs_signs(const eg_memory *m)
{
    return m->options.rule.projection == EG_PROJ_SIGN;
}

/* median.c - the component-wise median of the memories weighted by a: what minimises the sum
 * of a_i |x - xi_i|_1. The concave-convex update of Manhattan similarity. */
eg_status egi_median_field(const eg_memory *m, const float *x, size_t q, int threads, float *y,
                           struct egi_pull *pull);

/* certificate.c */
eg_status egi_certify(const eg_memory *m, const eg_recall_options *options, const float *x,
                      size_t q, const struct egi_run *run, eg_certificate *certificates);

#endif
