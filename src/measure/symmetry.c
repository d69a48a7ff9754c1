/* Infinitesimal symmetries by the singular vectors of the polarised Jacobian.
 *
 * A block of examples gives rows e = vec(J_k B^T (x) (B x, 1)) of Q (Q + affine) numbers. They are
 * stacked under the triangle R of what was seen before and factored, so that R^T R = E^T E always,
 * without ever forming E^T E: singular values are right to eps |E|, where those of a Gram matrix
 * would be to sqrt(eps) |E|. At the end R = U S V^T; V are the generators.
 *
 * Against another function, with triangles R and R': with w = R' v, |R v|^2 / |R' v|^2 has the
 * extremes of R R'^-1, whose right-singular vectors are w.
 *
 * exp(tH) v for an augmented v = (B x, 1): a Taylor series on t / 2^s with |tH|_F / 2^s < 1/2, then
 * s squarings of the matrix (Golub and Van Loan 2013, section 9.3). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/symmetry.h"

#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "base/egi_base.h"
#include "kernel/egi_kernel_gemm.h"

enum { MOST = 8192, TERMS = 20 };

#define RIDGE 1e-6

struct plan {
    const eg_function *f;
    const eg_symmetry_options *o;
    const eg_allocator *alloc;
    size_t d, c, q, wide, m; /* wide: Q + affine; m: numbers of a generator */
    size_t most;             /* outputs of f, or of what it is measured against */
};

static eg_status plan_of(const eg_function *f, const eg_symmetry_options *o, size_t n,
                         struct plan *p)
{
    *p = (struct plan){ .f = f,
                        .o = o,
                        .alloc = o->alloc != NULL ? o->alloc : eg_allocator_default(),
                        .d = f->inputs,
                        .c = f->outputs,
                        .q = o->basis != NULL ? o->q : f->inputs };
    if (o->size != sizeof *o)
        return egi_fail(EG_ERR_INVALID, "options of %zu bytes, expected %zu", o->size, sizeof *o);
    if (n == 0 || p->d == 0 || p->c == 0)
        return egi_fail(EG_ERR_INVALID, "%zu examples of %zu inputs, %zu outputs: expected some", n,
                        p->d, p->c);
    if (p->q == 0 || p->q > p->d)
        return egi_fail(EG_ERR_INVALID, "a basis of %zu directions, expected 1 to %zu", p->q, p->d);
    if (o->batch == 0) return egi_fail(EG_ERR_INVALID, "batch is 0, expected 1 or more");
    p->wide = p->q + (o->affine != 0);
    p->m = p->q * p->wide;
    p->most = o->against != NULL && o->against->outputs > p->c ? o->against->outputs : p->c;
    if (o->against != NULL && o->against->inputs != p->d)
        return egi_fail(EG_ERR_SHAPE, "against a function of %zu inputs, expected %zu",
                        o->against->inputs, p->d);
    if (p->m > MOST)
        return egi_fail(EG_ERR_LIMIT,
                        "%zu numbers a generator, expected up to %d: a basis of fewer directions",
                        p->m, MOST);
    return EG_OK;
}

size_t eg_symmetry_size(const eg_function *f, const eg_symmetry_options *options)
{
    const size_t q = options->basis != NULL ? options->q : f->inputs;
    return q * (q + (options->affine != 0));
}

/* ---- a learner as a function ---- */

static eg_status learner_value(void *user, const float *x, size_t b, float *y)
{
    return eg_learner_scores(user, x, b, y);
}

static eg_status learner_jacobian(void *user, const float *x, size_t b, float *j)
{
    const eg_task *task = eg_learner_task(user);
    const size_t d = task->inputs, c = task->classes;
    const eg_allocator *alloc = eg_allocator_default();
    struct egi_arena arena;
    const struct egi_need needs[] = { { b * c, sizeof(float) }, { b * d, sizeof(float) } };
    EGI_TRY(egi_arena_create(alloc, needs, EGI_COUNT(needs), "Jacobian", &arena));
    float *along = arena.part[0], *dx = arena.part[1];
    eg_status s = EG_OK;
    for (size_t k = 0; k < c && s == EG_OK; k++) {
        memset(along, 0, b * c * sizeof *along);
        for (size_t i = 0; i < b; i++) along[i * c + k] = 1;
        s = eg_learner_pullback(user, x, along, b, NULL, dx);
        for (size_t i = 0; i < b && s == EG_OK; i++)
            memcpy(j + (i * c + k) * d, dx + i * d, d * sizeof *dx);
    }
    egi_arena_destroy(&arena);
    return s;
}

eg_function eg_learner_function(eg_learner *l)
{
    const eg_task *task = eg_learner_task(l);
    return (eg_function){ task->inputs, task->classes, learner_value, learner_jacobian, l };
}

/* ---- coordinates ---- */

/* out (wide) = (B x, 1) */
static void inside(const struct plan *p, const float *x, double *out)
{
    for (size_t a = 0; a < p->q; a++) {
        double sum = 0;
        if (p->o->basis == NULL)
            sum = (double)x[a];
        else
            for (size_t i = 0; i < p->d; i++)
                sum += (double)p->o->basis[a * p->d + i] * (double)x[i];
        out[a] = sum;
    }
    if (p->wide > p->q) out[p->q] = 1;
}

/* ---- all generators ---- */

struct stacking {
    float *jacobian; /* (batch, C, D) */
    double *rows;    /* (m + batch C, m) row-major: the triangle, then new rows */
    double *tau;     /* (m) */
    double *at;      /* (wide) (B x, 1) */
};

static void polarise(const struct plan *p, const struct stacking *s, const float *x,
                     const float *row, double *out)
{
    inside(p, x, s->at);
    for (size_t a = 0; a < p->q; a++) {
        double sum = 0;
        if (p->o->basis == NULL)
            sum = (double)row[a];
        else
            for (size_t i = 0; i < p->d; i++)
                sum += (double)p->o->basis[a * p->d + i] * (double)row[i];
        for (size_t b = 0; b < p->wide; b++) out[a * p->wide + b] = sum * s->at[b];
    }
}

/* The triangle of what lies in rows (count, m), which is left in the first m of them. */
static eg_status fold(const struct plan *p, const struct stacking *s, size_t count)
{
    const lapack_int m = (lapack_int)p->m;
    if (LAPACKE_dgeqrf(LAPACK_ROW_MAJOR, (lapack_int)count, m, s->rows, m, s->tau) != 0)
        return egi_fail(EG_ERR_NOMEM, "no memory to factor %zu rows of %zu", count, p->m);
    for (size_t i = 0; i < p->m; i++)
        for (size_t j = 0; j < i; j++) s->rows[i * p->m + j] = 0;
    return EG_OK;
}

static eg_status check_jacobian(const struct plan *p, const float *j, size_t first, size_t count)
{
    for (size_t i = 0; i < count * p->c * p->d; i++)
        if (!isfinite(j[i]))
            return egi_fail(EG_ERR_INVALID,
                            "example %zu: derivative of output %zu by input %zu is %g, expected a "
                            "finite number",
                            first + i / (p->c * p->d), i / p->d % p->c, i % p->d, (double)j[i]);
    return EG_OK;
}

static eg_status stack(const struct plan *p, const struct stacking *s, const float *x, size_t n)
{
    memset(s->rows, 0, p->m * p->m * sizeof *s->rows);
    for (size_t i = 0, b; i < n; i += b) {
        b = n - i < p->o->batch ? n - i : p->o->batch;
        EGI_TRY(egi_report(p->o->progress, "Jacobians", i, n));
        EGI_TRY(p->f->jacobian(p->f->user, x + i * p->d, b, s->jacobian));
        EGI_TRY(check_jacobian(p, s->jacobian, i, b));
        for (size_t r = 0; r < b * p->c; r++)
            polarise(p, s, x + (i + r / p->c) * p->d, s->jacobian + r * p->d,
                     s->rows + (p->m + r) * p->m);
        EGI_TRY(fold(p, s, p->m + b * p->c));
    }
    return egi_report(p->o->progress, "Jacobians", n, n);
}

/* s->rows, a triangle, becomes that of it and of a ridge. */
static eg_status ridge(const struct plan *p, const struct stacking *s)
{
    const size_t m = p->m;
    double mean = 0;
    for (size_t i = 0; i < m * m; i++) mean += s->rows[i] * s->rows[i] / (double)m;
    if (!(mean > 0)) return egi_fail(EG_ERR_INVALID, "no change is seen at all");
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < m; j++) s->rows[(m + i) * m + j] = i == j ? sqrt(RIDGE * mean) : 0;
    return fold(p, s, 2 * m);
}

/* The triangle R' (m, m) of what is measured against, with its ridge. */
static eg_status measure(const struct plan *p, const struct stacking *s, const float *x, size_t n,
                         double *triangle)
{
    struct plan other = *p;
    other.f = p->o->against;
    other.c = other.f->outputs;
    EGI_TRY(stack(&other, s, x, n));
    EGI_TRY(ridge(p, s));
    memcpy(triangle, s->rows, p->m * p->m * sizeof *triangle);
    return EG_OK;
}

/* x (m, m) times R'^-1, or of its transpose: rows as columns, R' as the lower triangle that it is
 * then. The ridge keeps it from being singular. */
static void behind_triangle(char transposed, size_t m, const double *triangle, double *x)
{
    const lapack_int n = (lapack_int)m;
    (void)LAPACKE_dtrtrs(LAPACK_COL_MAJOR, 'L', transposed, 'N', n, n, triangle, n, x, n);
}

/* Rows w of singular vectors become v = R'^-1 w, of norm 1. */
static void back_from(const struct plan *p, const double *triangle, double *v)
{
    const size_t m = p->m;
    behind_triangle('T', m, triangle, v);
    for (size_t i = 0; i < m; i++) {
        double norm = 0;
        for (size_t j = 0; j < m; j++) norm += v[i * m + j] * v[i * m + j];
        for (size_t j = 0; j < m; j++) v[i * m + j] /= sqrt(norm);
    }
}

/* Right-singular vectors of the triangle, singular values rising; against: R' or NULL. */
static eg_status resolve(const struct plan *p, const struct stacking *s, size_t n,
                         const double *against, double *spectrum, double *generator)
{
    const lapack_int m = (lapack_int)p->m;
    if (against != NULL) behind_triangle('N', p->m, against, s->rows);
    if (LAPACKE_dgesdd(LAPACK_ROW_MAJOR, 'O', m, m, s->rows, m, s->tau, NULL, m, generator, m) != 0)
        return egi_fail(EG_ERR_NOMEM, "no singular values of %zu rows: no memory", p->m);
    const double by = against != NULL ? 1 : 1 / sqrt((double)n);
    for (size_t i = 0; i < p->m; i++) spectrum[i] = s->tau[p->m - 1 - i] * by;
    for (size_t i = 0; i < p->m / 2; i++)
        for (size_t j = 0; j < p->m; j++) {
            double *a = generator + i * p->m + j, *b = generator + (p->m - 1 - i) * p->m + j;
            const double t = *a;
            *a = *b;
            *b = t;
        }
    if (against != NULL) back_from(p, against, generator);
    return EG_OK;
}

static eg_status find(const struct plan *p, const struct stacking *s, const float *x, size_t n,
                      double *triangle, double *spectrum, double *generator)
{
    const double *against = p->o->against != NULL ? triangle : NULL;
    if (against != NULL) EGI_TRY(measure(p, s, x, n, triangle));
    EGI_TRY(stack(p, s, x, n));
    if (against != NULL) EGI_TRY(ridge(p, s));
    return resolve(p, s, n, against, spectrum, generator);
}

eg_status eg_symmetry_find(const eg_function *f, const float *x, size_t n,
                           const eg_symmetry_options *options, double *spectrum, double *generator)
{
    struct plan p;
    struct egi_arena arena;
    size_t jacobian, rows;
    EGI_TRY(plan_of(f, options, n, &p));
    const size_t new = options->batch *p.most;
    EGI_TRY(egi_mul_size(new, p.d, &jacobian));
    EGI_TRY(egi_mul_size(p.m + (new > p.m ? new : p.m), p.m, &rows));
    const struct egi_need needs[] = { { jacobian, sizeof(float) },
                                      { rows, sizeof(double) },
                                      { p.m, sizeof(double) },
                                      { p.wide, sizeof(double) },
                                      { options->against != NULL ? p.m * p.m : 0,
                                        sizeof(double) } };
    EGI_TRY(egi_arena_create(p.alloc, needs, EGI_COUNT(needs), "symmetry", &arena));
    const struct stacking s = {
        .jacobian = arena.part[0], .rows = arena.part[1], .tau = arena.part[2], .at = arena.part[3]
    };
    const eg_status status = find(&p, &s, x, n, arena.part[4], spectrum, generator);
    egi_arena_destroy(&arena);
    return status;
}

/* ---- along an orbit ---- */

static void product(const double *a, const double *b, size_t n, double *c)
{
    const struct egi_gemm g = { .m = n, .n = n, .k = n, .lda = n, .ldb = n, .ldc = n, .alpha = 1 };
    egi_gemm_f64(&g, a, b, c, 1);
}

/* out (wide, wide) = exp(tH), H as a matrix of the augmented space; work (2 wide^2). */
static void exponential(const struct plan *p, const double *h, double t, double *out, double *work)
{
    const size_t w = p->wide, cells = w * w;
    double *a = work, *term = work + cells, norm = 0;
    int halvings = 0;
    memset(a, 0, cells * sizeof *a);
    for (size_t i = 0; i < p->m; i++) {
        a[i] = t * h[i]; /* the last row of an affine one is 0 */
        norm += a[i] * a[i];
    }
    (void)frexp(sqrt(norm), &halvings); /* below 2^halvings */
    halvings = halvings + 1 > 0 ? halvings + 1 : 0;
    for (size_t i = 0; i < cells; i++) a[i] = ldexp(a[i], -halvings);
    memset(out, 0, cells * sizeof *out);
    for (size_t i = 0; i < w; i++) out[i * w + i] = 1;
    for (int k = TERMS; k > 0; k--) { /* Horner: I + A/k (..) */
        product(a, out, w, term);
        for (size_t i = 0; i < cells; i++) out[i] = term[i] / k;
        for (size_t i = 0; i < w; i++) out[i * w + i] += 1;
    }
    for (; halvings > 0; halvings--) {
        product(out, out, w, term);
        memcpy(out, term, cells * sizeof *out);
    }
}

/* y = x + B^T (exp(tH) - I) (B x, 1); at, to (wide) */
static void move_one(const struct plan *p, const double *e, const float *x, double *at, double *to,
                     float *y)
{
    inside(p, x, at);
    for (size_t a = 0; a < p->q; a++) {
        to[a] = -at[a];
        for (size_t b = 0; b < p->wide; b++) to[a] += e[a * p->wide + b] * at[b];
    }
    for (size_t i = 0; i < p->d; i++) {
        double sum = (double)x[i];
        if (p->o->basis == NULL)
            sum += to[i];
        else
            for (size_t a = 0; a < p->q; a++) sum += (double)p->o->basis[a * p->d + i] * to[a];
        y[i] = (float)sum;
    }
}

eg_status eg_symmetry_move(const eg_function *f, const float *x, size_t n,
                           const eg_symmetry_options *options, const double *h, double t, float *y)
{
    struct plan p;
    struct egi_arena arena;
    EGI_TRY(plan_of(f, options, n, &p));
    const struct egi_need needs[] = { { 3 * p.wide * p.wide, sizeof(double) },
                                      { 2 * p.wide, sizeof(double) } };
    EGI_TRY(egi_arena_create(p.alloc, needs, EGI_COUNT(needs), "symmetry", &arena));
    double *e = arena.part[0], *at = arena.part[1];
    exponential(&p, h, t, e, e + p.wide * p.wide);
    for (size_t i = 0; i < n; i++) move_one(&p, e, x + i * p.d, at, at + p.wide, y + i * p.d);
    egi_arena_destroy(&arena);
    return EG_OK;
}

static double square_norm(const float *v, size_t n)
{
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += (double)v[i] * (double)v[i];
    return sum;
}

/* sum over examples and outputs of (J_k H x)^2 */
static eg_status square_change(const struct plan *p, const double *h, const float *x, size_t n,
                               float *jacobian, double *at, double *to, double *out)
{
    *out = 0;
    for (size_t i = 0, b; i < n; i += b) {
        b = n - i < p->o->batch ? n - i : p->o->batch;
        EGI_TRY(p->f->jacobian(p->f->user, x + i * p->d, b, jacobian));
        for (size_t r = 0; r < b * p->c; r++) {
            double sum = 0;
            const float *row = jacobian + r * p->d;
            inside(p, x + (i + r / p->c) * p->d, at);
            for (size_t a = 0; a < p->q; a++) {
                double way = p->o->basis == NULL ? (double)row[a] : 0;
                to[a] = 0;
                for (size_t c = 0; c < p->wide; c++) to[a] += h[a * p->wide + c] * at[c];
                for (size_t j = 0; j < p->d && p->o->basis != NULL; j++)
                    way += (double)p->o->basis[a * p->d + j] * (double)row[j];
                sum += way * to[a];
            }
            *out += sum * sum;
        }
    }
    return EG_OK;
}

/* Of y (N, C) before and moved (N, C): squares of differences over squares about the mean. */
static double changed(const float *before, const float *moved, size_t n, size_t c)
{
    double difference = 0, spread = 0;
    for (size_t k = 0; k < c; k++) {
        double mean = 0;
        for (size_t i = 0; i < n; i++) mean += (double)before[i * c + k] / (double)n;
        for (size_t i = 0; i < n; i++) {
            const double by = (double)moved[i * c + k] - (double)before[i * c + k],
                         off = (double)before[i * c + k] - mean;
            difference += by * by;
            spread += off * off;
        }
    }
    return difference / spread;
}

eg_status eg_symmetry_check(const eg_function *f, const float *x, size_t n,
                            const eg_symmetry_options *options, const double *h, double t,
                            eg_kept *out)
{
    struct plan p;
    struct egi_arena arena;
    double norm = 0;
    EGI_TRY(plan_of(f, options, n, &p));
    const struct egi_need needs[] = { { n * p.d, sizeof(float) },
                                      { 2 * n * p.c, sizeof(float) },
                                      { options->batch * p.c * p.d, sizeof(float) },
                                      { 2 * p.wide, sizeof(double) } };
    EGI_TRY(egi_arena_create(p.alloc, needs, EGI_COUNT(needs), "symmetry", &arena));
    float *y = arena.part[0], *before = arena.part[1], *moved = before + n * p.c;
    double *at = arena.part[3];
    for (size_t i = 0; i < p.m; i++) norm += h[i] * h[i];
    *out = (eg_kept){ .moved = 0 };
    eg_status s = eg_symmetry_move(f, x, n, options, h, t, y);
    if (s == EG_OK) s = f->value(f->user, x, n, before);
    if (s == EG_OK) s = f->value(f->user, y, n, moved);
    if (s == EG_OK) s = square_change(&p, h, x, n, arena.part[2], at, at + p.wide, &out->bias);
    out->bias = sqrt(out->bias / (double)n / norm);
    out->variance = s == EG_OK ? changed(before, moved, n, p.c) : 0;
    for (size_t i = 0; i < n && s == EG_OK; i++) {
        const double length = sqrt(square_norm(x + i * p.d, p.d));
        for (size_t j = 0; j < p.d; j++) y[i * p.d + j] -= x[i * p.d + j];
        if (length > 0) out->moved += sqrt(square_norm(y + i * p.d, p.d)) / length / (double)n;
    }
    egi_arena_destroy(&arena);
    return s;
}
