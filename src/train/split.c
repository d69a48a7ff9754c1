/* Stratified splits: the examples of each class, in a random order, are dealt in turn; where one
 * class ends the next goes on, so that parts stay equal over all. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

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
