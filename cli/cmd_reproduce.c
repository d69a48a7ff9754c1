/* engram reproduce: published results, run again. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <ctype.h>
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "cli/cli_table.h"
#include "cli/console.h"
#include "cli/report.h"
#include "cli/run_folder.h"
#include "experiments/experiment.h"

struct reproduce {
    struct common common;
    int all, full;
    const char *report;
};

static const struct reproduce defaults = { .full = 0 };

static const struct opt options[] = {
    { "all", 0, OPT_FLAG, offsetof(struct reproduce, all), NULL, "run every one", NULL, 0, 0 },
    { "full", 0, OPT_FLAG, offsetof(struct reproduce, full), NULL, "at the size of the paper", NULL,
      0, 0 },
    { "report", 0, OPT_TEXT, offsetof(struct reproduce, report), "FILE.html", "write a report",
      NULL, 0, 0 },
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

static const struct column columns[] = {
    { "experiment", NULL }, { "quantity", NULL },  { "published", "%.6g" },
    { "measured", "%.6g" }, { "tolerance", NULL }, { "verdict", NULL },
};

/* Where the results of all experiments go. */
struct results {
    const struct call *call;
    const struct experiment *now;
    struct table table;
    struct table own;      /* of the experiment that runs now */
    json_t *learners;      /* that it has trained */
    struct report *report; /* its sections, without a beginning; or NULL */
    size_t outside, ran, left_out;
};

/* The interval as people write it: "+- 0.01", ">= 0.5", "<= 1"; none: a figure beside others. */
static void say_interval(struct table *t, const struct experiment_row *row)
{
    if (isinf(row->low) && isinf(row->high))
        table_word(t, "none");
    else if (isinf(row->low))
        table_word(t, "<= %.6g", row->high);
    else if (isinf(row->high))
        table_word(t, ">= %.6g", row->low);
    else if (fabs((row->low + row->high) / 2 - row->published) <= 1e-9 * fabs(row->published))
        table_word(t, "+- %.3g", (row->high - row->low) / 2);
    else
        table_word(t, "%.6g .. %.6g", row->low, row->high);
}

static void add_row(struct table *t, const char *name, const struct experiment_row *row)
{
    const int inside = row->low <= row->measured && row->measured <= row->high; /* NaN fails */
    if (name != NULL) table_word(t, "%s", name);
    table_word(t, "%s", row->quantity);
    table_number(t, row->published);
    table_number(t, row->measured);
    say_interval(t, row);
    const int bound = !isinf(row->low) || !isinf(row->high);
    table_word(t, "%s", !inside ? "OUTSIDE" : bound ? "inside" : "beside");
}

static void print_rows(const struct call *call, const struct table *t)
{
    if (!call->common->json) {
        table_print(t, call->out);
        return;
    }
    json_t *rows = table_json(t), *row;
    size_t i;
    json_array_foreach(rows, i, row) print_json_line(call->out, row);
    json_decref(rows);
}

static void take_row(void *user, const struct experiment_row *row)
{
    struct results *r = user;
    r->outside += !(row->low <= row->measured && row->measured <= row->high);
    add_row(&r->table, r->now->name, row);
    add_row(&r->own, NULL, row);
    if (!r->call->common->json) return;
    struct table one; /* printed as it is known: a run that is ended leaves what it had */
    table_begin(&one, r->table.title, columns, r->table.cols);
    add_row(&one, r->now->name, row);
    print_rows(r->call, &one);
    fflush(r->call->out);
    table_clear(&one);
}

static void print_curve(const struct results *r, const struct experiment_curve *curve)
{
    json_t *x = json_array(), *y = json_array(), *theory = json_array();
    for (size_t i = 0; i < curve->n; i++) {
        json_array_append_new(x, json_real(curve->x[i]));
        json_array_append_new(y, json_real(curve->y[i]));
        if (curve->theory != NULL) json_array_append_new(theory, json_real(curve->theory[i]));
    }
    json_t *line =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:o, s:o, s:o}", "experiment", r->now->name, "curve",
                  curve->title, "series", curve->series, "x_label", curve->x_label, "y_label",
                  curve->y_label, "x", x, "y", y, "theory", theory);
    print_json_line(r->call->out, line);
    json_decref(line);
}

static void draw_curve(struct report *report, const struct experiment_curve *curve)
{
    const struct series both[2] = { { curve->series, curve->x, curve->y, NULL, curve->n, 0, 0 },
                                    { "theory", curve->x, curve->theory, NULL, curve->n, 1, 0 } };
    const struct chart chart = { curve->title,
                                 curve->x_label,
                                 curve->y_label,
                                 curve->title,
                                 0,
                                 0,
                                 0,
                                 both,
                                 curve->theory != NULL ? 2 : 1 };
    report_chart(report, &chart, NULL);
}

/* A curve goes where results go: a line of JSON, a chart of the report. */
static void take_curve(void *user, const struct experiment_curve *curve)
{
    const struct results *r = user;
    if (r->call->common->json) print_curve(r, curve);
    if (r->report != NULL) draw_curve(r->report, curve);
}

static void take_picture(void *user, const char *title, const eg_image *image)
{
    const struct results *r = user;
    if (r->report != NULL) report_pictures(r->report, image, &title, 1, image->width, title);
}

static void take_note(void *user, const char *text)
{
    const struct results *r = user;
    say(r->call, "  %s", text);
}

static void take_learner(void *user, const struct experiment_learner *l)
{
    const struct results *r = user;
    json_array_append_new(r->learners,
                          json_pack("{s:s, s:s, s:I, s:o, s:I, s:I, s:I, s:o, s:f, s:b, s:o}",
                                    "learner", l->name, "data", l->data, "examples",
                                    (json_int_t)l->examples, "spec", json_loads(l->spec, 0, NULL),
                                    "epochs", (json_int_t)l->epochs, "batch", (json_int_t)l->batch,
                                    "steps", (json_int_t)l->steps, "loss", json_number(l->loss),
                                    "seconds", l->seconds, "resumed", l->resumed, "hash",
                                    json_sprintf("%016" PRIx64, l->hash)));
}

/* What the numbers of an experiment depend on: how it was run, on what, and what it trained. */
static json_t *how_it_ran(const struct results *r, double seconds)
{
    const struct call *call = r->call;
    const struct reproduce *o = call->options;
    json_t *j = json_pack("{s:s, s:s, s:s, s:I, s:f}", "experiment", r->now->name, "setting",
                          o->full ? "full" : "quick", "date", report_date(), "seed",
                          (json_int_t)call->common->seed, "seconds", seconds);
    json_t *env = environment_json(call);
    json_object_update(j, env);
    json_object_set(j, "learners", r->learners);
    json_decref(env);
    return j;
}

static void report_learners(struct report *report, const json_t *learners)
{
    static const struct column shown[] = {
        { "trained", NULL }, { "spec", NULL },   { "epochs", "%.0f" },
        { "batch", "%.0f" }, { "loss", "%.4g" }, { "hash", NULL },
    };
    struct table t;
    const json_t *l;
    size_t i;
    if (json_array_size(learners) == 0) return;
    table_begin(&t, "What was trained, and how", shown, sizeof shown / sizeof *shown);
    json_array_foreach(learners, i, l)
    {
        const json_t *loss = json_object_get(l, "loss");
        table_word(&t, "%s", json_string_value(json_object_get(l, "learner")));
        table_word(&t, "%s", keep(json_dumps(json_object_get(l, "spec"), JSON_REAL_PRECISION(6))));
        table_number(&t, json_number_value(json_object_get(l, "epochs")));
        table_number(&t, json_number_value(json_object_get(l, "batch")));
        table_number(&t, json_is_number(loss) ? json_number_value(loss) : (double)NAN);
        table_word(&t, "%s", json_string_value(json_object_get(l, "hash")));
    }
    report_table(report, &t, 0);
    table_clear(&t);
}

/* A line of JSON, a table of the report. */
static void tell_how(const struct results *r, double seconds)
{
    if (r->report != NULL) report_learners(r->report, r->learners);
    if (!r->call->common->json) return;
    json_t *j = how_it_ran(r, seconds);
    print_json_line(r->call->out, j);
    json_decref(j);
}

static const char *experiment_name(const void *user, size_t i)
{
    (void)user;
    return experiments[i] ? experiments[i]->name : NULL;
}

static int list_all(const struct call *call)
{
    static const struct column listed[] = {
        { "name", NULL }, { "what", NULL }, { "source", NULL }, { "setting", NULL }
    };
    struct table t;
    table_begin(&t, "experiments", listed, 4);
    for (size_t i = 0; experiments[i] != NULL; i++) {
        table_word(&t, "%s", experiments[i]->name);
        table_word(&t, "%s", experiments[i]->title);
        table_word(&t, "%s", experiments[i]->source);
        table_word(&t, "%s", experiments[i]->setting);
    }
    print_rows(call, &t);
    table_clear(&t);
    say_next(call, "engram reproduce --all");
    return EXIT_DONE;
}

static void head_section(struct report *report, const struct experiment *e)
{
    char *title = keep_format("%s", e->title);
    title[0] = (char)toupper((unsigned char)title[0]);
    report_section(report, title,
                   keep_format("%s. engram reproduce %s; %s.", e->source, e->name, e->setting));
}

/* Of all of them, those whose data are not at hand are no reason to run no other. */
static int leave_out(struct results *r, const struct experiment *e)
{
    fprintf(stderr, "engram: %s is left out: %s\n", e->name, plain_detail());
    if (r->report != NULL)
        report_paragraph(r->report, keep_format("Left out: %s.", plain_detail()));
    r->left_out++;
    return EXIT_DONE;
}

static int run_one(struct results *r, const struct experiment *e)
{
    const struct call *call = r->call;
    const struct reproduce *o = call->options;
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, call);
    const size_t before = table_rows(&r->table), outside = r->outside;
    const struct experiment_context context = {
        o->full,    call->common->threads, call->common->seed, &progress,    take_row,
        take_curve, take_picture,          take_note,          take_learner, r
    };
    r->now = e;
    r->learners = json_array();
    table_begin(&r->own, keep_format("%s: published and measured", e->name), columns + 1,
                sizeof columns / sizeof *columns - 1);
    if (r->report != NULL) head_section(r->report, e);
    say(call, "%s%s%s  %s\n  %s", style(stderr, "bold"), e->name, style(stderr, "plain"), e->title,
        e->source);
    const eg_status s = e->run(&context);
    bar_end(&bar);
    if (r->report != NULL && table_rows(&r->own) > 0) report_table(r->report, &r->own, 0);
    table_clear(&r->own);
    if (s == EG_ERR_IO && o->all) return leave_out(r, e);
    r->ran++;
    if (s == EG_OK) tell_how(r, seconds_now() - bar.started);
    json_decref(r->learners);
    if (s != EG_OK) return fail(s, e->name);
    if (table_rows(&r->table) == before) {
        fprintf(stderr, "engram: %s: measured nothing\n", e->name);
        return EXIT_NO;
    }
    say(call, "  %zu quantities, %zu outside, %.1f s", table_rows(&r->table) - before,
        r->outside - outside, seconds_now() - bar.started);
    return EXIT_DONE;
}

/* The head is written last: only then are its figures known. */
static int save_report(const struct results *r, const char *path)
{
    static const char *const what[3] = { "experiments", "quantities compared",
                                         "within their tolerance" };
    const size_t rows = table_rows(&r->table);
    const char *const figure[3] = { keep_format("%zu", r->ran), keep_format("%zu", rows),
                                    keep_format("%zu", rows - r->outside) };
    struct report whole;
    json_t *facts = environment_json(r->call);
    json_object_set_new(facts, "command", json_string(r->call->line));
    json_object_set_new(facts, "date", json_string(report_date()));
    json_object_set_new(facts, "seed", json_integer((json_int_t)r->call->common->seed));
    report_begin(&whole, "Published results, run again",
                 "What papers report, beside what this program measures.");
    report_figures(&whole, figure, what, 3);
    text_add_bytes(&whole.body, r->report->body.s ? r->report->body.s : "", r->report->body.size);
    whole.tables = r->report->tables;
    report_section(&whole, "How it was made", "");
    report_facts(&whole, facts);
    json_decref(facts);
    const int code = report_save(&whole, path);
    report_clear(&whole);
    if (code == EXIT_DONE) say(r->call, "wrote   %s", path);
    return code;
}

static int no_experiment(const struct call *call, const char *name)
{
    const char *near = nearest_name(name, experiment_name, NULL);
    return fail_usage(call, "no experiment \"%s\"%s%s%s; engram reproduce lists them", name,
                      near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static int run(const struct call *call)
{
    const struct reproduce *o = call->options;
    struct results r = { .call = call };
    struct report report = { 0 };
    size_t ran = 0;
    int code = EXIT_DONE;
    if (call->nargs == 0 && !o->all) return list_all(call);
    if (o->report != NULL) r.report = &report;
    table_begin(&r.table, "Published and measured", columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; experiments[i] != NULL && code == EXIT_DONE; i++) {
        if (call->nargs == 1 && strcmp(experiments[i]->name, call->args[0]) != 0) continue;
        code = run_one(&r, experiments[i]);
        ran++;
    }
    if (ran == 0) code = no_experiment(call, call->nargs ? call->args[0] : "--all");
    if (table_rows(&r.table) > 0 && !call->common->json) print_rows(call, &r.table);
    if (code == EXIT_DONE && o->report != NULL) code = save_report(&r, o->report);
    if (code == EXIT_DONE) {
        if (r.left_out > 0) say(call, "%zu left out for want of their data", r.left_out);
        say(call, "%s", r.outside ? "OUTSIDE the tolerance" : "all inside their tolerance");
        code = r.outside ? EXIT_NO : EXIT_DONE;
    }
    table_clear(&r.table);
    if (r.report != NULL) report_clear(&report);
    return code;
}

const struct command cmd_reproduce = {
    .name = "reproduce",
    .summary = "published results, run again: value, tolerance, verdict",
    .arguments = "[NAME] ",
    .examples =
        "engram reproduce\nengram reproduce dam-recovery\n"
        "engram reproduce --all --report results.html\nengram reproduce --all --full --json",
    .notes = "Exit 1: a measured value lies outside its tolerance.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .first = experiment_name,
    .min_args = 0,
    .max_args = 1,
    .run = run,
};
