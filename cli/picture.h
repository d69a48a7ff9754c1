/* cli/picture.h - states as pictures: in a file, in a strip, in the terminal. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PICTURE_H
#define CLI_PICTURE_H

#include <stdio.h>

#include "cli/scaling.h"

/* Whether items of this shape and size can be drawn: 1 or 3 channels that make up D. */
int shape_drawable(const struct shape *shape, size_t d);

/* A state x (D = C H W, channel-major) in the grey or colour of its file. */
eg_status picture_of_state(const struct shape *shape, const struct scaling *scaling, const float *x,
                           eg_image *out);
/* A part of a picture; bottom and right are one past its last row and column. */
struct box {
    size_t top, bottom, left, right;
};

/* In place: the part of a picture; grey as red, green and blue. */
eg_status picture_cut(eg_image *image, const struct box *part);
eg_status picture_colour(eg_image *image);
/* The outermost pixels by their value, added to count, and the median of what was counted in
 * 0..1 (0.5 of nothing): which of black and white is the paper. */
void picture_border(const eg_image *image, size_t count[256]);
double border_median(const size_t count[256]);
/* The box of what differs from the paper by more than a quarter of the range; 0: nothing does. */
int picture_ink(const eg_image *image, double paper, struct box *ink);
void picture_invert(eg_image *image);

/* n pictures of one size side by side, each enlarged to at least `height` rows. */
eg_status picture_strip(const eg_image *images, size_t n, size_t height, eg_image *out);
/* count pictures, `columns` to a row. */
eg_status picture_sheet(const eg_image *images, size_t count, size_t columns, size_t height,
                        eg_image *out);

/* n pictures side by side with captions (may be NULL), as the terminal can: half blocks in
 * 24-bit or 256 colours, else blocks of grey, else ASCII. */
void picture_print(FILE *out, const eg_image *images, const char *const *captions, size_t n);

#endif
