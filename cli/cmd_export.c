/* engram export: a memory file for other programs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "cli/console.h"
#include "cli/stored.h"

static const char *const formats[] = { "safetensors", "npy", NULL };

static const char *format_name(size_t row)
{
    return row < 3 ? formats[row] : NULL;
}

struct export
{
    struct common common;
    int format;
};

static const struct export defaults = { .format = -1 };

static const struct opt options[] = {
    { "format", 0, OPT_CHOICE, offsetof(struct export, format), "NAME",
      "when the name of the file does not tell", format_name, 0, 0 },
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

static int run(const struct call *call)
{
    const struct export *o = call->options;
    const char *to = call->args[1], *dot = strrchr(to, '.');
    int format = o->format;
    for (int i = 0; format < 0 && dot != NULL && formats[i] != NULL; i++)
        if (strcmp(dot + 1, formats[i]) == 0) format = i;
    if (format < 0)
        return fail_usage(call, "%s: expected a name ending in .safetensors or .npy, or --format",
                          to);
    struct stored s = { 0 };
    const int code = stored_open(call, call->args[0], 1, &s);
    if (code != EXIT_DONE) return code;
    const eg_status status = eg_memory_file_export(s.file, to, formats[format]);
    stored_close(&s);
    if (status != EG_OK) return fail(status, to);
    json_t *r = json_object();
    json_object_set_new(r, "file", json_string(to));
    json_object_set_new(r, "format", json_string(formats[format]));
    print_record(call, r);
    json_decref(r);
    return EXIT_DONE;
}

const struct command cmd_export = {
    .name = "export",
    .summary = "a memory file as safetensors (all of it) or NPY (the patterns)",
    .arguments = "FILE.egm OUT ",
    .examples = "engram export digits.egm digits.safetensors\nengram export digits.egm digits.npy",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .min_args = 2,
    .max_args = 2,
    .run = run,
};
