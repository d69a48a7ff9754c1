/* What the spherical models put into their columns, by theory and by simulation. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_GLASS_RUNS_H
#define EGI_GLASS_RUNS_H

#include "dynamics/egi_dynamics.h"

enum egi_glass_value {
    EGI_GLASS_E,
    EGI_GLASS_MU,
    EGI_GLASS_M,
    EGI_GLASS_C0, /* C(t, 0) */
    EGI_GLASS_C,  /* C(t, tw) */
    EGI_GLASS_R,
    EGI_GLASS_VALUES
};

/* The column of each value, 0 where there is none; its error follows a simulated one. */
struct egi_glass_columns {
    size_t theory[EGI_GLASS_VALUES], simulated[EGI_GLASS_VALUES];
};

/* models_glass.c - the equations on a grid, and simulations beside; parameters t, n, points, tw,
 * accuracy, samples, N, step. */
eg_status egi_glass_run(struct egi_dynamics *run, const struct egi_glass *g,
                        const struct egi_glass_columns *at);

/* spherical.c - samples of N components at the times of the rows. */
eg_status egi_glass_simulate(struct egi_dynamics *run, const struct egi_glass *g,
                             const struct egi_glass_columns *at);

#endif
