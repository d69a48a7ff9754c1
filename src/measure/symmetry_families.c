/* What a learned symmetry can be.
 *
 * linear      exp(sum_i z_i G_i) c, by products with c alone (eg_expm_times)
 * warp        the picture at places exp(sum_i z_i c_i . E) (column, row, 1), E a basis of the
 * affine maps of the plane: two translations, rotation, scaling, two shears; samples bilinear
 * residual    c + V tanh(W c + b)
 * involution  f^-1 R f on c less its mean over the data, R = diag(1, .., -1, ..), f a rotation
 *             exp((G - G^T) / 2) and couplings c <- c + (1 - m) V tanh(W (m c) + b) that change
 *             half of the coordinates by the other half in turn (Dinh et al. 2015), so that f^-1 is
 *             exact and L L = 1 whatever was learned. Without the rotation what is turned round
 *             stays near the coordinate that it began with. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdio.h>

#include "measure/egi_learned_symmetry.h"

/* (K, ..) with rows of norm `norm` */
static eg_var normalised(eg_tape *t, eg_var g, double norm)
{
    const eg_shape s = eg_tape_shape(t, g);
    const eg_shape flat = eg_shape_of(s.dim[0], eg_shape_size(&s) / s.dim[0]);
    const eg_var rows = eg_reshape(t, g, &flat);
    const eg_var square = eg_sum(t, eg_mul(t, rows, rows), EG_AXIS(1), 1);
    const eg_var unit = eg_mul(t, rows, eg_power(t, eg_affine(t, square, 1, 1e-20), -0.5));
    return eg_affine(t, unit, norm, 0);
}

/* ---- linear ---- */

static int linear_array(const eg_learn_symmetry_options *o, size_t q, size_t at, const char **name,
                        eg_shape *shape, double *deviation)
{
    *name = "generators";
    *shape = eg_shape_of(o->generators, q, q);
    *deviation = 1 / sqrt((double)q);
    return at == 0;
}

static eg_var linear_apply(const eg_learn_symmetry_options *o, eg_tape *t, const eg_var *leaf,
                           eg_var x, eg_var z)
{
    const eg_shape s = eg_tape_shape(t, x);
    const size_t b = s.dim[0], q = s.dim[1];
    (void)o;
    const eg_var a = eg_matmul(t, z, normalised(t, leaf[0], sqrt((double)q)));
    const eg_var y = eg_expm_times(t, eg_reshape(t, a, &eg_shape_of(b, q, q)),
                                   eg_reshape(t, x, &eg_shape_of(b, q, 1)));
    return eg_reshape(t, y, &s);
}

/* ---- warp ---- */

/* Columns of the (3, 3) matrices of the affine algebra on (column, row, 1), of norm 1 each. */
static const float affine[6][9] = {
    { 0, 0, 1, 0, 0, 0, 0, 0, 0 },                      /* along columns */
    { 0, 0, 0, 0, 0, 1, 0, 0, 0 },                      /* along rows */
    { 0, -0.70710678F, 0, 0.70710678F, 0, 0, 0, 0, 0 }, /* rotation */
    { 0.70710678F, 0, 0, 0, 0.70710678F, 0, 0, 0, 0 },  /* scaling */
    { 0.70710678F, 0, 0, 0, -0.70710678F, 0, 0, 0, 0 }, /* stretch */
    { 0, 0.70710678F, 0, 0.70710678F, 0, 0, 0, 0, 0 },  /* shear */
};

static int warp_array(const eg_learn_symmetry_options *o, size_t q, size_t at, const char **name,
                      eg_shape *shape, double *deviation)
{
    (void)q;
    *name = "generators";
    *shape = eg_shape_of(o->generators, 6);
    *deviation = 0.4;
    return at == 0;
}

static eg_var warp_apply(const eg_learn_symmetry_options *o, eg_tape *t, const eg_var *leaf,
                         eg_var x, eg_var z)
{
    const size_t b = eg_tape_shape(t, x).dim[0];
    static const float one[9] = { 1, 0, 0, 0, 1, 0, 0, 0, 1 };
    const eg_var algebra = eg_input(t, EG_F32, &eg_shape_of(6, 9), affine);
    const eg_var c = eg_matmul(t, z, normalised(t, leaf[0], sqrt(2)));
    const eg_var a = eg_reshape(t, eg_matmul(t, c, algebra), &eg_shape_of(b, 3, 3));
    const eg_var e = eg_expm_times(t, a, eg_input(t, EG_F32, &eg_shape_of(3, 3), one));
    const eg_var theta = eg_slice(t, e, 1, 0, 2, 1);
    return eg_grid_sample(t, x, eg_affine_grid(t, theta, o->height, o->width));
}

/* ---- residual and involution ---- */

enum { PER = 3 }; /* arrays a hidden layer: W (Q, H), b (H), V (H, Q) */

static int hidden_array(const eg_learn_symmetry_options *o, size_t q, size_t at, const char **name,
                        eg_shape *shape, double *deviation)
{
    static const char *const names[PER] = { "in", "bias", "out" };
    *name = names[at % PER];
    *shape = at % PER == 0   ? eg_shape_of(q, o->units)
             : at % PER == 1 ? eg_shape_of(o->units)
                             : eg_shape_of(o->units, q);
    *deviation = at % PER == 0   ? 1 / sqrt((double)q)
                 : at % PER == 1 ? 0.1
                                 : 0.3 / sqrt((double)o->units);
    return 1;
}

static int residual_array(const eg_learn_symmetry_options *o, size_t q, size_t at,
                          const char **name, eg_shape *shape, double *deviation)
{
    return at < PER && hidden_array(o, q, at, name, shape, deviation);
}

static int involution_array(const eg_learn_symmetry_options *o, size_t q, size_t at,
                            const char **name, eg_shape *shape, double *deviation)
{
    if (at > 0) return at <= PER * o->layers && hidden_array(o, q, at - 1, name, shape, deviation);
    *name = "turn";
    *shape = eg_shape_of(q, q);
    *deviation = 1 / sqrt((double)q);
    return 1;
}

static eg_var hidden(eg_tape *t, const eg_var *leaf, eg_var x)
{
    const eg_var h = eg_tanh(t, eg_add(t, eg_matmul(t, x, leaf[0]), leaf[1]));
    return eg_matmul(t, h, leaf[2]);
}

static eg_var residual_apply(const eg_learn_symmetry_options *o, eg_tape *t, const eg_var *leaf,
                             eg_var x, eg_var z)
{
    (void)o;
    (void)z;
    return eg_add(t, x, hidden(t, leaf, x));
}

/* (Q): 1 at every other place from `first` on, else 0 */
static eg_var every_other(eg_tape *t, size_t q, size_t first)
{
    const eg_shape half = eg_shape_of((q - first + 1) / 2);
    const eg_var ones = eg_broadcast_to(t, eg_number(t, EG_F32, 1), &half);
    return eg_embed(t, ones, 0, q, first, 2);
}

static eg_var couple(eg_tape *t, const eg_var *leaf, eg_var x, size_t layer, double sign)
{
    const size_t q = eg_tape_shape(t, x).dim[1];
    const eg_var seen = every_other(t, q, 1 - layer % 2), changed = every_other(t, q, layer % 2);
    const eg_var by = eg_mul(t, hidden(t, leaf + PER * layer, eg_mul(t, x, seen)), changed);
    return eg_add(t, x, eg_affine(t, by, sign, 0));
}

/* x (b, Q) turned by exp(sign (G - G^T) / 2) */
static eg_var rotated(eg_tape *t, eg_var g, eg_var x, double sign)
{
    const eg_var a = eg_affine(t, eg_sub(t, g, eg_swap_axes(t, g, 0, 1)), sign / 2, 0);
    return eg_swap_axes(t, eg_expm_times(t, a, eg_swap_axes(t, x, 0, 1)), 0, 1);
}

static eg_var involution_apply(const eg_learn_symmetry_options *o, eg_tape *t, const eg_var *leaf,
                               eg_var x, eg_var z)
{
    const size_t q = eg_tape_shape(t, x).dim[1];
    (void)z;
    x = rotated(t, leaf[0], x, 1);
    for (size_t k = 0; k < o->layers; k++) x = couple(t, leaf + 1, x, k, 1);
    const eg_var turned = eg_neg(t, eg_slice(t, x, 1, q - o->flipped, o->flipped, 1));
    if (o->flipped < q) {
        const eg_var part[2] = { eg_slice(t, x, 1, 0, q - o->flipped, 1), turned };
        x = eg_concat(t, part, 2, 1);
    } else {
        x = turned;
    }
    for (size_t k = o->layers; k > 0; k--) x = couple(t, leaf + 1, x, k - 1, -1);
    return rotated(t, leaf[0], x, -1);
}

/* ---- the table ---- */

static const struct egi_family linear = {
    .info = { "linear", "a linear group", "exp(sum_i z_i G_i) x", "Yang et al. 2023, LieGAN" },
    .draws = 1,
    .array = linear_array,
    .apply = linear_apply,
    .generators = 1
};
static const struct egi_family warp = { .info = { "warp", "affine maps of a picture's plane",
                                                  "x at exp(sum_i z_i c_i . E) (column, row, 1)",
                                                  "Jaderberg et al. 2015" },
                                        .draws = 1,
                                        .picture = 1,
                                        .array = warp_array,
                                        .apply = warp_apply,
                                        .generators = 1 };
static const struct egi_family residual = { .info = { "residual", "any map near the identity",
                                                      "x + V tanh(W x + b)", "He et al. 2016" },
                                            .array = residual_array,
                                            .apply = residual_apply };
static const struct egi_family involution = {
    .info = { "involution", "a map that undoes itself, exactly",
              "f^-1 R f, f a rotation and additive couplings, R = diag(1, .., -1, ..)",
              "Dinh et al. 2015, eq. 5" },
    .centred = 1,
    .array = involution_array,
    .apply = involution_apply
};

const struct egi_family *const egi_families[] = { &linear, &warp, &residual, &involution, NULL };

const eg_symmetry_family *eg_symmetry_family_at(size_t row)
{
    return row < EGI_COUNT(egi_families) - 1 ? &egi_families[row]->info : NULL;
}
