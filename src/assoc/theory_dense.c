/* Dense associative memories of Krotov and Hopfield 2016, F(x) = x^n, and the exponential
 * memory of Demircigil et al. 2017.
 *
 * The energy difference of a flip has mean 2 n N^(n-1) and variance 4 n^2 (2n-3)!! K N^(n-1), so
 * with v = (2n-3)!! K / N^(n-1) the error is the Gaussian tail erfc(1/sqrt(2 v))/2; its leading
 * term sqrt(v/(2 pi)) exp(-1/(2 v)) is what the paper prints. All powers in logarithms. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "assoc/egi_theory.h"
#include "base/egi_gamma.h"

static const double PI = 3.14159265358979323846;

/* (2n-3)!! = 2^(n-1) Gamma(n - 1/2) / sqrt(pi) */
static double log_double_factorial(double n)
{
    return (n - 1) * log(2) + egi_log_gamma(n - 0.5) - log(PI) / 2;
}

static double log_asymptotic(double v)
{
    return log(v / (2 * PI)) / 2 - 1 / (2 * v);
}

static double asymptotic_above(double v, const double *log_p)
{
    return log_asymptotic(v) - *log_p;
}

static double exact_above(double v, const double *log_p)
{
    return log(erfc(1 / sqrt(2 * v)) / 2) - *log_p;
}

static eg_status capacity(const double *in, double *out)
{
    const double n = in[0], size = in[1], log_p = log(in[2]);
    const double factor = log_double_factorial(n), bulk = (n - 1) * log(size);
    const double low = 1e-4, high = 1e6;
    const double v = egi_theory_root(asymptotic_above, &log_p, low, high);
    const double exact = egi_theory_root(exact_above, &log_p, low, high);
    out[0] = exp(log(v) - factor);
    out[1] = exp(log(exact) - factor);
    out[2] = exp(log(v) - factor + bulk);
    out[3] = exp(log(exact) - factor + bulk);
    out[4] = exp(bulk - factor) / (2 * log(size));
    for (int i = 0; i < 5; i++)
        if (!isfinite(out[i])) return egi_fail(EG_ERR_OVERFLOW, "dam-capacity: N^(n-1)");
    return EG_OK;
}

static eg_status error(const double *in, double *out)
{
    const double v = exp(log_double_factorial(in[0]) + log(in[2]) - (in[0] - 1) * log(in[1]));
    out[0] = exp(log_asymptotic(v));
    out[1] = erfc(1 / sqrt(2 * v)) / 2;
    out[2] = sqrt(v);
    return EG_OK;
}

/* sup_t (t a - ln cosh t): Cramer's rate of the overlap of two random patterns. */
static double rate(double a)
{
    const double up = 1 + a, down = 1 - a;
    return (up * log(up) + (down > 0 ? down * log(down) : 0)) / 2;
}

static eg_status exponential(const double *in, double *out)
{
    out[0] = rate(1 - 2 * in[1]) / 2;
    out[1] = out[0] * in[0] / log(10);
    out[2] = exp(out[0] * in[0]);
    if (isfinite(out[2])) return EG_OK;
    return egi_fail(EG_ERR_OVERFLOW, "exponential-capacity: 10^%g patterns", out[1]);
}

const eg_theory egi_theory_dense[] = {
    { "dam-capacity",
      "patterns of F(x) = x^n at a share p of wrong components, and at none",
      "p = erfc(1/sqrt(2 v))/2, leading term sqrt(v/(2 pi)) exp(-1/(2 v)), v = alpha (2n-3)!!; "
      "K = alpha N^(n-1); no errors: N^(n-1)/(2 (2n-3)!! ln N)",
      "Krotov and Hopfield 2016, P_error and K_max",
      { { "n", "power of the energy", 3, 2, 1000 },
        { "N", "neurons", 100, 2, 1e9 },
        { "p", "share of components wrong after one step", 0.005, 1e-300, 0.2 } },
      { "alpha_leading", "alpha", "patterns_leading", "patterns", "patterns_no_error" },
      capacity },
    { "dam-error",
      "share of components of a stored pattern that one step changes",
      "erfc(1/sqrt(2 v))/2, v = (2n-3)!! K/N^(n-1)",
      "Krotov and Hopfield 2016, P_error",
      { { "n", "power of the energy", 3, 2, 1000 },
        { "N", "neurons", 100, 2, 1e9 },
        { "K", "patterns", 500, 1e-3, 1e300 } },
      { "error_leading", "error", "noise_to_signal" },
      error },
    { "exponential-capacity",
      "patterns of F(x) = e^x, a share rho of the cue flipped",
      "exp(alpha N), alpha = I(1 - 2 rho)/2, I(a) = ((1+a) ln(1+a) + (1-a) ln(1-a))/2",
      "Demircigil et al. 2017, exponential interaction",
      { { "N", "neurons", 50, 1, 1e6 }, { "rho", "share of components flipped", 0, 0, 0.5 } },
      { "alpha", "log10_patterns", "patterns" },
      exponential },
    { .name = NULL },
};
