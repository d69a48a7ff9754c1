/* Amit, Gutfreund and Sompolinsky 1985 and 1987: patterns stored by Hebb's rule are recalled up to
 * .138 patterns a unit, and at that load with 97 % of overlap, not less and less: memory ends at
 * once. Below .051 they are the states of lowest energy.
 *
 * Lines: numbers of the papers, and .1379 (Stojnic 2024). Networks of N units that begin at a
 * pattern stand beside the overlap; it may be off by 4.5 standard errors and 4/N. The end: at .12
 * patterns a unit networks stay, at .16 they leave, and more of them the larger N is, at .2 all do;
 * what is left there, .3 or so, is where descent is caught on its way to the glass. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "experiments/solved.h"

static eg_status lines(const struct experiment_context *run)
{
    struct solved s;
    LAB_TRY(SOLVE(run, "hopfield-phases", &s, { "to", 1.4 }, { "points", run->full ? 141 : 29 }));
    lab_near(run, .1379, solved_at(&s, 0, "retrieval"), 5e-5, "T = 0: patterns a unit, at most");
    lab_near(run, .97, solved_at(&s, 0, "overlap"), .005, "the same, overlap");
    lab_near(run, .051, solved_at(&s, 0, "lowest"), .001, "the same, lowest in energy below");
    LAB_TRY(solved_curve(run, &s, "Phases|temperature|patterns a unit", "retrieval",
                         "memories exist below"));
    LAB_TRY(solved_curve(run, &s, "Phases|temperature|patterns a unit", "lowest",
                         "lowest free energy below"));
    solved_clear(&s);
    return EG_OK;
}

static eg_status overlaps(const struct experiment_context *run)
{
    static const double t[] = { 0, .3, .6 }, to[] = { .12, .08, .03 };
    const double n = run->full ? 2000 : 600, samples = run->full ? 32 : 16;
    struct solved s;
    for (size_t i = 0; i < 3; i++) {
        LAB_TRY(SOLVE(run, "hopfield", &s, { "T", t[i] }, { "from", to[i] / 4 }, { "to", to[i] },
                      { "points", 4 }, { "samples", samples }, { "N", n }, { "sweeps", 100 }));
        lab_at_most(run, 4 / n, solved_apart(&s, "m", 4.5), 0,
                    "T = %g, N = %g: overlap up to alpha = %g off theory, beyond 4.5 errors", t[i],
                    n, to[i]);
        LAB_TRY(solved_curve(run, &s, "Networks beside theory|patterns a unit|overlap", "m",
                             i == 0   ? "T = 0"
                             : i == 1 ? "T = 0.3"
                                      : "T = 0.6"));
        solved_clear(&s);
    }
    return EG_OK;
}

static eg_status end(const struct experiment_context *run)
{
    const double n[] = { 300, run->full ? 3000 : 1200 };
    double stays[2], leaves[2], far[2];
    struct solved s;
    for (size_t i = 0; i < 2; i++) {
        LAB_TRY(SOLVE(run, "hopfield", &s, { "from", .12 }, { "to", .2 }, { "points", 3 },
                      { "samples", run->full ? 32 : 16 }, { "N", n[i] }, { "sweeps", 200 }));
        stays[i] = solved_at(&s, 0, "m_simulated");
        leaves[i] = solved_at(&s, 1, "m_simulated");
        far[i] = solved_at(&s, 2, "m_simulated");
        solved_clear(&s);
    }
    lab_at_least(run, .95, stays[1], 0, "T = 0, N = %g: mean overlap at alpha = .12", n[1]);
    lab_at_most(run, .6, far[1], 0, "the same, at .2");
    lab_at_most(run, leaves[0], leaves[1], 0, "at .16: less than with N = %g", n[0]);
    lab_beside(run, stays[0], "N = %g: mean overlap at .12", n[0]);
    return EG_OK;
}

static eg_status measure(const struct experiment_context *run)
{
    LAB_TRY(lines(run));
    LAB_TRY(overlaps(run));
    return end(run);
}

const struct experiment experiment_hopfield_phases = {
    .name = "hopfield-phases",
    .title = "memory by Hebb's rule ends at once, at .138 patterns a unit",
    .source = "Amit, Gutfreund and Sompolinsky 1985 and 1987",
    .setting = "quick: 16 networks of up to 1200 units; full: 32 of up to 3000",
    .run = measure,
};
