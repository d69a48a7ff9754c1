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
            s[t * stride + l] = finish(score(xi + t * d, x + l * d, 1, d), terms, t, l);
}

static uint64_t at_least(const float *a, const float *b, size_t lanes)
{
    uint64_t bits = 0;
    for (size_t l = 0; l < lanes; l++) bits |= (uint64_t)(a[l] >= b[l]) << l;
    return bits;
}

static uint64_t maxima(const float *s, size_t rows, size_t lanes, int magnitude, const float *floor,
                       float *max)
{
    uint64_t bits = 0;
    for (size_t l = 0; l < lanes; l++) {
        max[l] = -INFINITY;
        for (size_t t = 0; t < rows; t++)
            max[l] = fmaxf(max[l], magnitude ? fabsf(s[t * L + l]) : s[t * L + l]);
        bits |= (uint64_t)(max[l] > floor[l]) << l;
    }
    return bits;
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

static void weigh(weigh_one *one, const struct egi_weighing *w, const struct egi_lane_scale *l,
                  uint64_t live, size_t rows, float *s, float *sum, float *mass)
{
    for (size_t lane = 0; lane < L; lane++) {
        float sums = 0.0f, masses = 0.0f;
        for (size_t t = 0; t < rows && (live >> lane & 1); t++) {
            const struct weighed r = one(w, l, lane, s[t * L + lane]);
            const double weight = w->weight ? (double)w->weight[t] : 1.0;
            s[t * L + lane] = (float)(weight * r.a);
            sums += (float)(weight * r.term);
            masses += (float)(weight * r.a);
        }
        sum[lane] = sums;
        mass[lane] = masses;
    }
}

#define WEIGH(kind)                                                                       \
    static void all_##kind(const struct egi_weighing *w, const struct egi_lane_scale *l,  \
                           uint64_t live, size_t rows, float *s, float *sum, float *mass) \
    {                                                                                     \
        weigh(weigh_##kind, w, l, live, rows, s, sum, mass);                              \
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

static void weighted_sum(const float *a, size_t rows, size_t queries, uint64_t live,
                         const float *values, size_t dv, float *acc, size_t ld)
{
    for (size_t q = 0; q < queries; q++)
        for (size_t k = 0; k < dv && (live >> q & 1); k++)
            for (size_t t = 0; t < rows; t++)
                acc[q * ld + k] = fmaf(a[t * L + q], values[t * dv + k], acc[q * ld + k]);
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
};
