/* Words of four letters that sequences of one class hold more often: a burden test over all of
 * them. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXPERIMENTS_IMPLANTED_SCREEN_H
#define EXPERIMENTS_IMPLANTED_SCREEN_H

#include "engram/train.h"
#include "experiments/lab.h"

enum { SCREEN_LETTERS = 4 };

/**
 * The words whose mean number of sequences differs most from class 0 to class 1, in standard
 * errors of that difference (Welch 1947), over the repertoires of a part; the largest first.
 * @param word  (count, SCREEN_LETTERS) codes of letters
 */
eg_status screen_words(const eg_part *part, size_t count, int word[][SCREEN_LETTERS]);

/* Area under the ROC curve of how many sequences hold a word. */
eg_status screen_area(const eg_part *part, const int word[SCREEN_LETTERS], double *area);

/* Kernels of a convolution over residues begin as detectors of words, and attention as their sum:
 * it looks first at what holds one of them. */
void screen_begin(eg_params *learned, size_t count, const int word[][SCREEN_LETTERS]);

#endif
