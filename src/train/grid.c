/* Searches over settings by cross-validation. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "nn/egi_kind.h"
#include "train/egi_train.h"

enum { SPEC_ROOM = 1 << 16 };

/* A learner's setting as an object, its word or its default's made one; borrowed. NULL: it is
 * none, or, says why, there is no memory for its default. */
static json_t *inner_object(json_t *spec, const char *name, eg_status *why)
{
    const char *kind = json_string_value(json_object_get(spec, "kind"));
    const eg_setting *s = eg_learner_setting_at(kind, 0);
    for (size_t i = 0; s != NULL && strcmp(s->name, name) != 0; i++)
        s = eg_learner_setting_at(kind, i);
    json_t *v = json_incref(json_object_get(spec, name));
    if (v == NULL && s != NULL) v = egi_json_of(s->fallback);
    *why = v == NULL && s != NULL ? EG_ERR_NOMEM : EG_ERR_INVALID;
    json_t *object = egi_kind_object(v);
    json_decref(v);
    const int put = json_is_object(object) && json_object_set(spec, name, object) == 0;
    json_decref(object);
    return put ? object : NULL;
}

/* "rate", or "optimiser.rate": a setting of the object `optimiser`. */
static eg_status put(json_t *spec, const char *key, const json_t *value)
{
    char outer[80];
    const char *dot = strchr(key, '.');
    json_t *object = spec;
    eg_status why = EG_ERR_INVALID;
    if (dot != NULL) {
        snprintf(outer, sizeof outer, "%.*s", (int)(dot - key), key);
        object = inner_object(spec, outer, &why);
    }
    if (object == NULL) return egi_fail(why, "grid.%.80s: %s is no object", key, outer);
    if (json_object_set_new(object, dot != NULL ? dot + 1 : key, json_deep_copy(value)) != 0)
        return egi_fail(EG_ERR_NOMEM, "grid.%.80s", key);
    return EG_OK;
}

/* Puts value i of the product into `spec`; the last list varies fastest. EG_END past the last. */
static eg_status choose(json_t *spec, json_t *grid, size_t i)
{
    const char *key;
    json_t *list;
    size_t count = 1;
    if (!json_is_object(spec) || !json_is_object(grid))
        return egi_fail(EG_ERR_INVALID, "grid: expected two JSON objects");
    json_object_foreach(grid, key, list)
    {
        if (!json_is_array(list) || json_array_size(list) == 0)
            return egi_fail(EG_ERR_INVALID, "grid.%.80s: expected a list of values", key);
        EGI_TRY(egi_mul_size(count, json_array_size(list), &count));
    }
    if (i >= count) return EG_END;
    json_object_foreach(grid, key, list)
    {
        count /= json_array_size(list);
        EGI_TRY(put(spec, key, json_array_get(list, i / count % json_array_size(list))));
    }
    return EG_OK;
}

eg_status eg_grid_spec(const char *base, const char *grid, size_t i, char *text, size_t room)
{
    json_t *b = NULL, *g = NULL;
    if (base == NULL || grid == NULL || text == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_grid_spec: NULL");
    eg_status s = egi_json_parse(base, "base", &b);
    if (s == EG_OK) s = egi_json_parse(grid, "grid", &g);
    if (s == EG_OK) s = choose(b, g, i);
    char *all = s == EG_OK ? egi_json_text(b) : NULL;
    if (s == EG_OK && all == NULL) s = egi_fail(EG_ERR_NOMEM, "eg_grid_spec");
    if (s == EG_OK && strlen(all) >= room)
        s = egi_fail(EG_ERR_LIMIT, "eg_grid_spec: %zu bytes, expected up to %zu", strlen(all) + 1,
                     room);
    if (s == EG_OK) memcpy(text, all, strlen(all) + 1);
    free(all);
    json_decref(b);
    json_decref(g);
    return s;
}

struct search {
    const eg_grid *g;
    eg_train_options o;
    uint32_t *fold; /* (n) */
    size_t *index;  /* (n) those trained on, then the others */
    char *text;     /* (SPEC_ROOM) the specification of a row */
    struct egi_search_record record;
};

/* A failure in row i, which is told from 1. */
static eg_status in_row(eg_status failure, size_t i)
{
    char why[400];
    snprintf(why, sizeof why, "%s", eg_error_detail());
    return egi_fail(failure, "row %zu: %s", i + 1, why);
}

/* What cannot be trained is refused before anything is trained, or written. */
static eg_status check_rows(struct search *s)
{
    const eg_grid *g = s->g;
    for (size_t i = 0;; i++) {
        eg_learner *l = NULL;
        eg_status e = eg_grid_spec(g->base, g->grid, i, s->text, SPEC_ROOM);
        if (e != EG_OK) return e == EG_END ? EG_OK : e;
        e = eg_learner_create(s->text, &g->task, g->seed, g->threads, s->o.alloc, &l);
        eg_learner_destroy(l);
        if (e != EG_OK) return in_row(e, i);
    }
}

/* A hash of all that decides what a fold comes to: the learner, how and on what it is trained, and
 * what it is measured on. */
static eg_status decides(const eg_learner *l, const struct egi_trial *t, uint64_t *out)
{
    char *decisive, *all;
    EGI_TRY(egi_train_config(l, &t->train, &t->rest, t->o, &decisive, &all));
    *out = egi_hash(decisive, strlen(decisive));
    free(decisive);
    free(all);
    return EG_OK;
}

static eg_status measured(eg_learner *l, const struct egi_trial *t, double *value)
{
    eg_scored scored = { .n = 0 };
    EGI_TRY(eg_train(l, &t->train, NULL, t->o, NULL));
    EGI_TRY(eg_evaluate(l, &t->rest, t->o->batch, NULL, &scored));
    *value = t->o->by_auc ? scored.auc : scored.accuracy;
    return EG_OK;
}

eg_status egi_trial_none(size_t folds)
{
    return egi_fail(EG_ERR_INVALID,
                    "the area under the ROC curve is of two classes or more, and each of %zu folds "
                    "measures items of one; fewer folds have more items",
                    folds);
}

eg_status egi_trial_measure(const struct egi_trial *t, const char *spec, double *value)
{
    eg_learner *l = NULL;
    uint64_t key = 0;
    *value = (double)NAN;
    if (t->o->by_auc && egi_part_classes(&t->rest, t->task->classes) < 2) return EG_OK;
    EGI_TRY(eg_learner_create(spec, t->task, t->seed, t->threads, t->o->alloc, &l));
    eg_status e = t->record->path != NULL ? decides(l, t, &key) : EG_OK;
    if (e == EG_OK && egi_search_record_find(t->record, key, value)) {
        if (*value == -INFINITY) (void)egi_fail(EG_ERR_DIVERGED, "as the record has it");
    } else if (e == EG_OK) {
        e = measured(l, t, value);
        if (e == EG_ERR_DIVERGED) {
            *value = -INFINITY;
            e = EG_OK;
        }
        if (e == EG_OK) e = egi_search_record_add(t->record, key, *value);
    }
    eg_learner_destroy(l);
    return e;
}

static eg_status one_fold(struct search *s, const char *spec, size_t fold, double *value)
{
    const eg_grid *g = s->g;
    const size_t n = eg_split_select(s->fold, g->data->n, (uint32_t)fold, 1, s->index);
    const size_t m = eg_split_select(s->fold, g->data->n, (uint32_t)fold, 0, s->index + n);
    const struct egi_trial t = { .train = { g->data, s->index, n },
                                 .rest = { g->data, s->index + n, m },
                                 .task = &g->task,
                                 .seed = g->seed,
                                 .threads = g->threads,
                                 .o = &s->o,
                                 .record = &s->record };
    return egi_trial_measure(&t, spec, value);
}

static eg_status one_row(struct search *s, size_t i, const char *spec, double *mean)
{
    double sum = 0, squares = 0;
    size_t measured = 0;
    for (size_t fold = 0; fold < s->g->folds && sum != -INFINITY; fold++) {
        double v = 0;
        const eg_status e = one_fold(s, spec, fold, &v);
        if (e != EG_OK) return in_row(e, i);
        if (isnan(v)) continue;
        /* Welford 1962 */
        const double d = v - sum;
        sum += d / (double)++measured;
        squares += d * (v - sum); /* NaN where v is -INFINITY */
    }
    if (measured == 0) return egi_trial_none(s->g->folds);
    *mean = sum;
    const double deviation = sqrt(squares / (double)(measured - 1));
    if (s->g->row != NULL && s->g->row(s->g->user, i, spec, sum, deviation, measured) != 0)
        return egi_fail(EG_ERR_INTERRUPTED, "eg_grid_search: ended after row %zu", i + 1);
    return EG_OK;
}

static eg_status every_row(struct search *s, size_t *best)
{
    double most = -INFINITY;
    size_t diverged = 0;
    eg_status e = EG_OK;
    for (size_t i = 0; e == EG_OK; i++) {
        double mean = 0;
        e = eg_grid_spec(s->g->base, s->g->grid, i, s->text, SPEC_ROOM);
        if (e == EG_END && diverged == i)
            return egi_fail(EG_ERR_DIVERGED, "each of %zu rows diverged", i);
        if (e == EG_OK) e = one_row(s, i, s->text, &mean);
        diverged += e == EG_OK && mean == -INFINITY;
        if (e == EG_OK && mean > most) {
            most = mean;
            *best = i;
        }
    }
    return e == EG_END ? EG_OK : e;
}

eg_status eg_grid_search(const eg_grid *g, const eg_train_options *options, size_t *best)
{
    struct egi_arena a;
    size_t found = 0;
    if (g == NULL || g->data == NULL || best == NULL)
        return egi_fail(EG_ERR_INVALID, "eg_grid_search: NULL");
    struct search s = { .g = g, .o = EG_TRAIN_OPTIONS_INIT };
    if (options != NULL) s.o = *options;
    s.o.folder = NULL;
    s.o.two_time = NULL;
    s.o.patience = s.o.stop_after = 0;
    const struct egi_need needs[] = { { g->data->n, sizeof(uint32_t) },
                                      { g->data->n, sizeof(size_t) },
                                      { SPEC_ROOM, 1 } };
    EGI_TRY(egi_arena_create(eg_allocator_default(), needs, EGI_COUNT(needs), "folds", &a));
    s.fold = a.part[0];
    s.index = a.part[1];
    s.text = a.part[2];
    const eg_part all = { g->data, NULL, g->data->n };
    eg_status e = g->data->labels != NULL
                      ? egi_split_part(&all, g->task.classes, g->folds, g->seed, s.fold)
                      : egi_fail(EG_ERR_INVALID, "eg_grid_search: no labels");
    if (e == EG_OK) e = check_rows(&s);
    if (e == EG_OK) e = egi_search_record_open(&s.record, g->record);
    if (e == EG_OK) {
        e = every_row(&s, &found);
        egi_search_record_close(&s.record);
    }
    egi_arena_destroy(&a);
    if (e == EG_OK) *best = found;
    return e;
}
