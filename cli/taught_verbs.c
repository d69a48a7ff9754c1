/* forget, merge and info of files of taught classes. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/cli_text.h"
#include "cli/file_limits.h"
#include "cli/one_writer.h"
#include "cli/taught.h"

static size_t known_classes(const eg_head *h)
{
    size_t n = 0;
    for (size_t c = 0; c < eg_head_classes(h); c++) n += eg_head_class_count(h, c) > 0;
    return n;
}

static void describe(json_t *r, const eg_head *h)
{
    const eg_head_bytes b = eg_head_bytes_of(h);
    json_object_set_new(r, "classes", json_integer((json_int_t)known_classes(h)));
    json_object_set_new(r, "examples", json_integer((json_int_t)eg_head_count(h)));
    json_object_set_new(r, "head", json_string(eg_head_spec(h)));
    json_object_set_new(r, "learning_bytes", json_integer((json_int_t)b.learning));
    json_object_set_new(r, "frozen_bytes", json_integer((json_int_t)b.frozen));
}

int taught_report(const struct call *call, const char *path, const eg_head *h, const char *did,
                  size_t n, double started)
{
    json_t *r = json_object();
    json_object_set_new(r, "file", json_string(path));
    json_object_set_new(r, did, json_integer((json_int_t)n));
    describe(r, h);
    json_object_set_new(r, "seconds", json_number(seconds_now() - started));
    print_record(call, r);
    json_decref(r);
    return EXIT_DONE;
}

void taught_next(const struct call *call, const char *path, const char *network)
{
    say_next(call, "engram classify %s %s", shell_word(path), network != NULL ? "PICTURE" : "DATA");
}

/* ---- forget ---- */

static int forget_class(const struct call *call, struct taught *t, const char *name, size_t *n)
{
    const int32_t label = taught_class(t, name);
    if (label < 0) return taught_no_class(call, t, name);
    *n = (size_t)eg_head_class_count(t->head, (size_t)label);
    if (*n == 0) return taught_no_class(call, t, name);
    const eg_status s = eg_head_forget_class(t->head, (size_t)label);
    if (s == EG_OK) return EXIT_DONE;
    const int code = fail(s, call->args[0]);
    if (s == EG_ERR_UNSUPPORTED)
        fprintf(stderr, "  engram forget %s EXAMPLES.. --label %s\n", call->args[0], name);
    return code;
}

static int forget_items(const struct call *call, const struct forgetting *o, struct taught *t,
                        size_t *n)
{
    struct items items = { .n = 0 };
    int32_t *y = NULL;
    int code = taught_find_network(call, o->network, t);
    if (code == EXIT_DONE)
        code =
            items_read(call, t->network, &t->how, eg_head_features(t->head), o->reader, 1, &items);
    if (code == EXIT_DONE && items.n > 0 && items.f.d != eg_head_features(t->head))
        code = fail_usage(call, "%s: %zu features, %s learned from %zu", call->args[1], items.f.d,
                          call->args[0], eg_head_features(t->head));
    if (code == EXIT_DONE) y = need(items.n + 1, sizeof *y);
    for (size_t i = 0; i < items.n && code == EXIT_DONE; i++) {
        const char *name = o->label != NULL ? o->label : items.label[i];
        if (name == NULL)
            code = fail_usage(call, "%s has no class: --label NAME", items.name[i]);
        else if ((y[i] = taught_class(t, name)) < 0)
            code = taught_no_class(call, t, name);
    }
    const eg_status s = code == EXIT_DONE ? eg_head_forget(t->head, items.f.x, y, items.n) : EG_OK;
    if (s == EG_NOT_FOUND) {
        fprintf(stderr, "engram: %s: not all of these were taught as %s; nothing is forgotten\n",
                call->args[0], o->label != NULL ? harmless(o->label) : "what they are given as");
        code = EXIT_NO;
    } else if (s != EG_OK) {
        code = fail(s, call->args[0]);
    }
    *n = items.n;
    free(y);
    items_clear(&items);
    return code;
}

int taught_forget(const struct call *call, const struct forgetting *o)
{
    const double started = seconds_now();
    struct taught t = { .head = NULL };
    size_t n = 0;
    int turn = -1, code = one_writer_begin(call, call->args[0], &turn);
    if (code == EXIT_DONE) code = taught_open(call, call->args[0], 0, &t);
    if (code == EXIT_DONE && call->nargs == 1 && o->label == NULL)
        code = fail_usage(call, "--label NAME: the class, or the examples behind the file's name");
    if (code == EXIT_DONE)
        code =
            call->nargs == 1 ? forget_class(call, &t, o->label, &n) : forget_items(call, o, &t, &n);
    const eg_status s = code == EXIT_DONE ? taught_write(&t) : EG_OK;
    if (s != EG_OK) code = fail(s, NULL);
    if (code == EXIT_DONE)
        code = taught_report(call, call->args[0], t.head, "forgotten", n, started);
    if (code == EXIT_DONE)
        say_next(call, "engram vacuum %s    # what was forgotten leaves the file's bytes",
                 shell_word(call->args[0]));
    taught_close(&t);
    one_writer_end(turn);
    return code;
}

/* ---- merge ---- */

/* The number of a name among n notes of classes, some of them free (value NULL); a new one takes
 * the first that is free. */
static size_t number_of(const char *name, eg_note **notes, size_t *n)
{
    size_t at = 0, vacant = *n;
    for (; at < *n && ((*notes)[at].value == NULL || strcmp((*notes)[at].value, name) != 0); at++)
        if ((*notes)[at].value == NULL && vacant == *n) vacant = at;
    if (at < *n) return at;
    if (vacant == *n) {
        eg_note *grown = need(*n + 1, sizeof *grown);
        if (*n > 0) memcpy(grown, *notes, *n * sizeof *grown);
        free(*notes);
        *notes = grown;
        ++*n;
    }
    (*notes)[vacant] = (eg_note){ keep_format("class/%zu", vacant), name };
    return vacant;
}

/* Classes are the same by their names; new names get numbers that are free. */
static int join(const struct call *call, const char *path, eg_head *h, eg_note **notes,
                size_t *classes)
{
    struct taught from;
    int code = taught_open(call, path, 1, &from);
    int32_t *label = need(from.names + 1, sizeof *label);
    for (size_t c = 0; c < from.names && code == EXIT_DONE; c++) {
        label[c] = -1;
        if (eg_head_class_count(from.head, c) == 0) continue;
        if (taught_named(&from, c))
            label[c] = (int32_t)number_of(taught_name(&from, (int32_t)c), notes, classes);
        else
            code = fail_usage(call, "%s: class %zu has no name", path, c);
    }
    const eg_status s = code == EXIT_DONE ? eg_head_merge(h, from.head, label) : EG_OK;
    if (s != EG_OK) code = fail(s, s == EG_ERR_UNSUPPORTED ? call->args[0] : path);
    free(label);
    taught_close(&from);
    return code;
}

/* Names of the first file's classes (NULL: a number that is free), and what else its notes say. */
static size_t split_notes(struct taught *t, eg_note **classes, eg_note **rest)
{
    const eg_note *all = NULL;
    const size_t count = stored_notes(&t->file, &all);
    size_t n = 0;
    *classes = need(t->names + 1, sizeof **classes);
    *rest = need(count + 1, sizeof **rest);
    for (size_t c = 0; c < t->names; c++)
        (*classes)[c] =
            (eg_note){ keep_format("class/%zu", c),
                       eg_head_class_count(t->head, c) > 0 ? taught_name(t, (int32_t)c) : NULL };
    for (size_t i = 0; i < count; i++)
        if (strncmp(all[i].key, "class/", 6) != 0) (*rest)[n++] = all[i];
    return n;
}

static int save_merged(const struct call *call, eg_head *h, const eg_note *classes, size_t n,
                       const eg_note *rest, size_t others)
{
    eg_file_options options = EG_FILE_OPTIONS_INIT;
    eg_note *notes = need(n + others + 1, sizeof *notes);
    size_t named = 0;
    options.max_bytes = limits_given();
    for (size_t c = 0; c < n; c++)
        if (classes[c].value != NULL) notes[named++] = classes[c];
    if (others > 0) memcpy(notes + named, rest, others * sizeof *notes);
    options.notes = notes;
    options.note_count = named + others;
    const eg_status s = eg_memory_file_save_head(call->common->output, h, &options);
    free(notes);
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
}

int taught_merge(const struct call *call)
{
    const double started = seconds_now();
    struct taught t;
    eg_note *classes = NULL, *rest = NULL;
    int code = taught_open(call, call->args[0], 1, &t);
    size_t n = t.names, others = 0;
    if (code == EXIT_DONE) others = split_notes(&t, &classes, &rest);
    for (size_t i = 1; i < call->nargs && code == EXIT_DONE; i++)
        code = join(call, call->args[i], t.head, &classes, &n);
    if (code == EXIT_DONE) code = save_merged(call, t.head, classes, n, rest, others);
    if (code == EXIT_DONE)
        code = taught_report(call, call->common->output, t.head, "merged", call->nargs, started);
    if (code == EXIT_DONE) taught_next(call, call->common->output, t.network);
    free(classes);
    free(rest);
    taught_close(&t);
    return code;
}

/* ---- info ---- */

int taught_info(const struct call *call)
{
    struct taught t;
    eg_file_info info;
    int code = taught_open(call, call->args[0], 1, &t);
    const eg_status s = code == EXIT_DONE ? eg_memory_file_info(t.file.file, &info) : EG_OK;
    if (s != EG_OK) code = fail(s, call->args[0]);
    if (code == EXIT_DONE) {
        json_t *r = json_object(), *known = json_object();
        json_object_set_new(r, "file", json_string(call->args[0]));
        describe(r, t.head);
        json_object_set_new(r, "features", json_integer((json_int_t)info.size));
        json_object_set_new(r, "network", t.network != NULL ? json_string(t.network) : json_null());
        json_object_set_new(r, "bytes", json_integer((json_int_t)info.file_bytes));
        json_object_set_new(r, "root_hash", json_string(info.root_hash));
        for (size_t c = 0; c < eg_head_classes(t.head); c++)
            if (eg_head_class_count(t.head, c) > 0)
                json_object_set_new(known, taught_name(&t, (int32_t)c),
                                    json_integer((json_int_t)eg_head_class_count(t.head, c)));
        json_object_set_new(r, "known", known);
        print_record(call, r);
        json_decref(r);
        taught_next(call, call->args[0], t.network);
    }
    taught_close(&t);
    return code;
}
