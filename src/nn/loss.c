/* Losses of scores z (B, K) and classes y: each the mean over the batch. t_k is 1 for the class and
 * 0 for the others in mse and binary_cross_entropy, 1 and -1 in the rest. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/egi_optimiser.h"

struct loss {
    double smoothing;
    size_t m;
};

static const struct loss *of(const union egi_settings *settings)
{
    return (const struct loss *)(const void *)settings->bytes;
}

/* a for the class of each example, b for the others. */
static eg_var targets(eg_tape *t, eg_var z, eg_var y, double a, double b)
{
    const eg_shape shape = eg_tape_shape(t, z);
    const eg_var one = eg_one_hot(t, y, shape.rank == 2 ? shape.dim[1] : 0, eg_tape_dtype(t, z));
    return a == 1 && b == 0 ? one : eg_affine(t, one, a - b, b);
}

/* Mean over examples of the sum over classes. */
static eg_var total(eg_tape *t, eg_var each)
{
    return eg_mean(t, eg_sum(t, each, EG_AXIS(1), 0), EG_AXIS(0), 0);
}

/* lse(z) - sum_k q_k z_k with q = (1 - s) [k = y] + s / K; the sum of q is 1. */
static eg_var cross_entropy(eg_tape *t, eg_var z, eg_var y, const union egi_settings *settings)
{
    const double s = of(settings)->smoothing;
    const eg_shape shape = eg_tape_shape(t, z);
    const eg_var column = eg_reshape(t, y, &eg_shape_of(shape.dim[0], 1));
    const eg_var own = eg_reshape(t, eg_take_along(t, z, column, 1), &eg_shape_of(shape.dim[0]));
    eg_var loss = eg_sub(t, eg_logsumexp(t, z, 1, 0), own);
    if (s > 0) /* own - mean z, weighted */
        loss = eg_add(t, loss, eg_affine(t, eg_sub(t, own, eg_mean(t, z, EG_AXIS(1), 0)), s, 0));
    return eg_mean(t, loss, EG_AXIS(0), 0);
}

static eg_var mse(eg_tape *t, eg_var z, eg_var y, const union egi_settings *settings)
{
    (void)settings;
    const eg_var apart = eg_sub(t, z, targets(t, z, y, 1, 0));
    return eg_mean(t, eg_mul(t, apart, apart), EG_AXIS(0) | EG_AXIS(1), 0);
}

static eg_var binary_cross_entropy(eg_tape *t, eg_var z, eg_var y,
                                   const union egi_settings *settings)
{
    (void)settings;
    const eg_var each = eg_sub(t, eg_softplus(t, z), eg_mul(t, z, targets(t, z, y, 1, 0)));
    return eg_mean(t, each, EG_AXIS(0) | EG_AXIS(1), 0);
}

static eg_var margins(eg_tape *t, eg_var z, eg_var y)
{
    return eg_relu(t, eg_affine(t, eg_mul(t, z, targets(t, z, y, 1, -1)), -1, 1));
}

static eg_var hinge(eg_tape *t, eg_var z, eg_var y, const union egi_settings *settings)
{
    (void)settings;
    return total(t, margins(t, z, y));
}

static eg_var quadratic_hinge(eg_tape *t, eg_var z, eg_var y, const union egi_settings *settings)
{
    (void)settings;
    const eg_var each = margins(t, z, y);
    return total(t, eg_mul(t, each, each));
}

/* |c - t| = 2 sigmoid(-2 t z), which never cancels. */
static eg_var power(eg_tape *t, eg_var z, eg_var y, const union egi_settings *settings)
{
    const eg_var turned = eg_mul(t, z, targets(t, z, y, -2, 2));
    const eg_var apart = eg_affine(t, eg_sigmoid(t, turned), 2, 0);
    return total(t, eg_power(t, apart, 2 * (double)of(settings)->m));
}

static const struct egi_setting none[] = { EGI_SET_END };
static const struct egi_setting smoothed[] = {
    EGI_SET_NUMBER(struct loss, smoothing, "0", 0, 1, "share spread evenly over all classes"),
    EGI_SET_END,
};
static const struct egi_setting powered[] = {
    EGI_SET_COUNT(struct loss, m, "3", 1, 50, "the power is 2 m"),
    EGI_SET_END,
};

static const struct egi_loss_row rows[] = {
    { { "cross_entropy", "ln sum_k e^z_k - sum_k q_k z_k, q = (1 - s) [k = y] + s / K",
        "Szegedy et al. 2016, section 7", smoothed },
      cross_entropy },
    { { "mse", "mean_k (z_k - t_k)^2", "", none }, mse },
    { { "binary_cross_entropy", "mean_k ln(1 + e^z_k) - t_k z_k", "", none },
      binary_cross_entropy },
    { { "hinge", "sum_k max(0, 1 - t_k z_k)", "Rosasco et al. 2004", none }, hinge },
    { { "quadratic_hinge", "sum_k max(0, 1 - t_k z_k)^2", "Rosasco et al. 2004", none },
      quadratic_hinge },
    { { "power", "sum_k |tanh z_k - t_k|^(2m)", "Krotov and Hopfield 2016, eq. 11", powered },
      power },
};

const struct egi_kind *const egi_loss_kinds[] = {
    &rows[0].kind, &rows[1].kind, &rows[2].kind, &rows[3].kind, &rows[4].kind, &rows[5].kind, NULL,
};
