/* Ramsauer et al. 2021, theorems 3 and 5, on random patterns on a sphere of radius K sqrt(d-1).
 * Theorem 3: its published constants, and that the number of patterns it promises is stored with
 * probability 1 - p: every pattern is a fixed point close to itself and apart from the others.
 * Theorem 5: the measured error of retrieval lies below the bound. At small beta the fixed points
 * leave the theorem's ball and there is no bound, at large beta errors drown in rounding: the
 * betas lie between, and the number of recalls that were compared is a row of its own. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "experiments/lab.h"

struct sphere {
    size_t n, d;
    double beta, radius;
};

struct found {
    double stored;   /* share of the patterns that recall keeps as their own fixed point */
    double worst;    /* largest measured error over the bound of theorem 5 */
    double compared; /* recalls with a finite bound and an error above rounding */
};

static eg_status recall_all(const struct experiment_context *run, const struct sphere *p,
                            uint64_t seed, struct found *f)
{
    float *x = lab_floats(p->n * p->d), *out = lab_floats(p->n * p->d);
    eg_certificate *c = calloc(p->n, sizeof *c);
    eg_memory *m = NULL;
    eg_rule rule = EG_RULE_INIT;
    rule.beta = p->beta;
    eg_status s = x != NULL && out != NULL && c != NULL ? EG_OK : lab_no_memory();
    if (s == EG_OK) s = eg_patterns_draw(EG_PATTERNS_SPHERE, p->radius, seed, p->n, p->d, x);
    if (s == EG_OK) s = lab_memory(EG_STORE_DENSE, &rule, x, p->n, p->d, &m);
    if (s == EG_OK) {
        eg_recall_options o = EG_RECALL_OPTIONS_INIT;
        o.threads = run->threads;
        o.max_steps = 1000;
        s = eg_memory_recall(m, x, p->n, &o, out, c);
    }
    for (size_t i = 0; s == EG_OK && i < p->n; i++) {
        double error = 0;
        for (size_t j = 0; j < p->d; j++) {
            const double apart = (double)out[i * p->d + j] - (double)x[i * p->d + j];
            error += apart * apart;
        }
        f->stored += c[i].converged && c[i].nearest == i && c[i].kind == EG_FIXED_MEMORY
                         ? 1 / (double)p->n
                         : 0;
        const double rounding = 1e-6 * p->radius * sqrt((double)p->d);
        if (!isfinite(c[i].error_bound) || !(sqrt(error) > rounding)) continue;
        f->compared += 1;
        f->worst = fmax(f->worst, sqrt(error) / (c[i].error_bound + rounding));
    }
    eg_memory_destroy(m);
    free(c);
    free(out);
    free(x);
    return s;
}

static eg_status theorem3(const struct experiment_context *run, double k, double d, double c,
                          size_t draws)
{
    double out[8], stored = 0;
    LAB_TRY(eg_theory_evaluate(eg_theory_find("softmax-storage"),
                               (const double[]){ 1, k, d, 0.001 }, out));
    lab_near(run, c, out[2], 1e-3, "theorem 3: c at beta = 1, K = %g, d = %g, p = 0.001", k, d);
    const struct sphere p = { (size_t)pow(10, out[5]), (size_t)d, 1, k };
    for (uint64_t t = 0; t < draws; t++) {
        struct found f = { 0 };
        LAB_TRY(recall_all(run, &p, run->seed + t, &f));
        stored += f.stored > 1 - 1e-9 ? 1 / (double)draws : 0;
    }
    lab_at_least(run, 0.999, stored, 3 * lab_share_error(0.999, draws),
                 "theorem 3: share of draws with all %zu patterns stored", p.n);
    return EG_OK;
}

/* Ours, not published: below it the next row would compare nothing. */
static void take_count(const struct experiment_context *run, double beta, double compared)
{
    char quantity[96];
    snprintf(quantity, sizeof quantity,
             "theorem 5: recalls with a bound and a measurable error, beta = %g", beta);
    const struct experiment_row row = { quantity, (double)NAN, compared, 100, INFINITY };
    run->row(run->user, &row);
}

static eg_status measure(const struct experiment_context *run, size_t draws)
{
    LAB_TRY(theorem3(run, 3, 20, 3.1546, draws));
    LAB_TRY(theorem3(run, 1, 75, 1.3718, draws));
    const double betas[] = { 0.4, 0.5, 0.7, 1 };
    for (size_t i = 0; i < 4; i++) {
        struct found f = { 0 };
        for (uint64_t t = 0; t < draws / 10; t++) {
            const struct sphere p = { 200, 32, betas[i], 1 };
            LAB_TRY(recall_all(run, &p, run->seed + 1000 + t, &f));
        }
        take_count(run, betas[i], f.compared);
        lab_at_most(run, 1, f.worst, 0,
                    "theorem 5: largest measured error over the bound, beta = %g", betas[i]);
    }
    return EG_OK;
}

static eg_status run_experiment(const struct experiment_context *run)
{
    return measure(run, run->full ? 5000 : 200);
}

const struct experiment experiment_softmax_sphere = {
    .name = "softmax-sphere",
    .title = "storage and retrieval error of softmax memories on random spheres",
    .source = "Ramsauer et al. 2021, theorems 3 and 5",
    .setting = "quick: 200 draws; full: 5000",
    .run = run_experiment,
};
