/* From the pull at a state to the next state. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "memory/egi_memory.h"

/* Projections for which only the direction of the pull counts need no scale, which may lie
 * outside a double where power energies do. */
static int scale_matters(eg_projection p)
{
    return p == EG_PROJ_IDENTITY || p == EG_PROJ_TANH || p == EG_PROJ_THRESHOLD;
}

eg_status egi_next_state(const eg_memory *m, const float *x, const float *y,
                         const struct egi_pull *pull, const uint8_t *clamp, double *work,
                         float *next)
{
    const eg_rule *r = &m->options.rule;
    double *from = work, *to = work + m->d;
    if (pull->empty) {
        if (next != x) memmove(next, x, m->d * sizeof *next);
        return EG_OK;
    }
    const double scale = scale_matters(r->projection) ? exp(pull->log_scale) : 1;
    for (size_t j = 0; j < m->d; j++) {
        from[j] = y[j] != 0 ? (double)y[j] * scale : (double)y[j]; /* no 0 times infinity */
        if (!isfinite(from[j]))
            return egi_fail(EG_ERR_DIVERGED,
                            "component %zu of the pull is %g: a smaller beta "
                            "(1/D for powers) scales it",
                            j, from[j]);
        to[j] = (double)x[j];
    }
    EGI_TRY(eg_projection_apply(r, from, m->d, to));
    for (size_t j = 0; j < m->d; j++) {
        if (clamp != NULL && clamp[j])
            to[j] = (double)x[j];
        else if (!(fabs(to[j]) <= (double)__FLT_MAX__))
            return egi_fail(EG_ERR_DIVERGED, "component %zu of a state is %g after an update", j,
                            to[j]);
    }
    for (size_t j = 0; j < m->d; j++) next[j] = (float)to[j];
    return EG_OK;
}
