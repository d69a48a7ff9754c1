/* Finite systems beside the equations: samples of couplings, gradient flow or Langevin dynamics on
 * the sphere |x|^2 = N.
 *
 * Heun's method with the radial part of the force removed, then back onto the sphere: second order
 * of a flow; at T > 0, one draw of noise for both stages, first order in distribution. The signal
 * is the vector of ones: the couplings know no direction. Starts have overlap m0 to rounding. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "dynamics/egi_couplings.h"
#include "dynamics/egi_glass_runs.h"
#include "engram/random.h"

/* Streams of one sample: couplings take 0.., then start and noise. */
enum { STREAMS = 16, STREAM_START = 8, STREAM_NOISE = 9, SHOWN = 3, VECTORS = 7 };

struct system {
    struct egi_couplings couplings;
    double *x, *start, *half, *force, *later, *scratch; /* (padded), scratch twice */
    uint64_t noise;                                     /* drawn so far */
};

struct crowd {
    struct egi_dynamics *run;
    const struct egi_glass *glass;
    struct system *system; /* (workers) */
    double *shown;         /* (samples, rows, SHOWN): e, m, C(t, 0) */
    size_t n, rows, first;
    double step;
    uint64_t seed;
};

static double overlap(const struct system *s, const double *x)
{
    double sum = 0;
    for (size_t i = 0; i < s->couplings.n; i++) sum += x[i];
    return sum / (double)s->couplings.n;
}

static void onto_sphere(const struct system *s, double *x)
{
    const size_t n = s->couplings.n;
    const double by = sqrt((double)n / s->couplings.kernels->dot(x, x, n));
    for (size_t i = 0; i < n; i++) x[i] *= by;
}

/* The force at x without its radial part; returns the energy a component. */
static double force_at(struct system *s, const struct egi_glass *g, const double *x, double *force)
{
    const size_t n = s->couplings.n;
    double q[3], e = egi_couplings_gradient(&s->couplings, x, force, s->scratch) / (double)n;
    const double m = overlap(s, x);
    egi_glass_at(g, m, q);
    if (!g->planted) q[0] = q[1] = 0;
    for (size_t i = 0; i < n; i++) force[i] = q[1] - force[i];
    const double mu = s->couplings.kernels->dot(x, force, n) / (double)n;
    for (size_t i = 0; i < n; i++) force[i] -= mu * x[i];
    return e - q[0];
}

static void begin(struct system *s, const struct crowd *c, size_t sample)
{
    const size_t n = c->n;
    const uint64_t stream = STREAMS * (uint64_t)sample;
    egi_couplings_draw(&s->couplings, c->seed, stream);
    memset(s->x, 0, s->couplings.padded * sizeof *s->x);
    egi_normals(c->seed, stream + STREAM_START, 0, n, s->x);
    if (c->glass->planted) {
        const double along = overlap(s, s->x);
        for (size_t i = 0; i < n; i++) s->x[i] -= along;
    }
    onto_sphere(s, s->x);
    const double m0 = c->glass->m0, across = sqrt(1 - m0 * m0);
    for (size_t i = 0; c->glass->planted && i < n; i++) s->x[i] = m0 + across * s->x[i];
    memcpy(s->start, s->x, s->couplings.padded * sizeof *s->x);
    s->noise = 0;
}

/* x -> x + h (f + f')/2 + sqrt(2 T h) xi, on the sphere. */
static void advance(struct system *s, const struct crowd *c, size_t sample, double h)
{
    enum { BLOCK = 256 };
    const size_t n = c->n;
    const double kick = sqrt(2 * c->glass->temperature * h);
    float z[BLOCK];
    force_at(s, c->glass, s->x, s->force);
    for (size_t i = 0; i < n; i++) {
        if (kick > 0 && i % BLOCK == 0)
            eg_random_normal(c->seed, STREAMS * (uint64_t)sample + STREAM_NOISE, s->noise + i,
                             BLOCK, z);
        if (kick > 0) s->x[i] += kick * (double)z[i % BLOCK];
        s->half[i] = s->x[i] + h * s->force[i];
    }
    s->noise += (n + BLOCK - 1) / BLOCK * BLOCK;
    onto_sphere(s, s->half);
    force_at(s, c->glass, s->half, s->later);
    for (size_t i = 0; i < n; i++) s->x[i] += h / 2 * (s->force[i] + s->later[i]);
    onto_sphere(s, s->x);
}

static void one_sample(void *arg, size_t i, size_t worker)
{
    struct crowd *c = arg;
    struct system *s = &c->system[worker];
    const size_t sample = c->first + i;
    double *shown = c->shown + sample * c->rows * SHOWN, t = 0;
    begin(s, c, sample);
    for (size_t k = 0; k < c->rows; k++, shown += SHOWN) {
        const double to = *egi_row_at(c->run, k);
        const size_t steps = (size_t)ceil((to - t) / c->step - 1e-9);
        for (size_t j = 0; j < steps; j++) advance(s, c, sample, (to - t) / (double)steps);
        t = to;
        shown[0] = force_at(s, c->glass, s->x, s->force);
        shown[1] = overlap(s, s->x);
        shown[2] = s->couplings.kernels->dot(s->x, s->start, c->n) / (double)c->n;
    }
}

static void summarise(const struct crowd *c, const struct egi_glass_columns *at, size_t samples)
{
    static const enum egi_glass_value value[SHOWN] = { EGI_GLASS_E, EGI_GLASS_M, EGI_GLASS_C0 };
    for (size_t v = 0; v < SHOWN; v++)
        if (at->simulated[value[v]] != 0)
            egi_mean_rows(c->run, c->shown + v, SHOWN, samples, at->simulated[value[v]]);
}

static eg_status systems_create(struct crowd *c, const struct egi_couplings *shape, size_t workers,
                                const eg_allocator *alloc, struct egi_arena *arena)
{
    size_t each = (VECTORS + 1) * shape->padded, all;
    for (size_t k = 0; k < shape->terms; k++) each += shape->term[k].cells;
    each = (each + EGI_LINE_LANES - 1) / EGI_LINE_LANES * EGI_LINE_LANES;
    EGI_TRY(egi_mul_size(each, workers, &all));
    const struct egi_need needs[] = { { workers, sizeof *c->system }, { all, sizeof(double) } };
    EGI_TRY(egi_arena_create(alloc, needs, 2, "simulated systems", arena));
    c->system = arena->part[0];
    for (size_t k = 0; k < workers; k++) {
        struct system *s = &c->system[k];
        double *at = (double *)arena->part[1] + k * each;
        double **const vector[] = { &s->x, &s->start, &s->half, &s->force, &s->later, &s->scratch };
        s->couplings = *shape;
        for (size_t v = 0; v < EGI_COUNT(vector); v++, at += shape->padded) *vector[v] = at;
        at += shape->padded; /* scratch is twice as long */
        for (size_t t = 0; t < shape->terms; at += shape->term[t++].cells)
            s->couplings.term[t].j = at;
        memset(s->x, 0, 5 * shape->padded * sizeof(double));
    }
    return EG_OK;
}

eg_status egi_glass_simulate(struct egi_dynamics *run, const struct egi_glass *g,
                             const struct egi_glass_columns *at)
{
    const eg_dynamics_options *o = run->options;
    const size_t samples = egi_param_size(run, "samples"), rows = run->out->rows;
    size_t workers = (size_t)egi_thread_count(o->threads);
    struct egi_couplings shape;
    struct egi_arena arena;
    void *shown;
    struct crowd c = {
        run, g, NULL, NULL, egi_param_size(run, "N"), rows, 0, egi_param(run, "step"), o->seed
    };
    if (workers > samples) workers = samples;
    const size_t most = o->max_bytes != 0 ? o->max_bytes : (size_t)4 << 30;
    EGI_TRY(egi_couplings_shape(g, c.n, most / workers, &shape));
    EGI_TRY(egi_alloc_array(o->alloc, samples * rows, SHOWN * sizeof(double), "samples", &shown));
    c.shown = shown;
    eg_status s = systems_create(&c, &shape, workers, o->alloc, &arena);
    if (s == EG_OK) {
        for (c.first = 0; c.first < samples && s == EG_OK; c.first += workers) {
            const size_t now = samples - c.first < workers ? samples - c.first : workers;
            egi_parallel_workers(now, o->threads, one_sample, &c);
            s = egi_report(o->progress, "samples", c.first + now, samples);
        }
        if (s == EG_OK) summarise(&c, at, samples);
        egi_arena_destroy(&arena);
    }
    egi_free(o->alloc, shown, samples * rows * SHOWN * sizeof(double));
    return s;
}
