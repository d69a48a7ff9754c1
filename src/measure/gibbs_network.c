/* The Gibbs posterior of a network's loss, and what Langevin dynamics on it tell of examples that
 * were held out. Gradients by all examples, in f64. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engram/bounds.h"
#include "engram/gibbs.h"
#include "engram/random.h"
#include "measure/egi_traced.h"

enum { BATCH = 256, LOOKS = 100 }; /* networks of a rung whose errors are counted */

#define STREAM_HELD ((uint64_t)0x48454c44 << 32) /* "HELD" */

/* Mean loss of a part at w; errors: their share, or NULL; gradient or NULL. */
static eg_status loss_at(struct egi_traced *r, const double *w, double *loss, double *errors,
                         double *gradient)
{
    const size_t k = r->l->task.classes;
    size_t wrong = 0;
    *loss = 0;
    if (gradient != NULL) memset(gradient, 0, r->n * sizeof *gradient);
    for (size_t from = 0, b; from < r->part->n; from += b) {
        b = egi_traced_load(r, from);
        const double share = (double)b / (double)r->part->n;
        eg_tape_reset(r->t);
        const eg_var z = egi_traced_scores(r, w, b), y = egi_traced_cost(r, z, b);
        const double *s = eg_tape_value(r->t, z);
        *loss += share * eg_tape_number(r->t, y);
        EGI_TRY(eg_tape_status(r->t));
        for (size_t i = 0; i < b && errors != NULL; i++) {
            const double own = s[i * k + (size_t)r->y[i]];
            int right = 1;
            for (size_t c = 0; c < k; c++) right &= c == (size_t)r->y[i] || own > s[i * k + c];
            wrong += !right;
        }
        if (gradient == NULL) continue;
        EGI_TRY(egi_traced_gradient(r, y, EG_NONE, EG_GRADIENT_RELEASE));
        EGI_TRY(egi_traced_add(r, share, gradient));
    }
    if (errors != NULL) *errors = (double)wrong / (double)r->part->n;
    return EG_OK;
}

static eg_status value(void *user, const double *w, double *loss, double *gradient)
{
    return loss_at(user, w, loss, NULL, gradient);
}

/* ---- the ladder ---- */

struct posterior {
    struct egi_traced *r, *other; /* other: NULL where there is none */
    size_t every, rungs, n;       /* n: counts so far */
    eg_gibbs_row *row;
    double square;
};

/* Of every so manieth network the errors; a new rung begins with its first step. */
static eg_status look(void *user, size_t step, const double *w, double loss)
{
    struct posterior *p = user;
    double risk, rest = NAN;
    (void)loss;
    if (step % p->every != 0) return EG_OK;
    if (step == 0) {
        p->row += p->n > 0;
        p->n = 0;
        p->row->risk = p->row->other = p->square = 0;
    }
    EGI_TRY(loss_at(p->r, w, &loss, &risk, NULL));
    if (p->other != NULL) EGI_TRY(loss_at(p->other, w, &loss, &rest, NULL));
    p->n++;
    const double by = risk - p->row->risk;
    p->row->risk += by / (double)p->n;
    p->square += by * (risk - p->row->risk);
    p->row->other += (rest - p->row->other) / (double)p->n;
    p->row->risk_error = p->n > 1 ? sqrt(p->square / (double)(p->n - 1) / (double)p->n) : NAN;
    return EG_OK;
}

static void bound_of(eg_gibbs_row *row, double n, double delta)
{
    const eg_pac_bayes b = { fmin(row->risk + 2 * row->risk_error, 1),
                             fmax(row->rung.kl + 2 * row->rung.kl_error, 0), n, delta };
    row->bound = eg_pac_bayes_bound(0, &b);
}

static eg_status ladder(struct posterior *p, const double *w0, const double *beta, size_t rungs,
                        const eg_chain_options *o, double delta, eg_rung *rung)
{
    const eg_landscape f = { p->r->n, value, p->r };
    eg_gibbs_row *row = p->row;
    p->every = o->steps < LOOKS ? 1 : o->steps / LOOKS;
    eg_chain_options mine = *o;
    mine.look = look;
    mine.user = p;
    EGI_TRY(eg_gibbs_ladder(&f, w0, beta, rungs, &mine, rung));
    for (size_t k = 0; k < rungs; k++) {
        row[k].rung = rung[k];
        bound_of(&row[k], (double)p->r->part->n, delta / (double)rungs);
    }
    return EG_OK;
}

static eg_status from_beginning(struct posterior *p, const double *beta, size_t rungs,
                                const eg_chain_options *o, double delta)
{
    eg_learner *l = p->r->l, *began = NULL;
    struct egi_arena a;
    const struct egi_need needs[2] = { { p->r->n, sizeof(double) }, { rungs, sizeof(eg_rung) } };
    EGI_TRY(egi_arena_create(p->r->alloc, needs, 2, "posterior", &a));
    eg_status s =
        eg_learner_create(eg_learner_spec(l), &l->task, l->seed, l->threads, NULL, &began);
    if (s == EG_OK) egi_traced_read(p->r, began->params, a.part[0]);
    if (s == EG_OK) s = ladder(p, a.part[0], beta, rungs, o, delta, a.part[1]);
    eg_learner_destroy(began);
    egi_arena_destroy(&a);
    return s;
}

eg_status eg_gibbs_network(eg_learner *l, const eg_part *part, const eg_part *other,
                           const double *beta, size_t rungs, const eg_chain_options *options,
                           double delta, eg_gibbs_row *row)
{
    const eg_chain_options usual = EG_CHAIN_OPTIONS_INIT, *o = options != NULL ? options : &usual;
    struct egi_traced r, rest;
    if (!(delta > 0 && delta < 1) || rungs == 0)
        return egi_fail(EG_ERR_INVALID, "gibbs: delta %g, %zu rungs; expected 0 to 1, some", delta,
                        rungs);
    EGI_TRY(egi_traced_create(l, part, BATCH, l->threads, EG_F64, o->alloc, &r));
    eg_status s = EG_OK;
    if (other != NULL) s = egi_traced_create(l, other, BATCH, l->threads, EG_F64, o->alloc, &rest);
    if (s == EG_OK) {
        struct posterior p = { .r = &r, .other = other != NULL ? &rest : NULL, .row = row };
        s = from_beginning(&p, beta, rungs, o, delta);
        if (other != NULL) egi_traced_clear(&rest);
    }
    egi_traced_clear(&r);
    return s;
}

/* ---- incoherence ---- */

struct dynamics {
    struct egi_traced held_in, held_out;
    double *w, *in, *out; /* (n) numbers, gradients */
    float *noise;         /* (n) */
    double share;         /* of examples that are held out */
    double beta, eta;
    size_t steps;
    uint64_t seed;
};

/* g_S = (1 - share) g_J + share g_rest; g_S - g_J = share (g_rest - g_J). */
static eg_status one_step(struct dynamics *d, uint64_t t, eg_incoherence *sum)
{
    const double beta = d->beta, eta = d->eta;
    double in, out, apart = 0, whole = 0;
    EGI_TRY(loss_at(&d->held_in, d->w, &in, NULL, d->in));
    EGI_TRY(loss_at(&d->held_out, d->w, &out, NULL, d->out));
    eg_random_normal(d->seed, STREAM_HELD + 1, t * d->held_in.n, d->held_in.n, d->noise);
    sum->loss = (1 - d->share) * in + d->share * out;
    if (!isfinite(sum->loss)) return egi_fail(EG_ERR_DIVERGED, "dynamics: loss %g", sum->loss);
    for (size_t i = 0; i < d->held_in.n; i++) {
        const double g = d->in[i] + d->share * (d->out[i] - d->in[i]);
        apart += pow(d->share * (d->out[i] - d->in[i]), 2);
        whole += g * g;
        d->w[i] += sqrt(2 * eta / beta) * (double)d->noise[i] - eta * g;
    }
    sum->nats += beta * eta * apart / 4;
    sum->plain += beta * eta * whole / 4;
    return EG_OK;
}

static eg_status run(struct dynamics *d, eg_incoherence *out)
{
    const size_t n = d->held_in.n;
    const struct egi_need needs[4] = {
        { n, sizeof(double) }, { n, sizeof(double) }, { n, sizeof(double) }, { n, sizeof(float) }
    };
    struct egi_arena a;
    eg_incoherence sum = { 0 };
    EGI_TRY(egi_arena_create(d->held_in.alloc, needs, 4, "dynamics", &a));
    d->w = a.part[0], d->in = a.part[1], d->out = a.part[2], d->noise = a.part[3];
    memcpy(d->w, d->held_in.w, n * sizeof *d->w);
    eg_status s = EG_OK;
    for (size_t t = 0; t < d->steps && s == EG_OK; t++) s = one_step(d, t, &sum);
    egi_arena_destroy(&a);
    if (s != EG_OK) return s;
    sum.gap = sqrt(sum.nats / (2 * (double)d->held_out.part->n));
    *out = sum;
    return EG_OK;
}

/* Both parts of the examples: those that are held out first in `order`. */
static eg_status both(eg_learner *l, const eg_part *part, size_t held, size_t *order,
                      struct dynamics d, eg_incoherence *out)
{
    eg_random_permutation(d.seed, STREAM_HELD, part->n, order);
    for (size_t i = 0; i < part->n && part->index != NULL; i++) order[i] = part->index[order[i]];
    const eg_part rest = { part->set, order, held };
    const eg_part kept = { part->set, order + held, part->n - held };
    EGI_TRY(egi_traced_create(l, &kept, BATCH, l->threads, EG_F64, NULL, &d.held_in));
    eg_status s = egi_traced_create(l, &rest, BATCH, l->threads, EG_F64, NULL, &d.held_out);
    if (s == EG_OK) s = run(&d, out);
    if (s == EG_OK || d.held_out.t != NULL) egi_traced_clear(&d.held_out);
    egi_traced_clear(&d.held_in);
    return s;
}

eg_status eg_gradient_incoherence(eg_learner *l, const eg_part *part, size_t held, double beta,
                                  double eta, size_t steps, uint64_t seed, eg_incoherence *out)
{
    void *order;
    if (held == 0 || held >= part->n || !(beta > 0) || !(eta > 0) || !isfinite(beta * eta))
        return egi_fail(EG_ERR_INVALID,
                        "incoherence: %zu of %zu examples held out, beta %g, eta %g; expected some "
                        "and not all, above 0",
                        held, part->n, beta, eta);
    EGI_TRY(egi_alloc_array(eg_allocator_default(), part->n, sizeof(size_t), "order", &order));
    const struct dynamics d = { .share = (double)held / (double)part->n,
                                .beta = beta,
                                .eta = eta,
                                .steps = steps,
                                .seed = seed };
    const eg_status s = both(l, part, held, order, d, out);
    egi_free(eg_allocator_default(), order, part->n * sizeof(size_t));
    return s;
}
