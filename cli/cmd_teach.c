/* engram teach: examples of classes into a memory file, one call each, nothing trained again. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/cli_text.h"
#include "cli/one_writer.h"
#include "cli/taught.h"

struct teach {
    struct common common;
    struct reader_options reader;
    struct feature_options how;
    const char *network, *label, *kind, *budget, *fit;
    size_t classes, examples;
    double unknown;
};

static const struct teach defaults = {
    .reader = READER_OPTIONS_INIT,
    .how = FEATURE_OPTIONS_INIT,
    .classes = 100,
    .examples = 1000,
    .unknown = -1,
};

#define AT(field) offsetof(struct teach, field)

static const char *kind_name(size_t row)
{
    return eg_head_kind_at(row) != NULL ? eg_head_kind_at(row)->name : NULL;
}

static const struct opt options[] = {
    { "label", 0, OPT_TEXT, AT(label), "NAME", "the class of all of them; else that of the data",
      NULL, 0, 0 },
    { "network", 0, OPT_TEXT, AT(network), "FILE.onnx",
      "whose features are learned from; kept by the file. none: pixels themselves", NULL, 0, 0 },
    { "kind", 0, OPT_TEXT, AT(kind), "NAME",
      "how a new file learns (mean): a name, or as JSON with its settings", kind_name, 0, 0 },
    { "budget", 0, OPT_TEXT, AT(budget), "BUDGET",
      "choose the kind by the bytes it needs to go on learning, by the time that one example and "
      "one "
      "answer take, or both: 64k; 20us; 64k,20us",
      NULL, 0, 0 },
    { "classes", 0, OPT_SIZE, AT(classes), "N", "that the budget is for", NULL, 1, 1e9 },
    { "examples", 0, OPT_SIZE, AT(examples), "N", "likewise, of all classes", NULL, 1, 1e9 },
    { "fit", 0, OPT_TEXT, AT(fit), "DATA",
      "features that the quantiser of a new file looks at: any, of any class", NULL, 0, 0 },
    { "unknown", 0, OPT_NUMBER, AT(unknown), "SHARE",
      "afterwards: so many of known classes may be called unknown", NULL, 0, 0.99 },
    FEATURE_OPTION_ROWS(struct teach),
    READER_OPTION_ROWS(struct teach),
    SET_OPTION_ROWS(struct teach),
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

static const struct {
    const char *unit;
    double microseconds;
} times[] = { { "us", 1 }, { "ms", 1000 } };

/* Up to a comma or the end, which text is moved behind; bytes and time once each. 0: it is no part.
 */
static int take_part(const char **text, eg_head_budget *b)
{
    uint64_t n;
    double time = 0;
    if (!take_whole(text, UINT64_C(1) << 40, &n) || n == 0) return 0;
    const char *unit = *text;
    const size_t length = strcspn(unit, ",");
    const uint64_t bytes = length == 1 && *unit == 'b' ? 1 : size_unit(unit, length);
    for (size_t i = 0; i < sizeof times / sizeof *times; i++)
        if (strlen(times[i].unit) == length && strncmp(times[i].unit, unit, length) == 0)
            time = times[i].microseconds;
    if (bytes > 0 ? b->bytes > 0 || n > SIZE_MAX / bytes : !(time > 0) || b->microseconds > 0)
        return 0;
    b->bytes += (size_t)(n * bytes);
    b->microseconds += (double)n * time;
    *text += length;
    return 1;
}

/* "64k", "20us", "64k,20us"; 0: it is none of these. */
static int budget_of(const char *text, eg_head_budget *b)
{
    *b = (eg_head_budget){ .size = sizeof *b };
    while (take_part(&text, b)) {
        if (*text == '\0') return 1;
        text++; /* the comma */
    }
    return 0;
}

/* ---- the network of a new file ---- */

static const char *network_of(const struct teach *o)
{
    return o->network != NULL && strcmp(o->network, "none") == 0 ? NULL : o->network;
}

/* "mobilenet_v2.onnx" in the first folder of $ENGRAM_MODELS that has it; NULL: none has. */
static const char *usual_network(void)
{
    for (const char *p = getenv("ENGRAM_MODELS"); p != NULL && *p != '\0';) {
        const size_t n = strcspn(p, ":");
        const char *path = keep_format("%.*s/mobilenet_v2.onnx", (int)n, p);
        if (n > 0 && path_exists(path)) return path;
        p += n + (p[n] == ':');
    }
    return NULL;
}

static eg_status on_picture(void *user, eg_image *image)
{
    *(int *)user = 1;
    return keep_one_pixel(image);
}

/* Whether the first of the data is a picture, or a folder of them. */
static int are_pictures(const struct call *call, int *are)
{
    const struct teach *o = call->options;
    const char *name = call->args[1];
    eg_read_options read = read_options_of(&o->reader);
    eg_dataset set = { 0 };
    read.max_items = 1;
    read.picture = on_picture;
    read.picture_user = are;
    const int code = data_read(call, name, &read, &set);
    eg_dataset_clear(&set);
    return code;
}

/* The one given, the usual one where there are pictures, or NULL: rows are features already. */
static int choose_network(const struct call *call, const char **network)
{
    const struct teach *o = call->options;
    int are = 0;
    *network = network_of(o);
    if (o->network != NULL) return EXIT_DONE;
    const int code = are_pictures(call, &are);
    if (code != EXIT_DONE || !are) return code;
    *network = usual_network();
    if (*network == NULL)
        return fail_usage(call,
                          "%s: pictures are learned by their features, which a network computes: "
                          "--network FILE.onnx, or put mobilenet_v2.onnx into a folder of "
                          "$ENGRAM_MODELS; --network none learns from the pixels themselves",
                          call->args[1]);
    say(call, "network %s (--network says another)", *network);
    return EXIT_DONE;
}

/* ---- a new head ---- */

static int any_below(const struct features *f)
{
    for (size_t i = 0; i < f->n * f->d; i++)
        if (f->x[i] < 0) return 1;
    return 0;
}

static const char *kind_spec(const char *kind)
{
    return kind[0] == '{' ? kind : keep_format("{\"kind\": \"%s\"}", kind);
}

static int choose_spec(const struct call *call, const struct features *f, const char **spec)
{
    static char chosen[EG_HEAD_SPEC];
    const struct teach *o = call->options;
    if (o->kind != NULL && o->budget != NULL)
        return fail_usage(call, "--budget chooses what --kind says: give one of them");
    if (o->budget == NULL) {
        *spec = kind_spec(o->kind != NULL ? o->kind : "mean");
        return EXIT_DONE;
    }
    eg_head_budget most;
    if (!budget_of(o->budget, &most))
        return fail_usage(call, "--budget %s: expected bytes, microseconds or both, as 64k,20us",
                          o->budget);
    const eg_status s = eg_head_choose(&most, f->d, o->classes, o->examples, any_below(f), chosen);
    if (s != EG_OK) return fail(s, NULL);
    *spec = chosen;
    return EXIT_DONE;
}

/* Features of --fit, of the same network. */
static int fit(const struct call *call, const struct features *like, eg_head *h)
{
    const struct teach *o = call->options;
    const eg_read_options read = read_options_of(&o->reader);
    struct features f;
    eg_dataset set = { 0 };
    if (o->fit == NULL) return EXIT_DONE;
    int code = features_begin(call, like->network, like->how, like->d, &f);
    if (code == EXIT_DONE) code = features_add(&f, o->fit, &read, &set);
    if (code == EXIT_DONE) code = features_end(&f);
    if (code == EXIT_DONE && f.d != like->d)
        code = fail_usage(call, "--fit %s: %zu features, expected %zu", o->fit, f.d, like->d);
    const eg_status s = code == EXIT_DONE ? eg_head_fit(h, f.x, f.n) : EG_OK;
    if (s != EG_OK) code = fail(s, NULL);
    eg_dataset_clear(&set);
    features_clear(&f);
    return code;
}

static int make_head(const struct call *call, const struct features *f, eg_head **h)
{
    const char *spec = NULL;
    int code = choose_spec(call, f, &spec);
    if (code != EXIT_DONE) return code;
    const eg_status s = eg_head_create(spec, f->d, call->common->seed, NULL, h);
    if (s != EG_OK) return fail(s, NULL);
    say(call, "learns  %s", eg_head_spec(*h));
    return fit(call, f, *h);
}

/* ---- classes ---- */

static const char *label_of(const struct teach *o, const struct items *items, size_t i)
{
    return o->label != NULL ? o->label : items->label[i];
}

/* Every item has a class, or the message is printed. */
static int check_labels(const struct call *call, const struct items *items)
{
    const struct teach *o = call->options;
    if (items->n == 0) return fail_usage(call, "no examples: nothing is taught");
    for (size_t i = 0; i < items->n; i++)
        if (label_of(o, items, i) == NULL || label_of(o, items, i)[0] == '\0')
            return fail_usage(call,
                              "%s has no class: --label NAME, or a folder of folders, or --labels",
                              items->name[i]);
    return EXIT_DONE;
}

/* Classes of a new file: their notes behind those there are. */
static size_t first_classes(const struct teach *o, const struct items *items, int32_t *y,
                            eg_note *notes)
{
    size_t classes = 0;
    for (size_t i = 0; i < items->n; i++) {
        const char *name = label_of(o, items, i);
        size_t c = 0;
        while (c < classes && strcmp(notes[c].value, name) != 0) c++;
        if (c == classes) notes[classes++] = (eg_note){ keep_format("class/%zu", c), name };
        y[i] = (int32_t)c;
    }
    return classes;
}

static int more_classes(const struct teach *o, const struct items *items, struct taught *t,
                        int32_t *y)
{
    eg_status s = EG_OK;
    for (size_t i = 0; i < items->n; i++) {
        const char *name = label_of(o, items, i);
        y[i] = i > 0 && strcmp(name, label_of(o, items, i - 1)) == 0 ? y[i - 1]
                                                                     : taught_class(t, name);
        if (y[i] < 0) y[i] = taught_new_class(t, name, &s);
        if (s != EG_OK) return fail(s, NULL);
    }
    return EXIT_DONE;
}

/* ---- teaching ---- */

static int learn(const struct call *call, eg_head *h, const struct items *items, const int32_t *y)
{
    const struct teach *o = call->options;
    eg_status s = eg_head_teach(h, items->f.x, y, items->n);
    const int few = o->unknown > 0 && o->unknown * (double)(items->n + 1) < 1;
    if (s == EG_OK && o->unknown >= 0 && !few)
        s = eg_head_calibrate(h, items->f.x, y, items->n, 0, o->unknown);
    if (s == EG_OK && few)
        say(call,
            "unknown %zu examples are too few to call anything unknown at %g: what is unknown "
            "stays as it was",
            items->n, o->unknown);
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
}

/* The file, unless another process has begun it meanwhile: then *there is 1. */
static int save_new(const struct call *call, eg_head *h, const eg_file_options *to, int *there)
{
    int turn = -1, code = one_writer_begin_new(call, call->args[0], &turn);
    *there = code == EXIT_DONE && path_exists(call->args[0]);
    const eg_status s =
        code == EXIT_DONE && !*there ? eg_memory_file_save_head(call->args[0], h, to) : EG_OK;
    if (s != EG_OK) code = fail(s, NULL);
    one_writer_end(turn);
    return code;
}

static int teach_new(const struct call *call, struct items *items, eg_head **h, int *there)
{
    const struct teach *o = call->options;
    const eg_note *about = NULL;
    const char *network;
    int code = choose_network(call, &network);
    if (code == EXIT_DONE) code = items_read(call, network, &o->how, 0, &o->reader, 1, items);
    if (code == EXIT_DONE) code = check_labels(call, items);
    if (code == EXIT_DONE) code = make_head(call, &items->f, h);
    if (code != EXIT_DONE) return code;
    const size_t head_notes = taught_notes(network, &items->f, &about);
    eg_note *notes = need(items->n + head_notes, sizeof *notes);
    int32_t *y = need(items->n, sizeof *y);
    const size_t classes = first_classes(o, items, y, notes);
    if (head_notes > 0) memcpy(notes + classes, about, head_notes * sizeof *notes);
    code = learn(call, *h, items, y);
    if (code == EXIT_DONE) {
        eg_file_options to = EG_FILE_OPTIONS_INIT;
        to.notes = notes;
        to.note_count = classes + head_notes;
        code = save_new(call, *h, &to, there);
    }
    free(y);
    free(notes);
    free((void *)(uintptr_t)about);
    return code;
}

static int refuse_settled(const struct call *call)
{
    return fail_usage(call,
                      "%s is there: --kind, --budget, --fit and how pictures become features are "
                      "settled when a file begins",
                      call->args[0]);
}

/* Whether a new head of that kind would learn as this one does. */
static int is_of_kind(const struct call *call, const eg_head *h, const char *kind)
{
    eg_head *like = NULL;
    const int same =
        eg_head_create(kind_spec(kind), eg_head_features(h), call->common->seed, NULL, &like)
            == EG_OK
        && strcmp(eg_head_spec(like), eg_head_spec(h)) == 0;
    eg_head_destroy(like);
    return same;
}

/* The features are computed before the turn is taken, so that others need not wait for them. begun:
 * what this call would have begun the file with, where another came first; else NULL. */
static int read_more(const struct call *call, const eg_head *begun, struct items *items)
{
    const struct teach *o = call->options;
    struct taught t;
    const struct feature_options usual = FEATURE_OPTIONS_INIT;
    if (begun == NULL
        && (o->budget != NULL || o->fit != NULL || o->how.layer != NULL || o->how.mean != NULL
            || o->how.deviation != NULL || o->how.stretch || o->how.crop < usual.crop))
        return refuse_settled(call);
    int code = taught_open(call, call->args[0], 1, &t);
    if (code == EXIT_DONE && begun == NULL && o->kind != NULL && !is_of_kind(call, t.head, o->kind))
        code = refuse_settled(call);
    if (code == EXIT_DONE && begun != NULL
        && strcmp(eg_head_spec(begun), eg_head_spec(t.head)) != 0)
        code = fail_usage(call, "%s: another process began it meanwhile, and it learns %s",
                          call->args[0], eg_head_spec(t.head));
    if (code == EXIT_DONE) code = taught_find_network(call, network_of(o), &t);
    const char *network = t.network;
    const struct feature_options how = t.how;
    const size_t d = code == EXIT_DONE ? eg_head_features(t.head) : 0;
    taught_close(&t);
    if (code == EXIT_DONE) code = items_read(call, network, &how, d, &o->reader, 1, items);
    if (code == EXIT_DONE && items->f.d != d && items->n > 0)
        code = fail_usage(call, "%s: %zu features, %s learns from %zu", call->args[1], items->f.d,
                          call->args[0], d);
    return code == EXIT_DONE ? check_labels(call, items) : code;
}

static int teach_more(const struct call *call, struct items *items, eg_head **h)
{
    struct taught t = { .head = NULL };
    int turn = -1, code = read_more(call, *h, items);
    eg_head_destroy(*h);
    *h = NULL;
    if (code == EXIT_DONE) code = one_writer_begin(call, call->args[0], &turn);
    if (code == EXIT_DONE) code = taught_open(call, call->args[0], 0, &t);
    if (code == EXIT_DONE) {
        int32_t *y = need(items->n, sizeof *y);
        code = more_classes(call->options, items, &t, y);
        if (code == EXIT_DONE) code = learn(call, t.head, items, y);
        const eg_status s = code == EXIT_DONE ? taught_write(&t) : EG_OK;
        if (s != EG_OK) code = fail(s, NULL);
        free(y);
    }
    *h = t.head;
    t.head = NULL;
    taught_close(&t);
    one_writer_end(turn);
    return code;
}

static int run(const struct call *call)
{
    struct items items = { .n = 0 };
    eg_head *h = NULL;
    const struct teach *o = call->options;
    const double started = seconds_now();
    if (o->label != NULL && o->label[0] == '\0')
        return fail_usage(call, "--label: a class has a name");
    int there = path_exists(call->args[0]), code = EXIT_DONE;
    if (!there) {
        code = teach_new(call, &items, &h, &there);
        if (there) items_clear(&items);
    }
    if (there) code = teach_more(call, &items, &h);
    if (code == EXIT_DONE) code = taught_report(call, call->args[0], h, "taught", items.n, started);
    if (code == EXIT_DONE) taught_next(call, call->args[0], items.f.network);
    eg_head_destroy(h);
    items_clear(&items);
    return code;
}

const struct command cmd_teach = {
    .name = "teach",
    .summary = "a class by its examples, without retraining",
    .arguments = "FILE.egm DATA... ",
    .examples = "engram teach birds.egm photos/*.jpg --label robin --network mobilenet_v2.onnx\n"
                "engram teach birds.egm more.jpg --label robin\n"
                "engram teach birds.egm folder-of-folders/ --unknown 0.05\n"
                "engram teach birds.egm features.npy --labels labels.npy --budget 64k",
    .notes =
        "Pictures become features by the network, which the file remembers by path and SHA-256;\n"
        "rows of numbers are features already. A new file without --network takes\n"
        "mobilenet_v2.onnx from the first folder of $ENGRAM_MODELS that has it. One call is one\n"
        "transaction: what was taught when it returns is there after a kill. A new file learns\n"
        "the means of classes, of which examples and classes can be forgotten, files merged and\n"
        "the unknown told; --budget chooses what is smaller, faster or better for --classes and\n"
        "--examples, and may be able to do less: docs/learning-by-storing.md has what each kind\n"
        "costs, gives and can. --unknown calibrates by the examples of the call, left out while\n"
        "they are scored; where they are too few for SHARE, an earlier calibration stays.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .min_args = 2,
    .max_args = 1u << 20,
    .run = run,
};
