/* engram measure interferometric: averages of moduli of filters learned from DATA, on its grid or
 * on a graph, as an array of numbers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cli/console.h"
#include "cli/measure.h"
#include "cli/stored.h"

/* ---- the transform ---- */

static eg_interferometric_options how(const struct call *call, const eg_progress *progress)
{
    const struct measure *o = call->options;
    eg_interferometric_options out = EG_INTERFEROMETRIC_OPTIONS_INIT;
    out.filters = o->filters;
    out.order = o->order;
    out.scales = o->j;
    out.steps = o->steps;
    out.seed = call->common->seed;
    out.threads = call->common->threads;
    out.progress = progress;
    return out;
}

/* Of the graph of --graph, whose nodes are DATA's columns. */
static int of_graph(const struct call *call, const eg_interferometric_options *options,
                    const eg_dataset *set, eg_interferometric **out)
{
    const struct measure *o = call->options;
    const eg_read_options read = EG_READ_OPTIONS_INIT;
    eg_dataset edges;
    int code = data_read(call, o->graph, &read, &edges);
    if (code != EXIT_DONE) return code;
    const size_t v = edges.d;
    if (edges.n != v || set->d % v != 0) {
        code = fail_usage(call,
                          "%s: %zu rows of %zu weights for items of %zu numbers, expected as "
                          "many rows as columns, one for each node",
                          o->graph, edges.n, v, set->d);
    } else {
        double *weight = need(v * v, sizeof *weight);
        for (size_t i = 0; i < v * v; i++) weight[i] = (double)edges.x[i];
        const eg_status s = eg_interferometric_graph(set->d / v, weight, v, options, out);
        if (s != EG_OK) code = fail(s, NULL);
        free(weight);
    }
    eg_dataset_clear(&edges);
    return code;
}

static int make(const struct call *call, const eg_interferometric_options *options,
                const eg_dataset *set, const char *name, eg_interferometric **out)
{
    const struct measure *o = call->options;
    if (o->graph != NULL) return of_graph(call, options, set, out);
    if (set->height * set->width * set->channels != set->d || set->height < 2 || set->width < 2)
        return fail_usage(call, "%s: items of %zu numbers, expected pictures, or --graph FILE",
                          name, set->d);
    const eg_status s =
        eg_interferometric_grid(set->channels, set->height, set->width, options, out);
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
}

/* ---- what it gives ---- */

static void print_all(const struct call *call, const eg_dataset *set, size_t features,
                      const double *course)
{
    const struct measure *o = call->options;
    json_t *first = json_array(), *last = json_array();
    for (size_t m = 0; m < o->order; m++) {
        json_array_append_new(first, json_real(course[m * o->steps]));
        json_array_append_new(last, json_real(course[(m + 1) * o->steps - 1]));
    }
    json_t *r = json_pack("{s:s,s:I,s:I,s:o,s:o}", "file", call->common->output, "items",
                          (json_int_t)set->n, "numbers", (json_int_t)features, "share_at_first",
                          first, "share_at_last", last);
    print_record(call, r);
    json_decref(r);
}

static eg_status learn_and_write(const struct call *call, eg_interferometric *s,
                                 const eg_dataset *set, size_t features, double *course)
{
    eg_status status = eg_interferometric_train(s, set->x, set->n, course);
    if (status != EG_OK) return status;
    float *out = need(set->n * features, sizeof *out);
    status = eg_interferometric_apply(s, set->x, set->n, out);
    if (status == EG_OK) status = eg_npy_write(call->common->output, out, set->n, features);
    free(out);
    return status;
}

int measure_interferometric(const struct call *call, const char *name)
{
    const struct measure *o = call->options;
    const eg_read_options read = read_options_of(&o->reader);
    eg_interferometric *s = NULL;
    eg_dataset set;
    struct bar bar;
    if (call->common->output == NULL)
        return fail_usage(call, "-o FILE.npy says where the averages go");
    if (o->order == 0) return fail_usage(call, "--order 0, expected 1 or 2 layers to learn");
    int code = data_read(call, name, &read, &set);
    if (code != EXIT_DONE) return code;
    const eg_progress progress = bar_begin(&bar, call);
    const eg_interferometric_options options = how(call, &progress);
    double *course = need(o->order * o->steps, sizeof *course);
    size_t features = 0;
    eg_status status = EG_OK;
    code = make(call, &options, &set, name, &s);
    if (code == EXIT_DONE) {
        const size_t channels =
            o->graph != NULL ? set.d / eg_interferometric_look(s).frequencies : set.channels;
        features = channels * eg_interferometric_features(s);
        status = learn_and_write(call, s, &set, features, course);
    }
    bar_end(&bar);
    if (status != EG_OK) code = fail(status, NULL);
    if (code == EXIT_DONE) print_all(call, &set, features, course);
    free(course);
    eg_interferometric_destroy(s);
    eg_dataset_clear(&set);
    return code;
}
