/* What the benchmarks share. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>

double bench_now(void); /* seconds */

/* How many patterns `engram bench store` puts into a file: --patterns. */
extern size_t bench_patterns;

/* Where `engram bench routed` and `measure` write what they measured on, or NULL: --write. */
extern const char *bench_folder;

/* Sorts t and returns its median. */
double bench_median(double *t, size_t n);

/* A matrix product of 2048^3 beside which figures are timed; filled with numbers of [0, 1). */
struct bench_product {
    float *a, *b, *c;
};
int bench_product_open(
    struct bench_product *p); /* 0, or -1: no memory. To be closed in any case. */
void bench_product_close(struct bench_product *p);
double bench_product_time(const struct bench_product *p, int threads); /* seconds an operation */

/* One figure, for people or as a line of JSON; of: what ratio is of, or NULL: none. */
void bench_show(int json, const char *name, double value, const char *unit, double ratio,
                const char *of);

/* OpenBLAS falls back to SSE3 on a CPU it does not know: then this starts the program once more
 * with OPENBLAS_CORETYPE set to what the CPU supports, and does not return. */
void bench_fit_openblas(void);

#endif
