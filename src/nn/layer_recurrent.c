/* Recurrent layers over (B, T, D), from a state of zeros; parameters as PyTorch names them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/egi_layer.h"

struct recurrent {
    size_t units;
    int last;
    json_t *initialiser, *recurrent_initialiser;
    struct egi_initialiser init, recurrent_init;
};

static const struct egi_setting settings[] = {
    EGI_SET_COUNT(struct recurrent, units, "128", 1, 1e6, "components of the state"),
    EGI_SET_FLAG(struct recurrent, last, "true", "give the last step (B, H), else all (B, T, H)"),
    EGI_SET_JSON(struct recurrent, initialiser, "word", "\"xavier_uniform\"",
                 "how the weights of the input begin"),
    EGI_SET_JSON(struct recurrent, recurrent_initialiser, "word", "\"orthogonal\"",
                 "how those of the state begin"),
    EGI_SET_END,
};

static eg_status check(struct egi_layer *l)
{
    struct recurrent *o = (struct recurrent *)(void *)l->settings.bytes;
    EGI_TRY(egi_initialiser_read(o->initialiser, l->place, "initialiser", &o->init));
    return egi_initialiser_read(o->recurrent_initialiser, l->place, "recurrent_initialiser",
                                &o->recurrent_init);
}

static eg_var apply(struct egi_scope *s, const struct egi_layer *l, eg_var x, size_t gates)
{
    const struct recurrent *o = (const struct recurrent *)(const void *)l->settings.bytes;
    eg_tape *t = s->t;
    eg_shape in;
    if (!egi_layer_rank(s, x, 3, 3, "(B, T, D)", &in)) return EG_NONE;
    const size_t h = o->units;
    const eg_shape bias = eg_shape_of(gates * h);
    const eg_recurrent p = {
        egi_scope_param(s, "weight_ih_l0", &eg_shape_of(gates * h, in.dim[2]), &o->init),
        egi_scope_param(s, "weight_hh_l0", &eg_shape_of(gates * h, h), &o->recurrent_init),
        egi_scope_param(s, "bias_ih_l0", &bias, NULL),
        egi_scope_param(s, "bias_hh_l0", &bias, NULL),
    };
    const eg_var zero = eg_broadcast_to(t, eg_number(t, s->dtype, 0), &eg_shape_of(in.dim[0], h));
    const eg_var steps = eg_swap_axes(t, x, 0, 1);
    const eg_var y =
        gates == 4 ? eg_lstm(t, steps, zero, zero, &p, NULL) : eg_gru(t, steps, zero, &p);
    if (!o->last) return eg_swap_axes(t, y, 0, 1);
    return eg_reshape(t, eg_slice(t, y, 0, in.dim[1] - 1, 1, 1), &eg_shape_of(in.dim[0], h));
}

static eg_var apply_lstm(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    return apply(s, l, x[0], 4);
}

static eg_var apply_gru(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    return apply(s, l, x[0], 3);
}

const struct egi_layer_row egi_layer_lstm = {
    .kind = { "lstm", "c' = f c + i g; h' = o tanh c'", "Gers et al. 2000", settings },
    .check = check,
    .apply = apply_lstm,
};
const struct egi_layer_row egi_layer_gru = {
    .kind = { "gru", "h' = (1 - z) n + z h", "Cho et al. 2014, eqs. 5 to 8", settings },
    .check = check,
    .apply = apply_gru,
};
