/* Words of a few letters: how often each stands in chosen sequences, and in all. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "data/egi_data.h"
#include "engram/repertoire.h"

enum { LETTERS = 20 };

struct counts {
    uint32_t *all, *chosen, *last; /* (words); last: the sequence that was counted last, from 1 */
    size_t words, length;
};

static void count(struct counts *c, const float *x, size_t d, size_t sequence, int chosen)
{
    for (size_t i = 0; i + c->length <= d && x[i + c->length - 1] > 0; i++) {
        size_t word = 0;
        for (size_t j = 0; j < c->length; j++) word = word * LETTERS + (size_t)x[i + j] - 1;
        if (c->last[word] == sequence + 1) continue;
        c->last[word] = (uint32_t)sequence + 1;
        c->all[word]++;
        c->chosen[word] += chosen != 0;
    }
}

static eg_status check(const float *x, size_t n, size_t d, size_t length)
{
    if (length == 0 || length > EG_WORD_MAX)
        return egi_fail(EG_ERR_INVALID, "words of %zu letters, expected 1 to %d", length,
                        EG_WORD_MAX);
    if (n >= UINT32_MAX) return egi_fail(EG_ERR_LIMIT, "%zu sequences", n);
    for (size_t i = 0; i < n * d; i++)
        if (!(x[i] >= 0 && x[i] <= LETTERS && x[i] == floorf(x[i])))
            return egi_fail(EG_ERR_INVALID,
                            "sequence %zu, place %zu is %g, expected the code of a letter, 0 to %d",
                            i / d, i % d, (double)x[i], LETTERS);
    return EG_OK;
}

static void spell(size_t word, size_t length, char *to)
{
    to[length] = '\0';
    for (size_t j = length; j-- > 0; word /= LETTERS) to[j] = EG_RESIDUES[word % LETTERS];
}

/* Puts a word among the `most` largest. */
static void keep(const eg_word *w, eg_word_list *out)
{
    eg_word *word = out->word;
    if (out->found == out->most && !(w->z > word[out->most - 1].z)) return;
    size_t at = out->found < out->most ? out->found++ : out->most - 1;
    for (; at > 0 && w->z > word[at - 1].z; at--) word[at] = word[at - 1];
    word[at] = *w;
}

/* n sequences in all, of which `taken` are chosen. */
static void compare(const struct counts *c, double n, double taken, eg_word_list *out)
{
    for (size_t w = 0; w < c->words && out->most > 0; w++) {
        const double p = (double)c->all[w] / n;
        eg_word word = { .chosen = c->chosen[w], .all = c->all[w] };
        if (word.chosen < 2 || p >= 1) continue;
        spell(w, c->length, word.letters);
        word.z = ((double)word.chosen - taken * p) / sqrt(taken * p * (1 - p));
        keep(&word, out);
    }
}

eg_status eg_words_enriched(const float *x, size_t n, size_t d, const uint8_t *chosen,
                            size_t length, const eg_allocator *alloc, eg_word_list *out)
{
    struct egi_arena arena;
    struct counts c = { .words = 1, .length = length };
    double taken = 0;
    out->found = 0;
    EGI_TRY(check(x, n, d, length));
    for (size_t i = 0; i < n; i++) taken += chosen[i] != 0;
    if (taken == 0) return egi_fail(EG_ERR_INVALID, "none of %zu sequences is chosen", n);
    for (size_t j = 0; j < length; j++) c.words *= LETTERS;
    const struct egi_need needs[] = { { c.words, sizeof(uint32_t) },
                                      { c.words, sizeof(uint32_t) },
                                      { c.words, sizeof(uint32_t) } };
    EGI_TRY(egi_arena_create(alloc != NULL ? alloc : eg_allocator_default(), needs,
                             EGI_COUNT(needs), "words", &arena));
    memset(arena.block, 0, arena.bytes);
    c.all = arena.part[0], c.chosen = arena.part[1], c.last = arena.part[2];
    for (size_t i = 0; i < n; i++) count(&c, x + i * d, d, i, chosen[i]);
    compare(&c, (double)n, taken, out);
    egi_arena_destroy(&arena);
    return EG_OK;
}
