/* engram/theory.h - closed forms of the field, by name and parameters.
 *
 * One table: every row has a name, named parameters with defaults, results with names, the
 * formula and its source. `engram theory` prints it; tests check each row against published
 * constants. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_THEORY_H
#define ENGRAM_THEORY_H

#include <stddef.h>

#include "engram/status.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { EG_THEORY_PARAMS = 8, EG_THEORY_RESULTS = 8 };

typedef struct eg_theory_param {
    const char *name;
    const char *summary; /* with unit and domain */
    double value;        /* default */
    double low, high;    /* domain, inclusive; NaN is refused */
} eg_theory_param;

typedef struct eg_theory {
    const char *name; /* "dam-capacity" */
    const char *summary;
    const char *formula;
    const char *source;                       /* paper and equation numbers */
    eg_theory_param params[EG_THEORY_PARAMS]; /* ends with name NULL */
    const char *results[EG_THEORY_RESULTS];   /* names, ends with NULL */
    /* in: parameter values in order; out: results in order. Pure. */
    eg_status (*evaluate)(const double *in, double *out);
} eg_theory;

/* Rows by number; NULL past the end. */
EG_API const eg_theory *eg_theory_row(size_t row);
EG_API const eg_theory *eg_theory_find(const char *name);

/* Evaluate with the domain of every parameter checked. values: (count of params), or NULL for
 * the defaults; results: (count of results), +infinity where nothing finite suffices.
 * @return EG_OK, EG_ERR_INVALID (the parameter named), EG_ERR_OVERFLOW (a result) */
EG_API EG_MUST_CHECK eg_status eg_theory_evaluate(const eg_theory *row, const double *values,
                                                  double *results);

#ifdef __cplusplus
}
#endif
#endif
