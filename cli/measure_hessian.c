/* engram measure hessian: curvature of a trained network's loss on data. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "cli/console.h"
#include "cli/measure.h"

int measure_model(const struct call *call, struct model *m, eg_dataset *set)
{
    const struct measure *o = call->options;
    const eg_read_options read = example_options_of(&o->reader);
    const struct cue_options cue = { 0 };
    int code = model_open(call, call->args[1], m);
    if (code != EXIT_DONE) return code;
    code = model_read(call, m, call->args[2], &cue, &read, set);
    if (code == EXIT_DONE && set->labels == NULL)
        code = fail_usage(call, "%s has no labels", call->args[2]);
    if (code == EXIT_DONE) code = measure_sample(call, set);
    if (code != EXIT_DONE) {
        eg_dataset_clear(set);
        model_close(m);
    }
    return code;
}

struct measured {
    double *largest, *smallest, *residual; /* (top), (top), (2 top) */
    double *node, *weight;                 /* (draws, steps) */
    double trace, error, loss, below;      /* below: share of eigenvalues under -tolerance */
    size_t n, draws, steps;
    eg_extremes extremes;
};

static eg_status take_all(const struct call *call, eg_curvature *c, struct measured *r)
{
    const struct measure *o = call->options;
    const eg_operator a = eg_curvature_operator(c, o->gauss_newton ? EG_GAUSS_NEWTON : EG_HESSIAN);
    eg_spectrum_options how = EG_SPECTRUM_OPTIONS_INIT;
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, call);
    how.seed = call->common->seed;
    how.draws = r->draws;
    how.progress = &progress;
    eg_status s = eg_curvature_loss(c, NULL, &r->loss, NULL);
    if (s == EG_OK)
        s = eg_eigenvalues(&a, o->eigenvalues, o->eigenvalues, &how, r->largest, r->smallest,
                           r->residual, &r->extremes);
    if (s == EG_OK) s = eg_trace(&a, &how, &r->trace, &r->error);
    how.steps = r->steps;
    if (s == EG_OK) s = eg_density(&a, &how, r->node, r->weight);
    const double most = fmax(fabs(r->largest[0]), fabs(r->smallest[0]));
    for (size_t i = 0; i < r->draws * r->steps && s == EG_OK; i++)
        if (r->node[i] < -1e-6 * most) r->below += r->weight[i] / (double)r->draws;
    bar_end(&bar);
    return s;
}

static const struct column columns[] = { { "largest", "%.6g" },
                                         { "residual", "%.1e" },
                                         { "smallest", "%.6g" },
                                         { "its_residual", "%.1e" } };
static const struct column density_columns[] = { { "eigenvalue", "%.9g" }, { "weight", "%.9g" } };

/* All nodes with their share, as a table of its own. */
static int write_density(const struct measure *o, const struct measured *r)
{
    struct table t;
    struct text csv = { 0 };
    if (o->density == NULL) return EXIT_DONE;
    table_begin(&t, "density", density_columns, 2);
    for (size_t i = 0; i < r->draws * r->steps; i++) {
        if (r->weight[i] == 0) continue;
        table_number(&t, r->node[i]);
        table_number(&t, r->weight[i] / (double)r->draws);
    }
    table_csv(&t, &csv);
    const int code = write_file(o->density, csv.s, csv.size);
    text_clear(&csv);
    table_clear(&t);
    return code;
}

static int print_all(const struct call *call, const struct measured *r)
{
    const struct measure *o = call->options;
    struct table t;
    table_begin(&t, "eigenvalues", columns, 4);
    for (size_t i = 0; i < o->eigenvalues; i++) {
        table_number(&t, r->largest[i]);
        table_number(&t, r->residual[i]);
        table_number(&t, r->smallest[i]);
        table_number(&t, r->residual[o->eigenvalues + i]);
    }
    if (call->common->json) {
        json_t *j =
            json_pack("{s:s,s:I,s:f,s:f,s:o,s:f,s:I,s:b,s:o}", "of",
                      o->gauss_newton ? "gauss-newton" : "hessian", "numbers", (json_int_t)r->n,
                      "loss", r->loss, "trace", r->trace, "trace_error", json_number(r->error),
                      "share_below_zero", r->below, "products", (json_int_t)r->extremes.steps,
                      "resolved", r->extremes.resolved, "eigenvalues", table_json(&t));
        print_json_line(call->out, j);
        json_decref(j);
    } else {
        fprintf(call->out,
                "%s of the loss (%.6g) by %zu numbers\ntrace %.6g +- %.2g; %.2g of the eigenvalues "
                "below 0%s\n\n",
                o->gauss_newton ? "Gauss-Newton part of the Hessian" : "Hessian", r->loss, r->n,
                r->trace, r->error, r->below,
                r->extremes.resolved ? "" : "; not all below are resolved (residual)");
        table_print(&t, call->out);
    }
    table_clear(&t);
    return write_density(o, r);
}

int measure_hessian(const struct call *call, const char *unused)
{
    const struct measure *o = call->options;
    struct model m;
    eg_dataset set = { 0 };
    (void)unused;
    int code = measure_model(call, &m, &set);
    if (code != EXIT_DONE) return code;
    const eg_part part = { &set, NULL, set.n };
    struct measured r = { .draws = o->draws, .steps = 80 };
    eg_curvature_options how = EG_CURVATURE_OPTIONS_INIT;
    eg_curvature *c = NULL;
    how.threads = call->common->threads;
    r.largest = need(4 * o->eigenvalues, sizeof *r.largest);
    r.smallest = r.largest + o->eigenvalues;
    r.residual = r.largest + 2 * o->eigenvalues;
    r.node = need(2 * r.draws * r.steps, sizeof *r.node);
    r.weight = r.node + r.draws * r.steps;
    eg_status s = eg_curvature_create(m.learner, &part, &how, &c);
    if (s == EG_OK) r.n = eg_curvature_size(c);
    if (s == EG_OK && r.n < o->eigenvalues)
        code = fail_usage(call, "--eigenvalues %zu of %zu numbers", o->eigenvalues, r.n);
    else if (s == EG_OK)
        s = take_all(call, c, &r);
    if (s != EG_OK) code = fail(s, NULL);
    if (code == EXIT_DONE) code = print_all(call, &r);
    eg_curvature_destroy(c);
    free(r.largest);
    free(r.node);
    eg_dataset_clear(&set);
    model_close(&m);
    return code;
}
