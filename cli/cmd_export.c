/* engram export: a memory file, or a trained network, for other programs. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli_text.h"
#include "cli/console.h"
#include "cli/model.h"
#include "cli/stored.h"

enum { ONNX = 2 };
static const char *const formats[] = { "safetensors", "npy", "onnx", NULL };

static const char *format_name(size_t row)
{
    return row < 4 ? formats[row] : NULL;
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

static void print_written(const struct call *call, const char *to, const char *format)
{
    json_t *r = json_pack("{s:s,s:s}", "file", to, "format", format);
    print_record(call, r);
    json_decref(r);
}

/* The pictures of a network, from pixels 0..255 to its inputs, as words of the file; how many. */
static size_t pixel_words(const struct model *m, const char *meta[4])
{
    const struct input *in = &m->input;
    const double low = in->kind == INPUT_UNIT ? 0 : in->low;
    const double span = in->kind == INPUT_UNIT ? 1 : in->high - in->low;
    if (m->shape.height == 0 || in->kind == INPUT_COLUMNS || !(span > 0)) return 0;
    meta[0] = "input_zero";
    meta[1] = keep_format("%.9g", low == 0 ? 0 : -255 * low / span);
    meta[2] = "input_scale";
    meta[3] = keep_format("%.9g", span / 255);
    return 2;
}

static int export_network(const struct call *call, const char *to)
{
    struct model m;
    const char *meta[4];
    if (is_memory_file(call->args[0]))
        return fail_usage(call, "%s is a memory file: .safetensors or .npy; ONNX is for networks",
                          call->args[0]);
    int code = model_open(call, call->args[0], &m);
    if (code != EXIT_DONE) return code;
    const size_t pairs = pixel_words(&m, meta);
    const eg_status s = eg_onnx_save(m.learner, to, meta, pairs);
    code = s == EG_OK ? EXIT_DONE : fail(s, NULL);
    if (code == EXIT_DONE) print_written(call, to, formats[ONNX]);
    if (code == EXIT_DONE && m.input.kind == INPUT_COLUMNS)
        say(call, "inputs  are scaled column by column before, which the file does not do");
    if (code == EXIT_DONE) say_next(call, "engram import %s", to);
    model_close(&m);
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
        return fail_usage(
            call, "%s: expected a name ending in .safetensors, .npy or .onnx, or --format", to);
    const int stream = strcmp(to, "-") == 0;
    if (call->common->output != NULL)
        return fail_usage(call, "%s is where it is written; -o %s would be a second place", to,
                          call->common->output);
    if (format == ONNX && stream)
        return fail_usage(call, "an ONNX file is written to a file, not to standard output");
    if (format == ONNX) return export_network(call, to);
    struct stored s = { 0 };
    int code = stored_open(call, call->args[0], 1, &s);
    if (code != EXIT_DONE) return code;
    code =
        stream ? export_stream(call, &s, formats[format]) : export_to(&s, to, formats[format], to);
    stored_close(&s);
    if (code != EXIT_DONE || stream) return code;
    print_written(call, to, formats[format]);
    return EXIT_DONE;
}

const struct command cmd_export = {
    .name = "export",
    .summary = "a memory file as safetensors or NPY, a trained network as ONNX",
    .arguments = "FILE.egm|MODEL OUT ",
    .examples = "engram export digits.egm digits.safetensors\nengram export digits.egm digits.npy\n"
                "engram export digits.egm - --format npy > digits.npy\n"
                "engram export runs/net-1 net.onnx",
    .notes = "safetensors has all of a memory file, NPY its patterns. A network is written with "
             "its layers as\noperators of the ONNX standard (docs/onnx.md).",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .min_args = 2,
    .max_args = 2,
    .own_output = 1,
    .run = run,
};
