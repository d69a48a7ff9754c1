/* engram tour: the whole program at work on real data in a few seconds, and a report of it.
 * Data, store, recall are here; what follows are the rows of tour_chapters. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <limits.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cues.h"
#include "cli/file_limits.h"
#include "cli/picture.h"
#include "cli/tour.h"
#include "cli/words.h"

enum { STREAM_ORDER = 201 };

void tour_say(struct tour *t, const char *format, ...)
{
    va_list args;
    char *line = NULL;
    va_start(args, format);
    const int n = vasprintf(&line, format, args);
    va_end(args);
    if (n < 0) return;
    run_folder_log(&t->run, t->call->common->json || t->call->common->quiet ? NULL : t->call->out,
                   "%s", line);
    free(line);
}

eg_status tour_picture(const struct tour *t, const float *x, eg_image *out)
{
    return picture_of_state(&t->shape, &t->scaling, x, out);
}

eg_status tour_memory(const struct tour *t, const char *name, size_t n, eg_memory **out)
{
    const eg_memory_options o = memory_by_name(name, t->d);
    const eg_items items = { NULL, t->set.labels, NULL, NULL };
    eg_memory *m = NULL;
    eg_status s = eg_memory_create(t->d, &o, &m);
    if (s == EG_OK) s = eg_memory_add(m, t->set.x, n, &items);
    if (s == EG_OK)
        *out = m;
    else
        eg_memory_destroy(m);
    return s;
}

static double cosine(const float *a, const float *b, size_t d)
{
    double ab = 0, aa = 0, bb = 0;
    for (size_t i = 0; i < d; i++) {
        ab += (double)a[i] * (double)b[i];
        aa += (double)a[i] * (double)a[i];
        bb += (double)b[i] * (double)b[i];
    }
    return aa > 0 && bb > 0 ? ab / sqrt(aa * bb) : 0;
}

eg_status tour_measure(const struct tour *t, const eg_memory *m, const float *cues,
                       const float *truth, size_t q, struct outcome *o)
{
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, t->call);
    eg_recall_options how = EG_RECALL_OPTIONS_INIT;
    how.threads = t->call->common->threads;
    how.progress = &progress;
    float *states = need_floats(q, t->d);
    eg_certificate *c = need(q, sizeof *c);
    const eg_status s = eg_memory_recall(m, cues, q, &how, states, c);
    *o = (struct outcome){ .seconds = seconds_now() - bar.started };
    bar_end(&bar);
    for (size_t i = 0; i < q && s == EG_OK; i++) {
        const double overlap = cosine(states + i * t->d, truth + i * t->d, t->d);
        o->recovered += overlap > 0.999;
        o->overlap += overlap;
        o->steps += (double)c[i].steps;
        o->memory += c[i].kind == EG_FIXED_MEMORY;
        o->mixture += c[i].kind == EG_FIXED_METASTABLE;
        o->average += c[i].kind == EG_FIXED_GLOBAL;
    }
    double *const means[] = { &o->recovered, &o->overlap, &o->steps,
                              &o->memory,    &o->mixture, &o->average };
    for (size_t i = 0; i < sizeof means / sizeof *means; i++) *means[i] /= (double)q;
    o->error = sqrt(o->recovered * (1 - o->recovered) / (double)q);
    free(states);
    free(c);
    return s;
}

eg_status tour_path(const struct tour *t, const eg_memory *m, const float *cue, float **states,
                    double **energy, size_t *length, eg_certificate *c)
{
    enum { STEPS = 60 };
    eg_recall_options how = EG_RECALL_OPTIONS_INIT;
    float *path = need_floats(STEPS + 1, t->d), *rest = need_floats(1, t->d);
    double *trace = need(STEPS + 1, sizeof *trace);
    how.max_steps = STEPS;
    how.path = path;
    how.trace = trace;
    const eg_status s = eg_memory_recall(m, cue, 1, &how, rest, c);
    free(rest);
    if (s != EG_OK) {
        free(path);
        free(trace);
        return s;
    }
    *states = path;
    *energy = trace;
    *length = c->steps + 1;
    return EG_OK;
}

void tour_hard_cues(const struct tour *t, float *cues, size_t q)
{
    memcpy(cues, t->truth, q * t->d * sizeof *cues);
    hide_apply("0.9", &t->shape, t->seed, 0, cues, NULL, q, t->d);
}

static int read_data(struct tour *t)
{
    eg_read_options read = EG_READ_OPTIONS_INIT;
    const eg_status s = eg_catalogue_read("semeion", &read, &t->set);
    read.max_bytes = limits_given();
    if (s != EG_OK) return s == EG_NOT_FOUND ? (fail(s, NULL), EXIT_IO) : fail(s, NULL);
    t->d = t->set.d;
    t->shape = (struct shape){ t->set.height, t->set.width, t->set.channels };
    t->scaling = scaling_of(&t->set, SCALING_SIGNS);
    if (!shape_drawable(&t->shape, t->d) || t->set.n < TOUR_CUES || t->set.labels == NULL) {
        fprintf(stderr,
                "engram: semeion: expected at least %d labelled pictures, got %zu items of %zu\n",
                TOUR_CUES, t->set.n, t->d);
        return EXIT_CORRUPT;
    }
    scaling_apply(&t->scaling, t->set.x, t->set.n, t->d);
    tour_say(t, "  1/4 data      %zu handwritten digits %zux%zu, +-1", t->set.n, t->shape.height,
             t->shape.width);
    return EXIT_DONE;
}

static eg_status write_file_of(struct tour *t, const eg_memory_options *o)
{
    const eg_items items = { NULL, t->set.labels, NULL, NULL };
    eg_memory_file *f = NULL;
    eg_status s = eg_memory_file_create(t->file, t->d, o, NULL, &f);
    if (s == EG_OK) s = eg_memory_file_set_note(f, "title", "Semeion handwritten digits");
    if (s == EG_OK) s = eg_memory_file_set_note(f, "shape", shape_note(&t->shape));
    if (s == EG_OK) s = eg_memory_file_set_note(f, "scaling", scaling_note(&t->scaling));
    if (s == EG_OK) s = eg_memory_file_append(f, t->set.x, t->set.n, &items, NULL);
    if (s == EG_OK) s = eg_memory_file_verify(f, NULL, NULL);
    if (s == EG_OK) s = eg_memory_file_load(f, &t->memory);
    eg_memory_file_close(f);
    return s;
}

static int store_data(struct tour *t)
{
    const double started = seconds_now();
    const eg_memory_options o = memory_by_name(TOUR_MEMORY, t->d);
    t->file = run_folder_file(&t->run, "digits.egm");
    const eg_status s = write_file_of(t, &o);
    if (s != EG_OK) return fail(s, t->file);
    const double seconds = seconds_now() - started;
    tour_say(t,
             "  2/4 store     dense memory, n = %g           %zu/%zu   %.2f s   -> %s (verified)",
             o.rule.order, eg_memory_count(t->memory), t->set.n, seconds, t->file);
    run_folder_metric(&t->run, json_pack("{s:s,s:I,s:f}", "chapter", "store", "stored",
                                         (json_int_t)t->set.n, "seconds", seconds));
    return EXIT_DONE;
}

static void make_cues(struct tour *t)
{
    size_t *order = need(t->set.n, sizeof *order);
    eg_random_permutation(t->seed, STREAM_ORDER, t->set.n, order);
    t->q = TOUR_CUES;
    t->truth = need_floats(t->q, t->d);
    t->cues = need_floats(t->q, t->d);
    for (size_t i = 0; i < t->q; i++)
        memcpy(t->truth + i * t->d, t->set.x + order[i] * t->d, t->d * sizeof *t->truth);
    memcpy(t->cues, t->truth, t->q * t->d * sizeof *t->cues);
    hide_apply(TOUR_HIDE, &t->shape, t->seed, 0, t->cues, NULL, t->q, t->d);
    free(order);
}

/* Cue, first steps, what was recalled, what was stored, of one cue (D): in the report, and where
 * asked in the terminal. */
static eg_status show_path(struct tour *t, const eg_memory *m, const float *cue, const float *truth,
                           int in_terminal)
{
    static const char alt[] =
        "A digit with hidden pixels, the steps of its recall, what was recalled, the stored digit";
    enum { STEPS = 4 };
    eg_image images[STEPS + 3] = { { 0 } };
    const char *captions[STEPS + 3];
    float *states;
    double *energy;
    size_t length, n = 0;
    eg_certificate c;
    eg_status s = tour_path(t, m, cue, &states, &energy, &length, &c);
    if (s != EG_OK) return s;
    for (size_t i = 0; i < length && i <= STEPS && s == EG_OK; i++) {
        if (i > 1 && memcmp(states + i * t->d, states + (i - 1) * t->d, t->d * sizeof(float)) == 0)
            continue; /* the last step of a sign memory confirms rest */
        captions[n] = i == 0 ? "cue" : keep_format("step %zu", i);
        s = tour_picture(t, states + i * t->d, &images[n++]);
    }
    if (s == EG_OK) {
        captions[n] = "recalled";
        s = tour_picture(t, states + (length - 1) * t->d, &images[n++]);
    }
    if (s == EG_OK) {
        captions[n] = "stored";
        s = tour_picture(t, truth, &images[n++]);
    }
    if (s == EG_OK) {
        report_pictures(&t->report, images, captions, n, 88, alt);
        if (in_terminal && !t->call->common->json && !t->call->common->quiet)
            picture_print(t->call->out, images, captions, n);
    }
    for (size_t i = 0; i < n; i++) eg_image_clear(&images[i]);
    free(states);
    free(energy);
    return s;
}

/* A lower order and nine tenths hidden: the recall that takes the most steps and arrives. */
static eg_status show_hard(struct tour *t)
{
    enum { LOOK_AT = 60 };
    eg_memory *m = NULL;
    float *cues = need_floats(LOOK_AT, t->d), *states = need_floats(LOOK_AT, t->d);
    eg_certificate *c = need(LOOK_AT, sizeof *c);
    size_t best = 0;
    tour_hard_cues(t, cues, LOOK_AT);
    eg_status s = tour_memory(t, "rectified:10", t->set.n, &m);
    if (s == EG_OK) s = eg_memory_recall(m, cues, LOOK_AT, NULL, states, c);
    for (size_t i = 0; i < LOOK_AT && s == EG_OK; i++) {
        const int arrived =
            memcmp(states + i * t->d, t->truth + i * t->d, t->d * sizeof *cues) == 0;
        if (arrived && c[i].steps > c[best].steps) best = i;
    }
    if (s == EG_OK) {
        report_paragraph(&t->report,
                         "A memory of order 10, nine tenths of the pixels hidden: now it "
                         "takes several steps.");
        s = show_path(t, m, cues + best * t->d, t->truth + best * t->d, 0);
    }
    eg_memory_destroy(m);
    free(cues);
    free(states);
    free(c);
    return s;
}

/* A cue anyone can try next, as a picture of another size than the memory's. */
static eg_status write_cue(struct tour *t)
{
    eg_image small = { 0 }, large = { 0 };
    eg_status s = tour_picture(t, t->cues, &small);
    if (s == EG_OK) s = eg_image_resize(&small, 4 * small.height, 4 * small.width, &large);
    if (s == EG_OK) s = eg_image_write_png(run_folder_file(&t->run, "cue.png"), &large);
    eg_image_clear(&small);
    eg_image_clear(&large);
    return s;
}

static void begin_report(struct tour *t, const struct outcome *o)
{
    const char *figure[4] = {
        keep_format("%zu", t->set.n), keep_format("%.1f %%", 100 * o->recovered),
        keep_format("%.1f", o->steps),
        keep_format("%.0f", (double)t->q / (o->seconds > 0 ? o->seconds : 1e-9))
    };
    static const char *const what[4] = { "handwritten digits stored",
                                         "recovered, 30 % of pixels hidden", "steps a recall, mean",
                                         "recalls a second" };
    report_begin(
        &t->report, "A memory that recalls, and proves it",
        "1593 handwritten digits in one dense associative memory. Hide part of a digit and the "
        "memory completes it; every recall comes with a certificate of what was done.");
    report_figures(&t->report, figure, what, 4);
}

static int recall_data(struct tour *t)
{
    struct outcome o;
    make_cues(t);
    eg_status s = tour_measure(t, t->memory, t->cues, t->truth, t->q, &o);
    if (s != EG_OK) return fail(s, NULL);
    tour_say(t,
             "  3/4 recall    30 %% of pixels hidden        recovered %.1f %% (+-%.1f)      mean "
             "%.1f steps",
             100 * o.recovered, 100 * o.error, o.steps);
    run_folder_metric(&t->run, json_pack("{s:s,s:f,s:f,s:f,s:f}", "chapter", "recall", "recovered",
                                         o.recovered, "error", o.error, "steps", o.steps, "seconds",
                                         o.seconds));
    begin_report(t, &o);
    report_section(
        &t->report, "Recall",
        "Three tenths of the pixels are taken away (grey). Each step the memory compares the "
        "picture with all that it holds, and moves towards what is most alike, until nothing "
        "changes: that is what is recalled, beside what was stored.");
    for (size_t i = 0; i < 2 && s == EG_OK; i++)
        s = show_path(t, t->memory, t->cues + i * t->d, t->truth + i * t->d, i == 0);
    if (s == EG_OK) s = show_hard(t);
    if (s == EG_OK) s = write_cue(t);
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
}

static int finish(struct tour *t)
{
    char hash[65] = "", folder[PATH_MAX];
    const char *path = run_folder_file(&t->run, "report.html");
    json_t *facts = json_object(), *env = environment_json(t->call);
    json_object_set_new(facts, "command", json_string(t->call->line));
    json_object_set_new(facts, "date", json_string(report_date()));
    json_object_set_new(facts, "seed", json_integer((json_int_t)t->seed));
    if (eg_sha256_file(t->file, hash) == EG_OK)
        json_object_set_new(facts, "digits.egm sha256", json_string(hash));
    json_object_update(facts, env);
    json_decref(env);
    report_section(
        &t->report, "How it was made",
        "Everything above was computed by this one command. Whatever the number of threads, the "
        "same seed gives the same digits, shares, steps and energies; seconds and recalls a second "
        "are those of this machine.");
    report_facts(&t->report, facts);
    json_decref(facts);
    const int code = report_save(&t->report, path);
    if (code != EXIT_DONE) return code;
    if (realpath(path, folder) == NULL) snprintf(folder, sizeof folder, "%s", path);
    tour_say(t, "  4/4 report    %s   (%.1f s in all)", keep_address(folder),
             seconds_now() - t->started);
    if (t->call->common->json) {
        json_t *r = json_pack("{s:s,s:s,s:s,s:f}", "folder", t->run.path, "report", path, "memory",
                              t->file, "seconds", seconds_now() - t->started);
        print_record(t->call, r);
        json_decref(r);
    }
    say_next(t->call, "engram recall %s %s      engram help", shell_word(t->file),
             run_folder_file(&t->run, "cue.png"));
    return EXIT_DONE;
}

static json_t *config_of(const struct tour *t)
{
    const eg_memory_options o = memory_by_name(TOUR_MEMORY, 256);
    return json_pack("{s:s,s:s,s:I,s:i,s:s,s:s,s:o,s:i}", "command", t->call->line, "data",
                     "semeion", "seed", (json_int_t)t->seed, "threads", t->call->common->threads,
                     "memory", TOUR_MEMORY, "hide", TOUR_HIDE, "rule", rule_json(&o), "cues",
                     TOUR_CUES);
}

static int run_chapter(struct tour *t, const struct tour_chapter *c)
{
    const double started = seconds_now();
    if (interrupted()) return fail(EG_ERR_INTERRUPTED, c->name);
    const int code = c->run(t);
    run_folder_metric(&t->run,
                      json_pack("{s:s,s:f}", "done", c->name, "seconds", seconds_now() - started));
    return code;
}

static int run(const struct call *call)
{
    struct tour t = { .call = call, .seed = call->common->seed, .started = seconds_now() };
    json_t *config = config_of(&t);
    int code = run_folder_begin(call, "tour", config, &t.run);
    json_decref(config);
    if (code == EXIT_DONE) code = read_data(&t);
    if (code == EXIT_DONE) code = store_data(&t);
    if (code == EXIT_DONE) code = recall_data(&t);
    for (const struct tour_chapter *c = tour_chapters; c->name != NULL && code == EXIT_DONE; c++)
        code = run_chapter(&t, c);
    if (code == EXIT_DONE) code = finish(&t);
    if (code == EXIT_INTERRUPTED && t.run.path != NULL)
        fprintf(stderr, "  what was done is in %s\n", t.run.path);
    const int closed = run_folder_end(&t.run);
    eg_dataset_clear(&t.set);
    eg_memory_destroy(t.memory);
    report_clear(&t.report);
    free(t.truth);
    free(t.cues);
    return code == EXIT_DONE ? closed : code;
}

const struct command cmd_tour = {
    .name = "tour",
    .summary = "see it all work on real data, in seconds, and read the report",
    .arguments = "",
    .examples = "engram tour\nengram tour -o my-tour --seed 7",
    .notes =
        "Needs no network. Writes a folder under runs/ (or the new folder -o names): report.html,\n"
        "digits.egm, cue.png, config.json, metrics.jsonl, log.txt, env.json.",
    .min_args = 0,
    .max_args = 0,
    .own_output = 1,
    .run = run,
};
