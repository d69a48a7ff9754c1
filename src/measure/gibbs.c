/* Chains on a Gibbs posterior, and its divergence by thermodynamic integration (engram/gibbs.h).
 *
 * Every row is a normal proposal around m(w) = w_0 + a (w - w_0) - b beta grad L(w), of deviation
 * c. With U(w) = beta L(w) + |w - w_0|^2 / 2 v it is accepted with probability
 *     min(1, exp(U(w) - U(w') + (|w' - m(w)|^2 - |w - m(w')|^2) / 2 c^2)),
 * whatever a, b and c are; "crank-nicolson" has those that leave the prior alone at beta = 0, so
 * that its step does not shrink with the number of weights. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/gibbs.h"

#include <math.h>
#include <string.h>

#include "base/egi_base.h"
#include "engram/random.h"

enum { BATCHES = 20 };

#define STREAM_CHAIN ((uint64_t)0x47494242 << 32) /* "GIBB", the chain is added */
#define ACCEPTED 0.57                             /* Roberts and Rosenthal 1998 */

struct proposal {
    double a, b, c;
};

static struct proposal euler(double h, double v)
{
    return (struct proposal){ 1 - h / v, h, sqrt(2 * h) };
}

static struct proposal crank_nicolson(double h, double v)
{
    return (struct proposal){ (2 - h) / (2 + h), 2 * h * v / (2 + h), sqrt(8 * h * v) / (2 + h) };
}

static const struct chain_kind {
    eg_chain_row row;
    struct proposal (*of)(double h, double v);
} kinds[] = {
    { { "langevin", "a = 1 - h / v, b = h, c = sqrt(2 h), never refused", "Welling and Teh 2011",
        0 },
      euler },
    { { "mala", "the same, accepted or refused", "Roberts and Tweedie 1996", 1 }, euler },
    { { "crank-nicolson",
        "a = (2 - h) / (2 + h), b = 2 h v / (2 + h), c = sqrt(8 h v) / (2 + h), accepted or "
        "refused",
        "Cotter, Roberts, Stuart and White 2013, eq. 4.9", 1 },
      crank_nicolson },
};

const eg_chain_row *eg_chain_rows(size_t i)
{
    return i < EGI_COUNT(kinds) ? &kinds[i].row : NULL;
}

/* ---- a chain ---- */

struct place {
    double *w, *gradient; /* (n) */
    double loss;
};

struct chain {
    const eg_landscape *f;
    const eg_chain_options *o;
    const struct chain_kind *kind;
    const double *w0; /* (n) or NULL */
    double beta, h;
    uint64_t stream, at; /* of random numbers */
    struct place now, next;
    float *noise; /* (n) */
};

static double centre(const struct chain *c, size_t i)
{
    return c->w0 != NULL ? c->w0[i] : 0;
}

/* w_0 + a (w - w_0) - b beta grad L */
static double mean_of(const struct chain *c, const struct proposal *p, const struct place *w,
                      size_t i)
{
    return centre(c, i) + p->a * (w->w[i] - centre(c, i)) - p->b * c->beta * w->gradient[i];
}

static void propose(struct chain *c, const struct proposal *p)
{
    eg_random_normal(c->o->seed, c->stream, c->at, c->f->n, c->noise);
    c->at += c->f->n;
    for (size_t i = 0; i < c->f->n; i++)
        c->next.w[i] = mean_of(c, p, &c->now, i) + p->c * (double)c->noise[i];
}

/* The logarithm of what is accepted: differences are summed number by number, so that the large
 * parts of both sides meet each other. */
static double log_ratio(const struct chain *c, const struct proposal *p)
{
    double sum = c->beta * (c->now.loss - c->next.loss);
    for (size_t i = 0; i < c->f->n; i++) {
        const double from = c->now.w[i] - centre(c, i), to = c->next.w[i] - centre(c, i);
        const double there = c->next.w[i] - mean_of(c, p, &c->now, i);
        const double back = c->now.w[i] - mean_of(c, p, &c->next, i);
        sum += (from - to) * (from + to) / (2 * c->o->variance)
               + (there - back) * (there + back) / (2 * p->c * p->c);
    }
    return sum;
}

/* One step; *taken: the probability with which it was. */
static eg_status one_step(struct chain *c, double *taken)
{
    const struct proposal p = c->kind->of(c->h, c->o->variance);
    float u;
    propose(c, &p);
    EGI_TRY(c->f->value(c->f->user, c->next.w, &c->next.loss, c->next.gradient));
    *taken = 1;
    if (c->kind->row.adjusted) {
        const double r = log_ratio(c, &p);
        *taken = isfinite(r) ? exp(fmin(r, 0)) : 0;
    } else if (!isfinite(c->next.loss)) {
        return egi_fail(EG_ERR_DIVERGED, "chain: the loss is %g at beta %g, step %g", c->next.loss,
                        c->beta, c->h);
    }
    eg_random_uniform(c->o->seed, c->stream + 1, c->at, 1, &u);
    if ((double)u >= *taken) return EG_OK;
    const struct place old = c->now;
    c->now = c->next;
    c->next = old;
    return EG_OK;
}

static eg_status run(struct chain *c, eg_rung *out)
{
    const eg_chain_options *o = c->o;
    double batch[BATCHES] = { 0 }, taken, accepted = 0, loss = 0, square = 0;
    size_t sizes[BATCHES] = { 0 };
    EGI_TRY(c->f->value(c->f->user, c->now.w, &c->now.loss, c->now.gradient));
    for (size_t t = 0; t < o->burn; t++) {
        EGI_TRY(egi_report(o->progress, "steps", t, o->burn + o->steps));
        EGI_TRY(one_step(c, &taken));
        if (!c->kind->row.adjusted) continue;
        c->h = fmin(c->h * exp((taken - ACCEPTED) / (5 + sqrt((double)t))), 2);
    }
    for (size_t t = 0; t < o->steps; t++) {
        EGI_TRY(egi_report(o->progress, "steps", o->burn + t, o->burn + o->steps));
        EGI_TRY(one_step(c, &taken));
        const size_t b = t * BATCHES / o->steps;
        accepted += taken / (double)o->steps;
        loss += c->now.loss / (double)o->steps;
        batch[b] += c->now.loss;
        sizes[b]++;
        if (c->o->look != NULL) EGI_TRY(c->o->look(c->o->user, t, c->now.w, c->now.loss));
    }
    for (size_t b = 0; b < BATCHES; b++)
        square += pow(batch[b] / (double)sizes[b] - loss, 2) / (BATCHES - 1);
    *out = (eg_rung){ .beta = c->beta,
                      .loss = loss,
                      .error = sqrt(square / BATCHES),
                      .accepted = accepted,
                      .step = c->h };
    return EG_OK;
}

static eg_status check(const eg_chain_options *o, double beta, const struct chain_kind **kind)
{
    *kind = NULL;
    for (size_t i = 0; i < EGI_COUNT(kinds) && o->size == sizeof *o && o->kind != NULL; i++)
        if (strcmp(kinds[i].row.name, o->kind) == 0) *kind = &kinds[i];
    if (o->size != sizeof *o || *kind == NULL)
        return egi_fail(EG_ERR_INVALID,
                        "chain: options of %zu bytes, kind %s; expected %zu, langevin, mala or "
                        "crank-nicolson",
                        o->size, o->size == sizeof *o && o->kind != NULL ? o->kind : "NULL",
                        sizeof *o);
    if (!(o->variance > 0) || !(o->step > 0) || !isfinite(o->variance + o->step) || !(beta >= 0)
        || !isfinite(beta) || o->steps < BATCHES)
        return egi_fail(EG_ERR_INVALID,
                        "chain: variance %g, step %g, beta %g, %zu steps; expected above 0, "
                        "beta 0 or more, steps %d or more",
                        o->variance, o->step, beta, o->steps, BATCHES);
    return EG_OK;
}

eg_status eg_chain(const eg_landscape *f, const double *w0, double beta,
                   const eg_chain_options *options, uint64_t draw, double *w, eg_rung *out)
{
    const eg_chain_options usual = EG_CHAIN_OPTIONS_INIT, *o = options != NULL ? options : &usual;
    struct chain c = { .f = f, .o = o, .w0 = w0, .beta = beta, .h = o->step };
    const struct egi_need needs[5] = { { f->n, sizeof(double) },
                                       { f->n, sizeof(double) },
                                       { f->n, sizeof(double) },
                                       { f->n, sizeof(double) },
                                       { f->n, sizeof(float) } };
    struct egi_arena a;
    EGI_TRY(check(o, beta, &c.kind));
    EGI_TRY(egi_arena_create(o->alloc != NULL ? o->alloc : eg_allocator_default(), needs, 5,
                             "chain", &a));
    c.now = (struct place){ a.part[0], a.part[1], 0 };
    c.next = (struct place){ a.part[2], a.part[3], 0 };
    c.noise = a.part[4];
    c.stream = STREAM_CHAIN + 2 * draw;
    memcpy(c.now.w, w, f->n * sizeof *w);
    const eg_status s = run(&c, out);
    if (s == EG_OK) memcpy(w, c.now.w, f->n * sizeof *w);
    egi_arena_destroy(&a);
    return s;
}

/* ---- a ladder ---- */

/* Sums up to rung k; an error of a mean counts as often as the mean does in the left sum. */
static void divergence(eg_rung *rung, size_t k)
{
    const double b = rung[k].beta;
    double left = 0, right = 0, square = pow(b * rung[k].error, 2);
    for (size_t i = 0; i < k; i++) {
        const double by = rung[i + 1].beta - rung[i].beta;
        left += by * rung[i].loss;
        right += by * rung[i + 1].loss;
        square += pow(by * rung[i].error, 2);
    }
    rung[k].kl = left - b * rung[k].loss;
    rung[k].kl_low = right - b * rung[k].loss;
    rung[k].kl_error = sqrt(square);
}

static eg_status climb(const eg_landscape *f, const double *w0, const double *beta, size_t rungs,
                       const eg_chain_options *given, eg_rung *rung, double *w)
{
    eg_chain_options o = *given;
    o.progress = NULL;
    for (size_t k = 0; k < rungs; k++) {
        EGI_TRY(egi_report(given->progress, "rungs", k, rungs));
        EGI_TRY(eg_chain(f, w0, beta[k], &o, k + 1, w, &rung[k]));
        divergence(rung, k);
        o.step = rung[k].step;
    }
    return egi_report(given->progress, "rungs", rungs, rungs);
}

eg_status eg_gibbs_ladder(const eg_landscape *f, const double *w0, const double *beta, size_t rungs,
                          const eg_chain_options *options, eg_rung *rung)
{
    const eg_chain_options usual = EG_CHAIN_OPTIONS_INIT, *o = options != NULL ? options : &usual;
    const struct chain_kind *kind;
    const struct egi_need needs[2] = { { f->n, sizeof(double) }, { f->n, sizeof(float) } };
    struct egi_arena a;
    EGI_TRY(check(o, 0, &kind));
    for (size_t k = 0; k < rungs; k++)
        if (!(k == 0 ? beta[0] == 0 : beta[k] > beta[k - 1]))
            return egi_fail(EG_ERR_INVALID, "ladder: beta %zu is %g, expected a rise from 0", k,
                            beta[k]);
    EGI_TRY(egi_arena_create(o->alloc != NULL ? o->alloc : eg_allocator_default(), needs, 2,
                             "ladder", &a));
    double *w = a.part[0];
    const float *z = a.part[1];
    eg_random_normal(o->seed, STREAM_CHAIN, 0, f->n, a.part[1]);
    for (size_t i = 0; i < f->n; i++)
        w[i] = (w0 != NULL ? w0[i] : 0) + sqrt(o->variance) * (double)z[i];
    const eg_status s = climb(f, w0, beta, rungs, o, rung, w);
    egi_arena_destroy(&a);
    return s;
}
