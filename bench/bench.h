/* What the benchmarks share. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef BENCH_H
#define BENCH_H

#include <stddef.h>

double bench_now(void); /* seconds */

/* Sorts t and returns its median. */
double bench_median(double *t, size_t n);

/* One figure, for people or as a line of JSON; of: what ratio is of, or NULL: none. */
void bench_show(int json, const char *name, double value, const char *unit, double ratio,
                const char *of);

/* OpenBLAS falls back to SSE3 on a CPU it does not know: then this starts the program once more
 * with OPENBLAS_CORETYPE set to what the CPU supports, and does not return. */
void bench_fit_openblas(void);

#endif
