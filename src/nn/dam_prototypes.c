/* Numbers of the feature-to-prototype transition (Krotov and Hopfield 2016, section 5).
 *
 * Powers are taken of overlaps over the largest of the image, in double: contributions are only
 * compared with each other, and none overflows. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engram/dam.h"
#include "nn/egi_dam.h"

enum { MEMORIES = 64 }; /* a unit of work */

struct figures {
    struct egi_dam *d;
    eg_dam_options o;
    size_t first, b; /* the tile: its first image and how many */
    eg_dam_memory *memories;
    double *length; /* (H) |xi|, visible part */
    double *image;  /* (tile) |v| */
    size_t *deciding;
};

size_t eg_dam_count(const eg_learner *l)
{
    if (l == NULL || l->row != &egi_learner_dam) return 0;
    const struct egi_dam *d = l->own;
    return d->h;
}

static double length_of(const float *x, size_t n)
{
    double square = 0;
    for (size_t i = 0; i < n; i++) square += (double)x[i] * (double)x[i];
    return sqrt(square);
}

static void count_votes(void *arg, size_t block)
{
    const struct figures *f = arg;
    const size_t c = f->d->rule.classes;
    for (size_t i = block * MEMORIES; i < f->d->h && i < (block + 1) * MEMORIES; i++) {
        const float *xi = f->d->classes + i * c;
        eg_dam_memory *m = &f->memories[i];
        *m = (eg_dam_memory){ .votes = 0, .cosine = -INFINITY };
        for (size_t a = 0; a < c; a++) {
            m->votes += (double)xi[a] > f->o.threshold;
            if (xi[a] > xi[m->most]) m->most = a;
        }
        f->length[i] = length_of(f->d->memories + i * f->d->d, f->d->d);
    }
}

static void find_nearest(void *arg, size_t block)
{
    const struct figures *f = arg;
    const struct egi_dam *d = f->d;
    for (size_t i = block * MEMORIES; i < d->h && i < (block + 1) * MEMORIES; i++)
        for (size_t k = 0; k < f->b; k++) {
            const double both = f->length[i] * f->image[k];
            const double dot = ((double)d->q[k * d->m + i] + (double)d->bias[i]) * *d->temperature;
            const double cosine = both > 0 ? dot / both : 0;
            if (!(cosine > f->memories[i].cosine)) continue;
            f->memories[i].cosine = cosine;
            f->memories[i].nearest = f->first + k;
        }
}

static double power(const struct egi_dam_rule *rule, double x, double n)
{
    return rule->rectified && x <= 0 ? 0 : pow(x, n);
}

/* What memory i adds to the score of class a of image k; r as in the kernel. */
static double contribution(const struct egi_dam *d, size_t k, size_t a, size_t i)
{
    const double n = (double)d->rule.order, r = (double)d->r[k];
    const double q = (double)d->q[k * d->m + i] * r, w = (double)d->w[a * d->m + i];
    if (d->rule.dual) return w * power(&d->rule, q, n - 1);
    return power(&d->rule, q + w * r, n) - power(&d->rule, q, n);
}

static void count_deciding(void *arg, size_t k)
{
    const struct figures *f = arg;
    const struct egi_dam *d = f->d;
    const double *z = d->z + k * d->rule.classes;
    size_t best = 0, count = 0;
    double most = 0;
    for (size_t a = 1; a < d->rule.classes; a++)
        if (z[a] > z[best]) best = a;
    for (size_t i = 0; i < d->h; i++) most = fmax(most, contribution(d, k, best, i));
    for (size_t i = 0; most > 0 && i < d->h; i++)
        count += contribution(d, k, best, i) > f->o.share * most;
    f->deciding[f->first + k] = count;
}

static void count_tiles(struct eg_learner *l, struct figures *f, const float *x, size_t b)
{
    const struct egi_dam *d = f->d;
    const size_t blocks = (d->h + MEMORIES - 1) / MEMORIES;
    if (f->memories != NULL) egi_parallel_for(blocks, l->threads, count_votes, f);
    for (f->first = 0; f->first < b; f->first += EGI_LEARNER_TILE) {
        f->b = b - f->first < EGI_LEARNER_TILE ? b - f->first : EGI_LEARNER_TILE;
        egi_dam_forward(l, x + f->first * d->d, f->b);
        for (size_t k = 0; k < f->b; k++) f->image[k] = length_of(d->x + k * d->d, d->d);
        if (f->memories != NULL) egi_parallel_for(blocks, l->threads, find_nearest, f);
        if (f->deciding != NULL) egi_parallel_for(f->b, l->threads, count_deciding, f);
    }
}

static eg_status check(const eg_learner *l, const float *x, size_t b, const eg_dam_options *o)
{
    if (l == NULL || x == NULL || b == 0)
        return egi_fail(EG_ERR_INVALID, "eg_dam_prototypes: NULL, or 0 images");
    if (l->row != &egi_learner_dam)
        return egi_fail(EG_ERR_UNSUPPORTED,
                        "eg_dam_prototypes: expected a learner of kind dam, "
                        "got %s",
                        l->row->kind.name);
    if (!(o->threshold >= -1 && o->threshold < 1) || !(o->share >= 0 && o->share <= 1))
        return egi_fail(EG_ERR_INVALID,
                        "eg_dam_prototypes: threshold %g, share %g, expected [-1, 1) and [0, 1]",
                        o->threshold, o->share);
    for (size_t i = 0; i < b * l->task.inputs; i++)
        if (!isfinite(x[i]))
            return egi_fail(EG_ERR_INVALID, "eg_dam_prototypes: x[%zu] is %g, not a number", i,
                            (double)x[i]);
    return EG_OK;
}

eg_status eg_dam_prototypes(eg_learner *l, const float *x, size_t b, const eg_dam_options *options,
                            eg_dam_memory *memories, size_t *deciding)
{
    eg_dam_options o = EG_DAM_OPTIONS_INIT;
    if (options != NULL) memcpy(&o, options, options->size < sizeof o ? options->size : sizeof o);
    EGI_TRY(check(l, x, b, &o));
    struct figures f = { .d = l->own, .o = o, .memories = memories, .deciding = deciding };
    EGI_TRY(egi_dam_reserve(l, b < EGI_LEARNER_TILE ? b : EGI_LEARNER_TILE));
    const struct egi_need needs[] = { { f.d->h, sizeof(double) },
                                      { EGI_LEARNER_TILE, sizeof(double) } };
    struct egi_arena scratch;
    EGI_TRY(egi_arena_create(l->alloc, needs, EGI_COUNT(needs), "eg_dam_prototypes", &scratch));
    f.length = scratch.part[0];
    f.image = scratch.part[1];
    count_tiles(l, &f, x, b);
    egi_arena_destroy(&scratch);
    return EG_OK;
}
