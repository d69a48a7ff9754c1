/* cli/one_writer.h - the turn of one process that changes a memory file in several transactions. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_ONE_WRITER_H
#define CLI_ONE_WRITER_H

#include "cli/console.h"

/* Wait for the turn: an exit code, message printed. *turn goes to one_writer_end once the memory
 * file is closed: closing any descriptor of a file undoes SQLite's locks on it. A file that is not
 * there has no turn, and opening it says so. */
int one_writer_begin(const struct call *call, const char *path, int *turn);
/* The turn of one that begins a file: that of the folder it will lie in. */
int one_writer_begin_new(const struct call *call, const char *path, int *turn);
void one_writer_end(int turn);

#endif
