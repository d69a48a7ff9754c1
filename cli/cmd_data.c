/* engram data: the catalogue of data sets. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli_table.h"
#include "cli/console.h"
#include "cli/data_faces.h"
#include "cli/data_implant.h"
#include "cli/model.h"
#include "cli/reader_options.h"
#include "cli/stored.h"

struct data {
    struct common common;
    struct reader_options reader;
    const char *url, *sha256, *mirror;
    struct implant_options implant;
    struct faces_options faces;
};

static const struct data defaults = { .reader = READER_OPTIONS_INIT };

#define AT(field) offsetof(struct data, field)

static const struct opt options[] = {
    READER_OPTION_ROWS(struct data),
    BAG_OPTION_ROW(struct data),
    SET_OPTION_ROWS(struct data),
    { "repertoires", 0, OPT_SIZE, AT(implant.repertoires), "N", "implant: so many [100]", NULL, 2,
      1e6 },
    { "sequences", 0, OPT_SIZE, AT(implant.sequences), "N", "implant: in each of them [10000]",
      NULL, 1, 1e8 },
    { "witness", 0, OPT_NUMBER, AT(implant.witness), "SHARE",
      "implant: of the sequences of every other one hold the motif [0.01]", NULL, 1e-9, 1 },
    { "motif", 0, OPT_TEXT, AT(implant.motif), "LETTERS",
      "implant: amino acids, ? stands for any [SFEN]", NULL, 0, 0 },
    { "faces", 0, OPT_SIZE, AT(faces.faces), "N", "faces: so many [1000]", NULL, 1, 1e6 },
    { "people", 0, OPT_SIZE, AT(faces.people), "N", "faces: of so many people [10]", NULL, 1, 1e5 },
    { "side", 0, OPT_SIZE, AT(faces.side), "N", "faces: pixels wide and high [24]", NULL, 8, 4096 },
    { "mirror", 0, OPT_TEXT, AT(mirror), "URL", "get: from this folder, not the catalogue's", NULL,
      0, 0 },
    { "url", 0, OPT_TEXT, AT(url), "URL", "get: a file of your own", NULL, 0, 0 },
    { "sha256", 0, OPT_TEXT, AT(sha256), "SUM", "get: checksum of that file", NULL, 0, 0 },
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
    static const char *const names[] = { "list", "info", "get", "implant", "faces" };
    (void)user;
    return i < 5 ? names[i] : NULL;
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
static const char *parts_of(const char *name, eg_read_options read)
{
    static const char before[] = "/PART with ";
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
    const struct data *o = call->options;
    const eg_read_options read = example_options_of(&o->reader);
    eg_dataset set = { 0 };
    const char *parts = path_exists(name) ? NULL : parts_of(name, read);
    if (parts != NULL) {
        json_object_set_new(r, "parts", json_string(parts));
        return EXIT_DONE;
    }
    const int code = data_read(call, name, &read, &set);
    if (code != EXIT_DONE) return code;
    const struct shape shape = { set.height, set.width, set.channels };
    const struct scaling s = scaling_of(&set, SCALING_NONE);
    json_object_set_new(r, "items", json_integer((json_int_t)set.n));
    if (set.left_out > 0)
        json_object_set_new(r, "left_out", json_integer((json_int_t)set.left_out));
    if (set.offset != NULL) json_object_set_new(r, "bags", json_string(bag_sizes(&set)));
    json_object_set_new(r, "size", json_integer((json_int_t)set.d));
    if (set.height) json_object_set_new(r, "shape", json_string(shape_phrase(&shape)));
    json_object_set_new(r, "values", json_sprintf("%g to %g", s.black, s.white));
    json_object_set_new(r, "classes", json_integer((json_int_t)set.classes));
    if (set.group != NULL) json_object_set_new(r, "groups", json_integer((json_int_t)set.groups));
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
        json_t *urls = json_array();
        for (const eg_catalogue_file *f = row->files; f != NULL && f->url != NULL; f++)
            json_array_append_new(urls, json_string(f->url));
        if (json_array_size(urls) > 0) json_object_set(r, "files", urls);
        json_decref(urls);
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

/* Make a folder and those it lies in; what could not be made shows when a file is written. */
static void make_folder(const char *folder)
{
    char *path = keep_format("%s", folder);
    for (char *at = strchr(path + 1, '/'); at != NULL; at = strchr(at + 1, '/')) {
        *at = '\0';
        (void)mkdir(path, 0777);
        *at = '/';
    }
    (void)mkdir(path, 0777);
}

/* $XDG_DATA_HOME/engram/NAME; NULL when there is no home. */
static const char *folder_of(const char *name)
{
    const char *data = getenv("XDG_DATA_HOME"), *home = getenv("HOME");
    return data && *data == '/' ? keep_format("%s/engram/%s", data, name)
           : home && *home      ? keep_format("%s/.local/share/engram/%s", home, name)
                                : NULL;
}

static void report_got(const struct call *call, const char *name, const char *folder, int fresh)
{
    const eg_catalogue_entry *row = find_row(name);
    json_t *r = json_object();
    json_object_set_new(r, "name", json_string(name));
    json_object_set_new(r, "folder", json_string(folder));
    json_object_set_new(r, "downloaded", json_boolean(fresh));
    if (row != NULL) json_object_set_new(r, "licence", json_string(row->licence));
    print_record(call, r);
    json_decref(r);
    if (call->common->output == NULL) say_next(call, "engram data info %s", name);
}

/* The name of the file at an address. */
static const char *last_of(const char *url, const char *otherwise)
{
    const char *slash = strrchr(url, '/'), *last = slash ? slash + 1 : "";
    const int n = (int)strcspn(last, "?#");
    return n ? keep_format("%.*s", n, last) : otherwise;
}

/* One file to its place, unless it is there already; *fresh counts what was downloaded. */
static int get_file(const struct call *call, const char *url, const char *sum, const char *path,
                    int *fresh)
{
    char hex[65];
    struct bar bar;
    if (path_exists(path) && eg_sha256_file(path, hex) == EG_OK && strcasecmp(hex, sum) == 0)
        return EXIT_DONE;
    say(call, "get     %s", url);
    const eg_progress progress = bar_begin(&bar, call);
    const eg_status s = eg_download(url, sum, path, &progress);
    bar_end(&bar);
    *fresh += s == EG_OK;
    return s == EG_OK ? EXIT_DONE : fail(s, url);
}

/* A file of one's own: to -o, or into the folder of that name. */
static int get_own(const struct call *call, const char *name, const char *folder)
{
    const struct data *o = call->options;
    const char *output = call->common->output;
    const char *path = output ? output : keep_format("%s/%s", folder, last_of(o->url, name));
    int fresh = 0;
    if (output == NULL) make_folder(folder);
    const int code = get_file(call, o->url, o->sha256, path, &fresh);
    if (code != EXIT_DONE) return code;
    json_t *r = json_object();
    json_object_set_new(r, "file", json_string(path));
    json_object_set_new(r, "sha256", json_string(o->sha256));
    json_object_set_new(r, "downloaded", json_boolean(fresh));
    print_record(call, r);
    json_decref(r);
    say_next(call, "engram data info %s", shell_word(output ? path : name));
    return EXIT_DONE;
}

/* Files of a row into the folder. What came whole before an interruption stays and is not
 * fetched again. */
static int get_row(const struct call *call, const eg_catalogue_entry *row, const char *folder)
{
    const struct data *o = call->options;
    int code = EXIT_DONE, fresh = 0;
    make_folder(folder);
    for (const eg_catalogue_file *f = row->files; f->url != NULL && code == EXIT_DONE; f++) {
        const char *file = last_of(f->url, row->name);
        const size_t n = o->mirror ? strlen(o->mirror) : 0;
        const char *url =
            n ? keep_format("%s%s%s", o->mirror, o->mirror[n - 1] == '/' ? "" : "/", file) : f->url;
        code = get_file(call, url, f->sha256, keep_format("%s/%s", folder, file), &fresh);
    }
    if (code == EXIT_DONE)
        report_got(call, row->name, folder, fresh);
    else
        (void)rmdir(folder); /* stays where it has files */
    return code;
}

/* A set that is here says where; one that nobody offers says how to get it. */
static int get_named(const struct call *call, const char *name, const char *folder)
{
    char path[4096];
    const eg_catalogue_entry *row = find_row(name);
    const int offered = row != NULL && row->files != NULL;
    const int here = eg_catalogue_find(name, path, sizeof path) == EG_OK;
    if (here && !(offered && (call->common->output || strcmp(path, folder) == 0))) {
        report_got(call, name, path, 0);
        return EXIT_DONE;
    }
    if (offered) return get_row(call, row, folder);
    if (row != NULL) {
        fprintf(stderr,
                "engram: %s has no address in the catalogue: %s\n  or --url URL --sha256 SUM\n",
                name, row->hint);
        return EXIT_IO;
    }
    const char *near = nearest_name(name, set_name, NULL);
    return fail_usage(call,
                      "no data set \"%s\" in the catalogue%s%s%s; --url and --sha256 name a "
                      "file of your own",
                      name, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static int get_set(const struct call *call, const char *name)
{
    const struct data *o = call->options;
    const char *output = call->common->output;
    if ((o->url == NULL) != (o->sha256 == NULL))
        return fail_usage(call, "--url and --sha256 go together: what comes is checked");
    if (o->url != NULL && o->mirror != NULL)
        return fail_usage(call, "--mirror is for a set of the catalogue, --url for another file");
    if (*name == '.' || strchr(name, '/') != NULL)
        return fail_usage(call, "%s: a set has a plain name", name);
    if (output != NULL && strcmp(output, "-") == 0)
        return fail_usage(call, "what is downloaded is checked first, then put in place: name a %s",
                          o->url ? "file" : "folder");
    if (o->url != NULL && output != NULL) return get_own(call, name, "");
    const char *folder = output ? output : folder_of(name);
    if (folder == NULL) {
        fprintf(stderr, "engram: neither XDG_DATA_HOME nor HOME is set; give -o\n");
        return EXIT_IO;
    }
    return o->url != NULL ? get_own(call, name, folder) : get_named(call, name, folder);
}

static int run(const struct call *call)
{
    const char *what = call->nargs ? call->args[0] : "list";
    if (strcmp(what, "get") != 0) warn_of_folders(call);
    if (strcmp(what, "list") == 0 && call->nargs <= 1) return list_sets(call);
    if (strcmp(what, "info") == 0 && call->nargs == 2) return info_of(call, call->args[1]);
    if (strcmp(what, "get") == 0 && call->nargs == 2) return get_set(call, call->args[1]);
    if (strcmp(what, "implant") == 0 && call->nargs == 2)
        return data_implant(call, call->args[1], &((const struct data *)call->options)->implant);
    if (strcmp(what, "faces") == 0 && call->nargs == 2)
        return data_faces(call, call->args[1], &((const struct data *)call->options)->faces);
    return fail_usage(call, "expected list, info NAME, get NAME, implant FOLDER or faces FOLDER");
}

const struct command cmd_data = {
    .name = "data",
    .summary = "data sets: list them, describe one, download one, make some",
    .arguments = "list | info NAME | get NAME | implant FOLDER | faces FOLDER ",
    .examples = "engram data list\nengram data info semeion\n"
                "engram data info photos/ --width 32 --height 32 --grey\n"
                "engram data get mnist\n"
                "engram data implant made --repertoires 80 --witness 0.01 --motif SFEN\n"
                "engram data faces drawn --faces 2000 --people 5 --side 16\n"
                "engram data get digits --url https://example.org/digits.csv --sha256 SUM",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .notes =
        "Sets are looked for in $ENGRAM_DATA, in the data the program ships with, where Debian's\n"
        "packages put them, and where get downloads to. info also reads a file or folder. -o is\n"
        "the folder that get fills, or with --url the file.",
    .first = verb_name,
    .second = set_name,
    .min_args = 0,
    .max_args = 2,
    .own_output_words = "get",
    .run = run,
};
