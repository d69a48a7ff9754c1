/* experiments/experiment.h - a published result, run again.
 *
 * An experiment says what was published, measures it, and gives rows of published value,
 * measured value and the interval the measured one must lie in. It prints nothing: rows,
 * curves and pictures go to the context. A new experiment is one folder with one file and
 * one line in experiments.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXPERIMENTS_EXPERIMENT_H
#define EXPERIMENTS_EXPERIMENT_H

#include <stddef.h>
#include <stdint.h>

#include "engram/engram.h"

/* One number. Its verdict is low <= measured <= high (written so that NaN fails). */
struct experiment_row {
    const char *quantity; /* "share recovered, n = 4" */
    double published;     /* NaN: the source gives no number, only the bound */
    double measured;
    double low, high; /* +-INFINITY: one-sided */
};

/* One curve of measured points with the theory beside: theory NULL or (n). */
struct experiment_curve {
    const char *title, *x_label, *y_label, *series;
    size_t n;
    const double *x, *y, *theory;
};

/* One learner that was trained, and how: by this alone it can be trained again. */
struct experiment_learner {
    const char *name, *data; /* "n = 3", "mnist/train" */
    const char *spec;        /* JSON, with every default */
    size_t examples, epochs, batch;
    uint64_t steps; /* of all calls that led here */
    double loss;    /* mean over the last epoch */
    double seconds; /* of this call */
    int resumed;    /* 1: and there were calls before it */
    uint64_t hash;  /* of what was learned */
};

/* Where results go, and what the user asked for. The strings and arrays handed to the calls
 * are borrowed for the call only. */
struct experiment_context {
    int full;    /* 0: the quick setting, at most five minutes */
    int threads; /* as everywhere */
    uint64_t seed;
    const eg_progress *progress;
    void (*row)(void *user, const struct experiment_row *row);
    void (*curve)(void *user, const struct experiment_curve *curve);
    void (*picture)(void *user, const char *title, const eg_image *image);
    void (*note)(void *user, const char *text); /* e.g. why a part was skipped */
    void (*learned)(void *user, const struct experiment_learner *learner);
    void *user;
};

struct experiment {
    const char *name; /* "dam-recovery": what the user types */
    const char *title;
    const char *source;  /* paper, figure or equation */
    const char *setting; /* what quick and full run */
    eg_status (*run)(const struct experiment_context *context);
};

extern const struct experiment experiment_dam_recovery, experiment_dam_half,
    experiment_classical_error, experiment_exponential_flips, experiment_softmax_sphere,
    experiment_exact_retrieval, experiment_xor, experiment_half_masked,
    experiment_adversarial_transfer, experiment_adversarial_fashion;

/* Networks that learn. */
extern const struct experiment experiment_dam_mnist, experiment_dam_fashion, experiment_local_rule;

/* Hopfield layers. */
extern const struct experiment experiment_mil, experiment_uci75, experiment_implanted,
    experiment_donors, experiment_digit_bags, experiment_latch, experiment_bit_patterns;

/* Further sciences. */
extern const struct experiment experiment_molecules, experiment_sequences, experiment_physics,
    experiment_gene_tissue, experiment_receptors, experiment_epidemics;

/* Binary memories. */
extern const struct experiment experiment_clique_error, experiment_clique_rules,
    experiment_sparse_cliques, experiment_clique_efficiency, experiment_willshaw_optimum,
    experiment_sdm_critical;

/* Learning by storing. */
extern const struct experiment experiment_heads, experiment_increments, experiment_one_shot,
    experiment_learned_connections, experiment_coupled;

/* Instruments. */
extern const struct experiment experiment_scattering, experiment_patches, experiment_pac_mnist,
    experiment_random_labels, experiment_uniform_convergence, experiment_gap_measures,
    experiment_dimension_mnist, experiment_dimension_patches, experiment_symmetry_faces,
    experiment_rotation_mnist;

/* Learning as physics. */
extern const struct experiment experiment_two_time, experiment_tangent_widths, experiment_jamming,
    experiment_embedded, experiment_lazy_feature, experiment_spiked_model,
    experiment_threshold_energy, experiment_committee, experiment_hopfield_phases;

/* The table, ending in NULL. */
extern const struct experiment *const experiments[];

#endif
