/* Inside routed recall: one state on its way through the cells. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_ROUTED_SEARCH_H
#define EGI_ROUTED_SEARCH_H

#include "hybrid/egi_routed.h"

#define EGI_SLOP 1e-9 /* relative, more than sums of D terms in f64 err by */

struct candidate {
    double u, tail; /* log of the cell's mass at most; what it and those behind it add to U */
    size_t cell;
};

/* What is asked of every query. */
struct routing {
    const eg_routed *r;
    const eg_memory *m;
    const float *values; /* (N, DV) */
    size_t dv;
    double most, share; /* M; the share of mass that may be left out */
    double beta;
    const float *x;                     /* (Q, D) */
    float *out;                         /* (Q, DV) or NULL */
    eg_routed_certificate *certificate; /* (Q) or NULL */
    struct egi_pull *pull;              /* (Q) or NULL */
    struct egi_standing *standing;      /* of one state, or NULL */
    size_t of;                          /* the pattern whose lead it asks for, or N */
    eg_status *status;                  /* (Q) */
    struct search *worker;
};

/* One query on its way. */
struct search {
    const struct routing *job;
    double *x, *y, *v, *key;     /* (D) the state; (DV) sum; (D) vector of the codes; (D) its key */
    float *centred;              /* (D) the key in f32 */
    float *score;                /* (K) of the centres */
    double *bound;               /* (K) log of the mass of each cell, at most */
    struct candidate *candidate; /* (K) */
    struct egi_planes planes;
    double size, inverse; /* |key|; of the state, where keys are directed */
    double m, mass, left; /* of what was looked at, and left out, relative to e^m */
    double coded;         /* of left, what codes bounded */
    size_t waiting;       /* patterns whose codes are still to be looked at */
    double rest_top;      /* largest z that may have been left out */
    size_t best, cells, codes, patterns;
    double best_z;
    double other_z, least_z; /* largest but that of `of`, and smallest, of what was looked at */
};

/* routed_search.c - of a state whose key is set: the sums over what was looked at, and bounds on
 * what was left out. m, mass or left are not finite where scores exceed f64. */
void egi_search(struct search *q);
/* z of one pattern. */
double egi_search_score(const struct search *q, size_t item);

#endif
