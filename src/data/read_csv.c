/* CSV (RFC 4180) with a header, and the tables of the UCR archive: label, then the values,
 * tabs between them, no header.
 *
 * One pass. Cells are slices of the text; numbers go to x as they are read, label cells are
 * kept as slices until all are known, for whether they are numbers or texts is a property of
 * the column. Problems are gathered (problems.c). */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "data/egi_data.h"

enum {
    SKIP = -1,
    LABEL = -2,
    BAG = -3,
    MARK = -4,
    GROUP = -5
}; /* what a column is; else its place in x */

struct table {
    const struct egi_input *in;
    char separator;
    size_t at, line, line_start; /* the cursor; lines from 1 */
    struct egi_problems problems;
    struct egi_grow name;  /* struct egi_text: the header */
    struct egi_grow role;  /* ptrdiff_t a column */
    struct egi_grow x;     /* float */
    struct egi_grow row;   /* struct egi_row */
    struct egi_grow mark;  /* uint8_t, row by row: cells of columns that are marks of folds */
    struct egi_grow marks; /* struct egi_text: their names */
    size_t values;         /* columns of x */
    size_t bags;           /* bags begun */
    int has_label, has_bag, has_group;
};

struct cell {
    struct egi_text text;
    size_t column; /* of its first byte, from 1 */
    int last;      /* of its line */
    int broken;    /* a quote that never ends, or text after one */
};

static char peek(const struct table *t)
{
    return t->at < t->in->size ? (char)t->in->bytes[t->at] : '\n';
}

static struct egi_text quoted(struct table *t, int *broken)
{
    const char *b = (const char *)t->in->bytes;
    const size_t start = ++t->at;
    while (t->at < t->in->size) {
        if (b[t->at] == '\n') t->line++; /* the cell's own line is reported by its caller */
        if (b[t->at] == '"' && (t->at + 1 >= t->in->size || b[t->at + 1] != '"')) break;
        t->at += b[t->at] == '"' ? 2 : 1;
    }
    *broken = t->at >= t->in->size;
    const size_t end = *broken ? t->in->size : t->at++;
    return (struct egi_text){ b + start, end - start };
}

static struct egi_text trim(struct egi_text s)
{
    while (s.size > 0 && (s.p[0] == ' ' || s.p[0] == '\t')) s.p++, s.size--;
    while (s.size > 0 && strchr(" \t\r", s.p[s.size - 1]) != NULL && s.p[s.size - 1] != '\0')
        s.size--;
    return s;
}

static struct cell next_cell(struct table *t)
{
    struct cell c = { .column = t->at - t->line_start + 1 };
    const char *b = (const char *)t->in->bytes;
    if (peek(t) == '"') {
        c.text = quoted(t, &c.broken);
        while (peek(t) == ' ' || peek(t) == '\r') t->at++;
        c.broken |= peek(t) != t->separator && peek(t) != '\n';
    }
    const size_t start = t->at;
    while (peek(t) != t->separator && peek(t) != '\n') t->at++;
    if (c.text.p == NULL) c.text = trim((struct egi_text){ b + start, t->at - start });
    c.last = peek(t) == '\n';
    t->at++;
    if (c.last) {
        t->line++;
        t->line_start = t->at;
    }
    return c;
}

static int text_is(struct egi_text t, const char *name, size_t size)
{
    return t.size == size && strncasecmp(t.p, name, size) == 0;
}

/* Whether a name stands in a list separated by commas. */
static int listed(const char *list, struct egi_text name)
{
    for (const char *p = list; p != NULL && *p != '\0';) {
        const size_t n = strcspn(p, ",");
        if (n == name.size && memcmp(p, name.p, n) == 0) return 1;
        p += n + (p[n] == ',');
    }
    return 0;
}

static int is_label(const struct table *t, struct egi_text name)
{
    const char *wanted = t->in->o.label_column;
    if (t->has_label) return 0;
    if (wanted != NULL)
        return name.size == strlen(wanted) && memcmp(name.p, wanted, name.size) == 0;
    return text_is(name, "label", 5) || text_is(name, "class", 5);
}

static int is_bag(const struct table *t, struct egi_text name)
{
    const char *wanted = t->in->o.bag_column;
    if (wanted == NULL || t->has_bag) return 0;
    if (wanted[0] == '\0') return text_is(name, "bag", 3);
    return name.size == strlen(wanted) && memcmp(name.p, wanted, name.size) == 0;
}

static int is_group(const struct table *t, struct egi_text name)
{
    const char *wanted = t->in->o.group_column;
    return wanted != NULL && !t->has_group && name.size == strlen(wanted)
           && memcmp(name.p, wanted, name.size) == 0;
}

static ptrdiff_t role_of(const struct table *t, struct egi_text name, int label)
{
    int valid;
    if (label) return LABEL;
    if (is_bag(t, name)) return BAG;
    if (is_group(t, name)) return GROUP;
    if (t->in->o.folds && egi_fold_of_column(name, &valid) > 0) return MARK;
    if (t->in->items_only) return SKIP;
    return listed(t->in->o.skip_columns, name) ? SKIP : (ptrdiff_t)t->values;
}

static eg_status add_column(struct table *t, struct egi_text name, int label)
{
    const ptrdiff_t role = role_of(t, name, label);
    t->has_label |= label;
    t->has_bag |= role == BAG;
    t->has_group |= role == GROUP;
    t->values += role >= 0;
    if (role == MARK) EGI_TRY(egi_grow_push(&t->marks, &name, t->in->name));
    EGI_TRY(egi_grow_push(&t->name, &name, t->in->name));
    return egi_grow_push(&t->role, &role, t->in->name);
}

static int by_name(const void *a, const void *b)
{
    const struct egi_text *x = a, *y = b;
    const size_t n = x->size < y->size ? x->size : y->size;
    const int order = n > 0 ? memcmp(x->p, y->p, n) : 0;
    return order != 0 ? order : (x->size > y->size) - (x->size < y->size);
}

/* A name that two columns have says of neither which it is. */
static eg_status check_names(const struct table *t)
{
    char quoted_name[40];
    const size_t n = t->name.count;
    void *block;
    EGI_TRY(egi_alloc_array(t->in->o.alloc, n, sizeof(struct egi_text), "names", &block));
    struct egi_text *name = block, twice = { NULL, 0 };
    memcpy(name, t->name.p, n * sizeof *name);
    qsort(name, n, sizeof *name, by_name);
    for (size_t k = 1; k < n && twice.size == 0; k++)
        if (name[k].size > 0 && by_name(&name[k - 1], &name[k]) == 0) twice = name[k];
    egi_free(t->in->o.alloc, block, n * sizeof *name);
    if (twice.size == 0) return EG_OK;
    return egi_fail(EG_ERR_CORRUPT, "%s:1:%zu: two columns are named %s; rename one", t->in->name,
                    (size_t)(twice.p - (const char *)t->in->bytes) + 1,
                    egi_quote(quoted_name, twice));
}

/* What the options name has to be there: here, or in the table of items that they name. */
static eg_status check_asked(const struct table *t)
{
    const eg_read_options *o = &t->in->o;
    const struct {
        const char *name, *option, *flag;
        int is_there;
    } asked[] = {
        { o->label_column, "label_column", "--label-column", t->has_label },
        { o->bag_column, "bag_column", "--bag-column", t->has_bag || t->in->items_only },
        { o->group_column, "group_column", "--group-column", t->has_group },
    };
    const int elsewhere = o->labels != NULL;
    for (size_t i = 0; i < EGI_COUNT(asked) && !elsewhere; i++)
        if (asked[i].name != NULL && asked[i].name[0] != '\0' && !asked[i].is_there)
            return egi_fail(EG_ERR_CORRUPT, "%s:1:1: no column is named %s, as %s (%s) says",
                            t->in->name, asked[i].name, asked[i].option, asked[i].flag);
    if (!o->folds || t->marks.count > 0 || elsewhere) return EG_OK;
    return egi_fail(EG_ERR_CORRUPT,
                    "%s:1:1: expected columns test1, test2, .. that are folds, got none",
                    t->in->name);
}

/* Of a table of items that has one column, this is the label, whatever its name. */
static void take_only_column(struct table *t)
{
    if (t->name.count > 1 || t->has_label || t->has_group || t->marks.count > 0) return;
    *(ptrdiff_t *)t->role.p = LABEL;
    t->has_label = 1;
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
        EGI_TRY(add_column(t, c.text, is_label(t, c.text)));
    }
    if (numbers == t->name.count)
        return egi_fail(EG_ERR_CORRUPT,
                        "%s:1:1: header line, expected names of columns, got "
                        "numbers; add a first line such as x1,x2,label",
                        t->in->name);
    EGI_TRY(check_names(t));
    EGI_TRY(check_asked(t));
    if (t->in->items_only) {
        take_only_column(t);
        return EG_OK;
    }
    if (t->values == 0)
        return egi_fail(EG_ERR_CORRUPT,
                        "%s:1:1: header line (looks like %s), expected a column of "
                        "numbers, got %zu columns and none of them",
                        t->in->name, egi_looks_like(t->in->bytes, t->in->size), t->name.count);
    return EG_OK;
}

/* The UCR form has no header: columns are counted on the first line. */
static eg_status count_columns(struct table *t)
{
    for (struct cell c = { 0 }; !c.last;) {
        c = next_cell(t);
        EGI_TRY(add_column(t, (struct egi_text){ "", 0 }, t->name.count == 0));
    }
    t->at = t->line_start = 0;
    t->line = 1;
    if (t->values == 0)
        return egi_fail(EG_ERR_CORRUPT,
                        "%s:1:1: one column (looks like %s), expected label, tab, "
                        "values",
                        t->in->name, egi_looks_like(t->in->bytes, t->in->size));
    return EG_OK;
}

static void bad_number(struct table *t, const struct cell *c, size_t k, int why)
{
    char got[40], name[40];
    const struct egi_text column = ((struct egi_text *)t->name.p)[k];
    const char *fix = why == -2 ? "outside the range of a float; scale it"
                      : c->text.size == 0
                          ? "a missing value; fill it in or leave the row out"
                          : "mend it or leave the column out: skip_columns (--skip)";
    egi_problem(&t->problems, t->line, c->column, "column %zu %s: expected a number, got %s, %s",
                k + 1, egi_quote(name, column), egi_quote(got, c->text), fix);
}

/* A cell that is a name: of a class, of a bag, of a group. */
static eg_status take_name(struct table *t, const struct cell *c, const char *what,
                           struct egi_text *to)
{
    if (c->text.size == 0)
        egi_problem(&t->problems, t->line, c->column,
                    "%s: expected one, got an empty cell; fill it in or leave the row out", what);
    *to = c->text;
    return EG_OK;
}

static eg_status take_mark(struct table *t, const struct cell *c, size_t k)
{
    char got[40], name[40];
    const uint8_t mark = c->text.size == 1 && c->text.p[0] == '1';
    if (!mark && !(c->text.size == 1 && c->text.p[0] == '0'))
        egi_problem(&t->problems, t->line, c->column, "column %zu %s: expected 0 or 1, got %s",
                    k + 1, egi_quote(name, ((struct egi_text *)t->name.p)[k]),
                    egi_quote(got, c->text));
    return egi_grow_push(&t->mark, &mark, t->in->name);
}

static eg_status take_cell(struct table *t, const struct cell *c, size_t k, struct egi_row *row)
{
    const ptrdiff_t role = ((ptrdiff_t *)t->role.p)[k];
    if (role == SKIP) return EG_OK;
    if (role == LABEL && t->in->items_only) {
        row->label = c->text; /* an empty one is that of an item to leave out */
        return EG_OK;
    }
    if (role == LABEL) return take_name(t, c, "label", &row->label);
    if (role == GROUP) return take_name(t, c, "group", &row->group);
    if (role == BAG) return take_name(t, c, "bag", &row->bag);
    if (role == MARK) return take_mark(t, c, k);
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

static eg_status read_row(struct table *t)
{
    const size_t line = t->line, columns = t->name.count;
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
    if (t->has_bag) t->bags += n == 0 || !egi_text_same(rows[n - 1].bag, row.bag);
    return egi_grow_push(&t->row, &row, t->in->name);
}

/* The row after the last bag that is asked for, which was read to see that the bag has ended. */
static void drop_last(struct table *t)
{
    t->row.count--;
    t->x.count -= t->values;
    t->mark.count -= t->marks.count;
}

static eg_status read_rows(struct table *t)
{
    const size_t max = t->in->o.max_items;
    while (t->at < t->in->size
           && (max == 0 || (t->has_bag ? t->bags <= max : t->row.count < max))) {
        if (blank_line(t)) {
            (void)next_cell(t);
            continue;
        }
        EGI_TRY(read_row(t));
        if (t->row.count % 65536 == 0)
            EGI_TRY(egi_report(t->in->o.progress, "read", t->at, t->in->size));
    }
    EGI_TRY(egi_problems_end(&t->problems));
    if (t->has_bag && max > 0 && t->bags > max) drop_last(t);
    if (t->row.count == 0)
        return egi_fail(EG_ERR_CORRUPT, "%s:2:1: no rows after the header", t->in->name);
    return EG_OK;
}

/* Items, and what rows say of them; x is there. */
static eg_status set_items(struct table *t, eg_dataset *set)
{
    struct egi_row *row = t->row.p;
    uint8_t *marks = t->mark.p;
    set->n = t->row.count;
    if (t->has_bag)
        EGI_TRY(egi_rows_to_bags(&t->problems, row, marks, t->marks.count, t->row.count, set));
    if (t->has_label) EGI_TRY(egi_rows_to_labels(t->in, row, set));
    if (t->has_group) EGI_TRY(egi_rows_to_groups(row, set));
    if (t->marks.count == 0) return EG_OK;
    return egi_marks_to_folds(t->in, t->marks.p, t->marks.count, row, marks, set);
}

static eg_status build(struct table *t, int header, eg_dataset *set)
{
    EGI_TRY(header ? read_header(t) : count_columns(t));
    EGI_TRY(read_rows(t));
    size_t cells;
    if (t->values > 0) EGI_TRY(egi_grow_finish(&t->x, t->in->name, &set->x, &cells));
    set->d = t->values;
    EGI_TRY(set_items(t, set));
    if (!header || set->d == 0) return EG_OK;
    EGI_TRY(egi_names_alloc(set->alloc, set->d, &set->column_names));
    for (size_t k = 0; k < t->name.count; k++) {
        const ptrdiff_t role = ((ptrdiff_t *)t->role.p)[k];
        if (role < 0) continue;
        EGI_TRY(
            egi_name_set(set->alloc, ((struct egi_text *)t->name.p)[k], &set->column_names[role]));
    }
    return EG_OK;
}

static eg_status parse_table(const struct egi_input *in, char separator, int header,
                             eg_dataset *set)
{
    const eg_allocator *a = in->o.alloc;
    struct table t = { .in = in, .separator = separator, .line = 1, .problems = { .in = in } };
    t.name = t.marks = (struct egi_grow){ .a = a, .item = sizeof(struct egi_text) };
    t.row = (struct egi_grow){ .a = a, .item = sizeof(struct egi_row) };
    t.mark = (struct egi_grow){ .a = a, .item = sizeof(uint8_t) };
    t.role = (struct egi_grow){ .a = a, .item = sizeof(ptrdiff_t) };
    t.x = (struct egi_grow){ .a = a, .item = sizeof(float) };
    const eg_status s = build(&t, header, set);
    egi_grow_clear(&t.name);
    egi_grow_clear(&t.role);
    egi_grow_clear(&t.x);
    egi_grow_clear(&t.row);
    egi_grow_clear(&t.mark);
    egi_grow_clear(&t.marks);
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
