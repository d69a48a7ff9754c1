/* engram vacuum: space of deleted memories given back, their bytes gone. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/console.h"
#include "cli/stored.h"

static int run(const struct call *call)
{
    struct stored s = { 0 };
    eg_file_info before = { 0 }, after = { 0 };
    const int code = stored_open(call, call->args[0], 0, &s);
    if (code != EXIT_DONE) return code;
    let_interrupt_end(); /* a transaction: the file stays as it was */
    eg_status status = eg_memory_file_info(s.file, &before);
    if (status == EG_OK) status = eg_memory_file_vacuum(s.file);
    if (status == EG_OK) status = eg_memory_file_info(s.file, &after);
    stored_close(&s);
    if (status != EG_OK) return fail(status, call->args[0]);
    json_t *r = json_object();
    json_object_set_new(r, "file", json_string(call->args[0]));
    json_object_set_new(r, "bytes_before", json_integer((json_int_t)before.file_bytes));
    json_object_set_new(r, "bytes", json_integer((json_int_t)after.file_bytes));
    json_object_set_new(r, "root_hash", json_string(after.root_hash));
    print_record(call, r);
    json_decref(r);
    say_next(call, "engram verify %s", shell_word(call->args[0]));
    return EXIT_DONE;
}

const struct command cmd_vacuum = {
    .name = "vacuum",
    .summary = "give back the space of deleted memories; their bytes leave the file",
    .arguments = "FILE.egm ",
    .examples = "engram vacuum digits.egm",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
