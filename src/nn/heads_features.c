/* Softmax by random features (Choromanski et al. 2021, FAVOR+): with w normal,
 *
 *     exp(<x, y>) = E phi_w(x) phi_w(y),   phi_w(x) = exp(<w, x> - |x|^2 / 2)
 *
 * so that M of them stand for the kernel, and sums over keys are made once for all queries:
 *
 *     y = phi(q) (phi(K)^T V) / (phi(q) phi(K)^T 1)        M (Q + N) numbers instead of Q N
 *
 * Both sides are scaled by their largest feature, which the quotient does not see. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "nn/egi_heads.h"

#define LEAST 1e-30 /* a query that sees nothing reads 0 / LEAST */

/* x (B, H, T, D), scaled, as (B, H, T, M); `shared`: the axes over which the largest is taken. */
static eg_var features(eg_tape *t, eg_var w, eg_var x, unsigned shared)
{
    const eg_var square = eg_sum(t, eg_mul(t, x, x), EG_AXIS(3), 1);
    const eg_var z =
        eg_sub(t, eg_matmul(t, x, eg_swap_axes(t, w, 0, 1)), eg_affine(t, square, 0.5, 0));
    return eg_exp(t, eg_sub(t, z, eg_constant(t, eg_max(t, z, shared, 1))));
}

struct egi_featured egi_heads_featured(struct egi_scope *s, const struct egi_heads *h, eg_var q)
{
    eg_tape *t = s->t;
    const eg_var seen = h->padding.id != 0 ? eg_swap_axes(t, egi_heads_visible(s, h), 2, 3)
                                           : EG_NONE; /* (.., N, 1) */
    eg_var k = egi_heads_times_beta(s, h, egi_heads_compared(s, h, h->k), 0.5);
    if (seen.id != 0) k = eg_mul(t, k, seen);
    struct egi_featured f = {
        .q = features(t, h->features, egi_heads_times_beta(s, h, egi_heads_compared(s, h, q), 0.5),
                      EG_AXIS(3)),
        .k = features(t, h->features, k, EG_AXIS(2) | EG_AXIS(3)),
    };
    if (seen.id != 0) f.k = eg_mul(t, f.k, seen);
    const eg_var all = eg_swap_axes(t, eg_sum(t, f.k, EG_AXIS(2), 1), 2, 3); /* (B, H, M, 1) */
    f.q = eg_div(t, f.q, eg_clamp(t, eg_matmul(t, f.q, all), LEAST, 1 / LEAST));
    return f;
}
