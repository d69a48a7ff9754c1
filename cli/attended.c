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

/* The weights of a bag's rows, the largest first. */
static eg_status weigh(const struct model *m, const eg_dataset *set, size_t i, const char *layer,
                       struct attended *all)
{
    const size_t from = set->offset[i], rows = set->offset[i + 1] - from;
    float *weight = need_floats(rows, 1);
    const eg_status s =
        eg_learner_attention(m->learner, layer, set->x + from * set->d, rows, weight);
    for (size_t r = 0; r < rows; r++) all[r] = (struct attended){ weight[r], r };
    if (s == EG_OK) qsort(all, rows, sizeof *all, falling);
    free(weight);
    return s;
}

static eg_status add_bag(const struct model *m, const eg_dataset *set, size_t i, const char *layer,
                         size_t most, struct table *t)
{
    const size_t from = set->offset[i], rows = set->offset[i + 1] - from;
    struct attended *all = need(rows, sizeof *all);
    const eg_status s = weigh(m, set, i, layer, all);
    for (size_t r = 0; s == EG_OK && r < rows && r < most; r++) {
        table_word(t, "%s", set->item_names ? set->item_names[i] : keep_format("%zu", i));
        table_number(t, (double)all[r].row + 1);
        table_number(t, (double)all[r].weight);
        table_word(t, "%s", letters_of(set->x + (from + all[r].row) * set->d, set->d));
    }
    free(all);
    return s;
}

static void print_table(const struct call *call, const struct table *t)
{
    if (call->common->json) {
        json_t *rows = table_json(t), *row;
        size_t i;
        json_array_foreach(rows, i, row) print_json_line(call->out, row);
        json_decref(rows);
        return;
    }
    struct text csv = { 0 };
    table_csv(t, &csv);
    if (csv.size > 0) fwrite(csv.s, 1, csv.size, call->out);
    text_clear(&csv);
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
    if (s == EG_OK) print_table(call, &t);
    table_clear(&t);
    return s == EG_OK ? EXIT_DONE : fail(s, m->path);
}

/* chosen (rows): the `most` rows of largest weight of each bag. */
static eg_status choose(const struct model *m, const eg_dataset *set, const char *layer,
                        size_t most, uint8_t *chosen)
{
    eg_status s = EG_OK;
    for (size_t i = 0; i < set->n && s == EG_OK; i++) {
        const size_t rows = set->offset[i + 1] - set->offset[i];
        struct attended *all = need(rows, sizeof *all);
        s = weigh(m, set, i, layer, all);
        for (size_t r = 0; s == EG_OK && r < rows && r < most; r++)
            chosen[set->offset[i] + all[r].row] = 1;
        free(all);
    }
    return s;
}

int attended_words(const struct call *call, const struct model *m, const eg_dataset *set,
                   const char *layer, size_t most, size_t count)
{
    static const struct column columns[] = {
        { "word", NULL }, { "attended", "%.0f" }, { "all", "%.0f" }, { "z", "%.2f" }
    };
    struct table t;
    if (set->offset == NULL)
        return fail_usage(call, "--motifs: expected a model of bags, %s is of vectors", m->path);
    const size_t rows = set->offset[set->n];
    uint8_t *chosen = need(rows, 1);
    eg_word *word = need(count, sizeof *word);
    eg_word_list list = { word, count, 0 };
    eg_status s = choose(m, set, layer, most, chosen);
    if (s == EG_OK) s = eg_words_enriched(set->x, rows, set->d, chosen, EG_WORD_MAX, NULL, &list);
    table_begin(&t, "words by attention", columns, sizeof columns / sizeof *columns);
    for (size_t i = 0; i < list.found; i++) {
        table_word(&t, "%s", word[i].letters);
        table_number(&t, (double)word[i].chosen);
        table_number(&t, (double)word[i].all);
        table_number(&t, word[i].z);
    }
    if (s == EG_OK) print_table(call, &t);
    table_clear(&t);
    free(chosen);
    free(word);
    return s == EG_OK ? EXIT_DONE : fail(s, m->path);
}
