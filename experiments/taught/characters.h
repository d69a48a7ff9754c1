/* experiments/taught/characters.h - the handwritten characters of Omniglot, and small pictures of
 * them as seen from elsewhere. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXPERIMENTS_CHARACTERS_H
#define EXPERIMENTS_CHARACTERS_H

#include "engram/engram.h"

enum { CHARACTER_SIDE = 105, CHARACTER_PIXELS = CHARACTER_SIDE * CHARACTER_SIDE };
enum { CHARACTER_SMALL = 28, CHARACTER_D = CHARACTER_SMALL * CHARACTER_SMALL };

/* A file of n pictures (n, 105, 105) of 0 to 255, 255 is ink; labels: a file, or NULL. */
eg_status characters_read(const char *file, const char *labels, eg_dataset *out);

/* Both background sets. A picture of the second that is in the first too (Greek and Latin are in
 * both) is left out: 242 characters of eight alphabets. */
eg_status characters_background(eg_dataset *out);

/* Where a point of a small picture lies in the large one: matrix times it, in pixels of the large
 * one, about the middle of the ink. */
struct character_view {
    double matrix[2][2], shift[2]; /* of row, column */
};

/* The i-th distortion: turned by up to .2 rad, a shear of up to .2, each side by e^-.15 to e^.15,
 * up to 4 pixels each way; the 0th is the picture as it is. Before it, quarter turns. */
struct character_view character_view_at(uint64_t seed, uint64_t i, int quarters);

/* out: (28, 28) of 0 to 1, the share of ink in each pixel. */
void character_draw(const float *picture, const struct character_view *view, float *out);

#endif
