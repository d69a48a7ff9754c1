/* engram data: the catalogue of data sets. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/cli_table.h"
#include "cli/console.h"
#include "cli/stored.h"

struct get {
    struct common common;
    const char *url, *sha256;
};

static const struct get defaults = { .url = NULL };

static const struct opt options[] = {
    { "url", 0, OPT_TEXT, offsetof(struct get, url), "URL", "get: download from here", NULL, 0, 0 },
    { "sha256", 0, OPT_TEXT, offsetof(struct get, sha256), "SUM", "get: checksum of that file",
      NULL, 0, 0 },
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

static const char *set_name(const void *user, size_t i)
{
    (void)user;
    const eg_catalogue_entry *row = eg_catalogue_row(i);
    return row ? row->name : NULL;
}

static const char *verb_name(const void *user, size_t i)
{
    static const char *const names[] = { "list", "info", "get" };
    (void)user;
    return i < 3 ? names[i] : NULL;
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
        json_t *rows = table_json(&t), *line;
        size_t i;
        json_array_foreach(rows, i, line) print_json_line(call->out, line);
        json_decref(rows);
    } else if (s == EG_OK) {
        table_print(&t, call->out);
    }
    table_clear(&t);
    if (s != EG_OK) return fail(s, "data");
    say_next(call, "engram data info semeion");
    return EXIT_DONE;
}

/* "train, test" of a set that has parts and was named without one, else NULL. The library
 * names them where it refuses the set. */
static const char *parts_of(const char *name)
{
    static const char before[] = "/PART with ";
    eg_read_options read = EG_READ_OPTIONS_INIT;
    eg_dataset set = { 0 };
    read.max_items = 1;
    const eg_status s = eg_catalogue_read(name, &read, &set);
    if (s == EG_OK) eg_dataset_clear(&set);
    const char *at = s == EG_ERR_INVALID ? strstr(eg_error_detail(), before) : NULL;
    return at ? keep_format("%s", at + sizeof before - 1) : NULL;
}

/* Shape, range and classes of what can be read by this name. */
static int describe(const struct call *call, const char *name, json_t *r)
{
    eg_read_options read = EG_READ_OPTIONS_INIT;
    eg_dataset set = { 0 };
    const char *parts = path_exists(name) ? NULL : parts_of(name);
    if (parts != NULL) {
        json_object_set_new(r, "parts", json_string(parts));
        return EXIT_DONE;
    }
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
        const char *parts = json_string_value(json_object_get(r, "parts"));
        say_next(call, "engram %s %s%s%.*s", parts ? "data info" : "store",
                 parts ? "" : keep_format("%s.egm ", row ? row->name : "memory"),
                 keep_format("%s%s", name, parts ? "/" : ""), parts ? (int)strcspn(parts, ",") : 0,
                 parts ? parts : "");
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

/* A set that is here says where; one that nobody offers says how to get it. 1: go on. */
static int is_wanted(const struct call *call, const char *name, const char *url, int *code)
{
    char path[4096];
    const struct get *o = call->options;
    const eg_catalogue_entry *row = find_row(name);
    if (o->url == NULL && eg_catalogue_find(name, path, sizeof path) == EG_OK) {
        json_t *r = json_object();
        json_object_set_new(r, "name", json_string(name));
        json_object_set_new(r, "folder", json_string(path));
        json_object_set_new(r, "downloaded", json_false());
        print_record(call, r);
        json_decref(r);
        say_next(call, "engram data info %s", name);
        *code = EXIT_DONE;
        return 0;
    }
    if (o->url == NULL && row == NULL) {
        const char *near = nearest_name(name, set_name, NULL);
        *code = fail_usage(call,
                           "no data set \"%s\" in the catalogue%s%s%s; --url and --sha256 name a "
                           "file of your own",
                           name, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
        return 0;
    }
    if (*url == '\0') {
        fprintf(stderr,
                "engram: %s has no address in the catalogue: %s\n  or --url URL --sha256 SUM\n",
                name, row->hint);
        *code = EXIT_IO;
        return 0;
    }
    return 1;
}

/* Where the file goes: -o, or the set's folder under the name it has in the URL. */
static const char *target_of(const struct call *call, const char *name, const char *url)
{
    if (call->common->output != NULL) return call->common->output;
    const char *folder = target_folder(name);
    if (folder == NULL) fprintf(stderr, "engram: neither XDG_DATA_HOME nor HOME is set; give -o\n");
    const char *slash = strrchr(url, '/'), *last = slash ? slash + 1 : name;
    const int n = (int)strcspn(last, "?#");
    return folder ? keep_format("%s/%.*s", folder, n ? n : (int)strlen(name), n ? last : name)
                  : NULL;
}

static int get_set(const struct call *call, const char *name)
{
    const struct get *o = call->options;
    const eg_catalogue_entry *row = find_row(name);
    const char *url = o->url ? o->url : row ? row->url : "";
    const char *sum = o->url ? o->sha256 : row ? row->sha256 : "";
    int code = EXIT_DONE;
    if ((o->url == NULL) != (o->sha256 == NULL))
        return fail_usage(call, "--url and --sha256 go together: what comes is checked");
    if (*name == '.' || strchr(name, '/') != NULL)
        return fail_usage(call, "%s: a set has a plain name", name);
    if (call->common->output != NULL && strcmp(call->common->output, "-") == 0)
        return fail_usage(call,
                          "what is downloaded is checked first, then put in place: name a file");
    if (!is_wanted(call, name, url, &code)) return code;
    const char *path = target_of(call, name, url);
    if (path == NULL) return EXIT_IO;
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, call);
    const eg_status s = eg_download(url, sum, path, &progress);
    bar_end(&bar);
    if (s != EG_OK) return fail(s, url);
    json_t *r = json_object();
    json_object_set_new(r, "file", json_string(path));
    json_object_set_new(r, "sha256", json_string(sum));
    if (row != NULL) json_object_set_new(r, "licence", json_string(row->licence));
    print_record(call, r);
    json_decref(r);
    say_next(call, "engram data info %s", call->common->output ? path : name);
    return EXIT_DONE;
}

static int run(const struct call *call)
{
    const char *what = call->nargs ? call->args[0] : "list";
    if (strcmp(what, "get") != 0) warn_of_folders(call);
    if (strcmp(what, "list") == 0 && call->nargs <= 1) return list_sets(call);
    if (strcmp(what, "info") == 0 && call->nargs == 2) return info_of(call, call->args[1]);
    if (strcmp(what, "get") == 0 && call->nargs == 2) return get_set(call, call->args[1]);
    return fail_usage(call, "expected list, info NAME or get NAME");
}

const struct command cmd_data = {
    .name = "data",
    .summary = "data sets: list them, describe one, download one",
    .arguments = "list | info NAME | get NAME [--url URL --sha256 SUM] ",
    .examples = "engram data list\nengram data info semeion\nengram data info photos/\n"
                "engram data get digits --url https://example.org/digits.csv --sha256 SUM",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .notes =
        "Sets are looked for in $ENGRAM_DATA, in the data the program ships with, where Debian's\n"
        "packages put them, and where get downloads to. info also reads a file or folder.",
    .first = verb_name,
    .second = set_name,
    .min_args = 0,
    .max_args = 2,
    .own_output_word = "get",
    .run = run,
};
