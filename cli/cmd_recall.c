/* engram recall: cues to memories, each with its certificate. One cue is told in words, many
 * are a table; --json gives an object a cue, one a line. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>

#include "cli/binary_cues.h"
#include "cli/console.h"
#include "cli/cues.h"
#include "cli/picture.h"
#include "cli/reader_options.h"
#include "cli/recall_output.h"
#include "cli/recall_used.h"
#include "cli/routed_option.h"
#include "cli/rule_options.h"
#include "cli/words.h"

enum { STEPS_USUAL = 100 };

struct recall {
    struct common common;
    struct rule_options rule;
    struct cue_options cue;
    struct reader_options reader;
    struct recall_output out;
    struct binary_recalling binary;
    int dynamics, sweep;
    size_t steps, sample;
    double tolerance, damping, routed;
    const char *item;
};

static const struct recall defaults = {
    .rule = RULE_OPTIONS_INIT,
    .reader = READER_OPTIONS_INIT,
    .binary = BINARY_RECALL_INIT,
    .dynamics = -1,
    .tolerance = 1e-5,
    .damping = 0.5,
};

#define AT(field) offsetof(struct recall, field)

static const struct opt options[] = {
    { "item", 0, OPT_TEXT, AT(item), "IDS", "cues are these stored items: 3,17", NULL, 0, 0 },
    { "sample", 0, OPT_SIZE, AT(sample), "Q", "cues are Q stored items, chosen by the seed", NULL,
      1, 1e12 },
    { "hide", 0, OPT_TEXT, AT(cue.hide), "P|HALF",
      "hide this share of each cue, or its top, bottom, left, right, centre", NULL, 0, 0 },
    { "flip", 0, OPT_NUMBER, AT(cue.flip), "P", "turn each sign with this probability", NULL, 0,
      1 },
    { "noise", 0, OPT_NUMBER, AT(cue.noise), "S", "add N(0, S^2)", NULL, 0, 1e30 },
    { "clamp", 0, OPT_FLAG, AT(cue.clamp), NULL, "what is not hidden stays as it is", NULL, 0, 0 },
    { "invert", 0, OPT_CHOICE, AT(cue.invert), "WHEN", "black for white in a picture", invert_name,
      0, 0 },
    { "crop", 0, OPT_FLAG, AT(cue.crop), NULL, "cut a picture to what is drawn on it", NULL, 0, 0 },
    { "no-crop", 0, OPT_FLAG, AT(cue.whole), NULL, "never, not even wide empty margins", NULL, 0,
      0 },
    { "as-is", 0, OPT_FLAG, AT(cue.as_is), NULL, "numbers are in the memory's units", NULL, 0, 0 },
    READER_OPTION_ROWS(struct recall),
    { "dynamics", 0, OPT_CHOICE, AT(dynamics), "NAME",
      "how a state moves; async for classical memories, else sync", dynamics_name, 0, 0 },
    { "sweep", 0, OPT_CHOICE, AT(sweep), "NAME", "order of async", sweep_name, 0, 0 },
    { "steps", 0, OPT_SIZE, AT(steps), "N",
      "at most so many (100); of a chain, how many follow (1)", NULL, 1, 1e9 },
    { "tolerance", 0, OPT_NUMBER, AT(tolerance), "X", "at rest when it moves less", NULL, 0, 1 },
    { "damping", 0, OPT_NUMBER, AT(damping), "X", "of damped", NULL, 1e-9, 1 },
    { "strip", 0, OPT_TEXT, AT(out.strip), "FILE.png",
      "cue, steps, recalled and stored as one picture", NULL, 0, 0 },
    { "picture", 0, OPT_FLAG, AT(out.picture), NULL, "draw, even where output is no terminal", NULL,
      0, 0 },
    { "trace", 0, OPT_FLAG, AT(out.trace), NULL, "the energy of every step", NULL, 0, 0 },
    { "read", 0, OPT_FLAG, AT(out.read), NULL, "the value associated with what was recalled", NULL,
      0, 0 },
    { "used", 0, OPT_SIZE, AT(out.used), "N",
      "the N stored items that the answer stands on, by their weights (of many cues with --json)",
      NULL, 1, 1e9 },
    { "routed", 0, OPT_NUMBER, AT(routed), "EPS",
      "look at what can matter alone, certified within EPS of the exact update", NULL, 1e-12, 1 },
    BINARY_RECALL_ROWS(struct recall),
    RULE_OPTION_ROWS(struct recall),
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

/* "3,17" into ids; 0 when it is no such list. */
static size_t parse_ids(const char *s, uint64_t *ids, size_t room)
{
    size_t n = 0;
    for (; n < room && take_whole(&s, UINT64_MAX, &ids[n]); s++) {
        n++;
        if (*s == '\0') return n;
        if (*s != ',') return 0;
    }
    return 0;
}

static int read_cues(const struct call *call, const struct recall *o, struct stored *s,
                     struct cues *cues)
{
    uint64_t ids[1024];
    const int given = (call->nargs == 2) + (o->item != NULL) + (o->sample != 0);
    if (given != 1)
        return fail_usage(
            call, "give one of: a file of cues, --item IDS, --sample Q (%d were given)", given);
    int code;
    if (o->sample != 0) {
        code = cues_of_sample(s, call->common->seed, o->sample, cues);
    } else if (o->item != NULL) {
        const size_t n = parse_ids(o->item, ids, sizeof ids / sizeof *ids);
        if (n == 0) return fail_usage(call, "--item: expected ids like 3,17, got \"%s\"", o->item);
        code = cues_of_items(s, ids, n, cues);
    } else {
        const eg_read_options read = read_options_of(&o->reader);
        code = cues_read(call, call->args[1], s, &o->cue, &read, cues);
    }
    return code == EXIT_DONE ? cues_corrupt(call, s, &o->cue, cues) : code;
}

static int same_rule(const eg_rule *a, const eg_rule *b)
{
    return a->similarity == b->similarity && a->separation == b->separation
           && a->projection == b->projection && a->beta == b->beta && a->order == b->order
           && a->k == b->k && a->gain == b->gain;
}

static int change_rule(const struct call *call, const struct recall *o, eg_memory *m)
{
    eg_memory_options changed, now = *eg_memory_options_view(m);
    const int code = rule_resolve(call, &o->rule, eg_memory_size(m), &now, &changed);
    if (code != EXIT_DONE) return code;
    changed.rule.size = sizeof changed.rule;
    if (changed.storage != now.storage)
        return fail_usage(call, "storage is chosen when storing: this file is %s, not %s",
                          storage_name(now.storage), storage_name(changed.storage));
    if (same_rule(&changed.rule, &now.rule)) return EXIT_DONE;
    const eg_status s = eg_memory_set_rule(m, &changed.rule);
    if (s != EG_OK) return fail(s, NULL);
    say(call, "memory  %s", rule_words(&changed));
    return EXIT_DONE;
}

/* A classical network moves one component at a time: all at once it may swing for ever. */
static eg_dynamics usual_dynamics(const eg_memory *m)
{
    const eg_memory_options *o = eg_memory_options_view(m);
    const int classical = o->rule.separation == EG_SEP_IDENTITY
                          && o->rule.projection == EG_PROJ_SIGN && o->storage != EG_STORE_FEATURES;
    return classical ? EG_DYN_ASYNC : EG_DYN_SYNC;
}

static eg_recall_options recall_options(const struct call *call, const struct recall *o,
                                        const struct stored *s, const struct cues *cues)
{
    eg_recall_options how = EG_RECALL_OPTIONS_INIT;
    how.dynamics = o->dynamics < 0 ? usual_dynamics(s->memory) : (eg_dynamics)o->dynamics;
    if (o->dynamics < 0 && how.dynamics != EG_DYN_SYNC)
        say(call, "moves   one component at a time (--dynamics %s)", dynamics_name(how.dynamics));
    how.order = (eg_order)o->sweep;
    how.max_steps = o->steps > 0 ? o->steps : STEPS_USUAL;
    how.tolerance = o->tolerance;
    how.damping = o->damping;
    how.seed = call->common->seed;
    how.threads = call->common->threads;
    how.clamp = cues->clamp;
    how.routed_error = o->routed;
    return how;
}

/* The values associated with what was recalled, --read. */
static int read_values(const struct call *call, const struct recall *o, const struct stored *s,
                       const struct cues *cues, const eg_routed *routed, struct recalls *r)
{
    if (!o->out.read) return EXIT_DONE;
    r->read_size = eg_memory_value_size(s->memory);
    if (r->read_size == 0)
        return fail_usage(call, "--read: %s holds no values (store --values)", call->args[0]);
    const int threads = call->common->threads;
    r->values = need_floats(cues->q, r->read_size);
    const eg_status read =
        routed != NULL
            ? eg_routed_read(routed, r->states, cues->q, o->routed, 1, threads, r->values, NULL)
            : eg_memory_read(s->memory, r->states, cues->q, threads, r->values);
    return read == EG_OK ? EXIT_DONE : fail(read, NULL);
}

/* What each state stands on, --used. */
static int weigh(const struct recall *o, struct stored *s, const struct cues *cues,
                 struct recalls *r)
{
    int code = EXIT_DONE;
    if (o->out.used == 0) return code;
    r->used = need(cues->q, sizeof *r->used);
    for (size_t i = 0; i < cues->q; i++) r->used[i] = (struct table){ 0 };
    for (size_t i = 0; i < cues->q && code == EXIT_DONE; i++)
        code = recall_used(s, r->states + i * cues->d, o->out.used, &r->used[i]);
    return code;
}

static int recall_with(const struct call *call, const struct recall *o, struct stored *s,
                       struct cues *cues, eg_recall_options *how, struct recalls *r)
{
    struct bar bar;
    const eg_progress progress = bar_begin(&bar, call);
    const int one = cues->q == 1;
    how->progress = &progress;
    r->rows = how->max_steps + 1;
    r->states = need_floats(cues->q, cues->d);
    r->certificates = need(cues->q, sizeof *r->certificates);
    /* a path is asked for only where a picture may show it and it fits */
    if (one && r->rows <= 4096 / 8 && cues->d <= 1 << 20) r->path = need_floats(r->rows, cues->d);
    if (one || o->out.trace) r->trace = need(cues->q * r->rows, sizeof *r->trace);
    how->path = r->path;
    how->trace = r->trace;
    const double started = seconds_now();
    const eg_status status =
        eg_memory_recall(s->memory, cues->x, cues->q, how, r->states, r->certificates);
    bar_end(&bar);
    how->progress = NULL; /* it ends with this function */
    r->seconds = seconds_now() - started;
    if (status != EG_OK) return fail(status, NULL);
    return read_values(call, o, s, cues, how->routed, r);
}

static int recall_all(const struct call *call, const struct recall *o, struct stored *s,
                      struct cues *cues, struct recalls *r)
{
    eg_routed *routed = NULL;
    eg_recall_options how = recall_options(call, o, s, cues);
    int code = routed_begin(call, s->memory, o->routed, &routed);
    how.routed = routed;
    if (code == EXIT_DONE) code = recall_with(call, o, s, cues, &how, r);
    if (code == EXIT_DONE && routed != NULL)
        code = routed_prove(call, routed, o->routed, r->states, cues->q, &r->routed);
    eg_routed_destroy(routed);
    return code;
}

static int recall_binary(const struct call *call, const struct recall *o)
{
    struct binary_recalling how = o->binary;
    how.hide = o->cue.hide;
    how.flip = o->cue.flip;
    how.steps = o->steps;
    how.as_is = o->cue.as_is;
    how.reader = &o->reader;
    return binary_recall(call, &how);
}

static int run(const struct call *call)
{
    const struct recall *o = call->options;
    if (binary_file(call->args[0])) return recall_binary(call, o);
    struct stored s = { 0 };
    struct cues cues = { 0 };
    struct recalls r = { 0 };
    int code = stored_open(call, call->args[0], 1, &s);
    if (code == EXIT_DONE) code = stored_load(call, &s);
    if (code == EXIT_DONE && eg_memory_count(s.memory) == 0) {
        fprintf(stderr, "engram: %s: nothing is stored\n", call->args[0]);
        code = EXIT_NO;
    }
    if (code == EXIT_DONE) code = change_rule(call, o, s.memory);
    if (code == EXIT_DONE) code = read_cues(call, o, &s, &cues);
    if (code == EXIT_DONE) code = recall_all(call, o, &s, &cues, &r);
    if (code == EXIT_DONE) code = weigh(o, &s, &cues, &r);
    if (code == EXIT_DONE) code = recall_output(call, &o->out, &s, &cues, &r);
    free(r.states);
    free(r.certificates);
    free(r.path);
    free(r.trace);
    for (size_t i = 0; r.used != NULL && i < cues.q; i++) table_clear(&r.used[i]);
    free(r.used);
    free(r.values);
    free(r.routed);
    cues_clear(&cues);
    stored_close(&s);
    return code;
}

const struct command cmd_recall = {
    .name = "recall",
    .summary = "complete cues from a memory file, each with a certificate",
    .arguments = "FILE.egm [CUES] ",
    .examples = "engram recall digits.egm cue.png -o fixed.png\n"
                "engram recall digits.egm cue.png --strip strip.png --trace\n"
                "engram recall digits.egm --sample 100 --hide 0.3\n"
                "engram recall digits.egm --item 17 --hide top --clamp --picture\n"
                "engram recall digits.egm cues.npy -o recalled.npy --json\n"
                "engram recall digits.egm cue.png --memory modern:0.1 --used 5\n"
                "engram recall digits.egm --sample 100 --flip 0.1 --memory exponential\n"
                "engram recall million.egm cues.npy --routed 1e-3 -o recalled.npy\n"
                "engram recall messages.egm cues.csv",
    .notes =
        "CUES is a picture of any size or a folder of them (each is treated as the stored "
        "pictures\n"
        "were), a file of numbers, a data set's name, or - for standard input. Exit 1: no cue "
        "was recalled as one\n"
        "memory (weights alone: none came to rest). -o FILE: .png (one cue; - is standard\n"
        "output), .npy or .csv (the states).\n"
        "Binary memories: a cue is a line of numbers as they were stored, -1 for a symbol that\n"
        "is unknown; recalled: at rest with one answer whose connections all exist (sdm: with\n"
        "most of what storing it leaves near it; bam: whose two sides give each other, which\n"
        "states never stored can do too); false accept: how likely so many connections all\n"
        "exist by accident.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .min_args = 1,
    .max_args = 2,
    .own_output = 1,
    .run = run,
};
