/* Normalisation. Of lines (layer and group norm) it is one operation each way, and where the
 * derivative is to be differentiated again that is composed; of batches it is composed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "grad/egi_ops.h"
#include "grad/egi_tape_impl.h"
#include "kernel/egi_kernel_norm.h"

static eg_status has_lines(struct egi_call *c)
{
    const eg_shape *s = &c->in[0].shape;
    if (s->rank > 0 && s->dim[s->rank - 1] > 0 && c->in[0].dtype != EG_I32) return EG_OK;
    return egi_fail(EG_ERR_INVALID, "%s: of no numbers", c->op->info.name);
}

/* x, and on the way back y and g */
static eg_status forward_lines(struct egi_call *c)
{
    struct egi_tensor in[3] = { { 0 } };
    for (size_t k = 0; k < c->count; k++) EGI_TRY(egi_contiguous(c, &c->in[k], &in[k]));
    struct egi_norm n = { .epsilon = c->attr->a[0],
                          .x = in[0].data,
                          .y = in[1].data,
                          .g = in[2].data,
                          .out = c->out.data };
    n.length = in[0].shape.dim[in[0].shape.rank - 1];
    n.lines = 1;
    for (size_t i = 0; i + 1 < in[0].shape.rank; i++) n.lines *= in[0].shape.dim[i];
    egi_norm_run(&n, in[0].dtype, c->threads);
    return EG_OK;
}

static eg_var divided(eg_tape *t, eg_var x, eg_var variance, double epsilon)
{
    return eg_div(t, x, eg_sqrt(t, eg_affine(t, variance, 1, epsilon)));
}

/* x less its mean over axes, and both moments. */
static eg_var centred(eg_tape *t, eg_var x, unsigned axes, eg_var *mean, eg_var *variance)
{
    *mean = eg_mean(t, x, axes, 1);
    const eg_var y = eg_sub(t, x, *mean);
    *variance = eg_mean(t, eg_mul(t, y, y), axes, 1);
    return y;
}

/* The derivative made of operations, for one that will be differentiated. */
static eg_var composed(struct egi_back *b)
{
    eg_tape *t = b->t;
    const unsigned last = EG_AXIS(eg_tape_shape(t, b->y).rank - 1);
    eg_var mean, variance;
    centred(t, b->x[0], last, &mean, &variance);
    const eg_var along = eg_mean(t, eg_mul(t, b->g, b->y), last, 1);
    const eg_var by = eg_sub(t, b->g, eg_mean(t, b->g, last, 1));
    return divided(t, eg_sub(t, by, eg_mul(t, b->y, along)), variance, b->attr->a[0]);
}

static void back_lines(struct egi_back *b)
{
    const eg_var in[3] = { b->x[0], b->y, b->g };
    b->dx[0] =
        b->t->recording ? composed(b) : egi_apply(b->t, &egi_op_normalise_back, in, 3, b->attr);
}

const struct egi_op egi_op_normalise = {
    .info = { "normalise", "y = (x - mean x) / sqrt(var x + epsilon)", "Ba et al. 2016, eq. 4" },
    .shape = has_lines,
    .forward = forward_lines,
    .backward = back_lines,
};
const struct egi_op egi_op_normalise_back = {
    .info = { "normalise_back", "the gradient of normalise by x", "" },
    .shape = has_lines,
    .forward = forward_lines,
    .unfused = "the plain derivative (EG_GRADIENT_KEEP)",
};

/* x (.., n elements of lines) normalised along lines */
static eg_var in_lines(eg_tape *t, eg_var x, size_t count, double epsilon)
{
    const eg_shape s = eg_tape_shape(t, x);
    const eg_shape flat = eg_shape_of(count, count > 0 ? eg_shape_size(&s) / count : 0);
    const struct egi_attr attr = { .a = { epsilon } };
    const eg_var lines = eg_reshape(t, x, &flat);
    return eg_reshape(t, egi_apply(t, &egi_op_normalise, &lines, 1, &attr), &s);
}

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
    size_t lines = 1;
    for (size_t i = 0; i + axes < s.rank; i++) lines *= s.dim[i];
    return scaled(t, in_lines(t, x, lines, epsilon), scale, shift);
}

eg_var eg_group_norm(eg_tape *t, eg_var x, size_t groups, eg_var scale, eg_var shift,
                     double epsilon)
{
    const eg_shape s = eg_tape_shape(t, x);
    if (s.rank < 2 || groups < 1 || s.dim[0] == 0 || s.dim[1] % groups != 0)
        return wrong(t, "group_norm", &s, "(N, C, ..) with C a multiple of the groups");
    const eg_var y = in_lines(t, x, s.dim[0] * groups, epsilon);
    return scaled(t, y, by_channel(t, scale, &s), by_channel(t, shift, &s));
}

eg_var eg_batch_norm(eg_tape *t, eg_var x, eg_var scale, eg_var shift, double epsilon, eg_var *mean,
                     eg_var *variance)
{
    const eg_shape s = eg_tape_shape(t, x);
    if (s.rank < 2) return wrong(t, "batch_norm", &s, "(N, C, ..)");
    eg_var m, v;
    const unsigned all_but_channels = ((1u << s.rank) - 1) & ~EG_AXIS(1);
    const eg_var y = divided(t, centred(t, x, all_but_channels, &m, &v), v, epsilon);
    if (mean != NULL) *mean = eg_reshape(t, m, &eg_shape_of(s.dim[1]));
    if (variance != NULL) *variance = eg_reshape(t, v, &eg_shape_of(s.dim[1]));
    return scaled(t, y, by_channel(t, scale, &s), by_channel(t, shift, &s));
}

eg_var eg_batch_norm_fixed(eg_tape *t, eg_var x, eg_var mean, eg_var variance, eg_var scale,
                           eg_var shift, double epsilon)
{
    const eg_shape s = eg_tape_shape(t, x);
    if (s.rank < 2) return wrong(t, "batch_norm", &s, "(N, C, ..)");
    const eg_var y =
        divided(t, eg_sub(t, x, by_channel(t, mean, &s)), by_channel(t, variance, &s), epsilon);
    return scaled(t, y, by_channel(t, scale, &s), by_channel(t, shift, &s));
}
