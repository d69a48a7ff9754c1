/* cli/recall_used.h - which stored items an answer stands on. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_RECALL_USED_H
#define CLI_RECALL_USED_H

#include "cli/cli_table.h"
#include "cli/stored.h"

/* The `most` items of the largest |weights| at a state (D), those of weight 0 left out. An exit
 * code, message printed; the table is to be cleared in any case. */
int recall_used(struct stored *s, const float *state, size_t most, struct table *t);

#endif
