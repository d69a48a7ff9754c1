/* Cells of the capacity laboratory. Theory is a row of a table: for which memories a closed
 * form of eg_theory holds, and which of our numbers are its parameters. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/capacity_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct column columns[] = {
    { "patterns", "%.0f" },      { "load", "%.4g" },      { "amount", "%.3g" },
    { "recovered", "%.4f" },     { "error", "%.4f" },     { "overlap", "%.4f" },
    { "overlap_error", "%.4f" }, { "bit_error", "%.5f" }, { "at_rest_theory", "%.5f" },
    { "unstable", "%.5f" },      { "theory", "%.5f" },    { "steps", "%.2f" },
    { "converged", "%.3f" },     { "exact", "%.4f" },
};

enum { LOAD = 1, AMOUNT, RECOVERED, ERROR, BIT_ERROR = 7, AT_REST, UNSTABLE, THEORY, COLS = 14 };

static int is_classical(const eg_capacity_options *o)
{
    return o->memory.storage == EG_STORE_HEBB && !o->memory.self_coupling;
}

static int is_dam(const eg_capacity_options *o)
{
    const eg_rule *r = &o->memory.rule;
    return (o->memory.storage == EG_STORE_DENSE || o->memory.storage == EG_STORE_BITS)
           && r->separation == EG_SEP_POWER && r->similarity == EG_SIM_DOT
           && o->recall.dynamics == EG_DYN_ASYNC;
}

/* The papers' letters: N neurons, K patterns, F(x) = x^n, alpha = K/N. */
static double value_of(const eg_capacity_options *o, double load, const char *param)
{
    if (strcmp(param, "N") == 0) return (double)o->d;
    if (strcmp(param, "K") == 0) return load * (double)o->d;
    if (strcmp(param, "n") == 0) return o->memory.rule.order;
    return load;
}

static const struct {
    const char *form, *result;
    int at_rest; /* 1: errors of the resting state, 0: of one step from the pattern */
    int (*holds)(const eg_capacity_options *o);
} theories[] = {
    { "classical-one-step", "error", 0, is_classical },
    { "classical-curve", "error", 1, is_classical },
    { "dam-error", "error", 0, is_dam },
};

/* The share of wrong components by the closed form for this memory; NaN where there is none. */
static double by_theory(const eg_capacity_options *o, double load, int at_rest)
{
    for (size_t i = 0; i < sizeof theories / sizeof *theories; i++) {
        const eg_theory *row = eg_theory_find(theories[i].form);
        double in[EG_THEORY_PARAMS] = { 0 }, out[EG_THEORY_RESULTS] = { 0 };
        if (row == NULL || theories[i].at_rest != at_rest || !theories[i].holds(o)) continue;
        if (o->patterns != EG_PATTERNS_SIGNS) continue;
        for (size_t p = 0; p < EG_THEORY_PARAMS && row->params[p].name != NULL; p++)
            in[p] = value_of(o, load, row->params[p].name);
        if (eg_theory_evaluate(row, in, out) != EG_OK) continue;
        for (size_t k = 0; k < EG_THEORY_RESULTS && row->results[k] != NULL; k++)
            if (strcmp(row->results[k], theories[i].result) == 0) return out[k];
    }
    return (double)NAN;
}

void capacity_begin(struct table *t)
{
    table_begin(t, "Capacity", columns, COLS);
}

void capacity_row(struct table *t, const eg_capacity_options *o, const eg_capacity_result *r)
{
    const double load = (double)o->n / (double)o->d;
    const double row[COLS] = { (double)o->n,
                               load,
                               o->amount,
                               r->recovered,
                               r->recovered_error,
                               r->overlap,
                               r->overlap_error,
                               r->bit_error,
                               by_theory(o, load, 1),
                               r->unstable,
                               by_theory(o, load, 0),
                               r->steps,
                               r->converged,
                               r->exact };
    for (size_t i = 0; i < COLS; i++) table_number(t, row[i]);
}

static double *column_of(const struct table *t, size_t col)
{
    double *v = need(table_rows(t), sizeof *v);
    for (size_t r = 0; r < table_rows(t); r++) v[r] = t->cell[r * t->cols + col].number;
    return v;
}

static int any_finite(const double *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isfinite(v[i])) return 1;
    return 0;
}

/* Recovered over load, a line for each amount of corruption; rows of one amount are COUNT apart. */
static void recovered_chart(struct report *r, const struct table *t)
{
    enum { MOST = 6 };
    struct series series[MOST];
    double *x[MOST], *y[MOST], *e[MOST], amounts[MOST];
    size_t lines = 0;
    const size_t rows = table_rows(t);
    for (size_t i = 0; i < rows; i++) {
        const double amount = t->cell[i * COLS + AMOUNT].number;
        size_t line = 0;
        while (line < lines && amounts[line] != amount) line++;
        if (line == MOST) continue;
        if (line == lines) {
            amounts[lines] = amount;
            x[lines] = need(rows, sizeof(double));
            y[lines] = need(rows, sizeof(double));
            e[lines] = need(rows, sizeof(double));
            series[lines] = (struct series){
                keep_format("corruption %g", amount), x[lines], y[lines], e[lines], 0, 0, (int)lines
            };
            lines++;
        }
        x[line][series[line].n] = t->cell[i * COLS + LOAD].number;
        y[line][series[line].n] = t->cell[i * COLS + RECOVERED].number;
        e[line][series[line].n++] = t->cell[i * COLS + ERROR].number;
    }
    const struct chart chart = { .title = "Recovered, by load",
                                 .x_label = "load: patterns a component",
                                 .y_label = "share of cues recovered",
                                 .alt = "Share of cues recovered against the load",
                                 .y_high = 1,
                                 .series = series,
                                 .count = lines };
    report_chart(r, &chart, NULL);
    for (size_t i = 0; i < lines; i++) {
        free(x[i]);
        free(y[i]);
        free(e[i]);
    }
}

double capacity_distance(const struct table *t)
{
    double most = (double)NAN;
    for (size_t i = 0; i < table_rows(t); i++) {
        const struct cell *row = &t->cell[i * COLS];
        const double apart = fabs(row[UNSTABLE].number - row[THEORY].number);
        if (isfinite(apart) && !(apart <= most)) most = apart;
    }
    return most;
}

/* Lines of theory on a grid as wide as the measured loads. */
static void theory_lines(const struct table *t, const eg_capacity_options *o, size_t points,
                         double *x, double *step, double *rest)
{
    double low = INFINITY, high = -INFINITY;
    for (size_t i = 0; i < table_rows(t); i++) {
        low = fmin(low, t->cell[i * COLS + LOAD].number);
        high = fmax(high, t->cell[i * COLS + LOAD].number);
    }
    for (size_t i = 0; i < points; i++) {
        x[i] = low + (high - low) * (double)i / (double)(points - 1);
        step[i] = by_theory(o, x[i], 0);
        rest[i] = by_theory(o, x[i], 1);
    }
}

void capacity_charts(struct report *r, const struct table *t, const eg_capacity_options *o)
{
    enum { POINTS = 200 };
    double x[POINTS], step[POINTS], rest[POINTS];
    const size_t n = table_rows(t);
    double *load = column_of(t, LOAD), *unstable = column_of(t, UNSTABLE);
    double *bits = column_of(t, BIT_ERROR);
    theory_lines(t, o, POINTS, x, step, rest);
    const struct series all[] = {
        { "one step from the pattern, measured", load, unstable, NULL, n, 0, 0 },
        { "one step, closed form", x, step, NULL, POINTS, 1, 0 },
        { "at rest, measured", load, bits, NULL, n, 0, 1 },
        { "at rest, mean field, N infinite", x, rest, NULL, POINTS, 1, 1 },
    };
    struct series drawn[4];
    struct chart chart = { .title = "Share of components wrong, by load",
                           .x_label = "load: patterns a component",
                           .y_label = "share of components wrong",
                           .alt = "Share of wrong components against the load, measured points and "
                                  "theoretical lines",
                           .series = drawn };
    for (size_t i = 0; i < 4; i++)
        if (any_finite(all[i].y, all[i].n)) drawn[chart.count++] = all[i];
    recovered_chart(r, t);
    report_chart(r, &chart, t);
    free(load);
    free(unstable);
    free(bits);
}
