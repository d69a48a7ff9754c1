/* How examples are learned (Arpit et al. 2017): which are easy, on which the loss hangs, which lie
 * next to another answer. The loss of an example is -ln softmax(scores)_y whatever the learner was
 * trained by, so that learners can be compared. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "measure/egi_memorised.h"

/* ---- easy examples ---- */

static eg_status one_model(const char *spec, const eg_task *task, const eg_part *part,
                           const eg_memorised_options *o, size_t model, float *scores,
                           uint8_t *right)
{
    eg_train_options how = EG_TRAIN_OPTIONS_INIT;
    eg_learner *l = NULL;
    if (o->train != NULL) how = *o->train;
    if (how.epochs == 0) how.epochs = 1;
    how.seed = o->seed + model;
    how.folder = NULL;
    how.progress = NULL;
    EGI_TRY(eg_learner_create(spec, task, how.seed, o->threads, o->alloc, &l));
    eg_status s = eg_train(l, part, NULL, &how, NULL);
    if (s == EG_OK) s = egi_memorised_answers(l, part, scores, right);
    eg_learner_destroy(l);
    return s;
}

/* What an example's count of right models is if all are equally hard: model by model. */
static void add_rate(eg_ease *e, double p, double models)
{
    e->accuracy += p / models;
    e->null_always *= p;
    e->null_never *= 1 - p;
    e->null_deviation += p * (1 - p) / (models * models); /* its square */
}

static void conclude(eg_ease *e, const uint32_t *right, size_t n, size_t models)
{
    double square = 0;
    for (size_t i = 0; i < n; i++) {
        const double by = (double)right[i] / (double)models - e->accuracy;
        square += by * by;
        e->always += (double)(right[i] == models) / (double)n;
        e->never += (double)(right[i] == 0) / (double)n;
    }
    e->deviation = sqrt(square / (double)n);
    e->null_deviation = sqrt(e->null_deviation);
}

eg_status eg_easy_examples(const char *spec, const eg_task *task, const eg_part *part,
                           const eg_memorised_options *options, uint32_t *right, eg_ease *out)
{
    const eg_memorised_options *o = options;
    eg_ease e = { .null_always = 1, .null_never = 1 };
    struct egi_arena a;
    size_t scores;
    EGI_TRY(egi_memorised_check(o, task, part));
    EGI_TRY(egi_mul_size(EGI_MEMORISED_BATCH, task->classes, &scores));
    const struct egi_need needs[2] = { { scores, sizeof(float) }, { part->n, 1 } };
    EGI_TRY(egi_arena_create(o->alloc != NULL ? o->alloc : eg_allocator_default(), needs, 2,
                             "easy examples", &a));
    const uint8_t *own = a.part[1];
    eg_status s = EG_OK;
    memset(right, 0, part->n * sizeof *right);
    for (size_t t = 0; t < o->models && s == EG_OK; t++) {
        size_t hits = 0;
        s = egi_report(o->progress, "models", t, o->models);
        if (s == EG_OK) s = one_model(spec, task, part, o, t, a.part[0], a.part[1]);
        for (size_t i = 0; i < part->n && s == EG_OK; i++) right[i] += own[i], hits += own[i];
        add_rate(&e, (double)hits / (double)part->n, (double)o->models);
    }
    egi_arena_destroy(&a);
    if (s != EG_OK) return s;
    conclude(&e, right, part->n, o->models);
    *out = e;
    return EG_OK;
}

/* ---- batches of a part ---- */

struct batch {
    eg_learner *l;
    const eg_part *part;
    size_t d, k;
    float *x, *dx;             /* (BATCH, D) */
    float *scores, *cotangent; /* (BATCH, K) */
    int32_t *y;                /* (BATCH) */
    struct egi_arena arena;
};

static eg_status begin(eg_learner *l, const eg_part *part, struct batch *out)
{
    const eg_task *t = eg_learner_task(l);
    const size_t b = EGI_MEMORISED_BATCH;
    struct batch v = { .l = l, .part = part, .d = part->set->d, .k = t->classes };
    size_t inputs, scores;
    if (part->n == 0 || part->set->labels == NULL || t->bags || part->set->offset != NULL)
        return egi_fail(EG_ERR_INVALID, "%zu examples, expected some with labels and no bags",
                        part->n);
    if (v.d != t->inputs)
        return egi_fail(EG_ERR_SHAPE, "examples of %zu inputs, the learner has %zu", v.d,
                        t->inputs);
    EGI_TRY(egi_mul_size(b, v.d, &inputs));
    EGI_TRY(egi_mul_size(b, v.k, &scores));
    const struct egi_need needs[5] = { { inputs, sizeof(float) },
                                       { inputs, sizeof(float) },
                                       { scores, sizeof(float) },
                                       { scores, sizeof(float) },
                                       { b, sizeof(int32_t) } };
    EGI_TRY(egi_arena_create(eg_allocator_default(), needs, 5, "examples", &v.arena));
    v.x = v.arena.part[0], v.dx = v.arena.part[1];
    v.scores = v.arena.part[2], v.cotangent = v.arena.part[3];
    v.y = v.arena.part[4];
    *out = v;
    return EG_OK;
}

/* Examples from `from` on; how many. */
static size_t load(const struct batch *v, size_t from)
{
    const size_t left = v->part->n - from;
    const size_t b = left < EGI_MEMORISED_BATCH ? left : EGI_MEMORISED_BATCH;
    for (size_t i = 0; i < b; i++) {
        const size_t at = v->part->index != NULL ? v->part->index[from + i] : from + i;
        memcpy(v->x + i * v->d, v->part->set->x + at * v->d, v->d * sizeof *v->x);
        v->y[i] = v->part->set->labels[at];
    }
    return b;
}

/* ---- sensitivity ---- */

/* d l / d scores = softmax(scores) - 1 at y */
static void slope_of_loss(const float *s, int32_t y, size_t k, float *out)
{
    double most = (double)s[0], sum = 0;
    for (size_t c = 1; c < k; c++) most = fmax(most, (double)s[c]);
    for (size_t c = 0; c < k; c++) sum += exp((double)s[c] - most);
    for (size_t c = 0; c < k; c++)
        out[c] = (float)(exp((double)s[c] - most) / sum - (c == (size_t)y));
}

static eg_status sensitivities(const struct batch *v, double *g)
{
    for (size_t from = 0, b; from < v->part->n; from += b) {
        b = load(v, from);
        EGI_TRY(eg_learner_scores(v->l, v->x, b, v->scores));
        for (size_t i = 0; i < b; i++)
            slope_of_loss(v->scores + i * v->k, v->y[i], v->k, v->cotangent + i * v->k);
        EGI_TRY(eg_learner_pullback(v->l, v->x, v->cotangent, b, NULL, v->dx));
        for (size_t i = 0; i < b; i++) {
            double sum = 0;
            for (size_t j = 0; j < v->d; j++) sum += fabs((double)v->dx[i * v->d + j]);
            g[from + i] = sum;
        }
    }
    return EG_OK;
}

eg_status eg_loss_sensitivity(eg_learner *l, const eg_part *part, double *g)
{
    struct batch v;
    EGI_TRY(begin(l, part, &v));
    const eg_status s = sensitivities(&v, g);
    egi_arena_destroy(&v.arena);
    return s;
}

/* ---- critical samples ---- */

static int32_t answer_of(const float *s, size_t k)
{
    size_t best = 0;
    for (size_t c = 1; c < k; c++)
        if (s[c] > s[best]) best = c;
    return (int32_t)best;
}

static eg_status search(const struct batch *v, const eg_attack_options *o, uint8_t *critical,
                        size_t *found)
{
    eg_attack_record records[EGI_MEMORISED_BATCH];
    uint64_t index[EGI_MEMORISED_BATCH];
    eg_attack_options own = *o;
    own.index = index;
    for (size_t from = 0, b; from < v->part->n; from += b) {
        b = load(v, from);
        EGI_TRY(eg_learner_scores(v->l, v->x, b, v->scores));
        for (size_t i = 0; i < b; i++) {
            v->y[i] = answer_of(v->scores + i * v->k, v->k);
            index[i] = from + i;
        }
        EGI_TRY(
            eg_attack_run(v->l, v->x, v->y, b, &own, &(eg_attack_output){ .records = records }));
        for (size_t i = 0; i < b; i++) {
            *found += records[i].success != 0;
            if (critical != NULL) critical[from + i] = records[i].success != 0;
        }
    }
    return EG_OK;
}

eg_status eg_critical_samples(eg_learner *l, const eg_part *part, const eg_attack_options *options,
                              uint8_t *critical, double *ratio)
{
    eg_attack_options o = EG_ATTACK_OPTIONS_INIT;
    struct batch v;
    size_t found = 0;
    if (options != NULL) o = *options;
    o.row = (size_t)eg_attack_find("lass");
    EGI_TRY(begin(l, part, &v));
    const eg_status s = search(&v, &o, critical, &found);
    egi_arena_destroy(&v.arena);
    if (s == EG_OK) *ratio = (double)found / (double)part->n;
    return s;
}

/* ---- over training ---- */

eg_status eg_sensitivity_course(eg_learner *l, const eg_part *part, const eg_train_options *how,
                                const eg_attack_options *search, double *mean, double *gini,
                                double *critical)
{
    const eg_train_options usual = EG_TRAIN_OPTIONS_INIT, *given = how != NULL ? how : &usual;
    const size_t epochs = given->epochs > 0 ? given->epochs : eg_learner_task(l)->epochs;
    struct egi_arena a;
    const struct egi_need needs[2] = { { part->n, sizeof(double) }, { part->n, sizeof(double) } };
    EGI_TRY(egi_arena_create(eg_allocator_default(), needs, 2, "sensitivities", &a));
    double *now = a.part[0], *sorted = a.part[1];
    eg_train_options one = *given;
    eg_status s = EG_OK;
    one.epochs = 1;
    for (size_t i = 0; i < part->n; i++) mean[i] = 0;
    for (size_t e = 0; e < epochs && s == EG_OK; e++) {
        one.seed = given->seed + e;
        s = eg_train(l, part, NULL, &one, NULL);
        if (s == EG_OK) s = eg_loss_sensitivity(l, part, now);
        for (size_t i = 0; i < part->n && s == EG_OK; i++)
            mean[i] += (now[i] - mean[i]) / (double)(e + 1);
        memcpy(sorted, mean, part->n * sizeof *mean); /* which eg_gini sorts */
        if (s == EG_OK) gini[e] = eg_gini(sorted, part->n);
        if (s == EG_OK && critical != NULL)
            s = eg_critical_samples(l, part, search, NULL, &critical[e]);
    }
    egi_arena_destroy(&a);
    return s;
}
