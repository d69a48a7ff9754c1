/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/two_time_report.h"

#include <math.h>
#include <stdlib.h>

#include "cli/run_folder.h"

enum { CURVES = 6 };

static size_t read_rows(const struct trained *t, eg_two_time_row **row)
{
    const size_t n = t->two_time != NULL ? eg_two_time_rows(t->two_time, NULL, NULL, 0) : 0;
    *row = need(n + 1, sizeof **row);
    if (n > 0) (void)eg_two_time_rows(t->two_time, NULL, *row, n);
    return n;
}

static void fill_table(struct table *table, const eg_two_time_row *row, size_t n)
{
    static const struct column columns[] = { { "wait", "%.0f" },
                                             { "time", "%.0f" },
                                             { "delta", "%.9g" },
                                             { "kurtosis", "%.6g" },
                                             { "overlap", "%.9g" } };
    table_begin(table, "Displacements between two times", columns, 5);
    for (size_t i = 0; i < n; i++) {
        table_number(table, (double)row[i].wait);
        table_number(table, (double)row[i].time);
        table_number(table, row[i].delta);
        table_number(table, row[i].kurtosis);
        table_number(table, row[i].overlap);
    }
}

int two_time_write(const struct trained *t)
{
    struct table table;
    struct text text = { 0 };
    eg_two_time_row *row;
    if (t->two_time == NULL) return EXIT_DONE;
    const size_t n = read_rows(t, &row);
    fill_table(&table, row, n);
    table_csv(&table, &text);
    const char *path = keep_format("%s/two-time.csv", t->folder);
    const int code = write_file(path, text.s, text.size);
    text_clear(&text);
    table_clear(&table);
    free(row);
    return code;
}

/* Rows of one waiting time from `from` on. */
static size_t curve(const eg_two_time_row *row, size_t n, size_t from)
{
    size_t to = from;
    while (to < n && row[to].wait == row[from].wait) to++;
    return to - from;
}

/* At most CURVES waiting times, spread over all. */
static void draw(struct report *r, const eg_two_time_row *row, size_t n)
{
    struct series series[CURVES];
    struct table behind;
    size_t waits = 0, at = 0, count = 0;
    double *x = need(n, sizeof *x), *y = need(n, sizeof *y);
    for (size_t i = 0; i < n; i++) {
        waits += i == 0 || row[i].wait != row[i - 1].wait;
        x[i] = (double)row[i].time;
        y[i] = log10(row[i].delta);
    }
    for (size_t k = 0, from = 0; k < waits; k++, from += at) {
        at = curve(row, n, from);
        const size_t most = waits < CURVES ? waits : CURVES;
        if (count == most || k * (most - 1) < count * (waits - 1)) continue;
        const char *name = keep_format("t_w = %llu", (unsigned long long)row[from].wait);
        series[count] = (struct series){ name, x + from, y + from, NULL, at, 0, (int)count };
        count++;
    }
    fill_table(&behind, row, n);
    const struct chart chart = { .title = "Displacement after t steps",
                                 .x_label = "steps t after t_w",
                                 .y_label = "log10 of the mean squared displacement of a weight",
                                 .alt =
                                     "Mean squared displacement of weights against time, a curve "
                                     "for each waiting time",
                                 .log_x = 1,
                                 .series = series,
                                 .count = count };
    report_chart(r, &chart, &behind);
    table_clear(&behind);
    free(x);
    free(y);
}

void two_time_report(const struct trained *t, struct report *r)
{
    eg_two_time_row *row;
    eg_ageing law;
    const size_t n = read_rows(t, &row);
    if (n > 0) {
        report_section(
            r, "How it moved",
            "Curves that lie on each other: a system at rest in itself, whose steps are "
            "noise. Curves that flatten as t_w grows: it ages, and moves more slowly the "
            "longer it was trained.");
        draw(r, row, n);
        if (eg_two_time_ageing(row, n, &law) == EG_OK)
            report_paragraph(
                r,
                keep_format("From the start it grows as t^%.2f, after the last t_w as t^%.2f "
                            "(1 is diffusion, with D = %.3g a step there). As functions of t / "
                            "t_w^mu the curves agree best at mu = %.2f, where their variance is "
                            "%.3f of that at mu = 0.",
                            law.ballistic, law.diffusive, law.diffusion, law.exponent, law.spread));
    }
    free(row);
}
