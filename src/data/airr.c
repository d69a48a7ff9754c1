/* Rows of AIRR rearrangement tables, and of the tables of Adaptive, VDJtools and immunarch, which
 * differ in the names of their columns. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "data/egi_line_stream.h"
#include "engram/repertoire.h"

enum field { SEQUENCE, V_CALL, J_CALL, COUNT, PRODUCTIVE, STATUS, FIELDS };

/* Names of each field, the first that a header has is taken. */
static const char *const names[FIELDS][6] = {
    [SEQUENCE] = { "junction_aa", "cdr3_aa", "aminoAcid", "cdr3aa", "CDR3.aa", NULL },
    [V_CALL] = { "v_call", "vMaxResolved", "v", "V.name", NULL },
    [J_CALL] = { "j_call", "jMaxResolved", "j", "J.name", NULL },
    [COUNT] = { "duplicate_count", "count (templates/reads)", "count", "Clones", NULL },
    [PRODUCTIVE] = { "productive", NULL },
    [STATUS] = { "sequenceStatus", NULL },
};

struct eg_airr {
    struct egi_line_stream lines;
    size_t column[FIELDS]; /* SIZE_MAX: there is none */
    size_t columns, skipped;
    char name[FIELDS][40];
};

/* One line cut at its tabs: the fields that are read, and where they begin. */
struct cells {
    struct egi_text text[FIELDS];
    size_t at[FIELDS], count;
};

int eg_residue_code(char letter)
{
    const char *at = letter != '\0' ? strchr(EG_RESIDUES, letter) : NULL;
    return at != NULL ? (int)(at - EG_RESIDUES) + 1 : 0;
}

static size_t find_column(struct egi_text header, const char *name, size_t columns)
{
    for (size_t k = 0; k < columns; k++) {
        const struct egi_text c = egi_cell(header, k);
        if (c.size == strlen(name) && memcmp(c.p, name, c.size) == 0) return k;
    }
    return SIZE_MAX;
}

static void find_field(eg_airr *a, struct egi_text header, enum field f, const char *only)
{
    const char *const own[2] = { only, NULL };
    const char *const *list = only != NULL ? own : names[f];
    a->column[f] = SIZE_MAX;
    for (; *list != NULL && a->column[f] == SIZE_MAX; list++) {
        a->column[f] = find_column(header, *list, a->columns);
        if (a->column[f] != SIZE_MAX) snprintf(a->name[f], sizeof a->name[f], "%s", *list);
    }
}

static eg_status read_header(eg_airr *a, const char *sequence)
{
    struct egi_text header;
    char got[40];
    const eg_status s = egi_line_next(&a->lines, &header);
    if (s == EG_END) return egi_fail(EG_ERR_CORRUPT, "%s: byte 0: empty", a->lines.name);
    if (s != EG_OK) return s;
    if (header.size >= 3 && memcmp(header.p, "\xef\xbb\xbf", 3) == 0)
        header.p += 3, header.size -= 3; /* UTF-8 */
    EGI_TRY(egi_header_apart(a->lines.name, header, a->lines.a, &a->columns));
    for (size_t f = 0; f < FIELDS; f++)
        find_field(a, header, (enum field)f, f == SEQUENCE ? sequence : NULL);
    if (a->column[SEQUENCE] != SIZE_MAX) return EG_OK;
    return egi_fail(
        EG_ERR_CORRUPT,
        "%s:1:1: expected a column %s, of amino acids, among those between tabs, got %s",
        a->lines.name, sequence != NULL ? sequence : "junction_aa, cdr3_aa, aminoAcid or cdr3aa",
        egi_quote(got, header));
}

eg_status eg_airr_open(const char *path, const eg_airr_options *options, eg_airr **out)
{
    const eg_airr_options none = EG_AIRR_OPTIONS_INIT, *o = options != NULL ? options : &none;
    const eg_allocator *alloc = o->alloc != NULL ? o->alloc : eg_allocator_default();
    void *block;
    if (path == NULL || out == NULL || o->size != sizeof *o)
        return egi_fail(EG_ERR_INVALID, "eg_airr_open: NULL, or options of %zu bytes", o->size);
    EGI_TRY(egi_alloc_array(alloc, 1, sizeof(eg_airr), "a table", &block));
    eg_airr *a = block;
    memset(a, 0, sizeof *a);
    eg_status s =
        egi_line_open(path, o->max_line > 0 ? o->max_line : EG_LIMIT_LINE, alloc, &a->lines);
    if (s == EG_OK) s = read_header(a, o->sequence);
    if (s == EG_OK)
        *out = a;
    else
        eg_airr_close(a);
    return s;
}

static void cut(const eg_airr *a, struct egi_text line, struct cells *c)
{
    size_t k = 0;
    memset(c, 0, sizeof *c);
    for (size_t at = 0; at <= line.size; k++) {
        const char *tab = memchr(line.p + at, '\t', line.size - at);
        const size_t end = tab != NULL ? (size_t)(tab - line.p) : line.size;
        for (size_t f = 0; f < FIELDS; f++)
            if (a->column[f] == k) {
                c->text[f] = (struct egi_text){ line.p + at, end - at };
                c->at[f] = at + 1;
            }
        at = end + 1;
    }
    c->count = k;
}

static int text_is(struct egi_text t, const char *word)
{
    return t.size == strlen(word) && strncasecmp(t.p, word, t.size) == 0;
}

/* 1: yes, 0: no; what is missing was not said, and stays; -1: another word. */
static int answer_of(struct egi_text t)
{
    static const struct {
        const char *word;
        int answer;
    } rows[] = { { "T", 1 }, { "TRUE", 1 },  { "1", 1 }, { "YES", 1 }, { "Y", 1 },
                 { "F", 0 }, { "FALSE", 0 }, { "0", 0 }, { "NO", 0 },  { "N", 0 } };
    if (egi_is_missing(t)) return 1;
    for (size_t i = 0; i < EGI_COUNT(rows); i++)
        if (text_is(t, rows[i].word)) return rows[i].answer;
    return -1;
}

/* Said to be no receptor by the table itself. */
static int said_to_be_none(const eg_airr *a, const struct cells *c, eg_status *s)
{
    char got[40];
    const struct egi_text productive = c->text[PRODUCTIVE], status = c->text[STATUS];
    const int answer = a->column[PRODUCTIVE] != SIZE_MAX ? answer_of(productive) : 1;
    if (answer < 0)
        *s = egi_fail(EG_ERR_CORRUPT,
                      "%s:%zu:%zu: %s: expected T, F, true, false, 1, 0, yes, no, y or n, got %s",
                      a->lines.name, a->lines.line, c->at[PRODUCTIVE], a->name[PRODUCTIVE],
                      egi_quote(got, productive));
    return answer < 1 || (a->column[STATUS] != SIZE_MAX && !text_is(status, "In"));
}

/* 1: a receptor; 0: none, by a stop or the like; EG_ERR_CORRUPT. */
static int spelled(const eg_airr *a, const struct cells *c, eg_status *s)
{
    char got[40];
    const struct egi_text t = c->text[SEQUENCE];
    if (egi_is_missing(t)) return 0; /* NA is no receptor of Asn and Ala: none is that short */
    for (size_t i = 0; i < t.size; i++) {
        if (eg_residue_code(t.p[i]) > 0) continue;
        if (strchr("*_~X", t.p[i]) != NULL && t.p[i] != '\0') return 0;
        *s =
            egi_fail(EG_ERR_CORRUPT, "%s:%zu:%zu: %s: expected letters of amino acids (%s), got %s",
                     a->lines.name, a->lines.line, c->at[SEQUENCE] + i, a->name[SEQUENCE],
                     EG_RESIDUES, egi_quote(got, (struct egi_text){ t.p + i, 1 }));
        return 0;
    }
    return 1;
}

static eg_status read_count(const eg_airr *a, const struct cells *c, double *count)
{
    char got[40];
    const struct egi_text t = c->text[COUNT];
    *count = 1;
    if (a->column[COUNT] == SIZE_MAX || t.size == 0) return EG_OK;
    if (egi_parse_number(t.p, t.size, count) == 0 && *count >= 0) return EG_OK;
    return egi_fail(EG_ERR_CORRUPT, "%s:%zu:%zu: %s: expected a count, got %s", a->lines.name,
                    a->lines.line, c->at[COUNT], a->name[COUNT], egi_quote(got, t));
}

/* A text of the line, ended in place: what follows it is a tab that is not read again. */
static const char *ended(struct egi_text t)
{
    if (t.p == NULL || egi_is_missing(t)) return "";
    ((char *)(uintptr_t)t.p)[t.size] = '\0';
    return t.p;
}

eg_status eg_airr_next(eg_airr *a, eg_clonotype *row)
{
    struct egi_text line;
    struct cells c;
    eg_status s = EG_OK;
    if (a == NULL || row == NULL) return egi_fail(EG_ERR_INVALID, "eg_airr_next: NULL");
    for (;; a->skipped++) {
        do {
            s = egi_line_next(&a->lines, &line);
            if (s != EG_OK) return s;
        } while (line.size == 0);
        cut(a, line, &c);
        if (c.count != a->columns)
            return egi_fail(EG_ERR_CORRUPT, "%s:%zu:1: expected %zu cells between tabs, got %zu",
                            a->lines.name, a->lines.line, a->columns, c.count);
        if (!said_to_be_none(a, &c, &s) && spelled(a, &c, &s)) break;
        if (s != EG_OK) return s;
    }
    double count;
    EGI_TRY(read_count(a, &c, &count));
    *row = (eg_clonotype){ .sequence = ended(c.text[SEQUENCE]),
                           .length = c.text[SEQUENCE].size,
                           .v_call = ended(c.text[V_CALL]),
                           .j_call = ended(c.text[J_CALL]),
                           .count = count,
                           .line = a->lines.line };
    return EG_OK;
}

size_t eg_airr_skipped(const eg_airr *a)
{
    return a->skipped;
}

void eg_airr_close(eg_airr *a)
{
    if (a == NULL) return;
    const eg_allocator *alloc = a->lines.a;
    egi_line_close(&a->lines);
    egi_free(alloc, a, sizeof *a);
}
