/* Curvature of a network's loss: products with its Hessian and with the Gauss-Newton part.
 *
 *     H v = d/dw <dl/dw, v>          the tape's gradient, differentiated again (Pearlmutter 1994)
 *     G v = J^T (d^2 l / dz^2) J v   J v = d/du <J^T u, v>, J^T u being linear in u; then the
 *                                    Hessian of the loss by the scores alone, then J^T
 *
 * A mean over examples is summed batch by batch, each weighted by its share. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engram/spectrum.h"
#include "measure/egi_traced.h"

struct eg_curvature;

struct view {
    struct eg_curvature *c;
    eg_curvature_kind kind;
};

struct eg_curvature {
    struct egi_traced r;
    eg_part part;
    struct view view[2];
};

eg_status eg_curvature_create(eg_learner *l, const eg_part *part,
                              const eg_curvature_options *options, eg_curvature **out)
{
    const eg_curvature_options usual = EG_CURVATURE_OPTIONS_INIT,
                               *o = options != NULL ? options : &usual;
    const eg_allocator *alloc = o->alloc != NULL ? o->alloc : eg_allocator_default();
    if (o->size != sizeof *o)
        return egi_fail(EG_ERR_INVALID, "options of %zu bytes, expected %zu", o->size, sizeof *o);
    eg_curvature *c = egi_alloc(alloc, sizeof *c);
    if (c == NULL) return egi_fail(EG_ERR_NOMEM, "curvature");
    c->part = *part;
    const eg_status s = egi_traced_create(l, &c->part, o->batch, o->threads, EG_F64, alloc, &c->r);
    if (s != EG_OK) {
        egi_free(alloc, c, sizeof *c);
        return s;
    }
    c->view[EG_HESSIAN] = (struct view){ c, EG_HESSIAN };
    c->view[EG_GAUSS_NEWTON] = (struct view){ c, EG_GAUSS_NEWTON };
    *out = c;
    return EG_OK;
}

void eg_curvature_destroy(eg_curvature *c)
{
    if (c == NULL) return;
    const eg_allocator *alloc = c->r.alloc;
    egi_traced_clear(&c->r);
    egi_free(alloc, c, sizeof *c);
}

size_t eg_curvature_size(const eg_curvature *c)
{
    return c->r.n;
}

const double *eg_curvature_point(const eg_curvature *c)
{
    return c->r.w;
}

/* ---- loss ---- */

static eg_status some_loss(struct egi_traced *r, const double *w, size_t from, double *loss,
                           double *gradient)
{
    const size_t b = egi_traced_load(r, from);
    const double share = (double)b / (double)r->part->n;
    eg_tape_reset(r->t);
    const eg_var y = egi_traced_cost(r, egi_traced_scores(r, w, b), b);
    *loss += share * eg_tape_number(r->t, y);
    EGI_TRY(eg_tape_status(r->t));
    if (gradient == NULL) return EG_OK;
    EGI_TRY(egi_traced_gradient(r, y, EG_NONE, EG_GRADIENT_RELEASE));
    return egi_traced_add(r, share, gradient);
}

eg_status eg_curvature_loss(eg_curvature *c, const double *w, double *loss, double *gradient)
{
    struct egi_traced *r = &c->r;
    double sum = 0;
    if (gradient != NULL) memset(gradient, 0, r->n * sizeof *gradient);
    for (size_t i = 0; i < r->part->n; i += r->batch)
        EGI_TRY(some_loss(r, w != NULL ? w : r->w, i, &sum, gradient));
    *loss = sum;
    return EG_OK;
}

/* ---- products ---- */

static eg_status hessian(struct egi_traced *r, size_t b, const double *v)
{
    const eg_var y = egi_traced_cost(r, egi_traced_scores(r, r->w, b), b);
    EGI_TRY(eg_tape_status(r->t));
    EGI_TRY(egi_traced_gradient(r, y, EG_NONE, EG_GRADIENT_KEEP));
    const eg_var along = egi_traced_along(r, v);
    EGI_TRY(eg_tape_status(r->t));
    return egi_traced_gradient(r, along, EG_NONE, 0);
}

static eg_status gauss_newton(struct egi_traced *r, size_t b, const double *v)
{
    eg_tape *t = r->t;
    eg_var moved, slope, turned;
    const eg_var z = egi_traced_scores(r, r->w, b);
    const eg_shape shape = eg_tape_shape(t, z);
    const double *value = eg_tape_value(t, z);
    EGI_TRY(eg_tape_status(t));
    const eg_var u = eg_leaf(t, EG_F64, &shape, value); /* J^T u is linear in u: any will do */
    EGI_TRY(egi_traced_gradient(r, z, u, EG_GRADIENT_KEEP));
    const eg_var along = egi_traced_along(r, v);
    EGI_TRY(eg_tape_status(t));
    EGI_TRY(eg_tape_gradient(t, along, EG_NONE, &u, 1, 0, &moved)); /* J v */
    const eg_var at = eg_leaf(t, EG_F64, &shape, value), cost = egi_traced_cost(r, at, b);
    EGI_TRY(eg_tape_status(t));
    EGI_TRY(eg_tape_gradient(t, cost, EG_NONE, &at, 1, EG_GRADIENT_KEEP, &slope));
    if (moved.id == 0 || slope.id == 0) return EG_NOT_FOUND;
    const eg_var both = eg_sum(t, eg_mul(t, slope, eg_constant(t, moved)), EG_ALL_AXES, 0);
    EGI_TRY(eg_tape_status(t));
    EGI_TRY(eg_tape_gradient(t, both, EG_NONE, &at, 1, 0, &turned));
    if (turned.id == 0) return EG_NOT_FOUND;
    return egi_traced_gradient(r, z, turned, 0);
}

static eg_status apply(void *user, const double *x, double *y)
{
    const struct view *view = user;
    struct egi_traced *r = &view->c->r;
    memset(y, 0, r->n * sizeof *y);
    for (size_t i = 0; i < r->part->n; i += r->batch) {
        const size_t b = egi_traced_load(r, i);
        eg_tape_reset(r->t);
        const eg_status s = view->kind == EG_HESSIAN ? hessian(r, b, x) : gauss_newton(r, b, x);
        if (s == EG_NOT_FOUND) continue; /* a loss that is linear in what moves: nothing to add */
        EGI_TRY(s);
        EGI_TRY(egi_traced_add(r, (double)b / (double)r->part->n, y));
    }
    return EG_OK;
}

eg_operator eg_curvature_operator(eg_curvature *c, eg_curvature_kind kind)
{
    return (eg_operator){ c->r.n, apply, &c->view[kind == EG_GAUSS_NEWTON] };
}
