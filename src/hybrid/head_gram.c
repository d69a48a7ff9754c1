/* Heads that keep the products of components beside the sums of classes: S = sum_i u_i u_i^T of all
 * examples and s_c of each class, in whole numbers.
 *
 * lda    the shared covariance within classes, W = (S - sum_c s_c s_c^T / n_c) / (N - K), and
 *        A = (W + shrink (tr W / E) I)^-1:   score_c = m_c^T A u - m_c^T A m_c / 2
 *        It differs from Hayes and Kanan 2020 (eq. 2 and 3) in: W is the covariance that theirs
 *        approaches, independent of the order of examples; shrink is relative to its size. By
 *        N - K, not N: so it is as large from few examples as from many, and so are the scores.
 * ridge  h = max(0, R u) of random directions, S and s_c of h:  w_c = (S + lambda I)^-1 s_c,
 *        lambda = shrink tr S / E (McDonnell et al. 2023, eq. 4); score_c = w_c^T h
 * fecam  as lda with one covariance, of sqrt(x), shrunk twice and made a correlation before it is
 *        inverted (Goswami et al. 2023, eq. 7 and 8): A = (D^-1/2 W' D^-1/2)^-1
 *
 * Teaching puts an example aside (gram_pending.c): its products are summed with those of others,
 * when there are EGI_PENDING of them, or before an answer, a file, or a merge needs the sum.
 *
 * S is symmetric: the lower half by rows. W is made in f64 of exact sums; it keeps its accuracy as
 * long as means are not much larger than deviations. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "hybrid/egi_gram.h"

enum { SUM = EGI_OWN_FIELDS, PRODUCT };

#define SHRINK(fallback)                                                    \
    EGI_SET_NUMBER(struct egi_gram_settings, shrink, fallback, 1e-12, 1e12, \
                   "added to the diagonal, in units of its mean")

static const struct egi_setting lda_settings[] = {
    EGI_FRONT_SETTINGS(struct egi_gram_settings, "1", "0"),
    SHRINK("1"),
    EGI_SET_END,
};
static const struct egi_setting ridge_settings[] = {
    EGI_FRONT_SETTINGS(struct egi_gram_settings, "1", "2000"),
    SHRINK("0.1"),
    EGI_SET_END,
};
const struct egi_setting egi_fecam_settings[] = {
    EGI_FRONT_SETTINGS(struct egi_gram_settings, "0.5", "0"),
    SHRINK("1"),
    EGI_SET_NUMBER(struct egi_gram_settings, between, "1", 0, 1e12,
                   "added off the diagonal, in units of the mean there"),
    EGI_SET_END,
};

static eg_status plan(eg_head *h)
{
    size_t half;
    EGI_TRY(egi_mul_size(h->e, h->e + 1, &half));
    egi_head_field(h, &(struct egi_field){ "sum", EGI_I32, EGI_CLASS, EGI_SUM, 0, h->e, NULL });
    egi_head_field(
        h, &(struct egi_field){ "product", EGI_I64, EGI_FIXED, EGI_SUM, 1, half / 2, NULL });
    return EG_OK;
}

/* Numbers of 4 bytes: W, and what is put aside. */
static size_t working(const eg_head *h, size_t classes)
{
    return (classes + 2 * (EGI_PENDING + EGI_STRIP)) * h->e + classes;
}

static eg_status plan_ridge(eg_head *h)
{
    if (!egi_head_projects(h))
        return egi_fail(EG_ERR_INVALID, "head: project: ridge takes 1 or more directions");
    return plan(h);
}

static void settle(eg_head *h)
{
    egi_gram_settle(h, h->at[PRODUCT]);
}

static eg_status write(eg_head *h, const int16_t *z, size_t label, int by)
{
    int32_t *sum = (int32_t *)h->at[SUM] + label * h->e;
    for (size_t j = 0; j < h->e; j++) sum[j] += by * z[j];
    if (by < 0) { /* rare, and then exactly at once */
        egi_gram_add(z, h->e, by, h->at[PRODUCT]);
        return EG_OK;
    }
    if (h->pending.n == EGI_PENDING) settle(h);
    egi_gram_put_aside(h, z);
    return EG_OK;
}

/* S / 2^30 into the lower half of a (E, E). */
static void products(const eg_head *h, double *a)
{
    const int64_t *row = h->at[PRODUCT];
    const double one = (double)EGI_HEAD_ONE * EGI_HEAD_ONE;
    memset(a, 0, h->e * h->e * sizeof *a); /* blocks of the factor pass over the upper half */
    for (size_t i = 0; i < h->e; row += ++i)
        for (size_t j = 0; j <= i; j++) a[i * h->e + j] = (double)row[j] / one;
}

/* a -= n_c m_c m_c^T, then / (N - K), where that is 1 at least: m (K, E). */
static void take_means(const eg_head *h, const double *m, double *a)
{
    const size_t e = h->e;
    double left = (double)h->taught;
    for (size_t c = 0; c < h->classes; c++) {
        const double n = egi_head_counts(h)[c];
        left -= n > 0;
        for (size_t i = 0; i < e && n > 0; i++) {
            const double by = n * m[c * e + i];
            for (size_t j = 0; j <= i; j++) a[i * e + j] -= by * m[c * e + j];
        }
    }
    for (size_t i = 0; i < e; i++)
        for (size_t j = 0; j <= i; j++) a[i * e + j] /= fmax(left, 1);
}

static double mean_diagonal(const double *a, size_t e)
{
    double sum = 0;
    for (size_t i = 0; i < e; i++) sum += a[i * e + i];
    return sum / (double)e;
}

/* At least a little: of one example a class, nothing varies. */
static void shrink_diagonal(double *a, size_t e, double by)
{
    const double mean = mean_diagonal(a, e), add = mean > 1e-12 ? by * mean : 1e-12;
    for (size_t i = 0; i < e; i++) a[i * e + i] += add;
}

/* class means (K, E), f64 */
static void means(const eg_head *h, double scale, double *m)
{
    const int32_t *sum = h->at[SUM];
    for (size_t c = 0; c < h->classes; c++) {
        const double n = scale > 0 ? scale : (double)egi_head_counts(h)[c];
        for (size_t j = 0; j < h->e; j++)
            m[c * h->e + j] = n > 0 ? sum[c * h->e + j] / (n * EGI_HEAD_ONE) : 0;
    }
}

typedef void shape_matrix(const eg_head *h, const double *m, double *a);

/* Weights: the rows of m solved by a; biases, where asked for, -m_c^T A m_c / 2. */
static eg_status solve(eg_head *h, double scale, shape_matrix *shape, int biased)
{
    struct egi_arena a;
    size_t square, right;
    EGI_TRY(egi_mul_size(h->e, h->e, &square));
    EGI_TRY(egi_mul_size(h->classes, h->e, &right));
    const struct egi_need needs[] = { { square, sizeof(double) },
                                      { right, sizeof(double) },
                                      { right, sizeof(double) } };
    EGI_TRY(egi_linear_work(h));
    EGI_TRY(egi_arena_create(h->alloc, needs, EGI_COUNT(needs), "head: a covariance", &a));
    double *matrix = a.part[0], *m = a.part[1], *w = a.part[2];
    means(h, scale, m);
    products(h, matrix);
    shape(h, m, matrix);
    memcpy(w, m, right * sizeof *w);
    const int solved = egi_factor(matrix, h->e);
    if (solved) egi_factor_solve(matrix, h->e, w, h->classes);
    for (size_t c = 0; c < h->classes && solved; c++) {
        double half = 0;
        for (size_t j = 0; j < h->e; j++) {
            half += m[c * h->e + j] * w[c * h->e + j] / 2;
            h->work[c * h->e + j] = (float)w[c * h->e + j];
        }
        egi_linear_bias(h)[c] = biased ? (float)-half : 0;
    }
    egi_arena_destroy(&a);
    return solved ? EG_OK
                  : egi_fail(EG_ERR_DIVERGED,
                             "head: the covariance of %llu examples cannot be inverted: set "
                             "shrink higher",
                             (unsigned long long)h->taught);
}

static const struct egi_gram_settings *settings_of(const eg_head *h)
{
    return (const struct egi_gram_settings *)&h->settings;
}

static void shape_lda(const eg_head *h, const double *m, double *a)
{
    take_means(h, m, a);
    shrink_diagonal(a, h->e, settings_of(h)->shrink);
}

static void shape_ridge(const eg_head *h, const double *m, double *a)
{
    (void)m;
    shrink_diagonal(a, h->e, settings_of(h)->shrink);
}

/* S + a1 mean(diagonal) I + a2 mean(rest) (1 - I) */
static void shrink_both(double *a, size_t e, const struct egi_gram_settings *o)
{
    double rest = 0;
    for (size_t i = 0; i < e; i++)
        for (size_t j = 0; j < i; j++) rest += a[i * e + j];
    rest /= e > 1 ? (double)e * (double)(e - 1) / 2 : 1;
    shrink_diagonal(a, e, o->shrink);
    for (size_t i = 0; i < e; i++)
        for (size_t j = 0; j < i; j++) a[i * e + j] += o->between * rest;
}

void egi_gram_correlations(double *a, size_t e, const struct egi_gram_settings *o)
{
    for (int twice = 0; twice < 2; twice++) shrink_both(a, e, o);
    for (size_t i = 0; i < e; i++)
        for (size_t j = 0; j < i; j++) a[i * e + j] /= sqrt(a[i * e + i]) * sqrt(a[j * e + j]);
    for (size_t i = 0; i < e; i++) a[i * e + i] = 1;
}

static void shape_fecam(const eg_head *h, const double *m, double *a)
{
    take_means(h, m, a);
    egi_gram_correlations(a, h->e, settings_of(h));
}

static eg_status prepare_lda(eg_head *h)
{
    return solve(h, 0, shape_lda, 1);
}

static eg_status prepare_ridge(eg_head *h)
{
    return solve(h, 1, shape_ridge, 0);
}

static eg_status prepare_fecam(eg_head *h)
{
    return solve(h, 0, shape_fecam, 1);
}

static size_t frozen(const eg_head *h, size_t classes, size_t items)
{
    (void)items;
    return classes * (h->e + 1) * sizeof(float);
}

enum { CAN = EG_HEAD_FORGETS | EG_HEAD_MERGES };

const struct egi_head_row egi_head_lda = {
    .kind = { "lda", "means and one covariance of all classes, as they come",
              "Hayes and Kanan 2020, eq. 2 and 3", CAN, "component" },
    .teach = { .e = 2, .ee = 0.019 },
    .answer = { .e = 2, .ke = 0.065 },
    .settings = lda_settings,
    .temperature = 1,
    .plan = plan,
    .make = egi_gram_make_pending,
    .write = write,
    .settle = settle,
    .prepare = prepare_lda,
    .frozen = frozen,
    .working = working,
};

const struct egi_head_row egi_head_ridge = {
    .kind = { "ridge", "ridge regression on random projections, cut at 0",
              "McDonnell et al. 2023, eq. 4", CAN, "component" },
    .teach = { .e = 2, .ee = 0.019 },
    .answer = { .e = 2, .ke = 0.065 },
    .settings = ridge_settings,
    .temperature = 5,
    .relu = 1,
    .plan = plan_ridge,
    .make = egi_gram_make_pending,
    .write = write,
    .settle = settle,
    .prepare = prepare_ridge,
    .frozen = frozen,
    .working = working,
};

const struct egi_head_row egi_head_fecam = {
    .kind = { "fecam", "distances under the correlations of all classes",
              "Goswami et al. 2023, eq. 7 and 8", CAN, "component" },
    .teach = { .e = 2, .ee = 0.019 },
    .answer = { .e = 2, .ke = 0.065 },
    .settings = egi_fecam_settings,
    .temperature = 5,
    .plan = plan,
    .make = egi_gram_make_pending,
    .write = write,
    .settle = settle,
    .prepare = prepare_fecam,
    .frozen = frozen,
    .working = working,
};
