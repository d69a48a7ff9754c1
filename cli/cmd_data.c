/* engram data: the catalogue of data sets. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli_table.h"
#include "cli/console.h"
#include "cli/stored.h"

static const char *set_name(const void *user, size_t i)
{
    (void)user;
    const eg_catalogue_entry *row = eg_catalogue_row(i);
    return row ? row->name : NULL;
}

static const eg_catalogue_entry *find_row(const char *name)
{
    const size_t length = strcspn(name, "/");
    for (size_t i = 0; eg_catalogue_row(i) != NULL; i++) {
        const eg_catalogue_entry *row = eg_catalogue_row(i);
        if (strlen(row->name) == length && strncmp(row->name, name, length) == 0) return row;
    }
    return NULL;
}

static void add_found(void *user, const char *name, const char *folder)
{
    struct table *t = user;
    const eg_catalogue_entry *row = find_row(name);
    table_word(t, "%s", name);
    table_word(t, "%s", folder);
    table_word(t, "%s", row ? row->title : "");
}

static int list_sets(const struct call *call)
{
    static const struct column columns[] = { { "name", NULL },
                                             { "where", NULL },
                                             { "what", NULL } };
    struct table t;
    table_begin(&t, "data", columns, 3);
    const eg_status s = eg_catalogue_find_all(add_found, &t);
    for (size_t i = 0; s == EG_OK && eg_catalogue_row(i) != NULL; i++) {
        char path[4096];
        const eg_catalogue_entry *row = eg_catalogue_row(i);
        if (eg_catalogue_find(row->name, path, sizeof path) == EG_OK) continue;
        table_word(&t, "%s", row->name);
        table_word(&t, "not here%s%s", *row->hint ? ": " : "", row->hint);
        table_word(&t, "%s", row->title);
    }
    if (s == EG_OK && call->common->json) {
        json_t *j = table_json(&t);
        json_dumpf(j, call->out, JSON_INDENT(2));
        fputc('\n', call->out);
        json_decref(j);
    } else if (s == EG_OK) {
        table_print(&t, call->out);
    }
    table_clear(&t);
    if (s != EG_OK) return fail(s, "data");
    say_next(call, "engram data info semeion");
    return EXIT_DONE;
}

/* Shape, range and classes of what can be read by this name. */
static int describe(const struct call *call, const char *name, json_t *r)
{
    eg_read_options read = EG_READ_OPTIONS_INIT;
    eg_dataset set = { 0 };
    const int code = data_read(call, name, &read, &set);
    if (code != EXIT_DONE) return code;
    const struct shape shape = { set.height, set.width, set.channels };
    const struct scaling s = scaling_of(&set, SCALING_NONE);
    json_object_set_new(r, "items", json_integer((json_int_t)set.n));
    json_object_set_new(r, "size", json_integer((json_int_t)set.d));
    if (set.height) json_object_set_new(r, "shape", json_string(shape_note(&shape)));
    json_object_set_new(r, "values", json_sprintf("%g to %g", s.black, s.white));
    json_object_set_new(r, "classes", json_integer((json_int_t)set.classes));
    eg_dataset_clear(&set);
    return EXIT_DONE;
}

static int info_of(const struct call *call, const char *name)
{
    char path[4096];
    const eg_catalogue_entry *row = find_row(name);
    json_t *r = json_object();
    json_object_set_new(r, "name", json_string(name));
    if (row != NULL) {
        json_object_set_new(r, "title", json_string(row->title));
        json_object_set_new(r, "licence", json_string(row->licence));
        json_object_set_new(r, "citation", json_string(row->citation));
        if (*row->url) json_object_set_new(r, "url", json_string(row->url));
    }
    int code = EXIT_DONE;
    if (!path_exists(name) && eg_catalogue_find(name, path, sizeof path) == EG_OK)
        json_object_set_new(r, "folder", json_string(path));
    code = describe(call, name, r);
    if (code == EXIT_DONE) {
        print_record(call, r);
        say_next(call, "engram store %s.egm %s", row ? row->name : "memory", name);
    }
    json_decref(r);
    return code;
}

/* $XDG_DATA_HOME/engram/NAME, made if it is not there; NULL when there is no home. */
static const char *target_folder(const char *name)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    const char *path = data && *data == '/' ? keep_format("%s/engram/%s", data, name)
                       : home && *home      ? keep_format("%s/.local/share/engram/%s", home, name)
                                            : NULL;
    if (path == NULL) return NULL;
    for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        (void)mkdir(path, 0777);
        *at = '/';
    }
    (void)mkdir(path, 0777); /* what could not be made shows when the file is written */
    return path;
}

static int get_set(const struct call *call, const char *name)
{
    const eg_catalogue_entry *row = find_row(name);
    if (row == NULL) {
        const char *near = nearest_name(name, set_name, NULL);
        return fail_usage(call, "no data set \"%s\" in the catalogue%s%s%s", name,
                          near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    }
    if (*row->url == '\0') {
        fprintf(stderr, "engram: %s is not downloaded; %s\n", name, row->hint);
        return EXIT_NO;
    }
    const char *folder = target_folder(row->name);
    if (folder == NULL) {
        fprintf(stderr, "engram: neither XDG_DATA_HOME nor HOME says where data goes\n");
        return EXIT_IO;
    }
    const char *slash = strrchr(row->url, '/');
    const char *path = keep_format("%s/%s", folder, slash ? slash + 1 : row->name);
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, call);
    const eg_status s = eg_download(row->url, row->sha256, path, &progress);
    bar_end(&bar);
    if (s != EG_OK) return fail(s, row->url);
    json_t *r = json_object();
    json_object_set_new(r, "file", json_string(path));
    json_object_set_new(r, "sha256", json_string(row->sha256));
    json_object_set_new(r, "licence", json_string(row->licence));
    print_record(call, r);
    json_decref(r);
    say_next(call, "engram data info %s", row->name);
    return EXIT_DONE;
}

static int run(const struct call *call)
{
    const char *what = call->nargs ? call->args[0] : "list";
    if (strcmp(what, "list") == 0 && call->nargs <= 1) return list_sets(call);
    if (strcmp(what, "info") == 0 && call->nargs == 2) return info_of(call, call->args[1]);
    if (strcmp(what, "get") == 0 && call->nargs == 2) return get_set(call, call->args[1]);
    return fail_usage(call, "expected list, info NAME or get NAME");
}

const struct command cmd_data = {
    .name = "data",
    .summary = "data sets: list them, describe one, download one",
    .arguments = "list | info NAME | get NAME ",
    .examples = "engram data list\nengram data info semeion\nengram data info photos/\n"
                "engram data get fashion-mnist",
    .notes =
        "Sets are looked for in $ENGRAM_DATA, in the data the program ships with, where Debian's\n"
        "packages put them, and where get downloads to. info also reads a file or folder.",
    .min_args = 0,
    .max_args = 2,
    .run = run,
};
