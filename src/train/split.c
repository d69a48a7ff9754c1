/* Stratified splits: the examples of each class, in a random order, are dealt in turn; where one
 * class ends the next goes on, so that parts stay equal over all. And folds of whole groups: the
 * largest to the smallest fold (Graham 1969, longest processing time first); a share of whole
 * groups: in a random order, each that brings it nearer to its size. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "engram/random.h"
#include "train/egi_train.h"

/* Examples in random order, then by class: rank[i] is the place of example i. */
static eg_status stratify(const int32_t *labels, size_t n, size_t classes, uint64_t seed,
                          struct egi_arena *out)
{
    if (labels == NULL || n == 0 || classes == 0)
        return egi_fail(EG_ERR_INVALID, "split: %zu examples of %zu classes", n, classes);
    for (size_t i = 0; i < n; i++)
        if (labels[i] < 0 || (size_t)labels[i] >= classes)
            return egi_fail(EG_ERR_INVALID, "split: label %d, expected 0..%zu", (int)labels[i],
                            classes - 1);
    const struct egi_need needs[] = { { n, sizeof(size_t) },
                                      { n, sizeof(size_t) },
                                      { classes + 1, sizeof(size_t) } };
    EGI_TRY(egi_arena_create(eg_allocator_default(), needs, EGI_COUNT(needs), "split", out));
    size_t *order = out->part[0], *rank = out->part[1], *begin = out->part[2];
    for (size_t c = 0; c <= classes; c++) begin[c] = 0;
    for (size_t i = 0; i < n; i++) begin[labels[i] + 1]++;
    for (size_t c = 0; c < classes; c++) begin[c + 1] += begin[c];
    eg_random_permutation(seed, EGI_STREAM_SPLIT, n, order);
    for (size_t i = 0; i < n; i++) rank[order[i]] = begin[labels[order[i]]]++;
    return EG_OK;
}

eg_status eg_split_folds(const int32_t *labels, size_t n, size_t classes, size_t k, uint64_t seed,
                         uint32_t *fold)
{
    struct egi_arena a;
    if (fold == NULL || k < 2 || k > n || k > UINT32_MAX)
        return egi_fail(EG_ERR_INVALID,
                        "eg_split_folds: %zu folds of %zu examples, expected 2..%zu", k, n, n);
    EGI_TRY(stratify(labels, n, classes, seed, &a));
    const size_t *rank = a.part[1];
    for (size_t i = 0; i < n; i++) fold[i] = (uint32_t)(rank[i] % k);
    egi_arena_destroy(&a);
    return EG_OK;
}

/* ---- groups ---- */

struct group {
    uint32_t name;
    size_t first, size, place; /* of its examples among those sorted; place: drawn */
};

static int by_name(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    if (x->name != y->name) return x->name < y->name ? -1 : 1;
    return (x->first > y->first) - (x->first < y->first);
}

static int larger_first(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    if (x->size != y->size) return x->size > y->size ? -1 : 1;
    return (x->place > y->place) - (x->place < y->place);
}

static int by_place(const void *a, const void *b)
{
    const struct group *x = a, *y = b;
    return (x->place > y->place) - (x->place < y->place);
}

/* Examples (n) by name; the first of each name becomes a group: returns how many. own (n): the
 * examples in that order. */
static size_t gather_groups(struct group *g, size_t n, size_t *own)
{
    size_t groups = 0;
    qsort(g, n, sizeof *g, by_name);
    for (size_t i = 0; i < n; i++) own[i] = g[i].first;
    for (size_t i = 0; i < n; i++) {
        if (groups == 0 || g[groups - 1].name != g[i].name)
            g[groups++] = (struct group){ .name = g[i].name, .first = i };
        g[groups - 1].size++;
    }
    return groups;
}

/* size (k): of the folds. */
static void deal_groups(const struct group *g, size_t groups, const size_t *own, size_t k,
                        size_t *size, uint32_t *fold)
{
    for (size_t f = 0; f < k; f++) size[f] = 0;
    for (size_t i = 0; i < groups; i++) {
        size_t to = 0;
        for (size_t f = 1; f < k; f++)
            if (size[f] < size[to]) to = f;
        size[to] += g[i].size;
        for (size_t j = 0; j < g[i].size; j++) fold[own[g[i].first + j]] = (uint32_t)to;
    }
}

/* The groups of n examples, each with its place in a drawn order. part of a: (n) groups, (2 n) the
 * examples by group and scratch, (extra) sizes for the caller. */
static eg_status draw_groups(const uint32_t *group, size_t n, size_t extra, uint64_t seed,
                             struct egi_arena *a, size_t *groups)
{
    const struct egi_need needs[] = { { n, sizeof(struct group) },
                                      { n, 2 * sizeof(size_t) },
                                      { extra, sizeof(size_t) } };
    EGI_TRY(egi_arena_create(eg_allocator_default(), needs, EGI_COUNT(needs), "groups", a));
    struct group *g = a->part[0];
    size_t *own = a->part[1], *order = own + n;
    for (size_t i = 0; i < n; i++) g[i] = (struct group){ .name = group[i], .first = i };
    *groups = gather_groups(g, n, own);
    eg_random_permutation(seed, EGI_STREAM_SPLIT, *groups, order);
    for (size_t i = 0; i < *groups; i++) g[i].place = order[i];
    return EG_OK;
}

eg_status eg_split_groups(const uint32_t *group, size_t n, size_t k, uint64_t seed, uint32_t *fold)
{
    struct egi_arena a;
    size_t groups;
    if (group == NULL || fold == NULL || n == 0 || k < 2 || k > n)
        return egi_fail(EG_ERR_INVALID,
                        "eg_split_groups: %zu folds of %zu examples, expected 2..%zu", k, n, n);
    EGI_TRY(draw_groups(group, n, k, seed, &a, &groups));
    struct group *g = a.part[0];
    qsort(g, groups, sizeof *g, larger_first);
    eg_status s = EG_OK;
    if (groups < k)
        s = egi_fail(EG_ERR_INVALID, "eg_split_groups: %zu folds of %zu groups, expected 2..%zu", k,
                     groups, groups);
    else
        deal_groups(g, groups, a.part[1], k, a.part[2], fold);
    egi_arena_destroy(&a);
    return s;
}

eg_status eg_split_share_groups(const uint32_t *group, size_t n, double share, uint64_t seed,
                                uint32_t *chosen)
{
    struct egi_arena a;
    size_t groups, taken = 0;
    if (group == NULL || chosen == NULL || n == 0 || !(share >= 0 && share <= 1))
        return egi_fail(EG_ERR_INVALID,
                        "eg_split_share_groups: a share of %g of %zu examples, expected 0..1 of 1 "
                        "or more",
                        share, n);
    EGI_TRY(draw_groups(group, n, 0, seed, &a, &groups));
    struct group *g = a.part[0];
    const size_t *own = a.part[1], want = (size_t)llround(share * (double)n);
    qsort(g, groups, sizeof *g, by_place);
    for (size_t i = 0; i < groups; i++) {
        /* nearer, or as near from above: |taken + size - want| <= want - taken */
        const int take = taken < want && g[i].size <= 2 * (want - taken);
        for (size_t j = 0; j < g[i].size; j++) chosen[own[g[i].first + j]] = (uint32_t)take;
        if (take) taken += g[i].size;
    }
    egi_arena_destroy(&a);
    return EG_OK;
}

eg_status egi_split_part(const eg_part *part, size_t classes, size_t k, uint64_t seed,
                         uint32_t *fold)
{
    const eg_dataset *set = part->set;
    struct egi_arena a;
    const struct egi_need need = { part->n, sizeof(uint32_t) };
    EGI_TRY(egi_arena_create(eg_allocator_default(), &need, 1, "folds", &a));
    int32_t *labels = a.part[0];
    uint32_t *group = a.part[0];
    for (size_t i = 0; i < part->n && set->group != NULL; i++)
        group[i] = set->group[egi_part_at(part, i)];
    for (size_t i = 0; i < part->n && set->group == NULL; i++)
        labels[i] = set->labels[egi_part_at(part, i)];
    const eg_status s = set->group != NULL
                            ? eg_split_groups(group, part->n, k, seed, fold)
                            : eg_split_folds(labels, part->n, classes, k, seed, fold);
    egi_arena_destroy(&a);
    return s;
}

eg_status eg_split_share(const int32_t *labels, size_t n, size_t classes, double share,
                         uint64_t seed, uint32_t *chosen)
{
    struct egi_arena a;
    if (chosen == NULL || !(share >= 0 && share <= 1))
        return egi_fail(EG_ERR_INVALID, "eg_split_share: a share of %g, expected 0..1", share);
    EGI_TRY(stratify(labels, n, classes, seed, &a));
    const size_t *rank = a.part[1];
    const unsigned __int128 take = (unsigned __int128)llround(share * (double)n);
    /* place r is chosen where floor(r take / n) steps: evenly spread, round(share n) in all */
    for (size_t i = 0; i < n; i++) chosen[i] = (rank[i] + 1) * take / n != rank[i] * take / n;
    egi_arena_destroy(&a);
    return EG_OK;
}

size_t eg_split_select(const uint32_t *which, size_t n, uint32_t value, int others, size_t *index)
{
    size_t count = 0;
    for (size_t i = 0; i < n; i++)
        if ((which[i] == value) != (others != 0)) index[count++] = i;
    return count;
}
