/* cli/measure.h - instruments of engram measure: one function each, one set of options. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_MEASURE_H
#define CLI_MEASURE_H

#include "cli/cli_table.h"
#include "cli/training.h"

struct measure {
    struct common common;
    struct reader_options reader;
    size_t sample; /* items that are looked at; 0: all */
    /* dimension */
    struct texts estimators;
    size_t k, scale, resample;
    double discard;
    int scales;
    /* scatter */
    size_t j, angles, order;
    int rounded_pi;
    /* interferometric: j, order and steps too */
    size_t filters;
    const char *graph;
    /* hessian */
    size_t eigenvalues, draws;
    int gauss_newton;
    const char *density;
    int normalised;      /* tangent */
    double delta, prior; /* bounds; prior: deviation of the Gibbs posteriors' */
    int gibbs;
    const char *table; /* layers */
    /* symmetry */
    size_t basis, tangent, steps;
    double along, least;
    const char *learn, *generators, *moved;
    const char *report; /* layers, symmetry */
    /* memorisation */
    struct learner_options learner;
    struct data_options data;
    struct loop_options loop;
    size_t models, top, easy; /* easy: epochs of each model; 0: another instrument */
    int course;
    double share, shuffle;
    const char *scores;
};

int measure_dimension(const struct call *call, const char *data);
int measure_memorisation(const struct call *call, const char *data);
int measure_scatter(const struct call *call, const char *data);
int measure_interferometric(const struct call *call, const char *data);
int measure_hessian(const struct call *call, const char *unused);
int measure_bounds(const struct call *call, const char *unused);
int measure_rotation(const struct call *call, const char *model);
int measure_noise(const struct call *call, const char *unused);
int measure_tangent(const struct call *call, const char *unused);
int measure_symmetry(const struct call *call, const char *unused);
/* Rows of eg_network_rows() with what each says. */
void measure_bounds_table(struct table *t, const double *value, size_t classes);
/* Adds to an object, or prints where it is NULL. */
int measure_gibbs(const struct call *call, struct model *m, const eg_part *part, json_t *into);
int measure_layers(const struct call *call, const char *unused);

/* Moves `sample` items drawn by the seed to the front, in their order, with their labels. */
int measure_sample(const struct call *call, eg_dataset *set);
/* args[1] opened, args[2] read as its labelled inputs, sampled: EXIT_DONE, or nothing is open. */
int measure_model(const struct call *call, struct model *m, eg_dataset *set);

/* measure_symmetry.c: rows of the table of what can be learned, NULL past its end. */
const char *family_name(size_t row);
/* measure_dimension.c: rows of the table of estimators, NULL past its end; what help adds. */
const char *estimator_name(size_t row);
void measure_dimension_help(FILE *out);

#endif
