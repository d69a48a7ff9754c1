/* Tables of results. JSON and CSV carry every digit; what is read by people follows the
 * column's format. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/cli_table.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "cli/console.h"

void table_begin(struct table *t, const char *title, const struct column *columns, size_t cols)
{
    *t = (struct table){ title, columns, cols, 0, 0, NULL };
}

static struct cell *next_cell(struct table *t)
{
    if (t->cells == t->room) {
        const size_t room = 2 * t->room + 8 * t->cols;
        struct cell *grown = need(room, sizeof *grown);
        if (t->cells != 0) memcpy(grown, t->cell, t->cells * sizeof *grown);
        free(t->cell);
        t->cell = grown;
        t->room = room;
    }
    return &t->cell[t->cells++];
}

void table_number(struct table *t, double v)
{
    *next_cell(t) = (struct cell){ v, NULL };
}

void table_word(struct table *t, const char *format, ...)
{
    va_list args;
    char *s = NULL;
    va_start(args, format);
    if (vasprintf(&s, format, args) < 0) s = NULL;
    va_end(args);
    if (s == NULL) s = need(1, 1);
    *next_cell(t) = (struct cell){ 0, s };
}

void table_clear(struct table *t)
{
    for (size_t i = 0; i < t->cells; i++) free(t->cell[i].text);
    free(t->cell);
    *t = (struct table){ 0 };
}

size_t table_rows(const struct table *t)
{
    return t->cols > 0 ? t->cells / t->cols : 0;
}

/* The formats are literals of column tables: checked there by eye, not by the compiler. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static const char *cell_text(const struct table *t, size_t row, size_t col, char buffer[64])
{
    const struct cell *c = &t->cell[row * t->cols + col];
    if (c->text != NULL) return harmless(c->text);
    if (!isfinite(c->number)) return isnan(c->number) ? "-" : c->number > 0 ? "inf" : "-inf";
    snprintf(buffer, 64, t->columns[col].format ? t->columns[col].format : "%g", c->number);
    return buffer;
}
#pragma GCC diagnostic pop

/* Columns that a terminal shows: letters, not bytes, of UTF-8. */
static int letters(const char *s)
{
    int n = 0;
    for (; *s != '\0'; s++) n += ((unsigned char)*s & 0xC0) != 0x80;
    return n;
}

static int is_number(const struct table *t, size_t col)
{
    return t->columns[col].format != NULL;
}

static void print_cell(FILE *out, const char *s, int width, int right, int last)
{
    const int pad = width - letters(s);
    fprintf(out, "%*s%s%*s", right ? pad : 0, "", s, right || last ? 0 : pad, "");
    fputs(last ? "\n" : "  ", out);
}

void table_print(const struct table *t, FILE *out)
{
    int *width = need(t->cols, sizeof *width);
    char buffer[64];
    for (size_t c = 0; c < t->cols; c++) {
        width[c] = letters(t->columns[c].name);
        for (size_t r = 0; r < table_rows(t); r++) {
            const int w = letters(cell_text(t, r, c, buffer));
            if (w > width[c]) width[c] = w;
        }
    }
    for (size_t c = 0; c < t->cols; c++) {
        snprintf(buffer, sizeof buffer, "%s", t->columns[c].name);
        for (char *s = buffer; *s != '\0'; s++)
            if (*s == '_') *s = ' ';
        print_cell(out, buffer, width[c], is_number(t, c), c + 1 == t->cols);
    }
    for (size_t r = 0; r < table_rows(t); r++)
        for (size_t c = 0; c < t->cols; c++)
            print_cell(out, cell_text(t, r, c, buffer), width[c], is_number(t, c),
                       c + 1 == t->cols);
    free(width);
}

static void csv_field(struct text *out, const char *s)
{
    if (s[strcspn(s, ",\"\n")] == '\0') {
        text_add(out, "%s", s);
        return;
    }
    text_add(out, "\"");
    for (; *s != '\0'; s++) text_add(out, *s == '"' ? "\"\"" : "%c", *s);
    text_add(out, "\"");
}

void table_csv(const struct table *t, struct text *out)
{
    for (size_t c = 0; c < t->cols; c++) {
        csv_field(out, t->columns[c].name);
        text_add(out, "%s", c + 1 == t->cols ? "\n" : ",");
    }
    for (size_t r = 0; r < table_rows(t); r++)
        for (size_t c = 0; c < t->cols; c++) {
            const struct cell *cell = &t->cell[r * t->cols + c];
            if (cell->text != NULL)
                csv_field(out, cell->text);
            else if (!isnan(cell->number))
                text_add(out, "%.9g", cell->number);
            text_add(out, "%s", c + 1 == t->cols ? "\n" : ",");
        }
}

void table_html(const struct table *t, struct text *out)
{
    char buffer[64];
    text_add(out, "<div class=\"scroll\"><table><thead><tr>");
    for (size_t c = 0; c < t->cols; c++) {
        snprintf(buffer, sizeof buffer, "%s", t->columns[c].name);
        for (char *s = buffer; *s != '\0'; s++)
            if (*s == '_') *s = ' ';
        text_add(out, "<th scope=\"col\"%s>", is_number(t, c) ? " class=\"n\"" : "");
        text_add_html(out, buffer);
        text_add(out, "</th>");
    }
    text_add(out, "</tr></thead><tbody>\n");
    for (size_t r = 0; r < table_rows(t); r++) {
        text_add(out, "<tr>");
        for (size_t c = 0; c < t->cols; c++) {
            text_add(out, "<td%s>", is_number(t, c) ? " class=\"n\"" : "");
            text_add_html(out, cell_text(t, r, c, buffer));
            text_add(out, "</td>");
        }
        text_add(out, "</tr>\n");
    }
    text_add(out, "</tbody></table></div>\n");
}

json_t *table_json(const struct table *t)
{
    json_t *rows = json_array();
    for (size_t r = 0; r < table_rows(t); r++) {
        json_t *row = json_object();
        for (size_t c = 0; c < t->cols; c++) {
            const struct cell *cell = &t->cell[r * t->cols + c];
            json_object_set_new(row, t->columns[c].name,
                                cell->text ? json_string(cell->text) : json_number(cell->number));
        }
        json_array_append_new(rows, row);
    }
    return rows;
}
