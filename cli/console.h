/* cli/console.h - messages, errors, progress and Ctrl-C. All on standard error. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CONSOLE_H
#define CLI_CONSOLE_H

#include "cli/command.h"

/* s with ? for bytes that would steer a terminal: whoever made a file chose its names. Kept. */
const char *harmless(const char *s);
/* What is harmless of s as one word of a shell's line. Kept. */
const char *shell_word(const char *s);

/* A message, a chosen default, what to type next; nothing of it with --quiet. */
void say(const struct call *call, const char *format, ...) EG_PRINTF(2, 3);
/* format begins with "engram ", which is printed as the program was called. */
void say_next(const struct call *call, const char *format, ...) EG_PRINTF(2, 3);

/* Errors are said even with --quiet. fail: the library's detail of `status` after `what`
 * (NULL: alone), and its exit code. fail_usage: EXIT_USAGE, with the way to help. */
int fail(eg_status status, const char *what);
/* The same where the detail begins with the name of a scratch file: `name` in its place. */
int fail_as(eg_status status, const char *scratch, const char *name);
int fail_usage(const struct call *call, const char *format, ...) EG_PRINTF(2, 3);
int exit_of(eg_status status);

/* Detail of the last failure without the name of the function that reported it. */
const char *plain_detail(void);

/* Print an object: as JSON with --json, else a line for each key. */
void print_record(const struct call *call, json_t *record);
/* One JSON object on one line. */
void print_json_line(FILE *out, json_t *object);

/* Progress: a bar on a terminal, elsewhere one line every 10 s. Ctrl-C ends the work. */
struct bar {
    const struct call *call;
    double started, shown;
    int drawn;
    uint64_t first; /* done before the first report */
    int begun;
};
eg_progress bar_begin(struct bar *bar, const struct call *call);
void bar_end(struct bar *bar);

void catch_interrupt(void);
int interrupted(void);
/* What the user types to start the program; "engram" until this says otherwise. */
void called_as(const char *program);
/* From now on Ctrl-C ends the program at once: for work that leaves nothing half written. */
void let_interrupt_end(void);

double seconds_now(void); /* monotonic */

/* Whether colour is wanted on a stream: a terminal, and neither NO_COLOR nor TERM=dumb. */
int wants_colour(FILE *stream);
/* "" or an escape sequence: bold, faint, green, red, plain. */
const char *style(FILE *stream, const char *name);

#endif
