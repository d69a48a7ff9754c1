/* cli/command.h - what a command is: one struct in its own file, one row in main.c.
 *
 * The option table of a command is all there is to say about its options: parsing (libpopt),
 * help, man page and shell completion are read from it. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_COMMAND_H
#define CLI_COMMAND_H

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <jansson.h>

#include "engram/engram.h"

/* Exit codes, the same for every command. */
enum exit_code {
    EXIT_DONE = 0,
    EXIT_NO = 1, /* ran, and the answer is no */
    EXIT_USAGE = 2,
    EXIT_CORRUPT = 3,
    EXIT_IO = 4,
    EXIT_MEMORY = 5,
    EXIT_INTERRUPTED = 130
};

enum opt_kind {
    OPT_FLAG,
    OPT_INT,
    OPT_SIZE,
    OPT_SEED,
    OPT_NUMBER,
    OPT_TEXT,
    OPT_CHOICE,
    OPT_TEXTS
};

/* The values of an option that may be given more than once. */
enum { TEXTS_MOST = 64 };
struct texts {
    size_t n;
    const char *item[TEXTS_MOST];
};

/* One option. It is stored at `offset` of the command's option struct: int (flag, int,
 * choice: the row's number), size_t, uint64_t, double, const char * or struct texts. */
struct opt {
    const char *name;
    char letter; /* 0: none */
    enum opt_kind kind;
    size_t offset;
    const char *arg; /* what stands for the value in help, NULL for flags */
    const char *summary;
    const char *(*choice)(
        size_t row);  /* names of a choice, NULL past its end. OPT_TEXT: for completion */
    double low, high; /* domain of a number; both 0: any */
};

/* Every option struct begins with these. */
struct common {
    int json, quiet, help, threads;
    uint64_t seed;
    size_t max_bytes;
    const char *output;
};

struct command;

/* One call of a command. */
struct call {
    const struct command *command;
    const struct common *common;
    const void *options;     /* the command's option struct */
    const char *const *args; /* (nargs) what is no option */
    size_t nargs;
    const char *line; /* the whole command line, quoted for a shell */
    FILE *out;        /* where data goes: standard output, or the file of -o */
};

struct command {
    const char *name, *summary;
    const char *arguments;     /* "FILE.egm [CUE...]" */
    const char *examples;      /* lines of a shell */
    const char *notes;         /* paragraphs, or NULL */
    const struct opt *options; /* ends with name NULL; NULL: only the common ones */
    const void *defaults;      /* its option struct, `size` bytes; NULL: a struct common */
    size_t size;
    size_t min_args, max_args;
    int own_output; /* 1: -o is not standard output's file but what the command says;
                       2: and that is a folder */
    /* Names for completion: of the first argument, and of the second; NULL: files. */
    const char *(*first)(const void *user, size_t i);
    const char *(*second)(const void *user, size_t i);
    const char *own_output_words; /* the same when the first argument is one of "these|words" */
    int (*run)(const struct call *call);
    /* What --help adds at its end, given the options typed beside it; NULL: nothing. */
    void (*more_help)(FILE *out, const void *options);
};

/* The table of commands, in the order help shows; ends with NULL. */
extern const struct command *const commands[];
const struct command *command_find(const char *name);

/* The options every command has; ends with name NULL. */
extern const struct opt common_options[];

/* Parse argv[0..argc-1] (the words after the verb) into values (command->size bytes, already
 * the defaults) and args. EXIT_DONE, or EXIT_USAGE with the message printed. */
int options_parse(const struct command *command, int argc, const char *const *argv, void *values,
                  const char *const **args, size_t *nargs);

/* Values as a JSON object by the names of rows, and back; 0: a value is none of its option. */
json_t *options_to_json(const struct opt *rows, const void *values);
int options_from_json(const struct opt *rows, const json_t *object, void *values);

void help_command(FILE *out, const struct command *command);
void help_all(FILE *out);
void help_man(FILE *out);
void help_completion(FILE *out);

#endif
