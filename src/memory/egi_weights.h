/* Memories kept as a (D, D) matrix of weights: Hebb, Storkey, pseudo-inverse. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_WEIGHTS_H
#define EGI_WEIGHTS_H

#include <math.h>

#include "memory/egi_memory.h"

/* W = scale * sum, so that the sums of +-1 patterns are integers, and exact. */
struct egi_weights {
    double *sum; /* (D, D) symmetric, with its diagonal whether it is used or not */
    double scale;
    double noise; /* an entry errs by eps of its own size and of this one */
};

/* What a row of the matrix makes of a state: sum of w_j x_j and of |w_j x_j|. */
struct egi_dot {
    double sum, mass;
};

/* Eight running sums that meet in a fixed order: the compiler may use vectors, and the bits
 * are the same everywhere. */
static inline struct egi_dot egi_dot_mass(const double *w, const float *x, size_t n)
{
    enum { LANES = 8 };
    double sum[LANES] = { 0 }, mass[LANES] = { 0 };
    size_t j = 0;
    for (; j + LANES <= n; j += LANES) {
        for (size_t l = 0; l < LANES; l++) {
            const double term = w[j + l] * (double)x[j + l];
            sum[l] += term;
            mass[l] += fabs(term);
        }
    }
    struct egi_dot dot = { 0, 0 };
    for (; j < n; j++) {
        dot.sum += w[j] * (double)x[j];
        dot.mass += fabs(w[j] * (double)x[j]);
    }
    for (size_t l = 0; l < LANES; l++) {
        dot.sum += sum[l];
        dot.mass += mass[l];
    }
    return dot;
}

/* The field of component i from all others. */
static inline struct egi_dot egi_weights_others(const double *row, const float *x, size_t d,
                                                size_t i)
{
    const struct egi_dot a = egi_dot_mass(row, x, i);
    const struct egi_dot b = egi_dot_mass(row + i + 1, x + i + 1, d - i - 1);
    return (struct egi_dot){ a.sum + b.sum, a.mass + b.mass };
}

/* weights_learn.c - what each rule adds for n patterns (n, D). All or none. */
eg_status egi_learn_hebb(eg_memory *m, const float *patterns, const float *weights, size_t n);
eg_status egi_learn_storkey(eg_memory *m, const float *patterns, const float *weights, size_t n);
eg_status egi_learn_projector(eg_memory *m, const float *patterns, const float *weights, size_t n);
eg_status egi_forget_hebb(eg_memory *m, const float *pattern);

/* weights_relax.c - asynchronous updates, as egi_backend.relax. */
eg_status egi_relax_weights(const eg_memory *m, const struct egi_relax *relax, float *x,
                            struct egi_relaxed *result);

#endif
