/* Cells of the capacity laboratory of binary memories, measured, with what theory says beside. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/binary_capacity.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_table.h"
#include "cli/cli_text.h"
#include "cli/report.h"

enum { MOST = 256 };

static const struct column columns[] = {
    { "patterns", "%.0f" },     { "amount", "%.3g" },          { "fill", "%.4f" },
    { "fill_theory", "%.4f" },  { "error_one", "%.4g" },       { "error_one_theory", "%.4g" },
    { "error", "%.4g" },        { "error_spread", "%.1g" },    { "error_theory", "%.4g" },
    { "error_chosen", "%.4g" }, { "units_one", "%.4g" },       { "units_one_theory", "%.4g" },
    { "units", "%.4g" },        { "critical_theory", "%.3g" }, { "efficiency", "%.3f" },
    { "steps", "%.2f" },        { "converged", "%.3f" },
};

enum { PATTERNS, AMOUNT, ERROR_ONE = 4, ONE_THEORY, ERROR, SPREAD, REST_THEORY };
enum { COLS = sizeof columns / sizeof *columns };

/* What closed forms say of a cell; NaN where none does. */
struct said {
    double fill, error_one, error, units_one, critical, efficiency;
};

/* A form by name, of parameters in its order. */
static void form(const char *name, const double *in, double *out)
{
    for (size_t i = 0; i < EG_THEORY_RESULTS; i++) out[i] = (double)NAN;
    const eg_theory *row = eg_theory_find(name);
    double results[EG_THEORY_RESULTS];
    if (row != NULL && eg_theory_evaluate(row, in, results) == EG_OK)
        memcpy(out, results, sizeof results);
}

/* Cues with erased symbols, none wrong. */
static void say_clique(const eg_binary_lab_options *o, struct said *s)
{
    const eg_binary_options *m = &o->memory;
    const double used = m->order > 0 ? (double)m->order : (double)m->clusters;
    const double in[] = { used, (double)m->units, (double)o->n, (double)o->erased,
                          (double)m->clusters };
    const double plain[] = { used, (double)m->units, (double)o->n, (double)m->clusters };
    double out[EG_THEORY_RESULTS];
    form("clique-density", plain, out);
    s->fill = out[0];
    s->efficiency = out[2];
    if (o->wrong > 0) return;
    form(m->order > 0 ? "sparse-clique-error" : "clique-error", in, out);
    s->error_one = m->order > 0 ? out[2] : out[3];
    if (m->order == 0) s->error = out[4];
}

static void say_willshaw(const eg_binary_lab_options *o, struct said *s)
{
    const double n = (double)o->memory.units, k = (double)o->active;
    const double in[] = { n, n, k, k, (double)o->n, (double)(o->active - o->erased) };
    double out[EG_THEORY_RESULTS];
    form("willshaw", in, out);
    s->fill = out[0];
    s->efficiency = out[4];
    if (o->wrong > 0 || o->erased == o->active) return;
    s->units_one = out[5];
    s->error_one = -expm1((n - k) * log1p(-fmin(1, out[5] / (n - k))));
}

static void say_sdm(const eg_binary_lab_options *o, struct said *s)
{
    const double in[] = { (double)o->memory.units, (double)o->memory.locations,
                          (double)o->memory.radius, (double)o->n, (double)o->wrong };
    double out[EG_THEORY_RESULTS];
    form("sdm", in, out);
    s->units_one = in[0] * out[1];
    s->critical = out[2] / in[0];
}

/* The form is of half a step; a whole one goes there, back and there again. */
static void say_bam(const eg_binary_lab_options *o, struct said *s)
{
    (void)o, (void)s;
}

/* A kind: what its cells are unless told, who speaks for them. */
static const struct law {
    void (*say)(const eg_binary_lab_options *o, struct said *s);
    const char *amounts, *corruption, *words;
} laws[EG_BINARY_KINDS] = {
    [EG_BINARY_WILLSHAW] = { say_willshaw, "0.5", "mask",
                             "pairs: density and units left wrong by one step" },
    [EG_BINARY_CLIQUE] = { say_clique, "0.5", "mask",
                           "density; erased symbols: error of one step and at rest" },
    [EG_BINARY_CHAIN] = { NULL, NULL, NULL, NULL },
    [EG_BINARY_SDM] = { say_sdm, "0.1", "flip", "units left wrong by one step, critical distance" },
    [EG_BINARY_BAM] = { say_bam, "0", "flip",
                        "none of a whole step; engram theory bam is of half of one" },
};

static int describe(const struct call *call, const struct binary_cells *o, eg_binary_lab_options *c)
{
    const eg_binary_lab_options usual = EG_BINARY_LAB_OPTIONS_INIT;
    uint64_t number = 0;
    *c = usual;
    eg_binary_options *m = &c->memory;
    m->kind = (eg_binary_kind)binary_kind_of(o->memory);
    if (laws[m->kind].say == NULL)
        return fail_usage(call,
                          "--memory %s: a chain stores sequences, which have no capacity of "
                          "random patterns here",
                          o->memory);
    if (!binary_number_of(o->memory, &number))
        return fail_usage(call, "--memory %s: " BINARY_NAMES, o->memory);
    const int symbols = binary_of_symbols(m);
    m->clusters = symbols ? o->clusters : 1;
    m->units = symbols && number > 0 ? (size_t)number : o->units;
    m->order = isnan(o->order) ? 0 : (size_t)o->order;
    m->seed = call->common->seed;
    if (m->kind == EG_BINARY_SDM) {
        m->locations = number > 0 ? (size_t)number : BINARY_LOCATIONS;
        m->radius = isnan(o->radius) ? binary_radius(m->units) : (size_t)o->radius;
    }
    if (!symbols && m->kind != EG_BINARY_SDM) m->out_clusters = 1, m->out_units = m->units;
    if (m->kind == EG_BINARY_WILLSHAW)
        c->active = o->active > 0 ? o->active : (size_t)fmax(1, rint(log2((double)m->units)));
    c->trials = o->trials;
    c->draws = o->draws < o->trials ? o->draws : o->trials;
    c->seed = call->common->seed;
    c->threads = call->common->threads;
    return EXIT_DONE;
}

/* Of how many units a share is spoiled. */
static size_t spoiled_of(const eg_binary_lab_options *c)
{
    if (c->memory.kind == EG_BINARY_CLIQUE)
        return c->memory.order > 0 ? c->memory.order : c->memory.clusters;
    return c->memory.kind == EG_BINARY_WILLSHAW ? c->active : c->memory.units;
}

static int set_amount(const struct call *call, const char *corruption, double amount,
                      eg_binary_lab_options *c)
{
    const int bits = c->memory.kind == EG_BINARY_SDM || c->memory.kind == EG_BINARY_BAM;
    const int mask = strcmp(corruption, "mask") == 0;
    if ((!mask && strcmp(corruption, "flip") != 0) || (mask && bits))
        return fail_usage(call, "--corruption %s: cues of %s are spoiled by %s", corruption,
                          binary_words(&c->memory), bits ? "flip" : "mask or flip");
    if (!(amount >= 0 && amount <= 1))
        return fail_usage(call, "--amounts: %g is no share of the units", amount);
    const size_t n = (size_t)rint(amount * (double)spoiled_of(c));
    c->erased = mask ? n : 0;
    c->wrong = mask ? 0 : n;
    return EXIT_DONE;
}

/* Numbers of patterns for these shares of connections, or of units where there are none. */
static size_t usual_counts(const eg_binary_lab_options *c, double *n)
{
    static const double fill[] = { 0.05, 0.1, 0.2, 0.3, 0.4, 0.5 };
    const double used = (double)spoiled_of(c), x = (double)c->memory.clusters;
    const double l = (double)c->memory.units;
    for (size_t i = 0; i < sizeof fill / sizeof *fill; i++) {
        if (c->memory.kind == EG_BINARY_CLIQUE)
            n[i] = log1p(-fill[i]) / log1p(-used * (used - 1) / (x * (x - 1) * l * l));
        else if (c->memory.kind == EG_BINARY_WILLSHAW)
            n[i] = log1p(-fill[i]) / log1p(-used * used / (l * l));
        else
            n[i] = fill[i] * l;
        n[i] = fmax(1, rint(n[i]));
    }
    return sizeof fill / sizeof *fill;
}

static size_t counts_of(const struct call *call, const struct binary_cells *o,
                        const eg_binary_lab_options *c, double *n)
{
    size_t count = o->patterns != NULL ? parse_numbers(o->patterns, n, MOST) : usual_counts(c, n);
    for (size_t i = 0; i < count; i++) {
        n[i] = floor(n[i]);
        if (!(n[i] >= 1) || n[i] > 1e9) count = 0;
    }
    if (count == 0)
        (void)fail_usage(call, "--patterns: expected a list 1,2,3 or a range 1:9:2 of numbers of "
                               "at least one pattern");
    return count;
}

static void add_row(struct table *t, const eg_binary_lab_options *c, double amount,
                    const eg_binary_lab_result *r)
{
    const double none = (double)NAN;
    struct said s = { none, none, none, none, none, none };
    laws[c->memory.kind].say(c, &s);
    const double row[COLS] = { (double)c->n, amount,          r->fill,      s.fill,
                               r->error_one, s.error_one,     r->error,     r->error_spread,
                               s.error,      r->error_chosen, r->units_one, s.units_one,
                               r->units,     s.critical,      s.efficiency, r->steps,
                               r->converged };
    for (size_t i = 0; i < COLS; i++) table_number(t, row[i]);
}

static int measure(const struct call *call, const struct binary_cells *o, eg_binary_lab_options *c,
                   struct table *t)
{
    const struct law *law = &laws[c->memory.kind];
    const char *corruption = o->corruption != NULL ? o->corruption : law->corruption;
    double n[MOST], amounts[MOST];
    struct bar bar;
    const size_t many =
        parse_numbers(o->amounts != NULL ? o->amounts : law->amounts, amounts, MOST);
    if (many == 0)
        return fail_usage(call,
                          "--amounts: expected a list 0.1,0.2 or a range 0:0.5:0.1, got \"%s\"",
                          o->amounts);
    const size_t counts = counts_of(call, o, c, n);
    if (counts == 0) return EXIT_USAGE;
    say(call, "memory  %s\ncues    %zu of %zu memories, %s\ntheory  %s", binary_words(&c->memory),
        c->trials, c->draws, corruption, law->words);
    const eg_progress progress = bar_begin(&bar, call);
    int code = EXIT_DONE;
    c->progress = &progress;
    for (size_t i = 0; i < counts * many && code == EXIT_DONE; i++) {
        eg_binary_lab_result r;
        c->n = (size_t)n[i / many];
        code = set_amount(call, corruption, amounts[i % many], c);
        const eg_status s = code == EXIT_DONE ? eg_binary_lab(c, &r) : EG_OK;
        if (s != EG_OK) code = fail(s, NULL);
        if (code == EXIT_DONE) add_row(t, c, amounts[i % many], &r);
    }
    bar_end(&bar);
    c->progress = NULL;
    return code;
}

static void print(const struct call *call, const struct binary_cells *o, const struct table *t)
{
    struct text csv = { 0 };
    json_t *rows = table_json(t), *row;
    size_t i;
    if (call->common->json) {
        json_array_foreach(rows, i, row) print_json_line(call->out, row);
    } else if (o->csv) {
        table_csv(t, &csv);
        fputs(csv.s ? csv.s : "", call->out);
    } else {
        table_print(t, call->out);
    }
    text_clear(&csv);
    json_decref(rows);
}

/* Errors by number of patterns, of the first amount. */
static int write_report(const struct call *call, const struct binary_cells *o,
                        const struct table *t, const eg_binary_lab_options *c)
{
    static const struct {
        const char *name;
        size_t column;
        int theory, colour;
    } lines[] = { { "one step, measured", ERROR_ONE, 0, 0 },
                  { "one step, theory", ONE_THEORY, 1, 0 },
                  { "at rest, measured", ERROR, 0, 1 },
                  { "at rest, theory", REST_THEORY, 1, 1 } };
    enum { LINES = sizeof lines / sizeof *lines };
    const size_t rows = table_rows(t);
    struct report r;
    struct series series[LINES];
    double *at = need(rows * (LINES + 1), sizeof *at);
    size_t n = 0;
    for (size_t i = 0; i < rows; i++) {
        const struct cell *row = &t->cell[i * COLS];
        if (row[AMOUNT].number != t->cell[AMOUNT].number) continue;
        at[n] = row[PATTERNS].number;
        for (size_t k = 0; k < LINES; k++) at[(k + 1) * rows + n] = row[lines[k].column].number;
        n++;
    }
    for (size_t k = 0; k < LINES; k++)
        series[k] =
            (struct series){ lines[k].name,  at, at + (k + 1) * rows, NULL, n, lines[k].theory,
                             lines[k].colour };
    const struct chart chart = { .title = "Share of cues not recalled, by patterns stored",
                                 .x_label = "patterns",
                                 .y_label = "share of cues with an error",
                                 .alt = "Errors against the number of patterns, measured points "
                                        "and theoretical lines",
                                 .y_high = 1,
                                 .series = series,
                                 .count = LINES };
    report_begin(&r, "Capacity", "Recall from binary connections, measured, theory beside it.");
    report_paragraph(&r, keep_format("%s; %s. Cues with a share of %.3g spoiled.",
                                     binary_words(&c->memory), laws[c->memory.kind].words,
                                     t->cell[AMOUNT].number));
    report_chart(&r, &chart, t);
    report_section(&r, "How it was made", "");
    report_paragraph(&r, keep_format("%s, seed %llu, %s", call->line,
                                     (unsigned long long)call->common->seed, report_date()));
    const int code = report_save(&r, o->report);
    report_clear(&r);
    free(at);
    if (code == EXIT_DONE) say(call, "wrote   %s", o->report);
    return code;
}

int binary_capacity(const struct call *call, const struct binary_cells *o)
{
    eg_binary_lab_options c;
    eg_binary_recall_options rule;
    eg_binary *empty = NULL;
    struct table t;
    int code = describe(call, o, &c);
    if (code != EXIT_DONE) return code;
    const eg_status s = eg_binary_create(&c.memory, &empty);
    if (s != EG_OK) return fail(s, NULL);
    rule = binary_rule(empty, &o->rule);
    eg_binary_destroy(empty);
    if (o->steps > 0) rule.max_steps = o->steps;
    c.recall = &rule;
    table_begin(&t, "Capacity", columns, COLS);
    code = measure(call, o, &c, &t);
    if (table_rows(&t) > 0 && (code == EXIT_DONE || code == EXIT_INTERRUPTED)) print(call, o, &t);
    if (code == EXIT_DONE && o->report != NULL) code = write_report(call, o, &t, &c);
    if (code == EXIT_DONE && o->report == NULL)
        say_next(call, "the same with --csv, --json or --report capacity.html");
    table_clear(&t);
    return code;
}
