/* cli/paired_test.h - whether two columns of measurements on the same folds differ. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PAIRED_TEST_H
#define CLI_PAIRED_TEST_H

#include <stddef.h>

struct paired {
    double t; /* Student's, of the mean difference; NaN, as the others, where all differences
                 are equal: nothing says how large they might have been */
    double p; /* two-sided */
    double corrected; /* the same with the variance of Nadeau and Bengio 2003: folds share most of
                         the examples they were trained on, so that p alone is too small */
};

/* a and b (k), k >= 2: measured on k folds, of all repeats together. overlap: how many examples are
 * tested for each that is trained on, 1 / (folds - 1) of cross-validation. */
struct paired paired_test(const double *a, const double *b, size_t k, double overlap);
/* Two-sided probability of |T| >= |t| with `freedom` >= 1 degrees. */
double student_p(double t, size_t freedom);

#endif
