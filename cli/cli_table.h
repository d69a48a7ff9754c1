/* cli/cli_table.h - a table of results: one form for the terminal, CSV, JSON and reports. */
/* SPDX-License-Identifier: Apache-2.0 */
#ifndef CLI_CLI_TABLE_H
#define CLI_CLI_TABLE_H

#include <stddef.h>
#include <stdio.h>

#include <jansson.h>

#include "cli/cli_text.h"

struct column {
    const char *name;   /* "bit_error": a key of JSON and CSV; '_' is printed as a space */
    const char *format; /* printf format of a double; NULL: the cells are text */
};

struct table {
    const char *title;
    const struct column *columns; /* (cols) borrowed */
    size_t cols, cells, room;
    struct cell {
        double number;
        char *text; /* NULL: a number */
    } * cell;       /* (rows, cols) */
};

void table_begin(struct table *t, const char *title, const struct column *columns, size_t cols);
/* The next cell, rows from the left. A number that is not finite is printed "-". */
void table_number(struct table *t, double v);
void table_word(struct table *t, const char *format, ...) EG_PRINTF(2, 3);
void table_clear(struct table *t);
size_t table_rows(const struct table *t);

void table_print(const struct table *t, FILE *out);
void table_csv(const struct table *t, struct text *out);
void table_html(const struct table *t, struct text *out);
json_t *table_json(const struct table *t); /* an array of objects */

#endif
