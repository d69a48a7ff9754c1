/* Rows of bags by what a layer makes of them. */
/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/attended.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "cli/cli_table.h"

struct attended {
    float weight;
    size_t row;
};

/* The largest weight first; of equals the first row. */
static int falling(const void *a, const void *b)
{
    const struct attended *x = a, *y = b;
    if (x->weight != y->weight) return x->weight < y->weight ? 1 : -1;
    return (x->row > y->row) - (x->row < y->row);
}

/* "CASSF" of a row of codes; "" of any other numbers. */
static const char *letters_of(const float *x, size_t d)
{
    char *text = need(d + 1, 1);
    size_t n = 0;
    int codes = 1;
    for (size_t i = 0; i < d && codes; i++) {
        const float v = x[i];
        codes = v >= 0 && v <= (float)strlen(EG_RESIDUES) && v == floorf(v) && (v == 0 || n == i);
        if (codes && v > 0) text[n++] = EG_RESIDUES[(size_t)v - 1];
    }
    text[codes ? n : 0] = '\0';
    const char *kept = keep_format("%s", text);
    free(text);
    return kept;
}

static eg_status add_bag(const struct model *m, const eg_dataset *set, size_t i, const char *layer,
                         size_t most, struct table *t)
{
    const size_t from = set->offset[i], rows = set->offset[i + 1] - from;
    float *weight = need_floats(rows, 1);
    struct attended *all = need(rows, sizeof *all);
    const eg_status s =
        eg_learner_attention(m->learner, layer, set->x + from * set->d, rows, weight);
    for (size_t r = 0; r < rows; r++) all[r] = (struct attended){ weight[r], r };
    if (s == EG_OK) qsort(all, rows, sizeof *all, falling);
    for (size_t r = 0; s == EG_OK && r < rows && r < most; r++) {
        table_word(t, "%s", set->item_names ? set->item_names[i] : keep_format("%zu", i));
        table_number(t, (double)all[r].row + 1);
        table_number(t, (double)all[r].weight);
        table_word(t, "%s", letters_of(set->x + (from + all[r].row) * set->d, set->d));
    }
    free(weight);
    free(all);
    return s;
}

int attended_print(const struct call *call, const struct model *m, const eg_dataset *set,
                   const char *layer, size_t most)
{
    static const struct column columns[] = {
        { "item", NULL }, { "row", "%.0f" }, { "weight", "%.6g" }, { "sequence", NULL }
    };
    struct table t;
    eg_status s = EG_OK;
    if (set->offset == NULL)
        return fail_usage(call, "--attended: expected a model of bags, %s is of vectors", m->path);
    table_begin(&t, "rows by weight", columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < set->n && s == EG_OK; i++) s = add_bag(m, set, i, layer, most, &t);
    if (s == EG_OK && call->common->json) {
        json_t *rows = table_json(&t), *row;
        size_t i;
        json_array_foreach(rows, i, row) print_json_line(call->out, row);
        json_decref(rows);
    } else if (s == EG_OK) {
        struct text csv = { 0 };
        table_csv(&t, &csv);
        if (csv.size > 0) fwrite(csv.s, 1, csv.size, call->out);
        text_clear(&csv);
    }
    table_clear(&t);
    return s == EG_OK ? EXIT_DONE : fail(s, m->path);
}
