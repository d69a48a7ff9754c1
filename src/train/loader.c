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

eg_status egi_part_check(const eg_part *p, const char *what, const eg_task *task)
{
    const size_t inputs = task->inputs, classes = task->classes;
    if (p == NULL || p->set == NULL || p->set->x == NULL || p->n == 0)
        return egi_fail(EG_ERR_INVALID, "%s: no examples", what);
    if (p->set->labels == NULL) return egi_fail(EG_ERR_INVALID, "%s: no labels", what);
    if (p->set->d != inputs)
        return egi_fail(EG_ERR_SHAPE, "%s: examples of %zu numbers, and a learner of %zu inputs",
                        what, p->set->d, inputs);
    if ((p->set->offset != NULL) != (task->bags != 0))
        return egi_fail(EG_ERR_SHAPE, "%s: examples are %s, and a learner of %s", what,
                        p->set->offset != NULL ? "bags" : "vectors",
                        task->bags ? "bags" : "vectors");
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

size_t egi_part_classes(const eg_part *p, size_t classes)
{
    size_t found = 0;
    for (size_t c = 0; c < classes; c++) {
        size_t i = 0;
        while (i < p->n && p->set->labels[egi_part_at(p, i)] != (int32_t)c) i++;
        found += i < p->n;
    }
    return found;
}

static size_t rows_of(const eg_dataset *set, size_t example)
{
    return set->offset != NULL ? set->offset[example + 1] - set->offset[example] : 1;
}

/* Rows that a batch has at most. */
static size_t most_rows(const eg_part *p, size_t batch)
{
    size_t most = 1, all = 0;
    for (size_t i = 0; i < p->n; i++) {
        const size_t rows = rows_of(p->set, egi_part_at(p, i));
        most = rows > most ? rows : most;
        all += rows;
    }
    return all / most < batch ? all : most * batch;
}

/* Examples index (b) of a part, NULL: all of it in order, into e, which has room for them. */
static void collect(const eg_part *p, const size_t *index, size_t b, float *x, int32_t *y,
                    size_t *offset)
{
    const eg_dataset *set = p->set;
    size_t row = 0;
    for (size_t i = 0; i < b; i++) {
        const size_t example = egi_part_at(p, index != NULL ? index[i] : i);
        const size_t rows = rows_of(set, example),
                     from = set->offset != NULL ? set->offset[example] : example;
        memcpy(x + row * set->d, set->x + from * set->d, rows * set->d * sizeof *x);
        y[i] = set->labels[example];
        if (offset != NULL) offset[i] = row;
        row += rows;
    }
    if (offset != NULL) offset[b] = row;
}

eg_status egi_part_gather(const eg_part *p, const eg_allocator *alloc, struct egi_arena *arena,
                          eg_examples *out)
{
    const int bags = p->set->offset != NULL;
    size_t rows = 0, cells;
    for (size_t i = 0; i < p->n; i++) rows += rows_of(p->set, egi_part_at(p, i));
    EGI_TRY(egi_mul_size(rows, p->set->d, &cells));
    const struct egi_need needs[] = { { cells, sizeof(float) },
                                      { p->n, sizeof(int32_t) },
                                      { bags ? p->n + 1 : 0, sizeof(size_t) } };
    EGI_TRY(egi_arena_create(alloc, needs, EGI_COUNT(needs), "examples", arena));
    size_t *offset = bags ? arena->part[2] : NULL;
    collect(p, NULL, p->n, arena->part[0], arena->part[1], offset);
    *out = (eg_examples){ arena->part[0], offset, arena->part[1], p->n };
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
    const int image = set->offset == NULL && set->height > 0
                      && set->height * set->width * set->channels == set->d;
    if ((augment->shift > 0 || augment->flip > 0) && !image)
        return egi_fail(EG_ERR_INVALID, "augment: expected images, got rows of %zu numbers",
                        set->d);
    size_t cells;
    EGI_TRY(egi_mul_size(most_rows(part, l.batch), set->d, &cells));
    const struct egi_need needs[] = { { part->n, sizeof(size_t) },
                                      { cells, sizeof(float) },
                                      { l.batch, sizeof(int32_t) },
                                      { set->offset != NULL ? l.batch + 1 : 0, sizeof(size_t) } };
    EGI_TRY(egi_arena_create(alloc, needs, EGI_COUNT(needs), "a batch", &l.arena));
    l.order = l.arena.part[0];
    l.x = l.arena.part[1];
    l.y = l.arena.part[2];
    if (set->offset != NULL) l.offset = l.arena.part[3];
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

eg_examples egi_loader_batch(struct egi_loader *l, size_t epoch, size_t at)
{
    const eg_part *p = &l->part;
    if (epoch != l->epoch) {
        eg_random_permutation(l->seed, EGI_STREAM_SHUFFLE + epoch, p->n, l->order);
        l->epoch = epoch;
    }
    const size_t begin = at * l->batch, left = p->n - begin;
    const size_t b = left < l->batch ? left : l->batch;
    const int as_they_are = l->augment.shift == 0 && l->augment.flip == 0;
    if (as_they_are) collect(p, l->order + begin, b, l->x, l->y, l->offset);
    for (size_t i = 0; i < b && !as_they_are; i++) {
        const size_t example = egi_part_at(p, l->order[begin + i]);
        show(l, example, l->x + i * p->set->d);
        l->y[i] = p->set->labels[example];
    }
    return (eg_examples){ l->x, l->offset, l->y, b };
}
