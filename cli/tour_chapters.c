/* The chapters of the tour after data, store and recall. Each measures on the same digits and
 * the same cues, so that their figures can be compared. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/capacity_table.h"
#include "cli/cues.h"
#include "cli/tour.h"
#include "cli/words.h"

/* A memory keeps its colour from chart to chart. What is not here is only in tables. */
static int colour_of(const char *name)
{
    static const char *const coloured[] = { "classical",    "pseudoinverse", "rectified:3",
                                            "rectified:10", "rectified:20",  "exponential" };
    int row = 0;
    while (row < 5 && strcmp(coloured[row], name) != 0) row++;
    return row;
}

/* The short names that the chapters use, for who does not know them. */
static const char *const memory_names[][2] = {
    { "classical", "Hopfield network, Hebb's rule: one weight for each pair of pixels" },
    { "pseudoinverse", "the same network with weights that project on what was stored" },
    { "rectified:3",
      "dense memory of order 3: the overlap with each memory, cubed; likewise 2, 10, "
      "20 (negative overlaps count as 0)" },
    { "exponential", "dense memory in which an overlap counts as its exponential" },
    { "modern:0.02", "softmax at beta 0.02; the lower beta, the more memories are mixed" },
    { "sparse:2", "sparsemax: softmax's kin that gives most memories weight 0" },
    { "nearest", "the stored digit nearest to the cue" },
};

static void explain_names(struct tour *t)
{
    report_names(&t->report, memory_names, sizeof memory_names / sizeof *memory_names);
}

static eg_status add_state(const struct tour *t, const eg_memory *m, const float *cue,
                           eg_image *out)
{
    float *state = need_floats(1, t->d);
    eg_status s = eg_memory_recall(m, cue, 1, NULL, state, NULL);
    if (s == EG_OK) s = tour_picture(t, state, out);
    free(state);
    return s;
}

/* Several memories on the same cues. */
static int chapter_memories(struct tour *t)
{
    static const char *const names[] = { "classical",   "pseudoinverse", "rectified:2",
                                         "rectified:3", "rectified:10",  "rectified:20",
                                         "exponential", "modern:1e-5",   "modern:0.02",
                                         "modern:1",    "sparse:2",      "nearest" };
    enum { NAMES = sizeof names / sizeof *names, Q = 80 };
    static const struct column columns[] = {
        { "memory", NULL },           { "share_recovered", "%.3f" },
        { "standard_error", "%.3f" }, { "overlap_with_the_truth", "%.3f" },
        { "mean_steps", "%.1f" },     { "share_on_one_memory", "%.2f" },
        { "on_a_mixture", "%.2f" },   { "on_the_average", "%.2f" },
        { "seconds", "%.3f" },
    };
    eg_image images[NAMES + 2] = { { 0 } };
    const char *captions[NAMES + 2] = { "cue", "stored" };
    struct table table;
    table_begin(&table, "Memories on the same cues", columns, sizeof columns / sizeof *columns);
    eg_status s = tour_picture(t, t->cues, &images[0]);
    if (s == EG_OK) s = tour_picture(t, t->truth, &images[1]);
    for (size_t i = 0; i < NAMES && s == EG_OK; i++) {
        struct outcome o = { 0 };
        eg_memory *m = NULL;
        s = tour_memory(t, names[i], t->set.n, &m);
        if (s == EG_OK) s = tour_measure(t, m, t->cues, t->truth, Q, &o);
        captions[i + 2] = names[i];
        if (s == EG_OK) s = add_state(t, m, t->cues, &images[i + 2]);
        eg_memory_destroy(m);
        if (s != EG_OK) break;
        table_word(&table, "%s", names[i]);
        const double row[] = { o.recovered, o.error,   o.overlap, o.steps,
                               o.memory,    o.mixture, o.average, o.seconds };
        for (size_t k = 0; k < sizeof row / sizeof *row; k++) table_number(&table, row[k]);
        run_folder_metric(&t->run, json_pack("{s:s,s:s,s:f,s:f}", "chapter", "memories", "memory",
                                             names[i], "recovered", o.recovered, "steps", o.steps));
    }
    if (s == EG_OK) {
        report_section(
            &t->report, "One cue, twelve memories",
            "80 digits in other memories. A classical network is far beyond what it can "
            "hold, and so are low orders: digits look alike. High orders, the exponential "
            "memory and softmax at high beta tell them apart; softmax at low beta returns the "
            "average of everything, and in between a mixture.");
        explain_names(t);
        report_pictures(&t->report, images, captions, NAMES + 2, 88,
                        "The cue, the stored digit, and what each memory makes of the cue");
        report_table(&t->report, &table, 0);
        tour_say(
            t,
            "      memories  classical %.0f %%, n = 3 %.0f %%, n = 10 %.0f %%, n = 20 %.0f %%, "
            "exponential %.0f %% recovered",
            100 * table.cell[1].number, 100 * table.cell[3 * table.cols + 1].number,
            100 * table.cell[4 * table.cols + 1].number,
            100 * table.cell[5 * table.cols + 1].number,
            100 * table.cell[6 * table.cols + 1].number);
    }
    for (size_t i = 0; i < NAMES + 2; i++) eg_image_clear(&images[i]);
    table_clear(&table);
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
}

/* One curve a memory: y of outcomes over x, and the table behind it. */
struct curves {
    const char *const *names;
    size_t count, points;
    const double *x;
    double y[8][16], error[8][16];
};

static void add_curves(struct tour *t, const struct curves *c, const struct chart *form,
                       const char *x_name, const char *table_title)
{
    const struct column columns[] = { { "memory", NULL },
                                      { x_name, "%g" },
                                      { "share_recovered", "%.4f" },
                                      { "standard_error", "%.4f" } };
    struct series series[8];
    struct chart chart = *form;
    struct table table;
    table_begin(&table, table_title, columns, 4);
    for (size_t i = 0; i < c->count; i++) {
        series[i] =
            (struct series){ c->names[i],           c->x, c->y[i], c->error[i], c->points, 0,
                             colour_of(c->names[i]) };
        for (size_t p = 0; p < c->points; p++) {
            table_word(&table, "%s", c->names[i]);
            table_number(&table, c->x[p]);
            table_number(&table, c->y[i][p]);
            table_number(&table, c->error[i][p]);
        }
    }
    chart.series = series;
    chart.count = c->count;
    report_chart(&t->report, &chart, &table);
    table_clear(&table);
}

/* How much can be hidden. */
static int chapter_hidden(struct tour *t)
{
    static const char *const names[] = { "rectified:3", "rectified:10", "rectified:20",
                                         "exponential" };
    static const double hidden[] = { 0, 0.5, 0.7, 0.8, 0.9, 0.95 };
    enum { POINTS = sizeof hidden / sizeof *hidden, NAMES = sizeof names / sizeof *names, Q = 40 };
    struct curves c = { names, NAMES, POINTS, hidden, { { 0 } }, { { 0 } } };
    float *cues = need_floats(Q, t->d);
    eg_status s = EG_OK;
    for (size_t i = 0; i < NAMES && s == EG_OK; i++) {
        eg_memory *m = NULL;
        s = tour_memory(t, names[i], t->set.n, &m);
        for (size_t p = 0; p < POINTS && s == EG_OK; p++) {
            struct outcome o;
            memcpy(cues, t->truth, Q * t->d * sizeof *cues);
            hide_apply(keep_format("%g", hidden[p]), &t->shape, t->seed, 0, cues, NULL, Q, t->d);
            s = tour_measure(t, m, cues, t->truth, Q, &o);
            c.y[i][p] = o.recovered;
            c.error[i][p] = o.error;
        }
        eg_memory_destroy(m);
    }
    free(cues);
    if (s != EG_OK) return fail(s, NULL);
    const struct chart form = { .title = "Recovered, by share of pixels hidden",
                                .x_label = "share of pixels hidden",
                                .y_label = "share of digits recovered",
                                .alt =
                                    "Share of digits recovered against share of pixels hidden, for "
                                    "four memories",
                                .y_high = 1 };
    report_section(
        &t->report, "How much can be hidden",
        "40 digits, more and more of their pixels taken away. Recovered means every pixel "
        "right. Bars are standard errors; lines that coincide are drawn a little apart.");
    add_curves(t, &c, &form, "share_hidden", "Recovery by corruption");
    tour_say(t,
             "      hidden    n = 20 recovers %.0f %% with half hidden, %.0f %% with 90 %% hidden",
             100 * c.y[2][1], 100 * c.y[2][4]);
    return EXIT_DONE;
}

/* The digits in an order that takes all classes in turn: the file has them class by class. */
static float *mixed_digits(const struct tour *t)
{
    enum { STRIDE = 617 }; /* a prime that does not divide their number */
    float *x = need_floats(t->set.n, t->d);
    for (size_t i = 0; i < t->set.n; i++)
        memcpy(x + i * t->d, t->set.x + i * STRIDE % t->set.n * t->d, t->d * sizeof *x);
    return x;
}

/* How many digits each memory holds. */
static int chapter_load(struct tour *t)
{
    static const char *const names[] = { "classical", "pseudoinverse", "rectified:3",
                                         "rectified:10", "rectified:20" };
    static const double counts[] = { 5, 10, 20, 50, 100, 300, 1593 };
    enum { POINTS = sizeof counts / sizeof *counts, NAMES = sizeof names / sizeof *names, Q = 40 };
    struct curves c = { names, NAMES, POINTS, counts, { { 0 } }, { { 0 } } };
    float *cues = need_floats(Q, t->d), *digits = mixed_digits(t);
    struct tour mixed = *t;
    mixed.set.x = digits;
    mixed.set.labels = NULL;
    eg_status s = EG_OK;
    for (size_t i = 0; i < NAMES && s == EG_OK; i++) {
        for (size_t p = 0; p < POINTS && s == EG_OK; p++) {
            const size_t n = counts[p] < (double)t->set.n ? (size_t)counts[p] : t->set.n;
            const size_t q = n < Q ? n : Q;
            struct outcome o = { 0 };
            eg_memory *m = NULL;
            memcpy(cues, digits, q * t->d * sizeof *cues);
            hide_apply(TOUR_HIDE, &t->shape, t->seed, 0, cues, NULL, q, t->d);
            s = tour_memory(&mixed, names[i], n, &m);
            if (s == EG_OK) s = tour_measure(t, m, cues, digits, q, &o);
            eg_memory_destroy(m);
            c.y[i][p] = o.recovered;
            c.error[i][p] = o.error;
        }
    }
    free(cues);
    free(digits);
    if (s != EG_OK) return fail(s, NULL);
    const struct chart form = {
        .title = "Recovered, by number of digits stored",
        .x_label = "digits stored (256 pixels each)",
        .y_label = "share recovered, 30 % of pixels hidden",
        .alt = "Share of digits recovered against how many are stored, for five "
               "memories",
        .log_x = 1,
        .y_high = 1
    };
    report_section(
        &t->report, "How many digits each memory holds",
        "Real pictures are correlated, which is harder than the random patterns of theory: "
        "classical weights give way after a few digits, order by order more are held.");
    add_curves(t, &c, &form, "digits_stored", "Recovery by load");
    tour_say(
        t, "      load      100 digits: classical %.0f %%, n = 3 %.0f %%, n = 10 %.0f %% recovered",
        100 * c.y[0][4], 100 * c.y[2][4], 100 * c.y[3][4]);
    return EXIT_DONE;
}

/* Random patterns, where theory has a line. */
static int chapter_theory(struct tour *t)
{
    static const double loads[] = { 0.06, 0.1, 0.138, 0.18, 0.25, 0.4 };
    eg_capacity_options o = EG_CAPACITY_OPTIONS_INIT;
    struct table table;
    capacity_begin(&table);
    o.d = 200;
    o.memory = memory_by_name("classical", o.d);
    o.amount = 0.1;
    o.trials = 60;
    o.draws = 3;
    o.seed = t->seed;
    o.recall.max_steps = 30;
    o.recall.dynamics = EG_DYN_ASYNC;
    o.recall.threads = t->call->common->threads;
    eg_status s = EG_OK;
    for (size_t i = 0; i < sizeof loads / sizeof *loads && s == EG_OK; i++) {
        eg_capacity_result r;
        o.n = (size_t)lrint(loads[i] * (double)o.d);
        s = eg_capacity_measure(&o, &r);
        if (s == EG_OK) capacity_row(&table, &o, &r);
    }
    if (s == EG_OK) {
        report_section(
            &t->report, "Beside theory",
            "On random patterns the classical network has an exact theory. One step from a "
            "stored pattern turns the share of components that Gaussian noise of the other "
            "patterns predicts. At rest, mean field finds a jump at 0.138 for infinitely "
            "many neurons; 200 neurons turn softly, and beyond the jump a remnant of the "
            "pattern survives that the equilibrium does not have.");
        capacity_charts(&t->report, &table, &o);
        tour_say(t, "      theory    one step, largest distance of measured and closed form: %.4f",
                 capacity_distance(&table));
    }
    table_clear(&table);
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
}

static void say_certificate(struct tour *t, const eg_memory *m, const eg_certificate *c, int cue)
{
    struct text words = { 0 };
    certificate_words(c, eg_memory_count(m),
                      keep_format("item %llu", (unsigned long long)c->nearest_id), &words);
    report_words(&t->report, words.s);
    tour_say(t, "      certificate of cue %d, n = 10:", cue);
    for (char *state, *line = strtok_r(words.s, "\n", &state); line != NULL;
         line = strtok_r(NULL, "\n", &state))
        tour_say(t, "        %s", line);
    text_clear(&words);
}

/* The energy of every step, and one certificate read aloud. */
static int chapter_energy(struct tour *t)
{
    enum { LINES = 5 };
    static const struct column columns[] = { { "cue", "%.0f" },
                                             { "step", "%.0f" },
                                             { "energy", "%.6f" } };
    double steps[64], *energy[LINES] = { NULL };
    struct series series[LINES];
    struct table table;
    eg_memory *m = NULL;
    size_t lines = 0;
    eg_certificate certificate = { 0 };
    float *cues = need_floats(LINES, t->d);
    tour_hard_cues(t, cues, LINES);
    for (size_t i = 0; i < 64; i++) steps[i] = (double)i;
    table_begin(&table, "Energy by step", columns, 3);
    eg_status s = tour_memory(t, "rectified:10", t->set.n, &m);
    for (size_t cue = 0; cue < LINES && s == EG_OK; cue++) {
        float *states;
        size_t length;
        s = tour_path(t, m, cues + cue * t->d, &states, &energy[cue], &length, &certificate);
        if (s != EG_OK) break;
        free(states);
        series[cue] = (struct series){
            keep_format("cue %zu", cue + 1), steps, energy[cue], NULL, length, 0, (int)cue
        };
        for (size_t i = 0; i < length; i++) {
            table_number(&table, (double)cue + 1);
            table_number(&table, (double)i);
            table_number(&table, energy[cue][i]);
        }
        lines++;
    }
    if (s == EG_OK) {
        const struct chart chart = {
            .title = "Energy by step, dense memory of order 10",
            .x_label = "step",
            .y_label = "energy",
            .alt = "Energy of five recalls against the step: every line falls",
            .series = series,
            .count = lines
        };
        report_section(
            &t->report, "Energy, and a certificate read aloud",
            "Recall is descent: the energy of a state never rises, up to rounding that is "
            "bounded. Five digits with nine tenths hidden, in a memory of order 10. What is known "
            "of a recall comes back with it, for each cue alone.");
        report_chart(&t->report, &chart, &table);
        say_certificate(t, m, &certificate, LINES);
    }
    for (size_t i = 0; i < LINES; i++) free(energy[i]);
    free(cues);
    table_clear(&table);
    eg_memory_destroy(m);
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
}

static float *one_hot(const int32_t *labels, size_t n, size_t classes)
{
    float *values = need_floats(n, classes);
    for (size_t i = 0; i < n; i++)
        if (labels[i] >= 0) values[i * classes + (size_t)labels[i]] = 1;
    return values;
}

static size_t largest(const float *v, size_t n)
{
    size_t best = 0;
    for (size_t i = 1; i < n; i++)
        if (v[i] > v[best]) best = i;
    return best;
}

/* Picture to class: values stored with the pictures, read by pictures never seen. Every
 * fourth digit is held back, so that each class and each writer's hand is on both sides. */
static int chapter_association(struct tour *t)
{
    const size_t d = t->d, n = t->set.n, classes = t->set.classes;
    float *x[2] = { need_floats(n, d), need_floats(n, d) };
    int32_t *labels[2] = { need(n, sizeof(int32_t)), need(n, sizeof(int32_t)) };
    size_t count[2] = { 0, 0 }, right = 0;
    for (size_t i = 0; i < n; i++) {
        const int held = i % 4 == 3;
        memcpy(x[held] + count[held] * d, t->set.x + i * d, d * sizeof **x);
        labels[held][count[held]++] = t->set.labels[i];
    }
    float *values = one_hot(labels[0], count[0], classes), *read = need_floats(count[1], classes);
    const eg_items items = { NULL, labels[0], values, NULL };
    eg_memory_options o = memory_by_name("modern:0.08", d);
    eg_memory *m = NULL;
    o.value_size = classes;
    eg_status s = eg_memory_create(d, &o, &m);
    if (s == EG_OK) s = eg_memory_add(m, x[0], count[0], &items);
    if (s == EG_OK) s = eg_memory_read(m, x[1], count[1], t->call->common->threads, read);
    for (size_t i = 0; i < count[1] && s == EG_OK; i++)
        right += largest(read + i * classes, classes) == (size_t)labels[1][i];
    const double p = (double)right / (double)count[1], e = sqrt(p * (1 - p) / (double)count[1]);
    if (s == EG_OK) {
        tour_say(
            t,
            "      classes   %zu digits never seen: %.1f %% (+-%.1f) named right, without training",
            count[1], 100 * p, 100 * e);
        run_folder_metric(
            &t->run, json_pack("{s:s,s:f,s:f}", "chapter", "classes", "accuracy", p, "error", e));
        report_section(
            &t->report, "From picture to class",
            keep_format("A memory can answer with something else than what was asked: each of "
                        "%zu digits is stored with its class as value. Shown %zu digits it never "
                        "saw, the memory names %.1f %% (+-%.1f) of them right. Nothing was "
                        "trained; a new class is one more call of store.",
                        count[0], count[1], 100 * p, 100 * e));
    }
    for (int i = 0; i < 2; i++) {
        free(x[i]);
        free(labels[i]);
    }
    free(values);
    free(read);
    eg_memory_destroy(m);
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
}

const struct tour_chapter tour_chapters[] = {
    { "memories", chapter_memories }, { "hidden", chapter_hidden },
    { "load", chapter_load },         { "energy", chapter_energy },
    { "theory", chapter_theory },     { "classes", chapter_association },
    { "learn", tour_chapter_learn },  { "bags", tour_chapter_bags },
    { "teach", tour_chapter_teach },  { "known", tour_chapter_known },
    { "glass", tour_chapter_glass },  { NULL, NULL },
};
