/* Memory files and data as the program opens them. Notes are text that anybody can have
 * written: one that does not parse is as good as none. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/stored.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "cli/cli_text.h"
#include "cli/console.h"
#include "cli/file_limits.h"

int path_exists(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0;
}

static const char *note(struct stored *s, const char *key)
{
    const char *value = NULL;
    if (eg_memory_file_note(s->file, key, &value) != EG_OK || value == NULL) return "";
    return harmless(keep_format("%.4096s", value));
}

int stored_open(const struct call *call, const char *path, int read_only, struct stored *s)
{
    eg_file_options options = EG_FILE_OPTIONS_INIT;
    options.max_bytes = limits_given();
    *s = (struct stored){ .scaling = { SCALING_NONE, 0, 1, 0.5 } };
    s->progress = bar_begin(&s->bar, call);
    options.progress = &s->progress;
    options.read_only = read_only;
    s->path = path;
    const eg_status status = eg_memory_file_open(path, &options, &s->file);
    if (status != EG_OK) return fail(status, path);
    s->title = note(s, "title");
    (void)shape_parse(note(s, "shape"), &s->shape);
    (void)scaling_parse(note(s, "scaling"), &s->scaling);
    return EXIT_DONE;
}

eg_status stored_create(const struct call *call, const char *path, size_t d,
                        const eg_memory_options *memory, const eg_note *notes, size_t note_count,
                        struct stored *s)
{
    eg_file_options options = EG_FILE_OPTIONS_INIT;
    options.max_bytes = limits_given();
    *s = (struct stored){ .scaling = { SCALING_NONE, 0, 1, 0.5 } };
    s->progress = bar_begin(&s->bar, call);
    options.progress = &s->progress;
    options.notes = notes;
    options.note_count = note_count;
    return eg_memory_file_create(path, d, memory, &options, &s->file);
}

int stored_refuse(const struct call *call, const struct stored *s)
{
    const int head = eg_memory_file_is_head(s->file), binary = eg_memory_file_is_binary(s->file);
    return fail_usage(call, "%s holds %s: engram %s %s", s->path,
                      head     ? "taught classes"
                      : binary ? "a binary memory"
                               : "a dense memory",
                      head ? "classify" : "recall", shell_word(s->path));
}

int stored_load(const struct call *call, struct stored *s)
{
    if (eg_memory_file_is_head(s->file) || eg_memory_file_is_binary(s->file))
        return stored_refuse(call, s);
    const eg_status status = eg_memory_file_load(s->file, &s->memory);
    if (status != EG_OK) return fail(status, NULL);
    if (s->shape.height * s->shape.width * s->shape.channels != eg_memory_size(s->memory))
        s->shape = (struct shape){ 0, 0, 0 };
    return EXIT_DONE;
}

void stored_close(struct stored *s)
{
    eg_memory_destroy(s->memory);
    eg_memory_file_close(s->file);
    bar_end(&s->bar);
    *s = (struct stored){ 0 };
}

const char *stored_class(struct stored *s, int32_t label)
{
    if (label < 0) return "";
    const char *name = note(s, keep_format("class/%d", label));
    return *name ? name : keep_format("%d", label);
}

struct note_list {
    eg_note *at;
    size_t n, room;
};

static eg_status add_note(void *user, const char *key, const char *value)
{
    struct note_list *l = user;
    if (l->n == l->room) {
        l->room = 2 * l->room + 16;
        eg_note *grown = need(l->room, sizeof *grown);
        if (l->n > 0) memcpy(grown, l->at, l->n * sizeof *grown);
        free(l->at);
        l->at = grown;
    }
    l->at[l->n++] = (eg_note){ keep_format("%s", key), keep_format("%s", value) };
    return EG_OK;
}

size_t stored_notes(struct stored *s, const eg_note **notes)
{
    struct note_list l = { NULL, 0, 0 };
    if (eg_memory_file_notes(s->file, add_note, &l) != EG_OK) l.n = 0;
    *notes = (const eg_note *)(const void *)keep((char *)l.at);
    return l.n;
}

int run_by_contents(const struct call *call, const struct contents *rows)
{
    while (rows->holds != NULL && !rows->holds(call->args[0])) rows++;
    return rows->run(call);
}

const char *path_of_stdin(void)
{
    const char *folder = getenv("TMPDIR");
    char *path = keep_format("%s/engram-XXXXXX", folder ? folder : "/tmp");
    char block[65536];
    size_t n;
    const int fd = mkstemp(path);
    FILE *f = fd >= 0 ? fdopen(fd, "wb") : NULL;
    int ok = f != NULL;
    while (ok && (n = fread(block, 1, sizeof block, stdin)) > 0) ok = fwrite(block, 1, n, f) == n;
    ok = ok && !ferror(stdin);
    if (f != NULL) ok = fclose(f) == 0 && ok;
    if (ok) return path;
    fprintf(stderr, "engram: standard input: cannot be read: %s\n", strerror(errno));
    if (fd >= 0) unlink(path);
    return NULL;
}

static const char *catalogue_name(const void *user, size_t i)
{
    (void)user;
    const eg_catalogue_entry *row = eg_catalogue_row(i);
    return row ? row->name : NULL;
}

/* What a reader finds wrong besides the first, which its error tells. */
struct problems {
    size_t n;
    char text[20][320];
};

static void keep_problem(void *user, const char *text)
{
    struct problems *p = user;
    if (p->n < 20) snprintf(p->text[p->n++], sizeof p->text[0], "%s", text);
}

static void say_problems(const struct problems *p)
{
    for (size_t i = 1; i < p->n; i++) fprintf(stderr, "  %s\n", p->text[i]);
}

/* Both ways of reading, with progress; the problems besides the first stay in *problems. */
static eg_status
read_watched(const struct call *call, const char *from,
             eg_status (*read)(const char *, const eg_read_options *, eg_dataset *),
             const eg_read_options *options, struct problems *problems, eg_dataset *out)
{
    eg_read_options o = *options;
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, call);
    o.progress = &progress;
    o.problem = keep_problem;
    o.problem_user = problems;
    const eg_status s = read(from, &o, out);
    bar_end(&bar);
    if (s == EG_OK && out->left_out > 0)
        say(call, "left out %zu of %zu items: without a label", out->left_out,
            out->n + out->left_out);
    return s;
}

int data_read_file(const struct call *call, const char *path, const char *name,
                   const eg_read_options *options, eg_dataset *out)
{
    struct problems problems = { 0 };
    const eg_status s = read_watched(call, path, eg_dataset_read, options, &problems, out);
    if (s == EG_OK) return EXIT_DONE;
    const int code = fail_as(s, path, name);
    say_problems(&problems);
    return code;
}

void warn_of_folders(const struct call *call)
{
    struct text missing = { 0 };
    for (const char *p = getenv("ENGRAM_DATA"); p != NULL && *p != '\0';) {
        const int n = (int)strcspn(p, ":");
        const char *folder = keep_format("%.*s", n, p);
        if (n > 0 && !path_exists(folder)) text_add(&missing, " %s", folder);
        p += n + (p[n] == ':');
    }
    if (missing.size) say(call, "engram: ENGRAM_DATA names what is not there:%s", missing.s);
    text_clear(&missing);
}

static int read_from_catalogue(const struct call *call, const char *name,
                               const eg_read_options *options, eg_dataset *out)
{
    struct problems problems = { 0 };
    const eg_status s = read_watched(call, name, eg_catalogue_read, options, &problems, out);
    if (s == EG_OK) return EXIT_DONE;
    warn_of_folders(call);
    const int code = fail(s, name);
    say_problems(&problems);
    if (s != EG_NOT_FOUND && s != EG_ERR_IO) return code;
    const char *near = nearest_name(name, catalogue_name, NULL);
    if (near != NULL && strcmp(near, name) == 0) near = NULL; /* known, and not here */
    fprintf(stderr, "  neither a file nor a data set found here%s%s%s; engram data list\n",
            near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
    return EXIT_IO;
}

/* Whether a name that is no file can only have been meant as one. Data sets have parts:
 * "mnist/test". */
int means_path(const char *name)
{
    const size_t n = strcspn(name, "/");
    for (size_t i = 0; eg_catalogue_row(i) != NULL; i++) {
        const char *row = eg_catalogue_row(i)->name;
        if (strlen(row) == n && strncmp(row, name, n) == 0) return 0;
    }
    char folder[4096];
    if (eg_catalogue_find(keep_format("%.*s", (int)n, name), folder, sizeof folder) == EG_OK)
        return 0; /* a folder of data that no row knows */
    return strpbrk(name, "/. ") != NULL;
}

int data_read(const struct call *call, const char *name, const eg_read_options *options,
              eg_dataset *out)
{
    if (strcmp(name, "-") != 0)
        return path_exists(name) || means_path(name)
                   ? data_read_file(call, name, name, options, out)
                   : read_from_catalogue(call, name, options, out);
    const char *path = path_of_stdin();
    if (path == NULL) return EXIT_IO;
    const int code = data_read_file(call, path, "standard input", options, out);
    unlink(path);
    return code;
}
