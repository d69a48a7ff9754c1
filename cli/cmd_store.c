/* engram store: data into a memory file. Stored in transactions of CHUNK patterns: Ctrl-C or
 * a crash loses at most the last one, and --resume goes on behind it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/binary_store.h"
#include "cli/console.h"
#include "cli/one_writer.h"
#include "cli/reader_options.h"
#include "cli/rule_options.h"
#include "cli/stored.h"
#include "cli/unfinished.h"

enum { CHUNK = 8192 };

struct store {
    struct common common;
    struct rule_options rule;
    struct reader_options reader;
    struct binary_given binary;
    int append, resume, binarise, scale, values;
    double threshold;
    const char *title;
};

static const struct store defaults = {
    .rule = RULE_OPTIONS_INIT,
    .reader = READER_OPTIONS_INIT,
    .binary = BINARY_GIVEN_INIT,
    .scale = -1,
    .threshold = (double)NAN,
};

#define AT(field) offsetof(struct store, field)

static const struct opt options[] = {
    RULE_OPTION_ROWS(struct store),
    { "scale", 0, OPT_CHOICE, AT(scale), "KIND",
      "values: as they are, to +-1, black..white to -1..1, to length 1", scaling_name, 0, 0 },
    { "binarise", 0, OPT_FLAG, AT(binarise), NULL, "the same as --scale signs", NULL, 0, 0 },
    { "threshold", 0, OPT_NUMBER, AT(threshold), "X", "of signs, in the file's units", NULL, -1e30,
      1e30 },
    { "values", 0, OPT_FLAG, AT(values), NULL,
      "with each item the class as value (one number a class), read back by recall --read", NULL, 0,
      0 },
    BINARY_OPTION_ROWS(struct store),
    READER_OPTION_ROWS(struct store),
    SET_OPTION_ROWS(struct store),
    { "title", 0, OPT_TEXT, AT(title), "TEXT", "kept in the file", NULL, 0, 0 },
    { "append", 0, OPT_FLAG, AT(append), NULL, "add to a file that exists", NULL, 0, 0 },
    { "resume", 0, OPT_FLAG, AT(resume), NULL, "go on where an interrupted store ended", NULL, 0,
      0 },
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

/* +-1 for memories of +-1, black..white to -1..1 for pictures, else as in the file. */
static struct scaling choose_scaling(const struct call *call, const struct store *o,
                                     const eg_memory_options *m, const eg_dataset *set)
{
    const int binary = m->rule.projection == EG_PROJ_SIGN || m->storage == EG_STORE_BITS;
    int kind = o->binarise ? SCALING_SIGNS : o->scale;
    if (kind < 0) kind = binary ? SCALING_SIGNS : set->height != 0 ? SCALING_RANGE : SCALING_NONE;
    struct scaling s = scaling_of(set, (enum scaling_kind)kind);
    if (!isnan(o->threshold)) s.threshold = o->threshold;
    if (kind == SCALING_SIGNS)
        say(call, "values  +1 at or above %g, else -1", s.threshold);
    else if (kind != SCALING_NONE)
        say(call, "values  %g..%g to -1..1%s", s.black, s.white,
            kind == SCALING_UNIT ? ", then to length 1" : "");
    return s;
}

/* All that a store which is killed at any moment needs to go on. */
static eg_status create_with_notes(const struct call *call, const struct store *o,
                                   const eg_dataset *set, const eg_memory_options *m,
                                   const struct scaling *scaling, const struct unfinished *u,
                                   struct stored *s)
{
    const struct shape shape = { set->height, set->width, set->channels };
    const size_t classes = set->class_names != NULL ? set->classes : 0;
    eg_note *notes = need(4 + classes, sizeof *notes);
    size_t n = 0;
    notes[n++] = (eg_note){ "title", o->title ? o->title : call->args[1] };
    notes[n++] = (eg_note){ "scaling", scaling_note(scaling) };
    if (set->height != 0) notes[n++] = (eg_note){ "shape", shape_note(&shape) };
    for (size_t c = 0; c < classes; c++)
        notes[n++] = (eg_note){ keep_format("class/%zu", c), set->class_names[c] };
    notes[n++] = unfinished_note(u);
    const eg_status status = stored_create(call, call->args[0], set->d, m, notes, n, s);
    free(notes);
    return status;
}

/* Values of the class: +1 at its place, 0 elsewhere. (N, K), or NULL. */
static float *class_values(const eg_dataset *set)
{
    float *values = need_floats(set->n, set->classes);
    for (size_t i = 0; i < set->n; i++)
        if (set->labels[i] >= 0) values[i * set->classes + (size_t)set->labels[i]] = 1;
    return values;
}

static eg_status append_all(const struct call *call, eg_memory_file *f, const eg_dataset *set,
                            const float *values, struct unfinished *u)
{
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, call);
    eg_status s = EG_OK;
    while (u->done < set->n && s == EG_OK) {
        const size_t i = (size_t)u->done, n = set->n - i < CHUNK ? set->n - i : CHUNK;
        const eg_items items = { NULL, set->labels ? set->labels + i : NULL,
                                 values ? values + i * set->classes : NULL, NULL };
        s = eg_memory_file_append(f, set->x + i * set->d, n, &items, NULL);
        if (s != EG_OK) break;
        u->done += n;
        if (u->done < set->n) s = unfinished_write(f, u);
        if (progress.report(progress.user, "store", u->done, set->n) != 0 && u->done < set->n
            && s == EG_OK)
            s = EG_ERR_INTERRUPTED;
    }
    if (s == EG_OK) s = unfinished_clear(f);
    bar_end(&bar);
    return s;
}

/* A new file, with notes. */
static int create_target(const struct call *call, const struct store *o, const eg_dataset *set,
                         struct stored *s, eg_memory_options *m, struct scaling *scaling,
                         struct unfinished *u)
{
    const char *path = call->args[0];
    /* pictures look alike: order 20 tells them apart where 3 returns their average */
    const eg_memory_options usual = memory_by_name(MEMORY_USUAL, set->d);
    const int code = rule_resolve(call, &o->rule, set->d, &usual, m);
    if (code != EXIT_DONE) return code;
    m->value_size = o->values ? set->classes : 0;
    *scaling = choose_scaling(call, o, m, set);
    if (path_exists(path)) {
        fprintf(stderr, "engram: %s is already there; --append adds to it, --resume goes on\n",
                path);
        return EXIT_IO;
    }
    const eg_status status = create_with_notes(call, o, set, m, scaling, u, s);
    return status == EG_OK ? EXIT_DONE : fail(status, path);
}

/* Options that a file has already settled may be repeated and may not differ. */
static int check_settled(const struct call *call, const struct store *o, const eg_dataset *set,
                         const struct stored *s, const eg_memory_options *m)
{
    const char *path = call->args[0];
    eg_memory_options asked;
    const int code = rule_resolve(call, &o->rule, set->d, m, &asked);
    if (code != EXIT_DONE) return code;
    const char *has = rule_words(m), *wants = rule_words(&asked);
    if (strcmp(has, wants) != 0)
        return fail_usage(call, "%s is a memory of %s; asked for %s", path, has, wants);
    if (o->rule.features != 0 || o->rule.self_coupling)
        return fail_usage(call, "--features and --self-coupling are settled when a file begins");
    const int kind = o->binarise ? SCALING_SIGNS : o->scale;
    if ((kind >= 0 && kind != (int)s->scaling.kind)
        || (!isnan(o->threshold)
            && (s->scaling.kind != SCALING_SIGNS || o->threshold < s->scaling.threshold
                || o->threshold > s->scaling.threshold)))
        return fail_usage(call, "%s has values scaled as \"%s\"; asked for another scaling", path,
                          scaling_note(&s->scaling));
    if (o->values && m->value_size != set->classes)
        return fail_usage(call, "--values: %s has values of %zu numbers, %s has %zu classes", path,
                          m->value_size, call->args[1], set->classes);
    return EXIT_DONE;
}

/* Where to go on: --append begins, --resume continues what was begun with the same data. */
static int check_unfinished(const struct call *call, const struct store *o, struct stored *s,
                            struct unfinished *u)
{
    const char *path = call->args[0];
    struct unfinished begun;
    const int there = unfinished_read(s->file, &begun);
    if (o->resume && !there)
        return fail_usage(call, "%s holds no interrupted store; --append adds to it", path);
    if (o->resume && !unfinished_same(&begun, u))
        return fail_usage(call,
                          "%s waits for the rest of %s (%llu items of %llu numbers), and %s (%llu "
                          "items of %llu) is other data",
                          path, begun.name, (unsigned long long)begun.total,
                          (unsigned long long)begun.size, call->args[1],
                          (unsigned long long)u->total, (unsigned long long)u->size);
    if (!o->resume && there)
        return fail_usage(call, "%s waits for the rest of %s; --resume stores it first", path,
                          begun.name);
    if (there) {
        *u = begun;
        say(call, "resume  behind item %llu of %llu", (unsigned long long)u->done,
            (unsigned long long)u->total);
        return EXIT_DONE;
    }
    const eg_status status = unfinished_write(s->file, u);
    return status == EG_OK ? EXIT_DONE : fail(status, path);
}

/* A new file is there before its maker has the turn: another may have gone on with it. */
static int still_ours(const struct call *call, const struct stored *s)
{
    struct unfinished begun;
    if (unfinished_read(s->file, &begun) && begun.done == 0) return EXIT_DONE;
    fprintf(stderr, "engram: %s: another process has stored into it meanwhile\n", call->args[0]);
    return EXIT_IO;
}

/* The file to store into: a new one, or with --append and --resume one of the same D. */
static int open_target(const struct call *call, const struct store *o, const eg_dataset *set,
                       struct stored *s, eg_memory_options *m, struct scaling *scaling,
                       struct unfinished *u)
{
    const char *path = call->args[0];
    if (!o->append && !o->resume) return create_target(call, o, set, s, m, scaling, u);
    eg_file_info info;
    int code = stored_open(call, path, 0, s);
    if (code != EXIT_DONE) return code;
    const eg_status status = eg_memory_file_info(s->file, &info);
    if (status != EG_OK) return fail(status, path);
    if (info.size != set->d)
        return fail_usage(call, "%s holds items of %llu numbers, %s has %zu x %zu", path,
                          (unsigned long long)info.size, call->args[1], set->n, set->d);
    m->rule = info.rule;
    m->storage = info.storage;
    m->value_size = (size_t)info.value_size;
    *scaling = s->scaling;
    code = check_settled(call, o, set, s, m);
    return code == EXIT_DONE ? check_unfinished(call, o, s, u) : code;
}

static int report_stored(const struct call *call, const struct stored *s, const eg_dataset *set,
                         const eg_memory_options *m, double seconds)
{
    eg_file_info info;
    const char *path = call->args[0];
    const eg_status status = eg_memory_file_info(s->file, &info);
    if (status != EG_OK) return fail(status, path);
    json_t *r = json_object();
    json_object_set_new(r, "file", json_string(path));
    json_object_set_new(r, "stored", json_integer((json_int_t)info.count));
    json_object_set_new(r, "size", json_integer((json_int_t)info.size));
    json_object_set_new(r, "memory", json_string(rule_words(m)));
    json_object_set_new(r, "labels", json_boolean(set->labels != NULL));
    json_object_set_new(r, "bytes", json_integer((json_int_t)info.file_bytes));
    json_object_set_new(r, "root_hash", json_string(info.root_hash));
    json_object_set_new(r, "verified", json_true());
    json_object_set_new(r, "seconds", json_number(seconds));
    print_record(call, r);
    json_decref(r);
    say_next(call,
             set->height ? "engram recall %s cue.png -o fixed.png"
                         : "engram recall %s --sample 100 --hide 0.3",
             shell_word(path));
    return EXIT_DONE;
}

static int store_set(const struct call *call, const struct store *o, eg_dataset *set)
{
    struct stored s = { 0 };
    eg_memory_options m = EG_MEMORY_OPTIONS_INIT;
    struct scaling scaling;
    const double started = seconds_now();
    struct unfinished u = unfinished_of(set, call->args[1]);
    if (o->append && o->resume)
        return fail_usage(call, "--append begins, --resume goes on: give one of them");
    if (o->values && set->labels == NULL)
        return fail_usage(call, "--values: %s has no labels", call->args[1]);
    const int is_new = !o->append && !o->resume;
    int turn = -1, code = is_new ? EXIT_DONE : one_writer_begin(call, call->args[0], &turn);
    if (code == EXIT_DONE) code = open_target(call, o, set, &s, &m, &scaling, &u);
    if (code == EXIT_DONE && is_new) code = one_writer_begin(call, call->args[0], &turn);
    if (code == EXIT_DONE && is_new) code = still_ours(call, &s);
    if (code == EXIT_DONE) {
        float *values = m.value_size != 0 && m.value_size == set->classes && set->labels
                            ? class_values(set)
                            : NULL;
        say(call, "memory  %s", rule_words(&m));
        scaling_apply(&scaling, set->x, set->n, set->d);
        eg_status status = append_all(call, s.file, set, values, &u);
        if (status == EG_OK) status = eg_memory_file_verify(s.file, NULL, NULL);
        code = status == EG_OK ? report_stored(call, &s, set, &m, seconds_now() - started)
                               : fail(status, call->args[0]);
        if (status == EG_ERR_INTERRUPTED && u.done < u.total)
            fprintf(stderr,
                    "  %s holds %llu of %zu items, whole; the same command with --resume goes on\n",
                    call->args[0], (unsigned long long)u.done, set->n);
        else if (status == EG_ERR_INTERRUPTED)
            fprintf(stderr, "  %s holds all items; they were not read back\n", call->args[0]);
        free(values);
    }
    stored_close(&s);
    one_writer_end(turn);
    return code;
}

static int is_binary(const struct store *o, const struct call *call)
{
    return binary_wanted(o->rule.memory, call->args[0], o->append || o->resume);
}

static int store_binary(const struct call *call, const struct store *o, eg_dataset *set)
{
    const struct binary_storing how = {
        .given = &o->binary,
        .memory = o->rule.memory,
        .title = o->title,
        .order = o->rule.order,
        .threshold = o->threshold,
        .values = o->values,
        .append = o->append,
    };
    if (o->resume)
        return fail_usage(call, "--resume: a binary memory is stored whole or not at all; store "
                                "again, or --append");
    if (o->scale >= 0 && o->scale != SCALING_SIGNS)
        return fail_usage(call, "--scale: units of a binary memory are on or off (--threshold)");
    return binary_store(call, &how, set);
}

static int run(const struct call *call)
{
    const struct store *o = call->options;
    eg_dataset set = { 0 };
    if (strcmp(call->args[0], "-") == 0)
        return fail_usage(call, "a memory file is written in place, not to a stream: name a file");
    const eg_read_options read = read_options_of(&o->reader);
    int code = data_read(call, call->args[1], &read, &set);
    if (code != EXIT_DONE) return code;
    say(call, "data    %zu items of %zu numbers%s", set.n, set.d,
        set.labels ? ", with labels" : "");
    code = is_binary(o, call) ? store_binary(call, o, &set) : store_set(call, o, &set);
    eg_dataset_clear(&set);
    return code;
}

const struct command cmd_store = {
    .name = "store",
    .summary = "data into a memory file, in transactions, verified",
    .arguments = "FILE.egm DATA ",
    .examples = "engram store digits.egm semeion\n"
                "engram store digits.egm semeion --memory exponential\n"
                "engram store faces.egm photos/ --width 32 --height 32 --grey --memory modern:8\n"
                "engram store flowers.egm iris.csv --memory nearest --label-column species\n"
                "engram store messages.egm messages.csv --memory clique:256 --counted\n"
                "cat patterns.csv | engram store p.egm - --memory exponential",
    .notes =
        "DATA is a name of the catalogue (engram data list), a file (IDX, CIFAR, NPY, CSV,\n"
        "svmlight, PNG, JPEG) or a folder of pictures. Without --memory: " MEMORY_USUAL
        ". Short names "
        "of memories: engram help "
        "memories.\n"
        "Binary memories: items of clique and chain are symbols 0, 1, .. of their columns, -1\n"
        "where a cluster stays silent (--order); of the others units, on or off at the\n"
        "threshold. --contents or --values give each item something it is the address of.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .min_args = 2,
    .max_args = 2,
    .run = run,
};
