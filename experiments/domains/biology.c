/* Tables of biology: which tissue a sample is from by the expression of 500 genes (Irizarry,
 * dslabs), and which epitope a T-cell receptor binds (Dash et al. 2017).
 *
 * Receptors are bits made by tools/make_receptors.py: segments V and J, and the words of up to
 * three letters in the CDR3 of both chains. Receptors of one mouse are never parted by a fold:
 * siblings of one clone would tell. The paper separates epitopes by distances of its own between
 * receptors, measured otherwise, so that no figure of it stands beside ours.
 *
 * The bound is ours: tissues are told apart all but always. Of epitopes there is none, for nothing
 * was published that could be one. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "experiments/domains/domain.h"

static const struct domain_set tissue[] = {
    { .title = "tissues",
      .name = "gene-tissue",
      .learner = "lookup",
      .published = NAN,
      .least = { 99, 99 } },
};

static const struct domain_set receptors[] = {
    { .title = "mouse epitopes",
      .name = "receptors/dash",
      .label_column = "epitope",
      .group_column = "subject",
      .most = { 600, 0 },
      .epochs = 6,
      .fixed_scale = 1 },
    { .title = "human epitopes",
      .name = "receptors/dash_human",
      .label_column = "epitope",
      .group_column = "subject",
      .epochs = 6,
      .fixed_scale = 1 },
};

static eg_status measure_tissue(const struct experiment_context *run)
{
    return domain_run(run, tissue, sizeof tissue / sizeof *tissue);
}

static eg_status measure_receptors(const struct experiment_context *run)
{
    return domain_run(run, receptors, sizeof receptors / sizeof *receptors);
}

const struct experiment experiment_gene_tissue = {
    .name = "gene-tissue",
    .title = "seven tissues by the expression of 500 genes",
    .source = "Irizarry, dslabs",
    .setting = "quick: no choice of settings; full: settings chosen; 189 samples",
    .run = measure_tissue,
};

const struct experiment experiment_receptors = {
    .name = "receptors",
    .title = "which epitope a T-cell receptor binds, on mice and humans not trained on",
    .source = "Dash et al. 2017 (data)",
    .setting = "quick: 600 receptors of mice, no choice of settings; full: all, settings chosen",
    .run = measure_receptors,
};
