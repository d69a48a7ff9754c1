/* Learners that are fitted to all examples at once, and examples that are bags.
 *
 * A bag is scored by itself, so that its scores have the same bits whatever is beside it. A kind
 * that takes vectors alone sees the statistics of a bag (bag_statistics.c). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "nn/egi_learner.h"

int eg_learner_fits(const eg_learner *l)
{
    return l->row->fit != NULL;
}

/* Offsets that rise, of bags that have an instance. */
static eg_status check_offsets(const eg_examples *e)
{
    if (e->offset[0] != 0)
        return egi_fail(EG_ERR_INVALID, "offset[0] is %zu, expected 0", e->offset[0]);
    for (size_t i = 0; i < e->n; i++)
        if (e->offset[i + 1] <= e->offset[i])
            return egi_fail(EG_ERR_INVALID, "bag %zu is empty: rows %zu to %zu", i, e->offset[i],
                            e->offset[i + 1]);
    return EG_OK;
}

static eg_status check(const eg_learner *l, const eg_examples *e, int labelled, const char *call)
{
    if (l == NULL || e == NULL || e->x == NULL || (labelled && e->y == NULL))
        return egi_fail(EG_ERR_INVALID, "%s: NULL", call);
    if (e->n == 0) return egi_fail(EG_ERR_INVALID, "%s: no examples", call);
    const size_t bags = egi_learner_asked(l)->bags;
    if ((e->offset != NULL) != (bags != 0))
        return egi_fail(EG_ERR_INVALID, "%s: examples are %s, and the learner's are %s", call,
                        e->offset != NULL ? "bags" : "vectors", bags ? "bags" : "vectors");
    if (e->offset != NULL) EGI_TRY(check_offsets(e));
    EGI_TRY(egi_learner_check_inputs(l, e->x, e->offset != NULL ? e->offset[e->n] : e->n));
    return labelled ? egi_learner_check_classes(l, e->y, e->n) : EG_OK;
}

/* Examples as the row sees them, and while it sees them. */
struct seen {
    struct egi_arena arena;
    eg_examples e;
};

static eg_status see(eg_learner *l, const eg_examples *e, struct seen *out)
{
    *out = (struct seen){ .e = *e };
    if (e->offset != NULL && !l->task.bags) EGI_TRY(egi_bag_statistics(l, e, &out->arena, &out->e));
    l->offset = out->e.offset;
    return EG_OK;
}

static void look_away(eg_learner *l, struct seen *seen)
{
    l->offset = NULL;
    if (seen->arena.block != NULL) egi_arena_destroy(&seen->arena);
}

/* ---- fitting ---- */

/* Parameters `next` in the place of those there are, which are in *next after. */
static void exchange(eg_learner *l, eg_params **next)
{
    eg_params *old = l->params;
    l->params = *next;
    *next = old;
}

eg_status egi_learner_adopt(eg_learner *l, eg_params **p)
{
    exchange(l, p);
    const int unfitted = eg_params_count(l->params) == 0; /* saved before it was fitted */
    const eg_status s = unfitted ? EG_OK : l->row->adopt(l);
    if (s == EG_OK) {
        l->fitted = !unfitted;
        return EG_OK;
    }
    exchange(l, p);
    return s;
}

static eg_status fit_into(eg_learner *l, const eg_examples *e, eg_params **next)
{
    exchange(l, next);
    eg_status s = l->row->fit(l, e);
    if (s == EG_OK) s = egi_learner_finite(l);
    exchange(l, next);
    return s == EG_OK ? egi_learner_adopt(l, next) : s;
}

eg_status eg_learner_fit(eg_learner *l, const eg_examples *e)
{
    eg_params *next = NULL;
    EGI_TRY(check(l, e, 1, "eg_learner_fit"));
    if (l->row->fit == NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "learner %s learns by steps: eg_learner_step",
                        l->row->kind.name);
    struct seen seen;
    EGI_TRY(see(l, e, &seen));
    eg_status s = eg_params_create(l->alloc, &next);
    if (s == EG_OK) s = fit_into(l, &seen.e, &next);
    look_away(l, &seen);
    eg_params_destroy(next);
    return s;
}

eg_status egi_fitted_keep(eg_learner *l, const char *name, eg_dtype dtype, const eg_shape *shape,
                          const void *from)
{
    size_t at;
    EGI_TRY(eg_params_add(l->params, name, dtype, shape, &at));
    memcpy(eg_params_at(l->params, at)->value, from,
           eg_shape_size(shape) * (dtype == EG_F64 ? sizeof(double) : sizeof(float)));
    return EG_OK;
}

const eg_param *egi_fitted_array(const eg_learner *l, const char *name, eg_dtype dtype,
                                 size_t *rows, size_t *columns)
{
    const eg_param *p = eg_params_find(l->params, name);
    const size_t rank = columns != NULL ? 2 : 1;
    const int known = p != NULL && p->dtype == dtype && p->shape.rank == rank;
    if (known && *rows == 0) *rows = p->shape.dim[0];
    if (known && columns != NULL && *columns == 0) *columns = p->shape.dim[1];
    if (known && *rows > 0 && p->shape.dim[0] == *rows
        && (columns == NULL || p->shape.dim[1] == *columns))
        return p;
    (void)egi_fail(EG_ERR_CORRUPT, "%s: expected an array (%zu%s%zu), got %s", name, *rows,
                   columns != NULL ? ", " : "", columns != NULL ? *columns : 0,
                   p == NULL ? "none" : "another");
    return NULL;
}

/* ---- bags ---- */

eg_status eg_learner_step_bags(eg_learner *l, double epoch, const eg_examples *e, double *loss)
{
    EGI_TRY(check(l, e, 1, "eg_learner_step_bags"));
    if (loss == NULL) return egi_fail(EG_ERR_INVALID, "eg_learner_step_bags: NULL");
    struct seen seen;
    EGI_TRY(see(l, e, &seen));
    const eg_status s = egi_learner_step(l, epoch, &seen.e, loss);
    look_away(l, &seen);
    return s;
}

eg_status egi_learner_settle(eg_learner *l, const eg_examples *e, size_t k)
{
    struct seen seen;
    EGI_TRY(see(l, e, &seen));
    const eg_status s = l->row->settle(l, seen.e.x, seen.e.n, k);
    look_away(l, &seen);
    return s;
}

eg_status eg_learner_scores_bags(eg_learner *l, const eg_examples *e, float *scores)
{
    EGI_TRY(check(l, e, 0, "eg_learner_scores_bags"));
    if (scores == NULL) return egi_fail(EG_ERR_INVALID, "eg_learner_scores_bags: NULL");
    if (l->row->fit != NULL && !l->fitted)
        return egi_fail(EG_ERR_INVALID, "learner %s is yet to be fitted", l->row->kind.name);
    if (e->offset == NULL) return eg_learner_scores(l, e->x, e->n, scores);
    if (!l->task.bags) {
        struct seen seen;
        EGI_TRY(see(l, e, &seen));
        const eg_status scored = egi_learner_score_vectors(l, seen.e.x, e->n, scores);
        look_away(l, &seen);
        return scored;
    }
    eg_status s = EG_OK;
    for (size_t i = 0; i < e->n && s == EG_OK; i++) {
        const size_t one[2] = { 0, e->offset[i + 1] - e->offset[i] };
        l->offset = one;
        s = l->row->scores(l, e->x + e->offset[i] * l->task.inputs, 1,
                           scores + i * l->task.classes);
    }
    l->offset = NULL;
    return s;
}
