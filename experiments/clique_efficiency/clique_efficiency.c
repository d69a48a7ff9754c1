/* Diversity, capacity and efficiency of clique networks (Gripon and Berrou 2011): how many messages
 * are recalled from half of their symbols with at most one error in a hundred, and how many bits of
 * message that is for each bit of the network; beside it a Hopfield network that takes the same
 * storage, of which the paper says that it has about 250 times fewer messages and 20 times less
 * information.
 *
 * The classical network: n neurons, n (n - 1)/2 weights that take one of K + 1 values each,
 * K = n/(2 ln n) messages of n bits (McEliece et al. 1987), n chosen so that
 * n (n - 1)/2 log2(K + 1) are the bits of the clique network. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "experiments/lab.h"

enum { C = 8, L = 256, CANONICAL = 15000 };

static eg_status error_at(const struct experiment_context *run, size_t c, size_t l, size_t m,
                          double *error)
{
    eg_binary_lab_options o = EG_BINARY_LAB_OPTIONS_INIT;
    eg_binary_lab_result r;
    o.memory.clusters = c;
    o.memory.units = l;
    o.n = m;
    o.erased = c / 2;
    o.draws = run->full ? 16 : 4;
    o.trials = run->full ? 64000 : 8000;
    o.seed = run->seed;
    o.threads = run->threads;
    o.progress = run->progress;
    LAB_TRY(eg_binary_lab(&o, &r));
    *error = r.error;
    return EG_OK;
}

/* The M at which a growing error passes `wanted`. */
static eg_status diversity(const struct experiment_context *run, size_t c, size_t l, double wanted,
                           size_t *m)
{
    size_t low = 1, high = l * l;
    while (high - low > low / 50 + 1) {
        const size_t middle = (low + high) / 2;
        double error;
        LAB_TRY(error_at(run, c, l, middle, &error));
        if (error > wanted)
            high = middle;
        else
            low = middle;
    }
    *m = low;
    return EG_OK;
}

static double resource(size_t c, size_t l)
{
    return (double)(c * (c - 1)) * (double)(l * l) / 2;
}

static double efficiency(size_t c, size_t l, double m)
{
    return m * (double)c * log2((double)l) / resource(c, l);
}

/* Neurons of a classical network of so many bits. */
static double classical_size(double bits)
{
    double low = 2, high = 1e6;
    while (high - low > 1e-6) {
        const double n = (low + high) / 2, k = n / (2 * log(n));
        if (n * (n - 1) / 2 * log2(k + 1) < bits)
            low = n;
        else
            high = n;
    }
    return low;
}

static void against_hopfield(const struct experiment_context *run, double n)
{
    const double k = n / (2 * log(n));
    lab_near(run, 250, CANONICAL / k, 25,
             "15 000 messages: how many times the classical network's");
    lab_near(run, 20, CANONICAL * C * log2(L) / (k * n), 2, "  and its bits");
}

/* That such a network keeps its K messages whole, and how few it keeps at ten times as many. */
static eg_status hopfield(const struct experiment_context *run, double size)
{
    eg_capacity_options o = EG_CAPACITY_OPTIONS_INIT;
    eg_capacity_result r;
    o.d = (size_t)size;
    o.n = (size_t)(size / (2 * log(size)));
    o.memory.storage = EG_STORE_HEBB;
    o.memory.rule.separation = EG_SEP_IDENTITY;
    o.memory.rule.projection = EG_PROJ_SIGN;
    o.recall.dynamics = EG_DYN_ASYNC;
    o.recall.max_steps = 100;
    o.recall.threads = run->threads;
    o.recall.progress = run->progress;
    o.corruption = EG_CORRUPT_MASK;
    o.amount = 0.5;
    o.trials = 200;
    o.draws = 4;
    o.seed = run->seed;
    LAB_TRY(eg_capacity_measure(&o, &r));
    lab_at_least(run, 0.8, r.exact, 0, "classical, N = %zu, K = %zu, half hidden: share recalled",
                 o.d, o.n);
    o.n *= 10;
    LAB_TRY(eg_capacity_measure(&o, &r));
    lab_at_most(run, 0.01, r.exact, 0, "classical, ten times as many: share recalled");
    return EG_OK;
}

static eg_status run_experiment(const struct experiment_context *run)
{
    enum { SIZES = 4 };
    static const size_t units[SIZES] = { 32, 64, 128, 256 };
    double m[SIZES], eta[SIZES];
    lab_near(run, 1.835e6, resource(C, L), 500, "bits of the network, c = 8, l = 256");
    lab_near(run, 0.523, efficiency(C, L, CANONICAL), 0.0005, "efficiency at 15 000 messages");
    lab_near(run, 28672, resource(C, L) / (C * log2(L)), 0.5, "messages at efficiency 1");
    for (size_t i = 0; i < SIZES; i++) {
        size_t most;
        LAB_TRY(diversity(run, C, units[i], 0.01, &most));
        m[i] = (double)most;
        eta[i] = efficiency(C, units[i], m[i]);
    }
    /* eq. 4.3 of the theory row, solved for one error in a hundred at rest */
    const double in[] = { C, L, m[SIZES - 1], C / 2 };
    double t[EG_THEORY_RESULTS];
    LAB_TRY(eg_theory_evaluate(eg_theory_find("clique-error"), in, t));
    lab_near(run, 0.01, t[4], 0.002, "theory's error at the measured diversity of %.0f",
             m[SIZES - 1]);
    for (size_t i = 1; i < SIZES; i++)
        lab_at_least(run, 2 * m[i - 1], m[i], 0, "l = %zu: diversity, more than twice that of l/2",
                     units[i]);
    lab_curve(run,
              "Efficiency against diversity, 8 clusters, half erased, 1 % errors|messages|bits "
              "of message a bit of network",
              SIZES, m, eta, NULL, "l = 32, 64, 128, 256");
    const double size = classical_size(resource(C, L));
    against_hopfield(run, size);
    return hopfield(run, size);
}

const struct experiment experiment_clique_efficiency = {
    .name = "clique-efficiency",
    .title = "clique networks: diversity, capacity, efficiency, and a classical network beside",
    .source = "Gripon and Berrou 2011, eqs. 6 to 9 and the comparison with Hopfield networks",
    .setting = "quick: 4 networks, 8000 cues a point; full: 16 networks, 64 000 cues",
    .run = run_experiment,
};
