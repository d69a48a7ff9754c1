/* Multi-head attention (Vaswani et al. 2017, eqs. 1 and 2) with any separation in the place of
 * softmax: one step of a modern Hopfield network whose memories are the keys (Ramsauer et al.
 * 2021).
 *
 * Takes the queries alone (self-attention), queries and what is attended to, or queries, keys and
 * values apart. Parameters are named and laid out as PyTorch's MultiheadAttention has them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "engram/association.h"
#include "nn/egi_layer.h"

struct attention {
    size_t heads, k;
    double beta, order;
    int bias, causal;
    json_t *separation, *initialiser;
    int row;
    struct egi_initialiser init;
};

static const struct egi_setting settings[] = {
    EGI_SET_COUNT(struct attention, heads, "4", 1, 1e4, "heads; divides the components"),
    EGI_SET_JSON(struct attention, separation, "word", "\"softmax\"",
                 "a row of the table of separations: softmax, entmax, normmax, ksubsets, .."),
    EGI_SET_NUMBER(struct attention, beta, "0", 0, 1e6, "0: 1 / sqrt(components of a head)"),
    EGI_SET_NUMBER(struct attention, order, "2", 1, 1e6, "of separations that have one"),
    EGI_SET_COUNT(struct attention, k, "1", 1, 1e9, "of k-subsets and top-k"),
    EGI_SET_FLAG(struct attention, bias, "true", "projections have biases"),
    EGI_SET_FLAG(struct attention, causal, "false", "a step sees no later one"),
    EGI_SET_JSON(struct attention, initialiser, "word", "\"xavier_uniform\"",
                 "how the projections begin"),
    EGI_SET_END,
};

static eg_rule rule_of(const struct attention *o, double beta)
{
    eg_rule rule = EG_RULE_INIT;
    rule.separation = (eg_separation)o->row;
    rule.beta = beta;
    rule.order = o->order;
    rule.k = o->k;
    return rule;
}

static eg_status check(struct egi_layer *l)
{
    struct attention *o = (struct attention *)(void *)l->settings.bytes;
    const char *name = json_is_string(o->separation) ? json_string_value(o->separation) : "";
    o->row = eg_separation_find(name);
    if (o->row < 0)
        return egi_fail(EG_ERR_INVALID, "%s.separation: expected a separation, got \"%.40s\"",
                        l->place, name);
    const eg_rule rule = rule_of(o, 1);
    EGI_TRY(eg_rule_check(&rule));
    return egi_initialiser_read(o->initialiser, l->place, &o->init);
}

/* (B, T, D) times its third of the projections, as (B, H, T, D/H). */
static eg_var project(struct egi_scope *s, const struct attention *o, eg_var x, size_t third,
                      const eg_var *in)
{
    eg_tape *t = s->t;
    const eg_shape own = eg_tape_shape(t, x), w = eg_tape_shape(t, in[0]);
    const size_t d = w.dim[1];
    eg_var y = eg_slice(t, in[0], 0, third * d, d, 1);
    y = eg_matmul(t, x, eg_swap_axes(t, y, 0, 1));
    if (o->bias) y = eg_add(t, y, eg_slice(t, in[1], 0, third * d, d, 1));
    y = eg_reshape(t, y, &eg_shape_of(own.dim[0], own.dim[1], o->heads, d / o->heads));
    return eg_swap_axes(t, y, 1, 2);
}

/* 0 where step i may see step j <= i, else far below every score. */
static eg_var mask(struct egi_scope *s, eg_dtype dtype, size_t steps, size_t seen)
{
    const eg_var v = egi_tape_new(s->t, dtype, &eg_shape_of(steps, seen));
    if (v.id == 0) return v;
    void *data = egi_tape_tensor(s->t, v)->data;
    for (size_t i = 0; i < steps * seen; i++) {
        const double hidden = i % seen > i / seen ? -1e9 : 0;
        if (dtype == EG_F32)
            ((float *)data)[i] = (float)hidden;
        else
            ((double *)data)[i] = hidden;
    }
    return v;
}

static eg_var attend(struct egi_scope *s, const struct attention *o, eg_var q, eg_var k)
{
    eg_tape *t = s->t;
    const eg_shape shape = eg_tape_shape(t, q);
    const double beta = o->beta > 0 ? o->beta : 1 / sqrt((double)shape.dim[3]);
    eg_var z = eg_matmul(t, q, eg_swap_axes(t, k, 2, 3));
    const int softmax = o->row == EG_SEP_SOFTMAX;
    if (softmax) z = eg_affine(t, z, beta, 0);
    if (o->causal && eg_tape_status(t) == EG_OK) {
        const eg_shape zs = eg_tape_shape(t, z);
        z = eg_add(t, z, mask(s, eg_tape_dtype(t, z), zs.dim[2], zs.dim[3]));
    }
    if (softmax) return eg_softmax(t, z, 3);
    const eg_rule rule = rule_of(o, beta);
    return eg_separate(t, z, &rule);
}

static eg_var apply(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    const struct attention *o = (const struct attention *)(const void *)l->settings.bytes;
    eg_tape *t = s->t;
    eg_shape in;
    for (size_t i = l->count; i-- > 0;)
        if (!egi_layer_rank(s, x[i], 3, 3, "(B, T, D)", &in)) return EG_NONE;
    const size_t d = in.dim[2];
    if (d % o->heads != 0)
        return egi_layer_fail(s, EG_ERR_SHAPE, "%zu components for %zu heads", d, o->heads);
    const eg_shape out_shape = eg_shape_of(d, d);
    eg_var proj[2] = { egi_scope_param(s, "in_proj_weight", &eg_shape_of(3 * d, d), &o->init) };
    if (o->bias) proj[1] = egi_scope_param(s, "in_proj_bias", &eg_shape_of(3 * d), NULL);
    const eg_var q = project(s, o, x[0], 0, proj);
    const eg_var k = project(s, o, x[l->count > 1], 1, proj);
    const eg_var v = project(s, o, x[l->count - 1], 2, proj);
    const eg_var heads = eg_matmul(t, attend(s, o, q, k), v);
    const eg_var y = eg_reshape(t, eg_swap_axes(t, heads, 1, 2), &in);
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
