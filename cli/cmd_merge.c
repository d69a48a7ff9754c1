/* engram merge: what several memories have learned, in one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cli/binary_memory.h"
#include "cli/taught.h"

/* Into m what the file of argument i holds. */
static int join(const struct call *call, size_t i, eg_binary *m)
{
    struct stored s = { 0 };
    eg_binary *from = NULL;
    int code = binary_open(call, call->args[i], 1, &s, &from);
    if (code == EXIT_DONE) {
        const eg_status status = eg_binary_merge(m, from);
        if (status != EG_OK) code = fail(status, call->args[i]);
        if (status == EG_ERR_SHAPE)
            fprintf(stderr, "  %s: %s\n  %s: %s\n", call->args[0],
                    binary_words(eg_binary_options_view(m)), call->args[i],
                    binary_words(eg_binary_options_view(from)));
    }
    eg_binary_destroy(from);
    stored_close(&s);
    return code;
}

static int merge_binary(const struct call *call)
{
    const char *to = call->common->output;
    const double started = seconds_now();
    struct stored s = { 0 };
    eg_binary *m = NULL;
    const eg_note *notes = NULL;
    int code = binary_open(call, call->args[0], 1, &s, &m);
    const size_t count = code == EXIT_DONE ? stored_notes(&s, &notes) : 0;
    for (size_t i = 1; i < call->nargs && code == EXIT_DONE; i++) code = join(call, i, m);
    if (code == EXIT_DONE) code = binary_save_new(call, to, m, notes, count);
    if (code == EXIT_DONE) code = binary_report(call, to, m, "merged", call->nargs, started);
    if (code == EXIT_DONE) say_next(call, "engram recall %s CUES", shell_word(to));
    eg_binary_destroy(m);
    stored_close(&s);
    return code;
}

static int run(const struct call *call)
{
    static const struct contents rows[] = { { taught_file, taught_merge }, { NULL, merge_binary } };
    if (call->common->output == NULL)
        return fail_usage(call, "-o NEW.egm: the file of what they hold together");
    return run_by_contents(call, rows);
}

const struct command cmd_merge = {
    .name = "merge",
    .summary = "what several memories have learned, in one",
    .arguments = "FILE.egm FILE.egm... ",
    .examples = "engram merge kitchen.egm garden.egm -o house.egm",
    .notes = "Connections are joined (OR), counters and sums added; order and repetition do not\n"
             "matter to connections. All must be of one kind and size, sdm of one seed. Notes are\n"
             "those of the first. Files of taught classes (engram teach) become what one would be\n"
             "that had been taught all of it; classes are the same by their names.",
    .min_args = 2,
    .max_args = 1u << 20,
    .own_output = 1,
    .run = run,
};
