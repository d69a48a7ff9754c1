/* engram rerun: a training run repeated from its config.json, and what was learned compared. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/run_folder.h"
#include "cli/training.h"

static json_t *file_of(const char *folder, const char *name)
{
    return json_load_file(keep_format("%s/%s", folder, name), 0, NULL);
}

/* What is not as it was then, of the data and of what computes: their names; a line for each. */
static json_t *find_changes(const struct call *call, const char *then, const char *now)
{
    json_t *names = json_array();
    static const char *const rows[][2] = { { "config.json", "data" },
                                           { "config.json", "valid" },
                                           { "env.json", "engram" },
                                           { "env.json", "kernels" } };
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        json_t *a = file_of(then, rows[i][0]), *b = file_of(now, rows[i][0]);
        json_t *x = json_object_get(a, rows[i][1]), *y = json_object_get(b, rows[i][1]);
        if (x != NULL && y != NULL && !json_equal(x, y)) {
            json_array_append_new(names, json_string(rows[i][1]));
            say(call, "%-7s is %s, and was %s", rows[i][1],
                keep(json_dumps(y, JSON_ENCODE_ANY | JSON_COMPACT)),
                keep(json_dumps(x, JSON_ENCODE_ANY | JSON_COMPACT)));
        }
        json_decref(a);
        json_decref(b);
    }
    return names;
}

static int compare(const struct call *call, const struct trained *t, const char *folder,
                   const char *before)
{
    const char *hash = hash_text(t->result.hash);
    const int same = strcmp(hash, before) == 0;
    json_t *j = json_pack("{s:s,s:s,s:s,s:s,s:b}", "run", folder, "learned", before, "again",
                          t->folder, "learned_again", hash, "same", same);
    if (!same) json_object_set_new(j, "not_as_it_was", find_changes(call, folder, t->folder));
    print_record(call, j);
    json_decref(j);
    say_next(call, "engram eval %s", shell_word(t->folder));
    return same ? EXIT_DONE : EXIT_NO;
}

static int run(const struct call *call)
{
    const char *folder = call->args[0], *given = call->common->output;
    struct trained t;
    int code = trained_of_folder(call, folder, &t);
    if (code != EXIT_DONE) return code;
    const char *before = trained_hash(folder);
    if (before == NULL) {
        fprintf(stderr, "engram: %s: has not ended; engram train -o %s --resume\n", folder, folder);
        code = EXIT_NO;
    }
    t.folder = given != NULL ? given : run_folder_name("rerun");
    if (code == EXIT_DONE) code = trained_run(call, &t, 0);
    if (code == EXIT_DONE) code = compare(call, &t, folder, before);
    trained_clear(&t);
    return code;
}

const struct command cmd_rerun = {
    .name = "rerun",
    .summary = "repeat a training run, and compare what was learned",
    .arguments = "FOLDER ",
    .examples = "engram rerun runs/dam-20\nengram rerun runs/dam-20 -o again --threads 1 --json",
    .notes = "FOLDER was written by engram train. The same data and settings learn the same bits,\n"
             "for any number of threads. Exit 1: something else was learned; then it says what is\n"
             "not as it was.",
    .min_args = 1,
    .max_args = 1,
    .own_output = 2,
    .run = run,
};
