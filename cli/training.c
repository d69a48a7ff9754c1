/* A training run in its folder. config.json keeps every option by its name, so that a run is
 * resumed and repeated from it alone; result.json is there once the run has ended. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/training.h"

#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/run_folder.h"
#include "cli/trained_report.h"
#include "cli/two_time_report.h"

static const char *const better[] = { "accuracy", "auc", NULL };

const char *better_name(size_t row)
{
    return row < 3 ? better[row] : NULL;
}

const struct train_options train_defaults = {
    .learner = LEARNER_OPTIONS_INIT,
    .reader = READER_OPTIONS_INIT,
    .data = { .scale = -1 },
    .loop = LOOP_OPTIONS_INIT,
    .checkpoint = 30,
};

#define AT(field) offsetof(struct train_options, field)

const struct opt train_option_rows[] = {
    LEARNER_OPTION_ROWS(struct train_options),
    TRAINING_OPTION_ROWS(struct train_options),
    { "valid", 0, OPT_TEXT, AT(data.valid), "SHARE|PART",
      "what is measured as training goes: a share of the data, or a set", NULL, 0, 0 },
    { "test", 0, OPT_TEXT, AT(data.test), "SHARE|PART", "what is measured at the end", NULL, 0, 0 },
    { "evaluate-every", 0, OPT_SIZE, AT(loop.evaluate_every), "N", "epochs between measures", NULL,
      1, 1e9 },
    { "patience", 0, OPT_SIZE, AT(loop.patience), "N",
      "stop after N measures without a better one, and keep the best", NULL, 1, 1e9 },
    { "by", 0, OPT_CHOICE, AT(loop.by), "WHAT", "better: by this", better_name, 0, 0 },
    { "grid", 0, OPT_TEXT, AT(grid), "FILE.json",
      "settings to search, as lists: {\"n\": [2, 3]}; then the best is trained", NULL, 0, 0 },
    { "folds", 0, OPT_SIZE, AT(folds), "K",
      "cross-validate first; of a grid 5 where nothing is said", NULL, 2, 1e6 },
    { "checkpoint", 0, OPT_NUMBER, AT(checkpoint), "SECONDS", "between two; 0: after each step",
      NULL, 0, 1e9 },
    { "two-time", 0, OPT_SIZE, AT(two_time), "N",
      "how far weights move between two times, from N waiting times on: two-time.csv", NULL, 0,
      256 },
    { "resume", 0, OPT_FLAG, AT(resume), NULL, "go on in the folder -o", NULL, 0, 0 },
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

const char *hash_text(uint64_t hash)
{
    return keep_format("%016" PRIx64, hash);
}

/* ---- what a folder says ---- */

static int not_a_run(const char *path, const char *what)
{
    fprintf(stderr, "engram: %s: %s: not written by engram train\n", path, what);
    return EXIT_CORRUPT;
}

int trained_of_folder(const struct call *call, const char *folder, struct trained *t)
{
    const char *path = keep_format("%s/config.json", folder);
    json_t *j = NULL;
    *t = (struct trained){ .folder = folder, .options = train_defaults };
    const int code = learner_spec_read(path, &j);
    if (code != EXIT_DONE) return code == EXIT_USAGE ? EXIT_CORRUPT : code;
    const json_t *options = json_object_get(j, "options");
    const char *data = json_string_value(json_object_get(j, "argument"));
    const char *command = json_string_value(json_object_get(j, "command"));
    t->spec = json_incref(json_object_get(j, "learner"));
    t->search = json_incref(json_object_get(j, "search"));
    t->data = data != NULL ? keep_format("%s", data) : NULL;
    t->command = command != NULL ? keep_format("%s", command) : "";
    const int known = data != NULL && json_is_object(options) && json_is_object(t->spec);
    const int read = known && options_from_json(train_option_rows, options, &t->options)
                     && options_from_json(common_options, options, &t->options.common);
    json_decref(j);
    if (read) {
        const uint64_t seed = t->options.common.seed;
        t->options.common = *call->common; /* threads, quiet, json are those of now */
        t->options.common.seed = seed;
        return EXIT_DONE;
    }
    trained_clear(t);
    return not_a_run(path, known ? "options" : "no learner, argument or options");
}

const char *trained_hash(const char *folder)
{
    json_t *j = json_load_file(keep_format("%s/result.json", folder), 0, NULL);
    const char *hash = json_string_value(json_object_get(j, "hash"));
    if (hash != NULL) hash = keep_format("%s", hash);
    json_decref(j);
    return hash;
}

static char *about_text(const struct trained *t)
{
    json_t *options = options_to_json(train_option_rows, &t->options);
    json_object_del(options, "resume");
    json_object_set_new(options, "seed", json_integer((json_int_t)t->options.common.seed));
    json_t *j = json_pack("{s:s,s:s,s:o,s:s}", "command", t->command, "argument", t->data,
                          "options", options, "inputs", input_words(&t->parts.input));
    if (t->search != NULL) json_object_set(j, "search", t->search);
    char *text = keep(json_dumps(j, JSON_COMPACT));
    json_decref(j);
    return text;
}

/* ---- the loop ---- */

/* "shift:2,flip:0.5"; a crop of what was padded with so many pixels is a shift. */
static int parse_augment(const struct call *call, const char *text, eg_augment *out)
{
    enum { WAYS = 3, FLIP = 1 };
    static const char *const names[WAYS] = { "shift", "flip", "crop" };
    for (const char *p = text; p != NULL && *p != '\0';) {
        double v = 0;
        int which = 0;
        while (which < WAYS && strncmp(p, names[which], strlen(names[which])) != 0) which++;
        if (which < WAYS) p += strlen(names[which]);
        if (which == WAYS || *p++ != ':' || !take_number(&p, &v) || (*p != '\0' && *p++ != ',')
            || v < 0 || v > (which == FLIP ? 1 : 1000))
            return fail_usage(
                call, "--augment: expected shift:PIXELS (or crop:PIXELS),flip:P, got \"%s\"", text);
        if (which == FLIP)
            out->flip = v;
        else
            out->shift = (size_t)v;
    }
    return EXIT_DONE;
}

int training_loop(const struct call *call, const struct loop_options *o, double paper,
                  eg_train_options *out)
{
    *out = (eg_train_options)EG_TRAIN_OPTIONS_INIT;
    out->epochs = o->epochs;
    out->batch = o->batch;
    out->patience = o->patience;
    out->evaluate_every = o->evaluate_every;
    out->by_auc = o->by;
    out->seed = call->common->seed;
    out->augment.fill = (float)paper;
    return parse_augment(call, o->augment, &out->augment);
}

struct searching {
    const struct call *call;
    struct trained *t;
    const char *measure;
};

static int heard(void *user, size_t i, const char *spec, double mean, double deviation,
                 size_t measured)
{
    struct searching *s = user;
    const size_t folds = s->t->options.folds;
    const char *some =
        measured < folds ? keep_format(" over %zu of %zu folds", measured, folds) : "";
    if (mean == -INFINITY)
        say(s->call, "search  %zu: diverged (%s)  %s", i + 1, eg_error_detail(), spec);
    else
        say(s->call, "search  %zu: %s %.4f +- %.4f%s  %s", i + 1, s->measure, mean, deviation, some,
            spec);
    json_array_append_new(s->t->search,
                          json_pack("{s:o,s:o,s:o,s:I}", "learner", json_loads(spec, 0, NULL),
                                    "mean", json_number(mean), "deviation", json_number(deviation),
                                    "measured", (json_int_t)measured));
    return interrupted();
}

/* The items of PART_TRAIN one after the other: borrowed names; x, labels, offset and
 * group to be freed. */
static eg_dataset gather(const eg_part *p)
{
    const size_t *offset = p->set->offset;
    eg_dataset set = *p->set;
    size_t rows = 0;
    for (size_t i = 0; i < p->n; i++)
        rows += offset != NULL ? offset[p->index[i] + 1] - offset[p->index[i]] : 1;
    set.n = p->n;
    set.x = need_floats(rows, set.d);
    set.labels = need(p->n, sizeof *set.labels);
    if (offset != NULL) set.offset = need(p->n + 1, sizeof *set.offset);
    if (set.group != NULL) set.group = need(p->n, sizeof *set.group);
    rows = 0;
    for (size_t i = 0; i < p->n; i++) {
        const size_t at = p->index[i], from = offset != NULL ? offset[at] : at;
        const size_t count = offset != NULL ? offset[at + 1] - from : 1;
        memcpy(set.x + rows * set.d, p->set->x + from * set.d, count * set.d * sizeof *set.x);
        set.labels[i] = p->set->labels[at];
        if (set.group != NULL) set.group[i] = p->set->group[at];
        if (offset != NULL) set.offset[i] = rows;
        rows += count;
    }
    if (offset != NULL) set.offset[p->n] = rows;
    return set;
}

static int read_grid(const char *path, json_t **grid)
{
    if (path != NULL) return learner_spec_read(path, grid);
    *grid = json_object();
    return EXIT_DONE;
}

static int search(const struct call *call, struct trained *t, const eg_train_options *loop)
{
    json_t *lists = NULL;
    size_t best = 0;
    int code = read_grid(t->options.grid, &lists);
    if (code != EXIT_DONE) return code;
    const int made = mkdir(t->folder, 0777) == 0; /* the record in it tells why it failed */
    eg_dataset set = gather(&t->parts.part[PART_TRAIN]);
    struct searching s = { call, t, better[t->options.loop.by] };
    t->search = json_array();
    const eg_grid g = { .base = keep(json_dumps(t->spec, JSON_COMPACT)),
                        .grid = keep(json_dumps(lists, JSON_COMPACT)),
                        .task = task_of_set(&t->parts.set, t->options.loop.epochs),
                        .data = &set,
                        .folds = t->options.folds,
                        .seed = call->common->seed,
                        .threads = call->common->threads,
                        .row = heard,
                        .user = &s,
                        .record = keep_format("%s/search.jsonl", t->folder) };
    eg_status status = eg_grid_search(&g, loop, &best);
    if (interrupted()) status = EG_ERR_INTERRUPTED;
    if (status == EG_OK) {
        json_decref(t->spec);
        t->spec = json_incref(json_object_get(json_array_get(t->search, best), "learner"));
        say(call, "best    row %zu of %zu, over %zu folds", best + 1, json_array_size(t->search),
            t->options.folds);
    }
    json_decref(lists);
    free(set.x);
    free(set.labels);
    free(set.offset);
    free(set.group);
    if (status == EG_OK) return EXIT_DONE;
    code = fail(status, t->options.grid);
    if (made) (void)rmdir(t->folder); /* where it is empty: nothing was begun */
    if (status == EG_ERR_INTERRUPTED)
        fprintf(stderr,
                "  the folds that were done are in %s;\n"
                "  the same command with -o %s --resume goes on from them\n",
                g.record, t->folder);
    return code;
}

/* ---- the whole ---- */

static size_t classes_of(const eg_part *part)
{
    size_t found = 0;
    for (size_t k = 0; k < part->set->classes; k++) {
        size_t i = 0;
        while (i < part->n && part->set->labels[part->index[i]] != (int32_t)k) i++;
        found += i < part->n;
    }
    return found;
}

static void echo(const struct call *call, const struct trained *t)
{
    const size_t lacking = t->parts.set.classes - classes_of(&t->parts.part[PART_TRAIN]);
    const struct training_data *d = &t->parts;
    const struct shape shape = { d->set.height, d->set.width, d->set.channels };
    say(call, "data    %s: %zu examples of %s, %zu classes", t->data, d->part[PART_TRAIN].n,
        shape_words(&shape, d->set.d), d->set.classes);
    if (d->set.offset != NULL) say(call, "bags    of the whole set: %s", bag_sizes(&d->set));
    if (lacking > 0)
        say(call, "note    %zu of %zu classes %s not occur in what is trained on: never answered",
            lacking, d->set.classes, lacking == 1 ? "does" : "do");
    for (size_t p = PART_VALID; p < PARTS; p++)
        if (d->part[p].n > 0)
            say(call, "%-7s %s: %zu examples", part_name(p), d->name[p], d->part[p].n);
    say(call, "inputs  %s (--scale %s)", input_words(&d->input), input_name(d->input.kind));
    say(call, "model   %s", eg_learner_spec(t->learner));
    say(call, "loop    %zu epochs, batches of %zu, seed %" PRIu64, t->options.loop.epochs,
        t->options.loop.batch, t->options.common.seed);
    say(call, "folder  %s", t->folder);
}

static int measure(struct trained *t)
{
    for (size_t p = 0; p < PARTS; p++) {
        const eg_part *part = &t->parts.part[p];
        const size_t k = t->parts.set.classes;
        if (part->n == 0) continue;
        t->scored[p].confusion = need(k * k, sizeof(size_t));
        const eg_status s =
            eg_evaluate(t->learner, part, t->options.loop.batch, NULL, &t->scored[p]);
        if (s != EG_OK) return fail(s, t->parts.name[p]);
    }
    return EXIT_DONE;
}

static json_t *scored_json(const eg_scored *s)
{
    return json_pack("{s:I,s:I,s:o,s:o}", "examples", (json_int_t)s->n, "errors",
                     (json_int_t)s->errors, "accuracy", json_number(s->accuracy), "auc",
                     json_number(s->auc));
}

json_t *trained_json(const struct trained *t)
{
    json_t *j = json_pack("{s:s,s:s,s:I,s:I,s:o,s:f}", "folder", t->folder, "hash",
                          hash_text(t->result.hash), "steps", (json_int_t)t->result.steps, "epochs",
                          (json_int_t)t->result.epochs, "loss", json_number(t->result.loss),
                          "seconds", t->seconds);
    if (t->result.best_epoch > 0)
        json_object_set_new(j, "best_epoch", json_integer((json_int_t)t->result.best_epoch));
    json_object_set_new(j, "stopped_early", json_boolean(t->result.stopped_early));
    for (size_t p = 0; p < PARTS; p++)
        if (t->scored[p].n > 0) json_object_set_new(j, part_name(p), scored_json(&t->scored[p]));
    return j;
}

static int write_result(const struct trained *t)
{
    json_t *j = trained_json(t);
    char *text = json_dumps(j, JSON_INDENT(2) | JSON_REAL_PRECISION(9));
    json_decref(j);
    if (text == NULL) return EXIT_MEMORY;
    const int code = write_file(keep_format("%s/result.json", t->folder), text, strlen(text));
    free(text);
    return code;
}

/* Where the specification comes from, for errors; NULL: from the command line alone. */
static const char *spec_source(const struct learner_options *o)
{
    const int changed = o->set.n > 0 || o->hidden != NULL || o->activation != NULL;
    return o->model != NULL && changed ? keep_format("%s, with what --set changes", o->model)
                                       : o->model;
}

static int make_learner(const struct call *call, struct trained *t)
{
    const eg_task task = task_of_set(&t->parts.set, t->options.loop.epochs);
    const char *spec = keep(json_dumps(t->spec, JSON_COMPACT | JSON_REAL_PRECISION(17)));
    eg_status s = eg_learner_create(spec, &task, call->common->seed, call->common->threads, NULL,
                                    &t->learner);
    if (s != EG_OK) return fail(s, spec_source(&t->options.learner));
    s = model_note(t->learner, &t->parts.input, &t->parts.set, t->data);
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
}

/* After training diverged. Of a network the rate is the optimiser's. */
static void say_kept(const struct trained *t)
{
    const char *kind = json_string_value(json_object_get(t->spec, "kind"));
    const eg_setting *s = eg_learner_setting_at(kind, 0);
    for (size_t i = 0; s != NULL && strcmp(s->name, "rate") != 0; i++)
        s = eg_learner_setting_at(kind, i);
    if (!path_exists(keep_format("%s/model.safetensors", t->folder)))
        fprintf(stderr, "  no checkpoint has finite scores for every example: none is kept;\n");
    else if (t->options.loop.patience > 0)
        fprintf(stderr,
                "  %s/checkpoint is the last good checkpoint, model.safetensors the best;\n",
                t->folder);
    else
        fprintf(stderr,
                "  %s/checkpoint and model.safetensors are those of the last good checkpoint;\n",
                t->folder);
    fprintf(stderr, "  a smaller step may help: --set %s=...\n",
            s != NULL ? "rate" : "optimiser.rate");
}

/* Not every failure of training leaves something to go on from. */
static int told(const struct call *call, const struct trained *t, eg_status s)
{
    const int code = fail(s, NULL);
    if (s == EG_ERR_INTERRUPTED) {
        fprintf(stderr, "  a checkpoint is in %s/checkpoint\n", t->folder);
        say_next(call, "engram train -o %s --resume", shell_word(t->folder));
    }
    if (s == EG_ERR_DIVERGED) say_kept(t);
    return code;
}

/* Displacements at 40 times: some ten a decade. */
static int observe(struct trained *t)
{
    const size_t n = t->parts.part[PART_TRAIN].n, batch = t->options.loop.batch;
    const uint64_t last = (uint64_t)t->options.loop.epochs * ((n + batch - 1) / batch);
    if (t->options.two_time == 0) return EXIT_DONE;
    const eg_status s = eg_two_time_create(eg_learner_params(t->learner), last, t->options.two_time,
                                           40, NULL, &t->two_time);
    return s == EG_OK ? EXIT_DONE : fail(s, "--two-time");
}

static int train(const struct call *call, struct trained *t, const eg_train_options *loop,
                 int resume)
{
    struct bar bar;
    const double started = seconds_now();
    const eg_progress progress = bar_begin(&bar, call);
    const eg_part *valid = &t->parts.part[PART_VALID];
    eg_train_options o = *loop;
    o.folder = t->folder;
    o.about = about_text(t);
    o.resume = resume;
    o.checkpoint_seconds = t->options.checkpoint;
    o.progress = &progress;
    o.two_time = t->two_time;
    const eg_status s = eg_train(t->learner, &t->parts.part[PART_TRAIN],
                                 valid->n > 0 ? valid : NULL, &o, &t->result);
    bar_end(&bar);
    t->seconds = seconds_now() - started;
    return s == EG_OK ? EXIT_DONE : told(call, t, s);
}

int trained_run(const struct call *now, struct trained *t, int resume)
{
    const struct call mine = { now->command, &t->options.common, now->options, now->args,
                               now->nargs,   now->line,          now->out };
    eg_train_options loop;
    struct model m;
    int code = training_data_read(&mine, t->data, &t->options.reader, &t->options.data, &t->parts);
    if (code != EXIT_DONE) return code;
    if (t->options.loop.patience > 0 && t->parts.part[PART_VALID].n == 0)
        return fail_usage(now, "--patience needs something to measure: --valid SHARE|PART");
    code = make_learner(&mine, t);
    if (code != EXIT_DONE) return code;
    model_of_learner(t->learner, t->folder, &m);
    const double paper = m.look.paper;
    model_clear(&m);
    code = training_loop(&mine, &t->options.loop, paper, &loop);
    if (code == EXIT_DONE && t->search == NULL && t->options.folds > 0) {
        code = search(&mine, t, &loop);
        resume = 1; /* the folder is there, and holds no checkpoint yet */
        eg_learner_destroy(t->learner);
        t->learner = NULL;
        if (code == EXIT_DONE) code = make_learner(&mine, t);
    }
    if (code != EXIT_DONE) return code;
    echo(&mine, t);
    code = observe(t);
    if (code == EXIT_DONE) code = train(&mine, t, &loop, resume);
    if (code == EXIT_DONE) code = two_time_write(t);
    if (code == EXIT_DONE) code = measure(t);
    if (code == EXIT_DONE) code = trained_report(&mine, t);
    return code == EXIT_DONE ? write_result(t) : code;
}

void trained_clear(struct trained *t)
{
    for (size_t p = 0; p < PARTS; p++) free(t->scored[p].confusion);
    eg_two_time_destroy(t->two_time);
    eg_learner_destroy(t->learner);
    training_data_clear(&t->parts);
    json_decref(t->spec);
    json_decref(t->search);
    *t = (struct trained){ 0 };
}
