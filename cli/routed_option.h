/* cli/routed_option.h - recall --routed EPS: an index over the memory, and what it proves. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_ROUTED_OPTION_H
#define CLI_ROUTED_OPTION_H

#include <jansson.h>

#include "cli/console.h"
#include "engram/routed.h"

/* The index, where error > 0; said. EXIT_DONE or what failed. */
int routed_begin(const struct call *call, const eg_memory *m, double error, eg_routed **out);

/* What is proved of one more update of each state x (Q, D); said. To be freed. */
int routed_prove(const struct call *call, const eg_routed *r, double error, const float *x,
                 size_t q, eg_routed_certificate **out);

json_t *routed_json(const eg_routed_certificate *c);

#endif
