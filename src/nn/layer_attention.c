/* Multi-head attention (Vaswani et al. 2017, eqs. 1 and 2) with any separation in the place of
 * softmax: the heads of egi_heads.h with no update before the read-out.
 *
 * Takes the queries alone (self-attention), queries and what is attended to, or queries, keys and
 * values apart. Parameters are named and laid out as PyTorch's MultiheadAttention has them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "nn/egi_heads.h"

struct attention {
    size_t heads, k;
    double beta, order;
    int bias, causal, fused;
    json_t *separation, *initialiser;
    eg_rule rule;
    struct egi_initialiser init;
};

static const struct egi_setting settings[] = {
    EGI_SET_COUNT(struct attention, heads, "4", 1, EGI_HEADS_MAX, "heads; divides the components"),
    EGI_SET_JSON(struct attention, separation, "word", "\"softmax\"",
                 "a row of the table of separations: softmax, entmax, normmax, ksubsets, .."),
    EGI_SET_NUMBER(struct attention, beta, "0", 0, 1e6, "0: 1 / sqrt(components of a head)"),
    EGI_SET_NUMBER(struct attention, order, "2", 1, 1e6, "of separations that have one"),
    EGI_SET_COUNT(struct attention, k, "1", 1, 1e9, "of k-subsets and top-k"),
    EGI_SET_FLAG(struct attention, bias, "true", "projections have biases"),
    EGI_SET_FLAG(struct attention, causal, "false", "a step sees no later one"),
    EGI_SET_FLAG(struct attention, fused, "true", "false: second derivatives, and (Q, N) numbers"),
    EGI_SET_JSON(struct attention, initialiser, "word", "\"xavier_uniform\"",
                 "how the projections begin"),
    EGI_SET_END,
};

static eg_status check(struct egi_layer *l)
{
    struct attention *o = (struct attention *)(void *)l->settings.bytes;
    EGI_TRY(egi_separation_read(l->place, o->separation, o->order, o->k, &o->rule));
    return egi_initialiser_read(o->initialiser, l->place, "initialiser", &o->init);
}

/* (B, T, D) times its third of the projections, as (B, H, T, D/H). */
static eg_var project(struct egi_scope *s, const struct attention *o, eg_var x, size_t third,
                      const eg_var *in)
{
    eg_tape *t = s->t;
    const size_t d = eg_tape_shape(t, in[0]).dim[1];
    eg_var y = eg_slice(t, in[0], 0, third * d, d, 1);
    y = eg_matmul(t, x, eg_swap_axes(t, y, 0, 1));
    if (o->bias) y = eg_add(t, y, eg_slice(t, in[1], 0, third * d, d, 1));
    return egi_heads_split(t, y, o->heads);
}

static eg_var apply(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    const struct attention *o = (const struct attention *)(const void *)l->settings.bytes;
    eg_tape *t = s->t;
    eg_shape in, seen;
    for (size_t i = l->count; i-- > 0;)
        if (!egi_layer_rank(s, x[i], 3, 3, "(B, T, D)", i == 0 ? &in : &seen)) return EG_NONE;
    const size_t d = in.dim[2];
    if (d % o->heads != 0)
        return egi_layer_fail(s, EG_ERR_SHAPE, "%zu components for %zu heads", d, o->heads);
    const eg_shape out_shape = eg_shape_of(d, d);
    eg_var proj[2] = { egi_scope_param(s, "in_proj_weight", &eg_shape_of(3 * d, d), &o->init) };
    if (o->bias) proj[1] = egi_scope_param(s, "in_proj_bias", &eg_shape_of(3 * d), NULL);
    const double beta = o->beta > 0 ? o->beta : 1 / sqrt((double)(d / o->heads));
    struct egi_heads h = { .q = project(s, o, x[0], 0, proj),
                           .k = project(s, o, x[l->count > 1], 1, proj),
                           .v = project(s, o, x[l->count - 1], 2, proj),
                           .rule = &o->rule,
                           .beta = &beta,
                           .betas = 1,
                           .fused = o->fused };
    if (o->causal && eg_tape_status(t) == EG_OK)
        h.hidden =
            egi_causal_mask(s, eg_tape_dtype(t, h.q), in.dim[1], eg_tape_shape(t, h.k).dim[2]);
    const eg_var y = egi_heads_join(t, egi_heads_apply(s, &h));
    const eg_var w = egi_scope_param(s, "out_proj.weight", &out_shape, &o->init);
    const eg_var z = eg_matmul(t, y, eg_swap_axes(t, w, 0, 1));
    return o->bias ? eg_add(t, z, egi_scope_param(s, "out_proj.bias", &eg_shape_of(d), NULL)) : z;
}

const struct egi_layer_row egi_layer_attention = {
    .kind = { "attention", "heads of sep(beta q k^T) v, projected", "Vaswani et al. 2017, eq. 1",
              settings },
    .most = 3,
    .check = check,
    .apply = apply,
};
