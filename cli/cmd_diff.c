/* engram diff: what one binary memory holds beyond another. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/binary_memory.h"
#include "cli/cli_text.h"

static int run(const struct call *call)
{
    const char *to = call->common->output;
    const double started = seconds_now();
    struct stored s = { 0 }, t = { 0 };
    eg_binary *m = NULL, *what = NULL;
    const eg_note *notes = NULL;
    eg_binary_health before = { 0 }, after = { 0 };
    int code = binary_open(call, call->args[0], 1, &s, &m);
    const size_t count = code == EXIT_DONE ? stored_notes(&s, &notes) : 0;
    if (code == EXIT_DONE) code = binary_open(call, call->args[1], 1, &t, &what);
    eg_status status = code == EXIT_DONE ? eg_binary_measure(m, &before) : EG_OK;
    if (code == EXIT_DONE && status == EG_OK) status = eg_binary_subtract(m, what);
    if (code == EXIT_DONE && status == EG_OK) status = eg_binary_measure(m, &after);
    if (code == EXIT_DONE && status != EG_OK) code = fail(status, call->args[0]);
    if (code == EXIT_DONE && to != NULL) code = binary_save_new(call, to, m, notes, count);
    if (code == EXIT_DONE && to != NULL) code = binary_report(call, to, m, NULL, 0, started);
    if (code == EXIT_DONE && to == NULL) {
        json_t *r = json_object();
        json_object_set_new(r, "connections", json_number(before.existing));
        json_object_set_new(r, "not_in_the_other", json_number(after.existing));
        json_object_set_new(r, "same", json_boolean(!(after.existing > 0)));
        print_record(call, r);
        json_decref(r);
        say_next(call, "engram diff %s %s -o new.egm", shell_word(call->args[0]),
                 shell_word(call->args[1]));
    }
    eg_binary_destroy(m);
    eg_binary_destroy(what);
    stored_close(&s);
    stored_close(&t);
    return code;
}

const struct command cmd_diff = {
    .name = "diff",
    .summary = "what one binary memory holds beyond another",
    .arguments = "FILE.egm OTHER.egm ",
    .examples = "engram diff today.egm yesterday.egm\n"
                "engram diff today.egm yesterday.egm -o learned.egm",
    .notes = "The connections that OTHER lacks, or the difference of counters and sums; merge\n"
             "undoes it. Exit 1, with counters: OTHER holds what FILE does not.",
    .min_args = 2,
    .max_args = 2,
    .own_output = 1,
    .run = run,
};
