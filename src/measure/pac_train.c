/* Training by a PAC-Bayes bound (engram/pac.h).
 *
 * Where all layers can, each example has a network of its own: a layer's sums are N(x W^T + b,
 * x^2 V^T + v_b), V = D^2, so that they are drawn in the place of its weights, and the tape gives
 * the gradients by both, of which 2 d times that by v is that by d. A batch that shares a network
 * hears one noise a hundred times: that noise moves weights about, which the divergence counts.
 * Else, with u = w + d e, e standard normal, g the gradient of the surrogate at u, and f(L, B):
 *     w:  f_L g   + f_B (w - w_0) / (lambda n)
 *     d:  f_L g e + f_B (d / lambda - 1 / d) / n
 * Divergence, slopes and lambda, which is (sum d^2 + |w - w_0|^2) / numbers where the divergence is
 * least, move slowly: they are taken anew every SELDOM steps. Noise of steps is a place of one
 * strip of normal numbers; that of the certificate is drawn anew.
 *
 * Differs from public code: the error of all batches is divided by their number, not by one less;
 * the bisection of kl returns its upper end; each of both confidences has its own delta; the
 * divergence is that of all examples, not of a batch; training and certificate share one delta. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/pac.h"

#include <math.h>
#include <string.h>
#include <time.h>

#include "engram/bounds.h"
#include "engram/random.h"
#include "measure/egi_traced.h"

enum { SELDOM = 20, STREAM_NOISE = 1 << 28, STREAM_ORDER = 7, STREAM_DRAW = 1 << 24 };
enum { PLACES = 1 << 20, BLOCK = 2048 }; /* of the strip of noise; of an update */

#define LEAST 1e-6F /* deviation */

#define GRID_TOP 0.1 /* lambda = GRID_TOP e^(-j / GRID_STEPS) */
#define GRID_STEPS 100.0

/* ---- objectives: slopes of the rows of bounds.c ---- */

static void slope_of_quadratic(double l, double b, double *by_l, double *by_b)
{
    const double q = sqrt(b / 2), r = sqrt(l + b / 2);
    *by_l = (r + q) / r;
    *by_b = (r + q) * (1 / r + 1 / q) / 2;
}

static void slope_of_kl(double l, double b, double *by_l, double *by_b)
{
    eg_kl_inverse_slope(fmax(l, 1e-6), b, by_l, by_b);
    if (!isfinite(*by_l) || !isfinite(*by_b)
        || !(*by_b > 1e-3)) /* where the inverse is next to 1 */
        slope_of_quadratic(l, b, by_l, by_b);
}

static void slope_of_lambda(double l, double b, double *by_l, double *by_b)
{
    const double k = 2 / (sqrt(2 * l / b + 1) + 1);
    *by_l = 1 / (1 - k / 2);
    *by_b = 1 / (k * (1 - k / 2));
}

static void slope_of_mcallester(double l, double b, double *by_l, double *by_b)
{
    (void)l;
    *by_l = 1;
    *by_b = 1 / (4 * sqrt(b / 2));
}

static const struct objective {
    const char *name;
    void (*slope)(double l, double b, double *by_l, double *by_b);
} objectives[] = { { "kl", slope_of_kl },
                   { "quadratic", slope_of_quadratic },
                   { "lambda", slope_of_lambda },
                   { "mcallester", slope_of_mcallester } };

/* ---- state ---- */

struct pac {
    struct egi_traced r;
    const eg_pac_options *o;
    const struct objective *f;
    float *w, *v;          /* (n) means and variances, one behind the other */
    float *d, *w0;         /* (n) deviations, means of the prior */
    float *first, *second; /* (2 n) what Adam keeps */
    float *moved;          /* (n) a network that was drawn */
    float *strip;          /* (n + PLACES) normal numbers */
    float *slope;          /* (BLOCK) */
    size_t *order;         /* examples */
    double examples, lambda, kl, by_l, by_b, mean_loss;
    uint64_t step, steps;
};

/* lambda of grid place j, and what of delta is its own. */
static double grid(double j)
{
    return GRID_TOP * exp(-j / GRID_STEPS);
}

static double delta_of(double delta, double j)
{
    return 6 * delta / pow(acos(-1) * j, 2);
}

/* Divergence at lambda: of d^2 / lambda, which lie between 1e-12 and 1e12 (least deviation,
 * GRID_TOP), ten at a time have one logarithm. */
static double divergence(const struct pac *p, double lambda)
{
    double sum = 0, product = 1;
    for (size_t i = 0; i < p->r.n; i++) {
        const double by = (double)p->w[i] - (double)p->w0[i];
        const double s = (double)p->d[i] * (double)p->d[i] / lambda;
        sum += s - 1 + by * by / lambda;
        product *= s;
        if (i % 10 < 9 && i + 1 < p->r.n) continue;
        sum -= log(product);
        product = 1;
    }
    return sum / 2;
}

/* The place on the grid next to the best lambda, from 1. */
static double best_place(const struct pac *p)
{
    double sum = 0;
    for (size_t i = 0; i < p->r.n; i++) {
        const double by = (double)p->w[i] - (double)p->w0[i];
        sum += (double)p->d[i] * (double)p->d[i] + by * by;
    }
    return fmax(1, rint(GRID_STEPS * log(GRID_TOP / (sum / (double)p->r.n))));
}

static double complexity(const struct pac *p, double j)
{
    return (p->kl + log(2 * sqrt(p->examples) / delta_of(p->o->delta, j))) / p->examples;
}

static void refresh(struct pac *p)
{
    const double j = best_place(p);
    p->lambda = grid(j);
    p->kl = divergence(p, p->lambda);
    p->f->slope(fmin(fmax(p->mean_loss, 1e-6), 1 - 1e-6), complexity(p, j), &p->by_l, &p->by_b);
}

/* ---- a step ---- */

/* Mean of -ln(max(p_y, least)), in bits or over its largest value. */
static eg_var surrogate(struct pac *p, eg_var z, size_t b)
{
    eg_tape *t = p->r.t;
    const eg_var y = eg_input(t, EG_I32, &eg_shape_of(b, 1), p->r.y);
    const eg_var own = eg_take_along(t, eg_log_softmax(t, z, 1), y, 1);
    const eg_var kept = eg_maximum(t, own, eg_number(t, EG_F32, log(p->o->least)));
    const double unit = p->o->bounded ? log(p->o->least) : -log(2);
    return eg_affine(t, eg_mean(t, kept, EG_ALL_AXES, 0), 1 / unit, 0);
}

/* Adam (Kingma and Ba 2015) of x (n) by p->slope; `at` in what it keeps. */
static void adam(struct pac *p, size_t at, size_t n, float rate, float *restrict x)
{
    float *restrict first = p->first + at, *restrict second = p->second + at;
    const float *restrict g = p->slope;
    for (size_t i = 0; i < n; i++) {
        first[i] = 0.9F * first[i] + 0.1F * g[i];
        second[i] = 0.999F * second[i] + 0.001F * g[i] * g[i];
        x[i] -= rate * first[i] / (sqrtf(second[i]) + 1e-8F);
    }
}

/* Means `at` of the derivative g of the surrogate by them. */
static void update_means(struct pac *p, const float *restrict g, size_t at, size_t n, float rate)
{
    const float by_l = (float)p->by_l, pull = (float)(p->by_b / p->examples / p->lambda);
    float *w = p->w + at;
    const float *restrict w0 = p->w0 + at;
    float *restrict slope = p->slope;
    for (size_t i = 0; i < n; i++) slope[i] = by_l * g[i] + pull * (w[i] - w0[i]);
    adam(p, at, n, rate, w);
}

/* Where a batch shares a network: a place of the strip, and its sign. */
struct noise {
    const float *at; /* (n); NULL: each example has its own, on the tape */
    float sign;
};

/* Deviations that fell below LEAST come back from there: no branch, four at a time. */
static void square(float *restrict d, size_t n, float *restrict v)
{
    for (size_t i = 0; i < n; i++) {
        d[i] = LEAST + fabsf(d[i] - LEAST);
        v[i] = d[i] * d[i];
    }
}

/* Deviations likewise: g is by their squares, or where networks were drawn by the means. */
static void update_deviations(struct pac *p, const float *restrict g, const struct noise *e,
                              size_t at, size_t n, float rate)
{
    const float *restrict noise = e->at != NULL ? e->at + at : NULL;
    const float by_g = (float)p->by_l * (noise != NULL ? e->sign : 2);
    const float by_b = (float)(p->by_b / p->examples), inverse = (float)(1 / p->lambda);
    float *d = p->d + at;
    float *restrict slope = p->slope;
    const float *restrict g_by = noise != NULL ? noise : d;
    for (size_t i = 0; i < n; i++)
        slope[i] = by_g * g[i] * g_by[i] + by_b * (d[i] * inverse - 1 / d[i]);
    adam(p, p->r.n + at, n, rate, d);
    square(d, n, p->v + at);
}

static void move(const float *restrict w, const float *restrict d, const float *restrict noise,
                 float sign, size_t n, float *restrict moved)
{
    for (size_t i = 0; i < n; i++) moved[i] = w[i] + sign * d[i] * noise[i];
}

static struct noise draw(const struct pac *p)
{
    if (p->r.drawn) return (struct noise){ NULL, 1 };
    const uint64_t place = eg_random_below(p->o->seed, STREAM_NOISE + 1, p->step, 2 * PLACES);
    const struct noise e = { p->strip + place / 2, place % 2 ? 1 : -1 };
    move(p->w, p->d, e.at, e.sign, p->r.n, p->moved);
    return e;
}

/* Block by block, so that slopes stay in the nearest cache. */
static void update(struct pac *p, const struct noise *e, double rate)
{
    struct egi_traced *r = &p->r;
    const double t = (double)p->step + 1;
    const float scale = (float)(rate * sqrt(1 - pow(0.999, t)) / (1 - pow(0.9, t)));
    size_t k = 0, at, size;
    const float *g;
    while ((g = egi_traced_derived(r, &k, &at, &size)) != NULL)
        for (size_t i = 0; i < size; i += BLOCK) {
            const size_t here = at + i, n = size - i < BLOCK ? size - i : BLOCK;
            if (here >= r->n || e->at != NULL)
                update_deviations(p, g + i, e, here % r->n, n, scale);
            if (here < r->n) update_means(p, g + i, here, n, scale);
        }
}

static eg_status one_step(struct pac *p, size_t b, double rate)
{
    struct egi_traced *r = &p->r;
    const struct noise e = draw(p);
    r->seed = p->o->seed;
    r->step = p->step;
    eg_tape_reset(r->t);
    const eg_var loss = surrogate(p, egi_traced_scores(r, r->drawn ? p->w : p->moved, b), b);
    EGI_TRY(eg_tape_status(r->t));
    EGI_TRY(egi_traced_gradient(r, loss, EG_NONE, EG_GRADIENT_RELEASE));
    const double now = eg_tape_number(r->t, loss);
    if (!isfinite(now)) return egi_fail(EG_ERR_DIVERGED, "pac: the loss is %g", now);
    p->mean_loss += (now - p->mean_loss) * (p->step < 50 ? 1 / ((double)p->step + 1) : 0.02);
    if (p->step % SELDOM == 0) refresh(p);
    update(p, &e, rate);
    p->step++;
    return eg_tape_status(r->t);
}

static eg_status all_steps(struct pac *p)
{
    const eg_pac_options *o = p->o;
    const size_t n = p->r.part->n;
    for (size_t epoch = 0; epoch < o->epochs; epoch++) {
        eg_random_permutation(o->seed, STREAM_ORDER + epoch, n, p->order);
        for (size_t from = 0, b; from < n; from += b) {
            b = n - from < p->r.batch ? n - from : p->r.batch;
            for (size_t i = 0; i < b; i++) egi_traced_load_one(&p->r, i, p->order[from + i]);
            const double share = (double)p->step / (double)p->steps;
            EGI_TRY(one_step(p, b, o->rate * (0.51 + 0.49 * cos(acos(-1) * share))));
            if (o->progress != NULL && o->progress->report != NULL
                && o->progress->report(o->progress->user, "steps", p->step, p->steps) != 0)
                return egi_fail(EG_ERR_INTERRUPTED, "pac: stopped at step %llu",
                                (unsigned long long)p->step);
        }
    }
    return EG_OK;
}

/* ---- the certificate ---- */

/* Passes: of as many networks as there are draws, one an example where these are drawn so. */
static size_t passes(const struct egi_traced *r, size_t draws)
{
    return r->drawn ? (draws + r->batch - 1) / r->batch : draws;
}

static eg_status drawn(struct egi_traced *r, const struct pac *p, uint64_t stream, double *risk)
{
    const struct egi_drawing how = {
        p->w, p->d, 0, p->moved, passes(r, p->o->draws), p->o->seed, stream, p->o->progress
    };
    return egi_traced_drawn(r, &how, risk);
}

static eg_status certify(struct pac *p, const eg_part *other, eg_pac_result *out)
{
    const double j = best_place(p);
    EGI_TRY(drawn(&p->r, p, STREAM_DRAW, &out->drawn));
    out->alone = p->r.drawn;
    out->draws = passes(&p->r, p->o->draws) * (p->r.drawn ? p->r.batch : 1);
    out->drawn_most = eg_drawn_risk(out->drawn, (double)out->draws, p->o->delta_drawn);
    out->bound = INFINITY;
    for (int by = -1; by <= 1; by++) { /* the term of delta moves the best a little */
        const double k = fmax(1, j + by);
        const eg_pac_bayes b = { out->drawn_most, divergence(p, grid(k)) * (1 + 1e-9), p->examples,
                                 delta_of(p->o->delta, k) };
        const double bound = eg_pac_bayes_bound(0, &b);
        if (!(bound < out->bound)) continue;
        out->bound = bound;
        out->kl = b.kl;
        out->prior = sqrt(grid(k));
    }
    out->test = NAN;
    if (other == NULL) return EG_OK;
    struct egi_traced r;
    EGI_TRY(egi_traced_create(p->r.l, other, p->r.batch, p->o->threads, EG_F32, p->o->alloc, &r));
    r.drawn = p->r.drawn;
    const eg_status s = drawn(&r, p, 3 * (uint64_t)STREAM_DRAW, &out->test);
    egi_traced_clear(&r);
    return s;
}

/* ---- the whole ---- */

static eg_status check(const eg_pac_options *o, const struct objective **f)
{
    *f = NULL;
    for (size_t i = 0; i < EGI_COUNT(objectives) && o->objective != NULL; i++)
        if (strcmp(objectives[i].name, o->objective) == 0) *f = &objectives[i];
    const int ok = o->size == sizeof *o && o->batch > 0 && o->rate > 0 && o->deviation > 0
                   && o->deviation * o->deviation < GRID_TOP && o->least > 0 && o->least < 1
                   && o->delta > 0 && o->delta_drawn > 0 && o->delta + o->delta_drawn < 1
                   && o->draws > 0;
    if (ok && *f != NULL) return EG_OK;
    return egi_fail(EG_ERR_INVALID,
                    "pac: objective %s, batch %zu, rate %g, deviation %g (below %.3g), least %g, "
                    "delta %g and %g, draws %zu",
                    o->objective != NULL ? o->objective : "NULL", o->batch, o->rate, o->deviation,
                    sqrt(GRID_TOP), o->least, o->delta, o->delta_drawn, o->draws);
}

static double seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* The means into the learner. */
static void write_back(struct pac *p)
{
    for (size_t k = 0; k < p->r.arrays; k++) {
        const eg_param *a = eg_params_at(p->r.l->params, k);
        if (p->r.at[k] < p->r.n && a->dtype == EG_F32)
            memcpy(a->value, p->w + p->r.at[k], eg_shape_size(&a->shape) * sizeof(float));
    }
}

static eg_status begin(struct pac *p, eg_learner *prior, double *wide)
{
    EGI_TRY(eg_params_count(prior->params) == p->r.arrays
                ? EG_OK
                : egi_fail(EG_ERR_SHAPE, "pac: the prior is another network"));
    for (size_t k = 0; k < p->r.arrays; k++) {
        const eg_shape a = eg_params_at(p->r.l->params, k)->shape,
                       b = eg_params_at(prior->params, k)->shape;
        if (eg_shape_size(&a) != eg_shape_size(&b))
            return egi_fail(EG_ERR_SHAPE, "pac: the prior is another network");
    }
    egi_traced_read(&p->r, prior->params, wide);
    memset(p->first, 0, 2 * p->r.n * sizeof *p->first);
    memset(p->second, 0, 2 * p->r.n * sizeof *p->second);
    for (size_t i = 0; i < p->r.n; i++) {
        p->w0[i] = (float)wide[i];
        p->w[i] = ((const float *)p->r.still)[i];
        p->d[i] = (float)p->o->deviation;
        p->v[i] = p->d[i] * p->d[i];
    }
    return EG_OK;
}

/* Each example its own network where all layers can, else one a batch. */
static eg_status choose_drawing(struct pac *p)
{
    struct egi_traced *r = &p->r;
    r->drawn = 1;
    eg_tape_reset(r->t);
    egi_traced_load_one(r, 0, 0);
    (void)egi_traced_scores(r, p->w, 1);
    const eg_status s = eg_tape_status(r->t);
    eg_tape_reset(r->t);
    if (s != EG_OK && s != EG_ERR_UNSUPPORTED) return s;
    r->drawn = s == EG_OK;
    r->strip = p->strip;
    r->places = r->n + PLACES;
    eg_random_normal(p->o->seed, STREAM_NOISE, 0, r->places, p->strip);
    return EG_OK;
}

static eg_status train(struct pac *p, eg_learner *prior, const eg_part *other, eg_pac_result *out)
{
    const size_t n = p->r.n, examples = p->r.part->n;
    const struct egi_need needs[3] = { { 10 * n + PLACES + BLOCK, sizeof(float) },
                                       { examples, sizeof *p->order },
                                       { n, sizeof(double) } };
    struct egi_arena a;
    EGI_TRY(egi_arena_create(p->r.alloc, needs, 3, "pac", &a));
    p->w = a.part[0];
    p->v = p->w + n;
    p->d = p->w + 2 * n;
    p->w0 = p->w + 3 * n;
    p->first = p->w + 4 * n;
    p->second = p->w + 6 * n;
    p->moved = p->w + 8 * n;
    p->strip = p->w + 9 * n;
    p->slope = p->strip + n + PLACES;
    p->order = a.part[1];
    p->examples = (double)examples;
    p->steps = p->o->epochs * ((examples + p->r.batch - 1) / p->r.batch);
    eg_status s = begin(p, prior, a.part[2]);
    if (s == EG_OK) s = choose_drawing(p);
    const double begun = seconds();
    if (s == EG_OK) s = all_steps(p);
    p->r.strip = NULL; /* the certificate draws anew */
    out->seconds = seconds() - begun;
    out->steps = p->step;
    out->loss = p->mean_loss;
    if (s == EG_OK) write_back(p);
    if (s == EG_OK) s = certify(p, other, out);
    egi_arena_destroy(&a);
    return s;
}

eg_status eg_pac_train(eg_learner *l, eg_learner *prior, const eg_part *part, const eg_part *other,
                       const eg_pac_options *options, eg_pac_result *out)
{
    const eg_pac_options usual = EG_PAC_OPTIONS_INIT, *o = options != NULL ? options : &usual;
    struct pac p = { .o = o, .mean_loss = 0.1 };
    EGI_TRY(check(o, &p.f));
    EGI_TRY(egi_traced_create(l, part, o->batch, o->threads, EG_F32, o->alloc, &p.r));
    const eg_status s = train(&p, prior, other, out);
    egi_traced_clear(&p.r);
    return s;
}
