/* engram measure layers: of what each layer of a network gives out, how many coordinates it needs
 * and what can be read out of it. A model is exported, so that trained and imported networks are
 * looked at in one way. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/features.h"
#include "cli/measure.h"
#include "cli/report.h"
#include "cli/run_folder.h"
#include "cli/stored.h"

enum { BATCH = 64, NEIGHBOURS = 20 };

struct looked {
    const struct call *call;
    eg_onnx *m;
    eg_dataset set; /* labelled; x as it goes into the network */
    eg_shape item;  /* of one batch of inputs */
    struct words {
        const char *op, *name;
        size_t d;
    } * layer;
    size_t count, room;
    struct table table;
};

/* ---- which values ---- */

/* What only arranges numbers anew is no layer. */
static int arranges(const char *op)
{
    static const char *const ops[] = { "Flatten",  "Reshape",   "Transpose", "Identity",
                                       "Squeeze",  "Unsqueeze", "Cast",      "Dropout",
                                       "Constant", "Shape",     "Expand",    "DequantizeLinear" };
    for (size_t i = 0; i < sizeof ops / sizeof *ops; i++)
        if (strcmp(ops[i], op) == 0) return 1;
    return 0;
}

static void note(struct looked *l, const char *op, const char *name, size_t d)
{
    if (l->count == l->room) {
        const size_t room = 2 * l->room + 16;
        struct words *grown = need(room, sizeof *grown);
        if (l->count > 0) memcpy(grown, l->layer, l->count * sizeof *grown);
        free(l->layer);
        l->layer = grown;
        l->room = room;
    }
    l->layer[l->count++] = (struct words){ keep_format("%s", op), keep_format("%s", name), d };
}

static void on_step(void *user, const eg_onnx_step *step)
{
    struct looked *l = user;
    const int of_all = step->has_shape && step->shape.rank > 1 && step->shape.dim[0] == BATCH;
    if (of_all && !arranges(step->op))
        note(l, step->op, step->output, eg_shape_size(&step->shape) / BATCH);
}

static eg_status find_layers(struct looked *l)
{
    eg_onnx_cost cost;
    note(l, "input", eg_onnx_input(l->m, 0)->name, l->set.d);
    return eg_onnx_infer(l->m, &l->item, 1, on_step, l, &cost);
}

/* ---- the network and its inputs ---- */

/* A model's own data; it becomes a file of ONNX that is gone once it is open. */
static int from_model(struct looked *l)
{
    struct model m;
    char path[] = "/tmp/engram-layers.XXXXXX";
    int code = measure_model(l->call, &m, &l->set);
    if (code != EXIT_DONE) return code;
    const eg_task *task = eg_learner_task(m.learner);
    l->item = task->height > 0 ? eg_shape_of(BATCH, task->channels, task->height, task->width)
                               : eg_shape_of(BATCH, task->inputs);
    const int file = mkstemp(path);
    if (file < 0) {
        model_close(&m);
        return fail(EG_ERR_IO, path);
    }
    close(file);
    eg_status s = eg_onnx_save(m.learner, path, NULL, 0);
    if (s == EG_OK) s = eg_onnx_open(path, NULL, &l->m);
    unlink(path);
    model_close(&m);
    return s == EG_OK ? EXIT_DONE : fail(s, l->call->args[1]);
}

/* Pictures as the file of ONNX wants them: its input is a value like any other. */
static int from_onnx(struct looked *l, struct features *f)
{
    const struct measure *o = l->call->options;
    struct feature_options how = FEATURE_OPTIONS_INIT;
    const eg_read_options read = example_options_of(&o->reader);
    int code = features_begin(l->call, l->call->args[1], &how, 0, f);
    if (code != EXIT_DONE) return code;
    f->layer = eg_onnx_input(f->m, 0)->name;
    code = features_add(f, l->call->args[2], &read, &l->set);
    if (code == EXIT_DONE) code = features_end(f);
    if (code != EXIT_DONE) return code;
    if (l->set.labels == NULL) return fail_usage(l->call, "%s has no labels", l->call->args[2]);
    free(l->set.x);
    l->set.x = f->x;
    l->set.d = f->d;
    f->x = NULL;
    l->m = f->m;
    f->m = NULL;
    l->item = eg_shape_of(BATCH, f->pixels.channels, f->pixels.height, f->pixels.width);
    return measure_sample(l->call, &l->set);
}

/* ---- one layer ---- */

/* Values of all items (n, d). */
static eg_status values(struct looked *l, const struct words *w, float *x)
{
    const size_t d = l->set.d;
    for (size_t from = 0, b; from < l->set.n; from += b) {
        b = l->set.n - from < BATCH ? l->set.n - from : BATCH;
        eg_shape shape = l->item;
        shape.dim[0] = b;
        const eg_onnx_array in = { NULL, EG_F32, shape, l->set.x + from * d };
        eg_onnx_array out;
        const eg_status s = eg_onnx_run(l->m, &in, 1, &w->name, 1, &out);
        if (s != EG_OK) return s;
        for (size_t i = 0; i < b * w->d; i++)
            x[from * w->d + i] = out.dtype == EG_F32 ? ((const float *)out.data)[i]
                                                     : (float)((const double *)out.data)[i];
    }
    return EG_OK;
}

static const struct column columns[] = { { "layer", NULL },     { "op", NULL },
                                         { "numbers", "%.0f" }, { "twonn", "%.2f" },
                                         { "mle", "%.2f" },     { "components", "%.1f" },
                                         { "linear", "%.3f" },  { "neighbour", "%.3f" },
                                         { "error", "%.3f" },   { "alignment", "%.3f" } };

enum { COLUMNS = sizeof columns / sizeof *columns };

/* Where most items are at one point there is no dimension, and where all are nothing to read out:
 * those cells stay open. */
static eg_status look(struct looked *l, const struct words *w)
{
    static const char *const names[] = { "twonn", "mle", "pca-participation" };
    eg_dimension_options how = EG_DIMENSION_OPTIONS_INIT;
    const eg_search_options search = { l->call->common->threads, NULL, NULL };
    eg_dimension d[3];
    eg_probe p = { NAN, NAN, NAN, { NAN, NAN }, NAN };
    float *x = need_floats(l->set.n, w->d);
    how.resample = 0;
    how.k = NEIGHBOURS;
    how.threads = search.threads;
    eg_status s = values(l, w, x), known = s;
    if (s == EG_OK)
        s = eg_probe_layer(x, l->set.n, w->d, l->set.labels, l->set.classes, &search, &p);
    if (s == EG_OK) known = eg_dimension_estimate(x, l->set.n, w->d, names, 3, &how, d);
    const int read = s == EG_OK, measured = read && known == EG_OK;
    table_word(&l->table, "%s", harmless(w->name));
    table_word(&l->table, "%s", harmless(w->op));
    table_number(&l->table, (double)w->d);
    for (size_t i = 0; i < 3; i++) table_number(&l->table, measured ? d[i].value : (double)NAN);
    table_number(&l->table, p.linear);
    table_number(&l->table, p.neighbour);
    table_number(&l->table, p.error[0]);
    table_number(&l->table, p.alignment);
    free(x);
    if (!read) return s == EG_ERR_INVALID ? EG_OK : s;
    return known == EG_ERR_INVALID ? EG_OK : known;
}

static int look_at_all(struct looked *l)
{
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, l->call);
    eg_status s = find_layers(l);
    table_begin(&l->table, "layers", columns, COLUMNS);
    for (size_t i = 0; i < l->count && s == EG_OK; i++) {
        s = look(l, &l->layer[i]);
        if (progress.report(progress.user, "layers", i + 1, l->count) != 0) s = EG_ERR_INTERRUPTED;
    }
    bar_end(&bar);
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
}

/* ---- what is written ---- */

static void column_of(const struct table *t, size_t column, double *out)
{
    for (size_t i = 0; i < table_rows(t); i++) out[i] = t->cell[i * COLUMNS + column].number;
}

/* Two charts over the layers: dimensions, and what is read out. */
static void layers_charts(struct report *r, const struct table *t)
{
    static const struct {
        const char *title, *y, *alt;
        size_t first, count;
    } shown[] = {
        { "Coordinates that each layer needs", "dimension",
          "Intrinsic dimension against the number of the layer", 3, 2 },
        { "What is read out of each layer", "share right",
          "Share of items that a linear read-out and the nearest neighbour class rightly, "
          "against the number of the layer",
          6, 2 }
    };
    const size_t n = table_rows(t);
    double *at = need(5 * n, sizeof *at);
    for (size_t i = 0; i < n; i++) at[i] = (double)i;
    for (size_t c = 0; c < 2; c++) {
        struct series line[2];
        for (size_t k = 0; k < shown[c].count; k++) {
            double *y = at + (1 + 2 * c + k) * n;
            column_of(t, shown[c].first + k, y);
            line[k] =
                (struct series){ columns[shown[c].first + k].name, at, y, NULL, n, 0, (int)k };
        }
        const struct chart chart = { .title = shown[c].title,
                                     .x_label = "layer, 0: the input",
                                     .y_label = shown[c].y,
                                     .alt = shown[c].alt,
                                     .series = line,
                                     .count = shown[c].count };
        report_chart(r, &chart, c == 0 ? t : NULL);
    }
    free(at);
}

static int write_report(const struct looked *l)
{
    const struct measure *o = l->call->options;
    struct report r;
    json_t *facts = environment_json(l->call);
    report_begin(&r, "Layers", "What each layer of a network makes of the same items.");
    report_section(&r, "Layer by layer",
                   "The dimension of what a layer gives out, and how many of the items a linear "
                   "read-out, or the nearest other item, classes rightly without having seen "
                   "them.");
    layers_charts(&r, &l->table);
    report_section(&r, "How it was made", "");
    json_object_set_new(facts, "command", json_string(l->call->line));
    json_object_set_new(facts, "date", json_string(report_date()));
    report_facts(&r, facts);
    json_decref(facts);
    const int code = report_save(&r, o->report);
    report_clear(&r);
    if (code == EXIT_DONE) say(l->call, "wrote   %s", o->report);
    return code;
}

static int print_all(const struct looked *l)
{
    const struct measure *o = l->call->options;
    int code = EXIT_DONE;
    if (l->call->common->json) {
        json_t *j = json_pack("{s:I,s:I,s:o}", "items", (json_int_t)l->set.n, "classes",
                              (json_int_t)l->set.classes, "layers", table_json(&l->table));
        print_json_line(l->call->out, j);
        json_decref(j);
    } else {
        fprintf(l->call->out, "%zu items of %zu classes; chance %.3f\n\n", l->set.n, l->set.classes,
                1 / (double)l->set.classes);
        table_print(&l->table, l->call->out);
    }
    if (o->table != NULL) {
        struct text csv = { 0 };
        table_csv(&l->table, &csv);
        code = write_file(o->table, csv.s, csv.size);
        text_clear(&csv);
    }
    return code == EXIT_DONE && o->report != NULL ? write_report(l) : code;
}

int measure_layers(const struct call *call, const char *unused)
{
    const char *dot = strrchr(call->args[1], '.');
    const int onnx = dot != NULL && strcmp(dot, ".onnx") == 0;
    struct looked l = { .call = call };
    struct features f = { 0 };
    (void)unused;
    int code = onnx ? from_onnx(&l, &f) : from_model(&l);
    if (code == EXIT_DONE) code = look_at_all(&l);
    if (code == EXIT_DONE) code = print_all(&l);
    table_clear(&l.table);
    free(l.layer);
    if (onnx) features_clear(&f);
    eg_onnx_destroy(l.m);
    eg_dataset_clear(&l.set);
    return code;
}
