/* Shared by the tests of heads: what a second way of computing them begins with. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef TESTS_HEAD_DIRECT_H
#define TESTS_HEAD_DIRECT_H

#include "head_check.h"

/* To length 1, in whole multiples of 2^-15 as heads take it. */
static inline void unit(const float *x, size_t d, double *u)
{
    double sum = 0;
    for (size_t j = 0; j < d; j++) sum += (double)x[j] * (double)x[j];
    for (size_t j = 0; j < d; j++) u[j] = rint((double)x[j] / sqrt(sum) * 32768) / 32768;
}

/* (K, D) means of u, and (D) that of all. */
static inline void direct_means(const struct head_examples *taught, double *mean, double *all)
{
    double u[HEAD_D];
    memset(mean, 0, sizeof(double) * HEAD_K * HEAD_D), memset(all, 0, sizeof(double) * HEAD_D);
    for (size_t i = 0; i < HEAD_N; i++) {
        unit(taught->x + i * HEAD_D, HEAD_D, u);
        for (size_t j = 0; j < HEAD_D; j++) {
            mean[(size_t)taught->y[i] * HEAD_D + j] += u[j] / HEAD_EACH;
            all[j] += u[j] / HEAD_N;
        }
    }
}

static inline eg_head *head_taught(const char *spec, const struct head_examples *e)
{
    eg_head *h = head_new(spec, e);
    CHECK_OK(eg_head_teach(h, e->x, e->y, HEAD_N));
    return h;
}

#endif
