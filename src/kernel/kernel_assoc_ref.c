/* Reference row of the association kernels: plain C. Scores and weights are made in double and
 * rounded once; sums are rounded where egi_kernel_assoc.h says in which order they are. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "kernel/egi_kernel_assoc.h"

#include <math.h>

enum { L = EGI_TILE_LANES };

static float score(const float *xi, const float *x, size_t x_stride, size_t d)
{
    double dot = 0.0;
    for (size_t k = 0; k < d; k++) dot += (double)xi[k] * (double)x[k * x_stride];
    return (float)dot;
}

static float finish(float dot, const struct egi_score_terms *terms, size_t row, size_t lane)
{
    const double bias = terms->bias ? (double)terms->bias[row] : 0.0;
    const double scale = terms->scale ? (double)terms->scale[row] : 1.0;
    const double query_bias = terms->query_bias ? (double)terms->query_bias[lane] : 0.0;
    return (float)(((double)dot + bias) * scale + query_bias);
}

static void scores(const float *xi, size_t rows, size_t d, const float *xt, size_t lanes,
                   const struct egi_score_terms *terms, float *s)
{
    for (size_t t = 0; t < rows; t++)
        for (size_t l = 0; l < lanes; l++)
            s[t * L + l] = finish(score(xi + t * d, xt + l, L, d), terms, t, l);
}

static void scores_few(const float *xi, size_t rows, size_t d, const float *x, size_t q,
                       const struct egi_score_terms *terms, size_t stride, float *s)
{
    for (size_t t = 0; t < rows; t++)
        for (size_t l = 0; l < q; l++)
            s[l * stride + t] = finish(score(xi + t * d, x + l * d, 1, d), terms, t, l);
}

static uint64_t at_least(const float *a, const float *b, size_t lanes)
{
    uint64_t bits = 0;
    for (size_t l = 0; l < lanes; l++) bits |= (uint64_t)(a[l] >= b[l]) << l;
    return bits;
}

/* Score of a row and a query: s[row * step.row + query * step.query]. */
struct step {
    size_t row, query;
};
static const struct step many = { L, 1 }, few = { 1, EGI_TILE_ROWS };

static uint64_t maxima_at(struct step step, const float *s, size_t rows, size_t lanes,
                          int magnitude, const float *floor, float *max)
{
    uint64_t bits = 0;
    for (size_t l = 0; l < lanes; l++) {
        max[l] = -INFINITY;
        for (size_t t = 0; t < rows; t++) {
            const float v = s[t * step.row + l * step.query];
            max[l] = fmaxf(max[l], magnitude ? fabsf(v) : v);
        }
        bits |= (uint64_t)(max[l] > floor[l]) << l;
    }
    return bits;
}

static uint64_t maxima(const float *s, size_t rows, size_t lanes, int magnitude, const float *floor,
                       float *max)
{
    return maxima_at(many, s, rows, lanes, magnitude, floor, max);
}

static uint64_t maxima_few(const float *s, size_t rows, size_t q, int magnitude, const float *floor,
                           float *max)
{
    return maxima_at(few, s, rows, q, magnitude, floor, max);
}

/* One weight a and what it adds to the sum. */
struct weighed {
    double a, term;
};

static struct weighed weigh_exp(const struct egi_weighing *w, const struct egi_lane_scale *l,
                                size_t lane, float s)
{
    const double y = ((double)s - (double)l->m[lane]) * (double)w->rate;
    const double a = y < (double)w->floor ? 0.0 : exp2(y);
    return (struct weighed){ a, a };
}

static struct weighed power_of(const struct egi_weighing *w, double u)
{
    if (!(fabs(u) >= (double)w->floor)) return (struct weighed){ 0.0, 0.0 };
    const double a = pow(u, w->power ? (double)w->power : (double)w->exponent);
    return (struct weighed){ a, a * u };
}

static struct weighed weigh_power(const struct egi_weighing *w, const struct egi_lane_scale *l,
                                  size_t lane, float s)
{
    return power_of(w, (double)s * (double)l->up[lane] * (double)l->down[lane]);
}

static struct weighed weigh_rectified(const struct egi_weighing *w, const struct egi_lane_scale *l,
                                      size_t lane, float s)
{
    return power_of(w, fmax((double)s * (double)l->up[lane] * (double)l->down[lane], 0.0));
}

static struct weighed weigh_support(const struct egi_weighing *w, const struct egi_lane_scale *l,
                                    size_t lane, float s)
{
    (void)l;
    (void)lane;
    const double z = 1.0 + (double)w->rate * (double)s;
    return (struct weighed){ z > 0.0 ? 1.0 : 0.0, fmax(z, 0.0) };
}

typedef struct weighed weigh_one(const struct egi_weighing *w, const struct egi_lane_scale *l,
                                 size_t lane, float s);

static struct weighed weigh(weigh_one *one, struct step step, const struct egi_weighing *w,
                            const struct egi_lane_scale *l, size_t lane, size_t rows, float *s)
{
    float sum = 0.0f, mass = 0.0f;
    for (size_t t = 0; t < rows; t++) {
        float *at = s + t * step.row + lane * step.query;
        const struct weighed r = one(w, l, lane, *at);
        const double weight = w->weight ? (double)w->weight[t] : 1.0;
        *at = (float)(weight * r.a);
        sum += (float)(weight * r.term);
        mass += (float)(weight * r.a);
    }
    return (struct weighed){ (double)mass, (double)sum };
}

#define WEIGH(kind)                                                                                \
    static void all_##kind(const struct egi_weighing *w, const struct egi_lane_scale *l,           \
                           uint64_t live, size_t rows, float *s, float *sum, float *mass)          \
    {                                                                                              \
        for (size_t i = 0; i < L; i++) {                                                           \
            const struct weighed r =                                                               \
                weigh(weigh_##kind, many, w, l, i, (live >> i & 1) ? rows : 0, s);                 \
            sum[i] = (float)r.term;                                                                \
            mass[i] = (float)r.a;                                                                  \
        }                                                                                          \
    }                                                                                              \
    static void few_##kind(const struct egi_weighing *w, const struct egi_lane_scale *l, size_t q, \
                           size_t rows, float *s, float *sum, float *mass)                         \
    {                                                                                              \
        for (size_t i = 0; i < q; i++) {                                                           \
            const struct weighed r = weigh(weigh_##kind, few, w, l, i, rows, s);                   \
            sum[i] = (float)r.term;                                                                \
            mass[i] = (float)r.a;                                                                  \
        }                                                                                          \
    }
WEIGH(exp)
WEIGH(power)
WEIGH(rectified)
WEIGH(support)

static size_t pick_exp(const struct egi_weighing *w, const struct egi_lane_scale *l,
                       const float *threshold, uint64_t live, size_t rows, size_t limit,
                       const float *s, struct egi_picks *picks)
{
    size_t n = 0;
    for (size_t i = 0; i < rows * L; i++) {
        const size_t lane = i % L;
        if (!(live >> lane & 1) || !(s[i] >= threshold[lane])) continue;
        if (n == limit) return EGI_PICKS_FULL;
        const double weight = w->weight ? (double)w->weight[i / L] : 1.0;
        picks->at[n] = (int32_t)i;
        picks->a[n++] = (float)(weight * weigh_exp(w, l, lane, s[i]).a);
    }
    return n;
}

static void sum_query(struct step step, const float *a, size_t rows, const float *values, size_t dv,
                      float *acc)
{
    for (size_t k = 0; k < dv; k++)
        for (size_t t = 0; t < rows; t++)
            acc[k] = fmaf(a[t * step.row], values[t * dv + k], acc[k]);
}

static void weighted_sum(const float *a, size_t rows, size_t queries, uint64_t live,
                         const float *values, size_t dv, float *acc, size_t ld)
{
    for (size_t q = 0; q < queries; q++)
        if (live >> q & 1) sum_query(many, a + q, rows, values, dv, acc + q * ld);
}

static void weighted_sum_few(const float *a, size_t rows, size_t queries, uint64_t live,
                             const float *values, size_t dv, float *acc, size_t ld)
{
    for (size_t q = 0; q < queries; q++)
        if (live >> q & 1) sum_query(few, a + q * few.query, rows, values, dv, acc + q * ld);
}

static void picked_sum(const struct egi_picks *picks, size_t n, const float *values, size_t dv,
                       float *acc, size_t ld)
{
    for (size_t i = 0; i < n; i++) {
        const size_t row = (size_t)picks->at[i] / L, lane = (size_t)picks->at[i] % L;
        for (size_t k = 0; k < dv; k++)
            acc[lane * ld + k] = fmaf(picks->a[i], values[row * dv + k], acc[lane * ld + k]);
    }
}

const struct egi_assoc_kernels egi_assoc_ref = {
    .scores = scores,
    .scores_few = scores_few,
    .maxima = maxima,
    .at_least = at_least,
    .weigh = { all_exp, all_power, all_rectified, all_support },
    .pick_exp = pick_exp,
    .weighted_sum = weighted_sum,
    .picked_sum = picked_sum,
    .maxima_few = maxima_few,
    .weigh_few = { few_exp, few_power, few_rectified, few_support },
    .weighted_sum_few = weighted_sum_few,
};
