/* First-order rules. Each is one pass over the parameter, its gradient and what the rule keeps;
 * numbers are f32 and every element is computed alone, so blocks and threads change no bit. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "nn/egi_optimiser.h"

extern const struct egi_optimiser_row egi_optimiser_lbfgs;

struct settings {
    double rate; /* read by the network; first in every row */
    double momentum, decay;
    double beta1, beta2, eps;
    double limit;
    int nesterov;
};

#define RATE(fallback) EGI_SET_NUMBER(struct settings, rate, fallback, 0, 1e6, "learning rate")
#define DECAY(fallback) EGI_SET_NUMBER(struct settings, decay, fallback, 0, 1e6, "weight decay")

static const struct settings *of(const union egi_settings *settings)
{
    return (const struct settings *)(const void *)settings->bytes;
}

/* The clipped gradient; NaN stays. */
static inline float cut(const struct egi_update *u, size_t i)
{
    const float g = u->scale * u->g[i], limit = u->limit;
    return g > limit ? limit : g < -limit ? -limit : g;
}

/* ---- sgd: v <- mu v + g; p <- p - rate (v, or g + mu v) (Sutskever et al. 2013, eqs. 1 to 4) ----
 */

static size_t sgd_slots(const union egi_settings *settings)
{
    return of(settings)->momentum > 0;
}

static void sgd(const struct egi_update *u, size_t begin, size_t end)
{
    const struct settings *o = of(u->settings);
    const float mu = (float)o->momentum, decay = (float)o->decay, rate = (float)u->rate;
    float *p = u->p, *v = u->slot[0];
    if (v == NULL) {
        for (size_t i = begin; i < end; i++) p[i] -= rate * (cut(u, i) + decay * p[i]);
    } else if (o->nesterov) {
        for (size_t i = begin; i < end; i++) {
            const float g = cut(u, i) + decay * p[i];
            v[i] = mu * v[i] + g;
            p[i] -= rate * (g + mu * v[i]);
        }
    } else {
        for (size_t i = begin; i < end; i++) {
            v[i] = mu * v[i] + (cut(u, i) + decay * p[i]);
            p[i] -= rate * v[i];
        }
    }
}

static const struct egi_setting sgd_settings[] = {
    RATE("0.1"), EGI_SET_NUMBER(struct settings, momentum, "0.9", 0, 1, "mu"),
    DECAY("0"),  EGI_SET_FLAG(struct settings, nesterov, "false", "look ahead by the momentum"),
    EGI_SET_END,
};

/* ---- adam and adamw: m, v running means of g and g^2, each divided by 1 - beta^t ---- */

static size_t two_slots(const union egi_settings *settings)
{
    (void)settings;
    return 2;
}

/* decay of the gradient (adam), shrink of the parameter (adamw). */
static inline void adaptive(const struct egi_update *u, size_t begin, size_t end, float decay,
                            float shrink)
{
    const struct settings *o = of(u->settings);
    const float b1 = (float)o->beta1, b2 = (float)o->beta2, eps = (float)o->eps;
    const float c1 = (float)(1 - o->beta1), c2 = (float)(1 - o->beta2);
    const float rate = (float)(u->rate / (1 - pow(o->beta1, u->step)));
    const float root = (float)(1 / sqrt(1 - pow(o->beta2, u->step)));
    float *p = u->p, *m = u->slot[0], *v = u->slot[1];
    for (size_t i = begin; i < end; i++) {
        const float g = cut(u, i) + decay * p[i];
        m[i] = b1 * m[i] + c1 * g;
        v[i] = b2 * v[i] + c2 * (g * g);
        p[i] = shrink * p[i] - rate * m[i] / (sqrtf(v[i]) * root + eps);
    }
}

static void adam(const struct egi_update *u, size_t begin, size_t end)
{
    adaptive(u, begin, end, (float)of(u->settings)->decay, 1);
}

static void adamw(const struct egi_update *u, size_t begin, size_t end)
{
    adaptive(u, begin, end, 0, (float)(1 - u->rate * of(u->settings)->decay));
}

#define BETAS                                                                               \
    EGI_SET_NUMBER(struct settings, beta1, "0.9", 0, 0.999999, "of the mean of gradients"), \
        EGI_SET_NUMBER(struct settings, beta2, "0.999", 0, 0.99999999, "of their squares"), \
        EGI_SET_NUMBER(struct settings, eps, "1e-08", 1e-30, 1,                             \
                       "added to the root, 0 where a gradient is")

static const struct egi_setting adam_settings[] = { RATE("0.001"), BETAS, DECAY("0"), EGI_SET_END };
static const struct egi_setting adamw_settings[] = { RATE("0.001"), BETAS, DECAY("0.01"),
                                                     EGI_SET_END };

/* ---- rmsprop: v running mean of g^2; p <- p - rate g / (sqrt v + eps), with momentum ---- */

static size_t rmsprop_slots(const union egi_settings *settings)
{
    return of(settings)->momentum > 0 ? 2 : 1;
}

static void rmsprop(const struct egi_update *u, size_t begin, size_t end)
{
    const struct settings *o = of(u->settings);
    const float b = (float)o->beta2, c = (float)(1 - o->beta2), eps = (float)o->eps;
    const float mu = (float)o->momentum, decay = (float)o->decay, rate = (float)u->rate;
    float *p = u->p, *v = u->slot[0], *m = u->slot[1];
    for (size_t i = begin; i < end; i++) {
        const float g = cut(u, i) + decay * p[i];
        v[i] = b * v[i] + c * (g * g);
        float by = g / (sqrtf(v[i]) + eps);
        if (m != NULL) by = m[i] = mu * m[i] + by;
        p[i] -= rate * by;
    }
}

static const struct egi_setting rmsprop_settings[] = {
    RATE("0.01"),
    EGI_SET_NUMBER(struct settings, beta2, "0.99", 0, 0.99999999, "of the mean of squares"),
    EGI_SET_NUMBER(struct settings, eps, "1e-08", 1e-30, 1,
                   "added to the root, 0 where a gradient is"),
    EGI_SET_NUMBER(struct settings, momentum, "0", 0, 1, "mu"),
    DECAY("0"),
    EGI_SET_END,
};

/* ---- normalised: V <- mu V - g; p <- p + rate V / max_row |V|, cut to [-limit, limit] ---- */

static size_t one_slot(const union egi_settings *settings)
{
    (void)settings;
    return 1;
}

static void normalised(const struct egi_update *u, size_t begin, size_t end)
{
    const struct settings *o = of(u->settings);
    const float mu = (float)o->momentum, guard = 1e-30f;
    const float limit = o->limit > 0 ? (float)o->limit : INFINITY;
    for (size_t from = begin; from < end; from += u->row) {
        float *p = u->p + from, *v = u->slot[0] + from, most = guard;
        for (size_t i = 0; i < u->row; i++) {
            v[i] = mu * v[i] - cut(u, from + i);
            const float size = fabsf(v[i]);
            most = size > most || isnan(size) ? size : most;
        }
        const float by = (float)u->rate / most;
        for (size_t i = 0; i < u->row; i++) {
            const float to = p[i] + by * v[i];
            p[i] = to > limit ? limit : to < -limit ? -limit : to;
        }
    }
}

static const struct egi_setting normalised_settings[] = {
    RATE("0.02"),
    EGI_SET_NUMBER(struct settings, momentum, "0.6", 0, 1, "mu"),
    EGI_SET_NUMBER(struct settings, limit, "0", 0, 1e6, "largest |parameter|; 0: any"),
    EGI_SET_END,
};

static const struct egi_optimiser_row rows[] = {
    { .kind = { "sgd", "v <- mu v + g; p <- p - rate v", "Sutskever et al. 2013, eqs. 1 to 4",
                sgd_settings },
      .slots = sgd_slots,
      .slot = { "momentum", NULL },
      .update = sgd },
    { .kind = { "adam", "p <- p - rate m' / (sqrt v' + eps), g with decay p",
                "Kingma and Ba 2015, algorithm 1", adam_settings },
      .slots = two_slots,
      .slot = { "mean", "square" },
      .update = adam },
    { .kind = { "adamw", "p <- (1 - rate decay) p - rate m' / (sqrt v' + eps)",
                "Loshchilov and Hutter 2019, algorithm 2", adamw_settings },
      .slots = two_slots,
      .slot = { "mean", "square" },
      .update = adamw },
    { .kind = { "rmsprop", "p <- p - rate g / (sqrt v + eps)",
                "Tieleman and Hinton 2012, lecture 6", rmsprop_settings },
      .slots = rmsprop_slots,
      .slot = { "square", "momentum" },
      .update = rmsprop },
    { .kind = { "normalised", "V <- mu V - g; p <- cut(p + rate V / max_row |V|)",
                "Krotov and Hopfield 2016, eq. 13", normalised_settings },
      .slots = one_slot,
      .slot = { "velocity", NULL },
      .by_row = 1,
      .update = normalised },
};

const struct egi_kind *const egi_optimiser_kinds[] = {
    &rows[0].kind, &rows[1].kind, &rows[2].kind,
    &rows[3].kind, &rows[4].kind, &egi_optimiser_lbfgs.kind,
    NULL,
};
