/* engram compare: several learners on the same folds of the same data. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/paired_test.h"
#include "cli/report.h"
#include "cli/run_folder.h"
#include "cli/training.h"

struct compare {
    struct common common;
    struct reader_options reader;
    struct data_options data;
    struct loop_options loop;
    struct texts models;
    size_t folds;
};

static const struct compare defaults = {
    .reader = READER_OPTIONS_INIT,
    .data = { .scale = -1 },
    .loop = LOOP_OPTIONS_INIT,
    .folds = 5,
};

#define AT(field) offsetof(struct compare, field)

static const struct opt options[] = {
    { "model", 'm', OPT_TEXTS, AT(models), "FILE.json|KIND", "what is compared; may be repeated",
      NULL, 0, 0 },
    { "folds", 0, OPT_SIZE, AT(folds), "K", "of cross-validation", NULL, 2, 1e6 },
    TRAINING_OPTION_ROWS(struct compare),
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

/* One learner and what it came to. */
struct entry {
    const char *name, *spec;
    double *accuracy; /* (folds) */
    double mean, spread, seconds, auc;
    size_t errors, rank;
    struct paired against; /* the best */
};

struct comparison {
    const struct call *call;
    const struct compare *o;
    eg_dataset set; /* as in the file */
    uint32_t *fold; /* (n) */
    size_t *index;  /* (n) those trained on, then the others */
    struct entry *entry;
    size_t count, best;
    struct run_folder run;
    struct table table;
};

/* ---- learners ---- */

static const char *name_of(const char *given)
{
    const char *slash = strrchr(given, '/'), *name = slash != NULL ? slash + 1 : given;
    const size_t n = strlen(name);
    return n > 5 && strcmp(name + n - 5, ".json") == 0 ? keep_format("%.*s", (int)(n - 5), name)
                                                       : name;
}

/* A file, or a kind with its defaults; checked by making one. */
static int read_entry(struct comparison *c, const eg_task *task, const char *given,
                      struct entry *out)
{
    json_t *j = NULL;
    eg_learner *l = NULL;
    size_t kind = 0;
    while (learner_kind_name(kind) != NULL && strcmp(learner_kind_name(kind), given) != 0) kind++;
    const int code = learner_kind_name(kind) != NULL ? EXIT_DONE : learner_spec_read(given, &j);
    if (code != EXIT_DONE) return code;
    if (j == NULL) j = json_pack("{s:s}", "kind", given);
    char *text = keep(json_dumps(j, JSON_COMPACT | JSON_REAL_PRECISION(17)));
    json_decref(j);
    const eg_status s = eg_learner_create(text, task, 0, c->call->common->threads, NULL, &l);
    if (s != EG_OK) return fail(s, given);
    *out = (struct entry){ .name = name_of(given),
                           .spec = keep_format("%s", eg_learner_spec(l)),
                           .accuracy = need(c->o->folds, sizeof(double)) };
    eg_learner_destroy(l);
    return EXIT_DONE;
}

static eg_task task_of(const struct comparison *c)
{
    return task_of_set(&c->set, c->o->loop.epochs);
}

static int read_entries(struct comparison *c)
{
    const eg_task task = task_of(c);
    int code = EXIT_DONE;
    c->entry = need(c->o->models.n, sizeof *c->entry);
    for (; c->count < c->o->models.n && code == EXIT_DONE; c->count += code == EXIT_DONE)
        code = read_entry(c, &task, c->o->models.item[c->count], &c->entry[c->count]);
    return code;
}

static int read_data(struct comparison *c)
{
    const eg_read_options read = read_options_of(&c->o->reader);
    const char *data = c->call->args[0];
    const int code = data_read(c->call, data, &read, &c->set);
    if (code != EXIT_DONE) return code;
    if (c->set.labels == NULL || c->set.classes < 2)
        return fail_usage(c->call, "%s: expected labels of 2 classes or more", data);
    c->fold = need(c->set.n, sizeof *c->fold);
    c->index = need(c->set.n, sizeof *c->index);
    const eg_status s = eg_split_folds(c->set.labels, c->set.n, c->set.classes, c->o->folds,
                                       c->call->common->seed, c->fold);
    return s == EG_OK ? EXIT_DONE : fail(s, data);
}

/* ---- folds ---- */

static eg_status one_learner(struct comparison *c, struct entry *e, size_t fold,
                             const eg_part *train, const eg_part *rest,
                             const eg_train_options *loop)
{
    const eg_task task = task_of(c);
    const double started = seconds_now();
    eg_learner *l = NULL;
    eg_scored scored = { 0 };
    eg_status s = eg_learner_create(e->spec, &task, c->call->common->seed, c->call->common->threads,
                                    NULL, &l);
    if (s == EG_OK) s = eg_train(l, train, NULL, loop, NULL);
    const double seconds = seconds_now() - started;
    if (s == EG_OK) s = eg_evaluate(l, rest, c->o->loop.batch, NULL, &scored);
    eg_learner_destroy(l);
    if (s != EG_OK) return s;
    e->accuracy[fold] = scored.accuracy;
    e->auc += scored.auc / (double)c->o->folds;
    e->errors += scored.errors;
    e->seconds += seconds;
    run_folder_metric(&c->run, json_pack("{s:s,s:I,s:f,s:o,s:I,s:f}", "model", e->name, "fold",
                                         (json_int_t)fold + 1, "accuracy", scored.accuracy, "auc",
                                         json_number(scored.auc), "errors",
                                         (json_int_t)scored.errors, "seconds", seconds));
    say(c->call, "fold %zu of %zu  %-16s %.2f %%  %.1f s", fold + 1, c->o->folds, e->name,
        100 * scored.accuracy, seconds);
    return EG_OK;
}

/* Every learner on one fold; inputs are scaled by what is trained on alone. */
static int one_fold(struct comparison *c, size_t fold)
{
    const size_t n = c->set.n, cells = n * c->set.d;
    const size_t trained = eg_split_select(c->fold, n, (uint32_t)fold, 1, c->index);
    const size_t others = eg_split_select(c->fold, n, (uint32_t)fold, 0, c->index + trained);
    const int images = c->set.height * c->set.width != 0;
    struct input input = input_fit(&c->set, c->index, trained,
                                   c->o->data.scale >= 0 ? (enum input_kind)c->o->data.scale
                                   : images              ? INPUT_UNIT
                                                         : INPUT_COLUMNS);
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, c->call);
    eg_dataset scaled = c->set;
    eg_train_options loop;
    scaled.x = need_floats(n, c->set.d);
    memcpy(scaled.x, c->set.x, cells * sizeof *scaled.x);
    input_apply(&input, &scaled);
    input_clear(&input);
    const eg_part train = { &scaled, c->index, trained },
                  rest = { &scaled, c->index + trained, others };
    int code = training_loop(c->call, &c->o->loop, 0, &loop);
    loop.progress = &progress;
    for (size_t i = 0; i < c->count && code == EXIT_DONE; i++) {
        const eg_status s = one_learner(c, &c->entry[i], fold, &train, &rest, &loop);
        if (s != EG_OK) code = fail(s, c->entry[i].name);
    }
    bar_end(&bar);
    free(scaled.x);
    return code;
}

/* ---- what came out ---- */

static void rank(struct comparison *c)
{
    const size_t k = c->o->folds;
    for (size_t i = 0; i < c->count; i++) {
        struct entry *e = &c->entry[i];
        double squares = 0;
        e->mean = 0;
        for (size_t f = 0; f < k; f++) e->mean += e->accuracy[f] / (double)k;
        for (size_t f = 0; f < k; f++)
            squares += (e->accuracy[f] - e->mean) * (e->accuracy[f] - e->mean);
        e->spread = sqrt(squares / (double)(k - 1));
        if (e->mean > c->entry[c->best].mean) c->best = i;
    }
    for (size_t i = 0; i < c->count; i++) {
        struct entry *e = &c->entry[i];
        e->rank = 1;
        for (size_t j = 0; j < c->count; j++) e->rank += c->entry[j].mean > e->mean;
        e->against = paired_test(e->accuracy, c->entry[c->best].accuracy, k);
    }
}

static void make_table(struct comparison *c)
{
    static const struct column columns[] = {
        { "rank", "%.0f" },      { "model", NULL }, { "accuracy_%", "%.2f" },
        { "spread", "%.2f" },    { "auc", "%.4f" }, { "errors", "%.0f" },
        { "t_to_best", "%.2f" }, { "p", "%.3g" },   { "p_corrected", "%.3g" },
        { "seconds", "%.2f" },
    };
    table_begin(&c->table, keep_format("%zu folds of %s", c->o->folds, c->call->args[0]), columns,
                sizeof columns / sizeof *columns);
    for (size_t r = 1; r <= c->count; r++)
        for (size_t i = 0; i < c->count; i++) {
            const struct entry *e = &c->entry[i];
            const int best = i == c->best;
            const double none = (double)NAN;
            if (e->rank != r) continue;
            const double row[] = { 100 * e->mean,
                                   100 * e->spread,
                                   e->auc,
                                   (double)e->errors,
                                   best ? none : e->against.t,
                                   best ? none : e->against.p,
                                   best ? none : e->against.corrected,
                                   e->seconds };
            table_number(&c->table, (double)e->rank);
            table_word(&c->table, "%s", e->name);
            for (size_t k = 0; k < sizeof row / sizeof *row; k++) table_number(&c->table, row[k]);
        }
}

static void draw_folds(const struct comparison *c, struct report *r)
{
    enum { COLOURS = 6 };
    const size_t k = c->o->folds, shown = c->count < COLOURS ? c->count : COLOURS;
    struct series series[COLOURS];
    double *x = need(k * (shown + 1), sizeof *x);
    for (size_t f = 0; f < k; f++) x[f] = (double)f + 1;
    for (size_t i = 0; i < shown; i++) {
        double *y = x + (i + 1) * k;
        for (size_t f = 0; f < k; f++) y[f] = 100 * c->entry[i].accuracy[f];
        series[i] = (struct series){ c->entry[i].name, x, y, NULL, k, 0, (int)i };
    }
    const struct chart chart = { .title = "Accuracy on each fold",
                                 .x_label = "fold",
                                 .y_label = "right, %",
                                 .alt = "Share of examples named right on each fold, by model",
                                 .series = series,
                                 .count = shown };
    report_chart(r, &chart, NULL);
    free(x);
}

static int write_report(const struct comparison *c, const char *path)
{
    const struct entry *best = &c->entry[c->best];
    const char *const figure[3] = { best->name, keep_format("%.2f %%", 100 * best->mean),
                                    keep_format("%zu", best->errors) };
    const char *const what[3] = { "is the best", "right, mean over folds",
                                  keep_format("errors of %zu", c->set.n) };
    struct report r;
    json_t *facts = json_object(), *env = environment_json(c->call);
    report_begin(&r, keep_format("%zu learners on %s", c->count, c->call->args[0]),
                 keep_format("Each trained %zu times, on the same folds: on all but one, and "
                             "measured on that one.",
                             c->o->folds));
    report_figures(&r, figure, what, 3);
    report_section(&r, "Side by side",
                   "Spread is the standard deviation over folds. p: Student's paired test against "
                   "the best, two-sided; corrected for the examples that folds share (Nadeau and "
                   "Bengio 2003), which is the one to trust.");
    report_table(&r, &c->table, 0);
    draw_folds(c, &r);
    json_object_set_new(facts, "command", json_string(c->call->line));
    json_object_set_new(facts, "date", json_string(report_date()));
    json_object_set_new(facts, "seed", json_integer((json_int_t)c->call->common->seed));
    for (size_t i = 0; i < c->count; i++)
        json_object_set_new(facts, c->entry[i].name, json_string(c->entry[i].spec));
    json_object_update(facts, env);
    report_section(&r, "How it was made", "");
    report_facts(&r, facts);
    json_decref(facts);
    json_decref(env);
    const int code = report_save(&r, path);
    report_clear(&r);
    return code;
}

static void show(const struct comparison *c, const char *report)
{
    if (c->call->common->json) {
        json_t *rows = table_json(&c->table);
        json_t *j = json_pack("{s:s,s:I,s:o,s:s,s:s}", "data", c->call->args[0], "folds",
                              (json_int_t)c->o->folds, "models", rows, "folder", c->run.path,
                              "report", report);
        print_record(c->call, j);
        json_decref(j);
    } else {
        table_print(&c->table, c->call->out);
        fprintf(c->call->out, "\nfolder  %s\nreport  %s\n", c->run.path, report);
    }
    const char *best = c->o->models.item[c->best];
    say_next(c->call, "engram train %s %s %s", shell_word(c->call->args[0]),
             path_exists(best) ? "--model" : "--kind", best);
}

static int begin(struct comparison *c)
{
    json_t *specs = json_object(), *all = options_to_json(options, c->o);
    for (size_t i = 0; i < c->count; i++)
        json_object_set_new(specs, c->entry[i].name, json_loads(c->entry[i].spec, 0, NULL));
    json_object_set_new(all, "seed", json_integer((json_int_t)c->call->common->seed));
    json_t *config = json_pack("{s:s,s:s,s:o,s:o}", "command", c->call->line, "argument",
                               c->call->args[0], "options", all, "learners", specs);
    const int code = run_folder_begin(c->call, "compare", config, &c->run);
    json_decref(config);
    return code;
}

static int run(const struct call *call)
{
    struct comparison c = { .call = call, .o = call->options };
    if (c.o->models.n < 2)
        return fail_usage(call, "give 2 or more: --model A.json --model B.json (%zu were given)",
                          c.o->models.n);
    int code = read_data(&c);
    if (code == EXIT_DONE) code = read_entries(&c);
    if (code == EXIT_DONE) code = begin(&c);
    for (size_t f = 0; f < c.o->folds && code == EXIT_DONE; f++) code = one_fold(&c, f);
    if (code == EXIT_DONE) {
        const char *report = run_folder_file(&c.run, "report.html");
        rank(&c);
        make_table(&c);
        code = write_report(&c, report);
        if (code == EXIT_DONE) show(&c, report);
    }
    const int closed = run_folder_end(&c.run);
    for (size_t i = 0; i < c.count; i++) free(c.entry[i].accuracy);
    free(c.entry);
    free(c.fold);
    free(c.index);
    table_clear(&c.table);
    eg_dataset_clear(&c.set);
    return code == EXIT_DONE ? closed : code;
}

const struct command cmd_compare = {
    .name = "compare",
    .summary = "several learners on the same folds of the same data",
    .arguments = "DATA ",
    .examples = "engram compare semeion --model dam --model network\n"
                "engram compare semeion --model a.json --model b.json --folds 10 --epochs 50",
    .notes = "Each learner is trained on all folds but one and measured on that one, K times. "
             "The table has\nmean and spread over folds, the paired test against the best, and "
             "the same corrected for the\nexamples that folds share. The run folder (-o, else "
             "under runs/) has report.html.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .min_args = 1,
    .max_args = 1,
    .own_output = 1,
    .run = run,
};
