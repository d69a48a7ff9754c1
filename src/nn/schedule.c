/* By what the learning rate is multiplied, by epoch. Every row begins with the same warm-up. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "nn/egi_optimiser.h"

struct schedule {
    double warm_up, start; /* first in every row */
    double every, factor;  /* step; exponential */
    double then;           /* step */
    double floor;          /* cosine; one-cycle */
    double rise;           /* one-cycle */
};

#define WARM_UP                                                                       \
    EGI_SET_NUMBER(struct schedule, warm_up, "0", 0, 1e9, "epochs of a linear rise"), \
        EGI_SET_NUMBER(struct schedule, start, "0.1", 0, 1, "factor at which it begins")

static const struct schedule *of(const union egi_settings *settings)
{
    return (const struct schedule *)(const void *)settings->bytes;
}

static double warm(const struct schedule *o, double e)
{
    return e < o->warm_up ? o->start + (1 - o->start) * e / o->warm_up : 1;
}

static double constant(const union egi_settings *settings, double e, double epochs)
{
    (void)epochs;
    return warm(of(settings), e);
}

static double step(const union egi_settings *settings, double e, double epochs)
{
    const struct schedule *o = of(settings);
    const double then = o->then > 0 ? o->then : o->every;
    (void)epochs;
    return warm(o, e) * (e < o->every ? 1 : pow(o->factor, 1 + floor((e - o->every) / then)));
}

static double exponential(const union egi_settings *settings, double e, double epochs)
{
    const struct schedule *o = of(settings);
    (void)epochs;
    return warm(o, e) * pow(o->factor, e);
}

static double half_cosine(double from, double to, double share)
{
    const double at = share < 0 ? 0 : share > 1 ? 1 : share;
    return to + (from - to) * (1 + cos(acos(-1) * at)) / 2;
}

/* Over the epochs after the warm-up. */
static double cosine(const union egi_settings *settings, double e, double epochs)
{
    const struct schedule *o = of(settings);
    if (e < o->warm_up) return warm(o, e);
    const double length = epochs - o->warm_up;
    return half_cosine(1, o->floor, length > 0 ? (e - o->warm_up) / length : 1);
}

static double one_cycle(const union egi_settings *settings, double e, double epochs)
{
    const struct schedule *o = of(settings);
    const double top = o->rise * epochs;
    if (e < top) return half_cosine(o->start, 1, e / top);
    return half_cosine(1, o->floor, epochs > top ? (e - top) / (epochs - top) : 1);
}

static const struct egi_setting constant_settings[] = { WARM_UP, EGI_SET_END };
static const struct egi_setting step_settings[] = {
    WARM_UP,
    EGI_SET_NUMBER(struct schedule, every, "30", 1e-9, 1e9, "epochs between two falls"),
    EGI_SET_NUMBER(struct schedule, then, "0", 0, 1e9, "those after the first fall; 0: as many"),
    EGI_SET_NUMBER(struct schedule, factor, "0.1", 0, 1, "of each fall"),
    EGI_SET_END,
};
static const struct egi_setting exponential_settings[] = {
    WARM_UP,
    EGI_SET_NUMBER(struct schedule, factor, "0.98", 0, 1, "of each epoch"),
    EGI_SET_END,
};
static const struct egi_setting cosine_settings[] = {
    WARM_UP,
    EGI_SET_NUMBER(struct schedule, floor, "0", 0, 1, "factor at the last epoch"),
    EGI_SET_END,
};
static const struct egi_setting one_cycle_settings[] = {
    EGI_SET_NUMBER(struct schedule, start, "0.04", 0, 1, "factor at epoch 0"),
    EGI_SET_NUMBER(struct schedule, rise, "0.3", 0, 1, "share of the epochs that rise"),
    EGI_SET_NUMBER(struct schedule, floor, "4e-6", 0, 1, "factor at the last epoch"),
    EGI_SET_END,
};

static const struct egi_schedule_row rows[] = {
    { { "constant", "1", "", constant_settings }, constant },
    { { "step", "factor^floor(e / every), or falls at every + k then", "", step_settings }, step },
    { { "exponential", "factor^e", "", exponential_settings }, exponential },
    { { "cosine", "floor + (1 - floor) (1 + cos(pi e / E)) / 2",
        "Loshchilov and Hutter 2017, eq. 5", cosine_settings },
      cosine },
    { { "one_cycle", "start to 1 to floor by half cosines", "Smith and Topin 2018",
        one_cycle_settings },
      one_cycle },
};

const struct egi_kind *const egi_schedule_kinds[] = {
    &rows[0].kind, &rows[1].kind, &rows[2].kind, &rows[3].kind, &rows[4].kind, NULL,
};
