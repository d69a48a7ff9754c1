/* Errors of networks whose weights are drawn. The noise has the deviation that is asked for: its
 * square in that place is an error of public code. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "engram/random.h"
#include "measure/egi_traced.h"

eg_status egi_traced_errors(struct egi_traced *r, const float *w, size_t b, double *errors,
                            float *margin)
{
    const size_t k = r->l->task.classes;
    eg_tape_reset(r->t);
    const float *z = eg_tape_value(r->t, egi_traced_scores(r, w, b));
    EGI_TRY(eg_tape_status(r->t));
    for (size_t i = 0; i < b; i++) {
        const float own = z[i * k + (size_t)r->y[i]];
        float other = -INFINITY;
        for (size_t c = 0; c < k; c++)
            if (c != (size_t)r->y[i] && !(z[i * k + c] <= other)) other = z[i * k + c];
        *errors += !(own > other);
        if (margin != NULL) margin[i] = own - other;
    }
    return EG_OK;
}

void egi_traced_move(const struct egi_drawing *o, size_t n)
{
    const float same = (float)o->same;
    for (size_t i = 0; i < n; i++)
        o->moved[i] = o->w[i] + (o->d != NULL ? o->d[i] : same) * o->moved[i];
}

eg_status egi_traced_drawn(struct egi_traced *r, const struct egi_drawing *o, double *risk)
{
    const eg_progress *p = o->progress;
    double errors = 0;
    for (size_t k = 0; k < o->draws; k++) {
        const uint64_t stream = o->stream + 2 * k;
        r->seed = o->seed;
        r->step = stream;
        if (!r->drawn) {
            eg_random_normal(o->seed, stream, 0, r->n, o->moved);
            egi_traced_move(o, r->n);
        }
        for (size_t i = 0; i < r->batch; i++)
            egi_traced_load_one(r, i, eg_random_below(o->seed, stream + 1, i, r->part->n));
        EGI_TRY(egi_traced_errors(r, r->drawn ? o->w : o->moved, r->batch, &errors, NULL));
        if (p != NULL && p->report != NULL && p->report(p->user, "draws", k, o->draws) != 0)
            return egi_fail(EG_ERR_INTERRUPTED, "stopped after %zu of %zu draws", k, o->draws);
    }
    *risk = errors / (double)(o->draws * r->batch);
    return EG_OK;
}
