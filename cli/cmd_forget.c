/* engram forget: items out of a binary memory, or taught classes and examples, by what they are. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/binary_memory.h"
#include "cli/cli_text.h"
#include "cli/one_writer.h"
#include "cli/taught.h"

struct forget {
    struct common common;
    struct reader_options reader;
    const char *contents, *label, *network;
};

static const struct forget defaults = { .reader = READER_OPTIONS_INIT };

#define AT(field) offsetof(struct forget, field)

static const struct opt options[] = {
    { "label", 0, OPT_TEXT, AT(label), "NAME",
      "taught classes: the class of the examples; alone, all of it", NULL, 0, 0 },
    { "network", 0, OPT_TEXT, AT(network), "FILE.onnx", "of taught classes: where it is now", NULL,
      0, 0 },
    { "contents", 0, OPT_TEXT, AT(contents), "DATA", "what each item is the address of", NULL, 0,
      0 },
    READER_OPTION_ROWS(struct forget),
    SET_OPTION_ROWS(struct forget),
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

static int take_out(const struct call *call, eg_binary *m, const struct binary_pairs *p)
{
    const eg_status s = eg_binary_options_view(m)->kind == EG_BINARY_CHAIN
                            ? eg_binary_forget_sequence(m, p->addresses, p->n)
                            : eg_binary_forget(m, p->addresses, p->contents, p->n);
    if (s == EG_OK) return EXIT_DONE;
    const int code = fail(s, call->args[0]);
    if (s == EG_ERR_UNSUPPORTED)
        fprintf(stderr, "  engram store ... --counted keeps what forgetting needs\n");
    return code;
}

static int forget_binary(const struct call *call)
{
    const struct forget *o = call->options;
    const double started = seconds_now();
    if (call->nargs != 2)
        return fail_usage(call, "expected FILE.egm and DATA, got %zu arguments", call->nargs);
    struct stored s = { 0 };
    struct binary_pairs p = { 0, NULL, NULL };
    eg_binary *m = NULL;
    eg_dataset set = { 0 };
    const eg_read_options read = read_options_of(&o->reader);
    int turn, code = one_writer_begin(call, call->args[0], &turn);
    if (code == EXIT_DONE) code = binary_open(call, call->args[0], 0, &s, &m);
    if (code == EXIT_DONE) code = data_read(call, call->args[1], &read, &set);
    if (code == EXIT_DONE) code = binary_encode(call, m, &s.scaling, &set, o->contents, &p);
    if (code == EXIT_DONE) code = take_out(call, m, &p);
    if (code == EXIT_DONE) {
        const eg_status status = eg_memory_file_write_binary(s.file, m);
        if (status != EG_OK) code = fail(status, NULL);
    }
    stored_close(&s);
    one_writer_end(turn);
    if (code == EXIT_DONE) code = binary_report(call, call->args[0], m, "forgotten", p.n, started);
    if (code == EXIT_DONE) {
        say(call,
            "exact if all of it was stored; a binary memory refuses only what cannot have been");
        say_next(call, "engram info %s", shell_word(call->args[0]));
    }
    binary_pairs_clear(&p);
    eg_dataset_clear(&set);
    eg_binary_destroy(m);
    return code;
}

static int forget_taught(const struct call *call)
{
    const struct forget *o = call->options;
    const struct forgetting how = { &o->reader, o->label, o->network };
    return taught_forget(call, &how);
}

static int run(const struct call *call)
{
    static const struct contents rows[] = { { taught_file, forget_taught },
                                            { NULL, forget_binary } };
    return run_by_contents(call, rows);
}

const struct command cmd_forget = {
    .name = "forget",
    .summary = "items out of a binary memory, or taught classes, exactly",
    .arguments = "FILE.egm [DATA...] ",
    .examples = "engram forget messages.egm unwanted.csv\n"
                "engram forget pairs.egm addresses.csv --contents contents.csv\n"
                "engram forget birds.egm --label robin\n"
                "engram forget birds.egm wrong.jpg --label robin",
    .notes =
        "What is left is as if the items had never been stored. All or none: exit 1, and\n"
        "nothing forgotten, when one of them cannot have been: a connection of it is missing, or\n"
        "as many items as would stay cannot have left the rest. More a binary memory cannot tell,\n"
        "for it keeps no items: one never stored whose connections all exist (engram info: false\n"
        "accept), or most vectors given to an sdm or bam of several, is taken out of the others,\n"
        "which then may no longer be recalled. Forget what you stored; engram store --append with\n"
        "the same data undoes a mistake. Connections must have been counted (engram store\n"
        "--counted); sdm and bam always are. Items of dense memories have ids: engram delete.\n"
        "Of taught classes (engram teach) a class, or examples of one: sums and counts are as if\n"
        "they had never been taught, the name of a class without examples leaves the file, and\n"
        "its place is the next new class's; what the kind cannot take out it says. A calibration\n"
        "(teach --unknown) stays until the next. A kind that keeps sums\n"
        "(mean, lda, binary, ..) cannot tell whether an example was taught: it takes out what it\n"
        "is given.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .min_args = 1,
    .max_args = 1u << 20,
    .run = run,
};
