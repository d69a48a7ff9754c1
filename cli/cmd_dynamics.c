/* engram dynamics: solvable models of learning by name and parameters, theory and simulation of
 * finite systems in one table and on one chart. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_table.h"
#include "cli/console.h"
#include "cli/parameter.h"
#include "cli/report.h"
#include "cli/run_folder.h"

struct dynamics {
    struct common common;
    int csv;
    const char *report, *checkpoint;
    double every;
};

static const struct dynamics defaults = { .every = 60 };

#define AT(field) offsetof(struct dynamics, field)

static const struct opt options[] = {
    { "csv", 0, OPT_FLAG, AT(csv), NULL, "print CSV", NULL, 0, 0 },
    { "report", 0, OPT_TEXT, AT(report), "FILE.html", "write a report with the curves", NULL, 0,
      0 },
    { "checkpoint", 0, OPT_TEXT, AT(checkpoint), "FILE",
      "keep the grid of two times here, and go on from it", NULL, 0, 0 },
    { "every", 0, OPT_NUMBER, AT(every), "SECONDS", "between two checkpoints", NULL, 0, 1e9 },
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

static const char *model_name(const void *user, size_t i)
{
    (void)user;
    const eg_dynamics_model *m = eg_dynamics_row(i);
    return m != NULL ? m->name : NULL;
}

static int list_all(const struct call *call)
{
    static const struct column columns[] = { { "name", NULL },
                                             { "parameters", NULL },
                                             { "what", NULL } };
    struct table t;
    table_begin(&t, "models", columns, 3);
    for (size_t i = 0; eg_dynamics_row(i) != NULL; i++) {
        const eg_dynamics_model *m = eg_dynamics_row(i);
        table_word(&t, "%s", m->name);
        table_word(&t, "%s", parameters_line(m->params, EG_DYNAMICS_PARAMS));
        table_word(&t, "%s", m->summary);
    }
    if (call->common->json) {
        json_t *rows = table_json(&t), *line;
        size_t i;
        json_array_foreach(rows, i, line) print_json_line(call->out, line);
        json_decref(rows);
    } else {
        table_print(&t, call->out);
        say_next(call, "engram dynamics %s", model_name(NULL, 0));
    }
    table_clear(&t);
    return EXIT_DONE;
}

/* What was computed, as the program shows it: columns that hold a number. */
struct shown {
    const eg_dynamics_model *m;
    const double *value; /* of the parameters */
    const eg_dynamics_result *r;
    struct column columns[EG_DYNAMICS_COLUMNS];
    size_t from[EG_DYNAMICS_COLUMNS]; /* the column of the result */
    struct table table;
};

static int holds_numbers(const eg_dynamics_result *r, size_t column)
{
    for (size_t i = 0; i < r->rows; i++)
        if (isfinite(r->value[i * r->columns + column])) return 1;
    return 0;
}

static void show(struct shown *s)
{
    size_t cols = 0;
    for (size_t k = 0; k < s->r->columns; k++) {
        if (!holds_numbers(s->r, k)) continue;
        s->columns[cols] = (struct column){ s->m->columns[k].name, "%.9g" };
        s->from[cols++] = k;
    }
    table_begin(&s->table, s->m->name, s->columns, cols);
    for (size_t i = 0; i < s->r->rows; i++)
        for (size_t k = 0; k < cols; k++)
            table_number(&s->table, s->r->value[i * s->r->columns + s->from[k]]);
}

static json_t *facts_json(const struct shown *s)
{
    json_t *facts = json_object();
    for (size_t i = 0; i < s->r->facts; i++)
        json_object_set_new(facts, s->r->fact[i].name, json_number(s->r->fact[i].value));
    if (isfinite(s->r->error))
        json_object_set_new(facts, "error of the grid, estimated", json_number(s->r->error));
    return facts;
}

static json_t *params_json(const struct shown *s)
{
    json_t *in = json_object();
    for (size_t p = 0; p < EG_DYNAMICS_PARAMS && s->m->params[p].name != NULL; p++)
        json_object_set_new(in, s->m->params[p].name, json_number(s->value[p]));
    return in;
}

static void print_all(const struct call *call, const struct dynamics *o, const struct shown *s)
{
    struct text csv = { 0 };
    if (call->common->json) {
        json_t *all = json_object();
        json_object_set_new(all, "model", json_string(s->m->name));
        json_object_set_new(all, "equations", json_string(s->m->equations));
        json_object_set_new(all, "source", json_string(s->m->source));
        json_object_set_new(all, "parameters", params_json(s));
        json_object_set_new(all, "facts", facts_json(s));
        json_object_set_new(all, "resumed", json_integer((json_int_t)s->r->resumed));
        json_object_set_new(all, "rows", table_json(&s->table));
        print_json_line(call->out, all);
        json_decref(all);
    } else if (o->csv) {
        table_csv(&s->table, &csv);
        fputs(csv.s ? csv.s : "", call->out);
    } else {
        fprintf(call->out, "%s\n\n  %s\n  %s\n  %s\n\n", s->m->summary, s->m->equations,
                s->m->solver, s->m->source);
        parameters_print(call->out, s->m->params, EG_DYNAMICS_PARAMS, s->value);
        fputc('\n', call->out);
        table_print(&s->table, call->out);
        for (size_t i = 0; i < s->r->facts; i++)
            fprintf(call->out, "  %-30s %.9g\n", s->r->fact[i].name, s->r->fact[i].value);
        if (isfinite(s->r->error))
            fprintf(call->out, "  %-30s %.2g\n", "error of the grid, estimated", s->r->error);
    }
    text_clear(&csv);
}

/* -o: the numbers as NPY (f8), or else as CSV. */
static int write_numbers(const struct call *call, const struct shown *s)
{
    const char *path = call->common->output, *dot = strrchr(path, '.');
    const size_t cols = s->table.cols, rows = table_rows(&s->table);
    int code;
    if (dot != NULL && strcmp(dot, ".npy") == 0) {
        double *x = need(rows * cols, sizeof *x);
        for (size_t i = 0; i < rows * cols; i++) x[i] = s->table.cell[i].number;
        const eg_status status = eg_npy_write_f64(path, x, rows, cols);
        free(x);
        code = status == EG_OK ? EXIT_DONE : fail(status, NULL);
    } else {
        struct text csv = { 0 };
        table_csv(&s->table, &csv);
        code = write_file(path, csv.s, csv.size);
        text_clear(&csv);
    }
    if (code == EXIT_DONE) say(call, "wrote   %s", path);
    return code;
}

/* All columns of one chart: theory dashed, samples with their errors. */
static void add_chart(struct report *r, const struct shown *s, const char *name,
                      const struct table *behind)
{
    struct series series[EG_DYNAMICS_COLUMNS];
    const size_t rows = s->r->rows, columns = s->r->columns;
    double *numbers = need(rows * columns, sizeof *numbers); /* by columns */
    size_t count = 0;
    for (size_t i = 0; i < rows * columns; i++)
        numbers[i % columns * rows + i / columns] = s->r->value[i];
    for (size_t k = 1; k < columns; k++) {
        const eg_dynamics_column *c = &s->m->columns[k];
        if (c->chart == NULL || strcmp(c->chart, name) != 0 || !holds_numbers(s->r, k)) continue;
        const int simulated = c->kind == EG_CURVE_SIMULATED;
        series[count] = (struct series){
            c->summary, numbers,    numbers + k * rows, simulated ? numbers + (k + 1) * rows : NULL,
            rows,       !simulated, (int)(count % 6)
        };
        count++;
    }
    const struct chart chart = { .title = name,
                                 .x_label = s->m->columns[0].summary,
                                 .y_label = name,
                                 .alt =
                                     keep_format("%s against %s", name, s->m->columns[0].summary),
                                 .log_x = s->m->log_x,
                                 .series = series,
                                 .count = count };
    if (count > 0) report_chart(r, &chart, behind);
    free(numbers);
}

static int write_report(const struct call *call, const struct dynamics *o, const struct shown *s)
{
    struct report r;
    json_t *facts = environment_json(call), *known = facts_json(s), *in = params_json(s);
    int first = 1;
    report_begin(&r, keep_format("Dynamics: %s", s->m->name), s->m->summary);
    report_paragraph(&r, keep_format("%s. %s. %s.", s->m->equations, s->m->solver, s->m->source));
    for (size_t k = 1; k < s->r->columns; k++) {
        const char *name = s->m->columns[k].chart;
        size_t before = 1;
        while (before < k
               && (s->m->columns[before].chart == NULL || name == NULL
                   || strcmp(s->m->columns[before].chart, name) != 0))
            before++;
        if (name == NULL || before < k) continue;
        add_chart(&r, s, name, first ? &s->table : NULL);
        first = 0;
    }
    if (json_object_size(known) > 0) report_section(&r, "What it comes to", "");
    report_facts(&r, known);
    report_section(&r, "How it was made", "");
    json_object_set_new(facts, "command", json_string(call->line));
    json_object_set_new(facts, "date", json_string(report_date()));
    json_object_set_new(facts, "seed", json_integer((json_int_t)call->common->seed));
    json_object_update(facts, in);
    report_facts(&r, facts);
    json_decref(facts);
    json_decref(known);
    json_decref(in);
    const int code = report_save(&r, o->report);
    report_clear(&r);
    if (code == EXIT_DONE) say(call, "wrote   %s", o->report);
    return code;
}

static int solve(const struct call *call, const eg_dynamics_model *m, const double *value)
{
    const struct dynamics *o = call->options;
    eg_dynamics_options how = EG_DYNAMICS_OPTIONS_INIT;
    eg_dynamics_result r;
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, call);
    how.threads = call->common->threads;
    how.seed = call->common->seed;
    how.max_bytes = call->common->max_bytes;
    how.checkpoint = o->checkpoint;
    how.checkpoint_every = o->every;
    how.progress = &progress;
    const eg_status s = eg_dynamics_run(m, value, &how, &r);
    bar_end(&bar);
    if (s != EG_OK) {
        if (s == EG_ERR_INTERRUPTED && o->checkpoint != NULL)
            say(call, "kept    %s; the same command goes on from there", o->checkpoint);
        return fail(s, NULL);
    }
    struct shown shown = { .m = m, .value = value, .r = &r };
    int code = EXIT_DONE;
    show(&shown);
    if (r.resumed > 0) say(call, "resumed after %zu steps of %s", r.resumed, o->checkpoint);
    if (call->common->output != NULL && strcmp(call->common->output, "-") != 0)
        code = write_numbers(call, &shown);
    else
        print_all(call, o, &shown);
    if (code == EXIT_DONE && o->report != NULL) code = write_report(call, o, &shown);
    table_clear(&shown.table);
    eg_dynamics_result_clear(&r);
    return code;
}

static int run(const struct call *call)
{
    double value[EG_DYNAMICS_PARAMS] = { 0 };
    if (call->nargs == 0) return list_all(call);
    const eg_dynamics_model *m = eg_dynamics_find(call->args[0]);
    if (m == NULL) {
        const char *near = nearest_name(call->args[0], model_name, NULL);
        return fail_usage(call, "no model \"%s\"%s%s%s; engram dynamics lists them", call->args[0],
                          near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    for (size_t p = 0; p < EG_DYNAMICS_PARAMS && m->params[p].name != NULL; p++)
        value[p] = m->params[p].value;
    for (size_t i = 1; i < call->nargs; i++) {
        const char *text;
        size_t row;
        const int code = parameter_named(call, m->name, m->params, EG_DYNAMICS_PARAMS,
                                         call->args[i], &row, &text);
        if (code != EXIT_DONE) return code;
        if (!parse_number(text, &value[row]))
            return fail_usage(call, "%s: expected a number, got \"%s\"", m->params[row].name, text);
    }
    return solve(call, m, value);
}

const struct command cmd_dynamics = {
    .name = "dynamics",
    .summary = "solvable models of learning: their exact equations beside simulations",
    .arguments = "[MODEL [PARAMETER=VALUE...]] ",
    .examples = "engram dynamics\n"
                "engram dynamics spiked snr=3 delta-p=4 m0=0.01 t=8 n=800 -o spiked.csv\n"
                "engram dynamics pspin T=0 t=20 samples=10 N=150 --report pspin.html\n"
                "engram dynamics mode-coupling T=0.65 t=1e5\n"
                "engram dynamics spiked-phases p=3 --report phases.html",
    .notes = "-o FILE.npy writes f8, any other name CSV; the columns are those of the table.\n"
             "A grid of two times of n steps needs 8 n^2 bytes and n^3 multiply-adds.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .first = model_name,
    .min_args = 0,
    .max_args = 1 + EG_DYNAMICS_PARAMS,
    .own_output = 1,
    .run = run,
};
