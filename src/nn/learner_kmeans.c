/* Features of K-means, then a linear read-out (Coates, Lee and Ng 2011, section 3.2.1).
 *
 * Centres: begun by k-means++ (Arthur and Vassilvitskii 2007), moved by Lloyd 1982; a centre that
 * has no example stays. Features f_k = max(0, mean(z) - z_k), z_k = |x - c_k|, and 1. Read-out:
 * ridge regression on +-1 class indicators, W = (F^T F + lambda N I)^-1 F^T Y, by Cholesky in f64;
 * the intercept is not shrunk. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engram/random.h"
#include "kernel/egi_kernel_gemm.h"
#include "nn/egi_kind.h"
#include "nn/egi_learner.h"

enum { STREAM_CENTRES = 0x4b4d4541 }; /* "KMEA" */

struct settings {
    size_t centres, rounds;
    double lambda;
};

static const struct egi_setting settings[] = {
    EGI_SET_COUNT(struct settings, centres, "100", 1, 1e5, "number of centres, at most N"),
    EGI_SET_COUNT(struct settings, rounds, "30", 0, 1e6, "of Lloyd's algorithm, at most"),
    EGI_SET_NUMBER(struct settings, lambda, "0.001", 1e-12, 1e9, "of the ridge, an example"),
    EGI_SET_END,
};

struct kmeans {
    const float *centre;  /* (C, D) */
    const float *readout; /* (K, C + 1), the intercept last */
    size_t c;
};

/* ---- centres ---- */

static double apart(const float *x, const float *y, size_t d)
{
    double sum = 0;
    for (size_t j = 0; j < d; j++) {
        const double by = (double)x[j] - (double)y[j];
        sum += by * by;
    }
    return sum;
}

/* k-means++: the next centre is an example with probability as its square distance. */
static void begin_centres(const struct eg_learner *l, const eg_examples *e, size_t c,
                          double *nearest, float *centre)
{
    const size_t d = l->task.inputs;
    const uint64_t unit = (uint64_t)1 << 53;
    for (size_t i = 0; i < e->n; i++) nearest[i] = INFINITY;
    size_t chosen = eg_random_below(l->seed, STREAM_CENTRES, 0, e->n);
    for (size_t k = 0; k < c; k++) {
        double all = 0, at;
        memcpy(centre + k * d, e->x + chosen * d, d * sizeof *centre);
        for (size_t i = 0; i < e->n; i++) {
            const double own = apart(e->x + i * d, centre + k * d, d);
            nearest[i] = own < nearest[i] ? own : nearest[i];
            all += nearest[i];
        }
        at = all * (double)eg_random_below(l->seed, STREAM_CENTRES, k + 1, unit) / (double)unit;
        for (chosen = 0; chosen + 1 < e->n && at >= nearest[chosen]; chosen++)
            at -= nearest[chosen];
    }
}

/* Lloyd's step; returns how many examples changed their centre. */
static size_t move_centres(const struct eg_learner *l, const eg_examples *e, size_t c,
                           uint32_t *owner, double *sum, float *centre)
{
    const size_t d = l->task.inputs;
    size_t changed = 0;
    double *count = sum + c * d;
    memset(sum, 0, (c * d + c) * sizeof *sum);
    for (size_t i = 0; i < e->n; i++) {
        uint32_t best = 0;
        double least = INFINITY;
        for (size_t k = 0; k < c; k++) {
            const double own = apart(e->x + i * d, centre + k * d, d);
            if (own < least) best = (uint32_t)k;
            if (own < least) least = own;
        }
        changed += owner[i] != best;
        owner[i] = best;
        count[best]++;
        for (size_t j = 0; j < d; j++) sum[best * d + j] += (double)e->x[i * d + j];
    }
    for (size_t k = 0; k < c * d; k++)
        if (count[k / d] > 0) centre[k] = (float)(sum[k] / count[k / d]);
    return changed;
}

/* ---- features ---- */

/* (C + 1) features of x. */
static void features(const float *centre, size_t c, size_t d, const float *x, double *f)
{
    double mean = 0;
    for (size_t k = 0; k < c; k++) {
        f[k] = sqrt(apart(x, centre + k * d, d));
        mean += f[k] / (double)c;
    }
    for (size_t k = 0; k < c; k++) f[k] = f[k] < mean ? mean - f[k] : 0;
    f[c] = 1;
}

/* ---- read-out ---- */

/* A (n, n) symmetric and positive becomes its factor L below the diagonal; then rows of b (m, n)
 * become the solutions of A x = b. */
static void solve(double *a, size_t n, double *b, size_t m)
{
    for (size_t j = 0; j < n; j++) {
        for (size_t i = j; i < n; i++) {
            double sum = a[i * n + j];
            for (size_t k = 0; k < j; k++) sum -= a[i * n + k] * a[j * n + k];
            a[i * n + j] = i == j ? sqrt(sum) : sum / a[j * n + j];
        }
    }
    for (size_t r = 0; r < m; r++) {
        double *x = b + r * n;
        for (size_t i = 0; i < n; i++) {
            for (size_t k = 0; k < i; k++) x[i] -= a[i * n + k] * x[k];
            x[i] /= a[i * n + i];
        }
        for (size_t i = n; i-- > 0;) {
            for (size_t k = i + 1; k < n; k++) x[i] -= a[k * n + i] * x[k];
            x[i] /= a[i * n + i];
        }
    }
}

static eg_status fit_readout(struct eg_learner *l, const eg_examples *e, const float *centre,
                             size_t c)
{
    const struct settings *o = l->settings;
    const size_t f = c + 1, classes = l->task.classes, d = l->task.inputs;
    size_t square, right, at, all;
    struct egi_arena a;
    EGI_TRY(egi_mul_size(f, f, &square));
    EGI_TRY(egi_mul_size(classes, f, &right));
    EGI_TRY(egi_mul_size(e->n, f, &all));
    const struct egi_need needs[] = { { square, sizeof(double) },
                                      { right, sizeof(double) },
                                      { all, sizeof(double) } };
    EGI_TRY(eg_params_add(l->params, "readout", EG_F32, &eg_shape_of(classes, f), &at));
    EGI_TRY(egi_arena_create(l->alloc, needs, EGI_COUNT(needs), "kmeans: its read-out", &a));
    double *gram = a.part[0], *y = a.part[1], *one = a.part[2];
    memset(y, 0, right * sizeof *y);
    for (size_t i = 0; i < e->n; i++) {
        double *own = one + i * f;
        features(centre, c, d, e->x + i * d, own);
        for (size_t k = 0; k < right; k++)
            y[k] += (size_t)e->y[i] == k / f ? own[k % f] : -own[k % f];
    }
    const struct egi_gemm g = {
        .m = f, .n = f, .k = e->n, .a_is_transposed = 1, .lda = f, .ldb = f, .ldc = f, .alpha = 1
    };
    egi_gemm_f64(&g, one, one, gram, l->threads);
    for (size_t k = 0; k < c; k++) gram[k * f + k] += o->lambda * (double)e->n;
    solve(gram, f, y, classes);
    float *w = eg_params_at(l->params, at)->value;
    for (size_t k = 0; k < right; k++) w[k] = (float)y[k];
    egi_arena_destroy(&a);
    return EG_OK;
}

static eg_status fit(struct eg_learner *l, const eg_examples *e)
{
    const struct settings *o = l->settings;
    const size_t d = l->task.inputs, c = o->centres < e->n ? o->centres : e->n;
    size_t sums, at;
    struct egi_arena a;
    EGI_TRY(egi_mul_size(c, d + 1, &sums));
    const struct egi_need needs[] = { { e->n, sizeof(double) },
                                      { e->n, sizeof(uint32_t) },
                                      { sums, sizeof(double) } };
    EGI_TRY(eg_params_add(l->params, "centres", EG_F32, &eg_shape_of(c, d), &at));
    EGI_TRY(egi_arena_create(l->alloc, needs, EGI_COUNT(needs), "kmeans", &a));
    float *centre = eg_params_at(l->params, at)->value;
    memset(a.part[1], 0xff, e->n * sizeof(uint32_t));
    begin_centres(l, e, c, a.part[0], centre);
    for (size_t r = 0; r < o->rounds; r++)
        if (move_centres(l, e, c, a.part[1], a.part[2], centre) == 0) break;
    egi_arena_destroy(&a);
    return fit_readout(l, e, centre, c);
}

static eg_status adopt(struct eg_learner *l)
{
    size_t c = 0, k = l->task.classes, d = l->task.inputs;
    const eg_param *centre = egi_fitted_array(l, "centres", EG_F32, &c, &d);
    if (centre == NULL) return EG_ERR_CORRUPT;
    size_t f = c + 1;
    const eg_param *readout = egi_fitted_array(l, "readout", EG_F32, &k, &f);
    if (readout == NULL) return EG_ERR_CORRUPT;
    *(struct kmeans *)l->own = (struct kmeans){ centre->value, readout->value, c };
    return EG_OK;
}

static eg_status scores(struct eg_learner *l, const float *x, size_t b, float *out)
{
    const struct kmeans *m = l->own;
    const size_t d = l->task.inputs, k = l->task.classes;
    void *room;
    EGI_TRY(egi_alloc_array(l->alloc, m->c + 1, sizeof(double), "kmeans", &room));
    double *f = room;
    for (size_t i = 0; i < b; i++, out += k) {
        features(m->centre, m->c, d, x + i * d, f);
        for (size_t c = 0; c < k; c++) {
            double sum = 0;
            for (size_t j = 0; j <= m->c; j++) sum += f[j] * (double)m->readout[c * (m->c + 1) + j];
            out[c] = (float)sum;
        }
    }
    egi_free(l->alloc, room, (m->c + 1) * sizeof(double));
    return EG_OK;
}

const struct egi_learner_row egi_learner_kmeans = {
    .kind = { "kmeans", "distances to K-means centres, then ridge regression",
              "Coates, Lee and Ng 2011" },
    .settings = settings,
    .settings_bytes = sizeof(struct settings),
    .own_bytes = sizeof(struct kmeans),
    .fit = fit,
    .adopt = adopt,
    .scores = scores,
};
