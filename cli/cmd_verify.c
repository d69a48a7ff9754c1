/* engram verify: every record, the root hash and SQLite's own structure. A damaged file is an
 * answer (exit 1); a file that is no memory file at all cannot be asked (exit 3). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_text.h"
#include "cli/console.h"
#include "cli/stored.h"

static void hear(void *user, const char *text)
{
    json_array_append_new(user, json_string(text));
}

static int run(const struct call *call)
{
    struct stored s = { 0 };
    eg_file_info info = { 0 };
    int code = stored_open(call, call->args[0], 1, &s);
    if (code != EXIT_DONE) return code;
    let_interrupt_end();
    json_t *damage = json_array();
    const eg_status status = eg_memory_file_verify(s.file, hear, damage);
    if (status != EG_OK && status != EG_ERR_CORRUPT) code = fail(status, call->args[0]);
    if (status == EG_ERR_CORRUPT && json_array_size(damage) == 0) hear(damage, plain_detail());
    const int known = status == EG_OK && eg_memory_file_info(s.file, &info) == EG_OK;
    if (code == EXIT_DONE) {
        json_t *r = json_object();
        json_object_set_new(r, "file", json_string(call->args[0]));
        json_object_set_new(r, "whole", json_boolean(status == EG_OK));
        if (known) json_object_set_new(r, "patterns", json_integer((json_int_t)info.count));
        if (known) json_object_set_new(r, "root_hash", json_string(info.root_hash));
        if (status != EG_OK) json_object_set(r, "damage", damage);
        print_record(call, r);
        json_decref(r);
        say_next(call, status == EG_OK ? "engram info %s" : "engram repair %s repaired.egm",
                 shell_word(call->args[0]));
        code = status == EG_OK ? EXIT_DONE : EXIT_NO;
    }
    json_decref(damage);
    stored_close(&s);
    return code;
}

const struct command cmd_verify = {
    .name = "verify",
    .summary = "check every byte of a memory file",
    .arguments = "FILE.egm ",
    .examples = "engram verify digits.egm\nengram verify digits.egm --quiet && echo whole",
    .notes =
        "Exit 1: damage was found, each piece named. Exit 3: no memory file, or one\n"
        "so short or damaged at its beginning that it cannot be opened; repair may still help.",
    .min_args = 1,
    .max_args = 1,
    .run = run,
};
