/* Weights of connections that exist or not. Each row makes the weights W of a layer of what is
 * learned, with the gradient g = dL/dW that comes back. n connections, s(x) = +1 where x >= 0, else
 * -1; a share d of them exists: those of the k = d n largest (eg_top).
 *
 *   real         W = w
 *   sign         W = s(w)                       dw = g [|w| <= 1]    Courbariaux et al. 2015, 2016
 *   scaled_sign  W = a_o s(w), a_o = mean |w_o| of output o          Rastegari et al. 2016, eq. 6
 *                dw = (sum_o g s(w)) sign(w) / n_o + a_o g [|w| <= 1]
 *   binary:d     W = a M + b, M = [w among the k largest], a and b two numbers of the layer
 *                dw = a g, da = sum g M, db = sum g                  Schiavone et al. 2022
 *   popup:d      W = w M, M = [|s| among the k largest], w never changes
 *                ds = g w sign(s)                                    Ramanujan et al. 2020, eq. 4
 *   pruned:d     W = w [|w| among the k largest]
 *                dw = g, of those that do not exist too              Wortsman et al. 2019, eq. 6
 *   stored:v     W = w [count > 0], dw = g [count > 0]; storing counts (storing.c)
 *
 * The gradient of a step is the one written above by definition: it passes straight through
 * (eg_straight_through).
 *
 * Differs from the papers in: sign keeps w where it is instead of cutting it to [-1, 1] (beyond 1
 * its gradient is 0, so it goes no further); scaled_sign has the whole derivative of a_o;
 * popup chooses among all of a layer, as the authors' program does, and not for each output. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/egi_connections.h"

#include <math.h>
#include <stdio.h>

/* What a row sees of its layer. */
struct wanted {
    struct egi_scope *s;
    double number;
    const eg_shape *shape;
    const struct egi_initialiser *init;
};

size_t egi_connections_kept(double share, size_t n)
{
    const double kept = floor(share * (double)n + 0.5);
    return kept < 1 ? 1 : kept > (double)n ? n : (size_t)kept;
}

static eg_var learned(const struct wanted *w, const char *name)
{
    return egi_scope_param(w->s, name, w->shape, w->init);
}

/* s(x) */
static eg_var sign_of(eg_tape *t, eg_var x)
{
    const eg_var zero = eg_number(t, eg_tape_dtype(t, x), 0);
    return eg_affine(t, eg_at_least(t, x, zero), 2, -1);
}

eg_var egi_straight_sign(eg_tape *t, eg_var x)
{
    return eg_straight_through(t, sign_of(t, x), eg_clamp(t, x, -1, 1));
}

/* [x among the k largest] of a whole array. */
static eg_var existing(const struct wanted *w, eg_var x)
{
    eg_tape *t = w->s->t;
    const size_t n = eg_shape_size(w->shape);
    const eg_var line = eg_reshape(t, x, &eg_shape_of(n));
    return eg_reshape(t, eg_top(t, line, egi_connections_kept(w->number, n)), w->shape);
}

static eg_var real(const struct wanted *w)
{
    return learned(w, "weight");
}

static eg_var sign(const struct wanted *w)
{
    return egi_straight_sign(w->s->t, learned(w, "weight"));
}

static eg_var scaled_sign(const struct wanted *w)
{
    eg_tape *t = w->s->t;
    const eg_var latent = learned(w, "weight");
    const unsigned inputs = EG_AXIS(w->shape->rank) - EG_AXIS(1);
    const eg_var a = eg_mean(t, eg_abs(t, latent), inputs, 1);
    return eg_mul(t, a, egi_straight_sign(t, latent));
}

/* a and b begin so that W has mean 0 and the variance 2 / fan_in of He et al. 2015. */
static eg_var binary(const struct wanted *w)
{
    eg_tape *t = w->s->t;
    const double d = w->number;
    const size_t fan_in = eg_shape_size(w->shape) / w->shape->dim[0];
    const double a = sqrt(2 / ((double)fan_in * d * (1 - d)));
    const struct egi_initialiser scale = { EGI_INIT_CONSTANT, a },
                                 shift = { EGI_INIT_CONSTANT, -a * d };
    const eg_shape one = eg_shape_of(1);
    const eg_var latent = learned(w, "weight");
    const eg_var mask = eg_straight_through(t, existing(w, latent), latent);
    return eg_add(t, eg_mul(t, egi_scope_param(w->s, "scale", &one, &scale), mask),
                  egi_scope_param(w->s, "shift", &one, &shift));
}

/* Scores begin as in the authors' program: uniform within 1 / sqrt(fan_in). */
static eg_var popup(const struct wanted *w)
{
    eg_tape *t = w->s->t;
    const struct egi_initialiser begin = { EGI_INIT_LECUN_UNIFORM, 0.57735026918962576 };
    const eg_var fixed = egi_scope_fixed(w->s, "fixed", w->shape, w->init);
    const eg_var size = eg_abs(t, egi_scope_param(w->s, "score", w->shape, &begin));
    return eg_mul(t, fixed, eg_straight_through(t, existing(w, size), size));
}

static eg_var pruned(const struct wanted *w)
{
    eg_tape *t = w->s->t;
    const eg_var latent = learned(w, "weight");
    const eg_var kept = eg_mul(t, latent, existing(w, eg_abs(t, latent)));
    return eg_straight_through(t, kept, latent);
}

static eg_var stored(const struct wanted *w)
{
    eg_tape *t = w->s->t;
    const eg_var count = egi_scope_fixed(w->s, "count", w->shape, NULL);
    return eg_mul(t, egi_scope_param(w->s, "weight", w->shape, NULL), eg_step(t, count));
}

static const struct row {
    struct egi_choice choice;
    eg_var (*weight)(const struct wanted *w);
    int turns; /* a weight leaps when what it is made of crosses a threshold */
} rows[] = {
    { { "real", NULL, 0, 1, 0 }, real, 0 },
    { { "sign", NULL, 0, 1, 0 }, sign, 1 },
    { { "scaled_sign", NULL, 0, 1, 0 }, scaled_sign, 1 },
    { { "binary", NULL, 0.5, 0.001, 0.999 }, binary, 1 },
    { { "popup", NULL, 0.5, 1e-6, 1 }, popup, 1 },
    { { "pruned", NULL, 0.1, 1e-6, 1 }, pruned, 1 },
    { { "stored", NULL, 1, -1e3, 1e3 }, stored, 0 },
    { { NULL, NULL, 0, 0, 0 }, NULL, 0 },
};

eg_status egi_connections_read(const json_t *v, const char *place, struct egi_connections *out)
{
    char at[EGI_PLACE_TEXT + 16];
    snprintf(at, sizeof at, "%.160s.connections", place);
    return egi_choice_read(v, at, rows, sizeof *rows, &out->row, &out->number);
}

int egi_connections_plain(const struct egi_connections *c)
{
    return rows[c->row].weight == real;
}

int egi_connections_stored(const struct egi_connections *c)
{
    return rows[c->row].weight == stored;
}

eg_var egi_connections_weight(struct egi_scope *s, const struct egi_connections *c,
                              const eg_shape *shape, const struct egi_initialiser *init)
{
    const struct wanted w = { s, c->number, shape, init };
    s->turns |= rows[c->row].turns;
    return rows[c->row].weight(&w);
}
