/* The report of a training run: what was learned as pictures, curves, the table of confusions,
 * and how it was made. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/drawn.h"
#include "cli/run_folder.h"
#include "cli/trained_report.h"
#include "cli/two_time_report.h"

enum { POINTS = 200, PICTURES = 100, WRONG = 12, LOOKED_AT = 2000 };

/* ---- curves ---- */

struct curve {
    double *epoch, *loss, *accuracy; /* (n), NaN where nothing was measured */
    size_t n;
};

/* The lines of metrics.jsonl that tell of a whole epoch. */
static void read_metrics(const char *folder, struct curve *c)
{
    char *line = NULL;
    size_t room = 0, most = 0;
    FILE *f = fopen(keep_format("%s/metrics.jsonl", folder), "r");
    *c = (struct curve){ 0 };
    while (f != NULL && getline(&line, &room, f) > 0) {
        json_t *j = json_loads(line, 0, NULL);
        const json_t *accuracy = json_object_get(j, "accuracy");
        const double row[3] = { json_number_value(json_object_get(j, "epoch")),
                                json_number_value(json_object_get(j, "loss")),
                                accuracy != NULL ? json_number_value(accuracy) : (double)NAN };
        json_decref(j);
        if (c->n > 0 && row[0] <= c->epoch[c->n - 1]) continue; /* of a step in that epoch */
        if (c->n == most) {
            double **all[3] = { &c->epoch, &c->loss, &c->accuracy };
            most = 2 * most + 64;
            for (size_t k = 0; k < 3; k++) {
                double *larger = need(most, sizeof *larger);
                if (c->n > 0) memcpy(larger, *all[k], c->n * sizeof *larger);
                free(*all[k]);
                *all[k] = larger;
            }
        }
        c->epoch[c->n] = row[0];
        c->loss[c->n] = row[1];
        c->accuracy[c->n++] = row[2];
    }
    free(line);
    if (f != NULL) fclose(f);
}

/* At most POINTS of them, the last among them. */
static void thin(struct curve *c)
{
    const size_t step = (c->n + POINTS - 1) / POINTS;
    size_t kept = 0;
    for (size_t i = 0; i < c->n; i++) {
        if (step > 1 && (c->n - 1 - i) % step != 0) continue;
        c->epoch[kept] = c->epoch[i];
        c->loss[kept] = c->loss[i];
        c->accuracy[kept++] = c->accuracy[i];
    }
    c->n = kept;
}

static void draw_curve(struct report *r, const struct curve *c, const double *y, const char *title,
                       const char *y_label, const char *alt, int colour)
{
    const struct column columns[] = { { "epoch", "%.0f" }, { "value", "%.6g" } };
    const struct series series = { y_label, c->epoch, y, NULL, c->n, 0, colour };
    const struct chart chart = { .title = title,
                                 .x_label = "epoch",
                                 .y_label = y_label,
                                 .alt = alt,
                                 .series = &series,
                                 .count = 1 };
    struct table behind;
    table_begin(&behind, title, columns, 2);
    for (size_t i = 0; i < c->n; i++) {
        if (!isfinite(y[i])) continue;
        table_number(&behind, c->epoch[i]);
        table_number(&behind, y[i]);
    }
    if (table_rows(&behind) > 0) report_chart(r, &chart, &behind);
    table_clear(&behind);
}

static void add_curves(const struct trained *t, struct report *r)
{
    struct curve c;
    read_metrics(t->folder, &c);
    thin(&c);
    if (c.n > 0) report_section(r, "How it learned", "");
    draw_curve(r, &c, c.loss, "Loss by epoch", "mean loss of the epoch",
               "The mean loss of each epoch of training", 0);
    for (size_t i = 0; i < c.n; i++) c.accuracy[i] *= 100;
    draw_curve(r, &c, c.accuracy, "Accuracy on what is held out, by epoch",
               keep_format("right, %% of %s", t->parts.name[PART_VALID] ? t->parts.name[PART_VALID]
                                                                        : "what is held out"),
               "Share of held-out examples that are named right after each epoch", 2);
    free(c.epoch);
    free(c.loss);
    free(c.accuracy);
}

/* ---- what was learned ---- */

static void add_memories(const struct trained *t, const struct model *m, struct report *r)
{
    const eg_param *p = drawn_param(t->learner);
    size_t n = 0;
    eg_image sheet = { 0 };
    if (p == NULL || drawn_sheet(p, m, PICTURES, &sheet, &n) != EG_OK) return;
    const char *caption = keep_format("%zu of %zu", n, p->shape.dim[0]);
    report_section(r, "What it learned",
                   keep_format("%s, drawn as pictures: grey is 0, white positive, black negative; "
                               "each is stretched to its own largest value.",
                               drawn_words(t->learner, p)));
    report_pictures(r, &sheet, &caption, 1, sheet.width < 700 ? sheet.width : 700,
                    "What the first units look for");
    eg_image_clear(&sheet);
}

/* How far memories are from features, and near prototypes. */
static void add_prototypes(const struct trained *t, struct report *r)
{
    static const struct column columns[] = { { "votes_for_classes", "%.0f" },
                                             { "memories", "%.0f" },
                                             { "share", "%.3f" } };
    const eg_part *p = &t->parts.part[PART_TRAIN];
    const size_t h = eg_dam_count(t->learner), d = t->parts.set.d, k = t->parts.set.classes;
    const size_t b = p->n < LOOKED_AT ? p->n : LOOKED_AT;
    if (h == 0) return;
    float *x = need_floats(b, d);
    for (size_t i = 0; i < b; i++)
        memcpy(x + i * d, t->parts.set.x + p->index[i] * d, d * sizeof *x);
    eg_dam_memory *memory = need(h, sizeof *memory);
    size_t *deciding = need(b, sizeof *deciding), *votes = need(k + 1, sizeof *votes), alone = 0;
    double cosine = 0;
    if (eg_dam_prototypes(t->learner, x, b, NULL, memory, deciding) == EG_OK) {
        struct table table;
        memset(votes, 0, (k + 1) * sizeof *votes);
        for (size_t i = 0; i < h; i++) {
            votes[memory[i].votes]++;
            cosine += memory[i].cosine / (double)h;
        }
        for (size_t i = 0; i < b; i++) alone += deciding[i] == 1;
        report_section(
            r, "Features or prototypes",
            keep_format("%.1f %% of the memories vote for one class only; %.1f %% of %zu training "
                        "examples are decided by one memory alone; the mean cosine of a memory and "
                        "its nearest training example is %.3f. Low powers give features that "
                        "decide together, high powers prototypes of one class each.",
                        100 * (double)votes[1] / (double)h, 100 * (double)alone / (double)b, b,
                        cosine));
        table_begin(&table, "Memories by the number of classes they vote for", columns, 3);
        for (size_t v = 0; v <= k; v++) {
            table_number(&table, (double)v);
            table_number(&table, (double)votes[v]);
            table_number(&table, (double)votes[v] / (double)h);
        }
        report_table(r, &table, 1);
        table_clear(&table);
    }
    free(x);
    free(memory);
    free(deciding);
    free(votes);
}

/* ---- errors ---- */

/* The part that says most of how good it is. */
static size_t judged_part(const struct trained *t)
{
    return t->scored[PART_TEST].n > 0    ? PART_TEST
           : t->scored[PART_VALID].n > 0 ? PART_VALID
                                         : PART_TRAIN;
}

static eg_status draw_wrong(const struct trained *t, const struct model *m, struct report *r,
                            const eg_part *p, const float *scores)
{
    const size_t k = m->task->classes, d = m->task->inputs;
    eg_image images[WRONG] = { { 0 } };
    const char *captions[WRONG];
    size_t n = 0;
    eg_status s = EG_OK;
    for (size_t i = 0; i < p->n && n < WRONG && s == EG_OK; i++) {
        const size_t at = p->index != NULL ? p->index[i] : i, said = best_class(scores + i * k, k);
        if (said == (size_t)p->set->labels[at]) continue;
        captions[n] = keep_format("%s taken for %s", model_class(m, (size_t)p->set->labels[at]),
                                  model_class(m, said));
        s = picture_of_state(&m->shape, &m->drawing, p->set->x + at * d, &images[n++]);
    }
    if (s == EG_OK && n > 0) {
        report_paragraph(
            r, keep_format("%zu of the %zu it got wrong:", n, t->scored[judged_part(t)].errors));
        report_pictures(r, images, captions, n, 70, "Examples that were misclassified");
    }
    for (size_t i = 0; i < n; i++) eg_image_clear(&images[i]);
    return s;
}

static void add_errors(const struct trained *t, const struct model *m, struct report *r)
{
    const size_t which = judged_part(t);
    const eg_part *p = &t->parts.part[which];
    const eg_scored *s = &t->scored[which];
    struct table table;
    report_section(r, "Where it errs",
                   keep_format("%zu errors of %zu examples of %s; area under the ROC curve %.4f.%s",
                               s->errors, s->n, t->parts.name[which], s->auc,
                               which == PART_TRAIN
                                   ? " These are the examples it was trained on: --test 0.2 holds "
                                     "some back."
                                   : ""));
    confusion_table(m, s, &table);
    report_table(r, &table, 0);
    table_clear(&table);
    if (!shape_drawable(&m->shape, m->task->inputs)) return;
    float *scores = need_floats(p->n, m->task->classes);
    eg_scored again = { 0 };
    if (eg_evaluate(t->learner, p, 256, scores, &again) == EG_OK
        && draw_wrong(t, m, r, p, scores) != EG_OK)
        report_paragraph(r, "They cannot be drawn.");
    free(scores);
}

static double number_or_none(const json_t *v)
{
    return json_is_number(v) ? json_number_value(v) : (double)NAN;
}

static void add_search(const struct trained *t, struct report *r)
{
    static const struct column columns[] = { { "learner", NULL },
                                             { "mean", "%.4f" },
                                             { "deviation", "%.4f" } };
    struct table table;
    size_t i;
    json_t *row;
    if (json_array_size(t->search) == 0) return;
    report_section(r, "What was searched",
                   keep_format("Each by cross-validation over %zu folds of the training examples; "
                               "the best was trained on all of them. One without a mean diverged.",
                               t->options.folds));
    table_begin(&table, "Rows of the search", columns, 3);
    json_array_foreach(t->search, i, row)
    {
        table_word(&table, "%s",
                   keep(json_dumps(json_object_get(row, "learner"), JSON_REAL_PRECISION(6))));
        table_number(&table, number_or_none(json_object_get(row, "mean")));
        table_number(&table, number_or_none(json_object_get(row, "deviation")));
    }
    report_table(r, &table, 0);
    table_clear(&table);
}

static void begin_report(const struct trained *t, struct report *r)
{
    const size_t which = judged_part(t);
    const char *kind = json_string_value(json_object_get(t->spec, "kind"));
    const char *const figure[4] = { keep_format("%.2f %%", 100 * t->scored[which].accuracy),
                                    keep_format("%zu", t->scored[which].errors),
                                    keep_format("%zu", t->result.epochs),
                                    keep_format("%.3g s", t->seconds) };
    const char *const what[4] = { keep_format("right, %s", part_name(which)),
                                  keep_format("errors of %zu", t->scored[which].n), "epochs",
                                  "of training here" };
    report_begin(r, keep_format("%s on %s", kind, t->data),
                 keep_format("A learner of kind %s, trained on %zu examples of %s.", kind,
                             t->parts.part[PART_TRAIN].n, t->data));
    report_figures(r, figure, what, 4);
}

static void add_facts(const struct call *call, const struct trained *t, struct report *r)
{
    char hash[65] = "";
    json_t *facts = json_object(), *env = environment_json(call);
    json_object_set_new(facts, "command", json_string(t->command));
    json_object_set_new(facts, "date", json_string(report_date()));
    json_object_set_new(facts, "seed", json_integer((json_int_t)t->options.common.seed));
    json_object_set_new(facts, "model", json_string(eg_learner_spec(t->learner)));
    json_object_set_new(facts, "inputs", json_string(input_words(&t->parts.input)));
    for (size_t p = 0; p < PARTS; p++)
        if (t->parts.part[p].n > 0)
            json_object_set_new(
                facts, part_name(p),
                json_sprintf("%s, %zu examples", t->parts.name[p], t->parts.part[p].n));
    json_object_set_new(facts, "learned", json_string(hash_text(t->result.hash)));
    if (eg_sha256_file(keep_format("%s/model.safetensors", t->folder), hash) == EG_OK)
        json_object_set_new(facts, "model.safetensors sha256", json_string(hash));
    json_object_update(facts, env);
    report_section(
        r, "How it was made",
        keep_format("engram rerun %s repeats it and compares what was learned.", t->folder));
    report_facts(r, facts);
    json_decref(env);
    json_decref(facts);
}

int trained_report(const struct call *call, struct trained *t)
{
    struct report r;
    struct model m;
    model_of_learner(t->learner, t->folder, &m);
    begin_report(t, &r);
    add_memories(t, &m, &r);
    add_prototypes(t, &r);
    add_curves(t, &r);
    two_time_report(t, &r);
    add_errors(t, &m, &r);
    add_search(t, &r);
    add_facts(call, t, &r);
    const int code = report_save(&r, keep_format("%s/report.html", t->folder));
    report_clear(&r);
    model_clear(&m);
    return code;
}
