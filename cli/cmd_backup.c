/* engram backup: a consistent copy of a file that may be in use. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/console.h"
#include "cli/stored.h"

static int run(const struct call *call)
{
    struct stored s = { 0 }, copy = { 0 };
    eg_file_info info = { 0 };
    if (strcmp(call->args[1], "-") == 0)
        return fail_usage(call, "a memory file is written in place, not to a stream: name a file");
    int code = stored_open(call, call->args[0], 1, &s);
    if (code != EXIT_DONE) return code;
    eg_status status = eg_memory_file_backup(s.file, call->args[1]);
    stored_close(&s);
    if (status != EG_OK) return fail(status, call->args[1]);
    code = stored_open(call, call->args[1], 1, &copy);
    if (code != EXIT_DONE) return code;
    status = eg_memory_file_verify(copy.file, NULL, NULL);
    if (status == EG_OK) status = eg_memory_file_info(copy.file, &info);
    stored_close(&copy);
    if (status != EG_OK) return fail(status, call->args[1]);
    json_t *r = json_object();
    json_object_set_new(r, "copy", json_string(call->args[1]));
    json_object_set_new(r, "patterns", json_integer((json_int_t)info.count));
    json_object_set_new(r, "bytes", json_integer((json_int_t)info.file_bytes));
    json_object_set_new(r, "root_hash", json_string(info.root_hash));
    json_object_set_new(r, "verified", json_true());
    print_record(call, r);
    json_decref(r);
    say_next(call, "engram info %s", shell_word(call->args[1]));
    return EXIT_DONE;
}

const struct command cmd_backup = {
    .name = "backup",
    .summary = "a verified copy of a memory file, also of one in use",
    .arguments = "FILE.egm COPY.egm ",
    .examples = "engram backup digits.egm digits-monday.egm",
    .min_args = 2,
    .max_args = 2,
    .run = run,
};
