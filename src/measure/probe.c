/* Read-outs of a representation (engram/probe.h), from the matrix of inner products of examples
 * alone: layers have more columns than there are examples. Products are summed in double, block of
 * columns by block. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/probe.h"

#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "base/egi_base.h"
#include "kernel/egi_kernel_gemm.h"

enum { COLUMNS = 256, MOST = 1 << 14, RIDGES = 5 };

/* ---- inner products ---- */

/* K (N, N) of centred columns; block (N, COLUMNS) scratch. */
static void products(const float *x, size_t n, size_t d, double *block, double *k)
{
    memset(k, 0, n * n * sizeof *k);
    for (size_t from = 0; from < d; from += COLUMNS) {
        const size_t c = d - from < COLUMNS ? d - from : COLUMNS;
        for (size_t j = 0; j < c; j++) {
            double mean = 0;
            for (size_t i = 0; i < n; i++) mean += (double)x[i * d + from + j] / (double)n;
            for (size_t i = 0; i < n; i++) block[i * c + j] = (double)x[i * d + from + j] - mean;
        }
        const struct egi_gemm g = { .m = n,
                                    .n = n,
                                    .k = c,
                                    .b_is_transposed = 1,
                                    .lda = c,
                                    .ldb = c,
                                    .ldc = n,
                                    .alpha = 1,
                                    .beta = 1 };
        egi_gemm_f64(&g, block, block, k, 1);
    }
}

static double along(const double *a, const double *b, size_t cells)
{
    double sum = 0;
    for (size_t i = 0; i < cells; i++) sum += a[i] * b[i];
    return sum;
}

static eg_status check_size(size_t n)
{
    if (n == 0) return egi_fail(EG_ERR_INVALID, "no examples");
    if (n > MOST) return egi_fail(EG_ERR_LIMIT, "%zu examples, at most %d", n, MOST);
    return EG_OK;
}

eg_status eg_cka(const float *x, size_t d, const float *y, size_t e, size_t n, double *out)
{
    struct egi_arena a;
    EGI_TRY(check_size(n));
    const struct egi_need needs[3] = { { n * n, sizeof(double) },
                                       { n * n, sizeof(double) },
                                       { n * COLUMNS, sizeof(double) } };
    EGI_TRY(egi_arena_create(eg_allocator_default(), needs, 3, "alignment", &a));
    const double *k = a.part[0], *l = a.part[1];
    products(x, n, d, a.part[2], a.part[0]);
    products(y, n, e, a.part[2], a.part[1]);
    const double both = along(k, k, n * n) * along(l, l, n * n);
    *out = both > 0 ? along(k, l, n * n) / sqrt(both) : (double)NAN;
    egi_arena_destroy(&a);
    return EG_OK;
}

/* ---- a linear read-out ---- */

struct readout {
    size_t n, classes;
    const int32_t *labels;
    double *k, *inverse; /* (N, N) */
    double *block;       /* (N, COLUMNS) */
    double *alpha;       /* (N) of a class */
    double *best;        /* (N) the largest score so far */
    int32_t *answer;     /* (N) */
    double scale;        /* mean of the diagonal of K */
};

/* C^-1, in full, of one ridge. */
static eg_status invert(struct readout *r, double ridge)
{
    const lapack_int n = (lapack_int)r->n;
    for (size_t i = 0; i < r->n * r->n; i++) r->inverse[i] = r->k[i] + r->scale;
    for (size_t i = 0; i < r->n; i++) r->inverse[i * r->n + i] += ridge * r->scale;
    if (LAPACKE_dpotrf(LAPACK_COL_MAJOR, 'L', n, r->inverse, n) != 0
        || LAPACKE_dpotri(LAPACK_COL_MAJOR, 'L', n, r->inverse, n) != 0)
        return egi_fail(EG_ERR_DIVERGED, "probe: inner products with a ridge of %g are singular",
                        ridge);
    for (size_t i = 0; i < r->n; i++)
        for (size_t j = 0; j < i; j++) r->inverse[i * r->n + j] = r->inverse[j * r->n + i];
    return EG_OK;
}

/* Scores of class c, each by the others; the class of the largest score so far. */
static void score(struct readout *r, size_t c)
{
    for (size_t i = 0; i < r->n; i++) {
        double sum = 0;
        for (size_t j = 0; j < r->n; j++)
            sum += r->inverse[i * r->n + j] * ((size_t)r->labels[j] == c ? 1 : -1);
        const double s = ((size_t)r->labels[i] == c ? 1 : -1) - sum / r->inverse[i * r->n + i];
        if (c > 0 && !(s > r->best[i])) continue;
        r->best[i] = s;
        r->answer[i] = (int32_t)c;
    }
}

static eg_status read_out(struct readout *r, const eg_search_options *how, eg_probe *out)
{
    out->linear = -1;
    for (int step = 0; step < RIDGES; step++) {
        const double ridge = pow(10, -step);
        double right = 0;
        EGI_TRY(egi_report(how != NULL ? how->progress : NULL, "ridges", (size_t)step, RIDGES));
        EGI_TRY(invert(r, ridge));
        for (size_t c = 0; c < r->classes; c++) score(r, c);
        for (size_t i = 0; i < r->n; i++)
            right += (double)(r->answer[i] == r->labels[i]) / (double)r->n;
        if (!(right > out->linear)) continue;
        out->linear = right;
        out->ridge = ridge;
    }
    return EG_OK;
}

/* <K, L> of the classes' centred columns: their products are 1 where classes agree, less means. */
static double alignment(const struct readout *r)
{
    double with = 0, own = 0;
    double *share = r->alpha; /* of each class, at the places of the first examples */
    for (size_t i = 0; i < r->n; i++) share[i] = 0;
    for (size_t i = 0; i < r->n; i++)
        for (size_t j = 0; j < r->n; j++)
            share[i] += (double)(r->labels[i] == r->labels[j]) / (double)r->n;
    double mean = 0;
    for (size_t i = 0; i < r->n; i++) mean += share[i] / (double)r->n;
    for (size_t i = 0; i < r->n; i++)
        for (size_t j = 0; j < r->n; j++) {
            const double l = (r->labels[i] == r->labels[j]) - share[i] - share[j] + mean;
            with += l * r->k[i * r->n + j];
            own += l * l;
        }
    const double both = own * along(r->k, r->k, r->n * r->n);
    return both > 0 ? with / sqrt(both) : (double)NAN;
}

/* ---- the whole ---- */

static eg_status check(const float *x, size_t n, size_t d, const int32_t *labels, size_t classes)
{
    int differ = 0;
    EGI_TRY(check_size(n));
    if (n < 3 || d == 0 || classes < 2)
        return egi_fail(EG_ERR_INVALID, "probe: %zu examples of %zu numbers, %zu classes", n, d,
                        classes);
    for (size_t i = 0; i < n; i++)
        if (labels[i] < 0 || (size_t)labels[i] >= classes)
            return egi_fail(EG_ERR_INVALID, "probe: label %d of example %zu, expected 0..%zu",
                            (int)labels[i], i, classes - 1);
    for (size_t i = 0; i < n * d; i++) {
        differ |= x[i] != x[i % d];
        if (!isfinite(x[i]))
            return egi_fail(EG_ERR_INVALID, "probe: number %zu of example %zu is %g", i % d, i / d,
                            (double)x[i]);
    }
    return differ ? EG_OK : egi_fail(EG_ERR_INVALID, "probe: all examples are equal");
}

static double error_of(double share, size_t n)
{
    const double p = (share * (double)n + 1) / ((double)n + 2);
    return sqrt(p * (1 - p) / (double)n);
}

static eg_status neighbours(const float *x, size_t n, size_t d, const int32_t *labels,
                            const eg_search_options *how, struct readout *r, eg_probe *out)
{
    void *at;
    EGI_TRY(egi_alloc_array(eg_allocator_default(), n, sizeof(uint32_t), "probe", &at));
    const uint32_t *nearest = at;
    const eg_status s = eg_neighbours(x, n, d, 1, how, r->best, at);
    out->neighbour = 0;
    for (size_t i = 0; i < n && s == EG_OK; i++)
        out->neighbour += (double)(labels[i] == labels[nearest[i]]) / (double)n;
    egi_free(eg_allocator_default(), at, n * sizeof(uint32_t));
    return s;
}

eg_status eg_probe_layer(const float *x, size_t n, size_t d, const int32_t *labels, size_t classes,
                         const eg_search_options *how, eg_probe *out)
{
    struct readout r = { .n = n, .classes = classes, .labels = labels };
    struct egi_arena a;
    eg_probe p = { 0 };
    EGI_TRY(check(x, n, d, labels, classes));
    const struct egi_need needs[6] = { { n * n, sizeof(double) },       { n * n, sizeof(double) },
                                       { n * COLUMNS, sizeof(double) }, { n, sizeof(double) },
                                       { n, sizeof(double) },           { n, sizeof(int32_t) } };
    EGI_TRY(egi_arena_create(eg_allocator_default(), needs, 6, "probe", &a));
    r.k = a.part[0], r.inverse = a.part[1], r.block = a.part[2];
    r.alpha = a.part[3], r.best = a.part[4], r.answer = a.part[5];
    products(x, n, d, r.block, r.k);
    for (size_t i = 0; i < n; i++) r.scale += r.k[i * n + i] / (double)n;
    eg_status s = read_out(&r, how, &p);
    if (s == EG_OK) s = neighbours(x, n, d, labels, how, &r, &p);
    if (s == EG_OK) p.alignment = alignment(&r);
    egi_arena_destroy(&a);
    if (s != EG_OK) return s;
    p.error[0] = error_of(p.linear, n);
    p.error[1] = error_of(p.neighbour, n);
    *out = p;
    return EG_OK;
}
