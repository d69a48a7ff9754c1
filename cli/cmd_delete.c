/* engram delete: memories out of a file, by id. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cli/cli_text.h"
#include "cli/console.h"
#include "cli/stored.h"

static int run(const struct call *call)
{
    struct stored s = { 0 };
    eg_file_info info = { 0 };
    const size_t n = call->nargs - 1;
    uint64_t *ids = need(n, sizeof *ids);
    int code = EXIT_DONE;
    for (size_t i = 0; i < n && code == EXIT_DONE; i++) {
        const char *text = call->args[i + 1];
        char *end;
        ids[i] = strtoull(text, &end, 10);
        if (*text < '0' || *text > '9' || *end != '\0')
            code = fail_usage(call, "expected an id (a whole number), got \"%s\"", text);
    }
    if (code == EXIT_DONE) code = stored_open(call, call->args[0], 0, &s);
    if (code == EXIT_DONE) {
        eg_status status = eg_memory_file_remove(s.file, ids, n);
        if (status == EG_OK) status = eg_memory_file_info(s.file, &info);
        if (status != EG_OK) code = fail(status, call->args[0]);
    }
    if (code == EXIT_DONE) {
        json_t *r = json_object();
        json_object_set_new(r, "file", json_string(call->args[0]));
        json_object_set_new(r, "deleted", json_integer((json_int_t)n));
        json_object_set_new(r, "patterns", json_integer((json_int_t)info.count));
        json_object_set_new(r, "root_hash", json_string(info.root_hash));
        print_record(call, r);
        json_decref(r);
        say_next(call, "engram vacuum %s", call->args[0]);
    }
    stored_close(&s);
    free(ids);
    return code;
}

const struct command cmd_delete = {
    .name = "delete",
    .summary = "memories out of a file, by id",
    .arguments = "FILE.egm ID... ",
    .examples = "engram delete digits.egm 17\nengram delete digits.egm 3 5 8",
    .notes = "All or none: exit 1, and nothing deleted, when one id is not there.",
    .min_args = 2,
    .max_args = 1u << 20,
    .run = run,
};
