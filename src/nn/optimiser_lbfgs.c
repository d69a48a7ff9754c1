/* L-BFGS (Nocedal and Wright 2006, Numerical Optimization, algorithm 7.4) with a line search for
 * the strong Wolfe conditions (algorithms 3.5 and 3.6), all on the batch of the step.
 *
 * Pairs (s, y) of earlier batches are kept: y is always a difference of two gradients of one batch.
 * A pair whose curvature s.y is not clearly positive is left out. All parameters are one vector.
 * The clips apply to the gradient as it comes: with one that bites, the conditions are those of
 * the clipped field. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "nn/egi_optimiser.h"

struct settings {
    double rate; /* first: the network reads it */
    size_t history, iterations, evaluations;
    double tolerance;
};

static const struct egi_setting list[] = {
    EGI_SET_NUMBER(struct settings, rate, "1", 0, 1e6, "first step length that is tried"),
    EGI_SET_COUNT(struct settings, history, "10", 1, 1000, "pairs that are kept"),
    EGI_SET_COUNT(struct settings, iterations, "10", 1, 1e6, "iterations on one batch"),
    EGI_SET_COUNT(struct settings, evaluations, "25", 1, 1e6, "of the loss in one line search"),
    EGI_SET_NUMBER(struct settings, tolerance, "1e-07", 0, 1e6, "largest |g_i| that is enough"),
    EGI_SET_END,
};

/* Armijo and curvature constants, equation 3.7. */
static const double c1 = 1e-4, c2 = 0.9;

struct lbfgs {
    size_t n;                 /* numbers in all parameters */
    float *s, *y;             /* (history, n) in the state */
    double *rho;              /* (history) 1 / s.y, in the state */
    int32_t *pairs;           /* (2) how many there are; where the next one goes */
    float *x, *g, *g_new, *d; /* (n) */
    double *alpha;            /* (history) */
};

/* A point of the line search: step a, loss f, slope f' along d. */
struct point {
    double a, f, slope;
};

static const struct settings *of(const struct egi_optimiser *o)
{
    return (const struct settings *)(const void *)o->settings.bytes;
}

static eg_status add(eg_params *state, const char *name, eg_dtype dtype, const eg_shape *shape,
                     void **out)
{
    size_t at;
    EGI_TRY(eg_params_add(state, name, dtype, shape, &at));
    *out = eg_params_at(state, at)->value;
    return EG_OK;
}

static eg_status create(struct egi_optimiser *o, eg_params *state)
{
    const size_t history = of(o)->history;
    const eg_param *p;
    size_t n = 0, bytes, size;
    for (size_t i = 0; (p = eg_params_at(o->params, i)) != NULL; i++)
        EGI_TRY(egi_add_size(n, eg_shape_size(&p->shape), &n));
    void *s, *y, *rho, *pairs, *own;
    EGI_TRY(add(state, "lbfgs.s", EG_F32, &eg_shape_of(history, n), &s));
    EGI_TRY(add(state, "lbfgs.y", EG_F32, &eg_shape_of(history, n), &y));
    EGI_TRY(add(state, "lbfgs.rho", EG_F64, &eg_shape_of(history), &rho));
    EGI_TRY(add(state, "lbfgs.pairs", EG_I32, &eg_shape_of(2), &pairs));
    EGI_TRY(egi_mul_size(n, 4 * sizeof(float), &bytes));
    EGI_TRY(egi_add_size(bytes, sizeof(struct lbfgs) + history * sizeof(double), &size));
    EGI_TRY(egi_alloc_array(o->alloc, 1, size, "lbfgs", &own));
    o->own = own;
    o->own_bytes = size;
    struct lbfgs *l = own;
    *l = (struct lbfgs){ .n = n, .s = s, .y = y, .rho = rho, .pairs = pairs };
    l->alpha = (double *)(l + 1);
    l->x = (float *)(l->alpha + history);
    l->g = l->x + n;
    l->g_new = l->g + n;
    l->d = l->g_new + n;
    return EG_OK;
}

/* Parameters <- x + a d. */
static void move(const struct egi_optimiser *o, double a)
{
    const struct lbfgs *l = o->own;
    const eg_param *p;
    size_t at = 0;
    for (size_t i = 0; (p = eg_params_at(o->params, i)) != NULL; i++) {
        const size_t n = eg_shape_size(&p->shape);
        float *to = p->value;
        for (size_t k = 0; k < n && o->g[i] != NULL; k++) /* others may move by themselves */
            to[k] = (float)((double)l->x[at + k] + a * (double)l->d[at + k]);
        at += n;
    }
}

static void gather(const struct egi_optimiser *o, float *x)
{
    const eg_param *p;
    for (size_t i = 0; (p = eg_params_at(o->params, i)) != NULL; i++) {
        const size_t n = eg_shape_size(&p->shape);
        memcpy(x, p->value, n * sizeof *x);
        x += n;
    }
}

/* Loss and gradient where the parameters are. */
static eg_status evaluate(struct egi_optimiser *o, double *loss, float *g)
{
    const eg_param *p;
    EGI_TRY(o->objective.evaluate(o->objective.user, loss, o->g));
    const float scale = egi_clip_scale(o, o->g);
    const float limit = o->clip_value > 0 ? (float)o->clip_value : INFINITY;
    for (size_t i = 0; (p = eg_params_at(o->params, i)) != NULL; i++) {
        const size_t n = eg_shape_size(&p->shape);
        for (size_t k = 0; k < n; k++) {
            const float v = o->g[i] != NULL ? scale * o->g[i][k] : 0;
            g[k] = v > limit ? limit : v < -limit ? -limit : v;
        }
        g += n;
    }
    return EG_OK;
}

static void add_scaled(float *y, double a, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) y[i] = (float)((double)y[i] + a * (double)x[i]);
}

/* d = -H g by the two loops of algorithm 7.4; the slope d.g. */
static double direction(struct egi_optimiser *o)
{
    struct lbfgs *l = o->own;
    const size_t n = l->n, history = of(o)->history, pairs = (size_t)l->pairs[0];
    const size_t newest = ((size_t)l->pairs[1] + history - 1) % history;
    double gamma = 1;
    for (size_t i = 0; i < n; i++) l->d[i] = -l->g[i];
    for (size_t k = 0; k < pairs; k++) {
        const size_t at = (newest + history - k) % history;
        l->alpha[at] = l->rho[at] * egi_dot(l->s + at * n, l->d, n);
        add_scaled(l->d, -l->alpha[at], l->y + at * n, n);
    }
    if (pairs > 0) {
        const float *y = l->y + newest * n;
        gamma = 1 / (l->rho[newest] * egi_dot(y, y, n));
    }
    for (size_t i = 0; i < n; i++) l->d[i] = (float)(gamma * (double)l->d[i]);
    for (size_t k = pairs; k-- > 0;) {
        const size_t at = (newest + history - k) % history;
        const double beta = l->rho[at] * egi_dot(l->y + at * n, l->d, n);
        add_scaled(l->d, l->alpha[at] - beta, l->s + at * n, n);
    }
    return egi_dot(l->d, l->g, n);
}

static eg_status probe(struct egi_optimiser *o, double a, struct point *out)
{
    struct lbfgs *l = o->own;
    out->a = a;
    move(o, a);
    EGI_TRY(evaluate(o, &out->f, l->g_new));
    out->slope = egi_dot(l->g_new, l->d, l->n);
    return EG_OK;
}

/* The minimum of the cubic through two points (equation 3.59), kept off their ends. */
static double between(const struct point *p, const struct point *q)
{
    const double d1 = p->slope + q->slope - 3 * (p->f - q->f) / (p->a - q->a);
    const double root = d1 * d1 - p->slope * q->slope;
    const double d2 = (q->a > p->a ? 1 : -1) * sqrt(root > 0 ? root : 0);
    const double at = q->a - (q->a - p->a) * (q->slope + d2 - d1) / (q->slope - p->slope + 2 * d2);
    const double low = p->a < q->a ? p->a : q->a, width = fabs(q->a - p->a);
    if (!(at > low + 0.1 * width)) return low + 0.1 * width;
    return at > low + 0.9 * width ? low + 0.9 * width : at;
}

/* A step that satisfies both conditions; where evaluations run out, the best one that falls. */
static eg_status search(struct egi_optimiser *o, const struct point *start, double first,
                        struct point *best)
{
    struct point low = *start, high = *start, p;
    int bracketed = 0;
    double a = first;
    *best = *start;
    for (size_t k = 0; k < of(o)->evaluations; k++) {
        EGI_TRY(probe(o, a, &p));
        const int falls = p.f <= start->f + c1 * p.a * start->slope; /* false for NaN */
        if (falls && fabs(p.slope) <= -c2 * start->slope) {
            *best = p;
            return EG_OK;
        }
        if (!falls || p.f >= low.f) {
            high = p;
            bracketed = 1;
        } else {
            if (p.slope * ((bracketed ? high.a : INFINITY) - low.a) >= 0) {
                high = low;
                bracketed = 1;
            }
            low = *best = p;
        }
        if (bracketed && !(fabs(high.a - low.a) > 1e-9 * fabs(low.a) + 1e-15)) break;
        if (!bracketed)
            a *= 2;
        else
            a = isfinite(high.f) ? between(&low, &high) : (low.a + high.a) / 2;
    }
    return best->a == p.a ? EG_OK : probe(o, best->a, best); /* its gradient */
}

static void keep_pair(struct egi_optimiser *o, double a)
{
    struct lbfgs *l = o->own;
    const size_t n = l->n, at = (size_t)l->pairs[1];
    float *s = l->s + at * n, *y = l->y + at * n;
    for (size_t i = 0; i < n; i++) {
        s[i] = (float)(a * (double)l->d[i]);
        y[i] = l->g_new[i] - l->g[i];
    }
    const double curvature = egi_dot(s, y, n);
    if (!(curvature > 1e-10 * egi_dot(y, y, n))) return; /* its place is written over */
    l->rho[at] = 1 / curvature;
    l->pairs[1] = (int32_t)((at + 1) % of(o)->history);
    if ((size_t)l->pairs[0] < of(o)->history) l->pairs[0]++;
}

static int is_flat(const struct egi_optimiser *o)
{
    const struct lbfgs *l = o->own;
    for (size_t i = 0; i < l->n; i++)
        if (!(fabs((double)l->g[i]) <= of(o)->tolerance)) return 0;
    return 1;
}

/* One iteration; *done where nothing falls any more. */
static eg_status iterate(struct egi_optimiser *o, double rate, double *loss, int *done)
{
    struct lbfgs *l = o->own;
    struct point start = { 0, *loss, direction(o) }, best;
    if (!(start.slope < 0)) { /* rounding has spoiled the pairs: begin again */
        l->pairs[0] = 0;
        start.slope = direction(o);
    }
    const double size = sqrt(egi_dot(l->g, l->g, l->n));
    const double first = l->pairs[0] == 0 && size > 1 ? rate / size : rate;
    gather(o, l->x);
    EGI_TRY(search(o, &start, first, &best));
    *done = best.a == 0;
    if (*done) {
        l->pairs[0] = 0;
        return EG_OK;
    }
    keep_pair(o, best.a);
    memcpy(l->g, l->g_new, l->n * sizeof *l->g);
    *loss = best.f;
    return EG_OK;
}

static eg_status minimise(struct egi_optimiser *o, double rate, double *loss)
{
    struct lbfgs *l = o->own;
    int done = 0;
    EGI_TRY(evaluate(o, loss, l->g));
    if (!isfinite(*loss)) return EG_OK; /* the caller names it */
    double here = *loss;
    for (size_t i = 0; i < of(o)->iterations && !done && rate > 0 && !is_flat(o); i++)
        EGI_TRY(iterate(o, rate, &here, &done));
    return EG_OK;
}

const struct egi_optimiser_row egi_optimiser_lbfgs = {
    .kind = { "lbfgs", "p <- p - a H g, H from the last pairs, a by the strong Wolfe conditions",
              "Nocedal and Wright 2006, algorithms 7.4, 3.5 and 3.6", list },
    .create = create,
    .minimise = minimise,
};
