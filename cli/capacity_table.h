/* cli/capacity_table.h - cells of the capacity laboratory as a table and as charts, with what
 * theory says of each. Shared by engram capacity and engram tour. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CAPACITY_TABLE_H
#define CLI_CAPACITY_TABLE_H

#include "cli/report.h"
#include "cli/rule_options.h"

void capacity_begin(struct table *t);
void capacity_row(struct table *t, const eg_capacity_options *o, const eg_capacity_result *r);
void capacity_charts(struct report *r, const struct table *t);

/* The share of components of a stored pattern that one step turns, by the closed form for this
 * memory; NaN where there is none. */
double capacity_theory(const eg_capacity_options *o);

#endif
