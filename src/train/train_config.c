/* config.json of a training run. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/egi_learner_file.h"
#include "nn/egi_setting.h"
#include "train/egi_train.h"

/* Of examples and labels in the order of the part: what makes data the same data. */
static json_t *part_json(const eg_part *p)
{
    uint64_t h[3] = { 0 };
    char text[20];
    if (p == NULL) return json_null();
    for (size_t i = 0; i < p->n; i++) {
        const size_t at = egi_part_at(p, i);
        const size_t *offset = p->set->offset;
        const size_t from = offset != NULL ? offset[at] : at,
                     rows = offset != NULL ? offset[at + 1] - offset[at] : 1;
        h[1] = egi_hash(p->set->x + from * p->set->d, rows * p->set->d * sizeof(float));
        h[2] = (uint64_t)p->set->labels[at];
        h[0] = egi_hash(h, sizeof h);
    }
    snprintf(text, sizeof text, "%016llx", (unsigned long long)h[0]);
    return json_pack("{s:I, s:I, s:s}", "examples", (json_int_t)p->n, "inputs",
                     (json_int_t)p->set->d, "hash", text);
}

static json_t *options_json(const eg_train_options *o)
{
    return json_pack("{s:I, s:I, s:I, s:I, s:f, s:f, s:I, s:I, s:s, s:b}", "epochs",
                     (json_int_t)o->epochs, "batch", (json_int_t)o->batch, "seed",
                     (json_int_t)o->seed, "shift", (json_int_t)o->augment.shift, "fill",
                     (double)o->augment.fill, "flip", o->augment.flip, "evaluate_every",
                     (json_int_t)o->evaluate_every, "patience", (json_int_t)o->patience, "better",
                     o->by_auc ? "auc" : "accuracy", "observed", o->two_time != NULL);
}

static json_t *decisive_json(const eg_learner *l, const eg_part *train, const eg_part *valid,
                             const eg_train_options *o)
{
    return json_pack("{s:o, s:o, s:I, s:o, s:o, s:o}", "learner", egi_json_of(l->spec), "task",
                     egi_task_json(eg_learner_task(l)), "seed", (json_int_t)l->seed, "train",
                     options_json(o), "data", part_json(train), "valid", part_json(valid));
}

eg_status egi_train_config(const eg_learner *l, const eg_part *train, const eg_part *valid,
                           const eg_train_options *o, char **decisive, char **all)
{
    json_t *about = NULL;
    if (o->about != NULL) EGI_TRY(egi_json_parse(o->about, "about", &about));
    json_t *j = decisive_json(l, train, valid, o);
    char *first = j != NULL ? egi_json_text(j) : NULL;
    json_object_set_new(j, "checkpoint_seconds", json_real(o->checkpoint_seconds));
    json_object_set_new(j, "metric_steps", json_integer((json_int_t)o->metric_steps));
    json_object_set_new(j, "threads", json_integer(l->threads));
    if (about != NULL) json_object_update_missing(j, about);
    char *second = first != NULL ? json_dumps(j, JSON_INDENT(2) | JSON_REAL_PRECISION(12)) : NULL;
    json_decref(about);
    json_decref(j);
    if (second == NULL) {
        free(first);
        return egi_fail(EG_ERR_NOMEM, "config.json");
    }
    *decisive = first;
    *all = second;
    return EG_OK;
}

static eg_status differ(const char *section, const char *key, const json_t *a, const json_t *b)
{
    char *x =
        a != NULL ? json_dumps(a, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    char *y =
        b != NULL ? json_dumps(b, JSON_ENCODE_ANY | JSON_COMPACT | JSON_REAL_PRECISION(15)) : NULL;
    const eg_status s = egi_fail(
        EG_ERR_INVALID, "%s%s%s: the run was begun with %.150s, and goes on with %.150s", section,
        section[0] != '\0' ? "." : "", key, x != NULL ? x : "none", y != NULL ? y : "none");
    free(x);
    free(y);
    return s;
}

/* 0, false or null: what a setting is that came with a later version, where nobody sets it. */
static int is_unset(const json_t *x)
{
    return json_is_null(x) || json_is_false(x) || (json_is_number(x) && json_number_value(x) == 0);
}

static eg_status compare(const char *section, json_t *a, json_t *b)
{
    const char *key;
    json_t *x;
    json_object_foreach(a, key, x)
    {
        json_t *y = json_object_get(b, key);
        if (json_equal(x, y)) continue;
        if (section[0] == '\0' && json_is_object(x) && json_is_object(y))
            EGI_TRY(compare(key, x, y));
        else
            return differ(section, key, x, y);
    }
    json_object_foreach(b, key, x)
    {
        if (json_object_get(a, key) == NULL && !is_unset(x)) return differ(section, key, NULL, x);
    }
    return EG_OK;
}

/* The specification that a run was begun with, as this version writes it out. One that this
 * version does not take stays as it is. */
static eg_status resolve(const eg_learner *l, json_t *begun)
{
    json_t *spec = json_object_get(begun, "learner");
    eg_learner *of = NULL;
    char *text = spec != NULL ? json_dumps(spec, 0) : NULL;
    if (text == NULL) return EG_OK;
    const eg_status s = eg_learner_create(text, &l->task, l->seed, 1, l->alloc, &of);
    if (s == EG_OK) json_object_set_new(begun, "learner", egi_json_of(of->spec));
    eg_learner_destroy(of);
    free(text);
    return s == EG_ERR_NOMEM ? s : EG_OK;
}

eg_status egi_train_same(const eg_learner *l, const char *begun, const char *now)
{
    if (strcmp(begun, now) == 0) return EG_OK;
    struct egi_json_error of_a, of_b;
    json_t *a = egi_json_read(begun, strlen(begun), &of_a);
    json_t *b = egi_json_read(now, strlen(now), &of_b);
    eg_status s = EG_OK;
    if (of_a.status == EG_ERR_NOMEM || of_b.status == EG_ERR_NOMEM)
        s = egi_fail(EG_ERR_NOMEM, "config: JSON");
    else if (!json_is_object(a) || !json_is_object(b))
        s = egi_fail(EG_ERR_CORRUPT, "config: expected a JSON object");
    if (s == EG_OK) s = resolve(l, a);
    if (s == EG_OK) s = compare("", a, b);
    json_decref(a);
    json_decref(b);
    return s;
}
