/* PAC-Bayes and classical bounds, rounded up.
 *
 * kl(q || p) is computed as a + b, a = q ln(q/p), b = (1 - q) ln((1 - q)/(1 - p)). Logarithms of
 * the C library err by less than a unit in the last place and quotients and products by half of
 * one, so that the double is off by at most SLACK units of |a| + |b| + 2 (ln of a quotient near 1
 * errs by what the quotient does). A p counts as within c only if the double less that error is <=
 * c; bisection ends at two neighbouring doubles, of which the upper one is returned, for which that
 * is not so: it is not below the supremum.
 *
 * Sums and roots of the other bounds are rounded up by a few units: up(x) = x (1 + 8 u). */
/* SPDX-License-Identifier: Apache-2.0 */
#include "engram/bounds.h"

#include <math.h>

#include "base/egi_base.h"

#define UNIT 0x1p-53
#define SLACK (8 * UNIT)

static double up(double x)
{
    return x * (1 + 8 * UNIT);
}

static int is_share(double x)
{
    return x >= 0 && x <= 1;
}

/* ---- divergences ---- */

/* q ln(q/p), 0 at q = 0 */
static double part(double q, double p)
{
    return q > 0 ? q * log(q / p) : 0;
}

double eg_kl_coins(double q, double p)
{
    if (!is_share(q) || !is_share(p)) return NAN;
    return part(q, p) + part(1 - q, 1 - p);
}

/* What kl(q || p) is at least. */
static double kl_at_least(double q, double p)
{
    const double a = part(q, p), b = part(1 - q, 1 - p);
    return a + b - SLACK * (fabs(a) + fabs(b) + 2);
}

double eg_kl_inverse(double q, double c)
{
    if (!is_share(q) || !(c >= 0)) return NAN;
    double low = q, high = 1;
    if (q == 1 || kl_at_least(q, nextafter(1, 0)) <= c) return 1;
    for (;;) {
        const double middle = low + (high - low) / 2;
        if (middle <= low || middle >= high) return high;
        if (kl_at_least(q, middle) <= c)
            low = middle;
        else
            high = middle;
    }
}

void eg_kl_inverse_slope(double q, double c, double *by_q, double *by_c)
{
    const double p = eg_kl_inverse(q, c);
    *by_c = p * (1 - p) / (p - q);
    *by_q = (log((1 - q) / q) - log((1 - p) / p)) * *by_c;
}

double eg_kl_gauss(const float *w, const float *s, const float *w0, double lambda, size_t n)
{
    double sum = 0, magnitude = 0;
    if (!(lambda > 0)) return NAN;
    for (size_t i = 0; i < n; i++) {
        const double v = (double)s[i], by = (double)w[i] - (w0 != NULL ? (double)w0[i] : 0);
        const double spread = v / lambda - 1 - log(v / lambda), moved = by * by / lambda;
        if (!(v > 0)) return NAN;
        sum += spread + moved;
        magnitude += v / lambda + 1 + fabs(log(v / lambda)) + moved;
    }
    return sum / 2 + (double)(n + 4) * UNIT * magnitude;
}

double eg_kl_laplace(double mu, double b, double mu0, double b0)
{
    if (!(b > 0 && b0 > 0)) return NAN;
    const double by = fabs(mu - mu0);
    return log(b0 / b) + by / b0 + b / b0 * exp(-by / b) - 1;
}

/* ---- PAC-Bayes ---- */

/* B = (KL + ln(2 sqrt n / delta)) / n, up */
static double complexity(const eg_pac_bayes *of)
{
    return up(up(of->kl + up(log(2 * sqrt(of->n) / of->delta))) / of->n);
}

static double by_kl(const eg_pac_bayes *of)
{
    return eg_kl_inverse(of->risk, complexity(of));
}

static double mcallester(const eg_pac_bayes *of)
{
    return up(of->risk + up(sqrt(complexity(of) / 2)));
}

static double quadratic(const eg_pac_bayes *of)
{
    const double half = complexity(of) / 2, root = up(sqrt(up(of->risk + half)) + sqrt(half));
    return up(root * root);
}

/* At its best lambda; any in (0, 2) is valid, so that its own rounding does not matter. */
static double lambda(const eg_pac_bayes *of)
{
    const double b = complexity(of), l = 2 / (sqrt(2 * of->risk / b + 1) + 1);
    return up(of->risk / (1 - l / 2)) + up(b / (l * (1 - l / 2)));
}

static const struct {
    eg_pac_bayes_row row;
    double (*bound)(const eg_pac_bayes *of);
} rows[] = {
    { { "kl", "kl^-1(risk, B)", "Seeger 2002; Maurer 2004" }, by_kl },
    { { "quadratic", "(sqrt(risk + B/2) + sqrt(B/2))^2", "Perez-Ortiz et al. 2021" }, quadratic },
    { { "lambda", "risk/(1 - l/2) + B/(l (1 - l/2)), l at its best", "Thiemann et al. 2017" },
      lambda },
    { { "mcallester", "risk + sqrt(B/2)", "McAllester 1999; Maurer 2004" }, mcallester },
};

const eg_pac_bayes_row *eg_pac_bayes_rows(size_t i)
{
    return i < EGI_COUNT(rows) ? &rows[i].row : NULL;
}

double eg_pac_bayes_bound(size_t i, const eg_pac_bayes *of)
{
    const int ok = i < EGI_COUNT(rows) && is_share(of->risk) && of->kl >= 0 && of->n >= 1
                   && of->delta > 0 && of->delta < 1;
    return ok ? rows[i].bound(of) : NAN;
}

double eg_drawn_risk(double risk, double draws, double delta)
{
    if (!(draws >= 1 && delta > 0 && delta < 1)) return NAN;
    return eg_kl_inverse(risk, up(up(log(2 / delta)) / draws));
}

/* ---- classical ---- */

double eg_vc_gap(double dimension, double n, double delta)
{
    if (!(dimension >= 1 && n >= dimension && delta > 0 && delta < 1)) return NAN;
    const double growth = dimension * log(2 * exp(1) * n / dimension) + log(4 / delta);
    return up(sqrt(up(8 / n * up(growth))));
}

double eg_rademacher_linear(const float *x, size_t n, size_t d, double b)
{
    double sum = 0;
    for (size_t i = 0; i < n * d; i++) sum += (double)x[i] * (double)x[i];
    return up(b * sqrt(sum * (1 + (double)(n * d) * UNIT)) / (double)n);
}
