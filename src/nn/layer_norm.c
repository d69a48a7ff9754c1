/* Normalising layers, with a scale that begins at 1 and a shift that begins at 0. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/egi_layer.h"

struct norm {
    double epsilon, momentum;
    size_t axes, groups;
};

#define EPSILON EGI_SET_NUMBER(struct norm, epsilon, "1e-05", 1e-30, 1, "added to the variance")

static const struct egi_setting layer_settings[] = {
    EGI_SET_COUNT(struct norm, axes, "1", 1, EG_MAX_RANK - 1, "how many of the last axes"),
    EPSILON,
    EGI_SET_END,
};
static const struct egi_setting group_settings[] = {
    EGI_SET_COUNT(struct norm, groups, "1", 1, 1e6, "of channels"),
    EPSILON,
    EGI_SET_END,
};
static const struct egi_setting batch_settings[] = {
    EGI_SET_NUMBER(struct norm, momentum, "0.1", 0, 1,
                   "share of a batch in the running statistics"),
    EPSILON,
    EGI_SET_END,
};

static const struct norm *of(const struct egi_layer *l)
{
    return (const struct norm *)(const void *)l->settings.bytes;
}

static const struct egi_initialiser ones = { EGI_INIT_ONES, 1 };

static eg_var scale_of(struct egi_scope *s, const eg_shape *shape)
{
    return egi_scope_param(s, "weight", shape, &ones);
}

static eg_var apply_layer_norm(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    const size_t axes = of(l)->axes;
    eg_shape in, last = { .rank = axes };
    if (!egi_layer_rank(s, x[0], axes + 1, EG_MAX_RANK, "(B, .., D)", &in)) return EG_NONE;
    for (size_t i = 0; i < axes; i++) last.dim[i] = in.dim[in.rank - axes + i];
    const eg_var scale = scale_of(s, &last);
    const eg_var shift = egi_scope_param(s, "bias", &last, NULL);
    return eg_layer_norm(s->t, x[0], axes, scale, shift, of(l)->epsilon);
}

static eg_var apply_group_norm(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    eg_shape in;
    if (!egi_layer_rank(s, x[0], 2, EG_MAX_RANK, "(B, C, ..)", &in)) return EG_NONE;
    const eg_shape channels = eg_shape_of(in.dim[1]);
    const eg_var scale = scale_of(s, &channels);
    const eg_var shift = egi_scope_param(s, "bias", &channels, NULL);
    return eg_group_norm(s->t, x[0], of(l)->groups, scale, shift, of(l)->epsilon);
}

/* r <- (1 - m) r + m gain v */
static void move(const eg_param *running, const void *v, double m, double gain)
{
    for (size_t i = 0; v != NULL && i < running->shape.dim[0]; i++) {
        if (running->dtype == EG_F32) {
            float *r = (float *)running->value + i;
            *r = (float)((1 - m) * (double)*r + m * gain * (double)((const float *)v)[i]);
        } else {
            double *r = (double *)running->value + i;
            *r = (1 - m) * *r + m * gain * ((const double *)v)[i];
        }
    }
}

/* In training by the batch's statistics, whose running means (the variance's unbiased) serve
 * evaluation. */
static eg_var apply_batch_norm(struct egi_scope *s, const struct egi_layer *l, const eg_var *x)
{
    const struct norm *o = of(l);
    eg_shape in;
    if (!egi_layer_rank(s, x[0], 2, EG_MAX_RANK, "(B, C, ..)", &in)) return EG_NONE;
    const eg_shape channels = eg_shape_of(in.dim[1]);
    const eg_var scale = scale_of(s, &channels);
    const eg_var shift = egi_scope_param(s, "bias", &channels, NULL);
    const eg_param *mean = egi_scope_state(s, "running_mean", &channels, NULL);
    const eg_param *variance = egi_scope_state(s, "running_var", &channels, &ones);
    if (mean == NULL || variance == NULL) return EG_NONE;
    if (s->mode != EGI_TRAIN || s->held)
        return eg_batch_norm_fixed(s->t, x[0], egi_scope_fixed(s, "running_mean", &channels, NULL),
                                   egi_scope_fixed(s, "running_var", &channels, &ones), scale,
                                   shift, o->epsilon);
    eg_var m, v;
    const eg_var y = eg_batch_norm(s->t, x[0], scale, shift, o->epsilon, &m, &v);
    if (!s->update || eg_tape_status(s->t) != EG_OK) return y;
    const double n = (double)eg_shape_size(&in) / (double)in.dim[1];
    const double by = s->averaged > 0 ? 1 / (double)s->averaged : o->momentum;
    move(mean, eg_tape_value(s->t, m), by, 1);
    move(variance, eg_tape_value(s->t, v), by, n > 1 ? n / (n - 1) : 1);
    return y;
}

const struct egi_layer_row egi_layer_layer_norm = {
    .kind = { "layer_norm", "y = (x - mean) / sqrt(variance + eps) w + b", "Ba et al. 2016, eq. 4",
              layer_settings },
    .apply = apply_layer_norm,
};
const struct egi_layer_row egi_layer_group_norm = {
    .kind = { "group_norm", "the same over groups of channels", "Wu and He 2018, eq. 7",
              group_settings },
    .apply = apply_group_norm,
};
const struct egi_layer_row egi_layer_batch_norm = {
    .kind = { "batch_norm", "the same over the batch", "Ioffe and Szegedy 2015, algorithm 1",
              batch_settings },
    .apply = apply_batch_norm,
};
