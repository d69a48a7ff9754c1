/* Measures of scores against labels. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "train/egi_train.h"

struct scored {
    double score;
    int positive;
};

static int by_score(const void *a, const void *b)
{
    const struct scored *x = a, *y = b;
    return (x->score > y->score) - (x->score < y->score);
}

/* U / (positives negatives), U the pairs in order (Mann and Whitney 1947): from the ranks of the
 * positives, equal scores sharing the mean of theirs. NaN where one side is empty. */
static double area(struct scored *s, size_t n)
{
    double ranks = 0, positives = 0;
    qsort(s, n, sizeof *s, by_score);
    for (size_t i = 0, end; i < n; i = end) {
        size_t here = 0;
        for (end = i; end < n && s[end].score == s[i].score; end++) here += s[end].positive != 0;
        ranks += (double)here * ((double)(i + end + 1) / 2);
        positives += (double)here;
    }
    const double negatives = (double)n - positives;
    if (positives == 0 || negatives == 0) return (double)NAN;
    return (ranks - positives * (positives + 1) / 2) / (positives * negatives);
}

static double mean_area(const float *scores, const int32_t *labels, size_t n, size_t k,
                        struct scored *scratch)
{
    double sum = 0;
    size_t defined = 0;
    for (size_t c = k == 2 ? 1 : 0; c < k; c++) {
        for (size_t i = 0; i < n; i++) {
            const float *z = scores + i * k;
            const double score = k == 2 ? (double)z[1] - (double)z[0] : (double)z[c];
            scratch[i] = (struct scored){ score, labels[i] == (int32_t)c };
        }
        const double a = area(scratch, n);
        if (isnan(a)) continue;
        sum += a;
        defined++;
    }
    return defined > 0 ? sum / (double)defined : (double)NAN;
}

static size_t answer(const float *z, size_t k)
{
    size_t best = 0;
    for (size_t c = 1; c < k; c++)
        if (z[c] > z[best]) best = c;
    return best;
}

eg_status eg_score(const float *scores, const int32_t *labels, size_t n, size_t classes,
                   eg_scored *out)
{
    void *scratch;
    if (scores == NULL || labels == NULL || out == NULL || n == 0 || classes < 2)
        return egi_fail(EG_ERR_INVALID, "eg_score: NULL, or %zu examples of %zu classes", n,
                        classes);
    for (size_t i = 0; i < n; i++) {
        if (labels[i] < 0 || (size_t)labels[i] >= classes)
            return egi_fail(EG_ERR_INVALID, "eg_score: labels[%zu] is %d, expected 0..%zu", i,
                            (int)labels[i], classes - 1);
        for (size_t c = 0; c < classes; c++)
            if (!isfinite(scores[i * classes + c]))
                return egi_fail(EG_ERR_DIVERGED, "scores: example %zu, class %zu: %g", i, c,
                                (double)scores[i * classes + c]);
    }
    EGI_TRY(egi_alloc_array(eg_allocator_default(), n, sizeof(struct scored), "ranks", &scratch));
    eg_scored s = { .n = n, .classes = classes, .confusion = out->confusion };
    if (s.confusion != NULL) memset(s.confusion, 0, classes * classes * sizeof *s.confusion);
    for (size_t i = 0; i < n; i++) {
        const size_t said = answer(scores + i * classes, classes);
        s.errors += said != (size_t)labels[i];
        if (s.confusion != NULL) s.confusion[(size_t)labels[i] * classes + said]++;
    }
    s.accuracy = 1 - (double)s.errors / (double)n;
    s.auc = mean_area(scores, labels, n, classes, scratch);
    egi_free(eg_allocator_default(), scratch, n * sizeof(struct scored));
    *out = s;
    return EG_OK;
}

/* What diverged is an item's. */
static eg_status of_item(eg_status failure, size_t item)
{
    char why[400];
    if (failure != EG_ERR_DIVERGED) return failure;
    snprintf(why, sizeof why, "%s", eg_error_detail());
    return egi_fail(failure, "item %zu: %s", item, why);
}

/* Rows x (b, D), which are items first.. of a set, or index[0..b-1]. */
static eg_status score_rows(eg_learner *l, const float *x, size_t b, const size_t *index,
                            size_t first, float *out)
{
    const eg_task *task = eg_learner_task(l);
    eg_status s = eg_learner_scores(l, x, b, out);
    for (size_t i = 0; i < b && s == EG_ERR_DIVERGED; i++) { /* which? one after the other */
        const eg_status one = eg_learner_scores(l, x + i * task->inputs, 1, out);
        if (one != EG_OK) return of_item(one, index != NULL ? index[i] : first + i);
    }
    return s;
}

/* A bag is scored where it lies. */
static eg_status score_bags(eg_learner *l, const eg_part *part, float *out)
{
    const eg_dataset *set = part->set;
    for (size_t i = 0; i < part->n; i++) {
        const size_t at = egi_part_at(part, i);
        const size_t one[2] = { 0, set->offset[at + 1] - set->offset[at] };
        const eg_examples bag = { set->x + set->offset[at] * set->d, one, NULL, 1 };
        const eg_status s = eg_learner_scores_bags(l, &bag, out + i * eg_learner_task(l)->classes);
        if (s != EG_OK) return of_item(s, at);
    }
    return EG_OK;
}

eg_status eg_part_scores(eg_learner *l, const eg_part *part, size_t first, size_t b, float *scores)
{
    if (l == NULL || part == NULL || part->set == NULL || scores == NULL || first > part->n
        || b > part->n - first)
        return egi_fail(EG_ERR_INVALID, "eg_part_scores: NULL, or no such examples");
    const eg_dataset *set = part->set;
    const eg_task *task = eg_learner_task(l);
    if (set->d != task->inputs || (set->offset != NULL) != (task->bags != 0))
        return egi_fail(EG_ERR_SHAPE,
                        "eg_part_scores: %s of %zu numbers, and a learner of %s of %zu",
                        set->offset != NULL ? "bags" : "vectors", set->d,
                        task->bags ? "bags" : "vectors", task->inputs);
    const eg_part some = { set, part->index != NULL ? part->index + first : NULL, b };
    for (size_t i = 0; i < b && (set->offset != NULL || part->index != NULL); i++) {
        const size_t at = part->index != NULL ? some.index[i] : first + i;
        const size_t rows = set->offset != NULL ? set->offset[at + 1] - set->offset[at] : 1;
        const size_t from = set->offset != NULL ? set->offset[at] : at, one[2] = { 0, rows };
        const eg_examples e = { set->x + from * set->d, set->offset != NULL ? one : NULL, NULL, 1 };
        const eg_status s = eg_learner_scores_bags(l, &e, scores + i * task->classes);
        if (s != EG_OK) return of_item(s, at);
    }
    if (set->offset != NULL || part->index != NULL) return EG_OK;
    return score_rows(l, set->x + first * set->d, b, NULL, first, scores);
}

static eg_status score_part(eg_learner *l, const eg_part *part, size_t batch, float *x, float *out)
{
    const eg_dataset *set = part->set;
    const size_t k = eg_learner_task(l)->classes;
    if (set->offset != NULL) return score_bags(l, part, out);
    for (size_t i = 0; i < part->n; i += batch) {
        const size_t b = part->n - i < batch ? part->n - i : batch;
        for (size_t j = 0; part->index != NULL && j < b; j++)
            memcpy(x + j * set->d, set->x + part->index[i + j] * set->d, set->d * sizeof *x);
        const size_t *index = part->index != NULL ? part->index + i : NULL;
        EGI_TRY(score_rows(l, index != NULL ? x : set->x + i * set->d, b, index, i, out + i * k));
    }
    return EG_OK;
}

eg_status eg_evaluate(eg_learner *l, const eg_part *part, size_t batch, float *scores,
                      eg_scored *out)
{
    if (l == NULL || out == NULL || batch == 0)
        return egi_fail(EG_ERR_INVALID, "eg_evaluate: NULL, or batches of %zu", batch);
    const eg_task *task = eg_learner_task(l);
    EGI_TRY(egi_part_check(part, "eg_evaluate", task));
    const size_t most = batch < part->n ? batch : part->n;
    size_t cells, all;
    EGI_TRY(egi_mul_size(part->index != NULL ? most : 0, task->inputs, &cells));
    EGI_TRY(egi_mul_size(scores == NULL ? part->n : 0, task->classes, &all));
    const struct egi_need needs[] = { { cells, sizeof(float) },
                                      { all, sizeof(float) },
                                      { part->n, sizeof(int32_t) } };
    struct egi_arena a;
    EGI_TRY(egi_arena_create(eg_allocator_default(), needs, EGI_COUNT(needs), "eg_evaluate", &a));
    float *z = scores != NULL ? scores : a.part[1];
    int32_t *labels = a.part[2];
    for (size_t i = 0; i < part->n; i++) labels[i] = part->set->labels[egi_part_at(part, i)];
    eg_status s = score_part(l, part, most, a.part[0], z);
    if (s == EG_OK) s = eg_score(z, labels, part->n, task->classes, out);
    egi_arena_destroy(&a);
    return s;
}
