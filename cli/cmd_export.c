/* engram export: a memory file for other programs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli_text.h"
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

static int export_to(const struct stored *s, const char *to, const char *format, const char *name)
{
    const eg_status status = eg_memory_file_export(s->file, to, format);
    return status == EG_OK ? EXIT_DONE : fail_as(status, to, name);
}

/* To standard output, by way of a scratch file: the library writes beside and renames. */
static int export_stream(const struct call *call, const struct stored *s, const char *format)
{
    const char *folder = getenv("TMPDIR");
    char *path = keep_format("%s/engram-XXXXXX", folder ? folder : "/tmp"), block[65536];
    const int fd = mkstemp(path);
    if (fd < 0) {
        fprintf(stderr, "engram: %s: cannot be written: %s\n", path, strerror(errno));
        return EXIT_IO;
    }
    close(fd);
    int code = export_to(s, path, format, "standard output");
    FILE *f = code == EXIT_DONE ? fopen(path, "rb") : NULL;
    size_t n;
    while (f != NULL && (n = fread(block, 1, sizeof block, f)) > 0)
        (void)fwrite(block, 1, n, call->out); /* a failure shows where output is closed */
    if (code == EXIT_DONE && (f == NULL || ferror(f))) code = EXIT_IO;
    if (f != NULL) fclose(f);
    unlink(path);
    return code;
}

static int run(const struct call *call)
{
    const struct export *o = call->options;
    const char *to = call->args[1], *dot = strrchr(to, '.');
    int format = o->format;
    for (int i = 0; format < 0 && dot != NULL && formats[i] != NULL; i++)
        if (strcmp(dot + 1, formats[i]) == 0) format = i;
    if (format < 0 && strcmp(to, "-") == 0)
        return fail_usage(call, "standard output has no name to tell by: give --format");
    if (format < 0)
        return fail_usage(call, "%s: expected a name ending in .safetensors or .npy, or --format",
                          to);
    const int stream = strcmp(to, "-") == 0;
    if (call->common->output != NULL)
        return fail_usage(call, "%s is where it is written; -o %s would be a second place", to,
                          call->common->output);
    struct stored s = { 0 };
    int code = stored_open(call, call->args[0], 1, &s);
    if (code != EXIT_DONE) return code;
    code =
        stream ? export_stream(call, &s, formats[format]) : export_to(&s, to, formats[format], to);
    stored_close(&s);
    if (code != EXIT_DONE || stream) return code;
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
    .examples = "engram export digits.egm digits.safetensors\nengram export digits.egm digits.npy\n"
                "engram export digits.egm - --format npy > digits.npy",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .min_args = 2,
    .max_args = 2,
    .own_output = 1,
    .run = run,
};
