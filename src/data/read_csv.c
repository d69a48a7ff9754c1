/* CSV (RFC 4180) with a header, and the tables of the UCR archive: label, then the values,
 * tabs between them, no header.
 *
 * One pass. Cells are slices of the text; numbers go to x as they are read, label cells are
 * kept as slices until all are known, for whether they are numbers or texts is a property of
 * the column. Problems are gathered (problems.c). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "data/egi_csv.h"

struct table {
    const struct egi_input *in;
    char separator;
    size_t at, line, line_start; /* the cursor; lines from 1 */
    struct egi_problems problems;
    struct egi_columns columns;
    struct egi_grow x;    /* float */
    struct egi_grow row;  /* struct egi_row */
    struct egi_grow mark; /* uint8_t, row by row: cells of columns that are marks of folds */
    struct egi_grow own;  /* struct egi_text: blocks of cells that had doubled quotes */
    size_t bags;          /* bags begun */
};

struct cell {
    struct egi_text text;
    size_t column; /* of its first byte, from 1 */
    int last;      /* of its line */
    int broken;    /* a quote that never ends, or text after one */
    int doubled;   /* it has quotes that stand doubled */
};

static char peek(const struct table *t)
{
    return t->at < t->in->size ? (char)t->in->bytes[t->at] : '\n';
}

static struct egi_text quoted(struct table *t, struct cell *c)
{
    const char *b = (const char *)t->in->bytes;
    const size_t start = ++t->at;
    while (t->at < t->in->size) {
        if (b[t->at] == '\n') t->line++; /* the cell's own line is reported by its caller */
        if (b[t->at] == '"' && (t->at + 1 >= t->in->size || b[t->at + 1] != '"')) break;
        c->doubled |= b[t->at] == '"';
        t->at += b[t->at] == '"' ? 2 : 1;
    }
    c->broken = t->at >= t->in->size;
    const size_t end = c->broken ? t->in->size : t->at++;
    return (struct egi_text){ b + start, end - start };
}

static struct cell next_cell(struct table *t)
{
    struct cell c = { .column = t->at - t->line_start + 1 };
    const char *b = (const char *)t->in->bytes;
    if (peek(t) == '"') {
        c.text = quoted(t, &c);
        while (peek(t) == ' ' || peek(t) == '\r') t->at++;
        c.broken |= peek(t) != t->separator && peek(t) != '\n';
    }
    const size_t start = t->at;
    while (peek(t) != t->separator && peek(t) != '\n') t->at++;
    if (c.text.p == NULL) c.text = egi_trim((struct egi_text){ b + start, t->at - start });
    c.last = peek(t) == '\n';
    t->at++;
    if (c.last) {
        t->line++;
        t->line_start = t->at;
    }
    return c;
}

/* The text of a quoted cell has each doubled quote once. */
static eg_status undouble(struct table *t, struct cell *c)
{
    void *block;
    if (!c->doubled) return EG_OK;
    EGI_TRY(egi_alloc_array(t->in->o.alloc, c->text.size, 1, "a cell", &block));
    const struct egi_text own = { block, c->text.size };
    char *to = block;
    for (size_t i = 0; i < c->text.size; i++) {
        *to++ = c->text.p[i];
        i += c->text.p[i] == '"';
    }
    c->text = (struct egi_text){ block, (size_t)(to - own.p) };
    c->doubled = 0;
    const eg_status s = egi_grow_push(&t->own, &own, t->in->name);
    if (s != EG_OK) egi_free(t->in->o.alloc, block, own.size);
    return s;
}

static eg_status read_header(struct table *t)
{
    double v;
    size_t numbers = 0;
    if (t->in->size >= 3 && memcmp(t->in->bytes, "\xef\xbb\xbf", 3) == 0) t->at = 3; /* UTF-8 */
    for (struct cell c = { 0 }; !c.last;) {
        c = next_cell(t);
        if (c.broken)
            return egi_fail(EG_ERR_CORRUPT, "%s:1:%zu: a quote without its end", t->in->name,
                            c.column);
        numbers += egi_parse_number(c.text.p, c.text.size, &v) == 0;
        EGI_TRY(undouble(t, &c));
        EGI_TRY(egi_columns_add(&t->columns, c.text));
    }
    if (numbers == t->columns.name.count)
        return egi_fail(EG_ERR_CORRUPT,
                        "%s:1:1: header line, expected names of columns, got "
                        "numbers; add a first line such as x1,x2,label",
                        t->in->name);
    EGI_TRY(egi_columns_check(&t->columns));
    if (t->in->of != NULL || t->columns.values > 0) return EG_OK;
    return egi_fail(EG_ERR_CORRUPT,
                    "%s:1:1: header line (looks like %s), expected a column of "
                    "numbers, got %zu columns and none of them",
                    t->in->name, egi_looks_like(t->in->bytes, t->in->size), t->columns.name.count);
}

/* The UCR form has no header: columns are counted on the first line. */
static eg_status count_columns(struct table *t)
{
    for (struct cell c = { 0 }; !c.last;) {
        const int first = t->columns.name.count == 0;
        c = next_cell(t);
        EGI_TRY(egi_columns_add_as(&t->columns, (struct egi_text){ "", 0 },
                                   first ? EGI_LABEL : (ptrdiff_t)t->columns.values));
    }
    t->at = t->line_start = 0;
    t->line = 1;
    if (t->columns.values == 0)
        return egi_fail(EG_ERR_CORRUPT,
                        "%s:1:1: one column (looks like %s), expected label, tab, "
                        "values",
                        t->in->name, egi_looks_like(t->in->bytes, t->in->size));
    return EG_OK;
}

static void bad_number(struct table *t, const struct cell *c, size_t k, int why)
{
    char got[40], name[40];
    const struct egi_text column = egi_column_name(&t->columns, k);
    const char *fix = why == -2 ? "outside the range of a float; scale it"
                      : egi_is_missing(c->text)
                          ? "a missing value; fill it in or leave the row out"
                          : "mend it or leave the column out: skip_columns (--skip)";
    egi_problem(&t->problems, t->line, c->column, "column %zu %s: expected a number, got %s, %s",
                k + 1, egi_quote(name, column), egi_quote(got, c->text), fix);
}

/* A cell that is a name: of a class, of a bag, of a group. Of a table of items a label may be
 * missing, which is that of an item to leave out. */
static eg_status take_name(struct table *t, struct cell *c, ptrdiff_t role, struct egi_row *row)
{
    static const char *const what[EGI_ROLES] = {
        [-EGI_LABEL] = "label", [-EGI_BAG] = "bag", [-EGI_GROUP] = "group", [-EGI_ITEM] = "name"
    };
    struct egi_text *to = role == EGI_LABEL   ? &row->label
                          : role == EGI_BAG   ? &row->bag
                          : role == EGI_GROUP ? &row->group
                                              : &row->item;
    char got[40];
    EGI_TRY(undouble(t, c));
    *to = c->text;
    if (!egi_is_missing(c->text) || role == EGI_ITEM || (role == EGI_LABEL && t->in->of != NULL))
        return EG_OK;
    egi_problem(&t->problems, t->line, c->column,
                "%s: expected one, got %s; fill it in or leave the row out", what[-role],
                c->text.size == 0 ? "an empty cell" : egi_quote(got, c->text));
    return EG_OK;
}

static eg_status take_mark(struct table *t, const struct cell *c, size_t k)
{
    char got[40], name[40];
    const uint8_t mark = c->text.size == 1 && c->text.p[0] == '1';
    if (!mark && !(c->text.size == 1 && c->text.p[0] == '0'))
        egi_problem(&t->problems, t->line, c->column, "column %zu %s: expected 0 or 1, got %s",
                    k + 1, egi_quote(name, egi_column_name(&t->columns, k)),
                    egi_quote(got, c->text));
    return egi_grow_push(&t->mark, &mark, t->in->name);
}

static eg_status take_cell(struct table *t, struct cell *c, size_t k, struct egi_row *row)
{
    const ptrdiff_t role = egi_column_role(&t->columns, k);
    if (role == EGI_SKIP) return EG_OK;
    if (role == EGI_MARK) return take_mark(t, c, k);
    if (role < 0) return take_name(t, c, role, row);
    double v = 0;
    const int why = egi_parse_number(c->text.p, c->text.size, &v);
    if (why != 0) bad_number(t, c, k, why);
    const float f = (float)v;
    if (t->x.count >= t->in->o.max_bytes / sizeof f)
        return egi_fail(EG_ERR_LIMIT, "%s: more than %zu bytes of values", t->in->name,
                        t->in->o.max_bytes);
    return egi_grow_push(&t->x, &f, t->in->name);
}

static int blank_line(const struct table *t)
{
    size_t at = t->at;
    while (at < t->in->size && t->in->bytes[at] == '\r') at++;
    return at >= t->in->size || t->in->bytes[at] == '\n';
}

static int has_bags(const struct table *t)
{
    return t->columns.has[-EGI_BAG] > 0;
}

static eg_status read_row(struct table *t)
{
    const size_t line = t->line, columns = t->columns.name.count;
    struct egi_row row = { .line = line };
    size_t k = 0;
    for (struct cell c = { 0 }; !c.last; k++) {
        c = next_cell(t);
        const size_t after = t->line;
        t->line = line; /* where the row begins is what a problem names */
        if (c.broken)
            egi_problem(&t->problems, t->line, c.column,
                        "a quote that is not closed before a separator");
        if (k < columns) EGI_TRY(take_cell(t, &c, k, &row));
        t->line = after;
    }
    if (k != columns)
        egi_problem(&t->problems, line, 1, "expected %zu cells as in the first line, got %zu; %s",
                    columns, k,
                    k < columns ? "add what is missing" : "quote cells that have a separator");
    const struct egi_row *rows = t->row.p;
    const size_t n = t->row.count;
    if (has_bags(t)) t->bags += n == 0 || !egi_text_same(rows[n - 1].bag, row.bag);
    return egi_grow_push(&t->row, &row, t->in->name);
}

/* The row after the last bag that is asked for, which was read to see that the bag has ended. */
static void drop_last(struct table *t)
{
    t->row.count--;
    t->x.count -= t->columns.values;
    t->mark.count -= t->columns.marks.count;
}

static eg_status read_rows(struct table *t)
{
    const size_t max = t->in->o.max_items;
    while (t->at < t->in->size
           && (max == 0 || (has_bags(t) ? t->bags <= max : t->row.count < max))) {
        if (blank_line(t)) {
            (void)next_cell(t);
            continue;
        }
        EGI_TRY(read_row(t));
        if (t->row.count % 65536 == 0)
            EGI_TRY(egi_report(t->in->o.progress, "read", t->at, t->in->size));
    }
    EGI_TRY(egi_problems_end(&t->problems));
    if (has_bags(t) && max > 0 && t->bags > max) drop_last(t);
    if (t->row.count == 0)
        return egi_fail(EG_ERR_CORRUPT, "%s:2:1: no rows after the header", t->in->name);
    return EG_OK;
}

/* Rows of a table of items, of which it says so by `name` or by bag, are those of the set. */
static eg_status check_items(struct table *t, const struct egi_row *row, size_t n)
{
    const eg_dataset *of = t->in->of;
    char want[40], got[40];
    if (of == NULL || of->item_names == NULL) return EG_OK;
    for (size_t i = 0; i < n && i < of->n; i++) {
        const struct egi_text name = row[i].item.p != NULL ? row[i].item : row[i].bag;
        const char *own = of->item_names[i];
        const struct egi_text is = egi_trim((struct egi_text){ own, strlen(own) });
        if (name.p == NULL || egi_text_same(egi_trim(name), is)) continue;
        egi_problem(&t->problems, row[i].line, 1,
                    "name: expected %s, as item %zu of the data is called, got %s; a row an item, "
                    "in their order",
                    egi_quote(want, is), i + 1, egi_quote(got, name));
    }
    return egi_problems_end(&t->problems);
}

/* Items, and what rows say of them; x is there. */
static eg_status set_items(struct table *t, eg_dataset *set)
{
    const struct egi_columns *c = &t->columns;
    struct egi_row *row = t->row.p;
    uint8_t *marks = t->mark.p;
    set->n = t->row.count;
    if (has_bags(t))
        EGI_TRY(egi_rows_to_bags(&t->problems, row, marks, c->marks.count, t->row.count, set));
    EGI_TRY(check_items(t, row, set->n));
    if (c->has[-EGI_LABEL] > 0) EGI_TRY(egi_rows_to_labels(t->in, row, set));
    if (c->has[-EGI_GROUP] > 0) EGI_TRY(egi_rows_to_groups(row, set));
    if (c->marks.count == 0) return EG_OK;
    return egi_marks_to_folds(t->in, c->marks.p, c->marks.count, row, marks, set);
}

static eg_status build(struct table *t, int header, eg_dataset *set)
{
    EGI_TRY(header ? read_header(t) : count_columns(t));
    EGI_TRY(read_rows(t));
    size_t cells;
    if (t->columns.values > 0) EGI_TRY(egi_grow_finish(&t->x, t->in->name, &set->x, &cells));
    set->d = t->columns.values;
    EGI_TRY(set_items(t, set));
    if (!header || set->d == 0) return EG_OK;
    EGI_TRY(egi_names_alloc(set->alloc, set->d, &set->column_names));
    for (size_t k = 0; k < t->columns.name.count; k++) {
        const ptrdiff_t role = egi_column_role(&t->columns, k);
        if (role < 0) continue;
        EGI_TRY(
            egi_name_set(set->alloc, egi_column_name(&t->columns, k), &set->column_names[role]));
    }
    return EG_OK;
}

static eg_status parse_table(const struct egi_input *in, char separator, int header,
                             eg_dataset *set)
{
    const eg_allocator *a = in->o.alloc;
    struct table t = { .in = in, .separator = separator, .line = 1, .problems = { .in = in } };
    egi_columns_begin(&t.columns, in);
    t.row = (struct egi_grow){ .a = a, .item = sizeof(struct egi_row) };
    t.mark = (struct egi_grow){ .a = a, .item = sizeof(uint8_t) };
    t.x = (struct egi_grow){ .a = a, .item = sizeof(float) };
    t.own = (struct egi_grow){ .a = a, .item = sizeof(struct egi_text) };
    const eg_status s = build(&t, header, set);
    egi_columns_clear(&t.columns);
    egi_grow_clear(&t.x);
    egi_grow_clear(&t.row);
    egi_grow_clear(&t.mark);
    const struct egi_text *own = t.own.p;
    for (size_t i = 0; i < t.own.count; i++) egi_free(a, (void *)(uintptr_t)own[i].p, own[i].size);
    egi_grow_clear(&t.own);
    return s;
}

static eg_status parse_csv(const struct egi_input *in, eg_dataset *set)
{
    EGI_TRY(parse_table(in, ',', 1, set));
    return egi_labels_from_file(in, set);
}

static eg_status parse_ucr(const struct egi_input *in, eg_dataset *set)
{
    return parse_table(in, '\t', 0, set);
}

const struct egi_reader egi_reader_csv = {
    { "csv", "CSV with a header; the label column is found or named; gz or plain", "RFC 4180" },
    "CSV",
    NULL,
    { ".csv" },
    parse_csv
};
const struct egi_reader egi_reader_ucr = {
    { "ucr", "label, tab, values, as in the UCR archive; gz or plain",
      "Dau et al. 2019, the UCR time series archive" },
    "UCR table",
    NULL,
    { ".tsv" },
    parse_ucr
};
