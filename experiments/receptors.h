/* experiments/receptors.h - what a method that knows no sequences is shown of repertoires: shares
 * of words and genes, and how many receptors there are. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EXPERIMENTS_RECEPTORS_H
#define EXPERIMENTS_RECEPTORS_H

#include "experiments/lab.h"

/**
 * Share of each word of k letters among all words of a repertoire: (N, 20^k), rows sum to 1.
 * Labels of what these three make are those of bags, borrowed; x is the caller's, to be freed.
 * @param bags  of codes (engram/repertoire.h)
 * @param k     1 to 4
 */
eg_status receptors_words(const eg_dataset *bags, size_t k, eg_dataset *out);

/**
 * Share of each V and each J gene, without its allele, among the receptors of a repertoire.
 * @param name  of the set in the catalogue, whose tables are read again
 */
eg_status receptors_genes(const char *name, const eg_dataset *bags, eg_dataset *out);

/* The logarithm of how many receptors are told apart: one column. */
eg_status receptors_richness(const eg_dataset *bags, eg_dataset *out);

/* The first receptors of each repertoire, at most so many: in tables by falling counts the most
 * abundant. x and labels are copied and borrowed as above, offset is to be freed too. */
eg_status receptors_first(const eg_dataset *bags, size_t most, eg_dataset *out);

#endif
