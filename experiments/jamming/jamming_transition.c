/* Geiger et al. 2019, Spigler et al. 2019: with random labels networks satisfy all constraints up
 * to a number r = P / N of examples a weight, where the number of those left jumps from 0 to a
 * share of N. Published for d = h = 51 and three hidden layers (N = 7854): r* near 3, the jump
 * above .4 N. Smaller networks jam earlier, between 2 and 2.5 at d = h = 10 (150 000 steps, two
 * seeds).
 *
 * Here: normal inputs on the sphere of radius sqrt(d), as many labels of each class, orthogonal
 * weights at the beginning, three hidden layers of h = d rectified units. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "experiments/lab.h"

enum { RATIOS = 3, SEEDS = 5, BISECTIONS = 4 };

#define JAMMED \
    0.2 /* constraints left, over N: the jump is above .4, what hangs on dead units below */

struct setting {
    size_t d, seeds, steps;
};

struct jammed {
    double share; /* N_Delta / N */
    double *gap;  /* (P) */
    size_t p;
};

static eg_status data_of(size_t d, size_t p, uint64_t seed, eg_dataset *out)
{
    *out = (eg_dataset){ .n = p, .d = d, .classes = 2 };
    out->x = lab_floats(p * d);
    out->labels = malloc(p * sizeof *out->labels);
    if (out->x == NULL || out->labels == NULL) return lab_no_memory();
    eg_random_normal(seed, 1, 0, p * d, out->x);
    for (size_t i = 0; i < p; i++) {
        double square = 0;
        float *x = out->x + i * d;
        out->labels[i] = (int32_t)(i % 2);
        for (size_t k = 0; k < d; k++) square += (double)x[k] * (double)x[k];
        for (size_t k = 0; k < d; k++) x[k] = (float)((double)x[k] * sqrt((double)d / square));
    }
    return EG_OK;
}

static eg_status jam(const struct experiment_context *run, const struct setting *c, double ratio,
                     uint64_t seed, struct jammed *out)
{
    const size_t weights = 3 * c->d * c->d + c->d;
    const eg_task task = { .inputs = c->d, .classes = 2, .epochs = 1 };
    eg_jamming_options o = EG_JAMMING_OPTIONS_INIT;
    eg_learner *l = NULL;
    eg_dataset set = { 0 };
    eg_jammed j;
    char spec[200];
    out->p = (size_t)(ratio * (double)weights);
    o.steps = c->steps;
    o.threads = run->threads;
    o.progress = run->progress;
    snprintf(spec, sizeof spec,
             "{\"kind\": \"network\", \"hidden\": [%zu, %zu, %zu], \"activation\": \"relu\", "
             "\"initialiser\": \"orthogonal\"}",
             c->d, c->d, c->d);
    out->gap = malloc(out->p * sizeof *out->gap);
    eg_status s = out->gap != NULL ? data_of(c->d, out->p, seed, &set) : lab_no_memory();
    if (s == EG_OK) s = eg_learner_create(spec, &task, seed, run->threads, NULL, &l);
    const eg_part part = { &set, NULL, set.n };
    if (s == EG_OK) s = eg_jam(l, &part, &o, out->gap, &j);
    if (s == EG_OK) out->share = (double)j.unsatisfied / (double)j.weights;
    eg_learner_destroy(l);
    free(set.x);
    free(set.labels);
    return s;
}

/* How often forces, or gaps, up to x of their mean occur, as a curve of logarithms. */
static void distribution(const struct experiment_context *run, const struct jammed *j, int forces)
{
    enum { BINS = 20 };
    double x[BINS], y[BINS], mean = 0;
    size_t all = 0;
    for (size_t i = 0; i < j->p; i++) {
        const double v = forces ? j->gap[i] : -j->gap[i];
        all += v > 0;
        mean += v > 0 ? v : 0;
    }
    if (all == 0) return;
    mean /= (double)all;
    for (size_t b = 0; b < BINS; b++) {
        size_t below = 0;
        x[b] = pow(10, -2 + 3.0 * (double)b / (BINS - 1));
        for (size_t i = 0; i < j->p; i++) {
            const double v = forces ? j->gap[i] : -j->gap[i];
            below += v > 0 && v <= x[b] * mean;
        }
        y[b] = below > 0 ? log10((double)below / (double)all) : (double)NAN;
    }
    lab_curve(run,
              forces ? "Forces of a network that jams|force over its mean|log10 of the share below"
                     : "Gaps of a network that jams|gap over its mean|log10 of the share below",
              BINS, x, y, NULL, "one network");
}

/* The largest r at which a seed's network is not jammed, to 1 / 2^BISECTIONS. */
static eg_status critical(const struct experiment_context *run, const struct setting *c,
                          uint64_t seed, double *out)
{
    double low = 1.5, high = 3.5;
    for (size_t i = 0; i < BISECTIONS; i++) {
        struct jammed j = { .gap = NULL };
        const eg_status s = jam(run, c, (low + high) / 2, seed, &j);
        free(j.gap);
        if (s != EG_OK) return s;
        if (j.share > JAMMED)
            high = (low + high) / 2;
        else
            low = (low + high) / 2;
    }
    *out = (low + high) / 2;
    return EG_OK;
}

static eg_status at_ratio(const struct experiment_context *run, const struct setting *c,
                          double ratio, double *share)
{
    for (size_t seed = 0; seed < c->seeds; seed++) {
        struct jammed j = { .gap = NULL };
        const eg_status s = jam(run, c, ratio, run->seed + seed, &j);
        if (s == EG_OK && seed == 0 && j.share > 0) {
            distribution(run, &j, 1);
            distribution(run, &j, 0);
        }
        free(j.gap);
        if (s != EG_OK) return s;
        share[seed] = j.share;
    }
    return EG_OK;
}

static eg_status measure(const struct experiment_context *run)
{
    static const double ratio[RATIOS] = { 1.5, 2, 3 };
    const struct setting c = { run->full ? 20 : 10, run->full ? SEEDS : 3,
                               run->full ? 100000 : 30000 };
    double share[SEEDS], mean[RATIOS] = { 0 }, least[RATIOS], most[RATIOS], star = 0;
    for (size_t r = 0; r < RATIOS; r++) {
        LAB_TRY(at_ratio(run, &c, ratio[r], share));
        least[r] = INFINITY;
        most[r] = 0;
        for (size_t i = 0; i < c.seeds; i++) {
            mean[r] += share[i] / (double)c.seeds;
            least[r] = fmin(least[r], share[i]);
            most[r] = fmax(most[r], share[i]);
        }
        lab_beside(run, mean[r], "r = %g: constraints left, over N, mean", ratio[r]);
        lab_beside(run, most[r], "r = %g: the same, most", ratio[r]);
    }
    lab_at_most(run, JAMMED, most[0], 0, "r = 1.5: no seed is jammed");
    lab_at_least(run, .3, least[RATIOS - 1], 0, "r = 3: constraints left, over N, least");
    lab_curve(run, "Jamming|r = P / N|constraints left, over N", RATIOS, ratio, mean, NULL,
              "d = h = %zu", c.d);
    for (size_t seed = 0; seed < 2 && run->full; seed++) {
        double one = 0;
        LAB_TRY(critical(run, &c, run->seed + seed, &one));
        star += one / 2;
    }
    /* above where none is jammed and at most the published limit of large networks */
    if (run->full) lab_near(run, 2.5, star, .5, "r* by bisection, two seeds (3 at d = h = 51)");
    return EG_OK;
}

const struct experiment experiment_jamming = {
    .name = "jamming",
    .title = "up to a number of examples a weight networks satisfy all, and then not nearly",
    .source = "Geiger et al. 2019, figure 3; Spigler et al. 2019, figure 2",
    .setting =
        "quick: d = h = 10, three seeds, 30 000 steps; full: d = h = 20, five seeds, 100 000",
    .run = measure,
};
