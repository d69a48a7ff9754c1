/* Approximate message passing on the spiked matrix-tensor model, and its state evolution (Lesieur,
 * Miolane, Lelarge, Krzakala and Zdeborova 2017; Sarao Mannelli et al. 2019):
 *
 *     B_t = -dH/dx (x_t) - Q''(x_t . x_(t-1) / N) s_t x_(t-1)
 *     Bayes (T = 1):  x_(t+1) = B/(1 + A), s_(t+1) = 1/(1 + A), A = Q'(|x_t|^2 / N)
 *     greatest likelihood (T = 0):  x_(t+1) = sqrt(N) B/|B|, s_(t+1) = sqrt(N)/|B|
 *
 * whose overlap with the signal follows m <- Q'(m)/(1 + Q'(m)), or Q'(m)/sqrt(Q'(m)^2 + Q'(1)). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "dynamics/egi_couplings.h"
#include "dynamics/egi_landscape.h"

enum { STREAMS = 16, STREAM_START = 8 };

struct passing {
    const struct egi_glass *g;
    struct egi_couplings couplings;
    double *x, *before, *b, *scratch; /* (padded), scratch twice */
    double response;
    int bayes;
};

static double evolve(const struct egi_glass *g, int bayes, double m)
{
    double q[3], one[3];
    egi_glass_at(g, m, q);
    egi_glass_at(g, 1, one);
    return bayes ? q[1] / (1 + q[1]) : q[1] / sqrt(q[1] * q[1] + one[1]);
}

static double overlap(const struct passing *p)
{
    double sum = 0;
    for (size_t i = 0; i < p->couplings.n; i++) sum += p->x[i];
    return sum / (double)p->couplings.n;
}

/* A start with overlap m0, and |x|^2 / N = m0 (Bayes) or 1. */
static void begin(struct passing *p, uint64_t seed, uint64_t stream, double m0)
{
    const size_t n = p->couplings.n;
    double square = 0;
    egi_couplings_draw(&p->couplings, seed, stream);
    egi_normals(seed, stream + STREAM_START, 0, n, p->x);
    const double along = overlap(p);
    for (size_t i = 0; i < n; i++) {
        p->x[i] -= along;
        square += p->x[i] * p->x[i];
    }
    const double across = sqrt(((p->bayes ? m0 : 1) - m0 * m0) * (double)n / square);
    for (size_t i = 0; i < n; i++) p->x[i] = m0 + across * p->x[i];
    memset(p->before, 0, n * sizeof *p->before);
    p->response = 0;
}

static void step(struct passing *p)
{
    const size_t n = p->couplings.n;
    const struct egi_kernels_line *k = p->couplings.kernels;
    double at[3], own[3], two[3];
    egi_couplings_gradient(&p->couplings, p->x, p->b, p->scratch);
    egi_glass_at(p->g, overlap(p), at);
    egi_glass_at(p->g, k->dot(p->x, p->x, n) / (double)n, own);
    egi_glass_at(p->g, k->dot(p->x, p->before, n) / (double)n, two);
    for (size_t i = 0; i < n; i++) p->b[i] = at[1] - p->b[i] - two[2] * p->response * p->before[i];
    p->response = p->bayes ? 1 / (1 + own[1]) : sqrt((double)n / k->dot(p->b, p->b, n));
    memcpy(p->before, p->x, n * sizeof *p->x);
    for (size_t i = 0; i < n; i++) p->x[i] = p->response * p->b[i];
}

static eg_status simulate(struct egi_dynamics *run, const struct egi_glass *g, int bayes)
{
    const eg_dynamics_options *o = run->options;
    const size_t samples = egi_param_size(run, "samples"), rows = run->out->rows;
    struct passing p = { .g = g, .bayes = bayes };
    struct egi_arena arena;
    const size_t most = o->max_bytes != 0 ? o->max_bytes : (size_t)4 << 30;
    EGI_TRY(egi_couplings_shape(g, egi_param_size(run, "N"), most, &p.couplings));
    const size_t wide = p.couplings.padded;
    const struct egi_need needs[] = { { 5 * wide, sizeof(double) },
                                      { p.couplings.term[0].cells, sizeof(double) },
                                      { p.couplings.term[1].cells, sizeof(double) },
                                      { rows * samples, sizeof(double) } };
    EGI_TRY(egi_arena_create(o->alloc, needs, EGI_COUNT(needs), "message passing", &arena));
    double *shown = arena.part[3];
    p.x = arena.part[0];
    p.before = p.x + wide;
    p.b = p.before + wide;
    p.scratch = p.b + wide;
    p.couplings.term[0].j = arena.part[1];
    p.couplings.term[1].j = arena.part[2];
    memset(p.x, 0, 5 * wide * sizeof(double));
    eg_status s = EG_OK;
    for (size_t i = 0; i < samples && s == EG_OK; i++) {
        begin(&p, o->seed, STREAMS * i, egi_param(run, "m0"));
        for (size_t k = 0; k < rows; k++) {
            shown[i * rows + k] = overlap(&p);
            step(&p);
        }
        s = egi_report(o->progress, "samples", i + 1, samples);
    }
    if (s == EG_OK) egi_mean_rows(run, shown, 1, samples, 2);
    egi_arena_destroy(&arena);
    return s;
}

eg_status egi_message_passing(struct egi_dynamics *run)
{
    const size_t rows = egi_param_size(run, "t") + 1;
    const int bayes = egi_param(run, "T") > 0.5;
    struct egi_glass g;
    egi_glass_planted(run, &g);
    g.temperature = bayes;
    EGI_TRY(egi_rows(run, rows));
    double m = g.m0;
    for (size_t k = 0; k < rows; k++) {
        egi_row_at(run, k)[0] = (double)k;
        egi_row_at(run, k)[1] = m;
        m = evolve(&g, bayes, m);
    }
    double from_above = 1;
    for (int k = 0; k < 100000; k++) from_above = evolve(&g, bayes, from_above);
    egi_fact(run, "m at the fixed point", from_above > 1e-4 ? from_above : 0);
    return egi_param_size(run, "samples") > 0 ? simulate(run, &g, bayes) : EG_OK;
}
