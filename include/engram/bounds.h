/* engram/bounds.h - generalisation bounds: what the error on all data is at most, from what was
 * seen of it.
 *
 * A certificate is never rounded the wrong way: every function that returns a bound returns a
 * double that is not below the real number its formula stands for, at most by some units in the
 * last place above it. Risks are probabilities; divergences are in nats. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_BOUNDS_H
#define ENGRAM_BOUNDS_H

#include <stddef.h>

#include "engram/status.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- divergences ---- */

/* kl(q || p) = q ln(q/p) + (1 - q) ln((1 - q)/(1 - p)) of two coins, q and p in [0, 1]; infinite
 * where p excludes what q allows. To the nearest double but some units: no certificate. */
EG_API double eg_kl_coins(double q, double p);

/* sup{p in [q, 1]: kl(q || p) <= c}, rounded up; c >= 0. NaN where q or c is out of range. */
EG_API double eg_kl_inverse(double q, double c);

/* Derivatives of the same by q and by c, where it is below 1:
 *     dp/dc = p (1 - p) / (p - q),   dp/dq = (ln((1 - q)/q) - ln((1 - p)/p)) dp/dc.  */
EG_API void eg_kl_inverse_slope(double q, double c, double *by_q, double *by_c);

/* KL(N(w, diag s) || N(w0, lambda I)) of n weights, variances s (n) and lambda > 0:
 *     1/2 [sum s / lambda - n + |w - w0|^2 / lambda + n ln lambda - sum ln s].
 * w0 NULL: zeros. */
EG_API double eg_kl_gauss(const float *w, const float *s, const float *w0, double lambda, size_t n);

/* KL of Laplace(mu, b) to Laplace(mu0, b0): ln(b0/b) + |mu - mu0|/b0 + (b/b0) exp(-|mu - mu0|/b)
 * - 1. */
EG_API double eg_kl_laplace(double mu, double b, double mu0, double b0);

/* ---- PAC-Bayes ---- */

/* What a bound is made of. With probability 1 - delta over n examples, for every posterior Q at
 * once: its risk is at most the bound, P having been chosen without them. */
typedef struct eg_pac_bayes {
    double risk;  /* of Q on the examples, in [0, 1] */
    double kl;    /* KL(Q || P) >= 0 */
    double n;     /* examples */
    double delta; /* in (0, 1) */
} eg_pac_bayes;

typedef struct eg_pac_bayes_row {
    const char *name, *formula, *source;
} eg_pac_bayes_row;

/* Row i of the table, with B = (KL + ln(2 sqrt n / delta)) / n; NULL past its end. */
EG_API const eg_pac_bayes_row *eg_pac_bayes_rows(size_t i);

/* The bound of row i; above 1 it is vacuous. NaN where something is out of range. */
EG_API double eg_pac_bayes_bound(size_t i, const eg_pac_bayes *of);

/* The risk of Q, known from `draws` networks drawn from it, at most with probability 1 - delta:
 * kl^-1(risk, ln(2 / delta) / draws). Langford and Caruana 2002. */
EG_API double eg_drawn_risk(double risk, double draws, double delta);

/* ---- classical ---- */

/* sqrt(8/n (V ln(2 e n / V) + ln(4 / delta))): gap of any member of a class of VC dimension V <= n.
 * Vapnik 1998, with a growth function bounded by Sauer's lemma. */
EG_API double eg_vc_gap(double dimension, double n, double delta);

/* Empirical Rademacher complexity of {x -> <w, x>: |w| <= B} on x (N, D), at most
 *     B sqrt(sum |x_i|^2) / N   (Bartlett and Mendelson 2002). */
EG_API double eg_rademacher_linear(const float *x, size_t n, size_t d, double b);

#ifdef __cplusplus
}
#endif
#endif
