/* Batches. The order of epoch e is a permutation from (seed, e), augmentation of an example draws
 * from (seed, e, example): a run that begins in the middle sees what it would have seen. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "engram/random.h"
#include "train/egi_train.h"

size_t egi_part_at(const eg_part *p, size_t i)
{
    return p->index != NULL ? p->index[i] : i;
}

eg_status egi_part_check(const eg_part *p, const char *what, size_t inputs, size_t classes)
{
    if (p == NULL || p->set == NULL || p->set->x == NULL || p->n == 0)
        return egi_fail(EG_ERR_INVALID, "%s: no examples", what);
    if (p->set->labels == NULL) return egi_fail(EG_ERR_INVALID, "%s: no labels", what);
    if (p->set->d != inputs)
        return egi_fail(EG_ERR_SHAPE, "%s: examples of %zu numbers, and a learner of %zu inputs",
                        what, p->set->d, inputs);
    for (size_t i = 0; i < p->n; i++) {
        const size_t at = egi_part_at(p, i);
        if (at >= p->set->n)
            return egi_fail(EG_ERR_INVALID, "%s: index[%zu] is %zu, expected 0..%zu", what, i, at,
                            p->set->n - 1);
        const int32_t y = p->set->labels[at];
        if (y < 0 || (size_t)y >= classes)
            return egi_fail(EG_ERR_SHAPE, "%s: example %zu has class %d, and a learner of %zu",
                            what, at, (int)y, classes);
    }
    return EG_OK;
}

eg_status egi_loader_create(const eg_part *part, size_t batch, uint64_t seed,
                            const eg_augment *augment, const eg_allocator *alloc,
                            struct egi_loader *out)
{
    const eg_dataset *set = part->set;
    struct egi_loader l = { .part = *part,
                            .batch = batch < part->n ? batch : part->n,
                            .batches = part->n / batch + (part->n % batch != 0),
                            .seed = seed,
                            .augment = *augment,
                            .epoch = SIZE_MAX };
    const int image = set->height > 0 && set->height * set->width * set->channels == set->d;
    if ((augment->shift > 0 || augment->flip > 0) && !image)
        return egi_fail(EG_ERR_INVALID, "augment: expected images, got rows of %zu numbers",
                        set->d);
    size_t cells;
    EGI_TRY(egi_mul_size(l.batch, set->d, &cells));
    const struct egi_need needs[] = { { part->n, sizeof(size_t) },
                                      { cells, sizeof(float) },
                                      { l.batch, sizeof(int32_t) } };
    EGI_TRY(egi_arena_create(alloc, needs, EGI_COUNT(needs), "a batch", &l.arena));
    l.order = l.arena.part[0];
    l.x = l.arena.part[1];
    l.y = l.arena.part[2];
    *out = l;
    return EG_OK;
}

void egi_loader_clear(struct egi_loader *l)
{
    if (l->arena.block != NULL) egi_arena_destroy(&l->arena);
    l->arena.block = NULL;
}

/* Row y of a plane, moved by dx and turned round or not. */
static void show_row(const float *from, size_t width, ptrdiff_t dx, int flip, float fill, float *to)
{
    for (size_t c = 0; c < width; c++) {
        const ptrdiff_t at = (ptrdiff_t)(flip ? width - 1 - c : c) - dx;
        to[c] = at >= 0 && at < (ptrdiff_t)width ? from[at] : fill;
    }
}

static void show(const struct egi_loader *l, size_t example, float *to)
{
    const eg_dataset *set = l->part.set;
    const eg_augment *a = &l->augment;
    const float *from = set->x + example * set->d;
    const uint64_t stream = EGI_STREAM_AUGMENT + l->epoch, span = 2 * a->shift + 1;
    if (a->shift == 0 && a->flip == 0) {
        memcpy(to, from, set->d * sizeof *to);
        return;
    }
    const uint64_t draw = 3 * (uint64_t)example, unit = (uint64_t)1 << 53;
    const ptrdiff_t s = (ptrdiff_t)a->shift;
    const ptrdiff_t dy = (ptrdiff_t)eg_random_below(l->seed, stream, draw, span) - s;
    const ptrdiff_t dx = (ptrdiff_t)eg_random_below(l->seed, stream, draw + 1, span) - s;
    const double u = (double)eg_random_below(l->seed, stream, draw + 2, unit) / (double)unit;
    for (size_t row = 0; row < set->channels * set->height; row++) {
        const ptrdiff_t at = (ptrdiff_t)(row % set->height) - dy;
        float *line = to + row * set->width;
        if (at >= 0 && at < (ptrdiff_t)set->height)
            show_row(from + (row - row % set->height + (size_t)at) * set->width, set->width, dx,
                     u < a->flip, a->fill, line);
        else
            for (size_t c = 0; c < set->width; c++) line[c] = a->fill;
    }
}

size_t egi_loader_batch(struct egi_loader *l, size_t epoch, size_t at)
{
    if (epoch != l->epoch) {
        eg_random_permutation(l->seed, EGI_STREAM_SHUFFLE + epoch, l->part.n, l->order);
        l->epoch = epoch;
    }
    const size_t begin = at * l->batch, left = l->part.n - begin;
    const size_t b = left < l->batch ? left : l->batch;
    for (size_t i = 0; i < b; i++) {
        const size_t example = egi_part_at(&l->part, l->order[begin + i]);
        show(l, example, l->x + i * l->part.set->d);
        l->y[i] = l->part.set->labels[example];
    }
    return b;
}
