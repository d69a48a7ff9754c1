/* cli/stored.h - a memory file opened by the program: the memory and what its notes say. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_STORED_H
#define CLI_STORED_H

#include "cli/console.h"
#include "cli/scaling.h"

struct stored {
    eg_memory_file *file;
    eg_memory *memory; /* NULL until stored_load */
    struct shape shape;
    struct scaling scaling;
    const char *path;
    const char *title; /* "" where there is none */
    struct bar bar;    /* of everything done with the file; Ctrl-C ends it */
    eg_progress progress;
};

/* Open, with notes; message printed on failure. read_only: 0 or 1. s stays where it is until
 * stored_close. */
int stored_open(const struct call *call, const char *path, int read_only, struct stored *s);
/* A new file that has its notes from the first moment on. */
eg_status stored_create(const struct call *call, const char *path, size_t d,
                        const eg_memory_options *memory, const eg_note *notes, size_t note_count,
                        struct stored *s);
int stored_load(const struct call *call, struct stored *s);
/* That a file holds something else than a command wants: what, and which command reads it. */
int stored_refuse(const struct call *call, const struct stored *s);
void stored_close(struct stored *s);

/* Notes of an open file, all of them; released when the program ends. */
size_t stored_notes(struct stored *s, const eg_note **notes);

/* What a command does by what its first argument holds: the first row that says it does, the last
 * one (holds NULL) with anything. */
struct contents {
    int (*holds)(const char *path);
    int (*run)(const struct call *call);
};
int run_by_contents(const struct call *call, const struct contents *rows);

/* "3" or the name of class 3; "" for a label below 0. Borrowed for the program's life. */
const char *stored_class(struct stored *s, int32_t label);

/* Data by file, folder, catalogue name or "-"; exit code, message printed. */
/* Whether a name that is no file here was meant as one: it has a '/', a '.' or a space, and no
 * set of the catalogue begins it. */
int means_path(const char *name);

int data_read(const struct call *call, const char *name, const eg_read_options *options,
              eg_dataset *out);
/* A file by its path, called `name` in messages. */
int data_read_file(const struct call *call, const char *path, const char *name,
                   const eg_read_options *options, eg_dataset *out);
/* "-" as a file that can be read twice: its path, or NULL with the message printed. */
const char *path_of_stdin(void);
/* One line for the folders of $ENGRAM_DATA that are not there. */
void warn_of_folders(const struct call *call);
int path_exists(const char *path);

#endif
