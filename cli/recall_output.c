/* What engram recall shows: words, pictures and files for one cue, a table for many. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/recall_output.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli_table.h"
#include "cli/console.h"
#include "cli/picture.h"
#include "cli/routed_option.h"
#include "cli/words.h"

enum { STRIP_STEPS = 4, STRIP_HEIGHT = 128 };

static const char *nearest_words(struct stored *s, const eg_certificate *c)
{
    if (c->nearest >= eg_memory_count(s->memory)) return "none";
    const char *name = stored_class(s, eg_memory_label(s->memory, c->nearest));
    return keep_format("item %llu%s%s%s", (unsigned long long)c->nearest_id,
                       *name ? " (class " : "", name, *name ? ")" : "");
}

/* Whether memory `index` holds the very pattern the cue was made from: the same item, or one
 * stored twice under two ids. */
static int is_source(const struct stored *s, const struct cues *cues, size_t i, size_t index)
{
    if (index == cues->source[i]) return 1;
    float *x = need_floats(1, cues->d);
    const int same = eg_memory_pattern(s->memory, index, x) == EG_OK
                     && memcmp(x, cues->truth + i * cues->d, cues->d * sizeof *x) == 0;
    free(x);
    return same;
}

/* Cosine of the state and what the cue was made from. */
static double overlap_with_truth(const struct cues *cues, const struct recalls *r, size_t i)
{
    const float *x = r->states + i * cues->d, *y = cues->truth + i * cues->d;
    double xy = 0, xx = 0, yy = 0;
    for (size_t j = 0; j < cues->d; j++) {
        xy += (double)x[j] * (double)y[j];
        xx += (double)x[j] * (double)x[j];
        yy += (double)y[j] * (double)y[j];
    }
    return xx > 0 && yy > 0 ? xy / sqrt(xx * yy) : 0;
}

/* Whether the cue came back as the item it was made from, bit by bit or nearly. */
static int recovered(const struct stored *s, const struct cues *cues, const struct recalls *r,
                     size_t i)
{
    const eg_certificate *c = &r->certificates[i];
    if (cues->source[i] == SIZE_MAX) return 0;
    if (c->nearest >= eg_memory_count(s->memory)) return overlap_with_truth(cues, r, i) >= 0.99;
    return (c->exact || c->overlap >= 0.99) && is_source(s, cues, i, c->nearest);
}

static size_t path_length(const struct recalls *r)
{
    const size_t steps = r->certificates[0].steps;
    return steps + 1 < r->rows ? steps + 1 : r->rows;
}

static eg_status add_picture(const struct stored *s, const struct cues *cues, const float *x,
                             const char *caption, eg_image *images, const char **captions,
                             size_t *n)
{
    const eg_status status = picture_of_state(&s->shape, &s->scaling, x, &images[*n]);
    if (status != EG_OK) return status;
    if (cues->inverted) picture_invert(&images[*n]);
    captions[(*n)++] = caption;
    return EG_OK;
}

/* Cue, at most STRIP_STEPS states on the way, recalled, stored. n pictures out. */
static eg_status story(struct stored *s, const struct cues *cues, const struct recalls *r,
                       eg_image *images, const char **captions, size_t *n)
{
    const size_t length = r->path ? path_length(r) : 0, d = cues->d;
    const size_t nearest = r->certificates[0].nearest;
    eg_status status = add_picture(s, cues, cues->x, "cue", images, captions, n);
    for (size_t t = 1; t + 1 < length && t <= STRIP_STEPS && status == EG_OK; t++)
        status =
            add_picture(s, cues, r->path + t * d, keep_format("step %zu", t), images, captions, n);
    if (status == EG_OK) status = add_picture(s, cues, r->states, "recalled", images, captions, n);
    if (status == EG_OK && nearest < eg_memory_count(s->memory)) {
        float *x = need_floats(1, d);
        status = eg_memory_pattern(s->memory, nearest, x);
        if (status == EG_OK) status = add_picture(s, cues, x, "stored", images, captions, n);
        free(x);
    }
    return status;
}

static int show_pictures(const struct call *call, const struct recall_output *o, struct stored *s,
                         const struct cues *cues, const struct recalls *r)
{
    eg_image images[STRIP_STEPS + 3] = { { 0 } };
    const char *captions[STRIP_STEPS + 3];
    size_t n = 0;
    eg_status status = story(s, cues, r, images, captions, &n);
    if (status == EG_OK && !call->common->json && (o->picture || isatty(fileno(call->out))))
        picture_print(call->out, images, captions, n);
    if (status == EG_OK && o->strip != NULL) {
        eg_image strip = { 0 };
        status = picture_strip(images, n, STRIP_HEIGHT, &strip);
        if (status == EG_OK) status = eg_image_write_png(o->strip, &strip);
        if (status == EG_OK) say(call, "wrote   %s", o->strip);
        eg_image_clear(&strip);
    }
    for (size_t i = 0; i < n; i++) eg_image_clear(&images[i]);
    return status == EG_OK ? EXIT_DONE : fail(status, o->strip);
}

static json_t *cue_json(const struct recall_output *o, struct stored *s, const struct cues *cues,
                        const struct recalls *r, size_t i)
{
    const eg_certificate *c = &r->certificates[i];
    json_t *j = certificate_json(c);
    json_object_set_new(j, "cue", json_string(cues->name[i]));
    json_object_set_new(j, "recalled", json_boolean(certificate_recalled(c)));
    if (c->nearest < eg_memory_count(s->memory)) {
        const int32_t label = eg_memory_label(s->memory, c->nearest);
        json_object_set_new(j, "label", json_integer(label));
        json_object_set_new(j, "class", json_string(stored_class(s, label)));
    }
    if (cues->source[i] != SIZE_MAX)
        json_object_set_new(j, "recovered", json_boolean(recovered(s, cues, r, i)));
    if (o->trace) {
        json_t *energies = json_array();
        for (size_t t = 0; t < r->rows && !isnan(r->trace[i * r->rows + t]); t++)
            json_array_append_new(energies, json_number(r->trace[i * r->rows + t]));
        json_object_set_new(j, "energy", energies);
    }
    if (r->used != NULL) json_object_set_new(j, "used", table_json(&r->used[i]));
    if (r->routed != NULL) json_object_set_new(j, "routed", routed_json(&r->routed[i]));
    if (r->values != NULL) {
        json_t *values = json_array();
        for (size_t k = 0; k < r->read_size; k++)
            json_array_append_new(values, json_number((double)r->values[i * r->read_size + k]));
        json_object_set_new(j, "value", values);
    }
    return j;
}

static void print_one(const struct call *call, const struct recall_output *o, struct stored *s,
                      const struct cues *cues, const struct recalls *r)
{
    struct text t = { 0 };
    certificate_words(r->certificates, eg_memory_count(s->memory),
                      nearest_words(s, r->certificates), &t);
    fputs(t.s, call->out);
    text_clear(&t);
    if (cues->source[0] != SIZE_MAX)
        fprintf(call->out, "recovered  %s%s; overlap %.6f with %s\n",
                recovered(s, cues, r, 0) ? "yes" : "no",
                r->certificates->converged ? "" : ", but not at rest",
                overlap_with_truth(cues, r, 0), cues->name[0]);
    for (size_t k = 0; k < r->read_size; k++)
        fprintf(call->out, "%s%.6g%s", k == 0 ? "value      " : " ", (double)r->values[k],
                k + 1 == r->read_size ? "\n" : "");
    if (r->used != NULL) fputc('\n', call->out);
    if (r->used != NULL) table_print(&r->used[0], call->out);
    for (size_t step = 0; o->trace && step < r->rows && !isnan(r->trace[step]); step++)
        fprintf(call->out, "energy     %zu  %s\n", step, energy_text(r->trace[step]));
}

static void print_many(const struct call *call, struct stored *s, const struct cues *cues,
                       const struct recalls *r)
{
    static const struct column columns[] = {
        { "cue", NULL },     { "recalled", NULL },        { "nearest", "%.0f" },
        { "class", NULL },   { "overlap", "%.4f" },       { "exact", NULL },
        { "steps", "%.0f" }, { "energy_before", "%.5g" }, { "energy_after", "%.5g" },
        { "gap", "%.4g" },   { "bound", "%.2g" },
    };
    struct table t;
    table_begin(&t, "recall", columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < cues->q; i++) {
        const eg_certificate *c = &r->certificates[i];
        table_word(&t, "%s", cues->name[i]);
        table_word(&t, "%s%s", kind_name(c->kind), c->converged ? "" : ", moving");
        table_number(&t, c->nearest < eg_memory_count(s->memory) ? (double)c->nearest_id : NAN);
        table_word(&t, "%s", stored_class(s, eg_memory_label(s->memory, c->nearest)));
        table_number(&t, c->overlap);
        table_word(&t, "%s", c->exact_proved ? "proved" : c->exact ? "yes" : "no");
        table_number(&t, (double)c->steps);
        table_number(&t, c->energy_before);
        table_number(&t, c->energy_after);
        table_number(&t, c->gap);
        table_number(&t, c->error_bound);
    }
    table_print(&t, call->out);
    table_clear(&t);
}

static int ends_with(const char *s, const char *end)
{
    const size_t n = strlen(s), m = strlen(end);
    return n >= m && strcasecmp(s + n - m, end) == 0;
}

static int write_csv(const char *path, const float *x, size_t q, size_t d)
{
    struct text t = { 0 };
    for (size_t j = 0; j < d; j++) text_add(&t, "x%zu%s", j + 1, j + 1 == d ? "\n" : ",");
    for (size_t i = 0; i < q * d; i++)
        text_add(&t, "%.9g%s", (double)x[i], (i + 1) % d == 0 ? "\n" : ",");
    const int code = write_file(path, t.s, t.size);
    text_clear(&t);
    return code;
}

static eg_status recalled_picture(const struct stored *s, const struct cues *cues,
                                  const struct recalls *r, eg_image *image)
{
    const eg_status status = picture_of_state(&s->shape, &s->scaling, r->states, image);
    if (status == EG_OK && cues->inverted) picture_invert(image);
    return status;
}

/* -o -: the recalled picture as PNG. */
static int picture_to_stdout(const struct stored *s, const struct cues *cues,
                             const struct recalls *r)
{
    eg_image image = { 0 };
    uint8_t *png = NULL;
    size_t size = 0;
    eg_status status = recalled_picture(s, cues, r, &image);
    if (status == EG_OK) status = eg_image_encode_png(&image, &png, &size);
    const int written = status == EG_OK && fwrite(png, 1, size, stdout) == size;
    if (status == EG_OK) eg_image_free(&image, png, size);
    eg_image_clear(&image);
    if (status != EG_OK) return fail(status, NULL);
    return written ? EXIT_DONE : EXIT_IO;
}

static int write_output(const struct call *call, struct stored *s, const struct cues *cues,
                        const struct recalls *r)
{
    const char *path = call->common->output;
    eg_status status = EG_ERR_INVALID;
    if (ends_with(path, ".csv")) {
        const int code = write_csv(path, r->states, cues->q, cues->d);
        if (code != EXIT_DONE) return code;
        status = EG_OK;
    } else if (ends_with(path, ".npy")) {
        status = eg_npy_write(path, r->states, cues->q, cues->d);
    } else if (ends_with(path, ".png") && cues->q == 1 && shape_drawable(&s->shape, cues->d)) {
        eg_image image = { 0 };
        status = recalled_picture(s, cues, r, &image);
        if (status == EG_OK) status = eg_image_write_png(path, &image);
        eg_image_clear(&image);
    } else {
        return fail_usage(call,
                          "-o %s: expected .npy, .csv, or .png for one cue of a memory of "
                          "pictures",
                          path);
    }
    if (status != EG_OK) return fail(status, path);
    say(call, "wrote   %s", path);
    return EXIT_DONE;
}

static void summary(const struct call *call, const struct stored *s, const struct cues *cues,
                    const struct recalls *r, size_t done)
{
    size_t back = 0, from_stored = 0, steps = 0;
    for (size_t i = 0; i < cues->q; i++) {
        from_stored += cues->source[i] != SIZE_MAX;
        back += (size_t)recovered(s, cues, r, i);
        steps += r->certificates[i].steps;
    }
    const double q = (double)cues->q, p = (double)back / q;
    if (from_stored == cues->q)
        say(call, "recovered %.1f %% (+-%.1f) of %zu; mean %.2f steps; %.3f s", 100 * p,
            100 * sqrt(p * (1 - p) / q), cues->q, (double)steps / q, r->seconds);
    else
        say(call, "recalled %zu of %zu%s; mean %.2f steps; %.3f s", done, cues->q,
            eg_memory_options_view(s->memory)->storage <= EG_STORE_BITS ? " as one memory"
                                                                        : " at rest",
            (double)steps / q, r->seconds);
}

static void print_all(const struct call *call, const struct recall_output *o, struct stored *s,
                      const struct cues *cues, const struct recalls *r)
{
    for (size_t i = 0; call->common->json && i < cues->q; i++) {
        json_t *j = cue_json(o, s, cues, r, i);
        print_json_line(call->out, j);
        json_decref(j);
    }
    if (!call->common->json && cues->q == 1) print_one(call, o, s, cues, r);
    if (!call->common->json && cues->q != 1) print_many(call, s, cues, r);
}

static int show_and_write(const struct call *call, const struct recall_output *o, struct stored *s,
                          const struct cues *cues, const struct recalls *r)
{
    const char *path = call->common->output;
    const int drawn = cues->q == 1 && shape_drawable(&s->shape, cues->d);
    int code = EXIT_DONE;
    if (o->strip != NULL && !drawn)
        return fail_usage(call, "--strip: expected one cue of a memory of pictures, got %zu cues",
                          cues->q);
    if (drawn) code = show_pictures(call, o, s, cues, r);
    if (code != EXIT_DONE || path == NULL) return code;
    if (strcmp(path, "-") != 0) return write_output(call, s, cues, r);
    return call->out == stdout ? EXIT_DONE : picture_to_stdout(s, cues, r);
}

int recall_output(const struct call *call, const struct recall_output *o, struct stored *s,
                  const struct cues *cues, const struct recalls *r)
{
    const char *path = call->common->output;
    const int drawn = cues->q == 1 && shape_drawable(&s->shape, cues->d);
    struct call told = *call;
    size_t done = 0;
    /* a picture on standard output leaves no room for words there */
    if (path != NULL && strcmp(path, "-") == 0 && drawn && !call->common->json) told.out = stderr;
    const int code = show_and_write(&told, o, s, cues, r);
    if (code != EXIT_DONE) return code;
    print_all(&told, o, s, cues, r);
    for (size_t i = 0; i < cues->q; i++) {
        const eg_certificate *c = &r->certificates[i];
        /* rest is all that weights can show */
        done += certificate_recalled(c) || (c->converged && c->kind == EG_FIXED_SPURIOUS);
    }
    if (cues->q != 1) summary(call, s, cues, r, done);
    if (path == NULL && drawn)
        say_next(call, "the same with -o fixed.png, --strip strip.png or --trace");
    else if (cues->q != 1)
        say_next(call, "engram recall %s --item ID --hide 0.3 --picture",
                 shell_word(call->args[0]));
    return done > 0 ? EXIT_DONE : EXIT_NO;
}
