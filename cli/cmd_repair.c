/* engram repair: what can be saved of a damaged file, into a new one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/console.h"
#include "cli/file_limits.h"
#include "cli/stored.h"

/* With a bar; Ctrl-C ends it, and then there is no new file. */
static eg_status repair(const struct call *call, uint64_t *kept, uint64_t *lost)
{
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, call);
    eg_file_options options = EG_FILE_OPTIONS_INIT;
    options.max_bytes = limits_given();
    options.progress = &progress;
    const eg_status status =
        eg_memory_file_repair(call->args[0], call->args[1], &options, kept, lost);
    bar_end(&bar);
    return status;
}

static int run(const struct call *call)
{
    uint64_t kept = 0, lost = 0;
    const eg_status status = repair(call, &kept, &lost);
    if (status != EG_OK) return fail(status, call->args[0]);
    json_t *r = json_object();
    json_object_set_new(r, "file", json_string(call->args[1]));
    json_object_set_new(r, "memories_kept", json_integer((json_int_t)kept));
    json_object_set_new(r, "memories_lost", json_integer((json_int_t)lost));
    print_record(call, r);
    json_decref(r);
    say_next(call, "engram verify %s", shell_word(call->args[1]));
    return lost == 0 ? EXIT_DONE : EXIT_NO;
}

const struct command cmd_repair = {
    .name = "repair",
    .summary = "save what can be saved of a damaged memory file into a new one",
    .arguments = "DAMAGED.egm NEW.egm ",
    .examples = "engram repair broken.egm saved.egm",
    .notes = "The damaged file is not touched. Every memory has a checksum of its own and is\n"
             "kept where that is right. A lost note counts as a memory lost, and so does a page\n"
             "of which nobody knows what it had. Exit 1: something was lost. Exit 3: nothing of\n"
             "it can be read. Ctrl-C leaves no new file.",
    .min_args = 2,
    .max_args = 2,
    .run = run,
};
