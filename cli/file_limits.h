/* What a file may ask for: as --max-bytes says, for every file that a command reads. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_FILE_LIMITS_H
#define CLI_FILE_LIMITS_H

#include "cli/cli_table.h"

void limits_set(size_t max_bytes);
/* 0: nothing was said. */
size_t limits_given(void);
/* The limits and what sets another, one a row. */
void limits_table(struct table *t);

#endif
