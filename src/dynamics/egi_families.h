/* Parameters and columns that several rows of the table have. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_FAMILIES_H
#define EGI_FAMILIES_H

#define PARAM_TIME(t)                        \
    {                                        \
        "t", "time at the end", t, 1e-3, 1e5 \
    }
#define PARAM_STEPS(n)                                \
    {                                                 \
        "n", "steps of the grid (even)", n, 8, 100000 \
    }
#define PARAM_POINTS                                 \
    {                                                \
        "points", "rows of the table", 100, 1, 10000 \
    }
#define PARAM_ACCURACY                                                                      \
    {                                                                                       \
        "accuracy", "0, or the grid is refined until its estimated error is below", 0, 0, 1 \
    }
#define PARAM_WAIT                                             \
    {                                                          \
        "tw", "waiting time of the columns c and r", 1, 0, 1e5 \
    }
#define PARAM_SAMPLES                                                       \
    {                                                                       \
        "samples", "finite systems simulated beside the theory", 0, 0, 1000 \
    }
#define PARAM_END           \
    {                       \
        NULL, NULL, 0, 0, 0 \
    }

#define COLUMN(name, what, chart)          \
    {                                      \
        name, what, chart, EG_CURVE_THEORY \
    }
#define SIMULATED(name, what, chart)                                              \
    { name "_simulated", what ", mean over samples", chart, EG_CURVE_SIMULATED }, \
    {                                                                             \
        name "_error", "its standard error", NULL, EG_CURVE_ERROR                 \
    }
#define COLUMN_END                        \
    {                                     \
        NULL, NULL, NULL, EG_CURVE_THEORY \
    }

#endif
