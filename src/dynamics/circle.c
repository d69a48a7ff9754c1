/* Diffusion as a memory, in the plane: N patterns on the unit circle, E(x) = -ln(mean exp(-beta
 * |x - xi|^2)) / beta, beta = 1/(2 sigma^2 t). Of many patterns E depends on |x| alone (Pham et al.
 * 2025): least at the origin for beta <= 1, then on a ring, every state of which is new. Of
 * finitely many the ring has valleys, which end at the patterns as noise goes: what was new is then
 * memorised. Samples go from a place on the unit circle to the mean of the patterns by their
 * weights, which never raises E, until they rest. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "dynamics/egi_retrieval.h"
#include "engram/random.h"

enum { STREAMS = 2, STREAM_PATTERNS = 0, STREAM_START = 1, STEPS = 100000 };

#define REST 1e-12 /* a square of a step */

/* One step of x: whether it rests. pattern (n, 2). */
static int settle(const double *pattern, size_t n, double beta, double x[2])
{
    double sum = 0, mean[2] = { 0, 0 }, nearest = INFINITY;
    for (size_t i = 0; i < n; i++) {
        const double a = x[0] - pattern[2 * i], b = x[1] - pattern[2 * i + 1];
        nearest = fmin(nearest, a * a + b * b);
    }
    for (size_t i = 0; i < n; i++) {
        const double a = x[0] - pattern[2 * i], b = x[1] - pattern[2 * i + 1];
        const double w = exp(beta * (nearest - a * a - b * b));
        sum += w;
        mean[0] += w * pattern[2 * i];
        mean[1] += w * pattern[2 * i + 1];
    }
    const double a = mean[0] / sum - x[0], b = mean[1] / sum - x[1];
    x[0] += a;
    x[1] += b;
    return a * a + b * b < REST;
}

static void on_circle(uint64_t seed, uint64_t stream, size_t n, double *out)
{
    for (size_t i = 0; i < n; i++) {
        float u;
        eg_random_uniform(seed, stream, i, 1, &u);
        out[2 * i] = cos(2 * acos(-1) * (double)u);
        out[2 * i + 1] = sin(2 * acos(-1) * (double)u);
    }
}

/* Whether x lies next to a pattern: a tenth of their mean distance. */
static int memorised(const double *pattern, size_t n, const double x[2])
{
    double nearest = INFINITY;
    for (size_t i = 0; i < n; i++)
        nearest = fmin(nearest, hypot(x[0] - pattern[2 * i], x[1] - pattern[2 * i + 1]));
    return nearest < 0.2 * acos(-1) / (double)n;
}

static eg_status circle_samples(struct egi_dynamics *run)
{
    const eg_dynamics_options *o = run->options;
    const size_t n = egi_param_size(run, "N"), samples = egi_param_size(run, "samples");
    const size_t rows = run->out->rows;
    const struct egi_need needs[] = { { 2 * n, sizeof(double) },
                                      { 2 * samples * rows, sizeof(double) } };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(o->alloc, needs, EGI_COUNT(needs), "circles", &arena));
    double *pattern = arena.part[0], *shown = arena.part[1];
    eg_status s = EG_OK;
    for (size_t i = 0; i < samples && s == EG_OK; i++) {
        on_circle(o->seed, STREAMS * i + STREAM_PATTERNS, n, pattern);
        for (size_t k = 0; k < rows && s == EG_OK; k++) {
            double x[2];
            size_t step = 0;
            on_circle(o->seed, STREAMS * i + STREAM_START, 1, x);
            while (step < STEPS && !settle(pattern, n, *egi_row_at(run, k), x)) step++;
            if (step == STEPS)
                s = egi_fail(EG_ERR_DIVERGED, "circle: sample %zu did not rest at beta = %g", i,
                             *egi_row_at(run, k));
            shown[2 * (i * rows + k)] = hypot(x[0], x[1]);
            shown[2 * (i * rows + k) + 1] = memorised(pattern, n, x);
        }
        if (s == EG_OK) s = egi_report(o->progress, "samples", i + 1, samples);
    }
    if (s == EG_OK) egi_mean_rows(run, shown, 2, samples, 2);
    if (s == EG_OK) egi_mean_rows(run, shown + 1, 2, samples, 5);
    egi_arena_destroy(&arena);
    return s;
}

eg_status egi_circle(struct egi_dynamics *run)
{
    const size_t rows = egi_param_size(run, "points");
    double low, high;
    EGI_TRY(egi_range(run, &low, &high));
    EGI_TRY(egi_rows(run, rows));
    for (size_t k = 0; k < rows; k++) {
        double *row = egi_row_at(run, k), out[EG_THEORY_RESULTS];
        row[0] = egi_between(low, high, k, rows);
        EGI_TRY(eg_theory_evaluate(eg_theory_find("circle-energy"), row, out));
        row[1] = out[0];
        row[4] = out[1];
    }
    return egi_param_size(run, "samples") > 0 ? circle_samples(run) : EG_OK;
}
