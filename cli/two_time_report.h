/* cli/two_time_report.h - how far weights moved between two times: table, picture, laws. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TWO_TIME_REPORT_H
#define CLI_TWO_TIME_REPORT_H

#include "cli/report.h"
#include "cli/training.h"

/* FOLDER/two-time.csv; nothing where it was not asked for. */
int two_time_write(const struct trained *t);
void two_time_report(const struct trained *t, struct report *r);

#endif
