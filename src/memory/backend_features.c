/* A memory of fixed size: the sum of the random features of its patterns, whatever their
 * number (Hoover, Chau, Strobelt, Ram and Krotov 2024, "Dense associative memory through the
 * lens of random features"). With w_y ~ N(0, I), u_y(x) = sqrt(beta) <w_y, x>:
 *
 *   euclidean  Phi(x) = [cos u_y, sin u_y] / sqrt Y        <Phi(x), Phi(xi)> ~ exp(beta s)
 *   dot        Phi(x) = [exp(u_y), exp(-u_y)] exp(-beta |x|^2 / 2) / sqrt(2Y)   likewise
 *   T = sum_mu w_mu Phi(xi_mu),   A(x) = 1/beta log <Phi(x), T>
 *   y = x + grad A (euclidean),   y = grad A (dot): what the exact memory's softmax gives
 *
 * Differs from the paper in:
 *   1. positive features come in pairs +u, -u, which halves the draws and the variance;
 *   2. their sums are kept as logarithms, because exp(u) leaves a double's range for
 *      |u| > 709: adding is a log-sum-exp, forgetting its inverse, and nothing overflows;
 *   3. where <Phi(x), T> is under the floor of 1e-5, the estimate is noise: no memory pulls and
 *      the state stays. Positive features need no floor.
 *
 * The error of A falls like Y^-1/2 and grows with beta and the distance to the memories. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "engram/random.h"
#include "memory/egi_memory.h"

enum {
    STREAM_FEATURES = 0x46454154, /* "FEAT": w, row by row */
};
static const double FLOOR = 1e-5;
static const double NOTHING = -1e300; /* the logarithm of an empty sum, kept finite */

struct features {
    float *w;  /* (Y, D) */
    double *t; /* (2, Y) sums: of cos and sin; or logarithms of those of exp(u), exp(-u) */
    size_t y;
    int used; /* something was stored: similarity and beta are fixed */
    eg_similarity similarity;
    double beta;
};

static eg_status features_accepts(const eg_memory_options *options)
{
    const eg_rule *r = &options->rule;
    if (r->separation != EG_SEP_SOFTMAX)
        return egi_fail(EG_ERR_UNSUPPORTED, "features approximate softmax, not separation %s",
                        eg_separation_info(r->separation)->name);
    if (r->similarity != EG_SIM_DOT && r->similarity != EG_SIM_EUCLIDEAN)
        return egi_fail(EG_ERR_UNSUPPORTED, "features know dot and euclidean, not similarity %s",
                        eg_similarity_info(r->similarity)->name);
    if (options->features == 0)
        return egi_fail(EG_ERR_INVALID, "eg_memory_options: features = 0, expected >= 1");
    return EG_OK;
}

static void clear(struct features *k)
{
    const double empty = k->similarity == EG_SIM_DOT ? NOTHING : 0;
    for (size_t i = 0; i < 2 * k->y; i++) k->t[i] = empty;
}

static eg_status features_create(eg_memory *m)
{
    const eg_memory_options *o = &m->options;
    size_t cells, bytes, sums;
    EGI_TRY(egi_mul_size(o->features, m->d, &cells));
    EGI_TRY(egi_mul_size(cells, sizeof(float), &bytes));
    EGI_TRY(egi_mul_size(o->features, 2 * sizeof(double), &sums));
    struct features *k = egi_alloc(m->alloc, sizeof *k);
    if (k == NULL) return egi_fail(EG_ERR_NOMEM, "eg_memory_create: %zu bytes", sizeof *k);
    *k = (struct features){ egi_alloc(m->alloc, bytes),
                            egi_alloc(m->alloc, sums),
                            o->features,
                            0,
                            o->rule.similarity,
                            o->rule.beta };
    m->store = k;
    if (k->w == NULL || k->t == NULL)
        return egi_fail(EG_ERR_NOMEM, "eg_memory_create: %zu bytes of features", bytes + sums);
    eg_random_normal(o->seed, STREAM_FEATURES, 0, cells, k->w);
    clear(k);
    return EG_OK;
}

static void features_destroy(eg_memory *m)
{
    struct features *k = m->store;
    if (k == NULL) return;
    egi_free(m->alloc, k->w, k->y * m->d * sizeof *k->w);
    egi_free(m->alloc, k->t, 2 * k->y * sizeof *k->t);
    egi_free(m->alloc, k, sizeof *k);
}

static size_t features_bytes(const eg_memory *m)
{
    const struct features *k = m->store;
    return sizeof *k + k->y * (m->d * sizeof *k->w + 2 * sizeof *k->t);
}

static eg_status features_rule_changed(eg_memory *m)
{
    struct features *k = m->store;
    const eg_rule *r = &m->options.rule;
    if (r->similarity == k->similarity && r->beta == k->beta) return EG_OK;
    if (k->used)
        return egi_fail(EG_ERR_UNSUPPORTED,
                        "features hold sums for similarity %s and beta = %g; the patterns are gone",
                        eg_similarity_info(k->similarity)->name, k->beta);
    k->similarity = r->similarity;
    k->beta = r->beta;
    clear(k);
    return EG_OK;
}

/* ---- storing ---- */

/* Eight running sums that meet in a fixed order, as in egi_dot_mass. */
static double dot(const float *w, const float *x, size_t d)
{
    enum { LANES = 8 };
    double lane[LANES] = { 0 }, sum = 0;
    size_t j = 0;
    for (; j + LANES <= d; j += LANES)
        for (size_t l = 0; l < LANES; l++) lane[l] += (double)w[j + l] * (double)x[j + l];
    for (; j < d; j++) sum += (double)w[j] * (double)x[j];
    for (size_t l = 0; l < LANES; l++) sum += lane[l];
    return sum;
}

static double half_norm2(const struct features *k, const float *x, size_t d)
{
    return k->beta * dot(x, x, d) / 2;
}

/* log(e^a + weight e^b), for a weight that may be negative: what is left of e^a is then
 * nothing when b removes all of it. */
static double log_add(double a, double b, double weight)
{
    const double e = b + log(fabs(weight));
    if (weight > 0) return a > e ? a + log1p(exp(e - a)) : e + log1p(exp(a - e));
    return a > e ? a + log1p(-exp(e - a)) : NOTHING;
}

/* Row y of T += weight Phi(x), less its factor of 1 / sqrt Y; shift is half_norm2(x). */
static void add_row(const struct features *k, size_t y, double u, double shift, double weight)
{
    double *first = k->t + y, *second = first + k->y;
    if (k->similarity == EG_SIM_EUCLIDEAN) {
        *first += weight * cos(u);
        *second += weight * sin(u);
    } else {
        *first = log_add(*first, u - shift, weight);
        *second = log_add(*second, -u - shift, weight);
    }
}

struct adding {
    const struct features *k;
    const float *patterns, *weights; /* (n, D), (n) or NULL */
    const double *shift;             /* (n) */
    size_t n, d;
    double sign;
};

static void add_feature(void *arg, size_t y)
{
    const struct adding *a = arg;
    const struct features *k = a->k;
    for (size_t mu = 0; mu < a->n; mu++) {
        const float *xi = a->patterns + mu * a->d;
        const double weight = a->sign * (a->weights != NULL ? (double)a->weights[mu] : 1);
        add_row(k, y, sqrt(k->beta) * dot(k->w + y * a->d, xi, a->d), a->shift[mu], weight);
    }
}

static eg_status features_append(eg_memory *m, const float *patterns, const float *weights,
                                 size_t n)
{
    struct features *k = m->store;
    void *block;
    EGI_TRY(egi_alloc_array(m->alloc, n, sizeof(double), "eg_memory_add: norms", &block));
    double *shift = block;
    for (size_t mu = 0; mu < n; mu++) shift[mu] = half_norm2(k, patterns + mu * m->d, m->d);
    struct adding a = { k, patterns, weights, shift, n, m->d, 1 };
    egi_parallel_for(k->y, egi_crew(0, (double)n * (double)(k->y * m->d)), add_feature, &a);
    egi_free(m->alloc, block, n * sizeof *shift);
    k->used = 1;
    return EG_OK;
}

static eg_status features_forget(eg_memory *m, const float *pattern)
{
    struct features *k = m->store;
    const double shift = half_norm2(k, pattern, m->d);
    struct adding a = { k, pattern, NULL, &shift, 1, m->d, -1 };
    egi_parallel_for(k->y, 1, add_feature, &a);
    return EG_OK;
}

static size_t features_state_size(const eg_memory *m)
{
    return 2 * ((const struct features *)m->store)->y;
}

static void features_state(const eg_memory *m, double *state)
{
    const struct features *k = m->store;
    memcpy(state, k->t, 2 * k->y * sizeof *state);
}

static void features_set_state(eg_memory *m, const double *state)
{
    struct features *k = m->store;
    memcpy(k->t, state, 2 * k->y * sizeof *state);
    k->used = 1;
}

/* ---- field ---- */

/* <Phi(x), T>, less its factor of 1/Y or 1/(2Y) and relative to exp(scale). */
struct total {
    double sum, mass; /* of the terms, of their magnitudes */
    double scale;
};

/* c (Y) holds u on entry and the weights of the rows of w in the gradient at the end. */
static struct total trigonometric(const struct features *k, double *c)
{
    struct total t = { 0, 0, 0 };
    for (size_t y = 0; y < k->y; y++) {
        const double cosine = cos(c[y]), sine = sin(c[y]);
        t.sum += cosine * k->t[y] + sine * k->t[k->y + y];
        t.mass += fabs(k->t[y]) + fabs(k->t[k->y + y]);
        c[y] = cosine * k->t[k->y + y] - sine * k->t[y];
    }
    return t;
}

static struct total positive(const struct features *k, double *c)
{
    double top = NOTHING, sum = 0;
    for (size_t y = 0; y < k->y; y++) top = fmax(top, fmax(c[y] + k->t[y], k->t[k->y + y] - c[y]));
    for (size_t y = 0; y < k->y; y++) {
        const double up = exp(c[y] + k->t[y] - top), down = exp(k->t[k->y + y] - c[y] - top);
        sum += up + down;
        c[y] = up - down;
    }
    return (struct total){ sum, sum, top };
}

struct field {
    const eg_memory *m;
    const float *x; /* (Q, D) */
    float *y;       /* (Q, D) or NULL */
    double *work;   /* (workers, Y + D) */
    struct egi_pull *pull;
};

static void add_scaled(double *sum, double c, const float *w, size_t d)
{
    for (size_t j = 0; j < d; j++) sum[j] += c * (double)w[j];
}

/* An error of D eps |w| |x| in u, with |w| about sqrt D, and of Y eps in the sum, both as
 * large as the terms are beside their sum. */
static double rounding(const struct features *k, const struct total *t, double norm2, size_t d)
{
    const double dims = (double)d, terms = dims * (1 + 4 * sqrt(dims * norm2)) + (double)k->y;
    return DBL_EPSILON * (terms * t->mass / t->sum + fabs(t->scale) + norm2) / k->beta;
}

static void field_of(void *arg, size_t q, size_t worker)
{
    const struct field *f = arg;
    const struct features *k = f->m->store;
    const size_t d = f->m->d;
    const float *x = f->x + q * d;
    double *c = f->work + worker * (k->y + d), *slope = c + k->y;
    const int is_dot = k->similarity == EG_SIM_DOT;
    const double root = sqrt(k->beta), half = half_norm2(k, x, d);
    const double count = is_dot ? 2 * (double)k->y : (double)k->y;
    for (size_t y = 0; y < k->y; y++) c[y] = root * dot(k->w + y * d, x, d);
    struct total t = is_dot ? positive(k, c) : trigonometric(k, c);
    const int empty = is_dot ? t.scale <= NOTHING / 2 : !(t.sum > FLOOR * count);
    if (empty) t.sum = FLOOR * count;
    f->pull[q] = (struct egi_pull){
        .attraction = (log(t.sum / count) + t.scale - (is_dot ? half : 0)) / k->beta,
        .rounding = rounding(k, &t, 2 * half, d),
        .empty = empty,
    };
    if (f->y == NULL) return;
    memset(slope, 0, d * sizeof *slope);
    for (size_t y = 0; y < k->y && !empty; y++) add_scaled(slope, c[y], k->w + y * d, d);
    for (size_t j = 0; j < d; j++)
        f->y[q * d + j] =
            (float)(slope[j] / (t.sum * root) + (is_dot ? -(double)x[j] : (double)x[j]));
}

static eg_status features_field(const eg_memory *m, const float *x, size_t q, int threads,
                                const struct egi_reading *reading, float *y, struct egi_pull *pull)
{
    if (reading->values != NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "features keep no patterns to carry values");
    const struct features *k = m->store;
    const int crew = egi_crew(threads, (double)q * (double)(k->y * m->d));
    size_t workers = (size_t)egi_thread_count(crew), each, cells;
    if (workers > q) workers = q;
    EGI_TRY(egi_add_size(k->y, m->d, &each));
    EGI_TRY(egi_mul_size(workers, each, &cells));
    void *work;
    EGI_TRY(egi_alloc_array(m->alloc, cells, sizeof(double), "field", &work));
    struct field f = { m, x, y, work, pull };
    egi_parallel_workers(q, (int)workers, field_of, &f);
    egi_free(m->alloc, work, cells * sizeof(double));
    return EG_OK;
}

const struct egi_backend egi_backend_features = {
    .name = "features",
    .create = features_create,
    .destroy = features_destroy,
    .bytes = features_bytes,
    .accepts = features_accepts,
    .rule_changed = features_rule_changed,
    .append = features_append,
    .forget = features_forget,
    .state_size = features_state_size,
    .state = features_state,
    .set_state = features_set_state,
    .field = features_field,
};
