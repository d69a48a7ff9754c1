/* Continuous memories: softmax (Ramsauer et al. 2021), exact retrieval of the sparse rows (Santos
 * et al. 2024) and of compact support (Hoover et al. 2025), random features (Hoover et al. 2024).
 */
/* SPDX-License-Identifier: Apache-2.0 */
#include "assoc/egi_theory.h"

static double above_log(double w, const double *log_x)
{
    return w + log(w) - *log_x;
}

double egi_lambert_w0_exp(double log_x)
{
    /* w < x = exp(log_x), and w < log_x where that exceeds 1 */
    const double high = log_x > 1 ? log_x : exp(log_x);
    return egi_theory_root(above_log, &log_x, 0, high * (1 + 1e-12));
}

static eg_status storage(const double *in, double *out)
{
    const double beta = in[0], k = in[1], d = in[2], p = in[3];
    const double a = 2 / (d - 1) * (1 + log(2 * beta * k * k * p * (d - 1)));
    const double b = 2 * k * k * beta / 5;
    out[0] = a;
    out[1] = b;
    out[2] = b / egi_lambert_w0_exp(a + log(b));
    out[3] = pow(2 / sqrt(p), 4 / (d - 1));
    out[4] = out[2] >= out[3];
    out[5] = (log(p) / 2 + (d - 1) / 4 * log(out[2])) / log(10);
    return EG_OK;
}

static eg_status softmax_error(const double *in, double *out)
{
    const double beta = in[0], n = in[1], m = in[2], gap = in[3], distance = in[4];
    const double decay = exp(-beta * (gap - 2 * distance * m));
    out[0] = 2 * beta * n * m * m * (n - 1) * decay;
    out[1] = 2 * (n - 1) * m * decay;
    out[2] = 2 * exp(1) * (n - 1) * m * exp(-beta * gap);
    out[3] = 1 / (2 * beta * m);
    for (int i = 0; i < 4; i++)
        if (!isfinite(out[i])) return egi_fail(EG_ERR_OVERFLOW, "softmax-error: the bound");
    return EG_OK;
}

static eg_status softmax_energy(const double *in, double *out)
{
    out[0] = log(in[1]) / in[0] + in[2] * in[2] / 2;
    out[1] = 0;
    out[2] = 2 * in[2] * in[2];
    return EG_OK;
}

/* margin, beta for which a pattern is stationary, beta for every cue within eps of it */
static void margins(double margin, const double *in, double *out)
{
    const double gap = in[0], room = gap - 2 * in[1] * in[2];
    out[0] = margin;
    out[1] = margin / gap;
    out[2] = room > 0 ? margin / room : INFINITY;
}

static eg_status entmax(const double *in, double *out)
{
    margins(1 / (in[0] - 1), in + 1, out);
    return EG_OK;
}

static eg_status normmax(const double *in, double *out)
{
    margins(1, in, out);
    return EG_OK;
}

static eg_status lsr(const double *in, double *out)
{
    const double r = in[0], delta = in[1];
    if (!(delta < r)) return egi_fail(EG_ERR_INVALID, "lsr-retrieval: delta = %g >= r", delta);
    out[0] = 2 / ((r - delta) * (r - delta));
    out[1] = r - delta;
    return EG_OK;
}

/* Phi(x).Phi(xi) is the mean over Y draws of cos(t), t ~ N(0, beta r^2): its mean is the kernel
 * k = exp(-beta r^2 / 2), E cos^2 = (1 + k^4)/2, so the variance of one is (1 - k^2)^2 / 2. */
static eg_status features(const double *in, double *out)
{
    const double square = in[1] * in[2] * in[2];
    out[0] = exp(-square / 2);
    out[1] = -expm1(-square) / sqrt(2 * in[0]);
    return EG_OK;
}

#define BETA                                          \
    {                                                 \
        "beta", "inverse temperature", 1, 1e-12, 1e12 \
    }
#define GAP                                                                   \
    {                                                                         \
        "gap", "Delta: <xi, xi> minus the largest <xi, xj>", 1, 1e-300, 1e300 \
    }
#define NORM                                               \
    {                                                      \
        "M", "largest norm of a pattern", 1, 1e-150, 1e150 \
    }
#define NEAR                                                         \
    {                                                                \
        "eps", "distance of the cue from the pattern", 0.1, 0, 1e150 \
    }

const eg_theory egi_theory_modern[] = {
    { "softmax-storage",
      "random patterns on a sphere of radius K sqrt(d-1), stored but for p",
      "a = 2/(d-1) (1 + ln(2 beta K^2 p (d-1))), b = 2 K^2 beta/5, c = b/W0(exp(a + ln b)) >= "
      "c_min = (2/sqrt p)^(4/(d-1)): N >= sqrt(p) c^((d-1)/4)",
      "Ramsauer et al. 2021, theorem 3",
      { BETA,
        { "K", "radius in units of sqrt(d-1)", 3, 1e-6, 1e6 },
        { "d", "components", 20, 2, 1e9 },
        { "p", "probability of failure", 0.001, 1e-300, 1 } },
      { "a", "b", "c", "c_min", "applies", "log10_patterns" },
      storage },
    { "softmax-error",
      "bounds of one update near a pattern",
      "|J| <= 2 beta N M^2 (N-1) e, |f(x) - xi| <= 2 (N-1) M e, e = exp(-beta (gap - 2 eps M)); "
      "fixed point within 1/(2 beta M): |x* - xi| <= 2 e (N-1) M exp(-beta gap)",
      "Ramsauer et al. 2021, theorems 4 and 5",
      { BETA,
        { "N", "patterns", 10, 1, 1e15 },
        NORM,
        GAP,
        { "eps", "larger distance of cue and fixed point from the pattern", 0, 0, 1e150 } },
      { "contraction", "error", "fixed_point_error", "radius" },
      softmax_error },
    { "softmax-energy",
      "range of the energy for |x| <= M",
      "E = -lse + |x|^2/2 + ln(N)/beta + M^2/2 in [0, 2 M^2]",
      "Ramsauer et al. 2021, eq. 2 and lemma A1",
      { BETA, { "N", "patterns", 10, 1, 1e15 }, NORM },
      { "constant", "low", "high" },
      softmax_energy },
    { "entmax-margin",
      "beta for exact retrieval by alpha-entmax (2: sparsemax)",
      "m = 1/(alpha - 1); stationary: beta >= m/gap; from every cue within eps: m/(gap - 2 M eps)",
      "Santos et al. 2024, prop. 2 and what follows it",
      { { "alpha", "order of entmax", 2, 1 + 1e-9, 1e6 }, GAP, NORM, NEAR },
      { "margin", "beta_stationary", "beta_basin" },
      entmax },
    { "normmax-margin",
      "beta for exact retrieval by normmax of any gamma",
      "m = 1; stationary: beta >= m/gap; from every cue within eps: m/(gap - 2 M eps)",
      "Santos et al. 2024, prop. 2 and what follows it",
      { GAP, NORM, NEAR },
      { "margin", "beta_stationary", "beta_basin" },
      normmax },
    { "lsr-retrieval",
      "beta for exact one-step retrieval of compact support",
      "beta = 2/(r - Delta)^2 for every cue within Delta",
      "Hoover et al. 2025, theorem 1",
      { { "r", "smallest distance of two patterns", 1, 1e-150, 1e150 },
        { "delta", "distance of the cue, below r", 0.5, 0, 1e150 } },
      { "beta", "support" },
      lsr },
    { "features-error",
      "standard error of a kernel value from Y random features",
      "k = exp(-beta r^2/2), error = (1 - k^2)/sqrt(2 Y)",
      "Hoover et al. 2024, scaling 1/sqrt(Y); constant derived here",
      { { "Y", "random features", 4096, 1, 1e15 },
        BETA,
        { "r", "distance of state and pattern", 1, 0, 1e6 } },
      { "kernel", "error" },
      features },
    { .name = NULL },
};
