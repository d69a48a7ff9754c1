/* Hopfield's network with Hebb's rule, K random patterns on N neurons, alpha = K / N.
 *
 * Error curve. At temperature 0 the mean-field equations of Amit, Gutfreund and Sompolinsky are
 * m = erf(m / sqrt(2 alpha r)), r = 1 / (1 - C)^2, C = sqrt(2 / (pi alpha r)) exp(-m^2 / (2 alpha
 * r)). With x = m / q and q = sqrt(2 alpha r): q (1 - C) = sqrt(2 alpha) and q C = 2/sqrt(pi)
 * exp(-x^2), so that
 *     sqrt(2 alpha) = g(x) = erf(x)/x - 2/sqrt(pi) exp(-x^2),   m = erf x.
 * g rises to one maximum, alpha_c = 0.1379, and falls; the states of retrieval are the branch
 * beyond it. A share (1 - m)/2 = erfc(x)/2 of the components is wrong; the second form keeps its
 * digits where m rounds to 1. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "assoc/egi_theory.h"

static const double TWO_OVER_ROOT_PI = 1.1283791670955126;

static double root_two_alpha(double x)
{
    return erf(x) / x - TWO_OVER_ROOT_PI * exp(-x * x);
}

/* g' = 0, times x^2: erf x - 2/sqrt(pi) e^(-x^2) (x + 2 x^3); increasing beyond x = 1. */
static double past_maximum(double x, const double *unused)
{
    (void)unused;
    return erf(x) - TWO_OVER_ROOT_PI * exp(-x * x) * (x + 2 * x * x * x);
}

static double load_below(double x, const double *alpha)
{
    return sqrt(2 * *alpha) - root_two_alpha(x);
}

static eg_status curve(const double *in, double *out)
{
    const double x_c = egi_theory_root(past_maximum, NULL, 1, 3);
    const double alpha_c = root_two_alpha(x_c) * root_two_alpha(x_c) / 2;
    const double x = in[0] <= alpha_c ? egi_theory_root(load_below, in, x_c, 1e4) : 0;
    out[0] = erf(x);
    out[1] = erfc(x) / 2;
    out[2] = alpha_c;
    out[3] = erfc(x_c) / 2;
    return EG_OK;
}

/* A neuron's field is 1 + noise of variance K/N in units of its own sign. */
static eg_status one_step(const double *in, double *out)
{
    out[0] = erfc(sqrt(in[0] / (2 * in[1]))) / 2;
    return EG_OK;
}

static eg_status error_free(const double *in, double *out)
{
    out[0] = in[0] / (2 * log(in[0]));
    out[1] = in[0] / (4 * log(in[0]));
    return EG_OK;
}

/* A projector holds what is linearly independent, and random patterns are while K <= N. */
static eg_status projector(const double *in, double *out)
{
    out[0] = in[0];
    out[1] = 1;
    return EG_OK;
}

const eg_theory egi_theory_classical[] = {
    { "classical-curve",
      "share of wrong components at rest, Hebb's rule, large N",
      "sqrt(2 alpha) = erf(x)/x - 2/sqrt(pi) exp(-x^2), m = erf x, error = erfc(x)/2; m = 0 above "
      "alpha_c",
      "Amit, Gutfreund and Sompolinsky 1985, zero-temperature mean field",
      { { "alpha", "patterns a neuron, K/N", 0.1, 1e-6, 10 } },
      { "overlap", "error", "alpha_c", "error_c" },
      curve },
    { "classical-one-step",
      "share of components of a stored pattern that one step changes",
      "erfc(sqrt(N/(2 K)))/2",
      "Hopfield 1982; McEliece et al. 1987",
      { { "N", "neurons", 100, 1, 1e15 }, { "K", "patterns", 14, 1e-3, 1e15 } },
      { "error" },
      one_step },
    { "classical-error-free",
      "patterns stored without an error",
      "N/(2 ln N): one pattern; N/(4 ln N): all of them",
      "McEliece et al. 1987",
      { { "N", "neurons", 100, 2, 1e300 } },
      { "one", "all" },
      error_free },
    { "pseudoinverse-capacity",
      "patterns that the projector on their span keeps without an error",
      "K = N: as many as can be linearly independent",
      "Personnaz, Guyon and Dreyfus 1985",
      { { "N", "neurons", 100, 1, 1e15 } },
      { "patterns", "alpha" },
      projector },
    { .name = NULL },
};
