/* Binary memories between data and files. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/binary_memory.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_text.h"
#include "cli/file_limits.h"

int binary_kind_of(const char *memory)
{
    const size_t length = memory != NULL ? strcspn(memory, ":") : 0;
    for (size_t i = 0; memory != NULL && eg_binary_kind_at(i) != NULL; i++) {
        const char *name = eg_binary_kind_at(i)->name;
        if (strlen(name) == length && strncmp(name, memory, length) == 0) return (int)i;
    }
    return -1;
}

int binary_number_of(const char *memory, uint64_t *number)
{
    const char *at = strchr(memory, ':');
    const int kind = binary_kind_of(memory);
    *number = 0;
    if (at == NULL) return 1;
    at++;
    return kind != EG_BINARY_WILLSHAW && kind != EG_BINARY_BAM && take_whole(&at, 1u << 30, number)
           && *at == '\0' && *number > 0;
}

/* A hundredth lies 2.33 standard deviations below half of the units. */
size_t binary_radius(size_t units)
{
    const double r = floor((double)units / 2 - 2.326 * sqrt((double)units) / 2);
    return r > 0 ? (size_t)r : 0;
}

int binary_of_symbols(const eg_binary_options *o)
{
    return o->kind == EG_BINARY_CLIQUE || o->kind == EG_BINARY_CHAIN;
}

const char *binary_words(const eg_binary_options *o)
{
    struct text t = { 0 };
    text_add(&t, "%s of ", eg_binary_kind_at((size_t)o->kind)->name);
    if (o->clusters > 1) text_add(&t, "%zu clusters of ", o->clusters);
    text_add(&t, "%zu units", o->units);
    if (o->out_clusters > 0) text_add(&t, ", to ");
    if (o->out_clusters > 1) text_add(&t, "%zu clusters of ", o->out_clusters);
    if (o->out_clusters > 0) text_add(&t, "%zu units", o->out_units);
    if (o->order > 0) text_add(&t, ", order %zu", o->order);
    if (o->locations > 0) text_add(&t, ", %zu locations, radius %zu", o->locations, o->radius);
    if (o->counted) text_add(&t, ", counted");
    const char *words = keep_format("%s", t.s);
    text_clear(&t);
    return words;
}

void binary_scale(const eg_binary_options *o, const struct scaling *s, float *x, size_t n, size_t d)
{
    if (!binary_of_symbols(o)) scaling_apply(s, x, n, d);
}

static int encode_side(const eg_binary *m, int side, const float *x, size_t n, uint64_t **out)
{
    const size_t words = side == 0 ? eg_binary_words(m) : eg_binary_out_words(m);
    *out = need(n * words + 1, sizeof **out);
    const eg_status s = eg_binary_encode(m, side, x, n, *out);
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
}

static int shape_differs(const struct call *call, const char *what, const char *name, size_t got,
                         size_t want)
{
    return fail_usage(call, "%s: %s items of %zu numbers, the memory has %zu", name, what, got,
                      want);
}

/* Contents of a file of their own. */
static int encode_contents(const struct call *call, const eg_binary *m, const char *name, size_t n,
                           uint64_t **out)
{
    const size_t each = eg_binary_numbers(m, 1);
    const eg_read_options read = { .size = sizeof read, .index_base = -1 };
    eg_dataset set = { 0 };
    int code = data_read(call, name, &read, &set);
    if (code != EXIT_DONE) return code;
    if (set.d != each)
        code = shape_differs(call, "contents are", name, set.d, each);
    else if (set.n != n)
        code = fail_usage(call, "%s: %zu contents for %zu addresses", name, set.n, n);
    else {
        const struct scaling s = scaling_of(&set, SCALING_SIGNS);
        binary_scale(eg_binary_options_view(m), &s, set.x, set.n, set.d);
        code = encode_side(m, 1, set.x, n, out);
    }
    eg_dataset_clear(&set);
    return code;
}

/* The class of each item: a symbol, or the one unit that is on. */
static int encode_classes(const struct call *call, const eg_binary *m, const eg_dataset *set,
                          uint64_t **out)
{
    const size_t each = eg_binary_numbers(m, 1), classes = eg_binary_options_view(m)->out_units;
    if (set->labels == NULL)
        return fail_usage(call,
                          "%s: no labels, and the memory has a content to each address "
                          "(--contents, or data with labels)",
                          call->args[1]);
    float *x = need_floats(set->n, each);
    int code = EXIT_DONE;
    for (size_t i = 0; i < set->n && code == EXIT_DONE; i++) {
        const int32_t label = set->labels[i];
        if (label < 0 || (size_t)label >= classes)
            code = fail_usage(call, "%s: item %zu has no class below %zu", call->args[1], i + 1,
                              classes);
        else if (each == 1)
            x[i] = (float)label;
        else
            x[i * each + (size_t)label] = 1;
    }
    if (code == EXIT_DONE) code = encode_side(m, 1, x, set->n, out);
    free(x);
    return code;
}

int binary_encode(const struct call *call, const eg_binary *m, const struct scaling *scaling,
                  eg_dataset *set, const char *contents, struct binary_pairs *out)
{
    const eg_binary_options *o = eg_binary_options_view(m);
    *out = (struct binary_pairs){ set->n, NULL, NULL };
    if (set->d != eg_binary_numbers(m, 0))
        return shape_differs(call, "there are", call->args[1], set->d, eg_binary_numbers(m, 0));
    if (contents != NULL && o->out_clusters == 0)
        return fail_usage(call, "--contents: this memory completes its items, it has none");
    binary_scale(o, scaling, set->x, set->n, set->d);
    int code = encode_side(m, 0, set->x, set->n, &out->addresses);
    if (code == EXIT_DONE && o->out_clusters > 0)
        code = contents != NULL ? encode_contents(call, m, contents, set->n, &out->contents)
                                : encode_classes(call, m, set, &out->contents);
    if (code != EXIT_DONE) binary_pairs_clear(out);
    return code;
}

void binary_pairs_clear(struct binary_pairs *p)
{
    free(p->addresses);
    free(p->contents);
    *p = (struct binary_pairs){ 0, NULL, NULL };
}

/* ---- files ---- */

int binary_file(const char *path)
{
    eg_memory_file *f = NULL;
    const eg_file_options reading = { .size = sizeof reading, .read_only = 1 };
    const int binary =
        eg_memory_file_open(path, &reading, &f) == EG_OK && eg_memory_file_is_binary(f);
    eg_memory_file_close(f);
    return binary;
}

int binary_open(const struct call *call, const char *path, int read_only, struct stored *s,
                eg_binary **m)
{
    const int code = stored_open(call, path, read_only, s);
    if (code != EXIT_DONE) return code;
    if (!eg_memory_file_is_binary(s->file)) return stored_refuse(call, s);
    const eg_status status = eg_memory_file_load_binary(s->file, m);
    return status == EG_OK ? EXIT_DONE : fail(status, NULL);
}

int binary_save_new(const struct call *call, const char *path, const eg_binary *m,
                    const eg_note *notes, size_t note_count)
{
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, call);
    eg_file_options options = EG_FILE_OPTIONS_INIT;
    options.max_bytes = limits_given();
    options.progress = &progress;
    options.notes = notes;
    options.note_count = note_count;
    const eg_status status = eg_memory_file_save_binary(path, m, &options);
    bar_end(&bar);
    return status == EG_OK ? EXIT_DONE : fail(status, path);
}

/* ---- what is said of it ---- */

void binary_health(json_t *r, const eg_binary *m)
{
    eg_binary_health h;
    if (eg_binary_measure(m, &h) != EG_OK) return;
    json_t *j = json_object();
    json_object_set_new(j, "fill", json_number(h.fill));
    json_object_set_new(j, "fill_expected", json_number(h.fill_expected));
    json_object_set_new(j, "error_from_half", json_number(h.error));
    json_object_set_new(j, "false_accept", json_number(h.false_accept));
    json_object_set_new(j, "room", json_number(floor(h.room)));
    json_object_set_new(j, "bits_stored", json_number(h.bits_stored));
    json_object_set_new(j, "efficiency", json_number(h.efficiency));
    const char *key;
    json_t *value;
    json_object_foreach(j, key, value)
    {
        if (!json_is_null(value)) json_object_set(r, key, value);
    }
    json_decref(j);
}

int binary_report(const struct call *call, const char *path, const eg_binary *m, const char *did,
                  size_t n, double started)
{
    struct stored s;
    eg_file_info info = { 0 };
    int code = stored_open(call, path, 1, &s);
    if (code != EXIT_DONE) return code;
    eg_status status = eg_memory_file_verify(s.file, NULL, NULL);
    if (status == EG_OK) status = eg_memory_file_info(s.file, &info);
    stored_close(&s);
    if (status != EG_OK) return fail(status, path);
    json_t *r = json_object();
    json_object_set_new(r, "file", json_string(path));
    if (did != NULL) json_object_set_new(r, did, json_integer((json_int_t)n));
    json_object_set_new(r, "patterns", json_integer((json_int_t)info.count));
    json_object_set_new(r, "memory", json_string(binary_words(eg_binary_options_view(m))));
    binary_health(r, m);
    json_object_set_new(r, "bytes", json_integer((json_int_t)info.file_bytes));
    json_object_set_new(r, "root_hash", json_string(info.root_hash));
    json_object_set_new(r, "verified", json_true());
    json_object_set_new(r, "seconds", json_number(seconds_now() - started));
    print_record(call, r);
    json_decref(r);
    return EXIT_DONE;
}
