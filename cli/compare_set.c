/* Learners side by side on one set: each judged by the same cross-validation. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- learners ---- */

static const char *name_of(const char *given)
{
    const char *slash = strrchr(given, '/'), *name = slash != NULL ? slash + 1 : given;
    const size_t n = strlen(name);
    return n > 5 && strcmp(name + n - 5, ".json") == 0 ? keep_format("%.*s", (int)(n - 5), name)
                                                       : name;
}

static const char *const model_keys[] = { "learner", "grid", NULL };

static const char *model_key(const void *user, size_t i)
{
    (void)user;
    return model_keys[i];
}

/* {"learner": .., "grid": ..} in its two parts; anything else is a learner. */
static int take_apart(const struct call *call, const char *given, json_t **learner,
                      const char **grid)
{
    json_t *inside = json_object_get(*learner, "learner"),
           *lists = json_object_get(*learner, "grid"), *v;
    const char *key;
    *grid = lists != NULL ? keep(json_dumps(lists, JSON_COMPACT | JSON_REAL_PRECISION(17))) : NULL;
    if (json_is_object(lists) && json_object_size(lists) == 0)
        return fail_usage(call, "%s: grid: expected settings to choose, {\"k\": [1, 3]}, got none",
                          given);
    if (inside == NULL) return EXIT_DONE;
    json_object_foreach(*learner, key, v)
    {
        const char *near = nearest_name(key, model_key, NULL);
        if (v == inside || v == lists) continue;
        return fail_usage(call, "%s: expected learner and grid alone, got \"%s\"%s%s%s", given, key,
                          near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    json_incref(inside);
    json_decref(*learner);
    *learner = inside;
    return EXIT_DONE;
}

/* The first row of the grid, so that a wrong name in it is found before anything runs. */
static eg_status first_row(const struct entry *e, char *text, size_t room)
{
    return eg_grid_spec(e->spec, e->grid != NULL ? e->grid : "{}", 0, text, room);
}

/* A file, or a kind with its defaults; checked by making one. */
static int read_entry(struct comparison *c, const eg_task *task, const char *given,
                      struct entry *out)
{
    enum { ROOM = 1 << 16 };
    json_t *j = NULL;
    eg_learner *l = NULL;
    size_t kind = 0;
    while (learner_kind_name(kind) != NULL && strcmp(learner_kind_name(kind), given) != 0) kind++;
    int code = learner_kind_name(kind) != NULL ? EXIT_DONE : learner_spec_read(given, &j);
    if (code != EXIT_DONE) return code;
    if (j == NULL) j = json_pack("{s:s}", "kind", given);
    *out = (struct entry){ .name = name_of(given), .auc = (double)NAN };
    code = take_apart(c->call, given, &j, &out->grid);
    if (code != EXIT_DONE) {
        json_decref(j);
        return code;
    }
    out->spec = keep(json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(17)));
    json_decref(j);
    char *text = need(ROOM, 1);
    eg_status s = first_row(out, text, ROOM);
    if (s == EG_OK) s = eg_learner_create(text, task, 0, c->call->common->threads, NULL, &l);
    free(text);
    if (s != EG_OK) return fail(s, given);
    if (out->grid == NULL) out->spec = keep_format("%s", eg_learner_spec(l));
    out->accuracy = need(c->results, sizeof(double));
    eg_learner_destroy(l);
    return EXIT_DONE;
}

static int read_entries(struct comparison *c)
{
    const eg_task task = task_of_set(&c->set, c->o->loop.epochs);
    int code = EXIT_DONE;
    c->entry = need(c->o->models.n, sizeof *c->entry);
    for (; c->count < c->o->models.n && code == EXIT_DONE; c->count += code == EXIT_DONE)
        code = read_entry(c, &task, c->o->models.item[c->count], &c->entry[c->count]);
    return code;
}

/* ---- the set ---- */

/* Images keep to one scale that their type says; of other numbers each column has its own, by what
 * is trained on alone. */
static void scale_set(struct comparison *c)
{
    const int images = c->set.height * c->set.width != 0;
    const enum input_kind kind = c->o->data.scale >= 0 ? (enum input_kind)c->o->data.scale
                                 : images              ? INPUT_UNIT
                                                       : INPUT_COLUMNS;
    c->columns = kind == INPUT_COLUMNS;
    if (kind != INPUT_UNIT) return;
    struct input input = input_fit(&c->set, NULL, c->set.n, kind);
    input_apply(&input, &c->set);
    input_clear(&input);
}

/* How many examples are tested for each that is trained on, over all folds. */
static double overlap_of(const struct comparison *c)
{
    if (!c->o->own_folds) return 1 / (double)(c->folds - 1);
    size_t tested = 0;
    const size_t all = c->folds * c->set.n;
    for (size_t i = 0; i < all; i++) tested += c->set.folds[i] == EG_ROLE_TEST;
    return (double)tested / (double)(all - tested);
}

int comparison_begin(struct comparison *c)
{
    eg_read_options read = example_options_of(&c->o->reader);
    read.folds = c->o->own_folds;
    const int code = data_read(c->call, c->data, &read, &c->set);
    if (code != EXIT_DONE) return code;
    if (c->set.labels == NULL || c->set.classes < 2)
        return fail_usage(c->call, "%s: expected labels of 2 classes or more", c->data);
    if (labels_are_classes(c->call, c->data, &c->set) != EXIT_DONE) return EXIT_USAGE;
    c->folds = c->o->own_folds ? c->set.fold_count : c->o->folds;
    c->results = c->folds * c->o->repeats;
    c->examples = c->set.n;
    if (c->results < 2)
        return fail_usage(c->call, "%s: one fold; expected 2 or more (--repeats)", c->data);
    c->overlap = overlap_of(c);
    scale_set(c);
    return read_entries(c);
}

/* ---- folds ---- */

struct hearing {
    struct comparison *c;
    struct entry *e;
    size_t heard, areas; /* folds; those that have an area */
};

static int heard(void *user, const eg_validated *v, const char *spec)
{
    struct hearing *h = user;
    struct comparison *c = h->c;
    struct entry *e = h->e;
    const double auc = v->scored.auc;
    e->accuracy[h->heard++] = v->scored.accuracy;
    e->errors += v->scored.errors;
    e->seconds += v->seconds;
    e->lacking += v->classes < c->set.classes;
    if (!isnan(auc)) {
        h->areas++;
        e->auc = h->areas == 1 ? auc : e->auc + (auc - e->auc) / (double)h->areas;
        c->areas = h->areas > c->areas ? h->areas : c->areas;
    }
    json_t *line = json_pack("{s:s,s:s,s:I,s:I,s:f,s:o,s:I,s:f}", "data", c->data, "model", e->name,
                             "repeat", (json_int_t)v->repeat + 1, "fold", (json_int_t)v->fold + 1,
                             "accuracy", v->scored.accuracy, "auc", json_number(auc), "errors",
                             (json_int_t)v->scored.errors, "seconds", v->seconds);
    if (e->grid != NULL) json_object_set_new(line, "learner", json_loads(spec, 0, NULL));
    run_folder_metric(c->run, line);
    say(c->call, "fold %zu of %zu  %-16s %.2f %%  %.1f s", h->heard, c->results, e->name,
        100 * v->scored.accuracy, v->seconds);
    return interrupted();
}

/* A learner that diverges has lost, and the others go on. */
static int lose(struct comparison *c, struct entry *e, size_t fold)
{
    e->diverged = fold;
    e->auc = e->mean = e->spread = (double)NAN;
    for (size_t f = fold - 1; f < c->results; f++) e->accuracy[f] = (double)NAN;
    run_folder_metric(c->run, json_pack("{s:s,s:s,s:I,s:s}", "data", c->data, "model", e->name,
                                        "diverged", (json_int_t)fold, "why", eg_error_detail()));
    say(c->call, "fold %zu of %zu  %-16s diverged: %s", fold, c->results, e->name,
        eg_error_detail());
    return EXIT_DONE;
}

static int judge_entry(struct comparison *c, struct entry *e, const eg_train_options *loop)
{
    struct hearing h = { c, e, 0, 0 };
    const eg_validation v = { .data = &c->set,
                              .task = task_of_set(&c->set, c->o->loop.epochs),
                              .base = e->spec,
                              .grid = e->grid,
                              .folds = c->o->own_folds ? 0 : c->folds,
                              .repeats = c->o->repeats,
                              .inner = c->o->inner,
                              .columns = c->columns,
                              .seed = c->call->common->seed,
                              .threads = c->call->common->threads,
                              .fold = heard,
                              .user = &h };
    const eg_status s = eg_cross_validate(&v, loop, NULL);
    if (s == EG_ERR_DIVERGED) return lose(c, e, h.heard + 1);
    return s == EG_OK ? EXIT_DONE : fail(s, keep_format("%s: %s", c->data, e->name));
}

static void rank(struct comparison *c)
{
    const size_t k = c->results;
    size_t lost = 0;
    for (size_t i = 0; i < c->count; i++) {
        struct entry *e = &c->entry[i];
        double squares = 0;
        lost += e->diverged > 0;
        if (e->diverged > 0) continue;
        e->mean = 0;
        for (size_t f = 0; f < k; f++) e->mean += e->accuracy[f] / (double)k;
        for (size_t f = 0; f < k; f++)
            squares += (e->accuracy[f] - e->mean) * (e->accuracy[f] - e->mean);
        e->spread = sqrt(squares / (double)(k - 1));
        if (c->entry[c->best].diverged > 0 || e->mean > c->entry[c->best].mean) c->best = i;
    }
    for (size_t i = 0; i < c->count; i++) {
        struct entry *e = &c->entry[i];
        e->rank = e->diverged > 0 ? c->count - lost + 1 : 1;
        if (e->diverged > 0) continue;
        for (size_t j = 0; j < c->count; j++) e->rank += c->entry[j].mean > e->mean;
        e->against = paired_test(e->accuracy, c->entry[c->best].accuracy, k, c->overlap);
    }
}

int comparison_run(struct comparison *c)
{
    eg_train_options loop;
    struct bar bar;
    int code = training_loop(c->call, &c->o->loop, 0, &loop);
    const eg_progress progress = bar_begin(&bar, c->call);
    loop.progress = &progress;
    for (size_t i = 0; i < c->count && code == EXIT_DONE; i++)
        code = judge_entry(c, &c->entry[i], &loop);
    bar_end(&bar);
    if (code == EXIT_DONE) rank(c);
    return code;
}

void comparison_end(struct comparison *c)
{
    for (size_t i = 0; i < c->count; i++) free(c->entry[i].accuracy);
    free(c->entry);
    eg_dataset_clear(&c->set);
    c->entry = NULL;
    c->count = 0;
}
