/* The table of separations and its front: checks once, then calls infallible rows. Adding a
 * separation is one file sep_NAME.c with its row, and one line here (and in the enum). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "assoc/egi_assoc.h"

static const struct egi_separation *const rows[EG_SEP_COUNT] = {
    [EG_SEP_IDENTITY] = &egi_sep_identity,
    [EG_SEP_POWER] = &egi_sep_power,
    [EG_SEP_RECTIFIED] = &egi_sep_rectified,
    [EG_SEP_EXPONENTIAL] = &egi_sep_exponential,
    [EG_SEP_SOFTMAX] = &egi_sep_softmax,
    [EG_SEP_ENTMAX] = &egi_sep_entmax,
    [EG_SEP_NORMMAX] = &egi_sep_normmax,
    [EG_SEP_KSUBSETS] = &egi_sep_ksubsets,
    [EG_SEP_LSR] = &egi_sep_lsr,
    [EG_SEP_EPANECHNIKOV] = &egi_sep_epanechnikov,
    [EG_SEP_TOPK] = &egi_sep_topk,
    [EG_SEP_MAX] = &egi_sep_max,
};

/* The largest sum of multiplicities: leaves room for dividing by EGI_LSR_EPSILON. */
#define MAX_TOTAL 1e290

const struct egi_separation *egi_separation_row(eg_separation row)
{
    return rows[row];
}

unsigned egi_separation_flags(const eg_rule *rule)
{
    const unsigned flags = rows[rule->separation]->flags;
    if (!(flags & EGI_SEP_ODD) || fmod(rule->order, 2) == 0) return flags;
    return (flags & ~(unsigned)(EGI_SEP_CONVEX | EGI_SEP_EXP_CONVEX)) | EGI_SEP_NONDECREASING;
}

static const eg_row_info *info_at(int row)
{
    return row >= 0 && row < EG_SEP_COUNT ? &rows[row]->info : NULL;
}

const eg_row_info *eg_separation_info(eg_separation row)
{
    return info_at((int)row);
}

int eg_separation_find(const char *name)
{
    static const struct egi_synonym synonyms[] = {
        { "classical", EG_SEP_IDENTITY },
        { "hopfield", EG_SEP_IDENTITY },
        { "linear", EG_SEP_IDENTITY },
        { "polynomial", EG_SEP_POWER },
        { "rectified-polynomial", EG_SEP_RECTIFIED },
        { "exp", EG_SEP_EXPONENTIAL },
        { "attention", EG_SEP_SOFTMAX },
        { "lse", EG_SEP_SOFTMAX },
        { "sparsemax", EG_SEP_ENTMAX }, /* with order 2, the default */
        { "k-subsets", EG_SEP_KSUBSETS },
        { "log-sum-relu", EG_SEP_LSR },
        { "top-k", EG_SEP_TOPK },
        { "argmax", EG_SEP_MAX },
        { "nearest", EG_SEP_MAX },
        { NULL, -1 },
    };
    return egi_table_find(name, info_at, EG_SEP_COUNT, synonyms);
}

static eg_status check_order(const eg_rule *rule)
{
    const double order = rule->order;
    const char *name = rows[rule->separation]->info.name;
    switch (rows[rule->separation]->order) {
    case EGI_ORDER_INTEGER_2:
        if (order >= 2 && order <= 1000 && order == floor(order)) return EG_OK;
        return egi_fail(EG_ERR_INVALID, "order = %g of %s, not an integer in 2..1000", order, name);
    case EGI_ORDER_REAL_2:
        if (order >= 2 && order <= 1000) return EG_OK;
        return egi_fail(EG_ERR_INVALID, "order = %g of %s, not in [2, 1000]", order, name);
    case EGI_ORDER_ABOVE_1:
        if (order > 1 && order <= 1e6) return EG_OK;
        return egi_fail(EG_ERR_INVALID, "order = %g of %s, not in (1, 1e6]", order, name);
    case EGI_ORDER_ANY:
        break;
    }
    return EG_OK;
}

static eg_status check_separation(const eg_rule *rule)
{
    if (rule == NULL || rule->size != sizeof *rule)
        return egi_fail(EG_ERR_INVALID, "rule: NULL, or its size is not sizeof(eg_rule)");
    const eg_row_info *row = info_at((int)rule->separation);
    if (row == NULL)
        return egi_fail(EG_ERR_INVALID, "separation = %d, not a row", (int)rule->separation);
    if (strstr(row->params, "beta") != NULL && !(rule->beta > 0 && isfinite(rule->beta)))
        return egi_fail(EG_ERR_INVALID, "beta = %g of %s, not in (0, inf)", rule->beta, row->name);
    if (strstr(row->params, "k") != NULL && rule->k < 1)
        return egi_fail(EG_ERR_INVALID, "k = 0 of %s, not at least 1", row->name);
    return check_order(rule);
}

eg_status eg_rule_check(const eg_rule *rule)
{
    EGI_TRY(check_separation(rule));
    if (eg_similarity_info(rule->similarity) == NULL)
        return egi_fail(EG_ERR_INVALID, "similarity = %d, not a row", (int)rule->similarity);
    const eg_row_info *row = eg_projection_info(rule->projection);
    if (row == NULL)
        return egi_fail(EG_ERR_INVALID, "projection = %d, not a row", (int)rule->projection);
    if (strstr(row->params, "gain") == NULL) return EG_OK;
    const int any = (egi_projection_flags(rule->projection) & EGI_PROJ_GAIN_ANY) != 0;
    if (!isfinite(rule->gain) || !(any || rule->gain > 0))
        return egi_fail(EG_ERR_INVALID, "gain = %g of %s, not %s", rule->gain, row->name,
                        any ? "finite" : "in (0, inf)");
    return EG_OK;
}

eg_status egi_strip_init(const eg_rule *rule, const double *s, const double *w, size_t n,
                         struct egi_strip *q)
{
    EGI_TRY(check_separation(rule));
    if (s == NULL || n == 0) return egi_fail(EG_ERR_INVALID, "s: NULL or of no elements");
    *q = (struct egi_strip){ .rule = rule, .s = s, .w = w, .n = n, .top = s[0] };
    for (size_t i = 0; i < n; i++) {
        const double weight = egi_strip_w(q, i);
        if (!isfinite(s[i])) return egi_fail(EG_ERR_INVALID, "s[%zu] = %g, not finite", i, s[i]);
        if (!(weight > 0)) return egi_fail(EG_ERR_INVALID, "w[%zu] = %g, not > 0", i, weight);
        q->total += weight;
        if (i > 0 && s[i] < q->top) continue;
        if (i == 0 || s[i] > q->top) {
            q->top = s[i];
            q->first = i;
            q->top_sum = 0;
        }
        q->top_sum += weight;
    }
    if (!(q->total <= MAX_TOTAL))
        return egi_fail(EG_ERR_OVERFLOW, "sum of w = %g, above %g", q->total, MAX_TOTAL);
    return EG_OK;
}

eg_status eg_separation_weights(const eg_rule *rule, const double *s, const double *w, size_t n,
                                double *a, double *log_scale)
{
    struct egi_strip q;
    EGI_TRY(egi_strip_init(rule, s, w, n, &q));
    if (a == NULL) return egi_fail(EG_ERR_INVALID, "a: NULL");
    double scale = 0;
    rows[rule->separation]->weights(&q, a, &scale);
    if (log_scale != NULL) *log_scale = scale;
    return EG_OK;
}

eg_status eg_separation_energy(const eg_rule *rule, const double *s, const double *w, size_t n,
                               double *energy)
{
    struct egi_strip q;
    EGI_TRY(egi_strip_init(rule, s, w, n, &q));
    if (energy == NULL) return egi_fail(EG_ERR_INVALID, "energy: NULL");
    const double value = rows[rule->separation]->energy(&q);
    if (!isfinite(value))
        return egi_fail(EG_ERR_OVERFLOW, "energy of %s exceeds a double",
                        rows[rule->separation]->info.name);
    *energy = value;
    return EG_OK;
}

eg_status eg_separation_derivative(const eg_rule *rule, const double *s, const double *w,
                                   const double *v, size_t n, double *out)
{
    struct egi_strip q;
    EGI_TRY(egi_strip_init(rule, s, w, n, &q));
    if (v == NULL || out == NULL) return egi_fail(EG_ERR_INVALID, "v or out: NULL");
    const eg_allocator *alloc = eg_allocator_default();
    void *block = NULL;
    EGI_TRY(egi_alloc_array(alloc, n, sizeof *out, "eg_separation_derivative", &block));
    double *result = block; /* out stays untouched if an entry overflows */
    rows[rule->separation]->derivative(&q, v, result);
    size_t bad = 0;
    while (bad < n && isfinite(result[bad])) bad++;
    if (bad == n) memcpy(out, result, n * sizeof *out);
    egi_free(alloc, block, n * sizeof *out);
    if (bad == n) return EG_OK;
    return egi_fail(EG_ERR_OVERFLOW, "derivative of %s: entry %zu exceeds a double",
                    rows[rule->separation]->info.name, bad);
}

double eg_separation_margin(const eg_rule *rule)
{
    if (check_separation(rule) < 0) return NAN;
    const struct egi_separation *row = rows[rule->separation];
    return row->margin != NULL ? row->margin(rule) : NAN;
}
