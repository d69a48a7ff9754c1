/* engram info: what a memory file holds. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/binary_memory.h"
#include "cli/console.h"
#include "cli/rule_options.h"
#include "cli/stored.h"
#include "cli/taught.h"
#include "cli/unfinished.h"

static const char *proof(const eg_memory_file *f)
{
    const char *why = "";
    const int proved = eg_memory_file_lyapunov(f, EG_DYN_SYNC, &why);
    return keep_format("%s: %s", proved ? "proved" : "not proved", why ? why : "");
}

static void describe(json_t *r, const char *path, const char *title, const eg_file_info *info)
{
    json_object_set_new(r, "file", json_string(path));
    json_object_set_new(r, "title", json_string(title));
    json_object_set_new(r, "patterns", json_integer((json_int_t)info->count));
    json_object_set_new(r, "size", json_integer((json_int_t)info->size));
}

static void describe_file(json_t *r, const eg_file_info *info)
{
    json_object_set_new(r, "bytes", json_integer((json_int_t)info->file_bytes));
    json_object_set_new(r, "free_bytes", json_integer((json_int_t)info->free_bytes));
    json_object_set_new(r, "format_version", json_integer(info->format_version));
    json_object_set_new(r, "library_version", json_string(info->library_version));
    json_object_set_new(r, "root_hash", json_string(info->root_hash));
}

/* What a binary memory holds, how full it is and what that implies. */
static int run_binary(const struct call *call)
{
    struct stored s = { 0 };
    eg_binary *m = NULL;
    eg_file_info info = { 0 };
    int code = binary_open(call, call->args[0], 1, &s, &m);
    const eg_status status = code == EXIT_DONE ? eg_memory_file_info(s.file, &info) : EG_OK;
    if (status != EG_OK) code = fail(status, call->args[0]);
    if (code == EXIT_DONE) {
        json_t *r = json_object();
        describe(r, call->args[0], s.title, &info);
        json_object_set_new(r, "value_size", json_integer((json_int_t)info.value_size));
        json_object_set_new(r, "memory", json_string(binary_words(eg_binary_options_view(m))));
        binary_health(r, m);
        json_object_set_new(r, "scaling", json_string(scaling_note(&s.scaling)));
        json_object_set_new(r, "memory_bytes", json_integer((json_int_t)eg_binary_bytes(m)));
        describe_file(r, &info);
        print_record(call, r);
        json_decref(r);
        say_next(call, "engram recall %s CUES --hide 0.5", shell_word(call->args[0]));
    }
    eg_binary_destroy(m);
    stored_close(&s);
    return code;
}

static int run_dense(const struct call *call)
{
    struct stored s = { 0 };
    eg_file_info info;
    int code = stored_open(call, call->args[0], 1, &s);
    if (code != EXIT_DONE) return code;
    const eg_status status = eg_memory_file_info(s.file, &info);
    if (status != EG_OK) {
        code = fail(status, call->args[0]);
        stored_close(&s);
        return code;
    }
    eg_memory_options m = EG_MEMORY_OPTIONS_INIT;
    m.rule = info.rule;
    m.storage = info.storage;
    json_t *r = json_object();
    describe(r, call->args[0], s.title, &info);
    json_object_set_new(r, "shape",
                        s.shape.height ? json_string(shape_phrase(&s.shape)) : json_null());
    json_object_set_new(r, "value_size", json_integer((json_int_t)info.value_size));
    json_object_set_new(r, "memory", json_string(rule_words(&m)));
    json_object_set_new(r, "energy_falls", json_string(proof(s.file)));
    json_object_set_new(r, "scaling", json_string(scaling_note(&s.scaling)));
    describe_file(r, &info);
    struct unfinished u;
    const int waits = unfinished_read(s.file, &u);
    json_object_set_new(r, "complete", json_boolean(!waits));
    if (waits)
        json_object_set_new(r, "unfinished",
                            json_sprintf("stored %lld of %lld items of %s", (long long)u.done,
                                         (long long)u.total, u.name));
    print_record(call, r);
    json_decref(r);
    if (waits)
        say_next(call, "engram store %s %s --resume", shell_word(call->args[0]),
                 shell_word(u.name));
    else if (info.free_bytes > info.file_bytes / 4)
        say_next(call, "engram vacuum %s", shell_word(call->args[0]));
    else
        say_next(call, "engram verify %s", shell_word(call->args[0]));
    stored_close(&s);
    return EXIT_DONE;
}

static int run(const struct call *call)
{
    static const struct contents rows[] = { { binary_file, run_binary },
                                            { taught_file, taught_info },
                                            { NULL, run_dense } };
    return run_by_contents(call, rows);
}

const struct command cmd_info = {
    .name = "info",
    .summary = "what a memory file holds",
    .arguments = "FILE.egm ",
    .examples = "engram info digits.egm\nengram info digits.egm --json",
    .notes = "Of a binary memory also its health: fill is the share of connections that exist,\n"
             "error_from_half what this fill leaves ambiguous after one step from half of an\n"
             "item, false_accept that one never stored passes for stored, room how many more\n"
             "random items until error_from_half is 0.01.",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
