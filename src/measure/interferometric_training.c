/* Filters of the interferometric transform: ascent on a convex objective within a ball for each
 * pair of frequencies.
 *
 * |A |W u||^2 is convex in W: |W u| is at each place, A has no negative weights, and squares of
 * what is convex and not negative are convex. For such f, the projection P onto a convex set and
 * any rate r > 0, w' = P(w + r grad f(w)) has <grad f(w), w' - w> >= |w' - w|^2 / r, hence f(w') >=
 * f(w); as r grows, w' becomes the point of the set furthest along the gradient, which is what an
 * infinite rate takes (Journee et al. 2010). A pair without a gradient keeps its filters. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <string.h>

#include "engram/random.h"
#include "measure/egi_interferometric.h"

enum { STREAM_BATCH = 64 };

/* sum_k |w_k(f)|^2 + |w_k(f')|^2 of v (2, K, F) */
static double spent(const eg_interferometric *s, const double *v, size_t f)
{
    const size_t own[2] = { f, s->partner[f] };
    double sum = 0;
    for (size_t k = 0; k < 2 * s->o.filters; k++)
        for (size_t i = 0; i < 2; i++) sum += v[k * s->f + own[i]] * v[k * s->f + own[i]];
    return sum;
}

static double budget(const eg_interferometric *s, size_t f)
{
    return 2 - 2 * s->low[f] * s->low[f];
}

void egi_interferometric_project(eg_interferometric *s, size_t layer)
{
    double *w = s->gain + layer * 2 * s->o.filters * s->f;
    for (size_t f = 0; f < s->f; f++) {
        const double sum = spent(s, w, f), most = budget(s, f);
        if (s->partner[f] < f || sum <= most) continue;
        for (size_t k = 0; k < 2 * s->o.filters; k++) {
            w[k * s->f + f] *= sqrt(most / sum);
            if (s->partner[f] != f) w[k * s->f + s->partner[f]] *= sqrt(most / sum);
        }
    }
}

/* w (2, K, F) moved along g and projected. */
static void ascend(eg_interferometric *s, size_t layer, const double *g)
{
    const size_t rows = 2 * s->o.filters;
    double *w = s->gain + layer * rows * s->f;
    if (isfinite(s->o.rate)) {
        for (size_t i = 0; i < rows * s->f; i++) w[i] += s->o.rate * g[i];
    } else {
        for (size_t f = 0; f < s->f; f++) {
            const double length = sqrt(spent(s, g, f)), most = sqrt(budget(s, f));
            for (size_t k = 0; k < rows && length > 0; k++)
                w[k * s->f + f] = g[k * s->f + f] / length * most;
        }
    }
    egi_interferometric_project(s, layer);
}

struct batch {
    size_t b;  /* signals */
    float *x;  /* (b, C, n, n) */
    double *g; /* (2, K, F) */
};

static double squares(eg_tape *t, eg_var x)
{
    return eg_tape_number(t, eg_sum(t, eg_mul(t, x, x), EG_ALL_AXES, 0));
}

/* share: the objective of the batch over its bound; g its gradient. */
static eg_status derive(eg_interferometric *s, size_t layer, const struct batch *b, double *share)
{
    eg_tape *t = s->t;
    const size_t half = s->o.filters * s->f;
    const eg_shape shape = eg_shape_of(b->b * s->channels, s->axis[0].n, s->axis[1].n);
    eg_tape_reset(t);
    eg_var u = eg_input(t, EG_F32, &shape, b->x), w[2], g[2];
    for (size_t m = 0; m < layer; m++) {
        egi_interferometric_filters(s, m, w);
        u = egi_interferometric_modulus(s, u, w[0], w[1]);
    }
    const double bound = squares(t, u) - squares(t, egi_interferometric_average(s, u, 1));
    egi_interferometric_filters(s, layer, w);
    for (size_t i = 0; i < 2; i++)
        w[i] = eg_leaf(t, EG_F32, &eg_shape_of(s->o.filters, s->f), s->single + i * half);
    const eg_var y =
        egi_interferometric_average(s, egi_interferometric_modulus(s, u, w[0], w[1]), 1);
    const eg_var sum = eg_sum(t, eg_mul(t, y, y), EG_ALL_AXES, 0);
    EGI_TRY(eg_tape_status(t));
    if (!(bound > 1e-6 * squares(t, u)))
        return egi_fail(EG_ERR_INVALID, "interferometric: layer %zu sees nothing but averages",
                        layer);
    EGI_TRY(eg_tape_gradient(t, sum, EG_NONE, w, 2, 0, g));
    *share = eg_tape_number(t, sum) / bound;
    for (size_t i = 0; i < 2; i++) {
        const float *v = eg_tape_value(t, g[i]);
        for (size_t j = 0; j < half && v != NULL; j++) b->g[i * half + j] = (double)v[j] / bound;
    }
    EGI_TRY(eg_tape_status(t));
    return isfinite(*share) ? EG_OK
                            : egi_fail(EG_ERR_DIVERGED, "interferometric: the share is %g", *share);
}

static void draw(const eg_interferometric *s, struct batch *b, uint64_t step, const float *x,
                 size_t n)
{
    const size_t d = s->channels * s->f;
    for (size_t i = 0; i < b->b; i++) {
        const size_t from =
            b->b == n ? i : (size_t)eg_random_below(s->o.seed, STREAM_BATCH + step, i, n);
        memcpy(b->x + i * d, x + from * d, d * sizeof *x);
    }
}

static eg_status all_layers(eg_interferometric *s, struct batch *b, const float *x, size_t n,
                            double *course)
{
    const size_t steps = s->o.steps;
    for (size_t m = 0; m < s->o.order; m++)
        for (size_t i = 0; i < steps; i++) {
            double share;
            EGI_TRY(egi_report(s->o.progress, "steps", m * steps + i, s->o.order * steps));
            draw(s, b, m * steps + i, x, n);
            EGI_TRY(derive(s, m, b, &share));
            if (course != NULL) course[m * steps + i] = share;
            ascend(s, m, b->g);
        }
    return egi_report(s->o.progress, "steps", s->o.order * steps, s->o.order * steps);
}

eg_status eg_interferometric_train(eg_interferometric *s, const float *x, size_t n, double *course)
{
    const size_t d = s->channels * s->f;
    if (n == 0) return egi_fail(EG_ERR_INVALID, "interferometric: no signals");
    for (size_t i = 0; i < n * d; i++)
        if (!isfinite(x[i]))
            return egi_fail(EG_ERR_INVALID, "interferometric: number %zu of signal %zu is %g",
                            i % d, i / d, (double)x[i]);
    struct batch b = { .b = n < s->o.batch ? n : s->o.batch };
    const struct egi_need needs[] = { { b.b * d, sizeof(float) },
                                      { 2 * s->o.filters * s->f, sizeof(double) } };
    struct egi_arena arena;
    EGI_TRY(egi_arena_create(s->alloc, needs, EGI_COUNT(needs), "interferometric", &arena));
    b.x = arena.part[0];
    b.g = arena.part[1];
    const eg_status status = all_layers(s, &b, x, n, course);
    egi_arena_destroy(&arena);
    return status;
}
