/* The tangent space of data: principal directions of neighbours, and functions seen along it.
 *
 * Neighbours of a place are found by exact distances to all examples, k of them kept in order;
 * their differences from their mean, (k, D), have the directions as right-singular vectors. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "base/egi_base.h"
#include "engram/symmetry.h"

struct eg_tangent {
    const eg_allocator *alloc;
    const float *x; /* (n, d) borrowed */
    size_t n, d, k, q;
    double *square; /* (k) distances, rising */
    size_t *near;   /* (k) */
    double *apart;  /* (k, d), then its right-singular vectors */
    double *value;  /* (k) */
    double *left;   /* (k, k) */
    double *right;  /* (min(k, d), d) */
    float *way;     /* (q, d) */
    eg_function of; /* what eg_tangent_restrict has seen */
    struct egi_arena arena;
};

eg_status eg_tangent_create(const float *x, size_t n, size_t d, size_t k, size_t q,
                            const eg_allocator *alloc, eg_tangent **out)
{
    if (d == 0 || q == 0 || q > d || k <= q || k > n)
        return egi_fail(
            EG_ERR_INVALID,
            "%zu directions of %zu by %zu neighbours among %zu: expected 1 to all, more "
            "neighbours than directions",
            q, d, k, n);
    for (size_t i = 0; i < n * d; i++)
        if (!isfinite(x[i]))
            return egi_fail(EG_ERR_INVALID, "example %zu, input %zu is %g", i / d, i % d,
                            (double)x[i]);
    const eg_allocator *a = alloc != NULL ? alloc : eg_allocator_default();
    const struct egi_need needs[] = { { k, sizeof(double) },
                                      { k, sizeof(size_t) },
                                      { k * d, sizeof(double) },
                                      { k, sizeof(double) },
                                      { k * k, sizeof(double) },
                                      { q * d, sizeof(float) },
                                      { (k < d ? k : d) * d, sizeof(double) },
                                      { 1, sizeof(struct eg_tangent) } };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(a, needs, EGI_COUNT(needs), "tangent space", &arena));
    eg_tangent *t = arena.part[7];
    *t = (eg_tangent){ .alloc = a, .x = x, .n = n, .d = d, .k = k, .q = q };
    t->square = arena.part[0];
    t->near = arena.part[1];
    t->apart = arena.part[2];
    t->value = arena.part[3];
    t->left = arena.part[4];
    t->way = arena.part[5];
    t->right = arena.part[6];
    t->arena = arena;
    *out = t;
    return EG_OK;
}

void eg_tangent_destroy(eg_tangent *t)
{
    if (t == NULL) return;
    struct egi_arena arena = t->arena; /* which holds it */
    egi_arena_destroy(&arena);
}

static void find_near(eg_tangent *t, const float *x)
{
    size_t kept = 0;
    for (size_t i = 0; i < t->n; i++) {
        double square = 0;
        for (size_t j = 0; j < t->d; j++) {
            const double by = (double)t->x[i * t->d + j] - (double)x[j];
            square += by * by;
        }
        if (kept == t->k && !(square < t->square[kept - 1])) continue;
        size_t at = kept < t->k ? kept++ : kept - 1;
        for (; at > 0 && t->square[at - 1] > square; at--) {
            t->square[at] = t->square[at - 1];
            t->near[at] = t->near[at - 1];
        }
        t->square[at] = square;
        t->near[at] = i;
    }
}

/* t->way (q, d) of the neighbours of x */
static eg_status directions(eg_tangent *t, const float *x)
{
    const size_t k = t->k, d = t->d;
    const lapack_int least = (lapack_int)(k < d ? k : d);
    find_near(t, x);
    for (size_t j = 0; j < d; j++) {
        double mean = 0;
        for (size_t i = 0; i < k; i++) mean += (double)t->x[t->near[i] * d + j] / (double)k;
        for (size_t i = 0; i < k; i++)
            t->apart[i * d + j] = (double)t->x[t->near[i] * d + j] - mean;
    }
    if (LAPACKE_dgesdd(LAPACK_ROW_MAJOR, 'S', (lapack_int)k, (lapack_int)d, t->apart, (lapack_int)d,
                       t->value, t->left, least, t->right, (lapack_int)d)
        != 0)
        return egi_fail(EG_ERR_NOMEM, "no directions of %zu neighbours: no memory", k);
    for (size_t i = 0; i < t->q * d; i++) t->way[i] = (float)t->right[i];
    return EG_OK;
}

static eg_status way_jacobian(void *user, const float *x, size_t b, float *j)
{
    eg_tangent *t = user;
    for (size_t i = 0; i < b; i++) {
        EGI_TRY(directions(t, x + i * t->d));
        memcpy(j + i * t->q * t->d, t->way, t->q * t->d * sizeof *j);
    }
    return EG_OK;
}

static eg_status no_value(void *user, const float *x, size_t b, float *y)
{
    (void)user;
    (void)x;
    (void)b;
    (void)y;
    return egi_fail(EG_ERR_UNSUPPORTED, "a tangent space has no value");
}

eg_function eg_tangent_function(eg_tangent *t)
{
    return (eg_function){ t->d, t->q, no_value, way_jacobian, t };
}

/* row (d) <- its part along t->way; along (q) its components */
static void project(const eg_tangent *t, float *row, double *along)
{
    for (size_t a = 0; a < t->q; a++) {
        along[a] = 0;
        for (size_t i = 0; i < t->d; i++) along[a] += (double)row[i] * (double)t->way[a * t->d + i];
    }
    for (size_t i = 0; i < t->d; i++) {
        double sum = 0;
        for (size_t a = 0; a < t->q; a++) sum += along[a] * (double)t->way[a * t->d + i];
        row[i] = (float)sum;
    }
}

static eg_status restricted_value(void *user, const float *x, size_t b, float *y)
{
    const eg_tangent *t = user;
    return t->of.value(t->of.user, x, b, y);
}

static eg_status restricted_jacobian(void *user, const float *x, size_t b, float *j)
{
    eg_tangent *t = user;
    const size_t c = t->of.outputs, d = t->d;
    EGI_TRY(t->of.jacobian(t->of.user, x, b, j));
    for (size_t i = 0; i < b; i++) {
        EGI_TRY(directions(t, x + i * d));
        for (size_t k = 0; k < c; k++) project(t, j + (i * c + k) * d, t->value);
    }
    return EG_OK;
}

eg_function eg_tangent_restrict(eg_tangent *t, const eg_function *f)
{
    t->of = *f;
    return (eg_function){ t->d, f->outputs, restricted_value, restricted_jacobian, t };
}

/* ---- level sets ---- */

/* Singular values of j (c, d) along the tangent space, falling, min(c, q) of them in t->value;
 * *norm: that of all of j. */
static eg_status values_along(eg_tangent *t, float *j, size_t c, double *inside, double *norm)
{
    double square = 0;
    for (size_t i = 0; i < c * t->d; i++) square += (double)j[i] * (double)j[i];
    *norm = sqrt(square);
    const size_t q = t->q;
    for (size_t k = 0; k < c; k++) project(t, j + k * t->d, inside + k * q);
    const lapack_int m = (lapack_int)c, n = (lapack_int)q;
    if (LAPACKE_dgesdd(LAPACK_ROW_MAJOR, 'N', m, n, inside, n, t->value, NULL, m, NULL, n) != 0)
        return egi_fail(EG_ERR_NOMEM, "no singular values of %zu outputs: no memory", c);
    return EG_OK;
}

static eg_status level(const eg_function *f, eg_tangent *t, const float *x, size_t n,
                       double tolerance, size_t *invariant, double *spectrum,
                       const struct egi_arena *arena)
{
    const size_t c = f->outputs, q = t->q, least = c < q ? c : q;
    float *j = arena->part[0];
    double norm;
    for (size_t i = 0; i < n; i++) {
        EGI_TRY(f->jacobian(f->user, x + i * t->d, 1, j));
        for (size_t a = 0; a < c * t->d; a++)
            if (!isfinite(j[a]))
                return egi_fail(EG_ERR_INVALID, "example %zu: a derivative is %g", i, (double)j[a]);
        EGI_TRY(directions(t, x + i * t->d));
        EGI_TRY(values_along(t, j, c, arena->part[1], &norm));
        size_t rank = 0;
        while (rank < least && t->value[rank] > tolerance * norm) rank++;
        invariant[i] = q - rank;
        for (size_t a = 0; a < q && spectrum != NULL; a++)
            spectrum[i * q + a] = a < least ? t->value[a] : 0;
    }
    return EG_OK;
}

eg_status eg_level_dimension(const eg_function *f, eg_tangent *t, const float *x, size_t n,
                             double tolerance, size_t *invariant, double *spectrum)
{
    struct egi_arena arena;
    if (f->inputs != t->d || f->outputs == 0)
        return egi_fail(EG_ERR_SHAPE, "a function of %zu inputs, %zu outputs; the data have %zu",
                        f->inputs, f->outputs, t->d);
    if (!(tolerance > 0 && tolerance < 1))
        return egi_fail(EG_ERR_INVALID, "tolerance %g, expected in (0, 1)", tolerance);
    const struct egi_need needs[] = { { f->outputs * t->d, sizeof(float) },
                                      { f->outputs * t->q, sizeof(double) } };
    EGI_TRY(egi_arena_create(t->alloc, needs, EGI_COUNT(needs), "level sets", &arena));
    const eg_status s = level(f, t, x, n, tolerance, invariant, spectrum, &arena);
    egi_arena_destroy(&arena);
    return s;
}
