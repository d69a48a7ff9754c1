/* engram/pac.h - training by a PAC-Bayes bound: what is made small is what the error on all data is
 * at most, and the certificate comes with the network. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef ENGRAM_PAC_H
#define ENGRAM_PAC_H

#include "engram/train.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct eg_pac_options {
    size_t size; /* of this struct */
    const char
        *objective; /* a row of eg_pac_bayes_rows(): "quadratic", "lambda", "mcallester", "kl" */
    size_t epochs, batch;
    double rate;      /* of Adam, falling to a fiftieth by a cosine */
    double deviation; /* of weights at the beginning, and where the prior's search begins */
    double least;     /* probabilities count as at least this in the surrogate loss */
    int bounded;      /* 1: it is divided by ln(1 / least), at most 1 (Perez-Ortiz et al. 2021);
                         0: in bits, above the error (Dziugaite and Roy 2017) */
    double delta, delta_drawn; /* the bound fails with probability delta, what is known of the drawn
                                  error with delta_drawn */
    size_t draws;              /* networks of the certificate */
    uint64_t seed;
    int threads;
    const eg_progress *progress; /* "steps", "draws" */
    const eg_allocator *alloc;
} eg_pac_options;

#define EG_PAC_OPTIONS_INIT                                                                       \
    {                                                                                             \
        sizeof(eg_pac_options), "quadratic", 10, 100, 1e-3, 0.04, 1e-5, 0, 0.025, 0.01, 10000, 0, \
            0, NULL, NULL                                                                         \
    }

typedef struct eg_pac_result {
    double bound; /* the certificate: with probability 1 - delta - delta_drawn the posterior's error
                     on all data is at most this */
    double drawn; /* error of drawn networks on the examples, and what it is at most */
    double drawn_most;
    double test;  /* of drawn networks on the other part; NaN where there is none */
    double kl;    /* of the posterior to the prior, in nats */
    double prior; /* the prior's deviation, of its grid */
    double loss;  /* the surrogate, a running mean at the end */
    uint64_t steps;
    double seconds; /* of the steps alone */
    size_t draws;   /* networks of the certificate, at least those asked for */
    int alone;      /* 1: each example of a pass had a network of its own; 0: one a batch */
} eg_pac_result;

/**
 * Posterior N(w, diag d^2), prior N(w_0, lambda I): w and d by gradient of
 *     f(mean bounded cross-entropy of drawn networks, (KL + ln(2 sqrt n / delta_j)) / n),
 * f the objective. Of networks of linear layers and activations each example of a batch has a drawn
 * network of its own (its sums are drawn, not its weights); of others a batch has one. lambda = .1
 * e^(-j / 100) is the best of its grid, delta_j = 6 delta / (pi j)^2 pays for choosing it. The
 * certificate is of the error itself, by the row kl: networks drawn anew, each on an example, or a
 * batch of them, drawn anew, whose errors are independent numbers in [0, 1].
 * @param l      where w begins, trained or not; its parameters become the posterior's means
 * @param prior  w_0: a learner of the same specification that has not seen `part`; where a learner
 *               was before it was trained has not, and one that was trained on other examples
 * @param part   (n) examples, all of which count
 * @param other  for the test error, or NULL
 * @return EG_OK; EG_ERR_INVALID (options); EG_ERR_UNSUPPORTED (no network of layers);
 *         EG_ERR_SHAPE (another network); EG_ERR_DIVERGED; EG_ERR_INTERRUPTED; EG_ERR_NOMEM
 * Source: Dziugaite and Roy 2017; Perez-Ortiz et al. 2021; Maurer 2004; Kingma, Salimans and
 * Welling 2015, eq. 6 (sums in the place of weights).
 */
EG_API EG_MUST_CHECK eg_status eg_pac_train(eg_learner *l, eg_learner *prior, const eg_part *part,
                                            const eg_part *other, const eg_pac_options *options,
                                            eg_pac_result *out);

#ifdef __cplusplus
}
#endif
#endif
