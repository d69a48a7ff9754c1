/* SPDX-License-Identifier: Apache-2.0 */
#include "experiments/experiment.h"

const struct experiment *const experiments[] = {
    &experiment_dam_recovery,
    &experiment_dam_half,
    &experiment_classical_error,
    &experiment_exponential_flips,
    &experiment_softmax_sphere,
    &experiment_exact_retrieval,
    &experiment_xor,
    &experiment_half_masked,
    &experiment_adversarial_transfer,
    &experiment_adversarial_fashion,
    &experiment_dam_mnist,
    &experiment_local_rule,
    &experiment_mil,
    &experiment_uci75,
    &experiment_implanted,
    &experiment_molecules,
    &experiment_sequences,
    &experiment_clique_error,
    &experiment_clique_rules,
    &experiment_sparse_cliques,
    &experiment_clique_efficiency,
    &experiment_willshaw_optimum,
    &experiment_sdm_critical,
    NULL,
};
