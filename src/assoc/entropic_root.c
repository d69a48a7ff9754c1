/* The threshold of entmax and normmax, found in the logarithm of the largest entry.
 *
 * With u_i = beta (s_i - max s) <= 0 both rows need the c > 0 at which
 *     sum_i w_i q_i = 1,   q_i = max(c + kappa u_i, 0)^(1/b)
 * entmax:  kappa = b = alpha - 1, p = q.   normmax:  kappa = 1, b = (gamma - 1)/gamma.
 * Write c = exp(b Y). Then Y = log q(0) and
 *     log q_i = Y + log1p(kappa u_i exp(-b Y)) / b,
 * which is softmax, log q = Y + u, as kappa = b -> 0 and loses no digit on the way there; and
 * for b = 49, where c may be 10^-300, Y is an ordinary number. The sum increases in Y, so
 * the root is bracketed: alone, the maxima give Y = -log(their w); together, all that are in
 * the support there give Y = -log(the sum of those w). If the two agree the answer is exact.
 *
 * Newton on log sum q, doubled when it stays on one side so that both ends close in, halved
 * by bisection when it is slow. For b > 1 q jumps from 0 to (2^-53)^(1/b) within one ulp of
 * Y; mixing the two ends of the last bracket so that the sum is 1 then gives the entry at
 * the edge of the support its share, which it has as the only one that can take it. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <float.h>
#include <math.h>

#include "assoc/egi_assoc.h"

/* kappa |u| exp(-b Y) compared with 1 as |u| exp(-b Y) with 1/kappa, so that the documented
 * margin 1/(alpha - 1) is met to the bit. */
static int outside(double kappa, double u, double inverse_c)
{
    return u < 0 && -u * inverse_c >= 1 / kappa;
}

static double value_at(double kappa, double b, double y, double u)
{
    const double inverse_c = exp(-b * y);
    if (u == 0) return exp(y);
    if (outside(kappa, u, inverse_c)) return 0;
    return exp(y + log1p(fmax(kappa * u * inverse_c, -1)) / b);
}

double egi_root_value(const struct egi_root *root, double u)
{
    const double lo = root->theta < 1 ? value_at(root->kappa, root->b, root->lo, u) : 0;
    const double hi = root->theta > 0 ? value_at(root->kappa, root->b, root->hi, u) : 0;
    return (1 - root->theta) * lo + root->theta * hi;
}

/* log of sum w q at y, and its derivative in y. */
static double log_sum(const struct egi_strip *q, const struct egi_root *root, double y,
                      double *slope)
{
    const double inverse_c = exp(-root->b * y);
    double sum = q->top_sum * exp(y), slopes = sum;
    for (size_t i = 0; i < q->n; i++) {
        const double u = egi_strip_z(q, i, q->top);
        if (u == 0 || outside(root->kappa, u, inverse_c)) continue;
        const double r = fmax(root->kappa * u * inverse_c, -1);
        const double x = egi_strip_w(q, i) * exp(y + log1p(r) / root->b);
        sum += x;
        if (x > 0) slopes += x / (1 + r);
    }
    *slope = slopes / sum;
    return log(sum);
}

static void close_in(const struct egi_strip *q, struct egi_root *root)
{
    double f_lo = -1, f_hi = 1, y = root->hi, slope, width = root->hi - root->lo;
    int side = 0, evaluated_lo = 0, evaluated_hi = 0;
    for (int step = 0; step < 400; step++) {
        const double f = log_sum(q, root, y, &slope);
        const int now = f < 0 ? -1 : 1;
        double move = -f / slope;
        if (now == side) move *= 2;
        side = now;
        if (now < 0) {
            root->lo = y;
            f_lo = f;
            evaluated_lo = 1;
        } else {
            root->hi = y;
            f_hi = f;
            evaluated_hi = 1;
        }
        if (f == 0 || root->hi - root->lo <= DBL_EPSILON * fmax(1, fabs(root->lo))) break;
        move += (move > 0 ? 2 : -2) * DBL_EPSILON * fmax(1, fabs(y));
        double next = y + move;
        if (step % 3 == 2) {
            if (root->hi - root->lo > width / 2) next = NAN;
            width = root->hi - root->lo;
        }
        y = next > root->lo && next < root->hi ? next : root->lo / 2 + root->hi / 2;
        if (y <= root->lo || y >= root->hi) break;
    }
    if (!evaluated_lo) f_lo = log_sum(q, root, root->lo, &slope);
    if (!evaluated_hi) f_hi = log_sum(q, root, root->hi, &slope);
    const double below = fmin(expm1(f_lo), 0), above = fmax(expm1(f_hi), 0);
    root->theta = above > below ? -below / (above - below) : 1;
}

void egi_root_solve(const struct egi_strip *q, double kappa, double b, struct egi_root *root)
{
    *root = (struct egi_root){ kappa, b, 0, -log(q->top_sum), 1 };
    const double inverse_c = exp(-b * root->hi);
    double reach = 0; /* multiplicity below the maximum that may have a share */
    for (size_t i = 0; i < q->n; i++) {
        const double u = egi_strip_z(q, i, q->top);
        if (u < 0 && !outside(kappa, u, inverse_c)) reach += egi_strip_w(q, i);
    }
    root->lo = root->hi;
    if (reach == 0) return;
    root->lo = -log(q->top_sum + reach);
    close_in(q, root);
}
