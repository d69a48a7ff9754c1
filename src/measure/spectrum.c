/* Lanczos with full reorthogonalisation, and what is built on it.
 *
 * Q_m of m orthonormal vectors, A Q_m = Q_m T_m + beta_m q_(m+1) e_m^T with T tridiagonal: its
 * eigenvalues theta approach those of A from inside, and |A v - theta v| = beta_m |s_m|, s_m the
 * last component of T's eigenvector. Each new vector is made orthogonal to all before it twice
 * (Parlett 1998, section 6.9: twice is enough), so that no eigenvalue comes again by rounding. The
 * weights of the quadrature are first components squared: those of all components, or a symmetric
 * matrix handed to a general solver, are errors of public code. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/spectrum.h"

#include <float.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "base/egi_base.h"
#include "engram/random.h"
#include "kernel/egi_kernel_gemm.h"

enum { STEPS = 300, LOOK = 10, STREAM_START = 1, STREAM_SIGN = 1 << 20 };

struct space {
    const eg_operator *a;
    const eg_spectrum_options *o;
    size_t m, most;       /* vectors; at most */
    double *q;            /* (most + 1, n) */
    double *alpha, *beta; /* (most + 1) */
    double *theta, *off;  /* (most + 1) eigenvalues of T; scratch */
    double *vector;       /* (most, most) rows of eigenvectors */
    double *part;         /* (most + 1) */
    double scale;         /* the largest |entry| of T so far */
    uint64_t stream, products;
    struct egi_arena arena;
};

static double *vector_at(const struct space *s, size_t k)
{
    return s->q + k * s->a->n;
}

static double dot(const double *x, const double *y, size_t n)
{
    enum { LANES = 8 };
    double part[LANES] = { 0 }, sum = 0;
    for (size_t i = 0; i < n; i++) part[i % LANES] += x[i] * y[i];
    for (size_t i = 0; i < LANES; i++) sum += part[i];
    return sum;
}

static double length_of(const double *x, size_t n)
{
    return sqrt(dot(x, x, n));
}

static void scale_by(double *x, double by, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] *= by;
}

/* Signs or normal numbers of a stream, as doubles. */
static void draw(const struct space *s, int signs, uint64_t stream, double *to)
{
    enum { BLOCK = 256 };
    float some[BLOCK];
    for (size_t i = 0; i < s->a->n; i += BLOCK) {
        const size_t n = s->a->n - i < BLOCK ? s->a->n - i : BLOCK;
        if (signs)
            eg_random_sign(s->o->seed, stream, i, n, some);
        else
            eg_random_normal(s->o->seed, stream, i, n, some);
        for (size_t k = 0; k < n; k++) to[i + k] = (double)some[k];
    }
}

static eg_status product(struct space *s, const double *x, double *y)
{
    const eg_progress *p = s->o->progress;
    EGI_TRY(s->a->apply(s->a->user, x, y));
    for (size_t i = 0; i < s->a->n; i++)
        if (!isfinite(y[i]))
            return egi_fail(EG_ERR_DIVERGED, "product %llu: entry %zu is %g",
                            (unsigned long long)s->products, i, y[i]);
    s->products++;
    if (p != NULL && p->report != NULL && p->report(p->user, "products", s->products, 0) != 0)
        return egi_fail(EG_ERR_INTERRUPTED, "spectrum: stopped after %llu products",
                        (unsigned long long)s->products);
    return EG_OK;
}

/* v less what lies along the first m vectors; returns what is left of its length. */
static double orthogonal(const struct space *s, size_t m, double *v)
{
    const size_t n = s->a->n;
    const struct egi_gemm along = {
        .m = m, .n = 1, .k = n, .lda = n, .ldb = 1, .ldc = 1, .alpha = 1
    };
    const struct egi_gemm less = {
        .m = 1, .n = n, .k = m, .lda = m, .ldb = n, .ldc = n, .alpha = -1, .beta = 1
    };
    for (int twice = 0; twice < 2 && m > 0; twice++) {
        egi_gemm_f64(&along, s->q, v, s->part, 1);
        egi_gemm_f64(&less, s->part, s->q, v, 1);
    }
    return length_of(v, n);
}

/* A unit vector orthogonal to all there are, into place m. */
static eg_status fresh(struct space *s)
{
    double *v = vector_at(s, s->m);
    for (int tries = 0; tries < 10; tries++) {
        draw(s, 0, s->stream++, v);
        const double before = length_of(v, s->a->n), length = orthogonal(s, s->m, v);
        if (!(length > 1e-8 * before)) continue;
        scale_by(v, 1 / length, s->a->n);
        return EG_OK;
    }
    return egi_fail(EG_ERR_DIVERGED, "spectrum: no vector is orthogonal to %zu others", s->m);
}

/* One more vector; *ended: the subspace is invariant, and vector m is not there. */
static eg_status step(struct space *s, int *ended)
{
    const size_t m = s->m;
    const size_t n = s->a->n;
    double *q = vector_at(s, m), *next = vector_at(s, m + 1);
    EGI_TRY(product(s, q, next));
    s->alpha[m] = dot(q, next, n);
    s->m = m + 1;
    const double length = orthogonal(s, s->m, next);
    s->scale = fmax(s->scale, fmax(fabs(s->alpha[m]), length));
    *ended = s->m == s->a->n || !(length > 64 * DBL_EPSILON * sqrt((double)n) * s->scale);
    s->beta[m] = *ended ? 0 : length;
    if (!*ended) scale_by(next, 1 / length, n);
    return EG_OK;
}

/* Eigenvalues of T, rising, and eigenvectors as rows. */
static eg_status solve(struct space *s)
{
    memcpy(s->theta, s->alpha, s->m * sizeof *s->theta);
    memcpy(s->off, s->beta, s->m * sizeof *s->off);
    if (LAPACKE_dstev(LAPACK_COL_MAJOR, 'V', (lapack_int)s->m, s->theta, s->off, s->vector,
                      (lapack_int)s->m)
        != 0)
        return egi_fail(EG_ERR_DIVERGED, "eigenvalues of a tridiagonal matrix of %zu", s->m);
    return EG_OK;
}

static eg_status open_space(const eg_operator *a, const eg_spectrum_options *o, size_t most,
                            struct space *s)
{
    *s = (struct space){ .a = a, .o = o, .stream = STREAM_START };
    if (o->size != sizeof *o || a->n == 0 || o->draws == 0 || !(o->tolerance >= 0))
        return egi_fail(EG_ERR_INVALID,
                        "options of %zu bytes, %zu numbers, %zu draws, tolerance %g", o->size, a->n,
                        o->draws, o->tolerance);
    s->most = most < a->n ? most : a->n;
    if (a->n > INT32_MAX || (s->most + 1) > ((size_t)1 << 29) / a->n + 1)
        return egi_fail(EG_ERR_LIMIT, "%zu steps of %zu numbers: fewer steps", s->most, a->n);
    const struct egi_need needs[7] = {
        { (s->most + 1) * a->n, sizeof(double) }, { s->most + 1, sizeof(double) },
        { s->most + 1, sizeof(double) },          { s->most + 1, sizeof(double) },
        { s->most + 1, sizeof(double) },          { s->most * s->most, sizeof(double) },
        { s->most + 1, sizeof(double) }
    };
    EGI_TRY(egi_arena_create(o->alloc != NULL ? o->alloc : eg_allocator_default(), needs, 7,
                             "spectrum", &s->arena));
    s->q = s->arena.part[0];
    s->alpha = s->arena.part[1];
    s->beta = s->arena.part[2];
    s->theta = s->arena.part[3];
    s->off = s->arena.part[4];
    s->vector = s->arena.part[5];
    s->part = s->arena.part[6];
    return EG_OK;
}

/* ---- eigenvalues ---- */

/* Of eigenvalue i, from below. */
static double residual_of(const struct space *s, size_t i)
{
    return s->beta[s->m - 1] * fabs(s->vector[i * s->m + s->m - 1]);
}

static int settled(const struct space *s, size_t top, size_t bottom)
{
    const double most = fmax(fabs(s->theta[0]), fabs(s->theta[s->m - 1]));
    if (s->m < top + bottom && s->m < s->a->n) return 0;
    for (size_t i = 0; i < s->m; i++)
        if ((i < bottom || i + top >= s->m) && !(residual_of(s, i) <= s->o->tolerance * most))
            return 0;
    return 1;
}

static eg_status find(struct space *s, size_t top, size_t bottom, eg_extremes *out)
{
    int ended = 0;
    *out = (eg_extremes){ 0, 0 };
    EGI_TRY(fresh(s));
    while (s->m < s->most && !out->resolved) {
        EGI_TRY(step(s, &ended));
        if (s->m % LOOK == 0 || s->m == s->most) {
            EGI_TRY(solve(s));
            /* an invariant subspace has no residual, and may leave eigenvalues out */
            out->resolved = s->m == s->a->n || (!ended && settled(s, top, bottom));
        }
        if (ended && s->m < s->most) EGI_TRY(fresh(s));
    }
    out->steps = s->m;
    return solve(s);
}

eg_status eg_eigenvalues(const eg_operator *a, size_t top, size_t bottom,
                         const eg_spectrum_options *options, double *largest, double *smallest,
                         double *residual, eg_extremes *out)
{
    const eg_spectrum_options usual = EG_SPECTRUM_OPTIONS_INIT,
                              *o = options != NULL ? options : &usual;
    const size_t most = o->steps > 0 ? o->steps : STEPS;
    struct space s;
    if (top > a->n || bottom > a->n || top + bottom == 0 || (most < top + bottom && most < a->n))
        return egi_fail(EG_ERR_INVALID, "%zu + %zu eigenvalues of %zu in %zu steps", top, bottom,
                        a->n, most);
    EGI_TRY(open_space(a, o, most, &s));
    const eg_status status = find(&s, top, bottom, out);
    for (size_t i = 0; i < top && status == EG_OK; i++) largest[i] = s.theta[s.m - 1 - i];
    for (size_t i = 0; i < bottom && status == EG_OK; i++) smallest[i] = s.theta[i];
    for (size_t i = 0; i < top + bottom && status == EG_OK && residual != NULL; i++)
        residual[i] = residual_of(&s, i < top ? s.m - 1 - i : i - top);
    egi_arena_destroy(&s.arena);
    return status;
}

/* ---- by random vectors ---- */

static const eg_spectrum_options *options_of(const eg_spectrum_options *options,
                                             eg_spectrum_options *usual)
{
    *usual = (eg_spectrum_options)EG_SPECTRUM_OPTIONS_INIT;
    return options != NULL ? options : usual;
}

/* Random signs into place 0, A times them into place 1. */
static eg_status probe(struct space *s, size_t i)
{
    draw(s, 1, STREAM_SIGN + i, vector_at(s, 0));
    return product(s, vector_at(s, 0), vector_at(s, 1));
}

eg_status eg_trace(const eg_operator *a, const eg_spectrum_options *options, double *trace,
                   double *error)
{
    eg_spectrum_options usual;
    const eg_spectrum_options *o = options_of(options, &usual);
    struct space s;
    double sum = 0, squares = 0;
    EGI_TRY(open_space(a, o, 1, &s));
    eg_status status = EG_OK;
    for (size_t i = 0; i < o->draws && status == EG_OK; i++) {
        status = probe(&s, i);
        if (status != EG_OK) break;
        const double one = dot(vector_at(&s, 0), vector_at(&s, 1), a->n);
        const double by = one - sum; /* Welford's mean and sum of squares */
        sum += by / (double)(i + 1);
        squares += by * (one - sum);
    }
    egi_arena_destroy(&s.arena);
    if (status != EG_OK) return status;
    const double m = (double)o->draws;
    *trace = sum;
    if (error != NULL) *error = o->draws > 1 ? sqrt(squares / (m - 1) / m) : NAN;
    return EG_OK;
}

eg_status eg_diagonal(const eg_operator *a, const eg_spectrum_options *options, double *diagonal)
{
    eg_spectrum_options usual;
    const eg_spectrum_options *o = options_of(options, &usual);
    struct space s;
    EGI_TRY(open_space(a, o, 1, &s));
    eg_status status = EG_OK;
    for (size_t i = 0; i < o->draws && status == EG_OK; i++) {
        const double *v = vector_at(&s, 0), *y = vector_at(&s, 1);
        status = probe(&s, i);
        for (size_t k = 0; k < a->n && status == EG_OK; k++) {
            if (i == 0) diagonal[k] = 0;
            diagonal[k] += v[k] * y[k] / (double)o->draws;
        }
    }
    egi_arena_destroy(&s.arena);
    return status;
}

/* Nodes and weights from one vector. */
static eg_status quadrature(struct space *s, uint64_t stream, size_t steps, double *node,
                            double *weight)
{
    int ended = 0;
    s->m = 0;
    draw(s, 1, stream, vector_at(s, 0));
    scale_by(vector_at(s, 0), 1 / sqrt((double)s->a->n), s->a->n);
    while (s->m < s->most && !ended) EGI_TRY(step(s, &ended));
    EGI_TRY(solve(s));
    for (size_t j = 0; j < steps; j++) {
        node[j] = j < s->m ? s->theta[j] : 0;
        weight[j] = j < s->m ? s->vector[j * s->m] * s->vector[j * s->m] : 0;
    }
    return EG_OK;
}

eg_status eg_density(const eg_operator *a, const eg_spectrum_options *options, double *node,
                     double *weight)
{
    eg_spectrum_options usual;
    const eg_spectrum_options *o = options_of(options, &usual);
    const size_t steps = o->steps > 0 ? o->steps : STEPS;
    struct space s;
    EGI_TRY(open_space(a, o, steps, &s));
    eg_status status = EG_OK;
    for (size_t i = 0; i < o->draws && status == EG_OK; i++)
        status = quadrature(&s, STREAM_SIGN + i, steps, node + i * steps, weight + i * steps);
    egi_arena_destroy(&s.arena);
    return status;
}
