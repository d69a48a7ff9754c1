/* Gradient boosting of trees (Friedman 2001; Chen and Guestrin 2016, "XGBoost", eqs. 2 to 7).
 *
 * Each round adds a tree for each score, a Newton step on the logistic loss for two classes and on
 * cross-entropy for more: g = t - p, h = p (1 - p), and leaves G / (H + lambda) times the rate.
 * For K > 2 classes h is doubled, as XGBoost has it. Two classes have one score z: (0, z).
 *
 * Differs from the paper in: columns are cut into at most 256 bins by their quantiles; no missing
 * values, no L1 penalty. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engram/random.h"
#include "nn/egi_kind.h"
#include "nn/egi_trees.h"

enum { STREAM_SAMPLE = 0x424f4f53, STREAM_COLUMNS = 0x424f4f43 }; /* "BOOS", "BOOC" */

struct settings {
    size_t rounds, depth;
    double rate, lambda, gamma, least, sample, columns;
};

#define COUNT(...) EGI_SET_COUNT(struct settings, __VA_ARGS__)
#define NUMBER(...) EGI_SET_NUMBER(struct settings, __VA_ARGS__)

static const struct egi_setting settings[] = {
    COUNT(rounds, "100", 1, 1e6, "trees of each score"),
    COUNT(depth, "6", 1, 1e3, "most splits above a leaf"),
    NUMBER(rate, "0.3", 0, 1, "factor of each tree"),
    NUMBER(lambda, "1", 0, 1e9, "added to H: shrinks leaves of few examples"),
    NUMBER(gamma, "0", 0, 1e9, "least gain of a split"),
    NUMBER(least, "1", 0, 1e9, "H that both sides of a split keep"),
    NUMBER(sample, "1", 1e-3, 1, "share of the examples that a round sees"),
    NUMBER(columns, "1", 1e-3, 1, "share of the columns tried at each split"),
    EGI_SET_END,
};

struct boosting {
    struct egi_forest trees;
};

static size_t score_count(const struct eg_learner *l)
{
    return l->task.classes == 2 ? 1 : l->task.classes;
}

struct boost {
    struct eg_learner *l;
    const eg_examples *e;
    const struct egi_bins *b;
    struct egi_grower grower;
    struct egi_trees_growing all;
    double *z;    /* (N, scores) */
    float *g, *h; /* (N) of one score */
    double *p;    /* (N, scores) */
    size_t m;
};

static void probabilities(struct boost *t)
{
    for (size_t i = 0; i < t->e->n; i++) {
        const double *z = t->z + i * t->m;
        double *p = t->p + i * t->m, top = z[0], sum = 0;
        if (t->m == 1) {
            p[0] = 1 / (1 + exp(-z[0]));
            continue;
        }
        for (size_t c = 1; c < t->m; c++) top = z[c] > top ? z[c] : top;
        for (size_t c = 0; c < t->m; c++) sum += p[c] = exp(z[c] - top);
        for (size_t c = 0; c < t->m; c++) p[c] /= sum;
    }
}

static void differentiate(struct boost *t, size_t c)
{
    const int32_t target = t->m == 1 ? 1 : (int32_t)c;
    for (size_t i = 0; i < t->e->n; i++) {
        const double p = t->p[i * t->m + c], h = (t->m == 1 ? 1 : 2) * p * (1 - p);
        t->g[i] = (float)((t->e->y[i] == target) - p);
        t->h[i] = (float)(h > 1e-16 ? h : 1e-16);
    }
}

/* The examples of a round; at least one. */
static size_t draw_rows(const struct boost *t, size_t round)
{
    const struct settings *o = t->l->settings;
    const uint64_t stream = STREAM_SAMPLE + ((uint64_t)round << 32), unit = (uint64_t)1 << 53;
    const uint64_t below = (uint64_t)(o->sample * (double)unit);
    size_t count = 0;
    for (size_t i = 0; i < t->e->n; i++)
        if (o->sample == 1 || eg_random_below(t->l->seed, stream, i, unit) < below)
            t->grower.rows[count++] = (uint32_t)i;
    if (count == 0) t->grower.rows[count++] = (uint32_t)(round % t->e->n);
    return count;
}

static eg_status add_tree(struct boost *t, size_t round, size_t c)
{
    const struct settings *o = t->l->settings;
    const size_t d = t->l->task.inputs, tree = round * t->m + c;
    const size_t columns = (size_t)ceil(o->columns * (double)d);
    const struct egi_tree_rule rule = { .depth = o->depth,
                                        .least = o->least,
                                        .columns = columns > 0 ? columns : 1,
                                        .lambda = o->lambda,
                                        .gain = o->gamma > 1e-6 ? o->gamma : 1e-6,
                                        .seed = t->l->seed,
                                        .stream = STREAM_COLUMNS + ((uint64_t)tree << 32) };
    const struct egi_targets targets = { t->g, t->h, NULL, 1 };
    struct egi_forest *f = &t->grower.tree;
    differentiate(t, c);
    egi_tree_grow(&t->grower, t->b, &targets, draw_rows(t, round), &rule, t->l->threads);
    for (size_t i = 0; i < f->nodes; i++) f->value[i] *= (float)o->rate;
    for (size_t i = 0; i < t->e->n; i++)
        t->z[i * t->m + c] += (double)f->value[egi_tree_leaf(f, 0, t->e->x + i * d)];
    return egi_trees_append(&t->all, f);
}

static eg_status boost(struct boost *t)
{
    const struct settings *o = t->l->settings;
    for (size_t round = 0; round < o->rounds; round++) {
        probabilities(t);
        for (size_t c = 0; c < t->m; c++) EGI_TRY(add_tree(t, round, c));
    }
    return egi_trees_keep(t->l, &t->all);
}

static eg_status fit_binned(struct eg_learner *l, const eg_examples *e, const struct egi_bins *b)
{
    struct boost t = { .l = l, .e = e, .b = b, .m = score_count(l) };
    const size_t workers = (size_t)egi_thread_count(l->threads);
    size_t cells;
    struct egi_arena a;
    EGI_TRY(egi_mul_size(e->n, t.m, &cells));
    const struct egi_need needs[] = { { cells, sizeof(double) },
                                      { cells, sizeof(double) },
                                      { e->n, sizeof(float) },
                                      { e->n, sizeof(float) } };
    EGI_TRY(egi_arena_create(l->alloc, needs, EGI_COUNT(needs), "boosting", &a));
    t.z = a.part[0];
    t.p = a.part[1];
    t.g = a.part[2];
    t.h = a.part[3];
    t.all = (struct egi_trees_growing){ .all = { .outputs = 1 }, .alloc = l->alloc };
    memset(t.z, 0, cells * sizeof *t.z);
    eg_status s = egi_grower_create(b, 1, workers, l->alloc, &t.grower);
    if (s == EG_OK) s = boost(&t);
    egi_grower_destroy(&t.grower, l->alloc);
    egi_trees_clear(&t.all);
    egi_arena_destroy(&a);
    return s;
}

static eg_status fit(struct eg_learner *l, const eg_examples *e)
{
    return egi_trees_fit(l, e, fit_binned);
}

static eg_status adopt(struct eg_learner *l)
{
    struct egi_forest f;
    EGI_TRY(egi_trees_adopt(l, 1, &f));
    if (f.trees % score_count(l) != 0)
        return egi_fail(EG_ERR_CORRUPT, "%zu trees for %zu scores", f.trees, score_count(l));
    ((struct boosting *)l->own)->trees = f;
    return EG_OK;
}

static eg_status scores(struct eg_learner *l, const float *x, size_t b, float *out)
{
    const struct egi_forest *f = &((struct boosting *)l->own)->trees;
    const size_t k = l->task.classes, m = score_count(l);
    memset(out, 0, b * k * sizeof *out);
    for (size_t i = 0; i < b; i++)
        for (size_t tree = 0; tree < f->trees; tree++)
            out[i * k + (m == 1 ? 1 : tree % m)] +=
                f->value[egi_tree_leaf(f, (size_t)f->start[tree], x + i * l->task.inputs)];
    return EG_OK;
}

const struct egi_learner_row egi_learner_boosting = {
    .kind = { "boosting", "gradient boosting: trees added one after the other",
              "Chen and Guestrin 2016, eqs. 2 to 7" },
    .settings = settings,
    .settings_bytes = sizeof(struct settings),
    .own_bytes = sizeof(struct boosting),
    .fit = fit,
    .adopt = adopt,
    .scores = scores,
};
