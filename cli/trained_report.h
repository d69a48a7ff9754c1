/* cli/trained_report.h - what a trained learner shows: its report, and the table of confusions. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_TRAINED_REPORT_H
#define CLI_TRAINED_REPORT_H

#include "cli/report.h"
#include "cli/training.h"

/* FOLDER/report.html of a run that has ended. */
int trained_report(const struct call *call, struct trained *t);

#endif
