/* The rules of retrieval compared (Gripon and Berrou 2012: sum-of-max beside sum-of-sum; Aboudib,
 * Gripon and Jiang 2014: losers kicked out and global winners for sparse messages).
 *
 * Published is the order, in figures without tables: sum-of-max recalls no less than sum-of-sum,
 * which can take a unit for good that hears one cluster twice; for sparse messages kicking out
 * losers recalls more than global winners, of which one iteration cannot take a unit back. All
 * rules see the same networks and cues. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "experiments/lab.h"

struct rule {
    const char *name;
    eg_binary_score score;
    eg_binary_activation activation;
    size_t steps;
};

struct setting {
    const char *name;
    size_t clusters, units, order, m, erased, wrong;
};

static eg_status measure(const struct experiment_context *run, const struct setting *s,
                         const struct rule *rule, double *error, double *spread)
{
    eg_binary_lab_options o = EG_BINARY_LAB_OPTIONS_INIT;
    eg_binary_lab_result r;
    const eg_binary_recall_options how = { .size = sizeof how,
                                           .score = rule->score,
                                           .activation = rule->activation,
                                           .persist = 1,
                                           .max_steps = rule->steps };
    o.memory.clusters = s->clusters;
    o.memory.units = s->units;
    o.memory.order = s->order;
    o.recall = &how;
    o.n = s->m;
    o.erased = s->erased;
    o.wrong = s->wrong;
    o.draws = run->full ? 8 : 4;
    o.trials = run->full ? 8000 : 1000;
    o.seed = run->seed;
    o.threads = run->threads;
    o.progress = run->progress;
    LAB_TRY(eg_binary_lab(&o, &r));
    *error = r.error;
    *spread = r.error_spread;
    return EG_OK;
}

/* Errors of every rule by load, as curves; those of the last load in error (rules). */
static eg_status compare(const struct experiment_context *run, struct setting s,
                         const struct rule *rules, size_t n, double *error, double *spread)
{
    enum { MOST = 4 };
    const size_t loads = run->full ? MOST : 2;
    char title[128];
    snprintf(title, sizeof title, "%s|messages|share not recalled", s.name);
    const size_t full = s.m;
    for (size_t k = 0; k < n; k++) {
        double x[MOST], y[MOST];
        for (size_t i = 0; i < loads; i++) {
            s.m = full * (i + 1) / loads;
            LAB_TRY(measure(run, &s, &rules[k], &y[i], &spread[k]));
            x[i] = (double)s.m;
        }
        error[k] = y[loads - 1];
        lab_curve(run, title, loads, x, y, NULL, "%s", rules[k].name);
    }
    return EG_OK;
}

static eg_status erased(const struct experiment_context *run)
{
    static const struct rule rules[] = {
        { "sum-of-max, full support", EG_SCORE_MAX, EG_ACTIVE_SUPPORT, 20 },
        { "sum-of-sum, winners of a cluster", EG_SCORE_SUM, EG_ACTIVE_WINNERS, 20 },
        { "sum-of-max, losers kicked out", EG_SCORE_MAX, EG_ACTIVE_LOSERS, 100 },
        { "one step", EG_SCORE_MAX, EG_ACTIVE_SUPPORT, 1 },
    };
    enum { RULES = sizeof rules / sizeof *rules };
    const struct setting s = { "8 clusters of 256, 4 erased", 8, 256, 0, 20000, 4, 0 };
    double error[RULES], spread[RULES];
    LAB_TRY(compare(run, s, rules, RULES, error, spread));
    for (size_t k = 1; k + 1 < RULES; k++)
        lab_at_least(run, error[0], error[k], 4 * spread[k],
                     "half erased, M = 20 000: error of %s, not below sum-of-max", rules[k].name);
    lab_at_least(run, 2 * error[0], error[RULES - 1], 0,
                 "half erased, M = 20 000: error of one step, above twice that at rest");
    return EG_OK;
}

/* A wrong symbol has no full support: winners can leave it, sum-of-max with support cannot. */
static eg_status wrong(const struct experiment_context *run)
{
    const struct setting s = { "8 clusters of 256, 2 wrong", 8, 256, 0, 4000, 0, 2 };
    const struct rule support = { "", EG_SCORE_MAX, EG_ACTIVE_SUPPORT, 20 };
    const struct rule winners = { "", EG_SCORE_MAX, EG_ACTIVE_WINNERS, 20 };
    double of_support, of_winners, spread;
    LAB_TRY(measure(run, &s, &support, &of_support, &spread));
    LAB_TRY(measure(run, &s, &winners, &of_winners, &spread));
    lab_near(run, 1, of_support, 0, "2 symbols wrong, M = 4000: error of full support");
    lab_at_most(run, 0.05, of_winners, 0, "2 symbols wrong, M = 4000: error of winners");
    return EG_OK;
}

static eg_status sparse(const struct experiment_context *run)
{
    static const struct rule rules[] = {
        { "global winners", EG_SCORE_MAX, EG_ACTIVE_GLOBAL, 20 },
        { "losers kicked out", EG_SCORE_MAX, EG_ACTIVE_LOSERS, 1000 },
        { "global winners, one step", EG_SCORE_MAX, EG_ACTIVE_GLOBAL, 1 },
    };
    enum { RULES = sizeof rules / sizeof *rules };
    const struct setting s = { "12 of 100 clusters of 64, 3 erased", 100, 64, 12, 160000, 3, 0 };
    double error[RULES], spread[RULES];
    LAB_TRY(compare(run, s, rules, RULES, error, spread));
    lab_at_most(run, error[0], error[1], 3 * spread[0],
                "sparse, M = 160 000: error of losers kicked out, not above global winners");
    lab_at_least(run, error[0], error[2], 0,
                 "sparse, M = 160 000: error of one step, above that of global winners at rest");
    return EG_OK;
}

static eg_status run_experiment(const struct experiment_context *run)
{
    LAB_TRY(erased(run));
    LAB_TRY(wrong(run));
    return sparse(run);
}

const struct experiment experiment_clique_rules = {
    .name = "clique-rules",
    .title = "clique networks: the rules of retrieval compared",
    .source = "Gripon and Berrou 2012; Aboudib, Gripon and Jiang 2014",
    .setting = "quick: 4 networks, 1000 cues a point; full: 8 networks, 8000 cues",
    .run = run_experiment,
};
