/* Cross-validation of one learner, nested where it has settings to choose.
 *
 * index holds one fold: those trained on, those that the set brings to validate on, those tested.
 * Random choices are functions of (seed, repeat): fold f of a repeat is the same whatever is
 * validated, so that learners are compared on the same folds. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>
#include <time.h>

#include "train/egi_train.h"

enum { SPEC_ROOM = 1 << 16, ROLES = 3 };

struct nest {
    const eg_validation *v;
    eg_train_options o;
    eg_dataset shown; /* the set, its x scaled */
    struct egi_arena arena;
    uint32_t *fold, *inner; /* (n) of all; of those trained on */
    size_t *index, *some;   /* (n) */
    size_t count[ROLES];    /* of the fold that runs: how many of index are for what */
    float *shift, *scale;   /* (D) */
    char *spec, *best;      /* (SPEC_ROOM) */
    struct egi_search_record record;
    uint64_t seed; /* of the repeat */
};

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

size_t eg_validation_count(const eg_validation *v)
{
    return v->repeats * (v->folds > 0 ? v->folds : v->data->fold_count);
}

/* ---- what a fold is ---- */

static void select_fold(struct nest *n, size_t f)
{
    const eg_dataset *set = n->v->data;
    size_t at = 0;
    for (size_t role = 0; role < ROLES; role++) {
        const size_t begin = at;
        for (size_t i = 0; i < set->n; i++) {
            const size_t is = n->v->folds == 0  ? set->folds[f * set->n + i]
                              : n->fold[i] == f ? (size_t)EG_ROLE_TEST
                                                : (size_t)EG_ROLE_TRAIN;
            if (is == role) n->index[at++] = i;
        }
        n->count[role] = at - begin;
    }
}

static eg_status scale_fold(struct nest *n)
{
    const eg_dataset *set = n->v->data;
    if (!n->v->columns) return EG_OK;
    memcpy(n->shown.x, set->x, eg_dataset_rows(set) * set->d * sizeof *set->x);
    EGI_TRY(eg_dataset_columns(set, n->index, n->count[EG_ROLE_TRAIN] + n->count[EG_ROLE_VALID],
                               n->shift, n->scale));
    eg_dataset_scale_columns(&n->shown, n->shift, n->scale);
    return EG_OK;
}

/* ---- choosing ---- */

static struct egi_trial trial_of(struct nest *n, const size_t *train, size_t trained,
                                 const size_t *rest, size_t tested)
{
    return (struct egi_trial){ .train = { &n->shown, train, trained },
                               .rest = { &n->shown, rest, tested },
                               .task = &n->v->task,
                               .seed = n->seed,
                               .threads = n->v->threads,
                               .o = &n->o,
                               .record = &n->record };
}

/* Inner folds of those trained on. */
static eg_status deal_inner(struct nest *n, size_t fold)
{
    const eg_part trained = { n->v->data, n->index, n->count[EG_ROLE_TRAIN] };
    return egi_split_part(&trained, n->v->task.classes, n->v->inner, n->seed + 1000003 * (fold + 1),
                          n->inner);
}

/* Positions in index of inner fold k's training part, then of the rest; how many are trained on. */
static size_t select_inner(struct nest *n, size_t k)
{
    const size_t all = n->count[EG_ROLE_TRAIN];
    const size_t trained = eg_split_select(n->inner, all, (uint32_t)k, 1, n->some);
    eg_split_select(n->inner, all, (uint32_t)k, 0, n->some + trained);
    for (size_t i = 0; i < all; i++) n->some[i] = n->index[n->some[i]];
    return trained;
}

/* What a row is worth: the mean over inner folds that have a value, or on the part to validate. */
static eg_status worth(struct nest *n, double *out)
{
    const size_t trained = n->count[EG_ROLE_TRAIN], valid = n->count[EG_ROLE_VALID],
                 folds = valid > 0 ? 1 : n->v->inner;
    double sum = 0, value = 0;
    size_t count = 0;
    for (size_t k = 0; k < folds; k++) {
        const size_t m = valid > 0 ? trained : select_inner(n, k);
        const size_t *index = valid > 0 ? n->index : n->some;
        const struct egi_trial t =
            trial_of(n, index, m, index + m, valid > 0 ? valid : trained - m);
        EGI_TRY(egi_trial_measure(&t, n->spec, &value));
        if (isnan(value)) continue;
        sum += value;
        count++;
    }
    if (count == 0) return egi_trial_none(folds);
    *out = sum / (double)count;
    return EG_OK;
}

/* The best row of the grid, the first of equals, into n->best. */
static eg_status choose(struct nest *n, size_t fold, double *choice)
{
    const char *grid = n->v->grid != NULL ? n->v->grid : "{}";
    *choice = (double)NAN;
    EGI_TRY(eg_grid_spec(n->v->base, grid, 0, n->best, SPEC_ROOM));
    eg_status e = eg_grid_spec(n->v->base, grid, 1, n->spec, SPEC_ROOM);
    if (e == EG_END) return EG_OK; /* nothing to choose from */
    if (e == EG_OK && n->count[EG_ROLE_VALID] == 0) e = deal_inner(n, fold);
    for (size_t i = 0; e == EG_OK; i++) {
        double value = (double)NAN;
        e = eg_grid_spec(n->v->base, grid, i, n->spec, SPEC_ROOM);
        if (e == EG_OK) e = worth(n, &value);
        if (e != EG_OK || value <= *choice) continue;
        *choice = value;
        memcpy(n->best, n->spec, SPEC_ROOM);
    }
    return e == EG_END ? EG_OK : e;
}

/* ---- folds ---- */

static eg_status test_fold(struct nest *n, eg_validated *r)
{
    eg_learner *l = NULL;
    const size_t trained = n->count[EG_ROLE_TRAIN] + n->count[EG_ROLE_VALID];
    const eg_part train = { &n->shown, n->index, trained },
                  test = { &n->shown, n->index + trained, n->count[EG_ROLE_TEST] };
    r->classes = egi_part_classes(&train, n->v->task.classes);
    EGI_TRY(eg_learner_create(n->best, &n->v->task, n->seed, n->v->threads, n->o.alloc, &l));
    eg_status e = eg_train(l, &train, NULL, &n->o, NULL);
    if (e == EG_OK) e = eg_evaluate(l, &test, n->o.batch, NULL, &r->scored);
    eg_learner_destroy(l);
    return e;
}

static eg_status one_fold(struct nest *n, size_t repeat, size_t fold, eg_validated *r)
{
    const double started = seconds_now();
    *r = (eg_validated){ .repeat = repeat, .fold = fold };
    select_fold(n, fold);
    EGI_TRY(scale_fold(n));
    EGI_TRY(choose(n, fold, &r->choice));
    EGI_TRY(test_fold(n, r));
    r->seconds = seconds_now() - started;
    if (n->v->fold == NULL || n->v->fold(n->v->user, r, n->best) == 0) return EG_OK;
    return egi_fail(EG_ERR_INTERRUPTED, "eg_cross_validate: ended after fold %zu of repeat %zu",
                    fold + 1, repeat + 1);
}

static eg_status every_fold(struct nest *n, eg_validated *out)
{
    const eg_validation *v = n->v;
    const size_t folds = v->folds > 0 ? v->folds : v->data->fold_count;
    for (size_t r = 0; r < v->repeats; r++) {
        n->o.seed = n->seed = v->seed + r;
        const eg_part all = { v->data, NULL, v->data->n };
        if (v->folds > 0) EGI_TRY(egi_split_part(&all, v->task.classes, folds, n->seed, n->fold));
        for (size_t f = 0; f < folds; f++) {
            eg_validated one;
            EGI_TRY(one_fold(n, r, f, &one));
            if (out != NULL) out[r * folds + f] = one;
        }
    }
    return EG_OK;
}

static eg_status check(const eg_validation *v)
{
    if (v == NULL || v->data == NULL || v->base == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_cross_validate: NULL");
    if (v->data->labels == NULL) return egi_fail(EG_ERR_INVALID, "eg_cross_validate: no labels");
    if (v->folds == 1 || v->repeats == 0 || (v->grid != NULL && v->inner < 2))
        return egi_fail(EG_ERR_INVALID,
                        "eg_cross_validate: %zu folds, %zu repeats, %zu inner folds, expected 2 or "
                        "more, 1 or more, 2 or more",
                        v->folds, v->repeats, v->inner);
    if (v->folds == 0 && v->data->fold_count == 0)
        return egi_fail(EG_ERR_INVALID, "eg_cross_validate: the set brings no folds");
    const eg_part all = { v->data, NULL, v->data->n };
    return egi_part_check(&all, "eg_cross_validate", &v->task);
}

static eg_status make_room(struct nest *n)
{
    const eg_dataset *set = n->v->data;
    size_t cells;
    EGI_TRY(egi_mul_size(n->v->columns ? eg_dataset_rows(set) : 0, set->d, &cells));
    const struct egi_need needs[] = { { set->n, 2 * sizeof(uint32_t) },
                                      { set->n, 2 * sizeof(size_t) },
                                      { set->d, 2 * sizeof(float) },
                                      { 2, SPEC_ROOM },
                                      { cells, sizeof(float) } };
    EGI_TRY(egi_arena_create(eg_allocator_default(), needs, EGI_COUNT(needs), "cross-validation",
                             &n->arena));
    void *const *part = n->arena.part;
    n->fold = part[0], n->inner = n->fold + set->n;
    n->index = part[1], n->some = n->index + set->n;
    n->shift = part[2], n->scale = n->shift + set->d;
    n->spec = part[3], n->best = n->spec + SPEC_ROOM;
    n->shown = *set;
    if (n->v->columns) n->shown.x = part[4];
    return EG_OK;
}

eg_status eg_cross_validate(const eg_validation *v, const eg_train_options *options,
                            eg_validated *out)
{
    struct nest n = { .v = v, .o = EG_TRAIN_OPTIONS_INIT };
    EGI_TRY(check(v));
    if (options != NULL) n.o = *options;
    n.o.folder = NULL;
    n.o.two_time = NULL;
    n.o.resume = 0;
    n.o.patience = n.o.stop_after = 0;
    EGI_TRY(make_room(&n));
    eg_status e = egi_search_record_open(&n.record, v->record);
    if (e == EG_OK) {
        e = every_fold(&n, out);
        egi_search_record_close(&n.record);
    }
    egi_arena_destroy(&n.arena);
    return e;
}
