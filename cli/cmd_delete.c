/* engram delete: memories out of a file, by id. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/binary_memory.h"
#include "cli/cli_text.h"
#include "cli/console.h"
#include "cli/one_writer.h"
#include "cli/stored.h"
#include "cli/unfinished.h"

struct ids {
    uint64_t *id;
    size_t n, room;
};

/* "17" or "3,5,8" to the end of the list. */
static int add_ids(const struct call *call, const char *text, struct ids *ids)
{
    for (const char *at = text;; at++) {
        uint64_t id;
        if (!take_whole(&at, UINT64_MAX, &id) || (*at != ',' && *at != '\0'))
            return fail_usage(call, "expected an id (a whole number) or a list 3,5,8, got \"%s\"",
                              text);
        if (ids->n == ids->room) {
            ids->room = 2 * ids->room + 16;
            uint64_t *more = need(ids->room, sizeof *more);
            if (ids->n != 0) memcpy(more, ids->id, ids->n * sizeof *more);
            free(ids->id);
            ids->id = more;
        }
        ids->id[ids->n++] = id;
        if (*at == '\0') return EXIT_DONE;
    }
}

/* A store that is not complete goes on behind the same item whatever is deleted. */
static eg_status remove_ids(eg_memory_file *f, const struct ids *ids)
{
    struct unfinished u;
    const int waits = unfinished_read(f, &u);
    eg_status s = waits ? unfinished_write(f, &u) : EG_OK;
    if (s == EG_OK) s = eg_memory_file_remove(f, ids->id, ids->n);
    if (s == EG_OK && waits) s = unfinished_write(f, &u);
    return s;
}

static int run(const struct call *call)
{
    struct stored s = { 0 };
    eg_file_info info = { 0 };
    struct ids ids = { NULL, 0, 0 };
    int code = EXIT_DONE, turn = -1;
    for (size_t i = 1; i < call->nargs && code == EXIT_DONE; i++)
        code = add_ids(call, call->args[i], &ids);
    if (code == EXIT_DONE && binary_file(call->args[0]))
        code = fail_usage(call, "%s is a binary memory, whose items have no ids: engram forget",
                          call->args[0]);
    if (code == EXIT_DONE) code = one_writer_begin(call, call->args[0], &turn);
    if (code == EXIT_DONE) code = stored_open(call, call->args[0], 0, &s);
    if (code == EXIT_DONE) {
        eg_status status = remove_ids(s.file, &ids);
        if (status == EG_OK) status = eg_memory_file_info(s.file, &info);
        if (status != EG_OK) code = fail(status, call->args[0]);
    }
    if (code == EXIT_DONE) {
        json_t *r = json_object();
        json_object_set_new(r, "file", json_string(call->args[0]));
        json_object_set_new(r, "deleted", json_integer((json_int_t)ids.n));
        json_object_set_new(r, "patterns", json_integer((json_int_t)info.count));
        json_object_set_new(r, "root_hash", json_string(info.root_hash));
        print_record(call, r);
        json_decref(r);
        say_next(call, "engram vacuum %s", shell_word(call->args[0]));
    }
    stored_close(&s);
    one_writer_end(turn);
    free(ids.id);
    return code;
}

const struct command cmd_delete = {
    .name = "delete",
    .summary = "memories out of a file, by id",
    .arguments = "FILE.egm ID[,ID...]... ",
    .examples = "engram delete digits.egm 17\nengram delete digits.egm 3,5,8",
    .notes = "All or none: exit 1, and nothing deleted, when one id is not there.",
    .min_args = 2,
    .max_args = 1u << 20,
    .run = run,
};
