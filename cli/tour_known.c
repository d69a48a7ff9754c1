/* The chapter of the tour that measures: what a small network has learned by heart, in four
 * pictures: the digits it gets right only for having seen them, what each layer makes of the
 * digits, the curvature of its loss, and bounds on its error. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/measure.h"
#include "cli/tour.h"

enum { EPOCHS = 12, MODELS = 24, SHOWN = 7, BATCH = 128, LAYERS = 8, CURVED = 300 };
enum { DRAWS = 2, STEPS = 50, BINS = 41 };

static const char network[] = "{\"kind\": \"network\", \"hidden\": [32, 16], \"optimiser\": "
                              "{\"kind\": \"adam\", \"rate\": 0.003}}";

struct known {
    struct tour *t;
    eg_learner *l;
    eg_part part, rest; /* trained on: three of four digits; held back */
    size_t *index;
    double memorised, above, accuracy,
        bound; /* mean score, share above .25; of what is held back */
};

static eg_train_options train_options(const struct known *k)
{
    eg_train_options o = EG_TRAIN_OPTIONS_INIT;
    o.epochs = EPOCHS;
    o.batch = 32;
    o.seed = k->t->seed;
    return o;
}

static eg_task task_of(const struct known *k)
{
    return (eg_task){ .inputs = k->t->d, .classes = k->t->set.classes, .epochs = EPOCHS };
}

static eg_status train(struct known *k)
{
    const eg_train_options o = train_options(k);
    const eg_task task = task_of(k);
    const size_t n = k->t->set.n, kept = n - n / 4;
    eg_scored scored = { 0 };
    size_t a = 0, b = kept;
    k->index = need(n, sizeof *k->index);
    for (size_t i = 0; i < n; i++) k->index[i % 4 == 3 ? b++ : a++] = i;
    k->part = (eg_part){ &k->t->set, k->index, a };
    k->rest = (eg_part){ &k->t->set, k->index + kept, b - kept };
    eg_status s =
        eg_learner_create(network, &task, k->t->seed, k->t->call->common->threads, NULL, &k->l);
    if (s == EG_OK) s = eg_train(k->l, &k->part, NULL, &o, NULL);
    if (s == EG_OK) s = eg_evaluate(k->l, &k->rest, 256, NULL, &scored);
    k->accuracy = scored.accuracy;
    return s;
}

/* ---- first picture: by heart ---- */

static eg_status draw_known(struct known *k, const double *score)
{
    eg_image images[SHOWN] = { { 0 } };
    const char *captions[SHOWN];
    char *taken = need(k->part.n, 1);
    eg_status s = EG_OK;
    size_t n = 0;
    memset(taken, 0, k->part.n);
    for (; n < SHOWN && s == EG_OK; n++) {
        size_t best = k->part.n;
        for (size_t i = 0; i < k->part.n; i++)
            if (!taken[i] && !isnan(score[i]) && (best == k->part.n || score[i] > score[best]))
                best = i;
        taken[best] = 1;
        const size_t at = k->part.index[best];
        captions[n] = keep_format("a %d: %.2f", (int)k->t->set.labels[at], score[best]);
        s = tour_picture(k->t, k->t->set.x + at * k->t->d, &images[n]);
    }
    if (s == EG_OK)
        report_pictures(&k->t->report, images, captions, SHOWN, 88,
                        "The digits that are most known by heart, with their scores");
    for (size_t i = 0; i < n; i++) eg_image_clear(&images[i]);
    free(taken);
    return s;
}

static eg_status by_heart(struct known *k)
{
    const size_t n = k->part.n;
    const eg_train_options train = train_options(k);
    const eg_task task = task_of(k);
    eg_memorised_options o = EG_MEMORISED_OPTIONS_INIT;
    double *score = need(2 * n, sizeof *score);
    size_t scored = 0;
    o.models = MODELS;
    o.seed = k->t->seed;
    o.threads = k->t->call->common->threads;
    o.train = &train;
    eg_status s = eg_memorised(network, &task, &k->part, NULL, &o, score, score + n, NULL);
    for (size_t i = 0; i < n && s == EG_OK; i++) {
        if (isnan(score[i])) continue;
        scored++;
        k->memorised += score[i];
        k->above += score[i] > 0.25;
    }
    if (scored > 0) k->memorised /= (double)scored;
    if (scored > 0) k->above /= (double)scored;
    if (s == EG_OK) {
        report_section(
            &k->t->report, "What a network knows by heart",
            keep_format(
                "A network of 48 hidden units names %.1f %% of digits never seen. Trained %d times "
                "on seven tenths of its digits each: how often is it right on a digit that it saw, "
                "less how often on one that it did not? Mostly the same (%.3f on average), but "
                "%.1f %% of the digits are above .25: odd ones, that follow from no others "
                "(Feldman and Zhang 2020). The most extreme:",
                100 * k->accuracy, MODELS, k->memorised, 100 * k->above));
        s = draw_known(k, score);
    }
    free(score);
    return s;
}

/* ---- second picture: layers ---- */

struct values {
    const char *name[LAYERS];
    size_t count;
};

static void find_values(void *user, const eg_onnx_step *step)
{
    struct values *v = user;
    const int last = strcmp(step->output, "scores") == 0;
    if ((strcmp(step->op, "Relu") == 0 || last) && v->count < LAYERS)
        v->name[v->count++] = keep_format("%s", step->output);
}

/* Of all digits (N, *d), to be freed. */
static eg_status values_of(const struct known *k, eg_onnx *m, const char *name, float **x,
                           size_t *d)
{
    const struct tour *t = k->t;
    *x = NULL;
    for (size_t i = 0, b; i < t->set.n; i += b) {
        b = t->set.n - i < BATCH ? t->set.n - i : BATCH;
        const eg_onnx_array in = { NULL, EG_F32, eg_shape_of(b, t->d), t->set.x + i * t->d };
        eg_onnx_array out;
        const eg_status s = eg_onnx_run(m, &in, 1, &name, 1, &out);
        if (s != EG_OK) return s;
        *d = eg_shape_size(&out.shape) / b;
        if (*x == NULL) *x = need_floats(t->set.n, *d);
        memcpy(*x + i * *d, out.data, b * *d * sizeof **x);
    }
    return EG_OK;
}

static const struct column layer_columns[] = { { "layer", "%.0f" },
                                               { "numbers", "%.0f" },
                                               { "dimension", "%.2f" },
                                               { "linear", "%.3f" },
                                               { "neighbour", "%.3f" } };

enum { LAYER_COLUMNS = sizeof layer_columns / sizeof *layer_columns };

static eg_status add_layer(const struct known *k, const float *x, size_t d, struct table *table)
{
    static const char *const twonn[] = { "twonn" };
    const struct tour *t = k->t;
    const eg_search_options search = { t->call->common->threads, NULL, NULL };
    eg_dimension_options o = EG_DIMENSION_OPTIONS_INIT;
    eg_dimension dimension;
    eg_probe p;
    o.resample = 0;
    o.threads = search.threads;
    eg_status s = eg_dimension_estimate(x, t->set.n, d, twonn, 1, &o, &dimension);
    if (s == EG_OK) s = eg_probe_layer(x, t->set.n, d, t->set.labels, t->set.classes, &search, &p);
    if (s != EG_OK) return s;
    table_number(table, (double)table_rows(table));
    table_number(table, (double)d);
    table_number(table, dimension.value);
    table_number(table, p.linear);
    table_number(table, p.neighbour);
    return EG_OK;
}

static void layer_charts(struct tour *t, const struct table *table)
{
    const size_t n = table_rows(table);
    double column[LAYER_COLUMNS][LAYERS + 1];
    for (size_t i = 0; i < n; i++)
        for (size_t c = 0; c < LAYER_COLUMNS; c++)
            column[c][i] = table->cell[i * LAYER_COLUMNS + c].number;
    const struct series size[] = { { "dimension (TwoNN)", column[0], column[2], NULL, n, 0, 0 } };
    const struct series read[] = { { "linear read-out", column[0], column[3], NULL, n, 0, 1 },
                                   { "nearest neighbour", column[0], column[4], NULL, n, 0, 2 } };
    const struct chart charts[] = {
        { .title = "Coordinates that each layer needs",
          .x_label = "layer; 0: the pixels",
          .y_label = "dimension",
          .alt = "Intrinsic dimension of what each layer gives out: it falls",
          .series = size,
          .count = 1 },
        { .title = "What can be read out of each layer",
          .x_label = "layer; 0: the pixels",
          .y_label = "share right",
          .alt = "Share of digits that a linear read-out and the nearest neighbour name rightly",
          .series = read,
          .count = 2 },
    };
    report_chart(&t->report, &charts[0], table);
    report_chart(&t->report, &charts[1], NULL);
}

static eg_status layers(struct known *k)
{
    struct tour *t = k->t;
    const char *path = run_folder_file(&t->run, "known.onnx");
    const eg_shape one = eg_shape_of(BATCH, t->d);
    struct values v = { .count = 0 };
    struct table table;
    eg_onnx_cost cost;
    eg_onnx *m = NULL;
    table_begin(&table, "Layers", layer_columns, LAYER_COLUMNS);
    eg_status s = eg_onnx_save(k->l, path, NULL, 0);
    if (s == EG_OK) s = eg_onnx_open(path, NULL, &m);
    if (s == EG_OK) s = eg_onnx_infer(m, &one, 1, find_values, &v, &cost);
    if (s == EG_OK) s = add_layer(k, t->set.x, t->d, &table);
    for (size_t i = 0; i < v.count && s == EG_OK; i++) {
        float *x;
        size_t d = 0;
        s = values_of(k, m, v.name[i], &x, &d);
        if (s == EG_OK) s = add_layer(k, x, d, &table);
        free(x);
    }
    if (s == EG_OK) {
        report_section(&t->report, "Layer by layer",
                       "What a layer gives out needs fewer coordinates than the pixels, and less "
                       "of it has to be known to name the digit. Read-outs have not seen the digit "
                       "that they name.");
        layer_charts(t, &table);
    }
    eg_onnx_destroy(m);
    table_clear(&table);
    return s;
}

/* ---- third picture: curvature ---- */

static const struct column bin_columns[] = { { "eigenvalue", "%.6g" }, { "share", "%.3g" } };

/* Shares of BINS equal intervals, a point where there are any: log10. */
static void density_chart(struct tour *t, const double *node, const double *weight, size_t n,
                          const double ends[2])
{
    double at[BINS], share[BINS] = { 0 };
    struct table table;
    table_begin(&table, "Density of eigenvalues", bin_columns, 2);
    const double wide = (ends[1] - ends[0]) / (BINS - 1);
    for (size_t i = 0; i < n; i++) {
        const double bin = (node[i] - ends[0]) / wide + 0.5;
        if (weight[i] > 0 && bin >= 0 && bin < BINS) share[(size_t)bin] += weight[i] / DRAWS;
    }
    for (size_t b = 0; b < BINS; b++) {
        at[b] = ends[0] + wide * (double)b;
        table_number(&table, at[b]);
        table_number(&table, share[b]);
        share[b] = share[b] > 1e-9 ? log10(share[b]) : (double)NAN;
    }
    const struct series line = { "share of eigenvalues", at, share, NULL, BINS, 0, 3 };
    const struct chart chart = { .title = "Curvature of the loss",
                                 .x_label = "eigenvalue of the Hessian",
                                 .y_label = "log10 of the share",
                                 .alt =
                                     "Density of eigenvalues: nearly all next to 0, a few far out",
                                 .series = &line,
                                 .count = 1 };
    report_chart(&t->report, &chart, &table);
    table_clear(&table);
}

static eg_status curvature(struct known *k)
{
    const eg_part part = { k->part.set, k->part.index, k->part.n < CURVED ? k->part.n : CURVED };
    eg_curvature_options how = EG_CURVATURE_OPTIONS_INIT;
    eg_spectrum_options o = EG_SPECTRUM_OPTIONS_INIT;
    eg_curvature *c = NULL;
    eg_extremes e;
    double ends[2];
    double *node = need(2 * (size_t)DRAWS * STEPS, sizeof *node), *weight = node + DRAWS * STEPS;
    how.threads = k->t->call->common->threads;
    o.seed = k->t->seed;
    o.draws = DRAWS;
    o.steps = STEPS;
    eg_status s = eg_curvature_create(k->l, &part, &how, &c);
    if (s == EG_OK) {
        const eg_operator h = eg_curvature_operator(c, EG_HESSIAN);
        s = eg_eigenvalues(&h, 1, 1, &o, &ends[1], &ends[0], NULL, &e);
        if (s == EG_OK) s = eg_density(&h, &o, node, weight);
        if (s == EG_OK) {
            report_section(
                &k->t->report, "How its loss curves",
                keep_format("Of %zu numbers that were learned nearly all can be changed for "
                            "nothing; a few directions, about as many as there are classes, are "
                            "stiff, up to %.3g, and some curve downwards, to %.2g.",
                            eg_curvature_size(c), ends[1], ends[0]));
            density_chart(k->t, node, weight, (size_t)DRAWS * STEPS, ends);
        }
    }
    eg_curvature_destroy(c);
    free(node);
    return s;
}

/* ---- fourth picture: bounds ---- */

static eg_status bounds(struct known *k)
{
    eg_network_options o = EG_NETWORK_OPTIONS_INIT;
    eg_network_report report;
    struct table table;
    size_t rows = 0, silent = 0;
    while (eg_network_rows(rows) != NULL) rows++;
    double *value = need(rows, sizeof *value);
    o.draws = 300;
    o.seed = k->t->seed;
    const eg_status s = eg_network_bounds(k->l, &k->part, &o, value, &report);
    if (s == EG_OK) {
        measure_bounds_table(&table, value, k->t->set.classes);
        k->bound = value[0];
        for (size_t i = 0; i < rows; i++)
            silent += eg_network_rows(i)->kind != EG_ROW_MEASURE && !(value[i] < 1);
        report_section(
            &k->t->report, "What can be promised",
            keep_format("It errs on %.1f %% of what it was trained on and %.1f %% of digits never "
                        "seen. What follows from the former alone, with probability .95: %zu of "
                        "the bounds below are above 1 and say nothing. Numbers that are no bounds "
                        "are there to be compared between networks.",
                        100 * report.error, 100 * (1 - k->accuracy), silent));
        report_table(&k->t->report, &table, 0);
        table_clear(&table);
    }
    free(value);
    return s;
}

int tour_chapter_known(struct tour *t)
{
    struct known k = { .t = t };
    eg_status s = train(&k);
    if (s == EG_OK) s = by_heart(&k);
    if (s == EG_OK) s = layers(&k);
    if (s == EG_OK) s = curvature(&k);
    if (s == EG_OK) s = bounds(&k);
    if (s == EG_OK) {
        tour_say(t,
                 "      known     of %zu digits a small network knows %.1f %% by heart; bound on "
                 "its error %.2f",
                 k.part.n, 100 * k.above, k.bound);
        run_folder_metric(&t->run, json_pack("{s:s,s:f,s:f,s:f,s:f}", "chapter", "known",
                                             "memorised", k.memorised, "above_quarter", k.above,
                                             "accuracy", k.accuracy, "bound", k.bound));
    }
    eg_learner_destroy(k.l);
    free(k.index);
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
}
