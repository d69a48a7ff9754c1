/* engram features: what a pretrained network makes of pictures, as an array of numbers. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "cli/cli_text.h"
#include "cli/features.h"
#include "cli/reader_options.h"

struct features_command {
    struct common common;
    struct reader_options reader;
    struct feature_options how;
    const char *labels;
};

static const struct features_command defaults = { .reader = READER_OPTIONS_INIT,
                                                  .how = FEATURE_OPTIONS_INIT };

#define AT(field) offsetof(struct features_command, field)

static const struct opt options[] = {
    FEATURE_OPTION_ROWS(struct features_command),
    { "labels-to", 0, OPT_TEXT, AT(labels), "FILE", "write the classes of the pictures too", NULL,
      0, 0 },
    READER_OPTION_ROWS(struct features_command),
    { NULL, 0, OPT_FLAG, 0, NULL, NULL, NULL, 0, 0 },
};

static int write_labels(const struct call *call, const eg_dataset *set)
{
    const struct features_command *o = call->options;
    if (o->labels == NULL) return EXIT_DONE;
    if (set->labels == NULL)
        return fail_usage(call, "%s has no classes to write to %s", call->args[1], o->labels);
    float *y = need_floats(set->n, 1);
    for (size_t i = 0; i < set->n; i++) y[i] = (float)set->labels[i];
    const eg_status s = eg_npy_write(o->labels, y, set->n, 1);
    free(y);
    return s == EG_OK ? EXIT_DONE : fail(s, NULL);
}

static int check(const struct features *f, const eg_dataset *set)
{
    const size_t i = features_finite(f);
    return i == f->n ? EXIT_DONE : features_refuse(f, i, features_name(f->call->args[1], set, i));
}

static int write_all(const struct features *f, const eg_dataset *set)
{
    const struct features_command *o = f->call->options;
    const char *to = f->call->common->output;
    const eg_status s = eg_npy_write(to, f->x, f->n, f->d);
    int code = s == EG_OK ? write_labels(f->call, set) : fail(s, NULL);
    if (code != EXIT_DONE) return code;
    json_t *r = json_pack("{s:s,s:s,s:I,s:I}", "file", to, "layer", f->layer, "pictures",
                          (json_int_t)f->n, "numbers", (json_int_t)f->d);
    print_record(f->call, r);
    json_decref(r);
    if (o->labels != NULL)
        say_next(f->call, "engram train %s --labels %s --kind knn", to, o->labels);
    return EXIT_DONE;
}

static int run(const struct call *call)
{
    const struct features_command *o = call->options;
    const eg_read_options read = read_options_of(&o->reader);
    struct features f;
    eg_dataset set = { 0 };
    const char *to = call->common->output, *dot = to != NULL ? strrchr(to, '.') : NULL;
    if (to == NULL) return fail_usage(call, "-o FILE.npy says where the features go");
    if (dot == NULL || strcmp(dot, ".npy") != 0)
        return fail_usage(call, "-o %s: expected a name ending in .npy", to);
    int code = features_begin(call, call->args[0], &o->how, 0, &f);
    if (code == EXIT_DONE) code = features_add(&f, call->args[1], &read, &set);
    if (code == EXIT_DONE) code = features_end(&f);
    if (code == EXIT_DONE) code = check(&f, &set);
    if (code == EXIT_DONE) code = write_all(&f, &set);
    eg_dataset_clear(&set);
    features_clear(&f);
    return code;
}

const struct command cmd_features = {
    .name = "features",
    .summary = "what a pretrained network (ONNX) makes of pictures, as NPY",
    .arguments = "MODEL.onnx IMAGES ",
    .examples = "engram features mobilenet_v2.onnx photos/ -o features.npy\n"
                "engram features mobilenet_v2.onnx photos/ -o features.npy --labels-to labels.npy\n"
                "engram features resnet.onnx cifar10/test -o logits.npy --layer logits "
                "--mean 0.485,0.456,0.406\n    --std 0.229,0.224,0.225",
    .notes = "A picture is cut to the proportions of the network's input from its middle, and "
             "scaled smoothly.\nPixels are scaled as the file's metadata say (docs/onnx.md); "
             "--mean and --std say it instead.",
    .options = options,
    .defaults = &defaults,
    .size = sizeof defaults,
    .min_args = 2,
    .max_args = 2,
    .own_output = 1,
    .run = run,
};
