/* cli/parameter.h - NAME=VALUE of closed forms and of models. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_PARAMETER_H
#define CLI_PARAMETER_H

#include "cli/command.h"

/* The row of the parameter (at most `most`, ended by name NULL) that NAME=VALUE names, and where
 * its value begins; EXIT_USAGE, with the names that `owner` has. */
int parameter_named(const struct call *call, const char *owner, const eg_theory_param *params,
                    size_t most, const char *text, size_t *row, const char **value);

/* The table of parameters as a user reads it: name, value, summary, domain. */
void parameters_print(FILE *out, const eg_theory_param *params, size_t most, const double *value);

/* "p=3 T=0.5": of the table of all rows. Kept. */
const char *parameters_line(const eg_theory_param *params, size_t most);

#endif
