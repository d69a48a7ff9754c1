/* Columns cut into bins, and trees as they are kept. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "nn/egi_trees.h"

/* ---- bins ---- */

struct binning {
    const float *x; /* (N, D) */
    struct egi_bins *b;
    float *sorted; /* (workers, N) */
};

static int by_value(const void *a, const void *b)
{
    const float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* Halfway, and above `low` also where the two are neighbours among floats. */
static float between(float low, float high)
{
    const float half = low / 2 + high / 2;
    return half > low ? half : high;
}

/* Cuts of a sorted column: between all distinct values, or where there are too many of them, near
 * the quantiles. */
static size_t cut_column(const float *v, size_t n, float *cut)
{
    size_t distinct = 1, count = 0;
    for (size_t i = 1; i < n; i++) distinct += v[i] > v[i - 1];
    for (size_t i = 1, next = 1; i < n && count + 1 < EGI_BINS; i++) {
        if (!(v[i] > v[i - 1])) continue;
        if (distinct > EGI_BINS && i * EGI_BINS < next * n) continue;
        cut[count++] = between(v[i - 1], v[i]);
        next = i * EGI_BINS / n + 1;
    }
    return count + 1;
}

static uint8_t bin_of(const float *cut, size_t bins, float x)
{
    size_t lo = 0, hi = bins - 1; /* cuts at or below x */
    while (lo < hi) {
        const size_t mid = (lo + hi) / 2;
        if (x < cut[mid])
            hi = mid;
        else
            lo = mid + 1;
    }
    return (uint8_t)lo;
}

static void one_column(void *arg, size_t j, size_t worker)
{
    const struct binning *a = arg;
    struct egi_bins *b = a->b;
    float *v = a->sorted + worker * b->n, *cut = b->cut + j * EGI_BINS;
    for (size_t i = 0; i < b->n; i++) v[i] = a->x[i * b->d + j];
    qsort(v, b->n, sizeof *v, by_value);
    b->of[j] = (uint16_t)cut_column(v, b->n, cut);
    for (size_t i = 0; i < b->n; i++)
        b->bin[j * b->n + i] = bin_of(cut, b->of[j], a->x[i * b->d + j]);
}

eg_status egi_bins_create(const float *x, size_t n, size_t d, int threads,
                          const eg_allocator *alloc, struct egi_bins *out)
{
    const size_t workers = (size_t)egi_thread_count(threads);
    size_t cells, cuts, sorted;
    struct egi_arena a, scratch;
    EGI_TRY(egi_mul_size(n, d, &cells));
    EGI_TRY(egi_mul_size(d, EGI_BINS, &cuts));
    EGI_TRY(egi_mul_size(workers, n, &sorted));
    const struct egi_need needs[] = { { cells, 1 },
                                      { cuts, sizeof(float) },
                                      { d, sizeof(uint16_t) } };
    const struct egi_need lines = { sorted, sizeof(float) };
    EGI_TRY(egi_arena_create(alloc, &lines, 1, "a column", &scratch));
    const eg_status s = egi_arena_create(alloc, needs, EGI_COUNT(needs), "bins of columns", &a);
    if (s == EG_OK) {
        *out = (struct egi_bins){ n, d, a.part[0], a.part[1], a.part[2], a.block, a.bytes };
        struct binning job = { x, out, scratch.part[0] };
        egi_parallel_workers(d, egi_crew(threads, (double)n * (double)d * 32), one_column, &job);
    }
    egi_arena_destroy(&scratch);
    return s;
}

void egi_bins_destroy(struct egi_bins *b, const eg_allocator *alloc)
{
    if (b->block != NULL) egi_free(alloc, b->block, b->bytes);
    *b = (struct egi_bins){ .n = 0 };
}

eg_status egi_trees_fit(struct eg_learner *l, const eg_examples *e,
                        eg_status (*fit)(struct eg_learner *l, const eg_examples *e,
                                         const struct egi_bins *b))
{
    struct egi_bins b;
    EGI_TRY(egi_bins_create(e->x, e->n, l->task.inputs, l->threads, l->alloc, &b));
    const eg_status s = fit(l, e, &b);
    egi_bins_destroy(&b, l->alloc);
    return s;
}

/* ---- trees in a row ---- */

size_t egi_tree_leaf(const struct egi_forest *f, size_t at, const float *x)
{
    while (f->feature[at] >= 0) at = (size_t)f->child[at] + !(x[f->feature[at]] < f->threshold[at]);
    return at;
}

static eg_status make_room(struct egi_trees_growing *t, size_t nodes)
{
    struct egi_trees_growing next = { .room = 2 * nodes + 64, .alloc = t->alloc };
    const size_t m = t->all.outputs;
    if (next.room > INT32_MAX)
        return egi_fail(EG_ERR_LIMIT, "trees: %zu nodes, expected up to %d", nodes, INT32_MAX / 2);
    struct egi_forest *f = &next.all;
    void *p[5] = { NULL };
    const size_t item[5] = { 4, 4, 4, 4, m * sizeof(float) };
    const void *from[5] = { t->all.start, t->all.feature, t->all.threshold, t->all.child,
                            t->all.value };
    for (size_t i = 0; i < 5; i++) {
        const eg_status s = egi_alloc_array(t->alloc, next.room, item[i], "trees", &p[i]);
        if (s == EG_OK && t->room > 0) memcpy(p[i], from[i], t->room * item[i]);
        if (s == EG_OK) continue;
        while (i-- > 0) egi_free(t->alloc, p[i], next.room * item[i]);
        return s;
    }
    *f = (struct egi_forest){ p[0], p[1], p[2], p[3], p[4], t->all.trees, t->all.nodes, m };
    egi_trees_clear(t);
    *t = next;
    return EG_OK;
}

void egi_trees_clear(struct egi_trees_growing *t)
{
    struct egi_forest *f = &t->all;
    egi_free(t->alloc, f->start, t->room * sizeof *f->start);
    egi_free(t->alloc, f->feature, t->room * sizeof *f->feature);
    egi_free(t->alloc, f->threshold, t->room * sizeof *f->threshold);
    egi_free(t->alloc, f->child, t->room * sizeof *f->child);
    egi_free(t->alloc, f->value, t->room * f->outputs * sizeof *f->value);
    *t = (struct egi_trees_growing){ .all = { .outputs = f->outputs }, .alloc = t->alloc };
}

eg_status egi_trees_append(struct egi_trees_growing *t, const struct egi_forest *tree)
{
    struct egi_forest *f = &t->all;
    const size_t m = tree->outputs, at = f->nodes, n = tree->nodes;
    f->outputs = m;
    if (at + n + 1 > t->room) EGI_TRY(make_room(t, at + n + 1));
    memcpy(f->feature + at, tree->feature, n * sizeof *f->feature);
    memcpy(f->threshold + at, tree->threshold, n * sizeof *f->threshold);
    memcpy(f->value + at * m, tree->value, n * m * sizeof *f->value);
    for (size_t i = 0; i < n; i++)
        f->child[at + i] = tree->feature[i] < 0 ? 0 : tree->child[i] + (int32_t)at;
    f->start[f->trees++] = (int32_t)at;
    f->nodes += n;
    f->start[f->trees] = (int32_t)f->nodes;
    return EG_OK;
}

eg_status egi_trees_keep(struct eg_learner *l, const struct egi_trees_growing *t)
{
    const struct egi_forest *f = &t->all;
    const eg_shape nodes = eg_shape_of(f->nodes);
    EGI_TRY(egi_fitted_keep(l, "start", EG_I32, &eg_shape_of(f->trees + 1), f->start));
    EGI_TRY(egi_fitted_keep(l, "feature", EG_I32, &nodes, f->feature));
    EGI_TRY(egi_fitted_keep(l, "threshold", EG_F32, &nodes, f->threshold));
    EGI_TRY(egi_fitted_keep(l, "child", EG_I32, &nodes, f->child));
    return egi_fitted_keep(l, "value", EG_F32, &eg_shape_of(f->nodes, f->outputs), f->value);
}

/* Every walk ends: children lie behind their node, and in its tree. */
static eg_status check_nodes(const struct eg_learner *l, const struct egi_forest *f)
{
    if (f->start[0] != 0 || (size_t)f->start[f->trees] != f->nodes)
        return egi_fail(EG_ERR_CORRUPT, "start: expected 0 to %zu", f->nodes);
    for (size_t k = 0; k < f->trees; k++) {
        const int32_t begin = f->start[k], end = f->start[k + 1];
        if (end <= begin || (size_t)end > f->nodes)
            return egi_fail(EG_ERR_CORRUPT, "start[%zu]: %d, expected more than %d", k + 1, end,
                            begin);
        for (int32_t i = begin; i < end; i++) {
            const int32_t feature = f->feature[i], child = f->child[i];
            const int leaf = feature == -1;
            if (leaf
                || (feature >= 0 && (size_t)feature < l->task.inputs && child > i
                    && child < end - 1))
                continue;
            return egi_fail(EG_ERR_CORRUPT, "node %d: feature %d, child %d", i, feature, child);
        }
    }
    return EG_OK;
}

eg_status egi_trees_adopt(struct eg_learner *l, size_t outputs, struct egi_forest *out)
{
    size_t starts = 0, nodes = 0;
    const eg_param *start = egi_fitted_array(l, "start", EG_I32, &starts, NULL);
    const eg_param *feature = egi_fitted_array(l, "feature", EG_I32, &nodes, NULL);
    if (start == NULL || feature == NULL) return EG_ERR_CORRUPT;
    const eg_param *threshold = egi_fitted_array(l, "threshold", EG_F32, &nodes, NULL);
    const eg_param *child = egi_fitted_array(l, "child", EG_I32, &nodes, NULL);
    const eg_param *value = egi_fitted_array(l, "value", EG_F32, &nodes, &outputs);
    if (threshold == NULL || child == NULL || value == NULL) return EG_ERR_CORRUPT;
    if (starts < 2 || nodes > INT32_MAX - 1)
        return egi_fail(EG_ERR_CORRUPT, "start: expected a tree or more");
    const struct egi_forest f = { start->value, feature->value, threshold->value,
                                  child->value, value->value,   starts - 1,
                                  nodes,        outputs };
    EGI_TRY(check_nodes(l, &f));
    *out = f;
    return EG_OK;
}
