/* A table of repertoires: one row each, with the file of its sequences and what is known of it. It
 * becomes a set of bags of codes (engram/repertoire.h), one row a receptor.
 *
 * Columns: filename, or sample, whose file is repertoires/SAMPLE.tsv.gz; the label column that is
 * asked for; any others. Repertoires whose label is missing are left out, their files not read.
 * Paths are inside the folder of the table. Sequences longer than LENGTH_MAX are refused: they are
 * no CDR3, and would make every row as long. Those longer than a model takes (o.inputs) are left
 * out: to cut them would make others of them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "base/egi_file.h"
#include "data/egi_line_stream.h"
#include "engram/repertoire.h"

enum { LENGTH_MAX = 100, PATH_ROOM = 1200 };

/* Of a bag: its line of the table, its file. */
struct row {
    size_t line;
    dev_t device;
    ino_t file;
};

struct gathering {
    const struct egi_input *in;
    struct egi_grow codes;  /* uint8_t, one sequence after the other */
    struct egi_grow length; /* uint8_t of each row */
    struct egi_grow bag;    /* struct egi_text: name */
    struct egi_grow label;  /* struct egi_text */
    struct egi_grow offset; /* size_t, rows before each bag */
    struct egi_grow row;    /* struct row of each bag */
    size_t columns;         /* of the table */
    size_t longest, left_out, too_long;
    size_t bytes; /* of the files so far */
};

/* ---- the table ---- */

static struct egi_text line_at(const struct egi_input *in, size_t *at)
{
    const char *from = (const char *)in->bytes + *at;
    const size_t left = in->size - *at; /* not 0 */
    const char *end = memchr(from, '\n', left);
    struct egi_text line = { from, end != NULL ? (size_t)(end - from) : left };
    *at += line.size + (end != NULL);
    while (line.size > 0 && line.p[line.size - 1] == '\r') line.size--;
    return line;
}

/* As it is written, else in whatever case. */
static size_t column(struct egi_text header, const char *name)
{
    size_t found = SIZE_MAX;
    for (size_t k = 0;; k++) {
        const struct egi_text c = egi_cell(header, k);
        if (c.p == NULL) return found;
        if (c.size != strlen(name) || strncasecmp(c.p, name, c.size) != 0) continue;
        if (memcmp(c.p, name, c.size) == 0) return k;
        if (found == SIZE_MAX) found = k;
    }
}

static int looks(const uint8_t *bytes, size_t size)
{
    const struct egi_input in = { .bytes = bytes, .size = size < 4096 ? size : 4096 };
    size_t at = 0;
    const struct egi_text header = line_at(&in, &at);
    if (header.size == 0 || memchr(header.p, '\t', header.size) == NULL) return 0;
    return column(header, "filename") != SIZE_MAX || column(header, "sample") != SIZE_MAX;
}

/* No link leads elsewhere on the way from the folder of the table, and at its end is the file *st.
 */
static eg_status check_way(char *path, size_t folder, struct stat *st)
{
    for (char *p = path + folder; *p != '\0';) {
        p += strcspn(p, "/");
        const char was = *p;
        *p = '\0';
        const int rc = lstat(path, st), error = errno;
        *p = was;
        if (rc != 0) return egi_fail(EG_ERR_IO, "%s: %s", path, strerror(error));
        if (was == '/' ? !S_ISDIR(st->st_mode) : !S_ISREG(st->st_mode))
            return egi_fail(EG_ERR_IO,
                            "%s: a link, device or folder is on the way, expected a file", path);
        p += was == '/';
    }
    return EG_OK;
}

/* Where the file of a row is; what would lead out of the folder is refused. */
static eg_status path_of(const struct egi_input *in, size_t line, struct egi_text name, int sample,
                         struct stat *st, char path[PATH_ROOM])
{
    char got[40];
    const char *slash = strrchr(in->name, '/');
    const int folder = slash != NULL ? (int)(slash - in->name) + 1 : 0;
    const int n =
        snprintf(path, PATH_ROOM, "%.*s%s%.*s%s", folder, in->name, sample ? "repertoires/" : "",
                 (int)name.size, name.p, sample ? ".tsv.gz" : "");
    const char *own = path + folder;
    if (name.size == 0 || memchr(name.p, '\0', name.size) != NULL || n >= PATH_ROOM || own[0] == '/'
        || strstr(own, "..") != NULL)
        return egi_fail(EG_ERR_CORRUPT,
                        "%s:%zu:1: expected a file in the folder of the table, got %s", in->name,
                        line, egi_quote(got, name));
    return check_way(path, (size_t)folder, st);
}

/* ---- the repertoires ---- */

/* By the table and all files that it named so far. */
static size_t limit(const struct gathering *g)
{
    return egi_limit_of(g->in->given, g->in->size + g->bytes, (size_t)EG_LIMIT_DATA);
}

static eg_status add_row(struct gathering *g, const eg_clonotype *row, const char *path)
{
    uint8_t codes[LENGTH_MAX];
    if (row->length > LENGTH_MAX)
        return egi_fail(EG_ERR_CORRUPT, "%s:%zu:1: a sequence of %zu letters, expected up to %d",
                        path, row->line, row->length, LENGTH_MAX);
    if (g->in->o.inputs > 0 && row->length > g->in->o.inputs) {
        g->too_long++;
        return EG_OK;
    }
    for (size_t i = 0; i < row->length; i++) codes[i] = (uint8_t)eg_residue_code(row->sequence[i]);
    const uint8_t length = (uint8_t)row->length;
    g->longest = row->length > g->longest ? row->length : g->longest;
    const size_t width = g->in->o.inputs > 0 ? g->in->o.inputs : g->longest;
    EGI_TRY(egi_grow_push(&g->length, &length, path));
    for (size_t i = 0; i < row->length; i++) EGI_TRY(egi_grow_push(&g->codes, &codes[i], path));
    if (g->length.count * (width * sizeof(float)) <= limit(g)) return EG_OK;
    return egi_fail(EG_ERR_LIMIT, "%s: more than %zu bytes of values", g->in->name, limit(g));
}

static eg_status read_rows(struct gathering *g, const char *path)
{
    const eg_airr_options o = { sizeof o, NULL, 0, g->in->o.alloc };
    const size_t before = g->length.count, out = g->too_long;
    eg_airr *a;
    eg_clonotype row;
    EGI_TRY(eg_airr_open(path, &o, &a));
    eg_status s = eg_airr_next(a, &row);
    for (; s == EG_OK; s = eg_airr_next(a, &row)) {
        s = add_row(g, &row, path);
        if (s != EG_OK) break;
    }
    const size_t skipped = eg_airr_skipped(a);
    eg_airr_close(a);
    if (s != EG_END) return s;
    if (g->length.count > before) return EG_OK;
    if (g->too_long > out)
        return egi_fail(EG_ERR_CORRUPT, "%s:2:1: no receptor of up to %zu letters (%zu are longer)",
                        path, g->in->o.inputs, g->too_long - out);
    return egi_fail(EG_ERR_CORRUPT, "%s:2:1: no receptor in it (%zu rows were none)", path,
                    skipped);
}

/* A repertoire has one row, whatever its file is called there: a second would be trained on while
 * the first is tested. */
static eg_status check_once(const struct gathering *g, struct egi_text name, const struct row *row)
{
    char quoted[40];
    const struct egi_text *bag = g->bag.p;
    const struct row *before = g->row.p;
    for (size_t i = 0; i < g->bag.count; i++)
        if (egi_text_same(bag[i], name)
            || (before[i].device == row->device && before[i].file == row->file))
            return egi_fail(EG_ERR_CORRUPT,
                            "%s:%zu:1: %s: expected one row of it, got another in line %zu",
                            g->in->name, row->line, egi_quote(quoted, name), before[i].line);
    return EG_OK;
}

static eg_status read_line(struct gathering *g, struct egi_text line, size_t number,
                           const size_t at[2], int sample)
{
    char path[PATH_ROOM];
    struct stat st = { .st_size = 0 };
    const size_t rows = g->length.count;
    const struct egi_text name = egi_cell(line, at[0]),
                          label = at[1] != SIZE_MAX ? egi_cell(line, at[1]) : name;
    size_t cells = 1;
    for (size_t i = 0; i < line.size; i++) cells += line.p[i] == '\t';
    if (cells != g->columns)
        return egi_fail(EG_ERR_CORRUPT, "%s:%zu:1: expected %zu cells between tabs, got %zu",
                        g->in->name, number, g->columns, cells);
    EGI_TRY(path_of(g->in, number, name, sample, &st, path));
    const struct row row = { number, st.st_dev, st.st_ino };
    EGI_TRY(check_once(g, name, &row));
    g->bytes += (size_t)st.st_size;
    egi_budget_raise(g->in->budget, limit(g));
    if (at[1] != SIZE_MAX && egi_is_missing(label)) {
        g->left_out++;
        return EG_OK;
    }
    EGI_TRY(egi_grow_push(&g->offset, &rows, path));
    EGI_TRY(egi_grow_push(&g->row, &row, path));
    EGI_TRY(egi_grow_push(&g->bag, &name, path));
    EGI_TRY(egi_grow_push(&g->label, &label, path));
    return read_rows(g, path);
}

static eg_status read_table(struct gathering *g, int *labelled)
{
    const struct egi_input *in = g->in;
    size_t at = 0, number = 1;
    const struct egi_text header = line_at(in, &at);
    EGI_TRY(egi_header_apart(in->name, header, in->o.alloc, &g->columns));
    size_t columns[2] = { column(header, "filename"), SIZE_MAX };
    const int sample = columns[0] == SIZE_MAX;
    if (sample) columns[0] = column(header, "sample"); /* there is one of the two: looks() */
    if (in->o.label_column != NULL) {
        columns[1] = column(header, in->o.label_column);
        if (columns[1] == SIZE_MAX)
            return egi_fail(EG_ERR_CORRUPT,
                            "%s:1:1: no column is named %s, as label_column (--label-column) says",
                            in->name, in->o.label_column);
    }
    *labelled = columns[1] != SIZE_MAX;
    while (at < in->size && (in->o.max_items == 0 || g->bag.count < in->o.max_items)) {
        const struct egi_text line = line_at(in, &at);
        number++;
        if (line.size == 0) continue;
        EGI_TRY(read_line(g, line, number, columns, sample));
        EGI_TRY(egi_report(in->o.progress, "read", at, in->size));
    }
    if (g->bag.count > 0) return EG_OK;
    if (g->left_out > 0)
        return egi_fail(EG_ERR_CORRUPT, "%s: none of %zu repertoires has a label in %s", in->name,
                        g->left_out, in->o.label_column);
    return egi_fail(EG_ERR_CORRUPT, "%s:2:1: no rows after the header", in->name);
}

/* ---- the set ---- */

static eg_status make_values(const struct gathering *g, eg_dataset *set)
{
    const uint8_t *codes = g->codes.p, *length = g->length.p;
    const size_t rows = g->length.count, d = g->in->o.inputs > 0 ? g->in->o.inputs : g->longest;
    void *block;
    size_t cells;
    EGI_TRY(egi_mul_size(rows, d, &cells));
    if (cells > limit(g) / sizeof(float))
        return egi_fail(EG_ERR_LIMIT, "%s: more than %zu bytes of values", g->in->name, limit(g));
    EGI_TRY(egi_alloc_array(set->alloc, cells, sizeof(float), "sequences", &block));
    float *x = block;
    for (size_t r = 0, at = 0; r < rows; at += length[r], r++)
        for (size_t i = 0; i < d; i++) x[r * d + i] = i < length[r] ? (float)codes[at + i] : 0;
    set->x = x;
    set->d = d;
    set->too_long = g->too_long;
    return EG_OK;
}

static eg_status make_set(struct gathering *g, int labelled, eg_dataset *set)
{
    void *offset;
    const size_t bags = g->bag.count, rows = g->length.count;
    EGI_TRY(egi_alloc_array(set->alloc, bags + 1, sizeof(size_t), "repertoires", &offset));
    memcpy(offset, g->offset.p, bags * sizeof(size_t));
    ((size_t *)offset)[bags] = rows;
    set->offset = offset;
    set->n = bags;
    set->left_out = g->left_out;
    EGI_TRY(make_values(g, set));
    EGI_TRY(egi_names_alloc(set->alloc, bags, &set->item_names));
    for (size_t i = 0; i < bags; i++)
        EGI_TRY(egi_name_set(set->alloc, ((struct egi_text *)g->bag.p)[i], &set->item_names[i]));
    return labelled ? egi_labels_from_texts(set, g->label.p) : EG_OK;
}

static eg_status parse(const struct egi_input *in, eg_dataset *set)
{
    const eg_allocator *a = in->o.alloc;
    struct gathering g = { .in = in };
    int labelled = 0;
    g.codes = g.length = (struct egi_grow){ .a = a, .item = 1 };
    g.bag = g.label = (struct egi_grow){ .a = a, .item = sizeof(struct egi_text) };
    g.offset = (struct egi_grow){ .a = a, .item = sizeof(size_t) };
    g.row = (struct egi_grow){ .a = a, .item = sizeof(struct row) };
    eg_status s = read_table(&g, &labelled);
    if (s == EG_OK) s = make_set(&g, labelled, set);
    egi_grow_clear(&g.codes);
    egi_grow_clear(&g.length);
    egi_grow_clear(&g.bag);
    egi_grow_clear(&g.label);
    egi_grow_clear(&g.offset);
    egi_grow_clear(&g.row);
    return s;
}

const struct egi_reader egi_reader_repertoires = {
    { "repertoires",
      "a table of repertoires, one a row, with the AIRR file of each; they become bags",
      "Vander Heiden et al. 2018, AIRR rearrangement schema" },
    "a table of repertoires",
    looks,
    { NULL },
    parse
};
