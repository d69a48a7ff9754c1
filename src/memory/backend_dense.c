/* Patterns as f32 rows. Separations that stream (see `streams`) run through the fused kernel
 * in one pass over the patterns; the others by strips.
 *
 * Scores: dot as it is; Euclidean, with x' = x - origin and xi' = xi - origin,
 *     -|x - xi|^2/2 = <xi, x'> - |xi'|^2/2 - (<origin, x'> + |x'|^2/2),
 * a bias for each memory and one for each query; cosine by scaling with 1/|xi| and a state
 * scaled to unit length.
 * Manhattan and Hamming are sums of their own. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>
#include <string.h>

#include "assoc/egi_assoc.h"
#include "assoc/egi_associate.h"
#include "memory/egi_memory.h"
#include "memory/egi_relax.h"

#define UNIT_ROUNDOFF ((double)FLT_EPSILON / 2)

struct dense {
    float *xi;    /* (capacity, D) */
    float *bias;  /* (capacity) -|xi - origin|^2 / 2 */
    float *scale; /* (capacity) 1 / |xi|, 0 for the zero pattern */
    size_t capacity;
    float *origin; /* (D) the first pattern stored: distances do not change by a shift, and
                      data far from 0 would cancel in <xi, x> - |xi|^2/2 - |x|^2/2 */
    double max_norm, max_spread; /* max |xi|, max |xi - origin| */
};

static eg_status dense_create(eg_memory *m)
{
    struct dense *k = egi_alloc(m->alloc, sizeof *k);
    if (k == NULL) return egi_fail(EG_ERR_NOMEM, "eg_memory_create: %zu bytes", sizeof *k);
    *k = (struct dense){ 0 };
    m->store = k;
    return EG_OK;
}

static void dense_destroy(eg_memory *m)
{
    struct dense *k = m->store;
    if (k == NULL) return;
    egi_free(m->alloc, k->xi, k->capacity * m->d * sizeof *k->xi);
    egi_free(m->alloc, k->bias, k->capacity * sizeof *k->bias);
    egi_free(m->alloc, k->scale, k->capacity * sizeof *k->scale);
    egi_free(m->alloc, k->origin, m->d * sizeof *k->origin);
    egi_free(m->alloc, k, sizeof *k);
}

static size_t dense_bytes(const eg_memory *m)
{
    const struct dense *k = m->store;
    return sizeof *k + (k->capacity * (m->d + 2) + m->d) * sizeof(float);
}

static eg_status dense_accepts(const eg_memory_options *options)
{
    (void)options;
    return EG_OK;
}

/* ---- patterns ---- */

static void set_norms(struct dense *k, size_t i, size_t d)
{
    double norm2 = 0, spread2 = 0;
    for (size_t j = 0; j < d; j++) {
        const double xi = (double)k->xi[i * d + j], apart = xi - (double)k->origin[j];
        norm2 += xi * xi;
        spread2 += apart * apart;
    }
    const double inverse = norm2 > 0 ? 1 / sqrt(norm2) : 0;
    k->bias[i] = (float)(-spread2 / 2);
    k->scale[i] = inverse <= (double)FLT_MAX ? (float)inverse : 0; /* next to nothing: as 0 */
    if (sqrt(norm2) > k->max_norm) k->max_norm = sqrt(norm2);
    if (sqrt(spread2) > k->max_spread) k->max_spread = sqrt(spread2);
}

static eg_status dense_grow(eg_memory *m, size_t need)
{
    struct dense *k = m->store;
    size_t grown = k->capacity < 16 ? 16 : k->capacity, bytes;
    while (grown < need) grown += grown / 2;
    if (k->capacity == 0) grown = need; /* what is stored at once is stored without slack */
    EGI_TRY(egi_mul_size(grown, m->d + 2, &bytes));
    EGI_TRY(egi_mul_size(bytes, sizeof(float), &bytes));
    float *xi = egi_alloc(m->alloc, grown * m->d * sizeof *xi);
    float *bias = egi_alloc(m->alloc, grown * sizeof *bias);
    float *scale = egi_alloc(m->alloc, grown * sizeof *scale);
    if (xi == NULL || bias == NULL || scale == NULL) {
        egi_free(m->alloc, xi, grown * m->d * sizeof *xi);
        egi_free(m->alloc, bias, grown * sizeof *bias);
        egi_free(m->alloc, scale, grown * sizeof *scale);
        return egi_fail(EG_ERR_NOMEM, "eg_memory_add: out of memory: %zu bytes of patterns", bytes);
    }
    if (m->n > 0) {
        memcpy(xi, k->xi, m->n * m->d * sizeof *xi);
        memcpy(bias, k->bias, m->n * sizeof *bias);
        memcpy(scale, k->scale, m->n * sizeof *scale);
    }
    egi_free(m->alloc, k->xi, k->capacity * m->d * sizeof *k->xi);
    egi_free(m->alloc, k->bias, k->capacity * sizeof *k->bias);
    egi_free(m->alloc, k->scale, k->capacity * sizeof *k->scale);
    k->xi = xi;
    k->bias = bias;
    k->scale = scale;
    k->capacity = grown;
    return EG_OK;
}

static eg_status dense_reserve(eg_memory *m, size_t n)
{
    const struct dense *k = m->store;
    return m->n + n > k->capacity ? dense_grow(m, m->n + n) : EG_OK;
}

static eg_status dense_append(eg_memory *m, const float *patterns, const float *weights, size_t n)
{
    (void)weights;
    struct dense *k = m->store;
    EGI_TRY(dense_reserve(m, n));
    if (k->origin == NULL) {
        k->origin = egi_alloc(m->alloc, m->d * sizeof *k->origin);
        if (k->origin == NULL) return egi_fail(EG_ERR_NOMEM, "eg_memory_add: out of memory");
        memcpy(k->origin, patterns, m->d * sizeof *k->origin);
    }
    memcpy(k->xi + m->n * m->d, patterns, n * m->d * sizeof *patterns);
    for (size_t i = m->n; i < m->n + n; i++) set_norms(k, i, m->d);
    return EG_OK;
}

static void measure_all(struct dense *k, size_t n, size_t d)
{
    k->max_norm = k->max_spread = 0;
    for (size_t i = 0; i < n; i++) set_norms(k, i, d);
}

static void dense_keep(eg_memory *m, const uint8_t *keep)
{
    struct dense *k = m->store;
    size_t to = 0;
    for (size_t i = 0; i < m->n; i++) {
        if (!keep[i]) continue;
        memmove(k->xi + to * m->d, k->xi + i * m->d, m->d * sizeof *k->xi);
        k->bias[to] = k->bias[i];
        k->scale[to++] = k->scale[i];
    }
    measure_all(k, to, m->d);
}

static void dense_replace(eg_memory *m, size_t i, const float *pattern)
{
    struct dense *k = m->store;
    memcpy(k->xi + i * m->d, pattern, m->d * sizeof *pattern);
    measure_all(k, m->n, m->d);
}

static void dense_get(const eg_memory *m, size_t i, float *pattern)
{
    const struct dense *k = m->store;
    memcpy(pattern, k->xi + i * m->d, m->d * sizeof *pattern);
}

static double dense_max_norm(const eg_memory *m)
{
    return ((const struct dense *)m->store)->max_norm;
}

static const float *dense_rows(const eg_memory *m)
{
    return ((const struct dense *)m->store)->xi;
}

/* ---- scores ---- */

static double norm_of(const float *x, size_t d)
{
    double sum = 0;
    for (size_t j = 0; j < d; j++) sum += (double)x[j] * (double)x[j];
    return sqrt(sum);
}

/* How the fused kernel forms a similarity. */
static const struct {
    int fused, biased, scaled;
} forms[EG_SIM_COUNT] = {
    [EG_SIM_DOT] = { 1, 0, 0 },
    [EG_SIM_COSINE] = { 1, 0, 1 },
    [EG_SIM_EUCLIDEAN] = { 1, 1, 0 },
};

static struct egi_keys keys_of(const eg_memory *m)
{
    const struct dense *k = m->store;
    const eg_similarity sim = m->options.rule.similarity;
    return (struct egi_keys){ k->xi, m->n, m->d, forms[sim].biased ? k->bias : NULL,
                              forms[sim].scaled ? k->scale : NULL };
}

/* The state as the kernel wants it, and the bias of the query. */
static float prepare_query(const eg_memory *m, const float *x, float *out)
{
    const struct dense *k = m->store;
    const eg_similarity sim = m->options.rule.similarity;
    const double norm = forms[sim].scaled ? norm_of(x, m->d) : 0, by = norm > 0 ? 1 / norm : 1;
    double bias = 0;
    for (size_t j = 0; j < m->d; j++) {
        const double from = forms[sim].biased ? (double)k->origin[j] : 0;
        out[j] = (float)(((double)x[j] - from) * by);
        bias -= (from + (double)out[j] / 2) * (double)out[j];
    }
    return forms[sim].biased ? (float)bias : 0;
}

static eg_status dense_scores(const eg_memory *m, const float *x, int threads, double *s)
{
    const struct dense *k = m->store;
    const eg_similarity sim = m->options.rule.similarity;
    if (!forms[sim].fused) {
        for (size_t i = 0; i < m->n; i++)
            s[i] = eg_similarity_value(sim, k->xi + i * m->d, x, m->d);
        return EG_OK;
    }
    const size_t bytes = (m->d + m->n) * sizeof(float);
    float *work = egi_alloc(m->alloc, bytes);
    if (work == NULL) return egi_fail(EG_ERR_NOMEM, "scores: %zu bytes", bytes);
    const float query_bias = prepare_query(m, x, work);
    const struct egi_keys keys = keys_of(m);
    egi_scores(&keys, work, query_bias, threads, work + m->d);
    for (size_t i = 0; i < m->n; i++) s[i] = (double)work[m->d + i];
    egi_free(m->alloc, work, bytes);
    return EG_OK;
}

/* |fl(s) - s|: a chain of D fused multiply-adds errs by at most D u |xi| |x| (Higham 2002,
 * 3.1), the biases and scales by a few u of what they hold. Integers are exact. */
static double dense_score_error(const eg_memory *m, const float *x)
{
    const struct dense *k = m->store;
    const double M = dense_max_norm(m), u = UNIT_ROUNDOFF, d = (double)m->d;
    const double norm = norm_of(x, m->d);
    switch (m->options.rule.similarity) {
    case EG_SIM_DOT:
        return d * u * M * norm;
    case EG_SIM_COSINE:
        return (d + 8) * u;
    case EG_SIM_EUCLIDEAN: {
        double apart2 = 0;
        for (size_t j = 0; j < m->d; j++) {
            const double apart = (double)x[j] - (double)k->origin[j];
            apart2 += apart * apart;
        }
        const double apart = sqrt(apart2), R = k->max_spread;
        return (d + 4) * u * (M * apart + (R * R + apart2) / 2 + M * apart);
    }
    default:
        return 0;
    }
}

/* ---- field ---- */

static eg_status dense_weighted_sum(const eg_memory *m, const double *a, int signs, int threads,
                                    float *y)
{
    (void)signs;
    (void)threads;
    const struct dense *k = m->store;
    enum { BLOCK = 64 };
    for (size_t from = 0; from < m->d; from += BLOCK) {
        const size_t width = m->d - from < BLOCK ? m->d - from : BLOCK;
        double sum[BLOCK];
        for (size_t j = 0; j < width; j++) sum[j] = -0.0; /* -0 + v is v, to the bit */
        for (size_t i = 0; i < m->n; i++) {
            if (a[i] == 0) continue;
            const float *v = k->xi + i * m->d + from;
            for (size_t j = 0; j < width; j++) sum[j] += a[i] * (double)v[j];
        }
        for (size_t j = 0; j < width; j++) y[from + j] = (float)sum[j];
    }
    return EG_OK;
}

static struct egi_transform transform_of(const eg_memory *m)
{
    const eg_rule *r = &m->options.rule;
    const struct egi_separation *row = egi_separation_row(r->separation);
    const double order = r->separation == EG_SEP_IDENTITY ? 2 : r->order;
    return (struct egi_transform){ (enum egi_transform_kind)row->transform, (float)r->beta,
                                   (float)order, egi_weights(m) };
}

/* From the kernel's running numbers to the energy term and the scale of the weights. */
/* Of A = sum_i w_i (beta s_i)^n, from W = sum w_i, P = sum w_i |r_i|^(n - 1), r = s / m, where each
 * s_i is known to e m: |A - A'| <= n e (beta m)^n sum w_i (|r_i| + e)^(n - 1), and Minkowski's
 * inequality takes the sum apart. P is the mass of the field where that has no signs; else
 * Hoelder's bounds it by sum w_i r_i^n. */
static double power_rounding(const eg_memory *m, const struct egi_assoc_stat *t, double score_error)
{
    const double n = m->options.rule.order, beta = m->options.rule.beta, w = m->weight_sum;
    if (!(t->m > 0)) return w * pow(beta * score_error, n);
    const int has_signs =
        m->options.rule.separation == EG_SEP_POWER && fmod(n, 2) == 0; /* of r^(n - 1) */
    const double e = score_error / t->m;
    const double p = has_signs ? pow(w, 1 / n) * pow(t->sum, (n - 1) / n) : t->mass;
    const double moved = pow(pow(p, 1 / (n - 1)) + e * pow(w, 1 / (n - 1)), n - 1);
    return pow(beta * t->m, n) * (n * e * moved + (16 * n + 64) * UNIT_ROUNDOFF * p);
}

/* Of sum_i w_i [z_i]_+ whose z_i are known to beta times the error of a score: any may lie where it
 * begins to count. */
static double hinge_rounding(const eg_memory *m, const struct egi_assoc_stat *t, double score_error)
{
    return m->weight_sum * m->options.rule.beta * score_error + 64 * UNIT_ROUNDOFF * t->sum;
}

/* Of log(epsilon + sum), sum known to e and not negative. */
static double log_rounding(double e, double sum)
{
    const double all = EGI_LSR_EPSILON + sum;
    return fmax(log1p(e / all), -log1p(-fmin(e, sum) / all));
}

static struct egi_pull pull_of_stat(const eg_memory *m, const struct egi_assoc_stat *t,
                                    double score_error)
{
    const eg_rule *r = &m->options.rule;
    const double u = UNIT_ROUNDOFF, beta = r->beta, n = r->order;
    struct egi_pull p = { .empty = 0 };
    switch (r->separation) {
    case EG_SEP_EXPONENTIAL:
    case EG_SEP_SOFTMAX:
        p.attraction = t->m + log(t->sum) / beta;
        p.log_scale = -log(t->mass);
        p.rounding = score_error + 64 * u / beta;
        break;
    case EG_SEP_IDENTITY:
        p.attraction = beta / 2 * t->m * t->m * t->sum;
        p.log_scale = t->m > 0 ? log(beta * t->m) : 0;
        p.rounding = beta * t->m * m->weight_sum * score_error + 64 * u * fabs(p.attraction);
        break;
    case EG_SEP_POWER:
    case EG_SEP_RECTIFIED:
        p.attraction = t->m > 0 ? pow(beta * t->m, n) * t->sum : 0;
        p.log_scale = t->m > 0 ? log(n * beta) + (n - 1) * log(beta * t->m) : 0;
        p.rounding = power_rounding(m, t, score_error);
        break;
    case EG_SEP_LSR:
        p.attraction = log(EGI_LSR_EPSILON + t->sum) / beta;
        p.log_scale = -log(EGI_LSR_EPSILON + t->sum);
        p.rounding = log_rounding(hinge_rounding(m, t, score_error), t->sum) / beta;
        break;
    default: /* Epanechnikov */
        p.attraction = t->sum / beta;
        p.rounding = hinge_rounding(m, t, score_error) / beta;
        break;
    }
    return p;
}

/* y (DV) <- y / mass; but v (DV) of weight w where it has pulled alone, y = w v: divided, that
 * would be rounded twice. */
static void divide(float *y, size_t dv, double mass, const float *v, float w)
{
    int alone = mass == (double)w;
    for (size_t c = 0; c < dv && alone; c++) alone = y[c] == w * v[c];
    for (size_t c = 0; c < dv; c++) y[c] = alone ? v[c] : (float)((double)y[c] / mass);
}

/* Weighted means divide by the mass; so do exponentials, whose weights sum to 1. */
static eg_status finish_query(const eg_memory *m, const struct egi_assoc_stat *t,
                              const struct egi_reading *reading, double score_error, float *y,
                              struct egi_pull *pull)
{
    const size_t dv = reading->dv;
    if (!isfinite(t->m) || !isfinite(t->sum) || !isfinite(t->mass))
        return egi_fail(EG_ERR_OVERFLOW, "similarities exceed f32: largest %g", t->m);
    *pull = pull_of_stat(m, t, score_error);
    pull->scored = reading->scores != NULL;
    const int exponential =
        egi_separation_row(m->options.rule.separation)->transform == EGI_TRANSFORM_EXP;
    const int mean = reading->mean || exponential;
    pull->empty = mean && !(fabs(t->mass) > 0);
    if (!mean || pull->empty) return EG_OK;
    pull->log_scale = 0;
    if (y == NULL) return EG_OK;
    const float *values = reading->values != NULL ? reading->values : dense_rows(m);
    divide(y, dv, t->mass, values + t->best * dv, m->weight[t->best]);
    return EG_OK;
}

static eg_status fused_field(const eg_memory *m, const float *x, size_t q, int threads,
                             const struct egi_reading *reading, float *y, struct egi_pull *pull)
{
    const struct dense *k = m->store;
    const float *values = reading->values != NULL ? reading->values : k->xi;
    const eg_allocator *alloc = m->alloc;
    const size_t dv = reading->dv;
    size_t cells;
    EGI_TRY(egi_mul_size(q, m->d + 1, &cells));
    void *query = NULL, *stats = NULL;
    EGI_TRY(egi_alloc_array(alloc, cells, sizeof(float), "association: queries", &query));
    eg_status s =
        egi_alloc_array(alloc, q, sizeof(struct egi_assoc_stat), "association: statistics", &stats);
    if (s == EG_OK) {
        float *xq = query, *bias = xq + q * m->d;
        for (size_t i = 0; i < q; i++) bias[i] = prepare_query(m, x + i * m->d, xq + i * m->d);
        const struct egi_keys keys = keys_of(m);
        const struct egi_transform t = transform_of(m);
        const int biased = forms[m->options.rule.similarity].biased;
        const struct egi_association a = { &keys, values,         dv, &t, xq, biased ? bias : NULL,
                                           q,     reading->scores };
        s = egi_associate(&a, threads, alloc, y, stats);
        const struct egi_assoc_stat *stat = stats;
        for (size_t i = 0; i < q && s == EG_OK; i++)
            s = finish_query(m, &stat[i], reading, dense_score_error(m, x + i * m->d),
                             y != NULL ? y + i * dv : NULL, &pull[i]);
    }
    egi_free(alloc, stats, q * sizeof(struct egi_assoc_stat));
    egi_free(alloc, query, cells * sizeof(float));
    return s;
}

static eg_status dense_field(const eg_memory *m, const float *x, size_t q, int threads,
                             const struct egi_reading *reading, float *y, struct egi_pull *pull)
{
    const eg_rule *r = &m->options.rule;
    const int streams = egi_separation_row(r->separation)->transform >= 0;
    if (forms[r->similarity].fused && streams)
        return fused_field(m, x, q, threads, reading, y, pull);
    return egi_strip_field(m, x, q, threads, reading, y, pull);
}

const struct egi_backend egi_backend_dense = {
    .name = "dense",
    .keeps_patterns = 1,
    .create = dense_create,
    .destroy = dense_destroy,
    .bytes = dense_bytes,
    .accepts = dense_accepts,
    .reserve = dense_reserve,
    .append = dense_append,
    .keep = dense_keep,
    .replace = dense_replace,
    .get = dense_get,
    .weighted_sum = dense_weighted_sum,
    .max_norm = dense_max_norm,
    .rows = dense_rows,
    .scores = dense_scores,
    .score_error = dense_score_error,
    .field = dense_field,
    .relax = egi_relax_scores,
};
