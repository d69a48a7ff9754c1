/* Clique memory over quantised features: the symbols of a code are also connected to each other
 * (Gripon and Berrou 2011), so that a code can be put right by what was stored before classes are
 * asked.
 *
 * Of a vector to be named the code's symbols are active. `steps` of sum-of-sum with the winners of
 * each cluster leave the symbols that belong together. A class scores the share of parts one of
 * whose symbols it is connected to. Connections between symbols know no class and are counted, so
 * that an example can be taken out; a class cannot without its examples. */
/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "binary/egi_binary.h"
#include "hybrid/egi_code.h"

struct settings {
    struct egi_front front; /* first */
    json_t *quantiser;
    size_t steps;
};

static const struct egi_setting settings[] = {
    EGI_FRONT_SETTINGS(struct settings, "1", "0"),
    EGI_SET_JSON(struct settings, quantiser, "object",
                 "{\"kind\": \"anchors\", \"parts\": 32, \"anchors\": 64}",
                 "engram/quantiser.h: what makes a code of features"),
    EGI_SET_COUNT(struct settings, steps, "1", 0, 1000, "of recall before classes are asked"),
    EGI_SET_END,
};

static const struct settings *settings_of(const eg_head *h)
{
    return (const struct settings *)&h->settings;
}

static eg_binary_options options_of(const eg_head *h)
{
    eg_binary_options o = EG_BINARY_OPTIONS_INIT;
    o.clusters = h->quantiser->parts;
    o.units = h->quantiser->symbols;
    o.counted = 1;
    o.alloc = h->alloc;
    return o;
}

static eg_status plan(eg_head *h)
{
    EGI_TRY(egi_code_plan(h, settings_of(h)->quantiser));
    const eg_quantiser *q = h->quantiser;
    if (q->parts < 2)
        return egi_fail(EG_ERR_INVALID, "head: a clique takes 2 or more parts, got %zu", q->parts);
    const eg_binary_options o = options_of(h);
    const struct egi_side side = egi_side_of(q->parts, q->symbols);
    EGI_TRY(egi_binary_check(&o));
    egi_head_field(h, &(struct egi_field){ "connections", EGI_U16, EGI_FIXED, EGI_SUM, side.total,
                                           64 * side.words, NULL });
    return EG_OK;
}

static eg_status make(eg_head *h)
{
    const eg_binary_options o = options_of(h);
    EGI_TRY(egi_code_make(h));
    EGI_TRY(eg_binary_create(&o, &h->clique));
    void *block;
    EGI_TRY(egi_alloc_array(h->alloc, eg_binary_words(h->clique), sizeof(uint64_t),
                            "head: a clique", &block));
    h->state = block;
    h->field[h->fields - 1].lent = h->clique->links.count;
    return EG_OK;
}

/* Words of all connections, a bit each. */
static size_t words_of(const eg_head *h)
{
    const struct egi_side side = egi_side_of(h->quantiser->parts, h->quantiser->symbols);
    return side.total * side.words;
}

/* Bits follow from the counters. */
static eg_status loaded(eg_head *h)
{
    eg_binary *m = h->clique;
    struct egi_links *l = &m->links;
    l->existing = 0;
    for (size_t r = 0; r < l->rows; r++) {
        uint64_t *row = l->bits + r * l->words;
        for (size_t w = 0; w < l->words; w++) {
            const uint16_t *count = l->count + 64 * (r * l->words + w);
            row[w] = 0;
            for (size_t b = 0; b < 64; b++) row[w] |= (uint64_t)(count[b] > 0) << b;
            const int own = w / m->in.group == r / m->in.units;
            if (own && row[w] != 0)
                return egi_fail(EG_ERR_CORRUPT, "connections: row %zu: one to its own part", r);
            l->existing += (uint64_t)__builtin_popcountll(row[w]);
        }
        if (!egi_state_clean(&m->out, row))
            return egi_fail(EG_ERR_CORRUPT, "connections: row %zu: one to no symbol", r);
    }
    m->n = h->taught;
    return EG_OK;
}

/* The clique of a code into state (words). */
static void clique_of(const eg_head *h, const uint16_t *code, uint64_t *state)
{
    memset(state, 0, eg_binary_words(h->clique) * sizeof *state);
    for (size_t p = 0; p < h->quantiser->parts; p++) {
        const size_t bit = p * 64 * h->clique->in.group + code[p];
        state[bit / 64] |= UINT64_C(1) << bit % 64;
    }
}

static eg_status write(eg_head *h, const int16_t *z, size_t label, int by)
{
    const uint16_t *code = egi_code_of(h, h->u);
    (void)z;
    eg_status s = egi_code_count(h, code, label, by);
    if (s != EG_OK) return s;
    clique_of(h, code, h->state);
    s = by > 0 ? eg_binary_add(h->clique, h->state, NULL, 1)
               : eg_binary_forget(h->clique, h->state, NULL, 1);
    if (s != EG_OK) (void)egi_code_count(h, code, label, -by); /* what was done can be undone */
    return s;
}

/* h->state: the code of u, put right. */
static eg_status settle(eg_head *h, const float *u)
{
    eg_binary_recall_options o = eg_binary_recall_usual(h->clique);
    clique_of(h, egi_code_of(h, u), h->state);
    o.score = EG_SCORE_SUM;
    o.activation = EG_ACTIVE_WINNERS;
    o.max_steps = settings_of(h)->steps;
    o.threads = 1;
    return o.max_steps > 0 ? eg_binary_recall(h->clique, h->state, 1, &o, h->state, NULL) : EG_OK;
}

/* Whether class c is connected to an active symbol of part p. */
static int connected(const eg_head *h, size_t c, size_t p)
{
    const size_t k = h->quantiser->symbols, from = p * 64 * h->clique->in.group;
    const uint16_t *count =
        (const uint16_t *)h->at[EGI_CODE_SYMBOLS] + (c * h->quantiser->parts + p) * k;
    const size_t words = from / 64 + h->clique->in.group;
    for (size_t b = egi_next_bit(h->state, words, from); b != SIZE_MAX;
         b = egi_next_bit(h->state, words, b + 1))
        if (count[b - from] > 0) return 1;
    return 0;
}

static eg_status prepare(eg_head *h)
{
    (void)h; /* what is kept is what answers need */
    return EG_OK;
}

static eg_status scores(eg_head *h, const float *u, float *score)
{
    EGI_TRY(settle(h, u));
    for (size_t c = 0; c < h->classes; c++) {
        size_t votes = 0;
        for (size_t p = 0; p < h->quantiser->parts; p++) votes += (size_t)connected(h, c, p);
        score[c] = (float)votes / (float)h->quantiser->parts;
    }
    return EG_OK;
}

static eg_status votes(eg_head *h, const float *u, size_t label, float *weight)
{
    EGI_TRY(settle(h, u));
    for (size_t p = 0; p < h->quantiser->parts; p++)
        weight[p] = (float)connected(h, label, p) / (float)h->quantiser->parts;
    return EG_OK;
}

static size_t frozen(const eg_head *h, size_t classes, size_t items)
{
    const size_t cells = h->quantiser->parts * h->quantiser->symbols;
    (void)items;
    return classes * ((cells + 7) / 8) + words_of(h) * sizeof(uint64_t)
           + eg_quantiser_bytes(h->quantiser);
}

static size_t working(const eg_head *h, size_t classes)
{
    (void)classes;
    return 2 * words_of(h); /* bits, in numbers of 4 bytes */
}

const struct egi_head_row egi_head_clique = {
    .kind = { "clique", "symbols of quantised features as cliques, then connections to classes",
              "Gripon and Berrou 2011; Hacene, Gripon et al. 2017",
              EG_HEAD_FORGETS | EG_HEAD_MERGES | EG_HEAD_FITS, "part" },
    .teach = { .e = 2, .el = 0.09, .pp = 9 },
    .answer = { .e = 2, .el = 0.09, .pp = 12, .pk = 3 },
    .settings = settings,
    .temperature = 10,
    .plan = plan,
    .make = make,
    .loaded = loaded,
    .write = write,
    .prepare = prepare,
    .scores = scores,
    .voters = egi_code_voters,
    .votes = votes,
    .frozen = frozen,
    .working = working,
};
