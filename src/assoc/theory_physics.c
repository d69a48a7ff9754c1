/* Learning as statistical physics: thresholds of spherical models, perceptrons, regression, and the
 * noise floor of a network that learns from examples once seen.
 *
 * pspin-thresholds: Q = x^p/2. Marginal states have p(p-1)/2 q^(p-2) (1-q)^2 = T^2; T_d is the
 * highest T with a root, at q = (p-2)/(p-1). At T = 0, mu = 2 sqrt(Q''(1)) and e = -mu/p.
 * e_ground is the zero of the number of states, ln N(E)/N at energy E < e_th,
 *     S = ((2-p)/p - ln(p z^2/2) + (p-1) z^2/2 - 2/(p^2 z^2)) / 2,
 *     z = (-E - sqrt(E^2 - e_th^2)) / (p-1)
 * (Crisanti and Sommers 1995, S = 0 there is one-step replica symmetry breaking at T = 0).
 *
 * spiked-lines: Q = snr x^2/2 + x^p/(p Delta_p), Delta_2 = 1/snr. A state of zero overlap on the
 * sphere of the dynamics is left where snr^2 > Q''(1) (gradient flow, threshold states) or
 * snr^2 > Q'(1) (message passing of maximum likelihood): each is a quadratic for Delta_2. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "assoc/egi_theory.h"

static const double PI = 3.14159265358979323846;

static double complexity(double e, const double *p)
{
    const double z = (e - sqrt(fmax(e * e - 2 * (*p - 1) / *p, 0))) / (*p - 1);
    return -((2 - *p) / *p - log(*p * z * z / 2) + (*p - 1) / 2 * z * z - 2 / (*p * *p * z * z))
           / 2;
}

static eg_status pspin_thresholds(const double *in, double *out)
{
    const double p = in[0];
    out[0] = sqrt(p * pow(p - 2, p - 2) / (2 * pow(p - 1, p - 1)));
    out[1] = (p - 2) / (p - 1);
    out[2] = -sqrt(2 * (p - 1) / p);
    out[3] = -egi_theory_root(complexity, &p, -out[2], -2 * out[2]);
    return EG_OK;
}

/* The Delta_2 > 0 with c Delta_2^2 + Delta_p Delta_2 = Delta_p. */
static double line(double delta, double c)
{
    return 2 * delta / (delta + sqrt(delta * delta + 4 * c * delta));
}

static eg_status spiked_lines(const double *in, double *out)
{
    const double p = in[0], delta = in[1];
    out[0] = 1 / line(delta, 1);
    out[1] = 1 / line(delta, p - 1);
    return EG_OK;
}

static eg_status spiked_langevin(const double *in, double *out)
{
    const double p = in[0], delta = 1 / in[1];
    out[0] = (p - 1) * delta * delta * pow(1 - delta, p - 3);
    return EG_OK;
}

static eg_status gardner(const double *in, double *out)
{
    const double k = in[0];
    const double below = erfc(-k / sqrt(2)) / 2, density = exp(-k * k / 2) / sqrt(2 * PI);
    out[0] = 1 / ((1 + k * k) * below + k * density);
    return EG_OK;
}

static eg_status separable(const double *in, double *out)
{
    const double n = rint(in[0]), d = rint(in[1]);
    double log_term = (1 - n) * log(2), sum = 0; /* ln C(n-1, k) 2^(1-n) */
    for (size_t k = 0; k < (size_t)d && k < (size_t)n; k++) {
        sum += exp(log_term);
        log_term += log((n - 1 - (double)k) / ((double)k + 1));
    }
    out[0] = fmin(sum, 1);
    return EG_OK;
}

static eg_status hebb(const double *in, double *out)
{
    out[0] = sqrt(2 * in[0] / (2 * in[0] + PI));
    out[1] = acos(out[0]) / PI;
    return EG_OK;
}

static eg_status regression(const double *in, double *out)
{
    const double gamma = in[0], signal = in[1] * in[1], noise = in[2] * in[2];
    const double best = noise * gamma / signal, b = 1 - gamma + best;
    const double m = 2 / (b + sqrt(b * b + 4 * gamma * best));
    if (gamma == 1)
        out[0] = noise > 0 ? INFINITY : 0;
    else
        out[0] = gamma < 1 ? noise * gamma / (1 - gamma)
                           : signal * (1 - 1 / gamma) + noise / (gamma - 1);
    out[1] = best;
    out[2] = noise > 0 ? noise * gamma * m : fmax(signal * (1 - 1 / gamma), 0);
    return EG_OK;
}

static eg_status noise_floor(const double *in, double *out)
{
    const double spare = rint(in[2]) - rint(in[3]);
    if (spare < 0)
        return egi_fail(EG_ERR_INVALID,
                        "committee-floor: K = %g hidden units, M = %g of the "
                        "teacher: expected K >= M",
                        in[2], in[3]);
    out[0] = in[0] * in[1] * in[1] / (2 * PI) * (spare + rint(in[3]) / sqrt(3));
    return EG_OK;
}

const eg_theory egi_theory_physics[] = {
    { "pspin-thresholds",
      "spherical p-spin model with Q = x^p/2: where dynamics is arrested, and how low it gets",
      "T_d = sqrt(p (p-2)^(p-2) / (2 (p-1)^(p-1))), q_d = (p-2)/(p-1), e_th = -sqrt(2 (p-1)/p); "
      "e_ground: the complexity is 0",
      "Crisanti, Horner and Sommers 1993; Cugliandolo and Kurchan 1993; Crisanti and Sommers 1995",
      { { "p", "order of the interaction", 3, 3, 100 } },
      { "T_d", "q_d", "e_threshold", "e_ground" },
      pspin_thresholds },
    { "spiked-lines",
      "spiked matrix-tensor model: 1/Delta_2 above which a signal is found from chance overlap",
      "message passing: 1/Delta_2^2 = Q'(1); gradient flow: 1/Delta_2^2 = Q''(1)",
      "Sarao Mannelli et al. 2019 and 2020",
      { { "p", "order of the tensor", 3, 3, 100 },
        { "delta", "Delta_p, variance of the tensor's noise", 1, 1e-6, 1e9 } },
      { "message_passing", "gradient_flow" },
      spiked_lines },
    { "spiked-langevin",
      "spiked matrix-tensor model at T = 1: Delta_p above which Langevin dynamics finds the signal",
      "Delta_p = (p-1) Delta_2^2 (1 - Delta_2)^(p-3)",
      "Sarao Mannelli et al. 2020, Phys. Rev. X 10, 011057",
      { { "p", "order of the tensor", 3, 3, 100 },
        { "snr", "1/Delta_2, of the matrix", 2, 1, 1e6 } },
      { "delta_p" },
      spiked_langevin },
    { "gardner-capacity",
      "patterns a weight that a perceptron can hold with a margin",
      "alpha_c = 1 / ((1 + kappa^2) Phi(kappa) + kappa phi(kappa))",
      "Gardner 1988",
      { { "kappa", "margin", 0, -5, 1e3 } },
      { "alpha_c" },
      gardner },
    { "separable",
      "probability that random labels of n points in general position are linearly separable",
      "2^(1-n) sum_(k < d) C(n-1, k)",
      "Cover 1965, theorem 1",
      { { "n", "points", 20, 1, 1e5 }, { "d", "dimensions", 10, 1, 1e5 } },
      { "probability" },
      separable },
    { "hebb-generalisation",
      "a perceptron that learns a teacher by Hebb's rule, from alpha examples a weight",
      "R = sqrt(2 alpha / (2 alpha + pi)), error = acos(R) / pi",
      "Vallet 1989",
      { { "alpha", "examples a weight", 1, 0, 1e9 } },
      { "overlap", "error" },
      hebb },
    { "ridge-risk",
      "excess risk of least squares in d = gamma n dimensions: the least-norm fit, the best ridge",
      "gamma < 1: sigma^2 gamma/(1-gamma); > 1: r^2 (1 - 1/gamma) + sigma^2/(gamma-1); ridge: "
      "sigma^2 gamma m(-lambda), lambda = sigma^2 gamma / r^2",
      "Hastie, Montanari, Rosset and Tibshirani 2022; Dobriban and Wager 2018",
      { { "gamma", "dimensions an example", 0.5, 1e-6, 1e6 },
        { "r", "length of the true weights", 1, 1e-6, 1e6 },
        { "sigma", "standard deviation of the noise", 0.5, 0, 1e6 } },
      { "ridgeless", "best_lambda", "best_ridge" },
      regression },
    { "committee-floor",
      "error that online learning of a noisy soft committee ends at, to first order in the rate",
      "eta sigma^2 / (2 pi) (K - M + M / sqrt 3)",
      "Goldt, Advani, Saxe, Krzakala and Zdeborova 2019, eq. 13",
      { { "eta", "learning rate", 0.05, 0, 1 },
        { "sigma", "standard deviation of the noise of labels", 0.1, 0, 1e3 },
        { "K", "hidden units", 2, 1, 1000 },
        { "M", "hidden units of the teacher", 1, 1, 1000 } },
      { "error" },
      noise_floor },
    { .name = NULL },
};
