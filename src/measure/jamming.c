/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/jamming.h"

#include <math.h>
#include <string.h>

#include "measure/egi_traced.h"

#define BETA1 0.9
#define BETA2 0.999

enum { ROWS = 4096, SEEN_EVERY = 64 }; /* of a pass; steps between two calls of progress */

struct jam {
    struct egi_traced r;
    eg_jamming_options o;
    double *w, *g, *m, *v; /* (n) each */
    double *sign;          /* (ROWS) y of the pass */
    double *gap;           /* (P) */
    struct egi_arena arena;
};

/* Delta of the examples on the tape, (b, 1). */
static eg_var constraints(struct jam *j, size_t b)
{
    eg_tape *t = j->r.t;
    const eg_var z = egi_traced_scores(&j->r, j->w, b);
    const eg_var f = eg_sub(t, eg_slice(t, z, 1, 1, 1, 1), eg_slice(t, z, 1, 0, 1, 1));
    for (size_t i = 0; i < b; i++) j->sign[i] = j->r.y[i] > 0 ? 1 : -1;
    const eg_var y = eg_input(t, EG_F64, &eg_shape_of(b, 1), j->sign);
    return eg_affine(t, eg_mul(t, y, f), -1, j->o.margin);
}

/* L, N_Delta, the gradient into g and Delta into gap. */
static eg_status look(struct jam *j, eg_jammed *out)
{
    const size_t p = j->r.part->n;
    memset(j->g, 0, j->r.n * sizeof *j->g);
    out->loss = 0;
    out->unsatisfied = 0;
    for (size_t from = 0, b; from < p; from += b) {
        eg_tape_reset(j->r.t);
        b = egi_traced_load(&j->r, from);
        const eg_var delta = constraints(j, b), left = eg_relu(j->r.t, delta);
        const eg_var loss = eg_sum(j->r.t, eg_mul(j->r.t, left, left), EG_ALL_AXES, 0);
        const double *d = eg_tape_value(j->r.t, delta);
        EGI_TRY(eg_tape_status(j->r.t));
        memcpy(j->gap + from, d, b * sizeof *d);
        for (size_t i = 0; i < b; i++) out->unsatisfied += d[i] > 0;
        out->loss += eg_tape_number(j->r.t, loss) / (2 * (double)p);
        EGI_TRY(egi_traced_gradient(&j->r, loss, EG_NONE, 0));
        EGI_TRY(egi_traced_add(&j->r, 1 / (2 * (double)p), j->g));
    }
    return EG_OK;
}

static void step(struct jam *j, size_t at)
{
    const double pi = acos(-1), done = (double)at / (double)j->o.steps;
    const double rate = j->o.rate * (1 + cos(pi * done)) / 2;
    const double one = 1 - pow(BETA1, (double)(at + 1)), two = 1 - pow(BETA2, (double)(at + 1));
    for (size_t i = 0; i < j->r.n; i++) {
        j->m[i] = BETA1 * j->m[i] + (1 - BETA1) * j->g[i];
        j->v[i] = BETA2 * j->v[i] + (1 - BETA2) * j->g[i] * j->g[i];
        j->w[i] -= rate * (j->m[i] / one) / (sqrt(j->v[i] / two) + 1e-16);
    }
}

static eg_status descend(struct jam *j, eg_jammed *out)
{
    for (out->steps = 0;; out->steps++) {
        EGI_TRY(look(j, out));
        if (!isfinite(out->loss))
            return egi_fail(EG_ERR_DIVERGED, "eg_jam: the loss after %zu steps is %g", out->steps,
                            out->loss);
        if (out->unsatisfied == 0 || out->steps == j->o.steps) return EG_OK;
        if (out->steps % SEEN_EVERY == 0)
            EGI_TRY(egi_report(j->o.progress, "steps", out->steps, j->o.steps));
        step(j, out->steps);
    }
}

static size_t count_weights(const struct jam *j)
{
    size_t n = 0;
    const eg_param *last = NULL;
    for (size_t k = 0; k < j->r.arrays; k++) {
        const eg_param *p = eg_params_at(j->r.l->params, k);
        if (j->r.at[k] >= j->r.n || p->shape.rank < 2) continue;
        n += eg_shape_size(&p->shape);
        last = p;
    }
    return last != NULL ? n - eg_shape_size(&last->shape) / 2 : 0;
}

static eg_status check(const eg_learner *l, const eg_part *part, const eg_jamming_options *in,
                       eg_jamming_options *o)
{
    *o = (eg_jamming_options)EG_JAMMING_OPTIONS_INIT;
    if (l == NULL || part == NULL || part->set->labels == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_jam: no learner, no part or no labels");
    if (in != NULL && in->size != sizeof *o)
        return egi_fail(EG_ERR_INVALID, "eg_jamming_options.size is %zu, expected %zu", in->size,
                        sizeof *o);
    if (in != NULL) *o = *in;
    if (!(o->margin > 0) || !(o->rate > 0) || o->steps == 0)
        return egi_fail(EG_ERR_INVALID, "eg_jam: margin %g, rate %g, %zu steps, expected above 0",
                        o->margin, o->rate, o->steps);
    if (eg_learner_task(l)->classes != 2 || part->set->classes > 2)
        return egi_fail(EG_ERR_SHAPE, "eg_jam: a learner of %zu classes, data of %zu, expected 2",
                        eg_learner_task(l)->classes, part->set->classes);
    return EG_OK;
}

static eg_status run(struct jam *j, double *gap, eg_jammed *out)
{
    const struct egi_need needs[] = {
        { j->r.n, sizeof(double) }, { j->r.n, sizeof(double) },     { j->r.n, sizeof(double) },
        { j->r.n, sizeof(double) }, { j->r.batch, sizeof(double) }, { j->r.part->n, sizeof(double) }
    };
    EGI_TRY(egi_arena_create(j->r.alloc, needs, 6, "jamming", &j->arena));
    double **const all[] = { &j->w, &j->g, &j->m, &j->v, &j->sign, &j->gap };
    for (size_t i = 0; i < EGI_COUNT(all); i++) *all[i] = j->arena.part[i];
    memcpy(j->w, j->r.w, j->r.n * sizeof *j->w);
    memset(j->m, 0, j->r.n * sizeof *j->m);
    memset(j->v, 0, j->r.n * sizeof *j->v);
    *out = (eg_jammed){ .weights = count_weights(j) };
    EGI_TRY(descend(j, out));
    if (gap != NULL) memcpy(gap, j->gap, j->r.part->n * sizeof *gap);
    egi_traced_keep(&j->r, j->w);
    return EG_OK;
}

eg_status eg_jam(eg_learner *l, const eg_part *part, const eg_jamming_options *options, double *gap,
                 eg_jammed *out)
{
    struct jam j = { .gap = NULL };
    EGI_TRY(check(l, part, options, &j.o));
    EGI_TRY(egi_traced_create(l, part, ROWS, j.o.threads, EG_F64, j.o.alloc, &j.r));
    const eg_status s = run(&j, gap, out);
    egi_arena_destroy(&j.arena);
    egi_traced_clear(&j.r);
    return s;
}
