/* Images made with one learner, shown to others: Szegedy et al. 2014, section 4.2; the talk of
 * Krotov and Hopfield 2018 for dense associative memories. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "measure/egi_attack.h"

static void finish(eg_transfer *t)
{
    const double n = (double)t->images, p = ((double)t->wrong + 1) / (n + 2);
    t->share = t->images > 0 ? (double)t->wrong / n : NAN;
    t->error = t->images > 0 ? sqrt(p * (1 - p) / n) : NAN;
}

/* N images shown to a learner. */
struct show {
    const int32_t *labels;
    size_t n, batch;
    const uint8_t *counted; /* (N) 0: not counted; NULL: all are */
    int noise;              /* 1: wrong is who finds a class in it, target or else the label */
    int32_t target;         /* -1: none */
    float *scores;          /* (batch, K) scratch */
};

static eg_status count_errors(eg_learner *l, const float *x, const struct show *show,
                              eg_transfer *out)
{
    const size_t d = eg_learner_task(l)->inputs, k = eg_learner_task(l)->classes;
    eg_transfer t = { 0 };
    for (size_t base = 0; base < show->n; base += show->batch) {
        const size_t b = show->n - base < show->batch ? show->n - base : show->batch;
        EGI_TRY(eg_learner_scores(l, x + base * d, b, show->scores));
        for (size_t i = 0; i < b; i++) {
            if (show->counted != NULL && !show->counted[base + i]) continue;
            const int32_t answer = egi_top_class(show->scores + i * k, k, -1);
            const int32_t class =
                show->noise && show->target >= 0 ? show->target : show->labels[base + i];
            t.images++;
            t.wrong += (answer == class) == show->noise;
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
    struct show show = { .labels = labels, .n = n, .batch = batch < n ? batch : n };
    void *scores = NULL;
    size_t cells;
    EGI_TRY(egi_mul_size(show.batch, eg_learner_task(l)->classes, &cells));
    EGI_TRY(egi_alloc_array(eg_allocator_default(), cells, sizeof(float), "scores", &scores));
    show.scores = scores;
    const eg_status s = count_errors(l, x, &show, out);
    egi_free(eg_allocator_default(), scores, cells * sizeof(float));
    return s;
}

/* What the M attacks share. */
struct study {
    eg_learner *const *learners;
    size_t m;
    const float *x;
    const eg_attack_options *o;
    struct show clean, made;
    float *adversarial;        /* (N, D) */
    eg_attack_record *records; /* (N) */
    uint8_t *right;            /* (N) what made.counted points to */
};

/* A result of learner i, which is named where its numbers are none. */
static eg_status of_learner(eg_status failure, size_t i)
{
    char why[400];
    if (failure != EG_ERR_DIVERGED) return failure;
    snprintf(why, sizeof why, "%s", eg_error_detail());
    return egi_fail(failure, "learner %zu: %s", i, why);
}

static eg_status study_row(const struct study *t, size_t a, const eg_attack_output *made,
                           eg_transfer *row)
{
    const struct show *s = &t->made;
    eg_attack_output out = made != NULL ? *made : (eg_attack_output){ 0 };
    if (out.adversarial == NULL) out.adversarial = t->adversarial;
    if (out.records == NULL) out.records = t->records;
    EGI_TRY(of_learner(eg_attack_run(t->learners[a], t->x, s->labels, s->n, t->o, &out), a));
    for (size_t i = 0; i < s->n; i++)
        t->right[i] =
            s->noise || (out.records[i].before[0] == s->labels[i] && s->labels[i] != s->target);
    for (size_t b = 0; b < t->m; b++)
        EGI_TRY(of_learner(count_errors(t->learners[b], out.adversarial, s, &row[b]), b));
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
                             eg_transfer *matrix, const eg_attack_output *made)
{
    if (learners == NULL || m == 0 || x == NULL || labels == NULL || n == 0 || options == NULL
        || options->batch == 0 || matrix == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_attack_transfer: learners, x, labels, options, matrix: "
                                        "NULL, or no image");
    EGI_TRY(check_learners(learners, m));
    const eg_task *task = eg_learner_task(learners[0]);
    const eg_attack_info *info = eg_attack_row(options->row);
    struct study t = { .learners = learners, .m = m, .x = x, .o = options };
    size_t pixels, cells;
    EGI_TRY(egi_mul_size(n, task->inputs, &pixels));
    EGI_TRY(egi_mul_size(options->batch, task->classes, &cells));
    const struct egi_need needs[] = { { pixels, sizeof(float) },
                                      { cells, sizeof(float) },
                                      { n, sizeof(eg_attack_record) },
                                      { n, 1 } };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(options->alloc != NULL ? options->alloc : eg_allocator_default(),
                             needs, EGI_COUNT(needs), "transfer", &arena));
    t.adversarial = arena.part[0];
    t.records = arena.part[2];
    t.right = arena.part[3];
    t.clean = (struct show){ labels, n, options->batch, NULL, 0, -1, arena.part[1] };
    t.made = t.clean;
    t.made.counted = t.right;
    t.made.noise = info != NULL && info->noise;
    t.made.target = options->target;
    eg_status s = EG_OK;
    for (size_t a = 0; a < m && s == EG_OK; a++)
        s = study_row(&t, a, made != NULL ? &made[a] : NULL, matrix + a * m);
    for (size_t a = 0; a < m && s == EG_OK; a++)
        s = of_learner(count_errors(learners[a], x, &t.clean, &matrix[m * m + a]), a);
    egi_arena_destroy(&arena);
    return s;
}
