/* engram split: the part of a binary memory that points to some units of its content. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "cli/binary_memory.h"
#include "cli/cli_text.h"

struct split {
    struct common common;
    const char *units;
};

static const struct split defaults = { .units = NULL };

static const struct opt options[] = {
    { "units", 0, OPT_TEXT, offsetof(struct split, units), "FIRST-LAST",
      "of the content, from 0, cluster after cluster: 0-99, or 0-99,200", NULL, 0, 0 },
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

/* "0-99,200" into bits of a content. */
static int parse_units(const struct call *call, const char *text, const eg_binary *m,
                       uint64_t *bits)
{
    const eg_binary_options *o = eg_binary_options_view(m);
    const size_t clusters = o->out_clusters > 0 ? o->out_clusters : o->clusters;
    const size_t units = o->out_clusters > 0 ? o->out_units : o->units;
    const char *at = text;
    for (;;) {
        uint64_t first, last;
        if (!take_whole(&at, clusters * units - 1, &first)) break;
        last = first;
        if (*at == '-') {
            at++;
            if (!take_whole(&at, clusters * units - 1, &last) || last < first) break;
        }
        for (uint64_t u = first; u <= last; u++) {
            const size_t bit = u / units * 64 * ((units + 63) / 64) + u % units;
            if (bits[bit / 64] >> bit % 64 & 1)
                return fail_usage(call, "--units %s: unit %zu is in it twice", text, (size_t)u);
            bits[bit / 64] |= UINT64_C(1) << bit % 64;
        }
        if (*at == '\0') return EXIT_DONE;
        if (*at++ != ',') break;
    }
    return fail_usage(call, "--units: expected FIRST-LAST below %zu, or a list of them, got \"%s\"",
                      clusters * units, text);
}

static int run(const struct call *call)
{
    const struct split *o = call->options;
    const char *to = call->common->output;
    const double started = seconds_now();
    struct stored s = { 0 };
    eg_binary *m = NULL, *part = NULL;
    uint64_t *bits = NULL;
    const eg_note *notes = NULL;
    if (to == NULL || o->units == NULL)
        return fail_usage(call, "expected --units FIRST-LAST and -o NEW.egm");
    int code = binary_open(call, call->args[0], 1, &s, &m);
    const size_t count = code == EXIT_DONE ? stored_notes(&s, &notes) : 0;
    if (code == EXIT_DONE) {
        bits = need(eg_binary_out_words(m), sizeof *bits);
        code = parse_units(call, o->units, m, bits);
    }
    if (code == EXIT_DONE) {
        const eg_status status = eg_binary_split(m, bits, &part);
        if (status != EG_OK) code = fail(status, NULL);
    }
    if (code == EXIT_DONE) code = binary_save_new(call, to, part, notes, count);
    if (code == EXIT_DONE) code = binary_report(call, to, part, NULL, 0, started);
    if (code == EXIT_DONE) say_next(call, "engram merge %s ... -o whole.egm", shell_word(to));
    free(bits);
    eg_binary_destroy(m);
    eg_binary_destroy(part);
    stored_close(&s);
    return code;
}

const struct command cmd_split = {
    .name = "split",
    .summary = "the part of a binary memory that points to some units, as a memory of its own",
    .arguments = "FILE.egm ",
    .examples = "engram split classes.egm --units 0-49 -o first.egm",
    .notes = "Parts that cover all units merge to the whole.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .min_args = 1,
    .max_args = 1,
    .own_output = 1,
    .run = run,
};
