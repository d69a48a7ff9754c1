/* engram repair: what can be saved of a damaged file, into a new one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/console.h"
#include "cli/stored.h"

/* Memories in a file; 0 when it cannot tell. */
static int count_memories(const char *path, uint64_t *count)
{
    eg_memory_file *f = NULL;
    eg_file_options options = EG_FILE_OPTIONS_INIT;
    eg_file_info info;
    options.read_only = 1;
    int known = eg_memory_file_open(path, &options, &f) == EG_OK;
    known = known && eg_memory_file_info(f, &info) == EG_OK;
    eg_memory_file_close(f);
    if (known) *count = info.count;
    return known;
}

static int run(const struct call *call)
{
    uint64_t kept = 0, lost = 0, before = 0, after = 0;
    const int told = count_memories(call->args[0], &before);
    const eg_status status = eg_memory_file_repair(call->args[0], call->args[1], &kept, &lost);
    if (status != EG_OK) return fail(status, call->args[0]);
    const int saved = count_memories(call->args[1], &after);
    json_t *r = json_object();
    json_object_set_new(r, "file", json_string(call->args[1]));
    if (saved) json_object_set_new(r, "memories_kept", json_integer((json_int_t)after));
    if (saved)
        json_object_set_new(r, "memories_lost",
                            told && before >= after ? json_integer((json_int_t)(before - after))
                            : lost == 0             ? json_integer(0)
                                                    : json_string("not known"));
    json_object_set_new(r, "records_kept", json_integer((json_int_t)kept));
    json_object_set_new(r, "records_lost", json_integer((json_int_t)lost));
    print_record(call, r);
    json_decref(r);
    say_next(call, "engram verify %s", call->args[1]);
    return lost == 0 && (!told || !saved || before <= after) ? EXIT_DONE : EXIT_NO;
}

const struct command cmd_repair = {
    .name = "repair",
    .summary = "save what can be saved of a damaged memory file into a new one",
    .arguments = "DAMAGED.egm NEW.egm ",
    .examples = "engram repair broken.egm saved.egm",
    .notes = "The damaged file is not touched. Exit 1: something was lost. A record holds\n"
             "many memories; how many were lost is known when the damaged file still opens.\n"
             "Exit 3: nothing of it can be read.",
    .min_args = 2,
    .max_args = 2,
    .run = run,
};
