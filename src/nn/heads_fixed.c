/* Derivatives of heads that operations alone do not give: through a fixed point, and by an order of
 * entmax that is learned.
 *
 * A fixed point z = f(z) has dz = (I - J)^-1 df, J = df/dz. For softmax J = beta K^T (diag a - a
 * a^T) K, symmetric, with eigenvalues in [0, 1) at a minimum of the energy (Ramsauer et al. 2021,
 * appendix), so u = (I - J)^-1 g is the limit of u <- g + J u (Bai et al. 2019, eq. 11, for this
 * map). a is made again on the way back: nothing of size (Q, N) is kept.
 *
 * Entmax of order alpha, p_i = [(alpha - 1) z_i - tau]_+^(1/(alpha-1)), h_i = -p_i log p_i and
 * p~_i = p_i^(2-alpha) / sum_j p_j^(2-alpha) on the support (Correia et al. 2019, proposition 1):
 *
 *     dp_i/dalpha = (p_i - p~_i) / (alpha - 1)^2 + (h_i - p~_i sum_j h_j) / (alpha - 1) */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "nn/egi_heads.h"

static const struct egi_op op_spent = {
    .info = { "fixed_point_back", "u = g, which cannot be differentiated again", "" },
    .unfused = "unrolled updates (\"implicit\": false), or an order that is not learned",
};

static void back_once(struct egi_back *b)
{
    b->dx[0] = egi_apply(b->t, &op_spent, &b->g, 1, b->attr);
}

static const struct egi_op op_once = {
    .info = { "once", "y = x, with one derivative", "" },
    .backward = back_once,
};

/* ---- fixed points ---- */

enum { Z, Z0, K, KEYS, SEEN, INPUTS_MAX };

static double largest(eg_tape *t, eg_var x)
{
    return eg_tape_number(t, eg_max(t, eg_abs(t, x), EG_ALL_AXES, 0));
}

static void back_fixed(struct egi_back *b)
{
    eg_tape *t = b->t;
    const eg_var turned = eg_swap_axes(t, b->x[KEYS], 2, 3);
    eg_var z = eg_matmul(t, b->x[Z0], turned), u = b->g;
    if (b->count > SEEN) z = eg_add(t, z, eg_affine(t, b->x[SEEN], 1e9, -1e9));
    eg_var a = eg_softmax(t, z, 3);
    if (b->count > SEEN) a = eg_mul(t, a, b->x[SEEN]);
    const double eps = eg_tape_dtype(t, u) == EG_F32 ? 1e-6 : 1e-13;
    for (int i = 0; i < EGI_UPDATES_MAX && eg_tape_status(t) == EG_OK; i++) {
        const eg_var w = eg_matmul(t, u, turned);
        const eg_var mean = eg_sum(t, eg_mul(t, a, w), EG_AXIS(3), 1);
        const eg_var ju = eg_matmul(t, eg_mul(t, a, eg_sub(t, w, mean)), b->x[K]);
        const eg_var next = eg_add(t, b->g, ju), by = eg_sub(t, next, u);
        const double size = largest(t, next);
        if (!isfinite(size)) break; /* inf <= eps inf is no rest */
        const int settled = largest(t, by) <= eps * size;
        u = next;
        if (!settled) continue;
        b->dx[Z] = egi_apply(t, &op_spent, &u, 1, b->attr);
        return;
    }
    if (eg_tape_status(t) == EG_OK)
        egi_tape_fail(t,
                      egi_fail(EG_ERR_DIVERGED,
                               "fixed_point: its gradient has not settled in %d steps: the state "
                               "is hardly stable (unrolled updates have a gradient here)",
                               EGI_UPDATES_MAX));
}

static const struct egi_op op_fixed = {
    .info = { "fixed_point", "y = z = f(z)", "Bai et al. 2019, eq. 11" },
    .backward = back_fixed,
};

eg_var egi_heads_fixed(struct egi_scope *s, const struct egi_heads *h, eg_var z, eg_var z0)
{
    const eg_shape q = eg_tape_shape(s->t, z);
    eg_shape full = eg_tape_shape(s->t, h->k);
    full.dim[0] = q.dim[0];
    full.dim[1] = q.dim[1];
    const eg_var k = eg_broadcast_to(s->t, eg_constant(s->t, h->k), &full);
    const eg_var seen = egi_heads_visible(s, h);
    const eg_var in[INPUTS_MAX] = { z, z0, k, egi_heads_times_beta(s, h, k, 1), seen };
    return egi_apply(s->t, &op_fixed, in, seen.id != 0 ? INPUTS_MAX : SEEN,
                     &(struct egi_attr){ .n = { 0 } });
}

/* ---- learned orders ---- */

static double number_at(const void *x, eg_dtype dtype, size_t i)
{
    return dtype == EG_F32 ? (double)((const float *)x)[i] : ((const double *)x)[i];
}

/* dp/dalpha of one line. */
static void by_order(const void *p, eg_dtype dtype, size_t n, double alpha, void *out)
{
    double powers = 0, entropy = 0;
    for (size_t i = 0; i < n; i++) {
        const double x = number_at(p, dtype, i);
        if (!(x > 0)) continue;
        powers += pow(x, 2 - alpha);
        entropy -= x * log(x);
    }
    for (size_t i = 0; i < n; i++) {
        const double x = number_at(p, dtype, i), c = alpha - 1;
        double d = 0;
        if (x > 0) {
            const double share = pow(x, 2 - alpha) / powers;
            d = (x - share) / (c * c) + (-x * log(x) - share * entropy) / c;
        }
        if (dtype == EG_F32)
            ((float *)out)[i] = (float)d;
        else
            ((double *)out)[i] = d;
    }
}

eg_var egi_entmax_learned(struct egi_scope *s, eg_var a, eg_var alpha)
{
    eg_tape *t = s->t;
    const eg_shape shape = eg_tape_shape(t, a);
    const eg_dtype dtype = eg_tape_dtype(t, a);
    const size_t heads = shape.dim[1], n = shape.dim[3], item = eg_dtype_size(dtype);
    const char *p = eg_tape_value(t, a);
    const void *order = eg_tape_value(t, alpha);
    const eg_var d = egi_tape_new(t, dtype, &shape);
    if (eg_tape_status(t) != EG_OK) return EG_NONE;
    char *to = egi_tape_tensor(t, d)->data;
    for (size_t line = 0; line < shape.dim[0] * heads * shape.dim[2]; line++)
        by_order(p + line * n * item, dtype, n,
                 number_at(order, dtype, line / shape.dim[2] % heads), to + line * n * item);
    const eg_var by =
        eg_reshape(t, eg_sub(t, alpha, eg_constant(t, alpha)), &eg_shape_of(1, heads, 1, 1));
    const eg_var once = egi_apply(t, &op_once, &by, 1, &(struct egi_attr){ .n = { 0 } });
    return eg_add(t, a, eg_mul(t, once, d));
}
