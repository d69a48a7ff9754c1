/* SPDX-License-Identifier: Apache-2.0 */
#include "experiments/receptors.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engram/repertoire.h"

enum { LETTERS = 20, GENES = 512, GENE_ROOM = 40 };

static eg_status make(const eg_dataset *bags, size_t d, eg_dataset *out)
{
    float *x = lab_floats(bags->n * d);
    if (x == NULL) return lab_no_memory();
    memset(x, 0, bags->n * d * sizeof *x);
    *out = (eg_dataset){
        .n = bags->n, .d = d, .x = x, .labels = bags->labels, .classes = bags->classes
    };
    return EG_OK;
}

static void to_shares(float *row, size_t d)
{
    double sum = 0;
    for (size_t j = 0; j < d; j++) sum += (double)row[j];
    for (size_t j = 0; j < d && sum > 0; j++) row[j] = (float)((double)row[j] / sum);
}

/* Adds the words of one sequence (L) to counts. */
static void count_words(const float *code, size_t length, size_t k, float *counts)
{
    for (size_t i = 0; i + k <= length && code[i + k - 1] > 0; i++) {
        size_t word = 0;
        for (size_t j = 0; j < k; j++) word = word * LETTERS + (size_t)code[i + j] - 1;
        counts[word]++;
    }
}

eg_status receptors_words(const eg_dataset *bags, size_t k, eg_dataset *out)
{
    size_t words = 1;
    for (size_t j = 0; j < k; j++) words *= LETTERS;
    LAB_TRY(make(bags, words, out));
    for (size_t b = 0; b < bags->n; b++) {
        float *row = out->x + b * words;
        for (size_t r = bags->offset[b]; r < bags->offset[b + 1]; r++)
            count_words(bags->x + r * bags->d, bags->d, k, row);
        to_shares(row, words);
    }
    return EG_OK;
}

/* ---- genes ---- */

struct genes {
    char name[GENES][GENE_ROOM];
    size_t count;
};

/* Column of a gene, a new one where it was not seen before; GENES: no gene, or too many. */
static size_t column_of(struct genes *g, const char *call)
{
    char name[GENE_ROOM];
    snprintf(name, sizeof name, "%s", call);
    name[strcspn(name, "*,")] = '\0'; /* the allele, and all but the first of several calls */
    if (name[0] == '\0' || strcmp(name, "unresolved") == 0) return GENES;
    for (size_t k = 0; k < g->count; k++)
        if (strcmp(g->name[k], name) == 0) return k;
    if (g->count == GENES) return GENES;
    memcpy(g->name[g->count], name, sizeof name);
    return g->count++;
}

/* Counts of one repertoire (GENES) from its table. */
static eg_status count_genes(const char *path, struct genes *g, float *counts)
{
    eg_airr *a;
    eg_clonotype row;
    LAB_TRY(eg_airr_open(path, NULL, &a));
    eg_status s = eg_airr_next(a, &row);
    for (; s == EG_OK; s = eg_airr_next(a, &row)) {
        const size_t v = column_of(g, row.v_call), j = column_of(g, row.j_call);
        if (v < GENES) counts[v]++;
        if (j < GENES) counts[j]++;
    }
    eg_airr_close(a);
    return s == EG_END ? EG_OK : s;
}

/* The columns that are used, moved together. */
static void pack(eg_dataset *set, size_t d)
{
    for (size_t i = 0; i < set->n; i++) {
        memmove(set->x + i * d, set->x + i * GENES, d * sizeof *set->x);
        to_shares(set->x + i * d, d);
    }
    set->d = d;
}

eg_status receptors_genes(const char *name, const eg_dataset *bags, eg_dataset *out)
{
    char folder[1000], path[1300];
    struct genes *g = calloc(1, sizeof *g);
    eg_status s = g != NULL ? eg_catalogue_find(name, folder, sizeof folder) : lab_no_memory();
    if (s == EG_OK) s = make(bags, GENES, out);
    if (s != EG_OK) {
        free(g);
        return s;
    }
    for (size_t i = 0; i < bags->n && s == EG_OK; i++) {
        const char *own = bags->item_names[i];
        const int plain = strchr(own, '/') != NULL; /* a path, else the name of a sample */
        snprintf(path, sizeof path, "%s/%s%s%s", folder, plain ? "" : "repertoires/", own,
                 plain ? "" : ".tsv.gz");
        s = count_genes(path, g, out->x + i * GENES);
    }
    if (s == EG_OK) pack(out, g->count);
    if (s != EG_OK) free(out->x);
    free(g);
    return s;
}

/* ---- how many, and the first of them ---- */

eg_status receptors_richness(const eg_dataset *bags, eg_dataset *out)
{
    LAB_TRY(make(bags, 1, out));
    for (size_t i = 0; i < bags->n; i++)
        out->x[i] = (float)log((double)(bags->offset[i + 1] - bags->offset[i]));
    return EG_OK;
}

eg_status receptors_first(const eg_dataset *bags, size_t most, eg_dataset *out)
{
    size_t *offset = calloc(bags->n + 1, sizeof *offset);
    if (offset == NULL) return lab_no_memory();
    for (size_t i = 0; i < bags->n; i++) {
        const size_t rows = bags->offset[i + 1] - bags->offset[i];
        offset[i + 1] = offset[i] + (rows < most ? rows : most);
    }
    float *x = lab_floats(offset[bags->n] * bags->d);
    if (x == NULL) {
        free(offset);
        return lab_no_memory();
    }
    for (size_t i = 0; i < bags->n; i++)
        memcpy(x + offset[i] * bags->d, bags->x + bags->offset[i] * bags->d,
               (offset[i + 1] - offset[i]) * bags->d * sizeof *x);
    *out = (eg_dataset){ .n = bags->n,
                         .d = bags->d,
                         .x = x,
                         .labels = bags->labels,
                         .classes = bags->classes,
                         .offset = offset };
    return EG_OK;
}
