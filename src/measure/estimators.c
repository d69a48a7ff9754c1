/* Estimators of intrinsic dimension, a row each.
 *
 * r_k distances to neighbours, L = ln of a ratio of two of them. Where points are spread evenly
 * over a d-dimensional space at the scale of the neighbours, mu = r_2 / r_1 has the distribution
 * 1 - mu^-d (Facco et al. 2017) and sums of ln(r_k / r_j) that of a sum of k - 1 exponential
 * numbers of mean 1 / d (Levina and Bickel 2004). From there
 *   E[1 / sum] = d / (k - 2),  E[sum] = (k - 1) / d:
 * inverses averaged over points want k - 1, values averaged want k - 2. A widely used script (Pope
 * et al. 2021) averages inverses with k - 2, and so reports (k - 2) / (k - 1) of the dimension; its
 * row is here so that published figures can be compared. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "measure/egi_dimension.h"

/* ln(r_a / r_b), a and b from 1. */
static double log_ratio(const struct egi_cloud *c, size_t i, size_t a, size_t b)
{
    const double *square = c->square + i * c->k;
    return log(square[a - 1] / square[b - 1]) / 2;
}

static double weighed(const double *statistic, const uint32_t *weight, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += weight[i] * statistic[i * EGI_STATISTICS];
    return sum;
}

/* ---- two neighbours ---- */

static size_t two(const eg_dimension_options *o)
{
    (void)o;
    return 2;
}

static void twonn(const struct egi_cloud *c, size_t i, double *work, double out[EGI_STATISTICS])
{
    (void)work;
    out[0] = log_ratio(c, i, 2, 1);
}

static double twonn_likely(const struct egi_cloud *c, const double *statistic,
                           const uint32_t *weight, size_t total)
{
    return (double)(total - 1) / weighed(statistic, weight, c->n);
}

/* The slope through 0 of -ln(1 - i/N) against ln mu_(i), i up to (1 - discard) N. */
static double twonn_fit(const struct egi_cloud *c, const double *statistic, const uint32_t *weight,
                        size_t total)
{
    const size_t used = (size_t)((1 - c->options->discard) * (double)total);
    double xy = 0, xx = 0;
    size_t at = 1;
    for (size_t i = 0; i < c->n; i++)
        for (uint32_t w = 0; w < weight[i] && at <= used && at < total; w++, at++) {
            const double x = statistic[i * EGI_STATISTICS];
            xy -= x * log1p(-(double)at / (double)total);
            xx += x * x;
        }
    return xy / xx;
}

/* ---- k neighbours ---- */

static size_t of_k(const eg_dimension_options *o)
{
    return o->k;
}

/* sum over j < k of ln(r_k / r_j) */
static double log_sum(const struct egi_cloud *c, size_t i)
{
    const size_t k = c->options->k;
    double sum = 0;
    for (size_t j = 1; j < k; j++) sum += log_ratio(c, i, k, j);
    return sum;
}

static void mle(const struct egi_cloud *c, size_t i, double *work, double out[EGI_STATISTICS])
{
    (void)work;
    out[0] = log_sum(c, i);
}

static void mle_inverse(const struct egi_cloud *c, size_t i, double *work,
                        double out[EGI_STATISTICS])
{
    (void)work;
    out[0] = (double)(c->options->k - 2) / log_sum(c, i);
}

static double over_mean(const struct egi_cloud *c, const double *statistic, const uint32_t *weight,
                        size_t total, double by)
{
    return by * (double)total / weighed(statistic, weight, c->n);
}

static double mle_mackay(const struct egi_cloud *c, const double *statistic, const uint32_t *weight,
                         size_t total)
{
    return over_mean(c, statistic, weight, total, (double)c->options->k - 1);
}

static double mle_pope(const struct egi_cloud *c, const double *statistic, const uint32_t *weight,
                       size_t total)
{
    return over_mean(c, statistic, weight, total, (double)c->options->k - 2);
}

static double mean(const struct egi_cloud *c, const double *statistic, const uint32_t *weight,
                   size_t total)
{
    return weighed(statistic, weight, c->n) / (double)total;
}

/* ---- Gride ---- */

static size_t twice_scale(const eg_dimension_options *o)
{
    return 2 * o->scale;
}

static void gride(const struct egi_cloud *c, size_t i, double *work, double out[EGI_STATISTICS])
{
    (void)work;
    out[0] = log_ratio(c, i, 2 * c->options->scale, c->options->scale);
}

/* The root in d of the derivative of the logarithm of the likelihood (Denti et al. 2022),
 *     N/d + (n_1 - 1) sum L / (1 - exp(-d L)) - (2 n_1 - 1) sum L = 0,
 * which falls with d: by bisection of ln d, after a bracket has been found. */
static double gride_excess(const struct egi_cloud *c, const double *statistic,
                           const uint32_t *weight, size_t total, double d)
{
    const double n1 = (double)c->options->scale;
    double sum = (double)total / d;
    for (size_t i = 0; i < c->n; i++) {
        const double l = statistic[i * EGI_STATISTICS];
        if (weight[i] == 0) continue;
        const double term = l > 0 ? l / -expm1(-d * l) : 1 / d;
        sum += weight[i] * ((n1 - 1) * term - (2 * n1 - 1) * l);
    }
    return sum;
}

static double gride_likely(const struct egi_cloud *c, const double *statistic,
                           const uint32_t *weight, size_t total)
{
    enum { HALVINGS = 48 };
    double low = (double)total / weighed(statistic, weight, c->n), high;
    if (!isfinite(low)) return low;
    while (low > 0 && gride_excess(c, statistic, weight, total, low) < 0) low /= 2;
    for (high = 2 * low; gride_excess(c, statistic, weight, total, high) > 0;) high *= 2;
    for (int i = 0; i < HALVINGS; i++) {
        const double middle = sqrt(low * high);
        if (gride_excess(c, statistic, weight, total, middle) > 0)
            low = middle;
        else
            high = middle;
    }
    return sqrt(low * high);
}

/* ---- correlation ---- */

static size_t outer(const eg_dimension_options *o)
{
    return o->k > o->scale ? o->k : o->scale;
}

static void within(const struct egi_cloud *c, size_t i, double *work, double out[EGI_STATISTICS])
{
    (void)work;
    memcpy(out, c->within + i * EGI_RADII, EGI_RADII * sizeof *out);
}

static double correlation(const struct egi_cloud *c, const double *statistic,
                          const uint32_t *weight, size_t total)
{
    (void)total;
    return 2 * log(weighed(statistic + 1, weight, c->n) / weighed(statistic, weight, c->n))
           / log(c->radius[1] / c->radius[0]);
}

/* ---- local principal components ---- */

static size_t gram_work(const struct egi_cloud *c)
{
    const size_t m = c->options->k + 1, room = c->d > 3 ? c->d : 3; /* LAPACK takes 2 m + 1 */
    return m * m + m + m * room;
}

/* Eigenvalues of the covariance of a point and its k neighbours, falling: those of the Gram matrix
 * of the k + 1 centred rows. Returns how many. */
static size_t local_spectrum(const struct egi_cloud *c, size_t i, double *work, double **value)
{
    const size_t m = c->options->k + 1;
    double *gram = work, *row = gram + m * m + m;
    *value = gram + m * m;
    for (size_t r = 0; r < m; r++) {
        const size_t from = r == 0 ? i : c->at[i * c->k + r - 1];
        for (size_t j = 0; j < c->d; j++) row[r * c->d + j] = (double)c->x[from * c->d + j];
    }
    for (size_t j = 0; j < c->d; j++) {
        double sum = 0;
        for (size_t r = 0; r < m; r++) sum += row[r * c->d + j];
        for (size_t r = 0; r < m; r++) row[r * c->d + j] -= sum / (double)m;
    }
    for (size_t r = 0; r < m; r++)
        for (size_t s = 0; s <= r; s++) {
            double sum = 0;
            for (size_t j = 0; j < c->d; j++) sum += row[r * c->d + j] * row[s * c->d + j];
            gram[r * m + s] = gram[s * m + r] = sum;
        }
    const lapack_int info =
        LAPACKE_dsyevd_work(LAPACK_COL_MAJOR, 'N', 'U', (lapack_int)m, gram, (lapack_int)m, *value,
                            row, (lapack_int)(2 * m + 1), &(lapack_int){ 0 }, 1);
    return info == 0 ? m : 0;
}

/* How many eigenvalues are above .05 of the largest (Fukunaga and Olsen 1971). */
static void pca_count(const struct egi_cloud *c, size_t i, double *work, double out[EGI_STATISTICS])
{
    double *value;
    const size_t m = local_spectrum(c, i, work, &value);
    out[0] = m > 0 ? 0 : (double)NAN;
    for (size_t r = 0; r < m; r++) out[0] += value[r] > 0.05 * value[m - 1];
}

static void pca_participation(const struct egi_cloud *c, size_t i, double *work,
                              double out[EGI_STATISTICS])
{
    double *value, sum = 0, squares = 0;
    const size_t m = local_spectrum(c, i, work, &value);
    for (size_t r = 0; r < m; r++) {
        sum += value[r];
        squares += value[r] * value[r];
    }
    out[0] = sum * sum / squares;
}

/* ---- the table ---- */

static const struct egi_estimator rows[] = {
    { { "twonn", "two nearest neighbours, maximum likelihood without its bias",
        "(N - 1) / sum ln(r_2 / r_1)", "Facco et al. 2017; Denti et al. 2022" },
      two,
      twonn,
      twonn_likely,
      0,
      EGI_OWN_NONE,
      0,
      NULL },
    { { "twonn-fit", "two nearest neighbours, slope of their distribution",
        "slope of -ln(1 - i/N) against ln mu_(i) through 0, the largest left out",
        "Facco et al. 2017" },
      two,
      twonn,
      twonn_fit,
      1,
      EGI_OWN_NONE,
      0,
      NULL },
    { { "mle", "k neighbours, inverses averaged", "N (k - 1) / sum_i sum_j<k ln(r_k / r_j)",
        "MacKay and Ghahramani 2005" },
      of_k,
      mle,
      mle_mackay,
      0,
      EGI_OWN_K,
      0,
      NULL },
    { { "mle-mean", "k neighbours, values averaged", "mean_i (k - 2) / sum_j<k ln(r_k / r_j)",
        "Levina and Bickel 2004" },
      of_k,
      mle_inverse,
      mean,
      0,
      EGI_OWN_K,
      0,
      NULL },
    { { "mle-pope", "k neighbours as a much used script has it: low by (k - 2) / (k - 1)",
        "N (k - 2) / sum_i sum_j<k ln(r_k / r_j)", "Pope et al. 2021" },
      of_k,
      mle,
      mle_pope,
      0,
      EGI_OWN_K,
      0,
      NULL },
    { { "gride", "ratio of two far neighbours, maximum likelihood: dimension at a scale",
        "argmax sum ln p(r_2n / r_n | d)", "Denti et al. 2022" },
      twice_scale,
      gride,
      gride_likely,
      0,
      EGI_OWN_SCALE,
      0,
      NULL },
    { { "correlation", "pairs within two radii, medians of the distances to two neighbours",
        "ln(C(r_b) / C(r_a)) / ln(r_b / r_a)", "Grassberger and Procaccia 1983" },
      outer,
      within,
      correlation,
      0,
      EGI_OWN_NONE,
      1,
      NULL },
    { { "pca", "eigenvalues of k neighbours above .05 of the largest, averaged; at most k",
        "mean_i #{l: lambda_l > .05 lambda_1}", "Fukunaga and Olsen 1971" },
      of_k,
      pca_count,
      mean,
      0,
      EGI_OWN_K,
      0,
      gram_work },
    { { "pca-participation", "participation ratio of the eigenvalues of k neighbours, averaged",
        "mean_i (sum lambda)^2 / sum lambda^2", "Gao et al. 2017" },
      of_k,
      pca_participation,
      mean,
      0,
      EGI_OWN_K,
      0,
      gram_work },
};

const struct egi_estimator *egi_estimator_row(size_t i)
{
    return i < EGI_COUNT(rows) ? &rows[i] : NULL;
}

const eg_estimator *eg_estimator_row(size_t i)
{
    return i < EGI_COUNT(rows) ? &rows[i].row : NULL;
}
