/* Dictionaries of patches: covariance, whitening, drawing; and maps of evidence.
 *
 * With q~ = q - mu and W = U (Lambda + epsilon)^(-1/2) U^T the squared distance after whitening is
 *     |W q~ - W p~|^2 = |W q~|^2 - 2 <k, q~> + <k, p~>,   k = W^2 p~,
 * of which what depends on p is the nearer, the larger <k, q> - <k, mu> - <k, p~> / 2 is. For -p~
 * the sign of k changes. Where patches are mirrored at 0, mu is 0 in these. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/patches.h"

#include <lapacke.h>
#include <math.h>
#include <string.h>

#include "base/egi_base.h"
#include "engram/random.h"
#include "kernel/egi_kernel_gemm.h"

enum { STREAM_SAMPLE = 1, STREAM_PATCH, BLOCK = 1024 };

struct scene {
    const eg_dataset *set;
    const eg_patch_options *o;
    size_t d, rows, columns, total; /* numbers of a patch; places; patches in the set */
    double *mean, *eigen, *vector;  /* (d), (d), (d, d): rows are eigenvectors */
    double *centre;                 /* (d) what patches are mirrored at */
    double *block;                  /* (BLOCK, d) */
};

static void take(const struct scene *s, uint64_t patch, double *to)
{
    const eg_dataset *set = s->set;
    const size_t places = s->rows * s->columns, side = s->o->side;
    const size_t item = (size_t)(patch / places), place = (size_t)(patch % places);
    const float *x = set->x + item * set->d + place / s->columns * set->width + place % s->columns;
    for (size_t c = 0; c < set->channels; c++)
        for (size_t i = 0; i < side; i++)
            for (size_t j = 0; j < side; j++)
                *to++ = (double)x[(c * set->height + i) * set->width + j];
}

/* Patch number i of those that statistics are taken over. */
static uint64_t sampled(const struct scene *s, size_t i)
{
    const size_t most = s->o->sample;
    return most == 0 || s->total <= most ? i
                                         : eg_random_below(s->o->seed, STREAM_SAMPLE, i, s->total);
}

/* Mean, then eigenvectors and eigenvalues of the covariance. */
static eg_status statistics(struct scene *s)
{
    const size_t d = s->d;
    const size_t n = s->o->sample == 0 || s->total < s->o->sample ? s->total : s->o->sample;
    memset(s->mean, 0, d * sizeof *s->mean);
    memset(s->vector, 0, d * d * sizeof *s->vector);
    for (size_t i = 0; i < n; i++) {
        take(s, sampled(s, i), s->block);
        for (size_t k = 0; k < d; k++) s->mean[k] += s->block[k] / (double)n;
    }
    for (size_t from = 0; from < n; from += BLOCK) {
        const size_t here = n - from < BLOCK ? n - from : BLOCK;
        for (size_t i = 0; i < here; i++) {
            take(s, sampled(s, from + i), s->block + i * d);
            for (size_t k = 0; k < d; k++) s->block[i * d + k] -= s->mean[k];
        }
        const struct egi_gemm g = { .m = d,
                                    .n = d,
                                    .k = here,
                                    .a_is_transposed = 1,
                                    .lda = d,
                                    .ldb = d,
                                    .ldc = d,
                                    .alpha = 1 / (double)n,
                                    .beta = 1 };
        egi_gemm_f64(&g, s->block, s->block, s->vector, 1);
    }
    if (LAPACKE_dsyevd(LAPACK_COL_MAJOR, 'V', 'U', (lapack_int)d, s->vector, (lapack_int)d,
                       s->eigen)
        != 0)
        return egi_fail(EG_ERR_DIVERGED, "patches: eigenvalues of the covariance did not converge");
    if (!(s->eigen[d - 1] > 0))
        return egi_fail(EG_ERR_INVALID, "patches: all are equal, expected pictures that vary");
    return EG_OK;
}

/* k = W^2 p~ and both offsets of a patch. */
static void whiten(const struct scene *s, const double *p, double *k, float *a, float *b)
{
    const size_t d = s->d;
    double along_mean = 0, size = 0;
    for (size_t i = 0; i < d; i++) k[i] = 0;
    for (size_t v = 0; v < d; v++) {
        const double *axis = s->vector + v * d;
        const double by = isinf(s->o->epsilon) ? 1 : fmax(s->eigen[v], 0) + s->o->epsilon;
        double along = 0;
        for (size_t i = 0; i < d; i++) along += axis[i] * (p[i] - s->centre[i]);
        for (size_t i = 0; i < d && by > 0; i++) k[i] += axis[i] * along / by;
    }
    for (size_t i = 0; i < d; i++) {
        along_mean += k[i] * s->centre[i];
        size += k[i] * (p[i] - s->centre[i]) / 2;
    }
    *a = (float)(-along_mean - size);
    *b = (float)(along_mean - size);
}

static eg_status check(const eg_dataset *set, const eg_patch_options *o)
{
    if (o->patches < 1 || o->side < 1 || !(o->epsilon >= 0))
        return egi_fail(EG_ERR_INVALID,
                        "patches: %zu of side %zu, epsilon %g; expected 1 or more, 1 or more, 0 or "
                        "more",
                        o->patches, o->side, o->epsilon);
    if (set->n == 0 || set->height < o->side || set->width < o->side)
        return egi_fail(EG_ERR_INVALID,
                        "patches: %zu items of %zu x %zu, expected pictures of at "
                        "least %zu x %zu",
                        set->n, set->height, set->width, o->side, o->side);
    return EG_OK;
}

eg_status eg_patch_dictionary(const eg_dataset *set, const eg_patch_options *options, float *kernel,
                              float *offset, double *spectrum)
{
    const eg_patch_options usual = EG_PATCH_OPTIONS_INIT, *o = options != NULL ? options : &usual;
    struct scene s = { .set = set, .o = o };
    struct egi_arena a;
    EGI_TRY(check(set, o));
    s.d = set->channels * o->side * o->side;
    s.rows = set->height - o->side + 1;
    s.columns = set->width - o->side + 1;
    s.total = set->n * s.rows * s.columns;
    const struct egi_need needs[5] = { { s.d, sizeof(double) },
                                       { s.d, sizeof(double) },
                                       { s.d * s.d, sizeof(double) },
                                       { BLOCK * s.d, sizeof(double) },
                                       { s.d, sizeof(double) } };
    EGI_TRY(egi_arena_create(o->alloc != NULL ? o->alloc : eg_allocator_default(), needs, 5,
                             "patches", &a));
    s.mean = a.part[0];
    s.eigen = a.part[1];
    s.vector = a.part[2];
    s.block = a.part[3];
    s.centre = a.part[4];
    const eg_status status = statistics(&s);
    for (size_t i = 0; i < s.d; i++) s.centre[i] = o->mirror_at_zero ? 0 : s.mean[i];
    for (size_t i = 0; i < o->patches && status == EG_OK; i++) {
        double *k = s.block + s.d;
        take(&s, eg_random_below(o->seed, STREAM_PATCH, i, s.total), s.block);
        whiten(&s, s.block, k, &offset[i], &offset[o->patches + i]);
        for (size_t j = 0; j < s.d; j++) kernel[i * s.d + j] = (float)k[j];
    }
    if (status == EG_OK && spectrum != NULL) memcpy(spectrum, s.eigen, s.d * sizeof *spectrum);
    egi_arena_destroy(&a);
    return status;
}

eg_status eg_patch_learner(eg_learner *l, const eg_dataset *set, const eg_patch_options *options)
{
    eg_params *p = eg_learner_params(l);
    size_t found = 0;
    const eg_param *kernel;
    for (size_t i = 0; (kernel = eg_params_at(p, i)) != NULL; i++) {
        eg_patch_options o = EG_PATCH_OPTIONS_INIT;
        char name[256];
        const size_t length = strlen(kernel->name);
        if (length < 6 || length > 240 || strcmp(kernel->name + length - 6, "kernel") != 0)
            continue;
        memcpy(name, kernel->name, length - 6);
        memcpy(name + length - 6, "offset", 7);
        const eg_param *offset = eg_params_find(p, name);
        if (offset == NULL || kernel->shape.rank != 4) continue;
        if (options != NULL) o = *options;
        o.patches = kernel->shape.dim[0];
        o.side = kernel->shape.dim[2];
        EGI_TRY(eg_patch_dictionary(set, &o, kernel->value, offset->value, NULL));
        found++;
    }
    return found > 0 ? EG_OK : EG_NOT_FOUND;
}

eg_status eg_evidence(eg_learner *l, const float *x, size_t channels, size_t class_, double *map,
                      double *rest)
{
    const eg_task *task = eg_learner_task(l);
    const size_t d = task->inputs, k = task->classes, places = channels > 0 ? d / channels : 0;
    struct egi_arena a;
    if (channels == 0 || d % channels != 0 || class_ >= k)
        return egi_fail(EG_ERR_INVALID, "evidence: %zu channels of %zu inputs, class %zu of %zu",
                        channels, d, class_, k);
    const struct egi_need needs[4] = {
        { d, sizeof(float) }, { d, sizeof(float) }, { k, sizeof(float) }, { 2 * k, sizeof(float) }
    };
    EGI_TRY(egi_arena_create(eg_allocator_default(), needs, 4, "evidence", &a));
    float *zeros = a.part[0], *dx = a.part[1], *cotangent = a.part[2], *scores = a.part[3];
    memset(zeros, 0, d * sizeof *zeros);
    memset(cotangent, 0, k * sizeof *cotangent);
    cotangent[class_] = 1;
    eg_status s = eg_learner_scores(l, zeros, 1, scores + k);
    if (s == EG_OK) s = eg_learner_pullback(l, x, cotangent, 1, scores, dx);
    double sum = 0;
    for (size_t i = 0; i < places && s == EG_OK; i++) {
        map[i] = (double)scores[k + class_] / (double)places;
        for (size_t c = 0; c < channels; c++)
            map[i] += (double)x[c * places + i] * (double)dx[c * places + i];
        sum += map[i];
    }
    if (s == EG_OK && rest != NULL) *rest = (double)scores[class_] - sum;
    egi_arena_destroy(&a);
    return s;
}
