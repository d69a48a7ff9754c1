/* Images made with one learner, shown to others: Szegedy et al. 2014, section 4.2; the talk of
 * Krotov and Hopfield 2018 for dense associative memories. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "measure/egi_attack.h"

static void finish(eg_transfer *t)
{
    const double n = (double)t->images, p = ((double)t->wrong + 1) / (n + 2);
    t->share = t->images > 0 ? (double)t->wrong / n : NAN;
    t->error = t->images > 0 ? sqrt(p * (1 - p) / n) : NAN;
}

/* Errors on the images for which counted[i] is not 0 (NULL: on all); scores (batch, K) scratch. */
static eg_status count_errors(eg_learner *l, const float *x, const int32_t *labels, size_t n,
                              size_t batch, const uint8_t *counted, float *scores, eg_transfer *out)
{
    const size_t d = eg_learner_task(l)->inputs, k = eg_learner_task(l)->classes;
    eg_transfer t = { 0 };
    for (size_t base = 0; base < n; base += batch) {
        const size_t b = n - base < batch ? n - base : batch;
        EGI_TRY(eg_learner_scores(l, x + base * d, b, scores));
        for (size_t i = 0; i < b; i++) {
            if (counted != NULL && !counted[base + i]) continue;
            t.images++;
            t.wrong += egi_top_class(scores + i * k, k, -1) != labels[base + i];
        }
    }
    finish(&t);
    *out = t;
    return EG_OK;
}

eg_status eg_attack_errors(eg_learner *l, const float *x, const int32_t *labels, size_t n,
                           size_t batch, eg_transfer *out)
{
    if (l == NULL || x == NULL || labels == NULL || n == 0 || batch == 0 || out == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_attack_errors: learner, x, labels, out: NULL, or no "
                                        "image");
    const size_t k = eg_learner_task(l)->classes;
    void *scores = NULL;
    size_t cells;
    EGI_TRY(egi_mul_size(batch < n ? batch : n, k, &cells));
    EGI_TRY(egi_alloc_array(eg_allocator_default(), cells, sizeof(float), "scores", &scores));
    const eg_status s = count_errors(l, x, labels, n, batch < n ? batch : n, NULL, scores, out);
    egi_free(eg_allocator_default(), scores, cells * sizeof(float));
    return s;
}

/* What the M attacks share. */
struct study {
    eg_learner *const *learners;
    size_t m, n, d, k;
    const float *x;
    const int32_t *labels;
    const eg_attack_options *o;
    float *adversarial;        /* (N, D) */
    float *scores;             /* (batch, K) */
    eg_attack_record *records; /* (N) */
    uint8_t *right;            /* (N) */
};

static eg_status study_row(const struct study *t, size_t a, const eg_attack_output *made,
                           eg_transfer *row)
{
    eg_attack_output out = made != NULL ? *made : (eg_attack_output){ 0 };
    if (out.adversarial == NULL) out.adversarial = t->adversarial;
    if (out.records == NULL) out.records = t->records;
    EGI_TRY(eg_attack_run(t->learners[a], t->x, t->labels, t->n, t->o, &out));
    for (size_t i = 0; i < t->n; i++) t->right[i] = out.records[i].before[0] == t->labels[i];
    for (size_t b = 0; b < t->m; b++)
        EGI_TRY(count_errors(t->learners[b], out.adversarial, t->labels, t->n, t->o->batch,
                             t->right, t->scores, &row[b]));
    return EG_OK;
}

static eg_status check_learners(eg_learner *const *learners, size_t m)
{
    for (size_t i = 0; i < m; i++)
        if (learners[i] == NULL)
            return egi_fail(EG_ERR_INVALID, "eg_attack_transfer: learner %zu: NULL", i);
    const eg_task *first = eg_learner_task(learners[0]);
    for (size_t i = 1; i < m; i++) {
        const eg_task *t = eg_learner_task(learners[i]);
        if (t->inputs != first->inputs || t->classes != first->classes)
            return egi_fail(EG_ERR_SHAPE,
                            "eg_attack_transfer: learner %zu has %zu inputs and %zu classes, "
                            "learner 0 has %zu and %zu",
                            i, t->inputs, t->classes, first->inputs, first->classes);
    }
    return EG_OK;
}

eg_status eg_attack_transfer(eg_learner *const *learners, size_t m, const float *x,
                             const int32_t *labels, size_t n, const eg_attack_options *options,
                             eg_transfer *matrix, eg_transfer *clean, const eg_attack_output *made)
{
    if (learners == NULL || m == 0 || x == NULL || labels == NULL || n == 0 || options == NULL
        || options->batch == 0 || matrix == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_attack_transfer: learners, x, labels, options, matrix: "
                                        "NULL, or no image");
    EGI_TRY(check_learners(learners, m));
    const eg_task *task = eg_learner_task(learners[0]);
    struct study t = { learners, m,       n,    task->inputs, task->classes, x,
                       labels,   options, NULL, NULL,         NULL,          NULL };
    size_t pixels, cells;
    EGI_TRY(egi_mul_size(n, t.d, &pixels));
    EGI_TRY(egi_mul_size(options->batch, t.k, &cells));
    const struct egi_need needs[] = { { pixels, sizeof(float) },
                                      { cells, sizeof(float) },
                                      { n, sizeof(eg_attack_record) },
                                      { n, 1 } };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(options->alloc != NULL ? options->alloc : eg_allocator_default(),
                             needs, EGI_COUNT(needs), "transfer", &arena));
    t.adversarial = arena.part[0];
    t.scores = arena.part[1];
    t.records = arena.part[2];
    t.right = arena.part[3];
    eg_status s = EG_OK;
    for (size_t a = 0; a < m && s == EG_OK; a++)
        s = study_row(&t, a, made != NULL ? &made[a] : NULL, matrix + a * m);
    for (size_t a = 0; a < m && clean != NULL && s == EG_OK; a++)
        s = count_errors(learners[a], x, labels, n, options->batch, NULL, t.scores, &clean[a]);
    egi_arena_destroy(&arena);
    return s;
}
