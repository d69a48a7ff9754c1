/* engram capacity: measured recall over load and corruption, with theory beside it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/binary_capacity.h"
#include "cli/capacity_table.h"
#include "cli/capacity_theory.h"
#include "cli/console.h"
#include "cli/report.h"
#include "cli/run_folder.h"
#include "cli/words.h"

static const char *const kinds[] = { "signs", "sphere", "gaussian", NULL };
static const char *const corruptions[] = { "flip", "noise", "mask", "random", NULL };

static const char *kind_row(size_t row)
{
    return row < 4 ? kinds[row] : NULL;
}

static const char *corruption_row(size_t row)
{
    return row < 5 ? corruptions[row] : NULL;
}

struct capacity {
    struct common common;
    struct rule_options rule;
    struct binary_recalling binary;
    size_t d, trials, draws, steps, clusters, active;
    const char *loads, *patterns, *amounts, *report;
    int kind, corruption, dynamics, csv;
    double threshold, radius;
};

static const struct capacity defaults = { .rule = RULE_OPTIONS_INIT,
                                          .d = 100,
                                          .trials = 200,
                                          .draws = 5,
                                          .clusters = 8,
                                          .binary = BINARY_RECALL_INIT,
                                          .corruption = -1,
                                          .threshold = 0.99,
                                          .radius = (double)NAN,
                                          .dynamics = -1 };

#define AT(field) offsetof(struct capacity, field)

static const struct opt options[] = {
    { "size", 'd', OPT_SIZE, AT(d), "D", "components of a pattern", NULL, 1, 1e7 },
    { "patterns", 0, OPT_TEXT, AT(patterns), "LIST", "numbers of patterns: 50,100 or 50:500:50",
      NULL, 0, 0 },
    { "loads", 0, OPT_TEXT, AT(loads), "LIST", "the same as N / D", NULL, 0, 0 },
    { "amounts", 0, OPT_TEXT, AT(amounts), "LIST", "of corruption", NULL, 0, 0 },
    { "corruption", 0, OPT_CHOICE, AT(corruption), "KIND", "what is done to the cue",
      corruption_row, 0, 0 },
    { "kind", 0, OPT_CHOICE, AT(kind), "KIND", "of patterns", kind_row, 0, 0 },
    { "radius", 0, OPT_NUMBER, AT(radius), "K", "of the sphere, in sqrt(D - 1); of sdm, in bits",
      NULL, 1e-9, 1e9 },
    { "clusters", 0, OPT_SIZE, AT(clusters), "C", "of clique, each of --size units or of :UNITS",
      NULL, 2, 1e6 },
    { "active", 0, OPT_SIZE, AT(active), "K", "units on in a pattern of willshaw (log2 of size)",
      NULL, 1, 1e9 },
    { "trials", 0, OPT_SIZE, AT(trials), "Q", "cues a cell", NULL, 1, 1e9 },
    { "draws", 0, OPT_SIZE, AT(draws), "N", "sets of patterns they are shared over", NULL, 1, 1e6 },
    { "threshold", 0, OPT_NUMBER, AT(threshold), "M", "recovered: overlap at least this", NULL, -1,
      1 },
    { "dynamics", 0, OPT_CHOICE, AT(dynamics), "NAME",
      "how a state moves (async for +-1 memories, else sync)", dynamics_name, 0, 0 },
    { "steps", 0, OPT_SIZE, AT(steps), "N", "at most so many (50; binary: 20)", NULL, 1, 1e6 },
    { "csv", 0, OPT_FLAG, AT(csv), NULL, "print CSV", NULL, 0, 0 },
    { "report", 0, OPT_TEXT, AT(report), "FILE.html", "write a report with the curves", NULL, 0,
      0 },
    BINARY_RECALL_ROWS(struct capacity),
    RULE_OPTION_ROWS(struct capacity),
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

enum { MOST = 256, STEPS_USUAL = 50 };

/* Numbers of patterns from --patterns, --loads, or a spread from D/20 to 2 D. */
static size_t pattern_counts(const struct call *call, const struct capacity *o, double *n)
{
    static const double spread[] = { 0.05, 0.1, 0.138, 0.2, 0.3, 0.5, 1, 2 };
    size_t count = sizeof spread / sizeof *spread;
    if (o->patterns != NULL)
        count = parse_numbers(o->patterns, n, MOST);
    else if (o->loads != NULL)
        count = parse_numbers(o->loads, n, MOST);
    else
        memcpy(n, spread, sizeof spread);
    for (size_t i = 0; i < count; i++) {
        n[i] = o->patterns ? floor(n[i]) : rint(n[i] * (double)o->d);
        if (!(n[i] >= 1) || n[i] > 1e9) count = 0;
    }
    if (count == 0)
        (void)fail_usage(call,
                         "--patterns, --loads: expected a list 1,2,3 or a range 1:9:2 of numbers "
                         "that give at least one pattern");
    return count;
}

static int measure_all(const struct call *call, const struct capacity *o, const double *n,
                       size_t counts, const double *amounts, size_t many, struct table *t,
                       eg_capacity_options *last)
{
    eg_capacity_options c = *last;
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, call);
    int code = rule_resolve(call, &o->rule, o->d, NULL, &c.memory);
    c.d = o->d;
    c.patterns = (eg_patterns)o->kind;
    c.radius = isnan(o->radius) ? 1 : o->radius;
    c.corruption = o->corruption < 0 ? EG_CORRUPT_FLIP : (eg_corruption)o->corruption;
    c.threshold = o->threshold;
    c.trials = o->trials;
    c.draws = o->draws;
    c.seed = call->common->seed;
    const int binary = c.memory.rule.projection == EG_PROJ_SIGN;
    c.recall.dynamics = o->dynamics >= 0 ? (eg_dynamics)o->dynamics
                        : binary         ? EG_DYN_ASYNC
                                         : EG_DYN_SYNC;
    c.amount = amounts[0];
    c.recall.max_steps = o->steps > 0 ? o->steps : STEPS_USUAL;
    c.recall.threads = call->common->threads;
    c.recall.progress = &progress;
    if (code == EXIT_DONE)
        say(call, "memory  %s\ncues    %zu of %zu draws, %s; %s updates\ntheory  %s",
            rule_words(&c.memory), o->trials, o->draws, corruptions[c.corruption],
            dynamics_name(c.recall.dynamics), theory_words(&c));
    for (size_t i = 0; i < counts * many && code == EXIT_DONE; i++) {
        eg_capacity_result r;
        c.n = (size_t)n[i / many];
        c.amount = amounts[i % many];
        const eg_status s = eg_capacity_measure(&c, &r);
        if (s != EG_OK) code = fail(s, NULL);
        if (s == EG_OK) capacity_row(t, &c, &r);
    }
    bar_end(&bar);
    c.recall.progress = NULL;
    *last = c;
    return code;
}

static void print_table(const struct call *call, const struct capacity *o, const struct table *t,
                        const eg_capacity_options *last)
{
    struct text csv = { 0 };
    eg_capacity_options cell = *last;
    json_t *rows = table_json(t), *row;
    size_t i;
    if (call->common->json) {
        json_array_foreach(rows, i, row)
        {
            json_object_set_new(row, "dynamics", json_string(dynamics_name(last->recall.dynamics)));
            cell.amount = json_number_value(json_object_get(row, "amount"));
            json_object_set_new(row, "theory_says", json_string(theory_words(&cell)));
            print_json_line(call->out, row);
        }
    } else if (o->csv) {
        table_csv(t, &csv);
        fputs(csv.s ? csv.s : "", call->out);
    } else {
        table_print(t, call->out);
    }
    text_clear(&csv);
    json_decref(rows);
}

static int write_report(const struct call *call, const struct capacity *o, const struct table *t,
                        const eg_capacity_options *last)
{
    struct report r;
    json_t *facts = environment_json(call);
    report_begin(&r, "Capacity",
                 "Recall over load and corruption, measured, with theory beside it.");
    capacity_charts(&r, t, last);
    report_section(&r, "How it was made", "");
    json_object_set_new(facts, "command", json_string(call->line));
    json_object_set_new(facts, "date", json_string(report_date()));
    json_object_set_new(facts, "seed", json_integer((json_int_t)call->common->seed));
    report_facts(&r, facts);
    json_decref(facts);
    const int code = report_save(&r, o->report);
    report_clear(&r);
    if (code == EXIT_DONE) say(call, "wrote   %s", o->report);
    return code;
}

static int run_binary(const struct call *call, const struct capacity *o)
{
    const struct binary_cells cells = {
        .memory = o->rule.memory,
        .units = o->d,
        .clusters = o->clusters,
        .active = o->active,
        .trials = o->trials,
        .draws = o->draws,
        .steps = o->steps,
        .order = o->rule.order,
        .radius = o->radius,
        .patterns = o->patterns,
        .amounts = o->amounts,
        .corruption = o->corruption < 0 ? NULL : corruptions[o->corruption],
        .report = o->report,
        .csv = o->csv,
        .rule = o->binary,
    };
    if (o->loads != NULL)
        return fail_usage(call, "--loads: of dense memories; --patterns for binary ones");
    return binary_capacity(call, &cells);
}

static int run(const struct call *call)
{
    const struct capacity *o = call->options;
    double n[MOST], amounts[MOST];
    eg_capacity_options c = EG_CAPACITY_OPTIONS_INIT;
    struct table t;
    if (binary_kind_of(o->rule.memory) >= 0) return run_binary(call, o);
    const size_t counts = pattern_counts(call, o, n);
    const char *list = o->amounts != NULL ? o->amounts : "0.1";
    const size_t many = parse_numbers(list, amounts, MOST);
    if (counts == 0) return EXIT_USAGE;
    if (many == 0)
        return fail_usage(
            call, "--amounts: expected a list 0.1,0.2 or a range 0:0.5:0.1, got \"%s\"", list);
    capacity_begin(&t);
    int code = measure_all(call, o, n, counts, amounts, many, &t, &c);
    if (table_rows(&t) > 0 && (code == EXIT_DONE || code == EXIT_INTERRUPTED))
        print_table(call, o, &t, &c);
    if (code == EXIT_DONE && o->report != NULL) code = write_report(call, o, &t, &c);
    if (code == EXIT_DONE && o->report == NULL)
        say_next(call, "the same with --csv, --json or --report capacity.html");
    table_clear(&t);
    return code;
}

const struct command cmd_capacity = {
    .name = "capacity",
    .summary = "how much a memory holds: measured recall over load and corruption, beside theory",
    .arguments = "",
    .examples = "engram capacity --memory classical --size 500 --loads 0.05:0.2:0.025\n"
                "engram capacity --memory dam:3 --patterns 500,1000,2000 --amounts 0,0.1,0.2\n"
                "engram capacity --memory modern:1 --kind sphere --corruption noise --amounts 0.3\n"
                "engram capacity --memory exponential --report capacity.html\n"
                "engram capacity --memory clique:256 --patterns 5000,10000,15000 --trials 5000\n"
                "engram capacity --memory sdm:20000 --size 256 --amounts 0.1:0.4:0.05",
    .notes =
        "Theory stands beside measurement wherever a closed form is known:\n"
        "  at rest theory     share of components wrong (measured: bit error)\n"
        "  theory             share of components of a stored pattern that turn alone\n"
        "                     (measured: unstable)\n"
        "  theory few errors  patterns up to which few components are wrong\n"
        "  theory stored      patterns up to which none is\n"
        "Of binary memories amounts are shares of the symbols or units that are on, erased\n"
        "(mask) or changed (flip), and the columns are:\n"
        "  fill               share of connections that exist\n"
        "  error one, error   share of cues not recalled to the unit, by one step and at rest\n"
        "  error chosen       the same where the first of tied units is taken\n"
        "  units one, units   units that are wrong\n"
        "  efficiency         bits of the patterns stored for each bit of connections\n"
        "The line \"theory\" above the table says which forms hold, or why none does.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .min_args = 0,
    .max_args = 0,
    .run = run,
};
