/* A binary memory from data: its size is the data's, unless the name says it. What is stored is in
 * the file whole or not at all, so that nothing is ever to be resumed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/binary_store.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_text.h"
#include "cli/one_writer.h"

int binary_wanted(const char *memory, const char *path, int append)
{
    return append ? binary_file(path) : binary_kind_of(memory) >= 0;
}

/* Symbols are 0 .. units - 1: the greatest there is says how many. */
static size_t units_of(const eg_dataset *set)
{
    float most = 0;
    for (size_t i = 0; i < set->n * set->d; i++)
        if (set->x[i] > most) most = set->x[i];
    return most < 1 << 24 ? (size_t)most + 1 : 1 << 24;
}

static int size_contents(const struct call *call, const struct binary_storing *o,
                         const eg_dataset *set, eg_binary_options *m)
{
    const int symbols = binary_of_symbols(m);
    if (o->given->contents != NULL) {
        const eg_read_options read = { .size = sizeof read, .index_base = -1 };
        eg_dataset contents = { 0 };
        const int code = data_read(call, o->given->contents, &read, &contents);
        if (code != EXIT_DONE) return code;
        m->out_clusters = symbols ? contents.d : 1;
        m->out_units = symbols ? units_of(&contents) : contents.d;
        eg_dataset_clear(&contents);
    } else if (o->values) {
        if (set->labels == NULL)
            return fail_usage(call, "--values: %s has no labels", call->args[1]);
        m->out_clusters = 1;
        m->out_units = set->classes;
    }
    return EXIT_DONE;
}

static int describe(const struct call *call, const struct binary_storing *o, const eg_dataset *set,
                    eg_binary_options *out)
{
    const eg_binary_options defaults = EG_BINARY_OPTIONS_INIT;
    eg_binary_options m = defaults;
    uint64_t number;
    m.kind = (eg_binary_kind)binary_kind_of(o->memory);
    if (!binary_number_of(o->memory, &number))
        return fail_usage(call, "--memory %s: " BINARY_NAMES, o->memory);
    m.clusters = binary_of_symbols(&m) ? set->d : 1;
    m.units = !binary_of_symbols(&m) ? set->d : number > 0 ? (size_t)number : units_of(set);
    m.order = isnan(o->order) ? 0 : (size_t)o->order;
    m.counted = o->given->counted;
    m.seed = call->common->seed;
    if (m.kind == EG_BINARY_SDM) {
        m.locations = number > 0 ? (size_t)number : BINARY_LOCATIONS;
        m.radius = o->given->radius != SIZE_MAX ? o->given->radius : binary_radius(set->d);
    }
    const int code = size_contents(call, o, set, &m);
    if (code == EXIT_DONE) *out = m;
    return code;
}

static int put(const struct call *call, eg_binary *m, const struct binary_pairs *p)
{
    const eg_status s = eg_binary_options_view(m)->kind == EG_BINARY_CHAIN
                            ? eg_binary_add_sequence(m, p->addresses, p->n)
                            : eg_binary_add(m, p->addresses, p->contents, p->n);
    return s == EG_OK ? EXIT_DONE : fail(s, call->args[1]);
}

static int store_new(const struct call *call, const struct binary_storing *o, eg_dataset *set,
                     eg_binary **out)
{
    const size_t classes = set->class_names != NULL ? set->classes : 0;
    eg_binary_options options;
    struct binary_pairs p;
    if (path_exists(call->args[0])) {
        fprintf(stderr, "engram: %s is already there; --append adds to it\n", call->args[0]);
        return EXIT_IO;
    }
    int code = describe(call, o, set, &options);
    if (code != EXIT_DONE) return code;
    const eg_status status = eg_binary_create(&options, out);
    if (status != EG_OK) return fail(status, NULL);
    struct scaling scaling = scaling_of(set, SCALING_SIGNS);
    if (!isnan(o->threshold)) scaling.threshold = o->threshold;
    say(call, "memory  %s", binary_words(eg_binary_options_view(*out)));
    if (!binary_of_symbols(&options)) say(call, "values  on at or above %g", scaling.threshold);
    eg_note *notes = need(3 + classes, sizeof *notes);
    size_t n = 0;
    const struct shape shape = { set->height, set->width, set->channels };
    notes[n++] = (eg_note){ "title", o->title ? o->title : call->args[1] };
    notes[n++] = (eg_note){ "scaling", scaling_note(&scaling) };
    if (set->height != 0) notes[n++] = (eg_note){ "shape", shape_note(&shape) };
    for (size_t c = 0; c < classes; c++)
        notes[n++] = (eg_note){ keep_format("class/%zu", c), set->class_names[c] };
    code = binary_encode(call, *out, &scaling, set, o->given->contents, &p);
    if (code == EXIT_DONE) code = put(call, *out, &p);
    if (code == EXIT_DONE) code = binary_save_new(call, call->args[0], *out, notes, n);
    binary_pairs_clear(&p);
    free(notes);
    return code;
}

static int store_more(const struct call *call, const struct binary_storing *o, eg_dataset *set,
                      eg_binary **out)
{
    struct stored s = { 0 };
    struct binary_pairs p = { 0, NULL, NULL };
    int turn, code = one_writer_begin(call, call->args[0], &turn);
    if (code == EXIT_DONE) code = binary_open(call, call->args[0], 0, &s, out);
    if (code == EXIT_DONE && o->memory != NULL
        && binary_kind_of(o->memory) != (int)eg_binary_options_view(*out)->kind)
        code = fail_usage(call, "%s is a %s; asked for %s", call->args[0],
                          binary_words(eg_binary_options_view(*out)), o->memory);
    if (code == EXIT_DONE)
        code = binary_encode(call, *out, &s.scaling, set, o->given->contents, &p);
    if (code == EXIT_DONE) code = put(call, *out, &p);
    if (code == EXIT_DONE) {
        const eg_status status = eg_memory_file_write_binary(s.file, *out);
        if (status != EG_OK) code = fail(status, NULL);
    }
    binary_pairs_clear(&p);
    stored_close(&s);
    one_writer_end(turn);
    return code;
}

int binary_store(const struct call *call, const struct binary_storing *o, eg_dataset *set)
{
    eg_binary *m = NULL;
    const double started = seconds_now();
    if (set->offset != NULL)
        return fail_usage(call, "%s: items of several rows; binary memories store single ones",
                          call->args[1]);
    int code = o->append ? store_more(call, o, set, &m) : store_new(call, o, set, &m);
    if (code == EXIT_DONE) code = binary_report(call, call->args[0], m, "stored", set->n, started);
    if (code == EXIT_DONE)
        say_next(call, "engram recall %s CUES --hide 0.5", shell_word(call->args[0]));
    eg_binary_destroy(m);
    return code;
}
