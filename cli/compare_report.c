/* What a comparison came to: tables, a report, what is printed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/compare.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/report.h"

/* "10 folds", "5 times 10 folds", "4 folds that it brings" */
static const char *folds_words(const struct comparison *c)
{
    const char *own = c->o->own_folds ? " that it brings" : "";
    return c->o->repeats > 1 ? keep_format("%zu times %zu folds%s", c->o->repeats, c->folds, own)
                             : keep_format("%zu folds%s", c->folds, own);
}

static const char *models_words(const struct comparison *c)
{
    return keep_format("%zu learners", c->count);
}

static void add_facts(const struct comparison *c, struct report *r)
{
    json_t *facts = json_object(), *env = environment_json(c->call);
    json_object_set_new(facts, "command", json_string(c->call->line));
    json_object_set_new(facts, "date", json_string(report_date()));
    json_object_set_new(facts, "seed", json_integer((json_int_t)c->call->common->seed));
    for (size_t i = 0; i < c->count; i++) {
        const struct entry *e = &c->entry[i];
        const char *text =
            e->grid != NULL ? keep_format("%s, chosen from %s", e->spec, e->grid) : e->spec;
        json_object_set_new(facts, e->name, json_string(text));
    }
    json_object_update(facts, env);
    report_section(r, "How it was made", "");
    report_facts(r, facts);
    json_decref(facts);
    json_decref(env);
}

/* ---- one set ---- */

/* What a reader of the numbers has to know of the folds; "" where there is nothing. */
static const char *notes(const struct comparison *c)
{
    size_t lacking = 0;
    for (size_t i = 0; i < c->count; i++)
        lacking = c->entry[i].lacking > lacking ? c->entry[i].lacking : lacking;
    const char *areas =
        c->areas == c->results ? ""
        : c->areas == 0
            ? keep_format("auc: none of %zu folds tests two classes.", c->results)
            : keep_format("auc: mean over %zu of %zu folds; the others test one class alone.",
                          c->areas, c->results);
    const char *classes =
        lacking == 0 ? ""
                     : keep_format("%zu of %zu folds train without one of the classes, which is "
                                   "never answered there.",
                                   lacking, c->results);
    return keep_format("%s%s%s", areas, *areas != '\0' && *classes != '\0' ? " " : "", classes);
}

static void make_table(const struct comparison *c, struct table *t)
{
    static const struct column columns[] = {
        { "rank", "%.0f" },      { "model", NULL },      { "accuracy_%", "%.2f" },
        { "spread", "%.2f" },    { "auc", "%.4f" },      { "errors", "%.0f" },
        { "t_to_best", "%.2f" }, { "p", "%.3g" },        { "p_corrected", "%.3g" },
        { "seconds", "%.2f" },   { "diverged", "%.0f" },
    };
    table_begin(t, keep_format("%s of %s", folds_words(c), c->data), columns,
                sizeof columns / sizeof *columns);
    for (size_t r = 1; r <= c->count; r++)
        for (size_t i = 0; i < c->count; i++) {
            const struct entry *e = &c->entry[i];
            const int lost = e->diverged > 0, apart = i != c->best && !lost;
            const double none = (double)NAN;
            if (e->rank != r) continue;
            const double row[] = { 100 * e->mean,
                                   100 * e->spread,
                                   e->auc,
                                   lost ? none : (double)e->errors,
                                   apart ? e->against.t : none,
                                   apart ? e->against.p : none,
                                   apart ? e->against.corrected : none,
                                   lost ? none : e->seconds,
                                   lost ? (double)e->diverged : none };
            table_number(t, (double)e->rank);
            table_word(t, "%s", e->name);
            for (size_t k = 0; k < sizeof row / sizeof *row; k++) table_number(t, row[k]);
        }
}

static void draw_folds(const struct comparison *c, struct report *r)
{
    enum { COLOURS = 6 };
    const size_t k = c->results, shown = c->count < COLOURS ? c->count : COLOURS;
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

static int write_report(const struct comparison *c, const struct table *t, const char *path)
{
    const struct entry *best = &c->entry[c->best];
    const char *const figure[3] = { best->name, keep_format("%.2f %%", 100 * best->mean),
                                    keep_format("%zu", best->errors) };
    const char *const what[3] = { "is the best", "right, mean over folds",
                                  keep_format("errors of %zu", c->examples * c->o->repeats) };
    struct report r;
    report_begin(&r, keep_format("%s on %s", models_words(c), c->data),
                 keep_format("Each trained and tested on the same folds: %s. Settings, where "
                             "there are any to choose, are chosen within what is trained on.",
                             folds_words(c)));
    report_figures(&r, figure, what, c->o->own_folds ? 2 : 3);
    report_section(&r, "Side by side",
                   "Spread is the standard deviation over folds. p: Student's paired test against "
                   "the best, two-sided; corrected for the examples that folds share (Nadeau and "
                   "Bengio 2003), which is the one to trust. Diverged: the fold on which "
                   "training did. Where all differences are equal there is no test.");
    report_table(&r, t, 0);
    if (*notes(c) != '\0') report_paragraph(&r, notes(c));
    draw_folds(c, &r);
    add_facts(c, &r);
    const int code = report_save(&r, path);
    report_clear(&r);
    return code;
}

int comparison_show(struct comparison *c)
{
    struct table t;
    const char *report = run_folder_file(c->run, "report.html");
    if (c->entry[c->best].diverged > 0) {
        fprintf(stderr, "engram: %s: every model diverged\n", c->data);
        return EXIT_NO;
    }
    make_table(c, &t);
    const int code = write_report(c, &t, report);
    if (code == EXIT_DONE && c->call->common->json) {
        json_t *j = json_pack("{s:s,s:I,s:I,s:I,s:o,s:s,s:s,s:s}", "data", c->data, "folds",
                              (json_int_t)c->folds, "repeats", (json_int_t)c->o->repeats,
                              "auc_folds", (json_int_t)c->areas, "models", table_json(&t), "notes",
                              notes(c), "folder", c->run->path, "report", report);
        print_record(c->call, j);
        json_decref(j);
    } else if (code == EXIT_DONE) {
        table_print(&t, c->call->out);
        if (*notes(c) != '\0') fprintf(c->call->out, "%s\n", notes(c));
        fprintf(c->call->out, "\nfolder  %s\nreport  %s\n", c->run->path, report);
    }
    const char *best = c->o->models.item[c->best];
    if (code == EXIT_DONE)
        say_next(c->call, "engram train %s %s %s", c->data,
                 path_exists(best) ? "--model" : "--kind", best);
    table_clear(&t);
    return code;
}

/* ---- many sets ---- */

/* Ranks of M methods over S sets. One that diverged has the score 0. */
struct ranking {
    size_t sets, methods, best;
    double *score, *rank; /* (S, M) mean accuracies; their ranks */
    double *mean;         /* (M) mean ranks */
    eg_friedman friedman;
};

static eg_status rank_all(const struct comparison *c, size_t sets, struct ranking *r)
{
    const size_t m = c->count;
    *r = (struct ranking){ .sets = sets, .methods = m };
    r->score = need(sets * m, sizeof(double));
    r->rank = need(sets * m, sizeof(double));
    r->mean = need(m, sizeof(double));
    for (size_t s = 0; s < sets; s++)
        for (size_t i = 0; i < m; i++) {
            const struct entry *e = &c[s].entry[i];
            r->score[s * m + i] = e->diverged > 0 ? 0 : e->mean;
        }
    const eg_status e = eg_friedman_test(r->score, sets, m, r->rank, r->mean, &r->friedman);
    for (size_t i = 1; i < m && e == EG_OK; i++)
        if (r->mean[i] < r->mean[r->best]) r->best = i;
    return e;
}

static void ranking_clear(struct ranking *r)
{
    free(r->score);
    free(r->rank);
    free(r->mean);
}

/* Wilcoxon's p of method i against the best over sets; NaN: it is the best. */
static double p_to_best(const struct ranking *r, size_t i)
{
    eg_signed_rank test = { .p = (double)NAN };
    if (i == r->best) return test.p;
    double *a = need(2 * r->sets, sizeof *a), *b = a + r->sets;
    for (size_t s = 0; s < r->sets; s++) {
        a[s] = r->score[s * r->methods + i];
        b[s] = r->score[s * r->methods + r->best];
    }
    const eg_status e = eg_signed_rank_test(a, b, r->sets, &test);
    free(a);
    return e == EG_OK ? test.p : (double)NAN;
}

/* How many methods come before i, by mean rank and then by order. */
static size_t place(const struct ranking *r, size_t i)
{
    size_t before = 0;
    for (size_t j = 0; j < r->methods; j++)
        before += r->mean[j] < r->mean[i] || (r->mean[j] == r->mean[i] && j < i);
    return before;
}

static void add_method(const struct comparison *c, const struct ranking *r, size_t i,
                       struct table *t)
{
    double accuracy = 0, spread = 0, seconds = 0, first = 0;
    for (size_t s = 0; s < r->sets; s++) {
        const struct entry *e = &c[s].entry[i];
        accuracy += 100 * e->mean / (double)r->sets;
        spread += 100 * e->spread / (double)r->sets;
        seconds += e->seconds;
        first += e->rank == 1;
    }
    const double row[] = { r->mean[i], accuracy, spread, first, p_to_best(r, i), seconds };
    table_word(t, "%s", c->entry[i].name);
    for (size_t k = 0; k < sizeof row / sizeof *row; k++) table_number(t, row[k]);
}

static void make_ranks(const struct comparison *c, const struct ranking *r, struct table *t)
{
    static const struct column columns[] = {
        { "model", NULL },     { "mean_rank", "%.3f" }, { "accuracy_%", "%.2f" },
        { "spread", "%.2f" },  { "first", "%.0f" },     { "p_to_best", "%.3g" },
        { "seconds", "%.1f" },
    };
    table_begin(t, keep_format("%zu learners on %zu sets", r->methods, r->sets), columns,
                sizeof columns / sizeof *columns);
    for (size_t at = 0; at < r->methods; at++)
        for (size_t i = 0; i < r->methods; i++)
            if (place(r, i) == at) add_method(c, r, i, t);
}

/* One row a set, one column a method. */
static void make_sets(const struct comparison *c, const struct ranking *r, struct table *t,
                      struct column *columns)
{
    columns[0] = (struct column){ "data", NULL };
    columns[1] = (struct column){ "examples", "%.0f" };
    for (size_t i = 0; i < r->methods; i++)
        columns[i + 2] = (struct column){ c->entry[i].name, "%.2f" };
    table_begin(t, "accuracy, per cent, by set", columns, r->methods + 2);
    for (size_t s = 0; s < r->sets; s++) {
        table_word(t, "%s", c[s].data);
        table_number(t, (double)c[s].examples);
        for (size_t i = 0; i < r->methods; i++) table_number(t, 100 * c[s].entry[i].mean);
    }
}

static const char *verdict(const struct ranking *r)
{
    return keep_format(
        "Friedman: p %.3g that all are alike; mean ranks that differ by %.3f or more "
        "differ at level 0.05 (Nemenyi)",
        r->friedman.p, r->friedman.difference);
}

static int report_ranks(const struct comparison *c, const struct ranking *r, const struct table *t,
                        const struct table *sets, const char *path)
{
    const char *const figure[2] = { c->entry[r->best].name, keep_format("%.2f", r->mean[r->best]) };
    const char *const what[2] = { "has the lowest mean rank", "its mean rank" };
    struct report report;
    report_begin(&report, keep_format("%s on %zu sets", models_words(c), r->sets),
                 "Each trained and tested on the same folds of each set, and ranked there by its "
                 "mean accuracy.");
    report_figures(&report, figure, what, 2);
    report_section(&report, "Ranks over sets",
                   "1 is the best of a set, equal ones share the mean of their ranks; spread: over "
                   "folds, mean over sets; first: on how many sets; p: Wilcoxon's signed-rank test "
                   "over sets against the lowest mean rank (Demsar 2006).");
    report_table(&report, t, 0);
    report_paragraph(&report, verdict(r));
    report_section(&report, "Set by set", "");
    report_table(&report, sets, 0);
    add_facts(c, &report);
    const int code = report_save(&report, path);
    report_clear(&report);
    return code;
}

static void print_ranks(const struct comparison *c, const struct ranking *r, const struct table *t,
                        const struct table *sets, const char *report)
{
    if (c->call->common->json) {
        json_t *j = json_pack("{s:o,s:o,s:f,s:o,s:f,s:s,s:s}", "models", table_json(t), "sets",
                              table_json(sets), "friedman_p", r->friedman.p, "friedman_chi2",
                              json_number(r->friedman.chi2), "critical_difference",
                              r->friedman.difference, "folder", c->run->path, "report", report);
        print_record(c->call, j);
        json_decref(j);
        return;
    }
    table_print(sets, c->call->out);
    fputc('\n', c->call->out);
    table_print(t, c->call->out);
    fprintf(c->call->out, "%s\n\nfolder  %s\nreport  %s\n", verdict(r), c->run->path, report);
}

int comparisons_show(struct comparison *c, size_t sets)
{
    struct ranking r;
    struct table t = { 0 }, each = { 0 };
    const char *report = run_folder_file(c->run, "report.html");
    struct column *columns = need(c->count + 2, sizeof *columns);
    const eg_status s = rank_all(c, sets, &r);
    int code = s == EG_OK ? EXIT_DONE : fail(s, NULL);
    if (code == EXIT_DONE) {
        make_ranks(c, &r, &t);
        make_sets(c, &r, &each, columns);
        code = report_ranks(c, &r, &t, &each, report);
    }
    if (code == EXIT_DONE) print_ranks(c, &r, &t, &each, report);
    table_clear(&t);
    table_clear(&each);
    ranking_clear(&r);
    free(columns);
    return code;
}
