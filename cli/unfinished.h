/* cli/unfinished.h - what a memory file remembers of a store that is not complete.
 *
 * The note "unfinished" = "DONE TOTAL SIZE SUM COUNT NAME": of TOTAL items of SIZE numbers with
 * checksum SUM (hex), called NAME, DONE were stored when the file held COUNT patterns. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_UNFINISHED_H
#define CLI_UNFINISHED_H

#include "engram/engram.h"

struct unfinished {
    uint64_t done, total, size, sum;
    uint64_t count;   /* patterns in the file */
    const char *name; /* of the data; kept for the program's life */
};

/* What is to be stored, nothing of it done yet. */
struct unfinished unfinished_of(const eg_dataset *set, const char *name);
/* 1 and *u when a store into f did not complete. done counts what is in the file, also what
 * came in after the note was last written. */
int unfinished_read(eg_memory_file *f, struct unfinished *u);
/* The note of a store into a file that does not exist yet, to be created with it. */
eg_note unfinished_note(const struct unfinished *u);
/* Write the note for the patterns that f has now. */
eg_status unfinished_write(eg_memory_file *f, struct unfinished *u);
eg_status unfinished_clear(eg_memory_file *f);
int unfinished_same(const struct unfinished *a, const struct unfinished *b);

#endif
