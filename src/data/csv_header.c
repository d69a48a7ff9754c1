/* The header of a table: what each column is by its name and the options, and what is wrong with
 * that. A table of items (egi_input.of) has no values: of it only what was asked for is looked at,
 * and the column `name`, so that labels of other items are noticed. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>
#include <strings.h>

#include "data/egi_csv.h"

static struct egi_text text_of(const char *s)
{
    return (struct egi_text){ s, s != NULL ? strlen(s) : 0 };
}

static int text_is(struct egi_text t, const char *name)
{
    return t.size == strlen(name) && strncasecmp(t.p, name, t.size) == 0;
}

/* The next name of a list separated by commas: 1, or 0 at its end. */
static int next_name(const char **list, struct egi_text *out)
{
    if (*list == NULL || **list == '\0') return 0;
    *out = (struct egi_text){ *list, strcspn(*list, ",") };
    *list += out->size + ((*list)[out->size] == ',');
    return 1;
}

static int listed(const char *list, struct egi_text name)
{
    for (struct egi_text one; next_name(&list, &one);)
        if (egi_text_same(one, name)) return 1;
    return 0;
}

/* ---- what a column is ---- */

static int is_label(const struct egi_columns *c, struct egi_text name)
{
    const char *wanted = c->in->o.label_column;
    if (wanted != NULL) return egi_text_same(name, text_of(wanted));
    return text_is(name, "label") || text_is(name, "class");
}

static int is_bag(const struct egi_columns *c, struct egi_text name)
{
    const char *wanted = c->in->o.bag_column;
    if (wanted == NULL) return 0;
    return wanted[0] == '\0' ? text_is(name, "bag") : egi_text_same(name, text_of(wanted));
}

static int is_group(const struct egi_columns *c, struct egi_text name)
{
    const char *wanted = c->in->o.group_column;
    return wanted != NULL && egi_text_same(name, text_of(wanted));
}

static int is_mark(const struct egi_columns *c, struct egi_text name)
{
    int valid;
    return c->in->o.folds && egi_fold_of_column(name, &valid) > 0;
}

static ptrdiff_t role_of(const struct egi_columns *c, struct egi_text name)
{
    const int of_items = c->in->of != NULL;
    if (!of_items && listed(c->in->o.skip_columns, name)) return EGI_SKIP;
    if (is_label(c, name)) return EGI_LABEL;
    if (is_bag(c, name)) return EGI_BAG;
    if (is_group(c, name)) return EGI_GROUP;
    if (is_mark(c, name)) return EGI_MARK;
    if (of_items) return text_is(name, "name") ? EGI_ITEM : EGI_SKIP;
    return listed(c->in->o.skip_present, name) ? EGI_SKIP : (ptrdiff_t)c->values;
}

void egi_columns_begin(struct egi_columns *c, const struct egi_input *in)
{
    const eg_allocator *a = in->o.alloc;
    *c = (struct egi_columns){ .in = in };
    c->name = c->marks = (struct egi_grow){ .a = a, .item = sizeof(struct egi_text) };
    c->role = (struct egi_grow){ .a = a, .item = sizeof(ptrdiff_t) };
}

void egi_columns_clear(struct egi_columns *c)
{
    egi_grow_clear(&c->name);
    egi_grow_clear(&c->role);
    egi_grow_clear(&c->marks);
}

eg_status egi_columns_add_as(struct egi_columns *c, struct egi_text name, ptrdiff_t role)
{
    if (role < 0) {
        size_t *has = &c->has[-role];
        c->last[-role] = c->name.count;
        if ((*has)++ == 0) c->first[-role] = c->name.count;
    }
    c->values += role >= 0;
    if (role == EGI_MARK) EGI_TRY(egi_grow_push(&c->marks, &name, c->in->name));
    EGI_TRY(egi_grow_push(&c->name, &name, c->in->name));
    return egi_grow_push(&c->role, &role, c->in->name);
}

eg_status egi_columns_add(struct egi_columns *c, struct egi_text name)
{
    return egi_columns_add_as(c, name, role_of(c, name));
}

/* ---- what is wrong with it ---- */

/* Edits (insert, delete, replace one byte) that make a of b; both short. */
static size_t edits(struct egi_text a, struct egi_text b)
{
    size_t row[64];
    for (size_t j = 0; j <= b.size; j++) row[j] = j;
    for (size_t i = 1; i <= a.size; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b.size; j++) {
            size_t best = diagonal + (a.p[i - 1] != b.p[j - 1]);
            if (row[j] + 1 < best) best = row[j] + 1;
            if (row[j - 1] + 1 < best) best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b.size];
}

/* The column that was probably meant; p NULL: none is near. */
static struct egi_text nearest(const struct egi_columns *c, struct egi_text name)
{
    struct egi_text best = { NULL, 0 };
    size_t least = name.size / 3 + 2;
    for (size_t k = 0; k < c->name.count && name.size < 64; k++) {
        const struct egi_text other = egi_column_name(c, k);
        const size_t e = other.size < 64 ? edits(name, other) : least;
        if (e >= least) continue;
        least = e;
        best = other;
    }
    return best;
}

static eg_status fail_absent(const struct egi_columns *c, struct egi_text name, const char *option,
                             const char *flag)
{
    char quoted[40];
    const struct egi_text near = nearest(c, name);
    return egi_fail(EG_ERR_CORRUPT, "%s:1:1: no column is named %.*s, as %s (%s) says%s%s%s",
                    c->in->name, (int)(name.size < 200 ? name.size : 200), name.p, option, flag,
                    near.p != NULL ? "; did you mean " : "",
                    near.p != NULL ? egi_quote(quoted, near) : "", near.p != NULL ? "?" : "");
}

/* What the options name has to be there: here, or in the table of items that they name. */
static eg_status check_asked(const struct egi_columns *c)
{
    const eg_read_options *o = &c->in->o;
    const int of_items = c->in->of != NULL, elsewhere = o->labels != NULL;
    const struct {
        const char *name, *option, *flag;
        int is_there;
    } asked[] = {
        { o->label_column, "label_column", "--label-column", c->has[-EGI_LABEL] > 0 },
        { o->bag_column, "bag_column", "--bag-column", c->has[-EGI_BAG] > 0 || of_items },
        { o->group_column, "group_column", "--group-column", c->has[-EGI_GROUP] > 0 },
    };
    for (size_t i = 0; i < EGI_COUNT(asked) && !elsewhere; i++) {
        const struct egi_text name = text_of(asked[i].name);
        if (name.size == 0 || asked[i].is_there) continue;
        if (!of_items && listed(o->skip_columns, name))
            return egi_fail(EG_ERR_INVALID,
                            "%s: column %s is asked for by %s (%s) and left out by skip_columns "
                            "(--skip)",
                            c->in->name, asked[i].name, asked[i].option, asked[i].flag);
        return fail_absent(c, name, asked[i].option, asked[i].flag);
    }
    if (!o->folds || c->marks.count > 0 || elsewhere) return EG_OK;
    return egi_fail(EG_ERR_CORRUPT,
                    "%s:1:1: expected columns test1, test2, .. that are folds, got none",
                    c->in->name);
}

static eg_status check_skipped(const struct egi_columns *c)
{
    const char *list = c->in->of == NULL ? c->in->o.skip_columns : NULL;
    for (struct egi_text name; next_name(&list, &name);) {
        size_t k = 0;
        while (k < c->name.count && !egi_text_same(egi_column_name(c, k), name)) k++;
        if (k == c->name.count) return fail_absent(c, name, "skip_columns", "--skip");
    }
    return EG_OK;
}

/* Of two that could be the label the other would be an input, and tell it. */
static eg_status check_one_each(const struct egi_columns *c)
{
    static const struct {
        int role;
        const char *what, *mend;
    } one[] = {
        { EGI_LABEL, "label",
          "say which (label_column, --label-column) and leave the other out (skip_columns, "
          "--skip)" },
        { EGI_BAG, "bag",
          "say which (bag_column, --bag-column) and leave the other out (skip_columns, --skip)" },
        { EGI_ITEM, "name of an item", "rename one" },
    };
    for (size_t i = 0; i < EGI_COUNT(one); i++) {
        char first[40], last[40];
        const size_t r = (size_t)-one[i].role;
        if (c->has[r] < 2) continue;
        return egi_fail(EG_ERR_CORRUPT,
                        "%s:1:1: columns %zu %s and %zu %s could both be the %s; %s", c->in->name,
                        c->first[r] + 1, egi_quote(first, egi_column_name(c, c->first[r])),
                        c->last[r] + 1, egi_quote(last, egi_column_name(c, c->last[r])),
                        one[i].what, one[i].mend);
    }
    return EG_OK;
}

/* One column, whose name has what others put between cells. */
static eg_status check_separator(const struct egi_columns *c)
{
    const struct egi_text name = egi_column_name(c, 0);
    size_t at = 0;
    while (at < name.size && name.p[at] != ';' && name.p[at] != '\t') at++;
    if (c->name.count > 1 || at == name.size) return EG_OK;
    return egi_fail(EG_ERR_CORRUPT,
                    "%s:1:%zu: one column, with %s in its name: expected commas between cells; "
                    "write the table with commas, numbers with a point",
                    c->in->name, at + 1, name.p[at] == ';' ? "\";\"" : "a tab");
}

/* Of a table of items that has one column, this is the label, whatever its name. */
static void take_only_column(struct egi_columns *c)
{
    const size_t asked = c->has[-EGI_LABEL] + c->has[-EGI_GROUP] + c->marks.count;
    if (c->in->of == NULL || c->name.count > 1 || asked > 0) return;
    *(ptrdiff_t *)c->role.p = EGI_LABEL;
    c->has[-EGI_LABEL] = 1;
}

eg_status egi_columns_check(struct egi_columns *c)
{
    EGI_TRY(check_separator(c));
    EGI_TRY(egi_names_apart(c->in->name, c->name.p, c->name.count, c->in->o.alloc));
    EGI_TRY(check_one_each(c));
    EGI_TRY(check_skipped(c));
    EGI_TRY(check_asked(c));
    take_only_column(c);
    return EG_OK;
}
