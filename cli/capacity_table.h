/* cli/capacity_table.h - cells of the capacity laboratory as a table and as charts, with what
 * theory says of each. Shared by engram capacity and engram tour. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CAPACITY_TABLE_H
#define CLI_CAPACITY_TABLE_H

#include "cli/report.h"
#include "cli/rule_options.h"

void capacity_begin(struct table *t);
void capacity_row(struct table *t, const eg_capacity_options *o, const eg_capacity_result *r);
/* The charts of a table; the lines of theory are those of the memory and size in o. */
void capacity_charts(struct report *r, const struct table *t, const eg_capacity_options *o);

/* Largest distance of measured and predicted share that one step turns; NaN without theory. */
double capacity_distance(const struct table *t);

#endif
