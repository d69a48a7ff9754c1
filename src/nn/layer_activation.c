/* Functions of a layer's values, by their words. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>

#include "engram/association.h"
#include "nn/egi_connections.h"

static eg_var identity(eg_tape *t, eg_var x)
{
    (void)t;
    return x;
}

static size_t last_axis(const eg_tape *t, eg_var x)
{
    const size_t rank = eg_tape_shape(t, x).rank;
    return rank > 0 ? rank - 1 : 0;
}

static eg_var softmax(eg_tape *t, eg_var x)
{
    return eg_softmax(t, x, last_axis(t, x));
}

static eg_var log_softmax(eg_tape *t, eg_var x)
{
    return eg_log_softmax(t, x, last_axis(t, x));
}

static eg_var entmax(eg_tape *t, eg_var x, double alpha)
{
    eg_rule rule = EG_RULE_INIT;
    rule.separation = EG_SEP_ENTMAX;
    rule.order = alpha;
    return eg_separate(t, x, &rule);
}

/* [x > 0] with the gradient g [|x| <= 1] */
static eg_var step(eg_tape *t, eg_var x)
{
    return eg_straight_through(t, eg_step(t, x), eg_clamp(t, x, -1, 1));
}

/* x where it is among the largest of its example, else 0 */
static eg_var winners(eg_tape *t, eg_var x, double share)
{
    const eg_shape shape = eg_tape_shape(t, x);
    if (eg_tape_status(t) != EG_OK || shape.rank == 0 || shape.dim[0] == 0) return x;
    const size_t n = eg_shape_size(&shape) / shape.dim[0];
    const eg_var lines = eg_reshape(t, x, &eg_shape_of(shape.dim[0], n));
    const eg_var top = eg_top(t, lines, egi_connections_kept(share, n));
    return eg_mul(t, x, eg_reshape(t, top, &shape));
}

static const struct row {
    struct egi_choice choice;
    eg_var (*plain)(eg_tape *t, eg_var x);
    eg_var (*with)(eg_tape *t, eg_var x, double a); /* of rows that take a number */
} rows[] = {
    { { "identity", NULL, 0, 1, 0 }, identity, NULL },
    { { "relu", NULL, 0, 1, 0 }, eg_relu, NULL },
    { { "leaky_relu", NULL, 0.01, -1e3, 1e3 }, NULL, eg_leaky_relu },
    { { "elu", NULL, 1, 0, 1e3 }, NULL, eg_elu },
    { { "selu", NULL, 0, 1, 0 }, eg_selu, NULL },
    { { "gelu", NULL, 0, 1, 0 }, eg_gelu, NULL },
    { { "silu", "swish", 0, 1, 0 }, eg_silu, NULL },
    { { "sigmoid", NULL, 0, 1, 0 }, eg_sigmoid, NULL },
    { { "tanh", NULL, 0, 1, 0 }, eg_tanh, NULL },
    { { "softplus", NULL, 0, 1, 0 }, eg_softplus, NULL },
    { { "rep", NULL, 2, 1, 100 }, NULL, eg_rep },
    { { "softmax", NULL, 0, 1, 0 }, softmax, NULL },
    { { "log_softmax", NULL, 0, 1, 0 }, log_softmax, NULL },
    { { "entmax", NULL, 1.5, 1.000001, 1e6 }, NULL, entmax },
    { { "sign", NULL, 0, 1, 0 }, egi_straight_sign, NULL },
    { { "step", NULL, 0, 1, 0 }, step, NULL },
    { { "winners", NULL, 0.1, 1e-6, 1 }, NULL, winners },
    { { NULL, NULL, 0, 0, 0 }, NULL, NULL },
};

eg_status egi_activation_read(const json_t *v, const char *place, struct egi_activation *out)
{
    return egi_choice_read(v, place, rows, sizeof *rows, &out->row, &out->number);
}

eg_var egi_activate(eg_tape *t, const struct egi_activation *a, eg_var x)
{
    const struct row *r = &rows[a->row];
    return r->with != NULL ? r->with(t, x, a->number) : r->plain(t, x);
}

struct settings {
    json_t *function;
    struct egi_activation activation;
};

static const struct egi_setting settings[] = {
    EGI_SET_JSON(struct settings, function, "word", "\"relu\"",
                 "identity, relu, leaky_relu:a, elu:a, selu, gelu, silu, sigmoid, tanh, softplus, "
                 "rep:n, softmax, log_softmax, entmax:alpha, sign, step, winners:share"),
    EGI_SET_END,
};

static eg_status check(struct egi_layer *l)
{
    struct settings *o = (struct settings *)(void *)l->settings.bytes;
    char place[EGI_PLACE_TEXT + 16];
    snprintf(place, sizeof place, "%s.function", l->place);
    return egi_activation_read(o->function, place, &o->activation);
}

static eg_var apply(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    const struct settings *o = (const struct settings *)(const void *)l->settings.bytes;
    return egi_activate(s->t, &o->activation, x[0]);
}

const struct egi_layer_row egi_layer_activation = {
    .kind = { "activation", "y = f(x)", "", settings },
    .check = check,
    .apply = apply,
};
