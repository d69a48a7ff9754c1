/* cli/cue_picture.h - pictures as cues: cut, inverted and coloured as the stored pictures are. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CUE_PICTURE_H
#define CLI_CUE_PICTURE_H

#include "cli/cues.h"
#include "cli/picture.h"

/* What the first pictures known look like: their paper, 0 black .. 1 white, and the mean of
 * their margins as shares of the frame (top, bottom, left, right). */
enum { LOOK_AT = 64 };
struct look {
    double paper, margin[4];
};

/* Of n pictures x (n, D), at most LOOK_AT of which are looked at. */
struct look look_of_pictures(const struct shape *shape, const struct scaling *scaling,
                             const float *x, size_t n);

/* What is done to each picture of one read, and what was done. */
struct treatment {
    const struct cue_options *options;
    struct shape shape;
    struct look stored;
    size_t pictures, cropped, inverted, resized;
    /* of the last one */
    double paper;
    size_t height, width;
    struct box cut;
};

/* Let a read treat its pictures: its options get the hook and the frame. Both the treatment and
 * the options last until the read has ended. look NULL: those known are no pictures. */
void treatment_begin(struct treatment *t, const struct shape *shape, const struct look *look,
                     const struct cue_options *o, eg_read_options *read);
void treatment_say(const struct treatment *t, const struct call *call, const char *name);

#endif
