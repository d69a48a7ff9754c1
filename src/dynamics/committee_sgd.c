/* Online learning of a soft committee of N inputs: one example a step, none seen twice. The first
 * weights have the overlaps that the equations begin with, to rounding. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "dynamics/egi_network.h"
#include "kernel/egi_kernel_line.h"

enum { STREAMS = 8, STREAM_WEIGHTS = 0, STREAM_INPUTS = 1, STREAM_LABELS = 2 };

struct machine {
    const struct egi_committee *o;
    const struct egi_kernels_line *kernels;
    size_t n;
    double *w, *b, *x; /* (K, N), (M, N), (N) */
    double v[EGI_UNITS];
};

static double g(double x)
{
    return erf(x / sqrt(2));
}

/* Vector `which` of `vectors`, of length^2 N and orthogonal to those before it. */
static void orthogonal(const struct machine *s, double *vectors, size_t which)
{
    double *x = vectors + which * s->n;
    for (int twice = 0; twice < 2; twice++)
        for (size_t k = 0; k < which; k++) {
            const double *y = vectors + k * s->n;
            const double along = s->kernels->dot(x, y, s->n) / (double)s->n;
            for (size_t i = 0; i < s->n; i++) x[i] -= along * y[i];
        }
    const double by = sqrt((double)s->n / s->kernels->dot(x, x, s->n));
    for (size_t i = 0; i < s->n; i++) x[i] *= by;
}

static void add(double *x, const double *y, double by, size_t n)
{
    for (size_t i = 0; i < n; i++) x[i] += by * y[i];
}

static void begin(struct machine *s, const double *start, uint64_t seed, uint64_t stream)
{
    const size_t k = s->o->k, m = s->o->m, n = s->n;
    egi_normals(seed, stream + STREAM_WEIGHTS, 0, (k + m) * n, s->b); /* w follows b */
    for (size_t u = 0; u < k + m; u++) orthogonal(s, s->b, u);
    double across[EGI_UNITS * EGI_UNITS];
    (void)egi_committee_across(s->o, start, across); /* there are such vectors: it was asked */
    for (size_t i = k; i-- > 0;) {                   /* w_i of the unit vectors 0..i */
        double *w = s->w + i * n;
        for (size_t j = 0; j < n; j++) w[j] *= across[i * k + i];
        for (size_t u = 0; u < i; u++) add(w, s->w + u * n, across[i * k + u], n);
        for (size_t u = 0; u < m; u++) add(w, s->b + u * n, start[k * k + i * m + u], n);
        s->v[i] = 1;
    }
}

static void learn(struct machine *s, double noise)
{
    const size_t n = s->n;
    const double root = sqrt((double)n);
    double field[EGI_UNITS], error = -noise;
    for (size_t i = 0; i < s->o->k; i++) {
        field[i] = s->kernels->dot(s->w + i * n, s->x, n) / root;
        error += s->v[i] * g(field[i]);
    }
    for (size_t i = 0; i < s->o->m; i++) error -= g(s->kernels->dot(s->b + i * n, s->x, n) / root);
    for (size_t i = 0; i < s->o->k; i++) {
        const double slope = sqrt(2 / 3.14159265358979323846) * exp(-field[i] * field[i] / 2);
        const double by = s->o->rate / root * s->v[i] * error * slope;
        for (size_t j = 0; j < n; j++) s->w[i * n + j] -= by * s->x[j];
        s->v[i] -= s->o->rate_v / (double)n * error * g(field[i]);
    }
}

static double error_of(const struct machine *s)
{
    double state[EGI_COMMITTEE];
    const size_t k = s->o->k, m = s->o->m, n = s->n;
    for (size_t i = 0; i < k; i++) {
        const double *w = s->w + i * n;
        for (size_t j = 0; j < k; j++)
            state[i * k + j] = s->kernels->dot(w, s->w + j * n, n) / (double)n;
        for (size_t j = 0; j < m; j++)
            state[k * k + i * m + j] = s->kernels->dot(w, s->b + j * n, n) / (double)n;
    }
    memcpy(state + k * (k + m), s->v, k * sizeof *state);
    return egi_committee_error(s->o, state);
}

struct crowd {
    struct egi_dynamics *run;
    struct machine *machine; /* (samples) */
    const double *start;
    double *shown; /* (samples, rows) */
};

static void one(void *arg, size_t sample)
{
    struct crowd *c = arg;
    struct machine *s = &c->machine[sample];
    const uint64_t seed = c->run->options->seed, stream = STREAMS * sample;
    uint64_t steps = 0;
    begin(s, c->start, seed, stream);
    for (size_t k = 0; k < c->run->out->rows; k++) {
        const uint64_t to = (uint64_t)rint(*egi_row_at(c->run, k) * (double)s->n);
        for (; steps < to; steps++) {
            double noise;
            egi_normals(seed, stream + STREAM_INPUTS, steps * s->n, s->n, s->x);
            egi_normals(seed, stream + STREAM_LABELS, steps, 1, &noise);
            learn(s, s->o->noise * noise);
        }
        c->shown[sample * c->run->out->rows + k] = error_of(s);
    }
}

eg_status egi_committee_simulate(struct egi_dynamics *run, const struct egi_committee *o,
                                 const double *start)
{
    const eg_dynamics_options *how = run->options;
    const size_t samples = egi_param_size(run, "samples"), n = egi_param_size(run, "N");
    const size_t each = (o->k + o->m + 1) * n;
    struct egi_arena arena;
    if (n < o->k + o->m)
        return egi_fail(EG_ERR_INVALID, "%s: N = %zu inputs, expected at least K + M = %zu",
                        run->model->name, n, o->k + o->m);
    const struct egi_need needs[] = { { samples, sizeof(struct machine) },
                                      { samples * each, sizeof(double) },
                                      { samples * run->out->rows, sizeof(double) } };
    EGI_TRY(egi_arena_create(how->alloc, needs, EGI_COUNT(needs), "committees", &arena));
    struct crowd c = { run, arena.part[0], start, arena.part[2] };
    for (size_t i = 0; i < samples; i++) {
        double *at = (double *)arena.part[1] + i * each;
        c.machine[i] = (struct machine){ .o = o,
                                         .kernels = egi_kernels_line(egi_isa_level()),
                                         .n = n,
                                         .b = at,
                                         .w = at + o->m * n,
                                         .x = at + (o->k + o->m) * n };
    }
    egi_parallel_for(samples, how->threads, one, &c);
    egi_mean_rows(run, c.shown, 1, samples, 2);
    egi_arena_destroy(&arena);
    return egi_report(how->progress, "samples", samples, samples);
}
