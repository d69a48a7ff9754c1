/* Bags inside a network: see bags.c. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef EGI_BAGS_H
#define EGI_BAGS_H

#include "nn/egi_layer.h"

/* Whether x is the rows of bags: the examples are bags, and its rank is 2. */
int egi_bags_are(const struct egi_scope *s, eg_var x);
size_t egi_bags_largest(const struct egi_scope *s);
/* Rows (R, D) as (B, N, D). */
eg_var egi_bags_pad(struct egi_scope *s, eg_var x);
/* (B, 1, 1, N) 1 where there is no row, or, with probability `drop` in training, one that is not
 * to be seen; EG_NONE where all are. */
eg_var egi_bags_padding(struct egi_scope *s, double drop);
/* (B, N, D) back as rows (R, D). */
eg_var egi_bags_rows(struct egi_scope *s, eg_var x);

#endif
