/* Normalisation, composed of operations. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "grad/egi_tape.h"

/* x (N, C, ..): v (C) as it broadcasts against it. */
static eg_var by_channel(eg_tape *t, eg_var v, const eg_shape *x)
{
    eg_shape s = { .rank = x->rank - 1, .dim = { x->dim[1], 1, 1, 1, 1 } };
    return v.id != 0 ? eg_reshape(t, v, &s) : EG_NONE;
}

static eg_var scaled(eg_tape *t, eg_var x, eg_var scale, eg_var shift)
{
    if (scale.id != 0) x = eg_mul(t, x, scale);
    return shift.id != 0 ? eg_add(t, x, shift) : x;
}

static eg_var divided(eg_tape *t, eg_var centred, eg_var variance, double epsilon)
{
    return eg_div(t, centred, eg_sqrt(t, eg_affine(t, variance, 1, epsilon)));
}

static eg_var normalised(eg_tape *t, eg_var x, unsigned axes, double epsilon, eg_var *mean,
                         eg_var *variance)
{
    *mean = eg_mean(t, x, axes, 1);
    const eg_var centred = eg_sub(t, x, *mean);
    *variance = eg_mean(t, eg_mul(t, centred, centred), axes, 1);
    return divided(t, centred, *variance, epsilon);
}

static eg_var wrong(eg_tape *t, const char *name, const eg_shape *x, const char *expected)
{
    char text[EGI_SHAPE_TEXT];
    if (eg_tape_status(t) != EG_OK) return EG_NONE;
    return egi_tape_fail(t, egi_fail(EG_ERR_SHAPE, "%s: of %s, expected %s", name,
                                     egi_shape_text(x, text), expected));
}

eg_var eg_layer_norm(eg_tape *t, eg_var x, size_t axes, eg_var scale, eg_var shift, double epsilon)
{
    const eg_shape s = eg_tape_shape(t, x);
    if (axes < 1 || axes > s.rank)
        return wrong(t, "layer_norm", &s, "as many axes as are asked for");
    eg_var mean, variance;
    const unsigned last = ((1u << axes) - 1) << (s.rank - axes);
    return scaled(t, normalised(t, x, last, epsilon, &mean, &variance), scale, shift);
}

eg_var eg_group_norm(eg_tape *t, eg_var x, size_t groups, eg_var scale, eg_var shift,
                     double epsilon)
{
    const eg_shape s = eg_tape_shape(t, x);
    if (s.rank < 2 || groups < 1 || s.dim[0] == 0 || s.dim[1] % groups != 0)
        return wrong(t, "group_norm", &s, "(N, C, ..) with C a multiple of the groups");
    const eg_shape split = eg_shape_of(s.dim[0], groups, eg_shape_size(&s) / s.dim[0] / groups);
    eg_var mean, variance;
    const eg_var y = normalised(t, eg_reshape(t, x, &split), EG_AXIS(2), epsilon, &mean, &variance);
    return scaled(t, eg_reshape(t, y, &s), by_channel(t, scale, &s), by_channel(t, shift, &s));
}

eg_var eg_batch_norm(eg_tape *t, eg_var x, eg_var scale, eg_var shift, double epsilon, eg_var *mean,
                     eg_var *variance)
{
    const eg_shape s = eg_tape_shape(t, x);
    if (s.rank < 2) return wrong(t, "batch_norm", &s, "(N, C, ..)");
    eg_var m, v;
    const unsigned all_but_channels = ((1u << s.rank) - 1) & ~EG_AXIS(1);
    const eg_var y = normalised(t, x, all_but_channels, epsilon, &m, &v);
    if (mean != NULL) *mean = eg_reshape(t, m, &eg_shape_of(s.dim[1]));
    if (variance != NULL) *variance = eg_reshape(t, v, &eg_shape_of(s.dim[1]));
    return scaled(t, y, by_channel(t, scale, &s), by_channel(t, shift, &s));
}

eg_var eg_batch_norm_fixed(eg_tape *t, eg_var x, eg_var mean, eg_var variance, eg_var scale,
                           eg_var shift, double epsilon)
{
    const eg_shape s = eg_tape_shape(t, x);
    if (s.rank < 2) return wrong(t, "batch_norm", &s, "(N, C, ..)");
    const eg_var centred = eg_sub(t, x, by_channel(t, mean, &s));
    const eg_var y = divided(t, centred, by_channel(t, variance, &s), epsilon);
    return scaled(t, y, by_channel(t, scale, &s), by_channel(t, shift, &s));
}
