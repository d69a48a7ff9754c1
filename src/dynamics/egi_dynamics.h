/* Runs of solvable models: what a row of the table sees, and the spherical models that rows share.
 *
 * Letters of this floor: n steps of a grid, N components of a simulated system. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_DYNAMICS_H
#define EGI_DYNAMICS_H

#include <math.h>
#include <stdint.h>

#include "base/egi_base.h"
#include "engram/dynamics.h"

struct egi_dynamics {
    const eg_dynamics_model *model;
    const double *value; /* of the parameters, in their domains */
    const eg_dynamics_options *options;
    eg_dynamics_result *out;
};

/* The tables of rows, by family; each ends with name NULL. */
extern const eg_dynamics_model egi_models_glass[], egi_models_plane[], egi_models_network[],
    egi_models_memory[];

/* models.c - a parameter by its name, 0 where the row has none; rows of the result, all NaN; the
 * first cell of one; a fact. */
double egi_param(const struct egi_dynamics *run, const char *name);
size_t egi_param_size(const struct egi_dynamics *run, const char *name);
eg_status egi_rows(struct egi_dynamics *run, size_t rows);
double *egi_row_at(const struct egi_dynamics *run, size_t row);
void egi_fact(struct egi_dynamics *run, const char *name, double value);
/* The parameters from and to, which have to rise; row k of `rows` between them by equal factors. */
eg_status egi_range(const struct egi_dynamics *run, double *low, double *high);
double egi_between(double low, double high, size_t k, size_t rows);
/* `points` of the steps 0..n, dense where they begin: quadratic in their number. */
size_t egi_spread(size_t n, size_t points, size_t *step);

/* samples.c - mean and standard error over samples into columns `column` and the next, of values
 * that lie `each` apart: (samples, rows, each). */
void egi_mean_rows(struct egi_dynamics *run, const double *shown, size_t each, size_t samples,
                   size_t column);
/* n normal numbers of a stream as f64. */
void egi_normals(uint64_t seed, uint64_t stream, uint64_t first, size_t n, double *out);

/* glass.c - H Gaussian on |x|^2 = N with <H(x) H(y)> = N Q(x.y/N), Q = sum_k g_k x^power_k;
 * planted: the mean of H is -N Q(m), m the overlap with a signal. */
enum { EGI_GLASS_TERMS = 2 };
struct egi_glass {
    size_t terms;
    struct {
        double g;
        int power; /* >= 2 */
    } term[EGI_GLASS_TERMS];
    double temperature;
    int planted;
    double m0; /* overlap at the start */
};
double egi_power(double x, int power);
void egi_glass_at(const struct egi_glass *g, double x, double q[3]); /* Q, Q', Q'' */
/* Parameters p, s or delta-p of a row. */
void egi_glass_pure(const struct egi_dynamics *run, struct egi_glass *g);
void egi_glass_planted(const struct egi_dynamics *run, struct egi_glass *g);
/* The state of long times near the signal at T = 0: m, mu, e; m = 0 where there is none. */
struct egi_recovered {
    double m, mu, e;
};
struct egi_recovered egi_glass_recovered(const struct egi_glass *g);
/* Threshold states of zero temperature: mu = 2 sqrt(Q''(1)). */
double egi_glass_marginal(const struct egi_glass *g);

#endif
