/* cli/features.h - features of pictures by a frozen network, or rows of numbers as they are: what
 * `features` writes and what `teach`, `classify` and `forget` look at.
 *
 * Pictures are read one after the other, fitted to the network's input, and run in batches as they
 * come, so that a folder of any size needs the memory of one batch. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_FEATURES_H
#define CLI_FEATURES_H

#include "cli/console.h"

/* How pictures become the input, and which value is taken. */
struct feature_options {
    const char *layer, *mean, *deviation;
    size_t batch;
    double crop;
    int stretch;
};

#define FEATURE_OPTIONS_INIT    \
    {                           \
        .batch = 16, .crop = 1, \
    }

/* A row a line, not a brace a level: */
/* clang-format off */
#define FEATURE_OPT(type, field) offsetof(type, how.field)
#define FEATURE_OPTION_ROWS(type)                                                         \
    { "layer", 0, OPT_TEXT, FEATURE_OPT(type, layer), "NAME",                             \
      "the value to take: an output, or any other name of the network", NULL, 0, 0 },     \
    { "batch", 0, OPT_SIZE, FEATURE_OPT(type, batch), "N", "pictures at once", NULL, 1,   \
      65536 },                                                                            \
    { "crop", 0, OPT_NUMBER, FEATURE_OPT(type, crop), "PART",                             \
      "of the shorter side, from the middle", NULL, 0.01, 1 },                            \
    { "stretch", 0, OPT_FLAG, FEATURE_OPT(type, stretch), NULL,                           \
      "the whole picture, whatever its shape", NULL, 0, 0 },                              \
    { "mean", 0, OPT_TEXT, FEATURE_OPT(type, mean), "R,G,B",                              \
      "scale pixels, of 0..1, by this, where the network's file does not say", NULL, 0,   \
      0 },                                                                                \
    { "std", 0, OPT_TEXT, FEATURE_OPT(type, deviation), "R,G,B",                          \
      "and this standard deviation", NULL, 0, 0 }
/* clang-format on */

struct features {
    const struct call *call;
    const struct feature_options *how;
    const char *network; /* NULL: rows are taken as they are */
    const char *layer;   /* the value that is taken */
    size_t wanted;       /* rows of so many numbers are features already; 0: none are */
    size_t n, d;
    float *x; /* (n, d) */
    /* of its own */
    eg_onnx *m;
    eg_onnx_pixels pixels;
    size_t item, waiting, room, seen, total;
    float *pending; /* (batch, item) */
    struct bar bar;
    eg_progress progress;
};

/* Exit codes, message printed. */
int features_begin(const struct call *call, const char *network, const struct feature_options *how,
                   size_t wanted, struct features *f);
/* Items of a file, folder or data set, behind those before; set: what was read, for its classes
 * and names (its numbers may be gone). */
int features_add(struct features *f, const char *name, const eg_read_options *read,
                 eg_dataset *set);
int features_end(struct features *f); /* all have come: n and x are right */
/* The first row with a number that is not finite; n: there is none. Then the message about it,
 * whose picture is called `name`, and the exit code. */
const char *features_name(const char *arg, const eg_dataset *set, size_t i); /* of an item */
size_t features_finite(const struct features *f);
int features_refuse(const struct features *f, size_t i, const char *name);
void features_clear(struct features *f);
/* In the hook of a reader: a picture has been seen, and the set keeps one pixel of it. */
eg_status keep_one_pixel(eg_image *image);

#endif
