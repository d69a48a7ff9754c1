/* Exact retrieval in one step. Sparse separations: the pattern comes back to the bit if and only
 * if beta (s_i - max s_j) >= m, m = 1/(alpha-1) for entmax and 1 for normmax (Santos et al. 2024,
 * prop. 2). Compact support: with beta = 2/(r - Delta)^2 every cue within Delta of a pattern gives
 * it (Hoover et al. 2025, theorem 1). Softmax never does (their proposition 1). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "experiments/lab.h"

enum { D = 32, N = 200 };

struct counts {
    size_t inside, inside_exact, outside, outside_exact;
};

static void cue_near(const float *pattern, uint64_t seed, double distance, float *cue)
{
    double norm = 0;
    eg_random_normal(seed, 2, 0, D, cue);
    for (size_t j = 0; j < D; j++) norm += (double)cue[j] * (double)cue[j];
    for (size_t j = 0; j < D; j++)
        cue[j] = (float)((double)pattern[j] + (double)cue[j] * distance / sqrt(norm));
}

/* Cues at growing distance from pattern 0 of fresh patterns: was the margin met, was it exact? */
static eg_status count_margins(const eg_rule *rule, uint64_t seed, struct counts *k)
{
    float x[N * D], cue[D], next[D];
    double s[N], second = -INFINITY;
    eg_memory *m = NULL;
    eg_random_normal(seed, 1, 0, N * D, x);
    cue_near(x, seed, (double)(seed % 40) / 10, cue);
    LAB_TRY(lab_memory(EG_STORE_DENSE, rule, x, N, D, &m));
    eg_status status = eg_memory_associate(m, cue, s, NULL);
    if (status == EG_OK) status = eg_memory_step(m, cue, 1, 1, next);
    eg_memory_destroy(m);
    LAB_TRY(status);
    for (size_t i = 1; i < N; i++) second = fmax(second, s[i]);
    const double room = rule->beta * (s[0] - second) - eg_separation_margin(rule);
    if (fabs(room) < 1e-3) return EG_OK; /* within the rounding of the scores */
    const int exact = memcmp(next, x, sizeof next) == 0;
    *(room > 0 ? &k->inside : &k->outside) += 1;
    *(room > 0 ? &k->inside_exact : &k->outside_exact) += (size_t)exact;
    return EG_OK;
}

static eg_status margins(const struct experiment_context *run, size_t draws)
{
    const struct {
        eg_separation row;
        double order;
    } rows[] = {
        { EG_SEP_ENTMAX, 1.5 }, { EG_SEP_ENTMAX, 2 }, { EG_SEP_NORMMAX, 2 }, { EG_SEP_NORMMAX, 5 }
    };
    for (size_t r = 0; r < sizeof rows / sizeof *rows; r++) {
        struct counts k = { 0 };
        for (uint64_t t = 0; t < draws; t++) {
            eg_rule rule = EG_RULE_INIT;
            rule.separation = rows[r].row;
            rule.order = rows[r].order;
            rule.beta = 0.02 * (double)(1 + t % 7);
            LAB_TRY(count_margins(&rule, run->seed + t, &k));
        }
        const char *name = eg_separation_info(rows[r].row)->name;
        lab_near(run, 1, (double)k.inside_exact / (double)k.inside, 0,
                 "%s %g: share exact of %zu cues with the margin", name, rows[r].order, k.inside);
        lab_near(run, 0, (double)k.outside_exact / (double)k.outside, 0,
                 "%s %g: share exact of %zu cues without it", name, rows[r].order, k.outside);
    }
    return EG_OK;
}

static double smallest_distance(const float *x, size_t n)
{
    double least = INFINITY;
    for (size_t a = 0; a < n; a++)
        for (size_t b = 0; b < a; b++) {
            double sum = 0;
            for (size_t j = 0; j < D; j++) {
                const double gap = (double)x[a * D + j] - (double)x[b * D + j];
                sum += gap * gap;
            }
            least = fmin(least, sum);
        }
    return sqrt(least);
}

static eg_status support(const struct experiment_context *run, eg_separation row, double share,
                         const char *name)
{
    float x[N * D], cue[N * D], next[N * D];
    eg_random_normal(run->seed, 3, 0, N * D, x);
    const double r = smallest_distance(x, N), delta = share * r;
    eg_rule rule = EG_RULE_INIT;
    rule.similarity = EG_SIM_EUCLIDEAN;
    rule.separation = row;
    rule.beta = 2 / ((r - delta) * (r - delta));
    eg_memory *m = NULL;
    LAB_TRY(lab_memory(EG_STORE_DENSE, &rule, x, N, D, &m));
    for (size_t i = 0; i < N; i++) cue_near(x + i * D, i, 0.99 * delta, cue + i * D);
    const eg_status s = eg_memory_step(m, cue, N, run->threads, next);
    eg_memory_destroy(m);
    LAB_TRY(s);
    size_t exact = 0;
    for (size_t i = 0; i < N; i++) exact += memcmp(next + i * D, x + i * D, D * sizeof *x) == 0;
    lab_near(run, row == EG_SEP_SOFTMAX ? 0 : 1, (double)exact / N, 0,
             "%s: share exact within Delta = %.2g r", name, share);
    return EG_OK;
}

static eg_status measure(const struct experiment_context *run, size_t draws)
{
    LAB_TRY(margins(run, draws));
    for (int k = 1; k <= 3; k++) {
        LAB_TRY(support(run, EG_SEP_LSR, 0.15 * k, "log-sum-ReLU"));
        LAB_TRY(support(run, EG_SEP_EPANECHNIKOV, 0.15 * k, "Epanechnikov"));
    }
    return support(run, EG_SEP_SOFTMAX, 0.3, "log-sum-exp, the same beta");
}

static eg_status run_experiment(const struct experiment_context *run)
{
    return measure(run, run->full ? 100000 : 2000);
}

const struct experiment experiment_exact_retrieval = {
    .name = "exact-retrieval",
    .title = "sparse and compact separations return a pattern to the bit in one step",
    .source = "Santos et al. 2024, prop. 2; Hoover et al. 2025, theorem 1",
    .setting = "quick: 2000 cues a row; full: 100 000",
    .run = run_experiment,
};
