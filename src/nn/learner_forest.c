/* A forest of trees (Breiman 2001, "Random forests"): each tree is grown to the end on a bootstrap
 * sample, the columns tried at a node are drawn anew, impurity is Gini's. Scores are the mean of
 * the class frequencies of the leaves.
 *
 * Extremely randomised trees and bagging are the same with other settings: columns = 1 share 1. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engram/random.h"
#include "nn/egi_kind.h"
#include "nn/egi_trees.h"

enum { STREAM_SAMPLE = 0x464f5253, STREAM_COLUMNS = 0x464f5243 }; /* "FORS", "FORC" */

struct settings {
    size_t trees, columns, depth, least;
    int bootstrap;
};

#define COUNT(...) EGI_SET_COUNT(struct settings, __VA_ARGS__)

static const struct egi_setting settings[] = {
    COUNT(trees, "500", 1, 1e5, "number of trees"),
    COUNT(columns, "0", 0, 1e9, "tried at each split; 0: the root of their number"),
    COUNT(depth, "0", 0, 1e6, "most splits above a leaf; 0: any"),
    COUNT(least, "1", 1, 1e9, "examples that a leaf keeps"),
    EGI_SET_FLAG(struct settings, bootstrap, "true", "draw the examples of each tree anew"),
    EGI_SET_END,
};

struct forest {
    struct egi_forest trees;
};

/* Trees of one round, each on a worker of its own. */
struct round {
    const struct eg_learner *l;
    const eg_examples *e;
    const struct egi_bins *b;
    struct egi_grower *grower; /* (width) */
    float *weight;             /* (width, N) times that an example was drawn */
    size_t first;
};

static void one_tree(void *arg, size_t k)
{
    const struct round *r = arg;
    const struct settings *o = r->l->settings;
    const size_t n = r->e->n, d = r->l->task.inputs, tree = r->first + k;
    struct egi_grower *g = &r->grower[k];
    float *w = r->weight + k * n;
    size_t count = 0;
    for (size_t i = 0; i < n; i++) w[i] = o->bootstrap ? 0 : 1;
    for (size_t i = 0; i < n && o->bootstrap; i++)
        w[eg_random_below(r->l->seed, STREAM_SAMPLE + ((uint64_t)tree << 32), i, n)]++;
    for (size_t i = 0; i < n; i++)
        if (w[i] > 0) g->rows[count++] = (uint32_t)i;
    const struct egi_targets t = { w, w, r->e->y, r->l->task.classes };
    const struct egi_tree_rule rule = { .depth = o->depth > 0 ? o->depth : SIZE_MAX,
                                        .least = (double)o->least,
                                        .columns =
                                            o->columns > 0 ? o->columns : (size_t)sqrt((double)d),
                                        .seed = r->l->seed,
                                        .stream = STREAM_COLUMNS + ((uint64_t)tree << 32) };
    egi_tree_grow(g, r->b, &t, count, &rule, 1);
}

static eg_status grow_all(struct round *r, size_t width, struct egi_trees_growing *all)
{
    const struct settings *o = r->l->settings;
    for (r->first = 0; r->first < o->trees; r->first += width) {
        const size_t left = o->trees - r->first, here = left < width ? left : width;
        egi_parallel_for(here, r->l->threads, one_tree, r);
        for (size_t k = 0; k < here; k++) EGI_TRY(egi_trees_append(all, &r->grower[k].tree));
    }
    return EG_OK;
}

static eg_status fit_binned(struct eg_learner *l, const eg_examples *e, const struct egi_bins *b)
{
    const size_t width = (size_t)egi_thread_count(l->threads);
    const struct egi_need needs[] = { { width, sizeof(struct egi_grower) },
                                      { width * e->n, sizeof(float) } };
    struct egi_arena a;
    EGI_TRY(egi_arena_create(l->alloc, needs, EGI_COUNT(needs), "a forest", &a));
    struct round r = { l, e, b, a.part[0], a.part[1], 0 };
    struct egi_trees_growing all = { .all = { .outputs = l->task.classes }, .alloc = l->alloc };
    memset(r.grower, 0, width * sizeof *r.grower);
    eg_status s = EG_OK;
    for (size_t k = 0; k < width && s == EG_OK; k++)
        s = egi_grower_create(b, l->task.classes, 1, l->alloc, &r.grower[k]);
    if (s == EG_OK) s = grow_all(&r, width, &all);
    if (s == EG_OK) s = egi_trees_keep(l, &all);
    for (size_t k = 0; k < width; k++) egi_grower_destroy(&r.grower[k], l->alloc);
    egi_trees_clear(&all);
    egi_arena_destroy(&a);
    return s;
}

static eg_status fit(struct eg_learner *l, const eg_examples *e)
{
    return egi_trees_fit(l, e, fit_binned);
}

static eg_status adopt(struct eg_learner *l)
{
    struct forest *f = l->own;
    return egi_trees_adopt(l, l->task.classes, &f->trees);
}

static eg_status scores(struct eg_learner *l, const float *x, size_t b, float *out)
{
    const struct egi_forest *f = &((struct forest *)l->own)->trees;
    const size_t k = l->task.classes;
    for (size_t i = 0; i < b; i++)
        for (size_t c = 0; c < k; c++) out[i * k + c] = 0;
    for (size_t i = 0; i < b; i++)
        for (size_t tree = 0; tree < f->trees; tree++) {
            const size_t leaf = egi_tree_leaf(f, (size_t)f->start[tree], x + i * l->task.inputs);
            for (size_t c = 0; c < k; c++)
                out[i * k + c] += f->value[leaf * k + c] / (float)f->trees;
        }
    return EG_OK;
}

const struct egi_learner_row egi_learner_forest = {
    .kind = { "forest", "random forest: trees on bootstrap samples, class frequencies averaged",
              "Breiman 2001" },
    .settings = settings,
    .settings_bytes = sizeof(struct settings),
    .own_bytes = sizeof(struct forest),
    .fit = fit,
    .adopt = adopt,
    .scores = scores,
};
