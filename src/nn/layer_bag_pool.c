/* Pooling of bags without parameters: the baseline of hopfield_pooling. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/egi_bags.h"
#include "nn/egi_layer.h"

struct bag_pool {
    int how;
};

enum { MEAN, MAX };
static const char *const ways[] = { "mean", "max", NULL };

static const struct egi_setting settings[] = {
    EGI_SET_WORD(struct bag_pool, how, "\"mean\"", ways, "of the rows of a bag: mean or max"),
    EGI_SET_END,
};

/* x (B, N, D), unseen (B, N, 1) or EG_NONE. */
static eg_var mean_of(eg_tape *t, eg_var x, eg_var unseen)
{
    if (unseen.id == 0) return eg_mean(t, x, EG_AXIS(1), 0);
    const eg_var seen = eg_affine(t, unseen, -1, 1);
    const eg_var count = eg_sum(t, seen, EG_AXIS(1), 0); /* (B, 1) */
    return eg_mul(t, eg_sum(t, eg_mul(t, x, seen), EG_AXIS(1), 0), eg_reciprocal(t, count));
}

static eg_var apply(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    const struct bag_pool *o = (const struct bag_pool *)(const void *)l->settings.bytes;
    const double none = -1e30; /* below every number that a layer gives */
    if (s->offset == NULL)
        return egi_layer_fail(s, EG_ERR_INVALID, "expected examples that are bags, got vectors");
    const eg_var each = egi_bags_pad(s, x[0]);
    if (eg_tape_status(s->t) != EG_OK) return EG_NONE;
    eg_var padding = egi_bags_padding(s, 0);
    const eg_shape in = eg_tape_shape(s->t, each);
    if (padding.id != 0) padding = eg_reshape(s->t, padding, &eg_shape_of(in.dim[0], in.dim[1], 1));
    if (o->how == MEAN) return mean_of(s->t, each, padding);
    const eg_var low =
        padding.id != 0 ? eg_add(s->t, each, eg_affine(s->t, padding, none, 0)) : each;
    return eg_max(s->t, low, EG_AXIS(1), 0);
}

const struct egi_layer_row egi_layer_bag_pool = {
    .kind = { "bag_pool", "y = mean or max over the rows of a bag", "Wang et al. 2018, MI-Net",
              settings },
    .apply = apply,
};
