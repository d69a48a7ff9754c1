/* Geiger, Spigler, Jacot and Wyart 2020: a network trained as alpha (f - f_0) learns with a kernel
 * that stays where alpha is large, and moves its features where it is small. Chizat, Oyallon and
 * Bach 2019, theorem 2.2: kernel and outputs are off by O(1/alpha). In networks of h units the
 * change to first order in 1/alpha is a sum over units of h^(-3/2) times the random sign of a last
 * weight, so that it falls as 1/h (Huang and Yau 2020); that of second order, h^-1 alpha^-2, is
 * what sqrt(h) alpha decides at smaller alpha.
 *
 * Here: MNIST, even against odd digits, means over 4 x 4 pixels, |x|^2 = D / 2; two hidden layers
 * of silu, squared error, weights of variance 1 (the NTK's scale), to a fixed time. Tolerances: the
 * powers of alpha are those of the last decade, and few seeds of 32 units scatter by a quarter. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "experiments/lab.h"

enum { SIDE = 28, POOL = 4, PLACES = SIDE / POOL, WIDTHS = 2, ALPHAS = 5, TIMES = 1 };

struct setting {
    size_t learned, rest, seeds;
    size_t width[WIDTHS];
    double time;
    double *lazy, *moved;  /* (N, 2) F of the kernel; of the network */
    float *before, *after; /* (2 N, 2 N) */
};

struct measured {
    double change, apart, error, kernel_error;
};

static void pool(eg_dataset *s)
{
    const size_t d = (size_t)PLACES * PLACES;
    for (size_t i = 0; i < s->n; i++) {
        float small[PLACES * PLACES] = { 0 };
        double square = 0;
        for (size_t p = 0; p < (size_t)SIDE * SIDE; p++)
            small[p / SIDE / POOL * PLACES + p % SIDE / POOL] += s->x[i * SIDE * SIDE + p];
        for (size_t k = 0; k < d; k++) square += (double)small[k] * (double)small[k];
        for (size_t k = 0; k < d; k++)
            s->x[i * d + k] = (float)((double)small[k] * sqrt((double)d / 2 / square));
        s->labels[i] %= 2;
    }
    s->d = d;
    s->channels = s->height = s->width = 0;
    s->classes = 2;
}

/* Share of the examples that are not learned whose larger F is of the other class. */
static double wrong(const struct setting *c, const eg_dataset *set, const double *f)
{
    size_t count = 0;
    for (size_t i = c->learned; i < set->n; i++)
        count += (f[2 * i + 1] > f[2 * i]) != (set->labels[i] == 1);
    return (double)count / (double)c->rest;
}

static eg_status train(const struct experiment_context *run, const struct setting *c,
                       const eg_dataset *set, size_t width, double alpha, uint64_t seed,
                       struct measured *out)
{
    const eg_task task = { .inputs = set->d, .classes = 2, .epochs = 1 };
    const eg_part part = { set, NULL, set->n };
    const size_t numbers = 2 * set->n;
    eg_tangent_options kernel = EG_TANGENT_OPTIONS_INIT;
    eg_lazy_options o = EG_LAZY_OPTIONS_INIT;
    eg_learner *l = NULL;
    eg_lazy_end end;
    char spec[400];
    snprintf(spec, sizeof spec,
             "{\"kind\": \"network\", \"hidden\": [%zu, %zu], \"activation\": \"silu\", "
             "\"initialiser\": \"he_normal\", \"loss\": \"mse\"}",
             width, width);
    kernel.apart = kernel.normalised = o.normalised = 1;
    kernel.threads = o.threads = run->threads;
    kernel.progress = o.progress = run->progress;
    o.alpha = alpha;
    o.learned = c->learned;
    eg_status s = eg_learner_create(spec, &task, seed, run->threads, NULL, &l);
    if (s == EG_OK) s = eg_tangent_kernel(l, &part, &kernel, c->before);
    if (s == EG_OK)
        s = eg_lazy_kernel_flow(l, &part, c->before, &c->time, TIMES, &o, c->lazy, &end);
    if (s == EG_OK) s = eg_lazy_train(l, &part, &c->time, TIMES, &o, c->moved, &end);
    if (s == EG_OK) s = eg_tangent_kernel(l, &part, &kernel, c->after);
    eg_learner_destroy(l);
    if (s != EG_OK) return s;
    double apart = 0, size = 0;
    for (size_t i = 0; i < numbers; i++) {
        apart += pow(c->moved[i] - c->lazy[i], 2);
        size += c->lazy[i] * c->lazy[i];
    }
    out->change += eg_tangent_change(c->before, c->after, numbers * numbers) / (double)c->seeds;
    out->apart += sqrt(apart / size) / (double)c->seeds;
    out->error += wrong(c, set, c->moved) / (double)c->seeds;
    out->kernel_error += wrong(c, set, c->lazy) / (double)c->seeds;
    return EG_OK;
}

static eg_status of_width(const struct experiment_context *run, const struct setting *c,
                          const eg_dataset *set, size_t width, struct measured *m)
{
    double x[ALPHAS], change[ALPHAS], apart[ALPHAS], error[ALPHAS], kernel[ALPHAS];
    for (size_t a = 0; a < ALPHAS; a++) {
        const double scaled = pow(10, (double)a); /* sqrt(h) alpha = 1 .. 10^4 */
        m[a] = (struct measured){ 0 };
        for (size_t seed = 0; seed < c->seeds; seed++)
            LAB_TRY(
                train(run, c, set, width, scaled / sqrt((double)width), run->seed + seed, &m[a]));
        x[a] = (double)a;
        change[a] = log10(m[a].change);
        apart[a] = log10(m[a].apart);
        error[a] = 100 * m[a].error;
        kernel[a] = 100 * m[a].kernel_error;
        lab_beside(run, error[a], "h = %zu, sqrt(h) alpha = %g: wrong of the rest, per cent", width,
                   scaled);
        lab_beside(run, m[a].change, "h = %zu, sqrt(h) alpha = %g: change of the kernel", width,
                   scaled);
    }
    lab_beside(run, kernel[0], "h = %zu: wrong of the rest, per cent, by the kernel", width);
    lab_near(run, -1, change[ALPHAS - 1] - change[ALPHAS - 2], .05,
             "h = %zu: power of alpha in the change of the kernel", width);
    lab_near(run, -1, apart[ALPHAS - 1] - apart[ALPHAS - 2], .1,
             "h = %zu: power of alpha in how far outputs are from the kernel's", width);
    lab_at_most(run, .005, m[ALPHAS - 1].apart, 0,
                "h = %zu: outputs beside the kernel's, largest alpha", width);
    lab_at_least(run, .1, m[0].apart, 0, "h = %zu: the same, smallest alpha", width);
    lab_curve(run, "Lazy training|log10 of sqrt(h) alpha|log10 of the change of the kernel", ALPHAS,
              x, change, NULL, "%zu units", width);
    lab_curve(run, "Lazy training|log10 of sqrt(h) alpha|log10 of the deviation of outputs", ALPHAS,
              x, apart, NULL, "%zu units", width);
    lab_curve(run, "Lazy training|log10 of sqrt(h) alpha|wrong of the rest, per cent", ALPHAS, x,
              error, kernel, "%zu units, beside the kernel", width);
    return EG_OK;
}

static eg_status measure_all(const struct experiment_context *run, const struct setting *c,
                             const eg_dataset *set)
{
    struct measured m[WIDTHS][ALPHAS];
    for (size_t w = 0; w < WIDTHS; w++) LAB_TRY(of_width(run, c, set, c->width[w], m[w]));
    const double h = (double)c->width[0], wider = (double)c->width[1];
    const double change = m[1][ALPHAS - 1].change / m[0][ALPHAS - 1].change; /* at sqrt(h) alpha */
    lab_near(run, -1, log(change * sqrt(h / wider)) / log(wider / h), .3,
             "power of the width in the change of the kernel at one alpha, the largest");
    return EG_OK;
}

static eg_status measure(const struct experiment_context *run)
{
    struct setting c = { .learned = run->full ? 200 : 60,
                         .rest = run->full ? 400 : 140,
                         .seeds = run->full ? 4 : 2,
                         .width = { 32, run->full ? 256 : 128 },
                         .time = run->full ? 20 : 10 };
    eg_dataset set = { 0 };
    LAB_TRY(lab_images("mnist/test", c.learned + c.rest, &set));
    pool(&set);
    c.lazy = malloc(2 * set.n * sizeof *c.lazy);
    c.moved = malloc(2 * set.n * sizeof *c.moved);
    c.before = lab_floats(4 * set.n * set.n);
    c.after = lab_floats(4 * set.n * set.n);
    const int whole = c.lazy != NULL && c.moved != NULL && c.before != NULL && c.after != NULL;
    const eg_status s = whole ? measure_all(run, &c, &set) : lab_no_memory();
    free(c.lazy);
    free(c.moved);
    free(c.before);
    free(c.after);
    eg_dataset_clear(&set);
    return s;
}

const struct experiment experiment_lazy_feature = {
    .name = "lazy-feature",
    .title = "networks learn with the kernel they began with, or learn it, as their factor decides",
    .source = "Geiger, Spigler, Jacot and Wyart 2020, section 3; Chizat, Oyallon and Bach 2019, "
              "theorem 2.2",
    .setting = "quick: 60 images, 32 and 128 units, two seeds; full: 200 images, 32 and 256 units, "
               "four seeds",
    .run = measure,
};
