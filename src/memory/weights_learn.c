/* How the weights are learnt. Every rule is incremental: one pattern at a time, D^2 work.
 *
 * Hebb      W_ij += w xi_i xi_j / D, linear: order and grouping do not matter.
 * Storkey   W_ij += (xi_i xi_j - xi_i h_ji - h_ij xi_j) / D with the local field
 *           h_ij = sum_{k != i,j} W_ik xi_k (Storkey and Valabregue 1999). With
 *           r_i = sum_{k != i} W_ik xi_k, h_ij = r_i - W_ij xi_j for j != i and h_ii = r_i. The
 *           diagonal never enters h. The order of storing matters; a multiplicity must be a
 *           whole number, and the pattern is then stored that many times in a row.
 * Projector W = orthogonal projector on the span of the patterns, the pseudo-inverse rule:
 *           with r = xi - W xi, W += r r^T / |r|^2. r is projected twice, because one pass
 *           leaves an error of eps |xi| / |r| along the span. A pattern with |r| <= 1e-6 |xi|
 *           depends on those stored (they are f32) and changes nothing; multiplicities do
 *           not either, as a span has none. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "memory/egi_weights.h"

#define DEPENDENT 1e-6
enum { MAX_REPEATS = 1000000 };

/* sum += w xi xi^T. The product of two components is exact in double, so the matrix is
 * symmetric to the bit. */
static void add_outer(double *sum, const float *xi, double w, size_t d)
{
    for (size_t i = 0; i < d; i++) {
        const double a = (double)xi[i];
        if (a == 0) continue;
        for (size_t j = 0; j < d; j++) sum[i * d + j] += w * (a * (double)xi[j]);
    }
}

/* Rows are independent, so they may be learnt by any thread; each adds the patterns in order. */
struct hebb {
    double *sum; /* (D, D) */
    const float *patterns, *weights;
    size_t n, d;
};

static void hebb_row(void *arg, size_t i)
{
    const struct hebb *h = arg;
    double *row = h->sum + i * h->d;
    for (size_t mu = 0; mu < h->n; mu++) {
        const float *xi = h->patterns + mu * h->d;
        const double a = (double)xi[i], w = h->weights != NULL ? (double)h->weights[mu] : 1;
        if (a == 0) continue;
        for (size_t j = 0; j < h->d; j++) row[j] += w * (a * (double)xi[j]);
    }
}

eg_status egi_learn_hebb(eg_memory *m, const float *patterns, const float *weights, size_t n)
{
    const struct egi_weights *k = m->store;
    struct hebb h = { k->sum, patterns, weights, n, m->d };
    egi_parallel_for(m->d, egi_crew(0, (double)n * (double)(m->d * m->d)), hebb_row, &h);
    return EG_OK;
}

eg_status egi_forget_hebb(eg_memory *m, const float *pattern)
{
    const struct egi_weights *k = m->store;
    add_outer(k->sum, pattern, -1, m->d);
    return EG_OK;
}

/* ---- Storkey ---- */

/* sum holds D W; r (D) scratch. */
static void storkey_add(double *sum, const float *xi, size_t d, double *r)
{
    const double scale = 1 / (double)d;
    for (size_t i = 0; i < d; i++) r[i] = scale * egi_weights_others(sum + i * d, xi, d, i).sum;
    for (size_t i = 0; i < d; i++) {
        const double a = (double)xi[i];
        sum[i * d + i] += a * a - 2 * a * r[i];
        for (size_t j = i + 1; j < d; j++) {
            const double b = (double)xi[j], w = scale * sum[i * d + j];
            const double hij = r[i] - w * b, hji = r[j] - w * a;
            sum[i * d + j] += a * b - a * hji - hij * b;
            sum[j * d + i] = sum[i * d + j];
        }
    }
}

static eg_status check_repeats(const float *weights, size_t n)
{
    for (size_t mu = 0; weights != NULL && mu < n; mu++)
        if (weights[mu] != rintf(weights[mu]) || weights[mu] > (float)MAX_REPEATS)
            return egi_fail(EG_ERR_UNSUPPORTED,
                            "storkey: weight %zu = %g, expected a whole number up to %d", mu,
                            (double)weights[mu], MAX_REPEATS);
    return EG_OK;
}

/* A rule that is not linear may diverge, so a copy learns, and takes over when it is finite. */
eg_status egi_learn_storkey(eg_memory *m, const float *patterns, const float *weights, size_t n)
{
    struct egi_weights *k = m->store;
    const size_t d = m->d, cells = d * d;
    EGI_TRY(check_repeats(weights, n));
    double *fresh = egi_alloc(m->alloc, cells * sizeof *fresh);
    double *r = egi_alloc(m->alloc, d * sizeof *r);
    eg_status s = EG_OK;
    if (fresh == NULL || r == NULL) {
        s = egi_fail(EG_ERR_NOMEM, "storkey: %zu bytes", (cells + d) * sizeof *fresh);
    } else {
        memcpy(fresh, k->sum, cells * sizeof *fresh);
        for (size_t mu = 0; mu < n; mu++) {
            const size_t repeats = weights != NULL ? (size_t)weights[mu] : 1;
            for (size_t t = 0; t < repeats; t++) storkey_add(fresh, patterns + mu * d, d, r);
        }
        for (size_t i = 0; i < cells && s == EG_OK; i++)
            if (!isfinite(fresh[i]))
                s = egi_fail(EG_ERR_DIVERGED, "storkey: a weight becomes %g", fresh[i]);
    }
    if (s == EG_OK) {
        double *old = k->sum;
        k->sum = fresh;
        fresh = old;
    }
    egi_free(m->alloc, r, d * sizeof *r);
    egi_free(m->alloc, fresh, cells * sizeof *fresh);
    return s;
}

/* ---- pseudo-inverse ---- */

/* r -= P r, p (D) scratch */
static void reject(const double *projector, double *r, double *p, size_t d)
{
    for (size_t i = 0; i < d; i++) {
        double sum = 0;
        for (size_t j = 0; j < d; j++) sum += projector[i * d + j] * r[j];
        p[i] = sum;
    }
    for (size_t i = 0; i < d; i++) r[i] -= p[i];
}

static double square(const double *v, size_t d)
{
    double sum = 0;
    for (size_t i = 0; i < d; i++) sum += v[i] * v[i];
    return sum;
}

static void projector_add(double *projector, const float *xi, size_t d, double *r, double *p)
{
    for (size_t i = 0; i < d; i++) r[i] = (double)xi[i];
    const double norm2 = square(r, d);
    reject(projector, r, p, d);
    if (square(r, d) <= DEPENDENT * DEPENDENT * norm2) return;
    reject(projector, r, p, d);
    const double r2 = square(r, d);
    if (!(r2 > DEPENDENT * DEPENDENT * norm2)) return;
    for (size_t i = 0; i < d; i++) /* r_i r_j / r2 rounds alike in both triangles */
        for (size_t j = 0; j < d; j++) projector[i * d + j] += r[i] * r[j] / r2;
}

eg_status egi_learn_projector(eg_memory *m, const float *patterns, const float *weights, size_t n)
{
    (void)weights;
    const struct egi_weights *k = m->store;
    const size_t d = m->d, bytes = 2 * d * sizeof(double);
    double *r = egi_alloc(m->alloc, bytes);
    if (r == NULL) return egi_fail(EG_ERR_NOMEM, "pseudoinverse: %zu bytes", bytes);
    for (size_t mu = 0; mu < n; mu++) projector_add(k->sum, patterns + mu * d, d, r, r + d);
    egi_free(m->alloc, r, bytes);
    return EG_OK;
}
