/* engram measure bounds: one report of bounds on a network's error, vacuous ones shown as such. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "cli/console.h"
#include "cli/measure.h"

static const char *const kinds[] = { "bound", "order", "measure" };

static const struct column columns[] = {
    { "row", NULL }, { "value", "%.6g" }, { "kind", NULL }, { "says", NULL }, { "formula", NULL }
};

static const char *says(const eg_network_row *row, double v, size_t classes)
{
    if (row->kind == EG_ROW_MEASURE) return "";
    if (isnan(v)) return "nothing: margin below 0";
    return v >= 1                         ? "nothing: vacuous"
           : v >= 1 - 1 / (double)classes ? "nothing: chance does as well"
                                          : "an error of at most this";
}

void measure_bounds_table(struct table *t, const double *value, size_t classes)
{
    const eg_network_row *row;
    table_begin(t, "bounds", columns, 5);
    for (size_t i = 0; (row = eg_network_rows(i)) != NULL; i++) {
        table_word(t, "%s", row->name);
        table_number(t, value[i]);
        table_word(t, "%s", kinds[row->kind]);
        table_word(t, "%s", says(row, value[i], classes));
        table_word(t, "%s", row->formula);
    }
}

/* Adds to an object, or prints where it is NULL. */
static void tell(const struct call *call, const double *value, const eg_network_report *r,
                 const eg_dataset *set, json_t *into)
{
    const struct measure *o = call->options;
    struct table t;
    measure_bounds_table(&t, value, set->classes);
    if (into != NULL) {
        json_t *j =
            json_pack("{s:I,s:I,s:I,s:f,s:f,s:f,s:f,s:f,s:f,s:o}", "examples", (json_int_t)set->n,
                      "numbers", (json_int_t)r->n, "layers", (json_int_t)r->layers, "delta",
                      o->delta, "error", r->error, "gamma", r->gamma, "sigma", r->sigma,
                      "drawn_error", r->drawn, "divergence", r->kl, "bounds", table_json(&t));
        json_object_update(into, j);
        json_decref(j);
    } else {
        fprintf(call->out,
                "%zu examples, error %.4f, margin %.3g at its quantile %g; %zu numbers in %zu "
                "layers\nweights drawn with deviation %.3g err on %.4f; bounds hold with "
                "probability %g\n\n",
                set->n, r->error, r->gamma, 0.1, r->n, r->layers, r->sigma, r->drawn, 1 - o->delta);
        table_print(&t, call->out);
    }
    table_clear(&t);
}

int measure_bounds(const struct call *call, const char *unused)
{
    const struct measure *o = call->options;
    struct model m;
    eg_dataset set = { 0 };
    (void)unused;
    int code = measure_model(call, &m, &set);
    if (code != EXIT_DONE) return code;
    const eg_part part = { &set, NULL, set.n };
    eg_network_options how = EG_NETWORK_OPTIONS_INIT;
    eg_network_report report;
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, call);
    size_t count = 0;
    while (eg_network_rows(count) != NULL) count++;
    double *value = need(count, sizeof *value);
    how.delta = o->delta;
    how.draws = 100 * o->draws;
    how.seed = call->common->seed;
    how.progress = &progress;
    const eg_status s = eg_network_bounds(m.learner, &part, &how, value, &report);
    bar_end(&bar);
    json_t *j = call->common->json ? json_object() : NULL;
    if (s == EG_OK) tell(call, value, &report, &set, j);
    if (s == EG_OK && o->gibbs) code = measure_gibbs(call, &m, &part, j);
    if (s != EG_OK) code = fail(s, NULL);
    if (code == EXIT_DONE && j != NULL) print_json_line(call->out, j);
    json_decref(j);
    free(value);
    eg_dataset_clear(&set);
    model_close(&m);
    return code;
}
