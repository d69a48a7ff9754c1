/* The chapter of the tour on learning as physics: a signal in noise, found by gradient flow among
 * spurious minima; equations for infinitely many components beside samples of few. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/tour.h"

enum { SAMPLES = 24, COMPONENTS = 60, ROWS = 24 };

/* Between 3.70, where gradient flow begins to find the signal, and 4.91, where the last spurious
 * minima go. */
static const struct {
    const char *name;
    double value;
} setting[] = { { "p", 3 },      { "delta-p", .2 },      { "snr", 4.6 },     { "m0", .3 },
                { "t", 2 },      { "n", 400 },           { "points", ROWS }, { "tw", 0 },
                { "step", .02 }, { "samples", SAMPLES }, { "N", COMPONENTS } };

static eg_status solve(const struct tour *t, const eg_dynamics_model *m, eg_dynamics_result *r)
{
    eg_dynamics_options o = EG_DYNAMICS_OPTIONS_INIT;
    double value[EG_DYNAMICS_PARAMS] = { 0 };
    for (size_t p = 0; m->params[p].name != NULL; p++) {
        value[p] = m->params[p].value;
        for (size_t i = 0; i < sizeof setting / sizeof *setting; i++)
            if (strcmp(setting[i].name, m->params[p].name) == 0) value[p] = setting[i].value;
    }
    o.threads = t->call->common->threads;
    o.seed = t->seed;
    return eg_dynamics_run(m, value, &o, r);
}

/* The column of a name, copied. */
static double *column_of(const eg_dynamics_model *m, const eg_dynamics_result *r, const char *name)
{
    double *y = need(r->rows, sizeof *y);
    size_t k = 0;
    while (strcmp(m->columns[k].name, name) != 0) k++;
    for (size_t i = 0; i < r->rows; i++) y[i] = r->value[i * r->columns + k];
    return y;
}

static void draw(struct tour *t, const eg_dynamics_model *m, const eg_dynamics_result *r,
                 const char *column, const char *title)
{
    double *x = column_of(m, r, "t"), *theory = column_of(m, r, column);
    double *y = column_of(m, r, keep_format("%s_simulated", column));
    double *error = column_of(m, r, keep_format("%s_error", column));
    const struct series series[] = {
        { "infinitely many components", x, theory, NULL, r->rows, 1, 0 },
        { keep_format("%d samples of %d", SAMPLES, COMPONENTS), x, y, error, r->rows, 0, 1 },
    };
    const struct chart chart = { .title = title,
                                 .x_label = "time",
                                 .y_label = title,
                                 .alt = keep_format("%s against time, theory and samples", title),
                                 .series = series,
                                 .count = 2 };
    report_chart(&t->report, &chart, NULL);
    free(x);
    free(theory);
    free(y);
    free(error);
}

int tour_chapter_glass(struct tour *t)
{
    const eg_dynamics_model *m = eg_dynamics_find("spiked");
    eg_dynamics_result r;
    const eg_status s = solve(t, m, &r);
    if (s != EG_OK) return fail(s, NULL);
    double *theory = column_of(m, &r, "m"), *y = column_of(m, &r, "m_simulated");
    double *error = column_of(m, &r, "m_error");
    const size_t last = r.rows - 1;
    tour_say(t,
             "      glass     gradient flow passes spurious minima to a signal: overlap %.3f, "
             "%d samples %.3f (+-%.3f)",
             theory[last], SAMPLES, y[last], error[last]);
    run_folder_metric(&t->run, json_pack("{s:s,s:f,s:f,s:f}", "chapter", "glass", "theory",
                                         theory[last], "simulated", y[last], "error", error[last]));
    report_section(
        &t->report, "A signal among minima",
        keep_format("Learning as physics: a matrix and a tensor of order 3 hide a signal "
                    "in noise, and gradient flow climbs to it although the landscape "
                    "has spurious minima, exponentially many. For infinitely many "
                    "components equations of two times say how; %d systems of %d "
                    "components follow them within their errors. engram dynamics "
                    "spiked does the same with parameters of your own.",
                    SAMPLES, COMPONENTS));
    draw(t, m, &r, "m", "overlap with the signal");
    draw(t, m, &r, "e", "energy a component");
    free(theory);
    free(y);
    free(error);
    eg_dynamics_result_clear(&r);
    return EXIT_DONE;
}
