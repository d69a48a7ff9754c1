/* Cells of the capacity laboratory, measured, with what capacity_theory says beside them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/capacity_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/capacity_theory.h"

static const struct column columns[] = {
    { "patterns", "%.0f" },      { "load", "%.4g" },      { "amount", "%.3g" },
    { "recovered", "%.4f" },     { "error", "%.4f" },     { "overlap", "%.4f" },
    { "overlap_error", "%.4f" }, { "bit_error", "%.5f" }, { "at_rest_theory", "%.4g" },
    { "unstable", "%.4g" },      { "theory", "%.4g" },    { "theory_few_errors", "%.4g" },
    { "theory_stored", "%.4g" }, { "steps", "%.2f" },     { "converged", "%.3f" },
    { "exact", "%.4f" },
};

enum { PATTERNS, LOAD, AMOUNT, RECOVERED, ERROR, BIT_ERROR = 7, AT_REST, UNSTABLE, THEORY };
enum { COLS = sizeof columns / sizeof *columns, MOST = 6 };

void capacity_begin(struct table *t)
{
    table_begin(t, "Capacity", columns, COLS);
}

void capacity_row(struct table *t, const eg_capacity_options *o, const eg_capacity_result *r)
{
    const double load = (double)o->n / (double)o->d;
    const double flips = one_flip_measured(o);
    const double row[COLS] = { (double)o->n,
                               load,
                               o->amount,
                               r->recovered,
                               r->recovered_error,
                               r->overlap,
                               r->overlap_error,
                               r->bit_error,
                               theory_at_rest(o, load),
                               isfinite(flips) ? flips : r->unstable,
                               theory_one_step(o, load),
                               theory_few_errors(o),
                               theory_no_errors(o),
                               r->steps,
                               r->converged,
                               r->exact };
    for (size_t i = 0; i < COLS; i++) table_number(t, row[i]);
}

static int any_finite(const double *v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (isfinite(v[i])) return 1;
    return 0;
}

/* What was measured: over one column, a line for each value of another (the first MOST). */
struct lines {
    size_t over, each, count;
    double of[MOST];
    struct series series[2 * MOST + 2];
    double *x[MOST], *y[MOST], *e[MOST];
};

static struct lines *lines_of(const struct table *t, size_t over, size_t each, size_t what,
                              const char *name)
{
    const size_t rows = table_rows(t);
    struct lines *l = need(1, sizeof *l);
    l->over = over;
    l->each = each;
    for (size_t i = 0; i < rows; i++) {
        const struct cell *row = &t->cell[i * COLS];
        size_t k = 0;
        while (k < l->count && l->of[k] != row[each].number) k++;
        if (k == MOST) continue;
        if (k == l->count) {
            l->of[k] = row[each].number;
            l->x[k] = need(3 * rows, sizeof(double));
            l->y[k] = l->x[k] + rows;
            l->e[k] = l->y[k] + rows;
            l->series[k] = (struct series){
                keep_format(name, l->of[k]), l->x[k], l->y[k], l->e[k], 0, 0, (int)k
            };
            l->count++;
        }
        struct series *s = &l->series[k];
        l->x[k][s->n] = row[over].number;
        l->y[k][s->n] = row[what].number;
        l->e[k][s->n++] = what == RECOVERED ? row[ERROR].number : 0;
    }
    return l;
}

static void lines_free(struct lines *l)
{
    for (size_t i = 0; i < l->count; i++) free(l->x[i]);
    free(l);
}

static double largest(const struct table *t, size_t col)
{
    double most = 0;
    for (size_t i = 0; i < table_rows(t); i++) most = fmax(most, t->cell[i * COLS + col].number);
    return most;
}

/* A vertical line of theory at x, where it lies within reach of the data. */
static size_t mark(struct series *s, double *at, double x, double reach, const char *name,
                   size_t colour)
{
    static const double height[2] = { 0, 1 };
    if (!(x > 0 && x <= 1.5 * reach)) return 0;
    at[0] = at[1] = x;
    *s = (struct series){ name, at, height, NULL, 2, 1, (int)colour };
    return 1;
}

static void recovered_by_load(struct report *r, const struct table *t, const eg_capacity_options *o)
{
    struct lines *l = lines_of(t, LOAD, AMOUNT, RECOVERED, "corruption %g");
    double at[2 * MOST][2], before = -1;
    eg_capacity_options c = *o;
    size_t marks = 0;
    const double size = (double)o->d, reach = largest(t, LOAD);
    for (size_t i = 0; i < l->count; i++) {
        c.amount = l->of[i];
        const double stored = theory_no_errors(&c);
        if (stored == before) continue; /* the same for every corruption: one line */
        before = stored;
        if (stored > 1.5 * reach * size)
            report_paragraph(r, keep_format("Corruption %g: theory promises %.4g patterns, beyond "
                                            "this chart.",
                                            c.amount, stored));
        marks += mark(&l->series[l->count + marks], at[marks], stored / size, reach,
                      keep_format("theory: stored up to %.0f patterns", floor(stored)), i);
    }
    const double few = theory_few_errors(&c);
    marks += mark(&l->series[l->count + marks], at[marks], few / size, reach,
                  keep_format("theory: up to %.0f with few errors", floor(few)), 5);
    const struct chart chart = { .title = "Recovered, by load",
                                 .x_label = "load: patterns a component",
                                 .y_label = "share of cues recovered",
                                 .alt = "Share of cues recovered against the load, with the "
                                        "numbers of patterns that theory allows",
                                 .y_high = 1,
                                 .series = l->series,
                                 .count = l->count + marks };
    report_chart(r, &chart, NULL);
    lines_free(l);
}

static void recovered_by_amount(struct report *r, const struct table *t,
                                const eg_capacity_options *o)
{
    struct lines *l = lines_of(t, AMOUNT, PATTERNS, RECOVERED, "%g patterns");
    double at[MOST][2];
    eg_capacity_options c = *o;
    size_t marks = 0;
    const double reach = largest(t, AMOUNT);
    for (size_t i = 0; i < l->count; i++) {
        c.n = (size_t)l->of[i];
        marks +=
            mark(&l->series[l->count + marks], at[marks], theory_amount(&c), reach,
                 keep_format("theory: %g patterns up to %.3g", l->of[i], theory_amount(&c)), i);
    }
    const struct chart chart = { .title = "Recovered, by corruption",
                                 .x_label = "amount of corruption",
                                 .y_label = "share of cues recovered",
                                 .alt = "Share of cues recovered against the corruption",
                                 .y_high = 1,
                                 .series = l->series,
                                 .count = l->count + marks };
    if (l->count > 0 && l->series[0].n > 1) report_chart(r, &chart, NULL);
    lines_free(l);
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
        step[i] = theory_one_step(o, x[i]);
        rest[i] = theory_at_rest(o, x[i]);
    }
}

/* Share of components wrong: after one step (the same for every corruption), and at rest. */
static void wrong_by_load(struct report *r, const struct table *t, const eg_capacity_options *o)
{
    enum { POINTS = 200 };
    double x[POINTS], step[POINTS], rest[POINTS];
    struct lines *turned = lines_of(t, LOAD, AMOUNT, UNSTABLE, "one step, %g");
    struct lines *l = lines_of(t, LOAD, AMOUNT, BIT_ERROR, "at rest, corruption %g");
    theory_lines(t, o, POINTS, x, step, rest);
    struct series *all = l->series;
    size_t count = l->count < MOST - 1 ? l->count : MOST - 1;
    all[count] = turned->series[0];
    all[count].name = "one step from the pattern, measured";
    all[count++].colour = 5;
    const struct series curves[] = {
        { "theory: one step", x, step, NULL, POINTS, 1, 5 },
        { "theory: at rest, mean field, N infinite", x, rest, NULL, POINTS, 1, 0 },
    };
    for (size_t i = 0; i < 2; i++)
        if (any_finite(curves[i].y, POINTS)) all[count++] = curves[i];
    const struct chart chart = { .title = "Share of components wrong, by load",
                                 .x_label = "load: patterns a component",
                                 .y_label = "share of components wrong",
                                 .alt = "Share of wrong components against the load, measured "
                                        "points and theoretical lines",
                                 .series = all,
                                 .count = count };
    report_chart(r, &chart, t);
    lines_free(turned);
    lines_free(l);
}

void capacity_charts(struct report *r, const struct table *t, const eg_capacity_options *o)
{
    report_paragraph(r, keep_format("Theory: %s.", theory_words(o)));
    recovered_by_load(r, t, o);
    recovered_by_amount(r, t, o);
    wrong_by_load(r, t, o);
}
