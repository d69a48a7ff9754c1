/* Sparse distributed memory: the critical distance (Kanerva 1988, ch. 7). A cue h bits from a
 * stored pattern is read; below the critical distance the answer is nearer than the cue, and
 * reading again and again arrives; above it the answer is further.
 *
 * Kanerva's memory has addresses of 1000 bits, a million locations of which about 1000 are within
 * 451 bits of an address, and 10 000 patterns; he gives 209. That takes what the locations hold as
 * independent. The closed form here leaves that out twice (`engram theory sdm`): a pattern near
 * several of the locations read is read several times, which is noise; and those patterns which
 * share most locations with a cue are like it, which is a pull towards the cue's own bits, right
 * ones for the most part. The quick setting has memories of 256 bits; the full one is Kanerva's. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "experiments/lab.h"

struct memory {
    size_t units, locations, radius, n, cues;
};

static eg_status read_from(const struct experiment_context *run, const struct memory *m, size_t h,
                           double *left)
{
    eg_binary_lab_options o = EG_BINARY_LAB_OPTIONS_INIT;
    const eg_binary_recall_options once = { .size = sizeof once, .persist = 1, .max_steps = 1 };
    eg_binary_lab_result r;
    o.memory.kind = EG_BINARY_SDM;
    o.memory.clusters = 1;
    o.memory.units = m->units;
    o.memory.locations = m->locations;
    o.memory.radius = m->radius;
    o.recall = &once;
    o.n = m->n;
    o.wrong = h;
    o.trials = m->cues;
    o.draws = m->units < 1000 ? 4 : 1;
    o.seed = run->seed;
    o.threads = run->threads;
    o.progress = run->progress;
    LAB_TRY(eg_binary_lab(&o, &r));
    *left = r.units_one;
    return EG_OK;
}

static eg_status theory(const struct memory *m, double h, double *out)
{
    const double in[] = { (double)m->units, (double)m->locations, (double)m->radius, (double)m->n,
                          h };
    return eg_theory_evaluate(eg_theory_find("sdm"), in, out);
}

/* Where bits left pass bits wrong, between two of the points. */
static double crossing(const double *h, const double *left, size_t n)
{
    for (size_t i = 1; i < n; i++) {
        const double below = h[i - 1] - left[i - 1], above = left[i] - h[i];
        if (below > 0 && above >= 0) return h[i - 1] + (h[i] - h[i - 1]) * below / (below + above);
    }
    return (double)NAN;
}

static eg_status measure(const struct experiment_context *run, const struct memory *m)
{
    enum { POINTS = 5 };
    static const double share[POINTS] = { 0.6, 0.85, 0.95, 1.05, 1.15 };
    double h[POINTS], left[POINTS], expected[POINTS], t[EG_THEORY_RESULTS];
    LAB_TRY(theory(m, 0, t));
    const double critical = t[2];
    for (size_t i = 0; i < POINTS; i++) {
        h[i] = rint(share[i] * critical);
        LAB_TRY(read_from(run, m, (size_t)h[i], &left[i]));
        LAB_TRY(theory(m, h[i], t));
        expected[i] = (double)m->units * t[1];
        lab_near(run, expected[i], left[i], 0.1 * expected[i] + 1,
                 "D = %zu, M = %zu: bits left wrong of %.0f", m->units, m->n, h[i]);
    }
    /* The curve passes the diagonal at a slope of 1.6: what it is off by counts almost twice. */
    lab_near(run, critical, crossing(h, left, POINTS), 0.1 * critical,
             "D = %zu, M = %zu: critical distance", m->units, m->n);
    lab_curve(run, "Bits left wrong by one reading|bits wrong in the cue|bits", POINTS, h, left,
              expected, "D = %zu, %zu locations, M = %zu", m->units, m->locations, m->n);
    return EG_OK;
}

static eg_status run_experiment(const struct experiment_context *run)
{
    static const struct memory small[] = { { 256, 20000, 108, 300, 800 },
                                           { 256, 20000, 108, 600, 800 } };
    static const struct memory kanerva = { 1000, 1000000, 451, 10000, 200 };
    double t[EG_THEORY_RESULTS];
    LAB_TRY(theory(&kanerva, 0, t));
    lab_near(run, 1000, t[0], 80, "Kanerva's memory: locations near an address");
    lab_near(run, 209, t[3], 15, "  critical distance, what locations hold independent");
    for (size_t i = 0; i < 2; i++) LAB_TRY(measure(run, &small[i]));
    return run->full ? measure(run, &kanerva) : EG_OK;
}

const struct experiment experiment_sdm_critical = {
    .name = "sdm-critical",
    .title = "sparse distributed memory: the critical distance",
    .source = "Kanerva 1988, ch. 7",
    .setting = "quick: 256 bits, 20 000 locations; full: 1000 bits, a million locations, 5 GB",
    .run = run_experiment,
};
