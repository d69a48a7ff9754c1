/* engram/dynamics.h - learning as statistical physics: solvable models whose dynamics obey closed
 * equations in the limit of many components, with simulations of finite systems beside them.
 *
 * One table: a row has a name, parameters with domains, equations with their source, and columns.
 * `engram dynamics` runs any row; all numbers are f64. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_DYNAMICS_H
#define ENGRAM_DYNAMICS_H

#include <stddef.h>
#include <stdint.h>

#include "engram/alloc.h"
#include "engram/progress.h"
#include "engram/theory.h"

#ifdef __cplusplus
extern "C" {
#endif

enum { EG_DYNAMICS_PARAMS = 20, EG_DYNAMICS_COLUMNS = 16, EG_DYNAMICS_FACTS = 12 };

typedef enum eg_curve_kind {
    EG_CURVE_THEORY,
    EG_CURVE_SIMULATED, /* mean over samples; NaN where none were asked for */
    EG_CURVE_ERROR      /* standard error of the column before it */
} eg_curve_kind;

typedef struct eg_dynamics_column {
    const char *name, *summary;
    const char *chart; /* columns of one chart share its axes; NULL: of the table alone */
    eg_curve_kind kind;
} eg_dynamics_column;

typedef struct eg_dynamics_fact {
    const char *name; /* "m at long times" */
    double value;
} eg_dynamics_fact;

typedef struct eg_dynamics_options {
    size_t size; /* of this struct */
    int threads;
    uint64_t seed;           /* of simulations */
    size_t max_bytes;        /* of tables of two times; 0: 4 GiB */
    const char *checkpoint;  /* file to go on from, and to keep; NULL: none */
    double checkpoint_every; /* seconds between two that are kept */
    const eg_progress *progress;
    const eg_allocator *alloc;
} eg_dynamics_options;

#define EG_DYNAMICS_OPTIONS_INIT                                   \
    {                                                              \
        sizeof(eg_dynamics_options), 0, 1, 0, NULL, 60, NULL, NULL \
    }

typedef struct eg_dynamics_result {
    size_t rows, columns;
    double *value;  /* (rows, columns) */
    double error;   /* of the discretisation, estimated from two grids; NaN: not estimated */
    size_t resumed; /* steps that a checkpoint held */
    size_t facts;
    eg_dynamics_fact fact[EG_DYNAMICS_FACTS];
    const eg_allocator *alloc;
} eg_dynamics_result;

struct egi_dynamics; /* one run, inside the library */

typedef struct eg_dynamics_model {
    const char *name, *summary; /* "spiked" */
    const char *equations;
    const char *solver; /* method and its order */
    const char *source;
    int log_x; /* the first column is best seen on a logarithmic axis */
    eg_theory_param params[EG_DYNAMICS_PARAMS]; /* ends with name NULL */
    eg_dynamics_column columns[EG_DYNAMICS_COLUMNS];
    eg_status (*run)(struct egi_dynamics *run);
} eg_dynamics_model;

/* Rows by number; NULL past the end. */
EG_API const eg_dynamics_model *eg_dynamics_row(size_t row);
EG_API const eg_dynamics_model *eg_dynamics_find(const char *name);

/**
 * Solve a model, and simulate it where its parameter `samples` is above 0.
 * @param values  of the parameters in order, or NULL for the defaults
 * @param out     cleared with eg_dynamics_result_clear() after EG_OK
 * @return EG_OK; EG_ERR_INVALID (a parameter, named, with its domain); EG_ERR_DIVERGED (a step too
 *         large: which, and what to choose); EG_ERR_LIMIT (more than max_bytes, or a grid that
 *         would have to be finer than is allowed for the accuracy asked for); EG_ERR_IO,
 *         EG_ERR_NOMEM, EG_ERR_INTERRUPTED (the checkpoint is kept)
 * Determinism: the same bits for any number of threads.
 */
EG_API EG_MUST_CHECK eg_status eg_dynamics_run(const eg_dynamics_model *model, const double *values,
                                               const eg_dynamics_options *options,
                                               eg_dynamics_result *out);
EG_API void eg_dynamics_result_clear(eg_dynamics_result *result);

#ifdef __cplusplus
}
#endif
#endif
