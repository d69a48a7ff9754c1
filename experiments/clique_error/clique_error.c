/* Clique networks: error of retrieval against density, with half of the clusters erased (Gripon and
 * Berrou 2011, eqs. 5 and 12), the canonical network of 8 clusters of 256 units among them.
 *
 * Two theories stand beside what is measured. Equation 12 takes connections as independent. Those
 * of one message are not, and a wrong unit gains by that; counted exactly (`engram theory
 * clique-error`, the results called shared) it explains what is measured for small l too.
 *
 * What is an error must be said. Here a message is recalled if every cluster has its unit and no
 * other. At 15 000 messages 2.1 % are not, to rest, by two programs and by the count above; a
 * recall that takes one unit of a tie (here the first) is right in every other of those, and errs
 * in 1.1 %. The project's reference says 1.2 and 1.3 %, of a number of cues it does not state. Had
 * it been 1000, as its three digits suggest, that is 2.5 standard errors below the first meaning
 * and near the second; but its .5 % at 10 000 messages is above both (.19 and .09 %). Its figures
 * are held against the first meaning within 3 standard errors of 1000 cues. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "experiments/lab.h"

struct network {
    size_t c, l, m, erased;
    double density, one, rest; /* the project's reference; rest NaN: none */
};

static eg_status theory(const struct network *net, double *out)
{
    const double in[] = { (double)net->c, (double)net->l, (double)net->m, (double)net->erased };
    return eg_theory_evaluate(eg_theory_find("clique-error"), in, out);
}

static eg_status measure(const struct experiment_context *run, const struct network *net,
                         size_t trials, eg_binary_lab_result *r)
{
    eg_binary_lab_options o = EG_BINARY_LAB_OPTIONS_INIT;
    o.memory.clusters = net->c;
    o.memory.units = net->l;
    o.n = net->m;
    o.erased = net->erased;
    o.draws = run->full ? 40 : 8;
    o.trials = trials;
    o.seed = run->seed;
    o.threads = run->threads;
    o.progress = run->progress;
    return eg_binary_lab(&o, r);
}

/* Of 1000 cues, as the reference's three digits suggest: 3 standard errors. */
static double few_cues(double share)
{
    return 3 * lab_share_error(share, 1000);
}

static eg_status tabled(const struct experiment_context *run)
{
    static const struct network nets[] = {
        { 4, 512, 5000, 1, .0189, .0050, .0050 },      { 8, 256, 10000, 4, .1414, .342, .005 },
        { 8, 256, 15000, 4, .2046, .831, .012 },       { 8, 256, 15000, 2, .2046, .022, .006 },
        { 16, 64, 1000, 8, .2168, .008, (double)NAN },
    };
    for (size_t i = 0; i < sizeof nets / sizeof *nets; i++) {
        const struct network *n = &nets[i];
        double t[EG_THEORY_RESULTS];
        eg_binary_lab_result r;
        LAB_TRY(theory(n, t));
        LAB_TRY(measure(run, n, run->full ? 400000 : 40000, &r));
        const double rest = 5 * r.error_spread + 0.08 * t[4] + 1e-4;
        lab_near(run, n->density, r.fill, 0.001, "c = %zu, l = %zu, M = %zu: density", n->c, n->l,
                 n->m);
        /* Wrong units come together where a message shares two known symbols: fewer cues have any
         * than independent units would give. */
        lab_near(run, t[3], r.error_one, 0.03 * t[3] + 3 * lab_share_error(t[3], 40000),
                 "  %zu erased, one step: error, by shared connections", n->erased);
        lab_near(run, t[4], r.error, rest, "  %zu erased, at rest: error, by shared connections",
                 n->erased);
        if (isnan(n->rest)) continue;
        lab_near(run, n->rest, r.error, few_cues(n->rest), "  %zu erased, at rest: the reference",
                 n->erased);
        lab_near(run, r.error / 2, r.error_chosen, 0.15 * r.error + 1e-4,
                 "  %zu erased, at rest, ties decided: half of it", n->erased);
    }
    return EG_OK;
}

static eg_status by_density(const struct experiment_context *run)
{
    enum { POINTS = 9 };
    double d[POINTS], one[POINTS], rest[POINTS], one_theory[POINTS], rest_theory[POINTS];
    for (size_t i = 0; i < POINTS; i++) {
        const struct network net = { 8, 256, 2500 * (i + 1), 4, 0, 0, 0 };
        double t[EG_THEORY_RESULTS];
        eg_binary_lab_result r;
        LAB_TRY(theory(&net, t));
        LAB_TRY(measure(run, &net, run->full ? 80000 : 8000, &r));
        d[i] = r.fill;
        one[i] = r.error_one;
        rest[i] = r.error;
        one_theory[i] = t[3];
        rest_theory[i] = t[4];
    }
    lab_curve(run, "Messages of 8 symbols, half erased|density|share not recalled", POINTS, d, one,
              one_theory, "one step");
    lab_curve(run, "Messages of 8 symbols, half erased|density|share not recalled", POINTS, d, rest,
              rest_theory, "at rest");
    return EG_OK;
}

static eg_status run_experiment(const struct experiment_context *run)
{
    if (run->note != NULL)
        run->note(run->user, "an error is a unit too many or too few; where ties are decided the "
                             "first unit of a cluster counts");
    LAB_TRY(tabled(run));
    return by_density(run);
}

const struct experiment experiment_clique_error = {
    .name = "clique-error",
    .title = "clique networks: error against density, measured and by theory",
    .source = "Gripon and Berrou 2011, eqs. 5 and 12; this project's reference simulations",
    .setting = "quick: 8 networks each, 40 000 cues; full: 40 networks, 400 000 cues",
    .run = run_experiment,
};
