/* Willshaw's memory at its optimum: log2 n units on, half of the connections exist, ln 2 bits a
 * connection in the limit (Willshaw, Buneman and Longuet-Higgins 1969; Palm 1980).
 *
 * Of a content recalled with w wrong units beside its k, log2 C(n, k) - log2 C(k + w, k) bits are
 * known. That is convex in w, so with the mean of w it bounds what is retained from below. It must
 * stay under ln 2 at every load, have its maximum near the half, and rise with n towards ln 2
 * (slowly: simulations of Knoblauch and Palm 2020 too stay far from the limit at any size that fits
 * a machine). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "experiments/lab.h"

static double log2_choose(double n, double k)
{
    return (lgamma(n + 1) - lgamma(k + 1) - lgamma(n - k + 1)) / log(2);
}

/* n units a side, connections filled to p1: bits retained a connection. */
static eg_status retained(const struct experiment_context *run, size_t n, double p1,
                          eg_binary_lab_result *r, double *wrong_theory, double *bits)
{
    const double size = (double)n, k = rint(log2(size));
    const double pairs = rint(log1p(-p1) / log1p(-k * k / (size * size)));
    const double in[] = { size, size, k, k, pairs, 0 };
    double t[EG_THEORY_RESULTS];
    eg_binary_lab_options o = EG_BINARY_LAB_OPTIONS_INIT;
    o.memory.kind = EG_BINARY_WILLSHAW;
    o.memory.clusters = o.memory.out_clusters = 1;
    o.memory.units = o.memory.out_units = n;
    o.active = (size_t)k;
    o.n = (size_t)pairs;
    o.trials = 8000;
    o.draws = 4;
    o.seed = run->seed;
    o.threads = run->threads;
    o.progress = run->progress;
    LAB_TRY(eg_theory_evaluate(eg_theory_find("willshaw"), in, t));
    LAB_TRY(eg_binary_lab(&o, r));
    *wrong_theory = t[5];
    *bits = pairs * (log2_choose(size, k) - log2_choose(k + r->units, k)) / (size * size);
    return EG_OK;
}

static eg_status run_experiment(const struct experiment_context *run)
{
    enum { FILLS = 9 };
    const size_t most = run->full ? 16384 : 4096;
    double fill[FILLS], bits[FILLS], best = 0, at = 0, before = 0, wrong;
    eg_binary_lab_result r;
    const double limit[] = { 1e12 };
    double t[EG_THEORY_RESULTS];
    LAB_TRY(eg_theory_evaluate(eg_theory_find("willshaw-optimum"), limit, t));
    lab_near(run, log(2), t[3], 1e-12, "limit of bits a connection");
    for (size_t n = 256; n <= most; n *= 4) {
        double b;
        LAB_TRY(retained(run, n, 0.5, &r, &wrong, &b));
        lab_near(run, 0.5, r.fill, 0.005, "n = %zu: share of connections at (n / log2 n)^2 ln 2",
                 n);
        lab_near(run, wrong, r.units, 0.1 * wrong, "n = %zu: wrong units a content", n);
        lab_at_most(run, log(2), b, 0, "n = %zu: bits retained a connection, under ln 2", n);
        lab_at_least(run, before, b, 0, "n = %zu: more than with a quarter of the units", n);
        before = b;
    }
    for (size_t i = 0; i < FILLS; i++) {
        fill[i] = 0.1 * (double)(i + 1);
        LAB_TRY(retained(run, 1024, fill[i], &r, &wrong, &bits[i]));
        if (bits[i] > best) best = bits[i], at = fill[i];
    }
    lab_near(run, 0.5, at, 0.11, "n = 1024: share of connections at which most is retained");
    lab_curve(run, "Bits retained a connection|share of connections|bits", FILLS, fill, bits, NULL,
              "n = 1024, log2 n units on");
    return EG_OK;
}

const struct experiment experiment_willshaw_optimum = {
    .name = "willshaw-optimum",
    .title = "Willshaw's memory at its optimum: towards ln 2 bits a connection",
    .source = "Willshaw, Buneman and Longuet-Higgins 1969; Palm 1980",
    .setting = "quick: n up to 4096; full: n up to 16 384",
    .run = run_experiment,
};
