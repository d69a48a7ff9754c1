/* Jacot, Gabriel and Hongler 2018, theorem 1: the tangent kernel of a network at its beginning
 * tends to that of infinitely wide ones, and how far it is from it falls as 1 / sqrt(width).
 *
 * Here: relu, no biases, weights of variance 2 / fan-in, images of MNIST scaled to |x|^2 = D / 2;
 * all pairs of a few images, one score, networks of several seeds. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "experiments/lab.h"

enum { IMAGES = 12, WIDTHS = 4, SEEDS = 40 };

static const char layer[] =
    "{\"kind\": \"linear\", \"bias\": false, \"initialiser\": \"he_normal\"";

/* Images of |x|^2 = D / 2, and the limit for each pair. */
static void limit(eg_dataset *set, size_t hidden, double *theta)
{
    for (size_t i = 0; i < set->n; i++) {
        double square = 0;
        float *x = set->x + i * set->d;
        for (size_t k = 0; k < set->d; k++) square += (double)x[k] * (double)x[k];
        const double by = sqrt((double)set->d / 2 / square);
        for (size_t k = 0; k < set->d; k++) x[k] = (float)(by * (double)x[k]);
    }
    for (size_t i = 0; i < set->n * set->n; i++) {
        const float *a = set->x + i / set->n * set->d, *b = set->x + i % set->n * set->d;
        double dot = 0;
        for (size_t k = 0; k < set->d; k++) dot += (double)a[k] * (double)b[k];
        const double rho = dot / ((double)set->d / 2);
        eg_tangent_relu(fmin(fmax(rho, -1), 1), hidden, NULL, &theta[i]);
    }
}

/* Root of the mean squared deviation, over that of the limit itself; bias: of the mean over seeds.
 */
static eg_status deviation(const struct experiment_context *run, const eg_dataset *set,
                           size_t hidden, size_t width, const double *theta, double *apart)
{
    const eg_task task = { .inputs = set->d, .classes = set->classes, .epochs = 1 };
    const eg_part part = { set, NULL, set->n };
    const size_t pairs = set->n * set->n;
    eg_tangent_options o = EG_TANGENT_OPTIONS_INIT;
    float kernel[IMAGES * IMAGES];
    double sum = 0, size = 0;
    char spec[600];
    size_t at = (size_t)snprintf(spec, sizeof spec, "{\"kind\": \"network\", \"layers\": [");
    for (size_t h = 0; h < hidden; h++)
        at += (size_t)snprintf(spec + at, sizeof spec - at, "%s, \"units\": %zu}, \"activation\", ",
                               layer, width);
    (void)snprintf(spec + at, sizeof spec - at, "%s}]}", layer);
    o.normalised = 1;
    o.output = 0;
    o.threads = run->threads;
    eg_status s = EG_OK;
    for (size_t seed = 0; seed < SEEDS && s == EG_OK; seed++) {
        eg_learner *l = NULL;
        s = eg_learner_create(spec, &task, run->seed + seed, run->threads, NULL, &l);
        if (s == EG_OK) s = eg_tangent_kernel(l, &part, &o, kernel);
        eg_learner_destroy(l);
        for (size_t i = 0; i < pairs; i++) {
            sum += pow((double)kernel[i] - theta[i], 2);
            size += theta[i] * theta[i];
        }
    }
    *apart = sqrt(sum / size);
    return s;
}

static eg_status of_depth(const struct experiment_context *run, eg_dataset *set, size_t hidden)
{
    double theta[IMAGES * IMAGES], width[WIDTHS], apart[WIDTHS], law[WIDTHS], x = 0, y = 0, xx = 0,
                                                                              xy = 0;
    char text[120];
    limit(set, hidden, theta);
    for (size_t w = 0; w < WIDTHS; w++) {
        width[w] = (double)((size_t)(run->full ? 64 : 32) << w);
        LAB_TRY(deviation(run, set, hidden, (size_t)width[w], theta, &apart[w]));
        const double u = log(width[w]), v = log(apart[w]);
        x += u / WIDTHS;
        y += v / WIDTHS;
        xx += u * u / WIDTHS;
        xy += u * v / WIDTHS;
    }
    for (size_t w = 0; w < WIDTHS; w++) law[w] = apart[0] * sqrt(width[0] / width[w]);
    lab_near(run, -.5, (xy - x * y) / (xx - x * x), .1,
             "%zu hidden: power of the width in the deviation from the limit", hidden);
    lab_beside(run, apart[WIDTHS - 1], "%zu hidden: deviation at %g units", hidden,
               width[WIDTHS - 1]);
    snprintf(text, sizeof text,
             "Deviation of the tangent kernel, %zu hidden layers|units|deviation", hidden);
    lab_curve(run, text, WIDTHS, width, apart, law, "drawn networks");
    return EG_OK;
}

static eg_status measure(const struct experiment_context *run)
{
    eg_dataset set = { 0 };
    LAB_TRY(lab_images("mnist/test", IMAGES, &set));
    eg_status s = EG_OK;
    for (size_t hidden = 1; hidden <= 3 && s == EG_OK; hidden++) s = of_depth(run, &set, hidden);
    eg_dataset_clear(&set);
    return s;
}

const struct experiment experiment_tangent_widths = {
    .name = "tangent-widths",
    .title = "tangent kernels tend to their limit as 1 / sqrt(width)",
    .source = "Jacot, Gabriel and Hongler 2018, theorem 1",
    .setting = "quick: 32 to 256 units, 40 seeds; full: 64 to 512",
    .run = measure,
};
