/* engram theory: every closed form of the field by name and parameters, so that anyone can
 * check one. A parameter may be a list or a range: a table of the form over it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "cli/cli_table.h"
#include "cli/console.h"
#include "cli/parameter.h"

enum { MOST_VALUES = 1000 };

static const char *theory_name(const void *user, size_t i)
{
    (void)user;
    const eg_theory *row = eg_theory_row(i);
    return row ? row->name : NULL;
}

static const char *param_name(const void *user, size_t i)
{
    return i < EG_THEORY_PARAMS ? ((const eg_theory *)user)->params[i].name : NULL;
}

static int list_all(const struct call *call)
{
    static const struct column columns[] = { { "name", NULL },
                                             { "parameters", NULL },
                                             { "what", NULL } };
    struct table t;
    table_begin(&t, "theory", columns, 3);
    for (size_t i = 0; eg_theory_row(i) != NULL; i++) {
        const eg_theory *row = eg_theory_row(i);
        table_word(&t, "%s", row->name);
        table_word(&t, "%s", parameters_line(row->params, EG_THEORY_PARAMS));
        table_word(&t, "%s", row->summary);
    }
    if (call->common->json) {
        json_t *rows = table_json(&t), *line;
        size_t i;
        json_array_foreach(rows, i, line) print_json_line(call->out, line);
        json_decref(rows);
    } else {
        table_print(&t, call->out);
        say_next(call, "engram theory %s", eg_theory_row(0) ? eg_theory_row(0)->name : "NAME");
    }
    table_clear(&t);
    return EXIT_DONE;
}

/* The parameters of one call: values, and at most one that runs over a list. */
struct given {
    double value[EG_THEORY_PARAMS];
    double list[MOST_VALUES];
    size_t count, varied; /* varied: the parameter of the list */
};

static int parse_param(const struct call *call, const eg_theory *row, const char *text,
                       struct given *g)
{
    double list[MOST_VALUES];
    const char *value;
    size_t p;
    const int code =
        parameter_named(call, row->name, row->params, EG_THEORY_PARAMS, text, &p, &value);
    if (code != EXIT_DONE) return code;
    const size_t n = parse_numbers(value, list, MOST_VALUES);
    if (n == 0)
        return fail_usage(call, "%s: expected a number, a list 1,2,3 or a range 1:9:2, got \"%s\"",
                          row->params[p].name, value);
    if (n > 1 && g->count > 1)
        return fail_usage(call, "only one parameter may be a list; %s and %s are",
                          row->params[g->varied].name, row->params[p].name);
    g->value[p] = list[0];
    if (n > 1) {
        memcpy(g->list, list, n * sizeof *list);
        g->count = n;
        g->varied = p;
    }
    return EXIT_DONE;
}

static void print_form(const struct call *call, const eg_theory *row, const struct given *g,
                       const double *results)
{
    json_t *r = json_object(), *in = json_object(), *out = json_object();
    for (size_t p = 0; param_name(row, p) != NULL; p++)
        json_object_set_new(in, row->params[p].name, json_number(g->value[p]));
    for (size_t k = 0; k < EG_THEORY_RESULTS && row->results[k] != NULL; k++)
        json_object_set_new(out, row->results[k], json_number(results[k]));
    json_object_set_new(r, "name", json_string(row->name));
    json_object_set_new(r, "formula", json_string(row->formula));
    json_object_set_new(r, "source", json_string(row->source));
    json_object_set_new(r, "parameters", in);
    json_object_set_new(r, "results", out);
    if (call->common->json) {
        print_record(call, r);
    } else {
        fprintf(call->out, "%s\n\n  %s\n  %s\n\n", row->summary, row->formula, row->source);
        parameters_print(call->out, row->params, EG_THEORY_PARAMS, g->value);
        fputc('\n', call->out);
        for (size_t k = 0; k < EG_THEORY_RESULTS && row->results[k] != NULL; k++)
            fprintf(call->out, "  %-14s %.10g\n", row->results[k], results[k]);
    }
    json_decref(r);
}

static int print_list(const struct call *call, const eg_theory *row, struct given *g)
{
    struct column columns[EG_THEORY_RESULTS + 1] = { { row->params[g->varied].name, "%.9g" } };
    size_t cols = 1;
    for (size_t k = 0; k < EG_THEORY_RESULTS && row->results[k] != NULL; k++)
        columns[cols++] = (struct column){ row->results[k], "%.9g" };
    struct table t;
    int code = EXIT_DONE;
    table_begin(&t, row->name, columns, cols);
    for (size_t i = 0; i < g->count && code == EXIT_DONE; i++) {
        double results[EG_THEORY_RESULTS] = { 0 };
        g->value[g->varied] = g->list[i];
        const eg_status s = eg_theory_evaluate(row, g->value, results);
        if (s != EG_OK) code = fail(s, row->name);
        table_number(&t, g->list[i]);
        for (size_t k = 0; k + 1 < cols; k++) table_number(&t, results[k]);
    }
    if (code == EXIT_DONE && call->common->json) {
        json_t *rows = table_json(&t), *line;
        size_t i;
        json_array_foreach(rows, i, line) print_json_line(call->out, line);
        json_decref(rows);
    } else if (code == EXIT_DONE) {
        table_print(&t, call->out);
    }
    table_clear(&t);
    return code;
}

static int run(const struct call *call)
{
    if (call->nargs == 0) return list_all(call);
    const eg_theory *row = eg_theory_find(call->args[0]);
    if (row == NULL) {
        const char *near = nearest_name(call->args[0], theory_name, NULL);
        return fail_usage(call, "no closed form \"%s\"%s%s%s; engram theory lists them",
                          call->args[0], near ? "; did you mean " : "", near ? near : "",
                          near ? "?" : "");
    }
    struct given g = { .count = 1 };
    for (size_t p = 0; param_name(row, p) != NULL; p++) g.value[p] = row->params[p].value;
    for (size_t i = 1; i < call->nargs; i++) {
        const int code = parse_param(call, row, call->args[i], &g);
        if (code != EXIT_DONE) return code;
    }
    if (g.count > 1) return print_list(call, row, &g);
    double results[EG_THEORY_RESULTS] = { 0 };
    const eg_status s = eg_theory_evaluate(row, g.value, results);
    if (s != EG_OK) return fail(s, row->name);
    print_form(call, row, &g, results);
    return EXIT_DONE;
}

const struct command cmd_theory = {
    .name = "theory",
    .summary = "the closed forms of the field, by name and parameters",
    .arguments = "[NAME [PARAMETER=VALUE...]] ",
    .examples = "engram theory\n"
                "engram theory dam-capacity\n"
                "engram theory dam-capacity n=3 N=100\n"
                "engram theory dam-capacity n=2:5:1",
    .notes = "A parameter may be a list (2,3,5) or a range (2:5:1): a table over it.",
    .first = theory_name,
    .min_args = 0,
    .max_args = 1 + EG_THEORY_PARAMS,
    .run = run,
};
