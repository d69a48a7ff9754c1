/* What engram attack shows: tables, JSON, strips of pictures and a report. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/attack_study.h"
#include "cli/picture.h"
#include "cli/report.h"
#include "cli/run_folder.h"

enum { STRIP = 4, STRIP_HEIGHT = 112, REPORT_PIXELS = 112 };

const char *share_text(const eg_transfer *t)
{
    return t->images > 0 ? keep_format("%.2f +- %.2f", 100 * t->share, 100 * t->error) : "-";
}

static int of_noise(const struct attack_study *t)
{
    return eg_attack_row(t->attack.row)->noise;
}

static int is_made(const struct attack_study *t, const eg_attack_record *r, size_t i)
{
    return (of_noise(t) || r->before[0] == t->set.labels[i]) && r->success;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

enum measure { UPDATES, BOUNDARY_L2, BOUNDARY_LINF, END_L2, END_LINF, MEASURES };

/* Median over the images made with model a; NaN where there is none. */
static double median(const struct attack_study *t, size_t a, enum measure what)
{
    double *v = need(t->n, sizeof *v);
    size_t n = 0;
    for (size_t i = 0; i < t->n; i++) {
        const eg_attack_record *r = &t->made[a].records[i];
        const double all[MEASURES] = { (double)r->steps, r->boundary_l2, r->boundary_linf, r->l2,
                                       r->linf };
        if (is_made(t, r, i) && isfinite(all[what])) v[n++] = all[what];
    }
    qsort(v, n, sizeof *v, by_size);
    const double m = n > 0 ? (v[(n - 1) / 2] + v[n / 2]) / 2 : (double)NAN;
    free(v);
    return m;
}

/* `fixed` columns, then one a model. */
static const struct column *columns_with_models(const struct attack_study *t,
                                                const struct column *fixed, size_t count)
{
    struct column *c = (struct column *)(void *)keep(need(count + t->m, sizeof *c));
    memcpy(c, fixed, count * sizeof *c);
    for (size_t i = 0; i < t->m; i++) c[count + i] = (struct column){ t->name[i], NULL };
    return c;
}

void attack_tables(struct attack_study *t)
{
    static const struct column made[] = { { "made_with", NULL }, { "images", "%.0f" } };
    static const struct column amounts[] = { { "amount", "%g" } };
    static const struct column distances[] = {
        { "made_with", NULL },     { "succeeded_%", NULL },     { "updates", "%.0f" },
        { "boundary_l2", "%.4g" }, { "boundary_linf", "%.4g" }, { "end_l2", "%.4g" },
        { "end_linf", "%.4g" },
    };
    table_begin(&t->transfer, "Made with (row), misclassified by (column), %",
                columns_with_models(t, made, 2), 2 + t->m);
    for (size_t a = 0; a < t->m; a++) {
        table_word(&t->transfer, "%s", t->name[a]);
        table_number(&t->transfer, (double)t->matrix[a * t->m].images);
        for (size_t b = 0; b < t->m; b++)
            table_word(&t->transfer, "%s", share_text(&t->matrix[a * t->m + b]));
    }
    table_word(&t->transfer, "(as they are)");
    table_number(&t->transfer, (double)t->n);
    for (size_t b = 0; b < t->m; b++) table_word(&t->transfer, "%s", share_text(&t->clean[b]));
    table_begin(&t->distance, "How far: medians over the images made, in inputs of the models",
                distances, sizeof distances / sizeof *distances);
    for (size_t a = 0; a < t->m; a++) {
        table_word(&t->distance, "%s", t->name[a]);
        table_word(&t->distance, "%s", share_text(&t->matrix[a * t->m + a]));
        for (int what = 0; what < MEASURES; what++)
            table_number(&t->distance, median(t, a, (enum measure)what));
    }
    if (t->amounts == 0) return;
    table_begin(&t->corruption,
                keep_format("Errors under %s, %%", eg_corrupt_row((size_t)t->o->corrupt)->name),
                columns_with_models(t, amounts, 1), 1 + t->m);
    for (size_t k = 0; k < t->amounts; k++) {
        table_number(&t->corruption, t->amount[k]);
        for (size_t b = 0; b < t->m; b++)
            table_word(&t->corruption, "%s", share_text(&t->corrupted[k * t->m + b]));
    }
}

static json_t *share_json(const eg_transfer *t)
{
    return json_pack("{s:I,s:I,s:o,s:o}", "images", (json_int_t)t->images, "wrong",
                     (json_int_t)t->wrong, "share", json_number(t->share), "error",
                     json_number(t->error));
}

static json_t *models_json(const struct attack_study *t)
{
    static const char *const names[MEASURES] = { "updates", "boundary_l2", "boundary_linf",
                                                 "end_l2", "end_linf" };
    json_t *all = json_array();
    for (size_t a = 0; a < t->m; a++) {
        json_t *medians = json_object();
        for (int what = 0; what < MEASURES; what++)
            json_object_set_new(medians, names[what],
                                json_number(median(t, a, (enum measure)what)));
        json_array_append_new(all, json_pack("{s:s,s:o,s:o}", "model", t->name[a], "clean",
                                             share_json(&t->clean[a]), "medians", medians));
    }
    return all;
}

json_t *attack_json(const struct attack_study *t)
{
    const eg_attack_info *row = eg_attack_row(t->attack.row);
    json_t *matrix = json_array(), *corrupted = json_array();
    for (size_t i = 0; i < t->m * t->m; i++) {
        json_t *cell = share_json(&t->matrix[i]);
        json_object_set_new(cell, "made_with", json_string(t->name[i / t->m]));
        json_object_set_new(cell, "shown_to", json_string(t->name[i % t->m]));
        json_array_append_new(matrix, cell);
    }
    for (size_t i = 0; i < t->amounts * t->m; i++) {
        json_t *cell = share_json(&t->corrupted[i]);
        json_object_set_new(cell, "amount", json_real(t->amount[i / t->m]));
        json_object_set_new(cell, "model", json_string(t->name[i % t->m]));
        json_array_append_new(corrupted, cell);
    }
    json_t *j = json_pack("{s:s,s:s,s:I,s:I,s:o,s:o}", "attack", row->name, "data", t->o->data,
                          "images", (json_int_t)t->n, "seed", (json_int_t)t->attack.seed, "models",
                          models_json(t), "transfer", matrix);
    if (t->amounts > 0)
        json_object_set_new(j, eg_corrupt_row((size_t)t->o->corrupt)->name, corrupted);
    else
        json_decref(corrupted);
    return j;
}

/* Images of the first model to be pictured, all classes alike: their rows, at most `most`. */
static size_t choose(const struct attack_study *t, size_t *chosen, size_t most)
{
    const size_t classes = t->model[0].task->classes;
    size_t *taken = need(classes, sizeof *taken), n = 0;
    memset(taken, 0, classes * sizeof *taken);
    for (size_t i = 0; i < t->n && n < most; i++) {
        const eg_attack_record *r = &t->made[0].records[i];
        const size_t c = (size_t)t->set.labels[i];
        if (!is_made(t, r, i) || r->crossed == 0) continue;
        if (taken[c]++ < (most + classes - 1) / classes) chosen[n++] = i;
    }
    free(taken);
    return n;
}

/* Clean, difference (grey: none), adversarial, on the boundary. What was noise has no clean
 * picture: its first two are left out. */
static eg_status strip_of(const struct attack_study *t, size_t i, eg_image *images,
                          const char **captions)
{
    const float *clean = t->set.x + i * t->d, *end = t->made[0].adversarial + i * t->d;
    const eg_attack_record *r = &t->made[0].records[i];
    const struct model *m = &t->model[0];
    float *apart = need_floats(1, t->d), most = 0;
    for (size_t j = 0; j < t->d; j++) {
        apart[j] = end[j] - clean[j];
        most = fmaxf(most, fabsf(apart[j]));
    }
    const struct scaling wide = { SCALING_NONE, -(double)most, (double)most, 0 };
    const char *was = model_class(&t->model[0], (size_t)r->before[0]),
               *is = model_class(&t->model[0], (size_t)r->after[0]);
    captions[0] = keep_format("image %zu: %s", i, was);
    captions[1] = keep_format("difference, at most %.3f", (double)most);
    captions[2] = keep_format("taken for %s", is);
    captions[3] = keep_format("%s and %s alike", was, is);
    eg_status s = picture_of_state(&m->shape, &m->drawing, clean, &images[0]);
    if (s == EG_OK) s = picture_of_state(&m->shape, &wide, apart, &images[1]);
    if (s == EG_OK) s = picture_of_state(&m->shape, &m->drawing, end, &images[2]);
    if (s == EG_OK)
        s = picture_of_state(&m->shape, &m->drawing, t->made[0].boundary + i * t->d, &images[3]);
    free(apart);
    return s;
}

/* One strip into its file and the report. */
static eg_status show_strip(const struct attack_study *t, const struct run_folder *run,
                            struct report *report, size_t i)
{
    eg_image images[STRIP] = { { 0 } }, strip = { 0 };
    const char *captions[STRIP];
    const size_t first = of_noise(t) ? 2 : 0, shown = STRIP - first;
    eg_status s = strip_of(t, i, images, captions);
    if (s == EG_OK) s = picture_strip(images + first, shown, STRIP_HEIGHT, &strip);
    if (s == EG_OK)
        s = eg_image_write_png(run_folder_file(run, keep_format("pair-%05zu.png", i)), &strip);
    if (s == EG_OK)
        report_pictures(report, images + first, captions + first, shown, REPORT_PIXELS,
                        "A picture, what was changed, the changed picture, the picture at the "
                        "boundary between two classes");
    for (size_t k = 0; k < STRIP; k++) eg_image_clear(&images[k]);
    eg_image_clear(&strip);
    return s;
}

static void draw_scores(const struct attack_study *t, struct report *report, size_t i,
                        const float *trace, size_t steps)
{
    const struct column columns[] = { { "updates", "%.0f" },
                                      { "first_class", "%.5g" },
                                      { "second_class", "%.5g" } };
    double *x = need(3 * (steps + 1), sizeof *x), *first = x + steps + 1,
           *second = first + steps + 1;
    struct table behind;
    size_t n = 0;
    table_begin(&behind, "Logarithm of the share of both classes", columns, 3);
    for (; n <= steps && isfinite(trace[2 * n]); n++) {
        x[n] = (double)n;
        first[n] = (double)trace[2 * n];
        second[n] = (double)trace[2 * n + 1];
        table_number(&behind, x[n]);
        table_number(&behind, first[n]);
        table_number(&behind, second[n]);
    }
    const struct series both[] = { { "its class", x, first, NULL, n, 0, 0 },
                                   { "the other", x, second, NULL, n, 0, 1 } };
    const struct chart chart = {
        .title = keep_format("Image %zu against %s", i, t->name[0]),
        .x_label = "updates of the image",
        .y_label = "log share of the class",
        .alt = "The share of the image's class falls, that of the other class rises, and they "
               "cross at the decision boundary",
        .series = both,
        .count = 2,
    };
    report_section(report, "To the boundary and beyond",
                   "The logarithm of the share e^s / sum e^s of both classes after each update of "
                   "the image. They cross at the decision boundary.");
    report_chart(report, &chart, &behind);
    table_clear(&behind);
    free(x);
}

/* The way of one image, at least twice as far as the boundary where the attack has no ball. */
static eg_status trace_one(const struct attack_study *t, struct report *report, size_t i)
{
    const eg_attack_info *row = eg_attack_row(t->attack.row);
    const uint64_t index = i;
    eg_attack_options o = t->attack;
    o.index = &index;
    if (!(row->eps > 0) && row->step > 0) {
        o.confidence = (double)INFINITY;
        o.steps = 2 * t->made[0].records[i].crossed + 2;
        if (t->made[0].records[i].steps > o.steps) o.steps = t->made[0].records[i].steps;
    }
    if (o.steps == 0) o.steps = row->steps;
    float *trace = need_floats(o.steps + 1, 2);
    const eg_attack_output out = { .trace = trace };
    const eg_status s =
        eg_attack_run(t->learner[0], t->set.x + i * t->d, t->set.labels + i, 1, &o, &out);
    if (s == EG_OK) draw_scores(t, report, i, trace, o.steps);
    free(trace);
    return s;
}

static void draw_corruption(const struct attack_study *t, struct report *report)
{
    enum { COLOURS = 6 };
    const eg_corrupt_info *row = eg_corrupt_row((size_t)t->o->corrupt);
    const size_t shown = t->m < COLOURS ? t->m : COLOURS;
    struct series series[COLOURS];
    double *y = need(2 * shown * t->amounts, sizeof *y), *bar = y + shown * t->amounts;
    for (size_t b = 0; b < shown; b++) {
        for (size_t k = 0; k < t->amounts; k++) {
            y[b * t->amounts + k] = 100 * t->corrupted[k * t->m + b].share;
            bar[b * t->amounts + k] = 100 * t->corrupted[k * t->m + b].error;
        }
        series[b] = (struct series){
            t->name[b], t->amount, y + b * t->amounts, bar + b * t->amounts, t->amounts, 0, (int)b
        };
    }
    const struct chart chart = { .title = keep_format("Errors under %s, %%", row->name),
                                 .x_label = row->amount,
                                 .y_label = "misclassified, %",
                                 .alt = "Share of corrupted images that each model gets wrong",
                                 .series = series,
                                 .count = shown };
    report_section(report, "Damage that knows no model", row->formula);
    report_chart(report, &chart, &t->corruption);
    free(y);
}

/* What the report says of images, and of noise. */
static const struct {
    const char *lead, *pictures, *figure, *counted;
} words[2] = {
    { "Images of %s changed until %s errs, and shown to other models.",
      "Left to right: the picture, what was added (grey: nothing), the result, and the point of "
      "the way where both classes score the same.",
      "of the images it knew mislead the first model",
      "Each row counts the images that its model classed rightly before." },
    { "Noise, with the classes of %s, changed until %s takes it for them; shown to other models.",
      "Left: where the attack ended, right: where the class first led.",
      "of the noise is taken for its class by the first model",
      "Each row counts all images: wrong is who finds the class in the noise." },
};

/* The formats are those of `words`. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static const char *lead_of(const struct attack_study *t)
{
    return keep_format(words[of_noise(t)].lead, t->o->data, t->name[0]);
}
#pragma GCC diagnostic pop

static void begin_report(const struct attack_study *t, struct report *r)
{
    const eg_attack_info *row = eg_attack_row(t->attack.row);
    const char *const what[3] = { words[row->noise].figure, "at most mislead another",
                                  "median distance to its boundary, L2" };
    double worst = 0;
    for (size_t b = 1; b < t->m; b++) worst = fmax(worst, t->matrix[b].share);
    const char *const figure[3] = { keep_format("%.1f %%", 100 * t->matrix[0].share),
                                    t->m > 1 ? keep_format("%.1f %%", 100 * worst) : "-",
                                    keep_format("%.3g", median(t, 0, BOUNDARY_L2)) };
    report_begin(r, "Adversarial images", lead_of(t));
    report_figures(r, figure, what, 3);
    report_section(r, "Pictures",
                   keep_format("Attack %s: %s (%s). %s", row->name, row->formula, row->source,
                               words[row->noise].pictures));
}

static int end_report(const struct attack_study *t, struct report *r, const char *path)
{
    json_t *facts = environment_json(t->call);
    json_object_set_new(facts, "command", json_string(t->call->line));
    json_object_set_new(facts, "date", json_string(report_date()));
    json_object_set_new(facts, "seed", json_integer((json_int_t)t->call->common->seed));
    report_section(r, "Who else is misled",
                   keep_format("Per cent with standard error. %s The last row is the error on all "
                               "images as they are.",
                               words[of_noise(t)].counted));
    report_table(r, &t->transfer, 0);
    report_table(r, &t->distance, 0);
    if (t->amounts > 0) draw_corruption(t, r);
    report_section(r, "How it was made", "");
    report_facts(r, facts);
    json_decref(facts);
    return report_save(r, path);
}

/* A line for each image and model. */
static void write_records(const struct attack_study *t, struct run_folder *run)
{
    for (size_t i = 0; i < t->m * t->n; i++) {
        const size_t a = i / t->n;
        const eg_attack_record *r = &t->made[a].records[i % t->n];
        json_t *j = json_pack("{s:s,s:I,s:i,s:b,s:b,s:I,s:I}", "made_with", t->name[a], "image",
                              (json_int_t)(i % t->n), "class", (int)t->set.labels[i % t->n],
                              "success", r->success, "stuck", r->stuck, "updates",
                              (json_int_t)r->steps, "crossed", (json_int_t)r->crossed);
        json_object_set_new(j, "l2", json_number(r->l2));
        json_object_set_new(j, "linf", json_number(r->linf));
        json_object_set_new(j, "boundary_l2", json_number(r->boundary_l2));
        json_object_set_new(j, "boundary_linf", json_number(r->boundary_linf));
        json_object_set_new(j, "before", json_pack("[i,i]", r->before[0], r->before[1]));
        json_object_set_new(j, "after", json_pack("[i,i]", r->after[0], r->after[1]));
        run_folder_metric(run, j);
    }
}

int attack_folder(struct attack_study *t)
{
    struct run_folder run;
    struct report report;
    json_t *config = attack_json(t);
    int code = run_folder_begin(t->call, "attack", config, &run);
    json_decref(config);
    if (code != EXIT_DONE) return code;
    size_t *chosen = need(t->o->pictures + 1, sizeof *chosen);
    const size_t n = choose(t, chosen, t->o->pictures);
    eg_status s = EG_OK;
    run_folder_log(&run, NULL, "%s", t->call->line);
    write_records(t, &run);
    begin_report(t, &report);
    if (!shape_drawable(&t->model[0].shape, t->d))
        report_paragraph(&report, "These items are no pictures.");
    for (size_t i = 0; i < n && s == EG_OK && shape_drawable(&t->model[0].shape, t->d); i++)
        s = show_strip(t, &run, &report, chosen[i]);
    if (s == EG_OK && n > 0) s = trace_one(t, &report, chosen[0]);
    free(chosen);
    const char *path = run_folder_file(&run, "report.html");
    code = s == EG_OK ? end_report(t, &report, path) : fail(s, run.path);
    report_clear(&report);
    const int closed = run_folder_end(&run);
    if (code == EXIT_DONE) code = closed;
    if (code == EXIT_DONE) say(t->call, "wrote   %s", path);
    return code;
}
