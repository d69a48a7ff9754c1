/* What the columns of a table say of its rows beside values: which bag a row is in, the label and
 * the group of an item, and which items are tested and validated on in each fold that the set
 * brings. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <string.h>

#include "data/egi_data.h"

/* ---- bags ---- */

static int by_bag(const void *a, const void *b)
{
    const struct egi_row *x = a, *y = b;
    const size_t n = x->bag.size < y->bag.size ? x->bag.size : y->bag.size;
    const int order = n > 0 ? memcmp(x->bag.p, y->bag.p, n) : 0;
    if (order != 0) return order;
    if (x->bag.size != y->bag.size) return x->bag.size < y->bag.size ? -1 : 1;
    return (x->line > y->line) - (x->line < y->line);
}

/* The first rows (n) of bags, among which none may have the name of another. */
static eg_status check_apart(struct egi_problems *p, const struct egi_row *first, size_t n,
                             const eg_allocator *a)
{
    char name[40];
    void *block;
    EGI_TRY(egi_alloc_array(a, n, sizeof *first, "bags", &block));
    struct egi_row *sorted = block;
    memcpy(sorted, first, n * sizeof *first);
    qsort(sorted, n, sizeof *sorted, by_bag);
    for (size_t i = 1; i < n; i++)
        if (egi_text_same(sorted[i].bag, sorted[i - 1].bag))
            egi_problem(p, sorted[i].line, 1,
                        "bag %s: expected its rows one after the other, got others since line "
                        "%zu; sort the file by bag",
                        egi_quote(name, sorted[i].bag), sorted[i - 1].line);
    egi_free(a, block, n * sizeof *first);
    return egi_problems_end(p);
}

/* A row agrees with the first of its bag. */
static void check_row(struct egi_problems *p, const struct egi_row *first,
                      const struct egi_row *row, const uint8_t *marks, const uint8_t *mark,
                      size_t columns)
{
    char name[40], want[40], got[40];
    egi_quote(name, first->bag);
    if (!egi_text_same(first->label, row->label))
        egi_problem(p, row->line, 1, "bag %s: expected one label, got %s in line %zu and %s here",
                    name, egi_quote(want, first->label), first->line, egi_quote(got, row->label));
    if (!egi_text_same(first->group, row->group))
        egi_problem(p, row->line, 1, "bag %s: expected one group, got %s in line %zu and %s here",
                    name, egi_quote(want, first->group), first->line, egi_quote(got, row->group));
    if (columns > 0 && memcmp(marks, mark, columns) != 0)
        egi_problem(p, row->line, 1, "bag %s: expected its rows in one part of each fold, got two",
                    name);
}

/* Of row i; NULL where there are no columns, for then there are no marks. */
static uint8_t *marks_of(uint8_t *marks, size_t columns, size_t i)
{
    return columns > 0 ? marks + i * columns : NULL;
}

/* row and marks become those of bags; offset (bags + 1). */
static size_t gather_bags(struct egi_problems *p, struct egi_row *row, uint8_t *marks,
                          size_t columns, size_t n, size_t *offset)
{
    size_t bags = 0;
    for (size_t i = 0; i < n; i++) {
        const uint8_t *mark = marks_of(marks, columns, i);
        if (bags > 0 && egi_text_same(row[bags - 1].bag, row[i].bag)) {
            check_row(p, &row[bags - 1], &row[i], marks_of(marks, columns, bags - 1), mark,
                      columns);
            continue;
        }
        offset[bags] = i;
        row[bags] = row[i];
        if (columns > 0) memmove(marks_of(marks, columns, bags), mark, columns);
        bags++;
    }
    offset[bags] = n;
    return bags;
}

static size_t count_bags(const struct egi_row *row, size_t n)
{
    size_t bags = 0;
    for (size_t i = 0; i < n; i++) bags += i == 0 || !egi_text_same(row[i].bag, row[i - 1].bag);
    return bags;
}

eg_status egi_rows_to_bags(struct egi_problems *p, struct egi_row *row, uint8_t *marks,
                           size_t columns, size_t n, eg_dataset *set)
{
    void *offset;
    const size_t bags = count_bags(row, n);
    EGI_TRY(egi_alloc_array(set->alloc, bags + 1, sizeof *set->offset, "bags", &offset));
    gather_bags(p, row, marks, columns, n, offset);
    set->offset = offset;
    set->n = bags;
    EGI_TRY(egi_problems_end(p));
    EGI_TRY(check_apart(p, row, bags, set->alloc));
    EGI_TRY(egi_names_alloc(set->alloc, bags, &set->item_names));
    for (size_t i = 0; i < bags; i++)
        EGI_TRY(egi_name_set(set->alloc, row[i].bag, &set->item_names[i]));
    return EG_OK;
}

/* ---- labels and groups ---- */

static int is_missing(const struct egi_input *in, struct egi_text t)
{
    return in->of != NULL && egi_is_missing(t);
}

/* few (n of them) becomes the labels of those rows that have one. */
static eg_status spread_labels(const struct egi_input *in, const struct egi_row *row,
                               const eg_dataset *few, eg_dataset *set)
{
    size_t at = 0;
    void *labels;
    EGI_TRY(egi_alloc_array(set->alloc, set->n, sizeof *set->labels, "labels", &labels));
    set->labels = labels;
    for (size_t i = 0; i < set->n; i++)
        set->labels[i] = is_missing(in, row[i].label) ? EGI_NO_LABEL : few->labels[at++];
    return EG_OK;
}

/* text, value (n) are scratch. */
static eg_status label_rows(const struct egi_input *in, const struct egi_row *row,
                            struct egi_text *text, double *value, eg_dataset *set)
{
    int numbers = 1;
    eg_dataset few = { .alloc = set->alloc };
    for (size_t i = 0; i < set->n; i++) {
        if (is_missing(in, row[i].label)) continue;
        text[few.n] = row[i].label;
        numbers =
            numbers && egi_parse_number(row[i].label.p, row[i].label.size, value + few.n) == 0;
        few.n++;
    }
    if (few.n == 0)
        return egi_fail(EG_ERR_CORRUPT, "%s: none of %zu items has a label", in->name, set->n);
    eg_status s =
        numbers ? egi_labels_from_values(&few, value, 0) : egi_labels_from_texts(&few, text);
    if (s == EG_OK) s = spread_labels(in, row, &few, set);
    if (s == EG_OK) {
        set->classes = few.classes;
        set->class_names = few.class_names;
        few.class_names = NULL;
    }
    eg_dataset_clear(&few);
    return s;
}

eg_status egi_rows_to_labels(const struct egi_input *in, const struct egi_row *row, eg_dataset *set)
{
    const struct egi_need needs[] = { { set->n, sizeof(double) },
                                      { set->n, sizeof(struct egi_text) } };
    struct egi_arena a;
    EGI_TRY(egi_arena_create(set->alloc, needs, EGI_COUNT(needs), "labels", &a));
    const eg_status s = label_rows(in, row, a.part[1], a.part[0], set);
    egi_arena_destroy(&a);
    return s;
}

eg_status egi_rows_to_groups(const struct egi_row *row, eg_dataset *set)
{
    void *text, *group;
    eg_dataset named = { .alloc = set->alloc, .n = set->n };
    EGI_TRY(egi_alloc_array(set->alloc, set->n, sizeof(struct egi_text), "groups", &text));
    for (size_t i = 0; i < set->n; i++) ((struct egi_text *)text)[i] = row[i].group;
    eg_status s = egi_labels_from_texts(&named, text);
    egi_free(set->alloc, text, set->n * sizeof(struct egi_text));
    if (s == EG_OK) s = egi_alloc_array(set->alloc, set->n, sizeof *set->group, "groups", &group);
    if (s == EG_OK) {
        set->group = group;
        set->groups = named.classes;
        for (size_t i = 0; i < set->n; i++) set->group[i] = (uint32_t)named.labels[i];
    }
    eg_dataset_clear(&named);
    return s;
}

/* ---- folds ---- */

size_t egi_fold_of_column(struct egi_text name, int *valid)
{
    static const char *const words[] = { "test", "val" };
    for (size_t w = 0; w < EGI_COUNT(words); w++) {
        const size_t n = strlen(words[w]);
        double number;
        if (name.size <= n || name.size > n + 4 || memcmp(name.p, words[w], n) != 0) continue;
        if (name.p[n] < '1' || name.p[n] > '9') continue;
        if (egi_parse_number(name.p + n, name.size - n, &number) != 0) continue;
        if (number != (double)(size_t)number) continue;
        *valid = w == 1;
        return (size_t)number;
    }
    return 0;
}

/* The column of fold f, or `columns`. */
static size_t column_of(const struct egi_text *name, size_t columns, size_t f, int valid)
{
    size_t c = 0;
    for (int is = 0; c < columns; c++)
        if (egi_fold_of_column(name[c], &is) == f && is == valid) break;
    return c;
}

/* How many folds the columns are: test1 to testF, and val1 to valF or none of these. */
static eg_status count_folds(const struct egi_input *in, const struct egi_text *name,
                             size_t columns, size_t *folds, int *validates)
{
    size_t f = 0;
    while (column_of(name, columns, f + 1, 0) < columns) f++;
    *validates = columns > f;
    for (size_t k = 1; k <= f && *validates; k++)
        if (column_of(name, columns, k, 1) == columns)
            return egi_fail(EG_ERR_CORRUPT, "%s:1:1: expected a column val%zu beside test%zu",
                            in->name, k, k);
    *folds = f;
    if (f > 0 && columns == (*validates ? 2 * f : f)) return EG_OK;
    return egi_fail(EG_ERR_CORRUPT,
                    "%s:1:1: expected columns test1 to test%zu, and val1 to val%zu or none, got "
                    "%zu columns of folds",
                    in->name, f, f, columns);
}

/* Fold f of the items: roles (n). */
static eg_status fill_fold(const struct egi_input *in, size_t f, const struct egi_row *row,
                           const uint8_t *marks, size_t columns, const size_t at[2], size_t n,
                           uint8_t *role)
{
    size_t count[3] = { 0 };
    for (size_t i = 0; i < n; i++) {
        const uint8_t *mark = marks + i * columns;
        const int test = mark[at[0]], valid = at[1] < columns && mark[at[1]];
        if (test && valid)
            return egi_fail(EG_ERR_CORRUPT,
                            "%s:%zu:1: fold %zu: expected a row of test%zu or of val%zu, got both",
                            in->name, row[i].line, f, f, f);
        role[i] = test ? EG_ROLE_TEST : valid ? EG_ROLE_VALID : EG_ROLE_TRAIN;
        count[role[i]]++;
    }
    if (count[EG_ROLE_TRAIN] > 0 && count[EG_ROLE_TEST] > 0) return EG_OK;
    return egi_fail(EG_ERR_CORRUPT, "%s: fold %zu: %zu items to train on, %zu to test", in->name, f,
                    count[EG_ROLE_TRAIN], count[EG_ROLE_TEST]);
}

eg_status egi_marks_to_folds(const struct egi_input *in, const struct egi_text *name,
                             size_t columns, const struct egi_row *row, const uint8_t *marks,
                             eg_dataset *set)
{
    size_t folds;
    int validates;
    void *roles;
    EGI_TRY(count_folds(in, name, columns, &folds, &validates));
    EGI_TRY(egi_alloc_array(set->alloc, folds, set->n, "folds", &roles));
    set->folds = roles;
    set->fold_count = folds;
    for (size_t f = 0; f < folds; f++) {
        const size_t at[2] = { column_of(name, columns, f + 1, 0),
                               validates ? column_of(name, columns, f + 1, 1) : columns };
        EGI_TRY(fill_fold(in, f + 1, row, marks, columns, at, set->n, set->folds + f * set->n));
    }
    return EG_OK;
}
