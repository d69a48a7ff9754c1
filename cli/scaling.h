/* cli/scaling.h - how the values of a file become the numbers of a memory, and back.
 *
 * A memory file remembers it in two notes, so that a cue read a year later is treated as the
 * patterns were: "shape" = "16x16x1" (height, width, channels) and
 * "scaling" = "signs 0 255 127.5" (kind, black, white, threshold). */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_SCALING_H
#define CLI_SCALING_H

#include "engram/engram.h"

enum scaling_kind {
    SCALING_NONE,  /* as in the file */
    SCALING_SIGNS, /* +1 at or above the threshold, else -1 */
    SCALING_RANGE, /* black..white to -1..+1 */
    SCALING_UNIT,  /* SCALING_RANGE, then each pattern to length 1 */
    SCALING_COUNT
};

struct scaling {
    enum scaling_kind kind;
    double black, white; /* of the file: 0 and 255 of an 8-bit picture */
    double threshold;    /* in the file's units */
};

struct shape {
    size_t height, width, channels; /* all 0: the items are no pictures */
};

const char *scaling_name(size_t kind); /* NULL past the end */

/* What fits a data set: black and white from its values, threshold half way. */
struct scaling scaling_of(const eg_dataset *set, enum scaling_kind kind);
/* rows (N, D), in place: pixels 0..255 to black..white of the file; its values to the memory's. */
void scaling_of_pixels(const struct scaling *s, float *x, size_t n, size_t d);
void scaling_apply(const struct scaling *s, float *x, size_t n, size_t d);
/* The value that stands for "not known". */
float scaling_unknown(const struct scaling *s);

/* To and from the notes; 0 when the text is none of ours. */
const char *scaling_note(const struct scaling *s);
int scaling_parse(const char *note, struct scaling *s);
const char *shape_note(const struct shape *s);
int shape_parse(const char *note, struct shape *s);
/* "pictures 92 wide and 112 high, grey" */
const char *shape_phrase(const struct shape *s);
/* d numbers of this shape in words: "256 numbers (pictures of 16x16)", width first. */
const char *shape_words(const struct shape *s, size_t d);

#endif
