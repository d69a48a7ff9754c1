/* engram/gibbs.h - the Gibbs posterior of a loss, by chains: what its divergence from the prior is,
 * hence what its error on all data is at most.
 *
 *     Q_b(w) ~ N(w; w_0, v I) exp(-b L(w)),
 *     KL(Q_b || Q_0) = int_0^b E_g[L] dg - b E_b[L]
 *
 * (thermodynamic integration). E_g[L] falls as g grows, so that sums over a ladder
 * 0 = b_0 < b_1 < .. with the value at the left end of each interval are upper bounds of the
 * integral, and with that at the right end lower bounds. The values come from chains of finite
 * length: their errors are estimated from the chains themselves and say nothing of places where
 * these have not been. What stands on them is an estimate, no certificate. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_GIBBS_H
#define ENGRAM_GIBBS_H

#include "engram/train.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- a chain ---- */

/* A loss of n numbers and its gradient (n). */
typedef struct eg_landscape {
    size_t n;
    eg_status (*value)(void *user, const double *w, double *loss, double *gradient);
    void *user;
} eg_landscape;

/* One proposal, w' = w_0 + a (w - w_0) - b beta grad L(w) + c e, e standard normal; a, b, c of the
 * step h and the prior's variance v. */
typedef struct eg_chain_row {
    const char *name, *formula, *source;
    int adjusted; /* 1: accepted with the probability of Metropolis and Hastings, so that the chain
                     has Q_b itself; 0: always, and it has what the step makes of it */
} eg_chain_row;

/* Row i: "langevin", "mala", "crank-nicolson"; NULL past the end. */
EG_API const eg_chain_row *eg_chain_rows(size_t i);

/* Called after each step that counts. */
typedef eg_status eg_chain_look(void *user, size_t step, const double *w, double loss);

typedef struct eg_chain_options {
    size_t size;      /* of this struct */
    const char *kind; /* name of a row */
    double variance;  /* v of the prior */
    double step;      /* h, where it begins; while a chain that is adjusted burns in, it moves to
                         where .57 of the proposals are accepted */
    size_t burn;      /* steps before any counts */
    size_t steps;     /* that count */
    uint64_t seed;
    eg_chain_look *look; /* or NULL */
    void *user;
    const eg_progress *progress; /* "steps", of a ladder "rungs" */
    const eg_allocator *alloc;
} eg_chain_options;

#define EG_CHAIN_OPTIONS_INIT                                                                    \
    {                                                                                            \
        sizeof(eg_chain_options), "crank-nicolson", 1, 0.1, 500, 2000, 0, NULL, NULL, NULL, NULL \
    }

typedef struct eg_rung {
    double beta;
    double loss, error;    /* E_beta[L], and its standard error by means of 20 batches */
    double accepted, step; /* share of proposals; the step once it was settled */
    double kl, kl_low;     /* of Q_beta by left sums, at most; by right sums, at least */
    double kl_error;       /* standard error of kl */
} eg_rung;

/**
 * One chain at beta, from w on.
 * @param w0    (n) of the prior, or NULL: zeros
 * @param w     (n) where it begins; where it ended
 * @param draw  the chain's own stream of random numbers
 * @param out   beta, loss, error, accepted and step; its divergences are not set
 * @return EG_OK; EG_ERR_INVALID (options, beta below 0); EG_ERR_DIVERGED (a loss that is not
 *         finite where the chain is not adjusted); EG_ERR_NOMEM; EG_ERR_INTERRUPTED; what the
 *         landscape or look return
 * Source: Roberts and Tweedie 1996; Cotter, Roberts, Stuart and White 2013, section 4.3.
 */
EG_API EG_MUST_CHECK eg_status eg_chain(const eg_landscape *f, const double *w0, double beta,
                                        const eg_chain_options *options, uint64_t draw, double *w,
                                        eg_rung *out);

/**
 * Chains at each beta, each from where the last one ended, the first from the prior; divergences of
 * each by the sums over the rungs below it.
 * @param beta  (rungs) rising from 0
 * @param rung  (rungs)
 * @return as eg_chain; EG_ERR_INVALID (a ladder that does not rise from 0)
 * Source: Maurer et al. 2025, section 3.
 */
EG_API EG_MUST_CHECK eg_status eg_gibbs_ladder(const eg_landscape *f, const double *w0,
                                               const double *beta, size_t rungs,
                                               const eg_chain_options *options, eg_rung *rung);

/* ---- of a network ---- */

typedef struct eg_gibbs_row {
    eg_rung rung;
    double risk, risk_error; /* error of the posterior's networks on the examples */
    double other;            /* on the other part, NaN where there is none */
    double bound;            /* kl^-1(risk + 2 risk_error, (kl + 2 kl_error + ln(2 sqrt n /
                                (delta / rungs))) / n): an estimate */
} eg_gibbs_row;

/**
 * The ladder of a network: L is its mean loss on the examples, the prior N(w_0, v I) around where
 * its training would begin; what it has learned is not looked at.
 * @param other  for the error on examples that the posterior does not know, or NULL
 * @param delta  shared by all rungs, so that the least bound may be taken
 * @param row    (rungs)
 * @return as eg_gibbs_ladder; EG_ERR_UNSUPPORTED (no network of layers)
 */
EG_API EG_MUST_CHECK eg_status eg_gibbs_network(eg_learner *l, const eg_part *part,
                                                const eg_part *other, const double *beta,
                                                size_t rungs, const eg_chain_options *options,
                                                double delta, eg_gibbs_row *row);

typedef struct eg_incoherence {
    double nats;  /* sum_t beta eta |g_S - g_J|^2 / 4: what the run tells of what was held out */
    double plain; /* sum_t beta eta |g_S|^2 / 4: the same where nothing is known beforehand */
    double gap;   /* sqrt(nats / (2 held)): of a loss in [0, 1], an estimate of what the expected
                     gap is at most */
    double loss;  /* where the run ended */
} eg_incoherence;

/**
 * Langevin dynamics on the loss of all examples S, w <- w - eta g_S + sqrt(2 eta / beta) e, from
 * what l has learned; at each step the gradient by S beside that by J, which is S without `held`
 * examples drawn by the seed. The learner is not changed.
 * @return EG_OK; EG_ERR_INVALID (held not in 1 .. n - 1, beta or eta not above 0);
 *         EG_ERR_UNSUPPORTED; EG_ERR_DIVERGED; EG_ERR_NOMEM
 * Source: Negrea et al. 2019, theorem 3.1 with full gradients; Pensia, Jog and Loh 2018.
 */
EG_API EG_MUST_CHECK eg_status eg_gradient_incoherence(eg_learner *l, const eg_part *part,
                                                       size_t held, double beta, double eta,
                                                       size_t steps, uint64_t seed,
                                                       eg_incoherence *out);

#ifdef __cplusplus
}
#endif
#endif
