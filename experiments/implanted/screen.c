/* SPDX-License-Identifier: Apache-2.0 */
#include "experiments/implanted/screen.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LETTERS = 20, WORDS = LETTERS * LETTERS * LETTERS * LETTERS };

/* Of both classes: repertoires, sum and sum of squares of each word's count. */
struct sums {
    double n[2], *sum[2], *square[2];
    float *count;   /* (WORDS) of one repertoire */
    uint32_t *last; /* (WORDS) the sequence that was counted last, so that each counts once */
    uint32_t sequence;
};

static size_t word_at(const float *code)
{
    size_t word = 0;
    for (size_t j = 0; j < SCREEN_LETTERS; j++) word = word * LETTERS + (size_t)code[j] - 1;
    return word;
}

static void spell(size_t word, int to[SCREEN_LETTERS])
{
    for (size_t j = SCREEN_LETTERS; j-- > 0; word /= LETTERS) to[j] = (int)(word % LETTERS) + 1;
}

static void count_bag(struct sums *s, const eg_dataset *set, size_t bag)
{
    memset(s->count, 0, WORDS * sizeof *s->count);
    for (size_t r = set->offset[bag]; r < set->offset[bag + 1]; r++) {
        const float *x = set->x + r * set->d;
        s->sequence++;
        for (size_t i = 0; i + SCREEN_LETTERS <= set->d && x[i + SCREEN_LETTERS - 1] > 0; i++) {
            const size_t word = word_at(x + i);
            if (s->last[word] != s->sequence) s->count[word]++;
            s->last[word] = s->sequence;
        }
    }
}

static void add_bag(struct sums *s, size_t class)
{
    s->n[class]++;
    for (size_t w = 0; w < WORDS; w++) {
        s->sum[class][w] += (double)s->count[w];
        s->square[class][w] += (double)s->count[w] * (double)s->count[w];
    }
}

static double differs(const struct sums *s, size_t word)
{
    double mean[2], error = 0;
    for (size_t c = 0; c < 2; c++) {
        mean[c] = s->sum[c][word] / s->n[c];
        error += (s->square[c][word] / s->n[c] - mean[c] * mean[c]) / s->n[c];
    }
    return error > 0 ? (mean[1] - mean[0]) / sqrt(error) : 0;
}

static int make_sums(struct sums *s)
{
    int all = 1;
    *s = (struct sums){ .count = calloc(WORDS, sizeof *s->count),
                        .last = calloc(WORDS, sizeof *s->last) };
    for (size_t c = 0; c < 2; c++) {
        s->sum[c] = calloc(WORDS, sizeof *s->sum[c]);
        s->square[c] = calloc(WORDS, sizeof *s->square[c]);
        all &= s->sum[c] != NULL && s->square[c] != NULL;
    }
    return all && s->count != NULL && s->last != NULL;
}

static void free_sums(struct sums *s)
{
    for (size_t c = 0; c < 2; c++) {
        free(s->sum[c]);
        free(s->square[c]);
    }
    free(s->count);
    free(s->last);
}

eg_status screen_words(const eg_part *part, size_t count, int word[][SCREEN_LETTERS])
{
    struct sums s;
    double *z = calloc(WORDS, sizeof *z);
    if (!make_sums(&s) || z == NULL) {
        free_sums(&s);
        free(z);
        return lab_no_memory();
    }
    for (size_t i = 0; i < part->n; i++) {
        count_bag(&s, part->set, part->index[i]);
        add_bag(&s, (size_t)part->set->labels[part->index[i]]);
    }
    for (size_t w = 0; w < WORDS; w++) z[w] = differs(&s, w);
    for (size_t k = 0; k < count; k++) {
        size_t best = 0;
        for (size_t w = 1; w < WORDS; w++)
            if (z[w] > z[best]) best = w;
        spell(best, word[k]);
        z[best] = -HUGE_VAL;
    }
    free_sums(&s);
    free(z);
    return EG_OK;
}

/* How many sequences of a repertoire hold a word. */
static size_t holders(const eg_dataset *set, size_t bag, const int word[SCREEN_LETTERS])
{
    size_t count = 0;
    for (size_t r = set->offset[bag]; r < set->offset[bag + 1]; r++) {
        const float *x = set->x + r * set->d;
        int holds = 0;
        for (size_t i = 0; i + SCREEN_LETTERS <= set->d && !holds; i++) {
            size_t same = 0;
            for (size_t j = 0; j < SCREEN_LETTERS; j++) same += x[i + j] == (float)word[j];
            holds = same == SCREEN_LETTERS;
        }
        count += (size_t)holds;
    }
    return count;
}

eg_status screen_area(const eg_part *part, const int word[SCREEN_LETTERS], double *area)
{
    float *scores = lab_floats(2 * part->n);
    int32_t *labels = calloc(part->n, sizeof *labels);
    eg_scored scored = { .n = 0 };
    eg_status s = scores != NULL && labels != NULL ? EG_OK : lab_no_memory();
    for (size_t i = 0; i < part->n && s == EG_OK; i++) {
        scores[2 * i] = 0;
        scores[2 * i + 1] = (float)holders(part->set, part->index[i], word);
        labels[i] = part->set->labels[part->index[i]];
    }
    if (s == EG_OK) s = eg_score(scores, labels, part->n, 2, &scored);
    *area = scored.auc;
    free(scores);
    free(labels);
    return s;
}

/* Weights of 1.5 on the letters and a bias of -3.3 of them: SELU of it is 1.1 where all four stand,
 * and below -1 where two or fewer do. */
void screen_begin(eg_params *learned, size_t count, const int word[][SCREEN_LETTERS])
{
    const eg_param *kernel = eg_params_find(learned, "pool.conv.weight"),
                   *bias = eg_params_find(learned, "pool.conv.bias"),
                   *look = eg_params_find(learned, "pool.attention1.weight");
    const size_t channels = kernel->shape.dim[1], width = kernel->shape.dim[2];
    memset(look->value, 0, look->shape.dim[1] * sizeof(float));
    for (size_t k = 0; k < count; k++) {
        float *w = (float *)kernel->value + k * channels * width;
        memset(w, 0, channels * width * sizeof *w);
        for (size_t j = 0; j < SCREEN_LETTERS; j++) w[((size_t)word[k][j] - 1) * width + j] = 1.5F;
        ((float *)bias->value)[k] = -1.5F * 3.3F;
        ((float *)look->value)[k] = 1;
    }
}
