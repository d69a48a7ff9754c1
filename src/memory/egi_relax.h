/* Asynchronous updates: what the ways of keeping patterns share. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_RELAX_H
#define EGI_RELAX_H

#include "memory/egi_memory.h"

/* The two values a component may take: -1, +1 under sign; 0, 1 under threshold. */
eg_status egi_binary_values(const eg_rule *rule, float *low, float *high);

/* The components in the order of sweep number t: order (D). The same for every query, so
 * that a query's result does not depend on its place in the batch. */
void egi_sweep_order(const eg_recall_options *options, size_t d, size_t t, size_t *order);

/* relax.c - for any similarity and separation, over the scores of the patterns. */
eg_status egi_relax_scores(const eg_memory *m, const struct egi_relax *relax, float *x,
                           struct egi_relaxed *result);

#endif
