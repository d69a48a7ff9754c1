/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/taught.h"

#include <stdlib.h>
#include <string.h>

#include "cli/cli_text.h"

int taught_file(const char *path)
{
    eg_memory_file *f = NULL;
    const eg_file_options reading = { .size = sizeof reading, .read_only = 1 };
    const int head = eg_memory_file_open(path, &reading, &f) == EG_OK && eg_memory_file_is_head(f);
    eg_memory_file_close(f);
    return head;
}

/* ---- notes ---- */

static const char *note(struct taught *t, const char *key)
{
    const char *value = NULL;
    if (eg_memory_file_note(t->file.file, key, &value) != EG_OK || value == NULL) return NULL;
    return harmless(keep_format("%.4096s", value));
}

static const char *text_of(const json_t *o, const char *key)
{
    const char *text = json_string_value(json_object_get(o, key));
    return text != NULL ? keep_format("%s", text) : NULL;
}

/* Anybody can have written it: what does not fit is as good as not there. */
static void read_how(struct taught *t)
{
    const struct feature_options usual = FEATURE_OPTIONS_INIT;
    const char *text = note(t, "features");
    json_t *o = text != NULL ? json_loads(text, 0, NULL) : NULL;
    const double crop = json_number_value(json_object_get(o, "crop"));
    t->how = usual;
    t->how.layer = text_of(o, "layer");
    t->how.mean = text_of(o, "mean");
    t->how.deviation = text_of(o, "std");
    t->how.stretch = json_is_true(json_object_get(o, "stretch"));
    if (crop >= 0.01 && crop <= 1) t->how.crop = crop;
    json_decref(o);
}

size_t taught_notes(const char *network, const struct features *f, const eg_note **notes)
{
    char hex[65];
    eg_note *all = need(3, sizeof *all);
    *notes = all;
    if (network == NULL || eg_sha256_file(network, hex) != EG_OK) return 0;
    json_t *how =
        json_pack("{s:s,s:f,s:b,s:s*,s:s*}", "layer", f->layer, "crop", f->how->crop, "stretch",
                  f->how->stretch, "mean", f->how->mean, "std", f->how->deviation);
    char *text = json_dumps(how, JSON_REAL_PRECISION(6));
    all[0] = (eg_note){ "network", network };
    all[1] = (eg_note){ "network/sha256", keep_format("%s", hex) };
    all[2] = (eg_note){ "features", keep_format("%s", text != NULL ? text : "{}") };
    free(text);
    json_decref(how);
    return 3;
}

/* ---- the file ---- */

int taught_named(struct taught *t, size_t c)
{
    return note(t, keep_format("class/%zu", c)) != NULL;
}

static void count_names(struct taught *t)
{
    while (t->names < eg_head_classes(t->head) || taught_named(t, t->names)) t->names++;
}

int taught_open(const struct call *call, const char *path, int read_only, struct taught *t)
{
    *t = (struct taught){ .head = NULL };
    const int code = stored_open(call, path, read_only, &t->file);
    if (code != EXIT_DONE) return code;
    if (!eg_memory_file_is_head(t->file.file))
        return fail_usage(call, "%s holds no taught classes; engram teach makes a file that does",
                          path);
    const eg_status s = eg_memory_file_load_head(t->file.file, &t->head);
    if (s != EG_OK) return fail(s, NULL);
    t->network = note(t, "network");
    read_how(t);
    count_names(t);
    return EXIT_DONE;
}

void taught_close(struct taught *t)
{
    eg_head_destroy(t->head);
    stored_close(&t->file);
    *t = (struct taught){ .head = NULL };
}

/* Beside the memory file, by its last name. */
static const char *beside(const char *file, const char *network)
{
    const char *slash = strrchr(file, '/'), *name = strrchr(network, '/');
    return keep_format("%.*s%s", slash != NULL ? (int)(slash - file + 1) : 0, file,
                       name != NULL ? name + 1 : network);
}

/* A file opens the network that it names only where it also says what that is: else anybody's file
 * would have us read any other. With --network it is the user who says so. */
int taught_find_network(const struct call *call, const char *given, struct taught *t)
{
    char hex[65];
    const char *hash = note(t, "network/sha256"), *was = t->network;
    if (was == NULL)
        return given == NULL ? EXIT_DONE
                             : fail_usage(call, "%s was taught rows of features, without a network",
                                          call->args[0]);
    if (given == NULL
        && (hash == NULL || strspn(hash, "0123456789abcdef") != 64 || hash[64] != '\0')) {
        fprintf(stderr,
                "engram: %s: names a network, %s, without its sha256, so that it is not opened: "
                "--network says which to take\n",
                call->args[0], was);
        return EXIT_CORRUPT;
    }
    t->network = given != NULL ? given : was;
    if (given == NULL && !path_exists(was)) t->network = beside(call->args[0], was);
    if (!path_exists(t->network)) {
        fprintf(stderr,
                "engram: %s: taught with the features of %s, which is not there: --network says "
                "where it is\n",
                call->args[0], was);
        return EXIT_IO;
    }
    const eg_status s = eg_sha256_file(t->network, hex);
    if (s != EG_OK) return fail(s, t->network);
    if (hash == NULL || strcmp(hash, hex) == 0) return EXIT_DONE;
    fprintf(stderr,
            "engram: %s: another network than the one %s was taught with: sha256 %.12s.., expected "
            "%.12s..\n",
            t->network, call->args[0], hex, hash);
    return EXIT_IO;
}

/* ---- classes ---- */

const char *taught_name(struct taught *t, int32_t label)
{
    return stored_class(&t->file, label);
}

/* Classes that are forgotten leave their number to the next new one. */
static int in_use(struct taught *t, size_t c)
{
    return eg_head_class_count(t->head, c) > 0 || taught_named(t, c);
}

int32_t taught_class(struct taught *t, const char *name)
{
    for (size_t c = 0; c < t->names; c++)
        if (strcmp(taught_name(t, (int32_t)c), name) == 0 && in_use(t, c)) return (int32_t)c;
    return -1;
}

int32_t taught_new_class(struct taught *t, const char *name, eg_status *s)
{
    while (in_use(t, t->vacant)) t->vacant++;
    *s = eg_memory_file_set_note(t->file.file, keep_format("class/%zu", t->vacant), name);
    if (*s != EG_OK) return -1;
    if (t->vacant == t->names) t->names++;
    return (int32_t)t->vacant;
}

eg_status taught_write(struct taught *t)
{
    eg_status s = eg_memory_file_write_head(t->file.file, t->head);
    for (size_t c = t->names; c-- > 0 && s == EG_OK;)
        if (eg_head_class_count(t->head, c) == 0 && taught_named(t, c))
            s = eg_memory_file_set_note(t->file.file, keep_format("class/%zu", c), NULL);
    return s;
}

/* Of those that are in use. */
static const char *known_name(const void *user, size_t i)
{
    struct taught *t = (struct taught *)(uintptr_t)user;
    for (size_t c = 0; c < t->names; c++)
        if (in_use(t, c) && i-- == 0) return taught_name(t, (int32_t)c);
    return NULL;
}

int taught_no_class(const struct call *call, struct taught *t, const char *name)
{
    const char *near = nearest_name(name, known_name, t);
    struct text all = { 0 };
    for (size_t i = 0; i < 20 && known_name(t, i) != NULL; i++)
        text_add(&all, "%s%s", i > 0 ? ", " : "", known_name(t, i));
    fprintf(stderr, "engram: %s: no class \"%s\"%s%s%s; it knows %s%s\n", call->args[0],
            harmless(name), near ? "; did you mean " : "", near ? near : "", near ? "?" : "",
            all.size > 0 ? all.s : "none", known_name(t, 20) != NULL ? ", .." : "");
    text_clear(&all);
    return EXIT_NO;
}

/* ---- items ---- */

static void keep_names(struct items *items, const char *arg, const eg_dataset *set)
{
    if (items->n + set->n > items->room) {
        const size_t room = 2 * (items->n + set->n);
        const char **label = need(room, sizeof *label), **name = need(room, sizeof *name);
        if (items->n > 0) memcpy(label, items->label, items->n * sizeof *label);
        if (items->n > 0) memcpy(name, items->name, items->n * sizeof *name);
        free(items->label);
        free(items->name);
        items->label = label;
        items->name = name;
        items->room = room;
    }
    for (size_t i = 0; i < set->n; i++) {
        const int32_t y = set->labels != NULL ? set->labels[i] : -1;
        items->label[items->n] = y < 0                      ? NULL
                                 : set->class_names != NULL ? keep_format("%s", set->class_names[y])
                                                            : keep_format("%d", (int)y);
        items->name[items->n++] = features_name(arg, set, i);
    }
}

int items_read(const struct call *call, const char *network, const struct feature_options *how,
               size_t wanted, const struct reader_options *reader, size_t first,
               struct items *items)
{
    const eg_read_options read = read_options_of(reader);
    *items = (struct items){ .n = 0 };
    int code = features_begin(call, network, how, wanted, &items->f);
    for (size_t i = first; i < call->nargs && code == EXIT_DONE; i++) {
        eg_dataset set = { 0 };
        code = features_add(&items->f, call->args[i], &read, &set);
        if (code == EXIT_DONE) keep_names(items, call->args[i], &set);
        eg_dataset_clear(&set);
    }
    if (code == EXIT_DONE) code = features_end(&items->f);
    const size_t bad = code == EXIT_DONE ? features_finite(&items->f) : items->n;
    return bad < items->n ? features_refuse(&items->f, bad, items->name[bad]) : code;
}

void items_clear(struct items *items)
{
    features_clear(&items->f);
    free(items->label);
    free(items->name);
    items->label = items->name = NULL;
}
