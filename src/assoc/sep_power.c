/* Powers: A = C sum_i w_i g(s_i)^n, a_i = n C w_i g(s_i)^(n-1), where
 *   identity   g(s) = s,          n = 2,  C = beta / 2
 *   power      g(s) = s,          n integer,  C = beta^n
 *   rectified  g(s) = max(s, 0),  n real,     C = beta^n
 *
 * Range: 784^100 fits a double and 784^110 does not, and weights must survive both. Scores
 * are scaled by a power of two, which is exact, so that the largest lies in [1/2, 1); the
 * result is exact to the rounding of pow() and of the sum. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "assoc/egi_assoc.h"

struct family {
    double order;
    int rectified;
    int squared; /* identity: beta stands outside the power */
};

static struct family family_of(const eg_rule *rule)
{
    if (rule->separation == EG_SEP_IDENTITY) return (struct family){ 2, 0, 1 };
    return (struct family){ rule->order, rule->separation == EG_SEP_RECTIFIED, 0 };
}

static double base(const struct family *f, double s)
{
    return f->rectified && s < 0 ? 0 : s;
}

/* Binary exponent of the largest |g(s)|. */
static int exponent_of(const struct egi_strip *q, const struct family *f)
{
    double most = 0;
    for (size_t i = 0; i < q->n; i++) {
        const double g = fabs(base(f, q->s[i]));
        most = g > most ? g : most;
    }
    int e = 0;
    (void)frexp(most, &e);
    return e;
}

/* x^n: by multiplication where that errs by a few ulp at most, which is many times faster. */
static inline double power_of(double x, double n)
{
    if (!(n <= 8 && n == floor(n))) return pow(x, n);
    double y = 1;
    for (int k = (int)n; k > 0; k--) y *= x;
    return y;
}

/* 2^-e as two factors that are normal numbers whatever e. */
struct unit {
    double a, b;
};

static struct unit unit_of(int e)
{
    return (struct unit){ ldexp(1, -(e / 2)), ldexp(1, -(e - e / 2)) };
}

static void weights(const struct egi_strip *q, double *a, double *log_scale)
{
    const struct family f = family_of(q->rule);
    const int e = exponent_of(q, &f);
    const struct unit u = unit_of(e);
    double most = 0;
    for (size_t i = 0; i < q->n; i++) {
        a[i] = egi_strip_w(q, i) * power_of(base(&f, q->s[i]) * u.a * u.b, f.order - 1);
        most = fabs(a[i]) > most ? fabs(a[i]) : most;
    }
    if (most == 0) return; /* every score is 0, or not above it */
    for (size_t i = 0; i < q->n; i++) a[i] /= most;
    const double log_c = (f.squared ? 1 : f.order) * log(q->rule->beta);
    const double n_c = f.squared ? 0 : log(f.order); /* n C = beta for identity */
    *log_scale = log_c + n_c + (f.order - 1) * e * log(2) + log(most);
}

/* factor * sum_i w_i x_i (beta g_i)^power with x = NULL for ones, scaled to the end. */
static double scaled_back(double x, double power, int e)
{
    const double bits = power * e, whole = floor(bits);
    return ldexp(x * exp2(bits - whole), (int)fmax(fmin(whole, 1e6), -1e6));
}

static double energy(const struct egi_strip *q)
{
    const struct family f = family_of(q->rule);
    const double beta = f.squared ? 1 : q->rule->beta;
    int e = exponent_of(q, &f), beta_e = 0;
    const double beta_m = frexp(beta, &beta_e);
    const struct unit u = unit_of(e);
    double sum = 0;
    /* beta and s are scaled apart, so that beta s cannot overflow before the power does */
    for (size_t i = 0; i < q->n; i++) {
        const double z = beta_m * (base(&f, q->s[i]) * u.a * u.b);
        sum += egi_strip_w(q, i) * power_of(z * 2, f.order);
    }
    return scaled_back(sum * (f.squared ? q->rule->beta / 2 : 1), f.order, e + beta_e - 1);
}

static void derivative(const struct egi_strip *q, const double *v, double *out)
{
    const struct family f = family_of(q->rule);
    const double beta = q->rule->beta;
    for (size_t i = 0; i < q->n; i++) {
        const double g = base(&f, q->s[i]);
        const double slope = f.squared               ? beta
                             : f.rectified && g == 0 ? 0 /* n = 2: the side below the kink */
                                                     : f.order * (f.order - 1) * beta * beta
                                                           * pow(beta * g, f.order - 2);
        out[i] = slope == 0 || v[i] == 0 ? 0 : egi_strip_w(q, i) * slope * v[i];
    }
}

static double identity_f(const eg_rule *rule, double s)
{
    return rule->beta / 2 * s * s;
}

static double power_f(const eg_rule *rule, double s)
{
    return pow(rule->beta * s, rule->order);
}

static double rectified_f(const eg_rule *rule, double s)
{
    return s > 0 ? pow(rule->beta * s, rule->order) : 0;
}

const struct egi_separation egi_sep_identity = {
    { "identity", "A = beta/2 sum s^2;  a = beta s", "",
      "Hopfield 1982, PNAS 79, eq. 7 with Hebb weights", "beta" },
    EGI_SEP_CONVEX | EGI_SEP_EXP_CONVEX | EGI_SEP_SEPARABLE,
    EGI_ORDER_ANY,
    EGI_TRANSFORM_POWER,
    NULL,
    identity_f,
    weights,
    energy,
    derivative,
};

const struct egi_separation egi_sep_power = {
    { "power", "A = sum (beta s)^n, n integer;  a = n beta (beta s)^(n-1)", "",
      "Krotov and Hopfield 2016, F(x) = x^n", "beta order" },
    EGI_SEP_CONVEX | EGI_SEP_EXP_CONVEX | EGI_SEP_SEPARABLE | EGI_SEP_ODD,
    EGI_ORDER_INTEGER_2,
    EGI_TRANSFORM_POWER,
    NULL,
    power_f,
    weights,
    energy,
    derivative,
};

const struct egi_separation egi_sep_rectified = {
    { "rectified", "A = sum max(beta s, 0)^n, n real;  a = n beta max(beta s, 0)^(n-1)", "",
      "Krotov and Hopfield 2016, rectified polynomials", "beta order" },
    EGI_SEP_CONVEX | EGI_SEP_EXP_CONVEX | EGI_SEP_SEPARABLE | EGI_SEP_NONDECREASING,
    EGI_ORDER_REAL_2,
    EGI_TRANSFORM_RECTIFIED,
    NULL,
    rectified_f,
    weights,
    energy,
    derivative,
};
