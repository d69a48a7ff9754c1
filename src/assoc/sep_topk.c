/* The mean of the k largest scores, and its case k = 1 for a whole memory: the maximum. Copies
 * take one slot each, the memory at the edge what is left; among equals the first go first.
 *
 * The k-th largest is found by bisection over the 2^64 ordered bit patterns of a double: at
 * most 64 passes, no copy of the scores and no order of theirs that matters. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "assoc/egi_assoc.h"

/* Doubles as integers in the same order. */
static uint64_t rank_of(double x)
{
    uint64_t bits;
    memcpy(&bits, &x, sizeof bits);
    return bits >> 63 ? ~bits : bits | (uint64_t)1 << 63;
}

static double value_of(uint64_t rank)
{
    const uint64_t bits = rank >> 63 ? rank & ~((uint64_t)1 << 63) : ~rank;
    double x;
    memcpy(&x, &bits, sizeof x);
    return x;
}

static double mass_from(const struct egi_strip *q, double value, int strictly)
{
    double sum = 0;
    for (size_t i = 0; i < q->n; i++)
        if (q->s[i] > value || (!strictly && q->s[i] == value)) sum += egi_strip_w(q, i);
    return sum;
}

struct egi_cut egi_strip_cut(const struct egi_strip *q)
{
    struct egi_cut cut = { fmin((double)q->rule->k, q->total), q->top, 0 };
    double bottom = q->top;
    for (size_t i = 0; i < q->n; i++) bottom = fmin(bottom, q->s[i]);
    /* the largest value at and above which there are k: yes at lo, no above hi */
    uint64_t lo = rank_of(bottom), hi = rank_of(q->top);
    while (lo < hi) {
        const uint64_t mid = lo + (hi - lo) / 2 + 1;
        if (mass_from(q, value_of(mid), 0) >= cut.k)
            lo = mid;
        else
            hi = mid - 1;
    }
    cut.value = value_of(lo);
    cut.above = mass_from(q, cut.value, 1);
    return cut;
}

static void topk_weights(const struct egi_strip *q, double *a, double *log_scale)
{
    (void)log_scale;
    const struct egi_cut cut = egi_strip_cut(q);
    double left = cut.k - cut.above;
    for (size_t i = 0; i < q->n; i++) {
        const double w = egi_strip_w(q, i);
        double slots = q->s[i] > cut.value ? w : 0;
        if (q->s[i] == cut.value) {
            slots = fmin(w, left);
            left -= slots;
        }
        a[i] = slots / cut.k;
    }
}

static double topk_energy(const struct egi_strip *q)
{
    const struct egi_cut cut = egi_strip_cut(q);
    double sum = (cut.k - cut.above) / cut.k * cut.value;
    for (size_t i = 0; i < q->n; i++)
        if (q->s[i] > cut.value) sum += egi_strip_w(q, i) / cut.k * q->s[i];
    return sum;
}

static void max_weights(const struct egi_strip *q, double *a, double *log_scale)
{
    (void)log_scale;
    for (size_t i = 0; i < q->n; i++) a[i] = i == q->first;
}

static double max_energy(const struct egi_strip *q)
{
    return q->top;
}

/* Both are piecewise linear. */
static void derivative(const struct egi_strip *q, const double *v, double *out)
{
    (void)v;
    for (size_t i = 0; i < q->n; i++) out[i] = 0;
}

static double margin(const eg_rule *rule)
{
    (void)rule;
    return 0;
}

/* The mean of k > 1 memories never is one of them. */
static double topk_margin(const eg_rule *rule)
{
    return rule->k == 1 ? 0 : NAN;
}

const struct egi_separation egi_sep_topk = {
    { "topk", "A = mean of the k largest s;  a = 1/k on them", "k = 1: s_i > s_j",
      "Hu et al. 2024, non-parametric family, top-K", "k" },
    EGI_SEP_CONVEX | EGI_SEP_EXP_CONVEX | EGI_SEP_NONDECREASING | EGI_SEP_NORMALISED,
    EGI_ORDER_ANY,
    -1,
    topk_margin,
    NULL,
    topk_weights,
    topk_energy,
    derivative,
};

const struct egi_separation egi_sep_max = {
    { "max", "A = max s;  a = 1 on the first that reaches it", "s_i > s_j",
      "Millidge et al. 2022: nearest neighbour", "" },
    EGI_SEP_CONVEX | EGI_SEP_EXP_CONVEX | EGI_SEP_NONDECREASING | EGI_SEP_NORMALISED,
    EGI_ORDER_ANY,
    -1,
    margin,
    NULL,
    max_weights,
    max_energy,
    derivative,
};
