/* cli/cli_text.h - text that grows, memory that is never NULL, names nearly right. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CLI_TEXT_H
#define CLI_CLI_TEXT_H

#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "engram/status.h"

/* Memory of the program: says so and ends it with EXIT_MEMORY where there is none. A program
 * may do what the library must not. need() is released with free(); keep() when it ends. */
void *need(size_t count, size_t size);
float *need_floats(size_t rows, size_t cols);
char *keep(char *text);
char *keep_format(const char *format, ...) EG_PRINTF(1, 2);
/* The path as a file:// address, with what an address may not hold as %XX. */
char *keep_address(const char *path);
void keep_release(void);

/* A growing string: begin with { 0 }, end with text_clear. */
struct text {
    char *s;
    size_t size, room;
};
void text_add(struct text *t, const char *format, ...) EG_PRINTF(2, 3);
void text_add_bytes(struct text *t, const char *bytes, size_t size);
void text_add_word(struct text *t, const char *s); /* as a shell takes it: itself, or quoted */
void text_add_html(struct text *t, const char *s); /* with < > & " escaped */
void text_add_base64(struct text *t, const void *bytes, size_t size);
void text_clear(struct text *t);

/* The name most like `got` (by edits, at most a third of its letters), or NULL. name(user, i)
 * is NULL past the last. */
const char *nearest_name(const char *got, const char *(*name)(const void *user, size_t i),
                         const void *user);

/* "0.1,0.2" or "1:5:2" (first:last:step) into at most `room` numbers; 0 when it is neither. */
size_t parse_numbers(const char *s, double *out, size_t room);
/* The whole of s as a finite number. */
int parse_number(const char *s, double *out);
/* The finite number, or the whole number up to `most`, at the front of *s, which moves behind
 * it; 0 when there is none. */
int take_number(const char **s, double *out);
int take_whole(const char **s, uint64_t most, uint64_t *out);
/* What a size is counted in, by the text behind its number, as 64k, 16M, 1G; 0: it is no unit. */
uint64_t size_unit(const char *s, size_t length);

/* A number for JSON: null where it is not finite. */
json_t *json_number(double v);

/* Whether a memory file is there, by how it begins (docs/file-format.md). Asked before any is open,
 * for to close a descriptor of one gives up its locks. */
int is_memory_file(const char *path);
/* EXIT_IO, message printed. */
int cannot_write(const char *path, const char *why);
/* A file beside `path`, under a name that nobody else has, nor has put there, to be renamed when it
 * is whole. A pipe or a device takes what is written as it comes, and stays what it is: beside is
 * then NULL. */
FILE *open_output(const char *path, const char **beside);
/* Write a whole file: beside, flushed, renamed; a memory file is never overwritten. EXIT_DONE or
 * EXIT_IO, message printed. */
int write_file(const char *path, const char *bytes, size_t size);

#endif
