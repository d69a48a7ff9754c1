/* cli/drawn.h - what a learner has learned, to be looked at: its first weights as pictures, its
 * errors as a table. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_DRAWN_H
#define CLI_DRAWN_H

#include "cli/cli_table.h"
#include "cli/model.h"

/* The first parameter whose rows are pictures: (H, D) over images, or filters (H, C, Y, X) of 1
 * or 3 channels and 3 pixels or more. NULL: there is none. */
const eg_param *drawn_param(eg_learner *l);
/* "The memories", "The weights of the first layer (fc1.weight)" */
const char *drawn_words(eg_learner *l, const eg_param *p);
/* The first rows, at most `most`, on one sheet; *n of them. */
eg_status drawn_sheet(const eg_param *p, const struct model *m, size_t most, eg_image *out,
                      size_t *n);

/* A row a class, a column an answer, and the share of each that is right. */
void confusion_table(const struct model *m, const eg_scored *s, struct table *t);
/* The argmax, the first of equals. */
size_t best_class(const float *scores, size_t k);

#endif
