/* Sequences, exponentially many patterns, and the energy of a circle of patterns.
 *
 * Exponentially many patterns, P = exp(alpha N), signal lambda: the other patterns are a random
 * energy model, whose free energy is alpha + zeta(lambda), zeta(lambda) = sup_e (lambda e - I(e))
 * with I the rate of one overlap: e^2/2 for Gaussian patterns, -ln(1 - e^2)/2 on the sphere. The
 * pattern is retrieved while lambda exceeds it: alpha_1 = lambda - zeta. Gaussian patterns
 * condense for lambda > 1: there the largest overlap, sqrt(2 alpha), decides, alpha_1 = 1/2.
 *
 * Circle: patterns uniform on the unit circle and E = R^2 + 1 - ln(I0(2 beta R))/beta at radius R;
 * dE/dR = 0 is R = I1(2 beta R)/I0(2 beta R), with a root R > 0 iff beta > 1 (I1/I0(x) = x/2 -
 * x^3/16 ..., concave). Bessel functions by the trapezoid rule on their integrals, which for a
 * periodic integrand converges faster than any power. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "assoc/egi_theory.h"

static const double PI = 3.14159265358979323846;

/* exp(-x) I0(x) and exp(-x) I1(x) */
static void bessel(double x, double scaled[2])
{
    const int points = 64 + 16 * (int)sqrt(x);
    scaled[0] = scaled[1] = 0;
    for (int i = 0; i < points; i++) {
        const double c = cos(2 * PI * i / points), e = exp(x * (c - 1)) / points;
        scaled[0] += e;
        scaled[1] += e * c;
    }
}

static double outward(double r, const double *beta)
{
    double i[2];
    bessel(2 * *beta * r, i);
    return r - i[1] / i[0];
}

static eg_status circle(const double *in, double *out)
{
    const double beta = in[0];
    double i[2];
    /* I1/I0(x) > x/2 - x^3/16 puts the root above sqrt(2 (beta - 1)/beta^3): half is below */
    const double low = beta > 1 ? sqrt((beta - 1) * 2 / (beta * beta * beta)) / 2 : 0;
    out[0] = beta > 1 ? egi_theory_root(outward, &beta, low, 1) : 0;
    bessel(2 * beta * out[0], i);
    out[1] = out[0] * out[0] + 1 - (log(i[0]) + 2 * beta * out[0]) / beta;
    out[2] = 1;
    return EG_OK;
}

/* Crosstalk of one transition under f(m) = exp((N-1)(m-1)): each of N - 1 components of the
 * overlap brings E exp(2 (x - 1)) = cosh(2)/e^2, whose inverse is the base. */
static eg_status sequence(const double *in, double *out)
{
    const double n = in[0], base = exp(2) / cosh(2);
    out[0] = base;
    out[1] = ((n - 1) * log(base) - log(2 * log(n))) / log(10);
    return EG_OK;
}

static eg_status random_energy(const double *in, double *out)
{
    const double lambda = in[0];
    const double e = 2 * lambda / (sqrt(1 + 4 * lambda * lambda) + 1);
    const double zeta = lambda * e + log1p(-e * e) / 2;
    out[0] = lambda - zeta;
    out[1] = e;
    out[2] = zeta;
    out[3] = lambda <= 1 ? lambda - lambda * lambda / 2 : 0.5;
    return EG_OK;
}

const eg_theory egi_theory_limits[] = {
    { "exponential-transition",
      "load up to which a typical pattern is retrieved, P = exp(alpha N)",
      "alpha_1 = lambda - zeta; sphere: zeta = lambda e + ln(1 - e^2)/2, e = (sqrt(1 + 4 lambda^2) "
      "- 1)/(2 lambda); Gaussian: lambda - lambda^2/2 up to 1, then 1/2",
      "Lucibello and Mezard 2024, random energy model",
      { { "lambda", "strength of the signal", 1, 1e-6, 1e6 } },
      { "alpha_sphere", "overlap", "zeta", "alpha_gaussian" },
      random_energy },
    { "sequence-capacity",
      "transitions of a sequence under exponential separation, large N",
      "b^(N-1)/(2 ln N), b = e^2/cosh 2",
      "Chaudhry et al. 2023, exponential DenseNet",
      { { "N", "neurons", 100, 2, 1e12 } },
      { "base", "log10_transitions" },
      sequence },
    { "circle-energy",
      "radius of least energy among patterns uniform on the unit circle",
      "R = I1(2 beta R)/I0(2 beta R), E = R^2 + 1 - ln(I0(2 beta R))/beta; R = 0 up to beta = 1",
      "Pham et al. 2025, exact circle model",
      { { "beta", "inverse temperature", 2, 1e-6, 1e6 } },
      { "radius", "energy", "beta_c" },
      circle },
    { .name = NULL },
};
