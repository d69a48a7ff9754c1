/* A perceptron that learns a teacher by Hebb's rule, and least squares at any number of dimensions
 * an example: closed forms beside samples. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "dynamics/egi_network.h"
#include "kernel/egi_kernel_line.h"

enum { STREAMS = 8, STREAM_TRUTH = 0, STREAM_INPUTS = 1, STREAM_NOISE = 2 };

/* ---- Hebb ---- */

static eg_status hebb_samples(struct egi_dynamics *run)
{
    const size_t n = egi_param_size(run, "N"), samples = egi_param_size(run, "samples");
    const size_t rows = run->out->rows;
    const struct egi_kernels_line *kernels = egi_kernels_line(egi_isa_level());
    const struct egi_need needs[] = { { 3 * n, sizeof(double) },
                                      { samples * rows, sizeof(double) } };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(run->options->alloc, needs, 2, "perceptrons", &arena));
    double *b = arena.part[0], *w = b + n, *x = w + n, *shown = arena.part[1];
    const uint64_t seed = run->options->seed;
    eg_status s = EG_OK;
    for (size_t sample = 0; sample < samples && s == EG_OK; sample++) {
        size_t seen = 0;
        egi_normals(seed, STREAMS * sample + STREAM_TRUTH, 0, n, b);
        memset(w, 0, n * sizeof *w);
        for (size_t k = 0; k < rows; k++) {
            const size_t to = (size_t)rint(*egi_row_at(run, k) * (double)n);
            for (; seen < to; seen++) {
                egi_normals(seed, STREAMS * sample + STREAM_INPUTS, seen * n, n, x);
                const double label = kernels->dot(b, x, n) < 0 ? -1 : 1;
                for (size_t i = 0; i < n; i++) w[i] += label * x[i];
            }
            shown[sample * rows + k] =
                seen == 0
                    ? 0
                    : kernels->dot(w, b, n) / sqrt(kernels->dot(w, w, n) * kernels->dot(b, b, n));
        }
        s = egi_report(run->options->progress, "samples", sample + 1, samples);
    }
    if (s == EG_OK) egi_mean_rows(run, shown, 1, samples, 2);
    egi_arena_destroy(&arena);
    return s;
}

eg_status egi_hebb(struct egi_dynamics *run)
{
    const size_t rows = egi_param_size(run, "points");
    double low, high;
    EGI_TRY(egi_range(run, &low, &high));
    EGI_TRY(egi_rows(run, rows));
    for (size_t k = 0; k < rows; k++) {
        double *row = egi_row_at(run, k), out[EG_THEORY_RESULTS];
        row[0] = egi_between(low, high, k, rows);
        EGI_TRY(eg_theory_evaluate(eg_theory_find("hebb-generalisation"), row, out));
        row[1] = out[0];
        row[4] = out[1];
    }
    return egi_param_size(run, "samples") > 0 ? hebb_samples(run) : EG_OK;
}

/* ---- least squares ---- */

struct squares {
    const struct egi_kernels_line *kernels;
    size_t n, d;
    double *x, *turned; /* (n, d), (d, n) */
    double *beta, *y;   /* (d), (n) */
    double *gram, *fit; /* (side, side), (side) */
    double noise;
};

int egi_solve(const struct egi_kernels_line *kernels, size_t side, double *a, double *z)
{
    for (size_t i = 0; i < side; i++)
        for (size_t j = 0; j <= i; j++) {
            const double v = a[i * side + j] - kernels->dot(a + i * side, a + j * side, j);
            if (i == j && !(v > 0)) return 0;
            a[i * side + j] = i == j ? sqrt(v) : v / a[j * side + j];
        }
    for (size_t i = 0; i < side; i++)
        z[i] = (z[i] - kernels->dot(a + i * side, z, i)) / a[i * side + i];
    for (size_t i = side; i-- > 0;) {
        z[i] /= a[i * side + i];
        for (size_t j = 0; j < i; j++) z[j] -= a[i * side + j] * z[i];
    }
    return 1;
}

/* |fit - beta|^2 of least squares with n lambda on the diagonal; of the fit of least norm where
 * lambda is 0. The smaller of X^T X and X X^T is solved. */
static double risk(const struct squares *s, double lambda)
{
    const int tall = s->d <= s->n;
    const size_t side = tall ? s->d : s->n, other = tall ? s->n : s->d;
    const double *lines = tall ? s->turned : s->x; /* (side, other) */
    double sum = 0;
    for (size_t i = 0; i < side; i++) {
        for (size_t j = 0; j <= i; j++)
            s->gram[i * side + j] = s->kernels->dot(lines + i * other, lines + j * other, other);
        s->gram[i * side + i] += (double)s->n * lambda;
        s->fit[i] = tall ? s->kernels->dot(lines + i * other, s->y, other) : s->y[i];
    }
    if (!egi_solve(s->kernels, side, s->gram, s->fit)) return (double)NAN;
    for (size_t j = 0; j < s->d; j++) {
        const double at = tall ? s->fit[j] : s->kernels->dot(s->turned + j * s->n, s->fit, s->n);
        sum += (at - s->beta[j]) * (at - s->beta[j]);
    }
    return sum;
}

static void draw(struct squares *s, double r, uint64_t seed, uint64_t stream)
{
    egi_normals(seed, stream + STREAM_TRUTH, 0, s->d, s->beta);
    const double by = r / sqrt(s->kernels->dot(s->beta, s->beta, s->d));
    for (size_t j = 0; j < s->d; j++) s->beta[j] *= by;
    egi_normals(seed, stream + STREAM_INPUTS, 0, s->n * s->d, s->x);
    egi_normals(seed, stream + STREAM_NOISE, 0, s->n, s->y);
    for (size_t i = 0; i < s->n; i++) {
        const double *x = s->x + i * s->d;
        s->y[i] = s->noise * s->y[i] + s->kernels->dot(x, s->beta, s->d);
        for (size_t j = 0; j < s->d; j++) s->turned[j * s->n + i] = x[j];
    }
}

static eg_status regression_samples(struct egi_dynamics *run)
{
    const eg_dynamics_options *o = run->options;
    const size_t n = egi_param_size(run, "n"), samples = egi_param_size(run, "samples");
    const size_t rows = run->out->rows;
    const size_t most = (size_t)rint(egi_param(run, "to") * (double)n) + 1;
    const size_t side = most < n ? most : n;
    const struct egi_need needs[] = { { n * most, sizeof(double) },
                                      { n * most, sizeof(double) },
                                      { most + 2 * n, sizeof(double) },
                                      { side * side, sizeof(double) },
                                      { 2 * samples * rows, sizeof(double) } };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(o->alloc, needs, EGI_COUNT(needs), "regressions", &arena));
    struct squares s = { .kernels = egi_kernels_line(egi_isa_level()),
                         .n = n,
                         .x = arena.part[0],
                         .turned = arena.part[1],
                         .beta = arena.part[2],
                         .gram = arena.part[3],
                         .noise = egi_param(run, "sigma") };
    double *plain = arena.part[4], *best = plain + samples * rows;
    s.y = s.beta + most;
    s.fit = s.y + n;
    eg_status status = EG_OK;
    for (size_t i = 0; i < samples && status == EG_OK; i++) {
        for (size_t k = 0; k < rows; k++) {
            const double *row = egi_row_at(run, k);
            s.d = (size_t)rint(row[0] * (double)n);
            draw(&s, egi_param(run, "r"), o->seed, STREAMS * (i * rows + k));
            plain[i * rows + k] = risk(&s, 0);
            best[i * rows + k] = risk(&s, row[7]);
        }
        status = egi_report(o->progress, "samples", i + 1, samples);
    }
    if (status == EG_OK) egi_mean_rows(run, plain, 1, samples, 2);
    if (status == EG_OK) egi_mean_rows(run, best, 1, samples, 5);
    egi_arena_destroy(&arena);
    return status;
}

eg_status egi_regression(struct egi_dynamics *run)
{
    const size_t rows = egi_param_size(run, "points"), n = egi_param_size(run, "n");
    double low, high;
    EGI_TRY(egi_range(run, &low, &high));
    EGI_TRY(egi_rows(run, rows));
    for (size_t k = 0; k < rows; k++) {
        double *row = egi_row_at(run, k), out[EG_THEORY_RESULTS];
        const double gamma = egi_between(low, high, k, rows);
        row[0] = fmax(rint(gamma * (double)n), 1) / (double)n; /* whole dimensions */
        const double in[] = { row[0], egi_param(run, "r"), egi_param(run, "sigma") };
        EGI_TRY(eg_theory_evaluate(eg_theory_find("ridge-risk"), in, out));
        row[1] = out[0];
        row[4] = out[2];
        row[7] = out[1];
    }
    return egi_param_size(run, "samples") > 0 ? regression_samples(run) : EG_OK;
}
