/* engram measure dimension: how many coordinates a data set needs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/cli_table.h"
#include "cli/console.h"
#include "cli/measure.h"
#include "cli/stored.h"

const char *estimator_name(size_t i)
{
    const eg_estimator *row = eg_estimator_row(i);
    return row != NULL ? row->name : NULL;
}

/* ---- points ---- */

int measure_sample(const struct call *call, eg_dataset *set)
{
    const struct measure *o = call->options;
    if (o->sample == 0 || o->sample >= set->n) return EXIT_DONE;
    size_t *order = malloc(set->n * sizeof *order);
    char *taken = calloc(set->n, 1);
    if (order == NULL || taken == NULL) {
        free(order);
        free(taken);
        return fail(EG_ERR_NOMEM, "sample");
    }
    eg_random_permutation(call->common->seed, 0, set->n, order);
    for (size_t i = 0; i < o->sample; i++) taken[order[i]] = 1;
    size_t kept = 0;
    for (size_t i = 0; i < set->n; i++) {
        if (!taken[i]) continue;
        memmove(set->x + kept * set->d, set->x + i * set->d, set->d * sizeof *set->x);
        if (set->labels != NULL) set->labels[kept] = set->labels[i];
        kept++;
    }
    free(order);
    free(taken);
    set->n = kept;
    return EXIT_DONE;
}

static eg_dimension_options how(const struct call *call, struct bar *bar, eg_progress *progress)
{
    const struct measure *o = call->options;
    eg_dimension_options d = EG_DIMENSION_OPTIONS_INIT;
    *progress = bar_begin(bar, call);
    d.k = o->k;
    d.scale = o->scale;
    d.discard = o->discard;
    d.resample = o->resample;
    d.seed = call->common->seed;
    d.threads = call->common->threads;
    d.progress = progress;
    return d;
}

/* ---- what is printed ---- */

static const struct column columns[] = { { "estimator", NULL }, { "dimension", "%.2f" },
                                         { "error", "%.2f" },   { "low", "%.2f" },
                                         { "high", "%.2f" },    { "radius", "%.4g" } };

static void add_row(struct table *t, const char *name, const eg_dimension *d)
{
    table_word(t, "%s", name);
    table_number(t, d->value);
    table_number(t, d->error);
    table_number(t, d->low);
    table_number(t, d->high);
    table_number(t, d->radius);
}

static int print_all(const struct call *call, struct table *t, const eg_dataset *set,
                     const eg_dimension *first)
{
    if (call->common->json) {
        json_t *r = json_pack("{s:I,s:I,s:I,s:o}", "points", (json_int_t)first->points, "equal",
                              (json_int_t)first->equal, "columns", (json_int_t)set->d, "dimension",
                              table_json(t));
        print_json_line(call->out, r);
        json_decref(r);
    } else {
        fprintf(call->out, "%zu points of %zu columns", first->points, set->d);
        if (first->equal > 0)
            fprintf(call->out, "; %zu more equal one of them and are left out", first->equal);
        fputs("\n\n", call->out);
        table_print(t, call->out);
    }
    table_clear(t);
    return EXIT_DONE;
}

/* Names of what is asked, and what they are printed as; returns how many. */
static size_t choose(const struct measure *o, const char **names, const char **shown)
{
    size_t count = 0;
    for (size_t n = 1; o->scales && 2 * n <= o->k && count < TEXTS_MOST; n *= 2) {
        names[count] = keep_format("gride:%zu", n);
        shown[count++] = keep_format("gride %zu, %zu", n, 2 * n);
    }
    if (o->scales) return count;
    for (; o->estimators.n == 0 && estimator_name(count) != NULL; count++)
        names[count] = shown[count] = estimator_name(count);
    for (; count < o->estimators.n; count++)
        names[count] = shown[count] = o->estimators.item[count];
    return count;
}

static int estimate(const struct call *call, const eg_dataset *set)
{
    const char *names[TEXTS_MOST], *shown[TEXTS_MOST];
    eg_dimension out[TEXTS_MOST];
    struct table t;
    struct bar bar;
    eg_progress progress;
    const size_t count = choose(call->options, names, shown);
    const eg_dimension_options d = how(call, &bar, &progress);
    const eg_status s = eg_dimension_estimate(set->x, set->n, set->d, names, count, &d, out);
    bar_end(&bar);
    if (s != EG_OK) return fail(s, NULL);
    table_begin(&t, "dimension", columns, 6);
    for (size_t i = 0; i < count; i++) add_row(&t, shown[i], &out[i]);
    return print_all(call, &t, set, &out[0]);
}

int measure_dimension(const struct call *call, const char *name)
{
    const struct measure *o = call->options;
    const eg_read_options read = read_options_of(&o->reader);
    eg_dataset set;
    int code = data_read(call, name, &read, &set);
    if (code != EXIT_DONE) return code;
    code = measure_sample(call, &set);
    if (code == EXIT_DONE) code = estimate(call, &set);
    eg_dataset_clear(&set);
    return code;
}

void measure_dimension_help(FILE *out)
{
    fputs("\nEstimators of dimension:\n", out);
    for (size_t i = 0; eg_estimator_row(i) != NULL; i++) {
        const eg_estimator *row = eg_estimator_row(i);
        fprintf(out, "  %-18s %s\n%21s%s (%s)\n", row->name, row->summary, "", row->formula,
                row->source);
    }
}
