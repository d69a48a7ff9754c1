/* Memorisation by subsets (Feldman and Zhang 2020): T models, each on a share of the examples; of
 * each example its answers by models that saw it, and by those that did not. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/memorised.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "engram/random.h"
#include "measure/egi_memorised.h"

#define STREAM_SUBSET ((uint64_t)0x4d454d53 << 32) /* "MEMS", the model is added */
#define STREAM_AXIS ((uint64_t)0x4d454d41 << 32)   /* "MEMA" */

struct counting {
    const eg_memorised_options *o;
    const eg_part *train, *other;
    size_t n, m, taken; /* taken: examples of a subset */
    size_t *order;      /* (N) examples of this subset first */
    size_t *index;      /* (N) the same in the set */
    float *scores;      /* (EGI_MEMORISED_BATCH, K) */
    uint8_t *right;     /* (N + M) by this model */
    uint8_t *in;        /* (N) whether this model saw it */
    uint32_t *seen;     /* (N) models that saw it */
    uint32_t *hits;     /* (N, 2) right by models that did not, that did */
    uint32_t *pairs;    /* (N, M, 2) the same of others, or NULL */
};

/* ---- one model ---- */

static void draw(struct counting *c, size_t model)
{
    eg_random_permutation(c->o->seed, STREAM_SUBSET + model, c->n, c->order);
    memset(c->in, 0, c->n);
    for (size_t i = 0; i < c->taken; i++) {
        const size_t of = c->order[i];
        c->in[of] = 1;
        c->index[i] = c->train->index != NULL ? c->train->index[of] : of;
    }
}

eg_status egi_memorised_answers(eg_learner *l, const eg_part *part, float *scores, uint8_t *right)
{
    const size_t classes = eg_learner_task(l)->classes;
    for (size_t i = 0, b; i < part->n; i += b) {
        b = part->n - i < EGI_MEMORISED_BATCH ? part->n - i : EGI_MEMORISED_BATCH;
        EGI_TRY(eg_part_scores(l, part, i, b, scores));
        for (size_t r = 0; r < b; r++) {
            const float *s = scores + r * classes;
            const size_t of = part->index != NULL ? part->index[i + r] : i + r;
            size_t best = 0;
            for (size_t k = 1; k < classes; k++)
                if (s[k] > s[best]) best = k;
            right[i + r] = (int32_t)best == part->set->labels[of];
        }
    }
    return EG_OK;
}

static void count(struct counting *c)
{
    for (size_t i = 0; i < c->n; i++) {
        c->seen[i] += c->in[i];
        c->hits[2 * i + c->in[i]] += c->right[i];
        for (size_t j = 0; j < c->m && c->pairs != NULL; j++)
            c->pairs[2 * (i * c->m + j) + c->in[i]] += c->right[c->n + j];
    }
}

static eg_status one_model(struct counting *c, const char *spec, const eg_task *task, size_t model)
{
    const eg_part subset = { c->train->set, c->index, c->taken };
    eg_train_options how = EG_TRAIN_OPTIONS_INIT;
    eg_learner *l = NULL;
    if (c->o->train != NULL) how = *c->o->train;
    how.seed = c->o->seed + model;
    how.folder = NULL;
    how.progress = NULL;
    draw(c, model);
    EGI_TRY(eg_learner_create(spec, task, how.seed, c->o->threads, c->o->alloc, &l));
    eg_status s = eg_train(l, &subset, NULL, &how, NULL);
    if (s == EG_OK) s = egi_memorised_answers(l, c->train, c->scores, c->right);
    if (s == EG_OK && c->m > 0) s = egi_memorised_answers(l, c->other, c->scores, c->right + c->n);
    if (s == EG_OK) count(c);
    eg_learner_destroy(l);
    return s;
}

/* ---- all models ---- */

/* hits by models that did not see an example, and that did */
static double difference(const uint32_t hits[2], double in, double out)
{
    return in > 0 && out > 0 ? hits[1] / in - hits[0] / out : (double)NAN;
}

static void conclude(const struct counting *c, double *memorised, double *error, double *influence)
{
    for (size_t i = 0; i < c->n; i++) {
        const double in = c->seen[i], out = (double)c->o->models - in;
        memorised[i] = difference(c->hits + 2 * i, in, out);
        error[i] = in > 0 && out > 0 ? sqrt(0.25 / in + 0.25 / out) : (double)NAN;
        for (size_t j = 0; j < c->m && influence != NULL; j++)
            influence[i * c->m + j] = difference(c->pairs + 2 * (i * c->m + j), in, out);
    }
}

eg_status egi_memorised_check(const eg_memorised_options *o, const eg_task *task,
                              const eg_part *part)
{
    if (o->size != sizeof *o)
        return egi_fail(EG_ERR_INVALID, "options of %zu bytes, expected %zu", o->size, sizeof *o);
    if (task->bags || part->set->offset != NULL)
        return egi_fail(EG_ERR_UNSUPPORTED, "memorisation of bags is not measured");
    if (part->set->labels == NULL) return egi_fail(EG_ERR_INVALID, "the examples have no labels");
    if (o->models < 2) return egi_fail(EG_ERR_INVALID, "%zu models, expected 2 or more", o->models);
    return EG_OK;
}

static eg_status check(const eg_memorised_options *o, const eg_task *task, const eg_part *train,
                       const eg_part *other, size_t taken)
{
    EGI_TRY(egi_memorised_check(o, task, train));
    if (other != NULL) EGI_TRY(egi_memorised_check(o, task, other));
    if (!(o->share > 0 && o->share < 1) || taken == 0 || taken == train->n)
        return egi_fail(EG_ERR_INVALID,
                        "a share of %g of %zu examples is %zu, expected some and not all", o->share,
                        train->n, taken);
    return EG_OK;
}

static eg_status train_all(struct counting *c, const char *spec, const eg_task *task)
{
    for (size_t t = 0; t < c->o->models; t++) {
        EGI_TRY(egi_report(c->o->progress, "models", t, c->o->models));
        EGI_TRY(one_model(c, spec, task, t));
    }
    return egi_report(c->o->progress, "models", c->o->models, c->o->models);
}

eg_status eg_memorised(const char *spec, const eg_task *task, const eg_part *train,
                       const eg_part *other, const eg_memorised_options *options, double *memorised,
                       double *error, double *influence)
{
    eg_memorised_options o = *options;
    struct counting c = {
        .o = &o, .train = train, .other = other, .n = train->n, .m = other != NULL ? other->n : 0
    };
    struct egi_arena arena, counts;
    size_t pairs = 0, scores;
    if (o.alloc == NULL) o.alloc = eg_allocator_default();
    c.taken = (size_t)lround(o.share * (double)c.n);
    EGI_TRY(check(&o, task, train, other, c.taken));
    if (influence != NULL) EGI_TRY(egi_mul_size(2 * c.n, c.m, &pairs));
    EGI_TRY(egi_mul_size(EGI_MEMORISED_BATCH, task->classes, &scores));
    const struct egi_need needs[] = { { c.n, sizeof(size_t) },
                                      { c.n, sizeof(size_t) },
                                      { scores, sizeof(float) },
                                      { c.n + c.m, 1 },
                                      { c.n, 1 } };
    const struct egi_need count_needs[] = { { c.n, sizeof(uint32_t) },
                                            { 2 * c.n, sizeof(uint32_t) },
                                            { pairs, sizeof(uint32_t) } };
    EGI_TRY(egi_arena_create(o.alloc, needs, EGI_COUNT(needs), "memorisation", &arena));
    eg_status s =
        egi_arena_create(o.alloc, count_needs, EGI_COUNT(count_needs), "memorisation", &counts);
    if (s == EG_OK) {
        c.order = arena.part[0], c.index = arena.part[1], c.scores = arena.part[2];
        c.right = arena.part[3], c.in = arena.part[4];
        memset(counts.block, 0, counts.bytes);
        c.seen = counts.part[0], c.hits = counts.part[1];
        c.pairs = influence != NULL ? counts.part[2] : NULL;
        s = train_all(&c, spec, task);
        if (s == EG_OK) conclude(&c, memorised, error, influence);
        egi_arena_destroy(&counts);
    }
    egi_arena_destroy(&arena);
    return s;
}

/* ---- any labels ---- */

struct projected {
    double at;
    size_t of;
};

static int rising(const void *a, const void *b)
{
    const double x = ((const struct projected *)a)->at, y = ((const struct projected *)b)->at;
    return (x > y) - (x < y);
}

static double project(const eg_fitting_net *net, const float *x)
{
    double sum = 0;
    for (size_t j = 0; j < net->d; j++) sum += net->a[j] * (double)x[j];
    return sum;
}

double eg_fitting_net_value(const eg_fitting_net *net, const float *x)
{
    const double at = project(net, x);
    double sum = 0;
    for (size_t j = 0; j < net->n; j++)
        if (at > net->b[j]) sum += net->w[j] * (at - net->b[j]);
    return sum;
}

/* Thresholds half way between neighbours, the first below the first; then forward substitution:
 * the slope behind threshold j is sum_{i <= j} w_i, so that each w corrects the slope before. */
static eg_status solve(const struct projected *p, const double *y, eg_fitting_net *net)
{
    double slope = 0, height = 0; /* of what thresholds so far give, at b_j */
    for (size_t j = 0; j < net->n; j++) {
        const double before = j > 0 ? p[j - 1].at : p[0].at - 1,
                     b = before + (p[j].at - before) / 2;
        if (!(b > before && p[j].at > b))
            return egi_fail(EG_ERR_INVALID, "examples %zu and %zu project to one number",
                            p[j > 0 ? j - 1 : 0].of, p[j].of);
        if (j > 0) height += slope * (b - net->b[j - 1]);
        const double needed = (y[p[j].of] - height) / (p[j].at - b);
        net->b[j] = b;
        net->w[j] = needed - slope;
        slope = needed;
    }
    return EG_OK;
}

eg_status eg_fitting_net_make(const float *x, const double *y, uint64_t seed,
                              const eg_allocator *alloc, eg_fitting_net *net)
{
    void *own;
    if (alloc == NULL) alloc = eg_allocator_default();
    if (net->n == 0 || net->d == 0)
        return egi_fail(EG_ERR_INVALID, "%zu examples of %zu numbers, expected some", net->n,
                        net->d);
    EGI_TRY(egi_alloc_array(alloc, net->n, sizeof(struct projected), "projections", &own));
    struct projected *p = own;
    for (size_t j = 0; j < net->d; j++) {
        float z;
        eg_random_normal(seed, STREAM_AXIS, j, 1, &z);
        net->a[j] = (double)z;
    }
    for (size_t i = 0; i < net->n; i++)
        p[i] = (struct projected){ project(net, x + i * net->d), i };
    qsort(p, net->n, sizeof *p, rising);
    const eg_status s = solve(p, y, net);
    egi_free(alloc, own, net->n * sizeof *p);
    return s;
}

/* ---- unevenness ---- */

static int rising_number(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

double eg_gini(double *v, size_t n)
{
    double sum = 0, weighed = 0;
    if (n == 0) return NAN;
    qsort(v, n, sizeof *v, rising_number);
    if (!(v[0] >= 0)) return NAN;
    for (size_t i = 0; i < n; i++) {
        sum += v[i];
        weighed += (2 * (double)i + 1 - (double)n) * v[i];
    }
    return weighed / ((double)n * sum);
}
